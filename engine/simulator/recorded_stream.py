"""A recording as a market channel on loopback: subscriptions, dumps, frames in time, and `/books` beside it.

Whoever plays the recording calls `heard`, `answered` and `tracked`; this passes on what is subscribed. Bytes
go out as they were recorded wherever a whole message is wanted. It owns sockets, no clock and no file.
"""

from collections.abc import Iterable, Sequence

from aiohttp import web

from engine.core.feed.tracked import TrackedToken
from engine.simulator.recorded_books import RecordedBooks
from engine.simulator.refusals import INVALID_PAYLOAD
from engine.simulator.replies import decode, refuse
from engine.simulator.rest_server import to_web
from engine.simulator.sockets import QUEUE_MAX, Socket


class RecordedStream:
    """Subscribers and the newest books."""

    def __init__(self) -> None:
        self._books = RecordedBooks()
        self._wanted: dict[Socket, set[str]] = {}
        self._tokens: tuple[TrackedToken, ...] = ()
        self._connections = 0
        self.subscribed = False
        """Whether anybody has subscribed since the beginning."""
        self.frames_sent = 0
        self.not_text = 0
        """Recorded messages that were no text, which a text channel cannot repeat."""

    def begin_again(self) -> None:
        """Forget all books and cut every connection: the recording starts anew, and waits to be wanted."""
        self._books = RecordedBooks()
        self.subscribed = False
        for socket in list(self._wanted):
            socket.cut()

    def tracked(self, tokens: Sequence[TrackedToken]) -> None:
        """Take over what the recording watches from now on."""
        self._tokens = tuple(tokens)
        for token in tokens:
            self._books.describe(
                token.token_id,
                {
                    "tick_size": token.tick_text,
                    "min_order_size": token.min_order_size_text,
                    "neg_risk": token.neg_risk,
                },
            )

    def answered(self, bodies: Iterable[bytes]) -> None:
        """Take over the books of a recorded REST answer."""
        for body in bodies:
            self._books.answered(body)

    def heard(self, raw: bytes) -> None:
        """Pass a recorded message on: whole to who wants all of it, in parts to the others."""
        if raw == b"PONG":
            return
        parts = self._books.take(raw)
        for socket, wanted in self._wanted.items():
            due = [part for tokens, part in parts if not tokens or tokens & wanted]
            if len(due) == len(parts):
                self._send(socket, raw)
            elif due:
                self._send(socket, b"[" + b",".join(due) + b"]")

    def _send(self, socket: Socket, raw: bytes) -> None:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            self.not_text += 1
            return
        self.frames_sent += 1
        socket.send(text)

    def app(self) -> web.Application:
        """Return the routes: the channel, the books, and the tokens for who has no catalogue."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/ws/market", self._channel),
                web.post("/books", self._answer_books),
                web.get("/_local/tracked", self._answer_tracked),
            ]
        )
        return app

    def on_frame(self, socket: Socket, frame: object) -> bool:
        """Subscribe or unsubscribe; False for a frame that is neither."""
        if not isinstance(frame, dict) or not isinstance(frame.get("assets_ids"), list):
            return False
        tokens = [str(token) for token in frame["assets_ids"]]
        wanted = self._wanted.setdefault(socket, set())
        if frame.get("operation") == "unsubscribe":
            wanted.difference_update(tokens)
            return True
        if frame.get("type") != "market" and frame.get("operation") != "subscribe":
            return False
        fresh = [token for token in dict.fromkeys(tokens) if token not in wanted]
        wanted.update(fresh)
        self.subscribed = True
        dump = self._books.dump(fresh)
        if dump is not None and frame.get("initial_dump", True) is not False:
            self._send(socket, dump)
        return True

    async def _channel(self, request: web.Request) -> web.WebSocketResponse:
        self._connections += 1
        socket = Socket(request, number=self._connections, channel="market", queue_max=QUEUE_MAX)
        try:
            return await socket.serve(lambda frame: self.on_frame(socket, frame))
        finally:
            self._wanted.pop(socket, None)

    async def _answer_books(self, request: web.Request) -> web.Response:
        asked = decode(await request.read())
        if not isinstance(asked, list):
            return to_web(refuse(INVALID_PAYLOAD))
        tokens = [str(one.get("token_id")) for one in asked if isinstance(one, dict)]
        return web.Response(body=self._books.answer(tokens), content_type="application/json")

    async def _answer_tracked(self, _request: web.Request) -> web.Response:
        names = ("token_id", "condition_id", "complement", "tick", "tick_text", "min_order_size_text")
        return web.json_response(
            [{name: getattr(token, name) for name in (*names, "neg_risk", "name")} for token in self._tokens]
        )

"""The market channel: book snapshots, level changes, trades (protocol 5.2, spec page book-hash)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from engine.domain.units import Ms, format_scaled
from engine.simulator.books import WireBook, price_change_text, price_text
from engine.simulator.delta_faults import DeltaFaults
from engine.simulator.facts import LevelSet, Traded
from engine.simulator.faults import FaultDirector, FaultKind
from engine.simulator.market_events import best_bid_ask_text, tick_size_change_text
from engine.simulator.sockets import Socket


class MarketStream:
    """Subscriptions by token, and frames for them."""

    def __init__(self, books: Mapping[str, WireBook], faults: FaultDirector) -> None:
        self._books = books
        self._by_token = {
            token: (book, index) for book in books.values() for index, token in enumerate(book.market.tokens)
        }
        self._deltas = DeltaFaults(faults)
        self._subscribers: defaultdict[str, set[Socket]] = defaultdict(set)
        self._custom: set[Socket] = set()
        self._touches: dict[str, tuple[str, str]] = {}
        self.frames_sent = 0

    def on_frame(self, socket: Socket, frame: object) -> bool:
        """Subscribe or unsubscribe; False for a frame that is neither."""
        if not isinstance(frame, dict) or not isinstance(frame.get("assets_ids"), list):
            return False
        self._choose_features(socket, frame.get("custom_feature_enabled"))
        wanted = [token for token in frame["assets_ids"] if isinstance(token, str)]
        tokens = [token for token in wanted if token in self._by_token]
        if frame.get("operation") == "unsubscribe":
            for token in tokens:
                self._subscribers[token].discard(socket)
                socket.tokens.discard(token)
            return True
        if frame.get("type") != "market" and frame.get("operation") != "subscribe":
            return False
        fresh = [token for token in tokens if socket not in self._subscribers[token]]
        for token in fresh:
            self._subscribers[token].add(socket)
            socket.tokens.add(token)
            self._touches[token] = self._touch(token)
        if fresh and frame.get("initial_dump", True) is not False:
            heard = [token for token in fresh if not socket.is_held(FaultKind.MUTE, token)]
            socket.send(f"[{','.join(self._dump(token) for token in heard)}]")
        return True

    def forget(self, socket: Socket) -> None:
        """Drop every subscription of a closed connection."""
        for token in socket.tokens:
            self._subscribers[token].discard(socket)
        self._deltas.forget(socket)
        self._custom.discard(socket)

    def follow(self, book: WireBook) -> None:
        """Let the tokens of a new book be subscribed."""
        for index, token in enumerate(book.market.tokens):
            self._by_token[token] = (book, index)

    def unfollow(self, tokens: Iterable[str]) -> None:
        """Forget the tokens of a book that is gone, and who followed them."""
        for token in tokens:
            del self._by_token[token]
            for socket in self._subscribers.pop(token, ()):
                socket.tokens.discard(token)

    def tick_changed(self, condition_id: str, old_tick: str, now_ms: Ms) -> None:
        """Tell every subscriber of either token of the market's new tick."""
        book = self._books[condition_id]
        for index, token in enumerate(book.market.tokens):
            text = tick_size_change_text(book, index, old_tick, now_ms)
            self._send(self._subscribers[token], text, token)

    def announce(self, text: str) -> None:
        """Tell everybody with custom features of a new market: nobody can have subscribed to it."""
        self._send(self._custom, text)

    def resolved(self, tokens: Iterable[str], text: str) -> None:
        """Tell subscribers with custom features of a result."""
        self._send(self._receivers(tokens) & self._custom, text, *tokens)

    def level_changed(self, fact: LevelSet) -> None:
        """Send one level change to whoever follows either token, unless a fault swallows it."""
        book = self._books[fact.condition_id]
        receivers = self._receivers(book.market.tokens)
        if not receivers:
            return
        text = price_change_text(book, fact, mirror_first=self.frames_sent % 3 == 0)
        if self._deltas.deliver(receivers, text, book.market.tokens, fact.at_ms):
            self.frames_sent += 1
            self._tell_touch(book, fact.at_ms)

    def traded(self, fact: Traded) -> None:
        """Send both whole books, then the trades themselves."""
        book = self._books[fact.condition_id]
        for index, token in enumerate(book.market.tokens):
            if self._subscribers[token]:
                self._send(self._subscribers[token], book.event_text(index), token)
        for trade in fact.trades:
            taker = trade.takers[0]
            token = book.market.tokens[taker.token_index]
            record = {
                "market": book.market.condition_id,
                "asset_id": token,
                "price": price_text(taker.price),
                "size": format_scaled(trade.size, 6),
                "fee_rate_bps": "0",
                "side": taker.side.value,
                "timestamp": str(fact.at_ms),
                "event_type": "last_trade_price",
            }
            self._send(self._subscribers[token], json.dumps(record, separators=(",", ":")), token)
        self._tell_touch(book, fact.at_ms)

    def _choose_features(self, socket: Socket, wanted: object) -> None:
        """Turn custom events on or off for a connection; a frame that does not say leaves them."""
        if wanted is True:
            self._custom.add(socket)
        elif wanted is False:
            self._custom.discard(socket)

    def _tell_touch(self, book: WireBook, now_ms: Ms) -> None:
        """Tell subscribers with custom features when a token's best bid or ask is another than before."""
        for index, token in enumerate(book.market.tokens):
            receivers = self._subscribers[token] & self._custom
            if receivers and self._touches.get(token) != (touch := book.best_texts(index)):
                self._touches[token] = touch
                self._send(receivers, best_bid_ask_text(book, index, now_ms), token)

    def _touch(self, token: str) -> tuple[str, str]:
        book, index = self._by_token[token]
        return book.best_texts(index)

    def _dump(self, token: str) -> str:
        book, index = self._by_token[token]
        return book.dump_text(index)

    def _receivers(self, tokens: Iterable[str]) -> set[Socket]:
        return set().union(*(self._subscribers[token] for token in tokens))

    def _send(self, receivers: set[Socket], text: str, *tokens: str) -> None:
        self.frames_sent += 1
        for socket in receivers:
            socket.send(text, tokens)

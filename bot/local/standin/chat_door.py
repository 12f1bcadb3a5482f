"""The people's side over HTTP, under `/_chat/`: write, press, look on, cause trouble. No part of the Bot API.

Every request carries the chat key that was made at the start; without it nothing is answered but 403. Wrong
requests are answered 400 with one sentence that says what was expected.
"""

import asyncio
from collections.abc import Awaitable, Callable
from hmac import compare_digest

from aiohttp import web

from bot.local.people import PEOPLE, Person
from bot.local.standin.bell import Bell
from bot.local.standin.chats import Message
from bot.local.standin.odd_updates import OddKind
from bot.local.standin.refusal import Refusal
from bot.local.standin.world import World
from bot.wire import JsonObject, as_object, read_bool, read_int, read_str

KEY_HEADER = "X-Chat-Key"
WAIT_MAX_S = 30
EVENTS_PER_ANSWER_MAX = 500


class ChatDoor:
    """Handles what people do. `changed` is called after each act."""

    def __init__(self, world: World, bell: Bell, changed: Callable[[], None], key: str) -> None:
        self._world = world
        self._bell = bell
        self._changed = changed
        self._key = key

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this door."""
        acts: dict[str, Callable[[JsonObject], JsonObject]] = {
            "say": self._say,
            "press": self._press,
            "raw": self._raw,
            "odd": self._odd,
            "block": self._block,
            "faults": self._faults,
        }
        looks: dict[str, Callable[[web.Request], Awaitable[JsonObject]]] = {
            "events": self._events,
            "messages": self._messages,
            "calls": self._calls,
        }
        routes = [web.post(f"/_chat/{name}", self._guarded_act(act)) for name, act in acts.items()]
        return routes + [web.get(f"/_chat/{name}", self._guarded_look(look)) for name, look in looks.items()]

    def _guarded_act(
        self, act: Callable[[JsonObject], JsonObject]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def look(request: web.Request) -> JsonObject:
            body = act(as_object(await request.json(), "the body"))
            self._changed()
            return body

        return self._guarded_look(look)

    def _guarded_look(
        self, look: Callable[[web.Request], Awaitable[JsonObject]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            if not compare_digest(request.headers.get(KEY_HEADER, "").encode(), self._key.encode()):
                return web.json_response({"error": f"expected the chat key in {KEY_HEADER}"}, status=403)
            try:
                return web.json_response(await look(request))
            except ValueError as error:
                return web.json_response({"error": str(error)}, status=400)
            except Refusal as refusal:
                return web.json_response({"error": refusal.description}, status=400)

        return handle

    def _say(self, body: JsonObject) -> JsonObject:
        reply_to = read_int(body, "reply_to") if "reply_to" in body else None
        message = self._world.say(_person(body), read_str(body, "text"), reply_to=reply_to)
        return {"message_id": message.message_id, "seq": self._world.transcript.latest}

    def _press(self, body: JsonObject) -> JsonObject:
        person, message = _person(body), self._message(body)
        seq = self._world.transcript.latest
        if "payload" in body:
            press_id = self._world.press_payload(person, message, read_str(body, "payload"))
        else:
            button = body.get("button")
            wanted = button if isinstance(button, str) else read_int(body, "button")
            press_id = self._world.press(person, message, wanted)
        return {"press_id": press_id, "seq": seq}

    def _message(self, body: JsonObject) -> Message:
        chat_id, message_id = read_int(body, "chat_id"), read_int(body, "message_id")
        message = self._world.chats.find(chat_id, message_id)
        if message is None:
            raise ValueError(f"expected a message of chat {chat_id}, found none with id {message_id}")
        return message

    def _raw(self, body: JsonObject) -> JsonObject:
        return {"update_id": self._world.inject_raw(body).update_id}

    def _odd(self, body: JsonObject) -> JsonObject:
        kind = OddKind(read_str(body, "kind"))
        return {"update_id": self._world.inject_odd(kind, _person(body), read_str(body, "text")).update_id}

    def _block(self, body: JsonObject) -> JsonObject:
        self._world.block(_person(body), blocked=read_bool(body, "blocked", default=True))
        return {}

    def _faults(self, body: JsonObject) -> JsonObject:
        self._world.faults.switch(body)
        return self._world.faults.to_json()

    async def _events(self, request: web.Request) -> JsonObject:
        """Long poll: events numbered above `after`, at once if there are any, else within `wait_s`."""
        after, wait_s = int(request.query.get("after", "0")), float(request.query.get("wait_s", "0"))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(wait_s, 0.0), WAIT_MAX_S)
        while not (found := self._world.transcript.after(after)) and not self._bell.closed:
            left_s = deadline - loop.time()
            if left_s <= 0:
                break
            await self._bell.wait(left_s)
        shown = found[:EVENTS_PER_ANSWER_MAX]
        return {"events": [event.to_json() for event in shown], "latest": self._world.transcript.latest}

    async def _messages(self, request: web.Request) -> JsonObject:
        listed = self._world.chats.listing(int(request.query.get("chat_id", "0")))
        return {"messages": [message.to_json() for message in listed]}

    async def _calls(self, _request: web.Request) -> JsonObject:
        return {"calls": [call.to_json() for call in self._world.calls.listing()]}


def _person(body: JsonObject) -> Person:
    name = read_str(body, "user")
    person = PEOPLE.get(name)
    if person is None:
        raise ValueError(f"expected one of {', '.join(PEOPLE)}, was {name!r}")
    return person

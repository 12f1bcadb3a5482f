"""A person's side of the stand-in, as a client: write, press, look on, wait, and cause trouble.

Knows the `/_chat/` door only. Every request has a timeout; a stand-in that is gone is `ChatLost`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from bot.local.chat_event import ChatEvent
from bot.local.people import Person
from bot.wire import Json, JsonObject, ShapeError, as_list, as_object, read_int, read_str

REQUEST_WITHIN_S = 10.0
LOOK_WAIT_S = 20.0
KEY_HEADER = "X-Chat-Key"


class ChatLost(Exception):  # noqa: N818 - it tells what happened to the chat
    """The stand-in does not answer, or answers something that is no answer of it."""


class ChatRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The stand-in did not do what was asked; the text is its reason."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the transcript gave: events, and the number of the newest one there is."""

    events: tuple[ChatEvent, ...]
    latest: int


class ChatClient:
    """An async context manager around one HTTP session."""

    def __init__(self, url: str, chat_key: str) -> None:
        self._url = url.rstrip("/")
        self._key = chat_key
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers={KEY_HEADER: self._key}, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None, "__aenter__ opens the session"
        await self._session.close()

    async def say(self, person: Person, text: str, *, reply_to: int | None = None) -> int:
        """Write as `person`; returns the number of the event that shows it."""
        body: JsonObject = {"user": person.name, "text": text}
        if reply_to is not None:
            body["reply_to"] = reply_to
        return read_int(await self._post("say", body), "seq")

    async def press(self, person: Person, chat_id: int, message_id: int, button: int | str) -> int:
        """Press a button by number (from 1) or label; returns the number of the last event before it."""
        body: JsonObject = {
            "user": person.name,
            "chat_id": chat_id,
            "message_id": message_id,
            "button": button,
        }
        return read_int(await self._post("press", body), "seq")

    async def faults(self, switches: JsonObject) -> JsonObject:
        """Set fault switches and return all of them."""
        return await self._post("faults", switches)

    async def calls(self) -> list[JsonObject]:
        """Return every Bot API call the stand-in has kept."""
        answer = await self._get("calls", {})
        return [as_object(call, "a call") for call in as_list(answer.get("calls"), "calls")]

    async def look(self, after: int, *, wait_s: float = 0.0) -> Look:
        """Return the events numbered above `after`, waiting up to `wait_s` for the first."""
        query = {"after": str(after), "wait_s": str(wait_s)}
        answer = await self._get("events", query, within_s=REQUEST_WITHIN_S + wait_s)
        try:
            listed = as_list(answer.get("events"), "events")
            return Look(tuple(ChatEvent.from_json(event) for event in listed), read_int(answer, "latest"))
        except ValueError as error:
            raise ChatLost(f"expected a transcript at {self._url}: {error}") from error

    async def events(self, after: int) -> AsyncIterator[ChatEvent]:
        """Yield every event numbered above `after`, for ever; raises ChatLost when the stand-in is gone."""
        while True:
            seen = await self.look(after, wait_s=LOOK_WAIT_S)
            for event in seen.events:
                after = event.seq
                yield event

    async def wait_for(
        self, wanted: Callable[[ChatEvent], bool], *, after: int, timeout_s: float
    ) -> ChatEvent:
        """Return the first event above `after` that is wanted; raises TimeoutError when none comes."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            left_s = deadline - loop.time()
            seen = await self.look(after, wait_s=max(min(left_s, LOOK_WAIT_S), 0.0))
            found = next((event for event in seen.events if wanted(event)), None)
            if found is not None:
                return found
            after = max((event.seq for event in seen.events), default=after)
            if left_s <= 0 and not seen.events:
                raise TimeoutError(f"no such event within {timeout_s} s")

    async def _get(
        self, path: str, query: Mapping[str, str], *, within_s: float = REQUEST_WITHIN_S
    ) -> JsonObject:
        return await self._request("GET", path, query=query, within_s=within_s)

    async def _post(self, path: str, body: JsonObject) -> JsonObject:
        return await self._request("POST", path, body=body)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: JsonObject | None = None,
        within_s: float = REQUEST_WITHIN_S,
    ) -> JsonObject:
        assert self._session is not None, "use the client as an async context manager"
        timeout = aiohttp.ClientTimeout(total=within_s)
        try:
            async with self._session.request(
                method, f"{self._url}/_chat/{path}", params=query, json=body, timeout=timeout
            ) as response:
                decoded: Json = await response.json()
                answer = as_object(decoded, "the stand-in's answer")
                if response.status != 200:
                    raise ChatRefused(read_str(answer, "error"))
                return answer
        except (aiohttp.ClientError, TimeoutError, ShapeError) as error:
            reason = type(error).__name__
            raise ChatLost(f"expected the chat's stand-in to answer at {self._url}: {reason}") from error

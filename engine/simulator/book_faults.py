"""Answers of `/book` and `/books` that are late, broken, incomplete or old. Nothing waits here."""

import json
from collections.abc import Callable

from engine.domain.units import Ms
from engine.simulator.books import WireBook
from engine.simulator.faults import FaultDirector, FaultKind
from engine.simulator.rest import JSON_TYPE, RestReply

_HTML = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"


class BookFaults:
    """Spoils reads of books as scripted."""

    def __init__(
        self, faults: FaultDirector, find_book: Callable[[str], tuple[WireBook, int] | None]
    ) -> None:
        self._faults = faults
        self._find_book = find_book
        self._old: dict[str, str] = {}

    def advance(self) -> None:
        """Keep a copy of each book of which an old answer is armed, as it is when this is first seen."""
        wanted = {fault.asset_id for fault, _ in self._faults.waiting({FaultKind.BOOKS_OLD})}
        self._old = {token: text for token, text in self._old.items() if token in wanted}
        for token in wanted - self._old.keys():
            if (found := self._find_book(token)) is not None:
                self._old[token] = found[0].rest_text(found[1])

    def hold_ms(self, tokens: list[str], now_ms: Ms) -> int:
        """Return how long this read is held back, zero normally."""
        slow = self._faults.hits_books(FaultKind.BOOKS_SLOW, tokens, now_ms)
        return slow.delay_ms if slow else 0

    def refusal(self, tokens: list[str], now_ms: Ms) -> RestReply | None:
        """Return an answer without books, or None for the ordinary one."""
        if self._faults.hits_books(FaultKind.BOOKS_HTML, tokens, now_ms):
            return RestReply(200, {"Content-Type": "text/html; charset=utf-8"}, _HTML.encode())
        if self._faults.hits_books(FaultKind.BOOKS_ERROR, tokens, now_ms):
            return RestReply(500, {"Content-Type": JSON_TYPE}, b'{"error": "internal server error"}')
        return None

    def spoil(self, texts: dict[str, str], now_ms: Ms) -> dict[str, str]:
        """Return the books as they are to be answered; an unnamed fault strikes the first one."""
        told = dict(texts)
        for kind, change in (
            (FaultKind.BOOKS_OLD, self._older),
            (FaultKind.BOOKS_UNSORTED, _unsorted),
            (FaultKind.BOOKS_BAD, _bad),
            (FaultKind.BOOKS_MISSING, None),
        ):
            fault = self._faults.hits_books(kind, told, now_ms) if told else None
            if fault is None:
                continue
            token = fault.asset_id or next(iter(told))
            text = told.pop(token)
            if change is not None:
                told[token] = change(token, text)
        return told

    def _older(self, token: str, text: str) -> str:
        return self._old.get(token, text)


def _unsorted(_token: str, text: str) -> str:
    """Return the book with the best levels first, under the checksum of the right order."""
    book = json.loads(text)
    return json.dumps(book | {side: book[side][::-1] for side in ("bids", "asks")}, separators=(",", ":"))


def _bad(_token: str, text: str) -> str:
    """Return a book of which one side is no list."""
    return json.dumps(json.loads(text) | {"bids": "none"}, separators=(",", ":"))

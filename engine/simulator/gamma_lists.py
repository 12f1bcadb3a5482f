"""Gamma's reads: single records and keyset pages over the rendered catalogue (protocol 7)."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from engine.simulator.catalogue import Catalogue, Event
from engine.simulator.gamma import Json, event_json
from engine.simulator.market import MarketSpec

PAGE_DEFAULT, PAGE_MAX = 20, 100


class BadQuery(Exception):  # noqa: N818 - the name of what the asker did
    """A query the keyset lists answer with 422."""


class Gamma:
    """Answers of the catalogue service. Every event is rendered once for each of its values."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._rendered: dict[str, tuple[Event, Json]] = {}
        self._misstated: dict[str, MarketSpec] = {}

    def misstate(self, condition_id: str, told: MarketSpec | None) -> None:
        """Tell these parameters of a market instead of the true ones, or the true ones again (None)."""
        if told is None:
            self._misstated.pop(condition_id, None)
        else:
            self._misstated[condition_id] = told
        self._rendered.clear()

    def event(self, *, event_id: str = "", slug: str = "") -> Json | None:
        """Return one event by id or slug."""
        for event in self._catalogue.events:
            if event_id == event.id or slug == event.slug:
                return self._render(event)
        return None

    def market(self, *, market_id: str = "", slug: str = "") -> Json | None:
        """Return one market by id or slug."""
        wanted = (row for row in self._markets() if market_id == row["id"] or slug == row["slug"])
        return next(wanted, None)

    def event_page(self, query: Mapping[str, list[str]]) -> Json:
        """Return a page of `/events/keyset`; raises BadQuery."""
        return _page(
            "events",
            [self._render(event) for event in self._catalogue.events],
            query,
            {"id": "id", "slug": "slug"},
        )

    def market_page(self, query: Mapping[str, list[str]]) -> Json:
        """Return a page of `/markets/keyset`: active rows alone; raises BadQuery."""
        rows = [row for row in self._markets() if row["active"]]
        keys = {"id": "id", "slug": "slug", "condition_ids": "conditionId", "question_ids": "questionID"}
        tokens = set(query.get("clob_token_ids", []))
        if tokens:
            rows = [row for row in rows if tokens & set(json.loads(str(row["clobTokenIds"])))]
        return _page("markets", rows, query, keys)

    def _markets(self) -> Iterator[Json]:
        for event in self._catalogue.events:
            children = self._render(event)["markets"]
            assert isinstance(children, list), "an event embeds its markets"
            yield from children

    def _render(self, event: Event) -> Json:
        known = self._rendered.get(event.id)
        if known is None or known[0] is not event:
            known = self._rendered[event.id] = (event, event_json(self._as_told(event)))
        return known[1]

    def _as_told(self, event: Event) -> Event:
        markets = (
            replace(market, spec=self._misstated.get(market.spec.condition_id, market.spec))
            for market in event.markets
        )
        return replace(event, markets=tuple(markets))


def _page(name: str, rows: list[Json], query: Mapping[str, list[str]], keys: Mapping[str, str]) -> Json:
    """Filter and cut; the cursor is absent on the last page."""
    if "offset" in query:
        raise BadQuery("offset is not supported by keyset pagination, use after_cursor")
    limit = _number(query, "limit", PAGE_DEFAULT)
    start = _cursor_start(query)
    if not 1 <= limit <= PAGE_MAX:
        raise BadQuery(f"expected a limit of 1 to {PAGE_MAX}, was {limit}")
    closed = query.get("closed", ["false"])[0] == "true"
    kept = [row for row in rows if row["closed"] is closed and _matches(query, keys, row.get)]
    page: Json = {name: kept[start : start + limit]}
    if start + limit < len(kept):
        page["next_cursor"] = f"k{start + limit}"
    return page


def _matches(query: Mapping[str, list[str]], keys: Mapping[str, str], read: Callable[[str], object]) -> bool:
    """Tell whether a row has one of the asked values for every filter that is present."""
    return all(read(key) in query[parameter] for parameter, key in keys.items() if parameter in query)


def _number(query: Mapping[str, list[str]], name: str, default: int) -> int:
    text = query.get(name, [str(default)])[0]
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise BadQuery(f"expected {name} to be a number")
    return int(text)


def _cursor_start(query: Mapping[str, list[str]]) -> int:
    cursor = query.get("after_cursor", ["k0"])[0]
    digits = cursor.removeprefix("k")
    if not (cursor.startswith("k") and digits.isascii() and digits.isdigit() and len(digits) <= 6):
        raise BadQuery("expected the next_cursor of an earlier page")
    return int(digits)

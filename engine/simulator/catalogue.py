"""The catalogue: events and markets with full-width ids, derived from the seed alone. No clock.

It can change while the venue runs (an outcome joins, a market resolves, a rule is reworded): events are
values, and `Catalogue.put` sets a new one in the place of the old.
"""

import hashlib
from dataclasses import dataclass, replace

from engine.domain.units import Price, Size
from engine.simulator.catalogue_seed import EVENTS, ChildSeed, ChildState, EventSeed
from engine.simulator.catalogue_wide import SPECIAL_EVENTS, plain_events
from engine.simulator.market import MarketSpec

MIN_SIZE = Size(5_000_000)
"""Five shares, the venue's usual minimum (protocol 4.3)."""
_GROUP_DIGITS = 62
_WIDE_EVENT_ID, _WIDE_MARKET_ID = 2_000_000, 20_000_000
"""Ids of the wide catalogue count up from here: drawn ones would collide among thousands."""


@dataclass(frozen=True, slots=True)
class Market:
    """One market with its place in an event. `spec` is what the matching needs, `seed` the texts."""

    id: str
    slug: str
    question_id: str
    request_id: str
    spec: MarketSpec
    seed: ChildSeed

    @property
    def has_book(self) -> bool:
        """Tell whether the venue keeps a book; a market that is resolved or about to be has none."""
        return self.seed.state not in (ChildState.PROPOSED, ChildState.CLOSED)

    @property
    def trades(self) -> bool:
        """Tell whether the seeded flow trades here."""
        return self.seed.state is ChildState.NAMED


@dataclass(frozen=True, slots=True)
class Event:
    """One event with all its children, placeholders and closed ones included."""

    id: str
    neg_risk_market_id: str
    seed: EventSeed
    markets: tuple[Market, ...]

    @property
    def slug(self) -> str:
        """The event's name in addresses."""
        return self.seed.slug


class Catalogue:
    """All events in the order of their listing, found by slug, condition or token."""

    def __init__(self, events: tuple[Event, ...]) -> None:
        self._events = {event.slug: event for event in events}
        self._by_condition: dict[str, tuple[str, int]] = {}
        self._by_token: dict[str, str] = {}
        for event in events:
            self._index(event)

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event."""
        return tuple(self._events.values())

    @property
    def markets(self) -> tuple[Market, ...]:
        """Every market of every event."""
        return tuple(market for event in self._events.values() for market in event.markets)

    def event(self, slug: str) -> Event | None:
        """Return the event of this slug, or None."""
        return self._events.get(slug)

    def find_condition(self, condition_id: str) -> tuple[Event, Market] | None:
        """Return a market by its condition, closed ones included."""
        place = self._by_condition.get(condition_id)
        if place is None:
            return None
        event = self._events[place[0]]
        return event, event.markets[place[1]]

    def find_token(self, token_id: str) -> tuple[Event, Market] | None:
        """Return a market by one of its tokens, closed ones included."""
        return self.find_condition(self._by_token.get(token_id, ""))

    def find_slug(self, slug: str) -> tuple[Event, Market] | None:
        """Return a market by its slug."""
        pairs = ((event, market) for event in self._events.values() for market in event.markets)
        return next((pair for pair in pairs if pair[1].slug == slug), None)

    def put(self, event: Event) -> None:
        """Set an event in the place of the one of its slug; its markets may have grown, never shrunk."""
        assert event.slug in self._events, f"no event {event.slug}"
        self._events[event.slug] = event
        self._index(event)

    def put_market(self, market: Market) -> None:
        """Set a market in the place of the one of its condition."""
        slug, index = self._by_condition[market.spec.condition_id]
        event = self._events[slug]
        markets = (*event.markets[:index], market, *event.markets[index + 1 :])
        self.put(replace(event, markets=markets))

    def _index(self, event: Event) -> None:
        for index, market in enumerate(event.markets):
            self._by_condition[market.spec.condition_id] = (event.slug, index)
            for token in market.spec.tokens:
                self._by_token[token] = market.spec.condition_id


def build_catalogue(seed: int, *, wide: int = 0) -> Catalogue:
    """Return the same catalogue for the same seed, whenever and wherever it is asked.

    `wide` 0 gives the seven default events. More gives them, then one event for each special case, then that
    many plain ones; the seven keep their ids.
    """
    events = [_event(seed, event) for event in EVENTS]
    running = 0
    for number, event_seed in enumerate((*SPECIAL_EVENTS, *plain_events(wide)) if wide else ()):
        event = _event(seed, event_seed)
        markets = tuple(
            replace(market, id=str(_WIDE_MARKET_ID + running + index))
            for index, market in enumerate(event.markets)
        )
        running += len(markets)
        events.append(replace(event, id=str(_WIDE_EVENT_ID + number), markets=markets))
    return Catalogue(tuple(events))


def grown(seed: int, event: Event, child: ChildSeed) -> Event:
    """Return an event that one more outcome has joined; the others keep every id."""
    seeds = replace(event.seed, children=(*event.seed.children, child))
    group = event.neg_risk_market_id or "0x" + _digest(seed, event.slug, "group")
    added = _market(seed, seeds, len(event.markets), child, group)
    return replace(event, seed=seeds, markets=(*event.markets, added))


def _digest(seed: int, *path: str) -> str:
    return hashlib.sha256("/".join((str(seed), *path)).encode()).hexdigest()


def _token_id(digest: str) -> str:
    """Return a full-width id; bits 40 to 103 all zero would mean a position of another protocol."""
    number = int(digest, 16)
    assert number & (((1 << 64) - 1) << 40), "a token id must not look like a position id"
    return str(number)


def _position_ids(digest: str) -> tuple[str, str, str]:
    """Return condition, YES and NO of a binary market of Protocol V2 (protocol 4.1).

    32 bytes: the module (1 is binary), 18 bytes, 8 of zeros that tell a position id from a token id, 4 bytes,
    the outcome. The condition is all of it but the outcome.
    """
    condition = f"01{digest[:36]}{'0' * 16}{digest[36:44]}"
    return "0x" + condition, str(int(condition + "00", 16)), str(int(condition + "01", 16))


def _event(seed: int, event: EventSeed) -> Event:
    group = "0x" + _digest(seed, event.slug, "group")[:_GROUP_DIGITS] + "00"
    return Event(
        id=str(100_000 + int(_digest(seed, event.slug, "id")[:8], 16) % 900_000),
        neg_risk_market_id=group if event.neg_risk else "",
        seed=event,
        markets=tuple(
            _market(seed, event, index, child, group) for index, child in enumerate(event.children)
        ),
    )


def _market(seed: int, event: EventSeed, index: int, child: ChildSeed, group: str) -> Market:
    path = (event.slug, str(index))
    suffix = f"-{index + 1}" if len(event.children) > 1 else ""
    # A neg-risk question is numbered in the last byte of its group's id.
    question = f"{group[:-2]}{index:02x}" if event.neg_risk else "0x" + _digest(seed, *path, "question")
    condition, yes, no = (
        _position_ids(_digest(seed, *path, "condition"))
        if event.positions
        else (
            "0x" + _digest(seed, *path, "condition"),
            _token_id(_digest(seed, *path, "yes")),
            _token_id(_digest(seed, *path, "no")),
        )
    )
    return Market(
        id=str(1_000_000 + int(_digest(seed, *path, "id")[:8], 16) % 9_000_000),
        slug=f"{event.slug}{suffix}",
        question_id=question,
        request_id="0x" + _digest(seed, *path, "request"),
        spec=MarketSpec(
            condition_id=condition,
            tokens=(yes, no),
            outcomes=("Yes", "No"),
            tick=Price(event.tick),
            min_size=MIN_SIZE,
            fee=event.fee,
            neg_risk=event.neg_risk,
            accepting=child.state not in (ChildState.PROPOSED, ChildState.CLOSED),
            taker_delay=event.taker_delay,
            positions=event.positions,
        ),
        seed=child,
    )

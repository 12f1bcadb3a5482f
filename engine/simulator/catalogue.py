"""The catalogue: events and markets with full-width ids, derived from the seed alone. No clock."""

import hashlib
from dataclasses import dataclass

from engine.domain.units import Price, Size
from engine.simulator.catalogue_seed import EVENTS, ChildSeed, ChildState, EventSeed
from engine.simulator.market import MarketSpec

MIN_SIZE = Size(5_000_000)
"""Five shares, the venue's usual minimum (protocol 4.3)."""
_GROUP_DIGITS = 62


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
        """Tell whether the venue keeps a book; a resolved market has none."""
        return self.seed.state is not ChildState.CLOSED

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


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All events in the order of their listing."""

    events: tuple[Event, ...]

    @property
    def markets(self) -> tuple[Market, ...]:
        """Every market of every event."""
        return tuple(market for event in self.events for market in event.markets)

    def event(self, slug: str) -> Event | None:
        """Return the event of this slug, or None."""
        return next((event for event in self.events if event.slug == slug), None)


def build_catalogue(seed: int) -> Catalogue:
    """Return the same catalogue for the same seed, whenever and wherever it is asked."""
    return Catalogue(tuple(_event(seed, event) for event in EVENTS))


def _digest(seed: int, *path: str) -> str:
    return hashlib.sha256("/".join((str(seed), *path)).encode()).hexdigest()


def _token_id(digest: str) -> str:
    """Return a full-width id; bits 40 to 103 all zero would mean a position of another protocol."""
    number = int(digest, 16)
    assert number & (((1 << 64) - 1) << 40), "a token id must not look like a position id"
    return str(number)


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
    suffix = f"-{index + 1}" if event.neg_risk else ""
    # A neg-risk question is numbered in the last byte of its group's id.
    question = f"{group[:-2]}{index:02x}" if event.neg_risk else "0x" + _digest(seed, *path, "question")
    return Market(
        id=str(1_000_000 + int(_digest(seed, *path, "id")[:8], 16) % 9_000_000),
        slug=f"{event.slug}{suffix}",
        question_id=question,
        request_id="0x" + _digest(seed, *path, "request"),
        spec=MarketSpec(
            condition_id="0x" + _digest(seed, *path, "condition"),
            tokens=(_token_id(_digest(seed, *path, "yes")), _token_id(_digest(seed, *path, "no"))),
            outcomes=("Yes", "No"),
            tick=Price(event.tick),
            min_size=MIN_SIZE,
            fee=event.fee,
            neg_risk=event.neg_risk,
            accepting=child.state is not ChildState.CLOSED,
            taker_delay=event.taker_delay,
        ),
        seed=child,
    )

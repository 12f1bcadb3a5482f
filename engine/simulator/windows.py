"""Dutch windows: moments when the YES asks of a complete event sum to clearly less than one dollar.

A window cancels insider bids that stand in the way, offers every leg at a lowered price, keeps its markets
calm, and closes when a leg is taken or its time is over. It is true: every leg holds at least `SIZE_MIN` at
the window's price.
"""

from dataclasses import dataclass, field
from random import Random

from engine.domain.units import LOT, PRICE_ONE, Ms, Price, Size
from engine.simulator.makers import Makers
from engine.simulator.quoted_market import QuotedMarket

SIZE_MIN = Size(250 * 1_000_000)
"""Shares on every leg when a window opens."""
HOLD_MS = 60_000
"""How long an untaken window stays open by itself."""
MEAN_PAUSE_MS = 45_000
"""Mean time between two windows of one event."""
_TAKEN_BELOW = Size(5 * 1_000_000)
_FIRST_MS = 6_000


@dataclass(slots=True)
class WindowPlace:
    """One event that has windows: its markets, the sum of asks while open, and the present window."""

    slug: str
    markets: list[QuotedMarket]
    ask_sum: Price
    next_ms: Ms
    closes_ms: Ms | None = None
    prices: list[Price] = field(default_factory=list)
    order_ids: list[str] = field(default_factory=list)
    opened: int = 0


class Windows:
    """All events with windows. `automatic` lets them open by their own schedule."""

    def __init__(self, places: list[WindowPlace], makers: Makers, rng: Random, *, automatic: bool) -> None:
        self._places = places
        self._makers = makers
        self._rng = rng
        self._automatic = automatic

    def advance(self, now_ms: Ms) -> None:
        """Close what is taken or over, open what is due."""
        for place in self._places:
            if place.closes_ms is not None:
                if now_ms >= place.closes_ms or _taken(place):
                    self._close(place, now_ms)
            elif self._automatic and now_ms >= place.next_ms:
                self._open(place, HOLD_MS, now_ms)

    def open(self, slug: str, hold_ms: int, now_ms: Ms) -> list[Price] | None:
        """Open a window now, in place of an open one; return its asks, or None for an unknown event."""
        place = next((place for place in self._places if place.slug == slug), None)
        if place is None:
            return None
        if place.closes_ms is not None:
            self._close(place, now_ms)
        self._open(place, hold_ms, now_ms)
        return place.prices

    def forget(self, slug: str, now_ms: Ms) -> None:
        """Close an event's window and open none any more: its markets are no longer a priced set."""
        for place in [place for place in self._places if place.slug == slug]:
            if place.closes_ms is not None:
                self._close(place, now_ms)
            self._places.remove(place)

    def opened(self) -> dict[str, int]:
        """Return how many windows each event has had."""
        return {place.slug: place.opened for place in self._places}

    def is_open(self, slug: str) -> bool:
        """Tell whether an event has a window at this moment."""
        return any(place.slug == slug and place.closes_ms is not None for place in self._places)

    def _open(self, place: WindowPlace, hold_ms: int, now_ms: Ms) -> None:
        place.prices = lowered_asks(place)
        place.order_ids = []
        for market, price in zip(place.markets, place.prices, strict=True):
            market.calm = True
            market.clear_bids(price, now_ms)
            # An outsider's bid may eat the first offer; what is promised is what rests afterwards.
            while market.asked_at(price) < SIZE_MIN:
                size = Size(self._rng.randrange(SIZE_MIN // LOT, 2 * SIZE_MIN // LOT) * LOT)
                place.order_ids.append(market.offer(price, size, now_ms))
        place.closes_ms = Ms(now_ms + hold_ms)
        place.opened += 1

    def _close(self, place: WindowPlace, now_ms: Ms) -> None:
        for market in place.markets:
            market.calm = False
        for order_id in place.order_ids:
            self._makers.cancel(order_id, now_ms)
        place.closes_ms = None
        pause_ms = int(self._rng.expovariate(1 / MEAN_PAUSE_MS))
        place.next_ms = Ms(now_ms + min(max(pause_ms, 5_000), 4 * MEAN_PAUSE_MS))


def first_window_ms(position: int, now_ms: Ms) -> Ms:
    """Return when an event's first window opens: the first event after 6 s, the next one 4 s later."""
    return Ms(now_ms + _FIRST_MS + 4_000 * position)


def lowered_asks(place: WindowPlace) -> list[Price]:
    """Spread the window's sum over the legs in proportion to their fair prices, exactly, on the grid.

    The grid is that of the coarsest leg. Every leg gets its share rounded down to a tick; the ticks left over
    go to the largest remainders.
    """
    tick = max(market.spec.tick for market in place.markets)
    fairs = [market.fair for market in place.markets]
    total = sum(fairs)
    assert total == PRICE_ONE, f"expected fair prices of a complete set, they sum to {total}"
    units = place.ask_sum // tick
    floors = [max(fair * units // total, 1) for fair in fairs]
    by_remainder = sorted(range(len(fairs)), key=lambda index: (-(fairs[index] * units % total), index))
    for index in by_remainder[: units - sum(floors)]:
        floors[index] += 1
    return [Price(floor * tick) for floor in floors]


def _taken(place: WindowPlace) -> bool:
    return any(
        market.asked_at(price) < _TAKEN_BELOW
        for market, price in zip(place.markets, place.prices, strict=True)
    )

"""One market of the seeded flow: where it is fairly priced, which insider orders rest, one change at a time.

Asks stay at least `margin` above the fair price and bids as far below it, so that the asks of a complete set
sum to more than one dollar and its bids to less, except while a Dutch window is open.
"""

from random import Random

from engine.domain.units import LOT, PRICE_ONE, SIZE_ONE, Ms, Price, Size
from engine.simulator.catalogue_seed import ChildSeed
from engine.simulator.exchange import Exchange
from engine.simulator.makers import Makers
from engine.simulator.market import BookSide, MarketSpec

BAND_ROOM_TICKS = 28
"""The flow places within its levels and this many ticks more, counted from the touch."""
CALM_TICKS = 10
"""In a calm market nothing nearer to the touch than this changes."""
_ORDERS_PER_LEVEL = 2
_ROUND_SHARES = (5, 10, 20, 25, 50, 100, 200, 500, 1000, 2500)


class QuotedMarket:
    """Fair price and resting insider orders of one market."""

    def __init__(self, exchange: Exchange, makers: Makers, spec: MarketSpec, seed: ChildSeed) -> None:
        self.spec = spec
        self.fair = fair = seed.fair
        self.levels = seed.levels
        self.margin = _margin(spec)
        self.calm = False
        self._start_fair = fair
        self._ladder = exchange.ladder(spec.condition_id)
        self._orders = exchange.orders
        self._makers = makers
        self._resting: dict[BookSide, list[str]] = {side: [] for side in BookSide}

    def edge(self, side: BookSide) -> Price:
        """Return the best price this side may have in normal times."""
        return Price(self.fair + self.margin if side is BookSide.ASK else self.fair - self.margin)

    def regrid(self, spec: MarketSpec) -> None:
        """Go on with another tick: the fair price moves down to its grid, never to an end of it."""
        self.spec, self.margin = spec, _margin(spec)
        floor = self.fair // spec.tick * spec.tick
        self.fair = self._start_fair = Price(min(max(floor, spec.tick), PRICE_ONE - spec.tick))

    def fill_side(self, side: BookSide, rng: Random, now_ms: Ms) -> None:
        """Put one order on each of the nearest levels."""
        for steps in range(min(self.levels + 3, self._room(side))):
            self._rest(side, self._price(side, steps), rng, now_ms)

    def change(self, rng: Random, now_ms: Ms) -> None:
        """Place or cancel one order, so that levels stay many and the touch stays near its edge."""
        side = rng.choice((BookSide.BID, BookSide.ASK))
        if self._room(side) <= 0:
            # Fairly priced so near 0 or 1 that this side stays empty.
            side = side.opposite
        nearest = CALM_TICKS if self.calm else 0
        best = self._ladder.best(side)
        if not self.calm and (best is None or abs(best - self.edge(side)) > 2 * self.spec.tick):
            self._rest(side, self.edge(side), rng, now_ms)
            return
        levels = len(self._ladder.prices(side))
        wanted = min(self.levels, self._room(side))
        crowded = len(self._resting[side]) > _ORDERS_PER_LEVEL * wanted
        if crowded or (levels > wanted and rng.random() < 0.5):
            self._cancel_one(side, nearest, rng, now_ms)
        else:
            self._place_one(side, nearest, rng, now_ms, spread_out=levels <= wanted)

    def trade(self, rng: Random, now_ms: Ms) -> None:
        """Let an insider take a small part of the best level."""
        side = rng.choice((BookSide.BID, BookSide.ASK))
        best = self._ladder.best(side.opposite)
        if best is None or self.calm:
            return
        third = self._ladder.size_at(side.opposite, best) // 3 // LOT
        lots = min(third, rng.randrange(500, 5_000))
        if lots >= 500:
            self._makers.take(self.spec, side, best, Size(lots * LOT), now_ms)

    def shift(self, ticks: int) -> list[str]:
        """Move the fair price if it stays near its start; return the orders that now stand too near."""
        moved = Price(self.fair + ticks * self.spec.tick)
        if not self.may_shift(ticks):
            return []
        self.fair = moved
        return [
            order_id
            for side in BookSide
            for order_id in self._resting[side]
            if order_id in self._orders and self._beyond(side, self._orders[order_id].terms.book_price)
        ]

    def may_shift(self, ticks: int) -> bool:
        """Tell whether the fair price may move that far: never more than a quarter away from its start."""
        moved = self.fair + ticks * self.spec.tick
        away = abs(moved - self._start_fair)
        return 4 * away <= min(self._start_fair, PRICE_ONE - self._start_fair)

    def clear_bids(self, price: Price, now_ms: Ms) -> None:
        """Cancel every insider bid at or above a price, to make room for a lower ask."""
        for order_id in self._resting[BookSide.BID]:
            order = self._orders.get(order_id)
            if order is not None and order.terms.book_price >= price:
                self._makers.cancel(order_id, now_ms)
        self._forget_gone(BookSide.BID)

    def offer(self, price: Price, size: Size, now_ms: Ms) -> str:
        """Rest a marketable ask of a window; the window itself takes it back."""
        return self._makers.offer(self.spec, price, size, now_ms)

    def asked_at(self, price: Price) -> Size:
        """Return the shares asked at a price."""
        return self._ladder.size_at(BookSide.ASK, price)

    def _beyond(self, side: BookSide, price: Price) -> bool:
        return price < self.edge(side) if side is BookSide.ASK else price > self.edge(side)

    def _anchor(self, side: BookSide) -> Price:
        """Return where distances start: the edge, or the lowered best bid while a window is open."""
        best = self._ladder.best(side)
        return best if self.calm and side is BookSide.BID and best is not None else self.edge(side)

    def _room(self, side: BookSide) -> int:
        """Return how many levels the grid has from the anchor outwards, at most the band."""
        anchor = self._anchor(side)
        width = PRICE_ONE - anchor if side is BookSide.ASK else anchor
        return min(
            self.levels + BAND_ROOM_TICKS, width // self.spec.tick - (1 if side is BookSide.ASK else 0)
        )

    def _price(self, side: BookSide, steps: int) -> Price:
        away = steps * self.spec.tick
        return Price(self._anchor(side) + (away if side is BookSide.ASK else -away))

    def _place_one(self, side: BookSide, nearest: int, rng: Random, now_ms: Ms, *, spread_out: bool) -> None:
        """Add to a level: an empty one while levels are few, otherwise mostly near the touch."""
        room = self._room(side)
        if room <= nearest:
            return
        if spread_out:
            taken = set(self._ladder.prices(side))
            free = [steps for steps in range(nearest, room) if self._price(side, steps) not in taken]
            steps = rng.choice(free) if free else rng.randrange(nearest, room)
        else:
            steps = min(nearest + int(rng.expovariate(0.15)), room - 1)
        self._rest(side, self._price(side, steps), rng, now_ms)

    def _cancel_one(self, side: BookSide, nearest: int, rng: Random, now_ms: Ms) -> None:
        """Cancel a random order that is far enough from the touch; a few tries find one."""
        resting = self._resting[side]
        limit = self._price(side, nearest)
        for _ in range(8):
            if not resting:
                return
            index = rng.randrange(len(resting))
            order = self._orders.get(resting[index])
            price = order.terms.book_price if order else limit
            if order is None or (price >= limit if side is BookSide.ASK else price <= limit):
                resting[index], resting[-1] = resting[-1], resting[index]
                if self._makers.cancel(resting.pop(), now_ms):
                    return

    def _rest(self, side: BookSide, price: Price, rng: Random, now_ms: Ms) -> None:
        order_id = self._makers.rest(self.spec, side, price, _size(rng), now_ms)
        if order_id is not None:
            self._resting[side].append(order_id)

    def _forget_gone(self, side: BookSide) -> None:
        self._resting[side] = [order_id for order_id in self._resting[side] if order_id in self._orders]


def _margin(spec: MarketSpec) -> Price:
    return Price(spec.tick * (3 if spec.tick < 100 else 1))


def _size(rng: Random) -> Size:
    """Return a size as real books show them: round numbers often, two decimals otherwise."""
    if rng.random() < 0.4:
        return Size(rng.choice(_ROUND_SHARES) * SIZE_ONE)
    return Size(rng.randrange(500, 60_000) * LOT)

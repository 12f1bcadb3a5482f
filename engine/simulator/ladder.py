"""One market's logical book: price levels in the price of YES, first come first served inside a level."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator

from engine.domain.units import Price, Size
from engine.simulator.market import BookSide
from engine.simulator.orders import Order


class _Level:
    """The queue of one price with its running total."""

    __slots__ = ("queue", "total")

    def __init__(self) -> None:
        self.queue: deque[Order] = deque()
        self.total = 0


class _HalfBook:
    """One side; `_ranks` is kept so that its last element is the best price of either side."""

    def __init__(self, side: BookSide) -> None:
        self._sign = 1 if side is BookSide.BID else -1
        self._ranks: list[int] = []
        self._levels: dict[Price, _Level] = {}

    def level(self, price: Price) -> _Level:
        """Return the level, created empty when it is missing."""
        found = self._levels.get(price)
        if found is None:
            found = self._levels[price] = _Level()
            insort(self._ranks, self._sign * price)
        return found

    def drop_if_empty(self, price: Price) -> None:
        """Forget a level without orders."""
        level = self._levels[price]
        if not level.queue:
            assert level.total == 0, f"expected an empty level at {price}, holds {level.total}"
            del self._levels[price]
            del self._ranks[bisect_left(self._ranks, self._sign * price)]

    def best(self) -> Price | None:
        """Return the best price, or None for an empty side."""
        return Price(self._sign * self._ranks[-1]) if self._ranks else None

    def prices(self) -> Iterator[Price]:
        """Yield all prices, best first; the side must not change meanwhile."""
        return (Price(self._sign * rank) for rank in reversed(self._ranks))

    def size_at(self, price: Price) -> Size:
        """Return the resting total at a price, zero where nothing rests."""
        level = self._levels.get(price)
        return Size(level.total if level else 0)

    def queue_at(self, price: Price) -> tuple[Order, ...]:
        """Return the orders of a level in their turn."""
        level = self._levels.get(price)
        return tuple(level.queue) if level else ()


class Ladder:
    """Both sides of one market. Changes are made by the exchange alone."""

    def __init__(self) -> None:
        self._halves = {side: _HalfBook(side) for side in BookSide}

    def add(self, order: Order) -> None:
        """Queue an order's remainder at its limit."""
        level = self._halves[order.terms.book_side].level(order.terms.book_price)
        level.queue.append(order)
        level.total += order.remaining

    def remove(self, order: Order) -> None:
        """Take an order out; its remainder leaves the level."""
        half = self._halves[order.terms.book_side]
        level = half.level(order.terms.book_price)
        level.queue.remove(order)
        level.total -= order.remaining
        half.drop_if_empty(order.terms.book_price)

    def fill(self, order: Order, size: Size) -> None:
        """Reduce a resting order; a finished one leaves its queue."""
        half = self._halves[order.terms.book_side]
        level = half.level(order.terms.book_price)
        assert 0 < size <= order.remaining, f"expected at most {order.remaining}, was {size}"
        order.remaining = Size(order.remaining - size)
        order.filled = Size(order.filled + size)
        level.total -= size
        if order.remaining == 0:
            level.queue.remove(order)
            half.drop_if_empty(order.terms.book_price)

    def best(self, side: BookSide) -> Price | None:
        """Return the best price of a side, or None."""
        return self._halves[side].best()

    def size_at(self, side: BookSide, price: Price) -> Size:
        """Return what rests at a price."""
        return self._halves[side].size_at(price)

    def prices(self, side: BookSide) -> list[Price]:
        """Return the prices of a side, best first."""
        return list(self._halves[side].prices())

    def walk(self, side: BookSide) -> Iterator[Order]:
        """Yield resting orders of a side, best price first, then in order of arrival; nothing may change."""
        for price in self._halves[side].prices():
            yield from self._halves[side].queue_at(price)

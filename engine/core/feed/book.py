"""One token's book in memory: the venue's own words for every level at its tick, and pointers to the best.

A level is kept as it came and becomes the fragment that the checksum is taken over when one is due; its size
is worked out when a planner asks. So nothing is stored twice, and a change costs next to nothing. Faults are
values: the feed decides what follows. This module knows no time, no hash and no market.
"""

from collections.abc import Iterator, Sequence
from enum import Enum

from engine.domain.book import Level
from engine.domain.frames import LevelChange, WireLevel
from engine.domain.market import Side
from engine.domain.units import PRICE_ONE, PRICES, TOUCHES, Price, Size, parse_size

_BUY = Side.BUY


class BookFault(Enum):
    """Why a level or a snapshot does not fit; the value is what was found."""

    OFF_GRID = "a price that is not a multiple of the tick"
    UNKNOWN_LEVEL = "the removal of a level that is not there"
    DOUBLE_LEVEL = "one price twice in a snapshot"
    EMPTY_LEVEL = "a level without size in a snapshot"


class _Ladder:
    """One side. Ranks grow towards the best level, so both sides read alike and rank 0 means empty."""

    __slots__ = ("best", "fresh", "levels")

    def __init__(self) -> None:
        self.levels: dict[int, str | WireLevel | LevelChange] = {}
        """By rank: the level as it came, or its fragment."""
        self.fresh: list[int] = []
        """Ranks that were set since the last join."""
        self.best = 0

    def join(self) -> str:
        """Return the levels as they stand on the wire, worst first."""
        levels = self.levels
        for rank in self.fresh:
            level = levels.get(rank)
            if level is not None and not isinstance(level, str):
                levels[rank] = f'{level.price}","size":"{level.size}'
        self.fresh.clear()
        if not levels:
            return ""
        # What every fragment begins and ends with stands between them: a tenth of a book's memory less.
        inner = '"},{"price":"'.join([levels[rank] for rank in sorted(levels)])  # type: ignore[misc]
        return f'{{"price":"{inner}"}}'

    def sizes(self) -> Iterator[tuple[int, Size]]:
        """Return every rank with its size, best first."""
        for rank in sorted(self.levels, reverse=True):
            level = self.levels[rank]
            # A fragment ends in the size's words.
            words = level[level.rindex('"') + 1 :] if isinstance(level, str) else level.size
            yield rank, parse_size(words)

    def copy(self) -> "_Ladder":
        """Return an independent ladder with the same levels."""
        twin = _Ladder()
        twin.levels, twin.fresh, twin.best = self.levels.copy(), self.fresh.copy(), self.best
        return twin


class Book:
    """All resting sizes of one token on the grid of one tick."""

    __slots__ = ("_asks", "_bids", "_end", "tick")

    def __init__(self, tick: Price) -> None:
        assert tick > 0, f"expected a positive tick, was {tick}"
        assert PRICE_ONE % tick == 0, f"expected a tick that divides 1 USDC, was {tick}"
        self.tick = tick
        self._end = PRICE_ONE // tick
        self._bids, self._asks = _Ladder(), _Ladder()

    def replace(self, bids: Sequence[WireLevel], asks: Sequence[WireLevel]) -> BookFault | None:
        """Take over a whole book; on a fault the present one stays as it is."""
        new_bids, new_asks = self._ladder(Side.BUY, bids), self._ladder(Side.SELL, asks)
        for ladder in (new_bids, new_asks):
            if isinstance(ladder, BookFault):
                return ladder
        assert isinstance(new_bids, _Ladder) and isinstance(new_asks, _Ladder), "no fault"  # noqa: PT018
        self._bids, self._asks = new_bids, new_asks
        return None

    def _ladder(self, side: Side, levels: Sequence[WireLevel]) -> _Ladder | BookFault:
        # Whole lists at a time: a book after a trade has 60 levels or more, twice.
        prices, tick = PRICES, self.tick
        found = [prices[level.price] for level in levels]
        if any(price % tick for price in found):
            return BookFault.OFF_GRID
        if not all(level.size[0] != "0" or level.size.strip("0.") for level in levels):
            return BookFault.EMPTY_LEVEL
        if side is _BUY:
            ranks = [price // tick for price in found]
        else:
            ranks = [(PRICE_ONE - price) // tick for price in found]
        ladder = _Ladder()
        ladder.levels = dict(zip(ranks, levels, strict=True))
        if len(ladder.levels) != len(levels):
            return BookFault.DOUBLE_LEVEL
        ladder.fresh = ranks
        ladder.best = max(ranks, default=0)
        return ladder

    def fits(self, price: str) -> bool:
        """Tell whether a price (the words of one between 0 and 1) lies on this book's grid."""
        return PRICES[price] % self.tick == 0

    def apply(self, side: Side, level: WireLevel | LevelChange) -> BookFault | None:
        """Set one level's total; size 0 removes it. The book is unchanged when a fault comes back."""
        price = PRICES[level.price]
        if price % self.tick:
            return BookFault.OFF_GRID
        return None if self.put(side, price, level) else BookFault.UNKNOWN_LEVEL

    def put(self, side: Side, price: Price, level: WireLevel | LevelChange) -> bool:
        """Set one level's total on a price that fits; False if size 0 found nothing to remove."""
        if side is _BUY:
            rank = price // self.tick
            ladder = self._bids
        else:
            rank = (PRICE_ONE - price) // self.tick
            ladder = self._asks
        size = level.size
        if size[0] != "0" or size.strip("0."):
            ladder.levels[rank] = level
            ladder.fresh.append(rank)
            ladder.best = max(ladder.best, rank)
            return True
        levels = ladder.levels
        if levels.pop(rank, None) is None:
            return False
        if rank == ladder.best:
            ladder.best = max(levels, default=0)
        return True

    def best_bid(self) -> Price | None:
        """Return the dearest bid, None for an empty side."""
        best = self._bids.best
        return Price(best * self.tick) if best else None

    def best_ask(self) -> Price | None:
        """Return the cheapest ask, None for an empty side."""
        best = self._asks.best
        return Price((self._end - best) * self.tick) if best else None

    def has_touch(self, best_bid: str, best_ask: str) -> bool:
        """Tell whether these are the best prices (0 and 1: none), and do not cross; a change brings them."""
        bids, asks = self._bids.best, self._asks.best
        return (
            bids * self.tick == TOUCHES[best_bid]
            and (self._end - asks) * self.tick % PRICE_ONE == TOUCHES[best_ask]
            and bids + asks < self._end
        )

    def crossed(self) -> bool:
        """Tell whether the best bid reaches the best ask (locked counts: neither may be planned on)."""
        return self._bids.best + self._asks.best >= self._end

    def wire_texts(self) -> tuple[str, str]:
        """Return the joined fragments as the venue lists them: bids ascending, asks descending."""
        return self._bids.join(), self._asks.join()

    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return bids and asks, best first."""
        tick, end = self.tick, self._end
        return (
            tuple([Level(Price(rank * tick), size) for rank, size in self._bids.sizes()]),
            tuple([Level(Price((end - rank) * tick), size) for rank, size in self._asks.sizes()]),
        )

    def copy(self) -> "Book":
        """Return an independent book with the same levels."""
        twin = Book(self.tick)
        twin._bids, twin._asks = self._bids.copy(), self._asks.copy()
        return twin

"""One token's book in memory: integer sizes by tick index, best pointers, wire texts for the checksum.

Faults are values: the feed decides what follows. This module knows no time, no hash and no market.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from engine.domain.book import Level
from engine.domain.frames import WireLevel
from engine.domain.market import Side
from engine.domain.units import PRICE_ONE, Price, Size


class BookFault(Enum):
    """Why a level or a snapshot does not fit; the value is what was found."""

    OFF_GRID = "a price that is not a multiple of the tick"
    UNKNOWN_LEVEL = "the removal of a level that is not there"
    DOUBLE_LEVEL = "one price twice in a snapshot"
    EMPTY_LEVEL = "a level without size in a snapshot"


@dataclass(slots=True)
class _Ladder:
    """One side. Ranks grow towards the best level, so both sides read alike and rank 0 means empty."""

    sizes: list[int]
    texts: dict[int, str] = field(default_factory=dict)
    best: int = 0
    joined: str | None = ""
    """All fragments, worst level first; None after a change."""

    def put(self, rank: int, level: WireLevel) -> bool:
        """Set the level's total, or remove it for size 0; False if there was nothing to remove."""
        if level.size:
            self.sizes[rank] = level.size
            self.texts[rank] = f'{{"price":"{level.price_text}","size":"{level.size_text}"}}'
            self.best = max(self.best, rank)
        else:
            if self.texts.pop(rank, None) is None:
                return False
            self.sizes[rank] = 0
            while self.best and not self.sizes[self.best]:
                self.best -= 1
        self.joined = None
        return True

    def join(self) -> str:
        """Return the levels as they stand on the wire, worst first; cached until the next change."""
        if self.joined is None:
            texts = self.texts
            self.joined = ",".join([texts[rank] for rank in sorted(texts)])
        return self.joined

    def copy(self) -> "_Ladder":
        """Return an independent ladder with the same levels."""
        return _Ladder(self.sizes.copy(), self.texts.copy(), self.best, self.joined)


class Book:
    """All resting sizes of one token on the grid of one tick."""

    __slots__ = ("_asks", "_bids", "_end", "tick")

    def __init__(self, tick: Price) -> None:
        assert tick > 0, f"expected a positive tick, was {tick}"
        assert PRICE_ONE % tick == 0, f"expected a tick that divides 1 USDC, was {tick}"
        self.tick = tick
        self._end = PRICE_ONE // tick
        self._bids = _Ladder([0] * self._end)
        self._asks = _Ladder([0] * self._end)

    def replace(self, bids: Sequence[WireLevel], asks: Sequence[WireLevel]) -> BookFault | None:
        """Take over a whole book; on a fault the present one stays as it is."""
        new = Book(self.tick)
        for ladder, side, levels in ((new._bids, Side.BUY, bids), (new._asks, Side.SELL, asks)):
            for level in levels:
                if not level.size:
                    return BookFault.EMPTY_LEVEL
                if (fault := new.apply(side, level)) is not None:
                    return fault
            if len(ladder.texts) != len(levels):
                return BookFault.DOUBLE_LEVEL
        self._bids, self._asks = new._bids, new._asks
        return None

    def fits(self, price: Price) -> bool:
        """Tell whether a price (between 0 and 1) lies on this book's grid."""
        return price % self.tick == 0

    def apply(self, side: Side, level: WireLevel) -> BookFault | None:
        """Set one level's total; size 0 removes it. The book is unchanged when a fault comes back."""
        index, rest = divmod(level.price, self.tick)
        if rest:
            return BookFault.OFF_GRID
        ladder, rank = (self._bids, index) if side is Side.BUY else (self._asks, self._end - index)
        return None if ladder.put(rank, level) else BookFault.UNKNOWN_LEVEL

    def best_bid(self) -> Price | None:
        """Return the dearest bid, None for an empty side."""
        best = self._bids.best
        return Price(best * self.tick) if best else None

    def best_ask(self) -> Price | None:
        """Return the cheapest ask, None for an empty side."""
        best = self._asks.best
        return Price((self._end - best) * self.tick) if best else None

    def crossed(self) -> bool:
        """Tell whether the best bid reaches the best ask (locked counts: neither may be planned on)."""
        return self._bids.best + self._asks.best >= self._end

    def wire_texts(self) -> tuple[str, str]:
        """Return the joined fragments as the venue lists them: bids ascending, asks descending."""
        return self._bids.join(), self._asks.join()

    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return bids and asks, best first."""
        tick, end, bids, asks = self.tick, self._end, self._bids, self._asks
        return (
            tuple(
                Level(Price(rank * tick), Size(bids.sizes[rank])) for rank in sorted(bids.texts, reverse=True)
            ),
            tuple(
                Level(Price((end - rank) * tick), Size(asks.sizes[rank]))
                for rank in sorted(asks.texts, reverse=True)
            ),
        )

    def copy(self) -> "Book":
        """Return an independent book with the same levels."""
        twin = Book(self.tick)
        twin._bids, twin._asks = self._bids.copy(), self._asks.copy()
        return twin

"""One token's book in memory: the venue's own text of every level at its tick, and pointers to the best.

A level is kept as the fragment that the checksum is taken over; its size is read back from it when a planner
asks. So nothing is stored twice, and a check joins what is there. Faults are values: the feed decides what
follows. This module knows no time, no hash and no market.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from engine.domain.book import Level
from engine.domain.frames import WireLevel
from engine.domain.market import Side
from engine.domain.units import PRICE_ONE, Price, parse_size

DENSE_RANKS_MAX = 1_000
"""Up to this many ticks a side is a list (8 KB at most); a finer grid would cost 80 KB a side, mostly empty."""
_BUY = Side.BUY


class BookFault(Enum):
    """Why a level or a snapshot does not fit; the value is what was found."""

    OFF_GRID = "a price that is not a multiple of the tick"
    UNKNOWN_LEVEL = "the removal of a level that is not there"
    DOUBLE_LEVEL = "one price twice in a snapshot"
    EMPTY_LEVEL = "a level without size in a snapshot"


class _Fragments(Protocol):
    """What a ladder needs of a list or of a sparse one: None where no level is."""

    def __getitem__(self, rank: int, /) -> str | None: ...
    def __setitem__(self, rank: int, fragment: str | None, /) -> None: ...


class _Sparse(dict[int, str | None]):
    """A list that is mostly empty."""

    def __missing__(self, rank: int) -> None:
        return None


class _Ladder:
    """One side. Ranks grow towards the best level, so both sides read alike and rank 0 means empty."""

    __slots__ = ("best", "fragments", "joined")

    def __init__(self, fragments: list[str | None] | _Sparse, best: int = 0) -> None:
        self.fragments = fragments
        self.best = best
        self.joined: str | None = None
        """All fragments, worst level first; None after a change."""

    def ranks(self) -> list[int]:
        """Return the ranks that hold a level, worst first."""
        if isinstance(self.fragments, list):
            return [rank for rank, fragment in enumerate(self.fragments) if fragment is not None]
        return sorted(rank for rank, fragment in self.fragments.items() if fragment is not None)

    def join(self) -> str:
        """Return the levels as they stand on the wire, worst first; cached until the next change."""
        if self.joined is None:
            if isinstance(self.fragments, list):
                self.joined = ",".join(filter(None, self.fragments))
            else:
                fragments = self.fragments
                for empty in [rank for rank, fragment in fragments.items() if fragment is None]:
                    del fragments[empty]
                self.joined = ",".join([fragments[rank] or "" for rank in sorted(fragments)])
        return self.joined

    def copy(self) -> "_Ladder":
        """Return an independent ladder with the same levels."""
        fragments = self.fragments.copy() if isinstance(self.fragments, list) else _Sparse(self.fragments)
        return _Ladder(fragments, self.best)


class Book:
    """All resting sizes of one token on the grid of one tick."""

    __slots__ = ("_asks", "_bids", "_end", "tick")

    def __init__(self, tick: Price) -> None:
        assert tick > 0, f"expected a positive tick, was {tick}"
        assert PRICE_ONE % tick == 0, f"expected a tick that divides 1 USDC, was {tick}"
        self.tick = tick
        self._end = PRICE_ONE // tick
        self._bids, self._asks = self._empty(), self._empty()

    def _empty(self) -> _Ladder:
        return _Ladder([None] * self._end if self._end <= DENSE_RANKS_MAX else _Sparse())

    def replace(self, bids: Sequence[WireLevel], asks: Sequence[WireLevel]) -> BookFault | None:
        """Take over a whole book; on a fault the present one stays as it is."""
        sides: list[_Ladder] = []
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            ladder = self._ladder(side, levels)
            if isinstance(ladder, BookFault):
                return ladder
            sides.append(ladder)
        self._bids, self._asks = sides
        return None

    def _ladder(self, side: Side, levels: Sequence[WireLevel]) -> _Ladder | BookFault:
        ladder, tick, end = self._empty(), self.tick, self._end
        fragments = ladder.fragments
        best = 0
        for price, size, price_text, size_text in levels:
            index, rest = divmod(price, tick)
            if rest:
                return BookFault.OFF_GRID
            if not size:
                return BookFault.EMPTY_LEVEL
            rank = index if side is _BUY else end - index
            if fragments[rank] is not None:
                return BookFault.DOUBLE_LEVEL
            fragments[rank] = f'{{"price":"{price_text}","size":"{size_text}"}}'
            best = max(best, rank)
        ladder.best = best
        return ladder

    def fits(self, price: Price) -> bool:
        """Tell whether a price (between 0 and 1) lies on this book's grid."""
        return price % self.tick == 0

    def apply(self, side: Side, level: WireLevel) -> BookFault | None:
        """Set one level's total; size 0 removes it. The book is unchanged when a fault comes back."""
        if level.price % self.tick:
            return BookFault.OFF_GRID
        return None if self.put(side, level) else BookFault.UNKNOWN_LEVEL

    def put(self, side: Side, level: WireLevel) -> bool:
        """Set one level's total on a price that fits; False if size 0 found nothing to remove."""
        price, size, price_text, size_text = level
        rank = price // self.tick
        if side is _BUY:
            ladder = self._bids
        else:
            ladder, rank = self._asks, self._end - rank
        fragments = ladder.fragments
        if size:
            fragments[rank] = f'{{"price":"{price_text}","size":"{size_text}"}}'
            if rank > ladder.best:
                ladder.best = rank
        else:
            if fragments[rank] is None:
                return False
            fragments[rank] = None
            if rank == ladder.best:
                rank -= 1
                while rank and fragments[rank] is None:
                    rank -= 1
                ladder.best = rank
        ladder.joined = None
        return True

    def best_bid(self) -> Price | None:
        """Return the dearest bid, None for an empty side."""
        best = self._bids.best
        return Price(best * self.tick) if best else None

    def best_ask(self) -> Price | None:
        """Return the cheapest ask, None for an empty side."""
        best = self._asks.best
        return Price((self._end - best) * self.tick) if best else None

    def has_touch(self, bid: Price | None, ask: Price | None) -> bool:
        """Tell whether these are the best prices, and do not cross: what every change is held against."""
        bids, asks = self._bids.best, self._asks.best
        return (
            bids * self.tick == (bid or 0)
            and (self._end - asks) * self.tick == (ask or PRICE_ONE)
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
        bids, asks = self._bids.fragments, self._asks.fragments
        return (
            tuple([_level(rank * tick, bids[rank]) for rank in reversed(self._bids.ranks())]),
            tuple([_level((end - rank) * tick, asks[rank]) for rank in reversed(self._asks.ranks())]),
        )

    def copy(self) -> "Book":
        """Return an independent book with the same levels."""
        twin = Book(self.tick)
        twin._bids, twin._asks = self._bids.copy(), self._asks.copy()
        return twin


def _level(price: int, fragment: str | None) -> Level:
    assert fragment is not None, f"expected a level at {price}"
    size_text = fragment[fragment.rindex(":") + 2 : -2]
    return Level(Price(price), parse_size(size_text))

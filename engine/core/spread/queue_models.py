"""Where an order that is not really there would stand in the queue of its level, from what everybody sees.

An aggregated book shows totals, not places. Two models read the same changes and trades (strategy 5.8):

- conservative: only trades at our price advance us; a level that shrinks below what stood before us caps it.
- probabilistic: of a decrease that no trade explains the front loses `(1 - prob)`, where `prob` is
  `f(back) / (f(back) + f(front))` with `f(x) = log(1 + x)` in shares. It is the upper bound.

What joins a level joins behind us. Integers only; this module knows no time but what it is told.
"""

from enum import Enum

from engine.domain.units import SIZE_ONE, Ms, Size

PRINT_LAG_MS = Ms(2_000)
"""The venue's book shows a trade up to some 200 ms before the trade itself is told (recorded, 2026-05); ten
times that. A decrease and a trade so near to one another are the same shares, whichever comes first."""
_LOG_BITS = 24
"""Binary places of a logarithm: far finer than a share of a queue needs."""
_ONE = 1 << _LOG_BITS


class QueueModel(Enum):
    """How a decrease that no trade explains is understood."""

    CONSERVATIVE = "conservative"
    PROBABILISTIC = "probabilistic"


class QueuePlace:
    """One order's place at its price under one model. All sizes in 1e-6 share."""

    __slots__ = ("_counted", "_counted_ms", "_gone", "_gone_ms", "_removed", "ahead", "level", "model")

    def __init__(self, model: QueueModel, level: Size) -> None:
        """Join behind everything that rests at the level."""
        assert level >= 0, f"expected a level of no negative size, was {level}"
        self.model = model
        self.level: int = level
        """Total that the book shows, without this order."""
        self.ahead: int = level
        """What must still trade, or leave, before this order's turn."""
        self._gone = 0
        """Decreases that no trade has explained yet."""
        self._removed = 0
        """What these took off `ahead`."""
        self._gone_ms = Ms(0)
        self._counted = 0
        """Trades whose decrease the book has not shown yet."""
        self._counted_ms = Ms(0)

    def level_is(self, total: Size, at_ms: Ms) -> None:
        """Take the level's new total; touching alone fills nothing, so nothing is returned."""
        assert total >= 0, f"expected a level of no negative size, was {total}"
        self._forget(at_ms)
        drop = self.level - total
        if drop > 0:
            explained = min(drop, self._counted)
            self._counted -= explained
            self._shrink(drop - explained, at_ms)
        self.level = total
        self.ahead = min(self.ahead, total)

    def traded(self, size: Size, at_ms: Ms) -> Size:
        """Take a trade against this level; return how much of it went past everything ahead of us."""
        assert size >= 0, f"expected a trade of no negative size, was {size}"
        self._forget(at_ms)
        explained = min(size, self._gone)
        self._gone -= explained
        if size > explained:
            self._counted += size - explained
            self._counted_ms = at_ms
        # What the decrease took off the front before the trade was told is not taken off again.
        again = min(self._removed, explained)
        self._removed -= again
        left = self.ahead - (size - again)
        self.ahead = max(left, 0)
        return Size(max(-left, 0))

    def _shrink(self, by: int, at_ms: Ms) -> None:
        """Take a decrease that no trade explains; `level` is still the total before it."""
        if by == 0:
            return
        before, total = self.ahead, self.level - by
        if self.model is QueueModel.PROBABILISTIC:
            back = max(self.level - self._counted - before, 0)
            self.ahead = max(before - front_loss(by, front=before, back=back), 0)
        self.ahead = min(self.ahead, max(total, 0))
        self._removed += before - self.ahead
        self._gone += by
        self._gone_ms = at_ms

    def _forget(self, at_ms: Ms) -> None:
        """Let what is too old to belong to anything that still comes stand as it was understood."""
        if at_ms - self._gone_ms > PRINT_LAG_MS:
            self._gone = self._removed = 0
        if at_ms - self._counted_ms > PRINT_LAG_MS:
            self._counted = 0


class ShadowQueue:
    """Both models' places of one order, fed alike; the upper bound never stands behind the other."""

    __slots__ = ("conservative", "upper")

    def __init__(self, level: Size) -> None:
        """Join behind everything that rests at the level."""
        self.conservative = QueuePlace(QueueModel.CONSERVATIVE, level)
        self.upper = QueuePlace(QueueModel.PROBABILISTIC, level)

    def level_is(self, total: Size, at_ms: Ms) -> None:
        """Take the level's new total."""
        self.conservative.level_is(total, at_ms)
        self.upper.level_is(total, at_ms)
        self.upper.ahead = min(self.upper.ahead, self.conservative.ahead)

    def traded(self, size: Size, at_ms: Ms) -> tuple[Size, Size]:
        """Take a trade against the level; return what of it reached us, conservative first."""
        reached = self.conservative.traded(size, at_ms)
        at_most = self.upper.traded(size, at_ms)
        self.upper.ahead = min(self.upper.ahead, self.conservative.ahead)
        return reached, max(reached, at_most)


def front_loss(decrease: int, *, front: int, back: int) -> int:
    """Return what the front loses of a decrease by the log-probabilistic model, rounded up.

    What the back is too small to have lost is the front's, too.
    """
    assert min(decrease, front, back) >= 0, f"expected no negative sizes: {decrease}, {front}, {back}"
    weights = log_of(back) + log_of(front)
    if weights == 0:
        return 0
    of_back = decrease * log_of(back) // weights
    return decrease - min(of_back, back)


def log_of(size: int) -> int:
    """Return log2(1 + shares) in 2**-24, rounded down; the base does not matter where only ratios count."""
    assert size >= 0, f"expected no negative size, was {size}"
    value = SIZE_ONE + size
    whole = (value // SIZE_ONE).bit_length() - 1
    mantissa = (value << _LOG_BITS) // (SIZE_ONE << whole)
    fraction = 0
    for _ in range(_LOG_BITS):
        mantissa = mantissa * mantissa >> _LOG_BITS
        fraction <<= 1
        if mantissa >= 2 * _ONE:
            mantissa >>= 1
            fraction |= 1
    return (whole << _LOG_BITS) | fraction

"""The exact search for the best size, segment by segment.

Why the answer is exact. Between two successive level ends of any leg (a *segment*) every leg has one active
level, and with x = q - (lots on earlier levels) the objective is

    G(q) = base + slope q - sum of weight x round(x f)        f: the fee of a lot, in steps

1. Ceiling. round(y) >= y when rounding up, > y - 1 when down; so G <= U with U linear in the segment.
2. Shape. While |d fee / d price| <= 1 on every ladder (strategy 3.4; `is_steep` asks) a later level is never
   better all-in than an earlier one: the slope of U never grows from one segment to the next. When a level
   ends, its rounded fee replaces the unrounded one, which can lift U only when rounding down, by less than
   one step per level: `slack` counts that for all levels there are (zero when rounding up).
3. Stop. Once the slope of U is not positive, no later q beats U here + slack; the walk ends when a size
   already found is at least that good. Nothing to earn at the touch ends it at once, in O(legs). Where a leg
   is steep (strategy 3.6) there is no such end: matching stays in order of price, every segment is walked to
   the end of depth or caps, and the points below hold for each of them alone.
4. Search. A segment is scanned from its better end while U(q) can still beat the best found. A step
   of rounding is 10 micro-dollars, so this covers at most legs x 10 micro / |slope| lots. Hundreds of sizes
   at once get a bound close to G (`planner.fee_sum`); the exact objective is worked out for those whose
   bound reaches the best found. Segments are passed with their ceilings alone; exact amounts are added up for
   those that can hold the best size.
5. Flat segments. G(q + T) = G(q) + drift with T the common period of the fees' fractions: only the T lots at
   the end the drift points to can hold the smallest best size (at tick 0.01 and rates in whole percents T is
   at most 1,000 lots), whatever the segment's length.
6. Bounds. Minimum size, minimum notional and every cap are monotone in q, so they cut one interval out of
   the range; G(0) = 0 is the size found before the search begins, hence a plan must beat it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from math import gcd, lcm
from typing import NamedTuple

from engine.core.planner.fee_sum import SIZES_MAX
from engine.core.planner.segments import Detail, JointLadder, Segment


class Bound(Enum):
    """What keeps the size from being larger."""

    EDGE = "the next level costs more than it pays"
    DEPTH = "no more is on offer"
    LEG_SIZE = "cap on the size of one leg"
    LEG_NOTIONAL = "cap on the cost of one leg"
    CAPITAL = "cap on the capital of the plan"
    SETS = "cap on the number of sets"


class _Stretch(NamedTuple):
    """The part of a segment that minimums and caps allow, with the ceiling at its better end."""

    ceiling: int
    first: int
    last: int
    segment: Segment


@dataclass(slots=True)
class Search:
    """One search: the allowed sizes, the best found, what limits it. Lots, and the formula's units."""

    ladder: JointLadder
    lot: int
    slack: int
    """What rounding down can lift the objective above a ceiling, over all levels."""
    steep: bool
    """A later segment may pay again after one that does not."""
    outlay_max: int | None
    lots_min: int
    cap: int | None
    """None while nothing but the ladders limits the size."""
    bound: Bound
    bound_leg: int | None
    lots: int = 0
    best: int = 0
    """Objective of `lots`: no trade at all is worth 0."""
    rising: list[Segment] = field(default_factory=list)
    """Those passed on the way up, in order; later ones and those of steep legs go to `kept` at once."""
    kept: list[_Stretch] = field(default_factory=list)
    has_room: bool = False
    """Minimums and caps leave a size."""
    details: dict[int, Detail] = field(default_factory=dict)
    """Of the segments looked at, by their `lo`."""

    def walk(self, first: Segment, rest: Iterator[Segment]) -> None:
        """Collect the stretches that can hold the best size (points 2, 3 and 6 of the module's proof)."""
        ending: int | None = None
        for segment in chain((first,), rest):
            if segment.leg_cap is not None:
                self._lower_cap(segment.leg_cap.lots, Bound.LEG_NOTIONAL, segment.leg_cap.leg)
            if self.cap is not None and segment.lo >= self.cap:
                return
            if segment.slope <= 0 and not self.steep:
                if self.bound is not Bound.EDGE:
                    self.bound, self.bound_leg = Bound.EDGE, ending
                    if not self._try_peak():
                        return
                if hopeless(segment, slack=self.slack, best=self.best):
                    return
            if not self._take(segment):
                return
            ending = segment.ending
        if self.bound is not Bound.EDGE and (self.cap is None or self.cap >= segment.hi):
            self.bound, self.bound_leg = Bound.DEPTH, ending

    def _take(self, segment: Segment) -> bool:
        """Note one segment for later; False where there is no capital for it."""
        if segment.slope > 0 and not self.steep:
            self.rising.append(segment)
            return True
        stretch = self._allowed(segment)
        if stretch is None:
            return True
        self.kept.append(stretch)
        is_worth_a_look = segment.slope <= 0 and stretch.ceiling + self.slack > self.best
        return not is_worth_a_look or self._try(segment, stretch.first)

    def _lower_cap(self, lots: int, bound: Bound, leg: int | None) -> None:
        if self.cap is None or lots < self.cap:
            self.cap = lots
            if self.bound is not Bound.EDGE:
                self.bound, self.bound_leg = bound, leg

    def _try_peak(self) -> bool:
        """Evaluate the last size on the way up, and tell whether there is capital for it."""
        for segment in reversed(self.rising):
            if (stretch := self._allowed(segment)) is not None:
                return self._try(segment, stretch.last)
        return True

    def _allowed(self, segment: Segment) -> _Stretch | None:
        first = max(round_up(segment.lo + 1, self.lot), self.lots_min)
        last = _down(segment.hi if self.cap is None else min(segment.hi, self.cap), self.lot)
        if first > last:
            return None
        return _stretch(segment, first, last)

    def detail(self, segment: Segment) -> Detail:
        """Return the segment's exact amounts, added up once."""
        found = self.details.get(segment.lo)
        if found is None:
            found = self.details[segment.lo] = self.ladder.detail(segment)
        return found

    def _try(self, segment: Segment, lots: int) -> bool:
        """Evaluate one size, and tell whether there is capital for it; if not, no later one has any."""
        detail = self.detail(segment)
        if self.outlay_max is not None and detail.outlay(lots) > self.outlay_max:
            return False
        self._consider(detail.objective(lots), lots)
        return True

    def _consider(self, value: int, lots: int) -> None:
        """Between equals the smaller wins."""
        if value > self.best or (value == self.best and lots < self.lots):
            self.best, self.lots = value, lots

    def gather(self) -> None:
        """Keep what can hold the best size, and note whether minimums and caps leave any size at all."""
        self._try_peak()
        if self.outlay_max is None:
            # On the way up only ceilings that reach the best size tried are of interest.
            least = self.best - self.slack
            near = [segment for segment in self.rising if segment.ceiling(segment.hi) >= least]
            self.has_room = bool(self.kept) or any(
                self._allowed(s) is not None for s in reversed(self.rising)
            )
        else:
            near = self.rising
        self.kept[:0] = [stretch for segment in near if (stretch := self._allowed(segment)) is not None]
        if self.outlay_max is not None:
            self._cut(self.outlay_max)
            self.has_room = bool(self.kept)

    def _cut(self, outlay_max: int) -> None:
        """Drop the sizes that there is no capital for (point 6); outlay never falls with the size."""
        low, high = 0, len(self.kept)
        while low < high:
            middle = (low + high) // 2
            if self.detail(self.kept[middle].segment).outlay(self.kept[middle].last) <= outlay_max:
                low = middle + 1
            else:
                high = middle
        if low == len(self.kept):
            return
        _, first, last, segment = self.kept[low]
        last = (
            first + affordable(self.detail(segment), first, last, self.lot, outlay_max) * self.lot - self.lot
        )
        del self.kept[low:]
        if first <= last:
            self.kept.append(_stretch(segment, first, last))
        self.cap = last
        if segment.slope > 0 or self.steep:
            self.bound, self.bound_leg = Bound.CAPITAL, None

    def settle(self) -> None:
        """Scan the stretches kept, the most promising first (points 4 and 5 of the module's proof)."""
        for stretch in sorted(self.kept, key=lambda kept: -kept.ceiling):
            if stretch.ceiling + self.slack < self.best:
                break
            self._scan(stretch)
        if self.steep and self.kept and self.lots < self.kept[-1].last:
            self.bound, self.bound_leg = Bound.EDGE, None

    def _scan(self, stretch: _Stretch) -> None:
        detail, slope = self.detail(stretch.segment), stretch.segment.slope
        sizes = _one_period(detail, range(stretch.first, stretch.last + 1, self.lot))
        while sizes:
            room = detail.ceiling(sizes[-1] if slope > 0 else sizes[0]) - self.best
            if room < 0:
                return
            count = min(SIZES_MAX, room // abs(slope * self.lot) + 1) if slope else SIZES_MAX
            if slope > 0:
                block, sizes = sizes[-count:], sizes[:-count]
            else:
                block, sizes = sizes[:count], sizes[count:]
            self._try_block(detail, block)

    def _try_block(self, detail: Detail, sizes: range) -> None:
        """Evaluate the sizes whose close bounds reach the best found, the most promising first."""
        bounds = zip(detail.bounds(sizes), sizes, strict=True)
        near = [(-bound, lots) for bound, lots in bounds if bound >= self.best]
        for negated, lots in sorted(near):
            if -negated < self.best:
                return
            if -negated > self.best or lots < self.lots:
                self._consider(detail.objective(lots), lots)


def _stretch(segment: Segment, first: int, last: int) -> _Stretch:
    return _Stretch(segment.ceiling(last if segment.slope > 0 else first), first, last, segment)


def affordable(detail: Detail, first: int, last: int, lot: int, outlay_max: int) -> int:
    """Return how many of the sizes `first` to `last`, `lot` apart, need no more capital than `outlay_max`.

    Outlay never falls with the size, so they are the first ones.
    """
    low, high = 0, (last - first) // lot + 1
    while low < high:
        middle = (low + high) // 2
        if detail.outlay(first + middle * lot) <= outlay_max:
            low = middle + 1
        else:
            high = middle
    return low


def hopeless(segment: Segment, *, slack: int, best: int) -> bool:
    """Tell whether no size from this segment on can beat `best` (point 3 of the module's proof)."""
    return segment.slope <= 0 and segment.ceiling(segment.lo) + slack <= best


def _one_period(detail: Detail, sizes: range) -> range:
    """Return the part of `sizes` that must hold the best one, because fees repeat beyond it (point 5)."""
    # Not len(sizes): that ends at 2 ** 63, an enormous ladder does not.
    count = (sizes.stop - sizes.start - 1) // sizes.step + 1
    period = 1
    for side in detail.fees:
        for _, steps, per in side.steps:
            period = lcm(period, per // gcd(steps * sizes.step, per))
            if period >= count:
                return sizes
    lots = period * sizes.step
    charged = [side.weight * (lots * steps // per) for side in detail.fees for _, steps, per in side.steps]
    drift = detail.slope * lots - sum(charged)
    return sizes[-period:] if drift > 0 else sizes[:period]


def round_up(lots: int, lot: int) -> int:
    """Return the smallest multiple of `lot` that is not below `lots`."""
    return -(-lots // lot) * lot


def _down(lots: int, lot: int) -> int:
    return lots // lot * lot

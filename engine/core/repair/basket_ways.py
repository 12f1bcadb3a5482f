"""The cheapest way out of a basket of NO of which only some legs are held, or not all alike.

One outcome at most comes true, so all but the largest holding pay. With T the largest afterwards, every leg
stands alone: each of its shares up to T counts a dollar, and T of them are lost (strategy 3.7 and 4.4):

    worth(T) = sum of h_i - T - paid, where h_i above T is cut down to it, and below it bought as it pays

A sale always brings less than the dollar it gives up, so no more is cut than the largest must lose. Unlike a
set's, a basket's sales can cost: while one leg has been sold and another has not, that other's outcome takes
more. So sales, too, are kept within what the card printed; where that refuses to give back everything at
once, it is done in equal parts, one repair after the other. Pure, integers, no clock.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from engine.core.repair.leg_ladders import LegLadders
from engine.core.repair.remedies import Remedy, RepairCase, floor_of, way_named
from engine.core.repair.repair_walk import Trade
from engine.domain.fees import taker_fee
from engine.domain.market import Side
from engine.domain.plan import LegRisk, PlanKind
from engine.domain.units import LOT, PRICE_ONE, Rounding, Size, Usdc, divide

ROUNDS_MAX = 4
"""Times the search around the best level is begun again from a better one."""


class BasketSearch:
    """One broken basket with everything worked out that does not depend on the level."""

    def __init__(self, case: RepairCase) -> None:
        """Take a case of a NO_SET; its legs are of different markets."""
        assert case.kind is PlanKind.NO_SET, f"expected a basket of NO, was {case.kind.value}"
        self.case = case
        self.legs = [LegLadders(leg, case) for leg in case.legs]
        self.held = [leg.held for leg in self.legs]
        self.largest = max(self.held)
        self.wanted = case.wanted // LOT if case.may_buy else 0
        self._dumps = case.paid - sum(leg.dump(leg.held) for leg in self.legs)
        """What is lost if every share is dumped under stress."""
        self._hard = case.paid - floor_of(PlanKind.NO_SET, self.held) * PRICE_ONE
        held_back = self.held.index(self.largest)
        surplus = self.largest - max(self.held[:held_back] + self.held[held_back + 1 :], default=0)
        soft = min(self._hard - self.legs[held_back].dump(surplus), self._dumps)
        self.now = self._with_rests(soft, self._hard, self.held)
        """What is lost if nothing is sent: L0 if the largest leg's outcome comes true, L if dumped."""

    def found(self) -> Iterator[Remedy | None]:
        """Yield holding what is there, and the best of every way out; None for one there is none of."""
        yield self.at(self.largest, 0)
        yield self._completed()
        yield self._best(buys=False)
        yield self._best(buys=True)

    def _completed(self) -> Remedy | None:
        """Return the best that only buys: nothing is cut, so no level below the largest is looked at."""
        best: Remedy | None = None
        levels = sorted(level for level in self._marks() if level >= self.largest)
        for level in sorted({*levels, *self._edges(levels, buys=True)}):
            best = _better(best, self._bought(level))
        return self._around(best, self.largest, max(self.largest, self.wanted), buys=True)

    def _best(self, *, buys: bool) -> Remedy | None:
        """Return the best that cuts what is above some level, and perhaps buys what is below it."""
        best: Remedy | None = None
        levels = sorted(level for level in self._marks() if level <= self.largest)
        for level in sorted({*levels, *self._edges(levels, buys=buys)} - {self.largest}):
            best = _better(best, self._bought(level) if buys else self.at(level, 0))
        return self._around(best, 0, self.largest - 1, buys=buys)

    def _around(self, best: Remedy | None, low: int, high: int, *, buys: bool) -> Remedy | None:
        """Look at every level around the best one: fees are rounded, sales have steps and orders a least."""
        reach = max(20, 2 * max(leg.sells.step for leg in self.legs))
        for _ in range(ROUNDS_MAX):
            if best is None:
                break
            before, middle = best, self._level_of(best)
            for level in range(max(low, middle - reach), min(high, middle + reach) + 1):
                best = _better(best, self._bought(level) if buys else self.at(level, 0))
            if best is before:
                break
        return best

    def _level_of(self, remedy: Remedy) -> int:
        return max(self._after(remedy.trades))

    def _after(self, trades: Sequence[Trade]) -> list[int]:
        after = list(self.held)
        for trade in trades:
            number = next(n for n, leg in enumerate(self.legs) if leg.leg.number == trade.leg)
            after[number] += trade.lots if trade.completes else -trade.lots
        return after

    def _marks(self) -> set[int]:
        """Return the levels to look at: every mark of a leg, each also on sale steps."""
        marks = {0, self.largest, max(self.largest, self.wanted)}
        marks |= {mark for leg in self.legs for mark in leg.marks()}
        # Below the second largest, cuts of two legs end at different levels.
        for rest, step in {(leg.held % leg.sells.step, leg.sells.step) for leg in self.legs}:
            if step > 1:
                marks |= {mark - (mark - rest) % step for mark in marks}
                marks |= {mark + (rest - mark) % step for mark in marks}
        return {mark for mark in marks if 0 <= mark <= max(self.largest, self.wanted)}

    def _edges(self, levels: Sequence[int], *, buys: bool) -> set[int]:
        """Return the levels beside which books or bounds begin to forbid something."""
        found: set[int] = set()
        for below, above in pairwise(levels):
            low, high, allowed = below, above, self._is_allowed(below, buys=buys)
            if allowed is self._is_allowed(above, buys=buys):
                continue
            while high - low > 1:
                middle = (low + high) // 2
                if self._is_allowed(middle, buys=buys) is allowed:
                    low = middle
                else:
                    high = middle
            found |= {low, high}
        return found

    def _is_allowed(self, level: int, *, buys: bool) -> bool:
        return self.at(level, min(level, self.wanted) if buys else 0) is not None

    def _bought(self, level: int) -> Remedy | None:
        """Return the remedy of a level that buys as far as books, bounds and caps allow."""
        most = min(level, self.wanted)
        whole = self.at(level, most)
        if whole is not None or most == 0 or self.at(level, 0) is None:
            return whole
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.at(level, middle) is not None else (low, middle - 1)
        return self.at(level, low)

    def at(self, level: int, bought_to: int) -> Remedy | None:
        """Return the remedy with no leg above `level`, others bought up to `bought_to`; None if forbidden."""
        trades: list[Trade] = []
        for leg in self.legs:
            if leg.held > level:
                cut = _cut(leg, leg.held - level)
                if cut is None:
                    return None
                trades.append(cut)
            elif leg.held < bought_to and (more := _add(leg, bought_to - leg.held)) is not None:
                trades.append(more)
        risk = self.risk(trades)
        if risk is None or sum(trade.outlay_max for trade in trades) > self.case.room:
            return None
        sets = floor_of(PlanKind.NO_SET, self._after(trades))
        buys = [trade.completes for trade in trades]
        way = way_named(PlanKind.NO_SET, completes=any(buys), gives_back=not all(buys))
        worth = sets * PRICE_ONE - self.case.paid + sum(trade.worth for trade in trades)
        return Remedy(way, Size(sets * LOT), tuple(trades), Usdc(worth), risk)

    def risk(self, trades: Sequence[Trade]) -> LegRisk | None:
        """Return the most that can be lost in all on the way there; None if beyond what the card printed.

        L0: whichever orders fill at their limits and whichever outcome comes true. L: the same, or everything
        is dumped under stress where that loses less. What was beyond the printed bound must not grow.
        """
        if not trades:
            return self.now
        by_leg = {trade.leg: trade for trade in trades}
        others, own = [], []
        for leg in self.legs:
            against, itself = _harm(by_leg.get(leg.leg.number), leg)
            others.append(against)
            own.append(itself)
        floor = self.case.paid - sum(self.held) * PRICE_ONE + sum(others)
        hard = floor + max(
            held * PRICE_ONE - against + itself
            for held, against, itself in zip(self.held, others, own, strict=True)
        )
        soft = self._soft(trades, by_leg, hard)
        printed = self.case.risk
        bound: int = max(printed.bound, self.now.bound)
        within: int = max(printed.within_stress, self.now.within_stress)
        if not any(trade.completes for trade in trades):
            # Holding may be the lesser loss by now, yet nothing sold adds to what dumping everything loses.
            bound = max(bound, self._dumps)
            within = max(within, self._dumps + self._rests(self.held))
        if hard > max(printed.hard, self.now.hard) or soft > bound:
            return None
        most = [max(pair) for pair in zip(self.held, self._after(trades), strict=True)]
        risk = self._with_rests(soft, hard, most)
        return risk if risk.within_stress <= within else None

    def _soft(self, trades: Sequence[Trade], by_leg: dict[int, Trade], hard: int) -> int:
        """Return L: what fills in part is held or dumped, what fills whole is held or dumped.

        Dumping after a sale loses no more than before it, because the sale took the best bids first.
        """
        losses = []
        for leg in self.legs:
            trade = by_leg.get(leg.leg.number)
            if trade is not None and trade.completes:
                brings = leg.dump(leg.held + trade.lots) - leg.dump(leg.held)
                losses.append(max(0, trade.outlay_max - brings))
        everything = self._dumps + sum(losses)
        in_part = everything - (min(losses) if len(losses) == len(trades) else 0)
        whole = self.case.paid - floor_of(PlanKind.NO_SET, self._after(trades)) * PRICE_ONE
        for leg in self.legs:
            whole += _paid(by_leg.get(leg.leg.number), leg)
        return max(min(hard, in_part), min(whole, everything))

    def _with_rests(self, soft: int, hard: int, most: Sequence[int]) -> LegRisk:
        """Return L and L0 with the rests that every leg may be left with, of at most so many lots."""
        rests = max(0, min(self._rests(most), hard - soft))
        return LegRisk(bound=Usdc(soft), hard=Usdc(hard), rests=Usdc(rests))

    def _rests(self, most: Sequence[int]) -> int:
        return sum(leg.rest(lots) for leg, lots in zip(self.legs, most, strict=True))


def _better(best: Remedy | None, found: Remedy | None) -> Remedy | None:
    if best is None or found is None:
        return found if best is None else best
    return found if (-found.worth, len(found.trades)) < (-best.worth, len(best.trades)) else best


def _cut(leg: LegLadders, surplus: int) -> Trade | None:
    """Return the order that takes at least so many lots away at the least loss, None where there is none."""
    step = leg.sells.step
    sold = divide(max(surplus, leg.least), step, Rounding.UP) * step
    paired = None if leg.pairs_least is None else max(surplus, leg.pairs_least)
    found = [
        leg.sells.trade(sold) if sold <= leg.leg.sellable // LOT else None,
        leg.pairs.trade(paired) if paired is not None and paired <= leg.held else None,
    ]
    # A sale needs no chain step: it goes first among equals.
    trades = [trade for trade in found if trade is not None]
    return max(trades, key=lambda trade: trade.worth - trade.lots * PRICE_ONE, default=None)


def _add(leg: LegLadders, missing: int) -> Trade | None:
    """Return the purchase of at most so many lots that adds most, None if none adds anything."""
    if leg.buys_least is None or leg.buys_least > missing:
        return None
    trade = leg.buys.trade(max(leg.buys_least, min(missing, leg.buys.paying())))
    return trade if trade is not None and trade.lots * PRICE_ONE + trade.worth > 0 else None


def _paid(trade: Trade | None, leg: LegLadders) -> int:
    """Return what an order takes at its limit, the dollar of a pair taken as returned; below 0 it brings."""
    if trade is None:
        return 0
    if trade.side is Side.BUY:
        return trade.outlay_max - (trade.lots * PRICE_ONE if trade.pairs else 0)
    return taker_fee(leg.leg.fee, trade.limit, trade.size, Rounding.UP) - trade.limit * trade.lots


def _harm(trade: Trade | None, leg: LegLadders) -> tuple[int, int]:
    """Return what an order can take from the worst case: if another outcome comes true, if its own does."""
    if trade is None:
        return 0, 0
    paid, share = _paid(trade, leg), trade.lots * PRICE_ONE
    return max(0, paid - share if trade.completes else paid + share), max(0, paid)

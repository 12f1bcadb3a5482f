"""The cheapest repair by trying every number of sets, lot by lot: slow, simple, and written on its own.

Shares no code with `core.repair.ways` beyond the values that go in. Prices are 1e-4, lots 0.01 share, money
micro-dollars; a fee is rounded up per level to 10 micro-dollars.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

from engine.core.repair.remedies import RepairCase, RepairLeg
from engine.core.repair.repair_walk import Costs
from engine.domain.book import Level
from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, TokenId
from engine.domain.plan import LegRisk
from engine.domain.units import Price, Size, Usdc

ONE = 10_000
LOT = 10_000


def fee_of(curve: FeeCurve, price: int, lots: int) -> int:
    """shares x rate x (p (1 - p)) ** exponent in steps of 10 micro-dollars, rounded up."""
    above = lots * curve.rate * (price * (ONE - price)) ** curve.exponent
    below = 100 * (ONE * ONE) ** curve.exponent * 10
    return -(-int(above) // int(below)) * 10


class _Ladder:
    """Raw money, fees and worst price of the first n lots of a ladder, counted up one lot after the other."""

    def __init__(self, levels: Sequence[Level], curve: FeeCurve) -> None:
        self.curve = curve
        self.lots = iter([(level.price, n) for level in levels for n in range(1, level.size // LOT + 1)])
        self.rows: list[tuple[int, int, int]] = [(0, 0, 0)]
        self.full = 0
        """Fees of the levels before the present one."""

    def at(self, lots: int) -> tuple[int, int, int] | None:
        """The row of so many lots; None if the ladder is shorter."""
        while len(self.rows) <= lots:
            following = next(self.lots, None)
            if following is None:
                return None
            price, within = following
            raw, fees, _ = self.rows[-1]
            if within == 1:
                self.full = fees
            self.rows.append((raw + price, self.full + fee_of(self.curve, price, within), price))
        return self.rows[lots]


def outlay_of(curve: FeeCurve, limit: int, lots: int) -> int:
    return limit * lots + fee_of(curve, min(limit, ONE // 2), lots)


def _dump(leg: RepairLeg, lots: int, skipped: int) -> int:
    got = 0
    for level in leg.bids[skipped:]:
        there = min(lots * LOT, level.size)
        fee = -(-there * leg.fee.rate * (level.price * (ONE - level.price)) ** leg.fee.exponent
                // (10**6 * (ONE * ONE) ** leg.fee.exponent * 10)) * 10  # fmt: skip
        got += there * level.price // ONE - fee
        lots -= there // LOT
        if lots <= 0:
            break
    return max(0, got)


def _rest(leg: RepairLeg, lots: int, skipped: int, slip_ticks: int) -> int:
    """What of a dump may not come about: a rest below the order or the step, and bids worth the slippage."""
    step = next(lots for lots in range(1, 101) if lots * leg.tick % 100 == 0)
    grain = min(lots, max(-(-leg.min_size // LOT), step) - 1)
    paying = tuple(bid for bid in leg.bids[skipped:] if bid.price > slip_ticks * leg.tick)
    better = replace(leg, bids=paying)
    lost = max(0, _dump(leg, lots, skipped) - _dump(better, lots, 0))
    return _dump(leg, grain, skipped) + lost


@dataclass
class Oracle:
    """Every way out of one case, tried."""

    case: RepairCase

    def __post_init__(self) -> None:
        self.held = [leg.held // LOT for leg in self.case.legs]
        self.gifts: list[list[int]] = [[0] for _ in self.case.legs]
        self.asks = [_Ladder(leg.asks, leg.fee) for leg in self.case.legs]
        self.bids = [_Ladder(leg.bids, leg.fee) for leg in self.case.legs]
        self.others = [_Ladder(leg.other_asks, leg.fee) for leg in self.case.legs]
        self.known: dict[tuple[str, int, int], Any] = {}
        """What was worked out before, by what, leg and lots: the same walk is asked for at many sizes."""

    def _once(self, what: str, number: int, lots: int, find: Callable[[], Any]) -> Any:
        key = (what, number, lots)
        if key not in self.known:
            self.known[key] = find()
        return self.known[key]

    def _dumped(self, number: int, lots: int) -> int:
        leg, skipped = self.case.legs[number], self.case.stress_levels
        return int(self._once("dump", number, lots, lambda: _dump(leg, lots, skipped)))

    def _rested(self, number: int, lots: int) -> int:
        leg, case = self.case.legs[number], self.case
        find = partial(_rest, leg, lots, case.stress_levels, case.costs.slippage_ticks)
        return int(self._once("rest", number, lots, find))

    def _extra(self, leg: RepairLeg, raw: int, lots: int) -> int:
        bps = -(-raw * self.case.costs.fee_bps // 10_000)
        return self.case.costs.slippage_ticks * leg.tick * lots + bps

    def _limit(self, leg: RepairLeg, worst: int) -> int:
        return min(worst + self.case.costs.slippage_ticks * leg.tick, ONE - leg.tick)

    def _buy(self, number: int, missing: int) -> tuple[int, int, int] | None:
        """Lots, money and most money of the smallest purchase the venue takes that brings what is missing."""
        leg = self.case.legs[number]
        dollar = self._once("dollar", number, 0, partial(self._dollar, number))
        if dollar is None:
            return None
        lots = max(missing, -(-leg.min_size // LOT), dollar)
        walked = self.asks[number].at(lots)
        if walked is None:
            return None
        raw, fees, worst = walked
        most = outlay_of(leg.fee, self._limit(leg, worst), lots)
        return lots, raw + fees + self._extra(leg, raw, lots), most

    def _dollar(self, number: int) -> int | None:
        """The fewest lots that cost a dollar, counted up one by one."""
        lots = 1
        while (walked := self.asks[number].at(lots)) is not None:
            if walked[0] >= 1_000_000:
                return lots
            lots += 1
        return None

    def _gift(self, number: int, surplus: int) -> int:
        """The most that up to `surplus` lots bring, sold or paired, whatever the size."""
        known = self.gifts[number]
        leg = self.case.legs[number]
        least = -(-leg.min_size // LOT)
        for lots in range(len(known), surplus + 1):
            best = known[-1]
            # A FAK SELL needs price x size in hundredths of a cent; every price on the tick must allow it.
            if lots >= least and lots * leg.tick % 100 == 0 and lots <= leg.sellable // LOT:
                walked = self.bids[number].at(lots)
                if walked is not None:
                    raw, fees, _ = walked
                    best = max(best, raw - fees - self._extra(leg, raw, lots))
            paired = self.others[number].at(lots) if lots >= least else None
            if paired is not None and paired[0] >= 1_000_000:
                raw, fees, _ = paired
                best = max(best, ONE * lots - raw - fees - self._extra(leg, raw, lots))
            known.append(best)
        return known[surplus]

    def worth(self, sets: int, *, give_back: bool) -> int | None:
        """Worst-case profit of ending with so many lots of sets; None where something forbids it."""
        case = self.case
        total = sets * ONE - case.paid
        outlays, losses = [], []
        least = min(self.held)
        surplus = [held - least for held in self.held]
        for number, held in enumerate(self.held):
            if held < sets:
                missing = sets - held
                bought = self._once("buy", number, missing, partial(self._buy, number, missing))
                if bought is None:
                    return None
                lots, cost, most = bought
                total -= cost
                outlays.append(most)
                before = self._dumped(number, surplus[number])
                surplus[number] += lots
                losses.append(max(0, most + before - self._dumped(number, surplus[number])))
            elif give_back:
                total += self._gift(number, held - sets)
        if outlays:
            if sum(outlays) > case.room:
                return None
            now = case.paid - least * ONE
            soft_now = now - self._dumps(least)
            whole = case.paid + sum(outlays) - sets * ONE
            hard = max(now + sum(outlays) - min(outlays), whole)
            soft = max(soft_now + sum(losses) - min(losses), whole - self._dumps(sets))
            if hard > max(case.risk.hard, now) or soft > max(case.risk.bound, soft_now):
                return None
            printed = case.risk.bound + case.risk.rests
            before = self._within(soft_now, now, [held - least for held in self.held])
            if self._within(soft, hard, surplus) > max(printed, before):
                return None
        return total

    def dumped(self, held: Sequence[int], filled: Sequence[tuple[int, int, int]]) -> int:
        """What is lost when these purchases (leg, lots, money) fill and all beyond the sets is dumped."""
        after = list(held)
        for number, lots, _ in filled:
            after[number] += lots
        spent = self.case.paid + sum(money for _, _, money in filled)
        least = min(held)
        back = sum(self._dumped(number, lots - least) for number, lots in enumerate(after))
        return spent - least * ONE - back

    def _within(self, soft: int, hard: int, surplus: Sequence[int]) -> int:
        """L with the rests of every leg but one, at most L0."""
        rests = [self._rested(number, lots) for number, lots in enumerate(surplus)]
        return max(soft, min(hard, soft + sum(rests) - min(rests)))

    def _dumps(self, sets: int) -> int:
        """What everything beyond so many lots brings under stress."""
        return sum(self._dumped(number, max(0, held - sets)) for number, held in enumerate(self.held))

    def best(self) -> int:
        """The highest worst case over everything that can be done."""
        least = min(self.held)
        most = max(least, self.case.wanted // LOT) if self.case.may_buy else least
        found = [
            self.worth(sets, give_back=give_back)
            for sets in range(least, most + 1)
            for give_back in (False, True)
        ]
        return max(worth for worth in found if worth is not None)


def random_case(seed: object, *, sets_max: int = 12) -> RepairCase:
    """A broken set of 2 to 8 legs: some whole, some short, some with nothing; books deep, thin or absent."""
    draw = Random(f"repair/{seed}")
    count = draw.randint(2, 8)
    tick = draw.choice([100, 10, 10, 10, 50])
    wanted = draw.randint(2, sets_max) * 100
    shares = [draw.random() + 0.05 for _ in range(count)]
    fair = [max(2 * tick, int(9_800 * s / sum(shares)) // tick * tick) for s in shares]
    fee = FeeCurve(draw.choice([0, 20_000, 40_000, 70_000]), 1)
    legs, spent = [], 0
    for number, price in enumerate(fair):
        moved = draw.choice([0, 0, 0, tick, 3 * tick, -tick, price // 3 // tick * tick])
        ask = min(max(price + moved, tick), ONE - 2 * tick)
        filled = draw.choice([wanted, wanted, wanted, 0, 0, draw.randrange(0, wanted + 1)])
        if draw.random() < 0.6:
            filled = filled // 100 * 100
        held = filled * LOT
        spent += filled * price + fee_of(fee, price, filled)
        bids = random_ladder(draw, ask - tick * draw.choice([1, 1, 2, 5]), -tick, wanted)
        legs.append(
            RepairLeg(
                number=number,
                token_id=TokenId(f"yes-{number}"),
                condition_id=ConditionId(f"c-{number}"),
                name=f"Leg {number}",
                neg_risk=True,
                tick=Price(tick),
                fee=fee,
                min_size=Size(draw.choice([1, 1, 2, 5]) * 1_000_000),
                held=Size(held),
                sellable=Size(held if draw.random() < 0.8 else held // 2 // LOT * LOT),
                asks=random_ladder(draw, ask, tick, wanted),
                bids=bids,
                other=TokenId(f"no-{number}"),
                other_asks=tuple(Level(Price(ONE - b.price), b.size) for b in bids)
                if draw.random() < 0.5
                else (),
            )
        )
    outlays = [outlay_of(fee, p, wanted) for p in fair]
    hard = sum(outlays) - min(outlays)
    bound = hard // draw.choice([1, 2, 4, 8])
    case = RepairCase(
        legs=tuple(legs),
        wanted=Size(wanted * LOT),
        paid=Usdc(spent),
        risk=LegRisk(bound=Usdc(bound), hard=Usdc(hard), rests=Usdc((hard - bound) // (count % 3 + 1))),
        costs=Costs(slippage_ticks=draw.choice([0, 0, 1]), fee_bps=draw.choice([0, 0, 25])),
        stress_levels=draw.choice([0, 1]),
        room=Usdc(10**12),
        may_buy=draw.random() < 0.95,
    )
    if draw.random() < 0.95:
        return case
    # Room for purchases alone: which pairs it should go to instead is not tried here.
    bare = tuple(replace(leg, other_asks=()) for leg in case.legs)
    return replace(case, legs=bare, room=Usdc(draw.randrange(1, 10**7)))


def random_ladder(draw: Random, first: int, step: int, wanted: int) -> tuple[Level, ...]:
    """Up to five levels from `first` on, thin or deep, on the tick and inside the book."""
    found = []
    price = first
    for _ in range(draw.choice([0, 1, 2, 3, 5])):
        if not abs(step) <= price <= ONE - abs(step):
            break
        size = draw.choice([wanted * 2, wanted, max(1, wanted // 3), draw.randint(1, wanted)])
        found.append(Level(Price(price), Size(size * LOT)))
        price += step * draw.choice([1, 1, 2, 7])
    return tuple(found)

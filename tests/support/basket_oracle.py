"""The cheapest repair of a basket of NO by trying every level, lot by lot: slow, simple, written on its own.

Shares no code with `core.repair.basket_ways` beyond the values that go in; money as in `repair_oracle`.
"""

from bisect import bisect_left
from dataclasses import replace
from random import Random

from engine.core.repair.remedies import RepairCase, RepairLeg
from engine.core.repair.repair_walk import Costs
from engine.domain.book import Level
from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, TokenId
from engine.domain.plan import LegRisk, PlanKind
from engine.domain.units import Price, Size, Usdc
from tests.support.repair_oracle import LOT, ONE, Oracle, fee_of, outlay_of, random_ladder

Row = tuple[int, int, int, str]
"""One order: lots, what it brings (below 0: costs), what it costs at its limit (below 0: brings), which."""


class BasketOracle(Oracle):
    """Every way out of one broken basket, tried."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cuts = [self._cuts(number) for number in range(len(self.held))]
        self.adds = [self._adds(number) for number in range(len(self.held))]

    def _least(self, number: int) -> int:
        return -(-self.case.legs[number].min_size // LOT)

    def _cuts(self, number: int) -> list[Row | None]:
        """For every surplus the order of at least so many lots that loses least."""
        leg, held = self.case.legs[number], self.held[number]
        slip = self.case.costs.slippage_ticks * leg.tick
        best: list[Row | None] = [None] * (held + 1)
        found: Row | None = None
        for lots in range(held, 0, -1):
            rows: list[Row] = []
            sold = self.bids[number].at(lots)
            if sold and lots <= leg.sellable // LOT and lots * leg.tick % 100 == 0:
                limit = max(sold[2] - slip, leg.tick)
                brings = sold[0] - sold[1] - self._extra(leg, sold[0], lots)
                rows.append((lots, brings, fee_of(leg.fee, limit, lots) - limit * lots, "sell"))
            paired = self.others[number].at(lots)
            if paired and paired[0] >= 1_000_000:
                brings = lots * ONE - paired[0] - paired[1] - self._extra(leg, paired[0], lots)
                most = outlay_of(leg.fee, self._limit(leg, paired[2]), lots)
                rows.append((lots, brings, most - lots * ONE, "pair"))
            for row in rows if lots >= self._least(number) else ():
                if found is None or row[1] - row[0] * ONE > found[1] - found[0] * ONE:
                    found = row
            best[lots] = found
        return best

    def _adds(self, number: int) -> list[Row | None]:
        """For every number of missing lots the purchase of at most so many that adds most."""
        leg = self.case.legs[number]
        best: list[Row | None] = [None]
        for lots in range(1, max(0, self.case.wanted // LOT - self.held[number]) + 1):
            found = best[-1]
            walked = self.asks[number].at(lots)
            if walked and walked[0] >= 1_000_000 and lots >= self._least(number):
                cost = walked[0] + walked[1] + self._extra(leg, walked[0], lots)
                before = 0 if found is None else found[0] * ONE + found[1]
                if lots * ONE - cost > before:
                    most = outlay_of(leg.fee, self._limit(leg, walked[2]), lots)
                    found = lots, -cost, most, "buy"
            best.append(found)
        return best

    def orders(self, level: int, bought_to: int) -> list[Row | None] | None:
        """Orders after which no leg is above a level, others bought up to `bought_to`; None without books."""
        orders: list[Row | None] = []
        for number, held in enumerate(self.held):
            order = None
            if held > level:
                order = self.cuts[number][held - level]
                if order is None:
                    return None
            elif held < bought_to:
                order = self.adds[number][bought_to - held]
            orders.append(order)
        return orders

    def worth_of(self, orders: list[Row | None]) -> int:
        """Worst-case profit of these orders."""
        after = self._filled(orders)
        return (sum(after) - max(after)) * ONE - self.case.paid + sum(row[1] for row in orders if row)

    def _filled(self, orders: list[Row | None]) -> list[int]:
        return [
            held + (0 if row is None else row[0] if row[3] == "buy" else -row[0])
            for held, row in zip(self.held, orders, strict=True)
        ]

    def _allowed(self, orders: list[Row | None]) -> bool:
        case = self.case
        sent = [row for row in orders if row]
        outlay = sum(
            row[2] + (row[0] * ONE if row[3] == "pair" else 0) for row in sent if row[3] in ("buy", "pair")
        )
        if outlay > case.room:
            return False
        if not sent:
            return True
        hard_now, soft_now = self._now()
        hard = max(self._lost(true, orders) for true in range(len(self.held)))
        dumped = [self._dumped(n, held) for n, held in enumerate(self.held)]
        everything = case.paid - sum(dumped)
        losses = []
        for number, row in enumerate(orders):
            if row and row[3] == "buy":
                more = self._dumped(number, self.held[number] + row[0]) - dumped[number]
                losses.append(max(0, row[2] - more))
        part = everything + sum(losses) - (min(losses) if len(losses) == len(sent) else 0)
        after = self._filled(orders)
        whole = case.paid + sum(row[2] for row in sent) - min(sum(after) - one for one in after) * ONE
        soft = max(min(hard, part), min(whole, everything + sum(losses)))
        bound = max(case.risk.bound, soft_now)
        printed = max(case.risk.bound + case.risk.rests, self._reach(soft_now, hard_now, self.held))
        if not losses:  # sales and pairs alone: dumping everything is as good after them as before
            rests = sum(self._rested(n, lots) for n, lots in enumerate(self.held))
            bound, printed = max(bound, everything), max(printed, everything + rests)
        if hard > max(case.risk.hard, hard_now) or soft > bound:
            return False
        most = [max(pair) for pair in zip(self.held, after, strict=True)]
        return self._reach(soft, hard, most) <= printed

    def _reach(self, soft: int, hard: int, most: list[int]) -> int:
        rests = sum(self._rested(number, lots) for number, lots in enumerate(most))
        return max(soft, min(hard, soft + rests))

    def _now(self) -> tuple[int, int]:
        """L0 and L if nothing is sent: held, with what the largest has alone dumped, or everything dumped."""
        hard = max(self._lost(true, [None] * len(self.held)) for true in range(len(self.held)))
        ranked = sorted(range(len(self.held)), key=lambda n: (-self.held[n], n))
        alone = self.held[ranked[0]] - (self.held[ranked[1]] if len(ranked) > 1 else 0)
        everything = self.case.paid - sum(self._dumped(n, held) for n, held in enumerate(self.held))
        return hard, min(hard - self._dumped(ranked[0], alone), everything)

    def _lost(self, true: int, orders: list[Row | None]) -> int:
        """What is lost if one outcome comes true and whichever orders fill that make it worse."""
        lost: int = self.case.paid
        for number, (held, row) in enumerate(zip(self.held, orders, strict=True)):
            pays = 0 if number == true else ONE
            lost -= held * pays
            if row:
                change = row[0] * pays * (1 if row[3] == "buy" else -1)
                lost += max(0, row[2] - change)
        return lost

    def best(self) -> int:
        """The highest worst case over everything that can be done; what cannot be it is not judged."""
        largest = max(self.held)
        wanted = self.case.wanted // LOT if self.case.may_buy else 0
        best = self.worth_of([None] * len(self.held))
        for level in range(max(largest, wanted) + 1):
            most = min(level, wanted)
            freely = self.orders(level, most)
            if freely is None or self.worth_of(freely) <= best:
                continue
            if level < largest:
                # With a cut among the orders every bound only grows with what is bought.
                tried = [bisect_left(range(1, most + 1), 1, key=lambda to: not self._fits(level, to))]
            else:
                # Above the largest holding a level is nothing but what is bought up to it.
                tried = list(range(most, -1, -1)) if level == largest else [most]
            for bought_to in tried:
                orders = self.orders(level, bought_to)
                # Buying more up to a level only adds.
                if orders is None or (worth := self.worth_of(orders)) <= best:
                    break
                if self._allowed(orders):
                    best = worth
                    break
        return best

    def _fits(self, level: int, bought_to: int) -> bool:
        orders = self.orders(level, bought_to)
        return orders is not None and self._allowed(orders)


def random_basket(seed: object, *, sets_max: int = 12) -> RepairCase:
    """A broken basket of 2 to 8 legs: some whole, some short, some with nothing; books deep, thin, absent."""
    draw = Random(f"basket/{seed}")
    count = draw.randint(2, 8)
    tick = draw.choice([100, 10, 10, 50])
    capped = draw.random() < 0.2
    wanted = draw.randint(2, 3 if capped else sets_max) * 100
    parts = [draw.random() + 0.05 for _ in range(count)]
    total = draw.randint(10_000, 12_500)
    fair = [ONE - min(max(3 * tick, int(total * p / sum(parts)) // tick * tick), 9_000) for p in parts]
    fee = FeeCurve(draw.choice([0, 20_000, 40_000]), 1)
    legs, spent = [], 0
    for number, price in enumerate(fair):
        moved = draw.choice([0, 0, 0, tick, 3 * tick, -tick, -(price // 3 // tick * tick)])
        ask = min(max(price + moved, 2 * tick), ONE - tick)
        filled = draw.choice([wanted, wanted, wanted, 0, 0, draw.randrange(0, wanted + 1)])
        if draw.random() < 0.6:
            filled = filled // 100 * 100
        spent += filled * price + fee_of(fee, price, filled)
        bids = random_ladder(draw, max(tick, ask - tick * draw.choice([1, 1, 2, 5])), -tick, wanted)
        mirrored = tuple(Level(Price(ONE - bid.price), bid.size) for bid in bids)
        legs.append(
            RepairLeg(
                number=number,
                token_id=TokenId(f"no-{number}"),
                condition_id=ConditionId(f"c-{number}"),
                name=f"Leg {number}",
                neg_risk=True,
                tick=Price(tick),
                fee=fee,
                min_size=Size(draw.choice([1, 1, 2, 5]) * 1_000_000),
                held=Size(filled * LOT),
                sellable=Size((filled if draw.random() < 0.8 else filled // 2) * LOT),
                asks=random_ladder(draw, ask, tick, wanted),
                bids=bids,
                other=TokenId(f"yes-{number}"),
                other_asks=mirrored if draw.random() < 0.5 else (),
            )
        )
    outlays = [outlay_of(fee, p + tick * draw.choice([0, 1]), wanted) for p in fair]
    hard = max(outlays) if draw.random() < 0.8 else sum(outlays)
    bound = hard // draw.choice([1, 2, 8, 16])
    case = RepairCase(
        legs=tuple(legs),
        wanted=Size(wanted * LOT),
        paid=Usdc(spent),
        risk=LegRisk(bound=Usdc(bound), hard=Usdc(hard), rests=Usdc((hard - bound) // (count % 3 + 1))),
        costs=Costs(slippage_ticks=draw.choice([0, 0, 1]), fee_bps=draw.choice([0, 0, 25])),
        stress_levels=draw.choice([0, 1]),
        room=Usdc(10**12),
        may_buy=draw.random() < 0.95,
        kind=PlanKind.NO_SET,
    )
    if not capped:
        return case
    # Room for purchases alone: which pairs it should go to instead is not tried here.
    bare = tuple(replace(leg, other_asks=()) for leg in case.legs)
    return replace(case, legs=bare, room=Usdc(draw.randrange(1, 10**7)))

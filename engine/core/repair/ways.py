"""The cheapest way out of a set of which only some legs are held: complete, give back, both, or hold.

What a holding is worth in the worst case is its smallest leg: exactly one outcome pays, and it may be that
one. So with T the number of complete sets afterwards, every leg stands alone (strategy 4.4):

    worth(T) = T - paid - sum of buying h_i up to T + sum of giving back what a leg holds beyond T

Both sums are step functions of T; the best T is sought where a ladder's level ends, a minimum order begins or
a holding is reached, and, as fees are rounded and sales have a step, in the lots around the best of these.
A broken sale of sets is the same: what is not sold of the sets it opened is held, at a dollar a set. A basket
of NO pays otherwise: `engine.core.repair.basket_ways`. Sunk cost does not decide: it is the same for every
way. Pure, integers, no clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from engine.core.repair.basket_ways import BasketSearch
from engine.core.repair.leg_ladders import LegLadders
from engine.core.repair.remedies import Remedies, Remedy, RepairCase, way_named
from engine.core.repair.repair_walk import Trade
from engine.domain.plan import LegRisk, PlanKind
from engine.domain.repair import RepairWay
from engine.domain.units import LOT, PRICE_ONE, Size, Usdc

ROUNDS_MAX = 4
"""Times the search around the best size is begun again from a better one."""


def price_remedies(case: RepairCase) -> Remedies:
    """Return every way out of this case, the cheapest in the worst case first."""
    found = list(_found(case))
    if any(leg.other_asks for leg in case.legs):
        # Pairs cost cash that is freed by a merge only: where the caps have no room for it, without them.
        bare = tuple(replace(leg, other_asks=()) for leg in case.legs)
        found += _found(replace(case, legs=bare))
    ways: dict[RepairWay, Remedy] = {}
    for remedy in found:
        if remedy is not None:
            known = ways.get(remedy.way)
            if known is None or _rank(remedy) < _rank(known):
                ways[remedy.way] = remedy
    return Remedies(tuple(sorted(ways.values(), key=_rank)))


def risk_of(case: RepairCase, sets: Size, trades: Sequence[Trade]) -> LegRisk | None:
    """Return what these orders may lose in all, None if beyond the bound; a set has `sets` left by them."""
    if case.kind is PlanKind.NO_SET:
        return BasketSearch(case).risk(trades)
    return _Search(case).risk(sets // LOT, [trade for trade in trades if trade.completes])


def _rank(remedy: Remedy) -> tuple[int, int]:
    return -remedy.worth, len(remedy.trades)


def _found(case: RepairCase) -> Iterator[Remedy | None]:
    if case.kind is PlanKind.NO_SET:
        yield from BasketSearch(case).found()
        return
    search = _Search(case)
    yield search.at(search.least, give_back=False)
    yield search.at(search.least, give_back=True)
    yield search.best(give_back=False)
    yield search.best(give_back=True)


class _Search:
    """One case with everything worked out that does not depend on the number of sets."""

    def __init__(self, case: RepairCase) -> None:
        self.case = case
        self.legs = [LegLadders(leg, case) for leg in case.legs]
        self.one_market = len({leg.condition_id for leg in case.legs}) == 1
        self.least = min(leg.held for leg in self.legs)
        self.most = max(self.least, case.wanted // LOT) if case.may_buy else self.least
        hard = case.paid - self.least * PRICE_ONE
        soft = hard - sum(leg.dump(leg.held - self.least) for leg in self.legs)
        self.now = self._with_rests(soft, hard, {})
        """What is lost if nothing is sent: L0 if single shares become worthless, L if dumped under stress."""

    def best(self, *, give_back: bool) -> Remedy | None:
        """Return the best remedy that buys at least one missing leg."""
        best: Remedy | None = None
        for sets in self._candidates():
            best = self._better(best, self.at(sets, give_back=give_back))
        reach = max(20, 2 * max(leg.sells.step for leg in self.legs))
        for _ in range(ROUNDS_MAX):
            if best is None:
                break
            middle = best.sets // LOT
            before = best
            for sets in range(max(self.least + 1, middle - reach), min(self.most, middle + reach) + 1):
                best = self._better(best, self.at(sets, give_back=give_back))
            if best is before:
                break
        return best

    @staticmethod
    def _better(best: Remedy | None, found: Remedy | None) -> Remedy | None:
        return found if found is not None and (best is None or found.worth > best.worth) else best

    def _candidates(self) -> list[int]:
        """Return the sizes to look at: every mark, the last one the bounds allow, each also on sale steps."""
        marks = {self.least + 1, self.most, *(mark for leg in self.legs for mark in leg.marks())}
        marks.add(self._last_allowed())
        grids = {(leg.held % leg.sells.step, leg.sells.step) for leg in self.legs if leg.sells.step > 1}
        for rest, step in grids:
            marks |= {mark - (mark - rest) % step for mark in marks}
            marks |= {mark + (rest - mark) % step for mark in marks}
        return sorted(mark for mark in marks if self.least < mark <= self.most)

    def _last_allowed(self) -> int:
        """Return the largest size whose purchases stay within the bounds; they only grow with it."""
        low, high = self.least, self.most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.at(middle, give_back=False) is not None else (low, middle - 1)
        return low

    def at(self, sets: int, *, give_back: bool) -> Remedy | None:
        """Return the remedy that ends with so many lots of sets; None where bounds or books forbid it."""
        bought: list[Trade] = []
        given: list[Trade] = []
        for leg in self.legs:
            if leg.held < sets:
                order = leg.buy(sets - leg.held)
                if order is None:
                    return None
                bought.append(order)
            elif give_back and leg.held > sets and (back := leg.give_back(leg.held - sets)) is not None:
                given.append(back)
        if self.one_market and bought and given:
            return None  # a sale of one and a purchase of the other meet the same resting orders
        risk = self.risk(sets, bought)
        trades = sorted([*bought, *given], key=lambda trade: trade.leg)
        if risk is None or sum(trade.outlay_max for trade in trades) > self.case.room:
            return None
        way = way_named(self.case.kind, completes=bool(bought), gives_back=bool(given))
        worth = sets * PRICE_ONE - self.case.paid + sum(trade.worth for trade in trades)
        return Remedy(way, Size(sets * LOT), tuple(trades), Usdc(worth), risk)

    def risk(self, sets: int, bought: Sequence[Trade]) -> LegRisk | None:
        """Return the most that can be lost in all on the way there; None if beyond what the card printed.

        As before a first send (strategy 4.3): the worst proper subset of the purchases fills, and is held
        (L0) or dumped under stress (L). What was beyond the printed bound already must not grow.
        """
        if not bought:
            return self.now
        outlays = [trade.outlay_max for trade in bought]
        legs = {leg.leg.number: leg for leg in self.legs}
        losses = [
            max(0, trade.outlay_max - self._dump_beside(legs[trade.leg], trade.lots)) for trade in bought
        ]
        whole = self.case.paid + sum(outlays) - sets * PRICE_ONE
        left = sum(leg.dump(leg.held - sets) for leg in self.legs if leg.held > sets)
        hard = max(self.now.hard + sum(outlays) - min(outlays), whole)
        soft = max(self.now.bound + sum(losses) - min(losses), whole - left)
        printed = self.case.risk
        if hard > max(printed.hard, self.now.hard) or soft > max(printed.bound, self.now.bound):
            return None
        lots = {trade.leg: trade.lots for trade in bought}
        risk = self._with_rests(soft, hard, lots)
        within = max(printed.within_stress, self.now.within_stress)
        return risk if risk.within_stress <= within else None

    def _dump_beside(self, leg: LegLadders, lots: int) -> int:
        """Return what so many lots bring behind those of the leg that are dumped without them."""
        surplus = leg.held - self.least
        return leg.dump(surplus + lots) - leg.dump(surplus)

    def _with_rests(self, soft: int, hard: int, bought: Mapping[int, int]) -> LegRisk:
        """Return L and L0 with the rests that any leg may be left with; one leg at least has no surplus."""
        surplus = [leg.held - self.least + bought.get(leg.leg.number, 0) for leg in self.legs]
        rests = [leg.rest(lots) for leg, lots in zip(self.legs, surplus, strict=True)]
        most = max(0, min(sum(rests) - min(rests), hard - soft))
        return LegRisk(bound=Usdc(soft), hard=Usdc(hard), rests=Usdc(most))

"""The cheapest way out of a set of which only some legs are held: complete, give back, both, or hold.

What a holding is worth in the worst case is its smallest leg: exactly one outcome pays, and it may be that
one. So with T the number of complete sets afterwards, every leg stands alone (strategy 4.4):

    worth(T) = T - paid - sum of buying h_i up to T + sum of giving back what a leg holds beyond T

Both sums are step functions of T; the best T is sought where a ladder's level ends, a minimum order begins or
a holding is reached, and, as fees are rounded and sales have a step, in the lots around the best of these.
Sunk cost does not decide: it is the same for every way. Pure, integers, no clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from engine.core.dutch.leg_risk import RestTerms, dump_proceeds, rest_of
from engine.core.order_terms import MARKETABLE_MIN
from engine.core.repair.repair_walk import Costs, Trade, Walk
from engine.domain.book import Level
from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import Side
from engine.domain.plan import LegRisk
from engine.domain.repair import RepairWay
from engine.domain.units import LOT, PRICE_ONE, Price, Rounding, Size, Usdc, divide

ROUNDS_MAX = 4
"""Times the search around the best size is begun again from a better one."""


@dataclass(frozen=True, slots=True)
class RepairLeg:
    """One leg of the broken set as it stands; empty ladders where no book is proven."""

    number: int
    token_id: TokenId
    condition_id: ConditionId
    name: str
    neg_risk: bool
    tick: Price
    fee: FeeCurve
    min_size: Size
    held: Size
    """Shares of this ticket and its repairs that are not paired with their complement."""
    sellable: Size
    """Of these, what the venue has confirmed and nothing else is selling."""
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    other: TokenId
    """The complement."""
    other_asks: tuple[Level, ...]
    """Empty where the complement is a leg itself."""


@dataclass(frozen=True, slots=True)
class RepairCase:
    """Everything a repair is decided on."""

    legs: tuple[RepairLeg, ...]
    wanted: Size
    """Sets of the broken plan: more are never bought."""
    paid: Usdc
    """Cash and fees paid so far minus what came back, pairs counted as the dollar they are."""
    risk: LegRisk
    """What the broken ticket's card printed before it was sent."""
    costs: Costs
    stress_levels: int
    room: Usdc
    """The most that new orders may take under every cap."""
    may_buy: bool
    """False while only dumping is allowed: rules that changed, or an event that may not be bought."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way out, priced."""

    way: RepairWay
    sets: Size
    """Complete sets afterwards."""
    trades: tuple[Trade, ...]
    worth: Usdc
    """Profit of the whole ticket in the worst case, negative for a loss."""
    risk: LegRisk
    """The most that can be lost in all if only some of these orders fill: L while bids hold, L0 always."""


@dataclass(frozen=True, slots=True)
class Remedies:
    """The best of every way; the first is the one to take, `LEAVE` is always among them."""

    ranked: tuple[Remedy, ...]

    @property
    def best(self) -> Remedy:
        """Return the one with the highest worst case; among equals the one with the fewest orders."""
        return self.ranked[0]

    def of(self, way: RepairWay) -> Remedy | None:
        """Return the best of one way, None if the books or the bounds have none."""
        return next((remedy for remedy in self.ranked if remedy.way is way), None)


def price_remedies(case: RepairCase) -> Remedies:
    """Return every way out of this case, the cheapest in the worst case first."""
    found = list(_found(_Search(case)))
    if any(leg.other_asks for leg in case.legs):
        # Pairs cost cash that is freed by a merge only: where the caps have no room for it, without them.
        bare = tuple(replace(leg, other_asks=()) for leg in case.legs)
        found += _found(_Search(replace(case, legs=bare)))
    ways: dict[RepairWay, Remedy] = {}
    for remedy in found:
        if remedy is not None:
            known = ways.get(remedy.way)
            if known is None or remedy.worth > known.worth:
                ways[remedy.way] = remedy
    return Remedies(tuple(sorted(ways.values(), key=lambda r: (-r.worth, len(r.trades)))))


def risk_of(case: RepairCase, sets: Size, bought: Sequence[Trade]) -> LegRisk | None:
    """Return what these purchases, which end with so many sets, may lose in all; None if beyond the bound."""
    return _Search(case).risk(sets // LOT, bought)


def _found(search: "_Search") -> Iterator[Remedy | None]:
    yield search.at(search.least, give_back=False)
    yield search.at(search.least, give_back=True)
    yield search.best(give_back=False)
    yield search.best(give_back=True)


class _Leg:
    """One leg with its three ladders and the bounds of an order on each."""

    def __init__(self, leg: RepairLeg, case: RepairCase) -> None:
        self.leg = leg
        self.held = leg.held // LOT
        self.least = divide(leg.min_size, LOT, Rounding.UP)
        self.buys = self._walk(leg, case.costs, leg.token_id, Side.BUY, leg.asks)
        self.sells = self._walk(leg, case.costs, leg.token_id, Side.SELL, leg.bids)
        self.pairs = self._walk(leg, case.costs, leg.other, Side.BUY, leg.other_asks, pairs=True)
        self.sells_most = min(leg.sellable // LOT, self.sells.paying())
        self.pairs_most = self.pairs.paying()
        self._stress = case.stress_levels
        self._rests = RestTerms(
            least=leg.min_size,
            step=Size(self.sells.step * LOT),
            slippage=Price(case.costs.slippage_ticks * leg.tick),
            stress_levels=case.stress_levels,
        )
        self._given: dict[int, Trade | None] = {}

    @staticmethod
    def _walk(
        leg: RepairLeg,
        costs: Costs,
        token: TokenId,
        side: Side,
        levels: Sequence[Level],
        *,
        pairs: bool = False,
    ) -> Walk:
        return Walk(leg.number, token, side, levels, tick=leg.tick, fee=leg.fee, costs=costs, pairs=pairs)

    @cached_property
    def buys_least(self) -> int | None:
        """Fewest lots the venue takes of a BUY; None if the book is not worth a dollar."""
        worth = self.buys.lots_worth(MARKETABLE_MIN)
        return None if worth is None else max(self.least, worth)

    @cached_property
    def pairs_least(self) -> int | None:
        """The same for a BUY of the complement."""
        worth = self.pairs.lots_worth(MARKETABLE_MIN)
        return None if worth is None else max(self.least, worth)

    def buy(self, missing: int) -> Trade | None:
        """Return the order that brings the missing lots, more where the venue's minimum demands it."""
        return None if self.buys_least is None else self.buys.trade(max(missing, self.buys_least))

    def give_back(self, surplus: int) -> Trade | None:
        """Return what brings the most for at most so many lots, None if holding them is no worse."""
        if surplus not in self._given:
            self._given[surplus] = self._better(surplus)
        return self._given[surplus]

    def _better(self, surplus: int) -> Trade | None:
        sold = min(surplus, self.sells_most) // self.sells.step * self.sells.step
        paired = min(surplus, self.pairs_most)
        found = [
            self.sells.trade(sold) if sold >= self.least else None,
            self.pairs.trade(paired) if self.pairs_least is not None and paired >= self.pairs_least else None,
        ]
        # A sale needs no chain step: it goes first among equals.
        trades = [trade for trade in found if trade is not None and trade.worth > 0]
        return max(trades, key=lambda trade: trade.worth, default=None)

    def dump(self, lots: int) -> int:
        """Return what so many lots bring when the best bids have gone first, micro-dollars."""
        size = Size(lots * LOT)
        return dump_proceeds(self.leg.bids, self.leg.fee, size, stress_levels=self._stress) if lots else 0

    def rest(self, lots: int) -> int:
        """Return what of that may not come about, because it is less than the venue takes back."""
        return rest_of(self.leg.bids, self.leg.fee, Size(lots * LOT), self._rests) if lots else 0

    def marks(self) -> Iterator[int]:
        """Yield the numbers of sets at which something about this leg changes."""
        yield self.held
        yield from (self.held + end for end in self.buys.ends)
        if self.buys_least is not None:
            yield self.held + self.buys_least
        for most, ladder in ((self.sells_most, self.sells), (self.pairs_most, self.pairs)):
            yield self.held - most
            yield from (self.held - end for end in ladder.ends)
        yield self.held - self.least
        if self.pairs_least is not None:
            yield self.held - self.pairs_least


class _Search:
    """One case with everything worked out that does not depend on the number of sets."""

    def __init__(self, case: RepairCase) -> None:
        self.case = case
        self.legs = [_Leg(leg, case) for leg in case.legs]
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
        way = RepairWay.LEAVE
        if bought or given:
            way = RepairWay.BOTH if bought and given else RepairWay.COMPLETE if bought else RepairWay.UNWIND
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

    def _dump_beside(self, leg: _Leg, lots: int) -> int:
        """Return what so many lots bring behind those of the leg that are dumped without them."""
        surplus = leg.held - self.least
        return leg.dump(surplus + lots) - leg.dump(surplus)

    def _with_rests(self, soft: int, hard: int, bought: Mapping[int, int]) -> LegRisk:
        """Return L and L0 with the rests that any leg may be left with; one leg at least has no surplus."""
        surplus = [leg.held - self.least + bought.get(leg.leg.number, 0) for leg in self.legs]
        rests = [leg.rest(lots) for leg, lots in zip(self.legs, surplus, strict=True)]
        most = max(0, min(sum(rests) - min(rests), hard - soft))
        return LegRisk(bound=Usdc(soft), hard=Usdc(hard), rests=Usdc(most))

"""What can be lost when only some legs of a batch fill (strategy 4.3), before anything is sent.

Exact in integers: outlays are rounded up, proceeds down. This module only judges; it sizes nothing and
knows no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from engine.domain.book import Level
from engine.domain.fees import FeeCurve, taker_fee
from engine.domain.plan import LegRisk
from engine.domain.units import LOT, Price, Rounding, Size, Usdc, notional


@dataclass(frozen=True, slots=True)
class RestTerms:
    """What decides how much of a leg cannot be sold again although there are bids."""

    least: Size
    """The venue's smallest order."""
    step: Size
    """Sales are whole multiples of it."""
    slippage: Price
    """What a repair reckons for slippage, per share."""
    stress_levels: int


@dataclass(frozen=True, slots=True)
class LegStake:
    """One BUY leg filled in full, at its dearest, and what selling it again at once would bring."""

    outlay: Usdc
    proceeds: Usdc

    @property
    def loss(self) -> Usdc:
        """What is lost by buying and dumping; never negative."""
        return Usdc(max(0, self.outlay - self.proceeds))


def dump_proceeds(bids: Sequence[Level], fee: FeeCurve, size: Size, *, stress_levels: int) -> Usdc:
    """Return what selling `size` brings when the best `stress_levels` bids are gone first.

    Net of the taker fee, rounded up per level; what finds no bid brings nothing; at least 0.
    """
    proceeds = 0
    left = size
    for bid in bids[stress_levels:]:
        taken = Size(min(left, bid.size))
        proceeds += notional(bid.price, taken, Rounding.DOWN) - taker_fee(fee, bid.price, taken, Rounding.UP)
        left = Size(left - taken)
        if left == 0:
            break
    return Usdc(max(0, proceeds))


def rest_of(bids: Sequence[Level], fee: FeeCurve, size: Size, terms: RestTerms) -> Usdc:
    """Return the most of a leg's dump that may not come about, because it is less than the venue takes.

    L dumps every share. What fills, or is left of a sale, below the least order or between a sale's steps is
    held instead, and so is what only bids would take that bring no more than the slippage.
    """
    grain = Size(min(size, max(terms.least, terms.step) - LOT))
    within = bids[terms.stress_levels :]
    held = dump_proceeds(within, fee, grain, stress_levels=0)
    if not within or within[-1].price > terms.slippage:  # most books: nothing more to walk
        return held
    paying = [bid for bid in within if bid.price > terms.slippage]
    whole = dump_proceeds(within, fee, size, stress_levels=0)
    unpaid = whole - dump_proceeds(paying, fee, size, stress_levels=0)
    return Usdc(held + max(0, unpaid))


def with_rests(risk: LegRisk, rests: Sequence[Usdc]) -> LegRisk:
    """Return the same with the rests of all legs.

    The one short of all others has no surplus: what it adds is left to a repair whose books have moved.
    """
    most = sum(rests)
    return LegRisk(bound=risk.bound, hard=risk.hard, rests=Usdc(max(0, min(most, risk.hard - risk.bound))))


def batch_risk(stakes: Sequence[LegStake], *, payout: Usdc) -> LegRisk:
    """Return L and L0 of legs sent together; `payout` is what the complete plan pays.

    L takes the worst proper subset of legs filled and dumped, L0 the same with every bid gone. Strategy 4.3
    counts a complete fill as profit; where minimums force a size whose limit prices add up to more than
    the payout, a complete fill at the limits is the worse case, so L is at least that. Then L also bounds
    every mixture of partly filled legs, because dumping more of a leg never costs less per share.
    """
    assert stakes, "expected at least one leg"
    losses = [stake.loss for stake in stakes]
    outlays = [stake.outlay for stake in stakes]
    complete = sum(outlays) - payout
    return LegRisk(
        bound=Usdc(max(sum(losses) - min(losses), complete, 0)),
        hard=Usdc(max(sum(outlays) - min(outlays), complete)),
    )


def basket_risk(stakes: Sequence[LegStake], *, sets: Usdc) -> LegRisk:
    """Return L and L0 of the NO of exclusive outcomes, bought together; a leg pays `sets` or nothing.

    One outcome at most comes true: of k legs filled k - 1 pay at worst. So of all subsets that fill, the
    complete one among them, the worst is the single leg that costs most, with every other leg that costs
    more than it pays. Held they lose that (L0); dumped, or held where that loses less, L.
    """
    assert stakes, "expected at least one leg"
    over = [stake.outlay - sets for stake in stakes]
    hard = sets + (sum(each for each in over if each > 0) or max(over))
    losses = [stake.loss for stake in stakes]
    complete = sum(over) + sets
    soft = max(sum(losses) - min(losses), complete, 0)
    return LegRisk(bound=Usdc(min(soft, max(0, hard))), hard=Usdc(max(0, hard)))


@dataclass(frozen=True, slots=True)
class SaleStake:
    """One SELL leg: what it brings at its limit, and what the same shares bring when dumped instead."""

    planned: Usdc
    dumped: Usdc


def sale_risk(sales: Sequence[SaleStake], *, value: Usdc) -> LegRisk:
    """Return L and L0 of selling sets that are held and worth `value`; with nothing sold nothing is lost.

    The worst subset sold leaves the other shares to be dumped (L) or to become worthless (L0).
    """
    assert sales, "expected at least one leg"
    swings = [sale.planned - sale.dumped for sale in sales]
    # An adversary sells what brings less than its dump, and at least the one that brings least more.
    kept = sum(sale.dumped for sale in sales) + (sum(min(swing, 0) for swing in swings) or min(swings))
    complete = value - sum(sale.planned for sale in sales)
    return LegRisk(
        bound=Usdc(max(value - kept, complete, 0)),
        hard=Usdc(max(value - min(sale.planned for sale in sales), complete, 0)),
    )


def mixed_risk(buys: Sequence[LegStake], sales: Sequence[SaleStake], *, payout: Usdc) -> LegRisk:
    """Return L and L0 where sales follow a conversion of everything bought, which pays `payout`.

    Either the conversion does not come about and what was bought is dumped, or some sales fail after it.
    """
    assert buys, "expected at least one leg to buy"
    bought = sum(stake.outlay for stake in buys)
    after = bought - payout - sum(min(sale.planned, sale.dumped) for sale in sales)
    return LegRisk(
        bound=Usdc(max(sum(stake.loss for stake in buys), after, 0)),
        hard=Usdc(max(bought, bought - payout)),
    )


def plan_risk(stakes: Sequence[LegStake | SaleStake], *, payout: Usdc, sets: Usdc | None = None) -> LegRisk:
    """Return L and L0 of legs sent together, whatever they are; exact for any number of them.

    `sets` is None but for a basket of NO: there it is what one leg pays, and any two legs pay it once.
    """
    buys = [stake for stake in stakes if isinstance(stake, LegStake)]
    sales = [stake for stake in stakes if isinstance(stake, SaleStake)]
    if sets is not None:
        return basket_risk(buys, sets=sets)
    if not sales:
        return batch_risk(buys, payout=payout)
    if not buys:
        return sale_risk(sales, value=Usdc(-payout))
    return mixed_risk(buys, sales, payout=payout)


def probe_risk(stakes: Sequence[LegStake | SaleStake], *, payout: Usdc, sets: Usdc | None = None) -> LegRisk:
    """Return L and L0 of legs sent one after the other, each only after the fill of the one before.

    `stakes` in the order of sending: only beginnings of it can have filled. Buys, or sales, alone; `sets` as
    in `plan_risk`.
    """
    buys = [stake for stake in stakes if isinstance(stake, LegStake)]
    sales = [stake for stake in stakes if isinstance(stake, SaleStake)]
    assert bool(buys) is not bool(sales), "expected legs of one side"
    if buys:
        complete = sum(stake.outlay for stake in buys) - payout
        bound = max(sum(stake.loss for stake in buys[:-1]), complete, 0)
        hard = max(sum(stake.outlay for stake in buys[:-1]), complete, 0)
        if sets is not None:
            hard = max(0, *(sets + over for over in accumulate(stake.outlay - sets for stake in buys)))
            bound = min(bound, hard)
        return LegRisk(bound=Usdc(bound), hard=Usdc(hard))
    value, sold = -payout, 0
    left: int = sum(sale.dumped for sale in sales)
    bound = hard = 0
    for sale in sales:
        sold, left = sold + sale.planned, left - sale.dumped
        bound, hard = max(bound, value - sold - left), max(hard, value - sold)
    return LegRisk(bound=Usdc(bound), hard=Usdc(hard))


def worth_the_risk(profit: Usdc, bound: Usdc, *, success_pct: int) -> bool:
    """Tell whether success_pct % of `profit` outweighs the rest of L: the test "pi Pi > (1 - pi) L"."""
    assert 0 <= success_pct <= 100, f"expected a percentage, was {success_pct}"
    return success_pct * profit > (100 - success_pct) * bound

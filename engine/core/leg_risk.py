"""What can be lost when only some legs of a batch fill (strategy 4.3), before anything is sent.

Exact in integers: outlays are rounded up, proceeds down. This module only judges; it sizes nothing and
knows no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.domain.book import Level
from engine.domain.fees import FeeCurve, taker_fee
from engine.domain.plan import LegRisk
from engine.domain.units import Rounding, Size, Usdc, notional


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


def worth_the_risk(profit: Usdc, bound: Usdc, *, success_pct: int) -> bool:
    """Tell whether success_pct % of `profit` outweighs the rest of L: the test "pi Pi > (1 - pi) L"."""
    assert 0 <= success_pct <= 100, f"expected a percentage, was {success_pct}"
    return success_pct * profit > (100 - success_pct) * bound

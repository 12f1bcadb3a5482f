"""Where the edge of one set goes at the best prices: the split of strategy 3.8, per set and not per plan."""

from dataclasses import dataclass

from engine.core.dutch.params import DutchParams
from engine.domain.fees import taker_fee
from engine.domain.market import Side
from engine.domain.plan import Plan
from engine.domain.units import PRICE_ONE, SIZE_ONE, USDC_ONE, Rounding, Size, Usdc, divide

BPS_ONE = 10_000
USDC_PER_PRICE = USDC_ONE // PRICE_ONE
"""Micro-dollars of one share per price unit of 1e-4."""


@dataclass(frozen=True, slots=True)
class SetSplit:
    """One set at the touch, in micro-dollars; every cost rounded up."""

    gross: Usdc
    """What a set pays, less the best asks, plus the best bids of what is sold."""
    fee: Usdc
    slippage: Usdc
    buffer: Usdc
    """`fee_bps` of every leg's price."""
    safety: Usdc

    @property
    def net(self) -> Usdc:
        """What is left; a plan is made of units that leave more than 0."""
        return Usdc(self.gross - self.fee - self.slippage - self.buffer - self.safety)


def set_split(plan: Plan, params: DutchParams) -> SetSplit:
    """Return the split of one set of a plan at the best prices it was made on."""
    one = Size(SIZE_ONE)
    payout = plan.margin.payout * SIZE_ONE // plan.size
    paid = sum(leg.touch if leg.side is Side.BUY else -leg.touch for leg in plan.legs)
    turned_over = sum(leg.touch for leg in plan.legs) * USDC_PER_PRICE
    ticks = sum(leg.tick for leg in plan.legs)
    return SetSplit(
        gross=Usdc(payout - paid * USDC_PER_PRICE),
        fee=Usdc(sum(taker_fee(leg.fee, leg.touch, one, Rounding.UP) for leg in plan.legs)),
        slippage=Usdc(params.slippage_ticks * ticks * USDC_PER_PRICE),
        buffer=Usdc(divide(turned_over * params.fee_bps, BPS_ONE, Rounding.UP)),
        safety=params.safety_per_set,
    )

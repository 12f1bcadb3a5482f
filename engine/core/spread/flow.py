"""Which way takers trade: the imbalance of certain trades, older ones counting less.

Strategy 5.1: only trades whose side is certain are fed. The result has no unit, so one weight fits markets of
any size. Pure: the time of a trade comes with it.
"""

from dataclasses import dataclass

from engine.core.spread.decay import DECAY_ONE, decay
from engine.core.spread.fair_value import FLOW_ONE
from engine.core.spread.micro import toward_zero
from engine.domain.market import Side
from engine.domain.units import Ms, Size

_START = Ms(0)


@dataclass(frozen=True, slots=True)
class Flow:
    """Decayed sizes that takers bought and sold, on the YES book (a purchase of NO is a sale of YES)."""

    bought: int = 0
    sold: int = 0
    at_ms: Ms = _START


def traded(flow: Flow, taker: Side, size: Size, *, at_ms: Ms, halflife_ms: Ms) -> Flow:
    """Return the flow after a trade in which the taker's side of YES is certain."""
    left = decay(max(0, at_ms - flow.at_ms), halflife_ms)
    bought, sold = flow.bought * left // DECAY_ONE, flow.sold * left // DECAY_ONE
    if taker is Side.BUY:
        bought += size
    else:
        sold += size
    return Flow(bought, sold, Ms(max(at_ms, flow.at_ms)))


def imbalance(flow: Flow, *, at_ms: Ms, halflife_ms: Ms) -> int:
    """Return z in thousandths, -1000 to 1000: bought less sold over both, fading since the newest trade.

    0 before any trade. Both sizes fade alike, so without the fading of the whole the last trade of the day
    would pull the price all night.
    """
    whole = flow.bought + flow.sold
    if whole == 0:
        return 0
    left = decay(max(0, at_ms - flow.at_ms), halflife_ms)
    return toward_zero(FLOW_ONE * (flow.bought - flow.sold) * left, whole * DECAY_ONE)

"""What is known of one market when its quotes are priced, and the same seen from the other side.

An ask on YES is a bid on NO. Prices are worked out for a bid only; the ask is the bid of the mirrored view,
so both sides obey the same rules by construction. Values only.
"""

from dataclasses import dataclass, replace

from engine.core.spread.micro import MICRO_ONE
from engine.core.spread.reward_band import TYPICAL, Arrivals
from engine.core.spread.toxicity import Adverse
from engine.domain.book import Level
from engine.domain.units import Ms, Price, Size, Usdc, complement


@dataclass(frozen=True, slots=True)
class Room:
    """What the caps still allow one side to rest, live quotes of that side not counted."""

    cash: Usdc
    """Collateral that its buys may bind."""
    shares: Size


@dataclass(frozen=True, slots=True)
class MarketView:
    """One market at one moment, in terms of its YES token."""

    bids: tuple[Level, ...]
    """Best first, without our own orders (`fair_value.without_own`); so the asks."""
    asks: tuple[Level, ...]
    fair: int | None
    """In micro; None where the book says too little."""
    sigma: int
    """Expected move at the horizon, in micro (`volatility.sigma`)."""
    tox: Adverse
    net: Size
    """YES less NO; negative when NO prevails."""
    sellable: Size
    """YES that may be offered: held, and not bound by anything but this market's own quotes."""
    bid_room: Room
    ask_room: Room
    left_ms: Ms | None
    """Time to resolution; None where unknown."""
    own_bid: Price | None
    """Our dearest live bid on the YES book; None without one."""
    own_ask: Price | None
    """Our cheapest live ask there."""
    reduce_only: bool = False
    """The regime forbids quotes that add to the inventory."""
    arrivals: Arrivals = TYPICAL


def mirrored(view: MarketView) -> MarketView:
    """Return the market as its NO token sees it: bids become asks at 1 - p, inventory changes its sign.

    `sellable` stays what it is, the YES shares that an ask may sell.
    """
    return replace(
        view,
        bids=_mirrored_levels(view.asks),
        asks=_mirrored_levels(view.bids),
        fair=None if view.fair is None else MICRO_ONE - view.fair,
        net=Size(-view.net),
        bid_room=view.ask_room,
        ask_room=view.bid_room,
        own_bid=None if view.own_ask is None else complement(view.own_ask),
        own_ask=None if view.own_bid is None else complement(view.own_bid),
    )


def _mirrored_levels(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(Level(complement(level.price), level.size) for level in levels)

"""What is known of one market when its quotes are priced, in terms of its YES token. Values only."""

from dataclasses import dataclass

from engine.core.spread.reward_band import TYPICAL, Arrivals
from engine.core.spread.toxicity import Adverse
from engine.domain.book import Level
from engine.domain.units import Ms, Price, Size, Usdc


@dataclass(frozen=True, slots=True)
class Room:
    """What the caps still allow one side to rest, live quotes of that side not counted."""

    cash: Usdc
    """Collateral that its buys may bind."""
    shares: Size


@dataclass(frozen=True, slots=True)
class MarketView:
    """One market at one moment."""

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

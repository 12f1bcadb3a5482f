"""What the venue would refuse of a single order, told before anything is signed (protocol 4.2 and 4.3). Pure.

Independent of plans: an order of any origin can be asked about. It looks at no balance, no cap and no gate;
those are `engine.core.exposure.risk`'s.
"""

from dataclasses import dataclass
from math import gcd

from engine.domain.market import TICKS, Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import (
    LOT,
    PRICE_ONE,
    USDC_ONE,
    Ms,
    Price,
    Rounding,
    Size,
    Usdc,
    format_price,
    format_size,
    format_usdc,
    is_on_grid,
    notional,
)

GTD_LEAD_MS = 180_000
"""The venue takes an expiration that lies at least this far ahead of its clock."""
MARKETABLE_MIN = Usdc(USDC_ONE)
"""A BUY that trades at once must be worth a dollar."""
_CENT = 10_000
"""Micro-dollars: a FAK or FOK BUY names what it spends, with two decimals."""
_FOUR_DECIMALS = 100
"""Micro-dollars: a FAK or FOK SELL names what it takes, with four."""
_NEVER_RESTS = (TimeInForce.FAK, TimeInForce.FOK)
BATCH_LEGS_MAX = 15
"""The venue takes at most 15 orders in one request (protocol 2.4)."""


def lot_of(side: Side, time_in_force: TimeInForce, tick: Price) -> Size:
    """Return the size step with which every price on the tick makes an amount the venue takes.

    Strategy 3.6.1: resting types take hundredths of a share; FAK and FOK demand whole cents to buy and four
    decimals to sell.
    """
    if time_in_force not in _NEVER_RESTS:
        return Size(LOT)
    step = (_CENT if side is Side.BUY else _FOUR_DECIMALS) * PRICE_ONE
    return Size(LOT * (step // gcd(step, LOT * tick)))


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """One order's terms, before and after they are an intent."""

    side: Side
    price: Price
    size: Size
    tick: Price
    time_in_force: TimeInForce
    post_only: bool
    expiration_s: int
    """Venue time in whole seconds, 0 for none."""

    @property
    def collateral(self) -> int:
        """Price x size in 1e-10 dollars, without rounding."""
        return self.price * self.size


def terms_of(intent: OrderIntent) -> OrderTerms:
    """Return the terms of an intent."""
    return OrderTerms(
        side=intent.side,
        price=intent.price,
        size=intent.size,
        tick=intent.tick,
        time_in_force=intent.time_in_force,
        post_only=intent.post_only,
        expiration_s=intent.expiration_s,
    )


def order_problem(
    terms: OrderTerms, *, min_size: Size, venue_ms: Ms, touch: Price | None = None
) -> Refusal | None:
    """Return why the venue would refuse this order at its time `venue_ms`, None if nothing speaks against it.

    `touch` is the best price of the other side, None if none is known: only a post-only order asks for it.
    """
    return (
        form_problem(terms)
        or _least_problem(terms, min_size)
        or _lead_problem(terms, venue_ms)
        or _crossing_problem(terms, touch)
    )


def form_problem(terms: OrderTerms) -> Refusal | None:
    """Return what is wrong with the order whatever its market and the time: signing demands nothing."""
    return _grid_problem(terms) or _type_problem(terms) or _precision_problem(terms)


def _grid_problem(terms: OrderTerms) -> Refusal | None:
    if terms.tick not in TICKS:
        ticks = ", ".join(format_price(tick) for tick in sorted(TICKS))
        return Refusal(
            RefusalKind.OFF_GRID,
            f"expected a tick of {ticks}; the market's is {format_price(terms.tick)}: update the desk",
        )
    if not is_on_grid(terms.price, terms.tick):
        low, high = terms.tick, Price(PRICE_ONE - terms.tick)
        return Refusal(
            RefusalKind.OFF_GRID,
            f"expected a price of {format_price(low)} to {format_price(high)} in steps of "
            f"{format_price(terms.tick)}, found {format_price(terms.price)}: choose one of those",
        )
    if terms.size <= 0 or terms.size % LOT:
        return Refusal(
            RefusalKind.SIZE_STEP,
            f"expected a size above 0 in steps of {format_size(Size(LOT))} share, "
            f"found {format_size(terms.size)}: round it",
        )
    return None


def _type_problem(terms: OrderTerms) -> Refusal | None:
    kind = terms.time_in_force
    if terms.post_only and kind in _NEVER_RESTS:
        return Refusal(
            RefusalKind.POST_ONLY,
            f"expected a post-only order to rest; {kind.value} never does: use GTC or GTD",
        )
    if (kind is TimeInForce.GTD) != (terms.expiration_s > 0):
        wanted = "an expiration" if kind is TimeInForce.GTD else "no expiration"
        return Refusal(
            RefusalKind.EXPIRATION, f"expected {wanted} on a {kind.value} order, found {terms.expiration_s}"
        )
    return None


def _precision_problem(terms: OrderTerms) -> Refusal | None:
    """Tell if a FAK or FOK needs more decimals than it may have: rounding would only change the price."""
    if terms.time_in_force not in _NEVER_RESTS:
        return None
    step, words = (_CENT, "whole cents") if terms.side is Side.BUY else (_FOUR_DECIMALS, "four decimals")
    if terms.collateral % (step * PRICE_ONE) == 0:
        return None
    worth = format_usdc(notional(terms.price, terms.size, Rounding.UP))
    return Refusal(
        RefusalKind.PRECISION,
        f"expected a {terms.time_in_force.value} {terms.side.value} worth {words}, "
        f"found {format_size(terms.size)} at {format_price(terms.price)} = {worth}: choose another size",
    )


def _least_problem(terms: OrderTerms, min_size: Size) -> Refusal | None:
    if terms.size < min_size:
        return Refusal(
            RefusalKind.MIN_SIZE,
            f"expected at least {format_size(min_size)} shares, found {format_size(terms.size)}: "
            "ask for more",
        )
    worth = notional(terms.price, terms.size, Rounding.DOWN)
    if terms.side is Side.BUY and not terms.post_only and worth < MARKETABLE_MIN:
        return Refusal(
            RefusalKind.MIN_SIZE,
            f"expected a BUY that may trade at once to be worth {format_usdc(MARKETABLE_MIN)} USDC, "
            f"found {format_usdc(worth)}: ask for more, or send it post-only if it is to rest",
        )
    return None


def _lead_problem(terms: OrderTerms, venue_ms: Ms) -> Refusal | None:
    if terms.time_in_force is not TimeInForce.GTD:
        return None
    lead_ms = terms.expiration_s * 1000 - venue_ms
    if lead_ms >= GTD_LEAD_MS:
        return None
    return Refusal(
        RefusalKind.EXPIRATION,
        f"expected an expiration at least {GTD_LEAD_MS // 1000} s ahead of the venue's clock, "
        f"found {lead_ms // 1000} s: take a later one",
    )


def _crossing_problem(terms: OrderTerms, touch: Price | None) -> Refusal | None:
    if not terms.post_only or touch is None:
        return None
    crosses = terms.price >= touch if terms.side is Side.BUY else terms.price <= touch
    if not crosses:
        return None
    return Refusal(
        RefusalKind.POST_ONLY,
        f"expected a post-only {terms.side.value} not to reach the other side's best price of "
        f"{format_price(touch)}, found {format_price(terms.price)}: step back, or send it without post-only",
    )

"""What the venue would say to a paper order that arrives now: taken, or refused and why. Changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.spread.paper_account import PaperAccount
from engine.core.spread.paper_levels import Match, PaperLevels
from engine.core.spread.paper_orders import PaperMarket, PaperOrder, PaperRefusal, is_through, other
from engine.domain.fees import taker_fee
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.quote import QuoteSide
from engine.domain.units import (
    LOT,
    USDC_ONE,
    Ms,
    Price,
    Rounding,
    Size,
    Usdc,
    complement,
    is_on_grid,
    notional,
)

NEVER_RESTS = (TimeInForce.FAK, TimeInForce.FOK)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An order at the book, with what it would meet there at once."""

    market: PaperMarket
    order: PaperOrder
    side: QuoteSide
    yes: Price
    """Its price on the YES book."""
    matches: tuple[Match, ...]
    budget: Usdc | None
    """Collateral that a FAK or FOK to buy spends; None for orders that name shares."""

    def own(self, yes: Price) -> Price:
        """Return a price of the YES book in the order's own token."""
        return yes if self.order.token_id == self.market.yes else complement(yes)

    @property
    def is_whole(self) -> bool:
        """Tell whether the matches are all that the order wants, but for less than a lot of a budget."""
        if self.budget is None:
            return sum(match.size for match in self.matches) == self.order.size
        spent = sum(notional(self.own(match.price), match.size, Rounding.UP) for match in self.matches)
        return self.budget - spent < notional(self.order.price, Size(LOT), Rounding.UP)

    @property
    def cost(self) -> int:
        """Collateral that a BUY needs in all: matches with their fees, and the rest at its limit."""
        order, curve = self.order, self.market.fee
        total = matched = 0
        for match in self.matches:
            price = self.own(match.price)
            total += notional(price, match.size, Rounding.UP)
            total += taker_fee(curve, price, match.size, Rounding.DOWN)
            matched += match.size
        if order.time_in_force not in NEVER_RESTS:
            total += notional(order.price, Size(max(order.size - matched, 0)), Rounding.UP)
        return max(total, notional(order.price, order.size, Rounding.UP))


def arrive(
    market: PaperMarket, order: PaperOrder, levels: PaperLevels, *, side: QuoteSide, yes: Price
) -> Arrival:
    """Return an order with what it meets on these levels."""
    spends = order.side is Side.BUY and order.time_in_force in NEVER_RESTS
    budget = notional(order.price, order.size, Rounding.UP) if spends else None
    matches = levels.met(side, yes, order.size, budget, no=order.token_id == market.no)
    return Arrival(market, order, side, yes, tuple(matches), budget)


def refusal_of(
    arrival: Arrival, levels: PaperLevels, account: PaperAccount, *, own: Iterable[Price], at_ms: Ms
) -> PaperRefusal | None:
    """Return why the order is not taken, None if it is.

    `own` are the prices of YES of our orders that rest on the other side.
    """
    return _form(arrival, levels, at_ms) or _book(arrival, levels, own) or _means(arrival, account)


def _form(arrival: Arrival, levels: PaperLevels, at_ms: Ms) -> PaperRefusal | None:
    order, market = arrival.order, arrival.market
    if not levels.heard:
        return PaperRefusal.NO_BOOK
    if not is_on_grid(order.price, market.tick):
        return PaperRefusal.TICK
    if order.size < market.min_size:
        return PaperRefusal.MINIMUM
    if order.expires_ms is not None and order.expires_ms <= at_ms:
        return PaperRefusal.EXPIRATION
    return None


def _book(arrival: Arrival, levels: PaperLevels, own: Iterable[Price]) -> PaperRefusal | None:
    order, matches = arrival.order, arrival.matches
    if order.post_only and (matches or _would_cross(arrival, levels, own)):
        return PaperRefusal.CROSSES
    asked = notional(order.price, order.size, Rounding.UP)
    if order.side is Side.BUY and matches and asked < USDC_ONE:
        return PaperRefusal.ONE_DOLLAR
    return None


def _means(arrival: Arrival, account: PaperAccount) -> PaperRefusal | None:
    order = arrival.order
    if order.side is Side.BUY:
        covered = account.free_cash >= arrival.cost
    else:
        covered = account.free_shares(order.token_id) >= order.size
    if not covered:
        return PaperRefusal.BALANCE
    if order.time_in_force is TimeInForce.FAK and not arrival.matches:
        return PaperRefusal.UNMATCHED
    if order.time_in_force is TimeInForce.FOK and not arrival.is_whole:
        return PaperRefusal.UNFILLED
    return None


def _would_cross(arrival: Arrival, levels: PaperLevels, own: Iterable[Price]) -> bool:
    """Tell whether it would meet the real book, levels that we took included, or an order of our own."""
    against = other(arrival.side)
    best = levels.best(against)
    prices = [*own] if best is None else [best, *own]
    return any(not is_through(against, price, arrival.yes) for price in prices)

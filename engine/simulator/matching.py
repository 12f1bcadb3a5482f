"""Which resting orders a new order meets, and for how many shares. Pure: nothing is changed here.

Every match is of whole lots (0.01 share), so that its notional is an exact number of micro-dollars at every
price: prices count 1e-4. What is left of a FAK or FOK BUY's collateral after that is not spent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.domain.fees import FeeCurve, taker_fee
from engine.domain.units import LOT, PRICE_ONE, Price, Rounding, Size, Usdc, notional
from engine.simulator.ladder import Ladder
from engine.simulator.market import BookSide, Side, mirrored
from engine.simulator.orders import NewOrder, Order


@dataclass(frozen=True, slots=True)
class Match:
    """A planned meeting with one resting order, at that order's price (in the price of YES)."""

    maker: Order
    book_price: Price
    size: Size


def crosses(new: NewOrder, resting: Price) -> bool:
    """Tell whether the new order trades with a resting one at this price of YES."""
    if new.book_side is BookSide.BID:
        return resting <= new.book_price
    return resting >= new.book_price


def plan_matches(ladder: Ladder, new: NewOrder) -> list[Match]:
    """Return the matches of a new order: best price first, then first come first served."""
    if new.budget is not None:
        return list(_spend(ladder, new, new.budget))
    return list(_collect(ladder, new))


def meet_one(maker: Order, new: NewOrder) -> list[Match]:
    """Return the match of a new order with one resting order of its market; none if their prices differ."""
    opposite = maker.terms.book_side is not new.book_side
    if not opposite or not crosses(new, maker.terms.book_price):
        return []
    return [Match(maker, maker.terms.book_price, Size(min(new.size, maker.remaining)))]


def _collect(ladder: Ladder, new: NewOrder) -> Iterator[Match]:
    """Meet resting orders until the wanted shares are found."""
    wanted = new.size
    for maker in ladder.walk(new.book_side.opposite):
        if wanted == 0 or not crosses(new, maker.terms.book_price):
            return
        size = Size(min(wanted, maker.remaining))
        wanted = Size(wanted - size)
        yield Match(maker, maker.terms.book_price, size)


def _spend(ladder: Ladder, new: NewOrder, budget: Usdc) -> Iterator[Match]:
    """Meet resting orders until the collateral is spent (FAK BUY, protocol 4.2)."""
    for maker in ladder.walk(new.book_side.opposite):
        if not crosses(new, maker.terms.book_price):
            return
        price = mirrored(new.token_index, maker.terms.book_price)
        affordable = budget * PRICE_ONE // price // LOT * LOT
        size = Size(min(affordable, maker.remaining))
        if size == 0:
            return
        budget = Usdc(budget - notional(price, size, Rounding.UP))
        yield Match(maker, maker.terms.book_price, size)


def fills_whole(new: NewOrder, matches: list[Match]) -> bool:
    """Tell whether these matches are all an order wants: its shares, or its collateral but for a rest."""
    if new.budget is None:
        return sum(match.size for match in matches) == new.size
    spent = 0
    for match in matches:
        spent += notional(mirrored(new.token_index, match.book_price), match.size, Rounding.UP)
    return (new.budget - spent) * PRICE_ONE < new.price * LOT


def taker_cost(new: NewOrder, matches: list[Match], curve: FeeCurve) -> Usdc:
    """Return the collateral a BUY needs in all: matched cash, fees, and the resting rest at its limit."""
    assert new.side is Side.BUY, "a sale needs shares, not collateral"
    total, matched = 0, 0
    for match in matches:
        price = mirrored(new.token_index, match.book_price)
        total += notional(price, match.size, Rounding.UP)
        total += taker_fee(curve, price, match.size, Rounding.DOWN)
        matched += match.size
    if new.budget is None:
        total += notional(new.price, Size(new.size - matched), Rounding.UP)
    return Usdc(total)

"""The orders that should rest in a market now: prices from its stance, sizes from inventory, caps, minimums.

Strategy 5.2 to 5.4. Pure: the same market, knobs and view give the same targets, whatever rests now.
Each side gives its targets, nearest first, and at most one reason why there are not as many as wanted.
"""

from dataclasses import dataclass

from engine.core.spread.market_view import MarketView, Room
from engine.core.spread.stance import Stance, mirrored_stance, refusal, stance_of, top_bid
from engine.domain.market import Side
from engine.domain.quote import Held, QuotedMarket, QuoteKnobs, QuoteSide, Suppressed, Target
from engine.domain.units import LOT, PRICE_ONE, Price, Rounding, Size, Usdc, complement, notional


@dataclass(frozen=True, slots=True)
class _Sizing:
    """What bounds the orders of one side."""

    wanted: Size
    minimum: Size
    room: Room
    sellable: Size
    """YES shares for an ask to sell; 0 for a bid."""


def targets(market: QuotedMarket, knobs: QuoteKnobs, view: MarketView) -> tuple[Target | Suppressed, ...]:
    """Return what should rest, bids first, and why the rest should not.

    Prices on the grid, bid < ask, never crossing the book or an own live quote; sizes in whole lots.
    A suppression without a side is about both.
    """
    stance = stance_of(market, knobs, view)
    if isinstance(stance, Held):
        return (Suppressed(None, stance),)
    other = mirrored_stance(stance)
    bid, no_bid = top_bid(stance, knobs, market.tick), top_bid(other, knobs, market.tick)
    if bid + no_bid > PRICE_ONE - market.tick:
        # Ours would match ours: both step back, so that neither side is preferred.
        bid, no_bid = bid - market.tick, no_bid - market.tick
    return (
        *_side(QuoteSide.BID, market, knobs, view, stance, top=bid),
        *_side(QuoteSide.ASK, market, knobs, view, other, top=no_bid),
    )


def _side(
    side: QuoteSide, market: QuotedMarket, knobs: QuoteKnobs, view: MarketView, stance: Stance, *, top: int
) -> tuple[Target | Suppressed, ...]:
    """Return one side's targets; for an ask the stance and `top` are those of the mirrored market."""
    sizing = _sizing(side, market, knobs, view, stance)
    if isinstance(sizing, Held):
        return (Suppressed(side, sizing),)
    found: list[Target | Suppressed] = []
    for layer in range(knobs.max_layers):
        bid = top - layer * knobs.layer_step_ticks * market.tick
        why = refusal(stance, bid, market.tick)
        placed = why or _layer(side, market, layer, Price(bid), sizing)
        if isinstance(placed, Held):
            found.append(Suppressed(side, placed))
            break
        target, sizing = placed
        found.append(target)
    return tuple(found)


def _sizing(
    side: QuoteSide, market: QuotedMarket, knobs: QuoteKnobs, view: MarketView, stance: Stance
) -> _Sizing | Held:
    """Return what bounds the sizes of one side.

    An order of the adding side shrinks by |u|, not below the minimum; none exceeds what was asked for.
    What only reduces is held to the venue's minimum alone: rewards must not keep inventory from going.
    """
    assert knobs.inventory_max > 0, "expected an inventory limit above 0"
    is_bid = side is QuoteSide.BID
    most, held = knobs.inventory_max, abs(view.net)
    adds = view.net >= 0 if is_bid else view.net <= 0
    reduce_only = view.reduce_only or held >= most
    if adds and (reduce_only or held * 100 >= knobs.soft_pct * most):
        return Held.INVENTORY
    rewards = market.rewards
    minimum, wanted = market.min_size, knobs.base_size
    if stance.edge is not None and rewards is not None and not reduce_only:
        minimum = Size(max(minimum, rewards.min_size))
        wanted = Size(min(wanted, minimum)) if stance.thin else wanted
    if adds:
        wanted = Size(min(wanted, max(minimum, knobs.base_size * (most - held) // most)))
    free = most - held if adds else held if reduce_only else most + held
    room = view.bid_room if is_bid else view.ask_room
    room = Room(room.cash, Size(min(room.shares, free)))
    return _Sizing(wanted, minimum, room, sellable=Size(0) if is_bid else view.sellable)


def _layer(
    side: QuoteSide, market: QuotedMarket, layer: int, bid: Price, sizing: _Sizing
) -> tuple[Target, _Sizing] | Held:
    """Return one order and what is left for the next layer, or why it cannot be.

    An ask sells YES while enough is held for all of it; else it buys NO; and where there is no cash for a NO
    order of the minimum, it sells what YES is left.
    """
    room = sizing.room
    wanted = min(sizing.wanted, room.shares)
    selling, buying = min(wanted, sizing.sellable), min(wanted, room.cash * PRICE_ONE // bid)
    sells = sizing.sellable > 0 and (sizing.sellable >= wanted or buying < sizing.minimum)
    size = Size((selling if sells else buying) // LOT * LOT)
    if size < sizing.minimum or size == 0:
        return Held.MINIMUM
    cost = 0 if sells else notional(bid, size, Rounding.UP)
    left = _Sizing(
        sizing.wanted,
        sizing.minimum,
        Room(Usdc(room.cash - cost), Size(room.shares - size)),
        Size(sizing.sellable - (size if sells else 0)),
    )
    if side is QuoteSide.BID:
        return Target(side, layer, market.yes, Side.BUY, bid, bid, size), left
    yes = complement(bid)
    token, order, price = (market.yes, Side.SELL, yes) if sells else (market.no, Side.BUY, bid)
    return Target(side, layer, token, order, yes, price, size), left

"""What is held, from fills alone: shares per outcome, complete sets and cost per event.

Fills count as held here from their match on, whatever their settlement; failed ones do not.
"""

from collections import defaultdict

from engine.core.state import Desk, fills_of, unfinished
from engine.domain.ids import EventId, TokenId
from engine.domain.market import Side
from engine.domain.order import OrderRecord, Settlement
from engine.domain.units import Rounding, Size, Usdc, format_cents, format_size


def shares(desk: Desk) -> dict[TokenId, Size]:
    """Return shares held per outcome token; negative where more was sold than our fills have bought.

    That happens when a sale thought over trades after all and the account had shares from elsewhere.
    """
    held = {token: holding.held for token, holding in desk.positions.holdings.items()}
    return {token: size for token, size in held.items() if size}


def confirmed(desk: Desk, token: TokenId) -> Size:
    """Return the settled shares of one outcome minus all that were sold, settled or not; never negative."""
    holding = desk.positions.holdings.get(token)
    return Size(0) if holding is None else Size(max(0, holding.confirmed - holding.sold))


def sellable(desk: Desk, token: TokenId) -> Size:
    """Return the shares of one outcome that a new order may sell: settled ones that no sale has taken.

    A sale that may still execute, is being committed, or is not ours has taken all it may sell.
    """
    ours = sum(_may_sell(desk, order) for order in unfinished(desk) if order.intent.token_id == token)
    theirs = sum(
        order.original_size - order.matched_size
        for order in desk.foreign.values()
        if order.token_id == token and order.side is Side.SELL
    )
    committing = sum(
        leg.size
        for pending in desk.committing.values()
        for leg in pending.plan.legs
        if leg.token_id == token and leg.side is Side.SELL
    )
    return Size(max(0, confirmed(desk, token) - ours - theirs - committing))


def _may_sell(desk: Desk, order: OrderRecord) -> int:
    """Return what an order may still sell, and has sold but not yet been told as a trade."""
    if order.intent.side is Side.BUY:
        return 0
    booked = sum(fill.size for fill in fills_of(desk, order.order_id))
    return (0 if order.state.is_final else order.remaining) + max(0, order.filled - booked)


def holdings(desk: Desk) -> tuple[str, ...]:
    """Return one line per event with fills: code, complete sets, shares beyond them, cost with fees."""
    legs: defaultdict[EventId, set[TokenId]] = defaultdict(set)
    cost: defaultdict[EventId, int] = defaultdict(int)
    codes: dict[EventId, str] = {}
    for flight in desk.flights.values():
        ticket = desk.tickets[flight.ticket_id]
        assert ticket.plan is not None, f"expected a sent ticket to carry its plan: {ticket.ticket_id}"
        codes[flight.event_id] = ticket.plan.code
        legs[flight.event_id] |= {leg.token_id for leg in ticket.plan.legs}
    for past in desk.past:
        codes.setdefault(past.event_id, past.code)
        legs[past.event_id].add(past.token_id)
        cost[past.event_id] += past.cost
    held = shares(desk)
    for fill in desk.fills.values():
        event_id = next((e for e, tokens in legs.items() if fill.token_id in tokens), None)
        if event_id is not None and fill.settlement is not Settlement.FAILED:
            cost[event_id] += fill.cash + fill.fee
    return tuple(
        _line(codes[e], [held.get(t, Size(0)) for t in legs[e]], Usdc(cost[e])) for e in sorted(cost)
    )


def _line(code: str, sizes: list[Size], cost: Usdc) -> str:
    sets = Size(max(0, min(sizes)))
    loose = sum(sizes) - sets * len(sizes)
    beyond = f" + {format_size(Size(loose))} single shares" if loose else ""
    return f"{code} {format_size(sets)} sets{beyond}, cost {format_cents(cost, Rounding.UP)}"

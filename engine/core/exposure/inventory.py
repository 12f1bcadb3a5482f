"""What is held, from fills and acts on chain: shares per outcome, complete sets and cost per event.

Fills count as held here from their match on, whatever their settlement; failed ones do not.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.exposure.unsent import promised_legs
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
    """Return the settled shares of one outcome minus all that were sold or converted; never negative."""
    holding = desk.positions.holdings.get(token)
    return Size(0) if holding is None else holding.settled


def sellable(desk: Desk, token: TokenId) -> Size:
    """Return the shares of one outcome that a new order may sell: settled ones that no sale has taken.

    What is promised already is not sold twice.
    """
    return Size(max(0, confirmed(desk, token) - _promised(desk, token)))


def free(desk: Desk, token: TokenId) -> Size:
    """Return the shares of one outcome, unsettled ones included, that nothing has taken; never negative."""
    holding = desk.positions.holdings.get(token)
    held = 0 if holding is None else holding.held
    return Size(max(0, held - _promised(desk, token)))


def _promised(desk: Desk, token: TokenId) -> int:
    """Return micro-shares of one outcome that may be gone soon.

    A sale that may still execute, is being committed, waits for the leg before, or is not ours has taken all
    it may sell; an act on chain whose end is not read back has taken what it converts.
    """
    ours = sum(_may_sell(desk, order) for order in unfinished(desk) if order.intent.token_id == token)
    theirs = sum(
        order.original_size - order.matched_size
        for order in desk.foreign.values()
        if order.token_id == token and order.side is Side.SELL
    )
    committing = sum(
        leg.size for _, leg in promised_legs(desk) if leg.token_id == token and leg.side is Side.SELL
    )
    leaving = sum(act.taken(token) for act in desk.acts.values())
    return ours + theirs + committing + leaving


def _may_sell(desk: Desk, order: OrderRecord) -> int:
    """Return what an order may still sell, and has sold but not yet been told as a trade."""
    if order.intent.side is Side.BUY:
        return 0
    booked = sum(fill.size for fill in fills_of(desk, order.order_id))
    return (0 if order.state.is_final else order.remaining) + max(0, order.filled - booked)


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """What is held through the tickets of one event."""

    event_id: EventId
    code: str
    sizes: tuple[Size, ...]
    """Shares of every outcome that a plan of it named."""
    cost: Usdc
    """Cash and fees paid minus what sales, merges and redemptions brought."""


def held_events(desk: Desk) -> list[HeldEvent]:
    """Return every event with fills of which something is held, or nothing was converted yet."""
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
            cost[event_id] += fill.fee + (fill.cash if fill.side is Side.BUY else -fill.cash)
    returned = desk.positions.returned
    found = (
        HeldEvent(e, codes[e], tuple(held.get(t, Size(0)) for t in legs[e]), Usdc(paid - returned.get(e, 0)))
        for e, paid in sorted(cost.items())
    )
    return [event for event in found if any(event.sizes) or event.event_id not in returned]


def holdings(desk: Desk) -> tuple[str, ...]:
    """Return one line per event held: code, complete sets, shares beyond them, cost with fees."""
    return tuple(_line(held.code, held.sizes, held.cost) for held in held_events(desk))


def _line(code: str, sizes: Sequence[Size], cost: Usdc) -> str:
    sets = Size(max(0, min(sizes)))
    loose = sum(sizes) - sets * len(sizes)
    beyond = f" + {format_size(Size(loose))} single shares" if loose else ""
    return f"{code} {format_size(sets)} sets{beyond}, cost {format_cents(cost, Rounding.UP)}"

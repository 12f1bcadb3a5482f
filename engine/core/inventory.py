"""What is held, from fills alone: shares per outcome, complete sets and cost per event.

Fills count as held here from their match on, whatever their settlement; failed ones do not.
"""

from collections import defaultdict

from engine.core.state import Desk
from engine.domain.ids import EventId, TokenId
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.units import Rounding, Size, Usdc, format_cents, format_size


def shares(desk: Desk) -> dict[TokenId, Size]:
    """Return shares held per outcome token; asserts that none is negative."""
    held: defaultdict[TokenId, int] = defaultdict(int)
    for fill in desk.fills.values():
        if fill.settlement is not Settlement.FAILED:
            held[fill.token_id] += fill.size if fill.side is Side.BUY else -fill.size
    assert all(size >= 0 for size in held.values()), "expected no negative inventory"
    return {token: Size(size) for token, size in held.items() if size}


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
    held = shares(desk)
    for fill in desk.fills.values():
        event_id = next((e for e, tokens in legs.items() if fill.token_id in tokens), None)
        if event_id is not None and fill.settlement is not Settlement.FAILED:
            cost[event_id] += fill.cash + fill.fee
    return tuple(
        _line(codes[e], [held.get(t, Size(0)) for t in legs[e]], Usdc(cost[e])) for e in sorted(cost)
    )


def _line(code: str, sizes: list[Size], cost: Usdc) -> str:
    sets = min(sizes)
    loose = sum(sizes) - sets * len(sizes)
    beyond = f" + {format_size(Size(loose))} single shares" if loose else ""
    return f"{code} {format_size(sets)} sets{beyond}, cost {format_cents(cost, Rounding.UP)}"

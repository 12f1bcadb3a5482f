"""What a standing grant (`/dutch auto`) covers, what it has spent, and whether a plan may leave under it.

Only questions; `trading.dutch_auto` opens and ends grants, `trading.runner` plans under them. A grant
raises no cap: every plan is reviewed by `engine.core.exposure.risk` as if a person had pressed Send.
"""

from engine.core.quotes import SpreadGrant
from engine.core.state import Desk, fills_of_order
from engine.core.watches import StandingGrant
from engine.domain.ids import EventId, TicketId
from engine.domain.market import Side
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.repair import repaired_by, repaired_under
from engine.domain.ticket import Ticket, TicketKind
from engine.domain.units import Ms, Rounding, Usdc, format_cents
from engine.domain.views import GrantView


def granted_by(ticket: Ticket) -> TicketId | None:
    """Return the standing grant under which a ticket was opened, in force or not; None for one of a press."""
    if ticket.kind in (TicketKind.DUTCH, TicketKind.QUOTE) and ticket.subject:
        return TicketId(ticket.subject)
    return repaired_under(ticket) if ticket.kind is TicketKind.REPAIR else None


def grant_of(desk: Desk, ticket: Ticket) -> StandingGrant | None:
    """Return the grant to send plans in force under which a ticket was opened; none for a quote."""
    granted = granted_by(ticket)
    return None if granted is None else desk.runner.grants.get(granted)


def covering(desk: Desk, event_id: EventId) -> StandingGrant | None:
    """Return the grant in force whose scope holds this event; there is one at most."""
    grants = desk.runner.grants.values()
    return next((grant for grant in grants if grant.event_id in (None, event_id)), None)


def overlapping(desk: Desk, event_id: EventId | None) -> StandingGrant | None:
    """Return a grant in force that shares an event with this scope; None is every event."""
    if event_id is not None:
        return covering(desk, event_id)
    return next(iter(desk.runner.grants.values()), None)


def spent(desk: Desk, grant: StandingGrant) -> Usdc:
    """Return what its plans have cost, fees included, and each never less than nothing.

    What a repair sells comes off the plan it repairs, no more: other sales must not raise what a grant may
    buy. A plan that is not settled counts at the most it may spend.
    """
    costs: dict[TicketId, int] = {}
    for ticket_id, most in grant.reserved.items():
        ticket = desk.tickets[ticket_id]
        about = repaired_by(ticket)[1] if ticket.kind is TicketKind.REPAIR else ticket_id
        costs[about] = costs.get(about, 0) + _cost(desk, ticket_id, most)
    return Usdc(sum(max(0, cost) for cost in costs.values()))


def left(desk: Desk, grant: StandingGrant) -> Usdc:
    """Return what further plans may spend; never negative."""
    return Usdc(max(0, grant.budget - spent(desk, grant)))


def _cost(desk: Desk, ticket_id: TicketId, most: Usdc) -> Usdc:
    flight = desk.flights.get(ticket_id)
    if flight is None or not flight.settled:
        return most
    fills = [fill for order_id in flight.order_ids for fill in fills_of_order(desk, order_id)]
    return Usdc(sum((fill.cash if fill.side is Side.BUY else -fill.cash) + fill.fee for fill in fills))


def not_granted(desk: Desk, ticket: Ticket, plan: Plan, at_ms: Ms) -> Refusal | None:
    """Return why a plan may not leave without a press; None too for a ticket that a person pressed.

    The ticket's own reserve is part of what is spent already.
    """
    granted = granted_by(ticket)
    if granted is None:
        return None
    ends_ms = ends_of_grant(desk, ticket)
    if ends_ms is None or at_ms >= ends_ms:
        text = f"expected the standing grant {granted} in force, it has ended; nothing was sent"
        return Refusal(RefusalKind.EXPIRED, text)
    grant = grant_of(desk, ticket)
    if grant is None:
        return None  # a quote: how much may rest is counted where quotes are sized
    return sent_before(desk, plan) or _too_dear(grant, plan, Usdc(grant.budget - spent(desk, grant)))


def ends_of_grant(desk: Desk, ticket: Ticket) -> Ms | None:
    """Return when the grant in force ends under which a ticket was opened; None without one."""
    granted = granted_by(ticket)
    if granted is None:
        return None
    grant = desk.runner.grants.get(granted) or desk.quoter.grants.get(granted)
    return None if grant is None else grant.expires_ms


def sent_before(desk: Desk, plan: Plan) -> Refusal | None:
    """Return a refusal for a plan that left once already: only a person may ask for the very same again."""
    if plan.plan_id not in desk.runner.sent_plans:
        return None
    found = f"found {plan.plan_id[:8]}, which was sent before"
    text = f"expected a new plan of {plan.code}, {found}: it waits for other books"
    return Refusal(RefusalKind.IN_FLIGHT, text)


def _too_dear(grant: StandingGrant, plan: Plan, over: Usdc) -> Refusal | None:
    if over >= 0 and plan.spend_max <= grant.per_plan:
        return None
    return Refusal(
        RefusalKind.CAPS,
        f"expected at most {format_cents(grant.per_plan, Rounding.DOWN)} USDC a plan and "
        f"{format_cents(grant.budget, Rounding.DOWN)} in all under {grant.ticket_id}, the plan may take "
        f"{format_cents(plan.spend_max, Rounding.UP)}; nothing was sent",
    )


def grant_view(desk: Desk, ticket: Ticket) -> GrantView | None:
    """Return how far the grant of an AUTO ticket has come; None if it is not in force."""
    grant = desk.runner.grants.get(ticket.ticket_id)
    if grant is None:
        return None
    flying = tuple(grant.flying)
    return GrantView(left(desk, grant), grant.sent, grant.whole, grant.failed, flying, grant.last)


def grant_lines(desk: Desk) -> tuple[str, ...]:
    """Return one line per grant in force, for the dashboard."""
    plans = [_line(desk, grant) for grant in desk.runner.grants.values()]
    quoting = [_quoting_line(desk, grant) for grant in desk.quoter.grants.values()]
    return (*plans, *quoting)


def _quoting_line(desk: Desk, grant: SpreadGrant) -> str:
    ticket = desk.tickets[grant.ticket_id]
    name = "" if ticket.spread is None else ticket.spread.name
    pulled = f", nothing rests: {grant.pulled}" if grant.pulled else ""
    most = format_cents(grant.resting_max, Rounding.DOWN)
    return f"{grant.ticket_id} quotes {ticket.subject} {name}".rstrip() + f": at most {most} USDC{pulled}"


def _line(desk: Desk, grant: StandingGrant) -> str:
    scope = desk.tickets[grant.ticket_id].subject or "all events"
    free = format_cents(left(desk, grant), Rounding.DOWN)
    whole = format_cents(grant.budget, Rounding.DOWN)
    return f"{grant.ticket_id} {scope}: {free} of {whole} USDC left, {grant.sent} plans sent"

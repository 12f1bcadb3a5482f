"""The Dutch ticket and its repair, press by press: dry, confirm, send. Never worse than the card.

Every press plans anew on the present books. Terms worse than the card's do not go through: the card is shown
again with the difference.
"""

from collections.abc import Mapping
from dataclasses import replace

from engine.core.dutch.best_kind import best_of
from engine.core.dutch.draft import TYPE_OF
from engine.core.dutch.eligibility import ineligible, kinds_of
from engine.core.dutch.event_plan import Room, plan_kind, replan_within, tokens_of
from engine.core.exposure.inventory import confirmed, sellable
from engine.core.exposure.risk import closed, event_busy, no_tokens, review, room, success_pct
from engine.core.feed.proven_books import NEED_EVERY_BOOK, proven_books
from engine.core.order_terms import GTD_LEAD_MS
from engine.core.orders.evidence import cancel
from engine.core.orders.resend import TOTAL_MS
from engine.core.repair.repair_case import enter_flight
from engine.core.repair.repair_plan import forgotten, plan_repair, worse_than
from engine.core.rules.rules_watch import rules_hold
from engine.core.state import Desk, Flight, PendingSend
from engine.core.tickets.grants import grant_of, granted_by, not_granted
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import may_open, mint_grant, moved, open_ticket, refuse
from engine.core.trading import recheck
from engine.core.trading.dutch_auto import given_up
from engine.domain.commands import OpenDutch, Press
from engine.domain.effects import Audit, Count, Effect, Reply, SaveTicket, SendBatch
from engine.domain.events import Asked, BatchCommitted, BatchRefused
from engine.domain.ids import TicketId, TokenId
from engine.domain.market import EventGroup
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.plan import Plan, PlanKind, PlanLeg, intent_of
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.repair import repaired_by
from engine.domain.ticket import MOVES, Claim, Move, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Size, Usdc


def open_dutch(desk: Desk, asked: Asked, command: OpenDutch) -> list[Effect]:
    """Open a dry ticket for an event, or say why there is nothing to buy."""
    subject = f"/dutch {command.code}"
    refusal = may_open(desk, asked)
    if refusal is not None:
        return refuse(asked, subject, refusal)
    event_id = desk.codes.get(command.code)
    if event_id is None:
        known = ", ".join(sorted(desk.codes)[:8]) or "none yet"
        text = (
            f"expected the code of a watched event, found {command.code!r}; known: {known}. /dutch lists them"
        )
        return refuse(asked, subject, Refusal(RefusalKind.UNKNOWN_CODE, text))
    busy = event_busy(desk, event_id, command.code, asked.at_ms)
    planned = busy or plan_now(desk, desk.events[event_id], command.sets, asked.at_ms)
    if isinstance(planned, Refusal):
        return refuse(asked, subject, planned)
    return open_ticket(desk, asked, TicketKind.DUTCH, plan=planned, wanted=command.sets)


def plan_now(
    desk: Desk, event: EventGroup, wanted: Size | None, at_ms: Ms, *, most: Usdc | None = None
) -> Plan | Refusal:
    """Plan an event on the present books; `most` is what it may spend beside every cap, as under a grant.

    Of several plans the best that can be sent is returned, of refusals alone the one nearest to trading.
    """
    return best_of(plans_now(desk, event, wanted, at_ms, most=most))


def plans_now(
    desk: Desk, event: EventGroup, wanted: Size | None, at_ms: Ms, *, most: Usdc | None = None
) -> dict[PlanKind, Plan | Refusal]:
    """Plan an event as every kind it allows: rules, guards, books, planner, in this order."""
    found: dict[PlanKind, Plan | Refusal] = {}
    space: Room | None = None
    for kind in kinds_of(event):
        books = not_allowed(desk, event, kind) or proven_books(
            desk.feeds, event, at_ms, tokens_of(event, kind), whole=kind in NEED_EVERY_BOOK
        )
        if isinstance(books, Refusal):
            found[kind] = books
            continue
        space = space or _within(room(desk, at_ms, event.event_id), most)
        found[kind] = plan_kind(
            kind,
            event,
            books,
            wanted=wanted,
            params=desk.settings.dutch,
            room=space,
            now_ms=at_ms,
            held=held_for_sale(desk, event) if kind is PlanKind.SELL_SET else {},
        )
    return found


def _within(space: Room, most: Usdc | None) -> Room:
    return space if most is None else replace(space, ticket=Usdc(min(space.ticket, most)))


def not_allowed(desk: Desk, event: EventGroup, kind: PlanKind) -> Refusal | None:
    """Return why an event may not be traded as a kind whatever it costs; asked to plan and before a Send."""
    held = rules_hold(desk, event.event_id, event.code)
    allow_other = desk.settings.dutch.allow_other
    return held or ineligible(event, desk.reviewed, allow_other=allow_other, kind=kind)


def held_for_sale(desk: Desk, event: EventGroup) -> Mapping[TokenId, Size]:
    """Return the settled YES shares of an event that a new order may sell."""
    owned = [market.yes for market in event.markets if confirmed(desk, market.yes)]
    return {token: sellable(desk, token) for token in owned}


def press_dutch(desk: Desk, asked: Asked, press: Press, ticket: Ticket) -> list[Effect]:
    """Carry out a press that the machine has let through."""
    match press.move:
        case Move.CONFIRM:
            return _requote(desk, asked, ticket, Move.CONFIRM)
        case Move.REQUOTE:
            return _requote(desk, asked, ticket, Move.REQUOTE)
        case Move.SEND:
            return _press_send(desk, asked, ticket)
        case Move.BACK:
            return _requote(desk, asked, ticket, Move.BACK)
        case Move.DROP:
            after, effects = moved(
                desk,
                ticket,
                Move.DROP,
                asked.at_ms,
                note=f"dropped by {asked.operator.name}, nothing was sent",
            )
            return [*effects, Reply(asked.request, view_of(desk, after))]
        case _:
            raise AssertionError(f"expected a button, was {press.move.name}")


def _requote(desk: Desk, asked: Asked, ticket: Ticket, move: Move) -> list[Effect]:
    """Plan again and show the new plan under `move`; without one the card goes back to dry and says why."""
    fresh = _plan_again(desk, ticket, asked.at_ms)
    if isinstance(fresh, Refusal):
        after, effects = moved(desk, ticket, Move.WORSE, asked.at_ms, note=fresh.text)
    else:
        after, effects = moved(desk, ticket, move, asked.at_ms, plan=fresh)
    return [*effects, Reply(asked.request, view_of(desk, after))]


def _plan_again(desk: Desk, ticket: Ticket, at_ms: Ms) -> Plan | Refusal:
    plan = ticket.plan
    assert plan is not None, f"expected a Dutch ticket to carry its plan: {ticket.ticket_id}"
    if ticket.kind is TicketKind.REPAIR:
        return _repair_again(desk, ticket, at_ms)
    event = desk.events.get(plan.event_id)
    if event is None:
        return Refusal(
            RefusalKind.STRUCTURE, f"{plan.code} is not in the catalogue any more; nothing was sent"
        )
    wanted = None if ticket.wanted_sets is None else Size(ticket.wanted_sets)
    return plan_now(desk, event, wanted, at_ms)


def _repair_again(desk: Desk, ticket: Ticket, at_ms: Ms) -> Plan | Refusal:
    """Plan the same way out of the same broken ticket on the present books."""
    way, broken = repaired_by(ticket)
    flight = desk.flights.get(broken)
    return forgotten(broken) if flight is None else plan_repair(desk, flight, way, at_ms)


def _press_send(desk: Desk, asked: Asked, ticket: Ticket) -> list[Effect]:
    """Look at the venue's own books before sending; a second press meanwhile changes nothing."""
    if ticket.ticket_id in desk.rechecks:
        text = f"{ticket.ticket_id} is being sent already: its books are looked at a last time"
        return refuse(asked, ticket.ticket_id, Refusal(RefusalKind.STALE_BUTTON, text))
    return _send(desk, asked, ticket, looked=False)


def recheck_due(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Go on with every Send whose last look is over, on the books and the gate as they are now."""
    effects: list[Effect] = []
    for waiting, refusal in recheck.due(desk, at_ms):
        asked = replace(waiting.asked, at_ms=at_ms)
        ticket = desk.tickets.get(waiting.ticket_id)
        if ticket is None or ticket.version != waiting.version or ticket.state is not TicketState.ARMED:
            text = f"{waiting.ticket_id} was closed while its books were looked at; nothing was sent"
            effects += refuse(asked, waiting.ticket_id, Refusal(RefusalKind.STALE_BUTTON, text))
        elif refusal is not None:
            effects += _back_to_dry(desk, asked, ticket, refusal)
        else:
            effects += _send(desk, asked, ticket, looked=True)
    return effects


def recheck_timer(desk: Desk, ticket_id: TicketId, at_ms: Ms) -> list[Effect]:
    """End the wait of a Send whose time is over; a timer early by a rounded millisecond is set again."""
    return [*recheck_due(desk, at_ms), *recheck.timer(desk, ticket_id)]


def _send(desk: Desk, asked: Asked, ticket: Ticket, *, looked: bool) -> list[Effect]:
    """Send the plan on the card if nothing got worse; otherwise show what moved.

    `looked` tells whether the venue's own books have been looked at since the press: nothing leaves before.
    """
    plan = ticket.plan
    assert plan is not None, f"expected a Dutch ticket to carry its plan: {ticket.ticket_id}"
    repairs = ticket.kind is TicketKind.REPAIR
    refusal = closed(desk, reduces=plan.sells_only)
    refusal = refusal or no_tokens(desk, len(plan.legs), asked.at_ms, repairs=repairs)
    if granted_by(ticket) is not None:
        refusal = refusal or not_granted(desk, ticket, plan, asked.at_ms)
        if refusal is not None:
            return given_up(desk, ticket, refusal, asked.at_ms)
    if refusal is not None:
        return refuse(asked, ticket.ticket_id, refusal)
    worse = _worse_than(desk, ticket, plan, asked.at_ms)
    if worse is not None:
        return _back_to_dry(desk, asked, ticket, worse)
    approved = review(desk, plan, asked.at_ms)
    if isinstance(approved, Refusal):
        return _back_to_dry(desk, asked, ticket, approved)
    if not looked:
        tokens = tuple(leg.token_id for leg in plan.legs)
        return recheck.begin(desk, asked, ticket.ticket_id, ticket.version, tokens)
    # The machine moves here and now: a second press finds no such move. The row follows in the commit.
    note = "" if granted_by(ticket) is None else ticket.note
    after, _ = moved(desk, ticket, Move.SEND, asked.at_ms, note=note)
    grant = mint_grant(desk, after, approved, asked.at_ms)
    desk.committing[ticket.ticket_id] = PendingSend(asked.request, plan)
    claim = Claim(ticket.ticket_id, ticket.state, ticket.version)
    first = plan.probe_order[:1] or tuple(leg.number for leg in plan.legs)
    legs = [leg for leg in plan.legs if leg.number in first]
    intents = tuple(leg_intent(desk, after, plan, leg, asked.at_ms) for leg in legs)
    return [SendBatch(claim, after, plan, intents, approved, grant)]


def _back_to_dry(desk: Desk, asked: Asked, ticket: Ticket, refusal: Refusal) -> list[Effect]:
    """Show the card again with what moved, on a fresh plan where there is one; a grant's plan is given up."""
    if granted_by(ticket) is not None:
        return given_up(desk, ticket, refusal, asked.at_ms)
    fresh = _plan_again(desk, ticket, asked.at_ms)
    plan = None if isinstance(fresh, Refusal) else fresh
    after, effects = moved(desk, ticket, Move.WORSE, asked.at_ms, plan=plan, note=refusal.text)
    return [
        *effects,
        Count("dutch_refused_total", refusal.kind.value),
        Reply(asked.request, view_of(desk, after)),
    ]


def _worse_than(desk: Desk, ticket: Ticket, plan: Plan, at_ms: Ms) -> Refusal | None:
    """Return what is worse now than on the card, None if the card's plan can be sent as it is."""
    if ticket.kind is TicketKind.REPAIR:
        broken = repaired_by(ticket)[1]
        flight = desk.flights.get(broken)
        return forgotten(broken) if flight is None else worse_than(desk, flight, plan, at_ms)
    event = desk.events.get(plan.event_id)
    if event is None:
        return Refusal(RefusalKind.STRUCTURE, f"{plan.code} is not in the catalogue any more")
    refusal = not_allowed(desk, event, plan.kind)
    if refusal is not None:
        return refusal
    # The guard has held the outcomes to those reviewed; those of a basket may still have gone.
    tokens = [leg.token_id for leg in plan.legs]
    if not {*tokens} <= {token for market in event.markets for token in (market.yes, market.no)}:
        return Refusal(RefusalKind.STRUCTURE, f"an outcome of {plan.code} is not in the catalogue any more")
    books = proven_books(desk.feeds, event, at_ms, tokens)
    if isinstance(books, Refusal):
        return books
    held = held_for_sale(desk, event) if plan.sells_only else None
    odds = success_pct(desk, at_ms)
    return replan_within(
        plan, event, books, params=desk.settings.dutch, now_ms=at_ms, held=held, success_pct=odds
    )


def leg_intent(desk: Desk, ticket: Ticket, plan: Plan, leg: PlanLeg, at_ms: Ms) -> OrderIntent:
    """Return the order of one leg: GTD to buy an exact number of shares, FAK to sell them."""
    kind = TYPE_OF[leg.side]
    ends_ms = (at_ms + GTD_LEAD_MS + desk.settings.orders.gtd_margin_ms) // 1_000 * 1_000
    expires = kind is TimeInForce.GTD
    return intent_of(
        plan,
        leg,
        ticket.ticket_id,
        time_in_force=kind,
        post_only=False,
        created_ms=Ms(at_ms + desk.venue_offset_ms),
        expiration_s=(ends_ms + desk.venue_offset_ms) // 1_000 if expires else 0,
        # Nor with less than the venue's minimum of expiration left (design, section 7).
        resend_until_ms=Ms(
            min(at_ms + min(desk.settings.dutch.max_book_age_ms, TOTAL_MS), ends_ms - GTD_LEAD_MS)
        ),
    )


def committed(desk: Desk, event: BatchCommitted) -> list[Effect]:
    """Take over the orders that are now durable and on their way."""
    ticket = event.ticket
    assert ticket.plan is not None, f"expected a sent ticket to carry its plan: {ticket.ticket_id}"
    for order in event.orders:
        desk.orders[order.order_id] = order
    desk.runner.sent_plans.add(ticket.plan.plan_id)
    standing = grant_of(desk, ticket)
    if standing is not None:
        standing.sent += ticket.kind is TicketKind.DUTCH
        standing.last = f"{ticket.ticket_id} {ticket.plan.code}: sent"
        standing.given_up.pop(ticket.plan.event_id, None)
    pending = desk.committing.pop(ticket.ticket_id)
    further = ticket.plan.probe_order[1:]
    flight = Flight(
        ticket_id=ticket.ticket_id,
        event_id=ticket.plan.event_id,
        order_ids=tuple(order.order_id for order in event.orders),
        sent_ms=event.at_ms,
        witnesses=(event.approved, event.grant),
        to_send=further,
        stopped=pending.stopped if further else "",
    )
    enter_flight(desk, flight)
    if further and not flight.stopped:
        desk.probing[flight.ticket_id] = flight
    ids = ", ".join(order.order_id for order in event.orders)
    return [
        Reply(pending.request, view_of(desk, ticket)),
        *(cancel(desk, flight.order_ids, event.at_ms) if pending.stopped else []),
        *([Count("dutch_orders_placed", "", len(event.orders))] if ticket.kind is TicketKind.DUTCH else []),
        Audit(event.at_ms, ticket.owner, "ticket sending", ticket.ticket_id, f"{ticket.plan.plan_id}: {ids}"),
    ]


def commit_refused(desk: Desk, event: BatchRefused) -> list[Effect]:
    """Close a ticket whose commit did not happen: nothing was sent. A row that another hand moved stays."""
    note = f"nothing was sent: {event.reason}"
    refused = replace(event.ticket, state=MOVES[event.ticket.state, Move.REFUSE], note=note)
    desk.tickets[refused.ticket_id] = refused
    return [
        Reply(desk.committing.pop(refused.ticket_id).request, view_of(desk, refused)),
        Count("dutch_refused_total", "commit"),
        SaveTicket(refused, Claim(refused.ticket_id, TicketState.ARMED, refused.version - 1)),
    ]

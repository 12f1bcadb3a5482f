"""The ticket machine: who may press what, when, once. Mints `Grant`, alone.

Order of the checks: does the ticket exist, is it the presser's, does the press come from the card itself,
from its present version, in time, and does the table have such a move. What a move *does* is the flow's
business (`dutch_flow`, `resume_flow`).
"""

from dataclasses import replace

from engine.core.state import Desk
from engine.core.tickets.grants import ends_of_grant, granted_by, not_granted
from engine.core.tickets.settling import view_of
from engine.domain.commands import Press
from engine.domain.effects import Audit, Count, Effect, RaiseAlert, Reply, SaveTicket, SetTimer, ShowTicket
from engine.domain.events import Asked
from engine.domain.ids import TicketId, quote_ticket_id, ticket_id
from engine.domain.plan import Plan, Sequencing
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import (
    MOVES,
    Approved,
    AutoTerms,
    Claim,
    Grant,
    Move,
    Role,
    SpreadTerms,
    Ticket,
    TicketKind,
    TicketState,
)
from engine.domain.units import Ms, Size
from engine.domain.views import Alert, Gate, RefusalView, RulesView, Severity

ENTROPY_STEP = 1_000_003
"""Added to the shell's entropy until an unused ticket id comes out."""


def refuse(asked: Asked, subject: str, refusal: Refusal) -> list[Effect]:
    """Answer a command with a refusal, counted and in the audit."""
    return [
        Reply(asked.request, RefusalView(subject, refusal)),
        Count("dutch_refused_total", refusal.kind.value),
        Audit(asked.at_ms, asked.operator, f"refused: {refusal.kind.value}", subject, refusal.text),
    ]


def may_open(desk: Desk, asked: Asked) -> Refusal | None:
    """Return why this operator may not open another ticket that leads to orders, None if they may."""
    if not asked.operator.role.allows(Role.TRADER):
        return Refusal(
            RefusalKind.ROLE, f"expected a trader, {asked.operator.name} is {asked.operator.role.value}"
        )
    mine = [
        t
        for t in desk.tickets.values()
        if t.owner == asked.operator
        and t.state.is_open
        and t.kind is not TicketKind.REVIEW
        and granted_by(t) is None
    ]
    if len(mine) >= desk.settings.tickets.open_max:
        return Refusal(
            RefusalKind.TICKET_LIMIT,
            f"expected at most {desk.settings.tickets.open_max} open tickets, found "
            f"{', '.join(t.ticket_id for t in mine)}: drop one first",
        )
    return None


def open_ticket(
    desk: Desk,
    asked: Asked,
    kind: TicketKind,
    *,
    plan: Plan | None = None,
    wanted: Size | None = None,
    note: str = "",
    subject: str = "",
    rules: RulesView | None = None,
) -> list[Effect]:
    """Open a dry ticket and answer with its card; `rules` are what a review is about."""
    ticket, effects = new_ticket(desk, asked, kind, plan=plan, wanted=wanted, note=note, subject=subject)
    if rules is not None:
        desk.readings[ticket.ticket_id] = rules
    return [*effects, Reply(asked.request, view_of(desk, ticket))]


def new_ticket(
    desk: Desk,
    asked: Asked,
    kind: TicketKind,
    *,
    plan: Plan | None = None,
    wanted: Size | None = None,
    note: str = "",
    subject: str = "",
    auto: AutoTerms | None = None,
    spread: SpreadTerms | None = None,
) -> tuple[Ticket, list[Effect]]:
    """Open a dry ticket; the caller answers."""
    named = quote_ticket_id if kind is TicketKind.QUOTE else ticket_id
    entropy = asked.entropy
    while named(entropy) in desk.tickets:
        entropy += ENTROPY_STEP
    ticket = Ticket(
        ticket_id=named(entropy),
        kind=kind,
        owner=asked.operator,
        chat_id=asked.chat_id,
        state=TicketState.DRY,
        version=1,
        plan=plan,
        previous=None,
        wanted_sets=wanted,
        note=note,
        created_ms=asked.at_ms,
        rendered_ms=asked.at_ms,
        expires_ms=Ms(asked.at_ms + desk.settings.tickets.dry_ttl_ms),
        message_id=None,
        subject=subject,
        auto=auto,
        spread=spread,
    )
    desk.tickets[ticket.ticket_id] = ticket
    return ticket, [
        *_saved(ticket, None),
        Audit(asked.at_ms, asked.operator, "ticket opened", ticket.ticket_id, kind.value),
        SetTimer(f"ticket:{ticket.ticket_id}", ticket.expires_ms),
    ]


def _saved(ticket: Ticket, claim: Claim | None) -> list[Effect]:
    return [SaveTicket(ticket, claim)] if ticket.kind.is_stored else []


def check_press(desk: Desk, asked: Asked, press: Press) -> Ticket | Refusal:
    """Return the ticket if this press may move it now, else the refusal."""
    ticket = desk.tickets.get(press.ticket_id)
    if ticket is None:
        return Refusal(RefusalKind.STALE_BUTTON, f"{press.ticket_id} is not known any more: ask again")
    if ticket.owner.user_id != asked.operator.user_id:
        return Refusal(RefusalKind.NOT_OWNER, f"{press.ticket_id} is held by {ticket.owner.name}")
    role = asked.operator.role
    if not role.allows(ticket.kind.role):
        text = f"expected the role {ticket.kind.role.value}, {asked.operator.name} is {role.value} now"
        return Refusal(RefusalKind.ROLE, text)
    if ticket.message_id is None:
        return Refusal(RefusalKind.TOO_FAST, "the card is still being shown: read it first")
    if ticket.message_id != press.message_id or ticket.version != press.version:
        return Refusal(
            RefusalKind.STALE_BUTTON, f"this button is older than {press.ticket_id}: use its present card"
        )
    is_its_button = (press.move is Move.READ) == (ticket.kind is TicketKind.REVIEW)
    if not is_its_button or (ticket.state, press.move) not in MOVES:
        return Refusal(RefusalKind.STALE_BUTTON, f"{press.ticket_id} is already {ticket.state.value}")
    if asked.at_ms >= ticket.expires_ms:
        return Refusal(RefusalKind.EXPIRED, f"{press.ticket_id} has expired, nothing was sent: ask again")
    read_at = ticket.rendered_ms + desk.settings.tickets.read_first_ms
    if press.move in (Move.SEND, Move.READ) and asked.at_ms < read_at:
        return Refusal(RefusalKind.TOO_FAST, "read the card first, then press again")
    return ticket


def forged_card(desk: Desk, asked: Asked, press: Press) -> list[Effect]:
    """Return the alarm for a genuine button that was pressed on a message this desk did not send.

    Only a thief of the bot token can put a copied button under a card of his own (telegram, threat 9).
    """
    ticket = desk.tickets.get(press.ticket_id)
    if ticket is None or ticket.message_id in (None, press.message_id) or ticket.version != press.version:
        return []
    text = (
        f"a button of {press.ticket_id} was pressed under message {press.message_id}, which is not its card"
    )
    alert = Alert(
        key=f"forged:{press.ticket_id}",
        severity=Severity.CRIT,
        subject="forged card",
        text=text,
        next_step="nothing was done; revoke the bot token at BotFather, then look who could read it",
    )
    return [RaiseAlert(alert), Audit(asked.at_ms, asked.operator, "forged card", press.ticket_id, text)]


def moved(
    desk: Desk,
    ticket: Ticket,
    move: Move,
    at_ms: Ms,
    *,
    plan: Plan | None = None,
    note: str = "",
) -> tuple[Ticket, list[Effect]]:
    """Apply a move of the table: new version, new life time, stored under a claim on the old row."""
    state = MOVES[ticket.state, move]
    ttl = (
        desk.settings.tickets.armed_ttl_ms if state is TicketState.ARMED else desk.settings.tickets.dry_ttl_ms
    )
    after = replace(
        ticket,
        state=state,
        version=ticket.version + 1,
        plan=plan or ticket.plan,
        previous=ticket.plan if plan is not None else ticket.previous,
        note=note,
        rendered_ms=at_ms,
        expires_ms=Ms(at_ms + ttl) if state.is_open else ticket.expires_ms,
    )
    desk.tickets[ticket.ticket_id] = after
    effects: list[Effect] = [
        *_saved(after, Claim(ticket.ticket_id, ticket.state, ticket.version)),
        Audit(at_ms, ticket.owner, f"ticket {state.value}", ticket.ticket_id, note),
    ]
    if state.is_open:
        effects.append(SetTimer(f"ticket:{ticket.ticket_id}", after.expires_ms))
    return after, effects


def mint_grant(desk: Desk, ticket: Ticket, approved: Approved, at_ms: Ms) -> Grant:
    """Return the right to send this ticket's plan once; good for as long as its legs may be sent.

    Behind it is the press of Send on this ticket, or on the ticket of the standing grant that opened it.
    """
    plan = ticket.plan
    assert plan is not None, f"expected {ticket.ticket_id} to carry a plan"
    assert plan.plan_id == approved.plan_id, f"expected approval of {plan.plan_id}, was {approved.plan_id}"
    assert ticket.state is TicketState.SENDING, f"expected a confirmed Send, was {ticket.state.value}"
    refused = not_granted(desk, ticket, plan, at_ms)
    assert refused is None, f"expected a press, or a standing grant in force: {refused}"
    ends_ms = at_ms + desk.settings.dutch.max_book_age_ms
    if plan.sequencing is Sequencing.PROBE:
        # Its later legs leave on books of their own (`engine.core.trading.probing`), until its time is over.
        ends_ms = at_ms + desk.settings.repair.leg_timeout_ms
    standing_ms = ends_of_grant(desk, ticket)
    if standing_ms is not None:
        ends_ms = min(ends_ms, standing_ms)
    return Grant(
        ticket_id=ticket.ticket_id,
        plan_id=plan.plan_id,
        user_id=ticket.owner.user_id,
        spend_max=approved.spend_max,
        expires_ms=Ms(ends_ms),
    )


def expire(desk: Desk, ticket_key: TicketId, at_ms: Ms) -> list[Effect]:
    """End an open ticket whose time is over."""
    ticket = desk.tickets.get(ticket_key)
    if ticket is None or not ticket.state.is_open:
        return []
    if at_ms < ticket.expires_ms:
        # Early for the present card, or by a rounded millisecond: the timer is set again.
        return [SetTimer(f"ticket:{ticket_key}", ticket.expires_ms)]
    after, effects = moved(desk, ticket, Move.EXPIRE, at_ms, note="nothing was sent")
    return [*effects, ShowTicket(view_of(desk, after), aloud=False)]


def taken_up(desk: Desk, ticket: Ticket, at_ms: Ms) -> list[Effect]:
    """Go on with an open ticket, or a resume cut off, after a restart.

    A restart disarms: what was confirmed is confirmed again.

    So a press that was on its way when the last process ended finds an older version, and sends nothing.
    """
    if ticket.kind is TicketKind.ORDER:
        # Its press and its Send are one step: a ticket found open was cut off before anything left.
        after, effects = moved(desk, ticket, Move.DROP, at_ms, note="the desk stopped before it was sent")
        return [*effects, ShowTicket(view_of(desk, after), aloud=False)]
    if ticket.state is TicketState.SENDING:
        if not ticket.subject and desk.gate is not Gate.HALTED:
            return []  # its halt was lifted: the first complete read closes it
        note = "the desk stopped in between: look at /status, then ask again"
        after, effects = moved(desk, ticket, Move.REFUSE, at_ms, note=note)
        return [*effects, ShowTicket(view_of(desk, after), aloud=False)]
    if ticket.state is not TicketState.ARMED or at_ms >= ticket.expires_ms:
        return expire(desk, ticket.ticket_id, at_ms)
    after, effects = moved(desk, ticket, Move.BACK, at_ms, note="the desk was restarted: confirm again")
    return [*effects, ShowTicket(view_of(desk, after), aloud=False)]


def card_shown(desk: Desk, ticket_key: TicketId, message_id: int) -> list[Effect]:
    """Bind a ticket to the message that carries its card."""
    ticket = desk.tickets.get(ticket_key)
    if ticket is None or ticket.message_id == message_id:
        return []
    bound = replace(ticket, message_id=message_id)
    desk.tickets[ticket_key] = bound
    return _saved(bound, None)

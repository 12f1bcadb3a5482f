"""The ticket of a standing grant: dry, confirm, in force as a live panel, ended; and the answer to a stop.

Pure rendering of a `TicketView`; while the grant is in force its message is edited with every plan it sends.
"""

from bot.card import Button, Card, CommandAct, Keyboard, Look, Style, headline
from bot.cards_ticket import armed_buttons, ids_line, mark_of, move_button, note_lines, owner_line
from bot.figures import clock_time, cost, lasting, proceeds
from bot.markup import bold, esc, table, when
from engine.domain.ticket import AutoTerms, Move, Ticket, TicketState
from engine.domain.units import format_scaled
from engine.domain.views import GrantsEndedView, GrantView, Severity, TicketView

LAST_MAX = 160
_COLUMNS = (18, 14)
_STATUS = Button("📊 Status", CommandAct("/status"))
_STOP = Button("⛔ Stop", CommandAct("/dutch stop"), Style.PRIMARY)
_ENDS = "Ends by Stop, time, a used budget, /kill or any halt, 2 failed plans in a row, a restart."
_SETTLES = (
    "What breaks under it is repaired without a press: bought complete or sold, at a loss if it must. "
    "Pairs are merged."
)
_ENDINGS = {
    TicketState.DONE: ("🏁", "ended"),
    TicketState.DROPPED: ("✖", "dropped, nothing sent"),
    TicketState.EXPIRED: ("⌛", "time is up, nothing sent"),
}


def auto_card(view: TicketView, look: Look) -> Card:
    """Return the card of a standing grant's ticket in its present state."""
    ticket, terms = view.ticket, view.ticket.auto
    assert terms is not None, f"expected {ticket.ticket_id} to carry the terms of a grant"
    if ticket.state.is_open:
        return _open_card(view, terms, look)
    if ticket.state is TicketState.SENDING:
        return _panel(view, terms, look)
    mark, verdict = _ENDINGS.get(ticket.state, ("⛔", "refused, nothing sent"))
    lines = [
        headline(mark, look, ticket.state.value, _subject(ticket), verdict),
        *note_lines(ticket),
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    return Card("\n".join(lines), ((_again(ticket, terms), _STATUS),), about=mark_of(view))


def _subject(ticket: Ticket) -> str:
    return f"Auto {esc(ticket.subject or 'all', 20)}"


def _scope(ticket: Ticket) -> str:
    return ticket.subject or "all events"


def _open_card(view: TicketView, terms: AutoTerms, look: Look) -> Card:
    """Return the dry or the confirm card: what the desk may do by itself, and what ends it."""
    ticket = view.ticket
    armed = ticket.state is TicketState.ARMED
    budget = cost(terms.budget)
    verdict = f"plans up to {bold(f'{budget} USDC')} for {lasting(terms.lasts_ms)}, without a press"
    rows = [
        ("events", _scope(ticket)),
        ("budget", budget),
        ("per plan at most", cost(terms.per_plan)),
        ("lasts", lasting(terms.lasts_ms)),
    ]
    lines = [
        headline("🔒" if armed else "🤖", look, ticket.state.value, _subject(ticket), verdict),
        *note_lines(ticket),
        table(rows, _COLUMNS),
        "Dutch plans that pay are sent at once, one at a time per event, each as its own ticket.",
        _SETTLES,
        "Every cap, guard and last look at the books stays as it is.",
        _ENDS,
        owner_line(ticket, look),
    ]
    return Card("\n".join(lines), _open_keyboard(ticket, budget), about=mark_of(view))


def _open_keyboard(ticket: Ticket, budget: str) -> Keyboard:
    drop = move_button(ticket, Move.DROP, "✖ Drop")
    if ticket.state is TicketState.DRY:
        return ((drop, move_button(ticket, Move.CONFIRM, "Confirm…", Style.PRIMARY)),)
    return armed_buttons(ticket, f"🔴 Begin · ≤ {budget}")


def _panel(view: TicketView, terms: AutoTerms, look: Look) -> Card:
    """Return the live panel: budget left, plans sent, the newest thing it did, and Stop."""
    ticket, grant = view.ticket, view.grant
    verdict = f"in force until {when(ticket.expires_ms, clock_time(ticket.expires_ms), 'T')}"
    lines = [
        headline("🤖", look, "auto", _subject(ticket), verdict),
        *([] if grant is None else [table(_figures(terms, grant), _COLUMNS), *_newest(grant)]),
        _SETTLES,
        _ENDS,
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    return Card("\n".join(lines), ((_STOP, _STATUS),), about=mark_of(view))


def _figures(terms: AutoTerms, grant: GrantView) -> list[tuple[str, str]]:
    return [
        ("budget", proceeds(terms.budget)),
        ("left", proceeds(grant.left)),
        ("plans sent", str(grant.sent)),
        ("filled whole", str(grant.whole)),
        ("failed", str(grant.failed)),
        ("in flight", str(len(grant.flying))),
    ]


def _newest(grant: GrantView) -> list[str]:
    return [f"Last: {esc(grant.last, LAST_MAX)}"] if grant.last else []


def _again(ticket: Ticket, terms: AutoTerms) -> Button:
    """Return the button that opens a fresh dry ticket like this one."""
    minutes = -(-terms.lasts_ms // 60_000)
    budget = format_scaled(terms.budget, 6)
    return Button("🔁 Again…", CommandAct(f"/dutch auto {ticket.subject or 'all'} {budget} {minutes}m"))


def grants_ended_card(view: GrantsEndedView, look: Look) -> Card:
    """Return the answer to `/dutch stop`: which grants have ended, and what still runs to its end."""
    if not view.tickets:
        line = headline("⛔", look, "stop", "Auto", "no standing grant is in force")
        return Card(line, ((_STATUS,),))
    names = ", ".join(view.tickets)
    lines = [headline("⛔", look, "stop", "Auto", f"{bold('stopped')}: {esc(names)}")]
    if view.flying:
        lines.append(f"Sent before, and run to their end: {esc(', '.join(view.flying))}")
    lines.append("Nothing more is sent without a press.")
    return Card("\n".join(lines), ((_STATUS,),), Severity.INFO)

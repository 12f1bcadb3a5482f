"""The ticket that lifts a halt or a freeze: dry, confirm, done and the endings. It sends no order."""

from typing import assert_never

from bot.card import Button, Card, CommandAct, Keyboard, Look, Style, headline
from bot.cards_ticket import armed_buttons, mark_of, move_button, note_lines, owner_line
from bot.markup import bold, esc
from engine.domain.ticket import Move, Ticket, TicketState
from engine.domain.views import TicketView


def resume_card(view: TicketView, look: Look) -> Card:
    """Return the card of a resume ticket in its present state."""
    ticket = view.ticket
    mark, verdict, explanation = _thaw_words(ticket) if ticket.subject else _words(ticket.state)
    subject = f"Resume {esc(ticket.subject, 20)}".rstrip()
    lines = [headline(mark, look, ticket.state.value, subject, verdict), *note_lines(ticket)]
    if explanation:
        lines.append(explanation)
    lines.append(owner_line(ticket, look))
    return Card("\n".join(lines), _keyboard(ticket), about=mark_of(view))


def _words(state: TicketState) -> tuple[str, str, str]:
    """Return mark, verdict and explanation of a state."""
    match state:
        case TicketState.DRY:
            explanation = "Look at /status first: what is held, what is unproven, why it stopped."
            return "▶️", f"the desk is {bold('halted')}, nothing changed yet", explanation
        case TicketState.ARMED:
            return (
                "🔒",
                "open the gate for new orders",
                "Tickets may be sent again after this. No order leaves by it.",
            )
        case TicketState.SENDING:
            return "⏳", "opening the gate", ""
        case TicketState.DONE:
            return "✅", f"gate {bold('RUN')}, new orders may leave", ""
        case TicketState.DROPPED:
            return "✖", "dropped, the desk stays halted", ""
        case TicketState.EXPIRED:
            return "⌛", "time is up, the desk stays halted", ""
        case TicketState.REFUSED | TicketState.BROKEN | TicketState.MISSED:
            return "⛔", "refused, the desk stays halted", ""
        case _:
            assert_never(state)


def _thaw_words(ticket: Ticket) -> tuple[str, str, str]:
    """Return mark, verdict and explanation of a ticket that lifts one event's freeze."""
    match ticket.state:
        case TicketState.DRY:
            return "▶️", f"the event is {bold('frozen')}, nothing changed yet", "Look at what is held first."
        case TicketState.ARMED:
            return "🔒", "let the event take new plans", "No order leaves by it; what is held stays held."
        case TicketState.DONE | TicketState.SENDING:
            return "✅", "the event takes new plans", ""
        case TicketState.DROPPED:
            return "✖", "dropped, the event stays frozen", ""
        case TicketState.EXPIRED:
            return "⌛", "time is up, the event stays frozen", ""
        case TicketState.REFUSED | TicketState.BROKEN | TicketState.MISSED:
            return "⛔", "refused, the event stays frozen", ""
        case _:
            assert_never(ticket.state)


def _keyboard(ticket: Ticket) -> Keyboard:
    drop = move_button(ticket, Move.DROP, "✖ Drop")
    if ticket.state is TicketState.DRY:
        return ((drop, move_button(ticket, Move.CONFIRM, "Confirm…", Style.PRIMARY)),)
    if ticket.state is TicketState.ARMED:
        label = f"🔴 Thaw {ticket.subject}" if ticket.subject else "🔴 Resume trading"
        return armed_buttons(ticket, label)
    return ((Button("📊 Status", CommandAct("/status")),),)

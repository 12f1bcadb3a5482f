"""A ticket of one act on chain, merge or redemption: dry, confirm, under way, read back, the endings."""

from typing import assert_never

from bot.card import Button, Card, CommandAct, Keyboard, Look, Style, headline
from bot.cards_ticket import armed_buttons, mark_of, move_button, note_lines, owner_line
from bot.figures import proceeds, shares
from bot.markup import bold, code, esc, table
from engine.domain.chain_act import ActKind, ActStage, ChainAct
from engine.domain.ticket import Move, Ticket, TicketState
from engine.domain.views import Severity, TicketView

REASON_MAX = 240
_STATUS = Button("📊 Status", CommandAct("/status"))
_GAS = "Gas comes on top where the wallet pays its own; the venue's gas relayer charges nothing."
_MEANS = {
    ActKind.MERGE: "Each pair pays a dollar whatever happens; merging brings that dollar now.",
    ActKind.REDEEM: "The market has its answer: shares that won pay a dollar each, the others nothing.",
}


def act_card(view: TicketView, look: Look) -> Card:
    """Return the card of an act's ticket in its present state."""
    ticket, act = view.ticket, view.act
    assert act is not None, f"expected a ticket of an act to carry it: {ticket.ticket_id}"
    mark, verdict, explanation = _words(ticket, act)
    subject = f"{act.kind.value.capitalize()} {esc(act.code, 20)}"
    lines = [
        headline(mark, look, ticket.state.value, subject, verdict),
        esc(act.name),
        table(
            [
                ("YES leave", shares(act.yes_size)),
                ("NO leave", shares(act.no_size)),
                ("returns", proceeds(act.payout)),
            ],
            (12, 20),
        ),
        *note_lines(ticket),
        *([explanation] if explanation else []),
        *([f"tx {code(act.reference)}"] if act.reference else []),
    ]
    lines.append(owner_line(ticket, look))
    failed = ticket.state is TicketState.REFUSED
    severity = Severity.WARN if failed else Severity.INFO
    return Card("\n".join(lines), _keyboard(ticket, act), severity, about=mark_of(view))


def _words(ticket: Ticket, act: ChainAct) -> tuple[str, str, str]:
    """Return mark, verdict and explanation of a state."""
    paid = bold(f"{proceeds(act.payout)} USDC")
    match ticket.state:
        case TicketState.DRY:
            return "🔀", f"returns {paid}, nothing sent", f"{_MEANS[act.kind]} {_GAS}"
        case TicketState.ARMED:
            return "🔒", f"returns {paid}", "It cannot be undone. The wallet takes one act at a time."
        case TicketState.SENDING:
            return _under_way(act)
        case TicketState.DONE:
            return "✅", f"{paid} read back in the wallet", ""
        case TicketState.DROPPED:
            return "✖", "dropped, nothing sent", ""
        case TicketState.EXPIRED:
            return "⌛", "time is up, nothing sent", ""
        case TicketState.REFUSED | TicketState.BROKEN | TicketState.MISSED:
            return "⛔", "no effect, nothing was booked", "Look at the account, then ask again."
        case _:
            assert_never(ticket.state)


def _under_way(act: ChainAct) -> tuple[str, str, str]:
    if act.stage is ActStage.UNKNOWN:
        why = esc(act.reason, REASON_MAX)
        return (
            "⏳",
            "❓ outcome unknown: reconciling",
            f"{why}. The wallet is read until it tells.",
        )
    if act.stage is ActStage.CONFIRMED:
        return "⏳", "confirmed, reading the wallet", "It is booked once the wallet shows it."
    return "⏳", "handed to the chain", "It is booked once the wallet shows it."


def _keyboard(ticket: Ticket, act: ChainAct) -> Keyboard:
    drop = move_button(ticket, Move.DROP, "✖ Drop")
    if ticket.state is TicketState.DRY:
        again = move_button(ticket, Move.REQUOTE, "🔁 Again")
        return ((again, drop), (move_button(ticket, Move.CONFIRM, "Confirm…", Style.PRIMARY),))
    if ticket.state is TicketState.ARMED:
        label = f"🔴 {act.kind.value.capitalize()} for {proceeds(act.payout)}"
        return armed_buttons(ticket, label)
    return ((_STATUS,),)

"""One order by itself: sending, resting, done, and the endings that cost nothing. No buttons.

Pure rendering; the order was confirmed where it was asked for.
"""

from typing import assert_never

from bot.card import Button, Card, CommandAct, Look, headline
from bot.cards_ticket import ids_line, mark_of, note_lines
from bot.figures import average_price, exact, price, shares
from bot.markup import bold, details, esc
from engine.domain.order import OrderState
from engine.domain.plan import PlanLeg
from engine.domain.ticket import Ticket, TicketState
from engine.domain.views import CancelView, LegResult, Severity, TicketResult, TicketView

_STATUS = ((Button("📊 Status", CommandAct("/status")),),)


def order_card(view: TicketView, look: Look) -> Card:
    """Return the card of an order's ticket in its present state."""
    ticket, result = view.ticket, view.result
    assert ticket.plan is not None, f"expected an order's ticket to carry its plan: {ticket.ticket_id}"
    leg = ticket.plan.legs[0]
    got = result.legs[0] if result is not None else None
    mark, verdict = _verdict(ticket, leg, got)
    lines = [
        headline(mark, look, ticket.state.value, f"Order {esc(ticket.plan.code, 20)}", verdict),
        f"{leg.side.value} {shares(leg.size)} {esc(leg.name, 40)} at {price(leg.limit)} or better",
        *note_lines(ticket),
        *([details(_filled(result, got))] if result is not None and got is not None and got.filled else []),
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    level = Severity.WARN if ticket.state is TicketState.MISSED else Severity.INFO
    return Card("\n".join(lines), _STATUS, level, mark_of(view))


def _verdict(ticket: Ticket, leg: PlanLeg, got: LegResult | None) -> tuple[str, str]:
    """Return mark and verdict; nothing is claimed that the venue has not shown."""
    match ticket.state:
        case TicketState.DRY | TicketState.ARMED:
            return "🔒", "confirmed, not sent yet"
        case TicketState.SENDING:
            return _under_way(got)
        case TicketState.DONE | TicketState.BROKEN:
            filled = got.filled if got is not None else 0
            if filled >= leg.size:
                return "✅", "all of it filled"
            return (
                "✅",
                f"{bold(shares(leg.size if got is None else got.filled))} of {shares(leg.size)} filled",
            )
        case TicketState.MISSED:
            why = "" if got is None or not got.reason else f": {esc(got.reason, 80)}"
            return "⭕", f"sent, nothing filled{why}"
        case TicketState.DROPPED | TicketState.EXPIRED | TicketState.REFUSED:
            return "⛔", "nothing was sent"
        case _:
            assert_never(ticket.state)


def _under_way(got: LegResult | None) -> tuple[str, str]:
    if got is None:
        return "⏳", "handing the order to the venue"
    if got.state is OrderState.UNKNOWN:
        return "❓", "outcome unknown: reconciling"
    word = "rests" if got.state in (OrderState.LIVE, OrderState.PARTIAL) else got.state.value
    return "⏳", f"{word}, {shares(got.filled)} of {shares(got.wanted)} filled"


def _filled(result: TicketResult, got: LegResult) -> list[str]:
    paid = "cash" if result.accounted else "cash so far (trades are still being read back)"
    settled = "settled" if result.settled else "matched, not yet confirmed by the venue"
    each = f"{shares(got.filled)} at {average_price(got.cash, got.filled)}"
    return [f"{each}, {paid} {exact(got.cash)}, fee {exact(got.fee)}", settled]


def cancel_card(view: CancelView, look: Look) -> Card:
    """Return that cancels are on their way."""
    what = "every order of the account" if view.everything else f"{len(view.order_ids)} orders"
    line = headline("✖", look, "cancelling", what, "asked, each order's card tells what became of it")
    return Card(line, _STATUS)

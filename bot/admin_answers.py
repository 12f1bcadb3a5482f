"""What the admin port answers: views of the desk as JSON, and who asks. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, assert_never

from bot.operations import NoAnswer
from bot.why_words import plain_facts, why_lines
from engine.domain.ids import UserId
from engine.domain.order import OrderRecord, OrderState
from engine.domain.quote_views import SpreadsEndedView, SpreadsView
from engine.domain.ticket import Operator, Role, TicketState
from engine.domain.views import (
    AllowancesView,
    CancelView,
    GrantsEndedView,
    KillView,
    ReconcileView,
    RefusalView,
    ReviewsView,
    RulesView,
    ScanView,
    StatusView,
    TicketView,
    View,
)
from engine.domain.why import WhyView

NAMELESS = Operator(UserId(0), "the command line", Role.ADMIN)
"""Who kills and looks without a name: both need none."""
NOT_TAKEN = frozenset({OrderState.SENDING, OrderState.UNKNOWN, OrderState.REJECTED, OrderState.DEAD})
"""States that do not show that the venue ever took the order."""


def operator_named(operators: Sequence[Operator], name: str) -> Operator | str:
    """Return the operator of this name, without one the only admin; else a sentence."""
    if not name:
        admins = [operator for operator in operators if operator.role is Role.ADMIN]
        if len(admins) == 1:
            return admins[0]
        listed = ", ".join(operator.name for operator in operators)
        return f"expected --operator NAME, because the TOML has {len(admins)} admins; operators are {listed}"
    found = [operator for operator in operators if operator.name.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(operator.name for operator in operators)
    return f"expected the name of an operator of the TOML, found {name!r}; operators are {listed}"


def answered(view: View | NoAnswer) -> tuple[int, Mapping[str, Any]]:
    """Return status and body for what the desk said."""
    match view:
        case NoAnswer():
            text = (
                f"expected the desk's answer within {view.waited_s:g} s, found none: whether it acted is not "
                "known; look at `dutchdesk orders` and `dutchdesk audit-tail`"
            )
            return 504, {"error": text}
        case RefusalView():
            return 409, {"error": view.refusal.text, "refused": view.refusal.kind.value}
        case TicketView():
            return _ticket(view)
        case KillView():
            return 200, {"halted": True, "believed_open": view.asked, "still_held": list(view.still_held)}
        case ReconcileView():
            return 200, asdict(view)
        case CancelView():
            return 200, {"cancelling": list(view.order_ids), "everything": view.everything}
        case StatusView():
            return 200, {**asdict(view), "gate": view.gate.value}
        case WhyView():
            return 200, {"why": plain_facts(view), "text": list(why_lines(view))}
        case (
            ScanView()
            | RulesView()
            | ReviewsView()
            | AllowancesView()
            | GrantsEndedView()
            | SpreadsView()
            | SpreadsEndedView()
        ):
            raise AssertionError(f"expected no {type(view).__name__}: no route of the port asks for one")
        case _:
            assert_never(view)


def _ticket(view: TicketView) -> tuple[int, Mapping[str, Any]]:
    ticket = view.ticket
    if ticket.state is TicketState.REFUSED:
        return 409, {"error": ticket.note, "refused": "commit", "ticket": ticket.ticket_id}
    return 200, {"ticket": ticket.ticket_id, "state": ticket.state.value, "note": ticket.note}


def placed(view: TicketView, orders: Sequence[OrderRecord]) -> tuple[int, Mapping[str, Any]]:
    """Return what became of an order's ticket: the seed's three counts, and each order."""
    return 200, {
        "ticket": view.ticket.ticket_id,
        "placed": len(orders),
        "accepted": sum(order.state not in NOT_TAKEN for order in orders),
        "statuses": dict(Counter(order.state.value for order in orders)),
        "orders": [
            {
                "order_id": order.order_id,
                "state": order.state.value,
                "filled": order.filled,
                "size": order.intent.size,
                "reason": order.reason,
            }
            for order in orders
        ],
    }

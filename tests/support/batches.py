"""A batch ready to be sent, for tests of the shell."""

from engine.domain.effects import ResendOrders, SendBatch
from engine.domain.failure import LegAnswer
from engine.domain.order import OrderIntent
from engine.domain.ticket import Approved, Claim, Grant, TicketState
from engine.domain.units import Ms
from engine.ports import PreparedOrder
from tests.support.builders import BEN, NO_SHARES, NOW, TICKET, accepted, intent, order, plan, ticket


def batch() -> SendBatch:
    """Three legs under both witnesses."""
    planned = plan()
    approved = Approved(planned.plan_id, planned.spend_max, NOW)
    grant = Grant(TICKET, planned.plan_id, BEN.user_id, planned.spend_max, Ms(NOW + 5_000))
    intents: tuple[OrderIntent, ...] = tuple(intent(leg, planned) for leg in range(len(planned.legs)))
    return SendBatch(
        claim=Claim(TICKET, TicketState.ARMED, 2),
        ticket=ticket(TicketState.SENDING, planned),
        plan=planned,
        intents=intents,
        approved=approved,
        grant=grant,
    )


def again(sent: SendBatch, *ids: PreparedOrder) -> ResendOrders:
    return ResendOrders(tuple(p.order_id for p in ids), sent.approved, sent.grant)


def rests(prepared: PreparedOrder) -> LegAnswer:
    """Answer of a venue that takes every order and matches none."""
    return accepted(order(what=prepared.intent), NO_SHARES)

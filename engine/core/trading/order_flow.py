"""One order by itself: opened, armed and sent in one step, because its asker has confirmed it already.

It takes the way of every ticket: the same table of moves, the same caps, both witnesses, the same commit.
What differs is the plan (`engine.core.orders.order_plan`), and that a BUY must not meet an order of our own.
"""

from collections.abc import Iterator

from engine.core.exposure.inventory import sellable
from engine.core.exposure.risk import closed, no_tokens, review
from engine.core.exposure.unsent import promised_legs
from engine.core.order_terms import GTD_LEAD_MS
from engine.core.orders.evidence import cancel
from engine.core.orders.order_plan import Outcome, ends_ms, find_outcome, plan_order, type_refusal
from engine.core.rules.rules_watch import rules_hold
from engine.core.state import Desk, PendingSend, live_orders
from engine.core.tickets.ticket import may_open, mint_grant, moved, new_ticket, refuse
from engine.core.trading.probing import stop_asked
from engine.domain.book import NotLive
from engine.domain.commands import AskCancel, PlaceOrder, Press
from engine.domain.effects import Audit, CancelEverything, Effect, Reply, SendBatch
from engine.domain.events import Asked
from engine.domain.ids import OrderId, TokenId
from engine.domain.market import Side
from engine.domain.order import OrderIntent, OrderRecord
from engine.domain.plan import Plan, intent_of
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Claim, Move, Role, Ticket, TicketKind
from engine.domain.units import PRICE_ONE, Ms, Price, format_price, format_size
from engine.domain.views import CancelView

ORDER_PREFIX_MIN = 8
"""Characters of an order id, 0x counted, below which two ids may easily begin alike."""


def place_order(desk: Desk, asked: Asked, command: PlaceOrder) -> list[Effect]:
    """Send one order, or say why it is not sent; the ticket's card follows in its owner's chat."""
    planned = _planned(desk, asked, command)
    if isinstance(planned, Refusal):
        return refuse(asked, "order", planned)
    approved = review(desk, planned, asked.at_ms)
    if isinstance(approved, Refusal):
        return refuse(asked, "order", approved)
    opened, effects = new_ticket(desk, asked, TicketKind.ORDER, plan=planned, wanted=command.size)
    armed, more = moved(desk, opened, Move.CONFIRM, asked.at_ms, note="confirmed on the command line")
    # The machine moves here and now; the row follows in the commit, under a claim on the armed one.
    sent, _ = moved(desk, armed, Move.SEND, asked.at_ms)
    grant = mint_grant(desk, sent, approved, asked.at_ms)
    desk.committing[sent.ticket_id] = PendingSend(asked.request, planned)
    claim = Claim(armed.ticket_id, armed.state, armed.version)
    intent = _intent(desk, sent, planned, command, asked.at_ms)
    return [*effects, *more, SendBatch(claim, sent, planned, (intent,), approved, grant)]


def press_order(_desk: Desk, asked: Asked, press: Press, _ticket: Ticket) -> list[Effect]:
    """Refuse: the card of an order has no buttons, it was confirmed where it was asked for."""
    text = f"{press.ticket_id} was confirmed on the command line and takes no presses"
    return refuse(asked, press.ticket_id, Refusal(RefusalKind.STALE_BUTTON, text))


def _planned(desk: Desk, asked: Asked, command: PlaceOrder) -> Plan | Refusal:
    """Return the plan: who may, what is meant, what may be traded, then terms and book, in this order."""
    reduces = command.side is Side.SELL
    refusal = (
        may_open(desk, asked)
        or closed(desk, reduces=reduces)
        or type_refusal(command)
        or no_tokens(desk, 1, asked.at_ms)
    )
    if refusal is not None:
        return refusal
    outcome = find_outcome(desk.events.values(), command.outcome)
    if isinstance(outcome, Refusal):
        return outcome
    refusal = _not_allowed(desk, outcome, command)
    if refusal is not None:
        return refusal
    book = desk.feeds.live(outcome.token_id, asked.at_ms)
    if isinstance(book, NotLive):
        text = (
            f"expected a proven book for {outcome.name}, found: {book.value}; try again when the feed is live"
        )
        return Refusal(RefusalKind.BOOK_NOT_LIVE, text)
    ends = ends_ms(command, asked.at_ms, margin_ms=desk.settings.orders.gtd_margin_ms)
    return plan_order(outcome, book, command, now_ms=asked.at_ms, ends=ends)


def _not_allowed(desk: Desk, outcome: Outcome, command: PlaceOrder) -> Refusal | None:
    """Return why this outcome may not be bought, or not be sold, whatever the book says."""
    event = outcome.event
    if command.side is Side.SELL:
        held = sellable(desk, outcome.token_id)
        if command.size > held:
            return Refusal(
                RefusalKind.INVENTORY,
                f"expected at most {format_size(held)} confirmed shares of {outcome.name} to sell, found "
                f"{format_size(command.size)}: what is matched and not yet confirmed is not sold",
            )
    elif (refusal := rules_hold(desk, event.event_id, event.code)) is not None:
        return refusal
    elif (why := desk.frozen.get(event.event_id)) is not None:
        text = f"{event.code} takes no new plans: {why}; look at what is held, then /resume {event.code}"
        return Refusal(RefusalKind.FROZEN, text)
    return _self_trade(desk, outcome, command)


def _self_trade(desk: Desk, outcome: Outcome, command: PlaceOrder) -> Refusal | None:
    """Refuse what could match an order of our own, on this token or mirrored on the other one."""
    market, price = outcome.market, command.price
    other = market.no if outcome.token_id == market.yes else market.yes
    for token_id, side, own, name in _own_orders(desk):
        if token_id == outcome.token_id and side is not command.side:
            buy, sell = (price, own) if command.side is Side.BUY else (own, price)
            meets = buy >= sell
        elif token_id == other and side is command.side:
            together = price + own
            meets = together >= PRICE_ONE if command.side is Side.BUY else together <= PRICE_ONE
        else:
            continue
        if meets:
            return Refusal(
                RefusalKind.SELF_TRADE,
                f"expected no order of our own on the other side, found {name} at {format_price(own)}: "
                "cancel it first",
            )
    return None


def _own_orders(desk: Desk) -> Iterator[tuple[TokenId, Side, Price, str]]:
    """Return what may still trade, or is just being committed: token, side, limit and name."""
    for order in live_orders(desk):
        intent = order.intent
        yield intent.token_id, intent.side, intent.price, f"{order.order_id[:14]} of {intent.ticket_id}"
    for ticket_id, leg in promised_legs(desk):
        yield leg.token_id, leg.side, leg.limit, f"an order of {ticket_id}"


def _intent(desk: Desk, ticket: Ticket, plan: Plan, command: PlaceOrder, at_ms: Ms) -> OrderIntent:
    leg = plan.legs[0]
    ends = ends_ms(command, at_ms, margin_ms=desk.settings.orders.gtd_margin_ms)
    return intent_of(
        plan,
        leg,
        ticket.ticket_id,
        time_in_force=command.time_in_force,
        post_only=command.rests,
        created_ms=Ms(at_ms + desk.venue_offset_ms),
        expiration_s=(ends + desk.venue_offset_ms) // 1_000 if ends else 0,
        resend_until_ms=_resend_until(desk, ends, at_ms),
    )


def _resend_until(desk: Desk, ends: int, at_ms: Ms) -> Ms:
    """Return how long the same bytes may be sent again: never with less than the venue's minimum left."""
    aged = at_ms + desk.settings.dutch.max_book_age_ms
    return Ms(min(aged, ends - GTD_LEAD_MS) if ends else aged)


def ask_cancel(desk: Desk, asked: Asked, command: AskCancel) -> list[Effect]:
    """Cancel what was named, whatever the gate says; the proof of each order follows by itself."""
    if not asked.operator.role.allows(Role.TRADER):
        role = asked.operator.role.value
        text = f"expected a trader, {asked.operator.name} is {role}; /kill needs no role"
        return refuse(asked, "cancel", Refusal(RefusalKind.ROLE, text))
    found = _meant(desk, command)
    if isinstance(found, Refusal):
        return refuse(asked, "cancel", found)
    ids = tuple(order.order_id for order in found)
    everything = command.order_id is None and not command.code
    what = command.order_id or command.code or "every order of the account"
    return [
        *([CancelEverything()] if everything else []),
        *(cancel(desk, ids, asked.at_ms) if ids else []),
        *stop_asked(desk, command, ids, asked.at_ms),
        Audit(asked.at_ms, asked.operator, "cancel asked", what, f"{len(ids)} orders of this desk"),
        Reply(asked.request, CancelView(ids, everything=everything)),
    ]


def _meant(desk: Desk, command: AskCancel) -> list[OrderRecord] | Refusal:
    alive = list(live_orders(desk))
    if command.order_id is not None:
        return _one(alive, command.order_id)
    if command.code:
        event_id = desk.codes.get(command.code)
        if event_id is None:
            return Refusal(
                RefusalKind.UNKNOWN_CODE, f"expected the code of a watched event, found {command.code!r}"
            )
        conditions = {market.condition_id for market in desk.events[event_id].markets}
        return [order for order in alive if order.intent.condition_id in conditions]
    return alive


def _one(alive: list[OrderRecord], order_id: OrderId) -> list[OrderRecord] | Refusal:
    found = [order for order in alive if order.order_id.startswith(order_id)]
    if len(found) == 1 and len(order_id) >= ORDER_PREFIX_MIN:
        return found
    count = f"{len(found)} that begin so" if found else "none"
    return Refusal(
        RefusalKind.UNKNOWN_ORDER,
        f"expected the id of one order of this desk that may still execute, at least {ORDER_PREFIX_MIN} "
        f"characters of it; found {count}; `dutchdesk orders` lists them",
    )

"""Paper orders in the words of the venue's ports: prepared orders, answers, sights, trades. Pure."""

import hashlib
import json
from collections.abc import Sequence

from engine.core.order_terms import form_problem, terms_of
from engine.core.spread.paper_book import ShadowOrder
from engine.core.spread.paper_orders import Filled, PaperMarket, PaperOrder, PaperRefusal, PaperState
from engine.core.spread.queue_models import QueueModel
from engine.domain.account import OpenOrder, UserOrder, UserOrderStatus
from engine.domain.failure import LegAnswer, Placed, PostClass, RejectKind
from engine.domain.ids import OrderId, TradeId
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import Ms, Size, Usdc
from engine.ports import PreparedOrder
from engine.venue.paper_journal import PaperTrade

GTD_EARLY_MS = 60_000
"""The venue ends an order so long before its expiration (design, section 7)."""
_NONE, _FREE = Size(0), Usdc(0)
_KILLS = (PaperRefusal.UNMATCHED, PaperRefusal.UNFILLED)
_STATUS = {
    PaperState.SENT: UserOrderStatus.LIVE,
    PaperState.RESTING: UserOrderStatus.LIVE,
    PaperState.FILLED: UserOrderStatus.MATCHED,
    PaperState.CANCELLED: UserOrderStatus.CANCELLED,
    PaperState.EXPIRED: UserOrderStatus.CANCELLED,
    PaperState.KILLED: UserOrderStatus.CANCELLED,
    PaperState.REFUSED: UserOrderStatus.INVALID,
}


def paper_prepared(intent: OrderIntent, install_secret: bytes) -> PreparedOrder:
    """Return an intent with an id and a body: the same intent always gets the same. Nothing is signed."""
    problem = form_problem(terms_of(intent))
    assert problem is None, f"expected an order that may be sent, {intent.key}: {problem.text}"
    terms = {
        "paper": intent.key,
        "tokenId": intent.token_id,
        "side": intent.side.value,
        "price": intent.price,
        "size": intent.size,
        "orderType": intent.time_in_force.value,
        "postOnly": intent.post_only,
        "expiration": intent.expiration_s,
        "timestamp": intent.created_ms,
    }
    body = json.dumps(terms, separators=(",", ":")).encode()
    digest = hashlib.sha256(install_secret + body).hexdigest()
    return PreparedOrder(OrderId("0x" + digest), intent, body)


def paper_order(order: PreparedOrder, offset_ms: Ms) -> PaperOrder:
    """Return an order for its book; `offset_ms` is the venue's clock minus the book's."""
    intent = order.intent
    ends = intent.time_in_force is TimeInForce.GTD
    return PaperOrder(
        order_id=order.order_id,
        token_id=intent.token_id,
        side=intent.side,
        price=intent.price,
        size=intent.size,
        time_in_force=intent.time_in_force,
        post_only=intent.post_only,
        expires_ms=Ms(intent.expiration_s * 1_000 - GTD_EARLY_MS - offset_ms) if ends else None,
    )


def already_known(order_id: OrderId) -> LegAnswer:
    """Return the answer to an order that came before."""
    return LegAnswer(order_id, PostClass.DUPLICATED, None, _NONE, _FREE, (), "Duplicated.")


def answer_of(shadow: ShadowOrder, taken: Sequence[PaperTrade]) -> LegAnswer:
    """Return the answer to an order that has arrived, with what it took at once."""
    order_id, refusal = shadow.order.order_id, shadow.refusal
    if refusal is not None:
        kind = RejectKind.KILLED if refusal in _KILLS else RejectKind.ORDER
        reason = refusal.value
        return LegAnswer(order_id, PostClass.REFUSED, None, _NONE, _FREE, (), reason, reject=kind)
    return LegAnswer(
        order_id=order_id,
        kind=PostClass.ACCEPTED,
        placed=Placed.MATCHED if taken else Placed.LIVE,
        filled=Size(sum(trade.size for trade in taken)),
        cash=Usdc(sum(trade.cash for trade in taken)),
        trade_ids=tuple(trade.trade_id for trade in taken),
        reason="",
    )


def trade_of(
    market: PaperMarket, shadow: ShadowOrder, event: Filled, *, number: int, offset_ms: Ms
) -> PaperTrade:
    """Return an execution under a name of its own; `number` counts those of the account."""
    order = shadow.order
    return PaperTrade(
        trade_id=TradeId(f"paper-{order.order_id[2:14]}-{event.at_ms}-{number}"),
        order_id=order.order_id,
        condition_id=market.condition_id,
        token_id=order.token_id,
        side=order.side,
        model=event.model,
        maker=event.maker,
        price=event.price,
        size=event.size,
        cash=event.cash,
        fee=event.fee,
        matched_ms=Ms(event.at_ms + offset_ms),
    )


def sight_of(market: PaperMarket, shadow: ShadowOrder, venue_ms: Ms) -> UserOrder:
    """Return what the user stream says of an order."""
    order = shadow.order
    return UserOrder(
        order_id=order.order_id,
        condition_id=market.condition_id,
        token_id=order.token_id,
        side=order.side,
        price=order.price,
        original_size=order.size,
        matched_size=Size(shadow.filled[QueueModel.CONSERVATIVE]),
        status=_STATUS[shadow.state],
        status_text=shadow.state.value,
        venue_ms=venue_ms,
    )


def open_order_of(market: PaperMarket, shadow: ShadowOrder) -> OpenOrder:
    """Return a resting order as the account's list has it."""
    order = shadow.order
    return OpenOrder(
        order_id=order.order_id,
        condition_id=market.condition_id,
        token_id=order.token_id,
        side=order.side,
        price=order.price,
        original_size=order.size,
        matched_size=Size(shadow.filled[QueueModel.CONSERVATIVE]),
    )

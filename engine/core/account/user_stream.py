"""What the account's own stream tells: sights of orders and trades, and times without any.

The stream replays nothing, and what it tells may be late: after every connect the account is read whole
(protocol 6). It is a sight of what exists and of what matched; that something is gone it never proves.
"""

from dataclasses import replace
from typing import assert_never

from engine.core.account.reconcile import review_touched
from engine.core.orders.booking import own_ids, see_trades
from engine.core.orders.evidence import cancel, must_go
from engine.core.orders.proof import look_up, note_alive, watch
from engine.core.read_back import read_account
from engine.core.state import Desk
from engine.domain.account import UserOrder, UserOrderStatus, VenueTrade
from engine.domain.effects import Effect, SaveProgress
from engine.domain.events import UserLink, UserTold
from engine.domain.order import Evidence, OrderRecord, OrderState, advance
from engine.domain.units import Ms, Size

STRANGERS_MAX = 1_000
"""Sights of unknown ids kept until a read; a read holds them all, so more need not be kept."""


def user_link(desk: Desk, event: UserLink) -> list[Effect]:
    """Read the account whole when the stream is up again."""
    return [read_account(desk, event.at_ms, "user stream")] if event.up else []


def user_told(desk: Desk, event: UserTold) -> list[Effect]:
    """Take what the stream tells for what it is: a sight, never a proof that something is gone."""
    effects = see_trades(desk, event.trades, event.at_ms)
    effects += [look for trade in event.trades for look in _incomplete(desk, trade)]
    for told in event.orders:
        order = desk.orders.get(told.order_id)
        if order is not None:
            effects += _see(desk, order, told, event.at_ms)
    effects += review_touched(desk, effects, event.at_ms)
    return [*effects, *_strangers(desk, event)]


def _see(desk: Desk, order: OrderRecord, told: UserOrder, at_ms: Ms) -> list[Effect]:
    """Apply one sight of an order of ours. What contradicts its end starts a look-up and nothing more."""
    filled = Size(max(order.filled, min(told.matched_size, order.intent.size)))
    if order.state.is_final:
        late = told.status in _AT_THE_VENUE or filled > order.filled
        return [look_up(order)] if late else []
    before, looks = order, list[Effect]()
    note_alive(desk, order.order_id, at_ms)
    match told.status:
        case UserOrderStatus.LIVE | UserOrderStatus.MATCHED:
            order = _moved(order, filled, Evidence.RESTING)
        case UserOrderStatus.DELAYED:
            order = _moved(order, filled, Evidence.DELAYED)
        case UserOrderStatus.CANCELLED:
            order = _moved(replace(order, reason=order.reason or told.status_text), filled, None)
            desk.proofs[order.order_id].cancelled = True
            looks = [look_up(order)]
        case UserOrderStatus.UNMATCHED | UserOrderStatus.INVALID | UserOrderStatus.OTHER:
            order = _moved(order, filled, None)
            looks = [look_up(order)]
        case _:
            assert_never(told.status)
    desk.orders[order.order_id] = order
    effects: list[Effect] = []
    if order.state in (OrderState.LIVE, OrderState.PARTIAL) and must_go(desk, order) and not looks:
        effects += cancel(desk, [order.order_id], at_ms)
    elif order.state is OrderState.DELAYED and before.state is not OrderState.DELAYED:
        effects += watch(desk, order, at_ms)
    now = desk.orders[order.order_id]
    saved: list[Effect] = [SaveProgress((now,), ())] if now != before else []
    return [*saved, *effects, *looks]


_AT_THE_VENUE = (UserOrderStatus.LIVE, UserOrderStatus.DELAYED, UserOrderStatus.UNMATCHED)


def _moved(order: OrderRecord, filled: Size, otherwise: Evidence | None) -> OrderRecord:
    """Return the order after the stream's cumulative size; without a fill the state moves by `otherwise`."""
    if filled >= order.intent.size:
        evidence: Evidence | None = Evidence.ALL_FILLED
    else:
        evidence = Evidence.PART_FILLED if filled else otherwise
    state = order.state if evidence is None else advance(order.state, evidence)
    return replace(order, filled=filled, state=state)


def _incomplete(desk: Desk, trade: VenueTrade) -> list[Effect]:
    """Ask for the orders of ours that a trade names without telling their part of it."""
    unknown = [i for i in own_ids(desk, trade) if (trade.trade_id, i) not in desk.fills]
    return [look_up(desk.orders[order_id]) for order_id in unknown]


def _strangers(desk: Desk, event: UserTold) -> list[Effect]:
    """Keep sights of ids that are not known, and have one read tell whose they are."""
    held = desk.strangers
    waiting = bool(held.ids or held.trades)
    for told in event.orders:
        if told.order_id not in desk.orders and told.order_id not in desk.foreign:
            held.ids.add(told.order_id)
    for trade in event.trades:
        if not own_ids(desk, trade) and len(held.trades) < STRANGERS_MAX:
            held.trades[trade.trade_id] = trade
    if waiting or not (held.ids or held.trades):
        return []
    return [read_account(desk, event.at_ms, "unknown order")]

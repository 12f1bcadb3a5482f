"""Trades into the books: every execution of ours once, whatever tells of it, how often, and in which order.

A fill is one (trade id, own order id). Its amounts are those of the first complete sight; later sights move
its settlement only (`engine.domain.order.SETTLEMENTS`), and one that says otherwise is told, not believed.
"""

from collections.abc import Iterable
from dataclasses import replace

from engine.core.fills import fills_of as fill_in
from engine.core.orders import order_alerts
from engine.core.orders.proof import prove
from engine.core.state import Desk, EndedTrade, enter_fill, fills_of, fills_of_order
from engine.domain.account import VenueTrade
from engine.domain.effects import Count, Effect, SaveFreeze, SaveProgress, SetTimer
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.order import Evidence, Fill, OrderRecord, OrderState, Settlement, advance, settle
from engine.domain.units import LOT, Ms, Size, Usdc

SETTLE_LATE_MS = 60_000
"""A match not settled for so long is told (reliability B 20)."""
SETTLE_TIMER = "unsettled"


def see_trades(desk: Desk, trades: Iterable[VenueTrade], at_ms: Ms) -> list[Effect]:
    """Book every execution of ours in these trades, each once, and move the orders they fill."""
    effects: list[Effect] = []
    news: list[Fill] = []
    for trade in trades:
        fresh: list[Fill] = []
        for order_id in own_ids(desk, trade):
            fill, told = _news(desk, trade, desk.orders[order_id])
            effects += told
            if fill is not None:
                effects += _book(desk, fill, at_ms)
                fresh.append(fill)
        if any(fill.settlement.is_final for fill in fresh):
            effects += _ended(desk, trade, fresh, at_ms)
        news += fresh
    if news:
        touched = dict.fromkeys(fill.order_id for fill in news)
        effects.insert(0, SaveProgress(tuple(desk.orders[i] for i in touched), tuple(news)))
    return effects


def own_ids(desk: Desk, trade: VenueTrade) -> list[OrderId]:
    """Return the orders of ours that stand in a trade, as taker or as maker, each once."""
    named = dict.fromkeys((trade.taker_order_id, *(maker.order_id for maker in trade.makers)))
    return [order_id for order_id in named if order_id in desk.orders]


def take_up_fills(desk: Desk, fills: Iterable[Fill], at_ms: Ms) -> list[Effect]:
    """Enter what storage held; what is not settled is waited for anew."""
    for fill in sorted(fills, key=lambda fill: fill.matched_ms):
        enter_fill(desk, fill)
        if not fill.settlement.is_final:
            desk.unsettled[fill.trade_id, fill.order_id] = at_ms
        else:
            _note_end(desk, fill, fill.matched_ms)
    return [SetTimer(SETTLE_TIMER, Ms(at_ms + SETTLE_LATE_MS))] if desk.unsettled else []


def settle_late_timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Tell of matches that have not been settled for a minute, once each; they stay unsettled."""
    effects: list[Effect] = []
    told: set[str] = set()
    late = [key for key, since in desk.unsettled.items() if at_ms - since >= SETTLE_LATE_MS]
    for key in late:
        waited_s = (at_ms - desk.unsettled.pop(key)) // 1_000
        if key[0] not in told:
            told.add(key[0])
            effects.append(order_alerts.stuck(desk.orders[key[1]], desk.fills[key], waited_s))
    if late:
        effects.append(Count("fills_stuck_total", "", len(late)))
    if desk.unsettled:
        effects.append(SetTimer(SETTLE_TIMER, Ms(min(desk.unsettled.values()) + SETTLE_LATE_MS)))
    return effects


def _news(desk: Desk, trade: VenueTrade, order: OrderRecord) -> tuple[Fill | None, list[Effect]]:
    """Return the fill if it is new or further settled, and what is to be said of amounts that changed."""
    seen = fill_in(trade, order)
    if seen is None:
        return None, []
    key = (seen.trade_id, seen.order_id)
    known = desk.fills.get(key)
    if known is None:
        return seen, []
    told: list[Effect] = []
    if (known.size, known.cash, known.fee) != (seen.size, seen.cash, seen.fee) and key not in desk.restated:
        desk.restated.add(key)
        told = [Count("fills_restated_total", ""), order_alerts.restated(order, known, seen)]
    after = settle(known.settlement, seen.settlement)
    return (None if after is known.settlement else replace(known, settlement=after)), told


def _book(desk: Desk, fill: Fill, at_ms: Ms) -> list[Effect]:
    """Enter one fill and move its order; what was thought over and has traded is proven gone again."""
    key = (fill.trade_id, fill.order_id)
    known = desk.fills.get(key)
    effects: list[Effect] = [Count("fills_total", fill.settlement.value)]
    _move_balance(desk, fill, known)
    enter_fill(desk, fill)
    desk.booked_ms = at_ms
    if fill.settlement.is_final:
        desk.unsettled.pop(key, None)
    elif known is None:
        if not desk.unsettled:
            effects.append(SetTimer(SETTLE_TIMER, Ms(at_ms + SETTLE_LATE_MS)))
        desk.unsettled[key] = at_ms
    before = desk.orders[fill.order_id]
    total = Size(sum(f.size for f in fills_of(desk, fill.order_id)))
    after = _with_fills(before, total)
    if after != before:
        desk.orders[fill.order_id] = after
    if known is None:
        effects += _beyond(desk, before, fill, total)
    if before.state.is_final and not after.state.is_final:
        effects += prove(desk, after, at_ms)
    return effects


def _beyond(desk: Desk, before: OrderRecord, fill: Fill, total: Size) -> list[Effect]:
    """Return what is to be said of shares that nobody reckoned with: of a dead order, or beyond its size."""
    effects: list[Effect] = []
    thought_over = before.state in (OrderState.DEAD, OrderState.REJECTED) or before.ever_unknown
    ended = before.state.is_final and before.state is not OrderState.FILLED
    if ended and thought_over and total > before.filled:
        effects += [Count("orders_risen_total", ""), order_alerts.traded_late(before, fill)]
    bound = before.intent.size + LOT
    held = Size(sum(f.size for f in fills_of_order(desk, fill.order_id)))
    if held > bound >= held - fill.size:
        effects.append(order_alerts.overfilled(before, held))
        flight = desk.flights.get(before.intent.ticket_id)
        if flight is not None:
            reason = f"{before.intent.name} of {before.intent.ticket_id} was filled beyond its size"
            desk.frozen[flight.event_id] = reason
            effects.append(SaveFreeze(flight.event_id, reason))
    return effects


def _move_balance(desk: Desk, fill: Fill, known: Fill | None) -> None:
    """Move the booked balance for a fill that is new, or was booked and is undone now."""
    voided = fill.settlement is Settlement.FAILED
    if desk.balance is None or (known is None) is voided:
        return
    outflow = fill.fee + (fill.cash if fill.side is Side.BUY else -fill.cash)
    desk.balance = Usdc(desk.balance + outflow if voided else desk.balance - outflow)
    desk.charged_fills += desk.orders[fill.order_id].intent.fee.rate > 0


def _with_fills(order: OrderRecord, total: Size) -> OrderRecord:
    # Undone ones count, too: `filled` is what was ever matched, what is held is told apart.
    filled = Size(max(order.filled, total))
    whole = filled >= order.intent.size
    evidence = Evidence.ALL_FILLED if whole else Evidence.PART_FILLED
    return replace(order, filled=filled, state=advance(order.state, evidence))


def _ended(desk: Desk, trade: VenueTrade, fresh: list[Fill], at_ms: Ms) -> list[Effect]:
    """Note that a trade came to its final settlement; one that was undone is told once."""
    known = _note_end(desk, fresh[0], at_ms)
    undone = [fill for fill in fresh if fill.settlement is Settlement.FAILED]
    if not undone or not known:
        return []
    size = Size(sum(fill.size for fill in undone))
    return [order_alerts.undone(trade.trade_id, [desk.orders[f.order_id] for f in undone], size)]


def _note_end(desk: Desk, fill: Fill, at_ms: Ms) -> bool:
    """Keep the end of a trade for the breakers; tell whether it is new."""
    if any(ended.trade_id == fill.trade_id for ended in desk.ended_trades):
        return False
    failed = fill.settlement is Settlement.FAILED
    desk.ended_trades.append(EndedTrade(fill.trade_id, at_ms, failed))
    return True

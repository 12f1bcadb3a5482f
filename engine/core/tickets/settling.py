"""What a sent ticket has come to: legs, sums, its end (done, broken, missed), and its settlement.

Two axes: the ticket ends when every leg is proven final; it is settled when the venue has confirmed every
fill. Sums are over fills read back as trades, so they equal the venue's ledger to the micro-dollar.
"""

from dataclasses import replace

from engine.core.exposure.unsent import unsent_of
from engine.core.repair.breaking import broken, healed, is_mended, short_repair, sum_line, thawed
from engine.core.repair.repair_case import Stock, held_of, held_risk, plan_of, repairs_of, stock_of
from engine.core.repair.repair_plan import options_of
from engine.core.state import POLL_SLACK_AFTER, Desk, Flight, fills_of, fills_of_order
from engine.core.tickets.grants import grant_view
from engine.domain.effects import (
    Audit,
    Effect,
    LookUpOrder,
    SaveTicket,
    SetTimer,
    ShowTicket,
)
from engine.domain.ids import OrderId, TicketId
from engine.domain.market import Side
from engine.domain.order import OrderRecord, OrderState, Settlement
from engine.domain.plan import PlanLeg
from engine.domain.repair import repaired_by
from engine.domain.ticket import MOVES, Claim, Move, Ticket, TicketKind, TicketState
from engine.domain.units import LOT, USDC_ONE, Ms, Size, Usdc
from engine.domain.views import LegResult, TicketResult, TicketView

POLL_STEPS_MS = (0, 500, 1_000)
"""Pauses between reads of a ticket's trades until all are confirmed; the last one repeats."""
POLL_SLOW_AFTER = 60
POLL_SLOW_MS = 30_000
"""After about a minute without confirmation the reads slow down to the reconcile's pace."""
LOOK_BACK_MS = 600_000


def result_of(desk: Desk, flight: Flight) -> TicketResult:
    """Return what the flight's orders and fills say now."""
    sent = [_leg(desk, desk.orders[order_id]) for order_id in flight.order_ids]
    legs = (*sent, *(_unsent(flight, leg) for leg in unsent_of(desk, flight)))
    kind, plan = desk.tickets[flight.ticket_id].kind, plan_of(desk, flight)
    by_itself = kind is TicketKind.ORDER
    alone = TicketResult(
        legs=legs,
        sets=Size(min(leg.filled for leg in legs)),
        cash=Usdc(sum(leg.cash for leg in legs)) if by_itself else _paid(legs),
        fees=Usdc(sum(leg.fee for leg in legs)),
        per_set=Usdc(USDC_ONE) if by_itself else plan.per_set,
        unknown=sum(1 for leg in legs if leg.state is OrderState.UNKNOWN),
        settled=flight.settled,
        accounted=flight.accounted,
        sent_ms=flight.sent_ms,
        ended_ms=flight.ended_ms,
    )
    match desk.tickets[flight.ticket_id].kind:
        case TicketKind.ORDER:
            return alone
        case TicketKind.REPAIR | TicketKind.QUOTE:
            return replace(alone, sets=Size(0), cash=_paid(legs))
        case _:
            return _with_repairs(desk, flight, alone)


def _with_repairs(desk: Desk, flight: Flight, alone: TicketResult) -> TicketResult:
    """Return the result of a ticket and its repairs together: what was paid, came back, and is still held."""
    stock = stock_of(desk, flight)
    mended = list(repairs_of(desk, flight))
    if not mended:
        return replace(alone, beyond=_beyond(stock, alone))
    together = replace(
        alone,
        sets=Size(stock.opened - stock.sets) if stock.opened else stock.sets,
        cash=stock.cash,
        fees=stock.fees,
        settled=alone.settled and all(repair.settled for repair in mended),
        accounted=alone.accounted and all(repair.accounted for repair in mended),
        repairs=tuple(_leg(desk, desk.orders[o]) for repair in mended for o in repair.order_ids),
        pairs=stock.pairs,
        loose=stock.loose,
    )
    return replace(together, beyond=_beyond(stock, together))


def _beyond(stock: Stock, result: TicketResult) -> Usdc:
    """Return what the unpaired shares pay at worst beyond the result's complete sets, below 0 for less."""
    return Usdc(stock.pays - stock.opened - result.sets * result.per_set // USDC_ONE)


def _paid(legs: tuple[LegResult, ...]) -> Usdc:
    return Usdc(sum(leg.cash if leg.side is Side.BUY else -leg.cash for leg in legs))


def view_of(desk: Desk, ticket: Ticket) -> TicketView:
    """Return the ticket with its result, as the chat shows it."""
    flight = desk.flights.get(ticket.ticket_id)
    if flight is None:
        rules, grant = desk.readings.get(ticket.ticket_id), desk.runner.grants.get(ticket.ticket_id)
        act = desk.acts_asked.get(ticket.ticket_id)
        revision = 0 if grant is None else grant.revision
        if act is not None:
            revision = 0 if act.ended_ms is None else 1
        standing = grant_view(desk, ticket)
        quoting = desk.quoter.grants.get(ticket.ticket_id)
        return TicketView(
            ticket,
            None,
            desk.balance,
            revision=revision if quoting is None else quoting.revision,
            rules=rules,
            grant=standing,
            act=act,
            spread=desk.quoter.cards.get(ticket.ticket_id),
        )
    result = result_of(desk, flight)
    return TicketView(ticket, result, desk.balance, flight.risk, flight.revision, repairs=flight.repairs)


def _leg(desk: Desk, order: OrderRecord) -> LegResult:
    fills = fills_of_order(desk, order.order_id)
    return LegResult(
        name=order.intent.name,
        order_id=order.order_id,
        state=order.state,
        wanted=order.intent.size,
        filled=held_of(desk, order),
        cash=Usdc(sum(f.cash for f in fills)),
        fee=Usdc(sum(f.fee for f in fills)),
        reason=order.reason,
        side=order.intent.side,
    )


def _unsent(flight: Flight, leg: PlanLeg) -> LegResult:
    nothing = Usdc(0)
    return LegResult(
        name=leg.name,
        order_id=OrderId(""),
        state=OrderState.REJECTED if flight.stopped else OrderState.SENDING,
        wanted=leg.size,
        filled=Size(0),
        cash=nothing,
        fee=nothing,
        reason=f"never sent: {flight.stopped}" if flight.stopped else "waits for the fill of the one before",
        side=leg.side,
        is_sent=False,
    )


def review_flight(desk: Desk, ticket_id: TicketId, at_ms: Ms) -> list[Effect]:
    """Judge a flight after anything was learned about it; show what changed and ask for what is missing."""
    flight = desk.flights[ticket_id]
    orders = [desk.orders[order_id] for order_id in flight.order_ids]
    effects: list[Effect] = []
    work_out_axes(desk, flight)
    if flight.accounted:
        effects += _end(desk, flight, orders, at_ms)
    state = desk.tickets[ticket_id].state
    is_broken = state is TicketState.BROKEN
    flight.risk = held_risk(desk, flight, at_ms) if is_broken else None
    flight.repairs = options_of(desk, flight, at_ms) if is_broken else ()
    standing = _standing(desk, flight)
    if standing != flight.shown:
        aloud = state is TicketState.BROKEN and flight.shown[:1] != (state,)
        flight.shown = standing
        flight.revision += 1
        if desk.tickets[ticket_id].kind is not TicketKind.QUOTE:
            effects.append(ShowTicket(view_of(desk, desk.tickets[ticket_id]), aloud=aloud))
    if all(order.state.is_final for order in orders) and not flight.settled:
        effects.append(_poll(flight, at_ms))
    ticket = desk.tickets[ticket_id]
    if ticket.kind is TicketKind.REPAIR and (broken := repaired_by(ticket)[1]) in desk.flights:
        effects += review_flight(desk, broken, at_ms)
    return effects


def take_up(desk: Desk, flight: Flight) -> None:
    """Note, after a restart, what the card of an ended ticket was last shown with."""
    work_out_axes(desk, flight)
    flight.shown = _standing(desk, flight)


def work_out_axes(desk: Desk, flight: Flight) -> None:
    """Work out the two axes of a flight: is every share read back, and is every fill confirmed or undone."""
    orders = [desk.orders[order_id] for order_id in flight.order_ids]
    slack = LOT if flight.polls > POLL_SLACK_AFTER else 0
    flight.accounted = flight.ticket_id not in desk.probing and all(
        order.state.is_final and _read_back(desk, order, *Settlement) + slack >= order.filled
        for order in orders
    )
    flight.settled = flight.accounted and not any(
        not fill.settlement.is_final for order in orders for fill in fills_of_order(desk, order.order_id)
    )


def _standing(desk: Desk, flight: Flight) -> tuple[object, ...]:
    """Return what a sent ticket's card depends on, its state first."""
    flights = (flight, *repairs_of(desk, flight))
    orders = [desk.orders[order_id] for each in flights for order_id in each.order_ids]
    legs = tuple((order.state, held_of(desk, order), order.reason) for order in orders)
    axes = tuple((each.accounted, each.settled) for each in flights)
    return desk.tickets[flight.ticket_id].state, axes, legs, flight.to_send, flight.stopped


def _read_back(desk: Desk, order: OrderRecord, *settlements: Settlement) -> int:
    return sum(fill.size for fill in fills_of(desk, order.order_id) if fill.settlement in settlements)


def _poll(flight: Flight, at_ms: Ms) -> SetTimer:
    pause = POLL_STEPS_MS[min(flight.polls, len(POLL_STEPS_MS) - 1)]
    if flight.polls > POLL_SLOW_AFTER:
        pause = POLL_SLOW_MS
    return SetTimer(f"settle:{flight.ticket_id}", Ms(at_ms + pause))


def settle_timer(desk: Desk, ticket_id: TicketId, at_ms: Ms) -> list[Effect]:
    """Read the trades of every order of the flight that is not yet confirmed in full."""
    flight = desk.flights[ticket_id]
    if flight.settled:
        return []
    flight.polls += 1
    effects: list[Effect] = [_poll(flight, at_ms)]
    for order_id in flight.order_ids:
        order = desk.orders[order_id]
        if _read_back(desk, order, Settlement.CONFIRMED, Settlement.FAILED) < order.filled:
            since = Ms(max(0, order.intent.created_ms - LOOK_BACK_MS))
            effects.append(LookUpOrder(order_id, order.intent.condition_id, since))
    if flight.polls > POLL_SLACK_AFTER and not flight.accounted:
        effects += review_flight(desk, ticket_id, at_ms)
    return effects


def _end(desk: Desk, flight: Flight, orders: list[OrderRecord], at_ms: Ms) -> list[Effect]:
    """Move the ticket to the end its legs have come to; late fills and repairs may move it again."""
    ticket = desk.tickets[flight.ticket_id]
    held = [held_of(desk, order) for order in orders]
    whole = not flight.to_send and all(
        size >= order.intent.size for size, order in zip(held, orders, strict=True)
    )
    some = any(held)
    # An order by itself has no other legs to miss, nor has a repair: whatever it got is what it came to.
    alone = ticket.kind in (TicketKind.ORDER, TicketKind.REPAIR, TicketKind.QUOTE)
    mended = not alone and is_mended(desk, flight)
    move = Move.COMPLETE if whole or mended or (some and alone) else Move.SHORT if some else Move.NOTHING
    state = MOVES.get((ticket.state, move))
    if flight.ended_ms is None:
        flight.ended_ms = at_ms
    if state is None or state is ticket.state:
        return []
    ended = replace(ticket, state=state, version=ticket.version + 1)
    desk.tickets[ticket.ticket_id] = ended
    result = result_of(desk, flight)
    # The freeze is stored first and lifted last: after a crash in between the event must not be free.
    return [
        *(broken(desk, flight, ended, result, at_ms) if state is TicketState.BROKEN else []),
        SaveTicket(ended, Claim(ticket.ticket_id, ticket.state, ticket.version)),
        *(
            []
            if ticket.kind is TicketKind.QUOTE
            and not some  # most quotes end so, and the order's row tells why
            else [Audit(at_ms, ticket.owner, f"ticket {state.value}", ticket.ticket_id, sum_line(result))]
        ),
        *(healed(desk, flight) if state is TicketState.DONE and not alone else []),
        *(thawed(desk, flight) if state is TicketState.MISSED else []),
        *(short_repair(ended, result) if ticket.kind is TicketKind.REPAIR and not whole else []),
    ]

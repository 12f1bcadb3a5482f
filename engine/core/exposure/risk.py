"""The last word before money moves: caps, exposure and gate against one plan. Makes `Approved`, alone.

Exposure is counted at worst case: an order that may still execute, unknown ones included, is taken as
filled in full at its limit.
"""

from collections.abc import Collection
from itertools import islice

from engine.core.dutch.best_kind import unsendable
from engine.core.dutch.event_plan import Room
from engine.core.exposure.unsent import promised_legs, waiting_legs
from engine.core.rate_governor import Purpose
from engine.core.rules.rules_watch import rules_hold
from engine.core.state import DAY_MS, Desk, fills_of, open_flights, unfinished
from engine.domain.account import OpenOrder
from engine.domain.fees import outlay_bound
from engine.domain.gate import Hold
from engine.domain.ids import ConditionId, EventId, TicketId
from engine.domain.market import Side
from engine.domain.order import OrderRecord
from engine.domain.plan import Plan, PlanKind
from engine.domain.rates import Bucket
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Approved, TicketKind, TicketState
from engine.domain.units import Ms, Rounding, Size, Usdc, format_cents, notional
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate

PRIOR_WEIGHT = 10
"""For how many plans the terms' own `success_pct` counts before any was sent."""
LEARNED = (50, 95)
"""Whatever was learned, the odds stay within these percents."""
TICKETS_LOOKED_AT = 200
_ENDS = (TicketState.DONE, TicketState.BROKEN, TicketState.MISSED)
BESIDE_OTHERS = (PlanKind.ORDER, PlanKind.QUOTE)
"""Plans without a set: they may stand beside each other."""
ALONE = (TicketKind.ORDER, TicketKind.QUOTE)
"""The tickets of such plans."""
BROKEN_MAX = 2
"""So many broken tickets in a row stop Dutch (strategy 4.4)."""


def reserved(desk: Desk) -> Usdc:
    """Return what orders can cost at most that may still execute, are being committed, or wait in a sequence.

    Orders of the account that are not ours count, too.
    """
    committing = sum(pending.plan.spend_max for pending in desk.committing.values())
    waiting = sum(leg.outlay_max for _, leg in waiting_legs(desk))
    ours = sum(worst_case(desk, order) for order in unfinished(desk))
    return Usdc(committing + waiting + ours + sum(foreign_cost(order) for order in desk.foreign.values()))


def worst_case(desk: Desk, order: OrderRecord) -> Usdc:
    """Return the most that one order can still cost: shares open, and shares matched but not read back.

    A SELL only brings money: its fee comes out of that.
    """
    if order.intent.side is Side.SELL:
        return Usdc(0)
    booked = sum(fill.size for fill in fills_of(desk, order.order_id))
    open_size = 0 if order.state.is_final else order.remaining
    unbooked = Size(open_size + max(0, order.filled - booked))
    return outlay_bound(order.intent.fee, order.intent.price, unbooked)


def foreign_cost(order: OpenOrder) -> Usdc:
    """Return what an order that is not ours may still take: price times what is left of a BUY."""
    if order.side is Side.SELL:
        return Usdc(0)
    return notional(order.price, Size(max(0, order.original_size - order.matched_size)), Rounding.UP)


def at_risk(desk: Desk, markets: Collection[ConditionId]) -> Usdc:
    """Return what is paid for shares of these markets, settled or not, and what may still be; never negative.

    One market's id gives its sum, those of an event the event's.
    """
    paid = sum(desk.positions.outlays.get(market, 0) for market in markets)
    ours = sum(worst_case(desk, o) for o in unfinished(desk) if o.intent.condition_id in markets)
    theirs = sum(foreign_cost(o) for o in desk.foreign.values() if o.condition_id in markets)
    committing = sum(leg.outlay_max for _, leg in promised_legs(desk) if leg.condition_id in markets)
    return Usdc(max(0, paid + ours + theirs + committing))


def spent_today(desk: Desk, now_ms: Ms) -> Usdc:
    """Return purchases and fees of today's fills (UTC day), failed ones left out."""
    return desk.positions.spent_on(now_ms)


def room(desk: Desk, now_ms: Ms, event_id: EventId | None = None) -> Room:
    """Return what a new plan, of this event if one is named, may cost under each cap; never negative."""
    held_back = reserved(desk)
    dutch, event = desk.settings.dutch, None if event_id is None else desk.events.get(event_id)
    used = 0 if event is None else at_risk(desk, {market.condition_id for market in event.markets})
    total = max(0, sum(desk.positions.outlays.values())) + held_back
    day_left = desk.settings.caps.day - spent_today(desk, now_ms) - held_back
    wallet_left = 0 if desk.balance is None else desk.balance - held_back
    return Room(
        ticket=desk.settings.caps.ticket,
        day=Usdc(max(0, day_left)),
        wallet=Usdc(max(0, wallet_left)),
        event=None if event is None else Usdc(max(0, dutch.max_event - used)),
        total=Usdc(max(0, dutch.max_total - total)),
        success_pct=success_pct(desk, now_ms),
    )


def over_caps(desk: Desk, event_id: EventId, now_ms: Ms) -> bool:
    """Tell whether what is held and what may still be bought is beyond a cap: day, wallet, event, total."""
    dutch, event = desk.settings.dutch, desk.events.get(event_id)
    held_back = reserved(desk)
    used = 0 if event is None else at_risk(desk, {market.condition_id for market in event.markets})
    return (
        spent_today(desk, now_ms) + held_back > desk.settings.caps.day
        or (desk.balance is not None and held_back > desk.balance)
        or used > dutch.max_event
        or max(0, sum(desk.positions.outlays.values())) + held_back > dutch.max_total
    )


def success_pct(desk: Desk, now_ms: Ms) -> int:
    """Return the share of sent plans that filled whole, in whole percents rounded down: pi of strategy 4.3.

    Learned from the newest tickets of a day on top of a prior; one of which nothing filled counts as failed,
    too. Of older ones a start loads those that are broken and no others: they would speak for all.
    """
    # Quotes are many: they must not crowd out what this is about.
    others = (t for t in reversed(desk.tickets.values()) if t.kind is not TicketKind.QUOTE)
    newest = islice(others, TICKETS_LOOKED_AT)
    fresh = [t for t in newest if t.kind is TicketKind.DUTCH and t.created_ms > now_ms - DAY_MS]
    ends = [t.state for t in fresh if t.state in _ENDS]
    prior = desk.settings.dutch.success_pct
    done = 100 * sum(state is TicketState.DONE for state in ends)
    learned = (prior * PRIOR_WEIGHT + done) // (PRIOR_WEIGHT + len(ends))
    return min(max(learned, min(prior, LEARNED[0])), max(prior, LEARNED[1]))


def review(desk: Desk, plan: Plan, now_ms: Ms) -> Approved | Refusal:
    """Approve a plan for sending, or say which limit it breaks."""
    rests = plan.kind is PlanKind.QUOTE
    refusal = closed(desk, reduces=plan.sells_only, rests=rests) or _held_back(desk, plan, now_ms)
    if refusal is not None:
        return refusal
    form = unsendable(plan)
    if form is not None:
        return form
    left = room(desk, now_ms, plan.event_id)
    limits = [("per-ticket cap", left.ticket), ("day cap", left.day), ("wallet", left.wallet)]
    if plan.kind is not PlanKind.ORDER:
        dutch = desk.settings.dutch
        limits += [
            ("max_plan_usdc", dutch.max_plan),
            ("max_event_usdc", dutch.max_event if left.event is None else left.event),
            ("max_total_usdc", dutch.max_total if left.total is None else left.total),
        ]
    for name, limit in limits:
        if plan.spend_max > limit:
            return Refusal(
                RefusalKind.CAPS,
                f"expected to spend at most {format_cents(limit, Rounding.DOWN)} USDC ({name}), the plan may "
                f"take {format_cents(plan.spend_max, Rounding.UP)}: ask for fewer sets",
            )
    return Approved(plan_id=plan.plan_id, spend_max=plan.spend_max, reviewed_ms=now_ms)


def no_tokens(desk: Desk, legs: int, at_ms: Ms, *, repairs: bool = False) -> Refusal | None:
    """Return why the venue's rate limit does not admit the batch now: it takes all orders of one or none.

    A repair may use what is kept back for it.
    """
    purpose = Purpose.REPAIR if repairs else Purpose.PLAN
    waits = desk.rates.wait_ms(Bucket.ORDERS, legs, purpose, at_ms)
    if waits == 0:
        return None
    left = desk.rates.remaining(Bucket.ORDERS, at_ms)
    found = f"expected room for {legs} orders in the venue's rate limit, found {left} tokens"
    text = (
        f"{found}: too many for this account's tier"
        if waits is None
        else f"{found}; there is room in {-(-waits // 1_000)} s, press again then. Nothing was sent"
    )
    return Refusal(RefusalKind.RATE_LIMITED, text)


def closed(desk: Desk, *, reduces: bool = False, rests: bool = False) -> Refusal | None:
    """Return why no new order may leave now, None while the gate is open.

    `reduces` is True for orders that only lower what the desk can lose: a tripped breaker lets those pass.
    `rests` is True for post-only orders: they pass while the venue takes no others.
    """
    if rests and only_rests(desk):
        return None
    match desk.gate:
        case Gate.RUN:
            return None
        case Gate.STARTING:
            return Refusal(
                RefusalKind.GATE_CLOSED, f"the desk is not ready: {desk.gate_reason}; try again in a moment"
            )
        case Gate.PAUSED:
            return Refusal(
                RefusalKind.GATE_CLOSED, f"the desk waits: {desk.gate_reason}; it goes on by itself"
            )
        case Gate.REDUCING:
            if reduces and not desk.standing.holds:
                return None
            return Refusal(
                RefusalKind.HALTED,
                f"the desk only reduces: {desk.gate_reason}; an operator can /resume it",
            )
        case Gate.HALTED:
            return Refusal(
                RefusalKind.HALTED, f"the desk is halted: {desk.gate_reason}; an operator can /resume it"
            )


def only_rests(desk: Desk) -> bool:
    """Tell whether nothing stands against orders but that the venue takes post-only ones alone."""
    alone = desk.gate is Gate.PAUSED and set(desk.standing.holds) == {Hold.VENUE}
    return alone and desk.venue.state is VenueState.POST_ONLY


def _held_back(desk: Desk, plan: Plan, at_ms: Ms) -> Refusal | None:
    """Return why the plan's event takes it not now. One order by itself may stand beside others like it.

    What is frozen may still be sold, and repaired: that is how a broken ticket is got rid of. Whether a
    repair may buy is its plan's affair (`engine.core.repair.repair_case`).
    """
    if plan.kind is PlanKind.REPAIR:
        return _repair_held_back(desk, plan)
    if plan.kind not in BESIDE_OTHERS:
        return event_busy(desk, plan.event_id, plan.code, at_ms)
    sets = [
        flight.ticket_id
        for flight in open_flights(desk)
        if flight.event_id == plan.event_id
        and flight.ended_ms is None
        and desk.tickets[flight.ticket_id].kind not in ALONE
    ]
    sets += [
        key
        for key, pending in desk.committing.items()
        if pending.plan.event_id == plan.event_id and pending.plan.kind not in BESIDE_OTHERS
    ]
    if sets and plan.spend_max:
        return Refusal(RefusalKind.IN_FLIGHT, f"{sets[0]} is still in flight on {plan.code}: wait for it")
    return None


def _repair_held_back(desk: Desk, plan: Plan) -> Refusal | None:
    """Return what a repair waits for: another plan in flight, or an order by itself on a market it trades.

    An order that rests on another market of the event may rest for days: it keeps no repair back.
    """
    markets = {leg.condition_id for leg in plan.legs}
    apart = {
        flight.ticket_id
        for flight in open_flights(desk)
        if desk.tickets[flight.ticket_id].kind in ALONE
        and not markets & {desk.orders[order_id].intent.condition_id for order_id in flight.order_ids}
    }
    return event_flying(desk, plan.event_id, plan.code, apart=apart)


def event_busy(desk: Desk, event_id: EventId, code: str, at_ms: Ms) -> Refusal | None:
    """Return why an event takes no new plan now: a stop, its rules, a freeze, a pause, a plan in flight."""
    if dutch_stopped(desk):
        return Refusal(
            RefusalKind.DUTCH_STOPPED,
            f"{desk.broken_in_a_row} Dutch tickets in a row were filled only in part: no new plans; find out "
            "why, then /resume",
        )
    held = rules_hold(desk, event_id, code)
    if held is not None:
        return held
    frozen = desk.frozen.get(event_id)
    if frozen is not None:
        return Refusal(
            RefusalKind.FROZEN,
            f"{code} takes no new plans: {frozen}; look at what is held, then /resume {code}",
        )
    pause_ms = desk.cooling.get(event_id, 0) - at_ms
    if pause_ms > 0:
        return Refusal(
            RefusalKind.COOLING,
            f"{code} takes no new plans for {-(-pause_ms // 1_000)} s: its last one broke; ask again then",
        )
    return quoted(desk, event_id, code) or event_flying(desk, event_id, code)


def quoted(desk: Desk, event_id: EventId, code: str) -> Refusal | None:
    """Return a refusal while a grant quotes a market of the event: a plan could trade with our own quotes."""
    grants = desk.quoter.grants.values()
    grant = next((grant for grant in grants if grant.event_id == event_id), None)
    if grant is None:
        return None
    text = f"expected no quotes on {code}, found the grant {grant.ticket_id}: /spread stop ends it"
    return Refusal(RefusalKind.IN_FLIGHT, text)


def dutch_stopped(desk: Desk) -> bool:
    """Tell whether too many tickets in a row have broken: no new plan until a resume."""
    return desk.broken_in_a_row >= BROKEN_MAX


def event_flying(
    desk: Desk, event_id: EventId, code: str, *, apart: Collection[TicketId] = ()
) -> Refusal | None:
    """Return which plan of an event is still in flight, None if there is none; those `apart` do not count."""
    flights = (f for f in open_flights(desk) if f.event_id == event_id and f.ended_ms is None)
    flying = [f.ticket_id for f in flights if f.ticket_id not in apart]
    committing = [key for key, pending in desk.committing.items() if pending.plan.event_id == event_id]
    flying += [key for key in committing if key not in apart]
    if flying:
        return Refusal(
            RefusalKind.IN_FLIGHT, f"{flying[0]} is still in flight on {code}: wait for its result card"
        )
    return None

"""From the cheapest way out to a plan that can be sent, and the last comparison before it is.

A plan of a repair has legs of either side and of any size. Its `margin.net` is what it adds to the worst case
as the books stand, its `risk` what may be lost in all if only some of its orders fill: never more than the
broken ticket's card printed. Which ticket may be repaired is decided here, who may ask in
`engine.core.trading.repair_flow`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.core.order_terms import MARKETABLE_MIN
from engine.core.repair.remedies import Remedies, Remedy, RepairCase, RepairLeg, floor_of, way_named
from engine.core.repair.repair_case import REPAIRABLE, case_of, plan_of, repairs_of, taken_elsewhere
from engine.core.repair.repair_walk import Trade, Walk
from engine.core.repair.ways import price_remedies, risk_of
from engine.core.state import Desk, Flight
from engine.domain.book import LiveBook
from engine.domain.ids import PlanId, TicketId
from engine.domain.market import Side, canonical_json, rules_hash, terms_hash
from engine.domain.order import OrderState
from engine.domain.plan import LegRisk, Margin, Plan, PlanKind, PlanLeg
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.repair import RepairOption, RepairWay
from engine.domain.ticket import TicketState
from engine.domain.units import (
    LOT,
    PRICE_ONE,
    Ms,
    Rounding,
    Size,
    Usdc,
    divide,
    format_cents,
    format_price,
    format_size,
)

TRIES_MAX = 3
"""By itself: the way that is best, the same once more at one more tick, then dumping alone; no more."""


def plan_repair(
    desk: Desk,
    flight: Flight,
    way: RepairWay | None,
    at_ms: Ms,
    *,
    extra_ticks: int = 0,
    most: Usdc | None = None,
) -> Plan | Refusal:
    """Return the plan of one way out, of the best for None, or why there is none now.

    `most` is what it may spend beside every cap, as under a grant.
    """
    refusal = not_repairable(desk, flight)
    if refusal is not None:
        return refusal
    case = case_of(desk, flight, at_ms, extra_ticks=extra_ticks, most=most)
    remedies = price_remedies(case)
    remedy = remedies.best if way is None else remedies.of(way)
    if remedy is None or not remedy.trades:
        return _none(case, remedies, way)
    return _plan(desk, flight, _Priced(case, remedy, remedies), at_ms)


def way_of(plan: Plan, broken: Plan) -> RepairWay:
    """Return which way out a repair's plan goes."""
    own = {leg.token_id for leg in broken.legs}
    completes = [leg.side is Side.BUY and leg.token_id in own for leg in plan.legs]
    return way_named(broken.kind, completes=any(completes), gives_back=not all(completes))


def not_repairable(desk: Desk, flight: Flight) -> Refusal | None:
    """Return why nothing can be planned for this flight now, None if it can."""
    ticket, plan = desk.tickets[flight.ticket_id], plan_of(desk, flight)
    name = flight.ticket_id
    if ticket.state is not TicketState.BROKEN:
        text = f"expected a broken ticket, {name} is {ticket.state.value}: nothing is to be repaired"
        return Refusal(RefusalKind.NOT_BROKEN, text)
    if plan.kind not in REPAIRABLE:
        text = f"expected a Dutch plan, {name} is a {plan.kind.value}: sell or buy by hand"
        return Refusal(RefusalKind.NOT_BROKEN, text)
    flying = [other.ticket_id for other in repairs_of(desk, flight) if other.ended_ms is None]
    flying += [key for key, pending in desk.committing.items() if pending.plan.event_id == flight.event_id]
    if flying:
        return Refusal(RefusalKind.IN_FLIGHT, f"{flying[0]} is still in flight: wait for its result card")
    unknown = [o for o in flight.order_ids if desk.orders[o].state is OrderState.UNKNOWN]
    if unknown or not flight.accounted:
        text = f"{name} still has legs that are being read back; try again when its card says what is held"
        return Refusal(RefusalKind.IN_FLIGHT, text)
    return None


def _none(case: RepairCase, remedies: Remedies, way: RepairWay | None) -> Refusal:
    word = "a way out" if way is None else f"to {way.value}"
    best = remedies.best
    found = f"the best is to {best.way.value}, at worst {_signed(best.worth)} USDC"
    why = "" if case.may_buy else "; nothing may be bought after a change of the rules"
    text = (
        f"expected {word} on the present books, of sizes the venue takes and within the printed bound of "
        f"-{format_cents(Usdc(max(0, case.risk.hard)), Rounding.UP)} USDC, found none{why}; {found}"
    )
    return Refusal(RefusalKind.NO_REPAIR, text)


def options_of(desk: Desk, flight: Flight, at_ms: Ms) -> tuple[RepairOption, ...]:
    """Return every way out as its card tells it, the best first; empty while nothing can be planned."""
    if not_repairable(desk, flight) is not None:
        return ()
    case = case_of(desk, flight, at_ms)
    return tuple(_option(case, remedy) for remedy in price_remedies(case).ranked)


def _option(case: RepairCase, remedy: Remedy) -> RepairOption:
    bought = [trade for trade in remedy.trades if trade.completes]
    given = [trade for trade in remedy.trades if not trade.completes]
    parts = []
    sale = case.kind is PlanKind.SELL_SET
    if bought:
        parts.append(f"buy {'back ' if sale else ''}{_listed(case, bought)}")
    if given:
        parts.append(_given_back(case, given))
    words = " and ".join(parts) or "hold what is there"
    limit = max((trade.limit for trade in bought), default=None)
    return RepairOption(remedy.way, remedy.worth, words, limit)


def _given_back(case: RepairCase, trades: Sequence[Trade]) -> str:
    """Return what is given back and how: a price of NO must not be read as one that the shares bring."""
    paired = [trade for trade in trades if trade.pairs]
    verb = "sell" if case.kind is PlanKind.SELL_SET else "give back"
    if len(trades) > 2:
        how = f", {len(paired)} of them by buying their NO" if paired else ""
        return f"{verb} {len(trades)} legs{how}"
    names = {leg.number: leg.name for leg in case.legs}
    parts = [
        f"{names[t.leg]} by buying NO of it @ {format_price(t.worst)}" if t.pairs else _listed(case, [t])
        for t in trades
    ]
    return f"{verb} {', '.join(parts)}"


def _listed(case: RepairCase, trades: Sequence[Trade]) -> str:
    if len(trades) > 2:
        return f"{len(trades)} legs"
    names = {leg.number: leg.name for leg in case.legs}
    return ", ".join(f"{names[t.leg]} @ {format_price(t.worst)}" for t in trades)


@dataclass(frozen=True, slots=True)
class _Priced:
    """One way out among the others of its case."""

    case: RepairCase
    remedy: Remedy
    remedies: Remedies


def _plan(desk: Desk, flight: Flight, priced: _Priced, at_ms: Ms) -> Plan | Refusal:
    broken, case, remedy = plan_of(desk, flight), priced.case, priced.remedy
    event = desk.events.get(broken.event_id)
    if event is None:
        text = f"{broken.code} is not in the catalogue any more; nothing was sent"
        return Refusal(RefusalKind.STRUCTURE, text)
    legs = tuple(_leg(case, number, trade) for number, trade in enumerate(remedy.trades))
    before = floor_of(case.kind, [leg.held // LOT for leg in case.legs])
    more_sets = remedy.sets // LOT - before
    pairs = sum(trade.lots for trade in remedy.trades if trade.pairs)
    books = [book for leg in legs if isinstance(book := desk.feeds.live(leg.token_id, at_ms), LiveBook)]
    return Plan(
        plan_id=_plan_id(flight, remedy, broken, sorted(book.hash for book in books)),
        kind=PlanKind.REPAIR,
        event_id=broken.event_id,
        code=broken.code,
        title=broken.title,
        rules_hash=rules_hash(event),
        terms_hash=terms_hash(event),
        size=max(leg.size for leg in legs),
        legs=legs,
        margin=_margin(remedy, payout=(more_sets + pairs) * PRICE_ONE),
        risk=_printed(remedy.risk),
        spend_max=Usdc(sum(leg.outlay_max for leg in legs)),
        limited_by=why(priced.remedies, remedy),
        planned_ms=at_ms,
        books_ms=Ms(min(book.confirmed_ms for book in books)),
    )


def _printed(risk: LegRisk) -> LegRisk:
    """Return what the card prints: no loss is told as less than nothing, and none beyond L0."""
    bound, hard = max(0, risk.bound), max(0, risk.hard)
    rests = max(0, min(risk.within_stress, hard) - bound)
    return LegRisk(bound=Usdc(bound), hard=Usdc(hard), rests=Usdc(rests))


def why(remedies: Remedies, remedy: Remedy) -> str:
    """Return in a sentence what this way comes to, and what the others would."""
    others = [
        f"{other.way.value} {_signed(other.worth)}"
        for other in remedies.ranked
        if other.way is not remedy.way
    ]
    best = "the best way out" if remedy is remedies.best else "not the best way out"
    return f"{best}, at worst {_signed(remedy.worth)} USDC in all; {', '.join(others) or 'no other'}"


def _signed(amount: Usdc) -> str:
    """Return dollars with their sign, rounded against us."""
    words = format_cents(amount, Rounding.DOWN if amount >= 0 else Rounding.UP)
    return words if amount < 0 else f"+{words}"


def _leg(case: RepairCase, number: int, trade: Trade) -> PlanLeg:
    about = next(leg for leg in case.legs if leg.number == trade.leg)
    return PlanLeg(
        number=number,
        token_id=trade.token_id,
        condition_id=about.condition_id,
        name=f"NO {about.name}" if trade.pairs else about.name,
        side=trade.side,
        neg_risk=about.neg_risk,
        tick=about.tick,
        fee=about.fee,
        size=trade.size,
        touch=trade.touch,
        worst=trade.worst,
        limit=trade.limit,
        depth=trade.depth,
        raw=trade.raw,
        fee_paid=trade.fee,
        outlay_max=trade.outlay_max,
    )


def _margin(remedy: Remedy, *, payout: int) -> Margin:
    """Return the money of a repair against holding: `raw` is paid minus received, below 0 for a gain."""
    raw = sum(t.raw if t.side is Side.BUY else -t.raw for t in remedy.trades)
    fee = sum(t.fee for t in remedy.trades)
    buffer = sum(t.buffer for t in remedy.trades)
    zero = Usdc(0)
    return Margin(
        payout=Usdc(payout),
        raw=Usdc(raw),
        fee=Usdc(fee),
        slippage=zero,
        buffer=Usdc(buffer),
        safety=zero,
        carry=zero,
        fixed=zero,
        net=Usdc(payout - raw - fee - buffer),
    )


def _plan_id(flight: Flight, remedy: Remedy, broken: Plan, hashes: list[str]) -> PlanId:
    legs = [[t.token_id, t.side.value, t.limit, t.lots] for t in remedy.trades]
    text = "repair/1|" + canonical_json([flight.ticket_id, broken.plan_id, remedy.way.value, legs, hashes])
    return PlanId(hashlib.sha256(text.encode()).hexdigest()[:32])


def worse_than(desk: Desk, flight: Flight, plan: Plan, at_ms: Ms) -> Refusal | None:
    """Return what is worse now than on the repair's card, None if its very orders can go out as they stand.

    Every order whole within its limit, no share sold that is not there, and still better than holding.
    """
    refusal = not_repairable(desk, flight)
    if refusal is not None:
        return refusal
    event = desk.events.get(plan.event_id)
    if event is None or terms_hash(event) != plan.terms_hash or rules_hash(event) != plan.rules_hash:
        return _moved(f"rules, fees, tick or status of {plan.code} are not those of the card")
    case = case_of(desk, flight, at_ms)
    after = {leg.number: int(leg.held) for leg in case.legs}
    before = floor_of(case.kind, list(after.values()))
    worth = 0
    trades: list[Trade] = []
    for leg in plan.legs:
        about = _about(case, leg)
        found = _trade_now(case, about, leg)
        if isinstance(found, Refusal):
            return found
        after[about.number] += leg.size if found.completes else -leg.size
        worth += found.worth
        trades.append(replace(found, limit=leg.limit, outlay_max=leg.outlay_max))
    now = floor_of(case.kind, list(after.values()))
    # A set more is a dollar more; pairs are in their trades' worth already. A basket may be cut on purpose.
    if worth + now - before <= 0 or (now < before and case.kind is not PlanKind.NO_SET):
        return _moved("holding what is there is no worse any more")
    if risk_of(case, Size(min(after.values())), trades) is None:
        return _moved("more could be lost than was printed if only some of it fills, bids have gone")
    return None


def _about(case: RepairCase, leg: PlanLeg) -> RepairLeg:
    """Return which leg an order is about: its own token's, else the one whose complement it buys."""
    # Both legs of a pair are each other's complement: the own token decides.
    own = next((one for one in case.legs if one.token_id == leg.token_id), None)
    return own or next(one for one in case.legs if one.other == leg.token_id)


def _trade_now(case: RepairCase, about: RepairLeg, leg: PlanLeg) -> Trade | Refusal:
    """Return one order of the card on the present book, or why it may not leave."""
    sells, pairs = leg.side is Side.SELL, leg.token_id != about.token_id
    if not sells and not pairs and not case.may_buy:
        return _moved(f"{leg.name} may not be bought any more")
    have = about.sellable if sells else about.held if pairs else leg.size
    if have < leg.size:
        return _moved(
            f"expected {format_size(leg.size)} {about.name} to give back, found {format_size(have)}"
        )
    levels = about.bids if sells else about.other_asks if pairs else about.asks
    walk = Walk(
        about.number,
        leg.token_id,
        leg.side,
        levels,
        tick=leg.tick,
        fee=leg.fee,
        costs=case.costs,
        pairs=pairs,
    )
    missing = max(0, case.wanted // LOT - about.held // LOT)
    # The venue takes no less than its minimum, even of a leg that lacks less.
    least = max(divide(about.min_size, LOT, Rounding.UP), walk.lots_worth(MARKETABLE_MIN) or 0)
    if not sells and not pairs and (missing == 0 or leg.size // LOT > max(missing, least)):
        return _moved(f"{about.name} has been filled meanwhile")
    now = walk.trade(leg.size // LOT)
    if now is None or (now.worst < leg.limit if sells else now.worst > leg.limit):
        return _moved(
            f"expected {format_size(leg.size)} {leg.name} at {format_price(leg.limit)} or better, "
            "found less on the book"
        )
    return now


def forgotten(broken: TicketId) -> Refusal:
    """Refuse a repair of a ticket that this desk holds no more."""
    text = f"{broken} is not known any more; look at /status for what is held, and sell it by hand"
    return Refusal(RefusalKind.NOT_BROKEN, text)


def _moved(what: str) -> Refusal:
    return Refusal(RefusalKind.MOVED, f"moved: {what}; nothing was sent, look at the card again")


def choose(desk: Desk, flight: Flight, at_ms: Ms, *, most: Usdc | None = None) -> Plan | Refusal:
    """Return what is to be sent for a broken ticket without asking anybody, or why nothing is.

    For whoever holds a standing grant. First the best way out, then the best once more at one more tick, then
    dumping alone; dumping alone, too, once `leg_timeout_ms` has gone by. After that a person is needed: the
    event stays frozen and the alarm stands.
    """
    tries = sum(1 for _ in repairs_of(desk, flight))
    if tries >= TRIES_MAX:
        text = (
            f"expected at most {TRIES_MAX} repairs of {flight.ticket_id} by itself, found {tries}: look at it"
        )
        return Refusal(RefusalKind.NO_REPAIR, text)
    gone = taken_elsewhere(desk, flight)
    if gone:
        # Whoever sold them may want the rest gone, too: nothing is bought to complete a set that was left.
        text = f"expected all that {flight.ticket_id} holds, found {gone[0]} sold, merged or on sale"
        return Refusal(RefusalKind.NO_REPAIR, text)
    late = flight.ended_ms is not None and at_ms - flight.ended_ms > desk.settings.repair.leg_timeout_ms
    dump = late or tries == TRIES_MAX - 1
    # A sale is got rid of by selling the rest.
    away = RepairWay.COMPLETE if plan_of(desk, flight).kind is PlanKind.SELL_SET else RepairWay.UNWIND
    way = away if dump else None
    return plan_repair(desk, flight, way, at_ms, extra_ticks=min(tries, 1), most=most)

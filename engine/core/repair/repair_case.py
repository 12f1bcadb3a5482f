"""What a broken ticket and its repairs hold together, and the case that the repair is decided on.

Bought sets and pairs pay by their smallest leg, a basket of NO by all but its largest. Of a sale of sets
every set it was to sell counts as bought for the dollar it is worth: what is left of its legs is held. Reads
the desk, changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.dutch.leg_risk import dump_proceeds
from engine.core.exposure.inventory import free, sellable
from engine.core.exposure.risk import room
from engine.core.repair.remedies import RepairCase, RepairLeg, floor_of
from engine.core.repair.repair_walk import Costs
from engine.core.rules.rules_watch import rules_hold
from engine.core.state import Desk, Flight, fills_of, fills_of_order
from engine.domain.book import Level, LiveBook
from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import EventGroup, Side, rules_hash
from engine.domain.order import OrderRecord, Settlement
from engine.domain.plan import LegRisk, Plan, PlanKind, PlanLeg
from engine.domain.repair import repaired_by
from engine.domain.ticket import TicketKind, TicketState
from engine.domain.units import LOT, Ms, Size, Usdc

REPAIRABLE = (PlanKind.BUY_SET, PlanKind.BUY_PAIR, PlanKind.NO_SET, PlanKind.SELL_SET)


@dataclass(frozen=True, slots=True)
class LegStock:
    """One leg of a ticket with what its own orders and those of its repairs have left."""

    leg: PlanLeg
    held: Size
    """Shares that are not paired."""
    paired: Size
    """Shares that stand beside as many of the complement."""


@dataclass(frozen=True, slots=True)
class Stock:
    """A ticket and its repairs together."""

    kind: PlanKind
    legs: tuple[LegStock, ...]
    cash: Usdc
    """Paid minus received."""
    fees: Usdc
    opened: Size
    """Sets that were there before the ticket sold of them; 0 but for a sale of sets."""

    @property
    def sets(self) -> Size:
        """Complete sets."""
        return Size(min(leg.held for leg in self.legs))

    @property
    def pays(self) -> Size:
        """Dollars that the unpaired shares pay whatever comes true."""
        return Size(floor_of(self.kind, [leg.held for leg in self.legs]))

    @property
    def pairs(self) -> Size:
        """Shares paired with their complement, over all legs."""
        return Size(sum(leg.paired for leg in self.legs))

    @property
    def paid(self) -> Usdc:
        """Cash and fees paid minus what came back; pairs and opened sets count as the dollar they are."""
        return Usdc(self.cash + self.fees + self.opened - self.pairs)

    @property
    def kept(self) -> Size:
        """Shares of a leg that pay beside those of the others: complete sets, or the second largest of NO."""
        held = [int(leg.held) for leg in self.legs]
        return Size(sorted([0, *held])[-2] if self.kind is PlanKind.NO_SET else min(held))

    @property
    def loose(self) -> tuple[tuple[str, Size], ...]:
        """Name and size of what every leg holds beyond that; legs with nothing left out."""
        kept = self.kept
        return tuple((leg.leg.name, Size(leg.held - kept)) for leg in self.legs if leg.held > kept)


def held_of(desk: Desk, order: OrderRecord) -> Size:
    """Return what an order has filled and the venue has not undone."""
    undone = sum(f.size for f in fills_of(desk, order.order_id) if f.settlement is Settlement.FAILED)
    return Size(order.filled - undone)


def repairs_of(desk: Desk, flight: Flight) -> Iterator[Flight]:
    """Yield the flights that repair this one, in the order they were sent."""
    for ticket_id in desk.repairs.get(flight.ticket_id, ()):
        yield desk.flights[ticket_id]


def enter_flight(desk: Desk, flight: Flight) -> None:
    """Enter a sent ticket; a repair is found from the ticket it is about, too."""
    desk.flights[flight.ticket_id] = flight
    ticket = desk.tickets[flight.ticket_id]
    if ticket.kind is TicketKind.REPAIR:
        desk.repairs.setdefault(repaired_by(ticket)[1], []).append(flight.ticket_id)


def stock_of(desk: Desk, flight: Flight) -> Stock:
    """Return what a ticket and its repairs hold and have paid."""
    plan = plan_of(desk, flight)
    flights = (flight, *repairs_of(desk, flight))
    orders = [desk.orders[order_id] for each in flights for order_id in each.order_ids]
    held: dict[TokenId, int] = {}
    cash = fees = 0
    for order in orders:
        sign = 1 if order.intent.side is Side.BUY else -1
        token = order.intent.token_id
        held[token] = held.get(token, 0) + sign * held_of(desk, order)
        for fill in fills_of_order(desk, order.order_id):
            cash += sign * fill.cash
            fees += fill.fee
    opened = plan.size if plan.kind is PlanKind.SELL_SET else Size(0)
    legs = []
    own = {leg.token_id for leg in plan.legs}
    for leg in plan.legs:
        others = {o.intent.token_id for o in orders if o.intent.condition_id == leg.condition_id} - own
        mine = max(0, opened + held.get(leg.token_id, 0))
        paired = min(mine, sum(held[token] for token in others))
        legs.append(LegStock(leg, Size(mine - paired), Size(paired)))
    return Stock(plan.kind, tuple(legs), Usdc(cash), Usdc(fees), opened)


def plan_of(desk: Desk, flight: Flight) -> Plan:
    """Return the plan that a flight was sent with."""
    plan = desk.tickets[flight.ticket_id].plan
    assert plan is not None, f"expected a sent ticket to carry its plan: {flight.ticket_id}"
    return plan


def held_risk(desk: Desk, flight: Flight, at_ms: Ms) -> LegRisk:
    """Return what is held can lose: L0 if all single shares become worthless, L if dumped under stress.

    Of a basket of NO everything may be dumped, too, where that loses less than holding what pays.
    """
    stock = stock_of(desk, flight)
    hard = stock.paid - stock.pays
    kept = stock.kept
    soft = hard - sum(_dumped(desk, each, Size(max(0, each.held - kept)), at_ms) for each in stock.legs)
    if stock.kind is PlanKind.NO_SET:
        soft = min(soft, stock.paid - sum(_dumped(desk, each, each.held, at_ms) for each in stock.legs))
    return LegRisk(bound=Usdc(max(0, soft)), hard=Usdc(max(0, hard)))


def _dumped(desk: Desk, each: LegStock, size: Size, at_ms: Ms) -> Usdc:
    """Return what so many shares of a leg bring under stress, nothing without a proven book."""
    book = desk.feeds.live(each.leg.token_id, at_ms)
    if not isinstance(book, LiveBook):
        return Usdc(0)
    levels = desk.settings.dutch.stress_levels
    return dump_proceeds(book.bids, each.leg.fee, size, stress_levels=levels)


def case_of(
    desk: Desk, flight: Flight, at_ms: Ms, *, extra_ticks: int = 0, most: Usdc | None = None
) -> RepairCase:
    """Return the case of a broken ticket on the present books; `extra_ticks` go on top of the slippage.

    `most` is what new orders may take beside every cap, as under a grant.
    """
    plan = plan_of(desk, flight)
    assert plan.kind in REPAIRABLE, f"expected a Dutch plan, {plan.plan_id} is {plan.kind.value}"
    stock = stock_of(desk, flight)
    event = desk.events.get(plan.event_id)
    left = room(desk, at_ms, plan.event_id)
    dutch = desk.settings.dutch
    caps = [left.ticket, left.day, left.wallet, left.event, left.total, dutch.max_plan, most]
    return RepairCase(
        legs=tuple(_leg(desk, each, plan, event, at_ms) for each in stock.legs),
        wanted=plan.size,
        paid=stock.paid,
        risk=plan.risk,
        costs=Costs(dutch.slippage_ticks + extra_ticks, dutch.fee_bps),
        stress_levels=dutch.stress_levels,
        room=Usdc(min(cap for cap in caps if cap is not None)),
        may_buy=_may_buy(desk, plan, event),
        kind=plan.kind,
    )


def still_held(desk: Desk, each: LegStock) -> Size:
    """Return what is there of a leg's unpaired shares: a sale by hand or a merge may have taken some."""
    holding = desk.positions.holdings.get(each.leg.token_id)
    return _capped(each, Size(0) if holding is None else holding.held)


def _untaken(desk: Desk, each: LegStock) -> Size:
    """Return the same less what an order may still sell or an act on chain converts."""
    return _capped(each, free(desk, each.leg.token_id))


def _capped(each: LegStock, most: Size) -> Size:
    # Below a lot it is the rounding that a ticket may end with, not a sale.
    return Size(max(0, most)) if each.held - most >= LOT else each.held


def taken_elsewhere(desk: Desk, flight: Flight) -> tuple[str, ...]:
    """Return the names of the legs of which something else has sold, merged or may sell shares."""
    legs = stock_of(desk, flight).legs
    return tuple(each.leg.name for each in legs if _untaken(desk, each) < each.held)


def broken_markets(desk: Desk) -> set[ConditionId]:
    """Return the markets of which a broken ticket holds unpaired shares: its repair needs them."""
    flights = [f for f in desk.flights.values() if desk.tickets[f.ticket_id].state is TicketState.BROKEN]
    legs = [each for f in flights if plan_of(desk, f).kind in REPAIRABLE for each in stock_of(desk, f).legs]
    return {each.leg.condition_id for each in legs if each.held}


def _may_buy(desk: Desk, plan: Plan, event: EventGroup | None) -> bool:
    """Tell whether missing legs may still be bought: after a change of the rules only dumping is left."""
    if event is None or rules_hash(event) != plan.rules_hash:
        return False
    return rules_hold(desk, plan.event_id, plan.code) is None


def _leg(desk: Desk, each: LegStock, plan: Plan, event: EventGroup | None, at_ms: Ms) -> RepairLeg:
    leg = each.leg
    listed = () if event is None else event.markets
    market = next((market for market in listed if leg.token_id in (market.yes, market.no)), None)
    tradable = market is not None and market.terms.tradable and market.terms.fee is not None
    other = leg.token_id if market is None else market.no if market.yes == leg.token_id else market.yes
    is_leg = any(other == one.token_id for one in plan.legs)
    held = _untaken(desk, each)
    asks, bids = _sides(desk, leg.token_id, at_ms) if tradable else ((), ())
    return RepairLeg(
        number=leg.number,
        token_id=leg.token_id,
        condition_id=leg.condition_id,
        name=leg.name,
        neg_risk=leg.neg_risk,
        tick=leg.tick if market is None else market.terms.tick,
        fee=leg.fee if market is None or market.terms.fee is None else market.terms.fee,
        min_size=leg.size if market is None else market.terms.min_size,
        held=held,
        sellable=Size(min(held, sellable(desk, leg.token_id))),
        asks=asks,
        bids=bids,
        other=other,
        other_asks=_sides(desk, other, at_ms)[0] if tradable and not is_leg else (),
    )


def _sides(desk: Desk, token: TokenId, at_ms: Ms) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Return asks and bids of a proven book, nothing of any other."""
    book = desk.feeds.live(token, at_ms)
    return (book.asks, book.bids) if isinstance(book, LiveBook) else ((), ())

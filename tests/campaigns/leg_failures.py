"""Sets, baskets of NO and sales of which legs fail, repaired as the desk itself would: is the bound kept?

`python -m tests.campaigns.leg_failures --executions 1000 --seed 1`. The real core (tickets, planner,
settling, repair) trades on the matching of the local exchange, without network and clock. At every send each
leg fails with 30 %: its offers are gone, thinner or dearer by the time it arrives, a sale's bids are gone.
What is left at the end is valued at worst and taken from the exchange's own books. No loss may be beyond L0,
none beyond L and the rests printed beside it as long as bids stay within the stress levels.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from engine.core.repair.remedies import RepairCase
from engine.core.repair.repair_case import case_of
from engine.core.repair.repair_plan import choose, way_of
from engine.core.repair.ways import price_remedies
from engine.core.tickets.settling import result_of
from engine.domain.account import CancelReply, MakerMatch, VenueTrade
from engine.domain.book import Level
from engine.domain.commands import AskRepair, OpenDutch
from engine.domain.effects import Reply, SendBatch
from engine.domain.events import CardShown
from engine.domain.failure import Placed as Standing
from engine.domain.failure import PostClass
from engine.domain.fees import FeeCurve
from engine.domain.ids import OrderId, TicketId, TradeId
from engine.domain.market import EventGroup, Side
from engine.domain.order import OrderRecord, Settlement, TimeInForce
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal
from engine.domain.repair import RepairWay
from engine.domain.ticket import Move, Ticket, TicketState
from engine.domain.units import LOT, PRICE_ONE, Ms, Price, Size, Usdc
from engine.domain.views import TicketView
from engine.simulator.conduct import Conduct
from engine.simulator.exchange import Exchange, Placed
from engine.simulator.market import BookSide, MarketSpec
from engine.simulator.market import Side as VenueSide
from engine.simulator.order_entry import OrderEntry
from engine.simulator.orders import Fill, NewOrder, OrderType
from tests.campaigns.random_orders import KEY
from tests.support.basket_oracle import BasketOracle
from tests.support.builders import NOW, accepted, answer, event, live_book, market, shares, terms, usdc
from tests.support.desk_run import CARD, DeskRun, dutch_params, of_kind, only
from tests.support.repair_oracle import Oracle
from tests.support.venue_orders import ACCOUNT

FAILURE_PCT = 30
TRIES_MAX = 4
RICH = Usdc(10**12)
MAKER = "maker"
STRESS_LEVELS = 1
SET = PlanKind.BUY_SET
KINDS = (SET, PlanKind.NO_SET, PlanKind.SELL_SET)
SETS_HELD = shares(40)


@dataclass
class Tally:
    """What became of the executions."""

    ends: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    broken_kinds: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    """Ways that were sent."""
    priced: int = 0
    agreed: int = 0
    """Repairs whose worth is the brute force's."""
    apart: int = 0
    """The largest difference, micro-dollars."""
    broken: int = 0
    bids_stayed: int = 0
    """Broken executions whose bids stayed within the stress levels throughout."""
    stuck: int = 0
    """Of these, beyond L by rests that are less than an order, which the card prints beside it."""
    nearest: int = 0
    """Loss as percent of L0, the largest."""
    faults: list[str] = field(default_factory=list)


class Execution:
    """One plan on one exchange; books are told from the side of the token its legs are about."""

    def __init__(self, seed: object, tally: Tally, kind: PlanKind) -> None:
        self.seed, self.tally, self.kind = seed, tally, kind
        self.draw = Random(f"leg-failures/{kind.value}/{seed}" if kind is not SET else f"leg-failures/{seed}")
        self.own = int(kind is PlanKind.NO_SET)
        """Index of the token that the legs are about: NO of a basket, else YES."""
        self.group = self._event()
        specs = [self._spec(number) for number in range(len(self.group.markets))]
        self.specs = {spec.condition_id: spec for spec in specs}
        self.exchange = Exchange(specs, id_seed=str(seed), confirm_delay_ms=0)
        self.account = OrderEntry(self.exchange, RICH, Conduct()).account_of(
            KEY, ACCOUNT.signature_type.value, NOW
        )
        bank = self.exchange.bank
        bank.open_account(MAKER, address="0xmaker", owner=MAKER, insider=True)
        bank.deposit(MAKER, RICH, NOW)
        for spec in specs:
            bank.split(MAKER, spec, shares(100_000))
        if kind is PlanKind.SELL_SET:
            for spec in specs:
                bank.split(self.account.id, spec, SETS_HELD)
        self.began = self.account.settled_usdc
        self.stake = self._pays()
        self.bids_stayed = True
        self.calm = False
        self.lost: Counter[str] = Counter()
        """Best bids that went away, by market."""
        self.orders = 0
        self._quote_all()
        self.run = DeskRun(
            self.group,
            asks=(1_000,) * len(specs),
            dutch=dutch_params(
                slippage_ticks=self.draw.choice([0, 1]), stress_levels=STRESS_LEVELS, min_profit=usdc(0.01)
            ),
        ).start()
        if kind is PlanKind.SELL_SET:
            for m in self.group.markets:
                holding = self.run.desk.positions.holdings[m.yes]
                holding.bought = holding.confirmed = SETS_HELD
        self._show()

    # -- the market

    def _event(self) -> EventGroup:
        count = self.draw.randint(3, 8)
        tick = Price(self.draw.choice([10, 10, 100]))
        fee = FeeCurve(self.draw.choice([0, 0, 20_000]), 1)
        like = terms(tick=tick, fee=fee, min_size=shares(self.draw.choice([1, 1, 5])))
        names = tuple(f"Outcome {n}" for n in range(count))
        return event("fed", names, markets=tuple(market(n, "fed", terms=like) for n in names))

    def _spec(self, number: int) -> MarketSpec:
        m = self.group.markets[number]
        assert m.terms.fee is not None
        return MarketSpec(
            condition_id=m.condition_id,
            tokens=(m.yes, m.no),
            outcomes=("Yes", "No"),
            tick=m.terms.tick,
            min_size=m.terms.min_size,
            fee=m.terms.fee,
            neg_risk=True,
            accepting=True,
            taker_delay=False,
        )

    def _quote_all(self) -> None:
        """Offer every outcome so that the plan gains 7 to 20 cents a set, with four bids below each."""
        low, high = {SET: (8_000, 9_300), PlanKind.NO_SET: (10_700, 12_000)}.get(self.kind, (11_500, 13_000))
        total = self.draw.randint(low, high)
        parts = [self.draw.randint(50, 150) for _ in self.specs]
        for part, spec in zip(parts, self.specs.values(), strict=True):
            yes = max(total * part // sum(parts) // spec.tick * spec.tick, 4 * spec.tick)
            ask = PRICE_ONE - yes if self.own else yes
            self._offer(spec, ask)
            for step in range(4):
                bid = ask - spec.tick * (step + 1 + self.draw.randint(0, 1))
                if bid >= spec.tick:
                    self._rest(spec, VenueSide.BUY, bid, shares(self.draw.randint(10, 60)))

    def _offer(self, spec: MarketSpec, ask: int) -> None:
        for step in range(3):
            if ask + step * spec.tick < PRICE_ONE:
                self._rest(spec, VenueSide.SELL, ask + step * spec.tick, shares(self.draw.randint(10, 60)))

    def _rest(self, spec: MarketSpec, side: VenueSide, price: int, size: Size) -> None:
        self.orders += 1
        new = NewOrder(
            id=f"m{self.orders}",
            account_id=MAKER,
            condition_id=spec.condition_id,
            token_index=self.own,
            side=side,
            price=Price(price),
            size=size,
            order_type=OrderType.GTC,
        )
        assert isinstance(self.exchange.place(new, NOW), Placed)

    def _pull(self, spec: MarketSpec, side: BookSide, keep: int = 0) -> int:
        """Take the maker's orders of one side away but for the `keep` worst levels; return the best price."""
        ladder = self.exchange.ladder(spec.condition_id)
        there = self._there(side)
        prices = ladder.prices(there)
        gone = set(prices[: len(prices) - keep])
        for order in list(ladder.walk(there)):
            if order.terms.book_price in gone and order.terms.account_id == MAKER:
                self.exchange.cancel(order.terms.id, MAKER, NOW)
        best = prices[0] if prices else 0
        return PRICE_ONE - best if self.own and best else best

    def _there(self, side: BookSide) -> BookSide:
        """Return the side of the market's one book, which is told in YES."""
        if not self.own:
            return side
        return BookSide.ASK if side is BookSide.BID else BookSide.BID

    def _levels(self, spec: MarketSpec, side: BookSide) -> tuple[Level, ...]:
        ladder, there = self.exchange.ladder(spec.condition_id), self._there(side)
        levels = tuple(Level(price, ladder.size_at(there, price)) for price in ladder.prices(there))
        return _mirror(levels) if self.own else levels

    def _show(self) -> None:
        """Let the desk see the books as they are."""
        for m in self.group.markets:
            spec = self.specs[m.condition_id]
            bids, asks = self._levels(spec, BookSide.BID), self._levels(spec, BookSide.ASK)
            own, other = (m.no, m.yes) if self.own else (m.yes, m.no)
            self.run.books.shown[own] = live_book(m, own, asks, bids)
            self.run.books.shown[other] = live_book(m, other, _mirror(bids), _mirror(asks))

    # -- what happens between card and venue

    def _fails(self, order: OrderRecord) -> None:
        """Move the market against one order just before it arrives."""
        spec = self.specs[order.intent.condition_id]
        own = order.intent.token_id == spec.tokens[self.own]
        if (order.intent.side is Side.BUY) is not own:
            # A sale, or a purchase of the complement: both meet the bids.
            self._lose_bids(spec, self.draw.choice([1, 1, 9]))
            return
        ask = self._pull(spec, BookSide.ASK)
        how = self.draw.choice(["gone", "thin", "dear", "dear"])
        if how == "thin" and ask:
            part = order.intent.size * self.draw.randint(5, 90) // 100 // LOT * LOT
            self._rest(spec, VenueSide.SELL, ask, Size(max(LOT, part)))
        elif how == "dear":
            up = order.intent.price + spec.tick * self.draw.choice([1, 2, 5, 20, 80])
            self._offer(spec, min(up, PRICE_ONE - 2 * spec.tick))

    def _drift(self) -> None:
        """Let bids go after a broken send: mostly within the stress levels, at times beyond."""
        for spec in self.specs.values():
            if self.draw.random() < 0.2:
                self._lose_bids(spec, self.draw.choice([1, 1, 1, 2, 4]))

    def _lose_bids(self, spec: MarketSpec, levels: int) -> None:
        """Take the best bids away."""
        count = len(self._levels(spec, BookSide.BID))
        self._pull(spec, BookSide.BID, keep=max(0, count - levels))
        self.lost[spec.condition_id] += levels
        self.bids_stayed = self.bids_stayed and self.lost[spec.condition_id] <= STRESS_LEVELS

    def _post(self, orders: tuple[OrderRecord, ...]) -> None:
        """Send a batch to the exchange and tell the desk everything that became of it."""
        for order in orders:
            if not self.calm and self.draw.randrange(100) < FAILURE_PCT:
                self._fails(order)
        answers, trades, resting = [], [], []
        for order in orders:
            done = self.exchange.place(self._new(order), NOW)
            if not isinstance(done, Placed):
                answers.append(answer(order, PostClass.REFUSED, done.text))
                continue
            filled = Size(sum(fill.size for trade in done.trades for fill in trade.takers))
            trades += [_venue_trade(order, trade.id, trade.takers) for trade in done.trades]
            answers.append(accepted(order, filled, Standing.MATCHED if filled else Standing.LIVE))
            if filled < order.intent.size and order.intent.time_in_force is TimeInForce.GTD:
                resting.append(order)
        self.run.answer(*answers)
        for order in resting:
            assert self.exchange.cancel(order.order_id, self.account.id, NOW)
            self.run.cancel_says(CancelReply.CANCELLED, order)
        self.run.later(100).read(*trades)
        self.exchange.settle(Ms(NOW + 60_000))
        self._show()

    def _new(self, order: OrderRecord) -> NewOrder:
        intent = order.intent
        spec = self.specs[intent.condition_id]
        return NewOrder(
            id=order.order_id,
            account_id=self.account.id,
            condition_id=intent.condition_id,
            token_index=spec.tokens.index(intent.token_id),
            side=VenueSide(intent.side.value),
            price=intent.price,
            size=intent.size,
            order_type=OrderType(intent.time_in_force.value),
            expires_ms=Ms(NOW + 10**9) if intent.time_in_force is TimeInForce.GTD else None,
        )

    # -- the operator

    def execute(self) -> None:
        """Send the plan, repair it as long as the desk knows how, and judge what it came to."""
        view = self.run.told(OpenDutch("fed", shares(self.draw.randint(8, 20))))
        if not isinstance(view, TicketView):
            self.tally.ends["no plan"] += 1
            return
        if _plan(view.ticket).kind is not self.kind:
            self.tally.ends["no plan"] += 1
            return
        self.tally.kinds[self.kind.value] += 1
        self._confirmed(view.ticket)
        ticket_id = view.ticket.ticket_id
        if self.run.ticket(ticket_id).state is TicketState.BROKEN:
            self.tally.broken += 1
            self.tally.broken_kinds[self.kind.value] += 1
            self._drift()
            self._show()
            self._repair(ticket_id)
            self._finish(ticket_id)
        self._judge(ticket_id)

    def _finish(self, ticket_id: TicketId) -> None:
        """Let a person unwind, on books that stand still, what the desk has given up by itself."""
        self.calm = True
        for entropy in range(3):
            if self.run.ticket(ticket_id).state is not TicketState.BROKEN:
                return
            way = RepairWay.COMPLETE if self.kind is PlanKind.SELL_SET else RepairWay.UNWIND
            view = only(self.run.ask(AskRepair(ticket_id, way), entropy=entropy + 200), Reply).view
            if not isinstance(view, TicketView) or not self._confirmed(view.ticket):
                return
            self.tally.ways["unwind by hand"] += 1

    def _confirmed(self, ticket: Ticket) -> bool:
        """Confirm and send a dry ticket; False if the desk did not send it."""
        run = self.run
        run.step(CardShown(run.at_ms, ticket.ticket_id, CARD))
        run.press(run.ticket(ticket.ticket_id), Move.CONFIRM)
        run.later(1_000)
        batches = of_kind(run.press(run.ticket(ticket.ticket_id), Move.SEND), SendBatch)
        if not batches:
            return False
        self._post(run.commit(batches[0]))
        return True

    def _repair(self, ticket_id: TicketId) -> None:
        run = self.run
        flight = run.desk.flights[ticket_id]
        for entropy in range(TRIES_MAX):
            if run.ticket(ticket_id).state is not TicketState.BROKEN:
                return
            self._compare(ticket_id)
            planned = choose(run.desk, flight, run.at_ms)
            if isinstance(planned, Refusal):
                return
            way = way_of(planned, _plan(run.ticket(ticket_id)))
            self.tally.ways[way.value] += 1
            effects = run.ask(AskRepair(ticket_id, way), entropy=entropy + 100)
            view = only(effects, Reply).view
            if not isinstance(view, TicketView) or not self._confirmed(view.ticket):
                return
            if self.draw.random() < 0.5:
                self._return_offers()

    def _return_offers(self) -> None:
        for spec in self.specs.values():
            if not self._levels(spec, BookSide.ASK):
                bids = self._levels(spec, BookSide.BID)
                self._offer(spec, (bids[0].price if bids else 500) + spec.tick * self.draw.randint(1, 9))
        self._show()

    def _compare(self, ticket_id: TicketId) -> None:
        """Compare what is chosen with the brute force."""
        case = case_of(self.run.desk, self.run.desk.flights[ticket_id], self.run.at_ms)
        chosen, best = price_remedies(case).best.worth, _oracle(case).best()
        self.tally.priced += 1
        self.tally.agreed += chosen == best
        self.tally.apart = max(self.tally.apart, abs(best - chosen))

    # -- the end

    def _judge(self, ticket_id: TicketId) -> None:
        ticket = self.run.ticket(ticket_id)
        plan, flight = _plan(ticket), self.run.desk.flights.get(ticket_id)
        self.tally.ends[ticket.state.value] += 1
        if flight is None:
            return
        loss = self._loss()
        told = result_of(self.run.desk, flight).margin_if_held
        if told != -loss:
            self._fault(f"the card says {told}, the exchange's books {-loss}")
        if loss > plan.risk.hard:
            self._fault(f"lost {loss}, beyond L0 {plan.risk.hard}")
        self.tally.nearest = max(self.tally.nearest, 100 * loss // max(1, plan.risk.hard))
        if self.bids_stayed and loss > 0:
            self.tally.bids_stayed += 1
            self.tally.stuck += loss > plan.risk.bound
            if loss > plan.risk.within_stress:
                self._fault(
                    f"lost {loss}, beyond L {plan.risk.bound} + rests {plan.risk.rests}, bids stayed; "
                    f"{ticket.state.value}"
                )

    def _loss(self) -> int:
        """What is lost at worst, by the exchange's own books: whichever outcome comes true."""
        return self.stake + self.began - self.account.settled_usdc - self._pays()

    def _pays(self) -> int:
        """What is held pays whichever outcome comes true."""
        tokens = [spec.tokens for spec in self.specs.values()]
        held = [tuple(self.account.settled_shares(token) for token in pair) for pair in tokens]
        none = sum(no for _, no in held)
        return min(none - no + yes for yes, no in held)

    def _fault(self, words: str) -> None:
        self.tally.faults.append(f"seed {self.seed}: {words}")


def _oracle(case: RepairCase) -> Oracle:
    return BasketOracle(case) if case.kind is PlanKind.NO_SET else Oracle(case)


def _plan(ticket: Ticket) -> Plan:
    assert ticket.plan is not None
    return ticket.plan


def _mirror(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(Level(Price(PRICE_ONE - level.price), level.size) for level in levels)


def _venue_trade(order: OrderRecord, trade_id: str, takers: tuple[Fill, ...]) -> VenueTrade:
    intent = order.intent
    side = Side.SELL if intent.side is Side.BUY else Side.BUY
    makers = tuple(
        MakerMatch(OrderId(f"0xm{n}"), intent.token_id, side, fill.price, fill.size)
        for n, fill in enumerate(takers)
    )
    return VenueTrade(
        trade_id=TradeId(f"{trade_id}-{order.order_id[:8]}"),
        condition_id=intent.condition_id,
        taker_order_id=order.order_id,
        token_id=intent.token_id,
        side=intent.side,
        size=Size(sum(fill.size for fill in takers)),
        matched_ms=NOW,
        settlement=Settlement.CONFIRMED,
        makers=makers,
    )


def executions(count: int, seed: int, kinds: Sequence[PlanKind] = KINDS) -> Tally:
    """Run so many executions, of these kinds in turn; everything that happened is in the tally."""
    tally = Tally()
    number = 0
    while tally.ends.total() - tally.ends["no plan"] < count:
        Execution(f"{seed}/{number}", tally, kinds[number % len(kinds)]).execute()
        number += 1
    return tally


def main() -> None:
    """Run the campaign; status 1 on any fault or fewer than 99 % agreement."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--executions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=[kind.value for kind in KINDS])
    asked = parser.parse_args()
    began = time.monotonic()
    tally = executions(
        asked.executions, asked.seed, [kind for kind in KINDS if asked.kind in (None, kind.value)]
    )
    took = time.monotonic() - began
    agreed = f"equal to the brute force {tally.agreed}, largest difference {tally.apart} micro-dollars"
    lines = [
        f"seed {asked.seed}: {asked.executions} executions in {took:.0f} s, {FAILURE_PCT} % of legs fail",
        f"kinds {dict(tally.kinds)}, of these broken {dict(tally.broken_kinds)}",
        f"ends {dict(tally.ends)}; broken {tally.broken}, repairs sent {dict(tally.ways)}",
        f"repairs priced {tally.priced}, {agreed}",
        f"losses with bids that stayed: {tally.bids_stayed}, {tally.stuck} beyond L by rests as printed",
        f"largest loss {tally.nearest} % of L0",
        f"faults: {len(tally.faults)}",
        *tally.faults[:20],
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(1 if tally.faults or tally.agreed * 100 < tally.priced * 99 else 0)


if __name__ == "__main__":
    main()

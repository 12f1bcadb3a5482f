"""What happens around the desk in one seed: windows, other traders, other programs, changes of markets.

Everything goes through the local exchange's own doors, so that books, catalogue and streams agree with it.
"""

from random import Random

from engine.domain.units import Price, Size
from engine.simulator import upheaval
from engine.simulator.catalogue import Event
from engine.simulator.catalogue_seed import WINDOW_EVENTS
from engine.simulator.exchange import Placed
from engine.simulator.faults import Fault as Scripted
from engine.simulator.faults import FaultKind
from engine.simulator.market import BookSide, Side
from engine.simulator.orders import OrderState, OrderType
from engine.simulator.other_hands import Wish
from engine.simulator.settlement import Odds
from engine.simulator.venue import Venue
from tests.simulation.loop import Agenda
from tests.simulation.truth import Truth
from tests.simulation.weather import Fault, Weather

_LOT = 10_000


class Misfortune:
    """The other traders, the venue's operators, and whoever else uses the account."""

    def __init__(self, agenda: Agenda, rng: Random, weather: Weather, venue: Venue, truth: Truth) -> None:
        self._agenda = agenda
        self._rng = rng
        self._weather = weather
        self._venue = venue
        self._truth = truth
        self._draw_settlement()

    def _draw_settlement(self) -> None:
        """Fix how trades settle in this seed; whether one failed is counted at the end."""
        failed, retrying, slow = (
            round(100 * self._weather.chances[fault])
            for fault in (Fault.TRADE_FAILED, Fault.TRADE_RETRIED, Fault.TRADE_SLOW)
        )
        longest_ms = 90_000 if slow else 4_000
        if failed or retrying or slow:
            seed = str(self._rng.random())
            self._venue.exchange.settlements.odds = Odds(seed, failed, retrying, 10, longest_ms)

    def count_settlements(self) -> None:
        """Count what became of our trades."""
        struck = self._weather.struck
        struck[Fault.HEARTBEAT_LAPSED] += sum(1 for lapse in self._venue.heartbeats.lapses if lapse.order_ids)
        for trade in self._venue.exchange.trades:
            steps = [step.status.value for step in trade.steps]
            struck[Fault.TRADE_FAILED] += "FAILED" in steps
            struck[Fault.TRADE_RETRIED] += "RETRYING" in steps
            struck[Fault.TRADE_SLOW] += trade.steps[-1].at_ms - trade.steps[0].at_ms > 60_000

    def happen(self) -> None:
        """Open a window that pays, or change something that nobody at the desk asked for."""
        for _ in range(self._rng.randrange(1, 6)):
            self._venue.flow.step(self._venue.flow._rng, self._agenda.now_ms())
        if self._rng.random() < 0.5:
            slug = self._rng.choice(tuple(WINDOW_EVENTS))
            if not self._venue.flow.windows.is_open(slug):
                self._venue.flow.open_window(slug, self._rng.randrange(5_000, 60_000), self._agenda.now_ms())
        if self._weather.strikes(Fault.TICK_CHANGED):
            self.change_tick()
        if self._weather.strikes(Fault.MARKET_RESOLVED):
            self._resolve()
        if self._weather.strikes(Fault.RULES_CHANGED):
            event = self._event()
            upheaval.reword(self._venue, event, f"{event.seed.rules} Clarified.")
        if self._weather.strikes(Fault.FOREIGN_ORDER):
            self._place_foreign()
        self._venue.publish()

    def before_post(self, tokens: list[str]) -> None:
        """Let things happen while a POST is on its way to these tokens."""
        if self._weather.strikes(Fault.BOOKS_SNIPED):
            self._snipe(tokens)
        if self._weather.strikes(Fault.LEG_REJECTED):
            self._venue.faults.arm(Scripted(FaultKind.REJECT_LEG, leg=self._rng.randrange(3)))

    def after_post(self) -> None:
        """Let an insider trade against what rests of ours, a moment later."""
        if self._weather.strikes(Fault.BOOKS_HIT):
            self._agenda.after(self._rng.randrange(200_000), self.hit_resting)

    def hit_resting(self) -> None:
        """Let the counterparty trade against what rests of ours: by transfer, mint or merge."""
        for order in self._venue.exchange.open_orders(self._truth.account_id):
            part = self._part(order.remaining, 10)
            resting = order.state is OrderState.LIVE and order.terms.id not in self._truth.foreign
            if part and resting:
                self._venue.hands.meet(order, self._rng.randrange(2), part, self._agenda.now_ms())
        self._venue.publish()
        self._truth.arrived()

    def beat_with(self, key: str) -> None:
        """Let another program send the next heartbeat with the desk's own key."""
        heartbeats = self._venue.heartbeats
        chain = heartbeats._chains.get(key)
        if chain is not None:
            heartbeats.beat(chain.key, chain.expected, self._venue.now_ms())

    def tidy_up(self) -> None:
        """Take back what would keep a healthy desk from coming to an end: the other program's orders."""
        for order_id in sorted(self._truth.foreign):
            self._venue.exchange.cancel(order_id, self._truth.account_id, self._agenda.now_ms())
        self._venue.exchange.settlements.calm()
        self._venue.publish()

    def change_tick(self) -> None:
        """Put a market on a finer or coarser grid."""
        event = self._event()
        open_markets = [market for market in event.markets if market.has_book and market.trades]
        if open_markets:
            market = self._rng.choice(open_markets)
            tick = self._rng.choice([Price(10), Price(100)])
            if tick != market.spec.tick:
                upheaval.change_tick(self._venue, event, market, tick)

    def _event(self) -> Event:
        event = self._venue.catalogue.event(self._rng.choice(tuple(WINDOW_EVENTS)))
        assert event is not None, "expected the events with windows to be listed"
        return event

    def _resolve(self) -> None:
        event = self._event()
        open_markets = [market for market in event.markets if market.has_book and market.trades]
        if open_markets:
            upheaval.resolve(self._venue, event, self._rng.choice(open_markets), self._rng.randrange(2))

    def _place_foreign(self) -> None:
        """Let somebody else's program rest an order on our account, far from where anybody trades."""
        markets = [
            m for m in self._event().markets if m.spec.condition_id in self._venue.books and m.spec.accepting
        ]
        if not markets:
            return
        spec = self._rng.choice(markets).spec
        wish = Wish(spec, 0, Side.BUY, spec.tick, Size(20_000_000), OrderType.GTC)
        placed = self._venue.hands.place_foreign(self._truth.account_id, wish, self._agenda.now_ms())
        if isinstance(placed, Placed):
            self._truth.foreign.add(placed.order.terms.id)

    def _snipe(self, tokens: list[str]) -> None:
        """Let an insider take most of the best offer of one leg before our order reaches it."""
        known = [token for token in tokens if token in self._venue.exchange.tokens]
        if not known:
            return
        market, index = self._venue.exchange.tokens[self._rng.choice(known)]
        side = BookSide.BID if index == 0 else BookSide.ASK
        ladder = self._venue.exchange.ladder(market.condition_id)
        best = ladder.best(side.opposite)
        part = Size(0) if best is None else self._part(ladder.size_at(side.opposite, best), 50)
        if best is not None and part:
            self._venue.flow._makers.take(market, side, best, part, self._agenda.now_ms())
            self._venue.publish()

    def _part(self, size: Size, least_pct: int) -> Size:
        return Size(size * self._rng.randrange(least_pct, 101) // 100 // _LOT * _LOT)

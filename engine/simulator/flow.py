"""The seeded order flow that keeps the local exchange's books alive (statistics of spec page book-hash).

Most steps change one level; about one in a hundred is a small trade; fair prices drift by ticks; bursts
strike single markets. Every choice comes from the seed, so the same seed and the same times give the same
books. No clock.
"""

from collections import deque
from random import Random

from engine.domain.units import PRICE_ONE, Ms, Price
from engine.simulator.catalogue import Catalogue, Market
from engine.simulator.catalogue_seed import WINDOW_EVENTS
from engine.simulator.exchange import Exchange
from engine.simulator.makers import Makers
from engine.simulator.market import BookSide, MarketSpec
from engine.simulator.quoted_market import QuotedMarket
from engine.simulator.windows import WindowPlace, Windows, first_window_ms

TRADE_CHANCE = 0.01
DRIFT_CHANCE = 0.004
BURST_CHANCE = 0.002
_BURST_STEPS = (30, 130)
_BURST_SPEED = 4
_STEPS_MAX = 400
"""Most steps made up for after a stall; the rest of the lost time stays lost."""
_HURRIED_PER_TURN = 400
"""Changes of a burst in one turn of the pump, so that requests are still answered meanwhile."""


class Flow:
    """Insiders at work in every trading market."""

    def __init__(
        self, exchange: Exchange, catalogue: Catalogue, *, seed: int, frames_per_s: int, now_ms: Ms
    ) -> None:
        specs = [market.spec for market in catalogue.markets if market.trades]
        self._rng = Random(seed)  # noqa: S311 - a rehearsal must be repeatable
        self._makers = Makers(exchange, specs, seed=seed, now_ms=now_ms)
        self._frames_per_s = frames_per_s
        self._next_ms = float(now_ms)
        self._pending: deque[str] = deque()
        self._hurried: deque[QuotedMarket] = deque()
        self._burst: QuotedMarket | None = None
        self._burst_left = 0
        self._exchange = exchange
        self._groups = {
            event.slug: [
                QuotedMarket(exchange, self._makers, market.spec, market.seed)
                for market in event.markets
                if market.trades
            ]
            for event in catalogue.events
        }
        self.markets = [market for group in self._groups.values() for market in group]
        for market in self.markets:
            for side in BookSide:
                market.fill_side(side, self._rng, now_ms)
        self.windows = self._windows(seed, now_ms)

    def advance(self, now_ms: Ms) -> None:
        """Do the steps that are due and let windows open and close."""
        self.windows.advance(now_ms)
        if self._frames_per_s == 0:
            return
        for _ in range(_STEPS_MAX):
            if self._next_ms > now_ms:
                return
            self.step(self._rng, now_ms)
            speed = _BURST_SPEED if self._burst_left else 1
            self._next_ms += self._rng.expovariate(self._frames_per_s * speed / 1000)
        self._next_ms = float(now_ms)

    def step(self, rng: Random, now_ms: Ms) -> None:
        """Make one change somewhere."""
        # Orders left too near by a drift of the fair price go first.
        if self._pending and self._makers.cancel(self._pending.popleft(), now_ms):
            return
        market = self._pick(rng)
        chance = rng.random()
        if chance < TRADE_CHANCE:
            market.trade(rng, now_ms)
        elif chance < TRADE_CHANCE + DRIFT_CHANCE:
            self._drift(rng)
        else:
            market.change(rng, now_ms)

    def hurry(self, token: str, changes: int) -> None:
        """Let `rush` make so many changes more: in a token's market, or anywhere ("")."""
        places = [known for known in self.markets if token in ("", *known.spec.tokens)]
        if places:
            self._hurried.extend(self._rng.choices(places, k=changes))

    def rush(self, now_ms: Ms) -> bool:
        """Make the next part of what is hurried; tell whether more is to come."""
        for _ in range(min(len(self._hurried), _HURRIED_PER_TURN)):
            self._hurried.popleft().change(self._rng, now_ms)
        return bool(self._hurried)

    def open_window(self, slug: str, hold_ms: int, now_ms: Ms) -> list[Price] | None:
        """Open a Dutch window now; None for an event that has none."""
        return self.windows.open(slug, hold_ms, now_ms)

    def join(self, slug: str, market: Market, now_ms: Ms) -> None:
        """Trade in a market that was just listed; an event that has grown has no windows any more."""
        self._makers.stock(market.spec)
        quoted = QuotedMarket(self._exchange, self._makers, market.spec, market.seed)
        for side in BookSide:
            quoted.fill_side(side, self._rng, now_ms)
        self.windows.forget(slug, now_ms)
        self._groups[slug].append(quoted)
        self.markets.append(quoted)

    def leave(self, slug: str, condition_id: str, now_ms: Ms) -> None:
        """Trade no more in a market, if the flow did."""
        self.windows.forget(slug, now_ms)
        for quoted in [known for known in self.markets if known.spec.condition_id == condition_id]:
            self.markets.remove(quoted)
            self._hurried = deque(other for other in self._hurried if other is not quoted)
            self._groups[slug].remove(quoted)
            if self._burst is quoted:
                self._burst_left = 0

    def regrid(self, slug: str, spec: MarketSpec, now_ms: Ms) -> None:
        """Go on under another tick; windows stay while the fair prices still make one dollar."""
        group = self._groups[slug]
        for quoted in group:
            if quoted.spec.condition_id == spec.condition_id:
                quoted.regrid(spec)
        if sum(quoted.fair for quoted in group) != PRICE_ONE:
            self.windows.forget(slug, now_ms)

    def _pick(self, rng: Random) -> QuotedMarket:
        """Choose where the next change happens; a burst stays in one market."""
        if self._burst_left and self._burst is not None:
            self._burst_left -= 1
            return self._burst
        market = rng.choice(self.markets)
        if rng.random() < BURST_CHANCE:
            self._burst, self._burst_left = market, rng.randint(*_BURST_STEPS)
        return market

    def _drift(self, rng: Random) -> None:
        """Move one fair price up and a sibling down, so that a complete set stays worth one dollar."""
        group = rng.choice([group for group in self._groups.values() if group])
        if any(market.calm for market in group):
            return
        if len(group) == 1:
            moves = [(group[0], rng.choice((1, -1)))]
        else:
            up, down = rng.sample(group, 2)
            if up.spec.tick != down.spec.tick:
                return  # a tick of one is not a tick of the other: the set would no longer cost a dollar
            moves = [(up, 1), (down, -1)]
        if all(market.may_shift(ticks) for market, ticks in moves):
            for market, ticks in moves:
                self._pending.extend(market.shift(ticks))

    def _windows(self, seed: int, now_ms: Ms) -> Windows:
        places: list[WindowPlace] = []
        for slug, group in self._groups.items():
            ask_sum = WINDOW_EVENTS.get(slug)
            if ask_sum is not None:
                places.append(WindowPlace(slug, group, ask_sum, first_window_ms(len(places), now_ms)))
        rng = Random(f"{seed}/windows")  # noqa: S311 - a rehearsal must be repeatable
        return Windows(places, self._makers, rng, automatic=self._frames_per_s > 0)

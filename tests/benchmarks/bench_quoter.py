"""One tick of one market's quoter until it is known what to do: watch, regime, tokens, reconcile and charge.

Targets are prepared: pricing is not in it. Two orders a side rest in every market; one tick in eight moves
the targets by enough to replace, so most decisions are "keep", as they are of a quoter that earns its place
in the queue. Every answer comes at once, so that a replace takes its cancel and its order in two ticks.
Markets take turns as they would in a loop over all of them; the growth is what the larger working set costs.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import replace

from engine.core.spread.book_watch import BookSeen, BookWatch, MidWindow, seen_mid, watch_book
from engine.core.spread.buckets import QuoteBuckets, allowance, charge, full_buckets, market_buckets
from engine.core.spread.micro import MICRO_PER_PRICE
from engine.core.spread.quoter import QuoteContext, Replaces, reconcile, replaces_after
from engine.core.spread.regime import Signs, judge
from engine.domain.ids import OrderId
from engine.domain.quote import (
    CancelQuote,
    LiveQuote,
    PlaceQuote,
    QuoteAction,
    QuoteState,
    Suppressed,
    Target,
)
from engine.domain.units import Ms, Price
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import no_collection, spread
from tests.support.builders import NOW
from tests.support.quotes import ASK, BID, knobs, quoted_market, signs, target

MARKETS = (1, 10, 100, 500)
TICK_MS = 250
"""Exchange time between two ticks of one market: quotes of one tick are old enough to replace at the next."""
MOVES = 8
"""One tick in so many moves the targets."""
_DECISIONS = 20_000
_QUICK_DECISIONS = 4_000
KNOBS = knobs(
    min_quote_lifetime_ms=Ms(TICK_MS),
    replace_interval_ms_bid=Ms(TICK_MS),
    replace_interval_ms_ask=Ms(TICK_MS),
    max_quotes_per_min=600,
    quote_burst=40,
    max_cancels_per_min=600,
    cancel_burst=40,
    jump_ticks=30,
)
CALM = signs()
WARM_TICKS = 20
"""Until the books have recovered and everything rests that should."""


class Quoted:
    """One market with everything that its decisions need."""

    def __init__(self, number: int) -> None:
        self.market = quoted_market(number)
        self.plans = [self._plan(middle) for middle in (48, 50, 52)]
        self.buckets = market_buckets(KNOBS, NOW)
        self.live: dict[OrderId, LiveQuote] = {}
        self.watch, self.mids, self.replaces = BookWatch(), MidWindow(), Replaces()
        self.plan = 0
        self.sent = 0

    def _plan(self, middle: int) -> tuple[Target, ...]:
        return tuple(
            target(side, middle + sign * (2 + layer), layer=layer, market=self.market)
            for side, sign in ((BID, -1), (ASK, 1))
            for layer in (0, 1)
        )

    def decide(self, everywhere: QuoteBuckets, at_ms: Ms) -> tuple[QuoteAction, ...]:
        """Do what is timed."""
        middle = Price(4_800 + 200 * self.plan)
        self.watch = watch_book(
            self.watch, BookSeen(synced=True, confirmed_ms=at_ms, proven_ms=at_ms), KNOBS, at_ms
        )
        self.mids = seen_mid(self.mids, middle * MICRO_PER_PRICE, KNOBS, at_ms)
        context = QuoteContext(
            at_ms=at_ms,
            stance=judge(signs_of(self), self.market, KNOBS, at_ms),
            best_bid=Price(middle - 200),
            best_ask=Price(middle + 200),
            has_fair_value=True,
            allowance=allowance(self.buckets, everywhere, at_ms),
            replaces=self.replaces,
        )
        quotes = tuple(self.live.values())
        found = reconcile(self.plans[self.plan], quotes, self.market, KNOBS, context)
        if found:
            charge(found, self.buckets, everywhere, at_ms)
            self.replaces = replaces_after(self.replaces, found, quotes, at_ms)
        return found

    def answer(self, actions: tuple[QuoteAction, ...], at_ms: Ms) -> None:
        """Have everything that was asked done at once; not timed."""
        for action in actions:
            if isinstance(action, PlaceQuote):
                self.sent += 1
                wanted, name = action.target, OrderId(f"{self.market.condition_id}{self.sent}")
                self.live[name] = LiveQuote(
                    name, wanted.side, wanted.layer, wanted.token_id, wanted.order_side, wanted.yes,
                    wanted.size, wanted.size, QuoteState.RESTING, at_ms,
                )  # fmt: skip
            elif isinstance(action, CancelQuote):
                del self.live[action.order_id]


def signs_of(quoted: Quoted) -> Signs:
    return replace(CALM, book=quoted.watch, swing=quoted.mids.swing)


def measure(run: Run) -> Mapping[str, Figure]:
    """CPU microseconds per market and tick at each number of markets, and the growth against one."""
    decisions = _QUICK_DECISIONS if run.quick else _DECISIONS
    took: dict[int, list[float]] = {count: [] for count in MARKETS}
    told: dict[int, str] = {}
    for number in range(run.rounds):
        for count in MARKETS[number % len(MARKETS) :] + MARKETS[: number % len(MARKETS)]:
            ns, sent = one_round(count, decisions // count, run.seed)
            took[count].append(ns / 1_000)
            told[count] = f"{decisions // count * count:,} decisions, {sent:,} orders and cancels"
    figures = {f"quoter-{count}": Figure(spread(took[count]), told[count]) for count in MARKETS}
    for count in MARKETS[1:]:
        ratios = [many / one for many, one in zip(took[count], took[1], strict=True)]
        figures[f"quoter-growth-{count}"] = Figure(spread(ratios), told[count])
    return figures


def one_round(count: int, ticks: int, seed: int) -> tuple[float, int]:
    """Return CPU nanoseconds per decision, and how many orders and cancels were sent."""
    rng = random.Random(f"{seed}/{count}")
    markets = [Quoted(number) for number in range(count)]
    everywhere = full_buckets(
        quotes=(600 * count, 40 * count), cancels=(600 * count, 40 * count), cancel_reserve=10, at_ms=NOW
    )
    spent = sent = 0
    with no_collection():
        for tick in range(-WARM_TICKS, ticks):
            at_ms = Ms(NOW + (tick + WARM_TICKS) * TICK_MS)
            for quoted in markets:
                if rng.randrange(MOVES) == 0:
                    quoted.plan = rng.randrange(len(quoted.plans))
            began = time.process_time_ns()
            found = [quoted.decide(everywhere, at_ms) for quoted in markets]
            if tick >= 0:
                spent += time.process_time_ns() - began
            for quoted, actions in zip(markets, found, strict=True):
                quoted.answer(actions, at_ms)
                sent += sum(not isinstance(action, Suppressed) for action in actions)
    assert sent > ticks * count // MOVES, "expected quotes to be replaced"
    return spent / (ticks * count), sent

"""One tick of one market's quoter, from a changed book to what is to be done: nothing of it is prepared.

Watch and jump window, volatility, fair value, the score of all other makers in the reward band, regime,
targets with the choice of the half-spread, tokens, reconcile and charge. Two orders a side rest in every
market. Every tick changes a size of the book; one in eight moves it by enough to replace, so most decisions
are "keep", as they are of a quoter that earns its place in the queue. Every answer comes at once, so that a
replace takes its cancel and its order in two ticks. Markets take turns as they would in a loop over all of
them; the growth is what the larger working set costs.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import replace

from engine.core.spread.book_watch import BookSeen, BookWatch, MidWindow, seen_mid, watch_book
from engine.core.spread.buckets import QuoteBuckets, allowance, charge, full_buckets, market_buckets
from engine.core.spread.fair_value import cut_mid, fair_value, without_own
from engine.core.spread.flow import Flow, imbalance
from engine.core.spread.market_view import MarketView
from engine.core.spread.quoter import QuoteContext, Replaces, reconcile, replaces_after
from engine.core.spread.regime import Signs, judge
from engine.core.spread.reward_band import others_score
from engine.core.spread.targets import targets
from engine.core.spread.toxicity import Toxicity, adverse_move, marked
from engine.core.spread.volatility import Volatility, moved, sigma
from engine.domain.book import Level
from engine.domain.ids import OrderId
from engine.domain.quote import (
    CancelQuote,
    LiveQuote,
    PlaceQuote,
    QuoteAction,
    QuotedMarket,
    QuoteState,
    RewardMode,
    RewardTerms,
    Suppressed,
    Target,
)
from engine.domain.units import USDC_ONE, Ms, Price, Usdc
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import no_collection, spread
from tests.support.builders import NOW, shares
from tests.support.quote_pricing import AMPLE
from tests.support.quotes import ASK, BID, knobs, quoted_market, signs

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
    max_layers=2,
    skew_milliticks=1_000,
    reward_mode=RewardMode.BAND,
)
CALM = signs()
MIDDLES = (4_800, 5_000, 5_200)
"""Where a book may stand; from one to the next both quotes are replaced."""
TURNS = 8
"""Sizes that a book shows in turn, so that no tick finds what the one before did."""
DEPTH = 10
"""Levels a side."""
REWARDS = RewardTerms(max_spread=Price(450), min_size=shares(50), daily=Usdc(100 * USDC_ONE), others_milli=0)
Levels = tuple[Level, ...]
WARM_TICKS = 20
"""Until the books have recovered and everything rests that should."""


class Quoted:
    """One market with everything that its decisions need."""

    def __init__(self, number: int) -> None:
        self.market = quoted_market(number, rewards=REWARDS)
        self.books = [_book(middle, turn) for middle in MIDDLES for turn in range(TURNS)]
        self.buckets = market_buckets(KNOBS, NOW)
        self.live: dict[OrderId, LiveQuote] = {}
        self.watch, self.mids, self.replaces = BookWatch(), MidWindow(), Replaces()
        self.volatility, self.flow, self.toxicity = Volatility(), Flow(), Toxicity()
        self.plan = self.turn = self.sent = 0

    def decide(self, everywhere: QuoteBuckets, at_ms: Ms) -> tuple[QuoteAction, ...]:
        """Do what is timed."""
        self.turn = (self.turn + 1) % TURNS
        bids, asks = self.books[self.plan * TURNS + self.turn]
        seen = BookSeen(synced=True, confirmed_ms=at_ms, proven_ms=at_ms)
        self.watch = watch_book(self.watch, seen, KNOBS, at_ms)
        quotes = tuple(self.live.values())
        market, view = self._priced(bids, asks, quotes, at_ms)
        stance = judge(signs_of(self), market, KNOBS, at_ms)
        wanted = () if stance.pulls else targets(market, KNOBS, view)
        context = QuoteContext(
            at_ms=at_ms,
            stance=stance,
            best_bid=bids[0].price,
            best_ask=asks[0].price,
            has_fair_value=view.fair is not None,
            allowance=allowance(self.buckets, everywhere, at_ms),
            replaces=self.replaces,
        )
        placed = [one for one in wanted if isinstance(one, Target)]
        found = reconcile(placed, quotes, market, KNOBS, context)
        if found:
            charge(found, self.buckets, everywhere, at_ms)
            self.replaces = replaces_after(self.replaces, found, quotes, at_ms)
        return found

    def _priced(
        self, shown_bids: Levels, shown_asks: Levels, quotes: tuple[LiveQuote, ...], at_ms: Ms
    ) -> tuple[QuotedMarket, MarketView]:
        """Take our own orders out of the book, then price it."""
        bids, asks = without_own(shown_bids, BID, quotes), without_own(shown_asks, ASK, quotes)
        mid = cut_mid(bids, asks, KNOBS.min_level_size)
        assert mid is not None, "expected a book with two sides"
        self.mids = seen_mid(self.mids, mid, KNOBS, at_ms)
        self.volatility = moved(self.volatility, mid=mid, at_ms=at_ms, halflife_ms=KNOBS.vol_halflife_ms)
        flow = imbalance(self.flow, at_ms=at_ms, halflife_ms=KNOBS.vol_halflife_ms)
        fair = fair_value(bids, asks, KNOBS, tick=self.market.tick, flow_milli=flow)
        assert fair is not None, "expected a fair value"
        self.toxicity, _ = marked(self.toxicity, fair=fair, at_ms=at_ms)
        others = others_score(bids, asks, mid, REWARDS)
        market = replace(self.market, rewards=replace(REWARDS, others_milli=others))
        view = MarketView(
            bids=bids,
            asks=asks,
            fair=fair,
            sigma=sigma(self.volatility, fair, KNOBS.vol_horizon_ms),
            tox=adverse_move(self.toxicity),
            net=shares(50),
            sellable=shares(50),
            bid_room=AMPLE,
            ask_room=AMPLE,
            left_ms=None,
            own_bid=max((quote.yes for quote in quotes if quote.side is BID), default=None),
            own_ask=min((quote.yes for quote in quotes if quote.side is ASK), default=None),
        )
        return market, view

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


def _book(middle: int, turn: int) -> tuple[Levels, Levels]:
    """A book of three cents around a price."""
    sizes = [shares(100 + 40 * ((turn + level) % TURNS)) for level in range(DEPTH)]
    bids = tuple(Level(Price(middle - 100 * (level + 1)), size) for level, size in enumerate(sizes))
    asks = tuple(Level(Price(middle + 100 * (level + 2)), size) for level, size in enumerate(sizes))
    return bids, asks


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
                    quoted.plan = rng.randrange(len(MIDDLES))
            began = time.process_time_ns()
            found = [quoted.decide(everywhere, at_ms) for quoted in markets]
            if tick >= 0:
                spent += time.process_time_ns() - began
            for quoted, actions in zip(markets, found, strict=True):
                quoted.answer(actions, at_ms)
                sent += sum(not isinstance(action, Suppressed) for action in actions)
    assert sent > ticks * count // MOVES, "expected quotes to be replaced"
    return spent / (ticks * count), sent

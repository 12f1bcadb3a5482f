"""A recording of one market at 0.45 / 0.55, moved by hand, and what quoting it came to."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engine.core.backtest.our_quoter import OurQuoter
from engine.core.backtest.quoted_run import Strategy
from engine.core.backtest.spread_run import SpreadBacktest, SpreadTerms
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import FeedInlet
from engine.core.spread.queue_models import QueueModel
from engine.domain.quote import QuoteKnobs
from engine.domain.quoting import Quoted, QuotingResult
from engine.domain.units import Ms, Usdc
from engine.venue.wire import decode_books, decode_market
from tests.support.planner import group, market, usdc
from tests.support.quote_pricing import KNOBS, shares
from tests.support.recorded_event import RecordedEvent

QUIET = replace(
    KNOBS, min_level_size=shares(1), inventory_max=shares(300), stale_ms=Ms(10_000), jump_ticks=50
)
"""Every force off: quotes join the best prices and stay."""
LATENCY_MS = 250
BUDGET: Usdc = usdc("1000")


def one_market(size: str = "100") -> RecordedEvent:
    """Best prices of `size` shares, 300 a cent behind; nothing is quoted before two seconds have passed."""
    recording = RecordedEvent(
        ((("0.55", size), ("0.56", "300")),), group(market("Rain"), code="rain"), bids_under=("0.46",)
    )
    recording.level(0, "0.45", size, side="BUY")
    recording.level(0, "0.44", "300", side="BUY")
    return recording


def quoted(
    recording: RecordedEvent, maker: Callable[[QuoteKnobs, Ms], Strategy] = OurQuoter, **changes: Any
) -> QuotingResult:
    """Everything that came of it; `changes` are fields of the terms, or knobs."""
    terms = SpreadTerms(
        knobs=QUIET,
        makers=(("ours", maker),),
        budget=BUDGET,
        latency_ms=Ms(LATENCY_MS),
        look_ms=Ms(100),
        rebate_pct=25,
        rewards=None,
    )
    names = SpreadTerms.__dataclass_fields__.keys()
    turned = {name: value for name, value in changes.items() if name not in names}
    given = {name: value for name, value in changes.items() if name in names}
    backtest = SpreadBacktest(replace(terms, knobs=replace(QUIET, **turned), **given))
    backtest.know([recording.event])
    backtest.begin(FeedInlet(Feeds(), decode_market, decode_books))
    backtest.take(recording.inputs)
    return backtest.finish()


def run_of(result: QuotingResult, model: QueueModel = QueueModel.CONSERVATIVE) -> Quoted:
    """The one run under a model."""
    (run,) = result.of("ours", model.value)
    return run

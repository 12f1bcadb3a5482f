"""Quotes on one market at a tick of one cent, so that a test of the quoter names only what it is about."""

from dataclasses import replace
from typing import Any

from engine.core.spread.book_watch import BookWatch
from engine.core.spread.buckets import Allowance
from engine.core.spread.quoter import QuoteContext
from engine.core.spread.regime import BOTH, Regime, Signs, Stance
from engine.domain.ids import ConditionId, OrderId
from engine.domain.market import Side
from engine.domain.quote import (
    LiveQuote,
    Pull,
    QuotedMarket,
    QuoteKnobs,
    QuoteSide,
    QuoteState,
    RewardMode,
    Target,
)
from engine.domain.units import Ms, Price, Size, complement
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate
from tests.support.builders import NOW, condition, shares, token

BID, ASK = QuoteSide.BID, QuoteSide.ASK
TICK = Price(100)
QUIET = Stance(Regime.QUIET, (), BOTH, None)
PLENTY = Allowance(quotes=100, soft_cancels=90, hard_cancels=100)
KNOBS = QuoteKnobs(
    min_level_size=shares(1),
    depth_levels=3,
    micro_weight_pct=50,
    flow_weight_pct=0,
    sibling_pct=0,
    vol_halflife_ms=Ms(60_000),
    vol_horizon_ms=Ms(10_000),
    stale_ms=Ms(3_000),
    stale_recover_ms=Ms(2_000),
    min_spread_ticks=2,
    min_half_spread_ticks=1,
    min_edge_ticks=1,
    improve_ticks=0,
    k_vol_pct=100,
    k_tox_pct=100,
    adverse_micro=0,
    skew_milliticks=0,
    gamma_pct=0,
    jump_micro=0,
    inventory_max=shares(1_000),
    soft_pct=80,
    base_size=shares(100),
    max_layers=3,
    layer_step_ticks=1,
    min_quote_lifetime_ms=Ms(1_000),
    min_change_ticks_bid=2,
    min_change_ticks_ask=2,
    away_ticks_bid=0,
    away_ticks_ask=0,
    min_size_change_pct=20,
    replace_interval_ms_bid=Ms(500),
    replace_interval_ms_ask=Ms(500),
    max_quotes_per_min=60,
    quote_burst=10,
    max_cancels_per_min=60,
    cancel_burst=10,
    cancel_reserve=4,
    reward_mode=RewardMode.OFF,
    jump_ticks=5,
    jump_window_ms=Ms(2_000),
    tox_ticks=2,
    halt_before_s=60,
)


def knobs(**changes: Any) -> QuoteKnobs:
    return replace(KNOBS, **changes)


def quoted_market(seed: object = "M", **changes: Any) -> QuotedMarket:
    usual = QuotedMarket(
        condition_id=ConditionId(condition(seed)),
        yes=token((seed, "yes")),
        no=token((seed, "no")),
        tick=TICK,
        min_size=shares(5),
        fee_rate_e6=40_000,
        fee_exponent=1,
        rebate_pct=25,
        rewards=None,
        ends_ms=None,
    )
    return replace(usual, **changes)


MARKET = quoted_market()


def target(
    side: QuoteSide, cents: int, size: int = 100, *, layer: int = 0, market: QuotedMarket = MARKET
) -> Target:
    """A bid buys YES, an ask buys NO."""
    yes = Price(cents * 100)
    if side is BID:
        return Target(side, layer, market.yes, Side.BUY, yes, yes, shares(size))
    return Target(side, layer, market.no, Side.BUY, yes, complement(yes), shares(size))


def live(
    side: QuoteSide,
    cents: int,
    size: int = 100,
    *,
    left: int | None = None,
    layer: int = 0,
    state: QuoteState = QuoteState.RESTING,
    age: int = 60_000,
    name: str = "",
) -> LiveQuote:
    """A quote acknowledged `age` ms ago; one that is being placed was not."""
    wanted = target(side, cents, size, layer=layer)
    acked = None if state is QuoteState.PLACING else Ms(NOW - age)
    rest = wanted.size if left is None else shares(left)
    return LiveQuote(
        OrderId(name or f"{side.value}{layer}"),
        side,
        layer,
        wanted.token_id,
        wanted.order_side,
        wanted.yes,
        wanted.size,
        rest,
        state,
        acked,
    )


def context(**changes: Any) -> QuoteContext:
    """Quiet, a wide book, tokens enough, and no replace yet."""
    usual = QuoteContext(
        at_ms=NOW,
        stance=QUIET,
        best_bid=Price(4_000),
        best_ask=Price(6_000),
        has_fair_value=True,
        allowance=PLENTY,
    )
    return replace(usual, **changes)


def pulled(*pulls: Pull) -> Stance:
    return Stance(Regime.HALTED, pulls, (), None)


def signs(**changes: Any) -> Signs:
    """Everything speaks for quoting."""
    usual = Signs(
        gate=Gate.RUN,
        holds=frozenset(),
        venue=VenueState.RUN,
        is_granted=True,
        rules_changed=False,
        tick_changed=False,
        cap_reached=False,
        book=BookWatch(Ms(0), Ms(1)),
        swing=0,
        adverse_micro=0,
        net=Size(0),
    )
    return replace(usual, **changes)

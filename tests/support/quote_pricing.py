"""Builders for tests of quote pricing: knobs that do nothing unless told, a plain market and its view."""

from dataclasses import replace

from engine.core.spread.fair_value import fair_value
from engine.core.spread.market_view import MarketView, Room
from engine.core.spread.micro import MICRO_ONE
from engine.core.spread.targets import targets
from engine.core.spread.toxicity import UNMEASURED
from engine.domain.book import Level
from engine.domain.ids import ConditionId, TokenId
from engine.domain.quote import (
    QuotedMarket,
    QuoteKnobs,
    QuoteSide,
    RewardMode,
    RewardTerms,
    Suppressed,
    Target,
)
from engine.domain.units import (
    SIZE_ONE,
    USDC_ONE,
    Ms,
    Price,
    Size,
    Usdc,
    complement,
    parse_price,
    parse_size,
)

TICK = Price(100)
"""One cent."""
CENT = 10_000
"""One cent in micro."""
HALF = 500_000
"""A fair value of one half."""

KNOBS = QuoteKnobs(
    min_level_size=Size(0),
    depth_levels=3,
    micro_weight_pct=0,
    flow_weight_pct=0,
    sibling_pct=0,
    vol_halflife_ms=Ms(60_000),
    vol_horizon_ms=Ms(60_000),
    stale_ms=Ms(2_000),
    stale_recover_ms=Ms(1_000),
    min_spread_ticks=1,
    min_half_spread_ticks=1,
    min_edge_ticks=0,
    improve_ticks=0,
    k_vol_pct=0,
    k_tox_pct=0,
    adverse_micro=0,
    skew_milliticks=0,
    gamma_pct=0,
    jump_micro=0,
    inventory_max=Size(1_000 * SIZE_ONE),
    soft_pct=100,
    base_size=Size(100 * SIZE_ONE),
    max_layers=1,
    layer_step_ticks=1,
    min_quote_lifetime_ms=Ms(0),
    min_change_ticks_bid=1,
    min_change_ticks_ask=1,
    away_ticks_bid=0,
    away_ticks_ask=0,
    min_size_change_pct=20,
    replace_interval_ms_bid=Ms(0),
    replace_interval_ms_ask=Ms(0),
    max_quotes_per_min=60,
    quote_burst=10,
    max_cancels_per_min=60,
    cancel_burst=10,
    cancel_reserve=2,
    reward_mode=RewardMode.OFF,
    jump_ticks=3,
    jump_window_ms=Ms(1_000),
    tox_ticks=0,
    halt_before_s=60,
)
"""Every force switched off: what a test turns on is all that moves its quotes."""

MARKET = QuotedMarket(
    condition_id=ConditionId("0x" + "ab" * 32),
    yes=TokenId("11"),
    no=TokenId("22"),
    tick=TICK,
    min_size=Size(5 * SIZE_ONE),
    fee_rate_e6=0,
    fee_exponent=1,
    rebate_pct=0,
    rewards=None,
    ends_ms=None,
)
AMPLE = Room(Usdc(10_000 * USDC_ONE), Size(10_000 * SIZE_ONE))
REWARDS = RewardTerms(
    max_spread=Price(300), min_size=Size(20 * SIZE_ONE), daily=Usdc(100 * USDC_ONE), others_milli=100_000
)
"""Three cents around the mid, $100 a day, others score like 100 shares at the mid."""


def shares(count: int) -> Size:
    return Size(count * SIZE_ONE)


def ladder(*pairs: str) -> tuple[Level, ...]:
    """Levels as "price x size" texts, best first."""
    split = (pair.split(" x ") for pair in pairs)
    return tuple(Level(parse_price(price), parse_size(size)) for price, size in split)


BIDS = ladder("0.49 x 500", "0.48 x 500", "0.47 x 500", "0.46 x 500")
ASKS = ladder("0.51 x 500", "0.52 x 500", "0.53 x 500", "0.54 x 500")

VIEW = MarketView(
    bids=BIDS,
    asks=ASKS,
    fair=HALF,
    sigma=0,
    tox=UNMEASURED,
    net=Size(0),
    sellable=Size(0),
    bid_room=AMPLE,
    ask_room=AMPLE,
    left_ms=None,
    own_bid=None,
    own_ask=None,
)
"""A book of one cent to either side of one half; nothing held."""


def quoted(market=MARKET, view=VIEW, **knobs) -> tuple[Target | Suppressed, ...]:
    """The targets under the plain knobs with these ones turned."""
    return targets(market, replace(KNOBS, **knobs), view)


def prices(market=MARKET, view=VIEW, **knobs) -> tuple[list[int], list[int]]:
    """YES prices of the bids and of the asks that should rest, in cents."""
    found = [one for one in quoted(market, view, **knobs) if isinstance(one, Target)]
    bids = [one.yes // TICK for one in found if one.side is QuoteSide.BID]
    return bids, [one.yes // TICK for one in found if one.side is QuoteSide.ASK]


def reasons(market=MARKET, view=VIEW, **knobs) -> list[Suppressed]:
    return [one for one in quoted(market, view, **knobs) if isinstance(one, Suppressed)]


def sizes(market=MARKET, view=VIEW, **knobs) -> tuple[list[int], list[int]]:
    """Sizes of the bids and of the asks, in whole shares."""
    found = [one for one in quoted(market, view, **knobs) if isinstance(one, Target)]
    bids = [one.size // SIZE_ONE for one in found if one.side is QuoteSide.BID]
    return bids, [one.size // SIZE_ONE for one in found if one.side is QuoteSide.ASK]


def seen(view: MarketView = VIEW, **fields) -> MarketView:
    changed: MarketView = replace(view, **fields)
    return changed


def fair(bids=BIDS, asks=ASKS, *, flow_milli=0, **knobs) -> int | None:
    return fair_value(bids, asks, replace(KNOBS, **knobs), tick=TICK, flow_milli=flow_milli)


def swapped(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    """One side of the book as the other token shows it."""
    return tuple(Level(complement(level.price), level.size) for level in levels)


def mirrored(view: MarketView) -> MarketView:
    """The market as its NO token sees it; what is sellable stays YES."""
    return replace(
        view,
        bids=swapped(view.asks),
        asks=swapped(view.bids),
        fair=None if view.fair is None else MICRO_ONE - view.fair,
        net=Size(-view.net),
        bid_room=view.ask_room,
        ask_room=view.bid_room,
        own_bid=None if view.own_ask is None else complement(view.own_ask),
        own_ask=None if view.own_bid is None else complement(view.own_bid),
    )

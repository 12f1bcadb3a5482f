"""Quotes: what the spread quoter wants to rest, what rests, and what it asks to be done about the difference.

A quote has two prices: `yes` is the price on the YES book, where both sides are compared; `price` is
the limit of the order as it is sent, which on the NO token is the complement. Values only.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.market import Side
from engine.domain.rewards import RewardOffer
from engine.domain.units import Ms, Price, Size, Usdc


class QuoteSide(Enum):
    """Side of the YES book on which a quote stands."""

    BID = "bid"
    ASK = "ask"


class RewardMode(Enum):
    """How far the venue's reward band moves quotes (strategy 5.4)."""

    OFF = "off"
    """The band is ignored."""
    BAND = "band"
    """The band clamps: quotes stand inside it where every other rule lets them."""
    ONLY = "only"
    """Nothing is quoted outside it."""


@dataclass(frozen=True, slots=True)
class QuoteKnobs:
    """Every knob of the quoter, with the predicate of strategy 5.6. Integers throughout."""

    min_level_size: Size
    """Levels smaller than this do not make the mid."""
    depth_levels: int
    """K: levels a side that the micro-price weighs."""
    micro_weight_pct: int
    """w_micro in hundredths."""
    flow_weight_pct: int
    """w_flow in hundredths of a tick per unit of flow; the pull is one tick at most."""
    sibling_pct: int
    """eta in hundredths: how far the fair values of exclusive outcomes are pulled to a sum of 1."""
    vol_halflife_ms: Ms
    vol_horizon_ms: Ms
    stale_ms: Ms
    stale_recover_ms: Ms
    min_spread_ticks: int
    min_half_spread_ticks: int
    min_edge_ticks: int
    improve_ticks: int
    k_vol_pct: int
    """k_vol in hundredths of sigma."""
    k_tox_pct: int
    """k_tox in hundredths of the adverse move measured after our fills."""
    adverse_micro: int
    """Expected loss to better informed takers per filled share, in 1e-6 USDC, before anything is measured."""
    skew_milliticks: int
    """skew_ticks in thousandths of a tick at full inventory."""
    gamma_pct: int
    jump_micro: int
    """Weight of the jump term of 5.2, in 1e-6."""
    inventory_max: Size
    """I_max, shares net of YES and NO."""
    soft_pct: int
    """q_soft in hundredths: the adding side stops there."""
    base_size: Size
    max_layers: int
    layer_step_ticks: int
    min_quote_lifetime_ms: Ms
    min_change_ticks_bid: int
    min_change_ticks_ask: int
    away_ticks_bid: int
    """Ticks from which a move away from the market replaces; 0: the same as the threshold towards it."""
    away_ticks_ask: int
    min_size_change_pct: int
    replace_interval_ms_bid: Ms
    replace_interval_ms_ask: Ms
    max_quotes_per_min: int
    quote_burst: int
    max_cancels_per_min: int
    cancel_burst: int
    cancel_reserve: int
    reward_mode: RewardMode
    jump_ticks: int
    """A move of the mid by so many ticks within `jump_window_ms` pulls both sides."""
    jump_window_ms: Ms
    tox_ticks: int
    """Mean adverse move after our fills, in ticks, from which the regime is EVENT; 0: never."""
    halt_before_s: int
    """Seconds before the end or the game's start from which there is no quote; twice that: reduce-only."""


@dataclass(frozen=True, slots=True)
class RewardTerms:
    """The venue's liquidity rewards of one market (protocol 8.3)."""

    max_spread: Price
    """v: farthest distance from the mid that scores."""
    min_size: Size
    daily: Usdc
    """Pool per day; 0 for none."""
    others_milli: int
    """Score of everybody else's orders in thousandths of a share at S = 1, from the observed book."""


def reward_terms(offer: RewardOffer | None, others_milli: int) -> RewardTerms | None:
    """Return what pricing takes of an offer, with the others' score; None without a known pool."""
    if offer is None or not offer.daily or not offer.max_spread:
        return None
    return RewardTerms(offer.max_spread, offer.min_size, offer.daily, others_milli)


@dataclass(frozen=True, slots=True)
class Target:
    """One order that should rest."""

    side: QuoteSide
    layer: int
    """0 stands nearest to the fair value."""
    token_id: TokenId
    order_side: Side
    """SELL of YES while inventory lasts; else a BUY: of YES for a bid, of NO for an ask."""
    yes: Price
    price: Price
    size: Size


class QuoteState(Enum):
    """What is known of a quote at the venue."""

    PLACING = "placing"
    RESTING = "resting"
    CANCELLING = "cancelling"
    UNKNOWN = "unknown"
    """Its answer, or its cancel's, was lost: it counts as resting, and nothing is sent in its place."""


@dataclass(frozen=True, slots=True)
class LiveQuote:
    """One order of the quoter that may still execute."""

    order_id: OrderId
    side: QuoteSide
    layer: int
    token_id: TokenId
    order_side: Side
    yes: Price
    size: Size
    """As sent."""
    left: Size
    """Not filled yet."""
    state: QuoteState
    acked_ms: Ms | None
    """When the venue acknowledged it; its lifetime runs from here. None before."""


class Pull(Enum):
    """Why everything of a market is taken off at once; the value is what the operator reads."""

    STALE = "the book is not confirmed"
    HALT = "the desk's gate is closed"
    RULES = "rules or terms changed"
    ENDING = "the end or the game's start is near"
    CAPS = "a cap is reached"
    KILL = "kill"
    JUMP = "the price jumped"
    TICK = "the tick changed"
    VENUE = "the venue takes no orders"
    STOPPED = "the grant has ended"


class Held(Enum):
    """Why an action that the targets ask for was not taken now; the value is the metric's label."""

    LIFETIME = "min_quote_lifetime"
    CHANGE = "min_change"
    INTERVAL = "replace_interval"
    QUOTES_RATE_LIMITED = "quotes_rate_limited"
    CANCELS_RATE_LIMITED = "quotes_cancel_rate_limited"
    UNCERTAIN = "in_flight"
    """A side with an order that is being placed or cancelled, or is unknown, gets no second one."""
    RECOVERING = "stale_recover"
    NARROW = "min_spread"
    NO_FAIR_VALUE = "no_fair_value"
    EDGE = "min_edge"
    INVENTORY = "inventory"
    BAND = "reward_band"
    MINIMUM = "minimum_size"
    SELF_MATCH = "self_match"
    UNWANTED = "not_wanted"
    """No target for this layer, and nothing says why: fewer layers are wanted."""
    TRENDING = "trending"
    """The price moves into this side."""
    TOXIC = "toxic_flow"
    CLOSED = "gate_closed"
    """Nothing pulls, and still no order may leave: the venue's pause is over, the account is being read."""
    REDUCE_ONLY = "reduce_only"
    """Only what lowers the inventory is quoted."""


@dataclass(frozen=True, slots=True)
class PlaceQuote:
    """Rest this order, post-only."""

    target: Target


@dataclass(frozen=True, slots=True)
class CancelQuote:
    """Take this order off; a hard one passes lifetime, thresholds and the cancel reserve."""

    order_id: OrderId
    why: Pull | Held | None
    """None: a better price or size is wanted, so this is the first half of a replace."""
    hard: bool


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Take off everything of this market in one request, and charge no bucket: a hard pull found them empty.

    The venue's cancel by market also ends the desk's other orders there, and what is still being placed
    may arrive after it: such a quote is pulled by its id once it is seen to rest.
    """

    why: Pull


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Something the targets ask for that is not done now, and the rule that says so."""

    side: QuoteSide | None
    why: Held


QuoteAction = PlaceQuote | CancelQuote | CancelAll | Suppressed


@dataclass(frozen=True, slots=True)
class QuotedMarket:
    """What fixes how one market is quoted, besides its book."""

    condition_id: ConditionId
    yes: TokenId
    no: TokenId
    tick: Price
    min_size: Size
    fee_rate_e6: int
    """Taker rate in 1e-6; makers pay nothing."""
    fee_exponent: int
    rebate_pct: int
    """Share of the taker's fee that makers of this market are paid back, in hundredths."""
    rewards: RewardTerms | None
    ends_ms: Ms | None
    """End, or the start of the game if that is earlier; None where unknown."""

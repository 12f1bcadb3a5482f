"""Where a market's quotes want to stand: centre, half-spread, band, and the best bid that obeys every rule.

Strategy 5.2 to 5.4, prices only; sizes are `targets`. A bid is priced; an ask is the bid of the mirrored
stance. Every rule can only move a bid down, away from the fair value, except the reward band, and that never
inside the half-spread that volatility and adverse selection ask for.
"""

from dataclasses import dataclass, replace

from engine.core.spread.fair_value import cut_mid
from engine.core.spread.market_view import MarketView
from engine.core.spread.micro import MICRO_ONE, grid_ceil, grid_floor, to_micro
from engine.core.spread.reward_band import PairTerms, band_edge, best_half_spread, is_thin, is_wanted
from engine.core.spread.width import expected_adverse, half_spread, rebate, skew
from engine.domain.quote import Held, QuotedMarket, QuoteKnobs, RewardMode
from engine.domain.units import Price, complement

IMPROVABLE_TICKS = 3
"""Spread from which a touch may be improved: below it the improved quote would be the whole spread."""


@dataclass(frozen=True, slots=True)
class Stance:
    """Prices and distances in micro."""

    touch: Price
    """Best bid of the book without our orders."""
    facing: Price
    """Its best ask."""
    own_bid: Price | None
    """Our dearest live bid."""
    own_ask: Price | None
    fair: int
    mid: int
    """From which the reward band is measured."""
    centre: int
    """Fair value less skew."""
    delta: int
    """Half-spread to quote."""
    least: int
    """Half-spread that nothing may undercut."""
    edge: int | None
    """Farthest distance from `mid` inside the band; None where rewards do not matter."""
    only: bool
    """Nothing is quoted outside the band."""
    thin: bool
    """The book inside the band is thin or has a gap: no more than the scoring minimum is quoted."""


def stance_of(market: QuotedMarket, knobs: QuoteKnobs, view: MarketView) -> Stance | Held:
    """Return where this market's quotes want to stand, or why there are none at all."""
    mid = cut_mid(view.bids, view.asks, knobs.min_level_size)
    if view.fair is None or mid is None:
        return Held.NO_FAIR_VALUE
    touch, facing = view.bids[0].price, view.asks[0].price
    if facing - touch < knobs.min_spread_ticks * market.tick:
        return Held.NARROW
    paid = rebate(market, view.fair)
    least = half_spread(knobs, tick=market.tick, sigma=view.sigma, measured=view.tox, rebate_micro=paid)
    lean = skew(knobs, tick=market.tick, fair=view.fair, sigma=view.sigma, net=view.net, left_ms=view.left_ms)
    plain = Stance(
        touch=touch,
        facing=facing,
        own_bid=view.own_bid,
        own_ask=view.own_ask,
        fair=view.fair,
        mid=mid,
        centre=view.fair - lean,
        delta=least,
        least=least,
        edge=None,
        only=False,
        thin=False,
    )
    if knobs.reward_mode is RewardMode.OFF:
        return plain
    return _for_rewards(plain, market, knobs, view, paid)


def _for_rewards(
    plain: Stance, market: QuotedMarket, knobs: QuoteKnobs, view: MarketView, paid: int
) -> Stance | Held:
    only = knobs.reward_mode is RewardMode.ONLY
    rewards = market.rewards
    if rewards is None or not is_wanted(rewards):
        return Held.BAND if only else plain
    # The venue leaves orders below its scoring minimum out of the mid; without any other, ours has to do.
    mid = cut_mid(view.bids, view.asks, rewards.min_size)
    mid = plain.mid if mid is None else mid
    gain = paid - expected_adverse(knobs, view.tox)
    pair = PairTerms(rewards, knobs.base_size, mid, plain.centre, gain, view.arrivals)
    delta = best_half_spread(pair, plain.least, market.tick)
    return replace(
        plain,
        mid=mid,
        delta=delta,
        edge=band_edge(rewards, market.tick),
        only=only,
        thin=is_thin(view.bids, view.asks, mid, rewards),
    )


def mirrored_stance(stance: Stance) -> Stance:
    """Return the stance as the NO token sees it: bids are asks at 1 - p."""
    return replace(
        stance,
        touch=complement(stance.facing),
        facing=complement(stance.touch),
        own_bid=None if stance.own_ask is None else complement(stance.own_ask),
        own_ask=None if stance.own_bid is None else complement(stance.own_bid),
        fair=MICRO_ONE - stance.fair,
        mid=MICRO_ONE - stance.mid,
        centre=MICRO_ONE - stance.centre,
    )


def top_bid(stance: Stance, knobs: QuoteKnobs, tick: Price) -> int:
    """Return the dearest bid on the grid that obeys 5.3; below one tick where none does.

    Rounded down, away from the fair value; post-only against the book without our orders; joining the touch
    unless it may be improved; `min_edge_ticks` from the fair value.
    """
    spread = stance.facing - stance.touch
    improved = knobs.improve_ticks * tick if spread >= IMPROVABLE_TICKS * tick else 0
    wanted = grid_floor(stance.centre - stance.delta, tick)
    if stance.edge is not None:
        inside = grid_ceil(stance.mid - stance.edge, tick)
        wanted = max(wanted, min(inside, grid_floor(stance.centre - stance.least, tick)))
    edge = grid_floor(stance.fair, tick) - knobs.min_edge_ticks * tick
    bid = min(wanted, edge, stance.facing - tick, stance.touch + improved)
    return bid - bid % tick


def refusal(stance: Stance, bid: int, tick: Price) -> Held | None:
    """Return why no bid may rest at this price, if so."""
    if bid < tick:
        return Held.EDGE
    if stance.only and stance.edge is not None and abs(to_micro(Price(bid)) - stance.mid) > stance.edge:
        return Held.BAND
    if stance.own_ask is not None and bid + tick > stance.own_ask:
        return Held.SELF_MATCH
    return None

"""The desk's own quoter on a recording: the same pricing, regimes, thresholds and buckets.

What a recording cannot tell is taken as it is on a desk that may quote: gate and venue open, a grant in
force, rules unchanged, no cap but the market's own budget and inventory limit. Pure.
"""

from collections.abc import Sequence

from engine.core.backtest.quoted_run import Sight
from engine.core.spread.buckets import allowance, charge, market_buckets
from engine.core.spread.market_view import MarketView, Room
from engine.core.spread.quoter import QuoteContext, Replaces, reconcile, replaces_after
from engine.core.spread.regime import Regime, Signs, Stance, judge
from engine.core.spread.targets import targets
from engine.core.spread.toxicity import adverse_move
from engine.domain.quote import (
    Held,
    LiveQuote,
    QuoteAction,
    QuoteKnobs,
    QuoteSide,
    Suppressed,
    Target,
)
from engine.domain.units import SIZE_ONE, Ms, Price, Size
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate

_AMPLE = Size(SIZE_ONE * SIZE_ONE)
"""Shares that no cap of a backtest denies: the inventory limit bounds them."""


class Pace:
    """Thresholds, intervals and buckets of one market: what turns targets into actions."""

    def __init__(self, knobs: QuoteKnobs, at_ms: Ms) -> None:
        """Begin with full buckets; those of all markets together are no smaller, so they deny nothing."""
        self._knobs = knobs
        self._buckets, self._everywhere = market_buckets(knobs, at_ms), market_buckets(knobs, at_ms)
        self._replaces = Replaces()

    def decide(
        self,
        wanted: Sequence[Target],
        withheld: Sequence[Suppressed],
        sight: Sight,
        stance: Stance,
        at_ms: Ms,
    ) -> tuple[QuoteAction, ...]:
        """Return what to do about the targets now, charged; `withheld` tells why there are not more."""
        sense = sight.sense
        context = QuoteContext(
            at_ms=at_ms,
            stance=stance,
            best_bid=sense.bids[0].price if sense.bids else None,
            best_ask=sense.asks[0].price if sense.asks else None,
            has_fair_value=sense.fair is not None,
            allowance=allowance(self._buckets, self._everywhere, at_ms),
            replaces=self._replaces,
            withheld_bid=_why(withheld, QuoteSide.BID),
            withheld_ask=_why(withheld, QuoteSide.ASK),
        )
        actions = reconcile(wanted, sight.live, sense.market, self._knobs, context)
        charge(actions, self._buckets, self._everywhere, at_ms)
        self._replaces = replaces_after(self._replaces, actions, sight.live, at_ms)
        return actions


class OurQuoter:
    """Quotes one market as the desk would."""

    def __init__(self, knobs: QuoteKnobs, at_ms: Ms) -> None:
        """Begin with full buckets."""
        self._knobs = knobs
        self._pace = Pace(knobs, at_ms)
        self._tick: Price | None = None
        """On which what rests was priced."""

    def decide(self, sight: Sight, at_ms: Ms) -> tuple[QuoteAction, ...]:
        """Return what to do; the reasons of pricing come first."""
        market, knobs = sight.sense.market, self._knobs
        if not sight.live:
            self._tick = market.tick
        stance = judge(self._signs(sight), market, knobs, at_ms)
        found: tuple[Target | Suppressed, ...] = ()
        if not stance.pulls:
            found = targets(market, knobs, view_of(sight, stance, at_ms))
        wanted = [one for one in found if isinstance(one, Target)]
        withheld = [one for one in found if isinstance(one, Suppressed)]
        return (*withheld, *self._pace.decide(wanted, withheld, sight, stance, at_ms))

    def _signs(self, sight: Sight) -> Signs:
        sense = sight.sense
        return Signs(
            gate=Gate.RUN,
            holds=frozenset(),
            venue=VenueState.RUN,
            is_granted=True,
            rules_changed=False,
            tick_changed=self._tick != sense.market.tick,
            cap_reached=False,
            book=sense.watch,
            swing=sense.mids.swing,
            adverse_micro=adverse_move(sight.toxicity).micro,
            net=sight.net,
        )


def view_of(sight: Sight, stance: Stance, at_ms: Ms) -> MarketView:
    """Return what pricing is told."""
    sense, live = sight.sense, sight.live
    ends_ms = sense.market.ends_ms
    return MarketView(
        bids=sense.bids,
        asks=sense.asks,
        fair=sense.fair,
        sigma=sense.sigma,
        tox=adverse_move(sight.toxicity),
        net=sight.net,
        sellable=sight.sellable,
        bid_room=Room(sight.cash(QuoteSide.BID), _AMPLE),
        ask_room=Room(sight.cash(QuoteSide.ASK), _AMPLE),
        left_ms=None if ends_ms is None else Ms(ends_ms - at_ms),
        own_bid=max(_prices(live, QuoteSide.BID), default=None),
        own_ask=min(_prices(live, QuoteSide.ASK), default=None),
        reduce_only=stance.regime is Regime.REDUCE_ONLY,
    )


def _prices(live: tuple[LiveQuote, ...], side: QuoteSide) -> list[Price]:
    return [quote.yes for quote in live if quote.side is side]


def _why(withheld: Sequence[Suppressed], side: QuoteSide) -> Held | None:
    return next((one.why for one in withheld if one.side in (side, None)), None)

"""Two plain ways to quote, to hold the desk's own against: a fixed width, and the naive refresh.

- `FixedWidth` stands `ticks` from the mid on both sides. It shares our thresholds, intervals, buckets and the
  guard against doubtful books, and knows no volatility, flow, inventory skew or regime.
- `NaiveRefresh` is what small open-source makers do: every interval it cancels everything and places anew, at
  the best prices of the book or `ticks` from the mid. No thresholds, no buckets, and it believes the last
  book that it saw.

Both stop the adding side at the inventory limit, and both post only: so they risk no more than ours. Pure.
"""

from dataclasses import replace

from engine.core.backtest.our_quoter import Pace
from engine.core.backtest.quoted_run import Sight
from engine.core.spread.micro import grid_ceil, grid_floor, to_micro
from engine.core.spread.regime import BOTH, Regime, Stance
from engine.domain.market import Side
from engine.domain.quote import (
    CancelQuote,
    PlaceQuote,
    Pull,
    QuoteAction,
    QuoteKnobs,
    QuoteSide,
    QuoteState,
    Target,
)
from engine.domain.units import LOT, PRICE_ONE, Ms, Price, Size, complement

_CALM = Stance(Regime.QUIET, (), BOTH, None)
_DOUBTFUL = Stance(Regime.HALTED, (Pull.STALE,), (), None)


class FixedWidth:
    """Mid and so many ticks to either side, replaced by the desk's thresholds."""

    def __init__(self, knobs: QuoteKnobs, at_ms: Ms, *, ticks: int) -> None:
        """Begin with full buckets."""
        # The skip of narrow spreads is our quoter's, not a threshold of replacing.
        self._knobs = replace(knobs, min_spread_ticks=0)
        self._pace = Pace(self._knobs, at_ms)
        self._ticks = ticks

    def decide(self, sight: Sight, at_ms: Ms) -> tuple[QuoteAction, ...]:
        """Return what to do."""
        stance = _CALM if sight.sense.is_usable(at_ms) else _DOUBTFUL
        wanted = around_mid(sight, self._knobs, self._ticks)
        return self._pace.decide(wanted, (), sight, stance, at_ms)


class NaiveRefresh:
    """Everything off and on again, every interval."""

    def __init__(self, knobs: QuoteKnobs, *, interval_ms: Ms, ticks: int | None) -> None:
        """Take size and inventory limit from the knobs; `ticks` from the mid, None: at the best prices."""
        self._knobs = knobs
        self._interval_ms = interval_ms
        self._ticks = ticks
        self._last_ms: Ms | None = None

    def decide(self, sight: Sight, at_ms: Ms) -> tuple[QuoteAction, ...]:
        """Return nothing until the interval is over, then every cancel and every order at once."""
        if self._last_ms is not None and at_ms - self._last_ms < self._interval_ms:
            return ()
        self._last_ms = at_ms
        wanted = (
            at_touch(sight, self._knobs)
            if self._ticks is None
            else around_mid(sight, self._knobs, self._ticks)
        )
        going = [quote for quote in sight.live if quote.state is not QuoteState.CANCELLING]
        cancels = (CancelQuote(quote.order_id, None, hard=False) for quote in going)
        return (*cancels, *(PlaceQuote(target) for target in wanted))


def around_mid(sight: Sight, knobs: QuoteKnobs, ticks: int) -> tuple[Target, ...]:
    """Return a bid and an ask `ticks` from the mid, rounded away from it; none without a mid."""
    mid, tick = sight.sense.mid, sight.sense.market.tick
    if mid is None:
        return ()
    width = ticks * to_micro(tick)
    return _pair(sight, knobs, bid=grid_floor(mid - width, tick), ask=grid_ceil(mid + width, tick))


def at_touch(sight: Sight, knobs: QuoteKnobs) -> tuple[Target, ...]:
    """Return a bid and an ask at the best prices of the book; none while one side is empty."""
    sense = sight.sense
    if not (sense.bids and sense.asks):
        return ()
    return _pair(sight, knobs, bid=sense.bids[0].price, ask=sense.asks[0].price)


def _pair(sight: Sight, knobs: QuoteKnobs, *, bid: Price, ask: Price) -> tuple[Target, ...]:
    found = _order(sight, knobs, QuoteSide.BID, bid), _order(sight, knobs, QuoteSide.ASK, ask)
    return tuple(target for target in found if target is not None)


def _order(sight: Sight, knobs: QuoteKnobs, side: QuoteSide, yes: Price) -> Target | None:
    """Return one order of the usual size, as far as inventory limit, shares and cash allow.

    An ask sells YES where enough is held for all of it, and else buys NO.
    """
    market, is_bid = sight.sense.market, side is QuoteSide.BID
    if not market.tick <= yes <= PRICE_ONE - market.tick:
        return None
    left = knobs.inventory_max - sight.net if is_bid else knobs.inventory_max + sight.net
    wanted = min(knobs.base_size, left)
    sells = not is_bid and sight.sellable >= wanted
    price = yes if is_bid or sells else complement(yes)
    if not sells:
        wanted = min(wanted, sight.cash(side) * PRICE_ONE // price)
    size = Size(wanted // LOT * LOT)
    if size < market.min_size or size <= 0:
        return None
    token = market.yes if is_bid or sells else market.no
    return Target(side, 0, token, Side.SELL if sells else Side.BUY, yes, price, size)

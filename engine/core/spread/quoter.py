"""What to do about the difference between the quotes that should rest and those that do (strategy 5.5, 5.6).

`reconcile` decides and changes nothing. Its caller keeps the table of live quotes:

- a quote that is placed is PLACING until its answer; one that is cancelled, by whatever action, is CANCELLING
  until its answer, and leaves the table when it is proven dead; a cancel that the venue did not take is
  repeated by the caller, with its pauses, and the quote stays CANCELLING;
- where an answer is lost it is UNKNOWN, and counts as resting, until a read tells;
- a quote that was cancelled before its placing was answered may rest after all: it is RESTING again then.

So a replace is three calls of `reconcile`: cancel, nothing while that is unanswered, place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.core.spread.buckets import Allowance
from engine.core.spread.regime import Stance
from engine.core.spread.thresholds import is_due, is_met
from engine.domain.quote import (
    CancelAll,
    CancelQuote,
    Held,
    LiveQuote,
    PlaceQuote,
    QuoteAction,
    QuotedMarket,
    QuoteKnobs,
    QuoteSide,
    QuoteState,
    Suppressed,
    Target,
)
from engine.domain.units import Ms, Price

Slot = tuple[QuoteSide, int]
"""Side and layer: the place of one order."""


@dataclass(frozen=True, slots=True)
class Replaces:
    """When each side last began a replace; None: never."""

    bid_ms: Ms | None = None
    ask_ms: Ms | None = None

    def of(self, side: QuoteSide) -> Ms | None:
        """Return the time of one side."""
        return self.bid_ms if side is QuoteSide.BID else self.ask_ms


@dataclass(frozen=True, slots=True)
class QuoteContext:
    """What a decision depends on besides targets, quotes, market and knobs."""

    at_ms: Ms
    stance: Stance
    best_bid: Price | None
    """Of the YES book without our own orders; None where nobody bids."""
    best_ask: Price | None
    has_fair_value: bool
    allowance: Allowance
    replaces: Replaces = Replaces()
    withheld_bid: Held | None = None
    """Why pricing wants no (further) bid; what still rests goes the soft way, with this reason."""
    withheld_ask: Held | None = None


def reconcile(
    targets: Sequence[Target],
    live: Sequence[LiveQuote],
    market: QuotedMarket,
    knobs: QuoteKnobs,
    context: QuoteContext,
) -> tuple[QuoteAction, ...]:
    """Return what to do now, in the order of strategy 5.5: pull, skip, then slot by slot, within the rates.

    `targets` has at most one order a slot, its bids below its asks; asserts both. What the targets ask for
    and is not done is told as `Suppressed`, except in a hard pull, which is decided before targets count.
    """
    if context.stance.pulls:
        return _pulled(live, context)
    decision = _Decision(live, market, knobs, context)
    skipped = skip_reason(market, knobs, context)
    if skipped is not None:
        decision.skip(skipped)
    else:
        decision.follow(_by_slot(targets))
    return tuple(decision.actions)


def skip_reason(market: QuotedMarket, knobs: QuoteKnobs, context: QuoteContext) -> Held | None:
    """Return why nothing new is quoted and what rests goes the soft way; None: quote.

    A spread of exactly `min_spread_ticks` is wide enough; a side without bids or asks has no spread.
    """
    if not context.has_fair_value:
        return Held.NO_FAIR_VALUE
    if context.best_bid is None or context.best_ask is None:
        return None
    narrow = context.best_ask - context.best_bid < knobs.min_spread_ticks * market.tick
    return Held.NARROW if narrow else None


def replaces_after(
    replaces: Replaces, actions: Iterable[QuoteAction], live: Iterable[LiveQuote], at_ms: Ms
) -> Replaces:
    """Return the times of replaces after a decision on `live`: a side's begins with its cancel."""
    begun = {action.order_id for action in actions if isinstance(action, CancelQuote) and action.why is None}
    sides = {quote.side for quote in live if quote.order_id in begun}
    return Replaces(
        at_ms if QuoteSide.BID in sides else replaces.bid_ms,
        at_ms if QuoteSide.ASK in sides else replaces.ask_ms,
    )


def _pulled(live: Sequence[LiveQuote], context: QuoteContext) -> tuple[QuoteAction, ...]:
    """Take off everything that may execute and is not on its way out.

    In flight or unknown does not matter: a cancel waits for nothing. Without a token for each of them one
    request takes off all.
    """
    why = context.stance.pulls[0]
    going = [quote for quote in live if quote.state is not QuoteState.CANCELLING]
    held = () if context.stance.why is None else (Suppressed(None, context.stance.why),)
    if len(going) > context.allowance.hard_cancels:
        return (CancelAll(why), *held)
    return (*(CancelQuote(quote.order_id, why, hard=True) for quote in going), *held)


def _by_slot(targets: Sequence[Target]) -> dict[Slot, Target]:
    wanted = {(target.side, target.layer): target for target in targets}
    assert len(wanted) == len(targets), "expected one target a side and layer"
    bids = [target.yes for target in targets if target.side is QuoteSide.BID]
    asks = [target.yes for target in targets if target.side is QuoteSide.ASK]
    assert not bids or not asks or max(bids) < min(asks), "expected the bids that are wanted below the asks"
    return wanted


@dataclass(slots=True)
class _Decision:
    """One call's actions so far, and the tokens that they leave."""

    live: Sequence[LiveQuote]
    market: QuotedMarket
    knobs: QuoteKnobs
    context: QuoteContext
    actions: list[QuoteAction] = field(default_factory=list)
    quotes: int = field(init=False)
    cancels: int = field(init=False)

    def __post_init__(self) -> None:
        self.quotes = self.context.allowance.quotes
        self.cancels = self.context.allowance.soft_cancels

    def skip(self, why: Held) -> None:
        """Want nothing."""
        self._hold(None, why)
        for quote in self.live:
            self._drop(quote, why)

    def follow(self, wanted: dict[Slot, Target]) -> None:
        """Drop what has no target, fill empty slots, then replace: tokens go in this order."""
        open_ = {slot: target for slot, target in wanted.items() if self._is_open(target)}
        first: dict[Slot, LiveQuote] = {}
        for quote in self.live:
            slot = (quote.side, quote.layer)
            # Only a ghost makes a second order of a slot: one that rests although it was thought dead.
            if slot in open_ and slot not in first:
                first[slot] = quote
                # The second half of a replace: its token is kept for it.
                self.quotes -= quote.state is QuoteState.CANCELLING
            else:
                self._drop(quote, self._reason(quote.side))
        for slot, target in open_.items():
            if slot not in first:
                self._place(target)
        for slot, quote in first.items():
            self._change(open_[slot], quote)

    def _is_open(self, target: Target) -> bool:
        stance = self.context.stance
        if target.side in stance.sides:
            return True
        assert stance.why is not None, "expected a reason for a closed side"
        self._hold(target.side, stance.why)
        return False

    def _reason(self, side: QuoteSide) -> Held:
        stance, context = self.context.stance, self.context
        if side not in stance.sides and stance.why is not None:
            return stance.why
        withheld = context.withheld_bid if side is QuoteSide.BID else context.withheld_ask
        return withheld or Held.UNWANTED

    def _place(self, target: Target) -> None:
        if any(is_met(target, quote) for quote in self.live):
            self._hold(target.side, Held.SELF_MATCH)
        elif self.quotes <= 0:
            self._hold(target.side, Held.QUOTES_RATE_LIMITED)
        else:
            self.quotes -= 1
            self.actions.append(PlaceQuote(target))

    def _change(self, target: Target, quote: LiveQuote) -> None:
        if quote.state is QuoteState.CANCELLING:
            self._hold(target.side, Held.UNCERTAIN)
        elif target.yes == quote.yes and target.size == quote.left:
            return
        elif not is_due(target, quote, self.market, self.knobs):
            self._hold(target.side, Held.CHANGE)
        elif (why := self._keeps(target, quote)) is not None:
            self._hold(target.side, why)
        else:
            self.quotes -= 1
            self.cancels -= 1
            self.actions.append(CancelQuote(quote.order_id, None, hard=False))

    def _keeps(self, target: Target, quote: LiveQuote) -> Held | None:
        """Return why a quote that should be replaced is kept; None: replace it."""
        if (why := self._stays(quote)) is not None:
            return why
        last, knobs = self.context.replaces.of(quote.side), self.knobs
        bid = quote.side is QuoteSide.BID
        interval = knobs.replace_interval_ms_bid if bid else knobs.replace_interval_ms_ask
        if last is not None and self.context.at_ms - last < interval:
            return Held.INTERVAL
        # A quote that must wait for our other side to move is better kept than given up.
        if any(is_met(target, other) and other.state is not QuoteState.CANCELLING for other in self.live):
            return Held.SELF_MATCH
        if self.quotes <= 0:
            return Held.QUOTES_RATE_LIMITED
        return Held.CANCELS_RATE_LIMITED if self.cancels <= 0 else None

    def _drop(self, quote: LiveQuote, why: Held) -> None:
        """Cancel a quote that is not wanted, the soft way."""
        if quote.state is QuoteState.CANCELLING:
            return
        kept = self._stays(quote)
        if kept is None and self.cancels <= 0:
            kept = Held.CANCELS_RATE_LIMITED
        if kept is not None:
            self._hold(quote.side, kept)
            return
        self.cancels -= 1
        self.actions.append(CancelQuote(quote.order_id, why, hard=False))

    def _stays(self, quote: LiveQuote) -> Held | None:
        """Return why a soft cancel must not be sent yet; its rate apart."""
        if quote.state is not QuoteState.RESTING:
            return Held.UNCERTAIN
        assert quote.acked_ms is not None, "expected a resting quote to have been acknowledged"
        young = self.context.at_ms - quote.acked_ms < self.knobs.min_quote_lifetime_ms
        return Held.LIFETIME if young else None

    def _hold(self, side: QuoteSide | None, why: Held) -> None:
        self.actions.append(Suppressed(side, why))

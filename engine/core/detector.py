"""The detector: which events may pay at their best prices, kept up to date in constant time per book.

Per event it holds two sums: what one set costs at the best asks, fees and buffers included, and what the best
bids of all outcomes bring together. A changed book takes its old part out and puts its new one in, whatever
the number of outcomes (strategy 3.5, 1). An event whose sum passes the hurdle is *hot*, and worth a plan.

It may only err on the side of planning: every part is a lower bound of what the planner charges, because
fees are not rounded here, and because with rates up to 1 and whole exponents no deeper level is cheaper
all-in than the best one (strategy 3.4). Carry, fixed cost, minimums and caps are left to the planner.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from engine.core.dutch_params import DutchParams
from engine.core.feed_market import Touch
from engine.domain.fees import RATE_ONE, FeeCurve
from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.market import EventGroup, Market
from engine.domain.units import PRICE_ONE, USDC_ONE, Price, complement

BPS_ONE = 10_000
SHARE_SCALE = 10**10
"""Parts of a dollar per share in which the sums are held; each part is off by less than one of them."""
PER_PRICE = SHARE_SCALE // PRICE_ONE
PER_USDC = SHARE_SCALE // USDC_ONE
NEVER = 1 << 60
"""The cost of what nobody offers."""


class Books(Protocol):
    """What is asked of the feeds."""

    def touch(self, token_id: TokenId) -> Touch:
        """Return the best bid and ask."""
        ...


class Costs(dict[int, int]):
    """What a share costs all-in at each price, worked out when first asked for: BUY at an ask."""

    def __init__(self, fee: FeeCurve, tick: Price, params: DutchParams) -> None:
        super().__init__()
        self._fee, self._tick, self._params = fee, tick, params

    def __missing__(self, price: int) -> int:
        cost = self[price] = self._cost(price)
        return cost

    def _extra(self, price: int, buffered: int) -> int:
        """Return fee, buffer and slippage of one share, rounded down."""
        spread = (price * (PRICE_ONE - price)) ** self._fee.exponent
        whole = RATE_ONE * (PRICE_ONE * PRICE_ONE) ** self._fee.exponent
        fee: int = SHARE_SCALE * self._fee.rate * spread // whole
        buffer = buffered * PER_PRICE * self._params.fee_bps // BPS_ONE
        return fee + buffer + self._params.slippage_ticks * self._tick * PER_PRICE

    def _cost(self, price: int) -> int:
        return price * PER_PRICE + self._extra(price, price)


class Proceeds(Costs):
    """What a share of YES brings all-in at each bid, sold or mirrored as a NO that is bought; at least 0.

    The buffer is charged on notional, which is p for the one and 1 - p for the other: the smaller counts.
    """

    def _cost(self, price: int) -> int:
        return max(0, price * PER_PRICE - self._extra(price, min(price, PRICE_ONE - price)))


@dataclass(slots=True)
class _Sums:
    """One event: its hurdles, and its sums over all markets that have a price."""

    markets: int
    cost_max: int
    """A set that costs as much or more pays nothing."""
    proceeds_min: int
    """Bids that bring as little or less pay nothing."""
    cost: int = 0
    proceeds: int = 0
    offered: int = 0
    """How many markets have an ask."""

    @property
    def is_hot(self) -> bool:
        """Whether buying all outcomes, or selling them, may pay at the best prices."""
        buys = self.offered == self.markets and self.cost < self.cost_max
        return buys or self.proceeds > self.proceeds_min


@dataclass(slots=True)
class _Line:
    """One market's part of its event's sums."""

    event_id: EventId
    sums: _Sums
    yes: TokenId
    no: TokenId
    is_pair: bool
    costs: Costs
    proceeds: Proceeds
    touch: tuple[Price | None, Price | None, Price | None] = (None, None, None)
    """Best YES ask, best YES bid, best NO ask as last seen."""
    cost: int = NEVER
    brings: int = 0


@dataclass(slots=True)
class Detector:
    """The sums of every watched event."""

    hot: set[EventId] = field(default_factory=set)
    """Events that may pay at their best prices."""
    _lines: dict[ConditionId, _Line] = field(default_factory=dict)
    _curves: dict[tuple[FeeCurve, Price], tuple[Costs, Proceeds]] = field(default_factory=dict)

    def watch(self, events: Iterable[EventGroup], params: DutchParams, books: Books) -> None:
        """Watch exactly these events from now on. A market of unknown fee has no part in any sum."""
        self._lines.clear()
        self._curves.clear()
        self.hot.clear()
        for event in events:
            sums = _Sums(
                markets=len(event.markets),
                cost_max=(USDC_ONE - params.safety_per_set) * PER_USDC,
                proceeds_min=(USDC_ONE + params.safety_per_set) * PER_USDC,
            )
            for market in event.markets:
                if market.terms.fee is not None:
                    self._lines[market.condition_id] = self._line(event, market, sums, params)
        self.update(tuple(self._lines), books)

    def _line(self, event: EventGroup, market: Market, sums: _Sums, params: DutchParams) -> _Line:
        assert market.terms.fee is not None, f"expected a known fee for {market.condition_id}"
        key = market.terms.fee, market.terms.tick
        curves = self._curves.get(key)
        if curves is None:
            curves = self._curves[key] = Costs(*key, params), Proceeds(*key, params)
        is_pair = len(event.markets) == 1
        return _Line(event.event_id, sums, market.yes, market.no, is_pair, *curves)

    def update(self, touched: Collection[ConditionId], books: Books) -> set[EventId]:
        """Take in the books of these markets; returns the events of them that are hot now."""
        due: set[EventId] = set()
        for condition_id in touched:
            line = self._lines.get(condition_id)
            if line is None:
                continue
            bid, ask = books.touch(line.yes)
            seen = ask, bid, books.touch(line.no)[1]
            if seen != line.touch:
                line.touch = seen
                _enter(line, *seen)
                if line.sums.is_hot:
                    self.hot.add(line.event_id)
                else:
                    self.hot.discard(line.event_id)
            if line.event_id in self.hot:
                due.add(line.event_id)
        return due


def _enter(line: _Line, ask: Price | None, bid: Price | None, no_ask: Price | None) -> None:
    """Replace a market's part of the sums. The dearest bid is that of YES, or the mirror of the NO ask."""
    sums = line.sums
    if line.cost != NEVER:
        sums.cost -= line.cost
        sums.offered -= 1
    line.cost = _cost(line, ask, no_ask)
    if line.cost != NEVER:
        sums.cost += line.cost
        sums.offered += 1
    if line.is_pair:
        return  # its two tokens make the whole set: there is nothing to sell against
    mirrored = 0 if no_ask is None else complement(no_ask)
    best = max(bid or 0, mirrored)
    sums.proceeds -= line.brings
    line.brings = line.proceeds[best] if best else 0
    sums.proceeds += line.brings


def _cost(line: _Line, ask: Price | None, no_ask: Price | None) -> int:
    if ask is None or (line.is_pair and no_ask is None):
        return NEVER
    if line.is_pair:
        assert no_ask is not None, "asked above"
        return line.costs[ask] + line.costs[no_ask]
    return line.costs[ask]

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

from engine.core.dutch.params import DutchParams
from engine.core.feed.market import Touch
from engine.domain.fees import RATE_ONE, FeeCurve
from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.market import EventGroup
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


class Costs(dict[Price | None, int]):
    """What a share costs all-in at each ask, worked out when first asked for; `NEVER` without an ask."""

    def __init__(self, fee: FeeCurve, tick: Price, params: DutchParams) -> None:
        super().__init__({None: NEVER})
        self._fee, self._tick, self._params = fee, tick, params

    def __missing__(self, price: Price) -> int:
        cost = self[price] = self._cost(price)
        return cost

    def _extra(self, price: Price, buffered: int) -> int:
        """Return fee, buffer and slippage of one share, rounded down."""
        spread = (price * (PRICE_ONE - price)) ** self._fee.exponent
        whole = RATE_ONE * (PRICE_ONE * PRICE_ONE) ** self._fee.exponent
        fee: int = SHARE_SCALE * self._fee.rate * spread // whole
        buffer = buffered * PER_PRICE * self._params.fee_bps // BPS_ONE
        return fee + buffer + self._params.slippage_ticks * self._tick * PER_PRICE

    def _cost(self, price: Price) -> int:
        return price * PER_PRICE + self._extra(price, price)


class Proceeds(Costs):
    """What a share of YES brings all-in at each bid, sold or mirrored as a NO that is bought; at least 0.

    The buffer is charged on notional, which is p for the one and 1 - p for the other: the smaller counts.
    """

    def __init__(self, fee: FeeCurve, tick: Price, params: DutchParams) -> None:
        super().__init__(fee, tick, params)
        self[None] = 0

    def _cost(self, price: Price) -> int:
        return max(0, price * PER_PRICE - self._extra(price, min(price, PRICE_ONE - price)))


@dataclass(slots=True)
class _Sums:
    """One event: its hurdles, and its sums over all markets. A market that nobody offers costs `NEVER`."""

    event_id: EventId
    cost_max: int
    """A set that costs as much or more pays nothing."""
    proceeds_min: int
    """Bids that bring as little or less pay nothing."""
    cost: int
    proceeds: int = 0
    hot: bool = False


@dataclass(slots=True)
class _Line:
    """One market's part of its event's sums."""

    sums: _Sums
    yes: TokenId
    no: TokenId
    is_pair: bool
    """A lone market, whose two tokens make the set: there is nothing to sell against it."""
    costs: Costs
    proceeds: Proceeds
    ask: Price | None = None
    bid: Price | None = None
    no_ask: Price | None = None
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
        """Watch exactly these events from now on; a set with a market of unknown fee is never offered."""
        self._lines.clear()
        self._curves.clear()
        self.hot.clear()
        for event in events:
            sums = _Sums(
                event_id=event.event_id,
                cost_max=(USDC_ONE - params.safety_per_set) * PER_USDC,
                proceeds_min=(USDC_ONE + params.safety_per_set) * PER_USDC,
                cost=NEVER * len(event.markets),
            )
            for market in event.markets:
                if market.terms.fee is not None:
                    is_pair = len(event.markets) == 1
                    curves = self._of_curve(market.terms.fee, market.terms.tick, params)
                    line = _Line(sums, market.yes, market.no, is_pair, *curves)
                    self._lines[market.condition_id] = line
        self.update(tuple(self._lines), books)

    def _of_curve(self, fee: FeeCurve, tick: Price, params: DutchParams) -> tuple[Costs, Proceeds]:
        found = self._curves.get((fee, tick))
        if found is None:
            found = self._curves[fee, tick] = Costs(fee, tick, params), Proceeds(fee, tick, params)
        return found

    def update(self, touched: Collection[ConditionId], books: Books) -> set[EventId]:
        """Take in the books of these markets; returns the events of them that are hot now."""
        due: set[EventId] = set()
        lines, touch = self._lines, books.touch
        for condition_id in touched:
            line = lines.get(condition_id)
            if line is None:
                continue
            sums = line.sums
            bid, ask = touch(line.yes)
            _, no_ask = touch(line.no)
            if ask != line.ask or bid != line.bid or no_ask != line.no_ask:
                if line.is_pair:
                    cost = line.costs[ask] + line.costs[no_ask]
                else:
                    cost = line.costs[ask]
                    if bid != line.bid or no_ask != line.no_ask:
                        _sell(line, bid, no_ask)
                sums.cost += cost - line.cost
                line.ask, line.bid, line.no_ask, line.cost = ask, bid, no_ask, cost
                hot = sums.cost < sums.cost_max or sums.proceeds > sums.proceeds_min
                if hot is not sums.hot:
                    sums.hot = hot
                    (self.hot.add if hot else self.hot.discard)(sums.event_id)
            if sums.hot:
                due.add(sums.event_id)
        return due


def _sell(line: _Line, bid: Price | None, no_ask: Price | None) -> None:
    """Replace what a market brings. Its dearest bid is that of YES, or the mirror of the NO ask."""
    best = bid
    if no_ask is not None and (bid is None or complement(no_ask) > bid):
        best = complement(no_ask)
    brings = line.proceeds[best]
    line.sums.proceeds += brings - line.brings
    line.brings = brings

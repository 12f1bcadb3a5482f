"""One strategy on one market under one queue model: its orders at the paper venue, its money, its answers.

What a strategy decides reaches the venue a latency later; what becomes of an order is known when it happens.
Filled pairs of YES and NO are merged every second, as the desk does while a grant is in force. Pure.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from engine.core.backtest.market_sense import MarketSense, scoring_mid
from engine.core.backtest.quote_ledger import QuoteLedger, best_of
from engine.core.spread.micro import MICRO_ONE, to_micro
from engine.core.spread.paper_account import PaperAccount
from engine.core.spread.paper_book import PaperBook
from engine.core.spread.paper_orders import (
    Ended,
    Filled,
    Latency,
    PaperMarket,
    PaperOrder,
    PaperState,
    Rested,
)
from engine.core.spread.queue_models import QueueModel
from engine.core.spread.toxicity import Toxicity
from engine.domain.book import Level, LiveBook
from engine.domain.fees import FeeCurve
from engine.domain.frames import BookDelta, BookSnapshot, LastTrade, WireLevel
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.quote import (
    CancelAll,
    CancelQuote,
    LiveQuote,
    PlaceQuote,
    QuoteAction,
    QuoteSide,
    QuoteState,
    Suppressed,
    Target,
)
from engine.domain.quoting import Execution, Glance, Quoted
from engine.domain.units import (
    PRICES,
    SIZE_ONE,
    Ms,
    Price,
    Rounding,
    Size,
    Usdc,
    complement,
    notional,
    parse_size,
)


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that a strategy decides by."""

    sense: MarketSense
    live: tuple[LiveQuote, ...]
    """Its orders that may still execute."""
    net: Size
    """YES less NO."""
    sellable: Size
    """YES held."""
    balance: Usdc
    toxicity: Toxicity

    def cash(self, side: QuoteSide) -> Usdc:
        """Return the collateral that buys of one side may bind, its own live orders not counted."""
        bound = sum(
            notional(_own_price(quote), quote.left, Rounding.UP)
            for quote in self.live
            if quote.side is not side and quote.order_side is Side.BUY
        )
        return Usdc(max(0, self.balance - bound))


class Strategy(Protocol):
    """Decides what to do about one market's quotes; one object for each market and queue model."""

    def decide(self, sight: Sight, at_ms: Ms) -> tuple[QuoteAction, ...]:
        """Return what to do now; asked whenever the book was touched, and at least once a second."""


class QuotedRun:
    """One run."""

    def __init__(
        self,
        name: str,
        strategy: Strategy,
        sense: MarketSense,
        model: QueueModel,
        *,
        budget: Usdc,
        latency_ms: Ms,
    ) -> None:
        """Begin with `budget` collateral and nothing held."""
        market = sense.market
        self.ledger = QuoteLedger()
        self.suppressed: Counter[str] = Counter()
        self._name, self._strategy, self._sense, self._model = name, strategy, sense, model
        self._budget, self._latency_ms = budget, latency_ms
        self._account = PaperAccount(budget)
        curve = FeeCurve(market.fee_rate_e6, market.fee_exponent)
        paper = PaperMarket(market.condition_id, market.yes, market.no, market.tick, market.min_size, curve)
        self._book = PaperBook(paper, self._account, Latency(latency_ms, latency_ms), drives=model)
        self._live: dict[OrderId, LiveQuote] = {}
        self._sent = 0

    def hear(self, frame: BookDelta | BookSnapshot | LastTrade, at_ms: Ms) -> None:
        """Take a message about this market; of its two books, which mirror one another, that of YES."""
        market = self._sense.market
        match frame:
            case BookDelta():
                for change in frame.changes:
                    if change.token_id == market.yes and self._book.heard:
                        price, total = PRICES[change.price], parse_size(change.size)
                        self._book.level_is(change.token_id, change.side, price, total, at_ms)
            case BookSnapshot():
                if frame.token_id == market.yes:
                    self._book.book_is(frame.token_id, _levels(frame.bids), _levels(frame.asks), at_ms)
            case LastTrade():
                if frame.size_text and frame.token_id in (market.yes, market.no):
                    price, size = PRICES[frame.price_text], parse_size(frame.size_text)
                    self._book.traded(frame.token_id, frame.taker, price, size, at_ms)
        self._settle()

    def restore(self, live: LiveBook, at_ms: Ms) -> None:
        """Take a whole proven book: what the stream had lost is mended."""
        self._book.book_is(live.token_id, live.bids, live.asks, at_ms)
        self._settle()

    def look(self, at_ms: Ms) -> None:
        """Let arrive what is due, settle markouts, then let the strategy decide and send it."""
        sense = self._sense
        if sense.market.tick != self._book.market.tick:
            self._book.market = replace(self._book.market, tick=sense.market.tick)
        self._book.advance(at_ms)
        self._settle()
        if sense.fair is not None:
            self.ledger.mark(sense.fair, at_ms)
        for action in self._strategy.decide(self._sight(), at_ms):
            self._act(action, at_ms)
        self._book.advance(at_ms)
        self._settle()

    def second(self, at_ms: Ms) -> None:
        """Merge pairs, and count what stands."""
        market, account, sense = self._sense.market, self._account, self._sense
        pairs = min(account.free_shares(market.yes), account.free_shares(market.no))
        if pairs >= SIZE_ONE:
            account.convert(market.yes, market.no, -pairs)
        quotes = tuple(self._live.values())
        if sense.known is not None:
            bid, ask = best_of(quotes, QuoteSide.BID), best_of(quotes, QuoteSide.ASK)
            glance = Glance(at_ms, sense.known, bid, ask, self._net, self.profit)
            self.ledger.second(market, quotes, glance, scoring_mid(sense))

    def end(self, at_ms: Ms) -> None:
        """End everything that rests or is on its way: the recording is over."""
        for order_id in [*self._live]:
            self._book.cancel(order_id, at_ms)
        self._book.advance(Ms(at_ms + self._latency_ms))
        self._settle()

    def result(self) -> Quoted:
        """Return what it came to."""
        return Quoted(
            strategy=self._name,
            model=self._model.value,
            executions=tuple(self.ledger.executions),
            split=self.ledger.split(self._sense.known),
            quietness=self.ledger.quietness(),
            suppressed=tuple(sorted(self.suppressed.items(), key=lambda row: (-row[1], row[0]))),
            trail=tuple(self.ledger.trail),
            net=self._net,
        )

    @property
    def profit(self) -> Usdc:
        """Cash and shares at the last fair value less the budget, rounded down."""
        market, account = self._sense.market, self._account
        fair = self._sense.known or 0
        worth = account.held(market.yes) * fair + account.held(market.no) * (MICRO_ONE - fair)
        return Usdc(account.balance + worth // MICRO_ONE - self._budget)

    @property
    def _net(self) -> Size:
        market = self._sense.market
        return Size(self._account.held(market.yes) - self._account.held(market.no))

    def _sight(self) -> Sight:
        held, account = self._account.held(self._sense.market.yes), self._account
        quotes = tuple(self._live.values())
        return Sight(self._sense, quotes, self._net, held, account.balance, self.ledger.toxicity)

    def _act(self, action: QuoteAction, at_ms: Ms) -> None:
        match action:
            case PlaceQuote(target):
                self._place(target, at_ms)
            case CancelQuote(order_id):
                self._cancel(order_id, at_ms)
            case CancelAll():
                for order_id in [*self._live]:
                    self._cancel(order_id, at_ms)
            case Suppressed():
                self.suppressed[action.why.value] += 1

    def _place(self, target: Target, at_ms: Ms) -> None:
        self._sent += 1
        self.ledger.placed += 1
        order_id = OrderId(str(self._sent))
        order = PaperOrder(
            order_id=order_id,
            token_id=target.token_id,
            side=target.order_side,
            price=target.price,
            size=target.size,
            time_in_force=TimeInForce.GTC,
            post_only=True,
            expires_ms=None,
        )
        self._book.place(order, at_ms)
        self._live[order_id] = LiveQuote(
            order_id=order_id,
            side=target.side,
            layer=target.layer,
            token_id=target.token_id,
            order_side=target.order_side,
            yes=target.yes,
            size=target.size,
            left=target.size,
            state=QuoteState.PLACING,
            acked_ms=None,
        )

    def _cancel(self, order_id: OrderId, at_ms: Ms) -> None:
        quote = self._live[order_id]
        if quote.state is QuoteState.CANCELLING:
            return
        self.ledger.cancelled += 1
        self._book.cancel(order_id, at_ms)
        self._live[order_id] = replace(quote, state=QuoteState.CANCELLING)

    def _settle(self) -> None:
        """Take what has happened to the orders, oldest first."""
        for event in self._book.take_events():
            match event:
                case Rested():
                    quote = self._live[event.order_id]
                    is_going = quote.state is QuoteState.CANCELLING
                    state = quote.state if is_going else QuoteState.RESTING
                    self._live[event.order_id] = replace(quote, state=state, acked_ms=event.at_ms)
                case Filled():
                    if event.model is self._model:
                        self._fill(event)
                case Ended():
                    del self._live[event.order_id], self._book.orders[event.order_id]
                    self.ledger.refused += event.state is PaperState.REFUSED

    def _fill(self, event: Filled) -> None:
        quote = self._live[event.order_id]
        self._live[event.order_id] = replace(quote, left=Size(quote.left - event.size))
        fair = self._sense.known
        execution = Execution(
            at_ms=event.at_ms,
            side=quote.side,
            yes=quote.yes,
            size=event.size,
            # Nothing is known to be worth more or less than what was paid before there is a fair value.
            fair=to_micro(quote.yes) if fair is None else fair,
            fee=event.fee,
        )
        self.ledger.execute(execution, self._sense.market)


def _own_price(quote: LiveQuote) -> Price:
    """Return the price of an order in its own token: a bid buys YES, an ask that buys buys NO."""
    return quote.yes if quote.side is QuoteSide.BID else complement(quote.yes)


def _levels(told: Sequence[WireLevel]) -> list[Level]:
    return [Level(PRICES[level.price], parse_size(level.size)) for level in told]

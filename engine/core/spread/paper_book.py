"""Every shadow order of a paper account on one market, filled by what the real book and tape show.

Orders and cancels take their time to arrive. A marketable order walks the levels that are there when it
arrives and pays the market's fee curve for every match; what rests waits in its queue (`queue_models`). A
trade through our price fills all, trades at it fill what they leave of the queue, touching fills nothing. A
replaced order joins behind everything. One of the two queue models drives the account, by default the
conservative one; the fills of the other are told beside it and move nothing.

Pure: time is what it is told, and never goes backwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from engine.core.spread.paper_account import PaperAccount
from engine.core.spread.paper_entry import NEVER_RESTS, arrive, refusal_of
from engine.core.spread.paper_levels import Match, PaperLevels
from engine.core.spread.paper_orders import (
    Ended,
    Filled,
    Latency,
    PaperEvent,
    PaperMarket,
    PaperOrder,
    PaperRefusal,
    PaperState,
    Rested,
    is_through,
    on_book,
    other,
)
from engine.core.spread.queue_models import QueueModel, ShadowQueue
from engine.domain.book import Level
from engine.domain.fees import taker_fee
from engine.domain.ids import OrderId, TokenId
from engine.domain.market import Side
from engine.domain.quote import QuoteSide
from engine.domain.units import (
    LOT,
    Ms,
    Price,
    Rounding,
    Size,
    Usdc,
    notional,
)

_MODELS = tuple(QueueModel)


@dataclass(slots=True)
class ShadowOrder:
    """An order with its progress under both models."""

    order: PaperOrder
    side: QuoteSide
    yes: Price
    """Its price on the YES book."""
    state: PaperState = PaperState.SENT
    refusal: PaperRefusal | None = None
    filled: dict[QueueModel, int] = field(default_factory=lambda: dict.fromkeys(_MODELS, 0))
    due: dict[QueueModel, int] = field(default_factory=lambda: dict.fromkeys(_MODELS, 0))
    """What reached it and is less than a lot: the venue trades whole ones."""
    queue: ShadowQueue | None = None

    def left(self, model: QueueModel) -> Size:
        """Return what is not filled under a model."""
        return Size(self.order.size - self.filled[model])


class PaperBook:
    """One market. Every method takes the time at which the desk learns of what it tells."""

    def __init__(
        self,
        market: PaperMarket,
        account: PaperAccount,
        latency: Latency,
        *,
        drives: QueueModel = QueueModel.CONSERVATIVE,
    ) -> None:
        """Keep orders of `account`, which other markets may share; fills of `drives` move it."""
        self.market = market
        self.orders: dict[OrderId, ShadowOrder] = {}
        """Every order, in the order of their sending; whoever sent them may take out what has ended."""
        self._account = account
        self._latency = latency
        self._drives = drives
        self._levels = PaperLevels()
        self._resting: dict[OrderId, ShadowOrder] = {}
        self._due: list[tuple[Ms, int, OrderId, bool]] = []
        """Arrivals: when, in which order, whose, and whether it is a cancel."""
        self._sent = 0
        self._events: list[PaperEvent] = []

    @property
    def heard(self) -> bool:
        """Tell whether a whole book has been told."""
        return self._levels.heard

    def take_events(self) -> tuple[PaperEvent, ...]:
        """Return what has happened since the last call, oldest first."""
        events, self._events = tuple(self._events), []
        return events

    def place(self, order: PaperOrder, at_ms: Ms) -> None:
        """Send an order: it arrives after the latency, and is judged by the book that it finds then."""
        assert order.order_id not in self.orders, f"expected {order.order_id} once"
        side, yes = on_book(self.market, order.token_id, order.side, order.price)
        self.orders[order.order_id] = ShadowOrder(order, side, yes)
        self._send(order.order_id, Ms(at_ms + self._latency.place_ms), cancels=False)

    def cancel(self, order_id: OrderId, at_ms: Ms) -> None:
        """Send a cancel; until it arrives the order trades. One that finds no open order does nothing."""
        self._send(order_id, Ms(at_ms + self._latency.cancel_ms), cancels=True)

    def close(self, at_ms: Ms) -> None:
        """End every order that rests: the market trades no more."""
        self._before(at_ms)
        for shadow in list(self._resting.values()):
            self._end(shadow, PaperState.CANCELLED, at_ms)

    def advance(self, at_ms: Ms) -> None:
        """Do what is due up to this time: arrivals, and ends by time."""
        self._arrive_until(Ms(at_ms + 1))
        self._expire(at_ms)

    def book_is(self, token: TokenId, bids: Sequence[Level], asks: Sequence[Level], at_ms: Ms) -> None:
        """Take a whole book of either token."""
        self._before(at_ms)
        for rests, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            stands = on_book(self.market, token, rests, Price(1))[0]
            of_yes = [on_book(self.market, token, rests, level.price)[1] for level in levels]
            mirrored = [Level(price, level.size) for price, level in zip(of_yes, levels, strict=True)]
            self._levels.replace(stands, mirrored)
        self._levels.heard = True
        for shadow in list(self._resting.values()):
            self._look_at_level(shadow, at_ms)
        self._look_for_cross(QuoteSide.BID, at_ms)
        self._look_for_cross(QuoteSide.ASK, at_ms)

    def level_is(self, token: TokenId, side: Side, price: Price, total: Size, at_ms: Ms) -> None:
        """Take one level's new total, of either token; 0 removes it."""
        self._before(at_ms)
        stands, yes = on_book(self.market, token, side, price)
        self._levels.put(stands, yes, total)
        for shadow in list(self._resting.values()):
            if shadow.side is stands and shadow.yes == yes:
                self._look_at_level(shadow, at_ms)
        if total:
            self._look_for_cross(stands, at_ms)

    def traded(self, token: TokenId, taker: Side | None, price: Price, size: Size, at_ms: Ms) -> None:
        """Take a trade off the tape of either token; of a taker whose side is not told nothing is believed.

        A buyer below our bid met a seller whom we did not wait for: only who trades with our side counts.
        """
        self._before(at_ms)
        if taker is None:
            return
        came, yes = on_book(self.market, token, taker, price)
        met = other(came)
        got = dict.fromkeys(_MODELS, 0)
        for shadow in [shadow for shadow in self._resting.values() if shadow.side is met]:
            if is_through(met, yes, shadow.yes):
                for model in _MODELS:
                    self._make(shadow, model, shadow.left(model), at_ms)
            elif yes == shadow.yes:
                assert shadow.queue is not None, "expected a place for what rests"
                reached = shadow.queue.traded(size, at_ms)
                for model, beyond in zip(_MODELS, reached, strict=True):
                    # Our own orders at one price share the trade, the one that came first before the next.
                    shadow.due[model] += max(beyond - got[model], 0)
                    fill = Size(min(shadow.due[model] // LOT * LOT, shadow.left(model)))
                    shadow.due[model] -= fill
                    got[model] += fill
                    self._make(shadow, model, fill, at_ms)
            self._end_if_whole(shadow, at_ms)

    def _before(self, at_ms: Ms) -> None:
        """Let arrive what was due before; what is due in the same millisecond stands behind the change."""
        self._arrive_until(at_ms)
        self._expire(at_ms)

    def _send(self, order_id: OrderId, due_ms: Ms, *, cancels: bool) -> None:
        self._sent += 1
        heappush(self._due, (due_ms, self._sent, order_id, cancels))

    def _arrive_until(self, end_ms: Ms) -> None:
        while self._due and self._due[0][0] < end_ms:
            due_ms, _, order_id, cancels = heappop(self._due)
            self._expire(due_ms)
            shadow = self.orders.get(order_id)
            if cancels:
                if shadow is not None and shadow.state is PaperState.RESTING:
                    self._end(shadow, PaperState.CANCELLED, due_ms)
            elif shadow is not None:
                self._arrive(shadow, due_ms)

    def _expire(self, at_ms: Ms) -> None:
        for shadow in list(self._resting.values()):
            expires_ms = shadow.order.expires_ms
            if expires_ms is not None and expires_ms <= at_ms:
                self._end(shadow, PaperState.EXPIRED, expires_ms)

    def _arrive(self, shadow: ShadowOrder, at_ms: Ms) -> None:
        """Judge an order by the present book, let it take what it meets, and rest what is left."""
        arrival = arrive(self.market, shadow.order, self._levels, side=shadow.side, yes=shadow.yes)
        own = [rests.yes for rests in self._resting.values() if rests.side is not shadow.side]
        refusal = refusal_of(arrival, self._levels, self._account, own=own, at_ms=at_ms)
        if refusal is not None:
            self._end(shadow, PaperState.REFUSED, at_ms, refusal)
            return
        self._levels.take(shadow.side, arrival.matches)
        for match in arrival.matches:
            self._take(shadow, arrival.own(match.price), match.size, at_ms)
        left = shadow.left(self._drives)
        if shadow.order.time_in_force in NEVER_RESTS:
            self._end(shadow, PaperState.FILLED if arrival.is_whole else PaperState.KILLED, at_ms)
        elif left == 0:
            self._end(shadow, PaperState.FILLED, at_ms)
        else:
            self._rest(shadow, left, at_ms)

    def _rest(self, shadow: ShadowOrder, left: Size, at_ms: Ms) -> None:
        level = self._levels.total(shadow.side, shadow.yes)
        shadow.queue = ShadowQueue(level)
        shadow.state = PaperState.RESTING
        self._resting[shadow.order.order_id] = shadow
        self._account.promise(shadow.order, left)
        self._events.append(Rested(shadow.order.order_id, at_ms, left, level))

    def _take(self, shadow: ShadowOrder, price: Price, size: Size, at_ms: Ms) -> None:
        fee = taker_fee(self.market.fee, price, size, Rounding.DOWN)
        for model in _MODELS:
            self._fill(shadow, model, Match(price, size), fee, at_ms=at_ms, maker=False)

    def _make(self, shadow: ShadowOrder, model: QueueModel, size: Size, at_ms: Ms) -> None:
        if size:
            self._fill(shadow, model, Match(shadow.order.price, size), Usdc(0), at_ms=at_ms, maker=True)

    def _fill(
        self, shadow: ShadowOrder, model: QueueModel, got: Match, fee: Usdc, *, at_ms: Ms, maker: bool
    ) -> None:
        """Book what an order got, at the price of its own token."""
        order, price, size = shadow.order, got.price, got.size
        cash = notional(price, size, Rounding.DOWN)
        shadow.filled[model] += size
        self._events.append(Filled(order.order_id, at_ms, model, maker, price, size, cash, fee))
        if model is self._drives:
            if maker:
                self._account.promise(order, shadow.left(model))
            self._account.trade(order.token_id, order.side, size, cash, fee)

    def _end_if_whole(self, shadow: ShadowOrder, at_ms: Ms) -> None:
        if shadow.state is PaperState.RESTING and shadow.left(self._drives) == 0:
            self._end(shadow, PaperState.FILLED, at_ms)

    def _end(
        self, shadow: ShadowOrder, state: PaperState, at_ms: Ms, refusal: PaperRefusal | None = None
    ) -> None:
        shadow.state, shadow.refusal = state, refusal
        self._resting.pop(shadow.order.order_id, None)
        self._account.promise(shadow.order, Size(0))
        self._events.append(Ended(shadow.order.order_id, at_ms, state, refusal))

    def _look_at_level(self, shadow: ShadowOrder, at_ms: Ms) -> None:
        assert shadow.queue is not None, "expected a place for what rests"
        shadow.queue.level_is(self._levels.total(shadow.side, shadow.yes), at_ms)

    def _look_for_cross(self, side: QuoteSide, at_ms: Ms) -> None:
        """Fill under the upper bound what the other side's book has come through; no trade proves it."""
        best = self._levels.best_left(side)
        if best is None:
            return
        for shadow in list(self._resting.values()):
            if shadow.side is not side and is_through(shadow.side, best, shadow.yes):
                self._make(shadow, QueueModel.PROBABILISTIC, shadow.left(QueueModel.PROBABILISTIC), at_ms)
                self._end_if_whole(shadow, at_ms)

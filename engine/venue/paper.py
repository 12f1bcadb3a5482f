"""The paper venue: orders that never leave this process, filled by what the real market shows.

It implements the same ports as the live order path (`Relayer`, `UserFeed`), so nothing beyond this package
knows of paper. It has no address, no key and no connection: there is nothing that a real order could be sent
with. Fills are the conservative queue model's; those of the log-probabilistic one are counted beside them, as
the upper bound. The heart of it is `engine.core.spread.paper_book`.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import takewhile
from typing import assert_never

from engine.clock import Clock, perf_us
from engine.core.order_terms import BATCH_LEGS_MAX
from engine.core.spread.paper_book import PaperBook, ShadowOrder
from engine.core.spread.paper_orders import Ended, Filled, Latency, PaperState, Rested
from engine.core.spread.queue_models import QueueModel
from engine.domain.account import AccountState, CancelReply, OpenOrder, UserOrder, VenueTrade
from engine.domain.chain import CONTRACTS, UNLIMITED, Allowance
from engine.domain.failure import LegAnswer, VenueFailure
from engine.domain.frames import Frame
from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.order import OrderIntent
from engine.domain.ticket import Approved, Grant
from engine.domain.units import Ms, Size
from engine.ports import (
    CancelReport,
    FoundOrder,
    HeartbeatRefused,
    HeartbeatTaken,
    MarketFeed,
    MarketReads,
    PreparedOrder,
    SubmitReport,
)
from engine.venue.paper_chain import PaperChain
from engine.venue.paper_journal import PaperJournal, PaperTrade
from engine.venue.paper_market import Overheard, OverheardReads, PaperMarkets
from engine.venue.paper_words import (
    already_known,
    answer_of,
    open_order_of,
    paper_order,
    paper_prepared,
    sight_of,
    trade_of,
)

OnTold = Callable[[tuple[UserOrder, ...], tuple[VenueTrade, ...]], None]
PULSE_S = 1.0
"""How often a quiet market is asked whether an order has come to its end by time."""
OVERLAP_MS = 1_000
"""The venue counts whole seconds: its lists overlap by one."""
ENDED_MAX = 4_000
"""Ended orders of one market that are remembered: nobody asks for one that ended hours ago."""


class PaperVenue:
    """One paper account, on every market that the desk's feed hears."""

    def __init__(
        self,
        journal: PaperJournal,
        *,
        clock: Clock,
        latency: Latency,
        install_secret: bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Go on with the account of `journal`; order ids are derived from the install secret.

        `sleep` waits, in seconds, while an order or a cancel is on its way.
        """
        assert len(install_secret) >= 16, "expected an install secret of at least 16 bytes"
        self._journal = journal
        self._clock = clock
        self._latency = latency
        self._install_secret = install_secret
        self._sleep = sleep
        self._markets = PaperMarkets(journal.account, latency)
        self._where: dict[OrderId, PaperBook] = {}
        """Every order that is remembered."""
        self._active: dict[ConditionId, PaperBook] = {}
        """Markets that had an order."""
        self._took: dict[OrderId, list[PaperTrade]] = {}
        """What orders traded as takers and have not been answered."""
        self._offset_ms = Ms(0)
        self._heartbeats = 0
        self._told: OnTold | None = None
        self._executions = len(journal.trades)

    def overhear(self, feed: MarketFeed) -> MarketFeed:
        """Return the feed for the desk: the same connections, heard here first."""
        return Overheard(feed, self.hear)

    def overhear_reads(self, reads: MarketReads) -> MarketReads:
        """Return the reads for the desk: a book that it reads after a lost change is heard here first."""
        return OverheardReads(reads, self.hear)

    def hear(self, frames: Iterable[Frame]) -> None:
        """Take what the market channel tells, in its order."""
        self._markets.hear(frames, self._clock.now_ms())
        self._tell()

    def made(self, model: QueueModel) -> Size:
        """Return what resting orders got under a model since the account was opened."""
        return Size(self._journal.made[model])

    def set_venue_offset(self, offset_ms: Ms) -> None:
        """Take the venue's clock minus desk time: expirations and trades are in the venue's."""
        self._offset_ms = offset_ms

    def prepare(self, intents: Sequence[OrderIntent]) -> tuple[PreparedOrder, ...]:
        """Name the orders: deterministic; what stands in place of a signature signs nothing."""
        return tuple(paper_prepared(intent, self._install_secret) for intent in intents)

    async def submit(
        self, prepared: Sequence[PreparedOrder], *, approved: Approved, grant: Grant
    ) -> SubmitReport:
        """Send at most 15 orders to their books; asserts that both witnesses name the plan."""
        assert 1 <= len(prepared) <= BATCH_LEGS_MAX, f"expected 1 to 15 orders, was {len(prepared)}"
        assert approved.plan_id == grant.plan_id, f"expected one plan: {approved.plan_id}, {grant.plan_id}"
        began_us = perf_us()
        known = {order.order_id for order in prepared if order.order_id in self._where}
        now_ms = self._clock.now_ms()
        for order in prepared:
            intent = order.intent
            assert intent.plan_id == grant.plan_id, f"expected plan {grant.plan_id}, was {intent.plan_id}"
            if order.order_id not in known:
                book = self._where[order.order_id] = self._markets.book_for(intent)
                self._active[intent.condition_id] = book
                book.place(paper_order(order, self._offset_ms), now_ms)
        await self._until(Ms(now_ms + self._latency.place_ms))
        answers = tuple(
            already_known(order.order_id) if order.order_id in known else self._answer(order.order_id)
            for order in prepared
        )
        taken_us = perf_us() - began_us
        digest = hashlib.sha256(b"".join(order.body for order in prepared)).hexdigest()
        return SubmitReport(
            answers=answers, request_id=digest[:16], place_call_us=taken_us, ack_latency_us=taken_us
        )

    async def cancel(self, order_ids: Sequence[OrderId]) -> CancelReport:
        """Cancel by id."""
        now_ms = self._clock.now_ms()
        for order_id in order_ids:
            if order_id in self._where:
                self._where[order_id].cancel(order_id, now_ms)
        await self._until(Ms(now_ms + self._latency.cancel_ms))
        return CancelReport(tuple((order_id, self._reply(order_id)) for order_id in order_ids))

    async def cancel_market(self, condition_id: ConditionId) -> CancelReport:
        """Cancel every order of the account in one market."""
        return await self.cancel(
            [open_.order_id for open_ in self._open() if open_.condition_id == condition_id]
        )

    async def cancel_all(self) -> CancelReport:
        """Cancel every order of the account."""
        return await self.cancel([open_.order_id for open_ in self._open()])

    async def heartbeat(self, heartbeat_id: str) -> HeartbeatTaken | HeartbeatRefused | VenueFailure:
        """Count a heartbeat: this venue ends with the desk, and so do its orders."""
        expected = str(self._heartbeats) if self._heartbeats else ""
        if heartbeat_id not in ("", expected):
            return HeartbeatRefused(expected)
        self._heartbeats += 1
        return HeartbeatTaken(str(self._heartbeats))

    async def look_up(
        self, order_id: OrderId, condition_id: ConditionId, since_ms: Ms
    ) -> FoundOrder | VenueFailure:
        """Tell of one order, and of the trades of its market since then."""
        self._advance()
        open_order = next((row for row in self._open() if row.order_id == order_id), None)
        trades = tuple(t for t in self._trades(since_ms) if t.condition_id == condition_id)
        own = tuple(t for t in trades if order_id in (t.taker_order_id, *(m.order_id for m in t.makers)))
        return FoundOrder(open_order, own)

    async def read_allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        """Tell that every contract may move everything: nothing is asked of paper money."""
        return tuple(Allowance(row, UNLIMITED, outcomes=True) for row in CONTRACTS)

    async def read_account(self, since_ms: Ms, tokens: Sequence[TokenId] = ()) -> AccountState | VenueFailure:
        """Tell open orders, trades since then, the balance, and the shares of `tokens`."""
        self._advance()
        account = self._journal.account
        shares = tuple((token, account.held(token)) for token in tokens)
        return AccountState(tuple(self._open()), self._trades(since_ms), account.balance, shares)

    async def run(self, on_told: OnTold, on_link: Callable[[bool], None]) -> None:
        """Tell what becomes of orders until cancelled; the link to ourselves is never lost."""
        self._told = on_told
        on_link(True)
        try:
            while True:
                await asyncio.sleep(PULSE_S)
                self._advance()
                self._forget()
        finally:
            self._told = None

    def _pair(self, condition_id: ConditionId) -> tuple[TokenId, TokenId] | None:
        """Return both tokens of a market, None unless both have been heard."""
        book = self._markets.books.get(condition_id)
        return (book.market.yes, book.market.no) if book is not None and book.market.no else None

    def chain(self) -> PaperChain:
        """Return the acts on chain of the same account."""
        return PaperChain(self._journal, pair_of=self._pair, winner_of=self._markets.winners.get)

    async def _until(self, due_ms: Ms) -> None:
        while (now_ms := self._clock.now_ms()) < due_ms:
            await self._sleep((due_ms - now_ms) / 1_000)
        self._advance()

    def _advance(self) -> None:
        self._markets.advance(self._clock.now_ms())
        self._tell()

    def _tell(self) -> None:
        """Keep what has happened, and pass it on."""
        orders: list[UserOrder] = []
        trades: list[VenueTrade] = []
        for book in self._active.values():
            for event in book.take_events():
                shadow = book.orders[event.order_id]
                match event:
                    case Filled():
                        trade = self._kept(book, shadow, event)
                        if event.model is QueueModel.CONSERVATIVE:
                            trades.append(trade.seen)
                    case Rested() | Ended():
                        orders.append(sight_of(book.market, shadow, Ms(event.at_ms + self._offset_ms)))
                    case _:
                        assert_never(event)
        if self._told is not None and (orders or trades):
            self._told(tuple(orders), tuple(trades))

    def _kept(self, book: PaperBook, shadow: ShadowOrder, event: Filled) -> PaperTrade:
        self._executions += 1
        trade = trade_of(book.market, shadow, event, number=self._executions, offset_ms=self._offset_ms)
        self._journal.trade(trade)
        if not trade.maker and trade.model is QueueModel.CONSERVATIVE:
            self._took.setdefault(trade.order_id, []).append(trade)
        return trade

    def _open(self) -> list[OpenOrder]:
        return [
            open_order_of(book.market, shadow)
            for book in self._active.values()
            for shadow in book.orders.values()
            if shadow.state is PaperState.RESTING
        ]

    def _trades(self, since_ms: Ms) -> tuple[VenueTrade, ...]:
        recent = takewhile(lambda t: t.matched_ms >= since_ms - OVERLAP_MS, reversed(self._journal.trades))
        return tuple(trade.seen for trade in recent)[::-1]

    def _answer(self, order_id: OrderId) -> LegAnswer:
        shadow = self._where[order_id].orders[order_id]
        return answer_of(shadow, self._took.pop(order_id, []))

    def _forget(self) -> None:
        """Let go of orders that ended long ago, once there are many; a quoter leaves thousands a day."""
        for book in self._active.values():
            ended = [order_id for order_id, shadow in book.orders.items() if shadow.state.is_final]
            if len(ended) > ENDED_MAX:
                for order_id in ended[: len(ended) // 2]:
                    del book.orders[order_id], self._where[order_id]

    def _reply(self, order_id: OrderId) -> CancelReply:
        book = self._where.get(order_id)
        state = None if book is None else book.orders[order_id].state
        if state is PaperState.CANCELLED:
            return CancelReply.CANCELLED
        return CancelReply.MATCHED if state is PaperState.FILLED else CancelReply.NOT_FOUND

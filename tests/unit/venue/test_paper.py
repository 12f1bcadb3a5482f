"""The paper venue behind the ports of the live order path: answers, account, streams, restarts."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from engine.clock import ManualClock
from engine.core.spread.paper_orders import Latency
from engine.core.spread.queue_models import QueueModel
from engine.domain.account import AccountState, CancelReply, UserOrder, UserOrderStatus, VenueTrade
from engine.domain.catalogue import Catalogue
from engine.domain.chain import ActState
from engine.domain.failure import Placed, PostClass, RejectKind, VenueFailure, reject_sentence
from engine.domain.frames import (
    BookDelta,
    BookSnapshot,
    Frame,
    LastTrade,
    LevelChange,
    MarketResolved,
    TickChange,
    WireLevel,
)
from engine.domain.ids import ConnectionId, OrderId, TokenId
from engine.domain.market import Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import SIZE_ONE, USDC_ONE, Ms, Price, Size, Usdc
from engine.ports import FoundOrder, HeartbeatRefused, HeartbeatTaken, SubmitReport
from engine.venue.paper import PaperVenue
from engine.venue.paper_journal import PAPER_FILE, PaperJournal, PaperJournalError
from tests.support.venue_orders import APPROVED, CONDITION, GRANT, INSTALL_SECRET, INTENT

YES, NO = INTENT.token_id, TokenId("77")
HASH = "0" * 40
LATENCY = Latency(Ms(100), Ms(60))
START = Usdc(1_000 * USDC_ONE)
QUOTE = replace(INTENT, price=Price(4_900), time_in_force=TimeInForce.GTC, expiration_s=0, post_only=True)
TAKE = replace(INTENT, price=Price(5_100))


def snapshot(token: TokenId = YES, bid: str = "0.49", ask: str = "0.51", size: str = "100") -> BookSnapshot:
    return BookSnapshot(
        condition_id=CONDITION,
        token_id=token,
        timestamp_text="1",
        hash=HASH,
        bids=[WireLevel(bid, size)],
        asks=[WireLevel(ask, size)],
        min_order_size="5",
        tick_size="0.01",
    )


def change(price: str, size: str, side: Side = Side.BUY) -> BookDelta:
    return BookDelta(CONDITION, "2", [LevelChange(YES, price, size, side, HASH, "0", "1")])


def trade(price: str, size: str, taker: Side | None = Side.SELL, token: TokenId = YES) -> LastTrade:
    return LastTrade(CONDITION, token, price, Ms(3), size, taker)


class Desk:
    """What a desk is to the venue: it sends, and it hears."""

    def __init__(self, folder: Path, first: Sequence[Frame] = ()) -> None:
        self.clock = ManualClock()
        self.first = first or (snapshot(), snapshot(NO))
        self.folder = folder
        self.orders: list[UserOrder] = []
        self.trades: list[VenueTrade] = []
        self.links: list[bool] = []
        self.open()

    def open(self) -> None:
        self.journal = PaperJournal(self.folder / PAPER_FILE, balance=START)
        self.venue = PaperVenue(
            self.journal,
            clock=self.clock,
            latency=LATENCY,
            install_secret=INSTALL_SECRET,
            sleep=self.sleep,
        )
        self.listening = asyncio.create_task(self.venue.run(self._hear, self.links.append))
        self.venue.hear(self.first)

    async def close(self) -> None:
        self.listening.cancel()
        await asyncio.wait({self.listening})
        self.journal.close()

    async def restart(self) -> None:
        await self.close()
        self.open()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.clock.advance(round(seconds * 1_000))

    def _hear(self, orders: tuple[UserOrder, ...], trades: tuple[VenueTrade, ...]) -> None:
        self.orders += orders
        self.trades += trades

    def hear(self, *frames: Frame) -> None:
        self.clock.advance(1)
        self.venue.hear(frames)

    async def send(self, *intents: OrderIntent) -> SubmitReport:
        return await self.venue.submit(self.venue.prepare(intents), approved=APPROVED, grant=GRANT)

    async def account(self, tokens: Sequence[TokenId] = ()) -> AccountState:
        read = await self.venue.read_account(Ms(0), tokens)
        assert isinstance(read, AccountState)
        return read

    def id_of(self, intent: OrderIntent) -> OrderId:
        return self.venue.prepare([intent])[0].order_id


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.close()


async def test_resting_order_is_live_open_and_told_of_on_the_stream(desk: Desk) -> None:
    (answer,) = (await desk.send(QUOTE)).answers

    assert (answer.kind, answer.placed) == (PostClass.ACCEPTED, Placed.LIVE)
    account = await desk.account()
    (row,) = account.open_orders
    assert (row.order_id, row.price, row.matched_size) == (desk.id_of(QUOTE), 4_900, 0)
    assert [told.status for told in desk.orders] == [UserOrderStatus.LIVE]
    assert desk.links == [True]


async def test_answer_takes_as_long_as_an_order_is_on_its_way(desk: Desk) -> None:
    before = desk.clock.now_ms()
    await desk.send(QUOTE)
    assert desk.clock.now_ms() - before == LATENCY.place_ms
    await desk.venue.cancel([desk.id_of(QUOTE)])
    assert desk.clock.now_ms() - before == LATENCY.place_ms + LATENCY.cancel_ms


async def test_taker_is_answered_with_amounts_and_trades_that_the_account_confirms(desk: Desk) -> None:
    (answer,) = (await desk.send(TAKE)).answers

    assert (answer.placed, answer.filled, answer.cash) == (Placed.MATCHED, TAKE.size, Usdc(5_100_000))
    assert [told.trade_id for told in desk.trades] == list(answer.trade_ids)
    account = await desk.account([YES, NO])
    assert account.shares == ((YES, TAKE.size), (NO, Size(0)))
    assert account.balance == START - 5_100_000 - 99_960, "the fee of 0.04 x 0.51 x 0.49 a share"


async def test_maker_fill_is_told_once_as_a_trade_whose_taker_is_somebody_else(desk: Desk) -> None:
    await desk.send(QUOTE)
    desk.hear(trade("0.49", "103"))
    desk.hear(change("0.49", "50"))

    (told,) = desk.trades
    assert (told.side, told.size) == (Side.SELL, 3 * SIZE_ONE)
    assert [(m.order_id, m.side, m.price) for m in told.makers] == [(desk.id_of(QUOTE), Side.BUY, 4_900)]
    assert desk.venue.made(QueueModel.CONSERVATIVE) == 3 * SIZE_ONE
    found = await desk.venue.look_up(desk.id_of(QUOTE), CONDITION, Ms(0))
    assert isinstance(found, FoundOrder)
    assert found.trades == (told,)


@pytest.mark.parametrize(
    ("intent", "fragment"),
    [
        (replace(QUOTE, price=Price(5_100)), "order crosses book"),
        (replace(QUOTE, size=Size(4_000_000)), "lower than the minimum"),
        (replace(QUOTE, size=Size(9_000 * SIZE_ONE)), "not enough balance / allowance"),
        (replace(QUOTE, side=Side.SELL, price=Price(5_200)), "not enough balance / allowance"),
    ],
)
async def test_refusal_has_the_venues_words_which_the_desk_knows(
    desk: Desk, intent: OrderIntent, fragment: str
) -> None:
    (answer,) = (await desk.send(intent)).answers

    assert (answer.kind, answer.reject) == (PostClass.REFUSED, RejectKind.ORDER)
    assert fragment in answer.reason
    assert reject_sentence(answer.reason) is not None


async def test_order_off_a_tick_that_has_changed_is_refused(desk: Desk) -> None:
    desk.hear(TickChange(CONDITION, YES, Price(1_000), "0.1", Ms(5)))
    (answer,) = (await desk.send(QUOTE)).answers
    assert "breaks minimum tick size rule" in answer.reason


async def test_same_bytes_sent_again_are_duplicated_and_change_nothing(desk: Desk) -> None:
    await desk.send(TAKE)
    (answer,) = (await desk.send(TAKE)).answers
    assert answer.kind is PostClass.DUPLICATED
    assert len(desk.trades) == 1


async def test_cancel_names_every_id_by_what_became_of_it(desk: Desk) -> None:
    other = replace(QUOTE, leg=2)
    await desk.send(QUOTE, other)
    desk.hear(trade("0.48", "1"))
    third = replace(QUOTE, leg=3)
    await desk.send(third)
    ids = [desk.id_of(intent) for intent in (QUOTE, third)] + [OrderId("0x" + "9" * 64)]

    report = await desk.venue.cancel(ids)

    said = [CancelReply.MATCHED, CancelReply.CANCELLED, CancelReply.NOT_FOUND]
    assert report.replies == tuple(zip(ids, said, strict=True))


async def test_cancel_all_leaves_nothing_open(desk: Desk) -> None:
    await desk.send(*(replace(QUOTE, leg=leg) for leg in range(5)))
    report = await desk.venue.cancel_all()
    assert len(report.replies) == 5
    assert (await desk.account()).open_orders == ()


async def test_order_ends_a_minute_before_its_expiration_in_the_venues_time(desk: Desk) -> None:
    desk.venue.set_venue_offset(Ms(7_000))
    ends_s = desk.clock.now_ms() // 1_000 + 220
    await desk.send(replace(QUOTE, time_in_force=TimeInForce.GTD, expiration_s=ends_s))
    due_ms = ends_s * 1_000 - 60_000 - 7_000
    desk.clock.advance(due_ms - desk.clock.now_ms() - 1)
    assert (await desk.account()).open_orders != ()
    desk.clock.advance(1)
    assert (await desk.account()).open_orders == ()


async def test_stray_token_of_a_market_does_not_keep_its_orders_away(tmp_path: Path) -> None:
    desk = Desk(tmp_path, first=(snapshot(), snapshot(TokenId("666"))))
    (answer,) = (await desk.send(replace(QUOTE, token_id=NO))).answers
    assert answer.placed is Placed.LIVE
    await desk.close()


async def test_trade_on_the_complement_and_its_order_meet_on_one_book(desk: Desk) -> None:
    await desk.send(replace(QUOTE, token_id=NO, price=Price(4_900)))
    desk.hear(trade("0.51", "104", Side.BUY))
    assert sum(told.size for told in desk.trades) == 4 * SIZE_ONE


async def test_account_goes_on_after_a_restart_and_what_rested_is_gone(desk: Desk) -> None:
    await desk.send(TAKE)
    await desk.send(QUOTE)
    before = await desk.account([YES])

    await desk.restart()

    after = await desk.account([YES])
    assert (after.balance, after.shares, after.trades) == (before.balance, before.shares, before.trades)
    assert after.open_orders == ()
    found = await desk.venue.look_up(desk.id_of(QUOTE), CONDITION, Ms(0))
    assert isinstance(found, FoundOrder)
    assert found.open_order is None
    (said,) = (await desk.venue.cancel([desk.id_of(QUOTE)])).replies
    assert said[1] is CancelReply.NOT_FOUND


async def test_line_that_a_kill_left_unfinished_is_cut_off(desk: Desk) -> None:
    await desk.send(TAKE)
    balance = desk.journal.account.balance
    file = desk.folder / PAPER_FILE
    file.write_bytes(file.read_bytes() + b'{"kind":"tra')
    await desk.restart()
    await desk.send(replace(TAKE, leg=2))
    await desk.restart()
    assert desk.journal.account.balance < balance
    assert all(json.loads(line) for line in file.read_text().splitlines())


def test_file_that_cannot_be_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / PAPER_FILE).write_text('{"kind":"opened"}\n')
    with pytest.raises(PaperJournalError, match="move the file away"):
        PaperJournal(tmp_path / PAPER_FILE, balance=START)


async def test_heartbeats_are_taken_in_their_order(desk: Desk) -> None:
    first = await desk.venue.heartbeat("")
    assert isinstance(first, HeartbeatTaken)
    assert isinstance(await desk.venue.heartbeat("other"), HeartbeatRefused)
    assert isinstance(await desk.venue.heartbeat(first.heartbeat_id), HeartbeatTaken)


async def test_pairs_are_merged_for_a_dollar_each_and_no_more_than_are_free(desk: Desk) -> None:
    await desk.send(TAKE)
    await desk.send(replace(TAKE, leg=2, token_id=NO, price=Price(5_100)))
    chain, balance = desk.venue.chain(), desk.journal.account.balance
    assert (await chain.merge(CONDITION, Size(TAKE.size + 1))).state is ActState.NOT_SENT
    assert (await chain.merge(CONDITION, TAKE.size)).state is ActState.DONE
    assert desk.journal.account.balance == balance + TAKE.size
    await desk.restart()
    assert desk.journal.account.balance == balance + TAKE.size


async def test_winning_shares_pay_once_the_winner_has_been_told(desk: Desk) -> None:
    await desk.send(TAKE)
    chain, balance = desk.venue.chain(), desk.journal.account.balance
    assert (await chain.redeem(CONDITION)).state is ActState.NOT_SENT
    desk.hear(MarketResolved(CONDITION, YES))
    assert (await chain.redeem(CONDITION)).state is ActState.DONE
    assert desk.journal.account.balance == balance + TAKE.size


async def test_market_that_resolves_cancels_what_rests(desk: Desk) -> None:
    await desk.send(QUOTE)
    desk.hear(MarketResolved(CONDITION, NO))
    assert (await desk.account()).open_orders == ()
    assert desk.orders[-1].status is UserOrderStatus.CANCELLED


class Reads:
    """Answers every read of books with one book, read before or after the stream's newest change."""

    def __init__(self, book: BookSnapshot) -> None:
        self._book = book

    async def read_books(self, tokens: Sequence[TokenId]) -> tuple[BookSnapshot, ...] | VenueFailure:
        return (self._book,)

    async def read_catalogue(self) -> Catalogue | VenueFailure:
        return VenueFailure("not asked here")

    async def read_time_ms(self) -> Ms | VenueFailure:
        return VenueFailure("not asked here")


@pytest.mark.parametrize(("read_at", "reached"), [("1", 3), ("2", 63)])
async def test_book_that_the_desk_reads_mends_a_lost_change_unless_the_stream_is_newer(
    desk: Desk, read_at: str, reached: int
) -> None:
    desk.hear(change("0.48", "7"))
    reads = desk.venue.overhear_reads(
        Reads(msgspec.structs.replace(snapshot(size="40"), timestamp_text=read_at))
    )
    await reads.read_books([YES])
    await desk.send(replace(QUOTE, size=Size(100 * SIZE_ONE)))
    desk.hear(trade("0.49", "103"))
    assert sum(told.size for told in desk.trades) == reached * SIZE_ONE


async def test_every_message_reaches_the_paper_books_before_the_desk(desk: Desk) -> None:
    order: list[str] = []

    class Feed:
        async def run(self, on_frames, on_link, on_given_up):
            on_frames(ConnectionId(0), (trade("0.48", "5"),))

        def subscribe(self, connections):
            order.append(f"subscribe {connections}")

        def reconnect(self, connection):
            order.append(f"reconnect {connection}")

    await desk.send(QUOTE)
    feed = desk.venue.overhear(Feed())
    feed.subscribe([])
    feed.reconnect(ConnectionId(3))
    await feed.run(
        lambda _number, _frames: order.append(f"desk hears of {len(desk.trades)} fill"),
        lambda _number, _up: None,
        lambda _number, _why: None,
    )
    assert order == ["subscribe []", "reconnect 3", "desk hears of 1 fill"]

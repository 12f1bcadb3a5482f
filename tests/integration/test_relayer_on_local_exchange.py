"""Our order entry and reads against the local exchange, over real HTTP, signatures checked on both sides."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.core.fills import fills_of
from engine.domain.account import AccountState, CancelReply, UserOrder, UserOrderStatus, VenueTrade
from engine.domain.catalogue import Catalogue
from engine.domain.failure import LegAnswer, Placed, PostClass
from engine.domain.fees import FeeCurve
from engine.domain.ids import EventId, TokenId
from engine.domain.market import EventGroup, Market, Side
from engine.domain.order import OrderIntent, Settlement, TimeInForce
from engine.domain.units import PRICES, Ms, Price, Size
from engine.metrics import Metrics
from engine.ports import FoundOrder, PreparedOrder
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.server import LocalExchange
from engine.venue.auth import ApiCredentials
from engine.venue.clob import VenueReads
from engine.venue.credentials import obtain_credentials
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import SigningKey
from engine.venue.order_body import TradingAccount
from engine.venue.relayer import ClobRelayer
from engine.venue.signing import SignatureType
from engine.venue.user_ws import UserSocket
from tests.support.local_exchange import COIN, ELEVENS_KEY, FED, HARDHAT_KEY, LEADER, running_exchange
from tests.support.market_channel import until
from tests.support.venue_orders import APPROVED, GRANT, INSTALL_SECRET, INTENT, record

CLOCK_MS = 1_790_000_000_000


class Desk:
    """One key's relayer and reads on an exchange."""

    def __init__(
        self, relayer: ClobRelayer, reads: VenueReads, clock: ManualClock, credentials: ApiCredentials
    ) -> None:
        self.credentials = credentials
        self.relayer = relayer
        self.reads = reads
        self.clock = clock
        self.legs = 0

    async def market(self, slug: str, child: int = 0) -> Market:
        catalogue = await self.reads.read_catalogue()
        assert isinstance(catalogue, Catalogue), catalogue
        return next(event for event in catalogue.events if event.slug == slug).markets[child]

    def intent(
        self, market: Market, price: int, shares: int, side: Side = Side.BUY, **changes: Any
    ) -> OrderIntent:
        """A fresh GTD intent on a market's YES."""
        assert market.terms.fee is not None
        self.legs += 1
        fresh = replace(
            INTENT,
            leg=self.legs,
            token_id=market.yes,
            condition_id=market.condition_id,
            neg_risk=market.neg_risk,
            tick=market.terms.tick,
            fee=market.terms.fee,
            side=side,
            price=Price(price),
            size=Size(shares * 1_000_000),
            created_ms=self.clock.now_ms(),
            expiration_s=self.clock.now_ms() // 1000 + 220,
        )
        return replace(fresh, **changes)

    async def send(self, *intents: OrderIntent) -> tuple[tuple[PreparedOrder, ...], tuple[LegAnswer, ...]]:
        prepared = self.relayer.prepare(intents)
        report = await self.relayer.submit(prepared, approved=APPROVED, grant=GRANT)
        return prepared, report.answers

    async def account(self) -> AccountState:
        account = await self.relayer.read_account(Ms(0))
        assert isinstance(account, AccountState), account
        return account


@pytest.fixture
def clock():
    return ManualClock(CLOCK_MS)


@pytest.fixture
async def exchange(clock):
    async with running_exchange(clock=clock) as running:
        yield running


@pytest.fixture
async def http():
    client = HttpClient(timeout_s=2)
    yield client
    await client.close()


async def desk_of(exchange: LocalExchange, http: HttpClient, clock: ManualClock, private_key: str) -> Desk:
    hosts = VenueHosts.loopback(exchange.url, exchange.ws_url)
    key = SigningKey(private_key)
    credentials = await obtain_credentials(private_key=private_key, wallet=key.address, hosts=hosts)
    relayer = ClobRelayer(
        http=http,
        hosts=hosts,
        account=TradingAccount(key, key.address, SignatureType.EOA),
        credentials=credentials,
        install_secret=INSTALL_SECRET,
        clock=clock,
    )
    return Desk(relayer, VenueReads(http, hosts, {EventId("none"): "none"}), clock, credentials)


@pytest.fixture
async def desk(exchange, http, clock):
    return await desk_of(exchange, http, clock, ELEVENS_KEY)


async def test_catalogue_of_the_exchange_is_read_whole(desk, exchange):
    catalogue = await desk.reads.read_catalogue()

    assert isinstance(catalogue, Catalogue)
    by_slug: dict[str, EventGroup] = {event.slug: event for event in catalogue.events}
    assert catalogue.skipped == ()
    assert by_slug[FED].code == "fed5"
    assert len(by_slug[FED].markets) == 5
    assert all(
        m.terms.tradable and m.terms.fee == FeeCurve(40_000, 1) and m.terms.tick == 10
        for m in by_slug[FED].markets
    )
    assert by_slug[LEADER].augmented
    assert [m.terms.active for m in by_slug[LEADER].markets].count(False) > 0
    assert await desk.reads.read_time_ms() == CLOCK_MS


async def test_books_of_the_exchange_are_read(desk):
    market = await desk.market(FED)

    books = await desk.reads.read_books([market.yes, market.no, TokenId("7" * 77)])

    assert {book.token_id for book in books} == {market.yes, market.no}
    assert all(book.condition_id == market.condition_id for book in books)


async def test_batch_rests_and_is_read_back(desk):
    market = await desk.market(FED)
    prepared, answers = await desk.send(*[desk.intent(market, 10, 10 + n) for n in range(15)])

    account = await desk.account()

    assert [answer.kind for answer in answers] == [PostClass.ACCEPTED] * 15
    assert {answer.placed for answer in answers} == {Placed.LIVE}
    assert {order.order_id for order in account.open_orders} == {order.order_id for order in prepared}
    assert {order.original_size for order in account.open_orders} == {(10 + n) * 1_000_000 for n in range(15)}
    assert account.balance == 1_000_000_000


async def test_matched_order_gives_the_ledgers_own_cash_fee_and_settlement(desk, exchange, clock):
    """The exchange's ledger and our fill agree to the micro-dollar, and so does the balance afterwards."""
    market = await desk.market(FED, 2)
    before = (await desk.account()).balance
    prepared, (answer,) = await desk.send(desk.intent(market, 9_990, 37))

    account = await desk.account()
    sent = record(prepared[0])
    fills = [fill for trade in account.trades if (fill := fills_of(trade, sent))]
    clock.advance(5_000)
    exchange.venue.advance()
    settled = [fill for trade in (await desk.account()).trades if (fill := fills_of(trade, sent))]

    assert (answer.kind, answer.placed, answer.filled) == (PostClass.ACCEPTED, Placed.MATCHED, 37_000_000)
    assert set(answer.trade_ids) == {fill.trade_id for fill in fills}
    assert sum(fill.size for fill in fills) == 37_000_000
    assert sum(fill.cash for fill in fills) == answer.cash
    assert before - account.balance == sum(fill.cash + fill.fee for fill in fills)
    assert sum(fill.fee for fill in fills) > 0
    assert {fill.settlement for fill in fills} == {Settlement.MATCHED}
    assert {fill.settlement for fill in settled} == {Settlement.CONFIRMED}


async def test_maker_is_paid_its_own_price_without_a_fee_also_by_a_mint(desk, exchange, http, clock):
    """Both sides of one match between two desks: our bid on YES meets their bid on NO."""
    market = await desk.market(COIN)
    books = await desk.reads.read_books([market.yes])
    assert isinstance(books, tuple)
    best = max(PRICES[level.price] for level in books[0].bids)
    ours = desk.intent(market, best + market.terms.tick, 20)
    prepared, (resting,) = await desk.send(ours)
    other = await desk_of(exchange, http, clock, HARDHAT_KEY)
    theirs = other.intent(market, 10_000 - ours.price, 20, token_id=market.no, created_ms=Ms(CLOCK_MS + 1))
    taken, (matched,) = await other.send(theirs)

    (our_trade,), (their_trade,) = (await desk.account()).trades, (await other.account()).trades
    our_fill, their_fill = fills_of(our_trade, record(prepared[0])), fills_of(their_trade, record(taken[0]))

    assert (resting.placed, matched.placed) == (Placed.LIVE, Placed.MATCHED)
    assert our_fill is not None
    assert their_fill is not None
    assert (our_fill.size, our_fill.fee) == (20_000_000, 0)
    assert our_fill.cash == ours.price * 20 * 100
    assert our_fill.cash + their_fill.cash == 20_000_000
    assert (await desk.account()).balance == 1_000_000_000 - our_fill.cash
    assert (await other.account()).balance == 1_000_000_000 - their_fill.cash - their_fill.fee


async def test_one_refused_leg_is_told_from_its_accepted_neighbours(desk, exchange):
    market = await desk.market(FED)
    exchange.faults.arm(Fault(FaultKind.REJECT_LEG, leg=1, text="not enough balance / allowance"))

    _, answers = await desk.send(*[desk.intent(market, 10, 10) for _ in range(3)])

    assert [answer.kind for answer in answers] == [PostClass.ACCEPTED, PostClass.REFUSED, PostClass.ACCEPTED]
    assert answers[1].reason == "not enough balance / allowance"
    assert len((await desk.account()).open_orders) == 2


async def test_whole_batch_may_be_refused_leg_by_leg(desk):
    market = await desk.market(FED)
    too_small = [desk.intent(market, 10, 1) for _ in range(2)]

    _, answers = await desk.send(*too_small)

    assert [answer.kind for answer in answers] == [PostClass.REFUSED] * 2
    assert all("lower than the minimum" in answer.reason for answer in answers)


@pytest.mark.parametrize("fak", [False, True])
async def test_accepted_without_an_answer_is_unknown_until_it_is_looked_up(desk, exchange, fak):
    market = await desk.market(FED, 2)
    exchange.faults.arm(Fault(FaultKind.NO_ANSWER))
    kind = {"time_in_force": TimeInForce.FAK, "expiration_s": 0} if fak else {}
    intent = desk.intent(market, 9_990 if fak else 10, 10, **kind)

    (order,), (answer,) = await desk.send(intent)
    found = await desk.relayer.look_up(order.order_id, market.condition_id, Ms(CLOCK_MS - 1000))

    assert answer.kind is PostClass.UNKNOWN
    assert isinstance(found, FoundOrder)
    assert (found.open_order is None, bool(found.trades)) == (fak, fak)


async def test_same_bytes_sent_again_are_the_same_order(desk, exchange):
    market = await desk.market(FED)
    prepared, (first,) = await desk.send(desk.intent(market, 10, 10))

    again = await desk.relayer.submit(prepared, approved=APPROVED, grant=GRANT)

    assert (first.kind, again.answers[0].kind) == (PostClass.ACCEPTED, PostClass.DUPLICATED)
    assert len((await desk.account()).open_orders) == 1


async def test_lost_request_is_unknown_and_leaves_nothing_behind(desk, exchange):
    market = await desk.market(FED)
    exchange.faults.arm(Fault(FaultKind.LOST_REQUEST))

    (order,), (answer,) = await desk.send(desk.intent(market, 10, 10))

    assert answer.kind is PostClass.UNKNOWN
    assert await desk.relayer.look_up(order.order_id, market.condition_id, Ms(0)) == FoundOrder(None, ())
    assert (await desk.relayer.cancel([order.order_id])).replies == ((order.order_id, CancelReply.NOT_FOUND),)


async def test_restarting_engine_defers_the_batch_and_takes_the_same_bytes_later(desk, exchange):
    market = await desk.market(FED)
    exchange.faults.arm(Fault(FaultKind.RESTARTING))
    prepared, answers = await desk.send(desk.intent(market, 10, 10), desk.intent(market, 10, 11))

    later = await desk.relayer.submit(prepared, approved=APPROVED, grant=GRANT)

    assert [answer.kind for answer in answers] == [PostClass.DEFERRED] * 2
    assert [answer.kind for answer in later.answers] == [PostClass.ACCEPTED] * 2


async def test_cancel_and_cancel_all_name_what_they_ended(desk):
    market = await desk.market(FED)
    prepared, _ = await desk.send(*[desk.intent(market, 10, 10) for _ in range(3)])
    first, second, third = (order.order_id for order in prepared)

    assert (await desk.relayer.cancel([first])).replies == ((first, CancelReply.CANCELLED),)
    assert (await desk.relayer.cancel([first])).replies == ((first, CancelReply.NOT_FOUND),)
    assert set((await desk.relayer.cancel_all()).replies) == {
        (second, CancelReply.CANCELLED),
        (third, CancelReply.CANCELLED),
    }
    assert (await desk.account()).open_orders == ()
    assert (await desk.relayer.cancel_all()).replies == ()


async def test_account_of_a_thousand_orders_is_read_whole(desk, clock):
    market = await desk.market(FED)
    sent = set()
    for _ in range(67):
        prepared, answers = await desk.send(*[desk.intent(market, 10, 5) for _ in range(15)])
        assert {answer.kind for answer in answers} == {PostClass.ACCEPTED}
        sent |= {order.order_id for order in prepared}
        clock.advance(1_000)  # the bucket of orders refills

    account = await desk.account()

    assert len(sent) == 1_005
    assert {order.order_id for order in account.open_orders} == sent
    replies = (await desk.relayer.cancel(sorted(sent))).replies
    assert {reply for _, reply in replies} == {CancelReply.CANCELLED}


async def test_wrong_market_kind_is_refused_because_the_signature_is_for_another_contract(desk):
    market = await desk.market(FED)

    _, (answer,) = await desk.send(replace(desk.intent(market, 10, 10), neg_risk=False))

    assert answer.kind is PostClass.REFUSED
    assert (await desk.account()).open_orders == ()


async def test_user_stream_of_the_exchange_tells_what_reads_tell(desk, exchange, clock):
    market = await desk.market(FED, 2)
    told: list[object] = []
    links: list[bool] = []
    socket = UserSocket(
        f"{exchange.ws_url}/ws/user",
        desk.credentials,
        clock=clock,
        random=lambda: 0.0,
        metrics=Metrics(),
    )
    task = asyncio.create_task(
        socket.run(lambda orders, trades: told.extend([*orders, *trades]), links.append), name="user-stream"
    )
    await until(lambda: links == [True])

    (rests, matched), _ = await desk.send(desk.intent(market, 10, 10), desk.intent(market, 9_990, 10))
    await until(lambda: any(isinstance(one, VenueTrade) for one in told))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    orders = {one.order_id: one for one in told if isinstance(one, UserOrder)}
    found = await desk.relayer.look_up(matched.order_id, market.condition_id, Ms(0))
    assert isinstance(found, FoundOrder)
    assert orders[rests.order_id].status is UserOrderStatus.LIVE
    assert orders[matched.order_id].matched_size == 10_000_000
    seen = {one for one in told if isinstance(one, VenueTrade) and one.settlement is Settlement.MATCHED}
    assert seen == set(found.trades)
    assert seen

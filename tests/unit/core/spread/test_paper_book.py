"""Paper orders on one observed market: what fills them, what it costs, and what they may not do."""

import random
from dataclasses import replace

import pytest

from engine.core.spread.paper_account import PaperAccount
from engine.core.spread.paper_book import PaperBook
from engine.core.spread.paper_orders import (
    Ended,
    Filled,
    Latency,
    PaperMarket,
    PaperOrder,
    PaperRefusal,
    PaperState,
    Rested,
)
from engine.core.spread.queue_models import QueueModel
from engine.domain.book import Level
from engine.domain.fees import FeeCurve, taker_fee
from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.units import SIZE_ONE, USDC_ONE, Ms, Price, Rounding, Size, Usdc

T = Ms(1_790_000_000_000)
YES, NO = TokenId("11"), TokenId("22")
MARKET = PaperMarket(
    ConditionId("0x" + "ab" * 32), YES, NO, Price(100), Size(5 * SIZE_ONE), FeeCurve(rate=40_000, exponent=1)
)
LATE = Latency(Ms(120), Ms(80))
NONE = Latency(Ms(0), Ms(0))
BID = PaperOrder(
    OrderId("a"),
    YES,
    Side.BUY,
    Price(4_900),
    Size(10 * SIZE_ONE),
    TimeInForce.GTC,
    post_only=True,
    expires_ms=None,
)


def shares(count: int) -> Size:
    return Size(count * SIZE_ONE)


def account(dollars: int = 1_000, **held: int) -> PaperAccount:
    named = {"yes": YES, "no": NO}
    return PaperAccount(Usdc(dollars * USDC_ONE), {named[name]: shares(n) for name, n in held.items()})


def book(of: PaperAccount | None = None, latency: Latency = NONE, **settings: QueueModel) -> PaperBook:
    """A market of 0.49 / 0.51 with 100 shares at each price and 200 one tick behind."""
    made = PaperBook(MARKET, of or account(), latency, **settings)
    bids = [Level(Price(4_900), shares(100)), Level(Price(4_800), shares(200))]
    asks = [Level(Price(5_100), shares(100)), Level(Price(5_200), shares(200))]
    made.book_is(YES, bids, asks, T)
    return made


def filled(paper: PaperBook, model: QueueModel = QueueModel.CONSERVATIVE) -> int:
    return sum(e.size for e in paper.take_events() if isinstance(e, Filled) and e.model is model)


def ends(paper: PaperBook) -> list[tuple[PaperState, PaperRefusal | None]]:
    return [(e.state, e.refusal) for e in paper.take_events() if isinstance(e, Ended)]


def rest(paper: PaperBook, order: PaperOrder, at_ms: Ms = T) -> None:
    paper.place(order, at_ms)
    paper.advance(at_ms)
    assert any(isinstance(event, Rested) for event in paper.take_events())


def test_trade_at_our_price_fills_when_the_queue_before_us_is_consumed_and_not_before() -> None:
    paper = book()
    rest(paper, BID)
    paper.traded(YES, Side.SELL, Price(4_900), shares(100), Ms(T + 1))
    assert filled(paper) == 0
    paper.traded(YES, Side.SELL, Price(4_900), shares(4), Ms(T + 2))
    assert filled(paper) == shares(4)


def test_touching_alone_fills_nothing() -> None:
    paper = book()
    rest(paper, BID)
    paper.level_is(YES, Side.BUY, Price(4_900), Size(0), Ms(T + 1))
    paper.level_is(YES, Side.SELL, Price(4_900), shares(50), Ms(T + 2))
    assert filled(paper) == 0


def test_buyer_at_our_bid_price_is_nobody_who_sold_to_us() -> None:
    paper = book()
    rest(paper, BID)
    paper.traded(YES, Side.BUY, Price(4_900), shares(1_000), Ms(T + 1))
    assert filled(paper) == 0


def test_rest_of_an_order_that_took_is_not_filled_by_who_takes_after_it() -> None:
    paper = book(drives=QueueModel.PROBABILISTIC)
    paper.place(replace(BID, price=Price(5_200), size=shares(350), post_only=False), T)
    paper.advance(T)
    assert filled(paper) == shares(300)
    # The real book still shows what we took: that it trades there, below our limit, is no sale to us.
    paper.traded(YES, Side.BUY, Price(5_100), shares(40), Ms(T + 1))
    paper.level_is(YES, Side.SELL, Price(5_100), shares(60), Ms(T + 1))
    assert filled(paper, QueueModel.PROBABILISTIC) == 0


def test_trade_whose_taker_is_not_known_fills_nothing() -> None:
    paper = book()
    rest(paper, BID)
    paper.traded(YES, None, Price(4_800), shares(1_000), Ms(T + 1))
    assert filled(paper) == 0


def test_trade_through_our_price_fills_all() -> None:
    paper = book()
    rest(paper, BID)
    paper.traded(YES, Side.SELL, Price(4_800), shares(1), Ms(T + 1))
    assert filled(paper) == BID.size


@pytest.mark.parametrize("price", [4_900, 5_000])
def test_trade_one_tick_short_of_through_our_ask_does_not_fill_all(price: int) -> None:
    paper = book(account(yes=10))
    rest(paper, replace(BID, side=Side.SELL, price=Price(5_100)))
    paper.traded(YES, Side.BUY, Price(price), shares(1_000), Ms(T + 1))
    assert filled(paper) == 0


def test_trade_on_the_other_token_is_mirrored_onto_the_one_book() -> None:
    paper = book()
    rest(paper, BID)
    # Who buys NO at 0.51 sells YES at 0.49: a mint with those who bid for YES.
    paper.traded(NO, Side.BUY, Price(5_100), shares(104), Ms(T + 1))
    assert filled(paper) == shares(4)


def test_order_for_no_rests_as_an_ask_of_yes_and_fills_at_its_own_price() -> None:
    paper = book()
    rest(paper, replace(BID, token_id=NO, price=Price(4_900)))
    paper.level_is(YES, Side.SELL, Price(5_100), shares(20), Ms(T + 1))
    paper.traded(YES, Side.BUY, Price(5_100), shares(30), Ms(T + 3_000))
    (own, _upper) = [e for e in paper.take_events() if isinstance(e, Filled)]
    assert (own.price, own.size, own.cash, own.fee) == (4_900, shares(10), 4_900_000, 0)


def test_upper_bound_fills_no_later_and_is_told_beside_without_moving_the_account() -> None:
    money = account()
    paper = book(money)
    paper.level_is(YES, Side.BUY, Price(4_900), shares(40), T)
    rest(paper, BID, Ms(T + 5_000))
    paper.level_is(YES, Side.BUY, Price(4_900), shares(100), Ms(T + 6_000))
    paper.level_is(YES, Side.BUY, Price(4_900), shares(60), Ms(T + 7_000))
    paper.traded(YES, Side.SELL, Price(4_900), shares(35), Ms(T + 12_000))
    events = [e for e in paper.take_events() if isinstance(e, Filled)]
    assert [e.model for e in events] == [QueueModel.PROBABILISTIC]
    assert money.balance == 1_000 * USDC_ONE


def test_upper_bound_may_drive_the_account() -> None:
    money = account()
    paper = book(money, drives=QueueModel.PROBABILISTIC)
    rest(paper, BID)
    paper.level_is(YES, Side.SELL, Price(4_800), shares(3), Ms(T + 1))
    assert money.balance == 1_000 * USDC_ONE - 4_900_000, "the book came through our price"
    assert (PaperState.FILLED, None) in ends(paper)


def test_two_of_our_orders_at_one_price_share_a_trade_in_the_order_of_their_coming() -> None:
    paper = book()
    rest(paper, BID)
    rest(paper, replace(BID, order_id=OrderId("b")))
    paper.traded(YES, Side.SELL, Price(4_900), shares(113), Ms(T + 1))
    fills = [(e.order_id, e.size) for e in paper.take_events() if isinstance(e, Filled)]
    assert fills[0] == ("a", shares(10))
    assert ("b", shares(3)) in fills


def test_order_meets_the_book_that_is_there_when_it_arrives() -> None:
    paper = book(latency=LATE)
    paper.place(replace(BID, price=Price(5_100), post_only=False), T)
    paper.level_is(YES, Side.SELL, Price(5_100), Size(0), Ms(T + LATE.place_ms - 1))
    paper.advance(Ms(T + LATE.place_ms - 1))
    assert paper.take_events() == ()
    paper.advance(Ms(T + LATE.place_ms))
    (rested,) = paper.take_events()
    assert isinstance(rested, Rested)


def test_order_that_arrives_in_the_millisecond_of_a_trade_stands_behind_it() -> None:
    paper = book(latency=LATE)
    paper.place(BID, T)
    paper.traded(YES, Side.SELL, Price(4_800), shares(50), Ms(T + LATE.place_ms))
    assert filled(paper) == 0


def test_cancel_takes_its_time_and_the_order_trades_until_it_arrives() -> None:
    paper = book(latency=replace(LATE, place_ms=Ms(0)))
    rest(paper, BID)
    paper.cancel(BID.order_id, T)
    paper.traded(YES, Side.SELL, Price(4_900), shares(101), Ms(T + LATE.cancel_ms))
    paper.traded(YES, Side.SELL, Price(4_800), shares(101), Ms(T + LATE.cancel_ms + 1))
    events = paper.take_events()
    assert sum(e.size for e in events if isinstance(e, Filled)) == 2 * shares(1)
    assert isinstance(events[-1], Ended)


def test_replaced_order_joins_behind_everything() -> None:
    paper = book()
    rest(paper, BID)
    paper.traded(YES, Side.SELL, Price(4_900), shares(90), Ms(T + 1))
    paper.level_is(YES, Side.BUY, Price(4_900), shares(60), Ms(T + 1))
    paper.cancel(BID.order_id, Ms(T + 2))
    paper.place(replace(BID, order_id=OrderId("b")), Ms(T + 2))
    paper.advance(Ms(T + 2))
    (rested,) = [e for e in paper.take_events() if isinstance(e, Rested)]
    assert rested.ahead == shares(60)


def test_post_only_that_touches_the_other_side_is_refused() -> None:
    paper = book()
    paper.place(replace(BID, price=Price(5_100)), T)
    paper.place(replace(BID, order_id=OrderId("b"), price=Price(5_000)), T)
    paper.advance(T)
    assert ends(paper) == [(PaperState.REFUSED, PaperRefusal.CROSSES)]


def test_post_only_that_would_meet_an_order_of_our_own_is_refused() -> None:
    paper = book(account(yes=10))
    rest(paper, replace(BID, side=Side.SELL, price=Price(5_000)))
    paper.place(replace(BID, order_id=OrderId("b"), price=Price(5_000)), T)
    paper.advance(T)
    assert ends(paper) == [(PaperState.REFUSED, PaperRefusal.CROSSES)]


def test_marketable_order_walks_the_levels_and_pays_the_curve_for_every_match() -> None:
    money = account()
    paper = book(money)
    paper.place(replace(BID, price=Price(5_200), size=shares(150), post_only=False), T)
    paper.advance(T)
    fills = [e for e in paper.take_events() if isinstance(e, Filled) and e.model is QueueModel.CONSERVATIVE]
    assert [(e.price, e.size) for e in fills] == [(5_100, shares(100)), (5_200, shares(50))]
    fees = [taker_fee(MARKET.fee, e.price, e.size, Rounding.DOWN) for e in fills]
    assert [e.fee for e in fills] == fees
    assert money.balance == 1_000 * USDC_ONE - 51_000_000 - 26_000_000 - sum(fees)
    assert money.held(YES) == shares(150)


def test_what_we_took_is_not_taken_twice_until_the_level_has_lost_it() -> None:
    paper = book()
    order = replace(BID, price=Price(5_100), size=shares(80), post_only=False)
    paper.place(order, T)
    paper.place(replace(order, order_id=OrderId("b")), T)
    paper.advance(T)
    assert filled(paper) == shares(100), "the second finds the twenty that are left"
    paper.cancel(OrderId("b"), T)
    paper.level_is(YES, Side.SELL, Price(5_100), Size(0), Ms(T + 1))
    paper.level_is(YES, Side.SELL, Price(5_100), shares(100), Ms(T + 2))
    paper.place(replace(order, order_id=OrderId("c")), Ms(T + 2))
    paper.advance(Ms(T + 2))
    assert filled(paper) == shares(80)


@pytest.mark.parametrize(("kind", "state"), [(TimeInForce.FAK, "killed"), (TimeInForce.FOK, "refused")])
def test_immediate_sale_beyond_what_is_bid_ends_at_once(kind: TimeInForce, state: str) -> None:
    paper = book(account(yes=150))
    sale = replace(
        BID, side=Side.SELL, price=Price(4_900), size=shares(150), time_in_force=kind, post_only=False
    )
    paper.place(sale, T)
    paper.advance(T)
    events = paper.take_events()
    assert isinstance(events[-1], Ended)
    assert events[-1].state.value == state
    sold = sum(e.size for e in events if isinstance(e, Filled) and e.model is QueueModel.CONSERVATIVE)
    assert sold == (shares(100) if kind is TimeInForce.FAK else 0)


def test_market_that_closes_ends_what_rests_and_frees_the_money() -> None:
    money = account()
    paper = book(money)
    rest(paper, BID)
    paper.close(Ms(T + 1))
    assert ends(paper) == [(PaperState.CANCELLED, None)]
    assert money.free_cash == money.balance


def test_order_ends_in_the_millisecond_of_its_expiry() -> None:
    paper = book()
    rest(paper, replace(BID, expires_ms=Ms(T + 60_000)))
    paper.advance(Ms(T + 59_999))
    assert ends(paper) == []
    paper.advance(Ms(T + 60_000))
    assert ends(paper) == [(PaperState.EXPIRED, None)]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"price": Price(4_950)}, PaperRefusal.TICK),
        ({"size": Size(5 * SIZE_ONE - 10_000)}, PaperRefusal.MINIMUM),
        ({"size": shares(3_000)}, PaperRefusal.BALANCE),
        ({"side": Side.SELL, "price": Price(5_200)}, PaperRefusal.BALANCE),
        ({"expires_ms": T}, PaperRefusal.EXPIRATION),
    ],
)
def test_order_that_the_venue_would_refuse_is_refused(
    change: dict[str, object], refusal: PaperRefusal
) -> None:
    paper = book()
    paper.place(replace(BID, **change), T)  # type: ignore[arg-type]
    paper.advance(T)
    assert ends(paper) == [(PaperState.REFUSED, refusal)]


def test_order_on_a_market_without_a_book_is_refused() -> None:
    paper = PaperBook(MARKET, account(), NONE)
    paper.place(BID, T)
    paper.advance(T)
    assert ends(paper) == [(PaperState.REFUSED, PaperRefusal.NO_BOOK)]


def test_resting_orders_promise_money_that_no_second_order_may_use() -> None:
    money = account(dollars=10)
    paper = book(money)
    rest(paper, replace(BID, size=shares(20)))
    paper.place(replace(BID, order_id=OrderId("b"), size=shares(5)), T)
    paper.advance(T)
    assert ends(paper) == [(PaperState.REFUSED, PaperRefusal.BALANCE)]
    paper.cancel(BID.order_id, T)
    paper.advance(T)
    assert money.free_cash == 10 * USDC_ONE


def test_trade_of_less_than_a_lot_beyond_the_queue_fills_when_a_lot_is_together() -> None:
    paper = book()
    rest(paper, BID)
    paper.traded(YES, Side.SELL, Price(4_900), Size(shares(100) + 6_000), Ms(T + 1))
    assert filled(paper) == 0
    paper.traded(YES, Side.SELL, Price(4_900), Size(6_000), Ms(T + 2))
    assert filled(paper) == 10_000


@pytest.mark.parametrize("seed", range(30))
def test_money_and_shares_are_kept_and_the_upper_bound_never_has_less(seed: int) -> None:
    """Random orders, cancels, levels and trades: the ledger closes to the micro-dollar at every step."""
    chance = random.Random(seed)
    money = account(dollars=200, yes=50, no=20)
    paper = book(money, latency=LATE)
    start, at_ms, spent = money.balance, T, 0
    tokens = {YES: shares(50), NO: shares(20)}
    got = dict.fromkeys(QueueModel, 0)
    sides: dict[OrderId, tuple[TokenId, Side]] = {}
    for number in range(150):
        at_ms = Ms(at_ms + chance.choice([0, 1, 40, 500]))
        token, side = chance.choice([YES, NO]), chance.choice(list(Side))
        price = Price(100 * chance.randint(45, 55))
        act = chance.random()
        if act < 0.3:
            order = replace(
                BID,
                order_id=OrderId(str(number)),
                token_id=token,
                side=side,
                price=price,
                size=shares(chance.randint(5, 60)),
                post_only=chance.random() < 0.5,
                expires_ms=Ms(at_ms + 2_000),
            )
            sides[order.order_id] = token, side
            paper.place(order, at_ms)
        elif act < 0.4 and sides:
            paper.cancel(chance.choice(list(sides)), at_ms)
        elif act < 0.7:
            paper.level_is(token, side, price, shares(chance.randint(0, 80)), at_ms)
        else:
            paper.traded(token, side, price, Size(chance.randint(1, shares(90))), at_ms)
        for event in paper.take_events():
            if isinstance(event, Filled):
                got[event.model] += event.size
                if event.model is QueueModel.CONSERVATIVE:
                    of, way = sides[event.order_id]
                    sign = 1 if way is Side.BUY else -1
                    spent += sign * event.cash + event.fee
                    tokens[of] = Size(tokens[of] + sign * event.size)
        assert money.balance == start - spent >= 0, f"seed {seed}"
        assert {of: money.held(of) for of in tokens} == tokens, f"seed {seed}"
        assert money.free_cash >= 0, f"seed {seed}"
        assert min(money.free_shares(of) for of in tokens) >= 0, f"seed {seed}"
        assert got[QueueModel.PROBABILISTIC] >= got[QueueModel.CONSERVATIVE], f"seed {seed}"
        assert all(
            s.filled[QueueModel.CONSERVATIVE] <= s.filled[QueueModel.PROBABILISTIC] <= s.order.size
            for s in paper.orders.values()
        ), f"seed {seed}"

"""Price-time priority over one logical book; what each kind of match does to cash and shares."""

import pytest

from engine.domain.fees import FeeCurve, taker_fee
from engine.domain.units import Ms, Price, Rounding, Size
from engine.simulator.exchange import Placed
from engine.simulator.facts import LevelSet, OrderChange, OrderChanged, Traded
from engine.simulator.market import BookSide, Side, book_side, mirrored
from engine.simulator.orders import OrderState, OrderType, TradeStatus
from tests.unit.simulator.bench_market import FEE_4_PERCENT, START_MS, Bench

MILLION = 1_000_000


def test_transfer_moves_shares_from_seller_to_buyer_and_locks_nothing():
    bench = Bench()
    locked = bench.exchange.bank.locked[bench.market.condition_id]
    bench.sell("ann", 40, 50)

    placed = bench.buy("ben", 40, 50)

    assert placed.order.state is OrderState.MATCHED
    assert bench.usdc("ann") == (1_000 + 20) * MILLION
    assert bench.usdc("ben") == (1_000 - 20) * MILLION
    assert (bench.shares("ann"), bench.shares("ben")) == (50 * MILLION, 150 * MILLION)
    assert bench.exchange.bank.locked[bench.market.condition_id] == locked
    bench.check_books()


def test_mint_two_buyers_of_opposite_tokens_lock_one_dollar_a_pair():
    bench = Bench()
    locked = bench.exchange.bank.locked[bench.market.condition_id]
    bench.buy("ann", 60, 50, token_index=1)

    placed = bench.buy("ben", 40, 50)

    assert placed.order.state is OrderState.MATCHED
    assert bench.usdc("ann") == (1_000 - 30) * MILLION
    assert bench.usdc("ben") == (1_000 - 20) * MILLION
    assert (bench.shares("ann", 1), bench.shares("ben", 0)) == (150 * MILLION, 150 * MILLION)
    assert bench.exchange.bank.locked[bench.market.condition_id] == locked + 50 * MILLION
    bench.check_books()


def test_merge_two_sellers_of_opposite_tokens_release_one_dollar_a_pair():
    bench = Bench()
    locked = bench.exchange.bank.locked[bench.market.condition_id]
    bench.sell("ann", 60, 50, token_index=1)

    bench.sell("ben", 40, 50)

    assert bench.usdc("ann") == (1_000 + 30) * MILLION
    assert bench.usdc("ben") == (1_000 + 20) * MILLION
    assert (bench.shares("ann", 1), bench.shares("ben", 0)) == (50 * MILLION, 50 * MILLION)
    assert bench.exchange.bank.locked[bench.market.condition_id] == locked - 50 * MILLION
    bench.check_books()


def test_transfer_of_the_complement_matches_inside_the_same_book():
    bench = Bench()
    bench.sell("ann", 60, 20, token_index=1)

    bench.buy("ben", 60, 20, token_index=1)

    assert (bench.shares("ann", 1), bench.shares("ben", 1)) == (80 * MILLION, 120 * MILLION)
    assert bench.usdc("ben") == (1_000 - 12) * MILLION
    bench.check_books()


def test_maker_price_gives_the_improvement_to_the_taker():
    bench = Bench()
    bench.sell("ann", 40, 50)

    placed = bench.buy("ben", 45, 50)

    assert [fill.price for trade in placed.trades for fill in trade.takers] == [4_000]
    assert bench.usdc("ben") == (1_000 - 20) * MILLION


def test_mint_improvement_leaves_the_maker_at_its_own_price():
    bench = Bench()
    bench.buy("ann", 65, 50, token_index=1)

    bench.buy("ben", 40, 50)

    assert bench.usdc("ann") == 1_000 * MILLION - 50 * 650_000
    assert bench.usdc("ben") == 1_000 * MILLION - 50 * 350_000
    bench.check_books()


def test_priority_better_price_first_then_first_come_first_served():
    bench = Bench()
    late_but_better = bench.order("cat", Side.SELL, 40, 10)
    first = bench.order("ann", Side.SELL, 41, 10)
    second = bench.order("ben", Side.SELL, 41, 10)
    for new in (first, second, late_but_better):
        bench.place(new)

    placed = bench.buy("cat", 41, 15)

    makers = [fill.order_id for trade in placed.trades for fill in trade.makers]
    assert makers == [late_but_better.id, first.id]
    assert bench.exchange.orders[first.id].filled == 5 * MILLION
    assert bench.exchange.orders[second.id].filled == 0


def test_priority_holds_across_both_forms_of_one_price():
    bench = Bench()
    mint_side = bench.order("ann", Side.BUY, 60, 10, token_index=1)
    transfer_side = bench.order("ben", Side.SELL, 40, 10)
    bench.place(mint_side)
    bench.place(transfer_side)

    placed = bench.buy("cat", 40, 15)

    assert [fill.order_id for fill in placed.trades[0].makers] == [mint_side.id, transfer_side.id]
    bench.check_books()


def test_partial_fill_rests_the_remainder_with_its_reservation():
    bench = Bench()
    bench.sell("ann", 40, 30)

    placed = bench.buy("ben", 42, 50)

    account = bench.exchange.bank.accounts["ben"]
    assert placed.order.state is OrderState.LIVE
    assert placed.order.remaining == 20 * MILLION
    assert account.reserved_usdc == 20 * 420_000
    assert bench.exchange.ladder("0xmain").size_at(BookSide.BID, Price(4_200)) == 20 * MILLION


def test_several_levels_make_one_trade_each_at_an_exact_price():
    bench = Bench()
    for cents in (40, 41, 43):
        bench.sell("ann", cents, 10)

    placed = bench.buy("ben", 43, 25)

    assert [(trade.takers[0].price, trade.size) for trade in placed.trades] == [
        (4_000, 10 * MILLION),
        (4_100, 10 * MILLION),
        (4_300, 5 * MILLION),
    ]
    assert len({trade.id for trade in placed.trades}) == 3
    assert placed.order.trade_ids == [trade.id for trade in placed.trades]


@pytest.mark.parametrize(
    ("rate", "cents", "shares", "fee"),
    [
        (40_000, 50, "100", 1_000_000),
        (40_000, 31, "200", 1_711_200),
        (70_000, 57, "12.34", 211_710),
        (0, 50, "100", 0),
    ],
)
def test_fee_taker_pays_the_curve_rounded_down_and_the_maker_nothing(rate, cents, shares, fee):
    bench = Bench(fee=FeeCurve(rate=rate, exponent=1))
    size = float(shares)
    bench.sell("ann", cents, min(size, 100))
    if size > 100:
        bench.sell("cat", cents, size - 100)
    ann_before, ben_before = bench.usdc("ann"), bench.usdc("ben")

    placed = bench.buy("ben", cents, size)

    cash = sum(fill.cash for trade in placed.trades for fill in trade.takers)
    charged = sum(fill.fee for trade in placed.trades for fill in trade.takers)
    assert charged == fee
    assert ben_before - bench.usdc("ben") == cash + fee
    assert bench.usdc("ann") - ann_before == sum(
        fill.cash for trade in placed.trades for fill in trade.makers if fill.account_id == "ann"
    )
    bench.check_books()


def test_fee_is_floored_for_each_match_not_for_the_order():
    bench = Bench(fee=FEE_4_PERCENT)
    for _ in range(3):
        bench.sell("ann", 33, 5.01)

    placed = bench.buy("ben", 33, 15.03)

    single = taker_fee(FEE_4_PERCENT, Price(3_300), Size(5_010_000), Rounding.DOWN)
    whole = taker_fee(FEE_4_PERCENT, Price(3_300), Size(15_030_000), Rounding.DOWN)
    charged = [fill.fee for trade in placed.trades for fill in trade.takers]
    assert charged == [single] * 3
    assert sum(charged) < whole
    assert bench.exchange.bank.fees == sum(charged)


def test_fee_of_a_sale_is_taken_from_its_proceeds():
    bench = Bench(fee=FEE_4_PERCENT)
    bench.buy("ann", 50, 100)

    bench.sell("ben", 50, 100)

    assert bench.usdc("ben") == (1_000 + 50 - 1) * MILLION
    assert bench.shares("ben") == 0


def test_expiry_ends_an_order_before_it_can_be_matched():
    bench = Bench()
    new = bench.order("ann", Side.SELL, 40, 10, order_type=OrderType.GTD, expires_ms=START_MS + 5_000)
    bench.place(new)
    bench.facts()

    placed = bench.exchange.place(bench.order("ben", Side.BUY, 40, 10), Ms(START_MS + 5_000))

    assert isinstance(placed, Placed)
    assert placed.trades == ()
    assert bench.exchange.orders[new.id].state is OrderState.EXPIRED
    endings = [fact for fact in bench.facts() if isinstance(fact, OrderChanged)]
    assert endings[0].change is OrderChange.CANCELLATION
    assert endings[0].state.value == "CANCELED_EXPIRED_ORDER"


def test_settlement_goes_through_mined_to_confirmed_and_stays_there():
    bench = Bench()
    bench.sell("ann", 40, 10)
    trade = bench.buy("ben", 40, 10).trades[0]

    statuses = []
    for elapsed in (0, 999, 1_000, 1_999, 2_000, 60_000):
        bench.exchange.settle(Ms(START_MS + elapsed))
        statuses.append(trade.status)

    matched, mined, confirmed = TradeStatus.MATCHED, TradeStatus.MINED, TradeStatus.CONFIRMED
    assert statuses == [matched, matched, mined, mined, confirmed, confirmed]
    assert trade.updated_ms == START_MS + 2_000


def test_facts_tell_level_changes_before_their_trade_and_the_remainder_after_it():
    bench = Bench()
    bench.sell("ann", 40, 10)
    bench.facts()

    bench.buy("ben", 41, 25)

    told = [
        (type(fact).__name__, fact.by_trade if isinstance(fact, LevelSet) else None)
        for fact in bench.facts()
        if isinstance(fact, LevelSet | Traded)
    ]
    assert told == [("LevelSet", True), ("Traded", None), ("LevelSet", False)]


def test_insiders_leave_neither_orders_nor_trades_behind():
    bench = Bench()
    for account in bench.exchange.bank.accounts.values():
        account.insider = True
    bench.sell("ann", 40, 10)

    bench.buy("ben", 40, 10)

    assert bench.exchange.orders == {}
    assert bench.exchange.trades == []


@pytest.mark.parametrize(
    ("token_index", "side", "expected"),
    [
        (0, Side.BUY, BookSide.BID),
        (0, Side.SELL, BookSide.ASK),
        (1, Side.BUY, BookSide.ASK),
        (1, Side.SELL, BookSide.BID),
    ],
)
def test_book_side_of_the_complement_is_the_mirror(token_index, side, expected):
    assert book_side(token_index, side) is expected
    assert mirrored(token_index, mirrored(token_index, Price(3_100))) == 3_100

"""What an order may not do, and orders that never rest: FAK, post-only, minimums, balances, cancels."""

from dataclasses import replace

import pytest

from engine.domain.units import PRICE_ONE, Price, Size, Usdc
from engine.simulator.exchange import Placed
from engine.simulator.market import BookSide, Side
from engine.simulator.orders import OrderState, OrderType
from engine.simulator.refusals import FAK_UNMATCHED, POST_ONLY_CROSSES, Refusal
from tests.unit.simulator.bench_market import FEE_4_PERCENT, Bench

MILLION = 1_000_000


def test_fak_buy_spends_its_budget_and_collects_more_shares_when_cheaper():
    bench = Bench()
    bench.sell("ann", 40, 100)
    new = bench.order("ben", Side.BUY, 50, 20, order_type=OrderType.FAK, budget_cents=1_000)

    placed = bench.place(new)

    assert isinstance(placed, Placed)
    assert bench.shares("ben") == 125 * MILLION
    assert bench.usdc("ben") == 990 * MILLION
    assert placed.order.state is OrderState.MATCHED


def test_fak_buy_stops_at_its_limit_and_kills_the_rest():
    bench = Bench()
    bench.sell("ann", 40, 10)
    bench.sell("ann", 60, 10)
    new = bench.order("ben", Side.BUY, 50, 20, order_type=OrderType.FAK, budget_cents=1_000)

    placed = bench.place(new)

    assert isinstance(placed, Placed)
    assert bench.usdc("ben") == 996 * MILLION
    assert placed.order.state is OrderState.CANCELED
    assert bench.exchange.open_orders("ben") == []
    assert bench.exchange.bank.accounts["ben"].reserved_usdc == 0


@pytest.mark.parametrize("price", [1, 3, 499, 2_525, 3_700, 4_990, 4_999, 9_995])
@pytest.mark.parametrize("against", ["a sale of its token", "a purchase of the other one"])
def test_fak_buy_pays_exactly_at_every_price_and_spends_all_but_a_lot(price: int, against: str):
    bench = Bench()
    if against == "a sale of its token":
        bench.exchange.bank.split("ann", bench.market, Size(1_000 * MILLION))
        resting = bench.order("ann", Side.SELL, 1, 1_000)
    else:
        resting = bench.order("ann", Side.BUY, 1, 1_000, token_index=1)
    own_price = price if resting.side is Side.SELL else PRICE_ONE - price
    assert isinstance(bench.place(replace(resting, price=Price(own_price))), Placed)
    budget_cents = max(101, price * 1_000 // 313)
    new = bench.order("ben", Side.BUY, 1, 10, order_type=OrderType.FAK, budget_cents=budget_cents)

    placed = bench.place(replace(new, price=Price(price)))

    assert isinstance(placed, Placed)
    (trade,) = placed.trades
    for fill in (*trade.takers, *trade.makers):
        assert fill.cash * PRICE_ONE == fill.size * fill.price
    assert trade.size == 1_000 * MILLION or 0 <= budget_cents * 10_000 - trade.takers[0].cash < price
    bench.check_books()


def test_size_that_is_no_whole_lot_never_reaches_a_book():
    bench = Bench()

    with pytest.raises(AssertionError, match="whole lots"):
        bench.place(replace(bench.order("ben", Side.BUY, 50, 20), size=Size(20_000_100)))


def test_fak_sell_targets_shares_and_kills_the_rest():
    bench = Bench()
    bench.buy("ann", 40, 30)

    placed = bench.place(bench.order("ben", Side.SELL, 39, 50, order_type=OrderType.FAK))

    assert isinstance(placed, Placed)
    assert bench.shares("ben") == 70 * MILLION
    assert placed.order.state is OrderState.CANCELED
    assert bench.exchange.bank.accounts["ben"].reserved_shares[bench.market.tokens[0]] == 0


def test_fak_without_a_match_is_refused_and_leaves_no_order():
    bench = Bench()
    new = bench.order("ben", Side.BUY, 50, 20, order_type=OrderType.FAK, budget_cents=1_000)

    assert bench.place(new) == FAK_UNMATCHED
    assert new.id not in bench.exchange.orders
    assert bench.facts() == []


def test_post_only_is_refused_when_crossing_and_rests_otherwise():
    bench = Bench()
    bench.sell("ann", 40, 10)

    assert bench.place(bench.order("ben", Side.BUY, 40, 10, post_only=True)) == POST_ONLY_CROSSES
    assert isinstance(bench.place(bench.order("ben", Side.BUY, 39, 10, post_only=True)), Placed)


def test_marketable_buy_below_one_dollar_is_refused_but_may_rest():
    bench = Bench()
    bench.sell("ann", 10, 50)

    refused = bench.place(bench.order("ben", Side.BUY, 10, 9))
    resting = bench.place(bench.order("ben", Side.BUY, 9, 9))

    assert refused == Refusal(400, "invalid amount for a marketable BUY order ($0.90), min size: $1")
    assert isinstance(resting, Placed)


def test_balance_open_orders_reserve_globally_over_markets_and_sides():
    bench = Bench()
    bench.buy("ben", 50, 1_500)

    refused = bench.place(bench.order("ben", Side.BUY, 50, 501))
    accepted = bench.place(bench.order("ben", Side.BUY, 50, 500))

    assert refused == Refusal(
        400,
        "not enough balance / allowance: the balance is not enough -> "
        "balance: 250000000, order amount: 250500000",
    )
    assert isinstance(accepted, Placed)


def test_balance_shares_are_reserved_by_resting_sales():
    bench = Bench()
    bench.sell("ben", 90, 80)

    refused = bench.place(bench.order("ben", Side.SELL, 95, 21))

    assert isinstance(refused, Refusal)
    assert "balance: 20000000, order amount: 21000000" in refused.text


def test_balance_must_cover_the_fee_of_a_marketable_buy():
    bench = Bench(fee=FEE_4_PERCENT)
    bench.exchange.bank.accounts["ben"].usdc = Usdc(10 * MILLION)
    bench.sell("ann", 50, 20)

    refused = bench.place(bench.order("ben", Side.BUY, 50, 20))
    accepted = bench.place(bench.order("ben", Side.BUY, 50, 19))

    assert isinstance(refused, Refusal)
    assert isinstance(accepted, Placed)


def test_allowance_too_low_has_its_own_text():
    bench = Bench()
    account = bench.exchange.bank.accounts["ben"]
    for spender in account.allowances:
        account.allowances[spender] = 5 * MILLION

    refused = bench.place(bench.order("ben", Side.BUY, 50, 11))

    assert isinstance(refused, Refusal)
    assert "the allowance is not enough" in refused.text


def test_cancel_frees_the_reservation_and_works_once():
    bench = Bench()
    placed = bench.buy("ben", 50, 100)

    assert not bench.exchange.cancel(placed.order.terms.id, "ann", bench.now_ms)
    assert bench.exchange.cancel(placed.order.terms.id, "ben", bench.now_ms)
    assert not bench.exchange.cancel(placed.order.terms.id, "ben", bench.now_ms)
    assert bench.exchange.bank.accounts["ben"].reserved_usdc == 0
    assert bench.exchange.ladder("0xmain").best(BookSide.BID) is None

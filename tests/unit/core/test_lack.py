"""Why the venue says "not enough balance / allowance": the cause is told in the alert (peers d 9)."""

from dataclasses import replace

import pytest

from engine.core.exposure.lack import Lack
from engine.domain.effects import RaiseAlert, ResendOrders
from engine.domain.failure import PostClass
from engine.domain.market import Side
from engine.domain.order import OrderState, Settlement, TimeInForce
from engine.domain.units import Size
from tests.support.builders import answer, order, order_id, shares, trade, usdc
from tests.support.desk_run import DeskRun, of_kind, only

LACK = "not enough balance / allowance"


@pytest.fixture
def run():
    return DeskRun().start()


def told(run, leg, words=LACK):
    """Refuse one leg and return what is advised."""
    effects = run.answer(answer(leg, PostClass.REFUSED, words))
    return only(effects, RaiseAlert).alert.next_step


def test_the_venues_own_word_for_the_allowance_is_believed(run):
    leg = run.sent()[0]
    run.desk.balance = usdc(0)

    assert Lack.ALLOWANCE.value in told(run, leg, f"{LACK}: the allowance is not enough -> allowance: 0")


def test_enough_by_our_books_points_to_the_allowance(run):
    assert Lack.ALLOWANCE.value in told(run, run.sent()[0])


def test_too_little_is_too_little(run):
    leg = run.sent()[0]
    run.desk.balance = usdc(29)

    assert Lack.MISSING.value in told(run, leg)


def test_what_other_orders_reserve_is_told(run):
    """The other two legs of the batch may still take their 30 dollars each."""
    leg = run.sent()[0]
    run.desk.balance = usdc(60)

    assert Lack.RESERVED.value in told(run, leg)


def test_proceeds_of_a_sale_that_is_not_settled_are_told(run):
    leg = run.sent_as(side=Side.SELL, time_in_force=TimeInForce.FAK, expiration_s=0)[0]
    run.desk.balance = usdc(5)
    run.read(trade(leg), balance=usdc(5))
    buy = order(what=replace(leg.intent, side=Side.BUY, generation=3, size=Size(shares(50))))
    run.desk.orders[buy.order_id] = buy

    assert Lack.SETTLING.value in told(run, buy)


def sale(run, size, settlement=Settlement.CONFIRMED):
    """A SELL of `size` while 100 are bought and settled so far."""
    leg = run.sent()[0]
    run.read(trade(leg, settlement=settlement))
    sell = order(
        what=replace(leg.intent, side=Side.SELL, generation=3, size=Size(shares(size))),
        order_id=order_id("sale"),
    )
    run.desk.orders[sell.order_id] = sell
    return sell


def test_shares_that_are_not_settled_are_told(run):
    assert Lack.SETTLING.value in told(run, sale(run, 60, Settlement.MATCHED))


def test_shares_that_another_sale_has_taken_are_told(run):
    sell = sale(run, 60)
    other = replace(sell, order_id=order_id("other"), state=OrderState.LIVE)
    run.desk.orders[other.order_id] = other

    assert Lack.RESERVED.value in told(run, sell)


def test_shares_that_are_not_held_are_told(run):
    assert Lack.MISSING.value in told(run, sale(run, 160))


def test_shares_that_are_there_point_to_the_allowance(run):
    assert Lack.ALLOWANCE.value in told(run, sale(run, 60))


def test_a_lack_is_not_sent_again(run):
    told(run, run.sent()[0])

    assert of_kind(run.effects, ResendOrders) == []


def test_another_refusal_keeps_its_own_sentence(run):
    assert "minimum" in told(run, run.sent()[0], "Size (3) lower than the minimum: 5")

"""Merges and splits that would pay, as the dashboard tells them."""

from dataclasses import replace

import pytest

from engine.core.chain.conversion_advice import ADVICE_MAX, conversion_advice
from engine.core.state import enter_fill
from engine.core.trading.watch import status
from engine.domain.fees import FREE
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.units import Usdc
from tests.support.builders import binary, event, fill, intent, levels, live_book, order, shares, terms, usdc
from tests.support.desk_run import DeskRun, dutch_params


def started(*events, **params):
    groups = events or (binary(),)
    run = DeskRun(*groups, asks=(3_000,) * max(len(group.markets) for group in groups)).start()
    run.desk.settings = replace(run.desk.settings, dutch=dutch_params(**{"min_profit": Usdc(0), **params}))
    return run


def hold(run, token, size, name, **how):
    """Book a fill of one token, as if it had been bought."""
    of = order(what=replace(intent(), token_id=token))
    enter_fill(run.desk, fill(of, shares(size), name, **how))


def advice(run):
    return conversion_advice(run.desk, run.at_ms)


def offer(run, market, yes_bid, no_bid, size=40):
    """Show both books of a market with one bid each."""
    for token, bid in ((market.yes, yes_bid), (market.no, no_bid)):
        asks = levels((9_900, 100))
        book = live_book(market, token, asks, levels((bid, size)), at_ms=run.at_ms)
        run.books.shown[token] = book


def test_nothing_held_and_fair_books_give_no_advice():
    run = started()
    offer(run, run.events[0].markets[0], 5_000, 4_900)

    assert advice(run) == ()


def test_a_confirmed_pair_is_told_with_what_it_returns_after_the_act():
    run = started(fixed_cost=usdc(0.5), min_profit=usdc(1))
    market = run.events[0].markets[0]
    hold(run, market.yes, 70, "a")
    hold(run, market.no, 90, "b")

    assert advice(run) == ("merge btc BTC above 100k: 70 pairs return 69.50",)
    assert status(run.desk, run.at_ms).advice == advice(run)


@pytest.mark.parametrize("settlement", [s for s in Settlement if s is not Settlement.CONFIRMED])
def test_shares_that_are_not_settled_make_no_pair(settlement):
    run = started()
    market = run.events[0].markets[0]
    hold(run, market.yes, 70, "a")
    hold(run, market.no, 70, "b", settlement=settlement)

    assert advice(run) == ()


def test_shares_that_were_sold_make_no_pair():
    run = started()
    market = run.events[0].markets[0]
    hold(run, market.yes, 70, "a")
    hold(run, market.no, 70, "b")
    hold(run, market.no, 60, "c", side=Side.SELL)

    assert advice(run) == ("merge btc BTC above 100k: 10 pairs return 10.00",)


def test_a_split_that_the_bids_pay_for_is_told():
    group = binary()
    free = replace(group, markets=(replace(group.markets[0], terms=terms(fee=FREE)),))
    run = started(free, min_profit=usdc(1))
    offer(run, free.markets[0], 6_000, 4_300)

    assert advice(run) == ("split btc BTC above 100k: 40 pairs, sold to the bids, gain 1.20",)


@pytest.mark.parametrize(
    "changes",
    [{"fee": None}, {"closed": True}, {"accepting": False}, {"active": False}, {"taker_delay": True}],
)
def test_a_market_that_cannot_be_sold_on_at_a_known_fee_is_not_split(changes):
    group = binary()
    market = replace(group.markets[0], terms=terms(**{"fee": FREE, **changes}))
    run = started(replace(group, markets=(market,)))
    offer(run, market, 6_000, 4_300)

    assert advice(run) == ()


def test_a_book_that_is_not_proven_gives_no_advice():
    group = binary()
    market = replace(group.markets[0], terms=terms(fee=FREE))
    run = started(replace(group, markets=(market,)))
    offer(run, market, 6_000, 4_300)
    del run.books.shown[market.no]

    assert advice(run) == ()


def test_the_list_is_bounded_and_begins_with_what_brings_most():
    outcomes = tuple(f"Outcome {n}" for n in range(ADVICE_MAX + 5))
    run = started(event("wide", outcomes))
    for n, market in enumerate(run.events[0].markets, start=1):
        hold(run, market.yes, 10 * n, f"y{n}")
        hold(run, market.no, 10 * n, f"n{n}")

    lines = advice(run)

    assert len(lines) == ADVICE_MAX
    assert lines[0] == f"merge wide Outcome {ADVICE_MAX + 4}: {10 * (ADVICE_MAX + 5)} pairs return 150.00"

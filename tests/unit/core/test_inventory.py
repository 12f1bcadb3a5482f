"""What is held, from fills alone."""

import pytest

from engine.core.exposure.inventory import confirmed, holdings, sellable
from engine.core.exposure.inventory import shares as shares_held
from engine.core.exposure.risk import spent_today
from engine.core.state import enter_fill
from engine.domain.events import PastFills, Restored
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.units import Usdc
from tests.support.builders import accepted, event, fill, order, shares, trade
from tests.support.desk_run import DeskRun


@pytest.fixture
def run():
    return DeskRun().start()


def book(run, *fills):
    for fill_of in fills:
        enter_fill(run.desk, fill_of)


def test_nothing_is_held_at_the_start(run):
    assert shares_held(run.desk) == {}
    assert holdings(run.desk) == ()


def test_shares_add_up_per_token(run):
    one = order()
    book(run, fill(one, shares(10), "a"), fill(one, shares(15), "b"))

    assert shares_held(run.desk) == {one.intent.token_id: shares(25)}


def test_provisional_shares_are_held_and_voided_ones_are_not(run):
    one, two = order(), order(leg=1)
    book(run, fill(one, settlement=Settlement.MATCHED), fill(two, settlement=Settlement.FAILED))

    assert shares_held(run.desk) == {one.intent.token_id: shares(100)}


def test_sold_shares_leave(run):
    one = order()
    book(run, fill(one, shares(25), "a"), fill(one, shares(25), "b", side=Side.SELL))

    assert shares_held(run.desk) == {}


def test_more_sold_than_our_fills_have_bought_is_told_as_it_is(run):
    """The account may have had shares from elsewhere: a desk that stops over it could not even be killed."""
    book(run, fill(order(), side=Side.SELL))

    assert shares_held(run.desk) == {order().intent.token_id: -shares(100)}
    assert sellable(run.desk, order().intent.token_id) == 0


def test_a_whole_set_is_told_with_its_cost_rounded_up(run):
    legs = run.sent()
    run.answer(*(accepted(leg, shares(100)) for leg in legs))
    for n, leg in enumerate(legs):
        run.read(trade(leg, name=f"t{n}"))

    (line,) = holdings(run.desk)

    assert line.startswith("fed3 100 sets")
    assert "single" not in line
    paid = sum(f.cash + f.fee for f in run.desk.fills.values())
    assert paid == Usdc(92_520_000)
    assert "92.52" in line


def test_loose_shares_beyond_the_sets_are_told(run):
    legs = run.sent()
    run.read(trade(legs[0], shares(60), name="a"), trade(legs[1], shares(50), name="b"))
    run.read(trade(legs[2], shares(40), name="c"))

    (line,) = holdings(run.desk)

    assert "40 sets" in line
    assert "30 single shares" in line


def test_two_tickets_of_one_event_are_one_line():
    run = DeskRun().start()
    for entropy in (1, 2):
        legs = run.sent(sets=10, entropy=entropy)
        run.answer(*(accepted(leg, shares(10)) for leg in legs))
        for n, leg in enumerate(legs):
            run.read(trade(leg, name=f"{entropy}-{n}"))

    (line,) = holdings(run.desk)
    assert "fed3 20 sets" in line


def test_each_event_has_its_own_line():
    run = DeskRun(event("fed3"), event("cpi3")).start()
    for code in ("fed3", "cpi3"):
        legs = run.sent(code=code, sets=10, entropy=len(code) + ord(code[0]))
        run.read(*(trade(leg, name=f"{code}-{n}") for n, leg in enumerate(legs)))

    assert {line.split()[0] for line in holdings(run.desk)} == {"fed3", "cpi3"}


def test_voided_cash_is_not_a_cost(run):
    legs = run.sent()
    run.read(trade(legs[0], name="a"), trade(legs[1], name="b"))
    run.read(trade(legs[1], name="b", settlement=Settlement.FAILED))

    (line,) = holdings(run.desk)

    assert "30.84" in line


def test_what_finished_tickets_hold_counts_after_a_restart():
    """Their rows stay in the ledger: inventory, day and market sums must not forget them with the process."""
    group = event()
    legs = group.markets
    past = tuple(
        PastFills(
            group.event_id,
            group.code,
            leg.condition_id,
            leg.yes,
            shares(bought),
            shares(sold),
            Usdc(7_000_000),
        )
        for leg, bought, sold in zip(legs, (30, 40, 25), (0, 10, 0), strict=False)
    )
    run = DeskRun()
    restored = Restored(run.at_ms, (), (), (), (), None, past=past, past_spent=Usdc(3_000_000))
    run.step(restored)

    assert shares_held(run.desk) == {leg.yes: shares(n) for leg, n in zip(legs, (30, 30, 25), strict=False)}
    assert confirmed(run.desk, legs[1].yes) == shares(30)
    assert spent_today(run.desk, run.at_ms) == 3_000_000
    assert run.desk.positions.outlays[legs[0].condition_id] == 7_000_000
    assert holdings(run.desk) == (f"{group.code} 25 sets + 10 single shares, cost 21.00",)

"""A read of 1,000 open orders, and a ledger of years: what an event costs depends on what is open alone."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from engine.core.exposure.risk import reserved, spent_today
from engine.core.known_orders import KnownOrders
from engine.core.read_back import read_account
from engine.core.state import live_orders, unfinished
from engine.domain.effects import CancelOrders
from engine.domain.ids import OrderId
from engine.domain.order import OrderState, Settlement
from tests.support.builders import fill, order, order_id, resting, shares, ticket, trade
from tests.support.desk_run import DeskRun, of_kind, timers

S = OrderState


@pytest.fixture
def run():
    return DeskRun().start()


class Unscannable(KnownOrders):
    """Orders that nobody may go through as a whole."""

    def __iter__(self) -> Iterator[OrderId]:
        raise AssertionError("expected no event to go through every order that ever was")

    @classmethod
    def of(cls, known: Mapping[OrderId, object]) -> "Unscannable":
        kept = cls()
        assert isinstance(known, KnownOrders)
        kept._records, kept._unfinished = known._records, known._unfinished
        return kept


def old(count):
    """Orders that ended long ago, each with its settled fill."""
    ended = tuple(order(S.FILLED, order_id=order_id(("old", n)), filled=shares(100)) for n in range(count))
    return ended, tuple(fill(o, name=f"old-{n}") for n, o in enumerate(ended))


def test_what_has_ended_and_is_told_in_full_is_asked_about_no_more(run):
    ended, fills = old(500)
    run.restart(ended, (), fills=fills)
    assert unfinished(run.desk) == []

    run.desk.orders = Unscannable.of(run.desk.orders)
    run.read()
    assert reserved(run.desk) == 0
    assert spent_today(run.desk, run.at_ms) == sum(f.cash + f.fee for f in fills)
    assert list(live_orders(run.desk)) == []
    assert read_account(run.desk, run.at_ms, "job").since_ms == run.at_ms - 600_000


def test_an_ended_order_of_which_a_fill_becomes_known_is_asked_about_again(run):
    ended, fills = old(1)
    run.restart(ended, (), fills=fills)
    assert unfinished(run.desk) == []

    run.read(trade(ended[0], shares(1), name="late"))
    assert [o.order_id for o in unfinished(run.desk)] == [ended[0].order_id]

    run.read(trade(ended[0], shares(1), name="late", settlement=Settlement.CONFIRMED))
    assert unfinished(run.desk) == []


def test_orders_are_never_forgotten(run):
    leg = run.sent()[0]

    with pytest.raises(AssertionError, match="forgotten"):
        del run.desk.orders[leg.order_id]


def calls_of(work):
    """Return how many Python calls `work` makes: what it costs, on any machine."""
    calls = 0

    def note(_frame, event, _arg):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def taken_up(run, open_ones, ended_ones):
    """Restart on so many orders, then read the account once."""
    kept = tuple(
        order(S.LIVE, order_id=order_id(n), what=replace(order().intent, generation=n))
        for n in range(open_ones)
    )
    ended, fills = old(ended_ones)
    effects = run.restart((*kept, *ended), (ticket(),), fills=fills)
    run.later(100).read(rests=[resting(o) for o in kept])
    return kept, effects


def test_a_restart_with_1000_open_orders_reads_before_its_cancels_change_the_list(run):
    began_ms = run.at_ms
    _, effects = taken_up(run, 1_000, 2_000)

    assert of_kind(effects, CancelOrders) == []
    assert timers(effects)["cancels"] == began_ms + 3_000
    assert min(due for name, due in timers(effects).items() if name.startswith("lookup:")) > run.at_ms + 1_000


def test_a_restart_and_read_cost_in_proportion_to_the_orders(run):
    """Reliability G3 gives the recovery of 1,000 open orders 5 s: nothing in it may be quadratic."""
    few = calls_of(lambda: taken_up(run, 100, 200))
    many = calls_of(lambda: taken_up(run, 400, 800))

    assert many < 5 * few, f"{few} calls for 100 open orders, {many} for 400"

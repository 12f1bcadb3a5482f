"""What was thought over and shows up: cancelled, counted, alarmed and at risk, also after a restart."""

import pytest

from engine.core.exposure.risk import reserved
from engine.domain.account import UserOrderStatus
from engine.domain.effects import Count, RaiseAlert, SaveProgress
from engine.domain.order import OrderState
from engine.domain.ticket import TicketState
from engine.domain.views import Severity
from tests.support.builders import order, resting, shares, streamed, ticket, trade
from tests.support.desk_run import DeskRun, cancelled_ids, looked_up_ids, of_kind

S = OrderState
ENDED = [S.DEAD, S.REJECTED, S.CANCELLED, S.EXPIRED, S.KILLED]
RISEN = Count("orders_risen_total", "")


@pytest.fixture
def run():
    return DeskRun().start()


@pytest.fixture(params=ENDED, ids=lambda state: state.value)
def dead(request, run):
    """An order that ended after an unanswered send, as the ledger holds it when the next process starts."""
    kept = order(request.param, ever_unknown=True)
    run.restart((kept,), (ticket(TicketState.MISSED),))
    run.read()
    run.effects.clear()
    return kept


def test_found_resting_it_is_cancelled_counted_alarmed_and_at_risk(run, dead):
    effects = run.later(90_000).read(rests=[resting(dead)])

    assert cancelled_ids(effects) == {dead.order_id}
    assert RISEN in effects
    assert [a.alert.severity for a in of_kind(effects, RaiseAlert)] == [Severity.CRIT]
    assert reserved(run.desk) > 0
    assert not run.order(dead).state.is_final


def test_that_it_rose_and_that_it_is_cancelled_are_two_steps_of_the_ledger(run, dead):
    effects = run.later(90_000).read(rests=[resting(dead)])

    stored = [order.state for saved in of_kind(effects, SaveProgress) for order in saved.orders]
    assert stored[:2] == [S.LIVE, S.PENDING_CANCEL]


def test_told_live_by_the_stream_it_is_looked_for_first(run, dead):
    effects = run.later(90_000).told_by_stream(orders=[streamed(dead, UserOrderStatus.LIVE)])
    assert looked_up_ids(effects) == {dead.order_id}

    effects = run.later(50).look_up(dead, rests=resting(dead))
    assert cancelled_ids(effects) == {dead.order_id}


def test_found_traded_in_full_it_is_booked_counted_and_alarmed(run, dead):
    effects = run.later(90_000).told_by_stream(trade(dead))

    assert run.order(dead).state is S.FILLED
    assert RISEN in effects
    assert any(a.alert.key.startswith("risen:") for a in of_kind(effects, RaiseAlert))


def test_found_traded_in_part_it_is_booked_and_told_once(run, dead):
    for _ in range(2):
        run.later(1_000).read(trade(dead, shares(40)))

    assert run.order(dead).filled == shares(40)
    assert of_kind(run.effects, Count).count(RISEN) == 1


def test_a_cancelled_order_whose_own_part_is_read_late_is_no_late_order(run):
    kept = order(S.CANCELLED, filled=shares(40), ever_unknown=True)
    run.restart((kept,), (ticket(TicketState.BROKEN),))

    effects = run.read(trade(kept, shares(40)))

    assert RISEN not in effects
    assert run.order(kept).filled == shares(40)

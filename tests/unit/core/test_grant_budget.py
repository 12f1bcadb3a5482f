"""What counts as spent under a standing grant, and what it counts as sent."""

import pytest

from engine.core.tickets.grants import left
from engine.domain.effects import SendBatch
from engine.domain.events import BatchRefused
from engine.domain.failure import PostClass
from engine.domain.plan import PlanKind
from engine.domain.ticket import TicketState
from tests.support.builders import accepted, answer, event, trade, usdc
from tests.support.desk_run import DeskRun, dutch_params, only
from tests.unit.core.test_auto import SHUT, fill, granted, in_force, looked, sent, touched, window
from tests.unit.core.test_auto_repair import broken, scan
from tests.unit.core.test_kinds_flow import dear, own


@pytest.fixture
def run():
    """A desk on two events that do not pay now."""
    return DeskRun(event("fed3"), event("cpi3"), asks=SHUT).start()


def test_sets_that_are_sold_do_not_raise_what_a_grant_may_buy():
    run = DeskRun(
        event("fed3"),
        event("cpi3"),
        asks=SHUT,
        per_ticket=2_000,
        day=5_000,
        dutch=dutch_params(max_leg_loss=usdc(9_999), max_residual=usdc(9_999)),
    ).start(usdc(5_000))
    own(run, 100)
    grant = granted(run, budget=50)
    dear(run)
    batch = only(looked(run, touched(run)), SendBatch)
    assert batch.plan.kind is PlanKind.SELL_SET

    fill(run, run.commit(batch))

    assert left(run.desk, run.desk.runner.grants[grant.ticket_id]) == usdc(50)


def of(run, grant):
    return run.desk.runner.grants[grant.ticket_id]


def test_a_plan_whose_commit_was_refused_was_never_sent(run):
    grant = granted(run)
    batch = only(looked(run, window(run)), SendBatch)

    run.step(BatchRefused(run.at_ms, batch.ticket, "row moved"))

    assert of(run, grant).sent == 0


def test_a_repair_whose_commit_was_refused_frees_its_reserve(run):
    grant = granted(run)
    broken(run)
    batch = only(looked(run, scan(run)), SendBatch)

    run.step(BatchRefused(run.at_ms, batch.ticket, "row moved"))

    assert batch.ticket.ticket_id not in of(run, grant).reserved


def test_a_repair_is_no_plan_sent(run):
    grant = granted(run)
    broken(run)

    fill(run, run.commit(only(looked(run, scan(run)), SendBatch)))

    assert of(run, grant).sent == 1


def test_repairs_that_were_given_up_rest_longer_each_time(run):
    granted(run)
    broken(run)
    before = len(run.desk.tickets)

    for _ in range(8):
        scan(run)
        run.later(2_000)
        for ticket_id in list(run.desk.rechecks):
            run.timer(f"recheck:{ticket_id}")  # the last look was never answered

    assert len(run.desk.tickets) - before <= 3


def test_a_grant_whose_budget_is_in_a_broken_plan_stays_to_repair_it(run):
    grant = granted(run, budget=90)
    *filled, missed = sent(run)

    run.answer(
        *(accepted(order, order.intent.size) for order in filled), answer(missed, PostClass.REFUSED, "no")
    )
    run.told_by_stream(*(trade(order, name=f"t-{order.order_id}") for order in filled))

    assert run.ticket(missed.intent.ticket_id).state is TicketState.BROKEN
    assert in_force(run, grant)

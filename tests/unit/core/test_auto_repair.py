"""What a standing grant does without a press after its plans: it repairs what broke and merges pairs."""

import pytest

from engine.core.account.differences import LAG_MS
from engine.domain.chain import ActOutcome, ActState
from engine.domain.chain_events import ActEnded
from engine.domain.commands import AskMerge
from engine.domain.effects import CarryOut, FetchBooks, Reply, SendBatch
from engine.domain.events import Job, JobDue
from engine.domain.failure import PostClass
from engine.domain.order import Settlement
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import TicketKind, TicketState
from tests.support.builders import accepted, answer, event, shares, trade
from tests.support.desk_run import DeskRun, of_kind, only, refusal_of
from tests.unit.core.test_auto import SHUT, fill, granted, in_force, looked, sent
from tests.unit.core.test_chain_flow import Pairs, hold


@pytest.fixture
def run():
    """A desk on two events that do not pay now."""
    return DeskRun(event("fed3"), event("cpi3"), asks=SHUT).start()


def broken(run):
    """A plan under a grant of which the last leg was refused; returns the broken ticket's id."""
    *filled, missed = sent(run)
    run.answer(
        *(accepted(order, order.intent.size) for order in filled),
        answer(missed, PostClass.REFUSED, "not enough"),
    )
    confirmed = Settlement.CONFIRMED
    run.told_by_stream(*(trade(o, name=f"t-{o.order_id}", settlement=confirmed) for o in filled))
    assert run.ticket(missed.intent.ticket_id).state is TicketState.BROKEN
    return missed.intent.ticket_id


def scan(run):
    return run.later(1_000).step(JobDue(run.at_ms, Job.DUTCH_SCAN))


def test_a_plan_that_broke_under_a_grant_is_completed_without_a_press(run):
    grant = granted(run)
    ticket_id = broken(run)

    batch = only(looked(run, scan(run)), SendBatch)
    assert (batch.ticket.kind, batch.grant.user_id) == (
        TicketKind.REPAIR,
        run.ticket(grant.ticket_id).owner.user_id,
    )
    assert ticket_id in batch.ticket.subject
    fill(run, run.commit(batch))

    assert run.ticket(ticket_id).state is TicketState.DONE
    assert in_force(run, grant)
    assert run.desk.runner.grants[grant.ticket_id].failed == 1, "the repair is no second plan"


def test_a_repair_is_not_sent_twice_while_its_last_look_is_under_way(run):
    granted(run)
    broken(run)

    assert len(of_kind(scan(run), FetchBooks)) == 1
    assert of_kind(scan(run), FetchBooks) == []


def test_without_a_grant_in_force_a_broken_plan_waits_for_a_person(run):
    grant = granted(run)
    broken(run)
    run.desk.runner.grants.pop(grant.ticket_id)

    assert of_kind(scan(run), FetchBooks) == []


def test_a_grant_that_ends_during_the_last_look_sends_no_repair(run):
    grant = granted(run)
    broken(run)
    effects = scan(run)
    run.desk.runner.grants.pop(grant.ticket_id)

    assert not of_kind(looked(run, effects), SendBatch)


def test_a_repair_counts_against_the_budget(run):
    grant = granted(run)
    broken(run)
    before = run.desk.runner.grants[grant.ticket_id].reserved.copy()

    batch = only(looked(run, scan(run)), SendBatch)

    reserved = run.desk.runner.grants[grant.ticket_id].reserved
    assert reserved == {**before, batch.ticket.ticket_id: batch.plan.spend_max}


def test_a_grant_merges_the_pairs_in_its_scope_at_a_scan():
    pairs = Pairs()
    granted(pairs.run)

    (act,) = of_kind(scan(pairs.run), CarryOut)

    assert act.act.yes_size == shares(40)


def test_without_a_grant_no_scan_merges():
    assert of_kind(scan(Pairs().run), CarryOut) == []


def test_a_merge_that_failed_is_not_begun_again_at_every_scan():
    run = Pairs().run
    granted(run)
    (act,) = of_kind(scan(run), CarryOut)

    run.step(ActEnded(run.at_ms, act.act.act_id, ActOutcome(ActState.FAILED, "0x1", "reverted")))

    assert of_kind(scan(run), CarryOut) == []


def test_a_grant_does_not_merge_the_shares_of_a_broken_plan(run):
    granted(run)
    broken(run)
    hold(run, run.events[0].markets[0].no, 500, "no")
    held = [(token, holding.held) for token, holding in run.desk.positions.holdings.items()]
    run.later(LAG_MS + 1).read(held=held)
    run.desk.offsets |= {token: 0 for market in run.events[0].markets for token in (market.yes, market.no)}

    assert of_kind(scan(run), CarryOut) == []


def test_a_grant_does_not_merge_the_shares_of_a_plan_that_is_still_in_flight(run):
    """Its last leg may never fill: then its repair counts on what the others bought."""
    granted(run)
    *filled, unknown = sent(run)
    run.answer(
        *(accepted(order, order.intent.size) for order in filled),
        answer(unknown, PostClass.UNKNOWN, "no answer"),
    )
    confirmed = Settlement.CONFIRMED
    run.told_by_stream(*(trade(o, name=f"t-{o.order_id}", settlement=confirmed) for o in filled))
    hold(run, run.events[0].markets[0].no, 500, "no")
    run.desk.offsets |= {token: 0 for market in run.events[0].markets for token in (market.yes, market.no)}
    assert run.ticket(unknown.intent.ticket_id).state is TicketState.SENDING

    assert of_kind(scan(run), CarryOut) == []


def test_a_person_does_not_merge_the_shares_of_a_broken_plan_either(run):
    """Else its repair would buy the missing leg of a set that has another one missing by then."""
    granted(run)
    broken(run)
    hold(run, run.events[0].markets[0].no, 500, "no")

    view = only(run.ask(AskMerge()), Reply).view

    assert refusal_of(view).refusal.kind is RefusalKind.INVENTORY
    assert "no unfinished plan needs" in refusal_of(view).refusal.text


def test_a_repair_armed_under_a_grant_ends_with_the_process_and_is_no_persons_ticket(run):
    granted(run)
    ticket_id = broken(run)
    scan(run)
    (armed,) = (t for t in run.desk.tickets.values() if t.kind is TicketKind.REPAIR)
    assert (armed.state, ticket_id in armed.subject) == (TicketState.ARMED, True)

    run.restart(tuple(run.desk.orders.values()), tuple(run.desk.tickets.values()))

    assert run.ticket(armed.ticket_id).state is TicketState.DROPPED
    assert "stopped before it was sent" in run.ticket(armed.ticket_id).note

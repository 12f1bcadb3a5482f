"""Quotes at the edges of their grant: what leaves again, what is merged, and money told without a book."""

import pytest

from engine.core.trading import spread_flow
from engine.domain.account import CancelReply
from engine.domain.commands import StopSpread
from engine.domain.effects import ResendOrders, SendBatch
from engine.domain.events import Job, JobDue
from engine.domain.failure import PostClass
from engine.domain.order import Settlement
from engine.domain.units import Ms
from tests.support.builders import answer, usdc
from tests.support.desk_run import cancelled_ids, of_kind, timers
from tests.support.quote_run import ASKS, BIDS, QuoteRun


@pytest.fixture
def run():
    return QuoteRun().start()


def deferred(run, **terms):
    """Quotes that the venue did not take just now, and when they would leave again."""
    orders = run.quoting(**terms)
    name = f"resend:{orders[0].intent.ticket_id}"
    effects = run.answer(*(answer(each, PostClass.DEFERRED, "too early") for each in orders))
    return name, timers(effects)[name]


def test_a_deferred_quote_leaves_again_while_its_grant_is_in_force_and_its_book_proven(run):
    name, due_ms = deferred(run)
    run.at_ms = due_ms
    assert len([i for e in of_kind(run.timer(name), ResendOrders) for i in e.order_ids]) == 2


def test_a_deferred_quote_does_not_leave_again_at_the_end_of_its_grant(run):
    name, due_ms = deferred(run)
    grant = next(iter(run.desk.quoter.grants.values()))
    grant.expires_ms = due_ms
    run.at_ms = due_ms
    assert not of_kind(run.timer(name), ResendOrders)


def test_a_deferred_quote_does_not_leave_again_after_its_book_was_lost(run):
    name, due_ms = deferred(run)
    run.books.shown.clear()
    run.at_ms = due_ms
    assert not of_kind(run.timer(name), ResendOrders)


def test_nothing_is_merged_under_a_grant_in_the_step_in_which_it_ends(run, monkeypatch):
    begun = []

    def merge_due(_desk, event_id, _at_ms, **_):
        begun.append(event_id)
        return []

    monkeypatch.setattr(spread_flow, "merge_due", merge_due)
    run.resting()
    grant = next(iter(run.desk.quoter.grants.values()))
    run.at_ms = Ms(grant.expires_ms - 1)
    run.step(JobDue(run.at_ms, Job.DUTCH_SCAN))
    assert len(begun) == 1
    run.later(1).step(JobDue(run.at_ms, Job.DUTCH_SCAN))
    assert len(begun) == 1
    assert not run.desk.quoter.grants


def test_a_grant_that_ends_without_a_book_tells_its_profit_at_the_last_fair_value(run):
    bid, _ = run.resting()
    run.later(1_000).hit(bid, 40)
    fair = next(iter(run.desk.quoter.grants.values())).pulse.fair
    run.books.shown.clear()
    run.later(1_000).refreshed()
    run.ask(StopSpread())
    view = next(iter(run.desk.quoter.cards.values()))
    assert view.profit.total == 40 * fair - usdc(18), "40 shares were bought at 0.45"


def test_a_quote_that_fills_after_its_book_was_lost_counts_at_the_last_fair_value(run):
    bid, _ = run.resting()
    run.later(1_000).refreshed()
    run.books.shown.clear()
    run.later(100).refreshed()
    run.hit(bid, 40)
    grant = next(iter(run.desk.quoter.grants.values()))
    assert sum(grant.tally.captured.values()) == usdc(2)
    assert len(grant.pulse.toxicity.waiting[0]) == 1


def test_a_fill_first_told_when_it_was_undone_already_is_no_fill(run):
    bid, _ = run.resting()
    run.later(1_000).hit(bid, 40, settlement=Settlement.FAILED)
    grant = next(iter(run.desk.quoter.grants.values()))
    assert not grant.pulse.toxicity.waiting[0]
    assert not grant.tally.captured


def test_a_tick_that_this_desk_does_not_know_pulls_and_places_nothing(run):
    orders = run.resting()
    run.lay(BIDS, ASKS, tick=20)
    effects = run.later(5_000).refreshed()
    assert cancelled_ids(effects) == {each.order_id for each in orders}
    run.cancel_says(CancelReply.CANCELLED, *orders)
    run.read()
    assert not of_kind(run.later(5_000).refreshed(), SendBatch)

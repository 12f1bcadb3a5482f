"""What is sent again: the same bytes a few times, cancels until they are answered, within the rate limit."""

from dataclasses import replace

import pytest

from engine.core.orders.repeats import CANCEL_TIMER, FIRST_READ_MS, PAGE_ORDERS
from engine.core.orders.resend import may_resend, pause_ms
from engine.core.rate_governor import CANCEL_IDS_MAX
from engine.core.state import OrderRules
from engine.domain.account import CancelReply
from engine.domain.commands import Kill
from engine.domain.effects import CancelEverything, CancelOrders, Count, Reply, ResendOrders, SendBatch
from engine.domain.events import CancelAnswered, CancelFailed, PostAnswered, Restored, TimerDue
from engine.domain.failure import POST_RULES, PostClass
from engine.domain.order import OrderState
from engine.domain.rates import Bucket, RetryAfter
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move
from engine.domain.units import Ms
from engine.domain.venue_state import VenueNote
from engine.domain.views import Gate
from tests.support.builders import ANA, accepted, answer, intent, order, order_id
from tests.support.desk_run import DeskRun, cancelled_ids, of_kind, only, refusal_of, timers

RULES = OrderRules(Ms(40_000), Ms(60_000))


@pytest.fixture
def run():
    return DeskRun().start()


def gate(run):
    return run.desk.gate


def patient(resend_ms=30_000, **changes):
    return order(what=intent(resend_until_ms=Ms(intent().created_ms + resend_ms)), **changes)


def limited(wait_ms):
    return VenueNote(limited=RetryAfter(Ms(wait_ms), told=True))


@pytest.mark.parametrize("tries", range(1, 12))
def test_a_pause_is_drawn_under_a_ceiling_that_doubles_to_eight_seconds(tries):
    ceiling = min(8_000, 250 * 2 ** (tries - 1))
    drawn = [pause_ms(order_id(seed), tries) for seed in range(300)]

    assert all(1 <= pause <= ceiling for pause in drawn)
    assert min(drawn) < ceiling / 4, "full jitter reaches down"
    assert max(drawn) > ceiling * 3 / 4


def test_the_same_send_of_the_same_order_waits_equally_long():
    assert pause_ms("a", 3) == pause_ms("a", 3)
    assert len({pause_ms("a", tries) for tries in range(6, 12)}) > 1


def test_the_operators_caps_lie_below_the_desks_own():
    calm = replace(RULES, retry_sleep_max_ms=Ms(10), retries_max=1)

    assert all(pause_ms(order_id(n), 8, most_ms=10) <= 10 for n in range(50))
    assert may_resend(calm, patient(sends=1), patient().last_send_ms)
    assert not may_resend(calm, patient(sends=2), patient().last_send_ms)
    assert not may_resend(replace(RULES, retries_max=0), patient(sends=1), patient().last_send_ms)


def test_no_order_is_sent_more_than_five_times_whatever_the_settings():
    eager = replace(RULES, retries_max=100)

    assert may_resend(eager, patient(sends=4), patient().last_send_ms)
    assert not may_resend(eager, patient(sends=5), patient().last_send_ms)


def test_a_pause_that_would_end_after_the_books_are_too_old_is_not_begun():
    old = patient(resend_ms=1_000)

    assert may_resend(RULES, old, Ms(old.last_send_ms + 700))
    assert not may_resend(RULES, old, Ms(old.last_send_ms + 1_000))


def test_only_answers_after_which_nothing_rests_allow_the_same_bytes():
    again = {kind for kind, rule in POST_RULES.items() if rule.same_bytes_may_follow}

    assert again == {PostClass.DEFERRED, PostClass.NOT_SENT}


def test_a_429_is_waited_for_as_long_as_it_says_and_then_the_same_bytes_follow(run):
    legs = run.sent()
    began = run.at_ms
    run.step(
        PostAnswered(run.at_ms, tuple(answer(o, PostClass.DEFERRED, "429") for o in legs), limited(2_000))
    )
    assert Count("relayer_rate_limited_total", "") in run.effects
    name = f"resend:{legs[0].intent.ticket_id}"
    while run.at_ms < began + 2_000:
        assert of_kind(run.timer(name), ResendOrders) == [], "nothing leaves inside the window"
        run.later(250)

    run.timer("limited")
    run.read()
    assert gate(run) is Gate.RUN
    assert set(only(run.timer(name), ResendOrders).order_ids) == {leg.order_id for leg in legs}
    assert {run.order(leg).sends for leg in legs} == {2}


def test_a_429_longer_than_the_window_ends_in_the_proof(run):
    legs = run.sent()
    note = limited(60_000)
    run.step(PostAnswered(run.at_ms, tuple(answer(o, PostClass.DEFERRED, "429") for o in legs), note))
    run.later(5_001).timer(f"resend:{legs[0].intent.ticket_id}")

    assert {run.order(leg).state for leg in legs} == {OrderState.UNKNOWN}


def test_a_batch_that_does_not_fit_is_refused_before_anything_is_committed(run):
    card = run.armed()
    run.desk.rates.take(Bucket.ORDERS, 45, run.at_ms)

    effects = run.press(card, Move.SEND)

    refusal = refusal_of(only(effects, Reply).view).refusal
    assert refusal.kind is RefusalKind.RATE_LIMITED
    assert "found 15 tokens" in refusal.text
    assert of_kind(effects, SendBatch) == []
    run.later(1_000)
    assert of_kind(run.press(card, Move.SEND), SendBatch), "the card is still good"


def test_a_send_is_charged_once_per_order(run):
    run.sent()

    assert run.desk.rates.remaining(Bucket.ORDERS, run.at_ms) == 60 - 3


def test_a_cancel_without_an_answer_is_sent_again_after_a_pause_until_it_is_answered(run):
    legs = run.sent()
    run.answer(accepted(legs[0]))
    for _ in range(8):
        failed = CancelFailed(run.at_ms, (legs[0].order_id,), "timed out")
        due = timers(run.step(failed))["cancels"]
        assert run.at_ms < due <= run.at_ms + 8_000
        run.at_ms = due
        assert cancelled_ids(run.timer("cancels")) == {legs[0].order_id}

    run.step(CancelAnswered(run.at_ms, run.at_ms, ((legs[0].order_id, CancelReply.CANCELLED),)))
    assert legs[0].order_id not in run.desk.cancels.tries


def test_a_cancel_that_was_limited_waits_for_retry_after(run):
    legs = run.sent()
    run.answer(accepted(legs[0]))
    failed = CancelFailed(run.at_ms, (legs[0].order_id,), "429", limited(3_000), run.at_ms)

    assert timers(run.step(failed))["cancels"] >= run.at_ms + 3_000


def test_the_cancel_of_an_order_that_ended_is_forgotten(run):
    legs = run.sent()
    run.answer(accepted(legs[0]))
    run.step(CancelFailed(run.at_ms, (legs[0].order_id,), "timed out"))
    run.look_up(legs[0])
    run.desk.orders[legs[0].order_id] = replace(run.order(legs[0]), state=OrderState.CANCELLED)

    assert of_kind(run.later(9_000).timer("cancels"), CancelOrders) == []


def test_a_thousand_cancels_leave_in_slices_at_the_rate_of_the_tier(run):
    many = tuple(order(OrderState.LIVE, what=replace(intent(), leg=n)) for n in range(1_000))
    restored = DeskRun()
    restored.start()
    restored.restart(many, ())
    first = min(restored.desk.cancels.waiting.values())
    while restored.desk.cancels.waiting:
        restored.at_ms = min(restored.desk.cancels.waiting.values())
        leaving = of_kind(restored.timer("cancels"), CancelOrders)
        assert all(len(effect.order_ids) <= CANCEL_IDS_MAX for effect in leaving)

    assert restored.at_ms - first <= 1_000 * 1_000 // 80 + 1_000
    assert cancelled_ids(restored.effects) == {leg.order_id for leg in many}


def test_a_kill_is_sent_on_an_empty_bucket_and_charged(run):
    run.sent()
    run.desk.rates.take(Bucket.CANCELS, 120, run.at_ms)

    assert of_kind(run.ask(Kill(), ANA), CancelEverything)
    assert run.desk.rates.remaining(Bucket.CANCELS, run.at_ms) == -(1 + 3)


def take_up(count):
    """Start a desk that finds so many orders resting."""
    fresh = DeskRun()
    resting = tuple(order(OrderState.LIVE, order_id=order_id(n)) for n in range(count))
    return fresh, fresh.step(Restored(fresh.at_ms, (), resting, (), (), None))


def test_a_start_cancels_a_page_of_orders_at_once():
    _, effects = take_up(PAGE_ORDERS)

    assert cancelled_ids(effects)


def test_a_start_reads_more_than_a_page_of_orders_before_their_cancels_change_the_list():
    fresh, effects = take_up(PAGE_ORDERS + 1)
    assert not cancelled_ids(effects), "expected the read to find a list that stands still"

    fresh.later(FIRST_READ_MS)
    due = fresh.step(TimerDue(fresh.at_ms, CANCEL_TIMER))

    assert timers(effects)[CANCEL_TIMER] == fresh.at_ms
    assert len(cancelled_ids(due)) == CANCEL_IDS_MAX, "the others wait for their tokens"

"""Orders that are not a plan's usual leg: ended by the venue, resting on purpose, held back, not matched."""

import pytest

from engine.core.exposure.risk import reserved
from engine.core.orders.proof import unknown_since
from engine.domain.account import CancelReply
from engine.domain.effects import LookUpOrder, RaiseAlert, ResendOrders
from engine.domain.failure import Placed, PostClass, RejectKind
from engine.domain.order import OrderState, Settlement, TimeInForce
from engine.domain.units import Ms
from tests.support.builders import accepted, answer, order, order_id, resting, shares, ticket, trade
from tests.support.desk_run import DeskRun, cancelled_ids, looked_up_ids, of_kind, only, timers

S = OrderState
WHOLE = shares(100)
H_MS = 60_000
WORDS = "no orders found to match with FAK order. FAK orders are partially filled or killed if"


@pytest.fixture
def run():
    return DeskRun().start()


def killed(leg):
    """What the adapter makes of the venue's words for an order that its own type ended."""
    return answer(leg, PostClass.REFUSED, WORDS, reject=RejectKind.KILLED)


def state(run, leg):
    return run.order(leg).state


@pytest.mark.parametrize("kind", [TimeInForce.FAK, TimeInForce.FOK])
def test_an_order_that_found_nothing_to_match_is_killed_and_reserves_nothing(run, kind):
    legs = run.sent_as(time_in_force=kind, expiration_s=0)

    run.answer(*(killed(leg) for leg in legs))

    assert {state(run, leg) for leg in legs} == {S.KILLED}
    assert reserved(run.desk) == 0
    assert cancelled_ids(run.effects) == set()


def test_the_same_words_for_an_order_that_may_rest_are_a_refusal(run):
    leg = run.sent()[0]

    run.answer(answer(leg, PostClass.REFUSED, WORDS, reject=RejectKind.ORDER))

    assert state(run, leg) is S.REJECTED


def test_a_kill_after_an_unanswered_send_is_not_believed(run):
    """The words may speak of the second copy: a read has to tell."""
    leg = run.sent_as(time_in_force=TimeInForce.FAK, expiration_s=0)[0]
    run.answer(answer(leg, PostClass.UNKNOWN, "timed out"))

    run.answer(killed(leg))

    assert state(run, leg) is S.UNKNOWN


def test_what_a_fak_matched_in_part_ends_it_and_the_part_is_booked(run):
    leg = run.sent_as(time_in_force=TimeInForce.FAK, expiration_s=0)[0]

    run.answer(accepted(leg, shares(40)))
    assert state(run, leg) is S.KILLED
    assert reserved(run.desk) > 0, "forty are matched and not read back"

    run.look_up(leg, trade(leg, shares(40), settlement=Settlement.CONFIRMED))
    assert run.order(leg).filled == shares(40)
    assert cancelled_ids(run.effects) == set()


@pytest.mark.parametrize("placed", [Placed.LIVE, Placed.DELAYED])
def test_a_fak_that_is_answered_live_or_delayed_is_never_sent_again_and_ends_by_proof(run, placed):
    """Users report it (peers d 11): it may fill later."""
    leg = run.sent_as(time_in_force=TimeInForce.FAK, expiration_s=0)[0]
    run.answer(accepted(leg, placed=placed))
    assert not state(run, leg).is_final

    run.later(H_MS - 1).look_up(leg)
    assert not state(run, leg).is_final
    run.later(1).look_up(leg)

    assert state(run, leg) is S.KILLED
    assert of_kind(run.effects, ResendOrders) == []


def test_a_fak_without_any_answer_is_dead_after_h_by_a_complete_read_alone(run):
    """Reliability E2 c: it can no longer execute past H."""
    leg = run.sent_as(time_in_force=TimeInForce.FAK, expiration_s=0)[0]
    run.answer(answer(leg, PostClass.UNKNOWN, "timed out"))

    run.later(H_MS).look_up(leg)

    assert state(run, leg) is S.DEAD


def test_an_order_meant_to_rest_rests(run):
    legs = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)

    run.answer(*(accepted(leg) for leg in legs))
    run.later(10_000).read(rests=[resting(leg) for leg in legs])

    assert {state(run, leg) for leg in legs} == {S.LIVE}
    assert cancelled_ids(run.effects) == set()
    assert reserved(run.desk) > 0


def test_a_part_of_a_resting_order_fills_and_the_rest_goes_on_resting(run):
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    run.answer(accepted(leg))

    run.told_by_stream(trade(leg, shares(30)))
    run.later(10_000).read(rests=[resting(leg, shares(30))])

    assert state(run, leg) is S.PARTIAL
    assert cancelled_ids(run.effects) == set()


def test_a_resting_order_that_a_read_misses_is_cancelled_by_id_and_proven_gone(run):
    """The venue cancels by itself (balance, resolution, game start); absence alone proves nothing."""
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    run.answer(accepted(leg))

    effects = run.later(10_000).read()
    assert cancelled_ids(effects) == {leg.order_id}
    assert not state(run, leg).is_final

    run.later(100).cancel_says(CancelReply.NOT_FOUND, leg)
    run.later(10).look_up(leg)
    assert state(run, leg) is S.DEAD


def test_a_read_that_began_before_the_acknowledgement_does_not_miss_a_resting_order(run):
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    began = run.later(10).at_ms
    run.later(10).answer(accepted(leg))

    effects = run.later(10).read(asked_ms=began)

    assert cancelled_ids(effects) == set()
    assert state(run, leg) is S.LIVE


def test_an_unanswered_order_meant_to_rest_is_cancelled_and_stays_cancelled_when_found(run):
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    effects = run.answer(answer(leg, PostClass.UNKNOWN, "timed out"))
    assert cancelled_ids(effects) == {leg.order_id}

    effects = run.look_up(leg, rests=resting(leg))

    assert state(run, leg) is S.PENDING_CANCEL
    assert cancelled_ids(effects) == {leg.order_id}


def test_restart_cancels_resting_orders_in_one_request(run):
    kept = tuple(order(S.LIVE, leg) for leg in range(3))

    effects = run.restart(kept, (ticket(),))

    assert len([e for e in effects if cancelled_ids([e])]) == 1
    assert cancelled_ids(effects) == {leg.order_id for leg in kept}


@pytest.mark.parametrize("placed", [Placed.DELAYED, Placed.UNMATCHED])
def test_what_the_venue_holds_back_is_neither_cancelled_nor_sent_again_but_asked_for(run, placed):
    leg = run.sent()[0]

    effects = run.answer(accepted(leg, placed=placed))
    assert state(run, leg) is S.DELAYED
    assert reserved(run.desk) > 0, "it may match any moment"

    for _ in range(6):
        run.at_ms = timers(effects)[f"lookup:{leg.order_id}"]
        effects = run.timer(f"lookup:{leg.order_id}")
        assert looked_up_ids(effects) == {leg.order_id}
        effects = (*effects, *run.look_up(leg, rests=resting_delayed(leg)))
    assert leg.order_id not in cancelled_ids(run.effects)
    assert of_kind(run.effects, ResendOrders) == []


def resting_delayed(leg):
    seen = resting(leg)
    return type(seen)(
        seen.order_id, seen.condition_id, seen.token_id, seen.side, seen.price, seen.original_size,
        seen.matched_size, delayed=True,
    )  # fmt: skip


def test_a_delay_that_ends_in_a_match_is_a_fill(run):
    leg = run.sent()[0]
    run.answer(accepted(leg, placed=Placed.DELAYED))

    run.later(3_000).look_up(leg, trade(leg))

    assert state(run, leg) is S.FILLED
    assert leg.order_id not in cancelled_ids(run.effects)


def test_a_delay_that_ends_on_the_book_is_cancelled_at_once(run):
    leg = run.sent()[0]
    run.answer(accepted(leg, placed=Placed.DELAYED))

    effects = run.later(3_000).look_up(leg, rests=resting(leg))

    assert cancelled_ids(effects) == {leg.order_id}
    assert state(run, leg) is S.PENDING_CANCEL


@pytest.mark.parametrize("placed", [Placed.DELAYED, Placed.UNMATCHED])
def test_a_delay_that_ends_in_nothing_is_proven_by_a_cancel_and_a_read_without_waiting_for_h(run, placed):
    leg = run.sent()[0]
    run.answer(accepted(leg, placed=placed))

    effects = run.later(3_000).look_up(leg)
    assert cancelled_ids(effects) == {leg.order_id}, "absent: now a cancel's reply can name it"
    run.later(100).cancel_says(CancelReply.NOT_FOUND, leg)
    run.later(10).look_up(leg)

    assert state(run, leg) is S.DEAD


def test_a_slow_answer_does_not_raise_an_order_whose_end_a_read_has_proven(run):
    leg = run.sent()[0]
    run.later(100).read(rests=[resting(leg)])
    run.later(100).cancel_says(CancelReply.CANCELLED, leg)
    run.later(10).look_up(leg)
    assert state(run, leg) is S.CANCELLED

    effects = run.later(10).answer(accepted(leg))

    assert state(run, leg) is S.CANCELLED
    assert cancelled_ids(effects) == set()


def test_matched_or_cancelled_says_the_venue_and_no_trade_follows_it_was_cancelled(run):
    """A resting order has no expiration: without an end it would hold its reserve for ever (peers d 7)."""
    leg = run.sent_as(post_only=True, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    run.answer(accepted(leg))
    run.later(10_000).read()
    run.later(100).cancel_says(CancelReply.MATCHED, leg)

    run.later(H_MS - 1).look_up(leg)
    assert not state(run, leg).is_final, "its trade may be late"
    run.later(1).look_up(leg)

    assert state(run, leg) is S.CANCELLED


def test_how_long_orders_are_unknown_is_told_in_this_process_time(run):
    leg = run.sent()[0]
    run.answer(answer(leg, PostClass.UNKNOWN, "timed out"))
    began = run.at_ms
    run.later(5_000).answer(answer(leg, PostClass.UNKNOWN, "timed out"))
    assert unknown_since(run.desk) == ((leg.order_id, began),)

    run.look_up(leg, trade(leg))
    assert unknown_since(run.desk) == ()

    kept = order(last_send_ms=Ms(run.at_ms - 3_600_000))
    run.restart((kept,), (ticket(),))
    assert unknown_since(run.desk) == ((kept.order_id, run.at_ms),)


def test_many_cancels_answered_at_once_are_proven_by_one_read(run):
    kept = tuple(order(S.LIVE, leg) for leg in range(3))
    run.restart(kept, (ticket(),))
    many = [order(S.LIVE, order_id=order_id(n)) for n in range(40)]
    run.desk.orders.update({o.order_id: o for o in many})

    effects = run.later(100).cancel_says(CancelReply.CANCELLED, *many)
    assert of_kind(effects, LookUpOrder) == []
    assert len(effects) == 1, "one read of the account"

    run.later(10).read()
    assert {run.order(o).state for o in many} == {S.CANCELLED}


def test_a_refusal_tells_once_and_only_for_its_leg(run):
    legs = run.sent()

    effects = run.answer(answer(legs[0], PostClass.REFUSED, "invalid nonce"))

    assert legs[0].intent.name in only(effects, RaiseAlert).alert.text

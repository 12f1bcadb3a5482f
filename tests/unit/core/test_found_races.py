"""Found by reading the specification against the code: events that meet in an awkward order."""

import os
import subprocess
import sys

import pytest

from engine.core.state import Desk
from engine.domain.account import CancelReply, MakerMatch
from engine.domain.commands import AskResume, Kill
from engine.domain.effects import ResendOrders, SaveHalt, SendBatch
from engine.domain.events import CardShown, StoreFailed
from engine.domain.failure import PostClass
from engine.domain.order import OrderState
from engine.domain.ticket import Move, TicketState
from engine.domain.units import Usdc
from engine.domain.views import Gate
from tests.support.builders import ANA, BEN, accepted, answer, event, resting, shares, trade, usdc
from tests.support.desk_run import CARD, DeskRun, cancelled_ids, dutch_params, of_kind, only, timers
from tests.support.tree import ROOT

S, M = OrderState, Move


@pytest.fixture
def run():
    return DeskRun().start()


def gate(desk: Desk) -> Gate:
    return desk.gate


def refuse_all_but(run, leg, legs):
    run.answer(*(answer(o, PostClass.REFUSED, "invalid nonce") for o in legs if o is not leg))


def resend_timer(run):
    return next(name for name in timers(run.effects) if name.startswith("resend:"))


def test_two_sends_before_the_first_commit_is_told_share_one_day_cap():
    """Threat 12, invariant I9: the reserve is taken at the Send, not when its commit is reported."""
    run = DeskRun(event("fed3"), event("cpi3"), day=120).start()
    first = run.armed(code="fed3", sets=100, entropy=1, by=ANA)
    second = run.armed(code="cpi3", sets=100, entropy=2, by=BEN)

    batches = [*of_kind(run.press(first, M.SEND), SendBatch), *of_kind(run.press(second, M.SEND), SendBatch)]

    assert sum(batch.plan.spend_max for batch in batches) <= usdc(120)


def test_two_sends_on_one_event_before_the_first_commit_is_told_are_one(run):
    """Strategy 3.9.6: one plan in flight per event."""
    one = run.armed(sets=10, entropy=1)
    two = run.armed(sets=10, entropy=2)

    batches = [*of_kind(run.press(one, M.SEND), SendBatch), *of_kind(run.press(two, M.SEND), SendBatch)]

    assert len(batches) == 1


def test_cancel_all_that_is_answered_before_the_post_does_not_break_the_desk(run):
    """Kill while a POST hangs: cancel-all names the order, and the POST's answer is still out."""
    legs = run.sent()
    run.ask(Kill(), ANA)
    run.later(100).cancel_says(CancelReply.CANCELLED, *legs)

    run.later(100).read()

    assert gate(run.desk) is Gate.HALTED
    assert {run.order(leg).state for leg in legs} <= {S.CANCELLED, S.SENDING, S.UNKNOWN}


def test_an_order_whose_answer_never_comes_does_not_break_the_desk_at_its_expiry(run):
    """A re-send whose attempt row could not be stored is never answered: SENDING, for ever."""
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs))
    only(run.later(250).timer(resend_timer(run)), ResendOrders)
    run.step(StoreFailed(run.at_ms, "disk full"))
    run.at_ms = legs[0].intent.expiration_s * 1_000 + 61_000

    run.read()

    assert all(run.order(leg).state.is_final for leg in legs)


def test_orders_whose_resend_could_not_be_stored_are_proven_and_not_forgotten(run):
    """Nothing left for the second attempt, so nobody will answer it: the desk must look for itself."""
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs))
    only(run.later(250).timer(resend_timer(run)), ResendOrders)
    run.effects.clear()

    run.step(StoreFailed(run.at_ms, "disk full"))

    assert {f"lookup:{leg.order_id}" for leg in legs} <= set(timers(run.effects))


def test_a_resend_timer_with_nothing_left_to_send_sends_nothing(run):
    """Between the deferral and the timer a read found the legs filled: an empty batch must not be posted."""
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs))
    run.later(100).read(*(trade(leg, name=f"t{n}") for n, leg in enumerate(legs)))

    effects = run.later(150).timer(resend_timer(run))

    assert of_kind(effects, ResendOrders) == []


def test_a_resend_is_never_made_with_less_than_180_seconds_of_expiration_left():
    """Design 7: a marketable GTD is not re-sent with less than 180 s left, whatever the book age allows."""
    run = DeskRun(dutch=dutch_params(max_book_age_ms=120_000)).start()
    legs = run.sent()
    run.later(45_000)
    run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs))

    effects = run.later(250).timer(resend_timer(run)) if "resend" in str(timers(run.effects)) else ()

    assert of_kind(effects, ResendOrders) == []


def test_a_resume_card_older_than_a_kill_does_not_lift_it(run):
    """I14: what a person read and confirmed was the old halt; the kill came after."""
    run.ask(Kill(), ANA)
    run.later(500).read()
    view = run.told(AskResume(), ANA)
    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    run.press(run.ticket(view.ticket.ticket_id), M.CONFIRM)
    run.later(1_000)
    run.ask(Kill(), BEN)

    effects = run.press(run.ticket(view.ticket.ticket_id), M.SEND)

    assert gate(run.desk) is Gate.HALTED
    assert of_kind(effects, SaveHalt) == []


def test_a_proof_of_absence_older_than_a_sight_of_the_order_is_void(run):
    """Reads may overtake each other: it was seen resting after the reply that called it gone."""
    leg, *others = legs = run.sent()
    refuse_all_but(run, leg, legs)
    run.answer(answer(leg, PostClass.UNKNOWN, "timed out"))
    run.later(60_000).timer(f"lookup:{leg.order_id}")
    run.later(10).cancel_says(CancelReply.NOT_FOUND, leg)
    old_read_began = run.at_ms + 1
    run.later(20).look_up(leg, rests=resting(leg))

    run.later(5).look_up(leg, asked_ms=old_read_began)

    assert not run.order(leg).state.is_final, "the order was seen resting after that read began"
    assert len(others) == 2


def test_an_order_kept_back_by_the_gate_has_provably_not_left(run):
    """Kill between commit and POST: no byte left, so the kill is confirmed by the next read, not after H."""
    legs = run.sent()
    run.ask(Kill(), ANA)
    run.answer(*(answer(leg, PostClass.NOT_SENT, "the gate closed before the order left") for leg in legs))
    for name in [name for name in timers(run.effects) if name.startswith("resend:")]:
        run.later(250).timer(name)

    run.later(250).read()

    assert {run.order(leg).state for leg in legs} == {S.REJECTED}
    assert next(iter(run.desk.tickets.values())).state is TicketState.MISSED
    assert run.desk.kill is None


def test_a_ticket_timer_that_comes_a_millisecond_early_is_set_again(run):
    """asyncio may fire a timer one clock step early (15.6 ms on Windows): a card must still expire."""
    card = run.dry()

    effects = run.later(599_999).timer(f"ticket:{card.ticket_id}")

    assert f"ticket:{card.ticket_id}" in timers(effects)


def test_effects_do_not_depend_on_the_hash_seed_of_the_process():
    """Same events, same effects in another process: a trade may name two of our own orders."""
    program = "from tests.unit.core.test_found_races import self_trade_effects; print(self_trade_effects())"
    outcomes = set()
    for seed in range(6):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        outcomes.add(done.stdout)

    assert len(outcomes) == 1


def self_trade_effects():
    """Our second leg takes from our first by minting, as YES and NO of one market can."""
    run = DeskRun().start()
    taker, maker, _ = run.sent()
    found = trade(taker, shares(100))
    mine = MakerMatch(
        maker.order_id, maker.intent.token_id, maker.intent.side, maker.intent.price, shares(100)
    )
    effects = run.read(type(found)(**{f: getattr(found, f) for f in found.__slots__} | {"makers": (mine,)}))
    assert isinstance(run.desk.balance, int)
    assert Usdc(run.desk.balance)
    return repr(effects)


def test_an_accepted_answer_after_a_read_saw_the_order_is_not_taken_twice(run):
    """Guard for the races above: the ordinary overlap of read and answer is right."""
    legs = run.sent()
    run.read(rests=[resting(legs[0], shares(10))])

    run.answer(accepted(legs[0], shares(10)))

    assert run.order(legs[0]).filled == shares(10)


def test_a_dead_order_that_a_trade_shows_partly_filled_is_proven_again(run):
    """The property machine's find: it is open again, and without a proof it hangs until its expiry."""
    leg, *_ = legs = run.sent()
    refuse_all_but(run, leg, legs)
    run.answer(answer(leg, PostClass.UNKNOWN, "timed out"))
    run.later(60_000).timer(f"lookup:{leg.order_id}")
    run.later(10).cancel_says(CancelReply.NOT_FOUND, leg)
    run.later(10).look_up(leg)
    assert run.order(leg).state is S.DEAD

    effects = run.later(5_000).read(trade(leg, shares(40)))

    assert not run.order(leg).state.is_final
    assert cancelled_ids(effects) == {leg.order_id}
    assert f"lookup:{leg.order_id}" in timers(effects)

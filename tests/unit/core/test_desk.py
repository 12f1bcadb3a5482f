"""`step`: one table from events to handlers, deterministic to the byte."""

from typing import get_args

import pytest

from engine.core import history
from engine.core.asking import COMMANDS
from engine.core.desk import FEED_TIMER, HANDLERS, TIMERS, step
from engine.domain.account import CancelReply
from engine.domain.commands import AskResume, Command, Kill, OpenDutch, ScanDutch, ShowStatus
from engine.domain.effects import Count, ReadAccount, ReadCatalogue, Reply, SetTimer
from engine.domain.events import (
    BooksRead,
    BooksReadFailed,
    CancelAnswered,
    CancelFailed,
    CardShown,
    CatalogueRead,
    Event,
    HostTold,
    Job,
    JobDue,
    PostAnswered,
    Restored,
    StoreFailed,
    TimerDue,
    UserLink,
)
from engine.domain.failure import PostClass
from engine.domain.host import HostSign
from engine.domain.ids import TicketId
from engine.domain.rates import RetryAfter
from engine.domain.ticket import Move, TicketState
from engine.domain.units import Ms
from engine.domain.venue_state import VenueNote, VenueSign
from tests.support.builders import (
    ANA,
    BEN,
    TICKET,
    accepted,
    answer,
    order,
    order_id,
    shares,
    ticket,
    token,
    trade,
)
from tests.support.desk_run import CARD, DeskRun, cancelled_ids, of_kind, only, timers


@pytest.fixture
def run():
    return DeskRun().start()


def test_every_event_has_a_handler_and_nothing_else_has():
    assert set(HANDLERS) == set(get_args(Event))


def test_start_reads_catalogue_and_account_and_starts_the_feed_timer():
    run = DeskRun()

    effects = run.step(Restored(run.at_ms, (), (), (), (), None))

    assert effects[0] == ReadCatalogue()
    assert only(effects, ReadAccount).reason == "start"
    assert timers(effects) == {FEED_TIMER: run.at_ms + 1_000}


def test_start_sets_the_timer_of_every_open_ticket_it_finds():
    run = DeskRun()
    kept = (
        ticket(TicketState.DRY, ticket_id=TicketId("T-AAAAAA")),
        ticket(TicketState.DONE, ticket_id=TicketId("T-BBBBBB")),
    )

    effects = run.step(Restored(run.at_ms, kept, (), (), (), None))

    assert "ticket:T-AAAAAA" in timers(effects)
    assert "ticket:T-BBBBBB" not in timers(effects)


def test_a_dry_ticket_survives_a_restart_with_its_buttons(run):
    card = run.dry()
    run.restart((), (card,))
    run.read()

    run.press(card, Move.CONFIRM)

    assert run.ticket(card.ticket_id).state is TicketState.ARMED


def test_a_ticket_that_expired_while_the_desk_was_down_cannot_be_pressed(run):
    card = run.armed()
    run.later(60_000).restart((), (card,))
    run.read()

    run.press(card, Move.SEND)

    assert run.ticket(card.ticket_id).state is TicketState.EXPIRED


def test_the_feed_timer_sets_itself_again(run):
    effects = run.timer(FEED_TIMER)

    assert SetTimer(FEED_TIMER, Ms(run.at_ms + 1_000)) in effects


def test_every_timer_the_desk_sets_has_a_handler(run, monkeypatch):
    legs = run.sent()
    run.answer(
        accepted(legs[0]),
        answer(legs[1], PostClass.DEFERRED, "425"),
        answer(legs[2], PostClass.UNKNOWN, "reset"),
    )
    run.ask(Kill(), ANA)
    monkeypatch.setattr(history, "SLICE", 1)
    run.step(JobDue(run.at_ms, Job.SNAPSHOTS))
    run.step(CancelFailed(run.at_ms, (order_id(1),), "timed out"))
    run.step(UserLink(run.at_ms, up=False))
    for _ in range(3):
        run.step(HostTold(run.at_ms, HostSign.LOOP_LAG, 300))
    note = VenueNote(VenueSign.RESTARTING, limited=RetryAfter(Ms(500), told=True))
    run.step(CancelAnswered(run.at_ms, run.at_ms, (), note))

    kinds = {name.partition(":")[0] for name in timers(run.effects)}
    rare = {
        "act",
        "settle",
        "unsettled",
        "store",
        "catalogue",
        "gate",
        "cancel-all",
        "auto",
        "spread",
        "remind",
    }
    assert kinds == set(TIMERS) - rare


def test_a_cancel_that_failed_is_counted_and_asked_again_after_a_pause(run):
    effects = run.step(CancelFailed(run.at_ms, (order_id(1),), "timed out"))

    assert Count("relayer_cancel_errors_total", "") in effects
    assert run.at_ms < timers(effects)["cancels"] <= run.at_ms + 250


def test_replies_about_orders_that_are_not_ours_change_nothing(run):
    assert (
        run.step(CancelAnswered(run.at_ms, run.at_ms, ((order_id("foreign"), CancelReply.CANCELLED),))) == ()
    )


def test_books_read_for_tokens_nobody_tracks_change_nothing(run):
    run.step(BooksRead(run.at_ms, run.at_ms, (token("foreign"),), ()))
    effects = run.step(BooksReadFailed(run.at_ms, (token("foreign"),), "502"))

    assert Count("engine_errors", "books_read") in effects


@pytest.mark.parametrize("command", [ScanDutch(), OpenDutch("fed3", None), ShowStatus(), Kill(), AskResume()])
@pytest.mark.parametrize("who", [ANA, BEN])
def test_every_command_is_answered_once_under_its_own_number(run, command, who):
    effects = run.ask(command, who)

    assert only(effects, Reply).request == run._request


def test_a_press_is_answered_once(run):
    card = run.dry()

    assert only(run.press(card, Move.CONFIRM), Reply).request == run._request
    assert only(run.press(card, Move.CONFIRM), Reply).request == run._request


def test_the_same_events_twice_give_equal_effects():
    def play():
        run = DeskRun().start()
        legs = run.sent()
        run.answer(
            accepted(legs[0], shares(100)),
            accepted(legs[1], shares(40)),
            answer(legs[2], PostClass.UNKNOWN, "reset"),
        )
        run.later(500).read(trade(legs[0], name="a"), trade(legs[1], shares(40), name="b"))
        run.cancel_says(CancelReply.CANCELLED, legs[1])
        run.look_up(legs[1], trade(legs[1], shares(40), name="b"))
        run.look_up(legs[2], trade(legs[2], name="c"))
        run.ask(Kill(), ANA)
        run.later(1_000).timer("kill")
        run.read()
        return run.effects

    first, second = play(), play()
    assert first == second
    assert repr(first) == repr(second)
    assert len(first) > 40


def test_step_returns_effects_and_keeps_none(run):
    effects = step(run.desk, TimerDue(run.at_ms, "kill"))

    assert effects == ()


def test_an_answer_about_an_order_nobody_sent_breaks_an_invariant(run):
    """The desk only ever hears about bytes it has committed; anything else must not pass in silence."""
    with pytest.raises(KeyError):
        step(run.desk, PostAnswered(run.at_ms, (accepted(order()),)))


def test_a_card_of_an_unknown_ticket_is_nobodys(run):
    assert run.step(CardShown(run.at_ms, TICKET, CARD)) == ()


def test_a_store_failure_while_a_batch_is_on_its_way_leaves_its_orders_to_be_judged(run):
    legs = run.sent()
    run.step(StoreFailed(run.at_ms, "disk full"))

    effects = run.answer(*(accepted(leg) for leg in legs))

    assert cancelled_ids(effects) == {leg.order_id for leg in legs}
    assert of_kind(effects, Reply) == []


def test_a_press_for_a_plan_whose_event_left_the_catalogue_says_so(run):
    card = run.dry()
    run.step(CatalogueRead(run.at_ms, run.at_ms, (), 0))

    run.press(card, Move.REQUOTE)

    assert "not in the catalogue" in run.ticket(card.ticket_id).note


def test_every_command_has_a_row() -> None:
    assert set(COMMANDS) == set(get_args(Command))

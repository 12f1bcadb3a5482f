"""A standing grant: what it takes to begin, what it sends, what it may not, and everything that ends it."""

import pytest

from engine.core.trading.dutch_auto import COOLDOWN_MS, GIVEN_UP_MS
from engine.domain.account import CancelReply
from engine.domain.commands import Kill, OpenAuto, OpenDutch, Press, ShowStatus, StopAuto
from engine.domain.effects import (
    Count,
    FetchBooks,
    RaiseAlert,
    Reply,
    SaveTicket,
    SendBatch,
    SetTimer,
    ShowTicket,
)
from engine.domain.events import BatchRefused, BooksTouched, CardShown, Job, JobDue
from engine.domain.failure import PostClass
from engine.domain.order import Settlement
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move, TicketKind, TicketState
from engine.domain.units import Ms
from engine.domain.views import Gate, GrantsEndedView, StatusView, TicketView
from tests.support.builders import ANA, BEN, VIC, accepted, answer, event, set_books, trade, usdc
from tests.support.desk_run import CARD, DeskRun, of_kind, only, refusal_of
from tests.support.gates import shut

HOUR = Ms(3_600_000)
SHUT, PAYS = (3_400,) * 3, (3_000,) * 3


@pytest.fixture
def run():
    """A desk on two events that do not pay now."""
    return DeskRun(event("fed3"), event("cpi3"), asks=SHUT).start()


def opened(run, code="", budget=500, lasts_ms=HOUR, by=BEN):
    view = only(run.ask(OpenAuto(code, usdc(budget), lasts_ms), by, entropy=99), Reply).view
    assert isinstance(view, TicketView), f"expected a card, was {view}"
    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    return run.desk.tickets[view.ticket.ticket_id]


def granted(run, **terms):
    """A grant in force."""
    ticket = opened(run, **terms)
    run.press(ticket, Move.CONFIRM)
    run.later(1_000).press(run.ticket(ticket.ticket_id), Move.SEND)
    return run.ticket(ticket.ticket_id)


def touched(run):
    return run.step(BooksTouched(run.at_ms, 1))


def window(run, index=0, asks=PAYS, size=500):
    """Let an event's books change to this."""
    run.books.shown |= set_books(run.events[index], *asks, size=size)
    return touched(run)


def looked(run, effects):
    """Answer the last looks that these effects began."""
    looks = [look for look in of_kind(effects, FetchBooks) if look.reason == "recheck"]
    return tuple(effect for look in looks for effect in run.look(look))


def sent(run, index=0, size=500):
    """Let a window open and the grant send it; returns its orders."""
    batch = only(looked(run, window(run, index, size=size)), SendBatch)
    return run.commit(batch)


def fill(run, orders, *, whole=True):
    """Let the venue answer: every leg filled and confirmed, or none."""
    if whole:
        run.answer(*(accepted(order, order.intent.size) for order in orders))
        confirmed = Settlement.CONFIRMED
        run.told_by_stream(*(trade(o, name=f"t-{o.order_id}", settlement=confirmed) for o in orders))
    else:
        run.answer(*(answer(order, PostClass.REFUSED, "not enough") for order in orders))


def in_force(run, ticket):
    known = ticket.ticket_id in run.desk.runner.grants
    return known and run.ticket(ticket.ticket_id).state is TicketState.SENDING


def panel(run, ticket):
    """What the grant's card was last shown with."""
    views = [e.view for e in of_kind(run.effects, ShowTicket) if e.view.ticket.ticket_id == ticket.ticket_id]
    assert views[-1].grant is not None, f"expected a grant in force, was {views[-1]}"
    return views[-1].grant


# Beginning.


def test_a_window_without_a_grant_is_proposed_and_never_sent(run):
    effects = window(run)

    assert only(effects, RaiseAlert).alert.next_step == "/dutch fed3"
    assert of_kind(effects, FetchBooks) == []


def test_a_grant_takes_both_presses_before_anything_is_sent(run):
    ticket = opened(run)
    assert ticket.state is TicketState.DRY
    assert of_kind(window(run), FetchBooks) == []

    run.press(ticket, Move.CONFIRM)
    assert of_kind(window(run, size=400), FetchBooks) == []

    run.later(1_000).press(run.ticket(ticket.ticket_id), Move.SEND)
    assert len(of_kind(looked(run, touched(run)), SendBatch)) == 1, "the open window is taken"


def test_the_card_tells_budget_scope_and_the_cap_of_one_plan(run):
    ticket = opened(run, code="fed3", budget=800)

    assert (ticket.subject, ticket.auto.budget, ticket.auto.per_plan) == ("fed3", usdc(800), usdc(500))


def test_only_traders_ask_for_a_grant(run):
    view = only(run.ask(OpenAuto("", usdc(5), HOUR), VIC), Reply).view

    assert refusal_of(view).refusal.kind is RefusalKind.ROLE


def test_an_unknown_code_gets_no_grant(run):
    view = only(run.ask(OpenAuto("nope", usdc(5), HOUR)), Reply).view

    assert refusal_of(view).refusal.kind is RefusalKind.UNKNOWN_CODE


@pytest.mark.parametrize(("first", "second"), [("", ""), ("", "fed3"), ("fed3", ""), ("fed3", "fed3")])
def test_an_event_has_one_grant_at_most(run, first, second):
    granted(run, code=first)

    view = only(run.ask(OpenAuto(second, usdc(5), HOUR), entropy=5), Reply).view

    assert refusal_of(view).refusal.kind is RefusalKind.IN_FLIGHT


def test_two_cards_for_one_event_begin_one_grant(run):
    cards = [opened(run, code="fed3"), opened(run, code="fed3")]
    for card in cards:
        run.press(card, Move.CONFIRM)
    run.later(1_000)
    answers = [only(run.press(run.ticket(card.ticket_id), Move.SEND), Reply).view for card in cards]

    assert refusal_of(answers[1]).refusal.kind is RefusalKind.IN_FLIGHT
    assert len(run.desk.runner.grants) == 1


@pytest.mark.parametrize("gate", [gate for gate in Gate if gate is not Gate.RUN])
def test_no_grant_begins_while_no_order_may_leave(run, gate):
    ticket = opened(run)
    run.press(ticket, Move.CONFIRM)
    shut(run.desk, gate)

    view = only(run.later(1_000).press(run.ticket(ticket.ticket_id), Move.SEND), Reply).view

    assert refusal_of(view).refusal.kind in (RefusalKind.GATE_CLOSED, RefusalKind.HALTED)
    assert run.desk.runner.grants == {}


# Sending.


def test_a_plan_under_a_grant_is_a_ticket_of_its_own_with_both_witnesses(run):
    grant = granted(run)
    batch = only(looked(run, window(run)), SendBatch)

    assert batch.ticket.kind is TicketKind.DUTCH
    assert batch.ticket.subject == grant.ticket_id
    assert batch.ticket.owner == BEN
    assert batch.ticket.chat_id == grant.chat_id
    assert batch.claim is not None
    assert batch.claim.state is TicketState.ARMED
    assert batch.grant.user_id == BEN.user_id
    assert batch.grant.plan_id == batch.approved.plan_id == batch.plan.plan_id


def test_nothing_is_sent_before_the_venues_books_were_looked_at(run):
    granted(run)

    effects = window(run)

    assert len(of_kind(effects, FetchBooks)) == 1
    assert of_kind(effects, SendBatch) == []


def test_the_right_to_send_ends_with_the_grant(run):
    granted(run, lasts_ms=Ms(2_000))
    run.later(500)
    batch = only(looked(run, window(run)), SendBatch)

    assert batch.grant.expires_ms <= run.at_ms + 1_500


def test_a_grant_for_one_event_proposes_the_others(run):
    granted(run, code="fed3")

    assert only(window(run, 1), RaiseAlert).alert.next_step == "/dutch cpi3"
    assert len(of_kind(window(run, 0), FetchBooks)) == 1


def test_one_plan_is_in_flight_per_event(run):
    granted(run)
    effects = window(run)
    again = window(run.later(300), size=600)
    assert of_kind(again, FetchBooks) == [], "one waits for its last look"

    run.commit(only(looked(run, effects), SendBatch))

    assert of_kind(window(run.later(300), size=700), FetchBooks) == [], "one is in flight"


def test_the_very_same_plan_is_not_sent_again(run):
    granted(run)
    orders = sent(run, size=50)
    fill(run, orders)
    books = dict(run.books.shown)
    window(run, asks=SHUT)

    run.books.shown = books
    effects = touched(run.later(1_000))

    assert of_kind(effects, FetchBooks) == []
    assert Count("dutch_refused_total", "in_flight") in effects


def test_a_plan_sent_before_a_restart_is_known_after_it(run):
    granted(run)
    left = sent(run)
    batch_ticket = run.ticket(left[0].intent.ticket_id)

    run.restart(left, (batch_ticket,))

    assert left[0].intent.plan_id in run.desk.runner.sent_plans


def test_the_budget_bounds_what_all_plans_may_take(run):
    grant = granted(run, budget=120)
    orders = sent(run)
    plan = run.ticket(orders[0].intent.ticket_id).plan
    assert plan.spend_max <= usdc(120)
    fill(run, orders)

    effects = looked(run, window(run.later(2_000), 1))
    spent = plan.spend_max + sum(batch.plan.spend_max for batch in of_kind(effects, SendBatch))

    assert spent <= usdc(120) or not in_force(run, grant)


def test_a_cap_of_the_toml_stays_below_a_larger_budget():
    run = DeskRun(event("fed3"), asks=SHUT, per_ticket=50).start()
    granted(run, budget=5_000)

    assert only(looked(run, window(run)), SendBatch).plan.spend_max <= usdc(50)


def test_books_that_moved_at_the_last_look_send_nothing_and_let_the_event_rest(run):
    grant = granted(run)
    effects = window(run)
    run.books.shown |= set_books(run.events[0], *SHUT)

    given_up = looked(run, effects)

    assert of_kind(given_up, SendBatch) == []
    child = next(t for t in run.desk.tickets.values() if t.subject == grant.ticket_id)
    assert child.state is TicketState.DROPPED
    assert in_force(run, grant), "a plan that was not sent is no failure"
    assert of_kind(window(run), FetchBooks) == [], "the event rests"
    assert len(of_kind(window(run.later(GIVEN_UP_MS), size=600), FetchBooks)) == 1


def test_tickets_under_a_grant_do_not_count_against_its_owners_open_tickets(run):
    granted(run, code="fed3")
    granted(run, code="cpi3")
    window(run)
    window(run, 1)
    assert len([t for t in run.desk.tickets.values() if t.state is TicketState.ARMED]) == 2

    run.ask(StopAuto())

    for entropy in range(3):
        assert isinstance(only(run.ask(OpenAuto("", usdc(5), HOUR), entropy=entropy), Reply).view, TicketView)


def test_the_panel_shows_what_was_sent_and_what_is_left(run):
    grant = granted(run)
    orders = sent(run)
    before = panel(run, grant)
    assert (before.sent, before.flying) == (1, (orders[0].intent.ticket_id,))
    assert before.left < usdc(500)

    fill(run, orders)

    after = panel(run, grant)
    assert (after.whole, after.failed, after.flying) == (1, 0, ())


def test_status_names_every_grant_in_force(run):
    grant = granted(run)
    view = run.told(ShowStatus())

    assert isinstance(view, StatusView)
    assert view.grants == (f"{grant.ticket_id} all events: 500.00 of 500.00 USDC left, 0 plans sent",)


# Ending.


def ended(run, grant, word):
    after = run.ticket(grant.ticket_id)
    assert run.desk.runner.grants == {}
    assert after.state is TicketState.DONE
    assert word in after.note
    assert any(saved.ticket == after for saved in of_kind(run.effects, SaveTicket))
    assert of_kind(window(run.later(1_000), size=900), FetchBooks) == []


@pytest.mark.parametrize("by", [BEN, ANA, VIC])
def test_anybody_stops_every_grant(run, by):
    grant = granted(run)

    view = only(run.ask(StopAuto(), by), Reply).view

    assert view == GrantsEndedView((grant.ticket_id,), ())
    ended(run, grant, f"stopped by {by.name}")


def test_a_stop_while_the_last_look_is_under_way_sends_nothing(run):
    granted(run)
    effects = window(run)

    run.ask(StopAuto())

    assert of_kind(looked(run, effects), SendBatch) == []


def test_stop_without_a_grant_is_answered(run):
    assert run.told(StopAuto()) == GrantsEndedView((), ())


def test_a_kill_ends_every_grant(run):
    grant = granted(run)

    run.ask(Kill(), ANA)

    ended(run, grant, "HALTED")


def test_a_tripped_breaker_ends_every_grant_and_tells_so(run):
    grant = granted(run)
    shut(run.desk, Gate.REDUCING)

    alerts = of_kind(touched(run), RaiseAlert)

    assert any(grant.ticket_id in raised.alert.subject for raised in alerts)
    ended(run, grant, "REDUCING")


def test_a_hold_that_ends_by_itself_keeps_the_grant_and_sends_nothing(run):
    grant = granted(run)
    shut(run.desk, Gate.PAUSED)

    assert of_kind(window(run), FetchBooks) == []
    assert in_force(run, grant)

    shut(run.desk, Gate.RUN)
    assert len(of_kind(window(run.later(GIVEN_UP_MS), size=600), FetchBooks)) == 1


def test_time_ends_a_grant(run):
    grant = granted(run, lasts_ms=Ms(60_000))
    timers = [t for t in of_kind(run.effects, SetTimer) if t.name == f"auto:{grant.ticket_id}"]
    assert timers[-1].due_ms == run.at_ms + 60_000

    run.later(60_000).timer(timers[-1].name)

    ended(run, grant, "its time is over")


def test_a_timer_that_is_early_is_set_again(run):
    grant = granted(run, lasts_ms=Ms(60_000))

    effects = run.later(59_999).timer(f"auto:{grant.ticket_id}")

    assert only(effects, SetTimer).due_ms == run.at_ms + 1
    assert in_force(run, grant)


def test_an_expired_grant_sends_nothing_even_before_its_timer(run):
    granted(run, lasts_ms=Ms(60_000))

    assert of_kind(window(run.later(60_000)), FetchBooks) == []


def test_a_used_budget_ends_the_grant(run):
    grant = granted(run, budget=100)
    fill(run, sent(run))
    if in_force(run, grant):
        for turn in range(9):
            effects = window(run.later(1_000), turn % 2, size=500 + turn)
            for batch in of_kind(looked(run, effects), SendBatch):
                fill(run, run.commit(batch))

    assert sum(f.cash + f.fee for f in run.desk.fills.values()) <= usdc(100)


def test_two_failed_plans_in_a_row_end_the_grant_with_an_alert(run):
    grant = granted(run)
    fill(run, sent(run, 0), whole=False)
    assert in_force(run, grant)
    assert of_kind(window(run.later(COOLDOWN_MS - 1), 0, size=700), FetchBooks) == [], "the event cools down"

    fill(run, sent(run, 1), whole=False)

    assert any(grant.ticket_id in alert.subject for alert in run.alerts())
    ended(run, grant, "2 plans in a row failed")


def test_a_whole_plan_between_two_failed_ones_keeps_the_grant(run):
    grant = granted(run)
    fill(run, sent(run, 0), whole=False)
    fill(run, sent(run, 1))
    run.later(COOLDOWN_MS)
    fill(run, sent(run, 0, size=600), whole=False)

    assert in_force(run, grant)


def test_a_commit_that_was_refused_costs_nothing_and_counts_as_failed(run):
    grant = granted(run)
    batch = only(looked(run, window(run)), SendBatch)

    run.step(BatchRefused(run.at_ms, batch.ticket, "the disk is full"))

    standing = run.desk.runner.grants[grant.ticket_id]
    assert (standing.reserved, standing.flying, standing.failed_in_a_row) == ({}, [], 1)


def test_a_restart_ends_a_grant_with_a_card_that_says_so(run):
    grant = granted(run)

    effects = run.restart((), (grant,))

    shown = next(e for e in of_kind(effects, ShowTicket) if e.view.ticket.ticket_id == grant.ticket_id)
    assert shown.aloud
    assert shown.view.ticket.state is TicketState.DONE
    assert "restarted" in shown.view.ticket.note
    assert run.desk.runner.grants == {}


def test_a_restart_drops_a_card_that_was_not_confirmed_and_a_plan_that_was_not_sent(run):
    card = opened(run, code="cpi3")
    grant = granted(run, code="fed3")
    window(run)
    child = next(t for t in run.desk.tickets.values() if t.subject == grant.ticket_id and t.plan is not None)

    run.restart((), (card, child))

    assert run.ticket(card.ticket_id).state is TicketState.DROPPED
    assert run.ticket(child.ticket_id).state is TicketState.DROPPED


def test_a_press_on_a_grant_in_force_is_refused(run):
    grant = granted(run)

    view = only(run.ask(Press(grant.ticket_id, Move.SEND, grant.version, CARD)), Reply).view

    assert refusal_of(view).refusal.kind is RefusalKind.STALE_BUTTON


def test_a_person_still_sends_beside_a_grant_for_another_event(run):
    granted(run, code="cpi3")
    run.books.shown |= set_books(run.events[0], *PAYS)

    assert isinstance(run.told(OpenDutch("fed3", None)), TicketView)


def test_the_scan_sends_under_a_grant_what_the_detector_was_not_told_of(run):
    granted(run)
    run.books.shown |= set_books(run.events[0], *PAYS)

    effects = run.step(JobDue(run.at_ms, Job.DUTCH_SCAN))

    assert len(of_kind(looked(run, effects), SendBatch)) == 1


def test_cancel_replies_change_nothing_about_a_grant(run):
    grant = granted(run)
    orders = sent(run)
    run.answer(*(accepted(order) for order in orders))

    run.cancel_says(CancelReply.CANCELLED, *orders)

    assert in_force(run, grant)

"""A change of reviewed rules freezes the event, durably and once; a review of the new text alone lifts it."""

from dataclasses import replace

import pytest

from engine.core.state import Desk
from engine.core.trading.watch import announced
from engine.domain.commands import AskResume, OpenDutch, ScanDutch, ShowStatus
from engine.domain.effects import (
    Audit,
    Count,
    FreezeRules,
    RaiseAlert,
    ReadCatalogue,
    ResendOrders,
    SaveReview,
    SendBatch,
    Subscribe,
)
from engine.domain.events import CardShown, CatalogueFailed, Restored
from engine.domain.failure import PostClass
from engine.domain.ids import EventId
from engine.domain.market import canonical_rules, rules_hash, text_hash
from engine.domain.refusal import RefusalKind
from engine.domain.review import CONFIG, Review, RulesFreeze
from engine.domain.ticket import Move, TicketState
from engine.domain.views import RefusalView, ScanView, Severity, StatusView, TicketView
from tests.support.builders import ANA, BEN, NOW, answer, event, market, usdc
from tests.support.desk_run import CARD, DeskRun, of_kind, only, refusal_of

OLD = event("fed3")
NEW = replace(OLD, rules_text="Something else wins.", end_date="2027-01-01T00:00:00Z")
NEWER = replace(NEW, title="Another question altogether")
CHANGED = Count("dutch_rulehash_changed", "")


def by(who=BEN, group=OLD, at_ms=NOW):
    user_id = None if who == CONFIG else who.user_id
    return Review(group.event_id, canonical_rules(group), user_id, who if who == CONFIG else who.name, at_ms)


def started(run, *, reviews=(), freezes=(), last=(), frozen=()):
    """A desk started again on what the ledger holds; the catalogue is not read yet."""
    run.desk = Desk(settings=run.desk.settings, feeds=run.books)
    rules = tuple((group.event_id, canonical_rules(group)) for group in last)
    run.step(Restored(run.at_ms, (), (), (), tuple(frozen), None, tuple(freezes), tuple(reviews), rules))
    return run


def unreviewed():
    return DeskRun(OLD, reviewed={})


def refusal(run, code="fed3"):
    return refusal_of(run.told(OpenDutch(code, None))).refusal


@pytest.fixture
def run():
    return DeskRun(OLD, event("cpi3")).start()


def change(run, group=NEW):
    return run.read_catalogue(group, *run.events[1:])


def test_a_change_of_reviewed_rules_freezes_counts_audits_and_tells_once(run):
    effects = change(run)

    freeze = only(effects, FreezeRules).freeze
    assert (freeze.event_id, freeze.rules_hash) == (OLD.event_id, rules_hash(NEW))
    assert effects.count(CHANGED) == 1
    assert only(effects, RaiseAlert).alert.severity is Severity.WARN
    assert only(effects, Audit).what == "rules changed"
    again = run.read_catalogue()
    assert CHANGED not in again
    assert of_kind(again, RaiseAlert) + of_kind(again, FreezeRules) == []


def test_the_reason_and_the_audit_name_both_hashes_and_the_fields(run):
    effects = change(run)

    reason = only(effects, FreezeRules).freeze.reason
    assert f"{rules_hash(OLD)[:10]} → {rules_hash(NEW)[:10]}: rules text, end date" in reason
    detail = only(effects, Audit).detail
    assert f"{rules_hash(OLD)} → {rules_hash(NEW)}" in detail


def test_the_alert_shows_old_beside_new_and_the_next_step(run):
    alert = only(change(run), RaiseAlert).alert

    assert '"Exactly one outcome wins." → "Something else wins."' in alert.text
    assert '"2026-12-10T00:00:00Z" → "2027-01-01T00:00:00Z"' in alert.text
    assert "/review fed3" in alert.next_step


def test_an_outcome_that_joined_is_named_in_the_alert(run):
    grown = replace(OLD, markets=(*OLD.markets, market("Pause", "fed3")))

    assert "Pause: outcome joined" in only(change(run, grown), RaiseAlert).alert.text


def test_the_freeze_is_stored_after_the_books_are_asked_for(run):
    """A ledger that refuses the freeze drops the rest of the step: subscriptions must not be lost with it."""
    grown = replace(OLD, markets=(*OLD.markets, market("Pause", "fed3")))

    kinds = [type(effect) for effect in change(run, grown)]

    assert kinds.index(Subscribe) < kinds.index(FreezeRules) < kinds.index(RaiseAlert)


def test_a_frozen_event_is_refused_everywhere_and_its_sibling_is_not(run):
    change(run)

    found = refusal(run)
    assert found.kind is RefusalKind.RULES_CHANGED
    assert "/review fed3" in found.text
    rows = run.told(ScanDutch())
    assert isinstance(rows, ScanView)
    assert {row.code: row.refusal and row.refusal.kind for row in rows.rows} == {
        "fed3": RefusalKind.RULES_CHANGED,
        "cpi3": None,
    }
    status = run.told(ShowStatus())
    assert isinstance(status, StatusView)
    assert status.frozen[0].startswith("fed3: rules changed")


@pytest.mark.parametrize("back", [False, True])
def test_nothing_is_sent_after_notice_of_a_change_even_if_it_was_taken_back(run, back):
    ticket = run.armed(code="fed3")
    change(run)
    if back:
        run.read_catalogue(OLD, *run.events[1:])

    effects = run.press(ticket, Move.SEND)

    assert of_kind(effects, SendBatch) == []
    after = run.ticket(ticket.ticket_id)
    assert after.state is TicketState.DRY
    assert "/review fed3" in after.note


def test_a_dry_card_does_not_become_a_confirm_card_of_a_frozen_event(run):
    ticket = run.dry(code="fed3")
    change(run)
    run.read_catalogue(OLD, *run.events[1:])

    run.press(ticket, Move.CONFIRM)

    assert run.ticket(ticket.ticket_id).state is TicketState.DRY


def test_deferred_orders_are_not_sent_again_after_notice(run):
    legs = run.sent(code="fed3")
    run.answer(*(answer(leg, PostClass.DEFERRED, "restarting") for leg in legs))
    change(run)

    effects = run.timer(f"resend:{legs[0].intent.ticket_id}")

    assert of_kind(effects, ResendOrders) == []


def test_deferred_orders_of_an_unchanged_event_are_sent_again(run):
    """So the test above fails for the change alone."""
    legs = run.sent(code="fed3")
    run.answer(*(answer(leg, PostClass.DEFERRED, "restarting") for leg in legs))

    assert len(of_kind(run.timer(f"resend:{legs[0].intent.ticket_id}"), ResendOrders)) == 1


def test_a_second_change_is_told_and_frozen_anew(run):
    change(run)

    effects = change(run, NEWER)

    assert effects.count(CHANGED) == 1
    assert only(effects, FreezeRules).freeze.rules_hash == rules_hash(NEWER)
    assert "title" in only(effects, RaiseAlert).alert.text


def test_going_back_to_the_reviewed_text_does_not_thaw(run):
    change(run)

    effects = run.read_catalogue(OLD, *run.events[1:])

    assert only(effects, FreezeRules).freeze.rules_hash == rules_hash(OLD)
    assert refusal(run).kind is RefusalKind.RULES_CHANGED
    assert "back at the text" in run.desk.rules_frozen[OLD.event_id].reason


def test_hostile_names_never_push_the_next_step_off_a_refusal(run):
    loud = replace(OLD, title="x" * 5_000, markets=(*OLD.markets, market("y" * 5_000, "fed3")))

    alert = only(change(run, loud), RaiseAlert).alert

    assert refusal(run).text.index("/review fed3") < 80
    assert "title, " in alert.text[:100]


def test_an_unreviewed_event_is_counted_and_refused_but_never_frozen():
    run = unreviewed().start()

    effects = run.read_catalogue(NEW)

    assert CHANGED in effects
    assert of_kind(effects, FreezeRules) + of_kind(effects, RaiseAlert) == []
    assert refusal(run).kind is RefusalKind.NOT_REVIEWED


def test_an_entry_of_the_toml_is_stored_as_a_review_when_it_is_first_met():
    run = DeskRun(OLD)
    started(run)

    effects = run.read_catalogue()

    assert only(effects, SaveReview).review == by(CONFIG, at_ms=run.at_ms)
    assert only(effects, Audit).detail == f"{rules_hash(OLD)}, by the TOML"
    assert of_kind(run.read_catalogue(), SaveReview) == []


def test_an_entry_that_was_taken_before_is_not_taken_again():
    run = started(DeskRun(OLD), reviews=[by(CONFIG), by(ANA, NEW)])

    effects = run.read_catalogue(OLD)

    assert of_kind(effects, SaveReview) == []
    assert only(effects, FreezeRules).freeze.rules_hash == rules_hash(OLD), (
        "the newest review is of another text"
    )


def test_a_line_taken_out_of_the_toml_takes_its_review_back():
    run = started(unreviewed(), reviews=[by(CONFIG)])
    run.read_catalogue()
    run.read(balance=usdc(1_000))

    assert refusal(run).kind is RefusalKind.NOT_REVIEWED


def test_a_persons_review_after_the_tomls_stands_without_its_line():
    run = started(unreviewed(), reviews=[by(CONFIG), by(ANA)])
    run.read_catalogue()
    run.read(balance=usdc(1_000))

    assert isinstance(run.told(OpenDutch("fed3", None)), TicketView)


def test_a_line_replaced_by_the_hash_of_another_text_freezes():
    run = started(DeskRun(NEW), reviews=[by(CONFIG)])

    effects = run.read_catalogue(OLD)

    assert only(effects, FreezeRules).freeze.rules_hash == rules_hash(OLD)
    assert refusal(run).kind is RefusalKind.RULES_CHANGED


def test_a_new_entry_of_the_toml_lifts_the_freeze_of_exactly_its_text():
    run = DeskRun(NEW)
    freeze = RulesFreeze(OLD.event_id, rules_hash(NEW), "rules changed")
    started(run, reviews=[by(BEN, OLD)], freezes=[freeze])

    effects = run.read_catalogue()

    assert only(effects, SaveReview).review.rules_hash == rules_hash(NEW)
    assert run.desk.rules_frozen == {}


def test_a_stored_review_stands_without_the_toml():
    run = started(unreviewed(), reviews=[by()])
    run.read_catalogue()
    run.read(balance=usdc(1_000))

    assert isinstance(run.told(OpenDutch("fed3", None)), TicketView)


def test_a_change_while_the_desk_was_down_freezes_with_the_difference():
    run = started(unreviewed(), reviews=[by()])

    effects = run.read_catalogue(NEW)

    assert effects.count(CHANGED) == 1
    assert "rules text, end date" in only(effects, FreezeRules).freeze.reason
    assert '"Exactly one outcome wins." → "Something else wins."' in only(effects, RaiseAlert).alert.text


def test_a_change_against_the_toml_is_shown_from_what_the_catalogue_last_held():
    """The first start of this version: no review is stored, but the text the TOML's hash was made of is."""
    run = started(DeskRun(OLD), last=[OLD])

    effects = run.read_catalogue(NEW)

    assert run.desk.reviews[OLD.event_id].who == CONFIG
    assert "rules text, end date" in only(effects, FreezeRules).freeze.reason


def test_a_change_whose_old_text_is_unknown_says_so():
    run = started(DeskRun(OLD), last=[NEW])

    effects = run.read_catalogue(NEW)

    assert "not stored" in only(effects, FreezeRules).freeze.reason
    assert "not stored" in only(effects, RaiseAlert).alert.text


def test_a_freeze_from_before_the_restart_stands_and_is_not_told_again():
    freeze = RulesFreeze(OLD.event_id, rules_hash(NEW), "rules changed: title")
    run = started(unreviewed(), reviews=[by()], freezes=[freeze])

    effects = run.read_catalogue(NEW)
    run.read(balance=usdc(1_000))

    assert CHANGED not in effects
    assert of_kind(effects, FreezeRules) + of_kind(effects, RaiseAlert) == []
    assert refusal(run).kind is RefusalKind.RULES_CHANGED


def test_an_event_that_vanished_and_came_back_changed_is_frozen(run):
    run.read_catalogue(run.events[1])

    assert only(run.read_catalogue(NEW, run.events[0]), FreezeRules).freeze.rules_hash == rules_hash(NEW)


def test_resume_does_not_lift_a_freeze_for_rules_and_says_what_does(run):
    change(run)
    run.freeze(OLD.event_id)

    found = refusal_of(run.told(AskResume("fed3"), ANA)).refusal

    assert found.kind is RefusalKind.RULES_CHANGED
    assert "/resume does not lift that" in found.text
    assert "/review fed3" in found.text


def test_a_resume_under_way_ends_when_the_rules_change(run):
    run.freeze(OLD.event_id)
    view = run.told(AskResume("fed3"), ANA)
    assert isinstance(view, TicketView)
    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    run.press(run.ticket(view.ticket.ticket_id), Move.CONFIRM)
    run.later(1_000)
    change(run)

    run.press(run.ticket(view.ticket.ticket_id), Move.SEND)

    ended = run.ticket(view.ticket.ticket_id)
    assert ended.state is TicketState.DROPPED
    assert "/review fed3" in ended.note
    assert OLD.event_id in run.desk.frozen


def test_an_announcement_holds_the_event_until_a_read_that_began_later(run):
    effects = announced(run.desk, OLD.event_id, 'a new outcome, "Pause"', run.at_ms)

    assert Count("catalogue_announced_total", "") in effects
    assert ReadCatalogue() in effects
    found = refusal(run)
    assert found.kind is RefusalKind.ANNOUNCED
    assert 'a new outcome, "Pause"' in found.text
    assert isinstance(run.told(OpenDutch("cpi3", None)), TicketView)

    run.later(100)
    run.read_catalogue(asked_ms=run.at_ms - 101)
    assert isinstance(run.told(OpenDutch("fed3", None)), RefusalView), "that read began before it"

    run.read_catalogue(asked_ms=run.at_ms - 100)
    assert isinstance(run.told(OpenDutch("fed3", None)), TicketView)


def test_a_resolution_announced_between_confirm_and_send_sends_nothing(run):
    ticket = run.armed(code="fed3")
    announced(run.desk, OLD.event_id, "Hold was resolved to YES", run.at_ms)

    assert of_kind(run.press(ticket, Move.SEND), SendBatch) == []
    assert "Hold was resolved to YES" in run.ticket(ticket.ticket_id).note


def test_an_announcement_of_an_unwatched_event_is_left_to_the_next_read(run):
    assert announced(run.desk, EventId("event-of-others"), "a new outcome", run.at_ms) == []
    assert run.desk.announced == {}


def test_a_failed_read_releases_nothing(run):
    announced(run.desk, OLD.event_id, "a new outcome", run.at_ms)
    run.later(100)
    run.step(CatalogueFailed(run.at_ms, "timed out", entropy=0))

    assert refusal(run).kind is RefusalKind.ANNOUNCED


def test_the_hash_of_a_review_is_that_of_its_text():
    review = by()

    assert review.rules_hash == text_hash(review.rules) == rules_hash(OLD)
    assert not review.is_config
    assert by(CONFIG).is_config
    assert not replace(by(CONFIG), user_id=BEN.user_id).is_config, "an operator may be called config"

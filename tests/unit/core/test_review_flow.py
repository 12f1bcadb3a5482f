"""`/review`: the list, the card, and the one press that stores a review of exactly the text on it."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from engine.domain.commands import AskReview, OpenDutch
from engine.domain.effects import Audit, Effect, RaiseAlert, Reply, SaveFreeze, SaveReview, SaveTicket
from engine.domain.events import CardShown
from engine.domain.ids import UserId
from engine.domain.market import canonical_rules, rules_hash
from engine.domain.refusal import RefusalKind
from engine.domain.review import Review
from engine.domain.ticket import Move, Operator, Ticket, TicketKind, TicketState
from engine.domain.views import ReviewsView, RulesStanding, RulesView, TicketView, View
from tests.support.builders import ANA, BEN, VIC, binary, event
from tests.support.desk_run import CARD, DeskRun, of_kind, only, refusal_of

M, T = Move, TicketState
OLD = event("fed3")
NEW = replace(OLD, rules_text="Something else wins.")
NEWER = replace(NEW, title="Another question altogether")
DEB = Operator(UserId(1009), "deb", ANA.role)


@pytest.fixture
def run():
    """A desk of two unread events."""
    return DeskRun(OLD, event("cpi3"), reviewed={}).start()


@pytest.fixture
def changed():
    """A desk whose reviewed event changed."""
    run = DeskRun(OLD, event("cpi3")).start()
    run.read_catalogue(NEW, run.events[1])
    return run


def only_view(effects: Iterable[Effect]) -> View:
    return only(effects, Reply).view


def card(run: DeskRun, code: str = "fed3", entropy: int = 7) -> Ticket:
    """Ask for an admin's card and read it."""
    view = only_view(run.ask(AskReview(code), ANA, entropy))
    assert isinstance(view, TicketView), f"expected a card, was {view}"
    assert view.rules is not None
    run.step(CardShown(run.at_ms, view.ticket.ticket_id, CARD))
    run.later(1_000)
    return run.ticket(view.ticket.ticket_id)


def rules(run: DeskRun, code: str = "fed3", by=BEN) -> RulesView:
    view = run.told(AskReview(code), by)
    assert isinstance(view, RulesView), f"expected rules without a button, was {view}"
    return view


def listed(run: DeskRun) -> ReviewsView:
    view = run.told(AskReview(), BEN)
    assert isinstance(view, ReviewsView)
    return view


def test_the_list_tells_changed_events_first_then_unread_ones(changed):
    grown = (*changed.events, event("abc3"))
    changed.read_catalogue(*grown)

    view = listed(changed)

    assert [row.code for row in view.waiting] == ["fed3", "abc3"]
    assert "rules changed" in view.waiting[0].why
    assert "never reviewed" in view.waiting[1].why
    assert view.reviewed == 1


def test_what_could_not_be_bought_anyway_does_not_wait(run):
    run.read_catalogue(OLD, replace(event("who3"), augmented=True), binary())

    assert [row.code for row in listed(run).waiting] == ["fed3"]


def test_an_unknown_code_is_refused(run):
    assert refusal_of(run.told(AskReview("nothing"), ANA)).refusal.kind is RefusalKind.UNKNOWN_CODE


def test_a_trader_reads_the_rules_without_a_button(changed):
    view = rules(changed)

    assert view.standing is RulesStanding.CHANGED
    assert changed.desk.tickets == {}


def test_the_card_of_an_admin_carries_text_difference_and_hash(changed):
    ticket = card(changed)

    view = changed.desk.readings[ticket.ticket_id]
    assert (view.rules_text, view.rules_hash) == (NEW.rules_text, rules_hash(NEW))
    assert [(c.what, c.old, c.new) for c in view.changes] == [("rules text", OLD.rules_text, NEW.rules_text)]
    assert [name for name, _ in view.outcomes] == ["Cut", "Hold", "Hike"]
    assert ticket.kind is TicketKind.REVIEW


def test_a_press_stores_the_review_of_the_text_on_the_card_and_thaws(changed):
    ticket = card(changed)

    effects = changed.press(ticket, M.READ)

    expected = Review(OLD.event_id, canonical_rules(NEW), ANA.user_id, ANA.name, changed.at_ms)
    assert only(effects, SaveReview).review == expected
    assert "rules reviewed" in {line.what for line in of_kind(effects, Audit)}
    assert changed.ticket(ticket.ticket_id).state is T.DONE
    assert isinstance(changed.told(OpenDutch("fed3", None)), TicketView)


def test_the_review_is_stored_before_anything_is_told(changed):
    kinds = [type(effect) for effect in changed.press(card(changed), M.READ)]

    assert kinds[0] is SaveReview


def test_a_press_makes_an_unread_event_plannable_and_no_other(run):
    run.press(card(run), M.READ)

    assert isinstance(run.told(OpenDutch("fed3", None)), TicketView)
    assert refusal_of(run.told(OpenDutch("cpi3", None))).refusal.kind is RefusalKind.NOT_REVIEWED


def test_rules_that_changed_again_after_the_card_are_not_stored_but_shown(changed):
    ticket = card(changed)
    changed.read_catalogue(NEWER, changed.events[1])

    effects = changed.press(ticket, M.READ)

    assert of_kind(effects, SaveReview) == []
    after = changed.ticket(ticket.ticket_id)
    assert (after.state, after.version) == (T.DRY, ticket.version + 1)
    assert "changed again" in after.note
    assert changed.desk.readings[ticket.ticket_id].title == NEWER.title
    assert OLD.event_id in changed.desk.rules_frozen
    changed.later(1_000)
    changed.press(after, M.READ)
    assert changed.desk.reviewed[OLD.event_id] == rules_hash(NEWER)


def test_the_old_card_after_a_newer_one_was_shown_is_stale(changed):
    ticket = card(changed)
    changed.read_catalogue(NEWER, changed.events[1])
    changed.press(ticket, M.READ)

    found = refusal_of(only_view(changed.press(ticket, M.READ))).refusal

    assert found.kind is RefusalKind.STALE_BUTTON
    assert changed.desk.reviewed[OLD.event_id] == rules_hash(OLD)


def test_a_double_press_stores_once(changed):
    ticket = card(changed)
    changed.press(ticket, M.READ)

    effects = changed.press(ticket, M.READ)

    assert of_kind(effects, SaveReview) == []
    assert refusal_of(only_view(effects)).refusal.kind is RefusalKind.STALE_BUTTON


def test_a_second_open_card_of_the_same_text_stores_nothing_more(changed):
    first, second = card(changed), card(changed, entropy=8)
    changed.press(first, M.READ)

    effects = changed.press(second, M.READ)

    assert of_kind(effects, SaveReview) == []
    assert "already by ana" in refusal_of(only_view(effects)).refusal.text


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"by": DEB}, RefusalKind.NOT_OWNER),
        ({"message_id": CARD + 1}, RefusalKind.STALE_BUTTON),
        ({"version": 2}, RefusalKind.STALE_BUTTON),
        ({"move": M.CONFIRM}, RefusalKind.STALE_BUTTON),
        ({"move": M.REQUOTE}, RefusalKind.STALE_BUTTON),
    ],
)
def test_a_press_that_is_not_the_cards_own_stores_nothing(changed, how, kind):
    ticket = card(changed)
    move = how.pop("move", M.READ)

    effects = changed.press(ticket, move, **how)

    assert of_kind(effects, SaveReview) == []
    assert refusal_of(only_view(effects)).refusal.kind is kind
    assert OLD.event_id in changed.desk.rules_frozen


@pytest.mark.parametrize("person", [BEN, VIC])
def test_an_admin_who_lost_the_role_stores_nothing(changed, person):
    ticket = card(changed)

    effects = changed.press(ticket, M.READ, by=replace(ANA, role=person.role))

    assert of_kind(effects, SaveReview) == []
    assert refusal_of(only_view(effects)).refusal.kind is RefusalKind.ROLE


def test_a_press_within_the_time_nobody_reads_in_stores_nothing(changed):
    ticket = card(changed)
    changed.later(-999)

    effects = changed.press(ticket, M.READ)

    assert refusal_of(only_view(effects)).refusal.kind is RefusalKind.TOO_FAST
    assert of_kind(effects, SaveReview) == []


def test_a_card_expires_and_stores_nothing(changed):
    ticket = card(changed)
    changed.later(600_000)

    changed.timer(f"ticket:{ticket.ticket_id}")

    assert changed.ticket(ticket.ticket_id).state is T.EXPIRED
    assert of_kind(changed.press(ticket, M.READ), SaveReview) == []


def test_a_review_button_moves_no_ticket_that_leads_to_orders():
    run = DeskRun(OLD).start()
    ticket = run.dry()
    run.later(1_000)

    found = refusal_of(only_view(run.press(ticket, M.READ))).refusal

    assert found.kind is RefusalKind.STALE_BUTTON
    assert run.ticket(ticket.ticket_id).state is T.DRY


def test_a_review_card_is_not_a_row_of_the_ledger(changed):
    """The table of tickets knows no such kind; what was read is stored, the card ends with the process."""
    changed.press(card(changed), M.READ)
    changed.later(600_000)
    changed.read_catalogue(NEWER, changed.events[1])
    open_card = card(changed)
    changed.later(600_000)
    changed.timer(f"ticket:{open_card.ticket_id}")

    assert of_kind(changed.effects, SaveTicket) == []


def test_open_reviews_take_no_place_of_tickets_that_lead_to_orders():
    run = DeskRun(OLD, event("cpi3"), event("abc3"), asks=(3_000, 3_000, 3_000)).start()
    run.read_catalogue(NEW, *run.events[1:])
    for entropy in range(10, 15):
        card(run, entropy=entropy)

    assert isinstance(run.told(OpenDutch("cpi3", None), ANA), TicketView)


def test_a_reviewed_event_is_shown_without_a_button_even_to_an_admin():
    run = DeskRun(OLD).start()

    view = rules(run, by=ANA)

    assert view.standing is RulesStanding.REVIEWED
    assert view.review is not None
    assert view.review.is_config


def test_a_review_does_not_lift_the_freeze_of_a_broken_ticket(changed):
    changed.freeze(OLD.event_id)
    ticket = card(changed)

    effects = changed.press(ticket, M.READ)

    assert of_kind(effects, SaveFreeze) == []
    assert refusal_of(changed.told(OpenDutch("fed3", None))).refusal.kind is RefusalKind.FROZEN
    assert "/resume fed3" in changed.ticket(ticket.ticket_id).note


def test_after_a_review_the_same_change_is_no_news(changed):
    changed.press(card(changed), M.READ)

    effects = changed.read_catalogue()

    assert of_kind(effects, RaiseAlert) == []
    assert OLD.event_id not in changed.desk.rules_frozen


def test_a_later_change_is_shown_against_the_newest_review(changed):
    changed.press(card(changed), M.READ)
    changed.read_catalogue(NEWER, changed.events[1])

    changes = rules(changed).changes

    assert [(change.what, change.old) for change in changes] == [("title", OLD.title)]


def test_an_event_that_left_the_catalogue_cannot_be_reviewed_any_more(changed):
    ticket = card(changed)
    changed.read_catalogue(changed.events[1])

    effects = changed.press(ticket, M.READ)

    assert of_kind(effects, SaveReview) == []
    assert "not in the catalogue" in refusal_of(only_view(effects)).refusal.text


def test_texts_of_outcomes_are_shown_where_they_are_their_own(run):
    alike = tuple(replace(m, rules_text=OLD.rules_text) for m in OLD.markets[:2])
    run.read_catalogue(replace(OLD, markets=(*alike, OLD.markets[2])))

    texts = dict(rules(run).outcomes)

    assert texts == {"Cut": "", "Hold": "", "Hike": OLD.markets[2].rules_text}


def test_what_stands_against_buying_beside_the_review_is_told(run):
    run.read_catalogue(replace(OLD, augmented=True), event("cpi3"))

    assert "augmented" in rules(run).against
    assert rules(run, "cpi3").against == ""

"""Who may press what, when, once. A press is a request; the ticket decides."""

import pytest

from engine.core.tickets.ticket import mint_grant
from engine.domain.commands import OpenDutch, Press
from engine.domain.effects import Audit, Count, Reply, SaveTicket, SendBatch, SetTimer, ShowTicket
from engine.domain.events import CardShown
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Approved, Claim, Move, TicketState
from engine.domain.units import Ms
from engine.domain.views import TicketView
from tests.support.builders import ANA, BEN, TICKET, VIC, plan, shares, ticket, usdc
from tests.support.desk_run import CARD, DeskRun, of_kind, only, refusal_of

T, M = TicketState, Move


@pytest.fixture
def run():
    return DeskRun().start()


def refused(effects):
    """The kind of the one refusal answered; nothing may have been sent beside it."""
    assert of_kind(effects, SendBatch) == []
    return refusal_of(only(effects, Reply).view).refusal.kind


def test_a_new_ticket_is_dry_stored_timed_and_shown(run):
    effects = run.ask(OpenDutch("fed3", shares(100)))

    saved = only(effects, SaveTicket)
    assert saved.claim is None
    assert saved.ticket.state is T.DRY
    assert saved.ticket.version == 1
    assert only(effects, SetTimer).due_ms == run.at_ms + 600_000
    view = only(effects, Reply).view
    assert isinstance(view, TicketView)
    assert view.ticket == saved.ticket


def test_a_dry_ticket_sends_nothing(run):
    run.dry()

    assert of_kind(run.effects, SendBatch) == []


def test_two_tickets_never_share_an_id_even_on_equal_entropy():
    run = DeskRun().start()

    assert run.dry(entropy=7).ticket_id != run.dry(entropy=7).ticket_id


def test_a_viewer_opens_nothing(run):
    effects = run.ask(OpenDutch("fed3", shares(10)), VIC)

    assert refused(effects) is RefusalKind.ROLE
    assert run.desk.tickets == {}


def test_open_tickets_are_limited_per_operator(run):
    mine = [run.dry(sets=10, entropy=n) for n in (1, 2, 3)]

    effects = run.ask(OpenDutch("fed3", shares(10)), entropy=4)

    assert refused(effects) is RefusalKind.TICKET_LIMIT
    text = refusal_of(only(effects, Reply).view).refusal.text
    assert all(held.ticket_id in text for held in mine)
    assert run.dry(sets=10, by=ANA, entropy=5).owner == ANA


def test_a_dropped_ticket_makes_room_for_another(run):
    tickets = [run.dry(sets=10, entropy=n) for n in (1, 2, 3)]

    run.press(tickets[0], M.DROP)

    assert run.dry(sets=10, entropy=4).state is T.DRY


@pytest.mark.parametrize("move", [M.CONFIRM, M.DROP, M.REQUOTE])
def test_another_operators_press_is_refused_and_names_the_owner(run, move):
    held = run.dry(by=BEN)

    effects = run.press(held, move, by=ANA)

    assert refused(effects) is RefusalKind.NOT_OWNER
    assert "ben" in refusal_of(only(effects, Reply).view).refusal.text
    assert run.ticket(held.ticket_id) == held


def test_a_press_from_another_message_is_refused(run):
    held = run.dry()

    effects = run.press(held, M.CONFIRM, message_id=CARD + 1)

    assert refused(effects) is RefusalKind.STALE_BUTTON
    assert run.ticket(held.ticket_id) == held


def test_a_press_of_an_older_version_is_refused(run):
    held = run.dry()
    run.press(held, M.REQUOTE)

    assert refused(run.press(held, M.CONFIRM)) is RefusalKind.STALE_BUTTON


def test_a_press_of_a_version_yet_to_come_is_refused(run):
    held = run.dry()

    assert refused(run.press(held, M.CONFIRM, version=held.version + 1)) is RefusalKind.STALE_BUTTON


def test_a_press_on_an_unknown_ticket_is_refused(run):
    effects = run.ask(Press(TICKET, M.SEND, version=1, message_id=CARD))

    assert refused(effects) is RefusalKind.STALE_BUTTON


def test_a_press_before_the_card_is_placed_is_refused(run):
    view = only(run.ask(OpenDutch("fed3", shares(10))), Reply).view
    assert isinstance(view, TicketView)

    assert refused(run.press(view.ticket, M.CONFIRM)) is RefusalKind.TOO_FAST


def test_a_send_on_a_dry_card_is_refused(run):
    held = run.dry()
    run.later(1_000)

    assert refused(run.press(held, M.SEND)) is RefusalKind.STALE_BUTTON


@pytest.mark.parametrize(("after_ms", "goes"), [(0, False), (799, False), (800, True)])
def test_a_send_before_the_card_can_have_been_read_is_refused(run, after_ms, goes):
    held = run.dry()
    run.press(held, M.CONFIRM)
    card = run.ticket(held.ticket_id)

    effects = run.later(after_ms).press(card, M.SEND)

    if goes:
        assert only(effects, SendBatch).ticket.state is T.SENDING
    else:
        assert refused(effects) is RefusalKind.TOO_FAST
        assert run.ticket(held.ticket_id).state is T.ARMED


def test_a_second_send_is_refused_even_before_the_first_is_committed(run):
    card = run.armed()
    only(run.press(card, M.SEND), SendBatch)

    for _ in range(50):
        assert refused(run.press(card, M.SEND)) is RefusalKind.STALE_BUTTON


def test_a_send_after_the_ticket_was_sent_is_refused(run):
    card = run.armed()
    run.commit(only(run.press(card, M.SEND), SendBatch))

    assert refused(run.press(run.ticket(card.ticket_id), M.SEND)) is RefusalKind.STALE_BUTTON


@pytest.mark.parametrize("move", list(M))
def test_no_press_moves_a_ticket_that_was_sent(run, move):
    card = run.armed()
    run.commit(only(run.press(card, M.SEND), SendBatch))
    sent = run.ticket(card.ticket_id)
    if move.value in {"complete", "short", "nothing", "refuse"}:
        return  # no button carries these: bot.payload cannot make them

    assert refused(run.press(sent, move)) is RefusalKind.STALE_BUTTON
    assert run.ticket(card.ticket_id) == sent


@pytest.mark.parametrize(("after_ms", "lives"), [(44_999, True), (45_000, False)])
def test_an_armed_card_lives_45_seconds(run, after_ms, lives):
    card = run.dry()
    run.press(card, M.CONFIRM)
    armed = run.ticket(card.ticket_id)

    effects = run.later(after_ms).press(armed, M.SEND)

    if lives:
        assert len(of_kind(effects, SendBatch)) == 1
    else:
        assert refused(effects) is RefusalKind.EXPIRED
        assert run.ticket(card.ticket_id).state is T.EXPIRED


def test_a_late_press_closes_the_card_although_the_timer_has_not_fired(run):
    card = run.dry()

    effects = run.later(600_000).press(card, M.CONFIRM)

    assert refused(effects) is RefusalKind.EXPIRED
    shown = only(effects, ShowTicket).view.ticket
    assert shown.state is T.EXPIRED
    assert "nothing was sent" in shown.note


def test_the_timer_expires_an_untouched_card(run):
    card = run.dry()

    effects = run.later(600_000).timer(f"ticket:{card.ticket_id}")

    assert run.ticket(card.ticket_id).state is T.EXPIRED
    assert only(effects, SaveTicket).claim == Claim(card.ticket_id, T.DRY, card.version)


def test_the_timer_of_an_older_card_does_not_expire_the_present_one(run):
    card = run.dry()
    run.later(599_000).press(card, M.REQUOTE)

    run.later(1_000).timer(f"ticket:{card.ticket_id}")

    assert run.ticket(card.ticket_id).state is T.DRY


def test_the_timer_does_not_touch_a_sent_ticket(run):
    card = run.armed()
    run.commit(only(run.press(card, M.SEND), SendBatch))

    assert run.later(700_000).timer(f"ticket:{card.ticket_id}") == ()
    assert run.ticket(card.ticket_id).state is T.SENDING


@pytest.mark.parametrize("move", [M.CONFIRM, M.REQUOTE, M.DROP])
def test_every_move_is_stored_under_a_claim_on_the_row_it_leaves_and_audited(run, move):
    card = run.dry()

    effects = run.press(card, move)

    saved = only(effects, SaveTicket)
    assert saved.claim == Claim(card.ticket_id, T.DRY, card.version)
    assert saved.ticket.version == card.version + 1
    line = only(effects, Audit)
    assert line.who == BEN
    assert line.subject == card.ticket_id


def test_a_refused_press_is_counted_and_audited_with_who_pressed(run):
    card = run.dry(by=BEN)

    effects = run.press(card, M.CONFIRM, by=ANA)

    assert only(effects, Count).label == "not_owner"
    assert only(effects, Audit).who == ANA


def test_a_card_shown_again_elsewhere_is_valid_there_alone(run):
    card = run.dry()
    run.step(CardShown(run.at_ms, card.ticket_id, 99))

    assert refused(run.press(card, M.CONFIRM)) is RefusalKind.STALE_BUTTON
    assert len(of_kind(run.press(card, M.CONFIRM, message_id=99), Reply)) == 1
    assert run.ticket(card.ticket_id).state is T.ARMED


def test_where_a_card_stands_is_stored_once(run):
    card = run.dry()

    assert run.step(CardShown(run.at_ms, card.ticket_id, CARD)) == ()
    assert run.step(CardShown(run.at_ms, TICKET, CARD)) == ()


def test_a_dropped_ticket_says_who_dropped_it_and_that_nothing_was_sent(run):
    card = run.dry()

    view = only(run.press(card, M.DROP), Reply).view

    assert isinstance(view, TicketView)
    assert view.ticket.state is T.DROPPED
    assert "ben" in view.ticket.note
    assert "nothing was sent" in view.ticket.note


def test_a_grant_is_bound_to_ticket_plan_user_and_spend(run):
    card = run.armed()
    batch = only(run.press(card, M.SEND), SendBatch)

    assert batch.grant.ticket_id == card.ticket_id
    assert batch.grant.plan_id == batch.plan.plan_id == batch.approved.plan_id
    assert batch.grant.user_id == BEN.user_id
    assert batch.grant.spend_max == batch.approved.spend_max == batch.plan.spend_max
    assert run.at_ms < batch.grant.expires_ms <= run.at_ms + 30_000


@pytest.mark.parametrize("state", [T.DRY, T.ARMED, T.DONE])
def test_no_grant_without_a_confirmed_send(run, state):
    held = ticket(state)
    assert held.plan is not None
    approved = Approved(held.plan.plan_id, usdc(1), run.at_ms)

    with pytest.raises(AssertionError, match="confirmed Send"):
        mint_grant(run.desk, held, approved, run.at_ms)


def test_no_grant_on_the_approval_of_another_plan(run):
    other = plan(run.events[0], sets=7)

    with pytest.raises(AssertionError, match="expected approval of"):
        mint_grant(run.desk, ticket(), Approved(other.plan_id, usdc(1), run.at_ms), Ms(run.at_ms))

"""Review cards: a stranger's text in any length and shape still makes one card, and the button is one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import cards
from bot.card import Card, CommandAct, MoveAct
from bot.markup import TEXT_MAX
from engine.clock import ManualClock
from engine.domain.commands import AskReview
from engine.domain.review import RuleChange
from engine.domain.ticket import Move, TicketState
from engine.domain.views import ReviewsView, RulesStanding, RulesView, TicketView, WaitingRow
from tests.unit.bot.builders import LOOK, NOW, make_rules, review_ticket
from tests.unit.bot.fakes import FakeDesk, make_agent
from tests.unit.bot.html_subset import first_line, judge

HOSTILE = "<b>&\u202e" + "x" * 50 + "\n"
ANY = st.text(max_size=500) | st.just(HOSTILE * 30) | st.just("&" * 1_500)


def card_of(rules: RulesView, state: TicketState = TicketState.DRY, note: str = "") -> Card:
    return cards.render(TicketView(review_ticket(state, note=note), None, None, rules=rules), LOOK)


@given(text=ANY, name=ANY, changes=st.integers(0, 30), outcomes=st.integers(0, 130))
def test_any_text_of_any_length_makes_a_card_that_telegram_takes(
    text: str, name: str, changes: int, outcomes: int
) -> None:
    rules = make_rules(
        title=name,
        rules_text=text,
        resolution_source=text,
        end_date=name,
        outcomes=((name, text),) * outcomes,
        changes=(RuleChange(name, "rules text", text + "a", text + "b"),) * changes,
        against=text,
    )

    for state in (TicketState.DRY, TicketState.DONE):
        card = card_of(rules, state, note=text)
        judge(card)
        assert len(card.text_html) <= TEXT_MAX


@given(code=ANY, why=ANY, rows=st.integers(0, 50))
def test_any_list_makes_a_card_that_telegram_takes(code: str, why: str, rows: int) -> None:
    card = cards.render(ReviewsView((WaitingRow("fed4", code, why),) * rows, 0), LOOK)

    judge(card)
    assert len(card.text_html) <= TEXT_MAX


def test_an_open_review_has_one_button_of_its_version() -> None:
    card = card_of(make_rules())

    assert [[(b.label, b.act) for b in row] for row in card.buttons] == [
        [("✅ I have read it", MoveAct(review_ticket().ticket_id, 1, Move.READ))]
    ]


@pytest.mark.parametrize("state", [TicketState.DONE, TicketState.EXPIRED])
def test_an_ended_review_keeps_navigation_only(state: TicketState) -> None:
    acts = [button.act for row in card_of(make_rules(), state).buttons for button in row]

    assert acts
    assert all(isinstance(act, CommandAct) for act in acts)


def test_a_text_too_long_for_a_message_says_that_it_is_cut_and_where_it_is_whole() -> None:
    text = judge(card_of(make_rules(rules_text="One line of the rules.\n" * 200)))

    assert "cut here" in text
    assert "dutchdesk review" in text


def test_a_cut_inside_one_long_line_says_so_too() -> None:
    assert "cut here" in judge(card_of(make_rules(rules_text="word " * 2_000)))


def test_the_first_line_is_true_of_each_standing() -> None:
    lines = {s: first_line(cards.render(make_rules(s), LOOK)) for s in RulesStanding}

    assert "changed" in lines[RulesStanding.CHANGED]
    assert "never reviewed" in lines[RulesStanding.UNREAD]
    assert "nothing to do" in lines[RulesStanding.REVIEWED]
    lone = make_rules(RulesStanding.UNREAD, outcomes=(("", ""),))
    assert "needs no review" in first_line(cards.render(lone, LOOK))


def test_what_else_stands_against_buying_is_said_before_anybody_presses() -> None:
    text = judge(card_of(make_rules(RulesStanding.UNREAD, against="outcomes may still be added")))

    assert "Not bought even when reviewed: outcomes may still be added" in text


def test_rules_that_are_back_at_the_reviewed_text_say_so() -> None:
    rules = make_rules(changes=())

    assert "back at the text" in judge(card_of(replace(rules, known_hash=rules.rules_hash)))


async def test_chat_shows_the_list_then_the_card_then_what_was_stored() -> None:
    desk = FakeDesk(ManualClock(NOW))
    agent = make_agent(desk)

    listing = await agent.say(1001, "/review")
    assert listing is not None
    offer = listing.buttons[0][0].act
    assert offer == CommandAct("/review fed4")
    card = await agent.say(1001, offer.text)
    assert card is not None
    assert card.about is not None
    desk.card_shown(card.about.ticket_id, 55)
    data = agent.sealer.act(card.buttons[0][0].act, user_id=1001, chat_id=1001)
    assert data is not None
    tapped = await agent.tap(1001, 1001, data, 55)

    assert [command for _, _, command in desk.asked[:2]] == [AskReview(), AskReview("fed4")]
    assert tapped.toast is not None
    assert "Stored" in tapped.toast.text
    assert tapped.card is not None
    assert "reviewed" in first_line(tapped.card)
    assert tapped.in_place


async def test_a_strangers_press_meets_silence_and_a_colleagues_is_refused() -> None:
    desk = FakeDesk(ManualClock(NOW))
    agent = make_agent(desk)
    card = await agent.say(1001, "/review fed4")
    assert card is not None
    data = agent.sealer.act(card.buttons[0][0].act, user_id=1001, chat_id=1001)
    assert data is not None

    assert (await agent.tap(6666, 6666, data, 55)).toast is None
    colleague = await agent.tap(1002, 1002, data, 55)

    assert colleague.toast is not None
    assert colleague.toast.alarm
    assert len(desk.asked) == 1, "neither reached the desk"

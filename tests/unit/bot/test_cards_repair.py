"""What a broken card and a repair's cards offer: every button does what it says, nothing more."""

from dataclasses import replace

import pytest

from bot import cards
from bot.card import CommandAct, MoveAct
from bot.commands import ParsedCommand, Usage, parse
from engine.domain.commands import AskRepair
from engine.domain.order import OrderState
from engine.domain.repair import RepairWay
from engine.domain.ticket import MOVES, TicketState
from tests.unit.bot.builders import (
    FILLED,
    LOOK,
    WAYS,
    leg_result,
    make_result,
    make_ticket,
    make_view,
    repair_ticket,
)

S = TicketState
MISSED = leg_result("Hike", OrderState.REJECTED, filled=0, reason="no liquidity")
UNKNOWN = leg_result("Hike", OrderState.UNKNOWN, filled=0)


def broken(*ways, last=MISSED):
    view = make_view(make_ticket(S.BROKEN, version=4), make_result((*FILLED[:3], last)))
    return cards.render(replace(view, repairs=ways), LOOK)


def buttons(card):
    return [button for row in card.buttons for button in row]


def asks(card):
    """What the card's command buttons parse to."""
    said = [parse(button.act.text) for button in buttons(card) if isinstance(button.act, CommandAct)]
    assert not any(isinstance(ask, Usage) for ask in said)
    return [ask.ask for ask in said if isinstance(ask, ParsedCommand)]


def test_every_way_out_has_a_button_that_asks_for_a_dry_ticket_of_it():
    asked = [ask for ask in asks(broken(*WAYS)) if isinstance(ask, AskRepair)]

    assert [ask.way for ask in asked] == [RepairWay.COMPLETE, RepairWay.UNWIND, RepairWay.LEAVE]
    assert {ask.ticket_id for ask in asked} == {make_ticket().ticket_id}


def test_no_button_of_a_broken_card_moves_anything_by_itself():
    assert not any(isinstance(button.act, MoveAct) for button in buttons(broken(*WAYS)))


def test_an_unknown_leg_gets_no_way_out_before_it_is_proven():
    assert not any(isinstance(ask, AskRepair) for ask in asks(broken(*WAYS, last=UNKNOWN)))


def test_the_best_way_is_named_first_with_its_worst_case():
    text = broken(*WAYS).plain

    assert "Best now: buy Hike @ 0.048 → +6.80 · give back 3 legs → -11.67" in text


@pytest.mark.parametrize("state", [S.DRY, S.ARMED])
def test_an_open_repair_has_the_buttons_of_its_state_alone(state):
    moves = [b.act.move for b in buttons(cards.render(make_view(repair_ticket(state)), LOOK))]

    assert moves
    assert all((state, move) in MOVES for move in moves)


def test_a_finished_repair_can_be_planned_again():
    asked = asks(cards.render(make_view(repair_ticket(S.DROPPED)), LOOK))

    assert asked[0] == AskRepair(make_ticket().ticket_id, RepairWay.BOTH)


@pytest.mark.parametrize(
    "typed", ["/repair", "/repair T-7K2F sideways", "/repair 7K2F", "/repair T-7K2F a b"]
)
def test_a_repair_that_is_not_understood_is_answered_with_what_would_be(typed):
    assert isinstance(parse(typed), Usage)


def test_a_ticket_alone_asks_for_the_best_way():
    parsed = parse("/repair t-7k2f")

    assert isinstance(parsed, ParsedCommand)
    assert parsed.ask == AskRepair(make_ticket().ticket_id, None)

"""Commands and events are values: complete, frozen, comparable, and never mixed with effects."""

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args

import pytest

from engine.domain.commands import AskResume, Command, Kill, OpenDutch, Press, ScanDutch, ShowStatus
from engine.domain.effects import Effect
from engine.domain.events import Event
from engine.domain.ticket import Move
from engine.domain.views import View
from tests.support.builders import TICKET, shares

EVENTS, EFFECTS, COMMANDS = get_args(Event), get_args(Effect), get_args(Command)


@pytest.mark.parametrize("kind", [*EVENTS, *EFFECTS, *COMMANDS, *get_args(View)])
def test_every_member_is_a_frozen_slotted_value(kind):
    assert is_dataclass(kind)
    assert vars(kind)["__dataclass_params__"].frozen, f"{kind} must be frozen"
    assert "__slots__" in vars(kind), f"{kind} must have slots"


def test_nothing_is_an_event_and_an_effect():
    assert set(EVENTS).isdisjoint(EFFECTS)
    assert set(COMMANDS).isdisjoint({*EVENTS, *EFFECTS})


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_carries_the_time_it_was_learned(kind):
    assert "at_ms" in {f.name for f in fields(kind)}


def test_commands_with_equal_content_are_equal():
    assert OpenDutch("fed5", shares(20)) == OpenDutch("fed5", shares(20))
    assert OpenDutch("fed5", None) != OpenDutch("fed5", shares(20))
    assert {Kill(), AskResume(), ScanDutch(), ShowStatus()} == {
        ShowStatus(),
        ScanDutch(),
        AskResume(),
        Kill(),
    }


def test_a_press_cannot_be_changed_on_its_way():
    press = Press(TICKET, Move.CONFIRM, version=1, message_id=7)

    with pytest.raises(FrozenInstanceError):
        press.move = Move.SEND  # type: ignore[misc]

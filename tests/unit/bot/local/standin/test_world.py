from typing import Any

import pytest

from bot.local.people import ANA, BEN
from bot.local.standin.methods import METHODS
from bot.local.standin.odd_updates import OddKind
from bot.local.standin.refusal import Params, Refusal
from bot.local.standin.world import ButtonError, World
from bot.wire import Json
from engine.clock import ManualClock

ROWS: Json = [
    [{"text": "✖ Drop", "callback_data": "1.no"}, {"text": "Confirm…", "callback_data": "1.ok"}],
    [{"text": "Site", "url": "https://polymarket.com"}, {"text": "Copy", "copy_text": {"text": "0x"}}],
]


def body_of(update) -> Any:
    """An update's object, free of the type of all JSON."""
    return update.body


@pytest.fixture
def world():
    return World(ManualClock())


@pytest.fixture
def card(world):
    world.say(ANA, "/dutch fed4 200")
    params = Params({"chat_id": 1001, "text": "dry", "reply_markup": {"inline_keyboard": ROWS}})
    METHODS["sendmessage"](world, params)
    return world.chats.listing(1001)[-1]


def newest(world):
    return world.pending.poll(0, 100)[-1].update


def test_say_shows_the_message_and_queues_its_update(world):
    message = world.say(ANA, "/start")

    assert world.transcript.after(0)[0].text == "/start"
    assert (newest(world).kind, newest(world).body["message_id"]) == ("message", message.message_id)


def test_say_nothing_is_refused_and_queues_nothing(world):
    with pytest.raises(Refusal):
        world.say(ANA, "  ")

    assert world.pending.count() == 0


def test_say_as_reply_carries_the_card(world, card):
    world.say(ANA, "123456", reply_to=card.message_id)

    assert newest(world).body["reply_to_message"]["text"] == "dry"


@pytest.mark.parametrize(
    ("button", "payload"), [(1, "1.no"), (2, "1.ok"), ("Confirm…", "1.ok"), ("✖ Drop", "1.no")]
)
def test_press_by_number_or_label_sends_the_payload(world, card, button, payload):
    press_id = world.press(ANA, card, button)

    assert newest(world).body["data"] == payload
    assert newest(world).body["id"] == press_id
    assert newest(world).body["from"]["id"] == ANA.user_id


@pytest.mark.parametrize("button", [0, -1, 5, "Confirm", "", "confirm…"])
def test_press_of_a_button_that_is_not_there_names_those_that_are(world, card, button):
    with pytest.raises(ButtonError, match="its buttons: '✖ Drop', 'Confirm…', 'Site', 'Copy'"):
        world.press(ANA, card, button)


@pytest.mark.parametrize("button", [3, 4, "Site", "Copy"])
def test_press_of_a_button_that_sends_nothing_is_an_error(world, card, button):
    with pytest.raises(ButtonError, match="sends something"):
        world.press(ANA, card, button)


def test_press_payload_can_be_forged_and_come_from_somebody_else(world, card):
    world.press_payload(BEN, card, "1.go.forged")

    body = newest(world).body
    assert (body["data"], body["from"]["id"], body["message"]["chat"]["id"]) == ("1.go.forged", 1002, 1001)


def test_block_tells_the_bot_and_closes_the_chat(world, card):
    world.block(ANA, blocked=True)

    assert newest(world).kind == "my_chat_member"
    with pytest.raises(Refusal, match="blocked"):
        world.chats.writable(ANA.user_id)


@pytest.mark.parametrize("kind", list(OddKind))
def test_inject_odd_is_queued_even_when_its_kind_is_not_wanted(world, kind):
    world.pending.allow(frozenset({"callback_query"}))

    pending = world.inject_odd(kind, ANA, "/kill")

    assert pending in world.pending.poll(0, 100)
    assert body_of(pending.update)["text"] == "/kill"


def test_inject_odd_never_reuses_a_message_id(world, card):
    odd = body_of(world.inject_odd(OddKind.FORWARDED, ANA, "/kill").update)["message_id"]

    assert odd != card.message_id
    assert world.say(ANA, "x").message_id not in {odd, card.message_id}


def test_inject_odd_is_not_shown_to_people(world):
    world.inject_odd(OddKind.FORWARDED, ANA, "/kill")

    assert world.transcript.latest == 0


@pytest.mark.parametrize("fields", [{}, {"message": 5}, {"message": {"text": None}}, {"new_thing": [1]}])
def test_inject_raw_queues_any_shape_under_its_own_id(world, fields):
    pending = world.inject_raw({**fields, "update_id": 1})

    assert pending.to_json()["update_id"] == pending.update_id != 1


def test_world_starts_with_nobody_in_a_chat(world):
    assert [world.chats.is_open(person) for person in (ANA, BEN)] == [False, False]
    assert world.pending.count() == 0
    assert world.calls.listing() == ()

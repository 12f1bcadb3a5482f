import pytest

from bot.local.people import ANA, BEN, STRANGER
from bot.local.standin.chats import DELETE_WINDOW_S, MESSAGES_PER_CHAT_MAX, Chats
from bot.local.standin.html import Formatted
from bot.local.standin.keyboard import Button, SendsData
from bot.local.standin.refusal import Refusal
from engine.clock import ManualClock

KEYS = ((Button("Go", SendsData("1.go")),),)
OTHER_KEYS = ((Button("Stop", SendsData("1.stop")),),)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def chats(clock):
    chats = Chats(clock)
    chats.add(ANA, ANA, Formatted("/start"))
    return chats


def refusal_of(action):
    with pytest.raises(Refusal) as refused:
        action()
    return refused.value.code, refused.value.description


@pytest.mark.parametrize(
    ("chat_id", "code", "text"),
    [
        (77, 400, "Bad Request: chat not found"),
        (0, 400, "Bad Request: chat not found"),
        (BEN.user_id, 403, "Forbidden: bot can't initiate conversation with a user"),
        (STRANGER.user_id, 403, "Forbidden: bot can't initiate conversation with a user"),
    ],
)
def test_chat_the_bot_may_not_write_in_is_refused(chats, chat_id, code, text):
    assert refusal_of(lambda: chats.writable(chat_id)) == (code, text)


def test_chat_opens_with_its_persons_first_message(chats):
    assert chats.writable(ANA.user_id) is ANA
    assert not chats.is_open(BEN)

    chats.add(BEN, BEN, Formatted("hello"))

    assert chats.writable(BEN.user_id) is BEN


def test_chat_blocked_refuses_until_unblocked(chats):
    chats.block(ANA, blocked=True)
    blocked = refusal_of(lambda: chats.writable(ANA.user_id))
    chats.block(ANA, blocked=False)

    assert blocked == (403, "Forbidden: bot was blocked by the user")
    assert chats.writable(ANA.user_id) is ANA


def test_chat_known_does_not_need_to_be_unblocked(chats):
    chats.block(ANA, blocked=True)

    assert chats.known(ANA.user_id) is ANA
    assert refusal_of(lambda: chats.known(BEN.user_id)) == (400, "Bad Request: chat not found")


def test_message_ids_rise_across_chats(chats):
    first = chats.add(ANA, None, Formatted("a"))
    second = chats.add(BEN, BEN, Formatted("b"))
    third = chats.add(ANA, None, Formatted("c"))

    assert first.message_id < second.message_id < third.message_id


def test_message_ids_after_a_restart_are_new(clock, chats):
    before = chats.add(ANA, None, Formatted("a")).message_id
    clock.advance(10_000)

    again = Chats(clock).add(ANA, ANA, Formatted("b")).message_id

    assert again > before


def test_edit_replaces_text_and_keyboard_and_dates_the_edit(chats, clock):
    card = chats.add(ANA, None, Formatted("dry"), keyboard=KEYS)
    clock.advance(5_000)

    edited = chats.edit(ANA.user_id, card.message_id, Formatted("armed"), OTHER_KEYS)

    assert (edited.content.text, edited.keyboard) == ("armed", OTHER_KEYS)
    assert edited.edited_s == card.date_s + 5
    assert chats.find(ANA.user_id, card.message_id) == edited


def test_edit_without_keyboard_removes_it(chats):
    card = chats.add(ANA, None, Formatted("dry"), keyboard=KEYS)

    assert chats.edit(ANA.user_id, card.message_id, Formatted("dry"), ()).keyboard == ()


def test_edit_of_the_keyboard_alone_keeps_the_text(chats):
    card = chats.add(ANA, None, Formatted("dry"), keyboard=KEYS)

    assert chats.edit(ANA.user_id, card.message_id, None, OTHER_KEYS).content.text == "dry"


@pytest.mark.parametrize("content", [Formatted("dry"), None])
def test_edit_that_changes_nothing_is_refused(chats, content):
    card = chats.add(ANA, None, Formatted("dry"), keyboard=KEYS)

    code, text = refusal_of(lambda: chats.edit(ANA.user_id, card.message_id, content, KEYS))

    assert code == 400
    assert text == (
        "Bad Request: message is not modified: specified new message content and reply markup are exactly "
        "the same as a current content and reply markup of the message"
    )


def test_edit_of_an_unknown_message_is_refused(chats):
    assert refusal_of(lambda: chats.edit(ANA.user_id, 1, Formatted("x"), ())) == (
        400,
        "Bad Request: message to edit not found",
    )


def test_edit_of_a_persons_message_is_refused(chats):
    theirs = chats.listing(ANA.user_id)[0]

    assert refusal_of(lambda: chats.edit(ANA.user_id, theirs.message_id, Formatted("x"), ())) == (
        400,
        "Bad Request: message can't be edited",
    )


def test_edit_with_another_chats_id_is_refused(chats):
    chats.add(BEN, BEN, Formatted("hello"))
    card = chats.add(ANA, None, Formatted("dry"))

    assert refusal_of(lambda: chats.edit(BEN.user_id, card.message_id, Formatted("x"), ())) == (
        400,
        "Bad Request: message to edit not found",
    )


def test_delete_takes_messages_of_both_sides(chats):
    theirs = chats.listing(ANA.user_id)[0]
    ours = chats.add(ANA, None, Formatted("card"))

    chats.delete(ANA.user_id, theirs.message_id)
    chats.delete(ANA.user_id, ours.message_id)

    assert chats.listing(ANA.user_id) == ()


def test_delete_twice_is_refused(chats):
    card = chats.add(ANA, None, Formatted("card"))
    chats.delete(ANA.user_id, card.message_id)

    assert refusal_of(lambda: chats.delete(ANA.user_id, card.message_id)) == (
        400,
        "Bad Request: message to delete not found",
    )


def test_delete_after_two_days_is_refused(chats, clock):
    card = chats.add(ANA, None, Formatted("card"))
    clock.advance((DELETE_WINDOW_S + 1) * 1_000)

    assert refusal_of(lambda: chats.delete(ANA.user_id, card.message_id)) == (
        400,
        "Bad Request: message can't be deleted for everyone",
    )


def test_edit_of_a_deleted_message_is_refused(chats):
    card = chats.add(ANA, None, Formatted("card"))
    chats.delete(ANA.user_id, card.message_id)

    assert refusal_of(lambda: chats.edit(ANA.user_id, card.message_id, Formatted("x"), ()))[0] == 400


def test_oldest_message_is_forgotten_beyond_the_bound(chats):
    first = chats.listing(ANA.user_id)[0]

    for number in range(MESSAGES_PER_CHAT_MAX):
        chats.add(ANA, None, Formatted(str(number)))

    assert len(chats.listing(ANA.user_id)) == MESSAGES_PER_CHAT_MAX
    assert chats.find(ANA.user_id, first.message_id) is None


def test_message_json_of_a_card_has_what_a_bot_reads(chats, clock):
    card = chats.add(ANA, None, Formatted("card"), keyboard=KEYS)

    assert card.to_json() == {
        "message_id": card.message_id,
        "from": {"id": 1, "is_bot": True, "first_name": "Dutchdesk", "username": "dutchdesk_local_bot"},
        "chat": {"id": 1001, "type": "private", "first_name": "Ana", "username": "ana_local"},
        "date": clock.now_ms() // 1_000,
        "text": "card",
        "reply_markup": {"inline_keyboard": [[{"text": "Go", "callback_data": "1.go"}]]},
    }


def test_message_json_of_a_reply_holds_the_first_message_once(chats):
    card = chats.add(ANA, None, Formatted("card"))
    code = chats.add(ANA, ANA, Formatted("123456"), reply_to=card)
    again = chats.add(ANA, None, Formatted("thanks"), reply_to=code)

    assert code.to_json()["reply_to_message"]["message_id"] == card.message_id
    assert "reply_to_message" not in again.to_json()["reply_to_message"]

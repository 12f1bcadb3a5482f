import pytest

from bot.local.chat_event import ButtonFace, ChatEvent, EventKind
from bot.local.people import ANA
from bot.local.standin.chats import Chats
from bot.local.standin.html import parse_html
from bot.local.standin.keyboard import Button, SendsData
from bot.local.standin.transcript import EVENTS_MAX, Calls, Transcript
from engine.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def chats(clock):
    return Chats(clock)


@pytest.fixture
def transcript(clock):
    return Transcript(clock)


def test_transcript_message_shows_text_marks_buttons_and_sound(transcript, chats, clock):
    keys = ((Button("Go", SendsData("secret-payload")),),)
    card = chats.add(ANA, None, parse_html("<b>dry</b>"), keyboard=keys)

    transcript.message(card)

    (event,) = transcript.after(0)
    marks = card.content.marks
    assert event == ChatEvent(
        1,
        clock.now_ms(),
        EventKind.MESSAGE,
        1001,
        card.message_id,
        "bot",
        "dry",
        marks,
        ((ButtonFace("Go"),),),
        loud=True,
    )


@pytest.mark.parametrize(
    ("kind", "silent", "loud"),
    [(EventKind.MESSAGE, False, True), (EventKind.MESSAGE, True, False), (EventKind.EDIT, False, False)],
)
def test_transcript_edits_and_silent_messages_make_no_sound(transcript, chats, kind, silent, loud):
    transcript.message(chats.add(ANA, None, parse_html("x"), loud=not silent), kind)

    assert transcript.after(0)[0].loud is loud


def test_transcript_a_persons_message_names_the_person(transcript, chats):
    transcript.message(chats.add(ANA, ANA, parse_html("/start")))

    event = transcript.after(0)[0]
    assert (event.sender, event.from_bot) == ("ana", False)


def test_transcript_toast_and_deletion_name_their_message(transcript):
    transcript.toast(1001, 5, "Sending…", dialog=True)
    transcript.deleted(1001, 6)

    toast, deletion = transcript.after(0)
    assert (toast.kind, toast.message_id, toast.text, toast.loud) == (EventKind.TOAST, 5, "Sending…", True)
    assert (deletion.kind, deletion.message_id, deletion.text) == (EventKind.DELETE, 6, "")


@pytest.mark.parametrize(
    ("after", "numbers"), [(0, [1, 2, 3]), (1, [2, 3]), (3, []), (99, []), (-5, [1, 2, 3])]
)
def test_transcript_after_gives_what_is_newer(transcript, after, numbers):
    for _ in range(3):
        transcript.deleted(1001, 1)

    assert [event.seq for event in transcript.after(after)] == numbers
    assert transcript.latest == 3


def test_transcript_is_bounded_and_keeps_the_newest(transcript):
    for _ in range(EVENTS_MAX + 10):
        transcript.deleted(1001, 1)

    assert len(transcript.after(0)) == EVENTS_MAX
    assert transcript.after(0)[0].seq == 11
    assert transcript.after(EVENTS_MAX + 9)[0].seq == EVENTS_MAX + 10


def test_calls_are_kept_in_order_with_their_answers(clock):
    calls = Calls(clock)
    calls.record("getMe", {}, 200, "")
    clock.advance(5)
    calls.record("sendMessage", {"chat_id": "1"}, 400, "Bad Request: chat not found")

    assert [call.to_json() for call in calls.listing()] == [
        {"at_ms": clock.now_ms() - 5, "method": "getMe", "params": {}, "code": 200, "description": ""},
        {
            "at_ms": clock.now_ms(),
            "method": "sendMessage",
            "params": {"chat_id": "1"},
            "code": 400,
            "description": "Bad Request: chat not found",
        },
    ]

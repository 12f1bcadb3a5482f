import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.local.chat_event import ButtonFace, ButtonStyle, ChatEvent, EventKind, Mark, MarkKind, utf16_length

FACES = st.builds(ButtonFace, st.text(), st.sampled_from(ButtonStyle), st.booleans())
EXTRAS = st.sampled_from([(), (("url", "https://a.b"),), (("unix_time", 5), ("date_time_format", "r"))])
MARKS = st.builds(Mark, st.sampled_from(MarkKind), st.integers(0, 4096), st.integers(1, 4096), EXTRAS)
EVENTS = st.builds(
    ChatEvent,
    seq=st.integers(1),
    at_ms=st.integers(0),
    kind=st.sampled_from(EventKind),
    chat_id=st.integers(),
    message_id=st.integers(),
    sender=st.sampled_from(["bot", "ana", "ben"]),
    text=st.text(),
    marks=st.lists(MARKS, max_size=3).map(tuple),
    rows=st.lists(st.lists(FACES, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple),
    loud=st.booleans(),
)


def event(**changes):
    fields: dict[str, Any] = {
        "seq": 1,
        "at_ms": 2,
        "kind": EventKind.MESSAGE,
        "chat_id": 3,
        "message_id": 4,
        "sender": "bot",
    }
    return ChatEvent(**(fields | changes))


@given(EVENTS)
def test_event_survives_the_wire(event):
    assert ChatEvent.from_json(json.loads(json.dumps(event.to_json()))) == event


@pytest.mark.parametrize(
    "change",
    [
        {"seq": "1"},
        {"kind": "shout"},
        {"text": None},
        {"entities": None},
        {"entities": [{"type": "sparkle", "offset": 0, "length": 1}]},
        {"entities": [{"type": "bold", "offset": "0", "length": 1}]},
        {"buttons": {}},
        {"buttons": [{}]},
        {"buttons": [[{"label": "x", "style": "pink", "sends": True}]]},
        {"buttons": [["x"]]},
        {"loud": "yes"},
    ],
)
def test_event_of_a_wrong_shape_is_a_value_error(change):
    with pytest.raises(ValueError, match=r"expected|not a valid"):
        ChatEvent.from_json({**event().to_json(), **change})


@pytest.mark.parametrize("value", [None, [], "x"])
def test_event_that_is_no_object_is_refused(value):
    with pytest.raises(ValueError, match="expected a chat event to be an object"):
        ChatEvent.from_json(value)


@pytest.mark.parametrize(
    ("kind", "sender", "is_card"),
    [
        (EventKind.MESSAGE, "bot", True),
        (EventKind.EDIT, "bot", True),
        (EventKind.TOAST, "bot", False),
        (EventKind.DELETE, "bot", False),
        (EventKind.MESSAGE, "ana", False),
    ],
)
def test_event_is_a_card_when_the_bot_shows_a_text(kind, sender, is_card):
    assert event(kind=kind, sender=sender).is_card is is_card


def test_event_buttons_are_in_reading_order():
    rows = ((ButtonFace("1"), ButtonFace("2")), (ButtonFace("3"),))

    assert [face.label for face in event(rows=rows).buttons] == ["1", "2", "3"]


@given(st.text())
def test_utf16_length_is_what_utf16_needs(text):
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2

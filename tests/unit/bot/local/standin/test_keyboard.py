import json

import pytest

from bot.local.chat_event import ButtonFace, ButtonStyle
from bot.local.standin.keyboard import (
    Button,
    CopiesText,
    OpensLink,
    SendsData,
    faces,
    keyboard_json,
    read_keyboard,
)
from bot.local.standin.refusal import Params, Refusal


def read(rows, *, inline_only=False, as_text=False):
    markup = {"inline_keyboard": rows}
    return read_keyboard(
        Params({"reply_markup": json.dumps(markup) if as_text else markup}), inline_only=inline_only
    )


def button(**fields):
    return {"text": "Go", "callback_data": "1.go", **fields}


@pytest.mark.parametrize("as_text", [False, True])
def test_keyboard_is_read_from_json_and_from_a_form_field(as_text):
    rows = [[button(), button(text="Stop", style="danger")], [{"text": "Site", "url": "https://a.b"}]]

    keyboard = read(rows, as_text=as_text)

    assert keyboard == (
        (Button("Go", SendsData("1.go")), Button("Stop", SendsData("1.go"), ButtonStyle.DANGER)),
        (Button("Site", OpensLink("https://a.b")),),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "Go", "callback_data": "x"},
        {"text": "Go", "callback_data": "x", "style": "primary"},
        {"text": "Go", "callback_data": "x", "style": "success"},
        {"text": "Go", "callback_data": "x", "style": "danger"},
        {"text": "Go", "url": "https://polymarket.com"},
        {"text": "Go", "url": "tg://user?id=1"},
        {"text": "Copy ids", "copy_text": {"text": "0x3f"}},
    ],
)
def test_keyboard_button_comes_back_as_it_was_sent(fields):
    assert keyboard_json(read([[fields]])) == {"inline_keyboard": [[fields]]}


@pytest.mark.parametrize("payload", ["x", "x" * 64, "€" * 21 + "x", "\U0001f534" * 16])
def test_keyboard_payload_of_one_to_64_bytes_is_taken(payload):
    assert read([[button(callback_data=payload)]])[0][0].act == SendsData(payload)


@pytest.mark.parametrize("payload", ["x" * 65, "€" * 22, "\U0001f534" * 16 + "x"])
def test_keyboard_payload_over_64_bytes_is_refused(payload):
    with pytest.raises(Refusal) as refused:
        read([[button(callback_data=payload)]])

    assert refused.value.description == "Bad Request: BUTTON_DATA_INVALID"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"callback_data": "x"}, "can't parse inline keyboard button: Can't find field \"text\""),
        (
            {"text": 1, "callback_data": "x"},
            'can\'t parse inline keyboard button: Field "text" must be of type String',
        ),
        (
            {"text": " ", "callback_data": "x"},
            'can\'t parse inline keyboard button: Field "text" must be non-empty',
        ),
        (
            {"text": "Go"},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            {"text": "Go", "callback_data": ""},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            {"text": "Go", "callback_data": 7},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        ("Go", "can't parse inline keyboard button: InlineKeyboardButton must be an Object"),
        ({"text": "Go", "callback_data": "x", "style": "red"}, "BUTTON_STYLE_INVALID"),
        ({"text": "Go", "callback_data": "x", "style": ["danger"]}, "BUTTON_STYLE_INVALID"),
        ({"text": "Go", "copy_text": {"text": ""}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"text": "Go", "copy_text": {"text": "x" * 257}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"text": "Go", "copy_text": {}}, "BUTTON_COPY_TEXT_INVALID"),
        (
            {"text": "Go", "url": "ftp://a.b"},
            "inline keyboard button URL 'ftp://a.b' is invalid: Wrong HTTP URL",
        ),
    ],
)
def test_keyboard_bad_button_is_refused_in_telegrams_words(fields, reason):
    with pytest.raises(Refusal) as refused:
        read([[fields]])

    assert refused.value.description == f"Bad Request: {reason}"


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ("{not json", "can't parse reply keyboard markup JSON object"),
        ([1], "object expected as reply markup"),
        ({"inline_keyboard": "x"}, 'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array'),
        (
            {"inline_keyboard": ["x"]},
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        ),
    ],
)
def test_keyboard_of_a_wrong_shape_is_refused(markup, reason):
    with pytest.raises(Refusal) as refused:
        read_keyboard(Params({"reply_markup": markup}), inline_only=False)

    assert refused.value.description == f"Bad Request: {reason}"


def test_keyboard_of_a_hundred_buttons_is_taken_and_one_more_refused():
    full = [[button(callback_data=f"{row}.{place}") for place in range(5)] for row in range(20)]

    assert sum(len(row) for row in read(full)) == 100
    with pytest.raises(Refusal, match="REPLY_MARKUP_TOO_LONG"):
        read([*full, [button()]])


def test_keyboard_with_too_many_bytes_is_refused():
    with pytest.raises(Refusal, match="REPLY_MARKUP_TOO_LONG"):
        read([[button(text="x" * 200, callback_data="y" * 60)] for _ in range(40)])


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"reply_markup": None},
        {"reply_markup": ""},
        {"reply_markup": "{}"},
        {"reply_markup": {"inline_keyboard": []}},
    ],
)
def test_keyboard_absent_or_empty_is_none(params):
    assert read_keyboard(Params(params), inline_only=True) == ()


def test_keyboard_empty_rows_are_left_out():
    assert len(read([[], [button()], []])) == 1


@pytest.mark.parametrize(
    "markup", [{"keyboard": [[{"text": "/kill"}]]}, {"remove_keyboard": True}, {"force_reply": True}]
)
def test_keyboard_of_the_reply_kind_is_taken_in_a_new_message_only(markup):
    params = Params({"reply_markup": markup})

    assert read_keyboard(params, inline_only=False) == ()
    with pytest.raises(Refusal, match="inline keyboard expected"):
        read_keyboard(params, inline_only=True)


def test_keyboard_faces_say_which_buttons_send_something():
    keyboard = (
        (Button("Go", SendsData("x"), ButtonStyle.PRIMARY), Button("Site", OpensLink("https://a.b"))),
        (Button("Copy", CopiesText("0x")),),
    )

    assert faces(keyboard) == (
        (ButtonFace("Go", ButtonStyle.PRIMARY, sends=True), ButtonFace("Site", sends=False)),
        (ButtonFace("Copy", sends=False),),
    )

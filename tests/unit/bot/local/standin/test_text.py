import html as escaping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.local.chat_event import Mark, MarkKind
from bot.local.standin.refusal import Params, Refusal
from bot.local.standin.text import TEXT_MAX, read_text, typed_by_person


def read(text, mode="HTML"):
    return read_text(Params({"text": text, "parse_mode": mode} if mode else {"text": text}))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"text": ""},
        {"text": "   \n "},
        {"text": "<b></b>", "parse_mode": "HTML"},
        {"text": "<b>  </b>\n", "parse_mode": "HTML"},
        {"text": "\u202e\r"},
    ],
)
def test_text_nothing_to_show_is_refused(params):
    with pytest.raises(Refusal) as refused:
        read_text(Params(params))

    assert refused.value.description == "Bad Request: message text is empty"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("x" * TEXT_MAX, None),
        ("x" * TEXT_MAX, "HTML"),
        (f"<b>{'x' * TEXT_MAX}</b>", "HTML"),
        ("&lt;" * TEXT_MAX, "HTML"),
        ("\U0001f534" * TEXT_MAX, None),
        (" " * 10 + "x" * TEXT_MAX + " " * 10, None),
    ],
)
def test_text_of_exactly_the_limit_after_parsing_is_taken(text, mode):
    assert len(read(text, mode).text) == TEXT_MAX


@pytest.mark.parametrize(
    ("text", "mode"), [("x" * 4097, None), ("<i>x</i>" * 4097, "HTML"), ("<" * 4097, None)]
)
def test_text_one_over_the_limit_is_refused(text, mode):
    with pytest.raises(Refusal) as refused:
        read(text, mode)

    assert refused.value.description == "Bad Request: message is too long"


@pytest.mark.parametrize("mode", ["MarkdownV2", "Markdown", "xml"])
def test_text_other_parse_modes_are_refused(mode):
    with pytest.raises(Refusal, match="unsupported parse_mode"):
        read("x", mode)


@pytest.mark.parametrize("mode", ["HTML", "html", "Html"])
def test_text_parse_mode_ignores_case(mode):
    assert read("<b>x</b>", mode).marks == (Mark(MarkKind.BOLD, 0, 1),)


def test_text_without_mode_keeps_tags_as_text():
    formatted = read("<b>x</b>", None)

    assert (formatted.text, formatted.marks) == ("<b>x</b>", ())


def test_text_explicit_entities_are_refused_rather_than_ignored():
    with pytest.raises(Refusal, match="explicit entities"):
        read_text(Params({"text": "x", "entities": "[]"}))


def test_text_control_characters_become_spaces_and_turning_marks_vanish():
    assert read("a\x00b\x1bc\r\nd\u202ee\tf", None).text == "a b c\nde\tf"


@pytest.mark.parametrize(
    ("source", "text", "marks"),
    [
        ("  <b>x</b>", "x", (Mark(MarkKind.BOLD, 0, 1),)),
        ("\n\n<b> x </b>\n", "x", (Mark(MarkKind.BOLD, 0, 1),)),
        ("<b>x</b>  <i> </i>", "x", (Mark(MarkKind.BOLD, 0, 1),)),
        (" \U0001f534<b>y</b> ", "\U0001f534y", (Mark(MarkKind.BOLD, 2, 1),)),
        ("<pre> a</pre>", "a", (Mark(MarkKind.PRE, 0, 1),)),
    ],
)
def test_text_trimming_moves_and_cuts_the_marks(source, text, marks):
    formatted = read(source)

    assert (formatted.text, formatted.marks) == (text, marks)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cf"]), min_size=1))
def test_text_escaped_text_survives_but_for_its_ends(text):
    if text.strip():
        assert read(escaping.escape(text)).text == text.strip()


@pytest.mark.parametrize(
    ("typed", "marks"),
    [
        ("/dutch fed4 200", (Mark(MarkKind.COMMAND, 0, 6),)),
        ("/k", (Mark(MarkKind.COMMAND, 0, 2),)),
        ("/status@dutchdesk_local_bot now", (Mark(MarkKind.COMMAND, 0, 27),)),
        ("please /kill", (Mark(MarkKind.COMMAND, 7, 5),)),
        ("\U0001f534 /kill", (Mark(MarkKind.COMMAND, 3, 5),)),
        ("https://polymarket.com/event/fed", ()),
        ("1/2", ()),
        ("/", ()),
        ("/two /words", (Mark(MarkKind.COMMAND, 0, 4), Mark(MarkKind.COMMAND, 5, 6))),
    ],
)
def test_typed_commands_are_marked_as_telegram_marks_them(typed, marks):
    assert typed_by_person(typed).marks == marks


def test_typed_nothing_is_refused():
    with pytest.raises(Refusal):
        typed_by_person(" \n ")


def test_typed_text_is_cut_at_the_limit():
    assert len(typed_by_person("x" * 5_000).text) == TEXT_MAX

"""What the terminal prints, line by line, as a pipe gets it; and the colours a terminal gets."""

import io

import pytest

from bot.local.card_text import cells
from bot.local.chat_event import ButtonFace, ButtonStyle, ChatEvent, EventKind
from bot.local.standin.html import parse_html
from bot.local.terminal import COLUMNS_MAX, Terminal


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def event(source="x", kind=EventKind.MESSAGE, sender="bot", rows=(), *, loud=True):
    formatted = parse_html(source)
    return ChatEvent(1, 0, kind, 1001, 5, sender, formatted.text, formatted.marks, rows, loud)


def printed(shown, *, columns=30, alert=False, stream=None):
    stream = stream or io.StringIO()
    Terminal(stream, columns=columns).show(shown, alert=alert)
    return stream.getvalue()


def test_terminal_draws_a_card_as_a_box():
    rows = (
        (ButtonFace("✖ Drop"), ButtonFace("½ size")),
        (ButtonFace("Confirm…", ButtonStyle.PRIMARY), ButtonFace("Site", sends=False)),
    )

    assert printed(event("⚖️ <b>LOCAL · dry</b>\n<pre>leg  ask\nCut 0.30</pre>", rows=rows)) == (
        "╭────────────────────────────╮\n"
        "│ ⚖️ LOCAL · dry             │\n"
        "│ leg  ask                   │\n"
        "│ Cut 0.30                   │\n"
        "├────────────────────────────┤\n"
        "│ [1] ✖ Drop  [2] ½ size     │\n"
        "│ [3] Confirm…  [4] Site ↗   │\n"
        "╰────────────────────────────╯\n"
    )


def test_terminal_marks_an_edit():
    assert printed(event("done", EventKind.EDIT)) == (
        "╭─ ✎ ────────────────────────╮\n│ done                       │\n╰────────────────────────────╯\n"
    )


def test_terminal_marks_an_alert_with_its_wide_sign():
    assert printed(event("🟡 WARN · rejects"), alert=True) == (
        "╭─ 🔔 ───────────────────────╮\n│ 🟡 WARN · rejects          │\n╰────────────────────────────╯\n"
    )


def test_terminal_an_edit_is_an_edit_even_when_it_is_an_alert():
    assert "✎" in printed(event("x", EventKind.EDIT), alert=True)
    assert "🔔" not in printed(event("x", EventKind.EDIT), alert=True)


def test_terminal_shows_quotes_and_wide_characters_inside_the_box():
    assert printed(event("中文\n<blockquote>more about it, at length</blockquote>"), columns=22) == (
        "╭────────────────────╮\n"
        "│ 中文               │\n"
        "│ │ more about it,   │\n"
        "│ │ at length        │\n"
        "╰────────────────────╯\n"
    )


def test_terminal_shows_a_toast_in_brackets():
    assert printed(event("Sending…", EventKind.TOAST)) == "(Sending…)\n"


def test_terminal_shows_a_deletion():
    assert printed(event("", EventKind.DELETE)) == "(message deleted)\n"


def test_terminal_shows_what_a_person_wrote_with_a_sign():
    assert printed(event("/dutch fed4 200 and more words", sender="ana"), columns=20) == (
        "\u203a /dutch fed4 200\n  and more words\n"
    )


def test_terminal_prints_steps_and_notes():
    stream = io.StringIO()
    terminal = Terminal(stream, columns=30)

    terminal.step("[2] Confirm…")
    terminal.note("You are Ben now.")

    assert stream.getvalue() == "\u203a [2] Confirm…\nYou are Ben now.\n"


def test_terminal_breaks_a_row_of_buttons_between_buttons():
    rows = ((ButtonFace("Cancel all 14"), ButtonFace("Resume…"), ButtonFace("x" * 40)),)

    assert printed(event("x", rows=rows)).splitlines()[3:-1] == [
        "│ [1] Cancel all 14          │",
        "│ [2] Resume…                │",
        "│ [3] xxxxxxxxxxxxxxxxxxxxx… │",
    ]


def test_terminal_numbers_go_on_across_rows():
    rows = tuple((ButtonFace(str(row)),) for row in range(11))

    shown = printed(event("x", rows=rows))

    assert all(f"[{number}] {number - 1}" in shown for number in range(1, 12))


@pytest.mark.parametrize("columns", [20, 37, 60, 200])
def test_terminal_every_line_of_a_box_has_the_same_width(columns):
    text = "⚖️ <b>LIVE</b> · 🔴🟡🟢 fed4 中文字符 " * 6 + "\n<pre>No change  0.400     910  80.00</pre>"
    rows = ((ButtonFace("🔴 Send 4 orders · ≤ 193.20"), ButtonFace("\u2039 Back")),)

    widths = {cells(line) for line in printed(event(text, rows=rows), columns=columns).splitlines()}

    assert widths == {min(columns, COLUMNS_MAX)}


def test_terminal_in_a_pipe_prints_no_codes(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    rows = ((ButtonFace("Send", ButtonStyle.DANGER),),)

    assert "\x1b" not in printed(event("<b>LIVE</b> <code>0x</code>", rows=rows))


@pytest.fixture
def colours(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")


def test_terminal_paints_the_danger_button_red(colours):
    rows = ((ButtonFace("Drop"), ButtonFace("Send", ButtonStyle.DANGER)),)

    shown = printed(event("<b>LIVE</b>", rows=rows), stream=FakeTerminal())

    assert "\x1b[1;31m[2] Send\x1b[0m" in shown
    assert "\x1b[1mLIVE\x1b[0m" in shown
    assert "[1] Drop" in shown


def test_terminal_narrower_than_the_box_gets_a_narrower_box(colours, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")

    shown = printed(event("plain"), columns=60, stream=FakeTerminal())

    assert {cells(line) for line in shown.splitlines()} == {40}


def test_terminal_stream_without_the_signs_shows_question_marks():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    Terminal(stream, columns=20).show(event("plain"))
    stream.flush()

    assert b"? plain" in raw.getvalue()

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from bot.local.card_text import card_lines, cells, cut, styled
from bot.local.standin.html import parse_html


def lines(source, columns=56):
    formatted = parse_html(source)
    return [line.plain for line in card_lines(formatted.text, formatted.marks, columns=columns)]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("one line", ["one line"]),
        ("two\nlines", ["two", "lines"]),
        ("a\n\nb", ["a", "", "b"]),
        ("<b>bold</b> and <i>italic</i>", ["bold and italic"]),
        ("&lt;b&gt; stays text", ["<b> stays text"]),
        ('ends <tg-time unix="1795335820" format="r">in 10 min</tg-time>', ["ends in 10 min"]),
        ("<pre>leg   ask\nCut  0.30</pre>", ["leg   ask", "Cut  0.30"]),
        ("before\n<pre>a   b</pre>\nafter", ["before", "a   b", "after"]),
        ("<blockquote>said\ntwice</blockquote>", ["│ said", "│ twice"]),
        ("<blockquote expandable>more</blockquote>\nrest", ["│ more", "rest"]),
        ("[1] not [/red] markup :smile:", ["[1] not [/red] markup :smile:"]),
    ],
)
def test_card_lines_show_the_text_in_its_shape(source, shown):
    assert lines(source) == shown


def test_card_lines_wrap_at_words():
    assert lines("the quick brown fox jumps", columns=12) == ["the quick", "brown fox", "jumps"]


def test_card_lines_break_a_word_that_is_too_long():
    assert lines("0x" + "f" * 20, columns=10) == ["0xffffffff", "ffffffffff", "ff"]


def test_card_lines_of_a_table_are_cut_not_wrapped():
    assert lines("<pre>No change  0.400     910  80.00</pre>", columns=12) == ["No change  …"]


def test_card_lines_of_a_quote_keep_their_bar_when_wrapped():
    assert lines("<blockquote>one two three</blockquote>", columns=9) == ["│ one two", "│ three"]


@pytest.mark.parametrize(
    ("source", "columns", "shown"),
    [
        ("中文字符测试", 6, ["中文字", "符测试"]),
        ("🔴🔴🔴", 4, ["🔴🔴", "🔴"]),
        ("<pre>中文字符</pre>", 5, ["中文…"]),
    ],
)
def test_card_lines_count_wide_characters_twice(source, columns, shown):
    assert lines(source, columns) == shown


def test_styled_marks_lie_right_behind_wide_characters():
    formatted = parse_html("🔴🔴 <b>red</b> 中 <i>it</i>")

    shown = styled(formatted.text, formatted.marks)

    assert [(shown.plain[span.start : span.end], span.style) for span in shown.spans] == [
        ("red", "bold"),
        ("it", "italic"),
    ]


@pytest.mark.parametrize(
    ("tag", "style"),
    [
        ("b", "bold"),
        ("i", "italic"),
        ("u", "underline"),
        ("s", "strike"),
        ("code", "cyan"),
        ("tg-spoiler", "reverse"),
    ],
)
def test_styled_marks_have_their_styles(tag, style):
    formatted = parse_html(f"<{tag}>x</{tag}>")

    (span,) = styled(formatted.text, formatted.marks).spans

    assert span.style == style


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])), st.integers(8, 60))
def test_card_lines_are_never_wider_than_asked(text, columns):
    for line in card_lines(text, (), columns=columns):
        assert cells(line.plain) <= columns


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("abc", 3),
        ("中文", 4),
        ("🔴", 2),
        ("⚖️", 2),
        ("⚖", 1),
        ("é", 1),
        ("e\u0301", 1),
        ("\u200d", 0),
        ("🔴\ufe0f", 2),
    ],
)
def test_cells_count_what_a_terminal_draws(text, width):
    assert cells(text) == width


@pytest.mark.parametrize(
    "text", ["\u200d\u200dé👨\ufe0f👩" * 9, "\ufe0f" * 40 + "x" * 40, "\u0301" * 30 + "中" * 30]
)
@pytest.mark.parametrize("source", ["{}", "<pre>{}</pre>", "<blockquote>{}</blockquote>"])
def test_card_lines_survive_hostile_text(text, source):
    shown = lines(source.format(text), columns=12)

    assert shown
    assert all(cells(line) <= 12 for line in shown)


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [("abcdef", 6, "abcdef"), ("abcdefg", 6, "abcde…"), ("中中中", 5, "中中…"), ("中中中", 4, "中…")],
)
def test_cut_ends_with_a_sign_only_where_something_is_missing(text, columns, shown):
    assert cut(Text(text), columns).plain == shown


@given(st.text(alphabet="ab \n中🔴"), st.integers(8, 30))
def test_card_lines_lose_nothing_but_white_space(text, columns):
    shown = "".join(line.plain for line in card_lines(text, (), columns=columns))

    assert "".join(shown.split()) == "".join(text.split())

import html as escaping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.local.chat_event import Mark, MarkKind, utf16_length
from bot.local.standin.html import MARKS_MAX, Formatted, parse_html
from bot.local.standin.refusal import Refusal

SIMPLE = [
    ("b", MarkKind.BOLD),
    ("strong", MarkKind.BOLD),
    ("i", MarkKind.ITALIC),
    ("em", MarkKind.ITALIC),
    ("u", MarkKind.UNDERLINE),
    ("ins", MarkKind.UNDERLINE),
    ("s", MarkKind.STRIKE),
    ("strike", MarkKind.STRIKE),
    ("del", MarkKind.STRIKE),
    ("code", MarkKind.CODE),
    ("pre", MarkKind.PRE),
    ("tg-spoiler", MarkKind.SPOILER),
    ("blockquote", MarkKind.QUOTE),
]


@pytest.mark.parametrize(("tag", "kind"), SIMPLE)
def test_html_simple_tag_becomes_its_mark(tag, kind):
    parsed = parse_html(f"see <{tag}>this</{tag}> now")

    assert parsed.text == "see this now"
    assert parsed.marks == (Mark(kind, 4, 4),)


@pytest.mark.parametrize("tag", ["B", "Pre", "BLOCKQUOTE", "TG-SPOILER"])
def test_html_tag_names_ignore_case(tag):
    assert parse_html(f"<{tag}>x</{tag.lower()}>").text == "x"


@pytest.mark.parametrize(
    ("source", "mark"),
    [
        ("<blockquote expandable>x</blockquote>", Mark(MarkKind.EXPANDABLE_QUOTE, 0, 1)),
        ('<span class="tg-spoiler">x</span>', Mark(MarkKind.SPOILER, 0, 1)),
        ("<span class='tg-spoiler'>x</span>", Mark(MarkKind.SPOILER, 0, 1)),
        ("<span class=tg-spoiler>x</span>", Mark(MarkKind.SPOILER, 0, 1)),
        (
            '<a href="https://a.b/?x=1&amp;y=2">x</a>',
            Mark(MarkKind.LINK, 0, 1, (("url", "https://a.b/?x=1&y=2"),)),
        ),
        (
            '<tg-time unix="1795335820" format="r">in 10 min</tg-time>',
            Mark(MarkKind.TIME, 0, 9, (("unix_time", 1795335820), ("date_time_format", "r"))),
        ),
        (
            '<tg-time unix="1795335820">then</tg-time>',
            Mark(MarkKind.TIME, 0, 4, (("unix_time", 1795335820), ("date_time_format", ""))),
        ),
        (
            '<tg-time unix="1" format="wDT">x</tg-time>',
            Mark(MarkKind.TIME, 0, 1, (("unix_time", 1), ("date_time_format", "wDT"))),
        ),
    ],
)
def test_html_tag_with_attributes_keeps_them(source, mark):
    assert parse_html(source).marks == (mark,)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a &lt; b &gt; c &amp; d &quot;e&quot;", 'a < b > c & d "e"'),
        ("&#65;&#x42;&#x1F600;", "AB\U0001f600"),
        ("fish & chips", "fish & chips"),
        ("&nbsp;&copy;", "&nbsp;&copy;"),
        ("&#0;&#xD800;&#1114112;", "&#0;&#xD800;&#1114112;"),
        ("AT&T &", "AT&T &"),
        ("a > b", "a > b"),
        ("&amp;lt;", "&lt;"),
    ],
)
def test_html_references_only_the_known_ones_are_decoded(source, text):
    assert parse_html(source).text == text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("<<", "Unclosed start tag at byte offset 0"),
        ("<< x>", 'Unsupported start tag "<" at byte offset 0'),
        ("<br>", 'Unsupported start tag "br" at byte offset 0'),
        ("<b/>", 'Unsupported start tag "b/" at byte offset 0'),
        ("<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 0'),
        ("<script>x</script>", 'Unsupported start tag "script" at byte offset 0'),
        ("ä€<p>x</p>", 'Unsupported start tag "p" at byte offset 5'),
        ("{0}<p>", 'Unsupported start tag "p" at byte offset 3'),
        ("<{b}>", 'Unsupported start tag "{b}" at byte offset 0'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b><i>x</i>", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("</>", "Unexpected end tag at byte offset 0"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b", "Unclosed start tag at byte offset 0"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ('<a href="x"', "Unclosed start tag at byte offset 0"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<span class="big">x</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<tg-time>x</tg-time>", 'Tag "tg-time" must have a valid "unix" at byte offset 0'),
        ('<tg-time unix="soon">x</tg-time>', 'Tag "tg-time" must have a valid "unix" at byte offset 0'),
        (
            '<tg-time unix="1" format="z">x</tg-time>',
            'Tag "tg-time" must have a valid "format" at byte offset 0',
        ),
        (
            '<tg-time unix="1" format="rd">x</tg-time>',
            'Tag "tg-time" must have a valid "format" at byte offset 0',
        ),
    ],
)
def test_html_bad_source_is_refused_in_telegrams_words(source, reason):
    with pytest.raises(Refusal) as refused:
        parse_html(source)

    assert refused.value.code == 400
    assert refused.value.description == f"Bad Request: can't parse entities: {reason}"


def test_html_empty_end_tag_closes_what_is_open():
    assert parse_html("<b>x</>").marks == (Mark(MarkKind.BOLD, 0, 1),)


def test_html_end_tag_may_hold_white_space():
    assert parse_html("<b>x</b  >").text == "x"


def test_html_nested_marks_come_outer_first():
    parsed = parse_html("<b>a<i>b</i></b>")

    assert parsed.marks == (Mark(MarkKind.BOLD, 0, 2), Mark(MarkKind.ITALIC, 1, 1))


def test_html_empty_tags_leave_no_mark():
    assert parse_html("a<b></b><i></i>").marks == ()


def test_html_link_without_address_is_plain_text():
    parsed = parse_html("<a>x</a>")

    assert (parsed.text, parsed.marks) == ("x", ())


def test_html_code_inside_pre_names_a_language_and_is_no_mark_of_its_own():
    parsed = parse_html('<pre><code class="language-python">x</code></pre>')

    assert parsed.marks == (Mark(MarkKind.PRE, 0, 1),)


def test_html_offsets_count_utf16_units():
    parsed = parse_html("\U0001f534\U0001f534 <b>red</b>")

    assert parsed.marks == (Mark(MarkKind.BOLD, 5, 3),)


def test_html_beyond_a_hundred_marks_the_rest_is_plain():
    parsed = parse_html("<b>x</b> " * (MARKS_MAX + 20))

    assert len(parsed.marks) == MARKS_MAX
    assert parsed.text == "x " * (MARKS_MAX + 20)


@given(st.text())
def test_html_any_escaped_text_is_accepted_unchanged(text):
    assert parse_html(escaping.escape(text, quote=False)).text == text


@given(st.text(min_size=1), st.sampled_from(SIMPLE))
def test_html_any_escaped_text_in_a_tag_is_marked_whole(text, pair):
    tag, kind = pair

    parsed = parse_html(f"<{tag}>{escaping.escape(text, quote=False)}</{tag}>")

    assert parsed.text == text
    assert parsed.marks == (Mark(kind, 0, utf16_length(text)),)


@given(st.lists(st.sampled_from([tag for tag, _ in SIMPLE]), min_size=1, max_size=6), st.text(max_size=5))
def test_html_properly_nested_tags_are_accepted(tags, text):
    opened = "".join(f"<{tag}>" for tag in tags)
    closed = "".join(f"</{tag}>" for tag in reversed(tags))

    assert parse_html(f"{opened}{escaping.escape(text, quote=False)}{closed}").text == text


@given(
    st.lists(st.sampled_from([tag for tag, _ in SIMPLE]), min_size=1, max_size=6),
    st.text(alphabet="abc €", max_size=5),
    st.integers(min_value=0, max_value=5),
)
def test_html_leaving_one_end_tag_out_is_refused(tags, text, place):
    ends = [f"</{tag}>" for tag in reversed(tags)]
    del ends[place % len(ends)]

    with pytest.raises(Refusal, match="can't parse entities"):
        parse_html("".join(f"<{tag}>" for tag in tags) + text + "".join(ends))


@given(st.text(alphabet="<>/&;b i\"='x#1"))
def test_html_any_source_is_parsed_or_refused_never_a_fault(source):
    try:
        parsed = parse_html(source)
    except Refusal as refused:
        parsed = Formatted(refused.description)

    refusal = parsed.text.startswith("Bad Request: can't parse entities: ")
    assert refusal or len(parsed.text) <= len(source)
    assert all(mark.offset + mark.length <= utf16_length(parsed.text) for mark in parsed.marks)

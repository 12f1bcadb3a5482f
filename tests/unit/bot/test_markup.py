"""Threat 20: hostile text stays text, in every card, at any length."""

import string
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import cards
from bot.alerts import Incident, incident_card
from bot.commands import Usage, parse
from bot.markup import code, cut_to, details, esc, plain_text, table, when, width
from engine.domain.order import OrderState
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import TicketState
from engine.domain.units import Ms
from engine.domain.views import Alert, RefusalView, ScanRow, ScanView, Severity
from tests.unit.bot.builders import ANA, LOOK, NOW, leg_result, make_plan, make_result, make_ticket, make_view
from tests.unit.bot.html_subset import judge
from tests.unit.bot.test_golden_cards import KILL, STATUS

HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("<>&\"'`*_[]()\u202e\u2066\u200b\u200d\ufeff\u0301\u05d0\u0627\n\r\t\0🇺🇸👨‍👩‍👧"),
    ),
    max_size=300,
)


def test_esc_markup_characters_are_escaped() -> None:
    assert esc("<b>&lt;") == "&lt;b&gt;&amp;lt;"


@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u2067", "\u200b", "\u200d", "\ufeff", "\x00", "\x07", "\ue000"]
)
def test_esc_invisible_characters_are_dropped(hidden: str) -> None:
    assert esc(f"pay{hidden}out") == "payout"


def test_esc_line_breaks_become_single_blanks() -> None:
    assert esc("  a \n\n\u2028 b\t ") == "a b"


def test_esc_long_text_is_cut_at_eighty() -> None:
    shown = esc("x" * 500)

    assert len(shown) == 80
    assert shown.endswith("…")


def test_esc_long_markup_is_cut_by_its_escaped_length() -> None:
    assert len(esc("&" * 500)) <= 80


def test_esc_stacked_accents_are_thinned() -> None:
    assert esc("e" + "\u0301" * 40) == "e\u0301\u0301"


def test_esc_right_to_left_words_are_kept_to_themselves() -> None:
    shalom = "\u05e9\u05dc\u05d5\u05dd"

    assert esc(f"{shalom} 200") == f"\u2068{shalom} 200\u2069"


@given(HOSTILE)
def test_esc_of_any_text_is_bounded_and_visible(text: str) -> None:
    shown = esc(text).replace("\u2068", "").replace("\u2069", "")

    assert len(shown) <= 80
    assert not set(shown) & set("<>\n\r\t")
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"} for c in shown)


@given(st.text(alphabet=string.ascii_letters + string.digits + " -", max_size=40))
def test_esc_keeps_the_order_of_plain_text(text: str) -> None:
    assert esc(text) == " ".join(text.split())


def test_plain_text_undoes_escaping_once() -> None:
    assert plain_text("<b>&amp;lt; a &lt; b</b>") == "&lt; a < b"


def test_table_first_column_is_cut_and_numbers_are_not() -> None:
    shown = table([("name", "cost"), ("a very long outcome name", "123456.78")], (11, 10))

    assert shown == "<pre>name             cost\na very lon… 123456.78</pre>"


def test_table_long_numbers_never_touch() -> None:
    shown = plain_text(table([("a long outcome name", "910", "12345.67", "1234567.89")], (11, 6, 7, 8)))

    assert shown.split()[-3:] == ["910", "12345.67", "1234567.89"]
    assert width(shown) == 32


def test_table_wide_characters_take_two_columns() -> None:
    shown = plain_text(table([("日本の選挙の結果です", "1.00")], (11, 6)))

    assert width(shown) == 17
    assert shown.startswith("日本の選挙…")


def test_table_too_many_rows_are_counted() -> None:
    shown = table([(f"r{n}", "1") for n in range(40)], (6, 4))

    assert shown.count("\n") == 21
    assert "… and 19 more" in shown


def test_cut_to_short_text_is_unchanged() -> None:
    assert cut_to("Hike", 11) == "Hike"


def test_when_fallback_is_escaped() -> None:
    assert when(Ms(1_500), "<now>", "r") == '<tg-time unix="1" format="r">&lt;now&gt;</tg-time>'


def test_details_and_code_nest_in_the_subset() -> None:
    assert details([code("/a"), "b"]) == "<blockquote expandable><code>/a</code>\nb</blockquote>"


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE, st.sampled_from(list(TicketState)))
def test_ticket_card_any_names_give_valid_bounded_html(title: str, name: str, state: TicketState) -> None:
    plan = make_plan(title=title)
    legs = tuple(replace(leg, name=name) for leg in plan.legs) * 6
    plan = replace(plan, legs=legs, limited_by=name)
    broken = leg_result(name, OrderState.REJECTED, filled=0, reason=title)
    result = make_result((leg_result(name), broken) * 12)
    owner = replace(ANA, name=name)
    ticket = make_ticket(state, plan=plan, previous=plan, note=title, owner=owner, version=3)

    judge(cards.render(make_view(ticket, result), LOOK))


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE)
def test_other_cards_any_text_gives_valid_bounded_html(one: str, two: str) -> None:
    refusal = Refusal(RefusalKind.NO_EDGE, one)
    rows = tuple(ScanRow(f"fed{n}", two, None, None, None, refusal) for n in range(30))
    crowd = (one, two) * 20
    operator = replace(ANA, name=one)
    alert = Alert("k", Severity.WARN, one, two, one)
    status = replace(STATUS, gate_reason=one, feed_problems=crowd, holdings=crowd)

    for card in (
        cards.render(RefusalView(one, refusal), LOOK),
        cards.render(ScanView(rows), LOOK),
        cards.render(status, LOOK),
        cards.render(replace(KILL, by=operator, still_held=crowd), LOOK),
        cards.hello_card(operator, two, LOOK),
        cards.whoami_card(operator, LOOK),
        cards.backlog_card([cards.LateCommand(one or "x", Ms(90_000))] * 30, LOOK),
        incident_card(Incident(alert, NOW, NOW, count=3), LOOK),
    ):
        judge(card)


@given(HOSTILE)
def test_usage_card_any_typed_text_gives_valid_bounded_html(typed: str) -> None:
    parsed = parse("x" + typed)
    if isinstance(parsed, Usage):
        judge(cards.usage_card(parsed, LOOK))

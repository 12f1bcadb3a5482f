"""`dutchdesk dutch-plan`: answers in JSON and as tables, and what becomes of a file that cannot be used."""

import json

import pytest
from click.testing import CliRunner

from bot.cli.chart_file import ChartFileError
from bot.cli.main import cli
from tests.support.plain_case import plain_case, plain_leg, worked


def plan(text, *options):
    return CliRunner().invoke(cli, ["dutch-plan", "-", *options], input=text)


def test_one_case_is_answered_by_one_object_and_a_list_by_a_list(tmp_path):
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([worked(), worked() | {"id": "zweiter Fall ü"}]), encoding="utf-8")

    one = plan(json.dumps(worked()), "--json")
    many = CliRunner().invoke(cli, ["dutch-plan", str(file), "--json"])

    assert (one.exit_code, many.exit_code) == (0, 0)
    assert json.loads(one.output)["objective_micro"] == "2556240"
    assert [told["id"] for told in json.loads(many.output)] == ["worked", "zweiter Fall ü"]
    assert json.loads(plan("[]", "--json").output) == []


def test_answer_to_an_id_beyond_ascii_is_ascii_json():
    told = plan(json.dumps(worked() | {"id": "ü😀"}), "--json").output

    assert told.isascii()
    assert json.loads(told)["id"] == "ü😀"


def test_answer_has_the_keys_of_the_format_in_their_order():
    keys = [
        "id",
        "trade",
        "reason",
        "size",
        "objective_micro",
        "profit_before_buffers_micro",
        "cash_outlay_micro",
        "limit_prices",
        "leg_notional_micro",
        "leg_fee_micro",
    ]
    nothing = plain_case([plain_leg([])])

    assert list(json.loads(plan(json.dumps(worked()), "--json").output)) == keys
    assert list(json.loads(plan(json.dumps(nothing), "--json").output)) == keys


def test_table_tells_the_whole_split_and_every_leg():
    shown = plan(json.dumps([worked(), plain_case([plain_leg([])]) | {"id": "bare"}])).output

    assert "worked · buy_set · 180 sets earn 2.55624 USDC after buffers" in shown
    for part in ("gross", "fee", "slippage", "buffer", "safety", "carry", "net", "capital needed"):
        assert part in shown
    assert "177.08376" in shown
    assert "bare · buy_set · no trade: empty_leg" in shown


def test_curve_has_a_line_for_every_breakpoint():
    shown = plan(json.dumps(worked()), "--curve").output

    assert [size for size in ("80", "120", "180", "200") if f"│ {size}" in shown] == [
        "80",
        "120",
        "180",
        "200",
    ]
    assert "1.844 " in shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file: expected JSON, found nothing; nothing was planned"),
        ("{", "expected JSON"),
        ("[" * 100_000, "nested too deep to read; nothing was planned"),
        ("\ufffe", "expected JSON"),
        ("7", "the file: expected an object, found 7"),
        ('{"id": "a", "id": "b"}', "id: expected every key once"),
        (json.dumps([worked(), {}]), "cases[1].id: expected this key, found none"),
        (json.dumps(worked()).replace('"0.04"', "0.04", 1), "legs[0].fee_rate"),
        (json.dumps(worked() | {"id": "a\ud800"}), "id: expected a text that UTF-8 can hold"),
        (json.dumps([worked(), worked() | {"\udc00": 1}]), "cases[1].\\udc00: expected no key but"),
        (json.dumps(worked() | {"kind": "\ud800"}), 'found "\\ud800"'),
        (json.dumps(worked() | {"kind": "\x1b[2J"}), 'found "\\x1b[2J"'),
        (json.dumps(worked()).replace('"fee_exponent": 1', '"fee_exponent": 101', 1), "from 0 to 100"),
        (json.dumps(worked()).replace('"0.04"', "NaN", 1), "legs[0].fee_rate"),
        (json.dumps(worked()).replace('"slippage_ticks": 0', '"slippage_ticks": ' + "9" * 5_000), "digits"),
    ],
)
def test_file_that_cannot_be_used_ends_with_status_2_and_answers_nothing(text, words):
    ended = plan(text, "--json")

    assert ended.exit_code == 2
    assert words in ended.stderr
    assert ended.stdout == ""


def test_file_that_is_not_there_and_options_that_exclude_each_other_are_wrong_usage(tmp_path):
    assert CliRunner().invoke(cli, ["dutch-plan", str(tmp_path / "none.json")]).exit_code == 2
    assert plan(json.dumps(worked()), "--json", "--curve").exit_code == 2


def test_name_of_a_case_moves_no_cursor():
    shown = plan(json.dumps(worked() | {"id": "a\x1b[2Jb\n"})).output

    assert "\x1b" not in shown
    assert "[2Jb" in shown


@pytest.mark.parametrize(
    "case",
    [
        worked(),
        worked() | {"id": "two\nlines\x1b[2J " * 40},
        plain_case([plain_leg([])]),
        plain_case([plain_leg([["0.99", "5"]])]),
        plain_case([plain_leg([["0.40", "5"]])], max_sets="0"),
        plain_case([plain_leg([["0.40", "500"]])], lot="7", max_capital_usdc="33.3"),
    ],
    ids=["worked", "long name", "empty leg", "no edge", "no room", "size between breakpoints"],
)
def test_chart_of_one_case_is_written_beside_the_answer(tmp_path, case):
    png = tmp_path / "curve.png"

    ended = plan(json.dumps(case), "--json", "--png", str(png))

    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.output)["id"] == case["id"]
    assert png.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("cases", "count"), [([], 0), ([worked(), worked()], 2)])
def test_chart_of_no_case_or_of_several_is_refused_before_anything_is_written(tmp_path, cases, count):
    png = tmp_path / "curve.png"

    ended = plan(json.dumps(cases), "--png", str(png))

    assert ended.exit_code == 2
    assert f"expected one case for --png, found {count}" in ended.stderr
    assert not png.exists()


def test_chart_that_cannot_be_written_names_its_place_and_nothing_is_answered(tmp_path):
    nowhere = tmp_path / "none" / "curve.png"

    ended = plan(json.dumps(worked()), "--json", "--png", str(nowhere))
    is_folder = plan(json.dumps(worked()), "--json", "--png", str(tmp_path))

    assert isinstance(ended.exception, ChartFileError)
    assert "make it first" in str(ended.exception)
    assert is_folder.exit_code == 2
    assert ended.stdout == is_folder.stdout == ""

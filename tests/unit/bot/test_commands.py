"""The command language: what is understood, and what is answered to what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import (
    COMMANDS,
    SUGGESTION_MAX,
    Ask,
    Greet,
    ParsedCommand,
    ShowHelp,
    Usage,
    WhoAmI,
    find,
    is_safe,
    menu,
    parse,
)
from engine.domain.commands import (
    AskResume,
    AskReview,
    Kill,
    ListSpreads,
    OpenAuto,
    OpenDutch,
    OpenSpread,
    ScanDutch,
    ShowStatus,
    StopAuto,
    StopSpread,
)
from engine.domain.ticket import Role
from engine.domain.units import Ms, Size
from tests.support.builders import shares, usdc

HALF_HOUR = Ms(1_800_000)


@pytest.mark.parametrize(
    ("text", "ask"),
    [
        ("/start", Greet()),
        ("/start T-7K2F", Greet()),
        ("/help", ShowHelp(None)),
        ("/help dutch", ShowHelp("dutch")),
        ("/help /kill", ShowHelp("kill")),
        ("/help k", ShowHelp("kill")),
        ("/status", ShowStatus()),
        ("/STATUS", ShowStatus()),
        ("  /status@desk_bot  now ", ShowStatus()),
        ("/dutch", ScanDutch()),
        ("/dutch fed4", OpenDutch("fed4", None)),
        ("/dutch FED4 200", OpenDutch("fed4", Size(200_000_000))),
        ("/dutch fed4 12.25", OpenDutch("fed4", Size(12_250_000))),
        ("/dutch fed4 12.50", OpenDutch("fed4", Size(12_500_000))),
        ("/dutch fed4 0.01", OpenDutch("fed4", Size(10_000))),
        ("/dutch 2028", OpenDutch("2028", None)),
        ("/dutch auto 500", OpenAuto("", usdc(500), HALF_HOUR)),
        ("/dutch auto all 500", OpenAuto("", usdc(500), HALF_HOUR)),
        ("/dutch auto Fed4 99.50 2h", OpenAuto("fed4", usdc(99.5), Ms(7_200_000))),
        ("/dutch AUTO fed4 1 12H", OpenAuto("fed4", usdc(1), Ms(43_200_000))),
        ("/spread", ListSpreads()),
        ("/spread STOP", StopSpread()),
        ("/spread Fed4", OpenSpread("fed4", "", None, None, HALF_HOUR)),
        ("/spread fed4 No change", OpenSpread("fed4", "No change", None, None, HALF_HOUR)),
        (
            "/spread fed4 No change 100 2t 1h",
            OpenSpread("fed4", "No change", shares(100), 2, Ms(3_600_000)),
        ),
        ("/spread fed4 25 bps cut 12.5", OpenSpread("fed4", "25 bps cut", shares(12.5), None, HALF_HOUR)),
        ("/spread btc 3t", OpenSpread("btc", "", None, 3, HALF_HOUR)),
        ("/dutch auto 500 45m", OpenAuto("", usdc(500), Ms(2_700_000))),
        ("/dutch stop", StopAuto()),
        ("/dutch STOP everything now", StopAuto()),
        ("/kill", Kill()),
        ("/k", Kill()),
        ("/kill please everything at once", Kill()),
        ("/resume", AskResume()),
        ("/resume Fed5", AskResume("fed5")),
        ("/review", AskReview()),
        ("/review Fed5", AskReview("fed5")),
        ("/whoami", WhoAmI()),
    ],
)
def test_parse_well_formed_line_gives_what_is_asked(text: str, ask: Ask) -> None:
    parsed = parse(text)

    assert isinstance(parsed, ParsedCommand)
    assert parsed.ask == ask


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("/duch fed4 200", "/dutch fed4 200"),
        ("/dutsch", "/dutch"),
        ("/stats", "/status"),
        ("/kil", "/kill"),
        ("kill", "/kill"),
        ("status", "/status"),
        ("/resme", "/resume"),
        ("/reveiw fed5", "/review fed5"),
        ("/review fed5 now", "/review fed5"),
        ("/review fed-5", "/review fed5"),
        ("/dutch 200 fed4", "/dutch fed4 200"),
        ("/dutch fed4 12.345", "/dutch fed4 12.34"),
        ("/dutch fed4 0.001", "/dutch fed4 1"),
        ("/dutch fed4 0", "/dutch fed4"),
        ("/dutch fed4 -5", "/dutch fed4"),
        ("/dutch fed4 1e3", "/dutch fed4"),
        ("/dutch fed4 1,5", "/dutch fed4"),
        ("/dutch fed4 \u0662\u0660\u0660", "/dutch fed4"),
        ("/dutch fed4 200 now", "/dutch fed4 200"),
        ("/dutch fed-4", "/dutch fed4"),
        ("/help nothing-like-it-at-all", "/help dutch"),
        ("/help duch", "/help dutch"),
        ("good morning", "/help"),
        ("", "/help"),
        ("   ", "/help"),
        ("/dutch auto", "/dutch auto all 100"),
        ("/spread f/ed4", "/spread fed4"),
        ("/spread fed4 0", "/spread fed4 100"),
        ("/spread fed4 10.005", "/spread fed4 10"),
        ("/spread fed4 100 13h", "/spread fed4"),
        ("/spread fed4 100 0t", "/spread fed4 1t"),
        ("/dutch auto fed4", "/dutch auto fed4 100"),
        ("/dutch auto fed4 0.50", "/dutch auto fed4 100"),
        ("/dutch auto fed4 500 2d", "/dutch auto fed4 500 30m"),
        ("/dutch auto fed4 500 13h", "/dutch auto fed4 500 30m"),
        ("/dutch auto fed4 500 0m", "/dutch auto fed4 500 30m"),
        ("/dutch auto fed4 500 2h now", "/dutch auto fed4 500"),
        ("/dutch auto f/d4 500", "/dutch auto fd4 500"),
    ],
)
def test_parse_malformed_line_suggests_the_nearest_command(text: str, suggestion: str) -> None:
    parsed = parse(text)

    assert isinstance(parsed, Usage)
    assert parsed.suggestion == suggestion
    assert parsed.problem


@given(st.text(max_size=300), st.sampled_from(["", "/", "/dutch ", "/help ", "/dutch fed4 ", "/duch "]))
def test_parse_any_text_suggestion_is_a_command_that_works(tail: str, head: str) -> None:
    parsed = parse(head + tail)

    if isinstance(parsed, Usage):
        assert isinstance(parse(parsed.suggestion), ParsedCommand), parsed.suggestion
        assert len(parsed.suggestion.encode()) <= SUGGESTION_MAX


@given(st.text(max_size=60))
def test_parse_text_without_a_slash_never_acts(text: str) -> None:
    if not text.strip().startswith("/"):
        assert isinstance(parse(text), Usage)


@given(st.text(max_size=60))
def test_parse_kill_is_kill_whatever_follows(tail: str) -> None:
    parsed = parse(f"/kill {tail}")

    assert isinstance(parsed, ParsedCommand)
    assert parsed.ask == Kill()


def test_is_safe_to_end_a_standing_grant_and_not_to_begin_one() -> None:
    assert is_safe("/dutch stop")
    assert is_safe("/spread stop")
    assert not is_safe("/spread fed4")
    assert not is_safe("/dutch auto all 500")
    parsed = parse("/dutch stop")
    assert isinstance(parsed, ParsedCommand)
    assert parsed.role is Role.VIEWER


def test_is_safe_only_for_kill() -> None:
    assert is_safe("/kill")
    assert is_safe(" /K ")
    assert not is_safe("kill")
    assert not any(is_safe(spec.example) for spec in COMMANDS if spec.name != "kill")


def test_commands_every_example_and_usage_is_found_in_the_table() -> None:
    for spec in COMMANDS:
        parsed = parse(spec.example)
        assert isinstance(parsed, ParsedCommand), spec.example
        assert parsed.spec is spec
        assert spec.usage.startswith(f"/{spec.name}")
        assert all(find(word) is spec for word in (spec.name, *spec.aliases))


def test_commands_words_are_unique_and_fit_telegrams_menu() -> None:
    words = [word for spec in COMMANDS for word in (spec.name, *spec.aliases)]

    assert len(set(words)) == len(words)
    assert all(word.isascii() and word.islower() and len(word) <= 32 for word in words)
    assert all(1 <= len(spec.help) <= 256 for spec in COMMANDS)


def test_menu_viewer_sees_kill_and_no_ticket_commands() -> None:
    names = [name for name, _ in menu(Role.VIEWER)]

    assert "kill" in names
    assert "dutch" not in names
    assert "resume" not in names
    assert [name for name, _ in menu(Role.ADMIN)] == [spec.name for spec in COMMANDS]

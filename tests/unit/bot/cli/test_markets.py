"""The commands of the catalogue as an operator types them, against a venue on loopback."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.cli.kept_terms import KEPT_FILE
from bot.cli.main import cli
from bot.cli.markets import TRIES, MarketsUnreadError, read_in_tries
from engine.domain.catalogue import Catalogue
from engine.domain.failure import VenueFailure
from engine.venue.catalogue_calls import Progress, Step, Told
from storage.lock import FolderLockedError, hold_folder
from tests.support.scripted_venue import Handler, ScriptedVenue, hangs_up, says, scripted_venue
from tests.support.venue_catalogue import (
    Json,
    clob_page,
    clob_row,
    condition,
    event_row,
    events_page,
    market_row,
    terms_row,
)

ROWS = {number: market_row(number) for number in range(1, 5)}
TOKENS = json.loads(ROWS[1]["clobTokenIds"])
EVENT = event_row("77", ROWS[1], ROWS[2])


@dataclass
class Desk:
    """A data folder with a TOML that names the scripted venue."""

    venue: ScriptedVenue
    folder: Path

    async def types(self, command: str, *words: str) -> Result:
        toml, data = str(self.folder / "service.toml"), str(self.folder / "data")
        arguments = [command, *words, "--config", toml, "--data", data]
        return await asyncio.to_thread(CliRunner().invoke, cli, arguments)

    async def prints(self, command: str, *words: str) -> Any:
        result = await self.types(command, *words, "--json")
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)

    async def fails(self, command: str, *words: str) -> str:
        """The sentence that the command ends with."""
        result = await self.types(command, *words)
        assert isinstance(result.exception, MarketsUnreadError), (result.output, result.exception)
        return str(result.exception)

    def lists(self, *events: Json) -> None:
        self.venue.answers("GET", "/events/keyset", says(events_page(*events)))

    def stored(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self.folder / "data" / "market.db") as market:
            return market.execute("SELECT code, slug FROM events ORDER BY code").fetchall()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with scripted_venue() as venue:
        text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
        named = text.replace("[relayer]\n", f'[relayer]\nbase_url = "{venue.url}"\n')
        (tmp_path / "service.toml").write_text(named, encoding="utf-8")
        for row in ROWS.values():
            path = row["conditionId"]
            venue.answers("GET", f"/clob-markets/{path}", says(json.dumps(terms_row(row))))
            venue.answers("GET", f"/markets/{path}", says(json.dumps(clob_row(row))))
        venue.answers("GET", "/markets", says(clob_page(*map(clob_row, ROWS.values()))))
        yield Desk(venue, tmp_path)


async def test_sync_stores_the_catalogue_and_says_what_it_did(desk):
    desk.lists(EVENT, event_row("78", ROWS[3], market_row(4, version="v2")))

    told = await desk.prints("markets-sync")

    assert (told["events"], told["markets"], told["tradable"]) == (1, 2, 2)
    assert told["skipped"] == {"protocol_version": 1}
    assert told["skips"][0]["slug"] == "event-number-78"
    assert (told["calls"]["gamma_pages"], told["calls"]["terms"], told["used_up"]) == (1, 2, [])
    assert desk.stored() == [("event2", "event-number-77")]


async def test_sync_in_words_names_what_was_left_out(desk):
    desk.lists(EVENT, event_row("78", ROWS[3], market_row(4, version="v2")))

    shown = (await desk.types("markets-sync")).output

    assert "stored 1 events with 2 markets in market.db, 2 take orders" in shown
    assert "event-number-78" in shown
    assert "protocol_version" in shown


async def test_codes_survive_the_next_sync(desk):
    desk.lists(EVENT)
    await desk.prints("markets-sync")
    desk.lists(event_row("9", ROWS[3], ROWS[4], slug="event-of-another"), EVENT)

    await desk.prints("markets-sync")

    assert desk.stored() == [("event2", "event-number-77"), ("event2b", "event-of-another")]


async def test_sync_tells_when_a_budget_ran_out(desk):
    desk.lists(
        event_row("1", ROWS[1] | {"clobTokenIds": None}), event_row("2", ROWS[2] | {"conditionId": ""})
    )

    told = await desk.prints("markets-sync", "--clob-max-pages", "0", "--clob-details-limit", "0")
    shown = (await desk.types("markets-sync", "--clob-max-pages", "0", "--clob-details-limit", "0")).output

    assert told["skipped"] == {"budget_used_up": 2}
    assert len(told["used_up"]) == 2
    assert "the budget of 0 pages of /markets was used up" in shown
    assert "raise it to read them" in shown


async def test_sync_refuses_a_folder_with_a_running_desk_before_it_asks_the_venue(desk):
    with hold_folder(desk.folder / "data"):
        result = await desk.types("markets-sync")

    assert isinstance(result.exception, FolderLockedError)
    assert desk.venue.asked == []


async def test_sync_holds_no_lock_while_it_reads(desk):
    held: list[bool] = []

    async def looks(request):
        with hold_folder(desk.folder / "data") as lock:
            held.append(lock.held)
        return await says(events_page(EVENT))(request)

    desk.venue.answers("GET", "/events/keyset", looks)

    await desk.prints("markets-sync")

    assert held == [True]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (says("<html>blocked</html>", 200, "text/html"), "a web page"),
        (says("<html>", 403, "text/html"), "HTTP 403: a web page"),
        (says('{"error":"offset is not supported"}', 422), "HTTP 422: {"),
        (says("{}"), "missing required field `events`"),
        (hangs_up(), "found none: unanswered"),
        (says(events_page(cursor="k1")), "expected a new cursor on every page, found one again on page 2"),
    ],
)
async def test_listing_that_cannot_be_read_is_one_sentence_and_stores_nothing(
    desk, monkeypatch, answer: Handler, found: str
):
    monkeypatch.setattr("bot.cli.markets.pause_ms", lambda _failures, _entropy: 0)
    desk.venue.answers("GET", "/events/keyset", answer)

    sentence = await desk.fails("markets-sync")

    assert sentence.startswith("expected the whole catalogue, found GET /events/keyset: expected ")
    assert found in sentence
    assert "nothing was stored" in sentence
    assert "run the command again" in sentence
    assert not (desk.folder / "data" / "market.db").exists()


async def test_venue_that_is_not_there_is_one_sentence(desk):
    text = (desk.folder / "service.toml").read_text(encoding="utf-8")
    closed = text.replace(desk.venue.url, "http://127.0.0.1:1")
    (desk.folder / "service.toml").write_text(closed, encoding="utf-8")

    assert "expected an answer, found none: not sent" in await desk.fails("markets-sync")


async def test_next_run_goes_on_where_an_interrupted_one_stopped(desk, monkeypatch):
    monkeypatch.setattr("bot.cli.markets.TRIES", 1)
    desk.lists(EVENT)
    good = says(json.dumps(terms_row(ROWS[2])))
    desk.venue.answers("GET", f"/clob-markets/{condition(2)}", says("", 503), good)

    first = await desk.types("markets-sync")
    told = await desk.prints("markets-sync")

    assert "terms of 1 markets are kept" in first.output
    assert (told["calls"]["terms"], told["calls"]["terms_kept"]) == (1, 1)
    assert len(desk.venue.requests("GET", f"/clob-markets/{condition(1)}")) == 1
    assert not (desk.folder / "data" / KEPT_FILE).exists()


@pytest.mark.parametrize("change", [{"clob": "http://another"}, {"at_ms": 0}, {"at_ms": 1 << 50}, None])
async def test_kept_terms_of_another_venue_or_time_are_not_used(desk, monkeypatch, change):
    monkeypatch.setattr("bot.cli.markets.TRIES", 1)
    desk.lists(EVENT)
    good = says(json.dumps(terms_row(ROWS[2])))
    desk.venue.answers("GET", f"/clob-markets/{condition(2)}", says("", 503), good)
    await desk.types("markets-sync")
    kept = desk.folder / "data" / KEPT_FILE
    first, *rest = kept.read_text(encoding="utf-8").splitlines()
    spoiled = json.dumps(json.loads(first) | change) if change else first[:-9]
    kept.write_text("\n".join([spoiled, *rest]), encoding="utf-8")

    told = await desk.prints("markets-sync")

    assert (told["calls"]["terms"], told["calls"]["terms_kept"]) == (2, 0)


class Reads:
    """A catalogue that fails as scripted; `heard` tells whether anything was read before that."""

    def __init__(self, *outcomes: Catalogue | VenueFailure, heard: bool) -> None:
        self.outcomes = list(outcomes)
        self.heard = heard

    async def read_catalogue(self, told: Told) -> Catalogue | VenueFailure:
        if self.heard:
            told(Progress(Step.EVENTS, 1, None))
        return self.outcomes.pop(0)


async def paused(reads: Reads) -> tuple[Catalogue | str, list[float]]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    try:
        return await read_in_tries(reads.read_catalogue, lambda _: None, sleep), pauses
    except MarketsUnreadError as error:
        return str(error), pauses


async def test_read_that_was_answered_in_part_is_tried_again_after_a_growing_pause():
    whole = Catalogue(())

    read, pauses = await paused(Reads(VenueFailure("503"), VenueFailure("503"), whole, heard=True))

    assert read is whole
    assert len(pauses) == 2
    assert all(0 <= pause <= ceiling for pause, ceiling in zip(pauses, (2, 4), strict=True))


async def test_tries_end_and_say_so():
    read, pauses = await paused(Reads(*[VenueFailure("503")] * TRIES, heard=True))

    assert "found 503; nothing was stored" in str(read)
    assert len(pauses) == TRIES - 1


async def test_venue_that_never_answered_is_not_waited_for():
    read, pauses = await paused(Reads(VenueFailure("refused"), heard=False))

    assert "found refused" in str(read)
    assert pauses == []


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (condition(1), [1]),
        (condition(1).upper().replace("0X", "0x"), [1]),
        (TOKENS[0], [1]),
        (TOKENS[1], [1]),
        ("event2", [1, 2]),
        ("EVENT2", [1, 2]),
        ("77", [1, 2]),
        ("event-number-77", [1, 2]),
        ("Will outcome 2 happen?", [2]),
        ("outcome 2", [2]),
        (" will OUTCOME ", [1, 2]),
    ],
)
async def test_resolve_finds_a_stored_market_by_each_of_its_names_without_asking(desk, what, found):
    desk.lists(EVENT)
    await desk.prints("markets-sync")
    desk.venue.asked.clear()

    told = await desk.prints("markets-resolve", what)

    assert [row["condition_id"] for row in told["found"]] == [condition(number) for number in found]
    assert {row["code"] for row in told["found"]} == {"event2"}
    assert desk.venue.asked == []


async def test_percent_and_underscore_are_only_letters(desk):
    desk.lists(EVENT)
    await desk.prints("markets-sync")

    assert "none in: database" in await desk.fails("markets-resolve", "outcome _ %")


@pytest.mark.parametrize("what", [condition(1), TOKENS[1], "outcome-1"])
async def test_resolve_takes_the_tokens_of_the_listing_and_needs_no_detail(desk, what):
    desk.venue.answers("GET", "/events/keyset", says(events_page()))
    desk.venue.answers("GET", "/markets/keyset", says(json.dumps({"markets": [ROWS[1]]})))

    (row,) = (await desk.prints("markets-resolve", what))["found"]

    assert (row["condition_id"], row["yes"], row["no"]) == (condition(1), *TOKENS)
    assert row["question"] == "Will outcome 1 happen?"
    assert {asked.path for asked in desk.venue.asked} <= {"/markets/keyset", "/events/keyset"}


@pytest.mark.parametrize("what", ["event-number-77", "77"])
async def test_resolve_of_an_event_lists_its_markets(desk, what):
    desk.lists(EVENT)

    told = await desk.prints("markets-resolve", what)

    assert [row["condition_id"] for row in told["found"]] == [condition(1), condition(2)]
    assert told["found"][0]["event"] == "Event 77"


async def test_resolve_asks_the_order_service_when_the_listing_lacks_the_market(desk):
    desk.venue.answers("GET", "/markets/keyset", says('{"markets": []}'))
    by_token = {"condition_id": condition(1), "primary_token_id": TOKENS[0], "secondary_token_id": TOKENS[1]}
    desk.venue.answers("GET", f"/markets-by-token/{TOKENS[0]}", says(json.dumps(by_token)))

    by_condition = await desk.prints("markets-resolve", condition(1), "--debug")
    by_its_token = await desk.prints("markets-resolve", TOKENS[0])

    assert by_condition["found"][0]["yes"] == by_its_token["found"][0]["yes"] == TOKENS[0]
    assert by_condition["found"][0]["question"] == "Will outcome 1 happen?"
    sources = [(a["source"], a["found"]) for a in by_condition["attempts"]]
    assert sources == [("database", 0), ("listing", 0), ("listing", 0), ("order service", 1)]


async def test_debug_prints_every_place_with_count_and_time(desk):
    desk.venue.answers("GET", "/markets/keyset", says(json.dumps({"markets": [ROWS[1]]})))

    shown = (await desk.types("markets-resolve", condition(1), "--debug")).stdout.splitlines()

    assert shown[0].startswith("database: market.db · 0 found · ")
    assert "no desk has run there" in shown[0]
    assert shown[1].startswith(
        "listing: /markets/keyset?condition_ids=0x00000000…0001&closed=false · 1 found"
    )
    assert shown[1].endswith(" ms")
    assert f"  condition {condition(1)}" in shown


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says("<html>", 502, "text/html"), "HTTP 502: a web page"),
        (says('{"markets": [{"conditionId": "0x12"}]}'), "1 of 1 markets could not be used"),
    ],
)
async def test_name_that_is_not_found_says_where_and_why(desk, answer, told):
    desk.venue.answers("GET", "/markets/keyset", answer)

    sentence = await desk.fails("markets-resolve", condition(9))

    assert sentence.startswith(f"expected a market called '{condition(9)}', found none in: database, listing")
    assert "check the spelling, or run markets-sync first" in sentence
    log = (await desk.types("markets-resolve", condition(9), "--debug")).stdout
    assert told in log


async def test_words_without_a_stored_catalogue_ask_for_a_sync(desk):
    assert "run markets-sync first" in await desk.fails("markets-resolve", "Will outcome 1 happen?")
    assert desk.venue.asked == []


async def diag(desk: Desk, *words: str) -> tuple[Any, str]:
    log = desk.folder / "diag.log"
    told = await desk.prints("diag-markets", "--log", str(log), *words)
    return told, log.read_text(encoding="utf-8")


async def test_diag_of_a_healthy_venue_finds_no_fault(desk):
    desk.lists(EVENT)
    desk.venue.answers("GET", "/markets/keyset", says(json.dumps({"markets": [ROWS[1]]})))

    told, log = await diag(desk)

    assert told["faults"] == []
    assert told["counts"] == {
        "pages of the listing": 1,
        "events listed": 1,
        "markets listed": 2,
        "pages of the order service": 1,
        "markets of the order service": 4,
        "markets compared": 2,
        "names resolved": 2,
    }
    assert f"market {condition(2)}: both sources agree" in log
    assert '"call": "/markets/keyset?clob_token_ids=' in log


async def test_diag_names_every_fault_and_goes_on(desk):
    bad = market_row(4, clobTokenIds="nonsense")
    desk.lists(event_row("1", ROWS[1], ROWS[2], ROWS[3] | {"conditionId": ""}), event_row("2", bad))
    wrong = clob_row(ROWS[2], minimum_tick_size=0.01, neg_risk=False)
    desk.venue.answers("GET", f"/markets/{condition(2)}", says(json.dumps(wrong)))
    desk.venue.answers("GET", f"/markets/{condition(1)}", says('{"error":"not found"}', 404))
    desk.venue.answers("GET", "/markets", says("<html>", 503, "text/html"))

    told, log = await diag(desk)

    starts = [fault.partition(":")[0] for fault in told["faults"]]
    assert starts[:5] == [
        "market outcome-3 of event-number-1",
        "event event-number-2",
        "GET /markets",
        f"market {condition(1)}",
        f"market {condition(2)}",
    ]
    assert (
        "the sources disagree on neg-risk flag True and False; tick in 1e-4 10 and 100" in told["faults"][4]
    )
    assert log.count("FAULT") == len(told["faults"])


async def test_diag_is_bounded_however_long_the_lists_are(desk):
    count = 0

    async def endless(request):
        nonlocal count
        count += 1
        page = (
            events_page(EVENT, cursor=f"k{count}")
            if "events" in request.path
            else clob_page(cursor=f"{count}")
        )
        return await says(page)(request)

    desk.venue.answers("GET", "/events/keyset", endless)
    desk.venue.answers("GET", "/markets", endless)

    told, _ = await diag(desk, "--clob-max-pages", "2", "--clob-details-limit", "1")

    assert told["counts"]["pages of the listing"] == 3
    assert told["counts"]["pages of the order service"] == 2
    assert told["counts"]["markets compared"] == 1


async def test_diag_runs_beside_a_desk_and_prints_a_short_summary(desk):
    desk.lists(EVENT)
    with hold_folder(desk.folder / "data"):
        result = await desk.types("diag-markets", "--log", str(desk.folder / "diag.log"))

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"everything is in {desk.folder / 'diag.log'}"


async def test_diag_that_cannot_write_its_log_says_so(desk):
    sentence = await desk.fails("diag-markets", "--log", str(desk.folder / "none" / "diag.log"))

    assert "expected to write the log" in sentence

"""`record`, `replay`, `ingest-ws` and `mock-ws` as a person runs them, against a running local exchange."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bot.cli.main import cli
from bot.cli.mock_ws import play, served
from engine.clock import SystemClock
from engine.core.feed.inlet import Checked
from engine.simulator.recorded_stream import RecordedStream
from engine.simulator.server import LocalExchange
from storage.recording import Closed, Opened
from tests.support import tree
from tests.support.local_exchange import running_exchange
from tests.support.recordings import pieces, record, replayed, stream
from tests.unit.storage.rows import read

CONFIG = str(tree.ROOT / "config" / "service.example.toml")
PATIENCE_S = 60.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[LocalExchange]:
    """An exchange that lives, with its address in the data folder."""
    async with running_exchange(clock=SystemClock(), flow_frames_per_s=60, seed=1) as running:
        (tmp_path / "data").mkdir()
        address = {"url": running.url, "ws_url": running.ws_url, "pid": os.getpid()}
        (tmp_path / "data" / "exchange.json").write_text(json.dumps(address))
        yield running


async def started(*words: str, file_bytes_max: int | None = None) -> asyncio.subprocess.Process:
    """Run the command; with a limit every file it writes is on a disk that is full at that size.

    Ctrl-C reaches it also where a shell started these tests in the background: such a one lets all that it
    starts ignore SIGINT.
    """
    pipe = asyncio.subprocess.PIPE
    code = "import resource, runpy, sys; n = int(sys.argv.pop(1)); "
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); runpy.run_module('bot', run_name='__main__')"
    program = ("-m", "bot") if file_bytes_max is None else ("-c", code, str(file_bytes_max))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        *words,
        cwd=tree.ROOT,
        stdout=pipe,
        stderr=pipe,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def recording(tmp_path: Path, *more: str) -> tuple[str, ...]:
    folders = ("--data", str(tmp_path / "data"), "--out", str(tmp_path / "rec"))
    return ("record", "--config", CONFIG, *folders, "--json", *more)


def told_by_replay(*words: str, exits: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["replay", "--json", *words])
    assert done.exit_code == exits, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


async def grown(folder: Path, exchange: LocalExchange, frames: int) -> None:
    """Wait until the recorder must have flushed that many of the exchange's frames."""
    async with asyncio.timeout(PATIENCE_S):
        while not list(folder.glob("*.zst")):  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.05)
        sent = exchange.venue.market_stream.frames_sent
        while exchange.venue.market_stream.frames_sent < sent + frames:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)


async def test_recorded_run_replays_to_the_effects_that_record_printed(tmp_path, exchange):
    code, out, err = await ended(await started(*recording(tmp_path, "--for", "3")))

    assert code == 0, err
    live = json.loads(out)
    again = [told_by_replay(str(tmp_path / "rec")) for _ in range(2)]
    for told in again:
        assert told["effects_sha256"] == live["effects_sha256"]
        assert sum(told["inputs"].values()) == live["inputs"]
        assert told["notes"] == []
        assert told["damage"] is None
        assert told["markets_live"] == f"{live['live']} of {live['markets']}" == "18 of 18"
    assert again[0]["books_sha256"] == again[1]["books_sha256"]
    (opened,) = [piece for piece in pieces(tmp_path / "rec") if isinstance(piece, Opened)]
    assert set(opened.head.hosts.values()) == {exchange.url.removeprefix("http://")}
    assert opened.head.mode == "local"


async def test_killed_recording_replays_up_to_its_tear_and_is_gone_on_with(tmp_path, exchange):
    process = await started(*recording(tmp_path))
    await grown(tmp_path / "rec", exchange, frames=120)
    process.send_signal(signal.SIGKILL)
    await ended(process)

    torn = told_by_replay(str(tmp_path / "rec"))
    assert torn["notes"] == ["000001.jsonl.zst is torn: what came after its last flush is missing"]
    assert torn["inputs"]["messages"] > 30

    code, out, err = await ended(await started(*recording(tmp_path, "--for", "1")))
    assert code == 0, err
    assert json.loads(out)["files"] == ["000002.jsonl.zst"]
    both = told_by_replay(str(tmp_path / "rec"))
    assert len(both["runs"]) == 2
    assert both["inputs"]["messages"] > torn["inputs"]["messages"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_recording_that_is_interrupted_ends_in_order(tmp_path, exchange, number):
    process = await started(*recording(tmp_path, "--market", "fed5"))
    await grown(tmp_path / "rec", exchange, frames=60)
    process.send_signal(number)
    code, out, err = await ended(process)

    assert code == 0, err
    assert json.loads(out)["markets"] == 5
    last = pieces(tmp_path / "rec")[-1]
    assert isinstance(last, Closed)
    assert (last.why, last.lost) == ("stopped", 0)


async def test_full_disk_ends_the_command_with_its_reason_and_what_was_written_replays(tmp_path, exchange):
    code, out, err = await ended(await started(*recording(tmp_path), file_bytes_max=60_000))

    assert code == 1, err
    assert "the recording ended: the disk refused: " in err
    live = json.loads(out)
    assert "the disk refused" in live["ended_early"]
    assert live["lost"] > 0
    assert "the recording ends here" in (tmp_path / "rec" / "record.log").read_text()
    told = told_by_replay(str(tmp_path / "rec"))
    assert told["inputs"]["messages"] > 30


async def test_unknown_market_is_refused_with_the_codes_there_are(tmp_path, exchange):
    code, _, err = await ended(await started(*recording(tmp_path, "--market", "fed6")))

    assert code == 1
    assert "found ['fed6']; codes are coin, fed5" in err
    assert list((tmp_path / "rec").glob("*.zst")) == []


async def test_second_recorder_of_a_folder_is_refused(tmp_path, exchange):
    process = await started(*recording(tmp_path))
    await grown(tmp_path / "rec", exchange, frames=1)
    code, _, _ = await ended(await started(*recording(tmp_path)))
    process.send_signal(signal.SIGTERM)
    await ended(process)

    assert code == 75


def kept_books(folder: Path) -> list[dict[str, Any]]:
    return read(folder / "market.db", "SELECT * FROM v_snapshot ORDER BY received_ms, token_id")


async def test_ingest_keeps_proven_books_of_the_markets_asked_for(tmp_path, exchange):
    event = exchange.venue.catalogue.event("fed-decision-in-december")
    assert event is not None
    spec = next(market.spec for market in event.markets if market.trades)
    words = ("--data", str(tmp_path / "data"), "--market", spec.tokens[1], "--for", "4", "--every", "1")
    code, out, err = await ended(await started("ingest-ws", "--config", CONFIG, *words, "--json"))

    assert code == 0, err
    books = kept_books(tmp_path / "data")
    told = json.loads(out)
    assert told["books_kept"] == len(books) >= 2
    assert told["books_lost"] == 0
    assert {book["token_id"] for book in books} == set(spec.tokens)
    assert all(book["best_bid"] < book["best_ask"] for book in books)


async def test_mock_gives_ingest_the_books_of_the_recording(tmp_path):
    recorder = record(tmp_path / "rec", [x for x in stream(40) if not _is_odd(x)])
    mock = RecordedStream()
    async with served(mock, 0) as url:
        playing = asyncio.create_task(play(mock, tuple(recorder.files), speed=4.0))
        await asyncio.sleep(0)  # as far as the first message, which waits for a subscriber
        words = ("--data", str(tmp_path / "data"), "--mock", url, "--for", "5", "--every", "1", "--json")
        code, out, err = await ended(await started("ingest-ws", "--config", CONFIG, *words))
        await playing

    assert code == 0, err
    assert json.loads(out)["live"] == 1
    final = {token: book.hash for token, book in replayed(tmp_path / "rec").books().items() if book}
    newest = {book["token_id"]: book["hash"] for book in kept_books(tmp_path / "data")}
    assert newest == final


def test_replay_keeps_books_with_their_recorded_times_and_the_same_hash(tmp_path):
    record(tmp_path / "rec", stream(60))
    plain = told_by_replay(str(tmp_path / "rec"))

    words = ("--data", str(tmp_path / "data"), "--every", "1")
    keeping = told_by_replay(str(tmp_path / "rec"), *words)

    assert keeping["effects_sha256"] == plain["effects_sha256"]
    books = kept_books(tmp_path / "data")
    assert keeping["books_kept"] == len(books) > 4
    checks = {entry.at_ms for entry in stream(60) if isinstance(entry, Checked)}
    assert {book["received_ms"] for book in books} <= checks


def _is_odd(entry: Any) -> bool:
    raw = getattr(entry, "raw", None)
    return raw is not None and b"asset_id" not in raw


@pytest.mark.parametrize("command", ["mock-ws", "exchange"])
def test_port_in_use_is_a_sentence_and_a_port_that_is_none_wrong_usage(tmp_path, command):
    record(tmp_path / "rec", stream(20))
    words = [command, str(tmp_path / "rec")] if command == "mock-ws" else [command, "--data", str(tmp_path)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(cli, [*words, "--port", port])
    assert done.exit_code == 1
    assert "expected a free port" in done.output
    assert CliRunner().invoke(cli, [*words, "--port", "99999"]).exit_code == 2


def test_mock_outside_this_machine_is_refused():
    done = CliRunner().invoke(cli, ["ingest-ws", "--config", CONFIG, "--mock", "http://example.com:1"])

    assert done.exit_code == 2
    assert "expected a loopback address" in done.output


def test_damaged_recording_fails_and_a_torn_tail_does_not(tmp_path):
    recorder = record(tmp_path, stream(100))
    file = recorder.files[0]
    whole = file.read_bytes()
    file.write_bytes(whole[:-40])
    assert told_by_replay(str(file))["damage"] is None

    file.write_bytes(whole[: len(whole) // 2] + b"\0\0\0" + whole[len(whole) // 2 + 3 :])
    told = told_by_replay(str(file), exits=1)
    assert told["damage"].startswith("000001.jsonl.zst from line ")


def test_replay_tells_words_and_the_touch_of_a_market(tmp_path):
    record(tmp_path, stream(30))

    words = CliRunner().invoke(cli, ["replay", str(tmp_path)])
    told = told_by_replay(str(tmp_path), "--market", "No")

    assert words.exit_code == 0
    assert "messages" in words.output
    assert "markets live     1 of 1" in words.output
    lines = CliRunner().invoke(cli, ["replay", str(tmp_path), "--market", "No"]).output.splitlines()
    assert lines[0].startswith("files"), "an empty line came first"
    books = [line for line in lines if line.startswith("book  ")]
    assert len(books) == 2
    assert max(map(len, books)) <= 80
    assert [sorted(book) for book in told["books"].values()] == [["ask", "bid", "hash"]] * 2
    assert "expected codes" in str(
        CliRunner().invoke(cli, ["replay", str(tmp_path), "--market", "x"]).exception
    )


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan"])
def test_speed_that_makes_no_sense_is_refused(tmp_path, speed):
    record(tmp_path, stream(1))

    done = CliRunner().invoke(cli, ["replay", str(tmp_path), "--speed", speed])

    assert done.exit_code == 2
    assert "expected a factor above 0" in done.output


def test_replay_at_a_factor_takes_its_share_of_the_recorded_time(tmp_path):
    record(tmp_path, stream(40))

    told = told_by_replay(str(tmp_path), "--speed", "20")

    assert told["took_ms"] >= told["recorded_ms"] / 20

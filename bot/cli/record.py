"""Commands that watch a venue without a desk: `record` keeps every byte, `ingest-ws` keeps proven books."""

import json
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
from rich.console import Console

from bot import __version__
from bot.cli.live_market import EVERY, MarketSource, market_source, watch_market
from bot.cli.run import run_until_stopped
from bot.cli.venue_hosts import hosts_of
from config.modes import is_loopback
from config.settings import Settings, load
from engine.clock import Clock, SystemClock
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import FeedInlet, Heard
from engine.core.feed.tracked import TrackedToken
from engine.domain.events import Event, SnapshotsKept, SnapshotsLost
from engine.domain.units import Ms
from engine.log import Redactor, configure
from engine.ports import FeedJournal
from engine.runtime.book_keeper import BookKeeper
from engine.runtime.feed_runner import DRAIN_S, FeedRunner
from engine.runtime.history import History
from engine.runtime.supervise import TaskSet
from engine.venue.endpoints import VenueHosts
from engine.venue.wire import decode_books, decode_market
from storage.files import open_storage
from storage.lock import FolderLock, hold_folder
from storage.recorder import Recorder, RecordingError
from storage.recording_lines import FORMAT, HeadLine

_log = logging.getLogger(__name__)

CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("config/service.toml"),
    show_default=True,
    help="Service TOML: says which venue. Keys and operators are not used.",
)
DATA = click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Data folder: in local mode the exchange's address is read from it; ingest-ws keeps books in it.",
)
MARKETS = click.option(
    "--market",
    "--markets",
    "wanted",
    multiple=True,
    metavar="CODE|CONDITION|TOKEN",
    help="Only these markets; can be given again. Default: every open market.",
)
FOR = click.option(
    "--for", "for_s", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds."
)
MOCK = click.option("--mock", metavar="URL", help="Watch a `mock-ws` at this loopback address instead.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")


@dataclass(frozen=True, slots=True)
class Watching:
    """What both commands were asked for."""

    settings: Settings
    hosts: VenueHosts
    wanted: tuple[str, ...]
    mock: bool
    for_s: float | None
    as_json: bool


@click.command()
@CONFIG
@DATA
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the recording; one that exists is gone on with, in its next file.",
)
@MARKETS
@FOR
@MOCK
@JSON
def record(
    *,
    config_path: Path,
    data_dir: Path,
    out: Path,
    wanted: tuple[str, ...],
    for_s: float | None,
    mock: str | None,
    as_json: bool,
) -> None:
    """Record everything the market connections bring, byte for byte, until Ctrl-C. Needs no key.

    Books are kept and checked meanwhile, and what the checks cause is recorded with the rest, so a replay
    does exactly what this run did. Warnings go to record.log in the folder.
    """
    watching = _watching(config_path, data_dir, wanted, for_s, mock, as_json=as_json)
    with hold_folder(out):
        configure(Redactor(), stream=(out / "record.log").open("a", encoding="utf-8"))
        run_until_stopped(_record(watching, out))


async def _record(watching: Watching, out: Path) -> None:
    clock = SystemClock()
    async with _source(watching) as source:
        tokens = await source.tokens()
        recorder = Recorder(out, _head(watching, clock.now_ms()))
        feeds = _feeds(watching)
        meter = Meter(_runner(feeds, source, clock, journal=recorder), feeds, clock)

        def look() -> str:
            if recorder.failed is not None:
                raise RecordingError(
                    f"the recording ended: {recorder.failed}; the rest of it can be replayed"
                )
            return f"{recorder.bytes_written / 1e6:.1f} MB"

        try:
            await _watch(watching, source, meter, tokens, look)
        finally:
            recorder.close()
            told = meter.figures() | {
                "bytes": recorder.bytes_written,
                "files": [file.name for file in recorder.files],
                "lost": recorder.lost,
                "ended_early": recorder.failed,
                "effects_sha256": meter.runner.tally.digest(),
            }
            _summary(told, as_json=watching.as_json)


@click.command("ingest-ws")
@CONFIG
@DATA
@MARKETS
@FOR
@EVERY
@MOCK
@JSON
def ingest_ws(
    *,
    config_path: Path,
    data_dir: Path,
    wanted: tuple[str, ...],
    for_s: float | None,
    every_s: float,
    mock: str | None,
    as_json: bool,
) -> None:
    """Keep proven books of live markets in market.db of the data folder, until Ctrl-C. Needs no key.

    A book is kept only while the venue's checksum proves it. A desk does the same by itself, so the folder
    must not be in use by one.
    """
    watching = _watching(config_path, data_dir, wanted, for_s, mock, as_json=as_json)
    configure(Redactor(), level=logging.WARNING)
    with hold_folder(data_dir) as lock:
        run_until_stopped(_ingest(watching, every_s, lock))


async def _ingest(watching: Watching, every_s: float, lock: FolderLock) -> None:
    clock, outcome = SystemClock(), Kept()
    async with _source(watching) as source, open_storage(lock, clock) as storage:
        tokens = await source.tokens()
        feeds, tasks = _feeds(watching), TaskSet(source.metrics)
        history = History(
            store=storage.store, clock=clock, tasks=tasks, post=outcome.hear, stopping=lambda: False
        )
        keeper = BookKeeper(history.keep, int(every_s * 1000))
        watched = tuple(token.token_id for token in tokens)
        runner = _runner(
            feeds, source, clock, after_check=lambda at_ms: keeper.after_check(feeds, watched, at_ms)
        )
        meter = Meter(runner, feeds, clock)
        try:
            await _watch(watching, source, meter, tokens, lambda: f"{outcome.kept} books kept")
        finally:
            await tasks.drain(DRAIN_S)
            told = {"books_kept": outcome.kept, "books_lost": outcome.lost}
            _summary(meter.figures() | told, as_json=watching.as_json)


class Kept:
    """What became of the books that were handed to the market file."""

    def __init__(self) -> None:
        self.kept = 0
        self.lost = 0

    def hear(self, event: Event) -> None:
        """Take the writer's word; a loss goes to the log, too."""
        match event:
            case SnapshotsKept(kept=kept):
                self.kept += kept
            case SnapshotsLost(lost=lost, reason=reason):
                self.lost += lost
                _log.error("books are not kept: %s", reason)
            case _:
                raise AssertionError(f"expected word of the books, was {event}")


class Meter:
    """What a run has come to so far, for the progress line and the summary."""

    def __init__(self, runner: FeedRunner, feeds: Feeds, clock: Clock) -> None:
        self.runner = runner
        self._feeds = feeds
        self._clock = clock
        self._status = feeds.status(clock.now_ms())

    def look(self) -> str:
        """Note how the market data stands now; returns it in words."""
        status = self._status = self._feeds.status(self._clock.now_ms())
        frames = self.runner.tally.inputs[Heard]
        return f"{frames} frames · {status.live} of {status.total} markets live · {status.resyncs} resyncs"

    def figures(self) -> dict[str, object]:
        """Return the sums; markets are told as they were at the last look, before the connections ended."""
        tally, status = self.runner.tally, self._status
        return {
            "inputs": tally.total,
            "frames": tally.inputs[Heard],
            "live": status.live,
            "markets": status.total,
            "resyncs": status.resyncs,
            "alerts": tally.alerts,
        }


def _watching(
    config_path: Path,
    data_dir: Path,
    wanted: tuple[str, ...],
    for_s: float | None,
    mock: str | None,
    *,
    as_json: bool,
) -> Watching:
    settings = load(config_path)
    if mock is None:
        hosts = hosts_of(settings, data_dir)
    elif is_loopback(mock):
        hosts = VenueHosts.loopback(mock, f"ws://{urlsplit(mock).netloc}")
    else:
        raise click.BadParameter(f"expected a loopback address such as http://127.0.0.1:9002, found {mock}")
    return Watching(settings, hosts, wanted, mock is not None, for_s, as_json)


def _source(watching: Watching) -> AbstractAsyncContextManager[MarketSource]:
    return market_source(watching.settings, watching.hosts, wanted=watching.wanted, mock=watching.mock)


def _feeds(watching: Watching) -> Feeds:
    return Feeds(tokens_per_connection=watching.settings.feed.tokens_per_connection)


def _runner(
    feeds: Feeds,
    source: MarketSource,
    clock: Clock,
    *,
    journal: FeedJournal | None = None,
    after_check: Callable[[Ms], None] = lambda _at_ms: None,
) -> FeedRunner:
    return FeedRunner(
        FeedInlet(feeds, decode_market, decode_books),
        clock=clock,
        books=source.reads,
        metrics=source.metrics,
        journal=journal,
        after_check=after_check,
    )


async def _watch(
    watching: Watching,
    source: MarketSource,
    meter: Meter,
    tokens: Sequence[TrackedToken],
    look: Callable[[], str],
) -> None:
    """Run with a progress line where there is a terminal for it; `look` gives the last of its words."""
    with Console(stderr=True).status("connecting") as line:
        await watch_market(
            meter.runner,
            source,
            tokens,
            for_s=watching.for_s,
            catalogue_s=watching.settings.jobs.catalogue_s,
            on_look=lambda: line.update(f"{meter.look()} · {look()} · Ctrl-C ends"),
        )


def _summary(figures: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' '):16} {'-' if shown is None else shown}")


def _head(watching: Watching, began_ms: Ms) -> HeadLine:
    hosts = watching.hosts
    addresses = {"market": hosts.market_ws, "books": hosts.clob, "catalogue": hosts.gamma}
    return HeadLine(
        format=FORMAT,
        program=__version__,
        mode="mock" if watching.mock else watching.settings.mode.value,
        hosts={name: _host(url) for name, url in addresses.items()},
        run=f"{began_ms}-{secrets.token_hex(4)}",
        file=1,
        began_ms=began_ms,
        tokens_per_connection=watching.settings.feed.tokens_per_connection,
    )


def _host(url: str) -> str:
    """Return a URL's host and port: nothing else of it belongs into a file that is passed on."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

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
from bot.cli.live_market import MarketSource, market_source, watch_market
from bot.cli.run import run_until_stopped
from bot.cli.venue_hosts import hosts_of
from config.modes import is_loopback
from config.settings import Settings, load
from engine.clock import Clock, SystemClock
from engine.core.feed import TOKENS_PER_CONNECTION, Feeds
from engine.core.feed_inlet import FeedInlet, Heard
from engine.core.feed_tracked import TrackedToken
from engine.domain.book import LiveBook
from engine.domain.market import canonical_json
from engine.domain.units import Ms
from engine.log import Redactor, configure
from engine.metrics import Metrics
from engine.ports import FeedJournal
from engine.runtime.book_keeper import BookKeeper
from engine.runtime.feed_runner import FeedRunner
from engine.venue.endpoints import VenueHosts
from engine.venue.wire import decode_books, decode_market
from storage.lock import hold_folder
from storage.recorder import Recorder, RecordingError
from storage.recording_lines import FORMAT, HeadLine

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
    help="Data folder: in local mode the running exchange's address is read from it.",
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
        feeds = Feeds()
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
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(min=1),
    default=10.0,
    show_default=True,
    help="Seconds between two looks at the books.",
)
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
    """Keep proven books of live markets until Ctrl-C: one JSON line per book. Needs no key.

    A book is printed only while the venue's checksum proves it; `--json` adds the summary as a last line.
    """
    watching = _watching(config_path, data_dir, wanted, for_s, mock, as_json=as_json)
    configure(Redactor(), level=logging.WARNING)
    run_until_stopped(_ingest(watching, every_s))


async def _ingest(watching: Watching, every_s: float) -> None:
    clock = SystemClock()
    async with _source(watching) as source:
        tokens = await source.tokens()
        feeds = Feeds()
        keeper = BookKeeper(PrintedBooks(), int(every_s * 1000))
        watched = tuple(token.token_id for token in tokens)
        runner = _runner(
            feeds, source, clock, after_check=lambda at_ms: keeper.after_check(feeds, watched, at_ms)
        )
        meter = Meter(runner, feeds, clock)
        try:
            await _watch(watching, source, meter, tokens, lambda: f"{keeper.kept} books kept")
        finally:
            # Books are on standard output, so words go beside them.
            told = meter.figures() | {"books_kept": keeper.kept}
            _summary(told, as_json=watching.as_json, beside=not watching.as_json)


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


class PrintedBooks:
    """Prints each book as one JSON line: prices in 1e-4 USDC and sizes in 1e-6 share, best first."""

    def put(self, book: LiveBook, at_ms: Ms) -> None:
        """Print a book that was proven at this desk time."""
        sides = {"bids": book.bids, "asks": book.asks}
        levels = {name: [[level.price, level.size] for level in side] for name, side in sides.items()}
        told = {"at_ms": at_ms, "condition": book.condition_id, "token": book.token_id, "hash": book.hash}
        click.echo(canonical_json(told | {"tick": book.tick} | levels))


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
    return market_source(
        watching.hosts,
        timeout_s=watching.settings.relayer.timeout_s,
        wanted=watching.wanted,
        mock=watching.mock,
    )


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
        metrics=Metrics(),
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


def _summary(figures: dict[str, object], *, as_json: bool, beside: bool = False) -> None:
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' '):16} {'-' if shown is None else shown}", err=beside)


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
        tokens_per_connection=TOKENS_PER_CONNECTION,
    )


def _host(url: str) -> str:
    """Return a URL's host and port: nothing else of it belongs into a file that is passed on."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

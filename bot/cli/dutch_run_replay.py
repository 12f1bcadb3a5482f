"""`dutch-run-replay`: a recording through the desk's own planner, with pessimistic fills. Sends nothing.

Reads recordings, the stored catalogue and the settings; writes a chart if asked.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
from rich.console import Console

from bot.charts import backtest_chart
from bot.cli.backtest_report import artefact, print_report
from bot.cli.chart_file import PNG, demand_folder, write_chart
from bot.cli.recorded_pieces import Course, shown_pieces
from bot.cli.run import CONFIG
from config.desk_settings import desk_settings
from config.settings import load
from engine.core.backtest.run import Backtest, BacktestTerms
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import FeedInlet, FeedInput, Tracked
from engine.domain.ids import TokenId
from engine.domain.units import Ms
from engine.ports import StoreError
from engine.venue.wire import decode_books, decode_market
from storage.recording import Closed, Damaged, Opened, recording_paths
from storage.recording_lines import HeadLine
from storage.stored_events import read_codes, read_events, read_reviewed

TOKENS_SHOWN = 5
"""A hint names at most so many tokens; --json lists all."""


class BacktestError(Exception):
    """There is nothing to test; the text says what was expected, what was found, and what happens next."""


@dataclass(slots=True)
class _Reading:
    """What the recording told so far, and the catalogue's answer to it."""

    data_dir: Path
    wanted: str | None
    backtest: Backtest
    course: Course = field(default_factory=Course)
    inputs: int = 0
    first_ms: Ms | None = None
    last_ms: Ms | None = None
    head: HeadLine | None = None
    tokens: dict[TokenId, bool] = field(default_factory=dict)
    """Every watched token, and whether the catalogue knows it."""
    known: set[str] = field(default_factory=set)
    """Codes of the recording's events."""

    def take(self, entries: tuple[FeedInput, ...] | list[FeedInput]) -> None:
        """Look up what is watched for the first time, then step."""
        if not entries:
            return
        for entry in entries:
            if isinstance(entry, Tracked):
                self._look_up([token.token_id for token in entry.tokens])
        self.inputs += len(entries)
        self.first_ms = entries[0].at_ms if self.first_ms is None else self.first_ms
        self.last_ms = entries[-1].at_ms
        self.backtest.take(entries)

    def _look_up(self, tokens: list[TokenId]) -> None:
        new = [token for token in tokens if token not in self.tokens]
        found = read_events(self.data_dir, new)
        events = [event for event in found if event.code not in self.known]
        self.tokens |= dict.fromkeys(new, False)
        self.known |= {event.code for event in events}
        # An event known before may get more of its tokens watched later.
        for event in found:
            for market in event.markets:
                self.tokens |= {t: True for t in (market.yes, market.no) if t in self.tokens}
        self.backtest.know(event for event in events if self.wanted in (None, event.code))

    @property
    def unknown(self) -> tuple[TokenId, ...]:
        """Tokens of the recording that the catalogue does not have."""
        return tuple(token for token, found in self.tokens.items() if not found)


@click.command("dutch-run-replay")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@CONFIG
@click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Data folder: market.db tells which outcomes form an event, ledger.db which rules were read.",
)
@click.option("--event", "wanted", metavar="CODE", help="Only this event. Default: every event recorded.")
@click.option(
    "--allow-other",
    is_flag=True,
    help='Count "Other" of a non-augmented event as a leg, as allow_other in the TOML does.',
)
@click.option(
    "--latency-ms",
    type=click.IntRange(0, 60_000),
    default=250,
    show_default=True,
    help="From the book that made a plan to the matching of its orders.",
)
@click.option("--verbose", is_flag=True, help="Print where every window's edge goes, per set and in all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; money in 1e-6 USDC.")
@click.option(
    "--png",
    type=PNG,
    help="Write a chart of the equity and of every window's edge.",
)
def dutch_run_replay(
    *,
    paths: tuple[Path, ...],
    config_path: Path,
    data_dir: Path,
    wanted: str | None,
    allow_other: bool,
    latency_ms: int,
    verbose: bool,
    as_json: bool,
    png: Path | None,
) -> None:
    """Run the Dutch planner over recordings (files, or folders of them) and tell what it would have made.

    Guards, planner and limits are the desk's own, with the knobs of the TOML. Orders fill only against the
    books of a latency later, within their limits, and take a level's size once. One recording gives the same
    sha256 every time. Exit status 1 if the recording is damaged before its end, or nothing of it is known.
    """
    files = recording_paths(paths)
    demand_folder(png)
    terms = _terms(config_path, data_dir, allow_other=allow_other, latency_ms=latency_ms)
    if wanted is not None:
        _demand_code(data_dir, wanted)
    reading = _Reading(data_dir, wanted, Backtest(terms))
    _run(reading, files)
    _demand_something(reading)
    result = reading.backtest.finish()
    told = artefact(
        result,
        terms,
        recording={
            "runs": reading.course.runs,
            "inputs": reading.inputs,
            "first_ms": reading.first_ms,
            "last_ms": reading.last_ms,
            "notes": reading.course.notes,
            "damage": reading.course.damage,
        },
        unknown=reading.unknown,
    )
    if png is not None:
        write_chart(png, backtest_chart(result))
    if as_json:
        click.echo(json.dumps(told))
    else:
        print_report(Console(highlight=False), result, terms, told, verbose=verbose)
    _hint(reading)
    if reading.course.damage is not None:
        raise SystemExit(1)


def _terms(config_path: Path, data_dir: Path, *, allow_other: bool, latency_ms: int) -> BacktestTerms:
    settings = desk_settings(load(config_path))
    params = settings.dutch
    if allow_other:
        params = replace(params, allow_other=True)
    # An entry of the TOML outranks what was read in the chat, as at the desk's start.
    reviewed = read_reviewed(data_dir) | dict(settings.reviewed)
    caps = settings.caps
    return BacktestTerms(
        params=params, ticket=caps.ticket, day=caps.day, reviewed=reviewed, latency_ms=Ms(latency_ms)
    )


def _demand_code(data_dir: Path, wanted: str) -> None:
    codes = _catalogue(data_dir, None)
    if wanted not in codes:
        shown = ", ".join(codes[:8]) or "none"
        raise BacktestError(
            f"expected the code of a stored event, found {wanted!r}; stored in {data_dir}: {shown}. "
            f"`dutchdesk markets-sync --data {data_dir}` reads the catalogue again"
        )


def _catalogue(data_dir: Path, head: HeadLine | None) -> tuple[str, ...]:
    try:
        return read_codes(data_dir)
    except StoreError as error:
        raise BacktestError(
            f"expected the outcomes of the recorded events in {data_dir}: {error}. "
            f"{_next_step(data_dir, head)}"
        ) from None


def _next_step(data_dir: Path, head: HeadLine | None) -> str:
    venue = head.hosts.get("catalogue", head.mode) if head is not None else "the venue of the recording"
    return f"Run `dutchdesk markets-sync --data {data_dir}` with the TOML of {venue}, then this command again"


def _run(reading: _Reading, files: tuple[Path, ...]) -> None:
    """Step through the files; Ctrl-C ends the recording there, and says so."""
    course = reading.course
    try:
        for piece in shown_pieces(files, "backtest"):
            match piece:
                case Opened():
                    if piece.fresh:
                        reading.head = piece.head
                        _catalogue(reading.data_dir, piece.head)
                        feeds = Feeds(tokens_per_connection=piece.head.tokens_per_connection)
                        reading.backtest.begin(FeedInlet(feeds, decode_market, decode_books))
                    course.note(piece)
                    reading.take(piece.opening())
                case Closed() | Damaged():
                    course.note(piece)
                case _:
                    reading.take(list(piece))
    except KeyboardInterrupt:
        course.notes.append("stopped by Ctrl-C before its end")


def _demand_something(reading: _Reading) -> None:
    """Refuse what holds no event to plan, with the reason."""
    course = reading.course
    if not reading.tokens:
        found = course.damage or ("no inputs" if course.files else "an empty file")
        raise BacktestError(
            f"expected a recording with watched markets, found {found}; make one with `dutchdesk record`"
        )
    if not reading.known:
        raise BacktestError(
            f"expected the recorded markets in the catalogue of {reading.data_dir}, found none of "
            f"{len(reading.tokens)} tokens ({_names(reading.unknown)}). "
            f"{_next_step(reading.data_dir, reading.head)}"
        )
    if reading.wanted is not None and reading.wanted not in reading.known:
        raise BacktestError(
            f"expected event {reading.wanted!r} in the recording, found: {', '.join(sorted(reading.known))}; "
            "name one of these"
        )


def _hint(reading: _Reading) -> None:
    unknown = reading.unknown
    if unknown:
        click.echo(
            f"left out, because the catalogue of {reading.data_dir} does not know them: {len(unknown)} of "
            f"{len(reading.tokens)} tokens ({_names(unknown)}). "
            f"{_next_step(reading.data_dir, reading.head)}; "
            f"`dutchdesk markets-resolve TOKEN --data {reading.data_dir}` tells what one is",
            err=True,
        )


def _names(tokens: tuple[TokenId, ...]) -> str:
    more = len(tokens) - TOKENS_SHOWN
    return ", ".join(tokens[:TOKENS_SHOWN]) + (f" and {more} more" if more > 0 else "")

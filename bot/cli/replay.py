"""`replay`: a recording through the feed core, and what came of it. Also exits non-zero on damage."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import click

from bot.cli.live_market import EVERY, chosen
from bot.cli.recorded_pieces import Course, shown_pieces
from engine.clock import SystemClock
from engine.core.feed.inlet import BooksAnswered, BooksRefused, Checked, Heard, Linked, Tracked
from engine.domain.book import Level, LiveBook
from engine.domain.history import KeptSnapshot
from engine.domain.ids import TokenId
from engine.domain.units import Ms, format_price
from engine.runtime.book_keeper import BookKeeper
from engine.runtime.replay import Pace, Replay, books_digest
from engine.venue.wire import decode_books, decode_market
from storage.files import open_storage
from storage.lock import hold_folder
from storage.recording import Closed, Damaged, Opened, recording_paths

KINDS: dict[type, str] = {
    Heard: "messages",
    Checked: "checks",
    Linked: "links",
    Tracked: "tracked",
    BooksAnswered: "book reads",
    BooksRefused: "book reads failed",
}
FULL = "full"


class _Speed(click.ParamType[float | None]):
    """A factor above 0, or "full"."""

    name = "X|full"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """Return the factor, None for full speed."""
        if value is None or value == FULL:
            return None
        try:
            speed = float(str(value))
        except ValueError:
            speed = 0.0
        if not 0 < speed < 1e6:
            self.fail(f"expected a factor above 0 or {FULL!r}, found {value!r}", param, ctx)
        return speed


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--speed", type=_Speed(), default=FULL, show_default=True, help="Times real time.")
@click.option(
    "--market", "--markets", "wanted", multiple=True, metavar="CODE|CONDITION|TOKEN",
    help="Tell of these markets' books only; all are replayed. Can be given again.",
)  # fmt: skip
@click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the proven books in market.db of this folder, too.",
)
@EVERY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(
    *,
    paths: tuple[Path, ...],
    speed: float | None,
    wanted: tuple[str, ...],
    data_dir: Path | None,
    every_s: float,
    as_json: bool,
) -> None:
    """Replay recordings (files, or folders of them) through the feed core and tell what came of it.

    The same recording gives the same effects hash every time, and one run's files the one that `record`
    printed. Exit status 1 if the recording is damaged before its end; a torn tail, as a kill leaves it, is
    told and is no damage.
    """
    files = recording_paths(paths)
    run = Replay(decode_market, decode_books, wait_until=None if speed is None else _waiting(speed))
    course, clock = Course(), SystemClock()
    began_ms = clock.now_ms()
    with ExitStack() as stack:
        if data_dir is not None:
            keeper = BookKeeper(stack.enter_context(_market_file(data_dir)), int(every_s * 1000))
            run.after_check = lambda at_ms: keeper.after_check(run.feeds, _tokens(run, wanted), at_ms)
        try:
            _replay(run, course, files)
        except KeyboardInterrupt:
            course.notes.append("stopped by Ctrl-C before its end")
    told = _figures(run, course, wanted)
    if data_dir is not None:
        told["books_kept"] = keeper.kept
    told["took_ms"] = clock.now_ms() - began_ms
    if as_json:
        click.echo(json.dumps(told))
    else:
        told.pop("books", None)
        _print(told)
        if wanted and run.tracked:
            _print_books(run, wanted)
    if course.damage is not None:
        raise SystemExit(1)


def _tokens(run: Replay, wanted: tuple[str, ...]) -> Iterator[TokenId]:
    """Return what is meant of what is watched now; worked out only when somebody looks."""
    yield from (token.token_id for token in chosen(run.tracked, wanted))


@contextmanager
def _market_file(data_dir: Path) -> Iterator[Callable[[Sequence[KeptSnapshot]], None]]:
    """Open the market file of a folder; what is given stores books and returns when they are stored."""
    with hold_folder(data_dir) as lock, asyncio.Runner() as loop:
        stack = AsyncExitStack()
        storage = loop.run(stack.enter_async_context(open_storage(lock, SystemClock())))
        try:
            yield lambda books: loop.run(storage.store.save_snapshots(books))
        finally:
            loop.run(stack.aclose())


def _waiting(speed: float) -> Callable[[Ms], None]:
    pace = Pace(SystemClock(), speed)
    return lambda at_ms: time.sleep(pace.due_in_s(at_ms))


def _replay(run: Replay, course: Course, files: Sequence[Path]) -> None:
    for piece in shown_pieces(files, "replay"):
        match piece:
            case Opened():
                if piece.fresh:
                    run.begin(piece.head.tokens_per_connection)
                course.note(piece)
                run.take(piece.opening())
            case Closed() | Damaged():
                course.note(piece)
            case _:
                run.take(piece)


def _figures(run: Replay, course: Course, wanted: tuple[str, ...]) -> dict[str, object]:
    """Return the report; empty where nothing could be read."""
    tally = run.tally
    told: dict[str, object] = {
        "files": course.files,
        "runs": course.runs,
        "inputs": {name: tally.inputs[kind] for kind, name in KINDS.items() if tally.inputs[kind]},
        "effects": tally.effects,
        "effects_sha256": tally.digest(),
        "alerts": tally.alerts,
        "notes": course.notes,
        "damage": course.damage,
    }
    if not course.files:
        return told
    status = run.status()
    # Shown after the hash was taken: counts that the last check has not told yet belong to the figures only.
    run.count_rest()
    books = run.books()
    shown = {token.token_id for token in chosen(run.tracked, wanted)} if run.tracked else set[str]()
    return told | {
        "frames": tally.by_label("feed_frames_total"),
        "malformed": tally.by_label("feed_malformed_total"),
        "resyncs": tally.by_label("feed_resync_total"),
        "hash_checks": tally.by_label("feed_hash_checks_total"),
        "markets_live": f"{status.live} of {status.total}",
        "books_sha256": books_digest(books),
        "books": {token: _touch(book) for token, book in books.items() if wanted and token in shown},
        "recorded_ms": (tally.last_ms or 0) - (tally.first_ms or 0),
    }


def _touch(book: LiveBook | None) -> dict[str, object] | None:
    if book is None:
        return None
    return {"hash": book.hash, "bid": book.bids[0].price, "ask": book.asks[0].price}


def _print_books(run: Replay, wanted: tuple[str, ...]) -> None:
    """Print a line per book at the end: bid, ask, the token's first digits, the market."""
    books = run.books()
    for token in chosen(run.tracked, wanted):
        book = books.get(token.token_id)
        touch = "not proven" if book is None else f"{_price(book.bids)} / {_price(book.asks)}"
        click.echo(f"{'book':16} {touch:15} {token.token_id[:8]}…  {token.shown}")


def _price(side: Sequence[Level]) -> str:
    return format_price(side[0].price)


def _print(told: dict[str, object]) -> None:
    for name, value in told.items():
        label = f"{name.replace('_', ' '):16} "
        match value:
            case dict():
                click.echo(label + (" · ".join(f"{key} {count}" for key, count in value.items()) or "none"))
            case list():
                click.echo(label + ("; ".join(value) or "none"))
            case None:
                click.echo(label + "none")
            case _:
                click.echo(f"{label}{value}")

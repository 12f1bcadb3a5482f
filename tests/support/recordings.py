"""Recordings for tests: inputs as a live run makes them, written and read back whole."""

import json
from collections.abc import Sequence
from pathlib import Path

from engine.core.feed.inlet import (
    BooksAnswered,
    BooksRefused,
    Checked,
    FeedInput,
    Heard,
    Linked,
    Tracked,
)
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.units import Ms
from engine.runtime.replay import Replay
from engine.venue.wire import decode_books, decode_market
from storage.recorder import Limits, Recorder
from storage.recording import Closed, Damaged, Opened, Piece, read_recording, recording_paths
from storage.recording_lines import FORMAT, HeadLine
from tests.support.market_stream import NO, YES, seeded_venue

LINE = ConnectionId(0)
ODD: tuple[bytes, ...] = (
    b"PONG",
    b"",
    b"\xff\xfe",
    b'"\xff"',
    b'{"a":\n1}',
    b'{"a":1}\n',
    b'{"a":1}\r',
    b' {"a":1} ',
    b'{"price":NaN}',
    b'1,"f":2',
    b'1,"t":7',
    b"1}\n{",
    b"[" * 5_000 + b"]" * 5_000,
    '"\u2028 é"'.encode(),
    b'{"a":1e999,"a":2}',
)
"""Messages of which some can stand in a line as they are and some cannot; all must come back."""


def head(run: str = "run", began_ms: int = 1_790_000_000_000) -> HeadLine:
    return HeadLine(
        format=FORMAT,
        program="test",
        mode="local",
        hosts={"market": "127.0.0.1"},
        run=run,
        file=1,
        began_ms=began_ms,
        tokens_per_connection=200,
    )


def stream(changes: int = 30) -> tuple[FeedInput, ...]:
    """A market's life of one change in 100 ms, with odd messages, REST answers and a reconnect."""
    venue = seeded_venue()
    tokens = (TokenId(YES), TokenId(NO))
    inputs: list[FeedInput] = [Tracked(Ms(venue.now_ms), venue.tokens("No change"))]
    inputs.append(Linked(Ms(venue.now_ms), LINE, up=True))
    inputs.append(Heard(Ms(venue.now_ms), LINE, venue.dump()))
    inputs += [Heard(Ms(venue.now_ms), LINE, raw) for raw in ODD]
    for number in range(changes):
        venue.now_ms += 100
        now_ms = Ms(venue.now_ms)
        raw = venue.set_level("BUY", 4000 + 100 * (number % 7), f"{number + 1}.5")
        if number != 5:
            inputs.append(Heard(now_ms, LINE, raw))
        if number % 10 == 9:
            inputs.append(Checked(now_ms))
            body = b"[%b,%b]" % tuple(_rest(venue.book(token)) for token in tokens)
            inputs.append(BooksAnswered(now_ms, tokens, (body,)))
        if number == 20:
            inputs.append(BooksRefused(now_ms, tokens, "timeout"))
            inputs.append(BooksAnswered(now_ms, tokens, (b"<html>", body)))
            inputs.append(Linked(now_ms, LINE, up=False))
            inputs.append(Linked(now_ms, LINE, up=True))
            inputs.append(Heard(now_ms, LINE, venue.dump()))
    return tuple(inputs)


def _rest(book: dict[str, object]) -> bytes:
    return json.dumps(book, separators=(",", ":")).encode()


def record(
    folder: Path, inputs: Sequence[FeedInput], *, run: str = "run", limits: Limits | None = None
) -> Recorder:
    """Write inputs as one run, closed in order."""
    folder.mkdir(exist_ok=True)
    recorder = Recorder(folder, head(run), limits)
    for entry in inputs:
        recorder.write(entry)
    recorder.close()
    return recorder


def pieces(*paths: Path) -> list[Piece]:
    return list(read_recording(recording_paths(paths)))


def inputs_of(found: Sequence[Piece]) -> list[FeedInput]:
    """All inputs of what was read."""
    kept = (piece for piece in found if not isinstance(piece, Opened | Closed | Damaged))
    return [entry for piece in kept for entry in piece]


def replayed(*paths: Path) -> Replay:
    """Replay whole recordings at full speed; damage is an error."""
    replay = Replay(decode_market, decode_books)
    for piece in read_recording(recording_paths(paths)):
        match piece:
            case Opened():
                if piece.fresh:
                    replay.begin(piece.head.tokens_per_connection)
                replay.take(piece.opening())
            case Damaged():
                raise AssertionError(f"{piece.path.name} line {piece.line}: {piece.what}")
            case Closed():
                pass
            case _:
                replay.take(piece)
    return replay

"""An hour of the local exchange on a virtual clock, recorded by the real runner and recorder, replayed twice.

No sockets and no waiting: the exchange's frames are handed to the runner as they are made. Losses, reconnects
and REST answers are part of it. `python -m tests.support.recorded_hour [SECONDS]` prints the figures.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

import msgspec

from engine.clock import ManualClock, perf_us
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import FeedInlet
from engine.core.feed.tracked import TrackedToken
from engine.domain.book import LiveBook
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId, ConnectionId, TokenId
from engine.domain.units import Usdc
from engine.metrics import Metrics
from engine.runtime.feed_runner import FeedRunner
from engine.runtime.replay import books_digest
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.sockets import RawFrame
from engine.simulator.venue import Venue
from engine.venue.wire import decode_books, decode_market
from storage.recorder import Limits, Recorder
from storage.recording_lines import HeadLine
from tests.support.recordings import head, replayed

STEP_MS = 50
TOKENS_PER_CONNECTION = 20
"""Small, so that the exchange's markets need several connections."""


class Wires:
    """Every market connection of the runner, without a network: implements `MarketFeed` by hand."""

    def __init__(self, venue: Venue, rng: Random) -> None:
        self.runner: FeedRunner | None = None
        self._venue = venue
        self._rng = rng
        self._tokens: dict[ConnectionId, tuple[TokenId, ...]] = {}
        self._wires: dict[ConnectionId, _Wire] = {}

    async def run(self, on_frames: Any, on_link: Any, on_given_up: Any) -> None:
        raise AssertionError("the exchange's time moves by hand")

    def subscribe(self, connections: Sequence[tuple[ConnectionId, Sequence[TokenId]]]) -> None:
        self._tokens = {number: tuple(tokens) for number, tokens in connections}

    def reconnect(self, connection: ConnectionId) -> None:
        self.hang_up(connection)

    def connect_missing(self) -> None:
        """Bring every connection up that is down; the venue dumps its books on each."""
        assert self.runner is not None
        for number in self._tokens.keys() - self._wires.keys():
            wire = _Wire(self.runner, number)
            self._wires[number] = wire
            self.runner.link(number, True)
            wanted = {
                "type": "market",
                "assets_ids": list(self._tokens[number]),
                "custom_feature_enabled": True,
            }
            self._venue.market_stream.on_frame(cast(Any, wire), wanted)

    def hang_up(self, number: ConnectionId) -> None:
        wire = self._wires.pop(number, None)
        if wire is not None:
            assert self.runner is not None
            self._venue.market_stream.forget(cast(Any, wire))
            self.runner.link(number, False)

    def trouble(self) -> None:
        """Now and then lose a change, a connection, or send what is no message."""
        chance = self._rng.random()
        numbers = sorted(self._wires)
        if chance < 0.05:
            self._venue.faults.arm(Fault(FaultKind.DROP_DELTA))
        elif chance < 0.06 and numbers:
            self.hang_up(self._rng.choice(numbers))
        elif chance < 0.10 and numbers:
            odd = self._rng.choice(["PONG", "not json", '{"event_type":"book"}', "[1,\n2]"])
            self._wires[self._rng.choice(numbers)].send(odd)


class _Wire:
    """What the exchange's stream takes for a socket."""

    def __init__(self, runner: FeedRunner, number: ConnectionId) -> None:
        self._runner = runner
        self.number = number
        self.tokens: set[str] = set()

    def send(self, frame: str | RawFrame, tokens: Iterable[str] = ()) -> None:
        raw = frame.payload if isinstance(frame, RawFrame) else frame.encode()
        self._runner.hear(self.number, raw)

    def is_held(self, kind: FaultKind, token: str = "") -> bool:
        return False


class Books:
    """The exchange's REST books; one read in ten fails."""

    def __init__(self, venue: Venue, rng: Random) -> None:
        self._venue = venue
        self._rng = rng

    async def read_book_bodies(self, tokens: Sequence[TokenId]) -> tuple[bytes, ...] | VenueFailure:
        await asyncio.sleep(0)
        if self._rng.random() < 0.1:
            return VenueFailure("POST /books: timeout")
        found = [self._venue.find_book(token) for token in tokens]
        texts = [pair[0].rest_text(pair[1]) for pair in found if pair is not None]
        return (f"[{','.join(texts)}]".encode(),)


@dataclass(frozen=True)
class Recorded:
    """A live run and where it was recorded."""

    files: tuple[Path, ...]
    effects_hash: str
    books_hash: str
    inputs: int
    effects: int
    resyncs: int
    books_live: int
    bytes: int


def tracked_tokens(venue: Venue) -> list[TrackedToken]:
    """Every token that trades, as the catalogue would tell of it."""
    specs = [market.spec for market in venue.catalogue.markets if market.trades]
    return [
        TrackedToken(
            token_id=TokenId(own),
            condition_id=ConditionId(spec.condition_id),
            complement=TokenId(other),
            tick=spec.tick,
            min_order_size_text=spec.min_size_text,
            tick_text=spec.tick_text,
            neg_risk=spec.neg_risk,
        )
        for spec in specs
        for own, other in (spec.tokens, spec.tokens[::-1])
    ]


async def record_run(
    folder: Path,
    *,
    seconds: int,
    seed: int,
    limits: Limits | None = None,
    on_step: Callable[[Venue], None] = lambda _venue: None,
) -> Recorded:
    """Let the exchange live for so many seconds of its time; returns what the live run came to.

    `on_step` may look at the exchange after each of its steps.
    """
    clock, rng = ManualClock(), Random(seed)
    venue = Venue(
        seed=seed, clock=clock, frames_per_s=30, confirm_delay_ms=2_000, start_balance=Usdc(1_000_000_000)
    )
    wires = Wires(venue, rng)
    feeds = Feeds(tokens_per_connection=TOKENS_PER_CONNECTION)
    recorder = Recorder(
        folder, _head(clock.now_ms()), limits or Limits(waiting_bytes=1 << 30, file_ms=900_000)
    )
    runner = FeedRunner(
        FeedInlet(feeds, decode_market, decode_books),
        clock=clock,
        books=Books(venue, rng),
        metrics=Metrics(),
        journal=recorder,
    )
    wires.runner = runner
    tokens = tracked_tokens(venue)
    runner.begin(wires, tokens)
    for _ in range(seconds):
        wires.connect_missing()
        for _ in range(1_000 // STEP_MS):
            clock.advance(STEP_MS)
            venue.advance()
            on_step(venue)
            await asyncio.sleep(0)
        wires.trouble()
        runner.check()
    await asyncio.sleep(0)
    recorder.close()
    assert recorder.failed is None, recorder.failed
    at_ms = runner.tally.last_ms
    assert at_ms is not None
    found = {token.token_id: feeds.live(token.token_id, at_ms) for token in tokens}
    books: dict[str, LiveBook | None] = {t: b if isinstance(b, LiveBook) else None for t, b in found.items()}
    return Recorded(
        files=tuple(recorder.files),
        effects_hash=runner.tally.digest(),
        books_hash=books_digest(books),
        inputs=runner.tally.total,
        effects=runner.tally.effects,
        resyncs=feeds.status(at_ms).resyncs,
        books_live=sum(book is not None for book in books.values()),
        bytes=recorder.bytes_written,
    )


def _head(began_ms: int) -> HeadLine:
    return msgspec.structs.replace(
        head(f"hour-{began_ms}", began_ms), tokens_per_connection=TOKENS_PER_CONNECTION
    )


def main() -> None:
    """Print a recorded hour and its two replays."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3_600
    say = sys.stdout.write
    logging.disable(logging.WARNING)  # every lost change is an alert, and there are hundreds
    with tempfile.TemporaryDirectory() as folder:
        began = perf_us()
        live = asyncio.run(record_run(Path(folder), seconds=seconds, seed=1))
        say(f"live    {live.inputs} inputs of {seconds} s exchange time in {_took(began)}: ")
        say(f"{live.effects} effects, {live.resyncs} resyncs, {live.books_live} books live at the end, ")
        say(f"{len(live.files)} files, {live.bytes} bytes\n")
        say(f"        effects {live.effects_hash}\n        books   {live.books_hash}\n")
        for _ in range(2):
            began = perf_us()
            replay = replayed(*live.files)
            effects = replay.tally.digest()
            books = books_digest(replay.books())
            verdict = "equal" if (effects, books) == (live.effects_hash, live.books_hash) else "DIFFERENT"
            say(f"replay  {replay.tally.total} inputs in {_took(began)}: {verdict}\n")
            say(f"        effects {effects}\n        books   {books}\n")


def _took(began_us: int) -> str:
    return f"{(perf_us() - began_us) / 1e6:.1f} s"


if __name__ == "__main__":
    main()

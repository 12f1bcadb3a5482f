"""Mutated market frames against live books.

For every frame: nothing is raised; a frame judged malformed or ignored changes no book; whatever is live
afterwards is a book the venue gave. The command prints what was sent, how it was judged, the slowest frames
and memory: `python -m tests.campaigns.market_frames --frames 1000000 --seed 1`.
"""

import argparse
import random
import sys
import time
from collections import deque
from collections.abc import Callable

from engine.domain.book import LiveBook
from engine.domain.frames import Frame, Ignored, Malformed
from tests.campaigns.figures import Figures, shown, tell
from tests.campaigns.judged_feeds import JudgedFeeds
from tests.campaigns.mutations import Damage
from tests.support.market_stream import ReferenceVenue

TICK_EVERY_MS = 1_000
LOST = 0.1
"""How often a true frame is lost, so that damage also meets books that are being fetched again."""


class MarketCampaign:
    """True streams of four markets, with mutated frames between their messages.

    A frame that breaks something is counted and the campaign goes on with fresh feeds.
    """

    def __init__(self, seed: int, *, connections: int = 2, ticks: bool = True) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.connections, self.ticks = connections, ticks
        self.feeds = JudgedFeeds(self.rng, connections=connections, ticks=ticks)
        self.damage = Damage(self.rng)
        self.figures = Figures()
        self._newest: deque[tuple[str, bytes]] = deque(maxlen=12)
        self._ticked_ms = self.feeds.now_ms

    def run(self, frames: int, at_tenth: Callable[[int], None] = lambda _: None) -> Figures:
        """Send so many mutated frames; `at_tenth` hears 1 to 10 as each tenth is done."""
        done = 0
        while self.figures.frames < frames:
            try:
                self._round(frames - self.figures.frames)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                before = [f"{name}: {shown(raw)}" for name, raw in self._newest]
                error.add_note(f"seed {self.seed}, the newest mutated frames:\n" + "\n".join(before))
                self._fail(error)
            while done < 10 and self.figures.frames * 10 >= frames * (done + 1):
                done += 1
                at_tenth(done)
        try:
            self.heal()
        except Exception as error:  # noqa: BLE001 - a finding too
            self.figures.fail(error)
        return self.figures

    def _round(self, most: int) -> None:
        rng, feeds = self.rng, self.feeds
        venue = rng.choice(feeds.venues)
        true = feeds.happen(venue)
        near = feeds.near()
        for _ in range(min(most, rng.randrange(2, 12))):
            raw = rng.choice(true if rng.random() < 0.6 else near.frames)
            name, damaged = self.damage.of(raw, near)
            self.strike(venue, name, damaged)
        for raw in true:
            if rng.random() >= LOST:
                feeds.deliver(venue, raw)
        self._pass()

    def strike(self, venue: ReferenceVenue, name: str, raw: bytes) -> None:
        """Deliver one mutated frame and assert what must hold after it."""
        feeds, figures = self.feeds, self.figures
        line = (
            feeds.line[venue.condition]
            if self.rng.random() < 0.9
            else self.rng.choice([*feeds.line.values()])
        )
        before, sequence = feeds.look(), feeds.feeds.sequence
        try:
            began = time.perf_counter_ns()
            frames = feeds.take(line, raw)
            took = time.perf_counter_ns() - began
            verdict = verdict_of(frames)
            if all(isinstance(frame, Malformed | Ignored) for frame in frames):
                assert feeds.feeds.sequence == sequence, (
                    "a frame that says nothing was counted as one of a book"
                )
                assert feeds.look() == before, "a frame that says nothing changed a book"
                figures.held += sum(isinstance(book, LiveBook) for book in before)
            elif self.rng.random() < 0.7:  # or else damage meets a book that has not been checked yet
                feeds.look()
        except Exception as error:
            error.add_note(f"seed {self.seed}, frame {figures.frames}, {name}: {shown(raw)}")
            raise
        finally:
            figures.note(name, raw)
            self._newest.append((name, raw))
        figures.by_verdict[verdict] += 1
        figures.live += sum(isinstance(book, LiveBook) for book in before)
        figures.timed(name, raw, took)

    def _fail(self, error: Exception) -> None:
        """Count a failure by its words and begin anew: what the feed core holds now may be anything."""
        self.figures.fail(error)
        self.feeds = JudgedFeeds(
            self.rng, connections=self.connections, ticks=self.ticks, from_ms=self.feeds.now_ms
        )

    def _pass(self) -> None:
        """Let due work be done and reads be answered, mostly soon."""
        feeds = self.feeds
        if feeds.now_ms - self._ticked_ms >= TICK_EVERY_MS:
            self._ticked_ms = feeds.now_ms
            feeds.perform(feeds.feeds.check(feeds.at))
        while feeds.reads and self.rng.random() < 0.7:
            self.answer()

    def answer(self) -> None:
        """Answer the oldest read; it fails now and then."""
        feeds = self.feeds
        tokens, answer = feeds.reads.popleft()
        feeds.answered(tokens, answer, failed=self.rng.random() < 0.05)

    def heal(self) -> None:
        """Send no more damage and lose nothing: every book must be live and the venue's in the end."""
        feeds = self.feeds
        for _ in range(150):
            for venue in feeds.venues:
                for raw in feeds.happen(venue):
                    feeds.deliver(venue, raw)
            feeds.now_ms += 5_000
            feeds.perform(feeds.feeds.check(feeds.at))
            while feeds.reads:
                tokens, answer = feeds.reads.popleft()
                feeds.answered(tokens, answer, failed=False)
        for token, book in zip(feeds.tokens, feeds.look(), strict=True):
            assert isinstance(book, LiveBook), f"seed {self.seed}: {token} is not live in the end: {book}"
            assert book.hash == feeds.home[token].book(token)["hash"], f"seed {self.seed}: {token}"


def verdict_of(frames: tuple[Frame, ...]) -> str:
    """Name what was made of a frame: one word, with the reason if it was refused whole."""
    if not frames:
        return "empty"
    kinds = {
        f"malformed {frame.reason}" if isinstance(frame, Malformed) else type(frame).__name__
        for frame in frames
    }
    if len(kinds) == 1:
        return kinds.pop()
    return "mixed, part malformed" if any(kind.startswith("malformed") for kind in kinds) else "mixed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=2, choices=(1, 2))
    parser.add_argument("--same-ticks", action="store_true", help="the venues never change a tick")
    told = parser.parse_args()
    campaign = MarketCampaign(told.seed, connections=told.connections, ticks=not told.same_ticks)
    sys.stdout.write(
        f"seed {told.seed}, {told.connections} connections, ticks change: {not told.same_ticks}\n"
    )
    figures = tell(lambda at_tenth: campaign.run(told.frames, at_tenth))
    feeds = campaign.feeds
    sys.stdout.write(
        f"live books computed again: {feeds.judged}; resync reads: {feeds.limits.resyncs}, probes: "
        f"{feeds.limits.probes}, alerts: {feeds.alerts}, reconnects: {feeds.reconnects}\n"
    )
    sys.exit(1 if figures.failures else 0)


if __name__ == "__main__":
    main()

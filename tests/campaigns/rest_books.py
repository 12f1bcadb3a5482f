"""Mutated REST books against feeds that wait for one.

A market loses a change and asks for its books; before the true answer come mutated ones. For each: nothing
is raised, and whatever is live afterwards is a book the venue gave, no older than the newest true message:
`python -m tests.campaigns.rest_books --answers 100000 --seed 1`.
"""

import argparse
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from engine.domain.book import LiveBook
from engine.domain.failure import VenueFailure
from engine.domain.ids import TokenId
from engine.venue.wire import decode_books
from tests.campaigns.figures import Figures, shown, tell
from tests.campaigns.judged_feeds import JudgedFeeds
from tests.campaigns.mutations import Damage

PAST_MAX = 24


class RestCampaign:
    """Four markets that keep losing changes, and the answers to what they ask for."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.feeds = JudgedFeeds(self.rng, connections=1, ticks=False)
        self.damage = Damage(self.rng)
        self.figures = Figures()
        self._past: deque[bytes] = deque((b"[]",), maxlen=PAST_MAX)

    def run(self, answers: int, at_tenth: Callable[[int], None] = lambda _: None) -> Figures:
        """Give so many mutated answers; `at_tenth` hears 1 to 10 as each tenth is done."""
        done = 0
        while self.figures.frames < answers:
            try:
                self._round(answers)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                self.figures.fail(error)
                self.feeds = JudgedFeeds(self.rng, connections=1, ticks=False, from_ms=self.feeds.now_ms)
            while done < 10 and self.figures.frames * 10 >= answers * (done + 1):
                done += 1
                at_tenth(done)
        return self.figures

    def _round(self, answers: int) -> None:
        """Let a market lose a change, notice it, and be answered wrongly before it is answered rightly."""
        feeds = self.feeds
        venue = self.rng.choice(feeds.venues)
        feeds.happen(venue)
        for raw in feeds.happen(venue):
            feeds.deliver(venue, raw)
        feeds.perform(feeds.feeds.check(feeds.at))
        while feeds.reads:
            tokens, answer = feeds.reads.popleft()
            near = replace(feeds.near(), frames=tuple(self._past))
            for _ in range(min(answers - self.figures.frames, self.rng.randrange(1, 12))):
                self.strike(tokens, *self.damage.of(answer, near))
            self._past.append(answer)
            feeds.answered(tokens, answer, failed=False)
            feeds.look()

    def strike(self, tokens: tuple[TokenId, ...], name: str, raw: bytes) -> None:
        """Give one mutated answer and assert what must hold after it."""
        feeds, figures = self.feeds, self.figures
        before = feeds.look()
        try:
            began = time.perf_counter_ns()
            books = decode_books(raw)
            refused = isinstance(books, VenueFailure)
            if not isinstance(books, VenueFailure):
                feeds.perform(feeds.feeds.books_read(tokens, books, feeds.at))
            took = time.perf_counter_ns() - began
            after = feeds.look()
            if refused:
                assert after == before, "an answer that is none changed a book"
                figures.held += sum(isinstance(book, LiveBook) for book in before)
        except Exception as error:
            error.add_note(f"seed {self.seed}, answer {figures.frames}, {name}: {shown(raw)}")
            raise
        finally:
            figures.note(name, raw)
        live = sum(isinstance(book, LiveBook) for book in after)
        figures.live += sum(isinstance(book, LiveBook) for book in before)
        restored = live > sum(isinstance(book, LiveBook) for book in before)
        figures.by_verdict["refused" if refused else "read, restores a book" if restored else "read"] += 1
        figures.timed(name, raw, took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    sys.stdout.write(f"seed {told.seed}\n")
    figures = tell(lambda at_tenth: RestCampaign(told.seed).run(told.answers, at_tenth))
    sys.exit(1 if figures.failures else 0)


if __name__ == "__main__":
    main()

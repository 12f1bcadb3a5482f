"""An hour of the local exchange, recorded with losses: every window it opened is found or explained.

`python -m tests.campaigns.backtest_hour [SECONDS [SEED]]` prints the figures and ends with 1 if a window is
neither.
"""

import asyncio
import json
import logging
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from config.desk_settings import desk_settings
from config.settings import load
from engine.clock import perf_us
from engine.core.backtest.run import Backtest, BacktestTerms
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import FeedInlet
from engine.domain.backtest import BacktestResult
from engine.domain.catalogue import Catalogue
from engine.domain.ids import EventId
from engine.domain.market import EventGroup, rules_hash
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal
from engine.domain.units import Ms
from engine.simulator.catalogue_seed import WINDOW_EVENTS
from engine.simulator.venue import Venue
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.wire import decode_books, decode_market
from storage.recording import Opened, read_recording
from tests.support import tree
from tests.support.local_exchange import running_exchange
from tests.support.recorded_hour import record_run


@dataclass
class Opening:
    """One window as the exchange had it."""

    slug: str
    opened_ms: int
    closed_ms: int


@dataclass
class Watcher:
    """Takes down when the exchange's windows open and close."""

    openings: list[Opening] = field(default_factory=list)
    _open: dict[str, Opening] = field(default_factory=dict)

    def look(self, venue: Venue) -> None:
        now_ms = venue.clock.now_ms()
        for slug in WINDOW_EVENTS:
            if venue.flow.windows.is_open(slug):
                if slug not in self._open:
                    self._open[slug] = Opening(slug, now_ms, now_ms)
                    self.openings.append(self._open[slug])
                self._open[slug].closed_ms = now_ms
            else:
                self._open.pop(slug, None)


class Explained(Backtest):
    """A backtest that also takes down every refusal with its time."""

    def __init__(self, terms: BacktestTerms) -> None:
        super().__init__(terms)
        self.refusals: dict[EventId, list[tuple[Ms, Refusal]]] = {}

    def _plan(self, event: EventGroup) -> Plan | Refusal:
        planned = super()._plan(event)
        if isinstance(planned, Refusal):
            self.refusals.setdefault(event.event_id, []).append((self._at_ms, planned))
        return planned


@dataclass
class Hour:
    """What came of it."""

    openings: list[Opening]
    found: int
    explained: Counter[str]
    lost: list[Opening]
    result: BacktestResult
    inputs: int
    backtest_ms: int


async def events_of(seed: int) -> tuple[EventGroup, ...]:
    """The exchange's catalogue as a desk reads it."""
    http = HttpClient()
    async with running_exchange(seed=seed) as exchange:
        try:
            hosts = VenueHosts.loopback(exchange.url, exchange.ws_url)
            catalogue = await VenueReads(http, hosts, {}).read_catalogue()
        finally:
            await http.close()
    assert isinstance(catalogue, Catalogue), catalogue
    return catalogue.events


async def lived(folder: Path, *, seconds: int, seed: int) -> Hour:
    """Record, test twice over the recording's own time, and compare with the exchange's windows."""
    watcher = Watcher()
    live = await record_run(folder, seconds=seconds, seed=seed, on_step=watcher.look)
    events = await events_of(seed)
    began = perf_us()
    backtest = explained(live.files, events)
    result = backtest.finish()
    took_ms = (perf_us() - began) // 1000
    by_slug = {event.slug: event.event_id for event in events}
    found, lost, why = 0, [], Counter[str]()
    for opening in watcher.openings:
        event_id = by_slug[opening.slug]
        if any(
            episode.event.event_id == event_id
            and episode.opened_ms <= opening.closed_ms
            and episode.closed_ms >= opening.opened_ms
            for episode in result.episodes
        ):
            found += 1
            continue
        reasons = [
            refusal.kind.value
            for at_ms, refusal in backtest.refusals.get(event_id, [])
            if opening.opened_ms <= at_ms <= opening.closed_ms
        ]
        if reasons:
            why[Counter(reasons).most_common(1)[0][0]] += 1
        else:
            lost.append(opening)
    return Hour(watcher.openings, found, why, lost, result, live.inputs, took_ms)


def explained(files: tuple[Path, ...], events: tuple[EventGroup, ...]) -> Explained:
    """Step through a recording under the settings of the example TOML."""
    settings = desk_settings(load(tree.ROOT / "config" / "service.example.toml"))
    terms = BacktestTerms(
        params=settings.dutch,
        ticket=settings.caps.ticket,
        day=settings.caps.day,
        reviewed={event.event_id: rules_hash(event) for event in events},
        latency_ms=Ms(250),
    )
    backtest = Explained(terms)
    backtest.know(events)
    for piece in read_recording(files):
        if isinstance(piece, Opened):
            if piece.fresh:
                feeds = Feeds(tokens_per_connection=piece.head.tokens_per_connection)
                backtest.begin(FeedInlet(feeds, decode_market, decode_books))
            backtest.take(piece.opening())
        elif isinstance(piece, list | tuple):
            backtest.take(piece)
    return backtest


def main() -> None:
    """Print one run."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3_600
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    logging.disable(logging.WARNING)  # every lost change is an alert, and there are hundreds
    with tempfile.TemporaryDirectory() as folder:
        hour = asyncio.run(lived(Path(folder), seconds=seconds, seed=seed))
    result = hour.result
    attempts = result.attempts
    figures = {
        "seed": seed,
        "seconds": seconds,
        "inputs": hour.inputs,
        "backtest_ms": hour.backtest_ms,
        "windows": len(hour.openings),
        "found": hour.found,
        "explained": dict(hour.explained),
        "lost": [vars(opening) for opening in hour.lost],
        "episodes": len(result.episodes),
        "planned": sum(course.planned for course in result.events),
        "looks": sum(course.looks for course in result.events),
        "attempts": len(attempts),
        "broken": sum(attempt.broken for attempt in attempts),
        "captured": sum(attempt.result for attempt in attempts),
        "available": sum(episode.available for episode in result.episodes),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    if hour.lost:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

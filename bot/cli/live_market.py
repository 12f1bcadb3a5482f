"""Live market data for a command: which markets are meant, and a feed core on their connections.

Shared by the commands that watch a venue without a desk. The catalogue is read again while they run, so that
markets which open later are watched too.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import click
import msgspec

from bot.app import socket_rules
from config.settings import Settings
from engine.clock import SystemClock
from engine.core.feed.tracked import TrackedToken
from engine.core.trading.watch import tokens_of
from engine.domain.failure import VenueFailure
from engine.metrics import Metrics
from engine.runtime.feed_runner import FeedRunner
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.market_sockets import MarketSockets
from engine.venue.market_ws import SocketRules
from engine.venue.private_calls import body_of

LOOK_S = 0.5
"""How often a command looks at its own progress."""
EVERY = click.option(
    "--every",
    "every_s",
    type=click.FloatRange(min=1),
    default=10.0,
    show_default=True,
    help="Seconds between two looks at the books.",
)
_log = logging.getLogger(__name__)


class NoMarketsError(Exception):
    """The venue cannot be read, or has nothing of what was asked for; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class MarketSource:
    """Where the markets come from."""

    reads: VenueReads
    hosts: VenueHosts
    wanted: tuple[str, ...]
    """Codes of events, condition ids, token ids; empty: all."""
    mock: bool
    """The tokens are those that `mock-ws` tells of, not a catalogue's."""
    http: HttpClient
    rules: SocketRules
    metrics: Metrics

    async def tokens(self) -> tuple[TrackedToken, ...]:
        """Return the tokens to watch; raises NoMarketsError."""
        return chosen(await (self._mocked() if self.mock else self._listed()), self.wanted)

    async def _listed(self) -> list[TrackedToken]:
        found = await self.reads.read_catalogue()
        if isinstance(found, VenueFailure):
            raise NoMarketsError(f"the catalogue could not be read: {found.reason}")
        return [
            token
            for group in found.events
            for market in group.markets
            for token in tokens_of(group.code, market)
        ]

    async def _mocked(self) -> list[TrackedToken]:
        raw = body_of(
            await self.http.request("GET", f"{self.hosts.clob}/_local/tracked"), "GET /_local/tracked"
        )
        if isinstance(raw, VenueFailure):
            raise NoMarketsError(f"expected `dutchdesk mock-ws` at {self.hosts.clob}, found: {raw.reason}")
        try:
            return msgspec.json.decode(raw, type=list[TrackedToken])
        except msgspec.DecodeError as error:
            raise NoMarketsError(f"expected the tokens of `dutchdesk mock-ws`, found: {error}") from None


def chosen(tokens: Sequence[TrackedToken], wanted: Sequence[str]) -> tuple[TrackedToken, ...]:
    """Return both tokens of every market that is meant; raises NoMarketsError naming what was not found."""
    if not wanted:
        found = tuple(tokens)
    else:
        found = tuple(token for token in tokens if names_of(token) & set(wanted))
        known = set[str]().union(*(names_of(token) for token in found))
        missing = [word for word in wanted if word not in known]
        if missing:
            codes = sorted({token.name.split(" ")[0] for token in tokens})
            raise NoMarketsError(
                f"expected codes of events, condition ids or token ids of open markets, found {missing}; "
                f"codes are {', '.join(codes) or 'none'}"
            )
    if not found:
        raise NoMarketsError("expected at least one open market, found none in the catalogue")
    return found


def names_of(token: TrackedToken) -> set[str]:
    """Return what a market can be asked for by: its event's code, its condition, either token."""
    return {token.name.split(" ")[0], token.condition_id, token.token_id, token.complement}


@asynccontextmanager
async def market_source(
    settings: Settings, hosts: VenueHosts, *, wanted: tuple[str, ...], mock: bool
) -> AsyncIterator[MarketSource]:
    """Open the way to the venue's reads, and close it in the end."""
    http = HttpClient(timeout_s=settings.relayer.timeout_s)
    try:
        rules = socket_rules(settings.feed)
        yield MarketSource(VenueReads(http, hosts, {}), hosts, wanted, mock, http, rules, Metrics())
    finally:
        await http.close()


async def watch_market(
    runner: FeedRunner,
    source: MarketSource,
    tokens: Sequence[TrackedToken],
    *,
    for_s: float | None,
    catalogue_s: int,
    on_look: Callable[[], None],
) -> None:
    """Run until cancelled or `for_s` seconds are over; `on_look` may end it by raising.

    A fault of the feed core or the sockets is raised as it is.
    """
    clock = SystemClock()
    sockets = MarketSockets(
        source.hosts.market_ws, clock, random.random, source.metrics, source.rules, decode=runner.hear
    )
    running = asyncio.create_task(runner.run(sockets, tokens), name="feed-runner")
    began_ms = read_ms = clock.now_ms()
    try:
        while for_s is None or clock.now_ms() - began_ms < for_s * 1000:
            await asyncio.wait({running}, timeout=LOOK_S)
            if running.done():
                await running
                raise NoMarketsError("every market connection was given up: feed.max_reconnects is reached")
            if clock.now_ms() - read_ms >= catalogue_s * 1000:
                read_ms = clock.now_ms()
                await _track_again(runner, source)
            on_look()
    finally:
        runner.stop()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _track_again(runner: FeedRunner, source: MarketSource) -> None:
    try:
        runner.track(await source.tokens())
    except NoMarketsError as error:
        _log.warning("the markets stay as they are: %s", error)

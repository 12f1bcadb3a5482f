"""The way of a desk's orders: the venue's, or the paper venue's. Which one is the `Outside`'s choice.

The paper path is given no address and no key: it could not send a real order.
"""

import logging
import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bot.chain_opening import opened
from bot.trading_account import trading_account
from config.settings import Settings
from engine.clock import Clock
from engine.core.spread.paper_orders import Latency
from engine.core.spread.queue_models import QueueModel
from engine.domain.units import SIZE_ONE, Ms, Usdc
from engine.metrics import Metrics
from engine.ports import MarketFeed, MarketReads, OpenChain, Relayer, UserFeed
from engine.venue.account_checks import sdk_version
from engine.venue.credentials import obtain_credentials
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import crypto_backend
from engine.venue.paper import PaperVenue
from engine.venue.paper_journal import PAPER_FILE, PaperJournal
from engine.venue.relayer import ClobRelayer
from engine.venue.user_ws import UserSocket

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OrderPath:
    """What a desk trades through."""

    relayer: Relayer
    user: UserFeed
    feed: MarketFeed
    """The market connections, as the desk is to run them."""
    market: MarketReads
    """The reads of the market, as the desk is to make them."""
    open_chain: OpenChain


@dataclass(frozen=True, slots=True)
class PathParts:
    """What the way of orders is built from."""

    settings: Settings
    hosts: VenueHosts
    private_key: str = field(repr=False)
    """Empty on paper."""
    http: HttpClient
    feed: MarketFeed
    market: MarketReads
    folder: Path
    install_secret: bytes = field(repr=False)
    clock: Clock
    metrics: Metrics


async def clob_path(parts: PathParts) -> OrderPath:
    """Return the way to the venue; raises CredentialsError, SettingsError or SlowCryptoError."""
    settings, hosts, key = parts.settings, parts.hosts, parts.private_key
    account = trading_account(settings, key)
    LOG.info("signing with %s; official client %s", crypto_backend(), sdk_version().found)
    credentials = await obtain_credentials(private_key=key, wallet=account.wallet, hosts=hosts)
    return OrderPath(
        relayer=ClobRelayer(
            http=parts.http,
            hosts=hosts,
            account=account,
            credentials=credentials,
            install_secret=parts.install_secret,
            clock=parts.clock,
        ),
        user=UserSocket(
            hosts.user_ws, credentials, clock=parts.clock, random=random.random, metrics=parts.metrics
        ),
        feed=parts.feed,
        market=parts.market,
        open_chain=partial(opened, settings, hosts, private_key=key, wallet=account.wallet),
    )


def paper_path(parts: PathParts, stack: ExitStack) -> OrderPath:
    """Return the paper venue with the folder's account, closed by `stack`; raises PaperJournalError."""
    paper = parts.settings.paper
    journal = PaperJournal(parts.folder / PAPER_FILE, balance=Usdc(paper.balance_usdc))
    stack.callback(journal.close)
    venue = PaperVenue(
        journal,
        clock=parts.clock,
        latency=Latency(place_ms=Ms(paper.place_ms), cancel_ms=Ms(paper.cancel_ms)),
        install_secret=parts.install_secret,
    )
    for model in QueueModel:
        parts.metrics.read("paper_maker_shares", model.value, partial(_shares, venue, model))
    return OrderPath(
        relayer=venue,
        user=venue,
        feed=venue.overhear(parts.feed),
        market=venue.overhear_reads(parts.market),
        open_chain=venue.chain().opened,
    )


def _shares(venue: PaperVenue, model: QueueModel) -> int:
    """Return whole shares that resting orders got, rounded down."""
    return venue.made(model) // SIZE_ONE

"""The way of a desk's orders: the venue's, or the paper venue's. Which one is the `Outside`'s choice.

The paper path is given no address and no key: it could not send a real order.
"""

import logging
import random
from contextlib import ExitStack
from dataclasses import dataclass
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
from engine.ports import MarketFeed, OpenChain, Relayer, UserFeed
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
    open_chain: OpenChain


async def clob_path(
    settings: Settings,
    *,
    hosts: VenueHosts,
    private_key: str,
    http: HttpClient,
    feed: MarketFeed,
    install_secret: bytes,
    clock: Clock,
    metrics: Metrics,
) -> OrderPath:
    """Return the way to the venue at `hosts`; raises CredentialsError, SettingsError or SlowCryptoError."""
    account = trading_account(settings, private_key)
    LOG.info("signing with %s; official client %s", crypto_backend(), sdk_version().found)
    credentials = await obtain_credentials(private_key=private_key, wallet=account.wallet, hosts=hosts)
    return OrderPath(
        relayer=ClobRelayer(
            http=http,
            hosts=hosts,
            account=account,
            credentials=credentials,
            install_secret=install_secret,
            clock=clock,
        ),
        user=UserSocket(hosts.user_ws, credentials, clock=clock, random=random.random, metrics=metrics),
        feed=feed,
        open_chain=partial(opened, settings, hosts, private_key=private_key, wallet=account.wallet),
    )


def paper_path(
    settings: Settings,
    stack: ExitStack,
    *,
    folder: Path,
    feed: MarketFeed,
    install_secret: bytes,
    clock: Clock,
    metrics: Metrics,
) -> OrderPath:
    """Return the paper venue over this feed, with the folder's account; raises PaperJournalError."""
    paper = settings.paper
    journal = PaperJournal(folder / PAPER_FILE, balance=Usdc(paper.balance_usdc))
    stack.callback(journal.close)
    latency = Latency(place_ms=Ms(paper.place_ms), cancel_ms=Ms(paper.cancel_ms))
    venue = PaperVenue(journal, clock=clock, latency=latency, install_secret=install_secret)
    for model in QueueModel:
        metrics.read("paper_maker_shares", model.value, partial(_shares, venue, model))
    return OrderPath(venue, venue, venue.overhear(feed), venue.chain().opened)


def _shares(venue: PaperVenue, model: QueueModel) -> int:
    """Return whole shares that resting orders got, rounded down."""
    return venue.made(model) // SIZE_ONE

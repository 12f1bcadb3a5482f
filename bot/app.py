"""The composition root: the only place where storage, venue, chat and runtime meet.

`run_desk` builds one desk, starts it in the order that safety demands (ledger, venue, core, chat), and takes
it down in the opposite order. It knows no mode: what differs between modes is in the `Outside` it is given.
"""

import asyncio
import logging
import random
import secrets
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from bot import __version__
from bot.admin_port import AdminPort, remove_address, write_address
from bot.agent import BotAgent
from bot.auth import Allowlist
from bot.order_path import OrderPath, PathParts, clob_path, paper_path
from bot.payload import Sealer
from bot.probes import probes_app
from bot.telegram import TelegramChat
from bot.telegram_build import TelegramSettings
from bot.trading_account import trading_account
from bot.webhook import Webhook
from config.desk_settings import desk_settings, operators_of
from config.settings import FeedSection, Settings
from engine.clock import Clock, SystemClock
from engine.core.feed.feeds import Feeds
from engine.core.state import Desk
from engine.domain.events import HostTold
from engine.domain.host import HostSign
from engine.domain.ids import TicketId
from engine.domain.order import OrderRecord
from engine.domain.ticket import Operator
from engine.domain.views import Gate
from engine.metrics import Metrics
from engine.runtime.jobs import jobs_table, start_jobs
from engine.runtime.service import Service
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import SlowCryptoError
from engine.venue.market_sockets import MarketSockets
from engine.venue.market_ws import SocketRules
from engine.venue.paper_journal import PaperJournalError
from storage.files import Storage, open_storage
from storage.health import Grade
from storage.lock import FolderLock

LOG = logging.getLogger(__name__)
READY_WITHIN_S = 30.0
PAPER_WALLET = "paper"
"""Stands in the ledger's leases where a wallet's address would."""
CRASH_LOOP_STARTS = 5
"""So many starts within ten minutes without a stop in order: the desk starts halted (reliability B 39)."""
LOG = logging.getLogger(__name__)


class NotReadyError(Exception):
    """The desk could not reconcile with its venue."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Where this desk's venue and chat are."""

    hosts: VenueHosts
    private_key: str = field(repr=False)
    """Empty in paper mode: nothing is signed."""
    telegram_url: str
    """Base URL of the Bot API without the token."""
    telegram_token: str = field(repr=False)
    webhook_url: str
    """Public address of `/tg`; empty: our own loopback listener."""
    webhook_secret: str = field(repr=False)
    """Empty: a random one, made at every start."""
    take_over: bool
    """Replace a webhook that points elsewhere."""
    on_paper: bool = False
    """Orders go to the paper venue: `hosts` is where the market is read, and nothing is sent there."""


@dataclass(frozen=True, slots=True)
class RunningDesk:
    """A desk that has reconciled and listens."""

    service: Service
    metrics: Metrics
    probes_url: str


async def run_desk(
    settings: Settings,
    lock: FolderLock,
    outside: Outside,
    *,
    use: Callable[[RunningDesk], Coroutine[None, None, None]],
) -> None:
    """Run a desk until `use` returns or the desk fails; `use` is called once the desk is ready.

    Raises what ended the desk: StoreError, CredentialsError, WebhookTaken, NotReadyError, or a broken
    invariant.
    """
    clock = SystemClock()
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        wallet = PAPER_WALLET if outside.on_paper else trading_account(settings, outside.private_key).wallet
        storage = await stack.enter_async_context(open_storage(lock, clock, wallet=wallet))
        for finding in storage.findings:
            if finding.grade is not Grade.OK:
                LOG.warning("%s: %s; %s", finding.subject, finding.found, finding.next_step)
        http = HttpClient(timeout_s=settings.relayer.timeout_s)
        stack.push_async_callback(http.close)
        listener = _bind(settings.telegram.webhook_host, settings.telegram.webhook_port)
        parts = Parts(
            settings, storage, http, outside, clock, metrics, listener.getsockname()[1], lock.folder
        )
        service, chat = await _build(parts, stack.enter_context(ExitStack()))
        starts = storage.unclean_starts + 1
        if starts >= CRASH_LOOP_STARTS:
            service.post(HostTold(clock.now_ms(), HostSign.CRASH_LOOP, starts))
        core = asyncio.create_task(service.run(), name="desk")
        stack.push_async_callback(_ended, core)
        await open_admin_port(stack, lock.folder, operators_of(settings), service, metrics)
        webhook = Webhook(
            secrets=[parts.webhook_secret], inbox=storage.inbox, desk=chat, clock=clock, metrics=metrics
        )
        await _serve(stack, webhook.app(), listener)
        probes = _bind(settings.ops.host, settings.ops.port)
        await _serve(stack, _probes(service, core, metrics), probes)
        await _until_reconciled(service, core)
        await chat.start()
        stack.push_async_callback(chat.stop)
        jobs = settings.jobs
        table = jobs_table(
            reconcile_s=jobs.reconcile_s,
            positions_s=jobs.positions_s,
            scan_s=jobs.scan_s,
            spread_s=jobs.spread_s,
            catalogue_s=jobs.catalogue_s,
            snapshots_s=jobs.snapshots_s,
        )
        scheduler = start_jobs(table, clock, service.post)
        stack.callback(scheduler.shutdown, wait=False)
        running = RunningDesk(service, metrics, f"http://{settings.ops.host}:{probes.getsockname()[1]}")
        user = asyncio.create_task(use(running), name="use")
        stack.push_async_callback(_ended, user)
        await asyncio.wait({core, user}, return_when=asyncio.FIRST_COMPLETED)
        webhook.drain()


async def open_admin_port(
    stack: AsyncExitStack,
    folder: Path,
    operators: Sequence[Operator],
    service: Service,
    metrics: Metrics,
) -> None:
    """Serve the commands that need this process; also while it starts, because a kill waits for nothing."""

    def orders_of(ticket_id: TicketId) -> tuple[OrderRecord, ...]:
        return tuple(o for o in service.desk.orders.values() if o.intent.ticket_id == ticket_id)

    port = AdminPort(service, operators, orders_of, metrics)
    listener = _bind("127.0.0.1", 0)
    await _serve(stack, port.app(), listener)
    write_address(folder, f"http://127.0.0.1:{listener.getsockname()[1]}", port.token)
    stack.callback(remove_address, folder)


@dataclass(frozen=True, slots=True)
class Parts:
    """What one desk is built from."""

    settings: Settings
    storage: Storage
    http: HttpClient
    outside: Outside
    clock: Clock
    metrics: Metrics
    webhook_port: int
    folder: Path
    """The data folder."""
    fresh_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def webhook_secret(self) -> str:
        """The secret from the settings, or one made for this start."""
        return self.outside.webhook_secret or self.fresh_secret


async def _order_path(parts: Parts, stack: ExitStack) -> OrderPath:
    outside = parts.outside
    built_from = PathParts(
        settings=parts.settings,
        hosts=outside.hosts,
        private_key=outside.private_key,
        http=parts.http,
        feed=MarketSockets(
            outside.hosts.market_ws,
            parts.clock,
            random.random,
            parts.metrics,
            socket_rules(parts.settings.feed),
        ),
        market=VenueReads(parts.http, outside.hosts, await parts.storage.store.known_codes()),
        folder=parts.folder,
        install_secret=parts.storage.install_secret,
        clock=parts.clock,
        metrics=parts.metrics,
    )
    try:
        return paper_path(built_from, stack) if outside.on_paper else await clob_path(built_from)
    except (SlowCryptoError, PaperJournalError) as error:
        raise NotReadyError(str(error)) from None


async def _build(parts: Parts, stack: ExitStack) -> tuple[Service, TelegramChat]:
    settings = parts.settings
    path = await _order_path(parts, stack)
    chats: list[TelegramChat] = []

    def connect_chat(service: Service) -> TelegramChat:
        chats.append(_chat(parts, service))
        return chats[0]

    service = Service(
        Desk(desk_settings(settings), Feeds(tokens_per_connection=settings.feed.tokens_per_connection)),
        clock=parts.clock,
        metrics=parts.metrics,
        store=parts.storage.store,
        relayer=path.relayer,
        market=path.market,
        feed=path.feed,
        user=path.user,
        folder=parts.folder,
        open_chain=path.open_chain,
        connect_chat=connect_chat,
    )
    return service, chats[0]


def socket_rules(feed: FeedSection) -> SocketRules:
    """Return what every market connection keeps to."""
    return SocketRules(
        backoff_ms=feed.backoff_ms,
        backoff_max_ms=feed.backoff_max_ms,
        max_reconnects=feed.max_reconnects,
        max_frame_bytes=feed.max_frame_bytes,
    )


def _chat(parts: Parts, service: Service) -> TelegramChat:
    outside = parts.outside
    agent = BotAgent(
        desk=service,
        allowlist=Allowlist(operators_of(parts.settings)),
        sealer=Sealer(parts.storage.install_secret),
        clock=parts.clock,
        metrics=parts.metrics,
        mode=parts.settings.mode,
        version=__version__,
    )
    return TelegramChat(
        settings=TelegramSettings(
            token=outside.telegram_token,
            webhook_url=outside.webhook_url or f"http://127.0.0.1:{parts.webhook_port}/tg",
            webhook_secret=parts.webhook_secret,
            base_url=f"{outside.telegram_url}/bot",
            take_over=outside.take_over,
        ),
        agent=agent,
        desk=service,
        inbox=parts.storage.inbox,
        clock=parts.clock,
        metrics=parts.metrics,
    )


def _bind(host: str, port: int) -> socket.socket:
    """Return a listening socket's number before anything is served on it; port 0 lets the system choose."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


async def _serve(stack: AsyncExitStack, app: web.Application, listener: socket.socket) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()


def _probes(service: Service, core: asyncio.Task[None], metrics: Metrics) -> web.Application:
    def health() -> str | None:
        return "the desk's loop has ended" if core.done() else None

    def ready() -> str | None:
        desk = service.desk
        return None if desk.gate is Gate.RUN else f"{desk.gate.value}: {desk.gate_reason}"

    return probes_app(exposition=metrics.exposition, health=health, ready=ready)


async def _until_reconciled(service: Service, core: asyncio.Task[None]) -> None:
    """Wait until the desk has read the account once; a halted desk is open for commands, not for orders."""
    deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
    while service.desk.gate is Gate.STARTING or not service.desk.events:
        if core.done():
            await core
        if asyncio.get_running_loop().time() > deadline:
            raise NotReadyError(
                f"expected to reconcile with the venue within {READY_WITHIN_S:.0f} s, found: "
                f"{service.desk.gate_reason}; {len(service.desk.events)} events read. Is the venue reachable?"
            )
        await asyncio.sleep(0.05)


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task that still runs and wait for it; raise what it raised by itself."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

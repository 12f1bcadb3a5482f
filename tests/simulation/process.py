"""One life of the desk's process: the real storage, relayer, service and jobs table on one simulated loop."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from unittest import mock

import engine.clock
import engine.runtime.host_watch
import engine.runtime.service
import storage.files
import storage.store
from engine.core.feed.feeds import Feeds
from engine.core.state import Desk, DeskSettings
from engine.domain.effects import Effect
from engine.domain.events import Event, JobDue
from engine.domain.views import Alert, TicketView, View
from engine.metrics import Metrics
from engine.runtime.jobs import JobRow
from engine.runtime.service import Service
from engine.venue.auth import ApiCredentials
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.order_body import TradingAccount
from engine.venue.relayer import ClobRelayer
from storage.files import Storage, open_storage
from tests.simulation.disk import FOLDER, Disk
from tests.simulation.host import Host, KillPath
from tests.simulation.loop import Agenda, ProcessLoop
from tests.simulation.market_feed import SimulatedFeed
from tests.simulation.network import SimulatedHttp
from tests.simulation.user_feed import SimulatedUserFeed

HOSTS = VenueHosts.loopback("http://venue", "ws://venue")
Stepped = Callable[[Desk, Event], tuple[Effect, ...]]


@dataclass
class RecordedChat:
    """What people are shown; nobody answers by themselves."""

    alerts: list[Alert] = field(default_factory=list)
    shown: int = 0

    def show_ticket(self, view: TicketView, *, aloud: bool) -> None:
        self.shown += 1

    def announce(self, view: View) -> None:
        self.shown += 1

    def raise_alert(self, alert: Alert) -> None:
        self.alerts.append(alert)


@dataclass(frozen=True)
class Surroundings:
    """What a process is started in, and what stays when it is gone."""

    agenda: Agenda
    disk: Disk
    settings: DeskSettings
    account: TradingAccount
    credentials: ApiCredentials
    host: Host
    jobs: tuple[JobRow, ...]
    rng: Random
    connect: Callable[[ProcessLoop], SimulatedHttp]
    watch: Callable[[ProcessLoop], SimulatedFeed]
    listen: Callable[[ProcessLoop], SimulatedUserFeed]
    fault: Callable[[str], None]
    """Told of every exception that nobody handled."""


class SimulatedLock:
    """Stands in for the lock of the data folder: one process lives at a time."""

    folder = FOLDER
    held = True


class Process:
    """A desk that was started; `service` is None until its ledger is open."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.loop = ProcessLoop(around.agenda, self._unhandled)  # type: ignore[abstract]
        self.feed = around.watch(self.loop)
        self.user = around.listen(self.loop)
        self.chat = RecordedChat()
        self.metrics = Metrics()
        self.service: Service | None = None
        self._main = self.loop.create_task(self._live(), name="desk")

    @property
    def over(self) -> bool:
        """Tell whether the process has ended, killed or not."""
        return self.loop.dead or self._main.done()

    @property
    def failure(self) -> BaseException | None:
        """What ended it, if that was neither a stop nor a kill."""
        return self._main.exception() if self._main.done() and not self._main.cancelled() else None

    def stop(self) -> None:
        """Ask it to end in order, as SIGTERM does."""
        self._main.cancel()

    def kill(self) -> None:
        """End it between two awaits; what it had not committed is lost."""
        self.loop.kill()
        self.feed.abandon()
        self.user.abandon()
        self._around.disk.crash()

    async def _live(self) -> None:
        lock: Any = SimulatedLock()
        async with open_storage(lock, self._around.agenda, wallet=self._around.account.wallet) as opened:
            self.service = await self._built(opened)
            for row in self._around.jobs:
                self._schedule(row, self.service)
            await self.service.run()

    async def _built(self, opened: Storage) -> Service:
        around = self._around
        http: Any = around.connect(self.loop)
        folder: Any = KillPath(around.host)
        relayer = ClobRelayer(
            http=http,
            hosts=HOSTS,
            account=around.account,
            credentials=around.credentials,
            install_secret=opened.install_secret,
            clock=around.agenda,
        )
        return Service(
            Desk(around.settings, Feeds()),
            clock=around.agenda,
            metrics=self.metrics,
            store=opened.store,
            relayer=relayer,
            market=VenueReads(http, HOSTS, await opened.store.known_codes()),
            feed=self.feed,
            user=self.user,
            folder=folder,
            connect_chat=lambda _service: self.chat,
        )

    def _schedule(self, row: JobRow, service: Service) -> None:
        def fire() -> None:
            service.post(JobDue(self._around.agenda.now_ms(), row.job))
            self.loop.call_later(row.every_s + self._around.rng.uniform(-row.jitter_s, row.jitter_s), fire)

        self.loop.call_later(row.first_s or row.every_s, fire)

    def _unhandled(self, context: dict[str, Any]) -> None:
        self._around.fault(f"{context.get('message')}: {context.get('exception')!r}")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the product's log off: a campaign provokes all of it, and what matters is checked."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def seams(
    around: Surroundings, rng: Random, loop_of: Callable[[], ProcessLoop], stepped: Stepped
) -> Iterator[None]:
    """Give the product virtual time, seeded entropy and the simulated disk for one run.

    `engine.clock` is the only module that reads time, so one replacement there is enough.
    """
    agenda, host, disk = around.agenda, around.host, around.disk
    time = mock.Mock(
        spec=["perf_counter_ns", "monotonic_ns", "time_ns"],
        perf_counter_ns=lambda: agenda.now_us * 1_000,
        monotonic_ns=lambda: agenda.now_us * 1_000,
        time_ns=host.wall_ns,
    )

    async def open_database(path: Any, durability: Any) -> Any:
        return await disk.opener(loop_of())(path, durability)

    with (
        mock.patch.object(engine.clock, "time", time),
        mock.patch.object(engine.runtime.host_watch, "shutil", host),
        mock.patch("secrets.randbits", rng.getrandbits),
        mock.patch("secrets.token_hex", lambda size=32: rng.randbytes(size).hex()),
        mock.patch("secrets.token_bytes", lambda size=32: rng.randbytes(size)),
        mock.patch.object(storage.files, "open_database", open_database),
        mock.patch.object(storage.files, "examine_start", disk.examine_start),
        mock.patch.object(storage.files, "write_anchor", disk.write_anchor),
        mock.patch.object(storage.store, "write_anchor", disk.write_anchor),
        quiet(),
        mock.patch.object(engine.runtime.service, "step", stepped),
    ):
        yield

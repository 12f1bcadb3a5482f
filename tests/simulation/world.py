"""One seed: a desk that is started, traded with, broken, killed, healed and compared with the exchange."""

import hashlib
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from unittest import mock

import engine.simulator.venue
from config.desk_settings import desk_settings
from config.settings import Settings
from engine.core.desk import step
from engine.core.state import Desk
from engine.domain.effects import Effect
from engine.domain.events import CatalogueRead, Event
from engine.domain.units import Usdc
from engine.domain.views import Gate
from engine.ports import StoreError
from engine.runtime.jobs import JobRow, jobs_table
from engine.simulator.auth import ApiKey
from engine.simulator.catalogue import Catalogue, build_catalogue
from engine.simulator.catalogue_seed import WINDOW_EVENTS
from engine.simulator.rest import RestReply, RestRequest
from engine.simulator.rest_edge import RestEdge
from engine.simulator.venue import Venue
from engine.venue.auth import ApiCredentials, attestation_signature
from engine.venue.keys import SigningKey, checksum_address
from engine.venue.order_body import TradingAccount
from engine.venue.signing import SignatureType
from tests.simulation.disk import Disk
from tests.simulation.ending import check_audit, check_evidence, compare, open_ends
from tests.simulation.host import Host
from tests.simulation.loop import Agenda, ProcessLoop
from tests.simulation.market_feed import SimulatedFeed
from tests.simulation.misfortune import Misfortune
from tests.simulation.moods import Moods
from tests.simulation.network import HEARTBEATS, Outages, SimulatedHttp, is_post
from tests.simulation.operator import Person
from tests.simulation.process import Process, Surroundings, seams
from tests.simulation.truth import Limits, Truth
from tests.simulation.user_feed import SimulatedUserFeed
from tests.simulation.weather import Fault, Weather
from tests.support.local_exchange import HARDHAT_KEY
from tests.support.running_desk import settings_with

CATALOGUE_SEED = 1
"""That of the shipped configuration: its rules are reviewed there."""
LISTED = (*WINDOW_EVENTS, "coin-index-above-100-in-december")
DEPOSIT_WALLET = checksum_address("0x" + "dd" * 20)
SECOND = 1_000_000
CALM_S = 900
"""In fair weather everything must have come to an end within this: expiry, H and the late posts of before."""
QUIET_S = 25
"""How long everything must then stay as it is: two periods of reconcile."""
PUMP_US = 100_000
TOLD_MAX = 300
"""Characters of a printed line: the effects come first, and a whole account is more than anybody reads."""
TURNS_MAX = 200_000
"""Callbacks at one instant: more is a loop that eats itself."""


@dataclass
class Report:
    """What came of one seed."""

    seed: int
    violations: list[str]
    trace: str
    events: int
    virtual_s: float
    struck: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


@cache
def shipped_settings() -> Settings:
    """Return the shipped configuration."""
    return settings_with()


def shipped_jobs() -> tuple[JobRow, ...]:
    """Return the shipped JOBS table; books are not kept, their history is nothing the checks look at."""
    jobs = shipped_settings().jobs
    return jobs_table(
        reconcile_s=jobs.reconcile_s,
        positions_s=jobs.positions_s,
        scan_s=jobs.scan_s,
        catalogue_s=jobs.catalogue_s,
        snapshots_s=0,
        spread_s=0,
    )


def small_catalogue(seed: int, **_wide: int) -> Catalogue:
    """Return three events of the exchange's catalogue: more would be time spent on market data."""
    return Catalogue(tuple(event for event in build_catalogue(seed).events if event.slug in LISTED))


def small_venue(clock: Agenda, rng: Random) -> Venue:
    """Return the local exchange with the small catalogue."""
    with mock.patch.object(engine.simulator.venue, "build_catalogue", small_catalogue):
        return Venue(
            seed=CATALOGUE_SEED,
            clock=clock,
            frames_per_s=0,
            confirm_delay_ms=rng.choice((500, 2_000, 8_000)),
            start_balance=Usdc(rng.choice((300, 1_000, 5_000)) * 1_000_000),
        )


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self._tell = tell
        self.agenda = Agenda()
        self.weather = Weather(self.rng("weather"))
        self.venue = small_venue(self.agenda, self.rng("settle"))
        self.venue.flow._rng = self.rng("flow")
        self.edge = RestEdge(self.venue)
        self.disk = Disk(self.agenda, self.rng("disk"))
        self.host = Host(self.agenda, self.rng("host"), self.weather)
        self.moods = Moods(self.agenda, self.rng("moods"), self.weather, self.venue)
        self.key = SigningKey(HARDHAT_KEY)
        choice = self.rng("limits")
        kind = choice.choice((SignatureType.EOA, SignatureType.DEPOSIT_WALLET))
        wallet = self.key.address if kind is SignatureType.EOA else DEPOSIT_WALLET
        api = self._api_key()
        account_id = self.venue.entry.account_of(api, kind.value, self.agenda.now_ms()).id
        caps = replace(
            desk_settings(shipped_settings()).caps,
            ticket=Usdc(choice.choice((60, 150, 250)) * 1_000_000),
            day=Usdc(choice.choice((250, 1_000, 5_000)) * 1_000_000),
        )
        self.truth = Truth(
            venue=self.venue,
            agenda=self.agenda,
            ledger=self.disk.ledger,
            account_id=account_id,
            limits=Limits(ticket=caps.ticket, day=caps.day),
        )
        self.around = Surroundings(
            agenda=self.agenda,
            disk=self.disk,
            settings=replace(desk_settings(shipped_settings()), caps=caps),
            account=TradingAccount(self.key, wallet, kind),
            credentials=ApiCredentials(api.owner, api.secret, api.passphrase),
            host=self.host,
            jobs=shipped_jobs(),
            rng=self.rng("jobs"),
            connect=self._connect,
            watch=self._watch,
            listen=self._listen,
            fault=lambda text: self.truth.violated("task", text),
        )
        self.person = Person(self.agenda, self.rng("person"), self.weather, tuple(WINDOW_EVENTS))
        self.misfortune = Misfortune(
            self.agenda, self.rng("misfortune"), self.weather, self.venue, self.truth
        )
        self.outages = Outages(self.agenda, self.rng("outages"))
        self.process: Process | None = None
        self.buried: list[Process] = []
        self.events = 0
        self.counts: Counter[str] = Counter()
        self._trace = hashlib.sha256()
        self._chaos = self.rng("chaos")
        self._fuse: int | None = None
        """Callbacks until the process is killed."""
        self._network = self.rng("network")
        self._feed_rng = self.rng("feed")
        self.trading = True

    def _api_key(self) -> ApiKey:
        """Obtain the desk's credentials, as its first start would."""
        stamp = self.agenda.now_ms() // 1_000
        key = self.venue.keys.create(
            {
                "POLY_ADDRESS": self.key.address,
                "POLY_TIMESTAMP": str(stamp),
                "POLY_NONCE": "0",
                "POLY_SIGNATURE": attestation_signature(self.key, stamp, 0),
            }
        )
        assert isinstance(key, ApiKey), f"expected a key, was {key}"
        return key

    def rng(self, name: str) -> Random:
        """Return a stream of randomness that depends on the seed and its name alone."""
        return Random(f"{self.seed}/{name}")

    def run(self) -> Report:
        """Live through the seed and report it."""
        entropy = self.rng("entropy")
        with seams(self.around, entropy, self._loop, self._stepped):
            try:
                self._live()
            except Exception as error:  # noqa: BLE001 - boundary: whatever it is, it is a finding
                where = traceback.extract_tb(error.__traceback__)[-1]
                self.truth.violated("simulation", f"{error!r} at {where.filename}:{where.lineno}")
            finally:
                for process in (*self.buried, *([self.process] if self.process else [])):
                    process.loop.kill()
                    process.loop.bury()
        self.disk.close()
        self.misfortune.count_settlements()
        return Report(
            seed=self.seed,
            violations=self.truth.violations,
            trace=self._trace.hexdigest(),
            events=self.events,
            virtual_s=self.agenda.now_us / SECOND,
            struck=Counter({fault.value: count for fault, count in self.weather.struck.items()}),
            counts=self.counts,
        )

    def _live(self) -> None:
        self.disk.on_commit = self._committed
        self._start()
        self.agenda.after(0, self._pump)
        self.agenda.after(3 * SECOND, self._chance)
        trading_us = self._chaos.randrange(60, 240) * SECOND
        self._until(trading_us)
        self._heal()
        self._settle()
        self._end()

    # -- time

    def _until(self, until_us: int) -> None:
        """Let everything happen that happens before a time."""
        while self.agenda.now_us < until_us and not self.truth.violations:
            self._turn(until_us)

    def _turn(self, until_us: int) -> None:
        """Run everything that is ready, then the next thing of the agenda."""
        for _ in range(TURNS_MAX):
            process = self.process
            if process is None or not process.loop.step():
                break
            if self._fuse is not None:
                self._fuse -= 1
                if self._fuse < 0:
                    self._crash()
            if process.over and process is self.process:
                self._ended(process)
        else:
            self.truth.violated("I22", f"{TURNS_MAX} callbacks at one instant")
        self.agenda.advance(until_us)

    def _pump(self) -> None:
        self.venue.advance()
        self.agenda.after(PUMP_US if self.trading else 5 * PUMP_US, self._pump)

    # -- the process

    def _loop(self) -> ProcessLoop:
        assert self.process is not None, "expected a process"
        return self.process.loop

    def _start(self) -> None:
        self.note("start")
        self.counts["starts"] += 1
        self._fuse = None
        # The gate of a process that is not there is closed.
        self.truth.gate_is(Gate.STARTING)
        self.process = Process(self.around)

    def _crash(self) -> None:
        process = self.process
        assert process is not None, "expected a process to kill"
        self.note("crash")
        self._fuse = None
        process.kill()
        self._gone(process)

    def _ended(self, process: Process) -> None:
        """Go on after a process that ended by itself or was asked to."""
        if isinstance(process.failure, StoreError) and self.disk.full:
            self.counts["starts refused, disk full"] += 1
        elif process.failure is not None:
            self.truth.violated("alive", f"the desk ended by itself: {process.failure!r}")
        self.note("ended")
        process.kill()
        self._gone(process)

    def _gone(self, process: Process) -> None:
        self.buried.append(process)
        self.process = None
        self.truth.gate_is(Gate.STARTING)
        pause_us = int(
            self._chaos.choice((0.05, 0.5, 0.5, 3, 3, 20, 70)) * SECOND * self._chaos.uniform(0.5, 1.5)
        )
        self.agenda.after(pause_us, self._restart)

    def _restart(self) -> None:
        if self.process is None:
            self._start()

    def _light_fuse(self, turns: int) -> None:
        """Let the process die within so many callbacks, if a crash strikes here."""
        if self._fuse is None and self.trading and self.weather.strikes(Fault.CRASH):
            self._fuse = self._chaos.randrange(turns)

    # -- what was seen

    def note(self, text: str) -> None:
        """Enter a line into the trace."""
        self._trace.update(f"{self.agenda.now_us} {text}\n".encode())
        if self._tell is not None:
            self._tell(f"{self.agenda.now_us / SECOND:11.6f} {text[:TOLD_MAX]}")

    def _stepped(self, desk: Desk, event: Event) -> tuple[Effect, ...]:
        """Let the core take a step and look at it from outside."""
        self.events += 1
        effects = step(desk, event)
        told = "" if isinstance(event, CatalogueRead) else repr(event)
        self.note(f"{type(event).__name__} {[type(effect).__name__ for effect in effects]} {told}")
        self.truth.gate_is(desk.gate)
        return effects

    def _committed(self) -> None:
        self.truth.committed()
        self._light_fuse(30)

    # -- the network

    def _connect(self, loop: ProcessLoop) -> SimulatedHttp:
        return SimulatedHttp(
            agenda=self.agenda,
            loop=loop,
            rng=self._network,
            weather=self.weather,
            outages=self.outages,
            arrive=self._arrive,
            leave=self._leave,
            turned_away=self.truth.turned_away,
            landed=lambda request, copies: self.truth.landed(request, copies) if is_post(request) else None,
        )

    def _watch(self, loop: ProcessLoop) -> SimulatedFeed:
        return SimulatedFeed(
            agenda=self.agenda,
            loop=loop,
            rng=self._feed_rng,
            weather=self.weather,
            stream=self.venue.market_stream,
        )

    def _listen(self, loop: ProcessLoop) -> SimulatedUserFeed:
        return SimulatedUserFeed(
            agenda=self.agenda,
            loop=loop,
            rng=self._feed_rng,
            weather=self.weather,
            stream=self.venue.user_stream,
            credentials=self.around.credentials,
        )

    def _leave(self, request: RestRequest) -> None:
        self.counts[f"{request.method} {request.path.split('/0x')[0]}"] += 1
        if is_post(request):
            self.note(f"leaves {hashlib.sha256(request.body).hexdigest()}")
            self.truth.leaving(request)
            self._light_fuse(60)
        elif request.method == "DELETE":
            self._light_fuse(60)

    def _arrive(self, request: RestRequest, *, unseen: bool) -> RestReply:
        if is_post(request):
            self.misfortune.before_post(self.truth.tokens_of(request))
        if request.path == HEARTBEATS and self.weather.strikes(Fault.HEARTBEAT_STOLEN):
            self.misfortune.beat_with(self.around.credentials.key)
        if request.method == "DELETE" and self.weather.strikes(Fault.CANCEL_RACED):
            self.misfortune.hit_resting()
        before = len(self.venue.log.entries())
        answer = self.edge.answer(request, self.edge.fate(request))
        if unseen:
            self.truth.unseen |= {entry.arrival for entry in self.venue.log.entries()[before:]}
        self.note(
            f"{request.method} {request.path} {answer.status} {hashlib.sha256(answer.body).hexdigest()}"
        )
        if request.method in ("POST", "DELETE"):
            self.truth.arrived()
        if is_post(request):
            self.misfortune.after_post()
        return answer

    # -- people and misfortune

    def _chance(self) -> None:
        """Let the person act, and misfortune now and then."""
        self.agenda.after(int(self._chaos.uniform(0.1, 1.2) * SECOND), self._chance)
        process = self.process
        if process is not None and process.service is not None and not process.over:
            self.person.act(process.service, process.loop)
        if self.trading:
            self._misfortune()

    def _misfortune(self) -> None:
        self.misfortune.happen()
        self.moods.change()
        self.host.change()
        if self.process is not None and self.weather.strikes(Fault.STOP):
            self.note("stop")
            self.process.stop()
        self._light_fuse(2_000)
        if not self.disk.full and self.weather.strikes(Fault.DISK_FULL):
            full_s = self._chaos.randrange(1, 20)
            now = self.agenda.now_ms()
            self.disk.full = True
            self.disk.full_ms.append((now, now + full_s * 1_000))
            self.agenda.after(full_s * SECOND, self._empty_disk)

    def _empty_disk(self) -> None:
        self.disk.full = False

    # -- the end

    def _heal(self) -> None:
        """Let the weather be fair from now on, and the exchange's books at rest."""
        self.note("heal")
        self.trading = False
        self._fuse = None
        self.weather.fair = True
        self.person.may_open = False
        self.disk.full = False
        self.outages.clear()
        self.moods.calm()
        self.host.calm()
        self.venue.faults.disarm(None)
        self.misfortune.tidy_up()

    def _settle(self) -> None:
        """Wait until nothing is open any more, at most so long, then whether it stays so."""
        deadline_us = self.agenda.now_us + CALM_S * SECOND
        while not self.truth.violations:
            self._until(self.agenda.now_us + 2 * SECOND)
            if not self._open_ends():
                break
            if self.agenda.now_us >= deadline_us:
                for text in self._open_ends():
                    self.truth.violated("I22", f"after {CALM_S} s of fair weather: {text}")
                return
        self._until(self.agenda.now_us + QUIET_S * SECOND)

    def _open_ends(self) -> list[str]:
        process = self.process
        if process is None or process.service is None:
            return ["the desk is not running"]
        return open_ends(process.service.desk, self.truth)

    def _end(self) -> None:
        """Compare, start once more, compare again."""
        for _ in range(2):
            process = self.process
            if self.truth.violations or process is None or process.service is None:
                return
            compare(process.service.desk, self.truth, process.metrics)
            check_audit(self.truth, self.disk.anchor)
            check_evidence(self.truth, self.disk)
            self.counts["compared"] += 1
            process.stop()
            self._until(self.agenda.now_us + SECOND)
            self._settle()
        self.counts |= self._sums()

    def _sums(self) -> Counter[str]:
        fills = self.truth.own_fills()
        return Counter(
            orders=len(self.truth.own_orders()),
            fills=len(fills),
            posts=self.truth.posts,
            asked=self.person.asked,
            refused=self.person.refused,
        )


def run_seed(seed: int, tell: Callable[[str], None] | None = None) -> Report:
    """Run one seed from beginning to end; `tell` gets every line of its trace."""
    return World(seed, tell).run()

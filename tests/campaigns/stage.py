"""A stage for campaigns: one whole desk and the local exchange under the simulation's virtual clock.

The desk is the real one (core, runtime, storage, order entry), the exchange answers through its own REST edge
and streams. Nothing happens by chance: a campaign scripts faults, other traders and the operator. Every stage
ends with the independent checker.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from unittest import mock

import engine.simulator.venue
from config.desk_settings import desk_settings
from engine.core.desk import step
from engine.core.state import Desk
from engine.domain.book import LiveBook
from engine.domain.commands import AskResume, Command, OutcomeRef, PlaceOrder
from engine.domain.effects import Effect
from engine.domain.events import Event
from engine.domain.ids import OrderId, TokenId
from engine.domain.market import Side
from engine.domain.order import OrderRecord, TimeInForce
from engine.domain.units import Price, Size, Usdc
from engine.domain.views import Alert, Gate, View
from engine.runtime.jobs import jobs_table
from engine.simulator.auth import ApiKey
from engine.simulator.ledger import ledger
from engine.simulator.rest import RestReply, RestRequest
from engine.simulator.rest_edge import RestEdge
from engine.simulator.venue import Venue
from engine.venue.auth import ApiCredentials, attestation_signature
from engine.venue.keys import SigningKey
from engine.venue.order_body import TradingAccount
from engine.venue.signing import SignatureType
from tests.campaigns.stage_network import Line, StagedHttp
from tests.checker.evidence import Evidence, Given, Row, read_views
from tests.checker.verdict import violations
from tests.simulation.disk import Disk
from tests.simulation.ending import compare
from tests.simulation.host import Host
from tests.simulation.loop import Agenda, ProcessLoop
from tests.simulation.market_feed import SimulatedFeed
from tests.simulation.network import is_post
from tests.simulation.operator import ANA, CHAT
from tests.simulation.process import Process, Surroundings, seams
from tests.simulation.truth import Limits, Truth
from tests.simulation.user_feed import SimulatedUserFeed
from tests.simulation.weather import Weather
from tests.simulation.world import CATALOGUE_SEED, shipped_settings, small_catalogue
from tests.support.local_exchange import HARDHAT_KEY

SECOND = 1_000_000
PUMP_US = 100_000
PLENTY = Usdc(10_000_000 * 1_000_000)
"""Caps and funds of a campaign: what is examined is not the caps."""
TURNS_MAX = 200_000
"""Callbacks at one instant: more is a loop that eats itself."""
Watcher = Callable[[Desk, Event], None]


class Stage:
    """One desk, one exchange, one clock."""

    def __init__(self, seed: int, *, confirm_delay_ms: int = 2_000, frames_per_s: int = 0) -> None:
        """Set it up; with `frames_per_s` the books move and windows open by themselves."""
        self.seed = seed
        self.agenda = Agenda()
        self.line = Line()
        self.weather = Weather(self.rng("weather"))
        self.weather.fair = True
        with mock.patch.object(engine.simulator.venue, "build_catalogue", small_catalogue):
            self.venue = Venue(
                seed=CATALOGUE_SEED,
                clock=self.agenda,
                frames_per_s=frames_per_s,
                confirm_delay_ms=confirm_delay_ms,
                start_balance=PLENTY,
            )
        self.edge = RestEdge(self.venue)
        self.disk = Disk(self.agenda, self.rng("disk"))
        self.watchers: list[Watcher] = []
        self.faults: list[str] = []
        """Exceptions nobody handled, and a desk that ended by itself."""
        self.alerts: list[Alert] = []
        """Of processes that are gone; those of the present one are its chat's."""
        self.process: Process | None = None
        self._buried: list[Process] = []
        self._network = self.rng("network")
        self._key = SigningKey(HARDHAT_KEY)
        api = self._api_key()
        self.account_id = self.venue.entry.account_of(api, 0, self.agenda.now_ms()).id
        self.truth = Truth(
            venue=self.venue,
            agenda=self.agenda,
            ledger=self.disk.ledger,
            account_id=self.account_id,
            limits=Limits(ticket=PLENTY, day=PLENTY),
        )
        self.around = self._surroundings(ApiCredentials(api.owner, api.secret, api.passphrase))

    def rng(self, name: str) -> Random:
        """Return a stream of randomness that depends on the seed and its name alone."""
        return Random(f"{self.seed}/{name}")

    def _surroundings(self, credentials: ApiCredentials) -> Surroundings:
        settings = desk_settings(shipped_settings())
        jobs = shipped_settings().jobs
        feeds = self.rng("feeds")
        return Surroundings(
            agenda=self.agenda,
            disk=self.disk,
            settings=replace(
                settings,
                caps=replace(settings.caps, ticket=PLENTY, day=PLENTY),
                dutch=replace(settings.dutch, max_event=PLENTY, max_total=PLENTY),
            ),
            account=TradingAccount(self._key, self._key.address, SignatureType.EOA),
            credentials=credentials,
            host=Host(self.agenda, self.rng("host"), self.weather),
            jobs=jobs_table(
                reconcile_s=jobs.reconcile_s,
                positions_s=jobs.positions_s,
                scan_s=jobs.scan_s,
                catalogue_s=jobs.catalogue_s,
                snapshots_s=0,
                spread_s=0,
            ),
            rng=self.rng("jobs"),
            connect=self._connect,
            watch=lambda loop: SimulatedFeed(
                agenda=self.agenda,
                loop=loop,
                rng=feeds,
                weather=self.weather,
                stream=self.venue.market_stream,
            ),
            listen=lambda loop: SimulatedUserFeed(
                agenda=self.agenda,
                loop=loop,
                rng=feeds,
                weather=self.weather,
                stream=self.venue.user_stream,
                credentials=credentials,
            ),
            fault=self.faults.append,
        )

    def _api_key(self) -> ApiKey:
        stamp = self.agenda.now_ms() // 1_000
        key = self.venue.keys.create(
            {
                "POLY_ADDRESS": self._key.address,
                "POLY_TIMESTAMP": str(stamp),
                "POLY_NONCE": "0",
                "POLY_SIGNATURE": attestation_signature(self._key, stamp, 0),
            }
        )
        assert isinstance(key, ApiKey), f"expected a key, was {key}"
        return key

    # -- the process

    @property
    def desk(self) -> Desk:
        """The desk of the process that lives."""
        assert self.process is not None, "expected a process"
        assert self.process.service is not None, "expected its ledger to be open"
        return self.process.service.desk

    def start(self) -> None:
        """Start a desk and wait until orders may leave and every book is proven."""
        self.begin()
        assert self.until(self._ready, 120), f"seed {self.seed}: the desk is not ready: {self._why_not()}"

    def begin(self) -> None:
        """Start a desk and wait for nothing."""
        self.process = Process(self.around)

    def _why_not(self) -> str:
        service = None if self.process is None else self.process.service
        return "no desk" if service is None else f"{service.desk.gate.value} {service.desk.gate_reason}"

    def is_up(self) -> bool:
        """Tell whether the start is over: the account was read completely."""
        service = None if self.process is None else self.process.service
        return service is not None and bool(service.desk.events) and service.desk.gate is not Gate.STARTING

    def _ready(self) -> bool:
        if not self.is_up():
            return False
        feeds = self.desk.feeds.status(self.agenda.now_ms())
        return 0 < feeds.total == feeds.live

    def crash(self) -> None:
        """Kill the process between two awaits."""
        assert self.process is not None, "expected a process to kill"
        self.process.kill()
        self._bury(self.process)

    def stop(self) -> None:
        """End the process in order."""
        assert self.process is not None, "expected a process to stop"
        process = self.process
        process.stop()
        assert self.until(lambda: process.over, 150), f"seed {self.seed}: the desk does not stop"
        process.kill()
        self._bury(process)

    def _bury(self, process: Process) -> None:
        self.alerts += process.chat.alerts
        self._buried.append(process)
        self.process = None

    def told(self) -> list[Alert]:
        """Return every alert of every process so far."""
        return [*self.alerts, *([] if self.process is None else self.process.chat.alerts)]

    # -- time

    def run_for(self, seconds: float) -> None:
        """Let everything happen that happens within so many virtual seconds."""
        until_us = self.agenda.now_us + int(seconds * SECOND)
        while self.agenda.now_us < until_us:
            self._turn(until_us)

    def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Go on until something holds; False if it does not within so many virtual seconds."""
        until_us = self.agenda.now_us + int(within_s * SECOND)
        while not condition():
            if self.agenda.now_us >= until_us:
                return False
            self._turn(until_us)
        return True

    def _turn(self, until_us: int) -> None:
        """Run everything that is ready, then the next thing of the agenda."""
        for _ in range(TURNS_MAX):
            process = self.process
            if process is None or not process.loop.step():
                break
            if process.failure is not None:
                self.faults.append(f"the desk ended by itself: {process.failure!r}")
                raise process.failure
        else:
            raise AssertionError(f"{TURNS_MAX} callbacks at one instant")
        self.agenda.advance(until_us)

    def _pump(self) -> None:
        self.venue.advance()
        self.agenda.after(PUMP_US, self._pump)

    # -- the network

    def _connect(self, loop: ProcessLoop) -> Any:
        return StagedHttp(
            agenda=self.agenda,
            loop=loop,
            rng=self._network,
            line=self.line,
            fate=self.edge.fate,
            answer=self._answer,
            leave=self._leave,
            landed=lambda request: self.truth.landed(request, 0) if is_post(request) else None,
        )

    def _leave(self, request: RestRequest) -> None:
        if is_post(request):
            self.truth.leaving(request)

    def _answer(self, request: RestRequest, fate: Any) -> RestReply:
        reply = self.edge.answer(request, fate)
        if request.method in ("POST", "DELETE"):
            self.truth.arrived()
        return reply

    # -- the operator

    def asking(self, command: Command) -> asyncio.Task[View]:
        """Begin to ask the desk as Ana does."""
        process = self.process
        assert process is not None, "expected a process"
        assert process.service is not None, "expected its ledger to be open"
        return process.loop.create_task(process.service.ask(ANA, CHAT, command), name="person")

    def ask(self, command: Command, *, within_s: float = 30) -> View:
        """Ask the desk, and wait for the answer."""
        asked = self.asking(command)
        assert self.until(asked.done, within_s), f"seed {self.seed}: no answer to {command}"
        return asked.result()

    def resume(self) -> bool:
        """Lift a halt and tripped breakers, if anything stands; True if it did."""
        if self.desk.gate is Gate.RUN:
            return False
        self.ask(AskResume(confirmed=True))
        return self.until(lambda: self.desk.gate is Gate.RUN, 60)

    def place(
        self, token: TokenId, side: Side, price: Price, size: Size, kind: TimeInForce, *, rests: bool = False
    ) -> View:
        """Ask for a single order."""
        return self.ask(PlaceOrder(OutcomeRef(token_id=token), side, price, size, kind, rests))

    def book(self, token: TokenId) -> LiveBook | None:
        """Return the desk's proven book of a token."""
        found = self.desk.feeds.live(token, self.agenda.now_ms())
        return found if isinstance(found, LiveBook) else None

    def tokens(self) -> list[TokenId]:
        """Return both tokens of every market that trades and has rules the desk may buy under."""
        reviewed = self.around.settings.reviewed
        return [
            token
            for event in self.desk.events.values()
            if event.event_id in reviewed or len(event.markets) == 1
            for market in event.markets
            if market.terms.tradable
            for token in (market.yes, market.no)
        ]

    def newest(self) -> OrderRecord:
        """Return the order that was made last."""
        return self.desk.orders[OrderId(next(reversed(list(self.truth.sent))))]

    # -- the end

    def views(self) -> dict[str, list[Row]]:
        """Return the ledger's documented views as plain rows."""
        return read_views(self.disk.ledger)

    def verdict(self, *, at_rest: bool = True) -> list[str]:
        """Return everything that the independent checker and the online checks found."""
        if at_rest:
            assert self.process is not None, "expected a desk to compare with the exchange"
            compare(self.desk, self.truth, self.process.metrics)
        anchor = self.disk.anchor
        given = Given(at_rest=at_rest, foreign=frozenset(self.truth.foreign))
        seen = Evidence(
            self.views(),
            ledger(self.venue, ""),
            given,
            None if anchor is None else (anchor.seq, anchor.hash),
        )
        return [*violations(seen), *self.truth.violations, *self.faults]


@contextmanager
def staged(seed: int, **how: Any) -> Iterator[Stage]:
    """Set a stage and start its desk; the seams of virtual time hold for the body of the block."""
    stage = Stage(seed, **how)

    def stepped(desk: Desk, event: Event) -> tuple[Effect, ...]:
        effects = step(desk, event)
        stage.truth.gate_is(desk.gate)
        for watcher in stage.watchers:
            watcher(desk, event)
        return effects

    def loop() -> ProcessLoop:
        assert stage.process is not None, "expected a process"
        return stage.process.loop

    with seams(stage.around, stage.rng("entropy"), loop, stepped):
        try:
            stage.disk.on_commit = stage.truth.committed
            stage.agenda.after(0, stage._pump)
            stage.start()
            yield stage
        finally:
            for process in (*stage._buried, *([stage.process] if stage.process else [])):
                process.loop.kill()
                process.loop.bury()
            stage.disk.close()


@dataclass
class Result:
    """What one part of a campaign came to."""

    text: str
    broken: list[str]


def played(parts: Sequence[Callable[[], Result] | None], seed: int) -> int:
    """Run the parts, print their figures and every violation; 1 if there is any."""
    broken: list[str] = []
    for part in parts:
        if part is None:
            continue
        began = time.perf_counter()
        result = part()
        broken += result.broken
        sys.stdout.write(f"{result.text}\n  {time.perf_counter() - began:.1f} s of real time\n")
        sys.stdout.flush()
    sys.stdout.writelines(f"{line}\n" for line in broken)
    sys.stdout.write(f"{len(broken)} violations (checker: I1 to I9, I12, I15 to I19), seed {seed}\n")
    return 1 if broken else 0


def percentile(values: list[float], share: int) -> float:
    """Return the value that `share` percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]

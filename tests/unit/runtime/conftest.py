"""One shell around a recorded core: everything performed is in `log`, everything told is in `mail`."""

from dataclasses import dataclass, field

import pytest

from engine.clock import ManualClock
from engine.domain.events import Event
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate, View
from engine.metrics import Metrics
from engine.runtime.chain_desk import ChainDesk
from engine.runtime.history import History
from engine.runtime.last_gate import LastGate, Outlook
from engine.runtime.order_desk import OrderDesk
from engine.runtime.perform import Hands
from engine.runtime.reads import Reads
from engine.runtime.supervise import TaskSet
from engine.runtime.timers import Timers
from engine.runtime.unsaved import Unsaved
from tests.support.builders import usdc
from tests.support.fake_chain import FakeChain
from tests.support.fake_ports import FakeChat, FakeFeed, FakeReads, FakeRelayer, FakeStore, Log


@dataclass
class Shell:
    """The hands of a desk, with fakes at every port."""

    log: Log = field(default_factory=list)
    mail: list[Event] = field(default_factory=list)
    answered: dict[int, View] = field(default_factory=dict)
    gate_open: bool = True
    stopping: bool = False
    venue: VenueState = VenueState.RUN

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.metrics = Metrics()
        self.relayer = FakeRelayer(self.log)
        self.store = FakeStore(self.log)
        self.market = FakeReads()
        self.feed = FakeFeed()
        self.chat = FakeChat(self.log)
        self.tasks = TaskSet(self.metrics)
        self.timers = Timers(self.clock, self.mail.append)
        self.last_gate = LastGate(
            self.relayer.submit,
            look=lambda: Outlook(Gate.RUN if self.gate_open else Gate.HALTED, "killed", self.venue),
            clock=self.clock,
            post=self.mail.append,
            order_max=usdc(500),
        )
        self.unsaved = Unsaved()
        self.orders = OrderDesk(
            relayer=self.relayer,
            store=self.store,
            clock=self.clock,
            metrics=self.metrics,
            tasks=self.tasks,
            post=self.mail.append,
            last_gate=self.last_gate,
            unsaved=self.unsaved,
        )
        self.chain = FakeChain(self.log)
        self.acts = self._acts()
        self.reads = self._reads()
        self.history = History(
            store=self.store,
            clock=self.clock,
            tasks=self.tasks,
            post=self.mail.append,
            stopping=lambda: self.stopping,
        )
        self.hands = Hands(
            clock=self.clock,
            metrics=self.metrics,
            store=self.store,
            feed=self.feed,
            chat=self.chat,
            timers=self.timers,
            orders=self.orders,
            chain=self.acts,
            reads=self.reads,
            history=self.history,
            answer=self.answered.__setitem__,
            post=self.mail.append,
            unsaved=self.unsaved,
        )

    def _acts(self) -> ChainDesk:
        return ChainDesk(
            open_chain=self.chain.opened,
            store=self.store,
            clock=self.clock,
            metrics=self.metrics,
            tasks=self.tasks,
            post=self.mail.append,
        )

    def _reads(self) -> Reads:
        return Reads(
            relayer=self.relayer,
            market=self.market,
            store=self.store,
            clock=self.clock,
            metrics=self.metrics,
            tasks=self.tasks,
            post=self.mail.append,
        )

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.mail if isinstance(event, kind)]


@pytest.fixture
async def shell():
    made = Shell()
    yield made
    made.timers.stop()
    for gate in (
        made.relayer.let_submit,
        made.relayer.let_cancel,
        made.relayer.let_read,
        made.relayer.let_look_up,
    ):
        gate.set()
    await made.tasks.drain(1)

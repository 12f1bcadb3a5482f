"""The service around its core: the account's stream, the kill file, and ends in the middle of a send."""

import asyncio

import pytest

from engine.core.gate import Held
from engine.domain.commands import Press
from engine.domain.failure import PostClass
from engine.domain.gate import Breaker, Hold
from engine.domain.ticket import Move
from engine.domain.views import Gate
from engine.runtime.kill_file import KILL_FILE
from engine.runtime.service import MAILBOX_MAX, Service
from tests.support.builders import BEN
from tests.support.fake_ports import FakeReads, named, settled
from tests.unit.runtime.test_service import BEN_CHAT, Running, armed


class FakeUserFeed:
    """The account's stream, whose messages and link the test gives by hand."""

    def __init__(self) -> None:
        self.running = asyncio.Event()

    async def run(self, on_told, on_link):
        self.on_told, self.on_link = on_told, on_link
        self.running.set()
        await asyncio.Event().wait()


class Watched(Running):
    """A service with a user stream and a data folder."""

    def __init__(self, folder=None) -> None:
        self.user = FakeUserFeed()
        self.folder = folder
        super().__init__()

    who = BEN, BEN_CHAT

    async def ready_or_halted(self) -> "Watched":
        await settled(lambda: self.desk.gate is not Gate.STARTING)
        return self

    def make(self, group) -> Service:
        return Service(
            self.desk,
            clock=self.clock,
            metrics=self.metrics,
            store=self.store,
            relayer=self.relayer,
            market=FakeReads(catalogue=(group,)),
            feed=self.feed,
            user=self.user,
            folder=self.folder,
            connect_chat=lambda _service: self.chat,
        )


@pytest.fixture
async def watched(tmp_path):
    made = await Watched(tmp_path).ready()
    yield made
    await made.end()


async def test_a_stream_that_never_connects_closes_the_gate_and_its_link_opens_it(watched):
    await watched.user.running.wait()
    await settled(lambda: watched.desk.stream_lost_ms is not None)
    watched.clock.advance(10_000)
    watched.service._timers.set("blind", watched.clock.now_ms())
    for _ in range(5):
        await asyncio.sleep(0.002)
    assert Hold.BLIND in watched.desk.standing.holds

    watched.user.on_link(True)
    await settled(lambda: watched.desk.gate is Gate.RUN)


async def test_a_hold_keeps_back_what_reduces_too(watched):
    standing = watched.desk.standing
    standing.tripped[Breaker.REJECTS] = "five"
    assert watched.service._outlook().gate is Gate.REDUCING

    standing.holds[Hold.BLIND] = Held("the user stream is blind")

    assert watched.service._outlook().gate is Gate.PAUSED


async def test_without_a_stream_nothing_is_blind(watched):
    plain = await Running().ready()
    assert plain.desk.stream_lost_ms is None
    await plain.end()


async def test_messages_of_the_stream_are_never_dropped_a_full_mailbox_ends_the_desk(watched):
    await watched.user.running.wait()
    with pytest.raises(AssertionError, match="waiting events"):
        _flood(watched)

    with pytest.raises(AssertionError, match="waiting events"):
        await asyncio.wait_for(watched.task, 10)
    assert "cancel_all" in named(watched.log)
    assert watched.desk.gate is Gate.HALTED


def _flood(watched):
    for _ in range(MAILBOX_MAX + 1):
        watched.user.on_told((), ())


async def test_the_kill_file_halts_cancels_and_is_stored(tmp_path):
    watched = await Watched(tmp_path).ready()
    (tmp_path / KILL_FILE).touch()
    again = await Watched(tmp_path).ready_or_halted()

    await settled(lambda: "cancel_all" in named(again.log) and again.store.halted is not None)
    assert again.desk.gate is Gate.HALTED
    assert again.store.halted == "killed by kill file"
    await watched.end()
    await again.end()


async def test_a_send_that_is_cancelled_under_way_is_booked_as_unknown(watched):
    name = await armed(watched)
    watched.relayer.let_submit.clear()
    await watched.ask(Press(name, Move.SEND, 2, 77))
    await settled(watched.relayer.submitted.is_set)
    (sending,) = [task for task in asyncio.all_tasks() if task.get_name() == "submit"]

    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)

    (report,) = watched.store.reports
    assert {told.kind for told in report.answers} == {PostClass.UNKNOWN}
    await settled(lambda: all(order.ever_unknown for order in watched.desk.orders.values()))
    watched.relayer.let_submit.set()


async def test_a_stop_during_a_commit_waits_for_it_and_posts_nothing(watched):
    name = await armed(watched)
    committing, go_on = asyncio.Event(), asyncio.Event()
    commit = watched.store.commit_batch

    async def slow(*args):
        committing.set()
        await go_on.wait()
        return await commit(*args)

    watched.store.commit_batch = slow
    pressing = asyncio.create_task(watched.service.ask(*watched.who, Press(name, Move.SEND, 2, 77)))
    await asyncio.wait_for(committing.wait(), 5)
    watched.task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(watched.task, pressing, return_exceptions=True)

    assert "commit_batch" in named(watched.log)
    assert "submit" not in named(watched.log)
    assert set(watched.store.orders) == set(watched.desk.orders), "desk and ledger know the same orders"
    assert {told.kind for told in watched.store.reports[0].answers} == {PostClass.NOT_SENT}

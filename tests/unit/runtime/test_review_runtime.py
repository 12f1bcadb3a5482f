"""Found by a second reading of the shell: a slow disk, a silent venue, an end in the middle of a POST."""

import asyncio
from typing import Any

import pytest

from engine.domain.commands import Kill, OpenDutch, Press
from engine.domain.effects import LookUpOrder
from engine.domain.events import BooksTouched, OrderLookedUp, PostAnswered
from engine.domain.failure import PostClass, VenueFailure
from engine.domain.frames import Ignored
from engine.domain.ticket import Move
from engine.domain.units import Ms
from engine.domain.views import Gate
from engine.runtime.service import MAILBOX_MAX
from tests.support.batches import batch, rests
from tests.support.builders import BEN, order, order_id, shares
from tests.support.fake_ports import FakeStore, named, settled
from tests.support.gates import shut
from tests.unit.runtime.test_service import Running, armed

CONDITION = order().intent.condition_id


class SlowStore(FakeStore):
    """A ledger whose disk can be made to stand still: commits wait until it moves again."""

    def __init__(self, log=None):
        super().__init__(log)
        self.moves = asyncio.Event()
        self.moves.set()
        self.waiting = asyncio.Event()

    async def commit_batch(self, claim, ticket, plan, orders):
        if not self.moves.is_set():
            self.waiting.set()
        await self.moves.wait()
        return await super().commit_batch(claim, ticket, plan, orders)

    async def save_ticket(self, ticket, claim):
        if not self.moves.is_set():
            self.waiting.set()
        await self.moves.wait()
        return await super().save_ticket(ticket, claim)


@pytest.fixture
async def slow(monkeypatch):
    monkeypatch.setattr("tests.unit.runtime.test_service.FakeStore", SlowStore)
    made = await Running().ready()
    yield made
    assert isinstance(made.store, SlowStore)
    made.store.moves.set()
    await made.end()


async def turns(number=200):
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_batch_whose_commit_outlived_its_grant_is_not_posted(shell):
    """Rule 1: an unexpired grant. The disk stood still for a minute, the books of the card are long gone."""
    shell.relayer.answers = rests
    sent = batch()
    commit = shell.store.commit_batch

    async def slowly(*args):
        shell.clock.advance(60_000)
        return await commit(*args)

    shell.store.commit_batch = slowly
    await shell.orders.send(sent)
    await settled(lambda: bool(shell.told(PostAnswered)))

    assert shell.clock.now_ms() > sent.grant.expires_ms
    assert "submit" not in named(shell.log)


async def test_a_kill_does_not_wait_for_the_disk(slow):
    """Rule 6: a commit that hangs must hold back neither the gate nor cancel-all."""
    slow.store.moves.clear()
    asked = asyncio.create_task(slow.service.ask(BEN, 1002, OpenDutch("fed3", shares(10))))
    await slow.store.waiting.wait()

    killed = asyncio.create_task(slow.service.ask(BEN, 1002, Kill()))
    await turns()
    told = ("cancel_all" in named(slow.log), slow.desk.gate)
    slow.store.moves.set()
    await asyncio.gather(asked, killed)

    assert told == (True, Gate.HALTED)


async def test_books_touched_while_the_disk_stands_still_are_one_event(slow):
    """Otherwise market data fills the mailbox, and then timers and answers are lost at its bound."""
    slow.store.moves.clear()
    asked = asyncio.create_task(slow.service.ask(BEN, 1002, OpenDutch("fed3", shares(10))))
    await slow.store.waiting.wait()
    for _ in range(50):
        slow.feed.deliver(Ignored("pong"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    mail = [e for e in slow.service._mailbox if isinstance(e, BooksTouched)]
    slow.store.moves.set()
    await asked

    assert len(mail) < MAILBOX_MAX
    assert len(mail) <= 1


async def test_look_ups_of_one_order_do_not_pile_up_behind_a_silent_venue(shell):
    """The core asks again every four seconds; an outage of an hour must not end in thousands of reads."""
    shell.relayer.let_look_up.clear()
    shell.relayer.found = VenueFailure("timed out")
    for _ in range(100):
        shell.reads.look_up(LookUpOrder(order_id("one"), CONDITION, Ms(0)))
        await asyncio.sleep(0)
    shell.relayer.let_look_up.set()
    await shell.tasks.drain(1)

    assert len(named(shell.log, "look_up")) <= 2
    assert shell.told(OrderLookedUp) == []


async def test_a_post_that_fails_in_our_own_code_is_told_as_unknown(shell):
    """Bytes may have left: without an answer nobody looks for the orders until they expire."""
    shell.relayer.answers = None  # the fake's assertion stands for a fault in the client or its library
    await shell.orders.send(batch())
    await shell.tasks.drain(1)

    (told,) = shell.told(PostAnswered)
    assert {leg.kind for leg in told.answers} == {PostClass.UNKNOWN}


async def test_what_a_stop_during_a_post_leaves_resting_is_cancelled(monkeypatch):
    """E11: the section from SENDING to the outcome is drained; the rest of a plan never rests on purpose."""
    running = await Running().ready()
    name = await armed(running)
    running.relayer.let_submit.clear()
    await running.ask(Press(name, Move.SEND, 2, 77))
    await running.relayer.submitted.wait()

    running.task.cancel()
    await turns(5)
    running.relayer.let_submit.set()
    await asyncio.gather(running.task, return_exceptions=True)

    log: list[tuple[str, Any]] = running.log
    posted = next(ids for what, ids in log if what == "submit")
    cancelled = {i for what, ids in log if what == "cancel" for i in ids}
    assert cancelled == set(posted) or "cancel_all" in named(running.log)


async def test_a_ticket_whose_saving_failed_once_does_not_halt_the_desk_again(monkeypatch):
    """The disk was full for a moment, a person resumed; the card's end must not be called a second desk."""

    class StrictStore(FakeStore):
        async def save_ticket(self, ticket, claim):
            known = self.tickets.get(ticket.ticket_id)
            if claim is not None and (
                known is None or (known.state, known.version) != (claim.state, claim.version)
            ):
                return False
            return await super().save_ticket(ticket, claim)

    monkeypatch.setattr("tests.unit.runtime.test_service.FakeStore", StrictStore)
    running = await Running().ready()
    view = await running.ask(OpenDutch("fed3", shares(10)))
    name = view.ticket.ticket_id
    running.service.card_shown(name, 77)
    running.store.fail = {"save_ticket"}
    await running.ask(Press(name, Move.CONFIRM, 1, 77))
    await settled(lambda: running.desk.gate is Gate.HALTED)
    running.store.fail = set()
    shut(running.desk, Gate.RUN)  # as a resume leaves it
    running.chat.alerts.clear()

    ticket = running.desk.tickets[name]
    await running.ask(Press(name, Move.DROP, ticket.version, 77))
    await turns()
    gate, alerts = running.desk.gate, [alert.text for alert in running.chat.alerts]
    await running.end()

    assert (gate, alerts) == (Gate.RUN, [])

"""The loop around the core: one step at a time, and an end that cancels everything."""

import asyncio
from collections import Counter

import pytest

from engine.clock import ManualClock
from engine.core.feed.pulse import Pulse
from engine.core.state import Desk
from engine.domain.commands import Kill, OpenDutch, Press, ShowStatus
from engine.domain.events import BooksTouched, Job, JobDue, PostAnswered
from engine.domain.frames import Ignored, NewMarket
from engine.domain.market import EventGroup
from engine.domain.ticket import Move, TicketState
from engine.domain.views import Gate, KillView, Severity, StatusView, TicketView
from engine.metrics import Metrics
from engine.runtime.service import MAILBOX_MAX, NOTICES_MAX, Service
from tests.support.batches import rests
from tests.support.builders import ANA, BEN, accepted, event, order, set_books, shares
from tests.support.desk_run import ShownBooks, settings
from tests.support.fake_ports import FakeChat, FakeFeed, FakeReads, FakeRelayer, FakeStore, named, settled
from tests.support.feed_bench import LINE

BEN_CHAT = 1002


class Running:
    """A service on fakes, running until the test ends."""

    def __init__(self) -> None:
        self.log: list[tuple[str, object]] = []
        self.clock = ManualClock()
        self.metrics = Metrics()
        group = event()
        books = ShownBooks()
        books.shown = set_books(group, 3_000, 3_000, 3_000)
        self.desk = Desk(settings(group), books)
        self.store = FakeStore(self.log)
        self.relayer = FakeRelayer(self.log)
        self.relayer.answers = rests
        self.chat = FakeChat(self.log)
        self.feed = FakeFeed()
        self.service = self.make(group)
        self.task: asyncio.Task[None] = asyncio.create_task(self.service.run())

    def make(self, group: EventGroup) -> Service:
        return Service(
            self.desk,
            clock=self.clock,
            metrics=self.metrics,
            store=self.store,
            relayer=self.relayer,
            market=FakeReads(catalogue=(group,)),
            feed=self.feed,
            connect_chat=lambda _service: self.chat,
        )

    async def ready(self) -> "Running":
        await settled(lambda: self.desk.gate is Gate.RUN and bool(self.desk.events))
        return self

    async def ask(self, command, by=BEN):
        return await asyncio.wait_for(self.service.ask(by, BEN_CHAT, command), 5)

    async def end(self) -> None:
        self.relayer.let_submit.set()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def running():
    made = await Running().ready()
    yield made
    await made.end()


async def armed(running):
    """Open and confirm through the service, as the chat would."""
    view = await running.ask(OpenDutch("fed3", shares(10)))
    assert isinstance(view, TicketView)
    name = view.ticket.ticket_id
    running.service.card_shown(name, 77)
    await running.ask(Press(name, Move.CONFIRM, 1, 77))
    running.clock.advance(1_000)
    return name


async def test_start_restores_then_reconciles_and_opens_the_gate(running):
    assert named(running.log)[0] == "load"
    assert running.desk.gate is Gate.RUN


async def test_a_command_is_answered_with_its_own_view(running):
    both = await asyncio.gather(running.ask(ShowStatus()), running.ask(OpenDutch("fed3", shares(10))))

    assert isinstance(both[0], StatusView)
    assert isinstance(both[1], TicketView)


async def test_a_ticket_goes_from_command_to_the_venue_and_back(running):
    name = await armed(running)

    view = await running.ask(Press(name, Move.SEND, 2, 77))
    assert isinstance(view, TicketView)
    assert view.ticket.state is TicketState.SENDING
    await settled(lambda: "cancel" in named(running.log))

    steps = named(running.log, "commit_batch", "submit", "save_progress", "cancel")
    assert steps[:4] == ["commit_batch", "submit", "save_progress", "cancel"]


async def test_fifty_presses_of_one_send_place_one_batch(running):
    name = await armed(running)

    await asyncio.gather(*(running.ask(Press(name, Move.SEND, 2, 77)) for _ in range(50)))
    await settled(lambda: "submit" in named(running.log))

    assert named(running.log, "submit", "commit_batch") == ["commit_batch", "submit"]


async def test_the_card_is_shown_only_after_the_row_behind_it_is_stored(running):
    await armed(running)
    saved = named(running.log).index("save_ticket")

    assert running.store.tickets
    assert "show_ticket" not in named(running.log)[:saved]


async def test_kill_is_answered_at_once_while_a_post_hangs(running):
    running.relayer.let_submit.clear()
    name = await armed(running)
    await running.ask(Press(name, Move.SEND, 2, 77))
    await settled(running.relayer.submitted.is_set)

    view = await running.ask(Kill(), ANA)

    assert isinstance(view, KillView)
    assert view.asked == 3
    await settled(lambda: "cancel_all" in named(running.log))


async def test_a_kill_with_a_full_disk_still_cancels(running):
    running.store.fail = {"all"}

    await running.ask(Kill(), ANA)
    await settled(lambda: "cancel_all" in named(running.log))

    assert running.desk.gate is Gate.HALTED


async def test_a_full_disk_halts_the_desk_and_refuses_the_press(running):
    running.store.fail = {"all"}

    view = await running.ask(OpenDutch("fed3", shares(10)))

    assert not isinstance(view, TicketView)
    await settled(lambda: running.desk.gate is Gate.HALTED)
    assert {a.severity for a in running.chat.alerts} == {Severity.CRIT}


async def test_no_batch_leaves_when_its_commit_fails(running):
    name = await armed(running)
    running.store.fail = {"commit_batch"}

    view = await running.ask(Press(name, Move.SEND, 2, 77))

    assert isinstance(view, TicketView)
    assert view.ticket.state is TicketState.REFUSED
    await settled(lambda: running.desk.gate is Gate.HALTED)
    assert "submit" not in named(running.log)


async def test_a_broken_invariant_cancels_everything_tells_and_ends_the_desk():
    running = await Running().ready()

    running.service.post(PostAnswered(running.clock.now_ms(), (accepted(order()),)))

    with pytest.raises(KeyError):
        await asyncio.wait_for(running.task, 5)
    assert "cancel_all" in named(running.log)
    assert running.desk.gate is Gate.HALTED
    assert running.chat.alerts[-1].severity is Severity.CRIT
    assert "invariant" in running.chat.alerts[-1].text


async def test_after_a_broken_invariant_nothing_more_is_sent():
    running = await Running().ready()
    name = await armed(running)
    running.service.post(PostAnswered(running.clock.now_ms(), (accepted(order()),)))
    waiting = asyncio.create_task(running.service.ask(BEN, BEN_CHAT, Press(name, Move.SEND, 2, 77)))

    with pytest.raises(KeyError):
        await asyncio.wait_for(running.task, 5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert "submit" not in named(running.log)


async def test_frames_between_two_steps_become_one_touch(running):
    await asyncio.wait_for(running.feed.running.wait(), 5)
    seen: list[BooksTouched] = []
    post = running.service.post

    def watch(happened) -> None:
        if isinstance(happened, BooksTouched):
            seen.append(happened)
        post(happened)

    running.service.post = watch
    running.feed.link(up=True)
    for _ in range(500):
        running.feed.deliver(Ignored("best_bid_ask"))
    await settled(lambda: bool(seen))

    assert len(seen) == 1
    await settled(lambda: not running.service._mailbox)
    running.feed.deliver(Ignored("best_bid_ask"))
    await settled(lambda: len(seen) == 2)


async def test_a_flood_of_announcements_does_not_fill_the_mailbox(running):
    """One message may hold thousands of listings; an order's answer must still find room behind them."""
    await asyncio.wait_for(running.feed.running.wait(), 5)
    await settled(lambda: not running.service._mailbox)
    running.feed.link(up=True)
    listing = NewMarket(order().intent.condition_id, None, "Another one?")

    running.feed.deliver(*[listing] * (MAILBOX_MAX + 1))
    assert len(running.service._mailbox) <= NOTICES_MAX + 2
    assert isinstance(await running.ask(ShowStatus()), StatusView)

    running.feed.deliver(*[listing] * NOTICES_MAX)
    assert running.metrics.value("engine_errors", "notices") == MAILBOX_MAX + 1 - NOTICES_MAX


async def test_a_connection_given_up_is_told_with_what_to_do_and_the_desk_goes_on(running, caplog):
    feed = running.feed
    feed.on_given_up(LINE, "4 connections in a row failed, the last one: refused")
    feed.all_given_up.set()
    await settled(lambda: "every market connection is given up" in caplog.text)

    alert = running.chat.alerts[-1]
    assert (alert.severity, alert.subject) == (Severity.CRIT, "market connection 0 given up")
    assert "4 connections in a row failed" in alert.text
    assert "start the desk again" in alert.next_step
    assert isinstance(await running.ask(ShowStatus()), StatusView)
    assert running.metrics.total("service_task_errors") == 0


async def test_stopping_ends_every_task_and_timer():
    running = await Running().ready()
    before = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    await running.end()

    assert running.task.done()
    assert all(task.done() for task in before)


async def test_the_mailbox_is_bounded(running):
    due = JobDue(running.clock.now_ms(), Job.RECONCILE)
    for _ in range(MAILBOX_MAX):
        running.service.post(due)

    with pytest.raises(AssertionError, match="fewer than"):
        running.service.post(due)
    running.service._mailbox.clear()


async def test_a_scrape_counts_connections_and_markets_by_pulse(running):
    running.desk.feeds.pulses = lambda _: (Counter({Pulse.FROZEN: 2}), Counter({Pulse.QUIET: 7}))

    assert running.metrics.reading("feed_connections_by_pulse", "frozen") == 2
    assert running.metrics.reading("feed_markets_by_pulse", "quiet") == 7
    assert running.metrics.reading("feed_markets_by_pulse", "fresh") == 0

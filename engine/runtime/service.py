"""The loop around the core: one mailbox, one step at a time, effects performed in order.

Market frames do not pass the mailbox: the socket's callback gives them to the feed core at once and leaves
one conflated `BooksTouched`. If a step breaks an invariant the desk is not trusted any more: everything is
cancelled, people are told, and the process ends; the next start rebuilds the desk from storage.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from engine.clock import Clock
from engine.core.desk import step
from engine.core.exposure.risk import only_rests
from engine.core.feed.pulse import Pulse
from engine.core.state import Desk, live_orders
from engine.domain.commands import Command, Kill
from engine.domain.effects import Effect, RaiseAlert
from engine.domain.events import Asked, BooksTouched, CardShown, Event, UserLink, UserTold, VenueNotice
from engine.domain.frames import Frame
from engine.domain.ids import ConnectionId, TicketId, UserId
from engine.domain.rates import Bucket
from engine.domain.ticket import Operator, Role
from engine.domain.views import Alert, Gate, Severity, View
from engine.metrics import Metrics
from engine.ports import Chat, MarketFeed, MarketReads, OpenChain, Relayer, Store, UserFeed
from engine.runtime.chain_desk import ChainDesk
from engine.runtime.history import History
from engine.runtime.host_watch import HostWatch
from engine.runtime.kill_file import watch_kill_file
from engine.runtime.last_gate import LastGate, Outlook
from engine.runtime.order_desk import OrderDesk
from engine.runtime.perform import Hands, is_durable, perform, start
from engine.runtime.reads import Reads
from engine.runtime.supervise import TaskSet, keep_running
from engine.runtime.timers import Timers
from engine.runtime.unsaved import Unsaved

LOG = logging.getLogger(__name__)
MAILBOX_MAX = 4_096
NOTICES_MAX = 256
"""Announcements of the venue that wait at once. More are no news: the catalogue read that those ask for
begins after these have come, and a flood must not take the room of the answers to our orders."""
DRAIN_S = 10.0
KILL_FILE_HAND = Operator(UserId(0), "kill file", Role.ADMIN)
"""Who killed, when it was the file: nobody whom Telegram knows."""


class Service:
    """One running desk."""

    def __init__(
        self,
        desk: Desk,
        *,
        clock: Clock,
        metrics: Metrics,
        store: Store,
        relayer: Relayer,
        market: MarketReads,
        feed: MarketFeed,
        user: UserFeed | None = None,
        folder: Path | None = None,
        open_chain: OpenChain | None = None,
        connect_chat: Callable[["Service"], Chat],
    ) -> None:
        """Take the ports; `connect_chat` makes the chat, which in turn asks this service.

        Without `user` the account is known from reads and answers alone. With `folder`, the data folder,
        its KILL file and this machine are watched.
        Without `open_chain` acts on chain are refused.
        """
        self.desk = desk
        self._clock = clock
        self._metrics = metrics
        self._relayer = relayer
        self._feed = feed
        self._user = user
        self._folder = folder
        self._store = store
        self._mailbox: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._late: list[Effect] = []
        self._touched = self._stopping = False
        self._flooded: AssertionError | None = None
        self._notices_waiting = 0
        self._tasks = TaskSet(metrics)
        self._timers = Timers(clock, self.post)
        self._waiting: dict[int, asyncio.Future[View]] = {}
        self._request = 0
        self._chat = connect_chat(self)
        unsaved = Unsaved()
        self._hands = Hands(
            clock=clock,
            metrics=metrics,
            store=store,
            feed=feed,
            chat=self._chat,
            timers=self._timers,
            orders=self._orders(relayer, unsaved),
            chain=self._chain(open_chain),
            reads=self._reads(market),
            history=self._history(),
            answer=self._answer,
            post=self.post,
            unsaved=unsaved,
        )

    def _reads(self, market: MarketReads) -> Reads:
        return Reads(
            relayer=self._relayer,
            market=market,
            store=self._store,
            clock=self._clock,
            metrics=self._metrics,
            tasks=self._tasks,
            post=self.post,
        )

    def _chain(self, open_chain: OpenChain | None) -> ChainDesk:
        return ChainDesk(
            open_chain=open_chain,
            store=self._store,
            clock=self._clock,
            metrics=self._metrics,
            tasks=self._tasks,
            post=self.post,
        )

    def _history(self) -> History:
        return History(
            store=self._store,
            clock=self._clock,
            tasks=self._tasks,
            post=self.post,
            stopping=lambda: self._stopping,
        )

    def _orders(self, relayer: Relayer, unsaved: Unsaved) -> OrderDesk:
        last_gate = LastGate(
            relayer.submit,
            look=self._outlook,
            clock=self._clock,
            post=self.post,
            order_max=self.desk.settings.caps.ticket,
        )
        return OrderDesk(
            relayer=relayer,
            store=self._store,
            clock=self._clock,
            metrics=self._metrics,
            tasks=self._tasks,
            post=self.post,
            last_gate=last_gate,
            unsaved=unsaved,
        )

    def _outlook(self) -> Outlook:
        """Tell the last gate how the desk stands; one that is stopping sends nothing more."""
        if self._stopping:
            return Outlook(Gate.HALTED, "the desk is stopping", self.desk.venue.state)
        desk = self.desk
        return Outlook(desk.standing.gate_of_sends, desk.gate_reason, desk.venue.state, only_rests(desk))

    def _tell_pulses(self) -> None:
        """Let every scrape count the pulses of connections and markets."""

        def count(which: int, pulse: Pulse) -> int:
            return self.desk.feeds.pulses(self._clock.now_ms())[which][pulse]

        for pulse in Pulse:
            self._metrics.read("feed_connections_by_pulse", pulse.value, partial(count, 0, pulse))
            self._metrics.read("feed_markets_by_pulse", pulse.value, partial(count, 1, pulse))

    def _tell_tokens(self) -> None:
        """Let every scrape ask what the venue's rate buckets still hold."""

        def left(bucket: Bucket) -> int:
            return self.desk.rates.remaining(bucket, self._clock.now_ms())

        for bucket in Bucket:
            self._metrics.read("relayer_tokens_remaining", bucket.value, partial(left, bucket))

    def post(self, event: Event) -> None:
        """Put an event into the mailbox; asserts that it is bounded. Strangers fill a part of it only."""
        if isinstance(event, VenueNotice):
            if self._notices_waiting >= NOTICES_MAX:
                self._metrics.count("engine_errors", "notices")
                return
            self._notices_waiting += 1
        if len(self._mailbox) >= MAILBOX_MAX:
            # Fills are never dropped: a desk that cannot keep up ends, whoever brought the last event.
            self._flooded = AssertionError(f"expected fewer than {MAILBOX_MAX} waiting events")
            self._wake.set()
            raise self._flooded
        self._mailbox.append(event)
        self._wake.set()

    async def run(self) -> None:
        """Restore, then step until cancelled; what is under way is ended in order before it returns."""
        self._tell_pulses()
        self._tell_tokens()
        self.post(await self._store.load(self._clock.now_ms(), tuple(self.desk.settings.reviewed)))
        watching = [
            asyncio.create_task(keep_running(name, work, self._metrics), name=name)
            for name, work in self._watches()
        ]
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._step_in_full()
        except asyncio.CancelledError:
            await self._wind_down()
            raise
        except Exception as error:
            # boundary: a broken invariant ends the desk, after everything that rests is cancelled.
            LOG.exception("the desk stops: an invariant is broken")
            await self._last_rites(error)
            raise
        finally:
            self._timers.stop()
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await self._tasks.drain(DRAIN_S)

    def _watches(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """Return what is kept running beside the loop, by name."""
        watches: list[tuple[str, Callable[[], Awaitable[None]]]] = [("feed", self._run_feed)]
        if self._user is not None:
            watches.append(("user", partial(self._run_user, self._user)))
        if self._folder is not None:
            host = HostWatch(
                clock=self._clock, post=self.post, commits=self._hands.commits, folder=self._folder
            )
            killing = partial(
                watch_kill_file,
                self._folder,
                halted=lambda: self.desk.gate is Gate.HALTED,
                kill=self._kill_by_file,
            )
            watches += [("host", host.run), ("kill file", killing)]
        return watches

    async def _run_user(self, user: UserFeed) -> None:
        # Until its first word it is away: otherwise a desk whose stream never connects would trade.
        self.post(UserLink(self._clock.now_ms(), up=False))
        await user.run(
            lambda orders, trades: self.post(UserTold(self._clock.now_ms(), orders, trades)),
            lambda up: self.post(UserLink(self._clock.now_ms(), up)),
        )

    def _kill_by_file(self) -> None:
        self._request += 1
        now = self._clock.now_ms()
        self._at_once(Asked(now, self._request, KILL_FILE_HAND, 0, Kill(), entropy=0))

    async def _step_in_full(self) -> None:
        """Step through the mailbox; a stop waits for the step under way, which may be inside a commit."""
        working = asyncio.create_task(self._step_all(), name="steps")
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            self._stopping = True
            await working
            raise

    async def _step_all(self) -> None:
        """Step through the mailbox; what a kill left to be stored comes first."""
        while self._mailbox or self._late or self._flooded:
            if self._flooded is not None:
                raise self._flooded
            if self._late:
                effects, self._late = self._late, []
            else:
                event = self._mailbox.popleft()
                self._touched = self._touched and not isinstance(event, BooksTouched)
                self._notices_waiting -= isinstance(event, VenueNotice)
                effects = list(step(self.desk, event))
            await perform(self._hands, effects)

    async def _wind_down(self) -> None:
        """End in order: nothing new leaves, what was posted is answered and booked, the rest is cancelled."""
        self._stopping = True
        await self._tasks.settle(DRAIN_S)
        await self._step_all()
        unfinished = tuple(order.order_id for order in live_orders(self.desk))
        if unfinished:
            self._hands.orders.cancel(unfinished)
        await self._tasks.settle(DRAIN_S)
        await self._step_all()

    async def _last_rites(self, error: Exception) -> None:
        alert = Alert(
            key="invariant",
            severity=Severity.CRIT,
            subject="the desk stops",
            text=f"an invariant is broken: {type(error).__name__}; every order is being cancelled",
            next_step="start the desk again: it rebuilds from its ledger and reconciles before trading",
        )
        self.desk.standing.halted = alert.text
        self._chat.raise_alert(alert)
        await self._relayer.cancel_all()

    async def _run_feed(self) -> None:
        await self._feed.run(self._on_frames, self._on_link, self._on_given_up)
        LOG.error("every market connection is given up: no book is live until the desk is started again")

    def _on_given_up(self, connection: ConnectionId, why: str) -> None:
        alert = Alert(
            key=f"given up:{connection}",
            severity=Severity.CRIT,
            subject=f"market connection {connection} given up",
            text=f"expected market data, found that {why}; its markets stay down, nothing is planned on them",
            next_step="see whether the venue can be reached, then start the desk again; with "
            "feed.max_reconnects = 0 it never gives up",
        )
        start(self._hands, RaiseAlert(alert))

    def _on_frames(self, connection: ConnectionId, frames: tuple[Frame, ...]) -> None:
        now = self._clock.now_ms()
        for frame in frames:
            for effect in self.desk.feeds.apply(connection, frame, now):
                start(self._hands, effect)
        self._touch()

    def _on_link(self, connection: ConnectionId, up: bool) -> None:  # noqa: FBT001 - the port's callback
        for effect in self.desk.feeds.link(connection, up=up, at_ms=self._clock.now_ms()):
            start(self._hands, effect)
        self._touch()

    def _touch(self) -> None:
        """Leave one BooksTouched for however many frames came since the last one was taken out."""
        if not self._touched:
            self._touched = True
            self.post(BooksTouched(self._clock.now_ms(), self.desk.feeds.sequence))

    async def ask(self, operator: Operator, chat_id: int, command: Command) -> View:
        """Carry out an operator's command and return what it is answered with; the caller bounds the wait."""
        self._request += 1
        request = self._request
        future: asyncio.Future[View] = asyncio.get_running_loop().create_future()
        self._waiting[request] = future
        asked = Asked(self._clock.now_ms(), request, operator, chat_id, command, entropy=secrets.randbits(62))
        if isinstance(command, Kill):
            self._at_once(asked)
        else:
            self.post(asked)
        try:
            return await future
        finally:
            self._waiting.pop(request, None)

    def _at_once(self, event: Asked) -> None:
        """Step now, whatever the loop waits for: a kill waits behind nothing, not even a slow disk.

        What has to be stored is performed by the loop before its next event.
        """
        for effect in step(self.desk, event):
            if is_durable(effect):
                self._late.append(effect)
            else:
                start(self._hands, effect)
        self._wake.set()

    def _answer(self, request: int, view: View) -> None:
        future = self._waiting.get(request)
        if future is not None and not future.done():
            future.set_result(view)

    def card_shown(self, ticket_id: TicketId, message_id: int) -> None:
        """Tell the core which message carries a ticket's card."""
        self.post(CardShown(self._clock.now_ms(), ticket_id, message_id))

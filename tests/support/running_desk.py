"""A whole desk without Telegram: real storage, real order entry, a local exchange, and the offline agent.

`running_desk` is the way in. Time is real, delays are short, the exchange's books stand still.
"""

import asyncio
import random
import tomllib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bot.agent import BotAgent
from bot.app import open_admin_port, socket_rules
from bot.auth import Allowlist
from bot.card import Card, MoveAct
from bot.order_path import PathParts, clob_path, paper_path
from bot.payload import Sealer
from config.desk_settings import desk_settings, operators_of
from config.settings import Mode, Settings, parse
from engine.clock import SystemClock
from engine.core.feed.feeds import Feeds, FeedStatus
from engine.core.state import Desk
from engine.core.trading.dutch_flow import plan_now
from engine.domain.events import Job, JobDue
from engine.domain.ids import TicketId
from engine.domain.plan import Plan
from engine.domain.ticket import Move, Ticket
from engine.domain.views import Alert, Gate, TicketResult, TicketView, View
from engine.metrics import Metrics
from engine.runtime.service import Service
from engine.simulator.ledger import ledger
from engine.simulator.server import LocalExchange
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.market_sockets import MarketSockets
from storage.files import open_storage
from storage.lock import hold_folder
from tests.support.local_exchange import HARDHAT_KEY

ANA = 1001
PATIENCE_S = 60.0
"""How long a busy machine may take; a test that succeeds never waits so long."""
SEED = 1
"""The seed of the shipped configuration: its reviewed rules are those of this catalogue."""


def settings_with(mode: str = "local", **tables: dict[str, Any]) -> Settings:
    """Return the shipped configuration with some keys of some tables replaced; secrets are not needed."""
    values = tomllib.loads(files("config").joinpath("service.example.toml").read_text(encoding="utf-8"))
    values["mode"] = mode
    for table, keys in tables.items():
        values[table] = {**values.get(table, {}), **keys}
    return parse(values, source="test")


@dataclass
class RecordedChat:
    """The port to people, kept instead of shown."""

    tickets: list[tuple[TicketView, bool]] = field(default_factory=list)
    announced: list[View] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def show_ticket(self, view: TicketView, *, aloud: bool) -> None:
        self.tickets.append((view, aloud))

    def announce(self, view: View) -> None:
        self.announced.append(view)

    def raise_alert(self, alert: Alert) -> None:
        self.alerts.append(alert)


@dataclass
class RunningDesk:
    """A desk to talk to."""

    service: Service
    agent: BotAgent
    chat: RecordedChat
    metrics: Metrics
    exchange: LocalExchange
    messages: int = 100

    async def say(self, text: str) -> Card:
        """Type a line as Ana and return the card."""
        card = await self.agent.say(ANA, text)
        assert card is not None, f"expected a card for {text!r}"
        return await self._shown(card)

    async def press(self, card: Card, move: Move) -> Card:
        """Press a button of a card, as soon as it may be pressed; return the card it leads to."""
        acts = [button.act for row in card.buttons for button in row if isinstance(button.act, MoveAct)]
        act = next((act for act in acts if act.move is move), None)
        assert act is not None, f"expected a button {move.name} on: {card.plain}"
        payload = self.agent.sealer.seal(
            user_id=ANA, chat_id=ANA, ticket_id=act.ticket_id, move=act.move, version=act.version
        )
        message = self.service.desk.tickets[act.ticket_id].message_id or self.messages
        if move in (Move.SEND, Move.READ):
            await asyncio.sleep(0.85)  # the desk refuses a press on a card that nobody can have read
        tapped = await self.agent.tap(ANA, ANA, payload, message)
        assert tapped.toast is not None, "an operator's press is always answered"
        return card if tapped.card is None else await self._shown(tapped.card)

    async def _shown(self, card: Card) -> Card:
        """Play the chat's part: tell the desk which message carries the card."""
        if card.about is not None and self.ticket(card.about.ticket_id).message_id is None:
            self.messages += 1
            self.service.card_shown(card.about.ticket_id, self.messages)
            await self.until(lambda: self.ticket(card.about.ticket_id).message_id is not None)
        return card

    async def buy(self, code: str, sets: int) -> TicketId:
        """Go dry, confirm and send; return the ticket's id."""
        dry = await self.say(f"/dutch {code} {sets}")
        armed = await self.press(dry, Move.CONFIRM)
        await self.press(armed, Move.SEND)
        return ticket_of(dry)

    def ticket(self, ticket_id: TicketId) -> Ticket:
        return self.service.desk.tickets[ticket_id]

    def result(self, ticket_id: TicketId) -> TicketResult:
        """Return the newest result of a ticket that was shown unasked."""
        views = (view for view, _ in reversed(self.chat.tickets) if view.ticket.ticket_id == ticket_id)
        result = next(views).result
        assert result is not None, f"expected {ticket_id} to have been sent"
        return result

    def feeds(self) -> FeedStatus:
        """Return what the desk says of its market data."""
        return self.service.desk.feeds.status(SystemClock().now_ms())

    def all_live(self) -> bool:
        """Tell whether every watched book is proven."""
        return 0 < self.feeds().total == self.feeds().live

    def is_open(self) -> bool:
        """Tell whether orders may leave."""
        return self.service.desk.gate is Gate.RUN

    def pays(self, slug: str) -> bool:
        """Tell whether the desk would find a plan in this event now."""
        desk = self.service.desk
        group = next(group for group in desk.events.values() if group.slug == slug)
        return isinstance(plan_now(desk, group, None, SystemClock().now_ms()), Plan)

    def ledger(self) -> dict[str, Any]:
        """Return the exchange's own record of our account."""
        return ledger(self.exchange.venue, "")

    async def until(self, condition: Any, within_s: float = PATIENCE_S) -> None:
        """Wait for something the desk brings about; fails at the deadline."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():  # noqa: ASYNC110 - the desk has no event for what tests wait for
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"did not happen within {within_s} s; alerts: {[a.text for a in self.chat.alerts]}")


def ticket_of(card: Card) -> TicketId:
    """Return the ticket a card is about."""
    assert card.about is not None, f"expected a ticket, was: {card.plain}"
    return card.about.ticket_id


@asynccontextmanager
async def running_desk(
    folder: Path, exchange: LocalExchange, settings: Settings | None = None
) -> AsyncIterator[RunningDesk]:
    """Run a desk on `folder` and `exchange` until the block ends; it has reconciled, all feeds are live."""
    settings = settings or settings_with()
    clock, metrics, chat = SystemClock(), Metrics(), RecordedChat()
    async with AsyncExitStack() as stack:
        lock = stack.enter_context(hold_folder(folder))
        storage = await stack.enter_async_context(open_storage(lock, clock))
        http = HttpClient(timeout_s=1)
        stack.push_async_callback(http.close)
        hosts = VenueHosts.loopback(exchange.url, exchange.ws_url)
        parts = PathParts(
            settings=settings,
            hosts=hosts,
            private_key=HARDHAT_KEY,
            http=http,
            feed=MarketSockets(
                hosts.market_ws, clock, random.Random(1).random, metrics, socket_rules(settings.feed)
            ),
            market=VenueReads(http, hosts, await storage.store.known_codes()),
            folder=folder,
            install_secret=storage.install_secret,
            clock=clock,
            metrics=metrics,
        )
        on_paper = settings.mode is Mode.PAPER
        path = paper_path(parts, stack.enter_context(ExitStack())) if on_paper else await clob_path(parts)
        service = Service(
            Desk(desk_settings(settings), Feeds(tokens_per_connection=settings.feed.tokens_per_connection)),
            clock=clock,
            metrics=metrics,
            store=storage.store,
            relayer=path.relayer,
            market=path.market,
            feed=path.feed,
            user=path.user if on_paper else None,
            open_chain=path.open_chain,
            connect_chat=lambda _service: chat,
        )
        agent = _agent(service, settings, storage.install_secret, clock, metrics)
        running = RunningDesk(service, agent, chat, metrics, exchange)
        core = asyncio.create_task(service.run(), name="desk")
        await open_admin_port(stack, folder, operators_of(settings), service, metrics)
        try:
            async with _reconciling(service):
                await running.until(lambda: core.done() or _is_ready(service))
            yield running
        finally:
            core.cancel()
            await asyncio.wait({core})
            if not core.cancelled():
                core.result()


def _agent(
    service: Service, settings: Settings, install_secret: bytes, clock: SystemClock, metrics: Metrics
) -> BotAgent:
    return BotAgent(
        desk=service,
        allowlist=Allowlist(operators_of(settings)),
        sealer=Sealer(install_secret),
        clock=clock,
        metrics=metrics,
        mode=settings.mode,
        version="test",
    )


@asynccontextmanager
async def _reconciling(service: Service) -> AsyncIterator[None]:
    """Reconcile every second, as the row of the JOBS table would: nobody else repeats a read that failed."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(1.0)
            service.post(JobDue(SystemClock().now_ms(), Job.RECONCILE))

    repeating = asyncio.create_task(repeat(), name="reconciling")
    try:
        yield
    finally:
        repeating.cancel()


def _is_ready(service: Service) -> bool:
    desk = service.desk
    feeds = desk.feeds.status(SystemClock().now_ms())
    return desk.gate is not Gate.STARTING and 0 < feeds.total == feeds.live

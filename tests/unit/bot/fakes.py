"""Stand-ins by hand: a desk with the real ticket table, an inbox in memory, time that moves on demand, and
an in-process Bot API for the unmodified library."""

import asyncio
import heapq
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from telegram.request import BaseRequest, RequestData

from bot.agent import BotAgent
from bot.auth import Allowlist
from bot.payload import Sealer
from config.settings import Mode
from engine.clock import Clock, ManualClock
from engine.domain.commands import (
    AskApprove,
    AskCancel,
    AskMerge,
    AskReconcile,
    AskRedeem,
    AskRepair,
    AskResume,
    AskReview,
    AskWhy,
    Command,
    Kill,
    ListSpreads,
    OpenAuto,
    OpenDutch,
    OpenSpread,
    PlaceOrder,
    Press,
    ScanDutch,
    ShowStatus,
    StopAuto,
    StopSpread,
)
from engine.domain.ids import TicketId
from engine.domain.quote_views import SpreadsEndedView, SpreadsView
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import MOVES, Operator, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Usdc
from engine.domain.views import AllowancesView, GrantsEndedView, KillView, RefusalView, TicketView, View
from engine.metrics import Metrics
from tests.unit.bot.builders import (
    ANA,
    BEN,
    CHO,
    NOW,
    SECRET,
    auto_ticket,
    make_result,
    make_rules,
    make_ticket,
    repair_ticket,
    resume_ticket,
    review_ticket,
    spread_ticket,
)
from tests.unit.bot.test_golden_cards import SCAN, STATUS, WAITING


class FakeDesk:
    """A desk that decides presses by the real table, once, and remembers what it was asked."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[tuple[Operator, int, Command]] = []
        self.shown: list[tuple[TicketId, int]] = []
        self.tickets: dict[TicketId, Ticket] = {}
        self.sent = 0
        self.silent = False
        self.slow: asyncio.Event | None = None
        self._numbers = itertools.count()

    async def ask(self, operator: Operator, chat_id: int, command: Command) -> View:
        self.asked.append((operator, chat_id, command))
        await self._wait(command)
        return self._answer(operator, chat_id, command)

    def _answer(  # noqa: C901, PLR0912 - one row for each command
        self, operator: Operator, chat_id: int, command: Command
    ) -> View:
        if isinstance(command, AskApprove):
            return AllowancesView((), Usdc(3_000_000_000))
        match command:
            case ScanDutch():
                return SCAN
            case OpenDutch():
                return self._open(operator, chat_id)
            case ShowStatus() | AskReconcile():
                return STATUS
            case Kill():
                return KillView(operator, self.clock.now_ms(), asked=2, open_now=None, still_held=())
            case AskResume():
                return self._keep(replace(resume_ticket(TicketState.DRY), owner=operator, chat_id=chat_id))
            case AskReview():
                return self._review(operator, chat_id, command.code)
            case AskRepair():
                return self._keep(replace(repair_ticket(), owner=operator, chat_id=chat_id))
            case Press():
                return self._press(operator, command)
            case OpenAuto():
                opened = replace(auto_ticket(TicketState.DRY), owner=operator, chat_id=chat_id)
                return self._keep(replace(opened, subject=command.code))
            case StopAuto():
                return GrantsEndedView((), ())
            case ListSpreads():
                return SpreadsView(())
            case OpenSpread():
                return self._keep(replace(spread_ticket(TicketState.DRY), owner=operator, chat_id=chat_id))
            case StopSpread():
                return SpreadsEndedView((), 0)
            case PlaceOrder() | AskCancel() | AskWhy() | AskMerge() | AskRedeem():
                raise AssertionError(f"expected a command of the chat, was {command}")

    async def _wait(self, command: Command) -> None:
        if self.silent:
            await asyncio.Event().wait()
        if self.slow is not None and not isinstance(command, Kill):
            await self.slow.wait()
        await asyncio.sleep(0)  # like a mailbox: others may come between

    def _review(self, operator: Operator, chat_id: int, code: str) -> View:
        if not code:
            return WAITING
        return self._keep(replace(review_ticket(), owner=operator, chat_id=chat_id))

    def _open(self, operator: Operator, chat_id: int) -> TicketView:
        ticket_id = TicketId(f"T-7K2{'ABCDEFGH'[next(self._numbers) % 8]}")
        return self._keep(replace(make_ticket(owner=operator), ticket_id=ticket_id, chat_id=chat_id))

    def _keep(self, ticket: Ticket) -> TicketView:
        self.tickets[ticket.ticket_id] = ticket
        sent = ticket.state in (TicketState.DONE, TicketState.BROKEN)
        rules = make_rules() if ticket.kind is TicketKind.REVIEW else None
        return TicketView(ticket, make_result() if sent and ticket.plan else None, None, rules=rules)

    def _press(self, operator: Operator, press: Press) -> View:
        ticket = self.tickets.get(press.ticket_id)
        row = None if ticket is None else (ticket.version, ticket.message_id, ticket.owner)
        state = None if ticket is None else MOVES.get((ticket.state, press.move))
        if ticket is None or state is None or row != (press.version, press.message_id, operator):
            return RefusalView(
                "press", Refusal(RefusalKind.STALE_BUTTON, "this button is older than the ticket")
            )
        self.sent += state is TicketState.SENDING
        return self._keep(replace(ticket, state=state, version=ticket.version + 1))

    def card_shown(self, ticket_id: TicketId, message_id: int) -> None:
        self.shown.append((ticket_id, message_id))
        if ticket_id in self.tickets:
            self.tickets[ticket_id] = replace(self.tickets[ticket_id], message_id=message_id)


def make_agent(desk: FakeDesk, metrics: Metrics | None = None) -> BotAgent:
    return BotAgent(
        desk=desk,
        allowlist=Allowlist((ANA, BEN, CHO)),
        sealer=Sealer(SECRET),
        clock=desk.clock,
        metrics=metrics or Metrics(),
        mode=Mode.LOCAL,
        version="0.1.0",
    )


class MemoryInbox:
    """An inbox that keeps its rows in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[int, bytes] = {}
        self.outcomes: dict[int, str] = {}
        self.broken: Exception | None = None
        self.order: list[str] = []

    async def take(self, update_id: int, raw: bytes, at_ms: Ms) -> bool:
        if self.broken is not None:
            raise self.broken
        self.order.append(f"take {update_id}")
        if update_id in self.rows:
            return False
        self.rows[update_id] = raw
        return True

    async def settle(self, update_id: int, outcome: str) -> None:
        if self.broken is not None:
            raise self.broken
        self.outcomes[update_id] = outcome

    async def pending(self) -> list[tuple[int, bytes]]:
        return [(key, raw) for key, raw in self.rows.items() if key not in self.outcomes]


class VirtualTime:
    """A clock and a sleep that belong together; `advance` wakes sleepers in order."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    async def sleep(self, seconds: float) -> None:
        due = self.clock.now_ms() + math.ceil(seconds * 1_000)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due, next(self._numbers), future))
        await future

    async def advance(self, by_ms: int) -> None:
        target = self.clock.now_ms() + by_ms
        await settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, future = heapq.heappop(self._sleepers)
            self.clock.advance(max(0, due - self.clock.now_ms()))
            if not future.done():
                future.set_result(None)
            await settle()
        self.clock.advance(target - self.clock.now_ms())
        await settle()


async def settle() -> None:
    """Let every task that can run go as far as it can without time passing."""
    for _ in range(60):
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of the library."""

    method: str
    fields: dict[str, Any]
    at_ms: int


@dataclass(slots=True)
class Answered:
    """What the in-process Bot API says to a call: an HTTP status and a body, or an exception."""

    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None


def refused(code: int, text: str, *, retry_after: int | None = None) -> Answered:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": text}
    if retry_after is not None:
        body["parameters"] = {"retry_after": retry_after}
    return Answered(code, body)


class ApiDouble(BaseRequest):
    """The Bot API inside the process. `script` is asked first; None means that all goes well."""

    def __init__(self, clock: ManualClock) -> None:
        self.calls: list[ApiCall] = []
        self.script: Callable[[ApiCall], Answered | None] = lambda _call: None
        self.webhook_url = ""
        self._clock = clock
        self._ids = itertools.count(100)

    @property
    def read_timeout(self) -> float | None:
        return 5.0

    async def initialize(self) -> None:
        pass

    async def shutdown(self) -> None:
        pass

    async def do_request(  # noqa: PLR0917 - the library's signature
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = None,
        write_timeout: Any = None,
        connect_timeout: Any = None,
        pool_timeout: Any = None,
    ) -> tuple[int, bytes]:
        parameters = request_data.parameters if request_data is not None else {}
        call = ApiCall(url.rsplit("/", 1)[-1], dict(parameters), self._clock.now_ms())
        self.calls.append(call)
        answer = self.script(call)
        if answer is None:
            answer = Answered(200, {"ok": True, "result": self._result(call)})
        if answer.error is not None:
            raise answer.error
        return answer.status, json.dumps(answer.body).encode()

    def _result(self, call: ApiCall) -> Any:
        match call.method:
            case "getMe":
                return {"id": 1, "is_bot": True, "first_name": "Desk", "username": "desk_bot"}
            case "getWebhookInfo":
                return {"url": self.webhook_url, "has_custom_certificate": False, "pending_update_count": 0}
            case "sendMessage" | "editMessageText":
                message_id = call.fields.get("message_id") or next(self._ids)
                chat_id = call.fields["chat_id"]
                chat = {"id": chat_id, "type": "private", "first_name": "A"}
                return {"message_id": message_id, "date": NOW // 1_000, "chat": chat, "text": "x"}
            case _:
                return True

    def named(self, method: str) -> list[ApiCall]:
        return [call for call in self.calls if call.method == method]

    def texts(self, chat_id: int) -> list[str]:
        """Texts of new messages and edits in a chat."""
        shown = [call for call in self.calls if call.method in ("sendMessage", "editMessageText")]
        return [call.fields["text"] for call in shown if call.fields["chat_id"] == chat_id]

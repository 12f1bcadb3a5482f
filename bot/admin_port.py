"""The admin port of a running desk: a few POSTs on loopback, for commands that need the live process.

Who can read the 0600 file in the data folder may act: it holds the address and a token made at every start.
Answers are JSON; an error is a sentence under "error". Every act is one command of the desk's own table.
"""

import asyncio
import hmac
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.admin_answers import NAMELESS, answered, operator_named, placed
from bot.operations import DeskPort, NoAnswer, carry_out
from bot.order_words import order_of, words_of
from bot.wire import JsonObject, ShapeError, as_object, read_bool, read_str
from engine.domain.commands import AskCancel, AskReconcile, AskResume, AskWhy, Command, Kill, ShowStatus
from engine.domain.ids import OrderId, TicketId
from engine.domain.order import OrderRecord, OrderState
from engine.domain.ticket import Operator, TicketState
from engine.domain.views import TicketView, View
from engine.metrics import Metrics

ADMIN_FILE = "admin.json"
BODY_MAX = 16 * 1024
JUDGED_WITHIN_S = 15.0
"""How long a placed order is waited for: the POST, its cancel and a look-up take a few round trips."""
LOOK_EVERY_S = 0.05

Answer = tuple[int, Mapping[str, Any]]
"""HTTP status and JSON body."""


class AdminPort:
    """Serves one desk."""

    def __init__(
        self,
        desk: DeskPort,
        operators: Sequence[Operator],
        orders_of: Callable[[TicketId], tuple[OrderRecord, ...]],
        metrics: Metrics,
    ) -> None:
        """Take the desk; `orders_of` tells the orders of a ticket as they stand now."""
        self.token = secrets.token_urlsafe(32)
        self._desk = desk
        self._operators = tuple(operators)
        self._orders_of = orders_of
        self._metrics = metrics

    def app(self) -> web.Application:
        """Return the HTTP application."""
        app = web.Application(client_max_size=BODY_MAX)
        for path, handle in ROUTES.items():
            app.router.add_post(path, self._handler(handle))
        return app

    def _handler(
        self, handle: Callable[["AdminPort", JsonObject], Awaitable[Answer]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def on_post(request: web.Request) -> web.Response:
            told = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(told.encode(), self.token.encode()):
                return _response(
                    403, {"error": "expected this desk's token, found another: nothing was done"}
                )
            try:
                fields = as_object(json.loads(await request.text() or "{}"), "the body")
                status, body = await handle(self, fields)
            except (ShapeError, ValueError) as error:  # JSON that cannot be read is a ValueError, too
                status, body = 400, {"error": f"{error}; nothing was done"}
            return _response(status, body)

        return on_post

    async def kill(self, fields: JsonObject) -> Answer:
        """Halt and cancel everything; needs no operator's name, and notes one if it is told."""
        named = operator_named(self._operators, read_str(fields, "operator", ""))
        return answered(await self._ask(NAMELESS if isinstance(named, str) else named, Kill()))

    async def rearm(self, fields: JsonObject) -> Answer:
        """Tell what stands, or with `confirm` lift it through a resume ticket."""
        if not read_bool(fields, "confirm"):
            return await self.status(fields)
        command = AskResume(read_str(fields, "event", ""), confirmed=True)
        return answered(await self._ask(self._operator(fields), command))

    async def status(self, _fields: JsonObject) -> Answer:
        """Tell the dashboard's facts."""
        return answered(await self._ask(NAMELESS, ShowStatus()))

    async def reconcile(self, _fields: JsonObject) -> Answer:
        """Read the account now, and tell what the complete read held and changed."""
        return answered(await self._ask(NAMELESS, AskReconcile()))

    async def why(self, fields: JsonObject) -> Answer:
        """Tell what an event, a ticket or a plan is made of, and the guard that refused."""
        what = read_str(fields, "what", "")
        if not what:
            raise ShapeError("expected an event's code, a ticket or a plan id; found none")
        return answered(await self._ask(NAMELESS, AskWhy(what)))

    async def reset_metrics(self, _fields: JsonObject) -> Answer:
        """Set the process's counters back to zero; nothing of the desk or its ledger changes."""
        self._metrics.reset()
        return 200, {"reset": True}

    async def cancel(self, fields: JsonObject) -> Answer:
        """Cancel one order, those of an event, or all."""
        order_id, code = read_str(fields, "order", ""), read_str(fields, "event", "")
        if sum((bool(order_id), bool(code), read_bool(fields, "all"))) != 1:
            raise ShapeError("expected one of an order, an event and all; found none or several")
        command = AskCancel(OrderId(order_id) if order_id else None, code)
        return answered(await self._ask(self._operator(fields), command))

    async def place(self, fields: JsonObject) -> Answer:
        """Send one order and tell what the venue has judged so far."""
        operator = self._operator(fields)
        view = await self._ask(operator, order_of(words_of(as_object(fields.get("order"), "order"))))
        if not isinstance(view, TicketView) or view.ticket.state is TicketState.REFUSED:
            return answered(view)
        return placed(view, await self._judged(view.ticket.ticket_id))

    async def _judged(self, ticket_id: TicketId) -> tuple[OrderRecord, ...]:
        """Return the ticket's orders once the venue has judged them, or as they stand when time is over."""
        deadline = asyncio.get_running_loop().time() + JUDGED_WITHIN_S
        while True:
            orders = self._orders_of(ticket_id)
            if orders and all(_is_judged(order) for order in orders):
                return orders
            if asyncio.get_running_loop().time() > deadline:
                return orders
            await asyncio.sleep(LOOK_EVERY_S)

    def _operator(self, fields: JsonObject) -> Operator:
        named = operator_named(self._operators, read_str(fields, "operator", ""))
        if isinstance(named, str):
            raise ShapeError(named)
        return named

    async def _ask(self, operator: Operator, command: Command) -> View | NoAnswer:
        """Ask under the operator's private chat: that is where the card of a ticket belongs."""
        return await carry_out(self._desk, operator, int(operator.user_id), command)


def _is_judged(order: OrderRecord) -> bool:
    return order.state.is_final or (
        order.intent.rests and order.state in (OrderState.LIVE, OrderState.PARTIAL)
    )


ROUTES: dict[str, Callable[[AdminPort, JsonObject], Awaitable[Answer]]] = {
    "/kill": AdminPort.kill,
    "/rearm": AdminPort.rearm,
    "/status": AdminPort.status,
    "/reconcile": AdminPort.reconcile,
    "/cancel": AdminPort.cancel,
    "/why": AdminPort.why,
    "/place": AdminPort.place,
    "/metrics-reset": AdminPort.reset_metrics,
}


def write_address(folder: Path, url: str, token: str) -> None:
    """Write the way in for this user alone; a file of a desk that died is replaced."""
    path, fresh = folder / ADMIN_FILE, folder / f"{ADMIN_FILE}.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": url, "token": token, "pid": os.getpid()}, file)
    fresh.replace(path)


def remove_address(folder: Path) -> None:
    """Take the way in away at a stop."""
    with suppress(FileNotFoundError):
        (folder / ADMIN_FILE).unlink()


def _response(status: int, body: Mapping[str, Any]) -> web.Response:
    return web.json_response(dict(body), status=status)

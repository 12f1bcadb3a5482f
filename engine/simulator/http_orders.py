"""Order entry over HTTP: orders and cancels, every request logged, scripted faults applied (protocol 4)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from engine.domain.units import Ms
from engine.simulator import answers
from engine.simulator.auth import ApiKey
from engine.simulator.faults import FaultKind
from engine.simulator.order_entry import BATCH_MAX, Judged
from engine.simulator.orders import Order
from engine.simulator.refusals import (
    ENGINE_RESTARTING,
    INVALID_PAYLOAD,
    NOT_CANCELED,
    Refusal,
    too_many_orders,
)
from engine.simulator.replies import authenticate, decode, refuse
from engine.simulator.request_log import LegOutcome
from engine.simulator.venue import Venue

CANCEL_BATCH_MAX = 1_000
"""Most ids in one DELETE /orders (protocol 2.4)."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What a request led to: the answer and the verdicts for the log."""

    response: web.Response
    legs: tuple[LegOutcome, ...] = ()


def order_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes that change orders."""
    posts, cancels = OrderPosts(venue), OrderCancels(venue)
    return [
        web.post("/order", posts.one),
        web.post("/orders", posts.batch),
        web.delete("/order", cancels.one),
        web.delete("/orders", cancels.many),
        web.delete("/cancel-all", cancels.everything),
        web.delete("/cancel-market-orders", cancels.by_market),
    ]


class OrderPosts:
    """New orders. Between reading the body and logging the verdict nothing is awaited."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def one(self, request: web.Request) -> web.Response:
        """Answer POST /order: a refusal is an HTTP error."""
        return await self._serve(request, self._one)

    async def batch(self, request: web.Request) -> web.Response:
        """Answer POST /orders: legs are judged alone, refused ones travel inside HTTP 200."""
        return await self._serve(request, self._batch)

    async def _serve(self, request: web.Request, act: Callable[[ApiKey, object, Ms], _Done]) -> web.Response:
        venue = self._venue
        body = await request.read()
        now_ms = venue.now_ms()
        detail = f"{request.method} {request.path}"
        if venue.faults.strikes(FaultKind.RESTARTING, detail, now_ms):
            return self._logged(request, body, _Done(refuse(ENGINE_RESTARTING)), now_ms)
        if venue.faults.strikes(FaultKind.LOST_REQUEST, detail, now_ms):
            return self._unanswered(request, body, _Done(web.Response()), now_ms, "never processed")
        key = authenticate(venue, request, body)
        done = _Done(refuse(key)) if isinstance(key, Refusal) else act(key, decode(body), now_ms)
        if venue.faults.strikes(FaultKind.NO_ANSWER, detail, now_ms):
            response = self._unanswered(request, body, done, now_ms, "processed, not answered")
        else:
            response = self._logged(request, body, done, now_ms)
        venue.publish()
        delay_ms = venue.faults.delay_ms(detail, now_ms)
        if delay_ms:
            await asyncio.sleep(delay_ms / 1000)
        return response

    def _one(self, key: ApiKey, body: object, now_ms: Ms) -> _Done:
        judged = self._venue.entry.judge(key, body, now_ms)
        legs = (_leg_outcome(judged),)
        if isinstance(judged.outcome, Refusal):
            return _Done(refuse(judged.outcome), legs)
        return _Done(web.json_response(answers.post_answer(judged)), legs)

    def _batch(self, key: ApiKey, body: object, now_ms: Ms) -> _Done:
        if not isinstance(body, list) or not body:
            return _Done(refuse(INVALID_PAYLOAD))
        if len(body) > BATCH_MAX:
            return _Done(refuse(too_many_orders(len(body), BATCH_MAX)))
        scripted = self._venue.faults.rejects_leg(len(body), now_ms)
        judged = []
        for index, entry in enumerate(body):
            reject = scripted[1] if scripted is not None and scripted[0] == index else None
            judged.append(self._venue.entry.judge(key, entry, now_ms, reject=reject))
        legs = tuple(_leg_outcome(leg) for leg in judged)
        return _Done(web.json_response([answers.post_answer(leg) for leg in judged]), legs)

    def _logged(self, request: web.Request, body: bytes, done: _Done, now_ms: Ms) -> web.Response:
        _log(self._venue, request, body, done, now_ms)
        return done.response

    def _unanswered(
        self, request: web.Request, body: bytes, done: _Done, now_ms: Ms, note: str
    ) -> web.Response:
        """Close the connection without a byte; the answer returned here goes nowhere."""
        _log(self._venue, request, body, done, now_ms, status=0, note=note)
        if request.transport is not None:
            request.transport.abort()
        return done.response


class OrderCancels:
    """Cancels: always HTTP 200, with the ids that could not be cancelled named one by one."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def one(self, request: web.Request) -> web.Response:
        """Answer DELETE /order."""
        return await self._serve(request, self._one)

    async def many(self, request: web.Request) -> web.Response:
        """Answer DELETE /orders."""
        return await self._serve(request, self._many)

    async def everything(self, request: web.Request) -> web.Response:
        """Answer DELETE /cancel-all."""
        return await self._serve(request, self._everything)

    async def by_market(self, request: web.Request) -> web.Response:
        """Answer DELETE /cancel-market-orders."""
        return await self._serve(request, self._by_market)

    async def _serve(self, request: web.Request, act: Callable[[ApiKey, object, Ms], _Done]) -> web.Response:
        body = await request.read()
        now_ms = self._venue.now_ms()
        key = authenticate(self._venue, request, body)
        done = _Done(refuse(key)) if isinstance(key, Refusal) else act(key, decode(body), now_ms)
        _log(self._venue, request, body, done, now_ms)
        self._venue.publish()
        return done.response

    def _one(self, key: ApiKey, body: object, now_ms: Ms) -> _Done:
        order_id = body.get("orderID") if isinstance(body, dict) else None
        return self._cancel(key, [order_id], now_ms)

    def _many(self, key: ApiKey, body: object, now_ms: Ms) -> _Done:
        if not isinstance(body, list) or not 1 <= len(body) <= CANCEL_BATCH_MAX:
            return _Done(refuse(INVALID_PAYLOAD))
        return self._cancel(key, body, now_ms)

    def _everything(self, key: ApiKey, _body: object, now_ms: Ms) -> _Done:
        return self._cancel(key, [order.terms.id for order in self._open(key)], now_ms)

    def _by_market(self, key: ApiKey, body: object, now_ms: Ms) -> _Done:
        wanted = body if isinstance(body, dict) else {}
        market, asset = wanted.get("market", ""), wanted.get("asset_id", "")
        if not market and not asset:
            return _Done(refuse(INVALID_PAYLOAD))
        ids = [
            order.terms.id
            for order in self._open(key)
            if market in ("", order.terms.condition_id) and asset in ("", self._token(order))
        ]
        return self._cancel(key, ids, now_ms)

    def _token(self, order: Order) -> str:
        spec = self._venue.exchange.markets[order.terms.condition_id]
        return spec.tokens[order.terms.token_index]

    def _open(self, key: ApiKey) -> list[Order]:
        exchange = self._venue.exchange
        return [
            order
            for account in self._venue.entry.accounts_of(key)
            for order in exchange.open_orders(account.id)
        ]

    def _cancel(self, key: ApiKey, ids: Sequence[object], now_ms: Ms) -> _Done:
        """Cancel what is open and this key's own; an id named twice counts once."""
        if not all(isinstance(order_id, str) for order_id in ids):
            return _Done(refuse(INVALID_PAYLOAD))
        exchange = self._venue.exchange
        accounts = [account.id for account in self._venue.entry.accounts_of(key)]
        canceled: list[str] = []
        not_canceled: dict[str, str] = {}
        for order_id in dict.fromkeys(str(order_id) for order_id in ids):
            if any(exchange.cancel(order_id, account_id, now_ms) for account_id in accounts):
                canceled.append(order_id)
            else:
                not_canceled[order_id] = NOT_CANCELED
        legs = tuple(
            [LegOutcome(order_id, "canceled") for order_id in canceled]
            + [LegOutcome(order_id, reason) for order_id, reason in not_canceled.items()]
        )
        return _Done(web.json_response({"canceled": canceled, "not_canceled": not_canceled}), legs)


def _leg_outcome(judged: Judged) -> LegOutcome:
    if isinstance(judged.outcome, Refusal):
        return LegOutcome(judged.order_id, judged.outcome.text)
    return LegOutcome(judged.order_id, "matched" if judged.outcome.trades else "live")


def _log(
    venue: Venue,
    request: web.Request,
    body: bytes,
    done: _Done,
    now_ms: Ms,
    *,
    status: int | None = None,
    note: str = "",
) -> None:
    venue.log.append(
        at_ms=now_ms,
        address=request.headers.get("POLY_ADDRESS", "")[:42],
        method=request.method,
        path=request.path,
        body=body,
        legs=done.legs,
        status=done.response.status if status is None else status,
        note=note,
    )

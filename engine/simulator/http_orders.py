"""Order entry: orders and cancels, each with the verdicts that the request log keeps (protocol 4)."""

from collections.abc import Callable, Sequence

from engine.domain.units import Ms
from engine.simulator import answers
from engine.simulator.auth import ApiKey
from engine.simulator.faults import FaultKind
from engine.simulator.leg_faults import spoil_legs
from engine.simulator.order_batch import Entry, read_batch, read_entry
from engine.simulator.order_entry import BATCH_MAX, Judged
from engine.simulator.orders import Order
from engine.simulator.refusals import INVALID_PAYLOAD, NOT_CANCELED, Refusal, too_many_orders
from engine.simulator.replies import authenticate, decode, json_reply, refuse
from engine.simulator.request_log import LegOutcome
from engine.simulator.rest import Handler, RestReply, RestRequest, Route
from engine.simulator.venue import Venue

CANCEL_BATCH_MAX = 1_000
"""Most ids in one DELETE /orders (protocol 2.4)."""
_Act = Callable[[ApiKey, bytes, Ms], RestReply]


def order_routes(venue: Venue) -> list[Route]:
    """Return the routes that change orders."""
    posts, cancels = _OrderPosts(venue), _OrderCancels(venue)

    def private(act: _Act) -> Handler:
        def handler(request: RestRequest) -> RestReply:
            key = authenticate(venue, request)
            return refuse(key) if isinstance(key, Refusal) else act(key, request.body, venue.now_ms())

        return handler

    acts: list[tuple[str, str, _Act]] = [
        ("POST", "/order", posts.one),
        ("POST", "/orders", posts.batch),
        ("DELETE", "/order", cancels.one),
        ("DELETE", "/orders", cancels.many),
        ("DELETE", "/cancel-all", cancels.everything),
        ("DELETE", "/cancel-market-orders", cancels.by_market),
    ]
    return [Route(method, path, private(act), logged=True) for method, path, act in acts]


class _OrderPosts:
    """New orders."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def one(self, key: ApiKey, body: bytes, now_ms: Ms) -> RestReply:
        """Answer POST /order: a refusal is an HTTP error."""
        entry = read_entry(body)
        judged = self._venue.entry.judge(key, entry.value, now_ms)
        if isinstance(judged.outcome, Refusal):
            reply = refuse(judged.outcome)
        else:
            (told,) = spoil_legs(self._venue.faults, [answers.post_answer(judged)], now_ms)
            reply = json_reply(told)
        return reply.with_legs((_leg_outcome(judged, entry),))

    def batch(self, key: ApiKey, body: bytes, now_ms: Ms) -> RestReply:
        """Answer POST /orders: legs are judged alone, refused ones travel inside HTTP 200."""
        entries = read_batch(body)
        if not entries:
            return refuse(INVALID_PAYLOAD)
        if len(entries) > BATCH_MAX:
            return refuse(too_many_orders(len(entries), BATCH_MAX))
        faults = self._venue.faults
        scripted = faults.hits_leg(FaultKind.REJECT_LEG, len(entries), now_ms)
        judged = []
        for index, entry in enumerate(entries):
            reject = scripted.words if scripted is not None and scripted.leg == index else None
            judged.append(self._venue.entry.judge(key, entry.value, now_ms, reject=reject))
        told = spoil_legs(faults, [answers.post_answer(leg) for leg in judged], now_ms)
        legs = tuple(_leg_outcome(leg, entry) for leg, entry in zip(judged, entries, strict=True))
        return json_reply(told).with_legs(legs)


class _OrderCancels:
    """Cancels: always HTTP 200, with the ids that could not be cancelled named one by one."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def one(self, key: ApiKey, body: bytes, now_ms: Ms) -> RestReply:
        """Answer DELETE /order."""
        wanted = decode(body)
        order_id = wanted.get("orderID") if isinstance(wanted, dict) else None
        return self._cancel(key, [order_id], now_ms)

    def many(self, key: ApiKey, body: bytes, now_ms: Ms) -> RestReply:
        """Answer DELETE /orders."""
        wanted = decode(body)
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= CANCEL_BATCH_MAX:
            return refuse(INVALID_PAYLOAD)
        return self._cancel(key, wanted, now_ms)

    def everything(self, key: ApiKey, _body: bytes, now_ms: Ms) -> RestReply:
        """Answer DELETE /cancel-all."""
        return self._cancel(key, [order.terms.id for order in self._open(key)], now_ms)

    def by_market(self, key: ApiKey, body: bytes, now_ms: Ms) -> RestReply:
        """Answer DELETE /cancel-market-orders."""
        sent = decode(body)
        wanted = sent if isinstance(sent, dict) else {}
        market, asset = wanted.get("market", ""), wanted.get("asset_id", "")
        if not market and not asset:
            return refuse(INVALID_PAYLOAD)
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

    def _cancel(self, key: ApiKey, ids: Sequence[object], now_ms: Ms) -> RestReply:
        """Cancel what is open and this key's own; an id named twice counts once."""
        if not all(isinstance(order_id, str) for order_id in ids):
            return refuse(INVALID_PAYLOAD)
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
        return json_reply({"canceled": canceled, "not_canceled": not_canceled}).with_legs(legs)


def _leg_outcome(judged: Judged, entry: Entry) -> LegOutcome:
    outcome = judged.outcome
    if isinstance(outcome, Refusal):
        return LegOutcome(judged.order_id, outcome.text, entry.sha256)
    return LegOutcome(judged.order_id, "matched" if outcome.trades else "live", entry.sha256)

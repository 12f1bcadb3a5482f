"""Order entry: orders and cancels, each with the verdicts that the request log keeps (protocol 4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.domain.rates import Bucket
from engine.domain.units import Ms
from engine.simulator import answers
from engine.simulator.auth import ApiKey
from engine.simulator.faults import FaultKind
from engine.simulator.leg_faults import spoil_legs
from engine.simulator.modes import Mode
from engine.simulator.order_batch import Entry, read_batch, read_entry
from engine.simulator.order_entry import BATCH_MAX, Judged, Wish
from engine.simulator.orders import Order, OrderState
from engine.simulator.refusals import (
    ALREADY_ENDED,
    CANCEL_ONLY_MODE,
    ENGINE_RESTARTING,
    IN_TAKER_DELAY,
    INVALID_PAYLOAD,
    NOT_CANCELED,
    NOT_FOUND,
    POST_ONLY_MODE,
    TOO_MANY_REQUESTS,
    TRADING_DISABLED,
    Refusal,
    too_many_orders,
)
from engine.simulator.replies import authenticate, decode, json_reply, refuse
from engine.simulator.request_log import LegOutcome
from engine.simulator.rest import Handler, RestReply, RestRequest, Route
from engine.simulator.venue import Venue

CANCEL_BATCH_MAX = 1_000
"""Most ids in one DELETE /orders (protocol 2.4)."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A request in good form: what it costs its signer's bucket, and how it is carried out."""

    cost: int
    act: Callable[[Ms], RestReply]
    sweeping: bool = False


_Prepare = Callable[[ApiKey, bytes], _Ready | Refusal]


def order_routes(venue: Venue) -> list[Route]:
    """Return the routes that change orders."""
    posts, cancels = _OrderPosts(venue), _OrderCancels(venue)
    prepared: list[tuple[str, str, _Prepare]] = [
        ("POST", "/order", posts.one),
        ("POST", "/orders", posts.batch),
        ("DELETE", "/order", cancels.one),
        ("DELETE", "/orders", cancels.many),
        ("DELETE", "/cancel-all", cancels.everything),
        ("DELETE", "/cancel-market-orders", cancels.by_market),
    ]
    return [
        Route(method, path, _gated(venue, prepare, _BUCKETS[method]), logged=True)
        for method, path, prepare in prepared
    ]


_BUCKETS = {"POST": Bucket.ORDERS, "DELETE": Bucket.CANCELS}


def _gated(venue: Venue, prepare: _Prepare, bucket: Bucket) -> Handler:
    """Return the handler of one endpoint: the venue's mode, the key, the form, the bucket, then the act."""

    def handler(request: RestRequest) -> RestReply:
        now_ms = venue.now_ms()
        mode = venue.modes.at(now_ms)
        if mode is Mode.RESTARTING:
            return refuse(ENGINE_RESTARTING)
        key = authenticate(venue, request)
        if isinstance(key, Refusal):
            return refuse(key)
        ready = _closed(mode, bucket) or prepare(key, request.body)
        if isinstance(ready, Refusal):
            return refuse(ready).with_headers(venue.rates.peek(key.address, bucket, now_ms))
        admission = venue.rates.admit(key.address, bucket, ready.cost, now_ms, sweeping=ready.sweeping)
        reply = ready.act(now_ms) if admission.passes else refuse(TOO_MANY_REQUESTS)
        return reply.with_headers(admission.headers)

    return handler


def _closed(mode: Mode, bucket: Bucket) -> Refusal | None:
    """Return why a mode refuses every request of a kind, or None."""
    if mode is Mode.DISABLED:
        return TRADING_DISABLED
    return CANCEL_ONLY_MODE if mode is Mode.CANCEL_ONLY and bucket is Bucket.ORDERS else None


class _OrderPosts:
    """New orders."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def one(self, key: ApiKey, body: bytes) -> _Ready | Refusal:
        """Prepare POST /order: a refusal is an HTTP error."""
        return _Ready(1, lambda now_ms: self._one(key, read_entry(body), now_ms))

    def batch(self, key: ApiKey, body: bytes) -> _Ready | Refusal:
        """Prepare POST /orders: legs are judged alone, refused ones travel inside HTTP 200."""
        entries = read_batch(body)
        if not entries:
            return INVALID_PAYLOAD
        if len(entries) > BATCH_MAX:
            return too_many_orders(len(entries), BATCH_MAX)
        return _Ready(len(entries), lambda now_ms: self._batch(key, entries, now_ms))

    def _one(self, key: ApiKey, entry: Entry, now_ms: Ms) -> RestReply:
        wish = Wish(delay_ms=self._delays(1, now_ms).get(0, 0))
        judged = self._judge(key, entry, wish, now_ms)
        if judged.outcome is POST_ONLY_MODE:
            reply = self._post_only(now_ms)
        elif isinstance(judged.outcome, Refusal):
            reply = refuse(judged.outcome)
        else:
            (told,) = spoil_legs(self._venue.faults, [answers.post_answer(judged)], now_ms)
            reply = json_reply(told)
        return reply.with_legs((_leg_outcome(judged, entry),))

    def _batch(self, key: ApiKey, entries: Sequence[Entry], now_ms: Ms) -> RestReply:
        faults = self._venue.faults
        delays = self._delays(len(entries), now_ms)
        scripted = faults.hits_leg(FaultKind.REJECT_LEG, len(entries), now_ms)
        judged = []
        for index, entry in enumerate(entries):
            reject = scripted.words if scripted is not None and scripted.leg == index else None
            judged.append(self._judge(key, entry, Wish(reject, delays.get(index, 0)), now_ms))
        told = spoil_legs(faults, [answers.post_answer(leg) for leg in judged], now_ms)
        legs = tuple(_leg_outcome(leg, entry) for leg, entry in zip(judged, entries, strict=True))
        return json_reply(told).with_legs(legs)

    def _delays(self, legs: int, now_ms: Ms) -> dict[int, int]:
        """Return the scripted taker delay of a leg, by its place."""
        fault = self._venue.faults.hits_leg(FaultKind.DELAY_LEG, legs, now_ms)
        return {} if fault is None else {fault.leg: fault.delay_ms}

    def _judge(self, key: ApiKey, entry: Entry, wish: Wish, now_ms: Ms) -> Judged:
        post_only = self._venue.modes.at(now_ms) is Mode.POST_ONLY
        return self._venue.entry.judge(key, entry.value, now_ms, replace(wish, post_only_mode=post_only))

    def _post_only(self, now_ms: Ms) -> RestReply:
        """Refuse a plain order with the seconds that post-only mode lasts yet (protocol 4.5)."""
        left_s = -(-self._venue.modes.left_ms(now_ms) // 1_000)
        told = {"error": POST_ONLY_MODE.text, "code": "post_only_mode", "retry_after_seconds": left_s}
        return json_reply(told, POST_ONLY_MODE.status).with_headers({"Retry-After": str(left_s)})


class _OrderCancels:
    """Cancels: always HTTP 200, with the ids that could not be cancelled named one by one."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def one(self, key: ApiKey, body: bytes) -> _Ready | Refusal:
        """Prepare DELETE /order."""
        wanted = decode(body)
        return self._named(key, [wanted.get("orderID") if isinstance(wanted, dict) else None])

    def many(self, key: ApiKey, body: bytes) -> _Ready | Refusal:
        """Prepare DELETE /orders."""
        wanted = decode(body)
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= CANCEL_BATCH_MAX:
            return INVALID_PAYLOAD
        return self._named(key, wanted)

    def everything(self, key: ApiKey, _body: bytes) -> _Ready | Refusal:
        """Prepare DELETE /cancel-all."""
        return self._swept(key, [order.terms.id for order in self._open(key)])

    def by_market(self, key: ApiKey, body: bytes) -> _Ready | Refusal:
        """Prepare DELETE /cancel-market-orders."""
        sent = decode(body)
        wanted = sent if isinstance(sent, dict) else {}
        market, asset = wanted.get("market", ""), wanted.get("asset_id", "")
        if not market and not asset:
            return INVALID_PAYLOAD
        return self._swept(
            key,
            [
                order.terms.id
                for order in self._open(key)
                if market in ("", order.terms.condition_id) and asset in ("", self._token(order))
            ],
        )

    def _named(self, key: ApiKey, ids: Sequence[object]) -> _Ready | Refusal:
        """Cancel by id: one token for each id sent."""
        if not all(isinstance(order_id, str) for order_id in ids):
            return INVALID_PAYLOAD
        names = [str(order_id) for order_id in ids]
        return _Ready(len(names), lambda now_ms: self._cancel(key, names, now_ms))

    def _swept(self, key: ApiKey, ids: Sequence[str]) -> _Ready:
        """Cancel what is open: one token, and one for each order that ends."""
        ending = sum(self._venue.exchange.orders[order_id].state is OrderState.LIVE for order_id in ids)
        return _Ready(1 + ending, lambda now_ms: self._cancel(key, ids, now_ms), sweeping=True)

    def _token(self, order: Order) -> str:
        spec = self._venue.exchange.markets[order.terms.condition_id]
        return spec.tokens[order.terms.token_index]

    def _open(self, key: ApiKey) -> list[Order]:
        return self._venue.open_orders_of(key)

    def _cancel(self, key: ApiKey, ids: Sequence[str], now_ms: Ms) -> RestReply:
        """Cancel what is open and this key's own; an id named twice counts once."""
        exchange = self._venue.exchange
        accounts = [account.id for account in self._venue.entry.accounts_of(key)]
        canceled: list[str] = []
        not_canceled: dict[str, str] = {}
        for order_id in dict.fromkeys(ids):
            if any(exchange.cancel(order_id, account_id, now_ms) for account_id in accounts):
                canceled.append(order_id)
            else:
                not_canceled[order_id] = self._reason(order_id, accounts)
        legs = tuple(
            [LegOutcome(order_id, "canceled") for order_id in canceled]
            + [LegOutcome(order_id, reason) for order_id, reason in not_canceled.items()]
        )
        return json_reply({"canceled": canceled, "not_canceled": not_canceled}).with_legs(legs)

    def _reason(self, order_id: str, accounts: Sequence[str]) -> str:
        """Return why an order could not be cancelled, in words seen on the wire or in the documented ones."""
        order = self._venue.exchange.orders.get(order_id)
        known = order is not None and order.terms.account_id in accounts
        if order is not None and known and order.state is OrderState.DELAYED:
            return IN_TAKER_DELAY
        if not self._venue.conduct.documented_cancel_reasons:
            return NOT_CANCELED
        return ALREADY_ENDED if known else NOT_FOUND


def _leg_outcome(judged: Judged, entry: Entry) -> LegOutcome:
    outcome = judged.outcome
    if isinstance(outcome, Refusal):
        return LegOutcome(judged.order_id, outcome.text, entry.sha256)
    return LegOutcome(judged.order_id, answers.placed_status(outcome), entry.sha256)

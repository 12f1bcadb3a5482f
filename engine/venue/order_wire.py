"""What the answer to a POST of orders means for every leg: pure judgement (design 7, reliability E3). No I/O.

`success` is never trusted alone, and silence never means "no". A refusal needs the venue's own catalogued
text in JSON; everything that is not clearly yes, no or "not now" is UNKNOWN and left to reconciliation.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from engine.domain.failure import LegAnswer, Placed, PostClass, RejectKind, reject_sentence
from engine.domain.ids import OrderId, TradeId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.units import Size, Usdc, parse_size, parse_usdc
from engine.ports import PreparedOrder
from engine.venue.answer_notes import refused_of, sign_of_text
from engine.venue.http_client import FailureKind, HttpAnswer, HttpFailure
from engine.venue.strict_json import OddAnswer, decode

AUTH_TEXTS: Final = (
    "Invalid api key",
    "Invalid L1 Request headers",
    "owner of the API KEY",
    "address of the API KEY",
)
"""Refusals of the key: no order would fare better."""
REQUEST_TEXTS: Final = (
    *AUTH_TEXTS,
    "address banned",
    "address in closed only mode",
    "deposit wallet flow",
    "order_version_mismatch",
    "invalid order version",
    "Invalid order payload",
    "Too many orders in payload",
)
"""Refusals of the account or the whole request. Any other refers to one order: as the answer to a batch of
several it does not tell which, so no leg may be called refused by it."""
ABSENT_TEXTS: Final = ("No orderbook exists for the requested token id", "market not found")
"""The only refusals of an order that travel as 404."""
KILL_TEXTS: Final = ("no orders found to match with FAK", "couldn't be fully filled. FOK")
"""How the venue says that an order which never rests found nothing, or not enough, to trade with."""
_NEVER_REST: Final = (TimeInForce.FAK, TimeInForce.FOK)
_DUPLICATED: Final = "is invalid. Duplicated."
_ORDER_ID = re.compile(r"0x[0-9a-fA-F]{64}")
_REASON_MAX = 200


class _Leg(msgspec.Struct, frozen=True):
    """One element of the answer's array."""

    success: bool
    order_id: str = msgspec.field(default="", name="orderID")
    error_msg: str = msgspec.field(default="", name="errorMsg")
    status: str = ""
    making_amount: str = msgspec.field(default="", name="makingAmount")
    taking_amount: str = msgspec.field(default="", name="takingAmount")
    trade_ids: list[str] = msgspec.field(default_factory=list, name="tradeIDs")

    @property
    def named_id(self) -> str:
        """The order this element speaks of: its id, or the one its text names; empty if neither."""
        found = _ORDER_ID.search(self.error_msg)
        return (self.order_id or (found.group() if found else "")).lower()


@dataclass(frozen=True, slots=True)
class _Verdict:
    kind: PostClass
    reason: str
    reject: RejectKind | None = None


def judge(prepared: Sequence[PreparedOrder], answer: HttpAnswer | HttpFailure) -> tuple[LegAnswer, ...]:
    """Return one answer per order, in the order of `prepared`."""
    if isinstance(answer, HttpFailure):
        not_sent = answer.kind is FailureKind.NOT_SENT
        verdict = _Verdict(PostClass.NOT_SENT if not_sent else PostClass.UNKNOWN, answer.reason)
    elif answer.is_html:
        verdict = _Verdict(PostClass.UNKNOWN, f"HTTP {answer.status} with a page instead of an answer")
    elif 200 <= answer.status < 300:
        return _judge_array(prepared, answer.body)
    else:
        verdict = _judge_status(prepared, answer)
    return tuple(_plain(order.order_id, verdict) for order in prepared)


def _judge_status(prepared: Sequence[PreparedOrder], answer: HttpAnswer) -> _Verdict:
    """Judge an answer outside 2xx, which speaks of the request as a whole."""
    refused = refused_of(answer)
    told = f"HTTP {answer.status} {refused.error}".strip()[:_REASON_MAX]
    if answer.status in (425, 429):
        return _Verdict(PostClass.DEFERRED, told)
    if answer.status == 503 and (refused.code == "post_only_mode" or sign_of_text(refused.error)):
        return _Verdict(PostClass.DEFERRED, (refused.error or refused.code)[:_REASON_MAX])
    named = _ORDER_ID.search(refused.error)
    own = len(prepared) == 1 and (named is None or named.group().lower() == prepared[0].order_id)
    whole = any(text in refused.error for text in REQUEST_TEXTS)
    absent = answer.status == 404 and any(text in refused.error for text in ABSENT_TEXTS)
    if (answer.status in (400, 401, 403) and (own or whole)) or (absent and own):
        verdict = _verdict_of(refused.error, prepared[0].intent.time_in_force)
        if verdict.kind is not PostClass.UNKNOWN:
            return verdict
    return _Verdict(PostClass.UNKNOWN, told, RejectKind.AUTH if answer.status in (401, 403) else None)


def _judge_array(prepared: Sequence[PreparedOrder], body: bytes) -> tuple[LegAnswer, ...]:
    """Attach elements to legs by id; by position only where no id contradicts it."""
    try:
        elements = [_read_leg(raw) for raw in decode(body, list[msgspec.Raw])]
    except OddAnswer:
        unreadable = _Verdict(PostClass.UNKNOWN, "the answer is not the documented array")
        return tuple(_plain(order.order_id, unreadable) for order in prepared)
    ids = [order.order_id for order in prepared]
    named = [element.named_id if element else "" for element in elements]
    in_order = len(elements) == len(ids) and all(
        not name or name == own for name, own in zip(named, ids, strict=True)
    )
    answers = []
    for position, order in enumerate(prepared):
        found = [element for element in elements if element and element.named_id == order.order_id]
        if not found and in_order and (element := elements[position]):
            found = [element]
        if len(found) == 1:
            answers.append(_judge_leg(order, found[0]))
        else:
            answers.append(
                _plain(order.order_id, _Verdict(PostClass.UNKNOWN, "the answer does not name this order"))
            )
    foreign = [e.order_id for e in elements if e and e.order_id and e.order_id.lower() not in ids]
    return _with_foreign(answers, foreign)


def _judge_leg(order: PreparedOrder, leg: _Leg) -> LegAnswer:
    """Judge the one element that speaks of this order."""
    words = {word.value: word for word in Placed}
    placed = words.get(leg.status.lower())
    verdict = _verdict_of(leg.error_msg, order.intent.time_in_force) if leg.error_msg else None
    if placed is Placed.UNMATCHED and not (verdict and verdict.reject is RejectKind.KILLED):
        return _plain(order.order_id, _Verdict(PostClass.UNKNOWN, "unmatched: it may rest or be refused"))
    if verdict is not None:
        if placed not in (None, Placed.UNMATCHED):
            verdict = _Verdict(PostClass.UNKNOWN, f"{leg.status}, yet: {leg.error_msg}"[:_REASON_MAX])
        return _plain(order.order_id, verdict)
    if not leg.success or placed is None or leg.order_id.lower() != order.order_id:
        told = f"no error, success {leg.success}, status {leg.status!r}, id {leg.order_id!r}"
        return _plain(order.order_id, _Verdict(PostClass.UNKNOWN, told[:_REASON_MAX]))
    return _accepted(order, leg, placed)


def _accepted(order: PreparedOrder, leg: _Leg, placed: Placed) -> LegAnswer:
    """Return an accepted order with what it traded at once; figures that cannot be read make it UNKNOWN."""
    buys = order.intent.side is Side.BUY
    shares, cash = (leg.taking_amount, leg.making_amount) if buys else (leg.making_amount, leg.taking_amount)
    try:
        filled, paid = parse_size(shares or "0"), parse_usdc(cash or "0")
    except ValueError as error:
        return _plain(order.order_id, _Verdict(PostClass.UNKNOWN, f"accepted, but {error}"[:_REASON_MAX]))
    if placed is Placed.MATCHED and not filled:
        return _plain(order.order_id, _Verdict(PostClass.UNKNOWN, "matched, but no amount was told"))
    trades = tuple(TradeId(trade) for trade in leg.trade_ids)
    return LegAnswer(order.order_id, PostClass.ACCEPTED, placed, filled, paid, trades, "")


def _verdict_of(text: str, time_in_force: TimeInForce) -> _Verdict:
    """Return what a refusal's text proves, if it is a catalogued one."""
    reason = text[:_REASON_MAX]
    if _DUPLICATED in text:
        return _Verdict(PostClass.DUPLICATED, reason)
    if sign_of_text(text) is not None:
        return _Verdict(PostClass.DEFERRED, reason)
    if reject_sentence(text) is None:
        return _Verdict(PostClass.UNKNOWN, reason)
    return _Verdict(PostClass.REFUSED, reason, _reject_kind(text, time_in_force))


def _reject_kind(text: str, time_in_force: TimeInForce) -> RejectKind:
    if any(known in text for known in AUTH_TEXTS):
        return RejectKind.AUTH
    if any(known in text for known in REQUEST_TEXTS):
        return RejectKind.ACCOUNT
    killed = time_in_force in _NEVER_REST and any(known in text for known in KILL_TEXTS)
    return RejectKind.KILLED if killed else RejectKind.ORDER


def _read_leg(raw: msgspec.Raw) -> _Leg | None:
    try:
        return decode(raw, _Leg)
    except OddAnswer:
        return None


def _plain(order_id: OrderId, verdict: _Verdict) -> LegAnswer:
    return LegAnswer(
        order_id, verdict.kind, None, Size(0), Usdc(0), (), verdict.reason, reject=verdict.reject
    )


def _with_foreign(answers: list[LegAnswer], foreign: Sequence[str]) -> tuple[LegAnswer, ...]:
    """Hang ids that are not ours on legs that got no answer first, so that none is lost from sight."""
    open_first = sorted(range(len(answers)), key=lambda i: answers[i].kind is not PostClass.UNKNOWN)
    for index, stranger in zip(open_first, foreign, strict=False):
        answers[index] = replace(answers[index], foreign_id=OrderId(stranger))
    return tuple(answers)

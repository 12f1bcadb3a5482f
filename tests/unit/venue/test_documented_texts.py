"""Every documented text and status (protocol 4.5), by what it proves of an order and of the venue."""

import json
from dataclasses import replace

import pytest

from engine.domain.failure import POST_RULES, LegAnswer, Placed, PostClass, RejectKind, venue_sentence
from engine.domain.order import TimeInForce
from engine.domain.rates import Bucket
from engine.domain.venue_state import VenueNote, VenueSign
from engine.ports import PreparedOrder
from engine.venue.answer_notes import Asked, note_of, with_legs
from engine.venue.http_client import HttpAnswer
from engine.venue.order_body import prepare_order
from engine.venue.order_wire import judge
from tests.support.venue_orders import ACCOUNT, CREDENTIALS, INSTALL_SECRET, INTENT

A, R, D, U = PostClass.ACCEPTED, PostClass.REFUSED, PostClass.DUPLICATED, PostClass.UNKNOWN
LATER = PostClass.DEFERRED
ORDER, KILLED, AUTH, ACCOUNT_ = RejectKind.ORDER, RejectKind.KILLED, RejectKind.AUTH, RejectKind.ACCOUNT
TAKES = VenueSign.TAKES_ORDERS
FOK_KILL = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILL = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)
HTML = "<html><body>Unauthorized/Invalid api key</body></html>"


def order_of(kind: TimeInForce) -> PreparedOrder:
    expiration_s = INTENT.expiration_s if kind is TimeInForce.GTD else 0
    intent = replace(INTENT, time_in_force=kind, expiration_s=expiration_s)
    return prepare_order(intent, ACCOUNT, owner=CREDENTIALS.key, install_secret=INSTALL_SECRET)


ORDERS = {kind: order_of(kind) for kind in TimeInForce}
GTD, FAK, FOK = TimeInForce.GTD, TimeInForce.FAK, TimeInForce.FOK
OWN = ORDERS[GTD].order_id

DOCUMENTED = [
    (400, "Invalid order payload", R, ACCOUNT_, None),
    (400, "the order owner has to be the owner of the API KEY", R, AUTH, None),
    (400, "the order signer address has to be the address of the API KEY", R, AUTH, None),
    (400, "'0x19E7' address banned", R, ACCOUNT_, None),
    (400, "'0x19E7' address in closed only mode", R, ACCOUNT_, None),
    (400, "maker address not allowed, please use the deposit wallet flow", R, ACCOUNT_, None),
    (400, "order_version_mismatch", R, ACCOUNT_, None),
    (400, "invalid order version, please use the latest clob-client", R, ACCOUNT_, None),
    (400, f"order {OWN} is invalid. Price (0.525) breaks minimum tick size rule: 0.01", R, ORDER, TAKES),
    (400, f"order {OWN} is invalid. Size (3) lower than the minimum: 5", R, ORDER, TAKES),
    (400, f"order {OWN} is invalid. Duplicated.", D, None, None),
    (400, f"order {OWN} crosses the book", R, ORDER, TAKES),
    (400, "invalid post-only order: order crosses book", R, ORDER, TAKES),
    (400, "not enough balance / allowance", R, ORDER, TAKES),
    (400, "not enough balance / allowance: the allowance is not enough -> allowance: 0", R, ORDER, TAKES),
    (400, "invalid amount for a marketable BUY order ($0.52), min size: $1", R, ORDER, TAKES),
    (400, "invalid expiration", R, ORDER, TAKES),
    (400, "invalid nonce", R, ORDER, TAKES),
    (400, "order canceled in the CTF exchange contract", R, ORDER, TAKES),
    (400, "order match delayed due to market conditions", U, None, None),
    (400, FOK_KILL, R, ORDER, TAKES),
    (400, FAK_KILL, R, ORDER, TAKES),
    (400, "the market is not yet ready to process new orders", R, ORDER, TAKES),
    (400, "Too many orders in payload: 16, max allowed: 15", R, ACCOUNT_, None),
    (401, "Unauthorized/Invalid api key", R, AUTH, None),
    (401, "Invalid L1 Request headers", R, AUTH, None),
    (404, "No orderbook exists for the requested token id", R, ORDER, TAKES),
    (404, "market not found", R, ORDER, TAKES),
    (425, "matching engine restarting", LATER, None, VenueSign.RESTARTING),
    (429, "Too Many Requests", LATER, None, None),
    (500, "there are no matching orders", U, None, None),
    (500, "FOK orders are filled or killed", U, None, None),
    (500, "the trade contains rounding issues", U, None, None),
    (
        500,
        "the price of the taker's order has a discrepancy greater than allowed with the worst maker order",
        U,
        None,
        None,
    ),
    (500, "could not insert order", U, None, None),
    (500, "order timed out", U, None, None),
    (
        503,
        "Trading is currently disabled. Check polymarket.com for updates",
        LATER,
        None,
        VenueSign.DISABLED,
    ),
    (
        503,
        "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
        LATER,
        None,
        VenueSign.CANCEL_ONLY,
    ),
    (
        503,
        "post-only mode: only post-only orders and cancels are allowed",
        LATER,
        None,
        VenueSign.POST_ONLY,
    ),
]


def says(status: int, body: object, content_type: str = "application/json") -> HttpAnswer:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return HttpAnswer(status, raw, {"content-type": content_type})


def judged(order: PreparedOrder, answer: HttpAnswer) -> tuple[LegAnswer, VenueNote]:
    legs = judge([order], answer)
    return legs[0], with_legs(note_of(answer, Asked(Bucket.ORDERS, 1_790_000_000)), [order], legs)


def leg_with(text: str, status: str = "", order_id: str = "") -> dict[str, object]:
    empty = {"orderID": order_id, "status": status, "makingAmount": "", "takingAmount": ""}
    return {"success": True, "errorMsg": text, **empty}


@pytest.mark.parametrize(("status", "text", "kind", "reject", "sign"), DOCUMENTED)
def test_documented_answer_to_one_order_has_its_class_kind_and_sign(status, text, kind, reject, sign):
    leg, note = judged(ORDERS[GTD], says(status, {"error": text}))

    assert (leg.kind, leg.reject, note.sign) == (kind, reject, sign)
    assert text[:100] in leg.reason


@pytest.mark.parametrize(("text", "kind", "reject"), [(t, k, r) for s, t, k, r, _ in DOCUMENTED if s == 400])
def test_documented_text_in_a_leg_proves_the_same(text, kind, reject):
    leg, _ = judged(ORDERS[GTD], says(200, [leg_with(text)]))

    assert (leg.kind, leg.reject) == (kind, reject)


@pytest.mark.parametrize("text", [row[1] for row in DOCUMENTED] + ["unmatched: it may rest or be refused"])
def test_documented_text_has_a_sentence_for_the_operator(text):
    sentence = venue_sentence(text)

    assert sentence
    assert sentence not in text


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 425, 500, 502, 503])
def test_page_of_a_front_proves_nothing_at_any_status(status):
    leg, note = judged(ORDERS[GTD], says(status, HTML, "text/html"))

    assert (leg.kind, leg.reject, note.sign, note.limited) == (U, None, None, None)


@pytest.mark.parametrize(("kind", "text"), [(FAK, FAK_KILL), (FOK, FOK_KILL)])
@pytest.mark.parametrize("form", ["status", "leg", "unmatched leg"])
def test_kill_is_told_apart_from_a_fault_in_every_documented_form(kind, text, form):
    leg_status = "unmatched" if form == "unmatched leg" else ""
    answer = says(400, {"error": text}) if form == "status" else says(200, [leg_with(text, leg_status)])

    leg, note = judged(ORDERS[kind], answer)

    assert (leg.kind, leg.reject, leg.filled, note.sign) == (R, KILLED, 0, TAKES)


def test_unmatched_order_that_may_rest_is_never_called_killed():
    leg, note = judged(ORDERS[GTD], says(200, [leg_with(FAK_KILL, "unmatched")]))

    assert (leg.kind, leg.reject, note.sign) == (U, None, None)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [{"error": "a text nobody documented"}, {"message": "no"}, "plain"])
def test_any_other_refusal_of_the_key_stays_unknown_and_can_be_counted(status, body):
    leg, _ = judged(ORDERS[GTD], says(status, body))

    assert (leg.kind, leg.reject) == (U, AUTH)


def test_delayed_leg_and_a_foreign_id():
    delayed = leg_with("", "delayed", ORDERS[GTD].order_id)
    foreign = leg_with("", "live", "0x" + "ee" * 32)

    held, note = judged(ORDERS[GTD], says(200, [delayed]))
    lost, _ = judged(ORDERS[GTD], says(200, [foreign]))

    assert (held.kind, held.placed, note.sign) == (A, Placed.DELAYED, TAKES)
    assert (lost.kind, lost.foreign_id) == (U, "0x" + "ee" * 32)


def test_no_documented_text_may_be_repeated_while_its_outcome_is_open():
    for status, text, *_ in DOCUMENTED:
        leg, _ = judged(ORDERS[GTD], says(status, {"error": text}))
        rule = POST_RULES[leg.kind]
        assert not (rule.outcome_unknown and rule.same_bytes_may_follow), text

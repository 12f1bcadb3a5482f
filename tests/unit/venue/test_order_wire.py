"""What every kind of answer to a POST of orders proves (design 7 "Batch answers", reliability B and E3)."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from engine.domain.failure import REJECT_SENTENCES, Placed, PostClass
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.ports import PreparedOrder
from engine.venue.answer_notes import SIGN_TEXTS
from engine.venue.http_client import FailureKind, HttpAnswer, HttpFailure
from engine.venue.order_wire import ABSENT_TEXTS, REQUEST_TEXTS, judge
from tests.support.venue_orders import batch

ONE = batch(1)
THREE = batch(3)
FIVE = batch(5)
IDS = [order.order_id for order in THREE]
STRANGER = OrderId("0x" + "ee" * 32)
TICK_TEXT = f"order {IDS[0]} is invalid. Price (0.525) breaks minimum tick size rule: 0.01"
BALANCE_TEXT = (
    "not enough balance / allowance: the balance is not enough -> balance: 0, order amount: 5000000"
)
FAK_TEXT = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)
POST_ONLY_TEXT = "post-only mode: only post-only orders and cancels are allowed"

Json = dict[str, Any]


def answer(body: object, status: int = 200, content_type: str = "application/json") -> HttpAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status, raw, {"content-type": content_type})


def accepted(
    order_id: str, status: str = "live", making: str = "", taking: str = "", trades: Sequence[str] = ()
) -> Json:
    return {
        "success": True,
        "errorMsg": "",
        "orderID": order_id,
        "status": status,
        "makingAmount": making,
        "takingAmount": taking,
        "transactionsHashes": [],
        "tradeIDs": list(trades),
    }


def refused(text: str, *, success: bool = False, order_id: str = "", status: str = "") -> Json:
    return accepted(order_id, status) | {"success": success, "errorMsg": text}


def kinds(prepared: Sequence[PreparedOrder], body: object) -> list[PostClass]:
    return [leg.kind for leg in judge(prepared, answer(body))]


A, R, D, U = PostClass.ACCEPTED, PostClass.REFUSED, PostClass.DUPLICATED, PostClass.UNKNOWN


def test_accepted_leg_that_rests():
    (leg,) = judge(ONE, answer([accepted(IDS[0])]))

    assert (leg.kind, leg.placed, leg.filled, leg.cash, leg.reason) == (A, Placed.LIVE, 0, 0, "")


def test_matched_buy_takes_shares_and_makes_cash():
    (leg,) = judge(ONE, answer([accepted(IDS[0], "matched", "5.199999", "10", ["t1", "t2"])]))

    assert (leg.kind, leg.placed) == (A, Placed.MATCHED)
    assert (leg.filled, leg.cash, leg.trade_ids) == (10_000_000, 5_199_999, ("t1", "t2"))


def test_matched_sell_makes_shares_and_takes_cash():
    (order,) = batch(1, Side.SELL)

    (leg,) = judge((order,), answer([accepted(order.order_id, "matched", "10", "5.2")]))

    assert (leg.filled, leg.cash) == (10_000_000, 5_200_000)


def test_delayed_leg_is_accepted_and_not_filled():
    (leg,) = judge(ONE, answer([accepted(IDS[0], "delayed")]))

    assert (leg.kind, leg.placed, leg.filled) == (A, Placed.DELAYED, 0)


def test_ids_are_compared_without_regard_to_case():
    assert kinds(ONE, [accepted(IDS[0].upper().replace("0X", "0x"))]) == [A]


@pytest.mark.parametrize(
    "leg",
    [
        accepted(IDS[0], "unmatched"),
        refused(FAK_TEXT, order_id=IDS[0], status="unmatched"),
        accepted(IDS[0], "matched"),
        accepted(IDS[0], "matched", "5.2", ""),
        accepted(IDS[0], "matched", "5,2", "10"),
        accepted(IDS[0], "matched", "5.2", "-10"),
        accepted(IDS[0], "matched", "5.2000001", "10"),
        accepted(IDS[0], ""),
        accepted(IDS[0], "resting"),
        accepted(IDS[0]) | {"success": False},
        accepted(IDS[0]) | {"success": "true"},
        accepted(IDS[0]) | {"errorMsg": BALANCE_TEXT},
        accepted(IDS[0], "matched", "5.2", "10") | {"errorMsg": FAK_TEXT},
        accepted(""),
        accepted("") | {"success": False},
        refused("something the venue never documented"),
        refused("something the venue never documented", order_id=IDS[0]),
        refused("order timed out"),
        refused("could not insert order"),
        refused("order match delayed due to market conditions"),
        {},
        [],
        7,
        None,
        "0x",
        {"orderID": IDS[0], "status": "live"},
        accepted(IDS[0]) | {"tradeIDs": None},
        accepted(IDS[0]) | {"errorMsg": None},
    ],
)
def test_leg_that_is_neither_a_clear_yes_nor_a_clear_no_is_unknown(leg):
    (judged,) = judge(ONE, answer([leg]))

    assert judged.kind is U
    assert judged.reason
    assert (judged.placed, judged.filled, judged.trade_ids) == (None, 0, ())


@pytest.mark.parametrize("success", [True, False])
@pytest.mark.parametrize("text", [BALANCE_TEXT, FAK_TEXT, "invalid expiration", TICK_TEXT])
def test_leg_with_a_catalogued_text_is_refused_whatever_success_says(success, text):
    (leg,) = judge(ONE, answer([refused(text, success=success)]))

    assert (leg.kind, leg.reason) == (R, text)


@pytest.mark.parametrize("fragment", [row[0] for row in REJECT_SENTENCES])
def test_every_documented_refusal_is_a_refusal(fragment):
    assert kinds(ONE, [refused(f"so: {fragment} (1)")]) == [R]
    status = 404 if fragment in ABSENT_TEXTS else 400
    assert judge(ONE, answer({"error": f"so: {fragment} (1)"}, status))[0].kind is R


@pytest.mark.parametrize("text", [text for text, _ in SIGN_TEXTS])
def test_leg_that_the_venue_does_not_take_just_now_is_deferred(text):
    assert kinds(ONE, [refused(text + " and so on")]) == [PostClass.DEFERRED]


def test_duplicated_leg_is_known_to_the_venue_and_no_more():
    text = f"order {IDS[1]} is invalid. Duplicated."

    assert kinds(THREE, [accepted(IDS[0]), refused(text), accepted(IDS[2])]) == [A, D, A]


def test_refused_leg_without_an_id_is_taken_by_position_when_the_others_stand_in_place():
    legs = judge(THREE, answer([accepted(IDS[0]), refused(FAK_TEXT), accepted(IDS[2])]))

    assert [leg.kind for leg in legs] == [A, R, A]
    assert [leg.order_id for leg in legs] == IDS


def test_shuffled_answer_is_read_by_id_and_its_nameless_leg_is_unknown():
    assert kinds(THREE, [accepted(IDS[2]), refused(FAK_TEXT), accepted(IDS[0])]) == [A, U, A]


def test_text_that_names_an_order_is_an_id_too():
    swapped = [accepted(IDS[1]), refused(TICK_TEXT), accepted(IDS[2])]
    nameless = [refused(f"order {IDS[1]} is invalid. Duplicated."), refused(FAK_TEXT), refused(FAK_TEXT)]

    assert kinds(THREE, swapped) == [R, A, A]
    assert kinds(THREE, nameless) == [U, D, U]


@pytest.mark.parametrize(
    "body",
    [
        [accepted(IDS[0]), refused(FAK_TEXT)],
        [accepted(IDS[0]), refused(FAK_TEXT), refused(FAK_TEXT), refused(FAK_TEXT)],
        [refused(FAK_TEXT), accepted(IDS[0])],
    ],
)
def test_answer_of_another_length_gives_no_leg_by_position(body):
    assert kinds(THREE, body) == [A, U, U]


def test_order_named_twice_is_unknown_and_ends_reading_by_position():
    assert kinds(THREE, [accepted(IDS[0]), accepted(IDS[0]), refused(FAK_TEXT)]) == [U, U, U]


def test_whole_batch_refused_leg_by_leg():
    assert kinds(THREE, [refused(FAK_TEXT), refused(BALANCE_TEXT), refused("invalid expiration")]) == [R] * 3


@pytest.mark.parametrize(
    ("body", "carrier", "wanted"),
    [
        ([accepted(STRANGER), accepted(IDS[1]), accepted(IDS[2])], 0, [U, A, A]),
        ([accepted(IDS[0]), accepted(IDS[1]), accepted(STRANGER)], 2, [A, A, U]),
        ([accepted(IDS[0]), refused(FAK_TEXT), accepted(STRANGER)], 1, [A, U, U]),
        ([accepted(IDS[0]), accepted(IDS[1]), accepted(IDS[2]), accepted(STRANGER)], 0, [A, A, A]),
    ],
)
def test_foreign_id_is_reported_and_never_read_as_ours(body, carrier, wanted):
    legs = judge(THREE, answer(body))

    assert [leg.kind for leg in legs] == wanted
    assert [leg.foreign_id for leg in legs].index(STRANGER) == carrier


def test_two_foreign_ids_are_both_reported():
    other = "0x" + "dd" * 32

    legs = judge(THREE, answer([accepted(STRANGER), accepted(IDS[1]), accepted(other)]))

    assert {leg.foreign_id for leg in legs} == {STRANGER, None, other}


def test_foreign_id_named_in_a_refusals_text_is_no_reason_to_halt():
    legs = judge(ONE, answer([refused(f"order {STRANGER} is invalid. Duplicated.")]))

    assert (legs[0].kind, legs[0].foreign_id) == (U, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b'"OK"', b'[{"success":true', b"\xff\xfe", b"[" * 100_000, b'{"error":"x"}'],
)
def test_answer_that_is_no_array_leaves_every_leg_unknown(body):
    assert [leg.kind for leg in judge(THREE, answer(body))] == [U] * 3


@pytest.mark.parametrize("status", [200, 201, 400, 403, 425, 429, 500, 502, 503])
def test_page_at_any_status_is_unknown(status):
    page = answer(b"<html>Invalid api key</html>", status, "text/html")

    assert [leg.kind for leg in judge(THREE, page)] == [U] * 3


@pytest.mark.parametrize("status", [425, 429])
@pytest.mark.parametrize("body", [b'{"error":"Too Many Requests"}', b"", b"slow down"])
def test_restart_and_rate_limit_defer_the_whole_batch(status, body):
    assert [leg.kind for leg in judge(THREE, answer(body, status, "text/plain"))] == [PostClass.DEFERRED] * 3


@pytest.mark.parametrize(
    "body",
    [
        {"error": POST_ONLY_TEXT, "code": "post_only_mode", "retry_after_seconds": 79},
        {"error": "", "code": "post_only_mode"},
        {"error": "Trading is currently disabled. Check polymarket.com for updates"},
        {"error": "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."},
    ],
)
def test_known_503_defers_the_whole_batch(body):
    assert [leg.kind for leg in judge(THREE, answer(body, 503))] == [PostClass.DEFERRED] * 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b'{"error":"upstream connect error"}'),
        (503, b""),
        (500, b'{"error":"there are no matching orders"}'),
        (500, b'{"error":"invalid expiration"}'),
        (502, b""),
        (504, b'{"error":"Trading is currently disabled"}'),
        (302, b""),
        (400, b'{"error":"a text nobody documented"}'),
        (400, b'"invalid expiration"'),
        (400, b""),
        (404, b'{"error":"invalid expiration"}'),
        (401, b"Unauthorized/Invalid api key"),
    ],
)
def test_any_other_status_is_unknown(status, body):
    (leg,) = judge(ONE, answer(body, status))

    assert leg.kind is U
    assert str(status) in leg.reason


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "Unauthorized/Invalid api key"),
        (403, "'0x1' address banned"),
        *[(400, t) for t in REQUEST_TEXTS],
    ],
)
def test_refusal_of_account_or_request_refuses_every_leg(status, text):
    assert [leg.kind for leg in judge(THREE, answer({"error": text}, status))] == [R] * 3


@pytest.mark.parametrize(
    "text", [TICK_TEXT, BALANCE_TEXT, FAK_TEXT, f"order {IDS[0]} is invalid. Duplicated."]
)
def test_refusal_of_one_order_says_nothing_certain_about_a_batch_of_several(text):
    assert [leg.kind for leg in judge(THREE, answer({"error": text}, 400))] == [U] * 3


def test_refusal_of_one_order_settles_a_batch_of_one():
    assert judge(ONE, answer({"error": TICK_TEXT}, 400))[0].kind is R
    assert judge(ONE, answer({"error": f"order {IDS[0]} is invalid. Duplicated."}, 400))[0].kind is D


def test_refusal_that_names_another_order_settles_nothing():
    assert judge(ONE, answer({"error": TICK_TEXT.replace(IDS[0], STRANGER)}, 400))[0].kind is U


def test_failures_of_the_transport():
    not_sent = judge(THREE, HttpFailure(FailureKind.NOT_SENT, "no route"))
    unanswered = judge(THREE, HttpFailure(FailureKind.UNANSWERED, "timeout"))

    assert [(leg.kind, leg.reason) for leg in not_sent] == [(PostClass.NOT_SENT, "no route")] * 3
    assert [leg.kind for leg in unanswered] == [U] * 3


def test_reason_is_bounded():
    (leg,) = judge(ONE, answer([refused("invalid expiration " * 500)]))

    assert len(leg.reason) <= 200

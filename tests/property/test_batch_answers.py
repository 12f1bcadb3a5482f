"""10,000 answers to batches: legs mixed, missing, shuffled, doubled, nameless, foreign (design 7).

An independent reading decides what each leg may become: by its id if exactly one element names it; by
position only if the array has the batch's length and every id present stands at its own place.
"""

import json
from dataclasses import replace
from random import Random
from typing import Any

from engine.domain.failure import LegAnswer, PostClass, RejectKind
from engine.domain.order import TimeInForce
from engine.ports import PreparedOrder
from engine.venue.http_client import HttpAnswer
from engine.venue.order_body import prepare_order
from engine.venue.order_wire import judge
from tests.support.venue_orders import ACCOUNT, CREDENTIALS, INSTALL_SECRET, INTENT

CASES = 10_000
SEED = 20_261_122
FAK_TEXT = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)
BALANCE = "not enough balance / allowance"
Json = dict[str, Any]


def _orders() -> tuple[PreparedOrder, ...]:
    kinds = (TimeInForce.GTC, TimeInForce.FAK, TimeInForce.FOK)
    intents = (
        replace(INTENT, leg=leg, time_in_force=kinds[leg % 3], expiration_s=0, price=INTENT.price)
        for leg in range(15)
    )
    return tuple(
        prepare_order(intent, ACCOUNT, owner=CREDENTIALS.key, install_secret=INSTALL_SECRET)
        for intent in intents
    )


ORDERS = _orders()
STRANGERS = ["0x" + f"{n:02x}" * 32 for n in range(0xE0, 0xF0)]


def _element(random: Random, own: str) -> Json:
    """One leg's true answer, in any documented form."""
    empty: Json = {"success": True, "errorMsg": "", "orderID": "", "status": ""}
    empty |= {"makingAmount": "", "takingAmount": "", "tradeIDs": []}
    matched = {"status": "matched", "makingAmount": "5.2", "takingAmount": "10"}
    return empty | random.choice(
        [
            {"orderID": own, "status": "live"},
            {"orderID": own.upper().replace("0X", "0x"), "status": "delayed"},
            {"orderID": own} | matched,
            {"errorMsg": FAK_TEXT, "success": random.random() < 0.5},
            {"errorMsg": BALANCE, "success": random.random() < 0.5},
            {"errorMsg": f"order {own} is invalid. Duplicated."},
            {"errorMsg": "order timed out"},
            {"orderID": own, "status": "unmatched"},
            {"orderID": own, "status": "live", "errorMsg": BALANCE},
        ]
    )


def _spoil(random: Random, elements: list[Any]) -> None:
    match random.choice(["keep", "keep", "shuffle", "drop", "repeat", "foreign", "odd", "blank"]):
        case "shuffle":
            random.shuffle(elements)
        case "drop":
            del elements[random.randrange(len(elements))]
        case "repeat":
            elements.insert(random.randrange(len(elements) + 1), random.choice(elements))
        case "foreign":
            at = random.randrange(len(elements))
            stranger = {
                "success": True,
                "errorMsg": "",
                "status": "live",
                "orderID": random.choice(STRANGERS),
            }
            if random.random() < 0.5:
                elements[at] = stranger
            else:
                elements.insert(at, stranger)
        case "odd":
            elements[random.randrange(len(elements))] = random.choice([None, 7, [], "", {"orderID": 5}])
        case "blank":
            elements[random.randrange(len(elements))] = {"success": True, "orderID": "", "status": "live"}
        case _:
            pass


def _named(element: Any) -> str:
    if not isinstance(element, dict) or not isinstance(element.get("orderID", ""), str):
        return ""
    text = element.get("errorMsg", "")
    inside = next((word for word in text.split() if word.startswith("0x")), "")
    return (element.get("orderID") or inside).lower()


def _readable(elements: list[Any], own: list[str]) -> list[Any]:
    """Return for each leg the one element that may speak of it, or None."""
    names = [_named(element) for element in elements]
    in_place = len(elements) == len(own) and all(
        name in ("", wanted) for name, wanted in zip(names, own, strict=True)
    )
    told: list[Any] = []
    for position, wanted in enumerate(own):
        hits = [element for element, name in zip(elements, names, strict=True) if name == wanted]
        if not hits and in_place:
            hits = [elements[position]]
        told.append(hits[0] if len(hits) == 1 else None)
    return told


def _expected(order: PreparedOrder, element: Any) -> tuple[PostClass, RejectKind | None]:
    """Return what the only element that speaks of an order proves."""
    unknown = (PostClass.UNKNOWN, None)
    if not isinstance(element, dict) or not isinstance(element.get("orderID", ""), str):
        return unknown
    text, status = element.get("errorMsg", ""), element.get("status", "")
    if "Duplicated" in text:
        return PostClass.DUPLICATED, None
    if text and not status:
        killed = text == FAK_TEXT and order.intent.time_in_force is not TimeInForce.GTC
        refused = (PostClass.REFUSED, RejectKind.KILLED if killed else RejectKind.ORDER)
        return refused if text in (FAK_TEXT, BALANCE) else unknown
    if not text and status in ("live", "delayed", "matched") and element.get("orderID"):
        return PostClass.ACCEPTED, None
    return unknown


def test_batch_answer_proves_no_more_of_a_leg_than_its_own_element_does():
    seen: set[tuple[PostClass, RejectKind | None]] = set()
    for case in range(CASES):
        random = Random(SEED + case)
        orders = ORDERS[: random.randint(1, 15)]
        own = [str(order.order_id) for order in orders]
        elements: list[Any] = [_element(random, one) for one in own]
        for _ in range(random.randrange(3)):
            if elements:
                _spoil(random, elements)
        answer = HttpAnswer(200, json.dumps(elements).encode(), {"content-type": "application/json"})

        legs: tuple[LegAnswer, ...] = judge(orders, answer)

        assert [leg.order_id for leg in legs] == own
        for order, leg, element in zip(orders, legs, _readable(elements, own), strict=True):
            wanted = _expected(order, element)
            seen.add(wanted)
            assert (leg.kind, leg.reject) == wanted, f"seed {SEED + case}: {elements}"
        strangers = {
            element["orderID"]
            for element in elements
            if isinstance(element, dict) and element.get("orderID") in STRANGERS
        }
        reported = {leg.foreign_id for leg in legs if leg.foreign_id}
        assert bool(reported) == bool(strangers), f"seed {SEED + case}: {elements}"
        assert reported <= strangers, f"seed {SEED + case}: {elements}"
    assert len(seen) == 5, f"expected every class to come up, found {seen}"

"""The REST edge without a socket: what each fate does to a request, and what the log keeps of it."""

import hashlib
import json

import pytest

from engine.clock import ManualClock
from engine.simulator.chances import Chances
from engine.simulator.faults import LEG_FAULTS, REQUEST_FAULTS, UNPROCESSED_FAULTS, Fault, FaultKind
from engine.simulator.order_batch import read_batch
from engine.simulator.rest import Delivery, RestRequest
from tests.support.local_exchange import CUP, FED
from tests.unit.simulator.edge_trader import EdgeTrader, still_venue
from tests.unit.simulator.trader import order_id


@pytest.fixture
def trader(clock: ManualClock) -> EdgeTrader:
    return EdgeTrader(still_venue(clock), clock)


def arm(trader: EdgeTrader, kind: FaultKind, **more: object) -> None:
    trader.venue.faults.arm(Fault(kind, **more))  # type: ignore[arg-type]


def rests(trader: EdgeTrader, number: str) -> bool:
    return trader.call("GET", f"/data/order/{number}").told is not None


def last_entry(trader: EdgeTrader):
    return trader.venue.log.entries()[-1]


def test_order_without_faults_is_answered_and_logged_with_its_status(trader):
    delivered = trader.place(trader.market(FED))

    assert delivered.arrived
    assert delivered.told["status"] == "live"
    entry = last_entry(trader)
    assert (entry.status, entry.processed, entry.note) == (200, True, "")
    assert [leg.outcome for leg in entry.legs] == ["live"]


def test_unknown_path_is_not_found(trader):
    assert trader.call("GET", "/nowhere").status == 404
    assert trader.call("POST", "/data/orders").status == 404
    assert trader.call("GET", "/data/order/a/b").status == 404


@pytest.mark.parametrize(
    "path", ["/time", "/ok", "/book", "/events/keyset", "/markets/keyset", "/markets", "/version"]
)
def test_public_reads_are_served_without_a_socket(trader, path):
    token = trader.market(FED).tokens[0]

    answer = trader.send(RestRequest("GET", path, {"token_id": token}, {}, b""))

    assert answer.status == 200
    assert answer.told


def test_every_request_fault_tells_truly_whether_the_order_was_taken(trader):
    for kind in REQUEST_FAULTS:
        body = trader.body(trader.market(FED))
        arm(trader, kind, delay_ms=500)
        trader.call("POST", "/order", body)

        entry, taken = last_entry(trader), rests(trader, order_id(body, neg_risk=True))
        assert taken is (kind not in UNPROCESSED_FAULTS), kind
        assert (entry.processed, entry.note) == (taken, kind.value)
        trader.call("DELETE", "/cancel-all")


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        (FaultKind.HTML_INSTEAD, 403, b"<html>"),
        (FaultKind.HTML_ANSWER, 502, b"<html>"),
        (FaultKind.ERROR_ANSWER, 500, b"could not insert order"),
        (FaultKind.GARBLED_ANSWER, 200, b"{'a':"),
        (FaultKind.EMPTY_ANSWER, 200, b""),
        (FaultKind.RESTARTING, 425, b"restarting"),
    ],
)
def test_replaced_answer_says_what_was_scripted(trader, kind, status, text):
    arm(trader, kind)

    delivered = trader.place(trader.market(FED))

    assert delivered.arrived
    assert delivered.status == last_entry(trader).status == status
    assert text in delivered.reply.body
    assert (delivered.reply.body == b"") is (text == b"")


def test_scripted_refusal_carries_status_text_and_retry_after(trader):
    arm(trader, FaultKind.REFUSE_REQUEST, status=429, text="Too Many Requests", retry_after="-5")

    delivered = trader.place(trader.market(FED))

    assert delivered.status == 429
    assert delivered.told == {"error": "Too Many Requests"}
    assert delivered.reply.headers["Retry-After"] == "-5"


def test_late_request_is_carried_out_after_its_connection_was_cut(trader, clock):
    body = trader.body(trader.market(FED))
    arm(trader, FaultKind.LATE_REQUEST, delay_ms=90_000)
    came = clock.now_ms()

    delivered = trader.call("POST", "/order", body)

    assert not delivered.arrived
    assert rests(trader, order_id(body, neg_risk=True))
    entry = last_entry(trader)
    assert (entry.arrived_ms, entry.at_ms, entry.status) == (came, came + 90_000, 0)


def test_held_request_meets_the_book_as_it_is_then(trader, clock):
    """GTD that is long enough at its arrival is refused when it is carried out too late."""
    soon = str(clock.now_ms() // 1000 + 200)
    arm(trader, FaultKind.HOLD_REQUEST, delay_ms=30_000)

    delivered = trader.place(trader.market(FED), order_type="GTD", expiration=soon)

    assert delivered.told == {"error": "invalid expiration"}


def test_cut_answer_holds_half_of_its_body(trader):
    arm(trader, FaultKind.CUT_ANSWER)

    delivered = trader.place(trader.market(FED))

    assert delivered.fate.delivery is Delivery.CUT
    with pytest.raises(json.JSONDecodeError):
        json.loads(delivered.reply.body)
    assert delivered.reply.body.startswith(b'{"errorMsg"')


def test_faults_of_cancels_leave_posts_alone(trader):
    arm(trader, FaultKind.NO_ANSWER, request="DELETE")

    number = trader.place(trader.market(FED)).told["orderID"]
    unanswered = trader.call("DELETE", "/order", {"orderID": number})

    assert not unanswered.arrived
    assert not rests(trader, number)
    assert [leg.outcome for leg in last_entry(trader).legs] == ["canceled"]


def batch(trader: EdgeTrader, kind: FaultKind, leg: int = 1):
    bodies = [trader.body(trader.market(CUP, child)) for child in range(3)]
    ids = [order_id(body, neg_risk=True) for body in bodies]
    arm(trader, kind, leg=leg)
    told = trader.call("POST", "/orders", bodies).told
    assert all(rests(trader, number) for number in ids), "only the answer may lie"
    return ids, told, [leg["orderID"] for leg in told]


def test_missing_leg_is_left_out(trader):
    ids, _, told = batch(trader, FaultKind.LEG_MISSING)

    assert told == [ids[0], ids[2]]


def test_shuffled_legs_are_all_there(trader):
    ids, _, told = batch(trader, FaultKind.LEGS_SHUFFLED, leg=0)

    assert told == [ids[1], ids[2], ids[0]]


def test_unknown_leg_is_one_more(trader):
    ids, _, told = batch(trader, FaultKind.LEG_UNKNOWN)

    assert [number for number in told if number in ids] == ids
    assert len(told) == 4


def test_wrong_id_replaces_that_of_its_leg(trader):
    ids, _, told = batch(trader, FaultKind.LEG_WRONG_ID)

    assert (told[0], told[2]) == (ids[0], ids[2])
    assert told[1] not in ids


def test_blank_leg_claims_success_without_id_and_text(trader):
    _, legs, _ = batch(trader, FaultKind.LEG_BLANK)

    assert (legs[1]["orderID"], legs[1]["errorMsg"], legs[1]["success"]) == ("", "", True)


@pytest.mark.parametrize("kind", LEG_FAULTS)
def test_single_order_keeps_its_one_leg(trader, kind):
    arm(trader, kind, leg=0)

    told = trader.place(trader.market(FED)).told

    alone = kind in (FaultKind.LEG_BLANK, FaultKind.LEG_WRONG_ID)
    assert (told["orderID"] != last_entry(trader).legs[0].order_id) is alone


def test_entry_of_a_batch_has_the_hash_of_the_same_order_alone(trader):
    bodies = [trader.body(trader.market(CUP, child)) for child in range(2)]

    trader.call("POST", "/orders", bodies)
    trader.call("POST", "/order", bodies[1])

    together, alone = trader.venue.log.entries()[-2:]
    assert together.legs[1].body_sha256 == alone.legs[0].body_sha256 == alone.body_sha256
    assert together.legs[0].body_sha256 != together.legs[1].body_sha256


def test_entries_are_cut_at_their_exact_bytes():
    texts = ['{"a": [1, "]}"]}', "7", '"\\u00e9 é"', "null"]

    entries = read_batch((" [ " + " ,\n".join(texts) + " ] ").encode())

    assert entries is not None
    assert [entry.sha256 for entry in entries] == [
        hashlib.sha256(text.encode()).hexdigest() for text in texts
    ]
    assert [entry.value for entry in entries] == [json.loads(text) for text in texts]
    assert read_batch(b"[]") == []
    assert [read_batch(raw) for raw in (b"{}", b"[1", b"\xff", b"")] == [None] * 4


RATES = {FaultKind.NO_ANSWER: 2_000, FaultKind.LATE_REQUEST: 2_000, FaultKind.LEG_WRONG_ID: 1_000}


def seeded_run(seed: int) -> list[tuple[str, int]]:
    clock = ManualClock()
    trader = EdgeTrader(still_venue(clock), clock)
    trader.venue.faults.chances = Chances(seed, RATES)
    for _ in range(60):
        trader.place(trader.market(FED), "0.01", "5")
        clock.advance(1_000)
    return [(entry.note, entry.at_ms) for entry in trader.venue.log.entries()]


def test_same_seed_makes_the_same_faults_and_another_seed_others():
    first, again, other = seeded_run(1), seeded_run(1), seeded_run(2)

    assert first == again
    assert first != other
    notes = [note for note, _ in first]
    assert 0 < sum(note == "no_answer" for note in notes) < 30
    assert 0 < sum(note == "late_request" for note in notes) < 30


def test_seeded_faults_strike_the_named_requests_only():
    chances = Chances(3, {FaultKind.NO_ANSWER: 10_000}, request="DELETE")

    assert chances.draw("POST /order", b"{}") is None
    fault = chances.draw("DELETE /order", b"{}")
    assert fault is not None
    assert fault.kind is FaultKind.NO_ANSWER


@pytest.mark.parametrize(
    ("rates", "delay_max_ms"),
    [
        ({FaultKind.CUT: 1}, 10),
        ({FaultKind.NO_ANSWER: -1}, 10),
        ({FaultKind.NO_ANSWER: 6_000, FaultKind.LOST_REQUEST: 6_000}, 10),
        ({}, 0),
    ],
)
def test_chances_that_are_none_are_refused(rates, delay_max_ms):
    with pytest.raises(ValueError, match="expected"):
        Chances(1, rates, delay_max_ms)

"""The fault director alone: counted, narrowed, kept; and the request log that cannot be edited."""

import dataclasses
import hashlib

import pytest

from engine.domain.units import Ms
from engine.simulator.faults import Fault, FaultDirector, FaultKind
from engine.simulator.request_log import LegOutcome, RequestLog

NOW = Ms(1_790_000_000_000)


def test_fault_fires_as_often_as_scripted_and_is_then_gone():
    faults = FaultDirector()
    faults.arm(Fault(FaultKind.RESTARTING, times=2))

    hits = [faults.hits_request(FaultKind.RESTARTING, "POST /order", NOW) for _ in range(4)]

    assert [hit is not None for hit in hits] == [True, True, False, False]
    assert [(firing.kind, firing.detail) for firing in faults.fired] == [
        (FaultKind.RESTARTING, "POST /order")
    ] * 2
    assert faults.armed() == []


def test_fault_of_one_kind_leaves_the_others_armed():
    faults = FaultDirector()
    faults.arm(Fault(FaultKind.NO_ANSWER))
    faults.arm(Fault(FaultKind.LOST_REQUEST))

    assert not faults.hits_request(FaultKind.RESTARTING, "POST /orders", NOW)
    assert faults.hits_request(FaultKind.LOST_REQUEST, "POST /orders", NOW)
    assert [fault.kind for fault, _ in faults.armed()] == [FaultKind.NO_ANSWER]


def test_dropped_delta_may_be_narrowed_to_one_market():
    faults = FaultDirector()
    faults.arm(Fault(FaultKind.DROP_DELTA, asset_id="b-no"))

    def hit(*tokens: str) -> bool:
        return faults.hits_delta(FaultKind.DROP_DELTA, (tokens[0], tokens[1]), [1], NOW) is not None

    assert not hit("a-yes", "a-no")
    assert hit("b-yes", "b-no")
    assert not hit("b-yes", "b-no")


def test_rejected_leg_waits_for_a_batch_that_is_long_enough():
    faults = FaultDirector()
    faults.arm(script := Fault(FaultKind.REJECT_LEG, leg=2, text="no"))

    assert faults.hits_leg(FaultKind.REJECT_LEG, 2, NOW) is None
    assert faults.hits_leg(FaultKind.REJECT_LEG, 3, NOW) == script
    assert faults.hits_leg(FaultKind.REJECT_LEG, 3, NOW) is None


def test_fault_of_requests_strikes_those_it_names_alone():
    faults = FaultDirector()
    faults.arm(Fault(FaultKind.NO_ANSWER, request="DELETE /order"))

    assert faults.hits_request(FaultKind.NO_ANSWER, "POST /order", NOW) is None
    assert faults.hits_request(FaultKind.NO_ANSWER, "DELETE /cancel-all", NOW) is None
    assert faults.hits_request(FaultKind.NO_ANSWER, "DELETE /orders", NOW) is not None


@pytest.mark.parametrize(
    "script", [{"times": 0}, {"leg": 15}, {"leg": -1}, {"delay_ms": 600_001}, {"status": 42}]
)
def test_fault_that_could_never_fire_or_never_end_is_refused(script):
    with pytest.raises(ValueError, match="expected"):
        Fault(FaultKind.REJECT_LEG, **script)


def _append(log: RequestLog, address: str, body: bytes) -> None:
    log.append(
        arrived_ms=NOW,
        at_ms=NOW,
        address=address,
        method="POST",
        path="/order",
        body=body,
        legs=(LegOutcome("0x1", "live"),),
        status=200,
    )


def test_request_log_numbers_arrivals_and_hashes_exact_bodies():
    log = RequestLog()
    for body in (b"a", b"b", b"a"):
        _append(log, "0xAB", body)

    entries = log.entries()

    assert [entry.arrival for entry in entries] == [1, 2, 3]
    assert entries[0].body_sha256 == entries[2].body_sha256 == hashlib.sha256(b"a").hexdigest()
    assert entries[1].body_sha256 != entries[0].body_sha256


def test_request_log_filters_by_address_without_letter_case():
    log = RequestLog()
    _append(log, "0xAB", b"a")
    _append(log, "0xcd", b"b")

    assert [entry.arrival for entry in log.entries("0xab")] == [1]
    assert [entry.arrival for entry in log.entries("0xCD")] == [2]


def test_request_log_cannot_be_changed_through_what_it_gives_out():
    log = RequestLog()
    _append(log, "0xAB", b"a")

    log.entries().clear()
    with pytest.raises(dataclasses.FrozenInstanceError):
        log.entries()[0].status = 500  # type: ignore[misc]

    assert [entry.status for entry in log.entries()] == [200]

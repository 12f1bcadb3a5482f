"""Answers to a POST that lie about its orders: legs missing, shuffled, unknown, with a wrong id or none.

The orders themselves were judged truly; only what the answer says of them is spoiled.
"""

import hashlib
from collections.abc import Sequence

from engine.domain.units import Ms
from engine.simulator.answers import Json
from engine.simulator.faults import LEG_FAULTS, Fault, FaultDirector, FaultKind


def spoil_legs(faults: FaultDirector, legs: Sequence[Json], now_ms: Ms) -> list[Json]:
    """Return what the answer says of the legs, in its order. A single order's answer keeps its one leg."""
    told = list(legs)
    for kind in LEG_FAULTS:
        many = kind in (FaultKind.LEG_MISSING, FaultKind.LEGS_SHUFFLED, FaultKind.LEG_UNKNOWN)
        if many and len(told) < 2:
            continue
        fault = faults.hits_leg(kind, len(told), now_ms)
        if fault is not None:
            _spoil(told, fault)
    return told


def _spoil(told: list[Json], fault: Fault) -> None:
    match fault.kind:
        case FaultKind.LEG_BLANK:
            told[fault.leg] = told[fault.leg] | {"orderID": "", "status": "", "errorMsg": ""}
        case FaultKind.LEG_WRONG_ID:
            told[fault.leg] = told[fault.leg] | {"orderID": _other_id(told[fault.leg])}
        case FaultKind.LEG_MISSING:
            del told[fault.leg]
        case FaultKind.LEG_UNKNOWN:
            told.insert(fault.leg, told[fault.leg] | {"orderID": _other_id(told[fault.leg])})
        case FaultKind.LEGS_SHUFFLED:
            told.append(told.pop(0))
        case _:
            raise AssertionError(f"{fault.kind} is no fault of an answer's legs")


def _other_id(leg: Json) -> str:
    """Return an id of the right form that no order has."""
    return "0x" + hashlib.sha256(f"not {leg['orderID']}".encode()).hexdigest()

"""The actions of one loop, of one market or of many, as requests within the venue's limits (protocol 2.4).

Cancels leave before orders, hard ones first: what lowers risk never waits behind what adds it. No request
mixes a hard cancel with a soft one, because the venue admits a request whole or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.core.order_terms import BATCH_LEGS_MAX
from engine.core.rate_governor import CANCEL_IDS_MAX
from engine.domain.ids import OrderId
from engine.domain.quote import CancelQuote, PlaceQuote, QuoteAction, Target


@dataclass(frozen=True, slots=True)
class CancelBatch:
    """One request that cancels by id."""

    order_ids: tuple[OrderId, ...]
    hard: bool


@dataclass(frozen=True, slots=True)
class PlaceBatch:
    """One request that places post-only orders."""

    targets: tuple[Target, ...]


Batch = CancelBatch | PlaceBatch
_T = TypeVar("_T")


def batched(actions: Iterable[QuoteAction]) -> tuple[Batch, ...]:
    """Return the requests, each within what the venue takes at once; in the order in which to send them.

    `CancelAll` is a request by itself and is left to the caller, as it names its market.
    """
    hard: list[OrderId] = []
    soft: list[OrderId] = []
    places: list[Target] = []
    for action in actions:
        if isinstance(action, PlaceQuote):
            places.append(action.target)
        elif isinstance(action, CancelQuote):
            (hard if action.hard else soft).append(action.order_id)
    return (
        *(CancelBatch(ids, hard=True) for ids in _parts(hard, CANCEL_IDS_MAX)),
        *(CancelBatch(ids, hard=False) for ids in _parts(soft, CANCEL_IDS_MAX)),
        *(PlaceBatch(part) for part in _parts(places, BATCH_LEGS_MAX)),
    )


def _parts(whole: Sequence[_T], size: int) -> tuple[tuple[_T, ...], ...]:
    return tuple(tuple(whole[first : first + size]) for first in range(0, len(whole), size))

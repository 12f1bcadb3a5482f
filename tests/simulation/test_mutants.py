"""Desks that are broken on purpose are caught: a check that never fails proves nothing.

Each mutant is a fault that desks of this kind have had. It lives through seeds until one of them tells.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

import engine.core.exposure.risk
import engine.core.orders.booking
import engine.core.trading.dutch_flow
import engine.core.trading.order_flow
import engine.venue.account_wire
from engine.core.dutch.sheet import Room
from engine.domain.failure import PostClass
from engine.domain.order import Settlement
from engine.domain.units import Usdc
from engine.runtime.last_gate import LastGate
from engine.venue.relayer import ClobRelayer
from storage.store import LedgerStore
from tests.simulation.world import run_seed

SEEDS = range(1, 41)

pytestmark = pytest.mark.slow


def sends_before_it_stores() -> AbstractContextManager[Any]:
    async def commit_batch(*_args: Any) -> bool:
        return True

    return mock.patch.object(LedgerStore, "commit_batch", commit_batch)


def signs_anew_before_it_sends() -> AbstractContextManager[Any]:
    submit = ClobRelayer.submit

    async def other_bytes(self: Any, prepared: Any, **witnesses: Any) -> Any:
        anew = tuple(replace(order, body=order.body.replace(b'"salt":', b'"salt":1')) for order in prepared)
        return await submit(self, anew, **witnesses)

    return mock.patch.object(ClobRelayer, "submit", other_bytes)


def posts_again_when_nothing_is_answered() -> AbstractContextManager[Any]:
    submit = ClobRelayer.submit

    async def insistent(self: Any, prepared: Any, **witnesses: Any) -> Any:
        report = await submit(self, prepared, **witnesses)
        if any(answer.kind is PostClass.UNKNOWN for answer in report.answers):
            report = await submit(self, prepared, **witnesses)
        return report

    return mock.patch.object(ClobRelayer, "submit", insistent)


def books_a_fill_twice() -> AbstractContextManager[Any]:
    move = engine.core.orders.booking._move_balance

    def twice(*args: Any) -> None:
        move(*args)
        move(*args)

    return mock.patch.object(engine.core.orders.booking, "_move_balance", twice)


def holds_what_failed_to_settle() -> AbstractContextManager[Any]:
    table = engine.venue.account_wire._SETTLEMENTS
    return mock.patch.dict(table, {"FAILED": Settlement.CONFIRMED})


@contextmanager
def sends_through_a_closed_gate() -> Iterator[None]:
    """In the core and at the last gate: either of them alone still holds."""
    with ExitStack() as stack:
        for module in (
            engine.core.exposure.risk,
            engine.core.trading.dutch_flow,
            engine.core.trading.order_flow,
        ):
            stack.enter_context(mock.patch.object(module, "closed", return_value=None))
        stack.enter_context(mock.patch.object(LastGate, "_closed", return_value=None))
        yield


@contextmanager
def forgets_its_caps() -> Iterator[None]:
    """The core's caps alone: the last gate still holds each order to what one ticket may cost."""
    plenty = Room(ticket=Usdc(10**12), day=Usdc(10**12), wallet=Usdc(10**12))
    with ExitStack() as stack:
        for module in (engine.core.exposure.risk, engine.core.trading.dutch_flow):
            stack.enter_context(mock.patch.object(module, "room", return_value=plenty))
        yield


def takes_silence_for_a_refusal() -> AbstractContextManager[Any]:
    submit = ClobRelayer.submit

    async def certain(self: Any, prepared: Any, **witnesses: Any) -> Any:
        report = await submit(self, prepared, **witnesses)
        answers = tuple(
            replace(answer, kind=PostClass.REFUSED) if answer.kind is PostClass.UNKNOWN else answer
            for answer in report.answers
        )
        return replace(report, answers=answers)

    return mock.patch.object(ClobRelayer, "submit", certain)


MUTANTS: tuple[Callable[[], AbstractContextManager[Any]], ...] = (
    sends_before_it_stores,
    signs_anew_before_it_sends,
    posts_again_when_nothing_is_answered,
    books_a_fill_twice,
    holds_what_failed_to_settle,
    sends_through_a_closed_gate,
    forgets_its_caps,
    takes_silence_for_a_refusal,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_broken_desk_is_caught(mutant):
    with mutant():
        caught = next((report for seed in SEEDS if (report := run_seed(seed)).violations), None)

    assert caught is not None, f"no seed of {SEEDS} notices a desk that {mutant.__name__.replace('_', ' ')}"

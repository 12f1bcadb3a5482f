"""A wallet's acts on chain as a test tells them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from engine.domain.chain import ActOutcome, ActState, Allowance, Contract
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId
from engine.domain.units import Size, Usdc
from engine.ports import Chain

DONE = ActOutcome(ActState.DONE, "0xfeed", "")


class FakeChain:
    """Answers every act with `outcome`, or raises it."""

    def __init__(self, log: list[tuple[str, Any]] | None = None) -> None:
        self.log = [] if log is None else log
        self.outcome: ActOutcome | Exception = DONE
        self.shut: Exception | None = None
        """Raised instead of opening."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Chain]:
        if self.shut is not None:
            raise self.shut
        yield self

    def _acted(self, what: str, about: object) -> ActOutcome:
        self.log.append((what, about))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        return ()

    async def approve_collateral(self, spender: Contract, amount: Usdc) -> ActOutcome:
        return self._acted("approve", (spender, amount))

    async def approve_outcomes(self, operator: Contract, *, allowed: bool) -> ActOutcome:
        return self._acted("operate", (operator, allowed))

    async def split(self, condition_id: ConditionId, amount: Usdc) -> ActOutcome:
        return self._acted("split", (condition_id, amount))

    async def merge(self, condition_id: ConditionId, size: Size) -> ActOutcome:
        return self._acted("merge", (condition_id, size))

    async def redeem(self, condition_id: ConditionId) -> ActOutcome:
        return self._acted("redeem", condition_id)

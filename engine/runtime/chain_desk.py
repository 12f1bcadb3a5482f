"""Acts on chain leave here: stored as intended, then carried out once, told as an event when they end.

An act that a stop cuts short stays stored as intended: the next start reads the wallet, and repeats nothing.
"""

import logging
from collections.abc import Callable
from typing import assert_never

from engine.clock import Clock
from engine.domain.chain import ActOutcome, ActState
from engine.domain.chain_act import ActKind, ChainAct
from engine.domain.chain_events import ActEnded
from engine.domain.effects import CarryOut
from engine.domain.events import Event
from engine.metrics import Metrics
from engine.ports import Chain, ChainUnavailableError, OpenChain, Store, StoreError
from engine.runtime.supervise import TaskSet

LOG = logging.getLogger(__name__)


class ChainDesk:
    """Carries acts out through whatever `open_chain` gives; with None every act is refused."""

    def __init__(
        self,
        *,
        open_chain: OpenChain | None,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        tasks: TaskSet,
        post: Callable[[Event], None],
    ) -> None:
        self._open_chain = open_chain
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._tasks = tasks
        self._post = post

    async def carry_out(self, effect: CarryOut) -> None:
        """Store the act, then start it; raises StoreError, with nothing submitted, if the ledger refused."""
        try:
            await self._store.save_act(effect.act)
        except StoreError as error:
            self.refuse(effect, str(error))
            raise
        self._tasks.spawn("chain act", self._carry_out(effect.act))

    def refuse(self, effect: CarryOut, reason: str) -> None:
        """Tell that nothing was submitted, because the ledger could not hold it."""
        self._ended(effect.act, ActOutcome(ActState.NOT_SENT, "", f"the ledger refused: {reason}"))

    async def _carry_out(self, act: ChainAct) -> None:
        if self._open_chain is None:
            reason = "this desk was started without access to the chain"
            self._ended(act, ActOutcome(ActState.NOT_SENT, "", reason))
            return
        outcome = ActOutcome(ActState.UNKNOWN, "", "the desk failed while it was under way")
        try:
            async with self._open_chain() as chain:
                outcome = await _act(chain, act)
        except ChainUnavailableError as error:
            outcome = ActOutcome(ActState.NOT_SENT, "", str(error))
        except Exception:  # boundary: it may have been submitted, so a fault of ours is an unknown outcome
            LOG.exception("an act on chain failed in our own code")
            self._metrics.count("engine_errors", "chain")
        self._ended(act, outcome)

    def _ended(self, act: ChainAct, outcome: ActOutcome) -> None:
        self._post(ActEnded(self._clock.now_ms(), act.act_id, outcome))


async def _act(chain: Chain, act: ChainAct) -> ActOutcome:
    match act.kind:
        case ActKind.MERGE:
            return await chain.merge(act.condition_id, act.yes_size)
        case ActKind.REDEEM:
            return await chain.redeem(act.condition_id)
        case _:
            assert_never(act.kind)

"""Acts on chain of a paper account: pairs are split and merged on its own page, nothing is submitted.

A market pays out once the market channel has told its winner; the channel does not tell every one.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from engine.domain.chain import CONTRACTS, UNLIMITED, ActOutcome, ActState, Allowance, Contract
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import Size, Usdc
from engine.ports import Chain
from engine.venue.paper_journal import PaperJournal

_DONE = ActOutcome(ActState.DONE, "paper", "")
Pair = tuple[TokenId, TokenId]


class PaperChain:
    """Implements `engine.ports.Chain`; approvals are always there."""

    def __init__(
        self,
        journal: PaperJournal,
        *,
        pair_of: Callable[[ConditionId], Pair | None],
        winner_of: Callable[[ConditionId], TokenId | None],
    ) -> None:
        """Take the account, and who knows the two tokens and the winner of a market."""
        self._journal = journal
        self._pair_of = pair_of
        self._winner_of = winner_of

    async def allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        """Tell that every contract may move everything."""
        return tuple(Allowance(row, UNLIMITED, outcomes=True) for row in CONTRACTS)

    async def approve_collateral(self, spender: Contract, amount: Usdc) -> ActOutcome:  # noqa: ARG002
        """Do nothing: paper money asks for no permission."""
        return _DONE

    async def approve_outcomes(self, operator: Contract, *, allowed: bool) -> ActOutcome:  # noqa: ARG002
        """Do nothing: paper shares ask for no permission."""
        return _DONE

    async def split(self, condition_id: ConditionId, amount: Usdc) -> ActOutcome:
        """Turn collateral into as many YES and NO of one market."""
        account, pair = self._journal.account, self._pair_of(condition_id)
        if pair is None or account.free_cash < amount:
            return _refused(f"expected {amount} micro-dollars free, found {account.free_cash}", pair)
        self._journal.convert(*pair, amount)
        return _DONE

    async def merge(self, condition_id: ConditionId, size: Size) -> ActOutcome:
        """Turn `size` YES and as many NO of one market into collateral."""
        account, pair = self._journal.account, self._pair_of(condition_id)
        free = 0 if pair is None else min(account.free_shares(token) for token in pair)
        if pair is None or free < size:
            return _refused(f"expected {size} micro-shares of both free, found {free}", pair)
        self._journal.convert(*pair, -size)
        return _DONE

    async def redeem(self, condition_id: ConditionId) -> ActOutcome:
        """Turn every share of a resolved market into what it pays."""
        pair, winner = self._pair_of(condition_id), self._winner_of(condition_id)
        if pair is None or winner not in pair:
            return _refused("expected the market channel to have told the winner, it has not", pair)
        self._journal.redeem(winner, pair[0] if winner == pair[1] else pair[1])
        return _DONE

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Chain]:
        """Give itself: there is nothing to open."""
        yield self


def _refused(why: str, pair: Pair | None) -> ActOutcome:
    known = why if pair is not None else "expected a market whose tokens were both heard of, found none"
    return ActOutcome(ActState.NOT_SENT, "", f"{known}; nothing was done")

"""One act on chain that this desk intends: pairs merged, or the shares of a resolved market redeemed.

It is stored before anything is submitted. What it moves is booked only when the wallet has been read to show
it; an act of which nothing is known is read back, never repeated. Sizes in micro-shares, money in
micro-dollars.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import ConditionId, EventId, TicketId, TokenId
from engine.domain.units import Ms, Size, Usdc


class ActKind(Enum):
    """What is done; the value is the word on the card."""

    MERGE = "merge"
    """As many YES as NO of one market become a dollar each pair."""
    REDEEM = "redeem"
    """Every share of a resolved market becomes what it pays."""


class ActStage(Enum):
    """How far an act is known to have come."""

    INTENDED = "intended"
    """Stored, and handed to the chain by this process."""
    CONFIRMED = "confirmed"
    """The chain said that it is done; the wallet has not been read since."""
    UNKNOWN = "unknown"
    """It may have happened or may still happen: the wallet tells."""
    DONE = "done"
    """Read back from the wallet, and booked."""
    FAILED = "failed"
    """It had no effect."""

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more is learned about it."""
        return self in (ActStage.DONE, ActStage.FAILED)


@dataclass(frozen=True, slots=True)
class ChainAct:
    """One act of one wallet on one market."""

    act_id: str
    """Kind, time and beginning of the market's id: unique, because acts do not overlap."""
    kind: ActKind
    ticket_id: TicketId | None
    """The ticket that was confirmed; None under a standing permission."""
    event_id: EventId
    code: str
    name: str
    """The market's."""
    condition_id: ConditionId
    yes: TokenId
    no: TokenId
    yes_size: Size
    """What leaves of each side; equal in a merge."""
    no_size: Size
    payout: Usdc
    """What comes back, before gas."""
    yes_beyond: int
    """Shares that the wallet had beyond our books before it: people's own. Never touched on purpose."""
    no_beyond: int
    stage: ActStage
    reference: str
    """Transaction hash, or the gas relayer's id; empty while unknown."""
    reason: str
    """Why it failed or is unknown; empty otherwise."""
    created_ms: Ms
    ended_ms: Ms | None
    """When its outcome was told, or was lost; None before."""

    @property
    def tokens(self) -> tuple[TokenId, TokenId]:
        """Return both outcome tokens."""
        return self.yes, self.no

    def taken(self, token: TokenId) -> Size:
        """Return how many shares of this token it takes."""
        return self.yes_size if token == self.yes else self.no_size if token == self.no else Size(0)

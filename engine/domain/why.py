"""What `/why` shows: an event's guards and inputs as they are now, or what a ticket was planned on.

Facts only, no wording. Made by `engine.core.trading.why`; prices in 1e-4, sizes in micro-shares, money in
micro-dollars.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import TicketId
from engine.domain.order import OrderState
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal
from engine.domain.units import Ms, Price, Size, Usdc


class GuardState(Enum):
    """How one guard judged; the value is the operator's word."""

    OK = "ok"
    REFUSED = "refused"
    NOT_REACHED = "not reached"
    """One before it refused: this one was not asked."""


@dataclass(frozen=True, slots=True)
class GuardLine:
    """One guard, in the order in which they are asked."""

    name: str
    state: GuardState
    refusal: Refusal | None
    """What it said; None unless it refused."""


@dataclass(frozen=True, slots=True)
class BookLine:
    """One leg's book as a plan would see it now."""

    name: str
    bid: Price | None
    """Best bid; None without one, or where no proven book is at hand."""
    ask: Price | None
    on_offer: Size | None
    """Size at the best price the leg would trade with."""
    age_ms: int | None
    """Since it was last confirmed; None where it is not proven."""
    trouble: str
    """Why it may not be planned on; empty for a proven book."""
    fee_rate: int | None
    """The market's taker rate in 1e-6; None while unknown."""
    fee: Usdc | None
    """Taker fee of one share at that price, rounded up; None where either is unknown."""


@dataclass(frozen=True, slots=True)
class SetCost:
    """One set at the touch, every cost rounded up; `net` is what remains of the payout."""

    payout: Usdc
    asks: Usdc
    fees: Usdc
    slippage: Usdc
    buffer: Usdc
    safety: Usdc
    carry: Usdc
    net: Usdc


@dataclass(frozen=True, slots=True)
class RoomLine:
    """What one cap leaves for a new plan."""

    name: str
    amount: Usdc


@dataclass(frozen=True, slots=True)
class WhyEvent:
    """One event: every guard in order, the inputs of a plan, and the plan itself or nothing."""

    code: str
    title: str
    kind: str
    """As what the event comes nearest to a trade; the guards and inputs are those of this kind."""
    guards: tuple[GuardLine, ...]
    books: tuple[BookLine, ...]
    cost: SetCost | None
    """None unless every leg has a proven ask and a known fee."""
    hurdle: Usdc
    """What a plan must leave at least, after the fixed cost."""
    fixed_cost: Usdc
    """Of a whole plan, not of a set."""
    room: tuple[RoomLine, ...]
    plan: Plan | None

    @property
    def refused(self) -> GuardLine | None:
        """Return the guard that refused, None if none did."""
        return next((line for line in self.guards if line.state is GuardState.REFUSED), None)


@dataclass(frozen=True, slots=True)
class WhyLeg:
    """What became of one leg of a ticket."""

    name: str
    state: OrderState
    wanted: Size
    filled: Size
    reason: str
    is_sent: bool = True
    """False for a leg of a probe order that has no order."""


@dataclass(frozen=True, slots=True)
class WhyTicket:
    """A ticket: what it was planned on, and what it came to."""

    ticket_id: TicketId
    stage: str
    note: str
    owner: str
    plan: Plan | None
    legs: tuple[WhyLeg, ...]
    """Empty until it was sent."""
    paid: Usdc
    """Cash and fees of its fills."""
    sets: Size


@dataclass(frozen=True, slots=True)
class LastRefusal:
    """The newest refusal that one operator was answered with."""

    subject: str
    refusal: Refusal
    at_ms: Ms


@dataclass(frozen=True, slots=True)
class WhyView:
    """The answer to `/why`: at least one of its parts is there."""

    subject: str
    at_ms: Ms
    event: WhyEvent | None = None
    ticket: WhyTicket | None = None
    last: LastRefusal | None = None

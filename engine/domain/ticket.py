"""A ticket: one dry -> confirm -> live flow of one operator, as a value and a table of moves.

A button is a request; the ticket's row decides, once. `engine.core.tickets.ticket` applies the table and
`storage` enforces it again with a conditional update.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import ConditionId, PlanId, TicketId, UserId
from engine.domain.plan import Plan
from engine.domain.units import Ms, Size, Usdc


class Role(Enum):
    """What a person may do; each role includes the ones before it."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"

    def allows(self, needed: "Role") -> bool:
        """Tell whether this role is at least `needed`."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Operator:
    """An allowlisted person."""

    user_id: UserId
    name: str
    role: Role


class TicketKind(Enum):
    """What a ticket asks for."""

    DUTCH = "dutch"
    RESUME = "resume"
    REVIEW = "review"
    ORDER = "order"
    """One order, asked for and confirmed on the command line."""
    AUTO = "auto"
    """A standing grant: while it is in force (SENDING) the desk sends Dutch plans, each as its own ticket."""
    CHAIN = "chain"
    """One act on chain: a merge or a redemption. The act itself is stored, not its card."""
    REPAIR = "repair"
    """Completes or unwinds what a broken ticket holds (`engine.core.trading.repair_flow`)."""
    SPREAD = "spread"
    """A standing grant: while it is in force (SENDING) the desk quotes one market."""
    QUOTE = "quote"
    """Orders that were placed together under a grant to quote. It has no card and takes no presses."""

    @property
    def is_stored(self) -> bool:
        """Tell whether the ledger holds its row; of a review or an act on chain only that, not the card."""
        return self not in (TicketKind.REVIEW, TicketKind.CHAIN)

    @property
    def role(self) -> Role:
        """Return who may press its buttons: a review is a standing permission for everybody's tickets."""
        return Role.ADMIN if self is TicketKind.REVIEW else Role.TRADER


class TicketState(Enum):
    """Stages of a ticket; the value is the stage word on its card."""

    DRY = "dry"
    ARMED = "confirm"
    SENDING = "sending"
    DONE = "done"
    BROKEN = "broken"
    MISSED = "missed"
    """Sent, and nothing was filled: it cost nothing."""
    DROPPED = "dropped"
    EXPIRED = "expired"
    REFUSED = "refused"

    @property
    def is_open(self) -> bool:
        """Tell whether a press can still move it."""
        return self in (TicketState.DRY, TicketState.ARMED)


class Move(Enum):
    """What moves a ticket; the first six are buttons, their values travel in the payload."""

    CONFIRM = "cf"
    SEND = "go"
    DROP = "dr"
    BACK = "bk"
    REQUOTE = "rq"
    READ = "rd"
    """A person has read the rules on a review's card; the only button of that kind, and of no other."""
    WORSE = "worse"
    """The press found worse terms, or newer rules, than the card's: it is shown again with the difference."""
    REFUSE = "refuse"
    """The commit of a Send did not happen: nothing left."""
    EXPIRE = "expire"
    COMPLETE = "complete"
    SHORT = "short"
    NOTHING = "nothing"


BUTTONS = frozenset({Move.CONFIRM, Move.SEND, Move.DROP, Move.BACK, Move.REQUOTE, Move.READ})

_T, _M = TicketState, Move

MOVES: dict[tuple[TicketState, Move], TicketState] = {
    (_T.DRY, _M.CONFIRM): _T.ARMED,
    (_T.DRY, _M.REQUOTE): _T.DRY,
    (_T.DRY, _M.WORSE): _T.DRY,
    (_T.DRY, _M.READ): _T.DONE,
    (_T.DRY, _M.DROP): _T.DROPPED,
    (_T.DRY, _M.EXPIRE): _T.EXPIRED,
    (_T.ARMED, _M.SEND): _T.SENDING,
    (_T.ARMED, _M.BACK): _T.DRY,
    (_T.ARMED, _M.WORSE): _T.DRY,
    (_T.ARMED, _M.DROP): _T.DROPPED,
    (_T.ARMED, _M.EXPIRE): _T.EXPIRED,
    (_T.SENDING, _M.REFUSE): _T.REFUSED,
    (_T.SENDING, _M.COMPLETE): _T.DONE,
    (_T.SENDING, _M.SHORT): _T.BROKEN,
    (_T.SENDING, _M.NOTHING): _T.MISSED,
    # Late fills are legal: what was judged missed or broken can turn out fuller than thought.
    (_T.MISSED, _M.SHORT): _T.BROKEN,
    (_T.MISSED, _M.COMPLETE): _T.DONE,
    (_T.BROKEN, _M.SHORT): _T.BROKEN,
    (_T.BROKEN, _M.COMPLETE): _T.DONE,
    # And fills can be undone by the venue after they were counted.
    (_T.DONE, _M.SHORT): _T.BROKEN,
    (_T.DONE, _M.NOTHING): _T.MISSED,
    (_T.BROKEN, _M.NOTHING): _T.MISSED,
}
"""State after a move. A missing row is a refusal: the button is older than the ticket."""


@dataclass(frozen=True, slots=True)
class AutoTerms:
    """What a standing grant allows beside its scope; the desk's own caps hold as well."""

    budget: Usdc
    """The most that all its plans may spend together."""
    per_plan: Usdc
    """The most that one of them may spend."""
    lasts_ms: Ms
    """From its Send to its end."""


@dataclass(frozen=True, slots=True)
class SpreadTerms:
    """What a standing grant to quote allows; the desk's own caps hold as well."""

    condition_id: ConditionId
    name: str
    """What the outcome that is quoted is called inside its event; empty for a lone market."""
    size: Size
    """Of one quote."""
    half_ticks: int
    """Least distance of a quote from the fair value, in ticks."""
    inventory: Size
    """Most YES, or NO, that may be held net, in shares."""
    resting: Usdc
    """Most that its quotes may bind together."""
    lasts_ms: Ms
    """From its Send to its end."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket as stored. `version` counts every card shown; a press names the version it read."""

    ticket_id: TicketId
    kind: TicketKind
    owner: Operator
    chat_id: int
    state: TicketState
    version: int
    plan: Plan | None
    """The plan on the card; None for a resume."""
    previous: Plan | None
    """The plan of the card before, for the line that tells the difference."""
    wanted_sets: int | None
    """Micro-shares asked for, None for "as many as pay"."""
    note: str
    """One sentence under the verdict: why it moved, why it was refused, who dropped it."""
    created_ms: Ms
    rendered_ms: Ms
    """When the present card was made; a Send within 0.8 s of it is refused."""
    expires_ms: Ms
    message_id: int | None
    """The message that carries the card; a press from any other message is refused."""
    subject: str = ""
    """Code of the event whose freeze a resume lifts, whose rules a review reads, whose shares are merged, or
    to which a standing grant is limited; of a Dutch or quote ticket the id of its grant; of a repair its
    way and the broken ticket (`engine.domain.repair`). Else empty."""
    auto: AutoTerms | None = None
    """The terms of a standing grant; None for every other kind."""
    spread: SpreadTerms | None = None
    """The terms of a grant to quote; None for every other kind."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The conditional update that decides a press once: applies only to this state and version."""

    ticket_id: TicketId
    state: TicketState
    version: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to place one plan live, minted from a confirmed Send by `core.tickets.ticket` alone."""

    ticket_id: TicketId
    plan_id: PlanId
    user_id: UserId
    spend_max: Usdc
    expires_ms: Ms


@dataclass(frozen=True, slots=True)
class Approved:
    """Witness that `core.exposure.risk` reviewed this plan against caps and exposure, made only there."""

    plan_id: PlanId
    spend_max: Usdc
    reviewed_ms: Ms

"""Every output of the core, frozen. Effects are performed by `engine.runtime.perform`, in order.

Durable effects (`Save...`, `SendBatch`'s commit) finish before the next effect begins; network effects
are started and answer with an event.
"""

from dataclasses import dataclass

from engine.domain.chain_act import ChainAct
from engine.domain.commands import AskApprove
from engine.domain.frames import MarketResolved, NewMarket
from engine.domain.history import KeptSnapshot
from engine.domain.ids import ConditionId, ConnectionId, EventId, OrderId, TokenId
from engine.domain.order import Fill, OrderIntent, OrderRecord
from engine.domain.plan import Plan
from engine.domain.review import Review, RulesFreeze
from engine.domain.ticket import Approved, Claim, Grant, Operator, Ticket
from engine.domain.units import Ms
from engine.domain.views import Alert, TicketView, View


@dataclass(frozen=True, slots=True)
class FetchBooks:
    """Read these books over REST, batched; `reason` labels the metric."""

    tokens: tuple[TokenId, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """What every market connection must carry from now on; one that is not named carries nothing."""

    connections: tuple[tuple[ConnectionId, tuple[TokenId, ...]], ...]


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Give up a market connection that is up and open another in its place."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class PassOn:
    """Give a rare market message to the desk's own loop: it concerns more than books."""

    notice: NewMarket | MarketResolved


@dataclass(frozen=True, slots=True)
class ReadCatalogue:
    """Read the catalogue and the trading terms of every market."""


@dataclass(frozen=True, slots=True)
class KeepSnapshots:
    """Hand proven books over to be kept in the market file; nothing waits for it."""

    snapshots: tuple[KeptSnapshot, ...]


@dataclass(frozen=True, slots=True)
class PruneHistory:
    """Take out what the retention rules do not keep: old books, and signed bytes of orders long ended."""


@dataclass(frozen=True, slots=True)
class SaveTicket:
    """Store a ticket. With a claim the row changes only if it still stands as claimed."""

    ticket: Ticket
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class SendBatch:
    """Sign, commit everything in one transaction together with the ticket's claim, then POST.

    Both witnesses are demanded by type: no order leaves without a risk approval and a grant.
    """

    claim: Claim | None
    """None: the ticket is new, and its row is part of the same commit."""
    ticket: Ticket
    plan: Plan
    intents: tuple[OrderIntent, ...]
    approved: Approved
    grant: Grant


@dataclass(frozen=True, slots=True)
class ResendOrders:
    """Send the same stored bytes again, each under a new attempt row committed first."""

    order_ids: tuple[OrderId, ...]
    approved: Approved
    grant: Grant


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Cancel by id."""

    order_ids: tuple[OrderId, ...]


@dataclass(frozen=True, slots=True)
class CancelEverything:
    """Cancel all orders of the account, every market."""


@dataclass(frozen=True, slots=True)
class SendHeartbeat:
    """Tell the venue that this desk lives; it cancels everything of the key when such calls stop."""

    heartbeat_id: str
    """The id of the last answer; empty for the first."""


@dataclass(frozen=True, slots=True)
class LookUpOrder:
    """Ask for one order by id: the open order and the trades of its market."""

    order_id: OrderId
    condition_id: ConditionId
    since_ms: Ms


@dataclass(frozen=True, slots=True)
class ReadAccount:
    """Read open orders, trades since `since_ms` and the balance, completely."""

    since_ms: Ms
    reason: str
    tokens: tuple[TokenId, ...] = ()
    """Outcome tokens whose share balance is read, too."""


@dataclass(frozen=True, slots=True)
class ReadAllowances:
    """Read what the contracts of the pinned table may move; answers the command with this request number."""

    request: int
    asked: AskApprove


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Store an act on chain as intended, then carry it out once; its end comes back as `ActEnded`."""

    act: ChainAct


@dataclass(frozen=True, slots=True)
class SaveAct:
    """Store what became of an act on chain."""

    act: ChainAct


@dataclass(frozen=True, slots=True)
class SaveProgress:
    """Store what was learned about orders and fills, in one commit."""

    orders: tuple[OrderRecord, ...]
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class SaveHalt:
    """Store that the desk is halted and why; None lifts it."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class SaveFreeze:
    """Store that an event takes no new plans until a person has looked; None lifts it."""

    event_id: EventId
    reason: str | None


@dataclass(frozen=True, slots=True)
class FreezeRules:
    """Store that an event takes no plans until its new rules are reviewed; `SaveReview` alone lifts it."""

    freeze: RulesFreeze


@dataclass(frozen=True, slots=True)
class SaveReview:
    """Store that a person has read these rules, and lift the event's rules freeze, in one commit."""

    review: Review


@dataclass(frozen=True, slots=True)
class Audit:
    """Append one line to the audit: who, what, about which ids."""

    at_ms: Ms
    who: Operator | None
    what: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Post `TimerDue(name)` at `due_ms`; a timer of the same name is replaced."""

    name: str
    due_ms: Ms


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to the command with this request number."""

    request: int
    view: View


@dataclass(frozen=True, slots=True)
class ShowTicket:
    """Bring a ticket's card up to date; `aloud` asks for a new message, because a human must look."""

    view: TicketView
    aloud: bool


@dataclass(frozen=True, slots=True)
class Announce:
    """Show a view to every operator, unasked."""

    view: View


@dataclass(frozen=True, slots=True)
class RaiseAlert:
    """Tell every operator."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class Count:
    """Add to a counter of `engine.metrics`."""

    metric: str
    label: str
    by: int = 1


Effect = (
    FetchBooks
    | Subscribe
    | Reconnect
    | PassOn
    | ReadCatalogue
    | KeepSnapshots
    | PruneHistory
    | SaveTicket
    | SendBatch
    | ResendOrders
    | CancelOrders
    | CancelEverything
    | SendHeartbeat
    | LookUpOrder
    | ReadAccount
    | ReadAllowances
    | CarryOut
    | SaveAct
    | SaveProgress
    | SaveHalt
    | SaveFreeze
    | FreezeRules
    | SaveReview
    | Audit
    | SetTimer
    | Reply
    | ShowTicket
    | Announce
    | RaiseAlert
    | Count
)

"""Every input of the core, frozen. `at_ms` is desk time at which the shell learned of it."""

from dataclasses import dataclass, field
from enum import Enum

from engine.domain.account import AccountState, CancelReply, OpenOrder, UserOrder, VenueTrade
from engine.domain.chain_act import ChainAct
from engine.domain.chain_events import ActEnded, AllowancesRead
from engine.domain.commands import Command
from engine.domain.failure import LegAnswer
from engine.domain.frames import BookSnapshot, MarketResolved, NewMarket
from engine.domain.history import Pruned
from engine.domain.host import HostSign
from engine.domain.ids import ConditionId, EventId, OrderId, TicketId, TokenId
from engine.domain.market import EventGroup
from engine.domain.order import Fill, OrderRecord
from engine.domain.review import Review, RulesFreeze
from engine.domain.ticket import Approved, Grant, Operator, Ticket
from engine.domain.units import Ms, Size, Usdc
from engine.domain.venue_state import NO_NOTE, VenueNote


class Job(Enum):
    """Rows of the JOBS table that post an event."""

    RECONCILE = "reconcile"
    DUTCH_SCAN = "dutch_scan"
    CATALOGUE_REFRESH = "catalogue_refresh"
    SNAPSHOTS = "snapshots"
    POSITIONS = "positions"
    """The account with the share balance of everything held."""
    RETENTION = "retention"
    SPREAD_REFRESH = "spread_refresh"


@dataclass(frozen=True, slots=True)
class PastFills:
    """What the confirmed fills of tickets that were not restored come to, for one leg's token of one event.

    A fill that is not final comes with its ticket. A leg of which nothing was filled is there with zeros.
    """

    event_id: EventId
    code: str
    condition_id: ConditionId
    token_id: TokenId
    bought: Size
    sold: Size
    cost: Usdc
    """Cash paid minus cash received, every fee included."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What storage held at the start. Grants are not among it: none survives a restart."""

    at_ms: Ms
    tickets: tuple[Ticket, ...]
    orders: tuple[OrderRecord, ...]
    fills: tuple[Fill, ...]
    frozen_events: tuple[tuple[EventId, str], ...]
    """Event and why it takes no new plans."""
    halted: str | None
    """Reason of a durable halt."""
    rules_freezes: tuple[RulesFreeze, ...] = ()
    reviews: tuple[Review, ...] = ()
    """Each event's newest review, and its newest one by the TOML; oldest first."""
    last_rules: tuple[tuple[EventId, str], ...] = ()
    """Canonical rules of the events named in the TOML, as the catalogue last held them."""
    ended: tuple[tuple[OrderId, Ms], ...] = ()
    """Since when each restored order that has ended did so: the first read reaches back to it."""
    past: tuple[PastFills, ...] = ()
    """Everything held through tickets that are not among `tickets`."""
    past_spent: Usdc = field(default=Usdc(0))
    """Purchases and fees of this UTC day through those tickets, failed fills left out."""
    acts: tuple[ChainAct, ...] = ()
    """Every act on chain but those that had no effect, oldest first."""


@dataclass(frozen=True, slots=True)
class CatalogueRead:
    """The catalogue as just read, whole."""

    at_ms: Ms
    asked_ms: Ms
    """When the read began: it says nothing about what the venue announced later."""
    events: tuple[EventGroup, ...]
    venue_offset_ms: int
    """Venue clock minus desk clock, as measured beside the read."""


@dataclass(frozen=True, slots=True)
class CatalogueFailed:
    """The catalogue could not be read; the last one stays in force. `entropy` spreads the next try."""

    at_ms: Ms
    reason: str
    entropy: int


@dataclass(frozen=True, slots=True)
class VenueNotice:
    """The market channel told of a listing or an answer; the catalogue is asked what it means."""

    at_ms: Ms
    notice: NewMarket | MarketResolved


@dataclass(frozen=True, slots=True)
class BooksTouched:
    """Books changed since the last of these; conflated, so it carries the sequence it saw."""

    at_ms: Ms
    sequence: int


@dataclass(frozen=True, slots=True)
class BooksRead:
    """Answer to FetchBooks, read from `asked_ms` on; tokens the venue left out are in `asked` only."""

    at_ms: Ms
    asked_ms: Ms
    asked: tuple[TokenId, ...]
    snapshots: tuple[BookSnapshot, ...]


@dataclass(frozen=True, slots=True)
class BooksReadFailed:
    """FetchBooks got no answer."""

    at_ms: Ms
    asked: tuple[TokenId, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """An operator's command. `entropy` is the shell's randomness for a new ticket id."""

    at_ms: Ms
    request: int
    operator: Operator
    chat_id: int
    command: Command
    entropy: int


@dataclass(frozen=True, slots=True)
class CardShown:
    """The chat placed a ticket's card: presses are valid from this message only."""

    at_ms: Ms
    ticket_id: TicketId
    message_id: int


@dataclass(frozen=True, slots=True)
class BatchCommitted:
    """Claim, reservation, intents, signed bytes, ids and first attempts are durable in one commit."""

    at_ms: Ms
    ticket: Ticket
    orders: tuple[OrderRecord, ...]
    approved: Approved
    grant: Grant


@dataclass(frozen=True, slots=True)
class BatchRefused:
    """The commit did not happen: nothing was sent and nothing will be."""

    at_ms: Ms
    ticket: Ticket
    reason: str


@dataclass(frozen=True, slots=True)
class PostAnswered:
    """One POST's judgement, one answer per order of the batch."""

    at_ms: Ms
    answers: tuple[LegAnswer, ...]
    note: VenueNote = NO_NOTE


@dataclass(frozen=True, slots=True)
class CancelAnswered:
    """A cancel's answer by id. `asked_ms` is when the cancel left: it proves nothing about later sends."""

    at_ms: Ms
    asked_ms: Ms
    replies: tuple[tuple[OrderId, CancelReply], ...]
    note: VenueNote = NO_NOTE


@dataclass(frozen=True, slots=True)
class CancelFailed:
    """A cancel that left at `asked_ms` got no usable answer: it proves nothing."""

    at_ms: Ms
    order_ids: tuple[OrderId, ...]
    reason: str
    note: VenueNote = NO_NOTE
    asked_ms: Ms = field(default=Ms(0))
    everything: bool = False
    """It was to cancel every order of the account."""


@dataclass(frozen=True, slots=True)
class UserLink:
    """The user stream came up or was lost. It replays nothing: whatever happened in between must be read."""

    at_ms: Ms
    up: bool


@dataclass(frozen=True, slots=True)
class UserTold:
    """What one message of the user stream tells about the account."""

    at_ms: Ms
    orders: tuple[UserOrder, ...]
    trades: tuple[VenueTrade, ...]


@dataclass(frozen=True, slots=True)
class HeartbeatAnswered:
    """The venue took a heartbeat that left at `asked_ms`; the next one must carry this id."""

    at_ms: Ms
    asked_ms: Ms
    heartbeat_id: str


@dataclass(frozen=True, slots=True)
class HeartbeatMismatched:
    """The venue expected another id than the one sent: ours is old, or somebody else uses the key."""

    at_ms: Ms
    asked_ms: Ms
    sent: str
    expected: str


@dataclass(frozen=True, slots=True)
class HeartbeatFailed:
    """A heartbeat got no usable answer: the venue may or may not have counted it."""

    at_ms: Ms
    asked_ms: Ms
    reason: str


@dataclass(frozen=True, slots=True)
class HostTold:
    """The shell found something about its machine; the unit of `figure` is the sign's."""

    at_ms: Ms
    sign: HostSign
    figure: int


@dataclass(frozen=True, slots=True)
class OrderLookedUp:
    """One order asked for by id: the open order if it rests, and every trade that names it."""

    at_ms: Ms
    asked_ms: Ms
    """When the read began: it proves nothing about what came later."""
    order_id: OrderId
    open_order: OpenOrder | None
    trades: tuple[VenueTrade, ...]


@dataclass(frozen=True, slots=True)
class LookUpFailed:
    """A look-up got no usable answer: it proves nothing."""

    at_ms: Ms
    order_id: OrderId
    reason: str


@dataclass(frozen=True, slots=True)
class AccountRead:
    """A complete read of the account. `asked_ms` is when the read began: later sends are not judged by it."""

    at_ms: Ms
    asked_ms: Ms
    account: AccountState


@dataclass(frozen=True, slots=True)
class AccountReadFailed:
    """The account could not be read completely."""

    at_ms: Ms
    reason: str


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The ledger refused a commit: what it was to hold is not durable."""

    at_ms: Ms
    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotsKept:
    """A batch of books is in the market file."""

    at_ms: Ms
    kept: int
    conflated: int
    """Books that gave way to a newer one of their token while they waited."""


@dataclass(frozen=True, slots=True)
class SnapshotsLost:
    """Books could not be kept: history is missing, nothing the desk owes or owns is."""

    at_ms: Ms
    lost: int
    reason: str


@dataclass(frozen=True, slots=True)
class HistoryPruned:
    """Retention has run."""

    at_ms: Ms
    pruned: Pruned


@dataclass(frozen=True, slots=True)
class HistoryRefused:
    """The market file did not take a catalogue or a pruning: the desk goes on without."""

    at_ms: Ms
    reason: str


@dataclass(frozen=True, slots=True)
class JobDue:
    """A job of the JOBS table."""

    at_ms: Ms
    job: Job


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A timer set by an effect; `name` is the core's own."""

    at_ms: Ms
    name: str


Event = (
    Restored
    | CatalogueRead
    | CatalogueFailed
    | VenueNotice
    | BooksTouched
    | BooksRead
    | BooksReadFailed
    | Asked
    | CardShown
    | BatchCommitted
    | BatchRefused
    | PostAnswered
    | CancelAnswered
    | CancelFailed
    | UserLink
    | UserTold
    | HeartbeatAnswered
    | HeartbeatMismatched
    | HeartbeatFailed
    | HostTold
    | OrderLookedUp
    | LookUpFailed
    | AccountRead
    | AccountReadFailed
    | AllowancesRead
    | ActEnded
    | StoreFailed
    | SnapshotsKept
    | SnapshotsLost
    | HistoryPruned
    | HistoryRefused
    | JobDue
    | TimerDue
)

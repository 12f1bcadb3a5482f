"""Everything the desk knows, in one place, and the limits it was started with.

Handlers change the desk they are given; nothing else holds desk state. This module decides nothing.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.core.dutch.event_plan import DutchParams
from engine.core.feed.feeds import Feeds
from engine.core.gate import Standing
from engine.core.known_orders import KnownOrders
from engine.core.positions import Positions
from engine.core.quotes import Quoter, SpreadRules, quoter_of
from engine.core.rate_governor import RateGovernor
from engine.core.watches import Cancels, Heart, Runner, Tally, VenueWatch
from engine.domain.account import OpenOrder, VenueTrade
from engine.domain.chain_act import ChainAct
from engine.domain.events import Asked, PastFills
from engine.domain.history import KeptSnapshot
from engine.domain.ids import ConditionId, EventId, OrderId, TicketId, TokenId, TradeId, UserId
from engine.domain.market import EventGroup
from engine.domain.order import Fill, OrderRecord, Settlement
from engine.domain.plan import LegRisk, Plan
from engine.domain.repair import RepairOption
from engine.domain.review import Review, RulesFreeze
from engine.domain.ticket import Approved, Grant, Ticket
from engine.domain.units import LOT, Ms, Usdc
from engine.domain.views import Gate, KillView, RulesView
from engine.domain.why import LastRefusal

DAY_MS = 86_400_000
POLL_SLACK_AFTER = 20
"""After so many reads of a ticket's trades a difference below one lot is taken for rounding: it must end."""
ENDED_TRADES_KEPT = 200
"""More than a breaker looks back: 10 minutes, or 20 trades."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What the operators' TOML allows at most. Chat can never raise them."""

    ticket: Usdc
    day: Usdc


@dataclass(frozen=True, slots=True)
class TicketRules:
    """Life times of cards."""

    dry_ttl_ms: Ms
    armed_ttl_ms: Ms
    read_first_ms: Ms
    """A Send sooner than this after its card was made is refused: nobody has read it."""
    open_max: int
    """Open tickets per operator."""


@dataclass(frozen=True, slots=True)
class OrderRules:
    """How orders are sent and how long their fate may take to prove (design, section 7)."""

    gtd_margin_ms: Ms
    """Added to the venue's minimum of 180 s: re-send window plus clock error."""
    horizon_ms: Ms
    """H: a "not found" proves an order dead only this long after its last send."""
    retries_max: int = 4
    """Most re-sends of one order; the desk's own most is 4 (reliability E3)."""
    retry_sleep_max_ms: Ms = field(default=Ms(8_000))
    """Most that a pause before a re-send takes; the desk's own most is 8 s."""


@dataclass(frozen=True, slots=True)
class RepairRules:
    """How a broken set is repaired (strategy 4.4)."""

    leg_timeout_ms: Ms
    """After so long without a whole repair only dumping is left; after so long no further leg of a probe
    order leaves."""
    cooldown_ms: Ms
    """An event takes no new plan for so long after a broken one, even when it is repaired."""


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """All limits and parameters of the core."""

    caps: Caps
    tickets: TicketRules
    orders: OrderRules
    dutch: DutchParams
    reviewed: Mapping[EventId, str]
    """The TOML's entries: event id to the rules hash a person has read. Reviews in the ledger go before."""
    spread: SpreadRules
    repair: RepairRules = RepairRules(leg_timeout_ms=Ms(30_000), cooldown_ms=Ms(60_000))


@dataclass(slots=True)
class Proof:
    """What is known about an order that must be proven gone. Kept in memory: a restart begins anew."""

    cancel_sent_ms: Ms | None = None
    gone_ms: Ms | None = None
    """When a cancel's reply named the order as not resting, if that reply counts."""
    cancelled: bool = False
    """The venue said "cancelled"; alone it ends nothing."""
    matched_ms: Ms | None = None
    """When a reply first said "already matched or cancelled": a trade is waited for."""
    alive_ms: Ms | None = None
    """When it was last known to be at the venue: a read begun before does not miss it."""
    known_ms: Ms | None = None
    """When this process first learned that the venue had it: "not found" to a cancel that left before says
    nothing."""
    ended_ms: Ms | None = None
    """When the read that proved the end began: older sights of the order say nothing."""
    unknown_ms: Ms | None = None
    """Since when nothing is known of it, in this process; None while something is."""
    look_ups: int = 0


@dataclass(frozen=True, slots=True)
class EndedTrade:
    """One trade of ours at its final settlement."""

    trade_id: TradeId
    at_ms: Ms
    """When the desk learned of it."""
    failed: bool


@dataclass(slots=True)
class Strangers:
    """Sights of orders whose commit has not been reported yet, or that are not ours: the next read tells."""

    ids: set[OrderId] = field(default_factory=set)
    trades: dict[TradeId, VenueTrade] = field(default_factory=dict)


@dataclass(slots=True)
class Flight:
    """A sent ticket: its orders, and while this process lives the two witnesses it was sent under."""

    ticket_id: TicketId
    event_id: EventId
    order_ids: tuple[OrderId, ...]
    sent_ms: Ms
    witnesses: tuple[Approved, Grant] | None
    ended_ms: Ms | None = None
    accounted: bool = False
    settled: bool = False
    polls: int = 0
    shown: tuple[object, ...] = ()
    """What the ticket's card was last shown with."""
    risk: LegRisk | None = None
    """What the legs held can lose now; only for a broken ticket."""
    to_send: tuple[int, ...] = ()
    """Legs of a probe order that have no order yet, in the order of sending (`trading.probing`)."""
    releasing: bool = False
    """The first of them is being committed."""
    stopped: str = ""
    """Why they are never sent; empty while they still may be."""
    repairs: tuple[RepairOption, ...] = ()
    """The ways out of a broken ticket when its card was last made."""
    revision: int = 0
    """Counts what the ticket's card was shown with, so that a late delivery cannot undo a newer one."""


@dataclass(frozen=True, slots=True)
class PendingSend:
    """A Send between its press and the report of its commit."""

    request: int
    plan: Plan
    stopped: str = ""
    """Who wants it no more, learned while it was committed: its orders are cancelled, and no leg follows."""


@dataclass(frozen=True, slots=True)
class Announced:
    """Something the venue announced about an event that no catalogue read can have seen yet."""

    at_ms: Ms
    text: str


@dataclass(slots=True)
class SnapshotRound:
    """One walk through all books, slice by slice."""

    left: list[TokenId]
    taken: list[KeptSnapshot] = field(default_factory=list)
    """Not handed over yet."""


@dataclass(frozen=True, slots=True)
class Recheck:
    """One Send that waits for the last look."""

    asked: Asked
    ticket_id: TicketId
    version: int
    tokens: tuple[TokenId, ...]
    since_ms: Ms
    answered: bool = False


@dataclass(slots=True)
class Desk:
    """All core state."""

    settings: DeskSettings
    feeds: Feeds
    standing: Standing = field(default_factory=Standing)
    """Everything that keeps orders back; `gate` is worked out from it."""
    events: dict[EventId, EventGroup] = field(default_factory=dict)
    codes: dict[str, EventId] = field(default_factory=dict)
    tickets: dict[TicketId, Ticket] = field(default_factory=dict)
    orders: KnownOrders = field(default_factory=KnownOrders)
    fills: dict[tuple[TradeId, OrderId], Fill] = field(default_factory=dict)
    fills_by_order: dict[OrderId, dict[TradeId, Fill]] = field(default_factory=dict)
    """The same fills by their order: no decision goes through all that ever was."""
    positions: Positions = field(default_factory=Positions)
    """Their sums."""
    past: tuple[PastFills, ...] = ()
    """What tickets hold that were over before this start; in `positions`, too."""
    unsettled: dict[tuple[TradeId, OrderId], Ms] = field(default_factory=dict)
    """Fills the venue has not settled, since when; removed when it has, or when people were told."""
    restated: set[tuple[TradeId, OrderId]] = field(default_factory=set)
    """Fills that came again with other amounts, told once each."""
    ended_trades: deque[EndedTrade] = field(default_factory=lambda: deque(maxlen=ENDED_TRADES_KEPT))
    """The newest trades that were confirmed or undone, oldest first."""
    flights: dict[TicketId, Flight] = field(default_factory=dict)
    probing: dict[TicketId, Flight] = field(default_factory=dict)
    """Flights of which more legs may leave, one after the other. None survives a restart."""
    repairs: dict[TicketId, list[TicketId]] = field(default_factory=dict)
    """Sent repairs by the broken ticket they are about, in the order they were sent."""
    proofs: dict[OrderId, Proof] = field(default_factory=dict)
    frozen: dict[EventId, str] = field(default_factory=dict)
    """Events that a broken ticket froze, and why; a resume lifts it, or a repair that leaves nothing."""
    cooling: dict[EventId, Ms] = field(default_factory=dict)
    """Until when an event takes no new plan after a broken one. Kept in memory."""
    broken_in_a_row: int = 0
    """Dutch tickets that broke since the last whole one; two stop Dutch until a resume. Kept in memory."""
    left: set[TicketId] = field(default_factory=set)
    """Broken tickets that somebody chose to leave: told again every ten minutes."""
    rules_frozen: dict[EventId, RulesFreeze] = field(default_factory=dict)
    """Events whose rules changed after a review; a review lifts it."""
    reviews: dict[EventId, Review] = field(default_factory=dict)
    """The newest stored review of each event."""
    reviewed: dict[EventId, str] = field(init=False)
    """Event id to the rules hash that a person last read: the newest review's, without one the TOML's."""
    config_taken: dict[EventId, str] = field(default_factory=dict)
    """Entries of the TOML that were stored as a review; each counts once."""
    unlisted: dict[EventId, EventGroup] = field(default_factory=dict)
    """Events that left the listing while shares of theirs were held: the venue lists no resolved ones."""
    answers: dict[ConditionId, TokenId] = field(default_factory=dict)
    """Winning tokens of watched markets, as the market channel told. Good for a redemption, which the chain
    refuses before the answer stands, and for nothing else."""
    acts: dict[str, ChainAct] = field(default_factory=dict)
    """Acts on chain of which more may be learned, by id; the wallet takes one at a time."""
    acts_asked: dict[TicketId, ChainAct] = field(default_factory=dict)
    """What the card of each ticket of an act on chain shows."""
    readings: dict[TicketId, RulesView] = field(default_factory=dict)
    """What the card of a review ticket shows."""
    announced: dict[EventId, Announced] = field(default_factory=dict)
    """Events that wait for a catalogue read that begins later. Kept in memory: a start reads it anyway."""
    paying: set[EventId] = field(default_factory=set)
    """Events the last scan found to pay, so that each window is announced once."""
    verdicts: dict[EventId, tuple[str, ...]] = field(default_factory=dict)
    """Labels of the guards that refused each event at its last scan; none for one that pays."""
    foreign: dict[OrderId, OpenOrder] = field(default_factory=dict)
    """Orders of the account that rest and are not ours, as the last complete read held them."""
    strangers: Strangers = field(default_factory=Strangers)
    """What the user stream told of ids that are not known yet."""
    doubts: dict[str, int] = field(default_factory=dict)
    """How many reads in a row differed from our books: by token, "" for collateral."""
    offsets: dict[TokenId, int] = field(default_factory=dict)
    """Shares that the venue has beyond ours since the start: what people did themselves."""
    booked_ms: Ms = field(default=Ms(0))
    """When a fill was last booked: a read begun before cannot be compared with our sums."""
    compared: bool = False
    """The booked balance has been the venue's at a moment when nothing was open or unsettled."""
    read_to_ms: Ms | None = None
    """When the last complete read began, after a start when the oldest tombstone ended: the next one reaches
    back behind that. None before the first, when there is none."""
    reconciles_asked: list[tuple[int, Ms]] = field(default_factory=list)
    """Requests that wait for a complete read, and since when."""
    venue_offset_ms: int = 0
    """Venue clock minus desk clock."""
    clock_set_ms: Ms = field(default=Ms(0))
    """When the machine's clock was last found to be set: a catalogue read begun before measures nothing."""
    balance: Usdc | None = None
    """Collateral at the last complete read, moved by every fill booked since."""
    committing: dict[TicketId, PendingSend] = field(default_factory=dict)
    """Sends whose commit has not been reported yet: reserved already, answered when it is."""
    rechecks: dict[TicketId, Recheck] = field(default_factory=dict)
    """Sends between their press and the last look at the venue's own books (`trading.recheck`)."""
    last_refusals: dict[UserId, LastRefusal] = field(default_factory=dict)
    """What each operator was refused last, for a bare `/why`. Kept in memory."""
    kill: KillView | None = None
    """A kill that the venue has not confirmed yet."""
    unstored_halt: bool = False
    """The newest halt could not be written: it is written again until it stands."""
    kill_told_ms: Ms = field(default=Ms(0))
    """When people were last told that it is incomplete."""
    rejects: int = 0
    charged_fills: int = 0
    """Fills with a fee booked since the balance was last compared."""
    books_sequence: int = 0
    snapshot_round: SnapshotRound | None = None
    """Books being kept now."""
    snapshots_lost: bool = False
    """The newest books could not be kept, and people were told."""
    catalogue_failures: int = 0
    """Reads of the catalogue that failed since the last one that did not."""
    venue: VenueWatch = field(default_factory=VenueWatch)
    rates: RateGovernor = field(default_factory=RateGovernor)
    heart: Heart = field(default_factory=Heart)
    cancels: Cancels = field(default_factory=Cancels)
    tally: Tally = field(default_factory=Tally)
    runner: Runner = field(default_factory=Runner)
    quoter: Quoter = field(init=False)
    stream_lost_ms: Ms | None = None
    """Since when the user stream is away; None while it is up, or where there is none."""

    def __post_init__(self) -> None:
        """Begin with what the TOML says was read, and full buckets."""
        self.reviewed = dict(self.settings.reviewed)
        self.quoter = quoter_of(self.settings.spread)

    @property
    def gate(self) -> Gate:
        """Tell whether new orders may leave."""
        return self.standing.gate

    @property
    def gate_reason(self) -> str:
        """Return every reason why not, the severest first; empty while they may."""
        return "; ".join(self.standing.reasons)


def unfinished(desk: Desk) -> list[OrderRecord]:
    """Return orders that may execute, are not read back in full, or have a fill that is not settled."""
    found: list[OrderRecord] = []
    for order in desk.orders.unfinished():
        if order.state.is_final and _is_told(desk, order):
            desk.orders.finish(order.order_id)
        else:
            found.append(order)
    return found


def _is_told(desk: Desk, order: OrderRecord) -> bool:
    fills = fills_of(desk, order.order_id)
    flight = desk.flights.get(order.intent.ticket_id)
    slack = LOT if flight is not None and flight.polls > POLL_SLACK_AFTER else 0
    whole = sum(f.size for f in fills) + slack >= order.filled
    return whole and all(f.settlement.is_final for f in fills)


def live_orders(desk: Desk) -> Iterable[OrderRecord]:
    """Return the orders that may still execute, unknown ones included."""
    return (order for order in desk.orders.unfinished() if not order.state.is_final)


def open_flights(desk: Desk) -> list[Flight]:
    """Return the sent tickets of which more may be learned, each once."""
    tickets = dict.fromkeys([*desk.probing, *(order.intent.ticket_id for order in unfinished(desk))])
    return [desk.flights[ticket_id] for ticket_id in tickets if ticket_id in desk.flights]


def fills_of(desk: Desk, order_id: OrderId) -> tuple[Fill, ...]:
    """Return every fill of one order, undone ones included."""
    return tuple(desk.fills_by_order.get(order_id, {}).values())


def fills_of_order(desk: Desk, order_id: OrderId) -> tuple[Fill, ...]:
    """Return the fills of one order that were not undone."""
    return tuple(f for f in fills_of(desk, order_id) if f.settlement is not Settlement.FAILED)


def enter_fill(desk: Desk, fill: Fill) -> None:
    """Put a fill, or its newer settlement, where it is found by trade and by order, and into the sums."""
    known = desk.fills.get((fill.trade_id, fill.order_id))
    order = desk.orders.get(fill.order_id)
    desk.positions.enter(fill, known, None if order is None else order.intent.condition_id)
    desk.fills[fill.trade_id, fill.order_id] = fill
    desk.fills_by_order.setdefault(fill.order_id, {})[fill.trade_id] = fill
    desk.orders.reopen(fill.order_id)

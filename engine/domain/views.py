"""What the core shows to people: facts only, no wording of cards, no chat types.

`bot.cards` renders each view into one card. Every number here can be traced by its ids.
"""

from dataclasses import dataclass, field
from enum import Enum

from engine.domain.chain_act import ChainAct
from engine.domain.ids import OrderId, TicketId
from engine.domain.market import Side
from engine.domain.order import OrderState
from engine.domain.plan import LegRisk
from engine.domain.quote_views import SpreadsEndedView, SpreadsView, SpreadView
from engine.domain.refusal import Refusal
from engine.domain.repair import RepairOption
from engine.domain.review import Review, RuleChange
from engine.domain.ticket import Operator, Ticket
from engine.domain.units import USDC_ONE, Ms, Price, Size, Usdc
from engine.domain.why import WhyView

NO_SHARES = Size(0)


@dataclass(frozen=True, slots=True)
class LegResult:
    """One leg of a sent ticket."""

    name: str
    order_id: OrderId
    """Empty where the leg has no order."""
    state: OrderState
    """Where there is no order SENDING while it may still leave, REJECTED once it never will."""
    wanted: Size
    filled: Size
    cash: Usdc
    fee: Usdc
    reason: str
    side: Side = Side.BUY
    is_sent: bool = True
    """False for a leg of a probe order that has not left, or never will."""


@dataclass(frozen=True, slots=True)
class TicketResult:
    """What a sent ticket has come to, its repairs included; sums over known fills, to the micro-dollar."""

    legs: tuple[LegResult, ...]
    sets: Size
    """Complete sets bought, or sold: the smallest filled size."""
    cash: Usdc
    """Paid minus received; for one order by itself what it paid or received."""
    fees: Usdc
    unknown: int
    """Legs whose outcome is not proven."""
    settled: bool
    """Every fill is confirmed by the venue."""
    accounted: bool
    """Every matched share has been read back as a trade, so cash and fees are final."""
    sent_ms: Ms
    ended_ms: Ms | None
    per_set: Usdc = field(default=Usdc(USDC_ONE))
    """What a complete set pays (strategy 3.1); negative where sets are given up."""
    repairs: tuple[LegResult, ...] = ()
    """Orders of the tickets that repaired it."""
    pairs: Size = NO_SHARES
    """Shares that are paired with their complement: worth 1 each once merged."""
    loose: tuple[tuple[str, Size], ...] = ()
    """Shares beyond what pays and pairs: name and size; in the worst case worth nothing."""
    beyond: Usdc = field(default=Usdc(0))
    """What pays at worst beyond complete sets, as NO of some outcomes does; below 0 for opened sets."""

    @property
    def payout(self) -> Usdc:
        """What the complete sets, what pays beyond them, and pairs come to, once merged or resolved."""
        return Usdc(self.sets * self.per_set // USDC_ONE + self.beyond + self.pairs)

    @property
    def margin_if_held(self) -> Usdc:
        """What sets and pairs pay minus all cash paid; they count only once merged or resolved."""
        return Usdc(self.payout - self.cash - self.fees)


class RulesStanding(Enum):
    """How an event's present rules stand to what people have read."""

    UNREAD = "never reviewed"
    REVIEWED = "reviewed"
    CHANGED = "changed since the review"


@dataclass(frozen=True, slots=True)
class RulesView:
    """One event's rules as they are, and what changed since somebody read them."""

    code: str
    title: str
    rules_text: str
    resolution_source: str
    end_date: str
    outcomes: tuple[tuple[str, str], ...]
    """Name of each outcome, and its own text where it is not the event's."""
    rules: str
    """The canonical text: what a review is for."""
    rules_hash: str
    standing: RulesStanding
    review: Review | None
    """The newest stored one."""
    changes: tuple[RuleChange, ...]
    """From the newest stored review to now."""
    known_hash: str
    """The rules hash last read by a person; empty for none. Without a stored text there are no changes."""
    frozen: str
    """Why the event is frozen for another reason than its rules; empty if it is not."""
    against: str
    """Why it could not be bought even on reviewed rules, as far as the catalogue tells; empty for nothing."""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """One event that waits for a review."""

    code: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class ReviewsView:
    """Events that wait for a review, changed ones first, and how many are reviewed."""

    waiting: tuple[WaitingRow, ...]
    reviewed: int


@dataclass(frozen=True, slots=True)
class GrantView:
    """How far a standing grant has come."""

    left: Usdc
    """What its plans may still spend; what is in flight counts at its worst case."""
    sent: int
    """Plans sent."""
    whole: int
    """Of these, filled whole."""
    failed: int
    """Of these, filled in part or not at all."""
    flying: tuple[TicketId, ...]
    """Tickets of plans whose end is not known yet."""
    last: str
    """One sentence about the newest thing it did; empty before the first."""


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket and, once sent, its result."""

    ticket: Ticket
    result: TicketResult | None
    wallet: Usdc | None
    """Free collateral when the card was made; None if not read yet."""
    held_risk: LegRisk | None = None
    """What the legs of a broken ticket can lose now: L if dumped, L0 if they become worthless."""
    revision: int = 0
    """Counts what the card was shown with; larger is newer."""
    rules: RulesView | None = None
    """What a review ticket is about; None for every other kind."""
    grant: GrantView | None = None
    """How far a standing grant has come; None before its Send, after its end, and for every other kind."""
    act: ChainAct | None = None
    """What a ticket of an act on chain would do, does, or did; None for every other kind."""
    repairs: tuple[RepairOption, ...] = ()
    """Ways out of a broken ticket, the best first; empty while they cannot be priced."""
    spread: SpreadView | None = None
    """What a grant to quote would do, does, or did; None for every other kind."""


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One event of the scan."""

    code: str
    title: str
    ask_sum: Price | None
    """Sum of the best YES asks; None without a live book on every leg."""
    margin: Usdc | None
    """Net margin of the best plan; None if refused."""
    sets: Size | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class ScanView:
    """Every watched event, best first."""

    rows: tuple[ScanRow, ...]


class Gate(Enum):
    """Whether new orders may leave; the value is the operator's word."""

    RUN = "RUN"
    STARTING = "STARTING"
    """Until the first complete read of the account."""
    PAUSED = "PAUSED"
    """A hold that ends by itself: the venue takes no orders, the user stream is blind, heartbeats miss."""
    REDUCING = "REDUCING"
    """A breaker tripped: only orders that lower the worst case; a person lifts it."""
    HALTED = "HALTED"
    """Nothing but cancels; a person lifts it."""


@dataclass(frozen=True, slots=True)
class StatusView:
    """The dashboard's facts."""

    gate: Gate
    gate_reason: str
    feeds_live: int
    feeds_total: int
    feed_problems: tuple[str, ...]
    events_watched: int
    open_orders: int
    unknown_orders: int
    tickets_open: int
    spent_today: Usdc
    cap_day: Usdc
    wallet: Usdc | None
    resyncs: int
    rejects: int
    holdings: tuple[str, ...]
    """One line per event held: code, sets and cost."""
    frozen: tuple[str, ...] = ()
    """One line per event that takes no new plans: code and why."""
    advice: tuple[str, ...] = ()
    """One line per merge of held pairs, redemption or split that would pay; nothing does it by itself."""
    grants: tuple[str, ...] = ()
    """One line per standing grant in force: ticket, scope, budget left, end."""
    locked: tuple[str, ...] = ()
    """One line per event held to its resolution: what it has cost, until when, and the carry of that."""
    capital_locked: Usdc = Usdc(0)  # noqa: RUF009 - a number
    """Their sum."""


@dataclass(frozen=True, slots=True)
class KillView:
    """How far a kill has come; it never claims what the venue has not confirmed."""

    by: Operator
    at_ms: Ms
    asked: int
    """Orders believed open at the kill."""
    open_now: int | None
    """Orders open by the newest complete read since; None before the first."""
    still_held: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReconcileView:
    """What one complete read of the account held, and what it changed."""

    at_ms: Ms
    open_orders: int
    trades: int
    """Trades read, not trades new."""
    orders_changed: int
    fills_changed: int
    """New ones, and those further settled."""
    foreign: int
    """Orders of the account that this desk did not send."""
    unproven: int
    """Orders whose end is not proven yet, resting ones included."""


@dataclass(frozen=True, slots=True)
class GrantsEndedView:
    """Standing grants that somebody stopped; none if there was none."""

    tickets: tuple[TicketId, ...]
    flying: tuple[TicketId, ...]
    """Tickets that were sent under them and run to their end."""


@dataclass(frozen=True, slots=True)
class RefusalView:
    """A command that was not carried out, and why."""

    subject: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class CancelView:
    """Cancels that are on their way; what became of each order is proven afterwards."""

    order_ids: tuple[OrderId, ...]
    """Orders of this desk that may still execute."""
    everything: bool
    """Every order of the account was asked to be cancelled, foreign ones too."""


class Permission(Enum):
    """How one permission stands to what this desk needs."""

    FINE = "ok"
    MISSING = "missing"
    TOO_LARGE = "too large"
    """More than the bound of an approval: take it back to a bounded one."""
    UNUSED = "not used"
    """Nothing this desk does needs it, and it is not given."""


@dataclass(frozen=True, slots=True)
class AllowanceRow:
    """What one contract may move, against what is needed."""

    label: str
    purpose: str
    collateral: int
    """Micro-dollars; `engine.domain.chain.UNLIMITED` for everything."""
    needed: Usdc
    spending: Permission
    outcomes: bool
    moving: Permission


@dataclass(frozen=True, slots=True)
class AllowancesView:
    """Every contract of the pinned table, in its order."""

    rows: tuple[AllowanceRow, ...]
    bound: Usdc
    """The most that may be approved for one contract."""
    asked: tuple[str, Usdc] | None = None
    """Label and amount somebody wants to approve: shown, not done."""


View = (
    TicketView
    | ScanView
    | StatusView
    | KillView
    | ReconcileView
    | CancelView
    | GrantsEndedView
    | RefusalView
    | RulesView
    | ReviewsView
    | AllowancesView
    | SpreadsView
    | SpreadsEndedView
    | WhyView
)


class Severity(Enum):
    """How loudly an alert speaks."""

    INFO = "INFO"
    WARN = "WARN"
    CRIT = "CRIT"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a human must know. Alerts with one `key` are one incident: counted, not repeated."""

    key: str
    severity: Severity
    subject: str
    text: str
    next_step: str

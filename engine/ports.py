"""What the runtime needs from the outside, as protocols. Adapters meet only in `bot.app`."""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from engine.core.feed.inlet import FeedInput
from engine.domain.account import AccountState, CancelReply, OpenOrder, UserOrder, VenueTrade
from engine.domain.catalogue import Catalogue
from engine.domain.chain import ActOutcome, Allowance, Contract
from engine.domain.chain_act import ChainAct
from engine.domain.effects import Audit
from engine.domain.events import Restored
from engine.domain.failure import LegAnswer, VenueFailure
from engine.domain.frames import BookSnapshot, Frame
from engine.domain.history import KeptSnapshot, Pruned
from engine.domain.ids import ConditionId, ConnectionId, EventId, OrderId, TokenId
from engine.domain.market import EventGroup
from engine.domain.order import Fill, OrderIntent, OrderRecord
from engine.domain.plan import Plan
from engine.domain.review import Review, RulesFreeze
from engine.domain.ticket import Approved, Claim, Grant, Ticket
from engine.domain.units import Ms, Size, Usdc
from engine.domain.venue_state import NO_NOTE, VenueNote
from engine.domain.views import Alert, TicketView, View


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    """A signed order: its id and the exact JSON bytes that will be sent for it, now and on a re-send."""

    order_id: OrderId
    intent: OrderIntent
    body: bytes


@dataclass(frozen=True, slots=True)
class SubmitReport:
    """What one POST told, and how long it took. Durations in whole microseconds."""

    answers: tuple[LegAnswer, ...]
    note: VenueNote = field(default=NO_NOTE, kw_only=True)
    request_id: str
    """Ours, for log and audit: the venue returns none."""
    place_call_us: int
    """The whole call: headers, request, answer, judgement."""
    ack_latency_us: int
    """From the request's first byte to the answer's last; 0 if nothing was sent."""
    status: int | None = field(default=None, kw_only=True)
    """HTTP status of the answer, None without one."""


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """A look-up's answer: the order if it rests, and every trade of its market that names it."""

    open_order: OpenOrder | None
    trades: tuple[VenueTrade, ...]


@dataclass(frozen=True, slots=True)
class CancelReport:
    """What the requests of one cancel told. Ids without a reply are in neither: nothing is proven of them."""

    replies: tuple[tuple[OrderId, CancelReply], ...]
    failure: VenueFailure | None = None
    """Why some ids got no reply; None when every request was answered."""
    note: VenueNote = field(default=NO_NOTE, kw_only=True)
    status: int | None = field(default=None, kw_only=True)
    """HTTP status of the last answer, None without one."""


@dataclass(frozen=True, slots=True)
class HeartbeatTaken:
    """The venue counted a heartbeat; the next one carries this id."""

    heartbeat_id: str


@dataclass(frozen=True, slots=True)
class HeartbeatRefused:
    """The venue expected another id."""

    expected: str


class Relayer(Protocol):
    """Places, cancels and reads orders at a venue. No method raises for what the venue or network did."""

    def set_venue_offset(self, offset_ms: Ms) -> None:
        """Take the venue's clock minus desk time, for the timestamps it reads."""
        ...

    def prepare(self, intents: Sequence[OrderIntent]) -> tuple[PreparedOrder, ...]:
        """Sign: deterministic, the same intent always gives the same id and bytes."""
        ...

    async def submit(
        self, prepared: Sequence[PreparedOrder], *, approved: Approved, grant: Grant
    ) -> SubmitReport:
        """POST at most 15 orders once and judge every leg; asserts that both witnesses name the plan."""
        ...

    async def cancel(self, order_ids: Sequence[OrderId]) -> CancelReport:
        """Cancel by id, in requests of at most 100."""
        ...

    async def cancel_market(self, condition_id: ConditionId) -> CancelReport:
        """Cancel every order of the account in one market."""
        ...

    async def heartbeat(self, heartbeat_id: str) -> HeartbeatTaken | HeartbeatRefused | VenueFailure:
        """Send one heartbeat with the id of the last answer, "" for the first; repeats nothing."""
        ...

    async def cancel_all(self) -> CancelReport:
        """Cancel every order of the account."""
        ...

    async def look_up(
        self, order_id: OrderId, condition_id: ConditionId, since_ms: Ms
    ) -> FoundOrder | VenueFailure:
        """Ask for one order by id and for the trades of its market since then."""
        ...

    async def read_allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        """Read what every contract of the pinned table may move of the account's wallet, in its order."""
        ...

    async def read_account(self, since_ms: Ms, tokens: Sequence[TokenId] = ()) -> AccountState | VenueFailure:
        """Read every page of open orders and trades, and the balance; a partial read is a failure.

        Also the share balance of every token of `tokens`.
        """
        ...


class Chain(Protocol):
    """Acts on chain of one wallet. No method raises for what chain, gas relayer or network did.

    Every act waits for its end, which takes seconds to minutes; the caller bounds nothing.
    """

    async def allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        """Read what every contract of the pinned table may move, in the table's order."""
        ...

    async def approve_collateral(self, spender: Contract, amount: Usdc) -> ActOutcome:
        """Let `spender` move at most `amount` of collateral from now on; 0 takes the permission back."""
        ...

    async def approve_outcomes(self, operator: Contract, *, allowed: bool) -> ActOutcome:
        """Let `operator` move outcome tokens, or take the permission back."""
        ...

    async def split(self, condition_id: ConditionId, amount: Usdc) -> ActOutcome:
        """Turn collateral into as many YES and NO of one market."""
        ...

    async def merge(self, condition_id: ConditionId, size: Size) -> ActOutcome:
        """Turn `size` YES and as many NO of one market into collateral."""
        ...

    async def redeem(self, condition_id: ConditionId) -> ActOutcome:
        """Turn every share of a resolved market into what it pays."""
        ...


class ChainUnavailableError(Exception):
    """No acts of this wallet can be made at present; nothing was submitted. The text says what to look at."""


OpenChain = Callable[[], AbstractAsyncContextManager[Chain]]
"""Opens the way to the wallet's acts for as long as one takes; entering raises ChainUnavailableError."""


class UserFeed(Protocol):
    """The account's own stream: run until cancelled, reconnects by itself. It replays nothing."""

    async def run(
        self,
        on_told: Callable[[tuple[UserOrder, ...], tuple[VenueTrade, ...]], None],
        on_link: Callable[[bool], None],
    ) -> None:
        """Call `on_told` for every message that tells something, `on_link` on connect and disconnect."""
        ...


class MarketReads(Protocol):
    """Public reads of the venue."""

    async def read_books(self, tokens: Sequence[TokenId]) -> tuple[BookSnapshot, ...] | VenueFailure:
        """Read books in batches; unknown tokens are left out, order is not promised."""
        ...

    async def read_catalogue(self) -> Catalogue | VenueFailure:
        """Read every listed event with the trading terms of each market, and what was left out."""
        ...

    async def read_time_ms(self) -> Ms | VenueFailure:
        """Read the venue's clock (whole seconds, in ms)."""
        ...


class BookBodies(Protocol):
    """Public reads of books by those who keep the bytes."""

    async def read_book_bodies(self, tokens: Sequence[TokenId]) -> tuple[bytes, ...] | VenueFailure:
        """Read books in batches; one answer's body per batch, undecoded."""
        ...


class FeedJournal(Protocol):
    """Where every input of a feed core is kept, in order."""

    def write(self, entry: FeedInput) -> None:
        """Take an input over; returns at once and never raises for what the disk did."""
        ...


class MarketFeed(Protocol):
    """The market connections: run until cancelled, each reconnects by itself."""

    async def run(
        self,
        on_frames: Callable[[ConnectionId, tuple[Frame, ...]], None],
        on_link: Callable[[ConnectionId, bool], None],
        on_given_up: Callable[[ConnectionId, str], None],
    ) -> None:
        """Call `on_frames` for every message, `on_link` on connect (True) and disconnect (False).

        `on_given_up` is told why no further connection of a number will be tried; returns when that is true
        of all of them.
        """
        ...

    def subscribe(self, connections: Sequence[tuple[ConnectionId, Sequence[TokenId]]]) -> None:
        """Carry exactly these tokens from now on, each on its connection."""
        ...

    def reconnect(self, connection: ConnectionId) -> None:
        """Give up a connection, or an attempt at one, and open another in its place at once."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One send of one order, for the durable attempt row."""

    order_id: OrderId
    number: int
    body_sha256: str
    at_ms: Ms


class RequestKind(Enum):
    """Requests that change something at the venue, beside the POST of orders (`SubmitReport`)."""

    CANCEL = "cancel"
    CANCEL_MARKET = "cancel_market"
    CANCEL_ALL = "cancel_all"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class RequestMade:
    """One such request as it ended, for the exec audit. Cancels of more than 100 ids are one row."""

    kind: RequestKind
    request_id: str
    order_ids: tuple[OrderId, ...]
    """What it named; of a cancel of everything what the venue said was cancelled."""
    outcome: str
    """`answered`, or why there was no usable answer."""
    status: int | None
    call_us: int
    at_ms: Ms


class StoreError(Exception):
    """The disk or the database refused: nothing of the attempted commit is durable."""


class Store(Protocol):
    """The ledger. Every method is one transaction, durable when it returns; raises StoreError."""

    async def load(self, at_ms: Ms, rules_of: Collection[EventId] = ()) -> Restored:
        """Read what the core needs to go on: tickets that can still change, with all orders and fills.

        Of all others the sums (`Restored.past`). And the rules of the events in `rules_of`, as the catalogue
        last held them.
        """
        ...

    async def save_ticket(self, ticket: Ticket, claim: Claim | None) -> bool:
        """Insert or update; with a claim return False (and change nothing) unless the row still stands so."""
        ...

    async def commit_batch(
        self,
        claim: Claim | None,
        ticket: Ticket,
        plan: Plan,
        orders: Sequence[tuple[OrderRecord, PreparedOrder]],
    ) -> bool:
        """Store claim, plan, intents, bytes, ids, attempts in one commit; False if the claim is lost."""
        ...

    async def begin_resend(self, order_ids: Sequence[OrderId], at_ms: Ms) -> tuple[PreparedOrder, ...]:
        """Append an attempt row for each order and return the stored bytes."""
        ...

    async def finish_attempts(self, report: SubmitReport, at_ms: Ms) -> None:
        """Record what the newest attempt of each order was told, with its timings."""
        ...

    async def save_progress(self, orders: Sequence[OrderRecord], fills: Sequence[Fill]) -> None:
        """Update orders and insert or advance fills, unique by (trade id, order id)."""
        ...

    async def save_halt(self, reason: str | None) -> None:
        """Store or lift the halt."""
        ...

    async def save_freeze(self, event_id: EventId, reason: str | None) -> None:
        """Store that an event takes no new plans, or lift it with None."""
        ...

    async def save_rules_freeze(self, freeze: RulesFreeze) -> None:
        """Store that an event takes no plans until its new rules are reviewed; a newer one replaces it."""
        ...

    async def save_review(self, review: Review) -> None:
        """Store a review, the newest of its event from now on, and lift the event's rules freeze."""
        ...

    async def save_act(self, act: ChainAct) -> None:
        """Store an act on chain as intended, or how far a known one has come; what was intended stays."""
        ...

    async def append_audit(self, line: Audit) -> None:
        """Append one audit line."""
        ...

    async def append_request(self, request: RequestMade) -> None:
        """Append one request to the exec audit; posts of orders have theirs by `finish_attempts`."""
        ...

    async def save_catalogue(self, events: Sequence[EventGroup], at_ms: Ms) -> None:
        """Replace the stored catalogue (market file, not the ledger)."""
        ...

    async def save_snapshots(self, snapshots: Sequence[KeptSnapshot]) -> None:
        """Store books (market file, not the ledger), at most one per token and millisecond."""
        ...

    def prune_history(self, at_ms: Ms) -> AsyncGenerator[Pruned, None]:
        """Take out what the retention rules do not keep, a transaction for every item.

        Old books and catalogue reads; signed bytes of orders that ended more than 24 h ago.

        May be left after any item; the next call goes on.
        """
        ...


class Chat(Protocol):
    """The way to people. Methods return at once; delivery has its own lanes."""

    def show_ticket(self, view: TicketView, *, aloud: bool) -> None:
        """Bring a ticket's card up to date."""
        ...

    def announce(self, view: View) -> None:
        """Show a view to every operator, unasked."""
        ...

    def raise_alert(self, alert: Alert) -> None:
        """Tell every operator."""
        ...

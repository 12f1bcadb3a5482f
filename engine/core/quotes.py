"""What the desk remembers of quoting: grants in force, what each market has told, buckets. Values only."""

from collections import deque
from dataclasses import dataclass, field

from engine.core.spread.book_watch import BookWatch, MidWindow
from engine.core.spread.buckets import QuoteBuckets, full_buckets
from engine.core.spread.flow import Flow
from engine.core.spread.quoter import Replaces
from engine.core.spread.toxicity import HORIZONS_MS, Toxicity
from engine.core.spread.volatility import Volatility
from engine.domain.ids import ConditionId, EventId, OrderId, TicketId, TradeId
from engine.domain.quote import Held, QuotedMarket, QuoteKnobs, QuoteSide
from engine.domain.quote_views import SpreadView
from engine.domain.units import Ms, Usdc

FillKey = tuple[TradeId, OrderId]


@dataclass(frozen=True, slots=True)
class SpreadRules:
    """How this desk quotes, and the most that it may do in all markets together."""

    knobs: QuoteKnobs
    rebate_pct: int
    """Part of the taker's fee that makers are taken to be paid back, in hundredths."""
    resting_max: Usdc
    """Most that the quotes of one grant may bind."""
    all_quotes: tuple[int, int]
    """New orders a minute and burst, over all markets."""
    all_cancels: tuple[int, int]
    all_cancel_reserve: int


@dataclass(slots=True)
class MarketPulse:
    """What one quoted market has told since its grant began."""

    book: BookWatch = field(default_factory=BookWatch)
    mids: MidWindow = field(default_factory=MidWindow)
    volatility: Volatility = field(default_factory=Volatility)
    flow: Flow = field(default_factory=Flow)
    toxicity: Toxicity = field(default_factory=Toxicity)
    fair: int | None = None
    """The fair value now, in micro; None without one."""
    last_fair: int | None = None
    """The newest one there was: what is held, and what fills while the book is lost, is valued at it."""


@dataclass(slots=True)
class QuoteTally:
    """What the quotes of one grant have come to."""

    captured: dict[FillKey, int] = field(default_factory=dict)
    """By fill: its price against the fair value at that time, in micro-dollars, in our favour if positive."""
    markouts: list[int] = field(default_factory=lambda: [0] * len(HORIZONS_MS))
    """By horizon, over all fills that are so old, in micro-dollars."""
    marked: list[int] = field(default_factory=lambda: [0] * len(HORIZONS_MS))
    """How many fills those are."""


@dataclass(slots=True)
class SpreadGrant:
    """One `/spread` ticket that is in force. It is never stored: a restart ends it."""

    ticket_id: TicketId
    event_id: EventId
    market: QuotedMarket
    """As it was last seen to trade."""
    knobs: QuoteKnobs
    """The desk's, with the terms of this grant."""
    resting_max: Usdc
    rules_hash: str
    """What was granted; on other rules nothing is quoted."""
    expires_ms: Ms
    buckets: QuoteBuckets
    pulse: MarketPulse = field(default_factory=MarketPulse)
    replaces: Replaces = field(default_factory=Replaces)
    held: frozenset[tuple[QuoteSide | None, Held]] = frozenset()
    """What was suppressed at the last decision, and why: each is counted when it begins."""
    pulled: str = ""
    """Why everything was last taken off; empty while quotes may rest."""
    tally: QuoteTally = field(default_factory=QuoteTally)
    failed_merges: set[ConditionId] = field(default_factory=set)
    shown_ms: Ms = field(default=Ms(0))
    """When its panel was last shown."""
    shown: SpreadView | None = None
    revision: int = 0
    """Counts what its card was shown with."""


@dataclass(slots=True)
class Quoter:
    """Everything the desk remembers of quoting."""

    everywhere: QuoteBuckets
    grants: dict[TicketId, SpreadGrant] = field(default_factory=dict)
    """Grants in force; one a market at most."""
    cards: dict[TicketId, SpreadView] = field(default_factory=dict)
    """What the card of each grant's ticket shows, also before and after it is in force."""
    touched: set[ConditionId] = field(default_factory=set)
    """Markets whose books changed since the last look."""
    filled: dict[ConditionId, dict[OrderId, None]] = field(default_factory=dict)
    """Orders placed as quotes of which something was filled, by market."""
    fills_seen: int = 0
    """How many fills of the desk were looked at."""
    sent: deque[TicketId] = field(default_factory=deque)
    """Tickets of quotes, oldest first, until they are forgotten."""
    attempts: int = 0
    """Counts tickets opened for quotes, so that each gets an id of its own."""
    leaving: int = 0
    """Orders that this step sends already: they have not been charged to the venue's rate yet."""


def quoter_of(rules: SpreadRules) -> Quoter:
    """Return a quoter without grants whose buckets are full."""
    return Quoter(
        full_buckets(
            quotes=rules.all_quotes,
            cancels=rules.all_cancels,
            cancel_reserve=rules.all_cancel_reserve,
            at_ms=Ms(0),
        )
    )

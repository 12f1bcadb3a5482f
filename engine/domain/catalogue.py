"""One read of the venue's catalogue: what may be watched, what was left out and why, what the read cost.

Values only. An event that is left out takes no orders; a set is never completed by a guess.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import EventGroup


class SkipReason(Enum):
    """Why an event, or a market of it, takes no orders; values are labels and never change their meaning."""

    MALFORMED_EVENT = "malformed_event"
    MALFORMED_MARKET = "malformed_market"
    NO_MARKETS = "no_markets"
    NOT_BINARY = "not_binary"
    PROTOCOL_VERSION = "protocol_version"
    LACKS_IDS = "lacks_ids"
    """The listing lacks an id, a token or a tick, and the order service does not tell it either."""
    BUDGET_USED_UP = "budget_used_up"
    """The listing lacks something, and the calls to ask the order service for it were used up."""
    FALLBACK_FAILED = "fallback_failed"
    """The listing lacks something, and the order service did not answer."""
    NO_CLOB_MARKET = "no_clob_market"
    MALFORMED_TERMS = "malformed_terms"
    SOURCES_DISAGREE = "sources_disagree"
    """Listing and order service name different ids, tokens or exchanges for one market (reliability B 64)."""
    TICKS_DISAGREE = "ticks_disagree"
    """They name different ticks: the event stays listed, that market takes no orders (reliability B 64)."""
    UNKNOWN_TICK = "unknown_tick"
    """No documented rounding for this tick: the event stays listed, that market takes no orders."""


@dataclass(frozen=True, slots=True)
class SkippedEvent:
    """One event left out, or listed with a market that takes no orders, and why."""

    event_id: str
    slug: str
    reason: SkipReason
    detail: str


@dataclass(frozen=True, slots=True)
class CatalogueCalls:
    """What one read asked for."""

    gamma_pages: int = 0
    clob_pages: int = 0
    clob_details: int = 0
    terms: int = 0
    terms_kept: int = 0
    """Terms that an earlier, failed read had already fetched."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A whole read."""

    events: tuple[EventGroup, ...]
    skipped: tuple[SkippedEvent, ...] = ()
    calls: CatalogueCalls = CatalogueCalls()
    used_up: tuple[str, ...] = ()
    """Budgets that ran out, as sentences; empty when everything that was wanted could be asked."""


@dataclass(frozen=True, slots=True)
class NamedMarket:
    """One market as a search found it; `code` is empty for an event that was never stored here."""

    condition_id: ConditionId
    yes: TokenId
    no: TokenId
    question: str
    event: str
    """Title of its event; empty where the source does not tell it."""
    code: str

"""Why we say no: one row per reason, with the counter's label and the sentence's subject.

"Refuse" is ours, "reject" is the venue's. Every refusal is a value with a sentence that tells what was
expected, what was found and what happens next.
"""

from dataclasses import dataclass
from enum import Enum


class RefusalKind(Enum):
    """The bounded set of refusals; values are metric labels and never change their meaning."""

    UNKNOWN_CODE = "unknown_code"
    STRUCTURE = "structure"
    SEVERAL_WINNERS = "several_winners"
    TOP_PLACES = "top_places"
    DATE_LADDER = "date_ladder"
    THRESHOLD_LADDER = "threshold_ladder"
    AUGMENTED = "augmented"
    PLACEHOLDER = "placeholder"
    OTHER_OUTCOME = "other_outcome"
    NOT_REVIEWED = "not_reviewed"
    RULES_CHANGED = "rules_changed"
    ANNOUNCED = "announced"
    NOT_TRADABLE = "not_tradable"
    TAKER_DELAY = "taker_delay"
    RESOLVING = "resolving"
    FEE_UNKNOWN = "fee_unknown"
    BOOK_NOT_LIVE = "book_not_live"
    BOOK_EMPTY = "book_empty"
    BOOK_CROSSED = "book_crossed"
    BOOK_TICK = "book_tick"
    BOOK_AGE = "book_age"
    BOOK_SKEW = "book_skew"
    DAYS_LOCKED = "days_locked"
    NO_EDGE = "no_edge"
    MIN_PROFIT = "min_profit"
    MIN_SIZE = "min_size"
    OFF_GRID = "off_grid"
    SIZE_STEP = "size_step"
    PRECISION = "precision"
    EXPIRATION = "expiration"
    POST_ONLY = "post_only"
    CAPS = "caps"
    TOO_MANY_LEGS = "too_many_legs"
    LEG_LOSS = "leg_loss"
    ODDS = "odds"
    NOT_SENDABLE = "not_sendable"
    FROZEN = "frozen"
    COOLING = "cooling"
    DUTCH_STOPPED = "dutch_stopped"
    NOT_BROKEN = "not_broken"
    NO_REPAIR = "no_repair"
    IN_FLIGHT = "in_flight"
    HALTED = "halted"
    NOT_HALTED = "not_halted"
    GATE_CLOSED = "gate_closed"
    RATE_LIMITED = "rate_limited"
    MOVED = "moved"
    NOT_OWNER = "not_owner"
    STALE_BUTTON = "stale_button"
    TOO_FAST = "too_fast"
    EXPIRED = "expired"
    TICKET_LIMIT = "ticket_limit"
    ORDER_TERMS = "order_terms"
    INVENTORY = "inventory"
    SELF_TRADE = "self_trade"
    UNKNOWN_ORDER = "unknown_order"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal: its kind for the counter, its sentence for the operator."""

    kind: RefusalKind
    text: str
    beside: RefusalKind | None = None
    """What refused the event as a set of YES, where its text follows as the second reason."""

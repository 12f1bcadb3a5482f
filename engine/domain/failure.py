"""What an answer to a POST means, as two columns, and the venue's documented refusals in operator's words.

"May be sent again" is not the opposite of "outcome unknown": an unanswered order is neither failed nor
safe to repeat (reliability E3). Texts are the documented ones (protocol 4.5).
"""

from dataclasses import dataclass, field
from enum import Enum

from engine.domain.ids import OrderId, TradeId
from engine.domain.units import Size, Usdc
from engine.domain.venue_state import NO_NOTE, VenueNote


class PostClass(Enum):
    """Evidence class of one order's answer."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DUPLICATED = "duplicated"
    """The venue knows this id: neither alive nor dead is proven."""
    DEFERRED = "deferred"
    """The venue did not take orders just now: 425, 429, known 503."""
    NOT_SENT = "not_sent"
    """No byte left: the connection was never made."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PostRule:
    """The two columns of the failure table."""

    same_bytes_may_follow: bool
    outcome_unknown: bool


POST_RULES: dict[PostClass, PostRule] = {
    PostClass.ACCEPTED: PostRule(same_bytes_may_follow=False, outcome_unknown=False),
    PostClass.REFUSED: PostRule(same_bytes_may_follow=False, outcome_unknown=False),
    PostClass.DUPLICATED: PostRule(same_bytes_may_follow=False, outcome_unknown=True),
    PostClass.DEFERRED: PostRule(same_bytes_may_follow=True, outcome_unknown=False),
    PostClass.NOT_SENT: PostRule(same_bytes_may_follow=True, outcome_unknown=False),
    PostClass.UNKNOWN: PostRule(same_bytes_may_follow=False, outcome_unknown=True),
}


class Placed(Enum):
    """The status word of an accepted order."""

    LIVE = "live"
    MATCHED = "matched"
    DELAYED = "delayed"
    UNMATCHED = "unmatched"


class RejectKind(Enum):
    """What a refusal is about, for those who count them."""

    ORDER = "order"
    """This order's own terms, its market, or the money behind it."""
    KILLED = "killed"
    """FAK or FOK: nothing, or not all of it, was on offer. The order type's own end, no fault of anybody."""
    AUTH = "auth"
    """The key or this machine's clock: every further order would be refused, too (reliability B 7)."""
    ACCOUNT = "account"
    """The account, or how the request was made."""


@dataclass(frozen=True, slots=True)
class LegAnswer:
    """What one POST told about one order."""

    order_id: OrderId
    kind: PostClass
    placed: Placed | None
    """Only for ACCEPTED."""
    filled: Size
    """Shares executed at once, 0 if none or not told."""
    cash: Usdc
    """Collateral of those shares without fee."""
    trade_ids: tuple[TradeId, ...]
    reason: str
    """The venue's words; empty for ACCEPTED."""
    foreign_id: OrderId | None = None
    """An accepted id that is not ours: the desk halts (reliability B 13)."""
    reject: RejectKind | None = None
    """For REFUSED; and AUTH for any other 401 or 403, whose outcome stays unknown."""


@dataclass(frozen=True, slots=True)
class VenueFailure:
    """A read or a cancel that got no usable answer. It proves nothing; `reason` names what happened."""

    reason: str
    note: VenueNote = field(default=NO_NOTE, compare=False)


REJECT_SENTENCES: tuple[tuple[str, str], ...] = (
    ("not enough balance / allowance", "balance or allowance is too small: check the wallet and allowances"),
    ("breaks minimum tick size rule", "the price is off the market's tick: the tick changed, plan again"),
    ("lower than the minimum", "the size is below the market's minimum: plan more sets"),
    ("min size: $1", "the order is below one dollar: plan more sets"),
    ("crosses the book", "a post-only order would have crossed the book"),
    ("order crosses book", "a post-only order would have crossed the book"),
    ("not yet ready to process new orders", "the market does not take orders yet: try later"),
    ("no orders found to match", "nothing was on offer at the limit any more"),
    ("fully filled or killed", "not all of it was on offer at the limit"),
    ("invalid expiration", "the expiration was refused: check this machine's clock"),
    ("address in closed only mode", "this account may only close positions"),
    ("address banned", "this account is banned by the venue"),
    ("deposit wallet flow", "the venue wants a deposit wallet (wallet_type 3) for this account"),
    ("order_version_mismatch", "the venue changed its order version: update the desk"),
    ("invalid order version", "the venue changed its order version: update the desk"),
    ("owner of the API KEY", "the API key does not belong to this wallet: check the secrets file"),
    ("address of the API KEY", "the API key does not belong to this wallet: check the secrets file"),
    ("Invalid order payload", "the venue could not read the order: report this"),
    ("invalid nonce", "the venue refused the nonce: report this"),
    ("order canceled in the CTF exchange contract", "the order was cancelled on chain"),
    ("Invalid api key", "the API key is refused: check the secrets file and this machine's clock"),
    ("Invalid L1 Request headers", "the wallet's signature is refused: check key and this machine's clock"),
    ("Too many orders in payload", "more legs than the venue takes in one request"),
    ("No orderbook exists for the requested token id", "the market has no book any more: it may be resolved"),
    ("market not found", "the venue does not know the market any more: it may be resolved"),
)
"""Fragment of a documented refusal, and what it means for the operator. Order matters: first match wins."""

DEFERRED_SENTENCES: tuple[tuple[str, str], ...] = (
    ("matching engine restarting", "the venue's engine restarts: about 90 s, then two minutes of post-only"),
    ("Too Many Requests", "the venue's rate limit: the desk waits as long as it was told"),
    ("Trading is currently disabled", "the venue takes neither orders nor cancels: see its status page"),
    ("Trading is currently cancel-only", "the venue takes cancels, but no orders"),
    ("post-only mode", "the venue takes post-only orders and cancels for about two minutes"),
)
"""The same for what the venue says while it takes no such orders."""

OPEN_SENTENCES: tuple[tuple[str, str], ...] = (
    ("match delayed due to market conditions", "the match was delayed by the venue: look at the order list"),
    (
        "there are no matching orders",
        "the venue found nobody to trade with: the desk reads what became of it",
    ),
    ("FOK orders are filled or killed", "probably nothing was traded: the desk reads what became of it"),
    ("contains rounding issues", "the venue could not work out a trade: the desk reads what became of it"),
    (
        "has a discrepancy greater than allowed",
        "a maker's price did not fit: the desk reads what became of it",
    ),
    ("could not insert order", "the venue failed while it took the order: the desk reads what became of it"),
    ("order timed out", "the venue took too long: the desk reads what became of it"),
    ("unmatched", "the taker delay ended without a match: it may rest, and the desk reads what became of it"),
    ("Duplicated", "the venue has had this order before: the desk reads what became of it"),
)
"""The same for documented texts that leave an order's fate open."""


LACK_TEXT = "not enough balance / allowance"
LACK_OF_ALLOWANCE_TEXT = "the allowance is not enough"


CROSSING_TEXTS = ("crosses the book", "order crosses book")
"""Refusals of a post-only order that would have traded: the book has moved meanwhile, nothing is wrong."""


def is_crossing(venue_text: str) -> bool:
    """Tell whether a refusal says that a post-only order would have traded."""
    return any(fragment in venue_text for fragment in CROSSING_TEXTS)


def reject_sentence(venue_text: str) -> str | None:
    """Return the operator's sentence for a documented refusal, None for any other text."""
    return _first(REJECT_SENTENCES, venue_text)


def venue_sentence(venue_text: str) -> str | None:
    """Return the operator's sentence for any documented text, whatever it proves; None for any other."""
    return _first(REJECT_SENTENCES + DEFERRED_SENTENCES + OPEN_SENTENCES, venue_text)


def _first(rows: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((sentence for fragment, sentence in rows if fragment in text), None)

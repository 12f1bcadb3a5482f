"""Orders: what was intended, what evidence has said since, and the table of what evidence may do.

The order id is the EIP-712 digest and is stored before the first byte leaves, so every later fact is
attached by id. Evidence moves a state forward only; any evidence of a fill beats any other evidence.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, OrderId, PlanId, TicketId, TokenId, TradeId
from engine.domain.market import Side
from engine.domain.units import Ms, Price, Size, Usdc


class TimeInForce(Enum):
    """The venue's order types this desk sends; the value is the wire word."""

    GTC = "GTC"
    GTD = "GTD"
    FAK = "FAK"
    FOK = "FOK"


class OrderState(Enum):
    """Where an order stands at the venue, as far as is proven."""

    SENDING = "sending"
    """Durable, perhaps on its way."""
    UNKNOWN = "unknown"
    """Sent, and the answer told nothing: counts as filled for exposure, as not filled for completion."""
    LIVE = "live"
    PARTIAL = "partial"
    DELAYED = "delayed"
    """Taken by the venue and held back: it can be neither repeated nor cancelled until that is over."""
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    KILLED = "killed"
    """FAK or FOK: the venue took what matched at once, perhaps nothing, and ended the rest."""
    REJECTED = "rejected"
    DEAD = "dead"
    """Proven never to have rested, or to rest no more."""

    @property
    def is_final(self) -> bool:
        """Tell whether no further execution is possible."""
        return self in FINAL


FINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.EXPIRED,
        OrderState.KILLED,
        OrderState.REJECTED,
        OrderState.DEAD,
    }
)


class Evidence(Enum):
    """What was learned about an order."""

    RESTING = "the venue says it rests"
    DELAYED = "the venue holds it in the taker delay"
    PART_FILLED = "part of it is filled"
    ALL_FILLED = "all of it is filled"
    REFUSED = "the venue refused it, definitively"
    KILLED = "the venue ended what did not match at once, as its type asks"
    UNANSWERED = "sent, and the answer told nothing"
    CANCEL_SENT = "a cancel is on its way"
    CANCELLED = "the venue cancelled it"
    PROVEN_DEAD = "a reply names it as gone and a complete read does not hold it"
    PAST_EXPIRY = "past its expiration, and a complete read does not hold it"


_S, _E = OrderState, Evidence

TRANSITIONS: dict[tuple[OrderState, Evidence], OrderState] = {
    (_S.SENDING, _E.RESTING): _S.LIVE,
    (_S.SENDING, _E.DELAYED): _S.DELAYED,
    (_S.SENDING, _E.PART_FILLED): _S.PARTIAL,
    (_S.SENDING, _E.ALL_FILLED): _S.FILLED,
    (_S.SENDING, _E.REFUSED): _S.REJECTED,
    (_S.SENDING, _E.KILLED): _S.KILLED,
    (_S.SENDING, _E.UNANSWERED): _S.UNKNOWN,
    (_S.SENDING, _E.CANCEL_SENT): _S.SENDING,  # the POST may still be on its way: a cancel proves nothing
    (_S.SENDING, _E.CANCELLED): _S.CANCELLED,
    (_S.SENDING, _E.PROVEN_DEAD): _S.DEAD,
    (_S.SENDING, _E.PAST_EXPIRY): _S.EXPIRED,
    (_S.UNKNOWN, _E.RESTING): _S.LIVE,
    (_S.UNKNOWN, _E.DELAYED): _S.DELAYED,
    (_S.UNKNOWN, _E.PART_FILLED): _S.PARTIAL,
    (_S.UNKNOWN, _E.ALL_FILLED): _S.FILLED,
    (_S.UNKNOWN, _E.KILLED): _S.KILLED,
    (_S.UNKNOWN, _E.UNANSWERED): _S.UNKNOWN,
    (_S.UNKNOWN, _E.CANCEL_SENT): _S.UNKNOWN,  # a cancel proves nothing until it is answered
    (_S.UNKNOWN, _E.CANCELLED): _S.CANCELLED,
    (_S.UNKNOWN, _E.PROVEN_DEAD): _S.DEAD,
    (_S.UNKNOWN, _E.PAST_EXPIRY): _S.EXPIRED,
    (_S.LIVE, _E.RESTING): _S.LIVE,
    (_S.LIVE, _E.PART_FILLED): _S.PARTIAL,
    (_S.LIVE, _E.ALL_FILLED): _S.FILLED,
    (_S.LIVE, _E.KILLED): _S.KILLED,
    (_S.LIVE, _E.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.LIVE, _E.CANCELLED): _S.CANCELLED,
    (_S.LIVE, _E.PROVEN_DEAD): _S.DEAD,
    (_S.LIVE, _E.PAST_EXPIRY): _S.EXPIRED,
    (_S.DELAYED, _E.RESTING): _S.LIVE,
    (_S.DELAYED, _E.DELAYED): _S.DELAYED,
    (_S.DELAYED, _E.PART_FILLED): _S.PARTIAL,
    (_S.DELAYED, _E.ALL_FILLED): _S.FILLED,
    (_S.DELAYED, _E.KILLED): _S.KILLED,
    (_S.DELAYED, _E.CANCEL_SENT): _S.DELAYED,  # the venue cancels nothing that it holds back
    (_S.DELAYED, _E.CANCELLED): _S.CANCELLED,
    (_S.DELAYED, _E.PROVEN_DEAD): _S.DEAD,
    (_S.DELAYED, _E.PAST_EXPIRY): _S.EXPIRED,
    (_S.PARTIAL, _E.RESTING): _S.PARTIAL,
    (_S.PARTIAL, _E.PART_FILLED): _S.PARTIAL,
    (_S.PARTIAL, _E.ALL_FILLED): _S.FILLED,
    (_S.PARTIAL, _E.KILLED): _S.KILLED,
    (_S.PARTIAL, _E.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.PARTIAL, _E.CANCELLED): _S.CANCELLED,
    (_S.PARTIAL, _E.PROVEN_DEAD): _S.DEAD,
    (_S.PARTIAL, _E.PAST_EXPIRY): _S.EXPIRED,
    (_S.PENDING_CANCEL, _E.RESTING): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _E.DELAYED): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _E.PART_FILLED): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _E.ALL_FILLED): _S.FILLED,
    (_S.PENDING_CANCEL, _E.KILLED): _S.KILLED,
    (_S.PENDING_CANCEL, _E.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _E.CANCELLED): _S.CANCELLED,
    (_S.PENDING_CANCEL, _E.PROVEN_DEAD): _S.DEAD,
    (_S.PENDING_CANCEL, _E.PAST_EXPIRY): _S.EXPIRED,
    # Late facts are rows, not surprises: a fill, or the order itself, found after it was thought over
    # (reliability B 14, 15). RESTING is then the sight of a read that began after the end.
    (_S.CANCELLED, _E.PART_FILLED): _S.CANCELLED,
    (_S.CANCELLED, _E.ALL_FILLED): _S.FILLED,
    (_S.CANCELLED, _E.RESTING): _S.LIVE,
    (_S.EXPIRED, _E.PART_FILLED): _S.EXPIRED,
    (_S.EXPIRED, _E.ALL_FILLED): _S.FILLED,
    (_S.EXPIRED, _E.RESTING): _S.LIVE,
    (_S.KILLED, _E.PART_FILLED): _S.KILLED,
    (_S.KILLED, _E.ALL_FILLED): _S.FILLED,
    (_S.KILLED, _E.RESTING): _S.LIVE,
    (_S.DEAD, _E.PART_FILLED): _S.PARTIAL,
    (_S.DEAD, _E.ALL_FILLED): _S.FILLED,
    (_S.DEAD, _E.RESTING): _S.LIVE,
    (_S.REJECTED, _E.PART_FILLED): _S.PARTIAL,
    (_S.REJECTED, _E.ALL_FILLED): _S.FILLED,
    (_S.REJECTED, _E.RESTING): _S.LIVE,
}
"""State after evidence. A pair that is absent changes nothing: the evidence is older than the state."""


def advance(state: OrderState, evidence: Evidence) -> OrderState:
    """Return the state after `evidence`; the same state where the table has no row."""
    return TRANSITIONS.get((state, evidence), state)


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What is to be sent, complete but for the signature. Every field is fixed before signing."""

    plan_id: PlanId
    ticket_id: TicketId
    leg: int
    generation: int
    """0 for the plan's own order; a replacement after a proven death counts up."""
    token_id: TokenId
    condition_id: ConditionId
    name: str
    side: Side
    neg_risk: bool
    tick: Price
    fee: FeeCurve
    price: Price
    size: Size
    time_in_force: TimeInForce
    post_only: bool
    created_ms: Ms
    """Venue time; signed, in milliseconds."""
    expiration_s: int
    """Venue time in whole seconds, 0 for none; the venue ends the order 60 s earlier. Not signed."""
    resend_until_ms: Ms
    """Desk time after which these bytes are never sent again."""

    @property
    def rests(self) -> bool:
        """Tell whether it is meant to stay on the book; of any other the rest is cancelled at once."""
        return self.post_only

    @property
    def is_immediate(self) -> bool:
        """Tell whether the venue itself ends at once what does not match (FAK, FOK)."""
        return self.time_in_force in (TimeInForce.FAK, TimeInForce.FOK)

    @property
    def key(self) -> str:
        """Identity of the intent for ever: `ticket:plan:leg:generation`."""
        return f"{self.ticket_id}:{self.plan_id}:{self.leg}:{self.generation}"


class Settlement(Enum):
    """The second axis of a fill: matched is not settled (reliability A14 P8). Only the last two are final."""

    MATCHED = "matched"
    MINED = "mined"
    RETRYING = "retrying"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    """The venue undid it: counted as never traded, once."""

    @property
    def is_final(self) -> bool:
        """Tell whether the venue will say nothing else about this fill."""
        return self in (Settlement.CONFIRMED, Settlement.FAILED)


SETTLEMENTS: dict[tuple[Settlement, Settlement], Settlement] = {
    (Settlement.MATCHED, Settlement.MINED): Settlement.MINED,
    (Settlement.MATCHED, Settlement.RETRYING): Settlement.RETRYING,
    (Settlement.MATCHED, Settlement.CONFIRMED): Settlement.CONFIRMED,
    (Settlement.MATCHED, Settlement.FAILED): Settlement.FAILED,
    (Settlement.MINED, Settlement.RETRYING): Settlement.RETRYING,
    (Settlement.MINED, Settlement.CONFIRMED): Settlement.CONFIRMED,
    (Settlement.MINED, Settlement.FAILED): Settlement.FAILED,
    (Settlement.RETRYING, Settlement.MINED): Settlement.MINED,
    (Settlement.RETRYING, Settlement.CONFIRMED): Settlement.CONFIRMED,
    (Settlement.RETRYING, Settlement.FAILED): Settlement.FAILED,
}
"""Settlement after what was seen. A pair that is absent changes nothing: what was seen is older."""


def settle(known: Settlement, seen: Settlement) -> Settlement:
    """Return the settlement after one more sight of a trade; reads and streams come in any order."""
    return SETTLEMENTS.get((known, seen), known)


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution against one of our orders, unique by (trade id, order id)."""

    trade_id: TradeId
    order_id: OrderId
    token_id: TokenId
    side: Side
    size: Size
    cash: Usdc
    """Collateral exchanged without fee: paid for a BUY, received for a SELL."""
    fee: Usdc
    """Taker fee, floored to 1e-5 per maker match (design, section 7)."""
    settlement: Settlement
    matched_ms: Ms


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as stored: intent, id, state, and what the answers said."""

    order_id: OrderId
    intent: OrderIntent
    state: OrderState
    filled: Size
    """Cumulative matched size, the largest any evidence has shown."""
    sends: int
    last_send_ms: Ms
    ever_unknown: bool
    """After one unanswered send no refusal is terminal (design, section 7)."""
    reason: str
    """The venue's words for a reject, or why it ended; empty while all is well."""

    @property
    def remaining(self) -> Size:
        """Size not known to be filled."""
        return Size(max(0, self.intent.size - self.filled))

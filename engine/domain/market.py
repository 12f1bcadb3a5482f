"""Events, markets and outcomes as the catalogue tells them, and the two fingerprints that guard them.

`rules_hash` covers what an outcome *means*: a change freezes the event until a person reviews it.
`terms_hash` covers how it trades: a change only forces a new plan (design, section 7).
"""

import hashlib
import json
from dataclasses import dataclass
from enum import Enum

from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.rewards import RewardOffer
from engine.domain.units import Price, Size

TICKS = frozenset({Price(1_000), Price(100), Price(50), Price(25), Price(10), Price(1)})
"""Every tick for which the venue documents how amounts are rounded (protocol 4.2)."""


class Side(Enum):
    """Direction of an order; the value is the wire word."""

    BUY = "BUY"
    SELL = "SELL"


@dataclass(frozen=True, slots=True)
class Terms:
    """How one market trades now. `fee` is None while no source told it: planners refuse, never assume 0."""

    tick: Price
    min_size: Size
    fee: FeeCurve | None
    active: bool
    closed: bool
    accepting: bool
    taker_delay: bool
    resolution_status: str
    """Empty while nothing was proposed; otherwise the oracle's word ("proposed", "disputed", ...)."""
    winner: str = ""
    """YES or NO once the market is closed and resolved to one of them; empty otherwise."""

    @property
    def tradable(self) -> bool:
        """Tell whether new orders can be placed at all."""
        return self.active and not self.closed and self.accepting and not self.resolution_status


@dataclass(frozen=True, slots=True)
class Market:
    """One question with a YES and a NO token."""

    condition_id: ConditionId
    question_id: str
    question: str
    name: str
    """The outcome's short name inside its event ("No change"), or the question of a lone market."""
    rules_text: str
    resolution_source: str
    end_date: str
    yes: TokenId
    no: TokenId
    neg_risk: bool
    neg_risk_id: str
    is_other: bool
    terms: Terms
    rewards: RewardOffer | None = None
    """Liquidity rewards as listed; like the rebate in neither fingerprint: no plan rests on them."""
    rebate_pct: int = 0
    """Share of the taker's fee that makers are paid back, in hundredths; 0 where unknown."""


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Sibling markets that the catalogue lists as one event; a binary market is a group of one."""

    event_id: EventId
    code: str
    slug: str
    title: str
    rules_text: str
    resolution_source: str
    end_date: str
    neg_risk: bool
    augmented: bool
    neg_risk_id: str
    markets: tuple[Market, ...]

    def market_of(self, token: TokenId) -> Market:
        """Return the market that `token` belongs to; the token must be one of this event's."""
        found = next((m for m in self.markets if token in (m.yes, m.no)), None)
        assert found is not None, f"expected a token of event {self.event_id}, was {token}"
        return found


RULES_VERSION = "rules/1"
"""First entry of a canonical text; another layout gets another one, and all events must be read again."""


def canonical_rules(event: EventGroup) -> str:
    """Return everything that fixes what the outcomes mean, as one canonical JSON text.

    Texts, outcomes, ids, resolution source, end dates, neg-risk and augmented flags, and the set of
    children; neither prices nor trading status. Independent of the order in which children are listed.
    `engine.core.rules.rules_change` reads it back by position.
    """
    children = sorted(
        [
            m.condition_id,
            m.question_id,
            m.yes,
            m.no,
            m.name,
            m.question,
            m.rules_text,
            m.resolution_source,
            m.end_date,
            m.neg_risk,
            m.neg_risk_id,
            m.is_other,
        ]
        for m in event.markets
    )
    whole = [
        RULES_VERSION,
        event.event_id,
        event.title,
        event.rules_text,
        event.resolution_source,
        event.end_date,
        event.neg_risk,
        event.augmented,
        event.neg_risk_id,
        children,
    ]
    return canonical_json(whole)


def rules_hash(event: EventGroup) -> str:
    """Return the SHA-256 hex of the event's canonical rules."""
    return text_hash(canonical_rules(event))


def terms_hash(event: EventGroup) -> str:
    """Return the SHA-256 hex of fees, ticks, minimums and status flags of every child."""
    children = sorted(
        [
            m.condition_id,
            m.terms.tick,
            m.terms.min_size,
            None if m.terms.fee is None else [m.terms.fee.rate, m.terms.fee.exponent],
            m.terms.active,
            m.terms.closed,
            m.terms.accepting,
            m.terms.taker_delay,
            m.terms.resolution_status,
        ]
        for m in event.markets
    )
    return text_hash(canonical_json(["terms/1", event.event_id, children]))


def text_hash(text: str) -> str:
    """Return the SHA-256 hex of a canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_json(value: object) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

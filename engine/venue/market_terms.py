"""The trading terms of a market: what /clob-markets says, held against what the catalogue says. Pure.

The CLOB is the authority (protocol 5.1); the catalogue's copy may be minutes old. Where the two name
different tokens or exchanges nothing may be traded; where they differ on the tick, no orders for now.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from engine.domain.catalogue import SkipReason
from engine.domain.fees import FREE, RATE_ONE, FeeCurve
from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import TICKS, Market
from engine.domain.rewards import RewardOffer
from engine.domain.units import Price, Size, format_price
from engine.venue.gamma import GammaMarket
from engine.venue.gamma_rows import SkipError
from engine.venue.reward_rows import compact_offer, with_clob
from engine.venue.strict_json import (
    OddAnswer,
    condition_id,
    decode,
    positive_tick,
    scaled_number,
    token_id,
)

_RATE_DECIMALS = len(str(RATE_ONE)) - 1


class _FeeDetails(msgspec.Struct, frozen=True, rename={"rate": "r", "exponent": "e", "taker_only": "to"}):
    rate: Decimal
    exponent: Decimal
    taker_only: bool


class _Token(msgspec.Struct, frozen=True, rename={"token": "t"}):
    token: str


class _ClobMarket(
    msgspec.Struct,
    frozen=True,
    rename={
        "condition": "c",
        "tokens": "t",
        "tick": "mts",
        "min_size": "mos",
        "neg_risk": "nr",
        "fee": "fd",
        "accepting": "ao",
        "delayed": "itode",
        "version": "v",
        "rewards": "r",
    },
):
    condition: str
    tokens: list[_Token]
    tick: Decimal
    min_size: Decimal
    accepting: bool
    neg_risk: bool = False
    delayed: bool = False
    fee: msgspec.Raw = msgspec.Raw()
    version: str | None = None
    rewards: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True, slots=True)
class ClobTerms:
    """One market's parameters at the CLOB. `fee` is None when its schedule cannot be computed exactly."""

    condition_id: ConditionId
    tokens: tuple[TokenId, ...]
    tick: Price
    min_size: Size
    fee: FeeCurve | None
    neg_risk: bool
    accepting: bool
    delayed: bool
    rewards: RewardOffer | None = None
    """Without its pool; `NO_OFFER` where they are switched off, None where nothing is told."""


def read_terms(raw: bytes) -> ClobTerms:
    """Return the answer of /clob-markets/{condition}; raises OddAnswer when it cannot be read."""
    market = decode(raw, _ClobMarket)
    return ClobTerms(
        condition_id=condition_id(market.condition),
        tokens=tuple(token_id(token.token) for token in market.tokens),
        tick=positive_tick(market.tick),
        min_size=Size(scaled_number(market.min_size, 6)),
        fee=FREE if bytes(market.fee) in (b"", b"null") else _fee(market.fee),
        neg_risk=market.neg_risk,
        accepting=market.accepting and market.version in (None, "v1"),
        delayed=market.delayed,
        rewards=compact_offer(market.rewards),
    )


def _fee(raw: msgspec.Raw) -> FeeCurve | None:
    """Return the curve, or None for anything but a taker-only rate in 1e-6 with a small whole exponent."""
    try:
        details = decode(raw, _FeeDetails)
        if not details.taker_only:
            return None
        return FeeCurve(scaled_number(details.rate, _RATE_DECIMALS), scaled_number(details.exponent, 0))
    except ValueError:
        return None


def market_with(listed: GammaMarket, clob: ClobTerms | None) -> Market:
    """Return the market with its terms; `clob` is None for a child that takes no orders by the catalogue.

    Raises SkipError when the two sources do not mean the same market.
    """
    market = listed.market
    if clob is None:
        return replace(market, terms=replace(market.terms, accepting=False))
    _check_identity(market, clob)
    # The catalogue says that a fee is charged and the CLOB tells none: unknown, never free.
    fee = None if clob.fee is FREE and listed.charges_fee else clob.fee
    terms = replace(
        market.terms,
        tick=clob.tick,
        min_size=clob.min_size,
        fee=fee,
        accepting=clob.accepting and market.terms.accepting and tick_fault(market, clob) is None,
        taker_delay=clob.delayed or market.terms.taker_delay,
    )
    return replace(market, terms=terms, rewards=with_clob(market.rewards, clob.rewards))


def tick_fault(listed: Market, clob: ClobTerms) -> SkipError | None:
    """Return why a market takes no orders on account of its tick, None if both sources name a known one."""
    if clob.tick != listed.terms.tick:
        text = (
            f"expected the listing's tick {format_price(listed.terms.tick)} for {listed.name}, found "
            f"{format_price(clob.tick)} at the order service; no orders there until both agree"
        )
        return SkipError(SkipReason.TICKS_DISAGREE, text)
    if clob.tick not in TICKS:
        text = f"expected a tick with documented rounding for {listed.name}, found {format_price(clob.tick)}"
        return SkipError(SkipReason.UNKNOWN_TICK, f"{text}; no orders there")
    return None


def _check_identity(listed: Market, clob: ClobTerms) -> None:
    expected = (listed.condition_id, (listed.yes, listed.no), listed.neg_risk)
    found = (clob.condition_id, clob.tokens, clob.neg_risk)
    if expected != found:
        raise SkipError(
            SkipReason.SOURCES_DISAGREE,
            f"expected condition, tokens and neg-risk flag {expected}, found {found} at the CLOB",
        )


def terms_or_skip(raw: bytes) -> ClobTerms:
    """Return the terms, or raise SkipError in place of OddAnswer."""
    try:
        return read_terms(raw)
    except OddAnswer as error:
        raise SkipError(SkipReason.MALFORMED_TERMS, str(error)) from error

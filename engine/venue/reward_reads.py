"""Reads of rewards and rebates: terms of pools, own shares and earnings, scoring orders. Books nothing.

Terms and rebates are public, the rest is signed. A failure fails a read as a whole.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId, OrderId
from engine.domain.rewards import Earned, MarketOffer, PoolShare, RewardOffer
from engine.venue.http_client import HttpClient
from engine.venue.pages import Ask, read_pages
from engine.venue.private_calls import PrivateCalls, body_of
from engine.venue.reward_rows import (
    day_text,
    merged,
    read_earned_page,
    read_offers_page,
    read_rebates,
    read_scoring,
    read_shares,
)
from engine.venue.signing import SignatureType

_T = TypeVar("_T")


async def read_offers(http: HttpClient, clob: str) -> tuple[MarketOffer, ...] | VenueFailure:
    """Read the terms of every market with a pool, as they are now."""
    path = "/rewards/markets/current"
    listing = await read_pages(_public(http, clob, path), path, {}, read_offers_page)
    return listing if isinstance(listing, VenueFailure) else listing.rows


async def read_offer(
    http: HttpClient, clob: str, condition: ConditionId
) -> RewardOffer | VenueFailure | None:
    """Read the terms of one market; None if it has no rewards."""
    path = f"/rewards/markets/{condition}"
    listing = await read_pages(_public(http, clob, path), path, {}, read_offers_page)
    if isinstance(listing, VenueFailure):
        return listing
    if any(row.condition_id != condition for row in listing.rows) or len(listing.rows) > 1:
        return VenueFailure(f"GET {path}: expected this market once, found others")
    return listing.rows[0].offer if listing.rows else None


async def read_pool_shares(
    calls: PrivateCalls, signature_type: SignatureType
) -> tuple[PoolShare, ...] | VenueFailure:
    """Read which part of each pool the account is earning at present."""
    path = "/rewards/user/percentages"
    raw = await calls.read("GET", path, query={"signature_type": str(signature_type.value)})
    return _read(raw, f"GET {path}", read_shares)


async def read_earned(
    calls: PrivateCalls, signature_type: SignatureType, day: int
) -> tuple[Earned, ...] | VenueFailure:
    """Read what the account's rewards of a UTC day come to; `rewards.paid` tells what of it is paid."""
    path = "/rewards/user"

    async def ask(query: Mapping[str, str]) -> bytes | VenueFailure:
        return await calls.read("GET", path, query=query)

    query = {"date": day_text(day), "signature_type": str(signature_type.value)}
    listing = await read_pages(ask, path, query, read_earned_page)
    if isinstance(listing, VenueFailure):
        return listing
    if any(row.day != day for row in listing.rows):
        return VenueFailure(f"GET {path}: expected earnings of {day_text(day)}, found another day's")
    return merged(listing.rows)


async def read_maker_rebates(
    http: HttpClient, clob: str, maker: str, day: int
) -> tuple[Earned, ...] | VenueFailure:
    """Read the rebates of a UTC day of one address."""
    query = {"date": day_text(day), "maker_address": maker}
    answer = await http.request("GET", f"{clob}/rebates/current", query=query)
    call = "GET /rebates/current"
    return _read(body_of(answer, call), call, lambda raw: read_rebates(raw, day, maker))


async def read_scoring_orders(
    calls: PrivateCalls, order_ids: Sequence[OrderId]
) -> frozenset[OrderId] | VenueFailure:
    """Read which of these own orders score at present; at least one must be asked for."""
    assert order_ids, "expected an order to ask about"
    body = json.dumps(list(order_ids), separators=(",", ":")).encode()
    answer = await calls.send("POST", "/orders-scoring", body=body)
    call = "POST /orders-scoring"
    return _read(body_of(answer, call), call, lambda raw: read_scoring(raw, order_ids))


def _public(http: HttpClient, clob: str, path: str) -> Ask:
    async def ask(query: Mapping[str, str]) -> bytes | VenueFailure:
        return body_of(await http.request("GET", clob + path, query=query), f"GET {path}")

    return ask


def _read(raw: bytes | VenueFailure, call: str, reader: Callable[[bytes], _T]) -> _T | VenueFailure:
    if isinstance(raw, VenueFailure):
        return raw
    try:
        return reader(raw)
    except ValueError as error:
        return VenueFailure(f"{call}: {error}")

"""What the venue says of the account and of this machine before a desk starts. Reads only; judges nothing.

Whether the findings allow a start is `bot.doctor`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from engine.clock import Clock
from engine.domain.failure import VenueFailure
from engine.domain.units import Ms, Usdc, parse_scaled
from engine.venue.auth import ApiCredentials, L2Signer
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.order_body import TradingAccount
from engine.venue.private_calls import PrivateCalls, body_of
from engine.venue.strict_json import OddAnswer, decode

GEOBLOCK_URL = "https://polymarket.com/api/geoblock"
"""Which countries are refused changes: it is asked, never listed here (protocol 10)."""
WORD_DIGITS = 78
"""Decimal digits of the largest 256-bit number."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Geoblock:
    """What the venue says of this machine's address."""

    blocked: bool
    country: str
    region: str


@dataclass(frozen=True, slots=True)
class Funds:
    """Collateral, and what each exchange contract may take of it; micro-dollars."""

    balance: Usdc
    allowances: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class VenueFindings:
    """Every answer, or why there is none. `geoblock` is None where it was not asked."""

    geoblock: Geoblock | VenueFailure | None
    clock_ahead_ms: int | VenueFailure
    """The venue's clock minus ours; its answer counts whole seconds, so half of one is noise."""
    closed_only: bool | VenueFailure
    api_keys: tuple[str, ...] | VenueFailure
    funds: Funds | VenueFailure


class _GeoblockShape(msgspec.Struct, frozen=True):
    blocked: bool
    country: str = ""
    region: str = ""


class _ClosedOnly(msgspec.Struct, frozen=True):
    closed_only: bool


class _ApiKeys(msgspec.Struct, frozen=True):
    apiKeys: list[str]  # noqa: N815 - the wire's name


class _Funds(msgspec.Struct, frozen=True):
    balance: str
    allowances: dict[str, str] = {}


async def read_findings(
    http: HttpClient,
    hosts: VenueHosts,
    account: TradingAccount,
    credentials: ApiCredentials | VenueFailure,
    clock: Clock,
    *,
    ask_geoblock: bool,
) -> VenueFindings:
    """Ask everything, one after the other; a failure of one keeps none of the others from being asked."""
    ahead_ms = await _clock_ahead(http, hosts, clock)
    geoblock = await _geoblock(http) if ask_geoblock else None
    if isinstance(credentials, VenueFailure):
        return VenueFindings(geoblock, ahead_ms, credentials, credentials, credentials)
    calls = PrivateCalls(http, hosts.clob, L2Signer(account.key.address, credentials), clock)
    # A clock that is wrong is reported as such, and must not make every other line fail, too.
    calls.venue_offset_ms = 0 if isinstance(ahead_ms, VenueFailure) else ahead_ms
    asset = {"asset_type": "COLLATERAL", "signature_type": str(account.signature_type.value)}
    return VenueFindings(
        geoblock=geoblock,
        clock_ahead_ms=ahead_ms,
        closed_only=await _asked(
            calls, "/auth/ban-status/closed-only", {}, lambda raw: decode(raw, _ClosedOnly).closed_only
        ),
        api_keys=await _asked(calls, "/auth/api-keys", {}, lambda raw: tuple(decode(raw, _ApiKeys).apiKeys)),
        funds=await _asked(calls, "/balance-allowance", asset, _funds_of),
    )


def _funds_of(raw: bytes) -> Funds:
    told = decode(raw, _Funds)
    allowances = {contract.lower(): _allowed(text) for contract, text in told.allowances.items()}
    return Funds(Usdc(parse_scaled(told.balance, 0)), allowances)


def _allowed(text: str) -> int:
    """Return an allowance: a 256-bit number, and usually the largest one."""
    if not (text.isascii() and text.isdigit() and len(text) <= WORD_DIGITS):
        raise OddAnswer(f"expected an allowance in decimal, was {text[:40]!r}")
    return int(text)


async def _asked(
    calls: PrivateCalls, path: str, query: Mapping[str, str], read: Callable[[bytes], _T]
) -> _T | VenueFailure:
    raw = await calls.read("GET", path, query=query)
    return raw if isinstance(raw, VenueFailure) else _read(raw, f"GET {path}", read)


async def _geoblock(http: HttpClient) -> Geoblock | VenueFailure:
    raw = body_of(await http.request("GET", GEOBLOCK_URL), "GET /api/geoblock")
    if isinstance(raw, VenueFailure):
        return raw
    told = _read(raw, "GET /api/geoblock", lambda body: decode(body, _GeoblockShape))
    return told if isinstance(told, VenueFailure) else Geoblock(told.blocked, told.country, told.region)


async def _clock_ahead(http: HttpClient, hosts: VenueHosts, clock: Clock) -> int | VenueFailure:
    """Return the venue's clock minus ours at the middle of the call."""
    before = clock.now_ms()
    told = await VenueReads(http, hosts, {}).read_time_ms()
    if isinstance(told, VenueFailure):
        return told
    # It counts whole seconds: half of one is its mean distance to the time it was told at.
    return Ms(told + 500) - (before + clock.now_ms()) // 2


def _read(raw: bytes, call: str, read: Callable[[bytes], _T]) -> _T | VenueFailure:
    try:
        return read(raw)
    except ValueError as error:
        return VenueFailure(f"{call}: {error}")

"""What a start-up asks about the account before it may trade: each a plain value, or why there is none.

Judges nothing: which answer refuses a start is the caller's. Repeats nothing.
"""

import re
from dataclasses import dataclass
from importlib.metadata import version

import msgspec

from engine.clock import Clock
from engine.domain.failure import VenueFailure
from engine.domain.units import Ms, Usdc, parse_scaled
from engine.venue.auth import ApiCredentials, L2Signer
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import checksum_address
from engine.venue.order_body import TradingAccount
from engine.venue.private_calls import PrivateCalls, body_of
from engine.venue.strict_json import decode

SDK_VERSION = "0.14.0"
"""The official client whose bytes, contracts and private factory ours are tested against."""
_BASE_UNITS = re.compile(r"[0-9]{1,78}")


@dataclass(frozen=True, slots=True)
class Geoblock:
    """What the website says about this machine's address (protocol 10)."""

    blocked: bool
    country: str
    region: str


@dataclass(frozen=True, slots=True)
class Collateral:
    """What the venue believes the wallet holds, and lets which contract move; micro-dollars."""

    balance: Usdc
    allowances: tuple[tuple[str, int], ...]
    """Checksummed contract and amount, in the order of the contracts; 2^256 - 1 is without limit."""


@dataclass(frozen=True, slots=True)
class SdkVersion:
    """The official client's version here, and the one that was tested."""

    found: str
    tested: str

    @property
    def fits(self) -> bool:
        """Tell whether they are the same."""
        return self.found == self.tested


class _Geoblock(msgspec.Struct, frozen=True):
    blocked: bool
    country: str = ""
    region: str = ""


class _ClosedOnly(msgspec.Struct, frozen=True):
    closed_only: bool


class _Keys(msgspec.Struct, frozen=True):
    api_keys: list[str] = msgspec.field(name="apiKeys")


class _Allowances(msgspec.Struct, frozen=True):
    balance: str
    allowances: dict[str, str]


class AccountChecks:
    """Reads for one account. The HTTP client is the caller's, who closes it."""

    def __init__(
        self,
        *,
        http: HttpClient,
        hosts: VenueHosts,
        account: TradingAccount,
        credentials: ApiCredentials,
        clock: Clock,
    ) -> None:
        self._http = http
        self._hosts = hosts
        self._signature_type = account.signature_type
        self._key = credentials.key
        self._clock = clock
        self._reads = VenueReads(http, hosts, {})
        self._calls = PrivateCalls(http, hosts.clob, L2Signer(account.key.address, credentials), clock)

    async def geoblock(self) -> Geoblock | VenueFailure:
        """Ask whether this machine's address may trade. A network that blocks the question is a failure."""
        answer = await self._http.request("GET", self._hosts.geoblock)
        raw = body_of(answer, "GET /api/geoblock")
        if isinstance(raw, VenueFailure):
            return raw
        try:
            told = decode(raw, _Geoblock)
        except ValueError as error:
            return VenueFailure(f"GET /api/geoblock: {error}")
        return Geoblock(told.blocked, told.country, told.region)

    async def closed_only(self) -> bool | VenueFailure:
        """Ask whether the account may only close positions."""
        path = "/auth/ban-status/closed-only"
        raw = await self._calls.read("GET", path)
        if isinstance(raw, VenueFailure):
            return raw
        try:
            return decode(raw, _ClosedOnly).closed_only
        except ValueError as error:
            return VenueFailure(f"GET {path}: {error}")

    async def key_listed(self) -> bool | VenueFailure:
        """Ask whether the venue lists our API key; a key that it refuses outright is a failure."""
        raw = await self._calls.read("GET", "/auth/api-keys")
        if isinstance(raw, VenueFailure):
            return raw
        try:
            return self._key in decode(raw, _Keys).api_keys
        except ValueError as error:
            return VenueFailure(f"GET /auth/api-keys: {error}")

    async def clock_offset_ms(self) -> Ms | VenueFailure:
        """Return the venue's clock minus ours; the venue tells whole seconds, so it is right to a second."""
        asked_ms = self._clock.now_ms()
        told_ms = await self._reads.read_time_ms()
        if isinstance(told_ms, VenueFailure):
            return told_ms
        return Ms(told_ms - (asked_ms + self._clock.now_ms()) // 2)

    async def collateral(self) -> Collateral | VenueFailure:
        """Read the collateral and what each contract may move of it, as the venue has it cached."""
        query = {"asset_type": "COLLATERAL", "signature_type": str(self._signature_type.value)}
        raw = await self._calls.read("GET", "/balance-allowance", query=query)
        if isinstance(raw, VenueFailure):
            return raw
        try:
            told = decode(raw, _Allowances)
            allowances = ((checksum_address(who), _base_units(text)) for who, text in told.allowances.items())
            return Collateral(Usdc(parse_scaled(told.balance, 0)), tuple(sorted(allowances)))
        except ValueError as error:
            return VenueFailure(f"GET /balance-allowance: {error}")


def sdk_version() -> SdkVersion:
    """Return the official client's version on this machine."""
    return SdkVersion(version("polymarket-client"), SDK_VERSION)


def _base_units(text: str) -> int:
    """Return an amount of up to 78 digits: an allowance without limit is the largest 256-bit number."""
    if _BASE_UNITS.fullmatch(text) is None:
        raise ValueError(f"expected an allowance in digits, was {text[:40]!r}")
    return int(text)

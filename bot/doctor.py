"""Start-up checks: each line OK, WARN or REFUSED, with what was found and the next step. Pure over values.

A desk in live mode does not start on any REFUSED. What is judged here is read by `bot.doctor_reads`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from config.settings import Mode
from engine.domain.failure import VenueFailure
from engine.domain.units import Rounding, Usdc, format_cents
from engine.venue.account_checks import Collateral, Geoblock, SdkVersion
from engine.venue.endpoints import NEG_RISK_EXCHANGE, STANDARD_EXCHANGE
from engine.venue.signing import SignatureType
from storage.health import Finding

CLOCK_WARN_MS = 2_000
CLOCK_REFUSED_MS = 10_000
"""Signed requests carry our time; the venue's tolerance is not documented (protocol 3.2)."""
ALLOWED_CONTRACTS = {"standard exchange": STANDARD_EXCHANGE, "neg-risk exchange": NEG_RISK_EXCHANGE}


class Verdict(Enum):
    """What a line means for a start."""

    OK = "OK"
    WARN = "WARN"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Line:
    """One check's outcome."""

    name: str
    verdict: Verdict
    found: str
    next_step: str = ""
    """What to do; empty when there is nothing to do."""


@dataclass(frozen=True, slots=True)
class SecretsFile:
    """The secrets file as it lies on the disk."""

    mode: int | None
    """Permission bits; None where there is no file, or no such thing as modes."""
    exists: bool


@dataclass(frozen=True, slots=True)
class VenueFindings:
    """What the venue said, or why it did not. `geoblock` is None where it was not asked."""

    geoblock: Geoblock | VenueFailure | None
    clock_ahead_ms: int | VenueFailure
    """The venue's clock minus ours, right to a second."""
    closed_only: bool | VenueFailure
    key_listed: bool | VenueFailure
    collateral: Collateral | VenueFailure


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at."""

    mode: Mode
    venue: VenueFindings
    cap_day: Usdc
    signature_type: SignatureType
    wallet: str
    sdk: SdkVersion
    backend: str
    """What signs and how fast; empty if too slow."""
    ledger: tuple[Finding, ...]
    held_by: str
    """Who holds the folder's lock beside us; empty for nobody."""
    secrets: SecretsFile


class DoctorRefusedError(Exception):
    """A live desk does not start; the text holds every line that refuses."""


Found = tuple[Verdict, str, str]
"""Verdict, what was found, the next step."""
_AGAIN = "see that the venue can be reached from here, then try again"


def examine(facts: Facts) -> tuple[Line, ...]:
    """Return every line: those of the table in its order, then what the storage found of its ledger."""
    lines = [Line(name, *check(facts)) for name, check in CHECKS]
    return (*lines, *(_of_ledger(finding) for finding in facts.ledger))


def _of_ledger(finding: Finding) -> Line:
    return Line(f"database, {finding.subject}", Verdict[finding.grade.name], finding.found, finding.next_step)


def is_refused(lines: tuple[Line, ...]) -> bool:
    """Tell whether a live desk may not start."""
    return any(line.verdict is Verdict.REFUSED for line in lines)


def refuse_start(lines: tuple[Line, ...]) -> None:
    """Raise DoctorRefusedError if any line refuses."""
    refused = [in_words(line) for line in lines if line.verdict is Verdict.REFUSED]
    if refused:
        raise DoctorRefusedError("not started, `dutchdesk doctor` tells all:\n" + "\n".join(refused))


def in_words(line: Line) -> str:
    """Return one line as it is printed."""
    onward = f"; {line.next_step}" if line.next_step else ""
    return f"{line.verdict.value:<8}{line.name}: {line.found}{onward}"


def _unread(failure: VenueFailure) -> Found:
    return Verdict.REFUSED, f"could not be asked: {failure.reason}", _AGAIN


def geoblock(facts: Facts) -> Found:
    """Refuse where the venue refuses this machine's address."""
    told = facts.venue.geoblock
    if told is None:
        return Verdict.OK, "not asked: the local exchange knows no countries", ""
    if isinstance(told, VenueFailure):
        return _unread(told)
    where = f"{told.country} {told.region}".strip() or "an unnamed place"
    if told.blocked:
        return Verdict.REFUSED, f"the venue refuses orders from {where}", "trade from where it is allowed"
    return Verdict.OK, f"orders are allowed from {where}", ""


def closed_only(facts: Facts) -> Found:
    """Refuse an account that may only close positions."""
    told = facts.venue.closed_only
    if isinstance(told, VenueFailure):
        return _unread(told)
    if told:
        return Verdict.REFUSED, "this account may only close positions", "ask the venue's support why"
    return Verdict.OK, "this account may open positions", ""


def clock(facts: Facts) -> Found:
    """Compare this machine's clock with the venue's."""
    ahead = facts.venue.clock_ahead_ms
    if isinstance(ahead, VenueFailure):
        return _unread(ahead)
    off = abs(ahead)
    found = f"{'behind' if ahead > 0 else 'ahead of'} the venue's clock by {off // 1_000}.{off // 100 % 10} s"
    if off > CLOCK_REFUSED_MS:
        return Verdict.REFUSED, found, "set this machine's clock (NTP), then start again"
    if off > CLOCK_WARN_MS:
        return Verdict.WARN, found, "set this machine's clock (NTP)"
    return Verdict.OK, found, ""


def balance(facts: Facts) -> Found:
    """Warn of an empty wallet."""
    told = facts.venue.collateral
    if isinstance(told, VenueFailure):
        return _unread(told)
    if told.balance == 0:
        return Verdict.WARN, "0.00 USDC: nothing can be bought", "deposit to the wallet"
    return Verdict.OK, f"{format_cents(told.balance, Rounding.DOWN)} USDC", ""


def allowances(facts: Facts) -> Found:
    """Demand that both exchange contracts may take what a day may spend."""
    told = facts.venue.collateral
    if isinstance(told, VenueFailure):
        return _unread(told)
    known = dict(told.allowances)
    allowed = {name: known.get(contract) for name, contract in ALLOWED_CONTRACTS.items()}
    none = [name for name, amount in allowed.items() if amount == 0]
    if none:
        return Verdict.REFUSED, f"nothing approved for: {', '.join(none)}", "approve collateral for it first"
    untold = [name for name, amount in allowed.items() if amount is None]
    if untold:
        return Verdict.WARN, f"the venue tells nothing of: {', '.join(untold)}", "look at the approvals"
    short = [name for name, amount in allowed.items() if amount is not None and amount < facts.cap_day]
    if short:
        found = f"less than caps.day_usdc approved for: {', '.join(short)}"
        return Verdict.WARN, found, "orders beyond it are refused by the venue: approve more"
    return Verdict.OK, "collateral approved for both exchange contracts", ""


def api_key(facts: Facts) -> Found:
    """Demand that the venue knows our key."""
    listed = facts.venue.key_listed
    if isinstance(listed, VenueFailure):
        return _unread(listed)
    if not listed:
        return Verdict.REFUSED, "the venue does not list ours", "start again: it is derived anew"
    return Verdict.OK, "the venue lists ours", ""


def wallet_type(facts: Facts) -> Found:
    """Warn of a kind of wallet that new accounts cannot trade from."""
    kind = facts.signature_type
    found = f"type {kind.value} ({kind.name.lower()}), {facts.wallet}"
    if kind is SignatureType.EOA and facts.mode is Mode.LIVE:
        onward = "accounts made since the migration need a deposit wallet: relayer.wallet_type = 3"
        return Verdict.WARN, found, onward
    return Verdict.OK, found, ""


def sdk(facts: Facts) -> Found:
    """Demand the one version of the official client that the desk was proven with."""
    found = f"polymarket-client {facts.sdk.found}"
    if not facts.sdk.fits:
        return Verdict.REFUSED, f"{found}, expected {facts.sdk.tested}", "install the hash lock"
    return Verdict.OK, found, ""


def backend(facts: Facts) -> Found:
    """Demand the fast signer: any other is some eighty times slower."""
    if not facts.backend:
        return Verdict.REFUSED, "signing is too slow to trade with", "install coincurve from the hash lock"
    return Verdict.OK, facts.backend, ""


def lock(facts: Facts) -> Found:
    """Tell who else holds the folder."""
    if facts.held_by:
        return Verdict.WARN, f"{facts.held_by} runs a desk on this folder", "a second one would end with 75"
    return Verdict.OK, "the folder is free for this desk", ""


def secrets_file(facts: Facts) -> Found:
    """Demand that only this user can read the keys."""
    file = facts.secrets
    if not file.exists:
        if facts.mode is Mode.LIVE:
            return (
                Verdict.REFUSED,
                "none beside the TOML",
                "make secrets.local.toml from the example, mode 0600",
            )
        return Verdict.OK, "none: local mode needs none", ""
    if file.mode is None:
        return Verdict.WARN, "there, and modes mean nothing on this system", "give only your own user access"
    if file.mode & 0o077:
        return Verdict.REFUSED, f"mode {file.mode:04o}: others can read it", "chmod 600 secrets.local.toml"
    return Verdict.OK, f"mode {file.mode:04o}", ""


CHECKS: tuple[tuple[str, Callable[[Facts], Found]], ...] = (
    ("geoblock", geoblock),
    ("closed-only", closed_only),
    ("clock", clock),
    ("balance", balance),
    ("allowances", allowances),
    ("API key", api_key),
    ("wallet type", wallet_type),
    ("SDK version", sdk),
    ("crypto backend", backend),
    ("lock", lock),
    ("secrets file", secrets_file),
)

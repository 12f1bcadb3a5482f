"""Start-up checks: each line OK, WARN or REFUSED, with what was found and the next step. Pure over values.

A desk in live mode does not start on any REFUSED. What is judged here is read by `bot.doctor_reads`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from config.settings import Mode
from engine.domain.failure import VenueFailure
from engine.domain.units import Rounding, Usdc, format_cents
from engine.venue.endpoints import NEG_RISK_EXCHANGE, STANDARD_EXCHANGE
from engine.venue.signing import SignatureType
from engine.venue.start_checks import VenueFindings

CLOCK_WARN_MS = 2_000
CLOCK_REFUSED_MS = 10_000
"""Signed requests carry our time; the venue's tolerance is not documented (protocol 3.2)."""
SDK_PINNED = "0.14.0"
"""The official client whose private factory the desk relies on (ADR 1)."""
DISK_WARN_PCT = 5
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
class LedgerHealth:
    """What a read-only look at the data folder found."""

    fault: str
    """Why the ledger cannot be used; empty for none."""
    warning: str
    lines: int
    """Audit lines proven; 0 for a new folder."""
    disk_free_pct: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at."""

    mode: Mode
    venue: VenueFindings
    api_key: str
    """Ours; empty if none was obtained."""
    cap_day: Usdc
    signature_type: SignatureType
    wallet: str
    sdk: str
    backend: str
    ledger: LedgerHealth
    held_by: str
    """Who holds the folder's lock beside us; empty for nobody."""
    secrets: SecretsFile


class DoctorRefusedError(Exception):
    """A live desk does not start; the text holds every line that refuses."""


Found = tuple[Verdict, str, str]
"""Verdict, what was found, the next step."""
_AGAIN = "see that the venue can be reached from here, then try again"


def examine(facts: Facts) -> tuple[Line, ...]:
    """Return every line, in the order of the table."""
    return tuple(Line(name, *check(facts)) for name, check in CHECKS)


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
    told = facts.venue.funds
    if isinstance(told, VenueFailure):
        return _unread(told)
    amount = format_cents(told.balance, Rounding.DOWN)
    if told.balance == 0:
        return Verdict.WARN, "0.00 USDC: nothing can be bought", "deposit to the wallet"
    return Verdict.OK, f"{amount} USDC", ""


def allowances(facts: Facts) -> Found:
    """Demand that both exchange contracts may take what a day may spend."""
    told = facts.venue.funds
    if isinstance(told, VenueFailure):
        return _unread(told)
    lower = {name: told.allowances.get(contract.lower()) for name, contract in ALLOWED_CONTRACTS.items()}
    none = [name for name, allowed in lower.items() if allowed == 0]
    if none:
        return Verdict.REFUSED, f"nothing approved for: {', '.join(none)}", "approve collateral for it first"
    untold = [name for name, allowed in lower.items() if allowed is None]
    if untold:
        return Verdict.WARN, f"the venue tells nothing of: {', '.join(untold)}", "look at the approvals"
    short = [name for name, allowed in lower.items() if allowed is not None and allowed < facts.cap_day]
    if short:
        found = f"less than caps.day_usdc approved for: {', '.join(short)}"
        return Verdict.WARN, found, "orders beyond it are refused by the venue: approve more"
    return Verdict.OK, "collateral approved for both exchange contracts", ""


def api_key(facts: Facts) -> Found:
    """Demand that the venue knows our key."""
    told = facts.venue.api_keys
    if isinstance(told, VenueFailure):
        return _unread(told)
    if facts.api_key not in told:
        return (
            Verdict.REFUSED,
            f"ours is not among the {len(told)} the venue knows",
            "start again, it is derived anew",
        )
    return Verdict.OK, f"{facts.api_key[:8]}… is known to the venue", ""


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
    if facts.sdk != SDK_PINNED:
        return (
            Verdict.REFUSED,
            f"polymarket-client {facts.sdk}, expected {SDK_PINNED}",
            "install the hash lock",
        )
    return Verdict.OK, f"polymarket-client {facts.sdk}", ""


def backend(facts: Facts) -> Found:
    """Demand the fast signer: any other is some eighty times slower."""
    if not facts.backend.startswith("coincurve "):
        return Verdict.REFUSED, f"signing by {facts.backend}, expected coincurve", "install the hash lock"
    return Verdict.OK, f"signing by {facts.backend}", ""


def database(facts: Facts) -> Found:
    """Refuse a ledger that is damaged or whose audit is not intact."""
    if facts.ledger.fault:
        return Verdict.REFUSED, facts.ledger.fault, "keep the folder, restore the newest backup"
    if facts.ledger.warning:
        return Verdict.WARN, facts.ledger.warning, ""
    if not facts.ledger.lines:
        return Verdict.OK, "a new folder, no ledger yet", ""
    return Verdict.OK, f"ledger sound, audit of {facts.ledger.lines} lines intact", ""


def disk(facts: Facts) -> Found:
    """Warn of a disk that is nearly full."""
    free = facts.ledger.disk_free_pct
    if free < DISK_WARN_PCT:
        return Verdict.WARN, f"{free} % of the disk free", "make room: a full disk halts the desk"
    return Verdict.OK, f"{free} % of the disk free", ""


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
    ("database", database),
    ("disk", disk),
    ("lock", lock),
    ("secrets file", secrets_file),
)

"""Start-up checks, value by value: which finding is fine, which warns, which keeps a desk from starting."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.doctor import (
    CHECKS,
    DoctorRefusedError,
    Facts,
    LedgerHealth,
    SecretsFile,
    Verdict,
    examine,
    in_words,
    is_refused,
    refuse_start,
)
from bot.doctor_reads import holder, ledger_health, secrets_file
from config.settings import Mode
from engine.clock import ManualClock
from engine.domain.failure import VenueFailure
from engine.domain.units import Usdc
from engine.venue.endpoints import NEG_RISK_EXCHANGE, STANDARD_EXCHANGE
from engine.venue.signing import SignatureType
from engine.venue.start_checks import Funds, Geoblock, VenueFindings
from storage.files import open_storage
from storage.lock import hold_folder

OK, WARN, REFUSED = Verdict.OK, Verdict.WARN, Verdict.REFUSED
KEY = "00000000-0000-4000-8000-000000000001"
SILENT = VenueFailure("no answer")
MAX = 2**256 - 1


def funds(balance: int = 1_000_000_000, standard: int | None = MAX, neg_risk: int | None = MAX) -> Funds:
    told = {STANDARD_EXCHANGE.lower(): standard, NEG_RISK_EXCHANGE.lower(): neg_risk}
    return Funds(Usdc(balance), {name: allowed for name, allowed in told.items() if allowed is not None})


FINE = Facts(
    mode=Mode.LIVE,
    venue=VenueFindings(
        geoblock=Geoblock(blocked=False, country="CH", region=""),
        clock_ahead_ms=300,
        closed_only=False,
        api_keys=(KEY,),
        funds=funds(),
    ),
    api_key=KEY,
    cap_day=Usdc(1_000_000_000),
    signature_type=SignatureType.DEPOSIT_WALLET,
    wallet="0x" + "ab" * 20,
    sdk="0.14.0",
    backend="coincurve 21.0.0",
    ledger=LedgerHealth("", "", 12, 60),
    held_by="",
    secrets=SecretsFile(0o600, exists=True),
)


def told(**venue: Any) -> Facts:
    return replace(FINE, venue=replace(FINE.venue, **venue))


CASES = [
    ("geoblock", told(geoblock=Geoblock(blocked=True, country="IR", region="")), REFUSED),
    ("geoblock", told(geoblock=SILENT), REFUSED),
    ("geoblock", replace(told(geoblock=None), mode=Mode.LOCAL), OK),
    ("closed-only", told(closed_only=True), REFUSED),
    ("closed-only", told(closed_only=SILENT), REFUSED),
    ("clock", told(clock_ahead_ms=2_000), OK),
    ("clock", told(clock_ahead_ms=2_001), WARN),
    ("clock", told(clock_ahead_ms=-2_001), WARN),
    ("clock", told(clock_ahead_ms=-10_000), WARN),
    ("clock", told(clock_ahead_ms=10_001), REFUSED),
    ("clock", told(clock_ahead_ms=SILENT), REFUSED),
    ("balance", told(funds=funds(balance=0)), WARN),
    ("balance", told(funds=SILENT), REFUSED),
    ("allowances", told(funds=funds(neg_risk=0)), REFUSED),
    ("allowances", told(funds=funds(standard=999_999_999)), WARN),
    ("allowances", told(funds=funds(standard=1_000_000_000)), OK),
    ("allowances", told(funds=funds(neg_risk=None)), WARN),
    ("API key", told(api_keys=("another",)), REFUSED),
    ("API key", told(api_keys=SILENT), REFUSED),
    ("wallet type", replace(FINE, signature_type=SignatureType.EOA), WARN),
    ("wallet type", replace(FINE, signature_type=SignatureType.EOA, mode=Mode.LOCAL), OK),
    ("SDK version", replace(FINE, sdk="0.15.0"), REFUSED),
    ("crypto backend", replace(FINE, backend="eth_keys 0.7"), REFUSED),
    ("database", replace(FINE, ledger=LedgerHealth("ledger.db is damaged", "", 0, 60)), REFUSED),
    ("database", replace(FINE, ledger=LedgerHealth("", "SQLite 3.40 is old", 3, 60)), WARN),
    ("database", replace(FINE, ledger=LedgerHealth("", "", 0, 60)), OK),
    ("disk", replace(FINE, ledger=LedgerHealth("", "", 1, 4)), WARN),
    ("lock", replace(FINE, held_by="process 7"), WARN),
    ("secrets file", replace(FINE, secrets=SecretsFile(0o640, exists=True)), REFUSED),
    ("secrets file", replace(FINE, secrets=SecretsFile(None, exists=False)), REFUSED),
    ("secrets file", replace(FINE, secrets=SecretsFile(None, exists=False), mode=Mode.LOCAL), OK),
    ("secrets file", replace(FINE, secrets=SecretsFile(None, exists=True)), WARN),
]


def test_a_desk_with_nothing_against_it_starts() -> None:
    lines = examine(FINE)

    assert {line.verdict for line in lines} == {OK}
    assert not is_refused(lines)
    refuse_start(lines)


@pytest.mark.parametrize(("name", "facts", "verdict"), CASES)
def test_one_finding_moves_one_line(name: str, facts: Facts, verdict: Verdict) -> None:
    (line,) = (line for line in examine(facts) if line.name == name)

    assert line.verdict is verdict
    if verdict is REFUSED:
        assert line.next_step, "a refusal says what to do"
        with pytest.raises(DoctorRefusedError, match=name):
            refuse_start(examine(facts))


def test_every_check_has_a_case_that_does_not_pass() -> None:
    found = {name for name, _, verdict in CASES if verdict is not OK}

    assert found == {name for name, _ in CHECKS}


def test_a_line_says_verdict_name_finding_and_next_step() -> None:
    (line,) = (line for line in examine(told(closed_only=True)) if line.name == "closed-only")

    assert in_words(line).startswith("REFUSED closed-only: this account may only close positions; ask")


def test_a_new_folder_is_healthy_and_is_not_made(tmp_path: Path) -> None:
    found = ledger_health(tmp_path / "data")

    assert (found.fault, found.lines) == ("", 0)
    assert holder(tmp_path / "data") == ""
    assert not (tmp_path / "data").exists()


async def test_a_ledger_whose_pages_are_overwritten_is_refused(tmp_path: Path) -> None:
    with hold_folder(tmp_path) as lock:
        async with open_storage(lock, ManualClock()) as storage:
            await storage.store.save_halt("x")
        assert "process" in holder(tmp_path)
    assert ledger_health(tmp_path).fault == ""
    file = tmp_path / "ledger.db"
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    file.write_bytes(content)

    assert "ledger.db" in ledger_health(tmp_path).fault


def test_the_secrets_file_is_seen_as_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "secrets.local.toml"
    assert secrets_file(path) == SecretsFile(None, exists=False)
    path.touch(mode=0o600)
    path.chmod(0o644)

    assert secrets_file(path) == SecretsFile(0o644, exists=True)

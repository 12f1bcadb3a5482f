"""Start-up checks, value by value: which finding is fine, which warns, which keeps a desk from starting."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.doctor import (
    CHECKS,
    DoctorRefusedError,
    Facts,
    SecretsFile,
    VenueFindings,
    Verdict,
    examine,
    in_words,
    is_refused,
    refuse_start,
)
from bot.doctor_reads import holder, read_facts, secrets_file
from bot.local.world import LOCAL_PRIVATE_KEY
from bot.trading_account import trading_account
from config.settings import Mode
from engine.clock import SystemClock
from engine.domain.failure import VenueFailure
from engine.domain.units import Usdc
from engine.venue.account_checks import Collateral, Geoblock, SdkVersion
from engine.venue.endpoints import NEG_RISK_EXCHANGE, STANDARD_EXCHANGE, VenueHosts
from engine.venue.signing import SignatureType
from storage.health import Finding, Grade
from storage.lock import hold_folder
from tests.support.running_desk import settings_with

OK, WARN, REFUSED = Verdict.OK, Verdict.WARN, Verdict.REFUSED
SILENT = VenueFailure("no answer")
MAX = 2**256 - 1


def funds(balance: int = 1_000_000_000, standard: int | None = MAX, neg_risk: int | None = MAX) -> Collateral:
    told = ((STANDARD_EXCHANGE, standard), (NEG_RISK_EXCHANGE, neg_risk))
    return Collateral(Usdc(balance), tuple((who, amount) for who, amount in told if amount is not None))


FINE = Facts(
    mode=Mode.LIVE,
    venue=VenueFindings(
        geoblock=Geoblock(blocked=False, country="CH", region=""),
        clock_ahead_ms=300,
        closed_only=False,
        key_listed=True,
        collateral=funds(),
    ),
    cap_day=Usdc(1_000_000_000),
    signature_type=SignatureType.DEPOSIT_WALLET,
    wallet="0x" + "ab" * 20,
    sdk=SdkVersion("0.14.0", "0.14.0"),
    backend="coincurve 21.0.0, 30 us a signature",
    ledger=(Finding("pages", Grade.OK, "sound"),),
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
    ("balance", told(collateral=funds(balance=0)), WARN),
    ("balance", told(collateral=SILENT), REFUSED),
    ("allowances", told(collateral=funds(neg_risk=0)), REFUSED),
    ("allowances", told(collateral=funds(standard=999_999_999)), WARN),
    ("allowances", told(collateral=funds(standard=1_000_000_000)), OK),
    ("allowances", told(collateral=funds(neg_risk=None)), WARN),
    ("API key", told(key_listed=False), REFUSED),
    ("API key", told(key_listed=SILENT), REFUSED),
    ("wallet type", replace(FINE, signature_type=SignatureType.EOA), WARN),
    ("wallet type", replace(FINE, signature_type=SignatureType.EOA, mode=Mode.LOCAL), OK),
    ("SDK version", replace(FINE, sdk=SdkVersion("0.15.0", "0.14.0")), REFUSED),
    ("crypto backend", replace(FINE, backend=""), REFUSED),
    ("database, pages", replace(FINE, ledger=(Finding("pages", Grade.REFUSED, "bad", "restore"),)), REFUSED),
    ("database, space", replace(FINE, ledger=(Finding("space", Grade.WARN, "4 % free"),)), WARN),
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

    assert found == {name for name, _ in CHECKS} | {"database, pages", "database, space"}


def test_a_line_says_verdict_name_finding_and_next_step() -> None:
    (line,) = (line for line in examine(told(closed_only=True)) if line.name == "closed-only")

    assert in_words(line).startswith("REFUSED closed-only: this account may only close positions; ask")


def test_who_holds_a_folder_is_told_and_no_folder_is_made(tmp_path: Path) -> None:
    assert holder(tmp_path / "data") == ""
    assert not (tmp_path / "data").exists()
    with hold_folder(tmp_path):
        assert holder(tmp_path) == f"process {os.getpid()}"

    assert holder(tmp_path) == ""


def test_the_secrets_file_is_seen_as_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "secrets.local.toml"
    assert secrets_file(path) == SecretsFile(None, exists=False)
    path.touch(mode=0o600)
    path.chmod(0o644)

    assert secrets_file(path) == SecretsFile(0o644, exists=True)


async def test_a_venue_that_is_not_there_is_told_once_and_does_not_hang(tmp_path: Path) -> None:
    settings = settings_with()
    nobody = VenueHosts.loopback("http://127.0.0.1:1", "ws://127.0.0.1:1")  # no service listens on port 1

    facts = await read_facts(
        settings,
        tmp_path / "service.toml",
        tmp_path,
        nobody,
        account=trading_account(settings, LOCAL_PRIVATE_KEY),
        private_key=LOCAL_PRIVATE_KEY,
        is_ours=False,
        clock=SystemClock(),
    )

    refused = {line.name: line for line in examine(facts) if line.verdict is REFUSED}
    assert {"clock", "closed-only", "balance", "allowances", "API key"} <= refused.keys()
    assert [name for name, line in refused.items() if "expected API credentials" in line.found] == ["API key"]
    assert "see the line API key" in refused["balance"].found
    assert all(line.next_step for line in refused.values())

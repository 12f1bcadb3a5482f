"""Gathers what `bot.doctor` judges: venue, machine and data folder.

Reads; its only act is to create or derive the API key, as every start does.
"""

import shutil
import stat
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bot.doctor import Facts, LedgerHealth, SecretsFile
from config.secrets_file import SECRETS_NAME
from config.settings import Mode, Settings
from engine.clock import Clock
from engine.domain.failure import VenueFailure
from engine.domain.units import Usdc
from engine.ports import StoreError
from engine.venue.auth import ApiCredentials
from engine.venue.credentials import CredentialsError, obtain_credentials
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import SIGNING_BACKEND
from engine.venue.order_body import TradingAccount
from engine.venue.start_checks import read_findings
from storage.audit import ChainBroken
from storage.files import LEDGER_FILE
from storage.lock import FolderLockedError, hold_folder
from storage.profile import sqlite_version
from storage.readonly import read_schemas, read_soundness, verify_audit


async def read_facts(
    settings: Settings,
    config_path: Path,
    data_dir: Path,
    hosts: VenueHosts,
    *,
    account: TradingAccount,
    private_key: str,
    is_ours: bool,
    clock: Clock,
) -> Facts:
    """Return everything the checks look at. `is_ours`: this process holds the folder's lock already."""
    credentials = await _credentials(private_key, account, hosts)
    http = HttpClient(timeout_s=settings.relayer.timeout_s)
    try:
        live = settings.mode is Mode.LIVE
        findings = await read_findings(http, hosts, account, credentials, clock, ask_geoblock=live)
    finally:
        await http.close()
    return Facts(
        mode=settings.mode,
        venue=findings,
        api_key="" if isinstance(credentials, VenueFailure) else credentials.key,
        cap_day=Usdc(settings.caps.day_usdc),
        signature_type=account.signature_type,
        wallet=account.wallet,
        sdk=_sdk(),
        backend=SIGNING_BACKEND,
        ledger=ledger_health(data_dir),
        held_by="" if is_ours else holder(data_dir),
        secrets=secrets_file(config_path.with_name(SECRETS_NAME)),
    )


async def _credentials(
    private_key: str, account: TradingAccount, hosts: VenueHosts
) -> ApiCredentials | VenueFailure:
    try:
        return await obtain_credentials(private_key=private_key, wallet=account.wallet, hosts=hosts)
    except CredentialsError as error:
        return VenueFailure(str(error))


def _sdk() -> str:
    try:
        return version("polymarket-client")
    except PackageNotFoundError:
        return "not installed"


def ledger_health(data_dir: Path) -> LedgerHealth:
    """Look at the data folder without changing it; a folder that is not there yet is fine."""
    place = data_dir if data_dir.exists() else data_dir.absolute().parent
    usage = shutil.disk_usage(place if place.exists() else Path.cwd())
    free = usage.free * 100 // usage.total
    try:
        warning = sqlite_version().warning or ""
        if not (data_dir / LEDGER_FILE).exists():
            return LedgerHealth("", warning, 0, free)
        fault = read_soundness(data_dir) or _newer_schema(data_dir)
        chain = verify_audit(data_dir)
    except StoreError as error:
        return LedgerHealth(str(error), "", 0, free)
    if isinstance(chain, ChainBroken):
        fault = fault or f"audit row {chain.seq}: {chain.problem}"
        return LedgerHealth(fault, warning, 0, free)
    return LedgerHealth(fault, warning, chain.lines, free)


def _newer_schema(data_dir: Path) -> str:
    newer = [line for line in read_schemas(data_dir) if line.current > line.newest]
    return "".join(
        f"{line.file} has schema {line.current}, this program knows {line.newest}" for line in newer[:1]
    )


def holder(data_dir: Path) -> str:
    """Return who holds the folder's lock, empty for nobody; a folder that is not there is not made."""
    if not data_dir.exists():
        return ""
    try:
        hold_folder(data_dir).release()
    except FolderLockedError as error:
        return "another process" if error.pid is None else f"process {error.pid}"
    return ""


def secrets_file(path: Path) -> SecretsFile:
    """Return how the secrets file lies on the disk."""
    if not path.exists():
        return SecretsFile(None, exists=False)
    return SecretsFile(None if sys.platform == "win32" else stat.S_IMODE(path.stat().st_mode), exists=True)

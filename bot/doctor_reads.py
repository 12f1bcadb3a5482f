"""Gathers what `bot.doctor` judges: venue, machine and data folder.

Reads; its only act is to create or derive the API key, as every start does.
"""

import stat
import sys
from pathlib import Path

from bot.doctor import Facts, SecretsFile, VenueFindings
from config.secrets_file import SECRETS_NAME
from config.settings import Mode, Settings
from engine.clock import Clock
from engine.domain.failure import VenueFailure
from engine.domain.units import Usdc
from engine.venue.account_checks import AccountChecks, sdk_version
from engine.venue.auth import ApiCredentials
from engine.venue.credentials import CredentialsError, obtain_credentials
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import SlowCryptoError, crypto_backend
from engine.venue.order_body import TradingAccount
from storage.files import LEDGER_FILE
from storage.health import examine as examine_ledger
from storage.lock import FolderLockedError, hold_folder

NO_CREDENTIALS = ApiCredentials(key="", secret="", passphrase="")
"""For questions that need none."""


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
        known = NO_CREDENTIALS if isinstance(credentials, VenueFailure) else credentials
        checks = AccountChecks(http=http, hosts=hosts, account=account, credentials=known, clock=clock)
        findings = await _findings(checks, credentials, ask_geoblock=settings.mode is Mode.LIVE)
    finally:
        await http.close()
    return Facts(
        mode=settings.mode,
        venue=findings,
        cap_day=Usdc(settings.caps.day_usdc),
        signature_type=account.signature_type,
        wallet=account.wallet,
        sdk=sdk_version(),
        backend=_backend(),
        ledger=examine_ledger(data_dir / LEDGER_FILE, clock.now_ms()),
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


async def _findings(
    checks: AccountChecks, credentials: ApiCredentials | VenueFailure, *, ask_geoblock: bool
) -> VenueFindings:
    """Ask everything, one after the other; without credentials only what needs none."""
    geoblock = await checks.geoblock() if ask_geoblock else None
    ahead_ms = await checks.clock_offset_ms()
    if isinstance(credentials, VenueFailure):
        unasked = VenueFailure("that needs API credentials, see the line API key")
        return VenueFindings(geoblock, ahead_ms, unasked, key_listed=credentials, collateral=unasked)
    return VenueFindings(
        geoblock=geoblock,
        clock_ahead_ms=ahead_ms,
        closed_only=await checks.closed_only(),
        key_listed=await checks.key_listed(),
        collateral=await checks.collateral(),
    )


def _backend() -> str:
    try:
        return crypto_backend()
    except SlowCryptoError:
        return ""


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

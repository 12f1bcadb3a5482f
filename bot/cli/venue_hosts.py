"""Where a command reads the venue: what the TOML's mode and the data folder say. Starts nothing.

Shared by every command that reads a venue without running a desk. Local mode reads the exchange that runs on
the data folder, or the loopback addresses of the TOML; paper and live read production.
"""

import json
from pathlib import Path

from bot.live_world import hosts_inside
from bot.local.world import hosts_named
from config.modes import addresses_outside
from config.settings import Mode, Settings, SettingsError
from engine.simulator.process import ADDRESS_FILE
from engine.venue.endpoints import VenueHosts


class NoExchangeError(Exception):
    """Local mode has no exchange to read; the text says how to start one."""


def hosts_of(settings: Settings, data_dir: Path) -> VenueHosts:
    """Return the venue's addresses for a command on `data_dir`.

    Raises SettingsError when local mode names an address outside this machine, NoExchangeError when it names
    none and no exchange has written its address into the folder.
    """
    if settings.mode is not Mode.LOCAL:
        return hosts_inside(settings)
    if problems := addresses_outside(settings):
        raise SettingsError("\n".join(problems))
    if settings.relayer.base_url:
        return hosts_named(settings)
    return _exchange_of(data_dir)


def _exchange_of(data_dir: Path) -> VenueHosts:
    file = data_dir / ADDRESS_FILE
    try:
        address = json.loads(file.read_text(encoding="utf-8"))
        return VenueHosts.loopback(str(address["url"]), str(address["ws_url"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = "none" if isinstance(error, FileNotFoundError) else f"one that cannot be read ({error})"
        raise NoExchangeError(
            f"expected the address of a running local exchange in {file}, found {found}; start one with "
            f"`dutchdesk exchange --data {data_dir}` or `dutchdesk local --data {data_dir}`"
        ) from None

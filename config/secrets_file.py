"""The secrets file beside the service TOML: who may read it, and which keys it may hold."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECRETS_NAME = "secrets.local.toml"
SECRET_KEYS = {"telegram": {"token", "webhook_secret"}, "relayer": {"private_key", "gas_key"}}


class SecretsError(Exception):
    """The secrets file is not safe to use, or holds what does not belong there. Never quotes a value."""


def read_secrets(path: Path, *, parse: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Return the secrets at `path`, or nothing when there is no such file.

    Raises SecretsError when others could read it, when it is a link or another user's, or for unknown keys.
    """
    if not path.is_symlink() and not path.exists():
        return {}
    _check_owner_and_mode(path)
    values = parse(path)
    for table, keys in values.items():
        unknown = set(keys) - SECRET_KEYS.get(table, set()) if isinstance(keys, dict) else {table}
        if table not in SECRET_KEYS or unknown:
            raise SecretsError(
                f"{path.name}: expected only {_allowed()}, found {table}.{', '.join(sorted(unknown))}; "
                "everything else belongs into the service TOML"
            )
    return values


def _check_owner_and_mode(path: Path) -> None:
    if path.is_symlink():
        raise SecretsError(f"{path.name}: expected a plain file, found a link; put the file itself there")
    if sys.platform == "win32":
        return  # no POSIX modes there; the deployment page asks for an ACL instead
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise SecretsError(
            f"{path.name}: expected mode 0600, found {mode:04o}: others can read it; "
            f"run chmod 600 {path.name}"
        )
    if found.st_uid != os.getuid():
        raise SecretsError(f"{path.name}: expected it to belong to this user, found uid {found.st_uid}")


def _allowed() -> str:
    return ", ".join(f"{table}.{key}" for table, keys in SECRET_KEYS.items() for key in sorted(keys))

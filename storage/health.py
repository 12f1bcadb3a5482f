"""What a start should know about its ledger: soundness, room, an audit that was cut, desks that died here.

Reads only; nothing is repaired. A start itself refuses what cannot be worked with (`storage.files`); this
tells the rest, and everything at once to those who check before a start.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from engine.domain.units import Ms
from engine.ports import StoreError
from storage.anchor import AnchorUnreadableError, read_anchor
from storage.audit import CHAIN_FROM, HEAD, ChainBroken, as_stored, verify_tail
from storage.db import translated
from storage.lease import CRASH_WINDOW_MS, UNCLEAN
from storage.local_disk import network_kind
from storage.profile import BUSY_TIMEOUT_MS, sqlite_version

FREE_PERCENT_MIN = 5
"""Below this no new plans are made (reliability E6)."""
CRASHES_MAX = 5
"""So many starts without a clean stop in ten minutes are a crash loop (reliability B 39)."""
TAIL_LINES = 1_000
"""The newest lines of the audit, in milliseconds; `verify_audit` walks all."""


class Grade(Enum):
    """How a finding is taken."""

    OK = "OK"
    WARN = "WARN"
    REFUSED = "REFUSED"
    """Live trading must not start."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of the database."""

    subject: str
    grade: Grade
    found: str
    next_step: str = ""
    """What to do about it; empty while all is well."""


def examine(ledger: Path, at_ms: Ms) -> tuple[Finding, ...]:
    """Examine the ledger of a data folder, running or not; every check is told, none raises.

    A folder without one is no fault: the first start makes it. Reads every page.
    """
    findings = [_library(), _disk_kind(ledger.parent), free_space(ledger.parent)]
    if not ledger.exists():
        return (*findings, Finding("ledger", Grade.OK, "none yet: the first start makes it"))
    try:
        with translated(ledger), closing(_opened(ledger)) as connection:
            findings += _contents(connection, ledger.parent, at_ms)
    except StoreError as error:
        findings.append(Finding("ledger", Grade.REFUSED, str(error), "keep it, restore the newest backup"))
    return tuple(findings)


def examine_start(ledger: Path, unclean_starts: int) -> tuple[Finding, ...]:
    """Return what a start that was not refused should still be told of; raises StoreError."""
    with translated(ledger), closing(_opened(ledger)) as connection:
        tail = audit_tail(connection, ledger.parent)
    return (_library(), free_space(ledger.parent), crashes(unclean_starts), tail)


def free_space(folder: Path) -> Finding:
    """Tell how much room the folder's disk has; the folder need not be there yet."""
    place = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    usage = shutil.disk_usage(place)
    percent = usage.free * 100 // usage.total
    found = f"{percent} % free ({usage.free // 2**20} MiB)"
    if percent < FREE_PERCENT_MIN:
        return Finding("space", Grade.WARN, found, f"free some: below {FREE_PERCENT_MIN} % no plan is made")
    return Finding("space", Grade.OK, found)


def crashes(unclean_starts: int) -> Finding:
    """Judge how many desks began here within ten minutes and did not stop in order."""
    found = f"{unclean_starts} starts without a clean stop in the last ten minutes"
    if unclean_starts >= CRASHES_MAX:
        return Finding("crashes", Grade.REFUSED, found, "read the log for why it dies before another start")
    return Finding("crashes", Grade.OK, found)


def audit_tail(ledger: sqlite3.Connection, folder: Path) -> Finding:
    """Walk the newest lines of the audit, up to the anchor."""
    try:
        anchor = read_anchor(folder)
    except AnchorUnreadableError as error:
        return Finding("audit", Grade.REFUSED, f"{error}, found other text", "find out who changed it")
    head = ledger.execute(HEAD).fetchone()
    newest = 0 if head is None else head["seq"]
    rows = ledger.execute(CHAIN_FROM, (newest - TAIL_LINES,)).fetchall()
    verdict = verify_tail(rows, anchor)
    if isinstance(verdict, ChainBroken):
        found = f"line {verdict.seq}: {verdict.problem}"
        return Finding("audit", Grade.REFUSED, found, "keep the folder; find out who changed it")
    return Finding("audit", Grade.OK, f"{verdict.lines} lines, the newest whole up to the anchor")


def _contents(ledger: sqlite3.Connection, folder: Path, at_ms: Ms) -> Iterator[Finding]:
    problem = str(ledger.execute("PRAGMA quick_check(1)").fetchone()[0])
    if problem != "ok":
        yield Finding("pages", Grade.REFUSED, problem[:120], "keep the file, restore the newest backup")
        return
    yield Finding("pages", Grade.OK, "sound")
    lost = ledger.execute("PRAGMA foreign_key_check").fetchone()
    if lost is not None:
        found = f"a row of {lost['table']} points to a missing row of {lost['parent']}"
        yield Finding("references", Grade.REFUSED, found, "keep the file, restore the newest backup")
        return
    yield Finding("references", Grade.OK, "whole")
    if ledger.execute("SELECT 1 FROM sqlite_schema WHERE name = 'leases'").fetchone() is None:
        yield Finding("schema", Grade.WARN, "older than this program", "the next start migrates it")
        return
    newest = ledger.execute("SELECT coalesce(max(epoch), 0) FROM leases").fetchone()[0]
    # As a desk would count that started now: one that is running counts until it stops.
    since = {"since_ms": at_ms - CRASH_WINDOW_MS, "epoch": newest + 1}
    yield crashes(ledger.execute(UNCLEAN, since).fetchone()["starts"])
    yield audit_tail(ledger, folder)


def _library() -> Finding:
    try:
        version = sqlite_version()
    except StoreError as error:
        return Finding("sqlite", Grade.REFUSED, str(error), "use a newer Python build")
    if version.warning is not None:
        return Finding("sqlite", Grade.WARN, version.warning, "let no other program write to the folder")
    return Finding("sqlite", Grade.OK, version.version)


def _disk_kind(folder: Path) -> Finding:
    kind = network_kind(folder)
    if kind is None:
        return Finding("disk", Grade.OK, "local, as far as the system tells")
    return Finding("disk", Grade.REFUSED, f"the data folder is on {kind}", "use a folder on a local disk")


def _opened(ledger: Path) -> sqlite3.Connection:
    address = f"file:{quote(ledger.resolve().as_posix())}?mode=ro"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    connection.row_factory = sqlite3.Row
    connection.text_factory = as_stored
    return connection

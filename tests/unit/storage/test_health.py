"""Every check of the database tells what it found and what to do; none raises or changes a byte."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.domain.effects import Audit
from engine.domain.units import Ms
from storage import health
from storage.anchor import ANCHOR_FILE
from storage.files import open_storage
from storage.health import Finding, Grade, examine
from storage.migrate import migrate, shipped
from storage.profile import Durability, SqliteVersion, open_database
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import tamper
from tests.unit.storage.test_audit import unguarded


class Usage(NamedTuple):
    """As the system tells it."""

    total: int
    used: int
    free: int


@pytest.fixture
async def ledger(lock, clock) -> Path:
    """A ledger of a stopped desk, with three audit lines."""
    async with open_storage(lock, clock, wallet="0xabc") as storage:
        for number in range(3):
            await storage.store.append_audit(Audit(NOW, None, "press", f"T-{number}", ""))
    return Path(lock.folder / "ledger.db")


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    """A disk with room and a library without known faults, whatever this machine has."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * 2**20, 0, 40 * 2**20))
    monkeypatch.setattr(health, "sqlite_version", lambda: SqliteVersion("3.99.0", None))


def found(ledger: Path, at_ms: int = NOW) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(ledger, Ms(at_ms))}


def worst(ledger: Path) -> dict[str, Finding]:
    return {name: finding for name, finding in found(ledger).items() if finding.grade is not Grade.OK}


async def test_sound_ledger_of_a_stopped_desk_is_fine_in_every_respect(ledger):
    before = ledger.read_bytes()

    assert {name: finding.found for name, finding in found(ledger).items()} == {
        "sqlite": "3.99.0",
        "disk": "local, as far as the system tells",
        "space": "40 % free (40 MiB)",
        "pages": "sound",
        "references": "whole",
        "crashes": "0 starts without a clean stop in the last ten minutes",
        "audit": "3 lines, the newest whole up to the anchor",
    }
    assert worst(ledger) == {}
    assert ledger.read_bytes() == before


def test_folder_that_is_not_there_yet_is_fine(tmp_path):
    told = found(tmp_path / "not" / "yet" / "ledger.db")

    assert told["ledger"].found == "none yet: the first start makes it"
    assert {finding.grade for finding in told.values()} == {Grade.OK}
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(("free", "grade"), [(5, Grade.OK), (4, Grade.WARN), (0, Grade.WARN)])
async def test_little_room_is_a_warning(ledger, monkeypatch, free, grade):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 0, free))

    assert found(ledger)["space"].grade is grade


async def test_old_library_is_a_warning(ledger, monkeypatch):
    monkeypatch.setattr(health, "sqlite_version", lambda: SqliteVersion("3.40.1", "is old"))

    assert worst(ledger) == {
        "sqlite": Finding("sqlite", Grade.WARN, "is old", "let no other program write to the folder")
    }


async def test_network_disk_is_refused(ledger, monkeypatch):
    monkeypatch.setattr(health, "network_kind", lambda _: "nfs4")

    assert worst(ledger)["disk"].grade is Grade.REFUSED


async def test_damaged_pages_are_refused_and_nothing_else_is_believed(ledger):
    raw = bytearray(ledger.read_bytes())
    for place in range(8_192, len(raw)):
        raw[place] ^= 0xA5
    ledger.write_bytes(raw)

    told = worst(ledger)

    assert {finding.grade for finding in told.values()} == {Grade.REFUSED}
    assert told.keys() <= {"pages", "ledger"}


async def test_file_that_is_no_database_is_refused(ledger):
    ledger.write_bytes(b"not a database at all" * 500)

    assert worst(ledger)["ledger"].grade is Grade.REFUSED


async def test_row_that_points_nowhere_is_refused(ledger):
    tamper(ledger, "INSERT INTO order_steps (order_id, state) VALUES ('0xnowhere', 'live')")

    assert worst(ledger)["references"].found == "a row of order_steps points to a missing row of orders"


async def test_cut_audit_is_refused_with_its_line(ledger):
    unguarded(ledger, ("DELETE FROM audit WHERE seq = 3", ()))

    assert worst(ledger)["audit"].found.startswith("line 3: expected lines up to 3 as the anchor says")


async def test_anchor_that_cannot_be_read_is_refused(ledger):
    (ledger.parent / ANCHOR_FILE).write_text("nothing")

    assert worst(ledger)["audit"].grade is Grade.REFUSED


async def test_only_the_newest_lines_are_walked(ledger, monkeypatch):
    """A start must not take longer with every year: the whole chain is walked on demand."""
    monkeypatch.setattr(health, "TAIL_LINES", 1)
    unguarded(ledger, ("UPDATE audit SET payload = '[]' WHERE seq = 1", ()))
    assert worst(ledger) == {}

    unguarded(ledger, ("UPDATE audit SET payload = '[]' WHERE seq = 2", ()))

    assert worst(ledger)["audit"].found.startswith("line 2: its text or its hash was changed")


async def test_crash_loop_is_refused_at_the_fifth_start(lock, clock, ledger):
    async def crash() -> None:
        with pytest.raises(ValueError, match="died"):
            async with open_storage(lock, clock, wallet="0xabc"):
                raise ValueError("died")

    for _ in range(4):
        await crash()
    assert found(ledger)["crashes"].grade is Grade.OK
    await crash()

    assert found(ledger)["crashes"].grade is Grade.REFUSED
    assert found(ledger, NOW + 600_001)["crashes"].grade is Grade.OK
    async with open_storage(lock, clock, wallet="0xabc") as storage:
        assert [f.subject for f in storage.findings if f.grade is not Grade.OK] == ["crashes"]


async def test_ledger_of_an_older_program_is_a_warning(lock):
    database = await open_database(lock.folder / "ledger.db", Durability.FULL)
    await migrate(database, shipped("ledger")[:3], NOW)
    await database.close()

    assert worst(lock.folder / "ledger.db") == {
        "schema": Finding("schema", Grade.WARN, "older than this program", "the next start migrates it")
    }


async def test_running_ledger_can_be_examined(storage, lock):
    await storage.store.append_audit(Audit(NOW, None, "press", "T-1", ""))

    assert worst(lock.folder / "ledger.db") == {}

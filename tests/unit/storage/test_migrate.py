from dataclasses import replace
from pathlib import Path

import pytest

from engine.domain.units import Ms
from engine.ports import StoreError
from storage.migrate import Migration, migrate, shipped, statements
from storage.profile import Durability, open_database
from tests.unit.storage.rows import read, tamper

ONE = Migration(1, "0001_init", "-- a comment; with a semicolon\nCREATE TABLE a (n INTEGER) STRICT;\n")
TWO = Migration(2, "0002_more", "ALTER TABLE a ADD COLUMN m INTEGER;\nUPDATE a SET m = n * 2;\n")
BAD = Migration(2, "0002_bad", "CREATE TABLE b (n INTEGER) STRICT;\nINSERT INTO missing VALUES (1);\n")
TRIGGER = Migration(
    2,
    "0002_trigger",
    "CREATE TRIGGER kept BEFORE DELETE ON a\nBEGIN\n  SELECT RAISE(ABORT, 'no; never');\n  SELECT 1;\nEND;\n",
)


async def run(path: Path, *migrations: Migration) -> tuple[str, ...]:
    database = await open_database(path, Durability.FULL)
    try:
        return await migrate(database, migrations, Ms(5))
    finally:
        await database.close()


def tables(path: Path) -> set[str]:
    return {row["name"] for row in read(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}


async def test_empty_file_gets_every_script_once_in_order(tmp_path):
    path = tmp_path / "x.db"

    assert await run(path, ONE, TWO) == ("0001_init", "0002_more")
    assert await run(path, ONE, TWO) == ()

    rows = read(path, "SELECT number, name, checksum, applied_ms FROM migrations")
    assert [(r["number"], r["name"], r["applied_ms"]) for r in rows] == [
        (1, "0001_init", 5),
        (2, "0002_more", 5),
    ]
    assert [r["checksum"] for r in rows] == [ONE.checksum, TWO.checksum]


async def test_older_file_with_rows_is_brought_forward_with_them(tmp_path):
    path = tmp_path / "x.db"
    await run(path, ONE)
    tamper(path, "INSERT INTO a VALUES (21)")

    assert await run(path, ONE, TWO) == ("0002_more",)

    assert read(path, "SELECT n, m FROM a") == [{"n": 21, "m": 42}]


async def test_script_that_fails_midway_leaves_nothing_of_itself(tmp_path):
    path = tmp_path / "x.db"
    await run(path, ONE)

    with pytest.raises(StoreError, match="missing"):
        await run(path, ONE, BAD)

    assert tables(path) == {"migrations", "a"}
    assert await run(path, ONE, TWO) == ("0002_more",)


async def test_trigger_body_is_one_statement(tmp_path):
    path = tmp_path / "x.db"
    await run(path, ONE, TRIGGER)
    tamper(path, "INSERT INTO a VALUES (1)")

    with pytest.raises(Exception, match="no; never"):
        tamper(path, "DELETE FROM a")


async def test_changed_script_is_refused_and_nothing_applied(tmp_path):
    path = tmp_path / "x.db"
    await run(path, ONE)
    edited = replace(ONE, sql=ONE.sql + "CREATE TABLE c (n INTEGER);\n")

    with pytest.raises(
        StoreError, match="migration 0001_init differs from the one that was applied: reinstall"
    ):
        await run(path, edited, TWO)

    assert tables(path) == {"migrations", "a"}


async def test_newer_file_is_refused(tmp_path):
    path = tmp_path / "x.db"
    await run(path, ONE, TWO)

    with pytest.raises(StoreError, match=r"has schema 2, this program knows 1: .* start that version"):
        await run(path, ONE)


def test_checksum_does_not_depend_on_line_ends():
    assert replace(ONE, sql=ONE.sql.replace("\n", "\r\n")).checksum == ONE.checksum
    assert replace(ONE, sql=ONE.sql + " ").checksum != ONE.checksum


@pytest.mark.parametrize("name", ["ledger", "market"])
async def test_shipped_scripts_apply_to_an_empty_file_and_only_once(tmp_path, name):
    scripts = shipped(name)

    first = await run(tmp_path / "x.db", *scripts)
    second = await run(tmp_path / "x.db", *scripts)

    assert first == tuple(script.name for script in scripts)
    assert second == ()


@pytest.mark.parametrize("name", ["ledger", "market"])
async def test_every_shipped_table_is_strict(tmp_path, name):
    await run(tmp_path / "x.db", *shipped(name))

    rows = read(tmp_path / "x.db", "SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
    loose = {row["name"] for row in rows if not row["strict"]}
    assert {name for name in loose if not name.startswith("sqlite_")} == set()


@pytest.mark.parametrize("share", range(1, 10))
async def test_shipped_script_that_breaks_off_leaves_an_empty_schema(tmp_path, share):
    """The first start is cut off after some of the tables: the next one begins anew."""
    path = tmp_path / "x.db"
    script = shipped("ledger")[0]
    lines = script.sql.splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines) if line.startswith(") STRICT;")]
    kept = "".join(lines[: ends[len(ends) * share // 10] + 1])

    with pytest.raises(StoreError, match="no such table: missing"):
        await run(path, replace(script, sql=kept + "INSERT INTO missing VALUES (1);\n"))

    assert tables(path) == {"migrations"}
    assert await run(path, script) == ("0001_init",)


def test_script_that_ends_in_the_middle_of_a_statement_is_an_error_of_ours():
    with pytest.raises(AssertionError, match="expected a finished statement, found 'CREATE TABLE'"):
        list(statements("CREATE TABLE a (n INTEGER);\nCREATE TABLE"))

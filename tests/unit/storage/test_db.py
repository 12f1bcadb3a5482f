import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.ports import StoreError
from storage.db import Database
from storage.profile import Durability, open_database
from tests.unit.storage.rows import read


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(tmp_path / "ledger.db", Durability.FULL)
    async with opened.transaction() as transaction:
        await transaction.run("CREATE TABLE parts (number INTEGER PRIMARY KEY, text TEXT) STRICT")
    yield opened
    await opened.close()


def stored(database: Database) -> list[int]:
    return [row["number"] for row in read(database.path, "SELECT number FROM parts ORDER BY number")]


async def put(database: Database, *numbers: int) -> None:
    async with database.transaction() as transaction:
        await transaction.run_many("INSERT INTO parts (number) VALUES (?)", [(n,) for n in numbers])


async def test_transaction_is_durable_for_others_when_the_block_has_ended(database):
    async with database.transaction() as transaction:
        changed = await transaction.run("INSERT INTO parts (number) VALUES (1), (2)")
        assert stored(database) == []

    assert changed == 2
    assert stored(database) == [1, 2]


async def test_block_that_raises_leaves_no_trace_and_the_database_usable(database):
    async def fail() -> None:
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO parts (number) VALUES (1)")
            raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        await fail()

    await put(database, 2)
    assert stored(database) == [2]


async def test_failed_statement_takes_the_whole_transaction_with_it(database):
    with pytest.raises(StoreError, match=r"ledger.db: .*UNIQUE.*nothing of this step was stored"):
        await put(database, 1, 2, 1)

    assert stored(database) == []


async def test_transactions_of_many_tasks_never_mix(database):
    async def count_up() -> None:
        async with database.transaction() as transaction:
            row = await transaction.row("SELECT coalesce(max(number), 0) AS top FROM parts")
            assert row is not None
            await asyncio.sleep(0)
            await transaction.run("INSERT INTO parts (number) VALUES (?)", (row["top"] + 1,))

    await asyncio.gather(*(count_up() for _ in range(30)))

    assert stored(database) == list(range(1, 31))


async def test_cancelled_block_leaves_no_half_transaction(database):
    reached, never = asyncio.Event(), asyncio.Event()

    async def half() -> None:
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO parts (number) VALUES (1)")
            reached.set()
            await never.wait()

    task = asyncio.create_task(half(), name="half")
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await put(database, 2)
    assert stored(database) == [2]


@pytest.mark.parametrize("yields", range(40))
async def test_cancellation_at_any_moment_stores_all_or_nothing(database, yields):
    """The cancel lands after a varying number of turns of the loop: before, inside and after the commit."""
    task = asyncio.create_task(put(database, 1, 2, 3), name="writer")
    for _ in range(yields):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    result = (await asyncio.gather(task, return_exceptions=True))[0]

    seen_at_once = stored(database)
    async with database.transaction() as transaction:
        rows = await transaction.rows("SELECT number FROM parts")

    assert [row["number"] for row in rows] == seen_at_once, "the outcome stood when the task had ended"
    assert seen_at_once in ([], [1, 2, 3])
    assert result is None or isinstance(result, asyncio.CancelledError)
    if result is None:
        assert seen_at_once == [1, 2, 3]
    await put(database, 9)
    assert stored(database)[-1] == 9


async def test_cancellation_while_rolling_back_waits_for_the_rollback(database):
    """The statement a cancel leaves running is slow: the next cancel meets the rollback in its queue."""
    slow = (
        "WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 200000) "
        "SELECT max(n) FROM up"
    )
    written = asyncio.Event()

    async def half() -> None:
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO parts (number) VALUES (1)")
            written.set()
            await transaction.rows(slow)

    task = asyncio.create_task(half(), name="half")
    await written.wait()
    for _ in range(4):
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not database._connection.in_transaction
    assert stored(database) == []


async def test_cancelled_waiter_gives_its_turn_away(database):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.transaction():
            entered.set()
            await leave.wait()

    holder = asyncio.create_task(hold(), name="holder")
    await entered.wait()
    waiter = asyncio.create_task(put(database, 1), name="waiter")
    await asyncio.sleep(0)
    waiter.cancel()
    leave.set()
    await holder

    with pytest.raises(asyncio.CancelledError):
        await waiter
    await put(database, 2)
    assert stored(database) == [2]


async def test_full_disk_is_a_store_error_with_nothing_half_written(database):
    await put(database, 1)
    async with database.transaction() as transaction:
        row = await transaction.row("PRAGMA page_count")
        assert row is not None
        await transaction.rows(f"PRAGMA max_page_count = {row[0]}")
    big = [(number, "x" * 2_000) for number in range(100, 120)]

    async def write_both() -> None:
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO parts (number) VALUES (2)")
            await transaction.run_many("INSERT INTO parts (number, text) VALUES (?, ?)", big)

    with pytest.raises(StoreError, match="the disk is full: free space on it"):
        await write_both()

    assert stored(database) == [1]
    async with database.transaction() as transaction:
        await transaction.rows("PRAGMA max_page_count = 1000000")
        await transaction.run_many("INSERT INTO parts (number, text) VALUES (?, ?)", big)
    assert len(stored(database)) == 21


async def test_writer_beside_the_desk_is_named_after_the_bounded_wait(database):
    async with database.transaction() as transaction:
        await transaction.run("SELECT 1")
    await database._connection.execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(database.path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreError, match="another program is writing to it"):
            await put(database, 1)

        intruder.execute("ROLLBACK")
    await put(database, 2)
    assert stored(database) == [2]


async def test_readers_never_make_the_writer_wait(database):
    await put(database, 1)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM parts").fetchone() == (1,)

        await put(database, 2)

        assert reader.execute("SELECT count(*) FROM parts").fetchone() == (1,)
    assert stored(database) == [1, 2]


async def test_number_wider_than_the_database_is_a_store_error(database):
    with pytest.raises(StoreError, match="too large"):
        await put(database, 2**63)

    assert stored(database) == []


async def test_lone_surrogate_is_stored_as_a_question_mark(database):
    async with database.transaction() as transaction:
        await transaction.run("INSERT INTO parts VALUES (?, ?)", (1, "a\udfffb"))
        await transaction.run("INSERT INTO parts VALUES (:n, :t)", {"n": 2, "t": "é\ud83d"})

    assert [row["text"] for row in read(database.path, "SELECT text FROM parts")] == ["a?b", "é?"]


async def test_closed_database_refuses_instead_of_hanging(database):
    await database.close()

    with pytest.raises(StoreError, match="the desk is stopping"):
        await put(database, 1)
    await database.close()

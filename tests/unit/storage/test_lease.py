"""One desk sends: whoever was taken over stores no attempt any more, however long it was paused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.domain.effects import Audit
from engine.domain.units import Ms
from engine.ports import StoreError
from storage.files import Storage, open_storage
from storage.lock import LOCK_FILE, FolderLock, hold_folder
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import read, tamper
from tests.unit.storage.store_contract import send

WALLET = "0x" + "5a" * 20


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def take_over(stack: AsyncExitStack, lock: FolderLock, clock: ManualClock) -> Storage:
    """Open the folder beside its holder: the lock file was deleted, so the system sees two locks."""
    (lock.folder / LOCK_FILE).unlink(missing_ok=True)
    again = stack.enter_context(hold_folder(lock.folder))
    return await stack.enter_async_context(open_storage(again, clock, wallet=WALLET))


def leases(lock: FolderLock) -> list[dict[str, Any]]:
    return read(lock.folder / "ledger.db", "SELECT * FROM v_lease ORDER BY epoch")


async def test_every_opening_has_the_next_epoch_and_names_its_holder(lock, clock):
    for epoch in (1, 2, 3):
        clock.advance(1_000)
        async with open_storage(lock, clock, wallet=WALLET) as storage:
            assert storage.epoch == epoch
            clock.advance(1_000)

    rows = leases(lock)
    assert [(r["epoch"], r["wallet"], r["is_current"]) for r in rows] == [
        (1, WALLET, 0),
        (2, WALLET, 0),
        (3, WALLET, 1),
    ]
    assert [r["acquired_ms"] - NOW for r in rows] == [1_000, 3_000, 5_000]
    assert [r["stopped_ms"] - NOW for r in rows] == [2_000, 4_000, 6_000]
    assert all(str(r["holder"]).rpartition(":")[2].isdigit() for r in rows)


async def test_desk_that_was_taken_over_stores_no_first_send(lock, clock, stack):
    old = await stack.enter_async_context(open_storage(lock, clock))
    before, claim, after, plan = builders.armed()
    await old.store.save_ticket(before, None)
    await take_over(stack, lock, clock)

    with pytest.raises(StoreError, match="another desk took over this ledger: this one sends nothing more"):
        await old.store.commit_batch(claim, after, plan, [builders.pair()])

    path = lock.folder / "ledger.db"
    for table in ("confirms", "plans", "intents", "orders", "signed", "attempts", "risk_moves"):
        assert read(path, f"SELECT * FROM {table}") == [], table
    assert (await old.store.load(NOW)).tickets == (before,)


async def test_desk_that_was_taken_over_stores_no_further_send(lock, clock, stack):
    old = await stack.enter_async_context(open_storage(lock, clock))
    _, pairs = await send(old.store, legs=2)
    new = await take_over(stack, lock, clock)

    with pytest.raises(StoreError, match="another desk took over"):
        await old.store.begin_resend([record.order_id for record, _ in pairs], Ms(NOW + 500))

    assert {order.sends for order in (await new.store.load(NOW)).orders} == {1}
    rows = read(lock.folder / "ledger.db", "SELECT epoch, number FROM v_attempt")
    assert rows == [{"epoch": old.epoch, "number": 1}] * 2


async def test_hundred_take_overs_leave_no_stale_attempt(lock, clock, stack):
    """Each desk is paused before its commit and goes on after the next one has begun."""
    paused = await stack.enter_async_context(open_storage(lock, clock))
    stale = 0
    for round_ in range(100):
        name = f"T-{round_}"
        before, claim, after, plan = builders.armed(name, f"plan-{name}")
        await paused.store.save_ticket(before, None)
        fresh = await take_over(stack, lock, clock)
        try:
            await paused.store.commit_batch(claim, after, plan, [builders.pair(0, name, plan.plan_id)])
            stale += 1
        except StoreError:
            pass
        assert await fresh.store.commit_batch(claim, after, plan, [builders.pair(0, name, plan.plan_id)])
        paused = fresh

    epochs = [row["epoch"] for row in read(lock.folder / "ledger.db", "SELECT epoch FROM v_attempt")]
    assert stale == 0
    assert epochs == sorted(epochs) == list(range(2, 102))


async def test_desk_that_was_taken_over_may_still_record_what_it_learned(lock, clock, stack):
    """Evidence of what it sent before is worth the same; only sends are refused."""
    old = await stack.enter_async_context(open_storage(lock, clock))
    _, pairs = await send(old.store, legs=1)
    new = await take_over(stack, lock, clock)

    await old.store.save_progress([pairs[0][0]], [builders.fill(pairs[0][0])])
    await old.store.append_audit(Audit(NOW, None, "halt", "", "another desk took over"))

    assert len((await new.store.load(NOW)).fills) == 1


async def test_attempt_without_a_lease_is_refused_by_the_file(lock, clock):
    async with open_storage(lock, clock) as storage:
        await send(storage.store, legs=1)
    path = lock.folder / "ledger.db"
    columns = "order_id, number, body_sha256, at_ms, epoch"
    copy = f"INSERT INTO attempts ({columns}) SELECT order_id, 2, body_sha256, 1"

    for epoch in ("NULL", "0", "2"):
        with pytest.raises(Exception, match="another desk took over"):
            tamper(path, f"{copy}, {epoch} FROM attempts")
    tamper(path, f"{copy}, 1 FROM attempts")


@pytest.mark.parametrize(
    ("sql", "guard"),
    [
        ("UPDATE leases SET epoch = 9", "a lease is never changed"),
        ("UPDATE leases SET holder = 'other'", "a lease is never changed"),
        ("UPDATE leases SET stopped_ms = 9", "only the newest lease is ended, once"),
        ("DELETE FROM leases", "a lease is never deleted"),
        ("INSERT INTO leases VALUES (1, '', 'x', 1, NULL)", "epochs count up by one"),
        ("INSERT INTO leases VALUES (7, '', 'x', 1, NULL)", "epochs count up by one"),
    ],
)
async def test_leases_are_kept_as_they_were_taken(lock, clock, sql, guard):
    async with open_storage(lock, clock):
        pass

    with pytest.raises(Exception, match=guard):
        tamper(lock.folder / "ledger.db", sql)


async def test_fault_and_kill_are_no_clean_stop_and_a_request_is(lock, clock):
    with pytest.raises(ValueError, match="broken"):
        async with open_storage(lock, clock, wallet=WALLET):
            raise ValueError("broken invariant")
    with pytest.raises(asyncio.CancelledError):
        async with open_storage(lock, clock, wallet=WALLET):
            raise asyncio.CancelledError
    clock.advance(1)

    async with open_storage(lock, clock, wallet=WALLET) as storage:
        assert storage.unclean_starts == 1

    assert [row["stopped_ms"] is not None for row in leases(lock)] == [False, True, True]


async def test_crashes_are_counted_over_ten_minutes_and_commands_are_not(lock, clock):
    async def crash(wallet: str = WALLET) -> None:
        with pytest.raises(ValueError, match="died"):
            async with open_storage(lock, clock, wallet=wallet):
                raise ValueError("died")

    await crash()
    clock.advance(300_000)
    await crash()
    await crash("")
    clock.advance(300_000)

    async with open_storage(lock, clock, wallet=WALLET) as now:
        assert now.unclean_starts == 2
    clock.advance(1)
    async with open_storage(lock, clock, wallet=WALLET) as later:
        assert later.unclean_starts == 1


async def test_old_desk_that_stops_leaves_the_new_ones_lease_alone(lock, clock, stack):
    async with open_storage(lock, clock, wallet=WALLET):
        await take_over(stack, lock, clock)

    assert [row["stopped_ms"] for row in leases(lock)] == [None, None]

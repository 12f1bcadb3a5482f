import asyncio

import pytest

from engine.domain.units import Ms
from engine.ports import StoreError
from storage.files import open_storage
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import read

HOUR_MS = 3_600_000


async def test_update_is_taken_once(storage):
    assert await storage.inbox.take(7, b'{"update_id":7}', NOW)
    assert not await storage.inbox.take(7, b'{"update_id":7}', NOW)
    assert await storage.inbox.take(8, b"{}", NOW)


async def test_fifty_copies_at_once_are_taken_once(storage):
    taken = await asyncio.gather(*(storage.inbox.take(7, b"{}", NOW) for _ in range(50)))

    assert sum(taken) == 1


async def test_update_is_durable_when_take_has_returned(storage, lock):
    await storage.inbox.take(7, b"\x00\xff raw", NOW)

    rows = read(lock.folder / "ledger.db", "SELECT * FROM inbox")
    assert rows == [
        {"update_id": 7, "raw": b"\x00\xff raw", "taken_ms": NOW, "state": "taken", "outcome": None}
    ]


async def test_copy_after_a_restart_is_known(lock, clock):
    async with open_storage(lock, clock) as first:
        await first.inbox.take(7, b"{}", NOW)
        await first.inbox.settle(7, "press")

    async with open_storage(lock, clock) as second:
        assert not await second.inbox.take(7, b"{}", NOW)
        assert await second.inbox.pending() == []


async def test_pending_holds_what_was_not_settled_in_the_order_it_came(storage):
    """Telegram may restart its numbering: a smaller id can be the newer update."""
    await storage.inbox.take(900, b"first", NOW)
    await storage.inbox.take(5, b"second", Ms(NOW + 1))
    await storage.inbox.take(6, b"third", Ms(NOW + 1))
    await storage.inbox.settle(5, "command")

    assert await storage.inbox.pending() == [(900, b"first"), (6, b"third")]


async def test_first_outcome_stays(storage, lock):
    await storage.inbox.take(7, b"{}", NOW)
    await storage.inbox.settle(7, "press")
    await storage.inbox.settle(7, "stranger")
    await storage.inbox.settle(8, "never taken")

    rows = read(lock.folder / "ledger.db", "SELECT update_id, state, outcome FROM inbox")
    assert rows == [{"update_id": 7, "state": "settled", "outcome": "press"}]


async def test_updates_are_forgotten_after_two_days_and_not_before(storage):
    await storage.inbox.take(1, b"old, undone", NOW)
    await storage.inbox.take(2, b"old", NOW)
    await storage.inbox.settle(2, "press")
    await storage.inbox.take(3, b"young", Ms(NOW + HOUR_MS))

    assert not await storage.inbox.take(2, b"again", Ms(NOW + 48 * HOUR_MS))
    assert await storage.inbox.take(4, b"new", Ms(NOW + 48 * HOUR_MS + 1))

    assert [update for update, _ in await storage.inbox.pending()] == [3, 4]
    assert await storage.inbox.take(2, b"a stranger with an old number", Ms(NOW + 48 * HOUR_MS + 1))


async def test_update_id_beyond_the_database_is_refused_not_cut(storage):
    with pytest.raises(StoreError, match="too large"):
        await storage.inbox.take(2**64, b"{}", NOW)

    assert await storage.inbox.pending() == []

"""One executable order per leg, bytes as long as they may be compared, a row per request."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from engine.domain.history import Pruned
from engine.domain.order import OrderState
from engine.domain.units import Ms
from engine.ports import RequestKind, RequestMade, StoreError
from storage.lock import FolderLock
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import read, tamper
from tests.unit.storage.store_contract import report, send

DAY_MS = 24 * 3600 * 1000
NEXT = """
INSERT INTO intents
SELECT intent_key || 'x', fingerprint, plan_id, ticket_id, leg, {generation}, token_id, condition_id, side,
    price, size, time_in_force, expiration_s, payload FROM intents WHERE generation = 0
"""


@pytest.fixture
def path(lock: FolderLock) -> Path:
    return lock.folder / "ledger.db"


@pytest.mark.parametrize("state", [state for state in OrderState if not state.is_final])
async def test_leg_with_an_order_that_may_execute_takes_no_other(storage, path, state):
    _, pairs = await send(storage.store, legs=1)
    await storage.store.save_progress([replace(pairs[0][0], state=state)], [])

    with pytest.raises(sqlite3.IntegrityError, match="not proven to have ended"):
        tamper(path, NEXT.format(generation=1))


@pytest.mark.parametrize("state", [state for state in OrderState if state.is_final])
async def test_leg_whose_order_is_proven_to_have_ended_takes_the_next_generation(storage, path, state):
    _, pairs = await send(storage.store, legs=1)
    await storage.store.save_progress([replace(pairs[0][0], state=state)], [])

    tamper(path, NEXT.format(generation=1))


async def test_refusal_after_an_unanswered_send_proves_nothing(storage, path):
    _, pairs = await send(storage.store, legs=1)
    refused = replace(pairs[0][0], state=OrderState.REJECTED, ever_unknown=True)
    await storage.store.save_progress([refused], [])

    with pytest.raises(sqlite3.IntegrityError, match="not proven to have ended"):
        tamper(path, NEXT.format(generation=1))


async def test_intent_whose_order_was_never_stored_is_no_proof(storage, path):
    _, pairs = await send(storage.store, legs=1)
    await storage.store.save_progress([replace(pairs[0][0], state=OrderState.DEAD)], [])
    tamper(path, NEXT.format(generation=1))

    with pytest.raises(sqlite3.IntegrityError, match="not proven to have ended"):
        tamper(path, NEXT.format(generation=2).replace("'x'", "'y'"))


async def test_generations_count_up_by_one(storage, path):
    _, pairs = await send(storage.store, legs=1)
    await storage.store.save_progress([replace(pairs[0][0], state=OrderState.DEAD)], [])

    with pytest.raises(sqlite3.IntegrityError, match="generations of a leg count up by one"):
        tamper(path, NEXT.format(generation=2))


async def test_order_of_a_leg_that_was_replaced_within_a_batch_is_refused(storage):
    before, claim, after, plan = builders.armed()
    await storage.store.save_ticket(before, None)
    record, prepared = builders.pair()
    second = replace(record.intent, generation=1)
    name = builders.order_id("second")
    twin = (
        replace(record, order_id=name, intent=second),
        replace(prepared, order_id=name, intent=second),
    )

    with pytest.raises(StoreError, match="not proven to have ended"):
        await storage.store.commit_batch(claim, after, plan, [(record, prepared), twin])

    assert (await storage.store.load(NOW)).orders == ()


async def test_steps_tell_every_state_an_order_was_stored_in(storage, path):
    _, pairs = await send(storage.store, legs=1)
    states = (OrderState.UNKNOWN, OrderState.UNKNOWN, OrderState.LIVE, OrderState.DEAD, OrderState.LIVE)

    for state in states:
        await storage.store.save_progress([replace(pairs[0][0], state=state)], [])

    steps = [row["state"] for row in read(path, "SELECT state FROM v_step ORDER BY seq")]
    assert steps == ["sending", "unknown", "live", "dead", "live"]


@pytest.mark.parametrize("sql", ["UPDATE order_steps SET state = 'live'", "DELETE FROM order_steps"])
async def test_steps_are_kept_as_they_were(storage, path, sql):
    await send(storage.store, legs=1)

    with pytest.raises(sqlite3.IntegrityError, match="a step is never"):
        tamper(path, sql)


async def purged(storage, at_ms: int) -> int:
    parts = [part async for part in storage.store.prune_history(Ms(at_ms))]
    return sum(parts, Pruned()).signed


async def test_signed_bytes_go_a_day_after_their_order_has_ended_and_not_before(storage, clock, path):
    _, pairs = await send(storage.store, legs=3)
    clock.advance(5_000)
    ended = [replace(pairs[0][0], state=OrderState.FILLED), replace(pairs[1][0], state=OrderState.DEAD)]
    await storage.store.save_progress(ended, [])
    end_ms = NOW + 5_000

    assert await purged(storage, end_ms + DAY_MS) == 0
    assert await purged(storage, end_ms + DAY_MS + 1) == 2
    assert await purged(storage, end_ms + 9 * DAY_MS) == 0

    left = [row["order_id"] for row in read(path, "SELECT order_id FROM signed")]
    assert left == [pairs[2][0].order_id]
    assert len(read(path, "SELECT body_sha256 FROM v_attempt")) == 3


async def test_order_that_rose_from_the_dead_keeps_its_bytes(storage, path):
    _, pairs = await send(storage.store, legs=1)
    await storage.store.save_progress([replace(pairs[0][0], state=OrderState.DEAD)], [])
    await storage.store.save_progress([replace(pairs[0][0], state=OrderState.LIVE)], [])

    assert await purged(storage, NOW + 9 * DAY_MS) == 0


async def test_bytes_of_an_order_that_may_execute_cannot_be_deleted_by_anyone(storage, path):
    await send(storage.store, legs=1)

    with pytest.raises(sqlite3.IntegrityError, match="that may still execute are kept"):
        tamper(path, "DELETE FROM signed")


async def test_purged_bytes_are_not_left_in_the_file(storage, clock, lock, path):
    """An order has no expiry on the chain: who finds its bytes can have it executed."""
    _, pairs = await send(storage.store, legs=1)
    await storage.store.save_progress([replace(pairs[0][0], state=OrderState.DEAD)], [])
    tamper(path, "PRAGMA wal_checkpoint(FULL)")
    assert pairs[0][1].body in path.read_bytes()

    await purged(storage, NOW + 2 * DAY_MS)
    tamper(path, "PRAGMA wal_checkpoint(FULL)")

    assert pairs[0][1].body not in path.read_bytes()


async def test_every_request_has_its_row_with_ids_outcome_status_and_epoch(storage, path):
    store = storage.store
    _, pairs = await send(store, legs=2)
    ids = tuple(record.order_id for record, _ in pairs)
    await store.finish_attempts(replace(report(*(r for r, _ in pairs)), status=200), Ms(NOW + 40))
    for kind, outcome, status in (
        (RequestKind.CANCEL, "answered", 200),
        (RequestKind.CANCEL_MARKET, "timed out", None),
        (RequestKind.CANCEL_ALL, "timed out", None),
        (RequestKind.HEARTBEAT, "the venue expected another id", 400),
    ):
        await store.append_request(RequestMade(kind, "r-2", ids, outcome, status, 1_500, Ms(NOW + 50)))

    rows = read(
        path, "SELECT kind, order_ids, outcome, status, epoch, place_call_ms FROM v_request ORDER BY seq"
    )
    text = f'["{ids[0]}","{ids[1]}"]'
    assert [tuple(row.values()) for row in rows] == [
        ("orders", text, "accepted", 200, 1, 4.321),
        ("cancel", text, "answered", 200, 1, 1.5),
        ("cancel_market", text, "timed out", None, 1, 1.5),
        ("cancel_all", text, "timed out", None, 1, 1.5),
        ("heartbeat", text, "the venue expected another id", 400, 1, 1.5),
    ]
    assert {row["status"] for row in read(path, "SELECT status FROM v_attempt")} == {200}

"""The ledger guards itself, whoever writes to it; and its views show a checker what it needs."""

import hashlib
import json
import sqlite3
from dataclasses import replace

import pytest

from engine.domain.chain_act import ActStage
from engine.domain.effects import Audit
from engine.domain.failure import Placed, PostClass
from engine.domain.market import Side
from engine.domain.order import OrderState, Settlement, TimeInForce
from engine.domain.ticket import Role, TicketKind, TicketState
from engine.domain.units import Ms, Size
from engine.ports import StoreError
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import read, tamper
from tests.unit.storage.store_contract import report, send

NEW_FILL = """
INSERT INTO fills
SELECT NULL, 't-2', order_id, token_id, {side}, {size}, {cash}, fee, settlement, 1 FROM fills
"""


@pytest.fixture
async def path(storage, lock):
    """A ledger with one sent ticket, an answered attempt, a settled fill, an act and an audit line."""
    store = storage.store
    _, pairs = await send(store, legs=2)
    record = replace(pairs[0][0], state=OrderState.FILLED, filled=Size(200_000_000))
    await store.finish_attempts(report(record), Ms(NOW + 40))
    await store.save_progress([record], [replace(builders.fill(record), settlement=Settlement.CONFIRMED)])
    await store.append_audit(Audit(NOW, builders.BEN, "send", "T-ABCDEF", ""))
    await store.save_review(builders.review())
    await store.save_rules_freeze(builders.rules_freeze())
    await store.save_act(replace(builders.act(), stage=ActStage.DONE))
    return lock.folder / "ledger.db"


@pytest.mark.parametrize(
    ("sql", "guard"),
    [
        ("UPDATE plans SET spend_max = 1", "a committed plan is never changed"),
        ("DELETE FROM plans", "a committed plan is never deleted"),
        ("UPDATE confirms SET user_id = 6666", "a consumed confirmation is never changed"),
        ("DELETE FROM confirms", "a consumed confirmation is never deleted"),
        ("UPDATE intents SET size = size + 1", "an intent is never changed"),
        ("DELETE FROM intents", "an intent is never deleted"),
        ("UPDATE orders SET order_id = '0xother'", "the identity of an order is never changed"),
        ("UPDATE orders SET intent_key = 'other'", "the identity of an order is never changed"),
        ("DELETE FROM orders", "an order is never deleted"),
        ("UPDATE signed SET body = x'00'", "the bytes of an order are never changed"),
        (
            "UPDATE attempts SET body_sha256 = order_id WHERE outcome IS NULL",
            "the identity of an attempt is never changed",
        ),
        (
            "UPDATE attempts SET at_ms = 1 WHERE outcome IS NULL",
            "the identity of an attempt is never changed",
        ),
        (
            "UPDATE attempts SET number = 4 WHERE outcome IS NULL",
            "the identity of an attempt is never changed",
        ),
        ("UPDATE attempts SET outcome = 'refused' WHERE outcome IS NOT NULL", "an outcome is written once"),
        ("UPDATE attempts SET outcome = NULL WHERE outcome IS NOT NULL", "an outcome is written once"),
        ("DELETE FROM attempts", "an attempt is never deleted"),
        ("UPDATE exec_audit SET place_call_us = 1", "a row is never changed"),
        ("DELETE FROM exec_audit", "a row is never deleted"),
        ("UPDATE fills SET size = size + 1", "the amounts of a fill are never changed"),
        ("UPDATE fills SET fee = 0", "the amounts of a fill are never changed"),
        ("UPDATE fills SET settlement = 'matched'", "a settled fill stays as it is"),
        ("UPDATE fills SET settlement = 'failed'", "a settled fill stays as it is"),
        ("DELETE FROM fills", "a fill is never deleted"),
        ("UPDATE audit SET payload = '[]'", "a line is never changed"),
        ("DELETE FROM audit WHERE seq = 1", "a line is never deleted"),
        ("UPDATE reviews SET who = 'ana'", "a review is never changed"),
        ("DELETE FROM reviews", "a review is never deleted"),
        ("UPDATE chain_acts SET yes_size = 1, no_size = 1, payout = 1", "what was intended is never changed"),
        ("UPDATE chain_acts SET stage = 'failed'", "an act ends once"),
        ("DELETE FROM chain_acts", "an act is never deleted"),
        ("DELETE FROM rules_freezes", "only a newer review lifts this freeze"),
    ],
)
async def test_what_was_written_once_cannot_be_changed_by_anyone(path, sql, guard):
    with pytest.raises(sqlite3.IntegrityError, match=guard):
        tamper(path, sql)


@pytest.mark.parametrize(
    "sql",
    [
        NEW_FILL.format(side="side", size="1.5", cash="cash"),
        NEW_FILL.format(side="side", size="0", cash="cash"),
        NEW_FILL.format(side="side", size="size", cash="-1"),
        NEW_FILL.format(side="'buy'", size="size", cash="cash"),
        "UPDATE orders SET state = 'gone'",
        "UPDATE orders SET filled = 'much'",
        "UPDATE orders SET filled = -1",
        "UPDATE tickets SET state = 'maybe'",
        "UPDATE tickets SET version = 'x'",
        "INSERT INTO meta VALUES (2, zeroblob(32), 1)",
        "UPDATE meta SET install_secret = zeroblob(31)",
        "INSERT INTO inbox VALUES (1, x'00', 1, 'taken', 'outcome without a settlement')",
        "INSERT INTO reviews VALUES (9, '1', hex(zeroblob(32)), '[]', NULL, 'nobody', 1)",
    ],
)
async def test_value_outside_its_column_is_refused_by_the_file(path, sql):
    with pytest.raises(sqlite3.IntegrityError):
        tamper(path, sql)


@pytest.mark.parametrize("state", OrderState)
async def test_final_flag_of_the_file_is_the_domain_table(path, state):
    tamper(path, "UPDATE orders SET state = ?", state.value)

    assert {row["is_final"] for row in read(path, "SELECT is_final FROM v_order")} == {int(state.is_final)}


@pytest.mark.parametrize("kind", [kind for kind in TicketKind if kind.is_stored])
@pytest.mark.parametrize("role", Role)
async def test_every_kind_of_ticket_and_owner_has_a_place(storage, kind, role):
    ticket = replace(builders.ticket(), kind=kind, owner=replace(builders.BEN, role=role))

    await storage.store.save_ticket(ticket, None)

    assert (await storage.store.load(NOW)).tickets == (ticket,)


@pytest.mark.parametrize("state", TicketState)
async def test_every_ticket_state_has_a_place(storage, lock, state):
    await storage.store.save_ticket(replace(builders.ticket(), state=state), None)

    assert read(lock.folder / "ledger.db", "SELECT state FROM tickets") == [{"state": state.value}]


@pytest.mark.parametrize("kind", PostClass)
@pytest.mark.parametrize("placed", [*Placed, None])
async def test_every_answer_has_a_place(storage, lock, kind, placed):
    _, pairs = await send(storage.store, legs=1)
    answer = replace(report(pairs[0][0]).answers[0], kind=kind, placed=placed)

    await storage.store.finish_attempts(replace(report(pairs[0][0]), answers=(answer,)), Ms(NOW + 40))

    rows = read(lock.folder / "ledger.db", "SELECT outcome, placed FROM v_attempt")
    assert rows == [{"outcome": kind.value, "placed": None if placed is None else placed.value}]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("time_in_force", TimeInForce)
async def test_every_order_shape_has_a_place(storage, side, time_in_force):
    before, claim, after, plan = builders.armed()
    await storage.store.save_ticket(before, None)
    record, prepared = builders.pair()
    shape = replace(record.intent, side=side, time_in_force=time_in_force)
    order = (replace(record, intent=shape), replace(prepared, intent=shape))

    assert await storage.store.commit_batch(claim, after, plan, [order])

    assert (await storage.store.load(NOW)).orders == (order[0],)


async def test_attempt_is_shown_with_the_hash_of_the_very_bytes_and_its_timings(path):
    rows = read(path, "SELECT * FROM v_attempt ORDER BY commit_seq")
    bodies = [builders.pair(number, plan_id="plan-T-ABCDEF")[1].body for number in range(2)]

    assert [row["body_sha256"] for row in rows] == [hashlib.sha256(body).hexdigest() for body in bodies]
    assert (
        rows[0]
        | {
            "outcome": "accepted",
            "placed": "matched",
            "trade_ids": '["trade-1"]',
            "request_id": "r-1",
            "place_call_ms": 4.321,
            "ack_latency_ms": 3.21,
            "answered_ms": NOW + 40,
        }
        == rows[0]
    )
    assert (rows[1]["outcome"], rows[1]["request_id"]) == (None, None)


async def test_one_post_is_one_row_of_the_exec_audit(storage, lock):
    _, pairs = await send(storage.store)
    await storage.store.finish_attempts(report(*(record for record, _ in pairs)), Ms(NOW + 40))

    rows = read(
        lock.folder / "ledger.db",
        "SELECT request_id, orders, place_call_ms, ack_latency_ms, at_ms FROM exec_audit",
    )
    assert rows == [
        {
            "request_id": "r-1",
            "orders": 3,
            "place_call_ms": 4.321,
            "ack_latency_ms": 3.21,
            "at_ms": NOW + 40,
        }
    ]
    joined = read(lock.folder / "ledger.db", "SELECT count(*) AS n FROM v_attempt WHERE request_id = 'r-1'")
    assert joined == [{"n": 3}]


async def test_every_live_leg_joins_one_confirm_whose_plan_hash_can_be_recomputed(path):
    rows = read(
        path,
        "SELECT i.leg, c.* FROM v_order AS o JOIN v_intent AS i USING (intent_key) "
        "JOIN v_confirm AS c ON c.ticket_id = i.ticket_id ORDER BY i.leg",
    )

    assert [row["leg"] for row in rows] == [0, 1]
    for row in rows:
        assert hashlib.sha256(row["plan"].encode()).hexdigest() == row["plan_hash"]
        assert json.loads(row["plan"])[1]["plan_id"] == row["plan_id"]
        assert (row["user_id"], row["user_role"], row["chat_id"]) == (1002, "trader", 1002)
        assert (row["message_id"], row["version"]) == (77, 4)
        assert row["at_ms"] <= row["armed_until_ms"] == NOW + 45_000


async def test_intent_shows_a_fingerprint_over_everything_that_is_sent(path):
    rows = read(path, "SELECT * FROM v_intent ORDER BY leg")

    assert [row["leg"] for row in rows] == [0, 1]
    for row in rows:
        assert hashlib.sha256(row["payload"].encode()).hexdigest() == row["fingerprint"]
        payload = json.loads(row["payload"])[1]
        assert payload["expiration_s"] == row["expiration_s"] == NOW // 1000 + 220
        assert payload["price"] == row["price"] == 3_120


async def test_fill_is_shown_with_its_intent(path):
    rows = read(path, "SELECT intent_key, side, size, cash, fee, settlement FROM v_fill")

    assert rows == [
        {
            "intent_key": "T-ABCDEF:plan-T-ABCDEF:0:0",
            "side": "BUY",
            "size": 200_000_000,
            "cash": 62_200_000,
            "fee": 1_711_200,
            "settlement": "confirmed",
        }
    ]


async def test_ticket_is_sent_once_for_ever_even_if_its_row_is_set_back(storage, lock):
    await send(storage.store, legs=1)
    tamper(lock.folder / "ledger.db", "UPDATE tickets SET state = 'confirm', version = 4")
    _, claim, after, plan = builders.armed()

    with pytest.raises(StoreError, match="this ticket was sent before: open a new one"):
        await storage.store.commit_batch(claim, after, plan, [builders.pair(7)])


async def test_stored_plan_that_cannot_be_read_stops_the_start_with_the_next_step(storage, lock):
    await storage.store.save_ticket(builders.ticket(), None)
    tamper(lock.folder / "ledger.db", "UPDATE tickets SET plan = replace(plan, 'plan/2', 'plan/9')")

    with pytest.raises(StoreError, match=r"expected a stored plan/2, .*restore a backup"):
        await storage.store.load(NOW)


async def test_halts_keep_their_history(storage, lock, clock):
    for reason in ("killed", None, "foreign order"):
        await storage.store.save_halt(reason)
        clock.advance(1)

    rows = read(lock.folder / "ledger.db", "SELECT at_ms, reason FROM halts ORDER BY seq")
    assert [(r["at_ms"] - NOW, r["reason"]) for r in rows] == [(0, "killed"), (1, None), (2, "foreign order")]


async def test_review_is_shown_with_its_text_and_whether_it_still_counts(path):
    tamper(path, "INSERT INTO reviews SELECT 7, event_id, rules_hash, rules, NULL, 'config', 5 FROM reviews")

    rows = read(path, "SELECT * FROM v_review ORDER BY seq")

    assert [(r["user_id"], r["who"], r["is_newest"], r["is_frozen"]) for r in rows] == [
        (1002, "ben", 0, 1),
        (None, "config", 1, 1),
    ]
    assert all(hashlib.sha256(r["rules"].encode()).hexdigest() == r["rules_hash"] for r in rows)

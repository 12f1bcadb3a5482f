"""The day's requests, per market and in all."""

from dataclasses import replace

from engine.domain.failure import PostClass
from engine.domain.units import Ms
from engine.ports import RequestKind, RequestMade
from storage.execution_counts import ExecutionCounts, read_execution_counts
from storage.fills import DAY_MS
from tests.unit.storage.builders import NOW, condition
from tests.unit.storage.store_contract import report, send

NONE = ExecutionCounts("", 0, 0, 0, 0, 0, None, 0)


def told(record, kind, request_id, reason="", **more):
    """What one POST of one order told."""
    whole = report(record, kind=kind)
    answers = tuple(replace(answer, reason=reason) for answer in whole.answers)
    return replace(whole, answers=answers, request_id=request_id, **more)


async def test_a_fresh_ledger_has_an_empty_day(storage, lock):
    assert read_execution_counts(lock.folder, NOW) == (NONE, ())


async def test_each_market_has_its_own_refusals_errors_limits_and_timeouts(storage, lock):
    store = storage.store
    _, pairs = await send(store, legs=3)
    first, second, third = (record for record, _ in pairs)
    await store.finish_attempts(told(first, PostClass.REFUSED, "r-1", "not enough balance"), NOW)
    await store.finish_attempts(told(second, PostClass.DEFERRED, "r-2", status=429), NOW)
    await store.begin_resend([second.order_id], NOW)
    await store.finish_attempts(told(second, PostClass.ACCEPTED, "r-3"), NOW)
    await store.finish_attempts(told(third, PostClass.UNKNOWN, "r-4", "ConnectionTimeoutError"), NOW)
    cancelled = RequestMade(RequestKind.CANCEL, "c-1", (third.order_id,), "rate limited", 429, 9_000, NOW)
    await store.append_request(cancelled)
    await store.append_request(
        RequestMade(RequestKind.CANCEL_ALL, "c-2", (), "TimeoutError after 10 s", None, 9_000, NOW)
    )

    day, markets = read_execution_counts(lock.folder, NOW)

    by_market = {row.condition_id: row for row in markets}
    assert by_market == {
        condition(0): ExecutionCounts(condition(0), 1, 1, 0, 0, 0, 3.2, 0),
        condition(1): ExecutionCounts(condition(1), 1, 0, 0, 1, 0, 3.2, 0),
        condition(2): ExecutionCounts(condition(2), 1, 0, 1, 0, 1, 3.2, 1),
    }
    assert day == ExecutionCounts("", 3, 1, 1, 1, 2, 3.2, 1)


async def test_a_batch_without_an_answer_is_one_error_of_the_day(storage, lock):
    _, pairs = await send(storage.store, legs=3)
    await storage.store.finish_attempts(report(*(r for r, _ in pairs), kind=PostClass.UNKNOWN), NOW)

    day, markets = read_execution_counts(lock.folder, NOW)

    assert day.place_errors == 1
    assert [row.place_errors for row in markets] == [1, 1, 1]


async def test_yesterday_is_not_counted(storage, lock):
    _, pairs = await send(storage.store, legs=1)
    await storage.store.finish_attempts(report(pairs[0][0]), NOW)

    assert read_execution_counts(lock.folder, Ms(NOW + DAY_MS)) == (NONE, ())

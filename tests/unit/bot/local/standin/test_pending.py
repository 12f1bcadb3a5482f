import random

import pytest

from bot.local.standin.pending import (
    BACK_OFF_FIRST_MS,
    BACK_OFF_MAX_MS,
    KEPT_MS,
    UPDATES_PER_POLL_MAX,
    PendingUpdates,
)
from bot.local.standin.updates import KINDS_ON_REQUEST, Update
from engine.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def pending(clock):
    return PendingUpdates(clock)


def message(lane=1001, text="x"):
    return Update("message", {"text": text}, lane)


def test_pending_ids_rise_by_one(pending):
    first, second = pending.put(message()), pending.put(message())

    assert second.update_id == first.update_id + 1
    assert first.to_json() == {"update_id": first.update_id, "message": {"text": "x"}}


def test_pending_ids_after_a_restart_are_new(pending, clock):
    before = [pending.put(message()).update_id for _ in range(20)]
    clock.advance(3_000)

    first = PendingUpdates(clock).put(message())

    assert first is not None
    assert first.update_id > max(before)


def test_pending_head_is_the_oldest_of_its_lane(pending):
    first = pending.put(message(lane=1, text="a"))
    other = pending.put(message(lane=2, text="b"))
    pending.put(message(lane=1, text="c"))

    assert pending.head(1) is first
    assert pending.head(2) is other
    assert pending.head(3) is None
    assert pending.lanes() == {1, 2}


def test_pending_done_moves_the_lane_on(pending):
    first, second = pending.put(message()), pending.put(message())

    pending.done(first.update_id)

    assert pending.head(1001) is second
    assert pending.count() == 1


def test_pending_done_of_an_unknown_update_does_nothing(pending):
    pending.put(message())

    pending.done(1)

    assert pending.count() == 1


def test_pending_failed_update_stays_at_the_head(pending):
    first = pending.put(message())
    pending.put(message())

    pending.failed(first)

    assert pending.head(1001) is first


def test_pending_back_off_doubles_up_to_a_minute(pending):
    update = pending.put(message())

    waits = [pending.failed(update) for _ in range(9)]

    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    assert (waits[0], waits[-1]) == (BACK_OFF_FIRST_MS, BACK_OFF_MAX_MS)


def test_pending_back_off_after_very_many_failures_stays_at_a_minute(pending):
    update = pending.put(message())
    update.failures = 10_000

    assert pending.failed(update) == BACK_OFF_MAX_MS


def test_pending_is_kept_for_a_day_and_no_longer(pending, clock):
    pending.put(message())
    clock.advance(KEPT_MS)
    kept = pending.count()
    clock.advance(1)

    assert (kept, pending.count()) == (1, 0)
    assert pending.head(1001) is None
    assert pending.lanes() == frozenset()


@pytest.mark.parametrize(
    "kind", ["message", "callback_query", "my_chat_member", "edited_message", "channel_post"]
)
def test_pending_without_a_list_keeps_usual_kinds(pending, kind):
    assert pending.put(Update(kind, {}, 1)) is not None


@pytest.mark.parametrize("kind", sorted(KINDS_ON_REQUEST))
def test_pending_kinds_on_request_need_the_list(pending, kind):
    before = pending.put(Update(kind, {}, 1))
    pending.allow(frozenset({kind}))

    assert before is None
    assert pending.put(Update(kind, {}, 1)) is not None


def test_pending_with_a_list_keeps_only_its_kinds(pending):
    pending.allow(frozenset({"message", "callback_query"}))

    taken = [pending.put(Update(kind, {}, 1)) for kind in ("message", "edited_message", "callback_query")]

    assert [one is not None for one in taken] == [True, False, True]


def test_pending_empty_list_means_the_usual_kinds_again(pending):
    pending.allow(frozenset({"message"}))
    pending.allow(frozenset())

    assert pending.put(Update("edited_message", {}, 1)) is not None


def test_pending_forced_update_ignores_the_list(pending):
    pending.allow(frozenset({"message"}))

    assert pending.put(Update("channel_post", {}, 1), forced=True) is not None


def test_poll_gives_everything_and_forgets_nothing_by_itself(pending):
    ids = [pending.put(message()).update_id for _ in range(3)]

    assert [one.update_id for one in pending.poll(0, 100)] == ids
    assert pending.count() == 3


def test_poll_offset_confirms_what_is_before_it(pending):
    ids = [pending.put(message()).update_id for _ in range(3)]

    assert [one.update_id for one in pending.poll(ids[1], 100)] == ids[1:]
    assert pending.count() == 2


def test_poll_negative_offset_keeps_the_newest(pending):
    ids = [pending.put(message()).update_id for _ in range(5)]

    assert [one.update_id for one in pending.poll(-2, 100)] == ids[3:]
    assert pending.count() == 2


def test_poll_negative_offset_beyond_the_queue_keeps_all(pending):
    ids = [pending.put(message()).update_id for _ in range(2)]

    assert [one.update_id for one in pending.poll(-10, 100)] == ids


@pytest.mark.parametrize(("limit", "given"), [(1, 1), (100, 100), (0, 100), (-3, 100), (500, 100)])
def test_poll_limit_is_one_to_a_hundred(pending, limit, given):
    for _ in range(UPDATES_PER_POLL_MAX + 5):
        pending.put(message())

    assert len(pending.poll(0, limit)) == given


def test_drop_all_forgets_everything(pending):
    pending.put(message())

    pending.drop_all()

    assert pending.count() == 0


@pytest.mark.parametrize("seed", range(5))
def test_pending_taken_in_any_mix_keeps_each_lanes_order(clock, pending, seed):
    picks = random.Random(seed)
    put: dict[int, list[int]] = {lane: [] for lane in range(1, 5)}
    taken: dict[int, list[int]] = {lane: [] for lane in range(1, 5)}

    for _ in range(200):
        lane = picks.randint(1, 4)
        if picks.random() < 0.5:
            put[lane].append(pending.put(message(lane=lane)).update_id)
        elif (head := pending.head(lane)) is not None:
            if picks.random() < 0.3:
                pending.failed(head)
            else:
                taken[lane].append(head.update_id)
                pending.done(head.update_id)
        clock.advance(picks.randint(0, 50))

    for lane, ids in put.items():
        assert taken[lane] == ids[: len(taken[lane])], f"seed {seed}"

"""Orders leave once, after their commit, through an open gate."""

import asyncio

import pytest

from engine.domain.account import CancelReply
from engine.domain.events import BatchCommitted, BatchRefused, CancelAnswered, CancelFailed, PostAnswered
from engine.domain.failure import PostClass, VenueFailure
from engine.domain.order import OrderState
from engine.ports import HeartbeatRefused, HeartbeatTaken, RequestKind, StoreError
from engine.runtime.perform import perform
from tests.support.batches import again, batch, rests
from tests.support.builders import order_id
from tests.support.fake_ports import named, settled


@pytest.fixture
def desk(shell):
    shell.relayer.answers = rests
    return shell.orders


async def test_nothing_leaves_before_it_is_committed(shell, desk):
    await desk.send(batch())
    await settled(lambda: bool(shell.told(PostAnswered)))

    steps = named(shell.log)
    assert steps.index("prepare") < steps.index("commit_batch") < steps.index("submit")


async def test_a_batch_is_posted_exactly_once(shell, desk):
    await desk.send(batch())
    await settled(lambda: bool(shell.store.reports))

    assert named(shell.log, "submit", "commit_batch") == ["commit_batch", "submit"]
    assert len(shell.told(PostAnswered)) == 1


async def test_the_commit_is_told_before_the_answer_with_orders_as_sending(shell, desk):
    sent = batch()
    await desk.send(sent)
    await settled(lambda: bool(shell.told(PostAnswered)))

    committed, answered = shell.mail
    assert isinstance(committed, BatchCommitted)
    assert isinstance(answered, PostAnswered)
    assert {o.state for o in committed.orders} == {OrderState.SENDING}
    assert {(o.sends, o.ever_unknown, o.filled) for o in committed.orders} == {(1, False, 0)}
    assert tuple(o.intent for o in committed.orders) == sent.intents
    assert (committed.approved, committed.grant) == (sent.approved, sent.grant)


async def test_the_ids_committed_are_the_ids_posted(shell, desk):
    await desk.send(batch())
    await settled(lambda: bool(shell.told(PostAnswered)))

    asked = dict(shell.log)
    assert asked["commit_batch"] == asked["submit"]


async def test_a_failed_commit_sends_nothing_and_is_told_and_raised(shell, desk):
    shell.store.fail = {"commit_batch"}

    with pytest.raises(StoreError):
        await desk.send(batch())
    await shell.tasks.drain(1)

    assert "submit" not in named(shell.log)
    (refused,) = shell.mail
    assert isinstance(refused, BatchRefused)
    assert "disk full" in refused.reason


async def test_a_lost_claim_sends_nothing_and_is_told(shell, desk):
    shell.store.claims_hold = False

    await desk.send(batch())
    await shell.tasks.drain(1)

    assert "submit" not in named(shell.log)
    (refused,) = shell.mail
    assert isinstance(refused, BatchRefused)
    assert "already used" in refused.reason


async def test_a_gate_closed_between_commit_and_post_keeps_the_batch_back(shell, desk):
    shell.gate_open = False

    await desk.send(batch())
    await settled(lambda: bool(shell.told(PostAnswered)))

    assert "submit" not in named(shell.log)
    (answered,) = shell.told(PostAnswered)
    assert {a.kind for a in answered.answers} == {PostClass.NOT_SENT}
    assert len(shell.store.reports) == 1, "the attempt row learns that nothing left"


async def test_a_gate_that_closes_while_a_resend_is_prepared_keeps_it_back(shell, desk):
    sent = batch()
    await desk.send(sent)
    await settled(lambda: bool(shell.told(PostAnswered)))
    shell.gate_open = False

    await desk.resend(again(sent, *shell.store.bodies.values()))
    await settled(lambda: len(shell.told(PostAnswered)) == 2)

    assert named(shell.log).count("submit") == 1


async def test_a_resend_stores_its_attempt_first_and_posts_the_stored_bytes(shell, desk):
    sent = batch()
    await desk.send(sent)
    await settled(lambda: bool(shell.told(PostAnswered)))
    bodies = list(shell.store.bodies.values())

    await desk.resend(again(sent, bodies[1]))
    await settled(lambda: len(shell.told(PostAnswered)) == 2)

    assert named(shell.log, "begin_resend", "submit", "prepare") == [
        "prepare",
        "submit",
        "begin_resend",
        "submit",
    ]
    assert ("submit", (bodies[1].order_id,)) in shell.log


async def test_a_resend_whose_attempt_cannot_be_stored_does_not_leave(shell, desk):
    sent = batch()
    await desk.send(sent)
    await settled(lambda: bool(shell.told(PostAnswered)))
    shell.store.fail = {"begin_resend"}

    with pytest.raises(StoreError):
        await desk.resend(again(sent, *shell.store.bodies.values()))
    await shell.tasks.drain(1)

    assert named(shell.log).count("submit") == 1


async def test_durations_of_the_post_are_observed_and_stored(shell, desk):
    await desk.send(batch())
    await settled(lambda: bool(shell.store.reports))

    assert shell.metrics.value("engine_place_call_ms") == 2_000
    assert shell.metrics.value("engine_ack_ms") == 1_500
    assert shell.store.reports[0].request_id == "req-1"


async def test_an_answer_is_told_even_when_its_attempt_row_cannot_be_written(shell, desk):
    shell.store.fail = {"finish_attempts"}

    await desk.send(batch())
    await shell.tasks.drain(1)

    assert len(shell.told(PostAnswered)) == 1


async def test_sending_does_not_wait_for_the_answer(shell, desk):
    shell.relayer.let_submit.clear()

    await desk.send(batch())
    await settled(shell.relayer.submitted.is_set)

    assert shell.told(PostAnswered) == []
    desk.cancel([order_id("another")])
    await settled(lambda: bool(shell.told(CancelAnswered)))


async def test_a_cancels_replies_are_told_by_id(shell, desk):
    ids = [order_id(1), order_id(2)]
    desk.cancel(ids)
    await settled(lambda: bool(shell.mail))

    (answered,) = shell.told(CancelAnswered)
    assert answered.replies == tuple((name, CancelReply.CANCELLED) for name in ids)
    assert shell.metrics.value("relayer_cancel_count") == 1


async def test_a_cancel_without_a_usable_answer_is_told_as_failed(shell, desk):
    shell.relayer.cancel_reply = VenueFailure("timed out")
    desk.cancel([order_id(1)])
    await settled(lambda: bool(shell.mail))

    (failed,) = shell.told(CancelFailed)
    assert failed.order_ids == (order_id(1),)
    assert failed.reason == "timed out"


@pytest.mark.parametrize("everything", [True, False])
async def test_a_cancel_that_failed_tells_whether_it_was_for_everything(shell, desk, everything):
    """Only then may everything be cancelled again."""
    shell.relayer.cancel_reply = VenueFailure("timed out")
    if everything:
        desk.cancel_everything()
    else:
        desk.cancel([order_id(1)])
    await settled(lambda: bool(shell.mail))

    (failed,) = shell.told(CancelFailed)
    assert failed.everything is everything


async def test_cancel_everything_passes_a_closed_gate(shell, desk):
    shell.gate_open = False

    desk.cancel_everything()
    await settled(lambda: bool(shell.mail))

    assert named(shell.log) == ["cancel_all"]


async def test_every_cancel_has_its_row_of_the_exec_audit(shell, desk):
    ids = (order_id(1), order_id(2))
    desk.cancel(ids)
    await settled(lambda: len(shell.store.requests) == 1)
    shell.relayer.cancel_reply = VenueFailure("timed out")
    desk.cancel(ids)
    await settled(lambda: len(shell.store.requests) == 2)
    desk.cancel_everything()
    await settled(lambda: len(shell.store.requests) == 3)

    assert [(r.kind, r.order_ids, r.outcome) for r in shell.store.requests] == [
        (RequestKind.CANCEL, ids, "answered"),
        (RequestKind.CANCEL, ids, "timed out"),
        (RequestKind.CANCEL_ALL, (), "timed out"),
    ]


async def test_heartbeat_has_a_row_only_if_the_venue_did_not_take_it(shell, desk):
    for answer in (HeartbeatTaken("hb-2"), HeartbeatRefused("hb-9"), VenueFailure("timed out")):
        shell.relayer.heartbeat_answer = answer
        mail = len(shell.mail)
        desk.heartbeat("hb-1")
        await shell.tasks.settle(1)
        assert len(shell.mail) == mail + 1

    assert [(r.kind, r.outcome) for r in shell.store.requests] == [
        (RequestKind.HEARTBEAT, "the venue expected another id"),
        (RequestKind.HEARTBEAT, "timed out"),
    ]


async def test_cancel_is_told_and_halts_nothing_when_the_exec_audit_cannot_be_written(shell, desk):
    """A halt cancels everything: if that asked for another halt, the desk would never come to rest."""
    shell.store.fail = {"append_request"}

    desk.cancel([order_id(1)])
    await settled(lambda: shell.metrics.value("engine_errors", "store") == 1)

    assert [type(event) for event in shell.mail] == [CancelAnswered]


async def test_a_cancel_that_the_full_disk_kept_out_of_the_exec_audit_is_written_as_soon_as_it_can_be(
    shell, desk
):
    shell.store.fail = {"append_request"}
    desk.cancel([order_id(1)])
    await settled(lambda: shell.metrics.value("engine_errors", "store") == 1)
    shell.store.fail = set()

    await perform(shell.hands, [])
    await perform(shell.hands, [])

    assert [(row.kind, row.order_ids) for row in shell.store.requests] == [
        (RequestKind.CANCEL, (order_id(1),))
    ]


@pytest.mark.parametrize("asked_twice", [False, True])
async def test_a_cancel_that_a_stop_cuts_short_has_its_row_in_the_exec_audit(shell, desk, asked_twice):
    """It may have left, and the venue may have done it."""
    shell.relayer.let_cancel.clear()
    desk.cancel([order_id(1)])
    desk.cancel_everything()
    await settled(lambda: len(shell.log) == 2)

    stopping = asyncio.create_task(shell.tasks.drain(60 if asked_twice else 0))
    await asyncio.sleep(0)
    if asked_twice:
        stopping.cancel()
    await asyncio.wait([stopping])

    assert {(row.kind, row.order_ids, row.outcome) for row in shell.store.requests} == {
        (RequestKind.CANCEL, (order_id(1),), "the desk stopped while waiting"),
        (RequestKind.CANCEL_ALL, (), "the desk stopped while waiting"),
    }

"""The last word before money moves: caps and room with everything unproven counted at its worst."""

import pytest

from engine.core.exposure.risk import closed, reserved, review, room, spent_today
from engine.core.order_terms import BATCH_LEGS_MAX
from engine.core.state import enter_fill
from engine.domain.failure import PostClass
from engine.domain.fees import outlay_bound
from engine.domain.order import OrderState, Settlement
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Approved
from engine.domain.units import Ms, Usdc
from engine.domain.views import Gate
from tests.support.builders import (
    NOW,
    WALLET,
    accepted,
    answer,
    event,
    fill,
    intent,
    order,
    plan,
    shares,
    trade,
    usdc,
)
from tests.support.desk_run import DeskRun
from tests.support.gates import shut

DAY_MS = 86_400_000
S = OrderState


@pytest.fixture
def run():
    return DeskRun().start()


def put(run, *orders):
    run.desk.orders.update({o.order_id: o for o in orders})


def book(run, *fills):
    for fill_of in fills:
        enter_fill(run.desk, fill_of)


def kind_of(verdict):
    assert isinstance(verdict, Refusal), f"expected a refusal, was {verdict}"
    return verdict.kind


def test_review_of_an_affordable_plan_approves_exactly_it(run):
    wanted = plan(run.events[0])

    verdict = review(run.desk, wanted, run.at_ms)

    assert verdict == Approved(wanted.plan_id, wanted.spend_max, run.at_ms)


@pytest.mark.parametrize("state", [s for s in S if not s.is_final])
def test_an_order_that_may_still_execute_is_reserved_in_full_at_its_limit(run, state):
    open_order = order(state)
    put(run, open_order)

    assert reserved(run.desk) == outlay_bound(open_order.intent.fee, open_order.intent.price, shares(100))


@pytest.mark.parametrize("state", [s for s in S if s.is_final])
def test_an_order_that_has_ended_without_fills_reserves_nothing(run, state):
    put(run, order(state))

    assert reserved(run.desk) == 0


def test_shares_matched_but_not_yet_read_back_stay_reserved(run):
    put(run, order(S.FILLED, filled=shares(100)))

    assert reserved(run.desk) > 0


def test_shares_read_back_are_counted_as_spent_and_not_again_as_reserved(run):
    whole = order(S.FILLED, filled=shares(100))
    put(run, whole)
    book(run, fill(whole))

    assert reserved(run.desk) == 0
    assert spent_today(run.desk, NOW) == usdc(30)


def test_a_part_filled_order_reserves_only_the_rest(run):
    part = order(S.PARTIAL, filled=shares(40))
    put(run, part)
    book(run, fill(part, shares(40)))

    assert reserved(run.desk) == outlay_bound(part.intent.fee, part.intent.price, shares(60))


def test_spent_today_is_cash_and_fees_of_this_utc_day(run):
    bought = order(S.FILLED, filled=shares(100))
    put(run, bought)
    book(
        run,
        fill(bought, name="a", fee=usdc(0.5)),
        fill(bought, name="yesterday", matched_ms=NOW - DAY_MS),
        fill(bought, name="void", settlement=Settlement.FAILED),
    )

    assert spent_today(run.desk, NOW) == usdc(30.5)
    assert spent_today(run.desk, Ms(NOW + DAY_MS)) == 0


def test_room_is_what_each_cap_leaves_after_spending_and_reserving(run):
    put(run, order(S.UNKNOWN, 0), order(S.FILLED, 1, filled=shares(100)))
    book(run, fill(order(S.FILLED, 1)))
    held = outlay_bound(intent().fee, intent().price, shares(100))

    left = room(run.desk, NOW)

    assert left.ticket == usdc(500)
    assert left.day == usdc(1_000) - usdc(30) - held
    assert left.wallet == WALLET - held


def test_room_is_never_negative(run):
    run.desk.balance = usdc(1)
    put(run, *(order(S.UNKNOWN, what=intent(0, generation=n, size=shares(900))) for n in range(5)))

    left = room(run.desk, NOW)

    assert (left.day, left.wallet) == (0, 0)


def test_an_unread_wallet_has_no_room(run):
    run.desk.balance = None

    assert room(run.desk, NOW).wallet == 0
    assert kind_of(review(run.desk, plan(run.events[0]), NOW)) is RefusalKind.CAPS


@pytest.mark.parametrize(
    ("spend", "approved"),
    [(usdc(500), True), (Usdc(usdc(500) + 1), False)],
)
def test_the_cap_per_ticket_holds_to_the_micro_dollar(run, spend, approved):
    verdict = review(run.desk, plan(run.events[0], spend_max=spend), NOW)

    assert isinstance(verdict, Approved) is approved


@pytest.mark.parametrize("over", [0, 1])
def test_the_day_cap_counts_what_is_unknown_at_its_worst(run, over):
    put(run, *(order(S.UNKNOWN, what=intent(0, generation=n, size=shares(500))) for n in range(4)))
    left = usdc(1_000) - reserved(run.desk)

    verdict = review(run.desk, plan(run.events[0], spend_max=Usdc(left + over)), NOW)

    assert isinstance(verdict, Approved) is (over == 0)


def test_the_wallet_limits_what_is_reserved_too(run):
    run.desk.balance = usdc(50)
    put(run, order(S.UNKNOWN))

    verdict = review(run.desk, plan(run.events[0], spend_max=usdc(30)), NOW)

    assert isinstance(verdict, Refusal)
    assert verdict.kind is RefusalKind.CAPS
    assert "wallet" in verdict.text


def test_a_refused_spend_says_limit_need_and_what_to_do(run):
    verdict = review(run.desk, plan(run.events[0], spend_max=usdc(612.345)), NOW)

    assert isinstance(verdict, Refusal)
    for word in ("500.00", "612.35", "per-ticket", "fewer sets"):
        assert word in verdict.text


@pytest.mark.parametrize(
    ("gate", "kind"), [(Gate.STARTING, RefusalKind.GATE_CLOSED), (Gate.HALTED, RefusalKind.HALTED)]
)
def test_a_closed_gate_approves_nothing_and_says_why(run, gate, kind):
    shut(run.desk, gate)

    assert kind_of(review(run.desk, plan(run.events[0]), NOW)) is kind
    refusal = closed(run.desk)
    assert refusal is not None
    assert "the reason" in refusal.text


def test_an_open_gate_is_not_closed(run):
    assert closed(run.desk) is None


def test_a_frozen_event_takes_no_new_plan(run):
    run.freeze(run.events[0].event_id, "T-BBBBBB was filled only in part")

    verdict = review(run.desk, plan(run.events[0]), NOW)

    assert isinstance(verdict, Refusal)
    assert verdict.kind is RefusalKind.FROZEN
    assert "T-BBBBBB" in verdict.text


def test_an_event_with_a_ticket_in_flight_takes_no_second_one(run):
    legs = run.sent()
    assert kind_of(review(run.desk, plan(run.events[0]), NOW)) is RefusalKind.IN_FLIGHT

    run.answer(*(answer(leg, PostClass.REFUSED, "invalid nonce") for leg in legs))

    assert isinstance(review(run.desk, plan(run.events[0]), NOW), Approved)


def test_another_event_is_free_meanwhile():
    run = DeskRun(event("fed3"), event("cpi3")).start()
    run.sent(code="fed3")

    assert isinstance(review(run.desk, plan(run.events[1]), NOW), Approved)


def test_more_legs_than_a_batch_carries_are_refused_for_sending():
    names = tuple(f"outcome {n}" for n in range(BATCH_LEGS_MAX + 1))
    wide_event = event("wide", names)
    run = DeskRun(wide_event, asks=(100,) * len(names)).start()

    verdict = review(run.desk, plan(wide_event, sets=10, limits=(100,) * len(names)), NOW)

    assert kind_of(verdict) is RefusalKind.TOO_MANY_LEGS


def test_the_reserve_is_released_once_the_fate_is_proven(run):
    legs = run.sent()
    before = room(run.desk, run.at_ms)
    assert before.wallet < WALLET

    run.answer(*(accepted(leg, shares(100)) for leg in legs))
    for n, leg in enumerate(legs):
        run.read(trade(leg, name=f"t{n}"))

    paid = sum(f.cash + f.fee for f in run.desk.fills.values())
    after = room(run.desk, run.at_ms)
    assert after.wallet == WALLET - paid
    assert after.day == usdc(1_000) - paid

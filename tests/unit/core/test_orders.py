"""What each class of answer does to an order, and how executions are booked: once, to the micro-dollar."""

from dataclasses import replace
from itertools import permutations

import pytest

from engine.domain.account import MakerMatch, VenueTrade
from engine.domain.effects import CancelOrders, Count, RaiseAlert, ResendOrders, SaveProgress
from engine.domain.failure import PostClass
from engine.domain.fees import taker_fee
from engine.domain.ids import OrderId, TradeId
from engine.domain.market import Side
from engine.domain.order import OrderState, Settlement
from engine.domain.units import Price, Rounding, notional
from engine.domain.views import Gate, Severity
from tests.support.builders import (
    WALLET,
    accepted,
    answer,
    event,
    mirrored,
    order_id,
    resting,
    shares,
    trade,
    usdc,
)
from tests.support.desk_run import DeskRun, cancelled_ids, of_kind, only, timers

S = OrderState
WHOLE = shares(100)


@pytest.fixture
def run():
    return DeskRun().start()


@pytest.fixture
def legs(run):
    return run.sent()


def resend_timer(run):
    return next(name for name in timers(run.effects) if name.startswith("resend:"))


def test_accepted_and_matched_in_full_is_filled(run, legs):
    run.answer(accepted(legs[0], WHOLE))

    assert run.order(legs[0]).state is S.FILLED
    assert run.order(legs[0]).filled == WHOLE


def test_accepted_and_resting_is_cancelled_at_once(run, legs):
    effects = run.answer(accepted(legs[0]))

    assert cancelled_ids(effects) == {legs[0].order_id}
    assert run.order(legs[0]).state is S.PENDING_CANCEL


def test_accepted_and_matched_in_part_cancels_the_rest_and_keeps_the_part(run, legs):
    effects = run.answer(accepted(legs[0], shares(30)))

    assert cancelled_ids(effects) == {legs[0].order_id}
    assert run.order(legs[0]).filled == shares(30)


def test_leftovers_of_a_batch_go_in_one_cancel(run, legs):
    effects = run.answer(*(accepted(leg) for leg in legs))

    assert only(effects, CancelOrders).order_ids == tuple(leg.order_id for leg in legs)


def test_refused_first_attempt_is_final_and_told_in_the_venues_words(run, legs):
    words = "order 0xabc is invalid. Size (3) lower than the minimum: 5"

    effects = run.answer(answer(legs[0], PostClass.REFUSED, words))

    assert run.order(legs[0]).state is S.REJECTED
    alert = only(effects, RaiseAlert).alert
    assert words in alert.text
    assert "minimum" in alert.next_step
    assert run.desk.rejects == 1


def test_refused_order_is_not_cancelled_or_looked_up(run, legs):
    effects = run.answer(answer(legs[0], PostClass.REFUSED, "invalid nonce"))

    assert cancelled_ids(effects) == set()


@pytest.mark.parametrize("kind", [PostClass.UNKNOWN, PostClass.DUPLICATED])
def test_an_answer_that_tells_nothing_makes_the_order_unknown_and_starts_its_proof(run, legs, kind):
    effects = run.answer(answer(legs[0], kind, "timed out"))

    assert run.order(legs[0]).state is S.UNKNOWN
    assert run.order(legs[0]).ever_unknown
    assert cancelled_ids(effects) == {legs[0].order_id}
    assert timers(effects)[f"lookup:{legs[0].order_id}"] == run.at_ms, "looked up at once"


@pytest.mark.parametrize("kind", [PostClass.UNKNOWN, PostClass.DUPLICATED])
def test_what_is_unknown_is_never_sent_again(run, legs, kind):
    run.answer(*(answer(leg, kind, "timed out") for leg in legs))
    for _ in range(400):
        run.later(1_000)
        for name in list(timers(run.effects)):
            if name.startswith(("resend:", "lookup:")):
                run.timer(name)

    assert of_kind(run.effects, ResendOrders) == []


def test_a_refusal_after_an_unknown_attempt_is_not_terminal(run, legs):
    run.answer(answer(legs[0], PostClass.UNKNOWN, "reset"))

    run.answer(answer(legs[0], PostClass.REFUSED, "not enough balance / allowance"))

    assert run.order(legs[0]).state is S.UNKNOWN
    assert run.desk.rejects == 0


def test_a_refusal_after_deferred_attempts_is_terminal(run, legs):
    run.answer(answer(legs[0], PostClass.DEFERRED, "425"))
    run.later(250).timer(resend_timer(run))

    run.answer(answer(legs[0], PostClass.REFUSED, "not enough balance / allowance"))

    assert run.order(legs[0]).state is S.REJECTED


@pytest.mark.parametrize("kind", [PostClass.DEFERRED, PostClass.NOT_SENT])
def test_a_venue_that_takes_no_orders_just_now_gets_the_same_orders_again(run, legs, kind):
    run.answer(*(answer(leg, kind, "restarting") for leg in legs))
    effects = run.later(250).timer(resend_timer(run))

    again = only(effects, ResendOrders)
    assert set(again.order_ids) == {leg.order_id for leg in legs}
    assert [run.order(leg).sends for leg in legs] == [2, 2, 2]
    assert [run.order(leg).last_send_ms for leg in legs] == [run.at_ms] * 3


def test_only_the_deferred_legs_go_again(run, legs):
    run.answer(
        accepted(legs[0], WHOLE),
        answer(legs[1], PostClass.DEFERRED, "425"),
        answer(legs[2], PostClass.REFUSED, "invalid nonce"),
    )

    assert only(run.later(250).timer(resend_timer(run)), ResendOrders).order_ids == (legs[1].order_id,)


def test_deferred_for_ever_is_sent_five_times_at_most_and_then_proven():
    run = DeskRun(dutch=_patient()).start()
    legs = run.sent()
    for _ in range(50):
        run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs if not _settled(run, leg)))
        run.later(2_000).timer(resend_timer(run))

    assert [run.order(leg).sends for leg in legs] == [5, 5, 5]
    assert {run.order(leg).state for leg in legs} == {S.UNKNOWN}


def _patient():
    """Book age of half a minute, so that the number of sends is the limit."""
    from tests.support.desk_run import dutch_params

    return dutch_params(max_book_age_ms=30_000)


def _settled(run, leg):
    return run.order(leg).state is not S.SENDING


def test_deferred_beyond_the_plans_book_age_is_not_sent_again(run, legs):
    run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs))

    effects = run.later(5_001).timer(resend_timer(run))

    assert of_kind(effects, ResendOrders) == []
    assert {run.order(leg).state for leg in legs} == {S.UNKNOWN}
    assert cancelled_ids(effects) == {leg.order_id for leg in legs}


def test_never_left_and_too_late_to_send_again_has_ended(run, legs):
    run.later(5_000)

    run.answer(answer(legs[0], PostClass.NOT_SENT, "connection refused"))

    assert run.order(legs[0]).state is S.REJECTED
    assert "never left" in run.order(legs[0]).reason


def test_a_foreign_id_halts_the_desk_and_cancels_both(run, legs):
    foreign = order_id("not ours")

    effects = run.answer(accepted(legs[0], foreign_id=foreign))

    assert run.desk.gate is Gate.HALTED
    assert {legs[0].order_id, foreign} <= cancelled_ids(effects)
    assert [a.severity for a in run.alerts()] == [Severity.CRIT]
    assert foreign in run.desk.gate_reason


def test_every_answer_is_counted_by_its_class(run, legs):
    effects = run.answer(accepted(legs[0], WHOLE), answer(legs[1], PostClass.REFUSED, "x"))

    counted = [(c.label, c.by) for c in of_kind(effects, Count) if c.metric == "relayer_acks_total"]
    assert sorted(counted) == [("accepted", 1), ("refused", 1)]


def test_what_an_answer_changed_is_stored_before_anything_else(run, legs):
    effects = run.answer(accepted(legs[0]), accepted(legs[1], WHOLE))

    first = effects[0]
    assert isinstance(first, SaveProgress)
    assert {o.order_id: o.state for o in first.orders} == {
        legs[0].order_id: S.PENDING_CANCEL,
        legs[1].order_id: S.FILLED,
    }


def test_an_order_seen_resting_is_cancelled_and_remembered(run, legs):
    effects = run.read(rests=[resting(legs[0], shares(10))])

    assert cancelled_ids(effects) == {legs[0].order_id}
    assert run.order(legs[0]).filled == shares(10)


def test_a_read_that_shows_less_filled_than_known_is_old_and_changes_nothing(run, legs):
    run.answer(accepted(legs[0], shares(30)))

    run.read(rests=[resting(legs[0], shares(10))])

    assert run.order(legs[0]).filled == shares(30)


def test_a_trade_of_an_unknown_order_is_a_fill_of_it(run, legs):
    run.answer(answer(legs[0], PostClass.UNKNOWN, "timed out"))

    run.look_up(legs[0], trade(legs[0]))

    assert run.order(legs[0]).state is S.FILLED
    assert sum(f.size for f in run.desk.fills.values()) == WHOLE


def test_a_trade_before_the_answer_attaches_by_id(run, legs):
    run.read(trade(legs[0]))
    run.answer(accepted(legs[0], WHOLE))

    assert run.order(legs[0]).state is S.FILLED
    assert len(run.desk.fills) == 1


@pytest.mark.parametrize("times", [1, 2, 5])
def test_the_same_trade_read_again_and_again_is_one_fill(run, legs, times):
    for _ in range(times):
        run.read(trade(legs[0]))
        run.look_up(legs[0], trade(legs[0]))

    assert len(run.desk.fills) == 1
    assert run.desk.balance == WALLET - sum(f.cash + f.fee for f in run.desk.fills.values())


def test_fills_are_the_same_whatever_the_order_of_the_reads():
    outcomes = []
    for turn in permutations(range(3)):
        run = DeskRun().start()
        leg = run.sent()[0]
        parts = [trade(leg, shares(20 + n), price=2_900 + n, name=f"part-{n}") for n in range(3)]
        for n in turn:
            run.look_up(leg, parts[n], parts[turn[0]])
        outcomes.append((frozenset(run.desk.fills.items()), run.order(leg).filled, run.desk.balance))

    assert len(set(outcomes)) == 1
    assert outcomes[0][1] == shares(63)


def test_cash_and_fee_of_a_fill_are_those_of_every_match_to_the_micro_dollar(run, legs):
    leg = legs[0]
    matches = ((2_911, 13.337), (2_999, 40.01), (3_000, 46.653))
    makers = tuple(
        MakerMatch(OrderId(f"0x{n:064x}"), leg.intent.token_id, Side.SELL, Price(price), shares(size))
        for n, (price, size) in enumerate(matches)
    )
    found = replace(trade(leg), makers=makers)

    run.read(found)

    booked = run.desk.fills[TradeId("trade-1"), leg.order_id]
    assert booked.size == WHOLE
    assert booked.cash == sum(notional(m.price, m.size, Rounding.DOWN) for m in makers)
    assert booked.fee == sum(taker_fee(leg.intent.fee, m.price, m.size, Rounding.DOWN) for m in makers)
    assert run.desk.balance == WALLET - booked.cash - booked.fee


def test_a_mint_is_booked_at_our_own_price(run, legs):
    leg = legs[0]
    market = run.events[0].market_of(leg.intent.token_id)

    run.read(mirrored(trade(leg, price=2_900), market))

    assert run.desk.fills[TradeId("trade-1"), leg.order_id].cash == usdc(29)


def test_a_trade_that_does_not_name_us_is_nobodys_fill(run, legs):
    foreign = replace(trade(legs[0]), taker_order_id=order_id("somebody"))

    effects = run.read(foreign)

    assert run.desk.fills == {}
    assert of_kind(effects, SaveProgress) == []


def test_settlement_moves_forward_once(run, legs):
    run.read(trade(legs[0]))
    run.read(trade(legs[0], settlement=Settlement.CONFIRMED))
    effects = run.read(trade(legs[0]))

    assert run.desk.fills[TradeId("trade-1"), legs[0].order_id].settlement is Settlement.CONFIRMED
    assert of_kind(effects, SaveProgress) == []


def test_a_voided_trade_gives_the_cash_back_once_and_is_told_loudly(run, legs):
    run.read(trade(legs[0]))
    for _ in range(3):
        run.read(trade(legs[0], settlement=Settlement.FAILED))

    assert run.desk.balance == WALLET
    loud = [a for a in run.alerts() if a.key.startswith("void:")]
    assert [a.severity for a in loud] == [Severity.CRIT]


def test_a_trade_that_is_born_void_moves_no_cash(run, legs):
    run.read(trade(legs[0], settlement=Settlement.FAILED))

    assert run.desk.balance == WALLET


def test_more_filled_than_asked_is_kept_and_ends_the_order(run, legs):
    run.read(trade(legs[0], shares(100.005)))

    assert run.order(legs[0]).state is S.FILLED
    assert run.order(legs[0]).remaining == 0


def test_an_answer_about_another_tickets_order_touches_only_that_one():
    run = DeskRun(event("fed3"), event("cpi3")).start()
    one = run.sent(code="fed3", sets=50)
    other = run.sent(code="cpi3", sets=50, entropy=99)

    run.answer(accepted(other[0], shares(50)))

    assert run.order(other[0]).state is S.FILLED
    assert {run.order(leg).state for leg in one} == {S.SENDING}


def test_a_trade_names_its_market_and_never_reaches_a_sibling_leg(run, legs):
    found: VenueTrade = trade(legs[0])

    run.read(found)

    assert {f.token_id for f in run.desk.fills.values()} == {legs[0].intent.token_id}
    assert run.order(legs[1]).filled == 0

"""The second axis of a fill: booked once, settled once, undone once, whatever tells of it and how often."""

from dataclasses import replace
from itertools import permutations

import pytest

from engine.core.exposure.inventory import confirmed, sellable
from engine.core.exposure.inventory import shares as shares_held
from engine.core.exposure.risk import reserved, spent_today
from engine.domain.account import MakerMatch
from engine.domain.effects import Count, LookUpOrder, RaiseAlert, SaveFreeze, SaveProgress, SendBatch
from engine.domain.market import Side
from engine.domain.order import OrderState, Settlement
from engine.domain.ticket import TicketState
from engine.domain.units import Price, Size
from engine.domain.views import Severity
from tests.support.builders import WALLET, accepted, fill, order, order_id, shares, ticket, trade
from tests.support.desk_run import DeskRun, of_kind, timers

S = OrderState
MATCHED, MINED, RETRYING, CONFIRMED, FAILED = Settlement
WHOLE = shares(100)


@pytest.fixture
def run():
    return DeskRun().start()


@pytest.fixture
def leg(run):
    return run.sent()[0]


def alerts(run, prefix):
    return [alert for alert in run.alerts() if alert.key.startswith(prefix)]


def booked(run):
    return tuple(run.desk.fills.values())


@pytest.mark.parametrize("turn", list(permutations((MATCHED, MINED, RETRYING, CONFIRMED))))
def test_a_trade_told_in_any_order_is_one_confirmed_fill(run, leg, turn):
    for settlement in turn:
        run.told_by_stream(trade(leg, settlement=settlement))

    assert [f.settlement for f in booked(run)] == [CONFIRMED]
    assert confirmed(run.desk, leg.intent.token_id) == WHOLE
    assert run.desk.balance == WALLET - booked(run)[0].cash - booked(run)[0].fee


@pytest.mark.parametrize("turn", list(permutations((MATCHED, MINED, RETRYING, FAILED))))
def test_a_trade_that_fails_is_reversed_once_whatever_is_told_before_and_after(run, leg, turn):
    for settlement in (*turn, FAILED, MATCHED):
        run.told_by_stream(trade(leg, settlement=settlement))
        run.read(trade(leg, settlement=settlement))

    assert [f.settlement for f in booked(run)] == [FAILED]
    assert run.desk.balance == WALLET
    assert shares_held(run.desk) == {}
    assert spent_today(run.desk, run.at_ms) == 0
    assert len(alerts(run, "void:")) == 1, "told once per ghost"


def test_retrying_then_confirmed_is_one_fill(run, leg):
    run.told_by_stream(trade(leg, settlement=RETRYING))
    run.later(30_000).read(trade(leg, settlement=CONFIRMED))

    assert [f.settlement for f in booked(run)] == [CONFIRMED]


def test_a_ghost_is_not_bought_again(run):
    legs = run.sent()
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    run.read(*(trade(leg, name=f"t{n}") for n, leg in enumerate(legs)))
    run.effects.clear()

    run.later(1_000).read(trade(legs[0], name="t0", settlement=FAILED))

    assert of_kind(run.effects, SendBatch) == []
    assert run.ticket(legs[0].intent.ticket_id).state is TicketState.BROKEN


@pytest.mark.parametrize("known", [MATCHED, FAILED, CONFIRMED])
def test_a_failure_is_reversed_once_also_over_a_restart(run, known):
    kept = order(S.FILLED, filled=WHOLE)
    before = fill(kept, settlement=known)

    run.restart((kept,), (ticket(TicketState.DONE),), fills=(before,))
    run.read()
    balance = run.desk.balance
    for _ in range(2):
        run.later(1_000).read(trade(kept, settlement=FAILED), balance=balance)

    undone = known is MATCHED
    assert run.desk.balance == balance + (before.cash if undone else 0)
    assert shares_held(run.desk).get(kept.intent.token_id, 0) == (WHOLE if known is CONFIRMED else 0)
    assert len(alerts(run, "void:")) == (1 if undone else 0)


def test_one_trade_with_several_of_our_orders_is_told_as_one_ghost(run):
    """Both stand in it, one as taker and one as maker."""
    taker, maker = run.sent_as(side=Side.BUY)[:2]
    both = with_maker(trade(taker), maker)
    run.read(both)
    assert len(booked(run)) == 2

    run.read(replace(both, settlement=FAILED))

    assert [f.settlement for f in booked(run)] == [FAILED, FAILED]
    (told,) = alerts(run, "void:")
    assert taker.intent.name in told.text
    assert maker.intent.name in told.text


def with_maker(found, maker):
    """The same trade with an order of ours as its only maker."""
    own = MakerMatch(maker.order_id, maker.intent.token_id, maker.intent.side, Price(3_000), found.size)
    return replace(found, makers=(own,))


def test_a_makers_view_of_a_trade_does_not_tell_the_takers_part(run, leg):
    """It shows some makers only: cash would be too small. The whole is asked for by id."""
    whole = trade(leg)
    part = replace(whole, makers=(replace(whole.makers[0], size=shares(30)),))

    effects = run.told_by_stream(part)
    assert booked(run) == ()
    assert [look.order_id for look in of_kind(effects, LookUpOrder)] == [leg.order_id]

    run.look_up(leg, whole)
    assert [f.size for f in booked(run)] == [WHOLE]


@pytest.mark.parametrize("known", [MATCHED, CONFIRMED])
def test_amounts_that_change_between_sights_are_told_once_and_never_stored(run, leg, known):
    """The ledger refuses other amounts of a known fill: the desk would halt over them."""
    run.read(trade(leg, price=2_900, settlement=known))
    first = booked(run)[0]

    for _ in range(3):
        effects = run.read(trade(leg, price=2_950, settlement=CONFIRMED))
        for saved in of_kind(effects, SaveProgress):
            assert [(f.size, f.cash, f.fee) for f in saved.fills] == [(first.size, first.cash, first.fee)]

    (only_fill,) = booked(run)
    assert (only_fill.cash, only_fill.settlement) == (first.cash, CONFIRMED)
    assert [a.severity for a in alerts(run, "restated:")] == [Severity.WARN]
    assert of_kind(run.effects, Count).count(Count("fills_restated_total", "")) == 1


@pytest.mark.parametrize("step", [MATCHED, MINED, RETRYING])
def test_a_match_not_settled_is_told_after_a_minute_once_and_stays_provisional(run, leg, step):
    effects = run.told_by_stream(trade(leg, settlement=step))
    due = timers(effects)["unsettled"]
    assert 60_000 <= due - run.at_ms <= 65_000

    run.at_ms = due
    run.timer("unsettled")
    run.later(60_000).timer("unsettled")

    assert len(alerts(run, "stuck:")) == 1
    assert sellable(run.desk, leg.intent.token_id) == 0
    assert shares_held(run.desk)[leg.intent.token_id] == WHOLE


def test_a_match_settled_in_time_is_not_told(run, leg):
    run.told_by_stream(trade(leg))
    run.later(59_000).told_by_stream(trade(leg, settlement=CONFIRMED))

    run.later(1_000).timer("unsettled")

    assert alerts(run, "stuck:") == []


def test_each_match_has_its_own_minute(run):
    one, two, _ = run.sent()
    run.told_by_stream(trade(one, name="a"))
    run.later(30_000).told_by_stream(trade(two, name="b"))

    effects = run.later(30_000).timer("unsettled")
    assert [a.key for a in alerts(run, "stuck:")] == ["stuck:a"]
    assert timers(effects)["unsettled"] == run.at_ms + 30_000

    run.later(30_000).timer("unsettled")
    assert [a.key for a in alerts(run, "stuck:")] == ["stuck:a", "stuck:b"]


def test_a_match_left_by_the_last_process_is_waited_for_again(run):
    kept = order(S.FILLED, filled=WHOLE)

    effects = run.restart((kept,), (ticket(TicketState.DONE),), fills=(fill(kept, settlement=MATCHED),))

    run.at_ms = timers(effects)["unsettled"]
    run.timer("unsettled")
    assert len(alerts(run, "stuck:")) == 1


@pytest.mark.parametrize(("beyond", "frozen"), [(0.01, False), (0.02, True)])
def test_more_filled_than_asked_is_borne_to_a_lot_and_freezes_its_event_beyond(run, leg, beyond, frozen):
    """Reliability B 23: exact in the ledger either way."""
    run.read(trade(leg, shares(60), name="a"), trade(leg, shares(40 + beyond), name="b"))

    assert run.order(leg).state is S.FILLED
    assert shares_held(run.desk)[leg.intent.token_id] == shares(100 + beyond)
    assert (run.events[0].event_id in run.desk.frozen) is frozen
    assert bool(alerts(run, "overfill:")) is frozen
    assert bool([f for f in of_kind(run.effects, SaveFreeze) if "beyond" in (f.reason or "")]) is frozen


def test_a_match_that_is_made_again_after_it_failed_is_no_overfill(run, leg):
    run.read(trade(leg, name="a"), trade(leg, name="a", settlement=FAILED))

    run.read(trade(leg, name="b"))

    assert alerts(run, "overfill:") == []
    assert shares_held(run.desk)[leg.intent.token_id] == WHOLE


def test_ends_of_trades_are_kept_for_the_breakers_once_each(run):
    legs = run.sent()
    for _ in range(2):
        run.read(
            trade(legs[0], name="a", settlement=CONFIRMED),
            trade(legs[1], name="b", settlement=FAILED),
            trade(legs[2], name="c"),
        )

    assert [(end.trade_id, end.failed) for end in run.desk.ended_trades] == [("a", False), ("b", True)]


def test_shares_matched_are_provisional_until_confirmed(run, leg):
    token = leg.intent.token_id
    run.read(trade(leg))
    assert (shares_held(run.desk)[token], confirmed(run.desk, token)) == (WHOLE, 0)

    run.read(trade(leg, settlement=CONFIRMED))

    assert confirmed(run.desk, token) == sellable(run.desk, token) == WHOLE


def test_a_sale_takes_from_what_may_be_sold_from_its_commit_on_and_never_below_zero(run):
    bought = run.sent()
    run.read(*(trade(leg, name=f"t{n}", settlement=CONFIRMED) for n, leg in enumerate(bought)))
    token = bought[0].intent.token_id
    sale = order(
        S.UNKNOWN, what=replace(bought[0].intent, side=Side.SELL, generation=7, size=Size(shares(70)))
    )
    run.desk.orders[sale.order_id] = sale

    assert sellable(run.desk, token) == shares(30)
    run.desk.orders[order_id("more")] = replace(sale, order_id=order_id("more"))
    assert sellable(run.desk, token) == 0
    assert confirmed(run.desk, token) == WHOLE
    assert reserved(run.desk) == 0, "a sale takes no collateral"


def test_a_sale_matched_but_not_settled_has_left(run):
    bought = run.sent()
    run.read(*(trade(leg, name=f"t{n}", settlement=CONFIRMED) for n, leg in enumerate(bought)))
    sale = order(S.LIVE, what=replace(bought[0].intent, side=Side.SELL, generation=7, size=Size(shares(70))))
    run.desk.orders[sale.order_id] = sale
    spent = spent_today(run.desk, run.at_ms)

    run.read(trade(sale, name="sold"))

    assert sellable(run.desk, bought[0].intent.token_id) == shares(30)
    assert spent_today(run.desk, run.at_ms) - spent == run.desk.fills["sold", sale.order_id].fee
    run.read(trade(sale, name="sold", settlement=FAILED))
    assert sellable(run.desk, bought[0].intent.token_id) == WHOLE
    assert of_kind(run.effects, RaiseAlert)

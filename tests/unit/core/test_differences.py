"""The venue's own figures against our books: lag is borne, a lack that stays closes the gate."""

import pytest

from engine.core.account.differences import LAG_MS
from engine.core.exposure.inventory import shares as shares_held
from engine.core.exposure.risk import at_risk, reserved
from engine.domain.account import CancelReply
from engine.domain.commands import AskReconcile
from engine.domain.effects import Audit, RaiseAlert, ReadAccount, Reply
from engine.domain.events import AccountReadFailed
from engine.domain.order import Settlement
from engine.domain.refusal import RefusalKind
from engine.domain.units import Size, Usdc
from engine.domain.views import Gate, ReconcileView, RefusalView, Severity
from tests.support.builders import WALLET, accepted, condition, order, order_id, resting, shares, trade, usdc
from tests.support.desk_run import DeskRun, of_kind, only

SMALL, LARGE = usdc(5), usdc(50)
WHOLE = shares(100)


@pytest.fixture
def run():
    return DeskRun().start()


@pytest.fixture
def bought(run):
    """A set of 100, settled, and the venue's figures have had time to follow."""
    legs = run.sent()
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    for n, leg in enumerate(legs):
        run.look_up(leg, trade(leg, name=f"t{n}", settlement=Settlement.CONFIRMED))
    run.later(LAG_MS)
    return legs


def gate(run):
    return run.desk.gate


def lack(run, by, times=1):
    for _ in range(times):
        run.later(10_000).read(balance=Usdc(run.desk.balance - by))


def test_a_lack_seen_once_is_told_and_nothing_more(run):
    lack(run, SMALL)

    assert gate(run) is Gate.RUN
    assert [a.severity for a in run.alerts()] == [Severity.INFO]


def test_a_lack_that_stays_closes_the_gate_to_new_risk_and_a_third_read_halts(run):
    lack(run, SMALL, 2)
    assert gate(run) is Gate.REDUCING

    lack(run, SMALL)
    assert gate(run) is Gate.HALTED


def test_a_large_lack_that_stays_halts_at_once(run):
    lack(run, LARGE)
    assert gate(run) is Gate.RUN

    lack(run, LARGE)
    assert gate(run) is Gate.HALTED


def test_a_lack_that_goes_away_was_lag(run):
    for _ in range(4):
        lack(run, SMALL)
        run.later(10_000).read()

    assert gate(run) is Gate.RUN


def test_after_a_halt_our_books_go_on_from_what_a_person_found(run):
    before = run.desk.balance
    lack(run, SMALL, 3)

    assert run.desk.balance == before - SMALL
    run.later(10_000).read()
    assert run.desk.doubts == {}


def test_a_deposit_is_taken_over_when_it_stays_and_stops_nothing(run):
    run.later(10_000).read(balance=usdc(2_000))
    assert run.desk.balance == WALLET
    effects = run.later(10_000).read(balance=usdc(2_000))

    assert only(effects, RaiseAlert).alert.severity is Severity.INFO
    assert "1000.00" in only(effects, Audit).detail
    assert run.desk.balance == usdc(2_000)
    assert gate(run) is Gate.RUN


def test_nothing_is_compared_while_an_order_is_open(run):
    run.sent()

    lack(run, LARGE, 4)

    assert gate(run) is Gate.RUN


def test_nothing_is_compared_while_a_fill_is_provisional(run):
    legs = run.sent()
    run.answer(*(accepted(leg, WHOLE) for leg in legs))
    run.read(*(trade(leg, name=f"t{n}") for n, leg in enumerate(legs)))

    lack(run, LARGE, 4)

    assert gate(run) is Gate.RUN


def test_nothing_is_compared_before_the_venues_figures_can_have_followed(run):
    legs = run.sent()
    run.read(*(trade(leg, name=f"t{n}", settlement=Settlement.CONFIRMED) for n, leg in enumerate(legs)))

    run.later(LAG_MS - 1).read(balance=WALLET)
    run.read(balance=WALLET)

    assert run.alerts() == []
    assert run.desk.doubts == {}


def test_what_was_under_way_at_a_start_makes_no_lack(run):
    """The first figure may hold a trade that is not settled, or not: the first quiet one is certain."""
    orders = tuple(run.sent())
    tickets = tuple(run.desk.tickets.values())
    run.restart(orders, tickets)
    run.read(balance=WALLET)
    found = [trade(leg, name=f"t{n}", settlement=Settlement.CONFIRMED) for n, leg in enumerate(orders)]
    run.read(*found, balance=WALLET)
    paid = sum(fill.cash + fill.fee for fill in run.desk.fills.values())

    for _ in range(3):
        run.later(LAG_MS).read(balance=Usdc(WALLET - 2 * paid))

    assert gate(run) is Gate.RUN
    assert run.desk.balance == WALLET - 2 * paid


def held(bought, size):
    return [(bought[0].intent.token_id, Size(size))]


def test_shares_as_booked_are_no_difference(run, bought):
    for _ in range(4):
        run.later(10_000).read(held=held(bought, WHOLE))

    assert (gate(run), run.alerts()) == (Gate.RUN, [])


def test_shares_that_go_missing_close_the_gate_and_flatten_nothing(run, bought):
    run.read(held=held(bought, WHOLE))

    run.later(10_000).read(held=held(bought, shares(95)))
    assert gate(run) is Gate.RUN
    run.later(10_000).read(held=held(bought, shares(95)))
    assert gate(run) is Gate.REDUCING
    run.later(10_000).read(held=held(bought, shares(95)))
    assert gate(run) is Gate.HALTED
    assert shares_held(run.desk)[bought[0].intent.token_id] == WHOLE


def test_a_large_loss_of_shares_halts_when_it_stays(run, bought):
    run.read(held=held(bought, WHOLE))

    for _ in range(2):
        run.later(10_000).read(held=held(bought, 0))

    assert gate(run) is Gate.HALTED


def test_what_differs_at_the_start_is_told_once_and_is_where_comparing_begins(run, bought):
    """A person may have merged or redeemed: every restart would halt over it."""
    for _ in range(3):
        run.later(10_000).read(held=held(bought, 0))
    assert gate(run) is Gate.RUN
    assert len([a for a in run.alerts() if a.key.startswith("shares:")]) == 1

    for _ in range(2):
        run.later(10_000).read(held=held(bought, shares(3)))
    assert gate(run) is not Gate.RUN, "from here on a change counts"


def test_a_reconcile_that_was_asked_for_answers_with_counts_when_its_read_is_done(run):
    leg = run.sent()[0]
    effects = run.ask(AskReconcile())
    assert len(of_kind(effects, ReadAccount)) == 1
    assert of_kind(effects, Reply) == []

    early = run.read(asked_ms=run.at_ms - 1)
    assert of_kind(early, Reply) == [], "begun before it was asked"
    view = only(run.later(100).read(trade(leg), rests=[resting(leg, WHOLE)]), Reply).view

    assert isinstance(view, ReconcileView)
    assert (view.open_orders, view.trades, view.orders_changed, view.fills_changed) == (1, 1, 1, 1)
    assert of_kind(run.read(), Reply) == []


def test_a_reconcile_whose_read_fails_says_so(run):
    run.ask(AskReconcile())

    view = only(run.step(AccountReadFailed(run.at_ms, "page 2 timed out")), Reply).view

    assert isinstance(view, RefusalView)
    assert view.refusal.kind is RefusalKind.GATE_CLOSED
    assert "page 2 timed out" in view.refusal.text


def test_a_read_that_changed_something_is_one_audit_line_and_one_that_did_not_is_none(run):
    leg = run.sent()[0]

    lines = [a for a in of_kind(run.read(trade(leg)), Audit) if a.what == "reconcile"]
    assert len(lines) == 1
    assert "1 fills" in lines[0].detail
    assert [a for a in of_kind(run.read(trade(leg)), Audit) if a.what == "reconcile"] == []


def test_a_foreign_order_counts_until_a_complete_read_no_longer_holds_it(run):
    stranger = order(order_id=order_id("stranger"))
    seen = resting(stranger, shares(40))
    run.read(rests=[seen])
    assert reserved(run.desk) == at_risk(run.desk, {stranger.intent.condition_id}) == usdc(18)
    assert gate(run) is Gate.REDUCING

    run.later(10_000).read()
    assert reserved(run.desk) == 0
    assert run.desk.foreign == {}


def test_a_second_foreign_order_is_told_by_itself(run):
    first, second = (resting(order(order_id=order_id(n))) for n in ("a", "b"))
    run.read(rests=[first])
    run.later(10_000).read(rests=[first, second])
    run.later(10_000).read(rests=[first, second])

    told = [a for a in run.alerts() if a.key.startswith("foreign:")]
    assert [a.key for a in told] == [f"foreign:{o.order_id}" for o in (first, second)]


def test_what_is_at_risk_is_told_by_market_and_by_event(run, bought):
    markets = [m.condition_id for m in run.events[0].markets]
    paid = sum(fill.cash + fill.fee for fill in run.desk.fills.values())

    assert at_risk(run.desk, set(markets)) == paid
    assert sum(at_risk(run.desk, {m}) for m in markets) == paid
    assert at_risk(run.desk, {condition("nothing")}) == 0


def test_a_sent_order_is_at_risk_before_any_answer_and_no_more_after_its_proven_end(run):
    legs = run.sent()
    market = {legs[0].intent.condition_id}
    worst = at_risk(run.desk, market)
    assert worst >= usdc(30)

    run.answer(accepted(legs[0]))
    assert at_risk(run.desk, market) == worst, "its cancel proves nothing yet"
    run.later(10).cancel_says(CancelReply.CANCELLED, legs[0])
    run.later(10).look_up(legs[0])
    assert at_risk(run.desk, market) == 0

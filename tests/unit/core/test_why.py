"""`/why` names the guard that refuses in the planner, and shows what a plan is made of."""

from dataclasses import replace
from typing import Any

import pytest

from engine.core.dutch.eligibility import GUARDS
from engine.core.trading.dutch_flow import plan_now
from engine.domain.book import NotLive
from engine.domain.commands import AskWhy, OpenDutch
from engine.domain.effects import Count
from engine.domain.fees import FeeCurve, taker_fee
from engine.domain.market import Market
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Move, Operator
from engine.domain.units import USDC_ONE, Price, Rounding, Size, Usdc
from engine.domain.why import GuardState, WhyView
from tests.support.builders import ANA, BEN, accepted, event, shares, terms, usdc
from tests.support.desk_run import DeskRun, dutch_params, refusal_of

FIRST = 0


def explained(run: DeskRun, what: str = "fed3", by: Operator = BEN) -> Any:
    view = run.told(AskWhy(what), by)
    assert isinstance(view, WhyView), f"expected an explanation, was {view}"
    return view


def with_terms(**changes):
    """An event whose first market trades on other terms."""
    group = event()
    first = replace(group.markets[FIRST], terms=terms(**changes))
    return replace(group, markets=(first, *group.markets[1:]))


def fee_of(market: Market) -> FeeCurve:
    assert market.terms.fee is not None, f"expected a fee of {market.name}"
    return market.terms.fee


def other_leg():
    group = event()
    return replace(group, markets=(replace(group.markets[FIRST], is_other=True), *group.markets[1:]))


REFUSED = {
    "structure": (lambda: event(neg_risk=False), RefusalKind.STRUCTURE),
    "augmented": (lambda: event(augmented=True), RefusalKind.AUGMENTED),
    "placeholder": (lambda: with_terms(active=False), RefusalKind.PLACEHOLDER),
    "other": (other_leg, RefusalKind.OTHER_OUTCOME),
    "tradable": (lambda: with_terms(accepting=False), RefusalKind.NOT_TRADABLE),
    "taker delay": (lambda: with_terms(taker_delay=True), RefusalKind.TAKER_DELAY),
    "unresolved": (lambda: with_terms(resolution_status="proposed"), RefusalKind.RESOLVING),
    "fee known": (lambda: with_terms(fee=None), RefusalKind.FEE_UNKNOWN),
}


@pytest.mark.parametrize("guard", REFUSED)
def test_the_guard_that_is_named_is_the_one_that_refuses_in_the_planner(guard):
    make, kind = REFUSED[guard]
    group = make()
    run = DeskRun(group).start()

    found = explained(run).event
    planned = plan_now(run.desk, group, None, run.at_ms)

    assert isinstance(planned, Refusal)
    assert found.refused.refusal == planned
    assert (found.refused.name, planned.kind) == (guard, kind)
    assert found.plan is None


def test_unread_rules_are_named_and_guards_behind_them_are_not_reached():
    run = DeskRun(event()).start()
    run.desk.reviewed.clear()

    lines = explained(run).event.guards
    names = [line.name for line in lines]
    at = names.index("reviewed")

    assert lines[at].state is GuardState.REFUSED
    assert all(line.state is GuardState.OK for line in lines[:at])
    assert all(line.state is GuardState.NOT_REACHED for line in lines[at + 1 :])


def test_every_guard_of_the_table_is_told_in_its_order():
    names = [line.name for line in explained(DeskRun().start()).event.guards]

    table = [guard.__name__.replace("_", " ") for guard in GUARDS]
    assert [name for name in names if name in table] == table


def test_a_frozen_event_is_refused_before_any_guard_of_the_table():
    run = DeskRun().start()
    run.freeze(run.events[0].event_id)

    refused = explained(run).event.refused

    assert (refused.name, refused.refusal.kind) == ("event free", RefusalKind.FROZEN)


def test_books_that_are_not_proven_are_named_with_their_trouble():
    run = DeskRun().start()
    run.books.down = NotLive.RESYNCING

    found = explained(run).event

    assert found.refused.name == "books proven"
    assert {line.trouble for line in found.books} == {NotLive.RESYNCING.value}
    assert all(line.bid is None and line.age_ms is None for line in found.books)
    assert found.cost is None


def test_a_crossed_book_is_refused_by_the_books_guard():
    run = DeskRun().start()
    market = run.events[0].markets[FIRST]
    book = run.books.shown[market.yes]
    run.books.shown[market.yes] = replace(book, tick=Price(100))

    assert explained(run).event.refused.name == "books, edge and caps"


@pytest.mark.parametrize(
    ("asks", "params", "kind"),
    [
        ((3_400, 3_400, 3_400), {}, RefusalKind.NO_EDGE),
        ((3_200, 3_200, 3_200), {"min_profit": usdc(50)}, RefusalKind.MIN_PROFIT),
        ((3_000, 3_000, 3_000), {"max_leg_loss": Usdc(1)}, RefusalKind.LEG_LOSS),
    ],
)
def test_what_the_planner_refuses_is_told_in_its_own_words(asks, params, kind):
    run = DeskRun(asks=asks).start()
    run.desk.settings = replace(run.desk.settings, dutch=dutch_params(**params))

    refused = explained(run).event.refused

    assert refused.name == "books, edge and caps"
    assert refused.refusal.kind is kind
    assert refused.refusal == plan_now(run.desk, run.events[0], None, run.at_ms)


def test_a_closed_gate_is_told_though_the_event_pays():
    run = DeskRun().start()
    run.desk.standing.halted = "killed by Ana"

    found = explained(run).event

    assert isinstance(found.plan, Plan)
    assert found.refused.name == "gate"


def test_an_event_that_pays_shows_the_plan_that_the_desk_would_open():
    run = DeskRun().start()

    found = explained(run).event

    assert found.refused is None
    assert found.plan == plan_now(run.desk, run.events[0], None, run.at_ms)


def test_the_cost_of_one_set_is_the_sum_of_the_touch_and_its_fees():
    run = DeskRun(with_terms(), asks=(3_000, 2_500, 2_000)).start()
    run.desk.settings = replace(
        run.desk.settings, dutch=dutch_params(fee_bps=10, slippage_ticks=1, safety_per_set=Usdc(4_000))
    )

    cost = explained(run).event.cost

    fees = sum(
        taker_fee(fee_of(market), Price(ask), Size(USDC_ONE), Rounding.UP)
        for market, ask in zip(run.events[0].markets, (3_000, 2_500, 2_000), strict=True)
    )
    ticks = sum(market.terms.tick for market in run.events[0].markets)
    assert (cost.asks, cost.fees, cost.slippage) == (750_000, fees, ticks * 100)
    assert (cost.buffer, cost.safety) == (750, 4_000)
    assert (
        cost.net == USDC_ONE - cost.asks - cost.fees - cost.slippage - cost.buffer - cost.safety - cost.carry
    )


def test_room_is_what_the_caps_leave():
    run = DeskRun(day=80, per_ticket=60).start()

    amounts = {line.name: line.amount for line in explained(run).event.room}

    assert (amounts["per ticket"], amounts["today"]) == (usdc(60), usdc(80))


def test_a_ticket_is_explained_by_its_id_and_by_its_plan_in_any_case():
    run = DeskRun().start()
    ticket = run.dry()
    assert ticket.plan is not None

    by_id = explained(run, ticket.ticket_id.lower()).ticket
    by_plan = explained(run, ticket.plan.plan_id[:8]).ticket

    assert by_id == by_plan
    assert (by_id.plan, by_id.stage, by_id.legs) == (ticket.plan, "dry", ())


def test_a_sent_ticket_tells_what_it_came_to():
    run = DeskRun().start()
    orders = run.sent()
    run.answer(*(accepted(order) for order in orders))

    told = explained(run, orders[0].intent.ticket_id).ticket

    assert [leg.name for leg in told.legs] == [order.intent.name for order in orders]
    assert all(leg.wanted == shares(100) for leg in told.legs)


def test_bare_why_explains_the_askers_own_last_refusal():
    run = DeskRun(event(augmented=True)).start()
    refused = refusal_of(run.told(OpenDutch("fed3", None), by=BEN))
    run.later(61_000)

    view = explained(run, "", BEN)

    assert view.last.refusal == refused.refusal
    assert view.event.refused.name == "augmented"
    assert view.at_ms - view.last.at_ms == 61_000
    assert refusal_of(run.told(AskWhy(), ANA)).refusal.kind is RefusalKind.UNKNOWN_CODE


def test_bare_why_after_a_refused_press_explains_the_ticket():
    run = DeskRun().start()
    ticket = run.armed()
    run.desk.standing.halted = "killed by Ana"
    run.press(ticket, Move.SEND)

    view = explained(run, "", ticket.owner)

    assert view.ticket.ticket_id == ticket.ticket_id
    assert view.last.refusal.kind is RefusalKind.HALTED


def test_an_unknown_name_is_refused_and_leaves_the_last_refusal_alone():
    run = DeskRun(event(augmented=True)).start()
    run.told(OpenDutch("fed3", None))
    refusal = refusal_of(run.told(AskWhy("nope")))

    assert refusal.refusal.kind is RefusalKind.UNKNOWN_CODE
    assert explained(run, "").last.refusal.kind is RefusalKind.AUGMENTED


def test_explaining_changes_nothing():
    run = DeskRun().start()
    before = (dict(run.desk.tickets), run.desk.balance, run.desk.gate)

    effects = run.ask(AskWhy("fed3"))

    assert (dict(run.desk.tickets), run.desk.balance, run.desk.gate) == before
    assert not [effect for effect in effects if isinstance(effect, Count)]

"""What changes between the card and the orders stops them: at the press of Send, and during the last look.

The same holds for a plan under a standing grant, which nobody presses.
"""

from dataclasses import replace

import pytest

from engine.domain.effects import Count, FetchBooks, Reply, ResendOrders, SendBatch
from engine.domain.events import Job, JobDue, VenueNotice
from engine.domain.failure import PostClass
from engine.domain.frames import NewMarket
from engine.domain.ids import ConditionId
from engine.domain.plan import PlanKind
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move, TicketState
from engine.domain.units import Ms, Price
from engine.domain.views import TicketView
from tests.support.builders import answer, event, levels, live_book, market, shares
from tests.support.desk_run import DeskRun, of_kind, only
from tests.unit.core.test_auto import SHUT, granted, looked, window

K = RefusalKind


def terms(group, **changes):
    """Change how the last outcome trades."""
    *others, last = group.markets
    return replace(group, markets=(*others, replace(last, terms=replace(last.terms, **changes))))


def child(group, **changes):
    """Change what the last outcome is."""
    *others, last = group.markets
    return replace(group, markets=(*others, replace(last, **changes)))


CHANGES = {
    "text of the rules": (lambda e: replace(e, rules_text="Now two may win."), K.RULES_CHANGED),
    "title": (lambda e: replace(e, title="Another decision"), K.RULES_CHANGED),
    "end date": (lambda e: replace(e, end_date="2027-06-10T00:00:00Z"), K.RULES_CHANGED),
    "source": (lambda e: replace(e, resolution_source="https://example.com"), K.RULES_CHANGED),
    "augmented": (lambda e: replace(e, augmented=True), K.RULES_CHANGED),
    "no neg-risk": (lambda e: replace(e, neg_risk=False), K.RULES_CHANGED),
    "new outcome": (lambda e: replace(e, markets=(*e.markets, market("Pause", "fed3"))), K.RULES_CHANGED),
    "outcome gone": (lambda e: replace(e, markets=e.markets[:-1]), K.RULES_CHANGED),
    "question": (lambda e: child(e, question="Will it be more?"), K.RULES_CHANGED),
    "Other": (lambda e: child(e, is_other=True), K.RULES_CHANGED),
    "fee": (lambda e: terms(e, fee=replace(e.markets[0].terms.fee, rate=12_345)), K.MOVED),
    "fee unknown": (lambda e: terms(e, fee=None), K.FEE_UNKNOWN),
    "minimum": (lambda e: terms(e, min_size=shares(6)), K.MOVED),
    "tick": (lambda e: terms(e, tick=Price(100)), K.MOVED),
    "closed": (lambda e: terms(e, closed=True), K.NOT_TRADABLE),
    "not accepting": (lambda e: terms(e, accepting=False), K.NOT_TRADABLE),
    "inactive": (lambda e: terms(e, active=False), K.PLACEHOLDER),
    "taker delay": (lambda e: terms(e, taker_delay=True), K.TAKER_DELAY),
    "answer proposed": (lambda e: terms(e, resolution_status="proposed"), K.RESOLVING),
}


def counted(effects):
    return {effect.label for effect in of_kind(effects, Count) if effect.metric == "dutch_refused_total"}


@pytest.fixture
def run():
    desk = DeskRun().start()
    desk.blind = True
    return desk


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("when", ["before the press", "while the last look runs"])
def test_change_of_rules_or_terms_between_the_card_and_the_orders_sends_nothing(run, name, when):
    change, kind = CHANGES[name]
    ticket = run.armed()
    if when == "before the press":
        run.read_catalogue(change(run.events[0]))
        effects = run.press(ticket, Move.SEND)
        assert of_kind(effects, FetchBooks) == []
    else:
        look = only(run.press(ticket, Move.SEND), FetchBooks)
        run.read_catalogue(change(run.events[0]))
        effects = run.look(look)

    assert of_kind(run.effects, SendBatch) == []
    view = only(effects, Reply).view
    assert isinstance(view, TicketView)
    assert view.ticket.state is TicketState.DRY
    assert counted(effects) == {kind.value}
    assert view.ticket.note


@pytest.mark.parametrize("name", CHANGES)
def test_change_during_the_last_look_stops_a_plan_under_a_grant(name):
    change, kind = CHANGES[name]
    run = DeskRun(asks=SHUT).start()
    grant = granted(run)
    effects = window(run)
    run.read_catalogue(change(run.events[0]))

    after = looked(run, effects)

    assert of_kind(run.effects, SendBatch) == []
    assert counted(after) == {kind.value}
    assert run.desk.runner.grants[grant.ticket_id].reserved == {}


@pytest.mark.parametrize("name", CHANGES)
def test_change_after_the_venue_put_the_orders_off_sends_nothing_again(run, name):
    """The same bytes would buy on rules, fees or a tick that the card does not have."""
    run.blind = False
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs))
    run.read_catalogue(CHANGES[name][0](run.events[0]))
    run.later(1_000).timer(f"resend:{legs[0].intent.ticket_id}")

    assert of_kind(run.effects, ResendOrders) == []
    assert {run.order(leg).sends for leg in legs} == {1}


def test_unchanged_event_lets_the_same_bytes_follow(run):
    run.blind = False
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.DEFERRED, "425") for leg in legs))
    run.read_catalogue(run.events[0])

    again = only(run.later(1_000).timer(f"resend:{legs[0].intent.ticket_id}"), ResendOrders)

    assert set(again.order_ids) == {leg.order_id for leg in legs}


def test_outcome_announced_during_the_last_look_sends_nothing(run):
    look = only(run.press(run.armed(), Move.SEND), FetchBooks)
    run.step(
        VenueNotice(run.at_ms, NewMarket(ConditionId("0xnew"), run.events[0].event_id, "Will it pause?"))
    )

    effects = run.look(look)

    assert of_kind(run.effects, SendBatch) == []
    assert counted(effects) == {K.ANNOUNCED.value}


def test_event_that_left_the_listing_during_the_last_look_sends_nothing(run):
    look = only(run.press(run.armed(), Move.SEND), FetchBooks)
    run.read_catalogue(event("cpi3"))

    effects = run.look(look)

    assert of_kind(run.effects, SendBatch) == []
    assert counted(effects) == {K.STRUCTURE.value}


@pytest.mark.parametrize(
    ("behind_ms", "kind"), [(2_001, K.BOOK_SKEW), (5_001, K.BOOK_AGE)], ids=["out of step", "stale"]
)
def test_leg_that_falls_behind_during_the_last_look_sends_nothing(run, behind_ms, kind):
    look = only(run.press(run.armed(), Move.SEND), FetchBooks)
    live = run.books.live
    late = run.events[0].markets[0].yes

    def behind(token, at_ms):
        found = live(token, at_ms)
        return replace(found, confirmed_ms=Ms(at_ms - behind_ms)) if token == late else found

    run.books.live = behind

    effects = run.look(look)

    assert of_kind(run.effects, SendBatch) == []
    assert counted(effects) == {kind.value}


def test_book_that_crosses_during_the_last_look_sends_nothing(run):
    look = only(run.press(run.armed(), Move.SEND), FetchBooks)
    first = run.events[0].markets[0]
    run.books.shown[first.yes] = live_book(first, first.yes, levels((3_000, 500)), levels((3_000, 500)))

    effects = run.look(look)

    assert of_kind(run.effects, SendBatch) == []
    assert counted(effects) == {K.BOOK_CROSSED.value}


def test_nobody_reviewed_basket_is_stopped_by_changed_rules_too():
    """A basket of NO needs no review: then the text on the card is the one that counts."""
    run = DeskRun(asks=(4_000, 4_000, 4_000), reviewed={}).start()
    group = run.events[0]
    for one in group.markets:
        run.books.shown[one.no] = live_book(one, one.no, levels((6_000, 500)), levels((5_900, 500)))
    run.blind = True
    ticket = run.armed()
    assert ticket.plan is not None
    assert ticket.plan.kind is PlanKind.NO_SET
    look = only(run.press(ticket, Move.SEND), FetchBooks)
    run.read_catalogue(replace(group, rules_text="Several may win."))

    effects = run.look(look)

    assert of_kind(run.effects, SendBatch) == []
    assert counted(effects) == {K.MOVED.value}


def test_augmented_event_is_counted_as_such_though_a_basket_would_have_been_allowed():
    """The guard that shut the side of YES has its own count, whatever NO comes to."""
    run = DeskRun(event(augmented=True)).start()
    effects = run.step(JobDue(run.at_ms, Job.DUTCH_SCAN))

    assert K.AUGMENTED.value in counted(effects)
    assert counted(run.later(1_000).step(JobDue(run.at_ms, Job.DUTCH_SCAN))) == set(), "once per change"


def test_one_guard_for_all_kinds_is_counted_once():
    run = DeskRun(event(title="Which teams will advance?")).start()

    effects = run.step(JobDue(run.at_ms, Job.DUTCH_SCAN))

    assert [effect.label for effect in of_kind(effects, Count) if effect.metric == "dutch_refused_total"] == [
        K.SEVERAL_WINNERS.value
    ]

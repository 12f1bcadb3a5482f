"""What is watched: catalogue, tracked books, the scan, and the dashboard's facts."""

from dataclasses import replace

import pytest

from engine.core.trading.runner import TELL_EVERY_MS
from engine.core.trading.watch import status
from engine.domain.book import NotLive
from engine.domain.commands import ScanDutch, ShowStatus
from engine.domain.effects import Count, RaiseAlert, ReadCatalogue, Reply, SendBatch, Subscribe
from engine.domain.events import BooksTouched, CatalogueFailed, CatalogueRead, Job, JobDue, VenueNotice
from engine.domain.failure import PostClass
from engine.domain.frames import MarketResolved, NewMarket
from engine.domain.ids import ConditionId, EventId
from engine.domain.refusal import RefusalKind
from engine.domain.views import Gate, ScanView, Severity, StatusView
from tests.support.builders import accepted, answer, event, market, set_books, shares, terms, trade, usdc
from tests.support.desk_run import DeskRun, of_kind, only
from tests.support.gates import shut


@pytest.fixture
def run():
    return DeskRun(event("fed3"), event("cpi3")).start()


def read_catalogue(run, *events, offset=0):
    return run.step(CatalogueRead(run.at_ms, run.at_ms, events, offset))


def scan(run):
    view = run.told(ScanDutch())
    assert isinstance(view, ScanView)
    return view.rows


def scan_job(run):
    return run.step(JobDue(run.at_ms, Job.DUTCH_SCAN))


def facts(run) -> StatusView:
    view = run.told(ShowStatus())
    assert isinstance(view, StatusView)
    return view


def reworded(group):
    return replace(group, rules_text="Something else wins.")


def subscribed(effects):
    return {token for _, tokens in only(effects, Subscribe).connections for token in tokens}


def test_catalogue_subscribes_both_tokens_of_every_tradable_market(run):
    read_catalogue(run)

    effects = read_catalogue(run, *run.events)

    wanted = {token for group in run.events for m in group.markets for token in (m.yes, m.no)}
    assert subscribed(effects) == wanted


def test_catalogue_with_the_same_markets_leaves_the_subscription_alone(run):
    assert of_kind(read_catalogue(run, *run.events), Subscribe) == []


@pytest.mark.parametrize(
    "shut", [{"closed": True}, {"accepting": False}, {"active": False}, {"resolution_status": "proposed"}]
)
def test_a_market_that_cannot_trade_is_not_subscribed(run, shut):
    group = event("fed3")
    idle = market("Idle", "fed3", terms=terms(**shut))

    read_catalogue(run)

    effects = read_catalogue(run, replace(group, markets=(*group.markets, idle)))

    assert idle.yes not in subscribed(effects)


def test_the_newest_catalogue_replaces_the_old_one(run):
    read_catalogue(run, run.events[1])

    assert set(run.desk.codes) == {"cpi3"}
    assert set(run.desk.events) == {run.events[1].event_id}


def test_the_venues_clock_is_taken_over_with_the_catalogue(run):
    read_catalogue(run, *run.events, offset=-1_234)

    assert run.desk.venue_offset_ms == -1_234


def test_changed_rules_of_a_reviewed_event_are_counted_and_told(run):
    effects = read_catalogue(run, reworded(run.events[0]), run.events[1])

    assert Count("dutch_rulehash_changed", "") in effects
    alert = only(effects, RaiseAlert).alert
    assert "fed3" in alert.subject
    assert alert.severity is Severity.WARN


def test_the_same_rules_again_tell_nothing(run):
    effects = read_catalogue(run, *run.events)

    assert of_kind(effects, RaiseAlert) == []
    assert Count("dutch_rulehash_changed", "") not in effects


def test_changed_terms_are_not_changed_rules(run):
    group = run.events[0]
    first = replace(group.markets[0], terms=terms(min_size=shares(9)))

    effects = read_catalogue(run, replace(group, markets=(first, *group.markets[1:])), run.events[1])

    assert Count("dutch_rulehash_changed", "") not in effects


def test_changed_rules_end_the_planning_on_that_event_alone(run):
    read_catalogue(run, reworded(run.events[0]), run.events[1])

    refusals = {row.code: row.refusal for row in scan(run)}
    assert refusals["fed3"] is not None
    assert refusals["fed3"].kind is RefusalKind.RULES_CHANGED
    assert refusals["cpi3"] is None


def test_a_failed_catalogue_read_keeps_the_last_one_and_says_so(run):
    before = dict(run.desk.events)

    effects = run.step(CatalogueFailed(run.at_ms, "timed out", entropy=0))

    assert run.desk.events == before
    assert "timed out" in only(effects, RaiseAlert).alert.text


def test_scan_shows_every_event_best_first(run):
    run.books.shown |= set_books(run.events[1], 2_800, 3_000, 3_000)

    rows = scan(run)

    assert [row.code for row in rows] == ["cpi3", "fed3"]
    assert rows[0].margin is not None
    assert rows[1].margin is not None
    assert rows[0].margin > rows[1].margin
    assert rows[0].ask_sum == 8_800


def test_scan_shows_why_an_event_cannot_be_bought(run):
    run.books.down = NotLive.DOWN

    for row in scan(run):
        assert row.margin is None
        assert row.ask_sum is None
        assert row.refusal is not None
        assert row.refusal.kind is RefusalKind.BOOK_NOT_LIVE


def test_scan_of_nothing_is_an_empty_list():
    run = DeskRun().start()
    read_catalogue(run)

    assert scan(run) == ()


def test_a_window_is_proposed_once_when_it_opens_and_never_sent(run):
    first = scan_job(run)
    assert {a.alert.key for a in of_kind(first, RaiseAlert)} == {f"window:{e.event_id}" for e in run.events}
    assert all("/dutch" in a.alert.next_step for a in of_kind(first, RaiseAlert))

    assert scan_job(run) == ()
    assert of_kind(run.effects, SendBatch) == []


def test_a_window_that_closes_and_opens_again_is_proposed_again(run):
    scan_job(run)
    run.books.shown |= set_books(run.events[0], 3_500, 3_500, 3_500)
    assert scan_job(run) == (Count("dutch_refused_total", "no_edge"),)
    assert scan_job(run) == (), "an unchanged verdict is not counted again"

    run.later(TELL_EVERY_MS).books.shown |= set_books(run.events[0], 3_000, 3_000, 3_000)

    assert len(of_kind(scan_job(run), RaiseAlert)) == 1


def test_a_window_that_flickers_is_proposed_once_a_minute(run):
    told = 0
    for turn in range(100):
        price = 3_000 if turn % 2 else 3_500
        run.books.shown |= set_books(run.events[0], price, price, price)
        alerts = of_kind(run.later(500).step(BooksTouched(run.at_ms, turn)), RaiseAlert)
        told += sum(raised.alert.key == f"window:{run.events[0].event_id}" for raised in alerts)

    assert told == 1


def test_the_refresh_job_reads_the_catalogue(run):
    assert run.step(JobDue(run.at_ms, Job.CATALOGUE_REFRESH)) == (ReadCatalogue(),)


def test_touched_books_leave_the_sequence_for_the_replay(run):
    run.step(BooksTouched(run.at_ms, 42))

    assert run.desk.books_sequence == 42


def test_status_of_a_quiet_desk(run):
    view = facts(run)

    assert view.gate is Gate.RUN
    assert view.events_watched == 2
    assert (view.open_orders, view.unknown_orders, view.tickets_open) == (0, 0, 0)
    assert view.wallet == usdc(1_000)
    assert view.cap_day == usdc(1_000)
    assert view.holdings == ()


def test_status_counts_what_is_open_unknown_and_rejected(run):
    legs = run.sent()
    run.dry(code="cpi3", entropy=9)
    run.answer(
        accepted(legs[0]),
        answer(legs[1], PostClass.UNKNOWN, "reset"),
        answer(legs[2], PostClass.REFUSED, "x"),
    )

    view = facts(run)

    assert (view.open_orders, view.unknown_orders, view.tickets_open, view.rejects) == (2, 1, 1, 1)


def test_status_tells_what_was_spent_and_is_held(run):
    legs = run.sent()
    run.read(*(trade(leg, name=f"t{n}", at_ms=run.at_ms) for n, leg in enumerate(legs)))

    view = facts(run)

    assert view.spent_today == sum(f.cash + f.fee for f in run.desk.fills.values()) > 0
    assert "fed3" in view.holdings[0]


def test_status_of_a_halted_desk_says_why(run):
    shut(run.desk, Gate.HALTED, "killed by ana")

    view = facts(run)

    assert (view.gate, view.gate_reason) == (Gate.HALTED, "killed by ana")


def test_status_changes_nothing(run):
    before = (dict(run.desk.orders), dict(run.desk.tickets), run.desk.balance, run.desk.gate)

    only(run.ask(ShowStatus()), Reply)

    assert (run.desk.orders, run.desk.tickets, run.desk.balance, run.desk.gate) == before


def test_status_counts_feeds_by_market(run):
    view = status(run.desk, run.at_ms)

    assert view.feeds_total == 6
    assert view.feeds_live <= view.feeds_total
    assert len(view.feed_problems) >= 1, "the link is down in this test"


def test_listing_that_joins_a_watched_event_holds_it_until_the_catalogue_is_read_again(run):
    group = run.events[0]

    listed = NewMarket(group.markets[0].condition_id, group.event_id, "Pause?")

    effects = run.step(VenueNotice(run.at_ms, listed))

    assert of_kind(effects, ReadCatalogue)
    assert "Pause?" in run.desk.announced[group.event_id].text


def test_answer_of_a_watched_market_holds_its_event(run):
    group = run.events[0]

    run.step(VenueNotice(run.at_ms, MarketResolved(group.markets[1].condition_id, None)))

    assert "has an answer" in run.desk.announced[group.event_id].text


@pytest.mark.parametrize(
    "notice",
    [
        NewMarket(ConditionId("0x" + "9" * 64), None, "Elsewhere?"),
        NewMarket(ConditionId("0x" + "9" * 64), EventId("77"), "Elsewhere?"),
        MarketResolved(ConditionId("0x" + "9" * 64), None),
    ],
)
def test_notice_about_nothing_that_is_watched_only_reads_the_catalogue(run, notice):
    assert of_kind(run.step(VenueNotice(run.at_ms, notice)), ReadCatalogue) == [ReadCatalogue()]
    assert run.desk.announced == {}

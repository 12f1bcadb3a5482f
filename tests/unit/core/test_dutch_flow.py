"""The Dutch ticket from command to orders: never at worse terms than the card in hand."""

from dataclasses import replace

import pytest

from engine.domain.book import NotLive
from engine.domain.commands import OpenDutch
from engine.domain.effects import Count, Reply, SaveTicket, SendBatch, ShowTicket
from engine.domain.events import BatchRefused, CatalogueRead
from engine.domain.market import Side
from engine.domain.order import OrderState, TimeInForce
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Claim, Move, TicketState
from engine.domain.units import Price, Size
from engine.domain.views import Gate, TicketView
from tests.support.builders import (
    BEN,
    binary,
    event,
    levels,
    live_book,
    set_books,
    shares,
    usdc,
)
from tests.support.desk_run import DeskRun, dutch_params, of_kind, only, refusal_of
from tests.support.gates import shut

T, M = TicketState, Move


@pytest.fixture
def run():
    return DeskRun().start()


def card(effects):
    view = only(effects, Reply).view
    assert isinstance(view, TicketView), f"expected a card, was {view}"
    return view.ticket


def refusal(effects):
    return refusal_of(only(effects, Reply).view).refusal


def move_books(run, *asks, size=500):
    run.books.shown |= set_books(run.events[0], *asks, size=size)


def catalogue(run, *events):
    run.step(CatalogueRead(run.at_ms, run.at_ms, events, 0))


def test_dutch_opens_a_plan_on_every_outcome(run):
    ticket = card(run.ask(OpenDutch("fed3", shares(100))))

    assert ticket.plan is not None
    assert [leg.name for leg in ticket.plan.legs] == ["Cut", "Hold", "Hike"]
    assert ticket.plan.size == shares(100)
    assert ticket.wanted_sets == shares(100)


def test_dutch_without_a_number_buys_as_many_as_pay(run):
    ticket = card(run.ask(OpenDutch("fed3", None)))

    assert ticket.plan is not None
    assert ticket.plan.size > shares(100)
    assert ticket.plan.limited_by


def test_dutch_on_a_lone_market_buys_the_pair():
    lone = binary()
    run = DeskRun(lone).start()
    market = lone.markets[0]
    run.books.shown = {
        market.yes: live_book(market, market.yes, levels((4_500, 500))),
        market.no: live_book(market, market.no, levels((4_500, 500))),
    }

    ticket = card(run.ask(OpenDutch("btc", shares(50))))

    assert ticket.plan is not None
    assert {leg.token_id for leg in ticket.plan.legs} == {market.yes, market.no}


def test_an_unknown_code_is_refused_with_the_known_ones(run):
    found = refusal(run.ask(OpenDutch("fde3", None)))

    assert found.kind is RefusalKind.UNKNOWN_CODE
    assert "fde3" in found.text
    assert "fed3" in found.text


@pytest.mark.parametrize("reason", list(NotLive))
def test_a_book_that_is_not_proven_is_refused_by_name(run, reason):
    run.books.down = reason

    found = refusal(run.ask(OpenDutch("fed3", None)))

    assert found.kind is RefusalKind.BOOK_NOT_LIVE
    assert reason.value in found.text


def test_an_event_that_was_not_reviewed_is_refused():
    run = DeskRun(event(), reviewed={}).start()

    assert refusal(run.ask(OpenDutch("fed3", None))).kind is RefusalKind.NOT_REVIEWED


def test_an_augmented_event_is_refused():
    grown = event(augmented=True)
    run = DeskRun(grown).start()

    assert refusal(run.ask(OpenDutch("fed3", None))).kind is RefusalKind.AUGMENTED


def test_a_book_without_edge_is_refused(run):
    move_books(run, 3_400, 3_400, 3_400)

    assert refusal(run.ask(OpenDutch("fed3", None))).kind is RefusalKind.NO_EDGE


def test_every_refusal_is_counted_by_its_kind(run):
    effects = run.ask(OpenDutch("nope", None))

    assert Count("dutch_refused_total", "unknown_code") in effects


def test_confirm_plans_again_and_arms(run):
    dry = run.dry()

    armed = card(run.press(dry, M.CONFIRM))

    assert armed.state is T.ARMED
    assert armed.version == dry.version + 1
    assert armed.previous == dry.plan
    assert armed.expires_ms == run.at_ms + 45_000


def test_confirm_on_moved_books_shows_the_new_plan_beside_the_old(run):
    dry = run.dry()
    move_books(run, 3_000, 3_000, 3_100)

    armed = card(run.press(dry, M.CONFIRM))

    assert armed.plan is not None
    assert dry.plan is not None
    assert armed.plan.touch_sum == Price(9_100)
    assert armed.previous is not None
    assert armed.previous.touch_sum == Price(9_000)


@pytest.mark.parametrize("move", [M.CONFIRM, M.REQUOTE])
def test_when_the_margin_is_gone_a_press_stays_dry_and_says_why(run, move):
    dry = run.dry()
    move_books(run, 3_500, 3_500, 3_500)

    again = card(run.press(dry, move))

    assert again.state is T.DRY
    assert again.version == dry.version + 1
    assert again.note


def test_back_goes_to_a_dry_card_on_a_fresh_plan(run):
    armed = run.armed()
    move_books(run, 2_900, 3_000, 3_000)

    dry = card(run.press(armed, M.BACK))

    assert dry.state is T.DRY
    assert dry.plan is not None
    assert dry.plan.touch_sum == Price(8_900)


def test_send_carries_exactly_the_plan_on_the_card(run):
    armed = run.armed()

    batch = only(run.press(armed, M.SEND), SendBatch)

    assert batch.plan == armed.plan
    assert batch.claim == Claim(armed.ticket_id, T.ARMED, armed.version)
    assert batch.ticket.state is T.SENDING
    for leg, what in zip(batch.plan.legs, batch.intents, strict=True):
        assert (what.token_id, what.price, what.size) == (leg.token_id, leg.limit, leg.size)
        assert what.side is Side.BUY
        assert what.time_in_force is TimeInForce.GTD
        assert not what.post_only
        assert what.generation == 0


def test_legs_expire_at_the_venue_220_seconds_after_the_send(run):
    run.desk.venue_offset_ms = 7_500
    batch = only(run.press(run.armed(), M.SEND), SendBatch)

    for what in batch.intents:
        venue_now = run.at_ms + 7_500
        assert what.created_ms == venue_now
        assert 219_000 < what.expiration_s * 1_000 - venue_now <= 220_000


def test_a_send_is_answered_when_the_commit_is_told_and_not_before(run):
    batch = only(effects := run.press(run.armed(), M.SEND), SendBatch)
    assert of_kind(effects, Reply) == []

    run.commit(batch)

    view = of_kind(run.effects, Reply)[-1].view
    assert isinstance(view, TicketView)
    assert view.ticket.state is T.SENDING
    assert view.result is not None
    assert [leg.state for leg in view.result.legs] == [OrderState.SENDING] * 3


def test_better_books_do_not_stop_a_send(run):
    armed = run.armed()
    move_books(run, 2_900, 2_900, 2_900)

    assert only(run.press(armed, M.SEND), SendBatch).plan == armed.plan


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda run: move_books(run, 3_001, 3_000, 3_000), "a leg's only level is one tick dearer"),
        (lambda run: move_books(run, 3_000, 3_000, 3_000, size=99), "a share is missing"),
        (lambda run: setattr(run.books, "down", NotLive.STALE), "the feed is stale"),
        (lambda run: setattr(run.books, "down", NotLive.RESYNCING), "the book is being fetched"),
        (lambda run: catalogue(run, replace(run.events[0], rules_text="new")), "the rules changed"),
        (catalogue, "the event is gone"),
        (lambda run: run.freeze(run.events[0].event_id), "the event is frozen"),
    ],
)
def test_worse_terms_are_never_sent_and_the_card_comes_back_dry(run, change, why):
    armed = run.armed()
    change(run)

    effects = run.press(armed, M.SEND)

    assert of_kind(effects, SendBatch) == [], why
    again = card(effects)
    assert again.state is T.DRY
    assert again.version == armed.version + 1
    assert again.note, "the card says what moved"


def test_changed_terms_of_trading_need_a_new_card(run):
    armed = run.armed()
    group = run.events[0]
    first = replace(group.markets[0], terms=replace(group.markets[0].terms, min_size=shares(6)))
    catalogue(run, replace(group, markets=(first, *group.markets[1:])))

    effects = run.press(armed, M.SEND)

    assert of_kind(effects, SendBatch) == []
    assert card(effects).state is T.DRY


@pytest.mark.parametrize(
    ("gate", "kind"), [(Gate.HALTED, RefusalKind.HALTED), (Gate.STARTING, RefusalKind.GATE_CLOSED)]
)
def test_a_closed_gate_refuses_the_send_and_leaves_the_card(run, gate, kind):
    armed = run.armed()
    shut(run.desk, gate)

    effects = run.press(armed, M.SEND)

    assert of_kind(effects, SendBatch) == []
    assert refusal(effects).kind is kind
    assert run.ticket(armed.ticket_id) == armed


def test_dry_cards_are_made_while_the_gate_is_closed(run):
    shut(run.desk, Gate.HALTED)

    assert run.dry().state is T.DRY


def test_a_cap_used_up_since_the_card_stops_the_send():
    run = DeskRun(event("fed3"), event("cpi3"), day=120).start()
    second = run.armed(code="cpi3", sets=100, entropy=1)
    first = run.armed(code="fed3", sets=100, entropy=2)
    run.commit(only(run.press(first, M.SEND), SendBatch))

    effects = run.press(second, M.SEND)

    assert of_kind(effects, SendBatch) == []
    assert card(effects).state is T.DRY
    assert "day cap" in card(effects).note


def test_a_second_ticket_on_the_same_event_waits_for_the_first():
    run = DeskRun().start()
    one = run.armed(sets=10, entropy=1)
    two = run.armed(sets=10, entropy=2)
    run.commit(only(run.press(one, M.SEND), SendBatch))

    effects = run.press(two, M.SEND)

    assert of_kind(effects, SendBatch) == []
    assert one.ticket_id in card(effects).note


def test_a_commit_that_did_not_happen_closes_the_ticket_and_sends_nothing(run):
    batch = only(run.press(run.armed(), M.SEND), SendBatch)

    effects = run.step(BatchRefused(run.at_ms, batch.ticket, "disk full"))

    refused = card(effects)
    assert refused.state is T.REFUSED
    assert "nothing was sent" in refused.note
    assert "disk full" in refused.note
    assert run.desk.orders == {}
    assert run.desk.flights == {}
    assert only(effects, SaveTicket).ticket == refused


def test_after_a_refused_commit_the_event_is_free_again(run):
    batch = only(run.press(run.armed(), M.SEND), SendBatch)
    run.step(BatchRefused(run.at_ms, batch.ticket, "disk full"))

    assert len(run.sent(entropy=99)) == 3


def test_the_plan_stays_within_the_room_the_caps_leave():
    run = DeskRun(per_ticket=45, dutch=dutch_params(lot=Size(10_000))).start()

    ticket = card(run.ask(OpenDutch("fed3", None)))

    assert ticket.plan is not None
    assert ticket.plan.spend_max <= usdc(45)


def test_progress_of_a_sent_ticket_is_shown_on_its_card(run):
    legs = run.sent()
    run.answer()
    run.read()

    assert all(s.view.ticket.owner == BEN for s in of_kind(run.effects, ShowTicket))
    assert len(run.desk.flights) == 1
    assert [run.order(leg).state for leg in legs] == [OrderState.SENDING] * 3


def test_expected_terms_are_met_by_the_books_the_card_was_made_on(run):
    """The plan's figures are those of the walked levels, so the operator can add them up."""
    ticket = card(run.ask(OpenDutch("fed3", shares(100))))

    assert ticket.plan is not None
    assert ticket.plan.margin.raw == usdc(90)
    assert ticket.plan.margin.payout == usdc(100)
    assert ticket.plan.margin.fee == usdc(3 * 0.84)
    assert ticket.plan.margin.net == usdc(10 - 2.52)

"""A grant to quote: what it takes to begin, what it asks for, and everything that ends it and its quotes."""

from dataclasses import replace

import pytest

from engine.domain.account import CancelReply
from engine.domain.commands import (
    AskCancel,
    Kill,
    ListSpreads,
    OpenDutch,
    OpenSpread,
    Press,
    ShowStatus,
    StopSpread,
)
from engine.domain.effects import (
    Audit,
    CancelEverything,
    RaiseAlert,
    Reply,
    SaveTicket,
    SendBatch,
    SetTimer,
    ShowTicket,
)
from engine.domain.market import Side
from engine.domain.order import OrderState, TimeInForce
from engine.domain.quote_views import SpreadsEndedView, SpreadsView
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move, TicketKind, TicketState
from engine.domain.units import Ms
from engine.domain.views import Gate, TicketView
from tests.support.builders import ANA, BEN, VIC, accepted, binary, event, levels, shares, usdc
from tests.support.desk_run import CARD, cancelled_ids, of_kind, only, refusal_of
from tests.support.gates import shut
from tests.support.quote_run import HOUR, WAITS_MS, QuoteRun


@pytest.fixture
def run():
    return QuoteRun().start()


def asked(run, by=BEN, **terms):
    usual = {"code": "btc", "name": "", "size": None, "half_ticks": None, "lasts_ms": HOUR}
    return run.told(OpenSpread(**usual | terms), by)


def test_a_dry_ticket_shows_what_would_rest_and_sends_nothing(run):
    view = asked(run)

    assert isinstance(view, TicketView)
    assert view.spread is not None
    assert [(quote.side.value, quote.yes) for quote in view.spread.quotes] == [("bid", 4_500), ("ask", 5_500)]
    assert not of_kind(run.effects, SendBatch)
    terms = view.ticket.spread
    assert terms is not None
    assert (terms.size, terms.inventory, terms.resting) == (shares(100), shares(300), usdc(250))


def test_a_grant_never_exceeds_the_toml_whatever_is_typed(run):
    assert asked(run, size=shares(900)).ticket.spread.inventory == shares(1_000)
    assert refusal_of(asked(run, size=shares(1_001))).refusal.kind is RefusalKind.CAPS
    assert refusal_of(asked(run, size=shares(1))).refusal.kind is RefusalKind.MIN_SIZE


def test_nothing_is_placed_before_both_presses(run):
    ticket = run.opened()
    run.later(10_000).refreshed()
    run.press(ticket, Move.CONFIRM)
    run.later(10_000).refreshed()

    assert not of_kind(run.effects, SendBatch)
    run.press(run.ticket(ticket.ticket_id), Move.SEND)
    assert of_kind(run.later(WAITS_MS).refreshed(), SendBatch)


def test_a_batch_is_one_commit_with_its_ticket_and_has_no_card(run):
    grant = run.granted()
    effects = run.later(WAITS_MS).refreshed()
    batch = only(effects, SendBatch)

    assert batch.claim is None
    assert (batch.ticket.kind, batch.ticket.state) == (TicketKind.QUOTE, TicketState.SENDING)
    assert batch.ticket.subject == grant.ticket_id
    assert not [e for e in effects if isinstance(e, SaveTicket | Audit)]
    run.commit(batch)
    shown = [e.view.ticket.kind for e in of_kind(run.effects, ShowTicket)]
    assert TicketKind.QUOTE not in shown


def test_quotes_are_post_only_and_end_with_the_grant_whatever_becomes_of_the_desk(run):
    grant = run.granted()
    for intent in only(run.later(WAITS_MS).refreshed(), SendBatch).intents:
        assert intent.post_only
        assert intent.time_in_force is TimeInForce.GTD
        # The venue ends it a minute before its expiration.
        assert 0 <= grant.expires_ms - (intent.expiration_s - 60) * 1_000 < 1_000
        assert intent.resend_until_ms - run.at_ms == 3_000, "no longer than a book may be unconfirmed"


def test_the_last_quotes_of_a_grant_get_the_least_life_that_the_venue_takes(run):
    run.granted(lasts_ms=Ms(60_000))
    intent = only(run.later(WAITS_MS).refreshed(), SendBatch).intents[0]

    assert intent.expiration_s * 1_000 >= run.at_ms + 180_000


@pytest.mark.parametrize("by", [ANA, BEN, VIC])
def test_stop_needs_nothing_and_cancels_every_quote_at_once(run, by):
    orders = run.resting()

    effects = run.ask(StopSpread(), by)

    view = only(effects, Reply).view
    assert isinstance(view, SpreadsEndedView)
    assert view.cancelled == 2
    assert cancelled_ids(effects) == {order.order_id for order in orders}
    assert not run.desk.quoter.grants
    run.later(60_000).refreshed()
    assert len(of_kind(run.effects, SendBatch)) == 1, "nothing is placed without a grant"


def test_stop_without_a_grant_says_so(run):
    assert run.told(StopSpread()) == SpreadsEndedView((), 0)


def test_a_grant_ends_with_its_time_to_the_millisecond(run):
    orders = run.resting(lasts_ms=Ms(10_000))
    grant = next(iter(run.desk.quoter.grants.values()))
    run.at_ms = Ms(grant.expires_ms - 1)
    assert not cancelled_ids(run.refreshed())

    effects = run.later(1).timer(f"spread:{grant.ticket_id}")

    assert cancelled_ids(effects) == {order.order_id for order in orders}
    assert run.ticket(grant.ticket_id).state is TicketState.DONE
    assert not of_kind(effects, RaiseAlert), "its time was agreed"


def test_an_early_timer_is_set_again(run):
    run.resting()
    grant = next(iter(run.desk.quoter.grants.values()))
    assert SetTimer(f"spread:{grant.ticket_id}", grant.expires_ms) in run.timer(f"spread:{grant.ticket_id}")


def test_kill_ends_the_grant_and_every_quote_is_cancelled_in_the_same_step(run):
    orders = run.resting()

    effects = run.ask(Kill(), VIC)

    assert of_kind(effects, CancelEverything)
    assert cancelled_ids(effects) == {order.order_id for order in orders}
    assert not run.desk.quoter.grants
    assert any(alert.key.startswith("spread:") for alert in run.alerts())


@pytest.mark.parametrize("gate", [Gate.HALTED, Gate.REDUCING])
def test_a_halt_and_a_tripped_breaker_end_the_grant(run, gate):
    orders = run.resting()
    shut(run.desk, gate)

    assert cancelled_ids(run.refreshed()) == {order.order_id for order in orders}
    assert not run.desk.quoter.grants


def test_a_change_of_rules_ends_the_grant(run):
    orders = run.resting()
    changed = replace(run.events[0], rules_text="Another outcome wins.")

    effects = run.read_catalogue(changed)

    assert cancelled_ids(effects) == {order.order_id for order in orders}
    ticket = next(t for t in run.desk.tickets.values() if t.kind is TicketKind.SPREAD)
    assert "rules" in ticket.note


def test_a_frozen_event_and_a_closed_market_end_the_grant(run):
    orders = run.resting()
    run.freeze(run.events[0].event_id)
    assert cancelled_ids(run.refreshed()) == {order.order_id for order in orders}

    run = QuoteRun().start()
    orders = run.resting()
    shut_market = replace(run.market, terms=replace(run.market.terms, accepting=False))
    effects = run.read_catalogue(replace(run.events[0], markets=(shut_market,)))
    assert cancelled_ids(effects) == {order.order_id for order in orders}


def test_a_market_takes_one_grant_and_two_markets_take_two(run):
    run = QuoteRun(binary("btc"), binary("eth")).start()
    run.granted()
    assert refusal_of(asked(run)).refusal.kind is RefusalKind.IN_FLIGHT
    run.granted(code="eth", entropy=4)

    batches = of_kind(run.later(WAITS_MS).refreshed(), SendBatch)
    assert {batch.plan.code for batch in batches} == {"btc", "eth"}
    orders = [order for batch in batches for order in run.commit(batch)]
    assert cancelled_ids(run.ask(StopSpread())) == {order.order_id for order in orders}


def test_two_armed_tickets_of_one_market_become_one_grant(run):
    first, second = run.opened(), run.opened(entropy=5)
    for ticket in (first, second):
        run.press(ticket, Move.CONFIRM)
    run.later(1_000).press(run.ticket(first.ticket_id), Move.SEND)

    refused = only(run.press(run.ticket(second.ticket_id), Move.SEND), Reply).view

    assert refusal_of(refused).refusal.kind is RefusalKind.IN_FLIGHT
    assert list(run.desk.quoter.grants) == [first.ticket_id]


def test_the_dashboard_names_what_is_quoted_and_why_nothing_rests(run):
    run.resting()
    assert run.told(ShowStatus()).grants[0].endswith("quotes btc: at most 250.00 USDC")
    run.books.shown.clear()
    run.refreshed()
    assert "nothing rests: the book is not confirmed" in run.told(ShowStatus()).grants[0]


def test_a_viewer_opens_none_and_a_closed_gate_begins_none(run):
    assert refusal_of(asked(run, VIC)).refusal.kind is RefusalKind.ROLE
    ticket = run.opened()
    run.press(ticket, Move.CONFIRM)
    shut(run.desk, Gate.PAUSED)
    refused = only(run.later(1_000).press(run.ticket(ticket.ticket_id), Move.SEND), Reply).view
    assert refusal_of(refused).refusal.kind is RefusalKind.GATE_CLOSED
    assert not run.desk.quoter.grants


def test_a_market_without_a_proven_book_or_fee_is_not_quoted(run):
    run.books.shown.clear()
    assert refusal_of(asked(run)).refusal.kind is RefusalKind.BOOK_NOT_LIVE
    free = replace(run.market, terms=replace(run.market.terms, fee=None))
    run.read_catalogue(replace(run.events[0], markets=(free,)))
    assert refusal_of(asked(run)).refusal.kind is RefusalKind.FEE_UNKNOWN


def test_a_dutch_plan_waits_while_its_event_is_quoted():
    run = QuoteRun(event("fed3")).start()
    run.granted(name="Cut")
    run.books.shown |= {
        m.yes: replace(run.books.shown[m.yes], asks=levels((3_000, 500)), bids=levels((2_900, 500)))
        for m in run.events[0].markets
    }

    refused = refusal_of(run.told(OpenDutch("fed3", None)))

    assert refused.refusal.kind is RefusalKind.IN_FLIGHT
    assert "/spread stop" in refused.refusal.text


def test_a_dutch_plan_in_flight_keeps_a_grant_from_being_opened():
    run = QuoteRun(event("fed3")).start()
    run.books.shown |= {
        m.yes: replace(run.books.shown[m.yes], asks=levels((3_000, 500)), bids=levels((2_900, 500)))
        for m in run.events[0].markets
    }
    run.sent()

    assert refusal_of(asked(run, code="fed3", name="Cut")).refusal.kind is RefusalKind.IN_FLIGHT


def test_an_outcome_of_an_event_is_named():
    run = QuoteRun(event("fed3")).start()
    assert refusal_of(asked(run, code="fed3")).refusal.kind is RefusalKind.UNKNOWN_CODE
    assert asked(run, code="fed3", name="hold").ticket.spread.name == "Hold"


def test_a_restart_ends_the_grant_cancels_what_rests_and_says_so(run):
    orders = run.resting()
    kept = tuple(run.desk.tickets.values())
    resting = tuple(run.order(order) for order in orders)

    effects = run.restart(resting, kept)

    assert cancelled_ids(effects) == {order.order_id for order in orders}
    grant = next(t for t in run.desk.tickets.values() if t.kind is TicketKind.SPREAD)
    assert grant.state is TicketState.DONE
    assert "restarted" in grant.note
    assert "2 quotes are being cancelled" in grant.note
    assert any(e.view.ticket.ticket_id == grant.ticket_id and e.aloud for e in of_kind(effects, ShowTicket))
    assert not run.desk.quoter.grants
    run.read()
    assert not of_kind(run.later(60_000).refreshed(), SendBatch)


def test_a_restart_finds_quotes_whose_post_was_never_answered(run):
    orders = run.quoting()

    effects = run.restart(tuple(orders), tuple(run.desk.tickets.values()))

    assert cancelled_ids(effects) == {order.order_id for order in orders}
    assert all(run.order(order).state is OrderState.UNKNOWN for order in orders)


def test_a_restart_drops_an_open_ticket(run):
    ticket = run.opened()
    run.restart((), tuple(run.desk.tickets.values()))
    assert run.ticket(ticket.ticket_id).state is TicketState.DROPPED


def test_the_ticket_of_quotes_takes_no_presses(run):
    orders = run.quoting()
    ticket = run.ticket(orders[0].intent.ticket_id)
    view = only(run.ask(Press(ticket.ticket_id, Move.DROP, ticket.version, CARD)), Reply).view
    assert refusal_of(view).refusal.kind is RefusalKind.TOO_FAST, "it has no card to be pressed on"
    assert run.ticket(ticket.ticket_id).state is TicketState.SENDING


def test_drop_sends_nothing_and_back_shows_the_card_again(run):
    ticket = run.opened()
    run.press(ticket, Move.CONFIRM)
    run.press(run.ticket(ticket.ticket_id), Move.BACK)
    assert run.ticket(ticket.ticket_id).state is TicketState.DRY
    run.press(run.ticket(ticket.ticket_id), Move.DROP)
    assert run.ticket(ticket.ticket_id).state is TicketState.DROPPED
    assert not run.desk.quoter.grants


def test_the_list_shows_wide_markets_first_and_marks_what_is_quoted():
    run = QuoteRun(binary("btc"), binary("eth"), binary("sol")).start()
    run.lay(levels((4_990, 100)), levels((5_000, 100)), of=run.events[2].markets[0])
    run.granted(code="eth")

    view = run.told(ListSpreads())

    assert isinstance(view, SpreadsView)
    assert [row.code for row in view.rows] == ["eth", "btc"], "sol is one tick wide"
    assert view.rows[0].granted is not None


def test_a_cancel_of_the_command_line_takes_a_quote_off_and_the_grant_goes_on(run):
    orders = run.resting()
    run.ask(AskCancel(order_id=orders[0].order_id))
    run.cancel_says(CancelReply.CANCELLED, orders[0])
    effects = run.look_up(orders[0])
    assert run.order(orders[0]).state is OrderState.CANCELLED

    batch = only(effects, SendBatch)
    assert [intent.side for intent in batch.intents] == [Side.BUY]
    run.answer(accepted(run.commit(batch)[0]))

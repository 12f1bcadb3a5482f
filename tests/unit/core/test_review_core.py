"""Found by a second reading of the core: what the venue or the disk may do that was not thought of."""

from dataclasses import replace

import pytest

from bot.operations import freshness
from engine.core.exposure.risk import reserved
from engine.domain.account import CancelReply
from engine.domain.commands import AskResume, Kill, OpenDutch
from engine.domain.effects import (
    CancelOrders,
    Effect,
    RaiseAlert,
    SaveFreeze,
    SaveHalt,
    SaveTicket,
    SendBatch,
    ShowTicket,
)
from engine.domain.events import AccountRead, CardShown, StoreFailed
from engine.domain.failure import PostClass
from engine.domain.ids import OrderId, TradeId
from engine.domain.order import Fill, OrderState, Settlement
from engine.domain.ticket import Move, Role, TicketState
from engine.domain.units import format_size
from engine.domain.views import Gate, TicketView
from tests.support.builders import ANA, BEN, accepted, account, answer, resting, shares, trade
from tests.support.desk_run import CARD, DeskRun, of_kind, timers

S, M = OrderState, Move


@pytest.fixture
def run():
    return DeskRun().start()


def refuse_others(run, leg, legs):
    run.answer(*(answer(o, PostClass.REFUSED, "invalid nonce") for o in legs if o is not leg))


def fire(run, effects):
    """Let every timer these effects have set come due, in order."""
    told: list[Effect] = []
    for name, due in sorted(timers(effects).items(), key=lambda timer: timer[1]):
        run.at_ms = max(run.at_ms, due)
        told += run.timer(name)
    return told


def filled_and_settled(run, legs):
    """Every leg is filled, read back and confirmed: the ticket is done."""
    run.answer(*(accepted(leg, leg.intent.size) for leg in legs))
    confirmed = [
        trade(leg, name=leg.intent.key, settlement=Settlement.CONFIRMED, at_ms=run.at_ms) for leg in legs
    ]
    run.later(100).read(*confirmed)


def test_a_leg_already_matched_waits_for_its_trade_and_is_not_called_dead(run):
    """Reliability B 16: "already matched" proves a fill, not a death; its trade may come later."""
    leg, *_ = legs = run.sent()
    refuse_others(run, leg, legs)
    run.answer(accepted(leg))
    run.later(100).cancel_says(CancelReply.MATCHED, leg)

    run.later(10).look_up(leg)

    ticket = run.ticket(leg.intent.ticket_id)
    assert not run.order(leg).state.is_final, "the venue said that it matched"
    assert ticket.state is TicketState.SENDING, "missed would free the event for a second plan"


def test_a_kill_that_could_not_be_stored_is_stored_later_or_told(run):
    """I14: otherwise a restart trades on, and the card has said HALTED."""
    run.ask(Kill(), ANA)
    run.effects.clear()

    effects = run.step(StoreFailed(run.at_ms, "disk full"))
    effects = [*effects, *fire(run, effects), *run.later(10_000).read()]

    stored, told = of_kind(effects, SaveHalt), of_kind(effects, RaiseAlert)
    assert [*stored, *told]


def test_shares_of_a_later_trade_are_held_though_an_earlier_one_was_undone(run):
    """40 of 100 are undone by the venue, then 60 more trade: 60 are held, not 20."""
    leg, *_ = legs = run.sent()
    refuse_others(run, leg, legs)
    run.answer(answer(leg, PostClass.UNKNOWN, "timed out"))
    run.read(trade(leg, shares(40), name="t1"))
    run.later(1_000).read(trade(leg, shares(40), name="t1", settlement=Settlement.FAILED))
    run.effects.clear()
    run.later(1_000).read(trade(leg, shares(60), name="t2"))

    view = of_kind(run.effects, ShowTicket)[-1].view

    assert view.result is not None
    held = next(x.filled for x in view.result.legs if x.order_id == leg.order_id)
    assert format_size(held) == "60"


def test_the_card_of_a_broken_ticket_follows_a_fill_that_was_undone(run):
    """Two of three legs are held, then the venue undoes one: the chat must show it, not drop it as older."""
    one, two, three = run.sent()
    run.answer(
        accepted(one, one.intent.size),
        accepted(two, two.intent.size),
        answer(three, PostClass.REFUSED, "invalid nonce"),
    )
    run.later(10).read(trade(one, name="t1"), trade(two, name="t2"))
    before = of_kind(run.effects, ShowTicket)[-1].view
    assert before.ticket.state is TicketState.BROKEN

    undone = trade(one, name="t1", settlement=Settlement.FAILED)
    shown = of_kind(run.later(1_000).read(undone, trade(two, name="t2")), ShowTicket)

    assert shown, "the card still says that both legs are held"
    assert freshness(shown[-1].view) > freshness(before), "the board drops what counts as older"


def test_an_answer_with_more_shares_than_ordered_does_not_hold_the_caps_for_ever(run):
    """A figure that cannot be true (base units, a typo of the venue) must not become the order's fill."""
    legs = run.sent(sets=10)
    run.answer(*(accepted(leg, shares(10_000)) for leg in legs))

    run.later(100).read(*(trade(leg, name=f"t{leg.intent.leg}") for leg in legs))

    assert reserved(run.desk) == 0
    assert run.ticket(legs[0].intent.ticket_id).state is TicketState.DONE


def test_looks_at_an_order_that_will_not_be_cancelled_slow_down(run):
    """The venue takes cancels and the order stays (a slow cancel queue): four cancels a second for ever."""
    leg, *_ = legs = run.sent()
    refuse_others(run, leg, legs)
    run.answer(accepted(leg))
    name = f"lookup:{leg.order_id}"
    began, cancels = run.at_ms, 0
    due = timers(run.effects)[name]
    while run.at_ms < began + 30_000:
        run.at_ms = max(run.at_ms, due)
        effects = [*run.timer(name), *run.look_up(leg, rests=resting(leg))]
        cancels += len(of_kind(effects, CancelOrders))
        due = timers(effects)[name]

    assert cancels <= 15, f"{cancels} cancels of one order in 30 s"


def test_a_sight_of_an_order_from_before_its_death_does_not_raise_it(run):
    """A complete read takes several calls: its list of open orders may be older than the proof."""
    leg, *_ = legs = run.sent()
    refuse_others(run, leg, legs)
    run.answer(accepted(leg))
    began = run.at_ms
    run.later(100).cancel_says(CancelReply.NOT_FOUND, leg)
    run.later(10).look_up(leg)
    assert run.order(leg).state is S.DEAD
    run.effects.clear()

    run.later(200).read(rests=[resting(leg)], asked_ms=began)

    assert run.order(leg).state is S.DEAD
    assert [alert.key for alert in run.alerts()] == []


def test_a_read_begun_before_the_resume_does_not_open_the_gate(run):
    """The resume promises to reconcile first; a read that was already under way saw the time before it."""
    run.ask(Kill(), ANA)
    run.later(500).read()
    view = run.told(AskResume(), ANA)
    assert isinstance(view, TicketView)
    name = view.ticket.ticket_id
    run.step(CardShown(run.at_ms, name, CARD))
    run.press(run.ticket(name), M.CONFIRM)
    run.later(1_000)
    began = run.at_ms
    run.later(500).press(run.ticket(name), M.SEND)

    run.later(100).step(AccountRead(run.at_ms, began, account()))

    assert run.desk.gate is Gate.STARTING


def test_a_person_who_is_no_trader_any_more_cannot_press_send(run):
    """The TOML was changed and the desk restarted; the card of before is still in the chat."""
    card = run.armed()

    effects = run.press(card, M.SEND, by=replace(BEN, role=Role.VIEWER))

    assert of_kind(effects, SendBatch) == []


def test_a_restart_does_not_show_again_what_has_long_ended(run):
    """Every ticket that ever bought something is loaded: each restart would edit all their cards."""
    legs = run.sent()
    filled_and_settled(run, legs)
    ended = run.ticket(legs[0].intent.ticket_id)
    assert ended.state is TicketState.DONE
    fills = tuple(run.desk.fills.values())

    effects = run.restart(tuple(run.order(leg) for leg in legs), (ended,), fills=fills)

    assert of_kind(effects, ShowTicket) == []


class CountedFills(dict[tuple[TradeId, OrderId], Fill]):
    """Counts how often all fills are gone through."""

    scans = 0

    def values(self):
        self.scans += 1
        return super().values()


def scans_with(tickets):
    """Return how often one plan goes through all fills, after so many ended tickets."""
    run = DeskRun(day=1_000_000).start()
    for number in range(tickets):
        legs = run.sent(sets=10, entropy=100 + number)
        filled_and_settled(run, legs)
    counted = CountedFills(run.desk.fills)
    run.desk.fills = counted
    run.ask(OpenDutch("fed3", shares(10)))
    return counted.scans


def test_a_plan_costs_no_scan_of_all_fills_per_order_that_ever_was():
    """Orders times fills, for every event, every scan: after a month the loop stands still for seconds."""
    assert scans_with(8) <= scans_with(2) + 2


def test_the_freeze_is_stored_before_the_ticket_is_called_broken(run):
    """A kill -9 between the two commits: broken in the ledger, and nothing freezes the event again."""
    one, two, three = run.sent()
    run.answer(
        accepted(one, one.intent.size),
        accepted(two, two.intent.size),
        answer(three, PostClass.REFUSED, "invalid nonce"),
    )

    effects = run.later(10).read(trade(one, name="t1"), trade(two, name="t2"))

    kinds = [type(effect) for effect in effects]
    assert kinds.index(SaveFreeze) < kinds.index(SaveTicket)


def test_a_ticket_whose_trades_stay_a_little_below_its_answers_ends_or_is_told(run):
    """The trade reader lets makers differ from the size by a lot: such a ticket must not hang for ever."""
    legs = run.sent()
    run.answer(*(accepted(leg, leg.intent.size) for leg in legs))
    found = [
        trade(leg, shares(99.995), name=leg.intent.key, settlement=Settlement.CONFIRMED, at_ms=run.at_ms)
        for leg in legs
    ]
    name = legs[0].intent.ticket_id
    run.effects.clear()
    for _ in range(40):
        run.later(30_000).timer(f"settle:{name}")
        run.read(*found)

    assert run.ticket(name).state is not TicketState.SENDING or run.alerts(), "20 minutes, and not a word"


def test_a_thaw_cut_off_by_a_crash_does_not_end_as_a_resume_of_the_desk(run):
    """Its ticket stands as sending, its freeze is still stored: "takes new plans" would be untrue."""
    group = run.events[0]
    run.freeze(group.event_id)
    view = run.told(AskResume(group.code), ANA)
    assert isinstance(view, TicketView)
    cut = replace(run.ticket(view.ticket.ticket_id), state=TicketState.SENDING, version=3)

    run.restart((), (cut,), frozen=((group.event_id, "T-BBBBBB was filled only in part"),))
    run.later(100).read()

    done = run.ticket(cut.ticket_id).state is TicketState.DONE
    assert done is (group.event_id not in run.desk.frozen)

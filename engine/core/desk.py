"""`step(desk, event) -> effects`: the whole control flow of the desk in one table.

Same desk, same events, same effects. `step` changes the desk it is given; pure means that nothing else
enters: no clock, no I/O, no randomness, no logging.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, assert_never

from engine.core import asking, history
from engine.core.account import act_proof, heartbeat, reconcile, user_stream
from engine.core.chain import allowances
from engine.core.exposure.inventory import shares
from engine.core.exposure.unsent import never_sent
from engine.core.halts import breakers, gate_watch, halt, venue_notes, venue_watch
from engine.core.orders import booking, proof, repeats
from engine.core.orders import evidence as orders
from engine.core.read_back import reach_back, read_account
from engine.core.repair.repair_case import enter_flight
from engine.core.rules import catalogue_retry, rules_watch
from engine.core.state import Desk, Flight, live_orders
from engine.core.tickets import ticket
from engine.core.tickets.grants import granted_by
from engine.core.tickets.settling import review_flight, settle_timer, take_up
from engine.core.trading import (
    dutch_auto,
    dutch_flow,
    probing,
    quoting,
    recheck,
    repair_flow,
    runner,
    spread_flow,
    watch,
)
from engine.domain.chain_events import ActEnded, AllowancesRead
from engine.domain.effects import (
    CancelEverything,
    Count,
    Effect,
    PruneHistory,
    ReadCatalogue,
    SetTimer,
)
from engine.domain.events import (
    AccountRead,
    AccountReadFailed,
    Asked,
    BatchCommitted,
    BatchRefused,
    BooksRead,
    BooksReadFailed,
    BooksTouched,
    CancelAnswered,
    CancelFailed,
    CardShown,
    CatalogueFailed,
    CatalogueRead,
    Event,
    HeartbeatAnswered,
    HeartbeatFailed,
    HeartbeatMismatched,
    HistoryPruned,
    HistoryRefused,
    HostTold,
    Job,
    JobDue,
    LookUpFailed,
    OrderLookedUp,
    PostAnswered,
    Restored,
    SnapshotsKept,
    SnapshotsLost,
    StoreFailed,
    TimerDue,
    UserLink,
    UserTold,
    VenueNotice,
)
from engine.domain.ids import OrderId, TicketId
from engine.domain.order import Fill, OrderRecord, OrderState
from engine.domain.ticket import Ticket, TicketKind, TicketState
from engine.domain.units import Ms
from engine.domain.views import Gate

FLYING = (TicketKind.DUTCH, TicketKind.ORDER, TicketKind.REPAIR, TicketKind.QUOTE)
"""Kinds of tickets that lead to orders."""
MOVES_ORDERS = (Restored, BatchCommitted, AccountRead, OrderLookedUp, UserTold)
"""Events after which an order may rest that did not rest before."""
FEED_TIMER = "feed"
FEED_CHECK_MS = 1_000
"""Checksums of touched books are compared at least this often (design, section 3)."""


def step(desk: Desk, event: Event) -> tuple[Effect, ...]:
    """Apply one event and return what is to be done, in order."""
    effects = HANDLERS[type(event)](desk, event)
    if isinstance(event, MOVES_ORDERS):
        effects += heartbeat.tend(desk, event.at_ms)
    effects += breakers.judge_fills(desk, effects, event.at_ms)
    effects += probing.tend(desk, event.at_ms)
    effects += dutch_auto.tend(desk, event.at_ms)
    effects += spread_flow.tend(desk, event)
    effects = repeats.outgoing(desk, effects, event.at_ms)
    effects += gate_watch.tell(desk, event.at_ms)
    # Looking at a book may have found its checksum wrong: what follows from that waits in the feed core.
    return (*effects, *desk.feeds.drain())


def restored(desk: Desk, event: Restored) -> list[Effect]:
    """Take up where the last process stopped: nothing is re-sent, the unproven is cancelled and proven."""
    desk.tickets = {t.ticket_id: t for t in event.tickets}
    desk.orders.update({o.order_id: o for o in event.orders})
    desk.runner.sent_plans.update(order.intent.plan_id for order in event.orders)
    desk.past = event.past
    desk.positions.enter_past(event.past, event.past_spent, event.at_ms)
    fills = booking.take_up_fills(desk, event.fills, event.at_ms)
    fills += act_proof.take_up(desk, event.acts, event.at_ms)
    desk.frozen = dict(event.frozen_events)
    desk.rules_frozen = {freeze.event_id: freeze for freeze in event.rules_freezes}
    reviewed = rules_watch.restore_reviews(desk, event.reviews, event.last_rules, event.at_ms)
    reach_back(desk, event.ended)
    if event.halted is not None:
        desk.standing.halted = event.halted
    effects: list[Effect] = reviewed if event.halted is None else [CancelEverything(), *reviewed]
    effects += repeats.after_first_read(desk, orders.take_up(desk, event.at_ms), event.at_ms)
    _restore_flights(desk, event)
    for flight in desk.flights.values():
        effects += review_flight(desk, flight.ticket_id, event.at_ms)
    for unfinished in [t for t in desk.tickets.values() if t.state.is_open or _is_cut_off(t)]:
        effects += _taking_up(unfinished)(desk, unfinished, event.at_ms)
    return [
        ReadCatalogue(),
        *effects,
        *fills,
        read_account(desk, event.at_ms, "start"),
        SetTimer(FEED_TIMER, Ms(event.at_ms + FEED_CHECK_MS)),
    ]


def _taking_up(unfinished: Ticket) -> Callable[[Desk, Ticket, Ms], list[Effect]]:
    if unfinished.kind is TicketKind.SPREAD:
        return spread_flow.taken_up
    its_own = unfinished.kind is TicketKind.AUTO or granted_by(unfinished) is not None
    return dutch_auto.taken_up if its_own else ticket.taken_up


def _is_cut_off(resume: Ticket) -> bool:
    kinds = (TicketKind.RESUME, TicketKind.AUTO, TicketKind.SPREAD)
    return resume.kind in kinds and resume.state is TicketState.SENDING


def _restore_flights(desk: Desk, event: Restored) -> None:
    for sent in event.tickets:
        mine = _in_order(sent, (o for o in event.orders if o.intent.ticket_id == sent.ticket_id))
        if sent.kind in FLYING and mine and sent.plan is not None:
            unsent = never_sent(sent.plan, {o.intent.leg for o in mine})
            flight = Flight(
                ticket_id=sent.ticket_id,
                event_id=sent.plan.event_id,
                order_ids=tuple(o.order_id for o in mine),
                sent_ms=mine[0].last_send_ms,
                witnesses=None,
                ended_ms=_ended_before(sent, mine, event.fills),
                to_send=unsent,
                stopped=_cut_short(sent) if unsent else "",
            )
            enter_flight(desk, flight)
            if sent.kind is TicketKind.QUOTE:
                desk.quoter.sent.append(sent.ticket_id)
            if sent.state is not TicketState.SENDING:
                take_up(desk, flight)


def _cut_short(sent: Ticket) -> str:
    """Return why a sequence's other legs are never sent, as far as the ledger tells."""
    in_between = sent.state is TicketState.SENDING
    return "the desk was restarted in between" if in_between else "it was over before this start"


def _in_order(sent: Ticket, orders: Iterable[OrderRecord]) -> list[OrderRecord]:
    """Return a ticket's orders as they were sent, those of one batch by their legs."""
    order = () if sent.plan is None else sent.plan.probe_order
    return sorted(orders, key=lambda o: order.index(o.intent.leg) if order else o.intent.leg)


def _ended_before(sent: Ticket, mine: list[OrderRecord], fills: tuple[Fill, ...]) -> Ms | None:
    """Return when a ticket that had ended did so, as far as its fills tell; None while it is in flight."""
    if sent.state is TicketState.SENDING:
        return None
    ids = {order.order_id for order in mine}
    return Ms(max([mine[0].last_send_ms, *(f.matched_ms for f in fills if f.order_id in ids)]))


def post_answered(desk: Desk, event: PostAnswered) -> list[Effect]:
    """Judge a POST's answers and what its tickets have come to."""
    effects = orders.take_answers(desk, event.answers, event.at_ms)
    # After the verdicts: an order that is deferred waits for the hold that this answer begins.
    sends = [desk.orders[answer.order_id].last_send_ms for answer in event.answers]
    sent_ms = max(sends, default=event.at_ms)
    effects += venue_notes.heard(desk, event.note, sent_ms, event.at_ms)
    effects += breakers.posted(desk, event.answers, event.at_ms)
    effects += [Count("relayer_acks_total", answer.kind.value) for answer in event.answers]
    for ticket_id in dict.fromkeys(desk.orders[a.order_id].intent.ticket_id for a in event.answers):
        effects += review_flight(desk, ticket_id, event.at_ms)
    return effects


def cancel_answered(desk: Desk, event: CancelAnswered) -> list[Effect]:
    """Apply a cancel's replies by id; replies about orders that are not ours say nothing to us."""
    repeats.cancel_answered(desk, event)
    return [
        *venue_notes.heard(desk, event.note, event.asked_ms, event.at_ms),
        *proof.cancels_replied(desk, event.replies, event.asked_ms, event.at_ms),
    ]


def cancel_failed(desk: Desk, event: CancelFailed) -> list[Effect]:
    """Repeat it after a pause; whatever the answer told about the venue counts."""
    return [
        *repeats.cancel_failed(desk, event),
        *venue_notes.heard(desk, event.note, event.asked_ms, event.at_ms),
    ]


def books_read(desk: Desk, event: BooksRead) -> list[Effect]:
    """Give REST books to the feed core, and to the Send that waits for them."""
    effects = list(desk.feeds.books_read(event.asked, event.snapshots, event.at_ms))
    recheck.note_books(desk, event)
    return [*effects, *dutch_flow.recheck_due(desk, event.at_ms), *runner.look(desk, event.at_ms)]


def books_read_failed(desk: Desk, event: BooksReadFailed) -> list[Effect]:
    """Tell the feed core that its books did not come."""
    return [*desk.feeds.books_read_failed(event.asked, event.at_ms), Count("engine_errors", "books_read")]


def books_touched(desk: Desk, event: BooksTouched) -> list[Effect]:
    """Remember how far the books were when the desk last looked, so that a replay looks at the same point."""
    desk.books_sequence = event.sequence
    return [*dutch_flow.recheck_due(desk, event.at_ms), *runner.look(desk, event.at_ms)]


def committed(desk: Desk, event: BatchCommitted) -> list[Effect]:
    """Take over the orders that are on their way, and look how near the day's cap they come."""
    take_over = probing.released if event.ticket.ticket_id in desk.probing else dutch_flow.committed
    if event.ticket.kind is TicketKind.QUOTE:
        take_over = quoting.committed
    return [*take_over(desk, event), *breakers.judge_exposure(desk, event.at_ms)]


def commit_refused(desk: Desk, event: BatchRefused) -> list[Effect]:
    """Close what could not be stored: a ticket of which nothing was sent, or the rest of a sequence."""
    if event.ticket.kind is TicketKind.QUOTE:
        return quoting.not_committed(desk, event)
    further = event.ticket.ticket_id in desk.probing
    return (probing.not_released if further else dutch_flow.commit_refused)(desk, event)


def catalogue_read(desk: Desk, event: CatalogueRead) -> list[Effect]:
    """Take over the catalogue; the venue's clock is measured, so a clock set before holds nothing."""
    return [*watch.catalogue_read(desk, event), *gate_watch.clock_measured(desk, event.asked_ms, event.at_ms)]


def account_read(desk: Desk, event: AccountRead) -> list[Effect]:
    """Correct our ledger by a complete read, and see how long orders have been unproven."""
    return [*reconcile.account_read(desk, event), *breakers.judge_unknown(desk, event.at_ms)]


def job_due(desk: Desk, event: JobDue) -> list[Effect]:
    """Carry out a row of the JOBS table."""
    match event.job:
        case Job.RECONCILE:
            return [read_account(desk, event.at_ms, "job")]
        case Job.DUTCH_SCAN:
            return runner.scan_job(desk, event.at_ms)
        case Job.SPREAD_REFRESH:
            return []  # every step looks at the quoted markets
        case Job.CATALOGUE_REFRESH:
            return [ReadCatalogue()]
        case Job.SNAPSHOTS:
            return history.snapshots_due(desk, event.at_ms)
        case Job.RETENTION:
            return [PruneHistory()]
        case Job.POSITIONS:
            read = read_account(desk, event.at_ms, "positions")
            return [replace(read, tokens=tuple(sorted(shares(desk))))]
        case _:
            assert_never(event.job)


def timer_due(desk: Desk, event: TimerDue) -> list[Effect]:
    """Carry out a timer of ours; its name tells whose."""
    kind, _, key = event.name.partition(":")
    return TIMERS[kind](desk, key, event.at_ms)


def _feed_timer(desk: Desk, _key: str, at_ms: Ms) -> list[Effect]:
    return [*desk.feeds.check(at_ms), SetTimer(FEED_TIMER, Ms(at_ms + FEED_CHECK_MS))]


def store_failed(desk: Desk, event: StoreFailed) -> list[Effect]:
    """Close the gate: without a durable ledger no order may leave. Cancels still pass.

    What was being sent may never be answered, because its attempt could not be stored: it is looked for.
    """
    waiting = [order for order in live_orders(desk) if order.state is OrderState.SENDING]
    effects = orders.give_up(desk, waiting, event.at_ms)
    if desk.gate is not Gate.HALTED:
        return effects + halt.halt(desk, f"the ledger cannot be written: {event.reason}", event.at_ms)
    return effects + halt.not_stored(desk, event.reason, event.at_ms)


TIMERS: dict[str, Callable[[Desk, str, Ms], list[Effect]]] = {
    FEED_TIMER: _feed_timer,
    "ticket": lambda desk, key, at_ms: ticket.expire(desk, TicketId(key), at_ms),
    "lookup": lambda desk, key, at_ms: proof.look_up_due(desk, OrderId(key), at_ms),
    "resend": repeats.resend_due,
    booking.SETTLE_TIMER: lambda desk, _key, at_ms: booking.settle_late_timer(desk, at_ms),
    repeats.CANCEL_TIMER: lambda desk, _key, at_ms: repeats.cancel_timer(desk, at_ms),
    venue_watch.VENUE_TIMER: lambda desk, _key, at_ms: venue_watch.timer(desk, at_ms),
    venue_notes.LIMITED_TIMER: lambda desk, _key, at_ms: venue_notes.limited_timer(desk, at_ms),
    heartbeat.HEARTBEAT_TIMER: lambda desk, _key, at_ms: heartbeat.timer(desk, at_ms),
    breakers.LAG_TIMER: lambda desk, _key, at_ms: breakers.lag_timer(desk, at_ms),
    gate_watch.BLIND_TIMER: lambda desk, _key, at_ms: gate_watch.blind_timer(desk, at_ms),
    gate_watch.TELL_TIMER: lambda _desk, _key, _at_ms: [],  # every step tells what is due
    dutch_auto.AUTO_TIMER: lambda desk, key, at_ms: dutch_auto.auto_timer(desk, TicketId(key), at_ms),
    spread_flow.SPREAD_TIMER: lambda desk, key, at_ms: spread_flow.spread_timer(desk, TicketId(key), at_ms),
    recheck.TIMER: lambda desk, key, at_ms: dutch_flow.recheck_timer(desk, TicketId(key), at_ms),
    act_proof.ACT_TIMER: lambda desk, _key, at_ms: act_proof.look_timer(desk, at_ms),
    repair_flow.REMIND_TIMER: lambda desk, key, at_ms: repair_flow.remind(desk, TicketId(key), at_ms),
    "settle": lambda desk, key, at_ms: settle_timer(desk, TicketId(key), at_ms),
    repeats.CANCEL_ALL_TIMER: lambda _desk, _key, _at_ms: [CancelEverything()],
    history.ROUND_TIMER: lambda desk, _key, at_ms: history.go_on(desk, at_ms),
    catalogue_retry.RETRY_TIMER: lambda desk, _key, at_ms: catalogue_retry.retry_timer(desk, at_ms),
    halt.STORE_TIMER: lambda desk, _key, at_ms: halt.store_timer(desk, at_ms),
    halt.KILL_TIMER: lambda desk, _key, at_ms: halt.kill_timer(desk, at_ms),
}

HANDLERS: dict[type, Callable[[Desk, Any], list[Effect]]] = {
    Restored: restored,
    CatalogueRead: catalogue_read,
    CatalogueFailed: catalogue_retry.catalogue_failed,
    VenueNotice: watch.venue_notice,
    BooksTouched: books_touched,
    BooksRead: books_read,
    BooksReadFailed: books_read_failed,
    Asked: asking.asked,
    CardShown: lambda desk, event: ticket.card_shown(desk, event.ticket_id, event.message_id),
    BatchCommitted: committed,
    BatchRefused: commit_refused,
    PostAnswered: post_answered,
    CancelAnswered: cancel_answered,
    CancelFailed: cancel_failed,
    OrderLookedUp: reconcile.looked_up,
    LookUpFailed: reconcile.look_up_failed,
    AccountRead: account_read,
    AccountReadFailed: reconcile.account_read_failed,
    UserLink: lambda desk, event: [*user_stream.user_link(desk, event), *gate_watch.link(desk, event)],
    UserTold: user_stream.user_told,
    HeartbeatAnswered: heartbeat.answered,
    HeartbeatMismatched: heartbeat.mismatched,
    HeartbeatFailed: heartbeat.failed,
    HostTold: breakers.host_told,
    AllowancesRead: allowances.allowances_read,
    ActEnded: act_proof.act_ended,
    StoreFailed: store_failed,
    SnapshotsKept: history.snapshots_kept,
    SnapshotsLost: history.snapshots_lost,
    HistoryPruned: history.pruned,
    HistoryRefused: history.refused,
    JobDue: job_due,
    TimerDue: timer_due,
}

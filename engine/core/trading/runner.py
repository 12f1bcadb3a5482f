"""The runner: windows found by the detector or by the scan are proposed, or sent under a standing grant.

A plan under a grant takes the way of a press: its own ticket, the last look at the venue's books, the review,
both witnesses, the same commit (`trading.dutch_flow`). One is in flight per event, and none leaves twice.
"""

import hashlib

from engine.core.chain.chain_flow import merge_due
from engine.core.dutch.best_kind import unsendable
from engine.core.exposure.risk import closed, event_busy, no_tokens, review
from engine.core.repair.repair_case import plan_of
from engine.core.repair.repair_plan import choose, way_of
from engine.core.state import Desk, Flight
from engine.core.tickets.grants import covering, left, sent_before
from engine.core.tickets.ticket import moved, new_ticket
from engine.core.trading import recheck
from engine.core.trading.dutch_auto import rest
from engine.core.trading.dutch_flow import plan_now
from engine.core.trading.verdicts import note_verdict
from engine.core.watches import StandingGrant
from engine.domain.commands import OpenDutch
from engine.domain.effects import Count, Effect, RaiseAlert
from engine.domain.events import Asked
from engine.domain.ids import EventId
from engine.domain.market import EventGroup
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal
from engine.domain.repair import repair_subject
from engine.domain.ticket import Move, TicketKind, TicketState
from engine.domain.units import Ms, Rounding, Usdc, format_cents, format_size
from engine.domain.views import Alert, Severity

DETECTOR = "dutch_detector_total"
PLAN_EVERY_MS = 250
"""An event is planned at most so often because of the detector, however fast its books change."""
TELL_EVERY_MS = 60_000
"""A window that closes and opens again is announced at most so often."""
NO_REQUEST = 0
"""Nobody waits for an answer: the shell numbers requests from 1."""


def look(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Take in the books that changed, and plan the events that may pay because of them."""
    run = desk.runner
    touched = desk.feeds.take_touched()
    desk.quoter.touched |= touched
    if touched:
        run.dirty |= run.detector.update(touched, desk.feeds)
        # A window that is shut may be announced anew when it opens.
        desk.paying &= run.detector.hot
    if not run.dirty:
        return []
    effects: list[Effect] = []
    for event_id in sorted(run.dirty):
        if at_ms - run.planned_ms.get(event_id, -PLAN_EVERY_MS) < PLAN_EVERY_MS:
            continue
        run.dirty.discard(event_id)
        group = desk.events.get(event_id)
        if group is not None and event_id in run.detector.hot:
            run.planned_ms[event_id] = at_ms
            effects += [Count(DETECTOR, "fired"), *_consider(desk, group, at_ms)]
    return effects


def scan_job(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Look at every event, whatever the detector says: its safety net, and the check that it hides none."""
    effects = look(desk, at_ms)
    for group in desk.events.values():
        found = _planned(desk, group, at_ms)
        effects += note_verdict(desk, group.event_id, found)
        if isinstance(found, Plan):
            if group.event_id not in desk.runner.detector.hot:
                effects.append(Count(DETECTOR, "missed"))
            effects += _act(desk, group, found, at_ms)
        else:
            desk.paying.discard(group.event_id)
    desk.paying &= desk.events.keys()
    for grant in list(desk.runner.grants.values()):
        effects += _settle(desk, grant, at_ms)
    return effects


def _settle(desk: Desk, grant: StandingGrant, at_ms: Ms) -> list[Effect]:
    """Repair what broke under a grant, and merge the pairs that are held in its scope."""
    effects: list[Effect] = []
    for ticket_id in list(grant.reserved):
        if desk.tickets[ticket_id].state is TicketState.BROKEN and at_ms < grant.expires_ms:
            effects += _mend(desk, grant, desk.flights[ticket_id], at_ms)
    return [*effects, *merge_due(desk, grant.event_id, at_ms, spare=grant.failed_merges)]


def _mend(desk: Desk, grant: StandingGrant, broken: Flight, at_ms: Ms) -> list[Effect]:
    """Send the cheapest way out of a broken plan; what may not be bought any more is given back."""
    if at_ms < grant.mend_pauses.get(broken.event_id, at_ms) or _is_waiting(desk, broken.event_id):
        return []
    plan = choose(desk, broken, at_ms, most=Usdc(min(grant.per_plan, left(desk, grant))))
    if isinstance(plan, Refusal):
        return []  # its card shows the ways out, and its alarm stands
    refusal = closed(desk, reduces=plan.sells_only) or no_tokens(desk, len(plan.legs), at_ms, repairs=True)
    reviewed = refusal or sent_before(desk, plan) or review(desk, plan, at_ms)
    if isinstance(reviewed, Refusal):
        return [Count("dutch_refused_total", reviewed.kind.value)]
    subject = repair_subject(way_of(plan, plan_of(desk, broken)), broken.ticket_id, grant.ticket_id)
    return _open(desk, grant, plan, at_ms, kind=TicketKind.REPAIR, subject=subject)


def _consider(desk: Desk, group: EventGroup, at_ms: Ms) -> list[Effect]:
    found = _planned(desk, group, at_ms)
    if isinstance(found, Refusal):
        desk.paying.discard(group.event_id)
        return [Count(DETECTOR, found.kind.value)]
    return [Count(DETECTOR, "planned"), *_act(desk, group, found, at_ms)]


def _planned(desk: Desk, group: EventGroup, at_ms: Ms) -> Plan | Refusal:
    """Return the event's best plan that can be sent, under a grant within what that has left."""
    grant = covering(desk, group.event_id)
    most = None if grant is None else Usdc(min(grant.per_plan, left(desk, grant)))
    busy = event_busy(desk, group.event_id, group.code, at_ms)
    found = busy or plan_now(desk, group, None, at_ms, most=most)
    return found if isinstance(found, Refusal) else unsendable(found) or found


def _act(desk: Desk, group: EventGroup, plan: Plan, at_ms: Ms) -> list[Effect]:
    """Send a plan under the grant that covers it, or propose it once per window."""
    grant = covering(desk, group.event_id)
    is_new = group.event_id not in desk.paying
    desk.paying.add(group.event_id)
    if grant is not None and at_ms < grant.expires_ms:
        return _execute(desk, grant, group, plan, at_ms)
    told_ms = desk.runner.told_ms.get(group.event_id)
    if not is_new or (told_ms is not None and at_ms - told_ms < TELL_EVERY_MS):
        return []
    desk.runner.told_ms[group.event_id] = at_ms
    return [_window(plan)]


def _window(plan: Plan) -> RaiseAlert:
    margin = format_cents(plan.margin.net, Rounding.DOWN)
    return RaiseAlert(
        Alert(
            key=f"window:{plan.event_id}",
            severity=Severity.INFO,
            subject=f"{plan.code} pays",
            text=f"{plan.title}: {format_size(plan.size)} sets leave +{margin} USDC after fees and buffers",
            next_step=f"/dutch {plan.code}",
        )
    )


def _execute(desk: Desk, grant: StandingGrant, group: EventGroup, plan: Plan, at_ms: Ms) -> list[Effect]:
    """Open, arm and look a last time; the books' answer sends it or gives it up."""
    if at_ms < grant.pauses.get(group.event_id, at_ms) or _is_waiting(desk, group.event_id):
        return []
    refusal = closed(desk) or no_tokens(desk, len(plan.legs), at_ms) or sent_before(desk, plan)
    reviewed = refusal or review(desk, plan, at_ms)
    if isinstance(reviewed, Refusal):
        rest(grant, group.event_id, at_ms)
        grant.last = f"{group.code} not sent: {reviewed.text}"
        return [Count("dutch_refused_total", reviewed.kind.value)]
    assert plan.spend_max <= left(desk, grant), (
        f"expected {plan.plan_id} within what {grant.ticket_id} has left"
    )
    return _open(desk, grant, plan, at_ms, kind=TicketKind.DUTCH, subject=grant.ticket_id)


def _open(
    desk: Desk, grant: StandingGrant, plan: Plan, at_ms: Ms, *, kind: TicketKind, subject: str
) -> list[Effect]:
    """Open and arm the ticket of a plan under a grant, and begin the last look that sends it."""
    owner = desk.tickets[grant.ticket_id]
    desk.runner.attempts += 1
    asked = Asked(
        at_ms,
        NO_REQUEST,
        owner.owner,
        owner.chat_id,
        OpenDutch(plan.code, None),
        _entropy(f"{grant.ticket_id}:{owner.created_ms}:{desk.runner.attempts}:{plan.plan_id}"),
    )
    note = f"under the standing grant {grant.ticket_id}"
    opened, saved = new_ticket(desk, asked, kind, plan=plan, note=note, subject=subject)
    armed, more = moved(desk, opened, Move.CONFIRM, at_ms, note=note)
    grant.reserved[armed.ticket_id] = plan.spend_max
    grant.flying.append(armed.ticket_id)
    tokens = tuple(leg.token_id for leg in plan.legs)
    # The read is on its way while the rows are written.
    return [*recheck.begin(desk, asked, armed.ticket_id, armed.version, tokens), *saved, *more]


def _is_waiting(desk: Desk, event_id: EventId) -> bool:
    """Tell whether a Send on this event waits for its last look."""
    plans = [desk.tickets[ticket_id].plan for ticket_id in desk.rechecks if ticket_id in desk.tickets]
    return any(plan is not None and plan.event_id == event_id for plan in plans)


def _entropy(text: str) -> int:
    """Return what a ticket id is shaped from: the grant's own id holds the shell's randomness."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

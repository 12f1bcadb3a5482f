"""Every window that the exchange opens in an hour is found and sent, or refused with its guard.

`python -m tests.campaigns.windows_found --seconds 3600 --seed 1`, in virtual time.

A whole desk under a standing grant for all events; the exchange's books move and its windows open by their
own schedule. What opened is the exchange's word; what was sent is the desk's tickets; what was not is
explained by the desk's own refusals while the window stood. The scan runs beside the detector and counts what
that would have hidden. At the end the independent checker reads both ledgers.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field

from engine.core.exposure.risk import dutch_stopped, event_busy
from engine.core.state import Desk
from engine.core.tickets.grants import covering
from engine.core.trading.dutch_auto import COOLDOWN_MS
from engine.core.trading.dutch_flow import plan_now
from engine.domain.commands import AskResume, OpenAuto, Press, StopAuto
from engine.domain.events import Event
from engine.domain.market import EventGroup
from engine.domain.plan import Plan
from engine.domain.ticket import Move, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Rounding, Usdc, format_cents
from engine.domain.views import Gate, TicketView
from engine.simulator.faults import Fault, FaultKind
from tests.campaigns.stage import Result, Stage, percentile, played, staged

FRAMES_PER_S = 20
BUDGET = Usdc(1_000_000 * 1_000_000)
LONGEST = Ms(12 * 3_600_000)
LOOK_EVERY_MS = 500
"""So often the desk is asked why it does not send a window that stands open."""
LOOKED_EVERY_S = 180
"""So often somebody looks at a broken event and lets it take plans again."""
REFUSED = "the market is not yet ready to process new orders"
CARD = 77
NAMED_LAST = (TicketState.DROPPED, TicketState.EXPIRED)


@dataclass
class Window:
    """One window of the exchange."""

    slug: str
    opened_ms: Ms
    closed_ms: Ms | None = None
    tickets: list[Ticket] = field(default_factory=list)
    """Sent while it stood."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why nothing was sent, each time the desk was asked."""
    given_up: list[str] = field(default_factory=list)

    @property
    def found_ms(self) -> int | None:
        """From its opening to the first ticket; None if there was none."""
        return self.tickets[0].created_ms - self.opened_ms if self.tickets else None

    @property
    def explanation(self) -> str:
        """Why it was not sent; empty if nothing tells."""
        words = Counter(self.given_up) or self.reasons
        return words.most_common(1)[0][0] if words else ""


class Log:
    """All windows, kept by looking at the exchange with every event of the desk."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.windows: list[Window] = []
        self.open: dict[str, Window] = {}
        self.looked_ms = 0
        self.known: set[str] = set()

    def watch(self, desk: Desk, _event: Event) -> None:
        """Take note of what opened, closed, was sent or given up."""
        now_ms = self.stage.agenda.now_ms()
        flow = self.stage.venue.flow
        for group in desk.events.values():
            stands, known = flow.windows.is_open(group.slug), self.open.get(group.slug)
            if stands and known is None:
                self.open[group.slug] = Window(group.slug, now_ms)
                self.windows.append(self.open[group.slug])
            elif known is not None and not stands:
                known.closed_ms = now_ms
                del self.open[group.slug]
        self._tickets(desk)
        if now_ms - self.looked_ms >= LOOK_EVERY_MS:
            self.looked_ms = now_ms
            self._ask_why(desk, now_ms)

    def _tickets(self, desk: Desk) -> None:
        for ticket in list(desk.tickets.values())[-8:]:
            if ticket.kind is not TicketKind.DUTCH or not ticket.subject or ticket.plan is None:
                continue
            slug = desk.events[ticket.plan.event_id].slug
            window = self.open.get(slug) or next((w for w in reversed(self.windows) if w.slug == slug), None)
            key = f"{ticket.ticket_id}:{ticket.state in NAMED_LAST}"
            if window is None or key in self.known:
                continue
            if ticket.state in NAMED_LAST:
                self.known.add(key)
                window.given_up.append(f"given up: {ticket.note}")
            elif ticket.state is TicketState.SENDING:
                self.known.add(key)
                window.tickets.append(ticket)

    def _ask_why(self, desk: Desk, now_ms: Ms) -> None:
        for slug, window in self.open.items():
            group = next(group for group in desk.events.values() if group.slug == slug)
            if not window.tickets:
                window.reasons[self._why(desk, group, now_ms)] += 1

    def _why(self, desk: Desk, group: EventGroup, now_ms: Ms) -> str:
        if desk.gate is not Gate.RUN:
            return f"gate {desk.gate.value}: {desk.gate_reason}"
        grant = covering(desk, group.event_id)
        if grant is None:
            return "no standing grant in force"
        busy = event_busy(desk, group.event_id, group.code, now_ms)
        found = busy or plan_now(desk, group, None, now_ms, most=grant.per_plan)
        if not isinstance(found, Plan):
            return f"{found.kind.value}: {found.text}"
        if now_ms < grant.pauses.get(group.event_id, Ms(0)):
            return f"the event rests after a plan that failed ({COOLDOWN_MS // 1_000} s) or was given up"
        return "a plan, about to be sent"


def begin_grant(stage: Stage) -> None:
    """Ask for a grant for all events, and press it through."""
    view = stage.ask(OpenAuto("", BUDGET, LONGEST))
    assert isinstance(view, TicketView), f"expected a card, was {view}"
    assert stage.process is not None, "expected a process"
    assert stage.process.service is not None, "expected its ledger to be open"
    name = view.ticket.ticket_id
    stage.process.service.card_shown(name, CARD)
    for move in (Move.CONFIRM, Move.SEND):
        stage.run_for(1)
        stage.ask(Press(name, move, stage.desk.tickets[name].version, CARD))


def person(stage: Stage) -> None:
    """Lift what a breaker closed, and now and then what a broken plan froze: somebody has looked."""
    stage.resume()
    if stage.agenda.now_us // 1_000_000 % LOOKED_EVERY_S < 10:
        frozen = [group.code for group in stage.desk.events.values() if group.event_id in stage.desk.frozen]
        for code in frozen:
            stage.ask(AskResume(code, confirmed=True))
        if dutch_stopped(stage.desk):
            stage.ask(AskResume(confirmed=True))


def hour(seconds: int, seed: int, refuse_every_s: int = 0) -> Result:
    """Let the exchange live for so long, refusing a leg now and then; no window may be unexplained."""
    with staged(seed, frames_per_s=FRAMES_PER_S) as stage:
        log = Log(stage)
        stage.watchers.append(log.watch)
        grants = refused = 0
        began_us = stage.agenda.now_us
        while stage.agenda.now_us - began_us < seconds * 1_000_000:
            if not stage.desk.runner.grants and stage.desk.gate is Gate.RUN:
                begin_grant(stage)
                grants += 1
            if refuse_every_s and (stage.agenda.now_us - began_us) // 1_000_000 // refuse_every_s > refused:
                refused += 1
                stage.venue.faults.arm(Fault(FaultKind.REJECT_LEG, leg=1, text=REFUSED))
            stage.run_for(10)
            person(stage)
        stage.ask(StopAuto())
        stage.until(lambda: all(flight.settled for flight in stage.desk.flights.values()), 300)
        stage.run_for(25)
        ends = Counter(stage.desk.tickets[w.ticket_id].state.value for v in log.windows for w in v.tickets)
        assert stage.process is not None, "expected a process"
        counted = stage.process.metrics
        outcomes = {
            what: counted.value("dutch_detector_total", what) for what in ("fired", "planned", "missed")
        }
        broken = stage.verdict()
    return told(log.windows, outcomes, ends, grants, broken)


def told(
    windows: list[Window], outcomes: dict[str, int], ends: Counter[str], grants: int, broken: list[str]
) -> Result:
    """Print the table: by event what opened, what was sent, how fast, and what explains the rest."""
    head = ("opened", "sent", "refused", "unexplained", "p50 ms", "max ms")
    lines = [f"{'event':28}" + "".join(f"{word:>12}" for word in head)]
    for slug in sorted({window.slug for window in windows}):
        mine = [window for window in windows if window.slug == slug]
        found = [float(window.found_ms) for window in mine if window.found_ms is not None]
        lost = [window for window in mine if window.found_ms is None]
        silent = [w for w in lost if not w.explanation and w.closed_ms is not None]
        figures = [len(mine), len(found), len(lost) - len(silent), len(silent)]
        figures += [round(percentile(found, 50)), round(max(found))] if found else []
        lines.append(f"{slug:28}" + "".join(f"{figure:12}" for figure in figures))
        broken += [f"a window of {slug} at {w.opened_ms} was neither sent nor explained" for w in silent]
        why = Counter(w.explanation[:110] for w in lost if w.explanation)
        lines += [f"    {count:3} x {words}" for words, count in why.most_common(5)]
    margin = Usdc(sum(t.plan.margin.net for w in windows for t in w.tickets if t.plan is not None))
    sent = sum(len(window.tickets) for window in windows)
    planned = format_cents(margin, Rounding.DOWN)
    probes = sum(t.plan is not None and bool(t.plan.probe_order) for w in windows for t in w.tickets)
    lines.append(f"{probes} of the plans sent went leg by leg")
    lines.append(
        f"{sent} plans sent under {grants} grants, planned margin {planned} USDC, ends: {dict(ends)}"
    )
    lines.append(f"detector: {outcomes}")
    if outcomes["missed"]:
        broken.append(f"the scan found {outcomes['missed']} plans that the detector had hidden")
    return Result("\n".join(lines), broken)


def main(arguments: list[str]) -> int:
    """Run the hour and print its table; 1 if a window is unexplained or a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.windows_found")
    parser.add_argument("--seconds", type=int, default=3_600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--refuse-every", type=int, default=0, help="seconds between two refused legs")
    asked = parser.parse_args(arguments)
    return played([lambda: hour(asked.seconds, asked.seed, asked.refuse_every)], asked.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Kill and halt: close the gate, store that it is closed, cancel everything until a complete read shows none.

A kill passes in every state and waits for nothing. The desk is re-armed only by a resume ticket.
"""

from dataclasses import replace

from engine.core.exposure.inventory import holdings
from engine.core.read_back import read_account
from engine.core.state import Desk, live_orders
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import moved
from engine.domain.account import AccountState
from engine.domain.effects import (
    Announce,
    Audit,
    CancelEverything,
    Effect,
    RaiseAlert,
    Reply,
    SaveHalt,
    SetTimer,
    ShowTicket,
)
from engine.domain.events import Asked
from engine.domain.ticket import MOVES, Move, TicketKind, TicketState
from engine.domain.units import Ms
from engine.domain.views import Alert, KillView, Severity

KILL_TIMER = "kill"
STORE_TIMER = "store"
STORE_AGAIN_MS = 5_000
KILL_INCOMPLETE_MS = 5_000
KILL_TOLD_EVERY_MS = 15_000
KILL_AGAIN_MS = 1_000
"""Cancel-all and the proving read are repeated this often until the read shows nothing open."""
LOOKED = "no order leaves until an operator has looked and pressed /resume"


def kill(desk: Desk, asked: Asked) -> list[Effect]:
    """Carry out `/kill`: the first answer is immediate, the true one follows the venue's confirmation."""
    reason = f"killed by {asked.operator.name}"
    view = KillView(
        by=asked.operator,
        at_ms=asked.at_ms,
        asked=sum(1 for _ in live_orders(desk)),
        open_now=None,
        still_held=holdings(desk),
    )
    desk.kill = view
    # The first reads come at once; "incomplete" is said after five seconds, then again and again.
    desk.kill_told_ms = Ms(asked.at_ms - KILL_TOLD_EVERY_MS + KILL_INCOMPLETE_MS)
    superseded = _close(desk, reason, asked.at_ms)
    return [
        CancelEverything(),
        SaveHalt(reason),
        Reply(asked.request, view),
        Audit(asked.at_ms, asked.operator, "kill", "", f"{view.asked} orders believed open"),
        SetTimer(KILL_TIMER, Ms(asked.at_ms + KILL_AGAIN_MS // 4)),
        *superseded,
    ]


def halt(desk: Desk, reason: str, at_ms: Ms, *, next_step: str = LOOKED) -> list[Effect]:
    """Close the gate by the desk's own judgement and say why."""
    superseded = _close(desk, reason, at_ms)
    alert = Alert(
        key=f"halt:{at_ms}",
        severity=Severity.CRIT,
        subject="halted",
        text=reason,
        next_step=next_step,
    )
    return [SaveHalt(reason), Audit(at_ms, None, "halt", "", reason), RaiseAlert(alert), *superseded]


def not_stored(desk: Desk, reason: str, at_ms: Ms) -> list[Effect]:
    """Go on trying to store a halt that could not be written; until it stands a restart would not know it."""
    effects: list[Effect] = [SetTimer(STORE_TIMER, Ms(at_ms + STORE_AGAIN_MS))]
    if not desk.unstored_halt:
        desk.unstored_halt = True
        alert = Alert(
            key=f"unstored:{at_ms}",
            severity=Severity.CRIT,
            subject="halt not stored",
            text=f"the desk is halted, and its ledger cannot be written: {reason}",
            next_step="do not restart it before the disk is mended; it goes on trying to store the halt",
        )
        effects.append(RaiseAlert(alert))
    return effects


def store_timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Write the halt again; a failure comes back as StoreFailed and sets the next try."""
    reason = desk.standing.halted
    if reason is None or not desk.unstored_halt:
        return []
    desk.unstored_halt = False
    return [SaveHalt(reason), Audit(at_ms, None, "halt", "", f"stored late: {reason}")]


def _close(desk: Desk, reason: str, at_ms: Ms) -> list[Effect]:
    """Close the gate. A resume that was asked for before this was about an older halt: it ends."""
    desk.standing.halted = reason
    effects: list[Effect] = []
    for ticket in [t for t in desk.tickets.values() if t.kind is TicketKind.RESUME]:
        move = Move.REFUSE if ticket.state is TicketState.SENDING else Move.DROP
        if (ticket.state, move) in MOVES:
            after, saved = moved(desk, ticket, move, at_ms, note=f"a newer halt: {reason}")
            effects += [*saved, ShowTicket(view_of(desk, after), aloud=False)]
    return effects


def kill_timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Go on with a kill that is not yet confirmed by a complete read."""
    if desk.kill is None:
        return []
    return [
        CancelEverything(),
        read_account(desk, at_ms, "kill"),
        SetTimer(KILL_TIMER, Ms(at_ms + KILL_AGAIN_MS)),
    ]


def kill_read(desk: Desk, account: AccountState, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """Close a kill when a read begun after it shows no open order and none is unproven; else say so again."""
    if desk.kill is None or asked_ms < desk.kill.at_ms:
        return []
    unproven = sum(1 for _ in live_orders(desk))
    open_now = max(len(account.open_orders), unproven)
    view = replace(desk.kill, open_now=open_now, still_held=holdings(desk))
    if open_now == 0:
        desk.kill = None
        return [Announce(view)]
    if at_ms < desk.kill_told_ms + KILL_TOLD_EVERY_MS:
        return []
    desk.kill_told_ms = at_ms
    return [Announce(view)]

"""Named moments at which a desk can be made to die: the crash points of reliability D, and what leads there.

A point strikes only while the file `armed` lies in the data folder, so that the same process can start,
reconcile and be looked at before it is killed. Points 4 to 6 all lie before the one commit of a batch, 7
behind it.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from engine.domain.ticket import TicketState
from engine.runtime.service import Service
from engine.venue import account_reads, http_client
from engine.venue.private_calls import PrivateCalls
from engine.venue.relayer import ClobRelayer
from storage import store
from storage.inbox import Inbox
from storage.store import LedgerStore

ARMED = "armed"


class Stimulus(Enum):
    """What the campaign does to bring a desk to a point."""

    TICKET = "an operator buys a set"
    LOST = "the same, and the venue never gets the request"
    REST = "one order that rests"
    STOP = "the service is stopped while a batch is unanswered"
    WAIT = "nothing: it comes by itself"


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """One moment: its number in reliability D, its words, what leads to it, the hook that strikes."""

    number: int
    name: str
    stimulus: Stimulus
    hook: Callable[[Callable[[], bool]], None]


def die() -> NoReturn:
    """End this process as a power cut would: no handler, no flush, no goodbye."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nothing runs after SIGKILL")


def _always(*_args: Any, **_names: Any) -> bool:
    return True


def at(
    owner: Any, name: str, *, after: bool = False, when: Callable[..., bool] = _always
) -> Callable[[Callable[[], bool]], None]:
    """Return a hook that dies before or after a call of `owner.name` for which `when` holds."""

    def hook(is_armed: Callable[[], bool]) -> None:
        real = getattr(owner, name)

        def strikes(*args: Any, **names: Any) -> bool:
            return is_armed() and when(*args, **names)

        if asyncio.iscoroutinefunction(real):

            async def waited(*args: Any, **names: Any) -> Any:
                hit = strikes(*args, **names)
                if hit and not after:
                    die()
                result = await real(*args, **names)
                if hit:
                    die()
                return result

            setattr(owner, name, waited)
            return

        def called(*args: Any, **names: Any) -> Any:
            hit = strikes(*args, **names)
            if hit and not after:
                die()
            result = real(*args, **names)
            if hit:
                die()
            return result

        setattr(owner, name, called)

    return hook


def _half_a_request(is_armed: Callable[[], bool]) -> None:
    """Write the first half of a POST of orders to the venue, and die."""
    real = PrivateCalls.send

    async def send(self: PrivateCalls, method: str, path: str, **rest: Any) -> Any:
        if is_armed() and method == "POST" and path == "/orders":
            host, _, port = self._clob.removeprefix("http://").partition(":")
            _, writer = await asyncio.open_connection(host, int(port))
            body = rest["body"]
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body[: len(body) // 2])
            await writer.drain()
            die()
        return await real(self, method, path, **rest)

    PrivateCalls.send = send  # type: ignore[method-assign]


def _checkpoint(is_armed: Callable[[], bool]) -> None:
    """Die while the ledger's log is written back into its file."""
    real = LedgerStore.save_progress

    async def save_progress(self: LedgerStore, *args: Any) -> None:
        await real(self, *args)
        if is_armed():
            threading.Timer(0.000_5, die).start()
            await self._ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            await asyncio.sleep(1)

    LedgerStore.save_progress = save_progress  # type: ignore[assignment,method-assign]


def _state(state: TicketState) -> Callable[..., bool]:
    return lambda _store, ticket, _claim: ticket.state is state


def _answer_to(method: str) -> Callable[..., bool]:
    return lambda response, _bytes_max: (response.method, response.url.path) == (method, "/orders")


POINTS: tuple[CrashPoint, ...] = (
    CrashPoint(1, "update stored, not answered", Stimulus.TICKET, at(Inbox, "take", after=True)),
    CrashPoint(
        2,
        "dry plan stored",
        Stimulus.TICKET,
        at(LedgerStore, "save_ticket", after=True, when=_state(TicketState.DRY)),
    ),
    CrashPoint(
        3,
        "confirm stored",
        Stimulus.TICKET,
        at(LedgerStore, "save_ticket", after=True, when=_state(TicketState.ARMED)),
    ),
    CrashPoint(4, "reserved, not signed", Stimulus.TICKET, at(ClobRelayer, "prepare")),
    CrashPoint(5, "signed, not stored", Stimulus.TICKET, at(LedgerStore, "commit_batch")),
    CrashPoint(6, "in the commit of a batch", Stimulus.TICKET, at(store, "insert_first_sends", after=True)),
    CrashPoint(7, "committed, not connected", Stimulus.TICKET, at(LedgerStore, "commit_batch", after=True)),
    CrashPoint(8, "half of the request written", Stimulus.TICKET, _half_a_request),
    CrashPoint(
        9,
        "venue accepted, answer not read",
        Stimulus.TICKET,
        at(http_client, "_read_bounded", when=_answer_to("POST")),
    ),
    CrashPoint(10, "answer read, not stored", Stimulus.TICKET, at(LedgerStore, "finish_attempts")),
    CrashPoint(
        11,
        "answer's states stored",
        Stimulus.TICKET,
        at(LedgerStore, "save_progress", after=True, when=lambda _s, _orders, fills: not fills),
    ),
    CrashPoint(
        12,
        "fill received, not stored",
        Stimulus.TICKET,
        at(LedgerStore, "save_progress", when=lambda _s, _orders, fills: bool(fills)),
    ),
    CrashPoint(
        13,
        "fill stored, nobody told",
        Stimulus.TICKET,
        at(LedgerStore, "save_progress", after=True, when=lambda _s, _orders, fills: bool(fills)),
    ),
    CrashPoint(14, "cancel intended", Stimulus.LOST, at(ClobRelayer, "cancel")),
    CrashPoint(15, "DELETE sent", Stimulus.LOST, at(http_client, "_read_bounded", when=_answer_to("DELETE"))),
    CrashPoint(16, "cancel's reply read", Stimulus.LOST, at(ClobRelayer, "cancel", after=True)),
    CrashPoint(
        17,
        "reconcile between its reads",
        Stimulus.WAIT,
        at(account_reads, "read_trades", when=lambda _calls, _since, condition: condition is None),
    ),
    CrashPoint(18, "reconcile half applied", Stimulus.TICKET, at(store, "save_fills")),
    CrashPoint(19, "checkpoint", Stimulus.TICKET, _checkpoint),
    CrashPoint(23, "heartbeat", Stimulus.REST, at(ClobRelayer, "heartbeat")),
    CrashPoint(24, "shutdown drain", Stimulus.STOP, at(Service, "_wind_down")),
    CrashPoint(25, "audit append", Stimulus.TICKET, at(LedgerStore, "append_audit")),
)


def arm(number: int, data: Path) -> None:
    """Make this process die at a point, whenever the file lies in the folder; 0 arms nothing."""
    found = next((point for point in POINTS if point.number == number), None)
    if found is not None:
        found.hook((data / ARMED).exists)

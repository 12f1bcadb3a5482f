"""Test-only endpoints of the local exchange, all under `/_local/`. The real venue has none of them.

| call | what it does |
|---|---|
| GET `/_local/health` | `{"ok": true}` as soon as requests are served |
| GET `/_local/status` | events, windows opened, frames, requests, faults, connections, calls by path |
| GET `/_local/ledger?address=0x..` | accounts, orders, trades, deposits, request log (`ledger.py`) |
| POST `/_local/faults` | arms a fault (below) |
| GET `/_local/faults` | what fired, in order, and what is still armed |
| POST `/_local/calm` | disarms faults and lifts holds: those of a `kind`, or all |
| POST `/_local/window` | `{"event_slug": "..", "hold_ms": 60000}` opens a Dutch window, answers its asks |
| POST `/_local/tick`, `outcome`, `resolve`, `rules`, `disagree` | change what is listed |
| POST `/_local/chances`, `mode`, `rates`, `conduct`, `switch` | faults, states, limits (`http_conduct.py`) |
| POST `/_local/order`, `counterparty`, `withdraw`, `game`, `settlement` | others act (`http_hands.py`) |
| `/_local/chain/...` | approvals, split, merge, redeem (`http_chain.py`) |

A fault is `{"kind": ..}` with any other field of `faults.Fault`.
"""

from dataclasses import fields
from typing import Any

from aiohttp import web

from engine.domain.units import format_price
from engine.simulator.connections import connection_rows
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.http_chain import chain_routes
from engine.simulator.http_conduct import conduct_routes
from engine.simulator.http_hands import hand_routes
from engine.simulator.http_upheaval import upheaval_routes
from engine.simulator.ledger import ledger
from engine.simulator.replies import decode
from engine.simulator.venue import Venue
from engine.simulator.windows import HOLD_MS

HOLD_MAX_MS = 600_000
_FAULT_FIELDS = frozenset(field.name for field in fields(Fault))
_WORDS = frozenset({"asset_id", "text", "request", "retry_after", "channel", "event"})


def control_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the test-only routes."""
    control = _Control(venue)
    return [
        web.get("/_local/health", control.health),
        web.get("/_local/status", control.status),
        web.get("/_local/ledger", control.ledger),
        web.get("/_local/faults", control.fired),
        web.post("/_local/faults", control.arm),
        web.post("/_local/calm", control.calm),
        web.post("/_local/window", control.window),
        *upheaval_routes(venue),
        *conduct_routes(venue),
        *hand_routes(venue),
        *chain_routes(venue),
    ]


class _Control:
    """Handlers of the test-only routes."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def status(self, _request: web.Request) -> web.Response:
        venue = self._venue
        return web.json_response(
            {
                "now_ms": venue.now_ms(),
                "events": [event.slug for event in venue.catalogue.events],
                "windows_opened": venue.flow.windows.opened(),
                "frames_sent": venue.market_stream.frames_sent,
                "requests_logged": len(venue.log.entries()),
                "faults_fired": len(venue.faults.fired),
                "connections": {
                    "opened": venue.connections.opened,
                    "open": connection_rows(venue.connections.open),
                },
                "calls": venue.calls,
            }
        )

    async def ledger(self, request: web.Request) -> web.Response:
        return web.json_response(ledger(self._venue, request.query.get("address", "")))

    async def fired(self, _request: web.Request) -> web.Response:
        faults = self._venue.faults
        return web.json_response(
            {
                "fired": [
                    {"kind": firing.kind.value, "detail": firing.detail, "at_ms": firing.at_ms}
                    for firing in faults.fired
                ],
                "armed": [{"kind": fault.kind.value, "left": left} for fault, left in faults.armed()],
            }
        )

    async def arm(self, request: web.Request) -> web.Response:
        script = decode(await request.read())
        if not isinstance(script, dict):
            return _bad("expected a JSON object with a kind")
        try:
            self._venue.faults.arm(_fault(script))
        except (TypeError, ValueError) as error:
            return _bad(str(error))
        return web.json_response({"armed": True})

    async def calm(self, request: web.Request) -> web.Response:
        script = decode(await request.read())
        name = script.get("kind") if isinstance(script, dict) else None
        try:
            kind = None if name is None else FaultKind(name)
        except ValueError as error:
            return _bad(str(error))
        self._venue.faults.disarm(kind)
        self._venue.connections.lift(kind)
        if kind is None:
            self._venue.meet(None)
            self._venue.exchange.settlements.calm()
        return web.json_response({"calm": True})

    async def window(self, request: web.Request) -> web.Response:
        script = decode(await request.read())
        slug = script.get("event_slug") if isinstance(script, dict) else None
        hold_ms = script.get("hold_ms", HOLD_MS) if isinstance(script, dict) else None
        if not isinstance(hold_ms, int) or not 1 <= hold_ms <= HOLD_MAX_MS:
            return _bad(f"expected hold_ms of 1 to {HOLD_MAX_MS}")
        prices = self._venue.flow.open_window(str(slug), hold_ms, self._venue.now_ms())
        if prices is None:
            return _bad(f"expected an event with windows, was {slug!r}")
        self._venue.publish()
        return web.json_response({"asks": [format_price(price) for price in prices]})


def _fault(script: dict[str, object]) -> Fault:
    """Return the fault of a script; raises ValueError or TypeError for unknown keys and wrong types."""
    unknown = script.keys() - _FAULT_FIELDS
    if unknown:
        raise ValueError(f"unknown keys: {sorted(unknown)}")
    kind = FaultKind(script.get("kind"))
    given: dict[str, Any] = {
        name: str(script[name]) if name in _WORDS else _whole(script, name)
        for name in script
        if name != "kind"
    }
    return Fault(kind, **given)


def _whole(script: dict[str, object], name: str) -> int:
    value = script[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected {name} to be a whole number, was {value!r}")
    return value


def _bad(text: str) -> web.Response:
    return web.json_response({"error": text}, status=400)

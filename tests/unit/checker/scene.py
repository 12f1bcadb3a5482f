"""A day of a desk with nothing wrong: its ledger by the real store, the exchange's truth by hand."""

import copy
import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.clock import ManualClock
from engine.domain.effects import Audit
from engine.domain.failure import PostClass
from engine.domain.ids import TradeId
from engine.domain.order import Fill, OrderRecord, OrderState, Settlement
from engine.domain.units import Ms, Size, Usdc
from engine.ports import PreparedOrder, RequestKind, RequestMade
from storage.files import open_storage
from storage.lock import hold_folder
from tests.checker.evidence import Evidence, Given, read_anchor, read_views
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.store_contract import report, send

TICKET = "T-ABCDEF"
SIZE = 200_000_000
REST = Given(at_rest=True)


@dataclass
class Scene:
    """Everything that can be looked at, to be spoiled by a test."""

    views: dict[str, list[dict[str, Any]]]
    exchange: dict[str, Any]
    anchor: tuple[int, str] | None
    ids: list[str]

    def seen(self, given: Given = REST) -> Evidence:
        return Evidence(self.views, self.exchange, given, self.anchor)  # type: ignore[arg-type]

    def copy(self) -> "Scene":
        return copy.deepcopy(self)

    def row(self, view: str, **where: object) -> dict[str, Any]:
        """The one row of a view with these values."""
        found: list[dict[str, Any]] = [r for r in self.views[view] if where.items() <= r.items()]
        (row,) = found
        return row

    def order(self, leg: int) -> dict[str, Any]:
        """The exchange's order of a leg."""
        found: list[dict[str, Any]] = [o for o in self.exchange["orders"] if o["id"] == self.ids[leg]]
        (order,) = found
        return order


async def play(folder: Path) -> Scene:
    """Three legs: one filled by two makers, one filled and failed, one cancelled without a fill.

    The first send of the third was lost and the same bytes sent again; a second desk took up after a stop.
    """
    clock = ManualClock(NOW)
    with hold_folder(folder) as lock:
        async with open_storage(lock, clock, wallet="0xabc") as storage:
            store = storage.store
            _, pairs = await send(store, TICKET)
            records = [record for record, _ in pairs]
            await store.append_audit(Audit(NOW, builders.BEN, "ticket sending", TICKET, ""))
            await store.finish_attempts(report(*records[:2]), Ms(NOW + 40))
            await store.finish_attempts(report(records[2], kind=PostClass.DEFERRED), Ms(NOW + 41))
            await store.begin_resend([records[2].order_id], Ms(NOW + 300))
            await store.finish_attempts(report(records[2]), Ms(NOW + 340))
            filled = [replace(r, state=OrderState.FILLED, filled=Size(SIZE)) for r in records[:2]]
            live = replace(records[2], state=OrderState.LIVE, sends=2)
            await store.save_progress([*filled, live], [])
            clock.advance(500)
            await store.append_request(
                RequestMade(RequestKind.CANCEL, "c-1", (live.order_id,), "answered", 200, 900, clock.now_ms())
            )
            await store.save_progress([replace(live, state=OrderState.CANCELLED)], fills_of(filled))
        clock.advance(60_000)
        async with open_storage(lock, clock, wallet="0xabc") as storage:
            settled = [
                replace(fill, settlement=end)
                for fill, end in zip(fills_of(filled), (Settlement.CONFIRMED, Settlement.FAILED), strict=True)
            ]
            await storage.store.save_progress([], settled)
            await storage.store.append_audit(Audit(NOW, None, "settled", TICKET, ""))
    with closing(sqlite3.connect(folder / "ledger.db")) as ledger:
        views = read_views(ledger)
    ids = [str(record.order_id) for record in records]
    return Scene(views, truth(pairs), read_anchor(folder), ids)  # type: ignore[arg-type]


def fills_of(filled: list[OrderRecord]) -> list[Fill]:
    return [
        replace(builders.fill(record, f"trade-{leg}"), trade_id=TradeId(f"trade-{leg}"), fee=Usdc(1_711_200))
        for leg, record in enumerate(filled)
    ]


def truth(pairs: list[tuple[OrderRecord, PreparedOrder]]) -> dict[str, Any]:
    """What the exchange would tell about it."""
    orders = [
        _order(record, ended_ms=NOW + 20 if leg < 2 else NOW + 600) for leg, (record, _) in enumerate(pairs)
    ]
    first, second = (fill for fill in fills_of([record for record, _ in pairs[:2]]))
    trades = [
        _match(first, 150_000_000, "CONFIRMED"),
        _match(first, 50_000_000, "CONFIRMED"),
        _match(second, SIZE, "FAILED"),
    ]
    posts = [
        _request(1, NOW + 20, "POST", "/orders", [(p, "matched") for _, p in pairs[:2]]),
        _request(2, NOW + 25, "POST", "/orders", [(pairs[2][1], "")], status=425),
        _request(3, NOW + 320, "POST", "/orders", [(pairs[2][1], "live")]),
        _request(4, NOW + 510, "DELETE", "/orders", [(pairs[2][1], "canceled")]),
    ]
    told: dict[str, Any] = {"now_ms": NOW + 61_000, "orders": orders, "trades": trades, "requests": posts}
    return told


def _order(record: OrderRecord, *, ended_ms: int) -> dict[str, Any]:
    return {
        "id": record.order_id,
        "origin": "api",
        "market": record.intent.condition_id,
        "token": record.intent.token_id,
        "side": "BUY",
        "price": record.intent.price,
        "size": record.intent.size,
        "placed_ms": NOW + 20,
        "ended_ms": ended_ms,
    }


def _match(fill: Fill, size: int, status: str) -> dict[str, Any]:
    return {
        "trade": fill.trade_id,
        "order": fill.order_id,
        "token": fill.token_id,
        "side": "BUY",
        "size": size,
        "cash": fill.cash * size // fill.size,
        "fee": fill.fee * size // fill.size,
        "status": status,
        "matched_ms": NOW + 20,
        "steps": [{"status": "MATCHED", "at_ms": NOW + 20}, {"status": status, "at_ms": NOW + 2_000}],
    }


def _request(
    arrival: int,
    at_ms: int,
    method: str,
    path: str,
    legs: list[tuple[PreparedOrder, str]],
    *,
    status: int = 200,
) -> dict[str, Any]:
    return {
        "arrival": arrival,
        "arrived_ms": at_ms,
        "at_ms": at_ms,
        "method": method,
        "path": path,
        "status": status,
        "legs": [
            {
                "order": prepared.order_id,
                "outcome": outcome,
                "body_sha256": hashlib.sha256(prepared.body).hexdigest() if method == "POST" else "",
            }
            for prepared, outcome in legs
        ],
    }

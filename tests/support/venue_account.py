"""Rows of the account's lists as the venue words them, and what proves a private request."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from engine.domain.ids import OrderId, TokenId
from engine.venue.auth import L2Signer
from tests.support.scripted_venue import Asked
from tests.support.venue_orders import ADDRESS, CONDITION, CREDENTIALS, INTENT

NOW_MS = 1_790_000_000_900
"""Desk time of the scripted tests; requests are signed for its whole seconds."""
ORDER, OTHER = OrderId("0x" + "1a" * 32), OrderId("0x" + "2b" * 32)
YES = INTENT.token_id
NO = TokenId("52114319501245915516055106046884209969926127482827954674443846427813813222426")
ORDER_ROW: dict[str, Any] = {
    "id": ORDER,
    "status": "LIVE",
    "owner": "key",
    "maker_address": "0x19E7",
    "market": CONDITION,
    "asset_id": YES,
    "side": "BUY",
    "original_size": "10",
    "size_matched": "4.25",
    "price": "0.52",
    "outcome": "Yes",
    "order_type": "GTC",
    "created_at": 1_790_000_000,
    "expiration": "0",
    "associate_trades": [],
}
MAKER_ROW: dict[str, Any] = {
    "order_id": OTHER,
    "owner": "other",
    "maker_address": "0x1",
    "matched_amount": "4",
    "price": "0.48",
    "fee_rate_bps": "0",
    "asset_id": NO,
    "outcome": "No",
    "side": "BUY",
}
TRADE_ROW: dict[str, Any] = {
    "id": "7f0c0a52-0000-4000-8000-000000000001",
    "taker_order_id": ORDER,
    "market": CONDITION,
    "asset_id": YES,
    "side": "BUY",
    "size": "4",
    "fee_rate_bps": "0",
    "price": "0.52",
    "status": "TRADE_STATUS_MATCHED",
    "match_time": "1790000001",
    "last_update": "1790000009",
    "outcome": "Yes",
    "bucket_index": 0,
    "trader_side": "TAKER",
    "maker_orders": [MAKER_ROW],
}


def page(*rows: Mapping[str, object], cursor: str = "LTE=") -> bytes:
    return json.dumps({"data": rows, "next_cursor": cursor, "limit": 100, "count": len(rows)}).encode()


def order_rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Open orders that differ by id."""
    return [ORDER_ROW | {"id": "0x" + sha256(str(start + n).encode()).hexdigest()} for n in range(count)]


def trade_rows(*stamps: int) -> list[dict[str, Any]]:
    """Trades named by the second they were matched in."""
    return [TRADE_ROW | {"id": f"t{stamp}", "match_time": str(stamp)} for stamp in stamps]


def proved(asked: Asked, stamp: int = NOW_MS // 1000) -> bool:
    """Tell whether a request carries the five headers, over the bare path and the exact bytes."""
    wanted = L2Signer(ADDRESS, CREDENTIALS).headers(stamp, asked.method, asked.path, asked.body)
    return all(asked.headers[name] == value for name, value in wanted.items())

"""Reads of the account over several pages, complete or not at all (reliability E4). Judges no order."""

from collections.abc import Mapping, Sequence

from engine.domain.account import AccountState, OpenOrder, VenueTrade
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.units import Ms, Size, Usdc
from engine.ports import FoundOrder
from engine.venue.account_wire import (
    read_balance,
    read_order,
    read_orders_page,
    read_trades_page,
)
from engine.venue.http_client import HttpAnswer
from engine.venue.pages import Ask, read_pages
from engine.venue.private_calls import PrivateCalls, body_of
from engine.venue.signing import SignatureType


async def look_up(
    calls: PrivateCalls, order_id: OrderId, condition_id: ConditionId, since_ms: Ms
) -> FoundOrder | VenueFailure:
    """Ask for one order, then for its trades: in this order a fill in between is seen, never lost."""
    path = f"/data/order/{order_id}"
    answer = await calls.send("GET", path)
    # "not found" travels as 404 (protocol 4.5): the order does not rest, which proves nothing more.
    absent = (
        isinstance(answer, HttpAnswer)
        and answer.status == 404
        and not answer.is_html
        and b"not found" in answer.body.lower()
    )
    raw = b"" if absent else body_of(answer, f"GET {path}")
    if isinstance(raw, VenueFailure):
        return raw
    try:
        open_order = read_order(raw)
    except ValueError as error:
        return VenueFailure(f"GET {path}: {error}")
    if open_order is not None and open_order.order_id != order_id:
        return VenueFailure(f"GET {path}: expected this order, found {open_order.order_id}")
    trades = await read_trades(calls, since_ms, condition_id)
    if isinstance(trades, VenueFailure):
        return trades
    return FoundOrder(open_order, tuple(trade for trade in trades if _names(trade, order_id)))


async def read_account(
    calls: PrivateCalls, signature_type: SignatureType, since_ms: Ms, tokens: Sequence[TokenId]
) -> AccountState | VenueFailure:
    """Read open orders, then trades, then the balances, each whole."""
    orders = await _read_open_orders(calls)
    if isinstance(orders, VenueFailure):
        return orders
    trades = await read_trades(calls, since_ms, None)
    if isinstance(trades, VenueFailure):
        return trades
    collateral = await _read_balance(calls, {"asset_type": "COLLATERAL"}, signature_type)
    if isinstance(collateral, VenueFailure):
        return collateral
    shares: list[tuple[TokenId, Size]] = []
    for token in tokens:
        held = await _read_balance(calls, {"asset_type": "CONDITIONAL", "token_id": token}, signature_type)
        if isinstance(held, VenueFailure):
            return held
        shares.append((token, Size(held)))
    return AccountState(orders, trades, Usdc(collateral), tuple(shares))


async def _read_balance(
    calls: PrivateCalls, asset: Mapping[str, str], signature_type: SignatureType
) -> int | VenueFailure:
    """Read one balance in base units (1e-6)."""
    query = {**asset, "signature_type": str(signature_type.value)}
    raw = await calls.read("GET", "/balance-allowance", query=query)
    if isinstance(raw, VenueFailure):
        return raw
    try:
        return read_balance(raw)
    except ValueError as error:
        return VenueFailure(f"GET /balance-allowance: {error}")


async def read_trades(
    calls: PrivateCalls, since_ms: Ms, condition_id: ConditionId | None
) -> tuple[VenueTrade, ...] | VenueFailure:
    """Read every trade since then, oldest first. The venue counts whole seconds: one second overlaps."""
    query = {"after": str(max(0, since_ms // 1000 - 1))}
    if condition_id is not None:
        query["market"] = condition_id
    listing = await read_pages(_asking(calls, "/data/trades"), "/data/trades", query, read_trades_page)
    if isinstance(listing, VenueFailure):
        return listing
    # A trade that moved to the next page while it was read comes twice; its later state counts.
    newest = {trade.trade_id: trade for trade in listing.rows}
    return tuple(sorted(newest.values(), key=lambda trade: (trade.matched_ms, trade.trade_id)))


async def _read_open_orders(calls: PrivateCalls) -> tuple[OpenOrder, ...] | VenueFailure:
    """Read every open order.

    Cursors count rows, so an order that ends between two pages hides another: a list of several pages is read
    again and must hold the same orders both times.
    """
    path = "/data/orders"
    first = await read_pages(_asking(calls, path), path, {}, read_orders_page)
    if isinstance(first, VenueFailure) or first.pages == 1:
        return first if isinstance(first, VenueFailure) else first.rows
    again = await read_pages(_asking(calls, path), path, {}, read_orders_page)
    if isinstance(again, VenueFailure):
        return again
    before, after = ([order.order_id for order in read.rows] for read in (first, again))
    if before != after or len(set(after)) != len(after):
        return VenueFailure(f"GET {path}: the list changed while its pages were read")
    return again.rows


def _asking(calls: PrivateCalls, path: str) -> Ask:
    async def ask(query: Mapping[str, str]) -> bytes | VenueFailure:
        return await calls.read("GET", path, query=query)

    return ask


def _names(trade: VenueTrade, order_id: OrderId) -> bool:
    return trade.taker_order_id == order_id or any(maker.order_id == order_id for maker in trade.makers)

"""The exchange's record of one trader, for tests and checkers: base units, nothing left out.

Everything in it but the accounts only grows: who adds up deposits and the steps of trades and acts up to some
time has the position and the cash of that time.
"""

from collections.abc import Mapping

from engine.simulator.bank import Account
from engine.simulator.chain import Act, Approve, Merge, Operate, Redeem, Split
from engine.simulator.orders import Fill, Order, Trade
from engine.simulator.request_log import RequestEntry
from engine.simulator.venue import Venue

Json = dict[str, object]


def ledger(venue: Venue, address: str) -> Json:
    """Return everything known about an address (all its wallets), or about everybody outside.

    Amounts are micro-units, prices 1e-4. A trade appears once for each own order and match it holds.
    """
    accounts = [account for account in venue.exchange.bank.accounts.values() if _concerns(account, address)]
    own = {account.id for account in accounts}
    return {
        "address": address,
        "now_ms": venue.now_ms(),
        "accounts": [_account(account) for account in accounts],
        "orders": [
            _order(venue, order) for order in venue.exchange.orders.values() if order.terms.account_id in own
        ],
        "trades": [row for trade in venue.exchange.trades for row in _fills(venue, trade, own)],
        "deposits": [
            {"account": deposit.account_id, "usdc": deposit.amount, "at_ms": deposit.at_ms}
            for deposit in venue.exchange.bank.deposits
            if deposit.account_id in own
        ],
        "acts": [act_row(act) for act in venue.chain.acts if act.account_id in own],
        "resolutions": [
            {"market": market, "winner": resolution.winner, "at_ms": resolution.at_ms}
            for market, resolution in venue.exchange.resolutions.items()
        ],
        "heartbeat_lapses": [
            {"address": lapse.address, "at_ms": lapse.at_ms, "orders": list(lapse.order_ids)}
            for lapse in venue.heartbeats.lapses
            if not address or lapse.address.lower() == address.lower()
        ],
        "requests": [_request(entry) for entry in venue.log.entries(address)],
    }


def _concerns(account: Account, address: str) -> bool:
    known = (account.holder.lower(), account.address.lower())
    return not account.insider and (not address or address.lower() in known)


def _account(account: Account) -> Json:
    return {
        "account": account.id,
        "wallet": account.address,
        "usdc": account.usdc,
        "reserved_usdc": account.reserved_usdc,
        "unconfirmed_usdc": account.unconfirmed_usdc,
        "shares": _held(account.shares),
        "reserved_shares": _held(account.reserved_shares),
        "unconfirmed_shares": _held(account.unconfirmed_shares),
    }


def _held(shares: Mapping[str, int]) -> dict[str, int]:
    return {token: amount for token, amount in shares.items() if amount}


def _order(venue: Venue, order: Order) -> Json:
    terms = order.terms
    return {
        "id": terms.id,
        "account": terms.account_id,
        "market": terms.condition_id,
        "token": venue.exchange.markets[terms.condition_id].tokens[terms.token_index],
        "side": terms.side.value,
        "type": terms.order_type.value,
        "origin": terms.origin.value,
        "price": terms.price,
        "size": terms.size,
        "filled": order.filled,
        "state": order.state.value,
        "placed_ms": order.placed_ms,
        "ended_ms": order.ended_ms,
        "steps": [
            {"state": step.state.value, "filled": step.filled, "at_ms": step.at_ms} for step in order.steps
        ],
    }


def _fills(venue: Venue, trade: Trade, own: set[str]) -> list[Json]:
    rows = [("TAKER", fill) for fill in trade.takers] + [("MAKER", fill) for fill in trade.makers]
    return [_fill(venue, trade, role, fill) for role, fill in rows if fill.account_id in own]


def _fill(venue: Venue, trade: Trade, role: str, fill: Fill) -> Json:
    return {
        "trade": trade.id,
        "order": fill.order_id,
        "account": fill.account_id,
        "role": role,
        "token": venue.exchange.markets[trade.condition_id].tokens[fill.token_index],
        "side": fill.side.value,
        "price": fill.price,
        "size": fill.size,
        "cash": fill.cash,
        "fee": fill.fee,
        "status": trade.status.value,
        "matched_ms": trade.matched_ms,
        "steps": [
            {"status": step.status.value, "at_ms": step.at_ms, "transaction_hash": step.transaction_hash}
            for step in trade.steps
        ],
    }


def _request(entry: RequestEntry) -> Json:
    return {
        "arrival": entry.arrival,
        "arrived_ms": entry.arrived_ms,
        "at_ms": entry.at_ms,
        "method": entry.method,
        "path": entry.path,
        "body_sha256": entry.body_sha256,
        "legs": [
            {"order": leg.order_id, "outcome": leg.outcome, "body_sha256": leg.body_sha256}
            for leg in entry.legs
        ],
        "status": entry.status,
        "processed": entry.processed,
        "note": entry.note,
    }


def act_row(act: Act) -> Json:
    """Return one act on chain: what was to be done, its steps, and what it moved once it was confirmed."""
    match act.deed:
        case Approve(spender, amount):
            deed: Json = {"kind": "approve", "spender": spender, "amount": str(amount)}
        case Operate(token, operator, approved):
            deed = {"kind": "operator", "token": token, "operator": operator, "approved": approved}
        case Split(market, amount):
            deed = {"kind": "split", "market": market.condition_id, "amount": str(amount)}
        case Merge(market, amount):
            deed = {"kind": "merge", "market": market.condition_id, "amount": str(amount)}
        case Redeem(market):
            deed = {"kind": "redeem", "market": market.condition_id}
    return {
        "id": act.id,
        "account": act.account_id,
        **deed,
        "state": act.state.value,
        "error": act.error,
        "transaction_hash": act.transaction_hash,
        "steps": [{"state": step.state.value, "at_ms": step.at_ms} for step in act.steps],
        "usdc": act.usdc,
        "shares": act.shares,
    }

"""The JSON shapes of order answers, open orders, trades and balances (protocol 4.4 to 4.6 and 6).

Pure rendering: amounts become decimal text, times become what each place of the protocol wants.
"""

from collections.abc import Mapping

from engine.domain.units import Size, Usdc, format_scaled
from engine.simulator.bank import Account
from engine.simulator.books import price_text
from engine.simulator.contracts import EXCHANGE_NEG_RISK, EXCHANGE_STANDARD
from engine.simulator.exchange import Placed
from engine.simulator.facts import OrderChanged, TradeMoved
from engine.simulator.market import MarketSpec, Side
from engine.simulator.order_entry import Judged
from engine.simulator.orders import Fill, Order, OrderState, Trade, TradeStatus
from engine.simulator.refusals import Refusal

Json = dict[str, object]
PAGE_SIZE = 100
"""Orders or trades on a page."""


def amount_text(amount: Size | Usdc) -> str:
    """Return shares or dollars as decimal text without useless zeros."""
    return format_scaled(amount, 6)


def post_answer(judged: Judged) -> Json:
    """Return one leg's answer; a refused leg still says `success: true`, as documented."""
    outcome = judged.outcome
    if isinstance(outcome, Refusal):
        return _leg("", "", outcome.text)
    return _accepted(outcome)


def placed_status(placed: Placed) -> str:
    """Return the word for what became of an accepted order."""
    if placed.order.state is OrderState.DELAYED:
        return "delayed"
    return "matched" if placed.trades else "live"


def _accepted(placed: Placed) -> Json:
    takers = [fill for trade in placed.trades for fill in trade.takers]
    if not takers:
        return _leg(placed.order.terms.id, placed_status(placed), "")
    shares = amount_text(Size(sum(fill.size for fill in takers)))
    cash = amount_text(Usdc(sum(fill.cash for fill in takers)))
    buys = placed.order.terms.side is Side.BUY
    answer = _leg(placed.order.terms.id, "matched", "")
    answer["makingAmount"], answer["takingAmount"] = (cash, shares) if buys else (shares, cash)
    answer["tradeIDs"] = [trade.id for trade in placed.trades]
    return answer


def _leg(order_id: str, status: str, error: str) -> Json:
    return {
        "errorMsg": error,
        "orderID": order_id,
        "takingAmount": "",
        "makingAmount": "",
        "status": status,
        "success": True,
        "transactionsHashes": [],
        "tradeIDs": [],
    }


def open_order(order: Order, market: MarketSpec, account: Account) -> Json:
    """Return one open order as `/data/orders` lists it."""
    terms = order.terms
    return {
        "id": terms.id,
        "status": order.state.value,
        "owner": account.owner,
        "maker_address": account.address,
        "market": market.condition_id,
        "asset_id": market.tokens[terms.token_index],
        "side": terms.side.value,
        "original_size": amount_text(terms.size),
        "size_matched": amount_text(order.filled),
        "price": price_text(terms.price),
        "outcome": market.outcomes[terms.token_index],
        "expiration": terms.expiration_text,
        "order_type": terms.order_type.value,
        "associate_trades": list(order.trade_ids),
        "created_at": order.placed_ms // 1000,
    }


def order_event(fact: OrderChanged, market: MarketSpec, account: Account) -> Json:
    """Return an order event of the user stream."""
    terms = fact.terms
    return {
        "event_type": "order",
        "id": terms.id,
        "owner": account.owner,
        "order_owner": account.owner,
        "market": market.condition_id,
        "asset_id": market.tokens[terms.token_index],
        "side": terms.side.value,
        "original_size": amount_text(terms.size),
        "size_matched": amount_text(fact.filled),
        "price": price_text(terms.price),
        "associate_trades": list(fact.trade_ids),
        "outcome": market.outcomes[terms.token_index],
        "type": fact.change.value,
        "created_at": str(fact.placed_ms // 1000),
        "expiration": terms.expiration_text,
        "order_type": terms.order_type.value,
        "status": fact.state.value,
        "maker_address": account.address,
        "timestamp": str(fact.at_ms),
    }


def trade_record(
    trade: Trade, market: MarketSpec, accounts: Mapping[str, Account], *, as_maker: bool
) -> Json:
    """Return a trade as `/data/trades` lists it: the taker on top, the status with its prefix."""
    taker = trade.takers[0]
    account = accounts[taker.account_id]
    return {
        "id": trade.id,
        "taker_order_id": trade.taker_order_id,
        "market": market.condition_id,
        "asset_id": market.tokens[taker.token_index],
        "side": taker.side.value,
        "size": amount_text(trade.size),
        "fee_rate_bps": "0",
        "price": price_text(taker.price),
        "status": f"TRADE_STATUS_{trade.status.value}",
        "match_time": str(trade.matched_ms // 1000),
        "last_update": str(trade.updated_ms // 1000),
        "outcome": market.outcomes[taker.token_index],
        "bucket_index": 0,
        "owner": account.owner,
        "maker_address": account.address,
        "transaction_hash": trade.transaction_hash,
        "maker_orders": [_maker_order(fill, market, accounts[fill.account_id]) for fill in trade.makers],
        "trader_side": "MAKER" if as_maker else "TAKER",
    }


def trade_event(
    fact: TradeMoved, market: MarketSpec, accounts: Mapping[str, Account], *, as_maker: bool
) -> Json:
    """Return a trade event of the user stream, which knows no trade that is not broadcast yet."""
    told = TradeStatus.MATCHED if fact.status is TradeStatus.UNBROADCAST else fact.status
    record = trade_record(fact.trade, market, accounts, as_maker=as_maker)
    return {
        "event_type": "trade",
        "type": "TRADE",
        **record,
        "trade_owner": record["owner"],
        "status": told.value,
        "last_update": str(fact.at_ms // 1000),
        "timestamp": str(fact.at_ms),
    }


def _maker_order(fill: Fill, market: MarketSpec, account: Account) -> Json:
    return {
        "order_id": fill.order_id,
        "owner": account.owner,
        "maker_address": account.address,
        "matched_amount": amount_text(fill.size),
        "price": price_text(fill.price),
        "fee_rate_bps": "0",
        "asset_id": market.tokens[fill.token_index],
        "outcome": market.outcomes[fill.token_index],
        "outcome_index": fill.token_index,
        "side": fill.side.value,
    }


def balance(amount: int, account: Account | None) -> Json:
    """Return a balance in base units with the allowances of both exchange contracts."""
    allowances = account.allowances if account else {}
    return {
        "balance": str(amount),
        "allowances": {
            spender: str(allowances[spender])
            for spender in (EXCHANGE_STANDARD, EXCHANGE_NEG_RISK)
            if spender in allowances
        },
    }

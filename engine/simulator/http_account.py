"""Keys and private reads: open orders, trades, balances (protocol 3 and 4.6)."""

from collections.abc import Callable

from engine.simulator import answers
from engine.simulator.answers import PAGE_SIZE, Json
from engine.simulator.auth import ApiKey
from engine.simulator.orders import Order, OrderState, Trade
from engine.simulator.refusals import INVALID_PAYLOAD, TOO_MANY_REQUESTS, Refusal
from engine.simulator.replies import authenticate, cut_page, decode, json_reply, refuse
from engine.simulator.rest import Handler, RestReply, RestRequest, Route
from engine.simulator.venue import Venue

_Read = Callable[[RestRequest, ApiKey], RestReply]


def account_routes(venue: Venue) -> list[Route]:
    """Return the routes of keys, own orders, own trades and balances."""
    keys, reads = _Keys(venue), _AccountReads(venue)

    def private(read: _Read) -> Handler:
        def handler(request: RestRequest) -> RestReply:
            if not venue.ip_windows.admits(request.call, venue.now_ms()):
                return refuse(TOO_MANY_REQUESTS)
            key = authenticate(venue, request)
            return refuse(key) if isinstance(key, Refusal) else read(request, key)

        return handler

    return [
        Route("POST", "/auth/api-key", keys.create),
        Route("GET", "/auth/derive-api-key", keys.derive),
        Route("GET", "/auth/api-keys", private(keys.listed)),
        Route("DELETE", "/auth/api-key", private(keys.revoke)),
        Route("GET", "/auth/ban-status/closed-only", private(keys.closed_only)),
        Route("GET", "/data/orders", private(reads.orders)),
        Route("GET", "/data/order/{id}", private(reads.order)),
        Route("GET", "/data/trades", private(reads.trades)),
        Route("GET", "/balance-allowance", private(reads.balance)),
        Route("GET", "/balance-allowance/update", private(reads.refresh_balance)),
        Route("POST", "/v1/heartbeats", private(keys.heartbeat), logged=True),
    ]


class _Keys:
    """Issue and list API keys; the first key of an address opens and funds its account."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def create(self, request: RestRequest) -> RestReply:
        return self._issued(self._venue.keys.create(request.headers))

    def derive(self, request: RestRequest) -> RestReply:
        return self._issued(self._venue.keys.derive(request.headers))

    def listed(self, _request: RestRequest, key: ApiKey) -> RestReply:
        return json_reply({"apiKeys": self._venue.keys.owners_of(key.address)})

    def revoke(self, _request: RestRequest, key: ApiKey) -> RestReply:
        self._venue.keys.revoke(key)
        return json_reply("OK")

    def closed_only(self, _request: RestRequest, _key: ApiKey) -> RestReply:
        return json_reply({"closed_only": self._venue.entry.closed_only})

    def heartbeat(self, request: RestRequest, key: ApiKey) -> RestReply:
        """Take the next heartbeat of a key's chain; another id than the one expected is told that one."""
        sent = decode(request.body)
        given = sent.get("heartbeat_id") if isinstance(sent, dict) else None
        if not isinstance(given, str):
            return refuse(INVALID_PAYLOAD)
        taken, following = self._venue.heartbeats.beat(key, given, self._venue.now_ms())
        if taken:
            return json_reply({"heartbeat_id": following})
        return json_reply({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": following}, 400)

    def _issued(self, key: ApiKey | Refusal) -> RestReply:
        if isinstance(key, Refusal):
            return refuse(key)
        self._venue.entry.account_of(key, 0, self._venue.now_ms())
        return json_reply({"apiKey": key.owner, "secret": key.secret, "passphrase": key.passphrase})


class _AccountReads:
    """Reads of one key's accounts, all wallets of its address together."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def orders(self, request: RestRequest, key: ApiKey) -> RestReply:
        rows = [self._order_row(order) for order in self._open(key)]
        filters = {"id": "id", "market": "market", "asset_id": "asset_id"}
        return cut_page(request, _filtered(rows, request, filters), dict, PAGE_SIZE)

    def order(self, request: RestRequest, key: ApiKey) -> RestReply:
        """Return an open order; one that is filled, cancelled, foreign or unknown is null."""
        order = self._venue.exchange.orders.get(request.last)
        own = {account.id for account in self._venue.entry.accounts_of(key)}
        open_states = (OrderState.LIVE, OrderState.DELAYED)
        if order is None or order.state not in open_states or order.terms.account_id not in own:
            return json_reply(None)
        return json_reply(self._order_row(order))

    def trades(self, request: RestRequest, key: ApiKey) -> RestReply:
        """Return own trades, newest first; `after` and `before` are seconds and include their own second."""
        own = {account.id for account in self._venue.entry.accounts_of(key)}
        bounds = [
            request.query.get(name, fallback) for name, fallback in (("after", "0"), ("before", "9" * 12))
        ]
        if not all(bound.isascii() and bound.isdigit() for bound in bounds):
            return refuse(INVALID_PAYLOAD)
        after, before = (int(bound) for bound in bounds)
        rows = [
            self._trade_row(trade, own)
            for trade in reversed(self._venue.exchange.trades)
            if trade.account_ids & own and after <= trade.matched_ms // 1000 <= before
        ]
        filters = {"id": "id", "market": "market", "asset_id": "asset_id", "maker_address": "maker_address"}
        return cut_page(request, _filtered(rows, request, filters), dict, PAGE_SIZE)

    def balance(self, request: RestRequest, key: ApiKey) -> RestReply:
        """Return settled collateral or shares in base units as the venue sees them, open orders not deducted.

        What a trade brings counts once it is confirmed, what it takes is gone at the match.
        """
        balances, now_ms = self._venue.exchange.balances, self._venue.now_ms()
        signature_type = request.query.get("signature_type", "0")
        if signature_type not in ("0", "1", "2", "3"):
            return refuse(INVALID_PAYLOAD)
        account = self._venue.entry.account_of(key, int(signature_type), now_ms)
        asset_type = request.query.get("asset_type", "")
        if asset_type == "COLLATERAL":
            return json_reply(answers.balance(balances.usdc(account, now_ms), account))
        if asset_type not in ("CONDITIONAL", "CONDITIONAL-V2"):
            return refuse(INVALID_PAYLOAD)
        shares = balances.shares(account, request.query.get("token_id", ""), now_ms)
        return json_reply(answers.balance(shares, account))

    def refresh_balance(self, _request: RestRequest, key: ApiKey) -> RestReply:
        """Let the venue look at the chain again, for every wallet of the key."""
        for account in self._venue.entry.accounts_of(key):
            self._venue.exchange.balances.refresh(account.id, self._venue.now_ms())
        return json_reply({})

    def _open(self, key: ApiKey) -> list[Order]:
        return self._venue.open_orders_of(key)

    def _order_row(self, order: Order) -> Json:
        market = self._venue.exchange.markets[order.terms.condition_id]
        return answers.open_order(order, market, self._venue.exchange.bank.accounts[order.terms.account_id])

    def _trade_row(self, trade: Trade, own: set[str]) -> Json:
        market = self._venue.exchange.markets[trade.condition_id]
        accounts = self._venue.exchange.bank.accounts
        return answers.trade_record(trade, market, accounts, as_maker=trade.takers[0].account_id not in own)


def _filtered(rows: list[Json], request: RestRequest, filters: dict[str, str]) -> list[Json]:
    """Keep rows that equal every filter given; addresses are compared without letter case.

    A trade also matches by what one of its maker orders says, because own orders may stand there.
    """
    wanted = {
        field: request.query[name].lower() for name, field in filters.items() if request.query.get(name)
    }
    return [row for row in rows if all(_says(row, field, value) for field, value in wanted.items())]


def _says(row: Json, field: str, value: str) -> bool:
    makers = row.get("maker_orders", [])
    assert isinstance(makers, list), "maker orders are a list"
    return any(str(part.get(field, "")).lower() == value for part in (row, *makers))

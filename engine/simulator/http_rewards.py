"""What a quoter reads of rewards and rebates (protocol 8.2 and 8.3)."""

from collections.abc import Callable

from engine.domain.rewards import SHARE_ONE
from engine.domain.units import Usdc, complement
from engine.simulator.auth import ApiKey
from engine.simulator.bank import Account
from engine.simulator.contracts import COLLATERAL
from engine.simulator.gamma import REWARDS_SINCE, REWARDS_UNTIL, Json, json_number
from engine.simulator.orders import Order
from engine.simulator.refusals import INVALID_PAYLOAD, TOO_MANY_REQUESTS
from engine.simulator.replies import authenticate, cut_page, decode, json_reply, refuse
from engine.simulator.rest import Handler, RestReply, RestRequest, Route
from engine.simulator.rewards import Rewarded
from engine.simulator.venue import Venue

PAGE = 500
"""Markets on a page of the current rewards."""
EARNINGS_PAGE = 100
_Read = Callable[[RestRequest, ApiKey], RestReply]


def reward_routes(venue: Venue) -> list[Route]:
    """Return the routes of reward terms, own shares and earnings, scoring orders, and rebates."""
    reads = _RewardReads(venue)

    def private(read: _Read) -> Handler:
        def handler(request: RestRequest) -> RestReply:
            if not venue.ip_windows.admits(request.call, venue.now_ms()):
                return refuse(TOO_MANY_REQUESTS)
            key = authenticate(venue, request)
            return read(request, key) if isinstance(key, ApiKey) else refuse(key)

        return handler

    return [
        Route("GET", "/rewards/markets/current", reads.current),
        Route("GET", "/rewards/markets/{condition}", reads.market),
        Route("GET", "/rebates/current", reads.rebates),
        Route("GET", "/rewards/user/percentages", private(reads.percentages)),
        Route("GET", "/rewards/user/total", private(reads.total)),
        Route("GET", "/rewards/user", private(reads.earnings)),
        Route("GET", "/order-scoring", private(reads.one_scores)),
        Route("POST", "/orders-scoring", private(reads.many_score)),
    ]


class _RewardReads:
    """Public terms and one key's own figures."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def current(self, request: RestRequest) -> RestReply:
        """Return a page of every market with rewards; nobody sponsors any here."""
        found = list(self._venue.rewards.markets())
        return cut_page(request, [] if _sponsored(request) else found, _offer_row, PAGE)

    def market(self, request: RestRequest) -> RestReply:
        """Return the rewards of one market as a list of one, or of none."""
        found = self._venue.rewards.of(request.last)
        rows = [] if found is None or _sponsored(request) else [found]
        return cut_page(request, rows, self._market_row, PAGE)

    def percentages(self, request: RestRequest, key: ApiKey) -> RestReply:
        """Return the hundredths of each pool that an account would be given by a sample taken now."""
        account = self._account(request, key)
        if account is None:
            return refuse(INVALID_PAYLOAD)
        shares: Json = {}
        for rewarded in self._venue.rewards.markets():
            standing = self._venue.rewards.standing(rewarded, self._venue.now_ms())
            points = standing.scores.get(account.id, 0)
            if points and (share := points * SHARE_ONE // standing.total):
                shares[rewarded.condition_id] = json_number(share, 4)
        return json_reply(shares)

    def earnings(self, request: RestRequest, key: ApiKey) -> RestReply:
        """Return what an account earned on a day, market by market."""
        account = self._account(request, key)
        if account is None or not request.query.get("date"):
            return refuse(INVALID_PAYLOAD)
        day = request.query["date"]
        rows = sorted(self._venue.rewards.earned(account.id, day).items())
        return cut_page(
            request,
            rows,
            lambda row: {"condition_id": row[0], **_earning(account, day, row[1])},
            EARNINGS_PAGE,
        )

    def total(self, request: RestRequest, key: ApiKey) -> RestReply:
        """Return what an account earned on a day, as a list of one for each asset."""
        account = self._account(request, key)
        if account is None or not request.query.get("date"):
            return refuse(INVALID_PAYLOAD)
        day = request.query["date"]
        amount = Usdc(sum(self._venue.rewards.earned(account.id, day).values()))
        return json_reply([_earning(account, day, amount)] if amount else [])

    def rebates(self, request: RestRequest) -> RestReply:
        """Return the rebates of a day that were paid to an address; null where there are none."""
        day, maker = request.query.get("date", ""), request.query.get("maker_address", "")
        if not day or not maker:
            return refuse(INVALID_PAYLOAD)
        accounts = self._venue.exchange.bank.accounts
        rows: list[Json] = []
        for payment in self._venue.rewards.payments:
            address = accounts[payment.account_id].address
            if payment.rebate and payment.day == day and address.lower() == maker.lower():
                rows += [_rebate(payment.day, address, *row) for row in sorted(payment.rows.items())]
        return json_reply(rows or None)

    def one_scores(self, request: RestRequest, key: ApiKey) -> RestReply:
        asked = request.query.get("order_id", "")
        return json_reply({"scoring": self._scores(asked, key)}) if asked else refuse(INVALID_PAYLOAD)

    def many_score(self, request: RestRequest, key: ApiKey) -> RestReply:
        asked = decode(request.body)
        if not isinstance(asked, list) or not all(isinstance(order_id, str) for order_id in asked):
            return refuse(INVALID_PAYLOAD)
        return json_reply({order_id: self._scores(order_id, key) for order_id in asked})

    def _scores(self, order_id: str, key: ApiKey) -> bool:
        """Tell whether an own order scores; one that is foreign or unknown does not."""
        order: Order | None = self._venue.exchange.orders.get(order_id)
        own = {account.id for account in self._venue.entry.accounts_of(key)}
        if order is None or order.terms.account_id not in own:
            return False
        return self._venue.rewards.scores(order, self._venue.now_ms())

    def _account(self, request: RestRequest, key: ApiKey) -> Account | None:
        """Return the account that the signature type names, None for an unknown type."""
        signature_type = request.query.get("signature_type", "0")
        if signature_type not in ("0", "1", "2", "3"):
            return None
        return self._venue.entry.account_of(key, int(signature_type), self._venue.now_ms())

    def _market_row(self, rewarded: Rewarded) -> Json:
        event, market, terms = rewarded.event, rewarded.market, rewarded.terms
        prices = (market.seed.fair, complement(market.seed.fair))
        total = self._venue.rewards.standing(rewarded, self._venue.now_ms()).total
        return {
            **_offer_row(rewarded),
            "question": market.seed.question,
            "market_slug": market.slug,
            "event_slug": event.slug,
            "image": "",
            # In shares at S = 1: scores are times three, and in squares of twice the band.
            "market_competitiveness": json_number(total // (12 * terms.max_spread**2), 6),
            "tokens": [
                {"token_id": token, "outcome": outcome, "price": json_number(price, 4)}
                for token, outcome, price in zip(
                    market.spec.tokens, market.spec.outcomes, prices, strict=True
                )
            ],
        }


def _sponsored(request: RestRequest) -> bool:
    return request.query.get("sponsored", "").lower() == "true"


def _offer_row(rewarded: Rewarded) -> Json:
    terms = rewarded.terms
    daily = json_number(terms.daily, 6)
    return {
        "condition_id": rewarded.condition_id,
        "rewards_max_spread": json_number(terms.max_spread, 2),
        "rewards_min_size": json_number(terms.min_size, 6),
        "rewards_config": [
            {
                "id": 0,
                "asset_address": COLLATERAL,
                "start_date": REWARDS_SINCE,
                "end_date": REWARDS_UNTIL,
                "rate_per_day": daily,
                "total_rewards": 0,
            }
        ],
        "sponsored_daily_rate": 0,
        "sponsors_count": 0,
        "native_daily_rate": daily,
        "total_daily_rate": daily,
    }


def _earning(account: Account, day: str, amount: Usdc) -> Json:
    return {
        "date": f"{day}T00:00:00Z",
        "asset_address": COLLATERAL,
        "maker_address": account.address,
        "earnings": json_number(amount, 6),
        "asset_rate": 1,
    }


def _rebate(day: str, address: str, condition_id: str, amount: Usdc) -> Json:
    return {
        "date": day,
        "condition_id": condition_id,
        "asset_address": COLLATERAL,
        "maker_address": address,
        "rebated_fees_usdc": json_number(amount, 6),
    }

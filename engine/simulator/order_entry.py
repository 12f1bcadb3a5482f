"""From a POST body to an accepted order or a documented refusal, in the order the venue checks.

Form, market, owner, signature, grid, minimum, duplicate, expiration; then the exchange checks book and
balances. Wallets: an account is (owner address, signature type); its first verified order binds the maker
address.
"""

from dataclasses import dataclass

from engine.domain.units import LOT, PRICE_ONE, Ms, Price, Size, Usdc, is_on_grid
from engine.simulator.auth import ApiKey
from engine.simulator.bank import Account
from engine.simulator.conduct import Conduct
from engine.simulator.contracts import settlement_of
from engine.simulator.eip712 import order_digest, recover_order_signer
from engine.simulator.exchange import Exchange, Placed
from engine.simulator.market import MarketSpec, Side
from engine.simulator.order_body import OrderBody, parse_body
from engine.simulator.orders import NewOrder, OrderType
from engine.simulator.refusals import (
    INVALID_EXPIRATION,
    INVALID_PAYLOAD,
    MARKET_NOT_READY,
    NO_ORDERBOOK,
    POST_ONLY_MODE,
    WRONG_OWNER,
    WRONG_SIGNER,
    Refusal,
    below_minimum,
    breaks_tick,
    closed_only,
    duplicated,
)

BATCH_MAX = 15
"""Most orders in one POST (protocol 2.4)."""
GTD_LEAD_MS = 180_000
"""A GTD expiration must lie at least this far ahead (protocol 4.3)."""
GTD_EARLY_MS = 60_000
"""A GTD order ends this long before its expiration (protocol 4.3)."""
SALE_STEP = 100
"""An immediate SELL asks for collateral in steps of 0.0001 USDC (protocol 4.2)."""
DEFERRED_MS = 1
"""What `deferExec` does is not documented: here a marketable order is answered as delayed, then trades."""
EOA_TYPE, WALLET_TYPE = 0, 3
_AMOUNT_ROUNDING = {1000: 1_000, 100: 100, 50: 10, 25: 1, 10: 10, 1: 1}
"""Tick in 1e-4 to the step (1e-6) the clients round amounts to (protocol 4.2)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one entry; `order_id` is empty when the body was not even an order."""

    order_id: str
    outcome: Placed | Refusal


@dataclass(frozen=True, slots=True)
class Wish:
    """What stands beside an entry when it is judged.

    A scripted refusal that replaces the last verdict, a scripted taker delay, and whether only post-only
    orders are taken at present.
    """

    reject: str | None = None
    delay_ms: int = 0
    post_only_mode: bool = False


NO_WISH = Wish()


class OrderEntry:
    """The venue's checks in front of the exchange."""

    def __init__(self, exchange: Exchange, start_balance: Usdc, conduct: Conduct) -> None:
        self._exchange = exchange
        self._conduct = conduct
        self._start_balance = start_balance
        self.closed_only = False
        """Whether every address may only sell (protocol 4.5)."""

    def account_of(self, key: ApiKey, signature_type: int, now_ms: Ms) -> Account:
        """Return the account a key trades with under a signature type, opened and funded at first sight."""
        account_id = _account_id(key, signature_type)
        bank = self._exchange.bank
        account = bank.accounts.get(account_id)
        if account is None:
            address = key.address if signature_type == EOA_TYPE else ""
            account = bank.open_account(account_id, address=address, owner=key.owner)
            bank.deposit(account_id, self._start_balance, now_ms)
        return account

    def accounts_of(self, key: ApiKey) -> list[Account]:
        """Return every account opened for this key's address."""
        return [
            account
            for account in self._exchange.bank.accounts.values()
            if not account.insider and account.holder == key.address
        ]

    def judge(self, key: ApiKey, body: object, now_ms: Ms, wish: Wish = NO_WISH) -> Judged:
        """Accept or refuse one entry, as the venue's mode and the scripts wish."""
        parsed = parse_body(body)
        if isinstance(parsed, Refusal):
            return Judged("", parsed)
        found = self._exchange.tokens.get(parsed.token_text)
        if found is None:
            return Judged("", NO_ORDERBOOK)
        market, token_index = found
        order_id = order_digest(parsed.fields, settlement_of(market))
        refusal = self._standing(key, parsed, market, now_ms)
        if refusal is not None:
            return Judged(order_id, refusal)
        if wish.post_only_mode and not parsed.post_only:
            return Judged(order_id, POST_ONLY_MODE)
        if order_id in self._exchange.orders and self._conduct.repost_succeeds:
            return Judged(order_id, self._exchange.placed(order_id))
        terms = self._terms(parsed, market, token_index, order_id, key, delay_ms=wish.delay_ms)
        if isinstance(terms, Refusal):
            return Judged(order_id, terms)
        refusal = self._terms_refusal(parsed, market, terms, now_ms)
        if refusal is not None:
            return Judged(order_id, refusal)
        if wish.reject is not None:
            return Judged(order_id, Refusal(400, wish.reject))
        return Judged(order_id, self._exchange.place(terms, now_ms))

    def _standing(self, key: ApiKey, body: OrderBody, market: MarketSpec, now_ms: Ms) -> Refusal | None:
        """Check market state, owner, wallet and signature."""
        if not market.accepting:
            return MARKET_NOT_READY
        if body.owner != key.owner:
            return WRONG_OWNER
        fields = body.fields
        if self.closed_only and fields.side is Side.BUY:
            return closed_only(key.address)
        own = key.address.lower()
        signs_as_wallet = fields.signature_type == WALLET_TYPE
        if (fields.signer.lower() == own) == signs_as_wallet:
            return WRONG_SIGNER
        same_maker = fields.maker.lower() == fields.signer.lower()
        if same_maker != (fields.signature_type in (EOA_TYPE, WALLET_TYPE)):
            return INVALID_PAYLOAD
        signed_by = recover_order_signer(fields, body.signature, settlement_of(market))
        if signed_by is None or signed_by.lower() != own:
            return INVALID_PAYLOAD
        account = self.account_of(key, fields.signature_type, now_ms)
        account.address = account.address or fields.maker
        return None if account.address.lower() == fields.maker.lower() else WRONG_SIGNER

    def _terms(
        self,
        body: OrderBody,
        market: MarketSpec,
        token_index: int,
        order_id: str,
        key: ApiKey,
        *,
        delay_ms: int,
    ) -> NewOrder | Refusal:
        """Turn amounts into price and size; refuse a price off the grid."""
        fields = body.fields
        buys = fields.side is Side.BUY
        collateral, shares = (
            (fields.maker_amount, fields.taker_amount) if buys else (fields.taker_amount, fields.maker_amount)
        )
        price = implied_price(market.tick, collateral, shares)
        if price is None:
            return breaks_tick(order_id, Price(collateral * PRICE_ONE // shares), market.tick_text)
        immediate = body.order_type.is_immediate
        spends = buys and immediate
        if shares % LOT and not spends:
            return INVALID_PAYLOAD
        if immediate and not buys and collateral % SALE_STEP:
            return INVALID_PAYLOAD
        resting = body.order_type is OrderType.GTD
        return NewOrder(
            id=order_id,
            account_id=_account_id(key, fields.signature_type),
            condition_id=market.condition_id,
            token_index=token_index,
            side=fields.side,
            price=price,
            size=Size(shares),
            order_type=body.order_type,
            post_only=body.post_only,
            expires_ms=Ms(body.expiration_s * 1000 - GTD_EARLY_MS) if resting else None,
            budget=Usdc(collateral) if spends else None,
            expiration_text=str(body.expiration_s),
            delay_ms=max(delay_ms, DEFERRED_MS if body.deferred else 0),
        )

    def _terms_refusal(
        self, body: OrderBody, market: MarketSpec, terms: NewOrder, now_ms: Ms
    ) -> Refusal | None:
        """Check minimum, duplicate, post-only and expiration."""
        if terms.size < market.min_size:
            return below_minimum(terms.id, terms.size, market.min_size_text)
        if terms.id in self._exchange.orders:
            return duplicated(terms.id)
        if terms.post_only and terms.order_type.is_immediate:
            return INVALID_PAYLOAD
        if terms.order_type is OrderType.GTD:
            early = body.expiration_s * 1000 < now_ms + GTD_LEAD_MS
            return INVALID_EXPIRATION if early else None
        return None if body.expiration_s == 0 else INVALID_EXPIRATION


def _account_id(key: ApiKey, signature_type: int) -> str:
    """Return the account that orders of a signature type belong to."""
    return key.address if signature_type == EOA_TYPE else f"{key.address}/wallet-type-{signature_type}"


def implied_price(tick: Price, collateral: int, shares: int) -> Price | None:
    """Return the limit on the grid that the two amounts mean, or None when they mean none.

    Clients round amounts, so a market BUY of $10 at 0.42 implies 0.42000042. A deviation that one step of
    rounding in the share amount explains is forgiven, in either direction (protocol 4.2, wire transcripts).
    """
    ticks = (collateral * PRICE_ONE + shares * tick // 2) // (shares * tick)
    price = Price(ticks * tick)
    if not is_on_grid(price, tick):
        return None
    deviation = abs(collateral * PRICE_ONE - price * shares)
    return price if deviation <= price * _AMOUNT_ROUNDING.get(tick, 1) else None

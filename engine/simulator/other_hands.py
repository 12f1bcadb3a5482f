"""Orders that no request sent: the counterparty's, and those of an account's owner through another program.

The counterparty is an insider with funds of its own, so that a desk can be made maker or taker in every mode
of matching: transfer, mint and merge (protocol 9.1). Pure.
"""

import hashlib
from dataclasses import dataclass

from engine.domain.units import Ms, Price, Size, Usdc
from engine.simulator.exchange import Exchange, Placed
from engine.simulator.market import MarketSpec, Side, book_side, mirrored
from engine.simulator.orders import NewOrder, Order, OrderType, Origin
from engine.simulator.refusals import Refusal

COUNTERPARTY = "counterparty"
_DEPOSIT = Usdc(10**15)
_SETS = Size(100_000 * 10**6)
"""Pairs of shares it has of a market once it trades there."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be traded: one token of a market, its own side, price and size."""

    market: MarketSpec
    token_index: int
    side: Side
    price: Price
    size: Size
    order_type: OrderType


class OtherHands:
    """Places orders with ids of its own count."""

    def __init__(self, exchange: Exchange, *, seed: int) -> None:
        self._exchange = exchange
        self._seed = seed
        self._count = 0
        self._stocked: set[str] = set()

    def place_foreign(self, account_id: str, wish: Wish, now_ms: Ms) -> Placed | Refusal:
        """Place an order on an account that its desk knows nothing of."""
        return self._exchange.place(self._order(account_id, wish), now_ms)

    def trade(self, wish: Wish, now_ms: Ms) -> Placed | Refusal:
        """Let the counterparty trade or rest as anybody would: the best price first, in its turn."""
        self._stock(wish.market, now_ms)
        return self._exchange.place(self._order(COUNTERPARTY, wish), now_ms)

    def meet(self, order: Order, token_index: int, size: Size, now_ms: Ms) -> Placed | Refusal:
        """Let the counterparty trade with one resting order at its price, whoever stands before it.

        It trades the named token: the order's own makes it a transfer, the other one a mint or a merge.
        """
        maker = order.terms
        market = self._exchange.markets[maker.condition_id]
        side = next(side for side in Side if book_side(token_index, side) is maker.book_side.opposite)
        price = mirrored(token_index, maker.book_price)
        self._stock(market, now_ms)
        wish = Wish(market, token_index, side, price, size, OrderType.FAK)
        return self._exchange.place(self._order(COUNTERPARTY, wish), now_ms, against=order)

    def _stock(self, market: MarketSpec, now_ms: Ms) -> None:
        bank = self._exchange.bank
        if COUNTERPARTY not in bank.accounts:
            owner = hashlib.sha256(f"{self._seed}/{COUNTERPARTY}".encode()).hexdigest()
            bank.open_account(COUNTERPARTY, address=f"0x{owner[:40]}", owner=owner[:32], insider=True)
            bank.deposit(COUNTERPARTY, _DEPOSIT, now_ms)
        if market.condition_id not in self._stocked:
            self._stocked.add(market.condition_id)
            bank.split(COUNTERPARTY, market, _SETS)

    def _order(self, account_id: str, wish: Wish) -> NewOrder:
        self._count += 1
        return NewOrder(
            id="0x" + hashlib.sha256(f"{self._seed}/other hands/{self._count}".encode()).hexdigest(),
            account_id=account_id,
            condition_id=wish.market.condition_id,
            token_index=wish.token_index,
            side=wish.side,
            price=wish.price,
            size=wish.size,
            order_type=wish.order_type,
            origin=Origin.CONTROL,
        )

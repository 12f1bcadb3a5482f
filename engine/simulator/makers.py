"""The insiders of the seeded flow: funded accounts that rest, take and cancel through the exchange.

They own shares of every market, so that outsiders meet transfers, mints and merges. No choice is made here
except which of the two equal forms an order takes.
"""

import hashlib
from random import Random

from engine.domain.units import Ms, Price, Size, Usdc
from engine.simulator.exchange import Exchange, Placed
from engine.simulator.market import BookSide, MarketSpec, Side, book_side, mirrored
from engine.simulator.orders import NewOrder, OrderType

MAKERS = 4
_DEPOSIT = Usdc(10**15)
"""A thousand million dollars each: insiders are never the ones who cannot pay."""
_SETS = Size(100_000 * 10**6)
"""Pairs of shares each of them holds in each market at the start."""


class Makers:
    """The insiders' accounts with a running number for their order ids."""

    def __init__(self, exchange: Exchange, markets: list[MarketSpec], *, seed: int, now_ms: Ms) -> None:
        self._exchange = exchange
        self._seed = seed
        self._rng = Random(f"{seed}/makers")  # noqa: S311 - a rehearsal must be repeatable
        self._count = 0
        self._ids = [f"maker-{number}" for number in range(1, MAKERS + 1)]
        for account_id in self._ids:
            digest = hashlib.sha256(f"{seed}/{account_id}".encode()).hexdigest()
            owner = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
            exchange.bank.open_account(account_id, address=f"0x{digest[:40]}", owner=owner, insider=True)
            exchange.bank.deposit(account_id, _DEPOSIT, now_ms)
        for market in markets:
            self.stock(market)

    def stock(self, market: MarketSpec) -> None:
        """Give every insider pairs of a market's shares."""
        for account_id in self._ids:
            self._exchange.bank.split(account_id, market, _SETS)

    def rest(self, market: MarketSpec, side: BookSide, price: Price, size: Size, now_ms: Ms) -> str | None:
        """Rest an order that must not trade; return its id, or None when it would have crossed."""
        new = self._order(market, side, price, size, OrderType.GTC, post_only=True)
        return new.id if isinstance(self._exchange.place(new, now_ms), Placed) else None

    def offer(self, market: MarketSpec, price: Price, size: Size, now_ms: Ms) -> str:
        """Ask for YES at a price, meeting any outsider's bid first; return the order's id."""
        new = self._order(market, BookSide.ASK, price, size, OrderType.GTC, post_only=False)
        placed = self._exchange.place(new, now_ms)
        assert isinstance(placed, Placed), f"an insider's offer was refused: {placed}"
        return new.id

    def take(self, market: MarketSpec, side: BookSide, price: Price, size: Size, now_ms: Ms) -> bool:
        """Trade at once up to a limit; False when the venue would not have it (below $1, nothing there)."""
        new = self._order(market, side, price, size, OrderType.FAK, post_only=False)
        return isinstance(self._exchange.place(new, now_ms), Placed)

    def cancel(self, order_id: str, now_ms: Ms) -> bool:
        """Take back a resting order; False when it is gone already."""
        order = self._exchange.orders.get(order_id)
        return order is not None and self._exchange.cancel(order_id, order.terms.account_id, now_ms)

    def _order(
        self,
        market: MarketSpec,
        side: BookSide,
        price: Price,
        size: Size,
        order_type: OrderType,
        *,
        post_only: bool,
    ) -> NewOrder:
        """Build an order in one of its two forms: a sale where shares are held, else the mirror buy."""
        self._count += 1
        account_id = self._rng.choice(self._ids)
        account = self._exchange.bank.accounts[account_id]
        sold_index = 0 if side is BookSide.ASK else 1
        sells = self._rng.random() < 0.5 and account.free_shares(market.tokens[sold_index]) >= size
        token_index = sold_index if sells else 1 - sold_index
        form = Side.SELL if sells else Side.BUY
        assert book_side(token_index, form) is side, "both forms stand on the same side of the book"
        return NewOrder(
            id="0x" + hashlib.sha256(f"{self._seed}/order/{self._count}".encode()).hexdigest(),
            account_id=account_id,
            condition_id=market.condition_id,
            token_index=token_index,
            side=form,
            price=mirrored(token_index, price),
            size=size,
            order_type=order_type,
            post_only=post_only,
        )

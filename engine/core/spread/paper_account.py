"""The money of a paper account: collateral, shares, and what its resting orders have promised of both."""

from collections.abc import Mapping

from engine.core.spread.paper_orders import PaperOrder
from engine.domain.ids import OrderId, TokenId
from engine.domain.market import Side
from engine.domain.units import Rounding, Size, Usdc, notional


class PaperAccount:
    """Moves only by fills, and by pairs that are split or merged. Shared by every market of the account."""

    def __init__(self, balance: Usdc, shares: Mapping[TokenId, Size] | None = None) -> None:
        """Begin with so much collateral, and with these shares."""
        assert balance >= 0, f"expected no negative balance, was {balance}"
        self.balance = balance
        self.shares: dict[TokenId, Size] = dict(shares or {})
        self._cash: dict[OrderId, int] = {}
        self._tokens: dict[OrderId, tuple[TokenId, int]] = {}

    @property
    def free_cash(self) -> int:
        """Collateral that no resting order has promised, in micro-dollars."""
        return self.balance - sum(self._cash.values())

    def held(self, token: TokenId) -> Size:
        """Return the shares of a token, promised ones included."""
        return self.shares.get(token, Size(0))

    def free_shares(self, token: TokenId) -> int:
        """Return the shares of a token that no resting sale has promised."""
        return self.held(token) - sum(size for of, size in self._tokens.values() if of == token)

    def promise(self, order: PaperOrder, left: Size) -> None:
        """Promise what the rest of an order may use, in place of what it had promised; 0 releases it."""
        self._cash.pop(order.order_id, None)
        self._tokens.pop(order.order_id, None)
        if left == 0:
            return
        if order.side is Side.BUY:
            self._cash[order.order_id] = notional(order.price, left, Rounding.UP)
        else:
            self._tokens[order.order_id] = (order.token_id, left)

    def trade(self, token: TokenId, side: Side, size: Size, cash: Usdc, fee: Usdc) -> None:
        """Move what one fill moves; asserts that nothing is spent that is not there."""
        if side is Side.BUY:
            self.balance = Usdc(self.balance - cash - fee)
            self._add(token, size)
        else:
            self.balance = Usdc(self.balance + cash - fee)
            self._add(token, Size(-size))
        assert self.balance >= 0, f"expected a fill that was paid for, balance is {self.balance}"

    def convert(self, yes: TokenId, no: TokenId, pairs: int) -> None:
        """Split collateral into so many pairs, or merge pairs for a negative number: a dollar for a pair."""
        assert self.free_cash >= pairs, f"expected {pairs} micro-dollars to split, was {self.free_cash}"
        self.balance = Usdc(self.balance - pairs)
        self._add(yes, Size(pairs))
        self._add(no, Size(pairs))

    def redeem(self, winner: TokenId, loser: TokenId) -> None:
        """Turn all shares of a resolved market into a dollar each, or into nothing."""
        self.balance = Usdc(self.balance + self.shares.pop(winner, Size(0)))
        self.shares.pop(loser, None)

    def _add(self, token: TokenId, size: Size) -> None:
        left = Size(self.held(token) + size)
        assert left >= 0, f"expected shares that are there, found {left} of {token}"
        if left:
            self.shares[token] = left
        else:
            self.shares.pop(token, None)

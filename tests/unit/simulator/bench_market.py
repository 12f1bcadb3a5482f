"""A bare exchange of two markets for tests of the matching: round numbers, named traders, no HTTP."""

from itertools import count

from engine.domain.fees import FREE, FeeCurve
from engine.domain.units import Ms, Price, Size, Usdc
from engine.simulator.exchange import Exchange, Placed
from engine.simulator.facts import Fact
from engine.simulator.market import MarketSpec, Side
from engine.simulator.orders import NewOrder, OrderType
from engine.simulator.refusals import Refusal

START_MS = Ms(1_790_000_000_000)
FEE_4_PERCENT = FeeCurve(rate=40_000, exponent=1)


def spec(name: str, *, tick: int = 100, fee: FeeCurve = FREE, neg_risk: bool = False) -> MarketSpec:
    """Return a market whose ids are readable."""
    return MarketSpec(
        condition_id=f"0x{name}",
        tokens=(f"{name}-yes", f"{name}-no"),
        outcomes=("Yes", "No"),
        tick=Price(tick),
        min_size=Size(5_000_000),
        fee=fee,
        neg_risk=neg_risk,
        accepting=True,
        taker_delay=False,
    )


class Bench:
    """An exchange with three traders: one thousand dollars and 100 pairs of each market for each."""

    def __init__(self, *, fee: FeeCurve = FREE, confirm_delay_ms: int = 2_000) -> None:
        self.free = spec("free")
        self.market = spec("main", fee=fee)
        self.exchange = Exchange([self.market, self.free], id_seed="bench", confirm_delay_ms=confirm_delay_ms)
        self.now_ms = START_MS
        self._ids = count(1)
        for name in ("ann", "ben", "cat"):
            self.exchange.bank.open_account(name, address=f"0x{name}", owner=f"key-{name}")
            self.exchange.bank.deposit(name, Usdc(1_200_000_000), self.now_ms)
            for market in (self.market, self.free):
                self.exchange.bank.split(name, market, Size(100_000_000))

    def order(
        self,
        who: str,
        side: Side,
        cents: int,
        shares: float | str,
        *,
        token_index: int = 0,
        order_type: OrderType = OrderType.GTC,
        budget_cents: int | None = None,
        post_only: bool = False,
        expires_ms: int | None = None,
    ) -> NewOrder:
        """Return the terms of an order; price in cents, size in shares."""
        return NewOrder(
            id=f"o{next(self._ids)}",
            account_id=who,
            condition_id=self.market.condition_id,
            token_index=token_index,
            side=side,
            price=Price(cents * 100),
            size=Size(round(float(shares) * 1_000_000)),
            order_type=order_type,
            post_only=post_only,
            expires_ms=None if expires_ms is None else Ms(expires_ms),
            budget=None if budget_cents is None else Usdc(budget_cents * 10_000),
        )

    def place(self, new: NewOrder) -> Placed | Refusal:
        """Place at the bench's time."""
        return self.exchange.place(new, self.now_ms)

    def buy(self, who: str, cents: int, shares: float, *, token_index: int = 0) -> Placed:
        """Place a BUY that must be accepted."""
        return self._accepted(self.order(who, Side.BUY, cents, shares, token_index=token_index))

    def sell(self, who: str, cents: int, shares: float, *, token_index: int = 0) -> Placed:
        """Place a SELL that must be accepted."""
        return self._accepted(self.order(who, Side.SELL, cents, shares, token_index=token_index))

    def usdc(self, who: str) -> int:
        """Return a trader's collateral in micro-dollars."""
        return self.exchange.bank.accounts[who].usdc

    def shares(self, who: str, token_index: int = 0) -> int:
        """Return a trader's shares of the main market in micro-shares."""
        return self.exchange.bank.accounts[who].shares[self.market.tokens[token_index]]

    def facts(self) -> list[Fact]:
        """Return what happened since the last call."""
        return self.exchange.take_facts()

    def check_books(self) -> None:
        """Assert that cash + locked + fees = deposits, and that a locked dollar stands behind every share.

        Both tokens exist in equal number; of a resolved market only the winning shares need a dollar.
        """
        bank = self.exchange.bank
        cash = sum(account.usdc for account in bank.accounts.values())
        deposited = sum(deposit.amount for deposit in bank.deposits)
        assert cash + sum(bank.locked.values()) + bank.fees == deposited
        for market in (self.market, self.free):
            resolution = self.exchange.resolutions.get(market.condition_id)
            backed = market.tokens if resolution is None else (market.tokens[resolution.winner],)
            supplies = {sum(account.shares[token] for account in bank.accounts.values()) for token in backed}
            assert supplies == {bank.locked[market.condition_id]}

    def _accepted(self, new: NewOrder) -> Placed:
        placed = self.place(new)
        assert isinstance(placed, Placed), f"expected acceptance, was {placed}"
        return placed

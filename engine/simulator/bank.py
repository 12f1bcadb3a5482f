"""Who owns what: collateral, shares, reservations, and the collateral locked behind shares.

Every movement is double-entry in micro-units. Cash in accounts + locked collateral + fees taken always equals
what was deposited less what was withdrawn. The two tokens of a market exist in equal number, one locked
dollar each pair; after its resolution one locked dollar stands behind each share that won.

A match moves shares and cash at once, and what it brings is held until the trade is confirmed: nothing can be
sold, spent, withdrawn, merged or redeemed before (protocol 10, ghost fills). So a trade that fails can always
be undone, and no balance ever becomes negative.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.domain.units import Ms, Price, Rounding, Size, Usdc, notional
from engine.simulator.contracts import (
    UNLIMITED,
    Settlement,
    collateral_spenders,
    outcome_operators,
    settlement_of,
)
from engine.simulator.market import MarketSpec, Side
from engine.simulator.orders import Fill

_NOTHING = Usdc(0)


@dataclass(frozen=True, slots=True)
class Deposit:
    """Collateral that came in from outside, or that went there (negative)."""

    account_id: str
    amount: Usdc
    at_ms: Ms


@dataclass(slots=True)
class Account:
    """One trader. `owner` is the API key its orders carry; an insider is a maker of the seeded flow.

    `usdc` and `shares` are all there is; reserved is what open orders were promised, unconfirmed what trades
    brought that may still fail. `operators` are pairs of (token contract, who may move its tokens).
    """

    id: str
    address: str
    owner: str
    insider: bool = False
    usdc: Usdc = _NOTHING
    reserved_usdc: Usdc = _NOTHING
    unconfirmed_usdc: Usdc = _NOTHING
    shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    reserved_shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    unconfirmed_shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    allowances: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(collateral_spenders(), UNLIMITED)
    )
    operators: set[tuple[str, str]] = field(default_factory=lambda: set(outcome_operators()))

    @property
    def settled_usdc(self) -> Usdc:
        """Collateral that no failing trade can take back, reserved or not."""
        return Usdc(self.usdc - self.unconfirmed_usdc)

    @property
    def free_usdc(self) -> Usdc:
        """Settled collateral not promised to open orders; the reservation is global (protocol 4.5)."""
        return Usdc(self.settled_usdc - self.reserved_usdc)

    @property
    def holder(self) -> str:
        """The address whose API keys trade with this account."""
        return self.id.split("/")[0]

    def settled_shares(self, token_id: str) -> Size:
        """Shares of a token that no failing trade can take back, reserved or not."""
        return Size(self.shares.get(token_id, 0) - self.unconfirmed_shares.get(token_id, 0))

    def free_shares(self, token_id: str) -> Size:
        """Settled shares of a token not promised to open orders."""
        return Size(self.settled_shares(token_id) - self.reserved_shares.get(token_id, 0))

    def lets_trade(self, settlement: Settlement) -> bool:
        """Tell whether the settling contract may move this account's outcome tokens."""
        return (settlement.tokens, settlement.exchange) in self.operators

    def lets_convert(self, settlement: Settlement) -> bool:
        """Tell whether the contract that merges and redeems may move this account's outcome tokens."""
        return (settlement.tokens, settlement.adapter) in self.operators


class Bank:
    """All accounts and the collateral behind all shares."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.locked: defaultdict[str, int] = defaultdict(int)
        self.fees = 0
        self.deposits: list[Deposit] = []

    def open_account(self, account_id: str, *, address: str, owner: str, insider: bool = False) -> Account:
        """Create an account; opening one twice is a fault of the caller."""
        assert account_id not in self.accounts, f"account {account_id} exists already"
        account = self.accounts[account_id] = Account(account_id, address, owner, insider)
        return account

    def find(self, name: str) -> Account | None:
        """Return an outsider's account by id, address of its key or wallet, in any letter case."""
        wanted = name.lower()
        return next(
            (
                account
                for account in self.accounts.values()
                if not account.insider and wanted in (account.id.lower(), account.address.lower())
            ),
            None,
        )

    def deposit(self, account_id: str, amount: Usdc, now_ms: Ms) -> None:
        """Credit collateral from outside."""
        assert amount > 0, f"expected a positive deposit, was {amount}"
        account = self.accounts[account_id]
        account.usdc = Usdc(account.usdc + amount)
        self.deposits.append(Deposit(account_id, amount, now_ms))

    def withdraw(self, account_id: str, amount: Usdc, now_ms: Ms) -> None:
        """Pay out settled collateral, reserved or not; who calls this looks after the open orders."""
        account = self.accounts[account_id]
        assert 0 < amount <= account.settled_usdc, f"expected at most {account.settled_usdc}, was {amount}"
        account.usdc = Usdc(account.usdc - amount)
        self.deposits.append(Deposit(account_id, Usdc(-amount), now_ms))

    def split(self, account_id: str, market: MarketSpec, sets: Size) -> None:
        """Turn settled collateral into pairs of both tokens, one dollar a pair."""
        account = self.accounts[account_id]
        assert 0 < sets <= account.settled_usdc, f"expected {sets} settled, has {account.settled_usdc}"
        account.usdc = Usdc(account.usdc - sets)
        for token in market.tokens:
            account.shares[token] += sets
        self.locked[market.condition_id] += sets

    def merge(self, account_id: str, market: MarketSpec, sets: Size) -> None:
        """Turn settled pairs of both tokens into collateral, one dollar a pair."""
        account = self.accounts[account_id]
        for token in market.tokens:
            held = account.settled_shares(token)
            assert 0 < sets <= held, f"expected {sets} settled shares, has {held}"
            account.shares[token] -= sets
        account.usdc = Usdc(account.usdc + sets)
        self._unlock(market, sets)

    def redeem(self, account_id: str, market: MarketSpec, winner: int) -> Usdc:
        """Burn the settled shares of a resolved market; return what they paid, a dollar for each that won."""
        account = self.accounts[account_id]
        burnt = [account.settled_shares(token) for token in market.tokens]
        for token, shares in zip(market.tokens, burnt, strict=True):
            account.shares[token] -= shares
        paid = Usdc(burnt[winner])
        account.usdc = Usdc(account.usdc + paid)
        self._unlock(market, paid)
        return paid

    def reserve(
        self, account_id: str, token_id: str, side: Side, price: Price, size: Size, *, sign: int
    ) -> None:
        """Promise (sign 1) or free (sign -1) what an open order of this remainder may use."""
        account = self.accounts[account_id]
        if side is Side.BUY:
            account.reserved_usdc = Usdc(account.reserved_usdc + sign * notional(price, size, Rounding.UP))
            assert account.reserved_usdc >= 0, f"reservation of {account_id} below zero"
        else:
            account.reserved_shares[token_id] += sign * size
            assert account.reserved_shares[token_id] >= 0, f"reserved shares of {account_id} below zero"

    def settle_match(self, market: MarketSpec, taker: Fill, maker: Fill, *, final: bool) -> None:
        """Move both halves of one match: a transfer, a mint or a merge, by what the two sides do.

        What each of them receives is held until `confirm` or `undo`, unless it is final at once.
        """
        assert taker.size == maker.size, f"halves differ: {taker.size} and {maker.size}"
        self._move(market, taker, maker, sign=1)
        if not final:
            for fill in (taker, maker):
                self._hold(market, fill, sign=1)

    def confirm(self, market: MarketSpec, fills: Iterable[Fill]) -> None:
        """Let go what the halves of a confirmed trade brought."""
        for fill in fills:
            self._hold(market, fill, sign=-1)

    def undo(self, market: MarketSpec, taker: Fill, maker: Fill) -> None:
        """Take back one match of a trade that failed, fee included: the holds still have it all."""
        for fill in (taker, maker):
            self._hold(market, fill, sign=-1)
        self._move(market, taker, maker, sign=-1)

    def _move(self, market: MarketSpec, taker: Fill, maker: Fill, *, sign: int) -> None:
        paid_in = sum(self._apply(market, fill, sign=sign) for fill in (taker, maker))
        self.fees += sign * (taker.fee + maker.fee)
        assert paid_in in (0, taker.size, -taker.size), f"match of {taker.size} left {paid_in} of collateral"
        self._unlock(market, Usdc(-paid_in))

    def _unlock(self, market: MarketSpec, amount: int) -> None:
        self.locked[market.condition_id] -= amount
        assert self.locked[market.condition_id] >= 0, "more collateral released than was locked"

    def _hold(self, market: MarketSpec, fill: Fill, *, sign: int) -> None:
        """Hold (sign 1) or let go (sign -1) what one half of a match brings."""
        account = self.accounts[fill.account_id]
        if fill.side is Side.BUY:
            token = market.tokens[fill.token_index]
            account.unconfirmed_shares[token] += sign * fill.size
            assert account.unconfirmed_shares[token] >= 0, f"holds of {account.id} below zero"
        else:
            account.unconfirmed_usdc = Usdc(account.unconfirmed_usdc + sign * (fill.cash - fill.fee))
            assert account.unconfirmed_usdc >= 0, f"holds of {account.id} below zero"

    def _apply(self, market: MarketSpec, fill: Fill, *, sign: int) -> int:
        """Book one half, or take it back (sign -1); return the collateral it put in, negative if out."""
        account = self.accounts[fill.account_id]
        token = market.tokens[fill.token_index]
        buys = fill.side is Side.BUY
        moved = fill.cash if buys else -fill.cash
        account.usdc = Usdc(account.usdc - sign * (moved + fill.fee))
        account.shares[token] += sign * (fill.size if buys else -fill.size)
        if buys:
            self._use_allowance(account, market, sign * (fill.cash + fill.fee))
        assert account.usdc >= 0, f"account {account.id} overdrawn by {-account.usdc}"
        assert account.shares[token] >= 0, f"account {account.id} oversold by {-account.shares[token]}"
        return sign * moved

    def _use_allowance(self, account: Account, market: MarketSpec, amount: int) -> None:
        """Use up a bounded allowance by what is paid; what a failed trade gives back counts again."""
        spender = settlement_of(market).exchange
        allowance = account.allowances.get(spender, 0)
        if allowance != UNLIMITED:
            account.allowances[spender] = allowance - amount
            assert amount <= allowance, f"allowance of {account.id} overdrawn by {amount - allowance}"

"""Who owns what: collateral, shares, reservations, and the collateral locked behind shares.

Every movement is double-entry in micro-units. Cash in accounts + locked collateral + fees taken always equals
what was deposited, and the two tokens of a market always exist in equal number, one locked dollar each pair.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from engine.domain.units import Ms, Price, Rounding, Size, Usdc, notional
from engine.simulator.market import MarketSpec, Side
from engine.simulator.orders import Fill

_NOTHING = Usdc(0)
UNLIMITED = 2**256 - 1
"""An allowance that trades do not use up."""
EXCHANGE_STANDARD = "0xE111180000d2663C0091e4f400237545B87B996B"
EXCHANGE_NEG_RISK = "0xe2222d279d744050d28e00520010520000310F59"
"""The two contracts that settle v1 markets (protocol 4.1): approvals and order signatures name them."""


def exchange_address(*, neg_risk: bool) -> str:
    """Return the contract that settles a market."""
    return EXCHANGE_NEG_RISK if neg_risk else EXCHANGE_STANDARD


@dataclass(frozen=True, slots=True)
class Deposit:
    """Collateral that came in from outside."""

    account_id: str
    amount: Usdc
    at_ms: Ms


@dataclass(slots=True)
class Account:
    """One trader. `owner` is the API key its orders carry; an insider is a maker of the seeded flow."""

    id: str
    address: str
    owner: str
    insider: bool = False
    usdc: Usdc = _NOTHING
    reserved_usdc: Usdc = _NOTHING
    shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    reserved_shares: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    allowances: dict[str, int] = field(
        default_factory=lambda: {EXCHANGE_STANDARD: UNLIMITED, EXCHANGE_NEG_RISK: UNLIMITED}
    )

    @property
    def free_usdc(self) -> Usdc:
        """Collateral not promised to open orders; the reservation is global (protocol 4.5)."""
        return Usdc(self.usdc - self.reserved_usdc)

    @property
    def holder(self) -> str:
        """The address whose API keys trade with this account."""
        return self.id.split("/")[0]

    def free_shares(self, token_id: str) -> Size:
        """Shares of a token not promised to open orders."""
        return Size(self.shares[token_id] - self.reserved_shares[token_id])


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

    def deposit(self, account_id: str, amount: Usdc, now_ms: Ms) -> None:
        """Credit collateral from outside."""
        assert amount > 0, f"expected a positive deposit, was {amount}"
        account = self.accounts[account_id]
        account.usdc = Usdc(account.usdc + amount)
        self.deposits.append(Deposit(account_id, amount, now_ms))

    def split(self, account_id: str, market: MarketSpec, sets: Size) -> None:
        """Turn collateral into pairs of both tokens, one dollar a pair."""
        account = self.accounts[account_id]
        assert account.free_usdc >= sets, f"expected {sets} micro-dollars free, has {account.free_usdc}"
        account.usdc = Usdc(account.usdc - sets)
        for token in market.tokens:
            account.shares[token] += sets
        self.locked[market.condition_id] += sets

    def reserve(
        self, account_id: str, token_id: str, side: Side, price: Price, size: Size, *, sign: int
    ) -> None:
        """Promise (sign 1) or free (sign -1) what an open order of this remainder may use."""
        account = self.accounts[account_id]
        if side is Side.BUY:
            account.reserved_usdc = Usdc(account.reserved_usdc + sign * notional(price, size, Rounding.UP))
            assert 0 <= account.reserved_usdc <= account.usdc, f"reservation of {account_id} out of range"
        else:
            account.reserved_shares[token_id] += sign * size
            held = account.shares[token_id]
            assert 0 <= account.reserved_shares[token_id] <= held, f"shares of {account_id} out of range"

    def settle_match(self, market: MarketSpec, taker: Fill, maker: Fill) -> None:
        """Move both halves of one match: a transfer, a mint or a merge, by what the two sides do."""
        assert taker.size == maker.size, f"halves differ: {taker.size} and {maker.size}"
        paid_in = self._apply(market, taker) + self._apply(market, maker)
        self.locked[market.condition_id] += paid_in
        self.fees += taker.fee + maker.fee
        assert paid_in in (0, taker.size, -taker.size), f"match of {taker.size} left {paid_in} of collateral"
        assert self.locked[market.condition_id] >= 0, "more collateral released than was locked"

    def _apply(self, market: MarketSpec, fill: Fill) -> int:
        """Book one half; return the collateral it put in (negative when it took some out)."""
        account = self.accounts[fill.account_id]
        token = market.tokens[fill.token_index]
        if fill.side is Side.BUY:
            account.usdc = Usdc(account.usdc - fill.cash - fill.fee)
            account.shares[token] += fill.size
            moved = fill.cash
        else:
            account.usdc = Usdc(account.usdc + fill.cash - fill.fee)
            account.shares[token] -= fill.size
            moved = Usdc(-fill.cash)
        assert account.usdc >= 0, f"account {account.id} overdrawn by {-account.usdc}"
        assert account.shares[token] >= 0, f"account {account.id} oversold by {-account.shares[token]}"
        return moved

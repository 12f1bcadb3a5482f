"""What the venue believes of an account's balances: the chain's view, perhaps some time old.

The venue checks orders and answers reads by a cache of the chain (protocol 10, balance cache). Here it is up
to date, unless a lag is asked for: then it is what was settled so long ago, or at the last refresh. Pure.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from engine.domain.units import Ms, Size, Usdc
from engine.simulator.bank import Account

LAG_MAX_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class _Picture:
    at_ms: Ms
    usdc: Usdc
    shares: Mapping[str, int]


class BalanceView:
    """Settled balances as the venue sees them; pictures are taken while there is a lag alone."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._accounts = accounts
        self._lag_ms = 0
        self._pictures: defaultdict[str, deque[_Picture]] = defaultdict(deque)

    def set_lag(self, lag_ms: int, now_ms: Ms) -> None:
        """Lag so far behind from now on; 0 is up to date again. Raises ValueError beyond an hour."""
        if not 0 <= lag_ms <= LAG_MAX_MS:
            raise ValueError(f"expected a lag of 0 to {LAG_MAX_MS} ms, was {lag_ms}")
        self._lag_ms = lag_ms
        self._pictures.clear()
        self.note(now_ms)

    def note(self, now_ms: Ms) -> None:
        """Take a picture of every outsider whose settled balances have changed."""
        for account in self._accounts.values() if self._lag_ms else ():
            if account.insider:
                continue
            pictures, picture = self._pictures[account.id], _picture(account, now_ms)
            if not pictures or (pictures[-1].usdc, pictures[-1].shares) != (picture.usdc, picture.shares):
                pictures.append(picture)

    def refresh(self, account_id: str, now_ms: Ms) -> None:
        """Forget the lag up to now for one account."""
        if self._lag_ms:
            self._pictures[account_id] = deque([_picture(self._accounts[account_id], now_ms)])

    def usdc(self, account: Account, now_ms: Ms) -> Usdc:
        """Return the collateral that the venue sees as settled."""
        picture = self._seen(account, now_ms)
        return account.settled_usdc if picture is None else picture.usdc

    def shares(self, account: Account, token_id: str, now_ms: Ms) -> Size:
        """Return the shares of a token that the venue sees as settled."""
        picture = self._seen(account, now_ms)
        return account.settled_shares(token_id) if picture is None else Size(picture.shares.get(token_id, 0))

    def _seen(self, account: Account, now_ms: Ms) -> _Picture | None:
        """Return the newest picture that is old enough, else the oldest; None where nothing lags."""
        if not self._lag_ms or account.insider:
            return None
        self.note(now_ms)
        pictures = self._pictures[account.id]
        while len(pictures) > 1 and pictures[1].at_ms + self._lag_ms <= now_ms:
            pictures.popleft()
        return pictures[0]


def _picture(account: Account, now_ms: Ms) -> _Picture:
    shares = {token: int(account.settled_shares(token)) for token in account.shares}
    return _Picture(now_ms, account.settled_usdc, {token: held for token, held in shares.items() if held})

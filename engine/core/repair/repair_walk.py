"""One side of a book walked lot by lot, and what an order on it comes to when a broken set is repaired.

A lot is 0.01 share, so price (1e-4) x lots is exactly micro-dollars. Fees are rounded up per level; slippage
ticks and the buffer on notional count as cost of both sides (strategy 4.4 and 5.7). Pure.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import gcd

from engine.domain.book import Level
from engine.domain.fees import FeeCurve, outlay_bound, taker_fee
from engine.domain.ids import TokenId
from engine.domain.market import Side
from engine.domain.units import LOT, PRICE_ONE, Price, Rounding, Size, Usdc, divide

BPS_ONE = 10_000
FAK_STEP = 100
"""A FAK SELL takes four decimals of a dollar: its price x lots must be a multiple of this."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading costs beside price and fee."""

    slippage_ticks: int
    fee_bps: int


@dataclass(frozen=True, slots=True)
class Trade:
    """One order of a repair, priced on the present book."""

    leg: int
    """Number of the broken plan's leg that it is about."""
    token_id: TokenId
    side: Side
    pairs: bool
    """Buys the complement of a held leg: together they are worth 1 whatever happens."""
    lots: int
    touch: Price
    worst: Price
    limit: Price
    depth: Size
    """Size on the book up to the limit."""
    raw: Usdc
    """Paid or received at the levels walked, without fee."""
    fee: Usdc
    buffer: Usdc
    """Slippage ticks and the buffer on notional."""
    outlay_max: Usdc
    """Most a BUY can take with its fee; 0 for a SELL."""

    @property
    def completes(self) -> bool:
        """Tell whether it buys more of the leg, rather than giving some of it back."""
        return self.side is Side.BUY and not self.pairs

    @property
    def size(self) -> Size:
        """Shares of the order."""
        return Size(self.lots * LOT)

    @property
    def worth(self) -> Usdc:
        """What it adds to the worst case: cash, and the dollar of every pair; negative for a plain BUY."""
        spent = self.fee + self.buffer
        if self.side is Side.SELL:
            return Usdc(self.raw - spent)
        return Usdc((PRICE_ONE * self.lots if self.pairs else 0) - self.raw - spent)


class Walk:
    """A ladder with its running sums, best level first."""

    def __init__(
        self,
        leg: int,
        token_id: TokenId,
        side: Side,
        levels: Sequence[Level],
        *,
        tick: Price,
        fee: FeeCurve,
        costs: Costs,
        pairs: bool = False,
    ) -> None:
        """Take the levels an order on this side would meet; what is less than a lot is left out."""
        self._leg, self._token, self._side, self._pairs = leg, token_id, side, pairs
        self._tick, self._fee, self._costs = tick, fee, costs
        whole = [(level.price, level.size // LOT) for level in levels if level.size >= LOT]
        self._prices = [price for price, _ in whole]
        self.ends = list(accumulate(lots for _, lots in whole))
        """Lots up to and including each level."""
        self._raws = [0, *accumulate(price * lots for price, lots in whole)]
        self._fees = [0, *accumulate(self._level_fee(price, lots) for price, lots in whole)]
        self.step = FAK_STEP // gcd(FAK_STEP, tick) if side is Side.SELL else 1
        """Lots a sale is a multiple of."""

    def _level_fee(self, price: Price, lots: int) -> int:
        return taker_fee(self._fee, price, Size(lots * LOT), Rounding.UP)

    @property
    def depth(self) -> int:
        """Lots on the whole ladder."""
        return self.ends[-1] if self.ends else 0

    def paying(self) -> int:
        """Return the lots up to the last level on which giving back a held share still brings something."""
        most = 0
        for level, price in enumerate(self._prices):
            lots = self.ends[level] - (self.ends[level - 1] if level else 0)
            value = price if self._side is Side.SELL else PRICE_ONE - price
            cost = self._costs.slippage_ticks * self._tick * lots + self._level_fee(price, lots)
            buffer = divide(price * lots * self._costs.fee_bps, BPS_ONE, Rounding.UP)
            if value * lots <= cost + buffer:
                break
            most = self.ends[level]
        return most

    def lots_worth(self, notional: Usdc) -> int | None:
        """Return the fewest lots whose raw notional is at least this; None beyond the ladder."""
        for level, price in enumerate(self._prices):
            if self._raws[level + 1] >= notional:
                start = self.ends[level - 1] if level else 0
                return start + divide(max(0, notional - self._raws[level]), price, Rounding.UP)
        return None

    def trade(self, lots: int) -> Trade | None:
        """Return the order of so many lots, or None where the ladder does not hold them."""
        if not 0 < lots <= self.depth:
            return None
        level = bisect_left(self.ends, lots)
        worst = self._prices[level]
        beyond = lots - (self.ends[level - 1] if level else 0)
        raw = self._raws[level] + beyond * worst
        slip = self._costs.slippage_ticks * self._tick
        buys = self._side is Side.BUY
        limit = Price(min(worst + slip, PRICE_ONE - self._tick) if buys else max(worst - slip, self._tick))
        within = [n for n, price in enumerate(self._prices) if (price <= limit if buys else price >= limit)]
        buffer = slip * lots + divide(raw * self._costs.fee_bps, BPS_ONE, Rounding.UP)
        return Trade(
            leg=self._leg,
            token_id=self._token,
            side=self._side,
            pairs=self._pairs,
            lots=lots,
            touch=self._prices[0],
            worst=worst,
            limit=limit,
            depth=Size(self.ends[within[-1]] * LOT),
            raw=Usdc(raw),
            fee=Usdc(self._fees[level] + self._level_fee(worst, beyond)),
            buffer=Usdc(buffer),
            outlay_max=outlay_bound(self._fee, limit, Size(lots * LOT)) if buys else Usdc(0),
        )

"""The observed book as paper orders meet it: totals by price of YES, less what paper orders took from them.

What a paper order took stays visible in the real book. It counts as gone until the level itself loses as
much, so that the same shares are never bought twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.spread.paper_orders import is_through, other
from engine.domain.book import Level
from engine.domain.quote import QuoteSide
from engine.domain.units import LOT, PRICE_ONE, Price, Rounding, Size, Usdc, complement, notional


@dataclass(frozen=True, slots=True)
class Match:
    """A meeting with one level, at that level's price of YES, in whole lots."""

    price: Price
    size: Size


class PaperLevels:
    """Both sides of one market's book."""

    def __init__(self) -> None:
        self._totals: dict[QuoteSide, dict[Price, Size]] = {QuoteSide.BID: {}, QuoteSide.ASK: {}}
        self._taken: dict[tuple[QuoteSide, Price], int] = {}
        self.heard = False
        """Whether a whole book has been told."""

    def total(self, side: QuoteSide, price: Price) -> Size:
        """Return what the real book shows at a price."""
        return self._totals[side].get(price, Size(0))

    def best(self, side: QuoteSide) -> Price | None:
        """Return the best price of a side of the real book, None for an empty one."""
        prices = self._totals[side]
        return (max(prices) if side is QuoteSide.BID else min(prices)) if prices else None

    def best_left(self, side: QuoteSide) -> Price | None:
        """Return the best price at which something is left that no paper order took."""
        if not self._taken:
            return self.best(side)
        prices = [price for price in self._totals[side] if self._left(side, price)]
        return (max(prices) if side is QuoteSide.BID else min(prices)) if prices else None

    def put(self, side: QuoteSide, price: Price, total: Size) -> None:
        """Set one level's total; 0 removes it."""
        assert total >= 0, f"expected no negative total, was {total}"
        taken = self._taken.get((side, price))
        if taken is not None:
            left = taken - max(self.total(side, price) - total, 0)
            self._take(side, price, min(left, total))
        if total:
            self._totals[side][price] = total
        else:
            self._totals[side].pop(price, None)

    def replace(self, side: QuoteSide, levels: Iterable[Level]) -> None:
        """Take over a whole side."""
        fresh = {level.price: level.size for level in levels if level.size}
        for of, price in list(self._taken):
            if of is side:
                self.put(side, price, fresh.get(price, Size(0)))
        self._totals[side] = fresh

    def met(self, side: QuoteSide, limit: Price, size: Size, budget: Usdc | None, *, no: bool) -> list[Match]:
        """Return what an order on `side` with this limit of YES would meet at once, best price first.

        With a budget (FAK and FOK to buy) it spends collateral, in prices of NO if `no`, and wants no size.
        """
        against = other(side)
        prices = sorted(self._totals[against], reverse=against is QuoteSide.BID)
        matches: list[Match] = []
        wanted: int = size
        for price in prices:
            if is_through(against, price, limit):
                break
            own = complement(price) if no else price
            if budget is not None:
                wanted = budget * PRICE_ONE // own
            got = min(wanted, self._left(against, price)) // LOT * LOT
            if got:
                matches.append(Match(price, Size(got)))
                wanted -= got
                if budget is not None:
                    budget = Usdc(budget - notional(own, Size(got), Rounding.UP))
            if wanted < LOT:
                break
        return matches

    def take(self, side: QuoteSide, matches: Iterable[Match]) -> None:
        """Let what an order on `side` met count as gone."""
        against = other(side)
        for match in matches:
            self._take(against, match.price, self._taken.get((against, match.price), 0) + match.size)

    def _left(self, side: QuoteSide, price: Price) -> int:
        return max(self.total(side, price) - self._taken.get((side, price), 0), 0)

    def _take(self, side: QuoteSide, price: Price, size: int) -> None:
        if size > 0:
            self._taken[side, price] = size
        else:
            self._taken.pop((side, price), None)

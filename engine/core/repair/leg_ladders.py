"""One leg of a broken ticket: its three ladders and the bounds of an order on each. Pure, in integers."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from engine.core.dutch.leg_risk import RestTerms, dump_proceeds, rest_of
from engine.core.order_terms import MARKETABLE_MIN
from engine.core.repair.remedies import RepairCase, RepairLeg
from engine.core.repair.repair_walk import Costs, Trade, Walk
from engine.domain.book import Level
from engine.domain.ids import TokenId
from engine.domain.market import Side
from engine.domain.units import LOT, Price, Rounding, Size, divide


class LegLadders:
    """One leg with its three ladders and the bounds of an order on each."""

    def __init__(self, leg: RepairLeg, case: RepairCase) -> None:
        self.leg = leg
        self.held = leg.held // LOT
        self.least = divide(leg.min_size, LOT, Rounding.UP)
        self.buys = self._walk(leg, case.costs, leg.token_id, Side.BUY, leg.asks)
        self.sells = self._walk(leg, case.costs, leg.token_id, Side.SELL, leg.bids)
        self.pairs = self._walk(leg, case.costs, leg.other, Side.BUY, leg.other_asks, pairs=True)
        self.sells_most = min(leg.sellable // LOT, self.sells.paying())
        self.pairs_most = self.pairs.paying()
        self._stress = case.stress_levels
        self._rests = RestTerms(
            least=leg.min_size,
            step=Size(self.sells.step * LOT),
            slippage=Price(case.costs.slippage_ticks * leg.tick),
            stress_levels=case.stress_levels,
        )
        self._given: dict[int, Trade | None] = {}

    @staticmethod
    def _walk(
        leg: RepairLeg,
        costs: Costs,
        token: TokenId,
        side: Side,
        levels: Sequence[Level],
        *,
        pairs: bool = False,
    ) -> Walk:
        return Walk(leg.number, token, side, levels, tick=leg.tick, fee=leg.fee, costs=costs, pairs=pairs)

    @cached_property
    def buys_least(self) -> int | None:
        """Fewest lots the venue takes of a BUY; None if the book is not worth a dollar."""
        worth = self.buys.lots_worth(MARKETABLE_MIN)
        return None if worth is None else max(self.least, worth)

    @cached_property
    def pairs_least(self) -> int | None:
        """The same for a BUY of the complement."""
        worth = self.pairs.lots_worth(MARKETABLE_MIN)
        return None if worth is None else max(self.least, worth)

    def buy(self, missing: int) -> Trade | None:
        """Return the order that brings the missing lots, more where the venue's minimum demands it."""
        return None if self.buys_least is None else self.buys.trade(max(missing, self.buys_least))

    def give_back(self, surplus: int) -> Trade | None:
        """Return what brings the most for at most so many lots, None if holding them is no worse."""
        if surplus not in self._given:
            self._given[surplus] = self._better(surplus)
        return self._given[surplus]

    def _better(self, surplus: int) -> Trade | None:
        sold = min(surplus, self.sells_most) // self.sells.step * self.sells.step
        paired = min(surplus, self.pairs_most)
        found = [
            self.sells.trade(sold) if sold >= self.least else None,
            self.pairs.trade(paired) if self.pairs_least is not None and paired >= self.pairs_least else None,
        ]
        # A sale needs no chain step: it goes first among equals.
        trades = [trade for trade in found if trade is not None and trade.worth > 0]
        return max(trades, key=lambda trade: trade.worth, default=None)

    def dump(self, lots: int) -> int:
        """Return what so many lots bring when the best bids have gone first, micro-dollars."""
        size = Size(lots * LOT)
        return dump_proceeds(self.leg.bids, self.leg.fee, size, stress_levels=self._stress) if lots else 0

    def rest(self, lots: int) -> int:
        """Return what of that may not come about, because it is less than the venue takes back."""
        return rest_of(self.leg.bids, self.leg.fee, Size(lots * LOT), self._rests) if lots else 0

    def marks(self) -> Iterator[int]:
        """Yield the numbers of sets at which something about this leg changes."""
        yield self.held
        yield from (self.held + end for end in self.buys.ends)
        if self.buys_least is not None:
            yield self.held + self.buys_least
        for most, ladder in ((self.sells_most, self.sells), (self.pairs_most, self.pairs)):
            yield self.held - most
            yield from (self.held - end for end in ladder.ends)
        yield self.held - self.least
        if self.pairs_least is not None:
            yield self.held - self.pairs_least

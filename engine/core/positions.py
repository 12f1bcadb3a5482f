"""Sums over fills and acts on chain: shares per outcome, outlay per market and per day. Decides nothing.

A fill that the venue has undone is in no sum.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.domain.chain_act import ChainAct
from engine.domain.events import PastFills
from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.market import Side
from engine.domain.order import Fill, Settlement
from engine.domain.units import Ms, Size, Usdc

DAY_MS = 86_400_000


@dataclass(slots=True)
class Holding:
    """Shares of one outcome; micro-shares."""

    bought: int = 0
    confirmed: int = 0
    """Of those bought, what the venue has settled: only this may be sold."""
    sold: int = 0
    """Settled or not: what has left may not be sold again."""
    converted: int = 0
    """Merged or redeemed, as the wallet was read to show."""

    @property
    def held(self) -> Size:
        """Shares held, unsettled ones included."""
        return Size(self.bought - self.sold - self.converted)

    @property
    def settled(self) -> Size:
        """Settled shares minus all that have left or may have; never negative."""
        return Size(max(0, self.confirmed - self.sold - self.converted))


@dataclass(slots=True)
class Positions:
    """All sums."""

    holdings: defaultdict[TokenId, Holding] = field(default_factory=lambda: defaultdict(Holding))
    outlays: defaultdict[ConditionId, int] = field(default_factory=lambda: defaultdict(int))
    """Cash and fees paid minus cash received, per market."""
    returned: defaultdict[EventId, int] = field(default_factory=lambda: defaultdict(int))
    """What merges and redemptions have paid, per event."""
    spent: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Purchases and every fee per UTC day."""

    def enter(self, fill: Fill, known: Fill | None, condition_id: ConditionId | None) -> None:
        """Count a fill in place of what was known of it; without a market only the other sums move."""
        if known is not None:
            self._add(known, condition_id, -1)
        self._add(fill, condition_id, 1)

    def _add(self, fill: Fill, condition_id: ConditionId | None, sign: int) -> None:
        if fill.settlement is Settlement.FAILED:
            return
        holding = self.holdings[fill.token_id]
        bought = fill.side is Side.BUY
        if bought:
            holding.bought += sign * fill.size
            holding.confirmed += sign * fill.size * (fill.settlement is Settlement.CONFIRMED)
        else:
            holding.sold += sign * fill.size
        self.spent[_day(fill.matched_ms)] += sign * (fill.fee + (fill.cash if bought else 0))
        if condition_id is not None:
            self.outlays[condition_id] += sign * (fill.fee + (fill.cash if bought else -fill.cash))

    def enter_past(self, past: Iterable[PastFills], spent: Usdc, at_ms: Ms) -> None:
        """Count what came back from storage as sums alone: all of it is settled."""
        for fills in past:
            holding = self.holdings[fills.token_id]
            holding.bought += fills.bought
            holding.confirmed += fills.bought
            holding.sold += fills.sold
            self.outlays[fills.condition_id] += fills.cost
        self.spent[_day(at_ms)] += spent

    def enter_act(self, act: ChainAct) -> None:
        """Count an act on chain that the wallet was read to show: its shares are gone, its payout is here."""
        for token in act.tokens:
            self.holdings[token].converted += act.taken(token)
        self.outlays[act.condition_id] -= act.payout
        self.returned[act.event_id] += act.payout

    def spent_on(self, at_ms: Ms) -> Usdc:
        """Return purchases and fees of the UTC day that holds `at_ms`."""
        return Usdc(self.spent.get(_day(at_ms), 0))


def _day(at_ms: Ms) -> int:
    return at_ms // DAY_MS

"""The books of one quoting run: where its money came from and how quietly it was made (strategy 5.8).

Fills, markouts, inventory and estimates, added up as they happen. Every part is rounded down. Rebates and
rewards are estimates beside the result and enter no sum of it. Pure: times and fair values come in.
"""

from engine.core.spread.micro import MICRO_ONE, to_micro
from engine.core.spread.reward_band import income_per_day, joint_score, side_score
from engine.core.spread.toxicity import HORIZONS_MS, Markout, QuoteFill, Toxicity, filled, marked
from engine.core.spread.width import rebate
from engine.domain.book import Level
from engine.domain.quote import LiveQuote, QuotedMarket, QuoteSide, QuoteState
from engine.domain.quoting import Execution, Glance, ProfitSplit, Quietness
from engine.domain.units import Ms, Price, Size, Usdc

DAY_S = 86_400
GLANCES_MAX = 1_024
"""More than a picture has columns; beyond, every second one goes and they come half as often."""


class QuoteLedger:
    """One strategy's run in one market under one queue model."""

    def __init__(self) -> None:
        self.executions: list[Execution] = []
        self.toxicity = Toxicity()
        self.trail: list[Glance] = []
        self.placed = self.cancelled = self.refused = 0
        self._captured = self._fees = self._rebates = 0
        self._markouts = [0] * len(HORIZONS_MS)
        self._every = 1
        self._seconds = self._quoted = self._two_sided = self._in_band = self._banded = 0
        self._net_sum = self._net_squares = self._net_max = 0
        self._rewards = 0
        """Incomes per day, added up over seconds."""

    def execute(self, execution: Execution, market: QuotedMarket) -> None:
        """Book one fill."""
        self.executions.append(execution)
        edge = execution.fair - to_micro(execution.yes)
        if execution.side is QuoteSide.ASK:
            edge = -edge
        self._captured += edge * execution.size // MICRO_ONE
        self._fees += execution.fee
        self._rebates += rebate(market, to_micro(execution.yes)) * execution.size // MICRO_ONE
        fill = QuoteFill(execution.side, execution.fair, execution.size, execution.at_ms)
        self.toxicity = filled(self.toxicity, fill)

    def mark(self, fair: int, at_ms: Ms) -> None:
        """Settle the markouts that are due by the fair value known now."""
        self.toxicity, settled = marked(self.toxicity, fair=fair, at_ms=at_ms)
        for markout in settled:
            self._take(markout)

    def second(
        self, market: QuotedMarket, quotes: tuple[LiveQuote, ...], glance: Glance, mid: int | None
    ) -> None:
        """Count one second: `quotes` in any state, `mid` that of the reward band, None without one."""
        resting = [quote for quote in quotes if quote.state is QuoteState.RESTING]
        sides = {quote.side for quote in resting}
        self._seconds += 1
        self._quoted += bool(resting)
        self._two_sided += len(sides) > 1
        self._net_sum += glance.net
        self._net_squares += glance.net * glance.net
        self._net_max = max(self._net_max, abs(glance.net))
        if mid is not None and market.rewards is not None:
            self._banded += 1
            bids, asks = (side_score(_levels(resting, side), mid, market.rewards) for side in QuoteSide)
            own = joint_score(bids, asks, mid)
            self._in_band += own > 0
            self._rewards += income_per_day(market.rewards, own)
        if self._seconds % self._every == 0:
            self.trail.append(glance)
            if len(self.trail) > GLANCES_MAX:
                self.trail = self.trail[1::2]
                self._every *= 2

    def split(self, fair: int | None) -> ProfitSplit:
        """Return where the money came from, marked at the last fair value; None only without any fill."""
        assert fair is not None or not self.executions, "expected a fair value to mark the fills at"
        mark, markouts = 0, list(self._markouts)
        for execution in self.executions:
            mark += _move(execution.side, execution.fair, fair or 0) * execution.size // MICRO_ONE
        for number, waiting in enumerate(self.toxicity.waiting):
            for fill in waiting:
                markouts[number] += _move(fill.side, fill.fair, fair or 0) * fill.size // MICRO_ONE
        return ProfitSplit(
            captured=Usdc(self._captured),
            markouts=tuple(Usdc(amount) for amount in markouts),
            mark=Usdc(mark),
            fees=Usdc(self._fees),
            rebates=Usdc(self._rebates),
            rewards=Usdc(self._rewards // DAY_S),
        )

    def quietness(self) -> Quietness:
        """Return the counts."""
        return Quietness(
            placed=self.placed,
            cancelled=self.cancelled,
            refused=self.refused,
            seconds=self._seconds,
            quoted=self._quoted,
            two_sided=self._two_sided,
            in_band=self._in_band,
            banded=self._banded,
            net_sum=self._net_sum,
            net_squares=self._net_squares,
            net_max=Size(self._net_max),
        )

    def _take(self, markout: Markout) -> None:
        self._markouts[HORIZONS_MS.index(markout.horizon_ms)] += (
            markout.micro * markout.fill.size // MICRO_ONE
        )


def best_of(quotes: tuple[LiveQuote, ...], side: QuoteSide) -> Price | None:
    """Return the best price of what rests on one side; None for nothing."""
    prices = [q.yes for q in quotes if q.side is side and q.state is QuoteState.RESTING]
    if not prices:
        return None
    return max(prices) if side is QuoteSide.BID else min(prices)


def _levels(quotes: list[LiveQuote], side: QuoteSide) -> tuple[Level, ...]:
    """Return what rests as levels of one order each: the scoring minimum is an order's."""
    return tuple(Level(quote.yes, quote.left) for quote in quotes if quote.side is side)


def _move(side: QuoteSide, before: int, after: int) -> int:
    return after - before if side is QuoteSide.BID else before - after

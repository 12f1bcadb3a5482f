"""Trades from their match to their end: ids, settlement steps, and what each step does to the balances.

A trade that fails is undone once, on both sides: shares, cash and fees go back. Its orders stay as they are,
filled or ended, as at the venue; nothing returns to a book.
"""

import hashlib
from collections.abc import Callable, Mapping

from engine.domain.units import Ms
from engine.simulator.bank import Bank
from engine.simulator.facts import Fact, TradeMoved
from engine.simulator.market import MarketSpec
from engine.simulator.orders import Fill, Trade, TradeStatus, TradeStep
from engine.simulator.settlement import Course, Settlements

Halves = list[tuple[Fill, Fill]]
"""The matches of one trade: the taker's and the maker's half of each."""


class Clearing:
    """Every trade in which an outsider took part, oldest first; those among insiders alone are not kept."""

    def __init__(
        self,
        bank: Bank,
        markets: Mapping[str, MarketSpec],
        settlements: Settlements,
        tell: Callable[[Fact], None],
        *,
        id_seed: str,
    ) -> None:
        self.trades: list[Trade] = []
        self._by_id: dict[str, Trade] = {}
        self._bank = bank
        self._markets = markets
        self._settlements = settlements
        self._tell = tell
        self._id_seed = id_seed
        self._count = 0

    def clear(self, market: MarketSpec, halves: Halves, now_ms: Ms) -> Trade:
        """Move what was matched, give the trade its id, and start its settlement."""
        self._count += 1
        digest = hashlib.sha256(f"{self._id_seed}/trade/{self._count}".encode()).hexdigest()
        trade_id = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
        trade = Trade(
            id=trade_id,
            condition_id=market.condition_id,
            taker_order_id=halves[0][0].order_id,
            takers=tuple(taker for taker, _ in halves),
            makers=tuple(maker for _, maker in halves),
            steps=[TradeStep(TradeStatus.MATCHED, now_ms, "")],
        )
        kept = not all(self._bank.accounts[account_id].insider for account_id in trade.account_ids)
        for taker, maker in halves:
            self._bank.settle_match(market, taker, maker, final=not kept)
        if kept:
            plan = self._settlements.plan(trade_id)
            trade.steps[0] = TradeStep(plan.start, now_ms, "")
            self.trades.append(trade)
            self._by_id[trade_id] = trade
            self._tell(TradeMoved(trade, plan.start, now_ms))
            self._settlements.follow(trade, plan.course, now_ms)
        return trade

    def advance(self, now_ms: Ms) -> None:
        """Take every settlement step that is due."""
        while (due := self._settlements.take_due(now_ms)) is not None:
            trade_id, status = due
            self._move(self._by_id[trade_id], status, now_ms)

    def redirect(self, trade_id: str, course: Course, now_ms: Ms) -> None:
        """Let a trade go on another way from now; raises ValueError for an unknown or a settled one."""
        trade = self._by_id.get(trade_id)
        if trade is None:
            raise ValueError(f"expected the id of a trade with an outsider, was {trade_id!r}")
        self._settlements.follow(trade, course, now_ms)

    def _move(self, trade: Trade, status: TradeStatus, now_ms: Ms) -> None:
        market = self._markets[trade.condition_id]
        if status is TradeStatus.CONFIRMED:
            self._bank.confirm(market, (*trade.takers, *trade.makers))
        elif status is TradeStatus.FAILED:
            for taker, maker in zip(trade.takers, trade.makers, strict=True):
                self._bank.undo(market, taker, maker)
        mined = sum(step.status is TradeStatus.MINED for step in trade.steps)
        transaction = trade.transaction_hash
        if status is TradeStatus.MINED:
            # Every attempt is a transaction of its own (reliability A14 P8).
            transaction = "0x" + hashlib.sha256(f"{trade.id}/{mined + 1}".encode()).hexdigest()
        trade.steps.append(TradeStep(status, now_ms, transaction))
        self._tell(TradeMoved(trade, status, now_ms))

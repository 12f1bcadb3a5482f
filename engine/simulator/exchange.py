"""The matching exchange: orders in, facts out. Price-time priority, one logical book per market.

Pure and deterministic: time and order ids are arguments, trade ids come from a counter. It does not check
signatures, ticks or minimums (that is `order_entry`); it refuses only what depends on books and balances.
"""

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import groupby

from engine.domain.fees import taker_fee
from engine.domain.units import Ms, Rounding, Size, Usdc, notional
from engine.simulator.bank import UNLIMITED, Bank, exchange_address
from engine.simulator.facts import Fact, LevelSet, OrderChange, OrderChanged, Traded, TradeMoved
from engine.simulator.ladder import Ladder
from engine.simulator.market import BookSide, MarketSpec, Side, mirrored
from engine.simulator.matching import SHARE_STEP, Match, plan_matches, taker_cost
from engine.simulator.orders import Fill, NewOrder, Order, OrderState, OrderType, Trade, TradeStatus
from engine.simulator.refusals import (
    FAK_UNMATCHED,
    POST_ONLY_CROSSES,
    Refusal,
    allowance_too_low,
    balance_too_low,
    below_one_dollar,
)

MARKETABLE_BUY_MIN = Usdc(1_000_000)
"""A BUY that trades at once must be worth a dollar (protocol 4.3)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted order with what it traded at once."""

    order: Order
    trades: tuple[Trade, ...]


class Exchange:
    """Accounts, books, orders and trades of one venue."""

    def __init__(self, markets: Iterable[MarketSpec], *, id_seed: str, confirm_delay_ms: int) -> None:
        self.markets: dict[str, MarketSpec] = {}
        self.tokens: dict[str, tuple[MarketSpec, int]] = {}
        self._ladders: dict[str, Ladder] = {}
        for market in markets:
            self.list_market(market)
        self.bank = Bank()
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self._open: defaultdict[str, dict[str, Order]] = defaultdict(dict)
        self._id_seed = id_seed
        self._trade_count = 0
        self._confirm_delay_ms = confirm_delay_ms
        self._matched: deque[Trade] = deque()
        self._mined: deque[Trade] = deque()
        self._expiries: list[tuple[Ms, str]] = []
        self._facts: list[Fact] = []

    def ladder(self, condition_id: str) -> Ladder:
        """Return a market's book, for reading."""
        return self._ladders[condition_id]

    def list_market(self, market: MarketSpec) -> None:
        """Take orders for a market from now on, or go on under its new parameters."""
        self.markets[market.condition_id] = market
        self._ladders.setdefault(market.condition_id, Ladder())
        for index, token in enumerate(market.tokens):
            self.tokens[token] = (market, index)

    def delist_market(self, market: MarketSpec) -> None:
        """Take no more orders for a market; its trades can still be read."""
        for token in market.tokens:
            del self.tokens[token]

    def sweep(self, condition_id: str, goes: Callable[[Order], bool], state: OrderState, now_ms: Ms) -> int:
        """End the resting orders of a market that `goes` names, in the given state; return how many."""
        ladder = self._ladders[condition_id]
        ending = [order for side in BookSide for order in ladder.walk(side) if goes(order)]
        for order in ending:
            self._end_resting(order, state, now_ms)
        return len(ending)

    def take_facts(self) -> list[Fact]:
        """Return what has happened since the last call, oldest first."""
        facts, self._facts = self._facts, []
        return facts

    def open_orders(self, account_id: str) -> list[Order]:
        """Return an account's resting orders in the order of their arrival."""
        return list(self._open[account_id].values())

    def place(self, new: NewOrder, now_ms: Ms) -> Placed | Refusal:
        """Match an order and rest its remainder, or refuse it without any change."""
        assert new.id not in self.orders, f"order {new.id} was placed before"
        self.settle(now_ms)
        market = self.markets[new.condition_id]
        matches = plan_matches(self._ladders[new.condition_id], new)
        refusal = self._refusal(market, new, matches)
        if refusal is not None:
            return refusal
        order = Order(new, remaining=new.size, placed_ms=now_ms)
        self.orders[new.id] = order
        self._note_order(OrderChange.PLACEMENT, order, now_ms)
        trades = self._execute(market, order, matches, now_ms)
        self._finish(market, order, now_ms)
        return Placed(order, trades)

    def cancel(self, order_id: str, account_id: str, now_ms: Ms) -> bool:
        """End an open order of this account; False when there is none (any more)."""
        self.settle(now_ms)
        order = self.orders.get(order_id)
        if order is None or order.state is not OrderState.LIVE or order.terms.account_id != account_id:
            return False
        self._end_resting(order, OrderState.CANCELED, now_ms)
        return True

    def settle(self, now_ms: Ms) -> None:
        """Do what is due: end expired orders, mine trades at half the delay, confirm them at the whole."""
        while self._expiries and self._expiries[0][0] <= now_ms:
            order = self.orders.get(heappop(self._expiries)[1])
            if order is not None and order.state is OrderState.LIVE:
                self._end_resting(order, OrderState.EXPIRED, now_ms)
        while self._matched and self._matched[0].matched_ms + self._confirm_delay_ms // 2 <= now_ms:
            trade = self._matched.popleft()
            self._move_trade(trade, TradeStatus.MINED, now_ms)
            self._mined.append(trade)
        while self._mined and self._mined[0].matched_ms + self._confirm_delay_ms <= now_ms:
            self._move_trade(self._mined.popleft(), TradeStatus.CONFIRMED, now_ms)

    def _refusal(self, market: MarketSpec, new: NewOrder, matches: list[Match]) -> Refusal | None:
        """Return why this order cannot be taken at this moment, or None."""
        if new.post_only and matches:
            return POST_ONLY_CROSSES
        amount = new.budget if new.budget is not None else notional(new.price, new.size, Rounding.UP)
        if new.side is Side.BUY and matches and amount < MARKETABLE_BUY_MIN:
            return below_one_dollar(amount)
        account = self.bank.accounts[new.account_id]
        if new.side is Side.BUY:
            if account.free_usdc < max(amount, taker_cost(new, matches, market.fee)):
                return balance_too_low(account.free_usdc, amount)
            allowance = account.allowances.get(exchange_address(neg_risk=market.neg_risk), 0)
            if allowance != UNLIMITED and allowance < account.reserved_usdc + amount:
                return allowance_too_low(allowance, amount)
        elif (free := account.free_shares(market.tokens[new.token_index])) < new.size:
            return balance_too_low(free, new.size)
        if new.order_type is OrderType.FAK and not matches:
            return FAK_UNMATCHED
        return None

    def _execute(
        self, market: MarketSpec, order: Order, matches: Sequence[Match], now_ms: Ms
    ) -> tuple[Trade, ...]:
        """Carry out the planned matches: one trade for each price level, then one fact for all of them."""
        trades = []
        for _, group in groupby(matches, key=lambda match: match.book_price):
            level = list(group)
            halves = [self._match(market, order, match) for match in level]
            trades.append(self._record_trade(market, order, halves, now_ms))
            for match in level:
                self._note_maker(match.maker, trades[-1], now_ms)
            self._note_level(level[-1].maker, now_ms, by_trade=True)
        if trades:
            self._facts.append(Traded(market.condition_id, tuple(trades), now_ms))
            if order.remaining < SHARE_STEP:
                order.state = OrderState.MATCHED
            self._note_order(OrderChange.UPDATE, order, now_ms)
        return tuple(trades)

    def _match(self, market: MarketSpec, taker: Order, match: Match) -> tuple[Fill, Fill]:
        """Move shares and cash of one match and take it off the resting order."""
        maker = match.maker
        self._reserve(maker, match.size, sign=-1)
        halves = []
        for order, pays_fee in ((taker, True), (maker, False)):
            terms = order.terms
            price = mirrored(terms.token_index, match.book_price)
            fee = taker_fee(market.fee, price, match.size, Rounding.DOWN) if pays_fee else Usdc(0)
            cash = notional(price, match.size, Rounding.DOWN)
            halves.append(
                Fill(terms.id, terms.account_id, terms.token_index, terms.side, price, match.size, cash, fee)
            )
        self.bank.settle_match(market, halves[0], halves[1])
        self._ladders[market.condition_id].fill(maker, match.size)
        taker.filled = Size(taker.filled + match.size)
        taker.remaining = Size(max(taker.remaining - match.size, 0))
        return halves[0], halves[1]

    def _record_trade(
        self, market: MarketSpec, order: Order, halves: list[tuple[Fill, Fill]], now_ms: Ms
    ) -> Trade:
        """Give the trade its id and start its settlement; trades among insiders alone are not kept."""
        self._trade_count += 1
        digest = hashlib.sha256(f"{self._id_seed}/trade/{self._trade_count}".encode()).hexdigest()
        trade = Trade(
            id=f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}",
            condition_id=market.condition_id,
            taker_order_id=order.terms.id,
            takers=tuple(taker for taker, _ in halves),
            makers=tuple(maker for _, maker in halves),
            matched_ms=now_ms,
            updated_ms=now_ms,
        )
        order.trade_ids.append(trade.id)
        if not all(self.bank.accounts[account_id].insider for account_id in trade.account_ids):
            self.trades.append(trade)
            self._matched.append(trade)
            self._facts.append(TradeMoved(trade, TradeStatus.MATCHED, now_ms))
        return trade

    def _finish(self, market: MarketSpec, order: Order, now_ms: Ms) -> None:
        """Rest the remainder, or end an order that is filled or of type FAK."""
        terms = order.terms
        if terms.order_type is OrderType.FAK:
            whole = order.remaining < SHARE_STEP
            self._end(order, OrderState.MATCHED if whole else OrderState.CANCELED, now_ms)
        elif order.remaining == 0:
            self._end(order, OrderState.MATCHED, now_ms)
        else:
            self._ladders[market.condition_id].add(order)
            self._open[terms.account_id][terms.id] = order
            self._reserve(order, order.remaining, sign=1)
            self._note_level(order, now_ms, by_trade=False)
            if terms.expires_ms is not None:
                heappush(self._expiries, (terms.expires_ms, terms.id))

    def _note_maker(self, maker: Order, trade: Trade, now_ms: Ms) -> None:
        """Report a resting order's progress, and its end when it is filled."""
        maker.trade_ids.append(trade.id)
        if maker.remaining == 0:
            self._end(maker, OrderState.MATCHED, now_ms)
        self._note_order(OrderChange.UPDATE, maker, now_ms)

    def _end_resting(self, order: Order, state: OrderState, now_ms: Ms) -> None:
        """Take an open order off the book."""
        self._ladders[order.terms.condition_id].remove(order)
        self._reserve(order, order.remaining, sign=-1)
        self._end(order, state, now_ms)
        self._note_level(order, now_ms, by_trade=False)

    def _end(self, order: Order, state: OrderState, now_ms: Ms) -> None:
        """Close an order's record; those of insiders are forgotten, or a long run would fill the memory."""
        order.state = state
        order.ended_ms = now_ms
        self._open[order.terms.account_id].pop(order.terms.id, None)
        if state is not OrderState.MATCHED:
            self._note_order(OrderChange.CANCELLATION, order, now_ms)
        if self.bank.accounts[order.terms.account_id].insider:
            del self.orders[order.terms.id]

    def _reserve(self, order: Order, size: Size, *, sign: int) -> None:
        terms = order.terms
        token = self.markets[terms.condition_id].tokens[terms.token_index]
        self.bank.reserve(terms.account_id, token, terms.side, terms.price, size, sign=sign)

    def _move_trade(self, trade: Trade, status: TradeStatus, now_ms: Ms) -> None:
        trade.status = status
        trade.updated_ms = now_ms
        self._facts.append(TradeMoved(trade, status, now_ms))

    def _note_level(self, order: Order, now_ms: Ms, *, by_trade: bool) -> None:
        """Report the present total of the level an order stands (or stood) at."""
        terms = order.terms
        size = self._ladders[terms.condition_id].size_at(terms.book_side, terms.book_price)
        self._facts.append(
            LevelSet(terms.condition_id, terms.book_side, terms.book_price, size, by_trade, now_ms)
        )

    def _note_order(self, change: OrderChange, order: Order, now_ms: Ms) -> None:
        """Report an outsider's order; nobody listens to insiders."""
        if self.bank.accounts[order.terms.account_id].insider:
            return
        self._facts.append(
            OrderChanged(
                change,
                order.terms,
                order.filled,
                order.state,
                tuple(order.trade_ids),
                order.placed_ms,
                now_ms,
            )
        )

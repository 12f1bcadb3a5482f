"""The matching exchange: orders in, facts out. Price-time priority, one logical book per market.

Pure and deterministic: time and order ids are arguments, trade ids come from a counter. It does not check
signatures, ticks or minimums (that is `order_entry`); it refuses only what depends on books and balances.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import groupby

from engine.domain.fees import taker_fee
from engine.domain.units import LOT, Ms, Rounding, Size, Usdc, notional
from engine.simulator.balance_view import BalanceView
from engine.simulator.bank import Account, Bank
from engine.simulator.clearing import Clearing
from engine.simulator.contracts import UNLIMITED, settlement_of
from engine.simulator.facts import Fact, LevelSet, OrderChange, OrderChanged, Traded
from engine.simulator.ladder import Ladder
from engine.simulator.market import BookSide, MarketSpec, Side, mirrored
from engine.simulator.matching import Match, fills_whole, meet_one, plan_matches, taker_cost
from engine.simulator.orders import Fill, NewOrder, Order, OrderState, OrderType, Trade
from engine.simulator.refusals import (
    FAK_UNMATCHED,
    FOK_UNFILLED,
    POST_ONLY_CROSSES,
    Refusal,
    allowance_too_low,
    balance_too_low,
    below_one_dollar,
)
from engine.simulator.settlement import Settlements

MARKETABLE_BUY_MIN = Usdc(1_000_000)
"""A BUY that trades at once must be worth a dollar (protocol 4.3)."""
USUAL_DELAY_MS = 1_000
"""Taker delay of a market that has one: its parameters tell one second."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted order with what it traded at once."""

    order: Order
    trades: tuple[Trade, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """A market's result: the index of the winning outcome."""

    winner: int
    at_ms: Ms


class Exchange:
    """Accounts, books, orders and trades of one venue."""

    def __init__(self, markets: Iterable[MarketSpec], *, id_seed: str, confirm_delay_ms: int) -> None:
        self.markets: dict[str, MarketSpec] = {}
        self.tokens: dict[str, tuple[MarketSpec, int]] = {}
        self._ladders: dict[str, Ladder] = {}
        for market in markets:
            self.list_market(market)
        self.bank = Bank()
        self.balances = BalanceView(self.bank.accounts)
        self.orders: dict[str, Order] = {}
        self.resolutions: dict[str, Resolution] = {}
        self.settlements = Settlements(confirm_delay_ms)
        self._open: defaultdict[str, dict[str, Order]] = defaultdict(dict)
        self._expiries: list[tuple[Ms, str]] = []
        self._delayed: list[tuple[Ms, str]] = []
        self.taker_delays: dict[str, int] = {}
        """Taker delay in ms by market, where it is not the one its parameters tell."""
        self._facts: list[Fact] = []
        self.clearing = Clearing(self.bank, self.markets, self.settlements, self._tell, id_seed=id_seed)

    @property
    def trades(self) -> list[Trade]:
        """Every trade in which an outsider took part, oldest first."""
        return self.clearing.trades

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

    def resolve(self, market: MarketSpec, winner: int, now_ms: Ms) -> None:
        """End every resting order of a market and let outcome `winner` win; its shares can be redeemed."""
        self.sweep(market.condition_id, lambda _: True, OrderState.RESOLVED, now_ms)
        self.resolutions[market.condition_id] = Resolution(winner, now_ms)
        self.delist_market(market)

    def sweep(self, condition_id: str, goes: Callable[[Order], bool], state: OrderState, now_ms: Ms) -> int:
        """End the resting orders of a market that `goes` names, in the given state; return how many."""
        ladder = self._ladders[condition_id]
        ending = [order for side in BookSide for order in ladder.walk(side) if goes(order)]
        for order in ending:
            self._end_resting(order, state, now_ms)
        return len(ending)

    def end_uncovered(self, account_id: str, now_ms: Ms) -> int:
        """End open orders that balance or allowance cover no more, the newest first; return how many."""
        account, ended = self.bank.accounts[account_id], 0
        for order in reversed(self.open_orders(account_id)):
            if order.state is OrderState.LIVE and not self._is_covered(account, order):
                self._end_resting(order, OrderState.UNCOVERED, now_ms)
                ended += 1
        return ended

    def take_facts(self) -> list[Fact]:
        """Return what has happened since the last call, oldest first."""
        facts, self._facts = self._facts, []
        return facts

    def open_orders(self, account_id: str) -> list[Order]:
        """Return an account's resting and delayed orders in the order of their arrival."""
        return list(self._open[account_id].values())

    def place(self, new: NewOrder, now_ms: Ms, *, against: Order | None = None) -> Placed | Refusal:
        """Match an order and rest its remainder, or refuse it without any change.

        With `against` it meets that resting order alone, whoever stands before it.
        """
        assert new.id not in self.orders, f"order {new.id} was placed before"
        assert new.budget is not None or new.size % LOT == 0, f"expected whole lots, was {new.size}"
        self.settle(now_ms)
        market = self.markets[new.condition_id]
        if against is None:
            matches = plan_matches(self._ladders[new.condition_id], new)
        else:
            matches = meet_one(against, new)
        refusal = self._refusal(market, new, matches, now_ms)
        if refusal is not None:
            return refusal
        order = Order(new, remaining=new.size, placed_ms=now_ms)
        self.orders[new.id] = order
        delay_ms = self._delay_ms(market, new) if matches and against is None else 0
        if delay_ms:
            self._hold(order, Ms(now_ms + delay_ms), now_ms)
            return Placed(order, ())
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
        """Do what is due: let delayed orders trade, end expired ones, take the settlement steps of trades."""
        while self._delayed and self._delayed[0][0] <= now_ms:
            self._release(self.orders[heappop(self._delayed)[1]], now_ms)
        while self._expiries and self._expiries[0][0] <= now_ms:
            order = self.orders.get(heappop(self._expiries)[1])
            if order is not None and order.state is OrderState.LIVE:
                self._end_resting(order, OrderState.EXPIRED, now_ms)
        self.clearing.advance(now_ms)

    def _refusal(self, market: MarketSpec, new: NewOrder, matches: list[Match], now_ms: Ms) -> Refusal | None:
        """Return why this order cannot be taken at this moment, or None."""
        if new.post_only and matches:
            return POST_ONLY_CROSSES
        amount = new.budget if new.budget is not None else notional(new.price, new.size, Rounding.UP)
        if new.side is Side.BUY and matches and amount < MARKETABLE_BUY_MIN:
            return below_one_dollar(amount)
        account = self.bank.accounts[new.account_id]
        if new.side is Side.BUY:
            cost = max(amount, taker_cost(new, matches, market.fee))
            seen = self.balances.usdc(account, now_ms) - account.reserved_usdc
            if (funds := max(min(account.free_usdc, seen), 0)) < cost:
                return balance_too_low(funds, amount)
            if self._spare_allowance(account, settlement_of(market).exchange) < cost:
                return allowance_too_low(account.allowances.get(settlement_of(market).exchange, 0), amount)
        elif (free := self._sellable(account, market.tokens[new.token_index], now_ms)) < new.size:
            return balance_too_low(free, new.size)
        elif not account.lets_trade(settlement_of(market)):
            return allowance_too_low(0, new.size)
        if new.order_type is OrderType.FAK and not matches:
            return FAK_UNMATCHED
        if new.order_type is OrderType.FOK and not fills_whole(new, matches):
            return FOK_UNFILLED
        return None

    def placed(self, order_id: str) -> Placed:
        """Return an order that was accepted before, with what it has traded as a taker."""
        trades = [trade for trade in self.clearing.trades if trade.taker_order_id == order_id]
        return Placed(self.orders[order_id], tuple(trades))

    def _delay_ms(self, market: MarketSpec, new: NewOrder) -> int:
        """Return how long an outsider's order that would trade waits; makers of the flow never do."""
        if self.bank.accounts[new.account_id].insider:
            return 0
        usual_ms = USUAL_DELAY_MS if market.taker_delay else 0
        return max(new.delay_ms, self.taker_delays.get(market.condition_id, usual_ms))

    def _hold(self, order: Order, until_ms: Ms, now_ms: Ms) -> None:
        """Let an order wait, with what it may use promised."""
        order.state = OrderState.DELAYED
        self._open[order.terms.account_id][order.terms.id] = order
        self._reserve(order, order.remaining, sign=1)
        heappush(self._delayed, (until_ms, order.terms.id))
        self._note_order(OrderChange.PLACEMENT, order, now_ms)

    def _release(self, order: Order, now_ms: Ms) -> None:
        """Let a delayed order meet the book as it is now: it trades, rests, or ends as not to be filled."""
        terms = order.terms
        self._reserve(order, order.remaining, sign=-1)
        del self._open[terms.account_id][terms.id]
        market = self.markets[terms.condition_id]
        if terms.condition_id in self.resolutions:
            self._end(order, OrderState.RESOLVED, now_ms)
            return
        matches = plan_matches(self._ladders[terms.condition_id], terms)
        if self._refusal(market, terms, matches, now_ms) is not None:
            self._end(order, OrderState.CANCELED, now_ms)
            return
        order.state = OrderState.LIVE
        if not matches:
            self._note_order(OrderChange.UPDATE, order, now_ms)
        self._execute(market, order, matches, now_ms)
        self._finish(market, order, now_ms)

    def _execute(
        self, market: MarketSpec, order: Order, matches: Sequence[Match], now_ms: Ms
    ) -> tuple[Trade, ...]:
        """Carry out the planned matches: one trade for each price level, then one fact for all of them."""
        trades = []
        for _, group in groupby(matches, key=lambda match: match.book_price):
            level = list(group)
            halves = [self._match(market, order, match) for match in level]
            trades.append(self.clearing.clear(market, halves, now_ms))
            order.trade_ids.append(trades[-1].id)
            for match in level:
                self._note_maker(match.maker, trades[-1], now_ms)
            self._note_level(level[-1].maker, now_ms, by_trade=True)
        if trades:
            self._facts.append(Traded(market.condition_id, tuple(trades), now_ms))
            if order.remaining < LOT:
                order.state = OrderState.MATCHED
            self._note_order(OrderChange.UPDATE, order, now_ms)
        return tuple(trades)

    def _match(self, market: MarketSpec, taker: Order, match: Match) -> tuple[Fill, Fill]:
        """Take one match off the resting order; return the two halves, the taker's first."""
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
        self._ladders[market.condition_id].fill(maker, match.size)
        taker.filled = Size(taker.filled + match.size)
        taker.remaining = Size(max(taker.remaining - match.size, 0))
        return halves[0], halves[1]

    def _finish(self, market: MarketSpec, order: Order, now_ms: Ms) -> None:
        """Rest the remainder, or end an order that is filled or immediate."""
        terms = order.terms
        if terms.order_type.is_immediate:
            whole = order.remaining < LOT
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

    def _sellable(self, account: Account, token: str, now_ms: Ms) -> int:
        """Return the shares an order may sell: free ones, as far as the venue has seen them."""
        seen = self.balances.shares(account, token, now_ms) - account.reserved_shares.get(token, 0)
        return max(min(account.free_shares(token), seen), 0)

    def _is_covered(self, account: Account, order: Order) -> bool:
        """Tell whether an open order could still be paid or delivered."""
        market = self.markets[order.terms.condition_id]
        if order.terms.side is Side.BUY:
            return (
                account.free_usdc >= 0 and self._spare_allowance(account, settlement_of(market).exchange) >= 0
            )
        token = market.tokens[order.terms.token_index]
        return account.free_shares(token) >= 0 and account.lets_trade(settlement_of(market))

    def _spare_allowance(self, account: Account, spender: str) -> int:
        """Return what a contract may still spend beside the open orders it settles."""
        allowance = account.allowances.get(spender, 0)
        if allowance == UNLIMITED:
            return UNLIMITED
        promised = sum(
            notional(order.terms.price, order.remaining, Rounding.UP)
            for order in self._open[account.id].values()
            if order.terms.side is Side.BUY
            and settlement_of(self.markets[order.terms.condition_id]).exchange == spender
        )
        return allowance - promised

    def _tell(self, fact: Fact) -> None:
        self._facts.append(fact)

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
        order.note(now_ms)
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

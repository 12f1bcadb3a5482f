"""A venue as simple as it can be and still true: orders by id, trades, a stream, and nothing forgotten."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from engine.core.fills import fills_of
from engine.domain.account import (
    AccountState,
    CancelReply,
    MakerMatch,
    OpenOrder,
    UserOrder,
    UserOrderStatus,
    VenueTrade,
)
from engine.domain.failure import LegAnswer, Placed, PostClass
from engine.domain.fees import outlay_bound
from engine.domain.ids import OrderId, TokenId
from engine.domain.market import Market, Side
from engine.domain.order import Fill, OrderIntent, OrderRecord, Settlement, TimeInForce, settle
from engine.domain.units import Ms, Size, Usdc
from tests.support.builders import (
    WALLET,
    accepted,
    account,
    answer,
    mirrored,
    order,
    order_id,
    resting,
    streamed,
    trade,
)


class Fate(Enum):
    """What the venue does with an order that reaches it."""

    REST = "rest"
    FILL = "fill"
    PART = "part"
    REFUSE = "refuse"
    DEFER = "defer"
    DELAY = "delay"


class How(Enum):
    """As what an order stands in a trade, and on which token the other side does."""

    TAKER = "taker, same token"
    TAKER_MINT = "taker, mint"
    MAKER = "maker, same token"
    MAKER_MINT = "maker, mint"


@dataclass
class Held:
    """One order the venue knows."""

    intent: OrderIntent
    filled: Size
    rests: bool
    delayed: bool = False
    """Held back: it can be matched and cannot be cancelled."""


@dataclass
class ModelVenue:
    """Truth. The desk under test sees of it only what the test lets through."""

    markets: dict[TokenId, Market] = field(default_factory=dict)
    held: dict[OrderId, Held] = field(default_factory=dict)
    trades: dict[str, VenueTrade] = field(default_factory=dict)
    owners: dict[str, OrderId] = field(default_factory=dict)
    """Which of the desk's orders a trade fills."""
    foreign: dict[OrderId, OpenOrder] = field(default_factory=dict)
    tell_order: Callable[[UserOrder], None] = lambda _: None
    tell_trade: Callable[[VenueTrade], None] = lambda _: None

    def take(self, order_id: OrderId, intent: OrderIntent, fate: Fate, at_ms: Ms) -> LegAnswer:
        """Receive one order and return the answer that leaves for the desk."""
        sent = replace(order(what=intent), order_id=order_id)
        if order_id in self.held:
            return answer(sent, PostClass.DUPLICATED, f"order {order_id} is invalid. Duplicated.")
        if fate is Fate.REFUSE:
            return answer(sent, PostClass.REFUSED, "not enough balance / allowance")
        if fate is Fate.DEFER:
            return answer(sent, PostClass.DEFERRED, "matching engine restarting")
        if intent.rests:
            fate = Fate.REST  # what would match at once is refused to a post-only order
        self.held[order_id] = Held(intent, Size(0), rests=True, delayed=fate is Fate.DELAY)
        if fate in (Fate.FILL, Fate.PART):
            whole = fate is Fate.FILL
            if whole or intent.time_in_force is not TimeInForce.FOK:
                self.match(order_id, intent.size if whole else Size(intent.size // 4), at_ms)
        held = self.held[order_id]
        if intent.is_immediate and not held.delayed:
            held.rests = False
            if held.filled == 0:
                self._tell(order_id, UserOrderStatus.CANCELLED)
                return answer(sent, PostClass.REFUSED, "no orders found to match with FAK order. FAK orders")
        self._tell(order_id)
        if held.delayed:
            return accepted(sent, Size(0), Placed.DELAYED)
        return accepted(sent, held.filled, Placed.MATCHED if held.filled else Placed.LIVE)

    def match(self, order_id: OrderId, size: Size, at_ms: Ms, how: How = How.TAKER) -> None:
        """Fill up to `size` more of an order that is there."""
        held = self.held[order_id]
        size = Size(min(size, held.intent.size - held.filled))
        if not held.rests or size <= 0:
            return
        name = f"trade-{len(self.trades)}"
        self.trades[name] = self._trade(self._record(order_id), size, name, at_ms, how)
        self.owners[name] = order_id
        held.filled = Size(held.filled + size)
        held.rests = held.filled < held.intent.size
        self.tell_trade(self.trades[name])
        self._tell(order_id)

    def _trade(self, of: OrderRecord, size: Size, name: str, at_ms: Ms, how: How) -> VenueTrade:
        found = trade(of, size, name=name, at_ms=at_ms)
        market = self.markets[of.intent.token_id]
        if how is How.TAKER_MINT:
            return mirrored(found, market)
        if how is How.TAKER:
            return found
        own = MakerMatch(of.order_id, of.intent.token_id, of.intent.side, of.intent.price, size)
        minted = how is How.MAKER_MINT
        return replace(
            found,
            taker_order_id=order_id(("taker", name)),
            token_id=market.no if minted else of.intent.token_id,
            side=Side.BUY if minted or of.intent.side is Side.SELL else Side.SELL,
            makers=(own,),
        )

    def end_delay(self, order_id: OrderId, fate: Fate, at_ms: Ms) -> None:
        """Match, rest or drop an order that was held back."""
        held = self.held[order_id]
        held.delayed = False
        if fate in (Fate.FILL, Fate.PART):
            self.match(order_id, held.intent.size, at_ms)
        if fate is not Fate.REST or held.intent.is_immediate:
            held.rests = False
        self._tell(order_id, None if held.rests or held.filled else UserOrderStatus.UNMATCHED)

    def cancel(self, order_id: OrderId) -> CancelReply:
        held = self.held.get(order_id)
        if held is None:
            return CancelReply.NOT_FOUND
        if held.delayed:
            return CancelReply.OTHER
        if not held.rests:
            return CancelReply.MATCHED
        held.rests = False
        self._tell(order_id, UserOrderStatus.CANCELLED)
        return CancelReply.CANCELLED

    def settle(self, name: str, settlement: Settlement) -> None:
        """Move a trade to another settlement, if the venue's own order of steps allows it."""
        before = self.trades[name]
        after = settle(before.settlement, settlement)
        if after is not before.settlement:
            self.trades[name] = replace(before, settlement=after)
            self.tell_trade(self.trades[name])

    def trades_of(self, order_id: OrderId) -> tuple[VenueTrade, ...]:
        return tuple(found for name, found in self.trades.items() if self.owners[name] == order_id)

    def read(self, tokens: Iterable[TokenId] = ()) -> AccountState:
        """Return the whole account as it is now."""
        rests = tuple(
            replace(resting(self._record(order_id), held.filled), delayed=held.delayed)
            for order_id, held in self.held.items()
            if held.rests
        )
        shares: defaultdict[TokenId, int] = defaultdict(int)
        for fill in self.fills():
            if fill.settlement is not Settlement.FAILED:
                shares[fill.token_id] += fill.size if fill.side is Side.BUY else -fill.size
        return account(
            resting_orders=(*rests, *self.foreign.values()),
            trades=tuple(self.trades.values()),
            balance=Usdc(WALLET - self.paid()),
            held=tuple((token, Size(shares[token])) for token in tokens),
        )

    def fills(self) -> list[Fill]:
        """Return what every trade is for the desk's order in it."""
        found = [fills_of(self.trades[name], self._record(owner)) for name, owner in self.owners.items()]
        return [fill for fill in found if fill is not None]

    def paid(self) -> Usdc:
        """Return cash paid less cash received, and fees, of every trade that was not undone."""
        kept = [f for f in self.fills() if f.settlement is not Settlement.FAILED]
        return Usdc(sum((f.cash if f.side is Side.BUY else -f.cash) + f.fee for f in kept))

    def exposure(self) -> Usdc:
        """Return what was paid and what resting orders may still cost at most."""
        may_cost = sum(
            outlay_bound(held.intent.fee, held.intent.price, Size(held.intent.size - held.filled))
            for held in self.held.values()
            if held.rests
        )
        return Usdc(self.paid() + may_cost)

    def _record(self, order_id: OrderId) -> OrderRecord:
        return replace(order(what=self.held[order_id].intent), order_id=order_id)

    def _tell(self, order_id: OrderId, status: UserOrderStatus | None = None) -> None:
        held = self.held[order_id]
        if status is None:
            whole = held.filled >= held.intent.size
            status = UserOrderStatus.MATCHED if whole else UserOrderStatus.LIVE
            if held.delayed:
                status = UserOrderStatus.DELAYED
        self.tell_order(streamed(self._record(order_id), status, held.filled))

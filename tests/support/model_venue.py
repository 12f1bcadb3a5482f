"""A venue as simple as it can be and still true: orders by id, trades, and nothing forgotten."""

from dataclasses import dataclass, field, replace
from enum import Enum

from engine.core.fills import fills_of
from engine.domain.account import AccountState, CancelReply, VenueTrade
from engine.domain.failure import LegAnswer, Placed, PostClass
from engine.domain.fees import outlay_bound
from engine.domain.ids import OrderId
from engine.domain.order import OrderIntent, Settlement
from engine.domain.units import Ms, Size, Usdc
from tests.support.builders import WALLET, accepted, account, answer, order, resting, trade


class Fate(Enum):
    """What the venue does with an order that reaches it."""

    REST = "rest"
    FILL = "fill"
    PART = "part"
    REFUSE = "refuse"
    DEFER = "defer"


@dataclass
class Held:
    """One order the venue knows."""

    intent: OrderIntent
    filled: Size
    rests: bool


@dataclass
class ModelVenue:
    """Truth. The desk under test sees of it only what the test lets through."""

    held: dict[OrderId, Held] = field(default_factory=dict)
    trades: dict[str, VenueTrade] = field(default_factory=dict)

    def take(self, order_id: OrderId, intent: OrderIntent, fate: Fate, at_ms: Ms) -> LegAnswer:
        """Receive one order and return the answer that leaves for the desk."""
        sent = replace(order(what=intent), order_id=order_id)
        if order_id in self.held:
            return answer(sent, PostClass.DUPLICATED, f"order {order_id} is invalid. Duplicated.")
        if fate is Fate.REFUSE:
            return answer(sent, PostClass.REFUSED, "not enough balance / allowance")
        if fate is Fate.DEFER:
            return answer(sent, PostClass.DEFERRED, "matching engine restarting")
        self.held[order_id] = Held(intent, Size(0), rests=True)
        if fate is not Fate.REST:
            self.match(order_id, intent.size if fate is Fate.FILL else Size(intent.size // 4), at_ms)
        filled = self.held[order_id].filled
        return accepted(sent, filled, Placed.MATCHED if filled else Placed.LIVE)

    def match(self, order_id: OrderId, size: Size, at_ms: Ms) -> None:
        """Fill up to `size` more of a resting order."""
        held = self.held[order_id]
        size = Size(min(size, held.intent.size - held.filled))
        if not held.rests or size <= 0:
            return
        name = f"trade-{len(self.trades)}"
        sent = replace(order(what=held.intent), order_id=order_id)
        self.trades[name] = trade(sent, size, name=name, at_ms=at_ms)
        held.filled = Size(held.filled + size)
        held.rests = held.filled < held.intent.size

    def cancel(self, order_id: OrderId) -> CancelReply:
        held = self.held.get(order_id)
        if held is None:
            return CancelReply.NOT_FOUND
        if not held.rests:
            return CancelReply.MATCHED
        held.rests = False
        return CancelReply.CANCELLED

    def settle(self, name: str, settlement: Settlement) -> None:
        """Move a trade to its final settlement, once."""
        if self.trades[name].settlement is Settlement.MATCHED:
            self.trades[name] = replace(self.trades[name], settlement=settlement)

    def trades_of(self, order_id: OrderId) -> tuple[VenueTrade, ...]:
        return tuple(t for t in self.trades.values() if t.taker_order_id == order_id)

    def read(self) -> AccountState:
        """Return the whole account as it is now."""
        rests = tuple(
            resting(replace(order(what=held.intent), order_id=order_id), held.filled)
            for order_id, held in self.held.items()
            if held.rests
        )
        return account(
            resting_orders=rests, trades=tuple(self.trades.values()), balance=Usdc(WALLET - self.paid())
        )

    def paid(self) -> Usdc:
        """Return cash and fees of every trade that was not undone."""
        total = 0
        for found in self.trades.values():
            if found.settlement is Settlement.FAILED:
                continue
            held = self.held[found.taker_order_id]
            fill = fills_of(found, replace(order(what=held.intent), order_id=found.taker_order_id))
            assert fill is not None
            total += fill.cash + fill.fee
        return Usdc(total)

    def exposure(self) -> Usdc:
        """Return what was paid and what resting orders may still cost at most."""
        may_cost = sum(
            outlay_bound(held.intent.fee, held.intent.price, Size(held.intent.size - held.filled))
            for held in self.held.values()
            if held.rests
        )
        return Usdc(self.paid() + may_cost)

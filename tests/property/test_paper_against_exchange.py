"""Paper orders on the local exchange's streams, beside real twins of them on the same exchange.

Each paper order is placed in the moment before its twin, so both stand in the same place of the same queue:
what the exchange's own matching gives the twin is the truth that the paper fills are held against.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import pytest

from engine.clock import ManualClock
from engine.core.spread.paper_account import PaperAccount
from engine.core.spread.paper_book import PaperBook, ShadowOrder
from engine.core.spread.paper_orders import Filled, Latency, PaperOrder
from engine.core.spread.queue_models import QueueModel
from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.units import LOT, SIZE_ONE, USDC_ONE, Ms, Price, Size, Usdc
from engine.simulator.exchange import Placed
from engine.simulator.faults import FaultKind
from engine.simulator.market import BookSide, mirrored
from engine.simulator.market import Side as BookOrderSide
from engine.simulator.orders import NewOrder, OrderState, OrderType
from engine.simulator.sockets import RawFrame
from engine.simulator.venue import Venue
from engine.venue.paper_market import PaperMarkets
from engine.venue.wire import decode_market
from tests.support.local_exchange import FED

RICH = Usdc(10_000_000 * USDC_ONE)
TWIN, CROWD = "twin", "crowd"


class Listener:
    """What the exchange's stream takes for a socket: every frame goes to the paper books."""

    def __init__(self, paper: PaperMarkets, clock: ManualClock) -> None:
        self.tokens: set[str] = set()
        self._paper = paper
        self._clock = clock

    def send(self, frame: str | RawFrame, tokens: Iterable[str] = ()) -> None:
        raw = frame.payload if isinstance(frame, RawFrame) else frame.encode()
        self._paper.hear(decode_market(raw), self._clock.now_ms())

    def is_held(self, kind: FaultKind, token: str = "") -> bool:
        return False


@dataclass
class Stage:
    """One market of the exchange, with a crowd that trades in it, and the paper account that overhears it."""

    seed: int
    clock: ManualClock = field(default_factory=ManualClock)
    placed: int = 0

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.venue = Venue(
            seed=self.seed, clock=self.clock, frames_per_s=20, confirm_delay_ms=0, start_balance=RICH
        )
        self.account = PaperAccount(RICH)
        self.paper = PaperMarkets(self.account, Latency(Ms(0), Ms(0)))
        event = self.venue.catalogue.event(FED)
        assert event is not None
        self.market = event.markets[0].spec
        bank = self.venue.exchange.bank
        for name in (TWIN, CROWD):
            bank.open_account(name, address=f"0x{name}", owner=f"key-{name}")
            bank.deposit(name, RICH, self.clock.now_ms())
            bank.split(name, self.market, Size(1_000_000 * SIZE_ONE))
        for token in self.market.tokens:
            self.account.shares[TokenId(token)] = Size(1_000_000 * SIZE_ONE)
        socket = cast(Any, Listener(self.paper, self.clock))
        self.venue.market_stream.on_frame(
            socket, {"type": "market", "assets_ids": list(self.market.tokens), "custom_feature_enabled": True}
        )

    @property
    def book(self) -> PaperBook:
        return self.paper.books[ConditionId(self.market.condition_id)]

    def place(self, who: str, index: int, side: BookOrderSide, price: Price, size: Size) -> Placed | None:
        """Place an order of the exchange; None when it is refused."""
        self.placed += 1
        order = NewOrder(
            f"o{self.placed}", who, self.market.condition_id, index, side, price, size, OrderType.GTC
        )
        told = self.venue.exchange.place(order, self.clock.now_ms())
        self.venue.publish()
        return told if isinstance(told, Placed) else None

    def on_paper(self, index: int, side: BookOrderSide, price: Price, size: Size) -> ShadowOrder:
        """Place the same order on paper, with no time on the way."""
        self.placed += 1
        book = self.book
        # The fees that the desk knows come with its orders.
        book.market = type(book.market)(
            book.market.condition_id,
            book.market.yes,
            book.market.no,
            self.market.tick,
            self.market.min_size,
            self.market.fee,
        )
        order = PaperOrder(
            OrderId(f"p{self.placed}"),
            TokenId(self.market.tokens[index]),
            Side(side.value),
            price,
            size,
            TimeInForce.GTC,
            post_only=False,
            expires_ms=None,
        )
        book.place(order, self.clock.now_ms())
        book.advance(self.clock.now_ms())
        return book.orders[order.order_id]

    def touch(self, side: BookSide) -> Price:
        best = self.venue.exchange.ladder(self.market.condition_id).best(side)
        assert best is not None, "the flow keeps both sides"
        return best

    def crowd(self) -> None:
        """Let somebody else join, leave or take, near the touch."""
        act, exchange = self.chance.random(), self.venue.exchange
        index = self.chance.randrange(2)
        lots = self.chance.randint(500, 30_000)
        resting = exchange.open_orders(CROWD)
        if act < 0.35 and resting:
            exchange.cancel(self.chance.choice(resting).terms.id, CROWD, self.clock.now_ms())
            self.venue.publish()
            return
        side = self.chance.choice(list(BookSide))
        ahead = self.chance.randint(-3, 2) * self.market.tick
        # Below the bid and above the ask it rests, beyond the other side's touch it takes.
        yes = self.touch(side) + (ahead if side is BookSide.BID else -ahead)
        if act > 0.75:
            through = self.chance.randint(0, 2) * self.market.tick
            yes = self.touch(side.opposite) + (through if side is BookSide.BID else -through)
        bids = side is BookSide.BID
        buys = BookOrderSide.BUY if bids == (index == 0) else BookOrderSide.SELL
        price = mirrored(index, Price(min(max(yes, self.market.tick), 10_000 - self.market.tick)))
        self.place(CROWD, index, buys, price, Size(lots * LOT))

    def live_on(self) -> None:
        """Let the flow and the crowd go on for a moment."""
        self.clock.advance(self.chance.choice([0, 5, 40, 400]))
        self.venue.advance()
        for _ in range(self.chance.randint(0, 4)):
            self.crowd()


@dataclass
class Pair:
    """A paper order and its twin."""

    shadow: ShadowOrder
    twin: Placed

    def holds(self) -> None:
        own, truth = self.shadow.filled[QueueModel.CONSERVATIVE], self.twin.order.filled
        assert own <= truth, f"paper has {own} where the exchange gave its twin {truth}"
        assert own <= self.shadow.filled[QueueModel.PROBABILISTIC]


def pair_near_the_touch(stage: Stage, side: BookSide, *, marketable: bool) -> Pair | None:
    """Place both; on either token, and so that it rests at the touch or behind it, or takes."""
    index, tick = stage.chance.randrange(2), stage.market.tick
    if marketable:
        deeper = stage.chance.randint(0, 2) * tick
        yes = stage.touch(side.opposite) + (deeper if side is BookSide.BID else -deeper)
    else:
        behind = stage.chance.randint(0, 2) * tick
        yes = stage.touch(side) - (behind if side is BookSide.BID else -behind)
    price = mirrored(index, Price(yes))
    order_side = BookOrderSide.BUY if (side is BookSide.BID) == (index == 0) else BookOrderSide.SELL
    size = Size(stage.chance.randint(500, 20_000) * LOT)
    shadow = stage.on_paper(index, order_side, price, size)
    twin = stage.place(TWIN, index, order_side, price, size)
    if twin is None:
        assert shadow.refusal is not None, "what the exchange refuses the paper venue refuses"
        return None
    return Pair(shadow, twin)


def resting_run(seed: int, steps: int) -> tuple[int, int, int]:
    """Hold pairs against each other; returns what twin, conservative and upper bound got as makers."""
    stage = Stage(seed)
    side = stage.chance.choice(list(BookSide))
    pairs: list[Pair] = []
    alive: list[Pair] = []
    for _ in range(steps):
        if len(alive) < 3 and stage.chance.random() < 0.3:
            pair = pair_near_the_touch(stage, side, marketable=False)
            if pair is not None:
                pairs.append(pair)
                alive.append(pair)
        if alive and stage.chance.random() < 0.03:
            gone = alive.pop(0)
            stage.book.cancel(gone.shadow.order.order_id, stage.clock.now_ms())
            stage.book.advance(stage.clock.now_ms())
            stage.venue.exchange.cancel(gone.twin.order.terms.id, TWIN, stage.clock.now_ms())
            stage.venue.publish()
        stage.live_on()
        for pair in alive:
            pair.holds()
        alive = [pair for pair in alive if pair.twin.order.state is OrderState.LIVE]
    for pair in pairs:
        pair.holds()
    return (
        sum(pair.twin.order.filled for pair in pairs),
        sum(pair.shadow.filled[QueueModel.CONSERVATIVE] for pair in pairs),
        sum(pair.shadow.filled[QueueModel.PROBABILISTIC] for pair in pairs),
    )


@pytest.mark.parametrize("seed", range(6))
def test_conservative_fill_is_never_earlier_nor_larger_than_the_twins(seed: int) -> None:
    twin, conservative, upper = resting_run(seed, steps=400)

    assert twin > 0, f"seed {seed}: the run proves nothing when no twin trades"
    assert 0 < conservative <= twin, f"seed {seed}"
    assert upper >= conservative, f"seed {seed}"


@pytest.mark.parametrize("seed", range(4))
def test_marketable_order_gets_what_its_twin_gets_to_the_micro_dollar(seed: int) -> None:
    stage = Stage(100 + seed)
    traded = 0
    for _ in range(60):
        stage.live_on()
        stage.book.take_events()
        pair = pair_near_the_touch(stage, stage.chance.choice(list(BookSide)), marketable=True)
        if pair is None:
            continue
        own = [
            event
            for event in stage.book.take_events()
            if isinstance(event, Filled) and event.model is QueueModel.CONSERVATIVE
        ]
        theirs = [fill for trade in pair.twin.trades for fill in trade.takers]
        assert sum(f.size for f in own) == sum(f.size for f in theirs), f"seed {seed}"
        assert sum(f.cash for f in own) == sum(f.cash for f in theirs), f"seed {seed}"
        # The exchange rounds the fee of every maker down, paper that of every level: never less than it.
        more = sum(f.fee for f in own) - sum(f.fee for f in theirs)
        assert 0 <= more <= 10 * len(theirs), f"seed {seed}"
        traded += len(own)
        now_ms = stage.clock.now_ms()
        stage.book.cancel(pair.shadow.order.order_id, now_ms)
        stage.book.advance(now_ms)
        stage.venue.exchange.cancel(pair.twin.order.terms.id, TWIN, now_ms)
        stage.venue.publish()
    assert traded > 20, f"seed {seed}"

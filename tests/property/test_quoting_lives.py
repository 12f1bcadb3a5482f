"""Whatever happens, in any order: quotes only under a grant, one a slot, within inventory, never against us.

Random lives of a quoting desk on a model venue: books move and vanish, answers and cancels are lost, quotes
fill in between, people stop and kill, the process dies. Every batch is judged by what is true at the venue.
"""

import random
from dataclasses import dataclass

import pytest

from engine.core.trading.quote_look import quote_stock
from engine.domain.commands import Kill, OpenSpread, Press, StopSpread
from engine.domain.effects import Effect, Reply, SendBatch
from engine.domain.events import Asked, BooksTouched, CardShown, Job, JobDue
from engine.domain.ids import TicketId
from engine.domain.market import Side
from engine.domain.order import OrderIntent, Settlement
from engine.domain.ticket import Move, Operator, TicketKind, TicketState
from engine.domain.units import PRICE_ONE, Ms, Size
from engine.domain.views import Gate, TicketView
from tests.support.builders import ANA, BEN, binary, levels, live_book, shares
from tests.support.desk_run import ShownBooks
from tests.support.desk_world import World
from tests.support.model_venue import Fate, How

SEEDS = range(30)
STEPS = 260
EVENTS = (binary("btc"), binary("eth"))
SIZE, LIMIT = shares(100), shares(300)


@dataclass
class Allowed:
    """One grant as its people understand it."""

    until_ms: Ms
    over: bool = False


class Watchful(World):
    """A world that judges every batch at the moment of its commit."""

    def __init__(self) -> None:
        self.allowed: dict[TicketId, Allowed] = {}
        self.placed = 0
        super().__init__(*EVENTS, day=100_000_000)
        self.venue.markets |= {market.no: market for group in EVENTS for market in group.markets}

    def _commit(self, batch: SendBatch) -> None:
        self._judge(batch)
        super()._commit(batch)

    def _judge(self, batch: SendBatch) -> None:
        grant = self.allowed[TicketId(batch.ticket.subject)]
        assert not grant.over, "placed after the grant was ended"
        assert self.stored.tickets[TicketId(batch.ticket.subject)].state is TicketState.SENDING
        assert self.now < grant.until_ms, "placed after the grant's time"
        assert self.desk.gate is Gate.RUN, f"placed while the desk was {self.desk.gate.value}"
        for intent in batch.intents:
            assert intent.post_only
            self.placed += 1
        condition = batch.intents[0].condition_id
        alive = [(what, left) for what, left in self.alive() if what.condition_id == condition]
        slots = [what.leg for what, _ in alive] + [what.leg for what in batch.intents]
        assert len(set(slots)) == len(slots), f"two orders of one slot: {sorted(slots)}"
        everything = [*alive, *((what, what.size) for what in batch.intents)]
        bids = [price for what, _ in everything for bid, price in [self.on_yes(what)] if bid]
        asks = [price for what, _ in everything for bid, price in [self.on_yes(what)] if not bid]
        assert not bids or not asks or max(bids) < min(asks), "a quote would meet our own"
        net = self.net(condition)
        up = net + sum(left for what, left in everything if self.on_yes(what)[0])
        down = -net + sum(left for what, left in everything if not self.on_yes(what)[0])
        assert max(up, down) <= LIMIT, f"net {net}, at worst {up} up and {down} down"

    def alive(self) -> list[tuple[OrderIntent, Size]]:
        """Every order that rests at the venue or is on its way there, with what may still trade of it."""
        rests = [
            (held.intent, Size(held.intent.size - held.filled))
            for held in self.venue.held.values()
            if held.rests
        ]
        going = [self.stored.orders[name].intent for post in self.posts for name in post.ids]
        return [*rests, *((intent, intent.size) for intent in going)]

    def on_yes(self, what: OrderIntent) -> tuple[bool, int]:
        """Whether an order is a bid on the book of YES, and its price there."""
        is_yes = what.token_id == self.venue.markets[what.token_id].yes
        return is_yes == (what.side is Side.BUY), what.price if is_yes else PRICE_ONE - what.price

    def net(self, condition: str) -> int:
        net = 0
        for fill in self.venue.fills():
            market = self.venue.markets[fill.token_id]
            if market.condition_id == condition and fill.settlement is not Settlement.FAILED:
                sign = 1 if (fill.token_id == market.yes) == (fill.side is Side.BUY) else -1
                net += sign * fill.size
        return net


class Life:
    """One seeded life."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = Watchful()
        self.requests = 0
        self.world.calm()
        self.mids = dict.fromkeys((group.code for group in EVENTS), 5_000)
        for group in EVENTS:
            self.lay(group.code)

    def ask(self, command: object, by: Operator = BEN) -> object:
        self.requests += 1
        asked = Asked(self.world.now, self.requests, by, by.user_id, command, 7_919 * self.requests)  # type: ignore[arg-type]
        effects: tuple[Effect, ...] = self.world.happen(asked)
        return next((effect.view for effect in effects if isinstance(effect, Reply)), None)

    def lay(self, code: str, spread: int = 400) -> None:
        group = next(group for group in EVENTS if group.code == code)
        market, mid = group.markets[0], self.mids[code]
        low, high = mid - spread // 2, mid + spread // 2
        book = live_book(
            market, market.yes, levels((high, 400), (high + 50, 900)), levels((low, 400), (low - 50, 900))
        )
        feeds = self.world.desk.feeds
        assert isinstance(feeds, ShownBooks)
        feeds.shown[market.yes] = book

    def step(self) -> None:
        acts = [
            self.books,
            self.books,
            self.wait,
            self.wait,
            self.wait,
            self.outside,
            self.outside,
            self.trade,
        ]
        acts += [self.trade, self.begin_grant, self.refresh]
        self.rng.choice(acts)()
        if self.rng.random() < 0.02:
            self.end()

    def books(self) -> None:
        code = self.rng.choice(EVENTS).code
        feeds = self.world.desk.feeds
        assert isinstance(feeds, ShownBooks)
        if self.rng.random() < 0.04:
            feeds.shown.pop(next(group for group in EVENTS if group.code == code).markets[0].yes, None)
        else:
            self.mids[code] = min(8_000, max(2_000, self.mids[code] + 10 * self.rng.randrange(-6, 7)))
            self.lay(code, self.rng.choice([10, 100, 400]))
        self.world.happen(BooksTouched(self.world.now, self.requests))

    def refresh(self) -> None:
        self.world.happen(JobDue(self.world.now, Job.SPREAD_REFRESH))

    def wait(self) -> None:
        self.world.now = Ms(self.world.now + self.rng.choice([50, 300, 1_000, 4_000]))
        for name in self.world.due():
            self.world.fire(name)

    def outside(self) -> None:
        """Let the venue take or refuse what is on its way, and answer some of it."""
        world, rng = self.world, self.rng
        for post in list(world.posts):
            if not world.leave(post):
                continue
            if rng.random() < 0.1:
                world.lose(post)
            else:
                fates = tuple(Fate.REFUSE if rng.random() < 0.05 else Fate.REST for _ in post.ids)
                world.arrive(post, fates, answered=rng.random() < 0.85)
        for ids in list(world.cancels):
            if rng.random() < 0.8:
                world.cancel(ids, answered=rng.random() < 0.85)
        for ask in list(world.asks):
            world.read(ask, works=rng.random() < 0.9)
        for told in list(world.stream):
            world.hear(told, again=False)
        for made in list(world.under_way):
            if rng.random() < 0.8:
                world.deliver(made)

    def trade(self) -> None:
        """Somebody takes one of our quotes, or a part of it."""
        rests = [name for name, held in self.world.venue.held.items() if held.rests]
        if rests:
            name = self.rng.choice(rests)
            size = self.rng.choice([SIZE, shares(30), shares(7)])
            self.world.venue.match(name, size, self.world.now, How.MAKER)
        trades = list(self.world.venue.trades)
        if trades and self.rng.random() < 0.3:
            self.world.venue.settle(self.rng.choice(trades), Settlement.CONFIRMED)

    def begin_grant(self) -> None:
        lasts = Ms(self.rng.choice([20_000, 600_000]))
        view = self.ask(OpenSpread(self.rng.choice(EVENTS).code, "", SIZE, 1, lasts))
        if not isinstance(view, TicketView):
            return
        name = view.ticket.ticket_id
        self.world.happen(CardShown(self.world.now, name, 77))
        self.ask(Press(name, Move.CONFIRM, self.world.desk.tickets[name].version, 77))
        self.world.now = Ms(self.world.now + 900)
        self.world.allowed[name] = Allowed(Ms(self.world.now + lasts))
        self.ask(Press(name, Move.SEND, self.world.desk.tickets[name].version, 77))

    def end(self) -> None:
        world = self.world
        for grant in world.allowed.values():
            grant.over = True
        match self.rng.randrange(3):
            case 0:
                self.ask(StopSpread(), ANA)
                return
            case 1:
                self.ask(Kill(), ANA)
                world.calm()
            case _:
                pass  # the process dies, whatever is under way
        world.stored.halted = None
        world.begin()
        world.calm()
        for group in EVENTS:
            self.lay(group.code)


@pytest.mark.parametrize("seed", SEEDS)
def test_quotes_rest_only_under_a_grant_once_each_and_within_the_inventory(seed: int) -> None:
    life = Life(seed)
    try:
        for _ in range(STEPS):
            life.step()
        for grant in life.world.allowed.values():
            grant.over = True
        life.ask(StopSpread(), ANA)
        life.world.calm()
    except AssertionError as broken:
        raise AssertionError(f"seed {seed}: {broken}") from broken

    assert not [held for held in life.world.venue.held.values() if held.rests], f"seed {seed}"
    assert life.world.is_calm(), f"seed {seed}"


def test_the_lives_place_quotes_fill_them_and_end_grants_in_every_way() -> None:
    placed, filled, notes = 0, 0, ""
    for seed in SEEDS:
        life = Life(seed)
        for _ in range(STEPS):
            life.step()
        placed += life.world.placed
        filled += len(life.world.venue.trades)
        stored = life.world.stored.tickets.values()
        notes += " ".join(t.note for t in stored if t.kind is TicketKind.SPREAD)

    assert placed >= 300, f"expected many quotes, found {placed}"
    assert filled >= 100, f"expected many fills, found {filled}"
    for word in ("stopped by", "time is over", "restarted", "HALTED"):
        assert word in notes, f"no grant ended so: {word}"


def test_inventory_is_what_the_venue_traded_once_all_is_told() -> None:
    for seed in SEEDS[:6]:
        life = Life(seed)
        for _ in range(STEPS):
            life.step()
        grants = list(life.world.desk.quoter.grants.values())
        for allowed in life.world.allowed.values():
            allowed.over = True
        life.ask(StopSpread(), ANA)
        life.world.calm()
        life.refresh()
        for grant in grants:
            yes, no = quote_stock(life.world.desk, grant.market)
            assert yes - no == life.world.net(grant.market.condition_id), f"seed {seed}"

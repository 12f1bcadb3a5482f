"""Whatever happens, in any order: a standing grant sends only while it is in force, within its budget.

Random lives of a desk on a model venue: windows open and close, orders fill, part, fail or stay unknown,
people ask, stop and kill, the process dies. What may leave is judged by this file's own book-keeping.
"""

import random
from dataclasses import dataclass, field

import pytest

from engine.domain.commands import Kill, OpenAuto, OpenDutch, Press, StopAuto
from engine.domain.effects import Effect, Reply, SendBatch
from engine.domain.events import Asked, BooksTouched, CardShown
from engine.domain.ids import EventId, TicketId
from engine.domain.ticket import Move, Operator, TicketKind, TicketState
from engine.domain.units import Ms, Usdc
from engine.domain.views import Gate, TicketView
from tests.support.builders import ANA, BEN, event, set_books, usdc
from tests.support.desk_run import ShownBooks
from tests.support.desk_world import World
from tests.support.model_venue import Fate

SEEDS = range(40)
STEPS = 160
EVENTS = (event("fed3"), event("cpi3"))
FATES = (Fate.FILL, Fate.FILL, Fate.FILL, Fate.PART, Fate.REFUSE, Fate.REST, Fate.DELAY)


@dataclass
class Allowed:
    """One grant as its people understand it."""

    budget: Usdc
    event_id: EventId | None
    until_ms: Ms
    over: bool = False
    tickets: list[TicketId] = field(default_factory=list)


class Watchful(World):
    """A world that judges every batch at the moment of its commit."""

    def __init__(self) -> None:
        self.allowed: dict[TicketId, Allowed] = {}
        self.plans: set[str] = set()
        self.by_grant = 0
        super().__init__(*EVENTS, day=50_000)

    def _commit(self, batch: SendBatch) -> None:
        if batch.ticket.subject:
            self._judge(batch)
        assert batch.plan.plan_id not in self.plans or not batch.ticket.subject, "one plan was sent twice"
        self.plans.add(batch.plan.plan_id)
        super()._commit(batch)

    def _judge(self, batch: SendBatch) -> None:
        grant = self.allowed[TicketId(batch.ticket.subject)]
        assert not grant.over, "sent after the grant was ended"
        stored = self.stored.tickets[TicketId(batch.ticket.subject)]
        assert stored.state is TicketState.SENDING, f"sent under a grant that is {stored.state.value}"
        assert self.now < grant.until_ms, "sent after the grant's time"
        assert self.desk.gate is Gate.RUN, f"sent while the desk was {self.desk.gate.value}"
        assert grant.event_id in (None, batch.plan.event_id), "sent outside the grant's scope"
        assert batch.grant.expires_ms <= grant.until_ms
        flying = [
            flight.ticket_id
            for flight in self.desk.flights.values()
            if flight.event_id == batch.plan.event_id and flight.ended_ms is None
        ]
        assert flying == [], f"{flying} were in flight on the same event"
        grant.tickets.append(batch.ticket.ticket_id)
        most = sum(self.paid(ticket_id) for ticket_id in grant.tickets[:-1]) + batch.plan.spend_max
        assert most <= grant.budget, f"{most} of {grant.budget} would be spent"
        self.by_grant += 1

    def paid(self, ticket_id: TicketId) -> Usdc:
        """What a ticket has cost; one that is not settled counts at the most it may."""
        flight = self.desk.flights[ticket_id]
        plan = self.desk.tickets[ticket_id].plan
        assert plan is not None
        if not flight.settled:
            return plan.spend_max
        fills = [f for f in self.desk.fills.values() if f.order_id in flight.order_ids]
        return Usdc(sum(f.cash + f.fee for f in fills))


class Life:
    """One seeded life."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = Watchful()
        self.requests = 0
        self.world.calm()

    def ask(self, command: object, by: Operator = BEN) -> object:
        self.requests += 1
        asked = Asked(self.world.now, self.requests, by, by.user_id, command, 7_919 * self.requests)  # type: ignore[arg-type]
        effects: tuple[Effect, ...] = self.world.happen(asked)
        return next((effect.view for effect in effects if isinstance(effect, Reply)), None)

    def step(self) -> None:
        acts = [
            self.books,
            self.books,
            self.books,
            self.look,
            self.look,
            self.outside,
            self.outside,
            self.outside,
        ]
        acts += [self.wait, self.wait, self.begin_grant, self.person]
        self.rng.choice(acts)()
        if self.rng.random() < 0.03:
            self.end()

    def books(self) -> None:
        group = self.rng.choice(EVENTS)
        price = self.rng.choice([2_900, 3_000, 3_100, 3_400])
        feeds = self.world.desk.feeds
        assert isinstance(feeds, ShownBooks)
        feeds.shown |= set_books(group, price, price, price, size=self.rng.randrange(20, 200))
        self.world.happen(BooksTouched(self.world.now, self.requests))

    def look(self) -> None:
        self.world.look()

    def wait(self) -> None:
        self.world.now = Ms(self.world.now + self.rng.choice([100, 500, 5_000, 70_000]))
        for name in self.world.due():
            self.world.fire(name)
        if self.rng.random() < 0.5:  # somebody has looked at what broke
            self.world.desk.frozen.clear()
            self.world.stored.frozen.clear()

    def outside(self) -> None:
        world, rng = self.world, self.rng
        for post in list(world.posts):
            if rng.random() < 0.7 and world.leave(post):
                fates = tuple(rng.choice(FATES) for _ in post.ids)
                if rng.random() < 0.6:
                    fates = (Fate.FILL,) * len(post.ids)
                world.arrive(post, fates, answered=rng.random() < 0.9)
        if rng.random() < 0.7:
            world.answer_all_but_posts()

    def begin_grant(self) -> None:
        scope = self.rng.choice([None, *EVENTS])
        budget, lasts = usdc(self.rng.choice([30, 100, 400])), Ms(self.rng.choice([5_000, 60_000, 3_600_000]))
        view = self.ask(OpenAuto("" if scope is None else scope.code, budget, lasts))
        if not isinstance(view, TicketView):
            return
        name = view.ticket.ticket_id
        self.world.happen(CardShown(self.world.now, name, 77))
        for move in (Move.CONFIRM, Move.SEND):
            self.ask(Press(name, move, self.world.desk.tickets[name].version, 77))
            if move is Move.CONFIRM:
                self.world.now = Ms(self.world.now + 900)
        if self.world.desk.tickets[name].state is TicketState.SENDING:
            event_id = None if scope is None else scope.event_id
            until = Ms(self.world.now + lasts)
            self.world.allowed[name] = Allowed(budget, event_id, until)

    def person(self) -> None:
        """A person's own ticket beside the grants."""
        view = self.ask(OpenDutch(self.rng.choice(EVENTS).code, None), ANA)
        if isinstance(view, TicketView):
            name = view.ticket.ticket_id
            self.world.happen(CardShown(self.world.now, name, 78))
            for move in (Move.CONFIRM, Move.SEND):
                self.ask(Press(name, move, self.world.desk.tickets[name].version, 78), ANA)
                self.world.now = Ms(self.world.now + 900)

    def end(self) -> None:
        world = self.world
        for grant in world.allowed.values():
            grant.over = True
        match self.rng.randrange(3):
            case 0:
                self.ask(StopAuto(), ANA)
                return
            case 1:
                self.ask(Kill(), ANA)
            case _:
                pass  # the process dies
        world.calm()
        world.stored.halted = None
        world.stored.frozen.clear()
        world.begin()
        world.calm()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_leaves_without_a_grant_in_force_nor_beyond_its_budget(seed: int) -> None:
    life = Life(seed)
    try:
        for _ in range(STEPS):
            life.step()
        life.world.calm()
    except AssertionError as broken:
        raise AssertionError(f"seed {seed}: {broken}") from broken

    desk = life.world.desk
    for ticket_id, grant in life.world.allowed.items():
        known = [name for name in grant.tickets if name in desk.flights]
        assert sum(life.world.paid(name) for name in known) <= grant.budget, f"seed {seed}: {ticket_id}"


def test_the_lives_send_plans_and_end_grants_in_every_way() -> None:
    sent, notes = 0, ""
    for seed in SEEDS:
        life = Life(seed)
        for _ in range(STEPS):
            life.step()
        sent += life.world.by_grant
        stored = life.world.stored.tickets.values()
        notes += " ".join(t.note for t in stored if t.kind is TicketKind.AUTO and t.state is TicketState.DONE)

    assert sent >= 100, f"expected many plans under grants, found {sent}"
    for word in ("stopped by", "time is over", "failed, the last one", "HALTED"):
        assert word in notes, f"no grant ended so: {word}"

"""One batch, its cancels and its fills, in every interleaving a seed can think of (reliability B 15).

The venue decides what was first; the desk hears of it in any order, twice, late or not at all until the end.
"""

import random
from collections.abc import Callable
from functools import partial

from engine.domain.commands import OpenDutch, Press
from engine.domain.effects import Reply
from engine.domain.events import Asked, CardShown
from engine.domain.order import OrderState, Settlement
from engine.domain.ticket import Move
from engine.domain.units import Ms
from engine.domain.views import TicketView
from tests.support.builders import BEN, event, shares
from tests.support.desk_world import Kind, World
from tests.support.model_venue import Fate, How

EVENT = event("race")
STEPS = 40
PAUSES_MS = (1, 50, 250, 2_000, 11_000)


def race(seed: int) -> World:
    """Run one race to its end and check it; an assertion names the seed."""
    rng = random.Random(seed)
    world = World(EVENT, day=1_000)
    world.answer_all_but_posts()
    world.kinds = tuple(rng.choice((Kind.USUAL, Kind.USUAL, Kind.RESTS)) for _ in EVENT.markets)
    _send(world)
    (post,) = world.posts
    assert world.leave(post), f"seed {seed}: expected an open gate"
    fates = tuple(rng.choice((Fate.REST, Fate.PART, Fate.DELAY)) for _ in EVENT.markets)
    world.arrive(post, fates, answered=rng.random() < 0.8)
    for _ in range(STEPS):
        rng.choice(_moves(world, rng))()
    if not world.stream_up:
        world.link(up=True)
    if not all(order.state.is_final for order in world.desk.orders.values()):
        world.begin()  # what rests on purpose is cancelled by a start
    world.calm()
    _check(world, seed)
    return world


def _send(world: World) -> None:
    asked = Asked(world.now, 1, BEN, BEN.user_id, OpenDutch(EVENT.code, shares(60)), 7)
    view = next(effect.view for effect in world.happen(asked) if isinstance(effect, Reply))
    assert isinstance(view, TicketView), f"expected a card, was {view}"
    name = view.ticket.ticket_id
    world.happen(CardShown(world.now, name, 77))
    for request, move in enumerate((Move.CONFIRM, Move.SEND), 2):
        press = Press(name, move, world.desk.tickets[name].version, 77)
        world.happen(Asked(world.now, request, BEN, BEN.user_id, press, 7))
        world.look()
        world.now = Ms(world.now + 900)


def _moves(world: World, rng: random.Random) -> list[Callable[[], object]]:
    """Return what may happen next; the more there is of a thing, the likelier it is one of those."""
    venue = world.venue
    known = list(venue.held)
    delayed = [order_id for order_id in known if venue.held[order_id].delayed]
    match = partial(venue.match, rng.choice(known), shares(rng.randint(1, 60)))
    ends = (Fate.REST, Fate.FILL, Fate.REFUSE)
    moves: list[Callable[[], object]] = [
        partial(_later, world, rng.choice(PAUSES_MS)),
        partial(match, world.now, rng.choice(list(How))),
        *(partial(world.cancel, ids, answered=rng.random() < 0.7) for ids in world.cancels),
        *(partial(world.read, ask, works=rng.random() < 0.8) for ask in world.asks),
        *(partial(world.deliver, made) for made in world.under_way),
        *(partial(world.hear, told, again=rng.random() < 0.2) for told in world.stream),
        *(partial(world.fire, name) for name in world.due()),
        *(partial(venue.settle, name, rng.choice(list(Settlement))) for name in venue.trades),
        *(partial(venue.end_delay, order_id, rng.choice(ends), world.now) for order_id in delayed),
    ]
    if rng.random() < 0.05:
        moves.append(partial(world.link, up=not world.stream_up))
    return moves


def _later(world: World, by_ms: int) -> None:
    world.now = Ms(world.now + by_ms)


def _check(world: World, seed: int) -> None:
    true = {(fill.trade_id, fill.order_id): fill for fill in world.venue.fills()}
    assert world.desk.fills == true, f"seed {seed}: the fills are not the venue's"
    for order_id, record in world.desk.orders.items():
        held = world.venue.held[order_id]
        assert record.state.is_final, f"seed {seed}: {order_id} is {record.state.name}"
        assert record.filled == held.filled, f"seed {seed}: {record.filled} believed, {held.filled} filled"
        whole = held.filled >= held.intent.size
        assert (record.state is OrderState.FILLED) is whole, f"seed {seed}: a fill beats a cancel"
        assert not held.rests, f"seed {seed}: {order_id} still rests"
    assert set(world.desk.orders) == set(world.venue.held), f"seed {seed}: an order was sent again"

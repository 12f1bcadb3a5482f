"""A plan exists only if every leg's book is live, proven, confirmed in time, in step, and the venue's own.

The desk plans on the real feed core in a random state of its feeds; what may be planned on is told by the
reference venues and by counting time, not by the feed core.
"""

import random
from dataclasses import dataclass, field

import pytest

from engine.core.feed.feeds import Feeds
from engine.core.state import Desk
from engine.core.trading.dutch_flow import plan_now
from engine.core.trading.watch import catalogue_read
from engine.domain.book import LiveBook
from engine.domain.events import CatalogueRead
from engine.domain.ids import ConnectionId, TokenId
from engine.domain.plan import Plan
from engine.domain.units import Ms, Price
from engine.domain.views import Gate
from engine.venue.wire import decode_market
from tests.support.builders import NOW, WALLET, event, market, terms
from tests.support.desk_run import MAX_BOOK_AGE_MS, settings
from tests.support.gates import shut
from tests.support.market_stream import ReferenceVenue

LAG_MS = 220
MAX_SKEW_MS = 2_000
NAMES = ("Cut", "Hold", "Hike")


@dataclass
class Leg:
    """One outcome: its venue, its connection, and what its stream told so far."""

    venue: ReferenceVenue
    line: ConnectionId
    up: bool = True
    heard_ms: int = 0
    """When its connection last delivered a message about the market."""
    missed: bool = False
    """A change was lost since the connection's first book."""
    told: str = ""
    """The checksum in the newest message about YES that came."""
    unproven: bool = True
    """No book and no checksum came on the present connection."""


@dataclass
class Planned:
    """An event of three outcomes whose offers add up to 0.90, each on a connection of its own."""

    seed: int
    now_ms: int = int(NOW)
    legs: list[Leg] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        fine = terms(tick=Price(100))
        self.event = event(outcomes=(), markets=tuple(market(name, "fed3", terms=fine) for name in NAMES))
        self.feeds = Feeds(tokens_per_connection=2)
        self.desk = Desk(settings=settings(self.event), feeds=self.feeds, balance=WALLET)
        shut(self.desk, Gate.RUN)
        catalogue_read(self.desk, CatalogueRead(self.at, self.at, (self.event,), 0))
        for number, found in enumerate(self.event.markets):
            venue = ReferenceVenue(
                now_ms=self.now_ms, condition=found.condition_id, yes=found.yes, no=found.no, tick=100
            )
            venue.asks |= {3_000: "500", 3_100: "500", 9_900: "10"}
            venue.bids |= {2_900: "500", 2_800: "500", 100: "10"}
            self.legs.append(Leg(venue, ConnectionId(number)))
        for leg in self.legs:
            self.connect(leg)

    @property
    def at(self) -> Ms:
        return Ms(self.now_ms + LAG_MS)

    def connect(self, leg: Leg) -> None:
        self.feeds.link(leg.line, up=True, at_ms=self.at)
        leg.up, leg.unproven, leg.missed = True, True, False
        self.deliver(leg, leg.venue.dump())

    def deliver(self, leg: Leg, raw: bytes) -> None:
        for frame in decode_market(raw):
            self.feeds.apply(leg.line, frame, self.at)
        if not leg.up:
            return
        leg.heard_ms, leg.unproven = self.at, False
        leg.told = leg.venue.book(leg.venue.yes)["hash"]

    def change(self, leg: Leg, side: str, price: int, size: str, *, lost: bool = False) -> None:
        self.now_ms += 5
        leg.venue.now_ms = self.now_ms
        raw = leg.venue.set_level(side, price, size)
        if lost:
            leg.missed = True
        else:
            self.deliver(leg, raw)

    def disturb(self) -> None:
        """Do one thing to one leg's book or feed."""
        rng = self.rng
        leg = rng.choice(self.legs)
        match rng.randrange(9):
            case 0:
                self.change(leg, "BUY", 2_900, f"{rng.randrange(1, 900)}", lost=True)
            case 1:
                self.feeds.link(leg.line, up=False, at_ms=self.at)
                leg.up, leg.unproven = False, True
            case 2:
                self.connect(leg)
            case 3:
                self.change(leg, "BUY", rng.choice((3_000, 3_100, 9_900)), "7")  # locked or crossed
            case 4:
                for price in list(leg.venue.asks):
                    self.change(leg, "SELL", price, "0")
            case 5:
                self.now_ms += rng.choice((500, 2_100, 5_100, 21_000))
                self.feeds.check(self.at)
            case 6:
                self.feeds.link(leg.line, up=True, at_ms=self.at)
                leg.up = leg.unproven = True
            case _:
                self.change(leg, "BUY", 2_800, f"{rng.randrange(1, 900)}")

    def objections(self) -> list[str]:
        """Return why there may be no plan now, as somebody outside would say it."""
        heard = [leg.heard_ms for leg in self.legs]
        found = [f"{leg.line} is not proven" for leg in self.legs if leg.unproven]
        for leg in self.legs:
            bids, asks = leg.venue.sides(leg.venue.yes)
            if not (bids and asks) or max(bids) >= min(asks):
                found.append(f"{leg.line} is crossed or one-sided")
        if self.at - min(heard) > MAX_BOOK_AGE_MS:
            found.append("a book is too old")
        if max(heard) - min(heard) > MAX_SKEW_MS:
            found.append("the books are not in step")
        return found


def test_undisturbed_event_is_planned():
    world = Planned(seed=0)

    assert isinstance(plan_now(world.desk, world.event, None, world.at), Plan)


@pytest.mark.parametrize("seed", range(4))
def test_plan_exists_only_on_books_that_are_live_proven_confirmed_and_in_step(seed: int):
    plans = refusals = 0
    for number in range(250):
        world = Planned(seed=seed * 1_000 + number)
        for _ in range(world.rng.randrange(1, 7)):
            world.disturb()
        planned = plan_now(world.desk, world.event, None, world.at)
        objections, where = world.objections(), f"seed {world.seed}"
        if isinstance(planned, Plan):
            plans += 1
            assert not objections, f"{where}: {objections}"
            for leg in world.legs:
                book = world.feeds.live(TokenId(leg.venue.yes), world.at)
                assert isinstance(book, LiveBook), where
                assert book.hash == leg.told, f"{where}: {leg.line} is not the book of its newest message"
        else:
            refusals += 1
            assert objections or any(leg.missed for leg in world.legs), f"{where}: {planned.text}"
    assert plans > 20, f"seed {seed}: hardly any plan"
    assert refusals > 100, f"seed {seed}"

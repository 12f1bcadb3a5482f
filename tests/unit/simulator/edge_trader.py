"""A trader on the REST edge itself: no socket, no task, a clock that moves only when told to."""

import json
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import ClientSession

from engine.clock import ManualClock
from engine.domain.units import Usdc
from engine.simulator.market import MarketSpec
from engine.simulator.rest import Delivery, Fate, RestReply, RestRequest
from engine.simulator.rest_edge import RestEdge
from engine.simulator.venue import Venue
from tests.support.local_exchange import HARDHAT_KEY
from tests.unit.simulator.trader import Trader


def still_venue(clock: ManualClock, *, start_balance: int = 1_000_000_000) -> Venue:
    """Return a venue whose books stand still."""
    return Venue(
        seed=7,
        clock=clock,
        frames_per_s=0,
        confirm_delay_ms=2_000,
        start_balance=Usdc(start_balance),
    )


@dataclass
class Delivered:
    """What came of one request: its fate, and the answer as far as it arrived."""

    fate: Fate
    reply: RestReply

    @property
    def arrived(self) -> bool:
        """Whether the whole answer arrived."""
        return not self.fate.hung_up and self.fate.delivery is Delivery.WHOLE

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.reply.status

    @property
    def told(self) -> Any:
        """The decoded answer."""
        return json.loads(self.reply.body)


class EdgeTrader:
    """Drives the edge as any driver must: fate, wait, answer, wait."""

    def __init__(self, venue: Venue, clock: ManualClock, private_key: str = HARDHAT_KEY) -> None:
        self.venue = venue
        self.clock = clock
        self.edge = RestEdge(venue)
        unused = cast("ClientSession", None)
        self.trader = Trader("", unused, private_key, now_s=lambda: venue.now_ms() // 1000)
        made = self.send(RestRequest("POST", "/auth/api-key", {}, self.trader.l1_headers(), b"")).told
        self.trader.api_key, self.trader.secret = made["apiKey"], made["secret"]
        self.trader.passphrase = made["passphrase"]

    def send(self, request: RestRequest) -> Delivered:
        """Drive one request to its end."""
        fate = self.edge.fate(request)
        self.clock.advance(fate.hold_ms)
        reply = self.edge.answer(request, fate)
        self.clock.advance(fate.delay_ms)
        return Delivered(fate, reply)

    def call(self, method: str, path: str, body: object = None, **query: str) -> Delivered:
        """Send a private request."""
        text = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        return self.send(RestRequest(method, path, query, self.trader.l2_headers(method, path, text), text))

    def body(self, market: MarketSpec, price: str = "0.02", shares: str = "30", **extra: Any) -> Any:
        """Return the body of a BUY that rests unless told otherwise."""
        return self.trader.limit(market, extra.pop("side", "BUY"), price, shares, **extra)

    def place(self, market: MarketSpec, price: str = "0.02", shares: str = "30", **extra: Any) -> Delivered:
        """POST one order."""
        return self.call("POST", "/order", self.body(market, price, shares, **extra))

    def market(self, slug: str, child: int = 0) -> MarketSpec:
        """Return one market of an event."""
        event = self.venue.catalogue.event(slug)
        assert event is not None
        return event.markets[child].spec

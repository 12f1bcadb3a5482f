"""The venue's REST edge without a socket: a request becomes a fate and an answer.

A driver asks for the `fate`, waits `hold_ms`, asks for the `answer`, waits `delay_ms`, and delivers or does
not. aiohttp is one driver (`rest_server`), a simulation with a virtual clock another.
"""

from dataclasses import replace

from engine.simulator.http_account import account_routes
from engine.simulator.http_books import book_delay_ms, book_routes
from engine.simulator.http_metadata import metadata_routes
from engine.simulator.http_notices import notice_routes
from engine.simulator.http_orders import order_routes
from engine.simulator.http_rewards import reward_routes
from engine.simulator.http_standing import standing_routes
from engine.simulator.replies import json_reply
from engine.simulator.request_faults import decide
from engine.simulator.rest import NO_REPLY, Delivery, Fate, RestReply, RestRequest, Route
from engine.simulator.venue import Venue


class RestEdge:
    """Every REST endpoint of the venue but the test-only ones."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.routes: tuple[Route, ...] = (
            *metadata_routes(venue),
            *book_routes(venue),
            *order_routes(venue),
            *account_routes(venue),
            *notice_routes(venue),
            *reward_routes(venue),
            *standing_routes(venue),
        )

    def fate(self, request: RestRequest) -> Fate:
        """Decide what happens to a request that arrives now; asked once for each request."""
        now_ms = self._venue.now_ms()
        fate = decide(self._venue.faults, self._venue.modes, request, now_ms)
        return replace(fate, hold_ms=fate.hold_ms + book_delay_ms(self._venue, request))

    def answer(self, request: RestRequest, fate: Fate) -> RestReply:
        """Carry a request out at the venue's present time, log it, and return the answer to be delivered.

        Also asked for a request that is lost: the log tells of it, and nothing else happens.
        """
        now_ms = self._venue.now_ms()
        self._venue.fall_due()
        route = next((route for route in self.routes if route.serves(request)), None)
        if route is None:
            return json_reply({"error": "Not Found"}, 404)
        reply = route.act(request) if fate.processed else NO_REPLY
        self._venue.publish()
        told = reply if fate.instead is None else fate.instead
        if route.logged:
            self._venue.log.append(
                arrived_ms=fate.arrived_ms,
                at_ms=now_ms,
                address=request.headers.get("POLY_ADDRESS", "")[:42],
                method=request.method,
                path=request.path,
                body=request.body,
                legs=reply.legs,
                status=told.status if fate.answered else 0,
                processed=fate.processed,
                note=fate.note,
            )
        return told.cut() if fate.delivery is Delivery.CUT else told

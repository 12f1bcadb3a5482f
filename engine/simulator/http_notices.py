"""What an account may ask of notices: nothing is noticed here."""

from collections.abc import Callable

from engine.simulator.auth import ApiKey
from engine.simulator.replies import authenticate, json_reply, refuse
from engine.simulator.rest import Handler, RestReply, RestRequest, Route
from engine.simulator.venue import Venue


def notice_routes(venue: Venue) -> list[Route]:
    """Return the routes of notifications (protocol 4.6), answered truly: none.

    What becomes of orders is told by the user stream and the reads of orders and trades alone.
    """

    def private(answer: Callable[[RestRequest], RestReply]) -> Handler:
        def handler(request: RestRequest) -> RestReply:
            key = authenticate(venue, request)
            return answer(request) if isinstance(key, ApiKey) else refuse(key)

        return handler

    return [
        Route("GET", "/notifications", private(lambda _: json_reply([]))),
        Route("DELETE", "/notifications", private(lambda _: json_reply("OK"))),
    ]

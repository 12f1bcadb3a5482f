"""What an account may ask of rewards and notices: nothing here pays rewards, and nothing is noticed."""

from collections.abc import Callable

from engine.simulator.auth import ApiKey
from engine.simulator.refusals import INVALID_PAYLOAD
from engine.simulator.replies import authenticate, decode, json_reply, refuse
from engine.simulator.rest import Handler, RestReply, RestRequest, Route
from engine.simulator.venue import Venue


def notice_routes(venue: Venue) -> list[Route]:
    """Return the routes of order scoring and notifications (protocol 4.6), answered truly: no and none.

    No market of this exchange has rewards, so no order scores; what becomes of orders is told by the user
    stream and the reads of orders and trades alone.
    """

    def private(answer: Callable[[RestRequest], RestReply]) -> Handler:
        def handler(request: RestRequest) -> RestReply:
            key = authenticate(venue, request)
            return answer(request) if isinstance(key, ApiKey) else refuse(key)

        return handler

    return [
        Route("GET", "/order-scoring", private(_one_scores)),
        Route("POST", "/orders-scoring", private(_many_score)),
        Route("GET", "/notifications", private(lambda _: json_reply([]))),
        Route("DELETE", "/notifications", private(lambda _: json_reply("OK"))),
    ]


def _one_scores(request: RestRequest) -> RestReply:
    asked = request.query.get("order_id", "")
    return json_reply({"scoring": False}) if asked else refuse(INVALID_PAYLOAD)


def _many_score(request: RestRequest) -> RestReply:
    asked = decode(request.body)
    if not isinstance(asked, list) or not all(isinstance(order_id, str) for order_id in asked):
        return refuse(INVALID_PAYLOAD)
    return json_reply(dict.fromkeys(asked, False))

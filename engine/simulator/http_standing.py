"""What is told of who trades from where: the geoblock, and what a wallet lets the contracts move."""

from engine.simulator.approvals import approval_rows
from engine.simulator.refusals import INVALID_PAYLOAD
from engine.simulator.replies import json_reply, refuse
from engine.simulator.rest import RestReply, RestRequest, Route
from engine.simulator.venue import Venue

CHAIN_ID = 137


def standing_routes(venue: Venue) -> list[Route]:
    """Return the routes; none of them takes a key."""

    def geoblock(_request: RestRequest) -> RestReply:
        return json_reply(
            {"blocked": venue.geoblocked, "ip": "127.0.0.1", "country": venue.country, "region": ""}
        )

    def approvals(request: RestRequest) -> RestReply:
        """Answer as the data service does, whose index is never behind here."""
        wallet = request.query.get("user", "")
        if not wallet:
            return refuse(INVALID_PAYLOAD)
        rows = approval_rows(venue.exchange.bank.find(wallet))
        return json_reply({"data": {"address": wallet, "chain_id": CHAIN_ID, "contracts": rows}})

    return [Route("GET", "/api/geoblock", geoblock), Route("GET", "/v2/approvals", approvals)]

"""Public reads without a book: time, trading parameters, and the catalogue (protocol 5.1 and 7)."""

from collections.abc import Callable, Mapping

from engine.simulator.catalogue import Event, Market
from engine.simulator.clob_metadata import clob_long_json, clob_market_json, legacy_fee
from engine.simulator.gamma import Json, json_number
from engine.simulator.gamma_lists import BadQuery
from engine.simulator.refusals import MARKET_NOT_FOUND
from engine.simulator.replies import cut_page, gamma_not_found, json_reply, refuse
from engine.simulator.rest import RestReply, RestRequest, Route
from engine.simulator.venue import Venue

MARKETS_PAGE = 500
"""Markets on a page of `/markets`."""


def metadata_routes(venue: Venue) -> list[Route]:
    """Return the routes of the order service's metadata and of the catalogue."""
    clob, gamma = _Clob(venue), _GammaReads(venue)
    return [
        Route("GET", "/ok", clob.ok),
        Route("GET", "/time", clob.time),
        Route("GET", "/version", clob.version),
        Route("GET", "/tick-size", clob.tick_size),
        Route("GET", "/neg-risk", clob.neg_risk),
        Route("GET", "/fee-rate", clob.fee_rate),
        Route("GET", "/markets-by-token/{token}", clob.by_token),
        Route("GET", "/clob-markets/{condition}", clob.compact),
        Route("GET", "/markets", clob.pages),
        Route("GET", "/deployed", clob.deployed),
        Route("GET", "/events/keyset", gamma.events),
        Route("GET", "/events/slug/{slug}", gamma.event_by_slug),
        Route("GET", "/events/{id}", gamma.event),
        Route("GET", "/markets/keyset", gamma.markets),
        Route("GET", "/markets/slug/{slug}", gamma.market_by_slug),
        # Both services live under one address here: a condition is the order service's, a number Gamma's.
        Route("GET", "/markets/0x{condition}", clob.long),
        Route("GET", "/markets/{id}", gamma.market),
    ]


class _Clob:
    """Trading parameters."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def ok(self, _request: RestRequest) -> RestReply:
        return json_reply("OK")

    def time(self, _request: RestRequest) -> RestReply:
        return json_reply(self._venue.now_ms() // 1000)

    def version(self, _request: RestRequest) -> RestReply:
        return json_reply({"version": 2})

    def deployed(self, _request: RestRequest) -> RestReply:
        """Say, for the relayer, that a deposit wallet exists: clients ask before they trade with one."""
        return json_reply({"deployed": True})

    def tick_size(self, request: RestRequest) -> RestReply:
        return self._by_query(request, lambda market: {"minimum_tick_size": json_number(market.spec.tick, 4)})

    def neg_risk(self, request: RestRequest) -> RestReply:
        return self._by_query(request, lambda market: {"neg_risk": market.spec.neg_risk})

    def fee_rate(self, request: RestRequest) -> RestReply:
        return self._by_query(request, lambda market: {"base_fee": legacy_fee(market)})

    def by_token(self, request: RestRequest) -> RestReply:
        found = self._venue.catalogue.find_token(request.last)
        if found is None:
            return refuse(MARKET_NOT_FOUND)
        spec = found[1].spec
        return json_reply(
            {
                "condition_id": spec.condition_id,
                "primary_token_id": spec.tokens[0],
                "secondary_token_id": spec.tokens[1],
            }
        )

    def compact(self, request: RestRequest) -> RestReply:
        return self._by_condition(request, clob_market_json)

    def pages(self, request: RestRequest) -> RestReply:
        """Return a page of every market there is, closed and inactive ones included, in the long form."""
        events = self._venue.catalogue.events
        places = [(event, market) for event in events for market in event.markets]
        return cut_page(request, places, lambda place: clob_long_json(*place), MARKETS_PAGE)

    def long(self, request: RestRequest) -> RestReply:
        return self._by_condition(request, clob_long_json)

    def _by_query(self, request: RestRequest, render: Callable[[Market], Json]) -> RestReply:
        found = self._venue.catalogue.find_token(request.query.get("token_id", ""))
        return refuse(MARKET_NOT_FOUND) if found is None else json_reply(render(found[1]))

    def _by_condition(self, request: RestRequest, render: Callable[[Event, Market], Json]) -> RestReply:
        found = self._venue.catalogue.find_condition(request.last)
        return refuse(MARKET_NOT_FOUND) if found is None else json_reply(render(*found))


class _GammaReads:
    """Single records and keyset pages."""

    def __init__(self, venue: Venue) -> None:
        self._gamma = venue.gamma

    def events(self, request: RestRequest) -> RestReply:
        return self._paged(request, self._gamma.event_page)

    def markets(self, request: RestRequest) -> RestReply:
        return self._paged(request, self._gamma.market_page)

    def event(self, request: RestRequest) -> RestReply:
        return _record(self._gamma.event(event_id=request.last))

    def event_by_slug(self, request: RestRequest) -> RestReply:
        return _record(self._gamma.event(slug=request.last))

    def market(self, request: RestRequest) -> RestReply:
        return _record(self._gamma.market(market_id=request.last))

    def market_by_slug(self, request: RestRequest) -> RestReply:
        return _record(self._gamma.market(slug=request.last))

    @staticmethod
    def _paged(request: RestRequest, render: Callable[[Mapping[str, list[str]]], Json]) -> RestReply:
        try:
            return json_reply(render(request.every()))
        except BadQuery as error:
            return json_reply({"type": "validation error", "error": str(error)}, 422)


def _record(record: Json | None) -> RestReply:
    return gamma_not_found() if record is None else json_reply(record)

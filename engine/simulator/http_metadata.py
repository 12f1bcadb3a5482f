"""Public reads without a book: time, trading parameters, and the catalogue (protocol 5.1 and 7)."""

from collections.abc import Callable, Mapping

from aiohttp import web

from engine.simulator.catalogue import Event, Market
from engine.simulator.clob_metadata import clob_long_json, clob_market_json, legacy_fee
from engine.simulator.gamma import Json, json_number
from engine.simulator.gamma_lists import BadQuery
from engine.simulator.refusals import MARKET_NOT_FOUND
from engine.simulator.replies import cut_page, gamma_not_found, refuse
from engine.simulator.venue import Venue

MARKETS_PAGE = 500
"""Markets on a page of `/markets`."""


def metadata_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of the order service's metadata and of the catalogue."""
    clob, gamma = _Clob(venue), _GammaReads(venue)
    return [
        web.get("/ok", clob.ok),
        web.get("/time", clob.time),
        web.get("/version", clob.version),
        web.get("/tick-size", clob.tick_size),
        web.get("/neg-risk", clob.neg_risk),
        web.get("/fee-rate", clob.fee_rate),
        web.get("/markets-by-token/{token}", clob.by_token),
        web.get("/clob-markets/{condition}", clob.compact),
        web.get("/markets", clob.pages),
        web.get("/deployed", clob.deployed),
        web.get("/events/keyset", gamma.events),
        web.get("/events/slug/{slug}", gamma.event_by_slug),
        web.get("/events/{id}", gamma.event),
        web.get("/markets/keyset", gamma.markets),
        web.get("/markets/slug/{slug}", gamma.market_by_slug),
        # Both services live under one address here: a condition is the order service's, a number Gamma's.
        web.get("/markets/{condition:0x.+}", clob.long),
        web.get("/markets/{id}", gamma.market),
    ]


class _Clob:
    """Trading parameters."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def ok(self, _request: web.Request) -> web.Response:
        return web.json_response("OK")

    async def time(self, _request: web.Request) -> web.Response:
        return web.json_response(self._venue.now_ms() // 1000)

    async def version(self, _request: web.Request) -> web.Response:
        return web.json_response({"version": 2})

    async def deployed(self, _request: web.Request) -> web.Response:
        """Say, for the relayer, that a deposit wallet exists: clients ask before they trade with one."""
        return web.json_response({"deployed": True})

    async def tick_size(self, request: web.Request) -> web.Response:
        return self._by_query(request, lambda market: {"minimum_tick_size": json_number(market.spec.tick, 4)})

    async def neg_risk(self, request: web.Request) -> web.Response:
        return self._by_query(request, lambda market: {"neg_risk": market.spec.neg_risk})

    async def fee_rate(self, request: web.Request) -> web.Response:
        return self._by_query(request, lambda market: {"base_fee": legacy_fee(market)})

    async def by_token(self, request: web.Request) -> web.Response:
        found = self._venue.catalogue.find_token(request.match_info["token"])
        if found is None:
            return refuse(MARKET_NOT_FOUND)
        spec = found[1].spec
        return web.json_response(
            {
                "condition_id": spec.condition_id,
                "primary_token_id": spec.tokens[0],
                "secondary_token_id": spec.tokens[1],
            }
        )

    async def compact(self, request: web.Request) -> web.Response:
        return self._by_condition(request, lambda _, market: clob_market_json(market))

    async def pages(self, request: web.Request) -> web.Response:
        """Return a page of every market there is, closed and inactive ones included, in the long form."""
        events = self._venue.catalogue.events
        places = [(event, market) for event in events for market in event.markets]
        return cut_page(request, places, lambda place: clob_long_json(*place), MARKETS_PAGE)

    async def long(self, request: web.Request) -> web.Response:
        return self._by_condition(request, clob_long_json)

    def _by_query(self, request: web.Request, render: Callable[[Market], Json]) -> web.Response:
        found = self._venue.catalogue.find_token(request.query.get("token_id", ""))
        return refuse(MARKET_NOT_FOUND) if found is None else web.json_response(render(found[1]))

    def _by_condition(self, request: web.Request, render: Callable[[Event, Market], Json]) -> web.Response:
        found = self._venue.catalogue.find_condition(request.match_info["condition"])
        return refuse(MARKET_NOT_FOUND) if found is None else web.json_response(render(*found))


class _GammaReads:
    """Single records and keyset pages."""

    def __init__(self, venue: Venue) -> None:
        self._gamma = venue.gamma

    async def events(self, request: web.Request) -> web.Response:
        return self._paged(request, self._gamma.event_page)

    async def markets(self, request: web.Request) -> web.Response:
        return self._paged(request, self._gamma.market_page)

    async def event(self, request: web.Request) -> web.Response:
        return _record(self._gamma.event(event_id=request.match_info["id"]))

    async def event_by_slug(self, request: web.Request) -> web.Response:
        return _record(self._gamma.event(slug=request.match_info["slug"]))

    async def market(self, request: web.Request) -> web.Response:
        return _record(self._gamma.market(market_id=request.match_info["id"]))

    async def market_by_slug(self, request: web.Request) -> web.Response:
        return _record(self._gamma.market(slug=request.match_info["slug"]))

    @staticmethod
    def _paged(request: web.Request, render: Callable[[Mapping[str, list[str]]], Json]) -> web.Response:
        query = {name: request.query.getall(name) for name in request.query}
        try:
            return web.json_response(render(query))
        except BadQuery as error:
            return web.json_response({"type": "validation error", "error": str(error)}, status=422)


def _record(record: Json | None) -> web.Response:
    return gamma_not_found() if record is None else web.json_response(record)

"""Test-only endpoints that change what is listed. A market is named by condition id, token id or slug."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from engine.domain.units import Price, is_on_grid, parse_price
from engine.simulator import upheaval
from engine.simulator.catalogue import Event, Market
from engine.simulator.catalogue_seed import ChildSeed
from engine.simulator.gamma import Json
from engine.simulator.replies import decode
from engine.simulator.upheaval import Misstatement
from engine.simulator.venue import Venue

_Act = Callable[[Venue, Json], Json]
_Handler = Callable[[web.Request], Awaitable[web.Response]]


def upheaval_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of changes to the catalogue."""
    acts: dict[str, _Act] = {
        "tick": _tick,
        "outcome": _outcome,
        "resolve": _resolve,
        "rules": _rules,
        "disagree": _disagree,
    }
    return [web.post(f"/_local/{name}", scripted(venue, act)) for name, act in acts.items()]


def scripted(venue: Venue, act: _Act) -> _Handler:
    """Return the handler of one act: a JSON object in, what it answers out, 400 for a ValueError."""

    async def handler(request: web.Request) -> web.Response:
        script = decode(await request.read())
        if not isinstance(script, dict):
            return web.json_response({"error": "expected a JSON object"}, status=400)
        try:
            return web.json_response(act(venue, script))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)

    return handler


def _tick(venue: Venue, script: Json) -> Json:
    event, market = _with_book(venue, script)
    tick = parse_price(_word(script, "tick"))
    if tick not in upheaval.TICKS:
        raise ValueError(f"expected a tick of 0.1, 0.01, 0.001 or 0.0001, was {script['tick']!r}")
    return {"orders_cancelled": upheaval.change_tick(venue, event, market, tick)}


def _outcome(venue: Venue, script: Json) -> Json:
    event, name = _event(venue, script), _word(script, "name")
    price: Price = parse_price(str(script.get("price", "0.02")))
    if not is_on_grid(price, event.seed.tick):
        raise ValueError(f"expected a price on the event's grid, was {script.get('price')!r}")
    market = upheaval.add_outcome(venue, event, ChildSeed(name, f"{event.seed.title} {name}", price))
    return {"id": market.id, "condition_id": market.spec.condition_id, "tokens": list(market.spec.tokens)}


def _resolve(venue: Venue, script: Json) -> Json:
    event, market = _with_book(venue, script)
    winner = _word(script, "winner")
    if winner not in market.spec.outcomes:
        raise ValueError(f"expected a winner of {market.spec.outcomes}, was {winner!r}")
    upheaval.resolve(venue, event, market, market.spec.outcomes.index(winner))
    return {"closed": True}


def _rules(venue: Venue, script: Json) -> Json:
    event, text = _event(venue, script), _word(script, "text")
    upheaval.reword(venue, event, text)
    return {"before": event.seed.rules, "after": text}


def _disagree(venue: Venue, script: Json) -> Json:
    _, market = _market(venue, script)
    about = _word(script, "about")
    what = None if about == "nothing" else Misstatement(about)
    upheaval.misstate(venue, market, what)
    return {"about": about}


def _event(venue: Venue, script: Json) -> Event:
    event = venue.catalogue.event(_word(script, "event_slug"))
    if event is None:
        raise ValueError(f"expected the slug of a listed event, was {script['event_slug']!r}")
    return event


def _market(venue: Venue, script: Json) -> tuple[Event, Market]:
    name, catalogue = _word(script, "market"), venue.catalogue
    found = catalogue.find_condition(name) or catalogue.find_token(name) or catalogue.find_slug(name)
    if found is None:
        raise ValueError(f"expected condition id, token id or slug of a market, was {name!r}")
    return found


def _with_book(venue: Venue, script: Json) -> tuple[Event, Market]:
    event, market = _market(venue, script)
    if not market.has_book:
        raise ValueError(f"expected a market with a book, {market.slug} has none")
    return event, market


def _word(script: Json, name: str) -> str:
    value = script.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected {name} to be a text, was {value!r}")
    return value

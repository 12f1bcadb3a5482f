"""Test-only endpoints that change what is listed. A market is named by condition id, token id or slug."""

from aiohttp import web

from engine.domain.units import Price, is_on_grid, parse_price
from engine.simulator import upheaval
from engine.simulator.catalogue_seed import ChildSeed
from engine.simulator.gamma import Json
from engine.simulator.scripts import Act, find_event, find_market, find_market_with_book, scripted, word
from engine.simulator.upheaval import Misstatement
from engine.simulator.venue import Venue


def upheaval_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of changes to the catalogue."""
    acts: dict[str, Act] = {
        "tick": _tick,
        "outcome": _outcome,
        "resolve": _resolve,
        "rules": _rules,
        "disagree": _disagree,
    }
    return [web.post(f"/_local/{name}", scripted(venue, act)) for name, act in acts.items()]


def _tick(venue: Venue, script: Json) -> Json:
    event, market = find_market_with_book(venue, script)
    tick = parse_price(word(script, "tick"))
    if tick not in upheaval.TICKS:
        raise ValueError(f"expected a tick of 0.1, 0.01, 0.001 or 0.0001, was {script['tick']!r}")
    return {"orders_cancelled": upheaval.change_tick(venue, event, market, tick)}


def _outcome(venue: Venue, script: Json) -> Json:
    event, name = find_event(venue, script), word(script, "name")
    price: Price = parse_price(str(script.get("price", "0.02")))
    if not is_on_grid(price, event.seed.tick):
        raise ValueError(f"expected a price on the event's grid, was {script.get('price')!r}")
    market = upheaval.add_outcome(venue, event, ChildSeed(name, f"{event.seed.title} {name}", price))
    return {"id": market.id, "condition_id": market.spec.condition_id, "tokens": list(market.spec.tokens)}


def _resolve(venue: Venue, script: Json) -> Json:
    event, market = find_market_with_book(venue, script)
    winner = word(script, "winner")
    if winner not in market.spec.outcomes:
        raise ValueError(f"expected a winner of {market.spec.outcomes}, was {winner!r}")
    upheaval.resolve(venue, event, market, market.spec.outcomes.index(winner))
    return {"closed": True}


def _rules(venue: Venue, script: Json) -> Json:
    event, text = find_event(venue, script), word(script, "text")
    upheaval.reword(venue, event, text)
    return {"before": event.seed.rules, "after": text}


def _disagree(venue: Venue, script: Json) -> Json:
    _, market = find_market(venue, script)
    about = word(script, "about")
    what = None if about == "nothing" else Misstatement(about)
    upheaval.misstate(venue, market, what)
    return {"about": about}

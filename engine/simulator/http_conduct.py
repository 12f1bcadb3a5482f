"""Test-only endpoints that change how the venue behaves towards everybody."""

from aiohttp import web

from engine.simulator.chances import Chances
from engine.simulator.faults import FaultKind
from engine.simulator.gamma import Json
from engine.simulator.scripts import Act, flag, scripted, whole, word
from engine.simulator.venue import Venue


def conduct_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of the venue's conduct."""
    acts: dict[str, Act] = {"chances": _chances, "switch": _switch}
    return [web.post(f"/_local/{name}", scripted(venue, act)) for name, act in acts.items()]


def _chances(venue: Venue, script: Json) -> Json:
    """Meet every request with seeded faults from now on; no rates end them."""
    rates = script.get("rates", {})
    if not isinstance(rates, dict):
        raise ValueError(f"expected rates to be an object, was {rates!r}")  # noqa: TRY004 - one kind of no
    chosen = {FaultKind(kind): whole(rates, kind) for kind in rates}
    venue.faults.chances = Chances(
        whole(script, "seed", 0),
        chosen,
        delay_max_ms=whole(script, "delay_max_ms", 5_000),
        request=str(script.get("request", "")),
    )
    return {"rates": {kind.value: rate for kind, rate in chosen.items()}}


def _switch(venue: Venue, script: Json) -> Json:
    """Turn what the script names; the rest stays as it is."""
    unknown = script.keys() - {"balance_lag_ms", "tells_takers", "closed_only", "geoblocked", "country"}
    if unknown:
        raise ValueError(f"unknown switches: {sorted(unknown)}")
    stream, entry = venue.user_stream, venue.entry
    tells_takers = flag(script, "tells_takers", default=stream.tells_takers)
    closed_only = flag(script, "closed_only", default=entry.closed_only)
    geoblocked = flag(script, "geoblocked", default=venue.geoblocked)
    country = word(script, "country", venue.country)
    if "balance_lag_ms" in script:
        venue.exchange.balances.set_lag(whole(script, "balance_lag_ms"), venue.now_ms())
    stream.tells_takers, entry.closed_only = tells_takers, closed_only
    venue.geoblocked, venue.country = geoblocked, country
    return {
        "tells_takers": tells_takers,
        "closed_only": closed_only,
        "geoblocked": geoblocked,
        "country": country,
    }

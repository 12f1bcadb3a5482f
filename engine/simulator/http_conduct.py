"""Test-only endpoints that change how the venue behaves towards everybody."""

from aiohttp import web

from engine.simulator.chances import Chances
from engine.simulator.faults import FaultKind
from engine.simulator.gamma import Json
from engine.simulator.scripts import Act, scripted
from engine.simulator.venue import Venue


def conduct_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of the venue's conduct."""
    acts: dict[str, Act] = {"chances": _chances}
    return [web.post(f"/_local/{name}", scripted(venue, act)) for name, act in acts.items()]


def _chances(venue: Venue, script: Json) -> Json:
    """Meet every request with seeded faults from now on; no rates end them."""
    rates = script.get("rates", {})
    if not isinstance(rates, dict):
        raise ValueError(f"expected rates to be an object, was {rates!r}")  # noqa: TRY004 - 400 for any bad script
    chosen = {FaultKind(kind): _whole(rate, str(kind)) for kind, rate in rates.items()}
    venue.faults.chances = Chances(
        _whole(script.get("seed", 0), "seed"),
        chosen,
        delay_max_ms=_whole(script.get("delay_max_ms", 5_000), "delay_max_ms"),
        request=str(script.get("request", "")),
    )
    return {"rates": {kind.value: rate for kind, rate in chosen.items()}}


def _whole(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"expected {name} to be a whole number, was {value!r}")  # noqa: TRY004 - as above
    return value

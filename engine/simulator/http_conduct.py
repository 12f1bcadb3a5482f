"""Test-only endpoints that change how the venue behaves towards everybody."""

from aiohttp import web

from engine.domain.rates import TIERS, Tier
from engine.simulator.chances import Chances
from engine.simulator.faults import FaultKind
from engine.simulator.gamma import Json
from engine.simulator.modes import Mode, ModeWindow
from engine.simulator.rate_limits import Enforcement, RetryStyle
from engine.simulator.scripts import Act, find_market_with_book, flag, scripted, whole, word
from engine.simulator.venue import Venue


def conduct_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of the venue's conduct."""
    acts: dict[str, Act] = {
        "chances": _chances,
        "mode": _mode,
        "rates": _rates,
        "conduct": _conduct,
        "switch": _switch,
    }
    return [web.post(f"/_local/{name}", scripted(venue, act)) for name, act in acts.items()]


def _chances(venue: Venue, script: Json) -> Json:
    """Meet requests, user events and trades with seeded faults from now on; without any they end."""
    rates, trades = _object(script, "rates"), _object(script, "trades")
    unknown = trades.keys() - {"failed", "retrying"}
    if unknown:
        raise ValueError(f"expected trades to be failed and retrying, found {sorted(unknown)}")
    chosen = {FaultKind(kind): whole(rates, kind) for kind in rates}
    chances = Chances(
        whole(script, "seed", 0),
        chosen,
        delay_max_ms=whole(script, "delay_max_ms", 5_000),
        request=str(script.get("request", "")),
        failed=whole(trades, "failed", 0),
        retrying=whole(trades, "retrying", 0),
    )
    venue.meet(chances if chosen or trades else None)
    return {"rates": {kind.value: rate for kind, rate in chosen.items()}, "trades": trades}


def _object(script: Json, name: str) -> Json:
    found = script.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"expected {name} to be an object, was {found!r}")  # noqa: TRY004 - one kind of no
    return found


def _mode(venue: Venue, script: Json) -> Json:
    """Follow a script of modes from now on; an empty one lets the venue run."""
    windows = script.get("windows")
    if not isinstance(windows, list) or not all(isinstance(window, dict) for window in windows):
        raise ValueError("expected windows to be a list of objects with a mode and ms")
    chosen = [ModeWindow(Mode(word(window, "mode")), whole(window, "ms", 0)) for window in windows]
    venue.modes.follow(chosen, venue.now_ms())
    return {"mode": venue.modes.at(venue.now_ms()).value}


def _rates(venue: Venue, script: Json) -> Json:
    """Change tier, enforcement or what a 429 tells; what is not named stays."""
    rates = venue.rates
    address = script.get("address")
    if "tier" in script:
        tier = _tier(word(script, "tier"))
        if address is None:
            rates.tier = tier
        else:
            rates.tiers[word(script, "address").lower()] = tier
    rates.enforcement = Enforcement(word(script, "enforcement", rates.enforcement.value))
    rates.retry = RetryStyle(word(script, "retry_after", rates.retry.value))
    venue.ip_windows.enforced = flag(script, "ip_windows", default=venue.ip_windows.enforced)
    return {"tier": rates.tier.name, "enforcement": rates.enforcement.value, "retry_after": rates.retry.value}


def _tier(name: str) -> Tier:
    found = next((tier for tier in TIERS if tier.name == name), None)
    if found is None:
        raise ValueError(f"expected a tier of {[tier.name for tier in TIERS]}, was {name!r}")
    return found


def _conduct(venue: Venue, script: Json) -> Json:
    """Set switches, and the taker delay of one market; what is not named stays."""
    conduct = venue.conduct
    conduct.repost_succeeds = flag(script, "repost_succeeds", default=conduct.repost_succeeds)
    conduct.documented_cancel_reasons = flag(
        script, "documented_cancel_reasons", default=conduct.documented_cancel_reasons
    )
    if "taker_delay_ms" in script:
        _, market = find_market_with_book(venue, script)
        venue.exchange.taker_delays[market.spec.condition_id] = whole(script, "taker_delay_ms")
    return {
        "repost_succeeds": conduct.repost_succeeds,
        "documented_cancel_reasons": conduct.documented_cancel_reasons,
    }


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

"""Changes of what is listed while the venue runs: ticks, new outcomes, results, rules, a catalogue that errs.

Catalogue, order service, books, flow and streams agree after each of them, except where disagreeing is the
point. What happened is published at once, oldest first.
"""

from dataclasses import replace
from enum import Enum

from engine.domain.units import PRICE_ONE, Price, is_on_grid
from engine.simulator.books import WireBook
from engine.simulator.catalogue import Event, Market, grown
from engine.simulator.catalogue_seed import ChildSeed, ChildState
from engine.simulator.market import MarketSpec
from engine.simulator.market_events import market_resolved_text, new_market_text
from engine.simulator.orders import OrderState
from engine.simulator.venue import Venue

TICKS = (Price(1), Price(10), Price(100), Price(1_000))
"""Grids that markets have (protocol 4.2)."""


class Misstatement(Enum):
    """What the catalogue service tells wrongly of a market."""

    TICK = "tick"
    TOKENS = "tokens"
    NEG_RISK = "neg_risk"


def change_tick(venue: Venue, event: Event, market: Market, tick: Price) -> int:
    """Put a market on another grid; return how many resting orders were off it and cancelled.

    The venue documents that off-grid quotes become invalid, not how: here they end as cancelled, each with
    its own change of the book, before subscribers hear of the new tick.
    """
    old, now_ms = market.spec, venue.now_ms()
    ended = venue.exchange.sweep(
        old.condition_id,
        lambda order: not is_on_grid(order.terms.price, tick),
        OrderState.CANCELED,
        now_ms,
    )
    venue.publish()
    spec = replace(old, tick=tick)
    venue.catalogue.put_market(replace(market, spec=spec))
    _respec(venue, event.slug, spec)
    venue.market_stream.tick_changed(old.condition_id, old.tick_text, now_ms)
    return ended


def add_outcome(venue: Venue, event: Event, child: ChildSeed) -> Market:
    """Let one more outcome join an event, with a book; return its market."""
    after = grown(venue.seed, event, child)
    market, now_ms = after.markets[-1], venue.now_ms()
    venue.catalogue.put(after)
    venue.exchange.list_market(market.spec)
    venue.books[market.spec.condition_id] = book = WireBook(market.spec, now_ms)
    venue.market_stream.follow(book)
    venue.flow.join(event.slug, market, now_ms)
    venue.publish()
    venue.market_stream.announce(new_market_text(after, market, now_ms))
    return market


def resolve(venue: Venue, event: Event, market: Market, winner: int) -> None:
    """Let outcome `winner` (0 is Yes) win: resting orders end, the book goes, shares can be redeemed."""
    condition_id, now_ms = market.spec.condition_id, venue.now_ms()
    venue.flow.leave(event.slug, condition_id, now_ms)
    venue.exchange.resolve(market.spec, winner, now_ms)
    venue.publish()
    fair = Price(0 if winner else PRICE_ONE)
    closed = replace(
        market,
        spec=replace(market.spec, accepting=False),
        seed=replace(market.seed, fair=fair, state=ChildState.CLOSED),
    )
    venue.catalogue.put_market(closed)
    venue.market_stream.resolved(closed.spec.tokens, market_resolved_text(event, closed, winner, now_ms))
    venue.market_stream.unfollow(closed.spec.tokens)
    del venue.books[condition_id]


def reword(venue: Venue, event: Event, rules: str) -> None:
    """Change an event's rules text, of the event and of every child."""
    venue.catalogue.put(replace(event, seed=replace(event.seed, rules=rules)))


def misstate(venue: Venue, market: Market, what: Misstatement | None) -> None:
    """Let the catalogue service err about a market from now on, or tell the truth again (None)."""
    spec = market.spec
    told: MarketSpec | None
    match what:
        case None:
            told = None
        case Misstatement.TICK:
            told = replace(spec, tick=Price(10 if spec.tick == 100 else 100))
        case Misstatement.TOKENS:
            told = replace(spec, tokens=(spec.tokens[1], spec.tokens[0]))
        case Misstatement.NEG_RISK:
            told = replace(spec, neg_risk=not spec.neg_risk)
    venue.gamma.misstate(spec.condition_id, told)


def _respec(venue: Venue, slug: str, spec: MarketSpec) -> None:
    """Hand a market's new parameters to everybody who trades or prints by them."""
    venue.exchange.list_market(spec)
    venue.books[spec.condition_id].market = spec
    venue.flow.regrid(slug, spec, venue.now_ms())

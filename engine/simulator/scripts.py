"""The JSON of test-only requests: read strictly, refused with a sentence, answered with what came of it."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from engine.domain.units import LOT, Size, parse_price, parse_size
from engine.simulator.bank import Account
from engine.simulator.catalogue import Event, Market
from engine.simulator.exchange import Placed
from engine.simulator.gamma import Json
from engine.simulator.market import Side
from engine.simulator.orders import OrderType
from engine.simulator.other_hands import Wish
from engine.simulator.refusals import Refusal
from engine.simulator.replies import decode
from engine.simulator.venue import Venue

Act = Callable[[Venue, Json], Json]
"""Carries out a script; raises ValueError with a sentence for whoever wrote it."""
Handler = Callable[[web.Request], Awaitable[web.Response]]


def scripted(venue: Venue, act: Act) -> Handler:
    """Return the handler of a POST: the act's answer with what it changed published, or 400."""

    async def handler(request: web.Request) -> web.Response:
        script = decode(await request.read())
        if not isinstance(script, dict):
            return web.json_response({"error": "expected a JSON object"}, status=400)
        try:
            answer = act(venue, script)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        venue.publish()
        return web.json_response(answer)

    return handler


def read(venue: Venue, act: Act) -> Handler:
    """Return the handler of a GET, whose script is its query."""

    async def handler(request: web.Request) -> web.Response:
        try:
            return web.json_response(act(venue, dict(request.query)))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)

    return handler


def word(script: Json, name: str, default: str | None = None) -> str:
    """Return a text that is not empty; without a default it must be there."""
    value = script.get(name, default)
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected {name} to be a text, was {value!r}")
    return value


def whole(script: Json, name: str, default: int | None = None) -> int:
    """Return a whole number of 0 or more; without a default it must be there."""
    value = script.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected {name} to be a whole number of 0 or more, was {value!r}")
    return value


def flag(script: Json, name: str, *, default: bool | None = None) -> bool:
    """Return true or false; without a default it must be there."""
    value = script.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"expected {name} to be true or false, was {value!r}")  # noqa: TRY004 - one kind of no
    return value


def find_event(venue: Venue, script: Json) -> Event:
    """Return the event that the script names by its slug."""
    event = venue.catalogue.event(word(script, "event_slug"))
    if event is None:
        raise ValueError(f"expected the slug of a listed event, was {script['event_slug']!r}")
    return event


def find_market(venue: Venue, script: Json) -> tuple[Event, Market]:
    """Return the market that the script names by condition id, token id or slug."""
    name, catalogue = word(script, "market"), venue.catalogue
    found = catalogue.find_condition(name) or catalogue.find_token(name) or catalogue.find_slug(name)
    if found is None:
        raise ValueError(f"expected condition id, token id or slug of a market, was {name!r}")
    return found


def find_market_with_book(venue: Venue, script: Json) -> tuple[Event, Market]:
    """Return the market that the script names, which must have a book."""
    event, market = find_market(venue, script)
    if not market.has_book:
        raise ValueError(f"expected a market with a book, {market.slug} has none")
    return event, market


def find_account(venue: Venue, script: Json) -> Account:
    """Return the account that the script names by its key's address, its wallet or its id."""
    name = word(script, "address")
    account = venue.exchange.bank.find(name)
    if account is None:
        raise ValueError(f"expected the address of an account, was {name!r}: a key opens one")
    return account


def token_index(market: Market, script: Json) -> int:
    """Return the index of the outcome that the script names; Yes unless told."""
    outcome = word(script, "outcome", market.spec.outcomes[0])
    if outcome not in market.spec.outcomes:
        raise ValueError(f"expected an outcome of {market.spec.outcomes}, was {outcome!r}")
    return market.spec.outcomes.index(outcome)


def wish_of(venue: Venue, script: Json, order_type: OrderType) -> Wish:
    """Return what the script wants traded."""
    _, market = find_market_with_book(venue, script)
    return Wish(
        market.spec,
        token_index(market, script),
        Side(word(script, "side")),
        parse_price(word(script, "price")),
        lots(script),
        order_type,
    )


def lots(script: Json) -> Size:
    """Return the script's size, which must be whole lots as every size of the venue's is."""
    size = parse_size(word(script, "size"))
    if size % LOT:
        raise ValueError(f"expected a size in steps of 0.01 share, was {script['size']!r}")
    return size


def told(outcome: Placed | Refusal) -> Json:
    """Return what became of an order; raises ValueError with the venue's words for a refused one."""
    if isinstance(outcome, Refusal):
        raise ValueError(outcome.text)  # noqa: TRY004 - the venue said no, in its own words
    order = outcome.order
    return {
        "order": order.terms.id,
        "state": order.state.value,
        "filled": order.filled,
        "trades": [trade.id for trade in outcome.trades],
    }

"""What a seeded person asks of single orders: one that rests, one that takes, one that sells what is held."""

from random import Random

from engine.core.exposure.inventory import sellable
from engine.core.state import Desk, live_orders
from engine.domain.book import LiveBook
from engine.domain.commands import AskCancel, Command, OutcomeRef, PlaceOrder
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.units import SIZE_ONE, Ms, Price, Size

_LOT = SIZE_ONE // 100


def wish_of_order(desk: Desk, rng: Random, slugs: tuple[str, ...], at_ms: Ms) -> Command | None:
    """Return the order this person wants now; None if there is no book to look at."""
    markets = [m for event in desk.events.values() if event.slug in slugs for m in event.markets]
    held = [(token, size) for m in markets for token in (m.yes, m.no) if (size := sellable(desk, token))]
    if held and rng.random() < 0.5:
        token, size = rng.choice(held)
        side, size = Side.SELL, Size(max(5 * SIZE_ONE, size * rng.randrange(20, 101) // 100 // _LOT * _LOT))
    elif markets:
        market = rng.choice(markets)
        token = market.yes if rng.random() < 0.5 else market.no
        side, size = Side.BUY, Size(rng.randrange(5, 60) * SIZE_ONE)
    else:
        return None
    book = desk.feeds.live(token, at_ms)
    if not isinstance(book, LiveBook):
        return None
    rests = rng.random() < 0.6
    price = _price(book, side, rng.randrange(3), rests=rests)
    tif = _type(rng, side, rests=rests)
    lasts_ms = Ms(rng.randrange(130, 400) * 1_000 if rests and tif is TimeInForce.GTD else 0)
    return PlaceOrder(OutcomeRef(token_id=token), side, price, size, tif, rests=rests, lasts_ms=lasts_ms)


def wish_of_cancel(desk: Desk, rng: Random) -> Command:
    """Return a cancel by hand: of one order, of one event, or of everything."""
    orders = list(live_orders(desk))
    kind = rng.random()
    if orders and kind < 0.6:
        return AskCancel(order_id=rng.choice(orders).order_id)
    if desk.events and kind < 0.8:
        return AskCancel(code=rng.choice([event.code for event in desk.events.values()]))
    return AskCancel()


def _type(rng: Random, side: Side, *, rests: bool) -> TimeInForce:
    if rests:
        return rng.choice((TimeInForce.GTC, TimeInForce.GTD))
    if side is Side.BUY:
        return TimeInForce.GTD
    return rng.choice((TimeInForce.FAK, TimeInForce.FAK, TimeInForce.FOK))


def _price(book: LiveBook, side: Side, steps: int, *, rests: bool) -> Price:
    """Return a limit some steps from the touch: behind our own side's if it is to rest, else past theirs."""
    own, theirs = (book.bids, book.asks) if side is Side.BUY else (book.asks, book.bids)
    touch = (own if rests else theirs)[0].price
    away = book.tick * steps
    up = (side is Side.BUY) is not rests
    return Price(min(10_000 - book.tick, max(book.tick, touch + away if up else touch - away)))

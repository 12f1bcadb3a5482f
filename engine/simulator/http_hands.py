"""Test-only endpoints by which others act on the books and accounts, and trades settle otherwise.

| call | what it does |
|---|---|
| POST `/_local/order` | an order on an account that its desk did not send |
| POST `/_local/counterparty` | the counterparty trades, rests, or meets one named order |
| POST `/_local/withdraw` | collateral leaves an account; orders it no longer covers end |
| POST `/_local/game` | a game starts: every resting order of the market ends |
| POST `/_local/settlement` | how trades settle from now on, or one trade |
"""

from aiohttp import web

from engine.domain.units import parse_usdc
from engine.simulator.gamma import Json
from engine.simulator.orders import OrderState, OrderType, TradeStatus
from engine.simulator.scripts import (
    Act,
    find_account,
    find_market,
    find_market_with_book,
    flag,
    lots,
    scripted,
    token_index,
    told,
    whole,
    wish_of,
    word,
)
from engine.simulator.settlement import Course, Odds, Plan, Wait
from engine.simulator.venue import Venue

TIMES_MAX = 10_000


def hand_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of what others do."""
    acts: dict[str, Act] = {
        "order": _order,
        "counterparty": _counterparty,
        "withdraw": _withdraw,
        "game": _game,
        "settlement": _settlement,
    }
    return [web.post(f"/_local/{name}", scripted(venue, act)) for name, act in acts.items()]


def _order(venue: Venue, script: Json) -> Json:
    account = find_account(venue, script)
    wish = wish_of(venue, script, OrderType(word(script, "type", OrderType.GTC.value)))
    return told(venue.hands.place_foreign(account.id, wish, venue.now_ms()))


def _counterparty(venue: Venue, script: Json) -> Json:
    now_ms = venue.now_ms()
    if "order" not in script:
        order_type = OrderType.GTC if flag(script, "rest", default=False) else OrderType.FAK
        return told(venue.hands.trade(wish_of(venue, script, order_type), now_ms))
    order = venue.exchange.orders.get(word(script, "order"))
    if order is None or order.state is not OrderState.LIVE:
        raise ValueError(f"expected the id of a resting order, was {script['order']!r}")
    _, market = find_market(venue, {"market": order.terms.condition_id})
    size = lots(script) if "size" in script else order.remaining
    return told(venue.hands.meet(order, token_index(market, script), size, now_ms))


def _withdraw(venue: Venue, script: Json) -> Json:
    account, amount = find_account(venue, script), parse_usdc(word(script, "usdc"))
    if not 0 < amount <= account.settled_usdc:
        raise ValueError(f"expected up to {account.settled_usdc} settled micro-dollars, was {amount}")
    venue.exchange.bank.withdraw(account.id, amount, venue.now_ms())
    return {"orders_cancelled": venue.exchange.end_uncovered(account.id, venue.now_ms())}


def _game(venue: Venue, script: Json) -> Json:
    _, market = find_market_with_book(venue, script)
    ended = venue.exchange.sweep(
        market.spec.condition_id, lambda _: True, OrderState.CANCELED, venue.now_ms()
    )
    return {"orders_cancelled": ended}


def _settlement(venue: Venue, script: Json) -> Json:
    settlements, for_what = venue.exchange.settlements, word(script, "for")
    match for_what:
        case "next":
            settlements.script_next(Plan(_start(script), _course(script)), _count(script, "times"))
        case "every":
            settlements.script_every(Plan(_start(script), _course(script)), _count(script, "nth"))
        case "trade":
            venue.exchange.clearing.redirect(word(script, "trade"), _course(script), venue.now_ms())
        case "odds":
            settlements.odds = Odds(
                word(script, "seed"),
                whole(script, "failed"),
                whole(script, "retrying"),
                whole(script, "delay_min_ms"),
                whole(script, "delay_max_ms"),
            )
        case "usual":
            settlements.calm()
        case _:
            raise ValueError(f"expected next, every, trade, odds or usual, was {for_what!r}")
    return {"for": for_what}


def _count(script: Json, name: str) -> int:
    count = whole(script, name, 1)
    if not 1 <= count <= TIMES_MAX:
        raise ValueError(f"expected {name} of 1 to {TIMES_MAX}, was {count}")
    return count


def _start(script: Json) -> TradeStatus:
    return TradeStatus(word(script, "start", TradeStatus.MATCHED.value))


def _course(script: Json) -> Course:
    """Return the steps of a script: a list of [status, delay in ms]."""
    steps = script.get("steps")
    if not isinstance(steps, list):
        raise ValueError(f"expected steps to be a list of [status, delay_ms], was {steps!r}")  # noqa: TRY004
    return tuple(_wait(step) for step in steps)


def _wait(step: object) -> Wait:
    match step:
        case [str(status), int(delay_ms)]:
            return Wait(TradeStatus(status), delay_ms)
        case _:
            raise ValueError(f"expected [status, delay_ms], was {step!r}")

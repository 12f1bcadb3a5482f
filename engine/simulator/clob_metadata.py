"""A market's trading parameters as the order service serves them (protocol 5.1)."""

from engine.domain.units import PRICE_ONE, SIZE_ONE, complement
from engine.simulator.catalogue import Event, Market
from engine.simulator.catalogue_seed import ChildState
from engine.simulator.contracts import COLLATERAL
from engine.simulator.gamma import LISTED, RATE_DECIMALS, Json, json_number
from engine.simulator.scoring import MIN_AGE_MS


def legacy_fee(market: Market) -> int:
    """Return the fee indicator of old clients, in basis points; what a trade costs is not in it."""
    return 1000 if market.spec.fee.rate else 0


def clob_market_json(event: Event, market: Market) -> Json:
    """Return the compact trading parameters of `/clob-markets/{condition}` (protocol 5.1)."""
    spec = market.spec
    record: Json = {
        "c": spec.condition_id,
        "t": [{"t": token, "o": outcome} for token, outcome in zip(spec.tokens, spec.outcomes, strict=True)],
        "mts": json_number(spec.tick, 4),
        "mos": spec.min_size // 1_000_000,
        "mbf": legacy_fee(market),
        "tbf": legacy_fee(market),
        "ao": spec.accepting,
        "v": "v2" if spec.positions else "v1",
    }
    if spec.neg_risk:
        record["nr"] = True
    if spec.fee.rate:
        rate = json_number(spec.fee.rate, RATE_DECIMALS)
        record["fd"] = {"r": rate, "e": spec.fee.exponent, "to": True}
    if spec.taker_delay:
        record["itode"] = True
    terms = event.seed.rewards
    if terms is not None and market.trades:
        record["r"] = {
            "mi": terms.min_size // SIZE_ONE,
            "ma": json_number(terms.max_spread, 2),
            "e": True,
            "moas": MIN_AGE_MS / 1000,
        }
    return record


def _long_rewards(event: Event, market: Market) -> Json:
    terms = event.seed.rewards
    if terms is None or not market.trades:
        return {"rates": None, "min_size": 0, "max_spread": 0}
    return {
        "rates": [{"asset_address": COLLATERAL, "rewards_daily_rate": json_number(terms.daily, 6)}],
        "min_size": terms.min_size // SIZE_ONE,
        "max_spread": json_number(terms.max_spread, 2),
    }


def clob_long_json(event: Event, market: Market) -> Json:
    """Return the long form of `/markets/{condition}` and of the pages of `/markets`."""
    spec = market.spec
    closed = market.seed.state is ChildState.CLOSED
    prices = (market.seed.fair, complement(market.seed.fair))
    return {
        "condition_id": spec.condition_id,
        "question_id": market.question_id,
        "question": market.seed.question,
        "description": event.seed.rules,
        "market_slug": market.slug,
        "end_date_iso": event.seed.end_date,
        "active": True,
        "closed": closed,
        "archived": False,
        "accepting_orders": spec.accepting,
        "accepting_order_timestamp": LISTED if spec.accepting else None,
        "game_start_time": None,
        "fpmm": "",
        "icon": "",
        "image": "",
        "notifications_enabled": False,
        "is_50_50_outcome": False,
        "enable_order_book": market.has_book,
        "minimum_order_size": spec.min_size // 1_000_000,
        "minimum_tick_size": json_number(spec.tick, 4),
        "neg_risk": spec.neg_risk,
        "neg_risk_market_id": event.neg_risk_market_id,
        "neg_risk_request_id": market.request_id if spec.neg_risk else "",
        "seconds_delay": 1 if spec.taker_delay else 0,
        "maker_base_fee": legacy_fee(market),
        "taker_base_fee": legacy_fee(market),
        "rewards": _long_rewards(event, market),
        "tags": [event.seed.tag],
        "tokens": [
            {
                "token_id": token,
                "outcome": outcome,
                "price": json_number(price, 4),
                "winner": closed and price == PRICE_ONE,
            }
            for token, outcome, price in zip(spec.tokens, spec.outcomes, prices, strict=True)
        ],
    }

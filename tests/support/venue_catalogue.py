"""Catalogue answers as the venue words them, small, and easy to spoil in one place."""

import json
from random import Random
from typing import Any

from tests.support.venue_orders import random_token

Json = dict[str, Any]


def market_row(number: int, **changes: Any) -> Json:
    """One child of a neg-risk event as /events/keyset embeds it."""
    random = Random(number)
    tokens = [random_token(random), random_token(random)]
    return {
        "id": str(number),
        "question": f"Will outcome {number} happen?",
        "conditionId": condition(number),
        "slug": f"outcome-{number}",
        "endDate": "2027-12-08T00:00:00Z",
        "description": f"Resolves by rule {number}.",
        "resolutionSource": "",
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0.31", "0.69"]',
        "clobTokenIds": json.dumps(tokens),
        "active": True,
        "closed": False,
        "archived": False,
        "acceptingOrders": True,
        "enableOrderBook": True,
        "questionID": f"0xq{number}",
        "groupItemTitle": f"Outcome {number}",
        "orderPriceMinTickSize": 0.001,
        "orderMinSize": 5,
        "negRisk": True,
        "negRiskMarketID": "0xgroup",
        "negRiskOther": False,
        "feesEnabled": True,
        "version": "v1",
    } | changes


def condition(number: int) -> str:
    """The condition id of `market_row(number)`."""
    return "0x" + f"{number:064x}"


def event_row(event_id: str, *markets: Json, **changes: Any) -> Json:
    """One event of the catalogue."""
    return {
        "id": event_id,
        "slug": f"event-number-{event_id}",
        "title": f"Event {event_id}",
        "description": "Exactly one resolves to Yes.",
        "resolutionSource": "https://example.org",
        "endDate": "2027-12-08T00:00:00Z",
        "active": True,
        "closed": False,
        "negRisk": True,
        "enableNegRisk": True,
        "negRiskAugmented": False,
        "negRiskMarketID": "0xgroup",
        "markets": list(markets),
    } | changes


def events_page(*events: Json, cursor: str | None = None) -> bytes:
    """One page of /events/keyset; the cursor is absent on the last."""
    page: Json = {"events": list(events)}
    return json.dumps(page | ({"next_cursor": cursor} if cursor else {})).encode()


def terms_row(market: Json, **changes: Any) -> Json:
    """What /clob-markets says of a market row; a change of None removes the key."""
    tokens = json.loads(market["clobTokenIds"])
    row = {
        "c": market["conditionId"],
        "t": [{"t": tokens[0], "o": "Yes"}, {"t": tokens[1], "o": "No"}],
        "mts": 0.001,
        "mos": 5,
        "mbf": 1000,
        "tbf": 1000,
        "nr": True,
        "ao": True,
        "fd": {"r": 0.04, "e": 1, "to": True},
        "v": "v1",
    } | changes
    return {key: value for key, value in row.items() if value is not None}


def clob_row(market: Json, **changes: Any) -> Json:
    """The long form of a market row, as /markets and /markets/{condition} have it."""
    tokens = json.loads(market["clobTokenIds"])
    return {
        "condition_id": market["conditionId"],
        "question_id": market["questionID"],
        "question": market["question"],
        "market_slug": market["slug"],
        "neg_risk": market["negRisk"],
        "minimum_tick_size": market["orderPriceMinTickSize"],
        "minimum_order_size": market["orderMinSize"],
        "tokens": [
            {"token_id": token, "outcome": outcome, "price": 0.5, "winner": False}
            for token, outcome in zip(tokens, ("Yes", "No"), strict=True)
        ],
    } | changes


def clob_page(*rows: Any, cursor: str = "LTE=") -> bytes:
    """One page of /markets; the last names LTE= as the next cursor."""
    return json.dumps({"limit": 1000, "count": len(rows), "data": list(rows), "next_cursor": cursor}).encode()

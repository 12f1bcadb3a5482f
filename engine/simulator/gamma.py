"""The catalogue as Gamma serves it: field names and quirks of recorded answers (protocol 7).

Lists are JSON inside strings, unknown things are absent keys rather than null, and prices are those of the
catalogue seed, stale on purpose: nobody may trade on them.
"""

import json

from engine.domain.units import SIZE_ONE, Price, complement, format_scaled
from engine.simulator.catalogue import Event, Market
from engine.simulator.catalogue_seed import ChildState, EventSeed
from engine.simulator.contracts import COLLATERAL

Json = dict[str, object]
LISTED = "2026-09-01T12:00:00Z"
"""When everything was listed; a constant, like all dates here."""
RATE_DECIMALS = 6
REWARDS_SINCE, REWARDS_UNTIL = LISTED[:10], "2500-12-31"
_STATUSES = {ChildState.PROPOSED: ["proposed"], ChildState.CLOSED: ["proposed", "resolved"]}


def json_number(scaled: int, decimals: int) -> float:
    """Return the JSON number the wire wants for a scaled integer; nothing is computed with it."""
    return float(format_scaled(scaled, decimals))


def market_json(event: Event, market: Market) -> Json:
    """Return one market as `/markets` lists it."""
    spec, child, seed = market.spec, market.seed, event.seed
    closed = child.state is ChildState.CLOSED
    record: Json = {
        "id": market.id,
        "question": child.question,
        "conditionId": spec.condition_id,
        "slug": market.slug,
        "endDate": seed.end_date,
        "startDate": LISTED,
        "description": seed.rules,
        "outcomes": json.dumps(list(spec.outcomes)),
        "outcomePrices": json.dumps(_prices(child.fair)),
        "volume": "0",
        "active": child.state not in (ChildState.PLACEHOLDER, ChildState.OTHER),
        "closed": closed,
        "marketMakerAddress": "",
        "createdAt": LISTED,
        "updatedAt": LISTED,
        "new": False,
        "featured": False,
        "archived": False,
        "restricted": True,
        "questionID": market.question_id,
        "enableOrderBook": True,
        "orderPriceMinTickSize": json_number(spec.tick, 4),
        "orderMinSize": spec.min_size // 1_000_000,
        "endDateIso": seed.end_date[:10],
        "startDateIso": LISTED[:10],
        "clobTokenIds": json.dumps(list(spec.tokens)),
        "acceptingOrders": spec.accepting,
        "negRisk": spec.neg_risk,
        "ready": False,
        "funded": False,
        "cyom": False,
        "approved": True,
        "umaResolutionStatuses": json.dumps(_STATUSES.get(child.state, [])),
        "rfqEnabled": False,
        "holdingRewardsEnabled": False,
        "feesEnabled": seed.fee.rate > 0,
        "version": "v2" if spec.positions else "v1",
    }
    return (
        record
        | _fee_fields(seed)
        | _reward_fields(seed, market)
        | _group_fields(event, market)
        | _result_fields(child.state)
    )


def _fee_fields(seed: EventSeed) -> Json:
    """Return the fee fields; a free market has neither type nor schedule."""
    if seed.fee.rate == 0:
        return {"makerBaseFee": 0, "takerBaseFee": 0}
    return {
        "makerBaseFee": 1000,
        "takerBaseFee": 1000,
        "feeType": seed.fee_type,
        "feeSchedule": {
            "exponent": seed.fee.exponent,
            "rate": json_number(seed.fee.rate, RATE_DECIMALS),
            "takerOnly": True,
            "rebateRate": json_number(seed.rebate_percent, 2),
        },
    }


def _reward_fields(seed: EventSeed, market: Market) -> Json:
    """Return the reward fields: both numbers are 0 where there is no pool, and no pool is listed."""
    terms = seed.rewards
    if terms is None or not market.trades:
        return {"rewardsMinSize": 0, "rewardsMaxSpread": 0}
    return {
        "rewardsMinSize": terms.min_size // SIZE_ONE,
        "rewardsMaxSpread": json_number(terms.max_spread, 2),
        "clobRewards": [
            {
                "id": market.id,
                "conditionId": market.spec.condition_id,
                "assetAddress": COLLATERAL,
                "rewardsAmount": 0,
                "rewardsDailyRate": json_number(terms.daily, 6),
                "startDate": REWARDS_SINCE,
                "endDate": REWARDS_UNTIL,
            }
        ],
    }


def _group_fields(event: Event, market: Market) -> Json:
    """Return what only siblings carry, and what only those of a neg-risk event carry."""
    if not market.seed.name:
        return {}
    place: Json = {
        "groupItemTitle": market.seed.name,
        "groupItemThreshold": str(event.markets.index(market)),
    }
    if not event.seed.neg_risk:
        return place
    return place | {
        "negRiskMarketID": event.neg_risk_market_id,
        "negRiskRequestID": market.request_id,
        "negRiskOther": market.seed.state is ChildState.OTHER,
    }


def _result_fields(state: ChildState) -> Json:
    """Return what a market carries whose result is proposed or stands; other markets have no such keys."""
    match state:
        case ChildState.PROPOSED:
            return {"umaResolutionStatus": "proposed"}
        case ChildState.CLOSED:
            return {"umaResolutionStatus": "resolved", "closedTime": "2026-10-01 12:00:00+00"}
        case _:
            return {}


def _prices(fair: Price) -> list[str]:
    return [format_scaled(fair, 4), format_scaled(complement(fair), 4)]


def event_json(event: Event) -> Json:
    """Return one event with all its children, closed and inactive ones included."""
    seed = event.seed
    record: Json = {
        "id": event.id,
        "ticker": seed.slug,
        "slug": seed.slug,
        "title": seed.title,
        "description": seed.rules,
        "resolutionSource": "",
        "startDate": LISTED,
        "creationDate": LISTED,
        "endDate": seed.end_date,
        "active": True,
        "closed": all(market.seed.state is ChildState.CLOSED for market in event.markets),
        "archived": False,
        "new": False,
        "featured": False,
        "restricted": True,
        "createdAt": LISTED,
        "updatedAt": LISTED,
        "enableOrderBook": True,
        "negRisk": seed.neg_risk,
        "markets": [market_json(event, market) for market in event.markets],
        "tags": [{"id": str(100 + len(seed.tag)), "label": seed.tag, "slug": seed.tag.lower()}],
        "cyom": False,
        "showAllOutcomes": True,
        "enableNegRisk": seed.neg_risk,
        "negRiskAugmented": seed.augmented,
    }
    if seed.neg_risk:
        record["negRiskMarketID"] = event.neg_risk_market_id
    return record

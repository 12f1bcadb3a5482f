"""Frames of the market channel that tell of markets instead of levels (protocol 5.2). Pure rendering."""

import json

from engine.domain.units import Ms, Price, format_scaled
from engine.simulator.books import WireBook, price_text
from engine.simulator.catalogue import Event, Market
from engine.simulator.clob_metadata import legacy_fee
from engine.simulator.gamma import RATE_DECIMALS, Json
from engine.simulator.market import BookSide


def best_bid_ask_text(book: WireBook, token_index: int, now_ms: Ms) -> str:
    """Return the frame of a changed touch; an empty side is quoted as 0 or 1, like in a price change."""
    best_bid, best_ask = book.best_texts(token_index)
    bid, ask = book.best(token_index, BookSide.BID), book.best(token_index, BookSide.ASK)
    spread = Price((10_000 if ask is None else ask) - (0 if bid is None else bid))
    return _text(
        {
            "market": book.market.condition_id,
            "asset_id": book.market.tokens[token_index],
            "best_bid": best_bid,
            "best_ask": best_ask,
            "spread": price_text(spread),
            "timestamp": str(now_ms),
            "event_type": "best_bid_ask",
        }
    )


def tick_size_change_text(book: WireBook, token_index: int, old_tick: str, now_ms: Ms) -> str:
    """Return the frame of one token whose market has a new tick already."""
    return _text(
        {
            "market": book.market.condition_id,
            "asset_id": book.market.tokens[token_index],
            "old_tick_size": old_tick,
            "new_tick_size": book.market.tick_text,
            "timestamp": str(now_ms),
            "event_type": "tick_size_change",
        }
    )


def new_market_text(event: Event, market: Market, now_ms: Ms) -> str:
    """Return the frame of a market that was just listed; its numbers are strings on this channel."""
    spec, seed = market.spec, event.seed
    record: Json = {
        "id": market.id,
        "question": market.seed.question,
        "market": spec.condition_id,
        "slug": market.slug,
        "description": seed.rules,
        "assets_ids": list(spec.tokens),
        "outcomes": list(spec.outcomes),
        "event_message": _event_message(event),
        "timestamp": str(now_ms),
        "event_type": "new_market",
        "tags": [seed.tag],
        "condition_id": spec.condition_id,
        "active": market.trades,
        "clob_token_ids": list(spec.tokens),
        "sports_market_type": "",
        "line": "",
        "game_start_time": "",
        "order_price_min_tick_size": spec.tick_text,
        "group_item_title": market.seed.name,
        "taker_base_fee": str(legacy_fee(market)),
        "fees_enabled": spec.fee.rate > 0,
    }
    if spec.fee.rate:
        record["fee_schedule"] = {
            "exponent": str(spec.fee.exponent),
            "rate": format_scaled(spec.fee.rate, RATE_DECIMALS),
            "taker_only": True,
            "rebate_rate": format_scaled(seed.rebate_percent, 2),
        }
    return _text(record)


def market_resolved_text(event: Event, market: Market, winner: int, now_ms: Ms) -> str:
    """Return the frame of a market of which outcome `winner` has won."""
    spec = market.spec
    return _text(
        {
            "id": market.id,
            "market": spec.condition_id,
            "assets_ids": list(spec.tokens),
            "winning_asset_id": spec.tokens[winner],
            "winning_outcome": spec.outcomes[winner],
            "event_message": _event_message(event),
            "timestamp": str(now_ms),
            "tags": [event.seed.tag],
            "event_type": "market_resolved",
        }
    )


def _event_message(event: Event) -> Json:
    seed = event.seed
    return {
        "id": event.id,
        "ticker": seed.slug,
        "slug": seed.slug,
        "title": seed.title,
        "description": seed.rules,
    }


def _text(record: Json) -> str:
    return json.dumps(record, separators=(",", ":"))

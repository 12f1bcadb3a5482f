"""The official client's own models take every event of the local exchange's market channel."""

import json

from polymarket.models.clob.market_events import parse_market_event

from engine.clock import ManualClock
from engine.domain.units import Price, Usdc
from engine.simulator import upheaval
from engine.simulator.catalogue_seed import ChildSeed
from engine.simulator.sockets import RawFrame, Socket
from engine.simulator.venue import Venue
from tests.support.local_exchange import CUP


class Tap(Socket):
    """A custom subscriber that keeps its frames in a list."""

    def __init__(self) -> None:
        self.number = 1
        self.tokens: set[str] = set()
        self.texts: list[str] = []
        self._holds = {}

    def send(self, frame: str | RawFrame, tokens: object = ()) -> None:
        assert isinstance(frame, str)
        self.texts.append(frame)


def test_official_models_read_every_kind_of_event():
    clock = ManualClock()
    venue = Venue(
        seed=3, clock=clock, frames_per_s=40, confirm_delay_ms=2_000, start_balance=Usdc(1_000_000_000)
    )
    event = venue.catalogue.event(CUP)
    assert event is not None
    tap = Tap()
    tokens = [token for market in venue.flow.markets for token in market.spec.tokens]
    frame = {"type": "market", "assets_ids": tokens, "custom_feature_enabled": True, "initial_dump": False}
    assert venue.market_stream.on_frame(tap, frame)

    upheaval.change_tick(venue, event, event.markets[0], Price(10))
    for _ in range(240):
        clock.advance(500)
        venue.advance()
    event = venue.catalogue.event(CUP)
    assert event is not None
    market = upheaval.add_outcome(venue, event, ChildSeed("Eastgate", "Eastgate win?", Price(200)))
    event, market = venue.catalogue.find_condition(event.markets[1].spec.condition_id) or (event, market)
    upheaval.resolve(venue, event, market, 1)

    kinds = {parse_market_event(json.loads(text)).type for text in tap.texts}
    assert kinds == {
        "book",
        "price_change",
        "last_trade_price",
        "tick_size_change",
        "best_bid_ask",
        "new_market",
        "market_resolved",
    }

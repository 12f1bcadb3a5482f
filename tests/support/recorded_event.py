"""A recording of one event whose books a test moves by hand, and a data folder that knows the event."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.clock import ManualClock
from engine.core.feed.inlet import Checked, FeedInput, Heard, Linked, Tracked
from engine.domain.market import EventGroup, canonical_rules
from engine.domain.review import COMMAND_LINE, Review
from engine.domain.units import Ms
from storage.files import open_storage
from storage.lock import hold_folder
from tests.support.market_stream import START_MS, ReferenceVenue
from tests.support.planner import Pairs, group
from tests.support.recordings import LINE

START = Ms(START_MS)
BID_SIZE = "5000"
"""Bid at each of the two ticks below the best offer, so that dumping a leg costs a tick and its fees."""


class RecordedEvent:
    """An event's markets as reference venues, and the inputs that a feed core would have had of them."""

    def __init__(
        self, asks: Sequence[Pairs], event: EventGroup | None = None, *, bids_under: Sequence[str] = ()
    ) -> None:
        """Offer `asks`, per outcome, and bid below the best offer or below the prices of `bids_under`."""
        self.event = event or group()
        self.now_ms: int = START
        self.venues = [
            ReferenceVenue(
                tick=market.terms.tick, condition=market.condition_id, yes=market.yes, no=market.no
            )
            for market in self.event.markets
        ]
        tops = [_price(price) for price in bids_under] or [min(_price(p) for p, _ in a) for a in asks]
        for venue, offered, best in zip(self.venues, asks, tops, strict=True):
            venue.asks = {_price(price): size for price, size in offered}
            venue.bids = {best - venue.tick * ticks: BID_SIZE for ticks in (1, 2)}
        tokens = tuple(token for venue in self.venues for token in venue.tokens(self.event.code))
        self.inputs: list[FeedInput] = [Tracked(START, tokens), Linked(START, LINE, up=True)]
        self.inputs += [Heard(START, LINE, venue.dump()) for venue in self.venues]

    def wait(self, ms: int) -> None:
        """Let time pass; whole seconds are checked, as a feed runner does."""
        until = self.now_ms + ms
        for second in range(self.now_ms // 1000 + 1, until // 1000 + 1):
            self.inputs.append(Checked(Ms(second * 1000)))
        self.now_ms = until
        for venue in self.venues:
            venue.now_ms = until

    def level(self, outcome: int, price: str, size: str, *, side: str = "SELL") -> None:
        """Set one level of an outcome's YES book, now; size "0" removes it."""
        raw = self.venues[outcome].set_level(side, _price(price), size)
        self.inputs.append(Heard(Ms(self.now_ms), LINE, raw))

    def trade(self, outcome: int, price: str, size: str, *, taker: str) -> None:
        """Let a taker of YES trade so much at a price, now: off the level as far as it goes, and told."""
        venue, at = self.venues[outcome], _price(price)
        levels = venue.asks if taker == "BUY" else venue.bids
        left = int(levels.get(at, "0")) - int(size)
        venue.put("SELL" if taker == "BUY" else "BUY", at, str(max(left, 0)))
        for raw in venue.trade(at, size=size, side=taker):
            self.inputs.append(Heard(Ms(self.now_ms), LINE, raw))

    def link(self, *, up: bool) -> None:
        """Lose the connection, or bring it back with its dump."""
        self.inputs.append(Linked(Ms(self.now_ms), LINE, up=up))
        if up:
            self.inputs += [Heard(Ms(self.now_ms), LINE, venue.dump()) for venue in self.venues]


def _price(text: str) -> int:
    return round(float(text) * 10_000)


def with_other(event: EventGroup) -> EventGroup:
    """The event with its last outcome as "Other"."""
    *named, last = event.markets
    return replace(event, markets=(*named, replace(last, name="Other", is_other=True)))


def desk_folder(folder: Path, *events: EventGroup, reviewed: bool = True) -> Path:
    """Make a data folder whose desk has read these events, and somebody their rules."""
    folder.mkdir(exist_ok=True)
    asyncio.run(_fill(folder, events, reviewed))
    return folder


async def _fill(folder: Path, events: Sequence[EventGroup], reviewed: bool) -> None:
    with hold_folder(folder) as lock:
        async with open_storage(lock, ManualClock(START)) as storage:
            await storage.store.save_catalogue(list(events), START)
            for event in events if reviewed else ():
                text = canonical_rules(event)
                await storage.store.save_review(Review(event.event_id, text, None, COMMAND_LINE, START))

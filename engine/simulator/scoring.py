"""How orders score for liquidity rewards at one moment (protocol 8.3). Pure; integers only.

A score counts `(2 v - 2 s) ** 2 x size` in units that are the same for every order of a market, so shares of
a pool are exact ratios. The multiplier of games is 1: nothing here is played.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from engine.domain.units import PRICE_ONE, Ms, Price
from engine.simulator.catalogue_seed import RewardSeed
from engine.simulator.ladder import Ladder
from engine.simulator.market import BookSide
from engine.simulator.orders import Order, OrderState

MIN_AGE_MS = 3_500
"""How long an order must rest before it scores: `moas` of the order service."""
_FAR = Ms(1 << 62)
_ONE_SIDED = (PRICE_ONE // 10, PRICE_ONE * 9 // 10)
"""Mids between which quotes on one side earn a third."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Scores by account at one moment; the same until `until_ms` unless the book changes."""

    scores: Mapping[str, int]
    until_ms: Ms

    @property
    def total(self) -> int:
        """The score of all makers."""
        return sum(self.scores.values())


def twice_mid(ladder: Ladder, terms: RewardSeed) -> int | None:
    """Return twice the mid of the best levels that hold the scoring minimum; None without both."""
    best = []
    for side in BookSide:
        whole = (price for price in ladder.prices(side) if ladder.size_at(side, price) >= terms.min_size)
        best.append(next(whole, None))
    bid, ask = best
    return None if bid is None or ask is None else bid + ask


def score(order: Order, terms: RewardSeed, mid2: int, at_ms: Ms) -> int:
    """Return an order's score at a time: 0 unless it is live, large, near and old enough."""
    room = _room(order.terms.book_price, terms, mid2)
    ends_ms = order.terms.expires_ms
    if order.state is not OrderState.LIVE or order.remaining < terms.min_size or room <= 0:
        return 0
    if at_ms < order.placed_ms + MIN_AGE_MS or (ends_ms is not None and ends_ms <= at_ms):
        return 0
    return room * room * order.remaining


def stand(ladder: Ladder, terms: RewardSeed, at_ms: Ms) -> Standing:
    """Return every maker's score: the smaller side counts, a third of the larger where that is more.

    Outside mids of 0.10 to 0.90 only what stands on both sides counts. Everything is times three.
    """
    mid2 = twice_mid(ladder, terms)
    if mid2 is None:
        return Standing({}, _FAR)
    until = _FAR
    sides: dict[BookSide, defaultdict[str, int]] = {side: defaultdict(int) for side in BookSide}
    for side in BookSide:
        for order in ladder.walk(side):
            outward = 2 * order.terms.book_price - mid2
            if (outward if side is BookSide.ASK else -outward) >= 2 * terms.max_spread:
                break
            sides[side][order.terms.account_id] += score(order, terms, mid2, at_ms)
            ripe = Ms(order.placed_ms + MIN_AGE_MS)
            ends = order.terms.expires_ms
            changes = [when for when in (ripe, ends) if when is not None and when > at_ms]
            until = min([until, *changes])
    lower, upper = _ONE_SIDED
    lone = 2 * lower <= mid2 <= 2 * upper
    bids, asks = sides[BookSide.BID], sides[BookSide.ASK]
    scores = {
        account: max(3 * min(bids[account], asks[account]), max(bids[account], asks[account]) if lone else 0)
        for account in sorted({*bids, *asks})
    }
    return Standing({account: points for account, points in scores.items() if points}, until)


def _room(price: Price, terms: RewardSeed, mid2: int) -> int:
    """Return twice the distance that is left to the edge of the band, negative beyond it."""
    return 2 * terms.max_spread - abs(2 * price - mid2)

"""Which events may pay at their best prices, as a stream's frames tell them: a hurdle before the planner.

Errs on the side of planning: fees and buffers are left out, and a price that is not known counts as good
enough. A kind that buys every outcome needs asks that cost less than a set pays, the others need bids that
bring more: buying NO of some, or selling what is turned into YES, pays no more than all bids together.
"""

from collections.abc import Iterable

from engine.domain.frames import BestTouch, BookDelta, BookSnapshot, Frame
from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.market import EventGroup, Market
from engine.domain.plan import PlanKind
from engine.domain.units import PRICE_ONE, PRICES, TOUCHES

NONE: frozenset[PlanKind] = frozenset()
BUYS = frozenset({PlanKind.BUY_PAIR, PlanKind.BUY_SET})
"""Kinds that buy every outcome."""
SELLS = frozenset({PlanKind.NO_SET, PlanKind.SELL_SET, PlanKind.CONVERT})
"""Kinds that live on what the bids bring."""
ALL = BUYS | SELLS
Touch = tuple[int, int]
"""Best bid and ask in 1e-4; 0 for an empty side."""


class Touches:
    """The newest best prices of every token, by what the stream said of them."""

    def __init__(self) -> None:
        self._events: dict[EventId, EventGroup] = {}
        self._of: dict[ConditionId, EventId] = {}
        self._touch: dict[TokenId, Touch] = {}
        self._streamed: frozenset[TokenId] = frozenset()

    def stream(self, tokens: Iterable[TokenId]) -> None:
        """Expect prices of exactly these tokens from now on; nobody offers or bids for others."""
        self._streamed = frozenset(tokens)

    def watch(self, event: EventGroup) -> None:
        """Take in frames about this event, too."""
        self._events[event.event_id] = event
        self._of |= {market.condition_id: event.event_id for market in event.markets}

    def hear(self, frames: Iterable[Frame]) -> set[EventId]:
        """Take in frames; returns the events whose books they may have changed."""
        changed: set[EventId] = set()
        for frame in frames:
            condition_id = getattr(frame, "condition_id", None)
            event_id = None if condition_id is None else self._of.get(ConditionId(condition_id))
            if event_id is None:
                continue
            changed.add(event_id)
            match frame:
                case BookDelta():
                    for change in frame.changes:
                        self._touch[change.token_id] = _words(change.best_bid, change.best_ask)
                case BestTouch():
                    self._touch[frame.token_id] = _words(frame.best_bid, frame.best_ask)
                case BookSnapshot():
                    self._touch[frame.token_id] = _ends(frame)
                case _:
                    pass
        return changed

    def forget(self) -> None:
        """Know no price any more, as after a book that came another way than by the stream."""
        self._touch.clear()

    def may_pay(self, event_id: EventId) -> frozenset[PlanKind]:
        """Return the kinds that may pay at the best prices: the empty set while there is nothing to plan."""
        markets = self._events[event_id].markets
        prices = [self._prices(market) for market in markets]
        if any(price is None for price in prices):
            return ALL
        known = [price for price in prices if price is not None]
        if len(markets) == 1:
            ((_, ask, no_ask),) = known
            return BUYS if ask and no_ask and ask + no_ask < PRICE_ONE else NONE
        asks = [ask for _, ask, _ in known]
        buys = BUYS if all(asks) and sum(asks) < PRICE_ONE else NONE
        return buys | (SELLS if sum(bid for bid, _, _ in known) > PRICE_ONE else NONE)

    def _prices(self, market: Market) -> tuple[int, int, int] | None:
        """Return the best bid for YES (or the mirror of NO's ask), YES's ask and NO's; 0 for none."""
        if market.yes not in self._streamed:
            return 0, 0, 0
        yes, no = self._touch.get(market.yes), self._touch.get(market.no)
        if yes is None or no is None:
            return None
        mirrored = PRICE_ONE - no[1] if no[1] else 0
        return max(yes[0], mirrored), yes[1], no[1]


def _words(bid: str, ask: str) -> Touch:
    return TOUCHES[bid], TOUCHES[ask]


def _ends(book: BookSnapshot) -> Touch:
    """Return the best prices of a whole book, whatever the order of its levels."""
    bids = [PRICES[level.price] for level in book.bids]
    asks = [PRICES[level.price] for level in book.asks]
    return max(bids, default=0), min(asks, default=0)

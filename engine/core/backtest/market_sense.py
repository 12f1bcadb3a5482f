"""What a market's book and tape say at each look, shared by everything that quotes it in a backtest.

Fair value, volatility, flow, and whether the book may be relied on. The orders of a backtest are not really
in the book, so nothing of it is ours. Pure: times come with the looks.
"""

from collections.abc import Sequence
from dataclasses import replace

from engine.core.feed.feeds import Feeds
from engine.core.spread.book_watch import BookSeen, BookWatch, MidWindow, is_recovered, seen_mid, watch_book
from engine.core.spread.fair_value import agree, cut_mid, fair_value, within_grid
from engine.core.spread.flow import Flow, imbalance, traded
from engine.core.spread.micro import MICRO_PER_PRICE
from engine.core.spread.reward_band import others_score
from engine.core.spread.volatility import Volatility, moved, sigma
from engine.domain.book import Level, LiveBook
from engine.domain.frames import LastTrade
from engine.domain.market import Side
from engine.domain.quote import QuotedMarket, QuoteKnobs
from engine.domain.units import Ms, Size, parse_size


class MarketSense:
    """One market as its recording shows it."""

    def __init__(self, market: QuotedMarket, knobs: QuoteKnobs) -> None:
        """Know nothing of the book yet."""
        self.market = market
        """With the tick of the newest book, and the others' score where rewards are offered."""
        self.bids: tuple[Level, ...] = ()
        """The newest proven book of YES, best first, also while it is doubtful."""
        self.asks: tuple[Level, ...] = ()
        self.fair: int | None = None
        """Fair value of YES by that book and by its siblings'; None where it says too little."""
        self.known: int | None = None
        """The newest fair value there was."""
        self.mid: int | None = None
        self.sigma = 0
        self.watch = BookWatch()
        self.mids = MidWindow()
        self.looks = 0
        self.alone: int | None = None
        """Fair value without the siblings."""
        self._knobs = knobs
        self._volatility = Volatility()
        self._flow = Flow()
        self._epoch: int | None = None

    def begin(self) -> None:
        """Begin another recording: its books must be proven anew, and no move from before counts."""
        self.watch, self.mids, self._epoch = BookWatch(), MidWindow(), None

    def is_usable(self, at_ms: Ms) -> bool:
        """Tell whether the book is proven, confirmed and recovered."""
        return is_recovered(self.watch, self._knobs, at_ms)

    def traded(self, frame: LastTrade, at_ms: Ms) -> None:
        """Take a trade off the tape; of a taker whose side is not certain nothing is believed."""
        if frame.taker is None or not frame.size_text:
            return
        is_yes = frame.token_id == self.market.yes
        taker = Side.BUY if (frame.taker is Side.BUY) is is_yes else Side.SELL
        size, halflife_ms = parse_size(frame.size_text), self._knobs.vol_halflife_ms
        self._flow = traded(self._flow, taker, size, at_ms=at_ms, halflife_ms=halflife_ms)

    def look(self, feeds: Feeds, at_ms: Ms) -> LiveBook | None:
        """Take in the book as it is proven now; return it where a snapshot has replaced the one before."""
        self.looks += 1
        live = feeds.live(self.market.yes, at_ms)
        if not isinstance(live, LiveBook):
            seen = BookSeen(synced=False, confirmed_ms=None, proven_ms=None)
            self.watch = watch_book(self.watch, seen, self._knobs, at_ms)
            self.mids = seen_mid(self.mids, None, self._knobs, at_ms)
            return None
        # A live book is one whose newest checksum has matched: all of it is proven now.
        seen = BookSeen(synced=True, confirmed_ms=live.confirmed_ms, proven_ms=at_ms)
        self.watch = watch_book(self.watch, seen, self._knobs, at_ms)
        self.bids, self.asks = live.bids, live.asks
        if live.tick != self.market.tick:
            self.market = replace(self.market, tick=live.tick)
        self._price(at_ms)
        is_new = live.epoch != self._epoch
        self._epoch = live.epoch
        return live if is_new else None

    def _price(self, at_ms: Ms) -> None:
        knobs, market = self._knobs, self.market
        self.mid = mid = cut_mid(self.bids, self.asks, knobs.min_level_size)
        self.mids = seen_mid(self.mids, mid, knobs, at_ms)
        if mid is not None:
            self._volatility = moved(
                self._volatility, mid=mid, at_ms=at_ms, halflife_ms=knobs.vol_halflife_ms
            )
        flow = imbalance(self._flow, at_ms=at_ms, halflife_ms=knobs.vol_halflife_ms)
        self.alone = fair_value(self.bids, self.asks, knobs, tick=market.tick, flow_milli=flow)
        self._settle(self.alone)
        if market.rewards is not None:
            self._score()

    def _score(self) -> None:
        """Work out what everybody else scores; without a mid the last score stands."""
        rewards = self.market.rewards
        assert rewards is not None, "expected terms of rewards"
        mid = cut_mid(self.bids, self.asks, rewards.min_size)
        if mid is not None:
            others = others_score(self.bids, self.asks, mid, rewards)
            self.market = replace(self.market, rewards=replace(rewards, others_milli=others))

    def agree_with(self, group: Sequence["MarketSense"]) -> None:
        """Pull the fair value towards what the exclusive outcomes of its event, itself among them, leave."""
        fairs = [one.alone for one in group]
        whole = [fair for fair in fairs if fair is not None]
        if self.alone is None or len(whole) < len(fairs):
            return
        agreed = agree(whole, [one.half_spread for one in group], self._knobs.sibling_pct)
        place = next(number for number, one in enumerate(group) if one is self)
        self._settle(within_grid(agreed[place], self.market.tick))

    @property
    def half_spread(self) -> int:
        """Half of the book's spread in micro; 0 while no book is known."""
        if not (self.bids and self.asks):
            return 0
        return (self.asks[0].price - self.bids[0].price) * MICRO_PER_PRICE // 2

    def _settle(self, fair: int | None) -> None:
        self.fair = fair
        if fair is None:
            return
        self.known = fair
        self.sigma = sigma(self._volatility, fair, self._knobs.vol_horizon_ms)


def scoring_mid(sense: MarketSense) -> int | None:
    """Return the mid from which the reward band is measured; None without terms or without a mid."""
    rewards = sense.market.rewards
    return None if rewards is None else cut_mid(sense.bids, sense.asks, Size(rewards.min_size))

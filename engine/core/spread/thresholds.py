"""How much a quote must differ from its target before it is replaced (strategy 5.6). Pure comparisons.

Ticks are the market's present one. How an ask is made up, of YES sold or of NO bought, is no difference: both
stand at the same price of the same book.
"""

from engine.domain.quote import LiveQuote, QuotedMarket, QuoteKnobs, QuoteSide, RewardMode, Target
from engine.domain.units import Size


def is_due(target: Target, quote: LiveQuote, market: QuotedMarket, knobs: QuoteKnobs) -> bool:
    """Tell whether price or size differ by enough; both sides of one slot."""
    return is_price_due(target, quote, market, knobs) or is_size_due(target, quote, market, knobs)


def is_price_due(target: Target, quote: LiveQuote, market: QuotedMarket, knobs: QuoteKnobs) -> bool:
    """Tell whether the price differs by the threshold or more; equal prices never do.

    A move away from the market (a bid down, an ask up) has a threshold of its own where one is set.
    """
    moves = target.yes - quote.yes
    if moves == 0:
        return False
    if quote.side is QuoteSide.BID:
        ticks, away, leaves = knobs.min_change_ticks_bid, knobs.away_ticks_bid, moves < 0
    else:
        ticks, away, leaves = knobs.min_change_ticks_ask, knobs.away_ticks_ask, moves > 0
    if leaves and away:
        ticks = away
    return abs(moves) >= ticks * market.tick


def is_size_due(target: Target, quote: LiveQuote, market: QuotedMarket, knobs: QuoteKnobs) -> bool:
    """Tell whether what rests differs from the target by more than `min_size_change_pct` of the target.

    Where the order as sent does not differ by so much, fills alone made the difference: they do not trigger
    it until the rest is below what scores, or below the venue's minimum where rewards are not wanted.
    """
    if quote.left < scoring_floor(market, knobs) <= target.size:
        return True
    allowed = knobs.min_size_change_pct * target.size
    return abs(target.size - quote.left) * 100 > allowed and abs(target.size - quote.size) * 100 > allowed


def scoring_floor(market: QuotedMarket, knobs: QuoteKnobs) -> Size:
    """Return the smallest size worth resting."""
    if market.rewards is None or knobs.reward_mode is RewardMode.OFF:
        return market.min_size
    return max(market.min_size, market.rewards.min_size)


def is_met(target: Target, quote: LiveQuote) -> bool:
    """Tell whether an order at the target's price would meet one of our own, on either token.

    A quote counts in every state: what is being cancelled or is unknown may still rest.
    """
    if target.side is quote.side:
        return False
    bid, ask = (target, quote) if target.side is QuoteSide.BID else (quote, target)
    return bid.yes >= ask.yes

"""What a share of YES is worth by its book: mid, micro-price, flow, and agreement with its siblings.

Strategy 5.1. Everything here looks at the book without the desk's own orders: a price made by ourselves says
nothing. Pure: levels in, micro-dollars out; a book that says too little gives None, never a guess.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from engine.core.spread.micro import MICRO_ONE, clamped, to_micro, toward_zero
from engine.domain.book import Level
from engine.domain.quote import LiveQuote, QuoteKnobs, QuoteSide
from engine.domain.units import Price, Size

FLOW_ONE = 1_000
"""One unit of flow: every certain trade of late was a purchase of YES."""


def without_own(levels: Sequence[Level], side: QuoteSide, quotes: Iterable[LiveQuote]) -> tuple[Level, ...]:
    """Return one side of the YES book without what the desk itself rests there; empty levels go.

    A BUY of NO stands on the ask at its mirrored price, which is `LiveQuote.yes`. Quotes in every state
    count: one that is not there takes off somebody else's size for a moment, but one that is overlooked
    would make the desk follow itself.
    """
    own: Counter[Price] = Counter()
    for quote in quotes:
        if quote.side is side:
            own[quote.yes] += quote.left
    rest = (Level(level.price, Size(level.size - own[level.price])) for level in levels)
    return tuple(level for level in rest if level.size > 0)


def cut_levels(levels: Sequence[Level], cutoff: Size) -> tuple[Level, ...]:
    """Return the levels of at least `cutoff`."""
    return tuple(level for level in levels if level.size >= cutoff)


def cut_mid(bids: Sequence[Level], asks: Sequence[Level], cutoff: Size) -> int | None:
    """Return the mid of the best levels of at least `cutoff`, in micro; exact. None where a side has none."""
    bid = next((level.price for level in bids if level.size >= cutoff), None)
    ask = next((level.price for level in asks if level.size >= cutoff), None)
    if bid is None or ask is None:
        return None
    return (to_micro(bid) + to_micro(ask)) // 2


def fair_value(
    bids: Sequence[Level], asks: Sequence[Level], knobs: QuoteKnobs, *, tick: Price, flow_milli: int
) -> int | None:
    """Return the fair value of YES in micro, at least one tick from 0 and 1; None without a mid.

    Levels are without the desk's own orders, best first. `flow_milli` is z in thousandths, signed, from
    trades whose side is certain; its pull is one tick at most.
    """
    bids, asks = cut_levels(bids, knobs.min_level_size), cut_levels(asks, knobs.min_level_size)
    mid = cut_mid(bids, asks, Size(0))
    if mid is None:
        return None
    pull = _depth_pull(bids, asks, knobs) + _flow_pull(flow_milli, knobs.flow_weight_pct, tick)
    return within_grid(mid + pull, tick)


def _depth_pull(bids: Sequence[Level], asks: Sequence[Level], knobs: QuoteKnobs) -> int:
    """Return w_micro (mu - m): mu - m is (a - b) (Qb - Qa) / 2 (Qa + Qb), so nothing is rounded twice."""
    on_bid = sum(level.size for level in bids[: knobs.depth_levels])
    on_ask = sum(level.size for level in asks[: knobs.depth_levels])
    if on_bid + on_ask == 0:
        return 0
    spread = to_micro(asks[0].price) - to_micro(bids[0].price)
    return toward_zero(knobs.micro_weight_pct * spread * (on_bid - on_ask), 200 * (on_bid + on_ask))


def _flow_pull(flow_milli: int, weight_pct: int, tick: Price) -> int:
    one = to_micro(tick)
    return clamped(toward_zero(weight_pct * one * flow_milli, 100 * FLOW_ONE), least=-one, most=one)


def agree(fairs: Sequence[int], half_spreads: Sequence[int], sibling_pct: int) -> tuple[int, ...]:
    """Return the fair values of an event's exclusive outcomes, pulled towards a sum of one dollar.

    All outcomes of the event, in micro, each with its half-spread: the wider an outcome is quoted, the less
    its price is known and the more of the difference it takes. Not clamped: see `within_grid`.
    """
    assert len(fairs) == len(half_spreads), "expected one half-spread for each fair value"
    whole = sum(half_spreads)
    if whole == 0:
        return tuple(fairs)
    excess = sum(fairs) - MICRO_ONE
    return tuple(
        fair - toward_zero(sibling_pct * excess * half, 100 * whole)
        for fair, half in zip(fairs, half_spreads, strict=True)
    )


def within_grid(fair: int, tick: Price) -> int:
    """Return the fair value, moved to one tick from 0 or 1 where it is nearer."""
    return clamped(fair, least=to_micro(tick), most=MICRO_ONE - to_micro(tick))

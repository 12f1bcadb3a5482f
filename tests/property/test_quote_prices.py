"""Properties of strategy section 6 for quotes: whatever the book, the knobs, the inventory and the caps."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.core.spread.fair_value import agree, fair_value, without_own
from engine.core.spread.market_view import MarketView, Room
from engine.core.spread.micro import MICRO_ONE, to_micro
from engine.core.spread.reward_band import band_edge
from engine.core.spread.stance import Stance, stance_of
from engine.core.spread.targets import targets
from engine.core.spread.toxicity import Adverse
from engine.core.spread.width import skew
from engine.domain.book import Level
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.quote import (
    LiveQuote,
    QuotedMarket,
    QuoteKnobs,
    QuoteSide,
    QuoteState,
    RewardMode,
    RewardTerms,
    Target,
)
from engine.domain.units import LOT, PRICE_ONE, SIZE_ONE, Ms, Price, Size, Usdc, complement, is_on_grid
from tests.support.quote_pricing import AMPLE, KNOBS, MARKET, mirrored, swapped

unhurried = settings(deadline=None, max_examples=150)
"""How long an example takes says nothing here: other work shares the machine."""

ticks = st.sampled_from([Price(1_000), Price(100), Price(100), Price(50), Price(10), Price(1)])
some_shares = st.integers(0, 300_000).map(lambda lots: Size(lots * LOT))


def rarely(unusual, usual):
    """Mostly the usual value, so that most cases have quotes to look at."""
    return st.one_of(st.just(usual), st.just(usual), unusual)


@st.composite
def knob_sets(draw) -> QuoteKnobs:
    return replace(
        KNOBS,
        min_level_size=draw(rarely(st.integers(1, 10**9).map(Size), Size(0))),
        depth_levels=draw(st.integers(1, 4)),
        micro_weight_pct=draw(st.integers(0, 100)),
        flow_weight_pct=draw(st.integers(0, 300)),
        min_spread_ticks=draw(st.integers(0, 3)),
        min_half_spread_ticks=draw(st.integers(0, 4)),
        min_edge_ticks=draw(st.integers(0, 3)),
        improve_ticks=draw(st.integers(0, 3)),
        k_vol_pct=draw(st.integers(0, 200)),
        k_tox_pct=draw(st.integers(0, 200)),
        adverse_micro=draw(st.integers(0, 5_000)),
        skew_milliticks=draw(st.integers(0, 5_000)),
        gamma_pct=draw(st.integers(0, 200)),
        jump_micro=draw(st.integers(0, 200_000)),
        soft_pct=draw(st.integers(40, 120)),
        base_size=draw(st.integers(500, 100_000).map(lambda lots: Size(lots * LOT))),
        max_layers=draw(st.integers(1, 4)),
        layer_step_ticks=draw(st.integers(1, 3)),
        reward_mode=draw(st.sampled_from(RewardMode)),
    )


@st.composite
def markets(draw) -> QuotedMarket:
    rewards = RewardTerms(
        max_spread=Price(draw(st.integers(0, 900))),
        min_size=Size(draw(st.integers(0, 200)) * SIZE_ONE),
        daily=Usdc(draw(st.integers(0, 500_000_000))),
        others_milli=draw(st.integers(0, 10_000_000)),
    )
    return replace(
        MARKET,
        tick=draw(ticks),
        min_size=Size(draw(st.integers(1, 20)) * SIZE_ONE),
        fee_rate_e6=draw(st.sampled_from([0, 40_000, 70_000, 250_000])),
        fee_exponent=draw(st.integers(1, 2)),
        rebate_pct=draw(st.integers(0, 25)),
        rewards=draw(rarely(st.none(), rewards)),
    )


@st.composite
def books(draw, tick: Price) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    rungs = PRICE_ONE // tick
    low = draw(st.integers(1, rungs - 2))
    high = draw(st.integers(low + 1, min(rungs - 1, low + 12)))
    depth = st.lists(st.integers(0, 3), min_size=1, max_size=4)
    bids, asks = [], []
    for gap in draw(depth):
        low -= gap
        if low >= 1:
            bids.append(Level(Price(low * tick), Size(draw(st.integers(1, 90_000)) * LOT)))
        low -= 1
    for gap in draw(depth):
        high += gap
        if high <= rungs - 1:
            asks.append(Level(Price(high * tick), Size(draw(st.integers(1, 90_000)) * LOT)))
        high += 1
    assume(bids and asks)
    return tuple(bids), tuple(asks)


@st.composite
def rooms(draw) -> Room:
    return Room(Usdc(draw(st.integers(0, 2_000_000_000))), draw(some_shares))


@st.composite
def cases(draw) -> tuple[QuotedMarket, QuoteKnobs, MarketView]:
    market, knobs = draw(markets()), draw(knob_sets())
    bids, asks = draw(books(market.tick))
    value = fair_value(bids, asks, knobs, tick=market.tick, flow_milli=draw(st.integers(-1_000, 1_000)))
    view = MarketView(
        bids=bids,
        asks=asks,
        fair=value,
        sigma=draw(st.integers(0, 20_000)),
        tox=Adverse(draw(st.integers(0, 10_000)), draw(st.integers(0, 32))),
        net=Size(draw(rarely(st.integers(-1_100, 1_100), 0) | st.integers(-600, 600)) * SIZE_ONE),
        sellable=draw(some_shares),
        bid_room=draw(rarely(rooms(), AMPLE)),
        ask_room=draw(rarely(rooms(), AMPLE)),
        left_ms=draw(st.none() | st.integers(0, 10**9).map(Ms)),
        own_bid=None,
        own_ask=None,
        reduce_only=draw(rarely(st.just(True), False)),
    )
    return market, knobs, view


def on(side: QuoteSide, found) -> list[Target]:
    return [one for one in found if isinstance(one, Target) and one.side is side]


@unhurried
@given(cases())
def test_quotes_are_on_the_grid_apart_from_each_other_and_never_cross_the_book(case):
    market, _, view = case
    found = targets(*case)
    bids, asks = on(QuoteSide.BID, found), on(QuoteSide.ASK, found)

    assert all(
        is_on_grid(one.yes, market.tick) and is_on_grid(one.price, market.tick)
        for one in found_targets(found)
    )
    assert all(bid.yes <= view.asks[0].price - market.tick for bid in bids)
    assert all(ask.yes >= view.bids[0].price + market.tick for ask in asks)
    assert all(bid.yes + complement(ask.yes) <= PRICE_ONE - market.tick for bid in bids for ask in asks)
    assert all(bid.yes < nearer.yes for nearer, bid in pairwise(bids))
    assert all(ask.yes > nearer.yes for nearer, ask in pairwise(asks))


def found_targets(found) -> list[Target]:
    return on(QuoteSide.BID, found) + on(QuoteSide.ASK, found)


@unhurried
@given(cases())
def test_quotes_keep_their_distance_from_fair_value_and_touch(case):
    market, knobs, view = case
    assume(view.fair is not None)
    edge = to_micro(Price(knobs.min_edge_ticks * market.tick))
    improved = knobs.improve_ticks * market.tick

    for one in found_targets(targets(*case)):
        away = view.fair - to_micro(one.yes) if one.side is QuoteSide.BID else to_micro(one.yes) - view.fair
        assert away >= edge
        if one.side is QuoteSide.BID:
            assert one.yes <= view.bids[0].price + improved
        else:
            assert one.yes >= view.asks[0].price - improved


@unhurried
@given(cases())
def test_quotes_pay_for_their_risk_whatever_rewards_promise(case):
    """Nothing is nearer to the skewed centre than volatility, toxicity and adverse selection allow."""
    market, knobs, view = case
    stance = stance_of(market, knobs, view)
    assume(isinstance(stance, Stance))

    assert isinstance(stance, Stance)
    assert stance.delta >= stance.least
    for one in found_targets(targets(*case)):
        price = to_micro(one.yes)
        away = stance.centre - price if one.side is QuoteSide.BID else price - stance.centre
        assert away >= stance.least


@unhurried
@given(cases())
def test_sizes_meet_every_minimum_and_stay_within_room_inventory_and_request(case):
    market, knobs, view = case
    found = targets(*case)
    held = abs(view.net)
    for side, room, adds in (
        (QuoteSide.BID, view.bid_room, view.net >= 0),
        (QuoteSide.ASK, view.ask_room, view.net <= 0),
    ):
        orders = on(side, found)
        bought = [one for one in orders if one.order_side is Side.BUY]
        sold = [one for one in orders if one.order_side is Side.SELL]
        total = sum(one.size for one in orders)

        assert all(market.min_size <= one.size <= knobs.base_size and one.size % LOT == 0 for one in orders)
        assert total <= room.shares
        assert sum(one.price * one.size for one in bought) <= room.cash * PRICE_ONE
        assert sum(one.size for one in sold) <= view.sellable
        if adds:
            assert total <= max(0, knobs.inventory_max - held), (
                "the worst case stays within the inventory limit"
            )
        else:
            assert total <= (
                held if view.reduce_only or held >= knobs.inventory_max else knobs.inventory_max + held
            )


@unhurried
@given(cases())
def test_no_quote_adds_at_the_soft_limit_or_when_only_reducing(case):
    _, knobs, view = case
    stopped = view.reduce_only or abs(view.net) * 100 >= knobs.soft_pct * knobs.inventory_max
    found = targets(*case)

    if stopped and view.net >= 0:
        assert not on(QuoteSide.BID, found)
    if stopped and view.net <= 0:
        assert not on(QuoteSide.ASK, found)


@unhurried
@given(cases())
def test_nothing_outside_the_band_when_only_rewards_count(case):
    market, knobs, view = case
    knobs = replace(knobs, reward_mode=RewardMode.ONLY)
    stance = stance_of(market, knobs, view)

    for one in found_targets(targets(market, knobs, view)):
        assert market.rewards is not None
        assert isinstance(stance, Stance)
        assert abs(to_micro(one.yes) - stance.mid) <= band_edge(market.rewards, market.tick)
        assert view.reduce_only or abs(view.net) >= knobs.inventory_max or one.size >= market.rewards.min_size


@unhurried
@given(cases())
def test_mirrored_market_gives_mirrored_quotes(case):
    market, knobs, view = case
    view = replace(view, sellable=Size(0))
    plain = targets(market, knobs, view)
    other = targets(market, knobs, mirrored(view))

    assert prices_of(plain, QuoteSide.BID) == flipped(other, QuoteSide.ASK)
    assert prices_of(plain, QuoteSide.ASK) == flipped(other, QuoteSide.BID)


def prices_of(found, side: QuoteSide) -> list[tuple[int, int]]:
    return [(one.yes, one.size) for one in on(side, found)]


def flipped(found, side: QuoteSide) -> list[tuple[int, int]]:
    return [(complement(one.yes), one.size) for one in on(side, found)]


@unhurried
@given(books(Price(100)), knob_sets(), st.integers(-2_000, 2_000))
def test_mirrored_book_has_the_mirrored_fair_value(book, knobs, flow):
    bids, asks = book
    plain = fair_value(bids, asks, knobs, tick=Price(100), flow_milli=flow)
    other = fair_value(swapped(asks), swapped(bids), knobs, tick=Price(100), flow_milli=-flow)

    assert (plain is None) == (other is None)
    if plain is not None and other is not None:
        assert plain + other == MICRO_ONE


@unhurried
@given(cases())
def test_targets_are_the_same_whatever_of_them_rests_already(case):
    """Our own orders are in the venue's book: taken out again, they change neither prices nor sizes."""
    market, knobs, view = case
    before = targets(*case)
    live = [resting(one, number) for number, one in enumerate(found_targets(before))]
    bids = with_own(view.bids, QuoteSide.BID, live)
    asks = with_own(view.asks, QuoteSide.ASK, live)
    bids, asks = without_own(bids, QuoteSide.BID, live), without_own(asks, QuoteSide.ASK, live)
    ours = {side: [one.yes for one in live if one.side is side] for side in QuoteSide}

    assert (bids, asks) == (view.bids, view.asks)
    after = replace(
        view,
        bids=bids,
        asks=asks,
        own_bid=max(ours[QuoteSide.BID], default=None),
        own_ask=min(ours[QuoteSide.ASK], default=None),
    )
    assert targets(market, knobs, after) == before


def resting(target: Target, number: int) -> LiveQuote:
    return LiveQuote(
        OrderId(str(number)),
        target.side,
        target.layer,
        target.token_id,
        target.order_side,
        target.yes,
        target.size,
        target.size,
        QuoteState.RESTING,
        Ms(0),
    )


def with_own(levels, side: QuoteSide, live: list[LiveQuote]) -> tuple[Level, ...]:
    found = {level.price: level.size for level in levels}
    for one in live:
        if one.side is side:
            found[one.yes] = Size(found.get(one.yes, 0) + one.left)
    order = sorted(found, reverse=side is QuoteSide.BID)
    return tuple(Level(price, found[price]) for price in order)


@unhurried
@given(
    knob_sets(),
    st.integers(1, MICRO_ONE - 1),
    st.integers(0, 100_000),
    st.integers(-1_500, 1_500),
    st.integers(-1_500, 1_500),
)
def test_skew_is_odd_monotone_and_zero_at_zero(knobs, fair, sigma, one, two):
    def at(held: int) -> int:
        net = Size(held * SIZE_ONE)
        return skew(knobs, tick=Price(100), fair=fair, sigma=sigma, net=net, left_ms=Ms(7_200_000))

    low, high = sorted((one, two))
    assert at(low) <= at(high)
    assert at(-one) == -at(one)
    assert at(0) == 0


@unhurried
@given(
    st.lists(st.tuples(st.integers(1, MICRO_ONE), st.integers(0, 50_000)), min_size=1, max_size=12),
    st.integers(0, 100),
)
def test_agreement_never_overshoots_the_sum_of_one(outcomes, sibling_pct):
    fairs, halves = [fair for fair, _ in outcomes], [half for _, half in outcomes]
    before = sum(fairs) - MICRO_ONE
    after = sum(agree(fairs, halves, sibling_pct)) - MICRO_ONE

    assert abs(after) <= abs(before)
    assert before * after >= 0, "no further than the sum of one"

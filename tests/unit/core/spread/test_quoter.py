"""The order of decisions of strategy 5.5, the ten rules of the quoter, and what no order may do."""

from dataclasses import replace

import pytest

from engine.core.spread.batches import CancelBatch, PlaceBatch, batched
from engine.core.spread.book_watch import BookSeen, BookWatch, watch_book
from engine.core.spread.buckets import allowance, charge, full_buckets, market_buckets
from engine.core.spread.quoter import Replaces, reconcile, replaces_after
from engine.core.spread.regime import judge
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.quote import (
    CancelAll,
    CancelQuote,
    Held,
    PlaceQuote,
    Pull,
    QuoteState,
    Suppressed,
)
from engine.domain.units import Ms, Price
from tests.support.builders import NOW
from tests.support.quotes import (
    ASK,
    BID,
    KNOBS,
    MARKET,
    PLENTY,
    QUIET,
    context,
    knobs,
    live,
    pulled,
    signs,
    target,
)

PAIR = (target(BID, 48), target(ASK, 52))
UNCERTAIN = [QuoteState.PLACING, QuoteState.CANCELLING, QuoteState.UNKNOWN]
NARROW = {"best_bid": Price(5_000), "best_ask": Price(5_100)}


def decide(targets, quotes, at=None, **changes):
    return reconcile(targets, quotes, MARKET, knobs(**changes), at or context())


# The order of 5.5.


@pytest.mark.parametrize("pull", Pull)
def test_a_hard_pull_passes_lifetime_and_reserve_and_comes_before_everything(pull):
    """Young quotes, equal targets, a narrow book, no token above the reserve: they go, nothing comes."""
    at = context(stance=pulled(pull), allowance=replace(PLENTY, soft_cancels=0), **NARROW)

    assert decide(PAIR, [live(BID, 48, age=0), live(ASK, 52, age=0)], at) == (
        CancelQuote(OrderId("bid0"), pull, hard=True),
        CancelQuote(OrderId("ask0"), pull, hard=True),
    )


@pytest.mark.parametrize("state", QuoteState)
def test_a_hard_pull_cancels_what_is_in_flight_or_unknown_but_nothing_twice(state):
    found = decide([], [live(BID, 48, state=state)], context(stance=pulled(Pull.JUMP)))

    twice = state is QuoteState.CANCELLING
    assert found == (() if twice else (CancelQuote(OrderId("bid0"), Pull.JUMP, hard=True),))


@pytest.mark.parametrize(("tokens", "by_id"), [(2, True), (1, False), (0, False)])
def test_a_hard_pull_with_too_few_tokens_cancels_all(tokens, by_id):
    at = context(stance=pulled(Pull.KILL), allowance=replace(PLENTY, hard_cancels=tokens))
    found = decide(PAIR, [live(BID, 48), live(ASK, 52)], at)

    ids = tuple(CancelQuote(OrderId(name), Pull.KILL, hard=True) for name in ("bid0", "ask0"))
    assert found == (ids if by_id else (CancelAll(Pull.KILL),))


def test_a_hard_pull_names_the_severest_reason():
    found = decide([], [live(BID, 48)], context(stance=pulled(Pull.RULES, Pull.JUMP)))

    assert found == (CancelQuote(OrderId("bid0"), Pull.RULES, hard=True),)


def test_a_hard_pull_of_nothing_asks_for_nothing():
    assert (
        decide(PAIR, [], context(stance=pulled(Pull.KILL), allowance=replace(PLENTY, hard_cancels=0))) == ()
    )


def test_a_skip_places_nothing_and_cancels_the_soft_way():
    found = decide(PAIR, [live(BID, 48), live(ASK, 52, age=0)], context(has_fair_value=False))

    assert found == (
        Suppressed(None, Held.NO_FAIR_VALUE),
        CancelQuote(OrderId("bid0"), Held.NO_FAIR_VALUE, hard=False),
        Suppressed(ASK, Held.LIFETIME),
    )


def test_what_pricing_withholds_is_the_reason_of_the_cancel():
    at = context(withheld_bid=Held.INVENTORY, withheld_ask=Held.EDGE)

    assert decide([], [live(BID, 48), live(ASK, 52)], at) == (
        CancelQuote(OrderId("bid0"), Held.INVENTORY, hard=False),
        CancelQuote(OrderId("ask0"), Held.EDGE, hard=False),
    )


def test_tokens_go_to_empty_slots_before_replaces():
    at = context(allowance=replace(PLENTY, quotes=1))
    found = decide([target(BID, 45), target(ASK, 52)], [live(BID, 48)], at)

    assert found == (PlaceQuote(target(ASK, 52)), Suppressed(BID, Held.QUOTES_RATE_LIMITED))


def test_one_cancel_token_serves_one_soft_cancel():
    at = context(allowance=replace(PLENTY, soft_cancels=1))
    found = decide([target(BID, 45)], [live(BID, 48), live(ASK, 52)], at)

    assert found == (
        CancelQuote(OrderId("ask0"), Held.UNWANTED, hard=False),
        Suppressed(BID, Held.CANCELS_RATE_LIMITED),
    )


def test_one_quote_token_serves_one_replace():
    at = context(allowance=replace(PLENTY, quotes=1))
    found = decide([target(BID, 44), target(ASK, 56)], [live(BID, 48), live(ASK, 52)], at)

    assert found == (
        CancelQuote(OrderId("bid0"), None, hard=False),
        Suppressed(ASK, Held.QUOTES_RATE_LIMITED),
    )


# A replace, and what must never be.


@pytest.mark.parametrize("state", UNCERTAIN)
def test_no_second_order_while_one_of_its_slot_is_uncertain(state):
    found = decide([target(BID, 40)], [live(BID, 48, state=state)])

    assert found == (Suppressed(BID, Held.UNCERTAIN),)


def test_what_is_being_cancelled_does_not_meet_its_target():
    found = decide([target(BID, 48)], [live(BID, 48, state=QuoteState.CANCELLING)])

    assert found == (Suppressed(BID, Held.UNCERTAIN),)


@pytest.mark.parametrize("state", [QuoteState.PLACING, QuoteState.UNKNOWN])
def test_what_is_uncertain_is_not_cancelled_the_soft_way(state):
    assert decide([], [live(BID, 48, state=state)]) == (Suppressed(BID, Held.UNCERTAIN),)


def test_an_uncertain_layer_does_not_hold_the_others():
    layers = [target(BID, 48), target(BID, 47, layer=1)]
    found = decide(layers, [live(BID, 48, state=QuoteState.PLACING)])

    assert found == (PlaceQuote(layers[1]),)


def test_a_replace_waits_for_the_cancel_and_then_places():
    wanted = [target(BID, 45)]

    assert decide(wanted, [live(BID, 48)]) == (CancelQuote(OrderId("bid0"), None, hard=False),)
    assert decide(wanted, [live(BID, 48, state=QuoteState.CANCELLING)]) == (Suppressed(BID, Held.UNCERTAIN),)
    assert decide(wanted, []) == (PlaceQuote(wanted[0]),)


def test_the_token_of_a_begun_replace_is_kept_for_it():
    """Another layer must not take it: the old quote was given up for the new one."""
    at = context(allowance=replace(PLENTY, quotes=1))
    found = decide([target(BID, 45), target(ASK, 52)], [live(BID, 48, state=QuoteState.CANCELLING)], at)

    assert found == (Suppressed(ASK, Held.QUOTES_RATE_LIMITED), Suppressed(BID, Held.UNCERTAIN))


@pytest.mark.parametrize(("cents", "meets"), [(51, False), (52, True), (53, True)])
@pytest.mark.parametrize("state", QuoteState)
def test_a_bid_never_meets_an_ask_of_ours_that_may_still_rest(cents, meets, state):
    wanted = target(BID, cents)
    found = decide([wanted, target(ASK, 60)], [live(ASK, 52, state=state, age=0)])

    assert (Suppressed(BID, Held.SELF_MATCH) in found) is meets
    assert (PlaceQuote(wanted) in found) is not meets


@pytest.mark.parametrize(("cents", "meets"), [(49, False), (48, True), (47, True)])
def test_an_ask_never_meets_a_bid_of_ours(cents, meets):
    found = decide([target(BID, 40), target(ASK, cents)], [live(BID, 48, age=0)])

    assert (Suppressed(ASK, Held.SELF_MATCH) in found) is meets


def test_a_quote_that_must_wait_for_our_other_side_is_kept_until_that_is_on_its_way_out():
    wanted = [target(BID, 54), target(ASK, 58)]
    stays, goes = live(ASK, 52), live(ASK, 52, state=QuoteState.CANCELLING)

    assert decide(wanted, [live(BID, 48), stays]) == (
        Suppressed(BID, Held.SELF_MATCH),
        CancelQuote(OrderId("ask0"), None, hard=False),
    )
    assert CancelQuote(OrderId("bid0"), None, hard=False) in decide(wanted, [live(BID, 48), goes])


def test_a_second_order_of_a_slot_is_taken_off():
    """One that was thought dead and rests after all."""
    ghost = live(BID, 47, name="ghost")

    assert decide([target(BID, 48)], [live(BID, 48), ghost]) == (
        CancelQuote(OrderId("ghost"), Held.UNWANTED, hard=False),
    )


def test_how_an_ask_is_made_up_is_no_reason_to_lose_its_place():
    sells = replace(live(ASK, 52), token_id=MARKET.yes, order_side=Side.SELL)

    assert decide([target(ASK, 52)], [sells]) == ()


@pytest.mark.parametrize("targets", [[target(BID, 48), target(BID, 47)], [target(BID, 52), target(ASK, 52)]])
def test_targets_that_contradict_each_other_are_a_defect(targets):
    with pytest.raises(AssertionError):
        decide(targets, [])


# The ten rules, by name.


def test_staleness_guard_pulls_both_sides_one_millisecond_after_stale_ms():
    fresh = BookWatch(Ms(0), Ms(NOW - 600_000))
    for age, is_stale in ((KNOBS.stale_ms, False), (KNOBS.stale_ms + 1, True)):
        seen = BookSeen(synced=True, confirmed_ms=Ms(NOW - age), proven_ms=Ms(NOW - 600_000))
        book = watch_book(fresh, seen, KNOBS, NOW)
        at = context(stance=judge(signs(book=book), MARKET, KNOBS, NOW))
        found = decide(PAIR, [live(BID, 48, age=0), live(ASK, 52, age=0)], at)

        hard = tuple(CancelQuote(OrderId(name), Pull.STALE, hard=True) for name in ("bid0", "ask0"))
        assert found == (hard if is_stale else ())


def test_narrow_spread_skip_quotes_nothing():
    assert decide(PAIR, [], context(**NARROW)) == (Suppressed(None, Held.NARROW),)


def test_refresh_policy_keeps_what_is_right_for_ever():
    assert decide(PAIR, [live(BID, 48, age=86_400_000), live(ASK, 52, age=86_400_000)]) == ()


def test_stateful_quoter_asks_only_for_the_difference():
    assert decide(PAIR, [live(BID, 48)]) == (PlaceQuote(PAIR[1]),)


def test_rate_limiting_lets_a_burst_through_and_then_a_token_a_second():
    own, everywhere = market_buckets(KNOBS, NOW), plenty()
    layers = [target(BID, 40 - layer, layer=layer) for layer in range(KNOBS.quote_burst + 1)]
    found = decide(layers, [], context(allowance=allowance(own, everywhere, NOW)))
    charge(found, own, everywhere, NOW)

    assert found == (*(PlaceQuote(t) for t in layers[:-1]), Suppressed(BID, Held.QUOTES_RATE_LIMITED))
    assert allowance(own, everywhere, Ms(NOW + 999)).quotes == 0
    assert allowance(own, everywhere, Ms(NOW + 1_000)).quotes == 1


def test_per_side_replace_thresholds_and_intervals_are_independent():
    wanted, rests = [target(BID, 46), target(ASK, 54)], [live(BID, 48), live(ASK, 52)]
    last = context(replaces=Replaces(bid_ms=Ms(NOW - 700), ask_ms=Ms(NOW - 700)))

    assert decide(wanted, rests, min_change_ticks_bid=3) == (
        Suppressed(BID, Held.CHANGE),
        CancelQuote(OrderId("ask0"), None, hard=False),
    )
    assert decide(wanted, rests, last, replace_interval_ms_ask=Ms(701)) == (
        CancelQuote(OrderId("bid0"), None, hard=False),
        Suppressed(ASK, Held.INTERVAL),
    )


def test_cancel_throttling_stops_soft_cancels_at_the_reserve_and_hard_ones_at_nothing():
    own, everywhere = market_buckets(KNOBS, NOW), plenty()
    quotes = [live(BID, 40 - layer, layer=layer) for layer in range(10)]
    soft = decide([], quotes, context(allowance=allowance(own, everywhere, NOW)))
    charge(soft, own, everywhere, NOW)
    gone = {action.order_id for action in soft if isinstance(action, CancelQuote)}
    rest = [quote for quote in quotes if quote.order_id not in gone]
    left = allowance(own, everywhere, NOW)
    hard = decide([], rest, context(stance=pulled(Pull.HALT), allowance=left))
    charge(hard, own, everywhere, NOW)

    assert (len(gone), left.soft_cancels, left.hard_cancels) == (6, 0, 4)
    assert hard == tuple(CancelQuote(quote.order_id, Pull.HALT, hard=True) for quote in rest)
    assert allowance(own, everywhere, NOW).hard_cancels == 0


def test_min_quote_lifetime_runs_from_the_acknowledgement():
    """A quote that took ten seconds to be acknowledged is young for another second."""
    late = replace(live(BID, 48), acked_ms=Ms(NOW - 999))

    assert decide([target(BID, 40)], [late]) == (Suppressed(BID, Held.LIFETIME),)


@pytest.mark.parametrize(("yes", "due"), [(4_779, True), (4_780, True), (4_781, False)])
def test_tick_driven_min_change_ticks_follows_a_tick_that_changed(yes, due):
    """Two ticks of a tenth of a cent from 0.48, where a cent was the tick before."""
    fine, quote = replace(MARKET, tick=Price(10)), replace(live(BID, 48), yes=Price(yes))
    found = reconcile([target(BID, 48)], [quote], fine, knobs(min_change_ticks_bid=2), context())

    assert found == (
        (CancelQuote(OrderId("bid0"), None, hard=False),) if due else (Suppressed(BID, Held.CHANGE),)
    )


def test_batch_cancel_and_batch_place_cover_many_markets_within_the_limits_of_a_request():
    cancels = [CancelQuote(OrderId(f"soft{n}"), None, hard=False) for n in range(81)]
    pulls = [CancelQuote(OrderId("hard"), Pull.STALE, hard=True)]
    places = [PlaceQuote(target(BID, 40 - n, layer=n)) for n in range(16)]
    found = batched([*places, *cancels, Suppressed(BID, Held.EDGE), *pulls])

    assert [type(batch) for batch in found] == [CancelBatch, CancelBatch, CancelBatch, PlaceBatch, PlaceBatch]
    assert found[0] == CancelBatch((OrderId("hard"),), hard=True)
    assert [len(batch.order_ids) for batch in found if isinstance(batch, CancelBatch)] == [1, 80, 1]
    assert [len(batch.targets) for batch in found if isinstance(batch, PlaceBatch)] == [15, 1]


def test_batch_replace_cancels_both_sides_in_one_request():
    found = decide([target(BID, 44), target(ASK, 56)], [live(BID, 48), live(ASK, 52)])

    assert batched(found) == (CancelBatch((OrderId("bid0"), OrderId("ask0")), hard=False),)


# When a side began its last replace.


def test_a_replace_is_noted_for_its_side_alone():
    quotes = [live(BID, 48), live(ASK, 52)]
    before = Replaces(bid_ms=Ms(1), ask_ms=Ms(2))
    found = decide([target(BID, 44), target(ASK, 52)], quotes)

    assert replaces_after(before, found, quotes, NOW) == Replaces(bid_ms=NOW, ask_ms=Ms(2))


@pytest.mark.parametrize("stance", [QUIET, pulled(Pull.JUMP)])
def test_a_pull_and_a_quote_not_wanted_are_no_replaces(stance):
    quotes = [live(BID, 48)]
    found = decide([], quotes, context(stance=stance))

    assert replaces_after(Replaces(), found, quotes, NOW) == Replaces()


def plenty():
    return full_buckets(quotes=(6_000, 1_000), cancels=(6_000, 1_000), cancel_reserve=100, at_ms=NOW)

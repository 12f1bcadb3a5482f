"""What keeps a plan small or refuses it: the operator, the caps, the leg-loss budgets, the odds."""

from dataclasses import replace

import pytest

from engine.core.dutch.event_plan import tokens_of
from engine.domain.book import Level
from engine.domain.fees import FREE
from engine.domain.plan import Sequencing
from engine.domain.refusal import RefusalKind
from engine.domain.units import (
    Price,
    Size,
    Usdc,
    parse_price,
    parse_size,
)
from tests.support.planner import (
    book,
    books_of,
    group,
    lone,
    market,
    params,
    planned,
    refused,
    room,
    tuned,
    usdc,
    worked,
)


def test_wanted_sets_are_a_cap_in_the_operators_words():
    plan = planned(*worked(), wanted=parse_size("50"))

    assert plan.size == parse_size("50")
    assert plan.limited_by == "the 50 asked for"


def test_wanted_beyond_the_best_size_is_not_bought():
    assert planned(*worked(), wanted=parse_size("900")).size == parse_size("180")


def test_wanted_is_floored_to_the_lot():
    assert planned(*worked(), wanted=parse_size("50.99")).size == parse_size("50")


def test_wanted_beyond_the_settings_is_capped_by_them():
    event, books, terms = worked(max_sets=parse_size("60"))

    plan = planned(event, books, terms, wanted=parse_size("70"))

    assert (plan.size, plan.limited_by) == (parse_size("60"), "max_set_size")


def test_thin_leg_is_named_as_the_limit():
    event, books, terms = worked(min_profit=0)
    books[tokens_of(event)[2]] = book(event, tokens_of(event)[2], (("0.20", "70"),))

    assert planned(event, books, terms).limited_by == "Hike: 70 on offer"


def test_cap_on_one_legs_cost_is_named_with_its_leg():
    event, books, terms = worked(max_leg=usdc("45"), min_profit=0)

    plan = planned(event, books, terms)

    assert (plan.size, plan.limited_by) == (parse_size("100"), "max_leg_usdc on Hold")


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (room(ticket="100"), "cap per ticket 100.00"),
        (room(day="100", ticket="150"), "cap per day 100.00"),
        (room(wallet="100", day="101"), "wallet 100.00"),
    ],
)
def test_room_shrinks_the_size_until_the_spend_fits(space, words):
    event, books, terms = worked(min_profit=0)

    plan = planned(event, books, terms, space=space)
    one_more = planned(event, books, terms, wanted=Size(plan.size + terms.lot))

    assert plan.spend_max <= usdc("100") < one_more.spend_max
    assert plan.limited_by == words


@pytest.mark.parametrize(
    ("space", "cap"),
    [
        (room(ticket="3"), "cap per ticket 3.00 USDC"),
        (room(day="3"), "cap per day 3.00 USDC"),
        (room(wallet="0"), "wallet 0.00 USDC"),
        (room(ticket="0", day="0", wallet="0"), "cap per ticket 0.00 USDC"),
    ],
)
def test_room_below_the_venues_minimum_refuses_and_names_the_cap(space, cap):
    refusal = refused(*worked(), space=space)

    assert refusal.kind is RefusalKind.CAPS
    assert cap in refusal.text
    assert "at least 5 sets" in refusal.text


def test_room_that_leaves_too_little_profit_refuses_as_a_cap():
    refusal = refused(*worked(), space=room(wallet="12"))

    assert refusal.kind is RefusalKind.CAPS
    assert "that pays, found wallet 12.00 USDC enough for 12" in refusal.text


@pytest.mark.parametrize(
    ("budget", "measure"),
    [("max_leg_loss", lambda plan: plan.risk.bound), ("max_residual", lambda plan: plan.risk.hard)],
)
def test_leg_loss_budget_shrinks_the_size(budget, measure):
    event, books, terms = worked(min_profit=0, success_pct=100)
    free = planned(event, books, terms)
    tight = tuned(terms, **{budget: measure(free) // 2})

    plan = planned(event, books, tight)
    one_more = planned(event, books, terms, wanted=Size(plan.size + terms.lot))

    assert measure(plan) <= measure(free) // 2 < measure(one_more)
    assert plan.limited_by.startswith(f"{budget}_usdc")


@pytest.mark.parametrize("budget", ["max_leg_loss", "max_residual"])
def test_leg_loss_budget_of_nothing_refuses(budget):
    event, books, terms = worked()

    refusal = refused(event, books, tuned(terms, **{budget: 0}))

    assert refusal.kind is RefusalKind.LEG_LOSS
    assert f"{budget}_usdc" in refusal.text


def test_stress_levels_deepen_the_bound_and_leave_the_hard_one():
    event, books, terms = worked()
    bids = (Level(parse_price("0.19"), parse_size("60")), Level(parse_price("0.10"), parse_size("900")))
    hike = tokens_of(event)[2]
    books[hike] = replace(books[hike], bids=bids)

    calm = planned(event, books, terms)
    stressed = planned(event, books, replace(terms, stress_levels=1, success_pct=100))

    assert stressed.risk.bound > calm.risk.bound
    assert stressed.risk.hard == calm.risk.hard


def test_odds_step_the_size_down_level_by_level_until_profit_outweighs_the_risk():
    """At 78 % the whole 180 sets risk too much, even one leg after the other; the first 120 do not."""
    event, books, terms = worked(min_profit=0)
    whole = planned(event, books, terms)

    plan = planned(event, books, replace(terms, success_pct=78))

    assert plan.size < whole.size
    assert plan.sequencing is Sequencing.BATCH
    assert 78 * (plan.margin.if_held - plan.margin.fixed) > 22 * plan.risk.bound
    assert plan.limited_by == "odds of 78 % that all legs fill"


def test_legs_go_one_after_the_other_where_that_carries_the_whole_size_and_a_batch_does_not():
    event, books, terms = worked(min_profit=0)
    whole = planned(event, books, terms)

    plan = planned(event, books, replace(terms, success_pct=80))

    assert (whole.sequencing, plan.sequencing) == (Sequencing.BATCH, Sequencing.PROBE)
    assert plan.size == whole.size
    assert plan.limited_by == whole.limited_by
    assert sorted(plan.probe_order) == [leg.number for leg in plan.legs]
    assert plan.risk.bound < whole.risk.bound
    depths = {leg.number: leg.depth for leg in plan.legs}
    assert [depths[number] for number in plan.probe_order] == sorted(depths.values())


def test_odds_that_no_size_meets_refuse():
    refusal = refused(*worked(success_pct=50))

    assert refusal.kind is RefusalKind.ODDS
    assert "50 % odds" in refusal.text


def test_no_edge_tells_the_asks_and_what_a_set_would_lose():
    event = group()
    books = books_of(event, [(("0.45", "100"),), (("0.33", "100"),), (("0.22", "100"),)])

    refusal = refused(event, books, params())

    assert refusal.kind is RefusalKind.NO_EDGE
    assert "asks of 1.000" in refusal.text
    assert "-0.027608" in refusal.text


def test_edge_that_fees_kill_is_no_edge():
    """Asks of 0.98 with fees of 2.5 cents: the trap of every naive scanner."""
    event = group()
    books = books_of(event, [(("0.45", "100"),), (("0.32", "100"),), (("0.21", "100"),)])

    assert refused(event, books, params(safety_per_set=0)).kind is RefusalKind.NO_EDGE


def test_gain_below_the_minimum_is_refused_with_the_figure():
    refusal = refused(*worked(min_profit=usdc("2.56")))

    assert refusal.kind is RefusalKind.MIN_PROFIT
    assert "2.56 USDC" in refusal.text
    assert "2.55624" in refusal.text


def test_minimum_is_met_by_the_margin_as_the_card_rounds_it():
    assert planned(*worked(min_profit=usdc("2.55624"))).margin.net == usdc("2.55624")
    assert refused(*worked(min_profit=usdc("2.556241"))).kind is RefusalKind.MIN_PROFIT


def test_minimum_counts_the_margin_with_every_cost_rounded_up():
    """Exactly, 10.01 sets leave 0.49757708 dollars; the card says 0.497576, which must reach the minimum."""
    event = lone(fee=FREE)
    books = books_of(event, [(("0.40", "10.01"),), (("0.55", "90"),)])
    terms = params(lot=parse_size("0.01"), fee_bps=3, safety_per_set=usdc("0.000007"), fixed_cost=0)
    met = replace(terms, success_pct=100, min_profit=usdc("0.497576"))

    assert planned(event, books, met).margin.net == usdc("0.497576")
    refusal = refused(event, books, replace(met, min_profit=usdc("0.497577")))
    assert refusal.kind is RefusalKind.MIN_PROFIT
    eaten = replace(met, min_profit=usdc("0"), fixed_cost=usdc("0.497576"))
    assert refused(event, books, eaten).kind is RefusalKind.MIN_PROFIT


def test_asking_below_the_venues_minimum_tells_what_is_needed():
    refusal = refused(*worked(), wanted=parse_size("4"))

    assert refusal.kind is RefusalKind.MIN_SIZE
    assert "at least 5 sets" in refusal.text


def test_asking_below_one_lot_is_refused():
    assert refused(*worked(), wanted=parse_size("0.5")).kind is RefusalKind.CAPS


def test_long_shot_forces_its_dollar_on_all_legs():
    event = group(
        market("Hold", fee=FREE), market("Cut", fee=FREE), market("Hike", fee=FREE, tick=parse_price("0.001"))
    )
    books = books_of(event, [(("0.60", "900"),), (("0.30", "900"),), (("0.003", "900"),)])

    assert planned(event, books, params(max_sets=parse_size("334"))).size == parse_size("334")
    refusal = refused(event, books, params(max_sets=parse_size("333")))
    assert refusal.kind is RefusalKind.MIN_SIZE
    assert "at least 334 sets" in refusal.text


def test_odds_shrink_inside_a_level_to_what_the_bids_carry():
    event = group(*(market(name, fee=FREE) for name in ("Hold", "Cut", "Hike")))
    books = books_of(event, ((("0.45", "1000"),), (("0.30", "1000"),), (("0.22", "1000"),)))
    for asset, found in books.items():
        near = Level(Price(found.asks[0].price - parse_price("0.01")), parse_size("60"))
        books[asset] = replace(found, bids=(near, Level(parse_price("0.01"), parse_size("5000"))))
    terms = params(fixed_cost=0, safety_per_set=0, success_pct=80)

    plan = planned(event, books, terms)

    assert plan.limited_by == "odds of 80 % that all legs fill"
    assert plan.size > parse_size("60")
    more = planned(event, books, terms, wanted=Size(plan.size + parse_size("1")))
    assert (plan.sequencing, more.sequencing) == (Sequencing.BATCH, Sequencing.PROBE)


def test_fixed_cost_counts_as_lost_when_only_some_legs_fill():
    free = planned(*worked(fixed_cost=0, min_profit=0))
    event, books, terms = worked(fixed_cost=usdc("1"), min_profit=0)

    plan = planned(event, books, terms, wanted=free.size)

    assert plan.size == free.size
    assert plan.risk.bound == free.risk.bound + usdc("1")
    assert plan.risk.hard == free.risk.hard + usdc("1")
    # The budget is one micro-dollar short of a batch: its legs go one after the other.
    short = planned(event, books, replace(terms, max_residual=Usdc(plan.risk.hard - 1)))
    assert (plan.sequencing, short.sequencing) == (Sequencing.BATCH, Sequencing.PROBE)

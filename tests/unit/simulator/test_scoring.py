"""Scores of resting orders, against the venue's formula worked out in fractions."""

from fractions import Fraction
from random import Random

import pytest

from engine.domain.units import Ms, Price, Size, Usdc
from engine.simulator.catalogue_seed import RewardSeed
from engine.simulator.market import BookSide, Side
from engine.simulator.scoring import MIN_AGE_MS, score, stand, twice_mid
from tests.unit.simulator.bench_market import START_MS, Bench

TERMS = RewardSeed(Price(300), Size(20_000_000), Usdc(100_000_000))
RIPE = Ms(START_MS + MIN_AGE_MS)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def ladder(bench: Bench):
    return bench.exchange.ladder(bench.market.condition_id)


def shares(bench: Bench, at_ms: Ms = RIPE) -> dict[str, Fraction]:
    """Each maker's part of the pool."""
    standing = stand(ladder(bench), TERMS, at_ms)
    return {who: Fraction(points, standing.total) for who, points in standing.scores.items()}


def test_mid_ignores_levels_below_the_scoring_minimum(bench):
    bench.buy("ann", 48, 10)
    bench.buy("ben", 48, 9)
    bench.buy("ann", 46, 20)
    bench.sell("ann", 52, 20)

    assert twice_mid(ladder(bench), TERMS) == 9_800
    bench.buy("cat", 48, 1)
    assert twice_mid(ladder(bench), TERMS) == 10_000


def test_one_side_without_a_whole_level_has_no_mid_and_nobody_scores(bench):
    bench.buy("ann", 48, 100)

    assert twice_mid(ladder(bench), TERMS) is None
    assert shares(bench) == {}


def test_order_scores_from_the_moment_it_is_old_enough(bench):
    order = bench.buy("ann", 49, 20).order

    assert score(order, TERMS, 10_000, Ms(RIPE - 1)) == 0
    assert score(order, TERMS, 10_000, RIPE) > 0


def test_order_at_the_edge_of_the_band_does_not_score(bench):
    edge, inside = bench.buy("ann", 47, 20).order, bench.buy("ann", 48, 20).order

    assert score(edge, TERMS, 10_000, RIPE) == 0
    assert score(inside, TERMS, 10_000, RIPE) > 0


def test_order_below_the_minimum_does_not_score_even_when_a_fill_made_it_so(bench):
    order = bench.buy("ann", 49, 20).order

    assert score(order, TERMS, 10_000, RIPE) > 0
    bench.sell("ben", 49, 1)
    assert score(order, TERMS, 10_000, RIPE) == 0


def test_order_that_has_expired_by_then_does_not_score(bench):
    placed = bench.place(bench.order("ann", Side.BUY, 49, 20, expires_ms=RIPE + 10))

    assert score(placed.order, TERMS, 10_000, Ms(RIPE + 9)) > 0
    assert score(placed.order, TERMS, 10_000, Ms(RIPE + 10)) == 0


def test_no_token_counts_on_the_mirrored_side(bench):
    bench.buy("ann", 49, 30)
    bench.buy("ben", 49, 30, token_index=1)
    bench.sell("ben", 51, 30, token_index=1)
    bench.sell("ann", 51, 30)

    assert shares(bench) == {"ann": Fraction(1, 2), "ben": Fraction(1, 2)}


@pytest.mark.parametrize(
    ("bid", "ask", "part"),
    [(49, 51, Fraction(1, 4)), (9, 11, Fraction(1, 4)), (89, 91, Fraction(1, 4)), (9, 10, 0), (90, 91, 0)],
)
def test_quotes_on_one_side_earn_a_third_between_ten_and_ninety_cents_alone(bench, bid, ask, part):
    bench.buy("ann", bid, 40)
    bench.sell("ann", ask, 40)
    bench.buy("ben", bid, 40)

    assert shares(bench).get("ben", 0) == part


def test_shares_are_those_of_the_formula_in_random_books(bench):
    seed = 8_203
    rng = Random(seed)
    for _ in range(60):
        who, low = rng.choice(("ann", "ben", "cat")), rng.random() < 0.5
        cents, size = (rng.randint(45, 49) if low else rng.randint(51, 55)), rng.choice((10, 20, 35.5))
        bench.place(bench.order(who, Side.BUY, cents if low else 100 - cents, size, token_index=1 - low))

    assert shares(bench) == by_formula(bench), f"seed {seed}"


def by_formula(bench: Bench) -> dict[str, Fraction]:
    """The page's formula, word for word, at one moment and in fractions of a cent."""
    book = ladder(bench)
    mid = Fraction(twice_mid(book, TERMS) or 0, 2)
    spread = Fraction(TERMS.max_spread)
    totals: dict[str, dict[BookSide, Fraction]] = {}
    for side in BookSide:
        for order in book.walk(side):
            away = abs(order.terms.book_price - mid)
            if order.remaining >= TERMS.min_size and away <= spread:
                own = totals.setdefault(order.terms.account_id, dict.fromkeys(BookSide, Fraction(0)))
                own[side] += ((spread - away) / spread) ** 2 * order.remaining
    least = {
        who: max(min(sides.values()), *(value / 3 for value in sides.values()))
        for who, sides in totals.items()
    }
    return {who: value / sum(least.values()) for who, value in least.items() if value}


def test_standing_tells_until_when_it_holds(bench):
    bench.buy("ann", 49, 40)
    bench.sell("ann", 51, 40)
    bench.now_ms = Ms(START_MS + 1_000)
    bench.place(bench.order("ben", Side.BUY, 49, 40, expires_ms=START_MS + 90_000))

    young = stand(ladder(bench), TERMS, RIPE)
    old = stand(ladder(bench), TERMS, young.until_ms)

    assert (young.until_ms, old.until_ms) == (RIPE + 1_000, START_MS + 90_000)
    assert ("ben" in young.scores, "ben" in old.scores) == (False, True)
    assert "ben" not in stand(ladder(bench), TERMS, old.until_ms).scores

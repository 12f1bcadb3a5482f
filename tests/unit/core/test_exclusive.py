"""Words that say whether outcomes exclude one another: ladders with units, years and races."""

import pytest

from engine.core.dutch.exclusive import not_exclusive
from engine.domain.refusal import RefusalKind
from tests.support.planner import group, market


def judged(names, *, title="How much?", asking="{}?"):
    markets = [market(name, question=asking.format(name)) for name in names]
    refusal = not_exclusive(group(*markets, title=title))
    return None if refusal is None else refusal.kind


@pytest.mark.parametrize(
    "names",
    [
        ("60°F or higher", "62°F or higher"),
        ("60 °F or above", "62 °F or above"),
        ("20°C or below", "22°C or below"),
        ("60°F+", "62°F+"),
        ("60 degrees or higher", "62 degrees or higher"),
        ("2 inches or more", "4 inches or more"),
        ('2" or more', '4" or more'),
        ("3 home runs or more", "4 home runs or more"),
        ("25 bps or less", "50 bps or less"),
    ],
)
def test_ladder_with_units_after_its_numbers_is_refused(names):
    assert judged(names) is RefusalKind.THRESHOLD_LADDER
    assert judged(names, asking="Will it be {} on May 3?") is RefusalKind.THRESHOLD_LADDER


@pytest.mark.parametrize(
    "names",
    [
        ("59°F or below", "60-61°F", "62-63°F", "64°F or higher"),
        ("Less than 2 inches", "2-4 inches", "4 inches or more"),
        ("Lakers by 11 points or more", "Celtics by 12 points or more"),
        ("60°F or above but below 62°F", "62°F or above but below 64°F"),
        ("Cut of 50 bps or more", "No change", "Hike of 25 bps or more"),
    ],
)
def test_ranges_with_units_after_their_numbers_pass(names):
    assert judged(names) is None


def test_year_behind_top_is_no_number_of_places():
    assert (
        judged(("A", "B"), title="Top 2026 grossing movie?", asking="Will {} be the top 2026 movie?") is None
    )
    assert judged(("A", "B"), title="Top 20 movie?") is RefusalKind.TOP_PLACES
    assert judged(("A", "B"), title="Top 1000 movie?") is RefusalKind.TOP_PLACES


def test_race_to_two_thresholds_has_one_winner():
    assert judged(("Hit $80k first", "Hit $150k first"), asking="Will Bitcoin {}?") is None
    assert judged(("Hit $80k", "Hit $150k")) is RefusalKind.THRESHOLD_LADDER
    quarter = judged(("$80k", "$150k"), asking="Will Bitcoin hit {} in the first quarter?")
    assert quarter is RefusalKind.THRESHOLD_LADDER

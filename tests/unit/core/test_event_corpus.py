"""Every wording of the corpus gets its right answer: no ladder passes, no true set is refused."""

import pytest

from engine.core.dutch.exclusive import not_exclusive
from engine.domain.refusal import Refusal, RefusalKind
from tests.support.event_corpus import NO_SETS, TRUE_SETS
from tests.support.planner import group, market


def judged(title: str, names: str, asking: str, *, rules: str = "") -> Refusal | None:
    markets = [market(name, question=asking.format(name)) for name in names.split(" | ")]
    return not_exclusive(group(*markets, title=title, rules_text=rules))


@pytest.mark.parametrize(("title", "names", "asking"), TRUE_SETS, ids=[row[0] for row in TRUE_SETS])
def test_true_set_passes(title, names, asking):
    refusal = judged(title, names, asking)

    assert refusal is None, refusal.text


@pytest.mark.parametrize(
    ("kind", "title", "names", "asking"), NO_SETS, ids=[f"{row[1]} {row[2]}" for row in NO_SETS]
)
def test_what_is_no_set_is_refused_for_its_reason(kind, title, names, asking):
    refusal = judged(title, names, asking)

    assert refusal is not None
    assert refusal.kind is kind, refusal.text
    assert refusal.text.startswith("expected outcomes of ")


def test_corpus_holds_sixty_of_each_and_no_wording_twice():
    assert len(set(TRUE_SETS)) == len(TRUE_SETS) >= 60
    assert len(set(NO_SETS)) == len(NO_SETS) >= 60
    assert {row[0] for row in NO_SETS} == {
        RefusalKind.THRESHOLD_LADDER,
        RefusalKind.DATE_LADDER,
        RefusalKind.TOP_PLACES,
        RefusalKind.SEVERAL_WINNERS,
    }


@pytest.mark.parametrize(
    ("rules", "passes"),
    [
        ("No more than one of these markets can resolve to Yes.", True),
        ("If teams tie, this resolves to the one listed first. The top 4 qualify by June 30.", True),
        ("More than one of these markets can resolve to Yes.", False),
        ("The outcomes are not mutually exclusive.", False),
        ("If both sign, both markets will resolve to Yes.", False),
    ],
)
def test_rules_count_only_where_they_say_it_outright(rules, passes):
    refusal = judged("Harbour Cup winner", "North | South", "Will {} win the Harbour Cup?", rules=rules)

    assert (refusal is None) is passes

"""The difference between two texts of rules: every field by its name, old beside new, and nothing else."""

from dataclasses import replace

import pytest

from engine.core.rules.rules_change import (
    CHILD_FIELDS,
    EVENT_FIELDS,
    JOINED,
    LEFT,
    in_short,
    rule_changes,
    side_by_side,
)
from engine.domain.market import EventGroup, canonical_rules, rules_hash
from engine.domain.review import RuleChange
from tests.support.builders import event, market, terms
from tests.unit.domain.test_market import EVENT_RULES, MARKET_RULES, with_first

GROUP = event()
EVENT_NAMES = {
    "event_id": "event id",
    "title": "title",
    "rules_text": "rules text",
    "resolution_source": "resolution source",
    "end_date": "end date",
    "neg_risk": "neg-risk",
    "augmented": "augmented",
    "neg_risk_id": "neg-risk id",
}
CHILD_NAMES = {
    "question_id": "question id",
    "yes": "YES token",
    "no": "NO token",
    "name": "name",
    "question": "question",
    "rules_text": "rules text",
    "resolution_source": "resolution source",
    "end_date": "end date",
    "neg_risk": "neg-risk",
    "neg_risk_id": "neg-risk id",
    "is_other": "Other",
}


def changes(old: EventGroup, new: EventGroup) -> tuple[RuleChange, ...]:
    return rule_changes(canonical_rules(old), canonical_rules(new))


def as_read(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def test_every_field_of_the_hash_has_a_name():
    assert set(EVENT_NAMES) == set(EVENT_RULES)
    assert {*CHILD_NAMES, "condition_id"} == set(MARKET_RULES)
    assert set(EVENT_NAMES.values()) == set(EVENT_FIELDS)
    assert {*CHILD_NAMES.values(), "condition id"} == set(CHILD_FIELDS)


@pytest.mark.parametrize("field", EVENT_NAMES)
def test_a_changed_field_of_the_event_is_told_old_beside_new(field):
    after = replace(GROUP, **{field: EVENT_RULES[field]})

    assert changes(GROUP, after) == (
        RuleChange("", EVENT_NAMES[field], as_read(getattr(GROUP, field)), as_read(EVENT_RULES[field])),
    )


@pytest.mark.parametrize("field", CHILD_NAMES)
def test_a_changed_field_of_an_outcome_is_told_under_its_old_name(field):
    first = GROUP.markets[0]
    after = with_first(GROUP, replace(first, **{field: MARKET_RULES[field]}))

    assert changes(GROUP, after) == (
        RuleChange(
            first.name, CHILD_NAMES[field], as_read(getattr(first, field)), as_read(MARKET_RULES[field])
        ),
    )


def test_another_condition_id_is_another_market():
    first = GROUP.markets[0]
    after = with_first(GROUP, replace(first, condition_id=MARKET_RULES["condition_id"]))

    assert {(change.where, change.what) for change in changes(GROUP, after)} == {
        (first.name, JOINED),
        (first.name, LEFT),
    }


def test_an_outcome_that_joined_and_one_that_left_are_told():
    pause = market("Pause", "fed3")
    after = replace(GROUP, markets=(*GROUP.markets[1:], pause))

    gone = GROUP.markets[0]
    assert changes(GROUP, after) == (
        RuleChange(gone.name, LEFT, gone.question, ""),
        RuleChange(pause.name, JOINED, "", pause.question),
    )


def test_the_order_of_listing_and_the_terms_of_trade_are_no_change():
    idle = replace(GROUP.markets[0], terms=terms(active=False))
    after = replace(GROUP, markets=(*reversed(GROUP.markets[1:]), idle), code="fed3b", slug="again")

    assert changes(GROUP, after) == ()


@pytest.mark.parametrize("field", EVENT_RULES)
def test_there_is_a_difference_exactly_when_the_hash_differs(field):
    after = replace(GROUP, **{field: EVENT_RULES[field]})

    assert bool(changes(GROUP, after)) is (rules_hash(GROUP) != rules_hash(after))


def test_a_text_of_another_layout_is_one_change_and_no_fault():
    old = '["rules/0","event-fed3"]'

    assert rule_changes(old, canonical_rules(GROUP)) == (
        RuleChange("", "layout of the stored rules", old, canonical_rules(GROUP)),
    )
    assert rule_changes(old, old) == ()


def test_an_absent_text_is_shown_as_such():
    assert changes(GROUP, replace(GROUP, resolution_source=""))[0].new == "(empty)"


def test_a_long_text_is_cut_around_the_place_that_differs():
    text = "The upper bound of the target range counts. " * 20
    at = 400
    change = RuleChange("", "rules text", text, text[:at] + "LOWER" + text[at + 5 :])

    line = side_by_side(change, 40)

    assert line.startswith('rules text: "…')
    assert "LOWER" in line
    assert text[at : at + 5] in line
    assert len(line) <= len("rules text: ") + 2 * (40 + 4) + 3


def test_a_text_that_only_grew_shows_what_was_added():
    text = "Exactly one outcome wins. " * 10

    assert "A tie pays nobody." in side_by_side(
        RuleChange("", "rules text", text, text + "A tie pays nobody."), 60
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (RuleChange("", "end date", "2026", "2027"), 'end date: "2026" → "2027"'),
        (RuleChange("Hike", "name", "Hike", "Raise"), 'Hike: name: "Hike" → "Raise"'),
        (RuleChange("Pause", JOINED, "", "Will it?"), 'Pause: outcome joined: "Will it?"'),
        (RuleChange("Cut", LEFT, "Will it?", ""), 'Cut: outcome left: "Will it?"'),
    ],
)
def test_a_short_change_is_shown_whole(change, line):
    assert side_by_side(change, 40) == line


def test_what_changed_is_named_once_and_counted_beyond_a_few():
    many = [RuleChange("", what, "a", "b") for what in (*EVENT_FIELDS, "title")]

    assert in_short(tuple(many[:2])) == "event id, title"
    assert in_short(tuple(many)).endswith(" and 2 more")


def test_names_of_any_length_leave_room_for_the_rest():
    """What changed stands at the end of a name, so the name's middle is what goes."""
    change = RuleChange("x" * 5_000, "rules text", "old", "new")

    assert len(in_short((change,))) <= 80
    assert side_by_side(change, 40).endswith('rules text: "old" → "new"')

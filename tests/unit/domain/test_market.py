"""The two fingerprints of an event: what must change them, and what must not."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from engine.domain.fees import FREE, FeeCurve
from engine.domain.market import EventGroup, Market, Terms, canonical_json, rules_hash, terms_hash
from engine.domain.units import Price, Size
from tests.support.builders import event, market, terms, token

GROUP = event()

EVENT_RULES: dict[str, Any] = {
    "event_id": "another",
    "title": "another",
    "rules_text": "another",
    "resolution_source": "another",
    "end_date": "2027-01-01T00:00:00Z",
    "neg_risk": False,
    "augmented": True,
    "neg_risk_id": "0xff",
}
MARKET_RULES: dict[str, Any] = {
    "condition_id": "0x01",
    "question_id": "0x02",
    "question": "another",
    "name": "another",
    "rules_text": "another",
    "resolution_source": "another",
    "end_date": "2027-01-01T00:00:00Z",
    "yes": token("another yes"),
    "no": token("another no"),
    "neg_risk": False,
    "neg_risk_id": "0xff",
    "is_other": True,
}
TERMS: dict[str, Any] = {
    "tick": Price(100),
    "min_size": Size(15_000_000),
    "fee": FREE,
    "active": False,
    "closed": True,
    "accepting": False,
    "taker_delay": True,
    "resolution_status": "proposed",
}


def with_first(group: EventGroup, changed: Market) -> EventGroup:
    return replace(group, markets=(changed, *group.markets[1:]))


@pytest.mark.parametrize("field", EVENT_RULES)
def test_rules_hash_changes_with_every_rule_of_the_event(field):
    changed = replace(GROUP, **{field: EVENT_RULES[field]})

    assert rules_hash(changed) != rules_hash(GROUP)


@pytest.mark.parametrize("field", MARKET_RULES)
def test_rules_hash_changes_with_every_rule_of_a_child(field):
    changed = with_first(GROUP, replace(GROUP.markets[0], **{field: MARKET_RULES[field]}))

    assert rules_hash(changed) != rules_hash(GROUP)


@pytest.mark.parametrize("field", TERMS)
def test_rules_hash_does_not_change_with_how_a_child_trades(field):
    first = GROUP.markets[0]
    changed = with_first(GROUP, replace(first, terms=replace(first.terms, **{field: TERMS[field]})))

    assert rules_hash(changed) == rules_hash(GROUP)


@pytest.mark.parametrize("field", TERMS)
def test_terms_hash_changes_with_every_term(field):
    first = GROUP.markets[0]
    changed = with_first(GROUP, replace(first, terms=replace(first.terms, **{field: TERMS[field]})))

    assert terms_hash(changed) != terms_hash(GROUP)


@pytest.mark.parametrize("field", ["title", "rules_text", "end_date"])
def test_terms_hash_does_not_change_with_the_texts(field):
    assert terms_hash(replace(GROUP, **{field: EVENT_RULES[field]})) == terms_hash(GROUP)


def test_tables_above_name_every_field():
    """A new field must be placed on one side on purpose."""
    unhashed = {"code", "slug", "markets"}  # names for people, and the children themselves
    assert {f.name for f in fields(EventGroup)} == set(EVENT_RULES) | unhashed
    # Rewards and rebates pay quotes; no plan rests on them, so their change must refuse none.
    assert {f.name for f in fields(Market)} == set(MARKET_RULES) | {"terms", "rewards", "rebate_pct"}
    # A market with a winner is closed: nothing is planned on it, and closing has changed the hash already.
    assert {f.name for f in fields(Terms)} == set(TERMS) | {"winner"}


@pytest.mark.parametrize("fingerprint", [rules_hash, terms_hash])
def test_fingerprint_does_not_depend_on_the_order_of_children(fingerprint):
    turned = replace(GROUP, markets=GROUP.markets[::-1])

    assert fingerprint(turned) == fingerprint(GROUP)


@pytest.mark.parametrize("fingerprint", [rules_hash, terms_hash])
def test_fingerprint_changes_with_the_set_of_children(fingerprint):
    grown = replace(GROUP, markets=(*GROUP.markets, market("Other", "fed3", is_other=True)))

    assert fingerprint(grown) != fingerprint(GROUP)
    assert fingerprint(replace(GROUP, markets=GROUP.markets[:-1])) != fingerprint(GROUP)


def test_rules_hash_does_not_change_with_the_code_people_type():
    assert rules_hash(replace(GROUP, code="fed3b", slug="fed-again")) == rules_hash(GROUP)


def test_terms_hash_tells_an_unknown_fee_from_a_free_market():
    first = GROUP.markets[0]
    unknown = with_first(GROUP, replace(first, terms=replace(first.terms, fee=None)))
    free = with_first(GROUP, replace(first, terms=replace(first.terms, fee=FeeCurve(rate=0, exponent=1))))

    assert terms_hash(unknown) != terms_hash(free)


def test_fingerprints_are_sha256_in_hex():
    for fingerprint in (rules_hash(GROUP), terms_hash(GROUP)):
        assert len(fingerprint) == 64
        assert int(fingerprint, 16) >= 0


def test_canonical_json_is_one_text_for_one_value():
    assert canonical_json({"b": 1, "a": [True, None, "«é»"]}) == canonical_json(
        {"a": [True, None, "«é»"], "b": 1}
    )
    assert canonical_json({"a": "é"}).isascii()
    assert json.loads(canonical_json({"a": "é"})) == {"a": "é"}


def test_canonical_json_of_a_number_that_is_none_is_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json([float("nan")])


@pytest.mark.parametrize(
    "changes",
    [{"active": False}, {"closed": True}, {"accepting": False}, {"resolution_status": "proposed"}],
)
def test_terms_tradable_needs_every_flag(changes):
    assert terms().tradable
    assert not terms(**changes).tradable


def test_event_finds_the_market_of_either_token():
    first = GROUP.markets[0]

    assert GROUP.market_of(first.yes) is first
    assert GROUP.market_of(first.no) is first


def test_event_asked_for_a_foreign_token_is_an_error_of_ours():
    with pytest.raises(AssertionError, match="expected a token of event"):
        GROUP.market_of(token("foreign"))

import json
from dataclasses import replace

import pytest
from hypothesis import given

from engine.domain.book import Level
from engine.domain.effects import Audit
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.plan import Plan
from engine.domain.units import Price
from engine.ports import StoreError
from storage.codec import (
    decode_audit,
    decode_intent,
    decode_levels,
    decode_plan,
    encode_audit,
    encode_intent,
    encode_levels,
    encode_plan,
    fingerprint,
)
from tests.unit.storage.builders import intent, plan
from tests.unit.storage.shapes import WILD, shapes


@given(shapes(Plan, WILD))
def test_plan_of_any_shape_comes_back_exactly(value):
    assert decode_plan(encode_plan(value)) == value


@given(shapes(OrderIntent, WILD))
def test_intent_of_any_shape_comes_back_exactly(value):
    assert decode_intent(encode_intent(value)) == value


@given(shapes(Audit, WILD))
def test_audit_line_of_any_shape_comes_back_exactly(value):
    assert decode_audit(encode_audit(value)) == value


@given(shapes(tuple[Level, ...], WILD))
def test_levels_of_any_shape_come_back_exactly(value):
    assert decode_levels(encode_levels(value)) == value


@pytest.mark.parametrize("text", ["", "{}", "[[1]]", "[[1,2,3]]", "[[1,2.5]]", '[["1","2"]]', "[[1,2]"])
def test_text_that_is_no_levels_is_refused_with_the_next_step(text):
    with pytest.raises(StoreError, match=r"expected the levels of a stored book.*move it away"):
        decode_levels(text)


@given(shapes(Plan, WILD))
def test_encoded_text_is_ascii_json_with_sorted_keys(value):
    text = encode_plan(value)

    assert text.isascii()
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text


@given(shapes(OrderIntent, WILD), shapes(OrderIntent, WILD))
def test_fingerprints_are_equal_only_for_equal_intents(one, other):
    same = fingerprint(encode_intent(one)) == fingerprint(encode_intent(other))

    assert same == (one == other)


@pytest.mark.parametrize(
    "change",
    [
        {"price": Price(3_121)},
        {"expiration_s": 1},
        {"time_in_force": TimeInForce.GTC},
        {"post_only": True},
        {"generation": 1},
    ],
)
def test_fingerprint_covers_what_is_sent_though_not_signed(change):
    before, after = intent(), replace(intent(), **change)

    assert fingerprint(encode_intent(before)) != fingerprint(encode_intent(after))


def test_plan_text_is_pinned():
    """Stored texts outlive the program: a change of this one needs a migration, not a new expectation."""
    text = encode_plan(plan(legs=0))

    assert text.startswith(
        '["plan/2",{"advice":"","books_ms":1789999999960,"code":"fed5","event_id":"35090",'
    )
    assert text.endswith('"terms_hash":"' + "bb" * 32 + '","title":"' + _ESCAPED_TITLE + '"}]')


def test_plan_of_the_first_version_is_read():
    """It was written before legs could sell: without what such plans carry besides."""
    known = plan()
    text = encode_plan(known).replace('["plan/2",{"advice":"",', '["plan/1",{')
    for later in (',"probe_order":[]', ',"sequencing":"batch"', ',"proceeds_min":0', ',"rests":0'):
        assert later in text
        text = text.replace(later, "")

    assert decode_plan(text) == known
    with pytest.raises(StoreError, match="expected a stored plan/1"):
        decode_plan(text.replace('"spend_max"', '"new_key":1,"spend_max"'))


_ESCAPED_TITLE = "Fed decision in December: \\u00abno change\\u00bb?"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "Expecting value"),
        ("null", "NoneType"),
        ("[]", "index out of range"),
        ('["plan/3",{}]', "plan/3"),
        ('["plan/2",{}]', "missing required field"),
        (encode_plan(plan()).replace('"sets"', '"x"').replace('"buy_set"', '"buy_none"'), "Invalid enum"),
        (encode_plan(plan()).replace('"spend_max":192351750', '"spend_max":192351750.5'), "Expected `int`"),
        (encode_plan(plan()).replace('"spend_max":192351750', '"spend_max":"192351750"'), "Expected `int`"),
        (encode_plan(plan()).replace('"spend_max"', '"new_key":1,"spend_max"'), "found"),
        (encode_plan(plan()).replace(",", ", ", 1), "found"),
        (encode_intent(intent()), "intent/1"),
    ],
)
def test_text_that_is_not_exactly_a_plan_is_refused_with_the_next_step(text, found):
    with pytest.raises(StoreError) as refused:
        decode_plan(text)

    assert "expected a stored plan/2" in str(refused.value)
    assert found in str(refused.value)
    assert "restore a backup" in str(refused.value)

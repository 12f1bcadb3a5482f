"""What a case file must look like; whatever else it says is refused by name and position."""

import json
from copy import deepcopy

import pytest

from engine.core.planner.case_reading import CASE_KEYS, LEG_KEYS, PARAM_KEYS, CaseError, read_cases
from engine.domain.market import Side
from tests.support.plain_case import worked


def refused(plain) -> CaseError:
    with pytest.raises(CaseError) as caught:
        read_cases(plain)
    assert "nothing was planned" in str(caught.value)
    return caught.value


def changed(path, value):
    """The worked case with one member put or, with Ellipsis, taken away."""
    plain = deepcopy(worked())
    place = plain
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return plain


def test_one_case_and_a_list_of_cases_are_read():
    (one,) = read_cases(worked())

    assert read_cases([worked(), worked()]) == (one, one)
    assert read_cases([]) == ()
    assert (one.id, one.kind.value, one.params.lot, one.legs[1].leg) == ("worked", "buy_set", 10**6, 1)
    assert one.legs[0].side is Side.BUY


@pytest.mark.parametrize("key", CASE_KEYS)
def test_missing_key_of_a_case_is_named(key):
    error = refused([worked(), changed([key], ...)])

    assert error.position == f"cases[1].{key}"
    assert "expected this key, found none" in str(error)


@pytest.mark.parametrize("key", LEG_KEYS)
def test_missing_key_of_a_leg_is_named(key):
    assert refused(changed(["legs", 2, key], ...)).position == f"legs[2].{key}"


@pytest.mark.parametrize("key", PARAM_KEYS)
def test_missing_key_of_the_terms_is_named(key):
    assert refused([changed(["params", key], ...)]).position == f"cases[0].params.{key}"


@pytest.mark.parametrize(
    ("path", "position"),
    [(["fees"], "fees"), (["legs", 1, "fee"], "legs[1].fee"), (["params", "Lot"], "params.Lot")],
)
def test_key_too_many_is_named(path, position):
    error = refused(changed(path, "0"))

    assert error.position == position
    assert "expected no key but" in str(error)


NOT_NUMBERS = ("", " 1", "1 ", "+1", "1e3", "1E-7", ".5", "5.", "NaN", "Infinity", "1_000", "٣", "0x1", "-1")


@pytest.mark.parametrize("text", [*NOT_NUMBERS, "1" * 101, 1, 1.5, True, None, [], {}])
@pytest.mark.parametrize("path", [["legs", 0, "fee_rate"], ["params", "lot"], ["legs", 0, "levels", 1, 0]])
def test_what_is_no_decimal_string_is_refused_where_it_stands(path, text):
    position = {"fee_rate": "legs[0].fee_rate", "lot": "params.lot"}.get(path[-1], "legs[0].levels[1][0]")

    assert refused(changed(path, text)).position == position


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["legs", 0, "levels", 0, 0], "0.12345"),
        (["legs", 0, "tick"], "0.00001"),
        (["legs", 0, "levels", 0, 1], "1.001"),
        (["legs", 0, "min_size"], "0.001"),
        (["legs", 0, "max_size"], "0.001"),
        (["params", "max_sets"], "0.001"),
        (["params", "lot"], "0.001"),
    ],
)
def test_decimals_that_a_price_or_size_cannot_have_are_refused(path, value):
    assert "decimals" in str(refused(changed(path, value)))


def test_zeros_beyond_the_decimals_say_nothing_and_are_read():
    assert read_cases(changed(["legs", 0, "tick"], "0.0100000")) == read_cases(worked())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["id"], 7),
        (["kind"], "buy_all"),
        (["kind"], ["buy_set"]),
        (["payout_per_set"], 1),
        (["legs"], []),
        (["legs"], {}),
        (["legs", 0], "leg"),
        (["legs", 0, "leg"], "0"),
        (["legs", 0, "leg"], -1),
        (["legs", 0, "leg"], True),
        (["legs", 0, "token"], "yes"),
        (["legs", 0, "side"], "buy"),
        (["legs", 0, "levels"], None),
        (["legs", 0, "levels", 0], ["0.5"]),
        (["legs", 0, "levels", 0], ["0.5", "1", "1"]),
        (["legs", 0, "levels", 0], {"price": "0.5", "size": "1"}),
        (["legs", 0, "tick"], "0"),
        (["legs", 0, "tick"], "1"),
        (["legs", 0, "fee_rate"], None),
        (["legs", 0, "fee_exponent"], "1"),
        (["legs", 0, "fee_exponent"], 0.5),
        (["legs", 0, "fee_exponent"], 101),
        (["id"], "half \ud83d"),
        (["params"], None),
        (["params", "fee_rounding"], "ceil"),
        (["params", "slippage_ticks"], 1.0),
        (["params", "lot"], "0"),
        (["params", "fixed_cost_usdc"], "-0.02"),
    ],
)
def test_value_of_another_kind_is_refused_where_it_stands(path, value):
    error = refused(changed(path, value))

    words = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    assert error.position == words
    assert str(error).startswith(f"{words}: expected ")


@pytest.mark.parametrize("plain", [None, 7, "case", True])
def test_what_is_no_case_at_all_is_refused(plain):
    assert "the file: expected an object" in str(refused(plain))
    assert refused([plain]).position == "cases[0]"


def test_only_the_payout_may_be_negative():
    (case,) = read_cases(changed(["payout_per_set"], "-1.000000001"))

    assert case.payout_per_set == (-1_000_000_001, 9)


def test_long_words_are_cut_in_the_sentence():
    error = refused(json.loads(json.dumps(changed(["kind"], "x" * 5_000))))

    assert len(str(error)) < 300

"""Answers of the planner's file format on cases worked out by hand."""

from copy import deepcopy

import pytest

from bot.cli.dutch_plan import as_plain
from engine.core.planner.case_reading import read_cases
from engine.core.planner.plan_case import answer_case, curve_of
from tests.support.plain_case import plain_case, plain_leg, worked


def answer(plain):
    (case,) = read_cases(plain)
    return as_plain(answer_case(case))


def test_example_of_the_format_page_is_answered_to_the_micro_dollar():
    assert answer(worked()) == {
        "id": "worked",
        "trade": True,
        "reason": "ok",
        "size": "180",
        "objective_micro": "2556240",
        "profit_before_buffers_micro": "2916240",
        "cash_outlay_micro": "177083760",
        "limit_prices": ["0.46", "0.31", "0.20"],
        "leg_notional_micro": ["81600000", "55000000", "36000000"],
        "leg_fee_micro": ["1784160", "1527600", "1152000"],
    }


def test_curve_of_the_example_has_its_slopes():
    (case,) = read_cases(worked())
    unit = 10 ** answer_case(case).decimals

    found = [(point.lots // 100, point.objective // unit) for point in curve_of(case)]

    # -0.02, then 80 x 0.023300, 40 x 0.013144, 60 x 0.003108 and 20 x -0.017180 (strategy 3.5).
    assert found[:4] == [(80, 1_844_000), (120, 2_369_760), (180, 2_556_240), (200, 2_212_640)]


@pytest.mark.parametrize(
    ("rounding", "fee", "objective"),
    [("none", "249.9", "9750.1"), ("ceil_1e-5", "250", "9750"), ("floor_1e-5", "240", "9760")],
)
def test_fee_is_exact_or_in_steps_as_asked(rounding, fee, objective):
    plain = plain_case(
        [plain_leg([["0.49", "0.02"]], fee_rate="0.05", fee_exponent=1)], fee_rounding=rounding
    )
    plain["payout_per_set"] = "0.99"

    told = answer(plain)

    assert (told["leg_fee_micro"], told["objective_micro"]) == ([fee], objective)


def test_money_is_told_to_its_last_decimal():
    legs = [plain_leg([["0.3333", "0.01"]], fee_rate="0.0333333333333", fee_exponent=2)]
    plain = plain_case(legs, fee_rounding="none", fee_bps="0.1", safety_margin_usdc="0.00000000001")

    told = answer(plain)

    p = 3333 * 6667
    fee = 333_333_333_333 * p * p  # in 10**-25 micro-dollar: 10**4 x rate / 10**13 x p**2 / 10**16
    assert told["leg_fee_micro"] == [f"0.{fee:025}".rstrip("0") if fee < 10**25 else _point(fee, 25)]
    assert told["profit_before_buffers_micro"] == _point((10_000 - 3_333) * 10**25 - fee, 25)


def _point(value, decimals):
    digits = str(value).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "ok"),
        ({"max_sets": "0"}, "caps"),
        ({"max_sets": "0.99", "lot": "1"}, "caps"),
        ({"max_leg_usdc": "0"}, "caps"),
        ({"max_capital_usdc": "0"}, "caps"),
        ({"max_capital_usdc": "0.0094"}, "caps"),
        ({"lot": "1000"}, "caps"),
        ({"safety_margin_usdc": "0.1"}, "no_edge"),
        ({"safety_margin_usdc": "0.05"}, "no_edge"),
        ({"fixed_cost_usdc": "5"}, "no_edge"),
        ({"min_profit_usdc": "5.0000000001"}, "min_profit"),
        ({"min_profit_usdc": "5"}, "ok"),
    ],
)
def test_reason_is_the_first_that_applies(changes, reason):
    legs = [plain_leg([["0.40", "100"]]), plain_leg([["0.55", "100"]])]

    told = answer(plain_case(legs, **changes))

    assert (told["reason"], told["trade"]) == (reason, reason == "ok")
    if reason != "ok":
        amounts = [told[key] for key in told if key.endswith("_micro") and not key.startswith("leg")]
        assert amounts == ["0", "0", "0"]
        assert told["size"] == "0"
        assert told["limit_prices"] == told["leg_notional_micro"] == told["leg_fee_micro"] == []


@pytest.mark.parametrize(
    ("legs", "changes", "reason"),
    [
        # An empty leg comes before a cap, a cap before a minimum, a minimum before a missing edge.
        ([plain_leg([]), plain_leg([["0.9", "9"]])], {"max_sets": "0"}, "empty_leg"),
        ([plain_leg([["0.9", "0"]]), plain_leg([["0.9", "9"]])], {}, "empty_leg"),
        ([plain_leg([["0.99", "9"]], min_size="10")], {"max_sets": "0"}, "caps"),
        ([plain_leg([["0.99", "9"]], min_size="10", fee_rate="1")], {}, "min_size"),
        ([plain_leg([["0.99", "9"]], min_notional="9", fee_rate="3")], {}, "min_size"),
        ([plain_leg([["0.99", "9"]], max_size="0")], {}, "caps"),
        ([plain_leg([["0.99", "9"]], fee_rate="3")], {"min_profit_usdc": "1"}, "no_edge"),
    ],
)
def test_reasons_come_in_the_order_of_the_page(legs, changes, reason):
    assert answer(plain_case(legs, **changes))["reason"] == reason


def test_later_level_that_is_cheaper_all_in_is_reached_through_the_dear_one():
    """Fee slope below -1 (strategy 3.6): 0.98 costs 1.1760 all-in, 0.999 only 1.008990; price order stays."""
    legs = [plain_leg([["0.98", "1"], ["0.999", "50"]], fee_rate="10", fee_exponent=1)]
    plain = plain_case(legs, fee_rounding="none") | {"payout_per_set": "1.02"}

    told = answer(plain)

    # 1 x (1.02 - 1.176) + 50 x (1.02 - 1.00899)
    assert (told["size"], told["objective_micro"]) == ("51", "394500")
    assert told["limit_prices"] == ["0.999"]


def test_prices_that_cannot_trade_and_equal_ones_are_tidied():
    levels = [["1", "50"], ["0", "50"], ["0.45", "0"], ["0.40", "60"], ["0.40", "40"]]
    messy = plain_case([plain_leg(levels), plain_leg([["0.55", "100"]])])
    clean = plain_case([plain_leg([["0.40", "100"]]), plain_leg([["0.55", "100"]])])

    assert answer(messy) == answer(clean)


def test_two_hundred_legs_and_enormous_sizes_are_planned():
    size = "123456789012345678901234567890.12"
    told = answer(plain_case([plain_leg([["0.0040", size]], fee_rate="0") for _ in range(200)]))

    assert told["size"] == size
    assert told["objective_micro"] == "24691357802469135780246913578024000"


def test_ladder_of_all_prices_is_planned():
    levels = [[f"0.{price:04}", "3.21"] for price in range(1, 10_000)]
    told = answer(plain_case([plain_leg(levels, fee_rate="0.07")]))

    assert told["trade"]
    assert told["limit_prices"] == ["0.9999"]


def test_sold_legs_walk_bids_and_do_not_fund_the_bought_ones():
    bids = [["0.60", "50"], ["0.55", "50"]]
    legs = [plain_leg([["0.30", "100"]]), plain_leg(bids, side="SELL", token="NO")]
    plain = plain_case(legs, max_capital_usdc="24") | {"kind": "convert", "payout_per_set": "0"}

    told = answer(plain)

    assert (told["size"], told["objective_micro"]) == ("80", "22500000")
    assert told["cash_outlay_micro"] == "24000000"
    assert told["limit_prices"] == ["0.30", "0.55"]


def test_making_a_set_binds_its_cost():
    legs = [plain_leg([["0.60", "50"]], side="SELL"), plain_leg([["0.45", "80"]], side="SELL")]
    plain = plain_case(legs) | {"kind": "sell_set", "payout_per_set": "-1"}

    told = answer(plain)

    assert (told["objective_micro"], told["cash_outlay_micro"]) == ("2500000", "50000000")


def test_answer_leaves_the_case_as_it_was():
    plain = worked()
    before = deepcopy(plain)
    answer(plain)

    assert plain == before


@pytest.mark.parametrize("rounding", ["ceil_1e-5", "floor_1e-5"])
@pytest.mark.parametrize("zeros", [13, 40, 97])
def test_absurd_size_with_rounded_fees_is_answered_without_trying_every_size(zeros, rounding):
    size = "1" + "0" * zeros
    plain = plain_case([plain_leg([["0.98", size]], fee_rate="0.0412345678")], fee_rounding=rounding)

    assert answer(plain)["size"] == size

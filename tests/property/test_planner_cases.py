"""The planner on random cases of its file format: against brute force, and against itself turned round."""

from copy import deepcopy
from fractions import Fraction
from random import Random

import pytest

from bot.cli.dutch_plan import as_plain
from engine.core.planner.case_reading import read_cases
from engine.core.planner.plan_case import answer_case, curve_of
from tests.campaigns.planner_cases import run
from tests.support.case_oracle import at_size, ladder, random_plain_case

SEED = 20_261_122
SEEDS = range(SEED, SEED + 120)


def answer(plain):
    (case,) = read_cases(plain)
    return as_plain(answer_case(case))


def money(told):
    """What a trade comes to, apart from the order of its legs."""
    return (told["size"], told["objective_micro"], told["profit_before_buffers_micro"])


def test_answers_equal_brute_force_on_every_field():
    tally = run(300, SEED)

    assert tally.differences == []
    assert tally.largest == 0
    assert tally.trades.total() >= 60
    assert len(tally.trades) == 15  # five kinds in three roundings
    assert tally.steep >= 8
    assert set(tally.reasons) == {"ok", "empty_leg", "caps", "min_size", "no_edge", "min_profit"}


def test_order_of_levels_and_legs_and_split_levels_do_not_matter():
    for seed in SEEDS:
        rng, plain = Random(seed), random_plain_case(Random(seed), "turned")
        turned = deepcopy(plain)
        rng.shuffle(turned["legs"])
        for leg in turned["legs"]:
            rng.shuffle(leg["levels"])
            if leg["levels"] and Fraction(leg["levels"][0][1]) > Fraction("0.01"):
                price, size = leg["levels"][0]
                leg["levels"][0:1] = [[price, "0.01"], [price, _plus(size, Fraction(-1, 100))]]

        first, second = answer(plain), answer(turned)

        assert money(first) == money(second), f"seed {seed}"
        assert first["cash_outlay_micro"] == second["cash_outlay_micro"], f"seed {seed}"


def test_pair_is_a_set_of_two():
    for seed in SEEDS:
        plain = random_plain_case(Random(seed), "two")
        told = [answer(plain | {"kind": kind}) for kind in ("buy_pair", "buy_set")]
        assert told[0] == told[1], f"seed {seed}"


def test_selling_a_set_earns_what_buying_no_on_everything_earns():
    """ask(NO) = 1 - bid(YES), and the curve is symmetric (strategy 3.7); buffers on notional aside."""
    trades = 0
    for seed in range(SEED, SEED + 400):
        plain = random_plain_case(Random(seed), "mirror")
        if plain["kind"] != "sell_set":
            continue
        plain["params"] |= {"fee_bps": "0", "max_leg_usdc": None, "max_capital_usdc": None}
        for leg in plain["legs"]:
            leg["min_notional"] = "0"
        mirror = deepcopy(plain)
        mirror |= {"kind": "no_set"}
        count = len(plain["legs"])
        mirror["payout_per_set"] = _plus(plain["payout_per_set"], count)
        for leg in mirror["legs"]:
            leg |= {"side": "BUY", "token": "NO"}
            leg["levels"] = [[_plus(f"-{price}", 1), size] for price, size in leg["levels"]]

        sold, bought = answer(plain), answer(mirror)

        trades += sold["trade"]
        assert money(sold) == money(bought), f"seed {seed}"
    assert trades >= 10


def _plus(number, more):
    """The decimal text of a sum."""
    value = (Fraction(number) + more) * 10**9
    assert value.denominator == 1
    sign, digits = ("-" if value < 0 else ""), str(abs(value.numerator)).rjust(10, "0")
    return f"{sign}{digits[:-9]}.{digits[-9:].rstrip('0') or '0'}"


@pytest.mark.parametrize(
    ("knob", "dearer"),
    [("fee_bps", "50"), ("safety_margin_usdc", "0.0031"), ("fixed_cost_usdc", "0.05"), ("slippage_ticks", 4)],
)
def test_dearer_terms_never_raise_the_objective(knob, dearer):
    for seed in SEEDS:
        plain = random_plain_case(Random(seed), "terms")
        plain["params"] |= {knob: 0 if knob == "slippage_ticks" else "0", "min_profit_usdc": "0"}
        before = Fraction(answer(plain)["objective_micro"])
        plain["params"][knob] = dearer

        assert Fraction(answer(plain)["objective_micro"]) <= before, f"seed {seed}"


def test_dearer_fees_never_raise_the_objective():
    for seed in SEEDS:
        plain = random_plain_case(Random(seed), "fees")
        plain["params"]["min_profit_usdc"] = "0"
        before = Fraction(answer(plain)["objective_micro"])
        for leg in plain["legs"]:
            leg["fee_rate"] += "1" if "." in leg["fee_rate"] else ".1"

        assert Fraction(answer(plain)["objective_micro"]) <= before, f"seed {seed}"


def test_scaling_all_sizes_scales_size_and_gain():
    """Without rounding, minimums and caps: G + fixed grows as the books do."""
    trades = 0
    for seed in SEEDS:
        plain = random_plain_case(Random(seed), "scaled")
        free = {"max_capital_usdc": None, "max_sets": None, "max_leg_usdc": None, "min_profit_usdc": "0"}
        plain["params"] |= free | {"lot": "0.01", "fee_rounding": "none", "fixed_cost_usdc": "0"}
        for leg in plain["legs"]:
            leg |= {"min_size": "0", "min_notional": "0", "max_size": None}
        grown = deepcopy(plain)
        for leg in grown["legs"]:
            leg["levels"] = [[price, size.replace(".", "") + ".00"] for price, size in leg["levels"]]

        small, large = answer(plain), answer(grown)

        trades += small["trade"]
        assert Fraction(large["size"]) == 100 * Fraction(small["size"]), f"seed {seed}"
        assert Fraction(large["objective_micro"]) == 100 * Fraction(small["objective_micro"]), f"seed {seed}"
    assert trades >= 20


def test_curve_tells_the_objective_and_the_capital_at_every_breakpoint_and_ends_where_caps_do():
    for seed in SEEDS:
        plain = random_plain_case(Random(seed), "curve")
        (case,) = read_cases(plain)
        told, points = answer_case(case), curve_of(case)
        ladders, unit = [ladder(leg) for leg in plain["legs"]], 10 ** (told.decimals + 6)
        for point in points:
            sized = at_size(plain, ladders, Fraction(point.lots, 100))
            assert Fraction(point.objective, unit) == sized.objective, f"seed {seed}"
            assert Fraction(point.outlay, unit) == sized.outlay, f"seed {seed}"
        assert [point.lots for point in points] == sorted({point.lots for point in points}), f"seed {seed}"
        if told.trade:
            assert told.lots <= points[-1].lots, f"seed {seed}"
        if plain["params"]["fee_rounding"] == "none" and plain["params"]["lot"] == "0.01" and told.trade:
            assert told.objective >= max(point.objective for point in points if point.lots >= told.lots)

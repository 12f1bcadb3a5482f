"""A second planner, written from the file format alone: every size tried, in fractions of a dollar.

It takes a case as plain data and shares no line with the engine; it is slow on purpose.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

MICRO = 10**6
STEP = Fraction(1, 10**5)
ZERO = Fraction(0)


@dataclass(frozen=True)
class LegCost:
    """One leg at one size, in dollars."""

    raw: Fraction
    fee: Fraction
    worst: Fraction


@dataclass(frozen=True)
class Sized:
    """One size and what it comes to, in dollars."""

    size: Fraction
    objective: Fraction
    before_buffers: Fraction
    outlay: Fraction
    legs: tuple[LegCost, ...]


def best_of(case: Mapping[str, Any]) -> Sized | None:
    """The smallest of the best sizes, or None if nothing may or should be traded."""
    best: Sized | None = None
    for sized in sizes_of(case):
        if sized.objective > (ZERO if best is None else best.objective) and _allowed(case, sized):
            best = sized
    if best is None or best.objective < Fraction(case["params"]["min_profit_usdc"]):
        return None
    return best


def sizes_of(case: Mapping[str, Any]) -> Iterator[Sized]:
    """Every size above 0 that depth allows, smallest first."""
    lot = Fraction(case["params"]["lot"])
    ladders = [ladder(leg) for leg in case["legs"]]
    depth = min(sum((size for _, size in levels), ZERO) for levels in ladders)
    for count in range(1, math.floor(depth / lot) + 1):
        yield at_size(case, ladders, lot * count)


def ladder(leg: Mapping[str, Any]) -> list[tuple[Fraction, Fraction]]:
    """Price and size, best first."""
    sizes: dict[Fraction, Fraction] = {}
    for price, size in leg["levels"]:
        sizes[Fraction(price)] = sizes.get(Fraction(price), ZERO) + Fraction(size)
    found = sorted((price, size) for price, size in sizes.items() if size > 0)
    return found if leg["side"] == "BUY" else found[::-1]


def at_size(
    case: Mapping[str, Any], ladders: Sequence[list[tuple[Fraction, Fraction]]], q: Fraction
) -> Sized:
    """The objective of the format page, line by line."""
    params, legs = case["params"], case["legs"]
    costs = tuple(_walk(leg, levels, q, params) for leg, levels in zip(legs, ladders, strict=True))
    buys = [number for number, leg in enumerate(legs) if leg["side"] == "BUY"]
    payout, fixed = Fraction(case["payout_per_set"]), Fraction(params["fixed_cost_usdc"])
    slips = [params["slippage_ticks"] * Fraction(leg["tick"]) * q for leg in legs]
    raw = sum(((-1 if n in buys else 1) * cost.raw for n, cost in enumerate(costs)), ZERO)
    before = payout * q + raw - sum((cost.fee for cost in costs), ZERO) - fixed
    bps = Fraction(params["fee_bps"]) / 10**4 * sum((cost.raw for cost in costs), ZERO)
    safety = Fraction(params["safety_margin_usdc"]) * q
    outlay = (
        fixed + sum((costs[n].raw + costs[n].fee + slips[n] for n in buys), ZERO) + max(ZERO, -payout) * q
    )
    return Sized(q, before - bps - sum(slips, ZERO) - safety, before, outlay, costs)


def _walk(
    leg: Mapping[str, Any], levels: list[tuple[Fraction, Fraction]], q: Fraction, params: Mapping[str, Any]
) -> LegCost:
    rate, exponent = Fraction(leg["fee_rate"]), leg["fee_exponent"]
    left, raw, fee, worst = q, ZERO, ZERO, ZERO
    for price, size in levels:
        taken = min(left, size)
        if taken == 0:
            break
        charged = rate * (price * (1 - price)) ** exponent * taken
        if params["fee_rounding"] != "none":
            whole = math.ceil if params["fee_rounding"] == "ceil_1e-5" else math.floor
            charged = whole(charged / STEP) * STEP
        left, raw, fee, worst = left - taken, raw + price * taken, fee + charged, price
    assert left == 0, f"the ladder holds {left} shares too few"
    return LegCost(raw, fee, worst)


def _allowed(case: Mapping[str, Any], sized: Sized) -> bool:
    params = case["params"]

    def within(value: Fraction, cap: str | None) -> bool:
        return cap is None or value <= Fraction(cap)

    return (
        within(sized.size, params["max_sets"])
        and within(sized.outlay, params["max_capital_usdc"])
        and all(
            Fraction(leg["min_size"]) <= sized.size
            and within(sized.size, leg["max_size"])
            and Fraction(leg["min_notional"]) <= cost.raw
            and within(cost.raw, params["max_leg_usdc"])
            for leg, cost in zip(case["legs"], sized.legs, strict=True)
        )
    )


KINDS = ("buy_set", "buy_pair", "sell_set", "no_set", "convert")


def random_plain_case(rng: Random, name: str) -> dict[str, Any]:
    """A small case of any kind near the money: curves, roundings, caps and ladders of every sort."""
    kind = rng.choice(KINDS)
    count = 2 if kind == "buy_pair" else rng.choice((1, 2, 2, 3, 3, 4, 6))
    bought = {"sell_set": 0, "convert": rng.randint(1, count)}.get(kind, count)
    payout = {"sell_set": -1, "no_set": count - 1, "convert": bought - 1}.get(kind, 1)
    steep = rng.random() < 0.25
    legs = [
        _random_leg(rng, number, kind, is_buy=number < bought, steep=steep, near=(payout, count, bought))
        for number in range(count)
    ]
    params = _random_params(rng)
    if rng.random() < 0.5:
        params |= {"lot": "0.01", "max_capital_usdc": None, "max_sets": None, "max_leg_usdc": None}
        for leg in legs:
            leg |= {"min_size": "0", "min_notional": "0", "max_size": None}
    told = str(payout)
    if rng.random() < 0.8 and (touch := _touch(legs)) is not None:
        told = _decimal(touch + rng.choice((rng.randint(-300, 900), rng.randint(0, 60_000))), 6) + rng.choice(
            ("", "", "37", "001")
        )
    return {"id": name, "kind": kind, "payout_per_set": told, "legs": legs, "params": params}


def _random_params(rng: Random) -> dict[str, Any]:
    return {
        "lot": rng.choice(("0.01", "0.01", "0.01", "0.01", "0.02", "0.07", "0.30", "1")),
        "fee_rounding": rng.choice(("none", "ceil_1e-5", "floor_1e-5")),
        "fee_bps": rng.choice(("0", "0", "0", "5", "12.5", "100", "12000")),
        "slippage_ticks": rng.choice((0, 0, 0, 0, 1)),
        "safety_margin_usdc": rng.choice(("0", "0", "0.000007", "0.0020", "0.000000301")),
        "fixed_cost_usdc": rng.choice(("0", "0", "0.0001", "0.02", "0.00000007")),
        "min_profit_usdc": rng.choice(("0", "0", "0", "0", "0.0001", "0.02", "0.0000000001")),
        "max_capital_usdc": _cap(rng, _decimal(rng.randint(0, 3 * 10**8), 8)),
        "max_sets": _cap(rng, _decimal(rng.randint(0, 250), 2)),
        "max_leg_usdc": _cap(rng, _decimal(rng.randint(0, 10**8), 8)),
    }


def _cap(rng: Random, value: str) -> str | None:
    """Mostly none, seldom zero."""
    return rng.choices((None, value, "0"), (20, 10, 1))[0]


def _random_leg(
    rng: Random, number: int, kind: str, *, is_buy: bool, steep: bool, near: tuple[int, int, int]
) -> dict[str, Any]:
    tick = rng.choice((1, 5, 10, 100))
    payout, count, bought = near
    fair = 10_000 // count if bought in (0, count) and payout <= 1 else 10_000 - 10_000 // (count + 1)
    around = rng.randint(max(1, fair - 1_200), max(2, min(9_998, fair + 300)))
    price = rng.choice((around, around, around, rng.randint(1, 9_999), 1, 9_999))
    levels = []
    for _ in range(rng.choice((0, 1, 5) if rng.random() < 0.03 else (1, 2, 3, 4))):
        size = rng.choice((rng.randint(1, 40), rng.randint(1, 90), rng.randint(40, 120)))
        size *= rng.random() > 0.05
        levels.append([_decimal(price, 4), _decimal(size, 2)])
        if rng.random() > 0.1:
            price += (1 if is_buy else -1) * tick * rng.choice((1, 1, 2, 9))
        price = min(max(price, 1), 9_999)
    rng.shuffle(levels)
    rates = ("0", "0.02", "0.04", "0.0333333333", "0.07", "0.25", "0.9")
    return {
        "leg": number,
        "token": "YES" if kind in ("buy_set", "sell_set") or not is_buy else "NO",
        "side": "BUY" if is_buy else "SELL",
        "levels": levels,
        "tick": _decimal(tick, 4),
        "min_size": rng.choice(("0", "0", "0", "0", "0.05", "0.2")),
        "max_size": rng.choice((None, None, None, None, "0.73")),
        "min_notional": rng.choice(("0", "0", "0", "0", "0.0300001", "0.08")),
        "fee_rate": rng.choice(("1.5", "4", "9.75", "30", "300") if steep else rates),
        "fee_exponent": rng.choice((0, 1, 1, 2, 3, 5)) if steep else rng.choice((0, 1, 1, 1, 2)),
    }


def _touch(legs: Sequence[Mapping[str, Any]]) -> int | None:
    """What one set costs at the touch with its fees, in micro-dollars; None if a leg is empty."""
    total = ZERO
    for leg in legs:
        levels = ladder(leg)
        if not levels:
            return None
        price = levels[0][0]
        total += price if leg["side"] == "BUY" else -price
        total += Fraction(leg["fee_rate"]) * (price * (1 - price)) ** leg["fee_exponent"]
    return math.floor(total * MICRO)


def _decimal(value: int, decimals: int) -> str:
    digits = str(abs(value)).rjust(decimals + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-decimals]}.{digits[-decimals:]}"

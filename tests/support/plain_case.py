"""Cases of the planner's file format as plain data, free of fees and caps unless a test says otherwise."""

from collections.abc import Sequence
from typing import Any

WORKED: tuple[list[list[str]], ...] = (
    [["0.46", "300"], ["0.45", "120"]],
    [["0.30", "80"], ["0.31", "60"], ["0.31", "40"], ["0.33", "500"], ["0.32", "0"]],
    [["0.20", "200"], ["0.22", "200"]],
)
"""The asks of strategy 3.5, untidy on purpose."""


def plain_leg(levels: Sequence[list[str]], **changes: Any) -> dict[str, Any]:
    free = {
        "leg": 0,
        "token": "YES",
        "side": "BUY",
        "levels": list(levels),
        "tick": "0.01",
        "min_size": "0",
        "max_size": None,
        "min_notional": "0",
        "fee_rate": "0",
        "fee_exponent": 1,
    }
    assert changes.keys() <= free.keys()
    return free | changes


def plain_case(legs: Sequence[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """A buy_set that pays 1; changes are of its params."""
    params = {
        "lot": "0.01",
        "fee_rounding": "ceil_1e-5",
        "fee_bps": "0",
        "slippage_ticks": 0,
        "safety_margin_usdc": "0",
        "fixed_cost_usdc": "0",
        "min_profit_usdc": "0",
        "max_capital_usdc": None,
        "max_sets": None,
        "max_leg_usdc": None,
    }
    assert changes.keys() <= params.keys()
    told = [leg | {"leg": number} for number, leg in enumerate(legs)]
    return {"id": "case", "kind": "buy_set", "payout_per_set": "1", "legs": told, "params": params | changes}


def worked() -> dict[str, Any]:
    """The example of the format page."""
    legs = [plain_leg(levels, fee_rate="0.04") for levels in WORKED]
    terms = {"lot": "1", "safety_margin_usdc": "0.002", "fixed_cost_usdc": "0.02"}
    return plain_case(legs, fee_rounding="none", **terms) | {"id": "worked"}

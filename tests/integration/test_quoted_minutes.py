"""Recorded minutes of the local exchange, with losses and reconnects, quoted by ours and by plain quoters."""

from pathlib import Path

import pytest

from engine.core.spread.queue_models import QueueModel
from engine.domain.quote import QuoteSide
from engine.domain.quoting import Quoted
from tests.campaigns.backtest_hour import events_of
from tests.campaigns.quoters_compared import MAKERS, compared, lived, rows_of
from tests.support.quote_pricing import shares

INVENTORY = shares(300)
"""`spread.inventory_max` of the example TOML; every strategy keeps it."""


def held(run: Quoted) -> int:
    return sum(e.size if e.side is QuoteSide.BID else -e.size for e in run.executions)


def cash(run: Quoted) -> int:
    """Micro-dollars in, as if an ask sold YES: a NO bought and merged with a YES is the same."""
    return sum((-1 if e.side is QuoteSide.BID else 1) * e.size * e.yes // 10_000 for e in run.executions)


@pytest.mark.parametrize("seed", [1, 2])
async def test_money_adds_up_and_limits_hold_whatever_quotes_and_again_the_same(tmp_path: Path, seed: int):
    result = await lived(tmp_path, seconds=90, seed=seed)

    runs = [run for course in result.markets for run in course.runs]
    assert sum(len(run.executions) for run in runs) > 20, f"seed {seed}"
    for run in runs:
        where = f"seed {seed}: {run.strategy}, {run.model}"
        assert run.net == held(run), where
        assert abs(run.quietness.net_max) <= INVENTORY, where
        assert all(fill.fee == 0 for fill in run.executions), where
        sides = [(glance.bid, glance.ask) for glance in run.trail]
        assert all(bid < ask for bid, ask in sides if bid is not None and ask is not None), where
        worth = cash(run) + run.net * (run.trail[-1].fair if run.trail else 0) // 1_000_000
        assert abs(worth - run.split.net) <= 3 * len(run.executions) + 1, where
    again = compared(tuple(sorted(tmp_path.glob("*.zst"))), await events_of(seed))
    assert again == result, f"seed {seed}"


async def test_every_strategy_is_told_under_both_models_conservative_first(tmp_path: Path):
    rows = rows_of(await lived(tmp_path, seconds=20, seed=3))

    names = [name for name, _ in MAKERS]
    assert [row.strategy for row in rows] == names * 2
    assert [row.model for row in rows] == [model.value for model in QueueModel for _ in names]
    naive = next(row for row in rows if row.strategy == "naive at best")
    assert naive.told()["cancelled"] > 0

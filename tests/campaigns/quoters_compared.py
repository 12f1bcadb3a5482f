"""Our quoter, a fixed width, and the naive refresh, side by side on one recorded flow and both queue models.

`python -m tests.campaigns.quoters_compared [--seconds N] [--seed S]` records the local exchange for N seconds
of its time and prints a table per queue model, conservative first, then one line of JSON. The flow there is
no market: its trades know nothing, so what is measured is conduct, not what a real market would pay.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from config.desk_settings import desk_settings
from config.settings import load
from engine.core.backtest.our_quoter import OurQuoter
from engine.core.backtest.spread_run import Maker, SpreadBacktest, SpreadTerms
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import FeedInlet
from engine.core.spread.queue_models import QueueModel
from engine.domain.market import EventGroup
from engine.domain.quote import RewardMode, RewardTerms
from engine.domain.quoting import ProfitSplit, Quietness, Quoted, QuotingResult
from engine.domain.units import SIZE_ONE, USDC_ONE, Ms, Price, Size, Usdc
from engine.venue.wire import decode_books, decode_market
from storage.recording import Opened, read_recording
from tests.campaigns.backtest_hour import events_of
from tests.support import tree
from tests.support.plain_quoters import FixedWidth, NaiveRefresh
from tests.support.recorded_hour import record_run

BUDGET = Usdc(1_000 * USDC_ONE)
LATENCY_MS = Ms(250)
LOOK_MS = Ms(200)
REBATE_PCT = 25
"""The makers' share in most categories (protocol 8.1)."""
FIXED_TICKS = 2
REFRESH_MS = Ms(5_000)
"""Between two refreshes of the naive maker: the loop interval of a typical one."""
BAND = RewardTerms(
    max_spread=Price(300), min_size=Size(20 * SIZE_ONE), daily=Usdc(50 * USDC_ONE), others_milli=0
)
"""Assumed for every market: 3 cents around the mid, 20 shares, $50 a day; others score as the book shows."""
MAKERS: tuple[tuple[str, Maker], ...] = (
    ("ours", OurQuoter),
    ("ours, inside", lambda knobs, at_ms: OurQuoter(replace(knobs, improve_ticks=1), at_ms)),
    ("ours, band", lambda knobs, at_ms: OurQuoter(replace(knobs, reward_mode=RewardMode.BAND), at_ms)),
    ("fixed width", lambda knobs, at_ms: FixedWidth(knobs, at_ms, ticks=FIXED_TICKS)),
    ("naive at best", lambda knobs, _: NaiveRefresh(knobs, interval_ms=REFRESH_MS, ticks=None)),
    (
        "naive mid+-k",
        lambda knobs, _: NaiveRefresh(knobs, interval_ms=REFRESH_MS, ticks=FIXED_TICKS),
    ),
)
"""Ours with the knobs of the example TOML; the same one tick before the best price; the same for rewards."""


@dataclass(frozen=True)
class Row:
    """One strategy under one queue model, over all markets."""

    strategy: str
    model: str
    fills: int
    shares: int
    """Micro-shares filled."""
    split: ProfitSplit
    quietness: Quietness
    variance: int
    """Mean over the markets of the variance of their inventories, shares squared."""

    @property
    def cancels_per_fill(self) -> float | None:
        return self.quietness.cancelled / self.fills if self.fills else None

    @property
    def band(self) -> float | None:
        counted = self.quietness
        return counted.in_band / counted.banded if counted.banded else None

    def told(self) -> dict[str, Any]:
        counted = self.quietness
        return {
            "strategy": self.strategy,
            "model": self.model,
            "fills": self.fills,
            "shares": self.shares // SIZE_ONE,
            "captured": self.split.captured,
            "markouts": list(self.split.markouts),
            "net_after": [self.split.after(horizon) for horizon in range(3)],
            "net_marked": self.split.net,
            "fees": self.split.fees,
            "rebates_estimated": self.split.rebates,
            "rewards_estimated": self.split.rewards,
            "inventory_variance": self.variance,
            "inventory_max": counted.net_max // SIZE_ONE,
            "placed": counted.placed,
            "cancelled": counted.cancelled,
            "refused": counted.refused,
            "cancels_per_fill": self.cancels_per_fill,
            "band_share": self.band,
            "two_sided_share": counted.two_sided / max(1, counted.seconds),
        }


def compared(
    files: Sequence[Path], events: tuple[EventGroup, ...], makers: tuple[tuple[str, Maker], ...] = MAKERS
) -> QuotingResult:
    """Quote a recording with every strategy."""
    terms = SpreadTerms(
        knobs=desk_settings(load(tree.ROOT / "config" / "service.example.toml")).spread.knobs,
        makers=makers,
        budget=BUDGET,
        latency_ms=LATENCY_MS,
        look_ms=LOOK_MS,
        rebate_pct=REBATE_PCT,
        rewards=BAND,
    )
    backtest = SpreadBacktest(terms)
    backtest.know(events)
    for piece in read_recording(files):
        if isinstance(piece, Opened):
            if piece.fresh:
                feeds = Feeds(tokens_per_connection=piece.head.tokens_per_connection)
                backtest.begin(FeedInlet(feeds, decode_market, decode_books))
            backtest.take(piece.opening())
        elif isinstance(piece, list | tuple):
            backtest.take(piece)
    return backtest.finish()


def row_of(strategy: str, model: str, runs: Sequence[Quoted]) -> Row:
    """Add up one strategy's markets."""
    split, quietness = runs[0].split, runs[0].quietness
    for run in runs[1:]:
        split, quietness = split + run.split, quietness + run.quietness
    executions = [execution for run in runs for execution in run.executions]
    return Row(
        strategy=strategy,
        model=model,
        fills=len(executions),
        shares=sum(execution.size for execution in executions),
        split=split,
        quietness=quietness,
        variance=sum(run.quietness.net_variance for run in runs) // len(runs),
    )


def rows_of(result: QuotingResult) -> list[Row]:
    """Return every strategy's row, all conservative ones first."""
    return [
        row_of(name, model.value, result.of(name, model.value)) for model in QueueModel for name, _ in MAKERS
    ]


async def lived(folder: Path, *, seconds: int, seed: int) -> QuotingResult:
    """Record the local exchange and quote what was recorded."""
    live = await record_run(folder, seconds=seconds, seed=seed)
    return compared(live.files, await events_of(seed))


def _print(rows: Sequence[Row]) -> None:
    say = sys.stdout.write
    for model in QueueModel:
        say(f"\n{model.value}\n{'':14}{'fills':>7}{'shares':>9}{'captured':>10}")
        for words in (
            "net 10s",
            "net 1min",
            "net 10min",
            "marked",
            "variance",
            "canc/fill",
            "band",
            "rewards~",
        ):
            say(f"{words:>10}")
        say("\n")
        for row in rows:
            if row.model != model.value:
                continue
            say(f"{row.strategy:14}{row.fills:7}{row.shares // SIZE_ONE:9}{row.split.captured / 1e6:10.2f}")
            for horizon in range(3):
                say(f"{row.split.after(horizon) / 1e6:10.2f}")
            say(f"{row.split.net / 1e6:10.2f}{row.variance:10}")
            per_fill, band = row.cancels_per_fill, row.band
            say(f"{'-' if per_fill is None else f'{per_fill:.2f}':>10}")
            say(f"{'-' if band is None else f'{100 * band:.1f}%':>10}{row.split.rewards / 1e6:10.2f}\n")


def main() -> None:
    """Print one comparison."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=int, default=3_600)
    words.add_argument("--seed", type=int, default=1)
    wanted = words.parse_args()
    logging.disable(logging.WARNING)  # every lost change is an alert, and there are hundreds
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(lived(Path(folder), seconds=wanted.seconds, seed=wanted.seed))
    rows = rows_of(result)
    _print(rows)
    told = {"seed": wanted.seed, "seconds": wanted.seconds, "markets": len(result.markets)}
    sys.stdout.write(json.dumps(told | {"rows": [row.told() for row in rows]}) + "\n")


if __name__ == "__main__":
    main()

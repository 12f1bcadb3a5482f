"""The rows of the table: what is compared, the goal, and the function that measures it.

Goals are those of the spec page performance, section 11; the planner's are the gates that strategy, section
7, proposes. A function takes a `Run` and returns figures by row key; it leaves out what cannot be measured
here and says so with `Run.say`.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from tests.benchmarks.rounds import Spread

SEED = 20_261_122


@dataclass(frozen=True, slots=True)
class Run:
    """How large a run is; every measurement takes its numbers from here."""

    quick: bool
    seed: int
    say: Callable[[str], None]
    """Tells one line to whoever waits."""

    @property
    def messages(self) -> int:
        """Frames of the main stream."""
        return 5_000 if self.quick else 100_000

    @property
    def rounds(self) -> int:
        """Rounds of every race."""
        return 5


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured for one row."""

    spread: Spread
    note: str
    """How many messages, and whatever is needed to read the figure."""


Measure = Callable[[Run], Mapping[str, Figure]]


class Better(Enum):
    """Which way a figure should go."""

    HIGHER = ">="
    LOWER = "<="


class Verdict(Enum):
    """What the median says about the goal."""

    STRETCH = "met, stretch too"
    MET = "met"
    MISSED = "missed"
    SHOWN = "no goal"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    key: str
    bench: str
    """Measured by `measure` of the module `tests.benchmarks.bench_<bench>`."""
    what: str
    unit: str
    better: Better = Better.HIGHER
    must: float | None = None
    """None: a reference line without a goal."""
    stretch: float | None = None

    def verdict(self, figure: Figure) -> Verdict:
        """Judge the median; the spread is printed for the reader to doubt it by."""
        if self.must is None:
            return Verdict.SHOWN
        sign = 1 if self.better is Better.HIGHER else -1
        for bound, verdict in ((self.stretch, Verdict.STRETCH), (self.must, Verdict.MET)):
            if bound is not None and sign * figure.spread.median >= sign * bound:
                return verdict
        return Verdict.MISSED


_LOWER = Better.LOWER
ROWS: tuple[Row, ...] = (
    Row(
        "G1",
        "book",
        "bytes to top of book, lazy check: share of pure typed decode",
        "share",
        must=0.30,
        stretch=0.50,
    ),
    Row("G2", "book", "lazy check: times as fast as the json + Decimal bot", "x", must=3.5, stretch=6.0),
    Row("book-every", "book", "a check on every delta: cost against the lazy check", "x", _LOWER),
    Row("book-none", "book", "no check at all: cost against the lazy check", "x", _LOWER),
    Row("book-float", "book", "lazy check: times as fast as the json + float bot", "x"),
    Row("book-orjson", "book", "lazy check: times as fast as the orjson + float bot", "x"),
    Row("book-us", "book", "lazy check: CPU per message", "us", _LOWER),
    Row("production-decode", "production", "production mix, lazy check: share of pure typed decode", "share"),
    Row(
        "production-decimal", "production", "production mix, lazy check: times as fast as json + Decimal", "x"
    ),
    Row(
        "production-every",
        "production",
        "production mix, a check on every delta against the lazy check",
        "x",
        _LOWER,
    ),
    Row(
        "production-none", "production", "production mix, no check at all against the lazy check", "x", _LOWER
    ),
    Row("production-us", "production", "production mix, lazy check: CPU per message", "us", _LOWER),
    Row(
        "G8",
        "growth",
        "cost per message, 5,000 tokens against 2, lazy check",
        "x",
        _LOWER,
        must=1.6,
        stretch=1.3,
    ),
    Row("growth-1000", "growth", "1,000 tokens against 2, lazy check", "x", _LOWER),
    Row("growth-100", "growth", "100 tokens against 2, lazy check", "x", _LOWER),
    Row("growth-slow", "growth", "5,000 tokens at a sixth of that rate against 2, lazy check", "x", _LOWER),
    Row("growth-none", "growth", "5,000 tokens against 2, no check", "x", _LOWER),
    Row("growth-decode", "growth", "5,000 tokens against 2, pure typed decode", "x", _LOWER),
    Row(
        "G15",
        "memory",
        "memory of a token, tick 0.01, 31 levels a side",
        "KiB",
        _LOWER,
        must=8.0,
        stretch=5.0,
    ),
    Row("memory-planned", "memory", "the same once a planner has asked for its levels", "KiB", _LOWER),
    Row(
        "memory-cent-full", "memory", "tick 0.01, every price of both sides taken (49 a side)", "KiB", _LOWER
    ),
    Row("memory-mill-31", "memory", "tick 0.001, 31 levels a side", "KiB", _LOWER),
    Row("memory-mill-100", "memory", "tick 0.001, 100 levels a side", "KiB", _LOWER),
    Row("memory-fine-2000", "memory", "tick 0.0001, 2,000 levels a side", "KiB", _LOWER),
    Row(
        "socket-burst", "socket", "socket to book in bursts: CPU against a bare websockets loop", "x", _LOWER
    ),
    Row(
        "socket-paced",
        "socket",
        "socket to book at 2,000 msg/s: CPU against a bare websockets loop",
        "x",
        _LOWER,
    ),
    Row("socket-burst-us", "socket", "socket to book in bursts: CPU per message", "us", _LOWER),
    Row("socket-paced-us", "socket", "socket to book at 2,000 msg/s: CPU per message", "us", _LOWER),
    Row(
        "signing-ms",
        "signing",
        "fifteen legs signed, bodies included: CPU",
        "ms",
        _LOWER,
        must=2.0,
        stretch=1.0,
    ),
    Row("G9", "signing", "sign one order: share of the bare signature", "share", must=0.70, stretch=0.80),
    Row(
        "G10",
        "signing",
        "sign one order: times as fast as the official client",
        "x",
        must=9.0,
        stretch=11.0,
    ),
    Row("signing-headers", "signing", "headers of one request over fifteen legs: CPU", "us", _LOWER),
    Row(
        "G13",
        "storage",
        "batched insert: share of bare sqlite3 executemany(1000)",
        "share",
        must=0.7,
        stretch=0.9,
    ),
    Row(
        "G14",
        "replay",
        "replay: share of the in-memory speed of the same engine",
        "share",
        must=0.8,
        stretch=0.9,
    ),
    *(
        row
        for legs in (1, 5, 15)
        for row in (
            Row(
                f"safety-commit-{legs}",
                "safety",
                f"durable commit of a batch of {legs}: p99 (reliability G13)",
                "ms",
                _LOWER,
                must=5.0,
            ),
            Row(f"safety-sync-{legs}", "safety", "the same, p50 against one without syncing", "x", _LOWER),
            Row(f"safety-bare-{legs}", "safety", "the same, p50 against one bare row, synced", "x", _LOWER),
            Row(
                f"safety-send-{legs}", "safety", f"a Send of {legs} until its bytes leave: p99", "ms", _LOWER
            ),
            Row(
                f"safety-share-{legs}", "safety", "the same, p50 against one without the ledger", "x", _LOWER
            ),
        )
    ),
    Row(
        "restart",
        "restart",
        "restart with 1,000 open orders until reconciled (reliability G3)",
        "s",
        _LOWER,
        must=5.0,
    ),
    *(
        row
        for legs in (2, 10, 40, 128)
        for row in (
            Row(f"plan-us-{legs}", "planner", f"plan with a 3 % edge, {legs} x 50 levels: CPU", "us", _LOWER),
            Row(
                f"plan-p95-{legs}",
                "planner",
                "the same: p95 of the events",
                "us",
                _LOWER,
                must=200 if legs == 128 else None,
            ),
            Row(f"plan-early-{legs}", "planner", "the same: times as fast as an early stop in Decimal", "x"),
            Row(f"plan-rewalk-{legs}", "planner", "the same: times as fast as a re-walk in Decimal", "x"),
            Row(f"plan-heap-{legs}", "planner", "the same: share of the time a bare heap takes", "x"),
            Row(
                f"none-us-{legs}",
                "planner",
                f"no edge, {legs} legs: CPU",
                "us",
                _LOWER,
                must=10 if legs == 128 else None,
            ),
            Row(f"none-early-{legs}", "planner", "the same: times as fast as an early stop in Decimal", "x"),
            Row(f"none-heap-{legs}", "planner", "the same: share of the time a bare heap takes", "x"),
            Row(f"sum-us-{legs}", "planner", f"a changed best ask, {legs} legs added up: CPU", "us", _LOWER),
            Row(f"sum-decimal-{legs}", "planner", "the same: times as fast as in Decimal", "x"),
        )
    ),
    *(
        row
        for outcomes in (2, 10, 40, 128)
        for row in (
            Row(
                f"detector-{outcomes}",
                "detector",
                f"a change of a best ask until it is known whether {outcomes} outcomes may pay",
                "ns",
                _LOWER,
                must=1_000.0,
            ),
            Row(f"detector-full-{outcomes}", "detector", "the same as a full sum in integers", "x"),
            Row(f"detector-decimal-{outcomes}", "detector", "the same as a full sum in Decimal", "x"),
        )
    ),
    *(
        row
        for markets in (1, 10, 100, 500)
        for row in (
            Row(
                f"quoter-{markets}",
                "quoter",
                f"what to do about the quotes of one market, {markets} quoted: CPU per market and tick",
                "us",
                _LOWER,
            ),
            Row(f"quoter-growth-{markets}", "quoter", "the same against one quoted market", "x", _LOWER),
        )
        if row.key != "quoter-growth-1"
    ),
    Row("kill-gate", "kill", "kill until the gate is closed (reliability G5)", "ms", _LOWER, must=100.0),
    Row("kill-cancel", "kill", "kill until cancel-all is begun (reliability G5)", "ms", _LOWER, must=1_000.0),
)
BENCHES: tuple[str, ...] = tuple(dict.fromkeys(row.bench for row in ROWS))


def measure_of(bench: str) -> Measure | None:
    """Return the function that measures a bench; None while its module does not exist."""
    name = f"tests.benchmarks.bench_{bench}"
    if importlib.util.find_spec(name) is None:
        return None
    measure: Measure = importlib.import_module(name).measure
    return measure

"""The order machine at length: the stateful test with more examples, and races of cancels against fills.

`python -m tests.campaigns.order_truth --examples 2000 --races 10000 --seed 1`. A failure prints what leads to
it: Hypothesis its smallest run, a race its seed.
"""

import argparse
import sys
import time

from hypothesis import HealthCheck, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from tests.property.test_order_machine import OrderMachine
from tests.support.cancel_race import race

STEPS = 50


def run_machine(examples: int, seed: int) -> None:
    """Run the stateful test of the order machine so often, 50 steps each."""
    how = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seeded(seed)(OrderMachine), settings=how)


def main(arguments: list[str]) -> int:
    """Run both parts and print what they took."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.order_truth")
    parser.add_argument("--examples", type=int, default=2_000)
    parser.add_argument("--races", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    began = time.perf_counter()
    if asked.examples:
        run_machine(asked.examples, asked.seed)
    sys.stdout.write(
        f"{asked.examples} examples of {STEPS} steps, no violation, {time.perf_counter() - began:.0f} s\n"
    )
    began = time.perf_counter()
    for seed in range(asked.seed, asked.seed + asked.races):
        race(seed)
    sys.stdout.write(
        f"{asked.races} races from seed {asked.seed}, no violation, {time.perf_counter() - began:.0f} s\n"
    )
    return 0


def _tell(what: str, began: float) -> None:
    sys.stdout.write(f"{what}, no violation, {time.perf_counter() - began:.0f} s\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

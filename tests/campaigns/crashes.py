"""Desks killed -9 at every crash point and at random, each time started again and compared with the exchange.

`python -m tests.campaigns.crashes --repeats 4 --random 200 --seed 1` kills 4 times at every point and 200
times at random; `--points 7,9` takes some points only. Prints one line a kill and the sums; status 1 for a
finding.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path

from tests.recovery.crash_points import POINTS, CrashPoint
from tests.support.crashes import CrashCampaign, Findings, forking


async def run(points: Sequence[CrashPoint], *, at_random: int, seed: int) -> Findings:
    """Kill at each of these points, then so many times at random, on one folder."""
    with tempfile.TemporaryDirectory(prefix="crashes-") as folder:
        async with forking() as forks:
            campaign = CrashCampaign(Path(folder), forks, seed)
            try:
                for point in points:
                    await _one(campaign, campaign.strike(point), f"{point.number:2d} {point.name}")
                for number in range(at_random):
                    await _one(campaign, campaign.kill_at_random(), f"random {number}")
                await campaign.finish()
            except BaseException:
                _say(f"seed {seed}; the newest lines of the desk's log:")
                log = Path(folder) / "data" / "desk.log"
                _say("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]))
                raise
            return campaign.findings


async def _one(campaign: CrashCampaign, work: Awaitable[None], name: str) -> None:
    began, before = time.monotonic(), len(campaign.findings.wrong)
    await work
    found = campaign.findings.wrong[before:]
    _say(
        f"{time.monotonic() - began:6.1f} s  {name}{''.join(f'{chr(10)}    WRONG {line}' for line in found)}"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the campaign of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", default="")
    asked = parser.parse_args()
    wanted = {int(number) for number in asked.points.split(",") if number}
    points = [point for point in POINTS if not wanted or point.number in wanted] * asked.repeats
    random.Random(asked.seed).shuffle(points)
    began = time.monotonic()
    findings = asyncio.run(run(points, at_random=asked.random, seed=asked.seed))
    kills = findings.kills.total()
    _say(f"{kills} kills in {time.monotonic() - began:.0f} s, seed {asked.seed}")
    for name, times in sorted(findings.kills.items()):
        _say(f"  {times:4d}  {name}")
    for name, times in findings.missed.items():
        _say(f"  {times:4d}  NOT REACHED {name}")
    _say(f"came up halted for starting too often, and re-armed: {findings.rearmed}")
    for note in findings.notes[:10]:
        _say(f"  note: {note}")
    _say(f"tickets: {dict(findings.tickets)}")
    bound = f"below {3 / max(kills, 1):.2%} a kill (3/N, 95 %)" if not findings.wrong else "see above"
    _say(f"findings: {len(findings.wrong)}, {bound}")
    return 1 if findings.wrong or findings.missed else 0


if __name__ == "__main__":
    sys.exit(main())

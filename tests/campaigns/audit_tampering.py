"""Tamperings with the audit, each on a fresh copy: every one must be found, and its line named.

`python -m tests.campaigns.audit_tampering --tamperings 10000 --seed 1`. What nobody can find is left out: a
line that follows the newest one rightly, and a tail cut off together with the anchor that named it.
"""

import argparse
import asyncio
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import ManualClock
from engine.domain.effects import Audit
from engine.domain.units import Ms
from storage.anchor import ANCHOR_FILE
from storage.audit import GENESIS, ChainBroken, ChainIntact, link
from storage.files import LEDGER_FILE, open_storage
from storage.lock import hold_folder
from storage.readonly import verify_audit

LINES = 40
NOW = Ms(1_790_000_000_000)


@dataclass
class Tamperings:
    """What was tried, and what was not found or not named."""

    tried: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)


class TamperCampaign:
    """One audit of 40 lines, and as many copies of it as there are tamperings."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.clean, self.copy = folder / "clean", folder / "copy"
        self.copy.mkdir()
        asyncio.run(_write(self.clean))
        assert isinstance(verify_audit(self.clean), ChainIntact)
        self.figures = Tamperings()

    def run(self, tamperings: int) -> Tamperings:
        """Tamper so many times."""
        kinds = list(KINDS)
        for number in range(tamperings):
            for name in (LEDGER_FILE, ANCHOR_FILE):
                shutil.copyfile(self.clean / name, self.copy / name)
            kind = kinds[number % len(kinds)]
            expected = KINDS[kind](self)
            self.figures.tried[kind] += 1
            verdict = verify_audit(self.copy)
            if not isinstance(verdict, ChainBroken) or verdict.seq != expected:
                self.figures.missed.append(
                    f"seed {self.seed}, tampering {number} ({kind}): expected line {expected}, was {verdict}"
                )
        return self.figures

    def changed(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        """Change the copy as somebody would who can write the file: without the triggers."""
        with closing(sqlite3.connect(self.copy / LEDGER_FILE)) as connection, connection:
            for trigger in ("audit_fixed", "audit_kept"):
                connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            for sql, values in statements:
                connection.execute(sql, values)

    def rows(self) -> list[tuple[int, str, str, str]]:
        with closing(sqlite3.connect(self.copy / LEDGER_FILE)) as connection:
            return connection.execute(
                "SELECT seq, prev_hash, payload, hash FROM audit ORDER BY seq"
            ).fetchall()

    def a_line(self, newest: int = LINES) -> int:
        return self.rng.randint(1, newest)


def _byte(campaign: TamperCampaign) -> int:
    """Turn bits of one byte of a line where it stands in the file; it may stop being text."""
    seq = campaign.a_line()
    row = campaign.rows()[seq - 1]
    stored = "".join(row[1:]).encode()
    path = campaign.copy / LEDGER_FILE
    raw = bytearray(path.read_bytes())
    place = raw.index(stored) + campaign.rng.randrange(len(stored))
    raw[place] ^= campaign.rng.randint(1, 255)
    path.write_bytes(raw)
    return seq


def _number(campaign: TamperCampaign) -> int:
    seq = campaign.a_line()
    other = LINES + campaign.rng.randint(1, 9)
    campaign.changed(("UPDATE audit SET seq = ? WHERE seq = ?", (other, seq)))
    return seq


def _row_out(campaign: TamperCampaign) -> int:
    seq = campaign.a_line()
    campaign.changed(("DELETE FROM audit WHERE seq = ?", (seq,)))
    return seq


def _row_out_and_renumbered(campaign: TamperCampaign) -> int:
    seq = campaign.a_line(LINES - 1)
    campaign.changed(
        ("DELETE FROM audit WHERE seq = ?", (seq,)),
        ("UPDATE audit SET seq = seq - 1 WHERE seq > ?", (seq,)),
    )
    return seq


def _row_in(campaign: TamperCampaign) -> int:
    """A line between two others, itself rightly linked to the one before."""
    seq = campaign.a_line(LINES - 1)
    prev = campaign.rows()[seq - 1][3]
    campaign.changed(
        ("UPDATE audit SET seq = -seq - 1 WHERE seq > ?", (seq,)),
        ("UPDATE audit SET seq = -seq WHERE seq < 0", ()),
        ("INSERT INTO audit VALUES (?, ?, '[]', ?)", (seq + 1, prev, link(seq + 1, prev, "[]"))),
    )
    return min(seq + 2, LINES)  # where it takes the place that the anchor names, the anchor speaks first


def _exchanged(campaign: TamperCampaign) -> int:
    one, other = sorted(campaign.rng.sample(range(1, LINES + 1), 2))
    campaign.changed(
        ("UPDATE audit SET seq = -1 WHERE seq = ?", (one,)),
        ("UPDATE audit SET seq = ? WHERE seq = ?", (one, other)),
        ("UPDATE audit SET seq = ? WHERE seq = -1", (other,)),
    )
    return one


def _rewritten(campaign: TamperCampaign) -> int:
    """One line with another text and the hash that fits it: the next one tells."""
    seq = campaign.a_line(LINES - 1)
    _, prev, payload, _ = campaign.rows()[seq - 1]
    text = payload.replace("press", "PRESS")
    campaign.changed(
        ("UPDATE audit SET payload = ?, hash = ? WHERE seq = ?", (text, link(seq, prev, text), seq))
    )
    return seq + 1


def _made_anew(campaign: TamperCampaign) -> int:
    """Everything from one line on, with hashes that fit: only the anchor tells, at the line it names."""
    seq = campaign.a_line()
    rows = campaign.rows()
    head = rows[seq - 2][3] if seq > 1 else GENESIS
    changes: list[tuple[str, tuple[object, ...]]] = []
    for number, _, payload, _ in rows[seq - 1 :]:
        text = payload.replace("press", "PRESS") if number == seq else payload
        digest = link(number, head, text)
        changes.append(
            (
                "UPDATE audit SET prev_hash = ?, payload = ?, hash = ? WHERE seq = ?",
                (head, text, digest, number),
            )
        )
        head = digest
    campaign.changed(*changes)
    return LINES


def _tail(campaign: TamperCampaign) -> int:
    seq = campaign.a_line()
    campaign.changed(("DELETE FROM audit WHERE seq >= ?", (seq,)))
    return seq


def _anchor_out(campaign: TamperCampaign) -> int:
    (campaign.copy / ANCHOR_FILE).unlink()
    return LINES + 1


def _anchor_byte(campaign: TamperCampaign) -> int:
    """One digit of the anchor's hash."""
    path = campaign.copy / ANCHOR_FILE
    text = path.read_text()
    place = campaign.rng.randrange(3, len(text) - 1)
    digit = campaign.rng.choice([d for d in "0123456789abcdef" if d != text[place]])
    path.write_text(text[:place] + digit + text[place + 1 :])
    return LINES


KINDS: dict[str, Callable[[TamperCampaign], int]] = {
    "byte of a line": _byte,
    "number of a line": _number,
    "line taken out": _row_out,
    "line taken out, rest renumbered": _row_out_and_renumbered,
    "line put in": _row_in,
    "two lines exchanged": _exchanged,
    "line rewritten with its hash": _rewritten,
    "rest made anew": _made_anew,
    "tail cut off": _tail,
    "anchor taken away": _anchor_out,
    "anchor changed": _anchor_byte,
}


async def _write(folder: Path) -> None:
    with hold_folder(folder) as lock:
        async with open_storage(lock, ManualClock(NOW)) as storage:
            for number in range(LINES):
                line = Audit(Ms(NOW + number), None, "press", f"T-{number}", f"detail «{number}»")
                await storage.store.append_audit(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tamperings", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        campaign = TamperCampaign(told.seed, Path(folder))
        began = time.perf_counter()
        figures = campaign.run(told.tamperings)
        took = time.perf_counter() - began
    for kind, times in figures.tried.items():
        sys.stdout.write(f"{times:6} {kind}\n")
    sys.stdout.write(f"{figures.tried.total()} tamperings in {took:.1f} s, {len(figures.missed)} missed\n")
    sys.stdout.writelines(f"{miss}\n" for miss in figures.missed[:20])
    sys.exit(1 if figures.missed else 0)


if __name__ == "__main__":
    main()

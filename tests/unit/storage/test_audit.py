"""The chain: any byte of any line that changes is found and the line is named."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.effects import Audit
from engine.domain.units import Ms
from storage.audit import GENESIS, ChainBroken, ChainIntact, link, verify_chain
from storage.codec import decode_audit
from storage.readonly import verify_audit
from storage.store import LedgerStore
from tests.unit.storage.builders import BEN, NOW
from tests.unit.storage.rows import read

LINES = 6


def line(number: int) -> Audit:
    who = BEN if number % 2 else None
    return Audit(Ms(NOW + number), who, "press", f"T-{number}", f"detail «{number}»")


async def write(store: LedgerStore, folder: Path, lines: int = LINES) -> Path:
    for number in range(lines):
        await store.append_audit(line(number))
    return folder / "ledger.db"


def unguarded(path: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Change lines as somebody would who can write the file: without the triggers, then as they were."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER IF EXISTS audit_fixed")
        connection.execute("DROP TRIGGER IF EXISTS audit_kept")
        for sql, parameters in statements:
            connection.execute(sql, parameters)


async def test_chain_of_an_empty_ledger_is_intact(storage, lock):
    assert verify_audit(lock.folder) == ChainIntact(0, GENESIS)


async def test_chain_is_intact_and_its_lines_come_back(storage, lock):
    path = await write(storage.store, lock.folder)
    rows = read(path, "SELECT seq, prev_hash, payload, hash FROM v_audit ORDER BY seq")

    assert verify_audit(lock.folder) == ChainIntact(LINES, rows[-1]["hash"])
    assert [row["seq"] for row in rows] == list(range(1, LINES + 1))
    assert [decode_audit(row["payload"]) for row in rows] == [line(number) for number in range(LINES)]
    assert [row["prev_hash"] for row in rows] == [GENESIS, *(row["hash"] for row in rows[:-1])]


async def test_same_line_twice_has_two_hashes(storage, lock):
    await storage.store.append_audit(line(0))
    await storage.store.append_audit(line(0))

    hashes = {row["hash"] for row in read(lock.folder / "ledger.db", "SELECT hash FROM audit")}
    assert len(hashes) == 2


@pytest.mark.parametrize("seed", range(60))
async def test_any_changed_byte_of_any_line_names_that_line(storage, lock, seed):
    path = await write(storage.store, lock.folder)
    rng = random.Random(seed)
    seq, column = rng.randint(1, LINES), rng.choice(["payload", "hash", "prev_hash"])
    text = read(path, f"SELECT {column} AS text FROM audit WHERE seq = ?", seq)[0]["text"]
    place = rng.randrange(len(text))
    other = rng.choice([c for c in "0123456789abcdef{}x " if c != text[place]])
    unguarded(
        path,
        (f"UPDATE audit SET {column} = ? WHERE seq = ?", (text[:place] + other + text[place + 1 :], seq)),
    )

    verdict = verify_audit(lock.folder)

    assert isinstance(verdict, ChainBroken), f"seed {seed}"
    assert verdict.seq == seq, f"seed {seed}"


@pytest.mark.parametrize("seq", range(1, LINES))
async def test_line_taken_out_is_named(storage, lock, seq):
    path = await write(storage.store, lock.folder)
    unguarded(path, ("DELETE FROM audit WHERE seq = ?", (seq,)))

    assert verify_audit(lock.folder) == ChainBroken(
        seq, f"expected line {seq}, found line {seq + 1}: lines are missing"
    )


async def test_line_taken_out_with_the_rest_renumbered_is_found(storage, lock):
    path = await write(storage.store, lock.folder)
    unguarded(
        path,
        ("DELETE FROM audit WHERE seq = 3", ()),
        ("UPDATE audit SET seq = seq - 1 WHERE seq > 3", ()),
    )

    verdict = verify_audit(lock.folder)

    assert isinstance(verdict, ChainBroken)
    assert verdict.seq == 3


async def test_line_rewritten_with_a_fitting_hash_breaks_the_next(storage, lock):
    path = await write(storage.store, lock.folder)
    forged = read(path, "SELECT payload, prev_hash FROM audit WHERE seq = 2")[0]
    payload = forged["payload"].replace("T-1", "T-9")
    unguarded(
        path,
        (
            "UPDATE audit SET payload = ?, hash = ? WHERE seq = 2",
            (payload, link(2, forged["prev_hash"], payload)),
        ),
    )

    assert verify_audit(lock.folder) == ChainBroken(3, "its link to the line before was changed")


async def test_two_lines_exchanged_name_the_first(storage, lock):
    path = await write(storage.store, lock.folder)
    unguarded(
        path,
        ("UPDATE audit SET seq = -1 WHERE seq = 2", ()),
        ("UPDATE audit SET seq = 2 WHERE seq = 4", ()),
        ("UPDATE audit SET seq = 4 WHERE seq = -1", ()),
    )

    verdict = verify_audit(lock.folder)

    assert isinstance(verdict, ChainBroken)
    assert verdict.seq == 2


@given(
    st.integers(0, 10**9), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5)
)
def test_link_tells_its_parts_apart(seq, a, b, c, d):
    """Hash and payload are fixed-width or last, so no two lines share a text."""
    one, other = (f"{a.encode().hex():0<64}"[:64], b), (f"{c.encode().hex():0<64}"[:64], d)
    texts = [part.encode("utf-8", "replace").decode() for part in (b, d)]

    same = link(seq, one[0], texts[0]) == link(seq, other[0], texts[1])

    assert same == ((one[0], texts[0]) == (other[0], texts[1]))


def test_verdict_needs_the_first_line():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT 2 AS seq, '' AS prev_hash, '' AS payload, '' AS hash")

        assert verify_chain(rows, None) == ChainBroken(1, "expected line 1, found line 2: lines are missing")

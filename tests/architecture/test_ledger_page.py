"""docs/ledger.md describes every view of the ledger, column by column, as it is."""

import re
import sqlite3
from contextlib import closing

import pytest

from engine.clock import ManualClock
from storage.files import open_storage
from storage.lock import hold_folder
from tests.checker.evidence import VIEWS
from tests.support.tree import ROOT


def told() -> dict[str, list[str]]:
    """View to columns, by the page."""
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    sections = re.split(r"^### (v_\w+)$", text, flags=re.MULTILINE)[1:]
    return {
        name: re.findall(r"^\| `(\w+)` \|", body.partition("\n## ")[0], flags=re.MULTILINE)
        for name, body in zip(sections[::2], sections[1::2], strict=True)
    }


@pytest.fixture
async def views(tmp_path):
    with hold_folder(tmp_path) as lock:
        async with open_storage(lock, ManualClock()):
            pass
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
        names = [row[0] for row in ledger.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")]
        return {
            name: [row[0] for row in ledger.execute("SELECT name FROM pragma_table_info(?)", (name,))]
            for name in names
        }


async def test_page_tells_every_view_with_its_columns_in_order(views):
    assert told() == views


async def test_checker_reads_every_view_about_orders(views):
    assert set(VIEWS) == views.keys() - {"v_review", "v_act"}

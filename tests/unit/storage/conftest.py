"""A data folder of its own for every test, held and opened as the desk does."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.clock import ManualClock
from storage.files import Storage, open_storage
from storage.lock import FolderLock, hold_folder
from tests.unit.storage.builders import NOW


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[FolderLock]:
    with hold_folder(tmp_path / "desk") as held:
        yield held


@pytest.fixture
async def storage(lock: FolderLock, clock: ManualClock) -> AsyncIterator[Storage]:
    async with open_storage(lock, clock) as opened:
        yield opened

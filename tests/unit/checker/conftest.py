"""One clean day, played once; every test spoils a copy of its own."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.checker.scene import Scene, play


@pytest.fixture(scope="session")
def clean_day(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder: Path = tmp_path_factory.mktemp("desk")
    return asyncio.run(play(folder))


@pytest.fixture
def scene(clean_day: Scene) -> Scene:
    return clean_day.copy()

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from engine.ports import Store
from storage.files import open_storage
from storage.store import LedgerStore
from tests.unit.storage.load_contract import LoadContract
from tests.unit.storage.store_contract import Reopen, StoreContract


def as_port(store: LedgerStore) -> Store:
    """Type-checks only if the class has the port's shape."""
    return store


class TestLedgerStore(StoreContract, LoadContract):
    @pytest.fixture
    async def stack(self) -> AsyncIterator[AsyncExitStack]:
        async with AsyncExitStack() as stack:
            yield stack

    @pytest.fixture
    async def store(self, lock, clock, stack) -> Store:
        return as_port((await stack.enter_async_context(open_storage(lock, clock))).store)

    @pytest.fixture
    def reopen(self, lock, clock, stack) -> Reopen:
        async def again() -> Store:
            await stack.aclose()
            return as_port((await stack.enter_async_context(open_storage(lock, clock))).store)

        return again

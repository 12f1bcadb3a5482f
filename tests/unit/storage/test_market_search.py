"""Stored markets by what people call them: the surest name first, delisted ones last."""

from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.domain.market import EventGroup
from engine.domain.units import Ms
from engine.ports import StoreError
from storage.files import open_storage
from storage.lock import hold_folder
from storage.market_search import FOUND_MAX
from storage.readonly import read_named_markets
from tests.unit.storage.builders import NOW, event, market


async def stored(folder: Path, *reads: tuple[EventGroup, ...]) -> None:
    with hold_folder(folder) as lock:
        async with open_storage(lock, ManualClock()) as storage:
            for number, events in enumerate(reads):
                await storage.store.save_catalogue(events, Ms(NOW + number))


async def test_market_is_found_by_its_names_with_both_tokens_and_its_event(tmp_path):
    await stored(tmp_path, (event(),))
    wanted = market(1)

    for what in (wanted.condition_id, wanted.yes, wanted.no, wanted.question, wanted.question.upper()):
        (found,) = read_named_markets(tmp_path, what)
        assert (found.condition_id, found.yes, found.no) == (wanted.condition_id, wanted.yes, wanted.no)
        assert (found.code, found.event) == ("fed5", "Fed decision in December")


async def test_children_of_an_event_come_in_the_listings_order(tmp_path):
    await stored(tmp_path, (event(),))

    found = read_named_markets(tmp_path, "fed5")

    assert [row.condition_id for row in found] == [market(number).condition_id for number in range(3)]


async def test_delisted_market_is_found_behind_the_listed_ones(tmp_path):
    old = event("1", "aaa", (market(7),))
    new = event("2", "zzz", (market(8),))
    await stored(tmp_path, (old, new), (new,))

    assert [row.code for row in read_named_markets(tmp_path, "will it be")] == ["zzz", "aaa"]


async def test_words_that_fit_very_much_find_a_bounded_number(tmp_path):
    await stored(tmp_path, (event(markets=tuple(market(number) for number in range(FOUND_MAX + 5))),))

    assert len(read_named_markets(tmp_path, "will")) == FOUND_MAX


async def test_unknown_name_finds_nothing(tmp_path):
    await stored(tmp_path, (event(),))

    assert read_named_markets(tmp_path, "' OR 1 = 1 --") == ()


def test_folder_without_a_catalogue_says_so(tmp_path):
    with pytest.raises(StoreError, match="no desk has run there"):
        read_named_markets(tmp_path, "fed5")

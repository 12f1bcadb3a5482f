"""Mutated listings: every event is read as it was, read as lacking something, or skipped by name."""

import json
from random import Random
from typing import Any

import pytest

from engine.domain.catalogue import SkippedEvent
from engine.venue.gamma import GammaEvent, GammaMarket, read_events_page
from tests.support.venue_catalogue import Json, event_row, events_page, market_row

ODD: tuple[Any, ...] = (None, "", "[]", "{}", "null", '["1", "1"]', "0x", "0x12", "\u0130", "1" * 90)
ODD += ([], {}, [[]], 0, -1, 0.5, 1e300, 7, True)
NAMES = ("condition_id", "market_id", "market", "id", "tokens", "name", "question", "slug")


def mutated(random: Random) -> Json:
    rows = [market_row(number) for number in (1, 2, 3)]
    for _ in range(random.randint(1, 4)):
        row = random.choice(rows)
        key = random.choice([*row, *NAMES])
        action = random.randrange(4)
        if action == 0:
            row.pop(key, None)
        elif action == 1:
            row[key] = random.choice(ODD)
        elif action == 2:
            row[random.choice(NAMES)] = row.get(key)
        else:
            row[key] = random.choice(rows).get(key)
    return event_row("1", *rows)


@pytest.mark.parametrize("seed", range(20))
def test_mutated_event_is_read_or_named_and_never_given_foreign_tokens(seed):
    random = Random(seed)
    for turn in range(500):
        event = mutated(random)
        (read,) = read_events_page(events_page(event)).events
        if isinstance(read, SkippedEvent):
            assert read.detail, f"seed {seed} turn {turn}"
            continue
        assert isinstance(read, GammaEvent)
        assert len(read.children) == 3, f"seed {seed} turn {turn}: a set that looks complete"
        for child, row in zip(read.children, event["markets"], strict=True):
            if isinstance(child, GammaMarket):
                market = child.market
                told = json.dumps(row)
                assert market.condition_id in told, f"seed {seed} turn {turn}"
                assert market.yes in told, f"seed {seed} turn {turn}"
                assert market.terms.tick > 0

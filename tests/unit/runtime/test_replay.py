"""Replaying: the hash sees every difference, the pace follows the recording, runs begin empty."""

import random
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.core.feed.inlet import Checked, FeedInput, Heard, Linked
from engine.domain.book import LiveBook
from engine.domain.units import Ms
from engine.runtime.replay import Pace, Replay, books_digest
from engine.venue.wire import decode_books, decode_market
from storage.recorder import Limits
from tests.support.market_stream import NO, YES
from tests.support.recordings import record, replayed, stream


def ran(inputs: list[FeedInput]) -> Replay:
    replay = Replay(decode_market, decode_books)
    replay.begin(200)
    replay.take(inputs)
    return replay


def test_same_inputs_give_the_same_hash_and_books():
    first, second = ran(list(stream(60))), ran(list(stream(60)))

    assert first.tally.digest() == second.tally.digest()
    assert books_digest(first.books()) == books_digest(second.books())
    assert first.tally.effects > 10
    assert first.tally.counts == second.tally.counts


@pytest.mark.parametrize("seed", range(10))
def test_losing_any_message_of_a_book_changes_the_hash(seed: int):
    inputs = list(stream(60))
    whole = ran(inputs).tally.digest()
    heard = [n for n, x in enumerate(inputs) if isinstance(x, Heard) and b"price_change" in x.raw]
    lost = random.Random(seed).choice(heard)

    assert ran(inputs[:lost] + inputs[lost + 1 :]).tally.digest() != whole, f"seed {seed}, input {lost}"


def test_another_time_of_a_check_changes_the_hash():
    inputs = list(stream(60))
    moved = [x._replace(at_ms=Ms(x.at_ms + 1)) if isinstance(x, Checked) else x for x in inputs]

    assert ran(inputs).tally.digest() != ran(moved).tally.digest()


def test_split_recording_replays_as_the_whole_one(tmp_path: Path):
    inputs = stream(200)
    record(tmp_path / "one", inputs)
    record(tmp_path / "many", inputs, limits=Limits(file_ms=3_000))

    one, many = replayed(tmp_path / "one"), replayed(tmp_path / "many")

    assert len(list((tmp_path / "many").iterdir())) > 3
    assert one.tally.digest() == many.tally.digest() == ran(list(inputs)).tally.digest()
    assert books_digest(one.books()) == books_digest(many.books())


def test_second_run_of_a_folder_begins_with_an_empty_core(tmp_path: Path):
    inputs = stream(40)
    record(tmp_path, inputs, run="one")
    record(tmp_path, inputs, run="two")

    both, alone = replayed(tmp_path), ran(list(inputs))

    assert both.tally.total == 2 * len(inputs)
    assert both.status() == alone.status()
    assert books_digest(both.books()) == books_digest(alone.books())


def test_later_file_alone_comes_to_live_books_by_its_snapshots(tmp_path: Path):
    """Its first changes meet no book; the recorded answers and dumps restore what they can."""
    inputs = [x for x in stream(300) if not (isinstance(x, Linked) and not x.up)]
    recorder = record(tmp_path, inputs, limits=Limits(file_ms=2_000))

    replay = replayed(*recorder.files[1:])

    assert {token.token_id for token in replay.tracked} == {YES, NO}
    assert replay.status().resyncs > 0
    assert all(isinstance(book, LiveBook) for book in replay.books().values())


def test_recorded_time_is_waited_for_at_the_factor_and_no_longer():
    clock = ManualClock(5_000)
    pace = Pace(clock, 10.0)

    assert pace.due_in_s(Ms(1_000)) == 0
    assert pace.due_in_s(Ms(3_000)) == pytest.approx(0.2)
    clock.advance(150)
    assert pace.due_in_s(Ms(3_000)) == pytest.approx(0.05)
    clock.advance(1_000)
    assert pace.due_in_s(Ms(3_000)) == 0


def test_replay_asks_for_every_recorded_time_in_order():
    inputs = list(stream(20))
    asked: list[Ms] = []
    replay = Replay(decode_market, decode_books, wait_until=asked.append)
    replay.begin(200)
    replay.take(inputs)

    assert asked == [entry.at_ms for entry in inputs]


def test_books_hash_tells_a_missing_book_from_one_that_is_there():
    books = ran(list(stream(20))).books()
    gone: dict[str, LiveBook | None] = {**books, YES: None}

    assert books_digest(books) != books_digest(gone)

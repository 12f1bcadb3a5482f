"""The replay benchmark is fair: the file holds the stream, both lanes come to the stream's tops of book."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from engine.core.feed.inlet import Checked, Heard, Linked, Tracked
from tests.benchmarks.bench_replay import inputs_of, race_recording, record_stream
from tests.benchmarks.stream import BUSY, make_stream
from tests.support import recordings

MIX = replace(BUSY, markets=3)


def test_recording_holds_the_whole_stream_with_a_check_a_second(tmp_path: Path):
    stream = make_stream(MIX, 3_000, 1)

    files = record_stream(stream, tmp_path)

    found = recordings.inputs_of(recordings.pieces(*files))
    assert found == list(inputs_of(stream))
    kinds = Counter(map(type, found))
    seconds = (stream.times[-1] - stream.times[0]) // 1_000
    assert kinds[Heard] == len(stream.dump) + len(stream.frames)
    assert kinds[Tracked] == kinds[Linked] == 1
    assert seconds - 2 <= kinds[Checked] <= seconds + 1


def test_both_lanes_take_every_frame_and_agree_with_the_stream(tmp_path: Path):
    stream = make_stream(MIX, 1_700, 2)
    files = record_stream(stream, tmp_path)

    times = race_recording(stream, files, rounds=2)

    assert len(times.memory) == len(times.replay) == 2
    assert min(times.memory + times.replay) > 0
    share = times.share()
    assert 0 < share.low <= share.median <= share.high

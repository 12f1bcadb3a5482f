"""A recording gives back what went in, byte for byte, and tells the truth about how it ends."""

import json
import threading
from pathlib import Path

import pytest
import zstandard

from engine.core.feed.inlet import BooksAnswered, Checked, FeedInput, Heard, Linked, Tracked
from engine.domain.ids import TokenId
from engine.domain.units import Ms
from storage import recording
from storage.recorder import ROTATED, STOPPED, Limits, Recorder, RecordingError, _Output
from storage.recording import Closed, Damaged, Opened, recording_paths
from storage.recording_lines import EndLine, encode, encode_input
from tests.support.recordings import LINE, ODD, head, inputs_of, pieces, record, stream


def plain(file: Path) -> bytes:
    with file.open("rb") as raw:
        return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()


def rewritten(file: Path, text: bytes) -> None:
    file.write_bytes(zstandard.ZstdCompressor().compress(text))


def test_every_kind_of_input_comes_back_as_it_went_in(tmp_path: Path):
    inputs = stream()

    recorder = record(tmp_path, inputs)

    found = pieces(tmp_path)
    assert inputs_of(found) == list(inputs)
    assert found[-1] == Closed(recorder.files[0], STOPPED, 0, 0)
    assert recorder.failed is None
    assert recorder.bytes_written == recorder.files[0].stat().st_size


@pytest.mark.parametrize("raw", ODD, ids=lambda raw: repr(raw[:12]))
def test_odd_bytes_come_back_unchanged_as_message_and_as_body(tmp_path: Path, raw: bytes):
    asked = (TokenId("1"), TokenId("2"))
    inputs: list[FeedInput] = [
        Heard(Ms(1), LINE, raw),
        BooksAnswered(Ms(2), asked, (b"[]", raw)),
        Checked(Ms(3)),
    ]

    record(tmp_path, inputs)

    assert inputs_of(pieces(tmp_path)) == inputs


def test_line_of_json_is_readable_and_anything_else_is_base64():
    assert encode_input(Heard(Ms(7), LINE, b'{"a": 1}')) == b'{"k":"frame","t":7,"c":0,"f":{"a": 1}}\n'
    assert encode_input(Heard(Ms(7), LINE, b"PONG")) == b'{"k":"frame64","t":7,"c":0,"f":"UE9ORw=="}\n'


def test_every_line_is_json_of_one_line_and_the_first_is_the_head(tmp_path: Path):
    recorder = record(tmp_path, stream())

    lines = plain(recorder.files[0]).decode().removesuffix("\n").split("\n")
    kinds = [json.loads(line)["k"] for line in lines]
    assert kinds[0] == "head"
    assert kinds[-1] == "end"
    assert {"track", "link", "frame", "frame64", "books", "books64", "nobooks", "check"} <= set(kinds)


def test_recording_rotates_by_size_and_goes_on_without_a_gap(tmp_path: Path):
    inputs = stream(200)

    recorder = record(tmp_path, inputs, limits=Limits(file_bytes=200))

    assert len(recorder.files) > 5
    found = pieces(tmp_path)
    heads = [piece for piece in found if isinstance(piece, Opened)]
    assert inputs_of(found) == list(inputs)
    assert [piece.head.file for piece in heads] == list(range(1, len(recorder.files) + 1))
    assert [piece.fresh for piece in heads] == [True] + [False] * (len(heads) - 1)
    assert [p.why for p in found if isinstance(p, Closed)] == [ROTATED] * (len(heads) - 1) + [STOPPED]


def test_recording_rotates_by_the_inputs_own_time(tmp_path: Path):
    began = head().began_ms
    inputs = [Checked(Ms(began + 1_000 * second)) for second in range(10)]

    recorder = record(tmp_path, inputs, limits=Limits(file_ms=3_000))

    assert len(recorder.files) == 4
    assert inputs_of(pieces(tmp_path)) == inputs


def test_later_file_alone_begins_with_what_is_watched_and_which_links_are_up(tmp_path: Path):
    inputs = stream(200)
    recorder = record(tmp_path, inputs, limits=Limits(file_bytes=200))

    opened = pieces(recorder.files[2])[0]

    assert isinstance(opened, Opened)
    assert opened.fresh
    tracked, linked = opened.opening()
    assert isinstance(tracked, Tracked)
    assert isinstance(inputs[0], Tracked)
    assert tracked.tokens == inputs[0].tokens
    assert linked == Linked(Ms(opened.head.began_ms), LINE, up=True)


def test_folder_is_resumed_with_the_next_number_and_nothing_is_overwritten(tmp_path: Path):
    first = record(tmp_path, stream(), run="one")
    kept = first.files[0].read_bytes()
    (tmp_path / "notes.txt").write_text("not ours")

    second = record(tmp_path, stream(5), run="two")

    assert [file.name for file in (*first.files, *second.files)] == ["000001.jsonl.zst", "000002.jsonl.zst"]
    assert first.files[0].read_bytes() == kept
    heads = [piece for piece in pieces(tmp_path) if isinstance(piece, Opened)]
    assert [(piece.head.run, piece.fresh) for piece in heads] == [("one", True), ("two", True)]


def test_file_that_is_not_closed_yet_can_be_read_after_the_next_flush(tmp_path: Path):
    """What a kill -9 leaves: everything but the last half second, and no last line."""
    recorder = Recorder(tmp_path, head())
    inputs = stream(200)
    for entry in inputs:
        recorder.write(entry)
    ticks = threading.Event()
    for _ in range(500):
        found = pieces(tmp_path)
        if len(inputs_of(found)) == len(inputs):
            break
        ticks.wait(0.02)

    assert inputs_of(found) == list(inputs)
    assert found[-1] == Closed(recorder.files[0], None, 0, 0)
    recorder.close()


def test_file_torn_at_any_byte_gives_every_whole_line_before_the_tear(tmp_path: Path):
    inputs = list(stream(6))
    recorder = Recorder(tmp_path, head())
    for number, entry in enumerate(inputs):
        recorder.write(entry)
        if number == len(inputs) // 2:
            recorder._output.flush()
    recorder.close()
    whole = recorder.files[0].read_bytes()
    torn = tmp_path / "000002.jsonl.zst"
    read = 0
    for size in range(len(whole)):
        torn.write_bytes(whole[:size])
        found = pieces(torn)
        kept = inputs_of(found)
        assert kept == inputs[: len(kept)]
        assert len(kept) >= read, f"{size} bytes give less than {size - 1}"
        assert isinstance(found[-1], Closed)
        # The four bytes of the checksum may be missing when every line, the last included, is there.
        assert found[-1].why is None or (kept == inputs and size >= len(whole) - 7)
        read = len(kept)
    assert read == len(inputs)


@pytest.mark.parametrize("chunk", [1, 4_096, 32_768])
def test_file_cut_off_after_a_flush_gives_everything_up_to_it(tmp_path: Path, monkeypatch, chunk: int):
    """Blocks of zstd are larger than what is read at once: none of a block may be kept back."""
    inputs = stream(400)
    output = _Output(tmp_path, head())
    for entry in inputs:
        output.put(entry)
    output.flush()
    monkeypatch.setattr(recording, "CHUNK", chunk)

    found = pieces(output.path)

    output.abandon("test", 0)
    assert inputs_of(found) == list(inputs)
    assert found[-1] == Closed(output.path, None, 0, 0)


def test_torn_tail_of_the_plain_text_is_told_in_bytes(tmp_path: Path):
    recorder = record(tmp_path, stream())
    text = plain(recorder.files[0])
    rewritten(recorder.files[0], text[:-10])

    assert pieces(tmp_path)[-1] == Closed(
        recorder.files[0], None, 0, len(text.removesuffix(b"\n").split(b"\n")[-1]) - 9
    )


def test_torn_file_that_another_of_its_run_follows_is_damage(tmp_path: Path):
    recorder = record(tmp_path, stream(200), limits=Limits(file_bytes=200))
    torn = recorder.files[1]
    torn.write_bytes(torn.read_bytes()[:-30])

    last = pieces(tmp_path)[-1]

    assert isinstance(last, Damaged)
    assert last.path == recorder.files[2]
    assert "the file before it ends too early" in last.what


def test_missing_file_of_a_run_is_damage(tmp_path: Path):
    recorder = record(tmp_path, stream(200), limits=Limits(file_bytes=200))
    recorder.files[1].unlink()

    last = pieces(tmp_path)[-1]

    assert isinstance(last, Damaged)
    assert "a file is missing" in last.what


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_flipped_bits_are_found_and_nothing_after_them_is_read(tmp_path: Path, place: float):
    recorder = record(tmp_path, stream(300))
    record(tmp_path, stream(), run="two")
    raw = bytearray(recorder.files[0].read_bytes())
    raw[int(len(raw) * place)] ^= 0x55
    recorder.files[0].write_bytes(raw)

    found = pieces(tmp_path)

    assert isinstance(found[-1], Damaged)
    assert not any(isinstance(piece, Opened) and piece.head.run == "two" for piece in found)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"{not json}\n", "malformed"),
        (b'{"k":"check"}\n', "missing required field"),
        (b'{"k":"unheard-of","t":1}\n', "Invalid value"),
        (encode(EndLine(1, STOPPED, 0)), "nothing after the last line"),
        (encode(head()), "a head in the first line only"),
    ],
)
def test_wrong_line_in_the_middle_is_damage_with_its_number(tmp_path: Path, line: bytes, what: str):
    inputs = stream(5)
    recorder = record(tmp_path, inputs)
    lines = plain(recorder.files[0]).splitlines(keepends=True)
    rewritten(recorder.files[0], b"".join([*lines[:10], line, *lines[10:]]))

    found = pieces(tmp_path)

    assert isinstance(found[-1], Damaged)
    assert what in found[-1].what
    assert found[-1].line in (11, 12)
    assert inputs_of(found) == list(inputs[:9])


def test_newer_format_is_refused(tmp_path: Path):
    recorder = record(tmp_path, stream(5))
    text = plain(recorder.files[0])
    rewritten(recorder.files[0], text.replace(b'"format":1', b'"format":2', 1))

    (damaged,) = pieces(tmp_path)

    assert isinstance(damaged, Damaged)
    assert "expected format 1, found 2" in damaged.what


def test_file_without_a_head_is_damage(tmp_path: Path):
    file = tmp_path / "000001.jsonl.zst"
    rewritten(file, encode_input(Checked(Ms(1))))

    assert pieces(tmp_path) == [Damaged(file, 1, "expected the head of a recording, found another line")]


@pytest.mark.parametrize("name", ["", "nothing-here", "nothing.jsonl.zst"])
def test_path_without_a_recording_is_refused(tmp_path: Path, name: str):
    with pytest.raises(RecordingError, match="expected a recording at"):
        recording_paths([tmp_path / name])


def test_disk_that_cannot_keep_up_ends_the_recording_and_says_so_in_the_file(tmp_path: Path):
    recorder = Recorder(tmp_path, head(), Limits(waiting_bytes=20_000))
    entry: FeedInput = Heard(Ms(head().began_ms), LINE, b'"' + b"a" * 9_000 + b'"')
    for _ in range(200):
        recorder.write(entry)
    recorder.close()

    assert recorder.failed is not None
    assert "the disk is too slow" in recorder.failed
    found = pieces(tmp_path)
    assert len(inputs_of(found)) + recorder.lost == 200
    assert isinstance(found[-1], Closed)
    assert found[-1].why == recorder.failed
    assert found[-1].lost > 0


def test_folder_that_is_gone_when_a_file_is_full_ends_the_recording(tmp_path: Path):
    folder = tmp_path / "out"
    folder.mkdir()
    recorder = Recorder(folder, head(), Limits(file_ms=1_000))
    began = head().began_ms
    (folder / "000001.jsonl.zst").unlink()
    folder.rmdir()

    recorder.write(Checked(Ms(began)))
    recorder.write(Checked(Ms(began + 1_000)))
    recorder.write(Checked(Ms(began + 2_000)))
    recorder.close()

    assert recorder.failed is not None
    assert recorder.failed.startswith("the disk refused: ")
    assert recorder.lost == 2

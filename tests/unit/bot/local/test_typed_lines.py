import asyncio
import os
import sys
import threading

import pytest

from bot.local.typed_lines import ThreadLines, WatchedLines, open_lines

KINDS = [WatchedLines, ThreadLines]


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


async def next_line(lines):
    async with asyncio.timeout(10):
        return await lines.next_line()


async def all_lines(lines):
    found = []
    while (line := await next_line(lines)) is not None:
        found.append(line)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        (b"/status\n", ["/status"]),
        (b"one\ntwo\n", ["one", "two"]),
        (b"no end", ["no end"]),
        (b"\n\nx\n", ["", "", "x"]),
        (b"dos\r\n", ["dos"]),
        ("中文 🔴\n".encode(), ["中文 🔴"]),
        (b"\xff bad\n", ["\ufffd bad"]),
        (b"", []),
    ],
)
async def test_lines_come_one_by_one_until_the_end(pipe, kind, typed, lines):
    reading, writing = pipe
    os.write(writing, typed)
    os.close(writing)

    assert await all_lines(kind(reading)) == lines


@pytest.mark.parametrize("kind", KINDS)
async def test_line_typed_later_is_waited_for_without_blocking_the_loop(pipe, kind):
    reading, writing = pipe
    source = kind(reading)
    waiting = asyncio.create_task(source.next_line())
    await asyncio.sleep(0)
    still_waiting = not waiting.done()

    os.write(writing, b"/kill\n")
    async with asyncio.timeout(10):
        line = await waiting
    source.close()

    assert (still_waiting, line) == (True, "/kill")


async def test_line_in_two_pieces_is_put_together(pipe):
    reading, writing = pipe
    source = WatchedLines(reading)
    os.write(writing, b"/du")
    waiting = asyncio.create_task(source.next_line())
    for _ in range(5):
        await asyncio.sleep(0)

    os.write(writing, b"tch\n")

    async with asyncio.timeout(10):
        assert await waiting == "/dutch"


async def test_lines_of_a_regular_file_are_read(tmp_path):
    path = tmp_path / "script"
    path.write_bytes(b"/start\n/status\n")

    with path.open("rb") as file:
        assert await all_lines(WatchedLines(file.fileno())) == ["/start", "/status"]


async def test_lines_cancelled_leave_what_is_typed_next_unread(pipe):
    reading, writing = pipe
    source = WatchedLines(reading)
    waiting = asyncio.create_task(source.next_line())
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    os.write(writing, b"for the shell\n")
    await asyncio.sleep(0)

    assert os.read(reading, 100) == b"for the shell\n"


async def test_lines_closed_twice_is_fine(pipe):
    source = WatchedLines(pipe[0])

    source.close()
    source.close()


async def test_lines_watched_by_the_loop_need_no_thread(pipe):
    before = threading.active_count()
    source = open_lines(pipe[0])
    os.write(pipe[1], b"x\n")

    line = await next_line(source)

    assert line == "x"
    if sys.platform != "win32":
        assert threading.active_count() == before

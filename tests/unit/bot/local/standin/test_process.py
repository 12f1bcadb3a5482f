import asyncio
import json
import os
import signal
import stat
import sys

import pytest

from bot.local.chat_client import ChatClient
from bot.local.people import ANA
from bot.local.standin.process import ADDRESS_FILE, run_standin
from tests.support.standin import until


async def address_in(folder):
    """Wait for the address file and return what it says."""
    path = folder / ADDRESS_FILE
    await until(path.exists)
    return json.loads(path.read_text(encoding="utf-8"))


async def ended(task):
    async with asyncio.timeout(20):
        await task


async def test_process_says_where_it_is_to_its_owner_alone(tmp_path):
    task = asyncio.create_task(run_standin(data_dir=tmp_path, port=0))
    address = await address_in(tmp_path)
    mode = stat.S_IMODE((tmp_path / ADDRESS_FILE).stat().st_mode)
    async with ChatClient(address["url"], address["chat_key"]) as person:
        seq = await person.say(ANA, "/start")
    os.kill(os.getpid(), signal.SIGTERM)
    await ended(task)

    assert (address["pid"], seq) == (os.getpid(), 1)
    assert mode == 0o600
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_process_ends_on_a_signal_and_removes_its_file(tmp_path, number):
    task = asyncio.create_task(run_standin(data_dir=tmp_path, port=0))
    await address_in(tmp_path)

    os.kill(os.getpid(), number)
    await ended(task)

    assert not (tmp_path / ADDRESS_FILE).exists()


async def test_process_cancelled_removes_its_file(tmp_path):
    task = asyncio.create_task(run_standin(data_dir=tmp_path, port=0))
    await address_in(tmp_path)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not (tmp_path / ADDRESS_FILE).exists()


async def test_process_nobody_calls_ends_as_an_orphan(tmp_path):
    await ended(asyncio.create_task(run_standin(data_dir=tmp_path, port=0, orphan_after_s=0)))

    assert not (tmp_path / ADDRESS_FILE).exists()


async def test_process_somebody_looks_at_is_no_orphan(tmp_path):
    task = asyncio.create_task(run_standin(data_dir=tmp_path, port=0, orphan_after_s=1))
    address = await address_in(tmp_path)

    async with ChatClient(address["url"], address["chat_key"]) as person:
        seen = await person.look(0, wait_s=2.5)
        alive = not task.done()
    await ended(task)

    assert (seen.latest, alive) == (0, True)


async def test_process_leaves_a_later_ones_file_alone(tmp_path):
    task = asyncio.create_task(run_standin(data_dir=tmp_path, port=0))
    await address_in(tmp_path)
    later = json.dumps({"url": "http://127.0.0.1:1", "chat_key": "k", "pid": -1})
    (tmp_path / ADDRESS_FILE).write_text(later, encoding="utf-8")

    os.kill(os.getpid(), signal.SIGTERM)
    await ended(task)

    assert (tmp_path / ADDRESS_FILE).read_text(encoding="utf-8") == later


async def test_process_without_its_folder_fails_and_stops_listening(tmp_path):
    with pytest.raises(FileNotFoundError):
        await run_standin(data_dir=tmp_path / "missing", port=0)


async def test_process_of_its_own_is_reached_and_ends_on_sigterm(tmp_path):
    code = (
        "import asyncio, pathlib, sys\n"
        "from bot.local.standin.process import run_standin\n"
        "asyncio.run(run_standin(data_dir=pathlib.Path(sys.argv[1]), port=0))\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-W", "error", "-c", code, str(tmp_path))
    try:
        address = await address_in(tmp_path)
        async with ChatClient(address["url"], address["chat_key"]) as person:
            seq = await person.say(ANA, "/start")
        child.terminate()
        async with asyncio.timeout(20):
            status = await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()

    assert (address["pid"], seq, status) == (child.pid, 1, 0)
    assert not (tmp_path / ADDRESS_FILE).exists()

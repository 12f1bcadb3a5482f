"""The exchange as a process: it says where it listens, leaves nothing behind, ends unused."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from aiohttp import ClientSession

from engine.simulator.process import ADDRESS_FILE, run_exchange
from tests.support.local_exchange import until

SCRIPT = (
    "import asyncio, sys; from pathlib import Path; from engine.simulator.process import run_exchange; "
    "asyncio.run(run_exchange(data_dir=Path(sys.argv[1]), port=0, seed=1))"
)
DEADLINE_S = 20


async def address_in(folder: Path) -> dict[str, object]:
    """Wait for the address file and return it; it must be complete whenever it can be seen."""
    await until((folder / ADDRESS_FILE).exists, DEADLINE_S)
    found: dict[str, object] = json.loads((folder / ADDRESS_FILE).read_text())
    return found


async def test_process_serves_until_sigterm_and_removes_its_file(tmp_path):
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SCRIPT, str(tmp_path))
    try:
        address = await address_in(tmp_path)
        assert address["pid"] == process.pid
        assert str(address["ws_url"]).startswith("ws://127.0.0.1:")
        async with ClientSession() as session, session.get(f"{address['url']}/_local/health") as answer:
            assert await answer.json() == {"ok": True}

        process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(process.wait(), DEADLINE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert status == 0
    assert list(tmp_path.iterdir()) == []


async def test_orphan_ends_itself_when_nobody_asks(tmp_path):
    async with asyncio.timeout(DEADLINE_S):
        await run_exchange(data_dir=tmp_path, port=0, seed=1, orphan_after_s=0)

    assert list(tmp_path.iterdir()) == []


async def test_idle_time_counts_from_the_last_request_and_not_while_a_socket_is_open(
    exchange, session, trader, clock
):
    clock.advance(500)
    assert exchange.idle_ms == 500
    await trader.get("/ok")
    assert exchange.idle_ms == 0

    async with session.ws_connect(f"{exchange.ws_url}/ws/market") as socket:
        await socket.send_str("PING")
        assert (await socket.receive()).data == "PONG"
        clock.advance(3_600_000)
        assert exchange.idle_ms == 0
    await until(lambda: exchange.open_sockets == 0)
    clock.advance(700)

    assert exchange.idle_ms == 700


async def test_process_leaves_another_ones_file_alone(tmp_path):
    task = asyncio.create_task(run_exchange(data_dir=tmp_path, port=0, seed=1, orphan_after_s=1))
    await address_in(tmp_path)
    (tmp_path / ADDRESS_FILE).write_text("{}")

    async with asyncio.timeout(DEADLINE_S):
        await task

    assert (tmp_path / ADDRESS_FILE).read_text() == "{}"


async def test_process_serves_the_wide_catalogue_it_is_asked_for(tmp_path):
    running = asyncio.create_task(run_exchange(data_dir=tmp_path, port=0, seed=1, wide=2))
    try:
        address = await address_in(tmp_path)
        async with ClientSession() as session, session.get(f"{address['url']}/_local/status") as answer:
            events = (await answer.json())["events"]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert {"fed-decision-in-december", "coast-party-nominee", "parcel-1", "parcel-2"} <= set(events)

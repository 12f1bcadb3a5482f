"""`dutchdesk local` as a person runs it: the tour, Ctrl-C, a folder used again."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TOUR_WITHIN_S = 180


async def local(*arguments: object) -> asyncio.subprocess.Process:
    """Start the command without a terminal."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "local",
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def finished(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Wait for the end and return status, output and errors."""
    out, err = await asyncio.wait_for(process.communicate(), TOUR_WITHIN_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def children_of(data: Path) -> list[int]:
    """Wait until both children have written where they are; return their pids."""
    async with asyncio.timeout(TOUR_WITHIN_S):
        while not all((data / name).exists() for name in ("exchange.json", "standin.json")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return [
        json.loads((data / name).read_text(encoding="utf-8"))["pid"]
        for name in ("exchange.json", "standin.json")
    ]


async def test_tour_without_a_terminal_ends_with_status_0_and_every_card(tmp_path: Path) -> None:
    status, shown, errors = await finished(await local("--data", tmp_path / "data"))

    assert status == 0, errors + shown[-2_000:]
    for card in ("hello", "scan", "dry · Dutch fed5", "confirm · Dutch fed5", "sending", "matched, settling"):
        assert card in shown, f"the tour did not show {card!r}"
    for card in ("settled: margin", "resync", "reject", "broken · Dutch harbour3", "killed", "done · Resume"):
        assert card in shown, f"the tour did not show {card!r}"
    assert shown.rstrip().splitlines()[-1].startswith("The tour is complete:")
    assert "RUN" in shown[shown.rindex("status · desk") :]
    assert "\x1b" not in shown, "colour codes have no place in a pipe"
    assert not list((tmp_path / "data").glob("*.json")), (
        "the children are ended and took their addresses along"
    )


async def test_secret_of_the_install_key_and_token_are_in_no_file_of_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    status, shown, errors = await finished(await local("--data", data))
    assert status == 0, errors

    key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    for file in data.iterdir():
        content = file.read_bytes()
        assert key.encode() not in content, f"{file.name} holds the private key"
        assert bytes.fromhex(key) not in content, f"{file.name} holds the private key"
    assert key not in shown + errors


async def test_ctrl_c_ends_desk_and_children_and_the_folder_can_be_used_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = await local("--data", data)
    children = await children_of(data)

    process.send_signal(signal.SIGINT)
    status, _, errors = await finished(process)

    assert status == 0, errors
    assert "Traceback" not in errors
    assert not any(alive(pid) for pid in children)
    status, shown, errors = await finished(await local("--data", data, "--tour"))
    assert status == 0, errors + shown[-2_000:]


async def test_terminated_desk_ends_its_children_even_while_it_starts(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = await local("--data", data)
    async with asyncio.timeout(TOUR_WITHIN_S):
        while not (data / "exchange.json").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    exchange = json.loads((data / "exchange.json").read_text(encoding="utf-8"))["pid"]

    process.send_signal(signal.SIGTERM)
    status, _, errors = await finished(process)

    assert status == 0, errors
    assert not alive(exchange)
    assert not (data / "standin.json").exists(), "no half-started child stays behind"


async def test_killed_desk_leaves_its_exchange_and_the_next_desk_adopts_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = await local("--data", data)
    children = await children_of(data)
    first.kill()
    await first.communicate()
    assert all(alive(pid) for pid in children), "the venue's ledger must outlive a killed desk"

    second = await local("--data", data, "--tour")
    status, shown, errors = await finished(second)

    assert status == 0, errors + shown[-2_000:]
    assert not any(alive(pid) for pid in children), "adopted children end with the desk that adopted them"


async def test_exchange_that_cannot_start_is_told_in_a_sentence(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "exchange.log").mkdir()  # the log's place is taken

    status, _, errors = await finished(await local("--data", data))

    assert status != 0
    assert "exchange.log" in errors

"""`run-service` as a whole process, and the commands that reach it from outside: orders, reconcile, kill."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

import pytest

from engine.simulator.process import ADDRESS_FILE

pytestmark = pytest.mark.slow

READY_WITHIN_S = 90
ORDER = ("--event", "coin", "--outcome", "YES", "--side", "BUY", "--price", "0.99", "--size", "10")


async def started(*arguments: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ran(*arguments: object) -> tuple[int, str, str]:
    process = await started(*arguments)
    out, err = await asyncio.wait_for(process.communicate(), READY_WITHIN_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_service_is_ordered_reconciled_and_killed_from_outside(tmp_path: Path) -> None:
    data, toml = tmp_path / "data", tmp_path / "service.toml"
    toml.write_text(files("config").joinpath("service.example.toml").read_text(encoding="utf-8"), "utf-8")
    service = await started("run-service", "--config", toml, "--data", data)
    log: list[str] = []
    assert service.stderr is not None
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            async for line in service.stderr:
                log.append(line.decode())
                if '"ready"' in log[-1]:
                    break
        status, out, err = await ran(
            "relayer-live-order", *ORDER, "--config", toml, "--data", data, "--confirm-live", "--as-json"
        )
        assert status == 0, err
        assert json.loads(out)["placed"] == 1

        status, out, err = await ran("reconcile", "--data", data, "--json")
        assert status == 0, err
        assert json.loads(out)["foreign"] == 0

        status, out, _ = await ran("kill", "--data", data)
        assert status == 0
        assert out.startswith("halted:")
        status, out, _ = await ran("health", "--data", data, "--json")
        assert (status, json.loads(out)["gate"]) == (1, "HALTED")
    finally:
        service.send_signal(signal.SIGTERM)
        _, rest = await asyncio.wait_for(service.communicate(), READY_WITHIN_S)

    assert service.returncode == 0, rest.decode()[-2_000:]
    assert any("crypto backend" in line for line in log), "the start-up checks run before the desk"
    status, _, err = await ran("reconcile", "--data", data)
    assert status == 1
    assert "expected a running desk" in err
    assert not (data / "admin.json").exists()


@asynccontextmanager
async def market_of_its_own(folder: Path) -> AsyncIterator[dict[str, str]]:
    """Run a local exchange in place of production: where a paper desk reads its market."""
    exchange = await started("exchange", "--data", folder)
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while not (folder / ADDRESS_FILE).exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
        yield json.loads((folder / ADDRESS_FILE).read_text(encoding="utf-8"))
    finally:
        exchange.send_signal(signal.SIGTERM)
        await asyncio.wait_for(exchange.communicate(), READY_WITHIN_S)


def paper_toml(address: dict[str, str]) -> str:
    """Return the shipped configuration in paper mode, its market read from an address of this machine."""
    text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
    url = address["url"]
    venue = f'[venue]\ngamma_url = "{url}"\nmarket_ws_url = "{address["ws_url"]}/ws/market"'
    for old, new in (
        ('\nmode = "local"', '\nmode = "paper"'),
        ("\n[relayer]", f'\n[relayer]\nbase_url = "{url}"'),
        ("\n[venue]", f"\n{venue}"),
    ):
        assert text.count(old) == 1, f"expected {old!r} once in the example"
        text = text.replace(old, new)
    return text


async def test_a_paper_service_trades_without_a_key_and_keeps_its_account(tmp_path: Path) -> None:
    data, toml = tmp_path / "data", tmp_path / "service.toml"
    async with market_of_its_own(tmp_path / "market") as address:
        toml.write_text(paper_toml(address), "utf-8")
        service = await started("run-service", "--config", toml, "--data", data)
        assert service.stderr is not None
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                async for line in service.stderr:
                    if b'"ready"' in line:
                        break
            status, out, err = await ran(
                "relayer-live-order", *ORDER, "--config", toml, "--data", data, "--confirm-live", "--as-json"
            )
            assert status == 0, err
            assert json.loads(out)["placed"] == 1
        finally:
            service.send_signal(signal.SIGTERM)
            _, rest = await asyncio.wait_for(service.communicate(), READY_WITHIN_S)
    assert service.returncode == 0, rest.decode()[-2_000:]
    rows = [json.loads(line) for line in (data / "paper.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == {"kind": "opened", "balance": 1_000_000_000}
    assert {row["kind"] for row in rows[1:]} == {"trade"}
    assert sum(row["size"] for row in rows[1:] if row["model"] == "conservative") == 10_000_000

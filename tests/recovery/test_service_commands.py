"""`run-service` as a whole process, and the commands that reach it from outside: orders, reconcile, kill."""

import asyncio
import json
import signal
import sys
from importlib.resources import files
from pathlib import Path

import pytest

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

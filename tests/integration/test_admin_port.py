"""The commands that need the live process, on a desk that trades at the local exchange."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result

from bot.admin_port import ADMIN_FILE
from bot.cli.desk_call import NoDeskError
from bot.cli.main import KNOWN_FAULTS, cli
from engine.clock import SystemClock
from engine.domain.views import Gate
from engine.simulator.server import LocalExchange
from storage.readonly import read_open_orders
from tests.support.local_exchange import running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk, settings_with

BUY = ("--event", "coin", "--outcome", "YES", "--side", "BUY")
MARKETABLE = (*BUY, "--price", "0.99", "--size", "10")
RESTING = (*BUY, "--price", "0.05", "--size", "10", "--rest")


class Console:
    """The command line on the data folder of a running desk."""

    def __init__(self, folder: Path, exchange: LocalExchange) -> None:
        self.folder = folder
        self.toml = folder / "service.toml"
        text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
        text = text.replace("[relayer]\n", f'[relayer]\nbase_url = "{exchange.url}"\n')
        self.toml.write_text(text, encoding="utf-8")

    async def run(self, *line: str) -> Result:
        """Run a command in a thread: the desk lives on this loop."""
        needs_toml = line[0].startswith("relayer-") or line[0] == "doctor"
        where = ["--data", str(self.folder), *(["--config", str(self.toml)] if needs_toml else [])]
        return await asyncio.to_thread(CliRunner().invoke, cli, [*line, *where])

    async def told(self, *line: str) -> dict[str, Any]:
        result = await self.run(*line)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    async def said_no(self, *line: str) -> str:
        """Return the sentence of a command that ends with a known fault."""
        result = await self.run(*line)
        assert isinstance(result.exception, KNOWN_FAULTS), (result.output, result.exception)
        return str(result.exception)


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


@pytest.fixture
async def desk(tmp_path: Path, exchange: LocalExchange) -> AsyncIterator[RunningDesk]:
    rules = settings_with(relayer={"horizon_s": 1}, jobs={"reconcile_s": 1})
    async with running_desk(tmp_path, exchange, rules) as running:
        yield running


@pytest.fixture
def console(tmp_path: Path, exchange: LocalExchange, desk: RunningDesk) -> Console:
    return Console(tmp_path, exchange)


async def test_the_way_in_is_for_this_user_alone_and_goes_with_the_desk(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange):
        mode = stat.S_IMODE((tmp_path / ADMIN_FILE).stat().st_mode)
        assert mode == 0o600

    assert not (tmp_path / ADMIN_FILE).exists()


async def test_nobody_acts_without_the_token(desk: RunningDesk, tmp_path: Path) -> None:
    url = json.loads((tmp_path / ADMIN_FILE).read_text(encoding="utf-8"))["url"]
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer é"}):
            async with session.post(f"{url}/kill", json={}, headers=headers) as answer:
                assert answer.status == 403
                assert "nothing was done" in (await answer.json())["error"]

    assert desk.service.desk.gate is Gate.RUN


async def test_a_live_order_is_placed_under_the_only_admin_and_judged(
    desk: RunningDesk, console: Console
) -> None:
    found = await console.told("relayer-live-order", *MARKETABLE, "--confirm-live", "--as-json")

    assert found == {"placed": 1, "accepted": 1, "statuses": {"filled": 1}}
    ticket = next(iter(desk.service.desk.tickets.values()))
    assert ticket.owner.name == "Ana"
    assert sum(int(row["size"]) for row in desk.ledger()["trades"]) == 10_000_000


async def test_a_sale_waits_for_confirmation_and_then_takes_what_is_held(
    desk: RunningDesk, console: Console
) -> None:
    await console.told("relayer-live-order", *MARKETABLE, "--confirm-live", "--as-json")
    sell = ("--event", "coin", "--outcome", "YES", "--side", "SELL", "--price", "0.01", "--size", "10")
    order = next(iter(desk.service.desk.orders.values()))
    await desk.until(lambda: desk.service.desk.flights[order.intent.ticket_id].settled)

    found = await console.told("relayer-live-order", *sell, "--confirm-live", "--as-json")
    assert found["statuses"] == {"filled": 1}

    text = await console.said_no("relayer-live-order", *sell, "--confirm-live")
    assert "expected at most 0 confirmed shares" in text


async def test_what_the_desk_refuses_is_a_sentence_and_no_order(desk: RunningDesk, console: Console) -> None:
    text = await console.said_no(
        "relayer-live-order", *BUY, "--price", "0.99", "--size", "1000", "--confirm-live"
    )

    assert "per-ticket cap" in text
    assert not desk.service.desk.orders


async def test_an_operator_that_is_not_in_the_toml_is_named_with_those_who_are(
    desk: RunningDesk, console: Console
) -> None:
    text = await console.said_no("relayer-live-order", *MARKETABLE, "--confirm-live", "--operator", "Mallory")

    assert "found 'Mallory'; operators are Ana" in text
    assert not desk.service.desk.tickets


async def test_without_confirm_live_it_is_a_dry_run_that_says_how_to_send(
    desk: RunningDesk, console: Console
) -> None:
    result = await console.run("relayer-live-order", *MARKETABLE)

    assert result.exit_code == 0, result.output
    assert "nothing was posted" in result.stdout
    assert "--confirm-live" in result.stderr
    assert not desk.service.desk.orders


async def test_a_dry_run_signs_and_shows_what_is_missing_for_live(
    desk: RunningDesk, console: Console, exchange: LocalExchange
) -> None:
    found = await console.told("relayer-dry-run", *MARKETABLE, "--type", "IOC", "--json")

    assert found["order_id"].startswith("0x")
    assert (found["maker_amount"], found["taker_amount"]) == (9_900_000, 10_000_000)
    assert found["type"] == "FAK"
    assert found["cost_max"] >= found["maker_amount"]
    assert found["posted"] is False
    assert any('mode = "live"' in line for line in found["missing_for_live"])
    assert any("relayer.private_key" in line for line in found["missing_for_live"])
    assert not desk.ledger()["orders"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (("--price", "0.9999"), "in steps of"),
        (("--size", "0.5"), "at least"),
        (("--outcome", "MAYBE"), "by its name"),
        (("--event", "fed6"), "stored catalogue"),
        (("--price", "0.99", "--rest"), "post-only"),
    ],
)
async def test_a_dry_run_refuses_what_would_be_refused_with_status_1(
    console: Console, changed: tuple[str, ...], why: str
) -> None:
    result = await console.run("relayer-dry-run", *MARKETABLE, *changed)

    assert result.exit_code == 1, result.output
    assert result.output.startswith("refused: ")
    assert why in result.output


async def test_resting_orders_are_listed_and_cancelled_by_the_beginning_of_their_id(
    desk: RunningDesk, console: Console
) -> None:
    placed = await console.told("relayer-live-order", *RESTING, "--confirm-live", "--as-json")
    assert placed == {"placed": 1, "accepted": 1, "statuses": {"live": 1}}
    (row,) = (await console.told("orders", "--json"))["open"]
    assert (row["state"], row["type"], row["post_only"]) == ("live", "GTC", True)

    gone = await console.told("cancel", "--order", row["order_id"][:12], "--json")
    assert gone["cancelling"] == [row["order_id"]]
    # The row follows the desk's own knowledge by one commit.
    await desk.until(lambda: read_open_orders(console.folder) == ())
    assert (await console.told("orders", "--json"))["open"] == []


async def test_kill_halts_and_rearm_lifts_it_in_two_steps(desk: RunningDesk, console: Console) -> None:
    killed = await console.told("kill", "--json")
    assert killed["halted"] is True
    assert desk.service.desk.gate is Gate.HALTED
    await desk.until(lambda: desk.service.desk.kill is None)

    looked = await console.told("rearm", "--json")
    assert looked["gate"] == "HALTED"
    assert desk.service.desk.gate is Gate.HALTED, "looking lifts nothing"

    lifted = await console.told("rearm", "--confirm", "--json")
    assert lifted["ticket"].startswith("T-")
    await desk.until(desk.is_open)
    told = (await console.run("audit-tail", "-n", "50")).output
    assert "Ana: kill" in told
    assert "Ana: ticket sending" in told


async def test_reconcile_reads_the_account_now_and_tells_counts(desk: RunningDesk, console: Console) -> None:
    await console.told("relayer-live-order", *RESTING, "--confirm-live", "--as-json")
    found = await console.told("reconcile", "--json")

    assert (found["open_orders"], found["foreign"], found["unproven"]) == (1, 0, 1)


async def test_rearm_asks_to_remove_the_flag_file_first(desk: RunningDesk, console: Console) -> None:
    (console.folder / "KILL").touch()

    assert "remove it" in await console.said_no("rearm", "--confirm")


async def test_rearm_of_a_desk_that_runs_is_a_refusal(desk: RunningDesk, console: Console) -> None:
    assert "nothing to resume" in await console.said_no("rearm", "--confirm")


async def test_health_is_0_while_orders_may_leave_and_1_after_a_kill(
    desk: RunningDesk, console: Console
) -> None:
    assert (await console.told("health", "--json"))["gate"] == "RUN"
    await console.run("kill")

    assert (await console.run("health")).exit_code == 1


async def test_the_audit_of_a_running_desk_is_proven(desk: RunningDesk, console: Console) -> None:
    await console.told("relayer-live-order", *MARKETABLE, "--confirm-live", "--as-json")
    found = await console.told("audit", "verify", "--json")

    assert found["intact"] is True
    assert found["lines"] >= 3


async def test_the_doctor_finds_nothing_against_a_desk_at_the_local_exchange(
    desk: RunningDesk, console: Console
) -> None:
    found = await console.told("doctor", "--json")

    verdicts = {line["name"]: line["verdict"] for line in found["lines"]}
    assert found["starts"] is True
    assert verdicts.pop("lock") == "WARN", "this very desk holds the folder"
    assert {verdicts[name] for name in ("closed-only", "clock", "balance", "allowances", "API key")} == {"OK"}
    assert "REFUSED" not in verdicts.values()


async def test_a_configuration_that_cannot_start_is_refused_without_asking_anybody(
    desk: RunningDesk, console: Console
) -> None:
    text = console.toml.read_text(encoding="utf-8")
    console.toml.write_text(text.replace('mode = "local"', 'mode = "live"'), encoding="utf-8")

    result = await console.run("doctor")

    assert result.exit_code == 1
    assert "REFUSED configuration: relayer.private_key" in result.output


@pytest.mark.parametrize("command", ["rearm", "reconcile", "health", "cancel --all"])
async def test_without_a_desk_a_command_is_a_sentence(tmp_path: Path, command: str) -> None:
    line = [*command.split(), "--data", str(tmp_path)]
    result = await asyncio.to_thread(CliRunner().invoke, cli, line)

    assert isinstance(result.exception, NoDeskError)
    assert "expected a running desk" in str(result.exception)


async def test_a_kill_without_a_desk_leaves_the_flag_file_and_says_so(tmp_path: Path) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, cli, ["kill", "--data", str(tmp_path)])

    assert result.exit_code == 0
    assert "no desk answered" in result.output
    assert (tmp_path / "KILL").exists()


async def test_a_kill_without_a_folder_leaves_nothing(tmp_path: Path) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, cli, ["kill", "--data", str(tmp_path / "none")])

    assert isinstance(result.exception, NoDeskError)
    assert not (tmp_path / "none").exists()


async def test_why_tells_every_guard_and_the_inputs_of_a_running_desk(
    desk: RunningDesk, console: Console
) -> None:
    found = await console.told("why", "coin", "--json")
    text = (await console.run("why", "coin")).stdout

    marks = [line["state"] for line in found["event"]["guards"]]
    assert marks == sorted(marks, key=["ok", "refused", "not reached"].index)
    assert all(isinstance(line["ask"], int) for line in found["event"]["books"])
    assert all(line["name"] in text for line in found["event"]["guards"])
    assert "found 'nope'" in await console.said_no("why", "nope")
    assert not desk.ledger()["orders"]

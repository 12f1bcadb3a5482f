"""What a person reads at the terminal: whole ids, true sums, the next step."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli.ledger_reads import ID_SHOWN
from bot.cli.main import cli
from engine.clock import SystemClock
from engine.simulator.server import LocalExchange
from storage.lock import hold_folder
from tests.integration.test_admin_port import BUY, RESTING, Console
from tests.support.local_exchange import running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk, settings_with


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


@pytest.fixture
async def desk(tmp_path: Path, exchange: LocalExchange) -> AsyncIterator[RunningDesk]:
    async with running_desk(tmp_path, exchange, settings_with()) as running:
        yield running


@pytest.fixture
def console(tmp_path: Path, exchange: LocalExchange, desk: RunningDesk) -> Console:
    return Console(tmp_path, exchange)


async def test_a_listed_order_can_be_cancelled_by_what_the_table_shows(
    desk: RunningDesk, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    await console.told("relayer-live-order", *RESTING, "--confirm-live", "--as-json")
    (order,) = desk.service.desk.orders.values()

    for command in ("orders", "status"):
        shown = (await console.run(command)).output
        assert order.order_id[:ID_SHOWN] in shown, shown
        assert order.intent.ticket_id in shown, shown


async def test_the_fee_of_a_dry_run_bounds_every_price_within_the_limit(console: Console) -> None:
    """The curve peaks at 0.5: a BUY up to 0.99 that trades at 0.5 pays most."""
    dear = await console.told("relayer-dry-run", *BUY, "--price", "0.99", "--size", "10", "--json")
    fair = await console.told("relayer-dry-run", *BUY, "--price", "0.99", "--size", "20", "--json")

    assert dear["fee_max"] > 0, "the outcome of this test has a fee"
    assert dear["cost_max"] >= dear["maker_amount"] + dear["fee_max"]
    assert fair["fee_max"] == 2 * dear["fee_max"]
    assert dear["fee_max"] == dear["cost_max"] - dear["maker_amount"], "the bound that the caps use"


async def test_a_life_time_without_rest_is_wrong_usage(console: Console) -> None:
    result = await console.run("relayer-dry-run", *BUY, "--price", "0.99", "--size", "10", "--lasts-s", "60")

    assert result.exit_code == 2
    assert "only with an order that rests" in result.output


async def test_when_the_venue_ends_a_resting_order_is_told_as_a_time(console: Console) -> None:
    result = await console.run("relayer-dry-run", *RESTING, "--lasts-s", "600")

    assert " UTC at the latest" in result.output


async def test_an_open_gate_is_told_without_a_reason(console: Console) -> None:
    assert "gate RUN · feeds" in (await console.run("health")).output
    assert (await console.run("rearm")).output.startswith("gate RUN\n")


async def test_a_kill_says_where_to_look(console: Console) -> None:
    told = (await console.run("kill")).output

    assert "everything is being cancelled" in told
    assert "dutchdesk orders --data" in told


async def test_counters_are_reset_and_the_ledger_goes_on_counting(
    desk: RunningDesk, console: Console
) -> None:
    await console.told("relayer-live-order", *RESTING, "--confirm-live", "--as-json")
    await desk.until(lambda: desk.metrics.value("engine_ack_ms") > 0)
    assert desk.metrics.value("engine_place_ms") >= desk.metrics.value("engine_place_call_ms")

    await console.told("metrics-reset", "--json")

    assert desk.metrics.value("engine_ack_ms") == 0
    assert b"engine_ack_ms_count 0.0" in desk.metrics.exposition()
    summed = await console.told("status-summary", "--json")
    assert (summed["orders"], summed["desk"]["gate"]) == (1, "RUN")
    assert "resyncs of all books" in (await console.run("status-top")).output


async def test_a_folder_that_is_held_without_a_port_asks_for_patience(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        result = await asyncio.to_thread(CliRunner().invoke, cli, ["health", "--data", str(tmp_path)])

    assert "starting, ending, or hangs; try again" in str(result.exception)


async def test_a_kill_that_meets_no_desk_says_what_it_did_not_do(tmp_path: Path) -> None:
    line = ["kill", "--data", str(tmp_path)]
    told = (await asyncio.to_thread(CliRunner().invoke, cli, line)).output
    why = json.loads((await asyncio.to_thread(CliRunner().invoke, cli, [*line, "--json"])).stdout)["why"]

    assert "cancel by hand" in told
    assert why == "there is no admin.json"

"""`relayer-approve-usdc` and `-outcome` against the local exchange: dry by default, bounded, counted."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from bot.cli.approve import Wish, carried_out
from bot.cli.chain_access import ChainAccessError
from bot.cli.main import cli
from config.settings import load
from engine.clock import SystemClock
from engine.domain.chain import CONTRACTS, ActOutcome, ActState, Allowance, Contract
from engine.domain.failure import VenueFailure
from engine.domain.units import Usdc
from engine.ports import Chain
from engine.simulator.server import LocalExchange
from engine.venue.chain_local import LocalChain
from engine.venue.credentials import obtain_credentials
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import SigningKey
from tests.support.local_exchange import HARDHAT_KEY, running_exchange

WALLET = SigningKey(HARDHAT_KEY).address


class Desk:
    """A configuration whose venue is a running exchange that knows the wallet."""

    def __init__(self, folder: Path, exchange: LocalExchange) -> None:
        self.folder, self.exchange = folder, exchange
        self.toml = folder / "service.toml"
        text = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
        text = text.replace("[relayer]\n", f'[relayer]\nbase_url = "{exchange.url}"\n')
        self.toml.write_text(text, encoding="utf-8")

    async def run(self, command: str, *arguments: str) -> Result:
        """Run a command in a thread: the exchange lives on this loop."""
        line = [command, *arguments, "--config", str(self.toml), "--data", str(self.folder)]
        return await asyncio.to_thread(CliRunner().invoke, cli, line)

    async def told(self, command: str, *arguments: str) -> dict[str, Any]:
        result = await self.run(command, *arguments, "--json")
        assert result.exit_code == 0, (result.output, result.exception)
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    async def row(self, label: str) -> dict[str, Any]:
        told = await self.told("relayer-approve-usdc")
        return next(row for row in told["allowances"] if row["label"] == label)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with running_exchange(clock=SystemClock()) as exchange:
        hosts = VenueHosts.loopback(exchange.url, exchange.ws_url)
        await obtain_credentials(private_key=HARDHAT_KEY, wallet=WALLET, hosts=hosts)
        yield Desk(tmp_path, exchange)


async def test_without_a_label_every_contract_is_shown_and_nothing_changes(desk: Desk):
    result = await desk.run("relayer-approve-usdc")

    assert result.exit_code == 0
    assert all(row.label in result.output for row in CONTRACTS)
    assert desk.exchange.venue.chain.acts == []


async def test_dry_by_default_names_what_would_be_done(desk: Desk):
    result = await desk.run("relayer-approve-usdc", "exchange", "250.50")

    assert "exchange may take 250.50 USDC" in result.output
    assert "nothing was changed; add --confirm-live" in result.output
    assert desk.exchange.venue.chain.acts == []


async def test_confirmed_approval_stands_and_is_counted(desk: Desk):
    told = await desk.told("relayer-approve-usdc", "exchange", "250.50", "--confirm-live")

    assert (told["outcome"], told["attempts"], told["standing"]) == ("done", 1, True)
    assert told["relayer_allowance_success"] == {"usdc": 1, "outcome": 0}
    assert (await desk.row("exchange"))["collateral"] == "250500000"


async def test_zero_takes_a_permission_back(desk: Desk):
    await desk.told("relayer-approve-usdc", "neg-risk-adapter", "0", "--confirm-live")

    row = await desk.row("neg-risk-adapter")
    assert (row["collateral"], row["spending"]) == ("0", "missing")


async def test_outcome_operator_is_revoked_and_given(desk: Desk):
    revoked = await desk.told("relayer-approve-outcome", "adapter", "--revoke", "--confirm-live")
    without = await desk.row("adapter")
    await desk.told("relayer-approve-outcome", "adapter", "--confirm-live")

    assert revoked["relayer_allowance_success"] == {"usdc": 0, "outcome": 1}
    assert (without["outcomes"], without["moving"]) == (False, "missing")
    assert (await desk.row("adapter"))["outcomes"] is True


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("0xE111180000d2663C0091e4f400237545B87B996B", "5"), "addresses are not taken"),
        (("exchange", "30000.01"), "expected at most 30000.00 USDC"),
        (("exchange", "max"), "expected an amount in dollars"),
        (("exchange",), "expected an amount in dollars"),
        (("--confirm-live",), "expected a label to confirm"),
    ],
)
async def test_what_may_not_be_approved_is_wrong_usage(desk: Desk, arguments: tuple[str, ...], says: str):
    result = await desk.run("relayer-approve-usdc", *arguments)

    assert result.exit_code == 2
    assert says in result.output
    assert desk.exchange.venue.chain.acts == []


async def test_unreachable_venue_is_a_sentence(desk: Desk):
    await desk.exchange.stop()

    result = await desk.run("relayer-approve-usdc")

    assert isinstance(result.exception, ChainAccessError)
    assert "nothing was changed" in str(result.exception)


async def test_second_act_of_a_busy_wallet_is_not_sent(desk: Desk):
    exchange = desk.exchange
    http = HttpClient()
    chain = LocalChain(http, VenueHosts.loopback(exchange.url, exchange.ws_url), WALLET)
    try:
        first, second = await asyncio.gather(
            chain.approve_collateral(CONTRACTS[0], Usdc(5)), chain.approve_collateral(CONTRACTS[1], Usdc(5))
        )
    finally:
        await http.close()

    assert {first.state, second.state} == {ActState.DONE, ActState.NOT_SENT}


class ScriptedChain:
    """A chain that ends acts as scripted; what was approved by a DONE or an UNKNOWN stands."""

    def __init__(self, *ends: ActState, readable: bool = True) -> None:
        self._ends = list(ends)
        self._readable = readable
        self.amount = 0
        self.attempts = 0

    async def allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        if not self._readable:
            return VenueFailure("timed out")
        return tuple(Allowance(row, self.amount, outcomes=False) for row in CONTRACTS)

    async def approve_collateral(self, _spender: Contract, amount: Usdc) -> ActOutcome:
        self.attempts += 1
        state = self._ends.pop(0)
        if state in (ActState.DONE, ActState.UNKNOWN):
            self.amount = amount
        return ActOutcome(state, "0xabc", "" if state is ActState.DONE else "busy")


@pytest.mark.parametrize(
    ("ends", "attempts", "state", "standing"),
    [
        ((ActState.NOT_SENT, ActState.NOT_SENT, ActState.DONE), 3, ActState.DONE, True),
        ((ActState.NOT_SENT,) * 5, 5, ActState.NOT_SENT, False),
        ((ActState.UNKNOWN, ActState.DONE), 1, ActState.UNKNOWN, True),
        ((ActState.FAILED, ActState.DONE), 1, ActState.FAILED, False),
    ],
)
async def test_only_what_was_not_sent_is_tried_again(tmp_path, ends, attempts, state, standing):
    chain, slept = ScriptedChain(*ends), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    done = await carried_out(
        Wish("usdc", CONTRACTS[0], Usdc(7), allowed=True), cast("Chain", chain), _settings(tmp_path), sleep
    )

    assert (done.attempts, done.outcome.state, done.standing) == (attempts, state, standing)
    assert chain.attempts == attempts
    assert len(slept) == attempts - 1
    assert all(0 < pause <= 0.25 * 2**number for number, pause in enumerate(slept))


async def test_wallet_that_cannot_be_read_afterwards_is_claimed_neither_way(tmp_path):
    done = await carried_out(
        Wish("usdc", CONTRACTS[0], Usdc(7), allowed=True),
        cast("Chain", ScriptedChain(ActState.DONE, readable=False)),
        _settings(tmp_path),
        asyncio.sleep,
    )

    assert done.standing is None


def _settings(folder: Path) -> Any:
    path = folder / "service.toml"
    path.write_text(files("config").joinpath("service.example.toml").read_text(encoding="utf-8"))
    return load(path)

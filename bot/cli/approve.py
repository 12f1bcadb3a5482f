"""`dutchdesk relayer-approve-usdc` and `relayer-approve-outcome`: what contracts may move, and changing it.

Show by default; `--confirm-live` alone changes anything. A contract is named by its label, an amount is
bounded by the day cap. Runs beside a desk: the wallet takes one act on chain at a time, and says so when it
is busy.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from bot.cli.chain_access import ChainAccessError, opened_chain
from bot.cli.run import CONFIG, DATA
from config.settings import Settings, load
from engine.core.chain.allowances import amount_problem, judged, label_problem
from engine.core.orders.resend import pause_ms
from engine.domain.chain import UNLIMITED, ActOutcome, ActState, Allowance, Contract, contract
from engine.domain.failure import VenueFailure
from engine.domain.market import canonical_json
from engine.domain.refusal import Refusal
from engine.domain.units import Usdc, format_usdc, parse_usdc
from engine.domain.views import AllowanceRow, Permission
from engine.metrics import Metrics
from engine.ports import Chain

SUCCESS = "relayer_allowance_success"
KINDS = ("usdc", "outcome")
LABEL = click.argument("label", required=False, default="")
CONFIRM = click.option(
    "--confirm-live", "confirmed", is_flag=True, help="Do it. Without: only show what would be done."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be allowed: an amount of collateral, or moving outcome tokens."""

    kind: str
    """`usdc` or `outcome`: the label of the counter."""
    contract: Contract
    amount: Usdc
    allowed: bool

    @property
    def words(self) -> str:
        """What it means, for people."""
        if self.kind == "usdc":
            return f"{self.contract.label} may take {format_usdc(self.amount)} USDC ({self.contract.purpose})"
        verb = "may" if self.allowed else "may no longer"
        return f"{self.contract.label} {verb} move outcome tokens ({self.contract.purpose})"

    def granted(self, allowance: Allowance) -> bool:
        """Tell whether it stands so already."""
        if self.kind == "usdc":
            return allowance.collateral == self.amount
        return allowance.outcomes is self.allowed

    def act(self, chain: Chain) -> Awaitable[ActOutcome]:
        """Carry it out once."""
        if self.kind == "usdc":
            return chain.approve_collateral(self.contract, self.amount)
        return chain.approve_outcomes(self.contract, allowed=self.allowed)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a wish."""

    outcome: ActOutcome
    attempts: int
    standing: bool | None
    """Whether the wallet was read to stand as wished afterwards; None if it could not be read."""


@click.command("relayer-approve-usdc")
@LABEL
@click.argument("amount", required=False, default="")
@CONFIRM
@AS_JSON
@CONFIG
@DATA
def approve_usdc(  # noqa: PLR0917 - options of the command line
    label: str,
    amount: str,
    confirmed: bool,  # noqa: FBT001 - an option of the command line
    as_json: bool,  # noqa: FBT001
    config_path: Path,
    data_dir: Path,
) -> None:
    """Show what every contract may take of the collateral; with LABEL and AMOUNT (dollars), allow it.

    0 takes the permission back. Nothing is changed without --confirm-live.
    """
    settings = load(config_path)
    wish = None
    if label:
        row = _contract(label)
        wish = Wish("usdc", row, _amount(amount, settings), allowed=True)
    _carry_out(settings, data_dir, wish, confirmed=confirmed, as_json=as_json)


@click.command("relayer-approve-outcome")
@LABEL
@click.option("--revoke", is_flag=True, help="Take the permission back.")
@CONFIRM
@AS_JSON
@CONFIG
@DATA
def approve_outcome(  # noqa: PLR0917 - options of the command line
    label: str,
    revoke: bool,  # noqa: FBT001 - an option of the command line
    confirmed: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    config_path: Path,
    data_dir: Path,
) -> None:
    """Show which contracts may move outcome tokens; with LABEL, allow it.

    The chain knows no amount there: a contract may move all of them or none. Nothing is changed without
    --confirm-live.
    """
    settings = load(config_path)
    wish = Wish("outcome", _contract(label), Usdc(0), allowed=not revoke) if label else None
    _carry_out(settings, data_dir, wish, confirmed=confirmed, as_json=as_json)


def _contract(label: str) -> Contract:
    _refuse(label_problem(label))
    found = contract(label)
    assert found is not None, "a label without a problem is in the table"
    return found


def _amount(text: str, settings: Settings) -> Usdc:
    try:
        amount = parse_usdc(text)
    except ValueError:
        raise click.UsageError(
            f"expected an amount in dollars such as 500 or 250.50, found {text!r}"
        ) from None
    _refuse(amount_problem(amount, Usdc(settings.caps.day_usdc)))
    return amount


def _refuse(problem: Refusal | None) -> None:
    if problem is not None:
        raise click.UsageError(problem.text)


def _carry_out(
    settings: Settings, data_dir: Path, wish: Wish | None, *, confirmed: bool, as_json: bool
) -> None:
    if wish is None and confirmed:
        raise click.UsageError("expected a label to confirm, found none; nothing was changed")

    async def work() -> None:
        async with opened_chain(settings, data_dir) as chain:
            before = await _read(chain)
            done = None
            if wish is not None and confirmed:
                done = await carried_out(wish, chain, settings, asyncio.sleep)
            _tell(settings, before, wish, done, as_json=as_json)

    _run(work())


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def _read(chain: Chain) -> tuple[Allowance, ...]:
    told = await chain.allowances()
    if isinstance(told, VenueFailure):
        raise ChainAccessError(
            f"expected the wallet's allowances, found none: {told.reason}; nothing was changed"
        )
    return told


async def carried_out(
    wish: Wish, chain: Chain, settings: Settings, sleep: Callable[[float], Awaitable[None]]
) -> Done:
    """Do what is wished, again while nothing was sent, and read whether it stands.

    An approval sets a value: whatever became of an attempt is seen in the wallet, so nothing is done blindly
    twice.
    """
    tries = settings.relayer.relayer_max_retries + 1
    for attempt in range(1, tries + 1):
        outcome = await wish.act(chain)
        if outcome.state is not ActState.NOT_SENT or attempt == tries:
            break
        most_ms = settings.relayer.relayer_retry_sleep_ms
        await sleep(pause_ms(wish.contract.label, attempt, most_ms=most_ms) / 1_000)
    read = await chain.allowances()
    if isinstance(read, VenueFailure):
        return Done(outcome, attempt, None)
    now = next(allowance for allowance in read if allowance.contract == wish.contract)
    return Done(outcome, attempt, wish.granted(now))


def _tell(
    settings: Settings,
    before: tuple[Allowance, ...],
    wish: Wish | None,
    done: Done | None,
    *,
    as_json: bool,
) -> None:
    rows = judged(before, Usdc(settings.caps.day_usdc))
    metrics = Metrics()
    if wish is not None and done is not None and done.outcome.state is ActState.DONE:
        metrics.count(SUCCESS, wish.kind)
    if as_json:
        click.echo(canonical_json(_as_json(rows, wish, done, metrics)))
    else:
        _print(rows, wish, done)
    if done is not None and done.outcome.state is not ActState.DONE:
        raise ChainAccessError(_ending(done))


def _print(rows: tuple[AllowanceRow, ...], wish: Wish | None, done: Done | None) -> None:
    table = Table(
        Column("contract", no_wrap=True), "may take", "needed", "verdict", "may move shares", "verdict"
    )
    for row in rows:
        taking = "no cap" if row.collateral >= UNLIMITED else format_usdc(Usdc(row.collateral))
        needed = format_usdc(row.needed) if row.needed else "-"
        moving = "yes" if row.outcomes else "no"
        table.add_row(row.label, taking, needed, _word(row.spending), moving, _word(row.moving))
    Console(soft_wrap=True).print(table)
    if wish is None:
        return
    if done is None:
        click.echo(f"would be done: {wish.words}")
        click.echo("nothing was changed; add --confirm-live to do it")
    elif done.outcome.state is ActState.DONE:
        click.echo(f"done: {wish.words}; transaction {done.outcome.reference}, attempts {done.attempts}")
        if not done.standing:
            click.echo("the venue does not show it yet: its index is behind the chain, look again later")


def _word(permission: Permission) -> str:
    return "" if permission is Permission.UNUSED else permission.value


def _ending(done: Done) -> str:
    stands = {True: "the wallet stands as wished", False: "the wallet is as before", None: "it was not read"}
    return (
        f"expected the approval to be confirmed, found it {done.outcome.state.value} after {done.attempts} "
        f"attempts: {done.outcome.reason}; {stands[done.standing]}. Look with relayer-approve-usdc, "
        "then try again"
    )


def _as_json(
    rows: tuple[AllowanceRow, ...], wish: Wish | None, done: Done | None, metrics: Metrics
) -> dict[str, object]:
    return {
        "allowances": [
            {
                "label": row.label,
                "collateral": str(row.collateral),
                "needed": str(row.needed),
                "spending": row.spending.value,
                "outcomes": row.outcomes,
                "moving": row.moving.value,
            }
            for row in rows
        ],
        "asked": wish and {"kind": wish.kind, "label": wish.contract.label, "what": wish.words},
        "dry_run": done is None,
        "outcome": None if done is None else done.outcome.state.value,
        "reference": "" if done is None else done.outcome.reference,
        "attempts": 0 if done is None else done.attempts,
        "standing": None if done is None else done.standing,
        SUCCESS: {kind: metrics.value(SUCCESS, kind) for kind in KINDS},
    }

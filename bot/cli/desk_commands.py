"""Commands that go to the running desk: kill, rearm, cancel, health. One POST, one answer in a sentence."""

import json
import os
from pathlib import Path
from typing import Any

import click

from bot.cli.desk_call import DeskRefusedError, NoDeskError, call_desk
from bot.cli.run import DATA
from engine.runtime.kill_file import KILL_FILE

OPERATOR = click.option(
    "--operator", default="", metavar="NAME", help="Operator of the TOML; default: the only admin."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@DATA
@OPERATOR
@JSON
def kill(data_dir: Path, operator: str, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Close the gate, cancel every order, halt. Asks nothing.

    Goes to the running desk, also while it starts. If none answers, the file KILL is left in the data
    folder: a desk that hangs, or starts later, finds it.
    """
    try:
        found = call_desk(data_dir, "/kill", {"operator": operator})
    except NoDeskError as error:
        found = {"halted": False, "flag_file": str(_leave_flag(data_dir)), "why": error.found}
    if as_json:
        click.echo(json.dumps(found))
    elif found["halted"]:
        click.echo(
            f"halted: everything is being cancelled, {found['believed_open']} orders were believed open; "
            f"`dutchdesk orders --data {data_dir}` lists what may still execute, the chat tells when the "
            "venue has confirmed that nothing does"
        )
    else:
        click.echo(
            f"no desk answered: {found['why']}. Left {found['flag_file']}: a desk on this folder halts as "
            "soon as it sees the file. Nothing was cancelled at the venue by this command: if no desk runs, "
            "look there and cancel by hand"
        )


def _leave_flag(data_dir: Path) -> Path:
    """Leave the flag file; without a data folder there is no desk that could find it."""
    if not data_dir.is_dir():
        found = f"expected a data folder, found none at {data_dir}"
        raise NoDeskError(f"{found}: no desk can have run there", found)
    path = data_dir / KILL_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.close(descriptor)
    return path


@click.command()
@DATA
@OPERATOR
@click.option("--event", default="", metavar="CODE", help="Lift the freeze of one event instead.")
@click.option("--confirm", is_flag=True, help="Lift it. Without this, only show what stands.")
@JSON
def rearm(data_dir: Path, operator: str, event: str, confirm: bool, as_json: bool) -> None:  # noqa: FBT001 - options
    """Show what keeps the desk from trading; with --confirm lift a halt or tripped breakers.

    Two steps: look first, then confirm. The gate opens with the next complete read of the account.
    """
    flag = data_dir / KILL_FILE
    if confirm and flag.exists():
        raise DeskRefusedError(
            f"expected no file {flag}, found it: while it is there the desk is killed again at once; "
            "remove it, then repeat"
        )
    found = call_desk(data_dir, "/rearm", {"operator": operator, "event": event, "confirm": confirm})
    if as_json:
        click.echo(json.dumps(found))
    elif confirm:
        click.echo(f"{found['ticket']} {found['state']}: {found['note']}")
    else:
        click.echo("\n".join(_standing(found)))


def _gate(found: dict[str, Any]) -> str:
    """Return the gate, and why it stands so where there is a reason."""
    return f"gate {found['gate']}" + (f": {found['gate_reason']}" if found["gate_reason"] else "")


def _standing(found: dict[str, Any]) -> list[str]:
    lines = [
        _gate(found),
        *(f"frozen: {line}" for line in found["frozen"]),
    ]
    if found["gate"] in ("HALTED", "REDUCING"):
        lines.append("look at what is open and held, then repeat with --confirm")
    elif found["frozen"]:
        lines.append("an event is thawed with --event CODE --confirm, changed rules with `dutchdesk review`")
    else:
        lines.append("there is nothing to lift")
    return lines


@click.command()
@DATA
@OPERATOR
@click.option("--order", default="", metavar="ID", help="One order; the beginning of its id is enough.")
@click.option("--event", default="", metavar="CODE", help="Every order of this desk in one event.")
@click.option("--all", "everything", is_flag=True, help="Every order of the account.")
@JSON
def cancel(
    *,
    data_dir: Path,
    operator: str,
    order: str,
    event: str,
    everything: bool,
    as_json: bool,
) -> None:
    """Cancel one order, those of an event, or all. Works in every state of the gate."""
    if sum((bool(order), bool(event), everything)) != 1:
        raise click.UsageError("name one of --order ID, --event CODE and --all")
    fields = {"operator": operator, "order": order, "event": event, "all": everything}
    found = call_desk(data_dir, "/cancel", fields)
    if as_json:
        click.echo(json.dumps(found))
        return
    what = "every order of the account" if found["everything"] else f"{len(found['cancelling'])} orders"
    click.echo(f"cancelling {what}; `dutchdesk orders --data {data_dir}` tells what is left")


@click.command()
@DATA
@JSON
def reconcile(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Compare the running desk's ledger with the venue's account now, and print the counts."""
    found = call_desk(data_dir, "/reconcile", {})
    if as_json:
        click.echo(json.dumps(found))
        return
    counts = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in found.items() if name != "at_ms")
    click.echo(f"reconciled with a complete read: {counts}")


@click.command()
@DATA
@JSON
def health(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Tell whether the running desk may trade; status 1 if it may not, or does not answer."""
    found = call_desk(data_dir, "/status", {})
    runs = found["gate"] == "RUN"
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo(
            f"{_gate(found)} · feeds {found['feeds_live']} of "
            f"{found['feeds_total']} live · orders open {found['open_orders']}, "
            f"unknown {found['unknown_orders']}"
        )
    if not runs:
        raise SystemExit(1)


@click.command()
@DATA
@JSON
@click.argument("what", metavar="CODE|TICKET|PLAN")
def why(data_dir: Path, as_json: bool, what: str) -> None:  # noqa: FBT001 - an option of the command line
    """Tell which guard refuses an event, and every input of its plan; or what a ticket was planned on."""
    found = call_desk(data_dir, "/why", {"what": what})
    click.echo(json.dumps(found["why"]) if as_json else "\n".join(found["text"]))


@click.command("metrics-reset")
@DATA
@JSON
def metrics_reset(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Set the running desk's counters back to zero, for a measurement. The ledger keeps everything.

    `status-summary` and `status-top` read the ledger, so they go on counting.
    """
    found = call_desk(data_dir, "/metrics-reset", {})
    click.echo(json.dumps(found) if as_json else "counters of /metrics are at zero")

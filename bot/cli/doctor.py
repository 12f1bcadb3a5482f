"""`dutchdesk doctor`: the checks that a start in live mode runs first, whenever somebody wants to know."""

import asyncio
import json
from pathlib import Path

import click

from bot.cli.dry_order import account_of
from bot.cli.run import CONFIG, DATA
from bot.cli.venue_hosts import hosts_of
from bot.doctor import Line, Verdict, examine, in_words, is_refused
from bot.doctor_reads import read_facts
from bot.local.world import LOCAL_PRIVATE_KEY
from config.modes import refusals
from config.secrets_file import SecretsError
from config.settings import Mode, Settings, SettingsError, load
from engine.clock import SystemClock


@click.command()
@CONFIG
@DATA
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(config_path: Path, data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - an option of the command line
    """Check everything a start needs: each line OK, WARN or REFUSED, with the next step.

    Ends with status 1 if a line is REFUSED: a desk in live mode would not start.
    """
    lines = _lines(config_path, data_dir)
    if as_json:
        rows = [
            {"name": line.name, "verdict": line.verdict.value, "found": line.found, "next": line.next_step}
            for line in lines
        ]
        click.echo(json.dumps({"starts": not is_refused(lines), "lines": rows}))
    else:
        click.echo("\n".join(map(in_words, lines)))
    if is_refused(lines):
        raise SystemExit(1)


def _lines(config_path: Path, data_dir: Path) -> tuple[Line, ...]:
    """Return every line; those of a configuration that cannot be used alone: nothing is connected to."""
    try:
        settings = load(config_path)
    except (SettingsError, SecretsError) as error:
        return (Line("configuration", Verdict.REFUSED, str(error), "mend it, see `dutchdesk check-config`"),)
    problems = refusals(settings)
    if problems:
        return tuple(Line("configuration", Verdict.REFUSED, problem) for problem in problems)
    if settings.mode is Mode.PAPER:
        return (Line("account", Verdict.OK, "none to check: orders go to the paper venue, in this process"),)
    return asyncio.run(_examined(settings, config_path, data_dir))


async def _examined(settings: Settings, config_path: Path, data_dir: Path) -> tuple[Line, ...]:
    facts = await read_facts(
        settings,
        config_path,
        data_dir,
        hosts_of(settings, data_dir),
        account=account_of(settings),
        private_key=settings.relayer.private_key.get_secret_value() or LOCAL_PRIVATE_KEY,
        is_ours=False,
        clock=SystemClock(),
    )
    return examine(facts)

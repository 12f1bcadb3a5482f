"""`dutchdesk`: the command group, its help, and the exit codes.

Exit codes: 0 done; 1 a step failed; 2 wrong usage; 75 another desk holds the data folder; 78 the
configuration cannot be used.
"""

import sys

import click

from bot import __version__
from bot.cli.approve import approve_outcome, approve_usdc
from bot.cli.chain_access import ChainAccessError
from bot.cli.chart_file import ChartFileError
from bot.cli.desk_call import DeskRefusedError, NoDeskError
from bot.cli.desk_commands import cancel, health, kill, metrics_reset, rearm, reconcile, why
from bot.cli.diag_markets import diag_markets
from bot.cli.doctor import doctor
from bot.cli.dutch_plan import dutch_plan
from bot.cli.dutch_run_replay import dutch_run_replay
from bot.cli.inspect import check_config, migrate, status
from bot.cli.ledger_reads import audit, audit_tail, orders
from bot.cli.live_market import NoMarketsError
from bot.cli.markets import MarketsUnreadError, markets_resolve, markets_sync
from bot.cli.mock_ws import mock_ws
from bot.cli.order_commands import relayer_dry_run, relayer_live_order
from bot.cli.prune import prune
from bot.cli.record import ingest_ws, record
from bot.cli.recorded_events import BacktestError
from bot.cli.replay import replay
from bot.cli.review import review
from bot.cli.run import exchange, local, run_service, standin
from bot.cli.snapshot import snapshot
from bot.cli.spread_run_replay import spread_run_replay
from bot.cli.status_reads import status_summary, status_top
from bot.cli.venue_hosts import NoExchangeError
from config.secrets_file import SecretsError
from config.settings import SettingsError
from engine.ports import StoreError
from storage.lock import FolderLockedError
from storage.recorder import RecordingError

EXIT_LOCKED = 75
EXIT_CONFIG = 78

KNOWN_FAULTS = (
    StoreError,
    NoExchangeError,
    MarketsUnreadError,
    NoMarketsError,
    RecordingError,
    NoDeskError,
    DeskRefusedError,
    ChainAccessError,
    BacktestError,
    ChartFileError,
)
"""What ends a command with a sentence for the operator and status 1."""

EPILOG = """
First steps: `dutchdesk local` runs everything on this machine with simulated money and shows a tour.
Then copy config/service.example.toml, check it with `dutchdesk check-config`, and start the desk with
`dutchdesk run-service`.
"""


@click.group(
    help="Dutchdesk: a Polymarket trading desk that is run from Telegram.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="dutchdesk")
def cli() -> None:
    """Group of all commands; the help text is above."""


COMMANDS = (
    local,
    run_service,
    kill,
    rearm,
    reconcile,
    status,
    status_summary,
    status_top,
    metrics_reset,
    health,
    why,
    orders,
    cancel,
    relayer_dry_run,
    relayer_live_order,
    audit_tail,
    audit,
    review,
    check_config,
    doctor,
    migrate,
    markets_sync,
    markets_resolve,
    diag_markets,
    snapshot,
    prune,
    record,
    replay,
    dutch_run_replay,
    spread_run_replay,
    ingest_ws,
    mock_ws,
    dutch_plan,
    approve_usdc,
    approve_outcome,
    exchange,
    standin,
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line; known faults become one sentence and an exit code."""
    try:
        cli()
    except (SettingsError, SecretsError) as error:
        _fail(str(error), EXIT_CONFIG)
    except FolderLockedError as error:
        _fail(str(error), EXIT_LOCKED)
    except KNOWN_FAULTS as error:
        _fail(str(error), 1)


def _fail(text: str, code: int) -> None:
    click.echo(text, err=True)
    sys.exit(code)

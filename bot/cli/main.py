"""`dutchdesk`: the command group, its help, and the exit codes.

Exit codes: 0 done; 1 a step failed; 2 wrong usage; 75 another desk holds the data folder; 78 the
configuration cannot be used.
"""

import sys

import click

from bot import __version__
from bot.cli.inspect import check_config, migrate, status
from bot.cli.live_market import NoMarketsError
from bot.cli.mock_ws import mock_ws
from bot.cli.record import ingest_ws, record
from bot.cli.replay import replay
from bot.cli.run import exchange, local, run_service, standin
from bot.cli.venue_hosts import NoExchangeError
from config.secrets_file import SecretsError
from config.settings import SettingsError
from engine.ports import StoreError
from storage.lock import FolderLockedError
from storage.recorder import RecordingError

EXIT_LOCKED = 75
EXIT_CONFIG = 78

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
    status,
    check_config,
    migrate,
    exchange,
    standin,
    record,
    ingest_ws,
    replay,
    mock_ws,
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
    except (StoreError, NoExchangeError, NoMarketsError, RecordingError) as error:
        _fail(str(error), 1)


def _fail(text: str, code: int) -> None:
    click.echo(text, err=True)
    sys.exit(code)

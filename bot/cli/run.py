"""Commands that run something: the desk, and in local mode its exchange, its stand-in and its tour."""

import asyncio
import errno
import logging
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from bot.app import NotReadyError, Outside, RunningDesk, run_desk
from bot.doctor import DoctorRefusedError, Line, Verdict, examine, in_words, refuse_start
from bot.doctor_reads import read_facts
from bot.live_world import live_outside
from bot.local.children import ChildError
from bot.local.folder import fresh_folder, prepare
from bot.local.play import play
from bot.local.standin.process import run_standin
from bot.local.tour import TourFailed
from bot.local.world import LOCAL_PRIVATE_KEY, LOCAL_TOKEN, World, local_world
from bot.telegram_build import WebhookTaken
from bot.trading_account import trading_account
from config.modes import refusals
from config.settings import Mode, Settings, SettingsError, load
from engine.clock import SystemClock
from engine.log import Redactor, configure
from engine.ports import StoreError
from engine.simulator.process import run_exchange
from engine.venue.credentials import CredentialsError
from storage.lock import FolderLock, hold_folder

LOG = logging.getLogger(__name__)
LOG_LEVELS = {Verdict.OK: logging.INFO, Verdict.WARN: logging.WARNING, Verdict.REFUSED: logging.ERROR}
EXPECTED_FAULTS = (
    DoctorRefusedError,
    ChildError,
    NotReadyError,
    CredentialsError,
    WebhookTaken,
    StoreError,
    TourFailed,
)
"""What ends a desk with a sentence for the operator; anything else is a fault of ours and shows its trace."""

PORT = click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help="Port on 127.0.0.1; 0: any free one.",
)
CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("config/service.toml"),
    show_default=True,
    help="Service TOML; secrets.local.toml is read from beside it.",
)
DATA = click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Data folder: ledger.db, market.db and, in local mode, the children's addresses.",
)


@click.command()
@click.option(
    "--data", "data_dir", type=click.Path(file_okay=False, path_type=Path), help="Data folder to use."
)
@click.option("--tour/--no-tour", default=None, help="Play the tour. Default: only in a new folder.")
def local(data_dir: Path | None, tour: bool | None) -> None:  # noqa: FBT001 - an option of the command line
    """Run everything on this machine with simulated money, and show a tour of it.

    Makes a data folder with a TOML, starts the local exchange and the Telegram stand-in, runs the desk
    between them, plays the tour, and then takes what you type (with a terminal attached).
    """
    folder = data_dir or fresh_folder(Path("data"))
    toml, new = prepare(folder)
    settings = _checked(toml)
    with hold_folder(folder) as lock:
        _log_to_file(settings, folder)
        wants_tour = new if tour is None else tour
        click.echo(f"data folder: {folder}")

        async def use(_desk: RunningDesk, world: World) -> None:
            await play(world, tour=wants_tour, interactive=sys.stdin.isatty())

        run_until_stopped(_local_desk(settings, lock, use))


@click.command("run-service")
@CONFIG
@DATA
def run_service(config_path: Path, data_dir: Path) -> None:
    """Run the desk as a service until SIGTERM or Ctrl-C. Logs are JSON lines on standard error."""
    settings = _checked(config_path)
    with hold_folder(data_dir) as lock:
        configure(_redactor(settings))
        run_until_stopped(_service(settings, config_path, lock))


@click.command()
@DATA
@PORT
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the order flow.")
@click.option(
    "--wide",
    type=click.IntRange(0, 10_000),
    default=0,
    show_default=True,
    help="0: the seven default events; N: these, every special case, and N plain events.",
)
def exchange(data_dir: Path, port: int, seed: int, wide: int) -> None:
    """Run the local exchange alone: the venue's protocol on loopback, simulated money."""
    data_dir.mkdir(parents=True, exist_ok=True)
    configure(Redactor(), level=logging.WARNING)
    run_until_stopped(run_exchange(data_dir=data_dir, port=port, seed=seed, wide=wide))


@click.command()
@DATA
@PORT
def standin(data_dir: Path, port: int) -> None:
    """Run the Telegram stand-in alone: a strict Bot API on loopback."""
    data_dir.mkdir(parents=True, exist_ok=True)
    configure(Redactor(), level=logging.WARNING)
    run_until_stopped(run_standin(data_dir=data_dir, port=port))


def _checked(config_path: Path) -> Settings:
    settings = load(config_path)
    problems = refusals(settings)
    if problems:
        raise SettingsError(
            f"{config_path.name} cannot be started:\n" + "\n".join(f"- {p}" for p in problems)
        )
    return settings


def _redactor(settings: Settings) -> Redactor:
    redactor = Redactor()
    redactor.register(settings.relayer.private_key.get_secret_value() or LOCAL_PRIVATE_KEY)
    redactor.register(settings.telegram.token.get_secret_value() or LOCAL_TOKEN)
    redactor.register(settings.telegram.webhook_secret.get_secret_value())
    return redactor


def _log_to_file(settings: Settings, folder: Path) -> None:
    stream = (folder / "desk.log").open("a", encoding="utf-8")
    configure(_redactor(settings), stream=stream)


async def _local_desk(settings: Settings, lock: FolderLock, use: Any) -> None:
    async with local_world(settings, lock.folder) as world:
        await run_desk(settings, lock, world.outside, use=lambda desk: use(desk, world))


async def _service(settings: Settings, config_path: Path, lock: FolderLock) -> None:
    """Run the desk of the mode; live does not start on any refusal of the start-up checks.

    Paper asks for no account, so there is none to check.
    """
    if settings.mode is Mode.LIVE:
        outside = live_outside(settings)
        refuse_start(await _examined(settings, config_path, lock, outside))
        await run_desk(settings, lock, outside, use=_until_stopped)
        return
    async with local_world(settings, lock.folder) as world:
        if settings.mode is Mode.LOCAL:
            await _examined(settings, config_path, lock, world.outside)
        await run_desk(settings, lock, world.outside, use=_until_stopped)


async def _examined(
    settings: Settings, config_path: Path, lock: FolderLock, outside: Outside
) -> tuple[Line, ...]:
    """Run the start-up checks and log every line."""
    facts = await read_facts(
        settings,
        config_path,
        lock.folder,
        outside.hosts,
        account=trading_account(settings, outside.private_key),
        private_key=outside.private_key,
        is_ours=True,
        clock=SystemClock(),
    )
    lines = examine(facts)
    for line in lines:
        LOG.log(LOG_LEVELS[line.verdict], in_words(line))
    return lines


async def _until_stopped(desk: RunningDesk) -> None:
    """Run until cancelled from outside, by SIGTERM or Ctrl-C."""
    LOG.info("ready", extra={"fields": {"probes": desk.probes_url}})
    await asyncio.Event().wait()


async def _cancelled_by_sigterm(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; SIGTERM cancels it from the first moment on, as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None, "expected to run as a task"
    with suppress(NotImplementedError):  # Windows has no such handlers
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await work


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end on the fastest loop there is; expected faults become a sentence and status 1."""
    try:
        if sys.platform == "win32":
            asyncio.run(_cancelled_by_sigterm(work))
        else:
            import uvloop  # noqa: PLC0415 - not on Windows

            uvloop.run(_cancelled_by_sigterm(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("stopped", err=True)
    except EXPECTED_FAULTS as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        click.echo(f"expected a free port, found: {error.strerror}; name another port", err=True)
        sys.exit(1)

"""A venue that changes an event's rules meets a desk on real files: frozen, told, restarted, reviewed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli.main import cli
from engine.clock import SystemClock
from engine.domain.events import Job, JobDue
from engine.domain.ids import EventId
from engine.domain.ticket import Move
from engine.domain.views import Alert
from engine.simulator.catalogue import Catalogue
from engine.simulator.gamma_lists import Gamma
from engine.simulator.server import LocalExchange
from storage.readonly import read_status
from tests.support.local_exchange import FED, running_exchange
from tests.support.running_desk import SEED, RunningDesk, running_desk

FED_EVENT = EventId("175664")


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(seed=SEED, clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


def reword(exchange: LocalExchange, rules: str) -> None:
    """Let the catalogue service tell other rules of the Fed event from now on."""
    events = tuple(
        replace(event, seed=replace(event.seed, rules=rules)) if event.slug == FED else event
        for event in exchange.venue.catalogue.events
    )
    # The server holds the object, so its content is what has to change.
    vars(exchange.venue.gamma).update(vars(Gamma(Catalogue(events))))


def refresh(desk: RunningDesk) -> None:
    desk.service.post(JobDue(SystemClock().now_ms(), Job.CATALOGUE_REFRESH))


async def told(desk: RunningDesk) -> Alert:
    """Wait for the alert about the Fed event's rules; there is one."""
    await desk.until(lambda: any(a.key == f"rules:{FED_EVENT}" for a in desk.chat.alerts))
    (alert,) = [a for a in desk.chat.alerts if a.key == f"rules:{FED_EVENT}"]
    return alert


async def test_changed_rules_stay_frozen_over_a_restart_until_they_are_read(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange) as desk:
        reword(exchange, "Resolves by the LOWER bound.")
        refresh(desk)
        alert = await told(desk)
        assert '→ "Resolves by the LOWER bound."' in alert.text
        assert "/review fed5" in (await desk.say("/dutch fed5 50")).plain
        assert desk.metrics.total("dutch_rulehash_changed") == 1
    assert read_status(tmp_path, SystemClock().now_ms()).frozen_events == (FED_EVENT,)

    async with running_desk(tmp_path, exchange) as desk:
        assert "/review fed5" in (await desk.say("/dutch fed5 50")).plain
        assert "rules changed" in (await desk.say("/review")).plain
        card = await desk.say("/review fed5")
        assert "Old → new" in card.plain
        done = await desk.press(card, Move.READ)
        assert "reviewed" in done.plain.splitlines()[0]
        assert "/review" not in (await desk.say("/dutch fed5 50")).plain
        assert desk.metrics.total("dutch_rulehash_changed") == 0, "told once, before the restart"
    assert read_status(tmp_path, SystemClock().now_ms()).frozen_events == ()


async def test_rules_that_change_while_the_desk_is_down_are_told_with_the_difference(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running_desk(tmp_path, exchange):
        pass
    reword(exchange, "Resolves by the LOWER bound.")

    async with running_desk(tmp_path, exchange) as desk:
        alert = await told(desk)

    assert '→ "Resolves by the LOWER bound."' in alert.text
    shown = CliRunner().invoke(cli, ["review", "fed5", "--data", str(tmp_path)]).output
    assert "  new: Resolves by the LOWER bound.\n" in shown
    assert "last read by config" in shown

"""The chat without Telegram: lines and presses in, cards and toasts out."""

import asyncio
import random
from dataclasses import replace

import pytest

from bot.agent import COMMANDS_A_MINUTE, PRESSES_A_MINUTE, BotAgent, Tapped
from bot.card import Card, CommandAct, MoveAct
from engine.clock import ManualClock
from engine.domain.commands import (
    AskResume,
    Kill,
    ListSpreads,
    OpenAuto,
    OpenDutch,
    OpenSpread,
    Press,
    ScanDutch,
    ShowStatus,
    StopAuto,
    StopSpread,
)
from engine.domain.ids import TicketId
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Move, TicketKind, TicketState
from engine.domain.units import Ms, Size, Usdc
from engine.domain.views import RefusalView
from engine.metrics import Metrics
from tests.unit.bot.builders import ANA, BEN, CHO, NOW, STRANGER, make_result, make_ticket, make_view
from tests.unit.bot.fakes import FakeDesk, make_agent
from tests.unit.bot.html_subset import first_line, judge, labels

MESSAGE = 55


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk(ManualClock(NOW))


@pytest.fixture
def agent(desk: FakeDesk, metrics: Metrics) -> BotAgent:
    return make_agent(desk, metrics)


def payload(agent: BotAgent, card: Card, label: str, *, user_id: int = 1001) -> str:
    """What the button with this label would send."""
    found = next(b for row in card.buttons for b in row if b.label.startswith(label))
    data = agent.sealer.act(found.act, user_id=user_id, chat_id=user_id)
    assert data is not None
    return data


async def open_ticket(agent: BotAgent, desk: FakeDesk, *, user_id: int = 1001) -> Card:
    """A dry card that is on message 55."""
    card = await agent.say(user_id, "/dutch fed4 200")
    assert card is not None
    assert card.about is not None
    desk.card_shown(card.about.ticket_id, MESSAGE)
    return card


async def press(agent: BotAgent, card: Card, label: str, *, user_id: int = 1001) -> Tapped:
    return await agent.tap(user_id, user_id, payload(agent, card, label, user_id=user_id), MESSAGE)


@pytest.mark.parametrize(
    ("text", "line", "command"),
    [
        ("/status", "· status · desk", ShowStatus()),
        ("/dutch", "· scan · Dutch", ScanDutch()),
        ("/dutch fed4 200", "· dry · Dutch fed4", OpenDutch("fed4", Size(200_000_000))),
        ("/spread", "· spread · markets", ListSpreads()),
        (
            "/spread fed4 No change 100 2t 1h",
            "· dry · Spread fed4 No change",
            OpenSpread("fed4", "No change", Size(100_000_000), 2, Ms(3_600_000)),
        ),
        ("/spread stop", "· stop · Spread", StopSpread()),
        ("/dutch auto fed4 500 1h", "· dry · Auto fed4", OpenAuto("fed4", Usdc(500_000_000), Ms(3_600_000))),
        ("/dutch stop", "· stop · Auto", StopAuto()),
        ("/kill", "· kill · desk", Kill()),
        ("/k", "· kill · desk", Kill()),
        ("/resume", "· dry · Resume", AskResume()),
    ],
)
async def test_say_desk_command_is_asked_and_drawn(
    agent: BotAgent, desk: FakeDesk, text: str, line: str, command: object
) -> None:
    card = await agent.say(1001, text)

    assert card is not None
    assert line in first_line(card)
    assert desk.asked == [(ANA, 1001, command)]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("/start", "hello · Ana"),
        ("/help", "/dutch fed5 200"),
        ("/help dutch", "/dutch [code] [sets]"),
        ("/whoami", "user id 1001"),
        ("/duch fed4 200", "Did you mean /dutch fed4 200?"),
    ],
)
async def test_say_chat_command_needs_no_desk(agent: BotAgent, desk: FakeDesk, text: str, part: str) -> None:
    card = await agent.say(1001, text)

    assert card is not None
    assert part in judge(card)
    assert desk.asked == []


async def test_say_stranger_gets_silence_and_a_count(
    agent: BotAgent, desk: FakeDesk, metrics: Metrics
) -> None:
    for text in ("/start", "/kill", "/whoami", "hello"):
        assert await agent.say(STRANGER, text) is None

    assert desk.asked == []
    assert metrics.value("bot_updates_total", "stranger") == 4


async def test_say_viewer_is_refused_what_needs_a_trader(agent: BotAgent, desk: FakeDesk) -> None:
    card = await agent.say(int(CHO.user_id), "/dutch fed4 200")

    assert card is not None
    assert "Expected the role trader or above, yours is viewer" in judge(card)
    assert desk.asked == []


async def test_say_viewer_may_kill(agent: BotAgent, desk: FakeDesk) -> None:
    card = await agent.say(int(CHO.user_id), "/kill")

    assert card is not None
    assert "HALTED by Cho" in first_line(card)


async def test_say_kill_fast_card_claims_nothing(agent: BotAgent) -> None:
    card = await agent.say(1001, "/kill")

    assert card is not None
    text = judge(card)
    assert "Nothing is confirmed yet" in text
    assert "flat" not in text


async def test_say_late_kill_runs_and_says_how_old_it_was(agent: BotAgent) -> None:
    card = await agent.say(1001, "/kill", age_ms=18 * 60_000)

    assert card is not None
    assert "This /kill was 18 min old when it arrived." in judge(card)


async def test_say_refusal_of_the_desk_is_a_card(agent: BotAgent, desk: FakeDesk) -> None:
    async def refuse(*_: object) -> RefusalView:
        return RefusalView("/dutch fed9", Refusal(RefusalKind.UNKNOWN_CODE, "no event has the code fed9"))

    desk.ask = refuse  # type: ignore[method-assign,assignment]
    card = await agent.say(1001, "/dutch fed9")

    assert card is not None
    assert "refused · /dutch fed9" in first_line(card)
    assert "no event has the code fed9" in judge(card)


async def test_say_silent_desk_is_told_as_unknown(
    agent: BotAgent, desk: FakeDesk, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.operations.DESK_TIMEOUT_S", 0.01)
    desk.silent = True

    card = await agent.say(1001, "/status")
    tapped = await agent.tap(1001, 1001, _sealed(agent), MESSAGE)

    assert card is not None
    assert "Whether it was carried out is not known." in judge(card)
    assert tapped.toast is not None
    assert "not known" in tapped.toast.text
    assert tapped.card is None
    assert metrics.value("engine_errors", "desk_silent") == 2


def _sealed(agent: BotAgent, *, version: int = 1, move: Move = Move.CONFIRM, user_id: int = 1001) -> str:
    return agent.sealer.seal(
        user_id=user_id, chat_id=user_id, ticket_id=TicketId("T-7K2A"), move=move, version=version
    )


async def test_walk_dry_confirm_send_is_three_versions_of_one_ticket(agent: BotAgent, desk: FakeDesk) -> None:
    dry = await open_ticket(agent, desk)

    armed = await press(agent, dry, "Confirm…")
    assert armed.card is not None
    sending = await press(agent, armed.card, "🔴 Send 4 orders")

    assert sending.card is not None
    assert "· sending ·" in first_line(sending.card)
    assert labels(sending.card) == []
    assert sending.toast is not None
    assert sending.toast.text == "Sending…"
    assert [c for _, _, c in desk.asked if isinstance(c, Press)] == [
        Press(TicketId("T-7K2A"), Move.CONFIRM, 1, MESSAGE),
        Press(TicketId("T-7K2A"), Move.SEND, 2, MESSAGE),
    ]


async def test_send_button_sits_where_drop_was_and_drop_where_confirm_was(
    agent: BotAgent, desk: FakeDesk
) -> None:
    """Threat 11: the second tap of an impatient thumb must not spend."""
    dry = await open_ticket(agent, desk)
    armed = await press(agent, dry, "Confirm…")
    assert armed.card is not None

    assert labels(dry)[0][0] == "✖ Drop"
    assert len(labels(armed.card)[0]) == 1
    assert labels(armed.card)[0][0].startswith("🔴 Send")
    assert labels(dry)[1][-1] == "Confirm…"
    assert labels(armed.card)[1][-1] == "✖ Drop"


async def test_fifty_racing_presses_by_two_operators_execute_once(agent: BotAgent, desk: FakeDesk) -> None:
    """Threats 11 and 12: one execution, and every press gets an answer."""
    dry = await open_ticket(agent, desk)
    armed = await press(agent, dry, "Confirm…")
    assert armed.card is not None
    send = payload(agent, armed.card, "🔴 Send")
    seed = 20_261_122
    people = [1001, 1002] * 25
    random.Random(seed).shuffle(people)

    answers = await asyncio.gather(*(agent.tap(user, user, send, MESSAGE) for user in people))

    assert desk.sent == 1, f"seed {seed}"
    assert [a.toast.text for a in answers if a.toast and not a.toast.alarm] == ["Sending…"]
    assert all(a.toast is not None for a in answers)
    assert sum(a.card is not None for a in answers) == 1


async def test_tap_stale_button_leaves_the_card_and_says_so(agent: BotAgent, desk: FakeDesk) -> None:
    """Threat 10: a button of an older card."""
    dry = await open_ticket(agent, desk)
    await press(agent, dry, "Confirm…")

    again = await press(agent, dry, "Confirm…")

    assert again.card is None
    assert again.toast is not None
    assert again.toast.alarm
    assert "older than the ticket" in again.toast.text


async def test_tap_copied_payload_under_another_message_is_refused(agent: BotAgent, desk: FakeDesk) -> None:
    """Threat 9: the desk hears which message the press came from."""
    dry = await open_ticket(agent, desk)

    tapped = await agent.tap(1001, 1001, payload(agent, dry, "Confirm…"), 999)

    assert tapped.card is None
    assert desk.asked[-1][2] == Press(TicketId("T-7K2A"), Move.CONFIRM, 1, 999)


async def test_tap_forged_payload_never_reaches_the_desk(
    agent: BotAgent, desk: FakeDesk, metrics: Metrics
) -> None:
    """Threat 8."""
    await open_ticket(agent, desk)
    asked = len(desk.asked)
    good = _sealed(agent)

    for forged in (good[:-1] + ("A" if good[-1] != "A" else "B"), "1.go.T-7K2A.1.x", "", "nonsense"):
        tapped = await agent.tap(1001, 1001, forged, MESSAGE)
        assert tapped.toast is not None
        assert tapped.toast.alarm

    assert len(desk.asked) == asked
    assert metrics.value("bot_updates_total", "forged") == 4


async def test_tap_another_operators_button_is_refused(agent: BotAgent, desk: FakeDesk) -> None:
    await open_ticket(agent, desk)
    asked = len(desk.asked)

    tapped = await agent.tap(1002, 1002, _sealed(agent), MESSAGE)

    assert tapped.card is None
    assert len(desk.asked) == asked


async def test_tap_stranger_gets_no_toast(agent: BotAgent, desk: FakeDesk) -> None:
    assert await agent.tap(STRANGER, STRANGER, _sealed(agent), MESSAGE) == Tapped(None)
    assert desk.asked == []


@pytest.mark.parametrize(("data", "in_place"), [("c./status", False), ("r./status", True)])
async def test_tap_command_button_is_the_typed_command(
    agent: BotAgent, desk: FakeDesk, data: str, in_place: bool
) -> None:
    tapped = await agent.tap(1001, 1001, data, MESSAGE)

    assert tapped.in_place is in_place
    assert tapped.card is not None
    assert "· status ·" in first_line(tapped.card)
    assert desk.asked == [(ANA, 1001, ShowStatus())]


async def test_tap_command_button_respects_the_role(agent: BotAgent, desk: FakeDesk) -> None:
    tapped = await agent.tap(int(CHO.user_id), int(CHO.user_id), "c./dutch fed4", MESSAGE)

    assert tapped.card is not None
    assert "refused" in first_line(tapped.card)
    assert desk.asked == []


async def test_every_button_of_every_open_card_does_something(agent: BotAgent, desk: FakeDesk) -> None:
    dry = await open_ticket(agent, desk)
    ticket_id = TicketId("T-7K2A")
    for row in dry.buttons:
        for button in row:
            desk.tickets[ticket_id] = replace(make_ticket(message_id=MESSAGE), ticket_id=ticket_id)
            tapped = await agent.tap(1001, 1001, payload(agent, dry, button.label), MESSAGE)
            assert tapped.card is not None, button.label
            assert isinstance(button.act, MoveAct | CommandAct)


async def test_say_flood_is_told_once_then_silent_and_kill_passes(
    agent: BotAgent, desk: FakeDesk, metrics: Metrics
) -> None:
    """Threat 22."""
    answers = [await agent.say(1001, "/whoami") for _ in range(COMMANDS_A_MINUTE + 500)]
    kill = await agent.say(1001, "/kill")

    assert sum(a is not None for a in answers) == COMMANDS_A_MINUTE + 1
    assert answers[COMMANDS_A_MINUTE] is not None
    assert "too many commands" in first_line(answers[COMMANDS_A_MINUTE])  # type: ignore[arg-type]
    assert kill is not None
    assert "HALTED" in first_line(kill)
    assert metrics.value("bot_updates_total", "over_quota") == 500


async def test_tap_flood_is_answered_without_asking_the_desk(agent: BotAgent, desk: FakeDesk) -> None:
    for _ in range(PRESSES_A_MINUTE):
        await agent.tap(1002, 1002, _sealed(agent, user_id=1002), MESSAGE)
    asked = len(desk.asked)

    tapped = await agent.tap(1002, 1002, _sealed(agent, user_id=1002), MESSAGE)

    assert asked == PRESSES_A_MINUTE
    assert len(desk.asked) == asked
    assert tapped.toast is not None
    assert "Too many presses" in tapped.toast.text


@pytest.mark.parametrize("state", list(TicketState))
async def test_tap_each_state_the_desk_may_answer_has_a_toast(
    agent: BotAgent, desk: FakeDesk, state: TicketState
) -> None:
    async def answer(*_: object):
        return make_view(make_ticket(state, note="n" * 400), make_result())

    desk.ask = answer  # type: ignore[method-assign,assignment]
    tapped = await agent.tap(1001, 1001, _sealed(agent), MESSAGE)

    assert tapped.toast is not None
    assert 0 < len(tapped.toast.text) <= 200
    assert tapped.card is not None
    assert f"· {state.value} ·" in first_line(tapped.card)


async def test_grant_walk_begins_in_two_presses_and_its_stop_needs_none(
    agent: BotAgent, desk: FakeDesk
) -> None:
    dry = await agent.say(1002, "/dutch auto all 500 2h")
    assert dry is not None
    assert dry.about is not None
    desk.card_shown(dry.about.ticket_id, MESSAGE)
    armed = await press(agent, dry, "Confirm…", user_id=1002)
    assert armed.card is not None

    begun = await press(agent, armed.card, "🔴 Begin", user_id=1002)

    assert begun.card is not None
    assert "· auto · Auto all" in first_line(begun.card)
    assert begun.toast is not None
    assert begun.toast.text == "The grant is in force"
    stopped = await press(agent, begun.card, "⛔ Stop", user_id=1002)
    assert stopped.card is not None
    assert desk.asked[-1][2] == StopAuto()


async def test_stop_passes_at_any_rate_and_for_any_role(agent: BotAgent, desk: FakeDesk) -> None:
    for _ in range(COMMANDS_A_MINUTE + 5):
        await agent.say(1003, "/whoami")

    assert await agent.say(1003, "/dutch stop") is not None
    assert desk.asked[-1][2] == StopAuto()
    assert await agent.say(1003, "/dutch auto all 500") is None, "over the quota"


async def test_resume_walk_opens_the_gate_in_two_presses(agent: BotAgent, desk: FakeDesk) -> None:
    dry = await agent.say(1002, "/resume")
    assert dry is not None
    assert dry.about is not None
    desk.card_shown(dry.about.ticket_id, MESSAGE)

    armed = await press(agent, dry, "Confirm…", user_id=1002)
    assert armed.card is not None
    sent = await press(agent, armed.card, "🔴 Resume trading", user_id=1002)

    assert sent.card is not None
    assert "sending · Resume" in first_line(sent.card)
    assert desk.tickets[dry.about.ticket_id].kind is TicketKind.RESUME
    assert desk.tickets[dry.about.ticket_id].owner == BEN

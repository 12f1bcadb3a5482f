"""The unmodified Telegram library against the stand-in over loopback: webhook in, Bot API out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web
from telegram.error import InvalidToken

from bot.local.chat_client import ChatClient
from bot.local.chat_event import ChatEvent, EventKind
from bot.local.people import ANA, BEN, LOCAL_TOKEN, STRANGER
from bot.local.standin.odd_updates import OddKind
from bot.local.standin.refusal import Params
from bot.local.standin.server import Standin
from bot.telegram import TelegramChat
from bot.telegram_build import TelegramSettings
from bot.webhook import Webhook
from engine.clock import SystemClock
from engine.domain.commands import Kill
from engine.domain.ticket import TicketState
from engine.domain.views import Alert, Severity
from engine.metrics import Metrics
from tests.support.standin import running_person, running_standin
from tests.unit.bot.builders import FILLED, make_result, make_view
from tests.unit.bot.fakes import FakeDesk, MemoryInbox, make_agent
from tests.unit.bot.test_webhook import SECRET

WITHIN_S = 60.0


async def until(happened: Callable[[], bool]) -> None:
    """Poll for something that has no event of its own."""
    for _ in range(int(WITHIN_S * 100)):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"expected it within {WITHIN_S} s")


@dataclass
class Room:
    """A chat application, the stand-in it talks to, and the people there."""

    standin: Standin
    people: ChatClient
    chat: TelegramChat
    desk: FakeDesk
    inbox: MemoryInbox
    metrics: Metrics
    webhook: Webhook

    async def card(self, part: str, *, after: int, kind: EventKind | None = None) -> ChatEvent:
        """The first card after that event whose text has this part."""
        return await self.people.wait_for(
            lambda e: e.is_card and part in e.text and kind in (None, e.kind), after=after, timeout_s=WITHIN_S
        )

    async def settled(self, rows: int) -> None:
        """Wait until that many updates are finished."""
        await until(lambda: len(self.inbox.outcomes) >= rows)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    clock, metrics, inbox = SystemClock(), Metrics(), MemoryInbox()
    desk = FakeDesk(clock)
    async with contextlib.AsyncExitStack() as stack:
        standin = await stack.enter_async_context(running_standin())
        listening = _Late()
        hook = Webhook(secrets=(SECRET,), inbox=inbox, desk=listening, clock=clock, metrics=metrics)
        runner = web.AppRunner(hook.app(), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        settings = TelegramSettings(
            token=LOCAL_TOKEN,
            webhook_url=f"http://127.0.0.1:{runner.addresses[0][1]}/tg",
            webhook_secret=SECRET,
            base_url=f"{standin.url}/bot",
        )
        chat = TelegramChat(
            settings=settings,
            agent=make_agent(desk, metrics),
            desk=desk,
            inbox=inbox,
            clock=clock,
            metrics=metrics,
        )
        listening.chat = chat
        await chat.start()
        stack.push_async_callback(chat.stop)
        people = await stack.enter_async_context(running_person(standin))
        yield Room(standin, people, chat, desk, inbox, metrics, hook)


class _Late:
    """The webhook listens before the chat exists."""

    chat: TelegramChat

    def has_room(self) -> bool:
        return self.chat.has_room()

    def deliver(self, update_id: int, body: Mapping[str, Any]) -> bool:
        return self.chat.deliver(update_id, body)


async def test_walk_from_start_to_settled_over_the_wire(room: Room) -> None:
    after = await room.people.say(ANA, "/start")
    await room.card("hello · Ana", after=after)

    after = await room.people.say(ANA, "/dutch fed4 200")
    dry = await room.card("· dry ·", after=after)
    assert [button.label for button in dry.buttons][-1] == "Confirm…"

    after = await room.people.press(ANA, dry.chat_id, dry.message_id, "Confirm…")
    armed = await room.card("· confirm ·", after=after, kind=EventKind.EDIT)
    after = await room.people.press(ANA, armed.chat_id, armed.message_id, armed.buttons[0].label)
    sending = await room.card("· sending ·", after=after)

    (ticket_id, message_id), *_ = room.desk.shown
    done = replace(room.desk.tickets[ticket_id], state=TicketState.DONE, version=4)
    room.chat.show_ticket(make_view(done, make_result(FILLED)), aloud=False)
    await room.card("matched, settling", after=after)
    room.chat.show_ticket(make_view(done, make_result(FILLED, settled=True)), aloud=False)
    settled = await room.card("settled: margin if held +7.619920 USDC", after=after)

    ids = {event.message_id for event in (dry, armed, sending, settled)}
    assert ids == {message_id}
    assert sending.buttons == ()
    assert room.desk.sent == 1


async def test_press_shows_its_toast(room: Room) -> None:
    after = await room.people.say(ANA, "/dutch fed4 200")
    dry = await room.card("· dry ·", after=after)

    after = await room.people.press(ANA, dry.chat_id, dry.message_id, "✖ Drop")

    toast = await room.people.wait_for(lambda e: e.kind is EventKind.TOAST, after=after, timeout_s=WITHIN_S)
    assert toast.text == "Dropped, nothing sent"
    await room.card("· dropped ·", after=after)


async def test_button_pressed_twice_at_once_moves_the_ticket_once(room: Room) -> None:
    after = await room.people.say(ANA, "/dutch fed4 200")
    dry = await room.card("· dry ·", after=after)

    await asyncio.gather(*(room.people.press(ANA, dry.chat_id, dry.message_id, "Confirm…") for _ in range(4)))
    await room.card("· confirm ·", after=after)
    await room.settled(5)

    (ticket,) = room.desk.tickets.values()
    assert (ticket.state, ticket.version) == (TicketState.ARMED, 2)


async def test_update_whose_answer_was_lost_is_handled_once(room: Room) -> None:
    """Threat 3: the stand-in repeats what it believes undelivered."""
    await room.people.faults({"lose_answers": 1})
    after = await room.people.say(ANA, "/kill")
    await room.card("· kill ·", after=after)
    await until(lambda: room.metrics.value("bot_updates_total", "duplicate") > 0)

    assert [command for _, _, command in room.desk.asked] == [Kill()]


async def test_card_during_a_429_arrives_when_it_is_over(room: Room) -> None:
    await room.people.faults({"too_many": {"calls": 1, "retry_after": 1}})
    after = await room.people.say(ANA, "/whoami")

    card = await room.card("whoami · Ana", after=after)

    assert "1001" in card.text
    assert room.metrics.value("bot_sends_total", "too_many_requests") == 1


@pytest.mark.parametrize("kind", [kind for kind in OddKind if kind is not OddKind.OLD])
async def test_odd_update_fires_nothing(room: Room, kind: OddKind) -> None:
    """Threat 7 in the shapes that the stand-in makes."""
    before = len(await room.people.calls())
    room.standin.world.inject_odd(kind, ANA, "/kill")
    room.standin.changed()
    await room.settled(1)

    assert room.desk.asked == []
    assert len(await room.people.calls()) == before


async def test_day_old_command_is_not_run_and_a_day_old_kill_is(room: Room) -> None:
    """Threat 4."""
    hello = await room.people.say(ANA, "/start")
    await room.card("hello", after=hello)
    after = (await room.people.look(0)).latest
    room.standin.world.inject_odd(OddKind.OLD, ANA, "/dutch fed4 200")
    room.standin.world.inject_odd(OddKind.OLD, ANA, "/kill")
    room.standin.changed()

    kill = await room.card("· kill ·", after=after)
    await room.card("not run · 1 command", after=after)

    assert "24 h old" in kill.text
    assert [command for _, _, command in room.desk.asked] == [Kill()]


async def test_stranger_hears_nothing_while_the_operators_are_served(room: Room) -> None:
    before = len(await room.people.calls())
    await room.people.say(STRANGER, "/start")
    await room.people.say(STRANGER, "/kill")
    await room.settled(2)
    assert len(await room.people.calls()) == before

    after = await room.people.say(BEN, "/whoami")
    card = await room.card("whoami · Ben", after=after)
    assert card.chat_id == BEN.user_id


async def test_alert_reaches_operators_who_have_a_chat(room: Room) -> None:
    after = await room.people.say(ANA, "/start")
    await room.card("hello", after=after)

    for _ in range(3):
        room.chat.raise_alert(
            Alert("resync:fed4", Severity.WARN, "resync fed4", "a delta is missing", "none")
        )

    card = await room.card("WARN · resync fed4", after=after)
    assert card.loud


async def test_start_with_a_wrong_token_fails_and_leaves_nothing_open() -> None:
    clock, metrics = SystemClock(), Metrics()
    desk = FakeDesk(clock)
    async with running_standin() as standin:
        chat = TelegramChat(
            settings=TelegramSettings(
                token="2:WRONG",
                webhook_url="http://127.0.0.1:9/tg",
                webhook_secret=SECRET,
                base_url=f"{standin.url}/bot",
            ),
            agent=make_agent(desk, metrics),
            desk=desk,
            inbox=MemoryInbox(),
            clock=clock,
            metrics=metrics,
        )
        with pytest.raises(InvalidToken):
            await chat.start()
        assert standin.world.webhook.target is None


async def test_menu_of_an_operator_is_there_after_the_first_word(room: Room) -> None:
    after = await room.people.say(ANA, "/start")
    await room.card("hello", after=after)
    await until(lambda: bool(room.standin.world.commands.get(_scope(ANA.user_id))))

    menu = room.standin.world.commands.get(_scope(ANA.user_id))
    target = room.standin.world.webhook.target
    assert "resume" in str(menu)
    assert target is not None
    assert target.secret == SECRET
    assert target.connections_max == 2


def _scope(user_id: int) -> Params:
    return Params({"scope": {"type": "chat", "chat_id": user_id}})

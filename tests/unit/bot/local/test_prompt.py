import asyncio
import contextlib
import io

import pytest

from bot.local.people import ANA, BEN, STRANGER
from bot.local.prompt import (
    HELP,
    Nothing,
    PressButton,
    Quit,
    SendText,
    ShowHelp,
    SwitchPerson,
    parse_typed,
    run_prompt,
)
from bot.local.session import ChatSession
from bot.local.terminal import Terminal
from tests.support.standin import bot_call, running_person, running_standin, until


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("/status", SendText("/status")),
        ("  /dutch fed4 200 ", SendText("/dutch fed4 200")),
        ("hello there", SendText("hello there")),
        ("3 apples", SendText("3 apples")),
        ("123456", SendText("123456")),
        ("007", SendText("007")),
        ("0", SendText("0")),
        ("3@", SendText("3@")),
        ("@2", SendText("@2")),
        ("1", PressButton(1, 0)),
        ("9", PressButton(9, 0)),
        ("12", PressButton(12, 0)),
        ("3@2", PressButton(3, 2)),
        (" 3@0 ", PressButton(3, 0)),
        (":as ben", SwitchPerson(BEN)),
        (":as ANA", SwitchPerson(ANA)),
        (":as   stranger ", SwitchPerson(STRANGER)),
        (":say 12", SendText("12")),
        (":say :quit", SendText(":quit")),
        (":help", ShowHelp()),
        (":h", ShowHelp()),
        (":quit", Quit()),
        (":q", Quit()),
        (":exit", Quit()),
        ("", Nothing()),
        ("   \t", Nothing()),
        (":as eve", ShowHelp("expected :as with one of ana, ben, stranger, was 'eve'")),
        (":as", ShowHelp("expected :as with one of ana, ben, stranger, was ''")),
        (":say", ShowHelp("expected :as, :say, :help or :quit, was ':say'")),
        (":dance", ShowHelp("expected :as, :say, :help or :quit, was ':dance'")),
    ],
)
def test_prompt_line_means(line, typed):
    assert parse_typed(line) == typed


class TypedLines:
    """Lines handed in by the test; None ends the input."""

    def __init__(self):
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.closed = False

    def type(self, *lines):
        for line in lines:
            self.queue.put_nowait(line)

    async def next_line(self):
        return await self.queue.get()

    def close(self):
        self.closed = True


class Desk:
    """A stand-in, a session on it, and a prompt that reads what the test types."""

    def __init__(self, standin, session, stream, lines):
        self.standin = standin
        self.session = session
        self.stream = stream
        self.lines = lines

    async def card(self, chat_id, text, *labels):
        rows = [[{"text": label, "callback_data": f"do {label}"} for label in labels]]
        answer = await bot_call(
            self.standin, "sendMessage", chat_id=chat_id, text=text, reply_markup={"inline_keyboard": rows}
        )
        assert answer["ok"], answer
        newest = await self.session.latest()
        await until(lambda: self.session.seen >= newest)

    async def run(self, *lines, typed_is_visible=True):
        self.lines.type(*lines, None)
        async with asyncio.timeout(10):
            await run_prompt(self.session, self.lines, typed_is_visible=typed_is_visible)
        return self.stream.getvalue()

    def pressed(self):
        waiting = [one.update.body for one in self.standin.world.pending.poll(0, 100)]
        return [(body["from"]["id"], body["data"]) for body in waiting if "data" in body]

    def said(self):
        waiting = [one.update.body for one in self.standin.world.pending.poll(0, 100)]
        return [(body["from"]["id"], body["text"]) for body in waiting if "text" in body]


@pytest.fixture
async def desk():
    async with contextlib.AsyncExitStack() as stack:
        standin = await stack.enter_async_context(running_standin())
        client = await stack.enter_async_context(running_person(standin))
        stream = io.StringIO()
        session = ChatSession(client, Terminal(stream), ANA)
        await stack.enter_async_context(session.following())
        yield Desk(standin, session, stream, TypedLines())


async def test_prompt_sends_text_as_the_present_person(desk):
    await desk.run("/status", ":as ben", "/status", ":say 12")

    assert desk.said() == [(1001, "/status"), (1002, "/status"), (1002, "12")]


async def test_prompt_number_presses_the_newest_cards_button(desk):
    desk.standin.world.say(ANA, "/start")
    await desk.card(1001, "old card", "a", "b")
    await desk.card(1001, "new card", "c", "d")

    await desk.run("2")

    assert desk.pressed() == [(1001, "do d")]


async def test_prompt_number_passes_over_cards_without_buttons(desk):
    desk.standin.world.say(ANA, "/start")
    await desk.card(1001, "with", "a")
    await desk.card(1001, "without")

    await desk.run("1")

    assert desk.pressed() == [(1001, "do a")]


@pytest.mark.parametrize(("typed", "payload"), [("1@0", "do c"), ("1@1", "do b"), ("1@2", "do a")])
async def test_prompt_number_at_counts_cards_back(desk, typed, payload):
    desk.standin.world.say(ANA, "/start")
    for label in "abc":
        await desk.card(1001, f"card {label}", label)

    await desk.run(typed)

    assert desk.pressed() == [(1001, payload)]


async def test_prompt_number_after_a_switch_means_the_other_persons_card(desk):
    desk.standin.world.say(ANA, "/start")
    desk.standin.world.say(BEN, "/start")
    await desk.card(1002, "bens", "for ben")
    await desk.card(1001, "anas", "for ana")

    await desk.run(":as ben", "1")

    assert desk.pressed() == [(1002, "do for ben")]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("7", "expected a button 1 to 2 on that card, was 7"),
        ("1@5", "expected a card with buttons 5 back, there are 1"),
    ],
)
async def test_prompt_press_of_nothing_is_told(desk, typed, told):
    desk.standin.world.say(ANA, "/start")
    await desk.card(1001, "card", "a", "b")

    shown = await desk.run(typed)

    assert told in shown
    assert desk.pressed() == []


async def test_prompt_refusal_of_the_standin_is_told_and_the_prompt_goes_on(desk):
    desk.standin.world.say(ANA, "/start")
    rows = [[{"text": "Site", "url": "https://polymarket.com"}]]
    await bot_call(
        desk.standin, "sendMessage", chat_id=1001, text="x", reply_markup={"inline_keyboard": rows}
    )
    await desk.session.wait_until(lambda: bool(desk.session.cards_with_buttons()), 10)

    shown = await desk.run("1", "/status")

    assert "expected a button that sends something" in shown
    assert desk.said()[-1] == (1001, "/status")


async def test_prompt_help_prints_the_syntax(desk):
    shown = await desk.run(":help", ":dance")

    assert all(line in shown for line in HELP)
    assert "expected :as, :say, :help or :quit, was ':dance'" in shown


async def test_prompt_quit_leaves_the_rest_unread(desk):
    await desk.run(":quit", "/kill")

    assert desk.said() == []
    assert desk.lines.closed


async def test_prompt_end_of_input_leaves(desk):
    shown = await desk.run()

    assert "You are Ana." in shown
    assert desk.lines.closed


async def test_prompt_cancelled_stops_reading(desk):
    task = asyncio.create_task(run_prompt(desk.session, desk.lines, typed_is_visible=True))
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert desk.lines.closed


async def test_prompt_without_standin_says_so_and_ends(desk):
    await desk.standin.stop()

    shown = await desk.run("/status")

    assert "the chat is over" in " ".join(shown.split())


@pytest.mark.parametrize("visible", [True, False])
async def test_prompt_draws_what_was_typed_only_where_nobody_sees_it(desk, visible):
    desk.lines.type("/status")
    task = asyncio.create_task(run_prompt(desk.session, desk.lines, typed_is_visible=visible))
    await desk.session.wait_for(lambda event: event.text == "/status", after=0, timeout_s=10)
    desk.lines.type(None)
    async with asyncio.timeout(10):
        await task

    assert ("\u203a /status" in desk.stream.getvalue()) is not visible

"""The tour engine on a running stand-in, with a small scripted bot on the other side."""

import asyncio
import contextlib
import io

import pytest

from bot.local.chat_event import ChatEvent, EventKind
from bot.local.people import ANA, BEN
from bot.local.session import ChatSession
from bot.local.terminal import Terminal
from bot.local.tour import Call, Expect, Press, Say, Tour, TourFailed, contains
from tests.support.standin import bot_call, running_person, running_standin

KEYS = {
    "inline_keyboard": [
        [{"text": "✖ Drop", "callback_data": "no"}],
        [{"text": "🔴 Send 4 orders", "callback_data": "go", "style": "danger"}],
    ]
}


class ScriptedBot:
    """Polls for updates and answers each by what it was taught; unknown ones get silence."""

    def __init__(self, standin):
        self.standin = standin
        self.taught = {}
        self.task = asyncio.create_task(self.run())

    async def run(self):
        offset = 0
        while True:
            answer = await bot_call(self.standin, "getUpdates", offset=offset, timeout=20)
            for update in answer.get("result", []):
                offset = update["update_id"] + 1
                heard = update["message"]["text"] if "message" in update else update["callback_query"]["data"]
                reply = self.taught.get(heard)
                if reply is not None:
                    await reply(update)

    async def close(self):
        self.task.cancel()
        await asyncio.wait({self.task})

    def teach_card(self, heard, text, **params):
        async def reply(_update):
            answer = await bot_call(self.standin, "sendMessage", chat_id=1001, text=text, **params)
            assert answer["ok"], answer

        self.taught[heard] = reply

    def teach_press(self, payload, toast, *edits):
        async def reply(update):
            query = update["callback_query"]
            await bot_call(self.standin, "answerCallbackQuery", callback_query_id=query["id"], text=toast)
            for text in edits:
                message_id = query["message"]["message_id"]
                await bot_call(
                    self.standin, "editMessageText", chat_id=1001, message_id=message_id, text=text
                )

        self.taught[payload] = reply


class Stage:
    def __init__(self, standin, bot, session, stream):
        self.standin = standin
        self.bot = bot
        self.session = session
        self.stream = stream

    async def play(self, *steps):
        async with asyncio.timeout(20), self.session.following():
            return await Tour(self.session).run(steps)

    async def fails(self, *steps):
        with pytest.raises(TourFailed) as failed:
            await self.play(*steps)
        return failed.value


@pytest.fixture
async def stage():
    async with contextlib.AsyncExitStack() as stack:
        standin = await stack.enter_async_context(running_standin())
        client = await stack.enter_async_context(running_person(standin))
        bot = ScriptedBot(standin)
        stack.push_async_callback(bot.close)
        stream = io.StringIO()
        session = ChatSession(client, Terminal(stream, columns=40), ANA)
        yield Stage(standin, bot, session, stream)


async def test_tour_of_a_ticket_happens_and_is_printed(stage):
    stage.bot.teach_card("/dutch fed5 200", "LOCAL · dry", reply_markup=KEYS)
    stage.bot.teach_press("go", "Sending…", "LOCAL · sending", "LOCAL · done")

    result = await stage.play(
        Say("/dutch fed5 200"),
        Expect(contains("dry"), "the dry card"),
        Press("Send"),
        Expect(lambda event: event.kind is EventKind.TOAST, "a toast"),
        Expect(contains("done"), "the result"),
        Expect(contains("sending"), "the progress"),
    )

    assert result.complete
    assert [report.number for report in result.steps] == [1, 2, 3, 4, 5, 6]
    assert result.steps[1].event.text == "LOCAL · dry"
    assert result.steps[2].description == "press 'Send'"
    assert stage.stream.getvalue() == (
        "\u203a /dutch fed5 200\n"
        "╭──────────────────────────────────────╮\n"
        "│ LOCAL · dry                          │\n"
        "├──────────────────────────────────────┤\n"
        "│ [1] ✖ Drop                           │\n"
        "│ [2] 🔴 Send 4 orders                 │\n"
        "╰──────────────────────────────────────╯\n"
        "\u203a [2] 🔴 Send 4 orders\n"
        "(Sending…)\n"
        "╭─ ✎ ──────────────────────────────────╮\n"
        "│ LOCAL · sending                      │\n"
        "╰──────────────────────────────────────╯\n"
        "╭─ ✎ ──────────────────────────────────╮\n"
        "│ LOCAL · done                         │\n"
        "╰──────────────────────────────────────╯\n"
    )


async def test_tour_pushed_card_is_marked_as_an_alert(stage):
    stage.bot.teach_card("/start", "LOCAL · hello")

    async def alert():
        await bot_call(stage.standin, "sendMessage", chat_id=1001, text="🟡 WARN · resync fed5")

    await stage.play(
        Say("/start"),
        Expect(contains("hello"), "the greeting"),
        Call(alert, "the exchange drops a delta"),
        Expect(contains("WARN"), "the alert"),
    )

    shown = stage.stream.getvalue()
    assert "· the exchange drops a delta\n╭─ 🔔 ─" in shown
    assert shown.count("🔔") == 1


@pytest.mark.parametrize(("silent", "marked"), [(False, True), (True, False)])
async def test_tour_unasked_card_without_alarm_word_is_marked_when_it_sounds(stage, silent, marked):
    stage.bot.teach_card("/start", "hello")

    async def push():
        await bot_call(
            stage.standin, "sendMessage", chat_id=1001, text="settled", disable_notification=silent
        )

    await stage.play(
        Say("/start"),
        Expect(contains("hello"), "hello"),
        Call(push, "a push"),
        Expect(contains("settled"), "the push"),
    )

    assert ("🔔" in stage.stream.getvalue()) is marked


async def test_tour_missing_answer_names_step_and_what_was_seen(stage):
    stage.bot.teach_card("/status", "LOCAL · HALTED\nmore")

    failed = await stage.fails(
        Say("/status"), Expect(contains("RUN"), "a status that reads RUN", timeout_s=0.2), Say("/kill")
    )

    assert str(failed) == (
        "Step 2 of 3 did not happen: expect a status that reads RUN. Waited 0.2 s; "
        "seen instead: LOCAL · HALTED."
    )
    assert [report.description for report in failed.result.steps] == ["say '/status'"]
    assert not failed.result.complete


async def test_tour_silent_bot_is_told(stage):
    failed = await stage.fails(Say("/nothing"), Expect(contains("x"), "an answer", timeout_s=0.1))

    assert str(failed) == (
        "Step 2 of 2 did not happen: expect an answer. Waited 0.1 s; the bot showed nothing."
    )


async def test_tour_expect_does_not_take_what_came_before_the_last_act(stage):
    stage.bot.teach_card("/a", "card")

    failed = await stage.fails(
        Say("/a"),
        Expect(contains("card"), "card"),
        Say("/b"),
        Expect(contains("card"), "card", timeout_s=0.1),
    )

    assert len(failed.result.steps) == 3


async def test_tour_missing_button_names_those_there_are(stage):
    stage.bot.teach_card("/dutch", "dry", reply_markup=KEYS)

    failed = await stage.fails(Say("/dutch"), Expect(contains("dry"), "dry"), Press("Confirm", timeout_s=0.1))

    assert str(failed) == (
        "Step 3 of 3 did not happen: press 'Confirm'. No button begins with 'Confirm'; "
        "the newest card's buttons: ✖ Drop, 🔴 Send 4 orders."
    )


async def test_tour_press_without_any_card_says_none(stage):
    failed = await stage.fails(Press("Confirm", timeout_s=0.05))

    assert "the newest card's buttons: none" in str(failed)


async def test_tour_press_waits_for_the_button(stage):
    stage.bot.teach_card("/dutch", "dry", reply_markup=KEYS)
    stage.bot.teach_press("no", "dropped", "dropped")

    result = await stage.play(Say("/dutch"), Press("Drop"), Expect(contains("dropped"), "the end"))

    assert result.complete


async def test_tour_press_takes_the_newest_card(stage):
    stage.bot.teach_card(
        "/one", "first", reply_markup={"inline_keyboard": [[{"text": "Go", "callback_data": "1"}]]}
    )
    stage.bot.teach_card(
        "/two", "second", reply_markup={"inline_keyboard": [[{"text": "Go", "callback_data": "2"}]]}
    )
    stage.bot.teach_press("2", "right one")

    result = await stage.play(
        Say("/one"),
        Expect(contains("first"), "first"),
        Say("/two"),
        Expect(contains("second"), "second"),
        Press("Go"),
        Expect(lambda event: event.text == "right one", "a toast"),
    )

    assert result.complete


async def test_tour_call_that_raises_is_a_step_that_did_not_happen(stage):
    async def refuse():
        raise RuntimeError("the exchange said no")

    failed = await stage.fails(Call(refuse, "ask the exchange for a fault"))

    assert str(failed) == (
        "Step 1 of 1 did not happen: ask the exchange for a fault. RuntimeError: the exchange said no."
    )


async def test_tour_call_that_hangs_is_a_step_that_did_not_happen(stage):
    failed = await stage.fails(Call(asyncio.Event().wait, "wait for ever", timeout_s=0.05))

    assert str(failed) == "Step 1 of 1 did not happen: wait for ever. It was not finished within 0.05 s."


async def test_tour_without_standin_ends_at_the_step(stage):
    stopped = asyncio.Event()

    async def stop():
        await stage.bot.close()
        await stage.standin.stop()
        stopped.set()

    failed = await stage.fails(Call(stop, "stop the stand-in"), Expect(contains("x"), "an answer"))

    assert stopped.is_set()
    assert "Step 2 of 2 did not happen: expect an answer. expected the chat's stand-in" in str(failed)


async def test_tour_shows_only_its_own_persons_chat(stage):
    stage.bot.teach_card("/start", "for ana")
    stage.standin.world.say(BEN, "hello")

    async def to_ben():
        await bot_call(stage.standin, "sendMessage", chat_id=1002, text="for ben")

    failed = await stage.fails(
        Say("/start"), Call(to_ben, "a card for ben"), Expect(contains("for ben"), "it here", timeout_s=0.1)
    )

    assert failed.result.steps[-1].description == "a card for ben"
    assert "for ben │" not in stage.stream.getvalue()


async def test_tour_begins_with_what_comes_and_not_with_old_events(stage):
    stage.standin.world.say(ANA, "an old line")

    stage.bot.teach_card("/now", "new card")

    await stage.play(Say("/now"), Expect(contains("new card"), "the new card"))

    assert stage.stream.getvalue().startswith("\u203a /now\n╭─")


async def test_tour_without_steps_is_complete(stage):
    assert (await stage.play()).complete


@pytest.mark.parametrize(
    ("parts", "wanted"), [((), True), (("LIVE",), True), (("LIVE", "done"), True), (("LIVE", "dry"), False)]
)
def test_contains_wants_every_part(parts, wanted):
    card = ChatEvent(1, 0, EventKind.MESSAGE, 1001, 5, "bot", "LIVE · done")

    assert contains(*parts)(card) is wanted

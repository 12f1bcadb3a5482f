"""The unmodified python-telegram-bot application on the stand-in, built as the desk builds it.

No updater: updates come through an aiohttp webhook of the test's own and go into the application's queue.
"""

import asyncio
import contextlib
import datetime as dt
from hmac import compare_digest

import pytest
from aiohttp import web
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MenuButtonCommands,
    Update,
)
from telegram.constants import KeyboardButtonStyle
from telegram.error import (
    BadRequest,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
)
from telegram.ext import Application, CallbackQueryHandler, CommandHandler
from telegram.request import HTTPXRequest

from bot.local.chat_event import ButtonStyle, EventKind
from bot.local.people import ANA, BEN, LOCAL_TOKEN
from tests.support.standin import running_person, running_standin, until

SECRET = "t" * 32


def build(standin, token=LOCAL_TOKEN):
    return (
        Application.builder()
        .token(token)
        .base_url(f"{standin.url}/bot")
        .updater(None)
        .job_queue(None)
        .request(HTTPXRequest(connection_pool_size=16))
        .build()
    )


def keys(step):
    return InlineKeyboardMarkup(
        [
            [
                InlineKeyboardButton("✖ Drop", callback_data="1.no"),
                InlineKeyboardButton(step, callback_data="1.ok", style=KeyboardButtonStyle.DANGER),
            ]
        ]
    )


async def on_dutch(update, _context):
    assert update.message is not None
    await update.message.reply_html(
        "⚖️ <b>LOCAL · dry · Dutch fed5</b>\n<pre>leg  ask\nCut 0.30</pre>",
        reply_markup=keys("Confirm…"),
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        disable_notification=True,
    )


async def on_press(update, _context):
    query = update.callback_query
    assert query is not None
    await query.answer("Sending…")
    await query.edit_message_text("✅ <b>LOCAL · done</b>", parse_mode="HTML")


@contextlib.asynccontextmanager
async def running_application(standin):
    """The application with its webhook, as the desk drives it."""
    application = build(standin)
    application.add_handler(CommandHandler("dutch", on_dutch))
    application.add_handler(CallbackQueryHandler(on_press, pattern=r"^1\."))

    async def take(request):
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not compare_digest(given.encode(), SECRET.encode()):
            return web.Response(status=403)
        await application.update_queue.put(Update.de_json(await request.json(), application.bot))
        return web.Response()

    app = web.Application()
    app.router.add_post("/tg", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with application:
        await application.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/tg"
        await application.bot.set_webhook(
            url,
            secret_token=SECRET,
            max_connections=2,
            allowed_updates=["message", "callback_query", "my_chat_member"],
            drop_pending_updates=False,
        )
        try:
            yield application
        finally:
            await application.stop()
            await runner.cleanup()


@pytest.fixture
async def standin():
    async with running_standin() as standin:
        yield standin


@pytest.fixture
async def bot(standin):
    application = build(standin)
    async with application:
        yield application.bot


async def test_ptb_command_reply_button_edit_answer_round_trip(standin):
    async with running_application(standin), running_person(standin) as person:
        said = await person.say(ANA, "/dutch fed5 200")
        card = await person.wait_for(lambda event: event.is_card, after=said, timeout_s=10)
        pressed = await person.press(ANA, card.chat_id, card.message_id, "Confirm…")
        toast = await person.wait_for(
            lambda event: event.kind is EventKind.TOAST, after=pressed, timeout_s=10
        )
        edit = await person.wait_for(lambda event: event.kind is EventKind.EDIT, after=pressed, timeout_s=10)

    assert card.text.startswith("⚖️ LOCAL · dry · Dutch fed5\nleg  ask")
    assert [(face.label, face.style) for face in card.buttons] == [
        ("✖ Drop", ButtonStyle.PLAIN),
        ("Confirm…", ButtonStyle.DANGER),
    ]
    assert card.loud is False
    assert toast.text == "Sending…"
    assert (edit.message_id, edit.text, edit.buttons) == (card.message_id, "✅ LOCAL · done", ())


async def test_ptb_calls_no_method_that_the_standin_lacks(standin):
    async with running_application(standin), running_person(standin) as person:
        said = await person.say(ANA, "/dutch fed5 200")
        await person.wait_for(lambda event: event.is_card, after=said, timeout_s=10)
        calls = await person.calls()

    assert [call["method"] for call in calls] == ["getMe", "setWebhook", "sendMessage"]
    assert {call["code"] for call in calls} == {200}


async def test_ptb_is_served_the_backlog_that_waited_for_it(standin):
    async with running_person(standin) as person:
        said = await person.say(ANA, "/dutch fed5 200")
        async with running_application(standin):
            card = await person.wait_for(lambda event: event.is_card, after=said, timeout_s=10)

    assert "Dutch fed5" in card.text


async def test_ptb_reads_webhook_info(standin):
    async with running_application(standin) as application:
        shown = await application.bot.get_webhook_info()

    assert shown.url.endswith("/tg")
    assert (shown.max_connections, shown.pending_update_count) == (2, 0)
    assert shown.allowed_updates == ("message", "callback_query", "my_chat_member")


async def test_ptb_menus_chat_and_chat_action(standin, bot):
    standin.world.say(ANA, "/start")
    menu = [BotCommand("kill", "Stop everything")]

    await bot.set_my_commands(menu, scope=BotCommandScopeChat(ANA.user_id))
    read = await bot.get_my_commands(scope=BotCommandScopeChat(ANA.user_id))
    await bot.delete_my_commands(scope=BotCommandScopeChat(ANA.user_id))
    chat = await bot.get_chat(ANA.user_id)

    assert read == tuple(menu)
    assert await bot.get_my_commands(scope=BotCommandScopeChat(ANA.user_id)) == ()
    assert (chat.id, chat.type) == (ANA.user_id, "private")
    assert await bot.send_chat_action(ANA.user_id, "typing") is True


async def test_ptb_deletes_a_message(standin, bot):
    code = standin.world.say(ANA, "123456")

    assert await bot.delete_message(ANA.user_id, code.message_id) is True
    assert standin.world.chats.listing(ANA.user_id) == ()


async def test_ptb_reads_a_time_entity(standin, bot):
    standin.world.say(ANA, "/start")

    sent = await bot.send_message(
        ANA.user_id, '<tg-time unix="1795335820" format="r">in 10 min</tg-time>', parse_mode="HTML"
    )

    (entity,) = sent.entities
    assert entity.type == "date_time"
    assert entity.unix_time is not None
    assert int(entity.unix_time.timestamp()) == 1795335820
    assert entity.date_time_format == "r"


@pytest.mark.parametrize(
    ("chat_id", "text", "error", "words"),
    [
        (77, "x", BadRequest, "Chat not found"),
        (ANA.user_id, "<b>x", BadRequest, "Can't parse entities: can't find end tag"),
        (ANA.user_id, "x" * 4097, BadRequest, "Message is too long"),
        (BEN.user_id, "x", Forbidden, "bot can't initiate conversation with a user"),
    ],
)
async def test_ptb_sees_telegrams_errors(standin, bot, chat_id, text, error, words):  # noqa: PLR0917 - a table row
    standin.world.say(ANA, "/start")

    with pytest.raises(error, match=words):
        await bot.send_message(chat_id, text, parse_mode="HTML")


async def test_ptb_sees_that_an_edit_changes_nothing(standin, bot):
    standin.world.say(ANA, "/start")
    sent = await bot.send_message(ANA.user_id, "x", reply_markup=keys("Go"))

    with pytest.raises(BadRequest, match="Message is not modified"):
        await bot.edit_message_text("x", ANA.user_id, sent.message_id, reply_markup=keys("Go"))


async def test_ptb_sees_flood_control(standin, bot, monkeypatch):
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # without it the library warns that seconds will go
    standin.world.faults.switch({"too_many": {"calls": 1, "retry_after": 3}})

    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(ANA.user_id, "x")

    assert caught.value.retry_after == dt.timedelta(seconds=3)


async def test_ptb_sees_an_outage_as_a_network_error(standin, bot):
    standin.world.faults.switch({"outage": True})

    with pytest.raises(NetworkError, match="Bad Gateway"):
        await bot.get_webhook_info()


async def test_ptb_sees_an_unknown_method(bot):
    with pytest.raises(EndPointNotFound, match="sendRichMessage"):
        await bot.do_api_request("sendRichMessage", api_kwargs={"chat_id": ANA.user_id})


async def test_ptb_untaught_method_is_an_error_in_a_test(bot):
    with pytest.raises((InvalidToken, NetworkError)):
        await bot.set_chat_menu_button(menu_button=MenuButtonCommands())


async def test_ptb_with_a_wrong_token_cannot_start(standin):
    application = build(standin, token="2:OTHER")

    with pytest.raises(InvalidToken):
        await application.initialize()

    await application.bot.shutdown()


async def test_ptb_polls_updates_when_no_webhook_is_set(standin, bot):
    standin.world.say(ANA, "/status")

    (update,) = await bot.get_updates(timeout=5)
    await bot.set_webhook("http://127.0.0.1:1/tg")

    assert update.message is not None
    assert update.message.text == "/status"
    with pytest.raises(Conflict):
        await bot.get_updates()


async def test_ptb_presses_race_and_each_is_answered_once(standin):
    async with running_application(standin), running_person(standin) as person:
        said = await person.say(ANA, "/dutch fed5 200")
        card = await person.wait_for(lambda event: event.is_card, after=said, timeout_s=10)
        await asyncio.gather(*(person.press(ANA, card.chat_id, card.message_id, 2) for _ in range(3)))
        await until(lambda: len(toasts(standin)) == 3)
        calls = [call for call in await person.calls() if call["method"] == "answerCallbackQuery"]

    assert [call["code"] for call in calls] == [200, 200, 200]


def toasts(standin):
    return [event for event in standin.world.transcript.after(0) if event.kind is EventKind.TOAST]

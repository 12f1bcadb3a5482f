import asyncio
import contextlib
import io

import pytest

from bot.local.chat_client import ChatLost
from bot.local.people import ANA, BEN
from bot.local.session import ChatSession
from bot.local.terminal import Terminal
from tests.support.standin import bot_call, running_person, running_standin


@pytest.fixture
async def standin():
    async with running_standin() as standin:
        standin.world.say(ANA, "/start")
        standin.world.say(BEN, "/start")
        yield standin


@pytest.fixture
async def session(standin):
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(running_person(standin))
        session = ChatSession(client, Terminal(io.StringIO()), ANA)
        await stack.enter_async_context(session.following())
        yield session


async def send(standin, text, *labels, chat_id=1001):
    rows = [[{"text": label, "callback_data": label}] for label in labels]
    answer = await bot_call(
        standin, "sendMessage", chat_id=chat_id, text=text, reply_markup={"inline_keyboard": rows}
    )
    return answer["result"]["message_id"]


async def caught_up(session):
    """Wait until the session has seen everything."""
    latest = await session.latest()
    assert await session.wait_until(lambda: session.seen >= latest, 10)


def texts(session):
    return [card.text for card in session.cards_with_buttons()]


async def test_session_cards_are_newest_first_and_have_buttons(standin, session):
    for text, labels in (("one", ["a"]), ("plain", []), ("two", ["b"])):
        await send(standin, text, *labels)
    await send(standin, "bens", "c", chat_id=1002)
    await caught_up(session)

    assert texts(session) == ["two", "one"]


async def test_session_edited_card_keeps_its_place(standin, session):
    first = await send(standin, "one", "a")
    await send(standin, "two", "b")
    keys = {"inline_keyboard": [[{"text": "c", "callback_data": "c"}]]}
    await bot_call(
        standin, "editMessageText", chat_id=1001, message_id=first, text="one again", reply_markup=keys
    )
    await caught_up(session)

    assert texts(session) == ["two", "one again"]


async def test_session_card_without_buttons_any_more_is_out(standin, session):
    first = await send(standin, "one", "a")
    await bot_call(standin, "editMessageText", chat_id=1001, message_id=first, text="done")
    await caught_up(session)

    assert texts(session) == []


async def test_session_deleted_card_is_out(standin, session):
    first = await send(standin, "one", "a")
    await bot_call(standin, "deleteMessage", chat_id=1001, message_id=first)
    await caught_up(session)

    assert texts(session) == []


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("✖ Drop", 1),
        ("Drop", 1),
        ("Dr", 1),
        ("🔴 Send", 2),
        ("Send", 2),
        ("½ size", 3),
        ("\u2039 Back", 4),
        ("Back", 4),
    ],
)
async def test_session_button_is_found_with_or_without_its_sign(standin, session, label, number):
    await send(standin, "card", "✖ Drop", "🔴 Send 4 orders", "½ size", "\u2039 Back")
    await caught_up(session)

    card, found = session.find_button(label)

    assert (card.text, found) == ("card", number)


@pytest.mark.parametrize("label", ["orders", "send", "Confirm"])
async def test_session_button_that_is_not_there_is_none(standin, session, label):
    await send(standin, "card", "🔴 Send 4 orders")
    await caught_up(session)

    assert session.find_button(label) is None


async def test_session_older_cards_button_is_found_when_only_it_has_it(standin, session):
    await send(standin, "older", "Confirm")
    await send(standin, "newer", "Drop")
    await caught_up(session)

    assert session.find_button("Confirm")[0].text == "older"


async def test_session_wait_until_gives_up_in_time(session):
    assert await session.wait_until(lambda: False, 0.02) is False


async def test_session_wait_for_sees_the_own_chat_only(standin, session):
    await send(standin, "bens", chat_id=1002)
    await caught_up(session)

    assert await session.wait_for(lambda event: event.text == "bens", after=0, timeout_s=0.02) is None


async def test_session_standin_gone_wakes_who_waits(standin, session):
    waiting = asyncio.create_task(session.wait_until(lambda: False, 30))
    await asyncio.sleep(0)

    await standin.stop()

    async with asyncio.timeout(10):
        with pytest.raises(ChatLost):
            await waiting


async def test_session_followed_again_goes_on_where_it_ended(standin):
    stream = io.StringIO()
    async with running_person(standin) as client:
        session = ChatSession(client, Terminal(stream), ANA)
        async with session.following():
            await send(standin, "first", "a")
            await caught_up(session)
        await send(standin, "between", "b")
        async with session.following():
            await send(standin, "last", "c")
            await caught_up(session)

    assert texts(session) == ["last", "between", "first"]
    assert [word for word in stream.getvalue().split() if word in {"first", "between", "last"}] == [
        "first",
        "between",
        "last",
    ]


async def test_session_last_lines_are_the_newest_three_first_lines(standin, session):
    for number in range(5):
        await send(standin, f"card {number}\nmore")
    await caught_up(session)

    assert session.last_lines(0) == ["card 2", "card 3", "card 4"]


async def test_session_fault_of_its_own_reader_is_not_swallowed(standin):
    class BrokenTerminal(Terminal):
        def show(self, event, *, alert=False):
            raise ZeroDivisionError

    async with running_person(standin) as client:
        session = ChatSession(client, BrokenTerminal(io.StringIO()), ANA)

        async def follow():
            async with session.following():
                standin.world.say(ANA, "x")
                standin.changed()
                await session.wait_until(lambda: False, 10)

        with pytest.raises(ZeroDivisionError):
            await follow()

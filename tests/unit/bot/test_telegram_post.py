"""Every way Telegram can say no ends in the right value, with the unmodified library in between."""

from collections.abc import AsyncIterator

import pytest
from telegram.error import NetworkError, TimedOut
from telegram.ext import ExtBot

from bot.agent import Toast
from bot.card import Button, Card, CommandAct, CopyAct, MoveAct, Style, TicketMark
from bot.payload import Sealer
from bot.telegram_lanes import Lane, Lanes
from bot.telegram_post import Poster
from engine.domain.commands import Press
from engine.domain.ids import TicketId, UserId
from engine.domain.ticket import Move
from engine.metrics import Metrics
from tests.unit.bot.builders import SECRET
from tests.unit.bot.fakes import Answered, ApiCall, ApiDouble, VirtualTime, refused

CARD = Card("<b>a</b> &lt; b", ((Button("Status", CommandAct("/status")),),))


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def api(time: VirtualTime) -> ApiDouble:
    return ApiDouble(time.clock)


@pytest.fixture
def unreachable() -> list[int]:
    return []


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def poster(
    time: VirtualTime, api: ApiDouble, unreachable: list[int], metrics: Metrics
) -> AsyncIterator[Poster]:
    async def at_once(seconds: float) -> None:
        time.clock.advance(int(seconds * 1_000))

    bot: ExtBot[Lane] = ExtBot(
        "1:LOCAL", request=api, get_updates_request=api, rate_limiter=Lanes(time.clock, at_once, metrics)
    )
    await bot.initialize()
    yield Poster(
        bot=bot,
        sealer=Sealer(SECRET),
        metrics=metrics,
        sleep=at_once,
        unreachable=lambda chat_id, *, blocked: unreachable.append(chat_id if blocked else -chat_id),
    )
    await bot.shutdown()


def once(method: str, answer: Answered, api: ApiDouble) -> None:
    """Meet the first call of a method with this answer."""
    left = [answer]
    api.script = lambda call: left.pop() if call.method == method and left else None


def always(method: str, answer: Answered, api: ApiDouble) -> None:
    api.script = lambda call: answer if call.method == method else None


def sent(api: ApiDouble) -> list[ApiCall]:
    return api.named("sendMessage")


async def test_post_card_is_html_without_preview_and_gives_the_id(poster: Poster, api: ApiDouble) -> None:
    assert await poster.post(1001, CARD) == 100

    fields = sent(api)[0].fields
    assert fields["parse_mode"] == "HTML"
    assert fields["text"] == CARD.text_html
    assert fields["link_preview_options"] == {"is_disabled": True}
    assert fields["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "c./status"


async def test_post_ticket_card_is_sealed_for_its_owner_and_protected(poster: Poster, api: ApiDouble) -> None:
    mark = TicketMark(TicketId("T-7K2F"), UserId(1001), 1001, None, (1,))
    send = Button("Send", MoveAct(TicketId("T-7K2F"), 2, Move.SEND), Style.DANGER)
    card = Card("x", ((send, Button("Copy", CopyAct("T-7K2F"))),), about=mark)

    await poster.post(1001, card)

    fields = sent(api)[0].fields
    red, copy = fields["reply_markup"]["inline_keyboard"][0]
    assert fields["protect_content"] is True
    assert red["style"] == "danger"
    assert copy["copy_text"] == {"text": "T-7K2F"}
    opened = Sealer(SECRET).open_(red["callback_data"], user_id=1001, chat_id=1001, message_id=5)
    assert opened == Press(TicketId("T-7K2F"), Move.SEND, 2, 5)


async def test_post_unparsable_text_is_sent_again_stripped(poster: Poster, api: ApiDouble) -> None:
    once("sendMessage", refused(400, "Bad Request: can't parse entities: whatever"), api)

    assert await poster.post(1001, CARD) is not None

    again = sent(api)[1].fields
    assert again["text"] == "a < b"
    assert "parse_mode" not in again


async def test_post_timed_out_is_sent_again_and_says_so(poster: Poster, api: ApiDouble) -> None:
    once("sendMessage", Answered(error=TimedOut()), api)

    assert await poster.post(1001, CARD) is not None

    assert [call.fields["text"].endswith("(repeat)") for call in sent(api)] == [False, True]


async def test_post_lost_network_is_given_up_after_three_copies(
    poster: Poster, api: ApiDouble, metrics: Metrics
) -> None:
    always("sendMessage", Answered(error=NetworkError("connection refused")), api)

    assert await poster.post(1001, CARD) is None

    assert len(sent(api)) == 3
    assert metrics.value("bot_sends_total", "gave_up") == 1


@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        (refused(403, "Forbidden: bot was blocked by the user"), 1001),
        (refused(400, "Bad Request: chat not found"), -1001),
    ],
)
async def test_post_to_who_blocked_or_never_started_the_bot_marks_them_unreachable(
    poster: Poster, api: ApiDouble, unreachable: list[int], answer: Answered, marked: int
) -> None:
    always("sendMessage", answer, api)

    assert await poster.post(1001, CARD) is None

    assert unreachable == [marked]
    assert len(sent(api)) == 1


async def test_post_other_bad_request_is_not_repeated(
    poster: Poster, api: ApiDouble, unreachable: list[int]
) -> None:
    """`BadRequest` is a kind of `NetworkError`: it must not be taken for trouble with the network."""
    always("sendMessage", refused(400, "Bad Request: BUTTON_DATA_INVALID"), api)

    assert await poster.post(1001, CARD) is None

    assert len(sent(api)) == 1
    assert unreachable == []


async def test_post_429_is_obeyed_and_the_card_arrives(
    poster: Poster, api: ApiDouble, time: VirtualTime
) -> None:
    once("sendMessage", refused(429, "Too Many Requests: retry after 7", retry_after=7), api)

    assert await poster.post(1001, CARD) is not None

    first, second = sent(api)
    assert second.at_ms - first.at_ms == 7_000


async def test_post_429_without_end_is_given_up(poster: Poster, api: ApiDouble) -> None:
    always("sendMessage", refused(429, "Too Many Requests: retry after 1", retry_after=1), api)

    assert await poster.post(1001, CARD) is None


async def test_edit_not_modified_is_fine(poster: Poster, api: ApiDouble, metrics: Metrics) -> None:
    text = "Bad Request: message is not modified: specified new message content is the same"
    always("editMessageText", refused(400, text), api)

    assert await poster.edit(1001, 77, CARD) == 77

    assert metrics.value("bot_sends_total", "not_modified") == 1
    assert len(api.named("editMessageText")) == 1


@pytest.mark.parametrize("words", ["message to edit not found", "message can't be edited"])
async def test_edit_of_a_message_that_is_gone_is_a_new_message(
    poster: Poster, api: ApiDouble, words: str
) -> None:
    always("editMessageText", refused(400, f"Bad Request: {words}"), api)

    assert await poster.edit(1001, 77, CARD) == 100

    assert len(sent(api)) == 1


async def test_edit_unparsable_text_is_edited_again_stripped(poster: Poster, api: ApiDouble) -> None:
    once("editMessageText", refused(400, "Bad Request: can't parse entities"), api)

    assert await poster.edit(1001, 77, CARD) == 77

    assert api.named("editMessageText")[1].fields["text"] == "a < b"


async def test_edit_timed_out_is_repeated_without_a_mark(poster: Poster, api: ApiDouble) -> None:
    once("editMessageText", Answered(error=TimedOut()), api)

    assert await poster.edit(1001, 77, CARD) == 77

    assert [call.fields["text"] for call in api.named("editMessageText")] == [CARD.text_html] * 2


async def test_edit_without_network_is_given_up_and_says_so(
    poster: Poster, api: ApiDouble, metrics: Metrics
) -> None:
    """The id alone would read as "shown"."""
    always("editMessageText", Answered(error=NetworkError("down")), api)

    assert await poster.edit(1001, 77, CARD) is None

    assert len(api.named("editMessageText")) == 3
    assert sent(api) == []
    assert metrics.value("bot_sends_total", "gave_up") == 1


async def test_edit_forbidden_marks_the_chat(poster: Poster, api: ApiDouble, unreachable: list[int]) -> None:
    always("editMessageText", refused(403, "Forbidden: bot was blocked by the user"), api)

    assert await poster.edit(1001, 77, CARD) is None
    assert unreachable == [1001]


async def test_answer_failure_is_ignored_and_counted(
    poster: Poster, api: ApiDouble, metrics: Metrics
) -> None:
    text = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    always("answerCallbackQuery", refused(400, text), api)

    await poster.answer("9", Toast("Sending…"))

    assert len(api.named("answerCallbackQuery")) == 1
    assert metrics.value("bot_sends_total", "unanswered") == 1


async def test_answer_carries_text_and_alarm(poster: Poster, api: ApiDouble) -> None:
    await poster.answer("9", Toast("read the card first", alarm=True))
    await poster.answer("10", Toast(""))

    first, second = api.named("answerCallbackQuery")
    assert (first.fields["text"], first.fields["show_alert"]) == ("read the card first", True)
    assert "text" not in second.fields

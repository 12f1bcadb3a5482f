"""The whole application in one process: the unmodified library over an in-process Bot API."""

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from telegram.error import NetworkError

from bot.telegram import IN_FLIGHT_MAX, TelegramChat
from bot.telegram_build import TelegramSettings, WebhookTaken
from engine.domain.commands import Kill, ShowStatus
from engine.domain.order import OrderState
from engine.domain.ticket import Move, TicketState
from engine.domain.units import Ms
from engine.domain.views import Alert, KillView, Severity
from engine.metrics import Metrics
from engine.ports import StoreError
from tests.unit.bot.builders import (
    ANA,
    FILLED,
    NOW,
    STRANGER,
    leg_result,
    make_result,
    make_view,
)
from tests.unit.bot.fakes import (
    Answered,
    ApiCall,
    ApiDouble,
    FakeDesk,
    MemoryInbox,
    VirtualTime,
    make_agent,
    refused,
    settle,
)
from tests.unit.bot.test_webhook import SECRET

SETTINGS = TelegramSettings(
    token="1:LOCAL",
    webhook_url="https://desk.example/tg",
    webhook_secret=SECRET,
    base_url="http://127.0.0.1:9/bot",
)
USER = {"id": 1001, "is_bot": False, "first_name": "Ana"}
CHAT = {"id": 1001, "type": "private", "first_name": "Ana"}


class Stage:
    """One application with everything around it."""

    def __init__(self, *, settings: TelegramSettings = SETTINGS) -> None:
        self.time = VirtualTime()
        self.api = ApiDouble(self.time.clock)
        self.desk = FakeDesk(self.time.clock)
        self.inbox = MemoryInbox()
        self.metrics = Metrics()
        self.agent = make_agent(self.desk, self.metrics)
        self.chat = TelegramChat(
            settings=settings,
            agent=self.agent,
            desk=self.desk,
            inbox=self.inbox,
            clock=self.time.clock,
            metrics=self.metrics,
            sleep=self.time.sleep,
            request=self.api,
        )
        self._ids = itertools.count(1)

    async def give(self, **parts: Any) -> int:
        """Hand in an update as the webhook does, and let everything run."""
        update_id = next(self._ids)
        body = {"update_id": update_id, **parts}
        await self.inbox.take(update_id, json.dumps(body).encode(), self.time.clock.now_ms())
        assert self.chat.deliver(update_id, body)
        await settle()
        return update_id

    def message(self, text: str, *, user_id: int = 1001, age_s: int = 0) -> dict[str, Any]:
        user = {**USER, "id": user_id}
        sent = self.time.clock.now_ms() // 1_000 - age_s
        return {"message_id": 5, "from": user, "chat": {**CHAT, "id": user_id}, "date": sent, "text": text}

    async def say(self, text: str, *, user_id: int = 1001, age_s: int = 0) -> int:
        return await self.give(message=self.message(text, user_id=user_id, age_s=age_s))

    async def press(self, data: str, message_id: int, *, user_id: int = 1001) -> int:
        card = {**self.message("card"), "message_id": message_id}
        user = {**USER, "id": user_id}
        query = {"id": f"q{message_id}", "from": user, "chat_instance": "1", "message": card, "data": data}
        return await self.give(callback_query=query)

    def button(self, label: str) -> tuple[str, int]:
        """Data and message of the newest button with this label."""
        for number, call in reversed(list(enumerate(self.api.calls))):
            rows = call.fields.get("reply_markup", {}).get("inline_keyboard", [])
            for button in (b for row in rows for b in row):
                if button["text"].startswith(label):
                    message_id = call.fields.get("message_id") or self._posted(number)
                    return button["callback_data"], message_id
        raise AssertionError(f"no button {label!r}")

    def _posted(self, number: int) -> int:
        """The id the double gave to the new message of this call."""
        return 99 + sum(call.method == "sendMessage" for call in self.api.calls[: number + 1])

    def heads(self, chat_id: int = 1001) -> list[str]:
        """First lines of everything shown in a chat."""
        return [text.split("\n")[0] for text in self.api.texts(chat_id)]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    starting = asyncio.create_task(stage.chat.start(), name="start")
    await stage.time.advance(30_000)  # a stop may wait for cards and tasks under way
    await starting
    stage.api.calls.clear()
    yield stage
    stopping = asyncio.create_task(stage.chat.stop(), name="stop")
    await stage.time.advance(30_000)
    await stopping


async def started(stage: Stage) -> None:
    starting = asyncio.create_task(stage.chat.start(), name="start")
    await stage.time.advance(30_000)
    await starting


async def stopped(stage: Stage) -> None:
    stopping = asyncio.create_task(stage.chat.stop(), name="stop")
    await stage.time.advance(30_000)
    await stopping


async def test_start_claims_the_webhook_with_all_parameters_and_sets_menus_by_role() -> None:
    stage = Stage()
    await started(stage)
    await stopped(stage)

    (hook,) = stage.api.named("setWebhook")
    assert hook.fields == {
        "url": SETTINGS.webhook_url,
        "secret_token": SECRET,
        "max_connections": 2,
        "allowed_updates": ["message", "callback_query", "my_chat_member"],
        "drop_pending_updates": False,
    }
    menus = {
        call.fields["scope"].get("chat_id", 0): [c["command"] for c in call.fields["commands"]]
        for call in stage.api.named("setMyCommands")
    }
    assert menus[0] == ["start"]
    assert "dutch" in menus[1001]
    assert "dutch" not in menus[1003]
    assert "kill" in menus[1003]
    assert not stage.api.named("deleteWebhook")


async def test_start_beside_another_desk_is_refused_unless_it_takes_over() -> None:
    """Threat 13, the part that is built: the webhook of another process is not stolen by accident."""
    stage = Stage()
    stage.api.webhook_url = "https://other.example/tg"
    with pytest.raises(WebhookTaken, match="found another one set") as error:
        await started(stage)
    assert not stage.api.named("setWebhook")
    assert "other.example" not in str(error.value)

    taker = Stage(settings=replace(SETTINGS, take_over=True))
    taker.api.webhook_url = "https://other.example/tg"
    await started(taker)
    await stopped(taker)
    assert taker.api.named("setWebhook")


async def test_start_menu_that_cannot_be_set_is_set_when_the_operator_writes() -> None:
    stage = Stage()
    stage.api.script = lambda call: (
        refused(400, "Bad Request: chat not found") if call.method == "setMyCommands" else None
    )
    await started(stage)
    assert len(stage.api.named("setMyCommands")) == 4
    stage.api.script = lambda _call: None

    for _ in range(2):
        await stage.say("/start")
    await stage.time.advance(1_000)
    await stopped(stage)

    assert len(stage.api.named("setMyCommands")) == 5
    assert stage.api.named("setMyCommands")[-1].fields["scope"]["chat_id"] == 1001


async def test_start_goes_on_with_updates_stored_before_a_crash() -> None:
    """A /kill that was acknowledged and not yet run is run; junk rows are settled."""
    stage = Stage()
    kill = {"update_id": 900, "message": stage.message("/kill", age_s=300)}
    status = {"update_id": 901, "message": stage.message("/status", age_s=300)}
    for number, body in ((900, kill), (901, status)):
        await stage.inbox.take(number, json.dumps(body).encode(), NOW)
    await stage.inbox.take(-7, b"{", NOW)

    await started(stage)
    await stage.time.advance(2_000)
    await stopped(stage)

    assert [command for _, _, command in stage.desk.asked] == [Kill()]
    assert stage.inbox.outcomes == {-7: "junk", 900: "handled", 901: "not_run"}
    assert any("not run · 1 command" in head for head in stage.heads())


async def test_command_is_answered_and_its_row_settled(stage: Stage) -> None:
    update_id = await stage.say("/status")

    assert "· status · desk" in stage.heads()[0]
    assert stage.inbox.outcomes[update_id] == "handled"
    assert stage.metrics.value("bot_updates_total", "handled") == 1


async def test_walk_from_command_to_done_is_one_message_edited(stage: Stage) -> None:
    await stage.say("/dutch fed4 200")
    (ticket_id, message_id), *_ = stage.desk.shown
    await stage.press(*stage.button("Confirm…"))
    await stage.time.advance(1_000)
    await stage.press(*stage.button("🔴 Send"))
    await stage.time.advance(1_000)
    done = replace(stage.desk.tickets[ticket_id], state=TicketState.DONE, version=4)
    stage.chat.show_ticket(make_view(done, make_result(settled=True)), aloud=False)
    await stage.time.advance(1_000)

    stages = [head.split(" · ")[1] for head in stage.heads()]
    assert stages == ["dry", "confirm", "sending", "done"]
    assert len(stage.api.named("sendMessage")) == 1
    assert {call.fields["message_id"] for call in stage.api.named("editMessageText")} == {message_id}
    assert stage.desk.sent == 1


async def test_press_is_decided_then_answered_once_then_the_card_changes(stage: Stage) -> None:
    await stage.say("/dutch fed4 200")
    stage.api.calls.clear()
    asked = len(stage.desk.asked)
    seen: list[int] = []

    def note(_call: ApiCall) -> None:
        seen.append(len(stage.desk.asked))

    stage.api.script = note

    await stage.press(*_first_button(stage))

    assert [call.method for call in stage.api.calls] == ["answerCallbackQuery", "editMessageText"]
    assert seen[0] == asked + 1


def _first_button(stage: Stage) -> tuple[str, int]:
    ticket_id, message_id = stage.desk.shown[-1]
    data = stage.agent.sealer.seal(
        user_id=1001, chat_id=1001, ticket_id=ticket_id, move=Move.CONFIRM, version=1
    )
    return data, message_id


async def test_press_whose_answer_fails_still_changes_the_card(stage: Stage) -> None:
    await stage.say("/dutch fed4 200")
    stage.api.script = lambda call: (
        refused(400, "Bad Request: query is too old") if call.method == "answerCallbackQuery" else None
    )

    await stage.press(*stage.button("Confirm…"))

    assert "· confirm ·" in stage.heads()[-1]
    assert len(stage.api.named("answerCallbackQuery")) == 1


async def test_progress_that_overtakes_the_reply_to_send_is_not_undone(stage: Stage) -> None:
    """The desk may show progress while the press is still being answered."""
    await stage.say("/dutch fed4 200")
    await stage.press(*stage.button("Confirm…"))
    await stage.time.advance(1_000)
    ticket_id, _ = stage.desk.shown[0]
    legs = (*FILLED[:2], leg_result("Cut 50+", OrderState.LIVE, filled=0))

    def overtake(call: ApiCall) -> Answered | None:
        if call.method == "answerCallbackQuery":
            sending = stage.desk.tickets[ticket_id]
            stage.chat.show_ticket(make_view(sending, make_result(legs, accounted=False)), aloud=False)
        return None

    stage.api.script = overtake
    await stage.press(*stage.button("🔴 Send"))
    await stage.time.advance(5_000)

    assert "2/3 filled" in stage.heads()[-1]


async def test_same_press_redelivered_in_a_row_moves_the_ticket_once(stage: Stage) -> None:
    await stage.say("/dutch fed4 200")
    data, message_id = stage.button("Confirm…")
    for _ in range(5):
        await stage.press(data, message_id)
    await stage.time.advance(5_000)

    assert [head.split(" · ")[1] for head in stage.heads()] == ["dry", "confirm"]
    assert len(stage.api.named("answerCallbackQuery")) == 5


async def test_refresh_button_edits_its_own_card(stage: Stage) -> None:
    await stage.say("/status")
    await stage.press(*stage.button("🔁 Refresh"))

    assert len(stage.api.named("sendMessage")) == 1
    assert len(stage.api.named("editMessageText")) == 1


async def test_command_button_opens_a_new_card(stage: Stage) -> None:
    await stage.say("/status")
    await stage.press(*stage.button("⚖️ Dutch scan"))

    assert len(stage.api.named("sendMessage")) == 2


async def test_broken_ticket_comes_as_a_new_message(stage: Stage) -> None:
    await stage.say("/dutch fed4 200")
    (ticket_id, message_id), *_ = stage.desk.shown
    ticket = replace(stage.desk.tickets[ticket_id], state=TicketState.BROKEN, version=4)
    stage.chat.show_ticket(make_view(ticket, make_result()), aloud=True)
    await stage.time.advance(1_000)

    assert len(stage.api.named("sendMessage")) == 2
    assert "· broken ·" in stage.heads()[1]
    assert stage.desk.shown[-1] == (ticket_id, 101)
    assert stage.api.named("editMessageText")[-1].fields["message_id"] == message_id


async def test_late_commands_are_one_not_run_card_and_a_late_kill_runs(stage: Stage) -> None:
    """Threat 4: an hour's backlog arrives at once."""
    for text in ("/dutch fed4 200", "/status", "/resume"):
        await stage.say(text, age_s=3_600)
    await stage.say("/kill", age_s=3_600)
    await stage.time.advance(2_000)

    assert [command for _, _, command in stage.desk.asked] == [Kill()]
    assert "This /kill was 1 h old" in stage.api.texts(1001)[0]
    assert "not run · 3 commands" in stage.heads()[1]
    assert len(stage.heads()) == 2


@pytest.mark.parametrize(
    "parts",
    [
        {"edited_message": {"edit_date": NOW // 1_000}},
        {"message": {"forward_origin": {"type": "hidden_user", "sender_user_name": "x", "date": 1}}},
        {"message": {"via_bot": {"id": 4242, "is_bot": True, "first_name": "Other"}}},
        {"message": {"chat": {"id": -1001, "type": "supergroup", "title": "Desk talk"}}},
        {"message": {"sender_chat": {"id": -1002, "type": "channel", "title": "News"}}},
        {"channel_post": {"chat": {"id": -1002, "type": "channel", "title": "News"}}},
        {"message": {"text": None, "photo": []}},
    ],
)
async def test_odd_update_of_an_operator_fires_nothing(stage: Stage, parts: dict[str, Any]) -> None:
    """Threat 7: every one of these would run on a plain command handler."""
    ((kind, changes),) = parts.items()
    fields = {k: v for k, v in {**stage.message("/kill"), **changes}.items() if v is not None}

    update_id = await stage.give(**{kind: fields})

    assert stage.api.calls == []
    assert stage.desk.asked == []
    assert stage.inbox.outcomes[update_id] not in {"handled", "not_run"}


async def test_stranger_meets_silence_in_every_shape(stage: Stage) -> None:
    """Threat 6: no call goes out."""
    for text in ("/start", "/kill", "hello", "/dutch fed4 200"):
        await stage.say(text, user_id=STRANGER)
        await stage.say(text, user_id=STRANGER, age_s=3_600)
    await stage.press("c./kill", 100, user_id=STRANGER)
    await stage.press("1.go.T-7K2A.1.AAAAAAAAAAAAAAAA", 100, user_id=STRANGER)
    await stage.time.advance(5_000)

    assert stage.api.calls == []
    assert stage.desk.asked == []
    assert stage.metrics.value("bot_updates_total", "stranger") == 10


async def test_flood_of_strangers_leaves_no_memory_and_the_owners_kill_works(stage: Stage) -> None:
    """Threat 22."""
    for n in range(2_000):
        body = {"update_id": 10_000 + n, "message": stage.message("/start", user_id=7_000 + n)}
        while not stage.chat.has_room():
            await settle()
        stage.chat.deliver(10_000 + n, body)
    await settle()
    await stage.say("/kill")

    assert stage.desk.asked == [(ANA, 1001, Kill())]
    assert len(stage.api.calls) == 1
    assert stage.chat._handlers._outcomes == {}


async def test_group_that_adds_the_bot_is_left(stage: Stage) -> None:
    group = {"id": -1001, "type": "supergroup", "title": "Foreign"}
    bot = {"id": 1, "is_bot": True, "first_name": "Desk"}
    change = {
        "chat": group,
        "from": {**USER, "id": STRANGER},
        "date": NOW // 1_000,
        "old_chat_member": {"user": bot, "status": "left"},
        "new_chat_member": {"user": bot, "status": "member"},
    }
    await stage.give(my_chat_member=change)

    assert [call.method for call in stage.api.calls] == ["leaveChat"]
    assert stage.api.calls[0].fields["chat_id"] == -1001

    left = {
        **change,
        "old_chat_member": change["new_chat_member"],
        "new_chat_member": change["old_chat_member"],
    }
    await stage.give(my_chat_member=left)
    assert len(stage.api.calls) == 1


async def test_operator_who_blocks_the_bot_is_told_of_to_the_others_and_forgiven_when_heard(
    stage: Stage,
) -> None:
    bot = {"id": 1, "is_bot": True, "first_name": "Desk"}
    member = {"user": bot, "status": "member"}
    kicked = {"user": bot, "status": "kicked", "until_date": 0}
    change = {
        "chat": CHAT, "from": USER, "date": NOW // 1_000,
        "old_chat_member": member, "new_chat_member": kicked,
    }  # fmt: skip
    await stage.give(my_chat_member=change)
    stage.chat.raise_alert(Alert("k", Severity.WARN, "resync m", "a gap", "nothing"))
    await stage.time.advance(1_000)

    assert stage.heads(1001) == []
    assert any("Ana gets no cards" in head for head in stage.heads(1002))

    await stage.say("/whoami")
    stage.chat.raise_alert(Alert("k2", Severity.WARN, "resync n", "a gap", "nothing"))
    await stage.time.advance(1_000)
    assert any("resync n" in head for head in stage.heads(1001))


async def test_kill_passes_a_command_that_hangs(stage: Stage) -> None:
    """The stop path shares nothing with the chatter path."""
    stage.desk.slow = asyncio.Event()
    for _ in range(20):
        await stage.say("/status")
    assert stage.heads() == []

    await stage.say("/kill")

    assert ["· kill ·" in head for head in stage.heads()] == [True]
    assert [c for _, _, c in stage.desk.asked] == [ShowStatus(), Kill()]
    stage.desk.slow.set()
    await settle()
    assert len(stage.heads()) == 21


async def test_kill_reply_leaves_at_once_during_an_alert_storm_under_429(stage: Stage) -> None:
    stage.api.script = lambda call: (
        refused(429, "Too Many Requests: retry after 60", retry_after=60)
        if "storm" in str(call.fields.get("text")) or "resync" in str(call.fields.get("text"))
        else None
    )
    for n in range(120):
        stage.chat.raise_alert(Alert(f"k{n}", Severity.WARN, f"resync m{n}", "a gap", "nothing"))
    await settle()
    before = stage.time.clock.now_ms()

    await stage.say("/kill")

    kills = [call for call in stage.api.named("sendMessage") if "· kill ·" in call.fields["text"]]
    assert [call.at_ms - before for call in kills] == [0]


async def test_alert_reaches_every_operator_and_crit_sounds(stage: Stage) -> None:
    stage.chat.raise_alert(Alert("a", Severity.CRIT, "broken fed4", "3/4 filled", "look at the card"))
    stage.chat.raise_alert(Alert("b", Severity.INFO, "market added", "fed5", ""))
    await stage.time.advance(1_000)

    for chat_id in (1001, 1002, 1003):
        heads = stage.heads(chat_id)
        assert ["CRIT" in head for head in heads] == [True, False]
    quiet = {call.fields["text"][0]: call.fields["disable_notification"] for call in stage.api.calls}
    assert quiet == {"🔴": False, "🔵": True}


async def test_operator_who_never_started_the_bot_gets_no_alerts_and_nobody_is_bothered(
    stage: Stage,
) -> None:
    stage.api.script = lambda call: (
        refused(400, "Bad Request: chat not found") if call.fields.get("chat_id") == 1002 else None
    )
    for n in range(3):
        stage.chat.raise_alert(Alert(f"k{n}", Severity.WARN, f"resync m{n}", "a gap", "none"))
        await stage.time.advance(2_000)

    assert len(stage.heads(1002)) == 1
    assert len(stage.heads(1001)) == 3
    assert not any("gets no cards" in head for head in stage.heads(1001))


async def test_announced_view_reaches_every_operator(stage: Stage) -> None:
    stage.chat.announce(KillView(ANA, Ms(NOW - 900), asked=3, open_now=0, still_held=()))
    await settle()

    assert all("flat of orders" in stage.heads(chat_id)[0] for chat_id in (1001, 1002, 1003))


async def test_fault_of_ours_is_told_by_id_and_never_by_trace(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def explode(*_: object) -> None:
        raise RuntimeError("secret inside")

    stage.desk.ask = explode  # type: ignore[method-assign,assignment]
    with caplog.at_level(logging.ERROR):
        update_id = await stage.say("/status")

    (text,) = stage.api.texts(1001)
    assert "fault · E-" in text
    assert "secret inside" not in text
    assert "RuntimeError" not in text
    error_id = text.split("fault · ")[1][:6]
    assert error_id in caplog.text
    assert stage.inbox.outcomes[update_id] == "failed"
    assert stage.metrics.value("engine_errors", "chat") == 1


@pytest.mark.parametrize(
    "body",
    [
        {"update_id": 5, "message": {}},
        {"update_id": 5, "message": "text"},
        {"update_id": 5, "message": {"message_id": 1, "date": "soon", "chat": CHAT}},
        {"update_id": 5, "callback_query": {"id": 1}},
        {"update_id": 5, "callback_query": []},
        {"update_id": 5, "message": {"message_id": 1, "date": 1, "chat": 7}},
        {"update_id": 6},
    ],
)
async def test_poison_update_is_refused_and_the_next_is_served(stage: Stage, body: dict[str, Any]) -> None:
    """Threat 5."""
    assert not stage.chat.deliver(5, body)

    await stage.say("/status")
    assert len(stage.heads()) == 1


async def test_unknown_kind_of_update_is_harmless(stage: Stage) -> None:
    update_id = await stage.give(brand_new_thing={"x": 1})

    assert stage.inbox.outcomes[update_id] == "no_user"
    assert stage.api.calls == []


async def test_row_that_cannot_be_settled_is_counted_and_the_answer_still_goes_out(stage: Stage) -> None:
    await stage.inbox.take(77, b"{}", NOW)
    stage.inbox.broken = StoreError("disk full")
    assert stage.chat.deliver(77, {"update_id": 77, "message": stage.message("/status")})
    await settle()

    assert "· status ·" in stage.heads()[0]
    assert stage.metrics.value("engine_errors", "inbox") == 1


async def test_full_queue_says_so(stage: Stage) -> None:
    stage.desk.slow = asyncio.Event()
    for n in range(IN_FLIGHT_MAX):
        assert stage.chat.has_room()
        stage.chat.deliver(1_000 + n, {"update_id": 1_000 + n, "message": stage.message("/help")})

    assert not stage.chat.has_room()
    await settle()
    stage.desk.slow.set()
    await stage.time.advance(1_000)
    assert stage.chat.has_room()


async def test_stop_finishes_what_was_taken_and_keeps_the_webhook() -> None:
    stage = Stage()
    await started(stage)
    stage.api.calls.clear()
    for n in range(5):
        stage.chat.deliver(n + 1, {"update_id": n + 1, "message": stage.message("/whoami")})

    await stopped(stage)

    assert len(stage.heads()) == 5
    assert len(stage.inbox.outcomes) == 5
    assert not stage.api.named("deleteWebhook")


async def test_stop_tells_every_operator_why_before_it_disconnects() -> None:
    """The desk raises its last alert and ends: nothing runs in between."""
    stage = Stage()
    await started(stage)
    stage.api.calls.clear()
    order: list[str] = []
    answer = stage.api.do_request

    async def note_shutdown() -> None:
        order.append("shutdown")

    async def travel(url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        for _ in range(200):  # a network takes longer than the steps of an idle application's end
            await asyncio.sleep(0)
        order.append(url.rsplit("/", 1)[-1])
        return await answer(url, *args, **kwargs)

    stage.api.shutdown = note_shutdown  # type: ignore[method-assign]
    stage.api.do_request = travel  # type: ignore[method-assign]

    stage.chat.raise_alert(Alert("invariant", Severity.CRIT, "the desk stops", "a fault", "start it again"))
    await stopped(stage)

    assert order[:3] == ["sendMessage"] * 3
    assert "shutdown" in order[3:]
    assert ["the desk stops" in stage.heads(chat_id)[0] for chat_id in (1001, 1002, 1003)] == [True] * 3


async def test_card_lost_in_an_outage_is_in_the_chat_after_it(stage: Stage) -> None:
    await stage.say("/dutch fed4 200")
    (ticket_id, message_id), *_ = stage.desk.shown
    stage.api.script = lambda _call: Answered(error=NetworkError("no route"))
    missed = replace(stage.desk.tickets[ticket_id], state=TicketState.MISSED, version=4)
    stage.chat.show_ticket(make_view(missed, make_result()), aloud=False)
    await stage.time.advance(120_000)
    stage.api.script = lambda _call: None
    stage.api.calls.clear()

    await stage.time.advance(300_000)

    (edit,) = stage.api.calls
    assert edit.fields["message_id"] == message_id
    assert "· missed ·" in stage.heads()[0]


async def test_start_without_network_fails_and_closes_what_it_opened() -> None:
    stage = Stage()
    stage.api.script = lambda call: (
        Answered(error=NetworkError("no route")) if call.method == "getWebhookInfo" else None
    )

    with pytest.raises(NetworkError):
        await started(stage)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("alerts")]


def test_settings_never_show_their_secrets() -> None:
    assert "1:LOCAL" not in repr(SETTINGS)
    assert SECRET not in repr(SETTINGS)

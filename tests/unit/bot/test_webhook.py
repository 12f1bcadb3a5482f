"""The webhook over loopback: threats 1, 3, 5 and 22, with statuses, empty bodies and counters."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.webhook import BODY_MAX, SECRET_HEADER, Webhook, check_secret
from engine.clock import ManualClock
from engine.metrics import Metrics
from engine.ports import StoreError
from tests.unit.bot.builders import NOW
from tests.unit.bot.fakes import MemoryInbox

SECRET = "kJ8-2mNx_4pQr7sTv9wYz1aBcDeFgHi0"
NEXT_SECRET = "Zz9-yX8wV7uT6sR5qP4oN3mL2kJ1iH0g_"
UPDATE = {"update_id": 500, "message": {"message_id": 1}}


class Desk:
    """Takes updates until it is full."""

    def __init__(self, inbox: MemoryInbox) -> None:
        self.taken: list[int] = []
        self.room = True
        self.understands = True
        self._inbox = inbox

    def has_room(self) -> bool:
        return self.room

    def deliver(self, update_id: int, body: Mapping[str, Any]) -> bool:
        assert update_id in self._inbox.rows, "expected the row before the work"
        if self.understands:
            self.taken.append(update_id)
        return self.understands


class Knocker:
    """Posts to the webhook."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def post(
        self,
        body: bytes | None = None,
        *,
        path: str = "/tg",
        method: str = "POST",
        secret: str | None = SECRET,
        content_type: str = "application/json",
        headers: list[tuple[str, str]] | None = None,
    ) -> int:
        sent = [("Content-Type", content_type), *(headers or [])]
        if secret is not None:
            sent.append((SECRET_HEADER, secret))
        data = json.dumps(UPDATE).encode() if body is None else body
        async with self._session.request(method, self._url + path, data=data, headers=sent) as response:
            assert await response.read() == b""
            return response.status


@pytest.fixture
def inbox() -> MemoryInbox:
    return MemoryInbox()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def desk(inbox: MemoryInbox) -> Desk:
    return Desk(inbox)


@pytest.fixture
def webhook(inbox: MemoryInbox, desk: Desk, metrics: Metrics) -> Webhook:
    return Webhook(
        secrets=(SECRET, NEXT_SECRET), inbox=inbox, desk=desk, clock=ManualClock(NOW), metrics=metrics
    )


@pytest.fixture
async def knock(webhook: Webhook) -> AsyncIterator[Knocker]:
    runner = web.AppRunner(webhook.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession() as session:
        yield Knocker(session, f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()


async def test_update_is_stored_then_worked_on_and_answered(
    knock: Knocker, inbox: MemoryInbox, desk: Desk, metrics: Metrics
) -> None:
    assert await knock.post() == 200

    assert desk.taken == [500]
    assert json.loads(inbox.rows[500]) == UPDATE
    assert metrics.value("bot_updates_total", "taken") == 1


async def test_both_secrets_of_a_rotation_are_accepted(knock: Knocker, desk: Desk) -> None:
    assert await knock.post(secret=SECRET) == 200
    assert await knock.post(json.dumps({"update_id": 501}).encode(), secret=NEXT_SECRET) == 200
    assert desk.taken == [500, 501]


@pytest.mark.parametrize(
    "secret", [None, "", "wrong", SECRET[:-1], SECRET + "x", SECRET.lower(), "ключ-не-тот-совсем"]
)
async def test_wrong_secret_is_403_and_nothing_is_stored(
    knock: Knocker, inbox: MemoryInbox, metrics: Metrics, secret: str | None
) -> None:
    assert await knock.post(secret=secret) == 403

    assert inbox.order == []
    assert metrics.value("bot_updates_total", "wrong_secret") == 1


async def test_secret_given_twice_is_403(knock: Knocker, inbox: MemoryInbox) -> None:
    assert await knock.post(headers=[(SECRET_HEADER, "other")]) == 403
    assert inbox.order == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/tg"),
        ("PUT", "/tg"),
        ("HEAD", "/tg"),
        ("POST", "/"),
        ("POST", "/tg/"),
        ("POST", "/TG"),
        ("POST", "/tg?x=1"),
        ("POST", "/metrics"),
        ("GET", "/health"),
    ],
)
async def test_anything_but_a_post_to_tg_is_404_even_with_the_secret(
    knock: Knocker, inbox: MemoryInbox, method: str, path: str
) -> None:
    assert await knock.post(method=method, path=path) == 404
    assert inbox.order == []


async def test_other_content_type_is_404(knock: Knocker, inbox: MemoryInbox) -> None:
    assert await knock.post(content_type="text/plain") == 404
    assert inbox.order == []


async def test_body_of_64_kib_is_taken_and_one_byte_more_is_413(
    knock: Knocker, inbox: MemoryInbox, metrics: Metrics
) -> None:
    frame = b'{"update_id": 9, "x": "%s"}'
    room = BODY_MAX - len(frame) + 2

    assert await knock.post(frame % (b"a" * room)) == 200
    assert await knock.post(frame % (b"a" * (room + 1))) == 413

    assert list(inbox.rows) == [9]
    assert metrics.value("bot_updates_total", "oversize") == 1


async def test_oversize_body_with_a_wrong_secret_is_403(knock: Knocker) -> None:
    assert await knock.post(b"a" * (BODY_MAX * 2), secret="wrong") == 403


async def test_redelivered_update_is_worked_on_once(knock: Knocker, desk: Desk, metrics: Metrics) -> None:
    """Threat 3."""
    assert [await knock.post() for _ in range(3)] == [200, 200, 200]

    assert desk.taken == [500]
    assert metrics.value("bot_updates_total", "duplicate") == 2


async def test_redelivery_after_a_restart_is_worked_on_by_nobody(inbox: MemoryInbox, desk: Desk) -> None:
    inbox.rows[500] = b"{}"
    after = Webhook(secrets=(SECRET,), inbox=inbox, desk=desk, clock=ManualClock(NOW), metrics=Metrics())
    runner = web.AppRunner(after.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        knock = Knocker(session, f"http://127.0.0.1:{runner.addresses[0][1]}")
        assert await knock.post() == 200
    await runner.cleanup()

    assert desk.taken == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{",
        b"\xff\xfe\x00",
        b"{}",
        b'{"update_id": "5"}',
        b'{"update_id": true}',
        b'{"update_id": -5}',
        b'{"update_id": 1.5}',
        b"[" * 60_000,
        b'{"update_id": NaN}',
    ],
)
async def test_authentic_junk_is_stored_counted_and_answered_200(
    knock: Knocker, inbox: MemoryInbox, desk: Desk, metrics: Metrics, body: bytes
) -> None:
    """Threat 5: never a 5xx, or Telegram would repeat it for a day."""
    assert await knock.post(body) == 200

    assert desk.taken == []
    assert list(inbox.rows.values()) == [body]
    assert list(inbox.outcomes.values()) == ["junk"]
    assert metrics.value("bot_updates_total", "junk") == 1


async def test_update_of_an_unknown_shape_is_settled_as_junk_and_the_next_is_served(
    knock: Knocker, inbox: MemoryInbox, desk: Desk
) -> None:
    desk.understands = False
    assert await knock.post() == 200
    desk.understands = True
    assert await knock.post(b'{"update_id": 501}') == 200

    assert inbox.outcomes == {500: "junk"}
    assert desk.taken == [501]


async def test_junk_twice_is_one_row(knock: Knocker, inbox: MemoryInbox) -> None:
    assert [await knock.post(b"{") for _ in range(2)] == [200, 200]
    assert len(inbox.rows) == 1


@pytest.mark.parametrize("body", [None, b"{"])
async def test_disk_fault_is_503_so_that_telegram_repeats(
    knock: Knocker, inbox: MemoryInbox, desk: Desk, body: bytes | None
) -> None:
    inbox.broken = StoreError("disk full")
    assert await knock.post(body) == 503
    inbox.broken = None

    assert await knock.post(body) == 200
    assert desk.taken == ([500] if body is None else [])


async def test_full_desk_is_503_before_anything_is_stored(
    knock: Knocker, inbox: MemoryInbox, desk: Desk
) -> None:
    """Threat 22: a bounded queue."""
    desk.room = False

    assert await knock.post() == 503
    assert inbox.order == []


async def test_draining_is_503_and_still_403_to_strangers(
    knock: Knocker, webhook: Webhook, inbox: MemoryInbox
) -> None:
    webhook.drain()

    assert await knock.post() == 503
    assert await knock.post(secret="wrong") == 403
    assert inbox.order == []


@pytest.mark.parametrize(
    "secret",
    ["", "short", "x" * 64, "ababababababababababababababababab", SECRET + " ", SECRET * 9, "ключ" * 12],
)
def test_secret_that_is_none_is_refused_at_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match="expected a webhook secret"):
        check_secret(secret)


@pytest.mark.parametrize("secrets", [(), (SECRET,) * 3])
def test_webhook_takes_one_or_two_secrets(secrets: tuple[str, ...], inbox: MemoryInbox, desk: Desk) -> None:
    with pytest.raises(ValueError, match="one webhook secret, or two"):
        Webhook(secrets=secrets, inbox=inbox, desk=desk, clock=ManualClock(), metrics=Metrics())

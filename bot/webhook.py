"""The door Telegram knocks at: POST `/tg` and nothing else. Stored first, answered 200, worked on later.

Outside, every refusal is a bare status without a body; inside it is counted. This module knows no Telegram
types: it hands a JSON object on. The probes of the machine's own port stand in `bot.probes`.
"""

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from engine.clock import Clock
from engine.domain.units import Ms
from engine.metrics import Metrics
from engine.ports import StoreError

PATH = "/tg"
BODY_MAX = 64 * 1024
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name, not a secret
SECRET_MIN, SECRET_MAX = 32, 256
"""Ours and Telegram's bound on the secret's length."""
DISTINCT_MIN = 10
"""Fewer different characters than this are a placeholder, not a secret."""

_SECRET = re.compile(rf"[A-Za-z0-9_-]{{{SECRET_MIN},{SECRET_MAX}}}")
_LOG = logging.getLogger(__name__)


class Inbox(Protocol):
    """The durable list of updates: what was taken, and what became of it."""

    async def take(self, update_id: int, raw: bytes, at_ms: Ms) -> bool:
        """Store an update; False when it is there already. Durable when it returns; raises StoreError."""
        ...

    async def settle(self, update_id: int, outcome: str) -> None:
        """Note what became of an update; raises StoreError."""
        ...

    async def pending(self) -> list[tuple[int, bytes]]:
        """Return id and bytes of every update not settled, in the order they came."""
        ...


class Desk(Protocol):
    """Who works on updates."""

    def has_room(self) -> bool:
        """Tell whether another update can be taken now."""
        ...

    def deliver(self, update_id: int, body: Mapping[str, Any]) -> bool:
        """Queue an update; False when its shape is not one of Telegram's."""
        ...


def check_secret(secret: str) -> None:
    """Refuse a webhook secret that is too short, placed by hand, or not made of Telegram's characters."""
    if not _SECRET.fullmatch(secret) or len(set(secret)) < DISTINCT_MIN:
        raise ValueError(
            f"expected a webhook secret of {SECRET_MIN} to {SECRET_MAX} random characters out of "
            f"A-Z a-z 0-9 _ -, found {len(secret)} of them, {len(set(secret))} different ones; make a new one"
        )


class Webhook:
    """The receiving side of the webhook. Two secrets are accepted while one is being replaced."""

    def __init__(
        self, *, secrets: Sequence[str], inbox: Inbox, desk: Desk, clock: Clock, metrics: Metrics
    ) -> None:
        if not 1 <= len(secrets) <= 2:
            raise ValueError(f"expected one webhook secret, or two during a rotation, found {len(secrets)}")
        for secret in secrets:
            check_secret(secret)
        self._secrets = [secret.encode() for secret in secrets]
        self._inbox = inbox
        self._desk = desk
        self._clock = clock
        self._metrics = metrics
        self._draining = False

    def app(self) -> web.Application:
        """Return the HTTP application, to be served behind TLS or on loopback."""
        app = web.Application(client_max_size=BODY_MAX)
        app.router.add_route("*", "/{anything:.*}", self._receive)
        return app

    def drain(self) -> None:
        """Take nothing more: Telegram keeps the updates and repeats them."""
        self._draining = True

    async def _receive(self, request: web.Request) -> web.Response:
        """Judge a request. The order matters: nothing is read from who does not know the secret."""
        if request.rel_url.raw_path_qs != PATH or request.method != "POST":
            return self._answer(404, "not_found")
        if not self._knows_secret(request):
            return self._answer(403, "wrong_secret")
        if self._draining:
            return self._answer(503, "draining")
        if request.content_type != "application/json":
            return self._answer(404, "not_json")
        try:
            raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._answer(413, "oversize")
        if not self._desk.has_room():
            return self._answer(503, "full")
        return await self._take(raw)

    def _knows_secret(self, request: web.Request) -> bool:
        given = request.headers.getall(SECRET_HEADER, [])
        offered = given[0].encode("utf-8", "surrogateescape") if len(given) == 1 else b""
        # Every secret is compared, so that the time tells nothing about which one came close.
        return sum(hmac.compare_digest(offered, secret) for secret in self._secrets) > 0

    async def _take(self, raw: bytes) -> web.Response:
        body = parse_update(raw)
        update_id = body.get("update_id") if body is not None else None
        if body is None or not isinstance(update_id, int) or isinstance(update_id, bool) or update_id <= 0:
            return await self._keep_junk(raw)
        try:
            is_new = await self._inbox.take(update_id, raw, self._clock.now_ms())
        except StoreError:
            return self._not_stored()
        if not is_new:
            return self._answer(200, "duplicate")
        if self._desk.deliver(update_id, body):
            return self._answer(200, "taken")
        _LOG.warning("update of an unknown shape", extra={"fields": {"update_id": update_id}})
        await self._settle_junk(update_id)
        return self._answer(200, "junk")

    async def _keep_junk(self, raw: bytes) -> web.Response:
        """Store what is authentic but no update, under a negative number made of its content."""
        number = -1 - int.from_bytes(hashlib.sha256(raw).digest()[:7])
        try:
            if await self._inbox.take(number, raw, self._clock.now_ms()):
                await self._settle_junk(number)
        except StoreError:
            return self._not_stored()
        return self._answer(200, "junk")

    async def _settle_junk(self, number: int) -> None:
        try:
            await self._inbox.settle(number, "junk")
        except StoreError as error:
            # The row stands as not settled; the start-up drops such rows.
            self._metrics.count("engine_errors", "inbox")
            _LOG.warning("inbox row not settled", extra={"fields": {"row": number, "error": str(error)}})

    def _not_stored(self) -> web.Response:
        """Refuse what could not be made durable: Telegram repeats it."""
        self._metrics.count("engine_errors", "inbox")
        return self._answer(503, "not_stored")

    def _answer(self, status: int, outcome: str) -> web.Response:
        self._metrics.count("bot_updates_total", outcome)
        return web.Response(status=status)


def parse_update(raw: bytes) -> dict[str, Any] | None:
    """Return the JSON object in `raw`, None for anything else."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None

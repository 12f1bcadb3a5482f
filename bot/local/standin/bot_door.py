"""The Bot API over HTTP: `/bot<token>/<method>`, as bots know it. Translates; decides nothing about chats.

Method names are case-insensitive; parameters come in the query, a form, a multipart form or a JSON body.
A call is answered after its faults: outage, wrong token, unknown method, 429, then the method itself.
"""

import asyncio
import json
from collections.abc import Callable
from hmac import compare_digest

from aiohttp import web

from bot.local.people import LOCAL_TOKEN
from bot.local.standin.bell import Bell
from bot.local.standin.methods import METHODS, Answer
from bot.local.standin.refusal import Params, Refusal, bad_request
from bot.local.standin.world import World
from bot.wire import Json

POLL_MAX_S = 50
GET_UPDATES = "getupdates"


class BotDoor:
    """Handles the bot's calls. `changed` is called after each, so that waiters and deliveries go on."""

    def __init__(self, world: World, bell: Bell, changed: Callable[[], None]) -> None:
        self._world = world
        self._bell = bell
        self._changed = changed
        self._newest_poll: object | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this door."""
        path = "/bot{token:[^/]+}/{method}"
        return [web.get(path, self._handle), web.post(path, self._handle)]

    async def _handle(self, request: web.Request) -> web.Response:
        if not compare_digest(request.match_info["token"].encode(), LOCAL_TOKEN.encode()):
            return _respond(Refusal(401, "Unauthorized"))
        name = request.match_info["method"]
        fields: dict[str, Json] = {}
        outcome: Answer | Refusal
        try:
            fields = await _read_fields(request)
            outcome = await self._call(name.lower(), Params(fields))
        except Refusal as refusal:
            outcome = refusal
        code, text = (outcome.code, outcome.description) if isinstance(outcome, Refusal) else (200, "")
        self._world.calls.record(name, fields, code, text)
        self._changed()
        return _respond(outcome)

    async def _call(self, name: str, params: Params) -> Answer:
        faults = self._world.faults
        if faults.outage:
            raise Refusal(502, "Bad Gateway")
        method = METHODS.get(name)
        if method is None and name != GET_UPDATES:
            raise Refusal(404, "Not Found")
        refusal = faults.refuse_call(name, params.integer("chat_id", 0))
        if refusal is not None:
            raise refusal
        return await self._get_updates(params) if method is None else method(self._world, params)

    async def _get_updates(self, params: Params) -> Answer:
        """Long poll: answers when something waits, or empty after `timeout` seconds. One poller at a time."""
        self._world.webhook.read_kinds(params)
        this_poll = self._newest_poll = object()
        self._bell.ring()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(params.integer("timeout", 0), 0), POLL_MAX_S)
        while True:
            if self._world.webhook.target is not None:
                raise Refusal(
                    409,
                    "Conflict: can't use getUpdates method while webhook is active; "
                    "use deleteWebhook to delete the webhook first",
                )
            if self._newest_poll is not this_poll:
                raise Refusal(
                    409,
                    "Conflict: terminated by other getUpdates request; "
                    "make sure that only one bot instance is running",
                )
            found = self._world.pending.poll(params.integer("offset", 0), params.integer("limit", 100))
            left_s = deadline - loop.time()
            if found or left_s <= 0 or self._bell.closed:
                return Answer([pending.to_json() for pending in found])
            await self._bell.wait(left_s)


def _respond(outcome: Answer | Refusal) -> web.Response:
    if isinstance(outcome, Refusal):
        return web.json_response(outcome.to_json(), status=outcome.code)
    body: dict[str, Json] = {"ok": True, "result": outcome.result}
    if outcome.remark:
        body["description"] = outcome.remark
    return web.json_response(body)


async def _read_fields(request: web.Request) -> dict[str, Json]:
    """Return the parameters of query and body; raises Refusal for a body that cannot be read."""
    fields: dict[str, Json] = dict(request.query)
    if request.method != "POST":
        return fields
    if request.content_type == "application/json":
        raw = await request.read()
        try:
            decoded = json.loads(raw or b"{}")
        except ValueError:
            decoded = None
        if not isinstance(decoded, dict):
            raise bad_request("can't parse request: expected a JSON object")
        return fields | decoded
    try:
        form = await request.post()
    except ValueError:
        raise bad_request("can't parse request body") from None
    for name, value in form.items():
        if isinstance(value, str):
            fields[name] = value
        elif isinstance(value, web.FileField):
            fields[name] = f"file {value.filename}, {len(value.file.read())} bytes"
            value.file.close()
        else:
            fields[name] = f"{len(value)} bytes"
    return fields

"""How the Telegram application is put together, and what Telegram is told of it: webhook and menus."""

import logging
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from telegram import BotCommand, BotCommandScope, BotCommandScopeChat
from telegram.error import TelegramError
from telegram.ext import Application, CallbackContext, ExtBot
from telegram.request import BaseRequest, HTTPXRequest

from bot.commands import menu
from bot.telegram_lanes import Lane, Lanes, OperatorLanes
from engine.domain.ticket import Operator

Bot: TypeAlias = ExtBot[Lane]
# The library types the context of a builder with a bot that has no lanes; the bot itself has them.
Context: TypeAlias = CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]
ChatApplication: TypeAlias = Application[Bot, Context, dict[Any, Any], dict[Any, Any], dict[Any, Any], None]

TELEGRAM = "https://api.telegram.org/bot"
ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")
"""Edited messages, channel posts and the rest are not even delivered; the gate refuses them again."""
CONNECTIONS = 2
"""Parallel webhook deliveries: Telegram keeps the order per chat anyway."""
POOL_SIZE = 32


_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """How to reach Telegram, and how Telegram reaches us. Secrets never show in a repr."""

    token: str = field(repr=False)
    webhook_url: str
    """Ends in /tg; https, or http on loopback for the stand-in."""
    webhook_secret: str = field(repr=False)
    base_url: str = TELEGRAM
    """The token is appended; the stand-in's ends in "/bot", too."""
    take_over: bool = False
    """Replace a webhook that points elsewhere; otherwise it is another desk's and the start is refused."""


class WebhookTaken(Exception):  # noqa: N818 - it says what was found
    """The bot's webhook points elsewhere: another process runs with this token."""


def build_application(
    settings: TelegramSettings, lanes: Lanes, processor: OperatorLanes, request: BaseRequest | None
) -> ChatApplication:
    """Return the application without updater, job queue or persistence; tests give their own `request`."""
    return (
        Application.builder()
        .token(settings.token)
        .base_url(settings.base_url)
        .updater(None)
        .job_queue(None)
        .rate_limiter(lanes)
        .concurrent_updates(processor)
        .request(request or _http())
        .get_updates_request(request or _http())
        .build()
    )


def _http() -> BaseRequest:
    return HTTPXRequest(
        connection_pool_size=POOL_SIZE,
        connect_timeout=5.0,
        read_timeout=10.0,
        write_timeout=5.0,
        pool_timeout=5.0,
    )


async def open_webhook(bot: Bot, settings: TelegramSettings) -> None:
    """Tell Telegram where to deliver; raises WebhookTaken when it delivers elsewhere already."""
    found = (await bot.get_webhook_info()).url
    if found and found != settings.webhook_url and not settings.take_over:
        raise WebhookTaken(
            f"expected no webhook or {settings.webhook_url}, found another one set for this token; "
            "stop the other desk, or take its webhook away at Telegram (deleteWebhook)"
        )
    await bot.set_webhook(
        url=settings.webhook_url,
        secret_token=settings.webhook_secret,
        max_connections=CONNECTIONS,
        allowed_updates=list(ALLOWED_UPDATES),
        drop_pending_updates=False,  # a /kill sent during the restart is among them
    )


async def set_menu(bot: Bot, operator: Operator | None) -> bool:
    """Set the command menu of an operator, or with None what strangers see; False when it was refused.

    Telegram knows no chat with an operator who never wrote to the bot. Menus are cosmetic.
    """
    commands: tuple[tuple[str, str], ...] = (("start", "greeting"),)
    scope = BotCommandScope(BotCommandScope.DEFAULT)
    if operator is not None:
        commands, scope = menu(operator.role), BotCommandScopeChat(int(operator.user_id))
    try:
        await bot.set_my_commands(
            [BotCommand(*row) for row in commands], scope=scope, rate_limit_args=Lane.BULK
        )
    except TelegramError as error:
        _LOG.info("menu not set", extra={"fields": {"error": f"{type(error).__name__}: {error}"}})
        return False
    return True

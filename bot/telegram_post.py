"""The one place that sends, edits and answers; every way Telegram can say no ends here in a value.

A timeout on a send is unknown: the message may have arrived, so the second copy says "(repeat)".
`BadRequest` and `TimedOut` are kinds of `NetworkError` in this library and are caught before it.
"""

import logging
from typing import Protocol

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, NetworkError, TelegramError
from telegram.ext import ExtBot

from bot.agent import Toast
from bot.card import Button, Card, CopyAct
from bot.payload import Sealer
from bot.telegram_lanes import Lane, Sleep
from engine.metrics import Metrics

TRIES = 3
BACK_OFF_S = (0.5, 2.0)
"""Pause before the second and the third copy."""
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_LOG = logging.getLogger(__name__)


class Unreachable(Protocol):
    """Hears of a chat that takes no messages."""

    def __call__(self, chat_id: int, *, blocked: bool) -> None:
        """Note it; `blocked` tells a person's choice from a chat that never was."""
        ...


class Poster:
    """Cards to Telegram. Never raises for what Telegram or the network did."""

    def __init__(
        self,
        *,
        bot: ExtBot[Lane],
        sealer: Sealer,
        metrics: Metrics,
        sleep: Sleep,
        unreachable: Unreachable,
    ) -> None:
        self._bot = bot
        self._sealer = sealer
        self._metrics = metrics
        self._sleep = sleep
        self._unreachable = unreachable

    async def post(
        self, chat_id: int, card: Card, *, lane: Lane = Lane.CONTROL, silent: bool = False
    ) -> int | None:
        """Send the card as a new message and return its id; None when the chat did not take it."""
        plain = repeat = False
        for attempt in range(TRIES):
            try:
                message = await self._bot.send_message(
                    chat_id=chat_id,
                    text=_text(card, plain=plain, repeat=repeat),
                    parse_mode=None if plain else ParseMode.HTML,
                    reply_markup=self._keyboard(card, chat_id),
                    link_preview_options=_NO_PREVIEW,
                    disable_notification=silent,
                    protect_content=card.about is not None,
                    rate_limit_args=lane,
                )
            except BadRequest as refused:
                if plain or not _says(refused, "can't parse"):
                    self._refused(chat_id, refused)
                    return None
                plain = True
                self._note("stripped", chat_id, refused)
            except Forbidden as refused:
                self._refused(chat_id, refused)
                return None
            except NetworkError as lost:
                repeat = True
                await self._back_off(attempt, chat_id, lost)
            except TelegramError as refused:
                self._refused(chat_id, refused)
                return None
            else:
                self._metrics.count("bot_sends_total", "sent")
                return message.message_id
        self._metrics.count("bot_sends_total", "gave_up")
        return None

    async def edit(
        self, chat_id: int, message_id: int, card: Card, *, lane: Lane = Lane.CONTROL
    ) -> int | None:
        """Bring a message up to date and return the id that carries the card now; None when nothing does.

        A message that is gone is replaced by a new one. After None the message may show either card: a lost
        edit may have arrived. Whoever needs the card shown tries again later.
        """
        plain = False
        for attempt in range(TRIES):
            try:
                await self._bot.edit_message_text(
                    chat_id=chat_id,
                    message_id=message_id,
                    text=_text(card, plain=plain, repeat=False),
                    parse_mode=None if plain else ParseMode.HTML,
                    reply_markup=self._keyboard(card, chat_id),
                    link_preview_options=_NO_PREVIEW,
                    rate_limit_args=lane,
                )
            except BadRequest as refused:
                if _says(refused, "not modified"):
                    self._metrics.count("bot_sends_total", "not_modified")
                    return message_id
                if _says(refused, "message to edit not found") or _says(refused, "can't be edited"):
                    self._note("replaced", chat_id, refused)
                    return await self.post(chat_id, card, lane=lane)
                if plain or not _says(refused, "can't parse"):
                    self._refused(chat_id, refused)
                    return None
                plain = True
                self._note("stripped", chat_id, refused)
            except NetworkError as lost:
                await self._back_off(attempt, chat_id, lost)
            except TelegramError as refused:
                self._refused(chat_id, refused)
                return None
            else:
                self._metrics.count("bot_sends_total", "edited")
                return message_id
        self._metrics.count("bot_sends_total", "gave_up")
        return None

    async def answer(self, query_id: str, toast: Toast) -> None:
        """Answer a press, once. A failure is counted and ignored: the card tells what happened."""
        try:
            await self._bot.answer_callback_query(
                callback_query_id=query_id,
                text=toast.text or None,
                show_alert=toast.alarm,
                rate_limit_args=Lane.CONTROL,
            )
        except TelegramError as refused:
            self._note("unanswered", 0, refused)

    def _keyboard(self, card: Card, chat_id: int) -> InlineKeyboardMarkup | None:
        if not card.buttons:
            return None
        user_id = chat_id if card.about is None else int(card.about.owner_id)
        rows = [[self._button(button, user_id, chat_id) for button in row] for row in card.buttons]
        return InlineKeyboardMarkup(rows)

    def _button(self, button: Button, user_id: int, chat_id: int) -> InlineKeyboardButton:
        style = button.style.value or None
        if isinstance(button.act, CopyAct):
            return InlineKeyboardButton(button.label, copy_text=CopyTextButton(button.act.text), style=style)
        payload = self._sealer.act(button.act, user_id=user_id, chat_id=chat_id)
        return InlineKeyboardButton(button.label, callback_data=payload, style=style)

    def _refused(self, chat_id: int, refused: TelegramError) -> None:
        """Count a final no; a chat that can never be reached is marked."""
        if isinstance(refused, Forbidden) or _says(refused, "chat not found"):
            self._unreachable(chat_id, blocked=isinstance(refused, Forbidden))
        self._note("refused", chat_id, refused)

    async def _back_off(self, attempt: int, chat_id: int, lost: TelegramError) -> None:
        self._note("network", chat_id, lost)
        if attempt < len(BACK_OFF_S):
            await self._sleep(BACK_OFF_S[attempt])

    def _note(self, outcome: str, chat_id: int, error: TelegramError) -> None:
        self._metrics.count("bot_sends_total", outcome)
        # The class and Telegram's own words; never the request, whose address holds the token.
        fields = {"outcome": outcome, "chat_id": chat_id, "error": f"{type(error).__name__}: {error}"}
        _LOG.warning("call to Telegram failed", extra={"fields": fields})


def _says(error: TelegramError, words: str) -> bool:
    return words in str(error).lower()


def _text(card: Card, *, plain: bool, repeat: bool) -> str:
    text = card.plain if plain else card.text_html
    return f"{text}\n(repeat)" if repeat else text

"""From Telegram's update to the gate's neutral value. Reads shapes, decides nothing."""

from telegram import Message, Update
from telegram.constants import ChatType

from bot.auth import Incoming, Shape
from bot.commands import is_safe
from bot.payload import SAY, SAY_HERE
from engine.domain.units import Ms


def to_incoming(update: Update, now_ms: Ms) -> Incoming:
    """Return what the gate needs to know of any update."""
    if update.message is not None:
        return _message(update.message, now_ms)
    user = update.effective_user
    user_id = user.id if user else None
    is_bot = bool(user and user.is_bot)
    query = update.callback_query
    if query is None:
        return Incoming(Shape.OTHER, user_id, is_bot, False, False, False, False, None, None)
    # A press on a message too old to be delivered still names its chat; an inline one names none.
    private = query.message is not None and query.message.chat.type == ChatType.PRIVATE
    return Incoming(Shape.PRESS, user_id, is_bot, private, False, False, False, query.data, None)


def _message(message: Message, now_ms: Ms) -> Incoming:
    user = message.from_user
    odd = message.edit_date is not None or message.business_connection_id is not None
    sent_ms = int(message.date.timestamp() * 1_000)
    return Incoming(
        shape=Shape.OTHER if odd else Shape.MESSAGE,
        user_id=user.id if user else None,
        is_bot=bool(user and user.is_bot),
        private=message.chat.type == ChatType.PRIVATE,
        forwarded=message.forward_origin is not None or bool(message.is_automatic_forward),
        via_bot=message.via_bot is not None,
        on_behalf=message.sender_chat is not None,
        text=message.text,
        age_ms=Ms(max(0, now_ms - sent_ms)),
    )


def is_safe_update(incoming: Incoming) -> bool:
    """Tell whether the update asks for something that lowers risk, typed or by a button that says it."""
    text = incoming.text or ""
    if incoming.shape is Shape.PRESS:
        if not text.startswith((SAY, SAY_HERE)):
            return False
        text = text[len(SAY) :]
    return is_safe(text)

"""What happens to an update: the gate first, then text, press or membership. Translate, ask, render.

Nothing here decides about money; a press is only handed to the desk, whose answer is shown.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable

from telegram import CallbackQuery, ChatMemberUpdated, Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import TelegramError
from telegram.ext import ApplicationHandlerStop

from bot.agent import BotAgent, Tapped
from bot.auth import Allowed, Incoming, TooLate, TurnedAway, decide
from bot.backlog import QUIET_S, Backlog
from bot.board import CardBoard
from bot.card import Card
from bot.cards import backlog_card, fault_card
from bot.owned_tasks import OwnedTasks
from bot.telegram_build import Context
from bot.telegram_gate import is_safe_update, to_incoming
from bot.telegram_post import Poster, Unreachable
from engine.clock import Clock
from engine.domain.ids import UserId
from engine.domain.ticket import Operator
from engine.metrics import Metrics

_LOG = logging.getLogger(__name__)


class Handlers:
    """The handlers of one application."""

    def __init__(
        self,
        *,
        agent: BotAgent,
        poster: Poster,
        board: CardBoard,
        tasks: OwnedTasks,
        clock: Clock,
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]],
        heard: Callable[[Operator], None],
        unreachable: Unreachable,
    ) -> None:
        self._agent = agent
        self._poster = poster
        self._board = board
        self._tasks = tasks
        self._clock = clock
        self._metrics = metrics
        self._sleep = sleep
        self._heard = heard
        self._unreachable = unreachable
        self._backlog = Backlog()
        self._outcomes: dict[int, str] = {}

    def lane_of(self, update: Update) -> int | None:
        """Return the operator whose earlier updates go first; None for strangers and for what is safe."""
        incoming = to_incoming(update, self._clock.now_ms())
        operator = self._agent.allowlist.find(incoming.user_id)
        if operator is None or is_safe_update(incoming):
            return None
        return int(operator.user_id)

    def outcome_of(self, update_id: int) -> str:
        """Return what became of a finished update, for its inbox row and the counter."""
        return self._outcomes.pop(update_id, "handled")

    async def gate(self, update: Update, _context: Context) -> None:
        """Let an operator's own new message or press through; everything else ends here, without a word."""
        if update.my_chat_member is not None:
            await self._membership(update.my_chat_member)
            self._outcomes[update.update_id] = "membership"
            raise ApplicationHandlerStop
        incoming = to_incoming(update, self._clock.now_ms())
        decision = decide(incoming, self._agent.allowlist, safe=is_safe_update(incoming))
        match decision:
            case Allowed(operator):
                self._heard(operator)
                return
            case TurnedAway(reason):
                self._outcomes[update.update_id] = reason.value
                fields = {"reason": reason.value, "user_id": incoming.user_id}
                _LOG.info("update turned away", extra={"fields": fields})
            case TooLate(operator, age_ms):
                self._outcomes[update.update_id] = "not_run"
                if self._backlog.add(operator.user_id, incoming.text or "", age_ms):
                    self._tasks.spawn(self._tell_backlog(operator.user_id), f"backlog of {operator.name}")
        raise ApplicationHandlerStop

    async def _tell_backlog(self, user_id: UserId) -> None:
        await self._sleep(QUIET_S)
        late = self._backlog.take(user_id)
        if late:
            await self._poster.post(int(user_id), backlog_card(late, self._agent.look()))

    async def _membership(self, change: ChatMemberUpdated) -> None:
        """Leave any group the bot was put into; notice when a person blocks it."""
        status = change.new_chat_member.status
        if change.chat.type == ChatType.PRIVATE:
            if status == ChatMemberStatus.BANNED:
                self._unreachable(change.chat.id, blocked=True)
            return
        if status in (ChatMemberStatus.LEFT, ChatMemberStatus.BANNED):
            return
        _LOG.warning("left a foreign group", extra={"fields": {"chat_id": change.chat.id}})
        try:
            await change.get_bot().leave_chat(change.chat.id)
        except TelegramError as error:
            _LOG.warning("group not left", extra={"fields": {"error": type(error).__name__}})

    async def on_text(self, update: Update, _context: Context) -> None:
        """Answer a typed line."""
        message = update.message
        assert message is not None, "the gate lets messages and presses through only"
        assert message.from_user is not None, "the gate lets operators through only"
        age_ms = to_incoming(update, self._clock.now_ms()).age_ms or 0
        text = message.text or ""
        card = await self._agent.say(message.from_user.id, text, chat_id=message.chat_id, age_ms=age_ms)
        if card is not None:
            await self._show_new(message.chat_id, card)

    async def _show_new(self, chat_id: int, card: Card) -> None:
        """Show a card below; a ticket's is bound to its message before the next update is looked at."""
        if card.about is None:
            await self._poster.post(chat_id, card)
            return
        self._board.put(card)
        await self._board.shown(card.about.ticket_id)

    async def on_press(self, update: Update, _context: Context) -> None:
        """Carry out a press: the desk decides, then the press is answered once, then the card changes."""
        query = update.callback_query
        assert query is not None, "registered for presses only"
        assert query.message is not None, "the gate turned away presses without a message"
        chat_id, message_id = query.message.chat.id, query.message.message_id
        tapped = await self._agent.tap(query.from_user.id, chat_id, query.data or "", message_id)
        card = tapped.card
        if card is not None and card.about is not None and tapped.in_place:
            with self._board.held(card):
                self._board.put(card)
                await self._answer(query, tapped)
            return
        await self._answer(query, tapped)
        if card is None:
            return
        if tapped.in_place and card.about is None:
            await self._poster.edit(chat_id, message_id, card)
        else:
            await self._show_new(chat_id, card)

    async def _answer(self, query: CallbackQuery, tapped: Tapped) -> None:
        if tapped.toast is not None:
            await self._poster.answer(query.id, tapped.toast)

    async def on_error(self, update: object, context: Context) -> None:
        """Log a fault of ours under a short id, and show the id; never a trace."""
        error = context.error
        assert error is not None, "the library calls this with an error"
        update_id = update.update_id if isinstance(update, Update) else 0
        digest = hashlib.sha256(f"{type(error).__name__}:{update_id}".encode()).hexdigest()
        error_id = f"E-{digest[:4].upper()}"
        self._metrics.count("engine_errors", "chat")
        _LOG.error("handler failed %s", error_id, exc_info=error)
        if not isinstance(update, Update):
            return
        self._outcomes[update_id] = "failed"
        incoming: Incoming = to_incoming(update, self._clock.now_ms())
        operator = self._agent.allowlist.find(incoming.user_id)
        if operator is not None:
            await self._poster.post(int(operator.user_id), fault_card(error_id, self._agent.look()))

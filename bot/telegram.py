"""The Telegram application as one object: the desk's `Chat`, the webhook's `Desk`, start and stop.

State lives in the desk's tickets; the library's persistence, user data and conversations are not used. The
same application runs against Telegram and against the stand-in: only the address differs.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from telegram import Update
from telegram.ext import CallbackQueryHandler, MessageHandler, TypeHandler, filters
from telegram.request import BaseRequest

from bot.agent import BotAgent
from bot.alert_lane import AlertLane
from bot.board import CardBoard
from bot.card import Card
from bot.operations import DeskPort
from bot.owned_tasks import OwnedTasks
from bot.telegram_build import TelegramSettings, build_application, open_webhook, set_menu
from bot.telegram_handlers import Handlers
from bot.telegram_lanes import Lane, Lanes, OperatorLanes, Sleep
from bot.telegram_post import Poster
from bot.webhook import Inbox, parse_update
from engine.clock import Clock
from engine.domain.ids import UserId
from engine.domain.ticket import Operator
from engine.domain.views import Alert, Severity, TicketView, View
from engine.metrics import Metrics
from engine.ports import StoreError

IN_FLIGHT_MAX = 512
"""Updates taken and not finished; beyond it the webhook says 503 and Telegram keeps them."""
_TEXT = (
    filters.UpdateType.MESSAGE
    & filters.ChatType.PRIVATE
    & filters.TEXT
    & ~filters.FORWARDED
    & ~filters.VIA_BOT
)
"""What reaches the parser at all: the gate's rules a second time, in the library's words."""
_LOG = logging.getLogger(__name__)


class ChatAlerts:
    """One chat as its alert lane sees it."""

    def __init__(self, chat_id: int, poster: Poster, lanes: Lanes) -> None:
        self._chat_id = chat_id
        self._poster = poster
        self._lanes = lanes

    async def post(self, card: Card, *, urgent: bool, silent: bool) -> int | None:
        """Send an alert as a new message."""
        lane = Lane.CONTROL if urgent else Lane.ALERT
        return await self._poster.post(self._chat_id, card, lane=lane, silent=silent)

    async def edit(self, message_id: int, card: Card, *, urgent: bool) -> int | None:
        """Bring an alert's message up to date."""
        lane = Lane.CONTROL if urgent else Lane.ALERT
        return await self._poster.edit(self._chat_id, message_id, card, lane=lane)

    def wait_ms(self) -> int:
        """Return how long an ordinary alert would wait now."""
        return self._lanes.wait_ms(Lane.ALERT, self._chat_id)


class TelegramChat:
    """The chat of one desk."""

    def __init__(
        self,
        *,
        settings: TelegramSettings,
        agent: BotAgent,
        desk: DeskPort,
        inbox: Inbox,
        clock: Clock,
        metrics: Metrics,
        sleep: Sleep = asyncio.sleep,
        request: BaseRequest | None = None,
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._inbox = inbox
        self._metrics = metrics
        self._in_flight = 0
        self._unreachable: set[int] = set()
        self._menus_due: set[UserId] = set()
        self._tasks = OwnedTasks()
        lanes = Lanes(clock, sleep, metrics)
        processor = OperatorLanes(lane_of=self._lane_of, finished=self._finished)
        self._application = build_application(settings, lanes, processor, request)
        self._poster = Poster(
            bot=self._application.bot,
            sealer=agent.sealer,
            metrics=metrics,
            sleep=sleep,
            unreachable=self._mark_unreachable,
        )
        self._board = CardBoard(
            surface=self._poster, bound=desk.card_shown, clock=clock, sleep=sleep, metrics=metrics
        )
        self._alerts = {
            int(operator.user_id): AlertLane(
                name=operator.name,
                surface=ChatAlerts(int(operator.user_id), self._poster, lanes),
                look=agent.look,
                sleep=sleep,
                metrics=metrics,
            )
            for operator in agent.allowlist.operators
        }
        self._handlers = Handlers(
            agent=agent,
            poster=self._poster,
            board=self._board,
            tasks=self._tasks,
            clock=clock,
            metrics=metrics,
            sleep=sleep,
            heard=self._heard,
            unreachable=self._mark_unreachable,
        )
        self._application.add_handler(TypeHandler(Update, self._handlers.gate), group=-100)
        self._application.add_handler(MessageHandler(_TEXT, self._handlers.on_text))
        self._application.add_handler(CallbackQueryHandler(self._handlers.on_press))
        self._application.add_error_handler(self._handlers.on_error)

    async def start(self) -> None:
        """Connect, claim the webhook, set the menus. The webhook must be listening already.

        Raises WebhookTaken, or the library's error when Telegram cannot be reached.
        """
        try:
            await self._application.initialize()
            await self._application.start()
            for lane in self._alerts.values():
                lane.start()
            await self._take_up()
            await open_webhook(self._application.bot, self._settings)
        except BaseException:  # boundary: what was begun is ended, whatever went wrong; then it goes on up
            await self.stop()
            raise
        await set_menu(self._application.bot, None)
        for operator in self._agent.allowlist.operators:
            await self._set_menu(operator)

    async def _set_menu(self, operator: Operator) -> None:
        if not await set_menu(self._application.bot, operator):
            self._menus_due.add(operator.user_id)

    async def _take_up(self) -> None:
        """Go on with updates that were stored and not finished before a crash; Telegram repeats none of them.

        Their age and the tickets' own state decide what still counts; a /kill among them runs.
        """
        for number, raw in await self._inbox.pending():
            body = parse_update(raw)
            if body is None or not self.deliver(number, body):
                await self._settle(number, "junk")

    async def stop(self) -> None:
        """Finish the updates already taken, show the cards and CRIT alerts already due, then disconnect.

        The alert workers end last, because all that ends before them may raise alerts. The webhook stays set.
        """
        if self._application.running:
            await self._application.stop()
        await self._tasks.close()
        await self._board.close()
        await asyncio.gather(*(lane.stop() for lane in self._alerts.values()))
        await self._application.shutdown()
        await self._application.bot.shutdown()  # the application skips it when its own start failed half-way

    def has_room(self) -> bool:
        """Tell whether another update can be taken now."""
        return self._in_flight < IN_FLIGHT_MAX

    def deliver(self, update_id: int, body: Mapping[str, Any]) -> bool:
        """Queue an update; False when the library cannot make sense of its shape."""
        try:
            update = Update.de_json(dict(body), self._application.bot)
        except Exception:  # boundary: malformed shapes raise TypeError, KeyError and others  # noqa: BLE001
            return False
        if update.update_id != update_id:
            return False
        self._in_flight += 1
        self._application.update_queue.put_nowait(update)
        return True

    def _lane_of(self, update: Update) -> int | None:
        return self._handlers.lane_of(update)

    async def _finished(self, update_id: int) -> None:
        self._in_flight -= 1
        outcome = self._handlers.outcome_of(update_id)
        self._metrics.count("bot_updates_total", outcome)
        await self._settle(update_id, outcome)

    async def _settle(self, update_id: int, outcome: str) -> None:
        try:
            await self._inbox.settle(update_id, outcome)
        except StoreError as error:
            # The row stands as not settled; the work is done, and a second delivery is known by its id.
            self._metrics.count("engine_errors", "inbox")
            fields = {"update_id": update_id, "error": str(error)}
            _LOG.warning("inbox row not settled", extra={"fields": fields})

    def show_ticket(self, view: TicketView, *, aloud: bool) -> None:
        """Bring a ticket's card up to date."""
        self._board.put(self._agent.draw(view), aloud=aloud)

    def announce(self, view: View) -> None:
        """Show a view to every operator, unasked."""
        card = self._agent.draw(view)
        for operator in self._agent.allowlist.operators:
            self._tasks.spawn(self._post(int(operator.user_id), card), f"announce to {operator.name}")

    async def _post(self, chat_id: int, card: Card) -> None:
        await self._poster.post(chat_id, card)

    def raise_alert(self, alert: Alert) -> None:
        """Tell every operator who can be reached."""
        for chat_id, lane in self._alerts.items():
            if chat_id not in self._unreachable:
                lane.add(alert)

    def _heard(self, operator: Operator) -> None:
        """Note that an operator wrote: they can be reached, and Telegram knows their chat."""
        self._unreachable.discard(int(operator.user_id))
        if operator.user_id in self._menus_due:
            self._menus_due.discard(operator.user_id)
            self._tasks.spawn(self._set_menu(operator), f"menu of {operator.name}")

    def _mark_unreachable(self, chat_id: int, *, blocked: bool) -> None:
        """Stop sending alerts to an operator; tell the others of a block, not of a bot never started."""
        operator = self._agent.allowlist.find(chat_id)
        if operator is None or chat_id in self._unreachable:
            return
        self._unreachable.add(chat_id)
        if not blocked:
            _LOG.info("an operator has not started the bot", extra={"fields": {"user_id": chat_id}})
            return
        text = f"{operator.name} gets no cards: the bot is blocked there."
        next_step = f"ask {operator.name} to unblock the bot and send /start"
        self.raise_alert(Alert(f"unreachable:{chat_id}", Severity.WARN, "chat", text, next_step))

"""The whole chat without Telegram: a person's text or press in, cards and toasts out.

`bot.telegram` translates updates to this and back; most tests talk to nothing else. Silence for strangers is
the value None. This module keeps no chat state: what is open lives in the desk's tickets.
"""

import logging
from dataclasses import dataclass
from typing import assert_never

from bot import cards
from bot.auth import Allowlist, Quota, Rate
from bot.card import Card, Look
from bot.cards_review import review_toast
from bot.cards_status import kill_card
from bot.commands import Ask, Greet, ParsedCommand, ShowHelp, Spec, Usage, WhoAmI, find, parse
from bot.operations import DeskPort, NoAnswer, carry_out
from bot.payload import SAY, SAY_HERE, Sealer
from config.settings import Mode
from engine.clock import Clock
from engine.domain.commands import (
    AskApprove,
    AskCancel,
    AskMerge,
    AskReconcile,
    AskRedeem,
    AskRepair,
    AskResume,
    AskReview,
    AskWhy,
    Command,
    Kill,
    ListSpreads,
    OpenAuto,
    OpenDutch,
    OpenSpread,
    PlaceOrder,
    Press,
    ScanDutch,
    ShowStatus,
    StopAuto,
    StopSpread,
)
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Operator, TicketKind, TicketState
from engine.domain.views import KillView, RefusalView, TicketView, View
from engine.metrics import Metrics

COMMANDS_A_MINUTE = 30
PRESSES_A_MINUTE = 120
TOAST_MAX = 200
"""Characters of an answer to a press (Bot API, answerCallbackQuery)."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Toast:
    """The answer to a press. An alarm must be tapped away."""

    text: str
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Tapped:
    """What a press leads to. Strangers get neither toast nor card."""

    toast: Toast | None
    card: Card | None = None
    in_place: bool = True
    """The card replaces the one with the button; otherwise it is a new message."""


class BotAgent:
    """The chat's behaviour on one desk."""

    def __init__(
        self,
        *,
        desk: DeskPort,
        allowlist: Allowlist,
        sealer: Sealer,
        clock: Clock,
        metrics: Metrics,
        mode: Mode,
        version: str,
    ) -> None:
        self.allowlist = allowlist
        self.sealer = sealer
        self._desk = desk
        self._clock = clock
        self._metrics = metrics
        self._mode = mode
        self._version = version
        self._commands = Quota(COMMANDS_A_MINUTE)
        self._presses = Quota(PRESSES_A_MINUTE)

    def look(self) -> Look:
        """Return mode and time for a card made now."""
        return Look(self._mode, self._clock.now_ms())

    def draw(self, view: View) -> Card:
        """Return the card of a view that nobody asked for."""
        return cards.render(view, self.look())

    async def say(
        self, user_id: int, text: str, *, chat_id: int | None = None, age_ms: int = 0
    ) -> Card | None:
        """Carry out a typed line and return its card; None for strangers and for what is over the quota.

        A private chat has its user's id, so `chat_id` is needed only where it could differ.
        """
        operator = self.allowlist.find(user_id)
        if operator is None:
            self._metrics.count("bot_updates_total", "stranger")
            return None
        parsed = parse(text)
        safe = isinstance(parsed, ParsedCommand) and parsed.safe
        rate = Rate.OK if safe else self._commands.take(operator.user_id, self._clock.now_ms())
        if rate is not Rate.OK:
            self._metrics.count("bot_updates_total", "over_quota")
            return _slow_down(self.look()) if rate is Rate.FIRST_OVER else None
        if isinstance(parsed, Usage):
            return cards.usage_card(parsed, self.look())
        if not operator.role.allows(parsed.role):
            return cards.refusal_card(_role_refusal(operator, parsed.spec), self.look())
        return await self._answer(operator, user_id if chat_id is None else chat_id, parsed, age_ms)

    async def _answer(self, operator: Operator, chat_id: int, parsed: ParsedCommand, age_ms: int) -> Card:
        ask: Ask = parsed.ask
        match ask:
            case Greet():
                return cards.hello_card(operator, self._version, self.look())
            case ShowHelp(topic):
                return cards.help_card(find(topic) if topic else None, operator, self.look())
            case WhoAmI():
                return cards.whoami_card(operator, self.look())
            case (
                ScanDutch()
                | OpenDutch()
                | OpenAuto()
                | ListSpreads()
                | OpenSpread()
                | StopAuto()
                | StopSpread()
                | AskRepair()
                | Press()
                | ShowStatus()
                | Kill()
                | AskResume()
                | AskReview()
                | PlaceOrder()
                | AskCancel()
                | AskReconcile()
                | AskApprove()
                | AskWhy()
                | AskMerge()
                | AskRedeem()
            ):
                view = await self._ask(operator, chat_id, ask)
            case _:
                assert_never(ask)
        match view:
            case NoAnswer():
                return cards.no_answer_card(f"/{parsed.spec.name}", view, self.look())
            case KillView():
                return kill_card(view, self.look(), asked_age_ms=age_ms)
            case _:
                return cards.render(view, self.look())

    async def _ask(self, operator: Operator, chat_id: int, command: Command) -> View | NoAnswer:
        answer = await carry_out(self._desk, operator, chat_id, command)
        if isinstance(answer, NoAnswer):
            self._metrics.count("engine_errors", "desk_silent")
        return answer

    async def tap(self, user_id: int, chat_id: int, payload: str, message_id: int) -> Tapped:
        """Carry out a press of the button with this payload on this message."""
        operator = self.allowlist.find(user_id)
        if operator is None:
            self._metrics.count("bot_updates_total", "stranger")
            return Tapped(None)
        if payload.startswith((SAY, SAY_HERE)):
            card = await self.say(user_id, payload[len(SAY) :], chat_id=chat_id)
            return Tapped(Toast(""), card, in_place=payload.startswith(SAY_HERE))
        if self._presses.take(operator.user_id, self._clock.now_ms()) is not Rate.OK:
            self._metrics.count("bot_updates_total", "over_quota")
            return Tapped(Toast("Too many presses in a minute. Nothing was done; wait a little.", alarm=True))
        press = self.sealer.open_(payload, user_id=user_id, chat_id=chat_id, message_id=message_id)
        if press is None:
            self._metrics.count("bot_updates_total", "forged")
            _LOG.warning("button refused", extra={"fields": {"user_id": user_id, "message_id": message_id}})
            return Tapped(Toast("This button was not made for you here. Nothing was done.", alarm=True))
        return await self._press(operator, chat_id, press)

    async def _press(self, operator: Operator, chat_id: int, press: Press) -> Tapped:
        view = await self._ask(operator, chat_id, press)
        match view:
            case NoAnswer():
                text = "The desk did not answer; whether the press counted is not known. Look at /status."
                return Tapped(Toast(text, alarm=True))
            case RefusalView():
                return Tapped(Toast(_cut(view.refusal.text), alarm=True))
            case TicketView():
                return Tapped(Toast(_cut(_toast(view))), cards.render(view, self.look()))
            case _:
                return Tapped(Toast(""), cards.render(view, self.look()), in_place=False)


def _cut(text: str) -> str:
    return text if len(text) <= TOAST_MAX else text[: TOAST_MAX - 1] + "…"


def _toast(view: TicketView) -> str:
    """Return what a press has led to, in a few words; never more than the desk has decided."""
    ticket = view.ticket
    if ticket.kind is TicketKind.REVIEW:
        return review_toast(ticket)
    match ticket.state:
        case TicketState.DRY:
            return "Planned again, nothing sent"
        case TicketState.ARMED:
            return "Read the card, then press the red button"
        case TicketState.SENDING:
            granted = ticket.kind in (TicketKind.AUTO, TicketKind.SPREAD)
            return "The grant is in force" if granted else "Sending…"
        case TicketState.DONE:
            return "Resumed" if ticket.kind is TicketKind.RESUME else "Done"
        case TicketState.DROPPED:
            return "Dropped, nothing sent"
        case TicketState.EXPIRED:
            return "Too late: the offer has ended, nothing sent"
        case TicketState.REFUSED:
            return f"Refused, nothing sent. {ticket.note}"
        case TicketState.BROKEN | TicketState.MISSED:
            return f"This ticket is {ticket.state.value}"
        case _:
            assert_never(ticket.state)


def _role_refusal(operator: Operator, spec: Spec) -> RefusalView:
    text = (
        f"Expected the role {spec.role.value} or above, yours is {operator.role.value}. "
        "Roles change in the TOML only; ask a colleague."
    )
    return RefusalView(f"/{spec.name}", Refusal(RefusalKind.ROLE, text))


def _slow_down(look: Look) -> Card:
    text = (
        f"Expected at most {COMMANDS_A_MINUTE} commands a minute, found more. Further ones are dropped "
        "without an answer until the minute is over; /kill always works."
    )
    return cards.refusal_card(RefusalView("too many commands", Refusal(RefusalKind.TOO_FAST, text)), look)

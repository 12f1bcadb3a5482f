"""A seeded person at the desk: opens tickets, confirms, sends, drops, kills, resumes, presses old buttons.

What the person sees is the cards: a ticket's present version and message. A card is in the chat some hundred
milliseconds after it was made.
"""

from collections.abc import Callable
from random import Random

from engine.core.state import Desk, live_orders
from engine.domain.commands import (
    AskCancel,
    AskResume,
    AskReview,
    Command,
    Kill,
    OpenDutch,
    Press,
    ScanDutch,
    ShowStatus,
)
from engine.domain.ids import UserId
from engine.domain.ticket import Move, Operator, Role, Ticket, TicketKind, TicketState
from engine.domain.units import SIZE_ONE, Size
from engine.domain.views import Gate, RefusalView, View
from engine.runtime.service import Service
from tests.simulation.loop import Agenda, ProcessLoop
from tests.simulation.single_orders import wish_of_cancel, wish_of_order
from tests.simulation.weather import Fault, Weather

ANA = Operator(UserId(1001), "Ana", Role.ADMIN)
CHAT = 1001


class Person:
    """Acts on whichever process lives."""

    def __init__(self, agenda: Agenda, rng: Random, weather: Weather, slugs: tuple[str, ...]) -> None:
        self._agenda = agenda
        self._rng = rng
        self._weather = weather
        self._slugs = slugs
        self._messages = 100
        self.may_open = True
        self.asked = 0
        self.refused = 0
        self.killed: Callable[[], None] = lambda: None

    def act(self, service: Service, loop: ProcessLoop) -> None:
        """Do the next thing."""
        desk = service.desk
        if not desk.events:
            return
        if self.may_open and self._weather.strikes(Fault.KILL):
            self._ask(service, loop, Kill())
            self.killed()
            return
        if not self.may_open and any(order.intent.post_only for order in live_orders(desk)):
            self._ask(service, loop, AskCancel())
            return
        if self.may_open and (order := self._order(desk)) is not None:
            self._ask(service, loop, order)
        for ticket in [t for t in desk.tickets.values() if t.state.is_open]:
            if ticket.message_id is None:
                self._messages += 1
                service.card_shown(ticket.ticket_id, self._messages)
            elif self._rng.random() < 0.9:
                self._press(service, loop, ticket)
            return
        wish = self._wish(desk)
        if wish is not None:
            self._ask(service, loop, wish)

    def _order(self, desk: Desk) -> Command | None:
        """Return what is wanted of single orders, beside any ticket: mostly nothing."""
        chance = self._rng.random()
        if chance < 0.06:
            return wish_of_cancel(desk, self._rng)
        if chance < 0.2:
            return wish_of_order(desk, self._rng, self._slugs, self._agenda.now_ms())
        return None

    def _wish(self, desk: Desk) -> Command | None:
        """Return what a person with no open ticket asks for; nothing more once all that is left is to end."""
        if desk.gate in (Gate.HALTED, Gate.REDUCING) or desk.standing.tripped:
            return AskResume()
        chance = self._rng.random()
        frozen = [event.code for event in desk.events.values() if event.event_id in desk.frozen]
        if frozen and chance < 0.5:
            return AskResume(frozen[0])
        changed = [event.code for event in desk.events.values() if event.event_id in desk.rules_frozen]
        if changed and chance < 0.5:
            return AskReview(changed[0])
        if not self.may_open:
            return None
        if chance < 0.06:
            return ShowStatus() if chance < 0.03 else ScanDutch()
        codes = [event.code for event in desk.events.values() if event.slug in self._slugs]
        if not codes:
            return ShowStatus()
        sets = None if self._rng.random() < 0.5 else Size(self._rng.randrange(5, 120) * SIZE_ONE)
        return OpenDutch(self._rng.choice(codes), sets)

    def _press(self, service: Service, loop: ProcessLoop, ticket: Ticket) -> None:
        move = self._move(ticket)
        assert ticket.message_id is not None, "only a card that is in the chat is pressed"
        press = Press(ticket.ticket_id, move, ticket.version, ticket.message_id)
        self._ask(service, loop, press)
        if self._weather.strikes(Fault.DOUBLE_PRESS):
            self._ask(service, loop, press)
        if self._weather.strikes(Fault.OLD_PRESS):
            old = Press(ticket.ticket_id, Move.SEND, max(1, ticket.version - 1), ticket.message_id)
            self._ask(service, loop, old)

    def _move(self, ticket: Ticket) -> Move:
        if ticket.kind is TicketKind.REVIEW:
            return Move.READ
        chance = self._rng.random()
        if chance < 0.04:
            return Move.DROP
        if ticket.state is TicketState.ARMED:
            return Move.SEND if chance < 0.93 else Move.BACK
        return Move.CONFIRM if chance < 0.93 else Move.REQUOTE

    def _ask(self, service: Service, loop: ProcessLoop, command: Command) -> None:
        self.asked += 1

        async def ask() -> None:
            self._note(await service.ask(ANA, CHAT, command))

        loop.create_task(ask(), name="person")

    def _note(self, view: View) -> None:
        self.refused += isinstance(view, RefusalView)

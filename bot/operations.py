"""The door to the desk: a command goes in under an operator's name, a view comes out.

Knows no Telegram and no wording. A desk that does not answer is a value too, for nothing may be claimed then.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from engine.domain.commands import Command
from engine.domain.ids import TicketId
from engine.domain.ticket import Operator, TicketState
from engine.domain.views import TicketView, View

DESK_TIMEOUT_S = 10.0
"""The desk answers from memory and one disk commit; longer means that it is stuck."""


class DeskPort(Protocol):
    """What the chat needs of the running desk."""

    async def ask(self, operator: Operator, chat_id: int, command: Command) -> View:
        """Post the command as an event and return the view of its reply."""
        ...

    def card_shown(self, ticket_id: TicketId, message_id: int) -> None:
        """Tell that this message carries the ticket's card from now on."""
        ...


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The desk did not answer in time: the command may have been carried out, or not."""

    waited_s: float


async def carry_out(desk: DeskPort, operator: Operator, chat_id: int, command: Command) -> View | NoAnswer:
    """Ask the desk and return its view, or that it stayed silent."""
    try:
        async with asyncio.timeout(DESK_TIMEOUT_S):
            return await desk.ask(operator, chat_id, command)
    except TimeoutError:
        return NoAnswer(DESK_TIMEOUT_S)


_STAGE = {
    TicketState.DRY: 0,
    TicketState.ARMED: 0,
    TicketState.SENDING: 1,
    TicketState.MISSED: 2,
    TicketState.EXPIRED: 2,
    TicketState.DROPPED: 2,
    TicketState.REFUSED: 2,
    TicketState.BROKEN: 3,
    TicketState.DONE: 4,
}
"""How far a ticket has come; dry and confirm alternate and are told apart by the version."""


def freshness(view: TicketView) -> tuple[int, ...]:
    """Return what orders two views of one ticket by age: the card's version, the stage, what is known."""
    stage = (view.ticket.version, _STAGE[view.ticket.state])
    result = view.result
    if result is None:
        return (*stage, 0, 0, 0)
    return (*stage, sum(leg.filled for leg in result.legs), int(result.accounted), int(result.settled))

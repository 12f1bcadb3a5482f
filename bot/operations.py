"""The door to the desk: a command goes in under an operator's name, a view comes out.

Knows no Telegram and no wording. A desk that does not answer is a value too, for nothing may be claimed then.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from engine.domain.commands import Command
from engine.domain.ids import TicketId
from engine.domain.ticket import Operator
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


def freshness(view: TicketView) -> tuple[int, ...]:
    """Return what orders two views of one ticket by age: the card's version, then what it was shown with."""
    return view.ticket.version, view.revision

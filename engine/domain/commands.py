"""What operators ask, as data. Chat and command line parse into the same values (`bot.commands`)."""

from dataclasses import dataclass

from engine.domain.ids import TicketId
from engine.domain.ticket import Move
from engine.domain.units import Size


@dataclass(frozen=True, slots=True)
class ScanDutch:
    """List every event with what its set costs now."""


@dataclass(frozen=True, slots=True)
class OpenDutch:
    """Open a dry ticket: `sets` shares on every leg at most, or as many as pay."""

    code: str
    sets: Size | None


@dataclass(frozen=True, slots=True)
class Press:
    """A button of a ticket's card. Its authenticity was checked by the bot, its timeliness is not."""

    ticket_id: TicketId
    move: Move
    version: int
    message_id: int


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """The dashboard."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Close the gate, cancel every order, halt. Needs nothing and passes in every state."""


@dataclass(frozen=True, slots=True)
class AskResume:
    """Open the ticket that lifts a halt, or with a code the freeze of one event."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class AskReview:
    """List what waits for a review, or show one event's rules with what changed in them."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class AskReconcile:
    """Read the account now; answered when a complete read that began after this was compared."""


Command = ScanDutch | OpenDutch | Press | ShowStatus | Kill | AskResume | AskReview | AskReconcile

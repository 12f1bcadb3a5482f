"""What can be done with a set of which only some legs are held, as cards show it and tickets carry it."""

from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import TicketId
from engine.domain.ticket import Ticket, TicketKind
from engine.domain.units import Price, Usdc


class RepairWay(Enum):
    """One way out of a broken set; the value is the word an operator types."""

    COMPLETE = "complete"
    """Buy what is missing."""
    UNWIND = "unwind"
    """Give back what is held beyond complete sets: sold, or paired with its complement and merged."""
    BOTH = "both"
    """Complete a part and unwind the rest."""
    LEAVE = "leave"
    """Send nothing: what is held stays held, and is told again."""


@dataclass(frozen=True, slots=True)
class RepairOption:
    """One way out with what it comes to."""

    way: RepairWay
    worth: Usdc
    """Profit of the whole ticket in the worst case if this is done as the books stand; below 0 a loss."""
    words: str
    limit: Price | None
    """The dearest price it would pay for a missing leg; None if it buys none."""


def repair_subject(way: RepairWay, broken: TicketId, grant: TicketId | None = None) -> str:
    """Return what a repair's ticket carries as its subject: which way, of which ticket, under which grant."""
    return f"{way.value} {broken}" if grant is None else f"{way.value} {broken} {grant}"


def repaired_by(ticket: Ticket) -> tuple[RepairWay, TicketId]:
    """Return the way a repair's ticket goes and the broken ticket it is about."""
    assert ticket.kind is TicketKind.REPAIR, f"expected a repair, {ticket.ticket_id} is {ticket.kind.value}"
    way, broken, *_ = ticket.subject.split(" ")
    return RepairWay(way), TicketId(broken)


def repaired_under(ticket: Ticket) -> TicketId | None:
    """Return the standing grant that a repair was opened under, None for one that a person asked for."""
    assert ticket.kind is TicketKind.REPAIR, f"expected a repair, {ticket.ticket_id} is {ticket.kind.value}"
    _, _, *grant = ticket.subject.split(" ")
    return TicketId(grant[0]) if grant else None

"""Names of things: distinct string types for every id, and the short codes people type.

Ids that must be unpredictable (ticket ids, nonces) are made in the shell and arrive inside events; this
module only shapes them.
"""

from collections.abc import Container
from typing import NewType

TokenId = NewType("TokenId", str)
"""One tradable outcome token: the decimal text of a 256-bit number (the venue's `asset_id`)."""
ConditionId = NewType("ConditionId", str)
"""One market: 0x and 64 hex digits."""
ConnectionId = NewType("ConnectionId", int)
"""One of the desk's connections to the market channel, counted from 0."""
EventId = NewType("EventId", str)
"""One event group of the catalogue."""
OrderId = NewType("OrderId", str)
"""The venue's order id, which is the EIP-712 digest of the signed order: known before it is sent."""
TradeId = NewType("TradeId", str)
PlanId = NewType("PlanId", str)
TicketId = NewType("TicketId", str)
"""What a person reads on a card: `T-` and six letters or digits."""
UserId = NewType("UserId", int)
"""A Telegram user, never a chat."""

TICKET_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Letters and digits that cannot be mistaken for one another when read aloud."""


def ticket_id(entropy: int) -> TicketId:
    """Return `T-xxxxxx` from at least 32 bits of entropy made by the shell."""
    assert entropy >= 0, f"expected non-negative entropy, was {entropy}"
    letters = []
    for _ in range(6):
        entropy, digit = divmod(entropy, len(TICKET_ALPHABET))
        letters.append(TICKET_ALPHABET[digit])
    return TicketId("T-" + "".join(letters))


def quote_ticket_id(entropy: int) -> TicketId:
    """Return `T-` and eight letters from at least 64 bits: quotes are many, and people never type them."""
    assert entropy >= 0, f"expected non-negative entropy, was {entropy}"
    return TicketId(ticket_id(entropy) + ticket_id(entropy >> 32)[2:4])


WORDS_OF_COMMANDS = frozenset({"all", "auto", "stop"})
"""What stands where a code could stand in a command: never an event's code."""


def event_code(slug: str, outcomes: int, taken: Container[str]) -> str:
    """Return the short code of an event: its slug's first word and, for a group, the number of outcomes.

    A code in `taken` gets a letter appended: `fed5`, then `fed5b`. Codes are kept by the catalogue's store,
    so that an operator's fingers stay right across restarts.
    """
    word = next((part for part in slug.lower().split("-") if part.isascii() and part.isalnum()), "event")[:10]
    code = word if outcomes == 1 else f"{word}{outcomes}"
    candidate = code
    for suffix in range(ord("b"), ord("z") + 1):
        if candidate not in taken and candidate not in WORDS_OF_COMMANDS:
            return candidate
        candidate = code + chr(suffix)
    raise ValueError(f"expected a free code for {slug!r}, found {code} to {candidate} taken")

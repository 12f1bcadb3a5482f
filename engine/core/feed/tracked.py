"""What the catalogue tells the feed core about a token, and what the tokens of one market share. No rules."""

from dataclasses import dataclass

from engine.core.feed.checksum import Tape
from engine.domain.ids import ConditionId, TokenId
from engine.domain.units import Price


@dataclass(frozen=True, slots=True)
class TrackedToken:
    """What the catalogue tells about a token whose book is wanted."""

    token_id: TokenId
    condition_id: ConditionId
    complement: TokenId
    tick: Price
    min_order_size_text: str
    tick_text: str
    neg_risk: bool
    name: str = ""
    """What operators call the market; empty shows the start of its condition id."""

    @property
    def shown(self) -> str:
        """The market's name for alerts."""
        return self.name or f"{self.condition_id[:10]}…"


class Shared:
    """What the feeds of one market's tokens share."""

    __slots__ = ("steady", "tape")

    def __init__(self) -> None:
        self.tape = Tape()
        self.steady = False
        """Every token is live, on one tick and level with the stream: changes may be applied as they come."""

"""What the catalogue tells the feed core about a token whose book is wanted. A value, nothing else."""

from dataclasses import dataclass

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

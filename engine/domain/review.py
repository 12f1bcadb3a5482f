"""Reviews: who has read which rules of an event, what has changed since, and the freeze between the two.

A review is for one exact text: the next change of a single letter needs another one.
"""

from dataclasses import dataclass

from engine.domain.ids import EventId, UserId
from engine.domain.market import text_hash
from engine.domain.units import Ms

CONFIG, COMMAND_LINE = "config", "command line"
"""Who has read the rules, where no operator of the chat did: an entry of the TOML, or `dutchdesk review`."""


@dataclass(frozen=True, slots=True)
class Review:
    """One person has read these rules of an event. The newest review of an event is the one that counts."""

    event_id: EventId
    rules: str
    """The canonical text that was read (`engine.domain.market.canonical_rules`)."""
    user_id: UserId | None
    """The operator of the chat; None for the TOML and the command line."""
    who: str
    at_ms: Ms

    @property
    def rules_hash(self) -> str:
        """Return the rules hash that this review is for."""
        return text_hash(self.rules)

    @property
    def is_config(self) -> bool:
        """Tell whether it stands for an entry of the TOML."""
        return self.user_id is None and self.who == CONFIG


@dataclass(frozen=True, slots=True)
class RulesFreeze:
    """An event whose rules changed after a review: it takes no plans until these rules are reviewed."""

    event_id: EventId
    rules_hash: str
    """The rules that were found and that nobody has read yet."""
    reason: str


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One thing that differs between two texts of an event's rules, whole and unshortened."""

    where: str
    """Name of the outcome; empty for the event itself."""
    what: str
    old: str
    """Empty for an outcome that joined."""
    new: str
    """Empty for an outcome that left."""

    @property
    def name(self) -> str:
        """Return what changed, in a few words: "rules text", "Hike: end date"."""
        return f"{self.where}: {self.what}" if self.where else self.what

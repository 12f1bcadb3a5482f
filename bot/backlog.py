"""Commands that came too late to be run, gathered for one "not run" card per operator. Pure."""

from bot.cards import LateCommand
from engine.domain.ids import UserId
from engine.domain.units import Ms

KEPT_MAX = 50
"""Late commands remembered per operator; a day's downtime must not fill memory."""
QUIET_S = 1.0
"""The card is made this long after the first late command: the rest of the backlog follows at once."""


class Backlog:
    """Late commands per operator until they are told of."""

    def __init__(self) -> None:
        self._late: dict[UserId, list[LateCommand]] = {}

    def add(self, user_id: UserId, text: str, age_ms: Ms) -> bool:
        """Keep a late command; True when it is the first of a new card."""
        is_first = user_id not in self._late
        kept = self._late.setdefault(user_id, [])
        if len(kept) < KEPT_MAX:
            kept.append(LateCommand(text, age_ms))
        return is_first

    def take(self, user_id: UserId) -> list[LateCommand]:
        """Return and forget what was kept."""
        return self._late.pop(user_id, [])

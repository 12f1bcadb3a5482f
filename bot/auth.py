"""Who may speak, and in which shape: the allowlist, the gate's decision, and how often.

Pure over neutral values. Identity is the user id, never the chat. Strangers get silence and a counter.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import UserId
from engine.domain.ticket import Operator
from engine.domain.units import Ms

LATE_MS = 60_000
"""A command older than this is listed, not run; /kill runs at any age."""
ANONYMOUS_ADMIN = UserId(1087968824)
"""The id under which Telegram delivers anonymous group admins; it may not be allowlisted."""


class Allowlist:
    """The operators by user id. Nobody is refused at construction: an empty list would admit no one."""

    def __init__(self, operators: Sequence[Operator]) -> None:
        if not operators:
            raise ValueError(
                "expected at least one operator in the allowlist, found none; the chat stays closed"
            )
        self._by_id = {operator.user_id: operator for operator in operators}
        if len(self._by_id) != len(operators):
            raise ValueError("expected every operator's user id once, found one twice")
        if ANONYMOUS_ADMIN in self._by_id or min(self._by_id) <= 0:
            raise ValueError("expected user ids of people, found a group's or an anonymous admin's")

    def find(self, user_id: int | None) -> Operator | None:
        """Return the operator, None for everybody else and for nobody."""
        return None if user_id is None else self._by_id.get(UserId(user_id))

    @property
    def operators(self) -> tuple[Operator, ...]:
        """Return everybody who may speak."""
        return tuple(self._by_id.values())


class Shape(Enum):
    """What kind of update arrived."""

    MESSAGE = "message"
    PRESS = "press"
    OTHER = "other"
    """Edited messages, channel posts, business messages, inline queries and whatever comes next."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One update, without a Telegram type."""

    shape: Shape
    user_id: int | None
    is_bot: bool
    private: bool
    forwarded: bool
    via_bot: bool
    on_behalf: bool
    """Sent in the name of a chat or channel (`sender_chat`)."""
    text: str | None
    """The message's text or the button's data; None for photos, stickers and presses without data."""
    age_ms: Ms | None
    """Since it was sent; None for presses, which carry no time."""


class Reason(Enum):
    """Why an update goes no further; the value is the counter's label."""

    NO_USER = "no_user"
    STRANGER = "stranger"
    BOT = "bot"
    OTHER_SHAPE = "other_shape"
    GROUP = "group"
    FORWARDED = "forwarded"
    VIA_BOT = "via_bot"
    ON_BEHALF = "on_behalf"
    NO_TEXT = "no_text"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Goes on, in this operator's name."""

    operator: Operator


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Ends here without any answer."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class TooLate:
    """An operator's command that waited too long: listed, not run."""

    operator: Operator
    age_ms: Ms


Decision = Allowed | TurnedAway | TooLate


def decide(incoming: Incoming, allowlist: Allowlist, *, safe: bool) -> Decision:
    """Return what becomes of the update. `safe` tells that it lowers risk and so is never too late."""
    if incoming.user_id is None:
        return TurnedAway(Reason.NO_USER)
    operator = allowlist.find(incoming.user_id)
    if operator is None:
        return TurnedAway(Reason.BOT if incoming.is_bot else Reason.STRANGER)
    wrong = _wrong_shape(incoming)
    if wrong is not None:
        return TurnedAway(wrong)
    if incoming.age_ms is not None and incoming.age_ms > LATE_MS and not safe:
        return TooLate(operator, incoming.age_ms)
    return Allowed(operator)


def _wrong_shape(incoming: Incoming) -> Reason | None:
    faults = (
        (incoming.shape is Shape.OTHER, Reason.OTHER_SHAPE),
        (incoming.is_bot, Reason.BOT),
        (incoming.on_behalf, Reason.ON_BEHALF),
        (not incoming.private, Reason.GROUP),
        (incoming.forwarded, Reason.FORWARDED),
        (incoming.via_bot, Reason.VIA_BOT),
        (not incoming.text, Reason.NO_TEXT),
    )
    return next((reason for found, reason in faults if found), None)


class Rate(Enum):
    """Verdict of a quota."""

    OK = "ok"
    FIRST_OVER = "first_over"
    """The first one beyond the limit: worth one answer."""
    OVER = "over"


class Quota:
    """So many per user and minute. Its memory is bounded by the number of operators."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._taken: dict[UserId, deque[Ms]] = {}
        self._told: set[UserId] = set()

    def take(self, user_id: UserId, now_ms: Ms) -> Rate:
        """Count one; beyond the limit nothing is counted."""
        taken = self._taken.setdefault(user_id, deque(maxlen=self._limit))
        while taken and now_ms - taken[0] >= 60_000:
            taken.popleft()
        if len(taken) < self._limit:
            taken.append(now_ms)
            self._told.discard(user_id)
            return Rate.OK
        verdict = Rate.OVER if user_id in self._told else Rate.FIRST_OVER
        self._told.add(user_id)
        return verdict

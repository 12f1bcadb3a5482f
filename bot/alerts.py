"""Alerts of one chat, folded by key: what is sent now, what is edited later, what is only counted.

Pure: a table of incidents, asked with a time. Pacing to Telegram's limits is the lane's business
(`bot.telegram_lanes`), wording is at the end of this page. Nothing here can silence an alert for good.
"""

from dataclasses import dataclass, field
from enum import Enum

from bot.card import Button, Card, CommandAct, Look, headline
from bot.figures import clock_time, span
from bot.markup import bold, esc, when
from engine.domain.units import Ms
from engine.domain.views import Alert, Severity

EDIT_EVERY_MS = 5_000
"""A count is brought up to date at most this often."""
QUIET_MS = 600_000
"""After this long without news an incident is over; the next alert of its key is a new one."""
INCIDENTS_MAX = 200
"""Incidents remembered; the one longest without news is forgotten first."""
TEXT_MAX = 700
"""Characters of an alert's text: a change of rules shows old and new side by side."""
STORM_KEYS = 5
"""More new incidents than this waiting at once come as one card."""
_LOUDNESS = [Severity.INFO, Severity.WARN, Severity.CRIT]
_MARKS = {Severity.INFO: "🔵", Severity.WARN: "🟡", Severity.CRIT: "🔴"}


@dataclass(slots=True)
class Incident:
    """All alerts of one key since it began."""

    alert: Alert
    first_ms: Ms
    last_ms: Ms
    count: int = 1
    shown: int = 0
    """How many of them the chat has been told of."""
    shown_ms: Ms | None = None
    message_id: int | None = None
    folded: bool = False
    """Told as one line of a storm card: it has no message of its own, and its count is not edited."""
    louder: bool = False
    """Its severity rose since it was shown: that takes a new message."""


class Way(Enum):
    """How a delivery reaches the chat."""

    NEW = "new"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call to make now. `keys` are the incidents it tells of."""

    way: Way
    keys: tuple[str, ...]
    card: Card
    message_id: int | None
    silent: bool


@dataclass(slots=True)
class Incidents:
    """The open incidents of one chat."""

    _by_key: dict[str, Incident] = field(default_factory=dict)

    def add(self, alert: Alert, now_ms: Ms) -> None:
        """Count an alert under its key; the newest words win, severity only rises."""
        found = self._by_key.pop(alert.key, None)
        if found is None or now_ms - found.last_ms >= QUIET_MS:
            found = Incident(alert, now_ms, now_ms)
        else:
            found.louder |= _loudness(alert) > _loudness(found.alert)
            found.alert = alert if _loudness(alert) >= _loudness(found.alert) else found.alert
            found.count += 1
            found.last_ms = now_ms
        self._by_key[alert.key] = found  # at the end: the dictionary stays ordered by the last news
        while len(self._by_key) > INCIDENTS_MAX:
            del self._by_key[next(iter(self._by_key))]

    def due(self, look: Look, *, urgent: bool) -> Delivery | None:
        """Return the next call to make now, or None. CRIT alone is urgent, and waits behind nothing else."""
        mine = self._of(urgent=urgent)
        news = {k: i for k, i in mine.items() if i.shown == 0 or i.louder}
        if len(news) > STORM_KEYS:
            return _storm(news, look)
        for key, incident in news.items():
            return Delivery(Way.NEW, (key,), incident_card(incident, look), None, _is_silent(incident))
        for key, incident in mine.items():
            at_ms = _recount_ms(incident)
            if at_ms is not None and at_ms <= look.now_ms:
                card = incident_card(incident, look)
                return Delivery(Way.EDIT, (key,), card, incident.message_id, silent=True)
        return None

    def next_due_ms(self, *, urgent: bool) -> Ms | None:
        """Return when the next count is to be brought up to date, None while none waits."""
        mine = self._of(urgent=urgent).values()
        return min((at for i in mine if (at := _recount_ms(i)) is not None), default=None)

    def _of(self, *, urgent: bool) -> dict[str, Incident]:
        return {k: i for k, i in self._by_key.items() if (i.alert.severity is Severity.CRIT) == urgent}

    def taken(self, delivery: Delivery, now_ms: Ms) -> None:
        """Note that the call is being made: it is not due again whatever becomes of it."""
        for key in delivery.keys:
            incident = self._by_key.get(key)
            if incident is not None:
                incident.shown, incident.shown_ms, incident.louder = incident.count, now_ms, False
                incident.folded = len(delivery.keys) > 1

    def placed(self, delivery: Delivery, message_id: int | None) -> None:
        """Note the message that tells of an incident now; None when it could not be sent."""
        if len(delivery.keys) == 1 and delivery.keys[0] in self._by_key:
            self._by_key[delivery.keys[0]].message_id = message_id


def _loudness(alert: Alert) -> int:
    return _LOUDNESS.index(alert.severity)


def _is_silent(incident: Incident) -> bool:
    return incident.alert.severity is Severity.INFO


def _recount_ms(incident: Incident) -> Ms | None:
    """Return when the message's count may be edited; None while it is right, or has no message of its own."""
    if incident.shown_ms is None or incident.folded or incident.count == incident.shown:
        return None
    return Ms(incident.shown_ms + EDIT_EVERY_MS)


def _storm(news: dict[str, Incident], look: Look) -> Delivery:
    silent = all(_is_silent(incident) for incident in news.values())
    return Delivery(Way.NEW, tuple(news), storm_card(list(news.values()), look), None, silent)


_STATUS = ((Button("📊 Status", CommandAct("/status")),),)
STORM_LINES = 10


def incident_card(incident: Incident, look: Look) -> Card:
    """Return the card of one incident: what happened, how often, what to do."""
    alert = incident.alert
    times = (
        f"{incident.count}x in {span(incident.last_ms - incident.first_ms)}: " if incident.count > 1 else ""
    )
    verdict = f"{times}{esc(alert.text, TEXT_MAX)}"
    lines = [
        headline(_MARKS[alert.severity], look, alert.severity.value, esc(alert.subject, 40), verdict),
        *([f"Next: {esc(alert.next_step, 240)}"] if alert.next_step else []),
        _first_and_last(incident, look),
    ]
    return Card("\n".join(lines), _STATUS, alert.severity)


def _first_and_last(incident: Incident, look: Look) -> str:
    if incident.count == 1:
        return f"At {when(incident.first_ms, clock_time(incident.first_ms), 'T')}"
    last = f"{span(look.now_ms - incident.last_ms)} ago"
    first = f"{span(look.now_ms - incident.first_ms)} ago"
    return f"First {when(incident.first_ms, first, 'T')}, last {when(incident.last_ms, last, 'r')}"


def storm_card(incidents: list[Incident], look: Look) -> Card:
    """Return one card for many new incidents."""
    loudest = max((i.alert.severity for i in incidents), key=_LOUDNESS.index)
    verdict = bold(f"{len(incidents)} incidents at once")
    rows = [f"{_MARKS[i.alert.severity]} {esc(i.alert.subject, 40)}: {esc(i.alert.text)}" for i in incidents]
    hidden = len(rows) - STORM_LINES
    lines = [headline(_MARKS[loudest], look, loudest.value, "storm", verdict), *rows[:STORM_LINES]]
    lines += [f"… and {hidden} more, all counted"] if hidden > 0 else []
    return Card("\n".join([*lines, "Next: /status names what is wrong now."]), _STATUS, loudest)

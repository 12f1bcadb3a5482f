"""Alerts fold by key: first at once, then counted; loudness opens a new message; storms become one card."""

from dataclasses import replace

import pytest

from bot.alerts import EDIT_EVERY_MS, INCIDENTS_MAX, QUIET_MS, STORM_KEYS, Delivery, Incidents, Way
from bot.card import Look
from config.settings import Mode
from engine.domain.units import Ms
from engine.domain.views import Alert, Severity
from tests.unit.bot.builders import NOW
from tests.unit.bot.html_subset import first_line, judge

WARN = Alert("reject:fed4", Severity.WARN, "rejects fed4", "not enough balance", "check the allowance")
CRIT = replace(WARN, key="broken", severity=Severity.CRIT, subject="broken fed4")


def look(after_ms: int = 0) -> Look:
    return Look(Mode.LOCAL, Ms(NOW + after_ms))


def deliver(
    incidents: Incidents, after_ms: int = 0, *, urgent: bool = False, message_id: int = 7
) -> Delivery | None:
    """Make the next call, if one is due."""
    delivery = incidents.due(look(after_ms), urgent=urgent)
    if delivery is not None:
        incidents.taken(delivery, Ms(NOW + after_ms))
        incidents.placed(delivery, message_id)
    return delivery


def test_first_alert_is_due_at_once_and_sounds() -> None:
    incidents = Incidents()
    incidents.add(WARN, NOW)

    delivery = deliver(incidents)

    assert delivery is not None
    assert (delivery.way, delivery.silent) == (Way.NEW, False)
    assert "WARN · rejects fed4" in first_line(delivery.card)
    assert deliver(incidents) is None


def test_repeated_alert_edits_the_same_message_with_a_count_after_five_seconds() -> None:
    incidents = Incidents()
    incidents.add(WARN, NOW)
    deliver(incidents, message_id=42)
    for n in range(1, 7):
        incidents.add(WARN, Ms(NOW + n))

    early = deliver(incidents, EDIT_EVERY_MS - 1)
    due_ms = incidents.next_due_ms(urgent=False)
    edit = deliver(incidents, EDIT_EVERY_MS)

    assert early is None
    assert due_ms == NOW + EDIT_EVERY_MS
    assert edit is not None
    assert (edit.way, edit.message_id, edit.silent) == (Way.EDIT, 42, True)
    assert "7x in" in judge(edit.card)
    assert incidents.next_due_ms(urgent=False) is None


def test_info_is_silent() -> None:
    incidents = Incidents()
    incidents.add(replace(WARN, severity=Severity.INFO), NOW)

    delivery = deliver(incidents)

    assert delivery is not None
    assert delivery.silent


def test_crit_is_urgent_and_does_not_wait_behind_warnings() -> None:
    incidents = Incidents()
    for n in range(3):
        incidents.add(replace(WARN, key=f"k{n}"), NOW)
    incidents.add(CRIT, NOW)

    urgent = deliver(incidents, urgent=True)

    assert urgent is not None
    assert urgent.keys == ("broken",)
    assert deliver(incidents, urgent=True) is None
    assert deliver(incidents) is not None


def test_higher_severity_takes_a_new_message() -> None:
    incidents = Incidents()
    incidents.add(WARN, NOW)
    deliver(incidents)
    incidents.add(replace(WARN, severity=Severity.CRIT), Ms(NOW + 10))

    delivery = deliver(incidents, 10, urgent=True)

    assert delivery is not None
    assert delivery.way is Way.NEW
    assert "2x" in judge(delivery.card)


def test_lower_severity_does_not_calm_an_incident() -> None:
    incidents = Incidents()
    incidents.add(replace(WARN, severity=Severity.CRIT), NOW)
    deliver(incidents, urgent=True)
    incidents.add(WARN, Ms(NOW + 10))

    delivery = deliver(incidents, EDIT_EVERY_MS, urgent=True)

    assert delivery is not None
    assert "CRIT" in first_line(delivery.card)


def test_alert_after_a_long_quiet_is_a_new_incident() -> None:
    incidents = Incidents()
    incidents.add(WARN, NOW)
    deliver(incidents)
    incidents.add(WARN, Ms(NOW + QUIET_MS))

    delivery = deliver(incidents, QUIET_MS)

    assert delivery is not None
    assert delivery.way is Way.NEW
    assert "x in" not in first_line(delivery.card)


def test_many_new_incidents_at_once_are_one_card() -> None:
    incidents = Incidents()
    for n in range(120):
        incidents.add(replace(WARN, key=f"k{n}", subject=f"resync m{n}"), NOW)

    delivery = deliver(incidents)

    assert delivery is not None
    assert len(delivery.keys) == 120
    assert "120 incidents at once" in judge(delivery.card)
    assert deliver(incidents) is None
    assert deliver(incidents, EDIT_EVERY_MS) is None


def test_incident_told_in_a_storm_gets_its_own_message_when_it_grows_loud() -> None:
    incidents = Incidents()
    for n in range(STORM_KEYS + 1):
        incidents.add(replace(WARN, key=f"k{n}"), NOW)
    deliver(incidents)
    incidents.add(replace(WARN, key="k3", severity=Severity.CRIT), Ms(NOW + 1))

    delivery = deliver(incidents, 1, urgent=True)

    assert delivery is not None
    assert delivery.keys == ("k3",)


def test_incidents_beyond_the_bound_forget_the_oldest() -> None:
    incidents = Incidents()
    for n in range(INCIDENTS_MAX + 50):
        incidents.add(replace(WARN, key=f"k{n}"), Ms(NOW + n))

    delivery = deliver(incidents)

    assert delivery is not None
    assert len(delivery.keys) == INCIDENTS_MAX
    assert "k0" not in delivery.keys


@pytest.mark.parametrize("message_id", [None, 9])
def test_failed_first_message_is_sent_anew_by_the_next_count(message_id: int | None) -> None:
    incidents = Incidents()
    incidents.add(WARN, NOW)
    first = incidents.due(look(), urgent=False)
    assert first is not None
    incidents.taken(first, NOW)
    incidents.placed(first, message_id)
    incidents.add(WARN, Ms(NOW + 1))

    again = deliver(incidents, EDIT_EVERY_MS)

    assert again is not None
    assert again.message_id == message_id

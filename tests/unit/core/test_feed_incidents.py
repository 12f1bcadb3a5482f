import pytest

from engine.core.feed.incidents import MARKETS_ALONE_MAX, Incidents
from engine.core.feed.table import Fault, Reason
from engine.domain.ids import ConditionId
from engine.domain.units import Ms
from engine.domain.views import Alert, Severity

START = Ms(1_790_000_000_000)
HASH = Fault(Reason.HASH, "checksum 0123456789ab", "ba9876543210")


def market(number: int) -> ConditionId:
    return ConditionId(f"0x{number:064x}")


def begin(incidents: Incidents, number: int, fault: Fault = HASH, after_ms: int = 0) -> Alert | None:
    return incidents.begin(market(number), f"market {number}", fault, Ms(START + after_ms))


def end(incidents: Incidents, number: int, after_ms: int = 1000) -> tuple[Alert, ...]:
    return incidents.end(market(number), f"market {number}", Ms(START + after_ms))


def test_first_fault_tells_what_was_expected_found_and_what_happens_next():
    alert = begin(Incidents(), 1)

    assert alert is not None
    assert alert.key == f"resync:{market(1)}"
    assert alert.severity is Severity.WARN
    assert alert.subject == "resync market 1"
    assert "checksum 0123456789ab" in alert.text
    assert "ba9876543210" in alert.text
    assert alert.next_step == "book dropped, fetching a snapshot; quotes and plans on this market wait"


def test_second_fault_of_one_market_belongs_to_the_same_incident():
    incidents = Incidents()
    begin(incidents, 1)

    assert begin(incidents, 1) is None


def test_end_tells_once_how_long_it_took():
    incidents = Incidents()
    begin(incidents, 1)

    (alert,) = end(incidents, 1, after_ms=12_340)

    assert (alert.key, alert.severity) == (f"live:{market(1)}", Severity.INFO)
    assert "12.3 s" in alert.text
    assert end(incidents, 1) == ()


def test_a_market_that_fails_again_is_a_new_incident():
    incidents = Incidents()
    begin(incidents, 1)
    end(incidents, 1)

    assert begin(incidents, 1) is not None


def test_many_markets_at_once_are_one_incident_of_the_venue():
    incidents = Incidents()
    alerts = [begin(incidents, number) for number in range(20)]

    keys = [alert.key for alert in alerts if alert is not None]

    assert keys == [f"resync:{market(n)}" for n in range(MARKETS_ALONE_MAX)] + ["resync:venue"]


def test_venue_incident_ends_when_the_last_market_is_live():
    incidents = Incidents()
    for number in range(6):
        begin(incidents, number)

    told = [[alert.key for alert in end(incidents, number)] for number in range(6)]

    assert told[:MARKETS_ALONE_MAX] == [[f"live:{market(n)}"] for n in range(MARKETS_ALONE_MAX)]
    assert told[MARKETS_ALONE_MAX:] == [[], [], ["live:venue"]]


def test_after_a_venue_incident_markets_are_told_one_by_one_again():
    incidents = Incidents()
    for number in range(6):
        begin(incidents, number)
    for number in range(6):
        end(incidents, number)

    alert = begin(incidents, 9)

    assert alert is not None
    assert alert.key == f"resync:{market(9)}"


def test_forgotten_market_is_not_told_and_does_not_hold_the_venue():
    incidents = Incidents()
    for number in range(5):
        begin(incidents, number)
    for number in range(5):
        incidents.forget(market(number))

    assert end(incidents, 2) == ()
    alert = begin(incidents, 7)
    assert alert is not None
    assert alert.key == f"resync:{market(7)}"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_gives_an_alert_a_person_can_read(reason: Reason):
    alert = begin(Incidents(), 1, Fault(reason, "this", "that"))

    assert alert is not None
    assert alert.text.endswith(": expected this, found that")
    assert "_" not in alert.text, "labels are for metrics"

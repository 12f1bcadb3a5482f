"""The retention rule: which ages are thinned, how far, and that they meet without a gap."""

import pytest

from engine.domain.history import DAY_MS, HOUR_MS, thinned_spans
from engine.domain.units import Ms

NOW = Ms(1_790_000_000_000)


@pytest.mark.parametrize(
    ("age_ms", "kept_every_ms"),
    [
        (0, None),
        (DAY_MS - 1, None),
        (DAY_MS, None),
        (DAY_MS + 1, HOUR_MS),
        (30 * DAY_MS, HOUR_MS),
        (30 * DAY_MS + 1, DAY_MS),
        (400 * DAY_MS, DAY_MS),
        (NOW, DAY_MS),
    ],
)
def test_age_decides_how_dense_snapshots_stay(age_ms, kept_every_ms):
    taken_ms = NOW - age_ms
    spans = [span for span in thinned_spans(NOW) if span.since_ms <= taken_ms < span.until_ms]

    assert [span.every_ms for span in spans] == ([] if kept_every_ms is None else [kept_every_ms])


def test_hours_lie_within_days_so_that_what_stays_once_may_stay_again():
    hourly, daily = thinned_spans(NOW)

    assert daily.every_ms % hourly.every_ms == 0
    assert daily.until_ms == hourly.since_ms

"""The metrics table and what a scrape reads: names are promises to dashboards."""

import pytest

from engine.metrics import METRICS, Kind, Metrics

SEED_NAMES = {
    "engine_errors",
    "engine_place_call_ms",
    "engine_ack_ms",
    "service_task_errors",
    "relayer_cancel_count",
    "relayer_cancel_ms",
    "relayer_cancel_errors_total",
    "dutch_orders_placed",
    "dutch_rulehash_changed",
}
"""Public names of the seed that this slice feeds (design 4 and 7)."""


def sample(metrics: Metrics) -> dict[str, float]:
    """Return every exported sample by its whole name with labels."""
    lines = metrics.exposition().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_names_of_the_table_are_unique_and_the_seeds_are_among_them():
    names = [row.name for row in METRICS]

    assert len(names) == len(set(names))
    assert set(names) >= SEED_NAMES


@pytest.mark.parametrize("row", [row for row in METRICS if row.kind is Kind.COUNTER])
def test_a_counter_is_exported_under_exactly_its_name(row):
    metrics = Metrics()
    label = "some" if row.label else ""

    metrics.count(row.name, label)
    metrics.count(row.name, label, by=4)

    whole = f'{row.name}{{{row.label}="some"}}' if row.label else row.name
    assert sample(metrics)[whole] == 5


@pytest.mark.parametrize("row", [row for row in METRICS if row.kind is Kind.SUMMARY])
def test_a_summary_is_exported_as_sum_in_milliseconds_and_count(row):
    metrics = Metrics()

    metrics.observe_us(row.name, 1_500)
    metrics.observe_us(row.name, 2_000)

    exported = sample(metrics)
    assert exported[f"{row.name}_sum"] == 3.5
    assert exported[f"{row.name}_count"] == 2


@pytest.mark.parametrize("row", [row for row in METRICS if row.kind is Kind.READING])
def test_a_reading_is_asked_for_at_every_scrape_and_left_out_when_there_is_none(row):
    metrics, told = Metrics(), [3, None, 5]
    metrics.read(row.name, "0", lambda: told.pop(0))

    scrapes = [sample(metrics).get(f'{row.name}{{{row.label}="0"}}') for _ in range(3)]

    assert scrapes == [3, None, 5]


def test_a_summary_that_was_never_observed_is_exported_as_zero():
    assert sample(Metrics())["engine_ack_ms_count"] == 0


def test_labels_are_counted_apart_and_added_up():
    metrics = Metrics()
    metrics.count("engine_errors", "store", by=2)
    metrics.count("engine_errors", "look_up")

    assert metrics.value("engine_errors", "store") == 2
    assert metrics.total("engine_errors") == 3
    assert metrics.value("engine_errors", "never") == 0


@pytest.mark.parametrize(
    "misuse",
    [
        lambda metrics: metrics.count("engine_erors", "store"),
        lambda metrics: metrics.observe_us("engine_act_ms", 5),
    ],
)
def test_a_name_that_is_not_in_the_table_is_an_error_of_ours(misuse):
    with pytest.raises(KeyError):
        misuse(Metrics())


@pytest.mark.parametrize(
    "misuse",
    [
        lambda metrics: metrics.count("engine_ack_ms"),
        lambda metrics: metrics.observe_us("engine_errors", 5),
        lambda metrics: metrics.count("engine_errors"),
        lambda metrics: metrics.count("dutch_orders_placed", "label"),
    ],
)
def test_a_row_used_against_its_kind_or_label_is_an_error_of_ours(misuse):
    with pytest.raises(AssertionError, match="expected"):
        misuse(Metrics())


def test_two_desks_do_not_share_counters():
    one, other = Metrics(), Metrics()
    one.count("dutch_orders_placed")

    assert other.value("dutch_orders_placed") == 0


def test_the_exposition_tells_what_each_row_means():
    text = Metrics().exposition().decode()

    for row in METRICS:
        assert f"# HELP {row.name} {row.help}" in text

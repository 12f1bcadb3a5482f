"""A slice of every execution campaign: whole desks on the local exchange, in virtual time."""

import pytest

from tests.campaigns import fill_matrix, full_load, ghost_fills, late_events, unknown_outcomes

SEED = 11


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "count"),
    [(unknown_outcomes.accepted, 56), (unknown_outcomes.outages, 2), (unknown_outcomes.lost, 8)],
)
def test_unknown_outcomes_come_to_one_known_end(part, count):
    result = part(count, SEED)

    assert not result.broken, f"seed {SEED}: {result.text}\n" + "\n".join(result.broken)


@pytest.mark.slow
def test_ghost_fills_leave_exactly_what_was_confirmed():
    result = ghost_fills.ghosts(24, 35, SEED)

    assert not result.broken, f"seed {SEED}: {result.text}\n" + "\n".join(result.broken)


@pytest.mark.slow
def test_fills_are_equal_however_they_come_about_and_are_told():
    """One cell of every row; each way of telling is met at least once."""
    cells = fill_matrix.all_cells()
    met = [cells[row * 5 + row % 5] for row in range(8)]

    fill_matrix.run_matrix(met, SEED)

    assert not [cell for cell in met if cell.broken], f"seed {SEED}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "count"),
    [
        (late_events.dropped, 16),
        (late_events.delayed, 5),
        (full_load.steady, 10),
        (full_load.restarted, 150),
    ],
)
def test_events_that_are_lost_or_late_and_full_load_break_nothing(part, count):
    result = part(count, SEED)

    assert not result.broken, f"seed {SEED}: {result.text}\n" + "\n".join(result.broken)

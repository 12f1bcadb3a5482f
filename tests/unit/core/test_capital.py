"""Capital locked in what is held to its resolution."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from engine.core.account.act_proof import take_up
from engine.core.exposure.capital import days_until, locked_capital, locked_lines
from engine.core.trading.watch import status
from engine.domain.chain_act import ActStage
from engine.domain.events import PastFills
from engine.domain.units import Ms, Size, Usdc
from tests.support.builders import NOW, binary, shares, usdc
from tests.support.desk_run import DeskRun, dutch_params
from tests.unit.storage.builders import act

DAY_MS = 86_400_000
MIDNIGHT = Ms(20_000 * DAY_MS)
"""2024-10-04 00:00 UTC."""


def holding(cost=73.0, end_date="", **params):
    """A desk that holds 100 YES of one market, bought before this start."""
    group = replace(binary(), end_date=end_date)
    market = group.markets[0]
    run = DeskRun(group, asks=(3_000,))
    past = PastFills(
        group.event_id, group.code, market.condition_id, market.yes, shares(100), Size(0), usdc(cost)
    )
    run.start()
    run.desk.past = (past,)
    run.desk.positions.enter_past((past,), Usdc(0), run.at_ms)
    run.desk.settings = replace(run.desk.settings, dutch=dutch_params(**params))
    return run


@pytest.mark.parametrize(
    ("until", "at_ms", "days"),
    [
        ("2024-10-04", MIDNIGHT, 1),
        ("2024-10-05", MIDNIGHT, 2),
        ("2024-10-05", MIDNIGHT + 1, 2),
        ("2024-10-05", MIDNIGHT + DAY_MS, 1),
        ("2024-10-03", MIDNIGHT, None),
        ("", MIDNIGHT, None),
        ("soon", MIDNIGHT, None),
        ("2024-13-01", MIDNIGHT, None),
        ("٢٠٢٤-10-05", MIDNIGHT, None),
    ],
)
def test_every_day_that_is_begun_counts_until_the_end_of_the_date(until, at_ms, days):
    assert days_until(until, Ms(at_ms)) == days


def test_days_agree_with_the_calendar_for_every_day_of_four_centuries():
    first = date(1970, 1, 1)
    for number in range(0, 146_097, 97):
        day = first + timedelta(days=number)

        assert days_until(day.isoformat(), Ms(0)) == number + 1


def test_carry_is_rate_times_days_times_cost_rounded_up():
    run = holding(cost=73.0, carry_rate_e6=50_000, days_locked=10)

    (locked,) = locked_capital(run.desk, run.at_ms)

    assert (locked.cost, locked.days, locked.carry) == (usdc(73), 10, Usdc(100_000))
    assert locked_lines((locked,)) == ("btc 73.00 until its answer, 10 days, carry 0.10",)


def test_the_end_date_of_the_catalogue_goes_before_the_setting():
    end = "2099-01-01T00:00:00Z"
    run = holding(end_date=end, carry_rate_e6=50_000, days_locked=10)

    (locked,) = locked_capital(run.desk, run.at_ms)

    assert (locked.until, locked.days) == ("2099-01-01", days_until("2099-01-01", NOW))


def test_status_shows_the_sum_and_every_event():
    run = holding()

    view = status(run.desk, run.at_ms)

    assert view.capital_locked == usdc(73)
    assert view.locked == locked_lines(locked_capital(run.desk, run.at_ms))


def test_what_a_merge_has_paid_back_is_not_locked_any_more():
    run = holding(cost=73.0)
    group = run.events[0]
    market = group.markets[0]
    done = replace(
        act(),
        event_id=group.event_id,
        condition_id=market.condition_id,
        yes=market.yes,
        no=market.no,
        stage=ActStage.DONE,
    )

    take_up(run.desk, (done,), run.at_ms)

    (locked,) = locked_capital(run.desk, run.at_ms)
    assert locked.cost == usdc(33)


def test_nothing_held_locks_nothing():
    assert locked_capital(DeskRun(binary(), asks=(3_000,)).start().desk, NOW) == ()

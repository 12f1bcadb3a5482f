"""What counts as spent under a standing grant, and what it counts as sent."""

from engine.core.grants import left
from engine.domain.effects import SendBatch
from engine.domain.plan import PlanKind
from tests.support.builders import event, usdc
from tests.support.desk_run import DeskRun, dutch_params, only
from tests.unit.core.test_auto import SHUT, fill, granted, looked, touched
from tests.unit.core.test_kinds_flow import dear, own


def test_sets_that_are_sold_do_not_raise_what_a_grant_may_buy():
    run = DeskRun(
        event("fed3"),
        event("cpi3"),
        asks=SHUT,
        per_ticket=2_000,
        day=5_000,
        dutch=dutch_params(max_leg_loss=usdc(9_999), max_residual=usdc(9_999)),
    ).start(usdc(5_000))
    own(run, 100)
    grant = granted(run, budget=50)
    dear(run)
    batch = only(looked(run, touched(run)), SendBatch)
    assert batch.plan.kind is PlanKind.SELL_SET

    fill(run, run.commit(batch))

    assert left(run.desk, run.desk.runner.grants[grant.ticket_id]) == usdc(50)

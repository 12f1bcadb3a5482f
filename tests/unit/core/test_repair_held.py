"""What a repair takes for held: no share that was sold by hand, and the ends that follow from that."""

from dataclasses import replace

from engine.core.repair_plan import plan_repair
from engine.core.state import enter_fill
from engine.domain.effects import SendBatch
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.refusal import Refusal, RefusalKind
from tests.support.builders import event, fill, intent, order
from tests.support.desk_run import DeskRun, of_kind
from tests.unit.core import test_auto as auto
from tests.unit.core import test_auto_repair as auto_repair
from tests.unit.core.test_repair_flow import broken_run


def sold_by_hand(run, ticket_id):
    for number, leg in enumerate(run.desk.tickets[ticket_id].plan.legs[:2]):
        what = replace(
            intent(), token_id=leg.token_id, condition_id=leg.condition_id, side=Side.SELL, size=leg.size
        )
        sale = fill(
            order(what=what), leg.size, f"hand{number}", side=Side.SELL, settlement=Settlement.CONFIRMED
        )
        enter_fill(run.desk, sale)


def test_nothing_is_bought_to_complete_shares_that_were_sold_by_hand():
    run, ticket_id = broken_run()
    sold_by_hand(run, ticket_id)

    found = plan_repair(run.desk, run.desk.flights[ticket_id], None, run.at_ms)

    assert isinstance(found, Refusal)
    assert found.kind is RefusalKind.NO_REPAIR


def test_a_grant_repairs_nothing_of_which_shares_were_sold_by_hand():
    run = DeskRun(event("fed3"), event("cpi3"), asks=auto.SHUT).start()
    auto.granted(run)
    sold_by_hand(run, auto_repair.broken(run))

    assert not of_kind(auto.looked(run, auto_repair.scan(run)), SendBatch)

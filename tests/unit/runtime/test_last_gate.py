"""The last gate: what leaves is what was granted, each order once, and the sums agree."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.domain.events import Event, HostTold
from engine.domain.host import HostSign
from engine.domain.market import Side
from engine.domain.order import OrderIntent
from engine.domain.ticket import Approved, Grant
from engine.domain.units import Price
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate
from engine.ports import PreparedOrder, SubmitReport
from engine.runtime.last_gate import ORDERS_PER_S_MAX, KeptBack, LastGate, Outlook
from tests.support import tree
from tests.support.batches import batch
from tests.support.builders import intent, order_id, shares, token, usdc

RUN = Outlook(Gate.RUN, "", VenueState.RUN)


class Gated:
    """A last gate over a submit function that only counts."""

    def __init__(self, order_max: int = 500) -> None:
        self.left: list[PreparedOrder] = []
        self.mail: list[Event] = []
        self.clock = ManualClock()
        self.outlook = RUN
        self.batch = batch()
        self.gate = LastGate(
            self.submit,
            look=lambda: self.outlook,
            clock=self.clock,
            post=self.mail.append,
            order_max=usdc(order_max),
        )
        self.gate.authorise(self.batch.plan, self.batch.grant)

    async def submit(
        self, prepared: Sequence[PreparedOrder], *, approved: Approved, grant: Grant
    ) -> SubmitReport:
        self.left += prepared
        return SubmitReport((), request_id="r", place_call_us=0, ack_latency_us=0)

    async def send(
        self, *prepared: PreparedOrder, approved: Approved | None = None, grant: Grant | None = None
    ) -> str:
        told = await self.gate.send(
            prepared or self.orders(),
            approved=approved or self.batch.approved,
            grant=grant or self.batch.grant,
        )
        return told.reason if isinstance(told, KeptBack) else ""

    def orders(self, **changes: Any) -> tuple[PreparedOrder, ...]:
        return tuple(prepared(replace(of, **changes)) for of in self.batch.intents)


def prepared(of: OrderIntent, body: bytes | None = None) -> PreparedOrder:
    return PreparedOrder(order_id(of.key), of, f'{{"leg":{of.leg}}}'.encode() if body is None else body)


@pytest.fixture
def gated():
    return Gated()


async def test_a_granted_batch_leaves_whole(gated):
    assert await gated.send() == ""
    assert gated.left == list(gated.orders())


@pytest.mark.parametrize("gate", set(Gate) - {Gate.RUN})
async def test_a_closed_gate_keeps_a_purchase_back_and_says_why(gated, gate):
    gated.outlook = Outlook(gate, "killed by ana", VenueState.RUN)

    assert "killed by ana" in await gated.send()
    assert gated.left == []


@pytest.mark.parametrize("venue", set(VenueState) - {VenueState.RUN})
async def test_a_plain_order_waits_for_a_venue_that_runs(gated, venue):
    gated.outlook = Outlook(Gate.RUN, "", venue)

    assert venue.value in await gated.send()
    assert gated.left == []


async def test_a_post_only_order_may_leave_in_post_only(gated):
    gated.outlook = Outlook(Gate.RUN, "", VenueState.POST_ONLY)

    assert await gated.send(*gated.orders(post_only=True)) == ""


async def test_while_reducing_only_sales_leave(gated):
    gated.outlook = Outlook(Gate.REDUCING, "5 refused", VenueState.RUN)
    assert "5 refused" in await gated.send()

    sale = replace(gated.batch.plan.legs[0], side=Side.SELL)
    plan = replace(gated.batch.plan, legs=(sale,))
    other = LastGate(
        gated.submit,
        look=lambda: gated.outlook,
        clock=gated.clock,
        post=gated.mail.append,
        order_max=usdc(500),
    )
    other.authorise(plan, gated.batch.grant)
    order = prepared(intent(0, plan))
    told = await other.send((order,), approved=gated.batch.approved, grant=gated.batch.grant)
    assert isinstance(told, SubmitReport)


async def test_an_expired_grant_sends_nothing(gated):
    gated.clock.advance(5_001)

    assert "expired" in await gated.send()


async def test_bytes_older_than_their_books_allow_never_leave_even_under_a_longer_grant(gated):
    old = [replace(o, intent=replace(o.intent, resend_until_ms=gated.clock.now_ms())) for o in gated.orders()]

    in_time = await gated.send(*old)
    gated.clock.advance(1)
    late = await gated.send(*old)

    assert in_time == ""
    assert "too old" in late


@pytest.mark.parametrize(
    "changes",
    [
        {"price": Price(3_010)},
        {"size": shares(100.01)},
        {"token_id": token("another")},
        {"side": Side.SELL},
        {"plan_id": "another"},
        {"ticket_id": "T-OTHERS"},
        {"leg": 9},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_nothing_leaves_that_is_not_on_the_card(gated, changes):
    assert await gated.send(*gated.orders(**changes)) != ""
    assert gated.left == []


async def test_better_terms_than_the_cards_may_leave(gated):
    assert await gated.send(*gated.orders(price=Price(2_990), size=shares(90))) == ""


async def test_a_grant_that_was_never_committed_sends_nothing(gated):
    forged = replace(gated.batch.grant, spend_max=usdc(9_999))

    assert "expected a grant" in await gated.send(grant=forged)
    assert "expected a grant" in await gated.send(approved=replace(gated.batch.approved, plan_id="other"))


async def test_an_order_dearer_than_the_cap_of_a_ticket_sends_nothing():
    assert "at most" in await Gated(order_max=20).send()


async def test_the_same_bytes_may_follow_and_count_once(gated):
    await gated.send()
    sent = gated.gate.sent

    assert await gated.send() == ""
    assert gated.gate.sent == sent


async def test_other_bytes_for_the_same_intent_never_leave(gated):
    await gated.send()
    other = prepared(gated.batch.intents[0], b"{}")
    resigned = replace(prepared(gated.batch.intents[1]), order_id=order_id("another salt"))

    assert "same bytes" in await gated.send(other)
    assert "same bytes" in await gated.send(resigned)
    assert len(gated.left) == 3


async def test_more_orders_than_a_second_takes_are_kept_back(gated):
    for _ in range(ORDERS_PER_S_MAX // 3):
        assert await gated.send() == ""
    assert "in a second" in await gated.send()

    gated.clock.advance(1_000)
    assert await gated.send() == ""


async def test_an_excess_over_all_grants_halts_and_shuts_for_good(gated):
    first = gated.batch.intents[0]
    await gated.send()
    for generation in range(1, 4):
        told = await gated.send(prepared(replace(first, generation=generation)))
        if told:
            break

    assert "more would leave than was authorised" in told
    (event,) = gated.mail
    assert isinstance(event, HostTold)
    assert event.sign is HostSign.OVERSENT
    assert event.figure > 0
    gated.clock.advance(1_000)
    assert "nothing leaves before a restart" in await gated.send()
    assert gated.gate.sent <= gated.gate.authorised


async def test_sums_of_what_is_granted_and_sent_run_on(gated):
    assert gated.gate.authorised == gated.batch.grant.spend_max
    await gated.send()

    assert 0 < gated.gate.sent <= gated.gate.authorised


def test_nothing_else_calls_submit():
    callers = {
        tree.name(path)
        for path in tree.sources()
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("._submit")
    }
    reached = {
        tree.name(path)
        for path in tree.sources()
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "submit"
        # The local chain submits acts, and the simulator reaches no relayer: the layers forbid it.
        and not tree.name(path).startswith("engine/simulator/")
    }

    assert "engine/runtime/last_gate.py" in callers
    # The chain of the local exchange is no part of the desk, and its `submit` another function.
    reached = {path for path in reached if not path.startswith("engine/simulator/")}
    assert reached == {"engine/runtime/service.py"}, "the function is handed over once, to the last gate"
    assert len(tree.lines_of(tree.ROOT / "engine/runtime/last_gate.py")) <= 300


async def test_legs_of_one_plan_leave_one_by_one_under_one_authorisation(gated):
    before = gated.gate.authorised
    for leg in range(len(gated.batch.plan.legs)):
        gated.gate.authorise(gated.batch.plan, gated.batch.grant)
        order = prepared(intent(leg, gated.batch.plan))
        told = await gated.gate.send((order,), approved=gated.batch.approved, grant=gated.batch.grant)
        assert isinstance(told, SubmitReport)

    assert gated.gate.authorised == before
    assert 0 < gated.gate.sent <= before

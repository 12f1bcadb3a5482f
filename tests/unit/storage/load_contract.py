"""Which tickets any implementation of `engine.ports.Store` brings back after a restart.

The inheriting class provides the fixture `store`; `clock` is the one it was given.
"""

from dataclasses import replace

import pytest

from engine.clock import ManualClock
from engine.domain.events import PastFills
from engine.domain.order import OrderState, Settlement
from engine.domain.ticket import TicketKind, TicketState
from engine.domain.units import Ms, Size, Usdc
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.store_contract import send

DAY_MS = 24 * 3600 * 1000


class LoadContract:
    """Which tickets a restart brings back."""

    @pytest.mark.parametrize("state", TicketState)
    async def test_ticket_without_orders_comes_back_while_open_or_lately_ended(self, store, clock, state):
        await store.save_ticket(replace(builders.ticket(), state=state), None)
        ended = {TicketState.DONE, TicketState.MISSED}
        lasting = {TicketState.DRY, TicketState.ARMED, TicketState.SENDING, TicketState.BROKEN}

        today = (await store.load(clock.now_ms())).tickets
        later = (await store.load(Ms(clock.now_ms() + DAY_MS + 1))).tickets

        assert bool(today) == (state in ended | lasting)
        assert bool(later) == (state in lasting)

    @pytest.mark.parametrize(
        "case",
        [
            (OrderState.UNKNOWN, 0, None, True),
            (OrderState.LIVE, 0, None, True),
            (OrderState.DEAD, 0, None, False),
            (OrderState.FILLED, 20_000, None, True),  # matched, and not read back
            (OrderState.FILLED, 20_000, Settlement.MATCHED, True),
            (OrderState.FILLED, 20_000, Settlement.MINED, True),
            (OrderState.FILLED, 20_000, Settlement.RETRYING, True),
            (OrderState.FILLED, 20_000, Settlement.CONFIRMED, False),
            (OrderState.FILLED, 20_000, Settlement.FAILED, False),
            (OrderState.CANCELLED, 29_999, Settlement.CONFIRMED, False),  # less than a lot is rounding
            (OrderState.CANCELLED, 30_000, Settlement.CONFIRMED, True),
        ],
    )
    async def test_ended_ticket_comes_back_later_if_it_can_still_change(self, store, clock, case):
        state, filled, settlement, comes_back = case
        after, pairs = await send(store, legs=1)
        record = replace(pairs[0][0], state=state, filled=Size(filled))
        fills = []
        if settlement is not None:
            fills = [replace(builders.fill(record, size=20_000), settlement=settlement)]
        await store.save_progress([record], fills)
        await store.save_ticket(replace(after, state=TicketState.DONE, version=6), None)

        restored = await store.load(Ms(clock.now_ms() + 3 * DAY_MS))

        assert [order.order_id for order in restored.orders] == ([record.order_id] if comes_back else [])
        assert len(restored.fills) == (len(fills) if comes_back else 0)
        assert len(restored.tickets) == int(comes_back)

    async def test_late_progress_of_an_ended_ticket_keeps_it_another_day(self, store, clock: ManualClock):
        ticket = replace(builders.ticket(), state=TicketState.MISSED)
        await store.save_ticket(ticket, None)
        clock.advance(DAY_MS - 1)
        await store.save_ticket(replace(ticket, state=TicketState.DONE), None)
        clock.advance(DAY_MS - 1)

        assert len((await store.load(clock.now_ms())).tickets) == 1

    async def test_a_broken_ticket_comes_back_however_old_with_the_repairs_it_had_and_no_others(
        self, store, clock
    ):
        """What it holds is told by its repairs, too: without them more would be sold than is there."""
        made = {"T-BROKEN": "", "T-MENDED": "", "T-REPONE": "unwind T-BROKEN", "T-REPTWO": "both T-MENDED"}
        made["T-REPTRE"] = "unwind T-BROKEN T-GRANTS"
        for number, (name, subject) in enumerate(made.items()):
            kind = TicketKind.REPAIR if subject else TicketKind.DUTCH
            state = TicketState.BROKEN if name == "T-BROKEN" else TicketState.DONE
            bare = replace(builders.ticket(name), kind=kind, subject=subject)
            await store.save_ticket(replace(bare, state=state, created_ms=Ms(NOW + number)), None)
        clock.advance(30 * DAY_MS)

        found = (await store.load(clock.now_ms())).tickets

        assert [ticket.ticket_id for ticket in found] == ["T-BROKEN", "T-REPONE", "T-REPTRE"]

    async def test_orders_and_fills_of_other_tickets_stay_out(self, store, clock):
        _, old = await send(store, "T-ENDED", legs=2)
        await store.save_progress([replace(r, state=OrderState.DEAD) for r, _ in old], [])
        ticket = builders.armed("T-ENDED", "plan-T-ENDED")[2]
        await store.save_ticket(replace(ticket, state=TicketState.MISSED), None)
        clock.advance(2 * DAY_MS)
        _, fresh = await send(store, "T-FRESH", legs=1)

        restored = await store.load(clock.now_ms())

        assert [ticket.ticket_id for ticket in restored.tickets] == ["T-FRESH"]
        assert [order.order_id for order in restored.orders] == [fresh[0][0].order_id]
        assert restored.fills == ()

    @pytest.mark.parametrize(
        ("state", "ever_unknown", "watched"),
        [
            (OrderState.DEAD, False, True),
            (OrderState.CANCELLED, True, True),
            (OrderState.CANCELLED, False, False),
            (OrderState.REJECTED, False, False),
        ],
    )
    async def test_order_that_may_rise_comes_back_for_24_hours(
        self, store, clock, state, ever_unknown, watched
    ):
        """Its ticket ended long before: only the tombstone watch asks for it."""
        after, pairs = await send(store, legs=1)
        await store.save_ticket(replace(after, state=TicketState.MISSED, version=6), None)
        clock.advance(2 * DAY_MS)
        dead = replace(pairs[0][0], state=state, ever_unknown=ever_unknown)
        await store.save_progress([dead], [])
        ended_ms = clock.now_ms()

        last = await store.load(Ms(ended_ms + DAY_MS))
        gone = await store.load(Ms(ended_ms + DAY_MS + 1))

        assert last.ended == (((dead.order_id, ended_ms),) if watched else ())
        assert bool(last.orders) == watched
        assert (gone.orders, gone.ended) == ((), ())

    async def test_order_that_rose_from_the_dead_has_not_ended(self, store, clock):
        _, pairs = await send(store, legs=1)
        record = pairs[0][0]
        await store.save_progress([replace(record, state=OrderState.DEAD)], [])
        clock.advance(1_000)
        await store.save_progress([replace(record, state=OrderState.LIVE)], [])
        assert (await store.load(clock.now_ms())).ended == ()
        clock.advance(1_000)

        await store.save_progress([replace(record, state=OrderState.CANCELLED)], [])
        clock.advance(1_000)
        await store.save_progress([replace(record, state=OrderState.CANCELLED, reason="late")], [])

        assert (await store.load(clock.now_ms())).ended == ((record.order_id, NOW + 2_000),)

    async def test_what_finished_tickets_hold_comes_back_as_sums(self, store, clock):
        for name, trade in (("T-FIRST", "t-1"), ("T-SECOND", "t-2")):
            after, pairs = await send(store, name, legs=2)
            filled = [
                replace(pairs[leg][0], state=OrderState.FILLED, filled=Size(200_000_000)) for leg in (0, 1)
            ]
            fills = [
                replace(builders.fill(filled[0], trade), settlement=Settlement.CONFIRMED),
                replace(builders.fill(filled[1], trade), settlement=Settlement.FAILED),
            ]
            await store.save_progress(filled, fills)
            await store.save_ticket(replace(after, state=TicketState.DONE, version=6), None)
        one = builders.fill(builders.pair()[0])

        today = await store.load(clock.now_ms())
        later = await store.load(Ms(clock.now_ms() + 2 * DAY_MS))

        assert (len(today.fills), today.past, today.past_spent) == (4, (), 0)
        assert (later.tickets, later.orders, later.fills, later.past_spent) == ((), (), (), 0)
        assert later.past == tuple(
            PastFills(
                builders.plan().event_id,
                "fed5",
                builders.condition(leg),
                builders.token(leg),
                Size(2 * one.size if leg == 0 else 0),
                Size(0),
                Usdc(2 * (one.cash + one.fee) if leg == 0 else 0),
            )
            for leg in sorted((0, 1), key=builders.token)
        )

    async def test_late_fill_of_an_old_ticket_counts_for_its_day(self, store, clock):
        """Settled at once on a ticket that is not loaded any more: only the sum can tell of it."""
        after, pairs = await send(store, legs=1)
        record = replace(pairs[0][0], state=OrderState.FILLED, filled=Size(200_000_000))
        await store.save_progress([record], [])
        await store.save_ticket(replace(after, state=TicketState.DONE, version=6), None)
        at_ms = Ms(clock.now_ms() + 3 * DAY_MS)
        late = replace(builders.fill(record), settlement=Settlement.CONFIRMED, matched_ms=at_ms)
        await store.save_progress([], [late])

        restored = await store.load(at_ms)

        assert restored.past_spent == late.cash + late.fee
        assert (await store.load(Ms(at_ms + DAY_MS))).past_spent == 0

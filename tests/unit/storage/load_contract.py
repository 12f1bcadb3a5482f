"""Which tickets any implementation of `engine.ports.Store` brings back after a restart.

The inheriting class provides the fixture `store`; `clock` is the one it was given.
"""

from dataclasses import replace

import pytest

from engine.clock import ManualClock
from engine.domain.order import OrderState, Settlement
from engine.domain.ticket import TicketState
from engine.domain.units import Ms, Size
from tests.unit.storage import builders
from tests.unit.storage.store_contract import send

DAY_MS = 24 * 3600 * 1000


class LoadContract:
    """Which tickets a restart brings back."""

    @pytest.mark.parametrize("state", TicketState)
    async def test_ticket_without_orders_comes_back_while_open_or_lately_ended(self, store, clock, state):
        await store.save_ticket(replace(builders.ticket(), state=state), None)
        ended = {TicketState.DONE, TicketState.BROKEN, TicketState.MISSED}
        lasting = {TicketState.DRY, TicketState.ARMED, TicketState.SENDING}

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
            (OrderState.FILLED, 200, None, True),
            (OrderState.FILLED, 200, Settlement.MATCHED, True),
            (OrderState.FILLED, 200, Settlement.CONFIRMED, True),  # held until merged or redeemed
            (OrderState.FILLED, 200, Settlement.FAILED, True),
            (OrderState.CANCELLED, 201, Settlement.CONFIRMED, True),
        ],
    )
    async def test_ended_ticket_comes_back_later_if_it_bought_or_is_unproven(self, store, clock, case):
        state, filled, settlement, comes_back = case
        after, pairs = await send(store, legs=1)
        record = replace(pairs[0][0], state=state, filled=Size(filled))
        fills = []
        if settlement is not None:
            fills = [replace(builders.fill(record, size=200), settlement=settlement)]
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
        await store.save_ticket(replace(ticket, state=TicketState.BROKEN), None)
        clock.advance(DAY_MS - 1)

        assert len((await store.load(clock.now_ms())).tickets) == 1

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

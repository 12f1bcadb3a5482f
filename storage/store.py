"""The ledger behind `engine.ports.Store`: every method one transaction, durable when it returns.

Each raises StoreError, with nothing stored, when disk or database refuses. The SQL stands beside its
mapper in the modules of this folder; here is only what belongs into one commit.
"""

import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing

from engine.clock import Clock
from engine.domain.chain_act import ChainAct
from engine.domain.effects import Audit
from engine.domain.events import Restored
from engine.domain.history import KeptSnapshot, Pruned
from engine.domain.ids import EventId, OrderId
from engine.domain.market import EventGroup, canonical_json, canonical_rules
from engine.domain.order import Fill, OrderRecord, OrderState
from engine.domain.plan import Plan
from engine.domain.review import Review, RulesFreeze
from engine.domain.ticket import Claim, Ticket, TicketState
from engine.domain.units import Ms
from engine.ports import PreparedOrder, RequestMade, SubmitReport
from storage.acts import load_acts, save_act
from storage.anchor import Anchor, write_anchor
from storage.attempts import begin_resends, finish, insert_first_sends, insert_request, purge_signed
from storage.audit import append_line
from storage.catalogue import load_codes, save_read
from storage.db import Database
from storage.fills import load_fills, load_past, load_past_spent, save_fills
from storage.orders import insert_orders, insert_plan, load_ended, load_orders, update_orders
from storage.retention import prune
from storage.reviews import insert_review, load_event, load_reviews, load_rules_freezes, record_rules_freeze
from storage.risk import rebalance, reserve_first
from storage.snapshots import save_snapshots
from storage.stops import load_freezes, load_halt, record_freeze, record_halt
from storage.tickets import (
    Confirm,
    armed_until,
    claim_ticket,
    insert_confirm,
    load_tickets,
    upsert_ticket,
)

LOG = logging.getLogger(__name__)


class LedgerStore:
    """Implements `engine.ports.Store` on `ledger.db` and, for catalogue and books, `market.db`."""

    def __init__(self, ledger: Database, market: Database, clock: Clock, epoch: int) -> None:
        self._ledger = ledger
        self._market = market
        self._clock = clock
        self._epoch = epoch

    async def load(self, at_ms: Ms, rules_of: Collection[EventId] = ()) -> Restored:
        """Read what the core needs to go on, as one consistent picture, and the last rules of some events."""
        rules = await self._last_rules(rules_of)
        async with self._ledger.transaction() as transaction:
            tickets = await load_tickets(transaction, at_ms)
            ids = canonical_json([ticket.ticket_id for ticket in tickets])
            return Restored(
                at_ms=at_ms,
                tickets=tickets,
                orders=await load_orders(transaction, ids),
                fills=await load_fills(transaction, ids),
                frozen_events=await load_freezes(transaction),
                halted=await load_halt(transaction),
                rules_freezes=await load_rules_freezes(transaction),
                reviews=await load_reviews(transaction),
                last_rules=rules,
                ended=await load_ended(transaction, ids),
                past=await load_past(transaction, ids),
                past_spent=await load_past_spent(transaction, ids, at_ms),
                acts=await load_acts(transaction),
            )

    async def _last_rules(self, wanted: Collection[EventId]) -> tuple[tuple[EventId, str], ...]:
        async with self._market.transaction() as transaction:
            found = [await load_event(transaction, event_id) for event_id in wanted]
        return tuple((event.event_id, canonical_rules(event)) for event in found if event is not None)

    async def save_ticket(self, ticket: Ticket, claim: Claim | None) -> bool:
        """Insert or update; False, with nothing changed, if the claim is lost or the id is taken."""
        now_ms = self._clock.now_ms()
        async with self._ledger.transaction() as transaction:
            if claim is None:
                return await upsert_ticket(transaction, ticket, now_ms)
            return await claim_ticket(transaction, claim, ticket, now_ms)

    async def commit_batch(
        self,
        claim: Claim | None,
        ticket: Ticket,
        plan: Plan,
        orders: Sequence[tuple[OrderRecord, PreparedOrder]],
    ) -> bool:
        """Store claim, plan, intents, bytes, ids, attempts in one commit; False if the claim is lost.

        A claim on a ticket that is sending already is for a further leg: its one Send is confirmed. Without
        a claim the ticket is new, and False means that its id is taken.
        """
        _assert_first_sends(orders)
        records = [record for record, _ in orders]
        sent_ms = records[0].last_send_ms
        async with self._ledger.transaction() as transaction:
            if claim is None:
                if not await upsert_ticket(transaction, ticket, self._clock.now_ms()):
                    return False
                # Its press was that of the grant, which is good until the ticket's own end.
                good_until_ms = ticket.expires_ms
            else:
                armed_until_ms = await armed_until(transaction, claim)
                if armed_until_ms is None:
                    return False
                good_until_ms = armed_until_ms
                claimed = await claim_ticket(transaction, claim, ticket, self._clock.now_ms())
                assert claimed, f"the row of {ticket.ticket_id} stood as claimed in this very transaction"
            if claim is None or claim.state is not TicketState.SENDING:
                plan_hash = await insert_plan(transaction, plan, sent_ms)
                version = ticket.version if claim is None else claim.version
                confirm = Confirm(version, ticket, plan.plan_id, plan_hash, good_until_ms, sent_ms)
                await insert_confirm(transaction, confirm)
            await insert_orders(transaction, records)
            await reserve_first(transaction, records, sent_ms)
            await insert_first_sends(transaction, [p for _, p in orders], sent_ms, self._epoch)
        return True

    async def begin_resend(self, order_ids: Sequence[OrderId], at_ms: Ms) -> tuple[PreparedOrder, ...]:
        """Append an attempt row for each order and return the stored bytes, in the order asked."""
        async with self._ledger.transaction() as transaction:
            return await begin_resends(transaction, order_ids, at_ms, self._epoch)

    async def finish_attempts(self, report: SubmitReport, at_ms: Ms) -> None:
        """Record what the newest attempt of each order was told, with its timings."""
        async with self._ledger.transaction() as transaction:
            await finish(transaction, report, at_ms, self._epoch)

    async def save_progress(self, orders: Sequence[OrderRecord], fills: Sequence[Fill]) -> None:
        """Update orders, insert or advance fills (unique by trade id and order id), and move reserves."""
        now_ms = self._clock.now_ms()
        touched = [*(order.order_id for order in orders), *(fill.order_id for fill in fills)]
        async with self._ledger.transaction() as transaction:
            await update_orders(transaction, orders, now_ms)
            await save_fills(transaction, fills)
            await rebalance(transaction, touched, now_ms)

    async def save_halt(self, reason: str | None) -> None:
        """Store or lift the halt."""
        async with self._ledger.transaction() as transaction:
            await record_halt(transaction, reason, self._clock.now_ms())

    async def save_freeze(self, event_id: EventId, reason: str | None) -> None:
        """Store that an event takes no new plans, or lift it with None."""
        async with self._ledger.transaction() as transaction:
            await record_freeze(transaction, event_id, reason, self._clock.now_ms())

    async def save_rules_freeze(self, freeze: RulesFreeze) -> None:
        """Store that an event takes no plans until its new rules are reviewed."""
        async with self._ledger.transaction() as transaction:
            await record_rules_freeze(transaction, freeze, self._clock.now_ms())

    async def save_review(self, review: Review) -> None:
        """Store a review and lift its event's rules freeze, in one commit."""
        async with self._ledger.transaction() as transaction:
            await insert_review(transaction, review)

    async def save_act(self, act: ChainAct) -> None:
        """Store an act on chain as intended, or how far a known one has come."""
        async with self._ledger.transaction() as transaction:
            await save_act(transaction, act)

    async def append_audit(self, line: Audit) -> None:
        """Append one audit line to the chain, and write the new head into its anchor."""
        async with self._ledger.transaction() as transaction:
            head = await append_line(transaction, line)
        self._anchor(head)

    def _anchor(self, head: Anchor) -> None:
        try:
            write_anchor(self._ledger.path.parent, head)
        except OSError as error:
            # The line is durable: an older anchor only proves less, and the next line writes it again.
            LOG.warning("the audit's anchor was not written (%s): line %d is in the ledger", error, head.seq)

    async def append_request(self, request: RequestMade) -> None:
        """Append one request to the exec audit."""
        async with self._ledger.transaction() as transaction:
            await insert_request(transaction, request, self._epoch)

    async def save_catalogue(self, events: Sequence[EventGroup], at_ms: Ms) -> None:
        """Replace the stored catalogue; the code an event was first given stays."""
        async with self._market.transaction() as transaction:
            await save_read(transaction, events, at_ms)

    async def save_snapshots(self, snapshots: Sequence[KeptSnapshot]) -> None:
        """Store a batch of books; never waits for the ledger, nor the ledger for it."""
        async with self._market.transaction() as transaction:
            await save_snapshots(transaction, snapshots)

    async def prune_history(self, at_ms: Ms) -> AsyncGenerator[Pruned, None]:
        """Purge old signed bytes, thin old books and reads; tells after every short commit what it took."""
        async with self._ledger.transaction() as transaction:
            signed = await purge_signed(transaction, at_ms)
        yield Pruned(signed=signed)
        async with aclosing(prune(self._market, at_ms)) as parts:
            async for part in parts:
                yield part

    async def known_codes(self) -> dict[EventId, str]:
        """Return the short code of every event ever stored, for the catalogue client to keep."""
        async with self._market.transaction() as transaction:
            return await load_codes(transaction)


def _assert_first_sends(orders: Sequence[tuple[OrderRecord, PreparedOrder]]) -> None:
    """Check what persistence relies on: one id and one intent per pair, rows entering as their first send."""
    assert orders, "expected at least one order in a batch"
    for record, prepared in orders:
        assert record.order_id == prepared.order_id, f"two ids for one order: {record.order_id}"
        assert record.intent == prepared.intent, f"two intents for order {record.order_id}"
        assert record.state is OrderState.SENDING, f"expected SENDING, {record.order_id} is {record.state}"
        assert record.sends == 1, f"expected the first send of {record.order_id}, was number {record.sends}"

"""What any implementation of `engine.ports.Store` must do; a class per implementation inherits this.

The inheriting class provides two fixtures: `store`, and `reopen`, which closes it and returns one opened anew
on the same data, as after a restart.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from engine.domain.chain_act import ActKind, ActStage
from engine.domain.effects import Audit
from engine.domain.failure import LegAnswer, Placed, PostClass
from engine.domain.ids import ConditionId, EventId, TradeId
from engine.domain.market import canonical_rules
from engine.domain.order import OrderRecord, OrderState, Settlement
from engine.domain.ticket import AutoTerms, Claim, SpreadTerms, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Price, Size, Usdc
from engine.ports import PreparedOrder, Store, StoreError, SubmitReport
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW

Reopen = Callable[[], Awaitable[Store]]
Pairs = list[tuple[OrderRecord, PreparedOrder]]


def report(*records: OrderRecord, kind: PostClass = PostClass.ACCEPTED) -> SubmitReport:
    answers = tuple(
        LegAnswer(
            order_id=record.order_id,
            kind=kind,
            placed=Placed.MATCHED if kind is PostClass.ACCEPTED else None,
            filled=Size(0),
            cash=Usdc(0),
            trade_ids=(TradeId("trade-1"),),
            reason="" if kind is PostClass.ACCEPTED else "the venue's words",
        )
        for record in records
    )
    return SubmitReport(answers, request_id="r-1", place_call_us=4_321, ack_latency_us=3_210)


async def send(store: Store, ticket_id: str = "T-ABCDEF", legs: int = 3) -> tuple[Ticket, Pairs]:
    """Bring a ticket to SENDING with its orders committed."""
    before, claim, after, plan = builders.armed(ticket_id, f"plan-{ticket_id}")
    pairs = [builders.pair(number, ticket_id, plan.plan_id) for number in range(legs)]
    assert await store.save_ticket(before, None)
    assert await store.commit_batch(claim, after, plan, pairs)
    return after, pairs


class StoreContract:
    async def test_further_legs_are_stored_under_the_one_confirmation(self, store, reopen):
        sent, pairs = await send(store, legs=2)
        assert sent.plan is not None
        further = builders.pair(2, sent.ticket_id, sent.plan.plan_id)

        claim = Claim(sent.ticket_id, sent.state, sent.version)
        assert await store.commit_batch(claim, sent, sent.plan, [further])
        lost = Claim(sent.ticket_id, sent.state, sent.version + 1)
        assert not await store.commit_batch(lost, sent, sent.plan, [builders.pair(3, sent.ticket_id, "plan")])

        restored = await (await reopen()).load(NOW)
        assert [o.order_id for o in restored.orders] == [o.order_id for o, _ in (*pairs, further)]
        assert restored.tickets == (sent,)

    async def test_a_leg_is_never_stored_twice(self, store):
        sent, pairs = await send(store, legs=2)
        claim = Claim(sent.ticket_id, sent.state, sent.version)

        with pytest.raises(StoreError):
            await store.commit_batch(claim, sent, sent.plan, pairs[1:])

    async def test_load_of_an_empty_store_is_empty_and_not_halted(self, store):
        restored = await store.load(NOW)

        assert (restored.tickets, restored.orders, restored.fills) == ((), (), ())
        assert (restored.halted, restored.frozen_events) == (None, ())
        assert (restored.reviews, restored.rules_freezes, restored.last_rules) == ((), (), ())
        assert restored.at_ms == NOW

    async def test_ticket_saved_comes_back_equal_after_a_restart(self, store, reopen):
        ticket = replace(builders.ticket(), previous=builders.plan("plan-0"), note="worse by 0.01 → again")
        await store.save_ticket(ticket, None)

        restored = await (await reopen()).load(NOW)

        assert restored.tickets == (ticket,)

    async def test_ticket_without_plan_or_message_comes_back_equal(self, store):
        bare = replace(builders.ticket(), plan=None, wanted_sets=None, message_id=None)

        await store.save_ticket(bare, None)

        assert (await store.load(NOW)).tickets == (bare,)

    async def test_ticket_saved_again_replaces_what_it_showed(self, store):
        ticket = builders.ticket()
        await store.save_ticket(ticket, None)
        moved = replace(ticket, version=2, message_id=99, note="requoted", expires_ms=Ms(NOW + 1))

        assert await store.save_ticket(moved, None)

        assert (await store.load(NOW)).tickets == (moved,)

    async def test_new_ticket_with_the_id_of_another_changes_nothing(self, store):
        old = builders.ticket()
        await store.save_ticket(old, None)
        stranger = replace(old, created_ms=Ms(NOW + 5_000), note="a new ticket that drew the same letters")

        assert not await store.save_ticket(stranger, None)

        assert (await store.load(NOW)).tickets == (old,)

    @pytest.mark.parametrize(
        ("state", "version"), [(TicketState.ARMED, 1), (TicketState.DRY, 2), (TicketState.DRY, 0)]
    )
    async def test_claim_on_another_state_or_version_changes_nothing(self, store, state, version):
        ticket = builders.ticket()
        await store.save_ticket(ticket, None)
        claim = Claim(ticket.ticket_id, state, version)

        assert not await store.save_ticket(replace(ticket, state=TicketState.DROPPED, version=9), claim)

        assert (await store.load(NOW)).tickets == (ticket,)

    async def test_claim_on_a_ticket_never_stored_is_lost(self, store):
        ticket = builders.ticket()

        assert not await store.save_ticket(ticket, Claim(ticket.ticket_id, ticket.state, ticket.version))

        assert (await store.load(NOW)).tickets == ()

    async def test_fifty_parallel_claims_have_exactly_one_winner(self, store):
        ticket = builders.ticket()
        await store.save_ticket(ticket, None)
        claim = Claim(ticket.ticket_id, ticket.state, ticket.version)
        presses = [
            replace(ticket, state=TicketState.ARMED, version=2, note=f"press {number}")
            for number in range(50)
        ]

        won = await asyncio.gather(*(store.save_ticket(press, claim) for press in presses))

        assert sum(won) == 1
        assert (await store.load(NOW)).tickets == (presses[won.index(True)],)

    async def test_fifty_parallel_sends_commit_exactly_one_batch(self, store):
        before, claim, after, plan = builders.armed()
        await store.save_ticket(before, None)
        pairs = [builders.pair(number) for number in range(3)]

        won = await asyncio.gather(*(store.commit_batch(claim, after, plan, pairs) for _ in range(50)))

        assert sum(won) == 1
        restored = await store.load(NOW)
        assert restored.tickets == (after,)
        assert restored.orders == tuple(record for record, _ in pairs)

    async def test_committed_batch_comes_back_equal_after_a_restart(self, store, reopen):
        after, pairs = await send(store)

        restored = await (await reopen()).load(NOW)

        assert restored.tickets == (after,)
        assert restored.orders == tuple(record for record, _ in pairs)

    async def test_batch_with_a_lost_claim_leaves_no_trace(self, store):
        before, claim, after, plan = builders.armed()
        await store.save_ticket(before, None)
        lost = replace(claim, version=claim.version - 1)

        assert not await store.commit_batch(lost, after, plan, [builders.pair()])

        restored = await store.load(NOW)
        assert (restored.tickets, restored.orders) == ((before,), ())
        assert await store.commit_batch(claim, after, plan, [builders.pair()])

    async def test_batch_whose_second_leg_is_known_leaves_no_trace(self, store):
        await send(store, "T-FIRST", legs=1)
        before, claim, after, plan = builders.armed("T-SECOND")
        await store.save_ticket(before, None)
        known = builders.pair(0, "T-FIRST")[0].order_id
        record, prepared = builders.pair(1, "T-SECOND")
        twin = (replace(record, order_id=known), replace(prepared, order_id=known))

        with pytest.raises(StoreError, match="an order with this id is in the ledger already"):
            await store.commit_batch(claim, after, plan, [builders.pair(0, "T-SECOND"), twin])

        restored = await store.load(NOW)
        assert before in restored.tickets
        assert [order.intent.ticket_id for order in restored.orders] == ["T-FIRST"]

    async def test_intent_key_used_again_with_other_terms_is_refused(self, store):
        before, claim, after, plan = builders.armed()
        await store.save_ticket(before, None)
        record, prepared = builders.pair()
        other = replace(record.intent, price=Price(3_200))
        name = builders.order_id("another")
        twin = (replace(record, order_id=name, intent=other), PreparedOrder(name, other, b"{}"))

        with pytest.raises(StoreError, match="stored before with another content"):
            await store.commit_batch(claim, after, plan, [(record, prepared), twin])

        assert (await store.load(NOW)).orders == ()

    async def test_intent_key_used_again_with_the_same_terms_is_sent_once(self, store):
        before, claim, after, plan = builders.armed()
        await store.save_ticket(before, None)
        record, prepared = builders.pair()
        name = builders.order_id("another")
        twin = (replace(record, order_id=name), replace(prepared, order_id=name))

        with pytest.raises(StoreError, match="a leg is sent once for ever"):
            await store.commit_batch(claim, after, plan, [(record, prepared), twin])

        assert (await store.load(NOW)).orders == ()

    async def test_two_tickets_may_send_the_same_plan(self, store):
        for ticket_id in ("T-FIRST", "T-SECOND"):
            before, claim, after, plan = builders.armed(ticket_id, "plan-same")
            await store.save_ticket(before, None)
            assert await store.commit_batch(claim, after, plan, [builders.pair(0, ticket_id, "plan-same")])

        assert len((await store.load(NOW)).orders) == 2

    async def test_resend_returns_the_very_bytes_and_counts_the_send(self, store, reopen):
        _, pairs = await send(store)
        second, first = pairs[2], pairs[0]

        again = await store.begin_resend([second[0].order_id, first[0].order_id], Ms(NOW + 700))

        assert again == (second[1], first[1])
        orders = (await (await reopen()).load(NOW)).orders
        assert [(o.sends, o.last_send_ms) for o in orders] == [(2, NOW + 700), (1, NOW), (2, NOW + 700)]

    async def test_resend_of_an_ended_order_is_refused_and_counts_nothing(self, store):
        _, pairs = await send(store)
        live, dead = pairs[0][0], replace(pairs[1][0], state=OrderState.DEAD)
        await store.save_progress([dead], [])

        with pytest.raises(StoreError, match="one that has ended"):
            await store.begin_resend([live.order_id, dead.order_id], Ms(NOW + 700))

        assert [order.sends for order in (await store.load(NOW)).orders] == [1, 1, 1]

    async def test_resend_of_an_unknown_order_is_refused(self, store):
        with pytest.raises(StoreError, match="found none"):
            await store.begin_resend([builders.order_id("never stored")], NOW)

    async def test_sixth_send_of_an_order_is_refused(self, store):
        _, pairs = await send(store, legs=1)
        name = pairs[0][0].order_id
        for number in range(4):
            await store.begin_resend([name], Ms(NOW + number))

        with pytest.raises(StoreError):
            await store.begin_resend([name], Ms(NOW + 9))

        assert (await store.load(NOW)).orders[0].sends == 5

    async def test_answer_is_recorded_once_per_attempt(self, store):
        _, pairs = await send(store)
        records = [record for record, _ in pairs]
        await store.finish_attempts(report(*records), Ms(NOW + 40))

        with pytest.raises(StoreError, match="unanswered attempt"):
            await store.finish_attempts(report(records[0]), Ms(NOW + 50))

    async def test_answer_for_an_order_never_sent_is_refused(self, store):
        with pytest.raises(StoreError, match="unanswered attempt"):
            await store.finish_attempts(report(builders.pair()[0]), NOW)

    async def test_each_send_has_its_own_answer(self, store):
        _, pairs = await send(store, legs=1)
        record = pairs[0][0]
        await store.finish_attempts(report(record, kind=PostClass.DEFERRED), Ms(NOW + 40))
        await store.begin_resend([record.order_id], Ms(NOW + 700))

        await store.finish_attempts(report(record), Ms(NOW + 740))

        assert (await store.load(NOW)).orders[0].sends == 2

    @pytest.mark.parametrize("state", OrderState)
    async def test_every_order_state_comes_back_with_its_facts(self, store, state):
        _, pairs = await send(store, legs=1)
        known = replace(
            pairs[0][0], state=state, filled=Size(7), ever_unknown=True, reason="no orders found “to match”"
        )

        await store.save_progress([known], [])

        assert (await store.load(NOW)).orders == (known,)

    async def test_older_record_never_takes_back_what_can_only_grow(self, store):
        _, pairs = await send(store, legs=1)
        stale = pairs[0][0]
        grown = replace(stale, filled=Size(9), ever_unknown=True, state=OrderState.PARTIAL)
        await store.save_progress([grown], [])
        await store.begin_resend([stale.order_id], Ms(NOW + 700))

        await store.save_progress([replace(stale, state=OrderState.LIVE)], [])

        expected = replace(grown, state=OrderState.LIVE, sends=2, last_send_ms=Ms(NOW + 700))
        assert (await store.load(NOW)).orders == (expected,)

    async def test_progress_of_an_order_never_stored_is_refused_whole(self, store):
        _, pairs = await send(store, legs=1)
        known = replace(pairs[0][0], state=OrderState.LIVE)

        with pytest.raises(StoreError, match="found none"):
            await store.save_progress([known, builders.pair(5)[0]], [])

        assert (await store.load(NOW)).orders[0].state is OrderState.SENDING

    async def test_fill_that_comes_again_is_counted_once(self, store):
        _, pairs = await send(store, legs=1)
        fill = builders.fill(pairs[0][0])

        for _ in range(3):
            await store.save_progress([], [fill, fill])

        assert (await store.load(NOW)).fills == (fill,)

    async def test_trade_that_fills_two_of_our_orders_is_two_fills(self, store):
        _, pairs = await send(store, legs=2)
        fills = [builders.fill(record) for record, _ in pairs]

        await store.save_progress([], fills)

        assert (await store.load(NOW)).fills == tuple(fills)

    @pytest.mark.parametrize("end", [Settlement.CONFIRMED, Settlement.FAILED])
    @pytest.mark.parametrize("late", Settlement)
    async def test_settlement_moves_forward_once(self, store, end, late):
        _, pairs = await send(store, legs=1)
        fill = builders.fill(pairs[0][0])
        await store.save_progress([], [fill])
        await store.save_progress([], [replace(fill, settlement=end)])

        await store.save_progress([], [replace(fill, settlement=late)])

        assert (await store.load(NOW)).fills == (replace(fill, settlement=end),)

    async def test_known_fill_with_other_amounts_is_refused(self, store):
        _, pairs = await send(store, legs=1)
        fill = builders.fill(pairs[0][0])
        await store.save_progress([], [fill])

        with pytest.raises(StoreError, match="came again with other amounts"):
            await store.save_progress([], [replace(fill, fee=Usdc(fill.fee + 10))])

        assert (await store.load(NOW)).fills == (fill,)

    async def test_fill_of_an_order_never_stored_is_refused(self, store):
        with pytest.raises(StoreError):
            await store.save_progress([], [builders.fill(builders.pair()[0])])

    async def test_halt_survives_a_restart_until_it_is_lifted(self, store, reopen):
        await store.save_halt("killed by ben")
        await store.save_halt("foreign order")
        store = await reopen()
        assert (await store.load(NOW)).halted == "foreign order"

        await store.save_halt(None)

        assert (await (await reopen()).load(NOW)).halted is None

    async def test_lifted_freeze_stays_lifted_after_a_restart(self, store, reopen):
        await store.save_freeze("35090", "a leg was missed")
        await store.save_freeze("35091", "a leg was missed")
        await store.save_freeze("35090", None)

        frozen = (await (await reopen()).load(NOW)).frozen_events

        assert [event for event, _ in frozen] == ["35091"]

    async def test_subject_of_a_resume_ticket_survives_a_restart(self, store, reopen):
        ticket = replace(builders.ticket(), kind=TicketKind.RESUME, plan=None, subject="fed5")
        await store.save_ticket(ticket, None)

        assert (await (await reopen()).load(NOW)).tickets[0].subject == "fed5"

    async def test_terms_of_a_standing_grant_survive_a_restart(self, store, reopen):
        terms = AutoTerms(Usdc(500_000_000), Usdc(250_000_000), Ms(3_600_000))
        grant = replace(builders.ticket(), kind=TicketKind.AUTO, plan=None, subject="fed5", auto=terms)
        await store.save_ticket(replace(grant, state=TicketState.SENDING), None)

        (loaded,) = (await (await reopen()).load(NOW)).tickets

        assert (loaded.auto, loaded.subject, loaded.state) == (terms, "fed5", TicketState.SENDING)

    async def test_terms_of_a_grant_to_quote_survive_a_restart(self, store, reopen):
        terms = SpreadTerms(
            ConditionId("0xc1"),
            "No change",
            Size(100_000_000),
            2,
            Size(300_000_000),
            Usdc(250_000_000),
            Ms(3_600_000),
        )
        grant = replace(builders.ticket(), kind=TicketKind.SPREAD, plan=None, subject="fed5", spread=terms)
        await store.save_ticket(replace(grant, state=TicketState.SENDING), None)

        (loaded,) = (await (await reopen()).load(NOW)).tickets

        assert (loaded.spread, loaded.subject, loaded.state) == (terms, "fed5", TicketState.SENDING)

    async def test_a_new_ticket_is_stored_with_its_orders_in_one_commit_and_only_once(self, store, reopen):
        _, _, after, plan = builders.armed("T-QQQQQQQQ", "plan-q")
        sent = replace(after, kind=TicketKind.QUOTE, subject="T-ABCDEF")
        pairs = [builders.pair(number, sent.ticket_id, plan.plan_id) for number in range(2)]

        assert await store.commit_batch(None, sent, plan, pairs)
        other = replace(sent, created_ms=Ms(sent.created_ms + 1))
        assert not await store.commit_batch(None, other, plan, [builders.pair(2, sent.ticket_id, "plan-q")])

        restored = await (await reopen()).load(NOW)
        assert restored.tickets == (sent,)
        assert [o.order_id for o in restored.orders] == [o.order_id for o, _ in pairs]

    async def test_quotes_that_bought_nothing_are_not_taken_up_again(self, store, reopen):
        _, _, after, plan = builders.armed("T-QQQQQQQQ", "plan-q")
        sent = replace(after, kind=TicketKind.QUOTE, subject="T-ABCDEF")
        pair = builders.pair(0, sent.ticket_id, plan.plan_id)
        assert await store.commit_batch(None, sent, plan, [pair])
        await store.save_progress([replace(pair[0], state=OrderState.CANCELLED)], [])
        missed = replace(sent, state=TicketState.MISSED, version=sent.version + 1)
        assert await store.save_ticket(missed, Claim(sent.ticket_id, sent.state, sent.version))

        assert (await (await reopen()).load(NOW)).tickets == ()

    async def test_frozen_event_survives_a_restart_with_its_newest_reason(self, store, reopen):
        await store.save_freeze("35090", "a leg was missed")
        await store.save_freeze("35091", "rules changed")
        await store.save_freeze("35090", "rules changed")

        frozen = (await (await reopen()).load(NOW)).frozen_events

        assert frozen == ((EventId("35090"), "rules changed"), (EventId("35091"), "rules changed"))

    async def test_newest_review_of_an_event_survives_a_restart(self, store, reopen):
        other = replace(builders.review("[3]"), event_id=EventId("35091"))
        for review in (builders.review("[1]"), other, builders.review("[2]", who="ana", user_id=1001)):
            await store.save_review(review)

        reviews = (await (await reopen()).load(NOW)).reviews

        assert reviews == (other, builders.review("[2]", who="ana", user_id=1001))

    async def test_review_by_the_settings_comes_back_beside_a_newer_one(self, store, reopen):
        """Without it a stale entry of the TOML would count as a new review at every start."""
        config = builders.review("[1]", who="config", user_id=None)
        named_config = builders.review("[2]", who="config", user_id=7)
        await store.save_review(config)
        await store.save_review(named_config)

        assert (await (await reopen()).load(NOW)).reviews == (config, named_config)

    async def test_rules_freeze_survives_a_restart_with_its_newest_change(self, store, reopen):
        await store.save_rules_freeze(builders.rules_freeze("ab" * 32))
        await store.save_rules_freeze(builders.rules_freeze("cd" * 32))

        assert (await (await reopen()).load(NOW)).rules_freezes == (builders.rules_freeze("cd" * 32),)

    async def test_review_lifts_the_rules_freeze_of_its_event_and_no_other(self, store, reopen):
        other = builders.rules_freeze(event_id="35091")
        await store.save_rules_freeze(builders.rules_freeze())
        await store.save_rules_freeze(other)
        await store.save_freeze("35090", "a leg was missed")

        await store.save_review(builders.review())

        restored = await (await reopen()).load(NOW)
        assert restored.rules_freezes == (other,)
        assert restored.frozen_events == ((EventId("35090"), "a leg was missed"),)

    async def test_lifted_broken_freeze_leaves_the_rules_freeze(self, store):
        await store.save_freeze("35090", "a leg was missed")
        await store.save_rules_freeze(builders.rules_freeze())

        await store.save_freeze("35090", None)

        restored = await store.load(NOW)
        assert (restored.frozen_events, restored.rules_freezes) == ((), (builders.rules_freeze(),))

    async def test_rules_that_the_catalogue_last_held_come_back_letter_by_letter(self, store, reopen):
        event = builders.event()
        gone = replace(event, markets=event.markets[1:], title="Fed decision in January: «no»?")
        for read in (event, gone):
            await store.save_catalogue([read], NOW)

        restored = await (await reopen()).load(NOW, [event.event_id, EventId("never listed")])

        assert restored.last_rules == ((event.event_id, canonical_rules(gone)),)

    async def test_text_of_a_stranger_with_half_a_character_is_stored_readably(self, store):
        """A lone surrogate cannot be written as UTF-8; a venue's words must not stop the ledger."""
        _, pairs = await send(store, legs=1)

        await store.save_progress([replace(pairs[0][0], reason="bad \ud800 words")], [])

        assert (await store.load(NOW)).orders[0].reason == "bad ? words"

    @pytest.mark.parametrize("kind", ActKind)
    async def test_act_comes_back_equal_after_a_restart(self, store, reopen, kind):
        act = builders.act(kind)
        await store.save_act(act)

        assert (await (await reopen()).load(NOW)).acts == (act,)

    @pytest.mark.parametrize("stage", [stage for stage in ActStage if stage is not ActStage.FAILED])
    async def test_act_saved_again_stands_where_it_has_come_to(self, store, stage):
        await store.save_act(builders.act())
        after = replace(builders.act(), stage=stage, reference="0xfeed", reason="late", ended_ms=Ms(NOW + 9))

        await store.save_act(after)

        assert (await store.load(NOW)).acts == (after,)

    async def test_act_without_effect_is_not_taken_up_again(self, store):
        await store.save_act(builders.act())
        await store.save_act(replace(builders.act(), stage=ActStage.FAILED, reason="reverted"))

        assert (await store.load(NOW)).acts == ()

    @pytest.mark.parametrize("end", [ActStage.DONE, ActStage.FAILED])
    async def test_act_ends_once(self, store, end):
        await store.save_act(replace(builders.act(), stage=end))

        for other in set(ActStage) - {end}:
            with pytest.raises(StoreError):
                await store.save_act(replace(builders.act(), stage=other))

    async def test_what_was_intended_is_not_rewritten_by_a_later_save(self, store):
        await store.save_act(builders.act())

        await store.save_act(replace(builders.act(), yes_size=Size(1), no_size=Size(1), payout=Usdc(1)))

        assert (await store.load(NOW)).acts == (builders.act(),)

    async def test_audit_lines_are_accepted_with_and_without_a_person(self, store):
        await store.append_audit(Audit(NOW, builders.BEN, "send", "T-ABCDEF", "3 legs"))
        await store.append_audit(Audit(NOW, None, "halt", "", "bad \ud800 words"))

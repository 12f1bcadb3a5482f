"""The order machine against a model venue: whatever is lost, doubled or late, the truth is reached."""

from dataclasses import replace

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.core.account.differences import LAG_MS
from engine.core.desk import step
from engine.core.exposure.inventory import sellable
from engine.core.exposure.inventory import shares as shares_held
from engine.core.exposure.risk import reserved, spent_today
from engine.core.repair.repair_case import held_of
from engine.core.state import fills_of, live_orders, unfinished
from engine.domain.commands import AskResume, Kill, OpenDutch, Press
from engine.domain.effects import Audit, RaiseAlert, ReadAccount, Reply
from engine.domain.events import (
    AccountRead,
    Asked,
    CancelAnswered,
    CancelFailed,
    CardShown,
    Job,
    JobDue,
    OrderLookedUp,
)
from engine.domain.ids import TokenId
from engine.domain.order import OrderState, Settlement, settle
from engine.domain.ticket import Move, TicketKind, TicketState
from engine.domain.units import Ms
from engine.domain.views import Gate, TicketView
from tests.support.builders import ANA, BEN, event, order, resting, shares, usdc
from tests.support.builders import order_id as order_id_of
from tests.support.desk_world import Kind, World
from tests.support.model_venue import Fate, How

DAY_CAP = 200
H_MS = 60_000
EVENTS = (event("fed3"), event("cpi3"))
KINDS = st.tuples(*(st.sampled_from((*(Kind.USUAL,) * 4, *Kind)),) * 3)
STRANGER = resting(order(order_id=order_id_of("somebody else")))
FATES = st.tuples(*(st.sampled_from(Fate),) * 3)
WHICH = st.integers(0, 50)
ENDS = ("well", "well", "well", "doubled", "unanswered", "lost", "late")
RARELY = st.integers(0, 9).map(lambda number: number == 9)
SENT = (TicketState.SENDING, TicketState.DONE, TicketState.BROKEN, TicketState.MISSED)


class OrderMachine(RuleBasedStateMachine):
    """Every rule is something the outside may do at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(*EVENTS, day=DAY_CAP)
        self.requests = 0

    @initialize()
    def open_for_business(self):
        for ask in list(self.world.asks):
            self.world.read(ask, works=True)
        for made in list(self.world.under_way):
            self.world.deliver(made)
        assert self.world.desk.gate is Gate.RUN

    # What operators do.

    @rule(code=st.sampled_from([group.code for group in EVENTS]), sets=st.integers(6, 60), kinds=KINDS)
    def send_a_ticket(self, code, sets, kinds):
        self.world.kinds = kinds
        view = self.ask(OpenDutch(code, shares(sets)))
        if isinstance(view, TicketView):
            self.press_through(view, BEN)

    @precondition(lambda self: self.world.desk.gate is Gate.RUN)
    @rule(really=RARELY)
    def kill(self, really):
        if really:
            self.ask(Kill(), ANA)

    @precondition(lambda self: self.world.desk.gate in (Gate.HALTED, Gate.REDUCING))
    @rule()
    def resume(self):
        view = self.ask(AskResume(), ANA)
        if isinstance(view, TicketView):
            self.press_through(view, ANA)

    def press_through(self, view, by):
        """Confirm and send, as a person who reads the card does."""
        name = view.ticket.ticket_id
        self.world.happen(CardShown(self.world.now, name, 77))
        for move in (Move.CONFIRM, Move.SEND):
            self.ask(Press(name, move, self.world.desk.tickets[name].version, 77), by)
            self.world.look()
            self.world.now = Ms(self.world.now + 900)

    def ask(self, command, by=BEN):
        self.requests += 1
        entropy = 7_919 * self.requests
        effects = self.world.happen(Asked(self.world.now, self.requests, by, by.user_id, command, entropy))
        return next((effect.view for effect in effects if isinstance(effect, Reply)), None)

    # What network and venue do.

    @precondition(lambda self: self.world.is_busy())
    @rule(moves=st.lists(st.tuples(WHICH, FATES, st.sampled_from(ENDS)), min_size=4, max_size=16))
    def the_outside_moves(self, moves):
        """Let some of what is under way happen, in any order; each may end well or badly."""
        for which, fates, end in moves:
            waiting = [
                *((self.move_post, post) for post in self.world.posts),
                *((self.move_cancel, ids) for ids in self.world.cancels),
                *((self.move_read, ask) for ask in self.world.asks),
                *((self.deliver, made) for made in self.world.under_way),
                *((self.hear, told) for told in self.world.stream),
                *((self.fire, name) for name in self.world.due()),
            ]
            if waiting:
                act, what = self.pick(waiting, which)
                act(what, fates, end)

    @precondition(lambda self: self.world.posts)
    @rule(which=WHICH, rounds=st.integers(1, 4))
    def a_post_is_overtaken(self, which, rounds):
        """Its answer is given up, and everything else is quick, while the bytes are still on their way."""
        post = self.pick(self.world.posts, which)
        if self.world.leave(post):
            self.world.time_out(post)
            for _ in range(rounds):
                self.world.answer_all_but_posts()
                for name in self.world.due():
                    self.world.fire(name)

    def move_post(self, post, fates, end):
        if Fate.DEFER in fates:
            fates = (Fate.DEFER,) * 3  # a venue that restarts takes none of a batch
        if not self.world.leave(post):
            return
        match end:
            case "well" | "doubled":
                self.world.arrive(post, fates, answered=True)
            case "unanswered":
                self.world.arrive(post, fates, answered=False)
            case "lost":
                self.world.lose(post)
            case _:
                self.world.time_out(post)

    def move_cancel(self, ids, _fates, end):
        if end == "lost":
            self.world.cancels.remove(ids)
            self.world.under_way.append(lambda at_ms: CancelFailed(at_ms, ids or (), "timed out"))
            return
        self.world.cancel(ids, answered=end in {"well", "doubled"})

    def move_read(self, ask, _fates, end):
        self.world.read(ask, works=end in {"well", "doubled"})

    def deliver(self, made, _fates, end):
        self.world.deliver(made)
        told = self.world.played[-1][-1]
        if end == "doubled" and isinstance(told, AccountRead | OrderLookedUp | CancelAnswered):
            self.world.happen(told)

    def hear(self, told, _fates, end):
        if end == "lost":
            self.world.stream.remove(told)
        else:
            self.world.hear(told, again=end == "doubled")

    def fire(self, name, _fates, _end):
        self.world.fire(name)

    @precondition(lambda self: self.world.venue.held)
    @rule(which=WHICH, part=st.integers(1, 60), how=st.sampled_from(How))
    def an_order_that_is_there_is_filled(self, which, part, how):
        found = self.pick(list(self.world.venue.held), which)
        self.world.venue.match(found, shares(part), self.world.now, how)

    @precondition(lambda self: any(held.delayed for held in self.world.venue.held.values()))
    @rule(which=WHICH, fate=st.sampled_from((Fate.REST, Fate.FILL, Fate.REFUSE)))
    def a_delay_ends(self, which, fate):
        waiting = [order_id for order_id, held in self.world.venue.held.items() if held.delayed]
        self.world.venue.end_delay(self.pick(waiting, which), fate, self.world.now)

    @precondition(lambda self: self.world.venue.trades)
    @rule(which=WHICH, step=st.sampled_from(Settlement))
    def a_trade_settles_or_fails(self, which, step):
        self.world.venue.settle(self.pick(list(self.world.venue.trades), which), step)

    @rule(up=st.booleans())
    def the_stream_is_lost_or_comes_back(self, up):
        if up is not self.world.stream_up:
            self.world.link(up=up)

    @precondition(lambda self: not self.world.venue.foreign)
    @rule(really=RARELY)
    def somebody_else_places_an_order(self, really):
        if really:
            self.world.venue.foreign[STRANGER.order_id] = STRANGER

    @rule(by_ms=st.sampled_from([1, 250, 250, 1_000, 1_000, 5_000, 5_000, 20_000, 61_000]))
    def time_passes(self, by_ms):
        """A POST is on its way for less than H: what has not arrived by then never does (reliability E2)."""
        self.world.now = Ms(self.world.now + by_ms)
        for post in list(self.world.posts):
            if self.world.now - post.sent_ms >= H_MS - 1_000 and self.world.leave(post):
                self.world.lose(post)

    @precondition(lambda self: not self.world.asks)
    @rule()
    def the_reconcile_job_is_due(self):
        self.world.happen(JobDue(self.world.now, Job.RECONCILE))

    @rule(really=RARELY)
    def the_desk_is_killed_and_started_again(self, really):
        if really:
            self.world.begin()

    @staticmethod
    def pick(items, which):
        return items[which % len(items)]

    # What must always hold.

    @invariant()
    def no_leg_is_filled_beyond_what_was_authorised(self):
        for held in self.world.venue.held.values():
            assert held.filled <= held.intent.size

    @invariant()
    def each_intent_has_one_order_at_most(self):
        keys = [held.intent.key for held in self.world.venue.held.values()]
        assert len(keys) == len(set(keys))

    @invariant()
    def every_order_of_the_venue_was_stored_first(self):
        assert set(self.world.venue.held) <= set(self.world.stored.orders)

    @invariant()
    def every_fill_is_a_trade_and_booked_once(self):
        true = {(fill.trade_id, fill.order_id): fill for fill in self.world.venue.fills()}
        for key, fill in self.world.desk.fills.items():
            assert fill == replace(true[key], settlement=fill.settlement)
            assert settle(fill.settlement, true[key].settlement) is true[key].settlement, "it is not ahead"

    @invariant()
    def the_sums_are_those_of_the_fills(self):
        desk = self.world.desk
        held: dict[TokenId, int] = {}
        for fill in desk.fills.values():
            if fill.settlement is not Settlement.FAILED:
                held[fill.token_id] = held.get(fill.token_id, 0) + fill.size
        assert shares_held(desk) == held
        sure = {fill.token_id for fill in desk.fills.values() if fill.settlement is Settlement.CONFIRMED}
        assert all(sellable(desk, token) == 0 for token in set(held) - sure)

    @invariant()
    def what_is_left_out_of_sight_is_over(self):
        desk = self.world.desk
        seen = {order.order_id for order in unfinished(desk)}
        for order_id in set(desk.orders) - seen:
            assert desk.orders[order_id].state.is_final
            assert all(fill.settlement.is_final for fill in fills_of(desk, order_id))

    @invariant()
    def no_order_is_believed_fuller_than_it_is(self):
        for order_id, record in self.world.desk.orders.items():
            held = self.world.venue.held.get(order_id)
            assert record.filled <= (held.filled if held else 0)

    @invariant()
    def no_end_contradicts_the_venue(self):
        for order_id, record in self.world.desk.orders.items():
            held = self.world.venue.held.get(order_id)
            if record.state is OrderState.FILLED:
                assert held is not None
                assert held.filled >= held.intent.size
            if record.state.is_final and held is not None:
                assert not held.rests, f"{record.state.name} but it rests: {order_id}"
            if record.state.is_final and held is None:
                assert not any(order_id in post.ids and post.left for post in self.world.posts), (
                    f"{record.state.name}, and its bytes are still on their way: {order_id}"
                )

    @invariant()
    def done_means_all_was_filled(self):
        for ticket in self.world.desk.tickets.values():
            if ticket.state is TicketState.DONE and ticket.kind is TicketKind.DUTCH:
                flight = self.world.desk.flights[ticket.ticket_id]
                held = [self.world.venue.held[order_id] for order_id in flight.order_ids]
                assert all(h.filled >= h.intent.size for h in held)

    @invariant()
    def the_venue_never_holds_more_than_the_caps_allow(self):
        assert self.world.venue.exposure() <= usdc(DAY_CAP)

    @invariant()
    def what_is_spent_and_reserved_covers_the_truth(self):
        desk = self.world.desk
        known = spent_today(desk, self.world.now) + reserved(desk)
        assert known >= self.world.venue.exposure()

    # At the end everything is delivered by a healthy venue, and all must be known.

    def teardown(self):
        world = self.world
        if not world.stream_up:
            world.link(up=True)
        if any(order.intent.rests for order in live_orders(world.desk)):
            world.begin()  # what rests on purpose is cancelled by a start
        world.calm()
        for order_id, record in world.desk.orders.items():
            held = world.venue.held.get(order_id)
            note(f"{order_id[:10]} {record.state.name} {record.filled} of {held}")
            assert record.state.is_final, f"expected a proven end, {order_id} is {record.state.name}"
            assert record.filled == (held.filled if held else 0)
        assert not any(held.rests for held in world.venue.held.values())
        settled = {key: fill.settlement for key, fill in world.desk.fills.items()}
        true = {(fill.trade_id, fill.order_id): fill.settlement for fill in world.venue.fills()}
        assert settled == true, "every trade booked and settled as at the venue, nothing else"
        world.now = Ms(world.now + LAG_MS)
        for _ in range(2):
            world.asks.append(ReadAccount(Ms(0), "job"))
            world.answer_all_but_posts()
        assert world.desk.balance == usdc(1_000) - world.venue.paid()
        self._tickets_tell_the_truth()
        self._the_same_events_give_the_same_effects()

    def _tickets_tell_the_truth(self):
        for flight in self.world.desk.flights.values():
            ticket = self.world.desk.tickets[flight.ticket_id]
            legs = [self.world.desk.orders[order_id] for order_id in flight.order_ids]
            held = [held_of(self.world.desk, leg) for leg in legs]  # what was undone is not held
            whole = all(size >= leg.intent.size for size, leg in zip(held, legs, strict=True))
            some = any(held)
            right = TicketState.DONE if whole else TicketState.BROKEN if some else TicketState.MISSED
            assert ticket.state is right
            assert ticket.state in SENT

    def _the_same_events_give_the_same_effects(self):
        for events, told in zip(self.world.played, self.world.told, strict=True):
            desk = self.world._fresh_desk()
            assert [step(desk, happened) for happened in events] == told
        alarms = [
            a.alert for told in self.world.told for step_ in told for a in step_ if isinstance(a, RaiseAlert)
        ]
        foreign = {alert.key.partition(":")[2] for alert in alarms if alert.key.startswith("foreign:")}
        assert foreign <= set(self.world.venue.foreign), "our own order was taken for another's"
        assert not [alert for alert in alarms if alert.key.startswith(("restated:", "overfill:", "shares:"))]
        for told in self.world.told:
            ghosts = [
                effect.alert.key
                for effects in told
                for effect in effects
                if isinstance(effect, RaiseAlert) and effect.alert.key.startswith(("void:", "stuck:"))
            ]
            assert len(ghosts) == len(set(ghosts)), "each ghost is told once"
            lines = [effect.what for effects in told for effect in effects if isinstance(effect, Audit)]
            assert "difference" not in lines, "the books agree whenever they are compared"


OrderMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
test_order_machine = OrderMachine.TestCase


def test_the_machine_sends_orders():
    """Otherwise everything above holds for nothing."""
    machine = OrderMachine()
    machine.open_for_business()

    machine.send_a_ticket("fed3", 10, (Kind.USUAL, Kind.FAK, Kind.RESTS))

    assert [len(post.ids) for post in machine.world.posts] == [3]

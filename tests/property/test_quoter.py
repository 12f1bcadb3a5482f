"""The quoter against an exchange that is late, forgetful and out of order; and against any input at all."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.core.spread.buckets import allowance, charge, full_buckets, market_buckets
from engine.core.spread.quoter import QuoteContext, Replaces, reconcile, replaces_after
from engine.domain.quote import CancelAll, CancelQuote, Held, PlaceQuote, Pull, QuoteState, Suppressed, Target
from engine.domain.units import Ms, Price
from tests.support.builders import NOW, shares
from tests.support.quote_exchange import QuoteExchange
from tests.support.quotes import ASK, BID, MARKET, PLENTY, QUIET, context, knobs, live, pulled, target

LAYERS = 2
WHICH = st.integers(0, 20)
PASSING = st.sampled_from([0, 1, 99, 100, 101, 499, 500, 999, 1_000, 1_001, 5_000, 60_000])


@st.composite
def some_targets(draw):
    """Up to two layers a side, bids below asks, as pricing gives them."""
    middle = draw(st.integers(20, 80))
    found = []
    for side, sign in ((BID, -1), (ASK, 1)):
        away = draw(st.integers(1, 4))
        found += [
            target(side, middle + sign * (away + layer), draw(st.integers(5, 200)), layer=layer)
            for layer in range(draw(st.integers(0, LAYERS)))
        ]
    return tuple(found)


KNOBS = st.builds(
    knobs,
    min_quote_lifetime_ms=st.sampled_from([0, 1, 500, 1_000]),
    min_change_ticks_bid=st.integers(0, 3),
    min_change_ticks_ask=st.integers(0, 3),
    away_ticks_bid=st.integers(0, 2),
    away_ticks_ask=st.integers(0, 2),
    min_size_change_pct=st.integers(0, 50),
    replace_interval_ms_bid=st.sampled_from([0, 100, 1_000]),
    replace_interval_ms_ask=st.sampled_from([0, 100, 1_000]),
    max_quotes_per_min=st.integers(1, 120),
    quote_burst=st.integers(1, 8),
    max_cancels_per_min=st.integers(1, 120),
    cancel_burst=st.integers(3, 8),
    cancel_reserve=st.integers(0, 3),
)


class QuoterMachine(RuleBasedStateMachine):
    """Every rule is something that the outside may do at any time."""

    def __init__(self):
        super().__init__()
        self.now = NOW
        self.exchange = QuoteExchange()
        self.targets: tuple[Target, ...] = ()
        self.pull: Pull | None = None
        self.replaces = Replaces()
        self.soft_ms: list[Ms] = []
        self.placed_ms: list[Ms] = []

    @initialize(chosen=KNOBS)
    def begin(self, chosen):
        self.knobs = chosen
        self.own = market_buckets(chosen, self.now)
        self.everywhere = full_buckets(quotes=(600, 50), cancels=(600, 50), cancel_reserve=10, at_ms=self.now)

    @rule(wanted=some_targets())
    def pricing_changes_its_mind(self, wanted):
        self.targets = wanted

    @rule(passing=PASSING)
    def time_passes(self, passing):
        self.now = Ms(self.now + passing)

    @rule(pull=st.sampled_from([None, None, None, Pull.STALE, Pull.KILL]))
    def something_pulls_or_ends(self, pull):
        self.pull = pull

    @rule(wanted=some_targets(), times=st.integers(1, 3))
    def a_busy_moment(self, wanted, times):
        self.targets = wanted
        for _ in range(times):
            self.decide()

    @precondition(lambda self: self.exchange.posts)
    @rule(which=WHICH, heard=st.booleans(), taken=st.booleans())
    def a_post_arrives(self, which, heard, taken):
        self.exchange.post_arrives(pick(self.exchange.posts, which), self.now, heard=heard, taken=taken)

    @precondition(lambda self: self.exchange.cancels)
    @rule(which=WHICH, heard=st.booleans())
    def a_cancel_arrives(self, which, heard):
        self.exchange.cancel_arrives(pick(self.exchange.cancels, which), heard=heard)

    @precondition(lambda self: self.exchange.resting)
    @rule(which=WHICH, size=st.integers(1, 250))
    def somebody_trades(self, which, size):
        self.exchange.fill(pick(self.exchange.resting, which), shares(size))

    @rule()
    def a_read_tells(self):
        self.exchange.read_back(self.now)

    @rule()
    def everything_is_answered_and_settles(self):
        """One loop takes all off in a pull; else cancels, then orders, then what had to wait for them."""
        self.exchange.all_goes_well(self.now)
        if self.pull:
            self.decide()
            self.exchange.all_goes_well(self.now)
            assert not self.exchange.resting, "a quote outlived the loop of a hard pull"
            assert not self.exchange.table
        for _ in range(4):
            self.decide()
            self.exchange.all_goes_well(self.now)
        assert not does(self.decide()), "the same input asked for something again"

    @rule()
    def the_quoter_decides(self):
        self.decide()

    def decide(self):
        quotes = tuple(self.exchange.table.values())
        at = QuoteContext(
            at_ms=self.now,
            stance=pulled(self.pull) if self.pull else QUIET,
            best_bid=Price(1_000),
            best_ask=Price(9_000),
            has_fair_value=True,
            allowance=allowance(self.own, self.everywhere, self.now),
            replaces=self.replaces,
        )
        found = reconcile(self.targets, quotes, MARKET, self.knobs, at)
        assert found == reconcile(self.targets, quotes, MARKET, self.knobs, at)
        self.look_at(found)
        charge(found, self.own, self.everywhere, self.now)
        self.replaces = replaces_after(self.replaces, found, quotes, self.now)
        self.exchange.apply(found)
        if self.pull:
            states = {quote.state for quote in self.exchange.table.values()}
            assert states <= {QuoteState.CANCELLING}, "a hard pull left something"
        return found

    def look_at(self, found):
        """Judge each action by the table that it was decided on."""
        table = self.exchange.table
        taken = {(quote.side, quote.layer) for quote in table.values()}
        begun = set()
        for action in found:
            match action:
                case PlaceQuote(wanted):
                    assert not self.pull
                    assert (wanted.side, wanted.layer) not in taken, "a second order of a slot"
                    taken.add((wanted.side, wanted.layer))
                    assert wanted in self.targets
                    self.placed_ms.append(self.now)
                case CancelQuote(order_id, why, hard=False):
                    quote = table[order_id]
                    assert quote.state is QuoteState.RESTING
                    assert quote.acked_ms is not None
                    assert self.now - quote.acked_ms >= self.knobs.min_quote_lifetime_ms
                    self.soft_ms.append(self.now)
                    if why is None:
                        begun.add(quote.side)
                case CancelQuote() | CancelAll():
                    assert self.pull
                case _:
                    assert isinstance(action, Suppressed)
        for side in begun:
            bid = side is BID
            interval = self.knobs.replace_interval_ms_bid if bid else self.knobs.replace_interval_ms_ask
            last = self.replaces.of(side)
            assert last is None or self.now - last >= interval

    @invariant()
    def rates_are_kept(self):
        if not self.soft_ms and not self.placed_ms:
            return
        chosen = self.knobs
        spare = chosen.cancel_burst - chosen.cancel_reserve
        assert busiest_minute(self.soft_ms) <= spare + chosen.max_cancels_per_min
        assert busiest_minute(self.placed_ms) <= chosen.quote_burst + chosen.max_quotes_per_min

    @invariant()
    def quotes_never_meet(self):
        bids = [quote.yes for quote in self.exchange.table.values() if quote.side is BID]
        asks = [quote.yes for quote in self.exchange.table.values() if quote.side is ASK]
        assert not bids or not asks or max(bids) < min(asks)

    @invariant()
    def nothing_rests_that_the_table_does_not_know(self):
        assert set(self.exchange.resting) <= set(self.exchange.table)


def pick(things, which):
    found = sorted(things)
    return found[which % len(found)]


def does(actions):
    return [action for action in actions if not isinstance(action, Suppressed)]


def busiest_minute(times):
    """Most of these within any 60,000 ms."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= 60_000:
            first += 1
        most = max(most, last - first + 1)
    return most


QuoterMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
test_quoter_machine = QuoterMachine.TestCase


def test_the_machine_places_replaces_and_pulls():
    """Otherwise everything above holds for nothing."""
    machine = QuoterMachine()
    machine.begin(knobs())
    machine.pricing_changes_its_mind((target(BID, 48), target(ASK, 52)))
    machine.everything_is_answered_and_settles()
    machine.time_passes(5_000)
    machine.pricing_changes_its_mind((target(BID, 44), target(ASK, 48)))
    machine.everything_is_answered_and_settles()
    assert [quote.yes for quote in machine.exchange.table.values()] == [4_400, 4_800]
    machine.something_pulls_or_ends(Pull.STALE)
    machine.everything_is_answered_and_settles()

    assert (machine.exchange.resting, len(machine.placed_ms), len(machine.soft_ms)) == ({}, 4, 2)


QUOTES = st.lists(
    st.builds(
        live,
        st.sampled_from([BID, ASK]),
        st.integers(1, 99),
        st.integers(5, 200),
        layer=st.integers(0, LAYERS),
        state=st.sampled_from(QuoteState),
        age=st.integers(0, 2_000),
        name=st.uuids().map(str),
    ),
    max_size=6,
    unique_by=lambda quote: quote.order_id,
)


@given(targets=some_targets(), quotes=QUOTES, chosen=KNOBS)
def test_whatever_rests_each_target_is_met_sent_or_accounted_for(targets, quotes, chosen):
    """No action that the targets ask for is lost without a reason."""
    found = reconcile(targets, quotes, MARKET, chosen, context())

    for wanted in targets:
        slot = [q for q in quotes if (q.side, q.layer) == (wanted.side, wanted.layer)]
        is_right = any(q.yes == wanted.yes and q.left == wanted.size for q in slot)
        is_told = any(isinstance(action, Suppressed) and action.side is wanted.side for action in found)
        is_cancelled = any(
            isinstance(a, CancelQuote) and a.order_id in {q.order_id for q in slot} for a in found
        )
        assert is_right or is_told or is_cancelled or PlaceQuote(wanted) in found


@given(targets=some_targets(), quotes=QUOTES, chosen=KNOBS, tokens=st.integers(0, 3))
def test_no_decision_spends_more_than_its_tokens(targets, quotes, chosen, tokens):
    few = type(PLENTY)(quotes=tokens, soft_cancels=tokens, hard_cancels=tokens)
    found = reconcile(targets, quotes, MARKET, chosen, context(allowance=few))
    hard = reconcile(targets, quotes, MARKET, chosen, context(allowance=few, stance=pulled(Pull.JUMP)))

    assert sum(isinstance(action, PlaceQuote) for action in found) <= tokens
    assert sum(isinstance(action, CancelQuote) for action in found) <= tokens
    assert sum(isinstance(action, CancelQuote) for action in hard) <= tokens


@given(targets=some_targets(), quotes=QUOTES, chosen=KNOBS)
def test_a_skip_never_places(targets, quotes, chosen):
    found = reconcile(targets, quotes, MARKET, chosen, context(has_fair_value=False))

    assert found[0] == Suppressed(None, Held.NO_FAIR_VALUE)
    assert not [action for action in found if isinstance(action, PlaceQuote)]

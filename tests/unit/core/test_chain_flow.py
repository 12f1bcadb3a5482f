"""Acts on chain: asked for in two presses, carried out once, booked when the wallet shows them."""

from dataclasses import replace

import pytest

from engine.core.account.act_proof import ACT_TIMER, HORIZON_MS
from engine.core.account.differences import LAG_MS
from engine.core.chain.chain_flow import merge_due
from engine.core.chain.conversion_advice import conversion_advice
from engine.core.exposure.inventory import sellable
from engine.core.exposure.inventory import shares as held_shares
from engine.core.state import enter_fill
from engine.domain.chain import ActOutcome, ActState
from engine.domain.chain_act import ActKind, ActStage
from engine.domain.chain_events import ActEnded
from engine.domain.commands import AskMerge, AskRedeem
from engine.domain.effects import CarryOut, ReadAccount, Reply, SaveAct
from engine.domain.events import CardShown, CatalogueRead, Restored, VenueNotice
from engine.domain.frames import MarketResolved
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Move, Role, TicketState
from engine.domain.units import Size, Usdc
from engine.domain.views import Gate, Severity, TicketView
from tests.support.builders import (
    BEN,
    WALLET,
    binary,
    fill,
    intent,
    order,
    resting,
    shares,
    terms,
    usdc,
)
from tests.support.desk_run import CARD, DeskRun, of_kind, only, refusal_of

DONE = ActOutcome(ActState.DONE, "0xfeed", "")
LOST = ActOutcome(ActState.UNKNOWN, "relayer-7", "TimeoutError: still MINED")


def hold(run, token, size, name, **how):
    """Book a settled fill of one token, as if it had been bought."""
    of = order(what=replace(intent(), token_id=token))
    enter_fill(run.desk, fill(of, shares(size), name, **how))


class Pairs:
    """A desk that holds 40 YES and 50 NO of one market, and a wallet with as many."""

    def __init__(self, *, yes=40, no=50, compared=True, group=None):
        self.group = group or binary()
        self.market = self.group.markets[0]
        self.run = DeskRun(self.group, asks=(3_000,)).start()
        hold(self.run, self.market.yes, yes, "a")
        hold(self.run, self.market.no, no, "b")
        self.wallet = {self.market.yes: shares(yes), self.market.no: shares(no)}
        self.cash = WALLET
        if compared:
            self.read()

    @property
    def desk(self):
        return self.run.desk

    def read(self):
        """Let a complete read, begun long after the last change, show the wallet as it is."""
        self.run.later(LAG_MS + 1)
        return self.run.read(balance=self.cash, held=self.wallet.items())

    def merged(self, size=40):
        """Let the chain do it: pairs leave the wallet, dollars come."""
        self.wallet = {token: Size(have - shares(size)) for token, have in self.wallet.items()}
        self.cash = Usdc(self.cash + shares(size))

    def dry(self, command=None):
        view = only(self.run.ask(command or AskMerge()), Reply).view
        assert isinstance(view, TicketView), view
        self.run.step(CardShown(self.run.at_ms, view.ticket.ticket_id, CARD))
        return self.desk.tickets[view.ticket.ticket_id]

    def armed(self, command=None):
        ticket = self.dry(command)
        self.run.press(ticket, Move.CONFIRM)
        self.run.later(1_000)
        return self.desk.tickets[ticket.ticket_id]

    def send(self, command=None):
        return only(self.run.press(self.armed(command), Move.SEND), CarryOut).act

    def ended(self, act, outcome=DONE):
        return self.run.step(ActEnded(self.run.at_ms, act.act_id, outcome))

    def ticket(self):
        return list(self.desk.tickets.values())[-1]

    def restart(self, *acts):
        """Begin a new process on the ledger's acts; fills come back as they stood."""
        fills = tuple(self.desk.fills.values())
        self.run.desk = type(self.desk)(settings=self.desk.settings, feeds=self.run.books)
        effects = self.run.step(Restored(self.run.at_ms, (), (), (), (), None, acts=acts))
        for kept in fills:
            enter_fill(self.desk, kept)
        self.run.read_catalogue()
        return effects


def test_a_merge_goes_dry_confirm_send_and_takes_the_smaller_side():
    pairs = Pairs()

    act = pairs.send()

    assert act.kind is ActKind.MERGE
    assert (act.yes_size, act.no_size, act.payout) == (shares(40), shares(40), usdc(40))
    assert act.stage is ActStage.INTENDED
    assert pairs.ticket().state is TicketState.SENDING


def test_nothing_is_carried_out_before_the_second_press():
    pairs = Pairs()
    pairs.armed()

    assert not of_kind(pairs.run.effects, CarryOut)


def test_a_second_press_of_send_carries_out_nothing_more():
    pairs = Pairs()
    armed = pairs.armed()
    pairs.run.press(armed, Move.SEND)

    assert not of_kind(pairs.run.press(armed, Move.SEND), CarryOut)


def test_pairs_under_way_are_not_sold_and_not_merged_twice():
    pairs = Pairs()
    pairs.send()

    assert sellable(pairs.desk, pairs.market.no) == shares(10)
    refusal = refusal_of(pairs.run.told(AskMerge())).refusal
    assert refusal.kind is RefusalKind.IN_FLIGHT


def test_the_chains_word_alone_books_nothing():
    pairs = Pairs()
    before = (held_shares(pairs.desk), pairs.desk.balance)

    effects = pairs.ended(pairs.send())

    assert (held_shares(pairs.desk), pairs.desk.balance) == before
    assert only(effects, SaveAct).act.stage is ActStage.CONFIRMED
    assert only(effects, ReadAccount).tokens == (pairs.market.yes, pairs.market.no)


def test_a_merge_is_booked_once_when_the_wallet_shows_it_and_is_no_difference():
    pairs = Pairs()
    act = pairs.send()
    pairs.ended(act)
    pairs.merged()

    effects = pairs.read()

    assert only(effects, SaveAct).act == replace(
        act, stage=ActStage.DONE, reference="0xfeed", ended_ms=only(effects, SaveAct).act.ended_ms
    )
    assert held_shares(pairs.desk) == {pairs.market.no: shares(10)}
    assert pairs.desk.balance == pairs.cash
    assert pairs.ticket().state is TicketState.DONE
    for _ in range(5):
        pairs.read()
    assert pairs.desk.gate is Gate.RUN
    assert not pairs.run.alerts()


def test_people_who_hold_shares_of_their_own_keep_them_out_of_a_merge():
    pairs = Pairs(compared=False)
    pairs.wallet = {token: Size(size + shares(7)) for token, size in pairs.wallet.items()}
    pairs.read()
    pairs.ended(pairs.send())
    pairs.merged()
    alerts = len(pairs.run.alerts())

    for _ in range(5):
        pairs.read()

    assert held_shares(pairs.desk) == {pairs.market.no: shares(10)}
    assert (pairs.desk.gate, len(pairs.run.alerts())) == (Gate.RUN, alerts)


def test_a_wallet_never_compared_is_read_first_and_nothing_is_sent():
    pairs = Pairs(compared=False)
    armed = pairs.armed()

    effects = pairs.run.press(armed, Move.SEND)

    assert not of_kind(effects, CarryOut)
    assert only(effects, ReadAccount).tokens == (pairs.market.yes, pairs.market.no)
    pairs.read()
    assert of_kind(pairs.run.press(armed, Move.SEND), CarryOut)


def test_an_act_that_was_not_sent_frees_its_shares_and_says_why():
    pairs = Pairs()
    act = pairs.send()

    effects = pairs.ended(act, ActOutcome(ActState.NOT_SENT, "", "wallet busy"))

    assert only(effects, SaveAct).act.stage is ActStage.FAILED
    assert (pairs.ticket().state, pairs.ticket().note) == (TicketState.REFUSED, "wallet busy")
    assert sellable(pairs.desk, pairs.market.yes) == shares(40)


def test_an_unknown_outcome_is_read_back_and_never_carried_out_again():
    pairs = Pairs()
    act = pairs.send()
    pairs.ended(act, LOST)
    sent = len(of_kind(pairs.run.effects, CarryOut))
    for _ in range(10):
        pairs.read()
        pairs.run.timer(ACT_TIMER)
    assert act.act_id in pairs.desk.acts
    pairs.merged()

    pairs.read()

    assert not pairs.desk.acts
    assert held_shares(pairs.desk) == {pairs.market.no: shares(10)}
    assert len(of_kind(pairs.run.effects, CarryOut)) == sent


def test_an_unknown_act_that_the_wallet_never_shows_ends_without_effect_after_the_horizon():
    pairs = Pairs()
    pairs.ended(pairs.send(), LOST)
    pairs.run.later(HORIZON_MS)

    effects = pairs.read()

    assert only(effects, SaveAct).act.stage is ActStage.FAILED
    assert held_shares(pairs.desk)[pairs.market.yes] == shares(40)
    assert pairs.ticket().state is TicketState.REFUSED


def test_a_read_that_began_before_the_end_proves_nothing():
    pairs = Pairs()
    act = pairs.send()
    began = pairs.run.at_ms
    pairs.run.later(LAG_MS)
    pairs.ended(act)
    pairs.merged()

    pairs.run.read(balance=pairs.cash, held=pairs.wallet.items(), asked_ms=began)

    assert act.act_id in pairs.desk.acts


@pytest.mark.parametrize("happened", [True, False], ids=["it happened", "it did not"])
def test_a_kill_between_intent_and_act_is_reconciled_once_by_the_wallet(happened):
    pairs = Pairs()
    act = pairs.send()
    if happened:
        pairs.merged()

    restarted = pairs.restart(act)
    reads = of_kind(restarted, ReadAccount)
    assert any(read.tokens == act.tokens for read in reads)
    pairs.read()
    pairs.run.later(HORIZON_MS)
    pairs.read()
    for _ in range(3):
        pairs.read()

    stages = [effect.act.stage for effect in of_kind(pairs.run.effects, SaveAct)][-1]
    assert stages is (ActStage.DONE if happened else ActStage.FAILED)
    assert held_shares(pairs.desk).get(pairs.market.yes, 0) == (0 if happened else shares(40))
    assert (pairs.desk.balance, pairs.desk.gate) == (pairs.cash, Gate.RUN)
    assert len(of_kind(pairs.run.effects, CarryOut)) == 1


def test_a_merge_booked_before_a_restart_stays_booked_once():
    pairs = Pairs()
    act = pairs.send()
    pairs.ended(act)
    pairs.merged()
    done = only(pairs.read(), SaveAct).act

    pairs.restart(done)
    pairs.read()

    assert held_shares(pairs.desk) == {pairs.market.no: shares(10)}
    assert not pairs.desk.acts
    assert pairs.desk.balance == pairs.cash


def test_shares_that_an_order_may_still_sell_are_not_merged():
    pairs = Pairs()
    foreign = replace(
        resting(order()), order_id=OrderId("0x1"), token_id=pairs.market.yes, side=Side.SELL,
        original_size=shares(40), matched_size=Size(0),
    )  # fmt: skip
    pairs.desk.foreign[foreign.order_id] = foreign

    assert refusal_of(pairs.run.told(AskMerge())).refusal.kind is RefusalKind.INVENTORY


def test_a_card_whose_pairs_are_gone_goes_back_to_dry():
    pairs = Pairs()
    armed = pairs.armed()
    hold(pairs.run, pairs.market.yes, 30, "s", side=Side.SELL)

    effects = pairs.run.press(armed, Move.SEND)

    assert not of_kind(effects, CarryOut)
    assert pairs.ticket().state is TicketState.DRY
    view = only(effects, Reply).view
    assert isinstance(view, TicketView)
    assert view.act is not None
    assert view.act.yes_size == shares(10)


@pytest.mark.parametrize("settlement", [s for s in Settlement if s is not Settlement.CONFIRMED])
def test_unsettled_pairs_are_not_merged(settlement):
    run = DeskRun(binary(), asks=(3_000,)).start()
    market = run.events[0].markets[0]
    hold(run, market.yes, 40, "a", settlement=settlement)
    hold(run, market.no, 40, "b")

    assert refusal_of(run.told(AskMerge())).refusal.kind is RefusalKind.INVENTORY


def test_a_viewer_opens_no_merge():
    pairs = Pairs()
    viewer = replace(BEN, role=Role.VIEWER)

    assert refusal_of(pairs.run.told(AskMerge(), by=viewer)).refusal.kind is RefusalKind.ROLE


def test_a_halted_desk_merges_nothing():
    pairs = Pairs()
    armed = pairs.armed()
    pairs.desk.standing.halted = "killed by Ana"

    effects = pairs.run.press(armed, Move.SEND)

    assert not of_kind(effects, CarryOut)
    assert refusal_of(only(effects, Reply).view).refusal.kind is RefusalKind.HALTED


def test_a_standing_permission_begins_one_merge_and_no_second():
    pairs = Pairs()

    first = merge_due(pairs.desk, None, pairs.run.at_ms)
    second = merge_due(pairs.desk, None, pairs.run.at_ms)

    assert only(first, CarryOut).act.yes_size == shares(40)
    assert second == []


def test_an_act_without_a_ticket_tells_its_end_as_an_alert():
    pairs = Pairs()
    act = only(merge_due(pairs.desk, None, pairs.run.at_ms), CarryOut).act
    pairs.ended(act)
    pairs.merged()
    pairs.read()

    alert = pairs.run.alerts()[-1]
    assert (alert.severity, "0xfeed" in alert.text) == (Severity.INFO, True)


def test_advice_for_pairs_under_way_is_gone():
    pairs = Pairs()
    assert conversion_advice(pairs.desk, pairs.run.at_ms)
    pairs.send()

    assert not conversion_advice(pairs.desk, pairs.run.at_ms)


class Resolved(Pairs):
    """The same holding in a market that the catalogue lists as resolved to YES."""

    def __init__(self, winner="YES", **how):
        super().__init__(**how)
        self.group = replace(
            self.group,
            markets=(
                replace(
                    self.market,
                    terms=terms(closed=True, accepting=False, resolution_status="resolved", winner=winner),
                ),
            ),
        )
        self.run.read_catalogue(self.group)

    def redeemed(self, pays):
        self.wallet = dict.fromkeys(self.wallet, Size(0))
        self.cash = Usdc(self.cash + shares(pays))


@pytest.mark.parametrize(("winner", "pays"), [("YES", 40), ("NO", 50)])
def test_a_redemption_takes_both_sides_and_is_booked_when_the_wallet_shows_it(winner, pays):
    resolved = Resolved(winner)
    act = resolved.send(AskRedeem())
    assert (act.yes_size, act.no_size, act.payout) == (shares(40), shares(50), usdc(pays))
    resolved.ended(act)
    resolved.redeemed(pays)

    resolved.read()

    assert held_shares(resolved.desk) == {}
    assert resolved.desk.balance == resolved.cash
    assert resolved.ticket().state is TicketState.DONE


@pytest.mark.parametrize("first", ["answer", "listing"])
def test_a_held_market_that_left_the_listing_is_redeemed_by_the_answer_the_stream_told(first):
    pairs = Pairs()
    answer = VenueNotice(pairs.run.at_ms, MarketResolved(pairs.market.condition_id, pairs.market.no))
    listing = CatalogueRead(pairs.run.at_ms, pairs.run.at_ms, (), 0)
    for happened in (answer, listing) if first == "answer" else (listing, answer):
        pairs.run.step(happened)

    act = pairs.send(AskRedeem("btc"))

    assert (act.yes_size, act.no_size, act.payout) == (shares(40), shares(50), usdc(50))


def test_a_market_that_left_the_listing_without_an_answer_is_not_redeemed():
    pairs = Pairs()
    pairs.run.step(CatalogueRead(pairs.run.at_ms, pairs.run.at_ms, (), 0))

    assert refusal_of(pairs.run.told(AskRedeem("btc"))).refusal.kind is RefusalKind.INVENTORY


def test_the_streams_word_alone_redeems_nothing_that_is_still_open_for_trade():
    pairs = Pairs()
    pairs.run.step(VenueNotice(pairs.run.at_ms, MarketResolved(pairs.market.condition_id, pairs.market.no)))
    pairs.run.read_catalogue()

    assert refusal_of(pairs.run.told(AskRedeem("btc"))).refusal.kind is RefusalKind.INVENTORY


def test_an_answer_that_pays_is_advised():
    resolved = Resolved()

    assert any(line.startswith("redeem btc") for line in conversion_advice(resolved.desk, resolved.run.at_ms))


def test_a_market_without_an_answer_is_not_redeemed():
    pairs = Pairs()

    assert refusal_of(pairs.run.told(AskRedeem())).refusal.kind is RefusalKind.INVENTORY


def test_a_redemption_that_would_take_peoples_own_shares_is_left_to_them():
    resolved = Resolved(compared=False)
    resolved.wallet = {token: Size(size + shares(7)) for token, size in resolved.wallet.items()}
    resolved.read()

    effects = resolved.run.press(resolved.armed(AskRedeem()), Move.SEND)

    assert not of_kind(effects, CarryOut)
    assert refusal_of(only(effects, Reply).view).refusal.kind is RefusalKind.INVENTORY


def test_a_new_time_gives_a_new_act():
    pairs = Pairs()
    first = pairs.send()
    pairs.ended(first, ActOutcome(ActState.FAILED, "", "reverted"))
    pairs.run.later(60_000)

    assert pairs.send().act_id != first.act_id

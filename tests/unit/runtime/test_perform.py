"""Effects become deeds in order; what cannot be stored is not done, but what lowers risk is."""

from engine.domain.effects import (
    Announce,
    Audit,
    CancelEverything,
    CancelOrders,
    Count,
    FetchBooks,
    FreezeRules,
    LookUpOrder,
    PassOn,
    RaiseAlert,
    ReadAccount,
    ReadCatalogue,
    Reconnect,
    Reply,
    SaveFreeze,
    SaveHalt,
    SaveProgress,
    SaveReview,
    SaveTicket,
    SetTimer,
    ShowTicket,
    Subscribe,
)
from engine.domain.events import (
    AccountRead,
    BatchCommitted,
    BatchRefused,
    BooksRead,
    CancelAnswered,
    CatalogueRead,
    OrderLookedUp,
    PostAnswered,
    StoreFailed,
    TimerDue,
    VenueNotice,
)
from engine.domain.frames import MarketResolved
from engine.domain.ids import ConnectionId, EventId
from engine.domain.order import OrderState
from engine.domain.review import Review, RulesFreeze
from engine.domain.ticket import Claim, TicketState
from engine.domain.units import Ms
from engine.domain.views import Alert, RefusalView, ScanView, Severity, TicketView
from engine.ports import StoreError
from engine.runtime.perform import perform
from tests.support.batches import batch, rests
from tests.support.builders import BEN, NOW, TICKET, order, order_id, ticket, token
from tests.support.fake_ports import named, settled

ALERT = Alert("k", Severity.CRIT, "subject", "text", "next")
VIEW = ScanView(())
LINE = Audit(NOW, BEN, "did", TICKET, "detail")
CLAIM = Claim(TICKET, TicketState.DRY, 1)


async def test_durable_effects_finish_in_their_order(shell):
    await perform(
        shell.hands,
        [
            SaveTicket(ticket(), None),
            LINE,
            SaveProgress((order(),), ()),
            SaveFreeze(EventId("event-fed3"), "why"),
            FreezeRules(RulesFreeze(EventId("event-fed3"), "ab" * 32, "why")),
            SaveReview(Review(EventId("event-fed3"), "[]", BEN.user_id, BEN.name, NOW)),
            SaveHalt("why"),
        ],
    )

    assert named(shell.log) == [
        "save_ticket",
        "append_audit",
        "save_progress",
        "save_freeze",
        "save_rules_freeze",
        "save_review",
        "save_halt",
    ]


async def test_an_answer_is_given_only_after_what_stands_before_it_is_stored(shell):
    await perform(shell.hands, [SaveTicket(ticket(), None), Reply(1, VIEW)])

    assert named(shell.log) == ["save_ticket"]
    assert shell.answered[1] == VIEW


async def test_every_started_effect_reaches_its_port(shell):
    shell.relayer.answers = rests
    shell.market.catalogue = ()
    view = TicketView(ticket(), None, None)

    await perform(
        shell.hands,
        [
            FetchBooks((token(1),), "gap"),
            Subscribe(((ConnectionId(3), (token(1),)),)),
            Reconnect(ConnectionId(3)),
            PassOn(MarketResolved(order().intent.condition_id, None)),
            ReadCatalogue(),
            CancelOrders((order_id(1),)),
            CancelEverything(),
            LookUpOrder(order_id(1), order().intent.condition_id, Ms(5)),
            ReadAccount(Ms(5), "job"),
            SetTimer("feed", Ms(NOW)),
            ShowTicket(view, aloud=True),
            Announce(VIEW),
            RaiseAlert(ALERT),
            Count("dutch_orders_placed", "", 3),
        ],
    )
    kinds = (BooksRead, CatalogueRead, VenueNotice, CancelAnswered, OrderLookedUp, AccountRead)
    await settled(lambda: all(shell.told(kind) for kind in kinds))

    assert shell.feed.connections == {3: (token(1),)}
    assert shell.feed.reconnected == [3]
    assert shell.chat.shown == [view]
    assert shell.chat.announced == [VIEW]
    assert shell.chat.alerts == [ALERT]
    assert shell.metrics.value("dutch_orders_placed") == 3
    assert shell.metrics.value("alerts_total", "CRIT") == 1
    assert len(shell.told(CancelAnswered)) == 2


async def test_a_timer_due_now_posts_its_event(shell):
    await perform(shell.hands, [SetTimer("kill", Ms(NOW - 1))])
    await settled(lambda: bool(shell.told(TimerDue)))

    assert shell.told(TimerDue)[0].name == "kill"


async def test_a_send_commits_and_posts(shell):
    shell.relayer.answers = rests

    await perform(shell.hands, [batch()])
    await settled(lambda: bool(shell.told(PostAnswered)))

    assert [type(event) for event in shell.mail] == [BatchCommitted, PostAnswered]


async def test_after_a_failed_commit_the_rest_of_the_step_is_not_done(shell):
    shell.store.fail = {"save_ticket"}

    await perform(
        shell.hands,
        [
            SaveTicket(ticket(), None),
            LINE,
            SaveProgress((order(),), ()),
            ShowTicket(TicketView(ticket(), None, None), aloud=False),
            batch(),
        ],
    )
    await shell.tasks.drain(1)

    assert named(shell.log) == ["save_ticket failed"]
    assert shell.chat.shown == []


async def test_after_a_failed_commit_what_lowers_risk_is_still_done(shell):
    shell.store.fail = {"all"}

    await perform(
        shell.hands,
        [
            SaveProgress((order(),), ()),
            CancelOrders((order_id(1),)),
            CancelEverything(),
            RaiseAlert(ALERT),
            Announce(VIEW),
            SetTimer("lookup:1", Ms(NOW)),
            Count("orders_unknown_total", ""),
        ],
    )
    await settled(lambda: len(shell.told(CancelAnswered)) == 2)

    assert set(named(shell.log)) >= {"cancel", "cancel_all"}
    assert shell.chat.alerts == [ALERT]
    assert shell.metrics.value("orders_unknown_total") == 1
    await settled(lambda: bool(shell.told(TimerDue)))


async def test_a_failed_commit_is_told_once_counted_and_answered_as_a_refusal(shell):
    shell.store.fail = {"all"}

    await perform(shell.hands, [SaveTicket(ticket(), CLAIM), LINE, Reply(9, VIEW)])

    assert [event.reason for event in shell.told(StoreFailed)] == ["disk full"]
    assert shell.metrics.value("engine_errors", "store") == 1
    view = shell.answered[9]
    assert isinstance(view, RefusalView)
    assert "disk full" in view.refusal.text


async def test_what_was_done_before_the_failure_stays_done(shell):
    shell.store.fail = {"append_audit"}

    await perform(shell.hands, [SaveTicket(ticket(), None), LINE, Reply(9, VIEW)])

    assert named(shell.log) == ["save_ticket", "append_audit failed"]


async def test_a_lost_claim_is_a_failure_that_names_the_ticket(shell):
    shell.store.claims_hold = False

    await perform(shell.hands, [SaveTicket(ticket(), CLAIM), Reply(9, VIEW)])

    (failed,) = shell.told(StoreFailed)
    assert TICKET in failed.reason
    assert isinstance(shell.answered[9], RefusalView)


async def test_a_send_whose_commit_fails_is_told_as_refused_and_as_a_store_failure(shell):
    shell.store.fail = {"commit_batch"}

    await perform(shell.hands, [batch()])

    assert [type(event) for event in shell.mail] == [BatchRefused, StoreFailed]


async def test_a_step_without_effects_does_nothing(shell):
    await perform(shell.hands, [])

    assert shell.log == []
    assert shell.mail == []


async def test_the_next_step_is_stored_again_once_the_disk_has_recovered(shell):
    shell.store.fail = {"all"}
    await perform(shell.hands, [LINE])
    shell.store.fail = set()

    await perform(shell.hands, [LINE])

    assert named(shell.log) == ["append_audit failed", "append_audit"]


async def test_progress_the_disk_refused_is_stored_as_soon_as_it_can_be(shell):
    shell.store.fail = {"all"}
    await perform(shell.hands, [SaveProgress((order(leg=1),), ())])
    await perform(shell.hands, [LINE, SaveProgress((order(leg=2),), ())])
    assert shell.store.orders == {}
    shell.store.fail = set()

    await perform(shell.hands, [])
    await perform(shell.hands, [])

    assert set(shell.store.orders) == {order(leg=1).order_id, order(leg=2).order_id}
    assert named(shell.log).count("save_progress") == 1


async def test_progress_the_disk_refused_never_undoes_what_came_after_it(shell):
    shell.store.fail = {"save_progress"}
    await perform(shell.hands, [SaveProgress((order(leg=1),), ())])
    shell.store.fail = set()

    newer = order(OrderState.FILLED, leg=1)
    await perform(shell.hands, [SaveProgress((newer,), ())])

    assert shell.store.orders == {newer.order_id: newer}


async def test_progress_refused_twice_never_undoes_what_was_stored_in_between(shell, monkeypatch):
    stored, refusals = shell.store.save_progress, iter((True, True))

    async def save(orders, fills):
        if next(refusals, False):
            raise StoreError("disk full")
        await stored(orders, fills)

    monkeypatch.setattr(shell.store, "save_progress", save)
    await perform(shell.hands, [SaveProgress((order(leg=1),), ())])
    ended = order(OrderState.CANCELLED, leg=1)

    await perform(shell.hands, [SaveProgress((ended,), ())])
    await perform(shell.hands, [])

    assert shell.store.orders == {ended.order_id: ended}


async def test_subscribing_nothing_is_allowed(shell):
    await perform(shell.hands, [Subscribe(())])

    assert shell.feed.tokens == ()

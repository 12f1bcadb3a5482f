"""Every card and every ending, compared with the file beside this test, letter by letter.

After an intended change of wording the files are written anew by running this module:
`python -m tests.unit.bot.test_golden_cards`.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from bot import cards
from bot.alerts import Incident, incident_card, storm_card
from bot.card import Card, Look, Style, describe
from bot.cards_status import kill_card
from bot.commands import Usage, find
from bot.operations import NoAnswer
from config.settings import Mode
from engine.core.chain.allowances import judged
from engine.domain.chain import CONTRACTS, UNLIMITED, Allowance, approval_bound
from engine.domain.chain_act import ActKind, ActStage
from engine.domain.ids import TicketId
from engine.domain.market import Side
from engine.domain.order import OrderState
from engine.domain.plan import LegRisk, Plan, PlanKind, Sequencing
from engine.domain.quote import QuoteSide
from engine.domain.quote_views import (
    QuoteLine,
    QuoteProfit,
    SpreadRow,
    SpreadsEndedView,
    SpreadsView,
    SpreadView,
)
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import TicketKind, TicketState
from engine.domain.units import Ms, Price, Size, Usdc
from engine.domain.views import (
    Alert,
    AllowancesView,
    Gate,
    GrantsEndedView,
    GrantView,
    KillView,
    LegResult,
    ReconcileView,
    RefusalView,
    ReviewsView,
    RulesStanding,
    ScanRow,
    ScanView,
    Severity,
    StatusView,
    TicketResult,
    TicketView,
    View,
    WaitingRow,
)
from engine.domain.why import (
    BookLine,
    GuardLine,
    GuardState,
    LastRefusal,
    RoomLine,
    SetCost,
    WhyEvent,
    WhyLeg,
    WhyTicket,
    WhyView,
)
from tests.unit.bot.builders import (
    ANA,
    BEN,
    FILLED,
    LOOK,
    NOW,
    WAYS,
    auto_ticket,
    leg_result,
    make_plan,
    make_result,
    make_rules,
    make_ticket,
    make_view,
    repair_ticket,
    resume_ticket,
    review_ticket,
    spread_ticket,
)
from tests.unit.bot.html_subset import first_line, judge
from tests.unit.storage.builders import act

GOLDEN = Path(__file__).parent / "golden"
S = TicketState

RECONCILED = ReconcileView(
    at_ms=NOW, open_orders=4, trades=17, orders_changed=0, fills_changed=0, foreign=0, unproven=4
)
STATUS = StatusView(
    gate=Gate.RUN,
    gate_reason="",
    feeds_live=12,
    feeds_total=12,
    feed_problems=(),
    events_watched=4,
    open_orders=0,
    unknown_orders=0,
    tickets_open=1,
    spent_today=Usdc(187_200_001),
    cap_day=Usdc(1_000_000_000),
    wallet=Usdc(1_204_009_999),
    resyncs=1,
    rejects=2,
    holdings=("fed4 200 sets, cost 192.38",),
    locked=("fed4 192.38 until 2026-12-10, 18 days, carry 0.48",),
    capital_locked=Usdc(192_380_000),
)
KILL = KillView(ANA, Ms(NOW - 900), asked=3, open_now=None, still_held=("fed4 200 sets, cost 192.38",))
SCAN = ScanView(
    (
        ScanRow("fed4", "Fed?", Price(9_350), Usdc(6_020_000), Size(200_000_000), None),
        ScanRow(
            "sbwin",
            "Bowl?",
            Price(9_910),
            Usdc(-600_001),
            Size(50_000_000),
            Refusal(RefusalKind.NO_EDGE, "expected a margin of at least 1.00, found -0.61"),
        ),
        ScanRow(
            "aug7",
            "Who?",
            None,
            None,
            None,
            Refusal(RefusalKind.AUGMENTED, "outcomes can still be added to this event"),
        ),
    )
)
HIKE_REJECTED = leg_result("Hike", OrderState.REJECTED, filled=0, reason="not enough balance / allowance")
HIKE_UNKNOWN = leg_result("Hike", OrderState.UNKNOWN, filled=0)
WORKING = (
    FILLED[0],
    leg_result("Cut 25", OrderState.PARTIAL, filled=120_500_000, cash=36_150_000),
    leg_result("Cut 50+", OrderState.LIVE, filled=0),
    leg_result("Hike", OrderState.SENDING, filled=0),
)


def leg_by_leg() -> Plan:
    """A plan that no batch carries: thinnest first."""
    return replace(make_plan(), sequencing=Sequencing.PROBE, probe_order=(3, 2, 1, 0))


def one_by_one(reason: str, state: TicketState = S.SENDING) -> tuple[LegResult, ...]:
    """The first leg is filled, the second is under way or over, the others have no order."""
    over = state is not S.SENDING
    part = leg_result(
        "Cut 50+", OrderState.CANCELLED if over else OrderState.PARTIAL, filled=60_000_000, cash=11_400_000
    )
    waiting = OrderState.REJECTED if over else OrderState.SENDING
    unsent = (leg_result(name, waiting, filled=0, reason=reason) for name in ("Cut 25", "No change"))
    return (FILLED[3], part, *(replace(leg, is_sent=False) for leg in unsent))


ALERT = Alert(
    "reject:fed4",
    Severity.WARN,
    "rejects fed4",
    'the venue said "not enough balance / allowance"',
    "check the wallet's allowance, then dry-run again",
)


def no_set() -> Plan:
    """NO of four outcomes at 60, 70, 81 and 85 cents: 200 sets cost 592 and pay 600."""
    prices = (6_000, 7_000, 8_100, 8_500)
    legs = tuple(
        replace(
            leg,
            name=f"NO {leg.name}",
            touch=Price(at),
            worst=Price(at),
            limit=Price(at + 10),
            raw=Usdc(at * 20_000),
        )
        for leg, at in zip(make_plan().legs, prices, strict=True)
    )
    margin = replace(make_plan().margin, payout=Usdc(600_000_000), raw=Usdc(592_000_000), net=Usdc(1_020_000))
    return replace(make_plan(), kind=PlanKind.NO_SET, legs=legs, margin=margin, spend_max=Usdc(598_000_000))


def sell_set() -> Plan:
    """YES of four outcomes at bids of 1.06: 200 sets bring 212."""
    prices = (5_000, 3_000, 2_000, 600)
    legs = tuple(
        replace(
            leg,
            side=Side.SELL,
            touch=Price(at),
            worst=Price(at),
            limit=Price(at - 10),
            raw=Usdc(at * 20_000),
            outlay_max=Usdc(0),
            proceeds_min=Usdc(at * 20_000 - 1_500_000),
        )
        for leg, at in zip(make_plan().legs, prices, strict=True)
    )
    margin = replace(
        make_plan().margin, payout=Usdc(-200_000_000), raw=Usdc(-212_000_000), net=Usdc(5_020_000)
    )
    return replace(make_plan(), kind=PlanKind.SELL_SET, legs=legs, margin=margin, spend_max=Usdc(0))


def convert() -> Plan:
    """NO of the first outcome at 50 cents, YES of the others sold at 56."""
    first = replace(make_plan().legs[0], name="NO No change", touch=Price(5_000), raw=Usdc(100_000_000))
    legs = (first, *sell_set().legs[1:])
    margin = replace(make_plan().margin, payout=Usdc(0), raw=Usdc(-12_000_000), net=Usdc(5_020_000))
    return replace(make_plan(), kind=PlanKind.CONVERT, legs=legs, margin=margin, spend_max=Usdc(101_500_000))


def sold_result() -> TicketResult:
    """200 sets sold for 212 less fees."""
    return replace(make_result(settled=True), cash=Usdc(-212_000_000), per_set=Usdc(-1_000_000))


def thaw(state: S, *, version: int = 1, note: str = "") -> Card:
    """Return the card of a ticket that lifts one event's freeze."""
    return cards.render(make_view(resume_ticket(state, version=version, note=note, subject="fed4")), LOOK)


REPAIR_ORDERS = (
    replace(leg_result("No change", cash=79_800_000), side=Side.SELL),
    leg_result("Hike", OrderState.CANCELLED, filled=0, reason="cancelled: no liquidity"),
)


def repair(state: S = S.DRY, legs: tuple[LegResult, ...] = (), *, version: int = 1, note: str = "") -> Card:
    """Return the card of a repair's ticket."""
    result = replace(make_result(legs, settled=True), cash=Usdc(-79_800_000)) if legs else None
    return cards.render(make_view(repair_ticket(state, version=version, note=note), result), LOOK)


RULES_ALERT = Alert(
    "rules:9001",
    Severity.WARN,
    "rules changed fed4",
    'Fed decision?: rules text, end date. rules text: "…the upper bound…" → "…the lower bound…"; '
    'end date: "2026-12-10T00:00:00Z" → "2026-12-17T00:00:00Z"',
    "/review fed4 shows old and new; the event takes no plans until they are reviewed",
)
WAITING = ReviewsView(
    (
        WaitingRow("fed4", "Fed decision?", "rules changed 6331079400 → ab12cd34ef: rules text, end date"),
        WaitingRow("cup3", "Who wins the <Cup>?", "never reviewed"),
    ),
    reviewed=2,
)


GRANT = GrantView(
    left=Usdc(287_599_999), sent=3, whole=1, failed=1, flying=(TicketId("T-7K2G"),), last="T-7K2G fed4: sent"
)


def auto(
    state: S, *, version: int = 1, note: str = "", code: str = "", grant: GrantView | None = None
) -> Card:
    """Return the card of a standing grant's ticket."""
    ticket = auto_ticket(state, version=version, note=note, subject=code)
    return cards.render(TicketView(ticket, None, None, grant=grant), LOOK)


BID, ASK = QuoteSide.BID, QuoteSide.ASK
PROFIT = QuoteProfit(
    captured=Usdc(2_400_000),
    mark=Usdc(-650_000),
    fees=Usdc(0),
    markouts=(Usdc(-120_000), Usdc(310_000), None),
)
QUOTED = SpreadView(
    quotes=(
        QuoteLine(BID, Price(4_700), Size(100_000_000), False, "resting"),
        QuoteLine(ASK, Price(5_100), Size(60_000_000), True, "cancelling"),
    ),
    mid=Price(4_900),
    fair=Price(4_915),
    spread_ticks=4,
    net=Size(140_000_000),
    inventory=Size(300_000_000),
    resting=Usdc(76_400_000),
    fills=7,
    regime="trending",
    why="the price moves into this side",
    stale_ms=Ms(2_000),
    tick=Price(100),
    profit=PROFIT,
    pairs=Size(40_000_000),
)
WOULD_REST = replace(
    QUOTED,
    quotes=tuple(replace(quote, left=Size(100_000_000), state="") for quote in QUOTED.quotes),
    net=Size(0),
    resting=Usdc(0),
    fills=0,
    regime="",
    why="",
    profit=None,
    pairs=Size(0),
)
ENDED_QUOTES = replace(
    QUOTED, quotes=(), mid=None, spread_ticks=None, resting=Usdc(0), regime="ended", why=""
)


def spread(state: S, *, version: int = 1, note: str = "", facts: SpreadView | None = WOULD_REST) -> Card:
    """Return the card of the ticket of a grant to quote."""
    return cards.render(
        TicketView(spread_ticket(state, version=version, note=note), None, None, spread=facts), LOOK
    )


def review(state: S = S.DRY, *, note: str = "", standing: RulesStanding = RulesStanding.CHANGED) -> Card:
    """Return the card of a review ticket."""
    return cards.render(
        TicketView(review_ticket(state, note=note), None, None, rules=make_rules(standing)), LOOK
    )


def allowances(collateral: int, *, outcomes: bool) -> AllowancesView:
    """Return what every contract of the table may move, all alike."""
    cap = Usdc(1_000_000_000)
    rows = judged(tuple(Allowance(row, collateral, outcomes) for row in CONTRACTS), cap)
    return AllowancesView(rows, approval_bound(cap))


GUARD_NAMES = ("event free", "structure", "augmented", "reviewed", "fee known", "books proven", "gate")
NO_REVIEW = Refusal(
    RefusalKind.NOT_REVIEWED, "expected the rules of fed4 to be reviewed, found no review: read them first"
)


def guards(refused_at: int | None) -> tuple[GuardLine, ...]:
    """Return every guard up to the one that refuses as passed, and none behind it as reached."""
    states = [
        GuardState.OK
        if refused_at is None or at < refused_at
        else GuardState.REFUSED
        if at == refused_at
        else GuardState.NOT_REACHED
        for at in range(len(GUARD_NAMES))
    ]
    return tuple(
        GuardLine(name, state, NO_REVIEW if state is GuardState.REFUSED else None)
        for name, state in zip(GUARD_NAMES, states, strict=True)
    )


def book_line(name: str = "No change") -> BookLine:
    return BookLine(
        name, Price(3_990), Price(4_000), Size(910_000_000), 120, "", fee_rate=40_000, fee=Usdc(9_600)
    )


WHY_EVENT = WhyEvent(
    code="fed4",
    title="Fed decision in December?",
    kind="buy_set",
    guards=guards(None),
    books=tuple(book_line(name) for name in ("No change", "Cut 25", "Cut 50+", "Hike")),
    cost=SetCost(
        payout=Usdc(1_000_000),
        asks=Usdc(935_000),
        fees=Usdc(25_900),
        slippage=Usdc(4_000),
        buffer=Usdc(0),
        safety=Usdc(5_000),
        carry=Usdc(0),
        net=Usdc(30_100),
    ),
    hurdle=Usdc(1_000_000),
    fixed_cost=Usdc(0),
    room=(RoomLine("per ticket", Usdc(250_000_000)), RoomLine("today", Usdc(812_799_999))),
    plan=make_plan(),
)
WHY_TICKET = WhyTicket(
    ticket_id=make_ticket().ticket_id,
    stage="broken",
    note="",
    owner="Ana",
    plan=make_plan(),
    legs=tuple(
        WhyLeg(leg.name, leg.state, leg.wanted, leg.filled, leg.reason)
        for leg in (*FILLED[:3], HIKE_REJECTED)
    ),
    paid=Usdc(178_205_001),
    sets=Size(0),
)
WHY_REFUSED = replace(WHY_EVENT, guards=guards(3), plan=None)


def act_ticket(
    state: S = S.DRY,
    *,
    stage: ActStage = ActStage.INTENDED,
    note: str = "",
    kind: ActKind = ActKind.MERGE,
    reason: str = "",
) -> Card:
    """Return the card of a ticket of an act on chain."""
    told = stage in (ActStage.CONFIRMED, ActStage.DONE)
    sent = replace(act(kind), stage=stage, reference="0x" + "fe" * 32 if told else "", reason=reason)
    ticket = replace(resume_ticket(state, note=note, subject="btc"), kind=TicketKind.CHAIN)
    return cards.render(replace(make_view(ticket), act=sent), LOOK)


CARDS: dict[str, Callable[[], Card]] = {
    "act_dry": lambda: act_ticket(note="1 more of your events can follow"),
    "act_dry_redeem": lambda: act_ticket(kind=ActKind.REDEEM),
    "act_confirm": lambda: act_ticket(S.ARMED),
    "act_sending": lambda: act_ticket(S.SENDING),
    "act_confirmed": lambda: act_ticket(S.SENDING, stage=ActStage.CONFIRMED),
    "act_unknown": lambda: act_ticket(S.SENDING, stage=ActStage.UNKNOWN, reason="Timeout: <still MINED>"),
    "act_done": lambda: act_ticket(S.DONE, stage=ActStage.DONE),
    "act_failed": lambda: act_ticket(S.REFUSED, stage=ActStage.FAILED, note="wallet busy"),
    "act_dropped": lambda: act_ticket(S.DROPPED, note="dropped by Ana, nothing was sent"),
    "act_expired": lambda: act_ticket(S.EXPIRED),
    "why_pays": lambda: cards.render(WhyView("fed4", NOW, event=WHY_EVENT), LOOK),
    "why_refused": lambda: cards.render(WhyView("fed4", NOW, event=WHY_REFUSED), LOOK),
    "why_books_down": lambda: cards.render(
        WhyView(
            "fed4",
            NOW,
            event=replace(
                WHY_REFUSED,
                books=(
                    BookLine("<Cut>", None, None, None, None, "resync in progress", fee_rate=None, fee=None),
                )
                * 5,
                cost=None,
            ),
        ),
        LOOK,
    ),
    "why_many_legs": lambda: cards.render(
        WhyView(
            "who128",
            NOW,
            event=replace(
                WHY_REFUSED, guards=guards(3) * 3, books=tuple(book_line(f"<{n}> & Co") for n in range(128))
            ),
        ),
        LOOK,
    ),
    "why_last": lambda: cards.render(
        WhyView(
            "/dutch fed4",
            NOW,
            event=WHY_REFUSED,
            last=LastRefusal("/dutch fed4", NO_REVIEW, Ms(NOW - 61_000)),
        ),
        LOOK,
    ),
    "why_last_alone": lambda: cards.render(
        WhyView("/resume", NOW, last=LastRefusal("/resume", NO_REVIEW, Ms(NOW - 61_000))), LOOK
    ),
    "why_ticket": lambda: cards.render(WhyView("T-7K2F", NOW, ticket=WHY_TICKET), LOOK),
    "why_ticket_dry": lambda: cards.render(
        WhyView(
            "T-7K2F",
            NOW,
            ticket=replace(WHY_TICKET, stage="dry", legs=(), note="the books moved between card and press"),
        ),
        LOOK,
    ),
    "hello": lambda: cards.hello_card(BEN, "0.1.0", replace(LOOK, mode=Mode.PAPER)),
    "whoami": lambda: cards.whoami_card(ANA, LOOK),
    "help": lambda: cards.help_card(None, ANA, LOOK),
    "help_dutch": lambda: cards.help_card(find("dutch"), ANA, LOOK),
    "help_kill": lambda: cards.help_card(find("kill"), ANA, LOOK),
    "usage": lambda: cards.usage_card(Usage("/duch fed4 200", "no command /duch", "/dutch fed4 200"), LOOK),
    "status_run": lambda: cards.render(STATUS, LOOK),
    "status_halted": lambda: cards.render(
        replace(STATUS, gate=Gate.HALTED, gate_reason="killed by Ana", wallet=None), LOOK
    ),
    "reconciled": lambda: cards.render(RECONCILED, LOOK),
    "reconciled_changed": lambda: cards.render(
        replace(RECONCILED, orders_changed=2, fills_changed=3, foreign=1), LOOK
    ),
    "status_starting": lambda: cards.render(replace(STATUS, gate=Gate.STARTING), LOOK),
    "status_frozen": lambda: cards.render(
        replace(STATUS, frozen=("fed4: T-7K2F was filled only in part",)), LOOK
    ),
    "status_advice": lambda: cards.render(
        replace(STATUS, advice=("merge btc BTC above 100k: 70 pairs return 69.50",) * 5), LOOK
    ),
    "status_unknown": lambda: cards.render(replace(STATUS, unknown_orders=1), LOOK),
    "status_feeds": lambda: cards.render(
        replace(STATUS, feeds_live=9, feed_problems=("fed4: resync in progress",) * 5), LOOK
    ),
    "allowances_fine": lambda: cards.render(allowances(1_000_000_000, outcomes=True), LOOK),
    "allowances_missing": lambda: cards.render(allowances(0, outcomes=False), LOOK),
    "allowances_unlimited_and_asked": lambda: cards.render(
        replace(allowances(UNLIMITED, outcomes=True), asked=("exchange", Usdc(500_000_000))), LOOK
    ),
    "reviews": lambda: cards.render(WAITING, LOOK),
    "reviews_none": lambda: cards.render(ReviewsView((), 2), LOOK),
    "reviews_many": lambda: cards.render(ReviewsView(WAITING.waiting * 20, 0), LOOK),
    "rules_reviewed": lambda: cards.render(make_rules(RulesStanding.REVIEWED), LOOK),
    "rules_look_only": lambda: cards.render(make_rules(RulesStanding.UNREAD), LOOK),
    "review_changed": review,
    "review_changed_again": lambda: review(note="the rules changed again; nothing was stored"),
    "review_unread": lambda: review(standing=RulesStanding.UNREAD),
    "review_text_not_stored": lambda: cards.render(
        TicketView(review_ticket(), None, None, rules=make_rules(review=None, changes=())), LOOK
    ),
    "review_done": lambda: review(S.DONE, standing=RulesStanding.REVIEWED),
    "review_done_still_broken": lambda: review(
        S.DONE, note="fed4 stays frozen: T-7K2F was filled only in part; then /resume fed4"
    ),
    "review_expired": lambda: review(S.EXPIRED),
    "alert_rules": lambda: incident_card(Incident(RULES_ALERT, NOW, NOW), LOOK),
    "scan": lambda: cards.render(SCAN, LOOK),
    "scan_none_pays": lambda: cards.render(ScanView(SCAN.rows[1:]), LOOK),
    "scan_empty": lambda: cards.render(ScanView(()), LOOK),
    "dry": lambda: cards.render(make_view(make_ticket()), LOOK),
    "dry_moved": lambda: cards.render(
        make_view(
            make_ticket(
                plan=make_plan(net=1_100_000, touch_up=50),
                previous=make_plan(),
                version=2,
                note="the books moved between card and press",
            )
        ),
        LOOK,
    ),
    "dry_no_set": lambda: cards.render(make_view(make_ticket(plan=no_set())), LOOK),
    "dry_sell_set": lambda: cards.render(make_view(make_ticket(plan=sell_set())), LOOK),
    "dry_convert": lambda: cards.render(make_view(make_ticket(plan=convert())), LOOK),
    "confirm_sell_set": lambda: cards.render(
        make_view(make_ticket(S.ARMED, plan=sell_set(), version=2)), LOOK
    ),
    "done_sell_set": lambda: cards.render(
        make_view(make_ticket(S.DONE, plan=sell_set(), version=4), sold_result()), LOOK
    ),
    "confirm": lambda: cards.render(
        make_view(
            make_ticket(S.ARMED, plan=make_plan(net=5_820_000, touch_up=10), previous=make_plan(), version=2)
        ),
        LOOK,
    ),
    "confirm_wallet_unread": lambda: cards.render(
        make_view(make_ticket(S.ARMED, version=2), wallet=None), LOOK
    ),
    "sending_handed": lambda: cards.render(make_view(make_ticket(S.SENDING, version=3)), LOOK),
    "sending_progress": lambda: cards.render(
        make_view(make_ticket(S.SENDING, version=3), make_result(WORKING, accounted=False, ended=False)), LOOK
    ),
    "sending_unknown": lambda: cards.render(
        make_view(
            make_ticket(S.SENDING, version=3),
            make_result((*FILLED[:3], HIKE_UNKNOWN), accounted=False, ended=False),
        ),
        LOOK,
    ),
    "dry_leg_by_leg": lambda: cards.render(make_view(make_ticket(plan=leg_by_leg())), LOOK),
    "confirm_leg_by_leg": lambda: cards.render(
        make_view(make_ticket(S.ARMED, plan=leg_by_leg(), version=2)), LOOK
    ),
    "sending_leg_by_leg": lambda: cards.render(
        make_view(
            make_ticket(S.SENDING, plan=leg_by_leg(), version=3),
            make_result(one_by_one("waits for the fill of the one before"), ended=False),
        ),
        LOOK,
    ),
    "broken_leg_by_leg": lambda: cards.render(
        make_view(
            make_ticket(S.BROKEN, plan=leg_by_leg(), version=4),
            make_result(one_by_one("never sent: Cut 50+ got 60 of 200", S.BROKEN)),
        ),
        LOOK,
    ),
    "done_settling": lambda: cards.render(make_view(make_ticket(S.DONE, version=4), make_result()), LOOK),
    "done_settled": lambda: cards.render(
        make_view(make_ticket(S.DONE, version=4), make_result(settled=True)), LOOK
    ),
    "done_unaccounted": lambda: cards.render(
        make_view(make_ticket(S.DONE, version=4), make_result(accounted=False)), LOOK
    ),
    "broken": lambda: cards.render(
        replace(
            make_view(make_ticket(S.BROKEN, version=4), make_result((*FILLED[:3], HIKE_REJECTED))),
            held_risk=LegRisk(bound=Usdc(9_120_000), hard=Usdc(178_206_000)),
        ),
        LOOK,
    ),
    "broken_unknown": lambda: cards.render(
        make_view(
            make_ticket(S.BROKEN, version=4), make_result((*FILLED[:3], HIKE_UNKNOWN), accounted=False)
        ),
        LOOK,
    ),
    "broken_with_ways_out": lambda: cards.render(
        replace(
            make_view(make_ticket(S.BROKEN, version=4), make_result((*FILLED[:3], HIKE_REJECTED))),
            held_risk=LegRisk(bound=Usdc(9_120_000), hard=Usdc(178_206_000)),
            repairs=WAYS,
        ),
        LOOK,
    ),
    "broken_after_a_short_repair": lambda: cards.render(
        replace(
            make_view(
                make_ticket(S.BROKEN, version=5),
                replace(
                    make_result((*FILLED[:3], HIKE_REJECTED)),
                    repairs=REPAIR_ORDERS,
                    loose=(("No change", Size(100_000_000)),),
                ),
            ),
            repairs=WAYS[1:],
        ),
        LOOK,
    ),
    "done_repaired": lambda: cards.render(
        make_view(
            make_ticket(S.DONE, version=5),
            replace(
                make_result((*FILLED[:3], HIKE_REJECTED), settled=True),
                repairs=REPAIR_ORDERS[:1],
                sets=Size(0),
                pairs=Size(100_000_000),
                loose=(("Cut 25", Size(3_000_000)),),
                cash=Usdc(104_000_000),
            ),
        ),
        LOOK,
    ),
    "repair_dry": repair,
    "repair_dry_moved": lambda: repair(
        note="moved: the bids of Cut 25 have gone; nothing was sent", version=2
    ),
    "repair_confirm": lambda: repair(S.ARMED, version=2),
    "repair_handed": lambda: repair(S.SENDING, version=3),
    "repair_sending": lambda: repair(S.SENDING, REPAIR_ORDERS, version=3),
    "repair_unknown": lambda: repair(S.SENDING, (HIKE_UNKNOWN,), version=3),
    "repair_done": lambda: repair(S.DONE, REPAIR_ORDERS[:1], version=4),
    "repair_short": lambda: repair(S.DONE, REPAIR_ORDERS, version=4),
    "repair_missed": lambda: repair(S.MISSED, REPAIR_ORDERS[1:], version=4),
    "repair_dropped": lambda: repair(S.DROPPED, version=2, note="dropped by Ana, nothing was sent"),
    "missed": lambda: cards.render(
        make_view(
            make_ticket(S.MISSED, version=4),
            make_result(tuple(replace(HIKE_REJECTED, name=leg.name) for leg in FILLED)),
        ),
        LOOK,
    ),
    "dropped": lambda: cards.render(
        make_view(make_ticket(S.DROPPED, version=2, note="dropped by Ana, nothing was sent")), LOOK
    ),
    "expired": lambda: cards.render(make_view(make_ticket(S.EXPIRED, version=2)), LOOK),
    "refused_ticket": lambda: cards.render(
        make_view(make_ticket(S.REFUSED, version=3, note="expected at most 1000.00 a day, found 1163.20")),
        LOOK,
    ),
    "resume_dry": lambda: cards.render(make_view(resume_ticket(S.DRY, note="halted: killed by Ana")), LOOK),
    "resume_confirm": lambda: cards.render(make_view(resume_ticket(S.ARMED, version=2)), LOOK),
    "thaw_dry": lambda: thaw(S.DRY, note="fed4 is frozen: T-AAAAAA was filled only in part"),
    "thaw_confirm": lambda: thaw(S.ARMED, version=2),
    "thaw_done": lambda: thaw(S.DONE, version=4),
    "thaw_dropped": lambda: thaw(S.DROPPED, version=2),
    "thaw_expired": lambda: thaw(S.EXPIRED, version=2),
    "thaw_refused": lambda: thaw(S.REFUSED, version=2),
    "resume_sending": lambda: cards.render(
        make_view(resume_ticket(S.SENDING, version=3, note="reconciling with the venue")), LOOK
    ),
    "resume_done": lambda: cards.render(make_view(resume_ticket(S.DONE, version=4)), LOOK),
    "resume_dropped": lambda: cards.render(make_view(resume_ticket(S.DROPPED, version=2)), LOOK),
    "resume_expired": lambda: cards.render(make_view(resume_ticket(S.EXPIRED, version=2)), LOOK),
    "resume_refused": lambda: cards.render(
        make_view(resume_ticket(S.REFUSED, version=2, note="the venue did not answer")), LOOK
    ),
    "auto_dry": lambda: auto(S.DRY),
    "auto_dry_one_event": lambda: auto(S.DRY, code="fed4"),
    "auto_confirm": lambda: auto(S.ARMED, version=2),
    "auto_panel": lambda: auto(S.SENDING, version=3, grant=GRANT),
    "auto_ended": lambda: auto(
        S.DONE,
        version=4,
        note="its time is over; 3 plans sent, 2 whole, 1 failed, at most 212.41 USDC spent",
    ),
    "auto_dropped": lambda: auto(S.DROPPED, version=2, note="dropped by Ana, nothing was sent"),
    "auto_expired": lambda: auto(S.EXPIRED, version=2),
    "auto_refused": lambda: auto(S.REFUSED, version=3, note="the ledger refused it"),
    "auto_stopped": lambda: cards.render(GrantsEndedView((TicketId("T-7K2F"),), (TicketId("T-7K2G"),)), LOOK),
    "auto_none_to_stop": lambda: cards.render(GrantsEndedView((), ()), LOOK),
    "spread_list": lambda: cards.render(
        SpreadsView(
            (
                SpreadRow(
                    "fed4",
                    "Hold",
                    Price(4_700),
                    Price(5_100),
                    Price(100),
                    Size(90_000_000),
                    TicketId("T-7K2F"),
                ),
                SpreadRow("btc", "", Price(4_700), Price(5_300), Price(100), Size(90_000_000), None),
            )
        ),
        LOOK,
    ),
    "spread_none_to_list": lambda: cards.render(SpreadsView(()), LOOK),
    "spread_dry": lambda: spread(S.DRY),
    "spread_dry_no_quote": lambda: spread(
        S.DRY, facts=replace(WOULD_REST, quotes=(), why="min_spread", mid=None, spread_ticks=None)
    ),
    "spread_confirm": lambda: spread(S.ARMED, version=2),
    "spread_panel": lambda: spread(S.SENDING, version=3, facts=QUOTED),
    "spread_panel_short": lambda: spread(
        S.SENDING, version=3, facts=replace(QUOTED, quotes=(), net=Size(-10_000_000), why="", pairs=Size(0))
    ),
    "spread_ended": lambda: spread(
        S.DONE,
        version=4,
        note="stopped by Ana; 7 fills, 1.75 USDC at the fair value, net 140 YES",
        facts=ENDED_QUOTES,
    ),
    "spread_dropped": lambda: spread(
        S.DROPPED, version=2, note="dropped by Ana, nothing was sent", facts=None
    ),
    "spread_stopped": lambda: cards.render(SpreadsEndedView((TicketId("T-7K2F"),), 2), LOOK),
    "spread_none_to_stop": lambda: cards.render(SpreadsEndedView((), 0), LOOK),
    "status_grants": lambda: cards.render(
        replace(STATUS, grants=("T-7K2F all events: 287.59 of 500.00 USDC left, 3 plans sent",)), LOOK
    ),
    "kill_fast": lambda: cards.render(KILL, LOOK),
    "kill_late": lambda: kill_card(KILL, LOOK, asked_age_ms=18 * 60_000),
    "kill_cancelling": lambda: cards.render(replace(KILL, open_now=2), LOOK),
    "kill_incomplete": lambda: cards.render(
        replace(KILL, open_now=2), Look(Mode.LOCAL, Ms(KILL.at_ms + 5_000))
    ),
    "kill_true": lambda: cards.render(replace(KILL, open_now=0), LOOK),
    "refusal": lambda: cards.render(
        RefusalView(
            "/dutch fed4 900",
            Refusal(
                RefusalKind.CAPS, "expected at most 250.00 per ticket, found 869.38. Largest now: 220 sets."
            ),
        ),
        LOOK,
    ),
    "refusal_halted": lambda: cards.render(
        RefusalView("/dutch fed4", Refusal(RefusalKind.HALTED, "the desk is halted: killed by Ana")), LOOK
    ),
    "refusal_rules_changed": lambda: cards.render(
        RefusalView(
            "/dutch fed4",
            Refusal(
                RefusalKind.RULES_CHANGED,
                "fed4 takes no plans until its new rules are read with /review fed4: rules changed "
                "6331079400 → ab12cd34ef: rules text, end date",
            ),
        ),
        LOOK,
    ),
    "no_answer": lambda: cards.no_answer_card("/status", NoAnswer(10.0), LOOK),
    "backlog": lambda: cards.backlog_card(
        [
            cards.LateCommand("/dutch fed4 200", Ms(18 * 60_000)),
            cards.LateCommand("/status", Ms(61_000)),
            cards.LateCommand("/dutch fed4 200", Ms(61_000)),
        ],
        LOOK,
    ),
    "fault": lambda: cards.fault_card("E-3F2A", LOOK),
    "alert_first": lambda: incident_card(Incident(ALERT, NOW, NOW), LOOK),
    "alert_counted": lambda: incident_card(Incident(ALERT, Ms(NOW - 180_000), NOW, count=7), LOOK),
    "alert_crit": lambda: incident_card(
        Incident(replace(ALERT, severity=Severity.CRIT, next_step=""), NOW, NOW), LOOK
    ),
    "alert_info": lambda: incident_card(Incident(replace(ALERT, severity=Severity.INFO), NOW, NOW), LOOK),
    "alert_storm": lambda: storm_card(
        [Incident(replace(ALERT, subject=f"resync m{n}"), NOW, NOW) for n in range(12)], LOOK
    ),
}


def as_file(card: Card) -> str:
    """The card as the golden file holds it: source, then one line per row of buttons."""
    rows = [
        " | ".join(
            f"[{b.label}]{{{b.style.value}}} {describe(b.act)}" if b.style is not Style.PLAIN
            else f"[{b.label}] {describe(b.act)}"
            for b in row
        )
        for row in card.buttons
    ]  # fmt: skip
    return "\n".join([f"<!-- {card.severity.value} -->", card.text_html, "<!-- buttons -->", *rows, ""])


@pytest.mark.parametrize("name", CARDS)
def test_card_of_each_kind_is_written_as_agreed(name: str) -> None:
    assert as_file(CARDS[name]()) == (GOLDEN / f"{name}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CARDS)
def test_card_of_each_kind_is_taken_by_telegram(name: str) -> None:
    judge(CARDS[name]())


@pytest.mark.parametrize("name", CARDS)
def test_first_line_names_mode_stage_and_verdict(name: str) -> None:
    line = first_line(CARDS[name]())

    mode = "PAPER" if name == "hello" else "LOCAL"
    before, _, verdict = line.partition(" — ")
    assert f" {mode} · " in before
    assert verdict.strip()


def test_golden_files_without_a_card_do_not_linger() -> None:
    assert {path.stem for path in GOLDEN.glob("*.html")} == set(CARDS)


@pytest.mark.parametrize("name", CARDS)
def test_red_button_is_only_for_send_and_kill(name: str) -> None:
    red = [b for row in CARDS[name]().buttons for b in row if b.style is Style.DANGER]

    assert all(describe(b.act).startswith(("go ", "/kill")) for b in red)


@pytest.mark.parametrize("name", [n for n in CARDS if "unknown" in n and n != "status_unknown"])
def test_unproven_outcome_is_named_and_offers_no_move(name: str) -> None:
    card = CARDS[name]()

    assert "❓ outcome unknown: reconciling" in first_line(card)
    assert not [b for row in card.buttons for b in row if describe(b.act)[:2] in {"go", "cf", "rq"}]


def write_all() -> None:
    """Write every golden file."""
    GOLDEN.mkdir(exist_ok=True)
    for name, make in CARDS.items():
        (GOLDEN / f"{name}.html").write_text(as_file(make()), encoding="utf-8")


def test_every_view_has_a_card() -> None:
    assert set(cards.BY_VIEW) == set(get_args(View))


if __name__ == "__main__":
    write_all()

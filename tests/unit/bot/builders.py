"""Values of the desk as cards see them: one plausible four-legged plan and what can become of it."""

from dataclasses import replace
from typing import Any

from bot.card import Look
from config.settings import Mode
from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, EventId, OrderId, PlanId, TicketId, TokenId, UserId
from engine.domain.market import Side
from engine.domain.order import OrderState
from engine.domain.plan import LegRisk, Margin, Plan, PlanKind, PlanLeg
from engine.domain.repair import RepairOption, RepairWay
from engine.domain.review import Review, RuleChange
from engine.domain.ticket import AutoTerms, Operator, Role, SpreadTerms, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Price, Size, Usdc
from engine.domain.views import LegResult, RulesStanding, RulesView, TicketResult, TicketView

NOW = Ms(1_795_335_220_000)
ANA = Operator(UserId(1001), "Ana", Role.ADMIN)
BEN = Operator(UserId(1002), "Ben", Role.TRADER)
CHO = Operator(UserId(1003), "Cho", Role.VIEWER)
STRANGER = 6666
LOOK = Look(Mode.LOCAL, NOW)
SECRET = bytes(range(32))

_LEGS = (
    ("No change", 4_000, 910, 80_000_000),
    ("Cut 25", 3_000, 640, 60_000_000),
    ("Cut 50+", 1_900, 350, 38_000_000),
    ("Hike", 450, 220, 9_000_000),
)


def plan_leg(number: int, name: str, touch: int, depth: int, raw: int) -> PlanLeg:
    return PlanLeg(
        number=number,
        token_id=TokenId(str(2**255 + number)),
        condition_id=ConditionId("0x" + f"{number:064x}"),
        name=name,
        side=Side.BUY,
        neg_risk=True,
        tick=Price(10),
        fee=FeeCurve(rate=40_000, exponent=1),
        size=Size(200_000_000),
        touch=Price(touch),
        worst=Price(touch),
        limit=Price(touch + 10),
        depth=Size(depth * 1_000_000),
        raw=Usdc(raw),
        fee_paid=Usdc(1_295_000),
        outlay_max=Usdc(raw + 1_500_000),
    )


def make_plan(*, net: int = 6_020_000, touch_up: int = 0, title: str = "Fed decision in December?") -> Plan:
    legs = tuple(
        plan_leg(number, name, touch + (touch_up if number == 0 else 0), depth, raw)
        for number, (name, touch, depth, raw) in enumerate(_LEGS)
    )
    return Plan(
        plan_id=PlanId("p-91c2f0a1"),
        kind=PlanKind.BUY_SET,
        event_id=EventId("9001"),
        code="fed4",
        title=title,
        rules_hash="ab" * 32,
        terms_hash="cd" * 32,
        size=Size(200_000_000),
        legs=legs,
        margin=Margin(
            payout=Usdc(200_000_000),
            raw=Usdc(187_000_000),
            fee=Usdc(5_180_000),
            slippage=Usdc(800_000),
            buffer=Usdc(0),
            safety=Usdc(1_000_000),
            carry=Usdc(0),
            fixed=Usdc(0),
            net=Usdc(net),
        ),
        risk=LegRisk(bound=Usdc(14_200_000), hard=Usdc(184_000_000)),
        spend_max=Usdc(193_195_001),
        limited_by="depth of Hike 220",
        planned_ms=NOW,
        books_ms=Ms(NOW - 120),
    )


def make_ticket(
    state: TicketState = TicketState.DRY,
    *,
    plan: Plan | None = None,
    previous: Plan | None = None,
    note: str = "",
    version: int = 1,
    owner: Operator = ANA,
    message_id: int | None = None,
) -> Ticket:
    return Ticket(
        ticket_id=TicketId("T-7K2F"),
        kind=TicketKind.DUTCH,
        owner=owner,
        chat_id=int(owner.user_id),
        state=state,
        version=version,
        plan=plan or make_plan(),
        previous=previous,
        wanted_sets=200_000_000,
        note=note,
        created_ms=NOW,
        rendered_ms=NOW,
        expires_ms=Ms(NOW + (45_000 if state is TicketState.ARMED else 600_000)),
        message_id=message_id,
    )


def resume_ticket(state: TicketState, *, note: str = "", version: int = 1, subject: str = "") -> Ticket:
    return replace(
        make_ticket(state, version=version, note=note),
        kind=TicketKind.RESUME,
        plan=None,
        wanted_sets=None,
        subject=subject,
    )


def review_ticket(state: TicketState = TicketState.DRY, *, note: str = "", version: int = 1) -> Ticket:
    return replace(resume_ticket(state, version=version, note=note, subject="fed4"), kind=TicketKind.REVIEW)


def auto_ticket(state: TicketState, *, note: str = "", version: int = 1, subject: str = "") -> Ticket:
    terms = AutoTerms(Usdc(500_000_000), Usdc(250_000_000), Ms(2 * 3_600_000))
    plain = resume_ticket(state, version=version, note=note, subject=subject)
    return replace(plain, kind=TicketKind.AUTO, auto=terms)


def spread_ticket(state: TicketState, *, note: str = "", version: int = 1) -> Ticket:
    terms = SpreadTerms(
        condition_id=ConditionId("0xc1"),
        name="No change",
        size=Size(100_000_000),
        half_ticks=2,
        inventory=Size(300_000_000),
        resting=Usdc(250_000_000),
        lasts_ms=Ms(3_600_000),
    )
    plain = resume_ticket(state, version=version, note=note, subject="fed4")
    return replace(plain, kind=TicketKind.SPREAD, spread=terms)


WAYS = (
    RepairOption(RepairWay.COMPLETE, Usdc(6_802_000), "buy Hike @ 0.048", Price(490)),
    RepairOption(RepairWay.UNWIND, Usdc(-11_660_001), "give back 3 legs", None),
    RepairOption(RepairWay.LEAVE, Usdc(-183_030_000), "hold what is there", None),
)
REPAIR_WHY = "the best way out, at worst +6.80 USDC in all; unwind -11.67, leave -183.03"


def repair_plan() -> Plan:
    """Buys the missing leg and gives back a part of another, sold and as a pair."""
    hike = plan_leg(0, "Hike", 480, 220, 9_600_000)
    sold = replace(
        plan_leg(1, "No change", 3_990, 800, 39_900_000),
        side=Side.SELL,
        size=Size(100_000_000),
        limit=Price(3_980),
        outlay_max=Usdc(0),
    )
    pair = replace(plan_leg(2, "NO Cut 25", 7_010, 500, 70_100_000), size=Size(100_000_000))
    return replace(
        make_plan(net=196_000_000),
        plan_id=PlanId("r-77aa10"),
        kind=PlanKind.REPAIR,
        legs=(hike, sold, pair),
        limited_by=REPAIR_WHY,
        spend_max=Usdc(83_200_000),
    )


def repair_ticket(state: TicketState = TicketState.DRY, *, note: str = "", version: int = 1) -> Ticket:
    return replace(
        make_ticket(state, plan=repair_plan(), note=note, version=version),
        ticket_id=TicketId("T-9R4Q"),
        kind=TicketKind.REPAIR,
        wanted_sets=None,
        subject="both T-7K2F",
    )


REVIEWED_RULES = '["rules/1","9001"]'
CHANGES = (
    RuleChange("", "rules text", "Moves the upper bound. " * 9, "Moves the lower bound. " * 9),
    RuleChange("", "end date", "2026-12-10T00:00:00Z", "2026-12-17T00:00:00Z"),
    RuleChange("Pause", "outcome joined", "", "Will it be <Pause>?"),
)


def make_rules(standing: RulesStanding = RulesStanding.CHANGED, **changes: Any) -> RulesView:
    """One event's rules with three changes since Ben read them three days ago."""
    review = Review(EventId("9001"), REVIEWED_RULES, BEN.user_id, BEN.name, Ms(NOW - 3 * 86_400_000))
    usual = RulesView(
        code="fed4",
        title="Fed decision in December?",
        rules_text="Resolves by the move of the lower bound.\n\nA tie <pays> the larger bracket & no other.",
        resolution_source="https://example.org/statement",
        end_date="2026-12-17T00:00:00Z",
        outcomes=(("No change", ""), ("Cut 25", "Only a cut of 25."), ("Cut 50+", ""), ("Hike", "")),
        rules='["rules/1","9001","new"]',
        rules_hash="ab12cd34ef" + "56" * 27,
        standing=standing,
        review=None if standing is RulesStanding.UNREAD else review,
        changes=CHANGES if standing is RulesStanding.CHANGED else (),
        known_hash="" if standing is RulesStanding.UNREAD else review.rules_hash,
        frozen="",
        against="",
    )
    return replace(usual, **changes)


def leg_result(
    name: str,
    state: OrderState = OrderState.FILLED,
    *,
    filled: int = 200_000_000,
    cash: int = 80_000_000,
    fee: int = 1_295_020,
    reason: str = "",
) -> LegResult:
    return LegResult(
        name=name,
        order_id=OrderId("0x" + "3f" * 32),
        state=state,
        wanted=Size(200_000_000),
        filled=Size(filled),
        cash=Usdc(cash if filled else 0),
        fee=Usdc(fee if filled else 0),
        reason=reason,
    )


FILLED = (
    leg_result("No change"),
    leg_result("Cut 25", cash=60_200_000),
    leg_result("Cut 50+", cash=38_000_000),
    leg_result("Hike", cash=9_000_000),
)


def make_result(
    legs: tuple[LegResult, ...] = FILLED,
    *,
    settled: bool = False,
    accounted: bool = True,
    ended: bool = True,
) -> TicketResult:
    return TicketResult(
        legs=legs,
        sets=Size(min(leg.filled for leg in legs)),
        cash=Usdc(sum(leg.cash for leg in legs)),
        fees=Usdc(sum(leg.fee for leg in legs)),
        unknown=sum(leg.state is OrderState.UNKNOWN for leg in legs),
        settled=settled,
        accounted=accounted,
        sent_ms=NOW,
        ended_ms=Ms(NOW + 240) if ended else None,
    )


def make_view(
    ticket: Ticket, result: TicketResult | None = None, *, wallet: int | None = 1_204_000_000
) -> TicketView:
    return TicketView(ticket, result, None if wallet is None else Usdc(wallet))

"""Values of one imaginary event, whole and plausible, for tests of storage."""

import hashlib
from dataclasses import replace

from engine.domain.book import Level
from engine.domain.chain_act import ActKind, ActStage, ChainAct
from engine.domain.fees import FeeCurve
from engine.domain.history import KeptSnapshot
from engine.domain.ids import ConditionId, EventId, OrderId, PlanId, TicketId, TokenId, TradeId, UserId
from engine.domain.market import EventGroup, Market, Side, Terms
from engine.domain.order import Fill, OrderIntent, OrderRecord, OrderState, Settlement, TimeInForce
from engine.domain.plan import LegRisk, Margin, Plan, PlanKind, PlanLeg
from engine.domain.review import Review, RulesFreeze
from engine.domain.ticket import Claim, Operator, Role, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Price, Size, Usdc
from engine.ports import PreparedOrder

NOW = Ms(1_790_000_000_000)
BEN = Operator(UserId(1002), "ben", Role.TRADER)
FEE = FeeCurve(rate=40_000, exponent=1)


def wide(seed: object) -> int:
    """A 256-bit number that is the same for the same seed."""
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest(), "big") | 1 << 255


def token(seed: object) -> TokenId:
    return TokenId(str(wide(("token", seed))))


def condition(seed: object) -> ConditionId:
    return ConditionId(f"0x{wide(('condition', seed)):064x}")


def order_id(seed: object) -> OrderId:
    return OrderId(f"0x{wide(('order', seed)):064x}")


def leg(number: int) -> PlanLeg:
    return PlanLeg(
        number=number,
        token_id=token(number),
        condition_id=condition(number),
        name=f"leg {number}",
        side=Side.BUY,
        neg_risk=True,
        tick=Price(10),
        fee=FEE,
        size=Size(200_000_000),
        touch=Price(3_100),
        worst=Price(3_110),
        limit=Price(3_120),
        depth=Size(812_340_000),
        raw=Usdc(62_040_000),
        fee_paid=Usdc(1_711_200),
        outlay_max=Usdc(64_117_250),
    )


def plan(plan_id: str = "plan-1", legs: int = 3) -> Plan:
    return Plan(
        plan_id=PlanId(plan_id),
        kind=PlanKind.BUY_SET,
        event_id=EventId("35090"),
        code="fed5",
        title="Fed decision in December: «no change»?",
        rules_hash="aa" * 32,
        terms_hash="bb" * 32,
        size=Size(200_000_000),
        legs=tuple(leg(number) for number in range(legs)),
        margin=Margin(
            payout=Usdc(200_000_000),
            raw=Usdc(186_120_000),
            fee=Usdc(5_133_600),
            slippage=Usdc(600_000),
            buffer=Usdc(93_060),
            safety=Usdc(500_000),
            carry=Usdc(0),
            fixed=Usdc(0),
            net=Usdc(7_553_340),
        ),
        risk=LegRisk(bound=Usdc(9_000_000), hard=Usdc(64_112_000)),
        spend_max=Usdc(192_351_750),
        limited_by="the cap per ticket",
        planned_ms=NOW,
        books_ms=Ms(NOW - 40),
    )


def ticket(ticket_id: str = "T-ABCDEF", state: TicketState = TicketState.DRY) -> Ticket:
    return Ticket(
        ticket_id=TicketId(ticket_id),
        kind=TicketKind.DUTCH,
        owner=BEN,
        chat_id=1002,
        state=state,
        version=1,
        plan=plan(),
        previous=None,
        wanted_sets=200_000_000,
        note="",
        created_ms=NOW,
        rendered_ms=NOW,
        expires_ms=Ms(NOW + 45_000),
        message_id=77,
    )


def intent(number: int = 0, ticket_id: str = "T-ABCDEF", plan_id: str = "plan-1") -> OrderIntent:
    return OrderIntent(
        plan_id=PlanId(plan_id),
        ticket_id=TicketId(ticket_id),
        leg=number,
        generation=0,
        token_id=token(number),
        condition_id=condition(number),
        name=f"leg {number}",
        side=Side.BUY,
        neg_risk=True,
        tick=Price(10),
        fee=FEE,
        price=Price(3_120),
        size=Size(200_000_000),
        time_in_force=TimeInForce.GTD,
        post_only=False,
        created_ms=NOW,
        expiration_s=NOW // 1000 + 220,
        resend_until_ms=Ms(NOW + 2_000),
    )


def pair(
    number: int = 0, ticket_id: str = "T-ABCDEF", plan_id: str = "plan-1"
) -> tuple[OrderRecord, PreparedOrder]:
    """An order about to be sent, and its bytes."""
    what = intent(number, ticket_id, plan_id)
    name = order_id((ticket_id, number))
    body = f'{{"order":{{"leg":{number},"ticket":"{ticket_id}"}},"orderType":"GTD"}}'.encode()
    record = OrderRecord(
        order_id=name,
        intent=what,
        state=OrderState.SENDING,
        filled=Size(0),
        sends=1,
        last_send_ms=NOW,
        ever_unknown=False,
        reason="",
    )
    return record, PreparedOrder(name, what, body)


def fill(record: OrderRecord, trade: str = "trade-1", size: int = 200_000_000) -> Fill:
    return Fill(
        trade_id=TradeId(trade),
        order_id=record.order_id,
        token_id=record.intent.token_id,
        side=Side.BUY,
        size=Size(size),
        cash=Usdc(size * 3_110 // 10_000),
        fee=Usdc(1_711_200),
        settlement=Settlement.MATCHED,
        matched_ms=Ms(NOW + 120),
    )


def armed(ticket_id: str = "T-ABCDEF", plan_id: str = "plan-1") -> tuple[Ticket, Claim, Ticket, Plan]:
    """A ticket on its confirm card, the claim of a Send, the ticket after it, and the plan."""
    sent = replace(plan(plan_id))
    before = replace(ticket(ticket_id, TicketState.ARMED), version=4, plan=sent)
    after = replace(before, state=TicketState.SENDING, version=5, rendered_ms=Ms(NOW + 10), expires_ms=Ms(0))
    return before, Claim(before.ticket_id, TicketState.ARMED, 4), after, sent


def market(number: int, *, fee: FeeCurve | None = FEE) -> Market:
    return Market(
        condition_id=condition(number),
        question_id=f"0x{wide(('question', number)):064x}",
        question=f"Will it be {number}?",
        name=f"{number} bps",
        rules_text="Resolves by the statement of the committee.",
        resolution_source="https://example.org/statement",
        end_date="2026-12-10T00:00:00Z",
        yes=token((number, "yes")),
        no=token((number, "no")),
        neg_risk=True,
        neg_risk_id="0x" + "ab" * 32,
        is_other=False,
        terms=Terms(
            tick=Price(10),
            min_size=Size(5_000_000),
            fee=fee,
            active=True,
            closed=False,
            accepting=True,
            taker_delay=False,
            resolution_status="",
        ),
    )


def event(
    event_id: str = "35090", code: str = "fed5", markets: tuple[Market, ...] | None = None
) -> EventGroup:
    return EventGroup(
        event_id=EventId(event_id),
        code=code,
        slug="fed-decision-in-december",
        title="Fed decision in December",
        rules_text="One of these.",
        resolution_source="https://example.org/statement",
        end_date="2026-12-10T00:00:00Z",
        neg_risk=True,
        augmented=False,
        neg_risk_id="0x" + "ab" * 32,
        markets=tuple(market(number) for number in range(3)) if markets is None else markets,
    )


def snapshot(seed: object = 0, *, received_ms: int = NOW, depth: int = 2, shift: int = 0) -> KeptSnapshot:
    """A book of `depth` levels a side around 0.31; `shift` moves its sizes, so that two can differ."""
    return KeptSnapshot(
        token_id=token(seed),
        received_ms=Ms(received_ms),
        venue_ms=Ms(received_ms - 250),
        hash=f"{wide(('hash', seed, received_ms, shift)):064x}"[:40],
        tick=Price(10),
        bids=tuple(Level(Price(3_100 - 10 * n), Size(50_000_000 + n + shift)) for n in range(depth)),
        asks=tuple(Level(Price(3_110 + 10 * n), Size(70_000_000 + n + shift)) for n in range(depth)),
    )


def review(rules: str = '["rules/1","35090"]', *, who: str = "ben", user_id: int | None = 1002) -> Review:
    """A review of event 35090."""
    return Review(EventId("35090"), rules, None if user_id is None else UserId(user_id), who, NOW)


def rules_freeze(rules_hash: str = "ab" * 32, event_id: str = "35090") -> RulesFreeze:
    return RulesFreeze(EventId(event_id), rules_hash, "rules changed: title")


def act(kind: ActKind = ActKind.MERGE) -> ChainAct:
    """An act on chain as it is intended, under no ticket."""
    return ChainAct(
        act_id=f"{kind.value}-{NOW}-00000001",
        kind=kind,
        ticket_id=None,
        event_id=EventId("77"),
        code="btc",
        name="BTC above <100k>?",
        condition_id=ConditionId("0x" + "01" * 32),
        yes=TokenId("11"),
        no=TokenId("12"),
        yes_size=Size(40_000_000),
        no_size=Size(40_000_000),
        payout=Usdc(40_000_000),
        yes_beyond=-3,
        no_beyond=0,
        stage=ActStage.INTENDED,
        reference="",
        reason="",
        created_ms=NOW,
        ended_ms=None,
    )

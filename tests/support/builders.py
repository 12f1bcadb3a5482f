"""Small builders of whole values, so that a test names only what it is about."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.domain.account import AccountState, MakerMatch, OpenOrder, UserOrder, UserOrderStatus, VenueTrade
from engine.domain.book import Level, LiveBook
from engine.domain.failure import LegAnswer, Placed, PostClass
from engine.domain.fees import FREE, FeeCurve
from engine.domain.frames import BookSnapshot
from engine.domain.ids import ConditionId, EventId, OrderId, PlanId, TicketId, TokenId, TradeId, UserId
from engine.domain.market import EventGroup, Market, Side, Terms, rules_hash, terms_hash
from engine.domain.order import Fill, OrderIntent, OrderRecord, OrderState, Settlement, TimeInForce
from engine.domain.plan import LegRisk, Margin, Plan, PlanKind, PlanLeg
from engine.domain.ticket import Operator, Role, Ticket, TicketKind, TicketState
from engine.domain.units import SIZE_ONE, USDC_ONE, Ms, Price, Rounding, Size, Usdc, complement, notional

NOW = Ms(1_790_000_000_000)
ANA = Operator(UserId(1001), "ana", Role.ADMIN)
BEN = Operator(UserId(1002), "ben", Role.TRADER)
VIC = Operator(UserId(1003), "vic", Role.VIEWER)
FEE = FeeCurve(rate=40_000, exponent=1)
TICKET = TicketId("T-ABCDEF")
NO_SHARES = Size(0)
WALLET = Usdc(1_000 * USDC_ONE)
"""What the account holds unless a test says otherwise."""


def wide(seed: object) -> int:
    """A 256-bit number, the same for the same seed."""
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest(), "big") | 1 << 255


def token(seed: object) -> TokenId:
    return TokenId(str(wide(("token", seed))))


def condition(seed: object) -> ConditionId:
    return ConditionId(f"0x{wide(('condition', seed)):064x}")


def order_id(seed: object) -> OrderId:
    return OrderId(f"0x{wide(('order', seed)):064x}")


def shares(number: float) -> Size:
    """Shares as micro-shares; the float is only a test's shorthand."""
    return Size(round(number * SIZE_ONE))


def usdc(number: float) -> Usdc:
    return Usdc(round(number * USDC_ONE))


def terms(**changes: Any) -> Terms:
    usual = Terms(
        tick=Price(10),
        min_size=shares(5),
        fee=FEE,
        active=True,
        closed=False,
        accepting=True,
        taker_delay=False,
        resolution_status="",
    )
    return replace(usual, **changes)


def market(name: str = "No change", event: str = "fed", **changes: Any) -> Market:
    usual = Market(
        condition_id=condition((event, name)),
        question_id=f"0x{wide(('question', event, name)):064x}",
        question=f"Will it be {name}?",
        name=name,
        rules_text=f"Resolves to {name} if the statement says so.",
        resolution_source="https://example.org/statement",
        end_date="2026-12-10T00:00:00Z",
        yes=token((event, name, "yes")),
        no=token((event, name, "no")),
        neg_risk=True,
        neg_risk_id=f"0x{wide(('group', event)):064x}",
        is_other=False,
        terms=terms(),
    )
    return replace(usual, **changes)


def event(
    code: str = "fed3", outcomes: tuple[str, ...] = ("Cut", "Hold", "Hike"), **changes: Any
) -> EventGroup:
    """An exclusive and exhaustive neg-risk event."""
    usual = EventGroup(
        event_id=EventId(f"event-{code}"),
        code=code,
        slug=f"{code}-decision",
        title=f"{code} decision",
        rules_text="Exactly one outcome wins.",
        resolution_source="https://example.org/statement",
        end_date="2026-12-10T00:00:00Z",
        neg_risk=True,
        augmented=False,
        neg_risk_id=f"0x{wide(('group', code)):064x}",
        markets=tuple(market(name, code) for name in outcomes),
    )
    return replace(usual, **changes)


def binary(code: str = "btc") -> EventGroup:
    """A lone market: YES and NO make the pair."""
    lone = market("BTC above 100k", code, neg_risk=False, neg_risk_id="")
    return event(code, (), neg_risk=False, neg_risk_id="", markets=(lone,))


def levels(*prices_and_shares: tuple[int, float]) -> tuple[Level, ...]:
    return tuple(Level(Price(price), shares(size)) for price, size in prices_and_shares)


LOW_BID = levels((100, 1_000))


def live_book(
    of: Market,
    token_id: TokenId,
    asks: tuple[Level, ...],
    bids: tuple[Level, ...] = LOW_BID,
    *,
    at_ms: int = NOW,
    epoch: int = 1,
) -> LiveBook:
    return LiveBook(
        condition_id=of.condition_id,
        token_id=token_id,
        tick=of.terms.tick,
        bids=bids,
        asks=asks,
        hash=f"{wide((token_id, asks, bids)):064x}"[:40],
        epoch=epoch,
        venue_ms=Ms(at_ms - 250),
        confirmed_ms=Ms(at_ms),
    )


def set_books(group: EventGroup, *asks: int, size: float = 500, at_ms: int = NOW) -> dict[TokenId, LiveBook]:
    """One level of `size` shares on every YES token, at these prices."""
    return {
        m.yes: live_book(m, m.yes, levels((ask, size)), levels((ask - m.terms.tick, size)), at_ms=at_ms)
        for m, ask in zip(group.markets, asks, strict=True)
    }


def plan(
    group: EventGroup | None = None, *, sets: float = 100, limits: tuple[int, ...] = (), **changes: Any
) -> Plan:
    """A plan that buys YES on every outcome; the margin's figures are plausible, nothing checks them."""
    group = group or event()
    limits = limits or (3_000,) * len(group.markets)
    size = shares(sets)
    legs = tuple(
        PlanLeg(
            number=number,
            token_id=m.yes,
            condition_id=m.condition_id,
            name=m.name,
            side=Side.BUY,
            neg_risk=m.neg_risk,
            tick=m.terms.tick,
            fee=m.terms.fee or FREE,
            size=size,
            touch=Price(limit),
            worst=Price(limit),
            limit=Price(limit),
            depth=size,
            raw=notional(Price(limit), size, Rounding.UP),
            fee_paid=usdc(0.84),
            outlay_max=Usdc(notional(Price(limit), size, Rounding.UP) + usdc(1)),
        )
        for number, (m, limit) in enumerate(zip(group.markets, limits, strict=True))
    )
    raw = Usdc(sum(leg.raw for leg in legs))
    usual = Plan(
        plan_id=PlanId(f"{wide((group.code, sets, limits)):064x}"[:32]),
        kind=PlanKind.BUY_SET,
        event_id=group.event_id,
        code=group.code,
        title=group.title,
        rules_hash=rules_hash(group),
        terms_hash=terms_hash(group),
        size=size,
        legs=legs,
        margin=Margin(
            payout=Usdc(size),
            raw=raw,
            fee=usdc(2.52),
            slippage=Usdc(0),
            buffer=Usdc(0),
            safety=Usdc(0),
            carry=Usdc(0),
            fixed=Usdc(0),
            net=Usdc(size - raw - usdc(2.52)),
        ),
        risk=LegRisk(bound=usdc(9), hard=usdc(30)),
        spend_max=Usdc(sum(leg.outlay_max for leg in legs)),
        limited_by="the sets asked for",
        planned_ms=NOW,
        books_ms=NOW,
    )
    return replace(usual, **changes)


def ticket(state: TicketState = TicketState.SENDING, of: Plan | None = None, **changes: Any) -> Ticket:
    usual = Ticket(
        ticket_id=TICKET,
        kind=TicketKind.DUTCH,
        owner=BEN,
        chat_id=1002,
        state=state,
        version=3,
        plan=of or plan(),
        previous=None,
        wanted_sets=None,
        note="",
        created_ms=NOW,
        rendered_ms=NOW,
        expires_ms=Ms(NOW + 600_000),
        message_id=77,
    )
    return replace(usual, **changes)


def intent(leg: int = 0, of: Plan | None = None, ticket_id: TicketId = TICKET, **changes: Any) -> OrderIntent:
    of = of or plan()
    planned = of.legs[leg]
    usual = OrderIntent(
        plan_id=of.plan_id,
        ticket_id=ticket_id,
        leg=leg,
        generation=0,
        token_id=planned.token_id,
        condition_id=planned.condition_id,
        name=planned.name,
        side=planned.side,
        neg_risk=planned.neg_risk,
        tick=planned.tick,
        fee=planned.fee,
        price=planned.limit,
        size=planned.size,
        time_in_force=TimeInForce.GTD,
        post_only=False,
        created_ms=NOW,
        expiration_s=NOW // 1_000 + 220,
        resend_until_ms=Ms(NOW + 5_000),
    )
    return replace(usual, **changes)


def order(
    state: OrderState = OrderState.SENDING, leg: int = 0, what: OrderIntent | None = None, **changes: Any
) -> OrderRecord:
    what = what or intent(leg)
    usual = OrderRecord(
        order_id=order_id(what.key),
        intent=what,
        state=state,
        filled=Size(0),
        sends=1,
        last_send_ms=NOW,
        ever_unknown=False,
        reason="",
    )
    return replace(usual, **changes)


def answer(of: OrderRecord, kind: PostClass, reason: str = "", **changes: Any) -> LegAnswer:
    """The venue's judgement of one leg; use `accepted` for an acceptance."""
    usual = LegAnswer(
        order_id=of.order_id,
        kind=kind,
        placed=None,
        filled=Size(0),
        cash=Usdc(0),
        trade_ids=(),
        reason=reason,
    )
    return replace(usual, **changes)


def accepted(
    of: OrderRecord, filled: Size = NO_SHARES, placed: Placed | None = None, **changes: Any
) -> LegAnswer:
    placed = placed or (Placed.MATCHED if filled else Placed.LIVE)
    cash = notional(of.intent.price, filled, Rounding.DOWN)
    return answer(of, PostClass.ACCEPTED, placed=placed, filled=filled, cash=cash, **changes)


def trade(
    of: OrderRecord,
    size: Size | None = None,
    *,
    price: int | None = None,
    name: str = "trade-1",
    settlement: Settlement = Settlement.MATCHED,
    at_ms: int = NOW,
) -> VenueTrade:
    """A trade in which `of` took `size` from one foreign maker on its own token, at its limit unless told."""
    size = of.intent.size if size is None else size
    at = Price(of.intent.price if price is None else price)
    maker = MakerMatch(order_id(("maker", name)), of.intent.token_id, Side.SELL, at, size)
    return VenueTrade(
        trade_id=TradeId(name),
        condition_id=of.intent.condition_id,
        taker_order_id=of.order_id,
        token_id=of.intent.token_id,
        side=of.intent.side,
        size=size,
        matched_ms=Ms(at_ms),
        settlement=settlement,
        makers=(maker,),
    )


def mirrored(found: VenueTrade, of: Market) -> VenueTrade:
    """The same trade made by minting: the maker stands on the complement at 1 - p."""
    other = of.no if found.token_id == of.yes else of.yes
    makers = tuple(replace(m, token_id=other, side=Side.BUY, price=complement(m.price)) for m in found.makers)
    return replace(found, makers=makers)


def fill(of: OrderRecord, size: Size | None = None, name: str = "trade-1", **changes: Any) -> Fill:
    size = of.intent.size if size is None else size
    usual = Fill(
        trade_id=TradeId(name),
        order_id=of.order_id,
        token_id=of.intent.token_id,
        side=of.intent.side,
        size=size,
        cash=notional(of.intent.price, size, Rounding.DOWN),
        fee=Usdc(0),
        settlement=Settlement.CONFIRMED,
        matched_ms=NOW,
    )
    return replace(usual, **changes)


def resting(of: OrderRecord, matched: Size = NO_SHARES) -> OpenOrder:
    return OpenOrder(
        order_id=of.order_id,
        condition_id=of.intent.condition_id,
        token_id=of.intent.token_id,
        side=of.intent.side,
        price=of.intent.price,
        original_size=of.intent.size,
        matched_size=matched,
    )


def account(
    *,
    resting_orders: tuple[OpenOrder, ...] = (),
    trades: tuple[VenueTrade, ...] = (),
    balance: Usdc = WALLET,
    held: tuple[tuple[TokenId, Size], ...] = (),
) -> AccountState:
    return AccountState(open_orders=resting_orders, trades=trades, balance=balance, shares=held)


def streamed(
    of: OrderRecord, status: UserOrderStatus = UserOrderStatus.LIVE, matched: Size = NO_SHARES, text: str = ""
) -> UserOrder:
    """One order event of the user stream."""
    return UserOrder(
        order_id=of.order_id,
        condition_id=of.intent.condition_id,
        token_id=of.intent.token_id,
        side=of.intent.side,
        price=of.intent.price,
        original_size=of.intent.size,
        matched_size=matched,
        status=status,
        status_text=text or status.value,
        venue_ms=NOW,
    )


def reviewed(*events: EventGroup) -> Mapping[EventId, str]:
    """The [rules.reviewed] table with these events as they stand."""
    return {group.event_id: rules_hash(group) for group in events}


def rest_book(token: TokenId) -> BookSnapshot:
    """A book of the venue; `ShownBooks` does not look inside."""
    return BookSnapshot(
        condition_id=ConditionId("0x" + "00" * 32),
        token_id=token,
        timestamp_text=str(NOW),
        hash="0" * 40,
        bids=[],
        asks=[],
    )

"""`/why`: the inputs of a plan and the guard that refused, as the planner itself sees them now.

Every guard is the planner's own function, asked in the planner's own order; nothing here decides. A ticket's
answer is the plan it carries, with its orders' fates.
"""

from collections.abc import Callable, Iterator
from functools import partial

from engine.core.book_guards import unfit_books
from engine.core.draft import carry_ppm, tokens_of
from engine.core.dutch_flow import live_books, plan_now
from engine.core.eligibility import GUARDS, Case, kind_of
from engine.core.risk import BATCH_LEGS_MAX, closed, event_busy, room
from engine.core.segments import BPS_ONE, PPM_ONE
from engine.core.settling import result_of
from engine.core.state import Desk
from engine.core.ticket import refuse
from engine.domain.book import LiveBook, NotLive
from engine.domain.commands import AskWhy
from engine.domain.effects import Effect, Reply
from engine.domain.events import Asked
from engine.domain.fees import taker_fee
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup
from engine.domain.plan import Plan
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Ticket
from engine.domain.units import (
    PRICE_ONE,
    SIZE_ONE,
    USDC_ONE,
    Ms,
    Rounding,
    Size,
    Usdc,
    divide,
)
from engine.domain.views import RefusalView
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

PLAN_PREFIX_MIN = 6
"""Characters of a plan id that are enough to name it."""
Check = tuple[str, Callable[[], Refusal | None]]


def ask_why(desk: Desk, asked: Asked, command: AskWhy) -> list[Effect]:
    """Answer about an event, a ticket or a plan; without a name about this operator's last refusal."""
    view = _view(desk, asked, command.what)
    if isinstance(view, Refusal):
        return refuse(asked, f"/why {command.what}".rstrip(), view)
    return [Reply(asked.request, view)]


def remember_refusal(desk: Desk, asked: Asked, effects: list[Effect]) -> None:
    """Keep what this operator was refused, for a bare `/why`; its own refusals explain nothing."""
    if isinstance(asked.command, AskWhy):
        return
    for effect in effects:
        if isinstance(effect, Reply) and isinstance(effect.view, RefusalView):
            last = LastRefusal(effect.view.subject, effect.view.refusal, asked.at_ms)
            desk.last_refusals[asked.operator.user_id] = last


def _view(desk: Desk, asked: Asked, what: str) -> WhyView | Refusal:
    if not what:
        return _last(desk, asked)
    event_id = desk.codes.get(what.lower())
    if event_id is not None:
        return WhyView(what, asked.at_ms, event=why_event(desk, desk.events[event_id], asked.at_ms))
    ticket = _ticket(desk, what)
    if ticket is not None:
        return WhyView(what, asked.at_ms, ticket=why_ticket(desk, ticket))
    text = (
        f"expected an event's code, a ticket or the first {PLAN_PREFIX_MIN} characters of a plan id, found "
        f"{what!r}; /dutch lists the codes, and tickets are known for a day after their end"
    )
    return Refusal(RefusalKind.UNKNOWN_CODE, text)


def _last(desk: Desk, asked: Asked) -> WhyView | Refusal:
    last = desk.last_refusals.get(asked.operator.user_id)
    if last is None:
        example = min(desk.codes, default="CODE")
        text = (
            "expected something to explain, found nothing refused to you since the desk started; name an "
            f"event, a ticket or a plan: /why {example}"
        )
        return Refusal(RefusalKind.UNKNOWN_CODE, text)
    words = last.subject.split()
    named = [desk.codes[word] for word in words if word in desk.codes]
    event = why_event(desk, desk.events[named[0]], asked.at_ms) if named else None
    ticket = next((found for word in words if (found := _ticket(desk, word)) is not None), None)
    told = None if ticket is None else why_ticket(desk, ticket)
    return WhyView(last.subject, asked.at_ms, event=event, ticket=told, last=last)


def _ticket(desk: Desk, what: str) -> Ticket | None:
    """Return the ticket of this id, or the newest one that carries a plan whose id begins so."""
    for ticket in reversed(desk.tickets.values()):
        if ticket.ticket_id == what.upper():
            return ticket
        if len(what) >= PLAN_PREFIX_MIN and ticket.plan and ticket.plan.plan_id.startswith(what.lower()):
            return ticket
    return None


def why_event(desk: Desk, event: EventGroup, at_ms: Ms) -> WhyEvent:
    """Return every guard's word on an event and what a plan of it would be made of."""
    planned: list[Plan] = []
    lines = tuple(_asked_in_turn(_checks(desk, event, at_ms, planned)))
    left, dutch = room(desk, at_ms), desk.settings.dutch
    books = [(token, desk.feeds.live(token, at_ms)) for token in tokens_of(event)]
    proven = {token: book for token, book in books if isinstance(book, LiveBook)}
    return WhyEvent(
        code=event.code,
        title=event.title,
        kind=kind_of(event).value,
        guards=lines,
        books=tuple(
            _book_line(
                event, token, proven.get(token), book.value if isinstance(book, NotLive) else "", at_ms
            )
            for token, book in books
        ),
        cost=_set_cost(desk, event, proven),
        hurdle=dutch.min_profit,
        fixed_cost=dutch.fixed_cost,
        room=(
            RoomLine("per ticket", left.ticket),
            RoomLine("today", left.day),
            RoomLine("wallet", left.wallet),
            RoomLine("leg cost", dutch.max_leg),
            RoomLine("leg loss L", dutch.max_leg_loss),
            RoomLine("worst loss L0", dutch.max_residual),
        ),
        plan=planned[0] if planned else None,
    )


def _checks(desk: Desk, event: EventGroup, at_ms: Ms, planned: list[Plan]) -> Iterator[Check]:
    """Yield what a plan must pass, in order; the plan that passes goes into `planned`."""
    yield "event free", partial(event_busy, desk, event.event_id, event.code)
    case = Case(event, kind_of(event), desk.reviewed, desk.settings.dutch.allow_other)
    for guard in GUARDS:
        yield guard.__name__.replace("_", " "), partial(guard, case)
    yield "books proven", lambda: _refusal(live_books(desk, event, at_ms))
    yield "books in step", lambda: _unfit(desk, event, at_ms)

    def planner() -> Refusal | None:
        found = plan_now(desk, event, None, at_ms)
        if isinstance(found, Plan):
            planned.append(found)
        return _refusal(found)

    yield "edge and caps", planner
    yield "legs in a batch", lambda: _too_many(planned[0])
    yield "gate", partial(closed, desk)


def _refusal(found: object) -> Refusal | None:
    return found if isinstance(found, Refusal) else None


def _unfit(desk: Desk, event: EventGroup, at_ms: Ms) -> Refusal | None:
    books = live_books(desk, event, at_ms)
    assert not isinstance(books, Refusal), "expected the guard before this one to have found every book"
    return unfit_books(event, books, params=desk.settings.dutch, now_ms=at_ms)


def _too_many(plan: Plan) -> Refusal | None:
    if len(plan.legs) <= BATCH_LEGS_MAX:
        return None
    text = f"expected at most {BATCH_LEGS_MAX} legs in one batch, found {len(plan.legs)}: not sendable"
    return Refusal(RefusalKind.TOO_MANY_LEGS, text)


def _asked_in_turn(checks: Iterator[Check]) -> Iterator[GuardLine]:
    """Ask until one refuses; those behind it are named and not asked."""
    refused = False
    for name, check in checks:
        refusal = None if refused else check()
        state = (
            GuardState.NOT_REACHED if refused else GuardState.OK if refusal is None else GuardState.REFUSED
        )
        refused = refused or refusal is not None
        yield GuardLine(name, state, refusal)


def _book_line(event: EventGroup, token: TokenId, book: LiveBook | None, trouble: str, at_ms: Ms) -> BookLine:
    market = event.market_of(token)
    side = ("YES", "NO")[token == market.no] if len(event.markets) == 1 else market.name
    ask = book.asks[0] if book is not None and book.asks else None
    fee = market.terms.fee
    return BookLine(
        name=side,
        bid=book.bids[0].price if book is not None and book.bids else None,
        ask=None if ask is None else ask.price,
        on_offer=None if ask is None else ask.size,
        age_ms=None if book is None else at_ms - book.confirmed_ms,
        trouble=trouble,
        fee_rate=None if fee is None else fee.rate,
        fee=None if fee is None or ask is None else taker_fee(fee, ask.price, Size(SIZE_ONE), Rounding.UP),
    )


def _set_cost(desk: Desk, event: EventGroup, books: dict[TokenId, LiveBook]) -> SetCost | None:
    """Return one set's cost at the touch with every charge of the planner; None where a part is unknown."""
    params = desk.settings.dutch
    asks = fees = slippage = 0
    for token in tokens_of(event):
        book, terms = books.get(token), event.market_of(token).terms
        if book is None or not book.asks or terms.fee is None:
            return None
        price = book.asks[0].price
        asks += price * USDC_ONE // PRICE_ONE
        fees += taker_fee(terms.fee, price, Size(SIZE_ONE), Rounding.UP)
        slippage += params.slippage_ticks * terms.tick * USDC_ONE // PRICE_ONE
    buffer = divide(asks * params.fee_bps, BPS_ONE, Rounding.UP)
    outlay = asks + fees + slippage
    carry = divide(outlay * carry_ppm(kind_of(event), params), PPM_ONE, Rounding.UP)
    safety = params.safety_per_set
    return SetCost(
        asks=Usdc(asks),
        fees=Usdc(fees),
        slippage=Usdc(slippage),
        buffer=Usdc(buffer),
        safety=safety,
        carry=Usdc(carry),
        net=Usdc(USDC_ONE - outlay - buffer - safety - carry),
    )


def why_ticket(desk: Desk, ticket: Ticket) -> WhyTicket:
    """Return what a ticket was planned on and what it came to."""
    flight = desk.flights.get(ticket.ticket_id)
    result = None if flight is None else result_of(desk, flight)
    legs = () if result is None else result.legs
    return WhyTicket(
        ticket_id=ticket.ticket_id,
        stage=ticket.state.value,
        note=ticket.note,
        owner=ticket.owner.name,
        plan=ticket.plan,
        legs=tuple(WhyLeg(leg.name, leg.state, leg.wanted, leg.filled, leg.reason) for leg in legs),
        paid=Usdc(0) if result is None else Usdc(result.cash + result.fees),
        sets=Size(0) if result is None else result.sets,
    )

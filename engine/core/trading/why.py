"""`/why`: the inputs of a plan and the guard that refused, as the planner itself sees them now.

Every guard is the planner's own function, asked in the planner's own order; nothing here decides. A ticket's
answer is the plan it carries, with its orders' fates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from engine.core.dutch.best_kind import best_of, unsendable
from engine.core.dutch.draft import carry_ppm
from engine.core.dutch.eligibility import GUARDS, Case
from engine.core.dutch.legs import Want, tokens_of, wants_of
from engine.core.exposure.risk import closed, event_busy, room
from engine.core.feed.proven_books import NEED_EVERY_BOOK, proven_books
from engine.core.planner.segments import BPS_ONE, PPM_ONE
from engine.core.state import Desk
from engine.core.tickets.settling import result_of
from engine.core.tickets.ticket import refuse
from engine.core.trading.dutch_flow import plans_now
from engine.domain.book import Level, LiveBook, NotLive
from engine.domain.commands import AskWhy
from engine.domain.effects import Effect, Reply
from engine.domain.events import Asked
from engine.domain.fees import taker_fee
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup, Side
from engine.domain.plan import Plan, PlanKind, payout_of
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
    """Return every guard's word on an event, as the kind that comes nearest to a trade, and its inputs."""
    found = plans_now(desk, event, None, at_ms)
    best = best_of(found)
    # What is returned is the very plan or refusal of one kind, save for a line of advice.
    kind = best.kind if isinstance(best, Plan) else next(k for k, one in found.items() if one is best)
    lines = tuple(_asked_in_turn(_checks(desk, event, kind, best, at_ms)))
    left, dutch = room(desk, at_ms, event.event_id), desk.settings.dutch
    wants = wants_of(event, kind)
    books = [(want, desk.feeds.live(want.token, at_ms)) for want in wants]
    proven = {want.token: book for want, book in books if isinstance(book, LiveBook)}
    return WhyEvent(
        code=event.code,
        title=event.title,
        kind=kind.value,
        guards=lines,
        books=tuple(
            _book_line(want, proven.get(want.token), book.value if isinstance(book, NotLive) else "", at_ms)
            for want, book in books
        ),
        cost=_set_cost(desk, wants, kind, proven),
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
        plan=best if isinstance(best, Plan) else None,
    )


def _checks(
    desk: Desk, event: EventGroup, kind: PlanKind, best: Plan | Refusal, at_ms: Ms
) -> Iterator[Check]:
    """Yield what a plan must pass, in order; `best` is what the planner said."""
    yield "event free", partial(event_busy, desk, event.event_id, event.code, at_ms)
    case = Case(event, kind, desk.reviewed, desk.settings.dutch.allow_other)
    for guard in GUARDS:
        yield guard.__name__.replace("_", " "), partial(guard, case)
    tokens, whole = tokens_of(event, kind), kind in NEED_EVERY_BOOK
    yield "books proven", lambda: _refusal(proven_books(desk.feeds, event, at_ms, tokens, whole=whole))
    yield "books, edge and caps", lambda: _refusal(best)
    yield "can be sent", lambda: unsendable(best) if isinstance(best, Plan) else None
    sells = isinstance(best, Plan) and best.sells_only
    yield "gate", partial(closed, desk, reduces=sells)


def _refusal(found: object) -> Refusal | None:
    return found if isinstance(found, Refusal) else None


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


def _book_line(want: Want, book: LiveBook | None, trouble: str, at_ms: Ms) -> BookLine:
    facing: Sequence[Level] = ()
    if book is not None:
        facing = book.asks if want.side is Side.BUY else book.bids
    touch = facing[0] if facing else None
    fee = want.market.terms.fee
    return BookLine(
        name=want.name,
        bid=book.bids[0].price if book is not None and book.bids else None,
        ask=book.asks[0].price if book is not None and book.asks else None,
        on_offer=None if touch is None else touch.size,
        age_ms=None if book is None else at_ms - book.confirmed_ms,
        trouble=trouble,
        fee_rate=None if fee is None else fee.rate,
        fee=None
        if fee is None or touch is None
        else taker_fee(fee, touch.price, Size(SIZE_ONE), Rounding.UP),
    )


def _set_cost(
    desk: Desk, wants: Sequence[Want], kind: PlanKind, books: Mapping[TokenId, LiveBook]
) -> SetCost | None:
    """Return one set's cost at the touch with every charge of the planner; None where a part is unknown.

    What sells has no cost.
    """
    params = desk.settings.dutch
    asks = fees = slippage = 0
    for want in wants:
        book, terms = books.get(want.token), want.market.terms
        if want.side is Side.SELL or book is None or not book.asks or terms.fee is None:
            return None
        price = book.asks[0].price
        asks += price * USDC_ONE // PRICE_ONE
        fees += taker_fee(terms.fee, price, Size(SIZE_ONE), Rounding.UP)
        slippage += params.slippage_ticks * terms.tick * USDC_ONE // PRICE_ONE
    payout = payout_of(kind, len(wants))
    buffer = divide(asks * params.fee_bps, BPS_ONE, Rounding.UP)
    outlay = asks + fees + slippage
    carry = divide(outlay * carry_ppm(kind, params), PPM_ONE, Rounding.UP)
    safety = params.safety_per_set
    return SetCost(
        payout=payout,
        asks=Usdc(asks),
        fees=Usdc(fees),
        slippage=Usdc(slippage),
        buffer=Usdc(buffer),
        safety=safety,
        carry=Usdc(carry),
        net=Usdc(payout - outlay - buffer - safety - carry),
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
        legs=tuple(
            WhyLeg(leg.name, leg.state, leg.wanted, leg.filled, leg.reason, leg.is_sent) for leg in legs
        ),
        paid=Usdc(0) if result is None else Usdc(result.cash + result.fees),
        sets=Size(0) if result is None else result.sets,
    )

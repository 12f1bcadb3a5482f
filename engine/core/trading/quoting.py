"""Quoting under grants: after every event each quoted market is looked at, and what follows is sent.

Placing takes the way of every order: a ticket of its own (kind QUOTE), review, both witnesses, one commit.
Nothing here keeps a table of quotes: what rests is read from the desk's orders, whatever told of them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from engine.core.exposure.inventory import sellable
from engine.core.exposure.risk import closed, review
from engine.core.orders.evidence import asked_to_go, cancel
from engine.core.orders.quote_plan import plan_quotes, quote_intent
from engine.core.quotes import SpreadGrant
from engine.core.rate_governor import ORDER_RESERVE
from engine.core.repair.repair_case import enter_flight
from engine.core.spread.batches import CancelBatch, batched
from engine.core.spread.buckets import Allowance, allowance, charge
from engine.core.spread.flow import traded
from engine.core.spread.micro import MICRO_ONE, to_micro
from engine.core.spread.quoter import QuoteContext, reconcile, replaces_after
from engine.core.spread.regime import Regime, Stance, judge
from engine.core.spread.targets import targets
from engine.core.spread.toxicity import QuoteFill, filled
from engine.core.state import Desk, Flight, PendingSend
from engine.core.tickets.ticket import mint_grant, moved, new_ticket
from engine.core.trading.quote_look import COMMITTING, MarketLook, is_quote, look_at
from engine.domain.commands import ListSpreads
from engine.domain.effects import Count, Effect, SendBatch
from engine.domain.events import Asked, BatchCommitted, BatchRefused
from engine.domain.ids import TicketId
from engine.domain.market import Side
from engine.domain.order import Fill, Settlement
from engine.domain.quote import (
    CancelAll,
    Held,
    LiveQuote,
    PlaceQuote,
    QuoteAction,
    QuoteSide,
    Suppressed,
    Target,
)
from engine.domain.rates import Bucket
from engine.domain.refusal import Refusal
from engine.domain.ticket import Move, Ticket, TicketKind
from engine.domain.units import Ms, Price, Rounding, Size, Usdc, complement, notional

NO_REQUEST = 0
"""Nobody waits for an answer: the shell numbers requests from 1."""
SUPPRESSED = "quotes_suppressed_total"
FORGET_MS = 120_000
"""So long after its end the ticket of quotes that bought nothing is forgotten: no answer comes any more."""
FORGET_AT_ONCE = 4
"""Tickets looked at for that with each new one."""


def decide(
    desk: Desk, grant: SpreadGrant, at_ms: Ms
) -> tuple[MarketLook | None, Stance | None, list[Effect]]:
    """Look at one quoted market and do what follows; returns the look and the stance for the panel."""
    look = look_at(desk, grant, at_ms)
    if look is None:
        return None, None, []
    stance = judge(look.signs, look.market, grant.knobs, at_ms)
    wanted: list[Target] = []
    withheld: dict[QuoteSide, Held] = {}
    told: set[tuple[QuoteSide | None, Held]] = set()
    if not stance.pulls:
        view = replace(look.view, reduce_only=stance.regime is Regime.REDUCE_ONLY)
        for found in targets(look.market, grant.knobs, view):
            if isinstance(found, Target):
                wanted.append(found)
            else:
                told.add((found.side, found.why))
                sides = (found.side,) if found.side is not None else tuple(QuoteSide)
                withheld |= dict.fromkeys(sides, found.why)
    # What is just being committed has no id to cancel: its own commit is looked at again.
    live = tuple(quote for quote in look.live if quote.order_id != COMMITTING or not stance.pulls)
    bids, asks = look.view.bids, look.view.asks
    context = QuoteContext(
        at_ms=at_ms,
        stance=stance,
        best_bid=bids[0].price if bids else None,
        best_ask=asks[0].price if asks else None,
        has_fair_value=look.view.fair is not None,
        allowance=_allowance(desk, grant, at_ms),
        replaces=grant.replaces,
        withheld_bid=withheld.get(QuoteSide.BID),
        withheld_ask=withheld.get(QuoteSide.ASK),
    )
    actions = reconcile(wanted, live, look.market, grant.knobs, context)
    actions = tuple(_that_fit(desk, grant, look, actions))
    charge(actions, grant.buckets, desk.quoter.everywhere, at_ms)
    grant.replaces = replaces_after(grant.replaces, actions, live, at_ms)
    effects = [*_pull(grant, stance), *_carry_out(desk, grant, look, actions, at_ms)]
    told |= {(action.side, action.why) for action in actions if isinstance(action, Suppressed)}
    return look, stance, [*effects, *_counted(grant, told)]


def _allowance(desk: Desk, grant: SpreadGrant, at_ms: Ms) -> Allowance:
    """Return what the operator's buckets and the venue's leave."""
    own = allowance(grant.buckets, desk.quoter.everywhere, at_ms)
    tokens = desk.rates.remaining(Bucket.ORDERS, at_ms) - ORDER_RESERVE - desk.quoter.leaving
    free = 0 if at_ms < desk.rates.blocked_until_ms else max(0, tokens)
    return replace(own, quotes=min(own.quotes, free))


def _that_fit(
    desk: Desk, grant: SpreadGrant, look: MarketLook, actions: Iterable[QuoteAction]
) -> Iterable[QuoteAction]:
    """Yield the actions, with a suppression for each order that may not leave, or would be too much.

    Too much is what breaks a limit if everything that rests is filled.

    Prices and sizes were chosen as if everything else was as wanted; what still rests may be larger.
    """
    held = {side: _worst(look, side) for side in QuoteSide}
    to_sell = int(sellable(desk, look.market.yes))
    bound = int(look.bound)
    shut = closed(desk, rests=True) is not None
    for action in actions:
        if not isinstance(action, PlaceQuote):
            yield action
            continue
        target = action.target
        if shut:
            yield Suppressed(target.side, Held.CLOSED)
            continue
        sells = target.order_side is Side.SELL
        cost = 0 if sells else notional(target.price, target.size, Rounding.UP)
        after = held[target.side] + target.size
        too_much = after > grant.knobs.inventory_max
        if too_much or (sells and target.size > to_sell) or bound + cost > grant.resting_max:
            yield Suppressed(target.side, Held.INVENTORY)
            continue
        held[target.side] = after
        to_sell -= target.size if sells else 0
        bound += cost
        yield action


def _worst(look: MarketLook, side: QuoteSide) -> int:
    """Return the inventory towards one side if everything that rests there is filled and nothing else is."""
    net = look.view.net if side is QuoteSide.BID else -look.view.net
    return net + sum(quote.left for quote in look.live if quote.side is side)


def _pull(grant: SpreadGrant, stance: Stance) -> list[Effect]:
    """Count why everything goes, when it begins to."""
    before, grant.pulled = grant.pulled, stance.pulls[0].value if stance.pulls else ""
    if not stance.pulls or before == grant.pulled:
        return []
    return [Count("quotes_pulled_total", stance.pulls[0].name.lower())]


def _counted(grant: SpreadGrant, told: set[tuple[QuoteSide | None, Held]]) -> list[Effect]:
    """Count what is suppressed now and was not at the decision before: books change many times a second."""
    news = sorted((why.value for side, why in told if (side, why) not in grant.held))
    grant.held = frozenset(told)
    return [Count(SUPPRESSED, why) for why in news]


def _carry_out(
    desk: Desk, grant: SpreadGrant, look: MarketLook, actions: tuple[QuoteAction, ...], at_ms: Ms
) -> list[Effect]:
    effects: list[Effect] = []
    if any(isinstance(action, CancelAll) for action in actions):
        # By ids, in one request: what else the desk has on this market is nobody's quote.
        effects += take_off(desk, look.live, at_ms)
    for batch in batched(actions):
        if isinstance(batch, CancelBatch):
            effects += cancel(desk, batch.order_ids, at_ms)
        else:
            effects += _place(desk, grant, look, batch.targets, at_ms)
    return effects


def take_off(desk: Desk, quotes: Iterable[LiveQuote], at_ms: Ms) -> list[Effect]:
    """Cancel these quotes, all that have an id and are not on their way out."""
    ids = [
        q.order_id
        for q in quotes
        if q.order_id != COMMITTING and not asked_to_go(desk, desk.orders[q.order_id])
    ]
    return cancel(desk, ids, at_ms) if ids else []


def _place(
    desk: Desk, grant: SpreadGrant, look: MarketLook, wanted: tuple[Target, ...], at_ms: Ms
) -> list[Effect]:
    """Send one batch under a ticket of its own, or count what speaks against it."""
    assert look.book is not None, "expected a proven book behind every quote"
    desk.quoter.attempts += 1
    owner = desk.tickets[grant.ticket_id]
    key = f"{grant.ticket_id}:{owner.created_ms}:{desk.quoter.attempts}"
    plan = plan_quotes(
        look.group,
        look.listed,
        wanted,
        tick=look.market.tick,
        key=key,
        at_ms=at_ms,
        books_ms=look.book.confirmed_ms,
    )
    approved = review(desk, plan, at_ms)
    if isinstance(approved, Refusal):
        return [Count(SUPPRESSED, approved.kind.value)]
    sent = _ticket(desk, grant, owner, key, at_ms)
    sent = desk.tickets[sent.ticket_id] = replace(sent, plan=plan)
    witness = mint_grant(desk, sent, approved, at_ms)
    desk.committing[sent.ticket_id] = PendingSend(NO_REQUEST, plan)
    desk.quoter.leaving += len(plan.legs)
    fresh_ms = min(desk.settings.dutch.max_book_age_ms, grant.knobs.stale_ms)
    intents = tuple(
        quote_intent(
            plan,
            leg,
            sent.ticket_id,
            at_ms=at_ms,
            offset_ms=desk.venue_offset_ms,
            ends_ms=grant.expires_ms,
            margin_ms=desk.settings.orders.gtd_margin_ms,
            fresh_ms=Ms(fresh_ms),
        )
        for leg in plan.legs
    )
    return [SendBatch(None, sent, plan, intents, approved, witness)]


def _ticket(desk: Desk, grant: SpreadGrant, owner: Ticket, key: str, at_ms: Ms) -> Ticket:
    """Return a new ticket that is being sent. It has no card, and its one row is written with its orders."""
    entropy = int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "big")
    asked = Asked(at_ms, NO_REQUEST, owner.owner, owner.chat_id, ListSpreads(), entropy)
    opened, _ = new_ticket(desk, asked, TicketKind.QUOTE, subject=grant.ticket_id)
    armed, _ = moved(desk, opened, Move.CONFIRM, at_ms)
    sent, _ = moved(desk, armed, Move.SEND, at_ms)
    return replace(sent, expires_ms=grant.expires_ms)


def committed(desk: Desk, event: BatchCommitted) -> list[Effect]:
    """Take over quotes that are durable and on their way; those of a grant that has ended go at once."""
    ticket = event.ticket
    assert ticket.plan is not None, f"expected a sent ticket to carry its plan: {ticket.ticket_id}"
    del desk.committing[ticket.ticket_id]
    for order in event.orders:
        desk.orders[order.order_id] = order
    ids = tuple(order.order_id for order in event.orders)
    flight = Flight(
        ticket_id=ticket.ticket_id,
        event_id=ticket.plan.event_id,
        order_ids=ids,
        sent_ms=event.at_ms,
        witnesses=(event.approved, event.grant),
    )
    enter_flight(desk, flight)
    _forget_old(desk, event.at_ms)
    desk.quoter.sent.append(ticket.ticket_id)
    effects: list[Effect] = [Count("quotes_placed_total", "", len(ids))]
    if TicketId(ticket.subject) not in desk.quoter.grants:
        effects += cancel(desk, ids, event.at_ms)
    return effects


def not_committed(desk: Desk, event: BatchRefused) -> list[Effect]:
    """Forget quotes whose commit did not happen: nothing was sent, and there is no row."""
    del desk.committing[event.ticket.ticket_id], desk.tickets[event.ticket.ticket_id]
    return [Count(SUPPRESSED, "commit")]


def _forget_old(desk: Desk, at_ms: Ms) -> None:
    """Forget the tickets of quotes that ended a while ago and bought nothing; their orders stay known.

    Of what was filled the ticket stays as long as any other's: cost and inventory are counted by it.
    """
    sent = desk.quoter.sent
    for _ in range(min(FORGET_AT_ONCE, len(sent))):
        ticket_id = sent.popleft()
        flight = desk.flights[ticket_id]
        if flight.ended_ms is None or not flight.settled or at_ms - flight.ended_ms < FORGET_MS:
            sent.append(ticket_id)
        elif not any(desk.orders[order_id].filled for order_id in flight.order_ids):
            del desk.flights[ticket_id], desk.tickets[ticket_id]


def note_fills(desk: Desk, at_ms: Ms) -> None:
    """Take note of fills of quotes that were booked since the last look, for inventory and for the panels."""
    quoter = desk.quoter
    new = len(desk.fills) - quoter.fills_seen
    if new <= 0:
        return
    newest = [key for key, _ in zip(reversed(desk.fills), range(new), strict=False)]
    quoter.fills_seen = len(desk.fills)
    for key in reversed(newest):
        _note_fill(desk, desk.fills[key], at_ms)


def _note_fill(desk: Desk, fill: Fill, at_ms: Ms) -> None:
    order = desk.orders.get(fill.order_id)
    if order is None or not is_quote(desk, order):
        return
    intent = order.intent
    desk.quoter.filled.setdefault(intent.condition_id, {})[order.order_id] = None
    ticket = desk.tickets.get(intent.ticket_id)
    grant = None if ticket is None else desk.quoter.grants.get(TicketId(ticket.subject))
    if grant is None or grant.pulse.last_fair is None or fill.settlement is Settlement.FAILED:
        return
    fair, is_yes = grant.pulse.last_fair, intent.token_id == grant.market.yes
    bid = is_yes == (fill.side is Side.BUY)
    yes = intent.price if is_yes else complement(intent.price)
    grant.tally.captured[fill.trade_id, fill.order_id] = _captured(fair, yes, fill.size, bid=bid)
    side = QuoteSide.BID if bid else QuoteSide.ASK
    pulse = grant.pulse
    pulse.toxicity = filled(pulse.toxicity, QuoteFill(side, fair, fill.size, at_ms))
    # Our own fills are the trades whose side is certain: who filled a bid of ours has sold.
    taker = Side.SELL if bid else Side.BUY
    half = grant.knobs.vol_halflife_ms
    pulse.flow = traded(pulse.flow, taker, fill.size, at_ms=at_ms, halflife_ms=half)


def _captured(fair: int, yes: Price, size: Size, *, bid: bool) -> Usdc:
    gap = fair - to_micro(yes)
    return Usdc((gap if bid else -gap) * size // MICRO_ONE)

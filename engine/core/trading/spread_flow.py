"""The ticket of a grant to quote one market: dry, confirm, in force, ended. It lets the desk place quotes.

In force it is `SENDING`; what is placed under it has tickets of its own. It ends by `/spread stop`, by time,
by any halt or tripped breaker, when the market's rules change or it takes no orders, and with the process.
Whatever ends it, its quotes are cancelled in the same step.
"""

from dataclasses import replace

from engine.core.chain.chain_flow import merge_due
from engine.core.exposure.risk import ALONE, closed, event_flying
from engine.core.orders.order_plan import Outcome, find_outcome
from engine.core.quotes import SpreadGrant
from engine.core.rules.rules_watch import rules_hold
from engine.core.spread.buckets import market_buckets
from engine.core.spread.regime import Stance
from engine.core.spread.targets import targets
from engine.core.state import Desk
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import may_open, moved, new_ticket, refuse
from engine.core.trading.quote_look import MarketLook, live_quotes, look_at, quoted_market, rules_changed
from engine.core.trading.quote_panel import ended, panel, preview
from engine.core.trading.quoting import decide, note_fills, take_off
from engine.domain.book import LiveBook
from engine.domain.commands import ListSpreads, OpenSpread, OutcomeRef, Press, StopSpread
from engine.domain.effects import (
    Audit,
    CancelOrders,
    Effect,
    RaiseAlert,
    Reply,
    SaveTicket,
    SetTimer,
    ShowTicket,
)
from engine.domain.events import Asked, BooksTouched, Event, Job, JobDue
from engine.domain.ids import ConditionId, TicketId
from engine.domain.market import EventGroup, Market, rules_hash
from engine.domain.quote import Target
from engine.domain.quote_views import SpreadRow, SpreadsEndedView, SpreadsView, SpreadView
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import MOVES, Claim, Move, SpreadTerms, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Rounding, Size, format_cents, format_size
from engine.domain.views import Alert, Gate, Severity

SPREAD_TIMER = "spread"
INVENTORY_QUOTES = 3
"""A grant may hold so many quotes of one side net, and never more than the TOML allows."""
PANEL_EVERY_MS = 5_000
"""A panel of which only prices have moved is shown again at most so often."""
PANEL_AT_ONCE_MS = 1_000
"""The same where something was filled or taken off."""
ROWS_MAX = 12


def list_spreads(desk: Desk, asked: Asked, _command: ListSpreads) -> list[Effect]:
    """Answer `/spread` with the markets that could be quoted, the widest first."""
    least = desk.settings.spread.knobs.min_spread_ticks
    granted = {grant.market.condition_id: grant.ticket_id for grant in desk.quoter.grants.values()}
    rows = []
    for group in desk.events.values():
        for market in group.markets:
            row = _row(desk, group, market, granted.get(market.condition_id), asked.at_ms)
            if row is not None and (row.granted or row.ask - row.bid >= least * row.tick):
                rows.append(row)
    rows.sort(key=lambda row: (row.granted is None, -((row.ask - row.bid) // row.tick), row.code, row.name))
    return [Reply(asked.request, SpreadsView(tuple(rows[:ROWS_MAX])))]


def _row(
    desk: Desk, group: EventGroup, market: Market, granted: TicketId | None, at_ms: Ms
) -> SpreadRow | None:
    book = desk.feeds.live(market.yes, at_ms)
    if not isinstance(book, LiveBook) or not market.terms.tradable or market.terms.fee is None:
        return None
    bid, ask = book.bids[0], book.asks[0]
    name = market.name if len(group.markets) > 1 else ""
    depth = Size(min(bid.size, ask.size))
    return SpreadRow(group.code, name, bid.price, ask.price, book.tick, depth, granted)


def open_spread(desk: Desk, asked: Asked, command: OpenSpread) -> list[Effect]:
    """Open the dry ticket of a grant to quote; nothing is sent before both presses."""
    subject = f"/spread {command.code}"
    refusal = may_open(desk, asked)
    if refusal is not None:
        return refuse(asked, subject, refusal)
    outcome = find_outcome(desk.events.values(), OutcomeRef(code=command.code, name=command.name))
    if isinstance(outcome, Refusal):
        return refuse(asked, subject, outcome)
    terms = _terms(desk, outcome, command)
    refusal = _not_quotable(desk, outcome, terms, asked.at_ms)
    if refusal is not None:
        return refuse(asked, subject, refusal)
    ticket, effects = new_ticket(desk, asked, TicketKind.SPREAD, subject=command.code, spread=terms)
    desk.quoter.cards[ticket.ticket_id] = _previewed(desk, ticket, asked.at_ms)
    return [*effects, Reply(asked.request, view_of(desk, ticket))]


def _terms(desk: Desk, outcome: Outcome, command: OpenSpread) -> SpreadTerms:
    """Return the grant that is asked for: the TOML's bounds, and within them what was typed."""
    rules, event, market = desk.settings.spread, outcome.event, outcome.market
    size = rules.knobs.base_size if command.size is None else command.size
    half = rules.knobs.min_half_spread_ticks if command.half_ticks is None else command.half_ticks
    return SpreadTerms(
        condition_id=market.condition_id,
        name=market.name if len(event.markets) > 1 else "",
        size=size,
        half_ticks=half,
        inventory=Size(min(rules.knobs.inventory_max, INVENTORY_QUOTES * size)),
        resting=rules.resting_max,
        lasts_ms=command.lasts_ms,
    )


def _not_quotable(desk: Desk, outcome: Outcome, terms: SpreadTerms, at_ms: Ms) -> Refusal | None:
    """Return why this market may not be quoted on these terms, whatever its prices are."""
    event, market = outcome.event, outcome.market
    if not market.terms.tradable:
        text = f'expected "{market.name}" open for orders, found it closed or not accepting; wait'
        return Refusal(RefusalKind.NOT_TRADABLE, text)
    if market.terms.fee is None:
        text = f'expected a fee schedule for "{market.name}", found none; wait for the next catalogue read'
        return Refusal(RefusalKind.FEE_UNKNOWN, text)
    held = rules_hold(desk, event.event_id, event.code) or _frozen(desk, event)
    return (
        held
        or _taken(desk, market.condition_id)
        or _wrong_size(desk, market, terms)
        or event_flying(desk, event.event_id, event.code, apart=_beside(desk))
        or _no_book(desk, market, at_ms)
    )


def _frozen(desk: Desk, event: EventGroup) -> Refusal | None:
    why = desk.frozen.get(event.event_id)
    if why is None:
        return None
    text = f"{event.code} takes no orders: {why}; look at what is held, then /resume {event.code}"
    return Refusal(RefusalKind.FROZEN, text)


def _taken(desk: Desk, condition_id: ConditionId) -> Refusal | None:
    grants = desk.quoter.grants.values()
    other = next((grant for grant in grants if grant.market.condition_id == condition_id), None)
    if other is None:
        return None
    text = f"expected no grant on this market, found {other.ticket_id}: /spread stop ends it"
    return Refusal(RefusalKind.IN_FLIGHT, text)


def _wrong_size(desk: Desk, market: Market, terms: SpreadTerms) -> Refusal | None:
    least, most = market.terms.min_size, desk.settings.spread.knobs.inventory_max
    if least <= terms.size <= most:
        return None
    text = (
        f"expected {format_size(least)} to {format_size(most)} shares a quote, found "
        f"{format_size(terms.size)}: choose another size"
    )
    return Refusal(RefusalKind.MIN_SIZE if terms.size < least else RefusalKind.CAPS, text)


def _beside(desk: Desk) -> set[TicketId]:
    """Return the tickets beside which quotes may stand: orders by themselves, and other quotes."""
    sent = (*desk.flights, *desk.committing)
    return {ticket_id for ticket_id in sent if desk.tickets[ticket_id].kind in ALONE}


def _no_book(desk: Desk, market: Market, at_ms: Ms) -> Refusal | None:
    book = desk.feeds.live(market.yes, at_ms)
    if isinstance(book, LiveBook):
        return None
    text = f"expected a proven book for {market.name}, found: {book.value}; try again when the feed is live"
    return Refusal(RefusalKind.BOOK_NOT_LIVE, text)


def _grant(desk: Desk, ticket: Ticket, at_ms: Ms) -> SpreadGrant | Refusal:
    """Return the grant that a ticket asks for as its market is listed now, or why it cannot be."""
    terms = ticket.spread
    assert terms is not None, f"expected {ticket.ticket_id} to carry the terms of a grant"
    group = next((group for group in desk.events.values() if group.code == ticket.subject), None)
    listed = () if group is None else group.markets
    market = next((m for m in listed if m.condition_id == terms.condition_id), None)
    if group is None or market is None:
        return Refusal(RefusalKind.STRUCTURE, f"{ticket.subject} is not in the catalogue any more")
    refusal = _not_quotable(desk, Outcome(group, market, market.yes), terms, at_ms)
    if refusal is not None:
        return refusal
    rules = desk.settings.spread
    knobs = replace(
        rules.knobs,
        base_size=terms.size,
        min_half_spread_ticks=terms.half_ticks,
        inventory_max=terms.inventory,
    )
    return SpreadGrant(
        ticket_id=ticket.ticket_id,
        event_id=group.event_id,
        market=quoted_market(desk, group, market, market.terms.tick, at_ms),
        knobs=knobs,
        resting_max=terms.resting,
        rules_hash=rules_hash(group),
        expires_ms=Ms(at_ms + terms.lasts_ms),
        buckets=market_buckets(knobs, at_ms),
    )


def _previewed(desk: Desk, ticket: Ticket, at_ms: Ms) -> SpreadView:
    """Return what the grant of an open ticket would rest now."""
    grant = _grant(desk, ticket, at_ms)
    assert isinstance(grant, SpreadGrant), f"expected a market that can be quoted: {grant}"
    look = look_at(desk, grant, at_ms)
    assert look is not None, f"expected {ticket.subject} to be listed: it was asked before"
    found = targets(look.market, grant.knobs, look.view)
    why = ", ".join(sorted({one.why.value for one in found if not isinstance(one, Target)}))
    return preview(grant, look, tuple(one for one in found if isinstance(one, Target)), why)


def press_spread(desk: Desk, asked: Asked, press: Press, ticket: Ticket) -> list[Effect]:
    """Carry out a press on the ticket of a grant to quote; its Send is the beginning of the grant."""
    if press.move is Move.DROP:
        note = f"dropped by {asked.operator.name}, nothing was sent"
        after, effects = moved(desk, ticket, Move.DROP, asked.at_ms, note=note)
        desk.quoter.cards.pop(ticket.ticket_id, None)
        return [*effects, Reply(asked.request, view_of(desk, after))]
    grant = _grant(desk, ticket, asked.at_ms)
    if press.move is Move.SEND:
        refusal = closed(desk, rests=True) or (grant if isinstance(grant, Refusal) else None)
        if refusal is not None:
            return refuse(asked, ticket.ticket_id, refusal)
        assert isinstance(grant, SpreadGrant), f"expected a grant: {grant}"
        return _begin(desk, asked, ticket, grant)
    if isinstance(grant, Refusal):
        return refuse(asked, ticket.ticket_id, grant)
    after, effects = moved(desk, ticket, press.move, asked.at_ms)
    desk.quoter.cards[ticket.ticket_id] = _previewed(desk, after, asked.at_ms)
    return [*effects, Reply(asked.request, view_of(desk, after))]


def press_quote(_desk: Desk, asked: Asked, press: Press, _ticket: Ticket) -> list[Effect]:
    """Refuse: the ticket of quotes has no card, its grant's has the button."""
    text = f"{press.ticket_id} holds quotes of a grant and takes no presses: /spread stop ends them"
    return refuse(asked, press.ticket_id, Refusal(RefusalKind.STALE_BUTTON, text))


def _begin(desk: Desk, asked: Asked, ticket: Ticket, grant: SpreadGrant) -> list[Effect]:
    confirmed, effects = moved(desk, ticket, Move.SEND, asked.at_ms)
    after = desk.tickets[ticket.ticket_id] = replace(confirmed, expires_ms=grant.expires_ms)
    desk.quoter.grants[ticket.ticket_id] = grant
    stored = [replace(e, ticket=after) if isinstance(e, SaveTicket) else e for e in effects]
    return [
        *stored,
        SetTimer(f"{SPREAD_TIMER}:{ticket.ticket_id}", grant.expires_ms),
        Reply(asked.request, view_of(desk, after)),
    ]


def stop_spread(desk: Desk, asked: Asked, _command: StopSpread) -> list[Effect]:
    """End every grant to quote: `/spread stop`."""
    grants = list(desk.quoter.grants.values())
    effects: list[Effect] = []
    for grant in grants:
        effects += _end(desk, grant, f"stopped by {asked.operator.name}", asked.at_ms, aloud=False)
    cancelled = sum(len(effect.order_ids) for effect in effects if isinstance(effect, CancelOrders))
    view = SpreadsEndedView(tuple(grant.ticket_id for grant in grants), cancelled)
    return [*effects, Reply(asked.request, view)]


def spread_timer(desk: Desk, ticket_id: TicketId, at_ms: Ms) -> list[Effect]:
    """Set the timer again if it came early by a rounded millisecond; what is over is ended by `tend`."""
    grant = desk.quoter.grants.get(ticket_id)
    if grant is None or at_ms >= grant.expires_ms:
        return []
    return [SetTimer(f"{SPREAD_TIMER}:{ticket_id}", grant.expires_ms)]


def tend(desk: Desk, event: Event) -> list[Effect]:
    """After every event: note fills, end grants that are over, look at the markets of the others.

    Books that changed concern their own markets alone; anything else may concern all.
    """
    touched, desk.quoter.touched = desk.quoter.touched, set()
    at_ms = event.at_ms
    # Also without a grant: what fills after one has ended is inventory of the next.
    note_fills(desk, at_ms)
    if not desk.quoter.grants:
        return []
    desk.quoter.leaving = 0
    effects: list[Effect] = []
    for grant in list(desk.quoter.grants.values()):
        why = _over(desk, grant, at_ms)
        if why is not None:
            effects += _end(desk, grant, why, at_ms, aloud=True)
            continue
        if not isinstance(event, BooksTouched) or grant.market.condition_id in touched:
            look, stance, done = decide(desk, grant, at_ms)
            effects += [*done, *_show(desk, grant, look, stance, at_ms)]
        if isinstance(event, JobDue) and event.job is Job.DUTCH_SCAN:
            effects += merge_due(desk, grant.event_id, at_ms, spare=grant.failed_merges)
    return effects


def _over(desk: Desk, grant: SpreadGrant, at_ms: Ms) -> str | None:
    """Return why a grant is over, None while it is in force."""
    if desk.gate in (Gate.HALTED, Gate.REDUCING):
        return f"the desk is {desk.gate.value}: {desk.gate_reason}"
    if at_ms >= grant.expires_ms:
        return "its time is over"
    return rules_changed(desk, grant)


def _show(
    desk: Desk, grant: SpreadGrant, look: MarketLook | None, stance: Stance | None, at_ms: Ms
) -> list[Effect]:
    """Bring the panel up to date, not more often than a chat can bear."""
    if look is None or stance is None or at_ms - grant.shown_ms < PANEL_AT_ONCE_MS:
        return []  # before it is made: books change many times a second
    now, before = panel(desk, grant, look, stance), grant.shown
    loud = before is None or _news(now) != _news(before)
    pause = PANEL_AT_ONCE_MS if loud else PANEL_EVERY_MS
    if now == before or at_ms - grant.shown_ms < pause:
        return []
    grant.shown, grant.shown_ms = now, at_ms
    grant.revision += 1
    desk.quoter.cards[grant.ticket_id] = now
    return [ShowTicket(view_of(desk, desk.tickets[grant.ticket_id]), aloud=False)]


def _news(view: SpreadView) -> tuple[object, ...]:
    """Return what people wait for: a fill, another regime, a quote more or less."""
    return view.fills, view.regime, len(view.quotes)


def _end(desk: Desk, grant: SpreadGrant, why: str, at_ms: Ms, *, aloud: bool) -> list[Effect]:
    """End a grant and take its quotes off; what is being committed is cancelled by its commit."""
    del desk.quoter.grants[grant.ticket_id]
    effects = take_off(desk, live_quotes(desk, grant.market), at_ms)
    final = desk.quoter.cards[grant.ticket_id] = ended(desk, grant)
    total = "0.00" if final.profit is None else format_cents(final.profit.total, Rounding.DOWN)
    note = f"{why}; {final.fills} fills, {total} USDC at the fair value, net {format_size(final.net)} YES"
    done, saved = _ended(desk, desk.tickets[grant.ticket_id], note, at_ms)
    effects += [*saved, ShowTicket(view_of(desk, done), aloud=aloud)]
    if aloud and at_ms < grant.expires_ms:
        alert = Alert(
            key=f"spread:{grant.ticket_id}",
            severity=Severity.WARN,
            subject=f"quoting {grant.ticket_id} ended",
            text=note,
            next_step="its quotes are being cancelled; look at /status, then /spread again if it shall go on",
        )
        effects.append(RaiseAlert(alert))
    return effects


def _ended(desk: Desk, ticket: Ticket, note: str, at_ms: Ms) -> tuple[Ticket, list[Effect]]:
    state, version = MOVES[ticket.state, Move.COMPLETE], ticket.version + 1
    after = replace(ticket, state=state, version=version, note=note, rendered_ms=at_ms)
    desk.tickets[ticket.ticket_id] = after
    return after, [
        SaveTicket(after, Claim(ticket.ticket_id, ticket.state, ticket.version)),
        Audit(at_ms, ticket.owner, "quoting ended", ticket.ticket_id, note),
    ]


def taken_up(desk: Desk, ticket: Ticket, at_ms: Ms) -> list[Effect]:
    """End, after a restart, a grant that was in force or being opened; its quotes are cancelled already."""
    if ticket.state is TicketState.SENDING:
        mine = [t.ticket_id for t in desk.tickets.values() if t.subject == ticket.ticket_id]
        going = sum(
            not desk.orders[order_id].state.is_final
            for ticket_id in mine
            if ticket_id in desk.flights
            for order_id in desk.flights[ticket_id].order_ids
        )
        note = f"the desk was restarted: no grant survives that; {going} quotes are being cancelled"
        after, effects = _ended(desk, ticket, note, at_ms)
        return [*effects, ShowTicket(view_of(desk, after), aloud=True)]
    note = "the desk was restarted: ask for the grant again"
    after, effects = moved(desk, ticket, Move.DROP, at_ms, note=note)
    return [*effects, ShowTicket(view_of(desk, after), aloud=False)]

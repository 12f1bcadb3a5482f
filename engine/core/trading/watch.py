"""What is watched: the catalogue taken in, its books tracked, the Dutch scan, the dashboard's facts."""

from collections.abc import Mapping

from engine.core.chain.conversion_advice import conversion_advice
from engine.core.dutch.event_plan import scan_row
from engine.core.exposure.capital import locked_capital, locked_lines
from engine.core.exposure.inventory import holdings, shares
from engine.core.exposure.risk import event_busy, spent_today
from engine.core.feed.feeds import TrackedToken
from engine.core.rules.rules_watch import compare_rules
from engine.core.state import Announced, Desk, live_orders
from engine.core.tickets.grants import grant_lines
from engine.core.trading.dutch_flow import plan_now
from engine.domain.effects import Audit, Count, Effect, ReadCatalogue, Reply
from engine.domain.events import Asked, CatalogueRead, VenueNotice
from engine.domain.frames import NewMarket
from engine.domain.ids import ConditionId, EventId
from engine.domain.market import EventGroup, Market
from engine.domain.order import OrderState
from engine.domain.units import Ms, Usdc, format_scaled, format_size
from engine.domain.views import ScanRow, ScanView, StatusView


def catalogue_read(desk: Desk, event: CatalogueRead) -> list[Effect]:
    """Take in a whole catalogue: codes, tracked books, and rules that are not the reviewed ones any more."""
    # Each event is compared with the last read before that is replaced, and told of after what books need.
    rules = [effect for group in event.events for effect in compare_rules(desk, group, event.at_ms)]
    listed = {group.event_id: group for group in event.events}
    desk.unlisted = _held_and_gone(desk, listed)
    desk.events = listed
    desk.codes = {group.code: group.event_id for group in event.events}
    desk.venue_offset_ms = event.venue_offset_ms
    desk.catalogue_failures = 0
    _caught_up(desk, event.asked_ms)
    tracked = [t for group in event.events for market in group.markets for t in tokens_of(group.code, market)]
    effects = [*desk.feeds.track(tracked, event.at_ms), *rules]
    desk.runner.detector.watch(event.events, desk.settings.dutch, desk.feeds)
    desk.runner.dirty = set(desk.runner.detector.hot)
    return effects


def _held_and_gone(desk: Desk, listed: Mapping[EventId, EventGroup]) -> dict[EventId, EventGroup]:
    """Return the events that the listing has dropped while something of them is held."""
    held = shares(desk)
    known = {**desk.unlisted, **desk.events}
    return {
        event_id: group
        for event_id, group in known.items()
        if event_id not in listed and any(held.get(t) for m in group.markets for t in (m.yes, m.no))
    }


def venue_notice(desk: Desk, event: VenueNotice) -> list[Effect]:
    """Ask the catalogue what a listing or an answer means: the stream's word alone moves nothing."""
    notice = event.notice
    if isinstance(notice, NewMarket):
        event_id, text = notice.event_id, f"a new outcome was listed: {notice.question}"
    else:
        event_id, text = _event_in(desk.events, notice.condition_id), "one of its markets has an answer"
        known = event_id is not None or _event_in(desk.unlisted, notice.condition_id) is not None
        if known and notice.winner is not None:
            desk.answers[notice.condition_id] = notice.winner
    held = [] if event_id is None else announced(desk, event_id, text, event.at_ms)
    return held or [ReadCatalogue()]


def _event_in(events: Mapping[EventId, EventGroup], condition_id: ConditionId) -> EventId | None:
    for event_id, group in events.items():
        if any(market.condition_id == condition_id for market in group.markets):
            return event_id
    return None


def announced(desk: Desk, event_id: EventId, text: str, at_ms: Ms) -> list[Effect]:
    """Take in what the venue announced about an event: a new outcome, a resolution.

    A watched event takes no plans from here on until a catalogue read that began later has arrived, which is
    asked for at once. Nothing comes back for an event that is not watched. `text` ends up in refusals.
    """
    group = desk.events.get(event_id)
    if group is None:
        return []
    desk.announced[event_id] = Announced(at_ms, text)
    return [
        Count("catalogue_announced_total", ""),
        Audit(at_ms, None, "announced", group.code, text),
        ReadCatalogue(),
    ]


def _caught_up(desk: Desk, asked_ms: Ms) -> None:
    """Release the events whose announcement had arrived when the catalogue read of `asked_ms` began.

    The same millisecond is enough: what has arrived here was true at the venue before that read got there.
    """
    desk.announced = {key: held for key, held in desk.announced.items() if held.at_ms > asked_ms}


def tokens_of(code: str, market: Market) -> tuple[TrackedToken, ...]:
    """Return both tokens of a market that can trade; books of others are not worth a subscription."""
    if not market.terms.tradable:
        return ()
    tick = market.terms.tick
    texts = (format_size(market.terms.min_size), format_scaled(tick, 4))
    return tuple(
        TrackedToken(
            token_id=token,
            condition_id=market.condition_id,
            complement=other,
            tick=tick,
            min_order_size_text=texts[0],
            tick_text=texts[1],
            neg_risk=market.neg_risk,
            name=f"{code} {market.name}",
        )
        for token, other in ((market.yes, market.no), (market.no, market.yes))
    )


def scan(desk: Desk, at_ms: Ms) -> tuple[ScanRow, ...]:
    """Return every watched event with its best plan or its refusal, best first."""
    rows = []
    for group in desk.events.values():
        planned = event_busy(desk, group.event_id, group.code, at_ms) or plan_now(desk, group, None, at_ms)
        books = {m.yes: desk.feeds.live(m.yes, at_ms) for m in group.markets}
        rows.append(scan_row(group, books, planned))
    return tuple(sorted(rows, key=lambda row: (-(row.margin or 0), row.ask_sum or 1 << 30, row.code)))


def scan_asked(desk: Desk, asked: Asked) -> list[Effect]:
    """Answer `/dutch` with the scan."""
    return [Reply(asked.request, ScanView(scan(desk, asked.at_ms)))]


def status(desk: Desk, at_ms: Ms) -> StatusView:
    """Return the dashboard's facts."""
    feeds = desk.feeds.status(at_ms)
    live = list(live_orders(desk))
    locked = locked_capital(desk, at_ms)
    return StatusView(
        gate=desk.gate,
        gate_reason=desk.gate_reason,
        feeds_live=feeds.live,
        feeds_total=feeds.total,
        feed_problems=feeds.problems,
        events_watched=len(desk.events),
        open_orders=len(live),
        unknown_orders=sum(1 for order in live if order.state is OrderState.UNKNOWN),
        tickets_open=sum(1 for ticket in desk.tickets.values() if ticket.state.is_open),
        spent_today=spent_today(desk, at_ms),
        cap_day=desk.settings.caps.day,
        wallet=desk.balance,
        resyncs=feeds.resyncs,
        rejects=desk.rejects,
        holdings=holdings(desk),
        frozen=tuple(f"{_code(desk, event_id)}: {why}" for event_id, why in _frozen(desk)),
        advice=conversion_advice(desk, at_ms),
        grants=grant_lines(desk),
        locked=locked_lines(locked),
        capital_locked=Usdc(sum(row.cost for row in locked)),
    )


def _frozen(desk: Desk) -> list[tuple[EventId, str]]:
    rules = [(freeze.event_id, freeze.reason) for freeze in desk.rules_frozen.values()]
    return sorted([*desk.frozen.items(), *rules])


def _code(desk: Desk, event_id: EventId) -> str:
    group = desk.events.get(event_id)
    return group.code if group is not None else event_id


def status_asked(desk: Desk, asked: Asked) -> list[Effect]:
    """Answer `/status`."""
    return [Reply(asked.request, status(desk, asked.at_ms))]

"""One quoted market as the desk knows it: its book without our orders, our quotes, inventory, room, signs.

Reads the desk; changes nothing but what the market has told (`MarketPulse`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.core.dutch.release import ends_at
from engine.core.exposure.inventory import sellable
from engine.core.exposure.risk import over_caps, room, worst_case
from engine.core.halts.breakers import EXPOSURE_PCT
from engine.core.orders.evidence import asked_to_go
from engine.core.orders.quote_plan import slot_of
from engine.core.quotes import MarketPulse, SpreadGrant
from engine.core.repair.repair_case import held_of
from engine.core.rules.rules_watch import rules_hold
from engine.core.spread.book_watch import BookSeen, seen_mid, watch_book
from engine.core.spread.fair_value import agree, cut_mid, fair_value, within_grid, without_own
from engine.core.spread.flow import imbalance
from engine.core.spread.market_view import MarketView, Room
from engine.core.spread.micro import MICRO_ONE, to_micro
from engine.core.spread.regime import Signs
from engine.core.spread.reward_band import others_score
from engine.core.spread.toxicity import HORIZONS_MS, adverse_move, marked
from engine.core.spread.volatility import moved, sigma
from engine.core.state import Desk, live_orders
from engine.domain.book import Level, LiveBook
from engine.domain.fees import RATE_ONE, outlay_bound
from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.market import TICKS, EventGroup, Market, Side, rules_hash
from engine.domain.order import OrderRecord, OrderState
from engine.domain.plan import PlanKind
from engine.domain.quote import LiveQuote, QuotedMarket, QuoteSide, QuoteState, RewardTerms, reward_terms
from engine.domain.ticket import TicketKind
from engine.domain.units import Ms, Price, Size, Usdc, complement

COMMITTING = OrderId("")
"""Stands for the id of a quote that is just being committed: it has none yet, and cannot be cancelled."""
Sides = tuple[tuple[Level, ...], tuple[Level, ...]]
"""Bids and asks, best first."""
_ROUNDING = 100
"""Micro-dollars kept free for the roundings of a few orders' fees."""


@dataclass(frozen=True, slots=True)
class MarketLook:
    """What one decision is made on."""

    group: EventGroup
    listed: Market
    market: QuotedMarket
    """As it trades now."""
    book: LiveBook | None
    live: tuple[LiveQuote, ...]
    """Quotes that may execute, those just being committed included."""
    bound: Usdc
    """What they bind at worst."""
    view: MarketView
    signs: Signs
    mid: int | None


def quoted_market(desk: Desk, group: EventGroup, listed: Market, tick: Price, at_ms: Ms) -> QuotedMarket:
    """Return what fixes how a market is quoted; its fee must be known."""
    fee = listed.terms.fee
    assert fee is not None, f"expected a known fee of {listed.condition_id}: it was asked before"
    return QuotedMarket(
        condition_id=listed.condition_id,
        yes=listed.yes,
        no=listed.no,
        tick=tick,
        min_size=listed.terms.min_size,
        fee_rate_e6=fee.rate,
        fee_exponent=fee.exponent,
        rebate_pct=desk.settings.spread.rebate_pct,
        rewards=None,
        ends_ms=ends_at((listed.end_date, group.end_date), at_ms),
    )


def is_quote(desk: Desk, order: OrderRecord) -> bool:
    """Tell whether an order was placed as a quote; only the tickets of quotes are ever forgotten."""
    ticket = desk.tickets.get(order.intent.ticket_id)
    return ticket is None or ticket.kind is TicketKind.QUOTE


def own_orders(desk: Desk, condition_id: ConditionId) -> list[OrderRecord]:
    """Return our orders of one market that may still execute."""
    return [order for order in live_orders(desk) if order.intent.condition_id == condition_id]


def live_quotes(desk: Desk, market: QuotedMarket) -> tuple[LiveQuote, ...]:
    """Return the quotes of one market that may execute, with what is known of each."""
    orders = [order for order in own_orders(desk, market.condition_id) if is_quote(desk, order)]
    return (*(_as_quote(desk, order, market) for order in orders), *_committing(desk, market))


def _as_quote(desk: Desk, order: OrderRecord, market: QuotedMarket) -> LiveQuote:
    intent = order.intent
    side, yes = _on_yes(intent.token_id, intent.side, intent.price, market)
    proof = desk.proofs.get(order.order_id)
    acked = order.last_send_ms if proof is None or proof.known_ms is None else proof.known_ms
    return LiveQuote(
        order_id=order.order_id,
        side=side,
        layer=slot_of(intent.leg)[1],
        token_id=intent.token_id,
        order_side=intent.side,
        yes=yes,
        size=intent.size,
        left=order.remaining,
        state=_state(desk, order),
        acked_ms=acked,
    )


def _state(desk: Desk, order: OrderRecord) -> QuoteState:
    """Return how sure it is that an order rests; one whose cancel was asked for is on its way out."""
    if asked_to_go(desk, order):
        return QuoteState.CANCELLING
    match order.state:
        case OrderState.LIVE | OrderState.PARTIAL:
            return QuoteState.RESTING
        case OrderState.PENDING_CANCEL:
            return QuoteState.CANCELLING
        case OrderState.UNKNOWN:
            return QuoteState.UNKNOWN
        case _:
            return QuoteState.PLACING


def _on_yes(token: TokenId, side: Side, price: Price, market: QuotedMarket) -> tuple[QuoteSide, Price]:
    """Return where an order stands on the book of YES."""
    if token == market.yes:
        return (QuoteSide.BID if side is Side.BUY else QuoteSide.ASK), price
    return (QuoteSide.ASK if side is Side.BUY else QuoteSide.BID), complement(price)


def _committing(desk: Desk, market: QuotedMarket) -> Iterator[LiveQuote]:
    for pending in desk.committing.values():
        if pending.plan.kind is not PlanKind.QUOTE:
            continue
        for leg in pending.plan.legs:
            if leg.condition_id == market.condition_id:
                side, yes = _on_yes(leg.token_id, leg.side, leg.limit, market)
                layer = slot_of(leg.number)[1]
                yield LiveQuote(
                    COMMITTING,
                    side,
                    layer,
                    leg.token_id,
                    leg.side,
                    yes,
                    leg.size,
                    leg.size,
                    QuoteState.PLACING,
                    None,
                )


def quote_stock(desk: Desk, market: QuotedMarket) -> tuple[Size, Size]:
    """Return YES and NO that quotes have bought less what they have sold, as far as any evidence shows.

    An order of which more was matched than read back counts at what was matched.
    """
    ids = dict(desk.quoter.filled.get(market.condition_id, {}))
    ids.update(
        (order.order_id, None)
        for order in desk.orders.unfinished()
        if order.intent.condition_id == market.condition_id and is_quote(desk, order)
    )
    yes = no = 0
    for order_id in ids:
        order = desk.orders[order_id]
        held = held_of(desk, order) * (1 if order.intent.side is Side.BUY else -1)
        if order.intent.token_id == market.yes:
            yes += held
        else:
            no += held
    return Size(yes), Size(no)


def look_at(desk: Desk, grant: SpreadGrant, at_ms: Ms) -> MarketLook | None:
    """Look at the market of a grant, keep what it tells; None once it is not listed, or its fee unknown."""
    group = desk.events.get(grant.event_id)
    listed = None if group is None else _listed(group, grant.market.condition_id)
    if group is None or listed is None or listed.terms.fee is None:
        return None
    found = desk.feeds.live(listed.yes, at_ms)
    book = found if isinstance(found, LiveBook) else None
    market = quoted_market(desk, group, listed, grant.market.tick if book is None else book.tick, at_ms)
    own = [_as_quote(desk, order, market) for order in own_orders(desk, market.condition_id)]
    live = live_quotes(desk, market)
    levels = _without(book, (*own, *_committing(desk, market)))
    market = grant.market = replace(market, rewards=_rewards(listed, levels))
    mid = cut_mid(*levels, grant.knobs.min_level_size)
    _keep(grant, book, mid, at_ms)
    _value(desk, grant, levels, at_ms)
    yes, no = quote_stock(desk, market)
    view = _view(desk, grant, _Ours(levels, own, live, yes, no), at_ms)
    bound = Usdc(sum(_bound(quote, market, listed) for quote in live))
    ticks = {order.intent.tick for order in own_orders(desk, market.condition_id) if is_quote(desk, order)}
    signs = Signs(
        gate=desk.gate,
        holds=frozenset(desk.standing.holds),
        venue=desk.venue.state,
        is_granted=at_ms < grant.expires_ms,
        rules_changed=rules_changed(desk, grant) is not None,
        # On a tick that the desk does not know nothing can be priced: none is the right one.
        tick_changed=bool(ticks - {market.tick}) or market.tick not in TICKS,
        cap_reached=over_caps(desk, grant.event_id, at_ms),
        book=grant.pulse.book,
        swing=grant.pulse.mids.swing,
        adverse_micro=adverse_move(grant.pulse.toxicity).micro,
        net=view.net,
    )
    return MarketLook(group, listed, market, book, live, bound, view, signs, mid)


def _rewards(listed: Market, levels: Sides) -> RewardTerms | None:
    """Return the rewards that are listed, with the score of the others' orders in this book."""
    terms = reward_terms(listed.rewards, 0)
    mid = None if terms is None else cut_mid(*levels, terms.min_size)
    if terms is None or mid is None:
        return terms
    return replace(terms, others_milli=others_score(*levels, mid, terms))


def _listed(group: EventGroup, condition_id: ConditionId) -> Market | None:
    return next((market for market in group.markets if market.condition_id == condition_id), None)


def rules_changed(desk: Desk, grant: SpreadGrant) -> str | None:
    """Return why the market is not any more what was granted, None while it is."""
    group = desk.events.get(grant.event_id)
    listed = None if group is None else _listed(group, grant.market.condition_id)
    if group is None or listed is None:
        return "its market is not listed any more"
    if rules_hash(group) != grant.rules_hash:
        return f"the rules of {group.code} changed"
    held = rules_hold(desk, grant.event_id, group.code)
    if held is not None:
        return held.text
    if (why := desk.frozen.get(grant.event_id)) is not None:
        return f"{group.code} is frozen: {why}"
    return None if listed.terms.tradable and listed.terms.fee is not None else "its market takes no orders"


def _without(book: LiveBook | None, own: tuple[LiveQuote, ...]) -> Sides:
    if book is None:
        return (), ()
    return without_own(book.bids, QuoteSide.BID, own), without_own(book.asks, QuoteSide.ASK, own)


def _keep(grant: SpreadGrant, book: LiveBook | None, mid: int | None, at_ms: Ms) -> None:
    """Take into the market's pulse how its book stands and where its mid is."""
    pulse, knobs = grant.pulse, grant.knobs
    confirmed = None if book is None else book.confirmed_ms
    # A live book's newest checksum was compared: as of its confirmation the whole of it is proven.
    pulse.book = watch_book(pulse.book, BookSeen(book is not None, confirmed, confirmed), knobs, at_ms)
    pulse.mids = seen_mid(pulse.mids, mid, knobs, at_ms)
    if mid is not None:
        pulse.volatility = moved(pulse.volatility, mid=mid, at_ms=at_ms, halflife_ms=knobs.vol_halflife_ms)


def _value(desk: Desk, grant: SpreadGrant, levels: Sides, at_ms: Ms) -> None:
    """Work out the fair value, and what has become of earlier fills by it."""
    pulse, knobs = grant.pulse, grant.knobs
    flow = imbalance(pulse.flow, at_ms=at_ms, halflife_ms=knobs.vol_halflife_ms)
    fair = fair_value(*levels, knobs, tick=grant.market.tick, flow_milli=flow)
    if fair is not None and knobs.sibling_pct:
        fair = _among_siblings(desk, grant, fair, at_ms)
    pulse.fair = fair
    if fair is not None:
        pulse.last_fair = fair
        _settle_markouts(grant, pulse, fair, at_ms)


def _settle_markouts(grant: SpreadGrant, pulse: MarketPulse, fair: int, at_ms: Ms) -> None:
    pulse.toxicity, settled = marked(pulse.toxicity, fair=fair, at_ms=at_ms)
    for markout in settled:
        index = HORIZONS_MS.index(markout.horizon_ms)
        grant.tally.markouts[index] += markout.micro * markout.fill.size // MICRO_ONE
        grant.tally.marked[index] += 1


def _among_siblings(desk: Desk, grant: SpreadGrant, fair: int, at_ms: Ms) -> int:
    """Return the fair value pulled towards a sum of 1 over all outcomes; as it is where one has no book."""
    group = desk.events[grant.event_id]
    if not group.neg_risk or len(group.markets) == 1:
        return fair
    fairs, halves = [], []
    for sibling in group.markets:
        book = desk.feeds.live(sibling.yes, at_ms)
        if not isinstance(book, LiveBook):
            return fair
        mine = sibling.condition_id == grant.market.condition_id
        other = fair_value(book.bids, book.asks, grant.knobs, tick=book.tick, flow_milli=0)
        if other is None:
            return fair
        fairs.append(fair if mine else other)
        halves.append(to_micro(Price(book.asks[0].price - book.bids[0].price)) // 2)
    at = next(i for i, one in enumerate(group.markets) if one.condition_id == grant.market.condition_id)
    return within_grid(agree(fairs, halves, grant.knobs.sibling_pct)[at], grant.market.tick)


def _bound(quote: LiveQuote, market: QuotedMarket, listed: Market) -> int:
    if quote.order_side is Side.SELL or listed.terms.fee is None:
        return 0
    price = quote.yes if quote.token_id == market.yes else complement(quote.yes)
    return outlay_bound(listed.terms.fee, price, quote.left)


@dataclass(frozen=True, slots=True)
class _Ours:
    """The book without our orders, and what is ours."""

    levels: Sides
    own: list[LiveQuote]
    """Every order of ours at the venue, quotes or not."""
    live: tuple[LiveQuote, ...]
    yes: Size
    no: Size


def _view(desk: Desk, grant: SpreadGrant, ours: _Ours, at_ms: Ms) -> MarketView:
    market, pulse, knobs = grant.market, grant.pulse, grant.knobs
    own, live, levels = ours.own, ours.live, ours.levels
    bid_room, ask_room = _rooms(desk, grant, live, at_ms)
    selling = sum(quote.left for quote in live if quote.order_side is Side.SELL)
    offered = min(sellable(desk, market.yes) + selling, max(0, ours.yes))
    fair = pulse.fair
    return MarketView(
        bids=levels[0],
        asks=levels[1],
        fair=fair,
        sigma=0 if fair is None else sigma(pulse.volatility, fair, knobs.vol_horizon_ms),
        tox=adverse_move(pulse.toxicity),
        net=Size(ours.yes - ours.no),
        sellable=Size(offered),
        bid_room=bid_room,
        ask_room=ask_room,
        left_ms=None if market.ends_ms is None else Ms(market.ends_ms - at_ms),
        own_bid=max((quote.yes for quote in own if quote.side is QuoteSide.BID), default=None),
        own_ask=min((quote.yes for quote in own if quote.side is QuoteSide.ASK), default=None),
    )


def _rooms(desk: Desk, grant: SpreadGrant, live: tuple[LiveQuote, ...], at_ms: Ms) -> tuple[Room, Room]:
    """Return what each side may bind: half of all that is allowed, so that neither starves the other.

    Halves stay the same while an order is replaced: what its end frees is its side's again.
    """
    left = room(desk, at_ms, grant.event_id)
    # The breaker of the day's cap must not trip because of quotes.
    day = left.day - desk.settings.caps.day * (101 - EXPOSURE_PCT) // 100
    caps = [Usdc(max(0, day)), left.wallet, left.event, left.total]
    free = min(cap for cap in caps if cap is not None)
    ids = {quote.order_id: quote.side for quote in live if quote.order_id != COMMITTING}
    used = dict.fromkeys(QuoteSide, 0)
    for order_id, side in ids.items():
        used[side] += worst_case(desk, desk.orders[order_id])
    whole = min(free + sum(used.values()), grant.resting_max, left.ticket)
    rate = grant.market.fee_rate_e6
    most = grant.knobs.inventory_max
    rooms = []
    for side in (QuoteSide.BID, QuoteSide.ASK):
        cash = min(whole // 2, free + used[side])
        # What a taker's fee could add is held back, too: no more than its rate of the notional.
        rooms.append(Room(Usdc(max(0, cash * RATE_ONE // (RATE_ONE + rate) - _ROUNDING)), Size(2 * most)))
    return rooms[0], rooms[1]

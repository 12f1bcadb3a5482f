"""What the card of a grant to quote shows: quotes, inventory, profit by its parts. Facts only, no wording."""

from engine.core.exposure.inventory import sellable
from engine.core.quotes import SpreadGrant
from engine.core.spread.micro import MICRO_ONE, MICRO_PER_PRICE
from engine.core.spread.regime import Stance
from engine.core.state import Desk, fills_of_order
from engine.core.trading.quote_look import MarketLook, quote_stock
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.order import Fill
from engine.domain.quote import Held, LiveQuote, QuoteSide, Target
from engine.domain.quote_views import QuoteLine, QuoteProfit, SpreadView
from engine.domain.units import Price, Size, Usdc, format_scaled

_ENDED = "ended"


def panel(desk: Desk, grant: SpreadGrant, look: MarketLook, stance: Stance) -> SpreadView:
    """Return the live panel."""
    fills = _fills(desk, grant)
    return SpreadView(
        quotes=tuple(_resting(quote) for quote in sorted(look.live, key=_order)),
        mid=_as_price(look.mid),
        fair=_as_price(look.view.fair),
        spread_ticks=_spread_ticks(look),
        net=look.view.net,
        inventory=grant.knobs.inventory_max,
        resting=look.bound,
        fills=len(fills),
        regime=stance.regime.value,
        why=_why(grant, stance),
        stale_ms=grant.knobs.stale_ms,
        tick=look.market.tick,
        profit=profit(grant, fills),
        pairs=Size(min(sellable(desk, look.market.yes), sellable(desk, look.market.no))),
    )


def preview(grant: SpreadGrant, look: MarketLook, wanted: tuple[Target, ...], why: str) -> SpreadView:
    """Return what a grant would rest as the book stands; nothing is sent."""
    return SpreadView(
        quotes=tuple(_wanted(target) for target in wanted),
        mid=_as_price(look.mid),
        fair=_as_price(look.view.fair),
        spread_ticks=_spread_ticks(look),
        net=look.view.net,
        inventory=grant.knobs.inventory_max,
        resting=Usdc(0),
        fills=0,
        regime="",
        why=why,
        stale_ms=grant.knobs.stale_ms,
        tick=look.market.tick,
        profit=None,
    )


def ended(desk: Desk, grant: SpreadGrant) -> SpreadView:
    """Return what a grant came to, without quotes."""
    fills = _fills(desk, grant)
    yes, no = quote_stock(desk, grant.market)
    return SpreadView(
        quotes=(),
        mid=None,
        fair=_as_price(grant.pulse.fair),
        spread_ticks=None,
        net=Size(yes - no),
        inventory=grant.knobs.inventory_max,
        resting=Usdc(0),
        fills=len(fills),
        regime=_ENDED,
        why="",
        stale_ms=grant.knobs.stale_ms,
        tick=grant.market.tick,
        profit=profit(grant, fills),
        pairs=Size(min(sellable(desk, grant.market.yes), sellable(desk, grant.market.no))),
    )


def profit(grant: SpreadGrant, fills: list[Fill]) -> QuoteProfit:
    """Return what the fills under a grant have come to at the newest fair value (strategy 5.8).

    What is held is worth its fair value, the last one where the book was lost; where there never was one it
    counts at what was paid.
    """
    fair = grant.pulse.last_fair
    cash = worth = captured = fees = 0
    for fill in fills:
        sign = 1 if fill.side is Side.BUY else -1
        cash -= sign * fill.cash
        fees += fill.fee
        captured += grant.tally.captured.get((fill.trade_id, fill.order_id), 0)
        if fair is None:
            worth += sign * fill.cash
        else:
            value = fair if fill.token_id == grant.market.yes else MICRO_ONE - fair
            worth += sign * (fill.size * value // MICRO_ONE)
    markouts = tuple(
        Usdc(total) if count else None
        for total, count in zip(grant.tally.markouts, grant.tally.marked, strict=True)
    )
    return QuoteProfit(Usdc(captured), Usdc(cash + worth - captured), Usdc(fees), markouts)


def _fills(desk: Desk, grant: SpreadGrant) -> list[Fill]:
    """Return the fills of orders that were placed under this grant, those undone left out."""
    return [
        fill
        for order_id in desk.quoter.filled.get(grant.market.condition_id, {})
        if _is_under(desk, grant, order_id)
        for fill in fills_of_order(desk, order_id)
    ]


def _is_under(desk: Desk, grant: SpreadGrant, order_id: OrderId) -> bool:
    ticket = desk.tickets.get(desk.orders[order_id].intent.ticket_id)
    return ticket is not None and ticket.subject == grant.ticket_id


def _why(grant: SpreadGrant, stance: Stance) -> str:
    if stance.why is Held.RECOVERING:
        waits = format_scaled(grant.knobs.stale_recover_ms, 3)
        return f"waits until the book has stood for {waits} s"
    if stance.pulls:
        return stance.pulls[0].value
    return ", ".join(sorted({why.value for _, why in grant.held}))


def _order(quote: LiveQuote) -> tuple[bool, int]:
    return quote.side is QuoteSide.ASK, quote.layer


def _resting(quote: LiveQuote) -> QuoteLine:
    buys_no = quote.side is QuoteSide.ASK and quote.order_side is Side.BUY
    return QuoteLine(quote.side, quote.yes, quote.left, buys_no, quote.state.value)


def _wanted(target: Target) -> QuoteLine:
    buys_no = target.side is QuoteSide.ASK and target.order_side is Side.BUY
    return QuoteLine(target.side, target.yes, target.size, buys_no, "")


def _as_price(micro: int | None) -> Price | None:
    return None if micro is None else Price(micro // MICRO_PER_PRICE)


def _spread_ticks(look: MarketLook) -> int | None:
    bids, asks = look.view.bids, look.view.asks
    return (asks[0].price - bids[0].price) // look.market.tick if bids and asks else None

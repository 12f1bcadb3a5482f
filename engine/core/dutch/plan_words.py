"""What the planner tells an operator: why there is no plan, and what keeps a plan from being larger.

Sentences only; nothing is decided here.
"""

from engine.core.dutch.draft import Draft
from engine.core.dutch.sheet import Limit, Sheet
from engine.core.planner.optimum import NoTrade, Optimum, Reason
from engine.core.planner.search import Bound
from engine.domain.market import Side
from engine.domain.plan import PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import (
    LOT,
    Price,
    Rounding,
    Size,
    Usdc,
    format_cents,
    format_price,
    format_size,
    format_usdc,
)


def bound_words(sheet: Sheet, found: Optimum, most: Size, *, asked: bool) -> str:
    """Return what keeps the size from being larger; `most` sets were allowed, `asked` for by the operator."""
    name = "" if found.bound_leg is None else sheet.candidates[found.bound_leg].name
    match found.bound:
        case Bound.EDGE if found.bound_leg is not None:
            price = format_price(found.fills[found.bound_leg].worst)
            if sheet.candidates[found.bound_leg].leg.side is Side.SELL:
                return f"edge: below {price} {name} brings less than the set is worth"
            return f"edge: above {price} {name} costs more than the set pays"
        case Bound.DEPTH:
            return f"{name}: {format_size(found.size)} on offer"
        case Bound.LEG_NOTIONAL:
            return f"max_leg_usdc on {name}"
        case Bound.SETS:
            return f"the {format_size(most)} asked for" if asked else "max_set_size"
        case Bound.LEG_SIZE:
            return f"{name}: {format_size(found.size)} held"
        case Bound.EDGE | Bound.CAPITAL:
            return str(found.bound.value)


def no_trade(sheet: Sheet, found: NoTrade, most: Size) -> Refusal:
    """Return the refusal for what the optimiser found; `most` sets were allowed."""
    name = "" if found.leg is None else f" of {sheet.candidates[found.leg].name}"
    match found.reason:
        case Reason.EMPTY_LEG:
            text = f"expected at least 0.01 shares{name} on offer, found none; plan again when there are"
            return Refusal(RefusalKind.BOOK_EMPTY, text)
        case Reason.CAPS:
            lot = format_size(sheet.lot)
            text = f"expected room for one lot of {lot} sets, found {format_size(most)}; ask for more"
            return Refusal(RefusalKind.CAPS, text)
        case Reason.MIN_SIZE:
            return Refusal(RefusalKind.MIN_SIZE, _min_size_text(found, most, name))
        case Reason.NO_EDGE:
            return Refusal(RefusalKind.NO_EDGE, _no_edge_text(sheet, found))
        case Reason.MIN_PROFIT:
            return too_little(sheet, found.net, most)


def _min_size_text(found: NoTrade, most: Size, name: str) -> str:
    if found.lots_min == 0:
        return f"expected 1 USDC{name} on offer, found less; plan again when there is more"
    least = format_size(Size(found.lots_min * LOT))
    return (
        f"expected at least {least} sets (the venue's minimum size, and 1 USDC on every leg), found at "
        f"most {format_size(most)} allowed, or less on offer{name}; ask for {least} or more"
    )


def _no_edge_text(sheet: Sheet, found: NoTrade) -> str:
    if found.net > 0:
        least = format_size(Size(max(found.lots_min * LOT, sheet.lot)))
        return (
            f"expected a gain at {least} sets or more, found the {format_usdc(found.net)} USDC per set at "
            "the touch eaten by deeper levels or the fixed cost; nothing to trade now"
        )
    net = format_usdc(found.net)
    return f"{_expected(sheet)}, after fees and buffers {net} USDC per set; nothing to trade now"


def _expected(sheet: Sheet) -> str:
    """Return what the touch should have been and what it is, in the words of the kind."""
    buys = [c for c in sheet.candidates if c.leg.side is Side.BUY]
    asks = format_price(Price(sum(c.facing[0].price for c in buys)))
    bids = format_price(Price(sum(c.facing[0].price for c in sheet.candidates if c not in buys)))
    match sheet.kind:
        case PlanKind.NO_SET:
            return (
                f"expected NO on {len(buys)} outcomes of {sheet.code} to cost less than the {len(buys) - 1} "
                f"it pays, found asks of {asks}"
            )
        case PlanKind.SELL_SET:
            return f"expected bids for a set of {sheet.code} above 1, found {bids}"
        case PlanKind.CONVERT:
            return (
                f"expected bids of {sheet.code} above the NO they are converted from, found {bids} for {asks}"
            )
        case _:
            return f"expected a set of {sheet.code} to cost less than it pays, found asks of {asks}"


def too_little(sheet: Sheet, net: Usdc, most: Size) -> Refusal:
    """Return the refusal of a plan that pays, but not enough."""
    return Refusal(
        RefusalKind.MIN_PROFIT,
        f"expected at least {format_usdc(sheet.params.min_profit)} USDC from {sheet.code}, found "
        f"{format_usdc(net)} with at most {format_size(most)} sets; wait for a wider edge or ask for more",
    )


def no_room(sheet: Sheet, limit: Limit, allowed: Size, found: Optimum | NoTrade) -> Refusal:
    """Return the refusal of a cap that leaves no size that pays."""
    need = "that pays"
    if isinstance(found, NoTrade) and found.reason in (Reason.MIN_SIZE, Reason.CAPS):
        least = max(found.lots_min * LOT, sheet.lot)
        need = f"of at least {format_size(Size(least))} sets (the venue's minimums)"
    return Refusal(
        limit.kind,
        f"expected room for a plan of {sheet.code} {need}, found {limit.words} "
        f"{format_cents(limit.amount, Rounding.DOWN)} USDC enough for {format_size(allowed)}; "
        f"{limit.next_step}",
    )


def against_odds(sheet: Sheet, draft: Draft) -> Refusal:
    """Return the refusal of a plan that risks more than it earns."""
    gain = format_cents(draft.profit, Rounding.DOWN)
    loss = format_cents(draft.risk.bound, Rounding.UP)
    return Refusal(
        RefusalKind.ODDS,
        f"expected a profit worth the risk at {sheet.success_pct} % odds that all legs fill, found "
        f"{gain} USDC against {loss} lost if some do not; wait for deeper bids or a wider edge",
    )

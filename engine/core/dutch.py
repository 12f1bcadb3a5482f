"""The Dutch planner: the best plan an event allows now, or the refusal that says why there is none.

Pure over the event, its live books, the strategy's terms and the room the caps leave. Which events may be
bought is asked before (`engine.core.eligibility`); who may send is asked after (`engine.core.risk`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple

from engine.core.book_guards import off_grid, unfit_books
from engine.core.draft import Draft, candidates_of, draft_at, tokens_of
from engine.core.dutch_params import DutchParams
from engine.core.eligibility import kind_of
from engine.core.ladder import fill_at
from engine.core.leg_risk import worth_the_risk
from engine.core.sheet import Room, Sheet, limits_of
from engine.core.sizing import size_plan
from engine.domain.book import LiveBook, NotLive
from engine.domain.ids import PlanId, TokenId
from engine.domain.market import EventGroup, canonical_json, rules_hash, terms_hash
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import (
    LOT,
    Ms,
    Price,
    Rounding,
    Size,
    complement,
    format_cents,
    format_price,
    format_size,
    format_usdc,
)
from engine.domain.views import ScanRow

__all__ = ["DutchParams", "Room", "plan_dutch", "replan_within", "scan_row", "tokens_of"]


def plan_dutch(
    event: EventGroup,
    books: Mapping[TokenId, LiveBook],
    *,
    wanted: Size | None,
    params: DutchParams,
    room: Room,
    now_ms: Ms,
) -> Plan | Refusal:
    """Return the most profitable plan within every cap, at most `wanted` sets; or why there is none.

    The event must have passed `ineligible`. More legs than one batch carries are planned all the same: the
    plan is shown, and refused for sending by `engine.core.risk`.
    """
    refusal = unfit_books(event, books, params=params, now_ms=now_ms)
    if refusal is not None:
        return refusal
    candidates = candidates_of(event, books)
    kind = kind_of(event)
    sized = size_plan(Sheet(event.code, kind, candidates, params, limits_of(params, room)), wanted)
    if isinstance(sized, Refusal):
        return sized
    draft = sized.draft
    refusal = off_grid(candidates, [leg.worst for leg in draft.legs])
    if refusal is not None:
        return refusal
    rules, terms = rules_hash(event), terms_hash(event)
    hashes = {candidate.book.token_id: candidate.book.hash for candidate in candidates}
    return Plan(
        plan_id=_plan_id([kind.value, event.event_id, rules, terms], draft, hashes, params),
        kind=kind,
        event_id=event.event_id,
        code=event.code,
        title=event.title,
        rules_hash=rules,
        terms_hash=terms,
        size=Size(sized.lots * LOT),
        legs=draft.legs,
        margin=draft.margin,
        risk=draft.risk,
        spend_max=draft.spend_max,
        limited_by=sized.limited_by,
        planned_ms=now_ms,
        books_ms=Ms(min(candidate.book.confirmed_ms for candidate in candidates)),
    )


def _plan_id(event: list[str], draft: Draft, hashes: Mapping[TokenId, str], params: DutchParams) -> PlanId:
    """Return the fingerprint of strategy 3.10; the venue's checksum stands for each book's version.

    No clock and no epoch: the same books and terms give the same id on any machine and after a restart.
    """
    legs = sorted(
        [leg.token_id, leg.side.value, leg.limit, leg.size // LOT, hashes[leg.token_id]] for leg in draft.legs
    )
    text = "dutch/1|" + canonical_json([*event, list(astuple(params)), legs])
    return PlanId(hashlib.sha256(text.encode()).hexdigest()[:32])


def replan_within(
    plan: Plan,
    event: EventGroup,
    books: Mapping[TokenId, LiveBook],
    *,
    params: DutchParams,
    now_ms: Ms,
) -> Refusal | None:
    """Return what got worse since the card was made, None if its very orders can go out as they stand.

    Same size, same limits: every leg whole on offer within its limit, net margin and leg risk on the present
    books within the terms, texts and trading terms unchanged. The event must have passed `ineligible` again.
    """
    if rules_hash(event) != plan.rules_hash:
        return _moved(f"the rules of {plan.code} are not those of the card")
    if terms_hash(event) != plan.terms_hash:
        return _moved(f"fees, tick, minimums or status of {plan.code} are not those of the card")
    refusal = unfit_books(event, books, params=params, now_ms=now_ms)
    if refusal is not None:
        return refusal
    candidates = candidates_of(event, books)
    for leg, candidate in zip(plan.legs, candidates, strict=True):
        assert leg.token_id == candidate.book.token_id, f"expected the legs of {plan.plan_id} in order"
        fill = fill_at(candidate.leg, plan.size // LOT, Rounding.UP)
        if fill is None or fill.worst > leg.limit:
            within = Size(sum(level.size for level in candidate.leg.levels if level.price <= leg.limit))
            return _moved(
                f"expected {format_size(leg.size)} {leg.name} at {format_price(leg.limit)} or better, found "
                f"{format_size(within)}"
            )
    limits = [leg.limit for leg in plan.legs]
    draft = draft_at(candidates, plan.size // LOT, params, kind=plan.kind, limits=limits)
    return off_grid(candidates, [leg.worst for leg in draft.legs]) or _worse(plan, draft, params)


def _worse(plan: Plan, draft: Draft, params: DutchParams) -> Refusal | None:
    net = draft.margin.net
    if net <= 0 or net < params.min_profit:
        return _moved(
            f"margin {format_usdc(plan.margin.net)} → {format_usdc(net)} USDC, below the "
            f"{format_usdc(params.min_profit)} a plan must leave"
        )
    bound = draft.risk.bound
    worth = worth_the_risk(draft.profit, bound, success_pct=params.success_pct)
    if bound > params.max_leg_loss or not worth:
        return _moved(
            f"worst case if only some legs fill {format_cents(plan.risk.bound, Rounding.UP)} → "
            f"{format_cents(bound, Rounding.UP)} USDC: bids have gone"
        )
    return None


def _moved(what: str) -> Refusal:
    return Refusal(RefusalKind.MOVED, f"moved: {what}; nothing was sent, look at the card again")


def scan_row(
    event: EventGroup, books: Mapping[TokenId, LiveBook | NotLive], planned: Plan | Refusal
) -> ScanRow:
    """Return one line of the scan: what a set costs at the touch, and what the best plan leaves."""
    plan, refusal = (None, planned) if isinstance(planned, Refusal) else (planned, None)
    return ScanRow(
        code=event.code,
        title=event.title,
        ask_sum=_ask_sum(event, books),
        margin=None if plan is None else plan.margin.net,
        sets=None if plan is None else plan.size,
        refusal=refusal,
    )


def _ask_sum(event: EventGroup, books: Mapping[TokenId, LiveBook | NotLive]) -> Price | None:
    """Return the price of one set at the touch, from the YES books: NO's ask mirrors the best YES bid."""
    total = 0
    for market in event.markets:
        book = books.get(market.yes)
        if not isinstance(book, LiveBook) or not book.asks:
            return None
        total += book.asks[0].price
        if kind_of(event) is PlanKind.BUY_PAIR:
            if not book.bids:
                return None
            total += complement(book.bids[0].price)
    return Price(total) if event.markets else None

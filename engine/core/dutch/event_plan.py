"""The Dutch planner: the best plan an event allows now, or the refusal that says why there is none.

Pure over the event, its live books, the strategy's terms, what is held and the room the caps leave. Which
kinds an event allows is asked before (`engine.core.dutch.eligibility`); who may send is asked after
(`engine.core.exposure.risk`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace

from engine.core.dutch.best_kind import best_of
from engine.core.dutch.book_guards import fit_wants, off_grid, unfit_books
from engine.core.dutch.draft import Draft, draft_at, probed
from engine.core.dutch.eligibility import kind_of, kinds_of
from engine.core.dutch.leg_risk import worth_the_risk
from engine.core.dutch.legs import Want, candidate_of, tokens_of, wants_of, wants_of_plan
from engine.core.dutch.no_set import size_basket
from engine.core.dutch.params import DutchParams
from engine.core.dutch.release import on_its_days, too_long
from engine.core.dutch.sheet import Room, Sheet, limits_of
from engine.core.dutch.sizing import Sized, size_plan
from engine.core.planner.ladder import fill_at
from engine.domain.book import LiveBook, NotLive
from engine.domain.ids import PlanId, TokenId
from engine.domain.market import EventGroup, Side, canonical_json, rules_hash, terms_hash
from engine.domain.plan import Plan, PlanKind, PlanLeg, Sequencing
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

__all__ = ["DutchParams", "Room", "plan_dutch", "plan_kind", "replan_within", "scan_row", "tokens_of"]

NOTHING_HELD: Mapping[TokenId, Size] = {}


def plan_dutch(
    event: EventGroup,
    books: Mapping[TokenId, LiveBook],
    *,
    wanted: Size | None,
    params: DutchParams,
    room: Room,
    now_ms: Ms,
    held: Mapping[TokenId, Size] = NOTHING_HELD,
    kinds: Sequence[PlanKind] | None = None,
) -> Plan | Refusal:
    """Return the most profitable plan within every cap, at most `wanted` sets; or why there is none.

    The event must have passed `ineligible` as each of `kinds`; None stands for every kind its outcomes
    allow. `held` are the shares that may be sold. What cannot be sent (a conversion, more legs than a batch
    carries) is planned only where nothing that can be sent pays: it is shown, and refused
    for sending by `engine.core.exposure.risk`.
    """
    return best_of(
        {
            kind: plan_kind(
                kind, event, books, wanted=wanted, params=params, room=room, now_ms=now_ms, held=held
            )
            for kind in (kinds_of(event) if kinds is None else kinds)
        }
    )


def plan_kind(
    kind: PlanKind,
    event: EventGroup,
    books: Mapping[TokenId, LiveBook],
    *,
    wanted: Size | None,
    params: DutchParams,
    room: Room,
    now_ms: Ms,
    held: Mapping[TokenId, Size] = NOTHING_HELD,
) -> Plan | Refusal:
    """Return the most profitable plan of one kind within every cap, or why there is none."""
    terms = on_its_days(params, event, now_ms)
    refusal = too_long(event, kind, params, now_ms)
    wants = refusal or _wants(kind, event, books, held, params=params, now_ms=now_ms)
    if isinstance(wants, Refusal):
        return wants
    candidates = tuple(
        candidate_of(want, books, held if kind is PlanKind.SELL_SET else None) for want in wants
    )
    odds = params.success_pct if room.success_pct is None else room.success_pct
    sheet = Sheet(event.code, kind, candidates, terms, limits_of(params, room), odds)
    if kind is PlanKind.NO_SET:
        basket = _on_grid_basket(sheet, wanted)
        if isinstance(basket, Refusal):
            return basket
        sheet, sized = basket
    else:
        found = size_plan(sheet, wanted)
        if isinstance(found, Refusal):
            return found
        sized = found
    refusal = off_grid(sheet.candidates, [leg.worst for leg in sized.draft.legs])
    return refusal or _plan(event, sheet, sized, params, now_ms)


def _on_grid_basket(sheet: Sheet, wanted: Size | None) -> tuple[Sheet, Sized] | Refusal:
    """Return the best basket without the outcomes that would be bought at a level off the tick.

    Where nothing pays without them, the basket with them: the caller refuses it by the level.
    """
    first = basket = size_basket(sheet, wanted)
    while not isinstance(basket, Refusal):
        legs = zip(basket[0].candidates, basket[1].draft.legs, strict=True)
        off = {leg.token_id for candidate, leg in legs if off_grid([candidate], [leg.worst]) is not None}
        if not off:
            return basket
        sheet = replace(sheet, candidates=tuple(c for c in sheet.candidates if c.book.token_id not in off))
        if len(sheet.candidates) < 2:
            break
        basket = size_basket(sheet, wanted)
    return first


def _plan(event: EventGroup, sheet: Sheet, sized: Sized, params: DutchParams, now_ms: Ms) -> Plan:
    draft, rules, terms = sized.draft, rules_hash(event), terms_hash(event)
    hashes = {candidate.book.token_id: candidate.book.hash for candidate in sheet.candidates}
    return Plan(
        plan_id=_plan_id([sheet.kind.value, event.event_id, rules, terms], draft, hashes, params),
        kind=sheet.kind,
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
        books_ms=Ms(min(candidate.book.confirmed_ms for candidate in sheet.candidates)),
        sequencing=sized.sequencing,
        probe_order=draft.probe_order,
    )


def _wants(
    kind: PlanKind,
    event: EventGroup,
    books: Mapping[TokenId, LiveBook],
    held: Mapping[TokenId, Size],
    *,
    params: DutchParams,
    now_ms: Ms,
) -> tuple[Want, ...] | Refusal:
    """Return the orders that the books allow: a basket leaves out what it cannot judge, a set cannot."""
    wants = wants_of(event, kind)
    if kind is PlanKind.SELL_SET:
        least = min(held.get(want.token, Size(0)) for want in wants)
        if least < LOT:
            text = f"expected a set of {event.code} to sell, found {format_size(least)}; none is made for it"
            return Refusal(RefusalKind.INVENTORY, text)
    if kind in (PlanKind.NO_SET, PlanKind.CONVERT):
        basket = wants_of(event, PlanKind.NO_SET)
        fit = fit_wants(basket, books, params=params, now_ms=now_ms)
        if kind is PlanKind.NO_SET or not fit:
            wants = fit if len(fit) > 1 else basket
        else:
            cheapest = min(fit, key=lambda want: books[want.token].asks[0].price)
            wants = wants_of(event, kind, (cheapest.market.condition_id,))
    return unfit_books(wants, books, params=params, now_ms=now_ms) or wants


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
    held: Mapping[TokenId, Size] | None = None,
    success_pct: int | None = None,
) -> Refusal | None:
    """Return what got worse since the card was made, None if its very orders can go out as they stand.

    Same size, same limits: every leg whole on offer within its limit and, to be sold, still in `held` (None:
    not asked), net margin and leg risk on the present books within the terms, texts and trading terms
    unchanged. The event must have passed `ineligible` again. `success_pct` is what was learned of the odds.
    """
    refusal = legs_gone(plan, plan.legs, event, books, params=params, now_ms=now_ms, held=held)
    if refusal is not None:
        return refusal
    candidates = [candidate_of(want, books) for want in wants_of_plan(plan, event)]
    limits = [leg.limit for leg in plan.legs]
    terms = on_its_days(params, event, now_ms)
    draft = draft_at(candidates, plan.size // LOT, terms, kind=plan.kind, limits=limits)
    draft = probed(draft, plan.probe_order) if plan.sequencing is Sequencing.PROBE else draft
    odds = params.success_pct if success_pct is None else success_pct
    return off_grid(candidates, [leg.worst for leg in draft.legs]) or _worse(plan, draft, params, odds)


def legs_gone(
    plan: Plan,
    legs: Sequence[PlanLeg],
    event: EventGroup,
    books: Mapping[TokenId, LiveBook],
    *,
    params: DutchParams,
    now_ms: Ms,
    held: Mapping[TokenId, Size] | None = None,
) -> Refusal | None:
    """Return why some of a plan's legs cannot go out as they stand, None if all of them can.

    Texts and trading terms unchanged, their books fresh and in step, every leg whole on offer within its
    limit and, to be sold, still in `held` (None: not asked). What they pay together is not asked here.
    """
    if rules_hash(event) != plan.rules_hash:
        return _moved(f"the rules of {plan.code} are not those of the card")
    if terms_hash(event) != plan.terms_hash:
        return _moved(f"fees, tick, minimums or status of {plan.code} are not those of the card")
    meant = {leg.number for leg in legs}
    paired = zip(plan.legs, wants_of_plan(plan, event), strict=True)
    wanted = [(leg, want) for leg, want in paired if leg.number in meant]
    refusal = unfit_books([want for _, want in wanted], books, params=params, now_ms=now_ms)
    if refusal is not None:
        return refusal
    for leg, want in wanted:
        candidate = candidate_of(want, books)
        if held is not None and leg.side is Side.SELL and held.get(leg.token_id, 0) < leg.size:
            owned = format_size(held.get(leg.token_id, Size(0)))
            return _moved(f"expected {format_size(leg.size)} {leg.name} held, found {owned}")
        buys = leg.side is Side.BUY
        fill = fill_at(candidate.leg, plan.size // LOT, Rounding.UP)
        if fill is None or (fill.worst > leg.limit if buys else fill.worst < leg.limit):
            within = [
                x.size for x in candidate.facing if (x.price <= leg.limit if buys else x.price >= leg.limit)
            ]
            return _moved(
                f"expected {format_size(leg.size)} {leg.name} at {format_price(leg.limit)} or better, found "
                f"{format_size(Size(sum(within)))}"
            )
    return None


def _worse(plan: Plan, draft: Draft, params: DutchParams, success_pct: int) -> Refusal | None:
    net = draft.margin.net
    if net <= 0 or net < params.min_profit:
        return _moved(
            f"margin {format_usdc(plan.margin.net)} → {format_usdc(net)} USDC, below the "
            f"{format_usdc(params.min_profit)} a plan must leave"
        )
    bound = draft.risk.bound
    worth = worth_the_risk(draft.profit, bound, success_pct=success_pct)
    if bound > params.max_leg_loss or draft.risk.hard > params.max_residual or not worth:
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

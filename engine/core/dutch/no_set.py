"""Which outcomes a basket of NO takes: all that may be chosen, or the part of them with the best objective.

A leg adds what NO costs less than 1, so at a given size the best basket is every outcome that adds anything
and is on offer in that size: only the sizes at which a ladder ends, or stops adding, change the choice. Money
caps bind the other way round, because each leg costs almost a dollar per set: then the outcomes are few (all
choices are tried) or the cheapest are taken first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, product, takewhile

from engine.core.dutch.draft import carry_ppm
from engine.core.dutch.legs import Candidate
from engine.core.dutch.params import DutchParams
from engine.core.dutch.plan_words import no_trade
from engine.core.dutch.sheet import Sheet
from engine.core.dutch.sizing import Sized, size_plan
from engine.core.order_terms import BATCH_LEGS_MAX
from engine.core.planner.ladder import fee_fraction, lots_to_reach
from engine.core.planner.optimum import NoTrade, Optimum
from engine.core.planner.segments import BPS_ONE, PPM_ONE
from engine.domain.book import Level
from engine.domain.plan import PlanKind
from engine.domain.refusal import Refusal
from engine.domain.units import FEE_STEP, LOT, PRICE_ONE, Size

ALL_CHOICES_MAX = 6
"""Up to so many outcomes every choice of two or more is tried where a cap binds: 57 of them."""


def size_basket(sheet: Sheet, wanted: Size | None) -> tuple[Sheet, Sized] | Refusal:
    """Return the best choice among the sheet's outcomes with its size, or why no choice pays.

    At most as many legs as one batch carries. Between equal choices the one with fewer legs.
    """
    adding = tuple(c for c in sheet.candidates if _reach(c, sheet.params) > 0)
    most = sheet.params.max_sets if wanted is None else min(wanted, sheet.params.max_sets)
    touch = replace(sheet, candidates=adding if len(adding) > 1 else sheet.candidates)
    found = touch.best(most)
    if len(adding) < 2 or (isinstance(found, NoTrade) and found.net <= 0):
        assert isinstance(found, NoTrade), "expected no trade where at most one outcome adds anything"
        return no_trade(touch, found, Size(most))
    best = _best(sheet, list(_by_reach(adding, sheet.params)), most)
    sized = size_plan(best, wanted)
    if isinstance(sized, Sized) and not _is_cut(best, sized, most):
        return best, sized
    return _within_caps(sheet, adding, wanted) or ((best, sized) if isinstance(sized, Sized) else sized)


def _best(sheet: Sheet, choices: Sequence[tuple[Candidate, ...]], most: int) -> Sheet:
    sheets = [replace(sheet, candidates=choice) for choice in choices]
    objectives = [found.objective if isinstance(found := s.best(most), Optimum) else 0 for s in sheets]
    order = sorted(range(len(sheets)), key=lambda i: (-objectives[i], len(choices[i])))
    return sheets[order[0]]


def _is_cut(sheet: Sheet, sized: Sized, most: int) -> bool:
    found = sheet.best(most)
    return not isinstance(found, Optimum) or sized.lots < found.lots


def _within_caps(
    sheet: Sheet, adding: Sequence[Candidate], wanted: Size | None
) -> tuple[Sheet, Sized] | None:
    """Return the best choice where caps bind, None if none of those tried pays."""
    best: tuple[Sheet, Sized] | None = None
    for choice in _choices(adding):
        tried = replace(sheet, candidates=choice)
        sized = size_plan(tried, wanted)
        if isinstance(sized, Sized) and (best is None or _worth(sized) > _worth(best[1])):
            best = tried, sized
    return best


def _worth(sized: Sized) -> tuple[int, bool]:
    return sized.draft.margin.net, not sized.draft.probe_order


def _choices(adding: Sequence[Candidate]) -> Iterator[tuple[Candidate, ...]]:
    # One leg on offer in less than its own minimum would spoil every choice that holds it.
    able = [c for c in adding if _least(c) <= _depth(c)]
    if len(able) <= ALL_CHOICES_MAX:
        for count in range(2, len(able) + 1):
            yield from combinations(able, count)
        return
    cheapest = sorted(range(len(able)), key=lambda i: (able[i].facing[0].price, i))
    for count in range(2, min(len(able), BATCH_LEGS_MAX) + 1):
        yield tuple(able[i] for i in sorted(cheapest[:count]))


def _by_reach(adding: Sequence[Candidate], params: DutchParams) -> Iterator[tuple[Candidate, ...]]:
    """Return the choices of which one is best without money caps: what is on offer, or adds, at a size."""
    able = [c for c in adding if _least(c) <= _depth(c)]
    leasts = [_least(c) for c in able]
    seen: set[tuple[int, ...]] = set()
    for ends in ([_reach(c, params) for c in able], [_depth(c) for c in able]):
        for size, least in product(sorted(set(ends)), sorted(set(leasts))):
            kept = [i for i, end in enumerate(ends) if end >= size and leasts[i] <= least]
            if len(kept) > BATCH_LEGS_MAX:
                cheapest = sorted(kept, key=lambda i: (able[i].facing[0].price, i))
                kept = sorted(cheapest[:BATCH_LEGS_MAX])
            if len(kept) > 1 and tuple(kept) not in seen:
                seen.add(tuple(kept))
                yield tuple(able[i] for i in kept)
    if not seen:
        yield tuple(adding)


def _reach(candidate: Candidate, params: DutchParams) -> int:
    """Return the lots on the levels at which NO costs less than the dollar it adds."""
    return sum(
        level.size // LOT for level in takewhile(lambda x: _adds(candidate, x, params), candidate.facing)
    )


def _adds(candidate: Candidate, level: Level, params: DutchParams) -> bool:
    """Tell whether a share at this level costs less than 1 with fee, slippage, carry and buffer; exact."""
    steps, per = fee_fraction(candidate.fee, level.price)
    paid = (level.price + params.slippage_ticks * candidate.leg.tick) * per + FEE_STEP * steps
    carried = paid * (PPM_ONE + carry_ppm(PlanKind.NO_SET, params)) * BPS_ONE
    return carried + level.price * params.fee_bps * per * PPM_ONE < PRICE_ONE * per * BPS_ONE * PPM_ONE


def _least(candidate: Candidate) -> int:
    """Return the fewest lots the minimums allow; more than is on offer where they cannot be met."""
    worth = lots_to_reach(candidate.leg, candidate.leg.min_notional)
    return max(candidate.leg.min_size // LOT, _depth(candidate) + 1 if worth is None else worth)


def _depth(candidate: Candidate) -> int:
    return sum(level.size // LOT for level in candidate.facing)

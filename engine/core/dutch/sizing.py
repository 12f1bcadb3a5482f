"""From the best size on the books to the size a plan may have: caps, leg-loss budgets and the odds shrink it.

Every limit is a bound on the size and refuses only when nothing that pays is left.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile

from engine.core.dutch.draft import Draft
from engine.core.dutch.plan_words import against_odds, bound_words, no_room, no_trade, too_little
from engine.core.dutch.sheet import Sheet
from engine.core.planner.ladder import rungs
from engine.core.planner.optimum import NoTrade, Optimum
from engine.domain.plan import Sequencing
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import LOT, Rounding, Size, format_cents


@dataclass(frozen=True, slots=True)
class Sized:
    """A size, the plan at it, and in words what keeps it from being larger."""

    lots: int
    draft: Draft
    limited_by: str
    sequencing: Sequencing = Sequencing.BATCH
    by_risk: bool = False
    """What partly filled legs could lose keeps it from being larger."""


_RISKS = (RefusalKind.LEG_LOSS, RefusalKind.ODDS)


def size_plan(sheet: Sheet, wanted: Size | None) -> Sized | Refusal:
    """Return the best size that every limit allows and that is worth the risk of its legs.

    A batch where it carries the risk of the whole size, else legs sent one after the other where those do;
    else the size is shrunk, of a batch first.
    """
    batch = _size(sheet, wanted)
    if not (batch.by_risk if isinstance(batch, Sized) else batch.kind in _RISKS):
        return batch
    probe = _size(replace(sheet, sequencing=Sequencing.PROBE), wanted)
    if isinstance(probe, Refusal) or not probe.draft.probe_order:
        return batch
    if isinstance(batch, Sized) and probe.by_risk:
        return batch
    return replace(probe, sequencing=Sequencing.PROBE)


def _size(sheet: Sheet, wanted: Size | None) -> Sized | Refusal:
    asked = wanted is not None and wanted <= sheet.params.max_sets
    most = Size(sheet.params.max_sets if wanted is None else min(wanted, sheet.params.max_sets))
    found = sheet.best(most)
    if isinstance(found, NoTrade):
        return no_trade(sheet, found, most)
    sized = Sized(found.lots, sheet.draft(found.lots), bound_words(sheet, found, most, asked=asked))
    shrunk = sized if sheet.broken(sized.draft) is None else _within_caps(sheet, sized.lots)
    if isinstance(shrunk, Refusal):
        return shrunk
    worthwhile = shrunk if sheet.odds(shrunk.draft) else _against_odds(sheet, shrunk)
    if isinstance(worthwhile, Sized) and not sheet.pays(worthwhile.draft):
        return too_little(sheet, worthwhile.draft.margin.net, Size(worthwhile.lots * LOT))
    return worthwhile


def _within_caps(sheet: Sheet, lots: int) -> Sized | Refusal:
    """Return the optimum under the caps, knowing that `lots` breaks one; each is monotone in the size."""
    lot = sheet.lot // LOT
    sizes = range(lot, lots + 1, lot)
    fitting = bisect_left(sizes, x=True, key=lambda size: sheet.broken(sheet.draft(size)) is not None)
    limit = sheet.broken(sheet.draft(sizes[min(fitting, len(sizes) - 1)]))
    assert limit is not None, f"expected {lots} lots to break a cap"
    allowed = Size(fitting * sheet.lot)
    found = sheet.best(allowed)
    if isinstance(found, Optimum):
        draft = sheet.draft(found.lots)
        if sheet.broken(draft) is None:
            words = f"{limit.words} {format_cents(limit.amount, Rounding.DOWN)}"
            return Sized(found.lots, draft, words, by_risk=limit.kind in _RISKS)
    return no_room(sheet, limit, allowed, found)


def _against_odds(sheet: Sheet, sized: Sized) -> Sized | Refusal:
    """Return the largest plan whose profit outweighs its leg risk, knowing that `sized` is none.

    Between two ends of levels, of the offers or of the bids a leg is dumped on, both sides of the test are
    linear in the size: the largest end that passes is found first, then what lies above it is halved.
    """
    lot = sheet.lot // LOT
    failing = sized.lots
    for end in sorted({end // lot * lot for end in _ends(sheet, sized.lots)} - {0, failing}, reverse=True):
        if not sheet.odds(sheet.draft(end)):
            failing = end
            continue
        sizes = range(end, failing, lot)
        passing = bisect_left(sizes, x=True, key=lambda size: not sheet.odds(sheet.draft(size)))
        for most in (sizes[passing - 1], end):
            found = sheet.best(most * LOT)
            if isinstance(found, Optimum) and sheet.odds(draft := sheet.draft(found.lots)):
                words = f"odds of {sheet.success_pct} % that all legs fill"
                return Sized(found.lots, draft, words, by_risk=True)
        failing = end
    return against_odds(sheet, sized.draft)


def _ends(sheet: Sheet, lots: int) -> Iterator[int]:
    """Return the sizes below `lots` at which a level that is walked, or dumped on, ends."""
    for candidate in sheet.candidates:
        walked = rungs(candidate.leg, Rounding.UP)
        yield from takewhile(lambda end: end < lots, (rung.end for rung in walked))
        bids = candidate.book.bids[sheet.params.stress_levels :]
        filled = accumulate(bid.size for bid in bids)
        yield from takewhile(lambda end: end < lots, (size // LOT for size in filled))

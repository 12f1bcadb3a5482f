"""Events as the venue lists them, each with the one right answer: no false plan, none missed.

The edges of those that pay are worked out by hand beside them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from engine.core.dutch.best_kind import best_of, unsendable
from engine.core.dutch.eligibility import ineligible, kinds_of
from engine.core.dutch.event_plan import plan_kind
from engine.domain.book import LiveBook
from engine.domain.fees import FREE
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup, rules_hash
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms, Size, parse_size
from tests.support.planner import NOW, book, group, lone, market, mirrored, params, room, usdc

Names = Sequence[str]
Quotes = Sequence[tuple[str, str]]
"""Bid and ask of YES, one per outcome."""
CHEAP: Quotes = (("0.38", "0.40"), ("0.28", "0.30"), ("0.18", "0.20"))
"""Asks of 0.90: buying YES pays."""
DEAR: Quotes = (("0.45", "0.47"), ("0.35", "0.37"), ("0.30", "0.32"))
"""Bids of 1.10: buying NO pays."""
FAIR: Quotes = (("0.44", "0.46"), ("0.33", "0.35"), ("0.19", "0.21"))
THREE = ("Hold", "Cut", "Hike")


@dataclass(frozen=True)
class Label:
    """One event, its books, and what must come out."""

    name: str
    event: EventGroup
    right: PlanKind | RefusalKind
    net: str = ""
    """By hand, in dollars."""
    quotes: Quotes = CHEAP
    reviewed: bool = True
    held: str = "0"
    terms: Mapping[str, Any] = field(default_factory=dict)
    spoil: Callable[[EventGroup, dict[TokenId, LiveBook]], dict[TokenId, LiveBook]] = lambda _, books: books


def of(
    names: Names = THREE, *, asking: str = "Will it be {}?", last: Mapping[str, Any] | None = None, **event
):
    """An event of these outcomes, fee-free; `last` changes the last one."""
    children = [market(name, question=asking.format(name), fee=FREE) for name in names]
    if last:
        children[-1] = market(names[-1], **{"question": asking.format(names[-1]), "fee": FREE, **last})
    return group(*children, **event)


def books_of(event: EventGroup, quotes: Quotes) -> dict[TokenId, LiveBook]:
    books: dict[TokenId, LiveBook] = {}
    for child, (bid, ask) in zip(event.markets, quotes, strict=False):
        yes = book(event, child.yes, ((ask, "100"),), ((bid, "100"),))
        books |= {child.yes: yes, child.no: mirrored(yes, child.no)}
    return books


def without(which: int, *, no_side: bool = True):
    def spoil(event, books):
        child = event.markets[which]
        gone = {child.yes, child.no} if no_side else {child.yes}
        return {token: found for token, found in books.items() if token not in gone}

    return spoil


def aged(age_ms: int):
    """Both books of the first outcome were confirmed so long ago."""

    def spoil(event, books):
        child = event.markets[0]
        old = {t: replace(books[t], confirmed_ms=Ms(NOW - age_ms)) for t in (child.yes, child.no)}
        return books | old

    return spoil


def on_tick(tick: int):
    def spoil(event, books):
        return {token: replace(found, tick=tick) for token, found in books.items()}

    return spoil


def no_asks(event, books):
    yes = event.markets[0].yes
    return books | {yes: replace(books[yes], asks=())}


def crossed(event, books):
    yes = event.markets[0].yes
    return books | {yes: replace(books[yes], bids=books[yes].asks)}


FREE_LONE = lone(fee=FREE)
K = RefusalKind
LABELS = [
    # True: 100 sets each, net 100 x edge. The fee is .04 (.24 + .21 + .16) = .0244 a set.
    Label("complete set below one", of(), PlanKind.BUY_SET, "10.00"),
    Label("set with the fee of 4 %", group(), PlanKind.BUY_SET, "7.56"),
    Label(
        "set less safety and fixed cost",
        of(),
        PlanKind.BUY_SET,
        "9.30",
        terms={"safety_per_set": usdc("0.002"), "fixed_cost": usdc("0.50")},
    ),
    Label("set less one slippage tick a leg", of(), PlanKind.BUY_SET, "7.00", terms={"slippage_ticks": 1}),
    Label(
        "set with Other from the start",
        of(last={"is_other": True}),
        PlanKind.BUY_SET,
        "10.00",
        terms={"allow_other": True},
    ),
    Label("basket of NO", of(), PlanKind.NO_SET, "10.00", quotes=DEAR),
    Label(
        "basket of NO, nobody has read the rules", of(), PlanKind.NO_SET, "10.00", quotes=DEAR, reviewed=False
    ),
    Label("basket of NO of an augmented event", of(augmented=True), PlanKind.NO_SET, "10.00", quotes=DEAR),
    Label(
        "basket of NO beside an inactive placeholder",
        of((*THREE, "Person D"), last={"active": False}, augmented=True),
        PlanKind.NO_SET,
        "10.00",
        quotes=DEAR,
    ),
    Label(
        "basket of NO beside Other of an augmented event",
        of((*THREE, "Other"), last={"is_other": True}, augmented=True),
        PlanKind.NO_SET,
        "10.00",
        quotes=(*DEAR, ("0.05", "0.07")),
    ),
    Label(
        "basket of NO beside a child closed with its answer",
        of((*THREE, "Out"), last={"closed": True, "resolution_status": "resolved"}),
        PlanKind.NO_SET,
        "10.00",
        quotes=DEAR,
    ),
    Label(
        "basket of NO that leaves out a leg without a book",
        of((*THREE, "Far")),
        PlanKind.NO_SET,
        "10.00",
        quotes=(*DEAR, ("0.01", "0.03")),
        spoil=without(3),
    ),
    Label("sets held are sold first", of(), PlanKind.SELL_SET, "10.00", quotes=DEAR, held="100"),
    Label(
        "more sets could be bought as NO than are held",
        of(),
        PlanKind.NO_SET,
        "10.00",
        quotes=DEAR,
        held="20",
    ),
    Label(
        "pair below one",
        FREE_LONE,
        PlanKind.BUY_PAIR,
        "5.00",
        spoil=lambda event, _: {
            event.markets[0].yes: book(event, event.markets[0].yes, (("0.45", "100"),), (("0.44", "100"),)),
            event.markets[0].no: book(event, event.markets[0].no, (("0.50", "100"),), (("0.49", "100"),)),
        },
    ),
    Label(
        "ranges with one open end on each side", of(("Under 40", "40-44", "45+")), PlanKind.BUY_SET, "10.00"
    ),
    Label(
        "moves of rates both ways",
        of(("50+ bps decrease", "No change", "25+ bps increase")),
        PlanKind.BUY_SET,
        "10.00",
    ),
    Label(
        "months that exclude one another",
        of(("June", "July", "August"), asking="Will it open in {}?"),
        PlanKind.BUY_SET,
        "10.00",
    ),
    # False by structure, flags or not.
    Label("separate markets", of(neg_risk=False), K.STRUCTURE),
    Label("child of another group", of(last={"neg_risk_id": "0xother"}), K.STRUCTURE),
    Label(
        "threshold ladder by questions",
        of(("100k", "110k", "120k"), asking="Will Bitcoin reach ${} in May?"),
        K.THRESHOLD_LADDER,
    ),
    Label(
        "threshold ladder by names",
        of(("Above 2.5%", "Above 3%", "Above 3.5%")),
        K.THRESHOLD_LADDER,
        quotes=DEAR,
    ),
    Label("threshold ladder downwards", of(("↓ 90,000", "↓ 80,000", "↑ 120,000")), K.THRESHOLD_LADDER),
    Label(
        "date ladder by questions",
        of(("June 30", "July 31", "December 31"), asking="Will it end by {}?"),
        K.DATE_LADDER,
        quotes=DEAR,
    ),
    Label("date ladder by title", of(("June", "July", "2027"), title="Ceasefire by...?"), K.DATE_LADDER),
    Label("places shared by three", of(title="Which party comes in the top 3?"), K.TOP_PLACES, quotes=DEAR),
    Label(
        "several winners", of(title="Which teams will advance to the final?"), K.SEVERAL_WINNERS, quotes=DEAR
    ),
    Label("several nominees", of(asking="Will {} be nominated for Best Picture?"), K.SEVERAL_WINNERS),
    # False for YES only, and NO does not pay.
    Label("augmented, asks below one", of(augmented=True), K.NO_EDGE),
    Label(
        "augmented with Other allowed",
        of(last={"is_other": True}, augmented=True),
        K.NO_EDGE,
        terms={"allow_other": True},
    ),
    Label("placeholder that does not trade", of((*THREE, "Person D"), last={"active": False}), K.NO_EDGE),
    Label("placeholder that trades under no name", of(("Hold", "Cut", "Person A")), K.NO_EDGE),
    Label("Other not allowed", of(last={"is_other": True}), K.NO_EDGE),
    Label("closed child", of(last={"closed": True}), K.NO_EDGE),
    Label("rules not read", of(), K.NOT_REVIEWED, reviewed=False),
    # False by state, fees and books.
    Label("orders are delayed", of(last={"taker_delay": True}), K.TAKER_DELAY),
    Label("an answer is proposed", of(last={"resolution_status": "proposed"}), K.RESOLVING, quotes=DEAR),
    Label("fee unknown", of(last={"fee": None}), K.FEE_UNKNOWN),
    Label("fee unknown, bids above one", of(last={"fee": None}), K.FEE_UNKNOWN, quotes=DEAR),
    Label("leg without a book", of(("Hold", "Cut")), K.BOOK_NOT_LIVE, quotes=CHEAP[:2], spoil=without(1)),
    Label("stale leg", of(("Hold", "Cut")), K.BOOK_AGE, quotes=CHEAP[:2], spoil=aged(5_001)),
    Label("legs out of step", of(("Hold", "Cut")), K.BOOK_SKEW, quotes=CHEAP[:2], spoil=aged(2_200)),
    Label("pair on another tick", FREE_LONE, K.BOOK_TICK, quotes=CHEAP[:1], spoil=on_tick(10)),
    Label("pair nobody offers", FREE_LONE, K.BOOK_EMPTY, quotes=CHEAP[:1], spoil=no_asks),
    Label("pair locked", FREE_LONE, K.BOOK_CROSSED, quotes=CHEAP[:1], spoil=crossed),
    Label(
        "edge eaten by the fee",
        group(),
        K.NO_EDGE,
        quotes=(("0.45", "0.47"), ("0.31", "0.33"), ("0.16", "0.18")),
    ),
    Label(
        "edge of NO eaten by the fee",
        group(),
        K.NO_EDGE,
        quotes=(("0.47", "0.49"), ("0.34", "0.36"), ("0.21", "0.23")),
    ),
    Label("no edge either way", of(), K.NO_EDGE, quotes=FAIR),
    Label("ends too late", of(), K.DAYS_LOCKED, terms={"max_days_locked": 10}),
    Label("gain too small", of(), K.MIN_PROFIT, terms={"min_profit": usdc("10.01")}),
]


def judged(label: Label) -> Plan | Refusal:
    """Every kind the event allows, guards first, as the desk asks them."""
    event = label.event
    known = {event.event_id: rules_hash(event)} if label.reviewed else {}
    terms = replace(params(safety_per_set=0, fixed_cost=0, success_pct=100, max_days_locked=0), **label.terms)
    books = label.spoil(event, books_of(event, label.quotes))
    held = {child.yes: parse_size(label.held) for child in event.markets}
    found: dict[PlanKind, Plan | Refusal] = {}
    for kind in kinds_of(event):
        found[kind] = ineligible(event, known, allow_other=terms.allow_other, kind=kind) or plan_kind(
            kind, event, books, wanted=None, params=terms, room=room(), now_ms=NOW, held=held
        )
    return best_of(found)


@pytest.mark.parametrize("label", LABELS, ids=[label.name for label in LABELS])
def test_every_labelled_event_gets_its_right_answer(label):
    found = judged(label)

    if isinstance(label.right, RefusalKind):
        assert isinstance(found, Refusal), f"a false plan: {found.kind}, {found.margin}"
        assert found.kind is label.right, found.text
        assert found.text.startswith("expected ")
        return
    assert isinstance(found, Plan), f"a missed plan: {found.text}"
    assert found.kind is label.right
    assert unsendable(found) is None
    assert found.size == parse_size("100")
    assert found.margin.net == usdc(label.net)


def test_there_are_forty_labels_or_more_and_each_guard_has_its_own_word():
    refused = {label.right for label in LABELS if isinstance(label.right, RefusalKind)}

    assert len(LABELS) >= 40
    assert len({kind.value for kind in RefusalKind}) == len(RefusalKind)
    assert len(refused) >= 17
    assert all(
        one.value != other.value for one, other in pairwise(sorted(refused, key=lambda kind: kind.value))
    )


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("augmented, asks below one", K.AUGMENTED),
        ("augmented with Other allowed", K.AUGMENTED),
        ("placeholder that does not trade", K.PLACEHOLDER),
        ("placeholder that trades under no name", K.PLACEHOLDER),
        ("Other not allowed", K.OTHER_OUTCOME),
        ("closed child", K.NOT_TRADABLE),
    ],
)
def test_buying_yes_is_refused_by_its_own_guard(label, kind):
    event = next(one.event for one in LABELS if one.name == label)

    refusal = ineligible(
        event, {event.event_id: rules_hash(event)}, allow_other=label == "augmented with Other allowed"
    )
    assert refusal is not None
    assert refusal.kind is kind


def test_conversion_is_shown_only_where_nothing_can_be_sent():
    event = of()
    books = books_of(event, DEAR)
    few = room(ticket="150")
    known: dict[str, Any] = {"params": params(safety_per_set=0, success_pct=100), "now_ms": NOW}
    shown = plan_kind(PlanKind.CONVERT, event, books, wanted=None, room=few, **known)
    sent = plan_kind(PlanKind.NO_SET, event, books, wanted=None, room=few, **known)
    assert isinstance(shown, Plan)
    assert isinstance(sent, Plan)

    best = best_of({PlanKind.NO_SET: sent, PlanKind.CONVERT: shown})
    alone = best_of({PlanKind.NO_SET: Refusal(K.NO_EDGE, "expected"), PlanKind.CONVERT: shown})

    assert shown.margin.net > sent.margin.net
    assert isinstance(best, Plan)
    assert best.kind is PlanKind.NO_SET
    assert "convert" in best.advice
    assert alone == shown
    refusal = unsendable(shown)
    assert refusal is not None
    assert refusal.kind is K.NOT_SENDABLE
    assert [leg.side.value for leg in shown.legs].count("BUY") == 1
    assert shown.legs[0].name == "NO Hold"
    assert Size(shown.legs[0].size) == shown.size

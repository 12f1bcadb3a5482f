"""The wide catalogue: events a scanner must refuse or handle, and as many plain ones as a test wants.

All constants, like `catalogue_seed`. Each special event is one case: several may win (a date ladder,
thresholds, the top three), 128 children of which most are unnamed, a result that stands or is proposed, a
book without one side, a grid of 0.001 near its end, 2,000 levels a side, tokens of Protocol V2.
"""

from collections.abc import Iterable
from itertools import islice, product
from random import Random

from engine.domain.fees import FREE, FeeCurve
from engine.domain.units import PRICE_ONE, Price
from engine.simulator.catalogue_seed import ChildSeed, ChildState, EventSeed

NOMINEE_ACTIVE, NOMINEE_CHILDREN = 53, 128
"""The largest real event: 53 active children, the other 75 placeholders and "Other" (protocol 7)."""
DEEP_LEVELS = 2_000
_PLAIN_LEVELS = 20
"""Levels a side of generated markets: enough to be a book, few enough for thousands of them."""
_CENT, _MILL, _FINEST = Price(100), Price(10), Price(1)
_POLITICS = FeeCurve(40_000, 1)


def _event(
    slug: str,
    title: str,
    rules: str,
    children: Iterable[ChildSeed],
    *,
    neg_risk: bool,
    tick: Price = _CENT,
    fee: FeeCurve = _POLITICS,
    augmented: bool = False,
    positions: bool = False,
) -> EventSeed:
    return EventSeed(
        slug=slug,
        title=title,
        rules=rules,
        end_date="2027-12-31T00:00:00Z",
        tag="Rehearsal",
        tick=tick,
        fee=fee,
        fee_type="politics_fees" if fee.rate else "",
        rebate_percent=25,
        neg_risk=neg_risk,
        augmented=augmented,
        taker_delay=False,
        children=tuple(children),
        positions=positions,
    )


def _priced(question: str, **fairs: int) -> list[ChildSeed]:
    """Return named children, fair prices in 1e-4; underscores of the keyword stand for spaces."""
    names = {name.replace("_", " "): fair for name, fair in fairs.items()}
    return [ChildSeed(name, question.format(name), Price(fair)) for name, fair in names.items()]


_LADDER = _event(
    "bridge-open-by",
    "Bridge open by...?",
    "Each market resolves to Yes if the bridge is open to traffic by the last day of its month in 2027. An "
    "opening in March resolves every later month to Yes as well.",
    _priced("Bridge open by {} 2027?", March=2_200, June=4_800, September=7_100),
    neg_risk=False,
)
_THRESHOLDS = _event(
    "reservoir-level-above",
    "Reservoir level above...?",
    "Each market resolves to Yes if the level printed for December 1, 2027 is above its mark. A level above "
    "80 percent resolves all of them to Yes.",
    [
        ChildSeed(f"{mark}%", f"Reservoir above {mark}% on December 1, 2027?", Price(fair))
        for mark, fair in ((60, 8_300), (70, 5_600), (80, 2_400), (90, 700))
    ],
    neg_risk=False,
)
_TOP_THREE = _event(
    "regatta-top-three",
    "Regatta: top three",
    "Each market resolves to Yes if its boat is among the first three of the 2027 regatta: exactly three do.",
    _priced(
        "{} among the first three of the regatta?",
        Albatross=8_200,
        Bittern=6_900,
        Cormorant=5_400,
        Dunlin=4_300,
        Egret=3_100,
        Fulmar=2_100,
    ),
    neg_risk=False,
)
_RESOLVED = _event(
    "archive-prize-2026",
    "Archive Prize 2026",
    "Resolves to the winner of the Archive Prize 2026.",
    [
        ChildSeed(name, f"{name} wins the Archive Prize 2026?", Price(fair), ChildState.CLOSED)
        for name, fair in (("Vellum", PRICE_ONE), ("Quire", 0), ("Folio", 0))
    ],
    neg_risk=True,
)
_PROPOSED = _event(
    "ferry-strike-in-september",
    "Ferry strike in September?",
    "Resolves to Yes if the ferries stand still for a whole day in September 2027.",
    [ChildSeed("", "Ferry strike in September?", Price(9_800), ChildState.PROPOSED)],
    neg_risk=False,
)
_EDGE = _event(
    "orchard-award-winner",
    "Orchard Award winner",
    "Resolves to the grower that receives the Orchard Award 2027; exactly one of the three does.",
    _priced("{} receives the Orchard Award?", Hollow_Farm=9_980, Stone_End=10, Mill_Lane=10),
    neg_risk=True,
    tick=_MILL,
)
_MIXED_GRID = _event(
    "lighthouse-relit-in-2027",
    "Lighthouse relit in 2027?",
    "Resolves to Yes if the light is lit again on any night of 2027.",
    [ChildSeed("", "Lighthouse relit in 2027?", Price(9_550))],
    neg_risk=False,
    tick=_MILL,
)
_DEEP = _event(
    "tide-mark-above-datum",
    "Tide mark above datum?",
    "Resolves to Yes if the mean tide mark of 2027 is printed above datum.",
    [ChildSeed("", "Tide mark above datum?", Price(5_000), levels=DEEP_LEVELS)],
    neg_risk=False,
    tick=_FINEST,
    fee=FREE,
)
_POSITIONS = _event(
    "causeway-dry-at-noon",
    "Causeway dry at noon?",
    "Resolves to Yes if the causeway is dry at noon of June 1, 2027.",
    [ChildSeed("", "Causeway dry at noon?", Price(4_200))],
    neg_risk=False,
    positions=True,
)


def _nominees() -> list[ChildSeed]:
    """Return the 128 children: with the flow's margin of 0.003 the active asks sum to 0.966, no arbitrage."""
    given = ("Ada", "Bruno", "Clara", "Dario", "Edith", "Felix", "Greta", "Hugo")
    family = ("Abel", "Brook", "Carver", "Dunn", "Ember", "Frost", "Gale")
    favourites = [1_500, 1_100, 900, 700, 550, 400, 350, 300, 250, 200]
    fairs = [*favourites, *[50] * 10, *[40] * (NOMINEE_ACTIVE - 20)]
    names = [" ".join(pair) for pair in islice(product(given, family), NOMINEE_ACTIVE)]
    question = "{} nominated by the Coast Party?"
    active = [
        ChildSeed(name, question.format(name), Price(fair)) for name, fair in zip(names, fairs, strict=True)
    ]
    unnamed = [f"Person {number}" for number in range(1, NOMINEE_CHILDREN - NOMINEE_ACTIVE)]
    placeholders = [ChildSeed(name, question.format(name), _MILL, ChildState.PLACEHOLDER) for name in unnamed]
    return [*active, *placeholders, ChildSeed("Other", question.format("Other"), _MILL, ChildState.OTHER)]


_NOMINEE = _event(
    "coast-party-nominee",
    "Coast Party nominee",
    "Resolves to the person the Coast Party nominates. Placeholders may be given names while the market "
    "runs; a nominee without a market of their own resolves to Other.",
    _nominees(),
    neg_risk=True,
    tick=_MILL,
    augmented=True,
)

SPECIAL_EVENTS: tuple[EventSeed, ...] = (
    _LADDER,
    _THRESHOLDS,
    _TOP_THREE,
    _RESOLVED,
    _PROPOSED,
    _EDGE,
    _MIXED_GRID,
    _DEEP,
    _NOMINEE,
    _POSITIONS,
)
"""One event for each case that a scanner must refuse or handle."""


def plain_events(count: int) -> tuple[EventSeed, ...]:
    """Return ordinary events: binary ones and complete neg-risk ones of 3 to 8 outcomes, half of each."""
    rng = Random("plain events")  # noqa: S311 - texts must not depend on anything but their number
    return tuple(_plain(number, rng) for number in range(1, count + 1))


def _plain(number: int, rng: Random) -> EventSeed:
    title = f"Parcel {number} delivered"
    rules = f"Resolves by the delivery book of parcel {number}, closed on December 1, 2027."
    tick = rng.choice((_CENT, _MILL))
    if number % 2:
        outcomes = [("", f"{title} in 2027?", Price(rng.randrange(15, 86) * 100))]
    else:
        parts = _parts(rng.randint(3, 8), rng)
        outcomes = [(f"Bay {bay}", f"{title} to bay {bay}?", fair) for bay, fair in enumerate(parts, 1)]
    return _event(
        f"parcel-{number}",
        f"{title}?",
        rules,
        [ChildSeed(name, question, fair, levels=_PLAIN_LEVELS) for name, question, fair in outcomes],
        neg_risk=len(outcomes) > 1,
        tick=tick,
    )


def _parts(count: int, rng: Random) -> list[Price]:
    """Split one dollar into cents, at least five for each part."""
    cents = 100 - 5 * count
    cuts = sorted(rng.randint(0, cents) for _ in range(count - 1))
    return [Price(100 * (5 + right - left)) for left, right in zip([0, *cuts], [*cuts, cents], strict=True)]

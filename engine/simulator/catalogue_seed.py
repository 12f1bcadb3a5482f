"""The texts and figures of the local exchange's events. Invented for rehearsal; no real event is described.

Everything is a constant: together with the exchange's seed it fixes every id, text and date, so that the
rules of an event can be reviewed once and stay reviewed. Fair prices are where the seeded flow trades.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.fees import FREE, FeeCurve
from engine.domain.units import SIZE_ONE, USDC_ONE, Price, Size, Usdc


class ChildState(Enum):
    """What a child market of an event is.

    A placeholder and "Other" have a book and are inactive. A proposed result has taken the book away; a
    closed market is resolved, its fair price says how.
    """

    NAMED = "named"
    PLACEHOLDER = "placeholder"
    OTHER = "other"
    PROPOSED = "proposed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ChildSeed:
    """One market: outcome name, question, starting price of YES in 1e-4, levels the flow keeps a side."""

    name: str
    question: str
    fair: Price
    state: ChildState = ChildState.NAMED
    levels: int = 42


@dataclass(frozen=True, slots=True)
class RewardSeed:
    """Liquidity rewards of each named market of an event: band, scoring minimum, pool a day."""

    max_spread: Price
    min_size: Size
    daily: Usdc


@dataclass(frozen=True, slots=True)
class EventSeed:
    """One event; `neg_risk` groups its children so that at most one resolves YES.

    The tokens of one with `positions` are position ids of Protocol V2.
    """

    slug: str
    title: str
    rules: str
    end_date: str
    tag: str
    tick: Price
    fee: FeeCurve
    fee_type: str
    rebate_percent: int
    neg_risk: bool
    augmented: bool
    taker_delay: bool
    children: tuple[ChildSeed, ...]
    positions: bool = False
    rewards: RewardSeed | None = None


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a single binary market is traded on."""

    end_date: str
    tag: str
    tick: Price
    fee: FeeCurve
    fee_type: str
    taker_delay: bool = False
    rewards: RewardSeed | None = None


def _rewards(tenths_of_cent: int, shares: int, dollars: int) -> RewardSeed:
    return RewardSeed(Price(tenths_of_cent * 10), Size(shares * SIZE_ONE), Usdc(dollars * USDC_ONE))


def _child(name: str, question: str, cents: int, state: ChildState = ChildState.NAMED) -> ChildSeed:
    return ChildSeed(name, question, Price(cents * 100), state)


_FED = EventSeed(
    slug="fed-decision-in-december",
    title="Fed decision in December?",
    rules=(
        "Resolves by how far the Federal Reserve moves the upper bound of its target range at the December "
        "2027 meeting, against the bound in force before that meeting. Exactly one of the five brackets "
        "resolves to Yes: a move that falls between two brackets counts for the larger one, and a meeting "
        "that ends without a statement before the next one counts as no change. Source: the statement "
        "published by the Federal Reserve."
    ),
    end_date="2027-12-08T00:00:00Z",
    tag="Economy",
    tick=Price(10),
    fee=FeeCurve(rate=40_000, exponent=1),
    fee_type="economics_fees",
    rebate_percent=25,
    neg_risk=True,
    augmented=False,
    taker_delay=False,
    children=(
        _child("50+ bps decrease", "Fed cuts by 50 bps or more after the December 2027 meeting?", 6),
        _child("25 bps decrease", "Fed cuts by 25 bps after the December 2027 meeting?", 31),
        _child("No change", "Fed leaves rates unchanged after the December 2027 meeting?", 44),
        _child("25 bps increase", "Fed raises by 25 bps after the December 2027 meeting?", 13),
        _child("50+ bps increase", "Fed raises by 50 bps or more after the December 2027 meeting?", 6),
    ),
    rewards=_rewards(35, 50, 200),
)
_CUP = EventSeed(
    slug="harbour-cup-winner",
    title="Harbour Cup winner",
    rules=(
        "Resolves to the club that the organiser of the Harbour Cup records as winner of the 2027 final "
        "round, which is played by exactly the three clubs listed. The tie-break rules always leave one "
        "winner; should the round not be finished by the end date, the club leading the table at that "
        "moment, by the same tie-break rules, is the winner."
    ),
    end_date="2027-11-20T00:00:00Z",
    tag="Sports",
    tick=Price(100),
    fee=FeeCurve(rate=30_000, exponent=1),
    fee_type="sports_fees",
    rebate_percent=15,
    neg_risk=True,
    augmented=False,
    taker_delay=False,
    children=(
        _child("Northgate", "Northgate win the Harbour Cup?", 45),
        _child("Southbank", "Southbank win the Harbour Cup?", 33),
        _child("Westmoor", "Westmoor win the Harbour Cup?", 22),
    ),
    rewards=_rewards(30, 20, 60),
)
_LEADER = EventSeed(
    slug="next-leader-of-the-union-party",
    title="Next leader of the Union Party",
    rules=(
        "Resolves to the person elected leader of the Union Party at its 2027 congress. Names may be added "
        "while the market runs; a winner who has no market of their own at that time resolves to Other."
    ),
    end_date="2027-10-15T00:00:00Z",
    tag="Politics",
    tick=Price(10),
    fee=FeeCurve(rate=40_000, exponent=1),
    fee_type="politics_fees",
    rebate_percent=25,
    neg_risk=True,
    augmented=True,
    taker_delay=False,
    children=(
        _child("Ada Brandt", "Ada Brandt elected leader of the Union Party?", 38),
        _child("Noel Okafor", "Noel Okafor elected leader of the Union Party?", 27),
        _child("Iris Valdez", "Iris Valdez elected leader of the Union Party?", 15),
        _child("Tomas Lind", "Tomas Lind elected leader of the Union Party?", 8),
        _child("Person A", "Person A elected leader of the Union Party?", 1, ChildState.PLACEHOLDER),
        _child("Person B", "Person B elected leader of the Union Party?", 1, ChildState.PLACEHOLDER),
        _child("Person C", "Person C elected leader of the Union Party?", 1, ChildState.PLACEHOLDER),
        _child("Other", "Somebody else elected leader of the Union Party?", 9, ChildState.OTHER),
    ),
)
_FILM = EventSeed(
    slug="lantern-prize-best-film",
    title="Lantern Prize: best film",
    rules=(
        "Resolves to the film that receives the Lantern Prize for best film at the 2027 ceremony. A film "
        "withdrawn by the jury resolves to No at once. If the prize is shared or not awarded, every market "
        "of this event resolves to No."
    ),
    end_date="2027-09-30T00:00:00Z",
    tag="Culture",
    tick=Price(100),
    fee=FeeCurve(rate=50_000, exponent=1),
    fee_type="culture_fees",
    rebate_percent=25,
    neg_risk=True,
    augmented=False,
    taker_delay=False,
    children=(
        _child("Low Tide", "Low Tide wins the Lantern Prize for best film?", 52),
        _child("The Long Field", "The Long Field wins the Lantern Prize for best film?", 30),
        _child("Paper Moons", "Paper Moons wins the Lantern Prize for best film?", 18),
        _child("Glass Harbour", "Glass Harbour wins the Lantern Prize for best film?", 0, ChildState.CLOSED),
    ),
)


def _single(slug: str, question: str, rules: str, *, fair_cents: int, terms: _Terms) -> EventSeed:
    """Return an event of one binary market."""
    return EventSeed(
        slug=slug,
        title=question,
        rules=rules,
        end_date=terms.end_date,
        tag=terms.tag,
        tick=terms.tick,
        fee=terms.fee,
        fee_type=terms.fee_type,
        rebate_percent=20,
        neg_risk=False,
        augmented=False,
        taker_delay=terms.taker_delay,
        children=(_child("", question, fair_cents),),
        rewards=terms.rewards,
    )


_COIN = _single(
    "coin-index-above-100-in-december",
    "Coin index above 100 on December 1?",
    "Resolves to Yes if the coin index printed for noon UTC on December 1, 2027 is above 100.00.",
    fair_cents=57,
    terms=_Terms(
        "2027-12-01T12:00:00Z",
        "Crypto",
        Price(100),
        FeeCurve(70_000, 1),
        "crypto_fees",
        rewards=_rewards(30, 20, 100),
    ),
)
_TREATY = _single(
    "strait-treaty-signed-in-2027",
    "Strait treaty signed in 2027?",
    "Resolves to Yes if both governments announce their signatures of the Strait treaty in 2027.",
    fair_cents=35,
    terms=_Terms("2027-12-31T00:00:00Z", "Geopolitics", Price(10), FREE, "", rewards=_rewards(45, 100, 150)),
)
_MATCH = _single(
    "open-final-first-set",
    "Favourite takes the first set of the open final?",
    "Resolves to Yes if the higher seeded player takes the first set of the 2027 open final.",
    fair_cents=61,
    terms=_Terms(
        "2027-09-12T00:00:00Z", "Sports", Price(100), FeeCurve(50_000, 1), "sports_fees", taker_delay=True
    ),
)

EVENTS: tuple[EventSeed, ...] = (_FED, _CUP, _LEADER, _FILM, _COIN, _TREATY, _MATCH)
"""The default catalogue; its ids and texts never change, because rules of it are reviewed in advance."""
WINDOW_EVENTS: dict[str, Price] = {_FED.slug: Price(9_000), _CUP.slug: Price(9_200)}
"""Events in which the flow opens Dutch windows, with the sum of YES asks (1e-4) while one is open."""

"""Which orders a plan of each kind is made of, before any price is looked at."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.core.dutch.eligibility import kind_of, named_open
from engine.core.order_terms import MARKETABLE_MIN
from engine.core.planner.ladder import LegInput
from engine.domain.book import Level, LiveBook
from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import EventGroup, Market, Side
from engine.domain.plan import Plan, PlanKind
from engine.domain.units import Size, Usdc


@dataclass(frozen=True, slots=True)
class Want:
    """One order a plan would place: of what, in which direction."""

    market: Market
    name: str
    token: TokenId
    side: Side


@dataclass(frozen=True, slots=True)
class Candidate:
    """One token to trade, before its size is known."""

    market: Market
    name: str
    fee: FeeCurve
    book: LiveBook
    leg: LegInput

    @property
    def facing(self) -> tuple[Level, ...]:
        """The side of the book that the order trades with, best first."""
        return self.book.asks if self.leg.side is Side.BUY else self.book.bids


def wants_of(event: EventGroup, kind: PlanKind, bought: Collection[ConditionId] = ()) -> tuple[Want, ...]:
    """Return the orders of a kind in the catalogue's order, all that it may choose from.

    `bought` names the outcomes of a conversion whose NO is bought; the others' YES is sold.
    """
    match kind:
        case PlanKind.BUY_PAIR:
            market = event.markets[0]
            return (
                Want(market, "YES", market.yes, Side.BUY),
                Want(market, "NO", market.no, Side.BUY),
            )
        case PlanKind.BUY_SET:
            return tuple(Want(market, market.name, market.yes, Side.BUY) for market in event.markets)
        case PlanKind.NO_SET:
            return tuple(_no(market) for market in named_open(event))
        case PlanKind.SELL_SET:
            return tuple(_sale(market) for market in named_open(event))
        case PlanKind.CONVERT:
            return tuple(
                _no(market) if market.condition_id in bought else _sale(market)
                for market in named_open(event)
            )
        case _:
            raise AssertionError(f"expected a kind of several legs, was {kind.value}")


def _no(market: Market) -> Want:
    return Want(market, f"NO {market.name}", market.no, Side.BUY)


def _sale(market: Market) -> Want:
    return Want(market, market.name, market.yes, Side.SELL)


def wants_of_plan(plan: Plan, event: EventGroup) -> tuple[Want, ...]:
    """Return the orders of a plan; its event must still hold every outcome."""
    return tuple(Want(event.market_of(leg.token_id), leg.name, leg.token_id, leg.side) for leg in plan.legs)


def tokens_of(event: EventGroup, kind: PlanKind | None = None) -> tuple[TokenId, ...]:
    """Return the tokens whose books a plan of this kind needs; without one of the kind that buys YES."""
    kind = kind or kind_of(event)
    tokens = [want.token for want in wants_of(event, kind)]
    if kind is PlanKind.CONVERT:
        tokens += [market.no for market in named_open(event)]
    return tuple(tokens)


def candidate_of(
    want: Want, books: Mapping[TokenId, LiveBook], held: Mapping[TokenId, Size] | None = None
) -> Candidate:
    """Return one leg on its book, which must be there, with its market's fee, which must be known.

    `held` caps what may be sold; None where the shares come from elsewhere.
    """
    market, book = want.market, books[want.token]
    fee = market.terms.fee
    assert fee is not None, f"expected an eligible event, the fee of {market.condition_id} is unknown"
    buys = want.side is Side.BUY
    leg = LegInput(
        side=want.side,
        levels=book.asks if buys else book.bids,
        tick=market.terms.tick,
        fee=fee,
        min_size=market.terms.min_size,
        max_size=None if buys or held is None else held.get(want.token, Size(0)),
        min_notional=MARKETABLE_MIN if buys else Usdc(0),
    )
    return Candidate(market, want.name, fee, book, leg)


def candidates_of(event: EventGroup, books: Mapping[TokenId, LiveBook]) -> tuple[Candidate, ...]:
    """Return the legs that buy every YES, or the pair, in the catalogue's order."""
    return tuple(candidate_of(want, books) for want in wants_of(event, kind_of(event)))

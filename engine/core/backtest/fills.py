"""The fill model of a backtest: pessimistic, never "filled at touch".

An order fills only against the books as they are when it arrives, within its limit, and takes what it takes
from a level once: the taken size counts as gone until the level is seen smaller; what a level grows is new.
What no complete set needs is sold at once into the bids that are left, the best `stress_levels` of them
assumed gone; what no bid takes is worth nothing. This module knows no clock and no recording.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from engine.domain.backtest import Attempt, LegFill
from engine.domain.book import Level, LiveBook
from engine.domain.fees import taker_fee
from engine.domain.frames import BookDelta, BookSnapshot, Frame
from engine.domain.ids import TokenId
from engine.domain.market import EventGroup, Side
from engine.domain.plan import Plan, PlanLeg
from engine.domain.units import (
    PRICES,
    Ms,
    Price,
    Rounding,
    Size,
    Usdc,
    complement,
    divide,
    notional,
    parse_size,
)

Key = tuple[TokenId, Side, Price]
"""One level: its token, the side that rests, its price."""


class Taken:
    """What this backtest's own orders took from levels that the recording still shows whole."""

    def __init__(self) -> None:
        self._sizes: dict[Key, Size] = {}

    def __bool__(self) -> bool:
        """Tell whether anything counts as gone."""
        return bool(self._sizes)

    def hear(self, frames: Iterable[Frame]) -> None:
        """Note what a stream shows of the levels now: less than was taken gives the rest of it back."""
        for frame in frames:
            match frame:
                case BookDelta():
                    for change in frame.changes:
                        self._shown((change.token_id, change.side, PRICES[change.price]), change.size)
                case BookSnapshot():
                    sides = (Side.BUY, frame.bids), (Side.SELL, frame.asks)
                    shown = {(side, PRICES[at.price]): at.size for side, levels in sides for at in levels}
                    for key in [key for key in self._sizes if key[0] == frame.token_id]:
                        self._shown(key, shown.get(key[1:], "0"))
                case _:
                    pass

    def _shown(self, key: Key, size: str) -> None:
        if key in self._sizes:
            self._sizes[key] = min(self._sizes[key], parse_size(size))
            if not self._sizes[key]:
                del self._sizes[key]

    def left(self, book: LiveBook) -> LiveBook:
        """Return what of a book is left for us."""
        return replace(
            book, bids=self._rest(book, Side.BUY, book.bids), asks=self._rest(book, Side.SELL, book.asks)
        )

    def _rest(self, book: LiveBook, side: Side, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        gone = {key[2]: size for key, size in self._sizes.items() if key[:2] == (book.token_id, side)}
        if not gone:
            return levels
        rest = (Level(at.price, Size(at.size - gone[at.price])) if at.price in gone else at for at in levels)
        return tuple(level for level in rest if level.size > 0)

    def take(self, event: EventGroup, token: TokenId, side: Side, parts: Iterable[Level]) -> None:
        """Note parts of levels resting on `side` as gone, and their mirror on the other token."""
        market = event.market_of(token)
        other = market.no if token == market.yes else market.yes
        opposite = Side.SELL if side is Side.BUY else Side.BUY
        for part in parts:
            keys = (token, side, part.price), (other, opposite, complement(part.price))
            for key in keys:
                self._sizes[key] = Size(self._sizes.get(key, 0) + part.size)


def filled(
    plan: Plan,
    event: EventGroup,
    book_of: Callable[[TokenId], LiveBook | None],
    taken: Taken,
    *,
    stress_levels: int,
    fired_ms: Ms,
    arrived_ms: Ms,
) -> Attempt:
    """Return what a plan of BUY legs gets on these books, and note in `taken` what it took.

    A leg whose book is not proven at that moment (None) fills nothing and can sell nothing.
    """
    assert all(leg.side is Side.BUY for leg in plan.legs), f"expected BUY legs in {plan.plan_id}"
    bought = _bought_in_order(plan, event, book_of, taken)
    sizes = [Size(sum(part.size for part in parts)) for parts in bought]
    sets = Size(min(sizes))
    legs = []
    for leg, parts, size in zip(plan.legs, bought, sizes, strict=True):
        dumped = Size(size - sets)
        bids = _dumped(leg, event, book_of(leg.token_id), taken, size=dumped, stress_levels=stress_levels)
        legs.append(
            LegFill(
                name=leg.name,
                token_id=leg.token_id,
                wanted=leg.size,
                filled=size,
                cost=_cost(leg, parts),
                dumped=dumped,
                proceeds=_proceeds(leg, bids),
            )
        )
    payout = divide(plan.margin.payout * sets, plan.size, Rounding.DOWN)
    cost = sum(leg.cost for leg in legs) + (plan.margin.fixed if any(sizes) else 0)
    result = payout + sum(leg.proceeds for leg in legs) - cost
    return Attempt(plan, fired_ms, arrived_ms, tuple(legs), sets, Usdc(payout), Usdc(result))


def _bought_in_order(
    plan: Plan, event: EventGroup, book_of: Callable[[TokenId], LiveBook | None], taken: Taken
) -> list[list[Level]]:
    """Return what each leg buys; of legs sent one after the other none after the first that is not whole.

    They are taken to arrive at one moment, as those of a batch.
    """
    legs = {leg.number: leg for leg in plan.legs}
    found: dict[int, list[Level]] = {number: [] for number in legs}
    for number in plan.probe_order or legs:
        leg = legs[number]
        found[number] = _bought(leg, event, book_of(leg.token_id), taken)
        if plan.probe_order and sum(part.size for part in found[number]) < leg.size:
            break
    return list(found.values())


def _bought(leg: PlanLeg, event: EventGroup, book: LiveBook | None, taken: Taken) -> list[Level]:
    if book is None:
        return []
    within = [level for level in taken.left(book).asks if level.price <= leg.limit]
    parts = _walk(within, leg.size)
    taken.take(event, leg.token_id, Side.SELL, parts)
    return parts


def _dumped(
    leg: PlanLeg,
    event: EventGroup,
    book: LiveBook | None,
    taken: Taken,
    *,
    size: Size,
    stress_levels: int,
) -> list[Level]:
    if book is None or size == 0:
        return []
    parts = _walk(taken.left(book).bids[stress_levels:], size)
    taken.take(event, leg.token_id, Side.BUY, parts)
    return parts


def _walk(levels: Sequence[Level], size: Size) -> list[Level]:
    """Return the parts of levels, best first, that `size` takes."""
    parts = []
    left: int = size
    for level in levels:
        if left <= 0:
            break
        parts.append(Level(level.price, Size(min(left, level.size))))
        left -= level.size
    return parts


def _cost(leg: PlanLeg, parts: Sequence[Level]) -> Usdc:
    return Usdc(
        sum(
            notional(part.price, part.size, Rounding.UP)
            + taker_fee(leg.fee, part.price, part.size, Rounding.UP)
            for part in parts
        )
    )


def _proceeds(leg: PlanLeg, parts: Sequence[Level]) -> Usdc:
    return Usdc(
        sum(
            notional(part.price, part.size, Rounding.DOWN)
            - taker_fee(leg.fee, part.price, part.size, Rounding.UP)
            for part in parts
        )
    )

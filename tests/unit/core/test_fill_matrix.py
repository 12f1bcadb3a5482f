"""Every way a fill can happen times every way it can be told: position and cash exact in every cell.

{maker, taker} x {same token, mint, merge} x {stream first, REST first, both at once, doubled, reordered}.
The truth is written down by hand from the matching rules (protocol 9.1), not by the code under test.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from engine.core.exposure.inventory import confirmed
from engine.core.exposure.inventory import shares as shares_held
from engine.domain.account import MakerMatch, VenueTrade
from engine.domain.fees import taker_fee
from engine.domain.ids import TokenId, TradeId
from engine.domain.market import Side
from engine.domain.order import OrderRecord, Settlement, TimeInForce
from engine.domain.units import Price, Rounding, Size, complement
from tests.support.builders import NOW, WALLET, accepted, order_id, shares, trade
from tests.support.desk_run import DeskRun

PARTS = ((2_900, 30.0), (3_000, 70.0))
"""Two prices on our own token, better than or at the limit of 0.30, and the shares at each."""
SALE_PARTS = ((3_000, 30.0), (3_100, 70.0))


@dataclass(frozen=True)
class Cell:
    """One role in one kind of match."""

    maker: bool
    kind: str

    @property
    def side(self) -> Side:
        return Side.SELL if self.kind == "merge" else Side.BUY

    @property
    def parts(self) -> tuple[tuple[int, float], ...]:
        if self.maker:
            return ((3_000, 100.0),)  # a maker gets its own price
        return SALE_PARTS if self.side is Side.SELL else PARTS


CELLS = [Cell(maker, kind) for maker in (True, False) for kind in ("same token", "mint", "merge")]


def trades_of(cell: Cell, leg: OrderRecord, other_token: TokenId, settlement: Settlement) -> list[VenueTrade]:
    """What the venue tells of the cell: one trade against all makers, as taker; two trades, as maker."""
    own, against = leg.intent.token_id, Side.SELL if cell.side is Side.BUY else Side.BUY
    crossed = cell.kind != "same token"
    if cell.maker:
        taker_token = other_token if crossed else own
        taker_side = cell.side if crossed else against
        return [
            VenueTrade(
                trade_id=TradeId(f"as-maker-{n}"),
                condition_id=leg.intent.condition_id,
                taker_order_id=order_id(("taker", n)),
                token_id=taker_token,
                side=taker_side,
                size=shares(size),
                matched_ms=NOW,
                settlement=settlement,
                makers=(MakerMatch(leg.order_id, own, cell.side, leg.intent.price, shares(size)),),
            )
            for n, size in enumerate((40.0, 60.0))
        ]
    makers = tuple(
        MakerMatch(
            order_id(("maker", price)),
            other_token if crossed else own,
            cell.side if crossed else against,
            complement(Price(price)) if crossed else Price(price),
            shares(size),
        )
        for price, size in cell.parts
    )
    return [replace(trade(leg, settlement=settlement, name="as-taker"), makers=makers)]


Teller = Callable[[DeskRun, OrderRecord, list[VenueTrade], list[VenueTrade]], object]


def stream_first(run: DeskRun, leg: OrderRecord, early: list[VenueTrade], late: list[VenueTrade]) -> None:
    run.told_by_stream(*early)
    run.answer(accepted(leg, shares(100)))
    run.look_up(leg, *early)
    run.told_by_stream(*late)
    run.read(*late)


def rest_first(run: DeskRun, leg: OrderRecord, early: list[VenueTrade], late: list[VenueTrade]) -> None:
    run.answer(accepted(leg, shares(100)))
    run.look_up(leg, *early)
    run.told_by_stream(*early)
    run.read(*late)


def both(run: DeskRun, leg: OrderRecord, early: list[VenueTrade], late: list[VenueTrade]) -> None:
    for known in (early, late):
        for one in known:
            run.told_by_stream(one)
            run.read(one)
    run.answer(accepted(leg, shares(100)))


def doubled(run: DeskRun, leg: OrderRecord, early: list[VenueTrade], late: list[VenueTrade]) -> None:
    for known in (early, early, late, late, early):
        run.told_by_stream(*known, *known)
        run.read(*known, *known)
    run.answer(accepted(leg, shares(100)))


def reordered(run: DeskRun, leg: OrderRecord, early: list[VenueTrade], late: list[VenueTrade]) -> None:
    run.told_by_stream(*reversed(late))
    run.read(*early)
    run.told_by_stream(*early)
    run.answer(accepted(leg, shares(100)))


@pytest.mark.parametrize("told", [stream_first, rest_first, both, doubled, reordered])
@pytest.mark.parametrize("cell", CELLS, ids=lambda c: f"{'maker' if c.maker else 'taker'}-{c.kind}")
def test_position_and_cash_are_the_venues_in_every_cell(cell: Cell, told: Teller) -> None:
    run = DeskRun().start()
    bought = 0
    if cell.side is Side.SELL:
        legs = run.sent()
        run.read(*(trade(leg, name=f"b{n}", settlement=Settlement.CONFIRMED) for n, leg in enumerate(legs)))
        bought = shares(100)
    leg = sent(run, cell)
    before = run.desk.balance
    assert before is not None
    other = run.events[0].market_of(leg.intent.token_id).no

    early, late = (trades_of(cell, leg, other, s) for s in (Settlement.MATCHED, Settlement.CONFIRMED))
    told(run, leg, early, late)

    cash = sum(round(price * size * 100) for price, size in cell.parts)
    fee = 0 if cell.maker else sum(fee_of(leg, price, size) for price, size in cell.parts)
    sold = cell.side is Side.SELL
    assert run.desk.balance == (before + cash - fee if sold else before - cash - fee)
    held = bought + (-shares(100) if sold else shares(100))
    token = leg.intent.token_id
    assert shares_held(run.desk).get(token, 0) == held
    assert confirmed(run.desk, token) == held
    assert run.order(leg).filled == shares(100)
    assert WALLET


def sent(run: DeskRun, cell: Cell) -> OrderRecord:
    """One order of the cell's side, alone in its ticket but for two legs that the venue refuses."""
    if cell.side is Side.BUY:
        return run.sent_as(post_only=cell.maker, time_in_force=TimeInForce.GTC, expiration_s=0)[0]
    of = next(iter(run.desk.orders.values()))
    sale = replace(
        of,
        order_id=order_id("sale"),
        intent=replace(
            of.intent,
            side=Side.SELL,
            generation=9,
            post_only=cell.maker,
            price=Price(3_000),
            size=Size(shares(100)),
        ),
        state=type(of.state).SENDING,
        filled=Size(0),
    )
    run.desk.orders[sale.order_id] = sale
    return sale


def fee_of(leg: OrderRecord, price: int, size: float) -> int:
    return taker_fee(leg.intent.fee, Price(price), shares(size), Rounding.DOWN)

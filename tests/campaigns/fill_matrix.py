"""Every way in which a fill can come about and be told: position and cash equal the exchange's in each cell.

`python -m tests.campaigns.fill_matrix --seed 1` prints the table: {maker, taker} x {same token bought, same
token sold, mint, merge} x {socket first, REST first, both, doubled, reordered}. Every order is a single one
of the desk, filled by two matches with the exchange's counterparty.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from engine.core.exposure.inventory import shares
from engine.core.state import Desk
from engine.domain.events import Event, UserTold
from engine.domain.ids import OrderId, TokenId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.units import PRICE_ONE, SIZE_ONE, Price, Size
from engine.domain.views import RefusalView
from engine.simulator import market as venue_market
from engine.simulator.exchange import Placed
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.orders import OrderType
from engine.simulator.other_hands import Wish
from engine.simulator.rest import RestRequest
from tests.campaigns.stage import SECOND, Result, Stage, played, staged
from tests.simulation.network import is_post

ROLES = ("maker", "taker")
MODES = {"same, BUY": Side.BUY, "same, SELL": Side.SELL, "mint": Side.BUY, "merge": Side.SELL}
"""Mode of matching and our side: a mint has two buyers, a merge two sellers."""
TELLINGS = ("socket first", "REST first", "both", "doubled", "reordered")
PARTS = (Size(12 * SIZE_ONE), Size(8 * SIZE_ONE))
WHOLE = Size(sum(PARTS))
HELD_BACK_S = 20
"""How long the slower way of telling is held back."""
STOCK = Size(30 * SIZE_ONE)


@dataclass
class Cell:
    """One cell: what was done, and what it came to."""

    role: str
    mode: str
    telling: str
    booked_by: list[str] = field(default_factory=list)
    """Which events brought the fills."""
    booked_s: float = 0.0
    """From the first match until every share was booked."""
    broken: list[str] = field(default_factory=list)


def run_cell(cell: Cell, seed: int) -> None:
    """Play one cell on a stage of its own."""
    with staged(seed) as stage:
        token = stage.tokens()[2]
        side = MODES[cell.mode]
        if side is Side.SELL:
            _stock_up(stage, token)
        _tell_so(stage, cell.telling)
        order_id, began_us = (_as_maker if cell.role == "maker" else _as_taker)(stage, cell, token, side)
        seen: set[object] = set(stage.desk.fills)
        cell.booked_by += [
            "POST or read at once" for key in seen if isinstance(key, tuple) and key[1] == order_id
        ]

        def look(desk: Desk, event: Event) -> None:
            for key in desk.fills.keys() - seen:
                seen.add(key)
                cell.booked_by.append(type(event).__name__)

        stage.watchers.append(look)
        _meet(stage, cell, order_id)
        began_us = began_us or stage.agenda.now_us
        booked = stage.until(lambda: _booked(stage, order_id) >= WHOLE, HELD_BACK_S + 20)
        cell.booked_s = (stage.agenda.now_us - began_us) / SECOND
        stage.run_for(HELD_BACK_S)
        stage.line.mutes = lambda _: False
        stage.venue.faults.disarm(None)
        settled = stage.until(lambda: all(f.settled for f in stage.desk.flights.values()), 120)
        stage.run_for(25)
        cell.broken += stage.verdict()
        if not (booked and settled):
            cell.broken.append(f"{_booked(stage, order_id)} shares booked, settled: {settled}")
        cell.broken += _unequal(stage)
        cell.broken += [*_told_otherwise(cell), *_matched_otherwise(stage, cell, order_id)]


def _stock_up(stage: Stage, token: TokenId) -> None:
    """Buy some shares to sell, and wait until they are confirmed."""
    book = stage.book(token)
    assert book is not None, "expected a proven book"
    view = stage.place(token, Side.BUY, book.asks[0].price, STOCK, TimeInForce.GTD)
    assert not isinstance(view, RefusalView), f"{view}"
    bought = stage.until(lambda: all(f.settled for f in stage.desk.flights.values()), 60)
    assert bought, f"seed {stage.seed}: the stock was never confirmed"


def _tell_so(stage: Stage, telling: str) -> None:
    """Arrange how fills will be told from now on."""
    match telling:
        case "socket first":
            stage.line.mutes = _is_telling
        case "REST first":
            stage.venue.faults.arm(Fault(FaultKind.DELAY_EVENT, times=1_000, delay_ms=HELD_BACK_S * 1_000))
        case "doubled":
            stage.venue.faults.arm(Fault(FaultKind.REPEAT_EVENT, times=1_000))
        case "reordered":
            stage.venue.faults.arm(Fault(FaultKind.SWAP_EVENTS, times=1_000))
        case _:
            pass


def _is_telling(request: RestRequest) -> bool:
    """Tell whether an answer could speak of a fill."""
    return is_post(request) or request.path.startswith("/data/")


def _as_maker(stage: Stage, cell: Cell, token: TokenId, side: Side) -> tuple[OrderId, int]:
    """Let an order of ours rest inside the spread; it is met later."""
    book = stage.book(token)
    assert book is not None, "expected a proven book"
    price = book.bids[0].price + book.tick if side is Side.BUY else book.asks[0].price - book.tick
    view = stage.place(token, side, Price(price), WHOLE, TimeInForce.GTC, rests=True)
    assert not isinstance(view, RefusalView), f"{cell}: {view}"
    order_id = stage.newest().order_id
    assert stage.until(lambda: order_id in stage.venue.exchange.orders, 10), f"{cell}: it never arrived"
    return order_id, 0


def _as_taker(stage: Stage, cell: Cell, token: TokenId, side: Side) -> tuple[OrderId, int]:
    """Let the counterparty rest at two prices inside the spread, and take both with one order."""
    spec, index = stage.venue.exchange.tokens[token]
    book = stage.book(token)
    assert book is not None, "expected a proven book"
    best = book.asks[0].price if side is Side.BUY else book.bids[0].price
    step = -book.tick if side is Side.BUY else book.tick
    mirrored = cell.mode in ("mint", "merge")
    for number, part in enumerate(PARTS):
        price = Price(best + step * (2 - number))
        theirs = side if mirrored else Side.SELL if side is Side.BUY else Side.BUY
        wish = Wish(
            spec,
            1 - index if mirrored else index,
            venue_market.Side(theirs.value),
            Price(PRICE_ONE - price) if mirrored else price,
            part,
            OrderType.GTC,
        )
        assert isinstance(stage.venue.hands.trade(wish, stage.agenda.now_ms()), Placed), f"{cell}: {wish}"
    stage.venue.publish()
    stage.run_for(2)
    began_us = stage.agenda.now_us
    kind = TimeInForce.GTD if side is Side.BUY else TimeInForce.FAK
    view = stage.place(token, side, Price(best + step), WHOLE, kind)
    assert not isinstance(view, RefusalView), f"{cell}: {view}"
    return stage.newest().order_id, began_us


def _meet(stage: Stage, cell: Cell, order_id: OrderId) -> None:
    """Let the counterparty trade twice against our resting order; a taker has traded already."""
    if cell.role == "taker":
        return
    order = stage.venue.exchange.orders[order_id]
    index = order.terms.token_index
    for part in PARTS:
        met = stage.venue.hands.meet(
            order, 1 - index if cell.mode in ("mint", "merge") else index, part, stage.agenda.now_ms()
        )
        assert isinstance(met, Placed), f"{cell}: {met}"
        stage.venue.publish()
        stage.run_for(0.05)


def _booked(stage: Stage, order_id: OrderId) -> int:
    return sum(fill.size for (_, of), fill in stage.desk.fills.items() if of == order_id)


def _unequal(stage: Stage) -> list[str]:
    """Return where position and cash differ from the exchange's."""
    account = stage.venue.exchange.bank.accounts[stage.account_id]
    theirs = {token: size for token, size in account.shares.items() if size}
    found = [] if shares(stage.desk) == theirs else [f"position {shares(stage.desk)}, exchange {theirs}"]
    if stage.desk.balance != account.usdc:
        found.append(f"cash {stage.desk.balance}, exchange {account.usdc}")
    return found


def _told_otherwise(cell: Cell) -> Iterator[str]:
    """Return that the fills did not come by the way the cell is about."""
    by_socket = [name == UserTold.__name__ for name in cell.booked_by]
    if cell.telling == "socket first" and not all(by_socket):
        yield f"expected the socket to tell first, told by {cell.booked_by}"
    if cell.telling == "REST first" and any(by_socket):
        yield f"expected REST to tell first, told by {cell.booked_by}"


def _matched_otherwise(stage: Stage, cell: Cell, order_id: OrderId) -> Iterator[str]:
    """Return that the matches were not of the cell's role and mode."""
    sides = {"mint": {"BUY"}, "merge": {"SELL"}}.get(cell.mode, {"BUY", "SELL"})
    matches = 0
    for trade in stage.venue.exchange.trades:
        ours = trade.makers if cell.role == "maker" else trade.takers
        mine = [fill for fill in ours if fill.order_id == order_id]
        matches += len(mine)
        if mine and {fill.side.value for fill in (*trade.makers, *trade.takers)} != sides:
            yield f"trade {trade.id} was matched in another mode"
    if matches != len(PARTS):
        yield f"expected {len(PARTS)} matches as {cell.role}, found {matches}"


def all_cells() -> list[Cell]:
    """Return every cell, not played yet."""
    return [Cell(role, mode, telling) for role, mode, telling in product(ROLES, MODES, TELLINGS)]


def run_matrix(cells: list[Cell], seed: int) -> list[Cell]:
    """Play these cells."""
    for cell in cells:
        run_cell(cell, seed)
    return cells


def table(cells: list[Cell]) -> str:
    """Return the matrix as text: seconds until all was booked, or BROKEN."""
    lines = [f"{'':<18}" + "".join(f"{telling:>16}" for telling in TELLINGS)]
    for role, mode in product(ROLES, MODES):
        row = [cell for cell in cells if (cell.role, cell.mode) == (role, mode)]
        shown = ["BROKEN" if cell.broken else f"equal {cell.booked_s:6.2f} s" for cell in row]
        lines.append(f"{role + ', ' + mode:<18}" + "".join(f"{text:>16}" for text in shown))
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Play the matrix and print it; 1 if any cell differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.fill_matrix")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)

    def play() -> Result:
        cells = run_matrix(all_cells(), asked.seed)
        broken = [f"{c.role}, {c.mode}, {c.telling}: {text}" for c in cells for text in c.broken]
        return Result(table(cells), broken)

    return played([play], asked.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

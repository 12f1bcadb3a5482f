"""Reserves: worst case at the commit, spent by fills, given back at the end; nothing gets lost between."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from engine.domain.fees import outlay_bound
from engine.domain.ids import TradeId
from engine.domain.market import Side
from engine.domain.order import Fill, OrderRecord, OrderState, Settlement
from engine.domain.units import Size, Usdc
from storage.files import Storage
from storage.lock import FolderLock
from tests.unit.storage import builders
from tests.unit.storage.rows import read, tamper
from tests.unit.storage.store_contract import send

WHOLE = 200_000_000


@pytest.fixture
def path(lock: FolderLock) -> Path:
    return lock.folder / "ledger.db"


@pytest.fixture
async def order(storage: Storage) -> OrderRecord:
    _, pairs = await send(storage.store, legs=1)
    return pairs[0][0]


def bound(order: OrderRecord, size: int = WHOLE) -> int:
    return outlay_bound(order.intent.fee, order.intent.price, Size(size))


def moves(path: Path) -> list[tuple[str, int]]:
    return [
        (row["move"], row["amount"]) for row in read(path, "SELECT move, amount FROM v_risk ORDER BY seq")
    ]


def fill(order: OrderRecord, trade: str = "t-1", size: int = WHOLE) -> Fill:
    return replace(builders.fill(order, trade, size), fee=Usdc(0))


def cost(*fills: Fill) -> int:
    return sum(fill.cash + fill.fee for fill in fills)


async def test_commit_reserves_the_worst_case_in_collateral(order, path):
    assert read(path, "SELECT order_id, intent_key, asset, move, amount, trade_id FROM v_risk") == [
        {
            "order_id": order.order_id,
            "intent_key": order.intent.key,
            "asset": "USDC",
            "move": "reserve",
            "amount": bound(order),
            "trade_id": None,
        }
    ]


async def test_sale_reserves_its_shares(storage, path):
    before, claim, after, plan = builders.armed()
    await storage.store.save_ticket(before, None)
    record, prepared = builders.pair()
    sale = replace(record.intent, side=Side.SELL)
    pair = (replace(record, intent=sale), replace(prepared, intent=sale))
    await storage.store.commit_batch(claim, after, plan, [pair])
    sold = replace(fill(pair[0], size=150_000_000), side=Side.SELL)

    ended = replace(pair[0], state=OrderState.CANCELLED, filled=Size(150_000_000))
    await storage.store.save_progress([ended], [sold])

    assert moves(path) == [("reserve", WHOLE), ("consume", 150_000_000), ("release", 50_000_000)]
    assert {row["asset"] for row in read(path, "SELECT asset FROM v_risk")} == {sale.token_id}


async def test_end_without_a_fill_gives_everything_back_once(storage, order, path):
    dead = replace(order, state=OrderState.DEAD)

    for _ in range(3):
        await storage.store.save_progress([dead], [])

    assert moves(path) == [("reserve", bound(order)), ("release", bound(order))]


async def test_fill_spends_what_it_cost_and_frees_what_it_saved(storage, order, path):
    part = fill(order, size=80_000_000)
    partly = replace(order, state=OrderState.PARTIAL, filled=Size(80_000_000))

    await storage.store.save_progress([partly], [part])

    left = bound(order, 120_000_000)
    assert moves(path) == [
        ("reserve", bound(order)),
        ("consume", cost(part)),
        ("release", bound(order) - cost(part) - left),
    ]


async def test_matched_but_unread_shares_stay_reserved_after_the_end(storage, order, path):
    ended = replace(order, state=OrderState.CANCELLED, filled=Size(80_000_000))
    await storage.store.save_progress([ended], [])
    assert moves(path)[1:] == [("release", bound(order) - bound(order, 80_000_000))]

    await storage.store.save_progress([], [fill(order, size=80_000_000)])

    assert open_reserve(path) == 0


async def test_failed_fill_gives_back_exactly_once(storage, order, path):
    one = fill(order)
    filled = replace(order, state=OrderState.FILLED, filled=Size(WHOLE))
    await storage.store.save_progress([filled], [one])

    for _ in range(3):
        await storage.store.save_progress([filled], [replace(one, settlement=Settlement.FAILED)])

    assert moves(path)[-2:] == [("undo", cost(one)), ("release", cost(one))]
    assert [move for move, _ in moves(path)].count("undo") == 1


async def test_fill_that_was_failed_when_first_seen_spends_nothing(storage, order, path):
    filled = replace(order, state=OrderState.FILLED, filled=Size(WHOLE))

    await storage.store.save_progress([filled], [replace(fill(order), settlement=Settlement.FAILED)])

    assert moves(path) == [("reserve", bound(order)), ("release", bound(order))]


async def test_late_fill_of_a_dead_order_reserves_first(storage, order, path):
    await storage.store.save_progress([replace(order, state=OrderState.DEAD)], [])
    late = fill(order)

    await storage.store.save_progress([replace(order, state=OrderState.FILLED, filled=Size(WHOLE))], [late])

    assert moves(path)[2:] == [("reserve", cost(late)), ("consume", cost(late))]


async def test_order_that_rises_from_the_dead_is_reserved_again(storage, order, path):
    await storage.store.save_progress([replace(order, state=OrderState.DEAD)], [])

    await storage.store.save_progress([replace(order, state=OrderState.LIVE)], [])

    assert moves(path)[2:] == [("reserve", bound(order))]


async def test_fill_dearer_than_the_reserve_reserves_the_difference(storage, order, path):
    """More than the venue may take: it is booked whole, and the reserve does not fall below zero."""
    dear = replace(fill(order), fee=Usdc(9_000_000))

    await storage.store.save_progress([replace(order, state=OrderState.FILLED, filled=Size(WHOLE))], [dear])

    assert moves(path)[1:] == [("reserve", cost(dear) - bound(order)), ("consume", cost(dear))]


@pytest.mark.parametrize(
    ("values", "guard"),
    [
        ("'release', {more}, NULL", "a reserve never falls below zero"),
        ("'consume', {more}, 't-1'", "a reserve never falls below zero"),
        ("'undo', 1, 't-1'", "no more is undone than was spent"),
        ("'reserve', 0, NULL", "CHECK"),
        ("'reserve', 1, 't-1'", "CHECK"),
        ("'consume', 1, NULL", "CHECK"),
        ("'gift', 1, NULL", "CHECK"),
    ],
)
async def test_file_refuses_a_move_that_is_not_covered(order, path, values, guard):
    row = values.format(more=bound(order) + 1)

    with pytest.raises(Exception, match=guard):
        tamper(
            path,
            "INSERT INTO risk_moves (order_id, asset, move, amount, trade_id, at_ms) "
            f"SELECT order_id, 'USDC', {row}, 1 FROM orders",
        )


@pytest.mark.parametrize("sql", ["UPDATE risk_moves SET amount = 1", "DELETE FROM risk_moves"])
async def test_moves_are_kept_as_they_were_made(order, path, sql):
    with pytest.raises(Exception, match="a move is never"):
        tamper(path, sql)


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_happens_the_books_balance(storage, order, path, seed):
    """Random evidence in any order: never negative (the file refuses), and each fill spent what it cost."""
    rng = random.Random(seed)
    known: dict[str, Fill] = {}
    for step in range(rng.randint(1, 12)):
        if rng.random() < 0.5 or not known:
            name = f"t-{step}"
            known[name] = replace(
                fill(order, name, rng.randint(1, 90_000_000)),
                trade_id=TradeId(name),
                fee=Usdc(rng.randint(0, 2_000_000)),
            )
        else:
            name = rng.choice(list(known))
            if not known[name].settlement.is_final:
                known[name] = replace(known[name], settlement=rng.choice(list(Settlement)[1:]))
        filled = Size(sum(f.size for f in known.values()))
        state = rng.choice(list(OrderState))
        await storage.store.save_progress([replace(order, state=state, filled=filled)], [known[name]])

    last = read(path, "SELECT is_final, filled FROM v_order")[0]
    due = cost(*(f for f in known.values() if f.settlement is not Settlement.FAILED))
    assert spent(path) == due, f"seed {seed}"
    unread = max(0, (last["filled"] if last["is_final"] else max(last["filled"], WHOLE)) - filled)
    assert open_reserve(path) == bound(order, unread), f"seed {seed}"


def open_reserve(path: Path) -> int:
    sums = dict.fromkeys(("reserve", "release", "consume", "undo"), 0)
    for move, amount in moves(path):
        sums[move] += amount
    return sums["reserve"] - sums["release"] - sums["consume"] + sums["undo"]


def spent(path: Path) -> int:
    return sum({"consume": 1, "undo": -1}.get(move, 0) * amount for move, amount in moves(path))

import threading
from dataclasses import replace

import pytest

from engine.domain.ids import EventId
from engine.domain.market import EventGroup, rules_hash, terms_hash
from engine.domain.units import Ms, Price, Size
from engine.ports import StoreError
from storage import catalogue
from storage.db import Transaction
from storage.files import open_storage
from storage.readonly import OutcomeLine, read_outcomes
from tests.unit.storage import builders
from tests.unit.storage.builders import NOW
from tests.unit.storage.rows import read, tamper


async def test_catalogue_is_readable_as_it_was_read(storage, lock):
    event = builders.event()

    await storage.store.save_catalogue([event], NOW)

    path = lock.folder / "market.db"
    rows = read(path, "SELECT * FROM v_catalogue ORDER BY position, answer DESC")
    assert [(r["code"], r["name"], r["answer"], r["token_id"]) for r in rows] == [
        ("fed5", market.name, answer, token)
        for market in event.markets
        for answer, token in (("YES", market.yes), ("NO", market.no))
    ]
    kept = read(path, "SELECT rules_hash, terms_hash FROM events")
    assert kept == [{"rules_hash": rules_hash(event), "terms_hash": terms_hash(event)}]
    reads = read(path, "SELECT at_ms, events, markets FROM catalogue_reads")
    assert reads == [{"at_ms": NOW, "events": 1, "markets": 3}]


async def test_every_field_of_a_market_is_stored(storage, lock):
    event = builders.event()
    terms = replace(event.markets[0].terms, taker_delay=True, closed=True, resolution_status="proposed")
    market = replace(event.markets[0], is_other=True, neg_risk=False, terms=terms)

    await storage.store.save_catalogue([replace(event, markets=(market,), augmented=True)], NOW)

    row = read(lock.folder / "market.db", "SELECT * FROM markets")[0]
    assert row == {
        "condition_id": market.condition_id,
        "event_id": "35090",
        "position": 0,
        "question_id": market.question_id,
        "question": market.question,
        "name": market.name,
        "rules_text": market.rules_text,
        "resolution_source": market.resolution_source,
        "end_date": market.end_date,
        "neg_risk": 0,
        "neg_risk_id": market.neg_risk_id,
        "is_other": 1,
        "tick": 10,
        "min_size": 5_000_000,
        "fee_rate": 40_000,
        "fee_exponent": 1,
        "active": 1,
        "closed": 1,
        "accepting": 1,
        "taker_delay": 1,
        "resolution_status": "proposed",
        "last_read": 1,
    }
    assert read(lock.folder / "market.db", "SELECT augmented, neg_risk FROM events") == [
        {"augmented": 1, "neg_risk": 1}
    ]


async def test_unknown_fee_stays_unknown(storage, lock):
    event = builders.event(markets=(builders.market(0, fee=None),))

    await storage.store.save_catalogue([event], NOW)

    rows = read(lock.folder / "market.db", "SELECT fee_rate, fee_exponent FROM markets")
    assert rows == [{"fee_rate": None, "fee_exponent": None}]


async def test_second_read_replaces_the_first(storage, lock):
    event = builders.event()
    await storage.store.save_catalogue([event, builders.event("2", "old", ())], NOW)
    terms = replace(event.markets[1].terms, tick=Price(100))
    fresh = replace(event, title="Renamed", markets=(replace(event.markets[1], terms=terms),))

    await storage.store.save_catalogue([fresh], Ms(NOW + 1))

    rows = read(lock.folder / "market.db", "SELECT DISTINCT title, name, tick FROM v_catalogue")
    assert rows == [{"title": "Renamed", "name": "1 bps", "tick": 100}]


async def test_same_read_twice_keeps_one_row_each(storage, lock):
    for _ in range(2):
        await storage.store.save_catalogue([builders.event()], NOW)

    path = lock.folder / "market.db"
    counts = [read(path, f"SELECT count(*) AS n FROM {t}")[0]["n"] for t in ("events", "markets", "outcomes")]
    assert counts == [1, 3, 6]


async def test_code_stays_with_its_event_through_delisting_and_restart(lock, clock):
    async with open_storage(lock, clock) as storage:
        await storage.store.save_catalogue([builders.event("1", "fed5"), builders.event("2", "cup", ())], NOW)
        await storage.store.save_catalogue([builders.event("2", "cup", ())], NOW)

    async with open_storage(lock, clock) as storage:
        assert await storage.store.known_codes() == {EventId("1"): "fed5", EventId("2"): "cup"}
        await storage.store.save_catalogue([builders.event("1", "other")], NOW)
        assert (await storage.store.known_codes())[EventId("1")] == "fed5"


async def test_code_of_a_delisted_event_is_not_given_away(storage):
    await storage.store.save_catalogue([builders.event("1", "fed5")], NOW)
    await storage.store.save_catalogue([], NOW)

    with pytest.raises(StoreError, match="the short code already belongs to another event"):
        await storage.store.save_catalogue([builders.event("2", "fed5", ())], NOW)

    assert await storage.store.known_codes() == {EventId("1"): "fed5"}


async def test_empty_store_knows_no_codes(storage):
    assert await storage.store.known_codes() == {}


async def test_catalogue_never_touches_the_ledger(storage, lock):
    before = (lock.folder / "ledger.db-wal").stat().st_size

    await storage.store.save_catalogue([builders.event()], NOW)

    assert (lock.folder / "ledger.db-wal").stat().st_size == before


STATUS = (
    "SELECT since_ms - :now AS since, until_ms - :now AS until, closed_since_ms - :now AS closed_since, "
    "listed, closed, tick, resolution_status, terms_hash FROM v_market_status "
    "WHERE condition_id = :market ORDER BY since_ms"
)


def with_terms(event, number=0, **changes):
    """The event with other terms of one market."""
    markets = list(event.markets)
    markets[number] = replace(markets[number], terms=replace(markets[number].terms, **changes))
    return replace(event, markets=tuple(markets))


def status_of(lock, market):
    path = lock.folder / "market.db"
    sql = STATUS.replace(":now", str(NOW)).replace(":market", f"'{market.condition_id}'")
    return [{k: v for k, v in row.items() if k != "terms_hash"} for row in read(path, sql)]


async def test_status_has_a_row_per_change_and_none_for_a_read_without_one(storage, lock):
    event = builders.event()
    for minute in range(3):
        await storage.store.save_catalogue([event], Ms(NOW + minute))
    await storage.store.save_catalogue([with_terms(event, tick=Price(100))], Ms(NOW + 10))
    await storage.store.save_catalogue([with_terms(event, tick=Price(100))], Ms(NOW + 11))

    same = {"closed_since": None, "listed": 1, "closed": 0, "resolution_status": ""}
    assert status_of(lock, event.markets[0]) == [
        {"since": 0, "until": 10, "tick": 10} | same,
        {"since": 10, "until": None, "tick": 100} | same,
    ]
    assert len(status_of(lock, event.markets[1])) == 1, "a sister's change is not this market's"


@pytest.mark.parametrize(
    "change",
    [
        {"active": False},
        {"closed": True},
        {"accepting": False},
        {"taker_delay": True},
        {"resolution_status": "proposed"},
        {"tick": Price(100)},
        {"min_size": Size(1)},
        {"fee": None},
        {"fee": replace(builders.FEE, rate=1)},
    ],
)
async def test_every_term_of_a_market_is_worth_a_status_row(storage, lock, change):
    event = builders.event()
    changed = with_terms(event, **change)

    await storage.store.save_catalogue([event], NOW)
    await storage.store.save_catalogue([changed], Ms(NOW + 1))

    rows = read(
        lock.folder / "market.db", "SELECT condition_id, terms_hash FROM market_status WHERE at_ms > ?", NOW
    )
    assert rows == [{"condition_id": event.markets[0].condition_id, "terms_hash": terms_hash(changed)}]


async def test_since_when_a_market_is_closed_survives_what_is_learned_later(storage, lock):
    event = builders.event()
    closed = with_terms(event, closed=True)
    resolved = with_terms(event, closed=True, resolution_status="resolved")
    for at, read_then in ((0, closed), (1, event), (2, closed), (3, resolved)):
        await storage.store.save_catalogue([read_then], Ms(NOW + at))

    rows = status_of(lock, event.markets[0])

    assert [row["closed_since"] for row in rows] == [0, None, 2, 2]


async def test_market_the_catalogue_lists_no_more_is_marked_and_comes_back(storage, lock):
    event = builders.event()
    for at, events in ((0, [event]), (1, []), (2, []), (3, [event])):
        await storage.store.save_catalogue(events, Ms(NOW + at))

    rows = status_of(lock, event.markets[0])

    assert [(row["since"], row["until"], row["listed"]) for row in rows] == [
        (0, 1, 1),
        (1, 3, 0),
        (3, None, 1),
    ]


async def test_markets_stored_before_there_was_a_history_get_their_first_row(storage, lock):
    event = builders.event()
    await storage.store.save_catalogue([event], NOW)
    tamper(lock.folder / "market.db", "DELETE FROM market_status")

    await storage.store.save_catalogue([event], Ms(NOW + 9))

    assert [row["since"] for row in status_of(lock, event.markets[0])] == [9]


async def test_outcomes_are_listed_with_their_names_and_what_takes_orders(storage, lock):
    event = with_terms(builders.event(), 1, accepting=False)
    gone = builders.event("2", "cup", (builders.market(9),))
    await storage.store.save_catalogue([event, gone], NOW)
    await storage.store.save_catalogue([event], NOW)

    found = read_outcomes(lock.folder)

    first = event.markets[0]
    assert found[2] == OutcomeLine(first.yes, first.condition_id, "fed5", first.name, "YES", tradable=True)
    assert [(line.code, line.answer, line.tradable) for line in found] == [
        ("cup", "YES", False),
        ("cup", "NO", False),
        ("fed5", "YES", True),
        ("fed5", "NO", True),
        ("fed5", "YES", False),
        ("fed5", "NO", False),
        ("fed5", "YES", True),
        ("fed5", "NO", True),
    ]


def lone_markets(count: int) -> list[EventGroup]:
    return [builders.event(str(n), f"e{n}", (builders.market(n),)) for n in range(count)]


@pytest.mark.parametrize("count", [1, 400])
async def test_a_read_takes_as_many_calls_of_the_database_whatever_its_size(storage, monkeypatch, count):
    """A call per row costs 17 times as much (performance 7), and rows are not made on the loop's thread."""
    calls: list[str] = []
    makers: set[int] = set()
    run_many, row_of = Transaction.run_many, catalogue._market_row

    async def counting(self, sql, rows):
        calls.append(sql.split()[2])
        await run_many(self, sql, rows)

    def noting(*of):
        makers.add(threading.get_ident())
        return row_of(*of)

    monkeypatch.setattr(Transaction, "run_many", counting)
    monkeypatch.setattr(catalogue, "_market_row", noting)
    await storage.store.save_catalogue(lone_markets(count), NOW)

    assert calls == ["events", "markets", "outcomes"]
    assert len(makers) == 1
    assert threading.get_ident() not in makers

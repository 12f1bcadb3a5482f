"""Faults of the market stream, met by an unmodified `websockets` client over loopback."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosedError

from engine.simulator.faults import HOSTILE_FRAMES, Fault, FaultKind
from engine.simulator.market import MarketSpec
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import COIN, CUP, FED, market_of, running_exchange, until
from tests.unit.simulator.book_reader import BookReader, constants_of
from tests.unit.simulator.stream_client import listening
from tests.unit.simulator.trader import Record, trader_on

DEEP = "tide-mark-above-datum"


def arm(exchange: LocalExchange, kind: str, **terms: int | str) -> None:
    """Arm a fault and let it strike what matches already."""
    exchange.faults.arm(Fault(FaultKind(kind), **terms))  # type: ignore[arg-type]
    exchange.venue.advance()


def stir(exchange: LocalExchange, market: MarketSpec, changes: int = 5) -> None:
    """Change a market's book now."""
    exchange.flow.hurry(market.tokens[0], changes)
    exchange.venue.advance()


def fired(exchange: LocalExchange) -> list[tuple[str, str]]:
    return [(firing.kind.value, firing.detail) for firing in exchange.faults.fired]


async def books(exchange: LocalExchange, market: MarketSpec) -> tuple[BookReader, list[str]]:
    """Return a reader that knows the present books, and their hashes."""
    found = [exchange.venue.find_book(token) for token in market.tokens]
    texts = [pair[0].dump_text(pair[1]) for pair in found if pair is not None]
    reader = BookReader(constants_of([market]))
    reader.feed(f"[{','.join(texts)}]")
    return reader, texts


async def test_swapped_deltas_come_in_the_wrong_order_and_both_come(exchange, trader):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        reader, _ = await books(exchange, market)
        arm(exchange, "swap_deltas", asset_id=market.tokens[0])
        for price in ("0.02", "0.03", "0.04"):
            await trader.place(trader.limit(market, "BUY", price, "10"))
        texts = await listener.queued()

    yes = [json.loads(text)["price_changes"] for text in texts]
    prices = [entry["price"] for entries in yes for entry in entries if entry["asset_id"] == market.tokens[0]]
    assert prices == ["0.03", "0.02", "0.04"]
    for text in texts:
        reader.feed(text)
    assert len(reader.mismatches) == 4, "both deltas of the pair, for both tokens; the third is right again"
    assert fired(exchange) == [("swap_deltas", market.tokens[0])]


async def test_repeated_delta_comes_twice_and_changes_nothing(exchange, trader):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        reader, _ = await books(exchange, market)
        arm(exchange, "repeat_delta")
        await trader.place(trader.limit(market, "BUY", "0.02", "10"))
        first, second = await listener.queued()

    assert first == second
    reader.feed(first)
    reader.feed(second)
    assert reader.mismatches == []


async def test_wrong_hashes_come_as_often_as_scripted_over_right_levels(exchange, trader):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        reader, _ = await books(exchange, market)
        arm(exchange, "wrong_hash", times=2)
        for price in ("0.02", "0.03", "0.04"):
            await trader.place(trader.limit(market, "BUY", price, "10"))
        wrong = []
        for text in await listener.queued():
            reader.feed(text)
            wrong.append(len(reader.mismatches))

    assert wrong == [2, 4, 4]


async def test_storm_of_wrong_hashes_lasts_as_long_as_scripted(exchange, trader, clock):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        reader, _ = await books(exchange, market)
        arm(exchange, "wrong_hash", hold_ms=1_000)
        for price in ("0.02", "0.03", "0.04", "0.05"):
            await trader.place(trader.limit(market, "BUY", price, "10"))
            clock.advance(400)
        for text in await listener.queued():
            reader.feed(text)

    assert len(reader.mismatches) == 6, "at 0, 400 and 800 ms; at 1,200 ms the storm is over"
    assert exchange.faults.armed() == []


async def test_delta_fault_may_be_narrowed_to_one_connection(exchange, trader):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as first, listening(exchange, *market.tokens) as second:
        arm(exchange, "drop_delta", connection=2)
        await trader.place(trader.limit(market, "BUY", "0.02", "10"))
        assert len(await first.queued()) == 1
        assert await second.queued() == []


async def test_frozen_connection_answers_ping_and_nothing_else_while_the_venue_goes_on(exchange, clock):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as frozen, listening(exchange, *market.tokens) as other:
        arm(exchange, "freeze", connection=1, hold_ms=5_000)
        _, before = await books(exchange, market)
        stir(exchange, market)
        await frozen.subscribe(*market_of(exchange, COIN).tokens)
        assert await frozen.queued() == []
        assert await other.queued() != []
        assert (await books(exchange, market))[1] != before
        clock.advance(5_000)
        exchange.venue.advance()
        stir(exchange, market)
        late = await frozen.events("price_change")

    assert late, "the freeze is over"
    reader = BookReader(constants_of([market]))
    reader.feed(f"[{','.join(before)}]")
    reader.feed(json.dumps(late[0]))
    assert reader.mismatches, "what was held back is lost"
    assert fired(exchange) == [("freeze", "connection 1")]


async def test_freeze_of_a_token_takes_all_its_connections_and_lasts_until_lifted(exchange, trader):
    fed, cup = market_of(exchange, FED), market_of(exchange, CUP)
    async with (
        listening(exchange, fed.tokens[0]) as first,
        listening(exchange, *fed.tokens, *cup.tokens) as second,
        listening(exchange, *cup.tokens) as third,
    ):
        arm(exchange, "freeze", asset_id=fed.tokens[0])
        stir(exchange, cup)
        stir(exchange, fed)
        assert [bool(await listener.queued()) for listener in (first, second, third)] == [False, False, True]
        async with listening(exchange, *fed.tokens) as fresh:
            stir(exchange, fed)
            assert await fresh.queued(), "who reconnects is not frozen"
        await trader.post_public("/_local/calm", {"kind": "freeze"})
        stir(exchange, fed)
        assert await first.queued()
        assert await second.queued()


async def test_freeze_that_is_scripted_again_strikes_the_next_connection(exchange):
    market = market_of(exchange, CUP)
    exchange.faults.arm(Fault(FaultKind.FREEZE, times=2))
    for number in (1, 2, 3):
        async with listening(exchange, *market.tokens) as listener:
            exchange.venue.advance()
            stir(exchange, market)
            assert bool(await listener.queued()) == (number == 3)
    assert fired(exchange) == [("freeze", "connection 1"), ("freeze", "connection 2")]


async def test_muted_token_is_silent_on_a_connection_that_lives(exchange, trader):
    fed, cup = market_of(exchange, FED), market_of(exchange, CUP)
    async with listening(exchange, *fed.tokens, *cup.tokens) as listener:
        arm(exchange, "mute", asset_id=fed.tokens[0])
        stir(exchange, fed)
        stir(exchange, cup)
        markets = {event["market"] for event in await listener.events()}
        assert markets == {cup.condition_id}
        await trader.post_public("/_local/calm", {})
        stir(exchange, fed)
        assert await listener.queued()


async def test_cut_connections_come_back_and_are_cut_again_a_counted_number_of_times(exchange):
    market = market_of(exchange, CUP)
    exchange.faults.arm(Fault(FaultKind.CUT, times=20))
    snapshots = 0
    for _ in range(20):
        async with listening(exchange, *market.tokens, dump=False) as listener:
            await listener.subscribe(market_of(exchange, FED).tokens[0])
            snapshots += 1
            assert await listener.ended()
    async with listening(exchange, *market.tokens) as listener:
        stir(exchange, market)
        assert await listener.queued()

    assert snapshots == len(exchange.faults.fired) == 20
    assert exchange.connections.opened == 21
    await until(lambda: exchange.open_sockets == 0)


async def test_cut_connection_ends_without_a_closing_handshake(exchange):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        arm(exchange, "cut", connection=1)
        with pytest.raises(ConnectionClosedError) as ending:
            await listener.raw()
    assert ending.value.rcvd is None


async def test_half_open_connection_neither_reads_nor_writes_until_lifted(exchange, trader):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        arm(exchange, "half_open", connection=1)
        stir(exchange, market)
        await listener.connection.send("PING")
        await listener.subscribe(*market_of(exchange, COIN).tokens)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listener.connection.recv(), 0.2)
        assert exchange.open_sockets == 1
        assert len(exchange.connections.open[1].tokens) == 2, "nothing was read"
        await trader.post_public("/_local/calm", {"kind": "half_open"})
        assert await listener.raw() == "PONG"
        assert [event["event_type"] for event in await listener.events()] == ["book", "book"]


async def test_half_open_connection_ends_by_itself_when_its_time_is_over(exchange, clock):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        arm(exchange, "half_open", hold_ms=1_000)
        listener.connection.transport.abort()
        await asyncio.sleep(0)
        assert exchange.open_sockets == 1, "a server that does not read does not notice"
        clock.advance(1_000)
        await until(lambda: exchange.open_sockets == 0)


async def test_slow_connection_gets_its_bytes_one_by_one_and_the_rest_when_lifted(exchange, trader):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        arm(exchange, "slow", connection=1, size=40)
        await trader.place(trader.limit(market, "BUY", "0.02", "10"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listener.connection.recv(), 0.3)
        await trader.post_public("/_local/calm", {"kind": "slow"})
        frame = await listener.next()
    assert {entry["price"] for entry in frame["price_changes"]} == {"0.02", "0.98"}


HOSTILE_TEXTS = {
    "binary_frame": bytes,
    "not_json": str,
    "deep_json": str,
    "huge_number": str,
    "not_a_number": str,
    "lone_surrogate": str,
    "repeated_key": str,
    "negative_size": str,
    "price_zero": str,
    "price_one": str,
    "unknown_event": str,
    "data_envelope": str,
}
CLOSING = {"huge_frame": 1009, "deflate_bomb": 1009, "bad_utf8": 1007}


def test_every_hostile_frame_is_tried():
    assert HOSTILE_TEXTS.keys() | CLOSING.keys() == {kind.value for kind in HOSTILE_FRAMES}


@pytest.mark.parametrize(("kind", "type_"), HOSTILE_TEXTS.items())
async def test_hostile_frame_arrives_as_scripted_and_the_stream_goes_on(exchange, kind, type_):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        arm(exchange, kind, times=3, asset_id=market.tokens[1])
        frames = [await listener.raw() for _ in range(3)]
        stir(exchange, market)
        assert await listener.events("price_change")

    assert [type(frame) for frame in frames] == [type_] * 3
    assert fired(exchange) == [(kind, "connection 1")] * 3


@pytest.mark.parametrize(("kind", "code"), CLOSING.items())
async def test_frame_that_breaks_the_protocol_or_a_limit_closes_one_connection_and_no_other(
    exchange, kind, code
):
    market = market_of(exchange, CUP)
    async with (
        listening(exchange, *market.tokens, compression="deflate", max_size=1 << 20) as struck,
        listening(exchange, *market.tokens) as other,
    ):
        arm(exchange, kind, connection=1)
        with pytest.raises(ConnectionClosedError) as ending:
            await struck.raw()
        stir(exchange, market)
        assert await other.queued()
    assert ending.value.sent is not None
    assert ending.value.sent.code == code


def entry_of(text: str) -> Record:
    record: Record = json.loads(text)["price_changes"][0]
    return record


async def test_hostile_entries_carry_what_their_names_say(exchange):
    market = market_of(exchange, CUP)
    texts: dict[str, str] = {}
    async with listening(exchange, *market.tokens) as listener:
        for kind in HOSTILE_TEXTS:
            arm(exchange, kind, size=1_000)
            raw = await listener.raw()
            texts[kind] = raw if isinstance(raw, str) else raw.decode()

    assert entry_of(texts["negative_size"])["size"] == "-10"
    assert (entry_of(texts["price_zero"])["price"], entry_of(texts["price_one"])["price"]) == ("0", "1")
    assert entry_of(texts["huge_number"])["price"] == float("inf")
    assert len(entry_of(texts["huge_number"])["size"]) == 400
    assert entry_of(texts["not_a_number"])["size"] != entry_of(texts["not_a_number"])["size"]
    assert entry_of(texts["lone_surrogate"])["size"] == "\ud800"
    assert texts["repeated_key"].count('"size"') == 2
    assert texts["deep_json"] == "[" * 1_000 + "]" * 1_000
    assert json.loads(texts["unknown_event"])["event_type"] == "weather"
    assert json.loads(texts["data_envelope"])["data"]["event_type"] == "price_change"
    assert json.loads(texts["binary_frame"])["event_type"] == "price_change"
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(texts["not_json"])


async def test_deflate_bomb_waits_for_a_client_that_has_agreed_to_compression(exchange):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens):
        arm(exchange, "deflate_bomb", size=1 << 20)
        assert fired(exchange) == []
        async with listening(exchange, *market.tokens, compression="deflate", max_size=2 << 20) as agreed:
            exchange.venue.advance()
            assert await agreed.next() == []
            stir(exchange, market)
            assert await agreed.queued(), "a client with room for it reads on"


async def test_huge_frame_is_an_ordinary_book_for_a_client_with_room(exchange):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens, max_size=4 << 20) as listener:
        arm(exchange, "huge_frame", asset_id=market.tokens[1])
        raw = await listener.raw()
    assert len(raw) == 2 << 20
    assert json.loads(raw)["asset_id"] == market.tokens[1]


async def test_burst_of_real_changes_comes_at_once_keeps_every_hash_and_cuts_nobody(session, clock):
    async with running_exchange(clock=clock) as exchange:
        market = market_of(exchange, CUP)
        trader = await trader_on(exchange, session)
        async with listening(exchange, *market.tokens) as listener:
            reader, _ = await books(exchange, market)
            await trader.arm(kind="burst", size=1_500, asset_id=market.tokens[0])
            await until(lambda: exchange.connections.open[1].frames > 1_300, deadline_s=20)
            stir(exchange, market)
            texts = [str(await listener.raw()) for _ in range(1_300)]
    for text in texts:
        reader.feed(text)
    assert reader.mismatches == []
    assert fired(exchange) == [("burst", "1500 changes")]


async def test_burst_is_kept_back_until_its_last_change_is_made(exchange):
    market = market_of(exchange, CUP)
    async with listening(exchange, *market.tokens) as listener:
        exchange.faults.arm(Fault(FaultKind.BURST, size=900))
        exchange.venue.advance()
        assert await listener.queued() == []
        exchange.venue.advance()
        exchange.venue.advance()
        assert len(await listener.events("price_change")) > 30


async def test_snapshot_of_two_thousand_levels_a_side_fits_an_ordinary_client(clock):
    async with running_exchange(clock=clock, wide=1) as exchange:
        market = market_of(exchange, DEEP)
        async with listening(exchange) as listener:
            await listener.subscribe(market.tokens[0])
            (book,) = await listener.next()
    assert min(len(book["bids"]), len(book["asks"])) >= 2_000
    assert book["tick_size"] == "0.0001"


async def test_connections_and_calls_are_told_for_tests_and_operators(exchange, trader, session):
    fed, cup = market_of(exchange, FED), market_of(exchange, CUP)
    async with listening(exchange, *fed.tokens), listening(exchange, *cup.tokens, *fed.tokens) as second:
        stir(exchange, cup, 3)
        sent = 1 + len(await second.queued())
        status = (await trader.get("/_local/status")).record
        assert status["connections"] == {
            "opened": 2,
            "open": [
                {"number": 1, "channel": "market", "frames": 1, "withheld": 0, "subscriptions": 2},
                {"number": 2, "channel": "market", "frames": sent, "withheld": 0, "subscriptions": 4},
            ],
        }
        await second.connection.send(json.dumps({"operation": "unsubscribe", "assets_ids": list(fed.tokens)}))
        await second.queued()
        assert exchange.connections.open[2].tokens == set(cup.tokens)
    await trader.get("/book", token_id=fed.tokens[0])
    async with session.get(f"{exchange.url}/nowhere") as answer:
        assert answer.status == 404
    assert exchange.calls["GET /book"] == 1
    assert exchange.calls["GET unknown"] == 1
    assert (await trader.get("/_local/status")).record["calls"]["GET /ws/market"] == 2


async def test_calm_disarms_what_has_not_fired(exchange, trader):
    await trader.arm(kind="drop_delta", times=5)
    await trader.arm(kind="restarting")

    await trader.post_public("/_local/calm", {"kind": "drop_delta"})
    assert (await trader.get("/_local/faults")).record["armed"] == [{"kind": "restarting", "left": 1}]
    assert (await trader.post_public("/_local/calm", {"kind": "weather"})).status == 400
    await trader.post_public("/_local/calm", {})
    assert (await trader.get("/_local/faults")).record["armed"] == []


@pytest.mark.parametrize(
    "script",
    [
        {"kind": "mute"},
        {"kind": "books_old"},
        {"kind": "cut", "connection": -1},
        {"kind": "cut", "after_frames": "1"},
        {"kind": "freeze", "hold_ms": 3_600_001},
        {"kind": "huge_frame", "size": 1 << 30},
    ],
)
async def test_fault_that_could_never_fire_or_never_end_is_refused(trader, script):
    assert (await trader.post_public("/_local/faults", script)).status == 400


async def test_hundred_cuts_leave_no_socket_and_no_task(session, clock):
    async with running_exchange(clock=clock) as exchange:
        market = market_of(exchange, CUP)
        before = len(asyncio.all_tasks())
        exchange.faults.arm(Fault(FaultKind.CUT, times=100))
        for _ in range(100):
            async with listening(exchange, dump=False) as listener:
                await listener.subscribe(*market.tokens)
                assert await listener.ended()
        await until(lambda: exchange.open_sockets == 0)
        await until(lambda: len(asyncio.all_tasks()) <= before)
        assert len(exchange.faults.fired) == 100
        assert not any(exchange.venue.market_stream._subscribers.values())

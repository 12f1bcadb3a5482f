"""Messages of the user channel: what they tell, may leave out, and what is refused with a reason."""

import json
from random import Random

import pytest

from engine.domain.account import UserOrderStatus
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.venue.user_wire import UserMessage, decode_user
from tests.support.user_channel import ORDER_EVENT, TRADE_EVENT
from tests.support.venue_account import MAKER_ROW, NO, ORDER, OTHER, YES

S = UserOrderStatus
REASONS = {"json", "kind", "order", "trade"}


def read(*events: object) -> UserMessage:
    return decode_user(json.dumps(events[0] if len(events) == 1 else events).encode())


def test_order_event_is_a_sight_of_an_order():
    (order,) = read(ORDER_EVENT).orders

    assert (order.order_id, order.token_id, order.side, order.price) == (ORDER, YES, Side.BUY, 5200)
    assert (order.original_size, order.matched_size) == (10_000_000, 4_250_000)
    assert (order.status, order.status_text, order.venue_ms) == (S.LIVE, "LIVE", 1_790_000_001_456)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, S.LIVE),
        ({"status": "MATCHED"}, S.MATCHED),
        ({"status": "DELAYED"}, S.DELAYED),
        ({"status": "UNMATCHED"}, S.UNMATCHED),
        ({"status": "INVALID"}, S.INVALID),
        ({"status": "CANCELED"}, S.CANCELLED),
        ({"status": "CANCELED_MARKET_RESOLVED"}, S.CANCELLED),
        ({"status": "CANCELED_NOT_ENOUGH_BALANCE"}, S.CANCELLED),
        ({"status": "CANCELED_EXPIRED_ORDER"}, S.CANCELLED),
        ({"status": "CANCELED_BY_A_REASON_OF_TOMORROW"}, S.CANCELLED),
        ({"status": "ORDER_STATUS_LIVE"}, S.LIVE),
        ({"status": "something else"}, S.OTHER),
        ({"type": "CANCELLATION", "status": "LIVE"}, S.CANCELLED),
        ({"type": "CANCELLATION", "status": ""}, S.CANCELLED),
        ({"type": "CANCELLATION", "status": "MATCHED"}, S.MATCHED),
        ({"type": "PLACEMENT", "status": ""}, S.LIVE),
        ({"type": "", "status": ""}, S.OTHER),
    ],
)
def test_status_is_an_open_set(changes, status):
    (order,) = read(ORDER_EVENT | changes).orders

    assert order.status is status
    assert order.status_text == (changes.get("status", "LIVE") or changes["type"])


@pytest.mark.parametrize("text", ["", None, "0"])
def test_killed_order_without_a_matched_size_has_matched_nothing(text):
    assert read(ORDER_EVENT | {"size_matched": text}).orders[0].matched_size == 0


@pytest.mark.parametrize("stamp", ["1790000001", "1790000001000", 1_790_000_001, 1_790_000_001_000])
def test_times_in_seconds_and_milliseconds_are_the_same(stamp):
    assert read(ORDER_EVENT | {"timestamp": stamp}).orders[0].venue_ms == 1_790_000_001_000


@pytest.mark.parametrize("stamp", ["1790000001", "1790000001000"])
@pytest.mark.parametrize(
    ("word", "settlement"),
    [
        ("MATCHED", Settlement.MATCHED),
        ("MATCHED_NOT_BROADCASTED", Settlement.MATCHED),
        ("MINED", Settlement.MINED),
        ("RETRYING", Settlement.RETRYING),
        ("CONFIRMED", Settlement.CONFIRMED),
        ("FAILED", Settlement.FAILED),
        ("TRADE_STATUS_MINED", Settlement.MINED),
    ],
)
def test_trade_event_is_the_trade_that_reads_tell(word, settlement, stamp):
    (trade,) = read(TRADE_EVENT | {"status": word, "match_time": stamp}).trades

    assert (trade.trade_id, trade.taker_order_id, trade.token_id) == (TRADE_EVENT["id"], ORDER, YES)
    assert (trade.settlement, trade.matched_ms, trade.size) == (settlement, 1_790_000_001_000, 4_000_000)
    (maker,) = trade.makers
    assert (maker.order_id, maker.token_id, maker.side, maker.price) == (OTHER, NO, Side.BUY, 4800)


def test_maker_may_be_shown_itself_alone_and_nobody_else_may():
    mine = MAKER_ROW | {"matched_amount": "1.5"}
    alone = TRADE_EVENT | {"trader_side": "MAKER", "maker_orders": [mine]}
    unsaid = {key: value for key, value in alone.items() if key != "trader_side"}

    assert [maker.size for maker in read(alone).trades[0].makers] == [1_500_000]
    for incomplete in (alone | {"trader_side": "TAKER"}, unsaid):
        message = read(incomplete)
        assert (message.trades, [odd.reason for odd in message.malformed]) == ((), ["trade"])


def test_array_is_read_part_by_part_and_a_bad_part_costs_itself_alone():
    message = read(ORDER_EVENT, ORDER_EVENT | {"price": "1.5"}, TRADE_EVENT, {"event_type": "news"}, 7)

    assert (len(message.orders), len(message.trades)) == (1, 1)
    assert [odd.reason for odd in message.malformed] == ["order", "kind", "json"]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "0x1"},
        {"id": None},
        {"market": "abc"},
        {"asset_id": "-1"},
        {"side": "HOLD"},
        {"price": "0"},
        {"price": "1"},
        {"price": 0.52},
        {"price": "NaN"},
        {"original_size": "-1"},
        {"original_size": "1e999"},
        {"size_matched": "4.2500001"},
        {"size_matched": 4},
        {"timestamp": "soon"},
        {"timestamp": ""},
        {"timestamp": None},
        {"status": 5},
    ],
)
def test_odd_order_is_refused_with_a_reason(changes):
    message = read(ORDER_EVENT | changes)

    assert (message.orders, [odd.reason for odd in message.malformed]) == ((), ["order"])
    assert "expected" in message.malformed[0].detail


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"status": "SETTLED"},
        {"size": "x"},
        {"match_time": ""},
        {"maker_orders": None},
        {"maker_orders": []},
        {"taker_order_id": "0x"},
        {"maker_orders": [MAKER_ROW | {"side": ""}]},
        {"maker_orders": [{key: value for key, value in MAKER_ROW.items() if key != "side"}]},
    ],
)
def test_odd_trade_is_refused_with_a_reason(changes):
    message = read(TRADE_EVENT | changes)

    assert (message.trades, [odd.reason for odd in message.malformed]) == ((), ["trade"])


@pytest.mark.parametrize(
    "raw",
    [b"", b"PING", b"null", b"{", b"[", b"[[]]", b"\xff", b'"x"', b"[" * 50_000, b"{}", b'{"event_type":5}'],
)
def test_message_that_is_none_of_ours_is_refused(raw):
    message = decode_user(raw)

    assert message.malformed
    assert {odd.reason for odd in message.malformed} <= REASONS


def test_pong_tells_nothing_else():
    assert decode_user(b"PONG") == UserMessage(pong=True)


def test_mutated_messages_never_raise_and_have_reasons_of_the_fixed_set():
    seed = 20_261_122
    random = Random(seed)
    whole = [json.dumps(event).encode() for event in (ORDER_EVENT, TRADE_EVENT, [ORDER_EVENT, TRADE_EVENT])]
    for number in range(20_000):
        raw = bytearray(random.choice(whole))
        for _ in range(random.randrange(1, 5)):
            at = random.randrange(len(raw))
            match random.randrange(3):
                case 0:
                    raw[at] = random.randrange(256)
                case 1:
                    del raw[at : at + random.randrange(20)]
                case _:
                    raw[at:at] = random.choice([b"0", b"-", b'"', b"{}", b"null", b"1e999", b"\\ud800"])
        message = decode_user(bytes(raw))
        assert {odd.reason for odd in message.malformed} <= REASONS, f"seed {seed}, {number}: {bytes(raw)!r}"

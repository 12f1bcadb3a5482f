import json

import pytest

from engine.domain.account import CancelReply, MakerMatch, OpenOrder, VenueTrade
from engine.domain.ids import TradeId
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.units import Ms, Price, Size
from engine.venue.account_wire import (
    read_balance,
    read_cancels,
    read_order,
    read_orders_page,
    read_trades_page,
)
from engine.venue.strict_json import OddAnswer
from tests.support.venue_account import MAKER_ROW, NO, ORDER, ORDER_ROW, OTHER, TRADE_ROW, YES, page
from tests.support.venue_orders import CONDITION


def test_open_order_is_read():
    read = read_orders_page(page(ORDER_ROW, cursor="MTAw"))

    assert read.cursor == "MTAw"
    assert read.rows == (
        OpenOrder(ORDER, CONDITION, YES, Side.BUY, Price(5200), Size(10_000_000), Size(4_250_000)),
    )


def test_last_page_has_no_cursor():
    assert read_orders_page(page()).cursor is None


@pytest.mark.parametrize("status", ["LIVE", "live", "ORDER_STATUS_LIVE", "DELAYED", "UNMATCHED"])
def test_statuses_under_which_an_order_counts_as_open(status):
    assert len(read_orders_page(page(ORDER_ROW | {"status": status})).rows) == 1


@pytest.mark.parametrize(("status", "held_back"), [("DELAYED", True), ("LIVE", False), ("UNMATCHED", False)])
def test_an_order_in_the_taker_delay_is_told_as_held_back(status, held_back):
    (row,) = read_orders_page(page(ORDER_ROW | {"status": status})).rows
    alone = read_order(json.dumps(ORDER_ROW | {"status": f"ORDER_STATUS_{status}"}).encode())

    assert alone is not None
    assert (row.delayed, alone.delayed) == (held_back, held_back)


@pytest.mark.parametrize(
    "status",
    ["MATCHED", "CANCELED", "ORDER_STATUS_CANCELED_MARKET_RESOLVED", "CANCELED_EXPIRED_ORDER", "INVALID"],
)
def test_statuses_under_which_an_order_rests_no_more(status):
    assert read_orders_page(page(ORDER_ROW | {"status": status})).rows == ()
    assert read_order(json.dumps(ORDER_ROW | {"status": status}).encode()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"id": "0x12"},
        {"market": "abc"},
        {"asset_id": 7},
        {"side": "HOLD"},
        {"price": "1.5"},
        {"price": 0.52},
        {"original_size": "-1"},
        {"size_matched": ""},
        {"size_matched": "1e3"},
        {"status": "SOMETHING_NEW"},
        {"status": None},
    ],
)
def test_one_odd_order_fails_the_whole_page(change):
    with pytest.raises(ValueError, match=r"expected|Expected"):
        read_orders_page(page(ORDER_ROW, ORDER_ROW | change))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"data":[]}',
        b'{"data":[],"next_cursor":null}',
        b'{"data":[],"next_cursor":""}',
        b'{"data":null,"next_cursor":"LTE="}',
        b'{"next_cursor":"LTE="}',
        b'{"data":[1],"next_cursor":"LTE="}',
    ],
)
def test_odd_page_is_refused_not_read_as_empty(raw):
    for reader in (read_orders_page, read_trades_page):
        with pytest.raises(OddAnswer):
            reader(raw)


@pytest.mark.parametrize("raw", [b"", b"null", b'""', b"{}", b" null\n"])
def test_order_that_is_not_open_is_an_empty_answer(raw):
    assert read_order(raw) is None


def test_single_order_is_read_and_an_odd_one_refused():
    order = read_order(json.dumps(ORDER_ROW).encode())

    assert order is not None
    assert (order.order_id, order.matched_size) == (ORDER, 4_250_000)
    with pytest.raises(OddAnswer):
        read_order(b'{"error":"no"}')


def test_trade_is_read_with_its_makers():
    (trade,) = read_trades_page(page(TRADE_ROW)).rows

    assert trade == VenueTrade(
        trade_id=TradeId("7f0c0a52-0000-4000-8000-000000000001"),
        condition_id=CONDITION,
        taker_order_id=ORDER,
        token_id=YES,
        side=Side.BUY,
        size=Size(4_000_000),
        matched_ms=Ms(1_790_000_001_000),
        settlement=Settlement.MATCHED,
        makers=(MakerMatch(OTHER, NO, Side.BUY, Price(4800), Size(4_000_000)),),
    )


@pytest.mark.parametrize("prefix", ["", "TRADE_STATUS_"])
@pytest.mark.parametrize(
    ("status", "settlement"),
    [
        ("MATCHED", Settlement.MATCHED),
        ("MATCHED_NOT_BROADCASTED", Settlement.MATCHED),
        ("MINED", Settlement.MINED),
        ("RETRYING", Settlement.RETRYING),
        ("CONFIRMED", Settlement.CONFIRMED),
        ("FAILED", Settlement.FAILED),
    ],
)
def test_trade_status_becomes_a_settlement(prefix, status, settlement):
    (trade,) = read_trades_page(page(TRADE_ROW | {"status": prefix + status})).rows

    assert trade.settlement is settlement


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"status": "TRADE_STATUS_VANISHED"},
        {"taker_order_id": ""},
        {"size": "4.0000001"},
        {"match_time": "2026-01-01"},
        {"match_time": 1_790_000_001},
        {"maker_orders": None},
        {"maker_orders": []},
        {"maker_orders": [MAKER_ROW | {"matched_amount": "3.5"}]},
        {"maker_orders": [MAKER_ROW | {"price": "0.48001"}]},
        {"maker_orders": [{k: v for k, v in MAKER_ROW.items() if k != "side"}]},
    ],
)
def test_one_odd_trade_fails_the_whole_page(change):
    with pytest.raises(ValueError, match=r"expected|Expected"):
        read_trades_page(page(TRADE_ROW, TRADE_ROW | change))


def test_maker_may_be_shown_its_own_part_alone():
    (trade,) = read_trades_page(page(TRADE_ROW | {"size": "40", "trader_side": "MAKER"})).rows

    assert (trade.size, trade.makers[0].size) == (40_000_000, 4_000_000)


def test_makers_may_differ_from_the_whole_by_dust():
    (trade,) = read_trades_page(page(TRADE_ROW | {"size": "4.000001"})).rows

    assert trade.size == 4_000_001


def test_balance_is_in_base_units():
    assert read_balance(b'{"balance":"250000000","allowances":{}}') == 250_000_000


@pytest.mark.parametrize(
    "raw", [b"{}", b'{"balance":""}', b'{"balance":"-1"}', b'{"balance":250}', b'{"balance":"1.5"}']
)
def test_odd_balance_is_refused(raw):
    with pytest.raises(ValueError, match=r"expected|Expected"):
        read_balance(raw)


@pytest.mark.parametrize(
    ("why", "reply"),
    [
        ("order can't be found - already canceled or matched", CancelReply.NOT_FOUND),
        ("order not found", CancelReply.NOT_FOUND),
        ("Order cannot be found", CancelReply.NOT_FOUND),
        ("already canceled or matched", CancelReply.MATCHED),
        ("order already matched", CancelReply.MATCHED),
        ("order already canceled", CancelReply.NOT_FOUND),
        ("order is in the taker delay", CancelReply.OTHER),
        ("", CancelReply.OTHER),
    ],
)
def test_reason_of_a_failed_cancel_is_classified(why, reply):
    raw = json.dumps({"canceled": [ORDER.upper().replace("0X", "0x")], "not_canceled": {OTHER: why}}).encode()

    assert read_cancels(raw) == ((ORDER, CancelReply.CANCELLED), (OTHER, reply))


@pytest.mark.parametrize(
    "answer",
    [
        {"canceled": [ORDER]},
        {"canceled": None, "not_canceled": {}},
        {"canceled": ["0x12"], "not_canceled": {}},
        {"canceled": [ORDER], "not_canceled": {ORDER: "not found"}},
        {"canceled": [ORDER, ORDER], "not_canceled": {}},
        {"canceled": [], "not_canceled": {ORDER: 7}},
        [],
    ],
)
def test_odd_cancel_answer_is_refused(answer):
    with pytest.raises(OddAnswer):
        read_cancels(json.dumps(answer).encode())

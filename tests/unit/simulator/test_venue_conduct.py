"""Venue states, buckets, heartbeat, delays and switches, on the REST edge without a socket."""

from typing import Any

import pytest

from engine.clock import ManualClock
from engine.domain.rates import TIERS, Bucket
from engine.domain.units import Ms
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.ip_windows import IpWindows
from engine.simulator.ledger import ledger
from engine.simulator.modes import Mode, Modes, ModeWindow
from engine.simulator.rate_limits import Enforcement, RateLimits, RetryStyle
from engine.simulator.refusals import (
    ALREADY_ENDED,
    CANCEL_ONLY_MODE,
    FOK_UNFILLED,
    IN_TAKER_DELAY,
    NOT_FOUND,
    POST_ONLY_MODE,
    TRADING_DISABLED,
)
from tests.support.local_exchange import COIN, CUP, FED, MATCH
from tests.unit.simulator.edge_trader import Delivered, EdgeTrader, still_venue
from tests.unit.simulator.trader import order_id

NOW = Ms(1_790_000_000_000)


@pytest.fixture
def trader(clock: ManualClock) -> EdgeTrader:
    return EdgeTrader(still_venue(clock), clock)


def record_of(trader: EdgeTrader) -> Any:
    """Return the exchange's own record of the trader."""
    return ledger(trader.venue, trader.trader.address)


def follow(trader: EdgeTrader, *windows: ModeWindow) -> None:
    trader.venue.modes.follow(windows, trader.venue.now_ms())


def remaining(delivered: Delivered) -> int:
    return int(delivered.reply.headers["Poly-RateLimit-Remaining"])


def test_windows_follow_each_other_and_then_the_venue_runs():
    modes = Modes()
    modes.follow([ModeWindow(Mode.RESTARTING, 100), ModeWindow(Mode.POST_ONLY, 50)], NOW)

    at = [modes.at(Ms(NOW + ms)) for ms in (0, 99, 100, 149, 150)]

    assert at == [Mode.RESTARTING, Mode.RESTARTING, Mode.POST_ONLY, Mode.POST_ONLY, Mode.RUN]
    assert [modes.left_ms(Ms(NOW + ms)) for ms in (0, 120, 150)] == [100, 30, 0]


@pytest.mark.parametrize(
    ("mode", "plain", "post_only", "cancel"),
    [
        (Mode.RUN, 200, 200, 200),
        (Mode.RESTARTING, 425, 425, 425),
        (Mode.POST_ONLY, 503, 200, 200),
        (Mode.CANCEL_ONLY, 503, 503, 200),
        (Mode.DISABLED, 503, 503, 503),
    ],
)
def test_each_mode_serves_what_it_says(trader, mode, plain, post_only, cancel):
    follow(trader, ModeWindow(mode, 0))
    market = trader.market(FED)

    statuses = (
        trader.place(market).status,
        trader.place(market, post_only=True).status,
        trader.call("DELETE", "/cancel-all").status,
    )

    assert statuses == (plain, post_only, cancel)
    assert trader.call("GET", "/data/orders").status == 200


def test_post_only_mode_tells_when_to_come_again_and_refuses_plain_legs_alone(trader):
    follow(trader, ModeWindow(Mode.POST_ONLY, 78_500))
    market = trader.market(FED)

    single = trader.place(market)
    legs = trader.call("POST", "/orders", [trader.body(market), trader.body(market, post_only=True)]).told

    assert single.told == {
        "error": POST_ONLY_MODE.text,
        "code": "post_only_mode",
        "retry_after_seconds": 79,
    }
    assert single.reply.headers["Retry-After"] == "79"
    assert [leg["errorMsg"] for leg in legs] == [POST_ONLY_MODE.text, ""]
    assert [leg["status"] for leg in legs] == ["", "live"]


def test_closed_venue_says_so_in_the_documented_words(trader):
    follow(trader, ModeWindow(Mode.CANCEL_ONLY, 0))
    assert trader.place(trader.market(FED)).told == {"error": CANCEL_ONLY_MODE.text}
    follow(trader, ModeWindow(Mode.DISABLED, 0))
    assert trader.call("DELETE", "/cancel-all").told == {"error": TRADING_DISABLED.text}


def test_restart_fault_is_425_then_post_only_then_over(trader, clock):
    trader.venue.faults.arm(Fault(FaultKind.RESTART, hold_ms=1_000, delay_ms=500))
    market = trader.market(FED)

    first, second = trader.place(market).status, trader.call("DELETE", "/cancel-all").status
    clock.advance(1_000)
    third = trader.place(market).status
    clock.advance(500)

    assert (first, second, third, trader.place(market).status) == (425, 425, 503, 200)


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_bucket_admits_its_burst_whole_or_nothing_and_refills_by_its_rate(tier):
    rates = RateLimits()
    rates.tier = tier

    assert not rates.admit("0xa", Bucket.ORDERS, tier.order_burst + 1, NOW).passes
    assert rates.admit("0xa", Bucket.ORDERS, tier.order_burst, NOW).passes
    assert not rates.admit("0xa", Bucket.ORDERS, 1, NOW).passes
    assert not rates.admit("0xa", Bucket.ORDERS, tier.order_rate + 1, Ms(NOW + 1_000)).passes
    assert rates.admit("0xa", Bucket.ORDERS, tier.order_rate, Ms(NOW + 1_000)).passes
    assert rates.admit("0xB", Bucket.ORDERS, tier.order_burst, NOW).passes, "another signer"


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_cancels_overdraw_their_bucket_up_to_gold(tier):
    rates = RateLimits()
    rates.tier = tier
    rates.admit("0xa", Bucket.CANCELS, tier.cancel_burst - 10, NOW)

    over = rates.admit("0xa", Bucket.CANCELS, 50, NOW)
    swept = rates.admit("0xa", Bucket.CANCELS, 1, NOW, sweeping=True)

    overdraws = tier in TIERS[:5]
    assert over.passes is overdraws
    assert int(over.headers["Poly-RateLimit-Remaining"]) == (-40 if overdraws else 10)
    assert swept.passes is not overdraws


def test_sweep_of_many_orders_passes_where_named_cancels_never_could():
    rates = RateLimits()

    assert not rates.admit("0xa", Bucket.CANCELS, TIERS[0].cancel_burst + 1, NOW).passes
    assert rates.admit("0xa", Bucket.CANCELS, TIERS[0].cancel_burst + 1, NOW, sweeping=True).passes


@pytest.mark.parametrize(
    ("style", "header"),
    [
        (RetryStyle.TOLD, "1"),
        (RetryStyle.MISSING, None),
        (RetryStyle.NEGATIVE, "-5"),
        (RetryStyle.HUGE, "86400"),
    ],
)
def test_limited_request_tells_when_to_come_again_as_switched(trader, style, header):
    trader.venue.rates.retry = style
    market = trader.market(FED)
    for _ in range(4):
        trader.call("POST", "/orders", [trader.body(market, "0.01", "5") for _ in range(15)])

    limited = trader.place(market)

    assert (limited.status, limited.told) == (429, {"error": "Too Many Requests"})
    assert limited.reply.headers.get("Retry-After") == header
    assert limited.reply.headers["Poly-RateLimit-Tier"] == "Standard"
    assert remaining(limited) == 0
    assert int(limited.reply.headers["Poly-RateLimit-Reset"]) == trader.venue.now_ms() // 1000 + 2
    assert trader.venue.log.entries()[-1].status == 429


def test_request_told_when_to_come_again_passes_then(trader, clock):
    market = trader.market(FED)
    for _ in range(4):
        trader.call("POST", "/orders", [trader.body(market, "0.01", "5") for _ in range(15)])
    batch = [trader.body(market, "0.01", "5") for _ in range(15)]

    limited = trader.call("POST", "/orders", batch)
    clock.advance(1_000 * int(limited.reply.headers["Retry-After"]))

    assert limited.status == 429
    assert trader.call("POST", "/orders", batch).status == 200


def test_warning_mode_lets_pass_and_marks(trader):
    trader.venue.rates.enforcement = Enforcement.WARNING
    market = trader.market(FED)

    answers = [
        trader.call("POST", "/orders", [trader.body(market, "0.01", "5") for _ in range(15)])
        for _ in range(5)
    ]

    marks = [answer.reply.headers.get("Poly-RateLimit-Warning") for answer in answers]
    assert {answer.status for answer in answers} == {200}
    assert marks == [None, None, None, None, "true"]


def test_costs_are_charged_as_documented(trader):
    market = trader.market(FED)

    single = remaining(trader.place(market))
    batch = remaining(trader.call("POST", "/orders", [trader.body(market) for _ in range(3)]))
    one = remaining(trader.call("DELETE", "/order", {"orderID": "0x1"}))
    many = remaining(trader.call("DELETE", "/orders", ["0x1", "0x2"]))
    swept = remaining(trader.call("DELETE", "/cancel-all"))

    assert (single, batch) == (59, 56)
    assert (one, many, swept) == (119, 117, 112), "1, then 2 ids, then 1 and four orders"


def test_ip_windows_are_off_until_asked_for_and_slide():
    windows = IpWindows()
    assert all(windows.admits("GET /balance-allowance", NOW) for _ in range(300))
    windows.enforced = True

    passed = [windows.admits("GET /balance-allowance", NOW) for _ in range(201)]

    assert passed == [True] * 200 + [False]
    assert windows.admits("GET /balance-allowance", Ms(NOW + 10_000))
    assert sum(windows.admits(f"GET /data/{what}", NOW) for what in ["orders", "trades"] * 500) == 900


def test_account_read_beyond_its_window_is_limited(trader):
    trader.venue.ip_windows.enforced = True

    answers = [trader.call("GET", "/balance-allowance/update").status for _ in range(51)]

    assert answers == [200] * 50 + [429]


def beat(trader: EdgeTrader, number: str = "") -> Delivered:
    return trader.call("POST", "/v1/heartbeats", {"heartbeat_id": number})


def test_heartbeats_chain_and_a_stale_id_is_told_the_expected_one(trader):
    first = beat(trader).told["heartbeat_id"]
    second = beat(trader, first).told["heartbeat_id"]

    stale = beat(trader, first)

    assert first != second
    assert (stale.status, stale.told) == (400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": second})
    assert beat(trader).told["heartbeat_id"] == second
    assert beat(trader, second).status == 200
    assert trader.call("POST", "/v1/heartbeats", []).status == 400


def test_silence_cancels_everything_of_an_armed_key_and_never_disarms(trader, clock):
    trader.place(trader.market(FED))
    clock.advance(60_000)
    trader.venue.advance()
    assert len(trader.call("GET", "/data/orders").told["data"]) == 1, "not armed"

    beat(trader)
    clock.advance(9_000)
    trader.venue.advance()
    assert len(trader.call("GET", "/data/orders").told["data"]) == 1
    clock.advance(6_000)
    trader.venue.advance()

    assert trader.call("GET", "/data/orders").told["data"] == []
    lapses = record_of(trader)["heartbeat_lapses"]
    assert [len(lapse["orders"]) for lapse in lapses] == [1]
    trader.place(trader.market(FED))
    clock.advance(5_000)
    trader.venue.advance()
    assert trader.call("GET", "/data/orders").told["data"] == []


def test_mismatching_heartbeat_does_not_keep_orders_alive(trader, clock):
    trader.place(trader.market(FED))
    beat(trader)
    for _ in range(4):
        clock.advance(4_000)
        beat(trader, "wrong")

    assert trader.call("GET", "/data/orders").told["data"] == []


def test_fok_is_filled_whole_or_killed_without_a_trace(trader, clock):
    market = trader.market(COIN)

    killed = trader.place(trader.market(FED), "0.063", "5000", order_type="FOK")
    filled = trader.place(market, "0.6", "20", order_type="FOK")
    clock.advance(10_000)  # bought shares can be sold once they are settled
    sold = trader.place(market, "0.5", "15", order_type="FOK", side="SELL")

    assert (killed.status, killed.told) == (400, {"error": FOK_UNFILLED.text})
    assert filled.told["status"] == "matched"
    assert sold.told["status"] == "matched"
    assert trader.call("GET", "/data/orders").told["data"] == []


@pytest.mark.parametrize("order_type", ["FAK", "FOK"])
def test_immediate_order_cannot_be_post_only(trader, order_type):
    refused = trader.place(trader.market(COIN), "0.6", "20", order_type=order_type, post_only=True)

    assert refused.told == {"error": "Invalid order payload"}


def test_delayed_order_waits_uncancellable_and_then_trades(trader, clock):
    market = trader.market(MATCH)
    body = trader.body(market, "0.99", "10")
    number = order_id(body, neg_risk=market.neg_risk)

    told = trader.call("POST", "/order", body).told
    cancelled = trader.call("DELETE", "/order", {"orderID": number}).told
    waiting = trader.call("GET", f"/data/order/{number}").told["status"]
    clock.advance(1_000)

    assert (told["status"], told["orderID"], told["makingAmount"]) == ("delayed", number, "")
    assert cancelled == {"canceled": [], "not_canceled": {number: IN_TAKER_DELAY}}
    assert waiting == "DELAYED"
    assert len(trader.call("GET", "/data/trades").told["data"]) == 1
    assert trader.call("GET", f"/data/order/{number}").told is None


def delayed(trader: EdgeTrader, **extra: object) -> str:
    """Place an order that waits, and take its counterpart away meanwhile."""
    market = trader.market(CUP)
    trader.venue.faults.arm(Fault(FaultKind.DELAY_LEG, delay_ms=2_000))
    told = trader.place(market, "0.6", "10", **extra).told
    assert told["status"] == "delayed"
    for order in list(trader.venue.exchange.orders.values()):
        if trader.venue.exchange.bank.accounts[order.terms.account_id].insider and (
            order.terms.condition_id == market.condition_id
        ):
            trader.venue.exchange.cancel(order.terms.id, order.terms.account_id, trader.venue.now_ms())
    trader.clock.advance(2_000)
    trader.venue.advance()
    return str(told["orderID"])


def test_delayed_order_whose_counterpart_went_away_rests(trader):
    number = delayed(trader)

    assert trader.call("GET", f"/data/order/{number}").told["status"] == "LIVE"
    assert trader.call("DELETE", "/order", {"orderID": number}).told["canceled"] == [number]
    accounts = record_of(trader)["accounts"]
    assert accounts[0]["reserved_usdc"] == 0


def test_delayed_fak_without_counterpart_is_killed_and_frees_its_funds(trader):
    number = delayed(trader, order_type="FAK")

    record = record_of(trader)
    assert [order["state"] for order in record["orders"] if order["id"] == number] == ["CANCELED"]
    assert record["accounts"][0]["reserved_usdc"] == 0


def test_deferred_order_is_answered_delayed_and_trades_at_once_after(trader, clock):
    body = trader.body(trader.market(COIN), "0.6", "20") | {"deferExec": True}

    told = trader.call("POST", "/order", body).told
    clock.advance(1)

    assert told["status"] == "delayed"
    assert len(trader.call("GET", "/data/trades").told["data"]) == 1


def test_known_order_is_duplicated_unless_reposts_succeed(trader):
    resting = trader.body(trader.market(FED))
    taking = trader.body(trader.market(COIN), "0.6", "20")
    first = [trader.call("POST", "/order", body).told for body in (resting, taking)]
    assert "Duplicated" in trader.call("POST", "/order", resting).told["error"]

    trader.venue.conduct.repost_succeeds = True

    assert [trader.call("POST", "/order", body).told for body in (resting, taking)] == first
    assert len(trader.call("GET", "/data/trades").told["data"]) == 1


def test_documented_cancel_reasons_tell_unknown_from_ended(trader):
    number = trader.place(trader.market(FED)).told["orderID"]
    trader.call("DELETE", "/order", {"orderID": number})
    trader.venue.conduct.documented_cancel_reasons = True

    told = trader.call("DELETE", "/orders", [number, "0x1"]).told

    assert told["not_canceled"] == {number: ALREADY_ENDED, "0x1": NOT_FOUND}

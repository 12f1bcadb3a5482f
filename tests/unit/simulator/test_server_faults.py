"""Scripted faults over loopback: each hits once, is told, and leaves the state it promises."""

import asyncio

import pytest
from aiohttp import ClientError

from tests.support.local_exchange import COIN, CUP, FED, LEADER, market_of, until
from tests.unit.simulator.trader import order_id


async def test_accepted_without_answer_is_on_the_book(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    await trader.arm(kind="no_answer")

    with pytest.raises(ClientError):
        await trader.place(body)

    number = order_id(body, neg_risk=True)
    assert (await trader.call("GET", f"/data/order/{number}")).record["id"] == number
    again = await trader.place(body)
    assert "Duplicated" in again.record["error"]
    first = (await trader.ledger())["requests"][0]
    assert (first["status"], first["processed"], first["note"]) == (0, True, "no_answer")
    assert [(leg["order"], leg["outcome"]) for leg in first["legs"]] == [(number, "live")]


async def test_lost_request_never_reached_the_book(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    await trader.arm(kind="lost_request")

    with pytest.raises(ClientError):
        await trader.place(body)

    number = order_id(body, neg_risk=True)
    assert (await trader.call("GET", f"/data/order/{number}")).body is None
    assert (await trader.place(body)).record["status"] == "live"
    first = (await trader.ledger())["requests"][0]
    assert (first["status"], first["legs"], first["processed"]) == (0, [], False)
    assert first["note"] == "lost_request"


async def test_restarting_engine_answers_425_for_the_scripted_number_of_posts(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    await trader.arm(kind="restarting", times=2)

    statuses = [(await trader.place(body)).status for _ in range(3)]

    assert statuses == [425, 425, 200]


async def test_restarting_engine_leaves_cancels_and_reads_alone(exchange, trader):
    await trader.arm(kind="restarting")

    assert (await trader.call("DELETE", "/cancel-all")).status == 200
    assert (await trader.call("GET", "/data/orders")).status == 200


async def test_rejected_leg_is_refused_and_its_siblings_trade(exchange, trader):
    await trader.arm(kind="reject_leg", leg=1, text="order match delayed due to market conditions")
    legs = [trader.limit(market_of(exchange, CUP, child), "BUY", "0.6", "10") for child in range(3)]

    reply = await trader.call("POST", "/orders", legs)

    assert isinstance(reply.body, list)
    assert [leg["status"] for leg in reply.body] == ["matched", "", "matched"]
    assert reply.body[1]["errorMsg"] == "order match delayed due to market conditions"
    assert reply.body[1]["success"] is True
    held = (await trader.ledger())["accounts"][0]["shares"]
    assert set(held) == {market_of(exchange, CUP, child).tokens[0] for child in (0, 2)}


async def test_rejected_leg_does_not_touch_single_orders(exchange, trader):
    await trader.arm(kind="reject_leg")

    single = await trader.place(trader.limit(market_of(exchange, FED), "BUY", "0.02", "30"))
    batch = await trader.call(
        "POST", "/orders", [trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")]
    )

    assert single.status == 200
    assert isinstance(batch.body, list)
    assert batch.body[0]["errorMsg"].startswith("no orders found to match with FAK order")


async def test_delayed_answer_comes_late_but_the_order_is_processed_at_once(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    await trader.arm(kind="delay_answer", delay_ms=30_000)

    waiting = asyncio.create_task(trader.place(body))
    await until(lambda: len(exchange.venue.log.entries()) == 1)

    number = order_id(body, neg_risk=True)
    assert (await trader.call("GET", f"/data/order/{number}")).record["status"] == "LIVE"
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_fired_faults_are_listed_in_order(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    await trader.arm(kind="delay_answer", delay_ms=1)
    await trader.arm(kind="drop_delta", asset_id="12")
    await trader.place(body)

    listed = (await trader.get("/_local/faults")).record

    assert [(fired["kind"], fired["detail"]) for fired in listed["fired"]] == [
        ("delay_answer", "POST /order")
    ]
    assert listed["armed"] == [{"kind": "drop_delta", "left": 1}]


async def test_cut_answer_breaks_off_in_its_body_and_the_order_rests(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    await trader.arm(kind="cut_answer")

    with pytest.raises(ClientError):
        await trader.place(body)

    number = order_id(body, neg_risk=True)
    assert (await trader.call("GET", f"/data/order/{number}")).record["id"] == number


async def test_late_request_is_carried_out_although_its_connection_is_gone(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    await trader.arm(kind="late_request", delay_ms=30)

    with pytest.raises(ClientError):
        await trader.place(body)

    await until(lambda: len(exchange.venue.log.entries()) == 1)
    assert (await trader.ledger())["orders"][0]["id"] == order_id(body, neg_risk=True)


async def test_seeded_faults_are_switched_on_and_off(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")

    await trader.post_public("/_local/chances", {"seed": 1, "rates": {"restarting": 10_000}})
    struck = await trader.place(body)
    await trader.post_public("/_local/chances", {})

    assert struck.status == 425
    assert (await trader.place(body)).status == 200


@pytest.mark.parametrize(
    "script",
    [
        {"rates": []},
        {"rates": {"cut": 1}},
        {"seed": "7"},
        {"rates": {"restarting": True}},
        {"rates": {"drop_event": 6_000, "repeat_event": 6_000}},
        {"trades": 35},
        {"trades": {"failed": 101}},
        {"trades": {"lost": 1}},
    ],
)
async def test_malformed_chances_are_refused(exchange, trader, script):
    assert (await trader.post_public("/_local/chances", script)).status == 400
    assert exchange.faults.chances is None


@pytest.mark.parametrize(
    "script",
    [
        {},
        [],
        {"kind": "earthquake"},
        {"kind": "restarting", "times": 0},
        {"kind": "restarting", "times": "2"},
        {"kind": "reject_leg", "legs": 1},
    ],
)
async def test_malformed_fault_script_is_refused(trader, script):
    reply = await trader.post_public("/_local/faults", script)

    assert reply.status == 400
    assert reply.error
    assert (await trader.get("/_local/faults")).record["armed"] == []


async def test_window_opens_on_demand_and_can_be_bought_with_profit(exchange, trader):
    reply = await trader.post_public("/_local/window", {"event_slug": FED, "hold_ms": 5_000})
    asks = reply.record["asks"]

    legs = [
        trader.limit(market_of(exchange, FED, child), "BUY", price, "100") for child, price in enumerate(asks)
    ]
    answers = (await trader.call("POST", "/orders", legs)).body

    assert sum(round(float(price) * 1_000) for price in asks) == 900
    assert isinstance(answers, list)
    assert {answer["status"] for answer in answers} == {"matched"}
    spent = 1_000_000_000 - (await trader.ledger())["accounts"][0]["usdc"]
    assert spent < 95_000_000, "a hundred sets pay a hundred dollars"
    assert (await trader.get("/_local/status")).record["windows_opened"][FED] == 1


@pytest.mark.parametrize(
    "script",
    [
        {"event_slug": LEADER},
        {"event_slug": COIN},
        {},
        {"event_slug": FED, "hold_ms": 0},
        {"event_slug": FED, "hold_ms": "5"},
        7,
    ],
)
async def test_window_that_cannot_be_opened_is_refused(trader, script):
    assert (await trader.post_public("/_local/window", script)).status == 400


async def test_health_and_status_answer(exchange, trader):
    assert (await trader.get("/_local/health")).body == {"ok": True}
    status = (await trader.get("/_local/status")).record
    assert status["events"][0] == FED
    assert status["requests_logged"] == 0

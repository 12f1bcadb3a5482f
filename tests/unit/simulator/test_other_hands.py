"""The counterparty and foreign orders: every mode of matching as maker and taker, told alike everywhere."""

import pytest

from engine.simulator.server import LocalExchange
from tests.support.local_exchange import COIN, CUP, market_of
from tests.unit.simulator.stream_client import hearing
from tests.unit.simulator.trader import Record, Trader

MILLION = 1_000_000
FAIR = "0.57"
"""COIN's fair price: nothing rests there."""


async def settled_set(exchange: LocalExchange, trader: Trader, clock) -> None:
    """Let a trader hold confirmed shares of both tokens of COIN, and the counterparty its stock of them."""
    await control(trader, "counterparty", side="SELL", price="0.99", size="5", rest=True)
    for outcome, price in (("Yes", "0.7"), ("No", "0.5")):
        await control(trader, "order", outcome=outcome, side="BUY", price=price, size="50")
    clock.advance(2_000)
    exchange.venue.advance()


async def control(trader: Trader, name: str, **script: object) -> Record:
    """Use a test-only call on COIN for this trader's account."""
    target = {} if "order" in script else {"market": COIN}
    reply = await trader.post_public(f"/_local/{name}", target | {"address": trader.address} | script)
    assert reply.status == 200, reply.body
    return reply.record


async def positions(trader: Trader) -> tuple[int, dict[str, int]]:
    account = (await trader.ledger())["accounts"][0]
    return account["usdc"], account["shares"]


CELLS = [
    # own order, and the token that the counterparty trades
    ("transfer", "BUY", "Yes", "Yes"),
    ("transfer", "SELL", "Yes", "Yes"),
    ("transfer", "BUY", "No", "No"),
    ("transfer", "SELL", "No", "No"),
    ("mint", "BUY", "Yes", "No"),
    ("mint", "BUY", "No", "Yes"),
    ("merge", "SELL", "Yes", "No"),
    ("merge", "SELL", "No", "Yes"),
]


@pytest.mark.parametrize("role", ["MAKER", "TAKER"])
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
async def test_fill_of_every_kind_is_told_alike_by_reads_stream_and_balances(
    exchange: LocalExchange, trader: Trader, clock, role: str, cell: tuple[str, str, str, str]
):
    mode, side, outcome, other = cell
    market = market_of(exchange, COIN)
    index = market.outcomes.index(outcome)
    price = FAIR if outcome == "Yes" else "0.43"
    await settled_set(exchange, trader, clock)
    cash, shares = await positions(trader)
    locked = exchange.exchange.bank.locked[market.condition_id]
    body = trader.limit(market, side, price, "20", token_index=index)
    async with hearing(exchange, trader) as listener:
        if role == "MAKER":
            placed = await trader.place(body)
            await control(trader, "counterparty", order=placed.record["orderID"], outcome=other)
        else:
            counter = "SELL" if side == "BUY" else "BUY"
            if other != outcome:
                counter = side
            rest = FAIR if other == "Yes" else "0.43"
            await control(
                trader, "counterparty", outcome=other, side=counter, price=rest, size="20", rest=True
            )
            placed = await trader.place(body)
        clock.advance(2_000)
        exchange.venue.advance()
        events = await listener.events()

    order_id = placed.record["orderID"]
    trades = (await trader.call("GET", "/data/trades")).record["data"]
    trade = next(row for row in trades if order_id in str(row))
    told = [event for event in events if event["event_type"] == "trade"]
    fee = sum(row["fee"] for row in (await trader.ledger())["trades"] if row["order"] == order_id)
    paid = 20 * round(float(price) * MILLION)
    sign = 1 if side == "BUY" else -1
    assert await positions(trader) == (
        cash - sign * paid - fee,
        shares | {market.tokens[index]: shares[market.tokens[index]] + sign * 20 * MILLION},
    )
    moved = {"transfer": 0, "mint": 20 * MILLION, "merge": -20 * MILLION}[mode]
    assert exchange.exchange.bank.locked[market.condition_id] - locked == moved
    assert [event["status"] for event in told] == ["MATCHED", "MINED", "CONFIRMED"]
    assert {event["id"] for event in told} == {trade["id"]}
    assert {event["trader_side"] for event in told} == {role} == {trade["trader_side"]}
    if role == "TAKER":
        own = trade
        assert (trade["taker_order_id"], trade["size"], fee > 0) == (order_id, "20", True)
    else:
        own = trade["maker_orders"][0]
        assert (own["order_id"], own["matched_amount"], fee) == (order_id, "20", 0)
        assert trade["asset_id"] == market.tokens[market.outcomes.index(other)]
    assert (own["side"], own["asset_id"], own["price"]) == (side, market.tokens[index], price)
    assert [event["size_matched"] for event in events if event["event_type"] == "order"][-1] == "20"


async def test_counterparty_meets_a_named_order_behind_a_better_one(exchange, trader):
    market = market_of(exchange, COIN)
    deep = (await trader.place(trader.limit(market, "BUY", "0.2", "10"))).record["orderID"]

    first = await control(trader, "counterparty", order=deep, size="4")
    second = await control(trader, "counterparty", order=deep)
    gone = await trader.post_public("/_local/counterparty", {"order": deep})

    assert (first["filled"], second["filled"]) == (4 * MILLION, 6 * MILLION)
    assert (gone.status, "resting order" in str(gone.error)) == (400, True)


async def test_counterparty_in_its_turn_meets_the_best_price_first(exchange, trader):
    market = market_of(exchange, COIN)
    await trader.place(trader.limit(market, "BUY", "0.2", "10"))

    done = await control(trader, "counterparty", side="SELL", price="0.2", size="10")

    assert done["filled"] == 10 * MILLION
    assert (await trader.ledger())["trades"] == []


async def test_foreign_order_is_read_told_and_marked_in_the_ledger_alone(exchange, trader):
    async with hearing(exchange, trader) as listener:
        placed = await control(trader, "order", side="BUY", price="0.2", size="10")
        events = await listener.events()

    opened = (await trader.call("GET", "/data/orders")).record["data"]
    assert [row["id"] for row in opened] == [placed["order"]] == [event["id"] for event in events]
    assert [row["origin"] for row in (await trader.ledger())["orders"]] == ["control"]
    assert (await trader.ledger())["requests"] == []
    answer = await trader.call("DELETE", "/order", {"orderID": placed["order"]})
    assert answer.record["canceled"] == [placed["order"]]


async def test_foreign_order_that_the_venue_refuses_is_told_in_its_words(exchange, trader):
    script = {"address": trader.address, "market": COIN, "side": "BUY", "price": "0.2", "size": "90000"}

    refused = await trader.post_public("/_local/order", script)

    assert refused.status == 400
    assert "not enough balance" in str(refused.error)


@pytest.mark.parametrize("call", ["order", "counterparty"])
async def test_size_finer_than_a_lot_is_refused_with_the_step(exchange, trader, call):
    script = {"address": trader.address, "market": COIN, "side": "BUY", "price": "0.2", "size": "9.001"}

    refused = await trader.post_public(f"/_local/{call}", script)

    assert (refused.status, "steps of 0.01 share" in str(refused.error)) == (400, True)


async def test_second_process_on_the_same_key_trades_on_the_same_account(exchange, trader, session):
    other = Trader(exchange.url, session, trader.private_key, now_s=trader.now_s)
    answer = await session.get(f"{exchange.url}/auth/derive-api-key", headers=other.l1_headers())
    derived = await answer.json()
    other.api_key, other.secret = derived["apiKey"], derived["secret"]
    other.passphrase = derived["passphrase"]

    placed = await other.place(other.limit(market_of(exchange, CUP), "BUY", "0.02", "10", salt=77))

    opened = (await trader.call("GET", "/data/orders")).record["data"]
    assert [row["id"] for row in opened] == [placed.record["orderID"]]
    assert [row["origin"] for row in (await trader.ledger())["orders"]] == ["api"]


async def test_withdrawal_ends_the_newest_orders_that_it_leaves_uncovered(exchange, trader):
    market = market_of(exchange, CUP)
    ids = [
        (await trader.place(trader.limit(market, "BUY", "0.1", size))).record["orderID"]
        for size in ("3000", "3000", "3000")
    ]
    async with hearing(exchange, trader) as listener:
        done = await control(trader, "withdraw", usdc="400")
        events = await listener.events()

    assert done == {"orders_cancelled": 1}
    assert [(event["id"], event["type"], event["status"]) for event in events] == [
        (ids[2], "CANCELLATION", "CANCELED_NOT_ENOUGH_BALANCE")
    ]
    ledger = await trader.ledger()
    assert [row["usdc"] for row in ledger["deposits"]] == [1_000 * MILLION, -400 * MILLION]
    assert [step["state"] for step in ledger["orders"][2]["steps"]] == ["LIVE", "CANCELED_NOT_ENOUGH_BALANCE"]
    more = await trader.post_public("/_local/withdraw", {"address": trader.address, "usdc": "600.01"})
    assert "expected up to 600000000" in str(more.error)


async def test_game_start_ends_every_resting_order_of_its_market(exchange, trader):
    gone = await trader.place(trader.limit(market_of(exchange, COIN), "BUY", "0.1", "10"))
    kept = await trader.place(trader.limit(market_of(exchange, CUP), "BUY", "0.1", "10"))

    done = await control(trader, "game")

    assert done["orders_cancelled"] > 1
    opened = (await trader.call("GET", "/data/orders")).record["data"]
    assert [row["id"] for row in opened] == [kept.record["orderID"]]
    states = {row["id"]: row["state"] for row in (await trader.ledger())["orders"]}
    assert states[gone.record["orderID"]] == "CANCELED"


async def test_settlement_is_scripted_over_http(exchange, trader, clock):
    market = market_of(exchange, COIN)
    steps = [["MINED", 10], ["RETRYING", 10], ["FAILED", 10]]
    await control(trader, "settlement", **{"for": "next"}, start="MATCHED_NOT_BROADCASTED", steps=steps)
    await trader.place(trader.limit(market, "BUY", "0.7", "10"))
    first = (await trader.call("GET", "/data/trades")).record["data"][0]
    clock.advance(100)
    exchange.venue.advance()
    await control(
        trader,
        "settlement",
        **{"for": "odds"},
        seed="7",
        failed=100,
        retrying=0,
        delay_min_ms=1,
        delay_max_ms=2,
    )
    await trader.place(trader.limit(market, "BUY", "0.7", "10"))
    trade_id = (await trader.call("GET", "/data/trades")).record["data"][0]["id"]
    await control(
        trader, "settlement", **{"for": "trade"}, trade=trade_id, steps=[["MINED", 0], ["CONFIRMED", 0]]
    )
    await control(trader, "settlement", **{"for": "every"}, nth=2, steps=[])
    await trader.post_public("/_local/calm", {})
    await trader.place(trader.limit(market, "BUY", "0.7", "10"))
    clock.advance(2_000)
    exchange.venue.advance()

    rows = (await trader.ledger())["trades"]
    assert first["status"] == "TRADE_STATUS_MATCHED_NOT_BROADCASTED"
    assert [row["status"] for row in rows] == ["FAILED", "CONFIRMED", "CONFIRMED"]
    assert [step["status"] for step in rows[0]["steps"]] == [
        "MATCHED_NOT_BROADCASTED",
        "MINED",
        "RETRYING",
        "FAILED",
    ]


async def test_failed_trade_gives_the_insiders_of_the_flow_back_what_it_took(exchange, trader, clock):
    bank = exchange.exchange.bank
    everybody = [account for account in bank.accounts.values() if account.insider]
    before = [(account.usdc, dict(account.shares)) for account in everybody]
    steps = [["MINED", 10], ["FAILED", 10]]
    await control(trader, "settlement", **{"for": "every"}, nth=1, steps=steps)
    await trader.place(trader.limit(market_of(exchange, COIN), "BUY", "0.7", "500"))
    during = [(account.usdc, dict(account.shares)) for account in everybody]
    clock.advance(20)
    exchange.venue.advance()

    assert during != before
    assert [(account.usdc, dict(account.shares)) for account in everybody] == before
    assert (await positions(trader)) == (1_000 * MILLION, {})


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("settlement", {"for": "luck"}, "expected next, every, trade, odds or usual"),
        ("settlement", {"for": "next", "steps": [["CONFIRMED", 1]]}, "CONFIRMED cannot follow MATCHED"),
        ("settlement", {"for": "next", "steps": [["MINED"]]}, "expected [status, delay_ms]"),
        ("settlement", {"for": "next", "steps": "MINED"}, "a list of [status, delay_ms]"),
        ("settlement", {"for": "next", "steps": [], "times": 0}, "expected times of 1 to 10000"),
        ("settlement", {"for": "trade", "trade": "t", "steps": []}, "expected the id of a trade"),
        ("order", {"address": "0x12", "market": COIN}, "expected the address of an account"),
        ("counterparty", {"market": COIN, "outcome": "Perhaps"}, "expected an outcome of"),
        ("counterparty", {"market": COIN, "rest": "yes"}, "expected rest to be true or false"),
        ("counterparty", {"market": "nowhere"}, "expected condition id, token id or slug"),
    ],
)
async def test_script_that_makes_no_sense_is_refused_with_a_sentence(trader, name, script, words):
    reply = await trader.post_public(f"/_local/{name}", script)

    assert reply.status == 400
    assert words in str(reply.error)

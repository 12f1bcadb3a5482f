"""Order entry over loopback: answers, cancels, private reads, and the ledger behind them."""

import hashlib
import json

import pytest

from tests.support.local_exchange import COIN, CUP, ELEVENS_KEY, FED, market_of
from tests.unit.simulator.trader import order_id, trader_on

NOT_CANCELED = "order can't be found - already canceled or matched"
UNKNOWN = "0x" + "77" * 32


async def test_key_creation_funds_an_account_once(exchange, trader):
    again = await trader.session.post(f"{trader.url}/auth/api-key", headers=trader.l1_headers())
    derived = await trader.session.get(f"{trader.url}/auth/derive-api-key", headers=trader.l1_headers())

    assert (again.status, await again.json()) == (400, {"error": "Could not create api key"})
    assert (await derived.json())["apiKey"] == trader.api_key
    ledger = await trader.ledger()
    assert [deposit["usdc"] for deposit in ledger["deposits"]] == [1_000_000_000]
    assert ledger["accounts"][0]["usdc"] == 1_000_000_000


async def test_key_derivation_without_creation_is_refused(exchange, session):
    from tests.unit.simulator.trader import Trader

    stranger = Trader(exchange.url, session, ELEVENS_KEY)
    answer = await session.get(f"{exchange.url}/auth/derive-api-key", headers=stranger.l1_headers())
    bad = await session.post(
        f"{exchange.url}/auth/api-key", headers=stranger.l1_headers() | {"POLY_NONCE": "4"}
    )

    assert (answer.status, await answer.json()) == (400, {"error": "Could not derive api key!"})
    assert (bad.status, await bad.json()) == (401, {"error": "Invalid L1 Request headers"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/order"),
        ("POST", "/orders"),
        ("DELETE", "/order"),
        ("DELETE", "/orders"),
        ("DELETE", "/cancel-all"),
        ("DELETE", "/cancel-market-orders"),
        ("GET", "/data/orders"),
        ("GET", "/data/order/0x12"),
        ("GET", "/data/trades"),
        ("GET", "/balance-allowance"),
        ("GET", "/balance-allowance/update"),
        ("GET", "/auth/api-keys"),
        ("GET", "/auth/ban-status/closed-only"),
    ],
)
async def test_private_calls_without_proof_are_unauthorized(trader, method, path):
    trader.secret = "AAAA" + trader.secret[4:]

    reply = await trader.call(method, path)

    assert (reply.status, reply.error) == (401, "Unauthorized/Invalid api key")


async def test_query_is_not_part_of_the_signature_but_the_path_is(trader):
    fine = await trader.call("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="0")
    headers = trader.l2_headers("GET", "/balance-allowance/update")
    wrong = await trader.session.get(f"{trader.url}/balance-allowance", headers=headers)

    assert fine.status == 200
    assert wrong.status == 401


async def test_key_list_and_revocation(trader):
    assert (await trader.call("GET", "/auth/api-keys")).body == {"apiKeys": [trader.api_key]}
    assert (await trader.call("GET", "/auth/ban-status/closed-only")).body == {"closed_only": False}
    assert (await trader.call("DELETE", "/auth/api-key")).body == "OK"
    assert (await trader.call("GET", "/auth/api-keys")).status == 401


async def test_resting_order_answers_live_with_its_digest_as_id(exchange, trader):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")

    reply = await trader.place(body)

    assert reply.status == 200
    assert reply.body == {
        "errorMsg": "",
        "orderID": order_id(body, neg_risk=True),
        "takingAmount": "",
        "makingAmount": "",
        "status": "live",
        "success": True,
        "transactionsHashes": [],
        "tradeIDs": [],
    }


async def test_matched_order_answers_what_it_executed_and_the_ledger_agrees(exchange, trader):
    market = market_of(exchange, FED)

    reply = await trader.place(trader.limit(market, "BUY", "0.09", "123.45"))

    assert reply.record["status"] == "matched"
    assert reply.record["takingAmount"] == "123.45"
    ledger = await trader.ledger()
    cash = sum(fill["cash"] for fill in ledger["trades"])
    fees = sum(fill["fee"] for fill in ledger["trades"])
    assert float(reply.record["makingAmount"]) * 1_000_000 == pytest.approx(cash)
    assert fees > 0
    account = ledger["accounts"][0]
    assert account["usdc"] == 1_000_000_000 - cash - fees
    assert account["shares"] == {market.tokens[0]: 123_450_000}
    assert set(reply.record["tradeIDs"]) == {fill["trade"] for fill in ledger["trades"]}


async def test_sale_answers_shares_made_and_cash_taken(exchange, trader, clock):
    market = market_of(exchange, COIN)
    await trader.place(trader.limit(market, "BUY", "0.6", "20"))
    clock.advance(2_000)

    reply = await trader.place(trader.limit(market, "SELL", "0.5", "20", order_type="FAK"))

    assert reply.record["makingAmount"] == "20"
    assert reply.record["takingAmount"] == "11.2"


async def test_single_refusal_is_an_http_error(exchange, trader):
    market = market_of(exchange, FED)

    refused = await trader.place(trader.limit(market, "BUY", "0.02", "4"))
    unreadable = await trader.call("POST", "/order", "nonsense")

    assert refused.status == 400
    assert "lower than the minimum: 5" in refused.record["error"]
    assert (unreadable.status, unreadable.error) == (400, "Invalid order payload")


async def test_batch_judges_legs_alone_and_keeps_their_order(exchange, trader):
    legs = [
        trader.limit(market_of(exchange, FED, child), "BUY", price, size)
        for child, price, size in ((0, "0.02", "30"), (1, "0.02", "4"), (2, "0.6", "10"), (3, "0.99", "5000"))
    ]

    reply = await trader.call("POST", "/orders", legs)

    assert reply.status == 200
    assert isinstance(reply.body, list)
    assert [leg["status"] for leg in reply.body] == ["live", "", "matched", ""]
    assert [leg["orderID"] != "" for leg in reply.body] == [True, False, True, False]
    assert all(leg["success"] is True for leg in reply.body)
    assert "Size (4) lower than the minimum" in reply.body[1]["errorMsg"]
    assert "not enough balance / allowance" in reply.body[3]["errorMsg"]


async def test_batch_limits(exchange, trader):
    leg = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")

    many = await trader.call("POST", "/orders", [leg] * 16)
    none = await trader.call("POST", "/orders", [])
    most = await trader.call("POST", "/orders", [leg] * 15)

    assert (many.status, many.error) == (400, "Too many orders in payload: 16, max allowed: 15")
    assert none.status == 400
    assert isinstance(most.body, list)
    assert most.body[0]["errorMsg"] == ""
    assert all("Duplicated" in later["errorMsg"] for later in most.body[1:])


async def test_cancel_one_names_it_and_a_second_time_says_why_not(exchange, trader):
    placed = (await trader.place(trader.limit(market_of(exchange, FED), "BUY", "0.02", "30"))).record
    number = placed["orderID"]

    first = await trader.call("DELETE", "/order", {"orderID": number})
    second = await trader.call("DELETE", "/order", {"orderID": number})
    malformed = await trader.call("DELETE", "/order", {})

    assert first.body == {"canceled": [number], "not_canceled": {}}
    assert second.status == 200
    assert second.body == {"canceled": [], "not_canceled": {number: NOT_CANCELED}}
    assert malformed.status == 400


async def test_cancel_of_another_ones_order_is_not_found(exchange, trader, session):
    other = await trader_on(exchange, session, ELEVENS_KEY)
    placed = (await trader.place(trader.limit(market_of(exchange, FED), "BUY", "0.02", "30"))).record

    reply = await other.call("DELETE", "/orders", [placed["orderID"], UNKNOWN])

    assert reply.record["canceled"] == []
    assert reply.record["not_canceled"] == dict.fromkeys((placed["orderID"], UNKNOWN), NOT_CANCELED)
    assert (await other.call("GET", f"/data/order/{placed['orderID']}")).body is None
    assert (await trader.call("GET", f"/data/order/{placed['orderID']}")).record["status"] == "LIVE"


async def test_cancel_by_market_by_asset_and_all(exchange, trader):
    fed, cup = market_of(exchange, FED), market_of(exchange, CUP)
    ids = []
    for market, token_index, price in ((fed, 0, "0.02"), (fed, 1, "0.8"), (cup, 0, "0.02"), (cup, 1, "0.1")):
        placed = await trader.place(trader.limit(market, "BUY", price, "10", token_index=token_index))
        ids.append(placed.record["orderID"])

    by_asset = await trader.call("DELETE", "/cancel-market-orders", {"asset_id": fed.tokens[1]})
    both = {"market": cup.condition_id, "asset_id": cup.tokens[0]}
    narrowed = await trader.call("DELETE", "/cancel-market-orders", both)
    nothing = await trader.call("DELETE", "/cancel-market-orders", {})
    everything = await trader.call("DELETE", "/cancel-all")

    assert by_asset.record["canceled"] == [ids[1]]
    assert narrowed.record["canceled"] == [ids[2]]
    assert nothing.status == 400
    assert everything.record["canceled"] == [ids[0], ids[3]]
    assert (await trader.ledger())["accounts"][0]["reserved_usdc"] == 0


async def test_cancel_many_refuses_what_is_no_list_of_ids(trader):
    bodies: list[object] = [{}, [], [1], ["0x1"] * 1_001]
    for body in bodies:
        assert (await trader.call("DELETE", "/orders", body)).status == 400


async def test_open_orders_page_by_hundreds_and_filter(exchange, trader, clock):
    market, other = market_of(exchange, FED), market_of(exchange, CUP)
    for _ in range(7):
        await trader.call("POST", "/orders", [trader.limit(market, "BUY", "0.011", "5") for _ in range(15)])
        clock.advance(1_000)
    await trader.place(trader.limit(other, "BUY", "0.02", "10"))

    first = (await trader.call("GET", "/data/orders", next_cursor="MA==")).record
    second = (await trader.call("GET", "/data/orders", next_cursor=first["next_cursor"])).record
    filtered = (await trader.call("GET", "/data/orders", market=other.condition_id)).record
    single = (await trader.call("GET", "/data/orders", id=first["data"][3]["id"])).record
    beyond = (await trader.call("GET", "/data/orders", next_cursor="LTE=")).record
    broken = await trader.call("GET", "/data/orders", next_cursor="?")

    assert (first["count"], first["limit"], second["count"]) == (100, 100, 6)
    assert second["next_cursor"] == "LTE="
    assert len({row["id"] for row in first["data"] + second["data"]}) == 106
    assert [row["asset_id"] for row in filtered["data"]] == [other.tokens[0]]
    assert [row["id"] for row in single["data"]] == [first["data"][3]["id"]]
    assert beyond["data"] == []
    assert broken.status == 400


async def test_order_read_shows_open_orders_only(exchange, trader, clock):
    market = market_of(exchange, FED)
    partly = (await trader.place(trader.limit(market, "BUY", "0.063", "5000"))).record["orderID"]

    row = (await trader.call("GET", f"/data/order/{partly}")).record

    assert row["status"] == "LIVE"
    assert 0 < float(row["size_matched"]) < 5_000
    assert row["original_size"] == "5000"
    assert row["maker_address"] == trader.address
    assert row["owner"] == trader.api_key
    assert row["created_at"] == clock.now_ms() // 1000
    assert row["associate_trades"]
    await trader.call("DELETE", "/order", {"orderID": partly})
    assert (await trader.call("GET", f"/data/order/{partly}")).body is None


async def test_trades_read_filters_and_shows_the_settlement(exchange, trader, clock):
    market, other = market_of(exchange, FED), market_of(exchange, COIN)
    await trader.place(trader.limit(market, "BUY", "0.063", "20"))
    clock.advance(5_000)
    await trader.place(trader.limit(other, "BUY", "0.6", "20", token_index=1))

    rows = (await trader.call("GET", "/data/trades")).record["data"]
    second = clock.now_ms() // 1000
    by_market = (await trader.call("GET", "/data/trades", market=market.condition_id)).record
    by_asset = (await trader.call("GET", "/data/trades", asset_id=other.tokens[1])).record
    late = (await trader.call("GET", "/data/trades", after=str(second))).record
    early = (await trader.call("GET", "/data/trades", before=str(second - 1))).record
    mine = (await trader.call("GET", "/data/trades", maker_address=trader.address.lower())).record
    by_id = (await trader.call("GET", "/data/trades", id=rows[0]["id"])).record
    bad = await trader.call("GET", "/data/trades", after="yesterday")

    assert [row["status"] for row in rows] == ["TRADE_STATUS_MATCHED", "TRADE_STATUS_CONFIRMED"]
    assert [bool(row["transaction_hash"]) for row in rows] == [False, True]
    assert [row["market"] for row in by_market["data"]] == [market.condition_id]
    assert [row["outcome"] for row in by_asset["data"]] == ["No"]
    assert [row["id"] for row in late["data"]] == [rows[0]["id"]]
    assert [row["id"] for row in early["data"]] == [rows[1]["id"]]
    assert len(mine["data"]) == 2
    assert [row["id"] for row in by_id["data"]] == [rows[0]["id"]]
    assert bad.status == 400


async def test_trade_between_two_clients_is_seen_from_both_sides(exchange, trader, session):
    other = await trader_on(exchange, session, ELEVENS_KEY)
    market = market_of(exchange, COIN)
    resting = (await other.place(other.limit(market, "BUY", "0.43", "50", token_index=1))).record["orderID"]

    await trader.place(trader.limit(market, "BUY", "0.57", "30"))

    taken = (await trader.call("GET", "/data/trades")).record["data"][0]
    made = (await other.call("GET", "/data/trades")).record["data"][0]
    assert (taken["trader_side"], made["trader_side"]) == ("TAKER", "MAKER")
    assert (taken["side"], taken["outcome"], taken["price"]) == ("BUY", "Yes", "0.57")
    maker = made["maker_orders"][0]
    assert (maker["order_id"], maker["side"], maker["outcome"]) == (resting, "BUY", "No")
    assert (maker["price"], maker["matched_amount"]) == ("0.43", "30")
    assert maker["asset_id"] == market.tokens[1]


async def test_balance_of_every_kind(exchange, trader, clock):
    market = market_of(exchange, COIN)
    await trader.place(trader.limit(market, "BUY", "0.6", "20"))
    clock.advance(2_000)
    exchange.venue.advance()

    shares = await trader.call(
        "GET", "/balance-allowance", asset_type="CONDITIONAL", token_id=market.tokens[0]
    )
    cash = await trader.call("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="0")
    wallet = await trader.call("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="3")
    bad = await trader.call("GET", "/balance-allowance", asset_type="GOLD")
    worse = await trader.call("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="9")

    assert shares.record["balance"] == "20000000"
    assert int(cash.record["balance"]) < 1_000_000_000 - 11_600_000
    assert len(cash.record["allowances"]) == 2
    assert wallet.record["balance"] == "1000000000"
    assert (bad.status, worse.status) == (400, 400)
    assert (await trader.call("GET", "/balance-allowance/update", asset_type="COLLATERAL")).status == 200


async def test_gtd_order_dies_sixty_seconds_early_by_itself(exchange, trader, clock):
    expiration = clock.now_ms() // 1000 + 200
    body = trader.limit(
        market_of(exchange, FED), "BUY", "0.02", "30", order_type="GTD", expiration=str(expiration)
    )
    number = (await trader.place(body)).record["orderID"]

    clock.advance(139_000)
    assert (await trader.call("GET", f"/data/order/{number}")).record["expiration"] == str(expiration)
    clock.advance(1_001)
    reply = await trader.call("DELETE", "/order", {"orderID": number})

    assert reply.record["not_canceled"] == {number: NOT_CANCELED}
    order = (await trader.ledger())["orders"][0]
    assert order["state"] == "CANCELED_EXPIRED_ORDER"


async def test_ledger_logs_every_order_entry_request_in_order(exchange, trader):
    market = market_of(exchange, FED)
    body = trader.limit(market, "BUY", "0.02", "30")
    number = order_id(body, neg_risk=True)

    await trader.place(body)
    await trader.place(body)
    await trader.call("POST", "/orders", [trader.limit(market, "BUY", "0.02", "4")])
    await trader.call("DELETE", "/order", {"orderID": number})

    requests = (await trader.ledger())["requests"]
    assert [request["arrival"] for request in requests] == [1, 2, 3, 4]
    assert [(request["method"], request["path"], request["status"]) for request in requests] == [
        ("POST", "/order", 200),
        ("POST", "/order", 400),
        ("POST", "/orders", 200),
        ("DELETE", "/order", 200),
    ]
    text = json.dumps(body, separators=(",", ":")).encode()
    assert requests[0]["body_sha256"] == requests[1]["body_sha256"] == hashlib.sha256(text).hexdigest()
    sent = requests[0]["body_sha256"]
    assert requests[0]["legs"] == [{"order": number, "outcome": "live", "body_sha256": sent}]
    assert "Duplicated" in requests[1]["legs"][0]["outcome"]
    assert requests[3]["legs"] == [{"order": number, "outcome": "canceled", "body_sha256": ""}]


async def test_ledger_keeps_unauthorized_attempts_too(exchange, trader):
    trader.passphrase = "0" * 64
    await trader.place(trader.limit(market_of(exchange, FED), "BUY", "0.02", "30"))

    requests = (await trader.ledger())["requests"]

    assert [(request["status"], request["legs"]) for request in requests] == [(401, [])]


async def test_ledger_without_address_shows_all_outsiders_and_no_insider(exchange, trader, session):
    await trader_on(exchange, session, ELEVENS_KEY)

    ledger = (await trader.get("/_local/ledger")).record

    assert len(ledger["accounts"]) == 2
    assert not any("maker-" in account["account"] for account in ledger["accounts"])

"""What the venue believes of an account: balances that lag, closed-only, the geoblock, approvals."""

from random import Random

import pytest

from engine.simulator.contracts import CONTRACTS
from tests.support.local_exchange import COIN, CUP, market_of
from tests.unit.simulator.trader import Record, Trader

MILLION = 1_000_000


async def switch(trader: Trader, **script: object) -> Record:
    reply = await trader.post_public("/_local/switch", script)
    assert reply.status == 200, reply.body
    return reply.record


async def balance(trader: Trader, token: str = "") -> int:
    """Return shares of a token in micro-units as the venue tells them, or collateral."""
    query = {"asset_type": "CONDITIONAL", "token_id": token} if token else {"asset_type": "COLLATERAL"}
    return int((await trader.call("GET", "/balance-allowance", **query)).record["balance"])


async def bought(exchange, trader: Trader, clock) -> str:
    """Buy ten confirmed YES of COIN; return the token."""
    market = market_of(exchange, COIN)
    await trader.place(trader.limit(market, "BUY", "0.7", "10"))
    clock.advance(2_000)
    exchange.venue.advance()
    return market.tokens[0]


async def test_shares_count_once_the_trade_is_confirmed_and_cash_is_gone_at_the_match(
    exchange, trader, clock
):
    market = market_of(exchange, COIN)
    await trader.place(trader.limit(market, "BUY", "0.7", "10"))
    early = await balance(trader, market.tokens[0]), await balance(trader)
    clock.advance(2_000)
    exchange.venue.advance()
    settled = await balance(trader, market.tokens[0]), await balance(trader)
    await trader.place(trader.limit(market, "SELL", "0.5", "10"))
    sold = await balance(trader, market.tokens[0]), await balance(trader)
    clock.advance(2_000)
    exchange.venue.advance()

    assert (early[0], settled[0], sold[0]) == (0, 10 * MILLION, 0)
    assert early[1] == settled[1] == sold[1] < 1_000 * MILLION
    assert await balance(trader) > sold[1]


async def test_lagging_balance_is_old_until_the_lag_has_passed(exchange, trader, clock):
    await switch(trader, balance_lag_ms=5_000)
    token = await bought(exchange, trader, clock)

    clock.advance(4_999)
    late = await balance(trader, token)
    clock.advance(1)

    assert late == 0
    assert await balance(trader, token) == 10 * MILLION


async def test_lagging_balance_is_fresh_after_an_update(exchange, trader, clock):
    await switch(trader, balance_lag_ms=60_000)
    token = await bought(exchange, trader, clock)
    before = await balance(trader, token), await balance(trader)

    assert (await trader.call("GET", "/balance-allowance/update", asset_type="COLLATERAL")).status == 200

    assert before == (0, 1_000 * MILLION)
    assert await balance(trader, token) == 10 * MILLION
    assert await balance(trader) < 1_000 * MILLION


async def test_lagging_view_refuses_a_sale_of_what_is_held_until_an_update(exchange, trader, clock):
    market = market_of(exchange, COIN)
    await switch(trader, balance_lag_ms=60_000)
    await bought(exchange, trader, clock)

    refused = await trader.place(trader.limit(market, "SELL", "0.5", "10"))
    await trader.call("GET", "/balance-allowance/update", asset_type="CONDITIONAL")
    sold = await trader.place(trader.limit(market, "SELL", "0.5", "10"))

    assert "the balance is not enough -> balance: 0, order amount: 10000000" in str(refused.error)
    assert sold.record["status"] == "matched"


async def test_lagging_view_lets_the_others_sell_what_they_hold(exchange, trader):
    """Lag is asked for outsiders alone: the traders of the exchange itself go on."""
    market = market_of(exchange, CUP)
    await switch(trader, balance_lag_ms=60_000)

    rng = Random(1)
    for _ in range(50):
        exchange.venue.flow.step(rng, exchange.venue.now_ms())
    bought_one = await trader.place(trader.limit(market, "BUY", "0.99", "10"))

    assert bought_one.record["status"] == "matched"


async def test_lagging_view_never_lends_what_is_gone(exchange, trader):
    market = market_of(exchange, CUP)
    await switch(trader, balance_lag_ms=60_000)
    await trader.post_public("/_local/withdraw", {"address": trader.address, "usdc": "900"})

    refused = await trader.place(trader.limit(market, "BUY", "0.1", "5000"))

    assert await balance(trader) == 1_000 * MILLION
    assert "balance: 100000000, order amount: 500000000" in str(refused.error)


async def test_lag_of_nothing_tells_the_present_again(exchange, trader, clock):
    await switch(trader, balance_lag_ms=60_000)
    token = await bought(exchange, trader, clock)
    await switch(trader, balance_lag_ms=0)

    assert await balance(trader, token) == 10 * MILLION


async def test_closed_only_refuses_purchases_and_lets_sales_pass(exchange, trader, clock):
    market = market_of(exchange, COIN)
    await bought(exchange, trader, clock)
    await switch(trader, closed_only=True)

    told = await trader.call("GET", "/auth/ban-status/closed-only")
    refused = await trader.place(trader.limit(market, "BUY", "0.7", "10"))
    sold = await trader.place(trader.limit(market, "SELL", "0.5", "10"))

    assert told.body == {"closed_only": True}
    assert (refused.status, refused.error) == (400, f"'{trader.address}' address in closed only mode")
    assert sold.record["status"] == "matched"
    await switch(trader, closed_only=False)
    assert (await trader.call("GET", "/auth/ban-status/closed-only")).body == {"closed_only": False}


async def test_geoblock_is_open_until_it_is_switched(trader):
    before = (await trader.get("/api/geoblock")).record
    await switch(trader, geoblocked=True, country="ZZ")
    after = (await trader.get("/api/geoblock")).record

    assert (before["blocked"], set(before)) == (False, {"blocked", "ip", "country", "region"})
    assert (after["blocked"], after["country"]) == (True, "ZZ")


async def test_approvals_are_told_as_the_data_service_does(exchange, trader, clock):
    await trader.post_public(
        "/_local/chain/approve", {"address": trader.address, "spender": "exchange", "amount": 7}
    )
    clock.advance(1_000)
    exchange.venue.advance()

    told = (await trader.get("/v2/approvals", user=trader.address)).record["data"]
    stranger = (await trader.get("/v2/approvals", user="0x" + "12" * 20)).record["data"]
    nobody = await trader.get("/v2/approvals")

    assert (told["address"], told["chain_id"]) == (trader.address, 137)
    assert len(told["contracts"]) == sum(len(contract.approvals) for contract in CONTRACTS)
    bounded = [row for row in told["contracts"] if row.get("amount") not in (None, "max")]
    assert [(row["spender"], row["approved"], row["amount"]) for row in bounded] == [
        (CONTRACTS[0].address, True, "7")
    ]
    assert not any(row["approved"] for row in stranger["contracts"])
    assert nobody.status == 400


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"balance_lag_ms": -1}, "whole number of 0 or more"),
        ({"balance_lag_ms": 10**9}, "expected a lag"),
        ({"closed_only": "yes"}, "expected closed_only to be true or false"),
        ({"weather": True}, "unknown switches: ['weather']"),
    ],
)
async def test_switch_that_makes_no_sense_is_refused_with_a_sentence(trader, script, words):
    reply = await trader.post_public("/_local/switch", script)

    assert reply.status == 400
    assert words in str(reply.error)

"""Acts on chain: approvals, split, merge and redeem take their time, fail, and change nothing before."""

import pytest

from engine.simulator.chain import FOLLOWS, ActState
from engine.simulator.contracts import CONTRACTS, UNLIMITED
from tests.support.local_exchange import COIN, CUP, FED, market_of
from tests.unit.simulator.stream_client import hearing
from tests.unit.simulator.trader import Record, Trader

MILLION = 1_000_000
FIRST = CUP + "-1"
"""The slug of the cup's first market."""


async def act(trader: Trader, name: str, **script: object) -> Record:
    """Begin an act of this trader's account, which must be taken."""
    reply = await trader.post_public(f"/_local/chain/{name}", {"address": trader.address} | script)
    assert reply.status == 200, reply.body
    return reply.record


async def carried_out(exchange, trader: Trader, name: str, **script: object) -> Record:
    """Begin an act and let the usual time pass."""
    begun = await act(trader, name, **script)
    exchange.venue.clock.advance(1_000)
    exchange.venue.advance()
    return await found(trader, begun)


async def found(trader: Trader, begun: Record) -> Record:
    """Return an act as it stands now."""
    row: Record = (await trader.get("/_local/chain/acts", id=begun["id"])).record["acts"][0]
    return row


async def course(trader: Trader, *steps: tuple[str, int]) -> None:
    reply = await trader.post_public("/_local/chain/course", {"steps": steps})
    assert reply.status == 200, reply.body


async def wallet(trader: Trader) -> tuple[int, dict[str, int]]:
    account = (await trader.ledger())["accounts"][0]
    return account["usdc"], account["shares"]


async def test_act_goes_its_way_and_takes_effect_when_it_is_confirmed(exchange, trader, clock):
    market = market_of(exchange, CUP)
    begun = await act(trader, "split", market=FIRST, amount=30 * MILLION)
    seen = [begun["state"]]
    balances = [(await wallet(trader))[0]]
    for _ in range(5):
        clock.advance(200)
        exchange.venue.advance()
        seen.append((await found(trader, begun))["state"])
        balances.append((await wallet(trader))[0])

    assert seen == ["NEW", "EXECUTED", "EXECUTED", "MINED", "MINED", "CONFIRMED"]
    assert balances == [1_000 * MILLION] * 5 + [970 * MILLION]
    assert (await wallet(trader))[1] == dict.fromkeys(market.tokens, 30 * MILLION)
    row = (await trader.ledger())["acts"][0]
    assert (row["kind"], row["usdc"], row["shares"]) == (
        "split",
        -30 * MILLION,
        dict.fromkeys(market.tokens, 30 * MILLION),
    )
    assert [step["at_ms"] - row["steps"][0]["at_ms"] for step in row["steps"]] == [0, 200, 600, 1_000]
    assert len(row["transaction_hash"]) == 66


async def test_merge_gives_back_what_split_took(exchange, trader):
    await carried_out(exchange, trader, "split", market=FED + "-1", amount=30 * MILLION)

    merged = await carried_out(exchange, trader, "merge", market=FED + "-1", amount=30 * MILLION)

    assert (merged["state"], merged["usdc"]) == ("CONFIRMED", 30 * MILLION)
    assert await wallet(trader) == (1_000 * MILLION, {})


async def test_wallet_with_an_act_in_flight_is_busy(exchange, trader):
    first = await act(trader, "split", market=FIRST, amount=1)

    second = await trader.post_public(
        "/_local/chain/split", {"address": trader.address, "market": FIRST, "amount": 1}
    )

    assert (second.status, second.error) == (400, f"wallet busy: {first['id']} is in flight")
    assert (await carried_out_later(exchange, trader, first))["state"] == "CONFIRMED"
    await act(trader, "split", market=FIRST, amount=1)


async def carried_out_later(exchange, trader: Trader, begun: Record) -> Record:
    exchange.venue.clock.advance(1_000)
    exchange.venue.advance()
    return await found(trader, begun)


@pytest.mark.parametrize("before", [[], [("EXECUTED", 100)], [("EXECUTED", 100), ("MINED", 100)]])
async def test_scripted_failure_changes_nothing_and_frees_the_wallet(exchange, trader, before):
    await course(trader, *before, ("FAILED", 100))

    failed = await carried_out(exchange, trader, "split", market=FIRST, amount=30 * MILLION)
    after = await carried_out(exchange, trader, "split", market=FIRST, amount=1 * MILLION)

    assert [step["state"] for step in failed["steps"]] == ["NEW", *(state for state, _ in before), "FAILED"]
    assert (failed["error"], failed["usdc"]) == ("execution reverted", 0)
    assert after["state"] == "CONFIRMED"
    assert (await wallet(trader))[0] == 999 * MILLION


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("split", {"amount": 2_000 * MILLION}, "ERC20: insufficient balance: 1000000000 of 2000000000"),
        ("merge", {"amount": 1}, "ERC1155: insufficient balance: 0 of 1"),
        ("redeem", {}, "result for condition not received yet"),
    ],
)
async def test_act_that_cannot_be_carried_out_is_invalid_with_the_reason(
    exchange, trader, name, script, words
):
    done = await carried_out(exchange, trader, name, market=FIRST, **script)

    assert (done["state"], done["error"], done["transaction_hash"]) == ("INVALID", words, "")


async def test_act_whose_funds_left_meanwhile_fails_when_it_is_confirmed(exchange, trader):
    begun = await act(trader, "split", market=FIRST, amount=900 * MILLION)
    await trader.post_public("/_local/withdraw", {"address": trader.address, "usdc": "200"})

    done = await carried_out_later(exchange, trader, begun)

    assert (done["state"], done["error"]) == ("FAILED", "ERC20: insufficient balance: 800000000 of 900000000")


async def test_unconfirmed_shares_are_neither_merged_nor_redeemed(exchange, trader, clock):
    market = market_of(exchange, COIN)
    for index, price in ((0, "0.7"), (1, "0.5")):
        await trader.place(trader.limit(market, "BUY", price, "10", token_index=index))

    early = await carried_out(exchange, trader, "merge", market=COIN, amount=10 * MILLION)
    clock.advance(1_000)
    exchange.venue.advance()
    done = await carried_out(exchange, trader, "merge", market=COIN, amount=10 * MILLION)

    assert (early["state"], done["state"]) == ("INVALID", "CONFIRMED")


@pytest.mark.parametrize(("winner", "pays"), [("Yes", 40), ("No", 25)])
async def test_redeeming_pays_a_dollar_for_each_share_that_won(exchange, trader, winner, pays):
    await carried_out(exchange, trader, "split", market=FIRST, amount=40 * MILLION)
    await trader.place(trader.limit(market_of(exchange, CUP), "SELL", "0.4", "15", token_index=1))
    exchange.venue.clock.advance(2_000)
    exchange.venue.advance()
    cash = (await wallet(trader))[0]
    await trader.post_public("/_local/resolve", {"market": FIRST, "winner": winner})

    done = await carried_out(exchange, trader, "redeem", market=FIRST)

    assert (done["state"], done["usdc"]) == ("CONFIRMED", pays * MILLION)
    assert await wallet(trader) == (cash + pays * MILLION, {})
    ledger = await trader.ledger()
    market = market_of(exchange, CUP)
    assert [(row["market"], row["winner"]) for row in ledger["resolutions"]] == [
        (market.condition_id, 0 if winner == "Yes" else 1)
    ]
    again = await carried_out(exchange, trader, "redeem", market=FIRST)
    assert again["error"] == "ERC1155: insufficient balance: nothing to redeem"


async def test_allowances_are_those_of_the_pinned_table_and_change_one_by_one(exchange, trader):
    before = (await trader.get("/_local/chain/allowances", address=trader.address)).record["contracts"]
    await carried_out(exchange, trader, "approve", spender="adapter", amount=5 * MILLION)
    await carried_out(exchange, trader, "operator", operator="adapter", approved=False)

    after = (await trader.get("/_local/chain/allowances", address=trader.address)).record["contracts"]

    assert {row["spender"] for row in before} == {contract.address for contract in CONTRACTS}
    assert all(row["approved"] for row in before)
    changed = [(row["label"], row["standard"], row["approved"]) for row in after if row not in before]
    assert changed == [("adapter", "ERC20", True), ("adapter", "ERC1155", False)]
    assert next(row["amount"] for row in after if row not in before) == "5000000"
    assert before[0]["amount"] == "max"


async def test_bounded_allowance_refuses_what_it_does_not_cover_and_is_used_up(exchange, trader, clock):
    market = market_of(exchange, COIN)
    await carried_out(exchange, trader, "approve", spender="exchange", amount=20 * MILLION)

    too_much = await trader.place(trader.limit(market, "BUY", "0.21", "100"))
    rests = await trader.place(trader.limit(market, "BUY", "0.1", "100"))
    with_it = await trader.place(trader.limit(market, "BUY", "0.11", "100"))
    bought = await trader.place(trader.limit(market, "BUY", "0.7", "10"))

    assert too_much.error == (
        "not enough balance / allowance: the allowance is not enough -> "
        "allowance: 20000000, order amount: 21000000"
    )
    assert "the allowance is not enough" in str(with_it.error)
    assert (rests.record["status"], bought.record["status"]) == ("live", "matched")
    spent = sum(row["cash"] + row["fee"] for row in (await trader.ledger())["trades"])
    account = exchange.exchange.bank.accounts[trader.address]
    assert account.allowances["0xE111180000d2663C0091e4f400237545B87B996B"] == 20 * MILLION - spent
    other = await trader.place(trader.limit(market_of(exchange, FED), "BUY", "0.02", "100"))
    assert other.record["status"] == "live"


async def test_failed_trade_gives_a_bounded_allowance_back(exchange, trader, clock):
    await carried_out(exchange, trader, "approve", spender="exchange", amount=20 * MILLION)
    await trader.post_public("/_local/settlement", {"for": "next", "times": 9, "steps": [["FAILED", 1]]})
    await trader.place(trader.limit(market_of(exchange, COIN), "BUY", "0.7", "10"))
    clock.advance(10)
    exchange.venue.advance()

    account = exchange.exchange.bank.accounts[trader.address]

    assert account.allowances["0xE111180000d2663C0091e4f400237545B87B996B"] == 20 * MILLION
    assert (await wallet(trader)) == (1_000 * MILLION, {})


async def test_sale_without_the_operators_permission_is_refused(exchange, trader):
    market = market_of(exchange, COIN)
    await carried_out(exchange, trader, "split", market=COIN, amount=30 * MILLION)
    kept = await trader.place(trader.limit(market, "SELL", "0.9", "10"))
    async with hearing(exchange, trader) as listener:
        await carried_out(exchange, trader, "operator", operator="exchange", approved=False)
        events = await listener.events()

    refused = await trader.place(trader.limit(market, "SELL", "0.9", "10"))

    assert "the allowance is not enough -> allowance: 0" in str(refused.error)
    assert [(event["id"], event["status"]) for event in events] == [
        (kept.record["orderID"], "CANCELED_NOT_ENOUGH_BALANCE")
    ]


async def test_merging_shares_on_offer_ends_the_order_that_offers_them(exchange, trader):
    market = market_of(exchange, COIN)
    await carried_out(exchange, trader, "split", market=COIN, amount=30 * MILLION)
    offered = await trader.place(trader.limit(market, "SELL", "0.9", "30"))

    await carried_out(exchange, trader, "merge", market=COIN, amount=10 * MILLION)

    states = {row["id"]: row["state"] for row in (await trader.ledger())["orders"]}
    assert states == {offered.record["orderID"]: "CANCELED_NOT_ENOUGH_BALANCE"}


async def test_split_and_merge_need_the_adapters_permission(exchange, trader):
    await carried_out(exchange, trader, "approve", spender="adapter", amount=2 * MILLION)
    split = await carried_out(exchange, trader, "split", market=COIN, amount=3 * MILLION)
    less = await carried_out(exchange, trader, "split", market=COIN, amount=2 * MILLION)
    more = await carried_out(exchange, trader, "split", market=COIN, amount=1)
    await carried_out(exchange, trader, "operator", operator="adapter", approved=False)
    merge = await carried_out(exchange, trader, "merge", market=COIN, amount=1)

    assert split["error"] == "ERC20: insufficient allowance: 2000000 of 3000000"
    assert (less["state"], more["error"]) == ("CONFIRMED", "ERC20: insufficient allowance: 0 of 1")
    assert merge["error"] == "ERC1155: caller is not owner nor approved"


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("approve", {"spender": "0xdead", "amount": 1}, "expected spender to be one of exchange,"),
        ("approve", {"spender": "binary-module", "amount": 1}, "expected spender to be one of"),
        ("approve", {"spender": "exchange", "amount": -1}, "expected amount to be a whole number"),
        ("operator", {"operator": "exchange", "approved": "no"}, "expected approved to be true or false"),
        (
            "operator",
            {"operator": "exchange", "token": "0x12", "approved": True},
            "contract of outcome tokens",
        ),
        ("split", {"market": FIRST, "amount": 0}, "at least one micro-unit"),
        ("course", {"steps": [["MINED", 1]]}, "MINED cannot follow NEW"),
        ("course", {"steps": [["EXECUTED", -1]]}, "expected a delay"),
        ("course", {"steps": [["EXECUTED"]]}, "expected [state, delay_ms]"),
        ("course", {"steps": 3}, "expected steps, a list"),
    ],
)
async def test_script_that_makes_no_sense_is_refused_with_a_sentence(trader, name, script, words):
    reply = await trader.post_public(f"/_local/chain/{name}", {"address": trader.address} | script)

    assert reply.status == 400
    assert words in str(reply.error)


async def test_unlimited_and_position_permissions_can_be_given_back(exchange, trader):
    positions = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
    done = [
        await carried_out(exchange, trader, "approve", spender="exchange", amount=1),
        await carried_out(exchange, trader, "approve", spender="exchange", amount="max"),
        await carried_out(exchange, trader, "operator", operator="router", token=positions, approved=False),
    ]

    assert [row["state"] for row in done] == ["CONFIRMED"] * 3
    account = exchange.exchange.bank.accounts[trader.address]
    assert account.allowances["0xE111180000d2663C0091e4f400237545B87B996B"] == UNLIMITED
    assert (positions, "0x12121212006e4CD160D18e3f00711DA5c3372600") not in account.operators


async def test_unknown_act_or_account_is_refused(trader):
    own = await trader.get("/_local/chain/acts", address=trader.address)
    act_reply = await trader.get("/_local/chain/acts", id="none")
    account_reply = await trader.get("/_local/chain/allowances", address="0x12")

    assert own.record == {"acts": []}
    assert (act_reply.status, account_reply.status) == (400, 400)


def test_table_of_what_follows_is_complete():
    assert set(FOLLOWS) == set(ActState)
    assert {state for state in ActState if state.is_final} == {
        ActState.CONFIRMED,
        ActState.FAILED,
        ActState.INVALID,
    }

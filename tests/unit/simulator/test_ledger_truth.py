"""The ledger's JSON alone gives cash, shares and holds of every moment, whatever was traded or acted."""

from random import Random

import pytest

from tests.support.local_exchange import COIN, market_of
from tests.unit.simulator.trader import Record, Trader

MILLION = 1_000_000


def recomputed(ledger: Record, at_ms: int) -> tuple[int, dict[str, int]]:
    """Add up cash and shares of the one account as they were at a time."""
    cash = sum(row["usdc"] for row in ledger["deposits"] if row["at_ms"] <= at_ms)
    shares: dict[str, int] = {}
    for row in ledger["trades"]:
        failed = any(step["status"] == "FAILED" and step["at_ms"] <= at_ms for step in row["steps"])
        if row["matched_ms"] > at_ms or failed:
            continue
        sign = 1 if row["side"] == "BUY" else -1
        cash -= sign * row["cash"] + row["fee"]
        shares[row["token"]] = shares.get(row["token"], 0) + sign * row["size"]
    for act in ledger["acts"]:
        if any(step["state"] == "CONFIRMED" and step["at_ms"] <= at_ms for step in act["steps"]):
            cash += act["usdc"]
            for token, moved in act["shares"].items():
                shares[token] = shares.get(token, 0) + moved
    return cash, {token: held for token, held in shares.items() if held}


def unconfirmed(ledger: Record) -> tuple[int, dict[str, int]]:
    """Add up what trades brought that are on their way."""
    cash, shares = 0, dict[str, int]()
    for row in ledger["trades"]:
        if row["status"] in ("CONFIRMED", "FAILED"):
            continue
        if row["side"] == "SELL":
            cash += row["cash"] - row["fee"]
        else:
            shares[row["token"]] = shares.get(row["token"], 0) + row["size"]
    return cash, shares


@pytest.mark.parametrize("seed", range(4))
async def test_ledger_recomputes_every_moment_of_a_random_session(exchange, trader: Trader, clock, seed: int):
    rng = Random(seed)
    market = market_of(exchange, COIN)
    seen: list[tuple[int, int, dict[str, int]]] = []
    odds = {"seed": str(seed), "failed": 35, "retrying": 20, "delay_min_ms": 1, "delay_max_ms": 3_000}
    await trader.post_public("/_local/settlement", {"for": "odds"} | odds)
    target = {"address": trader.address, "market": COIN}
    for _ in range(60):
        match rng.randrange(6):
            case 0 | 1:
                index = rng.randrange(2)
                price = ("0.7", "0.5")[index]
                body = trader.limit(market, "BUY", price, str(rng.randint(5, 30)), token_index=index)
                await trader.place(body)
            case 2:
                index = rng.randrange(2)
                price = ("0.4", "0.3")[index]
                body = trader.limit(market, "SELL", price, str(rng.randint(5, 30)), token_index=index)
                await trader.place(body)
            case 3:
                name, amount = rng.choice(("split", "merge")), rng.randint(1, 20 * MILLION)
                await trader.post_public(f"/_local/chain/{name}", target | {"amount": amount})
            case 4:
                placed = await trader.place(trader.limit(market, "BUY", "0.2", "20"))
                await trader.post_public(
                    "/_local/counterparty", {"order": placed.record.get("orderID", ""), "outcome": "No"}
                )
            case _:
                await trader.post_public("/_local/withdraw", target | {"usdc": "1.5"})
        clock.advance(rng.randint(0, 800))
        exchange.venue.advance()
        ledger = await trader.ledger()
        account = ledger["accounts"][0]
        seen.append((ledger["now_ms"], account["usdc"], account["shares"]))
        assert unconfirmed(ledger) == (account["unconfirmed_usdc"], account["unconfirmed_shares"])
        clock.advance(1)

    statuses = {row["status"] for row in ledger["trades"]}
    assert {"CONFIRMED", "FAILED"} <= statuses, f"seed {seed} met {statuses} alone"
    assert [(at_ms, *recomputed(ledger, at_ms)) for at_ms, _, _ in seen] == seen

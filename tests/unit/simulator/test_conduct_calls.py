"""The test-only calls that change modes, limits and switches, over loopback."""

import pytest

from tests.support.local_exchange import FED, MATCH, market_of


async def test_mode_is_scripted_and_ended_over_http(exchange, trader, clock):
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    windows = [{"mode": "restarting", "ms": 1_000}, {"mode": "cancel_only"}]

    assert (await trader.post_public("/_local/mode", {"windows": windows})).body == {"mode": "restarting"}
    first = (await trader.place(body)).status
    clock.advance(1_000)
    second = (await trader.place(body)).status
    await trader.post_public("/_local/mode", {"windows": []})

    assert (first, second, (await trader.place(body)).status) == (425, 503, 200)


async def test_rates_are_changed_for_one_address_or_all(exchange, trader):
    await trader.post_public("/_local/rates", {"tier": "Elite", "address": trader.address})
    answer = (await trader.post_public("/_local/rates", {"tier": "Gold", "retry_after": "huge"})).record
    body = trader.limit(market_of(exchange, FED), "BUY", "0.02", "30")
    headers = trader.l2_headers("DELETE", "/cancel-all")
    async with trader.session.delete(f"{trader.url}/cancel-all", headers=headers) as reply:
        told = reply.headers["Poly-RateLimit-Tier"]

    assert answer == {"tier": "Gold", "enforcement": "enforced", "retry_after": "huge"}
    assert told == "Elite"
    assert (await trader.place(body)).status == 200


async def test_switches_and_taker_delay_are_set(exchange, trader):
    market = market_of(exchange, MATCH)
    script = {"repost_succeeds": True, "market": market.tokens[0], "taker_delay_ms": 0}

    answer = await trader.post_public("/_local/conduct", script)

    assert answer.body == {"repost_succeeds": True, "documented_cancel_reasons": False}
    placed = await trader.place(trader.limit(market, "BUY", "0.99", "10"))
    assert placed.record["status"] == "matched"


@pytest.mark.parametrize(
    ("path", "script"),
    [
        ("mode", {}),
        ("mode", {"windows": [{"mode": "asleep"}]}),
        ("mode", {"windows": [{"mode": "run", "ms": -1}]}),
        ("rates", {"tier": "Wood"}),
        ("rates", {"enforcement": "sometimes"}),
        ("rates", {"retry_after": 7}),
        ("rates", {"ip_windows": 1}),
        ("conduct", {"repost_succeeds": "yes"}),
        ("conduct", {"taker_delay_ms": 5}),
    ],
)
async def test_malformed_script_is_refused(trader, path, script):
    assert (await trader.post_public(f"/_local/{path}", script)).status == 400

"""Acts on chain through the official client, against a stub of the gas relayer's documented answers.

The stub says what protocol 9.7 documents; the catalogue and the keys are the local exchange's.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from eth_account import Account
from polymarket._internal.environment import PRODUCTION_CONFIG
from polymarket._internal.wallet import derive_beacon_deposit_wallet_address

from engine.clock import SystemClock
from engine.domain.chain import CONTRACTS, ActState, Contract, contract
from engine.domain.ids import ConditionId
from engine.domain.units import Size, Usdc
from engine.ports import Chain
from engine.simulator.server import LocalExchange
from engine.venue.chain_sdk import SdkChain, open_sdk_chain
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from tests.support.local_exchange import COIN, HARDHAT_KEY, market_of, running_exchange
from tests.support.scripted_venue import Handler, ScriptedVenue, hangs_up, says, scripted_venue
from tests.support.sdk import no_proxy

pytestmark = pytest.mark.usefixtures(no_proxy.__name__)
__all__ = ["no_proxy"]

SIGNER = Account.from_key(HARDHAT_KEY).address
WALLET = str(derive_beacon_deposit_wallet_address(SIGNER, PRODUCTION_CONFIG.wallet_derivation))
HASH = "0x" + "ab" * 32
SUBMITTED = says(json.dumps({"transactionID": "act-1", "state": "STATE_NEW", "transactionHash": ""}))
PATHS = ("GET", "/v1/account/transactions/act-1")


def told(state: str, error: str = "") -> str:
    return json.dumps(
        {"state": state, "transaction_hash": HASH, "transaction_id": "act-1", "error_msg": error or None}
    )


def node(yes: int = 0, no: int = 0) -> Handler:
    """An RPC host that knows the time, and the wallet's balances of the two outcomes of any market."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if asked["method"] == "eth_getBlockByNumber":
            return web.json_response(
                {"jsonrpc": "2.0", "id": asked["id"], "result": {"timestamp": "0x6ab13b80"}}
            )
        both = "".join(f"{word:064x}" for word in (0x20, 2, yes, no))
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "result": f"0x{both}"})

    return answer


@pytest.fixture
async def exchange() -> AsyncIterator[LocalExchange]:
    async with running_exchange(clock=SystemClock(), confirm_delay_ms=100) as running:
        yield running


@pytest.fixture
async def relayer() -> AsyncIterator[ScriptedVenue]:
    async with scripted_venue() as stub:
        stub.answers("GET", "/deployed", says('{"deployed":true}'))
        nonce = says(json.dumps({"address": SIGNER, "nonce": "3"}))
        stub.answers("GET", "/v1/account/transactions/params", nonce)
        stub.answers("POST", "/submit", SUBMITTED)
        stub.answers(*PATHS, says(told("STATE_CONFIRMED")))
        stub.answers("POST", "/rpc", node())
        yield stub


@pytest.fixture
async def chain(exchange: LocalExchange, relayer: ScriptedVenue) -> AsyncIterator[SdkChain]:
    hosts = replace(
        VenueHosts.loopback(exchange.url, exchange.ws_url),
        relayer=relayer.url,
        data=relayer.url,
        rpc=f"{relayer.url}/rpc",
    )
    http = HttpClient()
    async with open_sdk_chain(
        private_key=HARDHAT_KEY,
        wallet=WALLET,
        gas_key="gas-key",
        gas_key_address=SIGNER,
        hosts=hosts,
        http=http,
    ) as opened:
        yield opened
    await http.close()


def adapter() -> Contract:
    found = contract("adapter")
    assert found is not None
    return found


def calls_of(relayer: ScriptedVenue) -> list[str]:
    """Return the calldata of everything submitted, as one text each."""
    return [asked.body.decode().lower() for asked in relayer.requests("POST", "/submit")]


async def test_bounded_approval_is_submitted_once_for_the_pinned_address_and_waited_for(chain, relayer):
    port: Chain = chain

    outcome = await port.approve_collateral(adapter(), Usdc(250_000_000))

    (call,) = calls_of(relayer)
    assert outcome.state is ActState.DONE
    assert outcome.reference == HASH
    assert adapter().address.lower()[2:] in call
    assert f"{250_000_000:064x}" in call, "expected the amount asked for, and no other"
    assert "f" * 64 not in call, "expected no unlimited approval"
    assert relayer.requests("POST", "/submit")[0].headers["RELAYER_API_KEY"] == "gas-key"


@pytest.mark.parametrize("allowed", [True, False])
async def test_outcome_operator_is_set_and_taken_back(chain, relayer, allowed):
    outcome = await chain.approve_outcomes(adapter(), allowed=allowed)

    (call,) = calls_of(relayer)
    assert outcome.state is ActState.DONE
    assert f"{int(allowed):064x}" in call


async def test_split_and_merge_name_the_market_and_the_size(chain, relayer, exchange):
    condition = ConditionId(market_of(exchange, COIN).condition_id)
    relayer.answers("POST", "/rpc", node(70_000_000, 90_000_000))

    split = await chain.split(condition, Usdc(50_000_000))
    merged = await chain.merge(condition, Size(60_000_000))

    assert (split.state, merged.state) == (ActState.DONE, ActState.DONE)
    first, second = calls_of(relayer)
    assert condition[2:] in first
    assert f"{50_000_000:064x}" in first
    assert condition[2:] in second
    assert f"{60_000_000:064x}" in second


async def test_more_than_is_held_is_not_submitted(chain, relayer, exchange):
    relayer.answers("POST", "/rpc", node(1_000_000, 90_000_000))

    merged = await chain.merge(ConditionId(market_of(exchange, COIN).condition_id), Size(60_000_000))

    assert merged.state is ActState.NOT_SENT
    assert calls_of(relayer) == []


async def test_resolved_market_is_redeemed(chain, relayer, exchange):
    condition = ConditionId(market_of(exchange, COIN).condition_id)
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{exchange.url}/_local/resolve", json={"market": condition, "winner": "Yes"}) as reply,
    ):
        assert reply.status == 200

    outcome = await chain.redeem(condition)

    (call,) = calls_of(relayer)
    assert outcome.state is ActState.DONE
    assert condition[2:] in call


async def test_unresolved_market_is_not_redeemed(chain, relayer, exchange):
    outcome = await chain.redeem(ConditionId(market_of(exchange, COIN).condition_id))

    assert outcome.state is ActState.NOT_SENT
    assert calls_of(relayer) == []


@pytest.mark.parametrize("state", ["STATE_FAILED", "STATE_INVALID"])
async def test_act_that_the_chain_ends_is_failed_with_its_words(chain, relayer, state):
    relayer.answers(*PATHS, says(told(state, "execution reverted: paused")))

    outcome = await chain.approve_collateral(adapter(), Usdc(1))

    assert outcome.state is ActState.FAILED
    assert "paused" in outcome.reason


async def test_refused_submit_is_not_sent(chain, relayer):
    relayer.answers("POST", "/submit", says('{"error":"quota exceeded"}', 403))

    outcome = await chain.approve_collateral(adapter(), Usdc(1))

    assert outcome.state is ActState.NOT_SENT
    assert "quota" in outcome.reason


@pytest.mark.parametrize("answer", [hangs_up(), says("oops", 502), says("{}")])
async def test_submit_without_a_usable_answer_is_unknown_and_not_repeated(chain, relayer, answer):
    relayer.answers("POST", "/submit", answer)

    outcome = await chain.approve_collateral(adapter(), Usdc(1))

    assert outcome.state is ActState.UNKNOWN
    assert len(calls_of(relayer)) == 1


async def test_lost_sight_of_a_submitted_act_is_unknown_with_its_reference(chain, relayer):
    relayer.answers(*PATHS, hangs_up())

    outcome = await chain.approve_collateral(adapter(), Usdc(1))

    assert outcome.state is ActState.UNKNOWN
    assert outcome.reference == "act-1"


async def test_allowances_are_read_for_every_contract_of_the_table(chain, relayer):
    rows = []
    for number, row in enumerate(CONTRACTS):
        rows.append(
            {
                "token": PRODUCTION_CONFIG.collateral_token,
                "spender": row.address,
                "standard": "ERC20",
                "approved": number != 1,
                "amount": "max" if number < 2 else str(number * 1_000_000),
            }
        )
        rows.append(
            {"token": row.outcomes, "spender": row.address, "standard": "ERC1155", "approved": number == 3}
        )
    relayer.answers(
        "GET",
        "/v2/approvals",
        says(json.dumps({"data": {"address": WALLET, "chain_id": 137, "contracts": rows}})),
    )

    allowances = await chain.allowances()

    assert isinstance(allowances, tuple)
    assert [a.contract.label for a in allowances] == [row.label for row in CONTRACTS]
    assert [a.collateral for a in allowances] == [
        (1 << 256) - 1,
        0,
        2_000_000,
        3_000_000,
        4_000_000,
        5_000_000,
    ]
    assert [a.outcomes for a in allowances] == [False, False, False, True, False, False]
    assert relayer.requests("GET", "/v2/approvals")[0].query == {"user": WALLET}


def test_pinned_table_is_the_official_clients():
    known = {
        "exchange": PRODUCTION_CONFIG.standard_exchange,
        "neg-risk-exchange": PRODUCTION_CONFIG.neg_risk_exchange,
        "exchange-v3": PRODUCTION_CONFIG.exchange_v3,
        "adapter": PRODUCTION_CONFIG.collateral_adapter,
        "neg-risk-adapter": PRODUCTION_CONFIG.neg_risk_collateral_adapter,
        "router": PRODUCTION_CONFIG.protocol_v2_router,
    }
    tokens = {str(PRODUCTION_CONFIG.conditional_tokens), str(PRODUCTION_CONFIG.position_manager)}

    assert {row.label: row.address for row in CONTRACTS} == known
    assert {row.outcomes for row in CONTRACTS} == tokens

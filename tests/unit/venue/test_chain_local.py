"""Acts on chain at the local exchange: what each does to balances, and how a failed one is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from engine.clock import SystemClock
from engine.domain.chain import CONTRACTS, ActState
from engine.domain.ids import ConditionId
from engine.domain.units import Size, Usdc
from engine.ports import Chain
from engine.simulator.market import MarketSpec
from engine.simulator.server import LocalExchange
from engine.venue.chain_local import LocalChain
from engine.venue.credentials import obtain_credentials
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.keys import SigningKey
from tests.support.local_exchange import COIN, HARDHAT_KEY, market_of, running_exchange

WALLET = SigningKey(HARDHAT_KEY).address
FIFTY = 50_000_000


@dataclass
class Scene:
    chain: Chain
    exchange: LocalExchange
    market: MarketSpec

    @property
    def condition(self) -> ConditionId:
        return ConditionId(self.market.condition_id)

    def held(self) -> tuple[int, int, int]:
        """Collateral, YES and NO of the wallet, in millionths."""
        account = self.exchange.venue.exchange.bank.accounts[WALLET]
        yes, no = (account.shares.get(token, 0) for token in self.market.tokens)
        return account.usdc, yes, no

    async def control(self, path: str, body: dict[str, object]) -> None:
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.exchange.url}/_local/{path}", json=body) as reply,
        ):
            assert reply.status == 200, await reply.text()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with running_exchange(clock=SystemClock()) as exchange:
        hosts = VenueHosts.loopback(exchange.url, exchange.ws_url)
        await obtain_credentials(private_key=HARDHAT_KEY, wallet=WALLET, hosts=hosts)
        http = HttpClient()
        scene = Scene(LocalChain(http, hosts, WALLET), exchange, market_of(exchange, COIN))
        await scene.control(
            "chain/course", {"times": 9, "steps": [["EXECUTED", 1], ["MINED", 1], ["CONFIRMED", 1]]}
        )
        yield scene
        await http.close()


async def test_split_and_merge_move_pairs_and_collateral_to_the_unit(scene: Scene):
    usdc, yes, no = scene.held()

    split = await scene.chain.split(scene.condition, Usdc(FIFTY))
    after_split = scene.held()
    merged = await scene.chain.merge(scene.condition, Size(FIFTY))

    assert (split.state, merged.state) == (ActState.DONE, ActState.DONE)
    assert split.reference.startswith("0x")
    assert after_split == (usdc - FIFTY, yes + FIFTY, no + FIFTY)
    assert scene.held() == (usdc, yes, no)


async def test_resolved_market_is_redeemed_at_what_it_pays(scene: Scene):
    usdc, _, _ = scene.held()
    await scene.chain.split(scene.condition, Usdc(FIFTY))
    await scene.control("resolve", {"market": scene.market.condition_id, "winner": "Yes"})

    redeemed = await scene.chain.redeem(scene.condition)

    assert redeemed.state is ActState.DONE, redeemed
    assert scene.held() == (usdc, 0, 0)


async def test_merge_of_more_than_is_held_changes_nothing(scene: Scene):
    before = scene.held()

    merged = await scene.chain.merge(scene.condition, Size(FIFTY))

    assert merged.state in (ActState.FAILED, ActState.NOT_SENT)
    assert merged.reason
    assert scene.held() == before


async def test_act_that_fails_on_its_way_is_failed_and_changes_nothing(scene: Scene):
    await scene.control("chain/course", {"times": 1, "steps": [["EXECUTED", 1], ["FAILED", 1]]})
    before = scene.held()

    for _ in range(9):
        await scene.chain.approve_collateral(CONTRACTS[0], Usdc(1))
    split = await scene.chain.split(scene.condition, Usdc(FIFTY))

    assert split.state is ActState.FAILED
    assert scene.held() == before


async def test_lost_exchange_is_not_sent(scene: Scene):
    await scene.exchange.stop()

    assert (await scene.chain.split(scene.condition, Usdc(FIFTY))).state is ActState.NOT_SENT

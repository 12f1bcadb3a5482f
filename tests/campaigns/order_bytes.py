"""Our ids, signatures and body bytes against both official clients, on random orders of every kind.

Three domains (standard, neg-risk, V3), signature types 0 to 3, all order types, both sides. The unified
client runs whole, in this process: its own metadata reads, builders, signer and transport, against a loopback
server that keeps the raw bytes; only its two sources of chance are replaced. The second client gives a second
opinion on ids and signatures: `python -m tests.campaigns.order_bytes --orders 5000 --seed 1`.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from polymarket import AsyncSecureClient
from polymarket._internal.actions.orders import orders as sdk_orders
from polymarket._internal.environment import PRODUCTION_CONFIG
from polymarket._internal.wallet import (
    derive_beacon_deposit_wallet_address,
    derive_proxy_wallet_address,
    derive_safe_wallet_address,
)
from polymarket.models.clob.orders import SignedOrder
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2, OrderDataV2, SignatureTypeV2
from py_clob_client_v2.order_utils import Side as SecondSide
from py_clob_client_v2.signer import Signer as SecondSigner

from engine.core.order_terms import form_problem, terms_of
from engine.domain.ids import ConditionId, TokenId
from engine.domain.market import TICKS, Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import PRICE_ONE, Ms, Price, Size, format_scaled
from engine.ports import PreparedOrder
from engine.venue.credentials import sdk_environment
from engine.venue.endpoints import (
    CHAIN_ID,
    EXCHANGE_V3,
    NEG_RISK_EXCHANGE,
    ORDERS_PER_POST,
    STANDARD_EXCHANGE,
    VenueHosts,
)
from engine.venue.keys import SigningKey
from engine.venue.order_body import TradingAccount, prepare_order
from engine.venue.signing import Exchange, SignatureType, exchange_for, salt_for
from tests.support.scripted_venue import ScriptedVenue, says, scripted_venue
from tests.support.venue_orders import INSTALL_SECRET, INTENT, PRIVATE_KEY, random_token

KEY = SigningKey(PRIVATE_KEY)
FAR = 4_000_000_000
WALLETS = {
    SignatureType.EOA: KEY.address,
    SignatureType.PROXY: derive_proxy_wallet_address(KEY.address, PRODUCTION_CONFIG.wallet_derivation),
    SignatureType.SAFE: derive_safe_wallet_address(KEY.address, PRODUCTION_CONFIG.wallet_derivation),
    SignatureType.DEPOSIT_WALLET: derive_beacon_deposit_wallet_address(
        KEY.address, PRODUCTION_CONFIG.wallet_derivation
    ),
}
CONTRACTS = {
    Exchange.STANDARD: (STANDARD_EXCHANGE, "2"),
    Exchange.NEG_RISK: (NEG_RISK_EXCHANGE, "2"),
    Exchange.V3: (EXCHANGE_V3, "3"),
}
POSITION_BITS = (1 << 256) - 1 - (((1 << 64) - 1) << 40)
ACCEPTED = (
    '{"success":true,"errorMsg":"","orderID":"0x1","status":"live","makingAmount":"","takingAmount":""}'
)
API_KEY = '{"apiKey":"00000000-0000-4000-8000-000000000001","secret":"a2tr","passphrase":"p"}'


@dataclass
class Tally:
    """What was compared, and where it differed."""

    orders: Counter[str] = field(default_factory=Counter)
    """By domain, signature type and order type."""
    bodies: int = 0
    """Whole POST bodies, byte by byte."""
    second: int = 0
    """Ids and signatures that the second client made, too."""
    differences: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Chance:
    """What the unified client takes for random bits and for the time."""

    salt: int = 0
    created_ms: int = 0

    def randbits(self, bits: int) -> int:
        assert (bits, self.salt >> bits) == (53, 0)
        return self.salt

    def time(self) -> Fraction:
        return Fraction(self.created_ms, 1000)  # exact, where a float could lose the last millisecond


def random_intent(random: Random, leg: int) -> OrderIntent:
    """Any order the desk may sign, whatever its market."""
    while True:
        tick = random.choice(sorted(TICKS))
        kind = random.choice(list(TimeInForce))
        position = random.random() < 0.3
        token = TokenId(str(random.getrandbits(256) & POSITION_BITS)) if position else random_token(random)
        intent = replace(
            INTENT,
            leg=leg,
            token_id=token,
            condition_id=ConditionId("0x" + random.randbytes(32).hex()),
            side=random.choice(list(Side)),
            neg_risk=random.random() < 0.5,
            tick=tick,
            price=Price(random.randrange(1, PRICE_ONE // tick) * tick),
            size=Size(random.randrange(1, 10 ** random.randint(1, 9)) * 10_000),
            time_in_force=kind,
            post_only=kind in (TimeInForce.GTC, TimeInForce.GTD) and random.random() < 0.3,
            created_ms=Ms(random.randrange(1_700_000_000_000, 1_999_999_999_999)),
            expiration_s=random.randrange(FAR, FAR + 10**6) if kind is TimeInForce.GTD else 0,
        )
        if form_problem(terms_of(intent)) is None:
            return intent


def prepare_all(intents: list[OrderIntent], kind: SignatureType, owner: str) -> tuple[PreparedOrder, ...]:
    """Sign with ours."""
    account = TradingAccount(KEY, WALLETS[kind], kind)
    return tuple(prepare_order(i, account, owner=owner, install_secret=INSTALL_SECRET) for i in intents)


class OrderBytes:
    """Batches of random orders, signed by everybody."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.tally = Tally()

    async def run(self, orders: int, kind: SignatureType) -> None:
        """Compare so many orders of one signature type."""
        random, chance = Random(f"{self.seed}/{kind.value}"), Chance()
        environment = patch.dict(os.environ, {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
        clock = SimpleNamespace(time=chance.time)
        with (
            environment,
            patch.object(sdk_orders, "secrets", chance),
            patch.object(sdk_orders, "time", clock),
        ):
            async with scripted_venue() as venue:
                venue.answers("POST", "/auth/api-key", says(API_KEY))
                venue.answers("GET", "/deployed", says('{"deployed":true}'))
                hosts = sdk_environment(VenueHosts.loopback(venue.url, "ws://127.0.0.1:1"))
                async with await AsyncSecureClient.create(
                    private_key=PRIVATE_KEY, wallet=WALLETS[kind], environment=hosts
                ) as client:
                    done = 0
                    while done < orders:
                        count = min(random.randint(1, ORDERS_PER_POST), orders - done)
                        intents = [random_intent(random, done + leg) for leg in range(count)]
                        await self._batch(venue, client, chance, intents, kind)
                        venue.asked.clear()
                        done += count

    async def _batch(
        self,
        venue: ScriptedVenue,
        client: AsyncSecureClient,
        chance: Chance,
        intents: list[OrderIntent],
        kind: SignatureType,
    ) -> None:
        theirs = []
        for intent in intents:
            _list_market(venue, intent)
            theirs.append(await _sign_with_client(client, intent, chance))
        venue.answers("POST", "/orders", says(f"[{','.join([ACCEPTED] * len(theirs))}]"))
        await client.post_orders(theirs)
        ours = prepare_all(intents, kind, client.credentials.key)
        sent = venue.requests("POST", "/orders")[-1].body
        joined = b"[" + b",".join(order.body for order in ours) + b"]"
        self.tally.bodies += 1
        if joined != sent:
            self._differs(kind, f"bodies: {joined!r} and {sent!r}")
        for order in ours:
            domain = exchange_for(int(order.intent.token_id), neg_risk=order.intent.neg_risk)
            name = f"{domain.name}, type {kind.value}, {order.intent.time_in_force.value}"
            self.tally.orders[name] += 1
            self.tally.second += 1
            told = second_opinion(order, kind, domain)
            mine = (order.order_id, json.loads(order.body)["order"]["signature"])
            if told != mine:
                self._differs(kind, f"{name}, {order.intent.key}: {mine} and the second client's {told}")

    def _differs(self, kind: SignatureType, words: str) -> None:
        self.tally.differences.append(f"seed {self.seed}, type {kind.value}: {words}")


def second_opinion(order: PreparedOrder, kind: SignatureType, domain: Exchange) -> tuple[str, str]:
    """Return id and signature as the second client makes them of the same fields."""
    fields = json.loads(order.body)["order"]
    contract, version = CONTRACTS[domain]
    builder = ExchangeOrderBuilderV2(
        contract,
        CHAIN_ID,
        SecondSigner(PRIVATE_KEY, CHAIN_ID),
        generate_salt=lambda: str(fields["salt"]),
        domain_version=version,
    )
    unsigned = builder.build_order(
        OrderDataV2(
            maker=fields["maker"],
            tokenId=fields["tokenId"],
            makerAmount=fields["makerAmount"],
            takerAmount=fields["takerAmount"],
            side=SecondSide.BUY if fields["side"] == "BUY" else SecondSide.SELL,
            signer=fields["signer"],
            signatureType=SignatureTypeV2(kind.value),
            timestamp=fields["timestamp"],
        )
    )
    typed = builder.build_order_typed_data(unsigned)
    return builder.build_order_hash(typed), builder.build_order_signature(typed)


def _list_market(venue: ScriptedVenue, intent: OrderIntent) -> None:
    """Serve the metadata the unified client asks for before it signs."""
    tokens = {"primary_token_id": intent.token_id, "secondary_token_id": "7" + intent.token_id[1:]}
    names = json.dumps({"condition_id": intent.condition_id, **tokens})
    venue.answers("GET", f"/markets-by-token/{intent.token_id}", says(names))
    tick = format_scaled(intent.tick, 4)
    pair = [{"t": tokens["primary_token_id"], "o": "Yes"}, {"t": tokens["secondary_token_id"], "o": "No"}]
    market = {"c": intent.condition_id, "mos": 5, "mts": float(tick), "nr": intent.neg_risk, "t": pair}
    venue.answers("GET", f"/clob-markets/{intent.condition_id}", says(json.dumps(market)))


async def _sign_with_client(client: AsyncSecureClient, intent: OrderIntent, chance: Chance) -> SignedOrder:
    chance.salt, chance.created_ms = salt_for(INSTALL_SECRET, intent.key), intent.created_ms
    signed = await client.create_limit_order(
        asset_id=intent.token_id,
        price=Decimal(intent.price) / PRICE_ONE,
        size=Decimal(intent.size) / 1_000_000,
        side=intent.side.value,
        post_only=intent.post_only,
        expiration=intent.expiration_s or None,
    )
    # FAK and FOK are no limit orders to this client; the order type is not signed.
    return replace(signed, order_type=intent.time_in_force.value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    campaign, began = OrderBytes(told.seed), time.monotonic()
    for kind in SignatureType:
        share = told.orders // len(SignatureType) + (kind.value < told.orders % len(SignatureType))
        asyncio.run(campaign.run(share, kind))
    tally, took = campaign.tally, time.monotonic() - began
    lines = [
        f"seed {told.seed}: {tally.orders.total()} orders, {tally.bodies} bodies, {took:.0f} s",
        f"differences: {len(tally.differences)}; second client compared on {tally.second}",
        *(f"  {count:6d}  {name}" for name, count in sorted(tally.orders.items())),
        *tally.differences[:5],
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(1 if tally.differences else 0)


if __name__ == "__main__":
    main()

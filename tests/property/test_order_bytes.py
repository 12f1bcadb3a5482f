"""Our id, signature and bytes against the unmodified official clients, on random orders.

The unified client runs whole: its own metadata reads, builders, signer and transport, against a loopback
server that keeps the raw bytes. Only its two sources of chance are replaced: random bits and the clock.
"""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from random import Random
from types import SimpleNamespace

import pytest
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

from engine.domain.ids import ConditionId
from engine.domain.market import Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import PRICE_ONE, Ms, Price, Size, format_scaled
from engine.ports import PreparedOrder
from engine.venue.credentials import sdk_environment
from engine.venue.endpoints import CHAIN_ID, NEG_RISK_EXCHANGE, STANDARD_EXCHANGE, TICKS, VenueHosts
from engine.venue.keys import SigningKey
from engine.venue.order_body import TradingAccount, prepare_order
from engine.venue.signing import SignatureType, salt_for
from tests.support.scripted_venue import ScriptedVenue, says, scripted_venue
from tests.support.venue_orders import INSTALL_SECRET, INTENT, PRIVATE_KEY, random_token

SEED = 20261122
BATCHES_PER_WALLET = 7
"""Of up to 15 orders each, for four wallet types: some 220 orders."""
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
ACCEPTED = (
    '{"success":true,"errorMsg":"","orderID":"0x1","status":"live","makingAmount":"","takingAmount":""}'
)
API_KEY = '{"apiKey":"00000000-0000-4000-8000-000000000001","secret":"a2tr","passphrase":"p"}'


def random_intent(random: Random, leg: int) -> OrderIntent:
    """Any order the desk may send, whatever its market."""
    tick = random.choice(sorted(TICKS))
    kind = random.choice(list(TimeInForce))
    return replace(
        INTENT,
        leg=leg,
        token_id=random_token(random),
        condition_id=ConditionId("0x" + random.randbytes(32).hex()),
        side=random.choice(list(Side)),
        neg_risk=random.random() < 0.5,
        tick=tick,
        price=Price(random.randrange(1, PRICE_ONE // tick) * tick),
        size=Size(random.randrange(1, 10 ** random.randint(1, 9)) * 10_000),
        time_in_force=kind,
        post_only=kind is not TimeInForce.FAK and random.random() < 0.3,
        created_ms=Ms(random.randrange(1_700_000_000_000, 1_999_999_999_999)),
        expiration_s=random.randrange(FAR, FAR + 10**6) if kind is TimeInForce.GTD else 0,
    )


@dataclass(slots=True)
class Chance:
    """What the client takes for random bits and for the time."""

    salt: int = 0
    created_ms: int = 0

    def randbits(self, bits: int) -> int:
        assert (bits, self.salt >> bits) == (53, 0)
        return self.salt

    def time(self) -> Fraction:
        return Fraction(self.created_ms, 1000)  # exact, where a float could lose the last millisecond


@pytest.fixture
def chance(monkeypatch: pytest.MonkeyPatch) -> Chance:
    source = Chance()
    monkeypatch.setattr(sdk_orders, "secrets", source)
    monkeypatch.setattr(sdk_orders, "time", SimpleNamespace(time=source.time))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return source


def list_market(venue: ScriptedVenue, intent: OrderIntent) -> None:
    """Serve the metadata the client asks for before it signs."""
    tokens = {"primary_token_id": intent.token_id, "secondary_token_id": "7" + intent.token_id[1:]}
    names = json.dumps({"condition_id": intent.condition_id, **tokens})
    venue.answers("GET", f"/markets-by-token/{intent.token_id}", says(names))
    tick = format_scaled(intent.tick, 4)
    pair = [{"t": tokens["primary_token_id"], "o": "Yes"}, {"t": tokens["secondary_token_id"], "o": "No"}]
    market = {"c": intent.condition_id, "mos": 5, "mts": float(tick), "nr": intent.neg_risk, "t": pair}
    venue.answers("GET", f"/clob-markets/{intent.condition_id}", says(json.dumps(market)))


async def sign_with_client(client: AsyncSecureClient, intent: OrderIntent, chance: Chance) -> SignedOrder:
    chance.salt, chance.created_ms = salt_for(INSTALL_SECRET, intent.key), intent.created_ms
    signed = await client.create_limit_order(
        asset_id=intent.token_id,
        price=Decimal(intent.price) / PRICE_ONE,
        size=Decimal(intent.size) / 1_000_000,
        side=intent.side.value,
        post_only=intent.post_only,
        expiration=intent.expiration_s or None,
    )
    return replace(signed, order_type=intent.time_in_force.value)


def prepare_all(intents: list[OrderIntent], kind: SignatureType, owner: str) -> tuple[PreparedOrder, ...]:
    account = TradingAccount(KEY, WALLETS[kind], kind)
    return tuple(prepare_order(i, account, owner=owner, install_secret=INSTALL_SECRET) for i in intents)


@pytest.mark.parametrize("kind", SignatureType)
async def test_bytes_on_the_wire_equal_the_unmodified_unified_clients(kind, chance):
    random = Random(SEED + kind.value)
    async with scripted_venue() as venue:
        venue.answers("POST", "/auth/api-key", says(API_KEY))
        venue.answers("GET", "/deployed", says('{"deployed":true}'))
        environment = sdk_environment(VenueHosts.loopback(venue.url, "ws://127.0.0.1:1"))
        async with await AsyncSecureClient.create(
            private_key=PRIVATE_KEY, wallet=WALLETS[kind], environment=environment
        ) as client:
            assert client.credentials.key == json.loads(API_KEY)["apiKey"]
            for number in range(BATCHES_PER_WALLET):
                intents = [random_intent(random, leg) for leg in range(random.randint(1, 15))]
                for intent in intents:
                    list_market(venue, intent)
                theirs = [await sign_with_client(client, intent, chance) for intent in intents]
                venue.answers("POST", "/orders", says(f"[{','.join([ACCEPTED] * len(theirs))}]"))
                await client.post_orders(theirs)

                ours = prepare_all(intents, kind, client.credentials.key)

                sent = venue.requests("POST", "/orders")[-1].body
                joined = b"[" + b",".join(order.body for order in ours) + b"]"
                assert joined == sent, f"seed {SEED}, type {kind.value}, batch {number}"


@pytest.mark.parametrize("kind", SignatureType)
def test_id_and_signature_equal_the_second_clients(kind):
    random = Random(SEED * 2 + kind.value)
    for leg in range(60):
        intent = random_intent(random, leg)
        (ours,) = prepare_all([intent], kind, "owner")
        order = json.loads(ours.body)["order"]
        builder = ExchangeOrderBuilderV2(
            NEG_RISK_EXCHANGE if intent.neg_risk else STANDARD_EXCHANGE,
            CHAIN_ID,
            SecondSigner(PRIVATE_KEY, CHAIN_ID),
            generate_salt=lambda salt=order["salt"]: str(salt),
        )
        unsigned = builder.build_order(
            OrderDataV2(
                maker=order["maker"],
                tokenId=order["tokenId"],
                makerAmount=order["makerAmount"],
                takerAmount=order["takerAmount"],
                side=SecondSide.BUY if intent.side is Side.BUY else SecondSide.SELL,
                signer=order["signer"],
                signatureType=SignatureTypeV2(kind.value),
                timestamp=order["timestamp"],
            )
        )
        typed = builder.build_order_typed_data(unsigned)

        assert builder.build_order_hash(typed) == ours.order_id, f"seed {SEED * 2}, order {leg}"
        assert builder.build_order_signature(typed) == order["signature"], f"seed {SEED * 2}, order {leg}"


def test_position_id_is_signed_for_v3_as_the_unified_client_does():
    from polymarket._internal.protocol import is_v2_position_id

    from engine.venue.signing import Exchange, exchange_for

    random = Random(SEED)
    tokens = [random.getrandbits(256) & ~(((1 << 64) - 1) << 40) for _ in range(50)]
    tokens += [random.getrandbits(256) for _ in range(200)]
    tokens += [1 << bit for bit in range(256)]

    for token in tokens:
        ours = exchange_for(token, neg_risk=True) is Exchange.V3
        assert ours == is_v2_position_id(str(token)), f"seed {SEED}, token {token}"

"""The golden vectors of protocol 3.3, and what must never depend on anything else."""

import dataclasses

import pytest

from engine.domain.market import Side
from engine.venue.keys import SigningKey, recover_address
from engine.venue.signing import (
    ORDER_TYPE,
    ORDER_TYPE_HASH,
    Exchange,
    SignatureType,
    SignedFields,
    exchange_for,
    salt_for,
    sign_order,
)
from tests.support.venue_orders import ADDRESS, PRIVATE_KEY

KEY = SigningKey(PRIVATE_KEY)
WALLET = "0xdf8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76"
GOLDEN = SignedFields(
    salt=123456789,
    maker=ADDRESS,
    signer=ADDRESS,
    token_id=1234567890,
    maker_amount=5_200_000,
    taker_amount=10_000_000,
    side=Side.BUY,
    signature_type=SignatureType.EOA,
    timestamp_ms=1_790_000_000_000,
)
FULL_WIDTH = 71321045679252212594626385532706912750332728571942532289631379312455583992563


def test_order_type_hash_is_the_golden_one():
    assert ORDER_TYPE_HASH.hex() == "bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589"


@pytest.mark.parametrize(
    ("exchange", "digest"),
    [
        (Exchange.STANDARD, "0x1a6a3419340a61f05b87e895773aa838f730a43a5c19438fbcf93770bd992ccc"),
        (Exchange.NEG_RISK, "0x71d4b310dbff8ef497a0cc53cc8fa8de0989e4db5d875273cd3d374e855ef42e"),
        (Exchange.V3, "0x7ce6e3ac5d9a5886135177ebd516b776c2113494c72f6e6e82e763c24689414b"),
    ],
)
def test_order_id_is_the_golden_digest_of_each_domain(exchange, digest):
    assert sign_order(KEY, GOLDEN, exchange).order_id == digest


def test_type_0_signature_is_the_golden_one():
    signed = sign_order(KEY, GOLDEN, Exchange.STANDARD)

    assert signed.signature == (
        "0x00974f80094b7a77d0728607c2d2d3192a43e03689279f450e8ff1ab86633e58"
        "768e646835e3021011e1bdb39501d2d3ff345ca91821332df8361cd0b109910c1b"
    )


def test_deposit_wallet_signature_is_317_bytes_around_the_plain_digest():
    fields = dataclasses.replace(
        GOLDEN, maker=WALLET, signer=WALLET, signature_type=SignatureType.DEPOSIT_WALLET
    )

    signed = sign_order(KEY, fields, Exchange.NEG_RISK)
    raw = bytes.fromhex(signed.signature[2:])

    assert len(raw) == 317
    assert raw[65:97] == Exchange.NEG_RISK.value
    assert raw[129:315] == ORDER_TYPE.encode()
    assert int.from_bytes(raw[315:], "big") == len(ORDER_TYPE)
    # The id stays the plain order digest: it must not be what the inner signature signs.
    assert recover_address(bytes.fromhex(signed.order_id[2:]), raw[:65]) != ADDRESS


@pytest.mark.parametrize("kind", [SignatureType.PROXY, SignatureType.SAFE])
def test_proxy_and_safe_orders_are_signed_by_the_key_itself(kind):
    fields = dataclasses.replace(GOLDEN, maker=WALLET, signature_type=kind)

    signed = sign_order(KEY, fields, Exchange.STANDARD)

    signer = recover_address(bytes.fromhex(signed.order_id[2:]), bytes.fromhex(signed.signature[2:]))
    assert signer == ADDRESS


@pytest.mark.parametrize(
    "change",
    [
        {"salt": 1},
        {"maker": WALLET},
        {"signer": WALLET},
        {"token_id": FULL_WIDTH},
        {"maker_amount": 1},
        {"taker_amount": 1},
        {"side": Side.SELL},
        {"signature_type": SignatureType.SAFE},
        {"timestamp_ms": 1},
    ],
)
def test_order_id_changes_with_every_signed_field(change):
    changed = dataclasses.replace(GOLDEN, **change)

    assert (
        sign_order(KEY, changed, Exchange.STANDARD).order_id
        != sign_order(KEY, GOLDEN, Exchange.STANDARD).order_id
    )


def test_exchange_follows_neg_risk_for_a_full_width_token():
    assert exchange_for(FULL_WIDTH, neg_risk=True) is Exchange.NEG_RISK
    assert exchange_for(FULL_WIDTH, neg_risk=False) is Exchange.STANDARD


@pytest.mark.parametrize("token", [1, 123456789, 2**255, (1 << 40) - 1, 1 << 104])
def test_exchange_is_v3_for_a_position_id_whatever_neg_risk_says(token):
    assert exchange_for(token, neg_risk=True) is Exchange.V3
    assert exchange_for(token, neg_risk=False) is Exchange.V3


@pytest.mark.parametrize("token", [1 << 40, 1 << 103])
def test_exchange_is_not_v3_when_one_reserved_bit_is_set(token):
    assert exchange_for(token, neg_risk=False) is Exchange.STANDARD


def test_salt_is_stable_for_an_intent_and_fits_53_bits():
    salt = salt_for(b"s" * 32, "plan:1:0")

    assert salt == salt_for(b"s" * 32, "plan:1:0") == 8_133_145_196_333_792
    assert all(salt_for(b"s" * 32, f"plan:{leg}:0") < 2**53 for leg in range(200))


def test_salt_differs_between_intents_generations_and_installs():
    salts = {
        salt_for(b"s" * 32, "plan:1:0"),
        salt_for(b"s" * 32, "plan:1:1"),
        salt_for(b"s" * 32, "plan:2:0"),
        salt_for(b"t" * 32, "plan:1:0"),
    }

    assert len(salts) == 4

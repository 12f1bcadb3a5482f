"""Keys: the golden vectors of protocol 3.3, and every way a proof can be wrong."""

import pytest
from aiohttp import ClientSession
from Crypto.Hash import keccak
from eth_account import Account

from engine.simulator.auth import ApiKey, KeyRing, hmac_signature
from engine.simulator.contracts import NEG_RISK, PROTOCOL_V2, STANDARD
from engine.simulator.eip712 import (
    ORDER_TYPE,
    SignedFields,
    order_digest,
    recover_attestation,
    recover_order_signer,
)
from engine.simulator.market import Side
from engine.simulator.refusals import INVALID_L1, KEY_NOT_CREATED, KEY_NOT_DERIVED, UNAUTHORIZED
from tests.support.local_exchange import ELEVENS_KEY, HARDHAT_KEY
from tests.unit.simulator.trader import EXCHANGES, Record, Trader, sign_order

ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
SECRET = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
L1_SIGNATURE = (
    "0x85ca564babee4e457e787f6a6db85d07f12ea4c3b436cbb0d7985b97543f11f5"
    "0a58fb1019b2ba8c4c77d3cc30a2901659b9074b54129b035d545c907c8c5caa1b"
)
ORDER_SIGNATURE = (
    "0x00974f80094b7a77d0728607c2d2d3192a43e03689279f450e8ff1ab86633e58"
    "768e646835e3021011e1bdb39501d2d3ff345ca91821332df8361cd0b109910c1b"
)
GOLDEN = SignedFields(
    salt=123456789,
    maker=ADDRESS,
    signer=ADDRESS,
    token_id=1234567890,
    maker_amount=5_200_000,
    taker_amount=10_000_000,
    side=Side.BUY,
    signature_type=0,
    timestamp=1_790_000_000_000,
    metadata=bytes(32),
    builder=bytes(32),
)


def raw(fields: SignedFields) -> Record:
    """Return the fields as the independent signer of the tests wants them."""
    return {
        "salt": fields.salt,
        "maker": fields.maker,
        "signer": fields.signer,
        "tokenId": fields.token_id,
        "makerAmount": fields.maker_amount,
        "takerAmount": fields.taker_amount,
        "side": 0 if fields.side is Side.BUY else 1,
        "signatureType": fields.signature_type,
        "timestamp": fields.timestamp,
        "metadata": fields.metadata,
        "builder": fields.builder,
    }


def test_l1_golden_signature_recovers_its_address():
    assert recover_attestation(ADDRESS, "1790000000", 0, L1_SIGNATURE) == ADDRESS
    assert recover_attestation(ADDRESS, "1790000001", 0, L1_SIGNATURE) != ADDRESS
    assert recover_attestation(ADDRESS, "1790000000", 1, L1_SIGNATURE) != ADDRESS


@pytest.mark.parametrize("signature", ["", "0x", "0x12", "nothex", "0x" + "00" * 65, "0x" + "ff" * 65])
def test_l1_unusable_signature_recovers_nobody(signature):
    assert recover_attestation(ADDRESS, "1790000000", 0, signature) is None


@pytest.mark.parametrize(
    ("method", "path", "body", "signature"),
    [
        ("DELETE", "/order", b'{"orderID":"0xaa"}', "PqvrYqK3ItwVMJfKfNUXTUSywyBow1jUgBikUjhb4JQ="),
        ("GET", "/data/orders", b"", "f45ERiSpIKPCNZK4XxiiScNFqEFvVdwh0ufeD9a6l2g="),
    ],
)
def test_l2_golden_signatures_match(method, path, body, signature):
    assert hmac_signature(SECRET, "1790000000", method, path, body) == signature
    assert hmac_signature(SECRET.rstrip("="), "1790000000", method, path, body) == signature
    assert hmac_signature(SECRET, "1790000000", method, path, body + b" ") != signature


def test_order_golden_digests_depend_on_the_exchange_contract():
    standard = order_digest(GOLDEN, STANDARD)
    neg_risk = order_digest(GOLDEN, NEG_RISK)
    third = order_digest(GOLDEN, PROTOCOL_V2)

    assert standard == "0x1a6a3419340a61f05b87e895773aa838f730a43a5c19438fbcf93770bd992ccc"
    assert neg_risk == "0x71d4b310dbff8ef497a0cc53cc8fa8de0989e4db5d875273cd3d374e855ef42e"
    assert third == "0x7ce6e3ac5d9a5886135177ebd516b776c2113494c72f6e6e82e763c24689414b"


def test_order_golden_signature_recovers_its_signer_on_its_own_contract_alone():
    assert recover_order_signer(GOLDEN, ORDER_SIGNATURE, STANDARD) == ADDRESS
    assert recover_order_signer(GOLDEN, ORDER_SIGNATURE, NEG_RISK) != ADDRESS
    assert recover_order_signer(GOLDEN, ORDER_SIGNATURE, PROTOCOL_V2) != ADDRESS


def test_order_type_text_hashes_to_the_documented_type_hash():
    assert keccak.new(digest_bits=256, data=ORDER_TYPE.encode()).hexdigest() == (
        "bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589"
    )


@pytest.mark.parametrize("settlement", [STANDARD, NEG_RISK, PROTOCOL_V2])
@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
def test_order_signature_of_every_wallet_type_recovers_the_key(signature_type, settlement):
    wallet = "0x6666666666666666666666666666666666666666"
    owner = Account.from_key(ELEVENS_KEY).address
    fields = SignedFields(
        salt=5,
        maker=ADDRESS if signature_type == 0 else wallet,
        signer=wallet if signature_type == 3 else owner,
        token_id=2**255 - 19,
        maker_amount=3_500_000,
        taker_amount=10_000_000,
        side=Side.SELL,
        signature_type=signature_type,
        timestamp=1_790_000_000_000,
        metadata=bytes(32),
        builder=bytes(range(32)),
    )

    assert EXCHANGES[settlement.exchange] == settlement.version
    signature = sign_order(ELEVENS_KEY, raw(fields), settlement.exchange)

    for other in (STANDARD, NEG_RISK, PROTOCOL_V2):
        assert (recover_order_signer(fields, signature, other) == owner) is (other == settlement)


@pytest.mark.parametrize("damage", [0, 40, 70, 100, 140, 316])
def test_wrapped_signature_with_any_damaged_part_is_worthless(damage):
    fields = SignedFields(
        **{name: getattr(GOLDEN, name) for name in SignedFields.__slots__ if name != "signature_type"},
        signature_type=3,
    )
    good = bytes.fromhex(sign_order(ELEVENS_KEY, raw(fields), STANDARD.exchange)[2:])
    assert len(good) == 317

    bad = bytearray(good)
    bad[damage] ^= 1

    assert recover_order_signer(fields, "0x" + good.hex(), STANDARD) == ADDRESS
    assert recover_order_signer(fields, "0x" + bytes(bad).hex(), STANDARD) != ADDRESS


@pytest.fixture
async def trader():
    async with ClientSession() as session:
        yield Trader("http://unused.invalid", session, HARDHAT_KEY)


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing("7")


async def test_key_is_created_once_for_each_nonce_and_derived_ever_after(trader, ring):
    assert ring.derive(trader.l1_headers()) == KEY_NOT_DERIVED
    created = ring.create(trader.l1_headers())
    assert isinstance(created, ApiKey)
    assert ring.create(trader.l1_headers()) == KEY_NOT_CREATED
    assert ring.derive(trader.l1_headers()) == created
    other = ring.create(trader.l1_headers(nonce=1))
    assert isinstance(other, ApiKey)
    assert other.owner != created.owner
    assert ring.owners_of(trader.address) == [created.owner, other.owner]


async def test_key_revoked_is_unknown_and_may_be_created_again(trader, ring):
    created = ring.create(trader.l1_headers())
    ring.revoke(created)

    assert ring.owners_of(trader.address) == []
    assert ring.create(trader.l1_headers()) == created


async def test_key_never_shows_its_secret(trader, ring):
    created = ring.create(trader.l1_headers())

    assert created.secret not in repr(created)
    assert created.passphrase not in repr(created)


@pytest.mark.parametrize(
    "change",
    [
        {"POLY_ADDRESS": ADDRESS},
        {"POLY_ADDRESS": "0x12"},
        {"POLY_TIMESTAMP": "1790000001"},
        {"POLY_TIMESTAMP": "soon"},
        {"POLY_NONCE": "1"},
        {"POLY_NONCE": "-1"},
        {"POLY_NONCE": "9" * 19},
        {"POLY_SIGNATURE": "0x" + "11" * 65},
        {"POLY_SIGNATURE": ""},
    ],
)
async def test_l1_headers_that_prove_nothing_are_refused(trader, ring, change):
    headers = trader.l1_headers() | change

    assert ring.create(headers) == INVALID_L1
    assert ring.derive(headers) == INVALID_L1


@pytest.mark.parametrize(
    "change",
    [
        {"POLY_API_KEY": "00000000-0000-4000-8000-000000000000"},
        {"POLY_API_KEY": ""},
        {"POLY_PASSPHRASE": "0" * 64},
        {"POLY_ADDRESS": ADDRESS},
        {"POLY_TIMESTAMP": "1790000001"},
        {"POLY_TIMESTAMP": ""},
        {"POLY_SIGNATURE": "AAAA"},
        {"POLY_SIGNATURE": "\udcff"},
    ],
)
async def test_l2_headers_that_differ_anywhere_are_refused(trader, ring, change):
    key = ring.create(trader.l1_headers())
    trader.api_key, trader.secret, trader.passphrase = key.owner, key.secret, key.passphrase
    headers = trader.l2_headers("POST", "/order", b"{}")

    assert ring.check(headers, "POST", "/order", b"{}") == key
    assert ring.check(headers | change, "POST", "/order", b"{}") == UNAUTHORIZED


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/order", b"{}"),
        ("POST", "/orders", b"{}"),
        ("POST", "/order", b"{ }"),
        ("POST", "/order", b""),
    ],
)
async def test_l2_signature_binds_method_path_and_exact_body(trader, ring, method, path, body):
    key = ring.create(trader.l1_headers())
    trader.api_key, trader.secret, trader.passphrase = key.owner, key.secret, key.passphrase
    headers = trader.l2_headers("POST", "/order", b"{}")

    assert ring.check(headers, method, path, body) == UNAUTHORIZED


async def test_user_frame_needs_all_three_parts(trader, ring):
    key = ring.create(trader.l1_headers())

    assert ring.check_frame(key.owner, key.secret, key.passphrase) == key
    assert ring.check_frame(key.owner, key.secret, "x") is None
    assert ring.check_frame(key.owner, "x", key.passphrase) is None
    assert ring.check_frame("x", key.secret, key.passphrase) is None

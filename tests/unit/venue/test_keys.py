from random import Random

import pytest
from eth_account import Account
from eth_utils.crypto import keccak as reference_keccak

from engine.venue.keys import (
    SIGNING_BACKEND,
    SigningKey,
    SlowCryptoError,
    checksum_address,
    crypto_backend,
    keccak256,
    recover_address,
)
from tests.support.venue_orders import ADDRESS, PRIVATE_KEY


def test_signing_backend_is_coincurve():
    assert SIGNING_BACKEND.startswith("coincurve ")


@pytest.mark.parametrize("length", [0, 1, 135, 136, 137, 416])
def test_keccak_equals_the_reference_around_its_block_size(length):
    message = Random(length).randbytes(length)

    assert keccak256(message) == reference_keccak(message)


def test_key_derives_the_address_of_the_golden_vectors():
    assert SigningKey(PRIVATE_KEY).address == ADDRESS
    assert SigningKey(PRIVATE_KEY.removeprefix("0x")).address == ADDRESS


@pytest.mark.parametrize("seed", range(20))
def test_key_and_signature_equal_the_reference_library(seed):
    random = Random(seed)
    private, digest = "0x" + random.randbytes(32).hex(), random.randbytes(32)
    key, reference = SigningKey(private), Account.from_key(private)

    signature = key.sign(digest)

    assert key.address == reference.address, f"seed {seed}"
    assert signature == bytes(reference.unsafe_sign_hash(digest).signature), f"seed {seed}"
    assert recover_address(digest, signature) == key.address, f"seed {seed}"


def test_recover_address_of_another_digest_is_somebody_else():
    key = SigningKey(PRIVATE_KEY)
    signature = key.sign(bytes(32))

    assert recover_address(b"\x01" * 32, signature) != key.address


@pytest.mark.parametrize(
    "bad",
    ["", "0x", "0x11", "11" * 33, "zz" * 32, "0x" + "00" * 32, "0x" + "ff" * 32, "0x0x" + "11" * 31],
)
def test_key_refuses_what_is_no_key_without_showing_it(bad):
    with pytest.raises(ValueError, match="check the secrets file") as caught:
        SigningKey(bad)

    assert len(bad) < 4 or bad.removeprefix("0x") not in str(caught.value)


def test_key_never_shows_itself():
    assert repr(SigningKey(PRIVATE_KEY)) == f"SigningKey({ADDRESS})"
    assert "11" * 8 not in str(SigningKey(PRIVATE_KEY))


def test_sign_refuses_anything_but_a_digest():
    with pytest.raises(AssertionError, match="32 bytes"):
        SigningKey(PRIVATE_KEY).sign(b"short")


def test_checksum_address_restores_the_case():
    assert checksum_address(ADDRESS.lower()) == ADDRESS
    assert checksum_address("0X" + ADDRESS[2:].upper()) == ADDRESS


@pytest.mark.parametrize("bad", ["", "0x12", ADDRESS[2:], ADDRESS + "0", "0x" + "g" * 40])
def test_checksum_address_refuses_what_is_no_address(bad):
    with pytest.raises(ValueError, match="40 hex digits"):
        checksum_address(bad)


def test_backend_is_told_with_its_speed_and_a_slow_one_is_refused():
    assert crypto_backend().startswith("coincurve ")
    assert "us a signature" in crypto_backend()
    with pytest.raises(SlowCryptoError, match="install coincurve"):
        crypto_backend(slowest_us=-1)

"""Keccak, addresses and recoverable signatures on libsecp256k1. Never logs, prints or compares a key.

`coincurve` is the only backend: without it signing would be some eighty times slower, silently
(performance 4), so a missing or broken one ends the program at import.
"""

from importlib.metadata import version
from typing import Final

from coincurve import PrivateKey, PublicKey
from Crypto.Hash import keccak

from engine.clock import perf_us

_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Order of the curve secp256k1: a private key lies between 1 and one less."""
SIGNING_MAX_US = 1_000
"""Fifteen legs would take 15 ms of the loop; libsecp256k1 takes some 40 us, pure Python some 5,000."""
_MEASURED = 15
_RECOVERY_OFFSET = 27
"""Ethereum writes the recovery id 0 or 1 as 27 or 28."""


def keccak256(message: bytes) -> bytes:
    """Return the 32-byte Keccak-256 of `message` (Ethereum's hash, not SHA3-256)."""
    return keccak.new(digest_bits=256, data=message).digest()


def checksum_address(address: str) -> str:
    """Return the address in mixed case (EIP-55); raises ValueError unless it is 0x and 40 hex digits."""
    digits = address[2:].lower()
    if not address.startswith(("0x", "0X")) or len(digits) != 40 or set(digits) - set("0123456789abcdef"):
        raise ValueError("expected an address of 0x and 40 hex digits")
    marks = keccak256(digits.encode()).hex()
    letters = (
        digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in zip(digits, marks, strict=False)
    )
    return "0x" + "".join(letters)


def address_of(public_key: PublicKey) -> str:
    """Return the checksummed address of a public key."""
    return checksum_address("0x" + keccak256(public_key.format(compressed=False)[1:])[12:].hex())


def recover_address(digest: bytes, signature: bytes) -> str:
    """Return who signed `digest`; `signature` is r, s and 27 or 28, 65 bytes."""
    compact = signature[:64] + bytes([signature[64] - _RECOVERY_OFFSET])
    return address_of(PublicKey.from_signature_and_message(compact, digest, hasher=None))


class SigningKey:
    """A private key that signs digests. Its text form shows the address only."""

    __slots__ = ("_key", "address")

    def __init__(self, private_key: str) -> None:
        """Take 0x and 64 hex digits (the prefix may be absent); raises ValueError that never shows them."""
        digits = private_key.removeprefix("0x")
        if len(digits) != 64 or set(digits.lower()) - set("0123456789abcdef"):
            raise ValueError("expected a private key of 64 hex digits; check the secrets file")
        if not 0 < int(digits, 16) < _ORDER:
            raise ValueError("expected a private key inside the curve's order; check the secrets file")
        self._key = PrivateKey(bytes.fromhex(digits))
        self.address: Final = address_of(self._key.public_key)

    def sign(self, digest: bytes) -> bytes:
        """Return the deterministic (RFC 6979, low s) signature of a 32-byte digest: r, s, 27 or 28."""
        assert len(digest) == 32, f"expected a digest of 32 bytes, was {len(digest)}"
        compact = self._key.sign_recoverable(digest, hasher=None)
        return compact[:64] + bytes([compact[64] + _RECOVERY_OFFSET])

    def __repr__(self) -> str:
        return f"SigningKey({self.address})"


def _proven_backend() -> str:
    """Return the backend's name and version after one signature that recovers to its signer."""
    key, digest = SigningKey("0x" + "1".rjust(64, "0")), keccak256(b"dutchdesk")
    assert PrivateKey.__module__.startswith("coincurve"), "expected coincurve to be what signs"
    assert recover_address(digest, key.sign(digest)) == key.address, (
        "expected coincurve's signature to recover"
    )
    return f"coincurve {version('coincurve')}"


SIGNING_BACKEND: Final = _proven_backend()
"""What signs, for the line a start-up prints."""


class SlowCryptoError(Exception):
    """Signing works and is too slow to trade with; the text says what to do."""


def crypto_backend(slowest_us: int = SIGNING_MAX_US) -> str:
    """Return what signs and how fast, measured now; raises SlowCryptoError above `slowest_us` a signature."""
    key, taken_us = SigningKey("0x" + "1".rjust(64, "0")), []
    for number in range(_MEASURED):
        digest, began_us = keccak256(number.to_bytes(2, "big")), perf_us()
        key.sign(digest)
        taken_us.append(perf_us() - began_us)
    median_us = sorted(taken_us)[_MEASURED // 2]
    if median_us > slowest_us:
        raise SlowCryptoError(
            f"expected a signature within {slowest_us} us, found {median_us} us with {SIGNING_BACKEND}; "
            "install coincurve with libsecp256k1 for this machine"
        )
    return f"{SIGNING_BACKEND}, {median_us} us a signature"

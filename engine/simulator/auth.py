"""API keys: issued against an L1 signature, proved by an L2 HMAC on every private request (protocol 3).

Keys are derived from the exchange's seed, the address and the nonce, so deriving gives back what creating
gave. Nothing here is ever logged.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.simulator.eip712 import recover_attestation
from engine.simulator.refusals import (
    INVALID_L1,
    KEY_NOT_CREATED,
    KEY_NOT_DERIVED,
    UNAUTHORIZED,
    Refusal,
)

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NONCE_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Credentials of one address; `owner` is what orders carry, secret and passphrase stay out of repr."""

    address: str
    owner: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)


def hmac_signature(secret: str, timestamp: str, method: str, path: str, body: bytes) -> str:
    """Return the L2 signature over the exact body bytes and the path without its query.

    Raises ValueError when the secret is not base64; a missing padding is added.
    """
    try:
        key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    except binascii.Error as error:
        raise ValueError("expected a url-safe base64 secret") from error
    message = f"{timestamp}{method}{path}".encode() + body
    return base64.urlsafe_b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


class KeyRing:
    """Every key that was issued."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._by_owner: dict[str, ApiKey] = {}
        self._by_origin: dict[tuple[str, int], ApiKey] = {}

    def create(self, headers: Mapping[str, str]) -> ApiKey | Refusal:
        """Issue the key of (address, nonce); refused when it exists already."""
        origin = _attested(headers)
        if origin is None:
            return INVALID_L1
        if origin in self._by_origin:
            return KEY_NOT_CREATED
        key = self._by_origin[origin] = self._derived(*origin)
        self._by_owner[key.owner] = key
        return key

    def derive(self, headers: Mapping[str, str]) -> ApiKey | Refusal:
        """Give back the key of (address, nonce); refused when it was never created."""
        origin = _attested(headers)
        if origin is None:
            return INVALID_L1
        return self._by_origin.get(origin) or KEY_NOT_DERIVED

    def check(self, headers: Mapping[str, str], method: str, path: str, body: bytes) -> ApiKey | Refusal:
        """Return the key that signed this request, or the one refusal for every kind of failure."""
        key = self._by_owner.get(headers.get("POLY_API_KEY", ""))
        timestamp = headers.get("POLY_TIMESTAMP", "")
        if key is None or not (timestamp.isascii() and timestamp.isdigit()):
            return UNAUTHORIZED
        expected = hmac_signature(key.secret, timestamp, method, path, body)
        proofs = (
            (headers.get("POLY_SIGNATURE", ""), expected),
            (headers.get("POLY_PASSPHRASE", ""), key.passphrase),
            (headers.get("POLY_ADDRESS", "").lower(), key.address.lower()),
        )
        return key if all(_same(given, wanted) for given, wanted in proofs) else UNAUTHORIZED

    def check_frame(self, owner: str, secret: str, passphrase: str) -> ApiKey | None:
        """Return the key named by the user stream's first frame, or None when it is not all right."""
        key = self._by_owner.get(owner)
        if key is None or not (_same(secret, key.secret) and _same(passphrase, key.passphrase)):
            return None
        return key

    def owners_of(self, address: str) -> list[str]:
        """Return the keys issued to an address."""
        return [key.owner for key in self._by_owner.values() if key.address == address]

    def revoke(self, key: ApiKey) -> None:
        """Forget a key; its (address, nonce) may be created anew."""
        del self._by_owner[key.owner]
        self._by_origin = {origin: held for origin, held in self._by_origin.items() if held is not key}

    def _derived(self, address: str, nonce: int) -> ApiKey:
        def digest(purpose: str) -> bytes:
            return hashlib.sha256(f"{self._seed}/{purpose}/{address}/{nonce}".encode()).digest()

        owner = digest("key").hex()
        return ApiKey(
            address=address,
            owner=f"{owner[:8]}-{owner[8:12]}-4{owner[13:16]}-8{owner[17:20]}-{owner[20:32]}",
            secret=base64.urlsafe_b64encode(digest("secret")).decode(),
            passphrase=digest("passphrase").hex(),
        )


def _attested(headers: Mapping[str, str]) -> tuple[str, int] | None:
    """Return (checksummed address, nonce) when the L1 headers prove them."""
    address = headers.get("POLY_ADDRESS", "")
    timestamp = headers.get("POLY_TIMESTAMP", "")
    nonce = headers.get("POLY_NONCE", "0")
    numbers = (timestamp, nonce)
    if not _ADDRESS.fullmatch(address) or not all(text.isascii() and text.isdigit() for text in numbers):
        return None
    if len(nonce) > _NONCE_DIGITS_MAX:
        return None
    signer = recover_attestation(address, timestamp, int(nonce), headers.get("POLY_SIGNATURE", ""))
    if signer is None or signer.lower() != address.lower():
        return None
    return signer, int(nonce)


def _same(given: str, wanted: str) -> bool:
    """Compare in constant time; text from a header may hold any character."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())

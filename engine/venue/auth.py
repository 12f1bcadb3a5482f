"""Proofs of identity on requests: the L1 attestation and the L2 HMAC (protocol 3). Knows no endpoint.

The official client does the L1 exchange (`credentials`); the attestation is here because start-up checks and
tests must be able to make it without that client.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

from engine.venue.endpoints import CHAIN_ID
from engine.venue.keys import SigningKey, keccak256

_ATTESTATION = b"This message attests that I control the given wallet"
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId)"
_ATTESTATION_TYPE = b"ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_DOMAIN_SEPARATOR = keccak256(
    keccak256(_DOMAIN_TYPE) + keccak256(b"ClobAuthDomain") + keccak256(b"1") + CHAIN_ID.to_bytes(32, "big")
)


@dataclass(frozen=True, slots=True)
class ApiCredentials:
    """One L2 key. `key` is what orders carry as owner; the other two never show in a text form."""

    key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)


def attestation_signature(key: SigningKey, timestamp_s: int, nonce: int) -> str:
    """Return the L1 signature (0x and 130 hex digits) that creates or derives the L2 key of `nonce`."""
    struct = keccak256(
        keccak256(_ATTESTATION_TYPE)
        + bytes.fromhex(key.address[2:]).rjust(32, b"\0")
        + keccak256(str(timestamp_s).encode())
        + nonce.to_bytes(32, "big")
        + keccak256(_ATTESTATION)
    )
    return "0x" + key.sign(keccak256(b"\x19\x01" + _DOMAIN_SEPARATOR + struct)).hex()


class L2Signer:
    """Signs private requests with one L2 key. The address is the key owner's, also for a deposit wallet."""

    def __init__(self, address: str, credentials: ApiCredentials) -> None:
        """Raise ValueError when the secret is not url-safe base64; a missing padding is added."""
        padded = credentials.secret + "=" * (-len(credentials.secret) % 4)
        try:
            self._secret = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("expected a url-safe base64 API secret; obtain the credentials anew") from error
        self._fixed = {
            "POLY_ADDRESS": address,
            "POLY_API_KEY": credentials.key,
            "POLY_PASSPHRASE": credentials.passphrase,
        }

    def headers(self, timestamp_s: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """Return the five headers of a request: `path` without host and query, `body` exactly as sent."""
        assert "?" not in path, f"expected a path without its query, was {path}"
        message = f"{timestamp_s}{method}{path}".encode() + body
        signature = base64.urlsafe_b64encode(hmac.new(self._secret, message, hashlib.sha256).digest())
        return {**self._fixed, "POLY_SIGNATURE": signature.decode(), "POLY_TIMESTAMP": str(timestamp_s)}

"""The order as it is signed: EIP-712 digest (which is the order's id) and signature, for every wallet type.

Raw hashing with cached domain separators, byte-equal to the official client (protocol 4.1; the struct is
that of `polymarket-client` 0.14.0). Chooses no value: salt, time and amounts come from outside.
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum

from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.venue.endpoints import CHAIN_ID, EXCHANGE_V3, NEG_RISK_EXCHANGE, STANDARD_EXCHANGE
from engine.venue.keys import SigningKey, keccak256

ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_WRAPPED_TYPE = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,"
    "bytes32 salt)" + ORDER_TYPE
)
_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_NO_WORD = bytes(32)
"""Metadata, builder and the wallet domain's salt are all zero."""
_SALT_BITS = 53
"""A salt travels as a JSON number, so it must survive a double."""
_POSITION_RESERVED = ((1 << 64) - 1) << 40
"""Bits that are zero in every Protocol-V2 position id (protocol 4.1)."""


class SignatureType(Enum):
    """How the venue verifies an order; the value travels on the wire."""

    EOA = 0
    PROXY = 1
    SAFE = 2
    DEPOSIT_WALLET = 3
    """The wallet is a contract that asks its owner: the signature is wrapped (EIP-1271, nested EIP-712)."""


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address_word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


ORDER_TYPE_HASH = keccak256(ORDER_TYPE.encode())
_WRAPPED_TYPE_HASH = keccak256(_WRAPPED_TYPE.encode())
_WALLET_DOMAIN = keccak256(b"DepositWallet") + keccak256(b"1") + _word(CHAIN_ID)
_WRAP_TRAILER = ORDER_TYPE.encode() + len(ORDER_TYPE).to_bytes(2, "big")


def _separator(version: bytes, contract: str) -> bytes:
    return keccak256(
        keccak256(_DOMAIN_TYPE.encode())
        + keccak256(b"Polymarket CTF Exchange")
        + keccak256(version)
        + _word(CHAIN_ID)
        + _address_word(contract)
    )


class Exchange(Enum):
    """The contract that settles an order; the value is its EIP-712 domain separator."""

    STANDARD = _separator(b"2", STANDARD_EXCHANGE)
    NEG_RISK = _separator(b"2", NEG_RISK_EXCHANGE)
    V3 = _separator(b"3", EXCHANGE_V3)


def exchange_for(token_id: int, *, neg_risk: bool) -> Exchange:
    """Return the contract for a token: a position id goes to V3, whatever `neg_risk` says."""
    if token_id & _POSITION_RESERVED == 0:
        return Exchange.V3
    return Exchange.NEG_RISK if neg_risk else Exchange.STANDARD


@dataclass(frozen=True, slots=True)
class SignedFields:
    """Every value under the signature. Amounts in 1e-6; `maker` gives `maker_amount`; time in ms."""

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: Side
    signature_type: SignatureType
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """The order's id and its signature as the wire wants it (0x and hex)."""

    order_id: OrderId
    signature: str


def sign_order(key: SigningKey, fields: SignedFields, exchange: Exchange) -> SignedOrder:
    """Sign: deterministic, 65 bytes, or 317 for a deposit wallet. The id is always the plain digest."""
    contents = _contents_hash(fields)
    digest = keccak256(b"\x19\x01" + exchange.value + contents)
    if fields.signature_type is not SignatureType.DEPOSIT_WALLET:
        return SignedOrder(OrderId("0x" + digest.hex()), "0x" + key.sign(digest).hex())
    wrapped = keccak256(
        _WRAPPED_TYPE_HASH + contents + _WALLET_DOMAIN + _address_word(fields.signer) + _NO_WORD
    )
    inner = key.sign(keccak256(b"\x19\x01" + exchange.value + wrapped))
    signature = inner + exchange.value + contents + _WRAP_TRAILER
    return SignedOrder(OrderId("0x" + digest.hex()), "0x" + signature.hex())


def _contents_hash(fields: SignedFields) -> bytes:
    return keccak256(
        b"".join(
            (
                ORDER_TYPE_HASH,
                _word(fields.salt),
                _address_word(fields.maker),
                _address_word(fields.signer),
                _word(fields.token_id),
                _word(fields.maker_amount),
                _word(fields.taker_amount),
                _word(0 if fields.side is Side.BUY else 1),
                _word(fields.signature_type.value),
                _word(fields.timestamp_ms),
                _NO_WORD,
                _NO_WORD,
            )
        )
    )


def salt_for(install_secret: bytes, intent_key: str) -> int:
    """Return the salt of an intent: the low 53 bits of HMAC-SHA-256, so the same intent gives the same id."""
    digest = hmac.new(install_secret, intent_key.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest, "big") & ((1 << _SALT_BITS) - 1)

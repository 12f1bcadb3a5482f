"""What a trader signs, rebuilt and checked with the reference library eth_account (protocol 3.1 and 4.1).

Deliberately independent of the desk's own signing code: each checks the other. Nothing here signs.
"""

from dataclasses import dataclass

from eth_account import Account
from eth_account.messages import SignableMessage, _hash_eip191_message, encode_typed_data

from engine.simulator.contracts import Settlement
from engine.simulator.market import Side

CHAIN_ID = 137
ATTESTATION = "This message attests that I control the given wallet"
ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
]
_CONTRACT_FIELD = {"name": "verifyingContract", "type": "address"}
_AUTH_FIELDS = [
    {"name": "address", "type": "address"},
    {"name": "timestamp", "type": "string"},
    {"name": "nonce", "type": "uint256"},
    {"name": "message", "type": "string"},
]
_ORDER_FIELDS = [
    {"name": name, "type": kind}
    for kind, name in (part.split(" ") for part in ORDER_TYPE[len("Order(") : -1].split(","))
]
_WALLET_FIELDS = [
    {"name": "contents", "type": "Order"},
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
    {"name": "salt", "type": "bytes32"},
]
_SIGNATURE_BYTES = 65


@dataclass(frozen=True, slots=True)
class SignedFields:
    """The eleven signed values of an order; `metadata` and `builder` are 32 bytes each."""

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: Side
    signature_type: int
    timestamp: int
    metadata: bytes
    builder: bytes


def recover_attestation(address: str, timestamp: str, nonce: int, signature: str) -> str | None:
    """Return who signed the L1 attestation for `address`, or None when the signature is unusable."""
    message = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": _DOMAIN_FIELDS, "ClobAuth": _AUTH_FIELDS},
            "primaryType": "ClobAuth",
            "domain": {"name": "ClobAuthDomain", "version": "1", "chainId": CHAIN_ID},
            "message": {"address": address, "timestamp": timestamp, "nonce": nonce, "message": ATTESTATION},
        }
    )
    return _recover(message, signature)


def order_digest(fields: SignedFields, settlement: Settlement) -> str:
    """Return the digest under the settling contract's domain, the order's id: 0x and 64 hex digits."""
    return "0x" + bytes(_hash_eip191_message(_order_message(fields, settlement))).hex()


def recover_order_signer(fields: SignedFields, signature: str, settlement: Settlement) -> str | None:
    """Return the key's address behind an order signature, or None when it is malformed.

    Types 0 to 2 are a plain signature. Type 3 wraps one: 65 bytes, the exchange's domain separator, the
    order's struct hash, the order type as text, and its length in two bytes (wire transcripts, "Orders").
    """
    if fields.signature_type != 3:
        return _recover(_order_message(fields, settlement), signature)
    order = _order_message(fields, settlement)
    tail = order.header + order.body + ORDER_TYPE.encode() + len(ORDER_TYPE).to_bytes(2, "big")
    raw = _raw_bytes(signature)
    if raw is None or len(raw) != _SIGNATURE_BYTES + len(tail) or raw[_SIGNATURE_BYTES:] != tail:
        return None
    wrapped = encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": [*_DOMAIN_FIELDS, _CONTRACT_FIELD],
                "TypedDataSign": _WALLET_FIELDS,
                "Order": _ORDER_FIELDS,
            },
            "primaryType": "TypedDataSign",
            "domain": _exchange_domain(settlement),
            "message": {
                "contents": _order_values(fields),
                "name": "DepositWallet",
                "version": "1",
                "chainId": CHAIN_ID,
                "verifyingContract": fields.signer,
                "salt": bytes(32),
            },
        }
    )
    return _recover(wrapped, "0x" + raw[:_SIGNATURE_BYTES].hex())


def _exchange_domain(settlement: Settlement) -> dict[str, object]:
    return {
        "name": "Polymarket CTF Exchange",
        "version": settlement.version,
        "chainId": CHAIN_ID,
        "verifyingContract": settlement.exchange,
    }


def _order_values(fields: SignedFields) -> dict[str, object]:
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


def _order_message(fields: SignedFields, settlement: Settlement) -> SignableMessage:
    return encode_typed_data(
        full_message={
            "types": {"EIP712Domain": [*_DOMAIN_FIELDS, _CONTRACT_FIELD], "Order": _ORDER_FIELDS},
            "primaryType": "Order",
            "domain": _exchange_domain(settlement),
            "message": _order_values(fields),
        }
    )


def _raw_bytes(signature: str) -> bytes | None:
    try:
        return bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        return None


def _recover(message: SignableMessage, signature: str) -> str | None:
    raw = _raw_bytes(signature)
    if raw is None or len(raw) != _SIGNATURE_BYTES:
        return None
    try:
        return str(Account.recover_message(message, signature=raw))
    except Exception:  # noqa: BLE001 - the library has no common exception for this
        # boundary: the reference library raises several unrelated types for impossible curve points
        return None

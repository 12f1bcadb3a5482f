"""The JSON body of one order, parsed strictly into values (protocol 4.4). It judges form, not sense."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.simulator.eip712 import SignedFields
from engine.simulator.market import Side
from engine.simulator.orders import OrderType
from engine.simulator.refusals import INVALID_PAYLOAD, VERSION_MISMATCH, Refusal

SALT_LIMIT = 2**53
"""Salts travel as JSON numbers and must survive a double."""
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_WORD = re.compile(r"0x[0-9a-fA-F]{64}")
_DIGITS = re.compile(r"[0-9]{1,78}")
_WORD_LIMIT = 2**256
_FORMER_FIELDS = frozenset({"nonce", "feeRateBps", "taker"})
"""Fields that only the retired order version carries (protocol 4.1)."""


@dataclass(frozen=True, slots=True)
class OrderBody:
    """One entry of a POST: the signed fields and what travels beside them unsigned."""

    fields: SignedFields
    token_text: str
    signature: str
    owner: str
    order_type: OrderType
    post_only: bool
    deferred: bool
    expiration_s: int


def parse_body(body: object) -> OrderBody | Refusal:
    """Return the order of one decoded JSON value, or why it is not one."""
    if not isinstance(body, Mapping) or not isinstance(body.get("order"), Mapping):
        return INVALID_PAYLOAD
    order: Mapping[str, object] = body["order"]
    if "timestamp" not in order and _FORMER_FIELDS & order.keys():
        return VERSION_MISMATCH
    try:
        return OrderBody(
            fields=SignedFields(
                salt=_whole(order, "salt", SALT_LIMIT),
                maker=_text(order, "maker", _ADDRESS),
                signer=_text(order, "signer", _ADDRESS),
                token_id=_decimal(order, "tokenId"),
                maker_amount=_positive(order, "makerAmount"),
                taker_amount=_positive(order, "takerAmount"),
                side=Side(order["side"]),
                signature_type=_whole(order, "signatureType", 4),
                timestamp=_positive(order, "timestamp"),
                metadata=_word(order, "metadata"),
                builder=_word(order, "builder"),
            ),
            token_text=_text(order, "tokenId", _DIGITS),
            signature=_text(order, "signature", re.compile(r"0x[0-9a-fA-F]+")),
            owner=_text(body, "owner", re.compile(r".{1,100}")),
            order_type=OrderType(body["orderType"]),
            post_only=_flag(body, "postOnly"),
            deferred=_flag(body, "deferExec"),
            expiration_s=_decimal(order, "expiration"),
        )
    except (KeyError, ValueError):
        return INVALID_PAYLOAD


def _text(source: Mapping[str, object], key: str, shape: re.Pattern[str]) -> str:
    value = source[key]
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise ValueError(f"expected {key} to look like {shape.pattern}")
    return value


def _decimal(source: Mapping[str, object], key: str) -> int:
    value = int(_text(source, key, _DIGITS))
    if value >= _WORD_LIMIT:
        raise ValueError(f"expected {key} to fit 256 bits")
    return value


def _positive(source: Mapping[str, object], key: str) -> int:
    value = _decimal(source, key)
    if value == 0:
        raise ValueError(f"expected {key} to be positive")
    return value


def _whole(source: Mapping[str, object], key: str, limit: int) -> int:
    """Return a JSON number below `limit`; true and false are not numbers here."""
    value = source[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise ValueError(f"expected {key} to be a whole number below {limit}")
    return value


def _word(source: Mapping[str, object], key: str) -> bytes:
    return bytes.fromhex(_text(source, key, _WORD)[2:])


def _flag(source: Mapping[str, object], key: str) -> bool:
    value = source.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"expected {key} to be true or false")  # noqa: TRY004 - one exception means bad form
    return value

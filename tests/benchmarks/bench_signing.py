"""What an order costs before it leaves: fifteen legs signed with their bodies, and the headers of a request.

The official client's own typed data of the same fields, signed by its library, takes turns with ours; both
must agree on every signature. CPU time, inline on one thread, as the desk does it.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from eth_account import Account
from polymarket._internal.actions.orders.typed_data import build_order_typed_data
from polymarket._internal.actions.orders.types import BYTES32_ZERO, UnsignedOrder
from polymarket.types import EvmAddress, HexString

from engine.domain.market import Side
from engine.ports import PreparedOrder
from engine.venue.auth import L2Signer
from engine.venue.endpoints import CHAIN_ID, NEG_RISK_EXCHANGE, ORDERS_PER_POST
from engine.venue.keys import keccak256
from engine.venue.order_body import prepare_order
from engine.venue.signing import Exchange, SignatureType, SignedFields, SignedOrder, sign_order
from tests.benchmarks.goals import Figure, Run
from tests.benchmarks.rounds import no_collection, spread
from tests.support.venue_orders import (
    ACCOUNT,
    ADDRESS,
    CREDENTIALS,
    INSTALL_SECRET,
    INTENT,
    PRIVATE_KEY,
)

LEGS = [replace(INTENT, leg=leg) for leg in range(ORDERS_PER_POST)]
SIGNER = Account.from_key(PRIVATE_KEY)
DIGEST = keccak256(b"floor")
HEADERS = L2Signer(ADDRESS, CREDENTIALS)


def measure(run: Run) -> Mapping[str, Figure]:
    """Take rounds of batches, every lane in turn."""
    batches = 5 if run.quick else 40
    whole = _prepare()
    unsigned = [_unsigned(order) for order in whole]
    fields = [_fields(order) for order in whole]
    assert [_signature(order) for order in whole] == [_sign_theirs(order) for order in unsigned]
    assert [_signature(order) for order in whole] == [_sign_ours(order).signature for order in fields]
    body = b"[" + b",".join(order.body for order in whole) + b"]"
    lanes: dict[str, Callable[[], object]] = {
        "whole": _prepare,
        "ours": lambda: [_sign_ours(order) for order in fields],
        "theirs": lambda: [_sign_theirs(order) for order in unsigned],
        "floor": lambda: [ACCOUNT.key.sign(DIGEST) for _ in fields],
        "headers": lambda: HEADERS.headers(1_790_000_000, "POST", "/orders", body),
    }
    ns: dict[str, list[int]] = {name: [] for name in lanes}
    with no_collection():
        for _ in range(run.rounds):
            for name, work in lanes.items():
                ns[name].append(_timed(batches, work))
    note = f"{batches} batches of {ORDERS_PER_POST} legs a round"
    return {
        "signing-ms": Figure(
            spread([taken / batches / 1e6 for taken in ns["whole"]]), f"{note}, bodies included"
        ),
        "G9": Figure(spread([a / b for a, b in zip(ns["floor"], ns["ours"], strict=True)]), note),
        "G10": Figure(spread([a / b for a, b in zip(ns["theirs"], ns["ours"], strict=True)]), note),
        "signing-headers": Figure(
            spread([taken / batches / 1e3 for taken in ns["headers"]]), f"over a body of {len(body):,} bytes"
        ),
    }


def _timed(times: int, work: Callable[[], object]) -> int:
    began = time.process_time_ns()
    for _ in range(times):
        work()
    return time.process_time_ns() - began


def _prepare() -> list[PreparedOrder]:
    return [
        prepare_order(intent, ACCOUNT, owner=CREDENTIALS.key, install_secret=INSTALL_SECRET)
        for intent in LEGS
    ]


def _sign_ours(fields: SignedFields) -> SignedOrder:
    return sign_order(ACCOUNT.key, fields, Exchange.NEG_RISK)


def _sign_theirs(order: UnsignedOrder) -> str:
    signed = SIGNER.sign_typed_data(full_message=build_order_typed_data(order))
    return "0x" + bytes(signed.signature).hex()


def _signature(order: PreparedOrder) -> str:
    return str(json.loads(order.body)["order"]["signature"])


def _fields(order: PreparedOrder) -> SignedFields:
    """Return what is under the signature."""
    fields = json.loads(order.body)["order"]
    return SignedFields(
        salt=fields["salt"],
        maker=fields["maker"],
        signer=fields["signer"],
        token_id=int(fields["tokenId"]),
        maker_amount=int(fields["makerAmount"]),
        taker_amount=int(fields["takerAmount"]),
        side=Side(fields["side"]),
        signature_type=SignatureType(fields["signatureType"]),
        timestamp_ms=int(fields["timestamp"]),
    )


def _unsigned(order: PreparedOrder) -> UnsignedOrder:
    """Return the official client's order of the same fields."""
    fields = json.loads(order.body)["order"]
    return UnsignedOrder(
        builder=BYTES32_ZERO,
        chain_id=CHAIN_ID,
        exchange_address=EvmAddress(NEG_RISK_EXCHANGE),
        expiration=int(fields["expiration"]),
        maker=EvmAddress(fields["maker"]),
        maker_amount=int(fields["makerAmount"]),
        metadata=HexString(BYTES32_ZERO),
        order_type="GTD",
        salt=fields["salt"],
        side=fields["side"],
        signature_type=fields["signatureType"],
        signer=EvmAddress(fields["signer"]),
        taker_amount=int(fields["takerAmount"]),
        timestamp=int(fields["timestamp"]),
        token_id=fields["tokenId"],
        protocol_version="2",
    )

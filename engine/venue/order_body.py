"""From an intent to a signed order with the exact bytes that travel, now and on every re-send. Pure.

Keys stand in the order of `polymarket-client` 0.14.0 and there is no white space (protocol 4.4), so the bytes
equal the official client's for the same salt and time. Expiration, order type and post-only are not signed.
"""

import json
from dataclasses import dataclass

from engine.core.order_terms import form_problem, terms_of
from engine.domain.order import OrderIntent
from engine.ports import PreparedOrder
from engine.venue.amounts import limit_amounts
from engine.venue.keys import SigningKey, checksum_address
from engine.venue.signing import SignatureType, SignedFields, exchange_for, salt_for, sign_order

_ZERO = "0x" + "00" * 32


@dataclass(frozen=True, slots=True)
class TradingAccount:
    """Who trades: the key, and the wallet that holds the money (the key's own address for type 0)."""

    key: SigningKey
    wallet: str
    """Checksummed."""
    signature_type: SignatureType

    def __post_init__(self) -> None:
        """Refuse a wallet that cannot belong to its type."""
        own = self.wallet == self.key.address
        if self.wallet != checksum_address(self.wallet) or own != (self.signature_type is SignatureType.EOA):
            raise ValueError(
                f"expected a checksummed wallet that fits signature type {self.signature_type.value}, "
                f"was {self.wallet}; check wallet and wallet_type"
            )

    @property
    def signer(self) -> str:
        """Address in the order's `signer` field: a deposit wallet signs as itself."""
        return self.wallet if self.signature_type is SignatureType.DEPOSIT_WALLET else self.key.address


def prepare_order(
    intent: OrderIntent, account: TradingAccount, *, owner: str, install_secret: bytes
) -> PreparedOrder:
    """Sign one intent for the L2 key `owner`. The same arguments always give the same id and bytes."""
    problem = form_problem(terms_of(intent))
    assert problem is None, f"expected an order that may be signed, {intent.key}: {problem.text}"
    amounts = limit_amounts(intent.side, intent.price, intent.size, intent.tick)
    fields = SignedFields(
        salt=salt_for(install_secret, intent.key),
        maker=account.wallet,
        signer=account.signer,
        token_id=int(intent.token_id),
        maker_amount=amounts.maker,
        taker_amount=amounts.taker,
        side=intent.side,
        signature_type=account.signature_type,
        timestamp_ms=intent.created_ms,
    )
    signed = sign_order(account.key, fields, exchange_for(fields.token_id, neg_risk=intent.neg_risk))
    return PreparedOrder(signed.order_id, intent, _body(intent, fields, signed.signature, owner))


def _body(intent: OrderIntent, fields: SignedFields, signature: str, owner: str) -> bytes:
    """Return the order's JSON. Only `owner` comes from outside and needs escaping."""
    post_only = ',"postOnly":true' if intent.post_only else ""
    return (
        f'{{"deferExec":false,"order":{{"builder":"{_ZERO}","expiration":"{intent.expiration_s}",'
        f'"maker":"{fields.maker}","makerAmount":"{fields.maker_amount}","metadata":"{_ZERO}",'
        f'"salt":{fields.salt},"side":"{fields.side.value}","signature":"{signature}",'
        f'"signatureType":{fields.signature_type.value},"signer":"{fields.signer}",'
        f'"takerAmount":"{fields.taker_amount}","timestamp":"{fields.timestamp_ms}",'
        f'"tokenId":"{intent.token_id}"}},"orderType":"{intent.time_in_force.value}",'
        f'"owner":{json.dumps(owner)}{post_only}}}'
    ).encode()

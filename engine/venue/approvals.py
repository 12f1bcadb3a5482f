"""What the wallet allows: one read of the venue's data service, as values. Judges nothing."""

import msgspec

from engine.domain.chain import COLLATERAL, CONTRACTS, UNLIMITED, Allowance, Contract
from engine.domain.failure import VenueFailure
from engine.venue.http_client import HttpClient
from engine.venue.private_calls import body_of
from engine.venue.strict_json import OddAnswer, decode

PATH = "/v2/approvals"
_DIGITS_MAX = 78
"""Digits of the largest number the chain knows."""


class _Row(msgspec.Struct, frozen=True):
    token: str
    spender: str
    standard: str
    approved: bool
    amount: str | None = None


class _Approvals(msgspec.Struct, frozen=True):
    address: str
    chain_id: int
    contracts: list[msgspec.Raw]


class _Envelope(msgspec.Struct, frozen=True):
    data: _Approvals


async def read_allowances(
    http: HttpClient, data_host: str, wallet: str
) -> tuple[Allowance, ...] | VenueFailure:
    """Read what every contract of the pinned table may move of `wallet`, in the table's order."""
    answer = await http.request("GET", data_host + PATH, query={"user": wallet})
    raw = body_of(answer, f"GET {PATH}")
    if isinstance(raw, VenueFailure):
        return raw
    try:
        return allowances_of(raw, wallet)
    except OddAnswer as error:
        return VenueFailure(f"GET {PATH}: {error}")


def allowances_of(raw: bytes, wallet: str) -> tuple[Allowance, ...]:
    """Return the allowances an answer tells; raises OddAnswer for another wallet or chain, or a missing row.

    Rows of contracts that are not in the table are not looked at: the service lists more than this desk uses.
    """
    told = decode(raw, _Envelope).data
    if told.address.lower() != wallet.lower():
        raise OddAnswer(f"expected the approvals of {wallet}, found those of {told.address[:42]}")
    if told.chain_id != 137:
        raise OddAnswer(f"expected chain 137, found {told.chain_id}")
    rows: dict[tuple[str, str], _Row] = {}
    for part in told.contracts:
        row = decode(part, _Row)
        pair = row.token.lower(), row.spender.lower()
        if pair in rows:
            raise OddAnswer(f"expected every pair once, found {row.spender[:42]} twice")
        rows[pair] = row
    return tuple(_allowance(contract, rows) for contract in CONTRACTS)


def _allowance(contract: Contract, rows: dict[tuple[str, str], _Row]) -> Allowance:
    spends = rows.get((COLLATERAL.lower(), contract.address.lower()))
    moves = rows.get((contract.outcomes.lower(), contract.address.lower()))
    if spends is None or moves is None or spends.standard != "ERC20" or moves.standard != "ERC1155":
        raise OddAnswer(f"expected the two approvals of {contract.label}, found none or another kind")
    # A row that is not approved may still carry an amount ("max"): it means nothing then.
    amount = _amount(spends.amount) if spends.approved else 0
    return Allowance(contract, amount, moves.approved)


def _amount(text: str | None) -> int:
    if text == "max":
        return UNLIMITED
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > _DIGITS_MAX:
        raise OddAnswer(f"expected an amount in base units or max, was {str(text)[:40]!r}")
    return min(int(text), UNLIMITED)

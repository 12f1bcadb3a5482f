"""The pinned contracts of the venue, and what they are approved to move (protocol 9.5 and 9.6). Values only.

Read off the environment of `polymarket-client` 0.14.0, 2026-11; that client insists on all of them.
"""

from dataclasses import dataclass
from enum import Enum

from engine.simulator.market import MarketSpec

UNLIMITED = 2**256 - 1
"""An allowance that trades do not use up."""
COLLATERAL = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
"""pUSD, an ERC-20 token."""
CONDITIONAL_TOKENS = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
"""The outcome tokens of v1 markets, an ERC-1155 contract."""
POSITION_MANAGER = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
"""The outcome tokens of Protocol V2."""
EXCHANGE_STANDARD = "0xE111180000d2663C0091e4f400237545B87B996B"
EXCHANGE_NEG_RISK = "0xe2222d279d744050d28e00520010520000310F59"
"""The two contracts that settle v1 markets (protocol 4.1): approvals and order signatures name them."""
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
"""The contract that settles markets of Protocol V2, neg-risk ones, too."""


class Approval(Enum):
    """What a contract is approved to move."""

    COLLATERAL = COLLATERAL
    OUTCOMES = CONDITIONAL_TOKENS
    POSITIONS = POSITION_MANAGER


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract with everything the official client approves it for."""

    label: str
    address: str
    approvals: frozenset[Approval]


_CASH, _TOKENS = Approval.COLLATERAL, Approval.OUTCOMES
CONTRACTS = (
    Contract("exchange", EXCHANGE_STANDARD, frozenset({_CASH, _TOKENS})),
    Contract("neg-risk-exchange", EXCHANGE_NEG_RISK, frozenset({_CASH, _TOKENS})),
    Contract("adapter", "0xAdA100Db00Ca00073811820692005400218FcE1f", frozenset({_CASH, _TOKENS})),
    Contract("neg-risk-adapter", "0xadA2005600Dec949baf300f4C6120000bDB6eAab", frozenset({_CASH, _TOKENS})),
    Contract("router", "0x12121212006e4CD160D18e3f00711DA5c3372600", frozenset({_CASH, Approval.POSITIONS})),
    Contract("exchange-v3", EXCHANGE_V3, frozenset({_CASH, Approval.POSITIONS})),
    Contract("perps-deposit", "0xDCa4af75705dbB50f62437045afF9921947917d2", frozenset({_CASH})),
    Contract(
        "auto-redeem",
        "0xa1200000d0002264C9a1698e001292D00E1b00af",
        frozenset({_TOKENS, Approval.POSITIONS}),
    ),
    Contract("binary-module", "0x1000008dD9001B968442c1000017eaE6E0dA00Ba", frozenset({_TOKENS})),
    Contract("neg-risk-module", "0x200000900045e3B6259600682756002200028933", frozenset({_TOKENS})),
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How the trades of a market settle.

    `exchange` is named by approvals and order signatures, the latter under a domain of `version`; `tokens` is
    the contract of its outcome tokens, `adapter` the one that splits, merges and redeems them.
    """

    exchange: str
    version: str
    tokens: str
    adapter: str


def _address(label: str) -> str:
    return next(row.address for row in CONTRACTS if row.label == label)


STANDARD = Settlement(EXCHANGE_STANDARD, "2", CONDITIONAL_TOKENS, _address("adapter"))
NEG_RISK = Settlement(EXCHANGE_NEG_RISK, "2", CONDITIONAL_TOKENS, _address("neg-risk-adapter"))
PROTOCOL_V2 = Settlement(EXCHANGE_V3, "3", POSITION_MANAGER, _address("router"))


def settlement_of(market: MarketSpec) -> Settlement:
    """Return how this market's trades settle: position ids by one contract, neg-risk or not."""
    if market.positions:
        return PROTOCOL_V2
    return NEG_RISK if market.neg_risk else STANDARD


def find_contract(name: str) -> Contract | None:
    """Return the contract of a label or an address in any letter case, None for any other text."""
    return next((row for row in CONTRACTS if name.lower() in (row.label, row.address.lower())), None)


def collateral_spenders() -> tuple[str, ...]:
    """Return the addresses that the official client lets spend collateral."""
    return tuple(row.address for row in CONTRACTS if _CASH in row.approvals)


def outcome_operators() -> tuple[tuple[str, str], ...]:
    """Return (token contract, operator) for every permission over tokens that the official client gives."""
    return tuple(
        (approval.value, row.address)
        for row in CONTRACTS
        for approval in (_TOKENS, Approval.POSITIONS)
        if approval in row.approvals
    )

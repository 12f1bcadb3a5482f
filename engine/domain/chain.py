"""What the desk may do on chain: approvals by label, split, merge, redeem; the pinned table of contracts.

Addresses are never typed by anyone: an approval names a row of `CONTRACTS` (protocol 9.5 and 9.6, the
environment of `polymarket-client` 0.14.0, read 2026-11-22). Amounts are micro-dollars (1e-6 pUSD) or
micro-shares.
"""

from dataclasses import dataclass
from enum import Enum

from engine.domain.units import Usdc

COLLATERAL = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
"""pUSD, the venue's collateral: an ERC-20 token with six decimals."""
OUTCOMES = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
"""Conditional Tokens: the ERC-1155 contract that holds every outcome token of a v1 market."""
POSITIONS = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
"""Position manager: the same for Protocol-V2 positions."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract that may be allowed to move something of the wallet."""

    label: str
    """What people call it; never an address."""
    address: str
    outcomes: str
    """The contract of the outcome tokens it may move."""
    purpose: str


CONTRACTS: tuple[Contract, ...] = (
    Contract(
        "exchange",
        "0xE111180000d2663C0091e4f400237545B87B996B",
        OUTCOMES,
        "orders on markets of their own",
    ),
    Contract(
        "neg-risk-exchange",
        "0xe2222d279d744050d28e00520010520000310F59",
        OUTCOMES,
        "orders on events whose outcomes exclude each other",
    ),
    Contract(
        "exchange-v3",
        "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
        POSITIONS,
        "orders on Protocol-V2 positions",
    ),
    Contract(
        "adapter",
        "0xAdA100Db00Ca00073811820692005400218FcE1f",
        OUTCOMES,
        "split, merge, redeem",
    ),
    Contract(
        "neg-risk-adapter",
        "0xadA2005600Dec949baf300f4C6120000bDB6eAab",
        OUTCOMES,
        "split, merge, redeem of events whose outcomes exclude each other; settlement of their trades",
    ),
    Contract(
        "router",
        "0x12121212006e4CD160D18e3f00711DA5c3372600",
        POSITIONS,
        "split, merge, redeem of Protocol-V2 positions",
    ),
)
"""Everything this desk can use. Without the adapters' approval matched orders fail to settle."""


def contract(label: str) -> Contract | None:
    """Return the row of a label, None if there is none."""
    return next((row for row in CONTRACTS if row.label == label), None)


UNLIMITED = (1 << 256) - 1
"""The chain's own way to say "without a limit"; this desk never asks for it."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one contract may move of the wallet at present."""

    contract: Contract
    collateral: int
    """Micro-dollars; `UNLIMITED` where somebody allowed everything."""
    outcomes: bool
    """Whether it may move the wallet's outcome tokens, all of them: the chain knows no amount there."""


class ActState(Enum):
    """What became of a transaction."""

    DONE = "done"
    FAILED = "failed"
    """The chain or the venue's gas relayer ended it without effect."""
    NOT_SENT = "not sent"
    """Nothing was submitted: refused beforehand, no connection, or the wallet is busy with another act."""
    UNKNOWN = "unknown"
    """Submitted, and what became of it was not told: look at the wallet before anything else."""


@dataclass(frozen=True, slots=True)
class ActOutcome:
    """The end of one act. `reference` is the transaction's hash or the gas relayer's id, or empty."""

    state: ActState
    reference: str
    reason: str
    """Empty for DONE."""


APPROVAL_DAYS_MAX = 30
"""An approval may cover at most this many times the day cap: bounded, and not asked for every week."""


def approval_bound(day_cap: Usdc) -> Usdc:
    """Return the largest amount that may be approved for one contract, micro-dollars."""
    return Usdc(day_cap * APPROVAL_DAYS_MAX)

"""What the shell tells the core about the wallet's acts and permissions on chain."""

from dataclasses import dataclass

from engine.domain.chain import ActOutcome, Allowance
from engine.domain.commands import AskApprove
from engine.domain.units import Ms


@dataclass(frozen=True, slots=True)
class AllowancesRead:
    """Answer to ReadAllowances: the allowances, or why they could not be read."""

    at_ms: Ms
    request: int
    asked: AskApprove
    allowances: tuple[Allowance, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ActEnded:
    """What became of an act that `CarryOut` handed to the chain, as far as chain or gas relayer told."""

    at_ms: Ms
    act_id: str
    outcome: ActOutcome

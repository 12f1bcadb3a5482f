"""What contracts may move of the wallet, against what this desk needs: shown and asked for, never done.

Needed is the day cap: no more can be spent before a person looks again. The largest that may be approved is
`engine.domain.chain.approval_bound`.
"""

from engine.core.state import Desk
from engine.core.tickets.ticket import refuse
from engine.domain.chain import CONTRACTS, Allowance, approval_bound, contract
from engine.domain.chain_events import AllowancesRead
from engine.domain.commands import AskApprove
from engine.domain.effects import Effect, ReadAllowances, Reply
from engine.domain.events import Asked
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Rounding, Usdc, format_cents
from engine.domain.views import AllowanceRow, AllowancesView, Permission, RefusalView

SPENDERS = frozenset({"exchange", "neg-risk-exchange", "neg-risk-adapter"})
"""Labels that must be able to move collateral: both exchanges, and the adapter that settles the second."""
MOVERS = frozenset({"exchange", "neg-risk-exchange", "adapter", "neg-risk-adapter"})
"""Labels that must be able to move outcome tokens: to sell them, to merge and redeem them."""


def ask_approve(_desk: Desk, asked: Asked, command: AskApprove) -> list[Effect]:
    """Read the allowances; a label nobody knows is refused before."""
    problem = None if not command.label else label_problem(command.label)
    if problem is not None:
        return refuse(asked, "approve", problem)
    return [ReadAllowances(asked.request, command)]


def allowances_read(desk: Desk, event: AllowancesRead) -> list[Effect]:
    """Show what was read beside what is needed, and what the asker wants to change."""
    if event.failure:
        text = f"the allowances could not be read: {event.failure}; nothing was changed, ask again"
        return [Reply(event.request, RefusalView("approve", Refusal(RefusalKind.GATE_CLOSED, text)))]
    day_cap = desk.settings.caps.day
    wanted = None
    if event.asked.label and event.asked.amount is not None:
        problem = amount_problem(event.asked.amount, day_cap)
        if problem is not None:
            return [Reply(event.request, RefusalView("approve", problem))]
        wanted = event.asked.label, event.asked.amount
    view = AllowancesView(judged(event.allowances, day_cap), approval_bound(day_cap), wanted)
    return [Reply(event.request, view)]


def judged(allowances: tuple[Allowance, ...], day_cap: Usdc) -> tuple[AllowanceRow, ...]:
    """Return one row for every allowance, with how each of its two permissions stands."""
    return tuple(_row(allowance, day_cap) for allowance in allowances)


def _row(allowance: Allowance, day_cap: Usdc) -> AllowanceRow:
    label = allowance.contract.label
    needed = day_cap if label in SPENDERS else Usdc(0)
    if allowance.collateral > approval_bound(day_cap):
        spending = Permission.TOO_LARGE
    elif allowance.collateral < needed:
        spending = Permission.MISSING
    else:
        spending = Permission.FINE if needed or allowance.collateral else Permission.UNUSED
    moving = Permission.FINE if allowance.outcomes else Permission.UNUSED
    if label in MOVERS and not allowance.outcomes:
        moving = Permission.MISSING
    return AllowanceRow(
        label=label,
        purpose=allowance.contract.purpose,
        collateral=allowance.collateral,
        needed=needed,
        spending=spending,
        outcomes=allowance.outcomes,
        moving=moving,
    )


def label_problem(label: str) -> Refusal | None:
    """Return why this is no label of the pinned table, None if it is one. An address is never taken."""
    if contract(label) is not None:
        return None
    known = ", ".join(row.label for row in CONTRACTS)
    return Refusal(
        RefusalKind.UNKNOWN_CODE, f"expected one of {known}, found {label[:42]!r}; addresses are not taken"
    )


def amount_problem(amount: Usdc, day_cap: Usdc) -> Refusal | None:
    """Return why this amount may not be approved, None if it may; 0 takes a permission back."""
    bound = approval_bound(day_cap)
    if amount <= bound:
        return None
    return Refusal(
        RefusalKind.CAPS,
        f"expected at most {format_cents(bound, Rounding.DOWN)} USDC (30 times the day cap), found "
        f"{format_cents(amount, Rounding.UP)}: name a smaller amount; unlimited approvals are not given",
    )

"""What one planning run works on: the legs, the terms, the caps in dollars, and the plan at any size."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.core.draft import Candidate, Draft, draft_at, objective_of
from engine.core.dutch_params import DutchParams
from engine.core.leg_risk import worth_the_risk
from engine.core.optimum import NoTrade, Optimum, best_size
from engine.domain.plan import PlanKind
from engine.domain.refusal import RefusalKind
from engine.domain.units import Size, Usdc


@dataclass(frozen=True, slots=True)
class Room:
    """What a new plan may still spend under each cap; reservations are already taken off."""

    ticket: Usdc
    day: Usdc
    wallet: Usdc


@dataclass(frozen=True, slots=True)
class Limit:
    """One cap that shrinks the size. Its measure never falls when the size grows."""

    words: str
    kind: RefusalKind
    amount: Usdc
    measure: Callable[[Draft], Usdc]
    next_step: str


def limits_of(params: DutchParams, room: Room) -> tuple[Limit, ...]:
    """Return every cap in dollars, in the order in which they are named when several bind."""
    caps, loss = RefusalKind.CAPS, RefusalKind.LEG_LOSS
    in_toml = "it is raised in the TOML only"
    return (
        Limit("cap per ticket", caps, room.ticket, lambda draft: draft.spend_max, in_toml),
        Limit(
            "cap per day", caps, room.day, lambda draft: draft.spend_max, "it is free again tomorrow (UTC)"
        ),
        Limit("wallet", caps, room.wallet, lambda draft: draft.spend_max, "fund it or free what is reserved"),
        Limit("max_leg_loss_usdc", loss, params.max_leg_loss, lambda draft: draft.risk.bound, in_toml),
        Limit("max_residual_usdc", loss, params.max_residual, lambda draft: draft.risk.hard, in_toml),
    )


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one planning run works on."""

    code: str
    kind: PlanKind
    candidates: tuple[Candidate, ...]
    params: DutchParams
    limits: tuple[Limit, ...]

    def best(self, max_sets: int) -> Optimum | NoTrade:
        """Return the optimum among the sizes up to `max_sets` micro-shares."""
        objective = objective_of(self.kind, self.params, max_sets=Size(max_sets))
        return best_size([candidate.leg for candidate in self.candidates], objective)

    def draft(self, lots: int) -> Draft:
        """Return the plan at one size."""
        return draft_at(self.candidates, lots, self.params, kind=self.kind)

    def broken(self, draft: Draft) -> Limit | None:
        """Return the first cap that a plan breaks."""
        return next((limit for limit in self.limits if limit.measure(draft) > limit.amount), None)

    def odds(self, draft: Draft) -> bool:
        """Tell whether the profit outweighs what partly filled legs could lose."""
        return worth_the_risk(draft.profit, draft.risk.bound, success_pct=self.params.success_pct)

    def pays(self, draft: Draft) -> bool:
        """Tell whether the net margin, rounded down as the card shows it, is enough."""
        return draft.margin.net > 0 and draft.margin.net >= self.params.min_profit

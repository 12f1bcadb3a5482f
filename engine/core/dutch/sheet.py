"""What one planning run works on: the legs, the terms, the caps in dollars, and the plan at any size."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.core.dutch.draft import Draft, draft_at, lot_for, objective_of, probed
from engine.core.dutch.leg_risk import worth_the_risk
from engine.core.dutch.legs import Candidate
from engine.core.dutch.params import DutchParams
from engine.core.planner.optimum import NoTrade, Optimum, best_size
from engine.domain.plan import PlanKind, Sequencing
from engine.domain.refusal import RefusalKind
from engine.domain.units import Size, Usdc


@dataclass(frozen=True, slots=True)
class Room:
    """What a new plan may still spend under each cap; reservations are already taken off."""

    ticket: Usdc
    day: Usdc
    wallet: Usdc
    event: Usdc | None = None
    """Under `max_event_usdc`; None where nothing is held or reserved, so that the knob itself is the room."""
    total: Usdc | None = None
    """The same under `max_total_usdc`."""
    success_pct: int | None = None
    """What share of plans filled whole, learned; None to take the terms' own."""


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
    event = params.max_event if room.event is None else room.event
    total = params.max_total if room.total is None else room.total
    spends = (
        ("cap per ticket", room.ticket, in_toml),
        ("cap per day", room.day, "it is free again tomorrow (UTC)"),
        ("wallet", room.wallet, "fund it or free what is reserved"),
        ("max_plan_usdc", params.max_plan, in_toml),
        ("max_event_usdc", event, "it is free again when what is held of the event is sold or paid out"),
        ("max_total_usdc", total, "it is free again when something held is sold or paid out"),
    )
    return (
        *(Limit(words, caps, amount, lambda draft: draft.spend_max, then) for words, amount, then in spends),
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
    success_pct: int
    sequencing: Sequencing = Sequencing.BATCH

    @property
    def lot(self) -> Size:
        """The size step of the terms and of every leg's order type."""
        return lot_for(self.candidates, self.params)

    def best(self, max_sets: int) -> Optimum | NoTrade:
        """Return the optimum among the sizes up to `max_sets` micro-shares."""
        objective = objective_of(self.kind, self.candidates, self.params, max_sets=Size(max_sets))
        return best_size([candidate.leg for candidate in self.candidates], objective)

    def draft(self, lots: int) -> Draft:
        """Return the plan at one size."""
        draft = draft_at(self.candidates, lots, self.params, kind=self.kind)
        return probed(draft) if self.sequencing is Sequencing.PROBE else draft

    def broken(self, draft: Draft) -> Limit | None:
        """Return the first cap that a plan breaks."""
        return next((limit for limit in self.limits if limit.measure(draft) > limit.amount), None)

    def odds(self, draft: Draft) -> bool:
        """Tell whether the profit outweighs what partly filled legs could lose."""
        return worth_the_risk(draft.profit, draft.risk.bound, success_pct=self.success_pct)

    def pays(self, draft: Draft) -> bool:
        """Tell whether the net margin, rounded down as the card shows it, is enough."""
        return draft.margin.net > 0 and draft.margin.net >= self.params.min_profit

"""From the TOML's words to the core's parameters. Units change here and nowhere else."""

from dataclasses import fields

from config.settings import Settings
from engine.core.dutch.event_plan import DutchParams
from engine.core.quotes import SpreadRules
from engine.core.state import Caps, DeskSettings, OrderRules, RepairRules, TicketRules
from engine.domain.ids import EventId, UserId
from engine.domain.quote import QuoteKnobs
from engine.domain.ticket import Operator
from engine.domain.units import SIZE_ONE, Ms, Size, Usdc

READ_FIRST_MS = Ms(800)
"""A Send pressed sooner than this after its card appeared was not read (docs/operator-guide.md)."""
OPEN_TICKETS_MAX = 3
WHOLE_SETS = Size(SIZE_ONE)
"""The venue takes hundredths of a share; whole sets cost little, and who asks for 200 sees 200."""
SUCCESS_PCT = 80
"""Share of plans expected to fill whole before any history exists (design, section 7)."""


def desk_settings(settings: Settings) -> DeskSettings:
    """Return the core's limits and parameters."""
    return DeskSettings(
        caps=Caps(ticket=Usdc(settings.caps.ticket_usdc), day=Usdc(settings.caps.day_usdc)),
        tickets=TicketRules(
            dry_ttl_ms=Ms(settings.tickets.dry_ttl_s * 1_000),
            armed_ttl_ms=Ms(settings.tickets.armed_ttl_s * 1_000),
            read_first_ms=READ_FIRST_MS,
            open_max=OPEN_TICKETS_MAX,
        ),
        orders=OrderRules(
            gtd_margin_ms=Ms(settings.relayer.gtd_margin_s * 1_000),
            horizon_ms=Ms(settings.relayer.horizon_s * 1_000),
            retries_max=settings.relayer.relayer_max_retries,
            retry_sleep_max_ms=Ms(settings.relayer.relayer_retry_sleep_ms),
        ),
        dutch=dutch_params(settings),
        spread=spread_rules(settings),
        repair=RepairRules(
            leg_timeout_ms=Ms(settings.dutch.leg_timeout_ms), cooldown_ms=Ms(settings.dutch.cooldown_ms)
        ),
        reviewed={EventId(event): digest for event, digest in settings.rules.reviewed.items()},
    )


def dutch_params(settings: Settings) -> DutchParams:
    """Return the planner's knobs."""
    dutch = settings.dutch
    return DutchParams(
        lot=WHOLE_SETS,
        fee_bps=dutch.fee_bps,
        slippage_ticks=dutch.slippage_ticks,
        safety_per_set=Usdc(dutch.safety_margin_usdc),
        fixed_cost=Usdc(dutch.fixed_cost_usdc),
        min_profit=Usdc(dutch.min_profit_usdc),
        max_sets=Size(dutch.max_set_size * SIZE_ONE),
        max_leg=Usdc(dutch.max_leg_usdc),
        max_plan=Usdc(dutch.max_plan_usdc),
        max_event=Usdc(dutch.max_event_usdc),
        max_total=Usdc(dutch.max_total_usdc),
        max_book_age_ms=Ms(dutch.max_book_age_ms),
        max_leg_skew_ms=Ms(dutch.max_leg_skew_ms),
        allow_other=dutch.allow_other,
        carry_rate_e6=dutch.carry_rate,
        days_locked=dutch.days_locked,
        max_days_locked=dutch.max_days_locked,
        stress_levels=dutch.stress_levels,
        max_leg_loss=Usdc(dutch.max_leg_loss_usdc),
        max_residual=Usdc(dutch.max_residual_usdc),
        success_pct=SUCCESS_PCT,
    )


def spread_rules(settings: Settings) -> SpreadRules:
    """Return the quoter's knobs, each under its own name, and what bounds all quoted markets together."""
    spread = settings.spread
    return SpreadRules(
        knobs=QuoteKnobs(**{knob.name: getattr(spread, knob.name) for knob in fields(QuoteKnobs)}),
        rebate_pct=spread.rebate_pct,
        resting_max=Usdc(spread.max_resting_usdc),
        all_quotes=(spread.all_quotes_per_min, spread.all_quote_burst),
        all_cancels=(spread.all_cancels_per_min, spread.all_cancel_burst),
        all_cancel_reserve=spread.all_cancel_reserve,
    )


def operators_of(settings: Settings) -> tuple[Operator, ...]:
    """Return the allowlist."""
    return tuple(Operator(UserId(row.user_id), row.name, row.role) for row in settings.operators)

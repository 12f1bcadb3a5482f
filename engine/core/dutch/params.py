"""The terms of the Dutch strategy, as the planner takes them."""

from dataclasses import dataclass

from engine.domain.units import Ms, Size, Usdc


@dataclass(frozen=True, slots=True)
class DutchParams:
    """The Dutch knobs of strategy 5.7 as integers; defaults belong to the settings."""

    lot: Size
    """Sizes are whole multiples of it; itself a multiple of 0.01 share."""
    fee_bps: int
    """Buffer on notional, on top of the venue's own curve."""
    slippage_ticks: int
    """Counted as cost of every leg and added to its limit price."""
    safety_per_set: Usdc
    fixed_cost: Usdc
    """Per plan: gas and relayer; 0 where both are free."""
    min_profit: Usdc
    """The net margin must reach it, and be above 0 anyway."""
    max_sets: Size
    max_leg: Usdc
    """Cap on the raw cost of any one leg."""
    max_plan: Usdc
    """Cap on what one plan may spend."""
    max_event: Usdc
    """Cap on what is paid, and may still be paid, for shares of one event."""
    max_total: Usdc
    """The same over all events."""
    max_book_age_ms: Ms
    """Longest time since a book's connection was last heard."""
    max_leg_skew_ms: Ms
    """Largest difference between the oldest and the newest book of one plan."""
    allow_other: bool
    """Counts "Other" of a non-augmented event as a leg."""
    carry_rate_e6: int
    """Yearly cost of capital in 1e-6, charged on sets, which pay only at resolution."""
    days_locked: int
    """Days until then where no end date is known; 0 charges nothing."""
    max_days_locked: int
    """Sets that would pay later than that are not bought; 0 for no limit."""
    stress_levels: int
    """Best bids assumed gone when a leg must be sold again."""
    max_leg_loss: Usdc
    """Cap on L."""
    max_residual: Usdc
    """Cap on L0."""
    success_pct: int
    """Share of plans expected to fill whole, in percent: pi of "pi Pi > (1 - pi) L"."""

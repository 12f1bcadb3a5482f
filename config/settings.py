"""The service TOML and its secrets file, parsed once into checked values. No environment variable is read.

Money in the TOML is decimal text ("250.00") or a whole number, never a float. Unknown keys are refused,
missing caps are refused. What each mode still needs is `config.modes`' business.
"""

import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.secrets_file import SECRETS_NAME, read_secrets
from engine.domain.quote import RewardMode
from engine.domain.ticket import Role
from engine.domain.units import Usdc, parse_scaled, parse_usdc


class SettingsError(Exception):
    """The configuration cannot be used; the text names every key, what was expected and what was found."""


class Mode(Enum):
    """Where market data comes from and where orders go (docs/architecture.md)."""

    LOCAL = "local"
    PAPER = "paper"
    LIVE = "live"


def _usdc(value: object) -> Usdc:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Usdc(value * 1_000_000)
    if isinstance(value, str):
        return parse_usdc(value)
    raise ValueError(f'expected dollars as text like "250.00" or a whole number, was {value!r}')


def _millionths(value: object) -> int:
    if isinstance(value, str):
        return parse_scaled(value, 6)
    raise ValueError(f'expected a rate as text like "0.05", was {value!r}')


def _key(value: SecretStr) -> SecretStr:
    digits = value.get_secret_value().removeprefix("0x")
    if digits and (len(digits) != 64 or set(digits.lower()) - set("0123456789abcdef")):
        raise ValueError("expected 0x and 64 hex digits, or nothing in local mode")
    return value


Money = Annotated[int, BeforeValidator(_usdc)]
"""Micro-dollars, written as decimal text."""
Shares = Annotated[int, BeforeValidator(_usdc)]
"""Micro-shares, written as decimal text like money."""
Rate = Annotated[int, BeforeValidator(_millionths)]
"""A ratio in 1e-6, written as decimal text."""


class Section(BaseModel):
    """A table of the TOML: every key is known or refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OperatorRow(Section):
    """One allowlisted person."""

    user_id: Annotated[int, Field(gt=0)]
    name: Annotated[str, Field(min_length=1, max_length=32)]
    role: Role


def _once_each(rows: tuple[OperatorRow, ...]) -> tuple[OperatorRow, ...]:
    ids = [row.user_id for row in rows]
    if len(set(ids)) != len(ids):
        raise ValueError("expected every user_id once, found one twice")
    return rows


class TelegramSection(Section):
    """The chat's outside. In local mode without a token the stand-in takes Telegram's place."""

    base_url: str = ""
    """Empty: Telegram when a token is set, otherwise the desk's own stand-in."""
    token: SecretStr = SecretStr("")
    webhook_secret: SecretStr = SecretStr("")
    webhook_url: str = ""
    """Public https address that reaches `/tg`; not needed with the stand-in."""
    webhook_host: str = "127.0.0.1"
    webhook_port: Annotated[int, Field(ge=0, le=65_535)] = 0


class CapsSection(Section):
    """Limits that no chat command can raise. Both are required."""

    ticket_usdc: Money
    day_usdc: Money


class DutchSection(Section):
    """Knobs of the Dutch planner, by their names in the operator guide."""

    fee_bps: Annotated[int, Field(ge=0, le=10_000)] = 0
    slippage_ticks: Annotated[int, Field(ge=0, le=100)] = 1
    safety_margin_usdc: Money = 2_000
    fixed_cost_usdc: Money = 0
    min_profit_usdc: Money = 500_000
    max_set_size: Annotated[int, Field(gt=0)] = 1_000
    max_leg_usdc: Money = 500_000_000
    max_plan_usdc: Money = 1_000_000_000
    max_event_usdc: Money = 2_500_000_000
    """Over all that is held of an event, or may still be bought by orders that are out."""
    max_total_usdc: Money = 10_000_000_000
    max_book_age_ms: Annotated[int, Field(gt=0)] = 5_000
    max_leg_skew_ms: Annotated[int, Field(gt=0)] = 5_000
    allow_other: bool = False
    carry_rate: Rate = 0
    """Yearly cost of capital that a set, which pays only at resolution, is charged until its event ends."""
    days_locked: Annotated[int, Field(ge=0, le=3_650)] = 0
    """Days charged where no end date is known."""
    max_days_locked: Annotated[int, Field(ge=0, le=36_500)] = 0
    """0: no limit."""
    max_leg_loss_usdc: Money = 150_000_000
    max_residual_usdc: Money = 250_000_000
    stress_levels: Annotated[int, Field(ge=0, le=50)] = 1
    leg_timeout_ms: Annotated[int, Field(gt=0, le=3_600_000)] = 30_000
    cooldown_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 60_000


Percent = Annotated[int, Field(ge=0, le=10_000)]
Ticks = Annotated[int, Field(ge=0, le=1_000)]
Pause = Annotated[int, Field(ge=0, le=3_600_000)]
"""Milliseconds."""
Tokens = Annotated[int, Field(ge=1, le=10_000)]


class SpreadSection(Section):
    """Knobs of the quoter, by their names in the operator guide (`engine.domain.quote.QuoteKnobs`)."""

    min_level_size: Shares = 5_000_000
    depth_levels: Annotated[int, Field(ge=1, le=50)] = 3
    micro_weight_pct: Percent = 50
    flow_weight_pct: Percent = 25
    sibling_pct: Percent = 0
    vol_halflife_ms: Annotated[int, Field(ge=1, le=86_400_000)] = 60_000
    vol_horizon_ms: Annotated[int, Field(ge=1, le=86_400_000)] = 10_000
    stale_ms: Annotated[int, Field(ge=1, le=60_000)] = 5_000
    stale_recover_ms: Pause = 2_000
    min_spread_ticks: Ticks = 2
    min_half_spread_ticks: Ticks = 1
    min_edge_ticks: Ticks = 1
    improve_ticks: Ticks = 0
    k_vol_pct: Percent = 100
    k_tox_pct: Percent = 100
    adverse_micro: Annotated[int, Field(ge=0, le=1_000_000)] = 2_000
    rebate_pct: Annotated[int, Field(ge=0, le=100)] = 0
    skew_milliticks: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000
    gamma_pct: Percent = 100
    jump_micro: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000
    inventory_max: Annotated[Shares, Field(gt=0)] = 300_000_000
    soft_pct: Annotated[int, Field(ge=1, le=100)] = 80
    base_size: Annotated[Shares, Field(gt=0)] = 100_000_000
    max_layers: Annotated[int, Field(ge=1, le=7)] = 1
    """Seven on both sides are one request."""
    layer_step_ticks: Annotated[int, Field(ge=1, le=1_000)] = 1
    min_quote_lifetime_ms: Pause = 2_000
    min_change_ticks_bid: Annotated[int, Field(ge=1, le=1_000)] = 1
    min_change_ticks_ask: Annotated[int, Field(ge=1, le=1_000)] = 1
    away_ticks_bid: Ticks = 0
    away_ticks_ask: Ticks = 0
    min_size_change_pct: Percent = 30
    replace_interval_ms_bid: Pause = 1_000
    replace_interval_ms_ask: Pause = 1_000
    max_quotes_per_min: Tokens = 30
    quote_burst: Tokens = 10
    max_cancels_per_min: Tokens = 30
    cancel_burst: Tokens = 10
    cancel_reserve: Annotated[int, Field(ge=0, le=10_000)] = 4
    reward_mode: RewardMode = RewardMode.OFF
    jump_ticks: Annotated[int, Field(ge=1, le=1_000)] = 4
    jump_window_ms: Pause = 3_000
    tox_ticks: Ticks = 2
    halt_before_s: Annotated[int, Field(ge=0, le=604_800)] = 300
    max_resting_usdc: Money = 250_000_000
    all_quotes_per_min: Tokens = 240
    all_quote_burst: Tokens = 40
    all_cancels_per_min: Tokens = 240
    all_cancel_burst: Tokens = 60
    all_cancel_reserve: Annotated[int, Field(ge=0, le=10_000)] = 20

    @model_validator(mode="after")
    def _reserves_fit_into_their_buckets(self) -> Self:
        for name, reserve, burst in (
            ("cancel", self.cancel_reserve, self.cancel_burst),
            ("all_cancel", self.all_cancel_reserve, self.all_cancel_burst),
        ):
            if reserve > burst:
                raise ValueError(f"expected {name}_reserve to be at most {name}_burst {burst}, was {reserve}")
        if self.base_size > self.inventory_max:
            raise ValueError("expected base_size to be at most inventory_max, was more")
        return self


class RulesSection(Section):
    """Event id = rules hash that a person has read."""

    reviewed: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = {}


class TicketsSection(Section):
    """Life times of cards."""

    dry_ttl_s: Annotated[int, Field(gt=0, le=86_400)] = 600
    armed_ttl_s: Annotated[int, Field(gt=0, le=600)] = 45


class RelayerSection(Section):
    """Order entry."""

    base_url: str = ""
    """Empty: the mode's own venue (local: a child process). Local mode takes loopback addresses only."""
    private_key: Annotated[SecretStr, AfterValidator(_key)] = SecretStr("")
    timeout_s: Annotated[int, Field(ge=1, le=60)] = 5
    wallet: Annotated[str, Field(pattern="^(0x[0-9a-fA-F]{40})?$")] = ""
    """Address that holds the funds; empty: the key's own address."""
    wallet_type: Annotated[int, Field(ge=0, le=3)] = 0
    gas_key: SecretStr = SecretStr("")
    """Key of the venue's gas relayer, for approvals of a wallet of type 1 to 3."""
    gas_key_address: Annotated[str, Field(pattern="^(0x[0-9a-fA-F]{40})?$")] = ""
    gtd_margin_s: Annotated[int, Field(ge=10, le=600)] = 40
    horizon_s: Annotated[int, Field(ge=1, le=600)] = 60
    relayer_max_retries: Annotated[int, Field(ge=0, le=4)] = 4
    """A cap below the desk's own: it never sends an order more than five times."""
    relayer_retry_sleep_ms: Annotated[int, Field(ge=1, le=8_000)] = 8_000


class VenueSection(Section):
    """Where market data and the catalogue come from; empty: the same place as the orders."""

    gamma_url: str = ""
    market_ws_url: str = ""


class FeedSection(Section):
    """The connections of the market channel."""

    tokens_per_connection: Annotated[int, Field(ge=2, le=500, multiple_of=2)] = 200
    """Even: both tokens of a market stand on one connection. Above some 500 first snapshots get lost."""
    max_reconnects: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    backoff_ms: Annotated[int, Field(ge=1, le=60_000)] = 250
    backoff_max_ms: Annotated[int, Field(ge=1, le=600_000)] = 30_000
    max_frame_bytes: Annotated[int, Field(ge=65_536, le=67_108_864)] = 4_194_304

    @model_validator(mode="after")
    def _ceiling_is_above_the_floor(self) -> Self:
        if self.backoff_max_ms < self.backoff_ms:
            floor, ceiling = self.backoff_ms, self.backoff_max_ms
            raise ValueError(f"expected backoff_max_ms to be at least backoff_ms = {floor}, was {ceiling}")
        return self


class JobsSection(Section):
    """Periods of the JOBS table in seconds."""

    reconcile_s: Annotated[int, Field(ge=1, le=600)] = 10
    positions_s: Annotated[int, Field(ge=1, le=600)] = 30
    scan_s: Annotated[int, Field(ge=1, le=600)] = 5
    spread_s: Annotated[int, Field(ge=1, le=60)] = 1
    catalogue_s: Annotated[int, Field(ge=10, le=3_600)] = 300
    snapshots_s: Annotated[int, Field(ge=0, le=86_400)] = 60


class OpsSection(Section):
    """The loopback port of /metrics, /health and /ready; 0 lets the system choose one."""

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0


class LocalSection(Section):
    """The local exchange. Used in local mode only."""

    seed: int = 1


class PaperSection(Section):
    """The paper account. Used in paper mode only."""

    balance_usdc: Money = 1_000_000_000
    """What a new account begins with; one that has begun goes on with what it has."""
    place_ms: Annotated[int, Field(ge=0, le=60_000)] = 350
    """Until an order meets the book: its own way, and the market data's, which comes some 220 ms late."""
    cancel_ms: Annotated[int, Field(ge=0, le=60_000)] = 350
    """The same for cancels; until then the order trades."""


class Settings(BaseSettings):
    """The whole configuration, frozen."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    mode: Mode
    operators: Annotated[tuple[OperatorRow, ...], Field(min_length=1), AfterValidator(_once_each)]
    caps: CapsSection
    telegram: TelegramSection = TelegramSection()
    dutch: DutchSection = DutchSection()
    spread: SpreadSection = SpreadSection()
    rules: RulesSection = RulesSection()
    tickets: TicketsSection = TicketsSection()
    relayer: RelayerSection = RelayerSection()
    venue: VenueSection = VenueSection()
    feed: FeedSection = FeedSection()
    jobs: JobsSection = JobsSection()
    ops: OpsSection = OpsSection()
    local: LocalSection = LocalSection()
    paper: PaperSection = PaperSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library calls with these five names
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but the values given: no environment, no dotenv, no secrets directory."""
        return (init_settings,)


def load(path: Path) -> Settings:
    """Return the settings of the TOML at `path`, overlaid by the secrets file beside it.

    Raises SettingsError with one line per fault.
    """
    service = read_toml(path)
    secrets = read_secrets(path.with_name(SECRETS_NAME), parse=read_toml)
    return parse(_overlaid(service, secrets), source=path.name)


def parse(values: Mapping[str, Any], *, source: str) -> Settings:
    """Return checked settings from parsed TOML values; raises SettingsError."""
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = [_fault_line(fault) for fault in error.errors()]
        raise SettingsError(f"{source} cannot be used:\n" + "\n".join(lines)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's values; raises SettingsError when absent or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"expected a TOML file at {path}, found none; copy config/service.example.toml"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name} is not TOML: {error}") from None


def _overlaid(service: dict[str, Any], secrets: dict[str, Any]) -> dict[str, Any]:
    merged = dict(service)
    for table, keys in secrets.items():
        merged[table] = {**merged.get(table, {}), **keys}
    return merged


def _fault_line(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
    kind = fault["type"]
    if kind == "missing":
        return f"- {key}: expected a value, found none; it is required"
    if kind == "extra_forbidden":
        return f"- {key}: no such key; a typo? every key is in config/service.example.toml"
    message = fault["msg"].removeprefix("Value error, ")
    hidden = any(word in key for word in ("secret", "key", "token"))
    found = "" if hidden or ", was " in message else f", found {fault['input']!r}"
    return f"- {key}: {message}{found}"

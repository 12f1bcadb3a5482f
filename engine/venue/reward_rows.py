"""What the venue says of rewards and rebates, as values (protocol 8.2 and 8.3). Pure and strict.

Amounts are rounded down, and what is not dollars counts nothing. Readers raise OddAnswer, a ValueError,
for anything undocumented; only what stands inside a market's own row is passed over when it cannot be read: a
market may be traded whatever its rewards are.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from engine.domain.chain import COLLATERAL
from engine.domain.ids import ConditionId, OrderId
from engine.domain.rewards import DAY_MS, SHARE_ONE, Earned, MarketOffer, PoolShare, RewardOffer, utc_day
from engine.domain.units import Ms, Price, Size, Usdc
from engine.venue.account_wire import Page, open_page
from engine.venue.strict_json import OddAnswer, condition_id, decode, scaled_number

DOLLARS = frozenset({COLLATERAL.lower(), "0x2791bca1f2de4661ed88a30c99a7a9449aa84174"})
"""pUSD, and the bridged USDC that configurations from before its time still name."""
NO_OFFER = RewardOffer(Price(0), Size(0), None)
"""The source says that the market has no rewards; None where it says nothing."""
_CENT_DECIMALS = 2
"""Spreads are told in cents: two decimals of a cent are the scale of a price."""
_PERCENT_ONE = SHARE_ONE // 100
_ABSENT = (b"", b"null")
_EXPONENT_MAX = 40
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class _Compact(msgspec.Struct, frozen=True, rename={"min_size": "mi", "max_spread": "ma", "enabled": "e"}):
    min_size: Decimal
    max_spread: Decimal
    enabled: bool = True
    age_s: Decimal | None = msgspec.field(default=None, name="moas")


class _Pool(msgspec.Struct, frozen=True, rename="camel"):
    asset_address: str
    rewards_daily_rate: Decimal


class _Schedule(msgspec.Struct, frozen=True):
    rebate: Decimal = msgspec.field(name="rebateRate")


class _Config(msgspec.Struct, frozen=True):
    asset_address: str
    rate_per_day: Decimal


class _OfferRow(msgspec.Struct, frozen=True):
    condition_id: str
    rewards_max_spread: Decimal | None = None
    rewards_min_size: Decimal | None = None
    rewards_config: tuple[_Config, ...] = ()


class _EarnedRow(msgspec.Struct, frozen=True):
    condition_id: str
    date: str | int
    asset_address: str
    asset_rate: Decimal
    earnings: Decimal


class _RebateRow(msgspec.Struct, frozen=True):
    condition_id: str
    date: str
    asset_address: str
    maker_address: str
    rebated_fees_usdc: Decimal


class _Scoring(msgspec.Struct, frozen=True):
    scoring: bool


def compact_offer(raw: msgspec.Raw) -> RewardOffer | None:
    """Return what /clob-markets says (`r`), which tells no pool; None when it is absent or cannot be read."""
    if bytes(raw) in (*_ABSENT, b"{}"):
        return None
    try:
        told = decode(raw, _Compact)
        if not told.enabled:
            return NO_OFFER
        age = None if told.age_s is None else Ms(scaled_number(told.age_s, 3))
        return RewardOffer(_spread(told.max_spread), _size(told.min_size), None, age)
    except OddAnswer:
        return None


def listed_offer(min_size: msgspec.Raw, max_spread: msgspec.Raw, pools: msgspec.Raw) -> RewardOffer | None:
    """Return what the listing says; None when it is absent, zero, or cannot be read.

    Lists of events may leave the pools out, and those told may have ended: /rewards/markets/current decides.
    """
    if bytes(min_size) in _ABSENT or bytes(max_spread) in _ABSENT:
        return None
    try:
        spread, least = _spread(decode(max_spread, Decimal)), _size(decode(min_size, Decimal))
        if not spread:
            return None
        if bytes(pools) in _ABSENT:
            return RewardOffer(spread, least, None)
        rows = decode(pools, list[_Pool])
        daily = _dollars((row.asset_address, row.rewards_daily_rate) for row in rows)
        return RewardOffer(spread, least, daily)
    except OddAnswer:
        return None


def listed_rebate_pct(schedule: msgspec.Raw) -> int:
    """Return the makers' share of the taker fee in hundredths, 0 when it is absent or cannot be read."""
    try:
        return scaled_number(decode(schedule, _Schedule).rebate, 2) if bytes(schedule) else 0
    except OddAnswer:
        return 0


def with_clob(listed: RewardOffer | None, clob: RewardOffer | None) -> RewardOffer | None:
    """Return the order service's terms with the listing's pool; the listing's where the other is silent."""
    if clob is None:
        return listed
    if not clob.max_spread:
        return None
    daily = None if listed is None else listed.daily
    return RewardOffer(clob.max_spread, clob.min_size, daily, clob.min_age_ms)


def read_offers_page(raw: bytes) -> Page[MarketOffer]:
    """Return one page of /rewards/markets/current or /rewards/markets/{condition}."""
    rows, cursor = open_page(raw)
    offers = (_offer(decode(row, _OfferRow)) for row in rows)
    return Page(tuple(offer for offer in offers if offer is not None), cursor)


def read_earned_page(raw: bytes) -> Page[Earned]:
    """Return one page of /rewards/user."""
    rows, cursor = open_page(raw)
    told = (decode(row, _EarnedRow) for row in rows)
    return Page(tuple(_earned(row) for row in told if row.asset_address.lower() in DOLLARS), cursor)


def read_shares(raw: bytes) -> tuple[PoolShare, ...]:
    """Return /rewards/user/percentages, in the order of the ids."""
    told = decode(raw, dict[str, Decimal])
    shares = (PoolShare(condition_id(market), _down(percent, 4)) for market, percent in told.items())
    found = tuple(sorted(shares, key=lambda row: row.condition_id))
    if any(row.share > 100 * _PERCENT_ONE for row in found):
        raise OddAnswer("expected shares of at most 100 percent, found more")
    return found


def read_rebates(raw: bytes, day: int, maker: str) -> tuple[Earned, ...]:
    """Return /rebates/current; raises OddAnswer for another day or maker than was asked for."""
    rows = [] if raw.strip() == b"null" else decode(raw, list[_RebateRow])
    for row in rows:
        if _day(row.date) != day or row.maker_address.lower() != maker.lower():
            raise OddAnswer(f"expected rebates of {maker} on {day_text(day)}, found others")
    return merged(
        Earned(day, condition_id(row.condition_id), Usdc(_down(row.rebated_fees_usdc, 6)))
        for row in rows
        if row.asset_address.lower() in DOLLARS
    )


def read_scoring(raw: bytes, asked: Sequence[OrderId]) -> frozenset[OrderId]:
    """Return which of the orders score; raises OddAnswer unless the answer names exactly those asked for."""
    told = decode(raw, dict[str, bool])
    if told.keys() != set(asked):
        raise OddAnswer(f"expected an answer for {len(set(asked))} orders, found {len(told)} other ones")
    return frozenset(order_id for order_id in asked if told[order_id])


def day_text(day: int) -> str:
    """Return a UTC day as the venue writes it (YYYY-MM-DD)."""
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()


def merged(rows: Iterable[Earned]) -> tuple[Earned, ...]:
    """Return one row for each day and market, in their order."""
    sums: dict[tuple[int, ConditionId], int] = {}
    for row in rows:
        key = (row.day, row.condition_id)
        sums[key] = sums.get(key, 0) + row.amount
    return tuple(Earned(*key, Usdc(amount)) for key, amount in sorted(sums.items()))


def _offer(row: _OfferRow) -> MarketOffer | None:
    if not row.rewards_max_spread or row.rewards_min_size is None:
        return None
    daily = _dollars((config.asset_address, config.rate_per_day) for config in row.rewards_config)
    offer = RewardOffer(_spread(row.rewards_max_spread), _size(row.rewards_min_size), daily)
    return MarketOffer(condition_id(row.condition_id), offer)


def _earned(row: _EarnedRow) -> Earned:
    amount = _down(_plain(row.earnings) * _plain(row.asset_rate), 6)
    return Earned(_day(row.date), condition_id(row.condition_id), Usdc(amount))


def _day(told: str | int) -> int:
    """Return the UTC day of a date, a time, or milliseconds since 1970."""
    if isinstance(told, int):
        if not 0 <= told < DAY_MS * 10**6:
            raise OddAnswer(f"expected a time in milliseconds, was {told}")
        return utc_day(Ms(told))
    try:
        return date.fromisoformat(told[:10]).toordinal() - _EPOCH_ORDINAL
    except ValueError as error:
        raise OddAnswer(f"expected a date, was {told[:40]!r}") from error


def _dollars(pools: Iterable[tuple[str, Decimal]]) -> Usdc:
    return Usdc(sum(_down(rate, 6) for asset, rate in pools if asset.lower() in DOLLARS))


def _spread(cents: Decimal) -> Price:
    return Price(scaled_number(cents, _CENT_DECIMALS))


def _size(shares: Decimal) -> Size:
    return Size(scaled_number(shares, 6))


def _down(value: Decimal, decimals: int) -> int:
    """Return a JSON number as an integer of 10**-decimals, rounded down; raises OddAnswer unless >= 0."""
    return int(_plain(value).scaleb(decimals))


def _plain(value: Decimal) -> Decimal:
    if not value.is_finite() or value < 0 or abs(value.adjusted()) > _EXPONENT_MAX:
        raise OddAnswer(f"expected a plain non-negative number, was {str(value)[:40]}")
    return value

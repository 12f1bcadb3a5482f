"""One order as it would be sent: planned on the book as it is now, signed, shown, and never posted.

Needs no running desk: the outcome and its terms come from the stored catalogue, the book from the venue. The
signature is made with a salt of its own, so the bytes of a dry run are never those of a live order.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.local.world import LOCAL_PRIVATE_KEY
from bot.trading_account import trading_account
from config.modes import refusals
from config.settings import Mode, Settings, SettingsError
from engine.clock import Clock
from engine.core.feed.snapshot_check import checked_snapshot
from engine.core.feed.table import Fault
from engine.core.orders.order_plan import Outcome, ends_ms, find_outcome, plan_order, type_refusal
from engine.domain.book import LiveBook
from engine.domain.commands import PlaceOrder
from engine.domain.failure import VenueFailure
from engine.domain.fees import taker_fee
from engine.domain.ids import TicketId
from engine.domain.market import Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.plan import Plan, intent_of
from engine.domain.refusal import Refusal
from engine.domain.units import PRICE_ONE, Ms, Price, Rounding, Usdc, format_cents
from engine.ports import PreparedOrder, StoreError
from engine.venue.amounts import Amounts, limit_amounts
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.order_body import TradingAccount, prepare_order
from storage.readonly import read_outcomes, read_rules, read_status

DRY_TICKET = TicketId("T-DRYRUN")
OWNER = "asked for at the start of a desk"
"""Stands where the API key would: it is not signed."""


@dataclass(frozen=True, slots=True)
class DryOrder:
    """What a dry run came to."""

    plan: Plan
    prepared: PreparedOrder
    amounts: Amounts
    maker: str
    signer: str
    fee_max: Usdc
    """The venue's taker fee where it is dearest within the limit, rounded up."""
    against: tuple[str, ...]
    """Why this order would not be sent; empty if nothing known here speaks against it."""
    missing: tuple[str, ...]
    """What is missing before anything is sent to the real venue."""


class DryRefusedError(Exception):
    """The order would be refused before it could be signed; the text says why."""


async def dry_order(
    settings: Settings, data_dir: Path, hosts: VenueHosts, wanted: PlaceOrder, clock: Clock
) -> DryOrder:
    """Plan and sign one order; raises DryRefusedError, StoreError or SettingsError. Posts nothing."""
    account = account_of(settings)
    outcome = stored_outcome(data_dir, wanted)
    book = await _book(settings, hosts, outcome, clock)
    now_ms = clock.now_ms()
    ends = ends_ms(wanted, now_ms, margin_ms=Ms(settings.relayer.gtd_margin_s * 1_000))
    plan = plan_order(outcome, book, wanted, now_ms=now_ms, ends=ends)
    if isinstance(plan, Refusal):
        raise DryRefusedError(plan.text)
    leg = plan.legs[0]
    intent = _intent(plan, wanted, now_ms, ends)
    prepared = prepare_order(intent, account, owner=OWNER, install_secret=secrets.token_bytes(32))
    return DryOrder(
        plan=plan,
        prepared=prepared,
        amounts=limit_amounts(leg.side, leg.limit, leg.size, leg.tick),
        maker=account.wallet,
        signer=account.signer,
        fee_max=taker_fee(leg.fee, _dearest_fee_at(leg.side, leg.limit), leg.size, Rounding.UP),
        against=tuple(_against(settings, data_dir, wanted, plan, now_ms)),
        missing=tuple(_missing(settings, wanted)),
    )


def _dearest_fee_at(side: Side, limit: Price) -> Price:
    """Return the price within the limit at which the fee per share is dearest: the curve peaks at 0.5."""
    middle = PRICE_ONE // 2
    return Price(min(limit, middle) if side is Side.BUY else max(limit, middle))


def account_of(settings: Settings) -> TradingAccount:
    """Return who trades; without a key any mode but live takes the published one. Raises SettingsError."""
    secret = settings.relayer.private_key.get_secret_value()
    if not secret and settings.mode is Mode.LIVE:
        raise SettingsError("relayer.private_key: expected a key in secrets.local.toml, found none")
    return trading_account(settings, secret or LOCAL_PRIVATE_KEY)


def stored_outcome(data_dir: Path, wanted: PlaceOrder) -> Outcome:
    """Return the outcome as the catalogue last held it; raises StoreError or DryRefusedError."""
    code, token = wanted.outcome.code, wanted.outcome.token_id
    if token is not None:
        code = next((line.code for line in read_outcomes(data_dir) if line.token_id == token), "")
    stored = read_rules(data_dir, code)
    if stored is None:
        codes = sorted({line.code for line in read_outcomes(data_dir)})
        raise DryRefusedError(
            f"expected {token or code!r} in the stored catalogue of {data_dir}, found none; it has "
            f"{', '.join(codes[:12]) or 'nothing: run dutchdesk markets-sync first'}"
        )
    found = find_outcome((stored.event,), wanted.outcome)
    if isinstance(found, Refusal):
        raise DryRefusedError(found.text)
    return found


async def _book(settings: Settings, hosts: VenueHosts, outcome: Outcome, clock: Clock) -> LiveBook:
    """Read the book once and prove it by its checksum; raises DryRefusedError."""
    http = HttpClient(timeout_s=settings.relayer.timeout_s)
    try:
        books = await VenueReads(http, hosts, {}).read_books((outcome.token_id,))
    finally:
        await http.close()
    if isinstance(books, VenueFailure):
        raise StoreError(f"the book of {outcome.name} could not be read: {books.reason}")
    if not books:
        raise DryRefusedError(f"expected a book of {outcome.name}, the venue has none")
    kept = checked_snapshot(books[0], clock.now_ms())
    if isinstance(kept, Fault):
        raise DryRefusedError(
            f"expected a proven book of {outcome.name}: {kept.expected}, found {kept.found}"
        )
    return LiveBook(
        condition_id=outcome.market.condition_id,
        token_id=outcome.token_id,
        tick=kept.tick,
        bids=kept.bids,
        asks=kept.asks,
        hash=kept.hash,
        epoch=0,
        venue_ms=kept.venue_ms,
        confirmed_ms=kept.received_ms,
    )


def _intent(plan: Plan, wanted: PlaceOrder, now_ms: Ms, ends: int) -> OrderIntent:
    leg = plan.legs[0]
    return intent_of(
        plan,
        leg,
        DRY_TICKET,
        time_in_force=wanted.time_in_force,
        post_only=wanted.rests,
        created_ms=now_ms,
        expiration_s=ends // 1_000,
        resend_until_ms=now_ms,
    )


def _against(settings: Settings, data_dir: Path, wanted: PlaceOrder, plan: Plan, now_ms: Ms) -> Sequence[str]:
    """Return what would refuse this order, as far as it can be known without the running desk."""
    found = []
    typed = type_refusal(wanted)
    if typed is not None and not _is_fak_buy(wanted):
        found.append(typed.text)
    status = read_status(data_dir, now_ms)
    if status.halted is not None:
        found.append(f"the desk is halted: {status.halted}; look, then `dutchdesk rearm`")
    day_left = max(0, settings.caps.day_usdc - status.spent_today)
    for name, limit in (("caps.ticket_usdc", settings.caps.ticket_usdc), ("caps.day_usdc", day_left)):
        if plan.spend_max > limit:
            most = format_cents(plan.spend_max, Rounding.UP)
            left = format_cents(Usdc(limit), Rounding.DOWN)
            found.append(f"{name}: the order may cost {most} USDC, {left} is left")
    return found


def _is_fak_buy(wanted: PlaceOrder) -> bool:
    """Tell whether it is what only a dry run takes: a BUY that the venue would fill for dollars."""
    return wanted.side is Side.BUY and wanted.time_in_force in (TimeInForce.FAK, TimeInForce.FOK)


def _missing(settings: Settings, wanted: PlaceOrder) -> list[str]:
    """Return what stands between this order with this configuration and the real venue."""
    as_live = settings.model_copy(update={"mode": Mode.LIVE})
    found = [] if settings.mode is Mode.LIVE else [f'mode = "live" (it is "{settings.mode.value}")']
    found += refusals(as_live)
    typed = type_refusal(wanted)
    if typed is not None and _is_fak_buy(wanted):
        found.append(typed.text)
    found.append("every line of `dutchdesk doctor` OK or WARN, and a running desk")
    return found

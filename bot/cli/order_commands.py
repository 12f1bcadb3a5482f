"""`relayer-dry-run` and `relayer-live-order`: one order from options, shown, or sent by the running desk."""

import asyncio
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bot.cli.desk_call import call_desk
from bot.cli.desk_commands import OPERATOR
from bot.cli.dry_order import DryOrder, DryRefusedError, dry_order
from bot.cli.run import CONFIG, DATA
from bot.cli.venue_hosts import hosts_of
from bot.figures import clock_time
from bot.order_words import TYPES, OrderWords, order_of
from config.settings import load
from engine.clock import SystemClock
from engine.core.orders.order_plan import VENUE_GTD_EARLY_MS
from engine.domain.order import OrderIntent
from engine.domain.units import Ms, Rounding, format_cents, format_price, format_size, format_usdc

OPTIONS = (
    click.option("--event", default="", metavar="CODE", help="Event, by its short name: fed5."),
    click.option(
        "--outcome", default="", metavar="NAME", help="Outcome of the event; YES or NO of a lone one."
    ),
    click.option("--no", is_flag=True, help="The NO token of that outcome."),
    click.option("--token", default="", metavar="ID", help="The token itself, instead of event and outcome."),
    click.option(
        "--side", required=True, type=click.Choice(("BUY", "SELL"), case_sensitive=False), help="Side."
    ),
    click.option("--price", required=True, metavar="0.31", help="Hard limit, on the market's tick."),
    click.option("--size", required=True, metavar="10", help="Shares."),
    click.option(
        "--type",
        "kind",
        type=click.Choice(TYPES, case_sensitive=False),
        help="Default: GTD for a BUY (its rest is cancelled), FAK for a SELL, GTC with --rest. IOC is FAK.",
    ),
    click.option("--rest", is_flag=True, help="Post-only: stay on the book, never match at once."),
    click.option(
        "--lasts-s", type=click.IntRange(0, 31_536_000), default=0, help="Seconds a resting GTD order stays."
    ),
)


def order_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of one order, handed on as `words`."""

    @wraps(command)
    def with_words(
        *, event: str, outcome: str, no: bool, token: str, side: str, price: str, size: str, **others: Any
    ) -> None:
        kind, rest, lasts_s = others.pop("kind") or "", others.pop("rest"), others.pop("lasts_s")
        words = OrderWords(token, event, outcome, no, side, price, size, kind, rest, lasts_s)
        try:
            order_of(words)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        command(words=words, **others)

    for option in reversed(OPTIONS):
        with_words = option(with_words)
    return with_words


@click.command("relayer-dry-run")
@order_options
@CONFIG
@DATA
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; amounts in 1e-6, price in 1e-4."
)
def relayer_dry_run(*, words: OrderWords, config_path: Path, data_dir: Path, as_json: bool) -> None:
    """Sign one order and show id, amounts, fee and worst cost. Posts nothing.

    Ends with status 1 and the reason if the order would be refused.
    """
    if not _dry_run(words, config_path, data_dir, as_json=as_json):
        raise SystemExit(1)


@click.command("relayer-live-order")
@order_options
@CONFIG
@DATA
@OPERATOR
@click.option(
    "--confirm-live", is_flag=True, help="Send it through the running desk. Without this: a dry run."
)
@click.option("--as-json", is_flag=True, help='Print {"placed":N,"accepted":M,"statuses":{...}}.')
def relayer_live_order(
    *,
    words: OrderWords,
    config_path: Path,
    data_dir: Path,
    operator: str,
    confirm_live: bool,
    as_json: bool,
) -> None:
    """Send one order through the running desk, under its caps and an operator's name.

    Waits until the venue has judged it. Without --confirm-live it is a dry run.
    """
    if not confirm_live:
        is_fine = _dry_run(words, config_path, data_dir, as_json=as_json)
        click.echo("nothing was sent; repeat with --confirm-live to send it", err=True)
        if not is_fine:
            raise SystemExit(1)
        return
    found = call_desk(data_dir, "/place", {"operator": operator, "order": words.as_json()})
    if as_json:
        click.echo(json.dumps({name: found[name] for name in ("placed", "accepted", "statuses")}))
        return
    click.echo(f"{found['ticket']}: placed {found['placed']}, accepted {found['accepted']}")
    for order in found["orders"]:
        why = f": {order['reason']}" if order["reason"] else ""
        filled, size = format_size(order["filled"]), format_size(order["size"])
        click.echo(f"{order['order_id']} {order['state']}, {filled} of {size} filled{why}")


def _dry_run(words: OrderWords, config_path: Path, data_dir: Path, *, as_json: bool) -> bool:
    """Show the dry run; False if the order would be refused."""
    settings = load(config_path)
    work = dry_order(settings, data_dir, hosts_of(settings, data_dir), order_of(words), SystemClock())
    try:
        found = asyncio.run(work)
    except DryRefusedError as error:
        click.echo(json.dumps({"refused": str(error)}) if as_json else f"refused: {error}")
        return False
    click.echo(json.dumps(_as_json(found)) if as_json else "\n".join(_lines(found)))
    return not found.against


def _ends(intent: OrderIntent) -> str:
    """Tell when the venue ends the order by itself: before the expiration that is on the wire."""
    if not intent.expiration_s:
        return "expiration none"
    ends = Ms(intent.expiration_s * 1_000 - VENUE_GTD_EARLY_MS)
    return f"expiration {intent.expiration_s}: the venue ends it at {clock_time(ends)} at the latest"


def _as_json(found: DryOrder) -> dict[str, Any]:
    leg, intent = found.plan.legs[0], found.prepared.intent
    return {
        "order_id": found.prepared.order_id,
        "maker": found.maker,
        "signer": found.signer,
        "maker_amount": found.amounts.maker,
        "taker_amount": found.amounts.taker,
        "token_id": leg.token_id,
        "side": leg.side.value,
        "price": leg.limit,
        "size": leg.size,
        "type": intent.time_in_force.value,
        "post_only": intent.post_only,
        "expiration_s": intent.expiration_s,
        "fee_max": found.fee_max,
        "cost_max": found.plan.spend_max,
        "depth": leg.depth,
        "against": list(found.against),
        "missing_for_live": list(found.missing),
        "posted": False,
    }


def _lines(found: DryOrder) -> list[str]:
    leg, intent = found.plan.legs[0], found.prepared.intent
    limit, worst = format_price(leg.limit), format_cents(found.plan.spend_max, Rounding.UP)
    resting = ", post-only" if intent.post_only else ""
    return [
        f"{leg.side.value} {format_size(leg.size)} {leg.name} of {found.plan.code} at {limit}",
        f"{intent.time_in_force.value}{resting}, {_ends(intent)}",
        f"order id {found.prepared.order_id} (of this dry run only)",
        f"maker {found.maker}, signer {found.signer}",
        f"maker amount {found.amounts.maker}, taker amount {found.amounts.taker}",
        f"fee at most {format_usdc(found.fee_max)} USDC, worst cost {worst}",
        f"on the book within the limit: {format_size(leg.depth)}, now for {format_usdc(leg.raw)} USDC",
        *(f"would be refused: {line}" for line in found.against),
        "nothing was posted. Missing for live:",
        *(f"- {line}" for line in found.missing),
    ]

"""`dutchdesk dutch-plan`: planning cases from a file, answered by the desk's own planner.

Reads nothing but the file: no desk, no configuration, no network. The file format is described in the
operator guide; a file that cannot be used ends the command with status 2, and nothing is answered.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot import charts
from bot.cli.chart_file import PNG, demand_folder, write_chart
from engine.core.planner.case_reading import CaseError, read_cases, short
from engine.core.planner.plan_case import Answer, Case, answer_case, curve_of, formula_of_case
from engine.domain.units import LOT, Size, Usdc, format_price, format_scaled, format_size

USDC_DECIMALS = 6
INTEGER_DIGITS_MAX = 100
"""Longer ones are no size of anything, and Python would refuse to read them in words of its own."""


@click.command("dutch-plan")
@click.argument("file", type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON: one object, or a list.")
@click.option("--curve", is_flag=True, help="Also print edge and capital at every breakpoint of the size.")
@click.option("--png", type=PNG, help="Write a chart of the edge against the size; for one case.")
def dutch_plan(file: BinaryIO, *, as_json: bool, curve: bool, png: Path | None) -> None:
    """Answer one planning case, or a list of them: the best size, its money and its limit prices.

    FILE is JSON; - reads it from standard input. The planner is the one that the desk uses.
    """
    if as_json and curve:
        raise click.UsageError("expected one of --json and --curve, found both: the answers have no curve")
    demand_folder(png)
    plain = _parsed(file)
    try:
        cases = read_cases(plain)
    except CaseError as error:
        raise click.UsageError(str(error)) from None
    if png is not None and len(cases) != 1:
        raise click.UsageError(
            f"the file: expected one case for --png, found {len(cases)}; nothing was planned or written"
        )
    answers = [answer_case(case) for case in cases]
    if png is not None:
        write_chart(png, _chart(answers[0]))
    if as_json:
        told = [as_plain(answer) for answer in answers]
        click.echo(json.dumps(told if isinstance(plain, list) else told[0], ensure_ascii=True))
        return
    console = Console(soft_wrap=True)
    for answer in answers:
        _print(console, answer)
        if curve:
            console.print(_curve(answer.case, answer.decimals))


def as_plain(answer: Answer) -> dict[str, Any]:
    """Return an answer as the file format has it."""
    return {
        "id": answer.case.id,
        "trade": answer.trade,
        "reason": answer.reason,
        "size": answer.size,
        "objective_micro": answer.micro(answer.objective),
        "profit_before_buffers_micro": answer.micro(answer.split.before_buffers),
        "cash_outlay_micro": answer.micro(answer.outlay),
        "limit_prices": [format_scaled(leg.worst, 4, at_least=2) for leg in answer.legs],
        "leg_notional_micro": [str(leg.raw) for leg in answer.legs],
        "leg_fee_micro": [answer.micro(leg.fee) for leg in answer.legs],
    }


def _parsed(file: BinaryIO) -> object:
    """Return what the file holds; a key that stands twice is refused: one of its values would be lost."""
    raw = file.read()
    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once, parse_int=_integer)
    except CaseError as error:
        raise click.UsageError(str(error)) from None
    except RecursionError:
        found = "lists or objects nested too deep to read"
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        found = f"what cannot be read ({error})" if raw.strip() else "nothing"
    raise click.UsageError(str(CaseError("", "JSON", found)))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise CaseError(short(key), "every key once", "it twice in one object")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > INTEGER_DIGITS_MAX:
        raise CaseError("", f"integers of at most {INTEGER_DIGITS_MAX} digits", f"one of {len(digits)}")
    return int(digits)


def _print(console: Console, answer: Answer) -> None:
    head = Text(f"{_printable(answer.case.id)} · {answer.case.kind.value} · ", style="bold")
    if not answer.trade:
        console.print(head + Text(f"no trade: {answer.reason}", style="yellow"))
        return
    size = f"{answer.size} sets earn {_usdc(answer, answer.objective)} USDC after buffers"
    console.print(head + Text(size, style="green"))
    console.print(_split(answer))
    console.print(_legs(answer))


def _split(answer: Answer) -> Table:
    """Return the split of the margin: what a plan earns, and what takes from it."""
    split = answer.split
    rows = (
        ("gross", split.gross),
        ("fee", -split.fee),
        ("fixed", -split.fixed),
        ("profit before buffers", split.before_buffers),
        ("slippage", -split.slippage),
        ("buffer (fee_bps)", -split.buffer),
        ("safety", -split.safety),
        ("carry", -split.carry),
        ("net", split.net),
        ("capital needed", answer.outlay),
    )
    table = _table("part", "USDC, whole plan")
    for name, units in rows:
        table.add_row(name, _usdc(answer, units))
    return table


def _legs(answer: Answer) -> Table:
    table = _table("leg", "limit", "notional", "fee")
    for case_leg, leg in zip(answer.case.legs, answer.legs, strict=True):
        name = f"{case_leg.leg} {case_leg.side.value} {case_leg.token}"
        raw = format_scaled(leg.raw, USDC_DECIMALS)
        table.add_row(name, format_price(leg.worst), raw, _usdc(answer, leg.fee))
    return table


def _curve(case: Case, decimals: int) -> Table:
    table = _table("size", "edge after buffers", "capital needed")
    for point in curve_of(case):
        amounts: Sequence[int] = (point.objective, point.outlay)
        told = [format_scaled(units, decimals + USDC_DECIMALS) for units in amounts]
        table.add_row(format_size(Size(point.lots * LOT)), *told)
    return table


def _chart(answer: Answer) -> bytes:
    """Return the curve as a picture: from size 0, which costs what is fixed, to where depth or caps end."""
    case, unit = answer.case, 10**answer.decimals
    edges = {point.lots: point.objective for point in curve_of(case)}
    if edges:
        edges[0] = -formula_of_case(case).fixed
    if answer.trade:
        edges[answer.lots] = answer.objective
    points = [(Size(lots * LOT), Usdc(edge // unit)) for lots, edge in sorted(edges.items())]
    best = Size(answer.lots * LOT) if answer.trade else None
    title = f"{_printable(case.id)} · {case.kind.value}"
    return charts.edge_curve(points, title=title, best=best, refusal=f"reason: {answer.reason}")


def _printable(text: str) -> str:
    """Return a name of the file without what would move a terminal's cursor."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _table(first: str, *numbers: str) -> Table:
    table = Table()
    table.add_column(first, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _usdc(answer: Answer, units: int) -> str:
    """Return an amount in dollars, exact."""
    return format_scaled(units, answer.decimals + USDC_DECIMALS)

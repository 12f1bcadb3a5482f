"""The answer to `/why` as rows of words: tables on a card, plain lines in a terminal. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from typing import Any

from bot.figures import cost, exact, exact_gain, gain, loss, price, proceeds, short_shares, span
from engine.domain.plan import Plan
from engine.domain.units import Usdc, format_size
from engine.domain.why import GuardState, WhyEvent, WhyTicket, WhyView

Rows = tuple[tuple[str, ...], ...]
MARKS = {GuardState.OK: "ok", GuardState.REFUSED: "✖", GuardState.NOT_REACHED: "-"}
HASH_SHOWN = 10


def guard_rows(event: WhyEvent) -> Rows:
    """Return every guard with its mark: ok, refused, or not reached."""
    return tuple((line.name, MARKS[line.state]) for line in event.guards)


def book_rows(event: WhyEvent) -> Rows:
    """Return every leg's bid, ask and age; a leg without a proven book has none."""
    head = (("leg", "bid", "ask", "age"),)
    return head + tuple(
        (
            line.name,
            "-" if line.bid is None else price(line.bid),
            "-" if line.ask is None else price(line.ask),
            "-" if line.age_ms is None else span(line.age_ms),
        )
        for line in event.books
    )


def cost_rows(event: WhyEvent) -> Rows:
    """Return what one set costs at the touch, exactly; no rows where a part of it is unknown."""
    found = event.cost
    if found is None:
        return ()
    return (
        ("one set pays", exact(found.payout)),
        ("asks", exact(found.asks)),
        ("taker fees", exact(found.fees)),
        ("slippage", exact(found.slippage)),
        ("fee buffer", exact(found.buffer)),
        ("safety", exact(found.safety)),
        ("carry", exact(found.carry)),
        ("leaves", exact_gain(found.net)),
        ("fixed, per plan", exact(event.fixed_cost)),
        ("hurdle, per plan", exact(event.hurdle)),
    )


def room_rows(event: WhyEvent) -> Rows:
    """Return what every cap leaves, rounded down."""
    return tuple((line.name, proceeds(line.amount)) for line in event.room)


def plan_rows(plan: Plan) -> Rows:
    """Return a plan's sums: what it pays, every cost, what remains, and what it risks."""
    margin = plan.margin
    return (
        ("sets", format_size(plan.size)),
        ("pays", exact(margin.payout)),
        ("asks", exact(margin.raw)),
        ("fees", exact(margin.fee)),
        ("slippage", exact(margin.slippage)),
        ("fee buffer", exact(margin.buffer)),
        ("safety", exact(margin.safety)),
        ("carry", exact(margin.carry)),
        ("fixed", exact(margin.fixed)),
        ("net", exact_gain(margin.net)),
        ("spends at most", cost(plan.spend_max)),
        ("if some fill, L", loss(plan.risk.bound)),
        ("worst, L0", loss(plan.risk.hard)),
    )


def leg_rows(plan: Plan) -> Rows:
    """Return a plan's legs: size, best ask when planned, limit."""
    head = (("leg", "size", "touch", "limit"),)
    return head + tuple(
        (leg.name, short_shares(leg.size), price(leg.touch), price(leg.limit)) for leg in plan.legs
    )


def result_rows(ticket: WhyTicket) -> Rows:
    """Return what became of every leg; no rows before it was sent."""
    if not ticket.legs:
        return ()
    head = (("leg", "filled", "state"),)
    return head + tuple(
        (
            leg.name,
            f"{short_shares(leg.filled)}/{short_shares(leg.wanted)}",
            leg.state.value if leg.is_sent else "not sent",
        )
        for leg in ticket.legs
    )


def plan_words(plan: Plan) -> tuple[str, ...]:
    """Return what a plan was made from, in sentences."""
    age = span(plan.planned_ms - plan.books_ms)
    return (
        f"plan {plan.plan_id}, {plan.kind.value}, on books up to {age} old",
        f"rules {plan.rules_hash[:HASH_SHOWN]}, terms {plan.terms_hash[:HASH_SHOWN]}",
        f"limited by {plan.limited_by}",
    )


def verdict(event: WhyEvent) -> str:
    """Return which guard refuses, or what the plan leaves."""
    refused = event.refused
    if refused is not None:
        return f"refused by {refused.name}"
    assert event.plan is not None, "expected a plan where no guard refused"
    return f"{format_size(event.plan.size)} sets leave {gain(event.plan.margin.net)} USDC"


def came_to(ticket: WhyTicket) -> str:
    """Return what a ticket has cost and brought so far; empty before it was sent."""
    if not ticket.legs:
        return ""
    return f"{format_size(ticket.sets)} complete sets for {cost(Usdc(ticket.paid))} USDC, fees included"


def why_lines(view: WhyView) -> tuple[str, ...]:
    """Return the whole answer as plain lines for a terminal."""
    return (*_last_lines(view), *_event_lines(view.event), *_ticket_lines(view.ticket))


def _last_lines(view: WhyView) -> tuple[str, ...]:
    last = view.last
    if last is None:
        return ()
    return (f"refused {span(view.at_ms - last.at_ms)} ago: {last.subject}: {last.refusal.text}", "")


def _event_lines(event: WhyEvent | None) -> tuple[str, ...]:
    if event is None:
        return ()
    troubles = tuple(f"{line.name}: {line.trouble}" for line in event.books if line.trouble)
    said = "" if event.refused is None or event.refused.refusal is None else event.refused.refusal.text
    plan = () if event.plan is None else (*plan_words(event.plan), *aligned(plan_rows(event.plan)))
    return (
        f"{event.code} ({event.kind}): {verdict(event)}",
        *((said,) if said else ()),
        *aligned(guard_rows(event)),
        *aligned(book_rows(event)),
        *troubles,
        *aligned(cost_rows(event)),
        *aligned(room_rows(event)),
        *plan,
    )


def _ticket_lines(ticket: WhyTicket | None) -> tuple[str, ...]:
    if ticket is None:
        return ()
    plan = ticket.plan
    made_of = () if plan is None else (*plan_words(plan), *aligned(leg_rows(plan)), *aligned(plan_rows(plan)))
    reasons = tuple(f"{leg.name}: {leg.reason}" for leg in ticket.legs if leg.reason)
    return (
        f"{ticket.ticket_id} of {ticket.owner}: {ticket.stage}",
        *(line for line in (ticket.note, came_to(ticket)) if line),
        *made_of,
        *aligned(result_rows(ticket)),
        *reasons,
    )


def aligned(rows: Rows) -> tuple[str, ...]:
    """Return the rows as lines with their columns under one another."""
    if not rows:
        return ()
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return tuple(
        "  " + "  ".join([row[0].ljust(widths[0]), *_right(row[1:], widths[1:])]).rstrip() for row in rows
    )


def _right(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]


def plain_facts(view: WhyView) -> Mapping[str, Any]:
    """Return the facts as JSON's own types: integers in their units, the words of enums."""
    facts = _plain(asdict(view))
    assert isinstance(facts, dict), "expected a view to be an object"
    return facts


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value

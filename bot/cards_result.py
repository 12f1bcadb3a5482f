"""A Dutch ticket after Send: progress, the result to the micro-dollar, and the broken book.

Nothing is claimed that the venue has not shown: an unproven leg is named so and gets no button.
"""

from typing import assert_never

from bot.card import Button, Card, CommandAct, CopyAct, Keyboard, Look, headline
from bot.cards_repair import repaired_lines, ways_buttons, ways_lines
from bot.cards_ticket import again_button, ids_line, mark_of, note_lines, subject
from bot.figures import (
    average_price,
    clock_time,
    exact,
    exact_gain,
    gain,
    loss,
    percent,
    proceeds,
    shares,
    span,
)
from bot.markup import bold, details, esc, table, when
from engine.domain.order import OrderState
from engine.domain.plan import LegRisk
from engine.domain.ticket import Ticket
from engine.domain.units import USDC_ONE, Usdc
from engine.domain.views import LegResult, Severity, TicketResult, TicketView

LEGS_SHOWN = 20
UNKNOWN = "❓ outcome unknown: reconciling"
COPY_MAX = 256


def is_filled(leg: LegResult) -> bool:
    """Tell whether the leg has all it wanted."""
    return leg.filled >= leg.wanted


def _mark(leg: LegResult) -> str:
    """Return the mark of one leg, never colour alone: the words follow in `_leg_line`."""
    if is_filled(leg):
        return "✅"
    if not leg.is_sent:
        return "✖" if leg.state.is_final else "…"
    match leg.state:
        case OrderState.UNKNOWN:
            return "❓"
        case (
            OrderState.SENDING
            | OrderState.LIVE
            | OrderState.PARTIAL
            | OrderState.DELAYED
            | OrderState.PENDING_CANCEL
        ):
            return "⏳"
        case OrderState.REJECTED:
            return "⛔"
        case (
            OrderState.FILLED
            | OrderState.CANCELLED
            | OrderState.EXPIRED
            | OrderState.KILLED
            | OrderState.DEAD
        ):
            return "✖"
        case _:
            assert_never(leg.state)


def _leg_line(leg: LegResult, *, accounted: bool) -> str:
    """Return one leg: mark, name, how much, and what is the matter with it.

    The price is told only once every matched share is read back; before, cash lags behind shares.
    """
    name = f"{_mark(leg)} {esc(leg.name, 24)}"
    at = f" @ {average_price(leg.cash, leg.filled)}" if accounted else ""
    filled = f"{shares(leg.filled)}{at}" if leg.filled else ""
    if is_filled(leg):
        return f"{name} {filled}"
    amount = f"{filled} of {shares(leg.wanted)}" if leg.filled else f"0 of {shares(leg.wanted)}"
    if leg.state is OrderState.UNKNOWN:
        return f"{name} {amount}: outcome unknown"
    reason = leg.reason or (leg.state.value if leg.state.is_final else "")
    return f"{name} {amount}" + (f": {esc(reason, 60)}" if reason else "")


def _leg_lines(result: TicketResult) -> list[str]:
    lines = [_leg_line(leg, accounted=result.accounted) for leg in result.legs[:LEGS_SHOWN]]
    hidden = len(result.legs) - LEGS_SHOWN
    return [*lines, f"… and {hidden} more"] if hidden > 0 else lines


def _count(result: TicketResult) -> str:
    return f"{sum(is_filled(leg) for leg in result.legs)}/{len(result.legs)} filled"


def sending_card(view: TicketView, result: TicketResult | None, look: Look) -> Card:
    """Return the progress card: no button, whatever happens."""
    ticket = view.ticket
    if result is None or not result.legs:
        verdict, lines = "handing the orders to the venue", list[str]()
    else:
        verdict = f"{UNKNOWN}, {_count(result)}" if result.unknown else _count(result)
        lines = _leg_lines(result)
    mark = "❓" if result and result.unknown else "⏳"
    text = [
        headline(mark, look, "sending", subject(ticket), verdict),
        *note_lines(ticket),
        *_sequence(ticket, result),
        *lines,
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    return Card("\n".join(text), about=mark_of(view))


def _sequence(ticket: Ticket, result: TicketResult | None) -> list[str]:
    """Return how far a probe order has come, in words; nothing for a batch."""
    if ticket.plan is None or not ticket.plan.probe_order:
        return []
    legs = () if result is None else result.legs
    left = sum(leg.is_sent for leg in legs)
    over = any(not leg.is_sent and leg.state.is_final for leg in legs)
    then = "the others are never sent" if over else "each waits for the fill of the one before"
    done = left == len(ticket.plan.legs)
    return [f"One after the other: {left} of {len(ticket.plan.legs)} sent{'' if done else f', {then}'}."]


def done_card(view: TicketView, result: TicketResult, look: Look) -> Card:
    """Return the result: shares, cash and fees exactly as booked, and the margin if the sets are held."""
    ticket = view.ticket
    margin = bold(f"{exact_gain(result.margin_if_held)} USDC")
    named = "margin against keeping them" if result.per_set < 0 else "margin if held"
    held = f"{named} {margin}" if result.accounted else "trades still being read back"
    stage = "settled" if result.settled else "matched, settling"
    lines = [
        headline("✅", look, "done", subject(ticket), f"{stage}: {held}"),
        f"{_count(result)}{_took(result)}.{_plan_said(ticket, result) if result.accounted else ''}",
        _sums(result),
        *_not_final(result),
        *repaired_lines(result),
        *note_lines(ticket),
        details(_exact_legs(result)),
        ids_line(ticket, esc(ticket.owner.name, 24), *_ended(result)),
    ]
    return Card("\n".join(lines), _done_keyboard(ticket), about=mark_of(view))


def _took(result: TicketResult) -> str:
    return "" if result.ended_ms is None else f" in {span(result.ended_ms - result.sent_ms)}"


def _ended(result: TicketResult) -> list[str]:
    if result.ended_ms is None:
        return []
    return [when(result.ended_ms, clock_time(result.ended_ms), "T")]


def _plan_said(ticket: Ticket, result: TicketResult) -> str:
    if ticket.plan is None:
        return ""
    share = percent(result.margin_if_held, abs(result.cash + result.fees))
    return f" The plan said at least {gain(ticket.plan.margin.net)}; this is {share}."


def _sums(result: TicketResult) -> str:
    filled = sum(leg.filled for leg in result.legs)
    return table(
        [
            ("sets sold" if result.per_set < 0 else "sets held", shares(result.sets)),
            ("shares", exact(Usdc(filled))),
            ("cash received" if result.cash < 0 else "cash paid", exact(Usdc(abs(result.cash)))),
            ("fees", exact(result.fees)),
            (
                "margin of sale" if result.per_set < 0 else "margin if held",
                exact_gain(result.margin_if_held) if result.accounted else "open",
            ),
        ],
        (15, 17),
    )


def _not_final(result: TicketResult) -> list[str]:
    lines = []
    if not result.accounted:
        lines.append("Cash and fees are not final: the trades are still being read back.")
    if not result.settled:
        lines.append("The venue has matched the trades and not yet confirmed them.")
    return lines


def _exact_legs(result: TicketResult) -> list[str]:
    lines = [
        f"{esc(leg.name, 24)}: {shares(leg.filled)} for {exact(leg.cash)} + fee {exact(leg.fee)}"
        for leg in result.legs[:LEGS_SHOWN]
    ]
    if result.per_set < 0:
        return [*lines, "A set given up is counted at the 1 USDC it would have paid at most."]
    pays = f"{proceeds(result.per_set)} USDC" if result.per_set != USDC_ONE else "1 USDC"
    return [*lines, f"A set counts at {pays} once merged or resolved."]


def _done_keyboard(ticket: Ticket) -> Keyboard:
    return ((Button("📊 Status", CommandAct("/status")), copy_ids(ticket)), *again_button(ticket))


def copy_ids(ticket: Ticket) -> Button:
    """Return the button that copies the ids by which log, audit and venue are searched."""
    plan = f" {ticket.plan.plan_id}" if ticket.plan else ""
    return Button("📋 Copy ids", CopyAct(f"{ticket.ticket_id}{plan}"[:COPY_MAX]))


def broken_card(view: TicketView, result: TicketResult, look: Look) -> Card:
    """Return the case that needs a person: some legs held, others not, and what each way out comes to."""
    ticket = view.ticket
    missed = [leg for leg in result.legs if not is_filled(leg)]
    named = bold(
        ", ".join(esc(leg.name, 24) for leg in missed[:2]) + (" and more" if len(missed) > 2 else "")
    )
    what = f"{UNKNOWN}, " if result.unknown else ""
    lines = [
        headline("🟠", look, "broken", subject(ticket), f"{what}{_count(result)}, {named} missed"),
        *_leg_lines(result),
        _complete(result),
        _cost(result),
        *_not_final(result),
        *([_held_line(view.held_risk)] if view.held_risk else []),
        *repaired_lines(result),
        *([] if result.unknown else ways_lines(view.repairs)),
        *note_lines(ticket),
        f"The event is frozen for new plans until it is repaired{_thaw(ticket)}. {_now(view, result)}",
        details(_exact_legs(result)),
        ids_line(ticket, esc(ticket.owner.name, 24), *_ended(result)),
    ]
    ways = () if result.unknown else ways_buttons(ticket, view.repairs)
    buttons = (*ways, (Button("📊 Status", CommandAct("/status")), copy_ids(ticket)))
    return Card("\n".join(lines), buttons, Severity.CRIT, mark_of(view))


def _complete(result: TicketResult) -> str:
    """Return the complete sets, and what single holdings pay beside them whatever comes true."""
    if result.per_set < 0:
        return f"Sold {shares(result.sets)} complete sets."
    more = f" What is held beyond them pays at least {proceeds(result.beyond)} USDC." if result.beyond else ""
    return f"Holding {shares(result.sets)} complete sets.{more}"


def _cost(result: TicketResult) -> str:
    paid = Usdc(result.cash + result.fees)
    legs = "legs and repairs" if result.repairs else "legs"
    word, fees = ("cost", "among it") if paid >= 0 else ("brought", "taken off")
    return f"All {legs} {word} {bold(exact(Usdc(abs(paid))))} USDC, fees {exact(result.fees)} {fees}."


def _held_line(risk: LegRisk) -> str:
    """Return both bounds of strategy 4.3 for the legs that are held."""
    return (
        f"⚠️ What is held: at worst {loss(risk.bound)} if dumped into today's bids, "
        f"{loss(risk.hard)} if every single share becomes worthless"
    )


def _thaw(ticket: Ticket) -> str:
    return f", or /resume {esc(ticket.plan.code, 20)}" if ticket.plan else ""


def _now(view: TicketView, result: TicketResult) -> str:
    """Return what an operator can do."""
    if result.unknown:
        return "Now: wait until the unknown leg is proven, this card follows it. /kill stops everything."
    choose = "Each button opens a dry ticket that sends nothing yet; " if view.repairs else ""
    return f"Now: nothing more is sent by itself. {choose}/status shows what is held."

"""A repair of a broken ticket: the ways out on the broken card, and the repair's own cards.

Pure rendering; what a way out comes to is priced by the core, here it is only told.
"""

from typing import assert_never

from bot.card import Button, Card, CommandAct, Keyboard, Look, Style, headline
from bot.cards_ticket import (
    armed_buttons,
    ids_line,
    mark_of,
    move_button,
    note_lines,
    owner_line,
    rests_words,
)
from bot.figures import average_price, cost, exact, exact_gain, gain, left, loss, price, proceeds, shares
from bot.figures import short_shares as short
from bot.markup import bold, details, esc, italic, table, when
from engine.domain.market import Side
from engine.domain.plan import Plan, PlanLeg
from engine.domain.repair import RepairOption, RepairWay, repaired_by
from engine.domain.ticket import Move, Ticket, TicketState
from engine.domain.units import Usdc
from engine.domain.views import LegResult, Severity, TicketResult, TicketView

_LEG, _SIDE, _LIMIT, _SHARES = 11, 5, 7, 9
_STATUS = ((Button("📊 Status", CommandAct("/status")),),)
_WORDS = {
    RepairWay.COMPLETE: "Complete",
    RepairWay.UNWIND: "Unwind",
    RepairWay.BOTH: "Complete a part, unwind the rest",
    RepairWay.LEAVE: "Leave",
}


def ways_lines(options: tuple[RepairOption, ...]) -> list[str]:
    """Return what every way out comes to in the worst case, the best first."""
    if not options:
        return ["No way out can be priced now: the legs are still being read back."]
    best, *others = (f"{esc(option.words, 60)} → {bold(gain(option.worth))}" for option in options)
    rest = f" · {' · '.join(others)}" if others else ""
    return [f"Best now: {best}{rest}, each at worst, all in all."]


def ways_buttons(ticket: Ticket, options: tuple[RepairOption, ...]) -> Keyboard:
    """Return a button for every way out that sends something, and the one that leaves it."""
    if not options:
        return ()
    ways = tuple(
        (Button(_label(option), _ask(ticket, option.way)),)
        for option in options
        if option.way is not RepairWay.LEAVE
    )
    return (*ways, (Button("Leave, remind 10 min", _ask(ticket, RepairWay.LEAVE)),))


def _label(option: RepairOption) -> str:
    at = "" if option.limit is None else f" ≤ {price(option.limit)}"
    return f"{_WORDS[option.way]}{at}…"


def _ask(ticket: Ticket, way: RepairWay) -> CommandAct:
    return CommandAct(f"/repair {ticket.ticket_id} {way.value}")


def repair_card(view: TicketView, look: Look) -> Card:
    """Return the card of a repair's ticket in its present state."""
    ticket, plan = view.ticket, view.ticket.plan
    assert plan is not None, f"expected a repair's ticket to carry its plan: {ticket.ticket_id}"
    match ticket.state:
        case TicketState.DRY:
            return _dry(view, plan, look)
        case TicketState.ARMED:
            return _confirm(view, plan, look)
        case TicketState.SENDING | TicketState.DONE | TicketState.BROKEN | TicketState.MISSED:
            return _sent(view, look)
        case TicketState.DROPPED | TicketState.EXPIRED | TicketState.REFUSED:
            lines = [
                headline("✖", look, ticket.state.value, _subject(ticket), "nothing sent"),
                *note_lines(ticket),
                ids_line(ticket, esc(ticket.owner.name, 24)),
            ]
            return Card("\n".join(lines), _again(ticket), about=mark_of(view))
        case _:
            assert_never(ticket.state)


def _subject(ticket: Ticket) -> str:
    code = "" if ticket.plan is None else f" {esc(ticket.plan.code, 20)}"
    return f"Repair{code}"


def _of(ticket: Ticket) -> str:
    way, broken = repaired_by(ticket)
    return f"{_WORDS[way]} · repairs {broken}"


def _again(ticket: Ticket) -> Keyboard:
    way, broken = repaired_by(ticket)
    again = Button("🔁 Dry run again", CommandAct(f"/repair {broken} {way.value}"))
    return ((again, *_STATUS[0]),)


def _dry(view: TicketView, plan: Plan, look: Look) -> Card:
    ticket = view.ticket
    moved = ticket.previous is not None
    verdict = f"{bold(f'{gain(plan.margin.net)} USDC')} against holding"
    lines = [
        headline("↩️" if moved else "🛠", look, "dry", _subject(ticket), verdict),
        f"{_of(ticket)} · {italic('nothing sent')}",
        *note_lines(ticket),
        _orders(plan),
        f"This is {esc(plan.limited_by, 200)}.",
        _worst(plan),
        details(_exactly(plan)),
        ids_line(ticket, f"offer ends {when(ticket.expires_ms, left(ticket.expires_ms, look.now_ms), 'r')}"),
    ]
    buttons = (
        (move_button(ticket, Move.DROP, "✖ Drop"),),
        (
            move_button(ticket, Move.REQUOTE, "🔁 Re-quote"),
            move_button(ticket, Move.CONFIRM, "Confirm…", Style.PRIMARY),
        ),
    )
    return Card("\n".join(lines), buttons, about=mark_of(view))


def _confirm(view: TicketView, plan: Plan, look: Look) -> Card:
    ticket = view.ticket
    count = f"{len(plan.legs)} order{'s' if len(plan.legs) > 1 else ''}"
    most = cost(plan.spend_max)
    lines = [
        headline("🔒", look, "confirm", _subject(ticket), f"send {count}, spend ≤ {bold(f'{most} USDC')}"),
        _of(ticket),
        *note_lines(ticket),
        _orders(plan),
        f"Against holding, as the books stand: {bold(f'{gain(plan.margin.net)} USDC')}.",
        "Limits are hard, the rest is cancelled at once.",
        _worst(plan),
        owner_line(ticket, look),
    ]
    buttons = armed_buttons(ticket, f"🔴 Send {count} · ≤ {most}")
    return Card("\n".join(lines), buttons, about=mark_of(view))


def _orders(plan: Plan) -> str:
    rows = [("order", "", "limit", "shares")]
    rows += [(leg.name, leg.side.value, price(leg.limit), short(leg.size)) for leg in plan.legs]
    return table(rows, (_LEG, _SIDE, _LIMIT, _SHARES))


def _worst(plan: Plan) -> str:
    return (
        f"⚠️ If only some of it fills, the whole ticket loses at worst {loss(plan.risk.bound)} if bids hold, "
        f"{loss(plan.risk.hard)} if every bid vanishes{rests_words(plan)}"
    )


def _exactly(plan: Plan) -> list[str]:
    return [*(_exact_leg(leg) for leg in plan.legs), f"plan {esc(plan.plan_id, 24)}"]


def _exact_leg(leg: PlanLeg) -> str:
    word = "costs" if leg.side is Side.BUY else "brings"
    money = cost(leg.raw) if leg.side is Side.BUY else proceeds(leg.raw)
    return f"{leg.side.value} {shares(leg.size)} {esc(leg.name, 24)} {word} {money}, fee {cost(leg.fee_paid)}"


def _sent(view: TicketView, look: Look) -> Card:
    """Return what a sent repair has come to; what is left of the set stands on the broken ticket's card."""
    ticket, result = view.ticket, view.result
    mark, verdict = _verdict(ticket, result)
    legs = () if result is None else result.legs
    lines = [
        headline(mark, look, ticket.state.value, _subject(ticket), verdict),
        _of(ticket),
        *(order_line(leg) for leg in legs),
        *([_money(result)] if result is not None and result.accounted else []),
        *note_lines(ticket),
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    is_short = ticket.state is TicketState.MISSED or any(leg.filled < leg.wanted for leg in legs)
    over = ticket.state is not TicketState.SENDING
    return Card(
        "\n".join(lines),
        _again(ticket) if over else (),
        Severity.WARN if over and is_short else Severity.INFO,
        mark_of(view),
    )


def _verdict(ticket: Ticket, result: TicketResult | None) -> tuple[str, str]:
    broken = repaired_by(ticket)[1]
    if result is None:
        return "⏳", "handing the orders to the venue"
    filled = sum(leg.filled >= leg.wanted for leg in result.legs)
    count = f"{filled}/{len(result.legs)} filled"
    if result.unknown:
        return "❓", f"❓ outcome unknown: reconciling, {count}"
    if ticket.state is TicketState.SENDING:
        return "⏳", count
    if filled == len(result.legs):
        return "✅", f"{count}; the card of {broken} has the result"
    return "🟠", f"{count}; the card of {broken} has what is left"


def order_line(leg: LegResult) -> str:
    """Return one order of a repair: side, name, how much at what price, and what is the matter with it."""
    at = f" @ {average_price(leg.cash, leg.filled)}" if leg.filled else ""
    line = f"{leg.side.value} {esc(leg.name, 24)} {shares(leg.filled)}{at}"
    if leg.filled >= leg.wanted:
        return f"✅ {line}"
    why = f": {esc(leg.reason, 60)}" if leg.reason else ""
    return f"{'✖' if leg.state.is_final else '⏳'} {line} of {shares(leg.wanted)}{why}"


def _money(result: TicketResult) -> str:
    word = "paid" if result.cash >= 0 else "received"
    return f"In all {word} {exact(Usdc(abs(result.cash)))}, fees {exact(result.fees)}."


def repaired_lines(result: TicketResult) -> list[str]:
    """Return what repairs have changed, on the broken ticket's own card; nothing without a repair."""
    if not result.repairs:
        return []
    rest = ", ".join(f"{shares(size)} {esc(name, 24)}" for name, size in result.loose[:4])
    lines = [f"Repaired: {order_line(leg)}" for leg in result.repairs[-6:]]
    if result.pairs:
        lines.append(f"{shares(result.pairs)} pairs of YES and NO are held: merge them, 1 USDC each.")
    lines.append(f"Left over: {rest}." if rest else "Nothing single is left over.")
    word = "If held" if result.sets or result.pairs or result.beyond else "Realised"
    word = "Counting what is left over as nothing" if rest else word
    return [*lines, f"{word}, original and repair together: {bold(exact_gain(result.margin_if_held))} USDC."]

"""A Dutch ticket before it is sent: the dry card, the confirm card, and every ending that cost nothing.

Pure rendering of a `TicketView`; the desk decides what may be pressed.
"""

from bot.card import Button, Card, CommandAct, Keyboard, Look, MoveAct, Style, TicketMark, headline
from bot.figures import (
    cost,
    exact,
    exact_gain,
    gain,
    left,
    loss,
    percent,
    price,
    proceeds,
    shares,
    short_shares,
    span,
)
from bot.markup import bold, details, esc, italic, table, when
from bot.operations import freshness
from engine.core.dutch.best_kind import unsendable
from engine.domain.fees import RATE_ONE
from engine.domain.market import Side
from engine.domain.plan import Plan, PlanKind, PlanLeg
from engine.domain.ticket import Move, Ticket, TicketState
from engine.domain.units import LOT, Price, Size, Usdc, format_size
from engine.domain.views import Severity, TicketView

NOTE_MAX = 240
_LEG, _PRICE, _DEPTH, _COST = 11, 6, 7, 8
_ENDINGS = {
    TicketState.EXPIRED: ("⌛", "time is up, nothing sent"),
    TicketState.DROPPED: ("✖", "dropped, nothing sent"),
    TicketState.REFUSED: ("⛔", "refused, nothing sent"),
}


def mark_of(view: TicketView) -> TicketMark:
    """Return which ticket the card is about."""
    ticket = view.ticket
    return TicketMark(
        ticket.ticket_id, ticket.owner.user_id, ticket.chat_id, ticket.message_id, freshness(view)
    )


def subject(ticket: Ticket) -> str:
    """Return the escaped subject of a Dutch ticket's first line."""
    return f"Dutch {esc(ticket.plan.code, 20)}" if ticket.plan else "Dutch"


def move_button(ticket: Ticket, move: Move, label: str, style: Style = Style.PLAIN) -> Button:
    """Return a button of the card's present version."""
    return Button(label, MoveAct(ticket.ticket_id, ticket.version, move), style)


def ids_line(ticket: Ticket, *more: str) -> str:
    """Return the grey last line."""
    return italic(" · ".join([ticket.ticket_id, f"quote {ticket.version}", *more]))


def owner_line(ticket: Ticket, look: Look) -> str:
    """Return the grey last line: whose the ticket is and, while it is open, until when it can be pressed."""
    who = esc(ticket.owner.name, 24)
    if not ticket.state.is_open:
        return ids_line(ticket, who)
    ends = when(ticket.expires_ms, left(ticket.expires_ms, look.now_ms), "r")
    return ids_line(ticket, f"only you ({who})", f"valid {ends}")


def armed_buttons(ticket: Ticket, label: str) -> Keyboard:
    """Return the buttons of a confirm card; `label` is on the one that acts.

    It stands where Drop was, and Drop where Confirm was: an impatient second tap drops.
    """
    act = move_button(ticket, Move.SEND, label, Style.DANGER)
    back, drop = move_button(ticket, Move.BACK, "« Back"), move_button(ticket, Move.DROP, "✖ Drop")
    return ((act,), (back, drop))


def note_lines(ticket: Ticket) -> list[str]:
    """Return the ticket's note as a line, or nothing."""
    return [esc(ticket.note, NOTE_MAX)] if ticket.note else []


def dry_card(view: TicketView, plan: Plan, look: Look) -> Card:
    """Return the first card: what it would cost and pay, and what can go wrong. Nothing is sent."""
    ticket, margin = view.ticket, plan.margin
    moved = ticket.previous is not None
    verdict = f"margin {bold(f'{gain(margin.net)} USDC')} ({percent(margin.net, abs(margin.raw))})"
    refusal = unsendable(plan)
    lines = [
        headline("↩️" if moved else "⚖️", look, "dry", subject(ticket), verdict),
        f"{esc(plan.title)} · {kind_words(plan)} · {italic('nothing sent')}",
        *_moved(ticket, plan, "Since the card before"),
        *note_lines(ticket),
        _legs(plan),
        _sum_line(plan),
        worst_line(plan),
        *sequence_lines(plan),
        *([f"Not sent: {esc(refusal.text, NOTE_MAX)}"] if refusal else []),
        details(_dry_details(plan, look)),
        ids_line(ticket, f"offer ends {when(ticket.expires_ms, left(ticket.expires_ms, look.now_ms), 'r')}"),
    ]
    return Card("\n".join(lines), _dry_keyboard(ticket, plan), about=mark_of(view))


def kind_words(plan: Plan) -> str:
    """Return what is traded, in plain words."""
    count = len(plan.legs)
    match plan.kind:
        case PlanKind.BUY_PAIR:
            return "buys YES and NO"
        case PlanKind.BUY_SET:
            return f"buys YES of all {count} outcomes"
        case PlanKind.NO_SET:
            return f"buys NO of {count} outcomes: all but one of them pay, or all"
        case PlanKind.SELL_SET:
            return f"sells YES of {count} outcomes, from sets held"
        case PlanKind.CONVERT:
            return f"buys NO, converts it, sells YES: {count} legs"
        case _:
            return f"{count} legs"


def _legs(plan: Plan) -> str:
    sells = [leg.side is Side.SELL for leg in plan.legs]
    head = ("bid", "brings") if all(sells) else ("price", "cost") if any(sells) else ("ask", "cost")
    rows = [("leg", head[0], "depth", head[1])]
    rows += [
        (_named(plan, leg), price(leg.touch), short_shares(leg.depth), _amount(plan, leg))
        for leg in plan.legs
    ]
    if all(sells):
        total = ("sum", price(Price(-plan.touch_sum)), "", proceeds(Usdc(-plan.margin.raw)))
    else:
        raw = plan.margin.raw
        total = ("sum", price(plan.touch_sum), "", cost(raw) if raw >= 0 else f"-{proceeds(Usdc(-raw))}")
    # The sum stays in sight however many legs there are.
    rows.insert(min(len(rows), 20), total)
    return table(rows, (_LEG, _PRICE, _DEPTH, _COST))


def _named(plan: Plan, leg: PlanLeg) -> str:
    """Return the leg's name, with its direction where a plan has both."""
    mixed = len({other.side for other in plan.legs}) > 1
    return f"- {leg.name}" if mixed and leg.side is Side.SELL else leg.name


def _amount(plan: Plan, leg: PlanLeg) -> str:
    """Return what a leg costs; what it brings stands below 0 beside costs."""
    if leg.side is Side.BUY:
        return cost(leg.raw)
    return proceeds(leg.raw) if plan.sells_only else f"-{proceeds(leg.raw)}"


def _sum_line(plan: Plan) -> str:
    m = plan.margin
    parts = [f"Gross {proceeds(m.gross)}", f"fee {cost(m.fee)}{_rate(plan)}", f"slip {cost(m.slippage)}"]
    parts += [f"safety {cost(m.safety)}"]
    named = (("buffer", m.buffer), ("carry", m.carry), ("fixed", m.fixed))
    parts += [f"{name} {cost(amount)}" for name, amount in named if amount]
    costs = " - ".join(parts)
    if plan.sells_only:
        return f"{shares(plan.size)} sets held are worth at most {bold(cost(Usdc(-m.payout)))}. {costs}"
    return f"{shares(plan.size)} sets pay {bold(proceeds(m.payout))}. {costs}"


def _rate(plan: Plan) -> str:
    """Return the fee rate when all legs share it."""
    rates = {leg.fee.rate for leg in plan.legs}
    return f" ({percent(rates.pop(), RATE_ONE)})" if len(rates) == 1 else ""


def worst_line(plan: Plan) -> str:
    """Return the line with both bounds of strategy 4.3: L while bids hold, L0 always."""
    return (
        f"⚠️ Legs are not atomic: at worst {loss(plan.risk.bound)} if bids hold, "
        f"{loss(plan.risk.hard)} if every bid vanishes{rests_words(plan)}"
    )


def rests_words(plan: Plan) -> str:
    """Return what legs filled in part may cost beyond L: the venue takes no order below its least."""
    if not plan.risk.rests:
        return ""
    return f"; while bids hold {loss(plan.risk.rests)} more in rests too small to sell"


def sequence_lines(plan: Plan) -> list[str]:
    """Return in which order the legs leave, where not all at once (strategy 4.2)."""
    names = {leg.number: esc(leg.name, 24) for leg in plan.legs}
    order = [names[number] for number in plan.probe_order]
    if not order:
        return []
    listed = ", then ".join(order[:6]) + (f" and {len(order) - 6} more" if len(order) > 6 else "")
    rest = "each leaves only when the one before is filled whole, otherwise the others are never sent"
    return [f"One after the other: {listed}; {rest}."]


def _dry_details(plan: Plan, look: Look) -> list[str]:
    m = plan.margin
    return [
        f"Size limited by: {esc(plan.limited_by)}",
        f"Spends at most {cost(plan.spend_max)} USDC.",
        f"Book age {span(look.now_ms - plan.books_ms)}, rules hash {esc(plan.rules_hash, 10)}",
        _exactly(plan),
        f"After slip, buffer, safety and carry: {exact_gain(m.net)}",
        *([esc(plan.advice, NOTE_MAX)] if plan.advice else []),
        f"plan {esc(plan.plan_id, 24)}",
    ]


def _exactly(plan: Plan) -> str:
    m = plan.margin
    if plan.sells_only:
        sold, given = exact(Usdc(-m.raw)), exact(Usdc(-m.payout))
        return (
            f"Exactly: {sold} - {given} - fee {exact(m.fee)} = {exact_gain(m.if_held)} against keeping them"
        )
    return (
        f"Exactly: {exact(m.payout)} - {exact(m.raw)} - fee {exact(m.fee)} = {exact_gain(m.if_held)} if held"
    )


def _moved(ticket: Ticket, plan: Plan, since: str) -> list[str]:
    """Return the line that tells the difference to the plan of the card before."""
    before = ticket.previous
    if before is None:
        return []
    better = plan.margin.net >= before.margin.net
    verdict = "🟢 no worse" if better else "🟡 worse"
    sums = f"sum {price(Price(abs(before.touch_sum)))} → {bold(price(Price(abs(plan.touch_sum))))}"
    if before.kind is not plan.kind:
        sums = f"now {kind_words(plan)}"
    return [f"{since}: {sums}, margin {gain(before.margin.net)} → {bold(gain(plan.margin.net))} {verdict}"]


def _dry_keyboard(ticket: Ticket, plan: Plan) -> Keyboard:
    half = Size(plan.size // 2 // LOT * LOT)
    sizes = (("½ size", half), ("2x size", Size(plan.size * 2)))
    resize = tuple(
        Button(label, CommandAct(f"/dutch {plan.code} {format_size(size)}")) for label, size in sizes if size
    )
    requote = move_button(ticket, Move.REQUOTE, "🔁 Re-quote")
    confirm = move_button(ticket, Move.CONFIRM, "Confirm…", Style.PRIMARY)
    last = (requote,) if unsendable(plan) else (requote, confirm)
    return (move_button(ticket, Move.DROP, "✖ Drop"), *resize), last


def confirm_card(view: TicketView, plan: Plan, look: Look) -> Card:
    """Return the second card: the caps of every order, and the one button that spends."""
    ticket = view.ticket
    if plan.sells_only:
        bound = f"≥ {proceeds(Usdc(sum(leg.proceeds_min for leg in plan.legs)))}"
        verdict = f"send {len(plan.legs)} orders, sell for {bold(f'{bound} USDC')}"
    else:
        bound = f"≤ {cost(plan.spend_max)}"
        verdict = f"send {len(plan.legs)} orders, spend ≤ {bold(f'{cost(plan.spend_max)} USDC')}"
    lines = [
        headline("🔒", look, "confirm", subject(ticket), verdict),
        *_moved(ticket, plan, "Since the dry run"),
        *note_lines(ticket),
        _caps(plan),
        f"Margin as the books stand {bold(f'{gain(plan.margin.net)} USDC')}.",
        "Limits are hard, the rest is cancelled at once.",
        *_wallet(view, plan),
        worst_line(plan),
        *sequence_lines(plan),
        owner_line(ticket, look),
    ]
    buttons = armed_buttons(ticket, f"🔴 Send {len(plan.legs)} orders · {bound}")
    return Card("\n".join(lines), buttons, about=mark_of(view))


def _caps(plan: Plan) -> str:
    rows = [("order", "limit", "shares", "at least" if plan.sells_only else "at most")]
    for leg in plan.legs:
        bound = proceeds(leg.proceeds_min) if leg.side is Side.SELL else cost(leg.outlay_max)
        rows.append((leg.name, price(leg.limit), short_shares(leg.size), bound))
    return table(rows, (_LEG, _PRICE, _DEPTH, _COST))


def _wallet(view: TicketView, plan: Plan) -> list[str]:
    if view.wallet is None:
        return ["Wallet not read yet."]
    return [f"Wallet {proceeds(view.wallet)} → ≥ {proceeds(Usdc(view.wallet - plan.spend_max))} USDC"]


def again_button(ticket: Ticket) -> Keyboard:
    """Return the navigation of a finished Dutch card: open a fresh dry ticket like this one."""
    if ticket.plan is None:
        return ()
    sets = f" {format_size(Size(ticket.wanted_sets))}" if ticket.wanted_sets else ""
    return ((Button("🔁 Dry run again", CommandAct(f"/dutch {ticket.plan.code}{sets}")),),)


def ended_card(view: TicketView, look: Look) -> Card:
    """Return the last card of a ticket that sent nothing: expired, dropped or refused."""
    ticket = view.ticket
    mark, verdict = _ENDINGS[ticket.state]
    lines = [
        headline(mark, look, ticket.state.value, subject(ticket), verdict),
        *note_lines(ticket),
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    return Card("\n".join(lines), again_button(ticket), about=mark_of(view))


def missed_card(view: TicketView, look: Look) -> Card:
    """Return the card of a ticket that was sent and of which nothing was filled: it cost nothing."""
    ticket = view.ticket
    result = view.result
    legs = result.legs if result else ()
    reasons = [f"✖ {esc(leg.name, 24)}: {esc(leg.reason or leg.state.value)}" for leg in legs[:20]]
    lines = [
        headline("⭕", look, "missed", subject(ticket), "sent, nothing filled, nothing paid"),
        *note_lines(ticket),
        *([details(reasons)] if reasons else []),
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    return Card("\n".join(lines), again_button(ticket), Severity.WARN, mark_of(view))

"""The ticket of a grant to quote: dry, confirm, in force as a live panel, ended; the list and the stop.

Pure rendering of views; while the grant is in force its message is edited as quotes move and fill.
"""

from bot.card import Button, Card, CommandAct, Keyboard, Look, Style, headline
from bot.cards_ticket import armed_buttons, ids_line, mark_of, move_button, note_lines, owner_line
from bot.figures import clock_time, cost, gain, lasting, price, proceeds, shares, short_shares, span
from bot.markup import bold, details, esc, table, when
from engine.domain.quote import QuoteSide
from engine.domain.quote_views import (
    QuoteLine,
    QuoteProfit,
    SpreadRow,
    SpreadsEndedView,
    SpreadsView,
    SpreadView,
)
from engine.domain.ticket import Move, SpreadTerms, Ticket, TicketState
from engine.domain.units import LOT, PRICE_ONE, Price, Size, format_scaled, format_size
from engine.domain.views import Severity, TicketView

NAME_MAX = 24
WHY_MAX = 120
BUTTON_BYTES_MAX = 48
BAR = 10
"""Blocks of the inventory bar."""
_COLUMNS = (16, 16)
_QUOTES = (5, 8, 9, 10)
_STATUS = Button("📊 Status", CommandAct("/status"))
_STOP = Button("⏹ Stop quoting", CommandAct("/spread stop"), Style.PRIMARY)
_ENDS = "Ends by Stop, time, /kill or any halt, a change of rules, a restart; its quotes are cancelled then."
_MERGED = "YES and NO that both fill are merged into dollars."
_HORIZONS = ("10 s", "1 min", "10 min")
_ENDINGS = {
    TicketState.DONE: ("🏁", "ended"),
    TicketState.DROPPED: ("✖", "dropped, nothing sent"),
    TicketState.EXPIRED: ("⌛", "time is up, nothing sent"),
}


def spread_card(view: TicketView, look: Look) -> Card:
    """Return the card of the ticket of a grant to quote in its present state."""
    ticket, terms = view.ticket, view.ticket.spread
    assert terms is not None, f"expected {ticket.ticket_id} to carry the terms of a grant"
    if ticket.state.is_open:
        return _open_card(view, terms, look)
    if ticket.state is TicketState.SENDING:
        return _panel(view, look)
    mark, verdict = _ENDINGS.get(ticket.state, ("⛔", "refused, nothing sent"))
    facts = view.spread
    lines = [
        headline(mark, look, ticket.state.value, _subject(ticket, terms), verdict),
        *note_lines(ticket),
        *([] if facts is None or facts.profit is None else _profit(facts.profit)),
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    return Card("\n".join(lines), ((*_again(ticket, terms), _STATUS),), about=mark_of(view))


def _subject(ticket: Ticket, terms: SpreadTerms) -> str:
    return f"Spread {esc(ticket.subject, 16)} {esc(terms.name, NAME_MAX)}".rstrip()


def _open_card(view: TicketView, terms: SpreadTerms, look: Look) -> Card:
    """Return the dry or the confirm card: what it would rest now, what is granted, and what ends it."""
    ticket, facts = view.ticket, view.spread
    armed = ticket.state is TicketState.ARMED
    lines = [
        headline(
            "🔒" if armed else "🧵", look, ticket.state.value, _subject(ticket, terms), _verdict(facts, terms)
        ),
        *note_lines(ticket),
        *([] if facts is None else [_now(facts, terms)]),
        _asked(terms),
        *([] if facts is None else _explained(facts)),
        _ENDS,
        owner_line(ticket, look),
    ]
    return Card("\n".join(lines), _open_keyboard(ticket, terms), about=mark_of(view))


def _asked(terms: SpreadTerms) -> str:
    most = bold(f"{cost(terms.resting)} USDC")
    return (
        f"Grant asked: inventory ≤ {shares(terms.inventory)} YES or NO, at most {most} resting, "
        f"for {lasting(terms.lasts_ms)}."
    )


def _verdict(facts: SpreadView | None, terms: SpreadTerms) -> str:
    quotes = () if facts is None else facts.quotes
    bid = next((quote for quote in quotes if quote.side is QuoteSide.BID), None)
    ask = next((quote for quote in quotes if quote.side is QuoteSide.ASK), None)
    if bid is None and ask is None:
        return "no quote as the book stands"
    both = " / ".join("-" if quote is None else price(quote.yes) for quote in (bid, ask))
    return f"quote {bold(both)}, {shares(terms.size)} a side"


def _now(facts: SpreadView, terms: SpreadTerms) -> str:
    mid = "-" if facts.mid is None else price(facts.mid)
    wide = f"spread {facts.spread_ticks} ticks" if facts.spread_ticks is not None else "no spread"
    cents = format_scaled(2 * terms.half_ticks * facts.tick, 2)
    return f"Mid {mid}, {wide}, width ≥ {cents} ¢, stale guard {span(facts.stale_ms)}"


def _explained(facts: SpreadView) -> list[str]:
    lines = [
        f"Without YES in hand the {price(quote.yes)} side goes out as "
        f"“buy NO {price(Price(PRICE_ONE - quote.yes))}”."
        for quote in facts.quotes
        if quote.buys_no
    ]
    if facts.why:
        lines.append(f"Not quoted now: {esc(facts.why, WHY_MAX)}")
    lines.append("Quotes are post-only, and gone when the grant ends even if the desk is.")
    lines.append(_MERGED)
    return [details(lines)]


def _open_keyboard(ticket: Ticket, terms: SpreadTerms) -> Keyboard:
    drop = move_button(ticket, Move.DROP, "✖ Drop")
    if ticket.state is not TicketState.DRY:
        return armed_buttons(ticket, f"🔴 Quote · ≤ {cost(terms.resting)}")
    half = Size(terms.size // 2 // LOT * LOT)
    sizes = (("½ size", half, terms.half_ticks), ("Wider", terms.size, terms.half_ticks + 1))
    others = tuple(
        Button(label, CommandAct(text))
        for label, size, ticks in sizes
        if size and (text := _command(ticket, terms, size, ticks)) is not None
    )
    return (drop, *others), (move_button(ticket, Move.CONFIRM, "Confirm…", Style.PRIMARY),)


def _command(ticket: Ticket, terms: SpreadTerms, size: Size, ticks: int) -> str | None:
    """Return the line that asks for such a grant, None where it does not fit on a button."""
    minutes = -(-terms.lasts_ms // 60_000)
    text = " ".join(f"/spread {ticket.subject} {terms.name} {format_size(size)} {ticks}t {minutes}m".split())
    return text if len(text.encode()) <= BUTTON_BYTES_MAX else None


def _again(ticket: Ticket, terms: SpreadTerms) -> tuple[Button, ...]:
    text = _command(ticket, terms, terms.size, terms.half_ticks)
    return () if text is None else (Button("🔁 Again…", CommandAct(text)),)


def _panel(view: TicketView, look: Look) -> Card:
    """Return the live panel: quotes, fills, inventory, profit, and Stop."""
    ticket, facts, terms = view.ticket, view.spread, view.ticket.spread
    assert terms is not None, f"expected {ticket.ticket_id} to carry the terms of a grant"
    until = when(ticket.expires_ms, clock_time(ticket.expires_ms), "T")
    lines = [
        headline("🧵", look, "quoting", _subject(ticket, terms), f"in force until {until}"),
        *([] if facts is None else _live(facts)),
        _ENDS,
        ids_line(ticket, esc(ticket.owner.name, 24)),
    ]
    return Card("\n".join(lines), ((_STOP, _STATUS),), about=mark_of(view))


def _live(facts: SpreadView) -> list[str]:
    fair = "-" if facts.fair is None else price(facts.fair)
    but = ", not all: " if facts.quotes else ": "
    why = f"{but}{esc(facts.why, WHY_MAX)}" if facts.why else ""
    lines = [table([("", "YES at", "shares", "state"), *(_row(quote) for quote in facts.quotes)], _QUOTES)]
    lines += [
        f"{esc(facts.regime, 16)}{why}",
        f"Fair value {fair}, resting {cost(facts.resting)} USDC, {facts.fills} fills",
        f"{_bar(facts)} {_held(facts.net)} of {shares(facts.inventory)}",
    ]
    if facts.profit is not None:
        lines += _profit(facts.profit)
    if facts.pairs:
        lines.append(f"{shares(facts.pairs)} YES and NO pair up: merged for as many dollars.")
    return lines


def _row(quote: QuoteLine) -> tuple[str, str, str, str]:
    return quote.side.value, price(quote.yes), short_shares(quote.left), quote.state


def _bar(facts: SpreadView) -> str:
    filled = min(BAR, -(-abs(facts.net) * BAR // max(1, facts.inventory)))
    return "▓" * filled + "░" * (BAR - filled)


def _held(net: Size) -> str:
    return f"{'NO' if net < 0 else 'YES'} {shares(Size(abs(net)))}"


def _profit(profit: QuoteProfit) -> list[str]:
    """Return the profit by its parts; what is not paid yet is not in it."""
    rows = [
        ("spread captured", gain(profit.captured)),
        ("moved since", gain(profit.mark)),
        ("fees", proceeds(profit.fees)),
        ("rebates, rewards", "when paid"),
        ("together", gain(profit.total)),
    ]
    known = [
        f"{name} {gain(amount)}"
        for name, amount in zip(_HORIZONS, profit.markouts, strict=True)
        if amount is not None
    ]
    return [table(rows, _COLUMNS), *([f"After the fills: {', '.join(known)}"] if known else [])]


def spreads_card(view: SpreadsView, look: Look) -> Card:
    """Return the list of markets that could be quoted, and of those that are."""
    if not view.rows:
        line = headline("🧵", look, "spread", "markets", "none is wide enough to quote, or no book is proven")
        return Card(line, ((_STATUS,),))
    quoted = [row for row in view.rows if row.granted is not None]
    lines = [
        headline("🧵", look, "spread", "markets", f"{len(view.rows)} to choose from, the widest first"),
        *(_listed(row) for row in view.rows),
        "A dry ticket sends nothing: /spread CODE outcome size 2t 1h",
    ]
    choices = [(row, _open(row)) for row in view.rows if row.granted is None]
    buttons = [
        (Button(f"{row.code} {row.name}".strip()[:32], CommandAct(text)),)
        for row, text in choices
        if len(text.encode()) <= BUTTON_BYTES_MAX
    ][:3]
    last = (_STOP, _STATUS) if quoted else (_STATUS,)
    return Card("\n".join(lines), (*buttons, last))


def _listed(row: SpreadRow) -> str:
    """Return one market on a line of its own: in a table the outcomes of one event would be cut alike."""
    name = f"{bold(esc(row.code))} {esc(row.name, NAME_MAX)}".rstrip()
    wide = f"{price(row.bid)} / {price(row.ask)}, {(row.ask - row.bid) // row.tick} ticks"
    return f"{name}: {wide}" + ("" if row.granted is None else f", quoted under {row.granted}")


def _open(row: SpreadRow) -> str:
    return f"/spread {row.code} {row.name}".rstrip()


def spreads_ended_card(view: SpreadsEndedView, look: Look) -> Card:
    """Return the answer to `/spread stop`: which grants have ended, and how many cancels are on their way."""
    if not view.tickets:
        return Card(headline("⏹", look, "stop", "Spread", "no market is quoted"), ((_STATUS,),))
    lines = [
        headline("⏹", look, "stop", "Spread", f"{bold('stopped')}: {esc(', '.join(view.tickets))}"),
        f"{view.cancelled} quotes are being cancelled; nothing more is placed without a press.",
    ]
    return Card("\n".join(lines), ((_STATUS,),), Severity.INFO)

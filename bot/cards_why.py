"""`/why`: which guard refused and every input of the plan, or what a ticket was planned on."""

from bot.card import Button, Card, CommandAct, Look, headline
from bot.figures import span
from bot.markup import bold, code, details, esc, italic, table
from bot.why_words import (
    book_rows,
    came_to,
    cost_rows,
    guard_rows,
    leg_rows,
    plan_rows,
    plan_words,
    result_rows,
    room_rows,
    verdict,
)
from engine.domain.why import WhyEvent, WhyTicket, WhyView

SENTENCE_MAX = 400
TROUBLES_SHOWN = 3
SHORT_ROWS = 12
"""Rows of a long list on a card; the command line prints them all."""
_STATUS = Button("📊 Status", CommandAct("/status"))


def why_card(view: WhyView, look: Look) -> Card:
    """Return the answer: the verdict first, then what it rests on."""
    if view.event is not None:
        lines, onward = _event(view.event, look), view.event.code
    elif view.ticket is not None:
        lines, onward = _ticket(view.ticket, look), view.ticket.ticket_id
    else:
        assert view.last is not None, "expected an answer to hold something"
        lines, onward = [headline("🔍", look, "why", esc(view.last.subject, 40), "your last refusal")], ""
    if view.last is not None:
        ago = span(view.at_ms - view.last.at_ms)
        told = f"Refused {ago} ago: {esc(view.last.refusal.text, SENTENCE_MAX)}"
        lines = [lines[0], told, *lines[1:]]
    again = (Button("🔁 Ask again", CommandAct(f"/why {onward}", in_place=True)),) if onward else ()
    return Card("\n".join(lines), ((*again, _STATUS),))


def _event(event: WhyEvent, look: Look) -> list[str]:
    refused = event.refused
    mark = "🟢" if refused is None else "⛔"
    said = [] if refused is None or refused.refusal is None else [esc(refused.refusal.text, SENTENCE_MAX)]
    troubles = [f"{line.name}: {line.trouble}" for line in event.books if line.trouble]
    plan = [] if event.plan is None else [details([esc(words, 120) for words in plan_words(event.plan)])]
    costs = cost_rows(event)
    return [
        headline(mark, look, "why", esc(event.code, 20), bold(esc(verdict(event)))),
        *said,
        table(guard_rows(event), (26, 6)),
        table(book_rows(event)[: SHORT_ROWS + 1], (11, 6, 7, 8)),
        *_more(len(event.books) - SHORT_ROWS, "legs"),
        *(f"🟡 {esc(trouble, 100)}" for trouble in troubles[:TROUBLES_SHOWN]),
        *([table(costs, (18, 14))] if costs else ["One set's cost is unknown: an ask or a fee is missing."]),
        table(room_rows(event), (18, 14)),
        *plan,
        italic("ok: passed · ✖: refused · -: not reached; room is what each cap leaves"),
    ]


def _ticket(ticket: WhyTicket, look: Look) -> list[str]:
    plan = ticket.plan
    lines = [headline("🔍", look, "why", esc(ticket.ticket_id, 12), bold(esc(ticket.stage)))]
    lines += [esc(line, SENTENCE_MAX) for line in (ticket.note, came_to(ticket)) if line]
    if plan is not None:
        lines += [esc(words, 120) for words in plan_words(plan)]
        lines += [table(leg_rows(plan)[: SHORT_ROWS + 1], (11, 7, 7, 7))]
        lines += [*_more(len(plan.legs) - SHORT_ROWS, "legs"), table(plan_rows(plan), (18, 14))]
    results = result_rows(ticket)
    if results:
        lines += [table(results[: SHORT_ROWS + 1], (11, 12, 9))]
        lines += [f"{esc(leg.name, 24)}: {esc(leg.reason, 100)}" for leg in ticket.legs if leg.reason][:3]
    return [*lines, f"Owner {esc(ticket.owner, 24)} · {code('/why ' + ticket.ticket_id)}"]


def _more(hidden: int, of: str) -> list[str]:
    return [f"… and {hidden} more {of}: dutchdesk why prints them all"] if hidden > 0 else []

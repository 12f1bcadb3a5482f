"""Reviews of rules: the list of what waits, and one event's rules with the difference, old beside new.

Every text here is the venue's and so a stranger's: it enters through `esc`, cut to what a card can hold.
"""

from collections.abc import Iterator

from bot.card import Button, Card, CommandAct, Keyboard, Look, Style, headline
from bot.cards_ticket import mark_of, move_button, note_lines, owner_line
from bot.figures import span
from bot.markup import bold, code, details, esc, italic, when
from engine.core.rules.rules_change import side_by_side
from engine.domain.review import Review, RuleChange
from engine.domain.ticket import Move, Ticket, TicketState
from engine.domain.views import ReviewsView, RulesStanding, RulesView, TicketView

WAITING_SHOWN = 8
OFFERS = 3
CHANGES_SHOWN = 4
CHANGE_ROOM = 60
"""Characters of each side of a change."""
CHANGE_MAX = 210
"""Characters of source one change may take, its escaping included."""
TEXT_ROOM = 800
"""Characters of source for the rules text; a phone shows the quote folded."""
AGAINST_ROOM = 160
LINE_MIN = 40
"""With less room than this left a further line would tell nothing."""
OUTCOMES_SHOWN = 15
OUTCOMES_ROOM = 300
_STATUS = Button("📊 Status", CommandAct("/status"))
_LIST = Button("📜 Reviews", CommandAct("/review"))


def reviews_card(view: ReviewsView, look: Look) -> Card:
    """Return what waits for a review; the first ones get a button."""
    waiting = f"{len(view.waiting)} wait" if view.waiting else "nothing waits"
    shown = view.waiting[:WAITING_SHOWN]
    hidden = len(view.waiting) - len(shown)
    lines = [
        headline("📜", look, "review", "rules", f"{bold(waiting)}, {view.reviewed} reviewed"),
        *(f"{code(f'/review {row.code}')} {esc(row.title, 60)}: {esc(row.why, 160)}" for row in shown),
        *([f"… and {hidden} more"] if hidden > 0 else []),
        italic("sets are bought only on rules that a person has read"),
    ]
    offers = tuple(Button(f"📜 {row.code}…", CommandAct(f"/review {row.code}")) for row in shown[:OFFERS])
    return Card("\n".join(lines), (offers, (_STATUS,)) if offers else ((_STATUS,),))


def rules_card(view: RulesView, look: Look) -> Card:
    """Return an event's rules without a button: they are reviewed, or the asker may only look."""
    mark, verdict = _standing(view)
    lines = [headline(mark, look, "review", esc(view.code, 20), verdict), *_body(view, look)]
    if view.standing is not RulesStanding.REVIEWED:
        lines.append("An admin stores the review: it counts for everybody's tickets.")
    return Card("\n".join(lines), ((_LIST, _STATUS),))


def review_card(view: TicketView, look: Look) -> Card:
    """Return the card of a review ticket: what is to be read and its one button, or how it ended."""
    ticket, rules = view.ticket, view.rules
    assert rules is not None, f"expected a review to carry its rules: {ticket.ticket_id}"
    mark, verdict = _ending(ticket) or _standing(rules)
    subject = f"Review {esc(ticket.subject, 20)}"
    lines = [headline(mark, look, ticket.state.value, subject, verdict), *note_lines(ticket)]
    lines += _body(rules, look) if ticket.state.is_open else [_title(rules), _hash_line(rules)]
    lines.append(owner_line(ticket, look))
    return Card("\n".join(lines), _keyboard(ticket), about=mark_of(view))


def review_toast(ticket: Ticket) -> str:
    """Return what a press on a review has led to, in a few words."""
    if ticket.state is TicketState.DONE:
        return "Stored: these rules count as read"
    return "The rules changed again: read the new card. Nothing was stored"


def _keyboard(ticket: Ticket) -> Keyboard:
    if ticket.state is TicketState.DRY:
        return ((move_button(ticket, Move.READ, "✅ I have read it", Style.PRIMARY),),)
    return ((_LIST, _STATUS),)


def _ending(ticket: Ticket) -> tuple[str, str] | None:
    if ticket.state is TicketState.DRY:
        return None
    if ticket.state is TicketState.DONE:
        return "✅", f"these rules are {bold('reviewed')}"
    return "⌛", "time is up, nothing was stored"


def _standing(view: RulesView) -> tuple[str, str]:
    match view.standing:
        case RulesStanding.CHANGED:
            return "🧊", f"rules {bold('changed')}, no plans until they are read"
        case RulesStanding.UNREAD if len(view.outcomes) == 1:
            return "📜", f"{bold('never reviewed')}, a single market needs no review"
        case RulesStanding.UNREAD:
            return "📜", f"{bold('never reviewed')}, sets are not bought"
        case RulesStanding.REVIEWED:
            return "✅", f"{bold('reviewed')}, nothing to do"


def _body(view: RulesView, look: Look) -> list[str]:
    """Return what there is to read: difference, text, outcomes, hash, who read it last."""
    return [
        _title(view),
        *_difference(view),
        "Rules:",
        details([*_text_lines(view)]),
        _outcomes(view),
        *([f"Not bought even when reviewed: {esc(view.against, AGAINST_ROOM)}"] if view.against else []),
        _hash_line(view),
        _read_by(view, look),
    ]


def _title(view: RulesView) -> str:
    return f"{bold(esc(view.title))} · {len(view.outcomes)} outcome{'s' if len(view.outcomes) != 1 else ''}"


def _difference(view: RulesView) -> list[str]:
    """Return the lines that show old and new side by side, when there is something to compare with."""
    if view.standing is not RulesStanding.CHANGED:
        return []
    if not view.changes:
        back = view.known_hash == view.rules_hash
        return [
            "They changed and are back at the text that was reviewed."
            if back
            else "The text that was reviewed is not stored: read the whole text."
        ]
    hidden = len(view.changes) - CHANGES_SHOWN
    more = [f"… and {hidden} more: dutchdesk review shows all"] if hidden > 0 else []
    return ["Old → new:", details([*map(_change, view.changes[:CHANGES_SHOWN]), *more])]


def _change(change: RuleChange) -> str:
    return f"• {esc(side_by_side(change, CHANGE_ROOM), CHANGE_MAX)}"


def _text_lines(view: RulesView) -> Iterator[str]:
    """Yield end and source, then the rules text line by line and the outcomes' own, while there is room."""
    end, source = view.end_date or "not stated", view.resolution_source or "none"
    yield f"Ends: {esc(end, 40)}. Source: {esc(source)}"
    texts = [*view.rules_text.splitlines(), *(f"{name}: {text}" for name, text in view.outcomes if text)]
    room = TEXT_ROOM
    for number, text in enumerate(texts, 1):
        line = esc(text, room)
        if not line:
            continue
        yield line
        room -= len(line)
        is_cut = "…" in line[-2:] or number < len(texts)
        if room < LINE_MIN and is_cut:
            yield "… cut here: the venue's page and dutchdesk review show all"
            return
    if not texts:
        yield "(empty)"


def _outcomes(view: RulesView) -> str:
    names: list[str] = []
    room = OUTCOMES_ROOM
    for name, _ in view.outcomes[:OUTCOMES_SHOWN]:
        shown = esc(name or view.title, min(60, room))
        names.append(shown)
        room -= len(shown) + 2
        if room < 20:
            break
    hidden = len(view.outcomes) - len(names)
    return f"Outcomes: {', '.join(names)}" + (f" and {hidden} more" if hidden > 0 else "")


def _hash_line(view: RulesView) -> str:
    """Return the rules hash short, for the eye, and long, for the TOML and the command line."""
    return f"Rules hash {bold(view.rules_hash[:10])}, whole {code(view.rules_hash)}"


def _read_by(view: RulesView, look: Look) -> str:
    if view.review is not None:
        return _who(view.review, look)
    if view.known_hash:
        return f"Last read: by the TOML, hash {esc(view.known_hash[:10])}"
    return "Last read: never"


def _who(review: Review, look: Look) -> str:
    at = when(review.at_ms, f"{span(look.now_ms - review.at_ms)} ago", "r")
    return f"Last read: by {esc(review.who, 24)} {at}, hash {review.rules_hash[:10]}"

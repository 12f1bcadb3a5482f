"""Every view becomes one card here; the small cards of the chat itself stand below.

Pure: same view, same look, same card. No Telegram types, no secrets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from bot.card import Button, Card, CommandAct, Look, headline
from bot.cards_act import act_card
from bot.cards_approve import allowances_card
from bot.cards_auto import auto_card, grants_ended_card
from bot.cards_order import cancel_card, order_card
from bot.cards_repair import repair_card
from bot.cards_result import broken_card, done_card, sending_card
from bot.cards_resume import resume_card
from bot.cards_review import review_card, reviews_card, rules_card
from bot.cards_spread import spread_card, spreads_card, spreads_ended_card
from bot.cards_status import kill_card, reconcile_card, scan_card, status_card
from bot.cards_ticket import confirm_card, dry_card, ended_card, missed_card
from bot.cards_why import why_card
from bot.commands import COMMANDS, SUGGESTION_MAX, ParsedCommand, Spec, Usage, parse
from bot.figures import span
from bot.markup import bold, code, esc
from bot.operations import NoAnswer
from config.settings import Mode
from engine.domain.quote_views import SpreadsEndedView, SpreadsView
from engine.domain.refusal import RefusalKind
from engine.domain.ticket import Operator, TicketKind, TicketState
from engine.domain.units import Ms
from engine.domain.views import (
    AllowancesView,
    CancelView,
    GrantsEndedView,
    KillView,
    ReconcileView,
    RefusalView,
    ReviewsView,
    RulesView,
    ScanView,
    Severity,
    StatusView,
    TicketView,
    View,
)
from engine.domain.why import WhyView

REFUSAL_MAX = 400
BACKLOG_SHOWN = 8
_STATUS = Button("📊 Status", CommandAct("/status"))
_NEXT = {
    RefusalKind.HALTED: Button("▶️ Resume…", CommandAct("/resume")),
    RefusalKind.NOT_REVIEWED: Button("📜 Reviews", CommandAct("/review")),
    RefusalKind.RULES_CHANGED: Button("📜 Reviews", CommandAct("/review")),
}
"""The button that leads on from a refusal, where there is one."""
_BY_KIND: dict[TicketKind, Callable[[TicketView, Look], Card]] = {
    TicketKind.RESUME: resume_card,
    TicketKind.REVIEW: review_card,
    TicketKind.ORDER: order_card,
    TicketKind.AUTO: auto_card,
    TicketKind.CHAIN: act_card,
    TicketKind.REPAIR: repair_card,
    TicketKind.SPREAD: spread_card,
}
"""Kinds of tickets whose cards have nothing in common with a Dutch one's."""
_WORLDS = {
    Mode.LOCAL: "simulated money on the exchange of this machine",
    Mode.PAPER: "simulated money, real books",
    Mode.LIVE: "real money",
}


def ticket_card(view: TicketView, look: Look) -> Card:
    """Return the card of a ticket in its present state."""
    ticket, result = view.ticket, view.result
    draw_kind = _BY_KIND.get(ticket.kind)
    if draw_kind is not None:
        return draw_kind(view, look)
    match ticket.state:
        case TicketState.DRY | TicketState.ARMED:
            assert ticket.plan is not None, (
                f"expected an open Dutch ticket to carry a plan: {ticket.ticket_id}"
            )
            draw = dry_card if ticket.state is TicketState.DRY else confirm_card
            return draw(view, ticket.plan, look)
        case TicketState.SENDING:
            return sending_card(view, result, look)
        case TicketState.DONE:
            assert result is not None, f"expected a result of a done ticket: {ticket.ticket_id}"
            return done_card(view, result, look)
        case TicketState.BROKEN:
            assert result is not None, f"expected a result of a broken ticket: {ticket.ticket_id}"
            return broken_card(view, result, look)
        case TicketState.MISSED:
            return missed_card(view, look)
        case TicketState.DROPPED | TicketState.EXPIRED | TicketState.REFUSED:
            return ended_card(view, look)
        case _:
            assert_never(ticket.state)


def refusal_card(view: RefusalView, look: Look) -> Card:
    """Return why a command was not carried out; an operator is never met with silence."""
    line = headline("⛔", look, "refused", esc(view.subject, 60), "nothing was done")
    onward = _NEXT.get(view.refusal.kind)
    buttons = (_STATUS,) if onward is None else (onward, _STATUS)
    return Card(f"{line}\n{esc(view.refusal.text, REFUSAL_MAX)}", (buttons,))


def no_answer_card(asked: str, silence: NoAnswer, look: Look) -> Card:
    """Return that the desk stayed silent, and that nothing is known."""
    line = headline("❓", look, "unknown", esc(asked, 60), "the desk did not answer")
    waited = f"Expected an answer within {silence.waited_s:g} s, found none."
    return Card(
        f"{line}\n{waited} Whether it was carried out is not known.\nNext: /status, and /kill if in doubt.",
        ((_STATUS,),),
        Severity.WARN,
    )


def hello_card(operator: Operator, version: str, look: Look) -> Card:
    """Return the greeting."""
    line = headline("👋", look, "hello", esc(operator.name, 24), f"you are {bold(operator.role.value)}")
    lines = [
        line,
        f"Dutchdesk {esc(version, 24)}: {_WORLDS[look.mode]}.",
        f"Try {code('/dutch')} for what pays now, then {code('/dutch CODE 50')}: a dry ticket sends nothing.",
        "Panic button: /kill · All commands: /help",
    ]
    return Card("\n".join(lines), ((_STATUS, Button("⚖️ Dutch scan", CommandAct("/dutch"))),))


def whoami_card(operator: Operator, look: Look) -> Card:
    """Return the asker's id and role."""
    line = headline("🪪", look, "whoami", esc(operator.name, 24), f"you are {bold(operator.role.value)}")
    return Card(f"{line}\nTelegram user id {code(str(operator.user_id))}. Roles change in the TOML only.")


def help_card(topic: Spec | None, operator: Operator, look: Look) -> Card:
    """Return all commands the operator may use, or one explained."""
    if topic is None:
        line = headline("❔", look, "help", "commands", "tap an example to copy it")
        allowed = [spec for spec in COMMANDS if operator.role.allows(spec.role)]
        rows = [f"{code(spec.example)} {esc(spec.help)}" for spec in allowed]
        rule = "Nothing is sent without two presses, Confirm… then Send, or under a grant that took them."
        return Card("\n".join([line, *rows, rule]))
    line = headline("❔", look, "help", esc(f"/{topic.name}"), esc(topic.help))
    short = ", ".join(f"/{alias}" for alias in topic.aliases)
    rows = [f"Typed as {code(topic.usage)}" + (f", short {esc(short)}" if short else "")]
    rows += [f"Example {code(topic.example)}", f"For: {topic.role.value} and above"]
    return Card("\n".join([line, *rows]), ((Button(f"Run {topic.example}", CommandAct(topic.example)),),))


def usage_card(usage: Usage, look: Look) -> Card:
    """Return what was wrong with a line, and the nearest command that works."""
    line = headline("❔", look, "not understood", esc(usage.typed or "empty message", 40), esc(usage.problem))
    runs = Button(f"Run {usage.suggestion}", CommandAct(usage.suggestion))
    return Card(f"{line}\nDid you mean {code(usage.suggestion)}?", ((runs,),))


@dataclass(frozen=True, slots=True)
class LateCommand:
    """A command that came too late to be run."""

    text: str
    age_ms: Ms


def backlog_card(late: Sequence[LateCommand], look: Look) -> Card:
    """Return the list of commands that were not run, each with a button that asks again."""
    oldest = max(command.age_ms for command in late)
    count = f"{len(late)} command{'s' if len(late) > 1 else ''}"
    line = headline("💤", look, "not run", count, f"came late, the oldest {span(oldest)} after it was sent")
    rows = [f"{code(command.text)} {span(command.age_ms)} old" for command in late[:BACKLOG_SHOWN]]
    hidden = len(late) - BACKLOG_SHOWN
    rows += [f"… and {hidden} more"] if hidden > 0 else []
    again = dict.fromkeys(command.text for command in late if _fits_a_button(command.text))
    buttons = tuple((Button(f"Run {text} again", CommandAct(text)),) for text in again)[:3]
    return Card("\n".join([line, *rows, "Prices have moved since; ask again if it still holds."]), buttons)


def _fits_a_button(text: str) -> bool:
    return isinstance(parse(text), ParsedCommand) and len(text.encode()) <= SUGGESTION_MAX


def fault_card(error_id: str, look: Look) -> Card:
    """Return that something broke on our side, with the id under which the log has it."""
    line = headline("⚠️", look, "fault", error_id, "this was not carried out as expected")
    return Card(
        f"{line}\nThe log holds the cause under {code(error_id)}. Next: /status.",
        ((_STATUS,),),
        Severity.WARN,
    )


BY_VIEW: dict[type, Callable[[Any, Look], Card]] = {
    TicketView: ticket_card,
    ScanView: scan_card,
    StatusView: status_card,
    KillView: kill_card,
    ReconcileView: reconcile_card,
    RefusalView: refusal_card,
    RulesView: rules_card,
    ReviewsView: reviews_card,
    AllowancesView: allowances_card,
    CancelView: cancel_card,
    WhyView: why_card,
    GrantsEndedView: grants_ended_card,
    SpreadsView: spreads_card,
    SpreadsEndedView: spreads_ended_card,
}
"""One row for each view of `engine.domain.views`."""


def render(view: View, look: Look) -> Card:
    """Return the card of a view."""
    return BY_VIEW[type(view)](view, look)

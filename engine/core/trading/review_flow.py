"""`/review`: what waits for a review, one event's rules with what changed, the press that stores one.

The press stores a review of exactly the text on the card; rules that changed meanwhile are shown instead.
"""

from engine.core.dutch.eligibility import ineligible
from engine.core.rules.rules_change import rule_changes
from engine.core.rules.rules_watch import accept
from engine.core.state import Desk
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import moved, open_ticket, refuse
from engine.domain.commands import AskReview, Press
from engine.domain.effects import Audit, Effect, Reply
from engine.domain.events import Asked
from engine.domain.ids import EventId
from engine.domain.market import EventGroup, canonical_rules, text_hash
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.review import Review
from engine.domain.ticket import Move, Ticket, TicketKind
from engine.domain.views import ReviewsView, RulesStanding, RulesView, WaitingRow


def ask_review(desk: Desk, asked: Asked, command: AskReview) -> list[Effect]:
    """Answer with the list, or with an event's rules: an admin's card of unread rules carries the button."""
    if not command.code:
        return [Reply(asked.request, _waiting(desk))]
    event_id = desk.codes.get(command.code)
    if event_id is None:
        text = f"expected the code of a watched event, found {command.code!r}; /dutch lists them"
        return refuse(asked, f"/review {command.code}", Refusal(RefusalKind.UNKNOWN_CODE, text))
    view = rules_view(desk, desk.events[event_id])
    kind = TicketKind.REVIEW
    if view.standing is RulesStanding.REVIEWED or not asked.operator.role.allows(kind.role):
        return [Reply(asked.request, view)]
    return open_ticket(desk, asked, kind, subject=command.code, rules=view)


def _waiting(desk: Desk) -> ReviewsView:
    """Return frozen events first, then those that only want a review to be planned."""
    changed = [
        WaitingRow(group.code, group.title, freeze.reason)
        for event_id, freeze in desk.rules_frozen.items()
        if (group := desk.events.get(event_id)) is not None
    ]
    unread = [
        WaitingRow(group.code, group.title, RulesStanding.UNREAD.value)
        for group in desk.events.values()
        if group.event_id not in desk.rules_frozen and _wants_review(desk, group)
    ]
    rows = (*sorted(changed, key=lambda row: row.code), *sorted(unread, key=lambda row: row.code))
    return ReviewsView(rows, sum(1 for event_id in desk.events if _is_reviewed(desk, event_id)))


def _wants_review(desk: Desk, group: EventGroup) -> bool:
    refusal = ineligible(group, desk.reviewed, allow_other=desk.settings.dutch.allow_other)
    return refusal is not None and refusal.kind is RefusalKind.NOT_REVIEWED


def _is_reviewed(desk: Desk, event_id: EventId) -> bool:
    return event_id in desk.reviewed and event_id not in desk.rules_frozen


def rules_view(desk: Desk, group: EventGroup) -> RulesView:
    """Return an event's rules as they are now, and how they stand to what was read."""
    rules = canonical_rules(group)
    as_read = {group.event_id: text_hash(rules)}
    against = ineligible(group, as_read, allow_other=desk.settings.dutch.allow_other)
    review = desk.reviews.get(group.event_id)
    known = desk.reviewed.get(group.event_id, "")
    is_frozen = group.event_id in desk.rules_frozen
    standing = (
        RulesStanding.CHANGED if is_frozen else RulesStanding.REVIEWED if known else RulesStanding.UNREAD
    )
    return RulesView(
        code=group.code,
        title=group.title,
        rules_text=group.rules_text,
        resolution_source=group.resolution_source,
        end_date=group.end_date,
        outcomes=tuple(
            (market.name, "" if market.rules_text == group.rules_text else market.rules_text)
            for market in group.markets
        ),
        rules=rules,
        rules_hash=text_hash(rules),
        standing=standing,
        review=review,
        changes=() if review is None else rule_changes(review.rules, rules),
        known_hash=known,
        frozen=desk.frozen.get(group.event_id, ""),
        against="" if against is None else against.text,
    )


def press_review(desk: Desk, asked: Asked, press: Press, ticket: Ticket) -> list[Effect]:
    """Store the review of exactly the text on the card; rules that changed again are shown instead."""
    assert press.move is Move.READ, f"expected the one button of a review, was {press.move.name}"
    read = desk.readings[ticket.ticket_id]
    event_id = desk.codes.get(ticket.subject)
    if event_id is None:
        text = f"{ticket.subject} is not in the catalogue any more: there is nothing to review"
        return refuse(asked, ticket.ticket_id, Refusal(RefusalKind.STALE_BUTTON, text))
    present = rules_view(desk, desk.events[event_id])
    if present.rules_hash != read.rules_hash:
        note = "the rules changed again after this card was made; nothing was stored. These are the new ones"
        desk.readings[ticket.ticket_id] = present
        after, effects = moved(desk, ticket, Move.WORSE, asked.at_ms, note=note)
        return [*effects, Reply(asked.request, view_of(desk, after))]
    if present.standing is RulesStanding.REVIEWED:
        text = (
            f"these rules of {present.code} were reviewed already by {reader_of(present)}: nothing to store"
        )
        return refuse(asked, ticket.ticket_id, Refusal(RefusalKind.STALE_BUTTON, text))
    person = asked.operator
    review = Review(event_id, read.rules, person.user_id, person.name, asked.at_ms)
    note = (
        f"{present.code} stays frozen: {present.frozen}; then /resume {present.code}"
        if present.frozen
        else ""
    )
    stored = accept(desk, review)
    desk.readings[ticket.ticket_id] = rules_view(desk, desk.events[event_id])
    after, effects = moved(desk, ticket, Move.READ, asked.at_ms, note=note)
    detail = f"{review.event_id} {review.rules_hash}"
    return [
        *stored,
        Audit(asked.at_ms, person, "rules reviewed", present.code, detail),
        *effects,
        Reply(asked.request, view_of(desk, after)),
    ]


def reader_of(view: RulesView) -> str:
    """Return who read the rules last, as far as it is stored."""
    return "the TOML" if view.review is None else view.review.who

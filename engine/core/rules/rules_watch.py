"""Whether an event's rules may be relied on: read by a person, unchanged since, and not about to change.

A change of reviewed rules freezes the event durably; `trading.review_flow` lifts it. What the venue has
announced about an event holds it, in memory only, until a catalogue read that began later has arrived.
"""

from engine.core.rules.rules_change import cut, in_short, rule_changes, side_by_side
from engine.core.state import Desk
from engine.domain.effects import Audit, Count, Effect, FreezeRules, RaiseAlert, SaveReview
from engine.domain.ids import EventId
from engine.domain.market import EventGroup, canonical_rules, rules_hash, text_hash
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.review import CONFIG, Review, RuleChange, RulesFreeze
from engine.domain.units import Ms
from engine.domain.views import Alert, Severity

TOLD_CHANGES = 4
"""An alert shows so many changes side by side and names the others; `/review` shows more."""
TOLD_ROOM = 45
"""Characters of each side in an alert."""
HASH_SHOWN = 10
TITLE_MAX = 80


def rules_hold(desk: Desk, event_id: EventId, code: str) -> Refusal | None:
    """Return why an event's rules cannot be relied on now, None if nothing is known against them."""
    freeze = desk.rules_frozen.get(event_id)
    if freeze is not None:
        text = f"{code} takes no plans until its new rules are read with /review {code}: {freeze.reason}"
        return Refusal(RefusalKind.RULES_CHANGED, text)
    announced = desk.announced.get(event_id)
    if announced is not None:
        text = (
            f"{code} waits for a new catalogue read, because the venue announced: {announced.text}; "
            "try again in a moment, then look at /review"
        )
        return Refusal(RefusalKind.ANNOUNCED, text)
    return None


def restore_reviews(
    desk: Desk, reviews: tuple[Review, ...], last_rules: tuple[tuple[EventId, str], ...], at_ms: Ms
) -> list[Effect]:
    """Take up what was reviewed before the start, by people and by the TOML.

    `last_rules` are the texts that the catalogue last held of the events in the TOML: one whose hash stands
    there is the text that was read, and a change that came while the desk was down can be shown against it.
    """
    for review in reviews:
        _enter(desk, review)
        entry = desk.settings.reviewed.get(review.event_id)
        if review.is_config and entry is None:
            del desk.reviewed[review.event_id]  # who takes the line out of the TOML takes its review back
        elif review.is_config and entry is not None:
            desk.reviewed[review.event_id] = entry
    return [e for event_id, rules in last_rules for e in _taken_from_config(desk, event_id, rules, at_ms)]


def _enter(desk: Desk, review: Review) -> None:
    desk.reviews[review.event_id] = review
    desk.reviewed[review.event_id] = review.rules_hash
    if review.is_config:
        desk.config_taken[review.event_id] = review.rules_hash


def _taken_from_config(desk: Desk, event_id: EventId, rules: str, at_ms: Ms) -> list[Effect]:
    """Store the TOML's entry as a review of these rules if it is one; an entry counts once.

    A stale entry would otherwise undo a freeze whenever the venue went back to an older text.
    """
    entry = desk.settings.reviewed.get(event_id)
    if entry is None or entry != text_hash(rules) or desk.config_taken.get(event_id) == entry:
        return []
    stored = accept(desk, Review(event_id, rules, None, CONFIG, at_ms))
    return [*stored, Audit(at_ms, None, "rules reviewed", event_id, f"{entry}, by the TOML")]


def accept(desk: Desk, review: Review) -> list[Effect]:
    """Take a review: the newest one of its event counts, and the rules freeze ends."""
    _enter(desk, review)
    desk.rules_frozen.pop(review.event_id, None)
    return [SaveReview(review)]


def compare_rules(desk: Desk, group: EventGroup, at_ms: Ms) -> list[Effect]:
    """Compare an event just read with its reviewed rules and with the last read, before it replaces that."""
    if group.event_id not in desk.reviewed:
        return _unreviewed(desk, group, at_ms)
    rules = canonical_rules(group)
    present = text_hash(rules)
    effects = _taken_from_config(desk, group.event_id, rules, at_ms)
    known = desk.reviewed[group.event_id]
    frozen = desk.rules_frozen.get(group.event_id)
    is_told = known == present if frozen is None else frozen.rules_hash == present
    return effects if is_told else [*effects, *_freeze(desk, group, rules, at_ms)]


def _unreviewed(desk: Desk, group: EventGroup, at_ms: Ms) -> list[Effect]:
    """Count the change of an event that nobody has read: it is refused anyway."""
    old = desk.events.get(group.event_id)
    if old is None or old == group:  # most of thousands: no hash is needed
        return []
    present = rules_hash(group)
    if rules_hash(old) == present:
        return []
    return [Count("dutch_rulehash_changed", ""), Audit(at_ms, None, "rules changed", group.code, present)]


def _freeze(desk: Desk, group: EventGroup, rules: str, at_ms: Ms) -> list[Effect]:
    known, present = desk.reviewed[group.event_id], text_hash(rules)
    review = desk.reviews.get(group.event_id)
    changes = () if review is None else rule_changes(review.rules, rules)
    what = in_short(changes) or _untold(known, present)
    reason = f"rules changed {known[:HASH_SHOWN]} → {present[:HASH_SHOWN]}: {what}"
    freeze = RulesFreeze(group.event_id, present, reason)
    desk.rules_frozen[group.event_id] = freeze
    alert = Alert(
        key=f"rules:{group.event_id}",
        severity=Severity.WARN,
        subject=f"rules changed {group.code}",
        text=f"{cut(group.title, TITLE_MAX)}: {what}. {_told(changes)}".rstrip(),
        next_step=f"/review {group.code} shows old and new; the event takes no plans until they are reviewed",
    )
    return [
        FreezeRules(freeze),
        Count("dutch_rulehash_changed", ""),
        Audit(at_ms, None, "rules changed", group.code, f"{known} → {present}: {what}"),
        RaiseAlert(alert),
    ]


def _untold(known: str, present: str) -> str:
    """Return what can be said without a difference to show."""
    if known == present:
        return "they changed and are back at the text that was reviewed"
    return "the text that was reviewed is not stored, so read the whole text"


def _told(changes: tuple[RuleChange, ...]) -> str:
    lines = [side_by_side(change, TOLD_ROOM) for change in changes[:TOLD_CHANGES]]
    more = len(changes) - TOLD_CHANGES
    return "; ".join(lines) + (f"; {more} more" if more > 0 else "")

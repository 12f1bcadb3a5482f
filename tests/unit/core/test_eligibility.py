"""Guards before any price: each refuses its own event, in order, with a sentence an operator can act on."""

from dataclasses import replace

import pytest

from engine.core.dutch.eligibility import GUARDS, ineligible, kind_of
from engine.domain.market import rules_hash
from engine.domain.plan import PlanKind
from engine.domain.refusal import RefusalKind
from tests.support.planner import group, lone, market, token


def three(**changes_of_last):
    return [market("Hold"), market("Cut"), market("Hike", **changes_of_last)]


def check(event, *, reviewed=None, allow_other=False):
    """Judge with the rules as they are counted as reviewed, unless told otherwise."""
    known = {event.event_id: rules_hash(event)} if reviewed is None else reviewed
    return ineligible(event, known, allow_other=allow_other)


def test_plain_reviewed_group_may_be_planned():
    event = group()

    assert check(event) is None
    assert kind_of(event) is PlanKind.BUY_SET


def test_lone_market_is_a_pair():
    assert check(lone()) is None
    assert kind_of(lone()) is PlanKind.BUY_PAIR


def test_two_outcomes_are_a_set():
    event = group(market("Yes side"), market("No side"))

    assert check(event) is None
    assert kind_of(event) is PlanKind.BUY_SET


REFUSED = [
    ("no markets", lambda: replace(group(), markets=()), RefusalKind.STRUCTURE, "found none"),
    ("separate markets", lambda: group(neg_risk=False), RefusalKind.STRUCTURE, "separate markets"),
    ("group without an id", lambda: group(neg_risk_id=""), RefusalKind.STRUCTURE, "separate markets"),
    (
        "child of another group",
        lambda: group(*three(neg_risk_id="0xother")),
        RefusalKind.STRUCTURE,
        '"Hike" outside it',
    ),
    ("child outside neg-risk", lambda: group(*three(neg_risk=False)), RefusalKind.STRUCTURE, '"Hike"'),
    ("token listed twice", lambda: group(*three(yes=token("yes Cut"))), RefusalKind.STRUCTURE, "twice"),
    ("augmented", lambda: group(augmented=True), RefusalKind.AUGMENTED, "never bought"),
    ("placeholder", lambda: group(*three(active=False)), RefusalKind.PLACEHOLDER, '"Hike" inactive'),
    ("other", lambda: group(*three(is_other=True)), RefusalKind.OTHER_OUTCOME, "allow_other"),
    ("closed child", lambda: group(*three(closed=True)), RefusalKind.NOT_TRADABLE, '"Hike" closed'),
    ("child not accepting", lambda: group(*three(accepting=False)), RefusalKind.NOT_TRADABLE, '"Hike"'),
    ("taker delay", lambda: group(*three(taker_delay=True)), RefusalKind.TAKER_DELAY, '"Hike"'),
    ("proposed", lambda: group(*three(resolution_status="proposed")), RefusalKind.RESOLVING, "proposed"),
    ("fee unknown", lambda: group(*three(fee=None)), RefusalKind.FEE_UNKNOWN, '"Hike"'),
]


@pytest.mark.parametrize(
    ("make", "kind", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_guard_refuses_its_event_and_names_what_it_found(make, kind, words):
    refusal = check(make())

    assert refusal is not None
    assert refusal.kind is kind
    assert refusal.text.startswith("expected ")
    assert "found" in refusal.text
    assert words in refusal.text


def test_unreviewed_group_tells_the_line_to_add():
    event = group()

    refusal = check(event, reviewed={})

    assert refusal is not None
    assert refusal.kind is RefusalKind.NOT_REVIEWED
    assert "[rules.reviewed]" in refusal.text
    assert f'"901" = "{rules_hash(event)}"' in refusal.text


def test_line_from_the_refusal_opens_the_event():
    event = group()
    refusal = check(event, reviewed={})
    assert refusal is not None

    _, key, _, value, _ = refusal.text.rsplit('"', 4)

    assert check(event, reviewed={key: value}) is None


def test_review_of_another_event_does_not_count():
    event = group()

    refusal = check(event, reviewed={"902": rules_hash(event)})

    assert refusal is not None
    assert refusal.kind is RefusalKind.NOT_REVIEWED


@pytest.mark.parametrize(
    "changed",
    [
        group(rules_text="If none is announced, all resolve to No."),
        group(title="Another decision"),
        group(end_date="2027-01-27T00:00:00Z"),
        group(resolution_source="https://example.com"),
        group(*three(rules_text="Only if above 25 bps.")),
        group(*three(name="Hike 25")),
        group(*three(), market("Emergency hike")),
        group(market("Hold"), market("Cut")),
    ],
)
def test_any_change_of_meaning_since_the_review_freezes_the_event(changed):
    known = {group().event_id: rules_hash(group())}

    refusal = check(changed, reviewed=known)

    assert refusal is not None
    assert refusal.kind is RefusalKind.RULES_CHANGED
    assert rules_hash(changed) in refusal.text
    assert rules_hash(group())[:10] in refusal.text


def test_change_of_trading_terms_needs_no_new_review():
    known = {group().event_id: rules_hash(group())}

    assert check(group(*three(tick=10, min_size=15_000_000)), reviewed=known) is None


def test_order_of_children_is_no_change_of_rules():
    known = {group().event_id: rules_hash(group())}

    assert check(group(*reversed(three())), reviewed=known) is None


def test_pair_pays_whatever_its_rules_say_and_needs_no_review():
    assert check(lone(), reviewed={}) is None


def test_reviewed_pair_is_frozen_by_a_change_all_the_same():
    refusal = check(lone(rules_text="changed"), reviewed={lone().event_id: rules_hash(lone())})

    assert refusal is not None
    assert refusal.kind is RefusalKind.RULES_CHANGED


def test_other_counts_as_a_leg_where_the_operator_allows_it():
    event = group(*three(is_other=True))

    assert check(event, allow_other=True) is None


def test_augmented_event_stays_closed_whatever_allow_other_says():
    event = group(*three(is_other=True), augmented=True)

    refusal = check(event, allow_other=True)

    assert refusal is not None
    assert refusal.kind is RefusalKind.AUGMENTED


def test_augmented_lone_market_is_the_visible_part_of_something():
    refusal = check(group(market("Hold"), augmented=True))

    assert refusal is not None
    assert refusal.kind is RefusalKind.AUGMENTED


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"active": False}, RefusalKind.NOT_TRADABLE),
        ({"closed": True}, RefusalKind.NOT_TRADABLE),
        ({"accepting": False}, RefusalKind.NOT_TRADABLE),
        ({"taker_delay": True}, RefusalKind.TAKER_DELAY),
        ({"resolution_status": "disputed"}, RefusalKind.RESOLVING),
        ({"fee": None}, RefusalKind.FEE_UNKNOWN),
        ({"yes": token("no Will it rain?")}, RefusalKind.STRUCTURE),
    ],
)
def test_pair_must_trade_at_known_cost(changes, kind):
    refusal = check(lone(**changes))

    assert refusal is not None
    assert refusal.kind is kind


def test_long_lists_of_children_are_cut_in_the_sentence():
    markets = [market(f"Person {number}", active=False) for number in range(75)]

    refusal = check(group(*markets))

    assert refusal is not None
    assert '"Person 0", "Person 1", "Person 2" and 72 more' in refusal.text


def test_guards_speak_in_the_order_of_the_table():
    """An event with every fault: repair one after the other and the next guard speaks."""
    faults = {
        "neg_risk_id": "0xother",
        "active": False,
        "is_other": True,
        "closed": True,
        "taker_delay": True,
        "resolution_status": "proposed",
        "fee": None,
    }
    repairs = ["neg_risk_id", "title", "augmented", "active", "is_other", "closed", "review", "rules"]
    repairs += ["taker_delay", "resolution_status", "fee"]
    heard = []
    for done in range(len(repairs) + 1):
        left = {name: value for name, value in faults.items() if name not in repairs[:done]}
        event = group(*three(**left), augmented="augmented" not in repairs[:done])
        event = event if "title" in repairs[:done] else replace(event, title="Which teams will qualify?")
        known = {} if "review" not in repairs[:done] else {event.event_id: "0" * 64}
        if "rules" in repairs[:done]:
            known = {event.event_id: rules_hash(event)}
        refusal = check(event, reviewed=known)
        heard.append(None if refusal is None else refusal.kind)

    assert heard == [
        RefusalKind.STRUCTURE,
        RefusalKind.SEVERAL_WINNERS,
        RefusalKind.AUGMENTED,
        RefusalKind.PLACEHOLDER,
        RefusalKind.OTHER_OUTCOME,
        RefusalKind.NOT_TRADABLE,
        RefusalKind.NOT_REVIEWED,
        RefusalKind.RULES_CHANGED,
        RefusalKind.TAKER_DELAY,
        RefusalKind.RESOLVING,
        RefusalKind.FEE_UNKNOWN,
        None,
    ]
    assert len(GUARDS) == len(repairs)


@pytest.mark.parametrize(
    "name",
    ["Company A", "Team AB", "Movie C", "Option 3", "Party-B", "Person ABC", "TBD", "To be announced"],
)
def test_name_that_stands_for_nobody_yet_is_a_placeholder(name):
    refusal = check(group(market("Hold"), market("Cut"), market(name)))

    assert refusal is not None
    assert refusal.kind is RefusalKind.PLACEHOLDER


@pytest.mark.parametrize(
    "name",
    ["Other", "others", "Another", "Another person", "Any other", "Someone else", "The field", "Field"],
)
def test_name_for_everyone_else_is_other_though_the_catalogue_does_not_say_so(name):
    event = group(market("Hold"), market("Cut"), market(name))

    refusal = check(event)

    assert refusal is not None
    assert refusal.kind is RefusalKind.OTHER_OUTCOME
    assert check(event, allow_other=True) is None


@pytest.mark.parametrize("name", ["Team UK", "Team Liquid", "Company", "Sally Field", "Mother", "Optional"])
def test_name_of_somebody_stays_a_name(name):
    assert check(group(market("Hold"), market("Cut"), market(name))) is None

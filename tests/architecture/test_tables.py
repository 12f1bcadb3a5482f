"""Tables are complete: a new event, effect, metric or refusal cannot be forgotten."""

import ast
from collections import Counter
from typing import get_args

from engine.core.desk import HANDLERS
from engine.domain.effects import Effect
from engine.domain.events import Event
from engine.domain.failure import POST_RULES, PostClass
from engine.domain.order import TRANSITIONS, Evidence, OrderState
from engine.domain.refusal import RefusalKind
from engine.metrics import METRICS, Kind
from engine.runtime.perform import DURABLE, RISK_LOWERING, STARTED
from tests.support.tree import name, parsed, sources, text_of

ROWS = {row.name: row for row in METRICS}
USES = {
    "metrics.count": Kind.COUNTER,
    "metrics.observe_us": Kind.SUMMARY,
    "metrics.read": Kind.READING,
    "Count": Kind.COUNTER,
}
"""How a metric is fed, and what kind it must then be."""


def metric_uses() -> list[tuple[str, str, str, bool]]:
    """Place, kind of use, metric name, and whether a label is given, of every literal metric name."""
    found = []
    for path in sources():
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called = ast.unparse(node.func)
            if not called.endswith(tuple(USES)):
                continue
            label = node.args[1] if len(node.args) > 1 else ast.Constant("")
            is_empty = isinstance(label, ast.Constant) and label.value == ""
            found.append((f"{name(path)}:{node.lineno}", called, str(node.args[0].value), not is_empty))
    return found


def test_every_event_has_exactly_one_handler():
    missing = {kind.__name__ for kind in set(get_args(Event)) - set(HANDLERS)}
    extra = {kind.__name__ for kind in set(HANDLERS) - set(get_args(Event))}

    assert not missing, f"add a row to HANDLERS of engine/core/desk.py for {missing}"
    assert not extra, f"{extra} are not events: remove them from HANDLERS"


def test_every_effect_is_performed_in_exactly_one_way():
    rows = Counter([*STARTED, *DURABLE])
    missing = {kind.__name__ for kind in get_args(Effect) if rows[kind] == 0}
    doubled = {kind.__name__ for kind, times in rows.items() if times > 1}

    assert not missing, f"add a row to STARTED or DURABLE of engine/runtime/perform.py for {missing}"
    assert not doubled, f"{doubled} stand in both STARTED and DURABLE: keep one"
    assert set(rows) <= set(get_args(Effect))


def test_what_lowers_risk_is_an_effect_that_needs_no_ledger():
    assert set(RISK_LOWERING) <= set(STARTED), (
        "an effect that waits for the ledger cannot survive its failure"
    )


def test_every_kind_of_answer_has_a_rule():
    assert set(POST_RULES) == set(PostClass)


def test_the_order_table_names_states_and_evidence_only():
    states = {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values())

    assert states <= set(OrderState)
    assert {evidence for _, evidence in TRANSITIONS} == set(Evidence), (
        "evidence without a row is never believed"
    )


def test_metric_names_are_unique():
    doubled = [metric for metric, times in Counter(row.name for row in METRICS).items() if times > 1]

    assert not doubled, f"{doubled} stand twice in METRICS"


def test_every_metric_counted_in_the_code_is_in_the_table():
    unknown = [f"{place} counts {metric!r}" for place, _, metric, _ in metric_uses() if metric not in ROWS]

    assert not unknown, f"add a row to METRICS of engine/metrics.py: {unknown}"


def test_every_metric_is_used_as_its_kind_and_with_its_label():
    wrong = []
    for place, called, metric, labelled in metric_uses():
        row = ROWS.get(metric)
        if row is None:
            continue
        kind = next(kind for name, kind in USES.items() if called.endswith(name))
        if row.kind is not kind:
            wrong.append(f"{place}: {metric} is a {row.kind.value}")
        elif kind is not Kind.SUMMARY and labelled != bool(row.label):
            wrong.append(f"{place}: {metric} expects label {row.label!r}")

    assert not wrong, f"call it as its row in METRICS says: {wrong}"


def test_every_metric_in_the_table_is_fed_by_something():
    used = "\n".join(text_of(path) for path in sources() if name(path) != "engine/metrics.py")
    idle = [row.name for row in METRICS if f'"{row.name}"' not in used]

    assert not idle, f"nothing counts {idle}: feed them or leave them out until something does"


def test_every_refusal_kind_is_given_by_something():
    used = "\n".join(text_of(path) for path in sources() if name(path) != "engine/domain/refusal.py")
    idle = [kind.name for kind in RefusalKind if f"RefusalKind.{kind.name}" not in used]

    assert not idle, f"no code refuses with {idle}: leave them out until something does"

"""All invariants by their number, and one call that checks them."""

from collections.abc import Callable

from tests.checker import fill_checks, order_checks, record_checks
from tests.checker.evidence import Evidence

INVARIANTS: dict[str, Callable[[Evidence], list[str]]] = {
    "I1": order_checks.durable_first,
    "I2": order_checks.one_order_per_leg,
    "I3": order_checks.same_bytes,
    "I4": order_checks.within_authority,
    "I5": order_checks.accounted_for,
    "I6": order_checks.no_phantom,
    "I7": fill_checks.fills_once,
    "I8": fill_checks.failures_undone_once,
    "I9": fill_checks.exposure_capped,
    "I12": order_checks.dry_sends_nothing,
    "I15": order_checks.single_writer,
    "I16": record_checks.audit_complete,
    "I17": order_checks.fresh_books,
    "I18": fill_checks.reserves_conserved,
    "I19": record_checks.legal_moves,
}


def check(seen: Evidence) -> dict[str, list[str]]:
    """Violations by invariant; an invariant that holds has an empty list."""
    return {name: invariant(seen) for name, invariant in INVARIANTS.items()}


def violations(seen: Evidence) -> list[str]:
    """Every violation as `I7: sentence`, none if all hold."""
    return [f"{name}: {sentence}" for name, found in check(seen).items() for sentence in found]

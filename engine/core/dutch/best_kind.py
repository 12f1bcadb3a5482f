"""Which of several plans of one event is taken, and which of several refusals says most. Decides no size."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.core.order_terms import BATCH_LEGS_MAX
from engine.domain.plan import Plan, PlanKind
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Rounding, format_cents, format_size

_PREFERRED = (PlanKind.SELL_SET, PlanKind.NO_SET)
"""Between equal gains: what is held already, then what needs no chain act (strategy 3.7)."""

_NEVER = 0
_OTHERWISE = 1
_NO_EDGE = 2
_READ_FIRST = 3
_NEAR = 4
_NEARNESS = {
    RefusalKind.INVENTORY: _NEVER,
    RefusalKind.NO_EDGE: _NO_EDGE,
    RefusalKind.NOT_REVIEWED: _READ_FIRST,
    RefusalKind.MIN_PROFIT: _NEAR,
    RefusalKind.MIN_SIZE: _NEAR,
    RefusalKind.CAPS: _NEAR,
    RefusalKind.LEG_LOSS: _NEAR,
    RefusalKind.ODDS: _NEAR,
}
"""How near to trading a refusal is; what is not named is a matter of structure, state or books."""


def unsendable(plan: Plan) -> Refusal | None:
    """Return why a plan is shown and not sent, None if its form allows sending."""
    if plan.kind is PlanKind.CONVERT:
        return Refusal(
            RefusalKind.NOT_SENDABLE,
            "expected a plan without a conversion on chain between its orders, found one: the desk shows "
            "what it would leave and does not send it",
        )
    if len(plan.legs) > BATCH_LEGS_MAX:
        return Refusal(
            RefusalKind.TOO_MANY_LEGS,
            f"expected at most {BATCH_LEGS_MAX} legs in one batch, found {len(plan.legs)}: not sendable",
        )
    return None


def best_of(found: Mapping[PlanKind, Plan | Refusal]) -> Plan | Refusal:
    """Return the sendable plan that leaves most, else the best to show, else the nearest refusal.

    Between equally near refusals the first kind speaks; that of a conversion says nothing.
    """
    plans = sorted((one for one in found.values() if isinstance(one, Plan)), key=_order)
    sendable = [plan for plan in plans if unsendable(plan) is None]
    if not plans:
        return _nearest([one for kind, one in found.items() if kind is not PlanKind.CONVERT])
    if not sendable:
        return plans[0]
    best = sendable[0]
    if plans[0].margin.net <= best.margin.net:
        return best
    return replace(best, advice=_advice(plans[0]))


def _nearest(found: Sequence[Plan | Refusal]) -> Refusal:
    """Return the refusal nearest to trading; where it is not the first kind's, that one's reason follows."""
    refusals = [one for one in found if isinstance(one, Refusal)]
    assert refusals, "expected a kind that can be sent"
    nearest = max(refusals, key=_nearness)
    if nearest is refusals[0]:
        return nearest
    text = f"{nearest.text}. As a set of YES: {refusals[0].text}"
    return replace(nearest, text=text, beside=refusals[0].kind)


def _order(plan: Plan) -> tuple[int, int]:
    preferred = _PREFERRED.index(plan.kind) if plan.kind in _PREFERRED else len(_PREFERRED)
    return -plan.margin.net, preferred


def _nearness(refusal: Refusal) -> int:
    return _NEARNESS.get(refusal.kind, _OTHERWISE)


def _advice(plan: Plan) -> str:
    gain = format_cents(plan.margin.net, Rounding.DOWN)
    ways = {
        PlanKind.CONVERT: "by converting NO on chain",
        PlanKind.NO_SET: "as a basket of NO",
        PlanKind.SELL_SET: "by selling sets held",
    }
    way = ways.get(plan.kind, "as a set")
    return f"{format_size(plan.size)} sets {way} would leave {gain}, but cannot be sent"

"""The last gate: the one place from which orders leave, and the last look at each of them (reliability E5).

It alone holds the submit function, and it takes nobody's word: what leaves is compared with what was
granted, plan by plan and as a running sum. It plans nothing and judges no market. Which venue the function
belongs to is the mode's choice of adapters (ADR 4); that this process still owns the ledger is witnessed by
the commit before, which the store refuses to anybody else.
"""

import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.clock import Clock
from engine.core.halts.venue_watch import takes_order
from engine.domain.events import Event, HostTold
from engine.domain.fees import outlay_bound
from engine.domain.host import HostSign
from engine.domain.ids import OrderId, TicketId
from engine.domain.market import Side
from engine.domain.plan import Plan, PlanLeg
from engine.domain.ticket import Approved, Grant
from engine.domain.units import Ms, Usdc
from engine.domain.venue_state import VenueState
from engine.domain.views import Gate
from engine.ports import PreparedOrder, SubmitReport

ORDERS_PER_S_MAX = 60
"""The burst of the venue's lowest tier: no plan of ours needs more in a second (protocol 2.3)."""
SECOND_MS = 1_000


class Submit(Protocol):
    """`engine.ports.Relayer.submit`."""

    def __call__(
        self, prepared: Sequence[PreparedOrder], *, approved: Approved, grant: Grant
    ) -> Awaitable[SubmitReport]:
        """POST once."""
        ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """How the desk stands at the moment of a send."""

    gate: Gate
    reason: str
    venue: VenueState
    only_rests: bool = False
    """The gate is shut for no other reason than that the venue takes post-only orders alone."""


@dataclass(frozen=True, slots=True)
class KeptBack:
    """Nothing left, and why."""

    reason: str


@dataclass(slots=True)
class _Granted:
    """What one grant allows, and what has left under it."""

    plan: Plan
    grant: Grant
    sent: dict[str, tuple[OrderId, str]] = field(default_factory=dict)
    """Order id and body hash by intent."""
    cost: int = 0
    """Most that these can cost, micro-dollars."""


class LastGate:
    """Holds the submit function and the sums of everything granted and sent by this process."""

    def __init__(
        self,
        submit: Submit,
        *,
        look: Callable[[], Outlook],
        clock: Clock,
        post: Callable[[Event], None],
        order_max: Usdc,
    ) -> None:
        """Take the function; `order_max` is the most that one order may cost (`caps.ticket_usdc`)."""
        self._submit = submit
        self._look = look
        self._clock = clock
        self._post = post
        self._order_max = order_max
        self._granted: dict[TicketId, _Granted] = {}
        self._left_ms: deque[Ms] = deque()
        self.authorised = Usdc(0)
        """Sum of every grant's spend_max."""
        self.sent = Usdc(0)
        """Sum of what the orders that left can cost, each once however often its bytes are sent."""
        self._excess: Usdc | None = None

    def authorise(self, plan: Plan, grant: Grant) -> None:
        """Take note of a plan whose commit stands; grants that have expired are forgotten.

        A further leg of the same plan under the same grant adds nothing to what is authorised.
        """
        now = self._clock.now_ms()
        for ended in [t for t, granted in self._granted.items() if granted.grant.expires_ms < now]:
            del self._granted[ended]
        known = self._granted.get(grant.ticket_id)
        if known is not None:
            assert (known.plan, known.grant) == (plan, grant), f"expected one grant for {grant.ticket_id}"
            return
        if grant.expires_ms < now:
            return  # nothing leaves under it any more
        self._granted[grant.ticket_id] = _Granted(plan, grant)
        self.authorised = Usdc(self.authorised + grant.spend_max)

    async def send(
        self, prepared: Sequence[PreparedOrder], *, approved: Approved, grant: Grant
    ) -> SubmitReport | KeptBack:
        """Look at everything a last time, then POST once; raises what the function raises."""
        now = self._clock.now_ms()
        kept = self._closed(prepared, grant, now) or self._not_granted(prepared, approved, grant)
        kept = kept or self._too_many(len(prepared), now)
        if kept is not None:
            return KeptBack(kept)
        if not self._book(prepared, grant, now):
            return KeptBack("more would leave than was authorised: the desk halts")
        return await self._submit(prepared, approved=approved, grant=grant)

    def _closed(self, prepared: Sequence[PreparedOrder], grant: Grant, now: Ms) -> str | None:
        outlook = self._look()
        reduces = all(order.intent.side is Side.SELL for order in prepared)
        if self._excess is not None:
            return "more was sent than authorised: nothing leaves before a restart"
        rests = outlook.only_rests and all(order.intent.post_only for order in prepared)
        if not (outlook.gate is Gate.RUN or rests or (outlook.gate is Gate.REDUCING and reduces)):
            return f"the gate closed before the order left: {outlook.reason}"
        if not all(takes_order(outlook.venue, post_only=order.intent.post_only) for order in prepared):
            return f"the venue takes no such order now: {outlook.venue.value}"
        if now > grant.expires_ms:
            return "the grant expired before the order left"
        if any(now > order.intent.resend_until_ms for order in prepared):
            return "the books that the order stands on are too old"
        return None

    def _not_granted(self, prepared: Sequence[PreparedOrder], approved: Approved, grant: Grant) -> str | None:
        """Return what does not agree with the grant: plan, ticket, leg, price, size, cost or bytes."""
        granted = self._granted.get(grant.ticket_id)
        if granted is None or granted.grant != grant or approved.plan_id != grant.plan_id:
            return f"expected a grant that was committed, found none for {grant.ticket_id}"
        legs = {leg.number: leg for leg in granted.plan.legs}
        for order in prepared:
            intent = order.intent
            leg = legs.get(intent.leg)
            if intent.plan_id != grant.plan_id or intent.ticket_id != grant.ticket_id or leg is None:
                return f"expected an order of {grant.ticket_id}, found one of {intent.ticket_id}"
            wrong = _beyond(order, leg) or self._too_dear(order, grant)
            if wrong is not None:
                return wrong
            known = granted.sent.get(intent.key)
            if known is not None and known != (order.order_id, _digest(order)):
                return f"expected the same bytes for {intent.key} as before, found others"
        return None

    def _too_dear(self, order: PreparedOrder, grant: Grant) -> str | None:
        most = min(self._order_max, grant.spend_max)
        cost = _cost(order)
        if cost > most:
            return f"expected an order of at most {most} micro-dollars, found {cost}"
        return None

    def _too_many(self, count: int, now: Ms) -> str | None:
        while self._left_ms and self._left_ms[0] <= now - SECOND_MS:
            self._left_ms.popleft()
        if len(self._left_ms) + count > ORDERS_PER_S_MAX:
            return (
                f"expected at most {ORDERS_PER_S_MAX} orders in a second, found {len(self._left_ms) + count}"
            )
        return None

    def _book(self, prepared: Sequence[PreparedOrder], grant: Grant, now: Ms) -> bool:
        """Count what leaves; False, with the gate shut for good, if the sums do not allow it."""
        granted = self._granted[grant.ticket_id]
        new = [order for order in prepared if order.intent.key not in granted.sent]
        cost = sum(_cost(order) for order in new)
        excess = max(self.sent + cost - self.authorised, granted.cost + cost - grant.spend_max)
        if excess > 0:
            self._excess = Usdc(excess)
            self._post(HostTold(now, HostSign.OVERSENT, excess))
            return False
        self.sent = Usdc(self.sent + cost)
        granted.cost += cost
        self._left_ms.extend([now] * len(prepared))
        for order in new:
            granted.sent[order.intent.key] = (order.order_id, _digest(order))
        return True


def _beyond(order: PreparedOrder, leg: PlanLeg) -> str | None:
    """Return how an order differs from its leg: a better price or a smaller size is allowed, nothing else."""
    intent = order.intent
    if (intent.token_id, intent.side) != (leg.token_id, leg.side):
        return f"expected {leg.side.value} {leg.name}, found another outcome or side"
    dearer = intent.price > leg.limit if leg.side is Side.BUY else intent.price < leg.limit
    if dearer or intent.size > leg.size:
        return f"expected {leg.name} within the limit and size of its card, found worse"
    return None


def _cost(order: PreparedOrder) -> int:
    intent = order.intent
    return outlay_bound(intent.fee, intent.price, intent.size) if intent.side is Side.BUY else 0


def _digest(order: PreparedOrder) -> str:
    return hashlib.sha256(order.body).hexdigest()

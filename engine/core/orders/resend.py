"""When the same bytes may be sent again, and after which pause (reliability E3). Rules only, no state.

Repeating is for answers after which nothing rests: the venue did not take orders (425, 429, a known 503),
or no byte left (`engine.domain.failure.POST_RULES`). Never a new signature, never more than five sends of
one order, never past the age of the books that its plan stands on (`OrderIntent.resend_until_ms`).
"""

import hashlib
from typing import Protocol

from engine.domain.order import OrderRecord
from engine.domain.units import Ms

SENDS_MAX = 5
TOTAL_MS = 30_000
"""From the first send on; `OrderIntent.resend_until_ms` never lies later."""
PAUSE_FIRST_MS = 250
PAUSE_MAX_MS = 8_000


class ResendRules(Protocol):
    """The operators' own bounds, below the desk's."""

    @property
    def retries_max(self) -> int:
        """Most re-sends of one order."""
        ...

    @property
    def retry_sleep_max_ms(self) -> Ms:
        """Most that one pause takes."""
        ...


def pause_ms(key: str, tries: int, *, most_ms: int = PAUSE_MAX_MS) -> Ms:
    """Return the pause after `tries` sends: full jitter under a ceiling of 250 ms that doubles up to 8 s.

    The draw comes from the order's id and the number of the send, so that a replay waits as long.
    """
    assert tries >= 1, f"expected at least one send, was {tries}"
    ceiling = max(1, min(most_ms, PAUSE_MAX_MS, PAUSE_FIRST_MS << min(tries - 1, 16)))
    draw = int.from_bytes(hashlib.sha256(f"{key}:{tries}".encode()).digest()[:8])
    return Ms(1 + draw % ceiling)


def next_pause_ms(rules: ResendRules, order: OrderRecord) -> Ms:
    """Return the pause before an order's next send."""
    return pause_ms(order.order_id, order.sends, most_ms=rules.retry_sleep_max_ms)


def may_resend(rules: ResendRules, order: OrderRecord, at_ms: Ms) -> bool:
    """Tell whether the same bytes may follow: few sends, and after the pause the plan's books not too old."""
    sends_max = min(SENDS_MAX, 1 + rules.retries_max)
    due_ms = at_ms + next_pause_ms(rules, order)
    return order.sends < sends_max and due_ms <= order.intent.resend_until_ms

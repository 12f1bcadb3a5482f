"""Why no order may leave: holds, which end by themselves, and breakers, which a person lifts. Words only.

`engine.core.gate` derives the gate from what stands; `engine.core.halts.breakers` has the thresholds.
"""

from enum import Enum


class Hold(Enum):
    """What keeps orders back for a while; the value is the operator's word."""

    VENUE = "the venue takes no orders"
    BLIND = "the user stream is blind"
    HEARTBEAT = "heartbeats are not answered"
    LIMITED = "the venue limits our rate"
    CLOCK = "the machine's clock was set"
    LAG = "this machine is late"
    DISK = "the disk is nearly full"


class Breaker(Enum):
    """What must not go on happening; the value is the operator's word and the metric's label."""

    REJECTS = "rejects"
    UNKNOWN = "unknown orders"
    AUTH = "key refused"
    FAILED_TRADES = "failed trades"
    FOREIGN_ORDER = "foreign order"
    DIFFERENCE = "the account differs from our books"
    LARGE_DIFFERENCE = "the account differs from our books by much, or goes on to"
    EXPOSURE = "exposure"
    SECOND_SENDER = "second sender"
    LOOP_LAG = "loop lag"
    COMMIT_SLOW = "slow ledger"
    CRASH_LOOP = "crash loop"
    OVERSENT = "sent more than authorised"

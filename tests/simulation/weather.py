"""What goes wrong in one seed: every fault with its seeded chance, and the count of those that struck.

Half of the faults are off in a given seed and the others are mild or wild, so that seeds differ in kind and
not only in order. In fair weather nothing strikes.
"""

from collections import Counter
from enum import Enum
from random import Random


class Fault(Enum):
    """Everything the simulation can do to a desk; the value is the word in the table."""

    POST_NOT_SENT = "post: no connection"
    POST_LOST = "post: lost on the way"
    POST_UNANSWERED = "post: accepted, answer lost"
    POST_LATE = "post: arrives after the desk gave up"
    POST_DOUBLED = "post: arrives twice"
    POST_SLOW = "post: answered at the last moment"
    POST_CUT = "post: answer cut in the middle"
    POST_PAGE = "post: accepted, a web page as answer"
    POST_PAGE_REFUSED = "post: a web page in front, nothing arrives"
    POST_ERROR = "post: accepted, 500 as answer"
    POST_RESTARTING = "post: 425 while the engine restarts"
    POST_POST_ONLY = "post: 503 post-only mode"
    POST_CANCEL_ONLY = "post: 503 cancel-only mode"
    POST_DISABLED = "post: 503 trading disabled"
    POST_LIMITED = "post: 429 with Retry-After"
    POST_LIMITED_BARE = "post: 429 without Retry-After"
    POST_LIMITED_NEGATIVE = "post: 429 with a negative Retry-After"
    POST_LIMITED_HUGE = "post: 429 with a Retry-After of a day"
    POST_UNAUTHORIZED = "post: 401"
    LEG_REJECTED = "leg: refused"
    LEG_DELAYED = "leg: delayed"
    LEG_MISSING = "leg: missing in the answer"
    LEGS_SHUFFLED = "leg: answers in another order"
    LEG_NO_ID = "leg: success without an id"
    LEG_WRONG_ID = "leg: another order's id"
    LEG_ODD_TEXT = "leg: refused with an unknown text"
    CANCEL_NOT_SENT = "cancel: no connection"
    CANCEL_LOST = "cancel: lost on the way"
    CANCEL_UNANSWERED = "cancel: done, answer lost"
    CANCEL_LATE = "cancel: arrives after the desk gave up"
    CANCEL_ERROR = "cancel: 500"
    CANCEL_LIMITED = "cancel: 429"
    CANCEL_PAGE = "cancel: done, a web page as answer"
    CANCEL_RACED = "cancel: the order is filled a moment before"
    READ_NOT_SENT = "read: no connection"
    READ_LOST = "read: no answer"
    READ_ERROR = "read: 500"
    READ_LIMITED = "read: 429"
    READ_PAGE = "read: a web page"
    READ_CUT = "read: answer cut in the middle"
    READ_SLOW = "read: answered at the last moment"
    HEARTBEAT_UNANSWERED = "heartbeat: taken, answer lost"
    HEARTBEAT_STOLEN = "heartbeat: a second sender with our key"
    HEARTBEAT_LAPSED = "heartbeat: the venue cancelled for silence"
    BUCKETS_SMALL = "venue: small rate buckets, any kind of Retry-After"
    BALANCE_LAGS = "venue: its balances lag behind"
    TAKER_DELAYED = "venue: takers are matched later, answer delayed"
    BOOKS_SNIPED = "book: taken while the POST is on its way"
    BOOKS_HIT = "book: our resting order is hit"
    FEED_CUT = "market stream: cut"
    FEED_SILENT = "market stream: silent, still connected"
    FEED_LOST = "market stream: a message lost"
    FEED_DOUBLED = "market stream: a message twice"
    USER_CUT = "user stream: cut"
    USER_SILENT = "user stream: silent until given up"
    USER_LOST = "user stream: a message lost"
    USER_DOUBLED = "user stream: a message twice"
    USER_REORDERED = "user stream: a message overtaken"
    TRADE_FAILED = "settlement: failed after it was matched"
    TRADE_RETRIED = "settlement: mined twice"
    TRADE_SLOW = "settlement: takes minutes"
    TICK_CHANGED = "market: another tick"
    MARKET_RESOLVED = "market: resolved"
    RULES_CHANGED = "market: other rules"
    FOREIGN_ORDER = "account: an order of somebody else's program"
    DISK_FULL = "disk: full for a while"
    CLOCK_STEP = "machine: somebody set the clock"
    CRASH = "process: killed"
    STOP = "process: stopped in order"
    KILL = "operator: /kill"
    KILL_FILE = "operator: the file KILL"
    DOUBLE_PRESS = "operator: a button pressed twice"
    OLD_PRESS = "operator: an old button"


MILD, WILD = 0.06, 0.35
"""Chance of a fault where it can strike, in mild and in wild weather."""
SCALE = {
    **{fault: 0.12 for fault in Fault if fault.name.startswith("READ_")},
    Fault.FEED_CUT: 0.003,
    Fault.FEED_SILENT: 0.002,
    Fault.FEED_LOST: 0.02,
    Fault.FEED_DOUBLED: 0.1,
    Fault.USER_CUT: 0.3,
    Fault.USER_SILENT: 0.2,
    Fault.POST_UNAUTHORIZED: 0.3,
    Fault.POST_RESTARTING: 0.2,
    Fault.POST_POST_ONLY: 0.2,
    Fault.POST_CANCEL_ONLY: 0.2,
    Fault.POST_DISABLED: 0.2,
    Fault.LEG_WRONG_ID: 0.2,
    Fault.HEARTBEAT_STOLEN: 0.05,
    Fault.BUCKETS_SMALL: 0.1,
    Fault.BALANCE_LAGS: 0.1,
    Fault.TAKER_DELAYED: 0.1,
    Fault.CLOCK_STEP: 0.05,
    Fault.KILL_FILE: 0.02,
    Fault.TICK_CHANGED: 0.05,
    Fault.MARKET_RESOLVED: 0.02,
    Fault.RULES_CHANGED: 0.03,
    Fault.FOREIGN_ORDER: 0.1,
    Fault.DISK_FULL: 0.04,
    Fault.CRASH: 0.3,
    Fault.STOP: 0.04,
    Fault.KILL: 0.05,
}
"""Part of that chance, where a fault can strike more often than once a request or ends a seed's trading."""


class Weather:
    """Chances of one seed."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.fair = False
        self.struck: Counter[Fault] = Counter()
        self.chances = {fault: self._chance(fault) for fault in Fault}

    def strikes(self, fault: Fault) -> bool:
        """Tell whether a fault strikes here and now."""
        chance = self.chances[fault]
        if self.fair or not chance or self._rng.random() >= chance:
            return False
        self.struck[fault] += 1
        return True

    def first(self, *faults: Fault) -> Fault | None:
        """Return the first of these faults that strikes."""
        return next((fault for fault in faults if self.strikes(fault)), None)

    def _chance(self, fault: Fault) -> float:
        kind = self._rng.random()
        if kind < 0.6:
            return 0
        return (MILD if kind < 0.85 else WILD) * SCALE.get(fault, 1)

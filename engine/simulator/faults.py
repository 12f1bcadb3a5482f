"""The fault director: scripted faults, each fired a counted number of times and then gone.

Armed by tests directly or over the test-only HTTP; whoever serves a request, sends a frame or keeps the
connections asks here. Every firing is kept. What is neither scripted nor drawn by `chances` does not happen.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from engine.domain.units import Ms
from engine.simulator.refusals import FAK_UNMATCHED, INVALID_PAYLOAD


class FaultKind(Enum):
    """What can be made to go wrong: requests, frames, connections, hostile frames, reads of books."""

    REFUSE_REQUEST = "refuse_request"
    RESTARTING = "restarting"
    RESTART = "restart"
    HTML_INSTEAD = "html_instead"
    LOST_REQUEST = "lost_request"
    LATE_REQUEST = "late_request"
    HOLD_REQUEST = "hold_request"
    NO_ANSWER = "no_answer"
    CUT_ANSWER = "cut_answer"
    DELAY_ANSWER = "delay_answer"
    HTML_ANSWER = "html_answer"
    ERROR_ANSWER = "error_answer"
    GARBLED_ANSWER = "garbled_answer"
    EMPTY_ANSWER = "empty_answer"

    REJECT_LEG = "reject_leg"
    DELAY_LEG = "delay_leg"
    LEG_MISSING = "leg_missing"
    LEGS_SHUFFLED = "legs_shuffled"
    LEG_UNKNOWN = "leg_unknown"
    LEG_WRONG_ID = "leg_wrong_id"
    LEG_BLANK = "leg_blank"

    DROP_DELTA = "drop_delta"
    SWAP_DELTAS = "swap_deltas"
    REPEAT_DELTA = "repeat_delta"
    WRONG_HASH = "wrong_hash"

    DROP_EVENT = "drop_event"
    SWAP_EVENTS = "swap_events"
    REPEAT_EVENT = "repeat_event"
    DELAY_EVENT = "delay_event"

    CUT = "cut"
    FREEZE = "freeze"
    MUTE = "mute"
    HALF_OPEN = "half_open"
    SLOW = "slow"

    HUGE_FRAME = "huge_frame"
    DEFLATE_BOMB = "deflate_bomb"
    BINARY_FRAME = "binary_frame"
    BAD_UTF8 = "bad_utf8"
    NOT_JSON = "not_json"
    DEEP_JSON = "deep_json"
    HUGE_NUMBER = "huge_number"
    NOT_A_NUMBER = "not_a_number"
    LONE_SURROGATE = "lone_surrogate"
    REPEATED_KEY = "repeated_key"
    NEGATIVE_SIZE = "negative_size"
    PRICE_ZERO = "price_zero"
    PRICE_ONE = "price_one"
    UNKNOWN_EVENT = "unknown_event"
    DATA_ENVELOPE = "data_envelope"

    BURST = "burst"

    BOOKS_HTML = "books_html"
    BOOKS_ERROR = "books_error"
    BOOKS_SLOW = "books_slow"
    BOOKS_UNSORTED = "books_unsorted"
    BOOKS_MISSING = "books_missing"
    BOOKS_BAD = "books_bad"
    BOOKS_OLD = "books_old"


UNPROCESSED_FAULTS = (
    FaultKind.REFUSE_REQUEST,
    FaultKind.RESTARTING,
    FaultKind.RESTART,
    FaultKind.HTML_INSTEAD,
    FaultKind.LOST_REQUEST,
)
"""Faults of a request that is not carried out; the first that strikes is the only one."""
REQUEST_FAULTS = (
    *UNPROCESSED_FAULTS,
    FaultKind.LATE_REQUEST,
    FaultKind.HOLD_REQUEST,
    FaultKind.NO_ANSWER,
    FaultKind.CUT_ANSWER,
    FaultKind.DELAY_ANSWER,
    FaultKind.HTML_ANSWER,
    FaultKind.ERROR_ANSWER,
    FaultKind.GARBLED_ANSWER,
    FaultKind.EMPTY_ANSWER,
)
"""Faults of one request or its answer, in the order in which they are looked for."""
LEG_FAULTS = (
    FaultKind.LEG_BLANK,
    FaultKind.LEG_WRONG_ID,
    FaultKind.LEG_MISSING,
    FaultKind.LEG_UNKNOWN,
    FaultKind.LEGS_SHUFFLED,
)
"""Faults of what the answer to a POST says of its orders, which are judged truly."""
DELTA_FAULTS = frozenset(
    {FaultKind.DROP_DELTA, FaultKind.SWAP_DELTAS, FaultKind.REPEAT_DELTA, FaultKind.WRONG_HASH}
)
EVENT_FAULTS = frozenset(
    {FaultKind.DROP_EVENT, FaultKind.SWAP_EVENTS, FaultKind.REPEAT_EVENT, FaultKind.DELAY_EVENT}
)
"""Faults of single events of the user channel."""
CHANNELS = ("market", "user")
HOLDS = frozenset({FaultKind.FREEZE, FaultKind.MUTE, FaultKind.HALF_OPEN, FaultKind.SLOW})
"""Faults that lie on a connection for a time."""
HOSTILE_FRAMES = frozenset(
    {
        FaultKind.HUGE_FRAME,
        FaultKind.DEFLATE_BOMB,
        FaultKind.BINARY_FRAME,
        FaultKind.BAD_UTF8,
        FaultKind.NOT_JSON,
        FaultKind.DEEP_JSON,
        FaultKind.HUGE_NUMBER,
        FaultKind.NOT_A_NUMBER,
        FaultKind.LONE_SURROGATE,
        FaultKind.REPEATED_KEY,
        FaultKind.NEGATIVE_SIZE,
        FaultKind.PRICE_ZERO,
        FaultKind.PRICE_ONE,
        FaultKind.UNKNOWN_EVENT,
        FaultKind.DATA_ENVELOPE,
    }
)
CONNECTION_FAULTS = HOLDS | HOSTILE_FRAMES | {FaultKind.CUT}
_NEEDS_ASSET = frozenset({FaultKind.MUTE, FaultKind.BOOKS_OLD})
_USUAL_SIZE = {
    FaultKind.HUGE_FRAME: 2 << 20,
    FaultKind.DEFLATE_BOMB: 64 << 20,
    FaultKind.DEEP_JSON: 100_000,
    FaultKind.SLOW: 1,
    FaultKind.BURST: 1_000,
}
_USUAL_STATUS = {
    FaultKind.REFUSE_REQUEST: 400,
    FaultKind.HTML_INSTEAD: 403,
    FaultKind.HTML_ANSWER: 502,
    FaultKind.ERROR_ANSWER: 500,
    FaultKind.GARBLED_ANSWER: 200,
    FaultKind.EMPTY_ANSWER: 200,
}
_USUAL_TEXT = {
    FaultKind.REFUSE_REQUEST: INVALID_PAYLOAD.text,
    FaultKind.ERROR_ANSWER: "could not insert order",
    FaultKind.REJECT_LEG: FAK_UNMATCHED.text,
}
DELAY_MAX_MS = 600_000
"""Longest wait of a request or answer: far beyond the time after which the desk judges an order dead."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A scripted fault, used up after `times` firings.

    `asset_id` narrows faults of frames, connections and books to one token ("" is any), `connection` those of
    frames and connections to one connection by its number (0 is any), `channel` those of connections to one
    channel unless a number or token is given. `event` narrows faults of user events to those of a kind, type
    or status ("" is any, "terminal" the last of an order or trade). A connection is struck once it got
    `after_frames` market frames. `hold_ms` is how long a hold lies on a connection (0: until it is lifted),
    and how long a fault of deltas strikes every delta from its first on (0: `times` deltas). `size` is bytes
    of a frame, depth of nesting, bytes a second or number of changes (0: the kind's usual). `request` names
    the requests that a fault of requests may strike by how "METHOD /path" begins ("" is any). `leg` and
    `text` say which entry of the next long enough POST is struck, and with which words. `status`, `text` and
    `retry_after` (a header's value) shape a scripted answer; 0 and "" are the kind's usual. `delay_ms` is how
    long a request, an answer or an event is held back.
    """

    kind: FaultKind
    times: int = 1
    asset_id: str = ""
    connection: int = 0
    after_frames: int = 1
    hold_ms: int = 0
    size: int = 0
    leg: int = 0
    text: str = ""
    delay_ms: int = 0
    request: str = "POST /order"
    status: int = 0
    retry_after: str = ""
    channel: str = "market"
    event: str = ""

    def __post_init__(self) -> None:
        """Refuse a script that could never fire or never end."""
        if not 1 <= self.times <= 10_000:
            raise ValueError(f"expected 1 to 10000 times, was {self.times}")
        if not 0 <= self.leg <= 14:
            raise ValueError(f"expected a leg of 0 to 14, was {self.leg}")
        if not 0 <= self.delay_ms <= DELAY_MAX_MS:
            raise ValueError(f"expected a delay of at most {DELAY_MAX_MS} ms, was {self.delay_ms}")
        if self.status and not 200 <= self.status <= 599:
            raise ValueError(f"expected a status of 200 to 599, was {self.status}")
        if not 0 <= self.hold_ms <= 3_600_000:
            raise ValueError(f"expected a hold of at most an hour, was {self.hold_ms}")
        if not 0 <= self.size <= 256 << 20:
            raise ValueError(f"expected a size of at most 256 MiB, was {self.size}")
        if self.connection < 0 or self.after_frames < 0:
            raise ValueError("expected a connection and after_frames of 0 or more")
        if self.channel not in CHANNELS:
            raise ValueError(f"expected a channel of {CHANNELS}, was {self.channel!r}")
        if self.kind in _NEEDS_ASSET and not self.asset_id:
            raise ValueError(f"expected an asset_id for {self.kind.value}")

    @property
    def amount(self) -> int:
        """The size asked for, or the kind's usual one."""
        return self.size or _USUAL_SIZE.get(self.kind, 0)

    @property
    def answer_status(self) -> int:
        """The HTTP status asked for, or the kind's usual one."""
        return self.status or _USUAL_STATUS[self.kind]

    @property
    def words(self) -> str:
        """The text asked for, or the kind's usual one."""
        return self.text or _USUAL_TEXT[self.kind]


@dataclass(frozen=True, slots=True)
class Firing:
    """One fault that happened."""

    kind: FaultKind
    detail: str
    at_ms: Ms


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int
    until_ms: Ms | None = None


class Drawing(Protocol):
    """What draws a fault for each request and user event; `engine.simulator.chances.Chances` does."""

    def draw(self, call: str, body: bytes) -> Fault | None:
        """Return the fault of the next request, if it meets one."""
        ...

    def draw_event(self) -> Fault | None:
        """Return the fault of the next user event, if it meets one."""
        ...


@dataclass(slots=True)
class FaultDirector:
    """Armed faults in the order they were armed, and those that fired."""

    fired: list[Firing] = field(default_factory=list)
    chances: Drawing | None = None
    """Seeded faults beside the scripted ones, if any are wanted."""
    _armed: list[_Armed] = field(default_factory=list)

    def roll(self, call: str, body: bytes) -> None:
        """Arm the seeded fault that this request is to meet, if it meets one."""
        fault = None if self.chances is None else self.chances.draw(call, body)
        if fault is not None:
            self.arm(fault)

    def roll_event(self) -> None:
        """Arm the seeded fault that the next user event is to meet, if it meets one."""
        fault = None if self.chances is None else self.chances.draw_event()
        if fault is not None:
            self.arm(fault)

    def arm(self, fault: Fault) -> None:
        """Add a fault to the script."""
        self._armed.append(_Armed(fault, fault.times))

    def armed(self) -> list[tuple[Fault, int]]:
        """Return what is still to fire, with the number of firings left."""
        return [(armed.fault, armed.left) for armed in self._armed]

    def disarm(self, kind: FaultKind | None) -> None:
        """Forget armed faults of a kind, or all of them."""
        self._armed = [armed for armed in self._armed if kind not in (None, armed.fault.kind)]

    def waiting(self, kinds: Collection[FaultKind]) -> list[tuple[Fault, int]]:
        """Return what is armed of these kinds, with the number of firings left."""
        return [(armed.fault, armed.left) for armed in self._armed if armed.fault.kind in kinds]

    def fire(self, fault: Fault, detail: str, now_ms: Ms) -> None:
        """Note that an armed fault happened."""
        self._fire(next(armed for armed in self._armed if armed.fault == fault), detail, now_ms)

    def hits_delta(
        self, kind: FaultKind, tokens: tuple[str, str], connections: Collection[int], now_ms: Ms
    ) -> Fault | None:
        """Return the fault that strikes a delta of this market on its way to these connections, if any."""
        for armed in list(self._armed):
            fault = armed.fault
            if armed.until_ms is not None and now_ms >= armed.until_ms:
                self._armed.remove(armed)
            elif (
                fault.kind is kind
                and fault.asset_id in ("", *tokens)
                and (fault.connection == 0 or fault.connection in connections)
            ):
                self._fire(armed, tokens[0], now_ms)
                return fault
        return None

    def hits_event(self, kind: FaultKind, words: Collection[str], now_ms: Ms) -> Fault | None:
        """Return the fault that strikes a user event of these words, if any."""
        for armed in self._armed:
            if armed.fault.kind is kind and (not armed.fault.event or armed.fault.event in words):
                self._fire(armed, " ".join(sorted(words)), now_ms)
                return armed.fault
        return None

    def hits_books(self, kind: FaultKind, tokens: Collection[str], now_ms: Ms) -> Fault | None:
        """Return the fault that strikes a read of these books, if any."""
        for armed in self._armed:
            if armed.fault.kind is kind and (not armed.fault.asset_id or armed.fault.asset_id in tokens):
                self._fire(armed, armed.fault.asset_id or f"{len(tokens)} books", now_ms)
                return armed.fault
        return None

    def hits_leg(self, kind: FaultKind, legs: int, now_ms: Ms) -> Fault | None:
        """Return the fault that strikes an entry of this POST, if any; it waits for a long enough one."""
        for armed in self._armed:
            if armed.fault.kind is kind and armed.fault.leg < legs:
                self._fire(armed, f"leg {armed.fault.leg} of {legs}", now_ms)
                return armed.fault
        return None

    def hits_request(self, kind: FaultKind, call: str, now_ms: Ms) -> Fault | None:
        """Return the fault that strikes this request ("POST /order"), if any."""
        for armed in self._armed:
            if armed.fault.kind is kind and call.startswith(armed.fault.request):
                self._fire(armed, call, now_ms)
                return armed.fault
        return None

    def _fire(self, armed: _Armed, detail: str, now_ms: Ms) -> None:
        self.fired.append(Firing(armed.fault.kind, detail, now_ms))
        if armed.fault.kind in DELTA_FAULTS and armed.fault.hold_ms:
            armed.until_ms = armed.until_ms or Ms(now_ms + armed.fault.hold_ms)
            return
        armed.left -= 1
        if armed.left == 0:
            self._armed.remove(armed)

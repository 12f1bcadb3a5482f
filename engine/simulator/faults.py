"""The fault director: scripted faults, each fired a counted number of times and then gone.

Armed by tests directly or over the test-only HTTP; whoever serves a request, sends a frame or keeps the
connections asks here. Every firing is kept. Nothing is random: what is not scripted does not happen.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from engine.domain.units import Ms
from engine.simulator.refusals import FAK_UNMATCHED


class FaultKind(Enum):
    """What can be made to go wrong: requests, frames, connections, hostile frames, reads of books."""

    REJECT_LEG = "reject_leg"
    NO_ANSWER = "no_answer"
    LOST_REQUEST = "lost_request"
    RESTARTING = "restarting"
    DELAY_ANSWER = "delay_answer"

    DROP_DELTA = "drop_delta"
    SWAP_DELTAS = "swap_deltas"
    REPEAT_DELTA = "repeat_delta"
    WRONG_HASH = "wrong_hash"

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


DELTA_FAULTS = frozenset(
    {FaultKind.DROP_DELTA, FaultKind.SWAP_DELTAS, FaultKind.REPEAT_DELTA, FaultKind.WRONG_HASH}
)
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


@dataclass(frozen=True, slots=True)
class Fault:
    """A scripted fault, used up after `times` firings.

    `asset_id` narrows faults of frames, connections and books to one token ("" is any), `connection` those of
    frames and connections to one connection by its number (0 is any). A connection is struck once it got
    `after_frames` market frames. `hold_ms` is how long a hold lies on a connection (0: until it is lifted),
    and how long a fault of deltas strikes every delta from its first on (0: `times` deltas). `size` is bytes
    of a frame, depth of nesting, bytes a second or number of changes (0: the kind's usual). `leg` and `text`
    say which entry of the next long enough batch is refused, and how. `delay_ms` is how long an answer is
    held back.
    """

    kind: FaultKind
    times: int = 1
    asset_id: str = ""
    connection: int = 0
    after_frames: int = 1
    hold_ms: int = 0
    size: int = 0
    leg: int = 0
    text: str = FAK_UNMATCHED.text
    delay_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse a script that could never fire or never end."""
        if not 1 <= self.times <= 10_000:
            raise ValueError(f"expected 1 to 10000 times, was {self.times}")
        if not 0 <= self.leg <= 14:
            raise ValueError(f"expected a leg of 0 to 14, was {self.leg}")
        if not 0 <= self.delay_ms <= 60_000:
            raise ValueError(f"expected a delay of at most 60000 ms, was {self.delay_ms}")
        if not 0 <= self.hold_ms <= 3_600_000:
            raise ValueError(f"expected a hold of at most an hour, was {self.hold_ms}")
        if not 0 <= self.size <= 256 << 20:
            raise ValueError(f"expected a size of at most 256 MiB, was {self.size}")
        if self.connection < 0 or self.after_frames < 0:
            raise ValueError("expected a connection and after_frames of 0 or more")
        if self.kind in _NEEDS_ASSET and not self.asset_id:
            raise ValueError(f"expected an asset_id for {self.kind.value}")

    @property
    def amount(self) -> int:
        """The size asked for, or the kind's usual one."""
        return self.size or _USUAL_SIZE.get(self.kind, 0)


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


@dataclass(slots=True)
class FaultDirector:
    """Armed faults in the order they were armed, and those that fired."""

    fired: list[Firing] = field(default_factory=list)
    _armed: list[_Armed] = field(default_factory=list)

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

    def hits_books(self, kind: FaultKind, tokens: Collection[str], now_ms: Ms) -> Fault | None:
        """Return the fault that strikes a read of these books, if any."""
        for armed in self._armed:
            if armed.fault.kind is kind and (not armed.fault.asset_id or armed.fault.asset_id in tokens):
                self._fire(armed, armed.fault.asset_id or f"{len(tokens)} books", now_ms)
                return armed.fault
        return None

    def rejects_leg(self, legs: int, now_ms: Ms) -> tuple[int, str] | None:
        """Return (leg, text) when one entry of this batch is to be refused."""
        for armed in self._armed:
            if armed.fault.kind is FaultKind.REJECT_LEG and armed.fault.leg < legs:
                self._fire(armed, f"leg {armed.fault.leg}: {armed.fault.text}", now_ms)
                return armed.fault.leg, armed.fault.text
        return None

    def strikes(self, kind: FaultKind, detail: str, now_ms: Ms) -> bool:
        """Tell whether a fault of a kind without parameters hits this request."""
        return self._take(kind, detail, now_ms) is not None

    def delay_ms(self, detail: str, now_ms: Ms) -> int:
        """Return how long this answer is held back, zero normally."""
        fault = self._take(FaultKind.DELAY_ANSWER, detail, now_ms)
        return fault.delay_ms if fault else 0

    def _take(self, kind: FaultKind, detail: str, now_ms: Ms) -> Fault | None:
        for armed in self._armed:
            if armed.fault.kind is kind:
                self._fire(armed, detail, now_ms)
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

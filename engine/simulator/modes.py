"""What the venue takes at present: a mode, or a script of modes with their lengths on the venue's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from engine.domain.units import Ms


class Mode(Enum):
    """Which requests are served (protocol 4.5 and 10)."""

    RUN = "run"
    RESTARTING = "restarting"
    """425 on every order endpoint, cancels included."""
    POST_ONLY = "post_only"
    """Orders that may match at once are refused, each for itself; cancels go."""
    CANCEL_ONLY = "cancel_only"
    DISABLED = "disabled"
    """Cancels are refused, too."""


@dataclass(frozen=True, slots=True)
class ModeWindow:
    """One mode for so long; 0 is until another script is given."""

    mode: Mode
    ms: int

    def __post_init__(self) -> None:
        """Refuse lengths nobody means."""
        if not 0 <= self.ms <= 86_400_000:
            raise ValueError(f"expected a window of at most a day, was {self.ms} ms")


class Modes:
    """The windows that are followed; after the last one the venue runs."""

    def __init__(self) -> None:
        self._since_ms = Ms(0)
        self._windows: tuple[ModeWindow, ...] = ()

    def follow(self, windows: Sequence[ModeWindow], now_ms: Ms) -> None:
        """Begin a script of windows now, in place of the one before; none lets the venue run."""
        self._since_ms, self._windows = now_ms, tuple(windows)

    def at(self, now_ms: Ms) -> Mode:
        """Return the mode at a time."""
        return self._present(now_ms)[0]

    def left_ms(self, now_ms: Ms) -> int:
        """Return how long the present mode lasts yet, 0 where no end is known."""
        return self._present(now_ms)[1]

    def _present(self, now_ms: Ms) -> tuple[Mode, int]:
        ends_ms = int(self._since_ms)
        for window in self._windows:
            ends_ms += window.ms
            if window.ms == 0:
                return window.mode, 0
            if now_ms < ends_ms:
                return window.mode, ends_ms - now_ms
        return Mode.RUN, 0

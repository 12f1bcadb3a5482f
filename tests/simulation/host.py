"""The machine a desk runs on: its data folder with the file KILL, its free disk, and a clock that is set."""

from random import Random
from types import SimpleNamespace

from tests.simulation.loop import Agenda
from tests.simulation.weather import Fault, Weather

_SECOND = 1_000_000


class Host:
    """What `engine.runtime.host_watch` and `kill_file` see of the machine."""

    def __init__(self, agenda: Agenda, rng: Random, weather: Weather) -> None:
        self._agenda = agenda
        self._rng = rng
        self._weather = weather
        self.wall_ahead_ms = 0
        """The wall clock minus true time."""
        self.kill_file = False

    def wall_ns(self) -> int:
        """Return the machine's wall clock."""
        return (self._agenda.now_ms() + self.wall_ahead_ms) * 1_000_000

    def disk_usage(self, _folder: object) -> SimpleNamespace:
        """Stand in for `shutil.disk_usage`: a full disk shows in the ledger's own statements."""
        return SimpleNamespace(total=100, free=50)

    def change(self) -> None:
        """Let somebody set the clock, or lay the file KILL into the folder and take it away later."""
        if self._weather.strikes(Fault.CLOCK_STEP):
            self.wall_ahead_ms = self._rng.choice((-3_600_000, -10_000, 0, 10_000, 3_600_000))
        if not self.kill_file and self._weather.strikes(Fault.KILL_FILE):
            self.kill_file = True
            self._agenda.after(self._rng.randrange(1, 20) * _SECOND, self.calm)

    def calm(self) -> None:
        """Take the file away."""
        self.kill_file = False


class KillPath:
    """`<data folder>/KILL`, and the folder itself: the one name that is looked for in it."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __truediv__(self, _name: str) -> "KillPath":
        return self

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self._host.kill_file

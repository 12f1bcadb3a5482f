"""How the venue behaves for a while in one seed: small rate buckets, odd waits, a lagging cache, delays.

Each mood is a switch of the local exchange itself; when its time is over the venue is as usual again.
"""

from collections.abc import Callable
from random import Random

from engine.domain.rates import TIERS, Tier
from engine.simulator.rate_limits import RetryStyle
from engine.simulator.venue import Venue
from tests.simulation.loop import Agenda
from tests.simulation.weather import Fault, Weather

_SECOND = 1_000_000
_SMALL = Tier("Standard", 1, 15, 2, 30)
"""A tier lower than any there is: a plan of fifteen legs just fits, and cancels soon run dry."""


class Moods:
    """Begins moods and ends them."""

    def __init__(self, agenda: Agenda, rng: Random, weather: Weather, venue: Venue) -> None:
        self._agenda = agenda
        self._rng = rng
        self._weather = weather
        self._venue = venue

    def change(self) -> None:
        """Let a mood begin, if one strikes."""
        if self._weather.strikes(Fault.BUCKETS_SMALL):
            self._venue.rates.tier = _SMALL
            self._venue.rates.retry = self._rng.choice(tuple(RetryStyle))
            self._later(5, 40, self._usual_rates)
        if self._weather.strikes(Fault.BALANCE_LAGS):
            self._lag(self._rng.randrange(500, 20_000))
            self._later(5, 60, lambda: self._lag(0))
        if self._weather.strikes(Fault.TAKER_DELAYED):
            delay_ms = self._rng.choice((250, 1_000, 3_000))
            self._venue.exchange.taker_delays.update(dict.fromkeys(self._venue.books, delay_ms))
            self._later(5, 60, self._venue.exchange.taker_delays.clear)

    def calm(self) -> None:
        """End every mood now."""
        self._usual_rates()
        self._lag(0)
        self._venue.exchange.taker_delays.clear()

    def _usual_rates(self) -> None:
        self._venue.rates.tier = TIERS[0]
        self._venue.rates.retry = RetryStyle.TOLD

    def _lag(self, lag_ms: int) -> None:
        self._venue.exchange.balances.set_lag(lag_ms, self._venue.now_ms())

    def _later(self, shortest_s: int, longest_s: int, act: Callable[[], None]) -> None:
        self._agenda.after(self._rng.randrange(shortest_s * _SECOND, longest_s * _SECOND), act)

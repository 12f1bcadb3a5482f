"""Trading terms of many markets, a few calls at a time, kept over a failed read so that the next goes on.

A whole catalogue needs thousands of calls. One that is not answered fails the read, and what was answered
before counts again for the next try while it is young enough (protocol 5.1: cache at most 10 minutes).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from engine.clock import perf_us
from engine.domain.catalogue import SkipReason
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId
from engine.venue.catalogue_calls import Progress, Step, Told, is_unknown
from engine.venue.gamma_rows import SkipError
from engine.venue.http_client import HttpClient
from engine.venue.market_terms import ClobTerms, terms_or_skip
from engine.venue.private_calls import body_of

TERMS_AT_ONCE = 8
"""Parallel calls for terms: well inside the documented limits, and orders never wait for a connection."""
KEPT_US = 300_000_000
"""Half of what the protocol allows, because a read uses the terms for some time itself."""

Answer = ClobTerms | SkipError
Kept = Mapping[ConditionId, bytes | None]
"""Answers word for word; None where the CLOB does not know the market."""


class TermsReads:
    """Reads terms; `now_us` is a monotonic reading."""

    def __init__(self, http: HttpClient, clob: str, now_us: Callable[[], int] = perf_us) -> None:
        self._http = http
        self._clob = clob
        self._now_us = now_us
        self._kept: dict[ConditionId, tuple[int, bytes | None]] = {}
        self.asked = 0
        """Calls of the newest read."""
        self.kept = 0
        """Answers the newest read took over from a failed one."""

    async def read(
        self, conditions: Sequence[ConditionId], told: Told
    ) -> dict[ConditionId, Answer] | VenueFailure:
        """Ask about every market; stop at the first failure, and go on from there the next time."""
        oldest = self._now_us() - KEPT_US
        self._kept = {c: kept for c, kept in self._kept.items() if kept[0] >= oldest}
        waiting = [condition for condition in conditions if condition not in self._kept]
        self.asked, self.kept = 0, len(conditions) - len(waiting)
        waiting.reverse()
        failures: list[VenueFailure] = []

        async def work() -> None:
            while waiting and not failures:
                condition = waiting.pop()
                began = self._now_us()
                self.asked += 1
                read = await self._read_one(condition)
                if isinstance(read, VenueFailure):
                    failures.append(read)
                else:
                    self._kept[condition] = (began, read)
                    told(Progress(Step.TERMS, self.kept + self.asked, len(conditions)))

        async with asyncio.TaskGroup() as group:
            for number in range(min(TERMS_AT_ONCE, len(waiting))):
                group.create_task(work(), name=f"market-terms-{number}")
        if failures:
            return failures[0]
        answers = {condition: self._kept[condition][1] for condition in conditions}
        self._kept = {}
        return await asyncio.to_thread(_judged, answers)  # like the rest of a catalogue, beside the loop

    async def _read_one(self, condition: ConditionId) -> bytes | VenueFailure | None:
        path = f"/clob-markets/{condition}"
        answer = await self._http.request("GET", self._clob + path)
        return None if is_unknown(answer) else body_of(answer, f"GET {path}")

    def left_over(self) -> tuple[Kept, int]:
        """Return what a failed read has fetched, and the age of the oldest of it in microseconds."""
        oldest = min((began for began, _ in self._kept.values()), default=self._now_us())
        return {condition: answer for condition, (_, answer) in self._kept.items()}, self._now_us() - oldest

    def take_up(self, answers: Kept, age_us: int) -> None:
        """Go on from what another process has left over."""
        began = self._now_us() - age_us
        self._kept |= {condition: (began, answer) for condition, answer in answers.items()}


def _judged(answers: Kept) -> dict[ConditionId, Answer]:
    return {condition: _answer(condition, raw) for condition, raw in answers.items()}


def _answer(condition: ConditionId, raw: bytes | None) -> Answer:
    if raw is None:
        return SkipError(SkipReason.NO_CLOB_MARKET, f"the CLOB does not know {condition}")
    try:
        return terms_or_skip(raw)
    except SkipError as skip:
        return skip

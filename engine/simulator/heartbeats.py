"""The dead-man's switch: ids in a chain per key; once armed, silence cancels its orders (protocol 4.6)."""

import hashlib
from dataclasses import dataclass

from engine.domain.units import Ms
from engine.simulator.auth import ApiKey

SILENCE_MS = 10_000
"""Longest time between two valid heartbeats."""
CHECK_MS = 5_000
"""Silence is looked for so often, so that a lapse comes at most this much late."""


@dataclass(slots=True)
class _Chain:
    key: ApiKey
    count: int
    expected: str
    last_ms: Ms


@dataclass(frozen=True, slots=True)
class Lapse:
    """A key was silent for too long and lost its open orders."""

    address: str
    owner: str
    at_ms: Ms
    order_ids: tuple[str, ...]


class Heartbeats:
    """Armed keys. Nothing disarms one: later orders of a silent key end at the next look, too."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._chains: dict[str, _Chain] = {}
        self._looked = -1
        self.lapses: list[Lapse] = []

    def beat(self, key: ApiKey, given: str, now_ms: Ms) -> tuple[bool, str]:
        """Return (True, the id to send next), or (False, the id that was expected)."""
        chain = self._chains.get(key.owner)
        expected = "" if chain is None else chain.expected
        if given != expected:
            return False, expected
        if chain is None:
            chain = self._chains[key.owner] = _Chain(key, 0, "", now_ms)
        chain.count += 1
        chain.expected = self._id(key, chain.count)
        chain.last_ms = now_ms
        return True, chain.expected

    def silent(self, now_ms: Ms) -> list[ApiKey]:
        """Return the keys that are silent for too long, at every turn of `CHECK_MS`; else none."""
        turn = now_ms // CHECK_MS
        if turn == self._looked:
            return []
        self._looked = turn
        return [chain.key for chain in self._chains.values() if now_ms - chain.last_ms >= SILENCE_MS]

    def _id(self, key: ApiKey, count: int) -> str:
        digest = hashlib.sha256(f"{self._seed}/heartbeat/{key.owner}/{count}".encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"

"""The venue's limits per address of origin, as windows of ten seconds (protocol 2.2). Off unless asked."""

from collections import defaultdict, deque

from engine.domain.units import Ms

WINDOW_MS = 10_000
LEDGER_READS = 900
"""Reads of own orders and trades together."""
LIMITS = {
    "GET /data/orders": 500,
    "GET /data/trades": 500,
    "GET /balance-allowance": 200,
    "GET /balance-allowance/update": 50,
    "GET /auth/api-keys": 100,
    "GET /auth/derive-api-key": 100,
    "POST /auth/api-key": 100,
}


class IpWindows:
    """Every request comes from one address here: the loopback."""

    def __init__(self) -> None:
        self.enforced = False
        self._times: defaultdict[str, deque[Ms]] = defaultdict(deque)

    def admits(self, call: str, now_ms: Ms) -> bool:
        """Count a request that its windows have room for; False for one they have none for."""
        limits = {call: LIMITS[call]} if call in LIMITS else {}
        if call.startswith("GET /data/"):
            limits["GET /data/"] = LEDGER_READS
        if not self.enforced:
            return True
        for name in limits:
            times = self._times[name]
            while times and times[0] <= now_ms - WINDOW_MS:
                times.popleft()
        if any(len(self._times[name]) >= limit for name, limit in limits.items()):
            return False
        for name in limits:
            self._times[name].append(now_ms)
        return True

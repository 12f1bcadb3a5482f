"""Trouble on demand: refused calls, an outage, lost answers, and Telegram's flood limits. Pure state.

The flood figures are Telegram's published ones (about one message a second in a chat with short bursts,
about thirty a second overall, spec/telegram.md (b)); the real limits are unspecified.
"""

from dataclasses import dataclass

from bot.local.standin.refusal import Refusal, too_many_requests
from bot.wire import JsonObject, as_object, read_bool, read_int
from engine.clock import Clock

CHAT_INTERVAL_MS, CHAT_BURST = 1_000, 5
ALL_INTERVAL_MS, ALL_BURST = 34, 30
PACED_METHODS = frozenset({"sendmessage", "editmessagetext", "editmessagereplymarkup"})


@dataclass(slots=True)
class _Bucket:
    """A token bucket that counts in milliseconds of credit: one call costs `interval_ms`."""

    interval_ms: int
    burst: int
    credit_ms: int
    at_ms: int

    def missing_ms(self, now_ms: int) -> int:
        """Refill, and return how long until one call fits: 0 when it fits now."""
        self.credit_ms = min(self.credit_ms + now_ms - self.at_ms, self.interval_ms * self.burst)
        self.at_ms = now_ms
        return max(self.interval_ms - self.credit_ms, 0)


class Faults:
    """The switches. Everything is off at the start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refuse_calls = 0
        self._retry_after_s = 1
        self._lose_answers = 0
        self._flood = False
        self._buckets: dict[int, _Bucket] = {}
        self.outage = False

    def switch(self, fields: JsonObject) -> None:
        """Take the switches that `fields` names, all or none; raises ValueError on anything else."""
        known = {"flood", "outage", "too_many", "lose_answers"}
        unknown = fields.keys() - known
        if unknown:
            raise ValueError(f"expected switches out of {sorted(known)}, was {sorted(unknown)}")
        flood = read_bool(fields, "flood", default=self._flood)
        outage = read_bool(fields, "outage", default=self.outage)
        lose_answers = read_int(fields, "lose_answers", self._lose_answers)
        present: JsonObject = {"calls": self._refuse_calls, "retry_after": self._retry_after_s}
        too_many = as_object(fields.get("too_many", present), "too_many")
        self._refuse_calls, self._retry_after_s = (
            read_int(too_many, "calls"),
            read_int(too_many, "retry_after", 1),
        )
        if flood and not self._flood:
            self._buckets.clear()
        self._flood, self.outage, self._lose_answers = flood, outage, lose_answers

    def to_json(self) -> JsonObject:
        """Return all switches as they are now."""
        return {
            "flood": self._flood,
            "outage": self.outage,
            "too_many": {"calls": self._refuse_calls, "retry_after": self._retry_after_s},
            "lose_answers": self._lose_answers,
        }

    def refuse_call(self, method: str, chat_id: int) -> Refusal | None:
        """Return the 429 that meets this call, or None. `method` is in lower case."""
        if self._refuse_calls > 0:
            self._refuse_calls -= 1
            return too_many_requests(self._retry_after_s)
        if self._flood and method in PACED_METHODS:
            return self._pace(chat_id)
        return None

    def lose_answer(self) -> bool:
        """Whether the answer to the delivery just made is lost, so that the update comes a second time."""
        if self._lose_answers > 0:
            self._lose_answers -= 1
            return True
        return False

    def _pace(self, chat_id: int) -> Refusal | None:
        now = self._clock.now_ms()
        everyone = self._bucket(0, ALL_INTERVAL_MS, ALL_BURST)
        chat = self._bucket(chat_id, CHAT_INTERVAL_MS, CHAT_BURST)
        missing_ms = max(everyone.missing_ms(now), chat.missing_ms(now))
        if missing_ms:
            return too_many_requests(-(-missing_ms // 1_000))  # whole seconds, rounded up
        everyone.credit_ms -= ALL_INTERVAL_MS
        chat.credit_ms -= CHAT_INTERVAL_MS
        return None

    def _bucket(self, key: int, interval_ms: int, burst: int) -> _Bucket:
        return self._buckets.setdefault(
            key, _Bucket(interval_ms, burst, interval_ms * burst, self._clock.now_ms())
        )

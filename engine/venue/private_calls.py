"""Private calls to the CLOB: each signed with the L2 key at the moment it leaves. Judges no answer."""

from collections.abc import Mapping

from engine.clock import Clock
from engine.domain.failure import VenueFailure, venue_sentence
from engine.domain.rates import Bucket
from engine.domain.venue_state import NO_NOTE, VenueNote
from engine.venue.answer_notes import Asked, note_of
from engine.venue.auth import L2Signer
from engine.venue.http_client import HttpAnswer, HttpClient, HttpFailure

_REASON_MAX = 200


class PrivateCalls:
    """Signs and sends. `venue_offset_ms` is the venue's clock minus desk time, set by whoever measures it."""

    def __init__(self, http: HttpClient, clob: str, signer: L2Signer, clock: Clock) -> None:
        self._http = http
        self._clob = clob
        self._signer = signer
        self._clock = clock
        self.venue_offset_ms = 0

    async def send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> HttpAnswer | HttpFailure:
        """Send one request; the signature covers method, bare path and exact body bytes."""
        headers = self._signer.headers(self._venue_s(), method, path, body or b"")
        return await self._http.request(method, self._clob + path, query=query, headers=headers, body=body)

    async def read(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None
    ) -> bytes | VenueFailure:
        """Send one request and return the body of a 200, or why there is none."""
        answer = await self.send(method, path, query=query)
        return body_of(answer, f"{method} {path}", self.note_of(answer, None))

    def note_of(self, answer: HttpAnswer | HttpFailure, bucket: Bucket | None) -> VenueNote:
        """Return what an answer tells beside its verdicts; `bucket` None for a read."""
        return note_of(answer, Asked(bucket, self._venue_s()))

    def _venue_s(self) -> int:
        return (self._clock.now_ms() + self.venue_offset_ms) // 1000


def body_of(answer: HttpAnswer | HttpFailure, call: str, note: VenueNote = NO_NOTE) -> bytes | VenueFailure:
    """Return the body of a 200 that is not a page, else a failure that names the call."""
    if isinstance(answer, HttpFailure):
        return VenueFailure(f"{call}: expected an answer, found none: {answer.reason}", note)
    if answer.status != 200 or answer.is_html:
        page = "a web page (is there a portal or a block in front of the venue?)"
        told = page if answer.is_html else answer.body.decode("utf-8", "replace")
        found = f"{call}: expected JSON, found HTTP {answer.status}: {told}"[:_REASON_MAX]
        meaning = None if answer.is_html else venue_sentence(told)
        return VenueFailure(found if meaning is None else f"{found} ({meaning})", note)
    return answer.body

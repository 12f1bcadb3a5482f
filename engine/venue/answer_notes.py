"""What an answer tells beside its verdicts: the venue's state, its rate limits, how long to wait. Pure.

Judges no order (`engine.venue.order_wire` does) and decides nothing: what a sign means for the gate is the
core's. Headers and texts are those of protocol 2.3 and 4.5; whatever is malformed counts as not told.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from engine.domain.failure import LegAnswer, PostClass, RejectKind
from engine.domain.rates import Bucket, RateReading, RetryAfter
from engine.domain.units import Ms
from engine.domain.venue_state import NO_NOTE, VenueNote, VenueSign
from engine.ports import PreparedOrder
from engine.venue.http_client import HttpAnswer, HttpFailure
from engine.venue.strict_json import OddAnswer, decode

WAIT_MIN_MS, WAIT_MAX_MS = 100, 60_000
"""A wait after a 429 is never shorter or longer than this, whatever was told (reliability B 10)."""
WAIT_UNTOLD_MS = 1_000
"""After a 429 without a time: a second refills 40 tokens of the lowest tier, more than any batch costs."""
STATE_MAX_MS = 600_000
"""A restriction that is said to last longer is asked about again after ten minutes."""
_SECONDS = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?")
_WHOLE = re.compile(r"-?[0-9]{1,12}")
_TIER_MAX = 40
SIGN_TEXTS: Final = (
    ("Trading is currently disabled", VenueSign.DISABLED),
    ("Trading is currently cancel-only", VenueSign.CANCEL_ONLY),
    ("post-only mode", VenueSign.POST_ONLY),
)
"""The documented 503 texts (protocol 4.5), which a batch's leg may carry, too."""
GRAVITY: Final = (
    VenueSign.DISABLED,
    VenueSign.RESTARTING,
    VenueSign.CANCEL_ONLY,
    VenueSign.POST_ONLY,
    VenueSign.TAKES_ORDERS,
    VenueSign.TAKES_POST_ONLY,
    VenueSign.TAKES_CANCELS,
)
"""Which sign counts if one call shows several: what the venue refuses, before what it takes."""


class Refused(msgspec.Struct, frozen=True):
    """The body of an answer that says no to a whole request."""

    error: str = ""
    code: str = ""
    retry_after_seconds: msgspec.Raw | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request was, as far as its answer's note depends on it."""

    bucket: Bucket | None
    """Whose tokens it costs; None for a read, whose answer tells nothing about trading."""
    venue_s: int
    """The venue's clock when it was answered, for a `Retry-After` that names a date."""


def refused_of(answer: HttpAnswer) -> Refused:
    """Return what a refusing body says; an empty one if it says nothing that can be read."""
    try:
        return Refused() if answer.is_html else decode(answer.body, Refused)
    except OddAnswer:
        return Refused()


def sign_of_text(text: str) -> VenueSign | None:
    """Return what a documented 503 text says about the venue, None for any other text."""
    return next((sign for fragment, sign in SIGN_TEXTS if fragment in text), None)


def note_of(answer: HttpAnswer | HttpFailure, asked: Asked) -> VenueNote:
    """Return what one answer tells about limits and, unless it accepts something, about the venue's state.

    A page of a front is no word of the venue's, but its 429 is obeyed all the same.
    """
    if isinstance(answer, HttpFailure):
        return NO_NOTE
    refused = refused_of(answer)
    limited = _limited(answer, refused, asked.venue_s) if answer.status == 429 else None
    if asked.bucket is None:
        return VenueNote(limited=limited)
    sign = _refusing_sign(answer, refused)
    if sign is None and asked.bucket is Bucket.CANCELS and 200 <= answer.status < 300 and not answer.is_html:
        sign = VenueSign.TAKES_CANCELS
    return VenueNote(
        sign=sign,
        until_ms=_lasts_ms(answer, refused, asked.venue_s) if sign in REFUSING else None,
        limited=limited,
        rate=_rate(answer, asked.bucket),
    )


REFUSING: Final = frozenset(GRAVITY[:4])
"""Signs of a venue that does not take everything."""


def with_legs(note: VenueNote, prepared: Sequence[PreparedOrder], answers: Sequence[LegAnswer]) -> VenueNote:
    """Add to a POST's note what its legs show: what was refused as a kind, or accepted as one.

    An order that was judged by itself, accepted or refused, shows that such orders are judged at all; a
    refusal of the key, the account or the request does not.
    """
    signs = {note.sign}
    for order, leg in zip(prepared, answers, strict=True):
        post_only = order.intent.post_only
        if leg.kind is PostClass.ACCEPTED:
            signs.add(VenueSign.TAKES_POST_ONLY if post_only else VenueSign.TAKES_ORDERS)
        elif leg.kind is PostClass.REFUSED and leg.reject in (RejectKind.ORDER, RejectKind.KILLED):
            signs.add(None if post_only else VenueSign.TAKES_ORDERS)
        elif leg.kind is PostClass.DEFERRED:
            signs.add(sign_of_text(leg.reason))
    return replace(note, sign=gravest(signs))


def merged(notes: Iterable[VenueNote]) -> VenueNote:
    """Return one note for the requests of one call, in their order: gravest sign, longest wait, last rate."""
    whole = NO_NOTE
    for note in notes:
        limits = [limit for limit in (whole.limited, note.limited) if limit is not None]
        sign = gravest((whole.sign, note.sign))
        whole = VenueNote(
            sign=sign,
            until_ms=note.until_ms if sign is note.sign and note.until_ms is not None else whole.until_ms,
            limited=max(limits, key=lambda limit: limit.wait_ms, default=None),
            rate=note.rate or whole.rate,
        )
    return whole


def gravest(signs: Iterable[VenueSign | None]) -> VenueSign | None:
    """Return the sign that counts, None if there is none."""
    return min((sign for sign in signs if sign is not None), key=GRAVITY.index, default=None)


def _refusing_sign(answer: HttpAnswer, refused: Refused) -> VenueSign | None:
    if answer.is_html:
        return None
    if answer.status == 425:
        return VenueSign.RESTARTING
    if answer.status != 503:
        return None
    return VenueSign.POST_ONLY if refused.code == "post_only_mode" else sign_of_text(refused.error)


def _limited(answer: HttpAnswer, refused: Refused, venue_s: int) -> RetryAfter:
    told = _told_ms(answer, refused, venue_s)
    wait_ms = WAIT_UNTOLD_MS if told is None else max(WAIT_MIN_MS, min(WAIT_MAX_MS, told))
    return RetryAfter(Ms(wait_ms), told is not None)


def _lasts_ms(answer: HttpAnswer, refused: Refused, venue_s: int) -> Ms | None:
    told = _told_ms(answer, refused, venue_s)
    return None if told is None else Ms(max(0, min(STATE_MAX_MS, told)))


def _told_ms(answer: HttpAnswer, refused: Refused, venue_s: int) -> int | None:
    """Return the wait that header or body name, in ms, perhaps negative; None if neither can be read."""
    raw = refused.retry_after_seconds
    body = "" if isinstance(raw, UnsetType) else bytes(raw).decode("ascii", "replace").strip('"')
    header = answer.headers.get("retry-after", "").strip()
    for text in (header, body):
        if _SECONDS.fullmatch(text):
            return int(Decimal(text) * 1000)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    at = date if date.tzinfo else date.replace(tzinfo=UTC)
    return (int(at.timestamp()) - venue_s) * 1000


def _rate(answer: HttpAnswer, bucket: Bucket) -> RateReading | None:
    """Return the bucket's reading, None unless the answer tells a whole number of tokens."""
    remaining = answer.headers.get("poly-ratelimit-remaining", "").strip()
    if _WHOLE.fullmatch(remaining) is None:
        return None
    reset = answer.headers.get("poly-ratelimit-reset", "").strip()
    return RateReading(
        bucket=bucket,
        remaining=int(remaining),
        reset_s=int(reset) if _WHOLE.fullmatch(reset) else None,
        tier=answer.headers.get("poly-ratelimit-tier", "").strip()[:_TIER_MAX],
        warning=answer.headers.get("poly-ratelimit-warning", "").strip().lower() == "true",
    )

"""What an answer tells beside its verdicts: waits, buckets, states (protocol 2.3, 4.5; reliability B 9)."""

import json
from dataclasses import replace
from random import Random

import pytest

from engine.domain.failure import LegAnswer, PostClass, RejectKind
from engine.domain.rates import Bucket, RateReading, RetryAfter
from engine.domain.units import Ms, Size, Usdc
from engine.domain.venue_state import NO_NOTE, VenueNote, VenueSign
from engine.venue.answer_notes import Asked, gravest, merged, note_of, with_legs
from engine.venue.http_client import FailureKind, HttpAnswer, HttpFailure
from engine.venue.order_body import prepare_order
from tests.support.venue_orders import ACCOUNT, CREDENTIALS, INSTALL_SECRET, INTENT, batch

NOW_S = 1_790_000_000
"""Mon, 21 Sep 2026 14:13:20 GMT."""
POSTED, CANCELLED, READ = (Asked(bucket, NOW_S) for bucket in (Bucket.ORDERS, Bucket.CANCELS, None))
POST_ONLY = {
    "error": "post-only mode: only post-only orders and cancels are allowed",
    "code": "post_only_mode",
}


def answer(status: int, body: object = None, **headers: str) -> HttpAnswer:
    raw = b"" if body is None else json.dumps(body).encode()
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return HttpAnswer(status, raw, {"content-type": "application/json", **names})


@pytest.mark.parametrize(
    ("told", "wait_ms", "was_told"),
    [
        (None, 1_000, False),
        ("7", 7_000, True),
        ("0", 100, True),
        ("0.25", 250, True),
        ("0.01", 100, True),
        ("60", 60_000, True),
        ("61", 60_000, True),
        ("999999999999", 60_000, True),
        ("-1", 100, True),
        ("-999999", 100, True),
        ("Mon, 21 Sep 2026 14:13:50 GMT", 30_000, True),
        ("Mon, 21 Sep 2026 14:13:00 GMT", 100, True),
        ("Thu, 17 Sep 2099 13:33:00 GMT", 60_000, True),
        ("Mon, 21 Sep 2026 16:13:50 +0200", 30_000, True),
        ("", 1_000, False),
        ("soon", 1_000, False),
        ("1e9", 1_000, False),
        ("nan", 1_000, False),
        ("٣", 1_000, False),
        ("9" * 400, 1_000, False),
        ("Thu, 99 Sep 2026 13:33:50 GMT", 1_000, False),
    ],
)
@pytest.mark.parametrize("asked", [POSTED, CANCELLED, READ])
def test_wait_after_a_429_is_clamped_and_garbage_counts_as_not_told(told, wait_ms, was_told, asked):
    headers = {} if told is None else {"Retry_After": told}

    note = note_of(answer(429, {"error": "Too Many Requests"}, **headers), asked)

    assert (note.limited, note.sign) == (RetryAfter(Ms(wait_ms), told=was_told), None)


@pytest.mark.parametrize(("seconds", "wait_ms"), [(3, 3_000), ("3", 3_000), (2.5, 2_500), (-4, 100)])
def test_wait_may_stand_in_the_body(seconds, wait_ms):
    note = note_of(answer(429, {"error": "Too Many Requests", "retry_after_seconds": seconds}), POSTED)

    assert note.limited == RetryAfter(Ms(wait_ms), told=True)


@pytest.mark.parametrize("seconds", [None, [], {}, True, "x", 1e300])
def test_odd_wait_in_the_body_is_not_told(seconds):
    note = note_of(answer(429, {"error": "Too Many Requests", "retry_after_seconds": seconds}), POSTED)

    assert note.limited == RetryAfter(Ms(1_000), told=False)


def test_page_of_a_front_that_says_429_is_obeyed_too():
    page = HttpAnswer(429, b"<html>slow down</html>", {"content-type": "text/html", "retry-after": "5"})

    assert note_of(page, POSTED) == VenueNote(limited=RetryAfter(Ms(5_000), told=True))


@pytest.mark.parametrize(
    ("headers", "reading"),
    [
        ({}, None),
        (
            {"Remaining": "45", "Reset": "1790000002", "Tier": "Standard"},
            RateReading(Bucket.CANCELS, 45, 1_790_000_002, "Standard", warning=False),
        ),
        ({"Remaining": "-12"}, RateReading(Bucket.CANCELS, -12, None, "", warning=False)),
        (
            {"Remaining": "0", "Reset": "later", "Warning": "true"},
            RateReading(Bucket.CANCELS, 0, None, "", warning=True),
        ),
        ({"Remaining": "many", "Tier": "Gold"}, None),
        ({"Remaining": "1.5"}, None),
        ({"Reset": "1790000002", "Tier": "Gold"}, None),
    ],
)
@pytest.mark.parametrize("status", [200, 429, 503])
def test_rate_headers_are_read_from_every_answer(headers, reading, status):
    told = {f"Poly_RateLimit_{name}": value for name, value in headers.items()}

    assert note_of(answer(status, {"canceled": []}, **told), CANCELLED).rate == reading


@pytest.mark.parametrize("asked", [POSTED, CANCELLED])
@pytest.mark.parametrize(
    ("status", "body", "headers", "wanted"),
    [
        (425, None, {}, (VenueSign.RESTARTING, None)),
        (425, {"error": "matching engine restarting"}, {"Retry_After": "30"}, (VenueSign.RESTARTING, 30_000)),
        (503, POST_ONLY | {"retry_after_seconds": 79}, {}, (VenueSign.POST_ONLY, 79_000)),
        (503, POST_ONLY, {"Retry_After": "79"}, (VenueSign.POST_ONLY, 79_000)),
        (503, {"code": "post_only_mode"}, {}, (VenueSign.POST_ONLY, None)),
        (503, POST_ONLY | {"retry_after_seconds": -5}, {}, (VenueSign.POST_ONLY, 0)),
        (503, POST_ONLY | {"retry_after_seconds": 10**9}, {}, (VenueSign.POST_ONLY, 600_000)),
        (503, {"error": "Trading is currently cancel-only."}, {}, (VenueSign.CANCEL_ONLY, None)),
        (503, {"error": "Trading is currently disabled."}, {}, (VenueSign.DISABLED, None)),
        (503, {"error": "upstream connect error"}, {}, (None, None)),
        (503, None, {"Retry_After": "9"}, (None, None)),
        (500, {"error": "Trading is currently disabled."}, {}, (None, None)),
    ],
)
def test_states_of_the_venue_and_how_long_they_are_said_to_last(status, body, headers, wanted, asked):
    note = note_of(answer(status, body, **headers), asked)

    assert (note.sign, note.until_ms) == wanted
    assert note.limited is None


def test_answered_cancel_shows_that_cancels_are_taken():
    assert note_of(answer(200, {"canceled": []}), CANCELLED).sign is VenueSign.TAKES_CANCELS
    assert note_of(answer(200, []), POSTED).sign is None


def test_read_tells_nothing_about_trading():
    assert note_of(answer(425), READ) == NO_NOTE
    assert note_of(answer(503, POST_ONLY), READ) == NO_NOTE


def test_silence_tells_nothing():
    assert note_of(HttpFailure(FailureKind.UNANSWERED, "timeout"), CANCELLED) == NO_NOTE


def leg(kind: PostClass, reason: str = "", reject: RejectKind | None = None) -> LegAnswer:
    return LegAnswer(batch(1)[0].order_id, kind, None, Size(0), Usdc(0), (), reason, reject=reject)


@pytest.mark.parametrize(
    ("judged", "plain", "post_only"),
    [
        (leg(PostClass.ACCEPTED), VenueSign.TAKES_ORDERS, VenueSign.TAKES_POST_ONLY),
        (leg(PostClass.REFUSED, "x", RejectKind.ORDER), VenueSign.TAKES_ORDERS, None),
        (leg(PostClass.REFUSED, "x", RejectKind.KILLED), VenueSign.TAKES_ORDERS, None),
        (leg(PostClass.REFUSED, "x", RejectKind.AUTH), None, None),
        (leg(PostClass.REFUSED, "x", RejectKind.ACCOUNT), None, None),
        (leg(PostClass.DUPLICATED, "x"), None, None),
        (leg(PostClass.UNKNOWN, "x"), None, None),
        (leg(PostClass.DEFERRED, "post-only mode: only"), VenueSign.POST_ONLY, VenueSign.POST_ONLY),
        (leg(PostClass.DEFERRED, "Trading is currently disabled"), VenueSign.DISABLED, VenueSign.DISABLED),
    ],
)
def test_leg_shows_what_the_venue_takes(judged, plain, post_only):
    (order,) = batch(1)
    intent = replace(INTENT, post_only=True)
    quote = prepare_order(intent, ACCOUNT, owner=CREDENTIALS.key, install_secret=INSTALL_SECRET)

    assert with_legs(NO_NOTE, [order], [judged]).sign is plain
    assert with_legs(NO_NOTE, [quote], [judged]).sign is post_only


def test_what_is_refused_counts_before_what_is_taken():
    legs = [leg(PostClass.ACCEPTED), leg(PostClass.DEFERRED, "post-only mode")]

    assert with_legs(NO_NOTE, batch(2), legs).sign is VenueSign.POST_ONLY
    assert gravest(set(VenueSign) - {VenueSign.TIME_OVER}) is VenueSign.DISABLED
    assert gravest([None]) is None


def test_notes_of_several_requests_become_one():
    rate = RateReading(Bucket.CANCELS, 20, None, "", warning=False)
    limits = [RetryAfter(Ms(wait), told=True) for wait in (500, 9_000)]

    whole = merged(
        [
            VenueNote(VenueSign.TAKES_CANCELS, rate=replace(rate, remaining=120)),
            VenueNote(limited=limits[1], rate=rate),
            VenueNote(limited=limits[0]),
            VenueNote(VenueSign.RESTARTING, Ms(30_000)),
        ]
    )

    assert whole == VenueNote(VenueSign.RESTARTING, Ms(30_000), limits[1], rate)
    assert merged([]) == NO_NOTE


def test_random_headers_and_bodies_never_raise():
    seed = 20_261_122
    random = Random(seed)
    letters = "0123456789.-+: eE,GMTSepThu\x00\u0663/*'\""
    for number in range(20_000):
        text = "".join(random.choices(letters, k=random.randrange(40)))
        if random.random() < 0.5:
            day, year = (random.randrange(10 ** random.randrange(1, most)) for most in (6, 9))
            text = f"{random.choice(['Mon, ', ''])}{day} Sep {year} {text}"
        given = answer(
            random.choice([200, 425, 429, 503]),
            {"error": text, "retry_after_seconds": text},
            Retry_After=text,
            Poly_RateLimit_Remaining=text,
            Poly_RateLimit_Reset=text,
        )
        note = note_of(given, random.choice([POSTED, CANCELLED, READ]))
        if note.limited is not None:
            assert 100 <= note.limited.wait_ms <= 60_000, f"seed {seed}, case {number}: {text!r}"

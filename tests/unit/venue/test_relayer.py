"""The relayer against a scripted venue: what leaves, byte for byte, and what comes of every answer."""

import asyncio
import json
from dataclasses import replace

import pytest
from aiohttp import web

from engine.clock import ManualClock
from engine.domain.account import CancelReply
from engine.domain.failure import PostClass, VenueFailure
from engine.domain.ids import PlanId, TicketId
from engine.domain.rates import Bucket, RateReading, RetryAfter
from engine.domain.units import Ms
from engine.domain.venue_state import VenueNote, VenueSign
from engine.ports import CancelReport, Relayer
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.relayer import ClobRelayer
from tests.support.scripted_venue import Handler, hangs_up, says
from tests.support.venue_account import NOW_MS, ORDER, OTHER, order_rows, proved
from tests.support.venue_orders import (
    ACCOUNT,
    APPROVED,
    CREDENTIALS,
    GRANT,
    INSTALL_SECRET,
    INTENT,
    batch,
)

TAKEN = VenueNote(VenueSign.TAKES_CANCELS)


def test_relayer_fills_the_port(relayer):
    port: Relayer = relayer

    assert port.prepare([INTENT]) == relayer.prepare([INTENT])


async def test_submit_posts_the_stored_bytes_once_as_one_array(relayer, venue):
    orders = relayer.prepare([replace(INTENT, leg=leg) for leg in range(3)])
    leg = '{"success":true,"errorMsg":"","orderID":"%s","status":"live","makingAmount":"","takingAmount":""}'
    venue.answers("POST", "/orders", says(f"[{','.join(leg % order.order_id for order in orders)}]"))

    report = await relayer.submit(orders, approved=APPROVED, grant=GRANT)

    (asked,) = venue.asked
    assert asked.body == b"[" + b",".join(order.body for order in orders) + b"]"
    assert proved(asked)
    assert [answer.kind for answer in report.answers] == [PostClass.ACCEPTED] * 3
    assert [answer.order_id for answer in report.answers] == [order.order_id for order in orders]
    assert 0 < report.ack_latency_us <= report.place_call_us
    assert report.status == 200
    assert len(report.request_id) == 16


async def test_single_order_goes_to_the_same_endpoint(relayer, venue):
    venue.answers("POST", "/orders", hangs_up())

    report = await relayer.submit(relayer.prepare([INTENT]), approved=APPROVED, grant=GRANT)

    assert [answer.kind for answer in report.answers] == [PostClass.UNKNOWN]
    assert report.status is None
    assert [asked.path for asked in venue.asked] == ["/orders"]


async def test_submit_without_a_venue_is_not_sent(venue):
    http = HttpClient(timeout_s=2)
    relayer = ClobRelayer(
        http=http,
        hosts=VenueHosts.loopback("http://127.0.0.1:1", "ws://127.0.0.1:1"),
        account=ACCOUNT,
        credentials=CREDENTIALS,
        install_secret=INSTALL_SECRET,
        clock=ManualClock(),
    )

    report = await relayer.submit(batch(2), approved=APPROVED, grant=GRANT)

    await http.close()
    assert [answer.kind for answer in report.answers] == [PostClass.NOT_SENT] * 2
    assert (report.ack_latency_us, report.place_call_us > 0) == (0, True)


@pytest.mark.parametrize(
    ("orders", "approved", "grant"),
    [
        (batch(2), replace(APPROVED, plan_id=PlanId("other")), GRANT),
        (batch(2), APPROVED, replace(GRANT, plan_id=PlanId("other"))),
        (batch(2), replace(APPROVED, plan_id=PlanId("other")), replace(GRANT, plan_id=PlanId("other"))),
        (batch(2), APPROVED, replace(GRANT, ticket_id=TicketId("T-ZZZZ"))),
        ((), APPROVED, GRANT),
        (batch(16), APPROVED, GRANT),
        (batch(1) * 2, APPROVED, GRANT),
    ],
)
async def test_nothing_leaves_unless_both_witnesses_name_the_plan(relayer, venue, orders, approved, grant):
    with pytest.raises(AssertionError, match="expected"):
        await relayer.submit(orders, approved=approved, grant=grant)

    assert venue.asked == []


async def test_venue_offset_moves_the_signed_time(relayer, venue):
    relayer.set_venue_offset(Ms(-2_000))

    await relayer.read_account(Ms(0))

    assert all(proved(asked, NOW_MS // 1000 - 2) for asked in venue.asked)


async def test_cancel_reads_what_is_said_of_each_id(relayer, venue):
    told = {
        "canceled": [ORDER],
        "not_canceled": {OTHER: "order can't be found - already canceled or matched"},
    }
    venue.answers("DELETE", "/orders", says(json.dumps(told)))

    replies = await relayer.cancel([ORDER, OTHER])

    (asked,) = venue.asked
    assert asked.body == f'["{ORDER}","{OTHER}"]'.encode()
    assert proved(asked)
    assert replies == CancelReport(
        ((ORDER, CancelReply.CANCELLED), (OTHER, CancelReply.NOT_FOUND)), note=TAKEN, status=200
    )


async def test_cancel_sends_at_most_a_hundred_ids_a_request(relayer, venue):
    ids = [row["id"] for row in order_rows(250)]

    async def confirm(request: web.Request) -> web.StreamResponse:
        return web.json_response({"canceled": await request.json(), "not_canceled": {}})

    venue.answers("DELETE", "/orders", confirm)

    replies = await relayer.cancel(ids)

    assert [len(json.loads(asked.body)) for asked in venue.asked] == [100, 100, 50]
    assert replies == CancelReport(tuple((one, CancelReply.CANCELLED) for one in ids), note=TAKEN, status=200)


async def test_cancel_goes_on_after_an_unanswered_request_and_then_fails(relayer, venue):
    venue.answers("DELETE", "/orders", says("oops", 500), says('{"canceled":[],"not_canceled":{}}'))

    replies = await relayer.cancel([row["id"] for row in order_rows(150)])

    assert len(venue.asked) == 2
    assert replies.failure is not None
    assert "HTTP 500" in replies.failure.reason


async def test_id_the_answer_does_not_name_gets_no_reply(relayer, venue):
    venue.answers("DELETE", "/orders", says(json.dumps({"canceled": [OTHER], "not_canceled": {}})))

    assert await relayer.cancel([ORDER]) == CancelReport((), note=TAKEN, status=200)


async def test_cancel_all_sends_no_body(relayer, venue):
    venue.answers("DELETE", "/cancel-all", says(json.dumps({"canceled": [ORDER], "not_canceled": {}})))

    replies = await relayer.cancel_all()

    assert venue.asked[0].body == b""
    assert proved(venue.asked[0])
    assert replies == CancelReport(((ORDER, CancelReply.CANCELLED),), note=TAKEN, status=200)


@pytest.mark.parametrize(
    "answer",
    [
        says("{}"),
        says("<html>", content_type="text/html"),
        says('{"error":"Trading is currently disabled."}', 503),
        hangs_up(),
    ],
)
async def test_cancel_without_a_usable_answer_is_a_failure(relayer, venue, answer):
    venue.answers("DELETE", "/cancel-all", answer)
    venue.answers("DELETE", "/orders", answer)

    assert (await relayer.cancel_all()).failure is not None
    assert (await relayer.cancel([ORDER])).failure is not None


async def test_cancelled_submit_is_let_through(relayer, venue):
    entered = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        entered.set()
        await asyncio.Event().wait()
        return web.Response()

    venue.answers("POST", "/orders", silent)
    task = asyncio.create_task(relayer.submit(batch(1), approved=APPROVED, grant=GRANT), name="submit")
    await entered.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


def limited(wait_s: str) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        headers = {"Retry-After": wait_s, "Poly-RateLimit-Remaining": "-3", "Poly-RateLimit-Tier": "Standard"}
        return web.json_response({"error": "Too Many Requests"}, status=429, headers=headers)

    return answer


async def cancels_all(request: web.Request) -> web.StreamResponse:
    return web.json_response({"canceled": await request.json(), "not_canceled": {}})


async def test_rate_limit_between_two_cancels_keeps_what_was_told_and_ends_the_asking(relayer, venue):
    ids = [row["id"] for row in order_rows(350)]
    venue.answers("DELETE", "/orders", cancels_all, limited("2"))

    report = await relayer.cancel(ids)

    assert [len(json.loads(asked.body)) for asked in venue.asked] == [100, 100]
    assert report.replies == tuple((one, CancelReply.CANCELLED) for one in ids[:100])
    assert report.failure is not None
    assert report.status == 429
    assert report.note.limited == RetryAfter(Ms(2_000), told=True)
    assert report.note.rate == RateReading(Bucket.CANCELS, -3, None, "Standard", warning=False)
    assert report.failure.note == VenueNote(limited=report.note.limited, rate=report.note.rate)


async def test_fault_between_two_cancels_does_not_keep_the_others_from_being_asked(relayer, venue):
    ids = [row["id"] for row in order_rows(250)]
    venue.answers("DELETE", "/orders", cancels_all, says("oops", 500), cancels_all)

    report = await relayer.cancel(ids)

    assert [one for one, _ in report.replies] == ids[:100] + ids[200:]
    assert report.failure is not None
    assert report.note.sign is VenueSign.TAKES_CANCELS


async def test_refused_cancels_tell_the_state_and_what_it_means(relayer, venue):
    disabled = says('{"error":"Trading is currently disabled. Check polymarket.com for updates"}', 503)
    venue.answers("DELETE", "/cancel-all", disabled)
    venue.answers("DELETE", "/cancel-market-orders", says("", 425))

    whole, market = await relayer.cancel_all(), await relayer.cancel_market(INTENT.condition_id)

    assert (whole.note.sign, market.note.sign) == (VenueSign.DISABLED, VenueSign.RESTARTING)
    assert whole.failure is not None
    assert "neither orders nor cancels" in whole.failure.reason


async def test_cancel_of_a_market_names_it_and_reads_what_was_not_cancelled(relayer, venue):
    told = {"canceled": [ORDER], "not_canceled": {OTHER: "already canceled or matched"}}
    venue.answers("DELETE", "/cancel-market-orders", says(json.dumps(told)))

    report = await relayer.cancel_market(INTENT.condition_id)

    assert json.loads(venue.asked[0].body) == {"market": INTENT.condition_id}
    assert report.replies == ((ORDER, CancelReply.CANCELLED), (OTHER, CancelReply.MATCHED))


async def test_submit_tells_limits_and_state_beside_its_verdicts(relayer, venue):
    venue.answers("POST", "/orders", limited("-1"))

    report = await relayer.submit(batch(2), approved=APPROVED, grant=GRANT)

    assert [leg.kind for leg in report.answers] == [PostClass.DEFERRED] * 2
    assert report.note == VenueNote(
        limited=RetryAfter(Ms(100), told=True),
        rate=RateReading(Bucket.ORDERS, -3, None, "Standard", warning=False),
    )


async def test_limited_read_says_so(relayer, venue):
    venue.answers("GET", "/data/orders", limited("5"))

    read = await relayer.read_account(Ms(0))

    assert isinstance(read, VenueFailure)
    assert read.note.limited == RetryAfter(Ms(5_000), told=True)

import asyncio
import gzip
import socket

import pytest
from aiohttp import web

from engine.venue.http_client import CONNECTIONS, FailureKind, HttpAnswer, HttpClient, HttpFailure, Lane
from tests.support.scripted_venue import cut_after, hangs_up, says, scripted_venue


@pytest.fixture
async def http():
    client = HttpClient(timeout_s=2)
    yield client
    await client.close()


@pytest.fixture
async def venue():
    async with scripted_venue() as scripted:
        yield scripted


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_request_carries_exact_body_query_headers_and_an_explicit_agent(http, venue):
    venue.answers("POST", "/orders", says("[]"))

    answer = await http.request(
        "POST", venue.url + "/orders", query={"a": "MA=="}, headers={"POLY_ADDRESS": "0x1"}, body=b'[1,"x"]'
    )

    (asked,) = venue.asked
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"[]", "application/json")
    assert (asked.body, asked.query) == (b'[1,"x"]', {"a": "MA=="})
    assert asked.headers["POLY_ADDRESS"] == "0x1"
    assert asked.headers["User-Agent"] == "dutchdesk"
    assert asked.headers["Content-Type"] == "application/json"
    assert 0 < answer.taken_us < 2_000_000


async def test_request_without_a_body_sends_none(http, venue):
    venue.answers("DELETE", "/cancel-all", says("{}"))

    await http.request("DELETE", venue.url + "/cancel-all")

    (asked,) = venue.asked
    assert asked.body == b""
    assert "Content-Type" not in asked.headers


@pytest.mark.parametrize("status", [200, 400, 425, 429, 500, 503])
async def test_every_complete_answer_is_an_answer(http, venue, status):
    venue.answers("GET", "/x", says('{"error":"e"}', status))

    answer = await http.request("GET", venue.url + "/x")

    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body) == (status, b'{"error":"e"}')


async def test_refused_connection_is_not_sent(http):
    failure = await http.request("POST", f"http://127.0.0.1:{closed_port()}/orders", body=b"[]")

    assert isinstance(failure, HttpFailure)
    assert (failure.kind, failure.taken_us) == (FailureKind.NOT_SENT, 0)
    assert "ClientConnectorError" in failure.reason


async def test_connection_that_is_never_accepted_is_not_sent():
    """A full backlog: the handshake does not finish, so no byte of the request leaves."""
    with socket.socket() as listener, socket.socket() as filler, socket.socket() as more:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for crowd in (filler, more):
            crowd.setblocking(False)
            crowd.connect_ex(listener.getsockname())
        client = HttpClient(timeout_s=0.3)

        failure = await client.request(
            "POST", f"http://127.0.0.1:{listener.getsockname()[1]}/orders", body=b"[]"
        )

        await client.close()
    assert isinstance(failure, HttpFailure)
    assert failure.kind is FailureKind.NOT_SENT


async def test_hang_up_after_the_request_is_unanswered(http, venue):
    venue.answers("POST", "/orders", hangs_up())

    failure = await http.request("POST", venue.url + "/orders", body=b"[]")

    assert isinstance(failure, HttpFailure)
    assert failure.kind is FailureKind.UNANSWERED
    assert len(venue.asked) == 1, "a POST must never be repeated by the transport"


async def test_hang_up_on_a_reused_connection_is_unanswered_and_not_repeated(http, venue):
    venue.answers("POST", "/orders", says("[]"), hangs_up())
    await http.request("POST", venue.url + "/orders", body=b"1")

    failure = await http.request("POST", venue.url + "/orders", body=b"2")

    assert isinstance(failure, HttpFailure)
    assert failure.kind is FailureKind.UNANSWERED
    assert [asked.body for asked in venue.asked] == [b"1", b"2"]


async def test_cut_body_is_unanswered(http, venue):
    venue.answers("POST", "/orders", cut_after(b'[{"success":true'))

    failure = await http.request("POST", venue.url + "/orders", body=b"[]")

    assert isinstance(failure, HttpFailure)
    assert failure.kind is FailureKind.UNANSWERED


async def test_silence_is_unanswered_after_the_timeout(venue):
    released = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    venue.answers("POST", "/orders", silent)
    client = HttpClient(timeout_s=0.2)

    failure = await client.request("POST", venue.url + "/orders", body=b"[]")

    released.set()
    await client.close()
    assert isinstance(failure, HttpFailure)
    assert failure.kind is FailureKind.UNANSWERED
    assert failure.taken_us >= 100_000


async def test_garbage_instead_of_http_is_unanswered():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\x01not http\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = HttpClient(timeout_s=2)
    port = server.sockets[0].getsockname()[1]

    failure = await client.request("GET", f"http://127.0.0.1:{port}/")

    await client.close()
    server.close()
    await server.wait_closed()
    assert isinstance(failure, HttpFailure)
    assert failure.kind is FailureKind.UNANSWERED


async def test_redirect_is_an_answer_and_not_followed(http, venue):
    async def moved(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    venue.answers("GET", "/x", moved)

    answer = await http.request("GET", venue.url + "/x")

    assert isinstance(answer, HttpAnswer)
    assert answer.status == 302
    assert venue.requests("GET", "/elsewhere") == []


async def test_too_long_answer_is_unanswered(http, venue):
    venue.answers("GET", "/x", says(b"x" * 5000))

    at_bound = await http.request("GET", venue.url + "/x", bytes_max=5000)
    beyond = await http.request("GET", venue.url + "/x", bytes_max=4999)

    assert isinstance(at_bound, HttpAnswer)
    assert isinstance(beyond, HttpFailure)
    assert (beyond.kind, "4999" in beyond.reason) == (FailureKind.UNANSWERED, True)


async def test_bound_counts_what_a_compressed_answer_unfolds_to(http, venue):
    async def packed(_: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"x" * 10_000), headers={"Content-Encoding": "gzip"})

    venue.answers("GET", "/x", packed)

    failure = await http.request("GET", venue.url + "/x", bytes_max=5000)

    assert isinstance(failure, HttpFailure)
    assert failure.kind is FailureKind.UNANSWERED


async def test_environment_proxies_are_ignored(http, venue, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    venue.answers("GET", "/x", says("1"))

    assert isinstance(await http.request("GET", venue.url + "/x"), HttpAnswer)


async def test_failure_never_shows_a_query(http):
    failure = await http.request("GET", f"http://127.0.0.1:{closed_port()}/x", query={"key": "hunter2"})

    assert isinstance(failure, HttpFailure)
    assert "hunter2" not in failure.reason


async def test_cancelled_request_is_let_through(http, venue):
    entered = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        entered.set()
        await asyncio.Event().wait()
        return web.Response()

    venue.answers("GET", "/x", silent)
    task = asyncio.create_task(http.request("GET", venue.url + "/x"), name="asker")
    await entered.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("body", "content_type", "html"),
    [
        (b"<html>", "application/json", True),
        (b"\n <!DOCTYPE html>", "text/plain", True),
        (b"{}", "text/html; charset=utf-8", True),
        (b"{}", "application/json", False),
        (b"", "", False),
    ],
)
def test_page_of_a_front_is_told_from_an_answer(body, content_type, html):
    assert HttpAnswer(200, body, {"content-type": content_type}).is_html is html


async def test_cancel_waits_behind_no_read_and_no_order(venue):
    """Every connection of the other lanes hangs; a cancel goes through all the same."""
    http = HttpClient(timeout_s=5)
    stuck, all_in = asyncio.Event(), asyncio.Event()
    waiting = CONNECTIONS[Lane.READS] + CONNECTIONS[Lane.ORDERS]
    entered: list[str] = []

    async def silent(request: web.Request) -> web.StreamResponse:
        entered.append(request.path)
        if len(entered) == waiting:
            all_in.set()
        await stuck.wait()
        return web.Response()

    venue.answers("GET", "/slow", silent)
    venue.answers("DELETE", "/cancel-all", says("{}"))
    others = [
        asyncio.create_task(http.request("GET", f"{venue.url}/slow", lane=lane), name="slow")
        for lane in (Lane.READS, Lane.ORDERS)
        for _ in range(CONNECTIONS[lane])
    ]
    await all_in.wait()

    answer = await http.request("DELETE", f"{venue.url}/cancel-all", lane=Lane.CANCELS)

    assert isinstance(answer, HttpAnswer)
    stuck.set()
    await asyncio.gather(*others)
    await http.close()

"""Reads of books that fail, wait, lie or are old; everything else goes on."""

import asyncio
import json

import pytest

from engine.simulator.market import MarketSpec
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import CUP, FED, market_of, until
from tests.unit.simulator.book_reader import book_hash
from tests.unit.simulator.trader import Record, Trader

PATHS = ("book", "books")


async def read(trader: Trader, path: str, *tokens: str) -> list[Record]:
    """Read books by either way; every answer as a list."""
    if path == "book":
        return [(await trader.get("/book", token_id=tokens[0])).record]
    body = (await trader.post_public("/books", [{"token_id": token} for token in tokens])).body
    assert isinstance(body, list)
    return body


async def raw(trader: Trader, token: str) -> tuple[int, str, str]:
    """Return status, content type and text of a read."""
    async with trader.session.post(f"{trader.url}/books", json=[{"token_id": token}]) as answer:
        return answer.status, answer.content_type, await answer.text()


def stir(exchange: LocalExchange, market: MarketSpec) -> None:
    exchange.flow.hurry(market.tokens[0], 5)
    exchange.venue.advance()


async def test_answer_may_be_html_or_an_error_once_and_is_right_again(exchange, trader):
    token = market_of(exchange, CUP).tokens[0]
    await trader.arm(kind="books_html")
    status, kind, text = await raw(trader, token)
    assert (status, kind) == (200, "text/html")
    assert text.startswith("<html>")

    await trader.arm(kind="books_error")
    assert (await raw(trader, token))[0] == 500
    (book,) = json.loads((await raw(trader, token))[2])
    assert book_hash(book) == book["hash"]


@pytest.mark.parametrize("path", PATHS)
async def test_slow_answer_waits_and_other_reads_do_not(exchange, trader, path):
    slow, quick = market_of(exchange, CUP).tokens[0], market_of(exchange, FED).tokens[0]
    await trader.arm(kind="books_slow", delay_ms=30_000, asset_id=slow)

    waiting = asyncio.create_task(read(trader, path, slow))
    await until(lambda: len(exchange.faults.fired) == 1)

    assert await read(trader, path, quick)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("path", PATHS)
async def test_unsorted_book_has_its_best_levels_first_under_an_honest_hash(exchange, trader, path):
    token = market_of(exchange, CUP).tokens[0]
    (right,) = await read(trader, path, token)
    await trader.arm(kind="books_unsorted", asset_id=token)

    (wrong,) = await read(trader, path, token)

    assert wrong["hash"] == right["hash"]
    assert wrong["bids"] == right["bids"][::-1]
    assert wrong["asks"] == right["asks"][::-1]
    assert book_hash(wrong) != wrong["hash"]


async def test_missing_book_is_left_out_and_its_siblings_are_answered(exchange, trader):
    tokens = [token for child in range(3) for token in market_of(exchange, CUP, child).tokens]
    await trader.arm(kind="books_missing", asset_id=tokens[2])
    await trader.arm(kind="books_missing")

    first = {book["asset_id"] for book in await read(trader, "books", *tokens)}
    again = {book["asset_id"] for book in await read(trader, "books", *tokens)}

    assert first == set(tokens) - {tokens[2]}
    assert again == set(tokens) - {tokens[0]}
    assert {book["asset_id"] for book in await read(trader, "books", *tokens)} == set(tokens)


async def test_missing_single_book_is_not_found(exchange, trader):
    await trader.arm(kind="books_missing")

    assert (await trader.get("/book", token_id=market_of(exchange, CUP).tokens[0])).status == 404


async def test_one_bad_book_stands_among_good_ones(exchange, trader):
    tokens = market_of(exchange, CUP).tokens
    await trader.arm(kind="books_bad", asset_id=tokens[1])

    books = {book["asset_id"]: book for book in await read(trader, "books", *tokens)}

    assert books[tokens[1]]["bids"] == "none"
    assert book_hash(books[tokens[0]]) == books[tokens[0]]["hash"]


@pytest.mark.parametrize("path", PATHS)
async def test_old_book_is_the_one_of_the_moment_it_was_armed_with_its_right_hash(
    exchange, trader, clock, path
):
    market = market_of(exchange, CUP)
    token = market.tokens[0]
    (then,) = await read(trader, path, token)
    await trader.arm(kind="books_old", asset_id=token)
    exchange.venue.advance()
    clock.advance(60_000)
    stir(exchange, market)

    (old,) = await read(trader, path, token)
    (now,) = await read(trader, path, token)

    assert old == then
    assert book_hash(old) == old["hash"]
    assert int(now["timestamp"]) - int(old["timestamp"]) >= 60_000


async def test_books_come_in_any_order_once_each_and_unknown_tokens_are_left_out(exchange, trader):
    tokens = [token for child in range(5) for token in market_of(exchange, FED, child).tokens]
    orders = set()
    for _ in range(5):
        books = await read(trader, "books", *tokens, "12", tokens[0])
        assert sorted(book["asset_id"] for book in books) == sorted(tokens)
        orders.add(tuple(book["asset_id"] for book in books))
    assert len(orders) > 1


async def test_read_of_too_many_books_is_refused_whole(exchange, trader):
    token = market_of(exchange, FED).tokens[0]

    assert (await trader.post_public("/books", [{"token_id": token}] * 501)).status == 400
    assert (await trader.post_public("/books", [{"token_id": token}] * 500)).status == 200

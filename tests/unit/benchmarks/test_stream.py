"""The streams that benchmarks race on are right: a plain second reading agrees with every checksum."""

import json
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.benchmarks.bots import Decode, decimal_bot, float_bot
from tests.benchmarks.ours import Check, Ours
from tests.benchmarks.stream import BUSY, PRODUCTION, Mix, Stream, make_stream
from tests.support.market_stream import recipe

SEED = Random().randrange(1 << 32)
MIXES = (
    replace(BUSY, markets=3),
    replace(PRODUCTION, markets=2),
    replace(BUSY, markets=2, tick=1, levels=(200, 220), name="fine"),
)
every_mix = pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.name)


class Reader:
    """Books as the messages tell them, in the plainest way; prices and sizes stay texts."""

    def __init__(self, stream: Stream) -> None:
        self.terms: dict[str, dict[str, Any]] = {}
        self.levels: dict[str, dict[str, dict[str, str]]] = {}
        self.checked = 0
        for market in stream.markets:
            for token in market.tokens:
                self.terms[token] = {
                    "market": market.condition_id,
                    "asset_id": token,
                    "min_order_size": market.min_size_text,
                    "tick_size": market.tick_text,
                    "neg_risk": market.neg_risk,
                    "last_trade_price": "",
                }

    def read(self, raw: bytes) -> None:
        message = json.loads(raw)
        for one in message if isinstance(message, list) else [message]:
            getattr(self, one["event_type"])(one)

    def book(self, message: dict[str, Any]) -> None:
        token = message["asset_id"]
        self.levels[token] = {
            "BUY": {level["price"]: level["size"] for level in message["bids"]},
            "SELL": {level["price"]: level["size"] for level in message["asks"]},
        }
        if "last_trade_price" in message:
            self.terms[token]["last_trade_price"] = message["last_trade_price"]
            self.expect(token, message["timestamp"], message["hash"])

    def price_change(self, message: dict[str, Any]) -> None:
        for row in message["price_changes"]:
            levels = self.levels[row["asset_id"]][row["side"]]
            if row["size"] == "0":
                del levels[row["price"]]
            else:
                levels[row["price"]] = row["size"]
        for row in message["price_changes"]:
            self.expect(row["asset_id"], message["timestamp"], row["hash"])
            bids, asks = self.ordered(row["asset_id"])
            assert (bids[-1], asks[-1]) == (row["best_bid"], row["best_ask"]), f"seed {SEED}"

    def last_trade_price(self, message: dict[str, Any]) -> None:
        for terms in self.terms.values():
            if terms["market"] == message["market"]:
                terms["last_trade_price"] = f"{float(message['price']):.4f}".removesuffix("0")

    def ordered(self, token: str) -> tuple[list[str], list[str]]:
        sides = self.levels[token]
        return sorted(sides["BUY"], key=float), sorted(sides["SELL"], key=float, reverse=True)

    def expect(self, token: str, timestamp: str, expected: str) -> None:
        bids, asks = (
            [{"price": price, "size": levels[price]} for price in prices]
            for prices, levels in zip(self.ordered(token), self.levels[token].values(), strict=True)
        )
        book = self.terms[token] | {"timestamp": timestamp, "hash": "", "bids": bids, "asks": asks}
        assert recipe(book) == expected, f"{token} at {timestamp}, seed {SEED}"
        self.checked += 1


@every_mix
def test_stream_read_a_second_time_has_right_checksums_and_tops(mix: Mix):
    stream = make_stream(mix, 600, SEED)
    reader = Reader(stream)
    for raw in (*stream.dump, *stream.frames):
        reader.read(raw)

    tops = {
        token: tuple(round(float(side[-1]) * 10_000) for side in reader.ordered(token))
        for token in reader.levels
    }
    assert tops == stream.tops, f"seed {SEED}"
    assert reader.checked > 1_000, f"seed {SEED}"


@every_mix
def test_stream_is_the_same_for_the_same_seed_and_another_for_another(mix: Mix):
    first, again, other = (make_stream(mix, 100, seed) for seed in (SEED, SEED, SEED + 1))

    assert (first.frames, first.times, first.dump) == (again.frames, again.times, again.dump)
    assert first.frames != other.frames, f"seed {SEED}"


def test_stream_of_the_busy_mix_has_its_proportions():
    stream = make_stream(BUSY, 5_000, SEED)
    messages = [json.loads(raw) for raw in stream.frames]
    kinds = Counter(message["event_type"] for message in messages)
    rows = [len(one["price_changes"]) for one in messages if one["event_type"] == "price_change"]

    assert 4_300 < kinds["price_change"] < 4_700, f"seed {SEED}"
    assert 40 < kinds["last_trade_price"] < 170, f"seed {SEED}"
    assert 3.0 < sum(rows) / len(rows) < 3.4, f"seed {SEED}"
    assert {2, 4, 6, 8, 10} == set(rows), f"seed {SEED}"
    assert 930 < stream.bytes_per_frame < 1_020, f"seed {SEED}"
    assert {len(token) for token in stream.tops} == {77}
    assert stream.times == sorted(stream.times)


def test_stream_of_the_production_mix_has_its_proportions():
    stream = make_stream(PRODUCTION, 5_000, SEED)
    changes = [raw for raw in stream.frames if b'"event_type":"price_change"' in raw]
    messages = [json.loads(raw) for raw in stream.frames]
    books = [len(one["bids"]) + len(one["asks"]) for one in messages if one["event_type"] == "book"]

    assert 4_700 < len(changes) < 4_950, f"seed {SEED}"
    assert all(raw.count(b'"asset_id"') == 2 for raw in changes)
    assert 590 <= sum(map(len, changes)) / len(changes) <= 606, f"seed {SEED}"
    assert 60 <= min(books) <= max(books) <= 165, f"seed {SEED}"


@every_mix
@pytest.mark.parametrize("check", Check)
def test_stream_ends_with_every_book_of_ours_proven(mix: Mix, check: Check):
    stream = make_stream(mix, 600, SEED)
    engine = Ours(stream, check)

    engine.take(stream.frames[:300], stream.times[:300])
    engine.take(stream.frames[300:], stream.times[300:])

    engine.verify(stream)
    most = 2 * len(stream.frames)
    assert {Check.NONE: 0, Check.EVERY: 600}.get(check, 0) <= engine.checks <= most, f"seed {SEED}"


@pytest.mark.parametrize("make", [Decode, decimal_bot, float_bot])
def test_stream_is_taken_whole_by_every_contender(make):
    stream = make_stream(MIXES[0], 600, SEED)
    engine = make(stream)

    engine.take(stream.frames, stream.times)

    engine.verify(stream)


@pytest.mark.parametrize("make", [Ours, decimal_bot])
def test_verification_of_a_contender_that_stopped_early_fails(make):
    stream = make_stream(MIXES[0], 600, seed=1)  # whose tops differ after 200 frames and after 600
    engine = make(stream)

    engine.take(stream.frames[:200], stream.times[:200])

    with pytest.raises((ValueError, TypeError), match="expected"):
        engine.verify(stream)

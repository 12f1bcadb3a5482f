"""Seeded market streams with right checksums, as raw frames: what every contender of a benchmark is fed.

`make_stream` gives the same bytes for the same mix, length and seed. Two mixes: `BUSY`, which exercises every
kind of frame, and `PRODUCTION`, with the proportions of recorded production streams (spec page book-hash).
Checksums come from the local exchange's `WireBook`; `tests/unit/benchmarks` recomputes them independently.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from engine.domain.fees import FREE
from engine.domain.units import PRICE_ONE, Ms, Price, Size, format_scaled
from engine.simulator.books import WireBook, price_text
from engine.simulator.facts import LevelSet
from engine.simulator.market import BookSide, MarketSpec, Side, mirrored

START_MS = 1_790_000_000_000
LAG_MS = 220
"""Receive minus venue time, as seen in production."""
_REMOVED_PERCENT = 30
"""How often a change of a level that is there removes it; a level that is not there is always added."""
_SLOTS_PERCENT = 130
"""100 + the share above: prices of a side's window per 100 levels, so that their number stays what it is."""
_DUMP_BOOKS = 20
_LOT = 10_000
_LOTS_MAX = 10**7
_TRADE_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Mix:
    """What a stream consists of."""

    name: str
    markets: int
    tick: int
    """In 1e-4 USDC."""
    levels: tuple[int, int]
    """Fewest and most levels a side at the start."""
    pairs: tuple[tuple[int, int], ...]
    """Changed levels of a price_change with their weights; each is two rows, the change and its mirror."""
    changes: int
    trades: int
    snapshots: int
    """Weights of what happens next; a trade is three frames (two books and the trade itself)."""
    rate: int
    """Messages per second of exchange time, all markets together."""


BUSY = Mix(
    name="busy",
    markets=20,
    tick=100,
    levels=(29, 33),
    pairs=((1, 68), (2, 16), (3, 7), (4, 5), (5, 4)),
    changes=90,
    trades=2,
    snapshots=4,
    rate=2_000,
)
"""90 % price_change of 2 to 10 rows (3.2 on average), 6 % trades, 4 % snapshots; 31 levels a side."""
PRODUCTION = Mix(
    name="production",
    markets=20,
    tick=10,
    levels=(40, 66),
    pairs=((1, 1),),
    changes=97,
    trades=1,
    snapshots=0,
    rate=96,
)
"""97 % price_change of two rows, books of 79 to 141 levels, 4.8 messages a second for each market."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream from its first frame to its last, and the top of every book after it."""

    mix: Mix
    seed: int
    markets: tuple[MarketSpec, ...]
    dump: tuple[bytes, ...]
    """The frames that follow a subscription: every book, some to a frame."""
    frames: list[bytes]
    times: list[int]
    """When each frame is received, in ms since 1970."""
    tops: dict[str, tuple[int, int]]
    """Best bid and best ask of each token at the end, in 1e-4 USDC."""

    @property
    def bytes_per_frame(self) -> int:
        """The mean size of a frame, rounded down."""
        return sum(map(len, self.frames)) // max(1, len(self.frames))


def make_stream(mix: Mix, messages: int, seed: int) -> Stream:
    """Return `messages` frames of a mix; needs about 50 us a frame."""
    random = Random(f"{mix.name} {mix.markets} {seed}")
    markets = [_Market(mix, index, random) for index in range(mix.markets)]
    dump = tuple(_dump(markets))
    frames: list[bytes] = []
    times: list[int] = []
    now_ms = float(START_MS)
    kinds = (_Market.change, _Market.trade, _Market.snapshot)
    weights = (mix.changes, mix.trades, mix.snapshots)
    while len(frames) < messages:
        now_ms += random.expovariate(mix.rate / 1000)
        room = messages - len(frames) >= _TRADE_FRAMES
        kind = random.choices(kinds, weights)[0] if room else _Market.change
        texts = kind(random.choice(markets), Ms(int(now_ms)))
        frames += [text.encode() for text in texts]
        times += [int(now_ms) + LAG_MS] * len(texts)
    tops = {token: top for market in markets for token, top in market.tops()}
    return Stream(mix, seed, tuple(market.spec for market in markets), dump, frames, times, tops)


def _dump(markets: list["_Market"]) -> Iterator[bytes]:
    books = [market.book.dump_text(index) for market in markets for index in (0, 1)]
    for start in range(0, len(books), _DUMP_BOOKS):
        yield f"[{','.join(books[start : start + _DUMP_BOOKS])}]".encode()


class _Market:
    """One market whose levels come and go inside a window of prices around a fixed middle."""

    def __init__(self, mix: Mix, index: int, random: Random) -> None:
        self._random = random
        self._tick = mix.tick
        self._pairs = mix.pairs
        self.spec = _spec(mix, index)
        self.book = WireBook(self.spec, Ms(START_MS))
        self._sizes: dict[tuple[BookSide, int], int] = {}
        levels = [random.randint(*mix.levels) for _ in BookSide]
        end = PRICE_ONE // mix.tick
        self._slots = min(max(levels) * _SLOTS_PERCENT // 100, end // 2 - 1)
        self._middle = random.randint(self._slots, end - self._slots - 1)
        for side, count in zip(BookSide, levels, strict=True):
            for slot in random.sample(range(self._slots), min(count, self._slots)):
                self._set(side, slot, self._size(), Ms(START_MS))

    def tops(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each token with its best bid and best ask."""
        for index, token in enumerate(self.spec.tokens):
            bid, ask = (self.book.best(index, side) for side in (BookSide.BID, BookSide.ASK))
            assert bid is not None, "no side is ever emptied"
            assert ask is not None, "no side is ever emptied"
            yield token, (bid, ask)

    def change(self, now_ms: Ms) -> list[str]:
        """One `price_change`; every row of a token tells checksum and touch after the whole message."""
        counts, weights = zip(*self._pairs, strict=True)
        wanted = self._random.choices(counts, weights)[0]
        facts: dict[tuple[BookSide, int], LevelSet] = {}
        while len(facts) < wanted:
            side, slot = self._random.choice(list(BookSide)), self._random.randrange(self._slots)
            if (side, slot) not in facts:
                facts[side, slot] = self._set(side, slot, self._next_size(side, slot), now_ms)
        rows = [row for fact in facts.values() for row in self._rows(fact)]
        told = (
            f'{{"market":"{self.spec.condition_id}","price_changes":[{",".join(rows)}],'
            f'"timestamp":"{now_ms}","event_type":"price_change"}}'
        )
        return [told]

    def trade(self, now_ms: Ms) -> list[str]:
        """A taker takes part of a best level: both books, then the trade."""
        side = self._random.choice(list(BookSide))
        slot = min(slot for held, slot in self._sizes if held is side)
        lots = self._sizes[side, slot]
        taken = self._random.randint(1, lots - 1) if lots > 1 else 0
        self._set(side, slot, lots - taken, now_ms)
        price = self._price(side, slot)
        taker = Side.SELL if side is BookSide.BID else Side.BUY
        self.book.traded(0, taker, price, now_ms)
        told = (
            f'{{"market":"{self.spec.condition_id}","asset_id":"{self.spec.tokens[0]}",'
            f'"price":"{price_text(price)}","size":"{format_scaled(taken * _LOT, 6)}","fee_rate_bps":"0",'
            f'"side":"{taker.value}","timestamp":"{now_ms}","event_type":"last_trade_price",'
            f'"transaction_hash":"0x{self._random.getrandbits(256):064x}"}}'
        )
        return [self.book.event_text(0), self.book.event_text(1), told]

    def snapshot(self, now_ms: Ms) -> list[str]:
        """A book sent again as on subscribing; its timestamp is that of its last change."""
        return [self.book.dump_text(self._random.randrange(2))]

    def _rows(self, fact: LevelSet) -> list[str]:
        rows = [self._row(fact, 0), self._row(fact, 1)]
        return rows if self._random.getrandbits(1) else rows[::-1]

    def _row(self, fact: LevelSet, index: int) -> str:
        bids = (fact.side is BookSide.BID) == (index == 0)
        best_bid, best_ask = self.book.best_texts(index)
        return (
            f'{{"asset_id":"{self.spec.tokens[index]}","price":"{price_text(mirrored(index, fact.price))}",'
            f'"size":"{format_scaled(fact.size, 6)}","side":"{"BUY" if bids else "SELL"}",'
            f'"hash":"{self.book.hash(index)}","best_bid":"{best_bid}","best_ask":"{best_ask}"}}'
        )

    def _next_size(self, side: BookSide, slot: int) -> int:
        held = (side, slot) in self._sizes
        alone = sum(1 for other, _ in self._sizes if other is side) == 1
        removed = held and not alone and self._random.randrange(100) < _REMOVED_PERCENT
        return 0 if removed else self._size()

    def _size(self) -> int:
        """A size in hundredths of a share, as likely between 1 and 10 shares as between 1,000 and 10,000."""
        return min(_LOTS_MAX, int(10 ** self._random.uniform(2, 6.5)))

    def _price(self, side: BookSide, slot: int) -> Price:
        """The price of a slot; slot 0 is the one next to the middle."""
        index = self._middle - slot if side is BookSide.BID else self._middle + 1 + slot
        return Price(index * self._tick)

    def _set(self, side: BookSide, slot: int, lots: int, now_ms: Ms) -> LevelSet:
        if lots:
            self._sizes[side, slot] = lots
        else:
            del self._sizes[side, slot]
        fact = LevelSet(
            condition_id=self.spec.condition_id,
            side=side,
            price=self._price(side, slot),
            size=Size(lots * _LOT),
            by_trade=False,
            at_ms=now_ms,
        )
        self.book.apply(fact)
        return fact


def _spec(mix: Mix, index: int) -> MarketSpec:
    yes, no = (_number("token", mix.name, index, outcome) for outcome in (0, 1))
    return MarketSpec(
        condition_id=f"0x{_number('market', mix.name, index):064x}",
        tokens=(str(yes), str(no)),
        outcomes=("Yes", "No"),
        tick=Price(mix.tick),
        min_size=Size(5_000_000),
        fee=FREE,
        neg_risk=True,
        accepting=True,
        taker_delay=False,
    )


def _number(*of: object) -> int:
    """A number of 77 digits, as the venue's token ids have."""
    wide = int.from_bytes(hashlib.sha256(repr(of).encode()).digest(), "big")
    return 10**76 + wide % (9 * 10**76)

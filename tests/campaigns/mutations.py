"""Damage to market frames, by name: what a venue, a proxy or a hostile peer could put on the wire.

Each mutation takes a frame as the venue sent it and returns other octets. Some leave it true on purpose
(blanks, order of keys, a repeated frame): those must cost nothing.
"""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from engine.venue.market_ws import SocketRules

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 5, -1, 1e300, "", "x", [], {}, [[]], [None], [{}], {"": ""}),
    *("0", "1", "-1", "null", 10**30, ["0.5"], {"price": "0.5"}),
)
BARE_TOKENS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "-1", "-0", "0.1", "1E400", "01", "+1"),
    *("9" * 5000, "0." + "9" * 5000, "-" + "9" * 400, "undefined", "'x'", "0x1f", "1_000", "tru", ""),
)
ODD_NUMBERS = (
    *("9" * 5000, "1e999", "NaN", "Infinity", "-Infinity", "-1", "-0.5", "+0.5", " 0.5", "0.5 ", "0,5"),
    *("0x10", "1_0", "١٢", "½", "0.5.5", ".", "", "1e-5", "5e-1", "0." + "0" * 5000 + "1", "0" * 5000),
    *("18446744073709551616", "9007199254740993", "0.5\n", "0.5\x00", "\u22125", "00.5", ".5", "5.", "0.50"),
)
EDGE_PRICES = (
    *("0", "1", "1.0001", "0.0001", "0.9999", "0.00005", "0.455", "0.4501", "-0.45", "0.0", "1.0", "2", "99"),
)
EDGE_SIZES = ("-1", "-0.01", "-0", "0", "0.0", "0.0000001", "1e6", "9" * 30, "99999999999999", "0.000001")
EVENTS = (
    *("book", "price_change", "last_trade_price", "tick_size_change", "best_bid_ask", "new_market"),
    *("market_resolved", "", "BOOK", "book ", "order", "trade", "\x00", "book\x00", "ping", "price_changes"),
)
TICKS = ("0.1", "0.01", "0.001", "0.0001", "0.003", "0", "1", "0.5", "-0.01", "0.0025", "0.00001")
TWICE_BYTES_MAX = 20_000
DEPTH = 100_000
LONG = 200_000
CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else is true at the venue now; a mutation puts it where it does not belong."""

    tokens: tuple[str, ...]
    conditions: tuple[str, ...]
    hashes: tuple[str, ...]
    frames: tuple[bytes, ...]
    """Frames of the past, oldest first; never empty."""


Mutation = Callable[[random.Random, bytes, Surroundings], bytes]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a message as its container and its key there."""
    found: list[tuple[Any, Any]] = []
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        found.append((value, key))
        found += _spots(inner)
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return every object in a message, the outer ones first."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict) else []
    return own + [found for inner in inside for found in _objects(inner)]


def _put(rng: random.Random, raw: bytes, keys: tuple[str, ...], odd: tuple[Any, ...]) -> bytes:
    """Put something odd where one of these keys stands; anywhere if none of them is there."""
    message = json.loads(raw)
    spots = _spots(message)
    chosen = [spot for spot in spots if spot[1] in keys] or spots
    if not chosen:
        return raw
    container, key = rng.choice(chosen)
    container[key] = rng.choice(odd)
    return _json(message)


def _inserted(rng: random.Random, raw: bytes, octets: bytes) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + octets + raw[at:]


def _after_colon(rng: random.Random, raw: bytes, token: bytes) -> bytes:
    """Put a bare token in the place of a value's text, whatever it cuts."""
    colons = [at for at, octet in enumerate(raw) if octet == 0x3A]
    if not colons:
        return token
    at = rng.choice(colons) + 1
    end = min((found for sign in b",}]" if (found := raw.find(sign, at)) >= 0), default=len(raw))
    return raw[:at] + token + raw[end:]


def truncated(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return raw[: rng.randrange(len(raw))] if raw else raw


def bits_flipped(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    damaged = bytearray(raw)
    for _bit in range(rng.randrange(1, 9)):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def octets_inserted(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _inserted(rng, raw, rng.randbytes(rng.randrange(1, 9)))


def octets_lost(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + raw[at + rng.randrange(1, 60) :]


def octets_repeated(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + raw[max(0, at - 80) : at] + raw[at:]


def type_swapped(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _put(rng, raw, (), ODD_VALUES)


def bare_number(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _after_colon(rng, raw, rng.choice(BARE_TOKENS).encode())


def odd_number(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    keys = ("price", "size", "timestamp", "best_bid", "best_ask", "tick_size", "new_tick_size", "asset_id")
    return _put(rng, raw, keys, ODD_NUMBERS)


def edge_price(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _put(rng, raw, ("price",), EDGE_PRICES)


def edge_size(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _put(rng, raw, ("size",), EDGE_SIZES)


def lone_surrogate(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    if rng.random() < 0.5:
        return _inserted(rng, raw, b"\xed\xa0\x80")
    quotes = [at for at, octet in enumerate(raw) if octet == 0x22]
    at = (rng.choice(quotes) if quotes else 0) + 1
    return raw[:at] + rng.choice((b"\\ud83d", b"\\udc00", b"\\ud83d\\ud83d", b"\\ud83")) + raw[at:]


def key_repeated_alike(rng: random.Random, raw: bytes, near: Surroundings) -> bytes:
    return _repeated(rng, raw, near, alike=True)


def key_repeated_otherwise(rng: random.Random, raw: bytes, near: Surroundings) -> bytes:
    return _repeated(rng, raw, near, alike=False)


def _repeated(rng: random.Random, raw: bytes, near: Surroundings, *, alike: bool) -> bytes:
    """Say a key twice within one object; the second time first or last."""
    message = json.loads(raw)
    objects = [one for one in _objects(message) if one]
    if not objects:
        return raw
    chosen = rng.choice(objects)
    key = rng.choice(list(chosen))
    own = chosen[key]
    other = own if alike else rng.choice((*ODD_VALUES, "0.45", "7.5", "BUY", *near.tokens, *near.hashes))
    mark = "repeated key"
    chosen[mark] = other
    if rng.random() < 0.5:
        chosen[mark], chosen[key] = own, other
    written = _json(message)
    spelt = json.dumps(key).encode() if rng.random() < 0.8 else _escaped(key)
    return written.replace(_json(mark), spelt, 1)


def _escaped(key: str) -> bytes:
    """The same key in another spelling, which a comparison of texts does not see."""
    return b'"' + b"".join(rb"\u%04x" % ord(sign) for sign in key) + b'"'


def deep(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    opening, closing = rng.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"[[],", b"]"), (b'{"event_type":', b"}"))
    )
    depth = rng.choice((20, 200, 1_100, DEPTH))
    nest = opening * depth + rng.choice((b"", b"1", b"{}")) + (closing * depth if rng.random() < 0.7 else b"")
    return nest if rng.random() < 0.4 else _after_colon(rng, raw, nest)


def event_unknown(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _put(rng, raw, ("event_type",), EVENTS)


def arrays_of_arrays(rng: random.Random, raw: bytes, near: Surroundings) -> bytes:
    other = rng.choice(near.frames)
    shapes = (
        *(b"[]", b"[[]]", b"[[],[]]", b"[null]", b"{}", b"[{}]", b"[" * 3 + raw + b"]" * 3, b"[[%b]]" % raw),
        *(b"[%b,[%b]]" % (raw, other), b"[%b,null]" % raw, b"[%b,1,%b]" % (raw, other), b"[%b,]" % raw),
        *(b"[" + b"{}," * 5000 + b"{}]", b"[" + b"[]," * 5000 + b"[]]", b'{"data":%b}' % raw),
    )
    return rng.choice(shapes)


def batched(rng: random.Random, raw: bytes, near: Surroundings) -> bytes:
    """Frames of the past and this one in one array, the past mostly out of order."""
    parts = [raw, *(rng.choice(near.frames) for _ in range(rng.randrange(1, 6)))]
    rng.shuffle(parts)
    flat: list[Any] = []
    for part in parts:
        message = json.loads(part)
        flat += message if isinstance(message, list) else [message]
    return _json(flat)


def binary(rng: random.Random, _raw: bytes, _: Surroundings) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 2, 7, 100, 2000)))


def other_encoding(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    text = raw.decode()
    codec = rng.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7"))
    return text.encode(codec)


def nul(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    quotes = [at for at, octet in enumerate(raw) if octet == 0x22]
    at = (rng.choice(quotes) if quotes else 0) + 1
    return rng.choice(
        (raw + b"\0", b"\0" + raw, _inserted(rng, raw, b"\0"), raw[:at] + rb"\u0000" + raw[at:], b"\0" * 9)
    )


def long_text(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    text = rng.choice(("x", "0", "9", "\\", "é", '"')) * rng.choice((50, 4_096, LONG))
    if rng.random() < 0.3:
        message = json.loads(raw)
        objects = _objects(message)
        if objects:
            rng.choice(objects)[text] = text[:10]
            return _json(message)
    return _put(rng, raw, (), (text,))


def tokens_swapped(rng: random.Random, raw: bytes, near: Surroundings) -> bytes:
    """Name another token, of the same market or of another one."""
    own = [token for token in near.tokens if token.encode() in raw]
    if not own:
        return raw
    old, new = rng.choice(own), rng.choice(near.tokens)
    if rng.random() < 0.5:
        mark = b"swapped"
        return raw.replace(old.encode(), mark).replace(new.encode(), old.encode()).replace(mark, new.encode())
    return raw.replace(old.encode(), new.encode(), rng.choice((1, -1)))


def market_swapped(rng: random.Random, raw: bytes, near: Surroundings) -> bytes:
    """Another market's condition on this market's message, with or without its tokens."""
    own = next((found for found in near.conditions if found.encode() in raw), None)
    if own is None:
        return raw
    other = rng.choice((*near.conditions, own.upper(), own[:-1], own + "0", "0x" + "0" * 64))
    return raw.replace(own.encode(), other.encode())


def hash_swapped(rng: random.Random, raw: bytes, near: Surroundings) -> bytes:
    """A checksum of another book, of an older one, or one that is none."""
    told = rng.choice(near.hashes)
    odd = (told, told, told, told.upper(), told[:-1], told + "0", "", "g" * 40, "0" * 40, " " + told[1:])
    return _put(rng, raw, ("hash",), odd)


def field_lost(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    message = json.loads(raw)
    spots = _spots(message)
    if spots:
        container, key = rng.choice(spots)
        del container[key]
    return _json(message)


def field_added(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    message = json.loads(raw)
    objects = _objects(message)
    if objects:
        rng.choice(objects)[rng.choice(("x", "seq", "data", "channel", "side", "event_type"))] = rng.choice(
            ODD_VALUES
        )
    return _json(message)


def side_swapped(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _put(rng, raw, ("side",), ("BUY", "SELL", "buy", "BID", ""))


def level_changed(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    """A price or a size that could be right and is not: only the checksum can tell."""
    if rng.random() < 0.5:
        return _put(rng, raw, ("size",), tuple(f"{rng.randrange(1, 10**6) / 100}" for _size in range(3)))
    return _put(rng, raw, ("price",), tuple(f"{rng.randrange(1, 100) / 100:g}" for _price in range(3)))


def levels_disordered(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    """Levels of a book shuffled, repeated, moved to the other side or dropped; changes likewise."""
    message = json.loads(raw)
    lists = [one[key] for one in _objects(message) for key in one if isinstance(one[key], list) and one[key]]
    if not lists:
        return raw
    levels = rng.choice(lists)
    match rng.randrange(4):
        case 0:
            rng.shuffle(levels)
        case 1:
            levels.append(rng.choice(levels))
        case 2:
            rng.choice(lists).append(rng.choice(levels))
        case _:
            levels.clear()
    return _json(message)


def touch_changed(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _put(
        rng, raw, ("best_bid", "best_ask"), ("0", "1", "0.5", "0.49", "0.9999", "1.0001", "-1", "0.455")
    )


def time_shifted(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    message = json.loads(raw)
    objects = [one for one in _objects(message) if str(one.get("timestamp", "")).isdigit()]
    if not objects:
        return raw
    chosen = rng.choice(objects)
    # What is barely believed blocks a market until the venue's time is there: rare, or nothing else is tried.
    ahead = 599_000 if rng.random() < 0.02 else 5_000
    shift = rng.choice((-1, 1, 10, -1000, 1000, ahead, 601_000, 10**12, -(10**12)))
    chosen["timestamp"] = str(int(chosen["timestamp"]) + shift)
    return _json(message)


def tick_changed(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    return _put(rng, raw, ("tick_size", "new_tick_size", "min_order_size"), TICKS)


def replayed(rng: random.Random, _raw: bytes, near: Surroundings) -> bytes:
    return rng.choice(near.frames)


def reprinted(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    """The same message in other blanks, another order of keys, other escapes: still true."""
    message = json.loads(raw)
    match rng.randrange(4):
        case 0:
            return json.dumps(message, indent=1).encode()
        case 1:
            return json.dumps(message, sort_keys=True).encode()
        case 2:
            return b" \n\t" + raw + b"\r\n"
        case _:
            return raw.replace(b'"market"', rb'"m\u0061rket"', 1)


def joined(rng: random.Random, raw: bytes, near: Surroundings) -> bytes:
    return raw + rng.choice((b"", b"\n", b",", b"PONG")) + rng.choice(near.frames)


def many_changes(rng: random.Random, raw: bytes, _: Surroundings) -> bytes:
    """Thousands of changes in one message, each as documented."""
    message = json.loads(raw)
    found = next((one for one in _objects(message) if isinstance(one.get("price_changes"), list)), None)
    if found is None or not found["price_changes"]:
        return raw
    entries = [entry for entry in found["price_changes"] if isinstance(entry, dict)]
    if not entries:
        return raw
    found["price_changes"] = [
        rng.choice(entries) | {"price": f"{rng.randrange(1, 100) / 100:g}", "size": str(rng.randrange(1000))}
        for _entry in range(CHANGES)
    ] + entries
    return _json(found)


USUAL, HEAVY = 100, 2
"""How often a mutation is drawn; what makes frames of 100 KB and more is drawn rarely."""
MUTATIONS: dict[Mutation, int] = {
    **dict.fromkeys(
        (
            *(truncated, bits_flipped, octets_inserted, octets_lost, octets_repeated, type_swapped),
            *(bare_number, odd_number, edge_price, edge_size, lone_surrogate, key_repeated_alike),
            *(key_repeated_otherwise, event_unknown, arrays_of_arrays, batched, binary, other_encoding),
            *(nul, tokens_swapped, market_swapped, hash_swapped, field_lost, field_added, side_swapped),
            *(level_changed, levels_disordered, touch_changed, time_shifted, tick_changed, replayed),
            *(reprinted, joined),
        ),
        USUAL,
    ),
    deep: 10 * HEAVY,
    long_text: 5 * HEAVY,
    many_changes: HEAVY,
}


class Damage:
    """Draws mutations; one frame in four is damaged twice."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._kinds, self._weights = list(MUTATIONS), list(MUTATIONS.values())
        self._drawn: list[Mutation] = []

    def _draw(self) -> Mutation:
        if not self._drawn:
            self._drawn = self._rng.choices(self._kinds, self._weights, k=1000)
        return self._drawn.pop()

    def of(self, raw: bytes, near: Surroundings) -> tuple[str, bytes]:
        """Return the name of the first mutation and the damaged frame."""
        first = self._draw()
        damaged = first(self._rng, raw, near)
        if self._rng.random() < 0.25 and len(damaged) < TWICE_BYTES_MAX:
            # What is no JSON any more, or nothing at all, cannot be damaged by its meaning.
            with suppress(ValueError, RecursionError, IndexError):
                damaged = self._draw()(self._rng, damaged, near)
        return first.__name__, damaged if len(damaged) <= SocketRules().max_frame_bytes else raw

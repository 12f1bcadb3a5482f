"""One order as people and scripts write it: words in, the command out. Knows no transport.

The command line and the admin port read the same words, so that a dry run and a live order cannot differ.
"""

from dataclasses import asdict, dataclass

from bot.wire import JsonObject, read_bool, read_int, read_str
from engine.domain.commands import OutcomeRef, PlaceOrder
from engine.domain.ids import TokenId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.units import Ms, parse_price, parse_size

IOC = "IOC"
"""Other venues' word for FAK: fill at once, kill the rest."""
TYPES = (*(kind.value for kind in TimeInForce), IOC)


@dataclass(frozen=True, slots=True)
class OrderWords:
    """One order as typed; empty where a default stands."""

    token: str
    event: str
    outcome: str
    no: bool
    side: str
    price: str
    size: str
    type: str
    """One of `TYPES`; empty: GTD for a BUY, FAK for a SELL, GTC for one that rests."""
    rest: bool
    lasts_s: int
    """How long a resting GTD order stays; 0 for the others."""

    def as_json(self) -> JsonObject:
        """Return the words as a JSON object."""
        return asdict(self)


def words_of(fields: JsonObject) -> OrderWords:
    """Return the words of a JSON object; raises ShapeError."""
    return OrderWords(
        token=read_str(fields, "token", ""),
        event=read_str(fields, "event", ""),
        outcome=read_str(fields, "outcome", ""),
        no=read_bool(fields, "no"),
        side=read_str(fields, "side"),
        price=read_str(fields, "price"),
        size=read_str(fields, "size"),
        type=read_str(fields, "type", ""),
        rest=read_bool(fields, "rest"),
        lasts_s=read_int(fields, "lasts_s", 0),
    )


def order_of(words: OrderWords) -> PlaceOrder:
    """Return the command; raises ValueError with a sentence for what cannot be read."""
    if bool(words.token) is bool(words.event):
        raise ValueError("expected either a token, or an event's code with an outcome; found both or neither")
    if words.side.upper() not in ("BUY", "SELL"):
        raise ValueError(f"expected the side BUY or SELL, found {words.side!r}")
    if words.lasts_s and not words.rest:
        raise ValueError("expected a life time only with an order that rests, found one without")
    side = Side(words.side.upper())
    return PlaceOrder(
        outcome=OutcomeRef(
            token_id=TokenId(words.token) if words.token else None,
            code=words.event,
            name=words.outcome,
            is_no=words.no,
        ),
        side=side,
        price=parse_price(words.price),
        size=parse_size(words.size),
        time_in_force=_type(words, side),
        rests=words.rest,
        lasts_ms=Ms(max(0, words.lasts_s) * 1_000),
    )


def _type(words: OrderWords, side: Side) -> TimeInForce:
    word = words.type.upper()
    if not word:
        if words.rest:
            return TimeInForce.GTD if words.lasts_s else TimeInForce.GTC
        return TimeInForce.GTD if side is Side.BUY else TimeInForce.FAK
    if word not in TYPES:
        raise ValueError(f"expected one of {', '.join(TYPES)} as type, found {words.type!r}")
    return TimeInForce.FAK if word == IOC else TimeInForce(word)

"""What the core shows of quoting: the panel of a grant, the list of markets, the answer to a stop. Facts."""

from dataclasses import dataclass

from engine.domain.ids import TicketId
from engine.domain.quote import QuoteSide
from engine.domain.units import Ms, Price, Size, Usdc


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One quote that rests, or that would."""

    side: QuoteSide
    yes: Price
    """Its price on the book of YES."""
    left: Size
    buys_no: bool
    """It goes out as a BUY of NO at the complement."""
    state: str
    """What is known of it, in a word; empty before anything is sent."""


@dataclass(frozen=True, slots=True)
class QuoteProfit:
    """What quoting has come to so far, in micro-dollars; rebates and rewards count once they are paid."""

    captured: Usdc
    """Fill prices against the fair value at each fill."""
    mark: Usdc
    """What the fair value has done since to what was filled."""
    fees: Usdc
    markouts: tuple[Usdc | None, ...]
    """How fair values had moved 10 s, 1 min and 10 min after the fills; None before one is that old."""

    @property
    def total(self) -> Usdc:
        """All of it together; markouts are a part of the mark, seen earlier."""
        return Usdc(self.captured + self.mark - self.fees)


@dataclass(frozen=True, slots=True)
class SpreadView:
    """One market as it is quoted, or would be."""

    quotes: tuple[QuoteLine, ...]
    mid: Price | None
    """Of the book without our orders, rounded down to 1e-4; None without one."""
    fair: Price | None
    """Fair value, rounded down to 1e-4."""
    spread_ticks: int | None
    net: Size
    """YES less NO that quotes have bought; negative when NO prevails."""
    inventory: Size
    """The most of either."""
    resting: Usdc
    """What the quotes bind now."""
    fills: int
    regime: str
    why: str
    """Why something that could rest does not, in a few words; empty for nothing."""
    stale_ms: Ms
    tick: Price
    profit: QuoteProfit | None
    """None before the grant is in force."""
    pairs: Size = Size(0)  # noqa: RUF009 - a number
    """Settled YES and NO that a merge would turn into dollars."""


@dataclass(frozen=True, slots=True)
class SpreadRow:
    """One market of the list."""

    code: str
    name: str
    bid: Price
    ask: Price
    tick: Price
    depth: Size
    """What the thinner of the two touches holds."""
    granted: TicketId | None
    """The grant in force on it."""


@dataclass(frozen=True, slots=True)
class SpreadsView:
    """Markets that could be quoted now, the widest spread first, and those that are quoted."""

    rows: tuple[SpreadRow, ...]


@dataclass(frozen=True, slots=True)
class SpreadsEndedView:
    """Grants to quote that somebody stopped, and how many of their orders are being cancelled."""

    tickets: tuple[TicketId, ...]
    cancelled: int

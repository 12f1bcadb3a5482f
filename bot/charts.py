"""Charts as PNG bytes, drawn to be read on a phone: dark, at most two series, the last value printed large.

Plain numbers in, bytes out, the same bytes for the same numbers. Nothing here reads a clock, a file or a
desk; drawing takes some ten milliseconds, so a desk calls it off its loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from engine.domain.backtest import BacktestResult
from engine.domain.units import LOT, Rounding, Size, Usdc, format_cents, format_size

WIDTH, HEIGHT = 1080, 640
"""What a phone shows without cutting (telegram.md (d))."""
BACKGROUND = (18, 22, 30)
GRID = (52, 60, 74)
FAINT = (150, 160, 176)
TEXT = (236, 240, 246)
GAIN = (72, 201, 136)
LOSS = (240, 98, 98)
LINE = (94, 168, 255)
LEFT, RIGHT = 150, WIDTH - 48
SMALL, MEDIUM, LARGE = 26, 34, 76
"""Letters below 26 are lost on a phone, which shows the picture at a third of its width."""
END_WIDTH = 180
"""Room for the number at either end of an axis."""
BARS_MAX = 120
"""Neighbours share a bar beyond so many windows, so that a bar stays wider than its gap."""

Colour = tuple[int, int, int]
Spot = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Area:
    """A rectangle of pixels, and the values at its lower and upper edge."""

    top: int
    bottom: int
    low: int
    high: int

    def y(self, value: int) -> int:
        """Return the row of a value."""
        return self.bottom - (value - self.low) * (self.bottom - self.top) // max(1, self.high - self.low)


def backtest_chart(result: BacktestResult) -> bytes:
    """Return the equity after each attempt and, below, the best net edge of each window."""
    amounts = [amount for _, amount in result.equity]
    edges = [episode.best.margin.net for episode in result.episodes]
    image, draw = _canvas()
    last = amounts[-1] if amounts else Usdc(0)
    broken = sum(attempt.broken for attempt in result.attempts)
    subtitle = f"{len(edges)} windows, {len(amounts)} plans sent, {broken} broken"
    _head(draw, "Dutch backtest: captured, USDC", subtitle, _signed(last), GAIN if last >= 0 else LOSS)
    if not edges:
        _centred(draw, "no window in this recording")
        return _png(image)
    _steps(draw, [0, *amounts], _area(190, 400, [0, *amounts]))
    _put(draw, (48, 432), f"best net edge of each window, {_signed(Usdc(sum(edges)))} together", SMALL, FAINT)
    _bars(draw, _thinned(edges), _area(480, 600, [0, *edges]))
    return _png(image)


def edge_curve(
    points: Sequence[tuple[Size, Usdc]], *, title: str, best: Size | None = None, refusal: str = ""
) -> bytes:
    """Return the net edge against the number of sets, in straight lines from point to point.

    Points come in ascending sizes. `best` is one of them, is marked, and its edge is printed large; without
    it the picture says "no trade" and `refusal`. A fall deeper than the best edge is high is cut off.
    """
    image, draw = _canvas()
    top = next((amount for size, amount in points if size == best), None)
    assert best is None or top is not None, f"expected {best} among the points"
    if best is None or top is None:
        _head(draw, title, refusal or "no size pays", "no trade", LOSS)
    else:
        subtitle = f"net edge, USDC, at {format_size(best)} sets"
        _head(draw, title, subtitle, _signed(top), GAIN if top >= 0 else LOSS)
    if not points:
        _centred(draw, "no size can be filled")
        return _png(image)
    shown = _until_lost(points, best)
    area = _area(190, 560, [0, *(amount for _, amount in shown)])
    _axis(draw, area)
    first, span = shown[0][0], max(1, shown[-1][0] - shown[0][0])
    spots = [(LEFT + (size - first) * (RIGHT - LEFT) // span, area.y(amount)) for size, amount in shown]
    _path(draw, spots)
    _put(draw, (LEFT, 574), format_size(first), SMALL, FAINT)
    _put(draw, (RIGHT, 574), f"{format_size(shown[-1][0])} sets", SMALL, FAINT, anchor="ra")
    if best is not None:
        x, y = next(spot for spot, (size, _) in zip(spots, shown, strict=True) if size == best)
        draw.line([(x, area.top), (x, area.bottom)], fill=FAINT, width=2)
        draw.ellipse([x - 11, y - 11, x + 11, y + 11], fill=GAIN)
        _put_between(draw, x, 574, format_size(best))
    return _png(image)


def _until_lost(points: Sequence[tuple[Size, Usdc]], best: Size | None) -> list[tuple[Size, Usdc]]:
    """Return the points up to where, past the best one, as much is lost as the best one earns.

    Depth without end would press the part that matters into a corner; without any gain all is shown.
    """
    top = max(amount for _, amount in points)
    past = next(
        number
        for number, (size, amount) in enumerate(points)
        if (amount == top if best is None else size == best)
    )
    for number in range(past + 1, len(points)):
        (size, before), (end, after) = points[number - 1], points[number]
        if after < -top < 0:
            lots = max(1, (end - size) * (before + top) // (before - after) // LOT)
            return [*points[:number], (Size(size + lots * LOT), Usdc(-top))]
    return list(points)


def _put_between(draw: ImageDraw.ImageDraw, x: int, y: int, text: str) -> None:
    """Write below a place of the curve, unless one of the ends is written there."""
    half = int(draw.textlength(text, ImageFont.load_default(size=SMALL))) // 2
    if x - half >= LEFT + END_WIDTH and x + half <= RIGHT - END_WIDTH:
        _put(draw, (x, y), text, SMALL, TEXT, anchor="ma")


def _canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    return image, ImageDraw.Draw(image)


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _put(
    draw: ImageDraw.ImageDraw, at: Spot, text: str, size: int, fill: Colour, *, anchor: str = "la"
) -> None:
    """Write in the letters that come with Pillow: they look the same on every machine."""
    draw.text(at, text, fill=fill, font=ImageFont.load_default(size=size), anchor=anchor)


def _head(draw: ImageDraw.ImageDraw, title: str, subtitle: str, value: str, colour: Colour) -> None:
    _put(draw, (48, 36), _cut(draw, title, MEDIUM, 620), MEDIUM, TEXT)
    _put(draw, (48, 88), _cut(draw, subtitle, SMALL, 620), SMALL, FAINT)
    _put(draw, (RIGHT, 36), value, LARGE, colour, anchor="ra")


def _cut(draw: ImageDraw.ImageDraw, text: str, size: int, width: int) -> str:
    """Return as much of a text as fits, so that it never runs into the value beside it."""
    font = ImageFont.load_default(size=size)
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "...", font) > width:
        text = text[:-1]
    return text + "..."


def _centred(draw: ImageDraw.ImageDraw, text: str) -> None:
    _put(draw, (WIDTH // 2, 360), text, MEDIUM, FAINT, anchor="mm")


def _area(top: int, bottom: int, values: Sequence[int]) -> _Area:
    low, high = min(values), max(values)
    return _Area(top, bottom, low, high if high > low else low + 1)


def _axis(draw: ImageDraw.ImageDraw, area: _Area) -> None:
    """Draw zero and both ends with their values; an end that would be written over zero is left out."""
    for value in (0, area.low, area.high):
        y = area.y(value)
        draw.line([(LEFT, y), (RIGHT, y)], fill=GRID, width=3 if value == 0 else 1)
        if value == 0 or abs(y - area.y(0)) >= SMALL:
            _put(draw, (LEFT - 14, y), format_cents(Usdc(value), Rounding.DOWN), SMALL, FAINT, anchor="rm")


def _path(draw: ImageDraw.ImageDraw, spots: Sequence[Spot]) -> None:
    draw.line(list(spots), fill=LINE, width=5, joint="curve")
    x, y = spots[-1]
    draw.ellipse([x - 7, y - 7, x + 7, y + 7], fill=LINE)


def _steps(draw: ImageDraw.ImageDraw, values: Sequence[int], area: _Area) -> None:
    """Draw a curve that stands still between two values, as money does."""
    _axis(draw, area)
    count = len(values)
    spots: list[Spot] = []
    for number, value in enumerate(values):
        x, y = LEFT + number * (RIGHT - LEFT) // count, area.y(value)
        spots += [(x, y), (LEFT + (number + 1) * (RIGHT - LEFT) // count, y)]
    _path(draw, spots)


def _bars(draw: ImageDraw.ImageDraw, values: Sequence[int], area: _Area) -> None:
    _axis(draw, area)
    zero = area.y(0)
    for number, value in enumerate(values):
        left = LEFT + number * (RIGHT - LEFT) // len(values)
        right = LEFT + (number + 1) * (RIGHT - LEFT) // len(values)
        gap = max(1, (right - left) // 8)
        top, bottom = sorted((area.y(value), zero))
        colour = GAIN if value >= 0 else LOSS
        draw.rectangle([left + gap, top, max(left + gap, right - gap), bottom], fill=colour)


def _thinned(values: Sequence[int]) -> list[int]:
    """Return at most BARS_MAX values; of neighbours that share a bar the largest is shown."""
    per = -(-len(values) // BARS_MAX)
    return [max(values[start : start + per]) for start in range(0, len(values), per)]


def _signed(amount: Usdc) -> str:
    """Return dollars with their sign, rounded against us."""
    if amount < 0:
        return format_cents(amount, Rounding.UP)
    return f"+{format_cents(amount, Rounding.DOWN)}"

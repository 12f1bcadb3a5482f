"""Charts as PNG bytes, drawn to be read on a phone: dark, at most two series, the last value printed large.

Plain numbers in, bytes out, the same bytes for the same numbers. Nothing here reads a clock, a file or a
desk; drawing takes some ten milliseconds, so a desk calls it off its loop.
"""

from collections.abc import Sequence

from PIL import ImageDraw, ImageFont

from bot.drawing import (
    END_WIDTH,
    FAINT,
    GAIN,
    LEFT,
    LOSS,
    RIGHT,
    SMALL,
    TEXT,
    area_of,
    axis,
    bars,
    canvas,
    centred,
    heading,
    path,
    png_of,
    put,
    signed,
    steps,
)
from engine.domain.backtest import BacktestResult
from engine.domain.units import LOT, Size, Usdc, format_size

BARS_MAX = 120
"""Neighbours share a bar beyond so many windows, so that a bar stays wider than its gap."""


def backtest_chart(result: BacktestResult) -> bytes:
    """Return the equity after each attempt and, below, the best net edge of each window."""
    amounts = [amount for _, amount in result.equity]
    edges = [episode.best.margin.net for episode in result.episodes]
    image, draw = canvas()
    last = amounts[-1] if amounts else Usdc(0)
    broken = sum(attempt.broken for attempt in result.attempts)
    subtitle = f"{len(edges)} windows, {len(amounts)} plans sent, {broken} broken"
    heading(draw, "Dutch backtest: captured, USDC", subtitle, signed(last), GAIN if last >= 0 else LOSS)
    if not edges:
        centred(draw, "no window in this recording")
        return png_of(image)
    steps(draw, [0, *amounts], area_of(190, 400, [0, *amounts]))
    put(draw, (48, 432), f"best net edge of each window, {signed(Usdc(sum(edges)))} together", SMALL, FAINT)
    bars(draw, _thinned(edges), area_of(480, 600, [0, *edges]))
    return png_of(image)


def edge_curve(
    points: Sequence[tuple[Size, Usdc]], *, title: str, best: Size | None = None, refusal: str = ""
) -> bytes:
    """Return the net edge against the number of sets, in straight lines from point to point.

    Points come in ascending sizes. `best` is one of them, is marked, and its edge is printed large; without
    it the picture says "no trade" and `refusal`. A fall deeper than the best edge is high is cut off.
    """
    image, draw = canvas()
    top = next((amount for size, amount in points if size == best), None)
    assert best is None or top is not None, f"expected {best} among the points"
    if best is None or top is None:
        heading(draw, title, refusal or "no size pays", "no trade", LOSS)
    else:
        subtitle = f"net edge, USDC, at {format_size(best)} sets"
        heading(draw, title, subtitle, signed(top), GAIN if top >= 0 else LOSS)
    if not points:
        centred(draw, "no size can be filled")
        return png_of(image)
    shown = _until_lost(points, best)
    area = area_of(190, 560, [0, *(amount for _, amount in shown)])
    axis(draw, area)
    first, span = shown[0][0], max(1, shown[-1][0] - shown[0][0])
    spots = [(LEFT + (size - first) * (RIGHT - LEFT) // span, area.y(amount)) for size, amount in shown]
    path(draw, spots)
    put(draw, (LEFT, 574), format_size(first), SMALL, FAINT)
    put(draw, (RIGHT, 574), f"{format_size(shown[-1][0])} sets", SMALL, FAINT, anchor="ra")
    if best is not None:
        x, y = next(spot for spot, (size, _) in zip(spots, shown, strict=True) if size == best)
        draw.line([(x, area.top), (x, area.bottom)], fill=FAINT, width=2)
        draw.ellipse([x - 11, y - 11, x + 11, y + 11], fill=GAIN)
        _put_between(draw, x, 574, format_size(best))
    return png_of(image)


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
        put(draw, (x, y), text, SMALL, TEXT, anchor="ma")


def _thinned(values: Sequence[int]) -> list[int]:
    """Return at most BARS_MAX values; of neighbours that share a bar the largest is shown."""
    per = -(-len(values) // BARS_MAX)
    return [max(values[start : start + per]) for start in range(0, len(values), per)]

"""A quoted market as a PNG: our quotes around the price, the fills, the inventory, and where money came from.

The conservative queue model's, of the market with the most fills; the upper bound is one number. Plain values
in, bytes out, the same bytes for the same values.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from PIL import ImageDraw

from bot.drawing import (
    FAINT,
    GAIN,
    GRID,
    LEFT,
    LINE,
    LOSS,
    RIGHT,
    SMALL,
    TEXT,
    Area,
    Colour,
    Spot,
    area_of,
    canvas,
    centred,
    heading,
    png_of,
    put,
    signed,
)
from bot.figures import span
from engine.domain.quote import QuoteSide
from engine.domain.quoting import Execution, Glance, Quoted, QuotedCourse, QuotingResult
from engine.domain.units import PRICE_ONE, Ms, Price, Size, Usdc, format_scaled, format_size

HEIGHT = 1_240
"""Three pictures above one another; a phone held upright shows all of it."""
MICRO = 1_000_000 // PRICE_ONE
SHARE = 1_000_000
"""Upper edge of the inventory where nothing was ever held."""
BID, ASK = (58, 140, 104), (172, 82, 82)
"""Quotes are duller than the fills on them."""
NAMES = 250
"""Where the bars of the split begin: right of their names."""
VALUES = 150
"""Room for a number at either end of a bar."""


def quote_chart(result: QuotingResult) -> bytes:
    """Return the picture; of a recording without quotes one that says so."""
    shown = max(result.markets, key=_weight, default=None)
    image, draw = canvas(HEIGHT)
    if shown is None or not shown.runs[0].trail:
        heading(draw, "Spread backtest", "", "0.00", FAINT)
        centred(draw, "nothing was quoted in this recording")
        return png_of(image)
    run, net = shown.runs[0], shown.runs[0].split.net
    lasted = span(Ms(run.trail[-1].at_ms - run.trail[0].at_ms))
    subtitle = f"net of {lasted}, {len(run.executions)} fills, USDC"
    heading(draw, f"{shown.code}: {shown.name}", subtitle, signed(net), GAIN if net >= 0 else LOSS)
    _prices(draw, run)
    _inventory(draw, run.trail)
    _split(draw, shown)
    return png_of(image)


def _weight(course: QuotedCourse) -> tuple[int, int, str]:
    """Rank markets by conservative fills, then by those of the upper bound."""
    fills = [len(run.executions) for run in course.runs]
    return fills[0], fills[-1], course.condition_id


def _columns(trail: Sequence[Glance]) -> Callable[[int], int]:
    first, lasts = trail[0].at_ms, max(1, trail[-1].at_ms - trail[0].at_ms)
    return lambda at_ms: min(max(LEFT + (at_ms - first) * (RIGHT - LEFT) // lasts, LEFT), RIGHT)


def _prices(draw: ImageDraw.ImageDraw, run: Quoted) -> None:
    put(draw, (48, 150), "fair value", SMALL, LINE)
    put(draw, (210, 150), "our bid", SMALL, GAIN)
    put(draw, (330, 150), "our ask", SMALL, LOSS)
    put(draw, (460, 150), "dots: fills", SMALL, TEXT)
    trail, x = run.trail, _columns(run.trail)
    values = [glance.fair for glance in trail]
    values += [price * MICRO for glance in trail for price in (glance.bid, glance.ask) if price is not None]
    values += [execution.yes * MICRO for execution in run.executions]
    area = area_of(205, 600, values)
    _scale(draw, area, lambda value: format_scaled(value // MICRO, 4, at_least=3))
    for side, colour in ((QuoteSide.BID, BID), (QuoteSide.ASK, ASK)):
        _quotes(draw, [(x(glance.at_ms), _price(glance, side)) for glance in trail], area, colour)
    draw.line([(x(glance.at_ms), area.y(glance.fair)) for glance in trail], fill=LINE, width=3)
    for execution in run.executions:
        _dot(draw, (x(execution.at_ms), area.y(execution.yes * MICRO)), execution)


def _price(glance: Glance, side: QuoteSide) -> Price | None:
    return glance.bid if side is QuoteSide.BID else glance.ask


def _quotes(
    draw: ImageDraw.ImageDraw, prices: Sequence[tuple[int, Price | None]], area: Area, colour: Colour
) -> None:
    """Draw one side's quotes as steps, with a gap where nothing rests."""
    for (left, price), (right, after) in pairwise(prices):
        if price is None:
            continue
        y = area.y(price * MICRO)
        draw.line([(left, y), (right, y)], fill=colour, width=4)
        if after is not None and after != price:
            draw.line([(right, y), (right, area.y(after * MICRO))], fill=colour, width=1)


def _dot(draw: ImageDraw.ImageDraw, at: Spot, execution: Execution) -> None:
    x, y = at
    colour = GAIN if execution.side is QuoteSide.BID else LOSS
    draw.ellipse([x - 9, y - 9, x + 9, y + 9], fill=colour, outline=TEXT, width=2)


def _inventory(draw: ImageDraw.ImageDraw, trail: Sequence[Glance]) -> None:
    put(draw, (48, 640), "inventory, shares of YES", SMALL, FAINT)
    held = [0, *(glance.net for glance in trail)]
    area, x = area_of(695, 830, held if any(held) else [0, SHARE]), _columns(trail)
    _scale(draw, area, lambda value: format_size(Size(value)))
    draw.line([(LEFT, area.y(0)), (RIGHT, area.y(0))], fill=GRID, width=3)
    spots: list[Spot] = []
    for glance in trail:
        column = x(glance.at_ms)
        if spots:
            spots.append((column, spots[-1][1]))
        spots.append((column, area.y(glance.net)))
    draw.line(spots, fill=LINE, width=4)


def _scale(draw: ImageDraw.ImageDraw, area: Area, words: Callable[[int], str]) -> None:
    """Draw the lower and the upper edge with their values."""
    for value in (area.low, area.high):
        y = area.y(value)
        draw.line([(LEFT, y), (RIGHT, y)], fill=GRID, width=1)
        put(draw, (LEFT - 14, y), words(value), SMALL, FAINT, anchor="rm")


def _split(draw: ImageDraw.ImageDraw, course: QuotedCourse) -> None:
    put(draw, (48, 870), "where it came from, USDC", SMALL, FAINT)
    split = course.runs[0].split
    rows = [
        ("spread captured", split.captured),
        ("markout 1 min", split.markouts[1]),
        ("inventory mark", split.mark),
        ("fees", Usdc(-split.fees)),
        ("net", split.net),
        ("net, upper bound", course.runs[-1].split.net),
    ]
    ends = [0, *(amount for _, amount in rows)]
    low, width = min(ends), max(1, max(ends) - min(ends))
    left, right = NAMES + VALUES, RIGHT - VALUES
    zero = left + (0 - low) * (right - left) // width
    for number, (name, amount) in enumerate(rows):
        y = 925 + 50 * number
        put(draw, (48, y + 16), name, SMALL, TEXT if name == "net" else FAINT, anchor="lm")
        x = left + (amount - low) * (right - left) // width
        colour = GAIN if amount >= 0 else LOSS
        draw.rectangle([min(x, zero), y, max(x, zero), y + 32], fill=colour)
        beside, anchor = (max(x, zero) + 12, "lm") if amount >= 0 else (min(x, zero) - 12, "rm")
        put(draw, (beside, y + 16), signed(amount), SMALL, TEXT, anchor=anchor)
    draw.line([(zero, 915), (zero, 925 + 50 * len(rows) - 10)], fill=GRID, width=3)

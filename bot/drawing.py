"""What every chart is drawn with: canvas, letters, axes and curves. Numbers in, pixels out.

The same pixels for the same numbers on every machine: the letters are those that come with Pillow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from engine.domain.units import Rounding, Usdc, format_cents

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

Colour = tuple[int, int, int]
Spot = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of pixels, and the values at its lower and upper edge."""

    top: int
    bottom: int
    low: int
    high: int

    def y(self, value: int) -> int:
        """Return the row of a value."""
        return self.bottom - (value - self.low) * (self.bottom - self.top) // max(1, self.high - self.low)


def canvas(height: int = HEIGHT) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return an empty picture of the usual width, and what draws on it."""
    image = Image.new("RGB", (WIDTH, height), BACKGROUND)
    return image, ImageDraw.Draw(image)


def png_of(image: Image.Image) -> bytes:
    """Return the picture as a PNG."""
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def put(
    draw: ImageDraw.ImageDraw, at: Spot, text: str, size: int, fill: Colour, *, anchor: str = "la"
) -> None:
    """Write in the letters that come with Pillow: they look the same on every machine."""
    draw.text(at, text, fill=fill, font=ImageFont.load_default(size=size), anchor=anchor)


def heading(draw: ImageDraw.ImageDraw, title: str, subtitle: str, value: str, colour: Colour) -> None:
    """Write the title, a line below it, and the value that matters most, large."""
    put(draw, (48, 36), cut(draw, title, MEDIUM, 620), MEDIUM, TEXT)
    put(draw, (48, 88), cut(draw, subtitle, SMALL, 620), SMALL, FAINT)
    put(draw, (RIGHT, 36), value, LARGE, colour, anchor="ra")


def cut(draw: ImageDraw.ImageDraw, text: str, size: int, width: int) -> str:
    """Return as much of a text as fits, so that it never runs into the value beside it."""
    font = ImageFont.load_default(size=size)
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "...", font) > width:
        text = text[:-1]
    return text + "..."


def centred(draw: ImageDraw.ImageDraw, text: str) -> None:
    """Write why there is nothing to see."""
    put(draw, (WIDTH // 2, 360), text, MEDIUM, FAINT, anchor="mm")


def area_of(top: int, bottom: int, values: Sequence[int]) -> Area:
    """Return the rows between which these values lie; equal ones get a height all the same."""
    low, high = min(values), max(values)
    return Area(top, bottom, low, high if high > low else low + 1)


def axis(draw: ImageDraw.ImageDraw, area: Area) -> None:
    """Draw zero and both ends with their values; an end that would be written over zero is left out."""
    for value in (0, area.low, area.high):
        y = area.y(value)
        draw.line([(LEFT, y), (RIGHT, y)], fill=GRID, width=3 if value == 0 else 1)
        if value == 0 or abs(y - area.y(0)) >= SMALL:
            put(draw, (LEFT - 14, y), format_cents(Usdc(value), Rounding.DOWN), SMALL, FAINT, anchor="rm")


def path(draw: ImageDraw.ImageDraw, spots: Sequence[Spot]) -> None:
    """Draw a curve with a dot at its end."""
    draw.line(list(spots), fill=LINE, width=5, joint="curve")
    x, y = spots[-1]
    draw.ellipse([x - 7, y - 7, x + 7, y + 7], fill=LINE)


def steps(draw: ImageDraw.ImageDraw, values: Sequence[int], area: Area) -> None:
    """Draw a curve that stands still between two values, as money does."""
    axis(draw, area)
    count = len(values)
    spots: list[Spot] = []
    for number, value in enumerate(values):
        x, y = LEFT + number * (RIGHT - LEFT) // count, area.y(value)
        spots += [(x, y), (LEFT + (number + 1) * (RIGHT - LEFT) // count, y)]
    path(draw, spots)


def bars(draw: ImageDraw.ImageDraw, values: Sequence[int], area: Area) -> None:
    """Draw a bar for each value, gains and losses in their colours."""
    axis(draw, area)
    zero = area.y(0)
    for number, value in enumerate(values):
        left = LEFT + number * (RIGHT - LEFT) // len(values)
        right = LEFT + (number + 1) * (RIGHT - LEFT) // len(values)
        gap = max(1, (right - left) // 8)
        top, bottom = sorted((area.y(value), zero))
        colour = GAIN if value >= 0 else LOSS
        draw.rectangle([left + gap, top, max(left + gap, right - gap), bottom], fill=colour)


def signed(amount: Usdc) -> str:
    """Return dollars with their sign, rounded against us."""
    if amount < 0:
        return format_cents(amount, Rounding.UP)
    return f"+{format_cents(amount, Rounding.DOWN)}"

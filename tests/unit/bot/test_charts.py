"""Charts: pictures of the promised size, the same bytes for the same numbers, whatever the numbers are."""

from io import BytesIO
from random import Random

import pytest
from PIL import Image

from bot.charts import backtest_chart, edge_curve
from bot.drawing import BACKGROUND, GAIN, HEIGHT, LOSS, WIDTH
from engine.domain.backtest import Attempt, BacktestResult, Episode
from engine.domain.units import Ms, Size, Usdc
from tests.support.planner import planned, usdc, worked

NOTHING = BacktestResult(episodes=(), events=(), unanswered=0)


def opened(png: bytes) -> Image.Image:
    image = Image.open(BytesIO(png))
    image.load()
    return image.convert("RGB")


def colours(png: bytes) -> set[object]:
    return {colour for _, colour in opened(png).getcolors(WIDTH * HEIGHT) or []}


def result(*amounts: str) -> BacktestResult:
    """A backtest with a window and an attempt per amount."""
    event, books, terms = worked()
    plan = planned(event, books, terms)
    episodes = []
    for number, amount in enumerate(amounts):
        at_ms = Ms(1_000 * number)
        attempt = Attempt(plan, at_ms, at_ms, (), plan.size, Usdc(0), usdc(amount))
        episodes.append(Episode(event, at_ms, Ms(at_ms + 500), None, plan, plan, (attempt,), None))
    return BacktestResult(episodes=tuple(episodes), events=(), unanswered=0)


@pytest.mark.parametrize("number", [0, 1, 2, 300])
def test_backtest_chart_has_its_size_for_any_number_of_windows(number):
    image = opened(backtest_chart(result(*["1.5"] * number)))

    assert image.size == (WIDTH, HEIGHT) == (1080, 640)
    assert image.getpixel((2, 2)) == BACKGROUND


def test_sum_is_green_when_money_was_made_and_red_when_it_was_lost():
    assert LOSS not in colours(backtest_chart(result("2", "3")))
    assert LOSS in colours(backtest_chart(result("2", "-3")))


def test_same_numbers_give_the_same_bytes_and_others_do_not():
    assert backtest_chart(result("2", "-3")) == backtest_chart(result("2", "-3"))
    assert backtest_chart(result("2", "-3")) != backtest_chart(result("2", "3"))
    assert backtest_chart(NOTHING) == backtest_chart(NOTHING)


def test_curve_has_its_size_and_marks_the_best_size():
    points = [(Size(n * 1_000_000), Usdc(n * (20 - n) * 10_000)) for n in range(21)]

    marked = edge_curve(points, title="fed5", best=Size(10_000_000))

    assert opened(marked).size == (WIDTH, HEIGHT)
    assert marked != edge_curve(points, title="fed5", refusal="reason: min_profit")
    assert GAIN in colours(marked)


def test_curve_of_nothing_one_point_or_a_long_title_is_drawn_all_the_same():
    one = [(Size(5_000_000), Usdc(0))]

    for png in (
        edge_curve([], title="fed5"),
        edge_curve(one, title="fed5", best=one[0][0]),
        edge_curve(one, title="A very long title of an event that goes on and on " * 5),
    ):
        assert opened(png).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("seed", range(20))
def test_any_curve_of_any_amounts_is_drawn(seed):
    random = Random(seed)
    sizes = sorted(random.sample(range(1, 10**12), random.randint(1, 40)))
    points = [(Size(size), Usdc(random.randint(-(10**12), 10**12))) for size in sizes]

    assert opened(edge_curve(points, title=f"seed {seed}")).size == (WIDTH, HEIGHT), seed


def test_fall_without_end_does_not_press_the_gain_into_a_corner():
    gain = [(Size(0), Usdc(0)), (Size(10_000_000), Usdc(2_000_000))]
    ends = [(Size(sets * 1_000_000), Usdc(2_000_000 - (sets - 10) * 200_000)) for sets in (1_000, 1_000_000)]
    falls = [edge_curve([*gain, end], title="fed5", best=gain[1][0]) for end in ends]
    marks = [[x for x in range(WIDTH) if opened(png).getpixel((x, 190)) == GAIN] for png in falls]

    assert marks[0] == marks[1] != []


def test_edge_that_comes_back_after_a_loss_is_shown_with_its_best_size():
    points = [(Size(n * 1_000_000), Usdc(amount)) for n, amount in enumerate([0, 500, -900, 400])]

    assert GAIN in colours(edge_curve(points, title="fed5", best=points[3][0]))

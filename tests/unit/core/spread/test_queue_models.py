"""Queue places on aggregated books: what advances an order that is not really there, and by how much."""

import math
import random

import pytest

from engine.core.spread.queue_models import (
    PRINT_LAG_MS,
    QueueModel,
    QueuePlace,
    ShadowQueue,
    front_loss,
    log_of,
)
from engine.domain.units import SIZE_ONE, Ms, Size

T = Ms(1_790_000_000_000)


def shares(count: int) -> Size:
    return Size(count * SIZE_ONE)


def place(ahead: int, behind: int = 0, model: QueueModel = QueueModel.CONSERVATIVE) -> QueuePlace:
    """An order with so many shares ahead of it and so many that joined behind."""
    joined = QueuePlace(model, shares(ahead))
    joined.level_is(shares(ahead + behind), T)
    return joined


def test_conservative_trade_short_of_the_queue_reaches_nobody() -> None:
    queue = place(100)
    assert queue.traded(shares(100), T) == 0
    assert queue.ahead == 0


def test_conservative_trade_beyond_the_queue_reaches_by_the_excess_alone() -> None:
    queue = place(100, behind=50)
    assert queue.traded(Size(shares(100) + 1), T) == 1


def test_conservative_decrease_behind_us_advances_nobody() -> None:
    queue = place(100, behind=50)
    queue.level_is(shares(100), T)
    assert queue.ahead == shares(100)


def test_conservative_level_below_what_was_ahead_caps_it() -> None:
    queue = place(100, behind=50)
    queue.level_is(Size(shares(100) - 1), T)
    assert queue.ahead == shares(100) - 1


def test_level_that_vanishes_fills_nothing_and_leaves_us_first() -> None:
    queue = place(100)
    queue.level_is(Size(0), T)
    assert queue.ahead == 0
    assert queue.traded(shares(5), Ms(T + PRINT_LAG_MS + 1)) == shares(5)


def test_what_joins_stands_behind() -> None:
    queue = place(100)
    queue.level_is(shares(1_000), T)
    assert queue.ahead == shares(100)


@pytest.mark.parametrize("model", list(QueueModel))
@pytest.mark.parametrize("book_first", [True, False])
def test_trade_and_its_decrease_count_once_in_either_order(model: QueueModel, *, book_first: bool) -> None:
    queue = place(100, model=model)
    if book_first:
        queue.level_is(shares(70), T)
        assert queue.traded(shares(30), Ms(T + 200)) == 0
    else:
        assert queue.traded(shares(30), T) == 0
        queue.level_is(shares(70), Ms(T + 200))
    assert queue.ahead == shares(70)


def test_trade_past_us_that_the_book_showed_first_reaches_us_by_the_excess() -> None:
    queue = place(10, behind=20)
    queue.level_is(shares(15), T)
    assert queue.traded(shares(15), T) == shares(5)


def test_decrease_older_than_a_trades_delay_is_no_part_of_it() -> None:
    queue = place(100)
    queue.level_is(shares(70), T)
    queue.traded(shares(30), Ms(T + PRINT_LAG_MS))
    assert queue.ahead == shares(70), "within the delay the decrease was the trade"
    queue = place(100)
    queue.level_is(shares(70), T)
    queue.traded(shares(30), Ms(T + PRINT_LAG_MS + 1))
    assert queue.ahead == shares(40), "beyond it these are other shares"


def test_probabilistic_decrease_splits_by_logarithms_and_rounds_against_the_queue() -> None:
    front, back, chg = 3 * SIZE_ONE, 15 * SIZE_ONE, 3 * SIZE_ONE
    prob = math.log(16) / (math.log(16) + math.log(4))
    assert front_loss(chg, front=front, back=back) == pytest.approx((1 - prob) * chg, abs=2)
    queue = place(3, behind=15, model=QueueModel.PROBABILISTIC)
    queue.level_is(shares(15), T)
    assert queue.ahead == front - front_loss(chg, front=front, back=back)


def test_probabilistic_front_loses_what_the_back_is_too_small_for() -> None:
    assert front_loss(shares(6), front=shares(5), back=shares(1)) >= shares(5)
    assert front_loss(shares(5), front=shares(9), back=Size(0)) == shares(5)
    assert front_loss(shares(5), front=Size(0), back=Size(0)) == 0


@pytest.mark.parametrize("size", [0, 1, 999_999, 1_000_000, 7_000_000, 31_045_290_000_000])
def test_log_of_is_the_logarithm_to_a_millionth(size: int) -> None:
    assert log_of(size) / (1 << 24) == pytest.approx(math.log2(1 + size / SIZE_ONE), abs=1e-5)


@pytest.mark.parametrize("seed", range(40))
def test_conservative_never_stands_before_the_true_place_nor_the_upper_bound_behind_it(seed: int) -> None:
    """A true queue of single orders, of which the models see totals and trades, the book first or after."""
    chance = random.Random(seed)
    orders = [chance.randint(1, 40) for _ in range(chance.randint(0, 6))]
    truth = [(size, False) for size in orders]
    queue = ShadowQueue(shares(sum(orders)))
    reached = true_reached = 0
    at_ms = T
    for _ in range(60):
        at_ms = Ms(at_ms + chance.choice([0, 1, 50, 3_000]))
        ahead = sum(size for size, behind in truth if not behind)
        act = chance.random()
        if act < 0.4:
            truth.append((chance.randint(1, 40), True))
            queue.level_is(shares(sum(size for size, _ in truth)), at_ms)
        elif act < 0.6 and truth:
            truth.pop(chance.randrange(len(truth)))
            queue.level_is(shares(sum(size for size, _ in truth)), at_ms)
        elif truth:
            size = chance.randint(1, sum(size for size, _ in truth))
            true_reached += max(size - ahead, 0)
            left, after = size, []
            for resting, behind in truth:
                gone = min(left, resting)
                left -= gone
                if resting > gone:
                    after.append((resting - gone, behind))
            truth = after
            book_first = chance.random() < 0.5
            if book_first:
                queue.level_is(shares(sum(size for size, _ in truth)), at_ms)
            got, upper = queue.traded(shares(size), at_ms)
            if not book_first:
                queue.level_is(shares(sum(size for size, _ in truth)), at_ms)
            assert upper >= got, f"seed {seed}"
            reached += got
        ahead = sum(size for size, behind in truth if not behind)
        assert queue.conservative.ahead >= shares(ahead), f"seed {seed}"
        assert queue.upper.ahead <= queue.conservative.ahead, f"seed {seed}"
        assert reached <= shares(true_reached), f"seed {seed}: nothing reaches us before its turn"

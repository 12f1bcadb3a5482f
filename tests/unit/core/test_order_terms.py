"""What is refused of a single order before it is signed: every rule at its boundary, with words."""

from dataclasses import replace

import pytest

from engine.core.order_terms import OrderTerms, form_problem, order_problem
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.refusal import RefusalKind
from engine.domain.units import Ms, Price, Size

NOW_S = 1_790_000_000
GTC, GTD, FAK, FOK = TimeInForce.GTC, TimeInForce.GTD, TimeInForce.FAK, TimeInForce.FOK
BUY = OrderTerms(
    side=Side.BUY,
    price=Price(5200),
    size=Size(10_000_000),
    tick=Price(100),
    time_in_force=GTC,
    post_only=False,
    expiration_s=0,
)
SELL = replace(BUY, side=Side.SELL)
K = RefusalKind


def problem_of(terms: OrderTerms, touch: int | None = None) -> RefusalKind | None:
    best = None if touch is None else Price(touch)
    told = order_problem(terms, min_size=Size(5_000_000), venue_ms=Ms(NOW_S * 1000), touch=best)
    if told is not None:
        assert told.text.startswith("expected"), told.text
    return told.kind if told else None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, None),
        ({"tick": Price(30)}, K.OFF_GRID),
        ({"price": Price(5250)}, K.OFF_GRID),
        ({"price": Price(0)}, K.OFF_GRID),
        ({"price": Price(-100)}, K.OFF_GRID),
        ({"price": Price(100), "size": Size(100_000_000)}, None),
        ({"price": Price(9900)}, None),
        ({"price": Price(10_000)}, K.OFF_GRID),
        ({"price": Price(9950), "tick": Price(50)}, None),
        ({"price": Price(9975), "tick": Price(25)}, None),
        ({"size": Size(0)}, K.SIZE_STEP),
        ({"size": Size(-10_000)}, K.SIZE_STEP),
        ({"size": Size(10_005_000)}, K.SIZE_STEP),
        ({"size": Size(5_000_000)}, None),
        ({"size": Size(4_990_000)}, K.MIN_SIZE),
        ({"price": Price(1000), "size": Size(9_990_000)}, K.MIN_SIZE),
        ({"price": Price(1000), "size": Size(10_000_000)}, None),
        ({"price": Price(1000), "size": Size(9_990_000), "post_only": True}, None),
        ({"price": Price(1000), "size": Size(9_990_000), "side": Side.SELL}, None),
        ({"expiration_s": NOW_S + 220}, K.EXPIRATION),
        ({"time_in_force": GTD}, K.EXPIRATION),
        ({"time_in_force": GTD, "expiration_s": NOW_S + 180}, None),
        ({"time_in_force": GTD, "expiration_s": NOW_S + 179}, K.EXPIRATION),
        ({"time_in_force": FAK, "expiration_s": NOW_S + 180}, K.EXPIRATION),
        ({"time_in_force": FAK, "post_only": True}, K.POST_ONLY),
        ({"time_in_force": FOK, "post_only": True}, K.POST_ONLY),
    ],
)
def test_rule_at_its_boundary(changes, kind):
    assert problem_of(replace(BUY, **changes)) is kind


@pytest.mark.parametrize("kind", [FAK, FOK])
@pytest.mark.parametrize(
    ("side", "tick", "price", "size", "wanted"),
    [
        (Side.BUY, 100, 5200, 10_000_000, None),
        (Side.BUY, 100, 5200, 10_250_000, None),
        (Side.BUY, 100, 5200, 10_010_000, K.PRECISION),
        (Side.BUY, 10, 5210, 10_000_000, None),
        (Side.BUY, 10, 5210, 10_100_000, K.PRECISION),
        (Side.SELL, 100, 5200, 10_010_000, None),
        (Side.SELL, 10, 5210, 10_100_000, None),
        (Side.SELL, 10, 5210, 10_010_000, K.PRECISION),
        (Side.SELL, 1, 5211, 10_000_000, None),
        (Side.SELL, 1, 5211, 10_010_000, K.PRECISION),
    ],
)
def test_amounts_of_an_order_that_never_rests_have_few_decimals(kind, side, tick, price, size, wanted):  # noqa: PLR0917 - a row
    terms = replace(BUY, side=side, tick=Price(tick), price=Price(price), size=Size(size), time_in_force=kind)

    assert problem_of(terms) is wanted
    assert problem_of(replace(terms, time_in_force=GTC)) is None


@pytest.mark.parametrize(
    ("terms", "touch", "kind"),
    [
        (BUY, 5300, None),
        (BUY, 5200, K.POST_ONLY),
        (BUY, 5100, K.POST_ONLY),
        (BUY, None, None),
        (SELL, 5100, None),
        (SELL, 5200, K.POST_ONLY),
        (SELL, 5300, K.POST_ONLY),
    ],
)
def test_post_only_order_must_not_reach_the_other_side(terms, touch, kind):
    assert problem_of(replace(terms, post_only=True), touch) is kind
    assert problem_of(terms, touch) is None


def test_form_alone_knows_neither_minimum_nor_time():
    assert form_problem(replace(BUY, size=Size(10_000))) is None
    assert form_problem(replace(BUY, time_in_force=GTD, expiration_s=1)) is None

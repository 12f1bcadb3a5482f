"""One order in words: defaults by side, other venues' names, sentences for what cannot be read."""

from dataclasses import replace

import pytest

from bot.order_words import OrderWords, order_of, words_of
from engine.domain.order import TimeInForce
from engine.domain.units import Ms, Price, Size

WORDS = OrderWords(
    token="",
    event="fed5",
    outcome="No change",
    no=False,
    side="buy",
    price="0.31",
    size="10",
    type="",
    rest=False,
    lasts_s=0,
)


def test_words_become_the_command_and_survive_the_wire() -> None:
    assert words_of(WORDS.as_json()) == WORDS
    command = order_of(WORDS)

    assert (command.price, command.size) == (Price(3_100), Size(10_000_000))
    assert (command.outcome.code, command.outcome.name, command.outcome.token_id) == (
        "fed5",
        "No change",
        None,
    )


@pytest.mark.parametrize(
    ("side", "kind", "rest", "lasts_s", "expected"),
    [
        ("BUY", "", False, 0, TimeInForce.GTD),
        ("SELL", "", False, 0, TimeInForce.FAK),
        ("SELL", "ioc", False, 0, TimeInForce.FAK),
        ("SELL", "FOK", False, 0, TimeInForce.FOK),
        ("BUY", "", True, 0, TimeInForce.GTC),
        ("BUY", "", True, 3_600, TimeInForce.GTD),
    ],
)
def test_the_type_follows_from_side_and_rest_unless_told(
    side: str, kind: str, rest: bool, lasts_s: int, expected: TimeInForce
) -> None:
    command = order_of(replace(WORDS, side=side, type=kind, rest=rest, lasts_s=lasts_s))

    assert command.time_in_force is expected
    assert command.lasts_ms == Ms(lasts_s * 1_000)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"event": ""}, "both or neither"),
        ({"token": "12"}, "both or neither"),
        ({"side": "HOLD"}, "BUY or SELL"),
        ({"price": "1.5"}, "between 0 and 1"),
        ({"size": "ten"}, "plain decimal"),
        ({"type": "GTX"}, "one of GTC"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(changed: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        order_of(replace(WORDS, **changed))  # type: ignore[arg-type]

"""Ids that people read and type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.ids import TICKET_ALPHABET, event_code, ticket_id


@given(st.integers(0, 2**80))
def test_ticket_id_is_six_unmistakable_letters(entropy):
    name = ticket_id(entropy)

    assert name.startswith("T-")
    assert len(name) == 8
    assert set(name[2:]) <= set(TICKET_ALPHABET)


def test_ticket_alphabet_has_no_letter_that_sounds_or_looks_like_a_digit():
    assert not set(TICKET_ALPHABET) & set("01ILO")
    assert len(set(TICKET_ALPHABET)) == len(TICKET_ALPHABET)


@given(st.integers(0, len(TICKET_ALPHABET) ** 6 - 1), st.integers(0, len(TICKET_ALPHABET) ** 6 - 1))
def test_ticket_id_of_different_entropy_within_its_space_differs(one, other):
    assert (ticket_id(one) == ticket_id(other)) is (one == other)


def test_ticket_id_of_negative_entropy_is_an_error_of_ours():
    with pytest.raises(AssertionError, match="non-negative"):
        ticket_id(-1)


@pytest.mark.parametrize(
    ("slug", "outcomes", "code"),
    [
        ("fed-decision-in-december", 5, "fed5"),
        ("btc-above-100k", 1, "btc"),
        ("FED-decision", 4, "fed4"),
        ("--odd--slug", 2, "odd2"),
        ("", 3, "event3"),
        ("süd-west", 2, "west2"),
        ("averyveryverylongword-x", 2, "averyveryv2"),
    ],
)
def test_event_code_is_short_and_typable(slug, outcomes, code):
    assert event_code(slug, outcomes, frozenset()) == code


def test_event_code_already_taken_gets_a_letter():
    assert event_code("fed-june", 5, {"fed5"}) == "fed5b"
    assert event_code("fed-june", 5, {"fed5", "fed5b"}) == "fed5c"


def test_event_code_with_every_letter_taken_is_refused_in_words():
    taken = {"fed5", *(f"fed5{chr(letter)}" for letter in range(ord("b"), ord("z") + 1))}

    with pytest.raises(ValueError, match="free code"):
        event_code("fed-june", 5, taken)


@given(st.text(max_size=60), st.integers(1, 40))
def test_event_code_of_any_slug_is_ascii_and_bounded(slug, outcomes):
    code = event_code(slug, outcomes, frozenset())

    assert code.isascii()
    assert code.isalnum()
    assert len(code) <= 12

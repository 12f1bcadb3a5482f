from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.market import Side
from engine.venue.strict_json import OddAnswer, condition_id, decode, order_id, scaled_number, side, token_id


class Shape(msgspec.Struct):
    n: Decimal


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"n":true}',
        b'{"n":NaN}',
        b'{"n":1',
        b'{"n":1}}',
        b'{"n":"\xff"}',
        b'{"n":1,"m":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_decode_has_one_error_for_everything_odd(raw):
    with pytest.raises(OddAnswer):
        decode(raw, Shape)


@pytest.mark.parametrize(
    ("text", "decimals", "scaled"),
    [
        ("0.001", 4, 10),
        ("1e-3", 4, 10),
        ("5", 6, 5_000_000),
        ("0.05", 6, 50_000),
        ("0", 4, 0),
        ("0.0010", 4, 10),
        ("1.0", 0, 1),
    ],
)
def test_numbers_are_read_exactly(text, decimals, scaled):
    assert scaled_number(decode(f'{{"n":{text}}}'.encode(), Shape).n, decimals) == scaled


@pytest.mark.parametrize("text", ["0.00001", "1.5e-9", "-1", "-0.0", "1e999999999", '"NaN"', '"Infinity"'])
def test_numbers_that_do_not_fit_are_refused(text):
    with pytest.raises(OddAnswer):
        scaled_number(decode(f'{{"n":{text}}}'.encode(), Shape).n, 4)


@given(st.integers(0, 10**12), st.integers(0, 6))
def test_scaled_number_undoes_scaling(value, decimals):
    assert scaled_number(Decimal(value).scaleb(-decimals), decimals) == value


def test_ids_are_lower_case_words():
    assert order_id("0x" + "AB" * 32) == "0x" + "ab" * 32
    assert condition_id("0x" + "12" * 32) == "0x" + "12" * 32


@pytest.mark.parametrize("bad", ["", "0x12", "ab" * 32, "0x" + "zz" * 32, "0x" + "ab" * 33])
def test_ids_of_another_shape_are_refused(bad):
    for reader in (order_id, condition_id):
        with pytest.raises(OddAnswer):
            reader(bad)


def test_token_id_is_a_plain_256_bit_number():
    assert token_id(str(2**256 - 1)) == str(2**256 - 1)


@pytest.mark.parametrize("bad", ["", "-1", "0x12", "1.0", "007", "١٢", str(2**256), "9" * 5000])
def test_other_token_ids_are_refused(bad):
    with pytest.raises(OddAnswer):
        token_id(bad)


def test_side_knows_two_words():
    assert (side("BUY"), side("SELL")) == (Side.BUY, Side.SELL)
    with pytest.raises(OddAnswer):
        side("buy")

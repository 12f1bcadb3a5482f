import pytest

from bot.local.standin.refusal import Params, Refusal, bad_request, forbidden, too_many_requests


@pytest.mark.parametrize(
    ("refusal", "body"),
    [
        (
            bad_request("chat not found"),
            {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"},
        ),
        (
            forbidden("bot was blocked by the user"),
            {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"},
        ),
        (
            too_many_requests(7),
            {
                "ok": False,
                "error_code": 429,
                "description": "Too Many Requests: retry after 7",
                "parameters": {"retry_after": 7},
            },
        ),
        (Refusal(404, "Not Found"), {"ok": False, "error_code": 404, "description": "Not Found"}),
    ],
)
def test_refusal_has_the_bot_apis_body(refusal, body):
    assert refusal.to_json() == body


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("123", 123),
        (" 123 ", 123),
        ("-100123", -100123),
        (123, 123),
        (123.0, 123),
        ("", 9),
        ("12a", 9),
        ("٣", 9),
        ("1" * 30, 9),
        (True, 9),
        (None, 9),
        ({}, 9),
        ([1], 9),
    ],
)
def test_params_integer_reads_numbers_and_forgives_the_rest(sent, number):
    assert Params({"n": sent}).integer("n", 9) == number


@pytest.mark.parametrize(
    ("sent", "yes"),
    [
        (True, True),
        ("true", True),
        ("True", True),
        ("1", True),
        ("yes", True),
        (1, True),
        (False, False),
        ("false", False),
        ("0", False),
        ("", False),
        (None, False),
        (0, False),
    ],
)
def test_params_flag_reads_forms_and_json_alike(sent, yes):
    assert Params({"f": sent}).flag("f") is yes


@pytest.mark.parametrize(
    ("sent", "text"), [("x", "x"), (5, "5"), (None, ""), (True, "true"), ({"a": 1}, '{"a": 1}')]
)
def test_params_text_is_always_a_text(sent, text):
    assert Params({"t": sent}).text("t") == text


@pytest.mark.parametrize(
    ("sent", "value"),
    [('{"a":[1]}', {"a": [1]}), ({"a": [1]}, {"a": [1]}), ("[]", []), ("", None), (None, None), ("5", 5)],
)
def test_params_nested_values_may_come_as_json_texts(sent, value):
    assert Params({"v": sent}).nested("v", "thing") == value


def test_params_nested_broken_json_is_refused_by_name():
    with pytest.raises(Refusal) as refused:
        Params({"v": "{"}).nested("v", "reply keyboard markup")

    assert refused.value.description == "Bad Request: can't parse reply keyboard markup JSON object"


def test_params_absent_ones_read_as_nothing():
    params = Params({})

    assert (params.text("x"), params.flag("x"), params.integer("x", 3), params.nested("x", "x")) == (
        "",
        False,
        3,
        None,
    )
    assert not params.has("x")


def test_params_null_is_absent():
    assert not Params({"x": None}).has("x")
    assert Params({"x": ""}).has("x")

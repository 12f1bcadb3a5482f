import pytest

from bot.wire import JsonObject, ShapeError, as_list, as_object, read_bool, read_int, read_str


def test_wire_values_of_the_right_shape_pass_unchanged():
    fields: JsonObject = {"t": "x", "n": 5, "b": True}

    assert as_object(fields, "it") is fields
    assert as_list([1], "it") == [1]
    assert (read_str(fields, "t"), read_int(fields, "n"), read_bool(fields, "b")) == ("x", 5, True)


@pytest.mark.parametrize("value", [None, 5, "x", [], True, 1.5])
def test_wire_anything_but_an_object_is_refused_by_name(value):
    with pytest.raises(ShapeError, match=f"expected a button to be an object, was {type(value).__name__}"):
        as_object(value, "a button")


@pytest.mark.parametrize("value", [None, 5, "x", {}, True])
def test_wire_anything_but_a_list_is_refused_by_name(value):
    with pytest.raises(ShapeError, match="expected rows to be a list"):
        as_list(value, "rows")


@pytest.mark.parametrize("value", [None, 5, [], {}, True])
def test_wire_anything_but_a_text_is_refused_by_name(value):
    with pytest.raises(ShapeError, match="expected 'text' to be a text"):
        read_str({"text": value}, "text")


@pytest.mark.parametrize("value", [None, "5", 5.0, [], True])
def test_wire_anything_but_an_integer_is_refused_by_name(value):
    with pytest.raises(ShapeError, match="expected 'seq' to be an integer"):
        read_int({"seq": value}, "seq")


@pytest.mark.parametrize("value", [None, "true", 1, []])
def test_wire_anything_but_true_or_false_is_refused_by_name(value):
    with pytest.raises(ShapeError, match="expected 'loud' to be true or false"):
        read_bool({"loud": value}, "loud")


def test_wire_defaults_stand_in_for_absent_fields():
    assert (read_str({}, "t", "d"), read_int({}, "n", 3), read_bool({}, "b", default=True)) == ("d", 3, True)
    assert read_bool({}, "b") is False


def test_wire_absent_field_without_default_is_refused():
    with pytest.raises(ShapeError, match="NoneType"):
        read_int({}, "seq")

"""A hypothesis strategy for any frozen dataclass of the domain, every field over its whole range."""

import types
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, NewType, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from engine.domain.fees import EXPONENT_MAX, RATE_ONE, FeeCurve

INT64 = st.integers(-(2**63), 2**63 - 1)
CLEAN = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
WILD = st.text(max_size=30)
"""Lone surrogates included: a stranger's JSON can carry them."""
_CURVES = st.builds(FeeCurve, rate=st.integers(0, RATE_ONE), exponent=st.integers(0, EXPONENT_MAX))


def shapes(hint: Any, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Draw values of a type as the domain writes types: dataclasses, enums, new types, tuples, unions."""
    if isinstance(hint, NewType):
        return shapes(hint.__supertype__, texts)
    if hint is FeeCurve:
        return _CURVES
    if is_dataclass(hint) and isinstance(hint, type):
        fields = get_type_hints(hint)
        return st.builds(hint, **{name: shapes(field, texts) for name, field in fields.items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if get_origin(hint) is tuple:
        return st.lists(shapes(get_args(hint)[0], texts), max_size=3).map(tuple)
    if get_origin(hint) is types.UnionType:
        return st.one_of([shapes(option, texts) for option in get_args(hint)])
    leaves: dict[Any, st.SearchStrategy[Any]] = {
        int: INT64,
        str: texts,
        bool: st.booleans(),
        types.NoneType: st.none(),
    }
    return leaves[hint]

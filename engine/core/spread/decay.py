"""Halving, in integers: what is left of a weight after some time, or of an intensity at some distance.

The series of the exponential function in fixed point; no table, so a millisecond of a long half-life is not
lost. Knows neither time nor prices.
"""

DECAY_ONE = 10**18
"""Everything is left."""
_LN2 = 693_147_180_559_945_309
"""The natural logarithm of 2 in units of 1e-18."""
_GONE = 64
"""After so many halvings less than one unit of 1e-18 is left."""


def decay(passed: int, half: int) -> int:
    """Return 2 ** -(passed / half) in 1e-18: 1 at 0, a half at `half`, exactly; falls with `passed`."""
    assert passed >= 0, f"expected a time or distance that passed, was {passed}"
    assert half > 0, f"expected a positive half-life, was {half}"
    halvings, rest = divmod(passed, half)
    if halvings >= _GONE:
        return 0
    exponent = _LN2 * rest // half
    term = growth = DECAY_ONE
    step = 1
    while term:
        term = term * exponent // (step * DECAY_ONE)
        growth += term
        step += 1
    return (DECAY_ONE * DECAY_ONE // growth) >> halvings

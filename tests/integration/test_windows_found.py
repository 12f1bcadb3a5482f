"""Minutes of `tests.campaigns.windows_found`: no window of the exchange is lost without a word."""

import pytest

from tests.campaigns.windows_found import hour


@pytest.mark.parametrize(("seed", "refuse_every_s"), [(1, 0), (2, 0), (3, 30)])
def test_every_window_is_sent_or_explained(seed: int, refuse_every_s: int) -> None:
    result = hour(150, seed, refuse_every_s)

    assert result.broken == [], f"seed {seed}: {result.text}"
    assert "0 plans sent" not in result.text.split("\n")[-2], f"seed {seed}: {result.text}"

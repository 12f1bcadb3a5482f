"""A slice of `tests.campaigns.random_orders`: what is sent is taken, what is not has a reason."""

from engine.domain.refusal import RefusalKind
from tests.campaigns.random_orders import KINDS, RandomOrders

SEED = 20_261_122
REASONS = {
    RefusalKind.OFF_GRID,
    RefusalKind.SIZE_STEP,
    RefusalKind.PRECISION,
    RefusalKind.EXPIRATION,
    RefusalKind.POST_ONLY,
    RefusalKind.MIN_SIZE,
}


def test_every_sendable_order_is_taken_and_every_other_has_a_reason():
    tally = RandomOrders(SEED).run(3_000)

    assert tally.faults == []
    assert {kind.value for kind in REASONS} == set(tally.refused)
    assert {name.split()[0] for name in tally.sent} == {kind.value for kind in KINDS}
    assert tally.sent.total() > 900
    assert tally.matches > 5_000

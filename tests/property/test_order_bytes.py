"""A slice of `tests.campaigns.order_bytes`: ids, signatures and bytes equal both official clients'."""

from random import Random

import pytest

from engine.venue.signing import Exchange, SignatureType, exchange_for
from tests.campaigns.order_bytes import OrderBytes

SEED = 20261122


@pytest.mark.parametrize("kind", SignatureType)
async def test_bytes_equal_the_unmodified_clients(kind):
    campaign = OrderBytes(SEED)

    await campaign.run(60, kind)

    tally = campaign.tally
    assert tally.differences == []
    assert tally.orders.total() == tally.second == 60
    assert {name.split(",")[0] for name in tally.orders} == {domain.name for domain in Exchange}


def test_position_id_is_signed_for_v3_as_the_unified_client_does():
    from polymarket._internal.protocol import is_v2_position_id

    random = Random(SEED)
    tokens = [random.getrandbits(256) & ~(((1 << 64) - 1) << 40) for _ in range(50)]
    tokens += [random.getrandbits(256) for _ in range(200)]
    tokens += [1 << bit for bit in range(256)]

    for token in tokens:
        ours = exchange_for(token, neg_risk=True) is Exchange.V3
        assert ours == is_v2_position_id(str(token)), f"seed {SEED}, token {token}"

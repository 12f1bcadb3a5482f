"""Every order the desk remembers, with the few that are not finished kept apart. Decides nothing.

There are rows for years: what is asked with every event goes through the unfinished ones only.
"""

from collections.abc import Iterator, MutableMapping

from engine.domain.ids import OrderId
from engine.domain.order import OrderRecord


class KnownOrders(MutableMapping[OrderId, OrderRecord]):
    """Orders by id. Whatever is written counts as unfinished until `finish` says otherwise."""

    __slots__ = ("_records", "_unfinished")

    def __init__(self) -> None:
        """Begin with none."""
        self._records: dict[OrderId, OrderRecord] = {}
        self._unfinished: dict[OrderId, None] = {}

    def __getitem__(self, order_id: OrderId) -> OrderRecord:
        """Return the newest record of an order."""
        return self._records[order_id]

    def __setitem__(self, order_id: OrderId, record: OrderRecord) -> None:
        """Keep a record in place of the one before."""
        self._records[order_id] = record
        self._unfinished[order_id] = None

    def __delitem__(self, order_id: OrderId) -> None:
        """Refuse: what was sent once may come back as long as this process lives."""
        raise AssertionError(f"expected no order to be forgotten, was {order_id}")

    def __iter__(self) -> Iterator[OrderId]:
        """Go through all ids, in the order in which they came."""
        return iter(self._records)

    def __len__(self) -> int:
        """Count all."""
        return len(self._records)

    def unfinished(self) -> tuple[OrderRecord, ...]:
        """Return the orders of which more may be learned, in the order in which they became so."""
        return tuple(self._records[order_id] for order_id in self._unfinished)

    def finish(self, order_id: OrderId) -> None:
        """Take an order for told in full; anything new about it takes this back."""
        self._unfinished.pop(order_id, None)

    def reopen(self, order_id: OrderId) -> None:
        """Take back that an order is told in full; an unknown id is none of ours."""
        if order_id in self._records:
            self._unfinished[order_id] = None

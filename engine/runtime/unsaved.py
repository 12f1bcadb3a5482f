"""What the ledger refused and must hold all the same: kept until it can be written."""

from collections import deque
from dataclasses import dataclass, field

from engine.domain.effects import SaveProgress
from engine.domain.ids import OrderId, TradeId
from engine.domain.order import Fill, OrderRecord
from engine.ports import RequestMade, Store, StoreError

REQUESTS_MAX = 10_000
"""Rows of the exec audit kept at most: hours of cancels and reads on a full disk, a few MB of memory."""


@dataclass(slots=True)
class Unsaved:
    """What the core knows and the ledger does not; bounded: of orders and fills only the newest is kept."""

    _orders: dict[OrderId, OrderRecord] = field(default_factory=dict)
    _fills: dict[tuple[TradeId, OrderId], Fill] = field(default_factory=dict)
    _requests: deque[RequestMade] = field(default_factory=deque)

    def keep(self, progress: SaveProgress) -> None:
        """Keep what was not written."""
        self._orders |= {order.order_id: order for order in progress.orders}
        self._fills |= {(fill.trade_id, fill.order_id): fill for fill in progress.fills}

    def keep_request(self, request: RequestMade) -> None:
        """Keep a row of the exec audit; what is more than can be kept stands in the log alone."""
        if len(self._requests) < REQUESTS_MAX:
            self._requests.append(request)

    def supersede(self, progress: SaveProgress) -> None:
        """Forget what has been written newer meanwhile."""
        for order in progress.orders:
            self._orders.pop(order.order_id, None)
        for fill in progress.fills:
            self._fills.pop((fill.trade_id, fill.order_id), None)

    async def catch_up(self, store: Store) -> None:
        """Write it before anything newer is; while the ledger still refuses it is kept.

        That it refuses was told when it first did, and a halt stands since then.
        """
        if not self._orders and not self._fills and not self._requests:
            return
        try:
            if self._orders or self._fills:
                await store.save_progress(tuple(self._orders.values()), tuple(self._fills.values()))
                self._orders.clear()
                self._fills.clear()
            while self._requests:
                await store.append_request(self._requests[0])
                self._requests.popleft()
        except StoreError:
            return

"""Progress that the ledger refused: kept, the newest of each order and fill, until it can be written."""

from dataclasses import dataclass, field

from engine.domain.effects import SaveProgress
from engine.domain.ids import OrderId, TradeId
from engine.domain.order import Fill, OrderRecord
from engine.ports import Store, StoreError


@dataclass(slots=True)
class Unsaved:
    """What the core knows and the ledger does not; of each only the newest, so it cannot grow without end."""

    _orders: dict[OrderId, OrderRecord] = field(default_factory=dict)
    _fills: dict[tuple[TradeId, OrderId], Fill] = field(default_factory=dict)

    def keep(self, progress: SaveProgress) -> None:
        """Keep what was not written."""
        self._orders |= {order.order_id: order for order in progress.orders}
        self._fills |= {(fill.trade_id, fill.order_id): fill for fill in progress.fills}

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
        if not self._orders and not self._fills:
            return
        try:
            await store.save_progress(tuple(self._orders.values()), tuple(self._fills.values()))
        except StoreError:
            return
        self._orders.clear()
        self._fills.clear()

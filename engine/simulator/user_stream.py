"""The user channel: an account's own orders and trades (protocol 6). No snapshot, no replay."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from engine.domain.units import Ms
from engine.simulator import answers
from engine.simulator.auth import KeyRing
from engine.simulator.bank import Account
from engine.simulator.event_faults import EventFaults, words_of
from engine.simulator.facts import OrderChanged, TradeMoved
from engine.simulator.faults import FaultDirector
from engine.simulator.market import MarketSpec
from engine.simulator.sockets import Socket


@dataclass(slots=True)
class _Listener:
    """An authenticated connection; no markets means all of them."""

    holder: str
    markets: set[str]

    def wants(self, holder: str, market: str) -> bool:
        return holder == self.holder and (not self.markets or market in self.markets)


class UserStream:
    """Authenticated connections and the events of their accounts."""

    def __init__(
        self,
        keys: KeyRing,
        accounts: Mapping[str, Account],
        markets: Mapping[str, MarketSpec],
        faults: FaultDirector,
    ) -> None:
        self.tells_takers = True
        """Whether a taker hears of its own fills as trade events; makers always do."""
        self.faults = EventFaults(faults)
        self._keys = keys
        self._accounts = accounts
        self._markets = markets
        self._listeners: dict[Socket, _Listener] = {}

    @property
    def listeners(self) -> int:
        """Return how many connections are authenticated."""
        return len(self._listeners)

    def on_frame(self, socket: Socket, frame: object) -> bool:
        """Authenticate with the first frame, change markets with later ones; False closes."""
        if not isinstance(frame, dict):
            return False
        markets = frame.get("markets")
        named = {name for name in markets if isinstance(name, str)} if isinstance(markets, list) else set()
        listener = self._listeners.get(socket)
        if listener is None:
            holder = self._holder(frame.get("auth"))
            if frame.get("type") != "user" or holder is None:
                return False
            self._listeners[socket] = _Listener(holder, named)
            return True
        match frame.get("operation"):
            case "subscribe":
                listener.markets |= named
            case "unsubscribe":
                listener.markets -= named
            case _:
                return False
        return True

    def forget(self, socket: Socket) -> None:
        """Drop a closed connection."""
        self._listeners.pop(socket, None)

    def order_changed(self, fact: OrderChanged) -> None:
        """Send an order event to its account."""
        account = self._accounts[fact.terms.account_id]
        market = self._markets[fact.terms.condition_id]
        self._send(account, market, answers.order_event(fact, market, account), fact.at_ms)

    def trade_moved(self, fact: TradeMoved) -> None:
        """Send a trade event to everybody who took part, maker or taker, once for each account."""
        market = self._markets[fact.trade.condition_id]
        taker = fact.trade.takers[0].account_id
        for account_id in sorted(fact.trade.account_ids):
            account = self._accounts[account_id]
            if not account.insider and (account_id != taker or self.tells_takers):
                event = answers.trade_event(fact, market, self._accounts, as_maker=account_id != taker)
                self._send(account, market, event, fact.at_ms)

    def _holder(self, proof: object) -> str | None:
        if not isinstance(proof, dict):
            return None
        parts = [proof.get(name) for name in ("apiKey", "secret", "passphrase")]
        if not all(isinstance(part, str) for part in parts):
            return None
        key = self._keys.check_frame(*(str(part) for part in parts))
        return None if key is None else key.address

    def _send(self, account: Account, market: MarketSpec, event: answers.Json, at_ms: Ms) -> None:
        text = json.dumps(event, separators=(",", ":"))
        receivers = [
            socket
            for socket, listener in self._listeners.items()
            if listener.wants(account.holder, market.condition_id)
        ]
        self.faults.deliver(receivers, account.holder, text, words_of(event), at_ms)

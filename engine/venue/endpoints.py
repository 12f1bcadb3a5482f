"""Where the venue is and what it allows: hosts, chain, contracts, sizes of requests. Facts only, no I/O.

Sources: the environment of `polymarket-client` 0.14.0 and docs.polymarket.com, read 2026-11-22 (protocol 2
and 9.5).
"""

from dataclasses import dataclass
from typing import Self

CHAIN_ID = 137
"""Polygon."""

STANDARD_EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
"""Takes orders whose token id is a Protocol-V2 position id."""

ORDERS_PER_POST = 15
"""Most orders in one POST /orders (documented, and checked by the official client)."""
CANCELS_PER_REQUEST = 100
"""Ids in one DELETE /orders: the venue takes more, but a standard account's burst admits about this many."""
BOOKS_PER_POST = 500
"""Most tokens in one POST /books; one more is refused."""
EVENTS_PER_PAGE = 100
"""Most events on one page of /events/keyset."""

CONNECT_TIMEOUT_S = 2.0
"""Longest wait for a connection (reliability E11)."""
REQUEST_TIMEOUT_S = 5.0
"""Longest wait for a whole answer unless the settings say otherwise (reliability E11)."""


@dataclass(frozen=True, slots=True)
class VenueHosts:
    """Every address the desk may talk to: origins without a trailing slash, sockets with their path."""

    clob: str
    gamma: str
    data: str
    relayer: str
    rpc: str
    market_ws: str
    user_ws: str

    @classmethod
    def loopback(cls, http: str, ws: str) -> Self:
        """Return hosts that all live on one local exchange, e.g. `http://127.0.0.1:9001`, `ws://127.0.0.1:9001`."""
        http, ws = http.rstrip("/"), ws.rstrip("/")
        return cls(
            clob=http,
            gamma=http,
            data=http,
            relayer=http,
            rpc=f"{http}/rpc",
            market_ws=f"{ws}/ws/market",
            user_ws=f"{ws}/ws/user",
        )


PRODUCTION = VenueHosts(
    clob="https://clob.polymarket.com",
    gamma="https://gamma-api.polymarket.com",
    data="https://data-api.polymarket.com",
    relayer="https://relayer-v2.polymarket.com",
    rpc="https://polygon.drpc.org",
    market_ws="wss://ws-subscriptions-clob.polymarket.com/ws/market",
    user_ws="wss://ws-subscriptions-clob.polymarket.com/ws/user",
)
"""The real venue, as `polymarket-client` 0.14.0 names it (read 2026-11-22)."""

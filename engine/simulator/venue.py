"""The whole state of the local exchange, and the one place where facts become books and frames."""

from collections import Counter
from typing import assert_never

from engine.clock import Clock
from engine.domain.units import Ms, Usdc
from engine.simulator.auth import ApiKey, KeyRing
from engine.simulator.book_faults import BookFaults
from engine.simulator.books import WireBook
from engine.simulator.catalogue import Catalogue, build_catalogue
from engine.simulator.chain import Chain
from engine.simulator.chances import Chances
from engine.simulator.conduct import Conduct
from engine.simulator.connections import ConnectionFaults, Connections
from engine.simulator.exchange import Exchange
from engine.simulator.facts import LevelSet, OrderChanged, Traded, TradeMoved
from engine.simulator.faults import FaultDirector, FaultKind
from engine.simulator.flow import Flow
from engine.simulator.gamma_lists import Gamma
from engine.simulator.heartbeats import Heartbeats, Lapse
from engine.simulator.ip_windows import IpWindows
from engine.simulator.market_stream import MarketStream
from engine.simulator.modes import Modes
from engine.simulator.order_entry import OrderEntry
from engine.simulator.orders import Order
from engine.simulator.other_hands import OtherHands
from engine.simulator.rate_limits import RateLimits
from engine.simulator.request_log import RequestLog
from engine.simulator.rewards import Rewards
from engine.simulator.user_stream import UserStream


class Venue:
    """Everything the HTTP and WebSocket edges act on. Owns no task and no socket."""

    def __init__(
        self,
        *,
        seed: int,
        clock: Clock,
        frames_per_s: int,
        confirm_delay_ms: int,
        start_balance: Usdc,
        wide: int = 0,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.catalogue: Catalogue = build_catalogue(seed, wide=wide)
        with_book = [market.spec for market in self.catalogue.markets if market.has_book]
        self.exchange = Exchange(with_book, id_seed=str(seed), confirm_delay_ms=confirm_delay_ms)
        self.keys = KeyRing(str(seed))
        self.conduct = Conduct()
        self.entry = OrderEntry(self.exchange, start_balance, self.conduct)
        self.modes = Modes()
        self.rates = RateLimits()
        self.ip_windows = IpWindows()
        self.heartbeats = Heartbeats(str(seed))
        self.faults = FaultDirector()
        self.log = RequestLog()
        self.calls: Counter[str] = Counter()
        self.gamma = Gamma(self.catalogue)
        self.books = {market.condition_id: WireBook(market, self.now_ms()) for market in with_book}
        self.connections = Connections()
        self.book_faults = BookFaults(self.faults, self.find_book)
        self._connection_faults = ConnectionFaults(self.faults, self.connections, self.find_book)
        self.market_stream = MarketStream(self.books, self.faults)
        self.user_stream = UserStream(
            self.keys, self.exchange.bank.accounts, self.exchange.markets, self.faults
        )
        self.flow = Flow(
            self.exchange, self.catalogue, seed=seed, frames_per_s=frames_per_s, now_ms=self.now_ms()
        )
        self.geoblocked = False
        self.country = "AQ"
        """Where the venue believes its callers are."""
        self.chain = Chain(self.exchange, id_seed=str(seed))
        self.rewards = Rewards(self.exchange, self.catalogue, self.now_ms())
        self.hands = OtherHands(self.exchange, seed=seed)
        self.publish()

    def meet(self, chances: Chances | None) -> None:
        """Let requests, user events and trades meet these seeded faults from now on; None ends them."""
        self.faults.chances = chances
        self.exchange.settlements.odds = None if chances is None else chances.odds

    def now_ms(self) -> Ms:
        """Return the venue's time."""
        return self.clock.now_ms()

    def find_book(self, token_id: str) -> tuple[WireBook, int] | None:
        """Return a token's book and its index in the market, or None where no book is kept."""
        found = self.exchange.tokens.get(token_id)
        return None if found is None else (self.books[found[0].condition_id], found[1])

    def open_orders_of(self, key: ApiKey) -> list[Order]:
        """Return the open orders of every account of a key's address."""
        accounts = self.entry.accounts_of(key)
        return [order for account in accounts for order in self.exchange.open_orders(account.id)]

    def fall_due(self) -> None:
        """Let what is due happen: samples of rewards, delays, expiry, settlement, cancels of silent keys."""
        now_ms = self.now_ms()
        self.rewards.advance(now_ms)
        self.exchange.settle(now_ms)
        self.chain.advance(now_ms)
        self.user_stream.faults.advance(now_ms)
        for key in self.heartbeats.silent(now_ms):
            ended = [
                order.terms.id
                for order in self.open_orders_of(key)
                if self.exchange.cancel(order.terms.id, order.terms.account_id, now_ms)
            ]
            self.heartbeats.lapses.append(Lapse(key.address, key.owner, now_ms, tuple(ended)))

    def advance(self) -> None:
        """Do what time brings: settlement, expiry, faults, order flow, windows; then publish."""
        now_ms = self.now_ms()
        self.fall_due()
        self.book_faults.advance()
        self._connection_faults.advance(now_ms)
        for burst, _ in self.faults.waiting({FaultKind.BURST}):
            self.connections.cork()
            self.flow.hurry(burst.asset_id, burst.amount)
            self.faults.fire(burst, f"{burst.amount} changes", now_ms)
        rushing = self.flow.rush(now_ms)
        self.flow.advance(now_ms)
        self.publish()
        if not rushing:
            self.connections.uncork()

    def publish(self) -> None:
        """Turn every new fact into book state and frames, in the order it happened."""
        self.exchange.balances.note(self.now_ms())
        for fact in self.exchange.take_facts():
            match fact:
                case LevelSet():
                    self.books[fact.condition_id].apply(fact)
                    if not fact.by_trade:
                        self.market_stream.level_changed(fact)
                case Traded():
                    last = fact.trades[-1].takers[-1]
                    self.books[fact.condition_id].traded(last.token_index, last.side, last.price, fact.at_ms)
                    self.market_stream.traded(fact)
                case OrderChanged():
                    self.user_stream.order_changed(fact)
                case TradeMoved():
                    self.user_stream.trade_moved(fact)
                case _:
                    assert_never(fact)

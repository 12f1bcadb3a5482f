"""Reads of the venue: started by effects, answered by events, one at a time where that is enough."""

import asyncio
import secrets
from collections.abc import Callable

from engine.clock import Clock
from engine.domain.chain_events import AllowancesRead
from engine.domain.effects import FetchBooks, LookUpOrder, ReadAccount, ReadAllowances
from engine.domain.events import (
    AccountRead,
    AccountReadFailed,
    BooksRead,
    BooksReadFailed,
    CatalogueFailed,
    CatalogueRead,
    Event,
    HistoryRefused,
    LookUpFailed,
    OrderLookedUp,
)
from engine.domain.failure import VenueFailure
from engine.domain.ids import OrderId
from engine.domain.units import Ms
from engine.metrics import Metrics
from engine.ports import MarketReads, Relayer, Store, StoreError
from engine.runtime.read_pacing import ReadGroup, ReadPacing
from engine.runtime.supervise import TaskSet

LOOK_UPS_AT_ONCE = 8
"""The venue allows hundreds of ledger reads in 10 s; a burst of unknown orders must not use them up."""


class Reads:
    """Starts reads; nothing here raises for what the venue or the network did."""

    def __init__(
        self,
        *,
        relayer: Relayer,
        market: MarketReads,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        tasks: TaskSet,
        post: Callable[[Event], None],
    ) -> None:
        self._relayer = relayer
        self._market = market
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._tasks = tasks
        self._post = post
        self._pacing = ReadPacing(clock)
        self._look_ups = asyncio.Semaphore(LOOK_UPS_AT_ONCE)
        self._looking: dict[OrderId, LookUpOrder | None] = {}
        """Orders being looked up, each with the look-up that waits behind it."""
        self._account_running = False
        self._account_next: ReadAccount | None = None
        self._catalogue_running = False
        self._catalogue_again = False

    def fetch_books(self, effect: FetchBooks) -> None:
        """Start reading books."""
        self._tasks.spawn("books", self._fetch_books(effect))

    async def _fetch_books(self, effect: FetchBooks) -> None:
        await self._pacing.turn(ReadGroup.BOOKS)
        asked_ms = self._clock.now_ms()
        outcome = await self._market.read_books(effect.tokens)
        now = self._clock.now_ms()
        if isinstance(outcome, VenueFailure):
            self._post(BooksReadFailed(now, effect.tokens, outcome.reason))
        else:
            self._post(BooksRead(now, asked_ms, effect.tokens, outcome))

    def look_up(self, effect: LookUpOrder) -> None:
        """Start looking one order up; one asked for meanwhile begins when this one ends."""
        if effect.order_id in self._looking:
            self._looking[effect.order_id] = effect
            return
        self._looking[effect.order_id] = None
        self._tasks.spawn("look-up", self._look_up_in_turn(effect))

    async def _look_up_in_turn(self, effect: LookUpOrder) -> None:
        try:
            await self._look_up(effect)
        finally:
            following = self._looking.pop(effect.order_id)
        if following is not None:
            self.look_up(following)

    async def _look_up(self, effect: LookUpOrder) -> None:
        async with self._look_ups:
            await self._pacing.turn(ReadGroup.LEDGER)
            asked_ms = self._clock.now_ms()
            found = await self._relayer.look_up(effect.order_id, effect.condition_id, effect.since_ms)
        now = self._clock.now_ms()
        if isinstance(found, VenueFailure):
            self._post(LookUpFailed(now, effect.order_id, found.reason))
        else:
            self._post(OrderLookedUp(now, asked_ms, effect.order_id, found.open_order, found.trades))

    def read_account(self, effect: ReadAccount) -> None:
        """Start a complete read; one asked for meanwhile begins when this one ends."""
        if self._account_running:
            waiting = self._account_next
            since = min(effect.since_ms, waiting.since_ms) if waiting else effect.since_ms
            tokens = tuple(dict.fromkeys((*(waiting.tokens if waiting else ()), *effect.tokens)))
            self._account_next = ReadAccount(Ms(since), effect.reason, tokens)
            return
        self._account_running = True
        self._tasks.spawn("account", self._read_account(effect))

    async def _read_account(self, effect: ReadAccount) -> None:
        try:
            await self._pacing.turn(ReadGroup.LEDGER)
            await self._pacing.turn(ReadGroup.ACCOUNT, 1 + len(effect.tokens))
            asked_ms = self._clock.now_ms()
            account = await self._relayer.read_account(effect.since_ms, effect.tokens)
            now = self._clock.now_ms()
            if isinstance(account, VenueFailure):
                self._post(AccountReadFailed(now, account.reason))
            else:
                self._post(AccountRead(now, asked_ms, account))
        finally:
            self._account_running = False
        following, self._account_next = self._account_next, None
        if following is not None:
            self.read_account(following)

    def read_allowances(self, effect: ReadAllowances) -> None:
        """Start reading what contracts may move."""
        self._tasks.spawn("allowances", self._read_allowances(effect))

    async def _read_allowances(self, effect: ReadAllowances) -> None:
        told = await self._relayer.read_allowances()
        now = self._clock.now_ms()
        if isinstance(told, VenueFailure):
            self._post(AllowancesRead(now, effect.request, effect.asked, (), told.reason))
        else:
            self._post(AllowancesRead(now, effect.request, effect.asked, told))

    def read_catalogue(self) -> None:
        """Start reading the catalogue; a read asked for meanwhile begins when this one ends.

        It may have been asked for because of something that the one under way came too early to see.
        """
        if self._catalogue_running:
            self._catalogue_again = True
            return
        self._catalogue_running = True
        self._tasks.spawn("catalogue", self._read_catalogue_in_turn())

    async def _read_catalogue_in_turn(self) -> None:
        try:
            await self._read_catalogue()
        finally:
            self._catalogue_running = False
        if self._catalogue_again:
            self._catalogue_again = False
            self.read_catalogue()

    async def _read_catalogue(self) -> None:
        began = self._clock.now_ms()
        venue_ms = await self._market.read_time_ms()
        heard = self._clock.now_ms()
        catalogue = await self._market.read_catalogue()
        now = self._clock.now_ms()
        if isinstance(venue_ms, VenueFailure) or isinstance(catalogue, VenueFailure):
            failed = venue_ms if isinstance(venue_ms, VenueFailure) else catalogue
            assert isinstance(failed, VenueFailure)
            self._post(CatalogueFailed(now, failed.reason, entropy=secrets.randbits(62)))
            return
        for skipped in catalogue.skipped:
            self._metrics.count("catalogue_skipped_total", skipped.reason.value)
        try:
            await self._store.save_catalogue(catalogue.events, now)
        except StoreError as error:
            # The desk goes on with what it read: a full market file stops no trading.
            self._post(HistoryRefused(now, f"the catalogue was read, but not stored: {error}"))
        # The venue tells whole seconds: its clock read on average half a second more than it said.
        offset = Ms(venue_ms + 500 - (began + heard) // 2)
        self._relayer.set_venue_offset(offset)
        self._post(CatalogueRead(now, began, catalogue.events, offset))

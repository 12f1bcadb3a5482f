"""The whole catalogue: the listing, what it lacks from the order service, and the terms of what takes orders.

A network failure of listing or terms fails the read as a whole, so that the last catalogue stays in force;
what the venue says of one event touches that event alone. The order service is the authority for tick,
minimum and fee; where the two sources mean different markets or ticks, nothing is traded (reliability B 64).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from engine.domain.catalogue import Catalogue, CatalogueCalls, SkippedEvent, SkipReason
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId, EventId
from engine.domain.market import EventGroup
from engine.venue.catalogue_calls import Told, read_events, untold
from engine.venue.clob_fallback import Budget, ClobFallback
from engine.venue.endpoints import VenueHosts
from engine.venue.event_codes import coded
from engine.venue.gamma import GammaEvent, GammaMarket, Lacking
from engine.venue.gamma_rows import SkipError
from engine.venue.http_client import HttpClient
from engine.venue.market_terms import ClobTerms, market_with, tick_fault
from engine.venue.terms_reads import Answer, TermsReads

Whole = tuple[GammaEvent, tuple[GammaMarket, ...]]
_log = logging.getLogger(__name__)


class CatalogueReads:
    """Reads catalogues. `known_codes` are the codes of earlier runs; new ones are added in event-id order."""

    def __init__(
        self,
        http: HttpClient,
        hosts: VenueHosts,
        terms: TermsReads,
        known_codes: Mapping[EventId, str],
        budget: Budget,
    ) -> None:
        self._http = http
        self._hosts = hosts
        self._codes = dict(known_codes)
        self._budget = budget
        self._terms = terms
        self._skipped: tuple[SkippedEvent, ...] = ()

    async def read(self, told: Told = untold) -> Catalogue | VenueFailure:
        """Read every listed event with the trading terms of each market that takes orders."""
        listed = await read_events(self._http, self._hosts.gamma, self._budget.gamma_pages, told)
        if isinstance(listed, VenueFailure):
            return listed
        skipped = [event for event in listed.events if isinstance(event, SkippedEvent)]
        fallback = ClobFallback(self._http, self._hosts.clob, self._budget, told)
        events = [event for event in listed.events if isinstance(event, GammaEvent)]
        children = [child for event in events for child in event.children]
        await fallback.find([child for child in children if isinstance(child, Lacking)])
        whole = _whole(events, fallback, skipped)
        wanted = [m.market.condition_id for _, markets in whole for m in markets if m.wants_terms]
        terms = await self._terms.read(wanted, told)
        if isinstance(terms, VenueFailure):
            return terms
        # In a thread: ten thousand markets take hundreds of milliseconds, in which the desk must hear a kill.
        found, refused = await asyncio.to_thread(_join, whole, terms, dict(self._codes))
        skipped += refused
        self._codes |= {event.event_id: event.code for event in found}
        self._note(tuple(skipped))
        calls = CatalogueCalls(
            gamma_pages=listed.pages,
            clob_pages=fallback.pages,
            clob_details=fallback.details,
            terms=self._terms.asked,
            terms_kept=self._terms.kept,
        )
        return Catalogue(found, tuple(skipped), calls, tuple(fallback.used_up))

    def _note(self, skipped: tuple[SkippedEvent, ...]) -> None:
        """Say in the log what was left out when it is not the same as last time."""
        if skipped != self._skipped:
            counts = Counter(event.reason.value for event in skipped)
            fields = {"reasons": dict(counts), "first": [str(event) for event in skipped[:5]]}
            _log.warning("catalogue: %d events left out", len(skipped), extra={"fields": fields})
        self._skipped = skipped


def _whole(events: Sequence[GammaEvent], fallback: ClobFallback, skipped: list[SkippedEvent]) -> list[Whole]:
    """Return the events whose every child is known; the others go to `skipped`."""
    whole = []
    for event in events:
        try:
            whole.append((event, _markets(event, fallback)))
        except SkipError as skip:
            skipped.append(_left_out(event, skip))
    return whole


def _markets(event: GammaEvent, fallback: ClobFallback) -> tuple[GammaMarket, ...]:
    markets = tuple(
        fallback.complete(child) if isinstance(child, Lacking) else child for child in event.children
    )
    tokens = {token for child in markets for token in (child.market.yes, child.market.no)}
    conditions = {child.market.condition_id for child in markets}
    if len(tokens) != 2 * len(markets) or len(conditions) != len(markets):
        raise SkipError(
            SkipReason.MALFORMED_MARKET,
            "expected every token and condition once in an event, found one twice",
        )
    return markets


def _join(
    whole: Sequence[Whole], terms: Mapping[ConditionId, Answer], codes: Mapping[EventId, str]
) -> tuple[tuple[EventGroup, ...], list[SkippedEvent]]:
    """Return the events of both sources, and what takes no orders."""
    groups: list[EventGroup] = []
    skipped: list[SkippedEvent] = []
    for event, markets in whole:
        try:
            groups.append(_joined(event, markets, terms))
        except SkipError as skip:
            skipped.append(_left_out(event, skip))
            continue
        skipped += [_left_out(event, fault) for fault in _tick_faults(markets, terms)]
    return coded(groups, codes), skipped


def _joined(
    event: GammaEvent, markets: tuple[GammaMarket, ...], terms: Mapping[ConditionId, Answer]
) -> EventGroup:
    """Join the sources; raises SkipError when one child cannot be joined. The code is given afterwards."""
    joined = []
    for listed in markets:
        clob = terms.get(listed.market.condition_id)
        if isinstance(clob, SkipError):
            raise clob
        joined.append(market_with(listed, clob))
    return EventGroup(
        event_id=event.event_id,
        code="",
        slug=event.slug,
        title=event.title,
        rules_text=event.rules_text,
        resolution_source=event.resolution_source,
        end_date=event.end_date,
        neg_risk=event.neg_risk,
        augmented=event.augmented,
        neg_risk_id=event.neg_risk_id,
        markets=tuple(joined),
    )


def _tick_faults(markets: Sequence[GammaMarket], terms: Mapping[ConditionId, Answer]) -> list[SkipError]:
    pairs = [(listed.market, terms.get(listed.market.condition_id)) for listed in markets]
    faults = [tick_fault(market, clob) for market, clob in pairs if isinstance(clob, ClobTerms)]
    return [fault for fault in faults if fault is not None]


def _left_out(event: GammaEvent, skip: SkipError) -> SkippedEvent:
    return SkippedEvent(event.event_id, event.slug, skip.reason, str(skip))

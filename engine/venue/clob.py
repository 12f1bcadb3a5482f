"""Public reads of the venue: the `MarketReads` of `engine.ports`. Catalogue with terms, books, clock.

Reads only and signs nothing. A network failure fails a read as a whole.
"""

import json
from collections.abc import Mapping, Sequence

from engine.domain.catalogue import Catalogue
from engine.domain.failure import VenueFailure
from engine.domain.frames import BookSnapshot
from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.rewards import MarketOffer, RewardOffer
from engine.domain.units import Ms
from engine.venue import reward_reads
from engine.venue.catalogue_calls import Told, untold
from engine.venue.catalogue_reads import CatalogueReads
from engine.venue.clob_fallback import Budget
from engine.venue.endpoints import BOOKS_PER_POST, VenueHosts
from engine.venue.http_client import HttpClient
from engine.venue.private_calls import body_of
from engine.venue.strict_json import decode
from engine.venue.terms_reads import TermsReads
from engine.venue.wire import decode_books

DEFAULT_BUDGET = Budget()


class VenueReads:
    """Public reads. `known_codes` are the codes of earlier runs; new ones are added in event-id order."""

    def __init__(
        self,
        http: HttpClient,
        hosts: VenueHosts,
        known_codes: Mapping[EventId, str],
        budget: Budget = DEFAULT_BUDGET,
    ) -> None:
        self._http = http
        self._hosts = hosts
        self._catalogue = CatalogueReads(http, hosts, TermsReads(http, hosts.clob), known_codes, budget)

    async def read_books(self, tokens: Sequence[TokenId]) -> tuple[BookSnapshot, ...] | VenueFailure:
        """Read books, at most 500 a request; unknown tokens are left out, order is not promised."""
        bodies = await self.read_book_bodies(tokens)
        if isinstance(bodies, VenueFailure):
            return bodies
        books: list[BookSnapshot] = []
        for body in bodies:
            read = decode_books(body)
            if isinstance(read, VenueFailure):
                return read
            books.extend(read)
        return tuple(books)

    async def read_book_bodies(self, tokens: Sequence[TokenId]) -> tuple[bytes, ...] | VenueFailure:
        """Read books as the bytes they came in, one body per request of at most 500 tokens."""
        bodies: list[bytes] = []
        for start in range(0, len(tokens), BOOKS_PER_POST):
            asked = [{"token_id": token} for token in tokens[start : start + BOOKS_PER_POST]]
            body = json.dumps(asked, separators=(",", ":")).encode()
            answer = await self._http.request("POST", f"{self._hosts.clob}/books", body=body)
            raw = body_of(answer, "POST /books")
            if isinstance(raw, VenueFailure):
                return raw
            bodies.append(raw)
        return tuple(bodies)

    async def read_time_ms(self) -> Ms | VenueFailure:
        """Read the venue's clock (whole seconds, in ms)."""
        raw = body_of(await self._http.request("GET", f"{self._hosts.clob}/time"), "GET /time")
        if isinstance(raw, VenueFailure):
            return raw
        try:
            return Ms(decode(raw, int) * 1000)
        except ValueError as error:
            return VenueFailure(f"GET /time: {error}")

    async def read_offers(self) -> tuple[MarketOffer, ...] | VenueFailure:
        """Read the reward terms of every market that has a pool now."""
        return await reward_reads.read_offers(self._http, self._hosts.clob)

    async def read_offer(self, condition: ConditionId) -> RewardOffer | VenueFailure | None:
        """Read the reward terms of one market; None if it has no pool now."""
        return await reward_reads.read_offer(self._http, self._hosts.clob, condition)

    async def read_catalogue(self, told: Told = untold) -> Catalogue | VenueFailure:
        """Read every listed event with the trading terms of each market that takes orders."""
        return await self._catalogue.read(told)

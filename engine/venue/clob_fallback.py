"""What the listing lacks, asked of the order service under a budget: one market by id, or the paged list.

A child with a condition id costs one call; one without is looked for on the pages, by its tokens, its
question id or its slug, whichever the listing tells, never by its words. What is not found has a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.domain.catalogue import SkipReason
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId
from engine.venue.catalogue_calls import Progress, Step, Told, clob_pages, read_clob_market
from engine.venue.clob_rows import ClobRow
from engine.venue.gamma import GammaMarket, Lacking, completed
from engine.venue.gamma_rows import SkipError
from engine.venue.http_client import HttpClient

Key = tuple[str, object]


@dataclass(frozen=True, slots=True)
class Budget:
    """How many calls one read of the catalogue may make."""

    gamma_pages: int = 200
    """20,000 events; the venue lists fewer."""
    clob_pages: int = 20
    """Pages of /markets: it lists every market there ever was, so the walk must end somewhere."""
    clob_details: int = 500
    """Calls of /markets/{condition}: at 20 a second this ends within half a minute."""


class ClobFallback:
    """One read's questions to the order service. Call `find` once, then `complete` for every child."""

    def __init__(self, http: HttpClient, clob: str, budget: Budget, told: Told) -> None:
        self._http = http
        self._clob = clob
        self._budget = budget
        self._told = told
        self._found: dict[Key, ClobRow | SkipError] = {}
        self._not_listed = SkipError(
            SkipReason.LACKS_IDS, "expected an id that the order service also lists, found none"
        )
        """Why a child without a condition id was not found on the pages."""
        self.details = 0
        self.pages = 0
        self.used_up: list[str] = []

    async def find(self, children: Sequence[Lacking]) -> None:
        """Ask for what these children lack, as far as the budget goes."""
        known = dict.fromkeys(c.identity.condition_id for c in children if c.identity.condition_id)
        await self._read_details(list(known))
        keys = {_key(child) for child in children if child.identity.condition_id is None}
        await self._walk({key for key in keys if key is not None})

    def complete(self, child: Lacking) -> GammaMarket:
        """Return the child with what was found; raises SkipError with the reason why not."""
        key = _key(child)
        found = self._found.get(key, self._not_listed) if key else self._not_listed
        if isinstance(found, SkipError):
            lacks = f"the listing lacks {', '.join(child.lacks)}: {found}"
            raise SkipError(found.reason, lacks)
        return completed(child, found)

    async def _read_details(self, conditions: Sequence[ConditionId]) -> None:
        for condition in conditions:
            if self.details == self._budget.clob_details:
                self._over_budget(conditions[self.details :])
                return
            read = await read_clob_market(self._http, self._clob, condition)
            self.details += 1
            self._told(Progress(Step.DETAILS, self.details, len(conditions)))
            if isinstance(read, VenueFailure):
                self._found["condition", condition] = SkipError(SkipReason.FALLBACK_FAILED, read.reason)
            elif read is None:
                text = f"the order service does not know {condition}"
                self._found["condition", condition] = SkipError(SkipReason.NO_CLOB_MARKET, text)
            else:
                self._found["condition", condition] = read

    def _over_budget(self, left: Sequence[ConditionId]) -> None:
        text = f"the budget of {self._budget.clob_details} calls of /markets/{{condition}} was used up"
        self.used_up.append(f"{text}, {len(left)} markets were not asked for")
        for condition in left:
            self._found["condition", condition] = SkipError(SkipReason.BUDGET_USED_UP, text)

    async def _walk(self, wanted: set[Key]) -> None:
        """Look for the keys page by page until all are found or the pages end."""
        if not wanted:
            return
        async for page in clob_pages(self._http, self._clob, self._budget.clob_pages):
            if isinstance(page, VenueFailure):
                self._not_listed = SkipError(SkipReason.FALLBACK_FAILED, page.reason)
                return
            self.pages += 1
            self._told(Progress(Step.PAGES, self.pages, None))
            for row in page.rows:
                self._found |= dict.fromkeys(wanted & _keys(row), row)
            if page.cursor is None or wanted <= self._found.keys():
                return
        text = f"the budget of {self._budget.clob_pages} pages of /markets was used up"
        self.used_up.append(f"{text}, {len(wanted - self._found.keys())} markets were not found before")
        self._not_listed = SkipError(SkipReason.BUDGET_USED_UP, text)


def _key(child: Lacking) -> Key | None:
    """Return the strongest id the listing tells, None if it tells none."""
    identity, row = child.identity, child.row
    keys: tuple[tuple[str, object], ...] = (
        ("condition", identity.condition_id),
        ("tokens", identity.tokens),
        ("question", (row.question_id or "").lower()),
        ("slug", row.slug),
    )
    return next(((name, value) for name, value in keys if value), None)


def _keys(row: ClobRow) -> set[Key]:
    return {("tokens", row.tokens), ("question", row.question_id), ("slug", row.slug)}

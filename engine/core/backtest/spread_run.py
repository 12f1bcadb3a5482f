"""A recording through the feed core and one or several quoters, each under both queue models.

The same guards, books, pricing and decisions as the desk's, stepped by the recording's own times: one
recording has one result. Every market is quoted with a budget and buckets of its own, so that no market's
fills change another's quotes. The orders never touch the recorded books: nobody reacts to them. Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.core.backtest.market_sense import MarketSense
from engine.core.backtest.quoted_run import QuotedRun, Strategy
from engine.core.dutch.release import ends_at
from engine.core.feed.feeds import Feeds
from engine.core.feed.inlet import Checked, FeedInlet, FeedInput, Heard, Tracked
from engine.core.spread.queue_models import QueueModel
from engine.domain.frames import BookDelta, BookSnapshot, Frame, LastTrade, MarketResolved
from engine.domain.ids import ConditionId
from engine.domain.market import EventGroup, Market
from engine.domain.quote import QuotedMarket, QuoteKnobs, RewardTerms
from engine.domain.quoting import QuotedCourse, QuotingResult
from engine.domain.units import Ms, Price, Usdc

Maker = Callable[[QuoteKnobs, Ms], Strategy]
"""Makes one market's strategy of the knobs and the time at which it begins."""


@dataclass(frozen=True, slots=True)
class SpreadTerms:
    """How a recording is quoted."""

    knobs: QuoteKnobs
    makers: tuple[tuple[str, Maker], ...]
    """Strategies by name, in the order in which they are told."""
    budget: Usdc
    """Collateral of each market under each strategy and model."""
    latency_ms: Ms
    """From a decision until its order or cancel is at the venue, and known to be."""
    look_ms: Ms
    """A touched book is looked at again after so long at the earliest; every book is once a second."""
    rebate_pct: int
    """Share of the takers' fees that makers are taken to be paid, in hundredths."""
    rewards: RewardTerms | None
    """Liquidity rewards that every market is taken to offer; a recording does not tell them."""


@dataclass(slots=True)
class _Quoted:
    """One market with everything that quotes it."""

    event: EventGroup
    market: Market
    sense: MarketSense
    runs: list[QuotedRun]
    looked_ms: Ms


class SpreadBacktest:
    """Steps through one or several runs of recorded inputs."""

    def __init__(self, terms: SpreadTerms) -> None:
        """Know no event yet: `know` tells of them before the input that begins to watch their tokens."""
        self._terms = terms
        self._events: list[EventGroup] = []
        self._quoted: dict[ConditionId, _Quoted] = {}
        self._left_out: dict[str, str] = {}
        self._groups: dict[ConditionId, list[MarketSense]] = {}
        self._resolved: set[ConditionId] = set()
        self._due: dict[ConditionId, Ms] = {}
        """Touched markets that wait for their next look."""
        self._inlet: FeedInlet | None = None
        self._at_ms = Ms(0)

    def know(self, events: Iterable[EventGroup]) -> None:
        """Add events as the catalogue holds them; no others are quoted. Their ids and codes are unique."""
        self._events += events

    def begin(self, inlet: FeedInlet) -> None:
        """Begin a run with a feed core of its own; what rests is cancelled, as at a restart."""
        self._end_run()
        self._inlet = inlet
        for quoted in self._quoted.values():
            quoted.sense.begin()

    def take(self, entries: Sequence[FeedInput]) -> None:
        """Give inputs to the feed core in order, and quote by what they changed."""
        assert self._inlet is not None, "a run is begun before its inputs come"
        feeds = self._inlet.feeds
        for entry in entries:
            self._look_due(entry.at_ms, feeds)
            self._at_ms = entry.at_ms
            self._inlet.take(entry)
            match entry:
                case Heard():
                    self._hear(self._inlet.frames)
                case Tracked():
                    self._track(entry)
                case _:
                    pass
            if isinstance(entry, Checked):
                self._second(feeds)
            else:
                self._touch(feeds)

    def finish(self) -> QuotingResult:
        """End the last run; returns everything that came of it."""
        self._end_run()
        found = sorted(self._quoted.values(), key=lambda one: (one.event.code, one.market.condition_id))
        return QuotingResult(
            markets=tuple(
                QuotedCourse(
                    condition_id=one.market.condition_id,
                    code=one.event.code,
                    name=one.market.name,
                    looks=one.sense.looks,
                    runs=tuple(run.result() for run in one.runs),
                )
                for one in found
            ),
            left_out=tuple(sorted(self._left_out.items())),
        )

    def _end_run(self) -> None:
        self._due.clear()
        for quoted in self._quoted.values():
            for run in quoted.runs:
                run.end(self._at_ms)

    def _track(self, entry: Tracked) -> None:
        """Begin to quote what is watched with both of its tokens and known to the catalogue."""
        ticks = {token.token_id: token.tick for token in entry.tokens}
        for event in self._events:
            for market in event.markets:
                if market.condition_id in self._quoted or not {market.yes, market.no} <= ticks.keys():
                    continue
                name = f"{event.code} {market.name}"
                if market.terms.fee is None:
                    self._left_out[name] = "its fees are not known"
                    continue
                self._quoted[market.condition_id] = self._begun(event, market, ticks[market.yes])
            self._group(event)

    def _begun(self, event: EventGroup, market: Market, tick: Price) -> _Quoted:
        terms = self._terms
        sense = MarketSense(
            _terms_of(market, tick, terms, ends_ms=ends_at((market.end_date, event.end_date), self._at_ms)),
            terms.knobs,
        )
        runs = [
            QuotedRun(
                name,
                maker(terms.knobs, self._at_ms),
                sense,
                model,
                budget=terms.budget,
                latency_ms=terms.latency_ms,
            )
            for name, maker in terms.makers
            for model in QueueModel
        ]
        return _Quoted(event, market, sense, runs, self._at_ms)

    def _group(self, event: EventGroup) -> None:
        """Let the outcomes of an event agree where exactly one of them pays and all are quoted."""
        quoted = [self._quoted.get(market.condition_id) for market in event.markets]
        senses = [one.sense for one in quoted if one is not None]
        is_exclusive = event.neg_risk and not event.augmented and len(event.markets) > 1
        if is_exclusive and len(senses) == len(quoted) and self._terms.knobs.sibling_pct:
            self._groups |= {market.condition_id: senses for market in event.markets}

    def _hear(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            match frame:
                case BookDelta() | BookSnapshot() | LastTrade():
                    quoted = self._quoted.get(frame.condition_id)
                    if quoted is None or frame.condition_id in self._resolved:
                        continue
                    for run in quoted.runs:
                        run.hear(frame, self._at_ms)
                    if isinstance(frame, LastTrade):
                        quoted.sense.traded(frame, self._at_ms)
                case MarketResolved():
                    self._resolve(frame.condition_id)
                case _:
                    pass  # no news of a book

    def _resolve(self, condition_id: ConditionId) -> None:
        if condition_id in self._quoted:
            self._resolved.add(condition_id)
            for run in self._quoted[condition_id].runs:
                run.end(self._at_ms)

    def _touch(self, feeds: Feeds) -> None:
        for condition_id in sorted(feeds.take_touched()):
            quoted = self._quoted.get(condition_id)
            if quoted is None or condition_id in self._resolved:
                continue
            due_ms = Ms(quoted.looked_ms + self._terms.look_ms)
            if due_ms <= self._at_ms:
                self._look(quoted, feeds, self._at_ms)
            else:
                self._due[condition_id] = due_ms

    def _look_due(self, before_ms: Ms, feeds: Feeds) -> None:
        """Look at what was due before an input, at the time at which it was."""
        if not self._due:
            return
        due = sorted((due_ms, of) for of, due_ms in self._due.items() if due_ms < before_ms)
        for due_ms, condition_id in due:
            # A look of the whole second may have come in between.
            if self._due.get(condition_id) == due_ms:
                self._look(self._quoted[condition_id], feeds, due_ms)

    def _second(self, feeds: Feeds) -> None:
        feeds.take_touched()
        for condition_id, quoted in self._quoted.items():
            if condition_id not in self._resolved:
                self._look(quoted, feeds, self._at_ms)
                for run in quoted.runs:
                    run.second(self._at_ms)

    def _look(self, quoted: _Quoted, feeds: Feeds, at_ms: Ms) -> None:
        condition_id = quoted.market.condition_id
        self._due.pop(condition_id, None)
        quoted.looked_ms = at_ms
        replaced = quoted.sense.look(feeds, at_ms)
        if condition_id in self._groups:
            quoted.sense.agree_with(self._groups[condition_id])
        for run in quoted.runs:
            if replaced is not None:
                run.restore(replaced, at_ms)
            run.look(at_ms)


def _terms_of(market: Market, tick: Price, terms: SpreadTerms, *, ends_ms: Ms | None) -> QuotedMarket:
    """Return what fixes how a market is quoted; its fee must be known."""
    fee = market.terms.fee
    assert fee is not None, "expected a market with known fees"
    return QuotedMarket(
        condition_id=market.condition_id,
        yes=market.yes,
        no=market.no,
        tick=tick,
        min_size=market.terms.min_size,
        fee_rate_e6=fee.rate,
        fee_exponent=fee.exponent,
        rebate_pct=terms.rebate_pct,
        rewards=terms.rewards,
        ends_ms=ends_ms,
    )

"""What is kept of the market, and what people hear when it cannot be."""

import pytest

from engine.core import history
from engine.domain.book import LiveBook, NotLive
from engine.domain.effects import Count, KeepSnapshots, PruneHistory, RaiseAlert, SetTimer
from engine.domain.events import (
    HistoryPruned,
    HistoryRefused,
    Job,
    JobDue,
    SnapshotsKept,
    SnapshotsLost,
    TimerDue,
)
from engine.domain.history import KeptSnapshot, Pruned
from engine.domain.ids import TokenId
from engine.domain.views import Gate, Severity
from tests.support.builders import event
from tests.support.desk_run import DeskRun, of_kind, only
from tests.support.feed_bench import FeedBench


@pytest.fixture
def run():
    return DeskRun(event("fed3"), event("cpi3")).start()


def due(run):
    return run.step(JobDue(run.at_ms, Job.SNAPSHOTS))


def counts(effects) -> dict[tuple[str, str], int]:
    return {(c.metric, c.label): c.by for c in of_kind(effects, Count)}


def test_every_proven_book_is_kept_as_it_is_now(run):
    kept = only(due(run), KeepSnapshots).snapshots

    books = run.desk.feeds.shown
    assert {snapshot.token_id for snapshot in kept} == books.keys()
    first = kept[0]
    book = books[first.token_id]
    assert first == KeptSnapshot(
        token_id=book.token_id,
        received_ms=run.at_ms,
        venue_ms=book.venue_ms,
        hash=book.hash,
        tick=book.tick,
        bids=book.bids,
        asks=book.asks,
    )


def test_a_book_that_is_not_proven_is_left_out(run):
    whole = len(only(due(run), KeepSnapshots).snapshots)
    del run.desk.feeds.shown[run.events[0].markets[0].yes]

    assert len(only(due(run), KeepSnapshots).snapshots) == whole - 1


def test_without_a_proven_book_nothing_is_handed_over(run):
    run.desk.feeds.down = NotLive.STALE

    assert due(run) == ()


def test_a_round_goes_on_slice_by_slice_so_that_a_kill_waits_for_one_slice(run, monkeypatch):
    monkeypatch.setattr(history, "SLICE", 2)
    monkeypatch.setattr(history, "HAND_OVER", 4)
    whole = set(run.desk.feeds.shown)
    looked: list[TokenId] = []
    live = run.desk.feeds.live

    def noting(token, at_ms):
        looked.append(token)
        return live(token, at_ms)

    monkeypatch.setattr(run.desk.feeds, "live", noting)

    kept: list[KeptSnapshot] = []
    effects = due(run)
    steps = 1
    while timers := of_kind(effects, SetTimer):
        assert len(looked) == 2 * steps
        kept += [s for e in of_kind(effects, KeepSnapshots) for s in e.snapshots]
        assert timers[0].due_ms > run.at_ms
        run.at_ms = timers[0].due_ms
        effects = run.step(TimerDue(run.at_ms, timers[0].name))
        steps += 1
    kept += [s for e in of_kind(effects, KeepSnapshots) for s in e.snapshots]

    assert steps == len(looked) // 2
    assert len(kept) == len(whole)
    assert {s.token_id for s in kept} == whole


def test_a_round_under_way_is_not_begun_anew(run, monkeypatch):
    """Else the last books would never be reached when there are more of them than a period allows."""
    monkeypatch.setattr(history, "SLICE", 2)
    due(run)

    assert due(run) == ()


def test_the_next_round_begins_when_the_last_has_ended(run):
    assert only(due(run), KeepSnapshots).snapshots == only(due(run), KeepSnapshots).snapshots


def test_a_proven_book_tells_the_venue_time_of_its_newest_change():
    bench = FeedBench()
    bench.send(bench.change("BUY", 3_000, "25"))

    book = bench.live()

    assert isinstance(book, LiveBook)
    assert book.venue_ms == bench.venue.now_ms


def test_retention_is_asked_for_when_it_is_due(run):
    assert run.step(JobDue(run.at_ms, Job.RETENTION)) == (PruneHistory(),)


def test_what_became_of_books_is_counted(run):
    kept = run.step(SnapshotsKept(run.at_ms, 40, 3))
    plain = run.step(SnapshotsKept(run.at_ms, 40, 0))
    pruned = run.step(HistoryPruned(run.at_ms, Pruned(snapshots=7, catalogue_reads=0, signed=2)))

    assert counts(kept) == {("snapshots_total", "kept"): 40, ("snapshots_total", "conflated"): 3}
    assert counts(plain) == {("snapshots_total", "kept"): 40}
    assert counts(pruned) == {("history_pruned_total", "snapshots"): 7, ("history_pruned_total", "signed"): 2}
    assert of_kind((*kept, *plain, *pruned), RaiseAlert) == []


def test_books_that_cannot_be_kept_are_counted_each_time_and_told_once(run):
    first, second = (run.step(SnapshotsLost(run.at_ms, 40, "market.db: the disk is full")) for _ in range(2))

    assert counts(first) == counts(second) == {("snapshots_total", "lost"): 40}
    alert = only(first, RaiseAlert).alert
    assert alert.severity is Severity.WARN
    assert "market.db: the disk is full" in alert.text
    assert of_kind(second, RaiseAlert) == []
    assert run.desk.gate is Gate.RUN, "history closes no gate"


def test_people_hear_once_that_books_are_kept_again(run):
    run.step(SnapshotsLost(run.at_ms, 40, "full"))

    back, later = (run.step(SnapshotsKept(run.at_ms, 40, 0)) for _ in range(2))
    again = run.step(SnapshotsLost(run.at_ms, 40, "full"))

    assert only(back, RaiseAlert).alert.severity is Severity.INFO
    assert of_kind(later, RaiseAlert) == []
    assert len(of_kind(again, RaiseAlert)) == 1, "the next failure is news"


def test_a_refused_pruning_or_catalogue_is_told_and_closes_nothing(run):
    effects = run.step(HistoryRefused(run.at_ms, "nothing old was taken out: the disk is full"))

    assert counts(effects) == {("engine_errors", "history"): 1}
    assert only(effects, RaiseAlert).alert.text == "nothing old was taken out: the disk is full"
    assert run.desk.gate is Gate.RUN

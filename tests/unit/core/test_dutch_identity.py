"""What names a plan, and how an event looks in the scan."""

from dataclasses import astuple, fields, replace

import pytest

from engine.core.dutch.event_plan import scan_row, tokens_of
from engine.domain.book import NotLive
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import (
    Ms,
    parse_price,
    parse_size,
)
from tests.support.planner import (
    NOW,
    book,
    books_of,
    group,
    lone,
    mirrored,
    params,
    planned,
    tuned,
    worked,
)


class TestPlanId:
    """Same books and terms, same id, on any machine; anything that matters changes it."""

    def test_is_thirty_two_hex_digits(self):
        plan_id = planned(*worked()).plan_id

        assert len(plan_id) == 32
        assert int(plan_id, 16) >= 0

    def test_does_not_change_from_one_release_to_the_next(self):
        assert planned(*worked()).plan_id == "bc154af4b06af5fbdbd1a4a037e6ab15"

    def test_depends_on_no_clock_and_no_restart(self):
        event, books, terms = worked()
        later = {asset: replace(found, confirmed_ms=Ms(NOW + 900), epoch=7) for asset, found in books.items()}

        assert (
            planned(event, later, terms, now_ms=Ms(NOW + 1_000)).plan_id
            == planned(event, books, terms).plan_id
        )

    def test_does_not_depend_on_the_order_of_children(self):
        event, books, terms = worked()
        turned = replace(event, markets=tuple(reversed(event.markets)))

        assert planned(turned, books, terms).plan_id == planned(event, books, terms).plan_id

    def test_changes_with_any_book(self):
        event, books, terms = worked()
        ids = {planned(event, books, terms).plan_id}
        for asset in tokens_of(event):
            changed = books | {asset: replace(books[asset], hash="0" * 40)}
            ids.add(planned(event, changed, terms).plan_id)

        assert len(ids) == 4

    def test_changes_with_the_size(self):
        ids = {planned(*worked(), wanted=parse_size(text)).plan_id for text in ("50", "51", "180")}

        assert len(ids) == 3

    def test_changes_with_rules_and_with_terms(self):
        event, books, terms = worked()
        retold = replace(event, rules_text="Exactly one, or none.")
        child = event.markets[0]
        slower = replace(child, terms=replace(child.terms, min_size=parse_size("6")))
        reterm = replace(event, markets=(slower, *event.markets[1:]))

        assert len({planned(one, books, terms).plan_id for one in (event, retold, reterm)}) == 3

    @pytest.mark.parametrize("field", [field.name for field in fields(params())])
    def test_changes_with_every_parameter(self, field):
        event = group()
        books = books_of(event, [(("0.40", "90"),), (("0.25", "170"),), (("0.15", "99"),)])
        terms = params(min_profit=0, success_pct=99)
        value = getattr(terms, field)
        other = (not value) if isinstance(value, bool) else value + (parse_size("1") if field == "lot" else 1)
        changed = tuned(terms, **{field: 100 if field == "success_pct" else other})

        assert astuple(changed) != astuple(terms)
        assert planned(event, books, changed).plan_id != planned(event, books, terms).plan_id


class TestScanRow:
    """One line per event, whatever its state."""

    def test_of_a_paying_event_shows_margin_and_sets(self):
        event, books, terms = worked()
        plan = planned(event, books, terms)

        row = scan_row(event, books, plan)

        assert (row.code, row.title) == ("rate3", "Rate decision")
        assert (row.ask_sum, row.margin, row.sets) == (parse_price("0.95"), plan.margin.net, plan.size)
        assert row.refusal is None

    def test_of_a_refused_event_keeps_the_asks_and_the_reason(self):
        event, books, _ = worked()
        refusal = Refusal(RefusalKind.NOT_REVIEWED, "expected a review, found none")

        row = scan_row(event, books, refusal)

        assert row.ask_sum == parse_price("0.95")
        assert (row.margin, row.sets, row.refusal) == (None, None, refusal)

    @pytest.mark.parametrize("fault", [NotLive.STALE, NotLive.UNTRACKED, None])
    def test_without_every_book_has_no_sum(self, fault):
        event, books, _ = worked()
        partial = dict(books)
        asset = tokens_of(event)[1]
        if fault is None:
            del partial[asset]
        else:
            partial[asset] = fault

        row = scan_row(event, partial, Refusal(RefusalKind.BOOK_NOT_LIVE, "expected, found"))

        assert row.ask_sum is None

    def test_of_a_pair_takes_the_no_ask_from_the_mirror(self):
        event = lone()
        yes, no = tokens_of(event)
        side = book(event, yes, (("0.52", "10"),), (("0.47", "10"),))

        row = scan_row(event, {yes: side}, Refusal(RefusalKind.NO_EDGE, "expected, found"))

        assert row.ask_sum == side.asks[0].price + mirrored(side, no).asks[0].price
        assert row.ask_sum == 10_500

    def test_of_a_pair_nobody_bids_for_has_no_sum(self):
        event = lone()
        yes = tokens_of(event)[0]

        row = scan_row(
            event, {yes: book(event, yes, (("0.52", "10"),), ())}, Refusal(RefusalKind.NO_EDGE, "-")
        )

        assert row.ask_sum is None

"""The Send press: the card's very orders must still be good, or the operator is told what moved."""

from dataclasses import replace

import pytest

from engine.core.dutch.event_plan import replan_within, tokens_of
from engine.domain.book import Level
from engine.domain.fees import FREE
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.units import Ms, parse_price, parse_size
from tests.support.planner import NOW, book, books_of, group, lone, params, planned, usdc, worked


class Card:
    """A plan on a card and the books it was made from."""

    def __init__(self, **changes):
        self.event, self.books, self.terms = worked(**changes)
        self.plan = planned(self.event, self.books, self.terms)

    def press(self, *, event=None, books=None, now_ms=NOW) -> Refusal | None:
        return replan_within(
            self.plan, event or self.event, books or self.books, params=self.terms, now_ms=now_ms
        )

    def with_asks(self, leg: int, asks, bids=None):
        asset = tokens_of(self.event)[leg]
        return self.books | {asset: book(self.event, asset, asks, bids)}


def moved(refusal: Refusal | None) -> str:
    assert refusal is not None
    assert refusal.kind is RefusalKind.MOVED
    assert refusal.text.startswith("moved: ")
    assert "nothing was sent" in refusal.text
    return refusal.text


def test_unmoved_books_let_the_card_pass():
    assert Card().press() is None


def test_new_version_of_the_same_levels_lets_the_card_pass():
    card = Card()
    later = {asset: replace(found, hash="f" * 40, epoch=2) for asset, found in card.books.items()}

    assert card.press(books=later) is None


@pytest.mark.parametrize(
    "asks",
    [
        (("0.19", "200"),),
        (("0.20", "180"),),
        (("0.19", "100"), ("0.20", "80")),
        (("0.20", "180"), ("0.99", "1")),
    ],
)
def test_better_or_equal_offers_let_the_card_pass(asks):
    card = Card()

    assert card.press(books=card.with_asks(2, asks)) is None


@pytest.mark.parametrize(
    ("asks", "found"),
    [
        ((("0.21", "900"),), "0"),
        ((("0.20", "179"), ("0.21", "900")), "179"),
        ((("0.20", "179.99"),), "179.99"),
        ((("0.19", "50"), ("0.20", "100")), "150"),
    ],
)
def test_leg_not_whole_within_its_limit_has_moved(asks, found):
    card = Card()

    text = moved(card.press(books=card.with_asks(2, asks)))

    assert f"180 Hike at 0.200 or better, found {found};" in text


def test_slippage_ticks_of_the_card_leave_room_to_move():
    event = group()
    card = Card.__new__(Card)
    card.event, card.terms = event, params(slippage_ticks=1, min_profit=usdc("0.10"))
    card.books = {
        asset: book(event, asset, asks)
        for asset, asks in zip(
            tokens_of(event), [(("0.40", "90"),), (("0.25", "90"),), (("0.15", "90"),)], strict=True
        )
    }
    card.plan = planned(event, card.books, card.terms)

    assert card.press(books=card.with_asks(2, (("0.16", "90"),))) is None
    moved(card.press(books=card.with_asks(2, (("0.17", "90"),))))


def test_risk_at_the_press_is_that_of_the_cards_limits():
    """Asks that moved up to the limit cost no more than the card's bound already counts."""
    event = group()
    terms = params(slippage_ticks=1, min_profit=0, success_pct=100)
    asks = [(("0.40", "90"),), (("0.25", "90"),), (("0.15", "90"),)]
    books = books_of(event, asks)
    plan = planned(event, books, terms)
    hike = tokens_of(event)[2]
    up = books | {hike: replace(books[hike], asks=(Level(parse_price("0.16"), parse_size("90")),))}
    tight = replace(terms, max_leg_loss=plan.risk.bound)

    assert replan_within(plan, event, up, params=tight, now_ms=NOW) is None


def test_margin_below_the_minimum_has_moved_though_every_leg_is_within_its_limit():
    """Hold may cost up to 0.46: all 180 sets at that price leave 1.28 less than on the card."""
    card = Card(min_profit=usdc("2"))

    text = moved(card.press(books=card.with_asks(0, (("0.46", "300"),))))

    assert "margin 2.55624 → 1.3" in text
    assert "below the 2.00" in text


def test_margin_of_nothing_has_moved_even_without_a_minimum():
    """Twenty sets at 0.44 + 0.55 earn 20 cents, just what the plan costs to settle."""
    event = lone(fee=FREE)
    terms = params(min_profit=0, safety_per_set=0, fixed_cost=usdc("0.20"), success_pct=100)
    books = books_of(event, [(("0.40", "10"), ("0.44", "10")), (("0.55", "100"),)])
    plan = planned(event, books, terms)
    yes = tokens_of(event)[0]
    dear = books | {yes: book(event, yes, (("0.44", "20"),))}

    assert plan.margin.net == usdc("0.40")
    text = moved(replan_within(plan, event, dear, params=terms, now_ms=NOW))
    assert "0.40 → 0.00" in text


def test_bids_that_have_gone_make_the_card_too_risky():
    card = Card()
    asset = tokens_of(card.event)[0]
    bare = card.books | {asset: replace(card.books[asset], bids=())}

    text = moved(card.press(books=bare))

    assert "bids have gone" in text


def test_leg_loss_budget_holds_at_the_press_too():
    card = Card(success_pct=100)
    asset = tokens_of(card.event)[0]
    lower = (Level(parse_price("0.30"), parse_size("9000")),)
    worse = card.books | {asset: replace(card.books[asset], bids=lower)}
    card.terms = replace(card.terms, max_leg_loss=card.plan.risk.bound)

    assert card.press() is None
    moved(card.press(books=worse))


def test_changed_rules_have_moved():
    card = Card()

    text = moved(card.press(event=replace(card.event, rules_text="Exactly one, or none.")))

    assert "rules of rate3" in text


@pytest.mark.parametrize("changes", [{"fee": None}, {"min_size": parse_size("6")}, {"accepting": False}])
def test_changed_terms_have_moved(changes):
    card = Card()
    child = card.event.markets[1]
    changed = replace(child, terms=replace(child.terms, **changes))

    text = moved(
        card.press(event=replace(card.event, markets=(card.event.markets[0], changed, card.event.markets[2])))
    )

    assert "of rate3 are not those of the card" in text


def test_books_gone_old_refuse_by_their_own_name():
    card = Card()

    refusal = card.press(now_ms=Ms(NOW + 60_000))

    assert refusal is not None
    assert refusal.kind is RefusalKind.BOOK_AGE


def test_book_not_live_refuses_by_its_own_name():
    card = Card()
    partial = dict(card.books)
    del partial[tokens_of(card.event)[0]]

    refusal = card.press(books=partial)

    assert refusal is not None
    assert refusal.kind is RefusalKind.BOOK_NOT_LIVE


def test_offer_off_the_tick_within_the_limit_is_not_bought():
    card = Card()
    odd = (("0.195", "10"), ("0.20", "300"))

    refusal = card.press(books=card.with_asks(2, odd, (("0.18", "9"),)))

    assert refusal is not None
    assert refusal.kind is RefusalKind.BOOK_TICK
    assert "0.195" in refusal.text


def test_what_the_press_lets_pass_costs_at_most_what_the_card_said():
    """Equal orders, equal limits: the bound on the card holds whatever the books did within them."""
    card = Card(min_profit=0)
    books = card.with_asks(0, (("0.46", "300"),))

    assert card.press(books=books) is None
    fresh = planned(card.event, books, card.terms, wanted=card.plan.size)
    assert fresh.margin.raw + fresh.margin.fee <= card.plan.spend_max

"""Rewards and rebates of the local exchange: sampled on the minute, paid at midnight, a dollar at least."""

from datetime import UTC, datetime

import pytest

from engine.clock import ManualClock
from engine.domain.rewards import DAY_MS
from engine.domain.units import Price
from engine.simulator.market import BookSide
from engine.simulator.orders import TradeStatus
from engine.simulator.rewards import SAMPLE_MS
from engine.simulator.scoring import stand
from engine.simulator.settlement import Wait
from engine.simulator.venue import Venue
from tests.support.local_exchange import COIN, ELEVENS_KEY, FED, MATCH
from tests.unit.simulator.edge_trader import EdgeTrader, still_venue

NOON_MS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 1000
DAY, MIDNIGHT_MS = "2026-11-20", NOON_MS + DAY_MS // 2
POOL = 100_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON_MS)


@pytest.fixture
def venue(clock) -> Venue:
    return still_venue(clock, start_balance=10_000_000_000)


@pytest.fixture
def maker(venue, clock) -> EdgeTrader:
    return EdgeTrader(venue, clock)


def quote(maker: EdgeTrader, shares: str = "400") -> tuple[str, str]:
    """Rest both sides of COIN at its touch: 56 and 58 cents, the ask as a BUY of NO."""
    spec = maker.market(COIN)
    placed = [
        maker.place(spec, "0.56", shares, token_index=0),
        maker.place(spec, "0.42", shares, token_index=1),
    ]
    assert [answer.status for answer in placed] == [200, 200]
    return placed[0].told["orderID"], placed[1].told["orderID"]


def usdc(maker: EdgeTrader) -> int:
    return maker.venue.exchange.bank.accounts[maker.trader.address].usdc


def step(maker: EdgeTrader, by_ms: int) -> None:
    maker.clock.advance(by_ms)
    maker.venue.advance()


def earned(maker: EdgeTrader, day: str = DAY) -> float:
    rows = maker.call("GET", "/rewards/user/total", date=day, signature_type="0").told
    return float(sum(row["earnings"] for row in rows))


def part(maker: EdgeTrader) -> float:
    shares = maker.call("GET", "/rewards/user/percentages", signature_type="0").told
    return float(shares.get(maker.market(COIN).condition_id, 0))


def test_pool_is_shared_with_the_seeded_makers(maker):
    quote(maker)
    step(maker, 4_000)
    rewarded = maker.venue.rewards.of(maker.market(COIN).condition_id)
    assert rewarded is not None
    ladder = maker.venue.exchange.ladder(rewarded.condition_id)
    standing = stand(ladder, rewarded.terms, maker.venue.now_ms())

    assert {"maker-1", "maker-2", "maker-3", "maker-4"} & standing.scores.keys()
    assert 5 < part(maker) < 80
    own = standing.scores[maker.trader.address]
    assert part(maker) == pytest.approx(100 * own / standing.total, abs=0.0001)


def test_nothing_is_earned_before_the_minute_and_one_sample_at_it(maker):
    quote(maker)
    step(maker, SAMPLE_MS - 1)
    assert earned(maker) == 0
    share = part(maker)
    step(maker, 1)

    assert earned(maker) == pytest.approx(100 / 1_440 * share / 100, abs=0.00001)
    step(maker, SAMPLE_MS - 1)
    assert earned(maker) == pytest.approx(100 / 1_440 * share / 100, abs=0.00001)


def test_order_placed_less_than_the_minimum_age_before_the_sample_earns_nothing(maker):
    step(maker, SAMPLE_MS - 3_499)
    quote(maker)
    step(maker, 3_499)

    assert earned(maker) == 0
    step(maker, SAMPLE_MS)
    assert earned(maker) > 0


def test_cancelled_order_earns_no_more(maker):
    ids = quote(maker)
    step(maker, SAMPLE_MS)
    before = earned(maker)
    assert maker.call("DELETE", "/orders", list(ids)).status == 200
    step(maker, 10 * SAMPLE_MS)

    assert earned(maker) == before > 0


def test_samples_missed_in_one_long_step_are_those_of_many_short_ones(clock, maker):
    other_clock = ManualClock(NOON_MS)
    other = EdgeTrader(still_venue(other_clock), other_clock)
    for trader in (maker, other):
        quote(trader)
        spec = trader.market(FED, 1)
        expiration = str(NOON_MS // 1000 + 60 + 5_000)
        trader.place(spec, "0.306", "60", order_type="GTD", expiration=expiration)
        trader.place(spec, "0.686", "60", token_index=1)
    step(maker, 300 * SAMPLE_MS)
    for _ in range(300):
        step(other, SAMPLE_MS)

    rows = [trader.venue.rewards.earned(trader.trader.address, DAY) for trader in (maker, other)]
    assert len(rows[0]) == 2
    assert rows[0].keys() == rows[1].keys()
    assert all(abs(rows[0][market] - rows[1][market]) <= 1 for market in rows[0])


def test_day_is_paid_at_midnight_and_once(maker):
    before = usdc(maker)
    quote(maker)
    step(maker, MIDNIGHT_MS - NOON_MS - 1)
    assert usdc(maker) == before
    step(maker, 1)
    paid = usdc(maker) - before
    step(maker, 30 * SAMPLE_MS)

    # Noon to midnight is half the pool; the sample at midnight belongs to the new day.
    assert paid == round(earned(maker) * 1_000_000) > 1_000_000
    assert paid <= POOL // 2
    assert usdc(maker) - before == paid
    assert [deposit.at_ms for deposit in maker.venue.exchange.bank.deposits][-1] == MIDNIGHT_MS
    assert earned(maker, "2026-11-21") > 0


def test_day_of_less_than_a_dollar_is_never_paid(maker):
    before = usdc(maker)
    ids = quote(maker, "20")
    step(maker, 3 * SAMPLE_MS)
    maker.call("DELETE", "/orders", list(ids))
    step(maker, 2 * DAY_MS)

    assert 0 < earned(maker) < 1
    assert usdc(maker) == before
    assert not maker.venue.rewards.payments


def test_insiders_are_not_paid(venue, clock, maker):
    insiders = [account for account in venue.exchange.bank.accounts.values() if account.insider]
    before = [account.usdc for account in insiders]
    step(maker, 2 * DAY_MS)

    assert [account.usdc for account in insiders] == before


def test_orders_score_or_not_and_foreign_ones_never(venue, clock, maker):
    near, _ = quote(maker)
    far = maker.place(maker.market(COIN), "0.5").told["orderID"]
    small = maker.place(maker.market(COIN), "0.55", "19").told["orderID"]
    poor = maker.place(maker.market(MATCH), "0.5", "100").told["orderID"]
    stranger = EdgeTrader(venue, clock, ELEVENS_KEY)

    def scoring(who: EdgeTrader, *ids: str) -> list[bool]:
        told = who.call("POST", "/orders-scoring", list(ids)).told
        one = [who.call("GET", "/order-scoring", order_id=order_id).told["scoring"] for order_id in ids]
        assert one == [told[order_id] for order_id in ids]
        return one

    assert scoring(maker, near) == [False]
    step(maker, 3_500)
    assert scoring(maker, near, far, small, poor, "0xunknown") == [True, False, False, False, False]
    assert scoring(stranger, near) == [False]


def test_resolved_market_has_no_rewards_any_more(maker):
    spec = maker.market(COIN)
    quote(maker)
    step(maker, SAMPLE_MS)
    before = earned(maker)
    maker.venue.exchange.resolve(spec, 0, maker.venue.now_ms())
    step(maker, 60 * SAMPLE_MS)

    assert earned(maker) == before
    listed = maker.call("GET", "/rewards/markets/current").told["data"]
    assert spec.condition_id not in {row["condition_id"] for row in listed}


def rebates(maker: EdgeTrader, day: str = DAY) -> list[dict[str, object]]:
    told = maker.call("GET", "/rebates/current", date=day, maker_address=maker.trader.address).told
    return told or []


def sell_to(venue: Venue, clock: ManualClock, maker: EdgeTrader) -> tuple[EdgeTrader, int]:
    """Let a taker buy 700 of the maker's 800 shares at 58 cents; return it and the fee of these."""
    quote(maker, "800")
    taker = EdgeTrader(venue, clock, ELEVENS_KEY)
    spec = taker.market(COIN)
    ahead = venue.exchange.ladder(spec.condition_id).size_at(BookSide.ASK, Price(5_800)) - 800_000_000
    bought = taker.place(spec, "0.58", f"{(ahead + 700_000_000) / 1_000_000:.2f}")
    assert bought.told["status"] == "matched"
    maker.call("DELETE", "/cancel-all")
    halves = [
        pair for trade in venue.exchange.trades for pair in zip(trade.takers, trade.makers, strict=True)
    ]
    return taker, sum(taken.fee for taken, made in halves if made.account_id == maker.trader.address)


def test_rebate_is_the_makers_share_of_the_fees_paid_against_it(venue, clock, maker):
    taker, fees = sell_to(venue, clock, maker)
    before = usdc(maker)
    assert rebates(maker) == []
    step(maker, MIDNIGHT_MS - clock.now_ms())

    assert fees > 5_000_000
    assert usdc(maker) - before == fees * 20 // 100
    assert [row["rebated_fees_usdc"] for row in rebates(maker)] == [pytest.approx(fees * 0.2 / 1_000_000)]
    assert rebates(taker) == []
    assert rebates(maker, "2026-11-21") == []


def test_trade_that_failed_pays_no_rebate(venue, clock, maker):
    _, fees = sell_to(venue, clock, maker)
    for trade in venue.exchange.trades:
        venue.exchange.clearing.redirect(trade.id, (Wait(TradeStatus.FAILED, 100),), venue.now_ms())
    step(maker, MIDNIGHT_MS - clock.now_ms())

    assert fees > 5_000_000
    assert {trade.status for trade in venue.exchange.trades} == {TradeStatus.FAILED}
    assert rebates(maker) == []
    assert not maker.venue.rewards.payments

"""How trades settle: usual, scripted and drawn courses, holds, and failures that undo everything once."""

import pytest

from engine.domain.units import Ms
from engine.simulator.facts import TradeMoved
from engine.simulator.market import Side
from engine.simulator.orders import OrderState, Trade, TradeStatus
from engine.simulator.refusals import Refusal, balance_too_low
from engine.simulator.settlement import FOLLOWS, Odds, Plan, Wait, check_course
from tests.unit.simulator.bench_market import FEE_4_PERCENT, Bench

MILLION = 1_000_000
MATCHED, MINED, CONFIRMED = TradeStatus.MATCHED, TradeStatus.MINED, TradeStatus.CONFIRMED
UNBROADCAST, RETRYING, FAILED = TradeStatus.UNBROADCAST, TradeStatus.RETRYING, TradeStatus.FAILED


def plan(*statuses: TradeStatus, start: TradeStatus = MATCHED, delay_ms: int = 100) -> Plan:
    return Plan(start, tuple(Wait(status, delay_ms) for status in statuses))


def let_pass(bench: Bench, delay_ms: int) -> None:
    bench.now_ms = Ms(bench.now_ms + delay_ms)
    bench.exchange.settle(bench.now_ms)


def trade_of(bench: Bench) -> Trade:
    """Let ben buy 5 of ann's shares at 0.40, and return the trade."""
    bench.sell("ann", 40, 5)
    return bench.buy("ben", 40, 5).trades[0]


def words(trade: Trade) -> list[TradeStatus]:
    return [step.status for step in trade.steps]


def test_usual_course_mines_at_half_the_delay_and_confirms_at_the_whole():
    bench = Bench(confirm_delay_ms=2_000)
    trade = trade_of(bench)

    let_pass(bench, 999)
    assert words(trade) == [MATCHED]
    let_pass(bench, 1)
    assert words(trade) == [MATCHED, MINED]
    let_pass(bench, 1_000)
    assert words(trade) == [MATCHED, MINED, CONFIRMED]
    assert [step.at_ms - trade.matched_ms for step in trade.steps] == [0, 1_000, 2_000]


def test_scripted_course_is_for_so_many_trades_and_then_the_usual_one_again():
    bench = Bench()
    bench.exchange.settlements.script_next(plan(FAILED), 2)
    trades = [trade_of(bench) for _ in range(3)]

    let_pass(bench, 2_000)

    assert [trade.status for trade in trades] == [FAILED, FAILED, CONFIRMED]


def test_every_nth_trade_goes_the_scripted_way_until_calm():
    bench = Bench()
    bench.exchange.settlements.script_every(plan(FAILED), 3)
    trades = [trade_of(bench) for _ in range(6)]
    bench.exchange.settlements.calm()
    trades += [trade_of(bench) for _ in range(3)]

    let_pass(bench, 2_000)

    assert [trade.status is FAILED for trade in trades] == [False, False, True] * 2 + [False] * 3


def test_named_trade_goes_on_another_way_from_now():
    bench = Bench(confirm_delay_ms=2_000)
    trade, other = trade_of(bench), trade_of(bench)
    let_pass(bench, 1_000)

    bench.exchange.clearing.redirect(trade.id, (Wait(RETRYING, 10), Wait(MINED, 10)), bench.now_ms)
    let_pass(bench, 5_000)

    assert words(trade) == [MATCHED, MINED, RETRYING, MINED]
    assert words(other) == [MATCHED, MINED, CONFIRMED]


@pytest.mark.parametrize("status", [CONFIRMED, FAILED])
def test_settled_or_unknown_trade_cannot_be_redirected(status: TradeStatus):
    bench = Bench()
    bench.exchange.settlements.script_next(plan(MINED, status), 1)
    trade = trade_of(bench)
    let_pass(bench, 1_000)

    for trade_id in (trade.id, "no such trade"):
        with pytest.raises(ValueError, match=r"cannot follow|expected the id"):
            bench.exchange.clearing.redirect(trade_id, (Wait(FAILED, 0),), bench.now_ms)


def test_retry_is_mined_under_a_new_hash():
    bench = Bench()
    bench.exchange.settlements.script_next(plan(MINED, RETRYING, MINED, CONFIRMED), 1)
    trade = trade_of(bench)

    let_pass(bench, 1_000)

    hashes = [step.transaction_hash for step in trade.steps]
    assert hashes[0] == ""
    assert hashes[1] == hashes[2] != hashes[3] == hashes[4]
    assert len(hashes[1]) == len(hashes[3]) == 66


def test_trade_can_stay_matched_for_minutes_or_for_good():
    bench = Bench()
    bench.exchange.settlements.script_next(plan(MINED, CONFIRMED, delay_ms=600_000), 1)
    bench.exchange.settlements.script_next(plan(), 1)
    slow, stuck = trade_of(bench), trade_of(bench)

    let_pass(bench, 599_999)
    assert slow.status is stuck.status is MATCHED
    let_pass(bench, 600_001)
    assert (slow.status, stuck.status) == (CONFIRMED, MATCHED)


def test_bought_shares_cannot_be_sold_before_they_are_confirmed():
    bench = Bench(confirm_delay_ms=2_000)
    bench.sell("ann", 40, 20)
    bench.buy("ben", 40, 20)
    sale = bench.order("ben", Side.SELL, 50, 120)

    early = bench.place(sale)
    let_pass(bench, 1_000)
    mined = bench.place(bench.order("ben", Side.SELL, 50, 120))
    let_pass(bench, 1_000)
    bench.sell("ben", 50, 120)

    assert early == mined == balance_too_low(100 * MILLION, 120 * MILLION)


def test_proceeds_of_a_sale_cannot_be_spent_before_they_are_confirmed():
    bench = Bench(confirm_delay_ms=2_000)
    bench.buy("ben", 40, 100)
    bench.sell("ann", 40, 100)

    assert bench.usdc("ann") == 1_040 * MILLION
    assert isinstance(bench.place(bench.order("ann", Side.BUY, 10, 10_001)), Refusal)
    let_pass(bench, 2_000)
    bench.buy("ann", 10, 10_001)


@pytest.mark.parametrize(
    "course",
    [
        (FAILED,),
        (MINED, FAILED),
        (RETRYING, FAILED),
        (MINED, RETRYING, FAILED),
        (MINED, RETRYING, MINED, FAILED),
    ],
)
@pytest.mark.parametrize("mode", ["transfer", "mint", "merge"])
def test_failed_trade_gives_everything_back_once(mode: str, course: tuple[TradeStatus, ...]):
    bench = Bench(fee=FEE_4_PERCENT)
    names = ("ann", "ben")
    before = [(bench.usdc(name), bench.shares(name), bench.shares(name, 1)) for name in names]
    bench.exchange.settlements.script_next(plan(*course), 1)
    match mode:
        case "transfer":
            bench.sell("ann", 40, 20)
            placed = bench.buy("ben", 40, 20)
        case "mint":
            bench.buy("ann", 60, 20, token_index=1)
            placed = bench.buy("ben", 40, 20)
        case _:
            bench.sell("ann", 60, 20, token_index=1)
            placed = bench.sell("ben", 40, 20)
    assert [(bench.usdc(name), bench.shares(name), bench.shares(name, 1)) for name in names] != before

    for _ in range(20):
        let_pass(bench, 100)
        bench.check_books()

    assert words(placed.trades[0]) == [MATCHED, *course]
    assert [(bench.usdc(name), bench.shares(name), bench.shares(name, 1)) for name in names] == before
    assert bench.exchange.bank.fees == 0
    assert placed.order.state is OrderState.MATCHED
    for account in bench.exchange.bank.accounts.values():
        assert account.settled_usdc == account.usdc
        assert not any(account.unconfirmed_shares.values())


def test_facts_tell_every_step_and_the_unbroadcast_one_first():
    bench = Bench()
    bench.exchange.settlements.script_next(plan(MATCHED, MINED, CONFIRMED, start=UNBROADCAST), 1)
    trade_of(bench)
    let_pass(bench, 1_000)

    told = [fact.status for fact in bench.facts() if isinstance(fact, TradeMoved)]

    assert told == [UNBROADCAST, MATCHED, MINED, CONFIRMED]


def test_odds_give_the_shares_asked_for_and_depend_on_seed_and_trade_alone():
    odds = Odds("7", failed=35, retrying=20, delay_min_ms=10, delay_max_ms=50)
    plans = [odds.plan(f"trade {number}") for number in range(2_000)]

    failed = sum(plan.course[-1].status is FAILED for plan in plans)
    retried = sum(
        plan.course[-1].status is CONFIRMED and any(wait.status is RETRYING for wait in plan.course)
        for plan in plans
    )
    assert 640 < failed < 760
    assert 340 < retried < 460
    assert {plan.course[0].status for plan in plans if plan.course[-1].status is FAILED} == {
        FAILED,
        MINED,
        RETRYING,
    }
    assert all(10 <= wait.delay_ms <= 50 for plan in plans for wait in plan.course)
    assert [odds.plan(f"trade {number}") for number in reversed(range(2_000))] == plans[::-1]
    assert (
        Odds("8", 35, 20, 10, 50).plan("trade 1") != plans[1]
        or Odds("8", 35, 20, 10, 50).plan("trade 2") != plans[2]
    )


@pytest.mark.parametrize(
    ("failed", "retrying", "shortest", "longest"),
    [(-1, 0, 0, 1), (60, 41, 0, 1), (0, 0, 5, 4), (0, 0, 0, 10**9)],
)
def test_odds_beyond_reason_are_refused(failed: int, retrying: int, shortest: int, longest: int):
    with pytest.raises(ValueError, match="expected"):
        Odds("7", failed, retrying, shortest, longest)


def test_table_of_what_follows_is_complete_and_ends_where_a_trade_is_final():
    assert set(FOLLOWS) == set(TradeStatus)
    assert {status for status, following in FOLLOWS.items() if not following} == {
        status for status in TradeStatus if status.is_final
    }


def test_course_against_the_table_or_the_clock_is_refused():
    for course in (
        (Wait(CONFIRMED, 0),),
        (Wait(MINED, -1),),
        (Wait(MINED, 10**9),),
        (Wait(FAILED, 0), Wait(MINED, 0)),
        (Wait(RETRYING, 0), Wait(MINED, 0)) * 26,
    ):
        with pytest.raises(ValueError, match=r"cannot follow|expected"):
            check_course(MATCHED, course)
    with pytest.raises(ValueError, match="start matched"):
        Plan(MINED, ())

"""Whatever is traded, nothing appears and nothing vanishes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.fees import FeeCurve
from engine.domain.units import Ms, Price, Size, Usdc
from engine.simulator.chain import Approve, BusyError, Chain, Deed, Merge, Operate, Redeem, Split
from engine.simulator.contracts import CONDITIONAL_TOKENS, settlement_of
from engine.simulator.exchange import Placed
from engine.simulator.market import BookSide, Side
from engine.simulator.orders import OrderState, OrderType, TradeStatus
from engine.simulator.settlement import Odds
from tests.unit.simulator.bench_market import Bench

orders = st.tuples(
    st.sampled_from(["ann", "ben", "cat"]),
    st.sampled_from(list(Side)),
    st.integers(1, 99),
    st.integers(500, 30_000).map(lambda lots: lots / 100),
    st.sampled_from([0, 1]),
    st.sampled_from(["GTC", "FAK", "SPEND", "GTD", "POST"]),
)
cancels = st.tuples(st.just("cancel"), st.integers(0, 40))
waits = st.tuples(st.just("wait"), st.integers(0, 3_000))
curves = st.builds(FeeCurve, rate=st.integers(0, 250_000), exponent=st.sampled_from([1, 2]))
who = st.sampled_from(["ann", "ben", "cat"])
deeds = st.tuples(
    st.just("deed"),
    who,
    st.sampled_from(["approve", "operator", "split", "merge", "redeem"]),
    st.integers(1, 200_000_000),
    st.booleans(),
)
upsets = st.one_of(
    st.tuples(st.just("withdraw"), who, st.integers(1, 100)), st.tuples(st.just("resolve"), st.booleans())
)
Step = tuple[object, ...]


@given(steps=st.lists(st.one_of(orders, cancels, waits), max_size=45), curve=curves)
@settings(max_examples=150, deadline=None)
def test_random_trading_conserves_cash_and_shares(steps: Sequence[Step], curve: FeeCurve):
    bench = Bench(fee=curve)
    ids: list[tuple[str, str]] = []
    for step in steps:
        _act(bench, step, ids)
        bench.check_books()
        _check_reservations(bench)
        _check_uncrossed(bench)


@given(
    steps=st.lists(st.one_of(orders, cancels, waits), max_size=45),
    curve=curves,
    odds=st.builds(
        Odds,
        seed=st.text("abc", max_size=3),
        failed=st.integers(0, 60),
        retrying=st.integers(0, 40),
        delay_min_ms=st.just(1),
        delay_max_ms=st.integers(1, 2_000),
    ),
)
@settings(max_examples=150, deadline=None)
def test_failing_trades_conserve_cash_and_shares_and_leave_what_was_confirmed(
    steps: Sequence[Step], curve: FeeCurve, odds: Odds
):
    bench = Bench(fee=curve)
    bench.exchange.settlements.odds = odds
    ids: list[tuple[str, str]] = []
    for step in steps:
        _act(bench, step, ids)
        bench.check_books()
        _check_reservations(bench)
        _check_holds(bench)
    bench.now_ms = Ms(bench.now_ms + 100_000)
    bench.exchange.settle(bench.now_ms)

    bench.check_books()
    assert all(trade.status.is_final for trade in bench.exchange.trades)
    for name in ("ann", "ben", "cat"):
        cash, shares = _recomputed(bench, name)
        assert bench.usdc(name) == cash
        assert [bench.shares(name, index) for index in (0, 1)] == shares


@given(
    steps=st.lists(st.one_of(orders, cancels, waits, deeds, upsets), max_size=45),
    curve=curves,
    failed=st.integers(0, 50),
)
@settings(max_examples=150, deadline=None)
def test_chain_acts_withdrawals_and_results_conserve_cash_and_shares(
    steps: Sequence[Step], curve: FeeCurve, failed: int
):
    bench = Bench(fee=curve)
    bench.exchange.settlements.odds = Odds("acts", failed, 20, 1, 1_000)
    chain = Chain(bench.exchange, id_seed="acts")
    ids: list[tuple[str, str]] = []
    for step in steps:
        if step[0] == "deed":
            _do(bench, chain, step)
        elif step[0] == "withdraw":
            _withdraw(bench, step)
        elif step[0] == "resolve":
            if bench.market.condition_id not in bench.exchange.resolutions:
                bench.exchange.resolve(bench.market, 1 if step[1] else 0, bench.now_ms)
        elif len(step) == 2 or bench.market.condition_id not in bench.exchange.resolutions:
            _act(bench, step, ids)
        chain.advance(bench.now_ms)
        bench.check_books()
        _check_reservations(bench)
        _check_holds(bench)
        for account in bench.exchange.bank.accounts.values():
            assert min(account.allowances.values()) >= 0


@given(steps=st.lists(orders, min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_refused_order_changes_nothing(steps: Sequence[Step]):
    bench = Bench(fee=FeeCurve(rate=70_000, exponent=1))
    for step in steps:
        before = _picture(bench)
        bench.facts()

        accepted = _act(bench, step, [])

        if not accepted:
            assert _picture(bench) == before
            assert bench.facts() == []


@given(steps=st.lists(orders, max_size=30))
@settings(max_examples=80, deadline=None)
def test_nobody_pays_more_than_the_limit(steps: Sequence[Step]):
    bench = Bench()
    for step in steps:
        _act(bench, step, [])

    for trade in bench.exchange.trades:
        for fill in (*trade.takers, *trade.makers):
            terms = bench.exchange.orders[fill.order_id].terms
            if fill.side is Side.BUY:
                assert fill.price <= terms.price
            else:
                assert fill.price >= terms.price


def _do(bench: Bench, chain: Chain, step: Step) -> None:
    """Begin an act on chain, if the wallet is free for one."""
    _, name, kind, amount, allowed = step
    assert isinstance(amount, int)
    settlement = settlement_of(bench.market)
    choices: dict[str, Deed] = {
        "approve": Approve(settlement.exchange if allowed else settlement.adapter, amount),
        "operator": Operate(CONDITIONAL_TOKENS, settlement.exchange, bool(allowed)),
        "split": Split(bench.market, Size(amount)),
        "merge": Merge(bench.market, Size(amount)),
        "redeem": Redeem(bench.market),
    }
    with suppress(BusyError):
        chain.submit(bench.exchange.bank.accounts[str(name)], choices[str(kind)], bench.now_ms)


def _withdraw(bench: Bench, step: Step) -> None:
    """Take a share of what is settled out of an account."""
    _, name, percent = step
    assert isinstance(percent, int)
    amount = Usdc(bench.exchange.bank.accounts[str(name)].settled_usdc * percent // 100)
    if amount:
        bench.exchange.bank.withdraw(str(name), amount, bench.now_ms)
        bench.exchange.end_uncovered(str(name), bench.now_ms)


def _act(bench: Bench, step: Step, ids: list[tuple[str, str]]) -> bool:
    """Carry out one step; tell whether an order was accepted."""
    if step[0] == "wait":
        bench.now_ms += step[1]  # type: ignore[operator,assignment]
        bench.exchange.settle(bench.now_ms)
        return False
    if step[0] == "cancel":
        if ids:
            order_id, owner = ids[step[1] % len(ids)]  # type: ignore[operator]
            bench.exchange.cancel(order_id, owner, bench.now_ms)
        return False
    who, side, cents, shares, token_index, kind = step
    assert isinstance(cents, int)
    assert isinstance(shares, float)
    spends = kind == "SPEND" and side is Side.BUY
    new = bench.order(
        str(who),
        Side(side),
        cents,
        shares,
        token_index=1 if token_index else 0,
        order_type={"FAK": OrderType.FAK, "SPEND": OrderType.FAK, "GTD": OrderType.GTD}.get(
            str(kind), OrderType.GTC
        ),
        budget_cents=int(shares * cents) + 1 if spends else None,
        post_only=kind == "POST",
        expires_ms=bench.now_ms + 1_500 if kind == "GTD" else None,
    )
    placed = bench.place(new)
    if isinstance(placed, Placed):
        ids.append((new.id, str(who)))
    return isinstance(placed, Placed)


def _check_reservations(bench: Bench) -> None:
    """Recompute every reservation from the open orders."""
    for name, account in bench.exchange.bank.accounts.items():
        expected_cash = 0
        expected_shares = dict.fromkeys(bench.market.tokens, 0)
        for order in bench.exchange.open_orders(name):
            if order.terms.side is Side.BUY:
                expected_cash += order.remaining * order.terms.price // 10_000
            else:
                expected_shares[bench.market.tokens[order.terms.token_index]] += order.remaining
        assert account.reserved_usdc == expected_cash
        assert {token: account.reserved_shares[token] for token in expected_shares} == expected_shares
        assert account.free_usdc >= 0
        assert all(account.free_shares(token) >= 0 for token in bench.market.tokens)


def _check_holds(bench: Bench) -> None:
    """Recompute from the trades on their way what may not be used yet; nobody may ever be below it."""
    for name, account in bench.exchange.bank.accounts.items():
        cash, shares = 0, dict.fromkeys(bench.market.tokens, 0)
        for trade in bench.exchange.trades:
            for fill in (*trade.takers, *trade.makers) if not trade.status.is_final else ():
                if fill.account_id == name and fill.side is Side.SELL:
                    cash += fill.cash - fill.fee
                elif fill.account_id == name:
                    shares[bench.market.tokens[fill.token_index]] += fill.size
        assert account.unconfirmed_usdc == cash
        assert {token: account.unconfirmed_shares[token] for token in shares} == shares
        assert account.settled_usdc >= 0
        assert all(account.settled_shares(token) >= 0 for token in shares)


def _recomputed(bench: Bench, name: str) -> tuple[int, list[int]]:
    """Add up the start and every confirmed trade."""
    cash, shares = 1_000_000_000, [100_000_000, 100_000_000]
    for trade in bench.exchange.trades:
        for fill in (*trade.takers, *trade.makers):
            if fill.account_id != name or trade.status is not TradeStatus.CONFIRMED:
                continue
            sign = 1 if fill.side is Side.BUY else -1
            cash -= sign * fill.cash + fill.fee
            shares[fill.token_index] += sign * fill.size
    return cash, shares


def _check_uncrossed(bench: Bench) -> None:
    """Compare the ladder with the open orders, and its two sides with each other."""
    ladder = bench.exchange.ladder(bench.market.condition_id)
    bid, ask = ladder.best(BookSide.BID), ladder.best(BookSide.ASK)
    assert bid is None or ask is None or bid < ask
    for side in BookSide:
        totals: dict[Price, int] = {}
        for order in bench.exchange.orders.values():
            if order.state is OrderState.LIVE and order.terms.book_side is side:
                price = order.terms.book_price
                totals[price] = totals.get(price, 0) + order.remaining
        assert {price: ladder.size_at(side, price) for price in ladder.prices(side)} == totals


def _held(shares: Mapping[str, int]) -> dict[str, int]:
    return {token: amount for token, amount in shares.items() if amount}


def _picture(bench: Bench) -> object:
    bank = bench.exchange.bank
    return (
        [
            (account.usdc, account.reserved_usdc, _held(account.shares), _held(account.reserved_shares))
            for account in bank.accounts.values()
        ],
        dict(bank.locked),
        bank.fees,
        [(order.terms.id, order.remaining, order.state) for order in bench.exchange.orders.values()],
        len(bench.exchange.trades),
    )

"""Events that never come, and orders that the exchange holds back.

`python -m tests.campaigns.late_events --dropped 200 --delayed 60 --seed 1`, in virtual time.

Dropped: every terminal event of the user stream (an order's last, a trade's last) is lost; every order still
reaches the exchange's own end within 30 s of it. Delayed: every second leg of a set is answered `delayed` and
decided 1 to 15 s later; no leg is sent again meanwhile, and every batch ends complete or is told.
"""

import argparse
import sys
from collections import Counter
from random import Random

from engine.domain.commands import AskCancel
from engine.domain.ids import OrderId, TicketId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.ticket import TicketState
from engine.domain.units import SIZE_ONE, Size
from engine.domain.views import RefusalView
from engine.simulator.event_faults import TERMINAL
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.orders import Order, OrderState
from engine.simulator.rest import RestRequest
from tests.campaigns.ghost_fills import Trader
from tests.campaigns.stage import SECOND, Result, Stage, percentile, played, staged
from tests.simulation.network import is_post

GOAL_S = 30
DELAY_S = (1, 15)
ENDS = (TicketState.DONE, TicketState.MISSED, TicketState.BROKEN)


def dropped(orders: int, seed: int) -> Result:
    """Lose every terminal event; orders are taken, met, cancelled by the desk or ended by the exchange."""
    waits: list[float] = []
    ends: Counter[str] = Counter()
    with staged(seed) as stage:
        rng = stage.rng("orders")
        stage.venue.faults.arm(Fault(FaultKind.DROP_EVENT, times=10_000, event=TERMINAL))
        for number in range(orders):
            order_id = _one_order(stage, number, rng.randrange(20, 40))
            how = ("taken", "met", "cancelled", "ended by the exchange")[number % 4]
            _end(stage, order_id, how)
            order = stage.venue.exchange.orders[order_id]
            waits.append(_wait_for_end(stage, order, how))
            ends[f"{how}: {order.state.value} and {stage.desk.orders[order_id].state.value}"] += 1
            for _ in range(4):
                stage.venue.flow.step(stage.venue.flow._rng, stage.agenda.now_ms())
            stage.venue.publish()
        lost = Counter(firing.kind for firing in stage.venue.faults.fired)[FaultKind.DROP_EVENT]
        settled = stage.until(lambda: all(f.settled for f in stage.desk.flights.values()), 300)
        stage.run_for(25)
        broken = stage.verdict()
    if not settled:
        broken.append("not everything was settled")
    if max(waits) > GOAL_S:
        broken.append(f"one took {max(waits):.1f} s, expected at most {GOAL_S} s")
    text = (
        f"{orders} orders, {lost} terminal events dropped; from the end at the exchange to ours: p50 "
        f"{percentile(waits, 50):.2f} s, p99 {percentile(waits, 99):.2f} s, max {max(waits):.2f} s\n"
        + "\n".join(f"  {count:>5}  {end}" for end, count in sorted(ends.items()))
    )
    return Result(text, broken)


def _one_order(stage: Stage, number: int, shares: int) -> OrderId:
    """Send one BUY: every fourth takes the best offer, the others rest inside the spread."""
    tokens = stage.tokens()
    token = tokens[number % len(tokens)]
    assert stage.until(lambda: stage.book(token) is not None, 30), "expected a proven book"
    book = stage.book(token)
    assert book is not None, "expected a proven book"
    size = Size(shares * SIZE_ONE)
    if number % 4:
        view = stage.place(token, Side.BUY, book.bids[-1].price, size, TimeInForce.GTC, rests=True)
    else:
        view = stage.place(token, Side.BUY, book.asks[0].price, size, TimeInForce.GTD)
    assert not isinstance(view, RefusalView), f"seed {stage.seed}, order {number}: {view}"
    order_id = stage.newest().order_id
    assert stage.until(lambda: order_id in stage.venue.exchange.orders, 10), f"{order_id} never arrived"
    return order_id


def _wait_for_end(stage: Stage, order: Order, how: str) -> float:
    """Go on until the desk holds an order for ended; return how many seconds later than the exchange."""
    order_id = OrderId(order.terms.id)
    assert stage.until(lambda: order.ended_ms is not None, 120), f"{order_id} ({how}) rests"
    ended = stage.until(lambda: stage.desk.orders[order_id].state.is_final, 120)
    assert ended, f"seed {stage.seed}: {order_id} ({how}) never ended"
    assert order.ended_ms is not None, "it has just ended"
    return (stage.agenda.now_ms() - order.ended_ms) / 1_000


def _end(stage: Stage, order_id: OrderId, how: str) -> None:
    """Bring an order to its end."""
    stage.run_for(1)
    order = stage.venue.exchange.orders[order_id]
    match how:
        case "met":
            index = order.terms.token_index
            stage.venue.hands.meet(order, index, order.remaining, stage.agenda.now_ms())
        case "cancelled":
            stage.ask(AskCancel(order_id))
        case "ended by the exchange":
            stage.venue.exchange.cancel(order_id, stage.account_id, stage.agenda.now_ms())
        case _:
            pass
    stage.venue.publish()


def delayed(batches: int, seed: int) -> Result:
    """Hold every second leg of every batch back."""
    states: Counter[str] = Counter()
    posts: list[int] = []
    with staged(seed) as stage:
        trader = Trader(stage, stage.rng("trader"))
        rng = stage.rng("delays")
        count = [0]

        def count_posts(request: RestRequest) -> bool:
            count[0] += is_post(request)
            return False

        stage.line.refuses = count_posts
        sent = 0
        for _ in range(20 * batches):
            if sent >= batches:
                break
            stage.resume()
            trader.thaw()
            trader.stir()
            _hold_back(stage, rng)
            before, at_us = set(stage.desk.flights), stage.agenda.now_us
            trader.buy_set()
            for ticket_id in set(stage.desk.flights) - before:
                sent += 1
                posted = count[0]
                states[_state(stage, ticket_id)] += 1
                assert stage.agenda.now_us - at_us < 200 * SECOND, f"{ticket_id} took too long"
                posts.append(count[0] - posted)
        assert sent >= batches, f"seed {seed}: {trader.refused} and {sent} batches"
        settled = stage.until(lambda: all(f.settled for f in stage.desk.flights.values()), 600)
        stage.run_for(25)
        broken = stage.verdict()
        told = {alert.key for alert in stage.told()}
        broken += [
            f"{t.ticket_id} is {t.state.value} and was not told"
            for t in stage.desk.tickets.values()
            if t.state is TicketState.BROKEN and not any(t.ticket_id in key for key in told)
        ]
        again = sum(sent.departed > 1 for sent in stage.truth.sent.values())
        steps = [order.steps[0].state for order in stage.truth.own_orders()]
        held = sum(state is OrderState.DELAYED for state in steps)
        legs = len(stage.truth.sent)
    if not settled:
        broken.append("not everything was settled")
    if again or any(posts):
        broken.append(f"{again} legs were sent again, {sum(posts)} posts while a batch was in flight")
    text = (
        f"{sent} batches of {legs} legs in all, {held} legs held back {DELAY_S[0]} to {DELAY_S[1]} s: "
        f"{again} sent again, tickets {dict(sorted(states.items()))}"
    )
    return Result(text, broken)


def _hold_back(stage: Stage, rng: Random) -> None:
    """Let every second market of every event hold marketable orders back, each as long as is drawn."""
    for event in stage.venue.catalogue.events:
        for market in event.markets[1::2]:
            delay_ms = rng.randint(*DELAY_S) * 1_000
            stage.venue.exchange.taker_delays[market.spec.condition_id] = delay_ms


def _state(stage: Stage, ticket_id: TicketId) -> str:
    """Wait until a batch has come to its end; return which."""
    stage.until(lambda: stage.desk.tickets[ticket_id].state in ENDS, 190)
    return stage.desk.tickets[ticket_id].state.value


def main(arguments: list[str]) -> int:
    """Run both parts and print their figures; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.late_events")
    parser.add_argument("--dropped", type=int, default=200)
    parser.add_argument("--delayed", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    return played(
        [
            (lambda: dropped(asked.dropped, asked.seed)) if asked.dropped else None,
            (lambda: delayed(asked.delayed, asked.seed)) if asked.delayed else None,
        ],
        asked.seed,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

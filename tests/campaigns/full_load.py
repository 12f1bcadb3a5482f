"""As many orders as the venue's limits admit, and a start that finds a thousand of them open.

`python -m tests.campaigns.full_load --seconds 600 --open 1000 --seed 1`, in virtual time.

Steady: orders are asked for without pause for so long, and cancelled by the hundred; the exchange enforces
the lowest tier's buckets and the windows of the address, and must never have to answer 429 until all is
cancelled at once, which may overdraw the bucket for whatever left at the same moment. Restarted: the desk is
killed with so many orders resting, some are filled meanwhile; it is ready within 5 s.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter

from engine.core.state import live_orders
from engine.domain.commands import AskCancel, OutcomeRef, PlaceOrder
from engine.domain.ids import TokenId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.rates import TIERS
from engine.domain.refusal import RefusalKind
from engine.domain.units import SIZE_ONE, Price, Size
from engine.domain.views import Gate, RefusalView, View
from tests.campaigns.stage import SECOND, Result, Stage, played, staged

READY_GOAL_S = 5
CANCELLED_AT = 120
"""So many resting orders are cancelled at once."""
ASKS_AT_ONCE = 4
MET_WHILE_DOWN = 50
SIZE = Size(20 * SIZE_ONE)


def steady(seconds: int, seed: int) -> Result:
    """Ask for resting orders without pause, and cancel them by the hundred."""
    refused: Counter[str] = Counter()
    tier = TIERS[0]
    with staged(seed) as stage:
        stage.venue.ip_windows.enforced = True
        began_us = stage.agenda.now_us
        placed = _press_on(stage, began_us + seconds * SECOND, refused)
        span_s = (stage.agenda.now_us - began_us) / SECOND
        statuses = dict(sorted(stage.line.statuses.items()))
        done = _wind_up(stage)
        broken = stage.verdict()
    if not done:
        broken.append("not every order came to an end")
    if statuses.get(429):
        broken.append(f"{statuses[429]} answers were 429")
    text = (
        f"{placed} orders in {span_s:.0f} virtual s, {placed / span_s:.1f} a second (tier {tier.name} "
        f"refills {tier.order_rate}); {statuses.get(429, 0)} answers 429\n"
        f"  answers by status: {statuses}; asks refused by the desk: {dict(refused)}"
    )
    return Result(text, broken)


def _press_on(stage: Stage, until_us: int, refused: Counter[str]) -> int:
    """Keep some asks waiting all the time; return how many led to an order."""
    tokens, asked, placed = stage.tokens(), 0, 0
    waiting: list[asyncio.Task[View]] = []
    cancels: list[asyncio.Task[View]] = []
    while stage.agenda.now_us < until_us:
        while len(waiting) < ASKS_AT_ONCE:
            token = tokens[asked % len(tokens)]
            asked += 1
            waiting.append(stage.asking(_lowest(token, stage.venue.exchange.tokens[token][0].tick)))
        assert stage.until(lambda: any(ask.done() for ask in waiting), 60), "no answer"
        for ask in [ask for ask in waiting if ask.done()]:
            waiting.remove(ask)
            view = ask.result()
            if isinstance(view, RefusalView):
                refused[view.refusal.kind.value] += 1
                stage.run_for(0.02)
            else:
                placed += 1
        if sum(1 for _ in live_orders(stage.desk)) >= CANCELLED_AT and all(c.done() for c in cancels):
            cancels = [stage.asking(AskCancel(code=event.code)) for event in stage.desk.events.values()]
    return placed


def _lowest(token: TokenId, tick: Price) -> PlaceOrder:
    """Return a BUY that rests at the lowest price."""
    return PlaceOrder(OutcomeRef(token_id=token), Side.BUY, tick, SIZE, TimeInForce.GTC, rests=True)


def _rest(stage: Stage, token: TokenId) -> View | None:
    """Ask for a BUY that rests at the lowest price."""
    book = stage.book(token)
    if book is None:
        stage.run_for(0.2)
        return None
    return stage.ask(_lowest(token, book.tick))


def _wind_up(stage: Stage) -> bool:
    """Cancel everything and wait until nothing is open."""
    stage.ask(AskCancel())
    done = stage.until(lambda: all(flight.settled for flight in stage.desk.flights.values()), 300)
    stage.run_for(25)
    return done


def restarted(orders: int, seed: int) -> Result:
    """Kill the desk with so many orders resting, let some be filled, and start it again."""
    with staged(seed) as stage:
        tokens, placed = stage.tokens(), 0
        while placed < orders:
            view = _rest(stage, tokens[placed % len(tokens)])
            if isinstance(view, RefusalView):
                assert view.refusal.kind is RefusalKind.RATE_LIMITED, f"seed {seed}: {view}"
                stage.run_for(0.5)
            else:
                placed += 1
        stage.run_for(5)
        stage.crash()
        resting = stage.venue.exchange.open_orders(stage.account_id)
        for order in resting[:MET_WHILE_DOWN]:
            met = Size(order.remaining // 2)
            stage.venue.hands.meet(order, order.terms.token_index, met, stage.agenda.now_ms())
        stage.venue.publish()
        stage.run_for(3)
        began, began_us = time.perf_counter(), stage.agenda.now_us
        stage.begin()
        assert stage.until(stage.is_up, 60), f"seed {seed}: never ready"
        real_s, virtual_s = time.perf_counter() - began, (stage.agenda.now_us - began_us) / SECOND
        gate = stage.desk.gate
        none_open = stage.until(lambda: not stage.venue.exchange.open_orders(stage.account_id), 60)
        cancelled_s = (stage.agenda.now_us - began_us) / SECOND
        settled = stage.until(lambda: all(f.settled for f in stage.desk.flights.values()), 300)
        stage.run_for(25)
        broken = stage.verdict()
        fills = len(stage.truth.own_fills())
        limited = stage.line.statuses.get(429, 0)
    if gate is not Gate.RUN or not (none_open and settled):
        broken.append(f"gate {gate.value}, none open: {none_open}, settled: {settled}")
    if virtual_s + real_s > READY_GOAL_S:
        broken.append(f"ready after {virtual_s:.2f} + {real_s:.2f} s, expected {READY_GOAL_S} s at most")
    text = (
        f"start with {len(resting)} open orders, {fills} met while the desk was down: gate "
        f"{gate.value} after {virtual_s:.2f} s of latencies and {real_s:.2f} s of this machine's time\n"
        f"  the exchange held none of them {cancelled_s:.2f} virtual s after the start; {limited} x 429"
    )
    return Result(text, broken)


def main(arguments: list[str]) -> int:
    """Run both parts and print their figures; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.full_load")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--open", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    return played(
        [
            (lambda: restarted(asked.open, asked.seed)) if asked.open else None,
            (lambda: steady(asked.seconds, asked.seed)) if asked.seconds else None,
        ],
        asked.seed,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

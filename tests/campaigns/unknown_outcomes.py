"""Posts whose outcome the desk cannot know: each becomes one order of known state, or none, and never two.

`python -m tests.campaigns.unknown_outcomes --accepted 1000 --lost 200 --outages 20 --seed 1`, virtual time.

Accepted and never answered: a time-out, a reset, a cut body, a web page, a 500 or rubbish after the exchange
has taken the order. Outage: every answer is lost for 60 s. Lost: the bytes never arrive, or are deferred.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.core.state import Desk
from engine.domain.commands import AskCancel
from engine.domain.events import Event
from engine.domain.ids import OrderId
from engine.domain.market import Side
from engine.domain.order import OrderState, TimeInForce
from engine.domain.units import SIZE_ONE, Size
from engine.domain.views import Gate, RefusalView
from engine.simulator.faults import Fault, FaultKind
from engine.simulator.rest import RestRequest
from tests.campaigns.stage import SECOND, Result, Stage, percentile, played, staged
from tests.simulation.network import is_post

GOAL_S, OUTAGE_GOAL_S, LOST_GOAL_S = 5, 10, 120
OUTAGE_S = 60
AFTER_ACCEPTANCE = {
    "time-out": FaultKind.NO_ANSWER,
    "reset": FaultKind.LATE_REQUEST,
    "cut body": FaultKind.CUT_ANSWER,
    "web page": FaultKind.HTML_ANSWER,
    "500": FaultKind.ERROR_ANSWER,
    "not JSON": FaultKind.GARBLED_ANSWER,
    "empty body": FaultKind.EMPTY_ANSWER,
}
"""What happens to the answer after the exchange has taken the order."""
NEVER_ARRIVED = ("swallowed", "reset", "no connection", "425")
UNRESOLVED = (OrderState.SENDING, OrderState.UNKNOWN)


@dataclass
class Fates:
    """When the desk lost sight of each order, and when it knew again; virtual microseconds."""

    stage: Stage
    watched: set[OrderId] = field(default_factory=set)
    unknown_us: dict[OrderId, int] = field(default_factory=dict)
    resolved_us: dict[OrderId, int] = field(default_factory=dict)

    def look(self, desk: Desk, _event: Event) -> None:
        """Note what a step has changed."""
        for order_id in list(self.watched):
            order = desk.orders.get(order_id)
            if order is None:
                continue
            if order.state is OrderState.UNKNOWN:
                self.unknown_us.setdefault(order_id, self.stage.agenda.now_us)
            elif order.state not in UNRESOLVED:
                self.resolved_us[order_id] = self.stage.agenda.now_us
                self.watched.discard(order_id)

    def wait_for(self, order_id: OrderId) -> None:
        """Go on until the desk knows what became of an order."""
        known = self.stage.until(lambda: order_id in self.resolved_us, 400)
        assert known, f"seed {self.stage.seed}: {order_id} was never resolved"


def _buy(stage: Stage, number: int, *, patience_s: float = 20) -> str:
    """Send a single BUY: every second one rests far below the market, the others meet the best offer.

    Return why it was refused, "" if it was sent.
    """
    tokens = stage.tokens()
    token = tokens[number % len(tokens)]
    stage.until(lambda: stage.book(token) is not None, patience_s)
    book = stage.book(token)
    if book is None or not book.asks:
        return "no proven book with an offer"
    size = Size((20 + number % 7) * SIZE_ONE)
    if number % 2:
        view = stage.place(token, Side.BUY, book.asks[0].price, size, TimeInForce.GTD)
    else:
        view = stage.place(token, Side.BUY, book.tick, size, TimeInForce.GTC, rests=True)
    return view.refusal.text if isinstance(view, RefusalView) else ""


def _refill(stage: Stage) -> None:
    """Let other traders offer what was bought."""
    for _ in range(4):
        stage.venue.flow.step(stage.venue.flow._rng, stage.agenda.now_ms())
    stage.venue.publish()


def _tidy(stage: Stage) -> None:
    """Cancel what rests, and wait until everything is settled."""
    stage.ask(AskCancel())
    done = stage.until(lambda: all(flight.settled for flight in stage.desk.flights.values()), 300)
    assert done, f"seed {stage.seed}: orders that never came to an end"
    stage.run_for(25)


def _once(wanted: Callable[[RestRequest], bool], times: int = 1) -> Callable[[RestRequest], bool]:
    """Return what is true of the next so many such requests."""
    left = [times]

    def strikes(request: RestRequest) -> bool:
        left[0] -= wanted(request)
        return wanted(request) and left[0] >= 0

    return strikes


def signed_twice(stage: Stage) -> tuple[int, int]:
    """Return how many ids have more than one body, and how many intents more than one id."""
    bodies: dict[str, set[str]] = {}
    for entry in stage.venue.log.entries():
        for leg in entry.legs:
            if leg.order_id and entry.method == "POST":
                bodies.setdefault(leg.order_id, set()).add(leg.body_sha256)
    ids = Counter(row["intent_key"] for row in stage.views()["v_order"])
    return sum(len(found) > 1 for found in bodies.values()), sum(count > 1 for count in ids.values())


def accepted(posts: int, seed: int) -> Result:
    """Lose the answer of every post that the exchange accepted, of half of them the stream's word as well."""
    kinds = list(AFTER_ACCEPTANCE)
    waits: dict[str, list[float]] = {kind: [] for kind in kinds}
    streamed = 0
    with staged(seed) as stage:
        fates = Fates(stage)
        stage.watchers.append(fates.look)
        for number in range(posts):
            kind = kinds[number // 2 % len(kinds)]
            stage.venue.faults.arm(Fault(AFTER_ACCEPTANCE[kind], request="POST /order"))
            if number // (2 * len(kinds)) % 2:
                stage.venue.faults.arm(Fault(FaultKind.DROP_EVENT, times=10_000))
            refused = _buy(stage, number)
            assert not refused, f"seed {seed}, post {number}: {refused}"
            order_id = stage.newest().order_id
            fates.watched.add(order_id)
            fates.wait_for(order_id)
            stage.venue.faults.disarm(FaultKind.DROP_EVENT)
            streamed += order_id not in fates.unknown_us
            resolved_us = fates.resolved_us[order_id]
            waits[kind].append((resolved_us - fates.unknown_us.get(order_id, resolved_us)) / SECOND)
            _refill(stage)
            assert not stage.resume(), f"seed {seed}, post {number}: a breaker tripped"
        _tidy(stage)
        broken = stage.verdict()
        bodies, ids = signed_twice(stage)
        orders = len(stage.truth.own_orders())
        spent = stage.agenda.now_us / SECOND
    every = [wait for found in waits.values() for wait in found]
    if orders != posts or bodies or ids:
        broken.append(f"{posts} posts, {orders} orders at the exchange, {bodies} and {ids} signed twice")
    if percentile(every, 99) > GOAL_S:
        broken.append(f"p99 is {percentile(every, 99):.3f} s, expected at most {GOAL_S} s")
    lines = [
        f"{posts} posts accepted and never answered, {spent:.0f} virtual s: " + _twice(orders, bodies, ids),
        f"  from the lost answer (the venue is healthy) to the true state: {_spread(every)}",
        f"  {streamed} of them were told by the account's stream before the answer was given up",
        *(f"    {kind:<11} {len(found):>5}  {_spread(found)}" for kind, found in waits.items() if found),
    ]
    return Result("\n".join(lines), broken)


def outages(rounds: int, seed: int) -> Result:
    """Lose every answer of submits for a minute; in every second round every other answer and event, too."""
    waits: list[float] = []
    posts = trips = refused = 0
    with staged(seed) as stage:
        fates = Fates(stage)
        stage.watchers.append(fates.look)
        for number in range(rounds):
            stage.line.mutes = is_post if number % 2 else lambda _: True
            if not number % 2:
                stage.venue.faults.arm(Fault(FaultKind.DROP_EVENT, times=10_000))
            ends_us = stage.agenda.now_us + OUTAGE_S * SECOND
            mine: list[OrderId] = []
            while stage.agenda.now_us < ends_us - 6 * SECOND:
                if not _buy(stage, posts, patience_s=0):
                    mine.append(stage.newest().order_id)
                    fates.watched.add(mine[-1])
                    posts += 1
                else:
                    refused += 1
                stage.run_for(2)
            stage.run_for((ends_us - stage.agenda.now_us) / SECOND)
            health_us = stage.agenda.now_us
            stage.line.mutes = lambda _: False
            stage.venue.faults.disarm(FaultKind.DROP_EVENT)
            for order_id in mine:
                fates.wait_for(order_id)
            waits += [max(0, fates.resolved_us[order] - health_us) / SECOND for order in mine]
            stage.run_for(20)
            trips += stage.resume()
            assert stage.desk.gate is Gate.RUN, f"the gate is {stage.desk.gate}: {stage.desk.gate_reason}"
            _refill(stage)
        _tidy(stage)
        broken = stage.verdict()
        bodies, ids = signed_twice(stage)
        orders = len(stage.truth.own_orders())
        held_back = sum(not sent.departed for sent in stage.truth.sent.values())
    if orders + held_back != posts or bodies or ids:
        broken.append(f"{posts} posts, {orders} orders at the exchange, {bodies} and {ids} signed twice")
    if max(waits) > OUTAGE_GOAL_S:
        broken.append(f"one took {max(waits):.3f} s after recovery, expected at most {OUTAGE_GOAL_S} s")
    text = (
        f"{rounds} outages of {OUTAGE_S} s, {posts} posts: {_twice(orders, bodies, ids)}\n"
        f"  {held_back} held back by the last gate, {refused} refused by a closed gate or a stale book; "
        f"{trips} times resumed\n"
        f"  from recovery to the true state: {_spread(waits)}"
    )
    return Result(text, broken)


def lost(posts: int, seed: int) -> Result:
    """Let posts never arrive: proven dead, or the same bytes again, and the reserve given back once."""
    waits: dict[str, list[float]] = {kind: [] for kind in NEVER_ARRIVED}
    ends: Counter[str] = Counter()
    with staged(seed) as stage:
        fates = Fates(stage)
        stage.watchers.append(fates.look)
        for number in range(posts):
            kind = NEVER_ARRIVED[number % len(NEVER_ARRIVED)]
            assert stage.until(lambda: stage.desk.gate is Gate.RUN, 300), stage.desk.gate_reason
            _lose(stage, kind)
            refused = _buy(stage, number // 2)
            assert not refused, f"seed {seed}, post {number}: {refused}"
            order_id, began_us = stage.newest().order_id, stage.agenda.now_us
            fates.watched.add(order_id)
            fates.wait_for(order_id)
            waits[kind].append((fates.resolved_us[order_id] - began_us) / SECOND)
            sent = stage.desk.orders[order_id]
            ends[f"{kind}: {'the same bytes again, ' if sent.sends > 1 else ''}{sent.state.value}"] += 1
            stage.line.swallows = stage.line.refuses = lambda _: False
            _refill(stage)
            assert not stage.desk.standing.tripped, f"seed {seed}, post {number}: a breaker tripped"
        _tidy(stage)
        broken = stage.verdict()
        bodies, ids = signed_twice(stage)
        orders = len(stage.truth.own_orders())
        broken += _released_once(stage)
    every = [wait for found in waits.values() for wait in found]
    if max(every) > LOST_GOAL_S or bodies or ids:
        broken.append(f"the longest took {max(every):.1f} s; {bodies} and {ids} signed twice")
    lines = [
        f"{posts} posts that never arrived at first: {_twice(orders, bodies, ids)}",
        f"  from the first send to the proven state: {_spread(every)}",
        *(f"    {kind:<13} {_spread(found)}" for kind, found in waits.items() if found),
        *(f"    {count:>5}  {end}" for end, count in sorted(ends.items())),
    ]
    return Result("\n".join(lines), broken)


def _lose(stage: Stage, kind: str) -> None:
    match kind:
        case "swallowed":
            stage.line.swallows = _once(is_post)
        case "reset":
            stage.venue.faults.arm(Fault(FaultKind.LOST_REQUEST, request="POST /order"))
        case "no connection":
            stage.line.refuses = _once(is_post)
        case _:
            stage.venue.faults.arm(Fault(FaultKind.RESTARTING, request="POST /order"))


def _released_once(stage: Stage) -> list[str]:
    """Return every dead order whose reserve was not given back in one piece, or not whole."""
    moves: dict[str, list[tuple[str, int]]] = {}
    views = stage.views()
    for row in views["v_risk"]:
        moves.setdefault(row["order_id"], []).append((row["move"], row["amount"]))
    found = []
    for row in views["v_order"]:
        if row["state"] in ("dead", "rejected") and not row["filled"]:
            mine = moves[row["order_id"]]
            reserved = sum(amount for move, amount in mine if move == "reserve")
            released = [amount for move, amount in mine if move == "release"]
            if released != [reserved]:
                found.append(f"{row['order_id']} reserved {reserved} and released {released}")
    return found


def _twice(orders: int, bodies: int, ids: int) -> str:
    return f"{orders} orders at the exchange, {bodies} ids with two bodies, {ids} intents with two ids"


def _spread(seconds: list[float]) -> str:
    """Return the figures of some waits."""
    return (
        f"p50 {percentile(seconds, 50):.3f} s, p99 {percentile(seconds, 99):.3f} s, max {max(seconds):.3f} s"
    )


def main(arguments: list[str]) -> int:
    """Run the three parts and print their figures; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.unknown_outcomes")
    parser.add_argument("--accepted", type=int, default=1_000)
    parser.add_argument("--outages", type=int, default=20)
    parser.add_argument("--lost", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    return played(
        [
            (lambda: accepted(asked.accepted, asked.seed)) if asked.accepted else None,
            (lambda: outages(asked.outages, asked.seed)) if asked.outages else None,
            (lambda: lost(asked.lost, asked.seed)) if asked.lost else None,
        ],
        asked.seed,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

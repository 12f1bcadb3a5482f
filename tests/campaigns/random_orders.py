"""Random orders: what the desk calls sendable is taken by the exchange's own checks, the rest has a reason.

No HTTP: signed bodies go straight into the exchange's order entry, which recovers every signature:
`python -m tests.campaigns.random_orders --orders 100000 --seed 1`.
"""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

from engine.core.order_terms import order_problem, terms_of
from engine.domain.fees import FeeCurve
from engine.domain.ids import TokenId
from engine.domain.market import TICKS, Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import LOT, PRICE_ONE, Ms, Price, Size, Usdc
from engine.simulator.auth import ApiKey
from engine.simulator.conduct import Conduct
from engine.simulator.exchange import Exchange, Placed
from engine.simulator.market import BookSide, MarketSpec, mirrored
from engine.simulator.market import Side as VenueSide
from engine.simulator.order_entry import OrderEntry
from engine.simulator.orders import NewOrder, OrderType
from engine.venue.order_body import prepare_order
from engine.venue.order_wire import KILL_TEXTS
from tests.support.venue_orders import ACCOUNT, ADDRESS, CREDENTIALS, INSTALL_SECRET, INTENT, random_token

NOW = Ms(1_790_000_000_000)
RICH = Usdc(10**19)
SHARES = Size(10**17)
MIN_SIZES = (1_000_000, 5_000_000, 15_000_000)
KEY = ApiKey(ADDRESS, CREDENTIALS.key, CREDENTIALS.secret, CREDENTIALS.passphrase)
MAKER = "maker"
KINDS = [kind for kind in TimeInForce if kind.value in {known.value for known in OrderType}]


@dataclass
class Tally:
    """What became of the orders."""

    sent: Counter[str] = field(default_factory=Counter)
    """By type and fate, of what the desk calls sendable."""
    refused: Counter[str] = field(default_factory=Counter)
    """By reason, of what it refuses."""
    matches: int = 0
    """Resting orders that were met; the exchange asserts that cash and shares of each are exact."""
    faults: list[str] = field(default_factory=list)


class RandomOrders:
    """Markets of every tick on one exchange, with a maker on every price of each."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.tally = Tally()
        self.markets = [self._market(tick, neg_risk) for tick in sorted(TICKS) for neg_risk in (False, True)]
        self.exchange = Exchange(self.markets, id_seed=str(seed), confirm_delay_ms=0)
        self.entry = OrderEntry(self.exchange, RICH, Conduct())
        account = self.entry.account_of(KEY, ACCOUNT.signature_type.value, NOW)
        bank = self.exchange.bank
        bank.open_account(MAKER, address="0xmaker", owner=MAKER, insider=True)
        bank.deposit(MAKER, RICH, NOW)
        for market in self.markets:
            for holder in (account.id, MAKER):
                bank.split(holder, market, SHARES)
            self._quote(market)

    def run(self, orders: int) -> Tally:
        """Judge so many orders."""
        for number in range(orders):
            self._one(number)
        return self.tally

    def _one(self, number: int) -> None:
        market = self.random.choice(self.markets)
        intent = self._intent(market, number)
        index = market.tokens.index(intent.token_id)
        touch = self._touch(market, index, intent.side)
        refusal = order_problem(terms_of(intent), min_size=market.min_size, venue_ms=NOW, touch=touch)
        if refusal is not None:
            self.tally.refused[refusal.kind.value] += 1
            if not refusal.text.startswith("expected"):
                self._fault(number, intent, f"a refusal without words: {refusal.text}")
            return
        order = prepare_order(intent, ACCOUNT, owner=CREDENTIALS.key, install_secret=INSTALL_SECRET)
        body = json.loads(order.body)
        if not _holds_limit(intent, body["order"]):
            self._fault(number, intent, f"worse than its limit: {body['order']}")
        judged = self.entry.judge(KEY, body, NOW)
        fate = "taken"
        if isinstance(judged.outcome, Placed):
            self.exchange.cancel(judged.order_id, judged.outcome.order.terms.account_id, NOW)
            self._refill(market, judged.outcome)
        elif any(text in judged.outcome.text for text in KILL_TEXTS):
            fate = "taken and killed"
        else:
            self._fault(number, intent, f"the exchange says: {judged.outcome.text}")
        if judged.order_id != order.order_id:
            self._fault(number, intent, f"expected id {order.order_id}, found {judged.order_id}")
        post_only = " post-only" if intent.post_only else ""
        self.tally.sent[f"{intent.time_in_force.value}{post_only} {intent.side.value}: {fate}"] += 1
        self.exchange.take_facts()

    def _intent(self, market: MarketSpec, number: int) -> OrderIntent:
        """Any order: most are nearly right, so that every rule is the only one broken at some time."""
        draw = self.random
        tick = market.tick if draw.random() < 0.98 else Price(draw.choice([3, 30, 500, 1_001]))
        price = draw.randrange(0, PRICE_ONE // tick + 1) * tick
        if draw.random() < 0.1:
            price = draw.randrange(-10, PRICE_ONE + 10)
        size = draw.randrange(0, 10 ** draw.randint(2, 7)) * LOT
        if draw.random() < 0.1:
            size += draw.choice([-LOT, 1, 100, 5_000])
        kind = draw.choice(KINDS)
        if kind in (TimeInForce.FAK, TimeInForce.FOK) and draw.random() < 0.5:
            size = size // 1_000_000 * 1_000_000
        ahead = draw.choice([-10, 0, 179, 180, 181, 220, 86_400, 10**6])
        timed = (kind is TimeInForce.GTD) != (draw.random() < 0.05)
        return replace(
            INTENT,
            leg=number,
            token_id=TokenId(draw.choice(market.tokens)),
            side=draw.choice(list(Side)),
            neg_risk=market.neg_risk,
            tick=tick,
            price=Price(price),
            size=Size(size),
            time_in_force=kind,
            post_only=draw.random() < (0.3 if kind in (TimeInForce.GTC, TimeInForce.GTD) else 0.05),
            created_ms=NOW,
            expiration_s=NOW // 1000 + ahead if timed else 0,
        )

    def _market(self, tick: Price, neg_risk: bool) -> MarketSpec:
        return MarketSpec(
            condition_id="0x" + self.random.randbytes(32).hex(),
            tokens=(random_token(self.random), random_token(self.random)),
            outcomes=("Yes", "No"),
            tick=tick,
            min_size=Size(self.random.choice(MIN_SIZES)),
            fee=FeeCurve(40_000, 1),
            neg_risk=neg_risk,
            accepting=True,
            taker_delay=False,
        )

    def _quote(self, market: MarketSpec) -> None:
        """Let the maker stand on every price but the middle one, at the ends with all that can be taken."""
        middle = PRICE_ONE // 2 // market.tick * market.tick
        for price in range(market.tick, PRICE_ONE, market.tick):
            if price != middle:
                self._rest(market, Price(price), VenueSide.BUY if price < middle else VenueSide.SELL)

    def _refill(self, market: MarketSpec, placed: Placed) -> None:
        """Let the maker stand again on every price that this order has emptied."""
        ladder, gone = self.exchange.ladder(market.condition_id), placed.order.terms.book_side.opposite
        for trade in placed.trades:
            price = mirrored(placed.order.terms.token_index, trade.takers[0].price)
            self.tally.matches += len(trade.takers)
            if ladder.size_at(gone, price) == 0:
                self._rest(market, price, VenueSide.BUY if gone is BookSide.BID else VenueSide.SELL)

    def _rest(self, market: MarketSpec, price: Price, side: VenueSide) -> None:
        last = price in (market.tick, PRICE_ONE - market.tick)
        size = SHARES // 4 if last else self.random.randrange(500, 60_000) * LOT
        new = NewOrder(
            id="0x" + self.random.randbytes(32).hex(),
            account_id=MAKER,
            condition_id=market.condition_id,
            token_index=0,
            side=side,
            price=price,
            size=Size(size),
            order_type=OrderType.GTC,
        )
        assert isinstance(self.exchange.place(new, NOW), Placed)

    def _touch(self, market: MarketSpec, index: int, side: Side) -> Price | None:
        """Return the best price that an order on this token would meet."""
        bids = (index == 0) == (side is Side.BUY)
        best = self.exchange.ladder(market.condition_id).best(BookSide.ASK if bids else BookSide.BID)
        return None if best is None else mirrored(index, best)

    def _fault(self, number: int, intent: OrderIntent, words: str) -> None:
        self.tally.faults.append(f"seed {self.seed}, order {number}: {words}; {terms_of(intent)}")


def _holds_limit(intent: OrderIntent, order: dict[str, str]) -> bool:
    """Tell whether the two signed amounts imply a price no worse than the limit."""
    gives, takes = int(order["makerAmount"]), int(order["takerAmount"])
    if intent.side is Side.BUY:
        return gives * PRICE_ONE <= intent.price * takes
    return takes * PRICE_ONE >= intent.price * gives


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    began = time.monotonic()
    tally = RandomOrders(told.seed).run(told.orders)
    sent, refused = tally.sent.total(), tally.refused.total()
    lines = [
        f"seed {told.seed}: {told.orders} orders in {time.monotonic() - began:.0f} s",
        f"sendable: {sent}, refused here: {refused}, matches: {tally.matches}, faults: {len(tally.faults)}",
        *(f"  {count:8d}  {name}" for name, count in sorted(tally.sent.items())),
        "refused, by reason:",
        *(f"  {count:8d}  {name}" for name, count in tally.refused.most_common()),
        *tally.faults[:10],
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()

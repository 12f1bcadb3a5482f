"""Liquidity rewards and maker rebates: sampled each minute, paid at 00:00 UTC of the venue's clock.

A sample gives 1/1440 of a market's daily pool to those who score then (protocol 8.3). A day of less than a
dollar is not paid. The insiders share the pools; what falls to them is not paid out. Nothing here is random.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from engine.domain.rewards import DAY_MS, PAYOUT_MIN
from engine.domain.units import Ms, Usdc
from engine.simulator.bank import Account
from engine.simulator.catalogue import Catalogue, Event, Market
from engine.simulator.catalogue_seed import RewardSeed
from engine.simulator.exchange import Exchange
from engine.simulator.orders import Order, TradeStatus
from engine.simulator.scoring import Standing, score, stand, twice_mid

SAMPLE_MS = 60_000
_SAMPLES_PER_DAY = DAY_MS // SAMPLE_MS
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_FINE = 10**6
"""Parts of a micro-dollar in which earnings add up."""


@dataclass(frozen=True, slots=True)
class Rewarded:
    """One market with a pool."""

    event: Event
    market: Market
    terms: RewardSeed

    @property
    def condition_id(self) -> str:
        """The market's id."""
        return self.market.spec.condition_id


@dataclass(frozen=True, slots=True)
class Payment:
    """One account's rewards or rebates of one day, market by market."""

    account_id: str
    day: str
    rebate: bool
    rows: Mapping[str, Usdc]
    at_ms: Ms

    @property
    def amount(self) -> Usdc:
        """What was credited."""
        return Usdc(sum(self.rows.values()))


def day_text(at_ms: int) -> str:
    """Return the UTC day of a time as the wire writes it."""
    return date.fromordinal(_EPOCH_ORDINAL + at_ms // DAY_MS).isoformat()


class Rewards:
    """Samples, earnings and payments of one venue."""

    def __init__(self, exchange: Exchange, catalogue: Catalogue, now_ms: Ms) -> None:
        self._exchange = exchange
        self._catalogue = catalogue
        self._next_ms = (now_ms // SAMPLE_MS + 1) * SAMPLE_MS
        self._earned: defaultdict[tuple[str, str], defaultdict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        self.payments: list[Payment] = []

    def markets(self) -> Iterator[Rewarded]:
        """Yield every market that has rewards and takes orders."""
        for event in self._catalogue.events:
            if event.seed.rewards is None:
                continue
            for market in event.markets:
                taking = market.trades and market.spec.accepting
                if taking and market.spec.condition_id not in self._exchange.resolutions:
                    yield Rewarded(event, market, event.seed.rewards)

    def of(self, condition_id: str) -> Rewarded | None:
        """Return one market with rewards, or None."""
        return next((known for known in self.markets() if known.condition_id == condition_id), None)

    def standing(self, rewarded: Rewarded, at_ms: Ms) -> Standing:
        """Return who scores in a market."""
        return stand(self._exchange.ladder(rewarded.condition_id), rewarded.terms, at_ms)

    def scores(self, order: Order, at_ms: Ms) -> bool:
        """Tell whether an order scores at this moment."""
        rewarded = self.of(order.terms.condition_id)
        if rewarded is None:
            return False
        mid2 = twice_mid(self._exchange.ladder(rewarded.condition_id), rewarded.terms)
        return mid2 is not None and score(order, rewarded.terms, mid2, at_ms) > 0

    def earned(self, account_id: str, day: str) -> dict[str, Usdc]:
        """Return what an account has earned on a day so far, by market, rounded down; paid or not."""
        rows: Mapping[str, int] = self._earned.get((day, account_id), {})
        return {condition: Usdc(fine // _FINE) for condition, fine in rows.items() if fine >= _FINE}

    def advance(self, now_ms: Ms) -> None:
        """Take the samples that are due and pay days that are over.

        Asked before anything else happens: since the last time books have changed by age and expiry alone.
        """
        while self._next_ms <= now_ms:
            first = self._next_ms
            if first % DAY_MS == 0:
                self._exchange.settle(Ms(first))  # a trade that has failed by then brings no rebate
                self._pay(Ms(first))
            self._next_ms = min((first // DAY_MS + 1) * DAY_MS, (now_ms // SAMPLE_MS + 1) * SAMPLE_MS)
            for rewarded in self.markets():
                self._sample(rewarded, first, self._next_ms)

    def _sample(self, rewarded: Rewarded, first_ms: int, end_ms: int) -> None:
        """Share out the samples of a market from `first_ms` on and before `end_ms`, all of one day."""
        at_ms = first_ms
        while at_ms < end_ms:
            standing = self.standing(rewarded, Ms(at_ms))
            count = -(-(min(end_ms, standing.until_ms) - at_ms) // SAMPLE_MS)
            day, total = day_text(at_ms), standing.total
            for account_id, points in standing.scores.items():
                if not self._exchange.bank.accounts[account_id].insider:
                    fine = rewarded.terms.daily * _FINE * points * count // (total * _SAMPLES_PER_DAY)
                    self._earned[day, account_id][rewarded.condition_id] += fine
            at_ms += count * SAMPLE_MS

    def _pay(self, at_ms: Ms) -> None:
        """Credit what the day before came to, rewards and rebates each for itself."""
        day = day_text(at_ms - 1)
        for account in [known for known in self._exchange.bank.accounts.values() if not known.insider]:
            for rebate, rows in (
                (False, self.earned(account.id, day)),
                (True, self._rebates(account, at_ms)),
            ):
                payment = Payment(account.id, day, rebate, rows, at_ms)
                if payment.amount >= PAYOUT_MIN:
                    self._exchange.bank.deposit(account.id, payment.amount, at_ms)
                    self.payments.append(payment)

    def _rebates(self, account: Account, at_ms: Ms) -> dict[str, Usdc]:
        """Return a maker's part of the taker fees of the day that ends, by market, rounded down.

        The pool is a share of the fees, divided by `shares x rate x p (1 - p)` of each maker's fills; that is
        what their takers paid, so a maker gets its share of the fees paid against it.
        """
        fees: defaultdict[str, int] = defaultdict(int)
        for trade in self._exchange.trades:
            if not at_ms - DAY_MS <= trade.matched_ms < at_ms or trade.status is TradeStatus.FAILED:
                continue
            for taker, maker in zip(trade.takers, trade.makers, strict=True):
                if maker.account_id == account.id:
                    fees[trade.condition_id] += taker.fee
        found = (
            (condition, self._catalogue.find_condition(condition), fee) for condition, fee in fees.items()
        )
        return {
            condition: Usdc(fee * place[0].seed.rebate_percent // 100)
            for condition, place, fee in found
            if place is not None and fee * place[0].seed.rebate_percent >= 100
        }

"""Ghost fills: a third of all trades fails after it was matched, and the desk is killed in the middle.

`python -m tests.campaigns.ghost_fills --trades 500 --failed 35 --seed 1`, in virtual time. Single BUYs, SELLs
of what is confirmed, and whole Dutch sets; every step of a settlement takes 10 to 50 s. Failed trades trip a
breaker by design: the scripted operator looks, resumes and goes on.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from engine.core.exposure.inventory import sellable, shares
from engine.domain.commands import AskResume, OpenDutch, Press
from engine.domain.ids import TokenId
from engine.domain.market import Side
from engine.domain.order import TimeInForce
from engine.domain.ticket import Move, TicketState
from engine.domain.units import LOT, SIZE_ONE, Size
from engine.domain.views import RefusalView, TicketView
from engine.simulator.catalogue_seed import WINDOW_EVENTS
from engine.simulator.orders import TradeStatus
from engine.simulator.settlement import Odds
from tests.campaigns.stage import Result, Stage, played, staged

DELAY_MS = (10_000, 50_000)
TRIES_MAX = 20
"""Asks per trade wanted: more is a campaign that does not trade."""


@dataclass
class Trader:
    """The scripted operator: asks for something tradable, resumes what a breaker has stopped."""

    stage: Stage
    rng: Random
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    resumes: int = 0
    thaws: int = 0
    messages: int = 100

    def act(self) -> None:
        """Resume what stands still, then trade once."""
        self.resumes += self.stage.resume()
        self.thaw()
        self.stir()
        kind = self.rng.choice(("BUY", "SELL", "set", "set"))
        refusal = self.buy_set() if kind == "set" else self._single(Side(kind))
        if refusal:
            self.refused[refusal] += 1
        else:
            self.sent[kind] += 1

    def stir(self) -> None:
        """Let the other traders act."""
        for _ in range(self.rng.randrange(4, 12)):
            self.stage.venue.flow.step(self.stage.venue.flow._rng, self.stage.agenda.now_ms())
        self.stage.venue.publish()

    def thaw(self) -> None:
        """Lift every event's freeze."""
        desk = self.stage.desk
        for event in [event for event in desk.events.values() if event.event_id in desk.frozen]:
            self.stage.ask(AskResume(event.code, confirmed=True))
            self.thaws += 1

    def _single(self, side: Side) -> str:
        stage = self.stage
        tokens = stage.tokens()
        if side is Side.SELL:
            tokens = [token for token in tokens if sellable(stage.desk, token) >= 5 * SIZE_ONE]
        if not tokens:
            return "nothing confirmed to sell"
        token = self.rng.choice(tokens)
        book = stage.book(token)
        levels = None if book is None else book.asks if side is Side.BUY else book.bids
        if not levels:
            return "no proven book"
        size = Size(self.rng.randrange(20, 60) * SIZE_ONE)
        if side is Side.SELL:
            size = Size(min(size, sellable(stage.desk, token), levels[0].size) // LOT * LOT)
        kind = TimeInForce.GTD if side is Side.BUY else TimeInForce.FAK
        view = stage.place(token, side, levels[0].price, size, kind)
        return view.refusal.kind.value if isinstance(view, RefusalView) else ""

    def buy_set(self) -> str:
        """Buy a set through its card: dry, confirm, send; return why nothing was sent, "" if it was."""
        stage = self.stage
        slug = self.rng.choice(tuple(WINDOW_EVENTS))
        if not stage.venue.flow.windows.is_open(slug):
            stage.venue.flow.open_window(slug, 30_000, stage.agenda.now_ms())
            stage.venue.publish()
        stage.run_for(1.5)
        code = next(event.code for event in stage.desk.events.values() if event.slug == slug)
        view = stage.ask(OpenDutch(code, Size(self.rng.randrange(5, 40) * SIZE_ONE)))
        if isinstance(view, RefusalView):
            return view.refusal.kind.value
        assert isinstance(view, TicketView), f"expected a card, was {view}"
        ticket_id = view.ticket.ticket_id
        self.messages += 1
        assert stage.process is not None, "expected a desk"
        assert stage.process.service is not None, "expected a desk"
        stage.process.service.card_shown(ticket_id, self.messages)
        stage.run_for(0.3)
        for move in (Move.CONFIRM, Move.SEND):
            stage.run_for(0.9)
            ticket = stage.desk.tickets[ticket_id]
            if not ticket.state.is_open:
                return "the card ran out"
            pressed = stage.ask(Press(ticket_id, move, ticket.version, self.messages))
            if isinstance(pressed, RefusalView):
                return pressed.refusal.kind.value
        stage.until(lambda: not stage.desk.tickets[ticket_id].state.is_open, 5)
        state = stage.desk.tickets[ticket_id].state
        return "" if state not in (TicketState.DRY, TicketState.ARMED) else "back to dry: worse terms"


def ghosts(trades: int, failed: int, seed: int) -> Result:
    """Trade until so many of our trades were matched, then wait until all are settled, and compare."""
    with staged(seed) as stage:
        odds = Odds(f"{seed}/ghosts", failed, 10, *DELAY_MS)
        stage.venue.exchange.settlements.odds = odds
        trader = Trader(stage, stage.rng("trader"))
        unfinished_at_crash = 0
        for _ in range(TRIES_MAX * trades):
            if len(own_trades(stage)) >= trades:
                break
            trader.act()
            stage.run_for(trader.rng.choice((0.2, 1, 4, 12)))
            if not unfinished_at_crash and len(own_trades(stage)) >= trades // 2:
                unfinished_at_crash = sum(not _is_final(s) for s in own_trades(stage).values())
                stage.crash()
                stage.run_for(30)
                stage.start()
        assert len(own_trades(stage)) >= trades, f"seed {seed}: {trader.refused} and too few trades"
        settled = stage.until(lambda: _all_settled(stage), 900)
        stage.run_for(40)
        trader.resumes += stage.resume()
        stage.run_for(25)
        broken = stage.verdict()
        if not settled:
            broken.append("not everything was settled within 900 s")
        broken += _compare(stage)
        statuses = Counter(status.value for status in own_trades(stage).values())
        orders = Counter(order.terms.side.value for order in stage.truth.own_orders())
        virtual_s = stage.agenda.now_us / 1e6
    lines = [
        f"{sum(statuses.values())} trades in {virtual_s:.0f} virtual s: {dict(sorted(statuses.items()))}",
        f"  asked and sent: {dict(trader.sent)}; orders at the exchange: {dict(orders)}",
        f"  killed with {unfinished_at_crash} unsettled; {trader.resumes} resumes, {trader.thaws} thaws",
        f"  refused: {dict(trader.refused)}",
    ]
    return Result("\n".join(lines), broken)


def own_trades(stage: Stage) -> dict[str, TradeStatus]:
    """Return the status of every trade of ours at the exchange."""
    return {
        trade.id: trade.status
        for trade in stage.venue.exchange.trades
        if any(part.account_id == stage.account_id for part in (*trade.takers, *trade.makers))
    }


def _is_final(status: TradeStatus) -> bool:
    return status in (TradeStatus.CONFIRMED, TradeStatus.FAILED)


def _all_settled(stage: Stage) -> bool:
    flights = stage.desk.flights.values()
    return all(_is_final(s) for s in own_trades(stage).values()) and all(f.settled for f in flights)


def _compare(stage: Stage) -> list[str]:
    """Compare what the desk holds with confirmed settlements, and what it told with the ghosts there were."""
    found = []
    held: Counter[TokenId] = Counter()
    for fill, status in stage.truth.own_fills().values():
        if status is TradeStatus.CONFIRMED:
            token = TokenId(_token(stage, fill.order_id))
            held[token] += fill.size if fill.side.value == "BUY" else -fill.size
    ours = shares(stage.desk)
    if ours != {token: size for token, size in held.items() if size}:
        found.append(f"the desk holds {ours}, confirmed settlements make {held}")
    account = stage.venue.exchange.bank.accounts[stage.account_id]
    if stage.desk.balance != account.usdc:
        found.append(f"the desk's balance is {stage.desk.balance}, the exchange's {account.usdc}")
    legs = Counter(sent.leg for sent in stage.truth.sent.values())
    found += [f"leg {leg} was bought with {count} orders" for leg, count in legs.items() if count > 1]
    told = Counter(word for alert in stage.told() if _is_ghost(alert.key) for word in [alert.key])
    failed = [trade for trade, status in own_trades(stage).items() if status is TradeStatus.FAILED]
    found += [
        f"ghost {trade} was told {sum(count for key, count in told.items() if trade in key)} times"
        for trade in failed
        if sum(count for key, count in told.items() if trade in key) != 1
    ]
    if len(told) != len(failed):
        found.append(f"{len(failed)} ghosts, {len(told)} told")
    return found


def _is_ghost(key: str) -> bool:
    return key.startswith("void:")


def _token(stage: Stage, order_id: str) -> str:
    terms = stage.venue.exchange.orders[order_id].terms
    return stage.venue.exchange.markets[terms.condition_id].tokens[terms.token_index]


def main(arguments: list[str]) -> int:
    """Run the campaign and print its figures; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.ghost_fills")
    parser.add_argument("--trades", type=int, default=500)
    parser.add_argument("--failed", type=int, default=35, help="percent of trades (default 35)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    return played([lambda: ghosts(asked.trades, asked.failed, asked.seed)], asked.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

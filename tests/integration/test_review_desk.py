"""Found by a second reading of the whole desk: what an operator is told, and whether it arrives."""

import asyncio

from bot import cards
from bot.alert_lane import AlertLane
from bot.board import CardBoard
from bot.card import Card, Look
from bot.cards_result import broken_card
from config.settings import Mode
from engine.clock import ManualClock
from engine.core.trading.watch import status
from engine.domain.effects import ShowTicket
from engine.domain.failure import PostClass
from engine.domain.ids import EventId
from engine.domain.ticket import TicketState
from engine.domain.units import Usdc
from engine.domain.views import Alert, Severity
from engine.metrics import Metrics
from tests.support.builders import NOW, accepted, answer, trade
from tests.support.desk_run import DeskRun, of_kind

LOOK = Look(Mode.LOCAL, NOW)


class SlowSurface:
    """A chat that takes two turns of the loop for a message, as a network does."""

    def __init__(self) -> None:
        self.seen: list[Card] = []

    async def post(self, card: Card, *, urgent: bool, silent: bool) -> int | None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.seen.append(card)
        return len(self.seen)

    async def edit(self, message_id: int, card: Card, *, urgent: bool) -> int | None:
        return message_id

    def wait_ms(self) -> int:
        return 0


async def test_the_alert_that_the_desk_stops_is_sent_before_the_chat_ends() -> None:
    """`Service` raises it and ends; the chat is stopped next, and this alert is the only word people get."""
    surface = SlowSurface()
    lane = AlertLane(name="Ana", surface=surface, look=lambda: LOOK, sleep=asyncio.sleep, metrics=Metrics())
    lane.start()
    await asyncio.sleep(0)
    lane.add(Alert("invariant", Severity.CRIT, "the desk stops", "an invariant is broken", "start it again"))

    await lane.stop()

    assert len(surface.seen) == 1


def test_status_does_not_say_all_well_while_an_event_is_frozen() -> None:
    """The tour itself ends with "RUN, all well" over a broken set in a frozen event."""
    run = DeskRun().start()
    run.freeze(EventId(run.events[0].event_id))

    card = cards.render(status(run.desk, run.at_ms), LOOK)

    assert "all well" not in card.plain
    assert "frozen" in card.plain


def test_the_broken_card_names_no_loss_above_what_the_held_legs_cost() -> None:
    """L and L0 on the card are those of the plan before sending, not of the legs that are held now."""
    run = DeskRun().start()
    one, two, three = run.sent()
    run.answer(
        accepted(one, one.intent.size),
        answer(two, PostClass.REFUSED, "invalid nonce"),
        answer(three, PostClass.REFUSED, "invalid nonce"),
    )
    run.later(10).read(trade(one, name="t1"))
    view = of_kind(run.effects, ShowTicket)[-1].view
    assert view.ticket.state is TicketState.BROKEN
    assert view.result is not None
    assert view.ticket.plan is not None
    spent = Usdc(view.result.cash + view.result.fees)

    card = broken_card(view, view.result, LOOK)

    worst = [line for line in card.plain.splitlines() if "at worst" in line]
    figures = [abs(float(w.rstrip(",."))) for line in worst for w in line.split() if w.startswith("-")]
    assert figures == [] or max(figures) * 1_000_000 <= spent + 10_000, (figures, spent)


class DeafSurface(SlowSurface):
    """A chat that cannot be reached for its first message."""

    deaf = True

    async def post(self, card: Card, *, urgent: bool = False, silent: bool = False) -> int | None:
        if self.deaf:
            self.deaf = False
            return None
        return await super().post(card, urgent=urgent, silent=silent)


class BoardSurface:
    """The same chat as the board sees it."""

    def __init__(self) -> None:
        self.chat = DeafSurface()

    async def post(self, chat_id: int, card: Card) -> int | None:
        return await self.chat.post(card)

    async def edit(self, chat_id: int, message_id: int, card: Card) -> int | None:
        return None if self.chat.deaf else message_id


async def test_the_last_card_of_a_ticket_is_shown_when_the_chat_is_reached_again() -> None:
    """A missed ticket gets no later card: without another try the chat says "sending" for ever."""
    run = DeskRun().start()
    legs = run.sent()
    run.answer(*(answer(leg, PostClass.REFUSED, "invalid nonce") for leg in legs))
    view = of_kind(run.effects, ShowTicket)[-1].view
    assert view.ticket.state is TicketState.MISSED
    surface, clock = BoardSurface(), ManualClock()

    async def sleep(_seconds: float) -> None:
        clock.advance(60_000)
        await asyncio.sleep(0)

    board = CardBoard(surface=surface, bound=lambda *_: None, clock=clock, sleep=sleep, metrics=Metrics())
    board.put(cards.render(view, LOOK), aloud=True)
    for _ in range(100):
        await asyncio.sleep(0)
    await board.close()

    assert len(surface.chat.seen) == 1

"""Found by a second reading of the whole desk: what an operator is told, and whether it arrives."""

import asyncio
from dataclasses import replace

from bot import cards
from bot.alert_lane import AlertLane
from bot.card import Card, Look
from bot.cards_result import broken_card
from config.settings import Mode
from engine.core.watch import status
from engine.domain.failure import PostClass
from engine.domain.ids import EventId
from engine.domain.effects import ShowTicket
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
    lane = AlertLane(
        name="Ana", surface=surface, look=lambda: LOOK, sleep=asyncio.sleep, metrics=Metrics()
    )
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

    vanished = card.plain.split("-")[-1] if False else card.plain
    worst = [line for line in vanished.splitlines() if "at worst" in line]
    figures = [abs(float(w.rstrip(",."))) for line in worst for w in line.split() if w.startswith("-")]
    assert figures == [] or max(figures) * 1_000_000 <= spent + 10_000, (figures, spent)
    assert replace(view, wallet=None) is not None

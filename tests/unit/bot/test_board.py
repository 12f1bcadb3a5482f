"""Ticket cards in the chat: one message, newest facts win, at most one edit a second, bound."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from bot.board import EDIT_EVERY_MS, MOVED_BELOW, RETRIES, RETRY_FIRST_S, RETRY_MAX_S, SLOTS_MAX, CardBoard
from bot.card import Card, TicketMark
from bot.operations import freshness
from engine.domain.ids import TicketId, UserId
from engine.domain.order import OrderState
from engine.domain.ticket import TicketState
from engine.metrics import Metrics
from tests.unit.bot.builders import FILLED, leg_result, make_result, make_ticket, make_view
from tests.unit.bot.fakes import VirtualTime, settle

TICKET = TicketId("T-7K2F")


class Surface:
    """A chat of numbered messages."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.posted = 0
        self.gone: set[int] = set()
        self.deaf = False
        self.broken = False
        self.edits_lost = False
        self.tries = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.answering: asyncio.Event | None = None

    async def _travel(self) -> bool:
        """Take a call's time; False when it does not get through."""
        self.tries += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        if self.answering is not None:
            await self.answering.wait()
        self.in_flight -= 1
        return not self.deaf

    async def post(self, chat_id: int, card: Card) -> int | None:
        if self.broken:
            raise RuntimeError("a fault of ours")
        if not await self._travel():
            return None
        self.posted += 1
        self.seen.append((f"post {self.posted}", card.text_html))
        return self.posted

    async def edit(self, chat_id: int, message_id: int, card: Card) -> int | None:
        if not await self._travel():
            return None
        if self.edits_lost:
            return None
        if message_id in self.gone:
            return await self.post(chat_id, card)
        self.seen.append((f"edit {message_id}", card.text_html))
        return message_id


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def surface() -> Surface:
    return Surface()


@pytest.fixture
def bound() -> list[tuple[TicketId, int]]:
    return []


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def board(
    time: VirtualTime, surface: Surface, bound: list[tuple[TicketId, int]], metrics: Metrics
) -> CardBoard:
    return CardBoard(
        surface=surface,
        bound=lambda ticket_id, message_id: bound.append((ticket_id, message_id)),
        clock=time.clock,
        sleep=time.sleep,
        metrics=metrics,
    )


def card(text: str, *fresh: int, message_id: int | None = None, ticket: TicketId = TICKET) -> Card:
    return Card(text, about=TicketMark(ticket, UserId(1001), 1001, message_id, fresh))


async def test_first_card_is_posted_and_bound(
    board: CardBoard, surface: Surface, bound: list[tuple[TicketId, int]]
) -> None:
    board.put(card("dry", 1))
    await board.shown(TICKET)

    assert surface.seen == [("post 1", "dry")]
    assert bound == [(TICKET, 1)]


async def test_card_of_a_ticket_from_before_the_restart_edits_its_known_message(
    board: CardBoard, surface: Surface
) -> None:
    board.put(card("expired", 2, message_id=33))
    await settle()

    assert surface.seen == [("edit 33", "expired")]


async def test_edits_come_at_most_once_a_second_and_the_latest_wins(
    board: CardBoard, surface: Surface, time: VirtualTime
) -> None:
    board.put(card("dry", 1))
    await settle()
    for n in range(2, 12):
        board.put(card(f"v{n}", n))
        await settle()
    assert surface.seen == [("post 1", "dry"), ("edit 1", "v2")]

    await time.advance(EDIT_EVERY_MS)
    await time.advance(EDIT_EVERY_MS)

    assert surface.seen[2:] == [("edit 1", "v11")]


async def test_card_of_older_facts_is_dropped(board: CardBoard, surface: Surface, time: VirtualTime) -> None:
    """The reply to a press may arrive after the first progress of what it started."""
    board.put(card("2/4 filled", 3, 1, 400))
    await settle()
    board.put(card("sending", 3, 1, 0))
    await time.advance(EDIT_EVERY_MS)

    assert surface.seen == [("post 1", "2/4 filled")]


async def test_same_card_again_is_not_sent(board: CardBoard, surface: Surface, time: VirtualTime) -> None:
    board.put(card("dry", 1))
    await settle()
    board.put(card("dry", 1))
    await time.advance(EDIT_EVERY_MS)

    assert len(surface.seen) == 1


async def test_held_card_waits_for_the_answer_to_the_press(
    board: CardBoard, surface: Surface, time: VirtualTime
) -> None:
    board.put(card("dry", 1))
    await settle()
    armed = card("confirm", 2)
    with board.held(armed):
        board.put(armed)
        await time.advance(5_000)
        assert len(surface.seen) == 1
    await settle()

    assert surface.seen[-1] == ("edit 1", "confirm")


async def test_aloud_card_is_a_new_message_bound_anew_and_the_old_one_points_to_it(
    board: CardBoard, surface: Surface, bound: list[tuple[TicketId, int]]
) -> None:
    board.put(card("sending", 3))
    await settle()
    board.put(card("broken", 4), aloud=True)
    await settle()

    assert surface.seen == [("post 1", "sending"), ("post 2", "broken"), ("edit 1", MOVED_BELOW.text_html)]
    assert bound == [(TICKET, 1), (TICKET, 2)]


async def test_aloud_is_not_lost_when_a_newer_card_comes_before_it_is_shown(
    board: CardBoard, surface: Surface, time: VirtualTime
) -> None:
    board.put(card("sending", 3))
    await settle()
    board.put(card("progress", 3, 1))
    await settle()
    board.put(card("broken", 4), aloud=True)
    board.put(card("broken, settled", 4, 1))
    await time.advance(EDIT_EVERY_MS)

    assert ("post 2", "broken, settled") in surface.seen


async def test_message_that_is_gone_is_replaced_and_bound_anew(
    board: CardBoard, surface: Surface, bound: list[tuple[TicketId, int]]
) -> None:
    board.put(card("dry", 1))
    await settle()
    surface.gone.add(1)
    board.put(card("confirm", 2))
    await settle()

    assert surface.seen[-1] == ("post 2", "confirm")
    assert bound[-1] == (TICKET, 2)


async def test_undeliverable_card_is_not_bound_and_the_next_one_is_tried(
    board: CardBoard, surface: Surface, bound: list[tuple[TicketId, int]]
) -> None:
    surface.deaf = True
    board.put(card("dry", 1))
    await settle()
    surface.deaf = False
    board.put(card("expired", 2))
    await settle()

    assert bound == [(TICKET, 1)]
    assert surface.seen == [("post 1", "expired")]


async def test_post_that_failed_is_tried_again_and_bound(
    board: CardBoard, surface: Surface, bound: list[tuple[TicketId, int]], time: VirtualTime
) -> None:
    surface.deaf = True
    board.put(card("missed", 5))
    await settle()
    surface.deaf = False
    assert bound == []

    await time.advance(RETRY_FIRST_S * 1_000)

    assert surface.seen == [("post 1", "missed")]
    assert bound == [(TICKET, 1)]


async def test_edit_that_failed_is_tried_again_in_the_same_message(
    board: CardBoard, surface: Surface, time: VirtualTime
) -> None:
    """The last card of a ticket has no successor: "sending" would stand there for ever."""
    board.put(card("sending", 3))
    await settle()
    surface.deaf = True
    board.put(card("done", 4))
    await time.advance(600_000)
    surface.deaf = False

    await time.advance(RETRY_MAX_S * 1_000)

    assert surface.seen == [("post 1", "sending"), ("edit 1", "done")]


async def test_card_that_fails_for_ever_is_tried_after_growing_pauses_and_given_up(
    board: CardBoard, surface: Surface, time: VirtualTime, metrics: Metrics
) -> None:
    surface.deaf = True
    board.put(card("done", 4))
    await settle()
    tries = [surface.tries]
    for _ in range(5):
        await time.advance(30_000)
        tries.append(surface.tries)
    more = [after - before for before, after in itertools.pairwise(tries)]
    assert more == [4, 0, 1, 0, 1]  # after 2, 6, 14, 30; 62; 126 seconds

    await time.advance(RETRIES * RETRY_MAX_S * 1_000)
    assert surface.tries == RETRIES + 1
    assert metrics.value("engine_errors", "card_board") == 1

    surface.deaf = False
    board.put(card("done", 4))
    await settle()
    assert surface.seen == [("post 1", "done")]


async def test_newer_card_replaces_the_one_that_waits_for_its_next_try(
    board: CardBoard, surface: Surface, time: VirtualTime
) -> None:
    surface.deaf = True
    board.put(card("sending", 3))
    await settle()
    board.put(card("done", 4))
    board.put(card("sending, late", 3, 1))
    await settle()
    surface.deaf = False
    await time.advance(60_000)

    assert surface.seen == [("post 1", "done")]


async def test_card_that_comes_during_a_failing_try_waits_for_its_end_and_is_the_one_shown(
    board: CardBoard, surface: Surface, time: VirtualTime
) -> None:
    surface.deaf, surface.answering = True, asyncio.Event()
    board.put(card("sending", 3))
    await settle()
    board.put(card("done", 4), aloud=True)
    await time.advance(60_000)
    assert surface.tries == 1

    surface.answering.set()
    await settle()
    surface.deaf = False
    await time.advance(60_000)

    assert surface.seen == [("post 1", "done")]
    assert surface.most_in_flight == 1


async def test_aloud_card_that_failed_is_still_a_new_message_when_it_gets_through(
    board: CardBoard, surface: Surface, bound: list[tuple[TicketId, int]], time: VirtualTime
) -> None:
    board.put(card("sending", 3))
    await settle()
    surface.deaf = True
    board.put(card("broken", 4), aloud=True)
    await settle()
    surface.deaf = False
    await time.advance(60_000)

    assert surface.seen[1:] == [("post 2", "broken"), ("edit 1", MOVED_BELOW.text_html)]
    assert bound == [(TICKET, 1), (TICKET, 2)]


async def test_pointer_that_failed_is_tried_again_without_a_second_message(
    board: CardBoard, surface: Surface, time: VirtualTime
) -> None:
    board.put(card("sending", 3))
    await settle()
    surface.edits_lost = True
    board.put(card("broken", 4), aloud=True)
    await settle()
    assert len(surface.seen) == 2
    surface.edits_lost = False
    await time.advance(60_000)

    assert surface.seen[1:] == [("post 2", "broken"), ("edit 1", MOVED_BELOW.text_html)]


async def test_waiting_for_a_card_ends_with_its_first_failure(board: CardBoard, surface: Surface) -> None:
    """An operator's next command must not wait for pauses that last minutes."""
    surface.deaf = True
    board.put(card("dry", 1))

    await asyncio.wait_for(board.shown(TICKET), 1.0)

    assert surface.tries == 1
    await board.close()


async def test_close_tries_a_failed_card_once_more_and_leaves_no_task(
    board: CardBoard, surface: Surface
) -> None:
    surface.deaf = True
    for n in range(2):
        board.put(card("dry", 1, ticket=TicketId(f"T-{n}")))
    await settle()
    surface.deaf = False

    await board.close()
    await settle()

    assert surface.seen == [("post 1", "dry"), ("post 2", "dry")]
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("card")]


async def test_close_without_network_ends(board: CardBoard, surface: Surface, metrics: Metrics) -> None:
    surface.deaf = True
    board.put(card("dry", 1))

    await board.close()
    await settle()

    assert surface.tries == 1
    assert metrics.value("engine_errors", "card_board") == 1
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("card")]


async def test_fault_after_the_message_was_taken_does_not_repeat_it(
    time: VirtualTime, surface: Surface, metrics: Metrics
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    board = CardBoard(surface=surface, bound=refuse, clock=time.clock, sleep=time.sleep, metrics=metrics)
    board.put(card("broken", 4), aloud=True)
    await time.advance(600_000)

    assert surface.seen == [("post 1", "broken")]


async def test_fault_of_one_card_is_counted_and_leaves_the_others(
    board: CardBoard, surface: Surface, metrics: Metrics
) -> None:
    surface.broken = True
    board.put(card("dry", 1))
    await settle()
    surface.broken = False
    other = TicketId("T-7K2G")
    board.put(card("dry", 1, ticket=other))
    await settle()

    assert metrics.value("engine_errors", "card_board") == 1
    assert surface.seen == [("post 1", "dry")]


async def test_close_shows_what_is_pending(board: CardBoard, surface: Surface) -> None:
    board.put(card("dry", 1))

    await board.close()

    assert surface.seen == [("post 1", "dry")]
    await board.close()


async def test_tickets_beyond_the_bound_are_forgotten(board: CardBoard, surface: Surface) -> None:
    for n in range(SLOTS_MAX + 20):
        board.put(card("dry", 1, ticket=TicketId(f"T-{n:04}")))
        await settle()

    assert len(board._slots) <= SLOTS_MAX + 1


def test_freshness_orders_the_life_of_a_ticket() -> None:
    partial = (*FILLED[:3], leg_result("Hike", OrderState.LIVE, filled=0))
    sending = make_ticket(TicketState.SENDING, version=3)
    life = [
        make_view(make_ticket(TicketState.DRY, version=1)),
        make_view(make_ticket(TicketState.ARMED, version=2)),
        make_view(sending),
        make_view(sending, make_result(partial, accounted=False)),
        make_view(sending, make_result(accounted=False)),
        make_view(sending, make_result(accounted=True)),
        make_view(replace(sending, state=TicketState.BROKEN, version=4), make_result(partial)),
        make_view(replace(sending, state=TicketState.DONE, version=5), make_result()),
        make_view(replace(sending, state=TicketState.DONE, version=5), make_result(settled=True)),
    ]
    marks = [freshness(replace(view, revision=number)) for number, view in enumerate(life)]

    assert marks == sorted(marks)
    assert len(set(marks)) == len(marks)


def test_freshness_of_an_undone_fill_is_newer_though_it_shows_less() -> None:
    """The desk counts its showings; what is on the card says nothing about its age."""
    broken = make_ticket(TicketState.BROKEN, version=4)
    before = replace(make_view(broken, make_result()), revision=7)
    after = replace(make_view(broken, make_result((*FILLED[:3],))), revision=8)

    assert freshness(after) > freshness(before)

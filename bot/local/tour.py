"""The tour engine: a script of steps as values, played in a terminal, each proved by what the chat shows.

A step that does not happen ends the tour with `TourFailed`, whose text names the step, what was expected
and what was seen instead. The concrete script is somebody else's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from bot.local.chat_client import ChatLost, ChatRefused
from bot.local.chat_event import ChatEvent
from bot.local.session import ChatSession
from engine.clock import perf_us

EXPECT_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Say:
    """Write a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """Press the newest button whose label begins with `label`, after a pause for the one who reads along.

    The button may still have to appear; it is waited for.
    """

    label: str
    pause_s: float = 0.0
    timeout_s: float = EXPECT_WITHIN_S


@dataclass(frozen=True, slots=True)
class Expect:
    """Wait for an event that was caused by the last Say, Press or Call. Several may follow, in any order."""

    wanted: Callable[[ChatEvent], bool]
    description: str
    timeout_s: float = EXPECT_WITHIN_S


@dataclass(frozen=True, slots=True)
class Call:
    """Do something outside the chat, such as asking the exchange for a fault. It fails by raising."""

    action: Callable[[], Awaitable[object]]
    description: str
    timeout_s: float = EXPECT_WITHIN_S


Step = Say | Press | Expect | Call


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step that happened."""

    number: int
    description: str
    took_ms: int
    event: ChatEvent | None
    """What an Expect found."""


@dataclass(frozen=True, slots=True)
class TourResult:
    """All steps that happened, in order."""

    steps: tuple[StepReport, ...]
    planned: int

    @property
    def complete(self) -> bool:
        """Whether every planned step happened."""
        return len(self.steps) == self.planned


class TourFailed(Exception):  # noqa: N818 - the name says what happened
    """A step did not happen; `result` holds those before it."""

    def __init__(self, text: str, result: TourResult) -> None:
        super().__init__(text)
        self.result = result


class _Missed(Exception):  # noqa: N818 - turned into TourFailed with the step's number
    """Why a step did not happen."""


def contains(*parts: str) -> Callable[[ChatEvent], bool]:
    """Return a test for a card of the bot whose text has all these parts."""
    return lambda event: event.is_card and all(part in event.text for part in parts)


class Tour:
    """Plays steps in a session that is being followed."""

    def __init__(self, session: ChatSession) -> None:
        self._session = session
        self._after = 0

    async def run(self, steps: Sequence[Step]) -> TourResult:
        """Play all steps and return the report; raises TourFailed at the first that does not happen."""
        reports: list[StepReport] = []
        self._after = await self._session.latest()
        for number, step in enumerate(steps, 1):
            started_us = perf_us()
            try:
                event = await self._play(step)
            except (_Missed, ChatLost, ChatRefused) as missed:
                text = f"Step {number} of {len(steps)} did not happen: {_describe(step)}. {missed}"
                raise TourFailed(text, TourResult(tuple(reports), len(steps))) from missed
            took_ms = (perf_us() - started_us) // 1_000
            reports.append(StepReport(number, _describe(step), took_ms, event))
        return TourResult(tuple(reports), len(steps))

    async def _play(self, step: Step) -> ChatEvent | None:
        match step:
            case Say(text):
                # the session draws the typed line when the transcript shows it
                self._after = await self._session.say(text)
            case Press():
                await self._press(step)
            case Expect():
                return await self._expect(step)
            case Call():
                await self._call(step)
            case _:
                assert_never(step)
        return None

    async def _press(self, step: Press) -> None:
        session = self._session
        await session.wait_until(lambda: session.find_button(step.label) is not None, step.timeout_s)
        await asyncio.sleep(step.pause_s)
        found = session.find_button(step.label)
        if found is None:
            shown = [face.label for card in session.cards_with_buttons()[:1] for face in card.buttons]
            labels = ", ".join(shown) or "none"
            raise _Missed(f"No button begins with {step.label!r}; the newest card's buttons: {labels}.")
        card, number = found
        session.terminal.step(f"[{number}] {card.buttons[number - 1].label}")
        self._after = await session.press(card, number)

    async def _expect(self, step: Expect) -> ChatEvent:
        event = await self._session.wait_for(step.wanted, after=self._after, timeout_s=step.timeout_s)
        if event is not None:
            return event
        last = self._session.last_lines(self._after)
        seen = f"seen instead: {' / '.join(last)}" if last else "the bot showed nothing"
        raise _Missed(f"Waited {step.timeout_s:g} s; {seen}.")

    async def _call(self, step: Call) -> None:
        self._session.terminal.note(f"· {step.description}")
        self._after = await self._session.latest()
        try:
            async with asyncio.timeout(step.timeout_s):
                await step.action()
        except TimeoutError as error:
            raise _Missed(f"It was not finished within {step.timeout_s:g} s.") from error
        except Exception as error:  # boundary: the action is foreign code; whatever stops it ends the tour
            raise _Missed(f"{type(error).__name__}: {error}.") from error


def _describe(step: Step) -> str:
    match step:
        case Say(text):
            return f"say {text!r}"
        case Press(label):
            return f"press {label!r}"
        case Expect():
            return f"expect {step.description}"
        case Call():
            return step.description
        case _:
            assert_never(step)

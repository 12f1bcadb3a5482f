"""The tour: what a first-time operator is shown, as steps that each must happen.

Every step is real: the commands go through the stand-in, the desk and the exchange; what goes wrong is asked
of the exchange's fault director, and the result card is compared with the exchange's ledger.
"""

import json
from typing import Any

import aiohttp

from bot.local.chat_event import ChatEvent
from bot.local.session import ChatSession
from bot.local.tour import Call, Expect, Press, Say, Step, contains
from engine.domain.units import Usdc, format_scaled

SET_EVENT, SET_CODE, SETS = "fed-decision-in-december", "fed5", "100"
SMALL_EVENT, SMALL_CODE, SMALL_SETS = "harbour-cup-winner", "harbour3", "20"
QUIET_EVENT, QUIET_CODE = "coin-index-above-100-in-december", "coin"
HOLD_MS = 60_000
"""How long the exchange keeps a window open for the tour if nobody takes it."""
TOLD_WITHIN_S = 15.0
"""The desk scans every few seconds."""
READ_S = 1.0
"""A person reads the confirm card first; the desk refuses a Send within 0.8 s."""


class LedgerDiffersError(Exception):
    """The card and the exchange's ledger do not agree; the text shows both."""


class ExchangeDirector:
    """Asks the exchange, by its test-only endpoints, for what the tour needs to show."""

    def __init__(self, url: str, session: ChatSession) -> None:
        self._url = url
        self._session = session

    async def open_window(self, slug: str, code: str) -> None:
        """Open a Dutch window in an event, and wait until the desk has told of one there."""
        await self._post("/_local/window", {"event_slug": slug, "hold_ms": HOLD_MS})
        told = contains(f"{code} pays")
        await self._session.wait_until(lambda: self._session.newest(told) is not None, TOLD_WITHIN_S)

    async def refuse_leg(self) -> None:
        """Let the exchange refuse the second leg of the next batch."""
        text = "the market is not yet ready to process new orders"
        await self._post("/_local/faults", {"kind": "reject_leg", "leg": 1, "text": text})

    async def drop_delta(self) -> None:
        """Let the exchange swallow deltas of a market that the tour does not trade.

        A few, because the next change of the same level heals a single one.
        """
        event = await self._get(f"/events/slug/{QUIET_EVENT}")
        token = json.loads(event["markets"][0]["clobTokenIds"])[0]
        await self._post("/_local/faults", {"kind": "drop_delta", "times": 3, "asset_id": token})

    async def compare_ledger(self) -> None:
        """Compare the newest result card with the exchange's ledger, to the micro-dollar."""
        ledger = await self._get("/_local/ledger")
        takes = [row for row in ledger["trades"] if row["role"] == "TAKER"]
        told = self._last_card("settled").text
        expected = {
            "shares": sum(row["size"] for row in takes),
            "cash paid": sum(row["cash"] for row in takes),
            "fees": sum(row["fee"] for row in takes),
        }
        for name, micro in expected.items():
            amount = format_scaled(micro, 6, at_least=6)
            if not any(line.split() == [*name.split(), amount] for line in told.splitlines()):
                raise LedgerDiffersError(f"expected {name} {amount} on the card, the card says:\n{told}")
        spent = Usdc(expected["cash paid"] + expected["fees"])
        wallet = ledger["accounts"][0]["usdc"] + spent
        if wallet != sum(row["usdc"] for row in ledger["deposits"]):
            raise LedgerDiffersError(f"the exchange's balance plus {spent} spent is not what was deposited")
        self._session.terminal.note(
            "  exchange's ledger: "
            + ", ".join(f"{name} {format_scaled(micro, 6, at_least=6)}" for name, micro in expected.items())
        )

    def _last_card(self, word: str) -> ChatEvent:
        card = self._session.newest(contains(word))
        if card is None:
            raise LedgerDiffersError(f"expected a card that says {word!r}, found none")
        return card

    async def _post(self, path: str, body: dict[str, object]) -> None:
        async with _http() as session, session.post(self._url + path, json=body) as answer:
            answer.raise_for_status()

    async def _get(self, path: str) -> dict[str, Any]:
        async with _http() as session, session.get(self._url + path) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found


def _http() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5), trust_env=False)


def tour_steps(director: ExchangeDirector) -> tuple[Step, ...]:
    """Return the tour."""
    return (
        *_greeting(),
        *_read_rules(),
        *_bought_set(director),
        *_lost_delta(director),
        *_broken_ticket(director),
        *_kill_and_resume(),
    )


def _greeting() -> tuple[Step, ...]:
    return (
        Say("/start"),
        Expect(contains("hello"), "the greeting"),
        Say("/status"),
        Expect(contains("status", "RUN"), "a dashboard that reads RUN"),
        Say("/dutch"),
        Expect(contains("scan"), "the scan of all events"),
    )


def _read_rules() -> tuple[Step, ...]:
    """Read the rules behind what is bought, and store that they were read."""
    return (
        Say(f"/review {SET_CODE}"),
        Expect(
            contains("review", SET_CODE, "by config"), "rules that were read before: only those are bought"
        ),
        Say(f"/review {QUIET_CODE}"),
        Expect(
            contains("dry", f"Review {QUIET_CODE}"), "rules nobody has read, with the text and one button"
        ),
        Press("✅ I have read it", pause_s=READ_S),
        Expect(
            contains("done", f"Review {QUIET_CODE}", "reviewed"),
            "stored: these rules were read, by whom, when",
        ),
    )


def _bought_set(director: ExchangeDirector) -> tuple[Step, ...]:
    async def open_window() -> None:
        await director.open_window(SET_EVENT, SET_CODE)

    return (
        Call(open_window, "the exchange opens a Dutch window: five outcomes for less than they pay", 20),
        Say(f"/dutch {SET_CODE} {SETS}"),
        Expect(contains("dry", SET_CODE), "a dry card: nothing is sent"),
        Press("Confirm", pause_s=READ_S),
        Expect(contains("confirm", SET_CODE), "the confirm card with every order's hard limit"),
        Press("Send", pause_s=READ_S),
        Expect(contains("sending", SET_CODE), "progress on the same card"),
        Expect(contains("done", SET_CODE, "matched, settling", "margin if held"), "the result, matched", 20),
        Expect(contains("done", SET_CODE, "settled: margin"), "the result, settled by the exchange", 20),
        Call(director.compare_ledger, "compare the card with the exchange's ledger, to the micro-dollar"),
    )


def _lost_delta(director: ExchangeDirector) -> tuple[Step, ...]:
    return (
        Call(director.drop_delta, "the exchange swallows a few updates of one market"),
        Expect(contains("resync"), "the desk notices by the checksum and fetches the book again", 60),
    )


def _broken_ticket(director: ExchangeDirector) -> tuple[Step, ...]:
    async def open_window() -> None:
        await director.open_window(SMALL_EVENT, SMALL_CODE)

    return (
        Call(open_window, "a second window, in another event", 20),
        Call(director.refuse_leg, "the exchange will refuse one leg of the next batch"),
        Say(f"/dutch {SMALL_CODE} {SMALL_SETS}"),
        Expect(contains("dry", SMALL_CODE), "a small dry card"),
        Press("Confirm", pause_s=READ_S),
        Expect(contains("confirm", SMALL_CODE), "the confirm card"),
        Press("Send", pause_s=READ_S),
        Expect(contains("WARN", "reject"), "the pushed reject alert", 20),
        Expect(
            contains(f"broken · Dutch {SMALL_CODE}"), "the broken card: what is held and what it can lose", 20
        ),
    )


def _kill_and_resume() -> tuple[Step, ...]:
    return (
        Say("/kill"),
        Expect(contains("HALTED"), "the fast answer: halted"),
        Expect(contains("killed", "flat of orders"), "the true answer: the venue shows no order", 15),
        Say("/resume"),
        Expect(contains("Resume", "dry"), "a resume ticket"),
        Press("Confirm", pause_s=READ_S),
        Expect(contains("Resume", "confirm"), "its second step"),
        Press("Resume trading", pause_s=READ_S),
        Expect(contains("Resume", "done"), "the gate is open again", 15),
        Say("/status"),
        Expect(contains("status", "RUN"), "a dashboard that reads RUN"),
    )

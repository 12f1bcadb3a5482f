"""Acts on chain at the local exchange: the `Chain` of `engine.ports` in local mode.

An act is submitted, then asked for until it has ended, as with the real chain; the exchange keeps one in
flight for each wallet and says when it is busy.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

import msgspec

from engine.domain.chain import ActOutcome, ActState, Allowance, Contract
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId
from engine.domain.units import Size, Usdc
from engine.venue.approvals import read_allowances
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import FailureKind, HttpAnswer, HttpClient
from engine.venue.private_calls import body_of
from engine.venue.strict_json import OddAnswer, decode

POLL_S = 0.1
POLLS_MAX = 600
"""A minute; the exchange's usual act takes a second."""


class _Act(msgspec.Struct, frozen=True):
    id: str
    state: str
    error: str
    transaction_hash: str


class _Acts(msgspec.Struct, frozen=True):
    acts: list[_Act]


class _Refusal(msgspec.Struct, frozen=True):
    error: str


class LocalChain:
    """One wallet's acts at a local exchange. The HTTP client is the caller's, who closes it."""

    def __init__(
        self,
        http: HttpClient,
        hosts: VenueHosts,
        wallet: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._hosts = hosts
        self._wallet = wallet
        self._sleep = sleep

    async def allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        """Read what every contract of the pinned table may move, in the table's order."""
        return await read_allowances(self._http, self._hosts.data, self._wallet)

    async def approve_collateral(self, spender: Contract, amount: Usdc) -> ActOutcome:
        """Let `spender` move at most `amount` of collateral from now on; 0 takes the permission back."""
        return await self._act("approve", {"spender": spender.label, "amount": int(amount)})

    async def approve_outcomes(self, operator: Contract, *, allowed: bool) -> ActOutcome:
        """Let `operator` move outcome tokens, or take the permission back."""
        return await self._act(
            "operator", {"operator": operator.label, "token": operator.outcomes, "approved": allowed}
        )

    async def split(self, condition_id: ConditionId, amount: Usdc) -> ActOutcome:
        """Turn collateral into as many YES and NO of one market."""
        return await self._act("split", {"market": condition_id, "amount": int(amount)})

    async def merge(self, condition_id: ConditionId, size: Size) -> ActOutcome:
        """Turn `size` YES and as many NO of one market into collateral."""
        return await self._act("merge", {"market": condition_id, "amount": int(size)})

    async def redeem(self, condition_id: ConditionId) -> ActOutcome:
        """Turn every share of a resolved market into what it pays."""
        return await self._act("redeem", {"market": condition_id})

    async def _act(self, name: str, wish: dict[str, object]) -> ActOutcome:
        """Submit one act and wait for its end."""
        url = f"{self._hosts.clob}/_local/chain/{name}"
        body = json.dumps({"address": self._wallet, **wish}).encode()
        answer = await self._http.request("POST", url, body=body)
        if isinstance(answer, HttpAnswer) and answer.status == 400:
            return ActOutcome(ActState.NOT_SENT, "", _why(answer.body))
        if not isinstance(answer, HttpAnswer) and answer.kind is FailureKind.NOT_SENT:
            return ActOutcome(ActState.NOT_SENT, "", answer.reason)
        raw = body_of(answer, f"POST /_local/chain/{name}")
        if isinstance(raw, VenueFailure):
            return ActOutcome(ActState.UNKNOWN, "", raw.reason)
        try:
            return await self._ended(decode(raw, _Act))
        except OddAnswer as error:
            return ActOutcome(ActState.UNKNOWN, "", str(error))

    async def _ended(self, act: _Act) -> ActOutcome:
        for _ in range(POLLS_MAX):
            if act.state == "CONFIRMED":
                return ActOutcome(ActState.DONE, act.transaction_hash, "")
            if act.state in ("FAILED", "INVALID"):
                return ActOutcome(ActState.FAILED, act.transaction_hash or act.id, act.error or act.state)
            await self._sleep(POLL_S)
            url = f"{self._hosts.clob}/_local/chain/acts"
            answer = await self._http.request("GET", url, query={"id": act.id})
            raw = body_of(answer, "GET /_local/chain/acts")
            if isinstance(raw, VenueFailure):
                return ActOutcome(ActState.UNKNOWN, act.id, raw.reason)
            (act,) = decode(raw, _Acts).acts
        return ActOutcome(ActState.UNKNOWN, act.id, f"still {act.state} after {POLLS_MAX * POLL_S:.0f} s")


def _why(body: bytes) -> str:
    try:
        return decode(body, _Refusal).error[:200]
    except OddAnswer:
        return "refused without a reason"

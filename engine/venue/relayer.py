"""Our order entry at the CLOB: the `Relayer` of `engine.ports`. Signs, sends once, judges; repeats nothing.

It holds the only reference to the POST of orders, and that call demands both witnesses by type and by id.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace

from engine.clock import Clock, perf_us
from engine.domain.account import AccountState, CancelReply
from engine.domain.chain import Allowance
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId, OrderId, TokenId
from engine.domain.order import OrderIntent
from engine.domain.rates import Bucket
from engine.domain.rewards import Earned, PoolShare
from engine.domain.ticket import Approved, Grant
from engine.domain.units import Ms
from engine.domain.venue_state import VenueNote
from engine.ports import (
    CancelReport,
    FoundOrder,
    HeartbeatRefused,
    HeartbeatTaken,
    PreparedOrder,
    SubmitReport,
)
from engine.venue import account_reads, reward_reads
from engine.venue.account_wire import read_cancels, read_heartbeat
from engine.venue.answer_notes import merged, with_legs
from engine.venue.approvals import read_allowances
from engine.venue.auth import ApiCredentials, L2Signer
from engine.venue.endpoints import CANCELS_PER_REQUEST, ORDERS_PER_POST, VenueHosts
from engine.venue.http_client import HttpAnswer, HttpClient, HttpFailure, Lane
from engine.venue.order_body import TradingAccount, prepare_order
from engine.venue.order_wire import judge
from engine.venue.private_calls import PrivateCalls, body_of


class ClobRelayer:
    """Places, cancels and reads orders of one account. The HTTP client is the caller's, who closes it."""

    def __init__(
        self,
        *,
        http: HttpClient,
        hosts: VenueHosts,
        account: TradingAccount,
        credentials: ApiCredentials,
        install_secret: bytes,
        clock: Clock,
    ) -> None:
        assert len(install_secret) >= 16, "expected an install secret of at least 16 bytes"
        self._http = http
        self._clob, self._data_host = hosts.clob, hosts.data
        self._account = account
        self._owner = credentials.key
        self._install_secret = install_secret
        self._calls = PrivateCalls(http, hosts.clob, L2Signer(account.key.address, credentials), clock)

    def set_venue_offset(self, offset_ms: Ms) -> None:
        """Set the venue's clock minus desk time; it is added to every signed request's timestamp."""
        self._calls.venue_offset_ms = offset_ms

    def prepare(self, intents: Sequence[OrderIntent]) -> tuple[PreparedOrder, ...]:
        """Sign: deterministic, the same intent always gives the same id and bytes."""
        return tuple(
            prepare_order(intent, self._account, owner=self._owner, install_secret=self._install_secret)
            for intent in intents
        )

    async def submit(
        self, prepared: Sequence[PreparedOrder], *, approved: Approved, grant: Grant
    ) -> SubmitReport:
        """POST at most 15 orders once and judge every leg; asserts that both witnesses name the plan."""
        assert 1 <= len(prepared) <= ORDERS_PER_POST, f"expected 1 to 15 orders, was {len(prepared)}"
        assert len({order.order_id for order in prepared}) == len(prepared), "expected every order once"
        assert approved.plan_id == grant.plan_id, f"expected one plan: {approved.plan_id}, {grant.plan_id}"
        for order in prepared:
            intent = order.intent
            assert intent.plan_id == grant.plan_id, f"expected plan {grant.plan_id}, was {intent.plan_id}"
            assert intent.ticket_id == grant.ticket_id, f"expected ticket {grant.ticket_id}, {intent.key}"
        started_us = perf_us()
        body = b"[" + b",".join(order.body for order in prepared) + b"]"
        answer = await self._calls.send("POST", "/orders", body=body, lane=Lane.ORDERS)
        answers = judge(prepared, answer)
        return SubmitReport(
            answers=answers,
            note=with_legs(self._calls.note_of(answer, Bucket.ORDERS), prepared, answers),
            request_id=secrets.token_hex(8),
            place_call_us=perf_us() - started_us,
            ack_latency_us=answer.taken_us,
            status=_status(answer),
        )

    async def cancel(self, order_ids: Sequence[OrderId]) -> CancelReport:
        """Cancel by id, at most 100 a request; what was told is kept whatever becomes of the next one.

        A venue that takes no cancels, or not so many, is not asked for the rest.
        """
        replies: list[tuple[OrderId, CancelReply]] = []
        notes: list[VenueNote] = []
        failure: VenueFailure | None = None
        status: int | None = None
        for start in range(0, len(order_ids), CANCELS_PER_REQUEST):
            chunk = order_ids[start : start + CANCELS_PER_REQUEST]
            told = await self._cancel("/orders", json.dumps(chunk, separators=(",", ":")).encode())
            replies.extend(reply for reply in told.replies if reply[0] in chunk)
            notes.append(told.note)
            failure = failure or told.failure
            status = told.status
            if told.failure and (told.note.limited or told.note.sign):
                break
        return CancelReport(tuple(replies), failure, note=merged(notes), status=status)

    async def cancel_market(self, condition_id: ConditionId) -> CancelReport:
        """Cancel every order of the account in one market."""
        body = json.dumps({"market": condition_id}, separators=(",", ":")).encode()
        return await self._cancel("/cancel-market-orders", body)

    async def cancel_all(self) -> CancelReport:
        """Cancel every order of the account, in every market."""
        return await self._cancel("/cancel-all", None)

    async def heartbeat(self, heartbeat_id: str) -> HeartbeatTaken | HeartbeatRefused | VenueFailure:
        """Send one heartbeat; nothing is repeated."""
        body = json.dumps({"heartbeat_id": heartbeat_id}, separators=(",", ":")).encode()
        answer = await self._calls.send("POST", "/v1/heartbeats", body=body, lane=Lane.ORDERS)
        return read_heartbeat(answer)

    async def look_up(
        self, order_id: OrderId, condition_id: ConditionId, since_ms: Ms
    ) -> FoundOrder | VenueFailure:
        """Ask for one order by id and for the trades of its market since then."""
        return await account_reads.look_up(self._calls, order_id, condition_id, since_ms)

    async def read_allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        """Read what every contract of the pinned table may move of the account's wallet, in its order."""
        return await read_allowances(self._http, self._data_host, self._account.wallet)

    async def read_account(self, since_ms: Ms, tokens: Sequence[TokenId] = ()) -> AccountState | VenueFailure:
        """Read every page of open orders and trades, and the balances; a partial read is a failure."""
        return await account_reads.read_account(self._calls, self._account.signature_type, since_ms, tokens)

    async def read_pool_shares(self) -> tuple[PoolShare, ...] | VenueFailure:
        """Read which part of each market's reward pool is earned at present."""
        return await reward_reads.read_pool_shares(self._calls, self._account.signature_type)

    async def read_earned(self, day: int) -> tuple[Earned, ...] | VenueFailure:
        """Read what the rewards of a UTC day come to, paid or not."""
        return await reward_reads.read_earned(self._calls, self._account.signature_type, day)

    async def read_rebates(self, day: int) -> tuple[Earned, ...] | VenueFailure:
        """Read the maker rebates of a UTC day."""
        return await reward_reads.read_maker_rebates(self._http, self._clob, self._account.wallet, day)

    async def read_scoring(self, order_ids: Sequence[OrderId]) -> frozenset[OrderId] | VenueFailure:
        """Read which of these own orders score for rewards at present."""
        return await reward_reads.read_scoring_orders(self._calls, order_ids)

    async def _cancel(self, path: str, body: bytes | None) -> CancelReport:
        answer = await self._calls.send("DELETE", path, body=body, lane=Lane.CANCELS)
        note = self._calls.note_of(answer, Bucket.CANCELS)
        raw = body_of(answer, f"DELETE {path}", note)
        if isinstance(raw, VenueFailure):
            return CancelReport((), raw, note=note, status=_status(answer))
        try:
            return CancelReport(read_cancels(raw), note=note, status=_status(answer))
        except ValueError as error:
            # An answer that cannot be read is no proof that cancels are taken.
            failure = VenueFailure(f"DELETE {path}: {error}")
            return CancelReport((), failure, note=replace(note, sign=None), status=_status(answer))


def _status(answer: HttpAnswer | HttpFailure) -> int | None:
    return answer.status if isinstance(answer, HttpAnswer) else None

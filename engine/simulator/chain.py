"""The chain's side of an account: approvals, split, merge, redeem, as acts that take their time.

An act is submitted, then executed, mined and confirmed, or it fails on the way (protocol 9.7). It changes
balances and permissions when it is confirmed and not before; a wallet has one act in flight. The chain knows
nothing of open orders: those that an act leaves without cover end, as the venue ends them. Pure.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from engine.domain.units import Ms, Size, Usdc
from engine.simulator.bank import Account
from engine.simulator.contracts import UNLIMITED, settlement_of
from engine.simulator.exchange import Exchange
from engine.simulator.market import MarketSpec


class ActState(Enum):
    """How far an act has come; the last three are final."""

    NEW = "NEW"
    EXECUTED = "EXECUTED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    INVALID = "INVALID"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing follows."""
        return not FOLLOWS[self]


FOLLOWS: dict[ActState, frozenset[ActState]] = {
    ActState.NEW: frozenset({ActState.EXECUTED, ActState.FAILED, ActState.INVALID}),
    ActState.EXECUTED: frozenset({ActState.MINED, ActState.FAILED}),
    ActState.MINED: frozenset({ActState.CONFIRMED, ActState.FAILED}),
    ActState.CONFIRMED: frozenset(),
    ActState.FAILED: frozenset(),
    ActState.INVALID: frozenset(),
}
"""What may follow a state."""
DELAY_MAX_MS = 3_600_000
USUAL = ((ActState.EXECUTED, 200), (ActState.MINED, 400), (ActState.CONFIRMED, 400))
"""The usual course: a second in all."""
Course = tuple[tuple[ActState, int], ...]
"""The states of an act to come, each with its delay in ms after the one before."""


@dataclass(frozen=True, slots=True)
class Approve:
    """Let a contract spend so much collateral from now on."""

    spender: str
    amount: int


@dataclass(frozen=True, slots=True)
class Operate:
    """Let a contract move all tokens of a token contract, or take the permission back."""

    token: str
    operator: str
    approved: bool


@dataclass(frozen=True, slots=True)
class Split:
    """Turn collateral into pairs of a market's tokens."""

    market: MarketSpec
    amount: Size


@dataclass(frozen=True, slots=True)
class Merge:
    """Turn pairs of a market's tokens into collateral."""

    market: MarketSpec
    amount: Size


@dataclass(frozen=True, slots=True)
class Redeem:
    """Turn all settled shares of a resolved market into what they pay."""

    market: MarketSpec


Deed = Approve | Operate | Split | Merge | Redeem


@dataclass(frozen=True, slots=True)
class ActStep:
    """An act reached a state."""

    state: ActState
    at_ms: Ms


@dataclass(slots=True)
class Act:
    """One act of one account. `usdc` and `shares` are what it moved, set when it is confirmed."""

    id: str
    account_id: str
    deed: Deed
    steps: list[ActStep]
    transaction_hash: str = ""
    error: str = ""
    usdc: int = 0
    shares: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> ActState:
        """How far it has come."""
        return self.steps[-1].state


class BusyError(ValueError):
    """The wallet has an act in flight already."""


class Chain:
    """Every act, oldest first, and the courses that are scripted for the next ones."""

    def __init__(self, exchange: Exchange, *, id_seed: str) -> None:
        self.acts: list[Act] = []
        self._exchange = exchange
        self._id_seed = id_seed
        self._scripted: deque[Course] = deque()
        self._ahead: dict[str, tuple[Act, Course, Ms]] = {}

    def script_next(self, course: Course, times: int) -> None:
        """Let the next acts go this way; raises ValueError for a course that is none."""
        before = ActState.NEW
        for state, delay_ms in course:
            if state not in FOLLOWS[before]:
                raise ValueError(f"{state.value} cannot follow {before.value}")
            if not 0 <= delay_ms <= DELAY_MAX_MS:
                raise ValueError(f"expected a delay of 0 to {DELAY_MAX_MS} ms, was {delay_ms}")
            before = state
        self._scripted.extend([course] * times)

    def find(self, act_id: str) -> Act | None:
        """Return the act of an id."""
        return next((act for act in self.acts if act.id == act_id), None)

    def submit(self, account: Account, deed: Deed, now_ms: Ms) -> Act:
        """Begin an act; raises BusyError while the wallet has one in flight."""
        busy = self._ahead.get(account.id)
        if busy is not None:
            raise BusyError(f"wallet busy: {busy[0].id} is in flight")
        digest = hashlib.sha256(f"{self._id_seed}/act/{len(self.acts) + 1}".encode()).hexdigest()
        act_id = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
        act = Act(act_id, account.id, deed, [ActStep(ActState.NEW, now_ms)])
        self.acts.append(act)
        course: Course = self._scripted.popleft() if self._scripted else USUAL
        objection = self._objection(account, deed)
        if objection:
            act.error, course = objection, ((ActState.INVALID, course[0][1] if course else 0),)
        self._ahead[account.id] = act, course, now_ms
        return act

    def advance(self, now_ms: Ms) -> None:
        """Take every step that is due, each wallet's in its order."""
        for account_id in list(self._ahead):
            while (ahead := self._ahead.get(account_id)) is not None:
                act, course, since_ms = ahead
                if not course or since_ms + course[0][1] > now_ms:
                    break
                self._ahead[account_id] = act, course[1:], Ms(since_ms + course[0][1])
                self._move(act, course[0][0], now_ms)
                if act.state.is_final:
                    del self._ahead[account_id]

    def _move(self, act: Act, state: ActState, now_ms: Ms) -> None:
        account = self._exchange.bank.accounts[act.account_id]
        if state is ActState.CONFIRMED:
            act.error = self._objection(account, act.deed)
            state = ActState.FAILED if act.error else state
        if state in (ActState.FAILED, ActState.INVALID):
            act.error = act.error or "execution reverted"
        elif state is ActState.MINED:
            act.transaction_hash = "0x" + hashlib.sha256(act.id.encode()).hexdigest()
        act.steps.append(ActStep(state, now_ms))
        if state is ActState.CONFIRMED:
            self._carry_out(account, act)
            self._exchange.end_uncovered(account.id, now_ms)

    def _objection(self, account: Account, deed: Deed) -> str:
        """Return why an act cannot be carried out at this moment, empty if it can."""
        match deed:
            case Approve() | Operate():
                return ""
            case Split(market, amount):
                allowance = account.allowances.get(settlement_of(market).adapter, 0)
                if allowance < amount:
                    return f"ERC20: insufficient allowance: {allowance} of {amount}"
                funds = account.settled_usdc
                return "" if funds >= amount else f"ERC20: insufficient balance: {funds} of {amount}"
            case Merge(market, amount):
                held = min(account.settled_shares(token) for token in market.tokens)
                if held < amount:
                    return f"ERC1155: insufficient balance: {held} of {amount}"
            case Redeem(market):
                if market.condition_id not in self._exchange.resolutions:
                    return "result for condition not received yet"
                if not any(account.settled_shares(token) for token in market.tokens):
                    return "ERC1155: insufficient balance: nothing to redeem"
        allowed = account.lets_convert(settlement_of(market))
        return "" if allowed else "ERC1155: caller is not owner nor approved"

    def _carry_out(self, account: Account, act: Act) -> None:
        bank = self._exchange.bank
        cash, shares = account.usdc, dict(account.shares)
        match act.deed:
            case Approve(spender, amount):
                account.allowances[spender] = amount
            case Operate(token, operator, approved):
                (account.operators.add if approved else account.operators.discard)((token, operator))
            case Split(market, amount):
                adapter = settlement_of(market).adapter
                if account.allowances[adapter] != UNLIMITED:
                    account.allowances[adapter] -= amount
                bank.split(account.id, market, amount)
            case Merge(market, amount):
                bank.merge(account.id, market, amount)
            case Redeem(market):
                bank.redeem(account.id, market, self._exchange.resolutions[market.condition_id].winner)
        act.usdc = Usdc(account.usdc - cash)
        act.shares = {
            token: held - shares.get(token, 0)
            for token, held in account.shares.items()
            if held != shares.get(token, 0)
        }

"""What became of an act on chain: told by the chain, proven by the wallet, booked once.

The chain's word alone books nothing. A complete read of the account that shows the shares gone does, and a
read that shows them all still there, long after the outcome was lost, ends the act without effect. Nothing is
ever carried out again: a person asks for another act.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from engine.core.account.differences import LAG_MS
from engine.core.exposure.unsent import promised_legs
from engine.core.read_back import read_account
from engine.core.state import Desk, unfinished
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import moved
from engine.domain.account import AccountState
from engine.domain.chain import ActState
from engine.domain.chain_act import ActKind, ActStage, ChainAct
from engine.domain.chain_events import ActEnded
from engine.domain.effects import Audit, Count, Effect, RaiseAlert, SaveAct, SetTimer, ShowTicket
from engine.domain.ids import TokenId
from engine.domain.ticket import Move, TicketState
from engine.domain.units import LOT, Ms, Rounding, Size, Usdc, format_cents, format_size
from engine.domain.views import Alert, Severity

ACT_TIMER = "act"
LOOK_EVERY_MS = 15_000
"""The wallet is read so often while an act is not proven: its figures lag by seconds."""
HORIZON_MS = 1_800_000
"""An act nobody knows of may still be mined for so long: gas relayers and the chain wait for minutes."""
STAGES = {
    ActState.DONE: ActStage.CONFIRMED,
    ActState.FAILED: ActStage.FAILED,
    ActState.NOT_SENT: ActStage.FAILED,
    ActState.UNKNOWN: ActStage.UNKNOWN,
}
"""What each outcome is taken for."""


def take_up(desk: Desk, acts: Iterable[ChainAct], at_ms: Ms) -> list[Effect]:
    """Enter what storage held: booked acts into the sums; all others are read back, none is repeated."""
    effects: list[Effect] = []
    for act in acts:
        if act.stage is ActStage.DONE:
            desk.positions.enter_act(act)
            continue
        reason = act.reason or "the desk stopped while it was under way"
        stage = ActStage.UNKNOWN if act.stage is ActStage.INTENDED else act.stage
        desk.acts[act.act_id] = replace(act, stage=stage, reason=reason, ended_ms=at_ms)
        effects.append(SaveAct(desk.acts[act.act_id]))
    return [*effects, *_look(desk, at_ms)] if desk.acts else effects


def act_ended(desk: Desk, event: ActEnded) -> list[Effect]:
    """Take in what the chain told; shares and collateral move when the wallet shows it."""
    act = desk.acts.get(event.act_id)
    if act is None:
        return []
    told = replace(
        act,
        stage=STAGES[event.outcome.state],
        reference=event.outcome.reference,
        reason=event.outcome.reason,
        ended_ms=event.at_ms,
    )
    if told.stage is ActStage.FAILED:
        return _close(desk, told, event.at_ms)
    desk.acts[told.act_id] = told
    alerts = [_unknown_alert(told)] if told.stage is ActStage.UNKNOWN else []
    return [SaveAct(told), *alerts, *_shown(desk, told), *_look(desk, event.at_ms)]


def look_timer(desk: Desk, at_ms: Ms) -> list[Effect]:
    """Read the wallet again while something is not proven."""
    return _look(desk, at_ms) if desk.acts else []


def _look(desk: Desk, at_ms: Ms) -> list[Effect]:
    tokens = tuple(dict.fromkeys(token for act in desk.acts.values() for token in act.tokens))
    read = replace(read_account(desk, at_ms, "act"), tokens=tokens)
    return [read, SetTimer(ACT_TIMER, Ms(at_ms + LOOK_EVERY_MS))]


def see_wallet(desk: Desk, account: AccountState, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """Compare what a complete read shows of each act's shares with what it takes, and end what is proven."""
    held = dict(account.shares)
    effects: list[Effect] = []
    for act in list(desk.acts.values()):
        if act.ended_ms is None or asked_ms < act.ended_ms or not held.keys() >= set(act.tokens):
            continue
        if asked_ms < desk.booked_ms + LAG_MS or _moves(desk, act):
            continue
        gone = [
            _gone(desk, act.yes, act.yes_beyond, held),
            _gone(desk, act.no, act.no_beyond, held),
        ]
        wanted = [act.yes_size, act.no_size]
        if all(abs(left - size) < LOT for left, size in zip(gone, wanted, strict=True)):
            effects += _book(desk, act, account, at_ms)
        elif asked_ms >= act.ended_ms + HORIZON_MS:
            effects += _close(desk, _not_as_told(act, gone), at_ms)
    return effects


def _gone(desk: Desk, token: TokenId, beyond: int, held: Mapping[TokenId, Size]) -> int:
    """Return how many shares of a token the wallet lacks against our books; micro-shares."""
    return desk.positions.holdings[token].held + beyond - held[token]


def _moves(desk: Desk, act: ChainAct) -> bool:
    """Tell whether a trade of ours can still move the shares of this act."""
    committing = (leg.token_id for _, leg in promised_legs(desk))
    trading = (order.intent.token_id for order in unfinished(desk))
    return any(token in act.tokens for token in (*committing, *trading))


def _not_as_told(act: ChainAct, gone: list[int]) -> ChainAct:
    missing = " and ".join(format_size(Size(abs(size))) for size in gone)
    reason = f"the wallet lacks {missing} shares, expected {_sides(act)}; nothing was booked"
    if not any(abs(size) >= LOT for size in gone):
        reason = "the wallet shows that it had no effect"
    return replace(act, stage=ActStage.FAILED, reason=reason)


def _sides(act: ChainAct) -> str:
    return f"{format_size(act.yes_size)} and {format_size(act.no_size)}"


def _book(desk: Desk, act: ChainAct, account: AccountState, at_ms: Ms) -> list[Effect]:
    """Take the shares out of the books and the payout in; the next comparison finds both sides equal."""
    done = replace(act, stage=ActStage.DONE, reason="")
    desk.positions.enter_act(done)
    desk.offsets |= {act.yes: act.yes_beyond, act.no: act.no_beyond}
    if desk.compared and desk.balance is not None:
        desk.balance = Usdc(desk.balance + done.payout)
    else:
        # This process never knew the figure before the act: the read has it behind it.
        desk.balance = account.balance
    desk.booked_ms = at_ms
    return _close(desk, done, at_ms)


def _close(desk: Desk, act: ChainAct, at_ms: Ms) -> list[Effect]:
    """End an act for good: it is stored, told on its card, or as an alert where that is gone."""
    desk.acts.pop(act.act_id, None)
    if act.stage is ActStage.FAILED and act.ticket_id is None:
        # Begun under a grant: what failed once is not tried again at every scan.
        for grant in desk.runner.grants.values():
            grant.failed_merges.add(act.condition_id)
        for quoting in desk.quoter.grants.values():
            quoting.failed_merges.add(act.condition_id)
    detail = f"{act.kind.value} {act.code} {act.name}: {words(act)}"
    effects: list[Effect] = [
        SaveAct(act),
        Count("chain_acts_total", f"{act.kind.value} {act.stage.value}"),
        Audit(at_ms, None, f"act {act.stage.value}", act.act_id, detail),
    ]
    return [*effects, *_end_ticket(desk, act, at_ms)]


def _end_ticket(desk: Desk, act: ChainAct, at_ms: Ms) -> list[Effect]:
    ticket = None if act.ticket_id is None else desk.tickets.get(act.ticket_id)
    if ticket is None or ticket.state is not TicketState.SENDING:
        return [_end_alert(act)]
    desk.acts_asked[ticket.ticket_id] = act
    move = Move.COMPLETE if act.stage is ActStage.DONE else Move.REFUSE
    after, effects = moved(desk, ticket, move, at_ms, note=act.reason)
    return [*effects, ShowTicket(view_of(desk, after), aloud=act.stage is ActStage.FAILED)]


def _shown(desk: Desk, act: ChainAct) -> list[Effect]:
    """Bring the card of an act under way up to date."""
    ticket = None if act.ticket_id is None else desk.tickets.get(act.ticket_id)
    if ticket is None:
        return []
    desk.acts_asked[ticket.ticket_id] = act
    return [ShowTicket(view_of(desk, ticket), aloud=False)]


def words(act: ChainAct) -> str:
    """Return what an act takes and brings, in words."""
    paid = f"{format_cents(act.payout, Rounding.DOWN)} USDC"
    if act.kind is ActKind.MERGE:
        return f"{format_size(act.yes_size)} pairs → {paid}"
    return f"{format_size(act.yes_size)} YES and {format_size(act.no_size)} NO → {paid}"


def _unknown_alert(act: ChainAct) -> RaiseAlert:
    text = f"{act.kind.value} of {act.code} {act.name} ({words(act)}): {act.reason}"
    step = "the wallet is read until it shows what happened; nothing is sent again, nothing to do yet"
    return RaiseAlert(Alert(f"act:{act.act_id}", Severity.WARN, f"{act.kind.value} unknown", text, step))


def _end_alert(act: ChainAct) -> RaiseAlert:
    done = act.stage is ActStage.DONE
    text = f"{act.kind.value} of {act.code} {act.name}: {words(act)}"
    text += f", read back; {act.reference}".rstrip("; ") if done else f" had no effect: {act.reason}"
    step = "nothing to do" if done else f"look at the account, then ask again with /{act.kind.value}"
    severity = Severity.INFO if done else Severity.WARN
    return RaiseAlert(Alert(f"act:{act.act_id}", severity, f"{act.kind.value} {act.stage.value}", text, step))

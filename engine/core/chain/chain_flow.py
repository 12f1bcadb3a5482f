"""`/merge` and `/redeem`: a ticket of two presses for one act on chain; at most one act is under way.

What an act takes is settled, is promised to no sale, and was compared with the wallet. It is stored before it
is carried out; `engine.core.account.act_proof` books it when the wallet shows it.
"""

from collections.abc import Collection
from dataclasses import replace

from engine.core.dutch.conversions import ConversionCosts, should_merge
from engine.core.exposure.inventory import sellable, shares
from engine.core.exposure.risk import ALONE, closed
from engine.core.read_back import read_account
from engine.core.repair.repair_case import broken_markets
from engine.core.state import Desk, open_flights
from engine.core.tickets.settling import view_of
from engine.core.tickets.ticket import may_open, moved, new_ticket, refuse
from engine.domain.chain_act import ActKind, ActStage, ChainAct
from engine.domain.commands import AskMerge, AskRedeem, Press
from engine.domain.effects import Audit, CarryOut, Effect, ReadAccount, Reply
from engine.domain.events import Asked
from engine.domain.ids import ConditionId, EventId, TokenId
from engine.domain.market import EventGroup, Market
from engine.domain.refusal import Refusal, RefusalKind
from engine.domain.ticket import Move, Ticket, TicketKind
from engine.domain.units import LOT, Ms, Size, Usdc, format_size

LEAST = Usdc(1)
"""A merge or redemption that was asked for must bring more than it costs; advice asks for more."""


def possible_acts(desk: Desk, kind: ActKind, at_ms: Ms) -> list[ChainAct]:
    """Return every act of a kind that would pay for itself now, the one that brings most first."""
    make = _merge if kind is ActKind.MERGE else _redemption
    needed = _needed_markets(desk) if kind is ActKind.MERGE else ()
    groups = (*desk.events.values(), *desk.unlisted.values())
    markets = ((group, market) for group in groups for market in group.markets)
    found = (make(desk, *each, at_ms) for each in markets if each[1].condition_id not in needed)
    acts = [act for act in found if act is not None]
    return sorted(acts, key=lambda act: (-act.payout, act.code, act.condition_id))


def _needed_markets(desk: Desk) -> set[ConditionId]:
    """Return the markets whose shares a plan counts on: a broken one, or one in flight that may break.

    Its repair would complete a set, and count it, of which the chain has taken a leg. Not so where the pair
    itself is the set: merged or not it is worth a dollar.
    """
    sets = [f for f in open_flights(desk) if desk.tickets[f.ticket_id].kind not in ALONE]
    legs = (desk.orders[order_id].intent for flight in sets for order_id in flight.order_ids)
    lone = {group.markets[0].condition_id for group in desk.events.values() if len(group.markets) == 1}
    return (broken_markets(desk) | {leg.condition_id for leg in legs}) - lone


def _merge(desk: Desk, group: EventGroup, market: Market, at_ms: Ms) -> ChainAct | None:
    costs = ConversionCosts(fixed=desk.settings.dutch.fixed_cost, least=LEAST)
    merge = should_merge(sellable(desk, market.yes), sellable(desk, market.no), costs)
    if merge is None:
        return None
    return _act(desk, (ActKind.MERGE, group, market), (merge.size, merge.size), Usdc(merge.size), at_ms)


def _redemption(desk: Desk, group: EventGroup, market: Market, at_ms: Ms) -> ChainAct | None:
    """Return what redeems all that is held of a resolved market, worthless shares with it."""
    winner = _winner(desk, market)
    if winner is None:
        return None
    yes, no = sellable(desk, market.yes), sellable(desk, market.no)
    held = shares(desk)
    if (yes, no) != (held.get(market.yes, 0), held.get(market.no, 0)):
        return None  # something of it is not settled yet, or still on sale
    payout = Usdc(yes if winner == market.yes else no)
    if payout < desk.settings.dutch.fixed_cost + LEAST:
        return None
    return _act(desk, (ActKind.REDEEM, group, market), (yes, no), payout, at_ms)


def _winner(desk: Desk, market: Market) -> TokenId | None:
    """Return the token that pays: by the catalogue, or once it lists the market no more by the stream."""
    if market.terms.winner:
        return market.yes if market.terms.winner == "YES" else market.no
    told = desk.answers.get(market.condition_id)
    still_trades = any(market in group.markets for group in desk.events.values()) and not market.terms.closed
    return None if still_trades or told not in (market.yes, market.no) else told


def _act(
    desk: Desk, of: tuple[ActKind, EventGroup, Market], sizes: tuple[Size, Size], payout: Usdc, at_ms: Ms
) -> ChainAct:
    """Return an act on chain that takes these sizes of YES and NO."""
    kind, group, market = of
    return ChainAct(
        act_id=f"{kind.value}-{at_ms}-{market.condition_id[2:10]}",
        kind=kind,
        ticket_id=None,
        event_id=group.event_id,
        code=group.code,
        name=market.name,
        condition_id=market.condition_id,
        yes=market.yes,
        no=market.no,
        yes_size=sizes[0],
        no_size=sizes[1],
        payout=payout,
        yes_beyond=desk.offsets.get(market.yes, 0),
        no_beyond=desk.offsets.get(market.no, 0),
        stage=ActStage.INTENDED,
        reference="",
        reason="",
        created_ms=at_ms,
        ended_ms=None,
    )


def ask_act(desk: Desk, asked: Asked, command: AskMerge | AskRedeem) -> list[Effect]:
    """Open the dry ticket of the act that brings most, of one event if it is named."""
    kind = ActKind.MERGE if isinstance(command, AskMerge) else ActKind.REDEEM
    subject = f"/{kind.value} {command.code}".rstrip()
    refusal = may_open(desk, asked) or _unknown(desk, command.code) or _busy(desk)
    if refusal is not None:
        return refuse(asked, subject, refusal)
    acts = [act for act in possible_acts(desk, kind, asked.at_ms) if command.code in ("", act.code)]
    if not acts:
        return refuse(asked, subject, _nothing(kind, command.code))
    others = len(acts) - 1
    note = f"{others} more of {'this event' if command.code else 'your events'} can follow" if others else ""
    ticket, effects = new_ticket(desk, asked, TicketKind.CHAIN, subject=acts[0].code, note=note)
    desk.acts_asked[ticket.ticket_id] = replace(acts[0], ticket_id=ticket.ticket_id)
    # The wallet is read while the card is: what was never compared is not touched.
    reads = [] if _is_compared(desk, acts[0]) else [_read(desk, acts[0], asked.at_ms)]
    return [*effects, Reply(asked.request, view_of(desk, ticket)), *reads]


def _unknown(desk: Desk, code: str) -> Refusal | None:
    if not code or code in desk.codes or any(group.code == code for group in desk.unlisted.values()):
        return None
    text = f"expected the code of a watched event, found {code!r}; /dutch lists them"
    return Refusal(RefusalKind.UNKNOWN_CODE, text)


def _busy(desk: Desk) -> Refusal | None:
    act = next(iter(desk.acts.values()), None)
    if act is None:
        return None
    text = (
        f"expected no act on chain under way, found {act.kind.value} {act.code} {act.stage.value}: the "
        "wallet takes one at a time; ask again when its card tells its end"
    )
    return Refusal(RefusalKind.IN_FLIGHT, text)


def _nothing(kind: ActKind, code: str) -> Refusal:
    where = code or "any watched event"
    if kind is ActKind.MERGE:
        what = "settled pairs (YES and NO of one market) that no order may sell and no unfinished plan needs"
    else:
        what = "settled shares of a resolved market whose answer this desk was told"
    text = f"expected {what} in {where}, found none; /status tells what is held"
    return Refusal(RefusalKind.INVENTORY, text)


def _is_compared(desk: Desk, act: ChainAct) -> bool:
    return all(token in desk.offsets for token in act.tokens)


def _read(desk: Desk, act: ChainAct, at_ms: Ms) -> ReadAccount:
    return replace(read_account(desk, at_ms, "act"), tokens=act.tokens)


def press_act(desk: Desk, asked: Asked, press: Press, ticket: Ticket) -> list[Effect]:
    """Carry out a press on the ticket of an act on chain."""
    if press.move is Move.DROP:
        note = f"dropped by {asked.operator.name}, nothing was sent"
        return _answered(desk, asked, ticket, Move.DROP, note)
    fresh = _fresh(desk, ticket, asked.at_ms)
    if isinstance(fresh, Refusal):
        return _answered(desk, asked, ticket, Move.WORSE, fresh.text)
    if press.move is not Move.SEND:
        desk.acts_asked[ticket.ticket_id] = fresh
        return _answered(desk, asked, ticket, press.move, ticket.note)
    return _send(desk, asked, ticket, fresh)


def _fresh(desk: Desk, ticket: Ticket, at_ms: Ms) -> ChainAct | Refusal:
    """Return the card's act as it would be made now."""
    card = desk.acts_asked[ticket.ticket_id]
    acts = possible_acts(desk, card.kind, at_ms)
    found = next((act for act in acts if act.condition_id == card.condition_id), None)
    return _nothing(card.kind, card.code) if found is None else replace(found, ticket_id=card.ticket_id)


def _answered(desk: Desk, asked: Asked, ticket: Ticket, move: Move, note: str) -> list[Effect]:
    after, effects = moved(desk, ticket, move, asked.at_ms, note=note)
    return [*effects, Reply(asked.request, view_of(desk, after))]


def _send(desk: Desk, asked: Asked, ticket: Ticket, fresh: ChainAct) -> list[Effect]:
    """Carry out what the card shows, never more; less than it shows goes back to dry."""
    refusal = closed(desk, reduces=True) or _busy(desk)
    if refusal is not None:
        return refuse(asked, ticket.ticket_id, refusal)
    card = desk.acts_asked[ticket.ticket_id]
    if not _covers(fresh, card):
        desk.acts_asked[ticket.ticket_id] = fresh
        text = f"expected {_sizes(card)} to be free, found {_sizes(fresh)}; nothing was sent"
        return _answered(desk, asked, ticket, Move.WORSE, text)
    if not _is_compared(desk, fresh):
        text = (
            "expected the wallet's shares compared with our books, found them not yet read; they are read "
            "now, press again in a few seconds. Nothing was sent"
        )
        told = refuse(asked, ticket.ticket_id, Refusal(RefusalKind.GATE_CLOSED, text))
        return [*told, _read(desk, fresh, asked.at_ms)]
    if fresh.kind is ActKind.REDEEM and max(abs(fresh.yes_beyond), abs(fresh.no_beyond)) >= LOT:
        text = (
            f"expected the wallet to hold {_sizes(fresh)} as this desk does, found other numbers: a "
            "redemption takes all of them, so redeem this market by hand. Nothing was sent"
        )
        return refuse(asked, ticket.ticket_id, Refusal(RefusalKind.INVENTORY, text))
    act = replace(fresh, yes_size=card.yes_size, no_size=card.no_size, payout=card.payout)
    desk.acts_asked[ticket.ticket_id] = act
    after, effects = moved(desk, ticket, Move.SEND, asked.at_ms, note="")
    return [*_begin(desk, act, asked.at_ms), *effects, Reply(asked.request, view_of(desk, after))]


def _covers(fresh: ChainAct, card: ChainAct) -> bool:
    """Tell whether the card's act can be carried out now: a redemption takes all there is, no less."""
    if fresh.kind is ActKind.REDEEM:
        return (fresh.yes_size, fresh.no_size, fresh.payout) == (card.yes_size, card.no_size, card.payout)
    return fresh.yes_size >= card.yes_size


def _sizes(act: ChainAct) -> str:
    return f"{format_size(act.yes_size)} YES and {format_size(act.no_size)} NO"


def _begin(desk: Desk, act: ChainAct, at_ms: Ms) -> list[Effect]:
    desk.acts[act.act_id] = act
    detail = f"{act.code} {act.name}: {_sizes(act)}"
    return [CarryOut(act), Audit(at_ms, None, f"{act.kind.value} begun", act.act_id, detail)]


def merge_due(
    desk: Desk, event_id: EventId | None, at_ms: Ms, *, spare: Collection[ConditionId] = ()
) -> list[Effect]:
    """Begin the merge that brings most, of one event or (None) of any; nothing while an act is under way.

    The markets in `spare` are left as they are.
    The caller has checked that somebody permitted it. Its end is told as an alert. Returns the read of the
    wallet where its shares were never compared: the next call after it begins the merge.
    """
    if desk.acts or closed(desk, reduces=True) is not None:
        return []
    acts = possible_acts(desk, ActKind.MERGE, at_ms)
    allowed = (act for act in acts if event_id in (None, act.event_id) and act.condition_id not in spare)
    act = next(allowed, None)
    if act is None:
        return []
    if not _is_compared(desk, act):
        return [_read(desk, act, at_ms)]
    return _begin(desk, act, at_ms)

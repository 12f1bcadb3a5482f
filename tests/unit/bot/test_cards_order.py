"""The card of one order: it claims no more than the venue has shown, and has no button that moves it."""

from dataclasses import replace

import pytest

from bot.card import Look, MoveAct
from bot.cards import render
from config.settings import Mode
from engine.domain.ids import OrderId
from engine.domain.order import OrderState
from engine.domain.plan import PlanKind
from engine.domain.ticket import TicketKind, TicketState
from engine.domain.units import Usdc
from engine.domain.views import CancelView, LegResult, TicketResult, TicketView
from tests.support.builders import NOW, plan, shares, ticket

LOOK = Look(Mode.LOCAL, NOW)


def shown(state: TicketState, leg_state: OrderState, filled: float, *, accounted: bool = True) -> str:
    usual = plan()
    one = replace(usual, kind=PlanKind.ORDER, legs=usual.legs[:1])
    leg = one.legs[0]
    got = LegResult(
        name=leg.name,
        order_id=OrderId("0x" + "ab" * 32),
        state=leg_state,
        wanted=leg.size,
        filled=shares(filled),
        cash=Usdc(1_000_000),
        fee=Usdc(10_000),
        reason="no match" if leg_state is OrderState.KILLED else "",
    )
    result = TicketResult(
        legs=(got,),
        sets=got.filled,
        cash=got.cash,
        fees=got.fee,
        unknown=int(leg_state is OrderState.UNKNOWN),
        settled=False,
        accounted=accounted,
        sent_ms=NOW,
        ended_ms=None,
    )
    card = render(TicketView(ticket(state, one, kind=TicketKind.ORDER), result, None), LOOK)
    assert not [b for row in card.buttons for b in row if isinstance(b.act, MoveAct)]
    return card.plain


@pytest.mark.parametrize(
    ("state", "leg_state", "filled", "said"),
    [
        (TicketState.SENDING, OrderState.LIVE, 0, "rests, 0 of"),
        (TicketState.SENDING, OrderState.UNKNOWN, 0, "outcome unknown: reconciling"),
        (TicketState.DONE, OrderState.CANCELLED, 4, "4 of"),
        (TicketState.MISSED, OrderState.KILLED, 0, "sent, nothing filled: no match"),
        (TicketState.REFUSED, OrderState.SENDING, 0, "nothing was sent"),
    ],
)
def test_the_first_line_says_what_is_known(
    state: TicketState, leg_state: OrderState, filled: float, said: str
) -> None:
    assert said in shown(state, leg_state, filled).splitlines()[0]


def test_cash_that_lags_behind_is_not_called_final() -> None:
    assert "still being read back" in shown(TicketState.SENDING, OrderState.PARTIAL, 4, accounted=False)


def test_cancels_that_are_on_their_way_claim_nothing() -> None:
    card = render(CancelView((), everything=True), LOOK)

    assert "every order of the account" in card.plain
    assert "asked" in card.plain

"""What cards must say whatever their wording: exact money, caps that hold, nothing claimed unproven."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import cards
from bot.card import Card, Look, MoveAct, Style
from bot.figures import exact, exact_gain
from config.settings import Mode
from engine.domain.fees import FeeCurve
from engine.domain.order import OrderState
from engine.domain.plan import LegRisk
from engine.domain.ticket import BUTTONS, MOVES, Move, Ticket, TicketKind, TicketState
from engine.domain.units import Ms, Size, Usdc, parse_usdc
from engine.domain.views import Gate, LegResult, Severity, TicketView
from tests.unit.bot.builders import (
    FILLED,
    LOOK,
    NOW,
    auto_ticket,
    leg_result,
    make_plan,
    make_result,
    make_rules,
    make_ticket,
    make_view,
    plan_leg,
    resume_ticket,
    review_ticket,
)
from tests.unit.bot.html_subset import first_line, judge, labels
from tests.unit.bot.test_golden_cards import KILL, SCAN, STATUS

MONEY = st.integers(min_value=1, max_value=10**10)
LEGS = st.lists(st.tuples(MONEY, MONEY, st.integers(1, 10**9)), min_size=2, max_size=15)


def draw(view: TicketView) -> Card:
    return cards.render(view, LOOK)


def moves(card: Card) -> set[Move]:
    """The ticket moves that the card offers."""
    return {b.act.move for row in card.buttons for b in row if isinstance(b.act, MoveAct)}


def cell(text: str, name: str) -> str:
    """The number behind a name in a two-column table."""
    line = next(line for line in text.split("\n") if line.startswith(name))
    return line.removeprefix(name).strip()


@settings(max_examples=60, deadline=None)
@given(LEGS)
def test_done_card_any_result_prints_the_ledger_to_the_micro_dollar(rows: list[tuple[int, int, int]]) -> None:
    legs = tuple(
        replace(leg_result(f"L{n}", cash=cash, fee=fee, filled=size), wanted=Size(size))
        for n, (cash, fee, size) in enumerate(rows)
    )
    result = make_result(legs, settled=True)

    text = judge(draw(make_view(make_ticket(TicketState.DONE, version=4), result)))

    assert parse_usdc(cell(text, "cash paid")) == result.cash
    assert parse_usdc(cell(text, "fees")) == result.fees
    assert parse_usdc(cell(text, "shares")) == sum(leg.filled for leg in legs)
    assert cell(text, "margin if held") == exact_gain(result.margin_if_held)
    assert exact_gain(result.margin_if_held) in text.split("\n")[0]
    assert all(f"for {exact(leg.cash)} + fee {exact(leg.fee)}" in text for leg in legs)


@settings(max_examples=40, deadline=None)
@given(MONEY, MONEY)
def test_dry_and_confirm_cards_print_both_bounds_of_the_loss_rounded_up(bound: int, more: int) -> None:
    plan = replace(make_plan(), risk=LegRisk(Usdc(bound), Usdc(bound + more)))
    for state in (TicketState.DRY, TicketState.ARMED):
        text = judge(draw(make_view(make_ticket(state, plan=plan))))
        line = next(line for line in text.split("\n") if "not atomic" in line)
        shown = [parse_usdc(word.lstrip("-")) for word in line.split() if word.startswith("-")]
        assert shown[0] >= bound
        assert shown[1] >= bound + more


@given(MONEY)
def test_confirm_card_cap_is_never_below_what_the_plan_may_spend(spend: int) -> None:
    plan = replace(make_plan(), spend_max=Usdc(spend))

    card = draw(make_view(make_ticket(TicketState.ARMED, plan=plan, version=2)))

    (send,) = card.buttons[0]
    shown = parse_usdc(send.label.rpartition("≤ ")[2])
    assert spend <= shown < spend + 10_000
    assert send.label.rpartition("≤ ")[2] in first_line(card)


@pytest.mark.parametrize("state", list(TicketState))
@pytest.mark.parametrize("make", [make_ticket, resume_ticket, review_ticket, auto_ticket])
def test_ticket_card_offers_only_moves_the_table_has(
    state: TicketState, make: Callable[[TicketState], Ticket]
) -> None:
    ticket = make(state)
    card = draw(replace(make_view(ticket, make_result()), rules=make_rules()))
    is_review = ticket.kind is TicketKind.REVIEW
    legal = {move for at, move in MOVES if at is state and (move is Move.READ) == is_review} & BUTTONS

    assert moves(card) <= legal
    if state.is_open and ticket.kind is TicketKind.DUTCH:
        assert moves(card) == legal - ({Move.REQUOTE} if state is TicketState.ARMED else set())
    assert card.about is not None
    assert all(
        b.act.version == ticket.version for row in card.buttons for b in row if isinstance(b.act, MoveAct)
    )


def test_sending_card_tells_no_price_before_the_trades_are_read_back() -> None:
    lagging = (leg_result("No change", cash=0, fee=0), *FILLED[1:])
    ticket = make_ticket(TicketState.SENDING, version=3)

    before = judge(draw(make_view(ticket, make_result(lagging, accounted=False))))
    after = judge(draw(make_view(ticket, make_result(accounted=True))))

    assert " @ " not in before
    assert "200 @ 0.400" in after


def test_done_card_tells_no_margin_before_the_trades_are_read_back() -> None:
    text = judge(draw(make_view(make_ticket(TicketState.DONE), make_result(accounted=False))))

    assert "margin if held +" not in text
    assert "trades still being read back" in text.split("\n")[0]


def test_done_card_says_settling_until_the_venue_has_confirmed() -> None:
    ticket = make_ticket(TicketState.DONE)

    settling = draw(make_view(ticket, make_result(settled=False)))
    settled = draw(make_view(ticket, make_result(settled=True)))

    assert "matched, settling" in first_line(settling)
    assert "— settled:" in first_line(settled)
    assert "not yet confirmed" not in settled.plain


@pytest.mark.parametrize("state", list(OrderState))
def test_leg_line_of_every_order_state_has_a_mark_and_words(state: OrderState) -> None:
    leg: LegResult = leg_result("Hike", state, filled=0, reason="")
    text = judge(draw(make_view(make_ticket(TicketState.SENDING), make_result((leg, *FILLED)))))
    line = next(line for line in text.split("\n") if "Hike 0 of 200" in line)

    assert line[0] in "❓⏳⛔✖"
    assert (": " in line) == (state.is_final or state is OrderState.UNKNOWN)


def test_broken_card_is_loud_names_the_missing_leg_and_invents_no_repair() -> None:
    missing = leg_result("Hike", OrderState.REJECTED, filled=0, reason="not enough balance")
    card = draw(make_view(make_ticket(TicketState.BROKEN, version=4), make_result((*FILLED[:3], missing))))

    assert card.severity is Severity.CRIT
    assert "Hike missed" in first_line(card)
    assert "frozen for new plans" in card.plain
    assert labels(card) == [["📊 Status", "📋 Copy ids"]]


def test_dry_card_of_legs_with_different_fees_names_no_single_rate() -> None:
    free = replace(plan_leg(9, "Free", 100, 10, 1_000_000), fee=FeeCurve(0, 1))
    plan = replace(make_plan(), legs=(*make_plan().legs, free))

    assert "(4.0 %)" in draw(make_view(make_ticket())).plain
    assert "(4.0 %)" not in draw(make_view(make_ticket(plan=plan))).plain


def test_dry_card_names_every_deduction_that_is_not_zero() -> None:
    margin = replace(make_plan().margin, buffer=Usdc(1), carry=Usdc(20_000), fixed=Usdc(300_000))

    text = draw(make_view(make_ticket(plan=replace(make_plan(), margin=margin)))).plain

    assert "buffer 0.01 - carry 0.02 - fixed 0.30" in text
    assert "carry" not in draw(make_view(make_ticket())).plain.split("sets pay")[1].split("\n")[0]


def test_dry_card_with_many_legs_keeps_the_sum_in_sight() -> None:
    legs = tuple(plan_leg(n, f"Outcome {n}", 200, 10, 2_000_000) for n in range(48))

    text = judge(draw(make_view(make_ticket(plan=replace(make_plan(), legs=legs)))))

    assert "sum         0.960" in text
    assert "… and 29 more" in text


@pytest.mark.parametrize(("sets", "first"), [(10_000, "2x size"), (20_000, "½ size")])
def test_dry_card_half_size_is_offered_from_two_lots_on(sets: int, first: str) -> None:
    plan = replace(make_plan(), size=Size(sets))

    assert labels(draw(make_view(make_ticket(plan=plan))))[0][1] == first


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_is_the_first_word_of_the_card(mode: Mode) -> None:
    card = cards.render(make_view(make_ticket()), Look(mode, NOW))

    assert first_line(card).split(" ")[1] == mode.name


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        ({}, "🟢"),
        ({"gate": Gate.HALTED}, "🔴"),
        ({"gate": Gate.STARTING}, "🟡"),
        ({"unknown_orders": 1}, "🟡"),
        ({"feeds_live": 11}, "🟡"),
        ({"feed_problems": ("fed4: stale",)}, "🟡"),
    ],
)
def test_status_card_names_the_worst_thing(change: dict[str, object], mark: str) -> None:
    card = cards.render(replace(STATUS, **change), LOOK)  # type: ignore[arg-type]

    assert first_line(card).startswith(mark)
    assert ("all well" in card.plain) == (mark == "🟢")


def test_status_card_keeps_balances_off_the_first_line() -> None:
    assert "1204" not in first_line(cards.render(STATUS, LOOK))


def test_status_card_offers_resume_when_halted_and_kill_otherwise() -> None:
    assert "⛔ Kill" in labels(cards.render(STATUS, LOOK))[-1]
    assert labels(cards.render(replace(STATUS, gate=Gate.HALTED), LOOK))[-1] == ["▶️ Resume…"]


@pytest.mark.parametrize("open_now", [None, 0, 1, 7])
@pytest.mark.parametrize("after_ms", [0, 4_999, 5_000, 600_000])
def test_kill_card_claims_flat_only_after_a_read_that_shows_none(open_now: int | None, after_ms: int) -> None:
    view = replace(KILL, open_now=open_now)

    card = cards.render(view, Look(Mode.LOCAL, Ms(view.at_ms + after_ms)))

    assert ("flat of orders" in card.plain) == (open_now == 0)
    assert ("KILL INCOMPLETE" in card.plain) == (bool(open_now) and after_ms >= 5_000)
    kill_again = [b for row in card.buttons for b in row if b.style is Style.DANGER]
    assert bool(kill_again) == (open_now != 0)


def test_scan_card_offers_the_three_best_that_pay() -> None:
    rows = tuple(replace(SCAN.rows[0], code=f"e{n}") for n in range(20))

    card = cards.render(replace(SCAN, rows=rows), LOOK)

    assert labels(card)[0] == ["⚖️ e0…", "⚖️ e1…", "⚖️ e2…"]
    assert "20 of 20 pay" in first_line(card)
    assert "… and 8 more events" in card.plain

"""What contracts may move: shown against what is needed, bounded, never by address, never done in chat."""

import pytest

from engine.domain.chain import CONTRACTS, UNLIMITED, Allowance, approval_bound
from engine.domain.chain_events import AllowancesRead
from engine.domain.commands import AskApprove
from engine.domain.effects import ReadAllowances, Reply
from engine.domain.refusal import RefusalKind
from engine.domain.units import Usdc
from engine.domain.views import AllowancesView, Permission, RefusalView
from tests.support.desk_run import DeskRun, only

CAP = DeskRun().desk.settings.caps.day


@pytest.fixture
def run() -> DeskRun:
    return DeskRun()


def asked(run: DeskRun, command: AskApprove, *found: Allowance, failure: str = "") -> object:
    """Ask, let the read answer, and return what is told."""
    reading = only(run.ask(command), ReadAllowances)
    effects = run.step(AllowancesRead(run.at_ms, reading.request, reading.asked, found, failure))
    return only(effects, Reply).view


def everywhere(collateral: int, *, outcomes: bool) -> tuple[Allowance, ...]:
    return tuple(Allowance(row, collateral, outcomes) for row in CONTRACTS)


def test_what_orders_and_settlement_need_is_missing_until_it_is_given(run):
    view = asked(run, AskApprove(), *everywhere(CAP - 1, outcomes=False))

    assert isinstance(view, AllowancesView)
    spending = {row.label: row.spending for row in view.rows}
    moving = {row.label: row.moving for row in view.rows}
    assert {label for label, how in spending.items() if how is Permission.MISSING} == {
        "exchange",
        "neg-risk-exchange",
        "neg-risk-adapter",
    }
    assert {label for label, how in moving.items() if how is Permission.MISSING} == {
        "exchange",
        "neg-risk-exchange",
        "adapter",
        "neg-risk-adapter",
    }


def test_day_cap_is_enough_and_unlimited_is_too_much(run):
    fine = asked(run, AskApprove(), *everywhere(CAP, outcomes=True))
    large = asked(run, AskApprove(), *everywhere(UNLIMITED, outcomes=True))

    assert isinstance(fine, AllowancesView)
    assert isinstance(large, AllowancesView)
    assert {row.spending for row in fine.rows} == {Permission.FINE}
    assert {row.moving for row in fine.rows} == {Permission.FINE}
    assert {row.spending for row in large.rows} == {Permission.TOO_LARGE}


def test_bound_itself_may_be_asked_for_and_one_more_may_not(run):
    most = approval_bound(CAP)

    shown = asked(run, AskApprove("exchange", most), *everywhere(0, outcomes=False))
    refused = asked(run, AskApprove("exchange", Usdc(most + 1)), *everywhere(0, outcomes=False))

    assert isinstance(shown, AllowancesView)
    assert shown.asked == ("exchange", most)
    assert isinstance(refused, RefusalView)
    assert refused.refusal.kind is RefusalKind.CAPS


def test_address_is_refused_before_anything_is_read(run):
    effects = run.ask(AskApprove(CONTRACTS[0].address, Usdc(1)))

    view = only(effects, Reply).view
    assert isinstance(view, RefusalView)
    assert "addresses are not taken" in view.refusal.text
    assert not [effect for effect in effects if isinstance(effect, ReadAllowances)]


def test_unread_allowances_are_told_and_nothing_is_claimed(run):
    view = asked(run, AskApprove(), failure="GET /v2/approvals: timed out")

    assert isinstance(view, RefusalView)
    assert "timed out" in view.refusal.text

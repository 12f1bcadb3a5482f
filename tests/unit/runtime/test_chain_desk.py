"""Acts on chain are stored before anything is submitted, and carried out once."""

import asyncio

import pytest

from engine.domain.chain import ActOutcome, ActState
from engine.domain.chain_act import ActKind
from engine.domain.chain_events import ActEnded
from engine.domain.effects import CarryOut, SaveAct, SaveFreeze
from engine.domain.events import StoreFailed
from engine.domain.ids import EventId
from engine.ports import ChainUnavailableError
from engine.runtime.chain_desk import ChainDesk
from engine.runtime.perform import perform
from tests.support.fake_ports import named, settled
from tests.unit.storage.builders import act


def told(shell):
    (event,) = shell.told(ActEnded)
    return event.outcome


@pytest.mark.parametrize("kind", ActKind)
async def test_an_act_is_stored_before_it_is_carried_out_once(shell, kind):
    await perform(shell.hands, [CarryOut(act(kind))])
    await settled(lambda: bool(shell.told(ActEnded)))

    assert named(shell.log) == ["save_act", kind.value]
    assert told(shell).reference == "0xfeed"


async def test_nothing_is_submitted_when_the_ledger_refuses(shell):
    shell.store.fail = {"save_act"}

    await perform(shell.hands, [CarryOut(act())])

    assert named(shell.log) == ["save_act failed"]
    assert told(shell).state is ActState.NOT_SENT
    assert len(shell.told(StoreFailed)) == 1


async def test_nothing_is_submitted_when_an_earlier_commit_of_the_step_failed(shell):
    shell.store.fail = {"save_freeze"}

    await perform(shell.hands, [SaveFreeze(EventId("1"), "why"), CarryOut(act())])

    assert named(shell.log, "save_act", "merge") == []
    assert told(shell).state is ActState.NOT_SENT


async def test_a_wallet_that_cannot_be_reached_means_that_nothing_was_sent(shell):
    shell.chain.shut = ChainUnavailableError("expected access to the wallet, found none")

    await perform(shell.hands, [CarryOut(act())])
    await settled(lambda: bool(shell.told(ActEnded)))

    assert told(shell) == ActOutcome(ActState.NOT_SENT, "", "expected access to the wallet, found none")


async def test_a_fault_of_ours_while_it_was_under_way_is_an_unknown_outcome(shell):
    shell.chain.outcome = RuntimeError("ours")

    await perform(shell.hands, [CarryOut(act())])
    await settled(lambda: bool(shell.told(ActEnded)))

    assert told(shell).state is ActState.UNKNOWN


async def test_a_desk_without_a_wallet_refuses_every_act(shell):
    desk = ChainDesk(
        open_chain=None,
        store=shell.store,
        clock=shell.clock,
        metrics=shell.metrics,
        tasks=shell.tasks,
        post=shell.mail.append,
    )

    await desk.carry_out(CarryOut(act()))
    await settled(lambda: bool(shell.told(ActEnded)))

    assert told(shell).state is ActState.NOT_SENT


async def test_an_act_that_a_stop_cuts_short_stays_stored_as_intended(shell):
    begun = asyncio.Event()

    async def hangs(_condition, _size):
        begun.set()
        await asyncio.Event().wait()

    shell.chain.merge = hangs
    await perform(shell.hands, [CarryOut(act())])
    await begun.wait()

    await shell.tasks.drain(0)

    assert shell.store.acts == [act()]
    assert not shell.told(ActEnded)


async def test_how_far_an_act_has_come_is_stored(shell):
    await perform(shell.hands, [SaveAct(act())])

    assert shell.store.acts == [act()]

"""Named timers: one of each name, fired once, gone when stopped."""

from engine.clock import ManualClock
from engine.domain.events import TimerDue
from engine.domain.units import Ms
from engine.runtime.timers import Timers
from tests.support.builders import NOW
from tests.support.fake_ports import settled


def made():
    mail: list[TimerDue] = []
    return Timers(ManualClock(), mail.append), mail


async def test_a_timer_fires_once_under_its_name():
    timers, mail = made()
    timers.set("kill", Ms(NOW))
    await settled(lambda: bool(mail))

    assert mail == [TimerDue(NOW, "kill")]


async def test_a_timer_whose_time_has_passed_fires_at_once():
    timers, mail = made()
    timers.set("lookup:1", Ms(NOW - 60_000))
    await settled(lambda: bool(mail))

    assert [due.name for due in mail] == ["lookup:1"]


async def test_setting_a_name_again_replaces_the_timer():
    timers, mail = made()
    timers.set("ticket:T-AAAAAA", Ms(NOW))
    timers.set("ticket:T-AAAAAA", Ms(NOW + 3_600_000))
    timers.set("end", Ms(NOW))
    await settled(lambda: bool(mail))

    assert [due.name for due in mail] == ["end"]
    timers.stop()


async def test_a_timer_brought_forward_fires_at_the_new_time():
    timers, mail = made()
    timers.set("kill", Ms(NOW + 3_600_000))
    timers.set("kill", Ms(NOW))
    await settled(lambda: bool(mail))

    assert len(mail) == 1


async def test_timers_of_different_names_do_not_touch_each_other():
    timers, mail = made()
    for name in ("a", "b", "c"):
        timers.set(name, Ms(NOW))
    await settled(lambda: len(mail) == 3)

    assert {due.name for due in mail} == {"a", "b", "c"}


async def test_stopped_timers_never_fire():
    timers, mail = made()
    timers.set("kill", Ms(NOW))
    timers.stop()
    late, told = made()
    late.set("end", Ms(NOW))
    await settled(lambda: bool(told))

    assert mail == []


async def test_a_timer_may_be_set_again_from_its_own_event():
    mail: list[TimerDue] = []
    clock = ManualClock()

    def post(due: TimerDue) -> None:
        mail.append(due)
        if len(mail) < 4:
            timers.set("feed", clock.now_ms())

    timers = Timers(clock, post)
    timers.set("feed", clock.now_ms())
    await settled(lambda: len(mail) == 4)

    assert len(mail) == 4

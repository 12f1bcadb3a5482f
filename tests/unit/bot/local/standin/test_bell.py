import asyncio

from bot.local.standin.bell import Bell

LONG_S = 30.0


async def test_bell_wakes_all_who_wait():
    bell = Bell()
    waiters = [asyncio.create_task(bell.wait(LONG_S)) for _ in range(3)]
    await asyncio.sleep(0)

    bell.ring()

    async with asyncio.timeout(5):
        await asyncio.gather(*waiters)


async def test_bell_returns_after_the_time_without_a_ring():
    bell = Bell()

    await bell.wait(0.001)


async def test_bell_does_not_remember_old_rings():
    bell = Bell()
    bell.ring()
    waiter = asyncio.create_task(bell.wait(LONG_S))
    await asyncio.sleep(0)
    waiting_on = not waiter.done()

    bell.ring()
    async with asyncio.timeout(5):
        await waiter

    assert waiting_on


async def test_bell_rung_twice_wakes_a_waiter_of_each_ring():
    bell = Bell()
    woken = []

    async def wait(name):
        await bell.wait(LONG_S)
        woken.append(name)

    first = asyncio.create_task(wait("first"))
    await asyncio.sleep(0)
    bell.ring()
    second = asyncio.create_task(wait("second"))
    async with asyncio.timeout(5):
        await first
        await asyncio.sleep(0)
        bell.ring()
        await second

    assert woken == ["first", "second"]


async def test_bell_closed_wakes_who_waits_and_keeps_nobody_waiting():
    bell = Bell()
    waiter = asyncio.create_task(bell.wait(LONG_S))
    await asyncio.sleep(0)

    bell.close()

    async with asyncio.timeout(5):
        await waiter
        await bell.wait(LONG_S)
    assert bell.closed

"""Planners and detectors as they are usually written: the reference lines of the planner's rows.

They know one thing less than ours: fees are not rounded, so their answers are at most one step of 10
micro-dollars for each level apart. No minimum, no cap, no lot.
"""

import heapq
from collections.abc import Sequence
from decimal import Decimal

Ladder = Sequence[tuple[Decimal, Decimal]]
"""Price and size of a leg's levels, cheapest first."""
RATE = Decimal("0.04")
ONE = Decimal(1)
SET_COST = 10**10
"""What a set pays, in 1e-10 USDC."""


def all_in(price: Decimal) -> Decimal:
    """What a share costs with its fee."""
    return price + RATE * price * (ONE - price)


def rewalk(ladders: Sequence[Ladder]) -> Decimal:
    """The best profit, every leg walked from its first level for every size at which any level ends."""
    best = Decimal(0)
    depth = min(sum((size for _, size in ladder), Decimal(0)) for ladder in ladders)
    ends = set()
    for ladder in ladders:
        end = Decimal(0)
        for _, size in ladder:
            end += size
            ends.add(min(end, depth))
    for end in sorted(ends):
        cost = Decimal(0)
        for ladder in ladders:
            left = end
            for price, size in ladder:
                taken = min(left, size)
                cost += taken * all_in(price)
                left -= taken
                if not left:
                    break
        best = max(best, end - cost)
    return best


def early_stop(ladders: Sequence[Ladder]) -> Decimal:
    """The best profit, level by level together, until the next level costs more than the set pays."""
    places = [0] * len(ladders)
    left = [ladder[0][1] for ladder in ladders]
    profit = Decimal(0)
    while True:
        edge = ONE - sum((all_in(ladder[place][0]) for ladder, place in zip(ladders, places, strict=True)))
        if edge <= 0:
            return profit
        step = min(left)
        profit += edge * step
        for number, ladder in enumerate(ladders):
            left[number] -= step
            if not left[number]:
                places[number] += 1
                if places[number] == len(ladder):
                    return profit
                left[number] = ladder[places[number]][1]


def heap_walk(ladders: Sequence[Sequence[tuple[int, int]]], costs: Sequence[int]) -> int:
    """The same over integers in 1e-12 USDC, with a heap of where levels end and a table of all-in prices.

    About the fastest that plain Python does: nothing is rounded, bounded or told apart from the profit.
    """
    slope = SET_COST - sum(costs[ladder[0][0]] for ladder in ladders)
    if slope <= 0:
        return 0
    ends = [(ladder[0][1], number, 0) for number, ladder in enumerate(ladders)]
    heapq.heapify(ends)
    profit = at = 0
    while slope > 0:
        end, number, place = ends[0]
        profit += (end - at) * slope
        at = end
        ladder = ladders[number]
        if place + 1 == len(ladder):
            break
        (price, _), (following, size) = ladder[place], ladder[place + 1]
        slope -= costs[following] - costs[price]
        heapq.heapreplace(ends, (end + size, number, place + 1))
    return profit

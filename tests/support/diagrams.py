"""The state machines of the code as one page of drawings and tables: docs/state-machines.md.

Everything on that page comes from the tables which the code itself runs on, so page and code cannot differ:
`tests/architecture/test_docs.py` compares them. Write the page anew with `python -m tests.support.diagrams`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from engine.core.feed import table as feed_table
from engine.core.halts import venue_watch
from engine.domain.order import TRANSITIONS, OrderState
from engine.domain.ticket import MOVES, TicketState
from engine.domain.venue_state import VenueState
from tests.support.tree import ROOT

PAGE = ROOT / "docs" / "state-machines.md"
COMMAND = ".venv/bin/python -m tests.support.diagrams"
HEAD = f"""# State machines

Drawn from the tables of the code; nothing here is typed by hand. When a table changes, write this page anew:

    {COMMAND}

Arrows from a state to itself are left out of the drawings and stand in the tables."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: its table, what a reader must know, and what the drawing may leave to words."""

    title: str
    source: str
    text: str
    table: Mapping[Any, Enum]
    start: tuple[Enum, ...]
    ends: tuple[Enum, ...]
    group: tuple[Enum, ...]
    """Arrows that all of these share, to a state outside, are told in one sentence instead of drawn."""


MACHINES = (
    Machine(
        title="Order",
        source="engine.domain.order.TRANSITIONS",
        text="""\
Where one order stands at the venue, as far as is proven. Evidence moves it; an absent pair is evidence older
than the state and changes nothing. Final states still move on a late fill or a late sight of the order: such
facts are rows of the table, not surprises.""",
        table=TRANSITIONS,
        start=(OrderState.SENDING,),
        ends=tuple(state for state in OrderState if state.is_final),
        group=tuple(s for s in OrderState if not s.is_final),
    ),
    Machine(
        title="Ticket",
        source="engine.domain.ticket.MOVES",
        text="""\
One dry, confirm, send flow of one operator. An absent pair is a refusal: the button is older than the ticket.
The ledger enforces every move again with a conditional update.""",
        table=MOVES,
        start=(TicketState.DRY,),
        ends=tuple(s for s in TicketState if not s.is_open and s is not TicketState.SENDING),
        group=(TicketState.DRY, TicketState.ARMED),
    ),
    Machine(
        title="Feed",
        source="engine.core.feed.table.TRANSITIONS",
        text="""\
How far one token's book can be trusted; only LIVE may be planned on. The pairs of
`engine.core.feed.table.IMPOSSIBLE` cannot happen and are asserted; with this table they cover every pair.""",
        table=feed_table.TRANSITIONS,
        start=(feed_table.FeedState.WAITING, feed_table.FeedState.DOWN),
        ends=(),
        group=tuple(s for s in feed_table.FeedState if s is not feed_table.FeedState.DOWN),
    ),
    Machine(
        title="Venue",
        source="engine.core.halts.venue_watch.TRANSITIONS",
        text="""\
What the venue takes, from its answers and the time they name. Plain orders leave in RUN only, post-only
ones in POST_ONLY, too, cancels everywhere but in DOWN. An absent pair is a sign older than the state and
changes nothing.""",
        table=venue_watch.TRANSITIONS,
        start=(VenueState.RUN,),
        ends=(),
        group=tuple(s for s in VenueState if s is not VenueState.DOWN),
    ),
)


def lower(value: Enum) -> str:
    return value.name.lower().replace("_", " ")


def shared_arrows(machine: Machine) -> dict[Enum, Enum]:
    """Return cause and state after of the arrows that leave every state of the group alike."""
    first = machine.group[0]
    return {
        cause: after
        for (state, cause), after in machine.table.items()
        if state is first
        and after not in machine.group
        and all(machine.table.get((other, cause)) is after for other in machine.group)
    }


def drawing(machine: Machine) -> list[str]:
    """Return a mermaid state diagram; causes that lead the same way share one arrow."""
    shared = shared_arrows(machine)
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, cause), after in machine.table.items():
        told = state in machine.group and cause in shared
        if after is not state and not told:
            arrows.setdefault((state.name, after.name), []).append(lower(cause))
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state.name}" for state in machine.start]
    lines += [f"    {here} --> {there}: {', '.join(causes)}" for (here, there), causes in arrows.items()]
    lines += [f"    {state.name} --> [*]" for state in machine.ends]
    return [*lines, "```"]


def told_apart(machine: Machine) -> str:
    """Return the sentence for the arrows that are not drawn."""
    states = ", ".join(state.name for state in machine.group)
    moves = "; ".join(f"{lower(cause)} → {after.name}" for cause, after in shared_arrows(machine).items())
    return f"Not drawn, because every one of {states} has them: {moves}."


def listing(machine: Machine) -> list[str]:
    """Return the whole table, one row per state."""
    lines = ["| from | cause → state after |", "|---|---|"]
    for here in dict.fromkeys(state for state, _ in machine.table):
        moves = [f"{lower(cause)} → {after.name}" for (s, cause), after in machine.table.items() if s is here]
        lines.append(f"| {here.name} | {'; '.join(moves)} |")
    return lines


def section(machine: Machine) -> str:
    return "\n".join(
        [
            f"## {machine.title}",
            "",
            f"Table: `{machine.source}`.",
            machine.text,
            "",
            *drawing(machine),
            "",
            told_apart(machine),
            "",
            *listing(machine),
        ]
    )


def page(machines: Iterable[Machine] = MACHINES) -> str:
    """Return the whole page."""
    return "\n\n".join([HEAD, *map(section, machines)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""Progress bars of a catalogue read on standard error; nothing is drawn where no person is looking."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from engine.venue.catalogue_calls import Progress as Done
from engine.venue.catalogue_calls import Step, Told


@contextmanager
def shown_progress() -> Iterator[Told]:
    """Give the callback that draws one bar per step until the block is left."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=console, disable=not console.is_terminal)
    tasks: dict[Step, TaskID] = {}

    def told(done: Done) -> None:
        if done.step not in tasks:
            for earlier in bars.tasks:  # a step whose end nobody knew has ended when the next begins
                bars.update(earlier.id, total=earlier.completed)
            tasks[done.step] = bars.add_task(done.step.value, total=None)
        bars.update(tasks[done.step], completed=done.done, total=done.total)

    with bars:
        yield told

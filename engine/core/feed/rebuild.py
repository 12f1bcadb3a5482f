"""Joining a snapshot to the changes that arrived around it, proven by the checksum. Pure.

A REST book and the stream are two pipes: the book may be older or newer than changes already seen, and
several changes share one venue millisecond. Time narrows where they join; only a checksum decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.core.feed.book import Book, BookFault
from engine.domain.frames import BookSnapshot, LevelChange
from engine.domain.units import Ms


class Stamp(NamedTuple):
    """The venue's word on a whole book: when, in which wire text, and its checksum."""

    venue_ms: Ms
    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class Held:
    """One token's part of a `price_change` that came while there was no book to apply it to."""

    stamp: Stamp
    changes: tuple[LevelChange, ...]


def stamp_of(snapshot: BookSnapshot) -> Stamp:
    """Return what a snapshot says of itself."""
    return Stamp(snapshot.venue_ms, snapshot.timestamp_text, snapshot.hash)


def rebuild(base: Book, base_ms: Ms, held: Sequence[Held], proves: Callable[[Book], bool]) -> Book | None:
    """Return `base` with the held changes that it lacks, or None if no choice of them is proven.

    Changes older than the base are in it, newer ones are not; those of its own millisecond may be either,
    so each place among them is tried. `held` must be in the order of arrival with times not decreasing.
    """
    oldest = sum(1 for part in held if part.stamp.venue_ms < base_ms)
    newest = sum(1 for part in held if part.stamp.venue_ms <= base_ms)
    for start in range(newest, oldest - 1, -1):
        candidate = base.copy()
        if _apply_all(candidate, held[start:]) and proves(candidate):
            return candidate
    return None


def _apply_all(book: Book, parts: Sequence[Held]) -> bool:
    """Apply every change; False if one is off the grid. An unknown removal is left to the checksum."""
    return all(
        book.apply(change.side, change) is not BookFault.OFF_GRID for part in parts for change in part.changes
    )

"""Switches of how the venue behaves where its pages leave a choice, or where a drill wants another one."""

from dataclasses import dataclass


@dataclass(slots=True)
class Conduct:
    """The usual behaviour unless told otherwise."""

    repost_succeeds: bool = False
    """A signed order that came before is answered with success and its id, not as duplicated."""
    documented_cancel_reasons: bool = False
    """`not_canceled` tells "not found" from "already canceled or matched", as the pages have it."""
